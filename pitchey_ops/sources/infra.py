"""
The infrastructure service, of which looking changes what is seen.

All reads but ``rate-limits`` write probe keys, objects and counters (contract, trap 15): each is asked at
most every five minutes by all runs together, never two of them at once, and a second apart, since a store
takes one write a second and key and answers a concurrent reader with a 500 that is no outage. Much of what
they say is constant (trap 14) and marked so; running means since the last idle hour hide what is recent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..errors import BadPayload, SourceFailed
from ..models.exchange import Exchange
from ..models.observation import Coverage, Observation
from .channel import pause
from .reading import Reading, asked, json_of, mapping, number, objects, text_of
from .source import Source

T = TypeVar("T")

_AMBIGUOUS = "Here a 500 stands for a failing KV or R2, and also for two readers within one second, which is no outage."
INTERVAL_S = 300.0
APART_S = 1.1

CONSTANTS: Mapping[str, frozenset[str]] = {
    "health.worker": frozenset({"errorRate", "cpuUtilization", "memoryUtilization"}),
    "health.kv": frozenset({"availability"}),  # of the service's own probe key (trap 16)
    "health.r2": frozenset({"availability"}),
    "health.durableObjects": frozenset(),
    "health.database": frozenset({"status", "connectionPool", "queryLatency", "errorRate"}),
    "worker": frozenset(
        {
            "cpuTime",
            "memoryUsage",
            "requestCount",
            "errorCount",
            "avgResponseTime",
            "p95ResponseTime",
            "subrequests",
            "kvsReads",
            "kvsWrites",
            "r2Operations",
            "durableObjectInvocations",
            "scheduledEventsTriggered",
            "edgeLocations",
        }
    ),
    "kv": frozenset({"storageUsed", "namespace"}),
    "r2": frozenset({"objectCount", "totalSize", "listOperations", "bandwidth", "bucketName"}),
    "durable_objects": frozenset(
        {"activeInstances", "memoryUsage", "websocketConnections", "messagesSent", "messagesReceived"}
    ),
}
"""Fields that are the same (or random) whatever happens, by part (contract, trap 14): never evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    One part of the infrastructure, as the service reports it.

    Attributes
    ----------
    state
        ``healthy``, ``degraded``, ``down``; ``unknown`` where the answer has none of these words; None where the
        word is a constant.
    figures
        Numbers in the service's own field names (times in ms, sizes in bytes, rates 0-1), without constants.
    constants
        Names of the fields that were left out because they prove nothing, sorted.
    """

    name: str
    state: str | None
    figures: Mapping[str, float] = field(default_factory=dict)
    constants: tuple[str, ...] = ()

    def ratio(self, part: str, other: str) -> float | None:
        """Return part / (part + other), None when a figure is missing or both are 0."""
        one, two = self.figures.get(part), self.figures.get(other)
        return None if one is None or two is None or one + two <= 0 else one / (one + two)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """One endpoint's figures of ``/infra/rate-limits``; None where the answer has no number."""

    endpoint: str
    requests: float | None
    throttled: float | None
    throttled_share: float | None
    addresses: float | None
    suspicious: bool | None


class Infra(Source):
    """Reads of ``/infra/*``."""

    name = "infra"

    def __init__(self, *args: Any, apart_s: float = APART_S) -> None:
        super().__init__(*args)
        self.apart_s = apart_s
        self._turn = asyncio.Lock()
        self._just_asked = False

    async def health(self) -> Observation[Mapping[str, Part]]:
        """
        Read the state of worker, kv, r2, durableObjects and database (the last a constant).

        A 500 without details is a failing KV or R2, or two readers in one second. ``durableObjects`` may be
        ``down`` for ever, its probe's route being unimplemented: compare with earlier readings.
        """
        return await self._changing("health", "/infra/health", read_health)

    async def worker(self) -> Observation[Part]:
        """Read ``/infra/worker``: constant or random in every field."""
        return await self._changing("worker", "/infra/worker", lambda e: read_part(e, "worker"))

    async def kv(self) -> Observation[Part]:
        """Read ``/infra/kv``; hit rate: ``part.ratio("cacheHits", "cacheMisses")``, of the service's own "
        "key only."""
        return await self._changing("kv", "/infra/kv", lambda e: read_part(e, "kv"))

    async def r2(self) -> Observation[Part]:
        """Read ``/infra/r2``."""
        return await self._changing("r2", "/infra/r2", lambda e: read_part(e, "r2"))

    async def durable_objects(self) -> Observation[tuple[Part, ...]]:
        """Read ``/infra/durable-objects``; creates an object a call."""
        return await self._changing("durable_objects", "/infra/durable-objects", read_durable_objects)

    async def rate_limits(self) -> Observation[tuple[RateLimit, ...]]:
        """Read ``/infra/rate-limits``, which only reads and is empty in practice: ``no_data`` then."""
        return await self.read("rate_limits", "all", "/infra/rate-limits", read_rate_limits)

    async def _changing(self, probe: str, path: str, reader: Callable[[Exchange], Reading[T]]) -> Observation[T]:
        async with self._turn:
            if self._just_asked:
                await pause(self.channel, self.apart_s)
                self._just_asked = False

            def note(exchange: Exchange) -> Reading[T]:
                self._just_asked = exchange.took_ms > 0 and not exchange.shared
                try:
                    return reader(exchange)
                except SourceFailed as exc:
                    if exc.status == 500:
                        raise SourceFailed(f"{exc} {_AMBIGUOUS}", status=500) from None
                    raise

            return await self.read(
                probe,
                "all",
                path,
                note,
                timeout_s=self.settings.read_timeout_s,
                retry=False,
                share_for_s=INTERVAL_S,
                minimum_interval=True,
            )


def read_health(exchange: Exchange) -> Reading[Mapping[str, Part]]:
    """
    Read ``/infra/health`` into parts by name.

    Raises
    ------
    BadPayload
        None of the documented parts is there.
    """
    value = json_of(exchange, "object")
    parts = {
        name: _part(name, value[name], CONSTANTS[f"health.{name}"])
        for name in ("worker", "kv", "r2", "durableObjects", "database")
        if isinstance(value.get(name), dict)
    }
    if not parts:
        raise BadPayload(f"{asked(exchange)}: none of worker, kv, r2, ... is there. Nothing was read.")
    return Reading(
        value=parts,
        coverage=Coverage(count=len(parts)),
        detail="database is a constant; figures are means since the last idle hour",
    )


def read_part(exchange: Exchange, name: str) -> Reading[Part]:
    """
    Read one part; coverage is ``constant`` when nothing in it is evidence.

    Raises
    ------
    BadPayload
        Not one figure in it that may change; or not one at all, where all are constants.
    """
    value = json_of(exchange, "object")
    told = {key: raw for key, raw in value.items() if key not in CONSTANTS[name]} or value
    if not any(number(figure) is not None for figure in told.values()):
        raise BadPayload(f"{asked(exchange)}: no figure in it. Nothing was read.")
    part = _part(name, value, CONSTANTS[name])
    return Reading(value=part, coverage=Coverage(constant=not part.figures, count=len(part.figures)))


def read_durable_objects(exchange: Exchange) -> Reading[tuple[Part, ...]]:
    """Read the classes of Durable Objects."""
    parts = tuple(
        _part(text_of(item.get("className")) or "unknown", item, CONSTANTS["durable_objects"])
        for item in objects(json_of(exchange, "list"))
    )
    return Reading(value=parts, status="observed" if parts else "no_data", coverage=Coverage(count=len(parts)))


def read_rate_limits(exchange: Exchange) -> Reading[tuple[RateLimit, ...]]:
    """Read the endpoints' rate-limit figures."""
    items = json_of(exchange, "list")
    found = tuple(
        RateLimit(
            endpoint=item["endpoint"],
            requests=number(item.get("requestCount")),
            throttled=number(item.get("throttledRequests")),
            throttled_share=number(item.get("throttleRate")),
            addresses=number(item.get("uniqueIPs")),
            suspicious=item["suspiciousActivity"] if isinstance(item.get("suspiciousActivity"), bool) else None,
        )
        for item in objects(items)
        if isinstance(item.get("endpoint"), str)
    )
    return Reading(
        value=found,
        status="observed" if found else "no_data",
        coverage=Coverage(count=len(found), rejected=len(items) - len(found)),
        detail="" if found else "nothing was recorded, which is the usual state and proves nothing",
    )


def _part(name: str, value: Any, constants: frozenset[str]) -> Part:
    given = mapping(value)
    state = given.get("status")
    if "status" in constants:
        word = None
    else:
        word = state if state in ("healthy", "degraded", "down") else "unknown" if "status" in given else None
    return Part(
        name=name,
        state=word,
        figures={
            key: found
            for key, raw in sorted(given.items())
            if key not in constants and (found := number(raw)) is not None
        },
        constants=tuple(sorted(constants & set(given))),
    )
