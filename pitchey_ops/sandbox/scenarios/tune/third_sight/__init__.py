"""Harmless days that look odd, and faults that look like them; written without knowledge of the rules."""

from ....scenario import Scenario
from . import doors, lookalikes, mixed, works

SCENARIOS: tuple[Scenario, ...] = (
    *doors.SCENARIOS,
    *works.SCENARIOS,
    *mixed.SCENARIOS,
    *lookalikes.SCENARIOS,
)
