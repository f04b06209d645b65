"""The one clock that a process looks at; tests and drills put their own in its place."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time, and nothing else."""

    def now(self) -> datetime:
        """Return the present moment, aware, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the machine's time, UTC."""
        return datetime.now(UTC)


class FixedClock:
    """Always the same moment; for tests and for recorded cases."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """Return the fixed moment."""
        return self._at


class LoopClock:
    """Follows the running event loop's time from *start* on, so that a virtual loop moves it too."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._zero: float | None = None

    def now(self) -> datetime:
        """Return *start* plus the loop's time since the first call."""
        loop_time = asyncio.get_running_loop().time()
        if self._zero is None:
            self._zero = loop_time
        return self._start + timedelta(seconds=loop_time - self._zero)
