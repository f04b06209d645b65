"""What the days of this set share: the small scraps that every production has, and how a day is named."""

from __future__ import annotations

from typing import Any

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Entry, Fault, Slow, Span
from ....platform import BROWSERS
from ....scenario import Scenario, Steps
from ..third_sight._parts import DESKS, EVERY_AGENT, LOGIN, READ, around, at_hour, audited, homes, onward, told, visits

__all__ = [
    "BEHIND_DESKS",
    "DESKS",
    "EVERY_AGENT",
    "LOGIN",
    "PHONES",
    "READ",
    "all_day",
    "around",
    "at_hour",
    "audited",
    "crumbs",
    "day",
    "homes",
    "onward",
    "remembered_late",
    "told",
    "until",
    "visits",
    "wait_a_little",
]

PHONES = (BROWSERS[1][0], BROWSERS[2][0])
BEHIND_DESKS = ("/api/investor/portfolio", "/api/investor/interest", "/api/creator/dashboard", "/api/creator/pitches")
"""What people do at work rather than on the sofa."""


def day(name: str, title: str, steps: Steps, *runbooks: str, **more: Any) -> Scenario:
    """Return a day without harm, and the runbooks that somebody would open on it."""
    return Scenario(
        name=f"fourth_{name}", title=title, cause="none", steps=steps, runbooks=runbooks, split="tune", seeds=1, **more
    )


def until(b: Builder, before_min: float, minutes: float, **shape: float) -> Span:
    """Return the span of *minutes* that began *before_min* minutes before now."""
    start = b.now_ms - int(before_min * MINUTE)
    return Span(start, start + int(minutes * MINUTE), **shape)


def crumbs(b: Builder, path: str, share: float, span: Span, *texts: str, status: int = 500) -> None:
    """Let a request of *path* fail here and there, some hundredths at most, and say one of *texts*."""
    entry = Entry(texts=texts, component="handler")
    fx.fail(b, Fault(key=f"crumbs {path}", hits={path: share}, span=span, status=status, entries=(entry,)))


def wait_a_little(b: Builder, key: str, paths: tuple[str, ...], span: Span, add_ms: float, service: str = "") -> None:
    """Let *paths* take a little longer, less than anybody feels."""
    fx.slow(b, Slow(key=key, hits=fx.of(paths, 0.5), span=span, factor=1.05, add_ms=add_ms, service=service))


def remembered_late(
    b: Builder, key: str, account: str, address: str, agent: str, wrong: int, before_min: float
) -> None:
    """Let one person mistype a password *wrong* times and then remember it."""
    tries = until(b, before_min, wrong * 0.6)
    for suffix, status, per_min, span in (
        ("wrong", 401, 1.7, tries),
        ("right", 200, 1.4, Span(tries.end_ms, tries.end_ms + MINUTE)),
    ):
        visits(
            b, f"{key} {suffix}", LOGIN, per_min, span, (address,), (agent,), {status: 1.0},
            method="POST", logged=1.0, accounts=(account,),
        )  # fmt: skip


def all_day(b: Builder, hours: float = 12.0) -> Span:
    """Return the span of a working day around now."""
    return Span(b.now_ms - int(hours * HOUR), b.now_ms + 5 * HOUR)
