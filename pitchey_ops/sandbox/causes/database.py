"""What can be wrong with the database."""

from __future__ import annotations

from .. import effects as fx
from ..builder import Builder, Entry, Fault, Slow, Span, Tracked
from ..figures import POOL_SIZE
from ..scenario import Told
from ._who import felt, owners, writes


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
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity=severity)


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
    every_s: float = 0.0,
    on_s: float = 0.0,
) -> Told:
    """Nobody reaches the database, or only now and then: what the cache cannot answer fails."""
    span = b.until_mended(b.onset_ms, end_ms, ramp_s=ramp_s, every_s=every_s, on_s=on_s)
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
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity=severity)


def slow(
    b: Builder,
    *,
    factor: float,
    add_ms: float,
    timeouts: float,
    slow_texts: tuple[str, ...],
    timeout_texts: tuple[str, ...],
    tracked: Tracked,
    ramp_s: float = 180.0,
    severity: str = "P2",
    tables: str = "",
) -> Told:
    """Queries take many times as long; a few run into the statement timeout; connections suffice."""
    span = b.until_mended(b.onset_ms, ramp_s=ramp_s)
    waits = fx.needing("database", 0.85)
    fx.slow(b, Slow(key="slow queries", hits=waits, span=span, factor=factor, add_ms=add_ms, service="database"))
    hits = fx.needing("database", timeouts)
    fx.fail(
        b,
        Fault(
            key="query timeouts",
            hits=hits,
            span=span,
            status=504,
            took_ms=8000.0,
            body={"success": False, "message": "Request timed out"},
            entries=(
                Entry(service="database", component="pool", texts=timeout_texts, request=False),
                Entry(texts=(f"query timed out after {{long_ms}} ms serving {{route}}{tables}",), component="handler"),
            ),
            tracked=tracked,
        ),
    )
    warn = Entry(service="database", level="warn", component="pool", texts=slow_texts, request=False)
    fx.say(b, "slow queries", warn, 14.0, span)
    fx.database(
        b,
        span,
        avgQueryTime=(factor, add_ms * 0.5),
        p95QueryTime=(factor * 1.2, add_ms * 2),
        p99QueryTime=(factor * 1.3, add_ms * 3),
        slowQueries=(1.0, 22.0),
        activeConnections=(1.8, 1.0),
        errorRate=(1.0, timeouts * 0.7),
    )
    return Told(services=("database", *owners(felt(waits, 0.4))), routes=felt(waits, 0.4), severity=severity)


def locked(
    b: Builder,
    *,
    share: float,
    lock_texts: tuple[str, ...],
    caller_texts: tuple[str, ...],
    tracked: Tracked,
    deadlocks: float = 3.0,
    wait_ms: float = 6000.0,
    ramp_s: float = 60.0,
    severity: str = "P2",
) -> Told:
    """Writers wait for each other: what writes fails or waits, what only reads goes on."""
    span = b.until_mended(b.onset_ms, ramp_s=ramp_s)
    paths = [p for p in writes() if p not in ("/api/auth/login", "/api/analytics/track", "/api/upload/presign")]
    hits = fx.of(paths, share)
    fx.fail(
        b,
        Fault(
            key="locks",
            hits=hits,
            span=span,
            status=500,
            took_ms=wait_ms,
            body={"success": False, "message": "Could not save, please try again"},
            entries=(
                Entry(service="database", component="pool", texts=lock_texts, request=False),
                Entry(texts=caller_texts, component="handler"),
            ),
            tracked=tracked,
        ),
    )
    fx.slow(
        b,
        Slow(key="lock waits", hits=fx.of(paths, 0.9), span=span, factor=1.2, add_ms=wait_ms * 0.4, service="database"),
    )
    entry = Entry(service="database", level="error", component="pool", texts=lock_texts, request=False)
    fx.say(b, "lock waits", entry, 5.0, span)
    fx.database(
        b,
        span,
        lockWaits=(1.0, 34.0),
        deadlocks=(1.0, deadlocks),
        activeConnections=(1.5, 5.0),
        slowQueries=(1.0, 8.0),
        avgQueryTime=(1.7, 15.0),
        p95QueryTime=(2.0, 900.0),
        p99QueryTime=(2.0, wait_ms * 0.7),
        errorRate=(1.0, 0.02),
    )
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity=severity)


def drifted(
    b: Builder,
    *,
    paths: tuple[str, ...],
    share: float,
    db_texts: tuple[str, ...],
    caller_texts: tuple[str, ...],
    tracked: Tracked,
    script: str,
    message: str,
    lead_s: float,
    severity: str = "P2",
) -> Told:
    """The database's tables are not what the code expects: the same statements fail, always and at once."""
    deployment = fx.deploy(b, script, b.onset_ms - int(lead_s * 1000), message)
    span = b.until_mended(b.onset_ms)
    hits = fx.of(paths, share)
    fx.fail(
        b,
        Fault(
            key="drift",
            hits=hits,
            span=span,
            status=500,
            took_ms=40.0,
            release=fx.release_name(deployment) if script == fx.PRODUCTION else "",
            entries=(
                Entry(service="database", component="pool", texts=db_texts, request=False, delay_ms=3.0),
                Entry(texts=caller_texts, component="handler", most_per_min=90),
            ),
            tracked=tracked,
        ),
    )
    fx.database(b, span, errorRate=(1.0, 0.12 * share))
    return Told(services=("database", *owners(paths)), routes=paths, severity=severity)
