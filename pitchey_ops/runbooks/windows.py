"""How a person names a span of time: ``1h``, ``90m``, ``START/END``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ..errors import UsageError
from ..models.window import Window

DEFAULT = timedelta(hours=1)
LONGEST = timedelta(days=7)
"""The platform keeps seven days (contract trap 8)."""
_TOO_LONG = f"it is longer than {LONGEST.days} days, and the platform keeps no more"

_SPAN = re.compile(r"(?P<n>\d{1,6})\s*(?P<unit>s|m|min|h|d)", re.ASCII)
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def parse(text: str, *, now: datetime) -> Window:
    """
    Return the window that *text* names; empty means the 60 minutes before *now*.

    Parameters
    ----------
    text
        ``90s``, ``30m``, ``1h``, ``2d`` (before *now*), or ``START/END`` in ISO 8601; times without an
        offset are UTC; END may be empty for *now*.

    Raises
    ------
    UsageError
        With what was given, why it is no window, and two examples.
    """
    text = text.strip()
    now = now.astimezone(UTC)
    if not text:
        return Window(start=now - DEFAULT, end=now)
    match = _SPAN.fullmatch(text)
    if match:
        span = timedelta(seconds=int(match["n"]) * _UNITS[match["unit"]])
        if span > LONGEST:
            raise _wrong(text, _TOO_LONG)
        return _checked(text, now - span, now)
    start_text, slash, end_text = text.partition("/")
    if not slash:
        raise _wrong(text, "it is neither a span nor START/END")
    start = _time(text, start_text)
    end = _time(text, end_text) if end_text.strip() else now
    return _checked(text, start, end)


def _time(whole: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text.strip())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _wrong(whole, f"{text.strip()[:60]!r} is no ISO 8601 time") from None


def _checked(text: str, start: datetime, end: datetime) -> Window:
    if start >= end:
        raise _wrong(text, "it does not end after it starts")
    if end - start > LONGEST:
        raise _wrong(text, _TOO_LONG)
    return Window(start=start, end=end)


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(
        f"window {text[:80]!r}: {why}. Expected a span such as 1h or 30m, or START/END such as "
        "2026-11-23T08:00Z/2026-11-23T09:00Z. Nothing was run."
    )
