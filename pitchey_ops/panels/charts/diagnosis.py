"""What it is most likely, and where it sits: hypotheses weighed, suspects ranked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...models.finding import Finding
from ...models.report import HypothesisScore, Suspect
from .. import style
from ..base import Column, Panel, Table, no_data
from ..words import name, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def hypotheses(
    scores: Sequence[HypothesisScore],
    findings: Sequence[Finding] = (),
    *,
    titles: Mapping[str, str] | None = None,
    why_empty: str = "",
    shown: int = 8,
) -> Panel:
    """
    Return every likely cause with what speaks for (right) and against it (left), in decibans.

    Parameters
    ----------
    scores
        Best first, as in the report.
    findings
        Spell out the ids in ``parts`` of the first three.
    titles
        Hypothesis id → how a person says it.
    """
    question = "What is it most likely, and what speaks against it?"
    if not scores:
        return no_data("hypotheses", question, why_empty, what="hypotheses")
    say = {score.id: (titles or {}).get(score.id, score.id.replace("_", " ")) for score in scores}
    claims = {finding.id: finding.claim for finding in findings}
    first = scores[0]
    lead = first.weight - scores[1].weight if len(scores) > 1 else float("inf")
    title = f"{_upper(say[first.id])}: {percent(first.confidence)} likely"
    if len(scores) > 1:
        ahead = f"{lead:.0f} decibans ahead of" if lead >= 1 else "hardly ahead of"
        title += f", {ahead} “{say[scores[1].id]}”"
    drawn = scores[:shown]
    for_, against = np.zeros(len(drawn)), np.zeros(len(drawn))
    for at, score in enumerate(drawn):
        values = [value for _, value in score.parts if math.isfinite(value)]
        if values:
            for_[at], against[at] = sum(v for v in values if v > 0), sum(v for v in values if v < 0)
        elif math.isfinite(score.weight):
            (for_ if score.weight > 0 else against)[at] = score.weight

    def draw(figure: Figure, axes: Axes) -> None:
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x", color=style.GRID, linewidth=0.8)
        y = -np.arange(len(drawn))
        axes.barh(y, for_, height=0.62, color=style.BLUE, linewidth=0)
        axes.barh(y, against, height=0.62, color=style.ORANGE, hatch="///", edgecolor=style.CARD, linewidth=0.4)
        axes.axvline(0, color=style.INK, linewidth=1)
        reach = max(float(for_.max(initial=0)), 5.0), max(float(-against.min(initial=0)), 5.0)
        room = 0.16 * sum(reach)
        for at, score in enumerate(drawn):
            style.word(axes, float(for_[at]) + 0.01 * sum(reach), float(y[at]), percent(score.confidence), va="center")
        axes.set_xlim(-reach[1] * 1.05, reach[0] + room)
        axes.set_ylim(-len(drawn) + 0.4, 0.6)
        style.row_names(axes, [style.plot_text(say[score.id], 32) for score in drawn])
        axes.set_xlabel(
            "◀ against     decibans     for ▶",
            fontsize=style.FONT_SIZE - 1,
            color=style.MUTED,
            parse_math=False,
        )
        style.subject(axes, "evidence for and against each cause")
        style.place(figure, axes, left_in=2.5, bottom_in=0.52)

    rows: list[tuple[str, str, float | None, str]] = []
    for place, score in enumerate(drawn[:3], start=1):
        head = f"{place}. {say[score.id]}"
        for finding, value in score.parts[:6]:
            rows.append((head, "for" if value > 0 else "against", value, claims.get(finding, finding)))
        if not score.parts:
            rows.append((head, "–", None, "no finding speaks for or against it"))
        rows += [(head, "not checked", None, rule) for rule in score.not_checked[:4]]
    left = len(scores) - len(drawn)
    return Panel(
        id="hypotheses",
        question=question,
        title=title,
        sentence=(
            "Bars to the right speak for a cause, hatched bars to the left against it (ten decibans are ten times "
            "as likely); the figure at each bar is how likely it is, all evidence together."
        ),
        png=style.picture(0.95 + 0.36 * len(drawn), draw),
        alt="Bars for and against: "
        + "; ".join(
            f"{say[score.id]} {percent(score.confidence)} (+{f:.0f}, {a:.0f} decibans)"
            for score, f, a in zip(drawn, for_, against, strict=True)
        ),
        table=Table(
            columns=(
                Column(name="cause"),
                Column(name="speaks"),
                Column(name="decibans", align="right"),
                Column(name="finding", claim=True),
            ),
            rows=tuple(rows),
            caption="The first three causes, with what weighs most.",
        ),
        notes=(f"{left} less likely causes are not drawn.",) if left > 0 else (),
    )


def suspects(ranked: Sequence[Suspect], findings: Sequence[Finding] = (), *, why_empty: str = "") -> Panel:
    """Return the services where the fault may sit, best first, each with what speaks for it."""
    question = "Where does the fault sit?"
    usable = [one for one in ranked if math.isfinite(one.score)]
    if not usable:
        return no_data("suspects", question, why_empty, what="suspects")
    claims = {finding.id: finding.claim for finding in findings}
    first = usable[0]
    title = f"First suspect: {name(first.service)} (score {first.score:.2f})"
    if len(usable) > 1:
        title += f", then {name(usable[1].service)} ({usable[1].score:.2f})"
    drawn = usable[:8]
    scores = np.array([one.score for one in drawn])

    def draw(figure: Figure, axes: Axes) -> None:
        axes.grid(visible=False)
        y = -np.arange(len(drawn))
        colors = [style.VERMILION] + [style.GREY] * (len(drawn) - 1)
        axes.barh(y, scores, height=0.62, color=colors, linewidth=0)
        high = max(float(scores.max()), 1e-9)
        for at, value in zip(y, scores, strict=True):
            style.word(axes, max(0.0, float(value)) + 0.012 * high, float(at), f"{value:.2f}", va="center")
        axes.set_xlim(min(0.0, float(scores.min())) * 1.05, 1.15 * high)
        axes.set_ylim(-len(drawn) + 0.4, 0.6)
        style.row_names(axes, [style.plot_text(one.service, 30) for one in drawn])
        axes.tick_params(axis="x", length=0)
        style.ticks_at(axes.xaxis, [])
        style.subject(axes, "how strongly signals point at each service (0 to 1)")
        style.place(figure, axes, left_in=2.2, bottom_in=0.15)

    left = len(usable) - len(drawn)
    return Panel(
        id="suspects",
        question=question,
        title=title,
        sentence="A score says how strongly all signals together point at a service; it is no probability.",
        png=style.picture(0.75 + 0.33 * len(drawn), draw),
        alt="Bars: " + "; ".join(f"{name(one.service)} {one.score:.2f}" for one in drawn),
        table=Table(
            columns=(
                Column(name="place", align="right"),
                Column(name="service", telemetry=True),
                Column(name="score", align="right"),
                Column(name="because", claim=True),
            ),
            rows=tuple(
                (place, one.service, round(one.score, 3), "; ".join(claims.get(b, b) for b in one.because[:4]))
                for place, one in enumerate(usable[:15], start=1)
            ),
            caption="Suspects, most suspicious first.",
        ),
        notes=(f"{left} weaker suspects are not drawn.",) if left > 0 else (),
    )


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]
