"""
When did a series change for the worse, and how surely?

Values are made comparable first: counts by Anscombe's square root, shares by his arcsine (Anscombe 1948),
positive levels by the logarithm; noise is measured robustly (median absolute deviations), with the part
that long-memory noise adds (variance of block means); single outliers are cut off at five deviations, so
one odd point is never a change. Then one change of the mean splits the series where the likelihood gains
most, and the halves again, while the gain is above a threshold (binary segmentation, Scott and Knott 1974).
The last rise that is large enough *in effect* is fitted again beside its neighbours, as a step and as a
ramp, and the normalised likelihood over all times gives the interval.

A series that cannot be judged raises `TooFewPoints`; None means: looked, nothing changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Kind = Literal["count", "share", "level"]
Direction = Literal["up", "down"]
Shape = Literal["step", "ramp"]

THRESHOLD_NATS = 14.0
"""
Gain in log-likelihood that a change needs. Fifty series looked at every hour of a week are 8,400 looks of about
100 candidate times; exp(-14) for each of them makes 0.7 false rises a week before effect sizes are asked for.
"""

CUT = 5.0
"""Outlying levels are cut here (deviations): alone they gain 12.5 nats, less than `THRESHOLD_NATS`."""

CUT_COUNTED = 8.0
"""Counts and shares have lighter tails and may speak sooner; a single bin counts only while it is the newest."""

LEAST_POINTS = 8
"""Fewer points cannot tell noise from change."""

LARGEST = 1e15
"""Larger values are no measurements (a byte counter of a petabyte is); they are left out like NaN."""

LEAST_BEFORE = 4
"""Points that a level before needs."""

RATIO, SHARE_DIFFERENCE, COUNT_DIFFERENCE = 1.5, 0.02, 3.0
"""Effects that matter: half as much again; two points in a hundred; three events a minute."""

RAMP_RATIO = 2.25
"""A slow rise must be larger: within two hours the rhythm of a day may add half as much again, not this."""

MARGIN = 7.0
"""Nats by which a step or ramp must beat a parabola, the shape of a daily rhythm within hours."""

HABIT = 2
"""A rise that came and went this often before is how the series is, not a change."""

RAMP_POINTS = 4
"""A rise that takes this many points from a fifth to four fifths of its height is a ramp."""

MASS = 0.9
"""Posterior mass that the interval holds."""


class TooFewPoints(ValueError):
    """The series is too short, or too empty, to be judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """
    A change for the worse.

    Attributes
    ----------
    at_ms
        Best estimate of its beginning (ms since the epoch, UTC).
    low_ms, high_ms
        Interval that holds the truth with about nine chances in ten.
    before, after
        Typical value on either side, in the series' own unit.
    ratio
        ``after / before``; infinite where nothing was before.
    nats
        Gain in log-likelihood, corrected for correlated noise.
    confidence
        0-1: ``1 - exp(-(nats - threshold) / 10)``, from 0.5 upwards.
    shape
        ``step``, or ``ramp`` where it grew slowly.
    ended_ms
        When it was over again; None while it lasts.
    """

    at_ms: float
    low_ms: float
    high_ms: float
    before: float
    after: float
    ratio: float
    nats: float
    confidence: float
    shape: Shape
    ended_ms: float | None = None

    @property
    def uncertainty_s(self) -> float:
        """Half width (s) of the interval around `at_ms`."""
        return float(max(self.at_ms - self.low_ms, self.high_ms - self.at_ms)) / 1000.0


def change_point(
    at_ms: npt.ArrayLike,
    values: npt.ArrayLike,
    *,
    kind: Kind,
    direction: Direction = "up",
    of: npt.ArrayLike | None = None,
    expected: npt.ArrayLike | None = None,
    bin_ms: float = 0.0,
    threshold: float = THRESHOLD_NATS,
    ratio: float = RATIO,
    difference: float | None = None,
) -> ChangePoint | None:
    """
    Find the last change of a series for the worse.

    Parameters
    ----------
    at_ms
        Times (ms since the epoch), any order; of shape (points,). Gaps widen the interval.
    values
        Counts, numerators of shares, or levels; of shape (points,). What is not finite, or beyond 1e15, is left out.
    kind
        ``count``, ``share`` (*values* of *of*) or ``level``.
    direction
        Whether rising (``up``) or falling is for the worse.
    of
        Denominators of shares. Points with none are left out.
    expected
        What was usual at these times, e.g. a day or a week ago, in the unit of the series; its scale is fitted.
        Without it, a rise within the daily rhythm is kept out by *ratio* alone.
    bin_ms
        Width of the bins that begin at *at_ms*; 0 for values at a moment.
    threshold
        Gain in log-likelihood (nats) that is asked for.
    ratio, difference
        Effect that is asked for: both, where both apply.

    Returns
    -------
    ChangePoint or None
        None: the series was looked at and holds no such change. A source that lied (a constant) gives None
        as well; that it is constant is known from its observation.

    Raises
    ------
    TooFewPoints
        Fewer than eight usable points.
    """
    series = _Series.make(at_ms, values, kind, of, expected)
    if series.t.size < LEAST_POINTS:
        raise TooFewPoints(f"{series.t.size} usable points; {LEAST_POINTS} are needed")
    sign = 1.0 if direction == "up" else -1.0
    y, weight, correlated = series.stabilised(sign)
    if not np.any(y != y[0]):
        return None
    cuts = _segment(y, weight, threshold * correlated)
    if not cuts:
        return None
    edges = [0, *cuts, y.size]
    means = [float(np.average(y[a:b], weights=weight[a:b])) for a, b in pairwise(edges)]
    least = difference if difference is not None else _least_difference(kind, bin_ms)
    if _habitual(means):
        return None
    found: ChangePoint | None = None
    biggest = 0.0
    floor = np.inf
    for k in range(len(cuts) - 1, -1, -1):
        if means[k + 1] <= floor and found is not None:
            break  # it was back to normal in between: an earlier fault
        rise = means[k + 1] - means[k]
        if rise <= biggest:
            continue
        start, end = _around(edges, means, k)
        candidate = _fit(series, y, weight, correlated, start, edges[k + 1], end, bin_ms, threshold)
        needed = max(ratio, RAMP_RATIO) if candidate is not None and candidate.shape == "ramp" else ratio
        if candidate is None or not _matters(candidate, kind, sign, needed, least):
            continue
        found, biggest, floor = candidate, rise, means[k] + rise / 2
    return found


def _habitual(means: list[float]) -> bool:
    """Tell whether rises at least half as large as the last one came and went `HABIT` times before it."""
    rises = [(k, b - a) for k, (a, b) in enumerate(pairwise(means)) if b > a]
    if not rises:
        return True
    last, size = rises[-1]
    crossings = 0
    middle = means[last + 1] - size / 2
    high = False
    for mean in means[: last + 1]:
        if mean > middle and not high:
            crossings += 1
        high = mean > middle
    return crossings >= HABIT


@dataclass(frozen=True, slots=True)
class _Series:
    t: Floats
    x: Floats
    of: Floats
    expected: Floats
    kind: Kind

    @classmethod
    def make(
        cls,
        at_ms: npt.ArrayLike,
        values: npt.ArrayLike,
        kind: Kind,
        of: npt.ArrayLike | None,
        expected: npt.ArrayLike | None,
    ) -> _Series:
        t, x = np.asarray(at_ms, dtype=np.float64), np.asarray(values, dtype=np.float64)
        if t.shape != x.shape or t.ndim != 1:
            raise ValueError(f"times {t.shape} and values {x.shape} must have one shape (points,)")
        if kind == "share" and of is None:
            raise ValueError("a share needs its denominators: of=")
        n = np.ones_like(x) if of is None else np.asarray(of, dtype=np.float64)
        e = np.full_like(x, np.nan) if expected is None else np.asarray(expected, dtype=np.float64)
        usable = np.isfinite(t) & (np.abs(x) <= LARGEST) & (n > 0) & (n <= LARGEST)
        e = np.where(np.abs(e) <= LARGEST, e, np.nan)
        if kind != "level":
            usable &= x >= 0
        order = np.argsort(t[usable], kind="stable")
        return cls(t[usable][order], x[usable][order], n[usable][order], e[usable][order], kind)

    def stabilised(self, sign: float) -> tuple[Floats, Floats, float]:
        """Return values in deviations (worse is up), their weights, and how much longer noise remembers."""
        y, weight, least = self._comparable()
        y = y * sign
        local = y - _running_median(y, weight)
        steps = float(np.quantile(np.abs(np.diff(y)), 0.9)) / (1.645 * 2**0.5)
        spread = max(_deviation(local), steps)
        noise = max(spread * float(np.median(np.sqrt(weight))), least)
        y = y / noise if self.kind == "level" else y
        weight = weight if self.kind == "level" else weight / noise**2
        cut = np.full(y.size, CUT if self.kind == "level" else CUT_COUNTED)
        centre = float(np.median(y))
        y = centre + np.clip(y - centre, -_REACH / np.sqrt(weight), _REACH / np.sqrt(weight))
        middle = _running_median(y, weight)
        cut = cut / np.sqrt(weight)
        y = middle + np.clip(y - middle, -cut, cut)
        return y, weight, _memory(y, weight)

    def _comparable(self) -> tuple[Floats, Floats, float]:
        """Return values on a scale of even noise, weights, and the least noise that can be believed."""
        ones = np.ones_like(self.x)
        usual = self._usual()
        if self.kind == "count":
            y = 2.0 * np.sqrt(self.x + 0.375)
            return (y if usual is None else y - 2.0 * np.sqrt(usual + 0.375)), ones, 1.0
        if self.kind == "share":
            share = (self.x + 0.375) / (self.of + 0.75)
            y = 2.0 * np.arcsin(np.sqrt(np.clip(share, 0.0, 1.0)))
            if usual is not None:
                y = y - 2.0 * np.arcsin(np.sqrt(np.clip(usual, 0.0, 1.0)))
            return y, self.of, 1.0
        if np.all(self.x >= 0):
            small = 0.05 * float(np.median(self.x)) + 1e-9
            y = np.log(self.x + small)
            return (y if usual is None else y - np.log(np.maximum(usual, 0.0) + small)), ones, 0.02
        scale = max(_deviation(self.x), 1e-12)
        return (self.x if usual is None else self.x - usual) / scale, ones, 0.02

    def _usual(self) -> Floats | None:
        """Return the expected values on the series' scale; where there are none, their median."""
        known = np.isfinite(self.expected)
        if known.sum() < LEAST_POINTS or np.ptp(self.expected[known]) == 0:
            return None
        usual = np.where(known, self.expected, np.median(self.expected[known]))
        if self.kind == "share":
            return usual
        both = known & (usual > 0) & (self.x > 0)
        scale = float(np.median(self.x[both] / usual[both])) if both.sum() >= LEAST_POINTS else 1.0
        return usual * scale


_REACH = 50.0
_WIDE = 15


def _deviation(values: Floats) -> float:
    """Return the standard deviation as the median absolute deviation tells it."""
    if values.size == 0:
        return 0.0
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _running_median(y: Floats, weight: Floats) -> Floats:
    """Return the median of the 15 points around each (fewer at the ends): bridges outliers, keeps steps."""
    half = min(_WIDE // 2, (y.size - 1) // 2)
    if half == 0:
        return np.full_like(y, float(np.median(y)))
    # The ends are judged with what lies on their inner side: a change in the newest points must stay visible.
    padded = np.concatenate([y[half:0:-1], y, y[-2 : -half - 2 : -1]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    middle = np.median(windows, axis=1)
    low = np.median(np.lib.stride_tricks.sliding_window_view(padded, 3), axis=1)
    # Three alike in a row are a level of their own, not an outlier.
    near = low[half - 1 : half - 1 + y.size]
    return np.asarray(np.where(np.abs(near - middle) * np.sqrt(weight) > CUT, near, middle), dtype=np.float64)


def _memory(y: Floats, weight: Floats) -> float:
    """
    Return the long-run variance of the noise in units of its variance: 1 or more.

    The larger of what block means say, and of an autoregression of order one, (1+r)/(1-r), r being the correlation of
    neighbours; up to three changes of level are taken out before.
    """
    rest = y - _levels(y, weight)
    scaled = rest * np.sqrt(weight)
    scaled = np.clip(scaled - np.median(scaled), -3.0, 3.0)
    r = float(np.sum(scaled[1:] * scaled[:-1]) / max(float(np.sum(scaled**2)), 1e-12))
    r = min(max(r - 1.0 / y.size**0.5, 0.0), 0.95)  # one standard error: noise that forgets is no memory
    memory = max(1.0, float(np.mean(scaled**2)) * (1.0 + r) / (1.0 - r))
    width = max(min(10, y.size // 16), 2)
    blocks = y.size // width
    if blocks >= 4:
        of = rest[y.size - blocks * width :].reshape(blocks, width)
        w = weight[y.size - blocks * width :].reshape(blocks, width)
        deviation = _deviation(np.diff(np.average(of, axis=1, weights=w))) / 2**0.5
        doubt = 1.0 + 1.6 / blocks**0.5  # one standard error of a variance from that many medians
        memory = max(memory, deviation**2 * float(np.median(w.sum(axis=1))) / doubt)
    return float(memory)


def _levels(y: Floats, weight: Floats) -> Floats:
    """Return the levels between the three clearest changes."""
    level = np.full_like(y, float(np.average(y, weights=weight)))
    parts = [(0, y.size)]
    for _ in range(3):
        best = max(
            ((float(_gains(y[a:b], weight[a:b]).max()), a, b) for a, b in parts if b - a >= 2), default=(0.0, 0, 0)
        )
        gain, a, b = best
        if gain <= THRESHOLD_NATS:
            break
        k = a + 1 + int(np.argmax(_gains(y[a:b], weight[a:b])))
        parts = [part for part in parts if part != (a, b)] + [(a, k), (k, b)]
        for start, end in ((a, k), (k, b)):
            level[start:end] = np.average(y[start:end], weights=weight[start:end])
    return level


def _gains(y: Floats, weight: Floats) -> Floats:
    """Return the gain in log-likelihood of a change of the mean before each point 1..n-1."""
    w, wy = np.cumsum(weight), np.cumsum(weight * y)
    first = wy[:-1] ** 2 / w[:-1]
    second = (wy[-1] - wy[:-1]) ** 2 / (w[-1] - w[:-1])
    return np.asarray((first + second - wy[-1] ** 2 / w[-1]) / 2.0, dtype=np.float64)


def _segment(y: Floats, weight: Floats, threshold: float) -> list[int]:
    """Return the indices at which a new level begins."""
    cuts, todo = [], [(0, y.size)]
    while todo:
        a, b = todo.pop()
        if b - a < 2:
            continue
        gains = _gains(y[a:b], weight[a:b])
        k = int(np.argmax(gains))
        if gains[k] > threshold:
            cuts.append(a + k + 1)
            todo += [(a, a + k + 1), (a + k + 1, b)]
    return sorted(cuts)


def _around(edges: list[int], means: list[float], k: int) -> tuple[int, int]:
    """Return where the level before cut *k* begins (stairs of a ramp taken in) and where the one after ends."""
    start = k
    while start > 0 and means[start - 1] < means[start] and edges[start + 1] - edges[start] < _WIDE:
        start -= 1
    half = (means[start] + means[k + 1]) / 2
    end = k + 1
    while end + 1 < len(means) and means[end + 1] > half:
        end += 1
    return edges[start], edges[end + 1]


def _fit(
    series: _Series,
    y: Floats,
    weight: Floats,
    correlated: float,
    start: int,
    cut: int,
    end: int,
    bin_ms: float,
    threshold: float,
) -> ChangePoint | None:
    """Fit one rise in points start..end as a step and as a ramp, and tell its time and interval."""
    part, w, t = y[start:end], weight[start:end], series.t[start:end]
    lasts = end == y.size
    if cut - start < min(LEAST_BEFORE, y.size // 2) or (end - cut < 2 and not lasts):
        return None
    gains = _gains(part, w) / correlated
    slope = _slope(part, w, cut - start)
    shape: Shape = "step" if slope is None else "ramp"
    spare = 0.0
    if slope is not None:
        foot, top = slope
        spare = float(t[top] - t[foot]) / 2
        gains = _ramp_gains(t[: top + 1], part[: top + 1], w[: top + 1]) / correlated
    if float(gains.max()) < _rhythm_gain(t, part, w, None if slope is None else slope[1] + 1) / correlated + MARGIN:
        return None
    best = int(np.argmax(gains)) + 1
    mass = np.exp(gains - gains.max())
    mass /= mass.sum()
    order = np.argsort(-mass, kind="stable")
    inside = order[: int(np.searchsorted(np.cumsum(mass[order]), MASS)) + 1] + 1
    first, last = int(inside.min()), int(inside.max())
    before = _typical(series, start, start + best)
    settled = start + best if slope is None else start + slope[1]
    after = _typical(series, settled, end)
    pause = float(np.median(np.diff(t)))
    if bin_ms > 0:
        missing = float(t[best] - t[best - 1]) - bin_ms
        at = float(t[best]) - max(missing, 0.0) / 2
        if slope is None and missing <= 0:
            at += _partial(series, start + best, before, after) * bin_ms
        low = min(float(t[first - 1]) + 0.25 * bin_ms, at - 0.75 * bin_ms)
        high = max(float(t[last]), at) + 0.75 * bin_ms
    else:
        at = (float(t[best - 1]) + float(t[best])) / 2
        low, high = float(t[first - 1]) - pause / 4, float(t[last]) + pause / 4
    low, high = low - spare, high + spare / 2
    nats = float((_gains(part, w) / correlated).max())
    ended = None if lasts else float(series.t[end])
    return ChangePoint(
        at_ms=at,
        low_ms=low,
        high_ms=high,
        before=before,
        after=after,
        ratio=after / before if before > 0 else float("inf"),
        nats=nats,
        confidence=round(1.0 - 0.5 * float(np.exp(-max(nats - threshold, 0.0) / 10.0)), 4),
        shape=shape,
        ended_ms=ended,
    )


def _slope(y: Floats, weight: Floats, cut: int) -> tuple[int, int] | None:
    """Return where a slow rise passes a fifth and four fifths of its height, None for a step."""
    low = float(np.average(y[: max(cut - RAMP_POINTS, 1)], weights=weight[: max(cut - RAMP_POINTS, 1)]))
    late = y[cut:]
    high = float(np.quantile(late, 0.8)) if late.size >= RAMP_POINTS else float(late.mean())
    if high <= low or y.size < 3 * RAMP_POINTS:
        return None
    width = 5
    padded = np.pad(y, width // 2, mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
    above = np.flatnonzero(smooth >= low + 0.8 * (high - low))
    above = above[above >= max(cut - RAMP_POINTS, 0)]
    if above.size == 0:
        return None
    top = int(above[0])
    below = np.flatnonzero(smooth[: top + 1] <= low + 0.2 * (high - low))
    foot = int(below[-1]) if below.size else 0
    return (foot, top) if top - foot > RAMP_POINTS else None


def _rhythm_gain(t: Floats, y: Floats, weight: Floats, end: int | None) -> float:
    """Return what a parabola, as a piece of a day's rhythm is nearly one, gains over a constant on the same points."""
    t, y, weight = t[:end], y[:end], weight[:end]
    if y.size < LEAST_POINTS:
        return 0.0
    u = (t - t[0]) / max(float(t[-1] - t[0]), 1.0)
    root = np.sqrt(weight)
    design = np.column_stack([np.ones_like(u), u, u * u])
    solution = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0]
    flat = float(np.average(y, weights=weight))
    return float(np.sum(weight * ((y - flat) ** 2 - (y - design @ solution) ** 2))) / 2.0


def _ramp_gains(t: Floats, y: Floats, weight: Floats) -> Floats:
    """Return the gain in log-likelihood of "flat, then rising in a line from point k on", for k in 1..n-1."""
    u = (t - t[0]) / max(float(t[-1] - t[0]), 1.0)
    total, mean = weight.sum(), float(np.average(y, weights=weight))

    def from_right(values: Floats) -> Floats:
        return np.asarray(np.cumsum(values[::-1])[::-1], dtype=np.float64)

    w0, w1, w2 = from_right(weight), from_right(weight * u), from_right(weight * u * u)
    r0, r1 = from_right(weight * (y - mean)), from_right(weight * (y - mean) * u)
    sum_h = w1 - u * w0
    sum_hh = w2 - 2 * u * w1 + u * u * w0
    c_hh = sum_hh - sum_h**2 / total
    c_hy = r1 - u * r0
    gains = np.where((c_hh > 1e-12) & (c_hy > 0), c_hy**2 / np.maximum(c_hh, 1e-12) / 2.0, 0.0)
    return np.asarray(gains[1:], dtype=np.float64)


def _typical(series: _Series, start: int, end: int) -> float:
    x, of = series.x[start:end], series.of[start:end]
    if series.kind == "share":
        return float(x.sum() / of.sum())
    return float(np.median(x)) if series.kind == "level" else float(x.mean())


def _partial(series: _Series, k: int, before: float, after: float) -> float:
    """Return by which part of a bin the change lies after the beginning of bin *k*, from half-filled bins."""
    if after == before:
        return 0.0

    def filled(i: int) -> float:
        value = series.x[i] / series.of[i] if series.kind == "share" else series.x[i]
        return float(np.clip((value - before) / (after - before), 0.0, 1.0))

    return (1.0 - filled(k)) - (filled(k - 1) if k > 0 else 0.0)


def _least_difference(kind: Kind, bin_ms: float) -> float:
    if kind == "count":
        return COUNT_DIFFERENCE * (bin_ms / 60_000.0 if bin_ms > 0 else 1.0)
    return SHARE_DIFFERENCE if kind == "share" else 0.0


def _matters(change: ChangePoint, kind: Kind, sign: float, ratio: float, least: float) -> bool:
    """Tell whether the effect is worth a person's attention."""
    difference = (change.after - change.before) * sign
    if difference < max(least, 1e-12):
        return False
    if kind == "level" and change.before <= 0:
        return True
    worse, better = (change.after, change.before) if sign > 0 else (change.before, change.after)
    return worse >= ratio * better


__all__ = [
    "ChangePoint",
    "Direction",
    "Kind",
    "Shape",
    "TooFewPoints",
    "change_point",
]
