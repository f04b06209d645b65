"""How panels and pages say figures, times and names; needs no drawing library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from ..models.window import Window
from .base import number

UNNAMED = "(unnamed)"
OTHERS = "all others"
SPARKS = "▁▂▃▄▅▆▇█"


def name(text: object, limit: int = 48) -> str:
    """Return a stranger's name, cut, for a title or a sentence (escaped when the panel is shown)."""
    whole = UNNAMED if text is None or text == "" else str(text)
    return whole if len(whole) <= limit else whole[: limit - 1] + "…"


def quoted(text: object, limit: int = 200) -> str:
    """Return a stranger's words in quotation marks, cut, for a `base.Column` of claims; an empty text stays empty."""
    whole = "" if text is None else str(text)
    return f"“{whole if len(whole) <= limit else whole[: limit - 1] + '…'}”" if whole else ""


def clock(at: datetime, window: Window | None = None) -> str:
    """Return *at* as ``14:03 UTC``, with the day where it is not the day that the window ends on."""
    at = at.astimezone(UTC)
    same = window is None or at.date() == window.end.astimezone(UTC).date()
    return f"{at:%H:%M} UTC" if same else f"{at:%d %b %H:%M} UTC"


def percent(share: float) -> str:
    """Return a share (0-1) as ``38 %``, with a decimal below ten percent."""
    if not math.isfinite(share):
        return "unknown share"
    value = 100 * share
    if 0 < value < 0.1:
        return "under 0.1 %"
    return f"{value:.0f} %" if value >= 9.95 or value == 0 else f"{value:.1f} %"


def count(value: float, one: str, many: str | None = None) -> str:
    """Return ``1 error``, ``2 errors``."""
    words = one if value == 1 else (many or f"{one}s")
    return f"{number(round(value) if math.isfinite(value) else value)} {words}"


def span_words(seconds: float) -> str:
    """Return a duration as people say it: ``45 s``, ``12 min``, ``3.5 h``, ``2 days``."""
    size = abs(seconds)
    if size < 90:
        return f"{seconds:.0f} s"
    if size < 5400:
        return f"{seconds / 60:.0f} min"
    if size < 129_600:
        return f"{seconds / 3600:.1f} h".replace(".0 h", " h")
    return f"{seconds / 86400:.0f} days"


def spark(values: Sequence[float]) -> str:
    """Return a line of block characters, one a value; ``·`` for zero, ``?`` for not a number."""
    finite = [value for value in values if math.isfinite(value)]
    top = max(finite, default=0.0)
    out = []
    for value in values:
        if not math.isfinite(value):
            out.append("?")
        elif value <= 0 or top <= 0:
            out.append("·")
        else:
            out.append(SPARKS[min(7, int(value / top * 7.999))])
    return "".join(out)
