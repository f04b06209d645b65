"""Requests and how many of them failed, minute by minute, from the vantage point that sees most."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from ._once import once
from .case import Case, observation_ids

FAILED_FROM = 500
"""An HTTP status from here on is the platform's failure; 4xx are the clients' own or turned away."""

LATE = timedelta(minutes=2)
"""The edge's analytics under-count their last minutes (contract third-party A8)."""


@dataclass(frozen=True, kw_only=True)
class Requests:
    """
    Attributes
    ----------
    vantage
        ``edge`` (Cloudflare's analytics, sampled and scaled up) or ``logs`` (request-log entries seen).
    minutes
        Columns ``at`` (minute), ``route``, ``requests``, ``failing``; oldest first.
    evidence
        Observation ids.
    """

    vantage: str
    minutes: pl.DataFrame
    evidence: tuple[str, ...]

    def total(self, start: datetime, end: datetime) -> tuple[float, float]:
        """Return (requests, failing) from *start* to *end*, end excluded."""
        span = self.minutes.filter(pl.col("at").is_between(start, end, closed="left"))
        return float(span.get_column("requests").sum()), float(span.get_column("failing").sum())

    def by_route(self, start: datetime, end: datetime) -> pl.DataFrame:
        """Return ``route``, ``requests``, ``failing``, ``share`` from *start* to *end*, most failing first."""
        return (
            self.minutes.filter(pl.col("at").is_between(start, end, closed="left"))
            .group_by("route")
            .agg(pl.col("requests").sum(), pl.col("failing").sum())
            .with_columns(share=pl.col("failing") / pl.col("requests"))
            .sort(["failing", "route"], descending=[True, False])
        )


@once
def requests(case: Case) -> Requests | None:
    """
    Return the requests of *case*, or None when no vantage point saw any inside the window.

    The edge is asked first: it counts what reached nobody else. If it lied or was cut, the logs stand
    beside it in `findings.contradictions`.
    """
    edge = case.frames.edge
    if edge.filter(pl.col("at") >= case.window.start).height:
        minutes = (
            edge.with_columns(failed=pl.when(pl.col("status") >= FAILED_FROM).then(pl.col("requests")).otherwise(0.0))
            .group_by(pl.col("at").dt.truncate("1m"), "route")
            .agg(pl.col("requests").sum(), pl.col("failed").sum().alias("failing"))
            .sort(["at", "route"])
        )
        return Requests(vantage="edge", minutes=minutes, evidence=observation_ids(edge))
    return logged(case)


@once
def logged(case: Case) -> Requests | None:
    """Return the requests that the logs tell of, or None when they tell of none inside the window."""
    frame = case.bad_requests
    if not frame.filter(pl.col("at") >= case.window.start).height:
        return None
    minutes = (
        frame.with_columns(route=route_of(pl.coalesce("url", "component", "service")))
        .group_by(pl.col("at").dt.truncate("1m"), "route")
        .agg(
            pl.len().cast(pl.Float64).alias("requests"),
            pl.col("failed").sum().cast(pl.Float64).alias("failing"),
        )
        .sort(["at", "route"])
    )
    return Requests(vantage="logs", minutes=minutes, evidence=observation_ids(frame))


def route_of(url: pl.Expr) -> pl.Expr:
    """Return the path of *url* with ids, numbers and long tokens as ``:id``, at most 120 characters."""
    return (
        url.str.slice(0, 400)
        .str.replace(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", "")
        .str.replace(r"[?#](?s:.*)$", "")
        .str.replace_all(r"/(?:\d+|[0-9a-fA-F-]{8,}|[A-Za-z0-9_-]{24,})(/|$)", "/:id$1")
        .str.slice(0, 120)
        .replace("", "/")
    )


def z_score(failing_1: float, requests_1: float, failing_0: float, requests_0: float) -> float:
    """
    Return the two-proportion z statistic of the second span's share against the first's.

    Pooled, with half an observation added to each count (Agresti and Caffo 2000), so that zeros work.
    """
    n_1, n_0 = requests_1 + 1.0, requests_0 + 1.0
    p_1, p_0 = (failing_1 + 0.5) / n_1, (failing_0 + 0.5) / n_0
    pooled = (failing_1 + failing_0 + 1.0) / (n_1 + n_0)
    spread = math.sqrt(max(pooled * (1 - pooled), 1e-12) * (1 / n_1 + 1 / n_0))
    return (p_1 - p_0) / spread


def poisson_z(got: float, expected: float) -> float:
    """Return the square-root z of a count against its expectation (variance-stabilised, Anscombe 1948)."""
    return 2 * (math.sqrt(got + 0.375) - math.sqrt(expected + 0.375))


def spans(case: Case) -> tuple[datetime, datetime, datetime, datetime]:
    """
    Return (before start, before end, after start, after end) around the onset, or around the window's
    last quarter when there is none.

    A margin of the onset's uncertainty (at most 5 minutes) is left out before it, and the edge's late
    minutes after it.
    """
    if case.onset is not None:
        margin = timedelta(seconds=min(300.0, max(30.0, case.onset.uncertainty_s)))
        before_end, after_start = case.onset.at - margin, case.onset.at
    else:
        before_end = after_start = case.window.end - min(timedelta(minutes=15), case.window.duration / 4)
    after_end = max(case.now - LATE, after_start + timedelta(minutes=1))
    return before_end - timedelta(hours=2), before_end, after_start, min(after_end, case.now)
