"""Slack and PagerDuty on a loopback port, with what their contracts promise, and with faults on request."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pitchey_ops.sandbox.breaks import HangUp
from pitchey_ops.sandbox.thirdparty.slack import Slack

CHANNEL = "C0INCIDENTS"


class FarSides:
    """
    Both of them.

    Attributes
    ----------
    asked
        Paths of all requests, in order.
    faults
        For the next requests whose path ends so: ``lose`` (done, and the answer never comes), ``hang up`` (not
        done), ``hold`` (done, and the connection stays open), a number (HTTP status), a mapping (Slack's error).
    """

    def __init__(self) -> None:
        state = SimpleNamespace(
            options=SimpleNamespace(require_tokens=True),
            slack_messages=[],
            now_ms=0,
        )
        self.state = state
        self.slack = Slack(state)  # type: ignore[arg-type]
        self.notes: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[str] = []
        self.faults: list[tuple[str, Any]] = []
        self.held = threading.Event()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])
        config = uvicorn.Config(app, lifespan="off", log_level="warning", access_log=False, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def __enter__(self) -> FarSides:
        self._thread.start()
        until = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(10)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Return Slack's messages."""
        found: list[dict[str, Any]] = self.state.slack_messages
        return found

    def forget(self) -> None:
        """Start anew."""
        self.state.slack_messages.clear()
        self.slack.files.clear()
        self.slack._tokens = 1000.0
        self.notes.clear()
        self.asked.clear()
        self.faults.clear()
        self.held.clear()

    def variables(self) -> dict[str, str]:
        """Return the environment with which messages come here."""
        return {
            "PITCHEY_OPS_SLACK_URL": f"{self.url}/_slack/",
            "PITCHEY_OPS_SLACK_TOKEN": "xoxb-very-secret",
            "PITCHEY_OPS_SLACK_CHANNEL": CHANNEL,
            "PITCHEY_OPS_PAGERDUTY_URL": f"{self.url}/_pagerduty/",
            "PITCHEY_OPS_PAGERDUTY_TOKEN": "pd-very-secret",
            "PITCHEY_OPS_PAGERDUTY_FROM": "ops@pitchey.example",
            "PITCHEY_OPS_PUBLIC_URL": "https://ops.pitchey.example",
        }

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        self.asked.append(path)
        self.state.now_ms = round(time.time() * 1000)
        fault = next((one for one in self.faults if path.endswith(one[0])), None)
        if fault is not None:
            self.faults.remove(fault)
        kind = fault[1] if fault else None
        if kind == "hang up":
            return HangUp()
        if isinstance(kind, int):
            return JSONResponse({"ok": False, "error": "ratelimited"}, kind, {"retry-after": "7"})
        if isinstance(kind, dict):
            return JSONResponse(kind)
        answer = await self._done(request, path)
        if kind == "lose":
            return HangUp()
        if kind == "hold":
            self.held.set()
            await asyncio.sleep(30)
        return answer

    async def _done(self, request: Request, path: str) -> Response:
        if path.startswith("/_slack"):
            return await self.slack.answer(request, path.removeprefix("/_slack"))
        parts = path.removeprefix("/_pagerduty/").split("/")
        if parts[0] != "incidents" or parts[2:] != ["notes"] or not request.headers.get("from"):
            return JSONResponse({"error": {"message": "Invalid Input Provided", "code": 2001}}, 400)
        if request.headers["authorization"] != "Token token=pd-very-secret":
            return JSONResponse({"error": {"message": "Unauthorized", "code": 2006}}, 401)
        notes = self.notes.setdefault(parts[1], [])
        if request.method == "POST":
            content = json.loads(await request.body())["note"]["content"]
            notes.insert(0, {"id": f"PNOTE{len(notes)}", "content": content, "user": {"summary": "ops"}})
            return JSONResponse({"note": notes[0]})
        return JSONResponse({"notes": notes})


def until(true: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)
