"""A window in five figures, and two windows beside one another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from ...findings._requests import requests
from ..base import Cell, Column, Panel, Table
from ..view import View
from ..words import clock

ERROR_LEVELS = ("error", "fatal", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """
    What one window held; None where nothing shows it, which is not zero.

    Attributes
    ----------
    failing_share
        Share (0-1) of requests that failed.
    """

    requests_per_min: float | None
    failing_share: float | None
    errors_per_min: float | None
    p95_ms: float | None
    entries: int


def figures(view: View) -> Figures:
    """Return the figures of the view's window, from the vantage point that sees most."""
    case, window = view.case, view.case.window
    minutes = window.duration / timedelta(minutes=1)
    logs = case.frames.logs.filter(pl.col("at").is_between(window.start, window.end, closed="left"))
    errors = logs.filter(pl.col("level").is_in(ERROR_LEVELS)).height
    seen = requests(case)
    total = None if seen is None else seen.total(window.start, window.end)
    return Figures(
        requests_per_min=None if total is None or total[0] <= 0 else total[0] / minutes,
        failing_share=None if total is None or total[0] <= 0 else total[1] / total[0],
        errors_per_min=errors / minutes if logs.height else None,
        p95_ms=_p95(view),
        entries=logs.height,
    )


def _p95(view: View) -> float | None:
    frames, window = view.case.frames, view.case.window
    inside = pl.col("at").is_between(window.start, window.end, closed="left")
    metrics = frames.metrics.filter(inside & (pl.col("name") == "response_time")).get_column("value")
    spans = frames.spans.filter(inside).get_column("duration_ms")
    logged = frames.logs.filter(inside & pl.col("status").is_not_null()).get_column("duration_ms")
    for series in (metrics, spans, logged):
        values = series.drop_nulls().drop_nans()
        if values.len() >= 20:
            return float(values.quantile(0.95) or 0.0)
    return None


def comparison(now: View, baseline: View, what: str) -> Panel:
    """Return the figures of two windows side by side; *what* says which window the baseline is."""
    a, b = figures(now), figures(baseline)
    rows: list[tuple[Cell, ...]] = [
        (name, show(one), show(other), _times(one, other))
        for name, show, one, other in (
            ("requests a minute", _number, a.requests_per_min, b.requests_per_min),
            ("failing share", _percent, a.failing_share, b.failing_share),
            ("error entries a minute", _number, a.errors_per_min, b.errors_per_min),
            ("p95 response time", _ms, a.p95_ms, b.p95_ms),
        )
    ]
    rows.append(("log entries seen", f"{a.entries:,}", f"{b.entries:,}", ""))
    share = "unknown" if a.failing_share is None else _percent(a.failing_share)
    before = "unknown" if b.failing_share is None else _percent(b.failing_share)
    span = baseline.case.window
    return Panel(
        id="comparison",
        question=f"How does it compare with {what}?",
        title=f"Failing share {share}, against {before} then",
        sentence=f"Baseline: {span.start:%d %b} {clock(span.start)} to {clock(span.end)}. Unknown is not zero.",
        table=Table(
            columns=(
                Column(name="figure"),
                Column(name="this window", align="right"),
                Column(name="baseline", align="right"),
                Column(name="change", align="right"),
            ),
            rows=tuple(rows),
        ),
    )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.1f}"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2%}"


def _ms(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f} ms"


def _times(now: float | None, before: float | None) -> str:
    if now is None or before is None:
        return "unknown"
    if before == 0:
        return "same" if now == 0 else "from nothing"
    return f"× {now / before:.2f}"
