"""Which services are the likeliest places of the fault?"""

from __future__ import annotations

from dataclasses import replace

from ..models.finding import RuleResult, Severity
from ..models.report import Suspect
from .case import Case
from .suspects import rank_suspects, suspects

RULE = "suspects"


def ranked(case: Case) -> RuleResult:
    """
    Report up to five suspects; they name places, not causes, and give no signal.

    Without an onset nobody is suspected: everything is compared with the time before it.
    """
    if case.onset is None:
        return []
    known = (case.onset.at, case.onset.uncertainty_s)
    result = suspects(case.frames, alert_at=case.alert_at or case.onset.at, onset=known)
    if not isinstance(result, list):
        return result
    return [replace(finding, severity=Severity.INFO, signals=()) for finding in result]


def suspects_of(case: Case) -> tuple[Suspect, ...]:
    """Return the suspects of *case*, best first, at most ten; ``because`` names this rule's findings."""
    if case.onset is None:
        return ()
    known = (case.onset.at, case.onset.uncertainty_s)
    found = rank_suspects(case.frames, alert_at=case.alert_at or case.onset.at, onset=known)[:10]
    return tuple(
        Suspect(service=s.service, score=s.score, because=(f"{RULE}/{place}",) if place <= 5 else ())
        for place, s in enumerate(found, start=1)
    )
