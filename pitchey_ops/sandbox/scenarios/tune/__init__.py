"""Scenarios that rules may be fitted to."""

from . import bad_deployment, database_pool_exhausted, healthy_control

SCENARIOS = (
    *healthy_control.SCENARIOS,
    *bad_deployment.SCENARIOS,
    *database_pool_exhausted.SCENARIOS,
)
