"""A span of time that a question is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From *start* (included) to *end* (excluded), both UTC and aware."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs aware times")
        if not self.start < self.end:
            raise ValueError(f"a window must end after it starts: {self.start} .. {self.end}")

    @property
    def duration(self) -> timedelta:
        """Length of the window."""
        return self.end - self.start

    @property
    def start_ms(self) -> int:
        """Start in milliseconds since the epoch."""
        return round(self.start.timestamp() * 1000)

    @property
    def end_ms(self) -> int:
        """End in milliseconds since the epoch."""
        return round(self.end.timestamp() * 1000)

    def __contains__(self, at: object) -> bool:
        return isinstance(at, datetime) and self.start <= at < self.end
