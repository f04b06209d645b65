"""What happens beside an incident and has nothing to do with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from . import effects as fx
from .builder import HOUR, MINUTE, Builder, Crowd, Entry, Silence, Slow, Span
from .platform import BROWSERS, CRAWLERS


def unrelated_deployment(b: Builder) -> None:
    """Somebody deployed another script minutes before."""
    script = b.choose("unrelated script", ("pitchey-monitoring", "pitchey-apm", "pitchey-infra", "pitchey-security"))
    fx.deploy(b, script, b.onset_ms - int(b.between("unrelated age", 2, 8) * MINUTE), "raise a log level")


def harmless_production_deployment(b: Builder) -> None:
    """Production itself was deployed half an hour before, and nothing came of it."""
    age = int(b.between("harmless age", 25, 45) * MINUTE)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms - age, "copy changes on the investor page")


def noisy_neighbour(b: Builder) -> None:
    """A quiet service complains loudly, for hours, about nothing that users feel."""
    service = b.choose("noisy service", ("search-index", "nda", "email"))
    entry = Entry(
        service=service,
        level="error",
        component="retry",
        request=False,
        texts=(
            "retry {small} of 9 failed: partner feed answered 410 for item {id}",
            "skipping stale item {hex} of the partner feed",
        ),
    )
    fx.say(b, "noisy", entry, b.between("noisy rate", 4, 9), Span(b.onset_ms - 5 * HOUR, b.now_ms + 5 * HOUR))


def busy_evening(b: Builder) -> None:
    """More people than usual, all served."""
    fx.surge(b, Span(b.onset_ms - 2 * HOUR, b.now_ms + 3 * HOUR, ramp_s=3600), b.between("busy", 1.5, 2.0))


def crawler_visit(b: Builder) -> None:
    """A search engine walks through the catalogue, politely."""
    agent, network = CRAWLERS[int(b.between("crawler", 0, len(CRAWLERS) - 0.01))]
    for path in ("/api/pitches", "/pitches"):
        fx.crowd(
            b,
            Crowd(
                key=f"crawler {path}",
                route=path,
                per_min=b.between("crawl rate", 6, 14),
                agents=[agent],
                addresses=fx.strangers(b, "crawler", 6, network),
                urls=(path + "?page={n}",),
                logged=0.3,
                span=Span(b.onset_ms - HOUR, b.now_ms + HOUR),
                outcomes={200: 0.97, 404: 0.03},
            ),
        )


def clock_skew(b: Builder) -> None:
    """The clock of one service is a minute and a half off, and has been for days."""
    service = b.choose("skewed service", ("pitch", "auth", "database", "payments"))
    fx.skew(b, service, int(b.between("skew", -95, 95) * 1000), b.always())


def logs_lost(b: Builder) -> None:
    """Three in a hundred entries never arrive anywhere."""
    fx.silence(b, Silence(key="lost", what="unlogged", span=b.always(), share=0.03))


def logs_unseen(b: Builder) -> None:
    """The logs service stores nothing, since before the onset; the archive goes on."""
    start = b.onset_ms - int(b.between("unseen since", 20, 50) * MINUTE)
    fx.silence(b, Silence(key="unseen", what="logs", span=Span(start, b.now_ms + 5 * HOUR)))


def slow_sidekick(b: Builder) -> None:
    """Analytics, which nobody waits for, is slow."""
    span = Span(b.onset_ms - HOUR, b.now_ms + 5 * HOUR)
    fx.slow(
        b,
        Slow(key="sidekick", hits={"/api/analytics/track": 0.5}, span=span, add_ms=350.0, service="analytics"),
    )


def few_typists(b: Builder) -> None:
    """An administrator forgot a password: eight wrong tries from the office, then the right one."""
    span = Span(b.onset_ms - 3 * MINUTE, b.onset_ms + 2 * MINUTE)
    address = fx.strangers(b, "office", 1, "188.40.12.")
    agent = [BROWSERS[3][0]]
    for key, outcome, per_min in (("wrong", 401, 1.6), ("right", 200, 0.3)):
        shifted = span if key == "wrong" else Span(span.end_ms, span.end_ms + 4 * MINUTE)
        fx.crowd(
            b,
            Crowd(
                key=f"typist {key}",
                route="/api/auth/login",
                method="POST",
                per_min=per_min,
                span=shifted,
                addresses=address,
                agents=agent,
                outcomes={outcome: 1.0},
                logged=1.0,
                accounts=("admin.dana",),
            ),
        )


DISTRACTORS: Mapping[str, Callable[[Builder], None]] = MappingProxyType(
    {
        "unrelated_deployment": unrelated_deployment,
        "harmless_production_deployment": harmless_production_deployment,
        "noisy_neighbour": noisy_neighbour,
        "busy_evening": busy_evening,
        "crawler_visit": crawler_visit,
        "clock_skew": clock_skew,
        "logs_lost": logs_lost,
        "logs_unseen": logs_unseen,
        "slow_sidekick": slow_sidekick,
        "few_typists": few_typists,
    }
)
"""All distractors by name."""
