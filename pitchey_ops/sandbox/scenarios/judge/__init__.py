"""Scenarios that score the rules, written apart from those that tune; nobody fits anything to them."""

from ...scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = ()
