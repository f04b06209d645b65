"""What users get: outcomes at the edge, failing share by route, worker outcomes, the live tail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from .. import style
from ..base import Column, Panel, Table, no_data
from ..style import Marks, Numbers
from ..words import clock, count, name, percent
from ._common import before_after, finite_max, grouped_bins, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def edge_outcomes(edge: pl.DataFrame, marks: Marks, *, why_empty: str = "") -> Panel:
    """
    Return requests at the edge by outcome, with the failing (5xx) share on a second axis.

    Parameters
    ----------
    edge
        `frames.EDGE`. Counts are Cloudflare's estimates, scaled up from samples.
    """
    question = "How many requests fail at the edge?"
    width = max(60, style.bin_seconds(marks.window))
    status = pl.col("status")
    kind = (
        pl.when(status.is_between(500, 599))
        .then(pl.lit("5xx"))
        .when(status.is_between(400, 499))
        .then(pl.lit("4xx"))
        .when(status.is_between(100, 399))
        .then(pl.lit("ok"))
        .otherwise(pl.lit("no status"))
    )
    starts, names, found, _ = grouped_bins(edge.with_columns(kind.alias("kind")), "kind", "requests", marks, width)
    rows = dict(zip(names, found.clip(min=0), strict=True))
    zero = np.zeros(len(starts))
    total = sum((row for row in rows.values()), zero)
    if total.sum() <= 0:
        return no_data("edge-outcomes", question, why_empty, what="requests at the edge")
    failed = rows.get("5xx", zero)
    share = np.divide(failed, total, out=np.full(len(starts), np.nan), where=total > 0)
    whole = float(failed.sum() / total.sum())
    unit = style.bin_words(width)
    change = _pooled(failed, total, starts, width, marks)
    if change is not None and marks.onset is not None:
        verb = "rose" if change[1] > 1.5 * change[0] + 0.002 else "stayed" if change[1] >= change[0] / 1.5 else "fell"
        since = clock(marks.onset, marks.window)
        title = (
            f"{percent(change[1])} of requests fail since {since}, {percent(change[0])} before"
            if verb == "rose"
            else f"Failing requests {verb} at {percent(change[1])} after {since} ({percent(change[0])} before)"
        )
    else:
        title = f"{percent(whole)} of requests fail with a server error (5xx)"

    def draw(figure: Figure, axes: Axes) -> None:
        edges = np.append(starts, starts[-1] + width)
        bottom, handles, labels = zero, [], []
        looks = (("ok", "#a9c9dd", ""), ("4xx", style.ORANGE, "///"), ("5xx", style.VERMILION, "xxx"))
        for word, color, hatch in (*looks, ("no status", style.GREY, "...")):
            if word in rows:
                top = bottom + rows[word]
                handles.append(style.steps(axes, top, edges, baseline=bottom, color=color, hatch=hatch))
                labels.append({"ok": "ok (1xx–3xx)", "4xx": "4xx client", "5xx": "5xx server"}.get(word, word))
                bottom = top
        style.subject(axes, f"requests per {unit} by outcome; line: failing share (right)")
        style.value_axis(axes, finite_max(bottom, 1.0), headroom=1.25)
        style.time_axis(axes, marks)
        style.draw_marks(axes, marks)
        second = axes.twinx()
        (line,) = second.plot(starts + width / 2, 100 * share, color=style.INK, linewidth=1.8, zorder=7)
        _percent_axis(second, 100 * finite_max(share))
        style.legend(axes, [*handles, line], [*labels, "failing share"])
        style.place(figure, axes, rows=style.legend_rows([*labels, "failing share"]), right_in=0.62)
        second.set_position(axes.get_position())

    peak = int(np.nan_to_num(share, nan=-1.0).argmax())
    return Panel(
        id="edge-outcomes",
        question=question,
        title=title,
        sentence=(
            f"About {style.short(float(total.sum()))} requests, {style.short(float(failed.sum()))} of them failed "
            f"({percent(whole)}); worst {unit}: {percent(float(share[peak]))} "
            f"at {style.clock_of(float(starts[peak]))} UTC."
        ),
        png=style.picture(3.1, draw),
        alt="Stacked steps of requests by outcome over time: "
        + ", ".join(f"{word} about {style.short(float(row.sum()))}" for word, row in sorted(rows.items()))
        + f". {title}.",
        table=Table(
            columns=(
                Column(name="outcome"),
                Column(name="requests", unit="estimate", align="right"),
                Column(name="share", unit="%", align="right"),
            ),
            rows=tuple(
                (word, float(rows[word].sum()), 100 * float(rows[word].sum() / total.sum()))
                for word in ("ok", "4xx", "5xx", "no status")
                if word in rows
            ),
            caption="Requests at the edge by outcome.",
        ),
        notes=_unseen_note(marks),
    )


def _percent_axis(axes: Axes, top: float) -> None:
    style.dress(axes)
    axes.grid(visible=False)
    axes.set_facecolor("none")
    axes.spines["right"].set_visible(True)
    axes.spines["right"].set_color(style.GREY)
    high = next((limit for limit in (1, 2, 5, 10, 20, 50) if top <= limit), 100)
    axes.set_ylim(0, high * 1.05 * 1.25)
    style.ticks_at(axes.yaxis, [0, high / 2, high], " %")
    axes.tick_params(axis="y", labelsize=style.FONT_SIZE - 1, colors=style.MUTED, labelcolor=style.INK)


def _pooled(failed: Numbers, total: Numbers, starts: Numbers, width: int, marks: Marks) -> tuple[float, float] | None:
    """Return the failing share of all requests before and since the onset; None where either side has none."""
    if marks.onset is None:
        return None
    before = starts + width <= marks.onset.timestamp()
    sums = [(float(failed[side].sum()), float(total[side].sum())) for side in (before, ~before)]
    if any(all_ <= 0 for _, all_ in sums):
        return None
    return sums[0][0] / sums[0][1], sums[1][0] / sums[1][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactRow:
    """Requests of one route (or service): how many failed, of how many."""

    route: str
    failed: float
    total: float


def impact_by_route(rows: Sequence[ImpactRow], *, why_empty: str = "", shown: int = 10) -> Panel:
    """Return the failing share of each route, most failing requests first, with the counts beside the bars."""
    question = "Who is hurt: which routes fail?"
    usable = [row for row in rows if row.total > 0 and np.isfinite(row.total) and np.isfinite(row.failed)]
    if not usable:
        return no_data("impact", question, why_empty, what="requests by route")
    ranked = sorted(usable, key=lambda row: (-row.failed, -row.total, row.route))
    failing = [row for row in ranked if row.failed > 0]
    all_failed, all_total = sum(row.failed for row in ranked), sum(row.total for row in ranked)
    worst = ranked[0]
    if failing:
        title = (
            f"{name(worst.route, 60)} is hit hardest: {percent(worst.failed / worst.total)} of its requests fail"
            if len(ranked) > 1
            else f"{percent(worst.failed / worst.total)} of {name(worst.route, 60)} fails"
        )
    else:
        title = f"No request failed on {count(len(ranked), 'route')} that were seen"
    drawn = ranked[:shown]

    def draw(figure: Figure, axes: Axes) -> None:
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x", color=style.GRID, linewidth=0.8)
        at = -np.arange(len(drawn))
        shares = np.array([100 * min(1.0, max(0.0, row.failed / row.total)) for row in drawn])
        axes.barh(at, shares, height=0.66, color=style.VERMILION, hatch="xxx", edgecolor=style.CARD, linewidth=0.4)
        high = next((limit for limit in (1, 5, 10, 25, 50) if shares.max() <= limit), 100)
        for y, row, value in zip(at, drawn, shares, strict=True):
            words = f"{percent(value / 100)}  ({style.short(row.failed)} of {style.short(row.total)})"
            style.word(axes, float(value) + high * 0.012, float(y), words, va="center")
        axes.set_xlim(0, high * 1.52)
        style.ticks_at(axes.xaxis, [0, high / 2, high], " %")
        axes.set_ylim(-len(drawn) + 0.4, 0.6)
        axes.set_yticks(at, [style.plot_text(row.route, 30) for row in drawn], parse_math=False)
        axes.tick_params(axis="y", length=0)
        style.subject(axes, "share of requests that fail, by route")
        style.place(figure, axes, left_in=2.3, bottom_in=0.32)

    left = len(ranked) - len(drawn)
    return Panel(
        id="impact",
        question=question,
        title=title,
        sentence=(
            f"{style.short(all_failed)} of {style.short(all_total)} requests on {count(len(ranked), 'route')} failed "
            f"({percent(all_failed / all_total)})."
        ),
        png=style.picture(0.8 + 0.33 * len(drawn), draw),
        alt="Bars: " + "; ".join(
            f"{name(row.route)} {percent(row.failed / row.total)} of {style.short(row.total)}" for row in drawn
        ),
        table=Table(
            columns=(
                Column(name="route", telemetry=True),
                Column(name="failed", align="right"),
                Column(name="requests", align="right"),
                Column(name="failing", unit="%", align="right"),
            ),
            rows=tuple((row.route, row.failed, row.total, 100 * row.failed / row.total) for row in ranked[:100]),
            caption="Failing requests by route.",
        ),
        notes=(f"{left} routes with fewer failing requests are only in the table.",) if left > 0 else (),
    )  # fmt: skip


def worker_outcomes(workers: pl.DataFrame, marks: Marks, *, why_empty: str = "") -> Panel:
    """Return worker invocations per bin by outcome other than success (`frames.WORKERS`), against all."""
    question = "How do the Worker's invocations end?"
    width = max(60, style.bin_seconds(marks.window))
    starts, _, everything, _ = grouped_bins(workers, "script", "requests", marks, width)
    total = everything.sum(axis=0) if everything.size else np.zeros(len(starts))
    if total.sum() <= 0:
        return no_data("worker-outcomes", question, why_empty, what="worker invocations")
    bad = workers.filter(pl.col("status").fill_null("(none)") != "success")
    starts, names, values, _ = grouped_bins(bad, "status", "requests", marks, width)
    per_bin = values.sum(axis=0) if values.size else np.zeros(len(starts))
    unit = style.bin_words(width)
    share = float(per_bin.sum() / total.sum())
    if not names:
        title = f"All of about {style.short(float(total.sum()))} invocations ended well"
    else:
        title = f"{percent(share)} of invocations do not end well; most: {name(names[0])}"
        change = before_after(per_bin, starts, width, marks.onset)
        if change is not None and change[1] > 1.5 * change[0] and marks.onset is not None:
            title = (
                f"Invocations that end badly rose from {style.short(change[0])} to {style.short(change[1])} a {unit} "
                f"at {clock(marks.onset, marks.window)}; most: {name(names[0])}"
            )

    def draw(figure: Figure, axes: Axes) -> None:
        edges = np.append(starts, starts[-1] + width)
        bottom, handles = np.zeros(len(starts)), []
        for at, row in enumerate(values):
            seen = look(at, names[at])
            handles.append(style.steps(axes, bottom + row, edges, baseline=bottom, color=seen.color, hatch=seen.hatch))
            bottom = bottom + row
        labels = [style.plot_text(one) for one in names]
        if not names:
            style.word(axes, float(starts.mean()), 0.5, "none ended badly", ha="center", color=style.MUTED)
        style.subject(axes, f"invocations per {unit} that ended badly, by outcome")
        style.value_axis(axes, finite_max(bottom, 1.0) or 1.0, headroom=1.25)
        style.time_axis(axes, marks)
        style.draw_marks(axes, marks)
        style.legend(axes, handles, labels, columns=3)
        style.place(figure, axes, rows=style.legend_rows(labels, 3))

    rows = tuple(
        (who, float(row.sum()), 100 * float(row.sum() / total.sum())) for who, row in zip(names, values, strict=True)
    )
    return Panel(
        id="worker-outcomes",
        question=question,
        title=title,
        sentence=(
            f"About {style.short(float(total.sum()))} invocations, {style.short(float(per_bin.sum()))} of them "
            f"({percent(share)}) ended otherwise than with success."
        ),
        png=style.picture(3.0, draw),
        alt=f"Stacked steps of invocations that ended badly over time. {title}. "
        + "; ".join(f"{name(who)}: about {style.short(n)}" for who, n, _ in rows),
        table=Table(
            columns=(
                Column(name="outcome", telemetry=True),
                Column(name="invocations", unit="estimate", align="right"),
                Column(name="share of all", unit="%", align="right"),
            ),
            rows=rows,
            caption="Worker outcomes other than success.",
        )
        if rows
        else None,
        notes=_unseen_note(marks),
    )


def live_tail(
    outcomes: Mapping[str, int],
    *,
    watched_s: float,
    exceptions: Sequence[tuple[str, int]] = (),
    sampled: bool = False,
    failed: int = 0,
    why_empty: str = "",
) -> Panel:
    """
    Return what the worker's live tail showed: events by outcome, and the exceptions in them.

    Parameters
    ----------
    outcomes
        Outcome word of the tail (``ok``, ``exception``, ``exceededCpu``, …) → events.
    exceptions
        (text, count) of exceptions, most frequent first; strangers' text.
    sampled
        The tail said that it is sampling: shares hold, counts do not.
    failed
        Of those that ended ``ok``, how many answered with a 5xx.
    """
    question = "What does the Worker do right now?"
    total = sum(outcomes.values())
    if total <= 0:
        return no_data("live-tail", question, why_empty, what="events in the live tail")
    good = sum(n for word, n in outcomes.items() if word in ("ok", "success"))
    gone = outcomes.get("canceled", 0)
    bad = total - good - gone
    ranked = sorted(outcomes.items(), key=lambda item: (-item[1], item[0]))
    worst = next((word for word, _ in ranked if word not in ("ok", "success", "canceled")), "")
    title = (
        f"{percent(bad / total)} of {count(total, 'event')} end badly, most with {name(worst)}"
        if bad
        else f"None of {count(total, 'event')} of the live tail ended badly"
        if gone
        else f"All {count(total, 'event')} of the live tail ended without an exception"
    )
    if failed:
        title += f"; {failed} answered with a 5xx"
    drawn = ranked[:8]

    def draw(figure: Figure, axes: Axes) -> None:
        at = -np.arange(len(drawn))
        axes.grid(visible=False)
        for y, (word, n) in zip(at, drawn, strict=True):
            fine = word in ("ok", "success", "canceled")
            color = style.GREY if word == "canceled" else "#a9c9dd" if fine else style.VERMILION
            axes.barh(
                [y], [n], height=0.66, color=color, hatch=None if fine else "xxx", edgecolor=style.CARD, linewidth=0.4
            )  # fmt: skip
            style.word(axes, n + 0.012 * drawn[0][1], float(y), f"{n:,}  ({percent(n / total)})", va="center")
        axes.set_xlim(0, 1.3 * drawn[0][1])
        axes.set_ylim(-len(drawn) + 0.4, 0.6)
        axes.set_yticks(at, [style.plot_text(word, 26) for word, _ in drawn], parse_math=False)
        axes.tick_params(axis="both", length=0)
        style.ticks_at(axes.xaxis, [])
        style.subject(axes, f"events of the live tail in {watched_s:.0f} s, by outcome")
        style.place(figure, axes, left_in=1.9, bottom_in=0.15)

    return Panel(
        id="live-tail",
        question=question,
        title=title,
        sentence=f"{count(total, 'event')} in {watched_s:.0f} s: {good:,} ended without an exception "
        f"({failed:,} of them with a 5xx), {bad:,} did not"
        + (f", {gone:,} {'was' if gone == 1 else 'were'} given up by the client." if gone else "."),
        png=style.picture(0.75 + 0.33 * len(drawn), draw),
        alt="Bars: " + "; ".join(f"{name(word)} {n}" for word, n in drawn),
        table=Table(
            columns=(Column(name="exception", telemetry=True), Column(name="events", align="right")),
            rows=tuple((text, n) for text, n in exceptions[:20]),
            caption="Exceptions seen in the tail.",
        )
        if exceptions
        else None,
        notes=("The tail was sampled: shares hold, counts are too low.",) if sampled else (),
    )


def _unseen_note(marks: Marks) -> tuple[str, ...]:
    return ("Hatched spans were not seen: nothing there does not mean calm.",) if marks.unseen else ()
