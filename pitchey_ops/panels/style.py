"""
How our pictures look.

Only matplotlib's objects are used (``Figure``, Agg canvas), never ``pyplot``: nothing is global, so threads do not
disturb one another, and equal data give equal bytes. Pictures stand on a light card of their own, so they read
on light and dark pages. Colours are Okabe and Ito's (Color Universal Design, 2008), and no meaning hangs on
colour alone: series differ in marker, line and hatch, and are named where they end or in a legend.

No text of a picture is ever interpreted: "$" and "_" are plain (``parse_math=False``), glyphs that the font lacks
become a box, long names are cut.

Matplotlib is imported when the first picture is drawn: a replay draws none and does without.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from .._imports import lighten_drawing
from ..companion import elsewhere
from ..models.observation import Coverage
from ..models.window import Window
from .safe import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.patches import StepPatch

Numbers = np.ndarray[Any, np.dtype[np.float64]]

DPI: Final = 110
WIDTH_IN: Final = 5.6
LEGEND_CHARACTERS: Final = 80
"""How many characters fit into one row of a legend."""
FONT: Final = "DejaVu Sans"
FONT_SIZE: Final = 10.0

CARD: Final = "#fafafa"
INK: Final = "#1d2125"
MUTED: Final = "#5b6470"
GRID: Final = "#dfe1e3"

# Okabe & Ito: https://jfly.uni-koeln.de/color/ (yellow left out: too light for lines on a light card)
BLUE: Final = "#0072b2"
ORANGE: Final = "#e69f00"
GREEN: Final = "#009e73"
VERMILION: Final = "#d55e00"
SKY: Final = "#56b4e9"
PURPLE: Final = "#cc79a7"
GREY: Final = "#8a9099"


@dataclass(frozen=True, slots=True)
class Look:
    """One series' colour with the marker, dash and hatch that tell it apart without colour."""

    color: str
    marker: str
    dash: Any
    hatch: str


EMPTY_PNG: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABAQAAAAA3bvkkAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
"""One white point."""

LOOKS: Final = (
    Look(VERMILION, "o", "-", ""),
    Look(BLUE, "s", (0, (6, 1.5)), "///"),
    Look(GREEN, "^", (0, (3, 1.2)), "\\\\\\"),
    Look(PURPLE, "D", (0, (5, 1, 1, 1)), "xxx"),
    Look(SKY, "v", (0, (1, 1)), "..."),
    Look(ORANGE, "P", (0, (8, 2, 2, 2)), "+++"),
    Look(GREY, "x", (0, (2, 2)), "---"),
)
"""Six series and one for all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """
    What is marked on every time axis.

    Attributes
    ----------
    window
        Span of the axis (UTC).
    onset, onset_uncertainty_s
        Drawn as a line with a band of this many seconds to either side; no band where it is None.
    deployments
        (time, label) of each; labels are strangers' text.
    alerts
        Times of alerts.
    unseen
        Spans that the source could not see: hatched, so that a gap does not look calm.
    """

    window: Window
    onset: datetime | None = None
    onset_uncertainty_s: float | None = None
    deployments: tuple[tuple[datetime, str], ...] = ()
    alerts: tuple[datetime, ...] = ()
    unseen: tuple[tuple[datetime, datetime], ...] = ()


def unseen_spans(coverage: Coverage, *, slack_s: float = 120.0) -> tuple[tuple[datetime, datetime], ...]:
    """
    Return the parts of the asked window that an answer could not see, as far as its coverage tells.

    An answer that is empty, or whose seen span does not touch the window, saw none of it; a cut answer saw nothing
    after its newest entry. *slack_s* of quiet at either edge is not held against a source that was not cut.
    """
    start, end = coverage.asked_start, coverage.asked_end
    if start is None or end is None:
        return ()
    first, last = coverage.seen_start, coverage.seen_end
    if first is None or last is None or last < start or first > end:
        return ((start, end),)
    spans = []
    slack = timedelta(seconds=0 if coverage.cut else slack_s)
    if first - start > timedelta(seconds=slack_s):
        spans.append((start, first))
    if end - last > slack:
        spans.append((last, end))
    return tuple(spans)


def picture(height_in: float, draw: Callable[[Figure, Axes], None]) -> bytes:
    """
    Return what *draw* draws on one pair of axes of our style, *height_in* inches high, as PNG bytes.

    Where pictures are left out (`leave_out_pictures`) it is an empty one, and *draw* is not called.
    """
    return elsewhere(_drawn, height_in, draw) if _pictures else EMPTY_PNG


def _drawn(height_in: float, draw: Callable[[Figure, Axes], None]) -> bytes:
    from matplotlib import rcParams
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rcParams["text.hinting"] = "none"  # fitting letters to whole points takes a tenth of the time of a picture
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI, facecolor=CARD)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.1, 0.2, 0.8, 0.6))
    dress(axes)
    draw(figure, axes)
    return _png(figure)


def dress(axes: Axes) -> None:
    """Give *axes* our look: thin grid, no box, muted ticks."""
    axes.set_facecolor(CARD)
    axes.grid(visible=True, axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
        axes.spines[side].set_linewidth(0.8)
    axes.tick_params(colors=MUTED, labelsize=FONT_SIZE - 1, length=3, width=0.8, labelcolor=INK)


def subject(axes: Axes, words: str) -> None:
    """Say over the picture what is drawn, with its unit: read before the axis, and not turned on its side."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    height = _height_in(axes)
    figure.text(
        0.1 / WIDTH_IN,
        1 - 0.09 / height,
        words,
        ha="left",
        va="top",
        fontsize=FONT_SIZE,
        color=INK,
        fontweight="bold",
        parse_math=False,
    )


def plot_text(text: object, limit: int = 36) -> str:
    """Return *text* for a picture: `visible`, one line, cut with ``…``, boxes for glyphs that the font lacks."""
    whole = text if isinstance(text, str) else str(text)
    shown = one_line(whole[: limit + 1], limit + 1)
    if len(whole) > limit or len(shown) > 2 * limit:
        shown = shown[: max(1, limit - 1)] + "…"
    known = _glyphs()
    return "".join(char if ord(char) in known else "▯" for char in shown) or " "


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(font_manager.findfont(FONT)).get_charmap())


def seconds(at: datetime) -> float:
    """Return *at* on our time axes: seconds since the epoch."""
    return at.timestamp()


def clock_of(at_s: float) -> str:
    """Return a point of our time axes as ``14:03``."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M")


def time_axis(axes: Axes, marks: Marks, *, ticks: int = 7) -> None:
    """Give *axes* the window as its x axis, in UTC, with the day where the window is longer than one."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    window = marks.window
    start, end = seconds(window.start), seconds(window.end)
    axes.set_xlim(start, end)
    step = _tick_step(end - start, ticks)
    first = math.ceil(start / step) * step
    at = np.arange(first, end + 0.5, step)
    words = "%d %b" if step >= 86400 else "%d %b\n%H:%M" if end - start > 86400 else "%H:%M"
    if step < 60:
        words = "%H:%M:%S"
    labels = [datetime.fromtimestamp(float(one), UTC).strftime(words) for one in at]
    axes.xaxis.set_major_locator(FixedLocator(at.tolist()))
    axes.xaxis.set_major_formatter(FixedFormatter(labels))
    axes.xaxis.set_minor_locator(NullLocator())
    days = f"{window.start:%d %b %Y}" if window.start.date() == window.end.date() else f"{window.start:%Y}"
    axes.set_xlabel(f"UTC, {days}", fontsize=FONT_SIZE - 1, color=MUTED, parse_math=False)


def _tick_step(span_s: float, ticks: int) -> float:
    for step in (1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800):
        if span_s / step <= ticks:
            return float(step)
    return float(math.ceil(span_s / ticks / 604800) * 604800)


def draw_marks(axes: Axes, marks: Marks) -> None:
    """
    Draw onset (line, band, word), deployments (dashed, ``▲`` below), alerts (``!``) and unseen spans (hatched).

    Call it when the y limits are final.
    """
    start, end = seconds(marks.window.start), seconds(marks.window.end)
    low, high = axes.get_ylim()
    for a, b in marks.unseen:
        left, right = max(start, seconds(a)), min(end, seconds(b))
        if right > left:
            axes.axvspan(left, right, facecolor="#ecedee", edgecolor="#b9bfc4", hatch="////", linewidth=0, zorder=0.5)
            if right - left > 0.13 * (end - start):
                middle = low + 0.5 * (high - low)
                word(axes, (left + right) / 2, middle, "not seen", ha="center", color=MUTED, bbox=BOX)
    taken: list[tuple[int, float, float]] = []
    if marks.onset is not None and start <= seconds(marks.onset) <= end:
        at = seconds(marks.onset)
        if marks.onset_uncertainty_s is not None and math.isfinite(marks.onset_uncertainty_s):
            band = abs(marks.onset_uncertainty_s)
            axes.axvspan(max(start, at - band), min(end, at + band), color=ORANGE, alpha=0.25, linewidth=0, zorder=0.8)
        axes.axvline(at, color=INK, linewidth=1.6, zorder=4)
        _flag(axes, at, f"onset {marks.onset.astimezone(UTC):%H:%M}", start, end, taken, color=INK)
    for at_time, label in sorted(marks.deployments)[-8:]:
        at = seconds(at_time)
        if start <= at <= end:
            axes.axvline(at, color=BLUE, linewidth=1.3, linestyle=(0, (4, 2)), zorder=3.5)
            _flag(axes, at, f"▲ {plot_text(label, 18)}", start, end, taken, color=BLUE)
    for at_time in sorted(marks.alerts)[:8]:
        at = seconds(at_time)
        if start <= at <= end:
            axes.axvline(at, color=PURPLE, linewidth=1.2, linestyle=(0, (1, 1.5)), zorder=3.5)
            _flag(axes, at, "! alert", start, end, taken, color=PURPLE)
    axes.set_ylim(low, high)


def _flag(
    axes: Axes,
    at: float,
    words: str,
    start: float,
    end: float,
    taken: list[tuple[int, float, float]],
    *,
    color: str,
) -> None:
    """Write *words* at a vertical line, on the first of three rows inside the top where there is room."""
    width = (end - start) * (0.0178 * len(words) + 0.02)
    rightwards = at + width < end
    left, right = (at, at + width) if rightwards else (at - width, at)
    row = 0
    while any(used == row and left < b and a < right for used, a, b in taken):
        row += 1
    if row > 2:
        return
    taken.append((row, left, right))
    axes.text(
        at + (end - start) * (0.006 if rightwards else -0.006),
        0.985 - row * 0.16 / max(0.8, _height_in(axes) - 1.1),
        words,
        transform=axes.get_xaxis_transform(),
        ha="left" if rightwards else "right",
        va="top",
        fontsize=FONT_SIZE - 2,
        color=color,
        parse_math=False,
        zorder=6,
        bbox=BOX,
    )


def _height_in(axes: Axes) -> float:
    figure = axes.get_figure(root=True)
    return 3.0 if figure is None else float(figure.get_size_inches()[1])


BOX: Final = {"facecolor": CARD, "edgecolor": "none", "alpha": 0.85, "pad": 1.2}


def word(axes: Axes, x: float, y: float, words: str, **how: Any) -> None:
    """Write *words* (already `plot_text` where strangers wrote them) at a point of the axes' data."""
    how.setdefault("fontsize", FONT_SIZE - 1.5)
    how.setdefault("color", INK)
    how.setdefault("zorder", 6)
    axes.text(x, y, words, parse_math=False, **how)


def limit_line(axes: Axes, value: float, words: str, *, color: str = VERMILION) -> None:
    """Draw a threshold with its name at the left end."""
    axes.axhline(value, color=color, linewidth=1.2, linestyle=(0, (7, 3)), zorder=3)
    axes.text(
        0.008,
        value,
        words,
        transform=axes.get_yaxis_transform(),
        ha="left",
        va="bottom",
        fontsize=FONT_SIZE - 2,
        color=color,
        parse_math=False,
        zorder=6,
        bbox=BOX,
    )


def steps(
    axes: Axes,
    values: Sequence[float] | np.ndarray[Any, Any],
    edges: np.ndarray[Any, Any],
    *,
    baseline: Any = 0.0,
    color: str,
    hatch: str = "",
) -> StepPatch:
    """Fill between *baseline* and *values*, constant over each bin: one shape a series, however many bins."""
    from matplotlib.patches import StepPatch

    patch = StepPatch(
        np.asarray(values, dtype=np.float64),
        edges,
        baseline=baseline,
        fill=True,
        facecolor=color,
        hatch=hatch or None,
        edgecolor=CARD if hatch else color,
        linewidth=0.4 if hatch else 0.0,
        zorder=2,
    )
    axes.add_artist(patch)
    return patch


def value_axis(
    axes: Axes,
    top: float,
    *,
    unit: str = "",
    low: float = 0.0,
    headroom: float = 1.0,
    whole: bool = False,
    ceiling: float | None = None,
) -> None:
    """
    Give *axes* a y axis from *low* to a little over *top*, with readable figures and the unit behind each.

    *ceiling* is the largest value there can be (100 for percent): no figure stands above it.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    top = top if math.isfinite(top) and top > low else low + 1.0
    axes.set_ylim(low, low + (top - low) * 1.05 * headroom)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=whole))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{short(value)}{unit}"))
    if ceiling is not None:
        axes.yaxis.set_major_locator(
            FixedLocator([ceiling * part / 4 for part in range(5) if ceiling * part / 4 <= top])
        )


def row_names(axes: Axes, names: Sequence[str], size: float = FONT_SIZE - 1) -> None:
    """
    Write *names* (already `plot_text` where strangers wrote them) left of the rows 0, -1, -2, ...

    As texts and not as ticks, each of which takes three times as long, for marks and lines that nobody sees.
    """
    from matplotlib.ticker import NullLocator

    axes.yaxis.set_major_locator(NullLocator())
    where, va, ha = axes.get_yaxis_text1_transform(3.5)
    for at, name in enumerate(names):
        axes.text(
            0, -at, name, transform=where, va=va, ha=ha, fontsize=size, color=INK, parse_math=False, clip_on=False
        )


def row_bars(axes: Axes, bars: Sequence[tuple[int, float, float]], height: float, **how: Any) -> None:
    """Draw *bars*, each (row, left, right) in the rows 0, -1, -2, ..., as one shape that looks as *how* says."""
    from matplotlib.collections import PolyCollection

    half = height / 2
    corners = [((a, half - row), (b, half - row), (b, -half - row), (a, -half - row)) for row, a, b in bars]
    axes.add_collection(PolyCollection(corners, zorder=1, **how), autolim=False)


def ticks_at(axis: Axis, values: Sequence[float], unit: str = "") -> None:
    """Mark *values* on *axis* and nothing else, each with its unit."""
    from matplotlib.ticker import FixedLocator, FuncFormatter

    axis.set_major_locator(FixedLocator(values))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}{unit}"))


def short(value: float) -> str:
    """Return *value* for an axis or a bar: ``1.2k``, ``3.4M``, at most three digits."""
    if not math.isfinite(value):
        return "–"
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            shown = f"{value / size:.3g}"
            return f"{float(shown):g}{letter}" if abs(value / size) < 1e4 else f"{value:.2g}"
    return f"{float(f'{value:.3g}'):g}"


def legend(axes: Axes, handles: Sequence[Any], labels: Sequence[str], *, columns: int = 4) -> None:
    """
    Put a legend under the axes, in as many columns as the names leave room for.

    The names are set after the legend is made: matplotlib would hide one that starts with ``_``.
    """
    if not handles:
        return
    longest = max(len(label) for label in labels)
    columns = max(1, min(columns, len(handles), int(LEGEND_CHARACTERS // (longest + 7))))
    drawn = axes.figure.legend(
        handles,
        ["x"] * len(handles),
        loc="lower left",
        bbox_to_anchor=(0.005, 0.0),
        ncols=columns,
        frameon=False,
        fontsize=FONT_SIZE - 1,
        handlelength=2.4,
        columnspacing=1.4,
        borderpad=0.2,
        labelspacing=0.35,
    )
    for text, label in zip(drawn.get_texts(), labels, strict=True):
        text.set_parse_math(False)
        text.set_text(label)
        text.set_color(INK)


def legend_rows(labels: Sequence[str], columns: int = 4) -> int:
    """Return how many rows `legend` will need."""
    if not labels:
        return 0
    fit = max(1, min(columns, len(labels), LEGEND_CHARACTERS // (max(map(len, labels)) + 7)))
    return math.ceil(len(labels) / fit)


def place(
    figure: Figure,
    axes: Axes,
    *,
    left_in: float = 0.62,
    right_in: float = 0.28,
    bottom_in: float = 0.5,
    top_in: float = 0.34,
    rows: int = 0,
) -> None:
    """Fix the axes' margins in inches (no search for a layout: it costs a second drawing), *rows* of legend below."""
    width, height = figure.get_size_inches()
    bottom = bottom_in + 0.2 * rows + (0.02 if rows else 0.0)
    axes.set_position(
        (
            left_in / width,
            bottom / height,
            (width - left_in - right_in) / width,
            max(0.3, height - bottom - top_in) / height,
        )
    )


_pictures = True


def leave_out_pictures() -> None:
    """Draw nothing in this process from now on: nobody will look, and only what charts are made of counts."""
    global _pictures
    _pictures = False


def get_ready() -> None:
    """Import what drawing needs, where anything will be drawn: else the first picture would wait for it."""
    if not _pictures:
        return
    lighten_drawing()
    from matplotlib import axes, figure, ft2font, patches, text, ticker  # noqa: F401
    from matplotlib.backends import backend_agg  # noqa: F401
    from PIL import Image  # noqa: F401


def draw_once() -> None:
    """Draw a small picture: the first one of a process reads fonts and fills tables, which the next find ready."""

    def draw(figure: Figure, axes: Axes) -> None:
        (line,) = axes.plot([0, 1], [0, 1])
        subject(axes, plot_text("0"))
        legend(axes, [line], ["0"])

    picture(1.0, draw)


def _png(figure: Figure) -> bytes:
    """Return *figure* as PNG bytes: no date, no program name, plain text everywhere, at most 128 colours."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text
    from PIL import Image

    for text in figure.findobj(Text):
        text.set_parse_math(False)
        text.set_usetex(False)
        text.set_fontfamily(FONT)
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]  # type: ignore[no-untyped-call]
    image = Image.fromarray(np.ascontiguousarray(pixels)).quantize(colors=128, method=Image.Quantize.FASTOCTREE)
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=False, compress_level=6, dpi=(DPI, DPI))
    return out.getvalue()


def bin_seconds(window: Window, at_most: int = 75) -> int:
    """Return the width of a time bin, in seconds, so that *window* has at most *at_most* of them."""
    span = window.duration.total_seconds()
    for width in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400):
        if span / width <= at_most:
            return width
    return math.ceil(span / at_most / 86400) * 86400


def bin_words(width_s: int) -> str:
    """Return the width of a bin as ``minute``, ``30 s``, ``5 min``."""
    if width_s == 60:
        return "minute"
    if width_s == 3600:
        return "hour"
    if width_s % 3600 == 0:
        return f"{width_s // 3600} h"
    return f"{width_s // 60} min" if width_s % 60 == 0 else f"{width_s} s"


def bin_starts(window: Window, width_s: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the starts of the bins over *window*, as seconds since the epoch, aligned to the width."""
    first = math.floor(window.start.timestamp() / width_s) * width_s
    return np.arange(first, window.end.timestamp(), width_s, dtype=np.float64)


def with_bins(frame: pl.DataFrame, window: Window, width_s: int) -> pl.DataFrame:
    """Return the rows of *frame* in *window* with ``bin``: the index of their bin in `bin_starts`."""
    first = math.floor(window.start.timestamp() / width_s) * width_s
    return frame.filter(pl.col("at").is_between(window.start, window.end, closed="left")).with_columns(
        ((pl.col("at").dt.epoch("s") - first) // width_s).cast(pl.Int64).alias("bin")
    )
