"""
The monitoring service: what the platform says of itself.

``/monitoring/performance`` is a constant and writes a key a call, ``/monitoring/metrics`` writes too, and
``/alerts``, ``/uptime`` and ``/traces`` are always 500 (contract): none of them is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..errors import BadPayload
from ..models.exchange import Exchange
from ..models.observation import Coverage, Observation
from .reading import Reading, asked, json_of, moment_ms, number, objects, text_of
from .source import Source

INTERVAL_S = 60.0
"""``/monitoring/health`` writes probe keys: at most once in so many seconds, by all runs together."""

TIMEOUT_S = 15.0
"""It can hang as long as the API does."""

STATES = ("healthy", "degraded", "down")

UNABLE_TO_FAIL = frozenset({"WebSocket Health"})
"""Checks that are healthy whatever happens (contract)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """
    One check of ``/monitoring/health``.

    Attributes
    ----------
    state
        ``healthy``, ``degraded``, ``down`` or ``unknown`` for any other word.
    constant
        This check cannot fail: no evidence.
    """

    name: str
    state: str
    took_ms: float | None
    at: datetime | None
    details: str
    constant: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformHealth:
    """
    The platform's own health report.

    ``degraded`` for API and Database stands for **any** HTTP answer that is not a success, a 500 as well as the
    404 of a deployment that lacks the route (contract, trap 17); ``down`` only for a failed connection.
    """

    state: str
    at: datetime | None
    checks: tuple[Check, ...]

    def check(self, name: str) -> Check | None:
        """Return the check called *name*, None when the report lacks it."""
        return next((check for check in self.checks if check.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """
    ``/monitoring/dashboard``.

    Attributes
    ----------
    health
        The **last stored** health report, however old: see its ``at``.
    alert_ids
        Active alerts as far as it knows; none does not mean that nothing is active (contract, trap 24).
    gauges
        Newest value by metric name; no evidence, only a trace of life.
    """

    state: str
    at: datetime | None
    health: PlatformHealth | None
    alert_ids: tuple[str, ...]
    gauges: Mapping[str, float] = field(default_factory=dict)


class Monitoring(Source):
    """Reads of ``/monitoring/*``."""

    name = "monitoring"

    async def health(self) -> Observation[PlatformHealth]:
        """Read the health report, at most once a minute; HTTP 200 says nothing about its content."""
        return await self.read(
            "health",
            "all",
            "/monitoring/health",
            read_health,
            timeout_s=TIMEOUT_S,
            retry=False,
            share_for_s=INTERVAL_S,
            minimum_interval=True,
        )

    async def dashboard(self) -> Observation[Dashboard]:
        """Read the dashboard's figures; its performance part is a constant and left out."""
        return await self.read("dashboard", "all", "/monitoring/dashboard", read_dashboard, share_for_s=INTERVAL_S)


def read_health(exchange: Exchange) -> Reading[PlatformHealth]:
    """
    Read a health report.

    Raises
    ------
    BadPayload
        No checks in it.
    """
    health = _health(json_of(exchange, "object"))
    if health is None or not health.checks:
        raise BadPayload(f"{asked(exchange)}: a report without checks. Nothing was read.")
    return Reading(value=health, coverage=Coverage(seen_end=health.at, count=len(health.checks)))


def read_dashboard(exchange: Exchange) -> Reading[Dashboard]:
    """
    Read the dashboard.

    Raises
    ------
    BadPayload
        Neither a known status nor a health report nor a list of alerts in it.
    """
    value = json_of(exchange, "object")
    alerts = value.get("alerts")
    ids = (text_of(alert) for alert in alerts) if isinstance(alerts, list) else ()
    dashboard = Dashboard(
        state=_state(value.get("status")),
        at=moment_ms(value.get("timestamp")),
        health=_health(value.get("health")),
        alert_ids=tuple(sorted(found for found in ids if found)),
        gauges={
            name: found
            for item in objects(value.get("metrics"))
            if isinstance(name := item.get("name"), str) and (found := number(item.get("value"))) is not None
        },
    )
    if dashboard.state == "unknown" and dashboard.health is None and not isinstance(alerts, list):
        raise BadPayload(f"{asked(exchange)}: no status, health or alerts in it. Nothing was read.")
    seen = dashboard.health.at if dashboard.health is not None else None
    return Reading(value=dashboard, coverage=Coverage(seen_end=seen))


def _health(value: Any) -> PlatformHealth | None:
    if not isinstance(value, dict):
        return None
    checks = tuple(
        Check(
            name=item["name"],
            state=_state(item.get("status")),
            took_ms=number(item.get("responseTime")),
            at=moment_ms(item.get("timestamp")),
            details=text_of(item.get("details")) or "",
            constant=item["name"] in UNABLE_TO_FAIL,
        )
        for item in objects(value.get("checks"))
        if isinstance(item.get("name"), str)
    )
    return PlatformHealth(state=_state(value.get("status")), at=moment_ms(value.get("timestamp")), checks=checks)


def _state(value: Any) -> str:
    return value if isinstance(value, str) and value in STATES else "unknown"
