"""What the scenarios of this set share: entries of the audit trail, words of providers, and company."""

from __future__ import annotations

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Crowd, Entry, Span
from ..strangers._parts import (
    calm,
    deprecations,
    failing_infra,
    hourly_job,
    no_archive,
    retired_check,
    said_in,
    stranger,
    unlisted_deployments,
    usual_guessers,
    waves,
    yellow_index,
)
from ..unseen_once._parts import (
    ATTACKS,
    BROWSER,
    CACHES,
    CROWDS,
    DATA,
    ERRORS,
    LIMITS,
    PAINT,
    SERVING,
    SLOWNESS,
    WATCHERS,
    WRITES,
    at_hour,
    homes,
)

__all__ = [
    "ATTACKS",
    "BROWSER",
    "CACHES",
    "CROWDS",
    "DATA",
    "ERRORS",
    "LIMITS",
    "PAINT",
    "SERVING",
    "SLOWNESS",
    "WATCHERS",
    "WRITES",
    "at_hour",
    "audited",
    "calm",
    "deprecations",
    "failing_infra",
    "homes",
    "hourly_job",
    "no_archive",
    "phone_in_tunnel",
    "provider_page",
    "ratings_feed",
    "retired_check",
    "said_in",
    "stranger",
    "told",
    "typists",
    "unlisted_deployments",
    "usual_guessers",
    "waves",
    "yellow_index",
]


def told(
    b: Builder, key: str, service: str, component: str, per_min: float, span: Span, *texts: str, level: str = "error"
) -> None:
    """Let a service say one of *texts* now and then, as no request makes it do."""
    entry = Entry(service=service, level=level, component=component, texts=texts, request=False)
    fx.say(b, key, entry, per_min, span)


def audited(b: Builder, key: str, at_ms: int, *texts: str) -> None:
    """Let the audit trail name a change that somebody made: a few lines within a minute."""
    told(b, key, "security", "audit", 5.0, Span(at_ms, at_ms + MINUTE), *texts, level="info")


def provider_page(b: Builder, key: str, name: str, words: str, span: Span) -> None:
    """Let our watcher of other people's status pages report what one of them says."""
    text = f"status page of {name}: {words}"
    told(b, f"page {key}", "monitoring", "providers", 0.4, span, text, level="info")


def ratings_feed(b: Builder, per_min: float = 5.0) -> None:
    """A feed of film ratings, which only decorates a page of the editors, has been refusing us since yesterday."""
    told(
        b,
        "ratings feed",
        "search-index",
        "ratings",
        per_min,
        Span(b.onset_ms - 26 * HOUR, b.now_ms + 5 * HOUR),
        "ratings feed: GET /v3/ratings/tt{id} 503 Service Unavailable, keeping yesterday's value",
        "ratings feed: upstream request timeout after 10000 ms, kept old value",
    )


def phone_in_tunnel(b: Builder) -> None:
    """Phones lose their network on the way home, as every day: aborted calls, sockets that close."""
    told(
        b,
        "tunnel",
        "frontend",
        "browser",
        b.between("tunnel", 1.0, 2.2),
        b.always(),
        "AbortError: The operation was aborted. (visibilitychange)",
        "TypeError: Load failed (offline)",
    )


def typists(b: Builder, key: str, address: str, agent: str, people: int, span: Span) -> None:
    """People at one address sign in by turns: some with a wrong password first, all of them in the end."""
    accounts = tuple(f"u{1200 + 41 * i:05d}" for i in range(people))
    minutes = max((span.end_ms - span.start_ms) / MINUTE, 1.0)
    fx.crowd(
        b,
        Crowd(
            key=key,
            route="/api/auth/login",
            method="POST",
            per_min=1.9 * people / minutes,
            span=span,
            addresses=(address,),
            agents=(agent,),
            accounts=accounts,
            outcomes={401: 0.42, 200: 0.58},
            logged=1.0,
        ),
    )
