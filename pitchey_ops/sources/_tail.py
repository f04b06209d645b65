"""
One watch of a Worker's live tail: made, listened to, and deleted again (contract third-party, A5).

Making a tail is the only call of a run that creates something. It changes nothing for anybody's requests; it is
deleted whatever happens here, and ends by itself at its ``expires_at`` (within hours) where even that fails.
What it sends is what users sent: addresses, headers and log lines of strangers. It is read with a limit on
everything (time, messages, bytes, nesting), and redacted before anybody keeps it.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
    NegotiationError,
    WebSocketException,
)
from websockets.typing import Subprotocol

from ..errors import BadPayload
from ..models.exchange import Question
from ..models.observation import Reason
from ._trust import trusted
from .reading import _deeper, excerpt, loads, mapping, objects

if TYPE_CHECKING:
    from ._http import Redacts

EVENTS = 100
"""Invocations after which enough was seen (runbook step outage.tail)."""
EVENTS_LEAST = 50
"""Invocations that are enough once all other questions are answered: nobody waits for the rest of a sample."""
SUBPROTOCOL = "trace-v1"
CREATE_S, OPEN_S, DELETE_S, CLOSE_S = 5.0, 3.0, 3.0, 0.1
AROUND_S = CREATE_S + OPEN_S + DELETE_S + CLOSE_S
"""
Seconds that a watch may take beside the watching. The far side's farewell stands behind all that it sent and nobody
reads any more, so it is not waited for.
"""
BUDGET_SHARE = 0.1
"""Share of a run's budget that may be watched: a quiet Worker must not make a run slow."""

_MAX_CREATED_BYTES = 64 * 1024
_MAX_MESSAGE_BYTES = 1024 * 1024
_MAX_BYTES = 4 * 1024 * 1024
_MAX_MESSAGES = 4 * EVENTS
_DEEPEST = 40
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PLAIN = re.compile(r"[!-~]{1,2048}")
_NOTICES = ("overload", "overload-stop")


class TailFault(Exception):
    """Nothing was watched."""

    def __init__(self, reason: Reason, detail: str, *, status: int | None = None) -> None:
        self.reason = reason
        self.status = status
        super().__init__(detail)


@dataclass(slots=True, kw_only=True)
class Heard:
    """
    What came through the socket, redacted.

    Attributes
    ----------
    ended
        ``enough`` (`EVENTS`, fewer where nothing else was waited for, or a limit on bytes or messages), ``time``,
        ``closed`` (properly, by the far side) or ``lost``.
    rejected
        Messages that are no event: not JSON, nested too deep, of another shape.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    ended: str = "time"
    detail: str = ""
    rejected: int = 0
    watched_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    id: str
    url: str
    expires_at: str | None


class _Connect(connect):
    """Follows no redirect: the address that was checked is the one that is opened."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return *exc*: a redirect is a failure."""
        return exc


class Watch:
    """
    Makes, watches and deletes one tail.

    Parameters
    ----------
    http
        Sends the two requests to the API.
    headers
        Of both, the token among them; the socket gets none of them: its address is its own secret.
    refusal
        Says why an address of a socket may not be opened, None when it may.
    hold
        Holds a slot of the API's host.
    hurried
        Set once nothing else is waited for: `EVENTS_LEAST` are enough then.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        redactor: Redacts,
        *,
        headers: Mapping[str, str],
        refusal: Callable[[str], str | None],
        hold: Callable[[], AbstractAsyncContextManager[None]],
        user_agent: str,
        hurried: asyncio.Event,
    ) -> None:
        self._http = http
        self._redactor = redactor
        self._headers = dict(headers)
        self._refusal = refusal
        self._hold = hold
        self._user_agent = user_agent
        self._hurried = hurried

    async def run(self, question: Question, *, limit_s: float) -> bytes:
        """
        Watch for at most *limit_s* seconds and return what was heard as JSON.

        Raises
        ------
        TailFault
            The tail could not be made, may not be opened, or its socket did not open.
        """
        made = await self._make(question)
        deleted = False
        try:
            heard = await self._listen(made, limit_s)
        except TailFault as fault:
            deleted = await self._delete(question, made)
            left = "" if deleted else f"; the tail could not be deleted and ends by itself{_until(made)}"
            raise TailFault(fault.reason, f"{fault}{left}", status=fault.status) from None
        except BaseException:
            await self._delete(question, made)
            raise
        deleted = await self._delete(question, made)
        return json.dumps(
            {
                "ended": heard.ended,
                "detail": heard.detail,
                "watched_s": round(heard.watched_s, 3),
                "limit_s": round(limit_s, 3),
                "deleted": deleted,
                "expires_at": made.expires_at,
                "rejected": heard.rejected,
                "events": heard.events,
            },
            allow_nan=False,
        ).encode("ascii")

    async def _make(self, question: Question) -> _Made:
        try:
            async with (
                asyncio.timeout(CREATE_S),
                self._hold(),
                self._http.stream(
                    "POST", question.url, headers=self._headers, content=question.body, timeout=CREATE_S
                ) as response,
            ):
                body = await _limited(response)
        except (TimeoutError, httpx.TimeoutException):
            raise TailFault(
                "timeout", "no answer in time; if a tail was made all the same, it ends by itself within hours"
            ) from None
        status = response.status_code
        if not 200 <= status < 300:
            reason: Reason = {401: "refused", 403: "refused", 429: "rate_limited"}.get(status, "failed")  # type: ignore[assignment]
            raise TailFault(reason, f"the tail was not made (status {status}{_said(body)})", status=status)
        try:
            answer = mapping(loads(body.decode("utf-8", "replace")))
        except BadPayload as exc:
            raise TailFault("bad_payload", f"the tail's description is unreadable: {exc}", status=status) from None
        if answer.get("success") is not True:
            raise TailFault("failed", f"the envelope says no success{_said(body)}", status=status)
        result = mapping(answer.get("result"))
        name, url, expires_at = result.get("id"), result.get("url"), result.get("expires_at")
        if not isinstance(name, str) or not _ID.fullmatch(name) or not isinstance(url, str):
            raise TailFault("bad_payload", "the tail's description holds no usable id and address", status=status)
        return _Made(id=name, url=url, expires_at=expires_at[:40] if isinstance(expires_at, str) else None)

    async def _delete(self, question: Question, made: _Made) -> bool:
        with suppress(TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError):
            async with asyncio.timeout(DELETE_S), self._hold():
                headers = {name: value for name, value in self._headers.items() if name.lower() != "content-type"}
                answer = await self._http.delete(f"{question.url}/{made.id}", headers=headers, timeout=DELETE_S)
                return answer.status_code < 300 or answer.status_code == 404
        return False

    async def _listen(self, made: _Made, limit_s: float) -> Heard:
        if not _PLAIN.fullmatch(made.url):
            raise TailFault("not_allowed", "the tail's address is no plain address; it was not opened")
        refused = self._refusal(made.url)
        if refused is not None:
            raise TailFault("not_allowed", refused)
        socket = await self._open(made.url)
        heard = Heard()
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(limit_s):
                await socket.send('{"debug": false}')
                await self._hear(socket, heard)
                heard.ended = "enough"
        except TimeoutError:
            heard.ended = "time"
        except ConnectionClosedOK:
            heard.ended = "closed"
        except (ConnectionClosed, WebSocketException, OSError) as exc:
            heard.ended, heard.detail = "lost", self._redactor.text(excerpt(f"{type(exc).__name__}: {exc}", 200))
        finally:
            heard.watched_s = asyncio.get_running_loop().time() - began
            await _close(socket)
        if heard.ended == "lost" and not heard.events:
            raise TailFault("unreachable", f"the socket broke before any event ({heard.detail})")
        return heard

    async def _open(self, url: str) -> ClientConnection:
        secure: dict[str, Any] = {"ssl": trusted()} if urlsplit(url).scheme == "wss" else {}
        try:
            async with asyncio.timeout(OPEN_S):
                socket = await _Connect(
                    url,
                    subprotocols=[Subprotocol(SUBPROTOCOL)],
                    compression=None,
                    user_agent_header=self._user_agent,
                    proxy=None,
                    open_timeout=None,
                    ping_interval=None,
                    close_timeout=CLOSE_S,
                    max_size=_MAX_MESSAGE_BYTES,
                    **secure,
                )
        except TimeoutError:
            raise TailFault("timeout", f"the socket did not open within {OPEN_S:.0f} s") from None
        except InvalidStatus as exc:
            status = exc.response.status_code
            raise TailFault(
                "refused" if status in (401, 403) else "failed", f"the socket was refused (status {status})"
            ) from None
        except NegotiationError:
            raise TailFault("bad_payload", f"the socket does not speak {SUBPROTOCOL}") from None
        except (InvalidHandshake, InvalidURI, WebSocketException, EOFError, ValueError) as exc:
            raise TailFault("bad_payload", f"the far side is no WebSocket ({type(exc).__name__})") from None
        except (OSError, ssl.SSLError) as exc:
            raise TailFault("unreachable", f"the socket could not be opened ({type(exc).__name__})") from None
        if socket.subprotocol != SUBPROTOCOL:
            await _close(socket)
            raise TailFault("bad_payload", f"the socket does not speak {SUBPROTOCOL}")
        return socket

    async def _hear(self, socket: ClientConnection, heard: Heard) -> None:
        counted = size = messages = 0
        while size < _MAX_BYTES and messages < _MAX_MESSAGES:
            if counted >= (EVENTS_LEAST if self._hurried.is_set() else EVENTS):
                return
            message = await socket.recv()
            messages += 1
            size += len(message)
            event = self._event(message)
            if event is None:
                heard.rejected += 1
                continue
            heard.events.append(event)
            counted += not is_notice(event)

    def _event(self, message: str | bytes) -> dict[str, Any] | None:
        text = message.decode("utf-8", "replace") if isinstance(message, bytes) else message
        try:
            event = loads(text)
            if not isinstance(event, dict) or _deeper(event, _DEEPEST):
                return None
            json.dumps(event, allow_nan=False)
        except (BadPayload, ValueError, RecursionError):
            return None
        request = mapping(event.get("event")).get("request")
        if isinstance(request, dict):
            if isinstance(request.get("url"), str):
                request["url"] = self._redactor.url(request["url"])
            if isinstance(request.get("headers"), dict):
                texts = {name: value if isinstance(value, str) else json.dumps(value)
                         for name, value in request["headers"].items()}  # fmt: skip
                request["headers"] = self._redactor.headers(texts)
        return event


def is_notice(event: Mapping[str, Any]) -> bool:
    """Return whether *event* is no invocation but a notice that events are dropped, or are no longer."""
    told = mapping(event.get("event"))
    return told.get("type") in _NOTICES and "message" in told


async def _limited(response: httpx.Response) -> bytes:
    chunks, size = [], 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > _MAX_CREATED_BYTES:
            raise TailFault("too_large", "the tail's description is larger than it can be")
        chunks.append(chunk)
    return b"".join(chunks)


async def _close(socket: ClientConnection) -> None:
    with suppress(TimeoutError, WebSocketException, OSError):
        async with asyncio.timeout(CLOSE_S):
            await socket.close()
    socket.transport.abort()


def _said(body: bytes) -> str:
    try:
        errors = objects(mapping(loads(body.decode("utf-8", "replace"))).get("errors"))
    except BadPayload:
        return ""
    said = (f"{excerpt(str(e.get('code')), 20)}: {excerpt(str(e.get('message')), 120)}" for e in errors[:3])
    return "".join(f"; {one}" for one in said)


def _until(made: _Made) -> str:
    return f" at {excerpt(made.expires_at, 40)}" if made.expires_at else ""
