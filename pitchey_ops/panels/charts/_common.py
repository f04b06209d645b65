"""What several charts share: names, bins, before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl

from ...models.window import Window
from .. import style
from ..base import number
from ..style import Marks, Numbers

UNNAMED = "(unnamed)"
OTHERS = "all others"
SPARKS = "▁▂▃▄▅▆▇█"


def name(text: object, limit: int = 48) -> str:
    """Return a stranger's name, cut, for a title or a sentence (escaped when the panel is shown)."""
    whole = UNNAMED if text is None or text == "" else str(text)
    return whole if len(whole) <= limit else whole[: limit - 1] + "…"


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


def finite(values: Numbers) -> Numbers:
    """Return *values* without infinities and NaN."""
    return values[np.isfinite(values)]


def finite_max(values: Numbers, default: float = 0.0) -> float:
    """Return the largest finite value, or *default*."""
    kept = finite(np.asarray(values, dtype=np.float64))
    return float(kept.max()) if kept.size else default


def before_after(values: Numbers, starts: Numbers, width_s: int, onset: datetime | None) -> tuple[float, float] | None:
    """Return the mean of *values* over whole bins before the onset and from it on; None without both."""
    if onset is None:
        return None
    at = onset.timestamp()
    before, after = values[starts + width_s <= at], values[starts + width_s > at]
    before, after = finite(before), finite(after)
    if not before.size or not after.size:
        return None
    return float(before.mean()), float(after.mean())


def grouped_bins(
    frame: pl.DataFrame, group: str, weight: str | None, marks: Marks, width_s: int, top: int = 6
) -> tuple[Numbers, list[str], Numbers, int]:
    """
    Return (bin starts, names, values of shape names x bins, number of groups put together under the last name).

    The *top* groups by total stand first, largest first (ties by name); the rest is summed as ``all others``.
    """
    starts = style.bin_starts(marks.window, width_s)
    binned = style.with_bins(frame, marks.window, width_s).filter(pl.col("bin").is_between(0, len(starts) - 1))
    amount = pl.len().cast(pl.Float64) if weight is None else pl.col(weight).fill_nan(0.0).sum()
    sums = binned.group_by(pl.col(group).fill_null(UNNAMED).alias("name"), "bin").agg(amount.alias("n"))
    totals = sums.group_by("name").agg(pl.col("n").sum()).sort(["n", "name"], descending=[True, False])
    names: list[str] = totals.get_column("name").to_list()
    shown = names[:top]
    rest = len(names) - len(shown)
    place = {one: at for at, one in enumerate(shown)}
    values = np.zeros((len(shown) + (1 if rest else 0), len(starts)))
    for who, at, n in sums.sort("name", "bin").iter_rows():
        values[place.get(who, len(shown)), at] += n if math.isfinite(n) else 0.0
    return starts, shown + ([OTHERS] if rest else []), values, rest


def look(at: int, label: str) -> style.Look:
    """Return the look of series number *at*; the sum of all others is always grey."""
    return style.LOOKS[-1] if label == OTHERS else style.LOOKS[at % (len(style.LOOKS) - 1)]
