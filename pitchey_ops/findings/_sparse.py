"""
A change in events so rare that their minutes are mostly empty.

Square roots and arcsines need some events in a bin to be worth anything. Where a share or a count was nearly
nothing for long, a dozen failures in a quarter of an hour are no chance, though each bin by itself is. Here the
likelihood of the counts themselves decides: one rate outside a span of bins, a higher one inside.
"""

from __future__ import annotations

import numpy as np

from ._changepoint import ChangePoint
from ._onset_series import Floats, Series

LASTING_NATS = 12.0
"""
Gain in log-likelihood (nats) of a span that reaches the end. With 180 bins and fifty series at a look every 90
minutes, chance gives less than one in a week (each nat is a factor of 2.7).
"""
ENDED_NATS = 16.0
"""And of one that is over: there are a hundred times as many such spans to choose from."""
EVENTS_MIN = 6.0
"""Fewer events than this are never a change: one person's retries are as many."""
BINS_MIN = 3
"""Bins of the span with an event: a burst within one minute is one event seen several times."""
RATIO_MIN = 5.0
SHARE_MIN = 0.02
"""A share (0-1) inside the span below this moves nobody."""
LEAST_OUTSIDE = 0.08
"""Share of the span's exposure that must lie outside it to be compared with."""
LEAST_BEFORE = 8
"""Bins that must lie before the span."""
MASS = 0.9


def sparse_change(series: Series) -> ChangePoint | None:
    """
    Return the span of bins in which events came far more often than outside of it, or None.

    Only for counts and shares. Where ``of`` or ``expected`` is given it is the exposure of each bin. If the source
    lied with one loud minute, `BINS_MIN` says no; one that was empty has no events; one that was late ends early,
    and the span reaches its end; one that was cut begins late and has the less to compare with.
    """
    if series.kind not in ("count", "share") or not series.bin_ms:
        return None
    of = series.of if series.of is not None else series.expected
    exposure = np.ones_like(series.values) if of is None else np.nan_to_num(of)
    if series.of is None and exposure.sum() > 0:
        exposure = exposure / exposure.mean()
    usable = np.isfinite(series.values) & (exposure > 0)
    at, x, n = series.at_ms[usable], series.values[usable], exposure[usable]
    if at.size < 16 or x.sum() < EVENTS_MIN:
        return None
    events = np.concatenate([[0.0], np.cumsum(x)])
    asked = np.concatenate([[0.0], np.cumsum(n)])
    inside_x, inside_n = events[None, :] - events[:, None], asked[None, :] - asked[:, None]
    outside_x, outside_n = events[-1] - inside_x, asked[-1] - inside_n
    a, b = np.triu_indices(at.size + 1, k=1)
    allowed = (a >= LEAST_BEFORE) & (inside_n[a, b] > 0) & (outside_n[a, b] >= LEAST_OUTSIDE * inside_n[a, b])
    a, b = a[allowed], b[allowed]
    if a.size == 0:
        return None
    k, m, j, o = inside_x[a, b], inside_n[a, b], outside_x[a, b], outside_n[a, b]
    gain = _log(k, m) + _log(j, o) - _log(k + j, m + o)
    if series.kind == "share":
        gain = gain + _log(m - k, m) + _log(o - j, o) - _log(m + o - k - j, m + o)
    gain = np.where((k / m) > (j + 0.5) / o, gain, 0.0)
    lasting = b == at.size
    worth = np.where(lasting, gain - LASTING_NATS, gain - ENDED_NATS)
    best = int(np.argmax(worth))
    if worth[best] < 0:
        return None
    start, end = int(a[best]), int(b[best])
    inside, before = k[best] / m[best], j[best] / o[best]
    busy = int(np.count_nonzero(x[start:end]))
    if k[best] < EVENTS_MIN or busy < BINS_MIN or inside < RATIO_MIN * (j[best] + 0.5) / o[best]:
        return None
    if series.kind == "share" and inside < SHARE_MIN:
        return None
    if series.kind == "count" and k[best] / max(end - start, 1) < 0.3:
        return None
    low_ms, high_ms, at_ms = _began(at, gain, a, b, start, end, series.bin_ms, float(k[best]) / max(end - start, 1))
    return ChangePoint(
        at_ms=at_ms,
        low_ms=low_ms,
        high_ms=high_ms,
        before=float(before),
        after=float(inside),
        ratio=float(inside / before) if before > 0 else float("inf"),
        nats=float(gain[best]),
        confidence=round(1.0 - 0.5 * float(np.exp(-max(float(worth[best]), 0.0) / 10.0)), 4),
        shape="step",
        ended_ms=None if end == at.size else float(at[end]),
    )


def _log(events: Floats, asked: Floats) -> Floats:
    """Return k ln(k/n): the part of a log-likelihood (Poisson, or one side of a binomial) that depends on the split."""
    events = np.maximum(events, 0.0)
    return np.asarray(events * np.log(np.maximum(events, 1e-12) / asked), dtype=np.float64)


def _began(
    at: Floats, gain: Floats, a: Floats, b: Floats, start: int, end: int, bin_ms: float, rate: float
) -> tuple[float, float, float]:
    """Return (low, high, best) of when it began, from the likelihood of every other beginning of the same span."""
    same = b == end
    starts, gains = a[same].astype(int), gain[same]
    mass = np.exp(gains - gains.max())
    mass /= mass.sum()
    order = np.argsort(-mass, kind="stable")
    held = starts[order[: int(np.searchsorted(np.cumsum(mass[order]), MASS)) + 1]]
    silent = min(1.0 / max(rate, 0.1), 5.0) * bin_ms  # bins that stayed empty by chance after it had begun
    moment = float(at[start]) + 0.5 * bin_ms - min(silent, bin_ms) / 2
    low = min(float(at[held.min()]), moment) - silent - 0.25 * bin_ms
    high = max(float(at[held.max()]), moment) + 0.75 * bin_ms
    return low, high, moment
