"""Which services are the likeliest places of the fault?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ..models.finding import RuleResult, Severity
from ..models.report import Suspect
from .case import Case
from .suspects import rank_suspects, suspects

RULE = "suspects"
_KEPT = "_ranked_suspects"


def ranked(case: Case) -> RuleResult:
    """
    Report up to five suspects; they name places, not causes, and give no signal.

    Everything is compared with the time before the onset. Without one nobody is suspected, except in a
    recorded case, where the best-founded look stands in for an alert.
    """
    when = _when(case)
    if when is None:
        return []
    result = suspects(case.frames, alert_at=when[0], onset=when[1])
    if not isinstance(result, list):
        return result
    return [replace(finding, severity=Severity.INFO, signals=()) for finding in result]


def suspects_of(case: Case) -> tuple[Suspect, ...]:
    """
    Return the suspects of *case*, best first, at most ten; ``because`` names this rule's findings.

    Kept with the case, as its own cached properties are, for the next runbook that analyses it.
    """
    kept = vars(case).get(_KEPT)
    if kept is None:
        kept = vars(case)[_KEPT] = _ranked(case)
    return tuple(kept)


def _ranked(case: Case) -> tuple[Suspect, ...]:
    when = _when(case)
    if when is None:
        return ()
    found = rank_suspects(case.frames, alert_at=when[0], onset=when[1])[:10]
    return tuple(
        Suspect(service=s.service, score=s.score, because=(f"{RULE}/{place}",) if place <= 5 else ())
        for place, s in enumerate(found, start=1)
    )


def _when(case: Case) -> tuple[datetime, tuple[datetime, float] | None] | None:
    """Return the alert's time, or what stands in for it, and the onset where it is not the suspects' own."""
    if case.alert_at is not None:
        return case.alert_at, None if case.onset is None else (case.onset.at, case.onset.uncertainty_s)
    if case.look is not None:
        return case.look.alert_at, None
    if case.onset is not None:
        return case.onset.at, (case.onset.at, case.onset.uncertainty_s)
    return None
