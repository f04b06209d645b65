"""Incidents as other platforms met them, written without knowledge of the rules: each cause by two ways."""

from ....scenario import Scenario
from . import (
    files,
    guessers,
    hosts,
    keys,
    lively,
    masses,
    ordinary,
    pages,
    queries,
    readers,
    runtimes,
    shapes,
    stores,
    vendors,
    watchers,
)

SCENARIOS: tuple[Scenario, ...] = (
    *files.SCENARIOS,
    *guessers.SCENARIOS,
    *hosts.SCENARIOS,
    *keys.SCENARIOS,
    *lively.SCENARIOS,
    *masses.SCENARIOS,
    *ordinary.SCENARIOS,
    *pages.SCENARIOS,
    *queries.SCENARIOS,
    *readers.SCENARIOS,
    *runtimes.SCENARIOS,
    *shapes.SCENARIOS,
    *stores.SCENARIOS,
    *vendors.SCENARIOS,
    *watchers.SCENARIOS,
)
