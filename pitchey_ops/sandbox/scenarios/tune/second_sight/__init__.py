"""Days and incidents in words, vendors and tongues that no other set uses; written without knowledge of the rules."""

from ....scenario import Scenario
from . import (
    audiences,
    evaders,
    guards,
    houses,
    labours,
    machines,
    people,
    prowlers,
    releases,
    shelves,
    tables,
    upkeep,
    words,
)

SCENARIOS: tuple[Scenario, ...] = (
    *audiences.SCENARIOS,
    *guards.SCENARIOS,
    *machines.SCENARIOS,
    *people.SCENARIOS,
    *releases.SCENARIOS,
    *upkeep.SCENARIOS,
    *words.SCENARIOS,
    *evaders.SCENARIOS,
    *houses.SCENARIOS,
    *labours.SCENARIOS,
    *prowlers.SCENARIOS,
    *shelves.SCENARIOS,
    *tables.SCENARIOS,
)
