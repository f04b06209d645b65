"""What could be seen: coverage of the sources, freshness of log services, contradictions between vantage points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from ...models.report import SourceSeen
from ...models.window import Window
from .. import style
from ..base import Column, Panel, Table, no_data
from ..style import Marks
from ..words import count, name, span_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STATUS_WORDS = {
    "observed": "seen",
    "no_data": "no data",
    "blind": "BLIND",
    "unavailable": "UNAVAILABLE",
    "not_configured": "not configured",
}
_RANK = {"unavailable": 0, "blind": 1, "no_data": 2, "observed": 3, "not_configured": 4}


def coverage(sources: Sequence[SourceSeen], window: Window, *, why_empty: str = "", shown: int = 24) -> Panel:
    """
    Return, for each source, the span that was asked and the span that its answer could see.

    Without a picture where none saw anything: it would only repeat the names.
    """
    question = "What could the run see, and what not?"
    if not sources:
        return no_data("coverage", question, why_empty, what="sources")
    ranked = sorted(sources, key=lambda one: (_RANK.get(one.status, 0), one.name))
    missing = [one for one in ranked if one.status in ("unavailable", "blind")]
    cut = [one for one in ranked if one.coverage.cut and one not in missing]
    sighted = any(one.status in ("observed", "no_data") for one in ranked)
    if not sighted and not missing:
        title = f"Nothing was seen: none of {count(len(ranked), 'source')} is configured"
    elif missing:
        title = f"{len(missing)} of {count(len(ranked), 'source')} could not see: " + ", ".join(
            name(one.name, 28) for one in missing[:3]
        )
        title += f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        title += f"; {len(cut)} cut off" if cut else ""
    elif cut:
        title = f"{count(len(cut), 'source')} cut off, newer entries may exist unseen: " + ", ".join(
            name(one.name, 28) for one in cut[:3]
        )
        title += f" and {len(cut) - 3} more" if len(cut) > 3 else ""
    else:
        silent = sum(one.status == "no_data" for one in ranked)
        asked = sum(one.status != "not_configured" for one in ranked)
        title = f"All {asked} configured sources answered" + (f"; {silent} hold no data" if silent else "")
    drawn = ranked[:shown]
    in_words = "; ".join(f"{name(one.name)} {STATUS_WORDS.get(one.status, one.status)}" for one in drawn)

    def draw(figure: Figure, axes: Axes) -> None:
        axes.grid(visible=False)
        start, end = window.start.timestamp(), window.end.timestamp()
        asked: list[tuple[int, float, float]] = []
        unseen: list[tuple[int, float, float]] = []
        held: list[tuple[int, float, float]] = []
        for at, one in enumerate(drawn):
            seen = one.coverage
            left = start if seen.asked_start is None else max(start, seen.asked_start.timestamp())
            right = end if seen.asked_end is None else min(end, seen.asked_end.timestamp())
            now_only = seen.asked_start is None and one.status in ("observed", "no_data")
            if one.status != "not_configured" and not now_only and right > left:
                asked.append((at, left, right))
                if one.status in ("unavailable", "blind"):
                    unseen.append((at, left, right))
            if seen.seen_start is not None and seen.seen_end is not None and one.status in ("observed", "no_data"):
                a, b = max(start, seen.seen_start.timestamp()), min(end, seen.seen_end.timestamp())
                if b >= a:
                    held.append((at, a, a + max(b - a, (end - start) / 300)))
                if seen.cut and start <= b <= end:
                    axes.plot([b, b], [-at - 0.4, -at + 0.4], color=style.VERMILION, linewidth=3)
            elif one.status == "observed" and seen.asked_start is None:
                axes.plot(
                    [end - 0.012 * (end - start)], [-at], marker="D", color=style.BLUE, markersize=6, linestyle="none"
                )
            words = STATUS_WORDS.get(one.status, one.status) + (" – cut" if seen.cut else "")
            bad = one.status in ("unavailable", "blind") or seen.cut
            axes.text(
                1.025,
                -at,
                words,
                transform=axes.get_yaxis_transform(),
                va="center",
                fontsize=style.FONT_SIZE - 1.5,
                color=style.VERMILION if bad else style.INK,
                fontweight="bold" if bad else "normal",
                parse_math=False,
            )
        style.row_bars(axes, unseen, 0.56, facecolor="#ecedee", hatch="////", edgecolor="#b9bfc4", linewidth=0)
        style.row_bars(axes, asked, 0.56, facecolor="none", edgecolor=style.GREY, linewidth=0.9)
        style.row_bars(axes, held, 0.56, facecolor=style.BLUE, linewidth=0)
        axes.set_ylim(-len(drawn) + 0.4, 0.6)
        style.row_names(axes, [style.plot_text(one.name, 26) for one in drawn], style.FONT_SIZE - 1.5)
        axes.spines["left"].set_visible(False)
        style.subject(axes, "asked (outline), seen (filled), now (◆), cut (thick)")
        style.time_axis(axes, Marks(window=window), ticks=4)
        style.place(figure, axes, left_in=1.85, right_in=1.2)

    left_out = len(ranked) - len(drawn)
    return Panel(
        id="coverage",
        question=question,
        title=title,
        sentence=(
            "An outline is the span that was asked, its filled part the span that the answer could see; hatched means "
            "nothing of it. What was not seen says nothing about health."
            if sighted
            else "Nothing of the window was seen, by no source. What was not seen says nothing about health."
        ),
        png=style.picture(0.85 + 0.27 * len(drawn), draw) if sighted else None,
        alt=f"Spans seen: {in_words}" if sighted else "",
        table=Table(
            columns=(
                Column(name="source"),
                Column(name="status"),
                Column(name="entries", align="right"),
                Column(name="seen from", unit="UTC"),
                Column(name="seen to", unit="UTC"),
                Column(name="share seen", unit="%", align="right"),
                Column(name="cut"),
                Column(name="what it says", telemetry=True),
            ),
            rows=tuple(
                (
                    one.name,
                    STATUS_WORDS.get(one.status, one.status) + (" (constant)" if one.coverage.constant else ""),
                    one.coverage.count,
                    one.coverage.seen_start,
                    one.coverage.seen_end,
                    None if one.coverage.share is None else 100 * one.coverage.share,
                    "cut" if one.coverage.cut else "",
                    one.detail,
                )
                for one in ranked[:200]
            ),
            caption="Sources with what each could see.",
        ),
        notes=(f"{left_out} more sources are only in the table.",) if left_out > 0 and sighted else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshRow:
    """When a log service or metric was last heard of, and how often it should be (None: not known)."""

    name: str
    last_seen: datetime | None
    expected_every_s: float | None = None
    blind: bool = False


def freshness(rows: Sequence[FreshRow], now: datetime, *, why_empty: str = "", shown: int = 20) -> Panel:
    """Return how long each log service or metric has been silent, against how often it should be heard."""
    question = "Does data still flow?"
    if not rows:
        return no_data("freshness", question, why_empty, what="log services or metrics to watch")
    now = now.astimezone(UTC)

    def age(row: FreshRow) -> float:
        return float("inf") if row.last_seen is None else max(0.0, (now - row.last_seen).total_seconds())

    def state(row: FreshRow) -> str:
        if row.blind:
            return "blind"
        if row.last_seen is None:
            return "never heard"
        if row.expected_every_s is None:
            return "no rhythm known"
        return "SILENT" if age(row) > 3 * row.expected_every_s else "flows"

    order = {"SILENT": 0, "never heard": 1, "blind": 2, "no rhythm known": 3, "flows": 4}
    ranked = sorted(rows, key=lambda row: (order[state(row)], -min(age(row), 1e12), row.name))
    silent = [row for row in ranked if state(row) in ("SILENT", "never heard")]
    blind = [row for row in ranked if state(row) == "blind"]
    if silent:
        longest = silent[0]
        since = "ever" if longest.last_seen is None else span_words(age(longest))
        is_ = "is" if len(silent) == 1 else "are"
        title = f"{len(silent)} of {len(ranked)} {is_} silent; {name(longest.name)} for {since}"
    elif blind:
        title = f"Cannot tell for {len(blind)} of {len(ranked)}: their store is blind to recent entries"
    else:
        title = (
            f"All {len(ranked)} flow"
            if all(state(r) == "flows" for r in ranked)
            else "None is silent that has a rhythm"
        )
    drawn = ranked[:shown]

    def draw(figure: Figure, axes: Axes) -> None:
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x", color=style.GRID, linewidth=0.8)
        ages = np.array([max(1.0, min(age(row), 1e9)) if row.last_seen else np.nan for row in drawn])
        top = max(float(np.nanmax(ages)) if np.isfinite(ages).any() else 60.0, 60.0)
        axes.set_xscale("log")
        axes.set_xlim(1, top * 1.5)
        for at, row in enumerate(drawn):
            bad = state(row) in ("SILENT", "never heard", "blind")
            if np.isfinite(ages[at]):
                axes.barh(
                    [-at], [ages[at] - 1], left=1, height=0.6, color=style.VERMILION if bad else style.BLUE,
                    hatch="xxx" if bad else None, edgecolor=style.CARD, linewidth=0.4,
                )  # fmt: skip
            if row.expected_every_s:
                axes.plot([row.expected_every_s] * 2, [-at - 0.42, -at + 0.42], color=style.INK, linewidth=2)
            words = state(row) if row.last_seen is None else f"{span_words(age(row))} – {state(row)}"
            style.word(
                axes,
                1.015,
                -at,
                words,
                transform=axes.get_yaxis_transform(),
                va="center",
                color=style.VERMILION if bad else style.INK,
                fontweight="bold" if bad else "normal",
            )
        axes.set_ylim(-len(drawn) + 0.4, 0.6)
        style.row_names(axes, [style.plot_text(row.name, 28) for row in drawn])
        ticks = [t for t in (1, 60, 3600, 86400, 2592000) if t <= top * 1.5]
        axes.set_xticks(ticks, [span_words(t) for t in ticks], parse_math=False)
        axes.minorticks_off()
        style.subject(axes, f"time since last heard at {now:%H:%M} UTC; black mark: rhythm")
        style.place(figure, axes, left_in=2.2, right_in=1.75, bottom_in=0.32)

    left = len(ranked) - len(drawn)
    return Panel(
        id="freshness",
        question=question,
        title=title,
        sentence=(
            "Silent means: not heard for over three times its usual rhythm. Blind means: nobody could have heard it."
        ),
        png=style.picture(0.85 + 0.28 * len(drawn), draw),
        alt="Bars: " + "; ".join(f"{name(row.name)} {state(row)}" for row in drawn),
        table=Table(
            columns=(
                Column(name="name", telemetry=True),
                Column(name="state"),
                Column(name="last heard", unit="UTC"),
                Column(name="silent for"),
                Column(name="expected every"),
            ),
            rows=tuple(
                (
                    row.name,
                    state(row),
                    row.last_seen,
                    None if row.last_seen is None else span_words(age(row)),
                    None if row.expected_every_s is None else span_words(row.expected_every_s),
                )
                for row in ranked[:300]
            ),
            caption="Freshness, silent ones first.",
        ),
        notes=(f"{left} more are only in the table.",) if left > 0 else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Two vantage points that cannot both be right."""

    subject: str
    one_says: str
    one: str
    other_says: str
    other: str
    believe: str
    why: str = ""


def contradictions(rows: Sequence[Contradiction], *, compared: int | None = None, why_empty: str = "") -> Panel:
    """
    Return where vantage points disagree, and which one to believe.

    Parameters
    ----------
    compared
        Pairs of vantage points that were compared; without any there is no answer.
    """
    question = "Do the vantage points agree?"
    if not rows and not compared:
        return no_data("contradictions", question, why_empty or "No two vantage points could be compared", what="pairs")
    if not rows:
        return Panel(
            id="contradictions",
            question=question,
            title=f"No contradiction in {count(compared or 0, 'comparison')}",
            sentence="Sources that could be compared say the same.",
        )
    first = rows[0]
    return Panel(
        id="contradictions",
        question=question,
        title=f"{first.one}: “{name(first.one_says, 50)}”, but {first.other}: “{name(first.other_says, 50)}”",
        sentence=f"{count(len(rows), 'contradiction')}. Believe {first.believe} on {first.subject}"
        + (f": {first.why}." if first.why else "."),
        table=Table(
            columns=(
                Column(name="about"),
                Column(name="one"),
                Column(name="says", telemetry=True),
                Column(name="other"),
                Column(name="says", telemetry=True),
                Column(name="believe"),
                Column(name="because"),
            ),
            rows=tuple((r.subject, r.one, r.one_says, r.other, r.other_says, r.believe, r.why) for r in rows[:100]),
            caption="Contradictions between vantage points.",
        ),
    )
