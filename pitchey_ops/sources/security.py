"""
The security service's counters, and nothing else of it.

``/security/analyze`` records the request that asks as an event and ``/security/rate-limit`` counts it as a
hit (contract, traps 18 and 20): there is no method for either, so that no runbook can call them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ..errors import BadPayload, SourceFailed
from ..models.exchange import Exchange
from ..models.observation import Coverage, Observation
from .reading import Reading, asked, count, excerpt, json_of, mapping, moment_ms, text_of
from .source import Source

EVENT_TYPES = (
    "rate_limit_exceeded",
    "suspicious_login_attempt",
    "brute_force_attack",
    "sql_injection_attempt",
    "xss_attempt",
    "anomalous_behavior",
)
NEVER_RECORDED = frozenset({"brute_force_attack", "rate_limit_exceeded"})
"""Types that the service itself never records: zero during a real attack, too (contract, trap 19)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCount:
    """
    A counter that grows until a day passes without any event of its type, so it may be weeks old.

    ``last_seen`` is None when there was none. ``constant`` when the service never records this type.
    """

    count: int
    last_seen: datetime | None
    constant: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityCounts:
    """Counters by event type. Only the difference of two readings is a rate."""

    at: datetime | None
    events: Mapping[str, EventCount]
    total: int | None


class Security(Source):
    """Read of ``/security/metrics``."""

    name = "security"

    async def metrics(self) -> Observation[SecurityCounts]:
        """Read the counters. Zeros are the expected state during a real attack: detect attacks elsewhere."""
        return await self.read("metrics", "all", "/security/metrics", read_counts)


def read_counts(exchange: Exchange) -> Reading[SecurityCounts]:
    """
    Read the counters; ``no_data`` when all are zero, which proves nothing.

    Raises
    ------
    SourceFailed
        The store behind it failed: status 200 with ``{"error", "timestamp"}``.
    BadPayload
        ``events`` is not an object by type.
    """
    value = json_of(exchange, "object")
    if "events" not in value and "error" in value:
        said = excerpt(text_of(value["error"]) or "")
        raise SourceFailed(
            f"{asked(exchange)}: status {exchange.status} with an error in place of counts ({said}). Its "
            "store failed. Nothing was read.",
            status=exchange.status,
        )
    events = value.get("events")
    if not isinstance(events, dict):
        raise BadPayload(f"{asked(exchange)}: 'events' is not an object by type. Nothing was read.")
    found: dict[str, EventCount] = {}
    for name, raw in sorted(events.items()):
        n = count(mapping(raw).get("count"))
        if n is not None:
            last = moment_ms(mapping(raw).get("lastSeen"))
            found[name] = EventCount(count=n, last_seen=last, constant=name in NEVER_RECORDED)
    counts = SecurityCounts(at=moment_ms(value.get("timestamp")), events=found, total=count(value.get("totalEvents")))
    last_seen = [event.last_seen for event in found.values() if event.last_seen is not None]
    some = any(event.count for event in found.values())
    return Reading(
        value=counts,
        status="observed" if some else "no_data",
        coverage=Coverage(
            seen_end=max(last_seen, default=None),
            count=sum(event.count for event in found.values()),
            rejected=len(events) - len(found),
        ),
        detail="counts since the last day without events; brute force is never among them",
    )
