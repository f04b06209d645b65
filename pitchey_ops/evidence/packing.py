"""
A run's evidence, packed while the run is still going on.

The process that carries out a notebook has nothing to do while the kernel computes; what is recorded by then is
packed meanwhile, and only the rest when the run is over.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import RecordError
from .har import HarWriter, har
from .recorder import LINES, exchange_of, read_lines_after, read_recorded

ASKED = b'\n{"record":"asked"'
"""The event after which a run asks nothing more, as the record has it; no text in a line can look like it."""


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
        self._looked = 0
        self._asked = False

    def take_when_asked(self) -> None:
        """
        Do as `take` once all questions are answered; never raises.

        Until then the run, and whoever answers it, can make better use of the cores.
        """
        if not self._asked:
            with suppress(OSError), (self._folder / LINES).open("rb") as file:
                file.seek(self._looked)
                read = file.read()
                self._asked = ASKED in read
                self._looked += max(0, len(read) - len(ASKED))
        if self._asked:
            self.take()

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
        self.take()
        writer, self._writer = self._writer, None
        if writer is not None:
            return writer.close(self._events)
        kept = read_recorded(self._folder)
        return har(kept.exchanges, creator_version=self._version, salts=kept.salts, events=kept.events)
