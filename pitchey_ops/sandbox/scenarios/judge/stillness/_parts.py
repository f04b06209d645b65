"""What these times share: the hour, company beyond the ordinary, lines in the log, the scraps of any production."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .... import effects as fx
from ....builder import DAY, HOUR, MINUTE, Builder, Crowd, Entry, Fault, Span
from ....entries import addresses
from ....platform import BROWSERS
from ....scenario import Scenario, Steps

LOGIN = "/api/auth/login"
PAGES = ("/", "/pitches", "/login", "/dashboard")
FILES = ("/assets/index-4f9c2a1b.js", "/assets/index-b27d90ee.css", "/assets/browse-1c7be205.js")
LISTS = ("/api/pitches", "/api/pitches/trending", "/api/browse", "/api/browse/genres", "/api/media/thumbnail")
AGENTS = tuple(agent for agent, _ in BROWSERS)
PHONES = (AGENTS[1], AGENTS[2])


def still(
    name: str,
    title: str,
    steps: Steps,
    runbooks: tuple[str, ...],
    onset_min: tuple[float, float],
    beside: tuple[str, ...] = (),
) -> Scenario:
    """Return a time of this set."""
    return Scenario(
        name=f"still_{name}",
        title=title,
        cause="none",
        steps=steps,
        split="judge",
        runbooks=runbooks,
        onset_min=onset_min,
        beside=beside,
        seeds=2,
    )


def hour(b: Builder, at: float) -> None:
    """Let the day's rhythm stand at the hour *at* (0 to 24) now, and in all the week before."""
    late_by = round((b.now_ms / HOUR - at) % 24 * 60)
    minute = np.arange(len(b.level)) - late_by
    b.level = b.level[np.where(minute < 0, minute + DAY // MINUTE, minute)]


def since(b: Builder, hours: float = 0.0, ramp_s: float = 0.0) -> Span:
    """Return the span that begins *hours* before the onset and outlasts the world."""
    return Span(b.onset_ms - int(hours * HOUR), b.now_ms + 6 * HOUR, ramp_s=ramp_s)


def minutes(b: Builder, count: float, after: float = 0.0, ramp_s: float = 0.0) -> Span:
    """Return a span of *count* minutes that begins *after* minutes after the onset."""
    start = b.onset_ms + int(after * MINUTE)
    return Span(start, start + int(count * MINUTE), ramp_s=ramp_s)


def line(b: Builder, who: str, per_min: float, span: Span, *texts: str, level: str = "info", key: str = "") -> None:
    """Let *who* (``service/component``) write one of *texts* now and then, as no request makes it do."""
    service, _, component = who.partition("/")
    entry = Entry(service=service, component=component, level=level, texts=texts, request=False)
    fx.say(b, key or f"{who} {level} {texts[0][:24]}", entry, per_min, span)


def announced(b: Builder, ahead_min: float, text: str) -> None:
    """Let the calendar of the operators' room say *text*, *ahead_min* minutes before the onset."""
    start = b.onset_ms - int(ahead_min * MINUTE)
    line(b, "notification/ops-calendar", 3.0, Span(start, start + MINUTE), text)


def guests(
    b: Builder,
    path: str,
    per_min: float,
    span: Span,
    who: Sequence[str],
    agents: Sequence[str],
    outcomes: Mapping[int, float],
    *,
    method: str = "GET",
    urls: tuple[str, ...] = (),
    logged: float = 0.6,
    blocked: float = 0.0,
    rule: str = "",
    took_ms: float = 40.0,
    label: str = "",
) -> None:
    """Let requests come beyond the ordinary ones."""
    fx.crowd(
        b,
        Crowd(
            key=f"guests {label}{method} {path}",
            route=path,
            per_min=per_min,
            span=span,
            addresses=who,
            agents=agents,
            outcomes=outcomes,
            method=method,
            urls=urls,
            logged=logged,
            blocked=blocked,
            rule=rule,
            took_ms=took_ms,
        ),
    )


def sign_ins(
    b: Builder,
    key: str,
    per_min: float,
    span: Span,
    wrong: float,
    who: Sequence[str] = (),
    agents: Sequence[str] = AGENTS,
) -> None:
    """Let ordinary people sign in, a share of them *wrong* at first; from their homes, or from the addresses *who*."""
    first = int(b.between(f"accounts {key}", 0, 4000))
    fx.crowd(
        b,
        Crowd(
            key=f"sign-ins {key}",
            route=LOGIN,
            method="POST",
            per_min=per_min,
            span=span,
            addresses=who or homes(b, key, 400),
            agents=agents,
            outcomes={200: 1.0 - wrong, 401: wrong},
            accounts=[f"u{first + i:05d}" for i in range(700)],
            logged=1.0,
        ),
    )


def homes(b: Builder, key: str, count: int) -> list[str]:
    """Return *count* addresses such as people have at home."""
    return addresses(count, b.rng(f"at home {key}"))


def scraps(b: Builder, paths: Sequence[str], share: float, *texts: str, status: int = 500) -> None:
    """Let a few requests in a thousand go wrong on *paths*, now as in all the week."""
    entries = (Entry(texts=texts, component="handler"),) if texts else ()
    fault = Fault(key=f"scraps {paths[0]}", hits=fx.of(paths, share), span=b.always(), status=status, entries=entries)
    fx.fail(b, fault)
