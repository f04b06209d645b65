"""All lines to the database are taken."""

from ... import effects as fx
from ...builder import HOUR, Builder, Fault, Slow, Span
from ...causes._who import felt, owners
from ...figures import POOL_SIZE
from ...scenario import Told
from ._parts import (
    DATABASES,
    api_issue,
    door_rattling,
    helpers_shipped,
    judged,
    left,
    local_hour,
    old_clients,
    slow_pictures,
    spoken,
    thin_archive,
    warp_trouble,
)

CAUSE = "database_pool_exhausted"
FULL = float(POOL_SIZE)


def report_left_open(b: Builder) -> Told:
    """A reporting tool opens connection after connection and closes none."""
    local_hour(b, 10.4)
    warp_trouble(b)
    span = b.until_mended(b.onset_ms, ramp_s=b.between("ramp", 400, 540))
    share = b.between("share", 0.3, 0.48)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="left open",
            hits=hits,
            span=span,
            status=500,
            took_ms=210.0,
            entries=(
                left(
                    "FATAL: remaining connection slots are reserved for roles with privileges of the "
                    '"pg_use_reserved_connections" role',
                    service="database",
                    component="postgres",
                    request=False,
                ),
                left("53300 too_many_connections, {route} refused", share=0.6),
            ),
            tracked=api_issue(
                "PostgresError: remaining connection slots are reserved", "ErrorResponse(postgres/src/connection)"
            ),
        ),
    )
    census = spoken(
        "database",
        "census",
        "backends by application: metabase {n} idle in transaction, pitchey-api 12, others 3",
        level="warn",
    )
    fx.say(b, "census", census, 1.0, b.until_mended(b.onset_ms - 4 * 60_000))
    fx.slow(
        b,
        Slow(
            key="left open",
            hits=fx.needing("database", 0.5),
            span=span,
            add_ms=700.0,
            service="database",
            external=True,
        ),
    )
    fx.database(b, span, activeConnections=FULL, errorRate=(1.0, share * 0.8), queryCount=(1 - 0.4 * share, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P2")


def session_mode(b: Builder) -> Told:
    """Somebody pointed the API at the pooler's session port: fifteen lines for everybody."""
    local_hour(b, 21.3)
    old_clients(b)
    span = b.until_mended(b.onset_ms, ramp_s=20.0)
    share = b.between("share", 0.52, 0.7)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="session mode",
            hits=hits,
            span=span,
            status=503,
            took_ms=1300.0,
            entries=(
                left(
                    "error: MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited to "
                    "pool_size",
                    "supavisor: client checkout queue length {waiting}, pool 15 of 15 busy",
                    service="database",
                    component="pooler",
                    request=False,
                ),
                left("no pooler slot for {method} {route}", share=0.5),
            ),
            tracked=api_issue("error: MaxClientsInSessionMode: max clients reached", "parseErrorMessage(pg-protocol)"),
        ),
    )
    fx.slow(
        b,
        Slow(
            key="queue", hits=fx.needing("database", 0.8), span=span, add_ms=1500.0, service="database", external=True
        ),
    )
    fx.database(b, span, connectionPoolSize=15.0, activeConnections=15.0, errorRate=(1.0, share * 0.7))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


def waves(b: Builder) -> Told:
    """Every few minutes a batch takes all connections at once, and gives them back."""
    local_hour(b, 16.4)
    helpers_shipped(b)
    slow_pictures(b)
    span = b.until_mended(b.onset_ms, every_s=270.0, on_s=b.between("on", 120, 160))
    share = b.between("share", 0.6, 0.8)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="waves",
            hits=hits,
            span=span,
            status=500,
            took_ms=5100.0,
            entries=(
                left(
                    "KnexTimeoutError: Knex: Timeout acquiring a connection. The pool is probably full. "
                    "Are you missing a .transacting(trx) call?",
                    service="database",
                    component="tarn",
                    request=False,
                ),
                left("tarn: {waiting} pending acquires when {route} gave up", share=0.6),
            ),
            tracked=api_issue(
                "KnexTimeoutError: Knex: Timeout acquiring a connection.", "acquireConnection(knex/lib/client)"
            ),
        ),
    )
    batch = spoken(
        "database", "batch", "royalty statements: worker {small} of 20 holds a connection for {n} s", level="info"
    )
    fx.say(b, "waves batch", batch, 9.0, span)
    fx.slow(
        b,
        Slow(
            key="waves", hits=fx.needing("database", 0.7), span=span, add_ms=2200.0, service="database", external=True
        ),
    )
    fx.database(b, span, activeConnections=FULL, errorRate=(1.0, share * 0.6), p99QueryTime=(2.2, 300.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P2")


def trickle(b: Builder) -> Told:
    """Since an hour and a half a few connections an hour are not given back; now the last ones are gone."""
    local_hour(b, 23.5)
    door_rattling(b)
    thin_archive(b)
    leak = b.until_mended(b.onset_ms - int(1.5 * HOUR), ramp_s=5400.0)
    fx.database(b, Span(leak.start_ms, leak.end_ms, ramp_s=leak.ramp_s), activeConnections=FULL)
    creaking = spoken(
        "database", "pool", "pool low: {small} of 20 connections idle, {waiting} callers queued", level="warn"
    )
    fx.say(b, "trickle", creaking, 2.0, leak)
    span = b.until_mended(b.onset_ms, ramp_s=240.0)
    share = b.between("share", 0.35, 0.55)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="trickle",
            hits=hits,
            span=span,
            status=503,
            took_ms=8200.0,
            entries=(
                left(
                    "ConnectionAcquireTimeoutError [SequelizeConnectionAcquireTimeoutError]: Operation timeout",
                    service="database",
                    component="pool",
                    request=False,
                ),
                left("ResourceRequest timed out while {route} waited for a client", share=0.7),
            ),
            tracked=api_issue(
                "SequelizeConnectionAcquireTimeoutError: Operation timeout",
                "getConnection(sequelize/connection-manager)",
            ),
        ),
    )
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P2")


SCENARIOS = (
    judged(
        "lines_report",
        "A reporting tool keeps connections",
        CAUSE,
        report_left_open,
        DATABASES,
        onset_min=(18, 28),
        beside=("few_typists",),
    ),
    judged(
        "lines_session_mode",
        "Fifteen lines for everybody",
        CAUSE,
        session_mode,
        DATABASES,
        onset_min=(9, 14),
        beside=("crawler_visit", "clock_skew"),
    ),
    judged("lines_waves", "All connections taken in waves", CAUSE, waves, DATABASES, onset_min=(22, 34)),
    judged("lines_trickle", "Connections trickle away", CAUSE, trickle, DATABASES, onset_min=(14, 22), seeds=1),
)
