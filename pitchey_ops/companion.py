"""
A second process of a kernel, for work that would else wait for its turn: Python computes on one core at a time.

It is forked by the nursery, as the kernel was, when it is wanted for the first time: not every run wants it, and a
process with threads cannot fork. It knows all that was imported by then. What it is given is a function of values that
changes nothing and gives the same wherever it is called; so whoever asks gets an answer even when the other process is
busy, broken or was never there: it is computed here then.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")
PATIENCE_S = 20.0
"""An answer that takes longer is computed here, and the other process is not asked again."""
WANTED, DESCRIPTORS = b"companion", 3
"""What a kernel tells its nursery, and with how many descriptors: a connection and where to write to."""
NONE = pickle.dumps(None)
"""What says that there is no answer."""


class Companion:
    """The other process; at the other end of *nursery* is who forks it, once."""

    def __init__(self, nursery: socket.socket) -> None:
        self._nursery: socket.socket | None = nursery
        self._other: Connection | None = None
        self._lock = threading.Lock()

    def call(self, function: Callable[..., T], *given: Any) -> T:
        """Return ``function(*given)``, computed by the other process if it is free, else here."""
        answer = self._asked(function, given)
        return function(*given) if answer is None else answer[0]

    def _asked(self, function: Callable[..., T], given: tuple[Any, ...]) -> tuple[T] | None:
        if not self._lock.acquire(blocking=False):
            return None
        try:
            if self._nursery is None and self._other is None:
                return None
            try:
                import cloudpickle

                order = cloudpickle.dumps((function, given))
            except Exception:  # it cannot be sent
                return None
            try:
                other = self._begun()
                if other is None:
                    return None
                other.send_bytes(order)
                if not other.poll(PATIENCE_S):
                    raise TimeoutError
                answer: tuple[T] | None = pickle.loads(other.recv_bytes())  # noqa: S301 - our own process wrote it
            except Exception:  # it is gone or hangs
                self.close()
                return None
            return answer
        finally:
            self._lock.release()

    def _begun(self) -> Connection | None:
        """Return the connection to it, which is asked for at first; None after it was closed."""
        nursery, self._nursery = self._nursery, None
        if nursery is not None:
            ours, theirs = Pipe()
            with nursery, theirs:
                self._other = ours
                socket.send_fds(nursery, [WANTED], [theirs.fileno(), 1, 2])
        return self._other

    def close(self) -> None:
        """Ask it nothing more; it ends."""
        other, self._other = self._other, None
        if other is not None:
            other.close()


def wanted(kernel: socket.socket) -> list[int]:
    """
    Return what a kernel sent for its companion, to whom it is lent: connection, standard output and error.

    Nothing, where the kernel ended or sent what is not that; it is not listened to again.
    """
    with kernel:
        try:
            words, descriptors, _, _ = socket.recv_fds(kernel, len(WANTED), DESCRIPTORS)
        except OSError:
            return []
        if words == WANTED and len(descriptors) == DESCRIPTORS:
            return descriptors
        for descriptor in descriptors:
            os.close(descriptor)
        return []


def serve(descriptors: list[int]) -> NoReturn:
    """
    Be the companion of who sent *descriptors* (see `wanted`): answer until that ends.

    What a function raises is found out where it is called again.
    """
    with suppress(BaseException):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # that is meant for the cell that runs
        connection, *streams = descriptors
        for place, stream in enumerate(streams, start=1):
            os.dup2(stream, place)
            os.close(stream)
        asked = Connection(connection)
        while True:
            try:
                order = asked.recv_bytes()
            except (EOFError, OSError):
                break
            try:
                function, given = pickle.loads(order)  # noqa: S301 - our own process wrote it
                answer = pickle.dumps((function(*given),))
            except Exception:
                answer = NONE
            asked.send_bytes(answer)
    os._exit(0)


_companion: Companion | None = None
_turns = ThreadPoolExecutor(1, thread_name_prefix="in turn")


def have(nursery: socket.socket) -> None:
    """Let this process have a companion, which is forked at the other end of *nursery* when it is first wanted."""
    global _companion
    _companion = Companion(nursery)


def there() -> bool:
    """Whether this process has a companion, or will when it wants one."""
    return _companion is not None


async def in_turn(function: Callable[..., T], *given: Any) -> T:
    """
    Return ``function(*given)`` as `elsewhere`, without keeping the loop waiting for the companion.

    Calls are done one after the other, so that the companion is free for each; without one it is computed here, now.
    """
    if _companion is None:
        return function(*given)
    return await asyncio.get_running_loop().run_in_executor(_turns, _companion.call, function, *given)


def elsewhere(function: Callable[..., T], *given: Any) -> T:
    """Return ``function(*given)``, computed by the companion if there is one and it is free, else here."""
    return function(*given) if _companion is None else _companion.call(function, *given)
