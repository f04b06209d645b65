"""
An event loop whose time jumps to the next timer instead of waiting for it.

Whatever is awaited in process (time-outs of 30 s, back-off, a service that is slow on purpose) costs no
time of ours and ends in the same order every time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

STUCK_AFTER_S = 10.0
"""Real seconds that a loop without timers waits for a thread or a socket before it is called stuck."""


class Stuck(RuntimeError):
    """Nothing is ready, no timer is set, and nothing came from outside: the work would wait for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    """Looks for what is ready without waiting; where nothing is, the time that it was to wait has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready now; else let *timeout* virtual seconds pass at once."""
        if timeout is None:
            ready = super().select(STUCK_AFTER_S)
            if not ready:
                raise Stuck(f"nothing is ready, no timer is set, and nothing came within {STUCK_AFTER_S:.0f} s")
            return ready
        ready = super().select(0)
        if not ready and timeout > 0:
            self.now_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """
    A loop with a time of its own: 0 at its start, unmoved by computing, moved on only by waiting.

    Threads and sockets work, but no virtual time passes for them to be awaited in: a timer that stands
    beside them comes first.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        # a timer is due within this of its time: 1 ns, as usual, is lost in the rounding of a far time
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._jumping.now_s


def run_virtual(work: Coroutine[Any, Any, T]) -> T:
    """
    Run *work* to its end under virtual time, in this thread.

    Raises
    ------
    Stuck
        *work* waits for something that can never happen.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
