"""
What other processes and threads need of the engine: `nudge`, after an order was placed and committed.

A nudge only hurries: an order that nobody nudged for is found by the engine's sweep.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Nudger:
    """
    Calls *sweep* in a thread of its own whenever somebody nudged, never twice at once; never raises.

    Nudges that arrive while it sweeps are answered by one more sweep.
    """

    def __init__(self, sweep: Callable[[], None]) -> None:
        self._sweep = sweep
        self._wanted = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="ops-nudge", daemon=True)
        self._thread.start()

    def nudge(self) -> None:
        """Say that something was placed; returns at once."""
        self._wanted.set()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._wanted.set()
        self._thread.join(5.0)

    def _loop(self) -> None:
        import logging

        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._ended.is_set():
                return
            try:
                self._sweep()
            except Exception as exc:  # the sweep of the workers finds what this one missed
                logging.getLogger(__name__).warning("orders could not be handed to the queue: %s", type(exc).__name__)
