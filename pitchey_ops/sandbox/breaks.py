"""
How a service of the sandbox breaks on request: ``SERVICE=KIND``.

Kinds: ``slow`` answers after `SLOW_S` seconds; ``5xx`` is an edge page with status 503; ``html`` a page with
status 200 where JSON is due; ``truncated`` a body cut in its middle; ``wrong_types`` the right answer
with every value of another type; ``endless`` a body that never ends; ``refused`` a connection that closes
without an answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, get_args

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from .names import SERVICES, BreakKind

SLOW_S = 120.0
"""Real (loop) seconds before a slow service answers."""
_ENDLESS_CHUNK = 16 * 1024
_ENDLESS_PAUSE_S = 0.02


class Breaks:
    """The breaks in force, by service; changed while the sandbox runs."""

    def __init__(self, breaks: Iterable[str] | Mapping[str, str | None] = ()) -> None:
        self._kinds: dict[str, BreakKind] = {}
        self.change(breaks)

    def change(self, breaks: Iterable[str] | Mapping[str, str | None]) -> None:
        """
        Break services, or mend them with None.

        Raises
        ------
        ValueError
            For an unknown service or kind, before anything is changed.
        """
        pairs: dict[str, BreakKind | None] = {}
        if isinstance(breaks, Mapping):
            wanted: list[tuple[str, str | None]] = list(breaks.items())
        else:
            wanted = []
            for text in breaks:
                service, _, kind = text.partition("=")
                wanted.append((service.strip(), kind.strip()))
        for service, name in wanted:
            if service not in SERVICES:
                raise ValueError(f"unknown service {service!r}; one of {', '.join(SERVICES)}")
            known: BreakKind | None = next((kind for kind in get_args(BreakKind) if kind == name), None)
            if known is None and name is not None:
                raise ValueError(f"unknown break {name!r}; one of {', '.join(get_args(BreakKind))}")
            pairs[service] = known
        for service, kind_or_none in pairs.items():
            if kind_or_none is None:
                self._kinds.pop(service, None)
            else:
                self._kinds[service] = kind_or_none

    def of(self, service: str) -> BreakKind | None:
        """Return how *service* is broken, or None."""
        return self._kinds.get(service)

    def as_dict(self) -> dict[str, str]:
        """Return all breaks in force."""
        return dict(sorted(self._kinds.items()))


def edge_page(status: int, code: int, ray: str) -> Response:
    """Return an edge error page: ``text/html``, ``error code: …``, with a ``cf-ray`` header."""
    body = (
        '<!DOCTYPE html>\n<html lang="en-US"><head><title>Worker threw exception | Cloudflare</title>'
        '<meta charset="UTF-8" /></head>\n<body><div id="cf-wrapper"><h1>'
        f"<span>Error</span> <span>{code}</span></h1><h2>Something went wrong</h2>"
        f"<p>error code: {code}</p><p>Ray ID: <strong>{ray}</strong></p></div></body></html>\n"
    )
    return HTMLResponse(body, status_code=status, headers={"cf-ray": ray, "server": "cloudflare"})


def wrong_types(value: Any) -> Any:
    """Return *value* with every part of another JSON type than is due."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"about {value}"
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return {str(place): wrong_types(item) for place, item in enumerate(value)}
    if isinstance(value, dict):
        return {
            key: [wrong_types(item)] if isinstance(item, dict) else wrong_types(item) for key, item in value.items()
        }
    return False


def distort(response: Response, kind: BreakKind, ray: str) -> Response:
    """Return what *response* becomes under ``5xx``, ``html``, ``truncated`` or ``wrong_types``."""
    if kind == "5xx":
        return edge_page(503, 1105, ray)
    if kind == "html":
        return HTMLResponse(
            "<!doctype html><html><head><title>Sign in</title></head><body><h1>Network sign-in</h1>"
            '<form action="/login"></form></body></html>'
        )
    body = bytes(response.body)
    headers = {k: v for k, v in response.headers.items() if k.lower() not in ("content-length", "content-encoding")}
    if kind == "truncated":
        changed = body[: max(1, len(body) // 2)] if len(body) > 1 else b"{"
    else:
        try:
            changed = json.dumps(wrong_types(json.loads(body))).encode()
        except ValueError:
            changed = b"[0, null, {}]"
    return Response(changed, status_code=response.status_code, headers=headers)


async def endless_body() -> AsyncIterator[bytes]:
    """Yield a body with a valid start and no end."""
    yield b'[{"id":"0"}'
    filler = b',{"id":"1","message":"' + b"x" * _ENDLESS_CHUNK + b'"}'
    while True:
        await asyncio.sleep(_ENDLESS_PAUSE_S)
        yield filler


def endless() -> Response:
    """Return an answer that never ends."""
    return StreamingResponse(endless_body(), media_type="application/json")


async def hang_up(request: Request) -> None:
    """
    Close the connection without an answer.

    Under uvicorn the transport is aborted; in process, where there is no connection, the client's own
    error is raised through the transport.

    Raises
    ------
    httpx.ReadError
        In process only.
    """
    transport = _transport_of(request.receive)
    if transport is None:
        raise httpx.ReadError("the sandbox closed the connection without an answer")
    transport.abort()
    for _ in range(3):  # uvicorn learns of the loss before this request ends, and logs no complaint
        await asyncio.sleep(0)


class HangUp(Response):
    """A response that is none: it closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await hang_up(Request(scope, receive))


def _transport_of(receive: Receive) -> asyncio.Transport | None:
    """Return uvicorn's transport, which only its request cycle, the owner of *receive*, knows."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    return transport if isinstance(transport, asyncio.Transport) else None
