"""Which services log errors, and which errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from .. import style
from ..base import Column, Panel, Table, no_data
from ..style import Marks
from ..words import clock, count, name, percent, spark
from ._common import before_after, finite_max, grouped_bins, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ERROR_LEVELS = ("error", "fatal", "critical")
Trend = Literal["new", "rising", "steady", "falling", "gone", "unknown"]
TREND_SIGN = {"new": "★ new", "rising": "▲ rising", "steady": "= steady", "falling": "▼ falling", "gone": "○ gone"}


def errors_over_time(logs: pl.DataFrame, marks: Marks, *, why_empty: str = "") -> Panel:
    """
    Return errors per time bin, stacked by service: the six loudest and all others.

    Parameters
    ----------
    logs
        `frames.LOGS`; rows with level error, fatal or critical inside the window count.
    why_empty
        Why there may be no rows: "the logs were searched and hold no error" and "blind" are different.
    """
    question = "Which services log errors, and since when?"
    errors = logs.filter(pl.col("level").is_in(ERROR_LEVELS))
    width = style.bin_seconds(marks.window)
    starts, names, values, rest = grouped_bins(errors, "service", None, marks, width)
    total = float(values.sum())
    if total == 0:
        return no_data("errors-over-time", question, why_empty, what="errors in the logs")
    per_bin = values.sum(axis=0)
    unit = style.bin_words(width)
    loudest = name(names[0])
    share = percent(float(values[0].sum()) / total)
    change = before_after(per_bin, starts, width, marks.onset)
    if change is not None and change[1] > 1.5 * change[0] and marks.onset is not None:
        title = (
            f"Errors rose from {style.short(change[0])} to {style.short(change[1])} a {unit} "
            f"at {clock(marks.onset, marks.window)}; {loudest} logs {share} of them"
        )
    else:
        title = f"{count(total, 'error')} in the logs; {loudest} logs {share} of them"

    def draw(figure: Figure, axes: Axes) -> None:
        labels = [style.plot_text(one) for one in names]
        bottom = np.zeros(len(starts))
        edges = np.append(starts, starts[-1] + width)
        handles = []
        for at, row in enumerate(values):
            seen = look(at, names[at])
            handles.append(style.steps(axes, bottom + row, edges, baseline=bottom, color=seen.color, hatch=seen.hatch))
            bottom = bottom + row
        style.subject(axes, f"errors per {unit}, by service")
        style.value_axis(axes, finite_max(bottom, 1.0), headroom=1.25, whole=True)
        style.time_axis(axes, marks)
        style.draw_marks(axes, marks)
        style.legend(axes, handles, labels, columns=3)
        style.place(figure, axes, rows=style.legend_rows(labels, 3))

    peak = int(per_bin.argmax())
    notes = []
    if rest:
        notes.append(f"{rest} quieter services are drawn together as the grey top of each bar.")
    if marks.unseen:
        notes.append("Hatched spans were not seen: no bar there does not mean no errors.")
    rows = tuple(
        (who, int(row.sum()), 100 * float(row.sum()) / total, spark(_coarse(row)))
        for who, row in zip(names, values, strict=True)
    )
    return Panel(
        id="errors-over-time",
        question=question,
        title=title,
        sentence=(
            f"{count(total, 'error')} between {clock(marks.window.start, marks.window)} and "
            f"{clock(marks.window.end, marks.window)}; at most {style.short(float(per_bin[peak]))} in one {unit}."
        ),
        png=style.picture(3.1, draw),
        alt=(
            f"Stacked bars of errors per {unit}. "
            + "; ".join(f"{name(who)}: {int(row.sum())}" for who, row in zip(names, values, strict=True))
            + _onset_words(marks)
        ),
        table=Table(
            columns=(
                Column(name="service", telemetry=True),
                Column(name="errors", align="right"),
                Column(name="share", unit="%", align="right"),
                Column(name="course over the window"),
            ),
            rows=rows,
            caption="Errors by service.",
        ),
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRow:
    """
    One group of alike messages.

    Attributes
    ----------
    pattern
        The template, or one message that stands for all; a stranger's text.
    counts
        Occurrences per equal part of the window, oldest first; may be empty.
    sample
        One message as it came, or empty.
    """

    pattern: str
    count: int
    first_seen: datetime | None
    last_seen: datetime | None
    trend: Trend = "unknown"
    services: tuple[str, ...] = ()
    counts: tuple[float, ...] = ()
    sample: str = ""


def error_patterns(rows: Sequence[PatternRow], marks: Marks, *, why_empty: str = "", shown: int = 25) -> Panel:
    """Return the error patterns, what is new or rising first, each with its course over the window."""
    question = "Which errors, and which of them are new or rising?"
    if not rows:
        return no_data("error-patterns", question, why_empty, what="error patterns")
    order = {"new": 0, "rising": 1}
    ranked = sorted(rows, key=lambda row: (order.get(row.trend, 2), -row.count, row.pattern))
    fresh = [row for row in ranked if row.trend in order]
    if fresh:
        title = (
            f"{count(len(fresh), 'pattern')} of {len(rows)} new or rising; the loudest: "
            f"“{name(max(fresh, key=lambda row: row.count).pattern, 80)}”"
        )
    else:
        title = f"{count(len(rows), 'pattern')}, none of them new or rising since the onset"
    drawn = [row for row in ranked if row.counts][:8]
    picture = _pattern_strip(drawn, marks) if drawn else None
    left = len(ranked) - shown
    return Panel(
        id="error-patterns",
        question=question,
        title=title,
        sentence=(
            "Each line is one pattern of message over the window, taller where it came more often; "
            "★ is new since the onset, ▲ is rising."
            if drawn
            else "★ is new since the onset, ▲ is rising."
        ),
        png=picture,
        alt="" if picture is None else "Strips over time: " + "; ".join(
            f"{TREND_SIGN.get(row.trend, row.trend)} {name(row.pattern, 60)}, {row.count} times" for row in drawn
        ),
        table=Table(
            columns=(
                Column(name="trend"),
                Column(name="count", align="right"),
                Column(name="course"),
                Column(name="pattern", telemetry=True),
                Column(name="services", telemetry=True),
                Column(name="first seen", unit="UTC"),
                Column(name="last seen", unit="UTC"),
            ),
            rows=tuple(
                (
                    TREND_SIGN.get(row.trend, "? unknown"),
                    row.count,
                    spark(_coarse(np.asarray(row.counts, dtype=np.float64))) if row.counts else "",
                    row.pattern,
                    _some(row.services),
                    row.first_seen,
                    row.last_seen,
                )
                for row in ranked[:shown]
            ),
            caption="Error patterns, new and rising ones first.",
        ),
        notes=(f"{left} more patterns are not shown.",) if left > 0 else (),
    )  # fmt: skip


def _pattern_strip(rows: Sequence[PatternRow], marks: Marks) -> bytes:
    def draw(figure: Figure, axes: Axes) -> None:
        start, end = marks.window.start.timestamp(), marks.window.end.timestamp()
        axes.grid(visible=False)
        for at, row in enumerate(rows):
            counts = np.nan_to_num(np.asarray(row.counts, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
            top = counts.max(initial=0.0)
            edges = np.linspace(start, end, len(counts) + 1)
            heights = 0.86 * np.sqrt(counts.clip(min=0) / top) if top > 0 else np.zeros(len(counts))
            seen = style.VERMILION if row.trend == "new" else style.ORANGE if row.trend == "rising" else style.GREY
            floor = np.full(len(counts), -at - 0.5)
            style.steps(axes, floor + heights, edges, baseline=floor, color=seen)
            axes.axhline(-at - 0.5, color=style.GRID, linewidth=0.8)
        axes.set_ylim(-len(rows) + 0.42, 1.75)
        labels = [f"{TREND_SIGN.get(row.trend, '?')[0]} {style.plot_text(row.pattern, 27)}" for row in rows]
        axes.set_yticks([-at - 0.15 for at in range(len(rows))], labels, parse_math=False, fontsize=style.FONT_SIZE - 2)
        axes.tick_params(axis="y", length=0)
        style.subject(axes, "how often each pattern came (each on its own scale)")
        style.time_axis(axes, marks, ticks=4)
        style.draw_marks(axes, marks)
        style.place(figure, axes, left_in=2.15)

    return style.picture(1.4 + 0.34 * len(rows), draw)


def _coarse(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], parts: int = 24) -> list[float]:
    """Return *values* summed into at most *parts* neighbours, for a line of characters."""
    if len(values) <= parts:
        return [float(value) for value in values]
    return [float(part.sum()) for part in np.array_split(values, parts)]


def _some(names: Sequence[str], shown: int = 5) -> str:
    left = len(names) - shown
    return ", ".join(name(one) for one in names[:shown]) + (f" and {left} more" if left > 0 else "")


def _onset_words(marks: Marks) -> str:
    return f". Onset marked at {clock(marks.onset, marks.window)}" if marks.onset is not None else ""
