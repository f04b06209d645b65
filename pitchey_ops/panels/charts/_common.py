"""What several charts share: bins, before and after."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
import polars as pl

from .. import style
from ..style import Marks, Numbers
from ..words import OTHERS, UNNAMED


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
