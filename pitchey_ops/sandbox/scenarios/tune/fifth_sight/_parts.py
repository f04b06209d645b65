"""What the scenarios of this set share: how a fault is named, and short forms for what fails and what waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .... import effects as fx
from ....builder import MINUTE, Builder, Entry, Fault, Slow, Span, Tracked
from ....causes._who import felt, owners
from ....scenario import Scenario, Steps, Told
from ..fourth_sight._parts import LOGIN, at_hour, audited, homes, told, visits
from ..second_sight._parts import ATTACKS, ERRORS, SLOWNESS

__all__ = [
    "ATTACKS",
    "ERRORS",
    "LOGIN",
    "SLOWNESS",
    "at_hour",
    "audited",
    "breaks",
    "fault",
    "homes",
    "late",
    "later",
    "of_database",
    "told",
    "visits",
    "waits",
]


def fault(
    name: str, title: str, cause: str, steps: Steps, runbooks: tuple[str, ...], low: float, high: float, **more: Any
) -> Scenario:
    """Return a fault that began *low* to *high* minutes ago, and the runbooks that somebody would open on it."""
    return Scenario(
        name=f"fifth_{name}",
        title=title,
        cause=cause,
        steps=steps,
        runbooks=runbooks,
        onset_min=(low, high),
        split="tune",
        seeds=1,
        **more,
    )


def later(b: Builder, after_min: float, minutes: float) -> Span:
    """Return the span of *minutes* that begins *after_min* minutes after the onset."""
    start = b.onset_ms + int(after_min * MINUTE)
    return Span(start, start + int(minutes * MINUTE))


def breaks(
    b: Builder,
    key: str,
    hits: Mapping[str, float],
    span: Span,
    status: int,
    took_ms: float,
    component: str,
    texts: tuple[str, ...],
    tracked: tuple[str, str, str] | None = None,
    message: str = "Something went wrong",
    **more: Any,
) -> None:
    """Let requests fail and say *texts*; *tracked* is type, value and culprit of the issue, *more* is the entry's."""
    fx.fail(
        b,
        Fault(
            key=key,
            hits=hits,
            span=span,
            status=status,
            took_ms=took_ms,
            body={"success": False, "message": message},
            entries=(Entry(component=component, texts=texts, **more),),
            tracked=None if tracked is None else Tracked(type=tracked[0], value=tracked[1], culprit=tracked[2]),
        ),
    )


def waits(
    b: Builder, key: str, hits: Mapping[str, float], span: Span, add_ms: float, service: str, factor: float = 1.3
) -> None:
    """Let requests wait for *service*."""
    fx.slow(b, Slow(key=key, hits=hits, span=span, factor=factor, add_ms=add_ms, service=service))


def late(b: Builder, span: Span, avg_ms: float, p95_ms: float, p99_ms: float, slow: float, errors: float = 0.0) -> None:
    """Let the database's own figures rise by so much, with *slow* queries a minute more."""
    fx.database(
        b,
        span,
        avgQueryTime=(1.5, avg_ms),
        p95QueryTime=(1.5, p95_ms),
        p99QueryTime=(1.5, p99_ms),
        slowQueries=(1.0, slow),
        activeConnections=(1.4, 1.5),
        errorRate=(1.0, errors),
    )


def of_database(hits: Mapping[str, float], severity: str, least: float = 0.3) -> Told:
    """Return what is true of a slow database that *hits* wait for."""
    routes = felt(hits, least)
    return Told(services=("database", *owners(routes)), routes=routes, severity=severity)
