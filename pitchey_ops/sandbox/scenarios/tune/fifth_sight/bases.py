"""Databases that answer everybody, only late, and tell of it in their own words or not at all."""

from .... import effects as fx
from ....builder import Builder
from ....scenario import Told
from ._parts import SLOWNESS, at_hour, audited, breaks, fault, late, of_database, told, waits

CAUSE = "database_slow"
PORTFOLIO, SEARCH = "/api/investor/portfolio", "/api/pitches/search"
TIMEOUT = "canceling statement due to statement timeout"


def grown_table(b: Builder) -> Told:
    """Investments have grown past what a scan can bear and nobody made an index: each hour a little slower."""
    at_hour(b, 15.8)
    span = b.until_mended(b.onset_ms, ramp_s=1600.0)
    hits = {PORTFOLIO: 0.95, "/api/investor/interest": 0.8, "/api/creator/dashboard": 0.55}
    waits(b, "grown table", hits, span, b.between("add", 2900, 3900), "database")
    breaks(
        b,
        "grown table",
        {PORTFOLIO: 0.1, "/api/investor/interest": 0.06},
        span,
        504,
        8000.0,
        "postgres.js",
        (f"PostgresError: {TIMEOUT} severity=ERROR code=57014 routine=ProcessInterrupts {{route}}",),
        ("PostgresError", TIMEOUT, "ErrorResponse(postgres/src/connection)"),
        "This takes too long",
    )
    told(
        b,
        "grown table says",
        "database",
        "postgres",
        5.0,
        span,
        "duration: {slow_ms}.{n} ms  execute <unnamed>: SELECT * FROM investments WHERE holder_id = $1 ORDER BY 4",
        "duration: {slow_ms}.{n} ms  plan: Seq Scan on investments (cost=0.00..184220.41 rows=38 width=212) "
        "Filter: (holder_id = $1) Rows Removed by Filter: 61{id}",
        level="LOG",
    )
    late(b, span, 45.0, 1900.0, 3600.0, 16.0, 0.006)
    return of_database(hits, "P2")


def against_wraparound(b: Builder) -> Told:
    """The database reads its largest tables from end to end to freeze them, and all others wait for the disks."""
    at_hour(b, 11.9)
    span = b.until_mended(b.onset_ms, ramp_s=300.0)
    hits = fx.needing("database", 0.75)
    waits(b, "wraparound", hits, span, b.between("add", 850, 1250), "database", 1.8)
    told(
        b,
        "wraparound says",
        "database",
        "autovacuum",
        2.5,
        span,
        "autovacuum: VACUUM public.notifications (to prevent wraparound), heap_blks_scanned {id} of 4811204",
        'automatic aggressive vacuum to prevent wraparound of table "pitchey.public.messages": index scans: 0, '
        "avg read rate: 2{small}{small}.{n} MB/s, elapsed: {waiting}.{n} s",
        "wait_event=DataFileRead on {small} backends, 0 waiting for locks",
        level="LOG",
    )
    late(b, span, 95.0, 800.0, 1700.0, 7.0)
    return of_database(hits, "P2")


def not_a_word(b: Builder) -> Told:
    """No statement is written down, no request fails: only clocks and figures show that each query takes its time."""
    at_hour(b, 18.3)
    span = b.until_mended(b.onset_ms, ramp_s=700.0)
    hits = fx.needing("database", 0.88)
    waits(b, "not a word", hits, span, b.between("add", 1300, 1800), "database", 1.6)
    late(b, span, 130.0, 1100.0, 2300.0, 13.0)
    return of_database(hits, "P2")


def behind_the_primary(b: Builder) -> Told:
    """The read replica replays more than it can, holds its readers up, and now and then sends one of them away."""
    at_hour(b, 20.1)
    span = b.until_mended(b.onset_ms, ramp_s=420.0)
    hits = {"/api/pitches": 0.5, "/api/pitches/trending": 0.3, SEARCH: 0.95, "/api/browse": 0.5, "/api/messages": 0.85}
    waits(b, "replica", hits, span, b.between("add", 1500, 2100), "database")
    words = "canceling statement due to conflict with recovery"
    breaks(
        b,
        "replica",
        {SEARCH: 0.05, "/api/messages": 0.04},
        span,
        500,
        5200.0,
        "neon-http",
        (
            f"NeonDbError: {words} code=40001 "
            "detail=User query might have needed to see row versions that must be removed.",
        ),
        ("NeonDbError", words, "execute(@neondatabase/serverless)"),
    )
    told(
        b,
        "replica says",
        "database",
        "ep-ro-2",
        4.0,
        span,
        "replication lag {waiting}.{n} s (pg_last_xact_replay_timestamp), primary 0.0 s, startup in DataFileRead",
        "recovery still waiting after {slow_ms}.{n} ms: recovery conflict on snapshot",
        level="LOG",
    )
    late(b, span, 70.0, 1300.0, 2500.0, 10.0, 0.004)
    return of_database(hits, "P3")


def another_plan(b: Builder) -> Told:
    """Statistics were taken anew; since then the planner expects one row where forty thousand come."""
    at_hour(b, 9.4)
    span = b.until_mended(b.onset_ms, ramp_s=20.0)
    hits = {SEARCH: 0.97, "/api/pitches": 0.5, "/api/creator/pitches": 0.85}
    audited(b, "analyze", b.onset_ms - 100_000, "maintenance: ANALYZE pitches, genres finished in 71 s (as every week)")
    waits(b, "another plan", hits, span, b.between("add", 3000, 4100), "database")
    breaks(
        b,
        "another plan",
        {SEARCH: 0.12, "/api/creator/pitches": 0.07},
        span,
        504,
        8000.0,
        "drizzle",
        (f"DrizzleQueryError: Failed query on {{route}} cause: error: {TIMEOUT} (57014) after 8000 ms",),
        ("DrizzleQueryError", f"Failed query, cause: {TIMEOUT}", "NodePgPreparedQuery.queryWithCache(drizzle-orm)"),
        "Search took too long",
    )
    told(
        b,
        "another plan says",
        "database",
        "pganalyze",
        3.0,
        span,
        "query 7a1f: plan changed to Nested Loop (rows=1 estimated, 4{id} actual), mean {slow_ms} ms, was 38 ms",
        "query 7a1f: Index Scan using pitches_pkey instead of pitches_genre_idx, calls {n}/min, {id} blocks read",
        level="info",
    )
    late(b, span, 150.0, 2600.0, 4800.0, 20.0, 0.012)
    return of_database(hits, "P2")


def far_pages(b: Builder) -> Told:
    """By turns pages that memory does not hold come late from afar; the pooler has room all the while."""
    at_hour(b, 16.1)
    span = b.until_mended(b.onset_ms, every_s=420.0, on_s=b.between("on", 230, 280))
    hits = fx.needing("database", 0.8)
    waits(b, "far pages", hits, span, b.between("add", 2000, 2700), "database", 1.5)
    breaks(
        b,
        "far pages",
        fx.needing("database", 0.02),
        span,
        504,
        10_000.0,
        "pg",
        ("Error: Query read timeout at Timeout._onTimeout (pg/lib/client.js:{line}) {route}",),
        ("Error", "Query read timeout", "Timeout._onTimeout(pg/lib/client)"),
    )
    told(
        b,
        "far pages says",
        "database",
        "compute",
        4.0,
        span,
        "[NEON_SMGR] [shard 0] no response received from pageserver for {small}.{waiting} s, still waiting "
        "(sent {id}4 requests, received {id}2 responses)",
        level="LOG",
    )
    told(
        b,
        "far pages pooler",
        "database",
        "pgbouncer",
        1.0,
        span,
        "stats: 3{small} xacts/s, 9{small} queries/s, in {id2} B/s, out 6{id2} B/s, xact 3{id}2 us, query 2{id}7 us, "
        "wait {n} us",
        level="LOG",
    )
    late(b, span, 140.0, 1600.0, 3200.0, 15.0, 0.006)
    return of_database(hits, "P2")


SCENARIOS = (
    fault("grown_table", "A table that has grown", CAUSE, grown_table, SLOWNESS, 42, 56),
    fault("against_wraparound", "End to end", CAUSE, against_wraparound, SLOWNESS, 24, 38, beside=("noisy_neighbour",)),
    fault("not_a_word", "Not a word", CAUSE, not_a_word, SLOWNESS, 30, 44, beside=("harmless_production_deployment",)),
    fault("behind_the_primary", "Behind the primary", CAUSE, behind_the_primary, SLOWNESS, 22, 36),
    fault(
        "another_plan", "One row is expected", CAUSE, another_plan, SLOWNESS, 14, 26, beside=("unrelated_deployment",)
    ),
    fault("far_pages", "Pages from afar", CAUSE, far_pages, SLOWNESS, 28, 42),
)
