"""Queries that take long, wait for each other, or do not fit the tables."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Entry, Fault, Slow, Span, Tracked
from ....causes._who import felt, owners
from ....scenario import Told
from ._parts import QUERIES, WRITES, case, helper_release, hour_is, old_client, page_release, stale_customers

SLOW, LOCKED, DRIFT = "database_slow", "database_locked", "schema_drift"


def burst_used_up(b: Builder) -> Told:
    """The disk below the database has used up its burst: every query takes longer, little by little."""
    hour_is(b, 20.2)
    helper_release(b)
    span = b.until_mended(b.onset_ms, ramp_s=2200.0)
    add = b.between("add", 900, 1500)
    waits = fx.needing("database", 0.85)
    fx.slow(b, Slow(key="burst", hits=waits, span=span, factor=2.6, add_ms=add, service="database"))
    late = b.until_mended(b.onset_ms + 15 * MINUTE, ramp_s=900.0)
    fx.fail(
        b,
        Fault(
            key="burst",
            hits=fx.needing("database", b.between("timeouts", 0.014, 0.03)),
            span=late,
            status=504,
            took_ms=9800.0,
            body={"success": False, "message": "Request timed out"},
            entries=(Entry(texts=("AbortError: signal timed out after 10000 ms ({route})",), component="handler"),),
        ),
    )
    notes = Entry(
        service="database",
        level="LOG",
        component="postgres",
        request=False,
        texts=(
            "checkpoints are occurring too frequently (1{small} seconds apart)",
            'duration: {slow_ms}.{n} ms  execute s_{small}: SELECT "p".* FROM "{table}" "p" WHERE "p"."id" = $1',
            "duration: {long_ms}.{n} ms  commit",
            'automatic vacuum of table "pitchey.public.{table}": index scans: 1, elapsed: 4{n}.12 s, '
            "avg read rate: 1.{small}12 MB/s",
        ),
    )
    fx.say(b, "burst", notes, 10.0, span)
    gauge = Entry(
        service="database",
        level="notice",
        component="exporter",
        request=False,
        texts=(
            "node_disk_io_time_weighted_seconds rate={small}.{n} volume=pgdata burst_balance_percent=0",
            "cpu mode=iowait 8{small}.{n}% disk IO budget consumed, throughput held at baseline 43 MB/s",
        ),
    )
    fx.say(b, "burst gauge", gauge, 0.8, span)
    fx.database(
        b,
        span,
        avgQueryTime=(4.0, add * 0.4),
        p95QueryTime=(4.0, add * 1.6),
        p99QueryTime=(4.0, add * 2.4),
        slowQueries=(1.0, 18.0),
        activeConnections=(1.7, 2.0),
        errorRate=(1.0, 0.008),
    )
    return Told(services=("database", *owners(felt(waits, 0.4))), routes=felt(waits, 0.4), severity="P2")


def no_statistics(b: Builder) -> Told:
    """After its upgrade the database had no statistics: the lists crawled until it had counted; that is over."""
    hour_is(b, 6.2)
    stale_customers(b)
    end = b.now_ms - int(b.between("over", 6, 9) * MINUTE)
    span = b.until_mended(b.onset_ms, end)
    routes = ("/api/pitches/search", "/api/browse", "/api/pitches", "/api/creator/pitches")
    waits = {"/api/pitches/search": 0.95, "/api/browse": 0.5, "/api/pitches": 0.5, "/api/creator/pitches": 0.9}
    add = b.between("add", 2600, 3800)
    fx.slow(b, Slow(key="no statistics", hits=waits, span=span, factor=5.0, add_ms=add, service="database"))
    fx.fail(
        b,
        Fault(
            key="no statistics",
            hits={path: share * 0.09 for path, share in waits.items()},
            span=span,
            status=504,
            took_ms=15_000.0,
            entries=(
                Entry(
                    texts=("QueryFailedError: canceling statement due to statement timeout ({method} {route})",),
                    component="typeorm",
                    level="warn",
                ),
            ),
            tracked=Tracked(
                type="QueryFailedError",
                value="canceling statement due to statement timeout",
                culprit="PostgresQueryRunner.query(typeorm/driver)",
                level="warning",
            ),
        ),
    )
    plans = Entry(
        service="database",
        level="LOG",
        component="auto_explain",
        request=False,
        texts=(
            "duration: {long_ms}.{n} ms  plan: Nested Loop (cost=0.00..9{id}.11 rows=1 width=480) -> Seq Scan on "
            "pitches p (rows=1) (actual rows={id})",
            "duration: {long_ms}.{n} ms  plan: Seq Scan on pitches (cost=0.00..18{id}.00 rows=1 width=480) "
            "Filter: (search @@ plainto_tsquery($1))",
        ),
    )
    fx.say(b, "plans", plans, 8.0, span)
    upgrade = Entry(
        service="database",
        level="info",
        component="maintenance",
        request=False,
        texts=(
            "pg_upgrade: Optimizer statistics are not transferred by pg_upgrade. Once you start the new server, "
            "consider running: vacuumdb --all --analyze-in-stages",
            "LOG:  starting PostgreSQL 17.6 on aarch64-unknown-linux-gnu, 64-bit",
        ),
    )
    fx.say(b, "upgrade", upgrade, 1.0, Span(b.onset_ms - 2 * MINUTE, b.onset_ms + MINUTE))
    done = Entry(
        service="database",
        level="LOG",
        component="postgres",
        request=False,
        texts=('automatic analyze of table "pitchey.public.{table}" system usage: CPU: user: {n}.{n} s',),
    )
    fx.say(b, "analyzed", done, 4.0, Span(end - 2 * MINUTE, end + 2 * MINUTE))
    fx.database(
        b,
        span,
        avgQueryTime=(4.5, add * 0.3),
        p95QueryTime=(5.0, add * 1.2),
        p99QueryTime=(5.0, add * 1.9),
        slowQueries=(1.0, 16.0),
        activeConnections=(1.9, 2.0),
        errorRate=(1.0, 0.02),
    )
    return Told(services=("database", "pitch", "browse", "creator"), routes=routes, severity="P3")


def lock_queue(b: Builder) -> Told:
    """A migration asks for the whole table again and again; while it waits, everybody waits behind it."""
    hour_is(b, 12.1)
    old_client(b)
    fx.deploy(b, "pitchey-migrations", b.onset_ms - int(b.between("lead", 8, 25) * 1000), "AddBudgetTierToPitches")
    span = b.until_mended(b.onset_ms, every_s=150.0, on_s=b.between("on", 55, 75))
    hits = {
        "/api/pitches/search": 0.8,
        "/api/pitches/create": 0.85,
        "/api/creator/pitches": 0.8,
        "/api/creator/dashboard": 0.6,
        "/api/pitches": 0.38,
        "/api/browse": 0.36,
    }
    fx.fail(
        b,
        Fault(
            key="lock queue",
            hits=hits,
            span=span,
            status=500,
            took_ms=5000.0,
            entries=(
                Entry(
                    service="database",
                    component="postgres",
                    request=False,
                    level="LOG",
                    texts=(
                        "process {id} still waiting for AccessShareLock on relation 16512 of database 16401 after "
                        "1000.{n} ms DETAIL:  Process holding the lock: {id2}. Wait queue: {id}.",
                        "process {id} still waiting for RowExclusiveLock on relation 16512 of database 16401 after "
                        "1000.{n} ms",
                    ),
                ),
                Entry(
                    texts=("ActiveRecord::LockWaitTimeout: PG::LockNotAvailable ({method} {route})",),
                    component="handler",
                ),
            ),
            tracked=Tracked(
                type="ActiveRecord::LockWaitTimeout",
                value="PG::LockNotAvailable: ERROR:  canceling statement due to lock timeout",
                culprit="exec_params(pg)",
            ),
        ),
    )
    fx.slow(
        b,
        Slow(key="lock queue", hits=dict.fromkeys(hits, 0.6), span=span, factor=1.2, add_ms=2600.0, service="database"),
    )
    attempts = Entry(
        service="migrations",
        level="info",
        component="strong_migrations",
        request=False,
        texts=(
            "== 20261123101207 AddBudgetTierToPitches: migrating ======",
            "-- change_column(:pitches, :budget_tier, :integer)",
            "Lock timeout. Retrying in 90 seconds... (attempt {small} of 30)",
            "PG::LockNotAvailable: ERROR:  canceling statement due to lock timeout (ALTER TABLE pitches)",
        ),
    )
    fx.say(b, "attempts", attempts, 3.0, span)
    fx.database(
        b,
        span,
        lockWaits=(1.0, 41.0),
        activeConnections=(1.6, 7.0),
        p95QueryTime=(2.0, 1400.0),
        p99QueryTime=(2.0, 3900.0),
        avgQueryTime=(1.8, 40.0),
        errorRate=(1.0, 0.05),
    )
    return Told(services=("database", "pitch", "creator", "browse"), routes=tuple(hits), severity="P2")


def by_hand(b: Builder) -> Told:
    """Somebody renamed a column in the provider's console; what stands before the database knows nothing of it."""
    hour_is(b, 15.7)
    page_release(b)
    span = b.until_mended(b.onset_ms)
    hits = {
        "/api/pitches/create": b.between("share", 0.9, 1.0),
        "/api/creator/pitches": 0.9,
        "/api/creator/dashboard": 0.55,
        "/api/pitches/search": 0.35,
    }
    fx.fail(
        b,
        Fault(
            key="by hand",
            hits=hits,
            span=span,
            status=500,
            took_ms=31.0,
            entries=(
                Entry(
                    texts=(
                        '{{"code":"PGRST204","details":null,"hint":null,"message":"Could not find the '
                        "'budget_range' column of 'pitches' in the schema cache\"}}",
                        '{{"code":"42703","details":null,"hint":"Perhaps you meant to reference the column '
                        '\\"pitches.budget_tier\\".","message":"column pitches.budget_range does not exist"}}',
                    ),
                    component="supabase-js",
                    most_per_min=40,
                ),
            ),
            tracked=Tracked(
                type="PostgrestError",
                value="column pitches.budget_range does not exist",
                culprit="PostgrestBuilder.then(@supabase/postgrest-js)",
            ),
        ),
    )
    loaded = Entry(
        service="database",
        level="info",
        component="postgrest",
        request=False,
        texts=("Schema cache loaded 61 Relations, 74 Relationships, 112 Functions, 0 Domain Representations",),
    )
    fx.say(b, "loaded", loaded, 1.0, Span(b.onset_ms - MINUTE, b.onset_ms + MINUTE))
    fx.database(b, span, errorRate=(1.0, 0.05))
    return Told(services=("database", "pitch", "creator"), routes=tuple(hits), severity="P2")


def no_constraint(b: Builder) -> Told:
    """A migration of two hours ago dropped a unique index; whatever inserts or updates fails since, and comes again."""
    hour_is(b, 17.3)
    fx.deploy(b, "pitchey-migrations", b.onset_ms - int(b.between("lead", 30, 80) * 1000), "0066_drop_unused_indexes")
    span = b.until_mended(b.onset_ms)
    hits = {
        "/api/payments/webhook": 0.95,
        "/api/investor/interest": 0.92,
        "/api/auth/refresh": 0.34,
        "/api/upload/complete": 0.3,
    }
    text = "there is no unique or exclusion constraint matching the ON CONFLICT specification"
    fx.fail(
        b,
        Fault(
            key="no constraint",
            hits=hits,
            span=span,
            status=500,
            took_ms=27.0,
            entries=(
                Entry(
                    service="database",
                    component="postgres",
                    request=False,
                    level="ERROR",
                    share=0.7,
                    texts=(
                        f"42P10: {text} STATEMENT:  INSERT INTO payment_events (...) ON CONFLICT (external_id) DO ...",
                        f"42P10: {text} STATEMENT:  INSERT INTO sessions (...) ON CONFLICT (user_id, device_id) DO ...",
                    ),
                ),
                Entry(texts=(f"psycopg.errors.InvalidColumnReference: {text} [{{route}}]",), component="handler"),
            ),
            tracked=Tracked(type="InvalidColumnReference", value=text, culprit="execute(psycopg.cursor)"),
        ),
    )
    fx.surge(b, b.until_mended(b.onset_ms + 5 * MINUTE, ramp_s=1200.0), 2.2, ("/api/payments/webhook",))
    fx.database(b, span, errorRate=(1.0, 0.045))
    return Told(services=("database", "payments", "investor", "auth"), routes=tuple(hits), severity="P2")


SCENARIOS = (
    case("burst_used_up", "The disk's burst is used up", SLOW, burst_used_up, QUERIES, onset_min=(40, 52)),
    case("no_statistics", "Slow after the upgrade, over", SLOW, no_statistics, QUERIES, onset_min=(32, 42), fresh=True),
    case("lock_queue", "Everybody waits behind a migration", LOCKED, lock_queue, WRITES, onset_min=(17, 26)),
    case("by_hand", "A column renamed by hand", DRIFT, by_hand, WRITES, onset_min=(13, 21), beside=("clock_skew",)),
    case("no_constraint", "An index that was needed", DRIFT, no_constraint, WRITES, onset_min=(95, 125)),
)
