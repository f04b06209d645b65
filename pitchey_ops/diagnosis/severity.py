"""How bad it is, P1 to P4, from the impact; the words are those of the written runbook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..models.report import Impact, SeverityLevel
from .hypotheses import Hypothesis

PROMISES_MINUTES: dict[SeverityLevel, int | None] = {"P1": 15, "P2": 60, "P3": 240, "P4": None}
"""Minutes until somebody must have responded; P4 means by the next business day (runbook, Response Times)."""

TOTAL_SHARE = 0.5
MAJOR_SHARE = 0.05
MINOR_SHARE = 0.01
"""Failing shares of all requests at which an incident counts as total, major and minor."""


def severity(
    *,
    impact: Impact,
    signals: Mapping[str, tuple[float, str]],
    leader: Hypothesis | None,
    hurt: bool,
    unseen: Sequence[str] = (),
) -> tuple[SeverityLevel, str]:
    """
    Return the severity and the reason for it in one sentence.

    An unknown impact is never read as none: without any figure an incident is at least P3, and so is a run
    that could not see what it needed (*unseen*, in words).
    """
    share = impact.requests_failing_share
    if "api_unreachable" in signals:
        return "P1", "the API does not answer from outside"
    if share is not None and share >= TOTAL_SHARE:
        return "P1", f"{share:.0%} of all requests fail"
    if "success_after_failures" in signals:
        return "P1", "somebody got in after many failed tries: a security breach until shown otherwise"
    floor: SeverityLevel = "P4"
    if leader is not None and leader.id != "none":
        floor = leader.severity_floor  # type: ignore[assignment]
    if share is not None and share >= MAJOR_SHARE:
        return worst(("P2", floor)), f"{share:.0%} of all requests fail"
    if share is not None and share >= MINOR_SHARE and hurt:
        return worst(("P3", floor)), f"{share:.1%} of all requests fail"
    if "latency_high" in signals:
        return worst(("P3", floor)), "answers are clearly slower than before"
    if leader is not None and leader.id != "none" and hurt:
        return worst(("P3", floor)), f"{leader.title}, and users notice"
    if leader is not None and leader.id != "none":
        seen = "requests fail no more often than before" if "users_not_failing" in signals else "no user was seen hurt"
        return worst(("P3", floor)), f"{leader.title}; {seen}"
    if hurt:
        return "P3", "users are hurt; how many could not be told"
    if unseen:
        return "P3", f"nobody was seen to be hurt, but not everything was seen: {'; '.join(unseen)}"
    return "P4", "no user was seen to be hurt"


def worst(levels: Iterable[SeverityLevel | None]) -> SeverityLevel:
    """Return the most severe of *levels* (P1 before P4); P4 when there is none."""
    return min((level for level in levels if level is not None), default="P4")
