"""The database cannot be reached, or has no connection to spare."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Entry, Fault, Slow, Span, Tracked
from ....causes._who import felt, owners, writes
from ....figures import POOL_SIZE
from ....scenario import Told
from ._parts import DATA, case, deprecated, earlier_release, healed, hour_is, old_client, unheard

DOWN, POOL = "database_down", "database_pool_exhausted"


def disk_full(b: Builder) -> Told:
    """The log archive of the database stands still since yesterday; the disk fills: first no writes, then nothing."""
    hour_is(b, 14.6)
    deprecated(b)
    archiving = Entry(
        service="database",
        level="LOG",
        component="postgres",
        request=False,
        texts=(
            "[{id}] LOG:  archive command failed with exit code 1",
            '[{id}] WARNING:  archiving write-ahead log file "0000000100000A3F{hex}" failed too many times, '
            "will try again later",
        ),
    )
    fx.say(b, "archiving", archiving, 0.6, Span(b.onset_ms - 19 * HOUR, b.now_ms + 5 * HOUR))
    crash = b.onset_ms + int(b.between("crash", 5, 7) * MINUTE)
    first = b.until_mended(b.onset_ms, crash, ramp_s=30.0)
    fx.fail(
        b,
        Fault(
            key="no room",
            hits=fx.of(writes(), b.between("writes", 0.75, 0.92)),
            span=first,
            took_ms=70.0,
            entries=(
                Entry(
                    service="database",
                    component="postgres",
                    level="ERROR",
                    request=False,
                    texts=(
                        '[{id}] ERROR:  could not extend file "base/16401/24{id2}": No space left on device',
                        '[{id}] ERROR:  could not extend file "base/16401/2674.{small}": wrote only 4096 of 8192 bytes '
                        "at block {id2}",
                    ),
                ),
                Entry(
                    texts=("PostgresError: 53100 disk_full at {method} {route}",), component="handler", level="error"
                ),
            ),
            tracked=Tracked(
                type="PostgresError",
                value="could not extend file: No space left on device (53100)",
                culprit="insert(src/db/repository)",
            ),
        ),
    )
    fx.database(b, first, errorRate=(1.0, 0.09))
    span = b.until_mended(crash)
    hits = fx.needing("database", b.between("share", 0.94, 0.99))
    fx.fail(
        b,
        Fault(
            key="crashed",
            hits=hits,
            span=span,
            took_ms=45.0,
            entries=(
                Entry(
                    service="database",
                    component="postgres",
                    level="FATAL",
                    request=False,
                    texts=(
                        "[{id}] FATAL:  the database system is not yet accepting connections",
                        "[{id}] FATAL:  the database system is not accepting connections DETAIL:  Hot standby mode is "
                        "disabled.",
                        "[{id}] FATAL:  the database system is in recovery mode",
                    ),
                ),
                Entry(
                    texts=(
                        "Error: Connection terminated unexpectedly ({method} {route})",
                        "connect ECONNREFUSED 10.31.7.12:5432 for {route}",
                    ),
                    component="handler",
                ),
            ),
            tracked=Tracked(
                type="Error", value="connect ECONNREFUSED 10.31.7.12:5432", culprit="Client.connect(node_modules/pg)"
            ),
        ),
    )
    crashes = Entry(
        service="database",
        level="LOG",
        component="postgres",
        request=False,
        texts=(
            '[{id}] PANIC:  could not write to file "pg_wal/xlogtemp.{id}": No space left on device',
            "[1] LOG:  startup process (PID {id}) was terminated by signal 6: Aborted",
            "[1] LOG:  aborting startup due to startup process failure",
            "[1] LOG:  database system is shut down",
        ),
    )
    fx.say(b, "crashes", crashes, 3.0, span)
    fx.database(b, span, errorRate=0.97, activeConnections=0.0, queryCount=(0.03, 0.0), avgQueryTime=(0.3, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


def six_only(b: Builder) -> Told:
    """The database's name has lost its old kind of address; as caches forget it, ever fewer callers get through."""
    hour_is(b, 10.3)
    earlier_release(b)
    old_client(b)
    span = b.until_mended(b.onset_ms, ramp_s=1500.0)
    share = b.between("share", 0.72, 0.86)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="six only",
            hits=hits,
            span=span,
            status=500,
            took_ms=19.0,
            entries=(
                Entry(
                    texts=(
                        "connect ENETUNREACH 2a05:d018:135e:1602:9d0f:7d4a:1c2:e5b1:5432 - Local (:::0)",
                        "code=ENETUNREACH syscall=connect address=2a05:d018:135e:1602:9d0f:7d4a:1c2:e5b1 port=5432 "
                        "req={hex}",
                        "AggregateError [ENETUNREACH] at internalConnectMultiple (node:net:1134:18) {route}",
                    ),
                    component="pg",
                    level="err",
                ),
            ),
            tracked=Tracked(
                type="Error",
                value="connect ENETUNREACH 2a05:d018:135e:1602:9d0f:7d4a:1c2:e5b1:5432",
                culprit="internalConnectMultiple(node:net)",
                share=0.5,
            ),
        ),
    )
    fx.database(b, span, queryCount=(1.0 - share, 0.0), activeConnections=(0.35, 0.0))
    unheard(b, "fewer queries", span, "database", share=share)
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


def two_digests(b: Builder) -> Told:
    """Two runs of one job hold all sessions of the pooler, for two minutes of every five."""
    hour_is(b, 8.4)
    healed(b)
    span = b.until_mended(b.onset_ms, every_s=300.0, on_s=b.between("on", 115, 150))
    share = b.between("share", 0.42, 0.6)
    hits = fx.needing("database", share)
    text = "(EMAXCONNSESSION) max clients reached in session mode - max clients are limited to pool_size: 20"
    fx.fail(
        b,
        Fault(
            key="two digests",
            hits=hits,
            span=span,
            status=500,
            took_ms=2300.0,
            entries=(
                Entry(
                    service="database",
                    component="supavisor",
                    level="error",
                    request=False,
                    share=0.6,
                    texts=(f"ClientHandler: {text} tenant=pitchey user=app", f"region=eu-central-1 error={text}"),
                ),
                Entry(texts=(f"PostgresError: {text} | {{method}} {{route}}",), component="handler"),
            ),
            tracked=Tracked(type="PostgresError", value=text, culprit="ErrorResponse(node_modules/postgres)"),
        ),
    )
    fx.slow(
        b,
        Slow(
            key="two digests",
            hits=fx.needing("database", 0.7),
            span=span,
            factor=1.3,
            add_ms=900.0,
            service="database",
            external=True,
        ),
    )
    fx.database(
        b,
        span,
        activeConnections=float(POOL_SIZE),
        errorRate=(1.0, share * 0.7),
        avgQueryTime=(1.6, 12.0),
        p95QueryTime=(2.4, 150.0),
        p99QueryTime=(2.6, 420.0),
    )
    runs = Entry(
        service="scheduler",
        level="warn",
        component="cron",
        request=False,
        texts=(
            "digest-mails: previous run {hex} has not finished, starting anyway",
            "digest-mails run={hex} holder=cron-b also running: run={hex} holder=cron-a",
        ),
    )
    fx.say(b, "two digests", runs, 1.2, span)
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P2")


def storm(b: Builder) -> Told:
    """The database changed hosts in half a minute; then everybody came back at once, and comes again and again."""
    hour_is(b, 19.4)
    switch = b.until_mended(b.onset_ms, b.onset_ms + 30_000)
    fx.fail(
        b,
        Fault(
            key="switch",
            hits=fx.needing("database", 0.9),
            span=switch,
            took_ms=35.0,
            entries=(
                Entry(
                    service="database",
                    component="postgres",
                    request=False,
                    level="FATAL",
                    most_per_min=30,
                    texts=("57P01: terminating connection due to administrator command",),
                ),
            ),
        ),
    )
    span = b.until_mended(b.onset_ms + 30_000)
    share = b.between("share", 0.36, 0.52)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="storm",
            hits=hits,
            span=span,
            status=503,
            took_ms=11_500.0,
            body={"success": False, "message": "Service temporarily unavailable"},
            entries=(
                Entry(
                    service="database",
                    component="postgres",
                    request=False,
                    share=0.7,
                    level="FATAL",
                    texts=("53300: remaining connection slots are reserved for roles with the SUPERUSER attribute",),
                ),
                Entry(
                    texts=(
                        "KnexTimeoutError: Knex: Timeout acquiring a connection. The pool is probably full. "
                        "Are you missing a .transacting(trx) call?",
                        "TimeoutError: ResourceRequest timed out ({method} {route})",
                    ),
                    component="knex",
                ),
            ),
            tracked=Tracked(
                type="KnexTimeoutError",
                value="Knex: Timeout acquiring a connection. The pool is probably full.",
                culprit="Client_PG.acquireConnection(knex/lib/client)",
            ),
        ),
    )
    fx.slow(
        b,
        Slow(
            key="storm",
            hits=fx.needing("database", 0.8),
            span=span,
            factor=1.4,
            add_ms=2600.0,
            service="database",
            external=True,
        ),
    )
    fx.surge(b, b.until_mended(b.onset_ms + MINUTE, ramp_s=90.0), b.between("again", 1.4, 1.8), tuple(fx.in_worker()))
    fx.database(
        b,
        span,
        activeConnections=float(POOL_SIZE),
        queryCount=(0.55, 0.0),
        errorRate=(1.0, share * 0.8),
        avgQueryTime=(1.9, 18.0),
        p95QueryTime=(2.8, 240.0),
        p99QueryTime=(3.0, 700.0),
    )
    joins = Entry(
        service="database",
        level="LOG",
        component="postgres",
        request=False,
        texts=(
            "connection received: host=10.31.8.{n} port={id}",
            "connection authorized: user=app database=pitchey SSL enabled (protocol=TLSv1.3)",
        ),
    )
    fx.say(b, "joins", joins, 40.0, span)
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


SCENARIOS = (
    case("disk_full", "The database's disk is full", DOWN, disk_full, DATA, onset_min=(15, 22)),
    case("six_only", "An address that few can reach", DOWN, six_only, DATA, onset_min=(27, 36)),
    case("two_digests", "A job runs twice and holds all sessions", POOL, two_digests, DATA, onset_min=(42, 55)),
    case("storm", "All come back at once", POOL, storm, DATA, onset_min=(10, 16), beside=("few_typists",)),
)
