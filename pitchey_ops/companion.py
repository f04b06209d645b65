"""
A second process of a kernel, for work that would else wait for its turn: Python computes on one core at a time.

It is forked when the kernel is born, before there are threads, and knows all that was imported by then. What it is
given is a function of values that changes nothing and gives the same wherever it is called; so whoever asks gets an
answer even when the other process is busy, broken or was never there: it is computed here then.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")
PATIENCE_S = 20.0
"""An answer that takes longer is computed here, and the other process is not asked again."""
NONE = pickle.dumps(None)
"""What says that there is no answer."""


class Companion:
    """The other process, forked by whoever makes this; *bound* is called in it first and ties its life to ours."""

    def __init__(self, bound: Callable[[], object]) -> None:
        ours, theirs = Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _serve(theirs, bound)
        theirs.close()
        self._other: Connection | None = ours
        self._lock = threading.Lock()

    def call(self, function: Callable[..., T], *given: Any) -> T:
        """Return ``function(*given)``, computed by the other process if it is free, else here."""
        answer = self._asked(function, given)
        return function(*given) if answer is None else answer[0]

    def _asked(self, function: Callable[..., T], given: tuple[Any, ...]) -> tuple[T] | None:
        if not self._lock.acquire(blocking=False):
            return None
        try:
            if self._other is None:
                return None
            try:
                import cloudpickle

                order = cloudpickle.dumps((function, given))
            except Exception:  # it cannot be sent
                return None
            try:
                self._other.send_bytes(order)
                if not self._other.poll(PATIENCE_S):
                    raise TimeoutError
                answer: tuple[T] | None = pickle.loads(self._other.recv_bytes())  # noqa: S301 - our own process wrote it
            except Exception:  # it is gone or hangs
                self.close()
                return None
            return answer
        finally:
            self._lock.release()

    def close(self) -> None:
        """Ask it nothing more; it ends."""
        other, self._other = self._other, None
        if other is not None:
            other.close()


def _serve(asked: Connection, bound: Callable[[], object]) -> NoReturn:
    """Answer until the other end is closed; what a function raises is found out where it is called again."""
    with suppress(BaseException):
        bound()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # that is meant for the cell that runs
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


def fork(bound: Callable[[], object]) -> None:
    """Give this process a companion; called once, while it has one thread."""
    global _companion
    _companion = Companion(bound)


def there() -> bool:
    """Whether this process has a companion."""
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
