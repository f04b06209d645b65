"""What the days of this set share: the helpers of their neighbours, and how a day is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Span, Tracked
from ....scenario import Scenario, Steps
from ..fourth_sight._parts import (
    DESKS,
    EVERY_AGENT,
    LOGIN,
    READ,
    all_day,
    around,
    at_hour,
    audited,
    homes,
    onward,
    told,
    until,
    visits,
    wait_a_little,
)
from ..second_sight._parts import provider_page

__all__ = [
    "DESKS",
    "EVERY_AGENT",
    "LOGIN",
    "READ",
    "all_day",
    "around",
    "at_hour",
    "audited",
    "day",
    "homes",
    "long_over",
    "onward",
    "provider_page",
    "remarked",
    "reported",
    "told",
    "until",
    "visits",
    "wait_a_little",
]


def day(name: str, title: str, steps: Steps, *runbooks: str, **more: Any) -> Scenario:
    """Return a day without harm, and the runbooks that somebody would open on it."""
    return Scenario(
        name=f"sixth_{name}", title=title, cause="none", steps=steps, runbooks=runbooks, split="tune", seeds=1, **more
    )


def remarked(
    b: Builder,
    key: str,
    hits: Mapping[str, float],
    span: Span,
    component: str,
    *texts: str,
    level: str = "error",
    service: str = "",
    tracked: Tracked | None = None,
) -> None:
    """Let requests that are answered as ever leave one of *texts* behind."""
    entry = Entry(service=service, level=level, component=component, texts=texts)
    fx.stumble(b, Fault(key=key, hits=hits, span=span, status=0, entries=(entry,), tracked=tracked))


def long_over(b: Builder, key: str, hits: Mapping[str, float], before_min: float, seconds: float, *texts: str) -> None:
    """Let requests fail for some seconds, *before_min* minutes before now and never since."""
    span = until(b, before_min, seconds / 60)
    entry = Entry(texts=texts, component="handler")
    fx.fail(b, Fault(key=key, hits=hits, span=span, status=503, entries=(entry,)))


def reported(b: Builder, key: str, tracked: Tracked, per_min: float, span: Span, users: int) -> None:
    """Let the tracker of errors hear of something, *per_min* times a minute."""
    count = int(per_min * (b.end_ms - span.start_ms) / 60_000)
    times = b.rng(f"reported {key}").integers(span.start_ms, b.end_ms, count)
    fx.issue(b, key, tracked, sorted(times.tolist()), users=users)
