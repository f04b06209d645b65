"""Which services are the likeliest places of the fault?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from ..frames import UTC_MS, Frames
from ..models.finding import RuleResult, Severity
from ..models.report import Suspect
from .case import Case
from .suspects import rank_suspects, suspects

RULE = "suspects"
_KEPT = "_ranked_suspects"
BEFORE = timedelta(minutes=2)
"""A service whose entries are all there for less than this before the onset has nothing to be compared with."""


def ranked(case: Case) -> RuleResult:
    """
    Report up to five suspects; they name places, not causes, and give no signal.

    Everything is compared with the time before the onset. Without one nobody is suspected, except in a
    recorded case, where the best-founded look stands in for an alert.
    """
    when = _when(case)
    if when is None:
        return []
    result = suspects(_whole(case), alert_at=when[0], onset=when[1])
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
    found = rank_suspects(_whole(case), alert_at=when[0], onset=when[1])[:10]
    return tuple(
        Suspect(service=s.service, score=s.score, because=(f"{RULE}/{place}",) if place <= 5 else ())
        for place, s in enumerate(found, start=1)
    )


def _whole(case: Case) -> Frames:
    """
    Return the frames with the log entries of those services alone that were seen without a gap since before the onset.

    What an archive that was read in part does not hold would look like lines that vanished, or came up anew.
    """
    since = case.frames.log_seen_from
    if not since or case.onset is None:
        return case.frames
    late = [name for name, start in since.items() if start > case.onset.at - BEFORE]
    seen_from = pl.col("service").replace_strict(list(since), list(since.values()), default=None, return_dtype=UTC_MS)
    logs = case.frames.logs.filter(~pl.col("service").is_in(late) & (seen_from.is_null() | (pl.col("at") >= seen_from)))
    return replace(case.frames, logs=logs)


def _when(case: Case) -> tuple[datetime, tuple[datetime, float] | None] | None:
    """Return the alert's time, or what stands in for it, and the onset where it is not the suspects' own."""
    if case.alert_at is not None:
        return case.alert_at, None if case.onset is None else (case.onset.at, case.onset.uncertainty_s)
    if case.look is not None:
        return case.look.alert_at, None
    if case.onset is not None:
        return case.onset.at, (case.onset.at, case.onset.uncertainty_s)
    return None
