"""
Cloudflare's live tail of a Worker (contract third-party A5): made, opened as a WebSocket, deleted.

Events are drawn from the world's invocations, requests and errors of the present minute: outcomes in the world's
shares, at the world's rate times the sandbox's speed, but never fewer than `LEAST_PER_S` where there is traffic at
all. A Worker without invocations is silent. Above `MOST_PER_S` events are dropped, and a notice says so.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import polars as pl
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from .. import js
from ..clock import iso
from ..names import MOUNTS
from ..state import State
from ..store import token36

SUBPROTOCOL = "trace-v1"
PATH = "/_tails/"
"""Where the sockets are, below the mount of the API."""
LEAST_PER_S = 150.0
MOST_PER_S = 400.0
_TICK_S = 0.05
_MINUTE_MS = 60_000
_LIVES_MS = 6 * 3_600_000
_OUTCOMES = {
    "success": "ok",
    "scriptThrewException": "exception",
    "exceededResources": "exceededCpu",
    "clientDisconnected": "canceled",
}
_LIMIT = {"name": "Error", "message": "Worker exceeded CPU time limit.", "stack": "Error: Worker exceeded CPU"}
_AGENTS = ("Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0", "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) Safari/605")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tail:
    script: str
    expires_ms: int


class Tails:
    """All tails that exist, by id."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._tails: dict[str, _Tail] = {}
        self._made = 0

    def make(self, script: str, host: str) -> dict[str, str]:
        """Make a tail of *script*; *host* is where the client found the API."""
        self._made += 1
        name = token36(32, "tail", self._state.world.seed, self._made)
        expires_ms = self._state.now_ms + _LIVES_MS
        self._tails[name] = _Tail(script=script, expires_ms=expires_ms)
        url = f"ws://{host}{MOUNTS['cloudflare_api']}{PATH}{name}"
        return {"id": name, "url": url, "expires_at": iso(expires_ms)}

    def delete(self, name: str) -> bool:
        """Delete a tail, and return whether there was one."""
        return self._tails.pop(name, None) is not None

    def of(self, script: str) -> list[dict[str, str]]:
        """Return the tails of *script*, without their addresses."""
        return [{"id": n, "expires_at": iso(t.expires_ms)} for n, t in self._tails.items() if t.script == script]

    async def serve(self, socket: WebSocket, path: str) -> None:
        """Send the events of a tail until either side goes, or the tail is deleted."""
        name = path.removeprefix(PATH)
        tail = self._tails.get(name)
        if tail is None or SUBPROTOCOL not in socket.scope.get("subprotocols", ()):
            await socket.close(code=1002)  # before it is accepted: the handshake ends with 403
            return
        await socket.accept(subprotocol=SUBPROTOCOL)
        listening = asyncio.ensure_future(_listen(socket))
        try:
            with suppress(WebSocketDisconnect, RuntimeError, OSError):
                await self._send(socket, name, tail, listening)
        finally:
            listening.cancel()
            if socket.application_state is WebSocketState.CONNECTED:
                with suppress(RuntimeError, OSError):
                    await socket.close()

    async def _send(self, socket: WebSocket, name: str, tail: _Tail, listening: asyncio.Future[None]) -> None:
        last_ms, owed, told = self._state.now_ms, 0.0, False
        events: Iterator[dict[str, Any]] = iter(())
        minute, rate = -1, 0.0
        while not listening.done() and name in self._tails and self._state.now_ms < tail.expires_ms:
            await asyncio.sleep(_TICK_S)
            now = self._state.now_ms
            if now // _MINUTE_MS != minute:
                if minute >= 0:
                    await socket.send_bytes(js.stringify(_cron(tail.script, now)))
                minute = now // _MINUTE_MS
                rate, events = self._minute(tail.script, now)
            wanted = rate * (now - last_ms) / 1000.0
            last_ms = now
            owed += min(max(wanted, LEAST_PER_S * _TICK_S), MOST_PER_S * _TICK_S) if rate else 0.0
            dropping = wanted > MOST_PER_S * _TICK_S
            if dropping is not told:
                told = dropping
                await socket.send_bytes(js.stringify(_notice(dropping)))
            while owed >= 1.0:
                owed -= 1.0
                await socket.send_bytes(js.stringify(next(events) | {"eventTimestamp": now}))

    def _minute(self, script: str, now_ms: int) -> tuple[float, Iterator[dict[str, Any]]]:
        """Return the rate per second of the present (or last known) minute, and events without end."""
        world = self._state.world
        recent = pl.col("at").is_between(now_ms - 5 * _MINUTE_MS, now_ms)
        runs = world.workers.filter(recent).filter((pl.col("script") == script) & (pl.col("requests") > 0))
        if runs.is_empty():
            return 0.0, iter(())
        runs = runs.filter(pl.col("at") == runs.get_column("at").max())
        edge = world.edge.filter(recent)
        routes = edge.filter(pl.col("at") == edge.get_column("at").max()).select("route", "status", "requests").rows()
        errors = world.logs.filter(recent).filter(
            pl.col("level").is_in(["error", "fatal"]) & pl.col("errorStack").is_not_null()
        )
        messages = errors.get_column("message").drop_nulls().tail(40).to_list() or ["internal error"]
        rng = random.Random(f"tail {world.seed} {script} {now_ms // _MINUTE_MS}")  # noqa: S311 - play, no secret
        rate = float(runs.get_column("requests").sum()) / 60.0
        return rate, _events(script, runs.select("status", "requests").rows(), routes, messages, rng)


def _events(
    script: str,
    runs: list[tuple[str, int]],
    routes: list[tuple[str, int, int]],
    messages: list[str],
    rng: random.Random,
) -> Iterator[dict[str, Any]]:
    outcomes, weights = zip(*runs, strict=True)
    api = [row for row in routes if row[0].startswith("/api")] or [("/api/health", 200, 1)]
    good = [row for row in api if row[1] < 500] or api
    bad = [row for row in api if row[1] >= 500] or api
    while True:
        status = rng.choices(outcomes, weights)[0]
        outcome = _OUTCOMES.get(status, "unknown")
        among = bad if outcome not in ("ok", "canceled") else api if status == "success" else good
        route, code, _ = rng.choices(among, [max(1, row[2]) for row in among])[0]
        exceptions: list[Mapping[str, Any]] = []
        if outcome == "exception":
            name, colon, text = rng.choice(messages).partition(": ")
            known = colon and name.endswith("Error") and " " not in name
            error, message = (name, text) if known else ("Error", name + colon + text)
            exceptions = [{"name": error, "message": message, "stack": f"{error}: {message}\n    at worker.js:1"}]
        elif outcome == "exceededCpu":
            exceptions = [_LIMIT]
        yield {
            "outcome": outcome,
            "scriptName": script,
            "entrypoint": None,
            "exceptions": exceptions,
            "logs": [],
            "event": {
                "request": {
                    "url": f"https://{script}.example.workers.dev{route}",
                    "method": "GET",
                    "headers": {
                        "authorization": "REDACTED",
                        "user-agent": rng.choice(_AGENTS),
                        "cf-connecting-ip": f"203.0.113.{rng.randrange(1, 255)}",
                    },
                    "cf": {"colo": "WAW", "country": "PL", "asn": 5617},
                },
                **({"response": {"status": code}} if outcome == "ok" else {}),
            },
        }


def _cron(script: str, now_ms: int) -> dict[str, Any]:
    at = now_ms - now_ms % _MINUTE_MS
    event = {"cron": "* * * * *", "scheduledTime": at}
    return {
        "outcome": "ok", "scriptName": script, "entrypoint": None, "exceptions": [], "logs": [],
        "eventTimestamp": at, "event": event,
    }  # fmt: skip


def _notice(dropping: bool) -> dict[str, Any]:
    kind = "overload" if dropping else "overload-stop"
    text = "Tail is currently in sampling mode due to the high volume of messages."
    return {
        "outcome": "unknown", "scriptName": None, "exceptions": [], "logs": [], "eventTimestamp": None,
        "event": {"message": text if dropping else "Tail has exited sampling mode.", "type": kind},
    }  # fmt: skip


async def _listen(socket: WebSocket) -> None:
    """Read what the client says (its debug switch) until it goes."""
    with suppress(WebSocketDisconnect, RuntimeError, OSError):
        while True:
            if (await socket.receive())["type"] == "websocket.disconnect":
                return
