"""Nobody home at the database."""

from ... import effects as fx
from ...builder import HOUR, Builder, Fault, Slow, Span
from ...causes._who import felt, owners
from ...scenario import Told
from ._parts import (
    DATABASES,
    api_issue,
    helpers_shipped,
    index_backlog,
    judged,
    left,
    local_hour,
    loud_analytics,
    morning_blip,
    pages_shipped,
    spoken,
    untracked,
)

CAUSE = "database_down"


def hanging(b: Builder) -> Told:
    """Connections are opened and never answered: every request waits ten seconds and gives up."""
    local_hour(b, 18.2)
    index_backlog(b)
    span = b.until_mended(b.onset_ms, ramp_s=25.0)
    share = b.between("share", 0.88, 0.97)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="hanging",
            hits=hits,
            span=span,
            status=504,
            took_ms=10_200.0,
            body={"success": False, "message": "Gateway Timeout"},
            entries=(
                left(
                    "Error: write CONNECT_TIMEOUT ep-lively-heath-a2.eu-central-1.aws.neon.tech:5432",
                    service="database",
                    component="postgres.js",
                    request=False,
                    share=0.85,
                ),
                left("CONNECT_TIMEOUT after 10 s, {method} {route} not answered", share=0.7),
            ),
            tracked=api_issue(
                "Error: write CONNECT_TIMEOUT ep-lively-heath-a2.eu-central-1.aws.neon.tech:5432",
                "connectTimedOut(node_modules/postgres/src/connection)",
            ),
        ),
    )
    fx.database(b, span, errorRate=share, activeConnections=0.0, queryCount=(0.05, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


def wal_full(b: Builder) -> Told:
    """The disk of the database filled all day, and then the server stopped itself."""
    local_hour(b, 4.6)
    helpers_shipped(b)
    omen = spoken(
        "database",
        "postgres",
        "LOG: checkpoints are occurring too frequently ({small} seconds apart)",
        "volume pgdata: {n} GB of 200 GB left",
        level="warn",
    )
    fx.say(b, "wal omen", omen, 0.25, Span(b.onset_ms - 9 * HOUR, b.onset_ms))
    span = b.until_mended(b.onset_ms)
    share = b.between("share", 0.95, 1.0)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="wal full",
            hits=hits,
            span=span,
            status=503,
            took_ms=60.0,
            body={"success": False, "message": "Service Unavailable"},
            entries=(
                left(
                    "Error: Connection terminated unexpectedly",
                    "Error: connect ECONNREFUSED 172.31.8.20:6432",
                    service="database",
                    component="pg",
                    request=False,
                ),
                left("{route} unavailable: no connection could be made to postgres", share=0.6),
            ),
            tracked=api_issue(
                "Error: Connection terminated unexpectedly", "connectionErrorHandler(node_modules/pg/lib/client)"
            ),
        ),
    )
    last = spoken(
        "database",
        "postgres",
        'PANIC: could not write to file "pg_wal/xlogtemp.{id}": No space left on device',
        "LOG: startup process (PID {id}) was terminated by signal 6: Aborted",
        "LOG: aborting startup due to startup process failure",
    )
    fx.say(b, "wal full", last, 3.0, span)
    fx.database(b, span, errorRate=1.0, activeConnections=0.0, queryCount=0.0)
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


def one_of_two(b: Builder) -> Told:
    """Hyperdrive reaches the database on one of its two ways only; the other is refused."""
    local_hour(b, 9.4)
    loud_analytics(b)
    morning_blip(b)
    span = b.until_mended(b.onset_ms, ramp_s=90.0)
    share = b.between("share", 0.42, 0.58)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="one of two",
            hits=hits,
            span=span,
            status=500,
            took_ms=3100.0,
            entries=(
                left(
                    "PostgresError: Server connection attempt failed: connection_refused (Hyperdrive 2011)",
                    "PostgresError: Failed to acquire a connection, origin cannot be reached (Hyperdrive 2010)",
                    service="database",
                    component="hyperdrive",
                    request=False,
                    share=0.9,
                ),
                left("query not sent for {route}: no origin connection", share=0.5),
            ),
            tracked=api_issue(
                "PostgresError: Server connection attempt failed: connection_refused", "query(src/db/hyperdrive)"
            ),
        ),
    )
    fx.slow(b, Slow(key="one of two", hits=fx.needing("database", 0.3), span=span, add_ms=900.0, service="database"))
    fx.database(b, span, errorRate=(1.0, share), queryCount=(1 - share, 0.0), activeConnections=(0.5, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


def failed_over(b: Builder) -> Told:
    """The primary was replaced; a sixth of the instances keep asking the old one, which is no more."""
    local_hour(b, 13.8)
    pages_shipped(b)
    span = b.until_mended(b.onset_ms, ramp_s=5.0)
    share = b.between("share", 0.62, 0.78)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="failed over",
            hits=hits,
            span=span,
            status=500,
            took_ms=410.0,
            entries=(
                left(
                    "error: terminating connection due to administrator command (57P01)",
                    "Error: connect EHOSTUNREACH 172.31.8.11:5432",
                    "Error: Client has encountered a connection error and is not queryable",
                    service="database",
                    component="pg",
                    request=False,
                ),
                left("{method} {route}: postgres host is gone (EHOSTUNREACH)", share=0.5),
            ),
            tracked=api_issue("Error: connect EHOSTUNREACH 172.31.8.11:5432", "TCPConnectWrap(node:net)"),
        ),
    )
    fx.database(b, span, errorRate=share, activeConnections=1.0, queryCount=(1 - share, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


SCENARIOS = (
    judged(
        "gone_hanging",
        "Connections hang in the rush of the evening",
        CAUSE,
        hanging,
        DATABASES,
        onset_min=(6, 10),
        beside=("busy_evening",),
    ),
    judged("gone_wal_full", "A disk fills, the server stops", CAUSE, wal_full, DATABASES, onset_min=(16, 26)),
    judged(
        "gone_one_of_two",
        "One of two ways to the database is closed",
        CAUSE,
        one_of_two,
        DATABASES,
        onset_min=(28, 40),
        beside=("slow_sidekick", "few_typists"),
    ),
    judged(
        "gone_failed_over",
        "The old primary is asked still, Sentry hears nothing",
        CAUSE,
        untracked(failed_over),
        DATABASES,
        onset_min=(12, 20),
    ),
)
