"""Scenarios that score the rules, written apart from those that tune; nobody fits anything to them."""

from dataclasses import replace

from ...scenario import Scenario
from . import (
    bundles,
    credentials,
    gone,
    intruders,
    lull,
    masses,
    network,
    newcomers,
    occupied,
    origins,
    peace,
    providers,
    queues,
    releases,
    runtime,
    sessions,
    stillness,
    stores,
    tables,
    tardy,
    unsure,
    watchmen,
)
from ._looked_at import LOOKED_AT

_WRITTEN: tuple[Scenario, ...] = (
    *releases.SCENARIOS,
    *gone.SCENARIOS,
    *occupied.SCENARIOS,
    *tardy.SCENARIOS,
    *queues.SCENARIOS,
    *tables.SCENARIOS,
    *credentials.SCENARIOS,
    *sessions.SCENARIOS,
    *network.SCENARIOS,
    *masses.SCENARIOS,
    *providers.SCENARIOS,
    *stores.SCENARIOS,
    *runtime.SCENARIOS,
    *bundles.SCENARIOS,
    *origins.SCENARIOS,
    *intruders.SCENARIOS,
    *watchmen.SCENARIOS,
    *peace.SCENARIOS,
    *unsure.SCENARIOS,
    *newcomers.SCENARIOS,
    *stillness.SCENARIOS,
    *lull.SCENARIOS,
)

CONTROL_SEEDS = 3
"""Seeds of each control that judges: half of them tune, and twenty variants are the least that says anything."""


def _placed(one: Scenario) -> Scenario:
    if one.name in LOOKED_AT:
        return replace(one, split="tune")
    return replace(one, seeds=max(one.seeds, CONTROL_SEEDS)) if one.cause == "none" else one


SCENARIOS: tuple[Scenario, ...] = tuple(map(_placed, _WRITTEN))
"""Those that nobody who tunes has looked at judge; the others have moved over to those that tune."""
