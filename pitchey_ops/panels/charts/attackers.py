"""Who attacks, from where, with what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from .. import style
from ..base import Column, Panel, Table, no_data
from ..style import Marks
from ..words import count, name
from ._common import finite_max, grouped_bins, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackerRow:
    """
    One address with what it did.

    Attributes
    ----------
    accused
        True: proposed for a block. False: suspicious, listed and not accused.
    kinds
        Words of ours: brute force, injection, scraping, …
    touched
        Accounts or paths; strangers' text.
    """

    address: str
    accused: bool
    kinds: tuple[str, ...]
    events: int
    first_seen: datetime | None
    last_seen: datetime | None
    network: str = ""
    touched: tuple[str, ...] = ()
    evidence: str = ""
    succeeded: bool = False


def attackers(
    rows: Sequence[AttackerRow],
    marks: Marks,
    *,
    events: pl.DataFrame | None = None,
    looked: bool = False,
    why_empty: str = "",
    question: str = "Who attacks, from where, with what?",
    of: str = "",
    elsewhere: int = 0,
) -> Panel:
    """
    Return the accused and the suspicious addresses, most active first.

    Parameters
    ----------
    events
        ``at`` and ``ip`` of the events behind *rows*: draws them over time.
    looked
        True: the logs were seen and searched, so that no rows means nobody found.
    of
        What *rows* were chosen by, e.g. ``guessing passwords``: nobody found is then said of that alone.
    elsewhere
        Addresses that are accused of something else, and are not among *rows*.
    """
    of_it = f" of {of}" if of else ""
    others = (
        (f"{count(elsewhere, 'address is', 'addresses are')} accused of something else: see the other panels.",)
        if elsewhere
        else ()
    )
    if not rows and looked:
        return Panel(
            id="attackers",
            question=question,
            title=f"Nobody is suspected{of_it} in what was seen" if of else "No attacker found in what was seen",
            sentence=why_empty
            or (
                "Every address that was seen was judged by what it did."
                if of
                else "Sign-ins and requests were searched for attack behaviour; none stands out."
            ),
            notes=others,
        )
    if not rows:
        return no_data("attackers", question, why_empty, what="sign-ins or requests to search")
    ranked = sorted(rows, key=lambda row: (not row.succeeded, not row.accused, -row.events, row.address))
    accused = [row for row in ranked if row.accused]
    inside = [row for row in ranked if row.succeeded]
    if inside:
        title = f"{name(inside[0].address)} got in after failed tries; "
        title += f"{count(len(accused), 'address', 'addresses')} accused"
    elif accused:
        kinds = sorted({kind for row in accused for kind in row.kinds})
        title = f"{count(len(accused), 'address', 'addresses')} accused of {', '.join(kinds[:3]) or 'attacks'}; " + (
            f"{name(accused[0].address)} is the most active"
        )
    else:
        title = f"Nobody is accused{of_it}; {count(len(ranked), 'address', 'addresses')} suspicious"
    figure = None
    if events is not None and not events.is_empty():
        # frames hold no lone surrogates; an address that a stranger made up may
        addresses = [row.address.encode("utf-8", "replace").decode("utf-8") for row in ranked]
        known = events.filter(pl.col("ip").is_in(addresses))
        figure = _events_png(known, marks) if not known.is_empty() else None
    left = len(ranked) - 100
    return Panel(
        id="attackers",
        question=question,
        title=title,
        sentence=(
            f"{len(accused)} accused, {len(ranked) - len(accused)} suspicious but not accused, "
            f"{count(sum(row.events for row in ranked), 'event')} in all."
        ),
        png=figure,
        alt="" if figure is None else f"Steps of attack events over time by address. {title}.",
        table=Table(
            columns=(
                Column(name="address", telemetry=True),
                Column(name="judged"),
                Column(name="what"),
                Column(name="events", align="right"),
                Column(name="got in"),
                Column(name="network", telemetry=True),
                Column(name="touched", telemetry=True),
                Column(name="first seen", unit="UTC"),
                Column(name="last seen", unit="UTC"),
                Column(name="evidence", telemetry=True),
            ),
            rows=tuple(
                (
                    row.address,
                    "accused" if row.accused else "suspicious",
                    ", ".join(row.kinds),
                    row.events,
                    "YES" if row.succeeded else "no",
                    row.network or None,
                    ", ".join(name(one, 40) for one in row.touched[:4])
                    + (f" and {len(row.touched) - 4} more" if len(row.touched) > 4 else "")
                    or None,
                    row.first_seen,
                    row.last_seen,
                    row.evidence or None,
                )
                for row in ranked[:100]
            ),
            caption="Addresses by what they did; those that got in first.",
        ),
        notes=(*((f"{left} more addresses are not shown.",) if left > 0 else ()), *others),
    )


def _events_png(events: pl.DataFrame, marks: Marks) -> bytes | None:
    width = style.bin_seconds(marks.window)
    starts, names, values, _ = grouped_bins(events, "ip", None, marks, width, top=5)
    if not names or not math.isfinite(values.sum()):
        return None
    edges = np.append(starts, starts[-1] + width)

    def draw(figure: Figure, axes: Axes) -> None:
        bottom = values[0] * 0
        handles = []
        for at, row in enumerate(values):
            seen = look(at, names[at])
            handles.append(style.steps(axes, bottom + row, edges, baseline=bottom, color=seen.color, hatch=seen.hatch))
            bottom = bottom + row
        labels = [style.plot_text(one) for one in names]
        style.subject(axes, f"attack events per {style.bin_words(width)}, by address")
        style.value_axis(axes, finite_max(bottom, 1.0), headroom=1.25, whole=True)
        style.time_axis(axes, marks)
        style.draw_marks(axes, marks)
        style.legend(axes, handles, labels, columns=3)
        style.place(figure, axes, rows=style.legend_rows(labels, 3))

    return style.picture(2.8, draw)
