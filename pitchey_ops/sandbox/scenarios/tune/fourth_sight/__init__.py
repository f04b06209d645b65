"""Days on which users are served: ordinary, lively and odd ones, written without knowledge of the rules."""

from ....scenario import Scenario
from . import emptied, lively, oddities, ordinary

SCENARIOS: tuple[Scenario, ...] = (
    *ordinary.SCENARIOS,
    *lively.SCENARIOS,
    *oddities.SCENARIOS,
    *emptied.SCENARIOS,
)
