"""No connection left."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Slow, Tracked
from ....causes import database
from ....figures import POOL_SIZE
from ....scenario import Told
from ._parts import DATA, at_hour, bounces, doorknobs, frontend_deployed, judged

CAUSE = "database_pool_exhausted"


def permits(b: Builder) -> Told:
    """The provider's proxy hands out no more permits."""
    at_hour(b, 12.5)
    doorknobs(b)
    return database.pool_exhausted(
        b,
        share=b.between("share", 0.24, 0.4),
        ramp_s=b.between("ramp", 180, 300),
        status=500,
        wait_ms=3200.0,
        db_texts=(
            "NeonDbError: Failed to acquire permit to connect to the database. "
            "Too many database connection attempts are currently ongoing.",
            'FATAL: too many connections for role "neondb_owner" (SQLSTATE 53300)',
        ),
        caller_texts=("NeonDbError 53300 in {method} {route} after {ms} ms",),
        tracked=Tracked(
            type="NeonDbError",
            value="Failed to acquire permit to connect to the database",
            culprit="neon(src/db/serverless)",
        ),
    )


def slots(b: Builder) -> Told:
    """The pooler in front of the database fills for a quarter of an hour."""
    at_hour(b, 20.5)
    return database.pool_exhausted(
        b,
        share=b.between("share", 0.16, 0.26),
        ramp_s=900.0,
        status=500,
        wait_ms=7500.0,
        db_texts=("Hyperdrive: Timed out while waiting for an open slot in the pool.",),
        caller_texts=("{method} {route}: error: Timed out while waiting for an open slot in the pool.",),
        tracked=Tracked(
            type="error",
            value="Timed out while waiting for an open slot in the pool.",
            culprit="Client._handleErrorMessage(node_modules/pg/lib/client)",
        ),
        severity="P2",
    )


def second_pool(b: Builder) -> Told:
    """Only the pool of the people's inbox is used up; the catalogue has its own."""
    frontend_deployed(b)
    bounces(b)
    paths = ("/api/messages", "/api/notifications", "/api/investor/portfolio", "/api/investor/interest")
    span = b.until_mended(b.onset_ms, ramp_s=90.0)
    hits = fx.of(paths, b.between("share", 0.45, 0.7))
    fx.fail(
        b,
        Fault(
            key="second pool",
            hits=hits,
            span=span,
            status=503,
            took_ms=6100.0,
            entries=(
                Entry(
                    service="database",
                    component="pgbouncer",
                    request=False,
                    share=0.8,
                    texts=(
                        "pgbouncer: closing because: query_wait_timeout (age={n}s) db=pitchey_social",
                        "pgbouncer: no more connections allowed (max_client_conn) db=pitchey_social",
                    ),
                ),
                Entry(texts=("query_wait_timeout from pooler, {route} given up",), component="handler"),
            ),
            tracked=Tracked(type="DatabaseError", value="query_wait_timeout", culprit="query(src/db/social)"),
        ),
    )
    fx.slow(b, Slow(key="second pool", hits=fx.of(paths, 0.8), span=span, add_ms=2600.0, service="database"))
    fx.database(b, span, activeConnections=float(POOL_SIZE), p99QueryTime=(2.0, 800.0), errorRate=(1.0, 0.12))
    return Told(services=("database", "messaging", "notification", "investor"), routes=paths, severity="P2")


SCENARIOS = (
    judged(
        "pool_permits",
        "No permits for connections",
        CAUSE,
        permits,
        DATA,
        beside=("harmless_production_deployment", "logs_lost"),
    ),
    judged(
        "pool_slots",
        "The pooler fills slowly",
        CAUSE,
        slots,
        DATA,
        onset_min=(22, 32),
        beside=("busy_evening", "noisy_neighbour"),
        seeds=3,
    ),
    judged(
        "pool_second",
        "The inbox's pool is used up",
        CAUSE,
        second_pool,
        DATA,
        onset_min=(12, 20),
        beside=("logs_unseen",),
    ),
)
