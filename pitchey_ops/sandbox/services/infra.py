"""``/infra/*``: constants, probes that leave traces, running means (contract traps 14-16)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from ..behaviours import behaviour_for, is_default
from ..state import State
from ..store import unit_hash
from ._base import Service, fault, json_answer, text_answer

WRITE_INTERVAL_MS = 1000
"""One write per second and key: a second reader within it gets a 500 that is no outage (trap 15)."""
IDLE_MS = 3_600_000
"""Counters are forgotten after an idle hour (trap 15)."""
DOWN_FROM = 0.2
"""Share of failed probes from which a part is ``down``: one failure first lasts four good probes."""


@dataclass(slots=True)
class _Mean:
    """Running figures of one probe since the last idle hour."""

    last_ms: int = 0
    probes: int = 0
    errors: int = 0
    total_ms: float = 0.0

    def note(self, now_ms: int, took_ms: float, *, failed: bool = False) -> None:
        if now_ms - self.last_ms >= IDLE_MS:
            self.probes, self.errors, self.total_ms = 0, 0, 0.0
        self.last_ms = now_ms
        self.probes += 1
        self.errors += failed
        if not failed:
            self.total_ms += took_ms

    @property
    def mean_ms(self) -> float:
        good = self.probes - self.errors
        return self.total_ms / good if good else 0.0

    @property
    def error_rate(self) -> float:
        return self.errors / self.probes if self.probes else 0.0

    @property
    def status(self) -> str:
        if self.error_rate >= DOWN_FROM:
            return "down"
        return "degraded" if self.error_rate > 0.05 else "healthy"


class Infra(Service):
    """The infrastructure service: looking changes it."""

    name = "infra"

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._means = {
            "worker": _Mean(),
            "kv": _Mean(),
            "kv_write": _Mean(),
            "r2": _Mean(),
            "r2_upload": _Mean(),
        }
        self._written_ms: dict[str, int] = {}
        self._durable_objects_made = 0
        self._looks = 0

    async def answer(self, request: Request, path: str) -> Response:
        """Answer ``/infra/*``; any method."""
        routes = {
            "/infra/health": ("worker", "kv", "r2"),
            "/infra/worker": ("worker",),
            "/infra/kv": ("kv",),
            "/infra/r2": ("r2",),
            "/infra/durable-objects": (),
            "/infra/rate-limits": (),
        }
        if path not in routes:
            return text_answer("Infrastructure monitoring endpoint not found", 404)
        if path == "/infra/rate-limits":
            return json_answer([])
        for part in routes[path]:
            if not await self._probe(part, through_health=path == "/infra/health"):
                return fault()
        if path in ("/infra/health", "/infra/durable-objects"):
            self._durable_objects_made += 1
        match path:
            case "/infra/health":
                return json_answer(self._health())
            case "/infra/worker":
                return json_answer(self._worker())
            case "/infra/kv":
                return json_answer(self._kv())
            case "/infra/r2":
                return json_answer(self._r2())
        return json_answer(self._durable_objects())

    def failed(self, path: str) -> None:
        """Count a failing probe, so that one failure shows long afterwards (trap 15)."""
        part = path.removeprefix("/infra/")
        if part in self._means:
            self._means[part].note(self.state.now_ms, 0.0, failed=True)

    def store_works(self, part: str) -> bool:
        """Whether the world lets ``kv`` or ``r2`` work now; asks nothing and leaves no trace."""
        behaviour = behaviour_for(self.state.world, "infra", f"/infra/{part}", self.state.now_ms)
        return behaviour is None or is_default(behaviour)

    async def _probe(self, part: str, *, through_health: bool) -> bool:
        """Write and read a probe; False where that fails or another did it within a second."""
        now = self.state.now_ms
        last = self._written_ms.get(part)
        if last is not None and now - last < WRITE_INTERVAL_MS:
            return False
        self._written_ms[part] = now
        self._looks += 1
        behaviour = behaviour_for(self.state.world, "infra", f"/infra/{part}", now)
        slow_ms = 0.0
        if behaviour is not None and part != "worker":
            slow_ms = behaviour.latency_ms
            if through_health and slow_ms:
                await asyncio.sleep(slow_ms / 1000.0)
            if not is_default(behaviour):
                self._means[part].note(now, 0.0, failed=True)
                return False
        await self.read_store(2)
        jitter = unit_hash(self.state.world.seed, part, self._looks)
        base_ms = {"worker": 8.0, "kv": 1.0, "r2": 1.0}[part]
        self._means[part].note(now, base_ms + round(2 * jitter) + slow_ms)
        if f"{part}_write" in self._means:
            self._means[f"{part}_write"].note(now, 8.0 + round(4 * jitter) + slow_ms)
        if f"{part}_upload" in self._means:
            self._means[f"{part}_upload"].note(now, 9.0 + round(4 * jitter) + slow_ms)
        return True

    def _health(self) -> dict[str, object]:
        kv, r2 = self._means["kv"], self._means["r2"]
        down = self.state.options.durable_objects_down
        return {
            "worker": {
                "status": "healthy",
                "responseTime": 8 + round(2 * unit_hash(self.state.world.seed, "store", self._looks)),
                "errorRate": 0,
                "cpuUtilization": self._random() / 10,
                "memoryUtilization": 0,
            },
            "kv": {
                "status": kv.status,
                "latency": kv.mean_ms,
                "errorRate": kv.error_rate,
                "availability": 1,  # hits of the service's own probe key (trap 16)
            },
            "r2": {"status": r2.status, "latency": r2.mean_ms, "errorRate": r2.error_rate, "availability": 1},
            "durableObjects": {
                "status": "down" if down else "healthy",
                "activeInstances": 0,
                "responseTime": 0 if down else 3.5,
                "errorRate": 1 if down else 0,
            },
            # a constant (trap 14)
            "database": {"status": "healthy", "connectionPool": 10, "queryLatency": 50, "errorRate": 0.001},
        }

    def _random(self) -> float:
        return unit_hash(self.state.world.seed, "cpu", self._looks, self.state.now_ms)

    def _worker(self) -> dict[str, object]:
        zeros = (
            "subrequests",
            "kvsReads",
            "kvsWrites",
            "r2Operations",
            "durableObjectInvocations",
            "scheduledEventsTriggered",
        )
        return {
            "cpuTime": self._random() * 10,
            "memoryUsage": 0,
            "requestCount": self._means["worker"].probes,
            "errorCount": 0,
            "avgResponseTime": 0,
            "p95ResponseTime": 0,
            **dict.fromkeys(zeros, 0),
            "edgeLocations": ["DFW", "LAX", "LHR", "SIN"],
        }

    def _kv(self) -> dict[str, object]:
        kv = self._means["kv"]
        return {
            "namespace": "default",
            "keyCount": 1,
            "readOperations": kv.probes,
            "writeOperations": kv.probes,
            "deleteOperations": kv.probes,
            "listOperations": kv.probes,
            "avgReadLatency": kv.mean_ms,
            "avgWriteLatency": self._means["kv_write"].mean_ms,
            "storageUsed": 0,
            "errorCount": kv.errors,
            "cacheMisses": 0,
            "cacheHits": kv.probes,
        }

    def _r2(self) -> dict[str, object]:
        r2 = self._means["r2"]
        return {
            "bucketName": "pitchey-uploads",
            "objectCount": 0,
            "totalSize": 0,
            "uploadCount": r2.probes,
            "downloadCount": r2.probes,
            "deleteCount": r2.probes,
            "listOperations": 0,
            "avgUploadTime": self._means["r2_upload"].mean_ms,
            "avgDownloadTime": r2.mean_ms,
            "errorCount": r2.errors,
            "bandwidth": 0,
        }

    def _durable_objects(self) -> list[dict[str, object]]:
        down = self.state.options.durable_objects_down
        zeros = ("memoryUsage", "websocketConnections", "messagesSent", "messagesReceived")
        first = self._durable_objects_made
        rows: list[dict[str, object]] = []
        for name, asked in (("WebSocketRoom", first), ("NotificationRoom", 0)):
            rows.append(
                {
                    "className": name,
                    "activeInstances": 0,
                    "totalRequests": asked,
                    "errorCount": asked if down else 0,
                    "avgResponseTime": 2 if asked else 0,
                    **dict.fromkeys(zeros, 0),
                    "storageOperations": asked,
                }
            )
        return rows
