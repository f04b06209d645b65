"""Tiny worlds by hand, and a client that asks a sandbox in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
import polars as pl

from pitchey_ops.sandbox import world as w
from pitchey_ops.sandbox.app import create_app
from pitchey_ops.sandbox.clock import Clock, SetClock
from pitchey_ops.sandbox.state import Options

NOW = 1_795_422_430_000
MINUTE = 60_000
HOUR = 3_600_000
DAY = 86_400_000


def frame(schema: w.Schema, rows: Iterable[Mapping[str, Any]] = ()) -> pl.DataFrame:
    """Rows of a world's table; absent columns are null."""
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema).sort("at")


def entry(at: int, service: str = "auth", message: str = "hello", **more: Any) -> dict[str, Any]:
    """A log row that reached the store and the archive."""
    return {
        "at": at,
        "arrival": at,
        "id": f"{at}-{service}",
        "level": "info",
        "message": message,
        "service": service,
        "environment": "production",
        "stored": True,
        "archived": True,
        **more,
    }


def point(at: int, value: float, name: str = "response_time", **more: Any) -> dict[str, Any]:
    """A metric row."""
    return {"at": at, "name": name, "value": value, "type": "timer", "unit": "ms", "stored": True, **more}


def beacon(at: int, session: str, lcp: float, **more: Any) -> dict[str, Any]:
    """A Web Vitals row."""
    row = {"at": at, "session": session, "url": "/browse", "device": "mobile", "lcp": lcp, "stored": True}
    return {**row, "fid": 90.0, "inp": 250.0, "cls": 0.2, "fcp": 2000.0, "ttfb": 700.0, **more}


def db_post(at: int, **more: Any) -> dict[str, Any]:
    """A post to ``/apm/db-metrics``."""
    return {
        "at": at,
        "connectionPoolSize": 10,
        "activeConnections": 9,
        "idleConnections": 1,
        "queryCount": 1000,
        "slowQueries": 7,
        "avgQueryTime": 120.0,
        "p95QueryTime": 900.0,
        "p99QueryTime": 1500.0,
        "errorRate": 0.02,
        "deadlocks": 0,
        "lockWaits": 3,
        "stored": True,
        **more,
    }


def world(**tables: Any) -> w.World:
    """A world; tables as lists of rows, the rest as `World` takes it."""
    schemas = {
        "logs": w.LOGS,
        "metrics": w.METRICS,
        "db_posts": w.DB_POSTS,
        "vitals": w.VITALS,
        "edge": w.EDGE,
        "workers": w.WORKERS,
        "firewall": w.FIREWALL,
        "probes": w.PROBES,
    }
    frames = {name: frame(schema, tables.pop(name, ())) for name, schema in schemas.items()}
    return w.World(name="tiny", seed=tables.pop("seed", 7), now_ms=NOW, **frames, **tables)


class Sandbox:
    """A sandbox in this process that is asked without awaiting; its clock stands still."""

    def __init__(
        self,
        played: w.World | None = None,
        *,
        clock: Clock | None = None,
        breaks: Any = (),
        fresh: bool = False,
        **options: Any,
    ) -> None:
        self.clock = SetClock(NOW)
        app = create_app(
            played if played is not None else world(),
            clock=clock or self.clock,
            breaks=breaks,
            fresh=fresh,
            options=Options(**{"kv_read_ms": 0.0, **options}),
        )
        self.transport = httpx.ASGITransport(app)

    def client(self) -> httpx.AsyncClient:
        """An asynchronous client."""
        return httpx.AsyncClient(transport=self.transport, base_url="http://sandbox")

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask once."""

        async def once() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, path, **more)

        return asyncio.run(once())

    def get(self, path: str, **more: Any) -> httpx.Response:
        """GET."""
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any) -> httpx.Response:
        """POST of JSON."""
        return self.ask("POST", path, json=body)

    def json(self, path: str) -> Any:
        """The JSON of a GET that must succeed."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:200])
        return answer.json()
