"""Days as lively as those of real platforms, on which nothing is wrong; written without knowledge of the rules."""

from ....scenario import Scenario
from . import audiences, consoles, customers, entrances, offices, releases, robots, upkeep

SCENARIOS: tuple[Scenario, ...] = (
    *audiences.SCENARIOS,
    *consoles.SCENARIOS,
    *customers.SCENARIOS,
    *entrances.SCENARIOS,
    *offices.SCENARIOS,
    *releases.SCENARIOS,
    *robots.SCENARIOS,
    *upkeep.SCENARIOS,
)
