"""The sandbox's clock: one time for every service, injectable, and able to run faster than real time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """What the sandbox needs to know about time: milliseconds since the epoch, UTC."""

    def now_ms(self) -> int:
        """Return the sandbox's time in ms since the epoch, UTC."""
        ...

    def advance(self, ms: int) -> None:
        """Jump by *ms* milliseconds."""
        ...


class SetClock:
    """A clock that stands still until it is moved; for tests."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Return the time that was set last, in ms."""
        return self._now_ms

    def advance(self, ms: int) -> None:
        """Move the clock by *ms* milliseconds."""
        self._now_ms += ms

    def set(self, now_ms: int) -> None:
        """Move the clock to *now_ms*."""
        self._now_ms = now_ms


class LoopClock:
    """
    ``start_ms`` plus the seconds of the running asyncio loop times *speed*.

    Under uvicorn the loop's time is the machine's monotonic clock; under a virtual-time loop it is
    that loop's, so a test needs no waiting. The count begins at `start`, or else at the first reading
    inside a loop. Outside of a loop the clock shows its last reading.
    """

    def __init__(self, start_ms: int, *, speed: float = 1.0) -> None:
        if speed < 0:
            raise ValueError("speed must not be negative: the sandbox's time never runs backwards")
        self._base_ms = float(start_ms)
        self._speed = speed
        self._zero_s: float | None = None
        self._last_ms = start_ms

    def start(self) -> None:
        """Begin to count now; called inside a running loop."""
        if self._zero_s is None:
            self._zero_s = asyncio.get_running_loop().time()

    def advance(self, ms: int) -> None:
        """Jump by *ms* milliseconds."""
        self._base_ms += ms
        self._last_ms += ms

    def now_ms(self) -> int:
        """Return the sandbox's time in ms."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._last_ms
        if self._zero_s is None:
            self._zero_s = loop.time()
        self._last_ms = int(self._base_ms + (loop.time() - self._zero_s) * 1000.0 * self._speed)
        return self._last_ms


def iso(ms: int) -> str:
    """Return *ms* as ISO 8601 with milliseconds and Z, as JavaScript's ``toISOString`` does."""
    minute, rest = divmod(ms, 60_000)
    return f"{_minute_text(minute)}{rest // 1000:02d}.{rest % 1000:03d}Z"


def http_date(ms: int) -> str:
    """Return *ms* as an HTTP date."""
    minute, rest = divmod(ms, 60_000)
    return f"{_http_minute(minute)}{rest // 1000:02d} GMT"


@lru_cache(4096)
def _minute_text(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:")


@lru_cache(4096)
def _http_minute(minute: int) -> str:
    return format_datetime(datetime.fromtimestamp(minute * 60, UTC), usegmt=True).removesuffix("00 GMT")
