"""A migration changed a table under the running code."""

from ...builder import Builder, Tracked
from ...causes import database
from ...scenario import Scenario, Told

PATHS = ("/api/pitches", "/api/pitches/search", "/api/creator/pitches", "/api/creator/dashboard")


def steps(b: Builder) -> Told:
    """Rename a column that the code still asks for."""
    return database.drifted(
        b,
        paths=PATHS,
        share=b.between("share", 0.5, 0.8),
        script="pitchey-migrations",
        message="migration 0042",
        lead_s=b.between("lead", 5, 40),
        db_texts=('column "budget_range" does not exist in select on pitches',),
        caller_texts=("query failed: column p.budget_range does not exist ({method} {route})",),
        tracked=Tracked(
            type="DatabaseError", value='column "budget_range" does not exist', culprit="query(src/db/pool)"
        ),
    )


RUNBOOKS = ("triage", "error_rate", "database")
SCENARIOS = (
    Scenario(
        name="schema_drift",
        title="Table changed under the running code",
        cause="schema_drift",
        steps=steps,
        runbooks=RUNBOOKS,
    ),
    Scenario(
        name="schema_drift_busy",
        title="Table changed under the running code on a busy evening",
        cause="schema_drift",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("busy_evening",),
    ),
)
