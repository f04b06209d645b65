"""
The mechanics of each cause: which sources change, how much, how soon. Scenarios choose numbers and words.

Every function writes into a `Builder` around ``b.onset_ms`` and returns what it did as `Told`.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import effects as fx
from .builder import MINUTE, Builder, Entry, Fault, Slow, Span, Tracked, WorkerShift
from .figures import POOL_SIZE
from .platform import ROUTES
from .scenario import Told


def owners(paths: Sequence[str]) -> tuple[str, ...]:
    """Return the services that answer *paths*, in the catalogue's order."""
    return tuple(dict.fromkeys(r.service for r in ROUTES if r.path in paths))


def release(
    b: Builder,
    *,
    service: str,
    share: float,
    lead_s: float,
    texts: tuple[str, ...],
    tracked: Tracked,
    stack: str,
    message: str,
    ramp_s: float = 20.0,
    uncaught: bool = False,
    severity: str = "P2",
    end_ms: int | None = None,
) -> Told:
    """
    Production is deployed *lead_s* seconds before the onset; a share of one service's requests fail since.

    Parameters
    ----------
    uncaught
        The exception reaches the runtime: outcome ``scriptThrewException``, the edge's own page (1101).
    """
    deployment = fx.deploy(b, fx.PRODUCTION, b.onset_ms - int(lead_s * 1000), message)
    paths = fx.owned_by(service)
    name = fx.release_name(deployment)
    fx.fail(
        b,
        Fault(
            key="release",
            hits=fx.of(paths, share),
            span=b.until_mended(b.onset_ms, end_ms, ramp_s=ramp_s),
            status=500,
            page="cloudflare_html" if uncaught else "json",
            body="error code: 1101" if uncaught else {"success": False, "message": "Internal server error"},
            outcome="scriptThrewException" if uncaught else "success",
            took_ms=45.0,
            release=name,
            entries=(
                Entry(texts=texts, component="handler", stack=stack, most_per_min=90),
                Entry(
                    service="api-gateway",
                    component="router",
                    share=0.5,
                    delay_ms=14.0,
                    level="error",
                    texts=(f"upstream {service} answered 500 for {{method}} {{route}}",),
                    most_per_min=40,
                ),
            ),
            tracked=tracked,
        ),
    )
    return Told(services=(service,), routes=tuple(paths), severity=severity)


def pool_exhausted(
    b: Builder,
    *,
    share: float,
    ramp_s: float,
    db_texts: tuple[str, ...],
    caller_texts: tuple[str, ...],
    tracked: Tracked,
    status: int = 503,
    wait_ms: float = 5000.0,
    severity: str = "P1",
) -> Told:
    """The database's connections are all taken: requests wait for one, and many give up."""
    span = b.until_mended(b.onset_ms, ramp_s=ramp_s)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="pool",
            hits=hits,
            span=span,
            status=status,
            took_ms=wait_ms,
            body={"success": False, "message": "Service temporarily unavailable"},
            entries=(
                Entry(
                    service="database",
                    component="pool",
                    texts=db_texts,
                    delay_ms=5.0,
                    request=False,
                    share=0.8,
                ),
                Entry(texts=caller_texts, component="handler", delay_ms=12.0),
            ),
            tracked=tracked,
        ),
    )
    fx.slow(
        b,
        Slow(
            key="pool wait",
            hits=fx.needing("database", 0.75),
            span=span,
            factor=1.5,
            add_ms=wait_ms * 0.3,
            service="database",
            external=True,
        ),
    )
    early = Span(span.start_ms - 45_000, span.end_ms, ramp_s=ramp_s + 45.0)
    fx.database(
        b,
        early,
        activeConnections=float(POOL_SIZE),
        lockWaits=(1.0, 0.4),
        avgQueryTime=(2.2, 20.0),
        p95QueryTime=(3.0, 200.0),
        p99QueryTime=(3.4, 600.0),
        slowQueries=(1.0, 5.0),
    )
    fx.database(b, span, errorRate=(1.0, share * 0.8), queryCount=(1.0 - 0.45 * share, 0.0))
    return Told(services=("database", *owners(list(hits))), routes=tuple(hits), severity=severity)


def database_down(
    b: Builder,
    *,
    share: float,
    db_texts: tuple[str, ...],
    caller_texts: tuple[str, ...],
    tracked: Tracked,
    status: int = 500,
    took_ms: float = 1200.0,
    ramp_s: float = 5.0,
    key: str = "database down",
    severity: str = "P1",
    end_ms: int | None = None,
    posts: bool = True,
) -> Told:
    """Nobody reaches the database: what the cache cannot answer fails."""
    span = b.until_mended(b.onset_ms, end_ms, ramp_s=ramp_s)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key=key,
            hits=hits,
            span=span,
            status=status,
            took_ms=took_ms,
            body={"success": False, "error": "database unavailable"},
            entries=(
                Entry(
                    service="database",
                    component="pool",
                    texts=db_texts,
                    delay_ms=4.0,
                    request=False,
                    share=0.9,
                ),
                Entry(texts=caller_texts, component="handler", delay_ms=9.0, share=0.9),
            ),
            tracked=tracked,
        ),
    )
    if posts:
        fx.database(
            b,
            span,
            errorRate=share,
            activeConnections=0.0,
            queryCount=(1.0 - share, 0.0),
            avgQueryTime=(0.4, 0.0),
            p95QueryTime=(0.4, 0.0),
            p99QueryTime=(0.4, 0.0),
        )
    return Told(services=("database", *owners(list(hits))), routes=tuple(hits), severity=severity)


__all__ = ["MINUTE", "WorkerShift", "database_down", "owners", "pool_exhausted", "release"]
