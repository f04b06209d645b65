"""Days on which users are served though much looks odd: visitors, upkeep, and programs that talk of errors."""

from ....scenario import Scenario
from . import people, upkeep, words

SCENARIOS: tuple[Scenario, ...] = (
    *people.SCENARIOS,
    *upkeep.SCENARIOS,
    *words.SCENARIOS,
)
