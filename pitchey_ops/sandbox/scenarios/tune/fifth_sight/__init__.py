"""Faults of stores, limits, doors and databases, told in the words that real software writes."""

from ....scenario import Scenario
from . import bases, doors, latches, stores

SCENARIOS: tuple[Scenario, ...] = (
    *stores.SCENARIOS,
    *doors.SCENARIOS,
    *latches.SCENARIOS,
    *bases.SCENARIOS,
)
