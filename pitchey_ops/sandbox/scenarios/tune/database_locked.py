"""Transactions block each other: writes fail or wait, reads go on."""

from ...builder import Builder, Tracked
from ...causes import database
from ...scenario import Scenario, Told

LOCKS = (
    "deadlock detected between transactions {id} and {id2}",
    "canceling statement due to lock timeout on relation {table}",
)
CALLERS = ("could not save: lock on {table} not available ({method} {route})",)


def steps(b: Builder) -> Told:
    """Block writers behind one long transaction."""
    return database.locked(
        b,
        share=b.between("share", 0.45, 0.75),
        lock_texts=LOCKS,
        caller_texts=CALLERS,
        ramp_s=b.between("ramp", 30, 120),
        tracked=Tracked(
            type="LockTimeout", value="canceling statement due to lock timeout", culprit="transaction(src/db/pool)"
        ),
    )


RUNBOOKS = ("triage", "error_rate", "database")
SCENARIOS = (
    Scenario(
        name="database_locked",
        title="Writers blocked by locks",
        cause="database_locked",
        steps=steps,
        runbooks=RUNBOOKS,
    ),
    Scenario(
        name="database_locked_lossy",
        title="Writers blocked by locks, 3 % of the log lost",
        cause="database_locked",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("logs_lost",),
    ),
)
