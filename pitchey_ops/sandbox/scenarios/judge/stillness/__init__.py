"""Times at which nothing is wrong: ordinary ones, lively ones, and odd ones; written without sight of the rules."""

from ....scenario import Scenario
from . import lively, odd, usual

SCENARIOS: tuple[Scenario, ...] = (
    *usual.SCENARIOS,
    *lively.SCENARIOS,
    *odd.SCENARIOS,
)
