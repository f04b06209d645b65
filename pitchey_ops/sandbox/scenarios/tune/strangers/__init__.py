"""Scenarios written without knowledge of the rules: other products, other tongues, other shapes in time."""

from ....scenario import Scenario
from . import (
    absent,
    burdens,
    caches,
    changes,
    chunks,
    columns,
    copyists,
    intruders,
    limits,
    objects,
    odd_days,
    partners,
    secrets,
    unsaid,
)

SCENARIOS: tuple[Scenario, ...] = (
    *absent.SCENARIOS,
    *burdens.SCENARIOS,
    *caches.SCENARIOS,
    *changes.SCENARIOS,
    *chunks.SCENARIOS,
    *columns.SCENARIOS,
    *copyists.SCENARIOS,
    *intruders.SCENARIOS,
    *limits.SCENARIOS,
    *objects.SCENARIOS,
    *odd_days.SCENARIOS,
    *partners.SCENARIOS,
    *secrets.SCENARIOS,
    *unsaid.SCENARIOS,
)
