"""The database answers, in its own time."""

from ... import effects as fx
from ...builder import HOUR, Builder, Fault, Slow, Span
from ...causes._who import felt, owners
from ...scenario import Told
from ._parts import (
    QUERIES,
    api_issue,
    idle_guesser,
    judged,
    left,
    local_hour,
    loud_analytics,
    old_clients,
    pages_shipped,
    spoken,
    warp_trouble,
)

CAUSE = "database_slow"


def other_plan(b: Builder) -> Told:
    """After statistics were renewed the planner chooses another way: search and browsing take seconds, none fails."""
    local_hour(b, 12.6)
    old_clients(b)
    paths = ("/api/pitches/search", "/api/browse", "/api/pitches")
    span = b.until_mended(b.onset_ms, ramp_s=120.0)
    add_ms = b.between("add", 2900, 4300)
    for path, share in zip(paths, (0.95, 0.48, 0.45), strict=True):
        one = Slow(key=f"plan {path}", hits={path: share}, span=span, factor=2.0, add_ms=add_ms, service="database")
        fx.slow(b, one)
    plan = spoken(
        "database",
        "auto_explain",
        "LOG: duration: {slow_ms}.218 ms plan: Nested Loop (cost=0.42..{size}.10 rows=1) Join Filter on pitch_genres",
        "LOG: duration: {long_ms}.771 ms plan: Nested Loop Left Join (actual rows={id} loops={n}) rows removed: {size}",
        level="warn",
    )
    fx.say(b, "plan", plan, 11.0, span)
    analyzed = spoken(
        "database", "postgres", "LOG: automatic analyze of table pitchey.public.pitch_genres", level="info"
    )
    fx.say(b, "plan analyzed", analyzed, 1.0, Span(b.onset_ms - 90_000, b.onset_ms))
    fx.database(
        b,
        span,
        slowQueries=(1.0, 16.0),
        avgQueryTime=(3.5, 300.0),
        p95QueryTime=(4.0, 2600.0),
        p99QueryTime=(4.0, 4100.0),
        activeConnections=(1.6, 2.0),
    )
    return Told(services=("database", "pitch", "browse"), routes=paths, severity="P2")


def throttled(b: Builder) -> Told:
    """The small machine has used up its credit of computing time; everything takes three times as long."""
    local_hour(b, 20.8)
    loud_analytics(b)
    warp_trouble(b)
    span = b.until_mended(b.onset_ms, ramp_s=1000.0)
    factor, add_ms = b.between("factor", 2.6, 3.4), b.between("add", 900, 1500)
    waits = fx.needing("database", 0.9)
    fx.slow(b, Slow(key="throttled", hits=waits, span=span, factor=factor, add_ms=add_ms, service="database"))
    fx.fail(
        b,
        Fault(
            key="throttled",
            hits=fx.needing("database", b.between("gave up", 0.02, 0.045)),
            span=span,
            status=500,
            took_ms=5200.0,
            entries=(
                left(
                    "KnexTimeoutError: Defined query timeout of 5000ms exceeded when running query.",
                    service="database",
                    component="knex",
                    request=False,
                ),
                left("{method} {route} abandoned, query still running after {long_ms} ms"),
            ),
            tracked=api_issue(
                "KnexTimeoutError: Defined query timeout of 5000ms exceeded when running query.",
                "timeout(knex/lib/util)",
            ),
        ),
    )
    host = spoken(
        "database",
        "host",
        "db.t4g.medium: CPUCreditBalance 0, cpu steal {n} percent, load average {small}.7 on 2 vCPU",
        level="warn",
    )
    fx.say(b, "throttled host", host, 1.5, span)
    crawl = spoken(
        "database", "postgres", "LOG: duration: {slow_ms}.036 ms execute s{small}: select on {table}", level="warn"
    )
    fx.say(b, "throttled crawl", crawl, 8.0, span)
    fx.database(
        b,
        span,
        avgQueryTime=(factor, 180.0),
        p95QueryTime=(factor, 1400.0),
        p99QueryTime=(factor, 3000.0),
        slowQueries=(1.0, 12.0),
        activeConnections=(1.7, 1.0),
    )
    return Told(services=("database", *owners(felt(waits, 0.4))), routes=felt(waits, 0.4), severity="P2")


def sums(b: Builder) -> Told:
    """Since the import of the day two pages add up millions of rows; it began two hours ago."""
    local_hour(b, 17.9)
    pages_shipped(b)
    paths = ("/api/investor/portfolio", "/api/creator/dashboard")
    span = b.until_mended(b.onset_ms, ramp_s=1500.0)
    imported = spoken("investor", "import", "daily import: {size} valuation rows appended", level="info")
    fx.say(b, "sums import", imported, 0.5, Span(b.onset_ms - HOUR, b.onset_ms))
    add_ms = b.between("add", 3300, 5200)
    fx.slow(b, Slow(key="sums", hits=fx.of(paths, 0.92), span=span, factor=3.0, add_ms=add_ms, service="database"))
    fx.fail(
        b,
        Fault(
            key="sums",
            hits=fx.of(paths, b.between("share", 0.07, 0.13)),
            span=span,
            status=504,
            took_ms=15_000.0,
            entries=(
                left(
                    "PostgresError: canceling statement due to user request; aggregate of valuations ran {long_ms} ms",
                    service="database",
                    component="postgres.js",
                    request=False,
                ),
                left("AbortError: deadline of 15 s passed while {route} waited for the database"),
            ),
            tracked=api_issue("AbortError: deadline of 15 s passed", "positions(src/investor/valuations)"),
        ),
    )
    scan = spoken(
        "database",
        "pg_stat",
        "Parallel Seq Scan on valuations: {size} rows per call, mean {slow_ms} ms, {n} calls this minute",
        level="warn",
    )
    fx.say(b, "sums scans", scan, 3.5, span)
    fx.database(b, span, slowQueries=(1.0, 7.0), avgQueryTime=(1.9, 90.0), p99QueryTime=(5.0, 5200.0))
    return Told(services=("database", "investor", "creator"), routes=paths, severity="P3")


def nightly_copy(b: Builder) -> Told:
    """The backup copies everything while the night side of the world is awake; reads crawl in bursts."""
    local_hour(b, 3.6)
    idle_guesser(b)
    span = b.until_mended(b.onset_ms, every_s=200.0, on_s=b.between("on", 110, 140))
    waits = fx.needing("database", 0.8)
    add_ms = b.between("add", 2300, 3600)
    fx.slow(b, Slow(key="copy", hits=waits, span=span, factor=1.5, add_ms=add_ms, service="database"))
    copying = spoken(
        "database",
        "pg_dump",
        "pg_dump: dumping contents of table public.{table}, {size} kB read, io wait {n} percent",
        level="info",
    )
    fx.say(b, "copy", copying, 3.0, span)
    stalls = spoken(
        "database",
        "postgres",
        "LOG: duration: {long_ms}.440 ms bind p{small}: select on {table}, waiting on IO:BufFileRead",
        level="warn",
    )
    fx.say(b, "copy stalls", stalls, 9.0, span)
    fx.database(b, span, slowQueries=(1.0, 10.0), avgQueryTime=(4.0, 400.0), p95QueryTime=(4.0, 1900.0))
    return Told(services=("database", *owners(felt(waits, 0.4))), routes=felt(waits, 0.4), severity="P3")


SCENARIOS = (
    judged(
        "tardy_other_plan",
        "The planner chose another way",
        CAUSE,
        other_plan,
        QUERIES,
        onset_min=(18, 28),
        beside=("logs_lost",),
    ),
    judged("tardy_throttled", "No computing time left", CAUSE, throttled, QUERIES, onset_min=(34, 46)),
    judged("tardy_sums", "Two pages add up too much", CAUSE, sums, QUERIES, onset_min=(110, 130)),
    judged(
        "tardy_copy",
        "A backup at the wrong hour",
        CAUSE,
        nightly_copy,
        QUERIES,
        onset_min=(24, 36),
        beside=("logs_unseen",),
    ),
)
