"""Did answers get slower, where, since when, and where does the time go?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._compare import Shift, shift
from ._requests import route_of, spans
from .case import Case, observation_ids

RULE = "latency"
SIGNALS = ("latency_high", "latency_normal")
POINTS_MIN = 20
"""Fewer measurements since the onset say nothing about a 95th percentile."""
COMPARED_MIN = 30
Z_CLEAR = 4.5
"""Rank-sum z from which "slower" is no chance (three in a million)."""
SLOWER_SHARE = 0.15
"""Share of answers above their route's own earlier P95 from which they are slower; 0.05 without a change."""
NORMAL_SHARE = 0.11
ROWS = 20
DATABASE = ("database", "db", "postgres", "postgresql", "sql", "hyperdrive")

Part = Literal["database", "cache and storage", "external", "worker", "network or queue"]


@dataclass(frozen=True, kw_only=True)
class Durations:
    """
    Attributes
    ----------
    points
        ``at``, ``value`` (milliseconds), ``group`` (route or service).
    vantage
        ``metrics``, ``logs`` or ``spans``.
    by
        What ``group`` is.
    """

    points: pl.DataFrame
    vantage: str
    by: str
    evidence: tuple[str, ...]


def durations(case: Case) -> Durations | None:
    """
    Return response times from the vantage point that saw most of the window, None when nobody saw any.

    APM's metric where it is not blind (in ordinary operation it is, trap 9), else requests in the logs, else
    spans. Which one it was is part of the finding.
    """
    start = case.window.start
    metrics = case.frames.metrics.filter((pl.col("name") == "response_time") & (pl.col("value") >= 0))
    named = pl.coalesce("route", "service")
    found = [
        Durations(
            points=metrics.select("at", "value", route_of(named).alias("group")),
            vantage="metrics",
            by="route",
            evidence=observation_ids(metrics.filter(pl.col("at") >= start)),
        )
    ]
    logged = case.bad_requests.filter(pl.col("duration_ms") >= 0)
    found.append(
        Durations(
            points=logged.select(
                "at",
                pl.col("duration_ms").alias("value"),
                route_of(pl.coalesce("url", "component", "service")).alias("group"),
            ),
            vantage="logs",
            by="route",
            evidence=observation_ids(logged.filter(pl.col("at") >= start)),
        )
    )
    calls = case.frames.spans
    found.append(
        Durations(
            points=calls.select("at", pl.col("duration_ms").alias("value"), pl.col("service").alias("group")),
            vantage="spans",
            by="service",
            evidence=observation_ids(calls.filter(pl.col("at") >= start)),
        )
    )
    _, _, after_start, after_end = spans(case)
    for one in found:
        if one.points.filter(pl.col("at").is_between(after_start, after_end)).height >= POINTS_MIN:
            return one
    return None


def latency(case: Case) -> RuleResult:
    """
    Compare response times since the onset with before, route by route, and with the limit of P95.

    `NotChecked` when no vantage point saw the time since the onset. APM's summary is never looked at: it sees
    the oldest thousand points and gives a maximum as P95 (traps 9, 28). A source that lied constantly shows
    no change and, under the limit, at most "as before"; an empty one is not checked; a late one lacks the
    newest minutes; one that was cut has few points and says nothing below `POINTS_MIN`. Logs hold a sample
    of the requests: percentiles are of what was logged.
    """
    seen = durations(case)
    if seen is None:
        return NotChecked(
            rule=RULE,
            because="no response times since then were seen: "
            + case.why_missing("apm/metrics/response_time", "logs/service", "r2/archive"),
        )
    before_start, before_end, after_start, after_end = spans(case)
    moved = shift(seen.points, (before_start, before_end), (after_start, after_end))
    after = seen.points.filter(pl.col("at").is_between(after_start, after_end, closed="left"))
    p95, p99 = (float(after.get_column("value").quantile(q, "linear") or 0.0) for q in (0.95, 0.99))
    limit = case.settings.thresholds.p95_ms
    compared = min(moved.n_before, moved.n_after) >= COMPARED_MIN
    slower = compared and moved.z >= Z_CLEAR and moved.slower_share >= SLOWER_SHARE
    over = p95 > limit
    before_words = f", {_before(seen, before_start, before_end):,.0f} ms before" if compared else ""
    data: dict[str, Any] = {
        "vantage": seen.vantage,
        "p95_ms": p95,
        "p99_ms": p99,
        "limit_ms": limit,
        "measurements": after.height,
        "slower_share": moved.slower_share,
        "z": moved.z,
        "since": after_start.isoformat(),
        "by": seen.by,
        "groups": _rows(moved),
        "parts": where_time_goes(case),
    }
    if slower or (over and not compared):
        strength = min(1.0, max(0.5, 0.4 + moved.slower_share)) if slower else 0.6
        return [_high(seen, moved, data, strength, before_words, over=over, at=after_start if slower else None)]
    found = [
        Finding(
            id=f"{RULE}/as-before",
            rule=RULE,
            claim=f"P95 of response times is {p95:,.0f} ms since {after_start:%H:%M} UTC{before_words},"
            f" from {seen.vantage}: " + ("over the limit, but no slower than before" if over else "under the limit"),
            severity=Severity.WARNING if over else Severity.INFO,
            evidence=seen.evidence,
            signals=(Signal(name="latency_normal"),)
            if compared and moved.slower_share <= NORMAL_SHARE and not over
            else (),
            data=data,
        )
    ]
    return found


def _high(
    seen: Durations,
    moved: Shift,
    data: dict[str, Any],
    strength: float,
    before_words: str,
    *,
    over: bool,
    at: datetime | None,
) -> Finding:
    worst = [row for row in data["groups"] if (row["z"] or 0) >= Z_CLEAR / 2]
    where = f", most “{worst[0]['group']}”" if worst else ""
    changed = (
        f"{moved.slower_share:.0%} of answers are slower than nearly all were before ({seen.vantage})"
        if at is not None
        else f"answers are slow ({seen.vantage}; nothing to compare with)"
    )
    return Finding(
        id=f"{RULE}/high",
        rule=RULE,
        claim=f"P95 is {data['p95_ms']:,.0f} ms{before_words}: {changed}{where}",
        severity=Severity.CRITICAL if over else Severity.WARNING,
        at=at,
        evidence=seen.evidence,
        signals=(Signal(name="latency_high", strength=strength),),
        data=data,
    )


def _before(seen: Durations, start: datetime, end: datetime) -> float:
    values = seen.points.filter(pl.col("at").is_between(start, end, closed="left")).get_column("value")
    return float(values.quantile(0.95, "linear") or 0.0)


def _rows(moved: Shift) -> list[dict[str, Any]]:
    return [
        {
            "group": row["group"],
            "measurements": int(row["n_after"]),
            "p95_before_ms": row["p95_before"],
            "p95_ms": row["p95_after"],
            "p99_ms": row["p99_after"],
            "ratio_of_medians": row["ratio"],
            "z": row["z"],
        }
        for row in moved.groups.head(ROWS).iter_rows(named=True)
    ]


def where_time_goes(case: Case) -> list[dict[str, Any]]:
    """
    Return where the time of calls between services goes, most risen first; ``[]`` when no spans were seen.

    Each row: ``service``, ``part`` (`Part`), ``calls``, ``before_ms`` and ``after_ms`` (means). A service's own
    time includes what it waits for its callees, so the deepest service that rose is where the time goes; what
    the caller measured beyond the server's time is ``network or queue``.
    """
    before_start, before_end, after_start, after_end = spans(case)
    calls = case.frames.spans.filter(pl.col("duration_ms") >= 0)
    later = calls.filter(pl.col("at").is_between(after_start, after_end, closed="left"))
    if later.is_empty():
        return []
    earlier = calls.filter(pl.col("at").is_between(before_start, before_end, closed="left"))
    own = set(case.settings.services) | set(case.frames.logs.get_column("service").drop_nulls().unique())
    callers = set(calls.get_column("caller").drop_nulls().unique())
    waits = (pl.col("client_ms") - pl.col("duration_ms")).clip(lower_bound=0).mean()
    rows = []
    for name, part in (("duration_ms", None), ("wait", "network or queue")):
        measure = pl.col("duration_ms").mean() if part is None else waits
        sides = [
            f.group_by("service").agg(pl.len().alias("calls"), measure.alias(name)).sort("service")
            for f in (earlier, later)
        ]
        joined = sides[1].join(sides[0], on="service", how="left", suffix="_before")
        rows += [
            {
                "service": row["service"],
                "part": part or _part(row["service"], own, callers),
                "calls": row["calls"],
                "before_ms": row[f"{name}_before"],
                "after_ms": row[name],
            }
            for row in joined.iter_rows(named=True)
            if row[name] is not None
        ]
    rows.sort(key=lambda r: (-(r["after_ms"] - (r["before_ms"] or 0.0)), r["service"], r["part"]))
    return rows[:ROWS]


def _part(service: str, own: set[str], callers: set[str]) -> Part:
    if service.lower() in DATABASE:
        return "database"
    if service.lower() in ("cache", "kv", "storage", "r2", "redis"):
        return "cache and storage"
    return "worker" if service in own or service in callers else "external"
