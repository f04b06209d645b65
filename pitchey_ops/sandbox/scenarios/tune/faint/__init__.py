"""Three causes that are hard to tell (evaded limits, weak stores, slow databases), each in four more shapes."""

from ....scenario import Scenario
from . import crates, evasions, waits

SCENARIOS: tuple[Scenario, ...] = (*crates.SCENARIOS, *evasions.SCENARIOS, *waits.SCENARIOS)
