"""Scenarios that score the rules; nobody fits anything to them."""

from __future__ import annotations

from ...scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = ()
