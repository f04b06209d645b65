"""
Many small reads from one host, one after another on each of a few kept connections.

A log archive holds one object an entry, so a run asks for a thousand and more answers of some hundred bytes. A
general client spends far more time on each than the answer takes to travel. This one knows a single kind of
exchange: ``GET``, answered 200 with a plain body of a stated length. Whatever else comes (another status, a
redirect, a packed or endless body, a broken connection, silence) ends its connection, and what was not answered is
left to the careful client, which also says why.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache

_HEAD = re.compile(rb"HTTP/1\.1 200(?: [^\r\n]*)?\r\n")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_MOST_HEAD_BYTES = 16 * 1024
_NOT_PLAIN = frozenset({"transfer-encoding", "content-encoding", "location", "set-cookie", "upgrade"})
_WATCH_S = 0.25


@dataclass(frozen=True, slots=True)
class Plain:
    """One plain answer: headers with lower-case names, the body, and seconds from the asking to its last byte."""

    headers: Mapping[str, str]
    body: bytes
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One read: its *place* among those that were asked for, the request's target, and headers beside ours."""

    place: int
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Connection(asyncio.Protocol):
    """
    One connection to one host.

    Parameters
    ----------
    host
        What stands under ``Host``.
    """

    def __init__(self, host: str, *, user_agent: str, max_bytes: int) -> None:
        self._common = f"host: {host}\r\nuser-agent: {user_agent}\r\naccept: */*\r\naccept-encoding: identity\r\n"
        self._max_bytes = max_bytes
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._body_at = -1
        self._ends_at = -1
        self._headers: dict[str, str] = {}
        self._asks: Iterator[Ask] = iter(())
        self._asked: Ask | None = None
        self._asked_s = 0.0
        self._answered: Callable[[Ask, Plain], None] = lambda ask, plain: None
        self._done: asyncio.Future[None] | None = None

    @property
    def usable(self) -> bool:
        """Whether another question may be put."""
        return self._transport is not None and not self._transport.is_closing()

    async def run(self, asks: Iterator[Ask], answered: Callable[[Ask, Plain], None], *, silent_s: float) -> None:
        """
        Put *asks* one after another and hand each plain answer to *answered*; return at the first that is none.

        Parameters
        ----------
        silent_s
            Seconds without a whole answer after which the connection is given up.
        """
        self._asks, self._answered, self._done = asks, answered, self._loop.create_future()
        self._next()
        try:
            while not self._done.done():
                await asyncio.wait((self._done,), timeout=_WATCH_S)
                if not self._done.done() and self._loop.time() - self._asked_s > silent_s:
                    break
        finally:
            if not self._done.done() or self._asked is not None:
                self.abort()

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is under way."""
        self._transport = None
        self._finish()

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; a whole one is handed on and the next question put."""
        if self._asked is None:  # nobody asked: an answer to nothing
            self.abort()
            return
        self._buffer += data
        if self._body_at < 0 and not self._read_head():
            return
        if len(self._buffer) < self._ends_at:
            return
        if len(self._buffer) > self._ends_at:  # more than was stated: the two sides disagree about where answers end
            self._give_up()
            return
        plain = Plain(
            headers=self._headers,
            body=bytes(self._buffer[self._body_at :]),
            took_s=self._loop.time() - self._asked_s,
        )
        asked = self._asked
        self._buffer.clear()
        self._body_at = self._ends_at = -1
        self._asked = None
        last = self._headers.get("connection", "").lower() == "close"
        self._answered(asked, plain)
        if last:
            self.abort()
            self._finish()
        else:
            self._next()

    def _next(self) -> None:
        if self._transport is None:
            self._finish()
            return
        ask = next(self._asks, None)
        if ask is None:
            self._finish()
            return
        self._asked, self._asked_s = ask, self._loop.time()
        own = "".join(f"{name}: {value}\r\n" for name, value in ask.headers.items() if name != "host")
        self._transport.write(f"GET {ask.target} HTTP/1.1\r\n{self._common}{own}\r\n".encode("ascii"))

    def _read_head(self) -> bool:
        """Return whether the head is there and plain; one that is not ends the connection."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MOST_HEAD_BYTES:
                self._give_up()
            return False
        headers = read_head(bytes(self._buffer[: end + 2]))
        length = None if headers is None else headers.get("content-length", "")
        if headers is None or length is None or not (length.isascii() and length.isdigit() and len(length) < 12):
            self._give_up()
            return False
        if int(length) > self._max_bytes:
            self._give_up()
            return False
        self._headers = headers
        self._body_at = end + 4
        self._ends_at = self._body_at + int(length)
        return True

    def _give_up(self) -> None:
        self.abort()
        self._finish()

    def _finish(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(None)


def read_head(head: bytes) -> dict[str, str] | None:
    """
    Return the headers of a plain answer, None where it is another one.

    *head* is everything up to the empty line, that line's own end excluded.
    """
    status = _HEAD.match(head)
    if status is None:
        return None
    fields = head[status.end() : -2]
    try:
        lines = fields.decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        return None
    if b"\0" in fields or not fields.count(b"\r") == fields.count(b"\n") == len(lines) - 1:
        return None
    headers: dict[str, str] = {}
    for line in lines:
        raw, colon, value = line.partition(":")
        name = _plain_name(raw)
        # one that comes twice is for the careful client to make sense of
        if not colon or name is None or name in headers:
            return None
        headers[name] = value.strip(" \t")
    return headers


@lru_cache(maxsize=256)  # the same dozen names come with every answer
def _plain_name(raw: str) -> str | None:
    """Return the name of a header in lower case; None for one that is none, or is not for this client."""
    name = raw.lower()
    return name if _NAME.fullmatch(raw) and name not in _NOT_PLAIN else None


async def connected(
    scheme: str, host: str, port: int, *, netloc: str, user_agent: str, max_bytes: int, connect_s: float
) -> Connection | None:
    """Return an open connection, or None where it could not be opened in *connect_s* seconds."""
    loop = asyncio.get_running_loop()
    secure: ssl.SSLContext | None = None
    if scheme == "https":
        from ._trust import trusted

        secure = trusted()
    with suppress(OSError, ssl.SSLError, TimeoutError, ValueError):
        async with asyncio.timeout(connect_s):
            _, connection = await loop.create_connection(
                lambda: Connection(netloc, user_agent=user_agent, max_bytes=max_bytes), host, port, ssl=secure
            )
        return connection
    return None
