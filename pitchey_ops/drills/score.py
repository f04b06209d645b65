"""How good verdicts are, counted over many played variants."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import Any

from ..runbooks.catalogue import SELDOM_SEEN
from .play import Played

Z_95 = 1.959963984540054
"""Quantile of the normal distribution for a two-sided interval of 95 %."""
BINS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Edges of the reliability table's classes of confidence."""


def is_control(played: Played) -> bool:
    """Return whether nothing was wrong."""
    return played.truth.cause == "none"


def is_blind(played: Played) -> bool:
    """
    Return whether nothing was wrong, and the runbook could not know: it needs what ordinary operation hides from it.

    APM keeps its newest thousand points of all metrics together (contract, traps 9 and 12), so that Web Vitals, the
    database's figures and the arrival of metrics are seldom seen; ``healthy`` would be an all-clear without having
    looked. That holds for these needs alone, whatever else was not seen.
    """
    return is_control(played) and any(need.words in played.unmet for need in SELDOM_SEEN)


def is_unsettled(played: Played) -> bool:
    """Return whether the verdict says that something may be wrong and names no cause."""
    return played.verdict.state != "healthy" and played.verdict.cause is None


def is_right(played: Played) -> bool:
    """
    Return whether the verdict is the right one.

    The true cause is named; or nothing can settle it and none is named; or nothing was wrong and the
    verdict is ``healthy``, or left open where the runbook could not look (`is_blind`).
    """
    if is_blind(played):
        return played.verdict.state == "inconclusive"
    if is_control(played):
        return played.verdict.state == "healthy"
    if played.truth.inconclusive_is_right:
        return is_unsettled(played)
    return played.verdict.state == "incident" and played.verdict.cause == played.truth.cause


def is_among_three(played: Played) -> bool:
    """Return whether the verdict is right or the true cause is among its first three hypotheses."""
    return is_right(played) or (played.place is not None and played.place <= 3)


def onset_error_s(played: Played) -> float | None:
    """Return how far the verdict's onset is from the true one in seconds, None where either has none."""
    if played.truth.onset_ms is None or played.verdict.onset is None:
        return None
    return abs(played.verdict.onset.timestamp() - played.truth.onset_ms / 1000)


def score(played: Iterable[Played]) -> dict[str, Any]:
    """
    Count one set of verdicts, in all and by runbook.

    Returns
    -------
    dict
        ``cases`` (verdicts where something was wrong), ``correct`` (cause named first; where nothing can
        settle it, none named), ``top3``, ``false_healthy``, ``controls`` (verdicts where nothing was wrong and
        the runbook could know it, see `is_blind`), ``controls_healthy`` of them, ``controls_incident`` (of all
        verdicts where nothing was wrong), ``inconclusive_right`` (of the cases that nothing can settle, and of
        what a runbook was blind for, those left open), ``onset_error_s_median`` (over the cases with an onset;
        None without any), and ``by_runbook``: the same for each.
    """
    every = list(played)
    names = sorted({one.runbook for one in every})
    return {
        **_counts(every),
        "by_runbook": {name: _counts([one for one in every if one.runbook == name]) for name in names},
    }


def _counts(played: Sequence[Played]) -> dict[str, Any]:
    cases = [one for one in played if not is_control(one)]
    harmless = [one for one in played if is_control(one)]
    controls = [one for one in harmless if not is_blind(one)]
    errors = [error for one in cases if (error := onset_error_s(one)) is not None]
    return {
        "cases": len(cases),
        "correct": sum(map(is_right, cases)),
        "top3": sum(map(is_among_three, cases)),
        "false_healthy": sum(one.verdict.state == "healthy" for one in cases),
        "controls": len(controls),
        "controls_incident": sum(one.verdict.state == "incident" for one in harmless),
        "controls_healthy": sum(one.verdict.state == "healthy" for one in controls),
        "inconclusive_right": sum(is_unsettled(one) for one in cases if one.truth.inconclusive_is_right)
        + sum(is_right(one) for one in harmless if is_blind(one)),
        "onset_error_s_median": round(median(errors), 1) if errors else None,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Class:
    """
    Verdicts of about one confidence: how many, their mean confidence, and the share that was right.

    ``low`` and ``high`` bound that share with 95 % (Wilson).
    """

    above: float
    to: float
    verdicts: int
    confidence: float
    right: float
    low: float
    high: float


def reliability(played: Iterable[Played], edges: Sequence[float] = BINS) -> list[Class]:
    """
    Return how often verdicts of each confidence were right; classes without a verdict are left out.

    Verdicts that name no cause claim nothing and are not counted. Several runbooks' verdicts about one
    variant are not independent, so that only the first of each variant counts.
    """
    first: dict[tuple[str, int], Played] = {}
    for one in played:
        first.setdefault((one.scenario, one.seed), one)
    named = [one for one in first.values() if one.verdict.cause is not None]
    classes = []
    for above, to in pairwise(edges):
        within = [one for one in named if above < one.verdict.confidence <= to]
        if not within:
            continue
        hits = sum(map(is_right, within))
        low, high = wilson(hits, len(within))
        classes.append(
            Class(
                above=above,
                to=to,
                verdicts=len(within),
                confidence=fmean(one.verdict.confidence for one in within),
                right=hits / len(within),
                low=low,
                high=high,
            )
        )
    return classes


def wilson(hits: int, of: int, z: float = Z_95) -> tuple[float, float]:
    """
    Return the Wilson score interval of a share (E. B. Wilson, JASA 22, 1927).

    Raises
    ------
    ValueError
        *of* is not positive or *hits* is not within it.
    """
    if not 0 <= hits <= of or of == 0:
        raise ValueError(f"{hits} of {of} is no share")
    share = hits / of
    middle = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    whole = 1 + z * z / of
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)
