"""A live channel for tests: real transport or a mock one, a recorder in a folder, and tiny servers on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from pitchey_ops.clock import Clock, SystemClock
from pitchey_ops.evidence.recorder import Recorder
from pitchey_ops.evidence.redact import Redactor
from pitchey_ops.models.exchange import Exchange, Question
from pitchey_ops.settings import Settings
from pitchey_ops.sources._answers import Answers, MemoryAnswers
from pitchey_ops.sources._budget import Budget
from pitchey_ops.sources._http import LiveChannel
from pitchey_ops.sources._slots import MemorySlots, Slots

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server on a loopback port in a thread; *handle* gets each connection after its request's head was read."""

    def __init__(self, handle: Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]) -> None:
        self.heads: list[bytes] = []
        self._handle = handle
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connection, sock=self._socket)
        self._ready.set()
        await self._stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            await self._handle(head, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def whole(body: bytes = b"{}", *, status: str = "200 OK", **headers: str) -> bytes:
    """Return the bytes of an HTTP/1.1 answer that closes its connection."""
    given = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def serving(*answers: bytes) -> Server:
    """Return a server that gives *answers* in turn, the last one for ever."""
    left = list(answers)

    async def handle(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()

    return Server(handle)


@contextmanager
def closed_port() -> Iterator[int]:
    """Yield a loopback port that refuses: bound, so that nobody else gets it, and not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def channel(
    folder: Path,
    settings: Settings,
    *,
    budget_s: float = 60.0,
    clock: Clock | None = None,
    answers: Answers | None = None,
    slots: Slots | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    **others: Any,
) -> LiveChannel:
    """Return a live channel that records into *folder*."""
    clock = clock or SystemClock()
    return LiveChannel(
        settings,
        budget=Budget(others.pop("started", None) or clock.now(), budget_s, clock),
        clock=clock,
        redactor=Redactor(settings.secrets()),
        recorder=Recorder(folder),
        slots=slots or MemorySlots(),
        answers=answers or MemoryAnswers(),
        transport=transport,
        **others,
    )


def question(url: str, key: str = "api/test/1", **changes: Any) -> Question:
    """Return a question that is neither shared nor repeated, unless told otherwise."""
    given: dict[str, Any] = {"source": key.split("/")[0], "share_for_s": 0.0, "retry": False, "timeout_s": 5.0}
    return Question(key=key, url=url, **{**given, **changes})


def asked(live: LiveChannel, *questions: Question) -> list[Exchange]:
    """Put all *questions* at once and return their exchanges."""

    async def work() -> list[Exchange]:
        try:
            return list(await asyncio.gather(*(live.ask(one) for one in questions)))
        finally:
            await live.close()

    return asyncio.run(work())


def utc(text: str) -> datetime:
    """Return an ISO time as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
