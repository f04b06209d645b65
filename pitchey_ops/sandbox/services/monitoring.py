"""``/monitoring/*``: a check that is 200 whatever it finds, constants, and 500s (contract traps 17, 24)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..state import State
from ._base import Service, json_answer, text_answer
from .api import Api
from .infra import Infra

FORGET_MS = 86_400_000
"""The dashboard forgets an alert so long after its last change (trap 24)."""
_FAULT = "Internal monitoring error"


class Monitoring(Service):
    """The monitoring service."""

    name = "monitoring"

    def __init__(self, state: State, api: Api, infra: Infra) -> None:
        super().__init__(state)
        self._api = api
        self._infra = infra
        self._last: dict[str, Any] | None = None

    async def answer(self, request: Request, path: str) -> Response:
        """Answer ``/monitoring/*``; any method."""
        match path:
            case "/monitoring/health":
                return await self._health()
            case "/monitoring/dashboard":
                return self._dashboard()
            case "/monitoring/performance":
                return json_answer(self._performance())
            case "/monitoring/metrics":
                metrics = self._metrics()
                return json_answer({"timestamp": self.state.now_ms, "metrics": metrics, "count": len(metrics)})
            case "/monitoring/alerts" | "/monitoring/uptime" | "/monitoring/traces":
                return text_answer(_FAULT, 500)
        return text_answer("Monitoring endpoint not found", 404)

    async def _health(self) -> Response:
        begin = self.state.now_ms
        checks = [
            await self._ask("API Health", "/api/health"),
            await self._ask("Database Health", "/api/health/db"),
        ]
        if not self._infra.store_works("kv"):
            return text_answer(_FAULT, 500)  # the result cannot be stored, so there are no checks
        await self.read_store(4)
        storage = self._infra.store_works("r2")
        checks += [
            self._check("Cache Health", "healthy", 3, "KV operations successful"),
            self._check(
                "Storage Health",
                "healthy" if storage else "down",
                1,
                "R2 accessible" if storage else "R2 access failed",
            ),
            self._check("WebSocket Health", "healthy", 0, "Durable Objects accessible"),
        ]
        found = {check["status"] for check in checks}
        self._last = {
            "status": "down" if "down" in found else "degraded" if "degraded" in found else "healthy",
            "timestamp": self.state.now_ms,
            "responseTime": max(self.state.now_ms - begin, 5),
            "checks": checks,
            "version": "unknown",
        }
        return json_answer(self._last)  # 200 even when the body says down

    async def _ask(self, name: str, path: str) -> dict[str, Any]:
        """Ask the API: ``degraded`` for any HTTP answer but success, ``down`` only without a connection."""
        status, took_ms = await self._api.probe(path)
        if status == 0:
            return self._check(name, "down", took_ms, "Connection failed")
        if 200 <= status < 300:
            return self._check(name, "healthy", took_ms, f"HTTP {status}")
        detail = "Connection failed" if name == "Database Health" else f"HTTP {status}"
        return self._check(name, "degraded", took_ms, detail)

    def _check(self, name: str, status: str, took_ms: float, details: str) -> dict[str, Any]:
        return {
            "name": name,
            "status": status,
            "responseTime": round(took_ms),
            "timestamp": self.state.now_ms,
            "details": details,
        }

    def _dashboard(self) -> Response:
        now = self.state.now_ms
        active: list[str] = []
        if self.state.options.alerts_share_store:
            active = [
                alert.id
                for alert in self.state.alerts.values()
                if alert.status != "resolved" and now - alert.changed_ms < FORGET_MS
            ]
        return json_answer(
            {
                "timestamp": now,
                "status": self._last["status"] if self._last else "unknown",
                "health": self._last,
                "metrics": self._metrics(),
                "performance": self._performance(),
                "alerts": active,
            }
        )

    def _metrics(self) -> list[dict[str, Any]]:
        now = self.state.now_ms
        memory, keys = {"component": "worker", "type": "memory"}, {"component": "kv", "type": "storage"}
        return [
            {"name": "worker_memory_usage", "value": 0, "timestamp": now, "tags": memory, "type": "gauge"},
            {"name": "kv_key_count", "value": 1, "timestamp": now, "tags": keys, "type": "gauge"},
        ]

    def _performance(self) -> dict[str, float]:
        """Return a constant: evidence of nothing."""
        return {
            "responseTime": 150,
            "memoryUsage": 0,
            "cpuUsage": 25,
            "errorRate": 0.001,
            "throughput": 1000,
            "cacheHitRate": 0.95,
        }
