"""The database does not answer at all."""

from ...builder import Builder, Tracked
from ...causes import database
from ...scenario import Scenario, Told

DB_TEXTS = (
    "connect ECONNREFUSED 10.20.0.14:5432",
    "connection terminated unexpectedly, {small} clients dropped from the pool",
)
CALLER_TEXTS = ("database unavailable while serving {route}", "query on {table} failed: no connection to the server")


def steps(b: Builder) -> Told:
    """Refuse nearly every query from one moment to the next."""
    return database.database_down(
        b,
        share=b.between("share", 0.9, 0.98),
        db_texts=DB_TEXTS,
        caller_texts=CALLER_TEXTS,
        tracked=Tracked(type="ConnectionError", value="connect ECONNREFUSED", culprit="connect(src/db/pool)"),
    )


RUNBOOKS = ("triage", "outage", "error_rate", "database")
SCENARIOS = (
    Scenario(
        name="database_down", title="Database down", cause="database_down", steps=steps, runbooks=RUNBOOKS, seeds=3
    ),
    Scenario(
        name="database_down_deployed",
        title="Database down, production deployed half an hour before without effect",
        cause="database_down",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("harmless_production_deployment",),
    ),
)
