"""Databases that cannot be reached, and connections that somebody else holds."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Slow, Span, Tracked
from ....causes._who import felt, owners
from ....figures import POOL_SIZE
from ....scenario import Told
from ._parts import DATA, at_hour, deprecations, provider_page, stranger, told, yellow_index


def recovering(b: Builder) -> Told:
    """The kernel kills a server process for memory, all sessions end, it recovers, and minutes later again."""
    at_hour(b, 19.0)
    span = b.until_mended(b.onset_ms, every_s=b.between("every", 330, 420), on_s=140.0)
    share = b.between("share", 0.88, 0.97)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="recovering",
            hits=hits,
            span=span,
            status=500,
            took_ms=75.0,
            entries=(
                Entry(
                    service="database",
                    level="FATAL",
                    component="postgres",
                    request=False,
                    share=0.5,
                    texts=(
                        "FATAL:  the database system is in recovery mode",
                        "FATAL:  the database system is not yet accepting connections",
                    ),
                ),
                Entry(
                    component="asyncpg",
                    share=0.7,
                    texts=(
                        "asyncpg.exceptions.CannotConnectNowError: the database system is in recovery mode",
                        "asyncpg.exceptions.ConnectionDoesNotExistError: connection was closed in the middle of "
                        "operation ({route})",
                    ),
                ),
            ),
            tracked=Tracked(
                type="CannotConnectNowError",
                value="the database system is in recovery mode",
                culprit="connect(asyncpg/connect_utils)",
            ),
        ),
    )
    told(
        b,
        "killed",
        "database",
        "postgres",
        1.6,
        span,
        "LOG:  server process (PID {id}) was terminated by signal 9: Killed",
        "LOG:  terminating any other active server processes",
        "LOG:  database system was interrupted; last known up at {small} min ago",
        level="LOG",
    )
    fx.database(b, span, errorRate=share, activeConnections=0.0, queryCount=(1 - share, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


def no_such_host(b: Builder) -> Told:
    """The provider suspended the project over its quota: its name is gone, and each call fails before it begins."""
    at_hour(b, 16.2)
    yellow_index(b)
    span = b.until_mended(b.onset_ms, ramp_s=40.0)
    share = b.between("share", 0.93, 0.99)
    hits = fx.needing("database", share)
    host = "ep-steep-forest-a2x91k7d.eu-central-1.aws.neon.tech"
    fx.fail(
        b,
        Fault(
            key="no such host",
            hits=hits,
            span=span,
            status=503,
            took_ms=210.0,
            body={"success": False, "message": "Temporarily unavailable"},
            entries=(
                Entry(
                    component="prisma",
                    share=0.8,
                    texts=(
                        f"PrismaClientInitializationError: P1001: Can't reach database server at `{host}:5432`",
                        f"Error: getaddrinfo ENOTFOUND {host} ({{route}})",
                        "NeonDbError: Your account or project has exceeded the compute time quota. Upgrade your plan "
                        "to increase limits.",
                    ),
                ),
            ),
            tracked=Tracked(
                type="PrismaClientInitializationError",
                value="P1001: Can't reach database server",
                culprit="connect(@prisma/client/runtime)",
            ),
        ),
    )
    provider_page(b, "neon", "Neon", "all regions operational", b.always())
    fx.database(b, span, errorRate=share, activeConnections=0.0, queryCount=(1 - share, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


def leaked(b: Builder) -> Told:
    """A path of the code never gives its connection back: minute by minute fewer are left, then people wait."""
    at_hour(b, 17.3)
    deprecations(b)
    span = b.until_mended(b.onset_ms, ramp_s=1500.0)
    share = b.between("share", 0.45, 0.6)
    hits = fx.needing("database", share)
    words = "HikariPool-1 - Connection is not available, request timed out after 8000ms"
    fx.fail(
        b,
        Fault(
            key="leaked",
            hits=hits,
            span=span,
            status=500,
            took_ms=8050.0,
            entries=(
                Entry(
                    component="hikari",
                    level="SEVERE",
                    texts=(
                        "java.sql.SQLTransientConnectionException: " + words + " (total=20, active=20, idle=0, "
                        "waiting={waiting})",
                        "JDBCConnectionException: Unable to acquire JDBC Connection [{route}]",
                    ),
                ),
            ),
            tracked=Tracked(
                type="SQLTransientConnectionException",
                value=words,
                culprit="getConnection(com.zaxxer.hikari.pool.HikariPool)",
            ),
        ),
    )
    told(
        b,
        "leak detector",
        "database",
        "hikari",
        1.2,
        span,
        "Connection leak detection triggered for org.postgresql.jdbc.PgConnection@{hex} on thread worker-{n}, "
        "stack trace follows: ExportController.stream(ExportController.java:{line})",
        level="warn",
    )
    waits = fx.needing("database", 0.6)
    fx.slow(b, Slow(key="leaked wait", hits=waits, span=span, add_ms=2600.0, service="database", external=True))
    early = Span(span.start_ms - 240_000, span.end_ms, ramp_s=900.0)
    fx.database(b, early, activeConnections=float(POOL_SIZE))
    fx.database(b, span, errorRate=(1.0, share * 0.6), queryCount=(1.0 - share * 0.4, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


def reserved_slots(b: Builder) -> Told:
    """A report of the analysts opened a hundred sessions of its own: for us no slot is left, at once."""
    at_hour(b, 8.2)
    span = b.until_mended(b.onset_ms, ramp_s=30.0)
    share = b.between("share", 0.62, 0.78)
    hits = fx.needing("database", share)
    words = "remaining connection slots are reserved for roles with the SUPERUSER attribute"
    fx.fail(
        b,
        Fault(
            key="reserved slots",
            hits=hits,
            span=span,
            status=503,
            took_ms=130.0,
            body={"success": False, "message": "Service temporarily unavailable"},
            entries=(
                Entry(
                    component="pgx",
                    share=0.8,
                    texts=(
                        f"failed to connect to `user=pitchey_app database=pitchey`: server error: FATAL: {words} "
                        "(SQLSTATE 53300)",
                        "acquire: 53300 too_many_connections {route}",
                    ),
                ),
            ),
            tracked=Tracked(
                type="PgError", value=f"FATAL: {words} (SQLSTATE 53300)", culprit="pgxpool.(*Pool).Acquire"
            ),
        ),
    )
    told(
        b,
        "reserved slots holders",
        "database",
        "sessions",
        1.5,
        span,
        "pg_stat_activity: 100 of 100, metabase idle in transaction 8{small}, pitchey_app 1{small}",
        "metabase: 8{small} sessions, oldest xact {n} min",
        level="warn",
    )
    fx.database(b, span, activeConnections=float(POOL_SIZE), errorRate=(1.0, share * 0.7), queryCount=(0.5, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


SCENARIOS = (
    stranger(
        "via_recovering",
        "A database that is killed and recovers",
        "database_down",
        recovering,
        DATA,
        onset_min=(24, 38),
        beside=("noisy_neighbour",),
    ),
    stranger(
        "via_no_such_host",
        "The database's name is gone",
        "database_down",
        no_such_host,
        DATA,
        onset_min=(9, 16),
        beside=("unrelated_deployment",),
    ),
    stranger(
        "via_leaked",
        "Connections that nobody gives back",
        "database_pool_exhausted",
        leaked,
        DATA,
        onset_min=(36, 50),
        beside=("slow_sidekick",),
    ),
    stranger(
        "via_reserved_slots",
        "The analysts took all slots",
        "database_pool_exhausted",
        reserved_slots,
        DATA,
        onset_min=(12, 22),
        beside=("harmless_production_deployment",),
    ),
)
