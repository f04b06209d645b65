"""Findings become weights of evidence for and against every hypothesis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from ..models.finding import Finding, NotChecked
from ..models.report import HypothesisScore
from .hypotheses import HYPOTHESES, Hypothesis
from .signals import check

TEMPERATURE = 1.0
"""
Divides the sum before it becomes a probability. 1 is plain naive Bayes; more makes verdicts less sure. The
reliability table of ``pitchey-ops drill all`` tells whether verdicts at 0.9 are right nine times in ten.
"""

UNLISTED = 0.01
"""Share of the confidence that is kept for a cause that stands in no catalogue."""
TELLING = 10.0
"""A signal of so many decibans or more for a hypothesis is what one would expect to see under it."""
ABSENT = 9.0
"""Decibans against a hypothesis when rules that could give a telling signal of it looked, and none did."""


def strongest(findings: Iterable[Finding]) -> dict[str, tuple[float, str]]:
    """
    Return for each signal its greatest strength (0-1) and the finding that gave it.

    Several findings may give one signal (a failing share seen at the edge and in the logs): they are
    the same fact seen twice, so only the strongest counts.
    """
    best: dict[str, tuple[float, str]] = {}
    for finding in sorted(findings, key=lambda f: f.id):
        for signal in finding.signals:
            check(signal.name)
            strength = min(1.0, max(0.0, signal.strength))
            if strength > best.get(signal.name, (0.0, ""))[0]:
                best[signal.name] = (strength, finding.id)
    return best


def weigh(
    findings: Sequence[Finding],
    not_checked: Sequence[NotChecked],
    *,
    speaks: Mapping[str, Sequence[str]],
    hypotheses: Sequence[Hypothesis] = HYPOTHESES,
) -> tuple[HypothesisScore, ...]:
    """
    Score every hypothesis, best first.

    Parameters
    ----------
    findings
        What the rules found; order does not matter.
    not_checked
        Rules that could not be applied.
    speaks
        Rule name -> signals that it can give: tells which unchecked rules a hypothesis misses.

    Returns
    -------
    tuple of HypothesisScore
        ``weight`` in decibans with the prior, lowered by `ABSENT` where rules looked in vain; ``confidence``
        is the posterior share, 0-1, over all hypotheses at `TEMPERATURE`, all together 1 - `UNLISTED`. Ties are
        in the order of the catalogue.
    """
    seen = strongest(findings)
    missing = {item.rule for item in not_checked}
    rows = []
    for hypothesis in hypotheses:
        by_finding: dict[str, float] = {}
        for name, decibans in hypothesis.weighs.items():
            if name in seen and decibans:
                strength, finding = seen[name]
                by_finding[finding] = by_finding.get(finding, 0.0) + decibans * strength
        parts = sorted(by_finding.items(), key=lambda item: (-abs(item[1]), item[0]))
        unchecked = tuple(sorted(rule for rule in missing if any(s in hypothesis.weighs for s in speaks.get(rule, ()))))
        weight = hypothesis.prior + sum(value for _, value in parts)
        if _looked_in_vain(hypothesis, seen, missing, speaks):
            weight -= ABSENT
        rows.append((hypothesis, weight, parts, unchecked))
    top = max(weight for _, weight, _, _ in rows)
    odds = [math.pow(10.0, (weight - top) / (10.0 * TEMPERATURE)) for _, weight, _, _ in rows]
    total = sum(odds)
    scores = [
        HypothesisScore(
            id=hypothesis.id,
            weight=weight,
            confidence=(1.0 - UNLISTED) * odd / total,
            for_=tuple(finding for finding, value in parts if value > 0),
            against=tuple(finding for finding, value in parts if value < 0),
            not_checked=unchecked,
            parts=tuple(parts),
        )
        for (hypothesis, weight, parts, unchecked), odd in zip(rows, odds, strict=True)
    ]
    return tuple(sorted(scores, key=lambda score: -score.weight))


def _looked_in_vain(
    hypothesis: Hypothesis,
    seen: Mapping[str, tuple[float, str]],
    missing: set[str],
    speaks: Mapping[str, Sequence[str]],
) -> bool:
    """Whether none of the hypothesis' telling signals was seen although a rule that gives one could look."""
    telling = {name for name, decibans in hypothesis.weighs.items() if decibans >= TELLING}
    if not telling or telling & set(seen):
        return False
    return any(rule not in missing and telling & set(signals) for rule, signals in speaks.items())
