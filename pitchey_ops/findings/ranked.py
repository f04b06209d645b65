"""Which services are the likeliest places of the fault?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from ..frames import UTC_MS, Frames
from ..models.finding import RuleResult, Severity
from ..models.report import Suspect
from .case import ERROR_LEVELS, Case, observation_ids
from .suspects import Suspect as Accused
from .suspects import merged, rank_suspects, suspects

RULE = "suspects"
_KEPT = "_ranked_suspects"
ERRORS_MIN = 10
MOSTLY = 0.3
"""Part of all error entries since the onset that must be one service's, before it is suspected without a past."""
USUAL = (0.5, 50.0)
"""Error entries among entries that are taken as usual where nothing of a service's past was seen."""
MOST_NATS = 12.0
"""No more than this speaks against a service whose past was not read (odds of 160,000 to one)."""
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
    result = suspects(_whole(case), _ranked(case))
    if not isinstance(result, list):
        return result
    return [replace(finding, severity=Severity.INFO, signals=()) for finding in result]


def suspects_of(case: Case) -> tuple[Suspect, ...]:
    """Return the suspects of *case*, best first, at most five; ``because`` names this rule's findings."""
    return tuple(
        Suspect(service=s.service, score=s.score, because=(f"{RULE}/{place}",))
        for place, s in enumerate(_ranked(case)[:5], start=1)
    )


def _ranked(case: Case) -> Sequence[Accused]:
    """Return who is suspected; kept with the case, as its own cached properties are, for whoever asks again."""
    kept: Sequence[Accused] | None = vars(case).get(_KEPT)
    if kept is None:
        when = _when(case)
        ranked = [] if when is None else rank_suspects(_whole(case), alert_at=when[0], onset=when[1])
        kept = vars(case)[_KEPT] = [] if when is None else merged(ranked, _unread(case))
    return kept


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


def _unread(case: Case) -> list[Accused]:
    """
    Return services whose past was not read, and whose entries since the onset are errors as nobody else's are.

    The service that fails logs most, so that its part of the archive is what a run has no time to read back beyond
    the onset: left out for having no past, it would leave the suspicion to its neighbours. Its past is taken from
    whatever older entries were seen, or else from what is usual: hardly any error.
    """
    since = case.frames.log_seen_from
    if not since or case.onset is None:
        return []
    wrong = pl.col("level").is_in(list(ERROR_LEVELS))
    late = [name for name, start in since.items() if start > case.onset.at - BEFORE]
    logs = case.frames.logs.filter(pl.col("at") < case.end)
    after, before = logs.filter(pl.col("at") >= case.onset.at), logs.filter(pl.col("at") < case.onset.at - BEFORE)
    everybodys = after.filter(wrong).height
    found = []
    for name in sorted(late):
        mine, past = (part.filter(pl.col("service") == name) for part in (after, before))
        k, n = mine.filter(wrong).height, mine.height
        k_0, n_0 = past.filter(wrong).height + USUAL[0], past.height + USUAL[1]
        if k < ERRORS_MIN or k < MOSTLY * everybodys or k / n <= 2 * k_0 / n_0:
            continue
        weight = min(MOST_NATS, k * math.log((k / n) / (k_0 / n_0)))
        text = mine.filter(wrong).group_by("message").len().sort(["len", "message"], descending=[True, False])
        example = (text.get_column("message")[0] or "")[:120]
        found.append(
            Accused(
                service=name,
                score=round(1.0 - math.exp(-weight / 10.0), 6),
                weight=round(weight, 6),
                parts={"errors": round(weight, 6)},
                because=(f"{k} of its {n} entries since then are errors, {k / everybodys:.0%} of all: “{example}”.",),
                evidence=observation_ids(mine),
            )
        )
    return found


def _when(case: Case) -> tuple[datetime, tuple[datetime, float] | None] | None:
    """Return the alert's time, or what stands in for it, and the onset where it is not the suspects' own."""
    if case.alert_at is not None:
        return case.alert_at, None if case.onset is None else (case.onset.at, case.onset.uncertainty_s)
    if case.look is not None:
        return case.look.at, (case.look.at, case.look.half_s)
    if case.onset is not None:
        return case.onset.at, (case.onset.at, case.onset.uncertainty_s)
    return None
