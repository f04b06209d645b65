"""Limits that hold for every request: size of the body, time to send it, and no secret in any log."""

from __future__ import annotations

import asyncio
import json
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .intake.doors import SECRET_IN_PATH

LARGEST_BODY = 1024 * 1024
"""Bytes; PagerDuty drops what is above 256 KB itself, a group of Alertmanager may hold many alerts."""
BODY_S = 10.0
"""Seconds to send a body in."""
HELD_BODIES = 64 * LARGEST_BODY
"""Bytes of bodies that are held at once, of all requests together; above it the service says that it is busy."""
MASK = "masked"
_HOOK = re.compile(r"(?P<hook>(?:/[^/]*)*?/hooks/[^/]+)/(?P<secret>.+)", re.DOTALL)


class Limits:
    """
    Reads a request's body before the application sees it, with or without a Content-Length, up to 1 MB.

    A secret in a hook's address is taken out of the scope, which access logs, error reports and metrics are made
    from; the hook finds it under `SECRET_IN_PATH`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 408, 413 or 503, or let the application answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        mask(scope)
        if scope["method"] not in ("POST", "PUT", "PATCH", "DELETE"):
            await self._app(scope, receive, send)
            return
        length = _length(scope)
        if length is not None and length > LARGEST_BODY:
            await _refuse(send, 413, f"the body has {length} bytes, {LARGEST_BODY} are allowed; nothing was stored")
            return
        body = bytearray()
        try:
            if not await self._read(receive, send, body):
                return
            await self._app(scope, _again(bytes(body), receive), send)
        finally:
            self._held -= len(body)

    async def _read(self, receive: Receive, send: Send, body: bytearray) -> bool:
        """Read the body; False where the request was answered, or its sender went away."""
        try:
            async with asyncio.timeout(BODY_S):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return False
                    piece = message.get("body", b"")
                    self._held += len(piece)
                    body += piece
                    if len(body) > LARGEST_BODY:
                        reason = f"the body has more than {LARGEST_BODY} bytes; nothing was stored"
                        await _refuse(send, 413, reason)
                        return False
                    if self._held > HELD_BODIES:
                        await _refuse(send, 503, "too many large requests at once; nothing was stored, send it again")
                        return False
                    if not message.get("more_body", False):
                        return True
        except TimeoutError:
            await _refuse(send, 408, f"the body did not arrive within {BODY_S:.0f} s; nothing was stored")
            return False


def mask(scope: Scope) -> None:
    """Take the secret out of a hook's address, in place: servers log the scope that they made."""
    found = _HOOK.fullmatch(scope["path"])
    if found is not None:
        scope[SECRET_IN_PATH] = found["secret"]
        scope["path"] = f"{found['hook']}/{MASK}"
        scope["raw_path"] = scope["path"].encode("utf-8", "replace")
    if "/hooks/" in scope["path"]:
        scope["query_string"] = b""  # no hook reads one, and a secret that somebody put there is nobody's to log


def _length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name.lower() == b"content-length":
            try:
                return int(value)
            except ValueError:
                return None
    return None


def _again(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse(send: Send, status: int, reason: str) -> None:
    body = json.dumps({"reason": reason}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if status == 503:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
