"""
A run's evidence, packed while the run is still going on.

The process that carries out a notebook has nothing to do while the kernel computes; what is recorded by then is
packed meanwhile, and only the rest when the run is over.
"""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import RecordError
from .har import HarWriter, har
from .recorder import exchange_of, read_lines_after, read_recorded

NICE = 10
"""How far packing stands back behind what a run waits for."""


class Packing:
    """
    The HAR of what is recorded in *folder*, as far as it was taken.

    What could not be taken on the way is no fault yet: the whole record is read once more at the end, and that tells.
    """

    def __init__(self, folder: Path, *, creator_version: str) -> None:
        self._folder = folder
        self._version = creator_version
        self._writer: HarWriter | None = HarWriter(creator_version=creator_version)
        self._events: list[dict[str, Any]] = []
        self._offset = 0
        self._thread: ThreadPoolExecutor | None = None
        self._begun: Future[None] | None = None

    def take_beside(self) -> None:
        """Do as `take`, by a thread of its own that takes what time others leave it; returns at once."""
        if self._begun is None or self._begun.done():
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="packing", initializer=_after_others)
            self._begun = self._thread.submit(self.take)

    def take(self) -> None:
        """Pack the whole lines that came since the last time; never raises."""
        writer = self._writer
        if writer is None:
            return
        try:
            for kind, row, end in read_lines_after(self._folder, self._offset):
                if kind == "exchange":
                    writer.add(exchange_of(self._folder, row), row["salt"])
                else:
                    self._events.append({"record": kind, **row})
                self._offset = end
        except (OSError, ValueError, KeyError, TypeError, RecursionError, RecordError):
            self._writer = None

    def data(self) -> bytes:
        """
        Return all of the evidence as gzipped HAR; the same bytes as `har` of the whole record.

        Raises
        ------
        RecordError
            A body that was stored apart is missing or damaged, or an exchange is there twice.
        """
        if self._thread is not None:
            self._thread.shutdown()
        self.take()
        writer, self._writer = self._writer, None
        if writer is not None:
            return writer.close(self._events)
        kept = read_recorded(self._folder)
        return har(kept.exchanges, creator_version=self._version, salts=kept.salts, events=kept.events)


def _after_others() -> None:
    """Let every other thread of the machine go first, as far as the system knows threads by themselves."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
