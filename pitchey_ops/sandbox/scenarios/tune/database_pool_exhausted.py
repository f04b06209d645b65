"""All database connections are taken: requests wait five seconds for one, and many give up."""

from ...builder import Builder, Tracked
from ...causes import database
from ...scenario import Scenario, Told

DB_TEXTS = (
    "timeout acquiring connection from pool after {long_ms} ms (size=20 active=20 waiting={waiting})",
    "remaining connection slots are reserved for roles with the SUPERUSER attribute",
)
CALLER_TEXTS = (
    "could not get a database connection for {route}: pool timeout",
    "query failed: timeout exceeded when trying to connect ({table})",
)


def steps(b: Builder) -> Told:
    """Fill the pool over one to three minutes."""
    return database.pool_exhausted(
        b,
        share=b.between("share", 0.4, 0.65),
        ramp_s=b.between("ramp", 40, 150),
        db_texts=DB_TEXTS,
        caller_texts=CALLER_TEXTS,
        tracked=Tracked(
            type="PoolTimeoutError",
            value="timeout exceeded when trying to connect",
            culprit="acquire(src/db/pool)",
        ),
    )


RUNBOOKS = ("triage", "outage", "error_rate", "database")
SCENARIOS = (
    Scenario(
        name="database_pool_exhausted",
        title="Database pool exhausted",
        cause="database_pool_exhausted",
        steps=steps,
        runbooks=RUNBOOKS,
        severity="P1",
        seeds=3,
    ),
    Scenario(
        name="database_pool_exhausted_deployment",
        title="Database pool exhausted, an unrelated deployment minutes before",
        cause="database_pool_exhausted",
        steps=steps,
        runbooks=RUNBOOKS,
        severity="P1",
        beside=("unrelated_deployment",),
    ),
)
