"""``/api/*``: the production API; what it answers is set by the world's behaviours."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..behaviours import behaviour_for, is_default
from ..breaks import SLOW_S
from ..clock import iso
from ..store import token36
from ._base import Service, json_answer

ORIGIN = "https://pitchey.pages.dev"
_SERVICES = ("auth", "investor", "creator", "production", "browse", "analytics")


class Api(Service):
    """The production API."""

    name = "api"

    async def answer(self, request: Request, path: str) -> Response:
        """Answer the routes that a working deployment has; the rest is ``Endpoint not found``."""
        cors = {
            "access-control-allow-origin": ORIGIN,
            "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
            "access-control-allow-headers": "Content-Type, Authorization",
        }
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=cors)
        status, value = await self._route(request, path)
        return json_answer(value, status, cors)

    async def _route(self, request: Request, path: str) -> tuple[int, Any]:
        now = self.state.now_ms
        match path:
            case "/api/health":
                return 200, self._health(now)
            case "/api/health/db":
                database = {
                    "status": "connected",
                    "latency": 12,
                    "pool": {"size": 10, "active": 3, "idle": 7},
                }
                return 200, {
                    "success": True,
                    "status": "healthy",
                    "timestamp": iso(now),
                    "database": database,
                }
            case "/api/pitches":
                pitches = [self._pitch(number) for number in range(1, 13)]
                paging = {"page": 1, "limit": 12, "total": 12}
                return 200, {"success": True, "data": pitches, "pagination": paging}
            case "/api/auth/verify":
                return await self._verify(request)
            case "/api/validate-token":
                # accepts forged tokens: no evidence for auth (trap 33)
                return 200, {"success": True, "valid": True, "user": {"id": 1, "userType": "creator"}}
            case "/api/pitches/new":
                return 200, {"success": True, "data": [self._pitch(1), self._pitch(2)]}
        if path.startswith("/api/pitches/") and path.count("/") == 3 and path[13:]:
            return 200, {"success": True, "data": self._pitch(1)}  # a constant (trap 33)
        if path in self._routes:
            return 200, {"success": True, "data": []}
        return missing(path)

    @cached_property
    def _routes(self) -> frozenset[str]:
        """Routes that people use in this world, so that this deployment has them."""
        return frozenset(self.state.world.edge["route"].unique().drop_nulls())

    def _health(self, now: int) -> dict[str, Any]:
        """Return a constant: it cannot fail while the worker runs at all."""
        return {
            "success": True,
            "status": "healthy",
            "timestamp": iso(now),
            "services": dict.fromkeys(_SERVICES, "operational"),
            "architecture": "modular-services",
            "optimizations": {
                "database_pooling": "active",
                "multi_layer_cache": "active",
                "service_routing": "active",
            },
            "database": {"status": "connected", "user_count": 3, "hyperdrive_enabled": True},
            "environment": "cloudflare-worker",
        }

    def _pitch(self, number: int) -> dict[str, Any]:
        return {
            "id": number,
            "title": f"Pitch {token36(6, self.state.world.seed, number)}",
            "genre": ("drama", "comedy", "thriller")[number % 3],
            "status": "published",
        }

    async def _verify(self, request: Request) -> tuple[int, Any]:
        header = request.headers.get("authorization", "")
        token = header.removeprefix("Bearer ").strip()
        if not token and request.method == "POST":
            try:
                sent = await request.json()
            except ValueError:
                sent = None
            token = str(sent.get("token", "")) if isinstance(sent, dict) else ""
        if token.startswith("valid-"):
            return 200, {"success": True, "valid": True, "user": {"id": 7, "userType": "creator"}}
        return 401, {"success": False, "message": "Invalid or expired token"}

    async def probe(self, path: str) -> tuple[int, float]:
        """
        Ask the API from inside, as the monitoring service does; it takes as long as the API does.

        Returns
        -------
        The HTTP status, 0 where no connection was made, and the duration in ms.
        """
        kind = self.state.breaks.of("api")
        if kind == "refused":
            return 0, 0.0
        if kind in ("slow", "endless"):
            await asyncio.sleep(SLOW_S)
            return 200, SLOW_S * 1000.0
        if kind == "5xx":
            return 503, 2.0
        now = self.state.now_ms
        behaviour = behaviour_for(self.state.world, "api", path, now)
        if behaviour is None:
            return 200, 1.0
        if behaviour.latency_ms:
            await asyncio.sleep(behaviour.latency_ms / 1000.0)
        status = 404 if behaviour.kind == "missing" else behaviour.status
        return (200 if is_default(behaviour) else status), 1.0 + behaviour.latency_ms


def missing(path: str) -> tuple[int, dict[str, Any]]:
    """Return the API's answer for a route that this deployment lacks."""
    return 404, {"success": False, "message": f"Endpoint not found: {path}"}
