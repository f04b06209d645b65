"""What the services have in common: answers, bodies, the base class."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from .. import js
from ..state import State
from ..store import Row, token36


class WorkerFault(Exception):
    """Nobody caught an exception inside a Worker: ``500 Internal Server Error``, no content type."""


class Service:
    """One service: gets a request and the path as the service sees it."""

    name: str

    def __init__(self, state: State) -> None:
        self.state = state

    async def answer(self, request: Request, path: str) -> Response:
        """Return the service's own answer."""
        raise NotImplementedError

    def failed(self, path: str) -> None:
        """Hear that the world let a request to *path* fail; most services keep no count of that."""

    async def read_store(self, operations: int) -> None:
        """Take the time of *operations* sequential store operations."""
        if operations and self.state.options.kv_read_ms:
            await asyncio.sleep(operations * self.state.options.kv_read_ms / 1000.0)


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer as a Worker writes it."""
    return written_answer(js.stringify(value), status, headers)


def rows_answer(rows: Sequence[Row], **beside: Any) -> Response:
    """Return rows as a list or, with something *beside* them, as ``logs`` of an object."""
    body = f"[{','.join([row.text for row in rows])}]".encode()
    if beside:
        body = b'{"logs":' + body + b"," + js.stringify(beside)[1:]
    return written_answer(body)


def written_answer(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return JSON that is written already, as `json_answer` does."""
    return Response(body, status_code=status, headers={"content-type": "application/json", **(headers or {})})


def text_answer(text: str, status: int = 200) -> Response:
    """Return a text answer as a Worker writes it."""
    return Response(text, status_code=status, headers={"content-type": "text/plain;charset=UTF-8"})


def fault() -> Response:
    """Return the answer of an unhandled error in a platform service: 500 text without a content type."""
    return Response(b"Internal Server Error", status_code=500)


async def body_json(request: Request) -> Any:
    """
    Return the request's JSON body.

    Raises
    ------
    WorkerFault
        When it is no JSON: the services do not catch that.
    """
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise WorkerFault(str(error)) from None


_HEX = str.maketrans("ghijklmnopqrstuvwxyz", "0123456789abcdef0123")


def ray(*parts: object) -> str:
    """Return a ``cf-ray`` that depends on *parts* only."""
    return token36(16, *parts).translate(_HEX) + "-WAW"
