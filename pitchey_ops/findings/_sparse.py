"""
A change in events so rare that their minutes are mostly empty.

Square roots and arcsines need some events in a bin to be worth anything. Where a share or a count was nearly
nothing for long, a dozen failures in a quarter of an hour are no chance, though each bin by itself is. Here the
likelihood of the counts themselves decides: one rate outside a span of bins, a higher one inside.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ._changepoint import ChangePoint
from ._onset_series import Floats, Series

Bins = npt.NDArray[np.int64]

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
USUAL_LEAST = 0.2
"""Expectation below this share of its mean is taken for that much: nobody knows the rate of empty minutes better."""
MASS = 0.9


def sparse_change(series: Series) -> ChangePoint | None:
    """
    Return the span of bins in which events came far more often than outside of it, or None.

    Only for counts and shares. ``of`` is the exposure of each bin. What is ``expected`` of a count was itself counted
    from few events, and its chance gaps look like changes: so a change must stand both against it and without it, which
    leaves neither the evening's rise nor yesterday's gaps. If the source
    lied with one loud minute, `BINS_MIN` says no; one that was empty has no events; one that was late ends early,
    and the span reaches its end; one that was cut begins late and has the less to compare with.
    """
    if series.kind not in ("count", "share") or not series.bin_ms:
        return None
    exposure = np.ones_like(series.values) if series.of is None else np.nan_to_num(series.of)
    usable = np.isfinite(series.values) & (exposure > 0)
    at, x, n = series.at_ms[usable], series.values[usable], exposure[usable]
    if at.size < 16 or x.sum() < EVENTS_MIN:
        return None
    a, b = (edge.astype(np.int64) for edge in np.triu_indices(at.size + 1, k=1))
    allowed = a >= LEAST_BEFORE
    a, b = a[allowed], b[allowed]
    k, m, j, o, gain = _split(x, n, a, b, share=series.kind == "share")
    if series.of is None and series.expected is not None:
        gain = np.minimum(gain, _split(x, _usual(series.expected[usable]), a, b, share=False)[-1])
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


def _usual(expected: Floats) -> Floats:
    """Return the expectation as exposure (1 on average); where there is none, or hardly any, it is not relied on."""
    mean = float(np.nanmean(expected)) if np.isfinite(expected).any() else 0.0
    if mean <= 0:
        return np.ones_like(expected)
    return np.asarray(np.maximum(np.nan_to_num(expected / mean, nan=1.0), USUAL_LEAST), dtype=np.float64)


def _split(x: Floats, n: Floats, a: Bins, b: Bins, *, share: bool) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return events and exposure inside each span from *a* to *b*, the same outside, and the gain of a change."""
    events = np.concatenate([[0.0], np.cumsum(x)])
    asked = np.concatenate([[0.0], np.cumsum(n)])
    k, m = events[b] - events[a], asked[b] - asked[a]
    j, o = events[-1] - k, asked[-1] - m
    with np.errstate(divide="ignore", invalid="ignore"):
        higher = (m > 0) & (o >= LEAST_OUTSIDE * m) & (k / m > (j + 0.5) / o)
    gain = np.zeros_like(k)
    # the others gain nothing, and logarithms of all spans would be most of the work
    ki, mi, ji, oi = k[higher], m[higher], j[higher], o[higher]
    gain[higher] = _log(ki, mi) + _log(ji, oi) - _log(events[-1:], asked[-1:])
    if share:
        none = asked[-1:] - events[-1:]
        gain[higher] += _log(mi - ki, mi) + _log(oi - ji, oi) - _log(none, asked[-1:])
    return k, m, j, o, gain


def _log(events: Floats, asked: Floats) -> Floats:
    """Return k ln(k/n): the part of a log-likelihood (Poisson, or one side of a binomial) that depends on the split."""
    events = np.maximum(events, 0.0)
    return np.asarray(events * np.log(np.maximum(events, 1e-12) / asked), dtype=np.float64)


def _began(
    at: Floats, gain: Floats, a: Bins, b: Bins, start: int, end: int, bin_ms: float, rate: float
) -> tuple[float, float, float]:
    """Return (low, high, best) of when it began, from the likelihood of every other beginning of the same span."""
    same = b == end
    starts, gains = a[same], gain[same]
    mass = np.exp(gains - gains.max())
    mass /= mass.sum()
    order = np.argsort(-mass, kind="stable")
    held = starts[order[: int(np.searchsorted(np.cumsum(mass[order]), MASS)) + 1]]
    silent = min(1.0 / max(rate, 0.1), 5.0) * bin_ms  # bins that stayed empty by chance after it had begun
    moment = float(at[start]) + 0.5 * bin_ms - min(silent, bin_ms) / 2
    low = min(float(at[held.min()]), moment) - silent - 0.25 * bin_ms
    high = max(float(at[held.max()]), moment) + 0.75 * bin_ms
    return low, high, moment
