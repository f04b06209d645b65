"""What the scenarios of this set share: how they are declared, the company they keep, and waves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .... import effects as fx
from ....builder import AHEAD, FOREVER, HOUR, Builder, Crowd, Entry, Silence, Span
from ....platform import MONITORS
from ....scenario import Scenario, Steps
from ....state import ACCOUNT
from ....world import Behaviour


def stranger(name: str, title: str, cause: str, steps: Steps, runbooks: tuple[str, ...], **more: Any) -> Scenario:
    """Return a scenario of this set; *more* are further fields of `Scenario`."""
    return Scenario(name=name, title=title, cause=cause, steps=steps, runbooks=runbooks, split="tune", seeds=1, **more)


def calm(name: str, title: str, steps: Steps, **more: Any) -> Scenario:
    """Return a control of this set."""
    return stranger(name, title, "none", steps, ("triage",), **more)


def said_in(browser: str, share: float, *texts: str, level: str = "error") -> Entry:
    """Return what one kind of browser says on the *share* of the occasions that it sees."""
    return Entry(
        service="frontend",
        level=level,
        component="browser",
        texts=texts,
        share=share,
        delay_ms=650.0,
        metadata='{{"browser":"' + browser + '"}}',
        request=False,
    )


def waves(b: Builder, span: Span) -> Iterator[tuple[int, int]]:
    """Return start and end of each wave of a span that comes and goes, as far as the world reaches."""
    start = span.start_ms
    while start < min(span.end_ms, b.now_ms + AHEAD):
        yield start, min(start + int(span.on_s * 1000), span.end_ms)
        start += int(span.every_s * 1000)


def failing_infra(b: Builder, path: str, span: Span, share: float) -> None:
    """Let a probe of the infra service fail in *share* of the tries, only in the waves where the span has some."""
    whole = [(span.start_ms, span.end_ms)] if span.every_s <= 0 else waves(b, span)
    for start, end in whole:
        fx.answer(b, Behaviour(service="infra", path=path, start_ms=start, end_ms=end, share=share, status=500))


def hourly_job(b: Builder) -> None:
    """A job of every hour fails each time, all week, and nobody misses what it makes."""
    entry = Entry(
        service="nda",
        level="error",
        component="reminders",
        request=False,
        texts=(
            "reminder run: signer {id} has no address, skipped",
            "reminder run ended with {small} errors (exit code 1)",
        ),
    )
    week = b.always()
    fx.say(b, "hourly job", entry, b.between("hourly job", 9, 16), Span(week.start_ms, week.end_ms, 0.0, 3600.0, 50.0))


def retired_check(b: Builder) -> None:
    """A monitor asks for a service that was switched off long ago, every minute, all week."""
    agent, address = MONITORS[2]
    path = "/api/v1/recommendations/ping"
    fx.crowd(
        b,
        Crowd(
            key="retired check",
            route=path,
            per_min=1.0,
            span=b.always(),
            addresses=(address,),
            agents=(agent,),
            outcomes={410: 1.0},
            logged=1.0,
            took_ms=6.0,
        ),
    )
    entry = Entry(
        service="monitoring",
        level="error",
        component="checks",
        request=False,
        texts=("check recommendations-v1 FAILED: expected 200, got 410 (failing since 47 days)",),
    )
    fx.say(b, "retired check", entry, 0.9, b.always())


def deprecations(b: Builder, per_min: float = 9.0) -> None:
    """A library warns of its own old age, all week."""
    entry = Entry(
        service="creator",
        level="warn",
        component="runtime",
        request=False,
        texts=(
            "(node:7) [DEP0169] DeprecationWarning: `url.parse()` behavior is not standardized",
            "Support for calling moment.lang() will be removed in the next major version ({small} calls)",
        ),
    )
    fx.say(b, "deprecations", entry, per_min, b.always())


def usual_guessers(b: Builder) -> None:
    """The world's machines try common names at the door, one try in a minute or two, all week."""
    fx.crowd(
        b,
        Crowd(
            key="usual guessers",
            route="/api/auth/login",
            method="POST",
            per_min=b.between("usual guessers", 0.5, 0.8),
            span=b.always(),
            addresses=fx.strangers(b, "usual guessers", 400),
            agents=("Mozilla/5.0 (Windows NT 6.1; Win64; x64; rv:47.0) Gecko/20100101 Firefox/47.0", "curl/7.61.1"),
            accounts=("admin", "test", "root", "info", "office", "demo", "support"),
            outcomes={401: 1.0},
            logged=1.0,
        ),
    )


def yellow_index(b: Builder) -> None:
    """A neighbour complains of its cluster for half a day; searching works."""
    entry = Entry(
        service="search-index",
        level="ERROR",
        component="elastic",
        request=False,
        texts=(
            "ClusterHealth YELLOW: {small} replica shards unassigned (NODE_LEFT)",
            "[circuit_breaking_exception] [parent] Data too large for [<reindex_{hex}>], retried",
        ),
    )
    span = Span(b.onset_ms - 11 * HOUR, b.now_ms + 5 * HOUR)
    fx.say(b, "yellow index", entry, b.between("yellow index", 3, 6), span)


def unlisted_deployments(b: Builder) -> None:
    """Our token may no longer list what was deployed; that has been so for a week."""
    body = {
        "success": False,
        "errors": [{"code": 10000, "message": "Authentication error"}],
        "messages": [],
        "result": None,
    }
    fx.answer(
        b,
        Behaviour(
            service="cloudflare_api",
            path=f"/client/v4/accounts/{ACCOUNT}/workers",
            start_ms=b.start_ms,
            end_ms=b.now_ms + FOREVER,
            status=403,
            body=body,
        ),
    )


def no_archive(b: Builder) -> None:
    """Nothing of the log has reached the archive for a week: its bucket was never made."""
    fx.silence(b, Silence(key="no archive", what="archive", span=b.always()))
