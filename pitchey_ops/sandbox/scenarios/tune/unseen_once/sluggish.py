"""Queries that take long."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Slow, Tracked
from ....causes import database
from ....scenario import Told
from ._parts import SLOWNESS, at_hour, bounces, clumsy_partner, holes, in_words, judged

CAUSE = "database_slow"


def inbox(b: Builder) -> Told:
    """One table lost its index: whoever opens the inbox waits."""
    at_hour(b, 9.5)
    clumsy_partner(b)
    paths = ("/api/messages", "/api/notifications")
    span = b.until_mended(b.onset_ms, ramp_s=600.0)
    fx.slow(
        b,
        Slow(
            key="inbox",
            hits=fx.of(paths, 0.95),
            span=span,
            factor=6.0,
            add_ms=b.between("add", 2400, 3800),
            service="database",
        ),
    )
    fx.fail(
        b,
        Fault(
            key="inbox",
            hits=fx.of(paths, b.between("share", 0.05, 0.11)),
            span=span,
            status=504,
            took_ms=9000.0,
            entries=(
                Entry(
                    service="database",
                    component="postgres",
                    request=False,
                    texts=(
                        "ERROR: canceling statement due to statement timeout (57014) "
                        "STATEMENT: SELECT * FROM messages WHERE recipient_id = $1",
                    ),
                ),
                Entry(texts=("57014 query_canceled for {user} on {route}",), component="handler"),
            ),
            tracked=Tracked(
                type="error",
                value="canceling statement due to statement timeout (57014)",
                culprit="inbox(src/messaging/store)",
            ),
        ),
    )
    plan = Entry(
        service="database",
        level="warn",
        component="postgres",
        request=False,
        texts=(
            "LOG: duration: {long_ms}.114 ms  execute <unnamed>: SELECT * FROM messages WHERE recipient_id = $1 "
            "ORDER BY sent_at DESC",
            "auto_explain: Seq Scan on messages (cost=0.00..418{n}.55 rows=1{id} width=212)",
        ),
    )
    fx.say(b, "inbox plans", plan, 9.0, span)
    fx.database(
        b,
        span,
        slowQueries=(1.0, 9.0),
        avgQueryTime=(2.2, 60.0),
        p95QueryTime=(4.0, 1500.0),
        p99QueryTime=(4.0, 3200.0),
        activeConnections=(1.3, 1.0),
    )
    return Told(services=("database", "messaging", "notification"), routes=paths, severity="P3")


def disks(b: Builder) -> Told:
    """The storage below the database became slow, little by little."""
    at_hour(b, 15.0)
    return database.slow(
        b,
        factor=b.between("factor", 3.0, 4.5),
        add_ms=b.between("add", 700, 1100),
        timeouts=b.between("timeouts", 0.012, 0.03),
        ramp_s=900.0,
        slow_texts=(
            'LOG: temporary file: path "base/pgsql_tmp/pgsql_tmp{id}.0", size {size}; query took {slow_ms} ms',
            "LOG: duration: {slow_ms}.507 ms  statement: SELECT count(*) FROM {table}; IO/DataFileRead",
        ),
        timeout_texts=("Error: Query read timeout ({table}), socket open for {long_ms} ms",),
        tracked=Tracked(type="Error", value="Query read timeout", culprit="Timeout(node_modules/pg/lib/client)"),
    )


def since_noon(b: Builder) -> Told:
    """It began hours before anybody asked."""
    at_hour(b, 18.0)
    bounces(b)
    holes(b)
    return database.slow(
        b,
        factor=b.between("factor", 4, 6),
        add_ms=b.between("add", 1300, 2200),
        timeouts=b.between("timeouts", 0.03, 0.06),
        ramp_s=1200.0,
        slow_texts=(
            "LOG: duration: {long_ms}.902 ms  parse/bind/execute on {table}; autovacuum: VACUUM {table} "
            "(to prevent wraparound) is running",
        ),
        timeout_texts=("ERROR: 57014: canceling statement due to statement timeout ({table})",),
        tracked=Tracked(type="PostgresError", value="57014 canceling statement", culprit="execute(src/db/drizzle)"),
    )


TIMED_OUT = "query timed out after {long_ms} ms serving {route}"
DISK_WORDS = {TIMED_OUT: "{route}: no rows within {long_ms} ms, gave up"}
HOURS_WORDS = {TIMED_OUT: "57014 for {method} {route} after {long_ms} ms"}

SCENARIOS = (
    judged(
        "slow_inbox", "The inbox crawls", CAUSE, inbox, SLOWNESS, onset_min=(26, 36), beside=("unrelated_deployment",)
    ),
    judged(
        "slow_disks",
        "Storage below the database slow",
        CAUSE,
        in_words(disks, DISK_WORDS),
        SLOWNESS,
        onset_min=(28, 38),
        beside=("slow_sidekick", "noisy_neighbour"),
        seeds=3,
    ),
    judged(
        "slow_for_hours",
        "Slow for hours already",
        CAUSE,
        in_words(since_noon, HOURS_WORDS),
        SLOWNESS,
        onset_min=(150, 190),
        beside=("clock_skew",),
    ),
)
