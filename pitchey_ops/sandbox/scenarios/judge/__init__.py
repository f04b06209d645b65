"""Scenarios that score the rules, written apart from those that tune; nobody fits anything to them."""

from . import attackers, browsers, calm, databases, edges, providers, releases, watchers

SCENARIOS = (
    *releases.SCENARIOS,
    *databases.SCENARIOS,
    *edges.SCENARIOS,
    *providers.SCENARIOS,
    *browsers.SCENARIOS,
    *attackers.SCENARIOS,
    *watchers.SCENARIOS,
    *calm.SCENARIOS,
)
