"""What changed just before, and what happened when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from .. import style
from ..base import Column, Panel, Table, no_data
from ..style import Marks
from ..words import clock, count, name, span_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SOON_BEFORE_S = 30 * 60
"""A change this close before the onset is named in the title."""


def deployments(frame: pl.DataFrame, marks: Marks, *, main_script: str | None = None, why_empty: str = "") -> Panel:
    """
    Return the deployments (`frames.DEPLOYMENTS`) against the onset.

    Parameters
    ----------
    main_script
        The Worker that users meet: its deployments are named first. None: all are equal.
    why_empty
        "the deployment list was read and is empty" and "it could not be read" are different.
    """
    question = "What was deployed just before?"
    rows = [row for row in frame.sort("at", descending=True).iter_rows(named=True) if row["at"] is not None]
    if not rows:
        return no_data("deployments", question, why_empty, what="deployments")
    onset = marks.onset
    slack = marks.onset_uncertainty_s or 0.0
    last = rows[0]
    title = (
        f"{count(len(rows), 'deployment')}; the last was {name(last['script'])} at {clock(last['at'], marks.window)}"
    )
    if onset is not None:
        gaps = [((onset - row["at"]).total_seconds(), row) for row in rows]
        before = [(gap, row) for gap, row in gaps if -slack <= gap <= SOON_BEFORE_S]
        before.sort(key=lambda pair: (pair[1]["script"] != main_script, abs(pair[0])))
        if before:
            gap, row = before[0]
            title = (
                f"{name(row['script'], 30)} {name(row['version'], 30)} was deployed {_gap(gap, slack)} the onset "
                f"at {clock(onset, marks.window)}"
            )
        else:
            title = f"Nothing was deployed in the {span_words(SOON_BEFORE_S)} before the onset, as far as was seen"
    inside = [row for row in rows if row["at"] in marks.window]
    figure = None
    if inside or onset is not None:
        scripts = sorted({row["script"] or "" for row in inside}, key=lambda s: (s != main_script, s))[:6]

        def draw(figure: Figure, axes: Axes) -> None:
            axes.grid(visible=False)
            for row in inside:
                if (row["script"] or "") in scripts:
                    y = -scripts.index(row["script"] or "")
                    x = row["at"].timestamp()
                    axes.plot([x], [y], marker="^", color=style.BLUE, markersize=9, linestyle="none", zorder=5)
                    late = x > marks.window.start.timestamp() + 0.8 * marks.window.duration.total_seconds()
                    axes.annotate(
                        style.plot_text(row["version"] or "", 14),
                        (x, y),
                        xytext=(-8 if late else 8, 0),
                        textcoords="offset points",
                        ha="right" if late else "left",
                        va="center",
                        fontsize=style.FONT_SIZE - 2,
                        color=style.INK,
                        parse_math=False,
                        zorder=6,
                    )
            axes.set_ylim(-max(1, len(scripts)) + 0.4, 1.5)
            axes.set_yticks(
                [-at for at in range(len(scripts))], [style.plot_text(one, 24) for one in scripts], parse_math=False
            )
            axes.tick_params(axis="y", length=0)
            style.subject(axes, "deployments (▲) against the onset")
            style.time_axis(axes, marks, ticks=4)
            style.draw_marks(
                axes,
                Marks(
                    window=marks.window,
                    onset=marks.onset,
                    onset_uncertainty_s=marks.onset_uncertainty_s,
                    alerts=marks.alerts,
                    unseen=marks.unseen,
                ),
            )
            style.place(figure, axes, left_in=1.9)

        figure = style.picture(1.35 + 0.34 * max(1, len(scripts)), draw)
    return Panel(
        id="deployments",
        question=question,
        title=title,
        sentence="Newest first. Closeness in time is a reason to look, not yet a cause.",
        png=figure,
        alt=""
        if figure is None
        else f"Marks on a time line: {count(len(inside), 'deployment')} in the window. {title}.",
        table=Table(
            columns=(
                Column(name="at", unit="UTC"),
                Column(name="against the onset"),
                Column(name="what", telemetry=True),
                Column(name="version", telemetry=True),
                Column(name="replaced", telemetry=True),
                Column(name="by", telemetry=True),
                Column(name="message", telemetry=True),
            ),
            rows=tuple(
                (
                    row["at"],
                    "–" if onset is None else f"{_gap((onset - row['at']).total_seconds(), slack)} it",
                    row["script"],
                    row["version"],
                    row["previous"],
                    row["author"],
                    row["message"],
                )
                for row in rows[:60]
            ),
            caption="Deployments and releases, newest first.",
        ),
    )


def _gap(seconds: float, slack: float) -> str:
    if abs(seconds) <= slack:
        return "at the time of"
    return f"{span_words(abs(seconds))} {'before' if seconds > 0 else 'after'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened: ``kind`` is a word of ours, ``what`` may be a stranger's."""

    at: datetime
    kind: str
    what: str
    source: str = ""


def timeline(events: Sequence[Event], *, why_empty: str = "", shown: int = 200) -> Panel:
    """Return what happened, in order: deployments, onset, alerts, actions, recovery."""
    question = "What happened when?"
    if not events:
        return no_data("timeline", question, why_empty, what="events")
    ordered = sorted(events, key=lambda one: (one.at, one.kind, one.what))
    first, last = ordered[0], ordered[-1]
    kept = ordered[:shown]
    left = len(ordered) - len(kept)
    return Panel(
        id="timeline",
        question=question,
        title=(
            f"{count(len(ordered), 'event')} in {span_words((last.at - first.at).total_seconds())}: "
            f"{first.kind} at {clock(first.at)}, last {last.kind} at {clock(last.at)}"
        ),
        sentence="All times are UTC, oldest first.",
        table=Table(
            columns=(
                Column(name="at", unit="UTC"),
                Column(name="after the first"),
                Column(name="kind"),
                Column(name="what", telemetry=True),
                Column(name="source"),
            ),
            rows=tuple(
                (one.at, span_words((one.at - first.at).total_seconds()), one.kind, one.what, one.source)
                for one in kept
            ),
            caption="Timeline.",
        ),
        notes=(f"{left} later events are not shown.",) if left > 0 else (),
    )
