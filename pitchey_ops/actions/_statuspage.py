"""Statuspage's calls (contract third-party F)."""

from __future__ import annotations

from typing import Any

from ..errors import UsageError
from .facts import Facts
from .models import Request

STATUSES = ("investigating", "identified", "monitoring", "resolved")
COMPONENT_STATUSES = ("operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance")


def call(facts: Facts, method: str, path: str, body: Any = None) -> Request:
    """Return a call below our page."""
    page = facts.settings.statuspage_page or ""
    return Request(service="statuspage", method=method, path=f"v1/pages/{page}/{path}", body=body)


def checked(status: str, component_status: str) -> None:
    """
    Refuse words that Statuspage does not know.

    Raises
    ------
    UsageError
        Nothing was planned.
    """
    if status not in STATUSES:
        raise UsageError(f"status {status[:40]!r}: expected one of {', '.join(STATUSES)}. Nothing was planned.")
    if component_status not in COMPONENT_STATUSES:
        known = ", ".join(COMPONENT_STATUSES)
        raise UsageError(f"component_status {component_status[:40]!r}: expected one of {known}. Nothing was planned.")
