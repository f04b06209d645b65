"""Queries take many times as long: a missing index, a grown table."""

from ...builder import Builder, Tracked
from ...causes import database
from ...scenario import Scenario, Told

SLOW = (
    "slow query: select on pitches took {long_ms} ms, sequential scan",
    "slow query: select on {table} took {slow_ms} ms",
)
TIMEOUTS = ("canceling statement due to statement timeout on {table}",)


def steps(b: Builder) -> Told:
    """Slow all queries down over a few minutes."""
    return database.slow(
        b,
        factor=b.between("factor", 4, 7),
        add_ms=b.between("add", 900, 1700),
        timeouts=b.between("timeouts", 0.04, 0.09),
        slow_texts=SLOW,
        timeout_texts=TIMEOUTS,
        ramp_s=b.between("ramp", 90, 240),
        tracked=Tracked(type="QueryTimeout", value="query timed out", culprit="query(src/db/pool)"),
    )


RUNBOOKS = ("triage", "performance", "database")
SCENARIOS = (
    Scenario(name="database_slow", title="Database slow", cause="database_slow", steps=steps, runbooks=RUNBOOKS),
    Scenario(
        name="database_slow_crawler",
        title="Database slow while a crawler visits",
        cause="database_slow",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("crawler_visit",),
    ),
)
