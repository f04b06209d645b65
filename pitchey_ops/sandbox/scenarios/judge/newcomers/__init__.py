"""Scenarios that judge, written by somebody who has seen none of the rules and none of their neighbours."""

from ....scenario import Scenario
from . import (
    access,
    browsers,
    harvest,
    hostile,
    observers,
    pages,
    postgres,
    queries,
    runtime,
    shipped,
    stores,
    suppliers,
    unsettled,
    well,
)

SCENARIOS: tuple[Scenario, ...] = (
    *access.SCENARIOS,
    *browsers.SCENARIOS,
    *harvest.SCENARIOS,
    *hostile.SCENARIOS,
    *observers.SCENARIOS,
    *pages.SCENARIOS,
    *postgres.SCENARIOS,
    *queries.SCENARIOS,
    *runtime.SCENARIOS,
    *shipped.SCENARIOS,
    *stores.SCENARIOS,
    *suppliers.SCENARIOS,
    *unsettled.SCENARIOS,
    *well.SCENARIOS,
)
