"""
The first sign of a rise from next to nothing.

A fit of a step or a ramp through noisy minutes may begin where nothing had happened yet. Where a count or
share rises at least `STEEP`-fold, the first bin that cannot be chance says more: what failed in it began in
it, or at most the few bins before in which nothing happened to fall.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import gammainc

from ._changepoint import ChangePoint
from ._onset_series import Floats, Series

STEEP = 8.0
"""Rise from which the first sign is looked for: the background then hides none of it."""
CHANCE = 1e-3
"""A bin is a sign when so many or more would come by chance less often than this (Poisson)."""
CHANCE_OF_TWO = 1e-5
"""And the bin with the next one less often than this."""
REACH_BINS = 4


def first_sign(series: Series, found: ChangePoint) -> ChangePoint:
    """Return *found* timed by its first sign, or as it is where that cannot be told."""
    if series.kind not in ("count", "share") or found.ended_ms is not None or found.ratio < STEEP or not series.bin_ms:
        return found
    width = series.bin_ms
    of = np.ones_like(series.values) if series.of is None else series.of
    usable = np.isfinite(series.values) & np.isfinite(of) & (of > 0)
    at, x, n = series.at_ms[usable], series.values[usable], of[usable]
    calm = at < found.low_ms - width
    usual = (x[calm].sum() + 0.5) / (n[calm].sum() + 1.0) if calm.any() else found.before
    place = _first(at, x, usual * n, found, width)
    if place is None:
        return found
    expected = max(found.after * n[place], 1e-9)
    filled = min(1.0, max(0.05, x[place] / expected))
    began = float(at[place]) + (1.0 - filled) * width
    silent = min(3.0, 1.5 / expected)  # bins that may have stayed empty by chance after it had begun
    low, high = began - width * (0.6 + silent), began + width * 0.6
    if series.events_ms is not None:
        event = _first_event(
            np.sort(series.events_ms), float(at[place]) - width, float(at[place]) + width, expected, width
        )
        if event is not None:
            began, low, high = event, event - max(15e3, silent * width), event + 15e3
    return replace(found, at_ms=began, low_ms=low, high_ms=high)


def _first(at: Floats, x: Floats, usual: Floats, found: ChangePoint, width: float) -> int | None:
    from_ms, to_ms = found.low_ms - REACH_BINS * width, found.high_ms + 2 * width
    for k in range(x.size - 1):
        if not from_ms <= at[k] <= to_ms:
            continue
        pair = _tail(float(x[k] + x[k + 1]), float(usual[k] + usual[k + 1]))
        if _tail(float(x[k]), float(usual[k])) < CHANCE and pair < CHANCE_OF_TWO:
            return k
    return None


def _first_event(events: Floats, from_ms: float, to_ms: float, expected: float, width: float) -> float | None:
    """Return the first event that is followed, within a bin, by a quarter of what comes after the onset."""
    needed = max(2.0, 0.25 * expected)
    for event in events[(events >= from_ms) & (events < to_ms)]:
        following = np.searchsorted(events, event + width) - np.searchsorted(events, event, side="right")
        if following >= needed:
            return float(event)
    return None


def _tail(count: float, mean: float) -> float:
    """Return P(X >= count) for X Poisson of *mean*: the lower incomplete gamma function (NIST DLMF 8.4.10)."""
    return 1.0 if count <= 0 else float(gammainc(count, max(mean, 1e-12)))
