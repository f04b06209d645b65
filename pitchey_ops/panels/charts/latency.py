"""How long answers take, and the figures that have a limit: database pool and statements, cache, Web Vitals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import polars as pl

from .. import style
from ..base import Column, Panel, Table, no_data, number
from ..style import Marks, Numbers
from ..words import clock, count, name, percent
from ._common import finite, finite_max

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIMIT_P95_MS: Final = 2_000.0
"""The written runbook's line for the 95th percentile of response times."""


def response_times(
    points: pl.DataFrame,
    marks: Marks,
    *,
    limit_ms: float = LIMIT_P95_MS,
    by: Literal["service", "route"] = "service",
    after_ms: float | None = None,
    why_empty: str = "",
) -> Panel:
    """
    Return the 50th and 95th percentile of response times over time, against a limit, and who is slow.

    Parameters
    ----------
    points
        Columns ``at`` (UTC), ``value`` or ``duration_ms`` (milliseconds), and *by* where known. Percentiles are
        taken of the points in each bin, not of percentiles.
    after_ms
        P95 since the onset where a finding says it: it leaves out what is not seen whole; a page holds one figure.
    """
    question = "How long do answers take, and where?"
    column = "value" if "value" in points.columns else "duration_ms"
    found = _percentiles(points.rename({column: "value"}), marks)
    if found is None:
        return no_data("response-times", question, why_empty, what="response times")
    starts, width, p50, p95, kept = found
    whole = float(kept.get_column("value").quantile(0.95, "linear") or 0.0)
    before, after = _sides(kept, marks)
    after = after_ms if after is not None and after_ms is not None else after
    if before is not None and after is not None and marks.onset is not None:
        verb = "rose" if after > 1.3 * before else "fell" if after < before / 1.3 else "stayed about"
        since = clock(marks.onset, marks.window)
        title = (
            f"P95 stayed about {_ms(after)} since {since}"
            if verb == "stayed about"
            else f"P95 {verb} from {_ms(before)} to {_ms(after)} at {since}"
        )
    else:
        title = f"P95 over the window is {_ms(whole)}"
    over = after if after is not None else whole
    title += f", {'over' if over > limit_ms else 'under'} the limit of {_ms(limit_ms)}"
    table = _slow_table(kept, marks, by) if by in kept.columns else None
    return Panel(
        id="response-times",
        question=question,
        title=title,
        sentence=(
            f"{count(kept.height, 'measurement')}; worst {style.bin_words(width)}: "
            f"P95 {_ms(finite_max(p95))} at {style.clock_of(float(starts[int(np.nan_to_num(p95).argmax())]))} UTC."
        ),
        png=_lines_png(starts, width, p50, p95, marks, limit_ms),
        alt=f"Two lines over time, P50 and P95 of response times in milliseconds. {title}.",
        table=table,
        notes=("Hatched spans were not seen.",) if marks.unseen else (),
    )


def _percentiles(points: pl.DataFrame, marks: Marks) -> tuple[Numbers, int, Numbers, Numbers, pl.DataFrame] | None:
    kept = points.with_columns(pl.col("value").cast(pl.Float64)).filter(
        pl.col("value").is_finite() & (pl.col("value") >= 0)
    )
    width = style.bin_seconds(marks.window, 60)
    binned = style.with_bins(kept, marks.window, width)
    if binned.is_empty():
        return None
    starts = style.bin_starts(marks.window, width)
    rows = binned.group_by("bin").agg(
        pl.col("value").quantile(0.5, "linear").alias("p50"), pl.col("value").quantile(0.95, "linear").alias("p95")
    )
    p50, p95 = np.full(len(starts), np.nan), np.full(len(starts), np.nan)
    for at, low, high in rows.sort("bin").iter_rows():
        if 0 <= at < len(starts):
            p50[at], p95[at] = low, high
    return starts, width, p50, p95, binned.drop("bin")


def _lines_png(starts: Numbers, width: int, p50: Numbers, p95: Numbers, marks: Marks, limit_ms: float) -> bytes:
    def draw(figure: Figure, axes: Axes) -> None:
        middle = starts + width / 2
        (low,) = axes.plot(
            middle, p50, color=style.BLUE, linewidth=1.8, linestyle=style.LOOKS[1].dash, marker="s", markersize=2.6
        )
        (high,) = axes.plot(middle, p95, color=style.VERMILION, linewidth=2.0, marker="o", markersize=3.2)
        top = max(finite_max(p95), finite_max(p50), 1e-9)
        if limit_ms <= 4 * top:
            top = max(top, limit_ms)
            style.limit_line(axes, limit_ms, f"limit for P95: {_ms(limit_ms)}", color=style.MUTED)
        style.subject(axes, f"response time in ms, per {style.bin_words(width)}")
        style.value_axis(axes, top, headroom=1.3)
        style.time_axis(axes, marks)
        style.draw_marks(axes, marks)
        style.legend(axes, [high, low], ["P95", "P50 (median)"])
        style.place(figure, axes, rows=1)

    return style.picture(3.0, draw)


def _sides(kept: pl.DataFrame, marks: Marks) -> tuple[float | None, float | None]:
    if marks.onset is None:
        return None, None
    sides = [kept.filter(pl.col("at") < marks.onset), kept.filter(pl.col("at") >= marks.onset)]
    if any(side.is_empty() for side in sides):
        return None, None
    values = [side.get_column("value").quantile(0.95, "linear") for side in sides]
    return values[0], values[1]


def _slow_table(kept: pl.DataFrame, marks: Marks, by: str) -> Table | None:
    p95 = pl.col("value").quantile(0.95, "linear")
    onset = marks.onset if marks.onset is not None else marks.window.start
    rows = (
        kept.group_by(pl.col(by).fill_null("(unnamed)").alias("who"))
        .agg(
            pl.len().alias("n"),
            pl.col("value").filter(pl.col("at") < onset).quantile(0.95, "linear").alias("before"),
            pl.col("value").filter(pl.col("at") >= onset).quantile(0.95, "linear").alias("since"),
            p95.alias("whole"),
        )
        .sort(["whole", "who"], descending=[True, False])
    )
    return Table(
        columns=(
            Column(name=by, telemetry=True),
            Column(name="measurements", align="right"),
            Column(name="P95 before", unit="ms", align="right"),
            Column(name="P95 since", unit="ms", align="right"),
        ),
        rows=tuple((who, n, before, since) for who, n, before, since, _ in rows.head(50).iter_rows()),
        caption=f"P95 by {by}, slowest first"
        + ("" if marks.onset is None else f", before and since {clock(marks.onset, marks.window)}")
        + ("." if rows.height <= 50 else f"; {rows.height - 50} more are not shown."),
    )


def _ms(value: float) -> str:
    if not math.isfinite(value):
        return "unknown"
    return f"{number(round(value))} ms" if value < 10_000 else f"{number(float(f'{value / 1000:.3g}'))} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A named line: points oldest first, times in UTC; NaN breaks the line."""

    name: str
    frame: pl.DataFrame  # columns at, value


def database_pool(active: pl.DataFrame, size: pl.DataFrame, marks: Marks, *, why_empty: str = "") -> Panel:
    """Return active connections against the pool's size over time (frames with ``at`` and ``value``)."""
    question = "Is the database's connection pool used up?"
    used, most = _means(active, marks), _means(size, marks)
    if used is None:
        return no_data("database-pool", question, why_empty, what="pool figures")
    starts, width, values = used
    limits = np.full(len(starts), np.nan) if most is None else _held(most[2])
    share = np.divide(values, limits, out=np.full(len(starts), np.nan), where=np.nan_to_num(limits) > 0)
    peak = (
        int(np.nan_to_num(share, nan=-1).argmax()) if np.isfinite(share).any() else int(np.nan_to_num(values).argmax())
    )
    if np.isfinite(share).any():
        full = float(share[peak])
        title = (
            f"The pool is used up: {percent(full)} at {style.clock_of(float(starts[peak]))} UTC"
            if full >= 0.95
            else f"The pool leaves room: at most {percent(full)} in use"
        )
    else:
        title = f"At most {style.short(finite_max(values))} connections active; the pool's size was not seen"

    def draw(figure: Figure, axes: Axes) -> None:
        (line,) = axes.plot(
            starts + width / 2, values, color=style.VERMILION, linewidth=2.0, marker="o", markersize=3, zorder=3
        )
        handles, labels = [line], ["active connections"]
        if most is not None:
            (roof,) = axes.step(
                starts, limits, where="post", color=style.INK, linewidth=1.4, linestyle=(0, (7, 3)), zorder=2.5
            )
            handles.append(roof)
            labels.append("pool size")
        style.subject(axes, f"database connections (mean per {style.bin_words(width)})")
        style.value_axis(axes, max(finite_max(values), finite_max(limits), 1.0), headroom=1.3)
        style.time_axis(axes, marks)
        style.draw_marks(axes, marks)
        style.legend(axes, handles, labels)
        style.place(figure, axes, rows=1)

    return Panel(
        id="database-pool",
        question=question,
        title=title,
        sentence=(
            f"Peak of {style.short(finite_max(values))} active connections"
            + (f" of a pool of {style.short(finite_max(limits))}." if most is not None else ".")
        ),
        png=style.picture(2.9, draw),
        alt=f"Line of active database connections over time against the pool's size. {title}.",
        notes=("Hatched spans were not seen.",) if marks.unseen else (),
    )


def _means(frame: pl.DataFrame, marks: Marks) -> tuple[Numbers, int, Numbers] | None:
    width = style.bin_seconds(marks.window, 60)
    kept = style.with_bins(frame.filter(pl.col("value").is_finite()), marks.window, width)
    if kept.is_empty():
        return None
    starts = style.bin_starts(marks.window, width)
    out = np.full(len(starts), np.nan)
    for at, value in kept.group_by("bin").agg(pl.col("value").mean()).sort("bin").iter_rows():
        if 0 <= at < len(starts):
            out[at] = value
    return starts, width, out


def _held(values: Numbers) -> Numbers:
    """Return *values* with each gap filled by the last value before it (a size stays until it is said anew)."""
    known = np.where(np.isfinite(values), np.arange(len(values)), -1)
    last = np.maximum.accumulate(known)
    first = int(np.argmax(np.isfinite(values)))
    return values[np.where(last >= 0, last, first)]


def measure_over_time(
    panel_id: str,
    question: str,
    series: Sequence[Series],
    marks: Marks,
    *,
    what: str,
    unit: str,
    limit: float | None = None,
    limit_words: str = "",
    good: Literal["low", "high"] = "low",
    scale: float = 1.0,
    why_empty: str = "",
) -> Panel:
    """
    Return up to six measures over time (means per bin) against a limit: query times, error rates, hit rates.

    Parameters
    ----------
    what
        The measure in words, e.g. ``statement time``.
    unit
        Behind every figure, e.g. ``ms`` or ``%``.
    limit
        In the unit shown; *good* says on which side of it one wants to be.
    scale
        The values are multiplied by it before they are shown (100 for shares in percent).
    """
    lines: list[tuple[str, Numbers, Numbers, int]] = []
    for one in series[:6]:
        found = _means(one.frame, marks)
        if found is not None:
            lines.append((one.name, found[0], found[2] * scale, found[1]))
    if not lines:
        return no_data(panel_id, question, why_empty, what=what)
    first_name, starts, values, width = lines[0]
    shown = _quantity(unit)
    if marks.onset is not None:
        before = finite(values[starts + width <= marks.onset.timestamp()])
        after = finite(values[starts + width > marks.onset.timestamp()])
    else:
        before = after = finite(np.empty(0))
    worst = float(finite(values).max() if good == "low" else finite(values).min())
    if before.size and after.size and marks.onset is not None:
        a, b = float(before.mean()), float(after.mean())
        since = clock(marks.onset, marks.window)
        if abs(b - a) <= 0.1 * max(abs(a), abs(b), 1e-12):
            title = f"{_upper(what)} stays about {shown(b)} since {since}"
        else:
            title = f"{_upper(what)} {'rose' if b > a else 'fell'} from {shown(a)} to {shown(b)} at {since}"
    else:
        title = f"{_upper(what)} is {shown(float(finite(values).mean()))} on average"
    if len(lines) > 1:
        title += f" ({name(first_name)})"
    if limit is not None:
        bad = worst > limit if good == "low" else worst < limit
        side = "within" if not bad else "beyond" if good == "low" else "below"
        title += f"; worst {shown(worst)}, {side} the limit of {shown(limit)}"

    def draw(figure: Figure, axes: Axes) -> None:
        handles = []
        for at, (_, begins, points, _w) in enumerate(lines):
            seen = style.LOOKS[at]
            (line,) = axes.plot(
                begins + width / 2, points, color=seen.color, linestyle=seen.dash, linewidth=1.9, marker=seen.marker,
                markersize=3, zorder=3,
            )  # fmt: skip
            handles.append(line)
        top = max(finite_max(points) for _, _, points, _ in lines)
        if limit is not None and (limit <= 4 * top or good == "high"):
            top = max(top, limit)
            style.limit_line(axes, limit, limit_words or f"limit: {shown(limit)}", color=style.MUTED)
        style.subject(axes, f"{what} in {unit}, mean per {style.bin_words(width)}" if unit else what)
        percents = unit == "%" and top <= 100
        style.value_axis(axes, 100.0 if percents else max(top, 1e-9), headroom=1.3, ceiling=100.0 if percents else None)
        style.time_axis(axes, marks)
        style.draw_marks(axes, marks)
        labels = [style.plot_text(who) for who, *_ in lines]
        style.legend(axes, handles, labels)
        style.place(figure, axes, rows=style.legend_rows(labels))

    left = len(series) - len(series[:6])
    return Panel(
        id=panel_id,
        question=question,
        title=title,
        sentence="; ".join(
            f"{name(who)}: {shown(float(finite(points).min()))} to {shown(float(finite(points).max()))}"
            for who, _, points, _ in lines
        )
        + ".",
        png=style.picture(2.9, draw),
        alt=f"Lines over time of {what}: {', '.join(name(who) for who, *_ in lines)}. {title}.",
        notes=(*((f"{left} more series are not drawn.",) if left else ()),
               *(("Hatched spans were not seen.",) if marks.unseen else ())),
    )  # fmt: skip


def _quantity(unit: str) -> _Shown:
    return _Shown(unit)


@dataclass(frozen=True, slots=True)
class _Shown:
    unit: str

    def __call__(self, value: float) -> str:
        return f"{number(float(f'{value:.3g}'))} {self.unit}".strip()


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def cache_hit_rate(points: pl.DataFrame, marks: Marks, *, limit: float = 0.8, why_empty: str = "") -> Panel:
    """
    Return the cache's hit rate over time.

    Parameters
    ----------
    points
        ``at``, ``hits``, ``misses``: counts **within** each reading, not running totals.
    limit
        Share (0-1) that one wants to stay above.
    """
    rates = points.with_columns(pl.col("hits").cast(pl.Float64), pl.col("misses").cast(pl.Float64)).filter(
        pl.col("hits").is_finite()
        & pl.col("misses").is_finite()
        & (pl.col("hits") >= 0)
        & (pl.col("misses") >= 0)
        & (pl.col("hits") + pl.col("misses") > 0)
    )
    series = Series(
        name="hit rate",
        frame=rates.select("at", (pl.col("hits") / (pl.col("hits") + pl.col("misses"))).alias("value")),
    )
    return measure_over_time(
        "cache-hit-rate",
        "Does the cache still answer most requests?",
        [series],
        marks,
        what="cache hit rate",
        unit="%",
        limit=100 * limit,
        limit_words=f"wanted: at least {100 * limit:g} %",
        good="high",
        scale=100.0,
        why_empty=why_empty,
    )


VITALS: Final[dict[str, tuple[float, float, str]]] = {
    "LCP": (2_500.0, 4_000.0, "ms"),
    "INP": (200.0, 500.0, "ms"),
    "FID": (100.0, 300.0, "ms"),
    "CLS": (0.1, 0.25, ""),
    "FCP": (1_800.0, 3_000.0, "ms"),
    "TTFB": (800.0, 1_800.0, "ms"),
}
"""Good and poor lines at the 75th percentile: https://web.dev/articles/defining-core-web-vitals-thresholds"""


@dataclass(frozen=True, slots=True, kw_only=True)
class VitalRow:
    """The 75th percentile of one Web Vital for one group of page views; ``vital`` is a key of `VITALS`."""

    vital: str
    p75: float
    samples: int
    device: str = ""
    route: str = ""


def web_vitals(rows: Sequence[VitalRow], *, why_empty: str = "", shown: int = 12) -> Panel:
    """Return Web Vitals at the 75th percentile against the good and poor lines, worst first."""
    question = "How do pages feel to people (Web Vitals, 75th percentile)?"
    usable = [r for r in rows if r.vital in VITALS and math.isfinite(r.p75) and r.p75 >= 0 and r.samples > 0]
    if not usable:
        return no_data("web-vitals", question, why_empty, what="Web Vitals")
    ranked = sorted(usable, key=lambda r: (-_level(r), -r.p75 / VITALS[r.vital][1], r.vital, r.device, r.route))
    poor, weak = sum(_level(r) == 2 for r in ranked), sum(_level(r) == 1 for r in ranked)
    worst = ranked[0]
    figure_words = _quantity(VITALS[worst.vital][2])(worst.p75)
    if poor:
        title = (
            f"{worst.vital} is poor ({figure_words}) for {name(_group(worst))}; {poor} of {len(ranked)} groups are poor"
        )
    elif weak:
        title = f"Nothing is poor; {weak} of {len(ranked)} groups need improvement, most {worst.vital} ({figure_words})"
    else:
        title = f"All {len(ranked)} groups are good" if len(ranked) > 1 else f"{worst.vital} is good ({figure_words})"
    drawn = ranked[:shown]

    def draw(figure: Figure, axes: Axes) -> None:
        axes.grid(visible=False)
        at = -np.arange(len(drawn))
        # one common scale: 1 = the good line, 2 = the poor line; beyond, by multiples of the poor line
        places = np.array([_place(r) for r in drawn])
        looks = ((style.GREEN, "o"), (style.ORANGE, "D"), (style.VERMILION, "X"))
        for y, x, row in zip(at, places, drawn, strict=True):
            color, marker = looks[_level(row)]
            axes.hlines(float(y), 0, float(x), color=color, linewidth=2.2)
            axes.plot([x], [y], marker=marker, color=color, markersize=8, linestyle="none")
            style.word(
                axes,
                float(x) + 0.14,
                float(y),
                f"{_quantity(VITALS[row.vital][2])(row.p75)}  ({('good', 'needs work', 'poor')[_level(row)]})",
                va="center",
                bbox=style.BOX,
            )
        for x, words in ((1.0, "good"), (2.0, "poor")):
            axes.axvline(x, color=style.MUTED, linewidth=1.1, linestyle=(0, (6, 3)), zorder=1)
            style.word(axes, x, 0.62, f"{words} line", ha="center", color=style.MUTED, fontsize=style.FONT_SIZE - 2)
        axes.set_xlim(0, 5.1)
        axes.set_ylim(-len(drawn) + 0.4, 1.1)
        labels = [style.plot_text(f"{r.vital}  {_group(r)}", 34) for r in drawn]
        axes.set_yticks(at, labels, parse_math=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xticks([])
        style.subject(axes, "75th percentile, each vital scaled to its own lines")
        style.place(figure, axes, left_in=2.35, bottom_in=0.15)

    left = len(ranked) - len(drawn)
    return Panel(
        id="web-vitals",
        question=question,
        title=title,
        sentence=(
            f"Of {len(ranked)} groups {poor} poor, {weak} in need of improvement, {len(ranked) - poor - weak} good; "
            "worst first."
        ),
        png=style.picture(0.95 + 0.33 * len(drawn), draw),
        alt="Marks against a good and a poor line: "
        + "; ".join(
            f"{r.vital} {name(_group(r))} {_quantity(VITALS[r.vital][2])(r.p75)} "
            f"{('good', 'needs improvement', 'poor')[_level(r)]}"
            for r in drawn
        ),
        table=Table(
            columns=(
                Column(name="vital"),
                Column(name="device", telemetry=True),
                Column(name="route", telemetry=True),
                Column(name="P75", align="right"),
                Column(name="good up to", align="right"),
                Column(name="poor from", align="right"),
                Column(name="samples", align="right"),
            ),
            rows=tuple(
                (r.vital, r.device or "all", r.route or "all", r.p75, *VITALS[r.vital][:2], r.samples)
                for r in ranked[:200]
            ),
            caption="Web Vitals at the 75th percentile (ms; CLS without unit).",
        ),
        notes=(f"{left} groups are only in the table.",) if left > 0 else (),
    )


def _level(row: VitalRow) -> int:
    good, poor, _ = VITALS[row.vital]
    return 0 if row.p75 <= good else 1 if row.p75 <= poor else 2


def _place(row: VitalRow) -> float:
    good, poor, _ = VITALS[row.vital]
    if row.p75 <= good:
        return row.p75 / good
    if row.p75 <= poor:
        return 1 + (row.p75 - good) / (poor - good)
    return min(3.7, 2 + 0.8 * math.log2(row.p75 / poor))


def _group(row: VitalRow) -> str:
    return " ".join(part for part in (row.device, row.route) if part) or "all pages"
