"""Days and incidents in words, vendors and tongues that no other set uses; written without knowledge of the rules."""

from ....scenario import Scenario
from . import audiences, guards, machines, people, releases, upkeep, words

SCENARIOS: tuple[Scenario, ...] = (
    *audiences.SCENARIOS,
    *guards.SCENARIOS,
    *machines.SCENARIOS,
    *people.SCENARIOS,
    *releases.SCENARIOS,
    *upkeep.SCENARIOS,
    *words.SCENARIOS,
)
