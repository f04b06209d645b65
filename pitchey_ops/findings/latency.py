"""Did answers get slower, where, since when, and where does the time go?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ._compare import Shift, shift
from ._exact import exact_mean
from ._requests import route_of, spans
from ._slow_across import slow_across
from .case import Case, observation_ids

RULE = "latency"
SIGNALS = ("latency_high", "latency_normal", "slow_across_services")
POINTS_MIN = 20
"""Fewer measurements since the onset say nothing about a 95th percentile."""
FEW_MIN = 8
"""With so many since then, and nothing that dates a change, the quiet minutes before them are looked at, too."""
COMPARED_MIN = 30
Z_CLEAR = 4.5
"""Rank-sum z from which "slower" is no chance (three in a million)."""
SLOWER_SHARE = 0.15
"""Share of answers above their route's own earlier P95 from which they are slower; 0.05 without a change."""
FAR_SHARE = 0.1
"""Or share of them that are far above it (`_compare.FAR_RATIO`), as clearly more often than before."""
NORMAL_SHARE = 0.11
ROUTE_MIN = 10.0
"""Measurements on each side from which one route is judged by itself."""
ROUTE_RATIO = 2.0
ROUTE_BY_MS = 300.0
"""Its median must be so many times, and so much above, that before: a person feels that."""
FEW_BEFORE, FEW_AFTER = 5.0, 3.0
"""So few measurements of a route tell nothing by their ranks (three of eight, all above: one chance in fifty-six)."""
FEW_RATIO = 4.0
FEW_BY_MS = 1000.0
"""But where half of them take so many times as long as nearly all did before, and a second longer, it is not as before:
with a twentieth of all answers above that line by chance, two of three are in one case of a hundred, and so far above
it hardly ever."""
LONG_AGO = timedelta(hours=6)
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
    if case.frames.metrics.is_empty() and case.bad_requests.is_empty() and case.frames.spans.is_empty():
        return None
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
    *_, after_start, after_end = spans(case)
    for least in (POINTS_MIN, FEW_MIN if case.onset is None else POINTS_MIN):
        for one in found:
            since = one.points.filter(pl.col("at").is_between(after_start, after_end)).height
            if since >= least and len(_newest(one.points, case)) >= POINTS_MIN:
                return one
    return None


def _newest(points: pl.DataFrame, case: Case) -> list[datetime]:
    """
    Return when the measurements were taken that "since then" is about, newest first.

    All since the onset, or of the window's last quarter; in a quiet hour, where nothing dates a change and the last
    quarter has too few, so many of the window's newest as a 95th percentile needs.
    """
    *_, after_start, after_end = spans(case)
    at = points.get_column("at").drop_nulls().sort(descending=True)
    since = at.filter(at.is_between(after_start, after_end)).to_list()
    if len(since) >= POINTS_MIN or case.onset is not None:
        return since
    return at.filter(at.is_between(case.window.start, after_end)).head(POINTS_MIN).to_list()


def _why_unseen(case: Case) -> str:
    """Say why no response times could be judged: too few, or none, and what could not be asked."""
    *_, after_start, after_end = spans(case)
    answers = case.bad_requests.filter(
        (pl.col("duration_ms") >= 0) & pl.col("at").is_between(after_start, after_end, closed="left")
    ).height
    if answers:
        return f"only {answers} response times since then were seen: fewer than {POINTS_MIN} say nothing"
    return "no response times since then were seen: " + case.why_missing(
        "apm/metrics/response_time", "logs/service", "r2/archive"
    )


def latency(case: Case) -> RuleResult:
    """
    Compare response times since the onset with before, route by route, and with the limit of P95.

    `NotChecked` when no vantage point saw the time since the onset. APM's summary is never looked at: it sees
    the oldest thousand points and gives a maximum as P95 (traps 9, 28). A source that lied constantly shows
    no change and, under the limit, at most "as before"; an empty one is not checked; a late one lacks the
    newest minutes; one that was cut has few points and says nothing below `POINTS_MIN`, of which `FEW_MIN` must
    be new. Logs hold a sample of the requests: percentiles are of what was logged.
    """
    seen = durations(case)
    if seen is None:
        return NotChecked(rule=RULE, because=_why_unseen(case))
    before_start, before_end, after_start, after_end = spans(case)
    taken = _newest(seen.points, case)
    if taken[-1] < after_start:  # a quiet hour: before is what was before these
        before_end = after_start = taken[-1]
    moved = shift(seen.points, (before_start, before_end), (after_start, after_end))
    after = seen.points.filter(pl.col("at").is_between(after_start, after_end, closed="left"))
    p95, p99 = (float(after.get_column("value").quantile(q, "linear") or 0.0) for q in (0.95, 0.99))
    limit = case.settings.thresholds.p95_ms
    compared = min(moved.n_before, moved.n_after) >= COMPARED_MIN
    slower = compared and _slower(moved)
    over = p95 > limit
    before_words = f", {_before(seen, before_start, before_end):,.0f} ms before" if compared else ""
    data: dict[str, Any] = {
        "vantage": seen.vantage,
        "p95_ms": p95,
        "p99_ms": p99,
        "limit_ms": limit,
        "measurements": after.height,
        "slower_share": moved.slower_share,
        "far_share": moved.far_share,
        "z": moved.z,
        "since": after_start.isoformat(),
        "by": seen.by,
        "groups": _rows(moved),
        "parts": where_time_goes(case),
    }
    if slower or (over and not compared):
        strength = min(1.0, max(0.5, 0.4 + moved.slower_share)) if slower else 0.6
        together = slow_across(case, moved, (after_start, after_end)) if slower and seen.vantage == "logs" else ()
        at = after_start if slower else None
        return [_high(seen, moved, data, strength, before_words, over=over, at=at, together=together)]
    one = _one_route(moved)
    week = None if one is not None else _than_last_week(case)
    found = [
        Finding(
            id=f"{RULE}/as-before",
            rule=RULE,
            claim=f"P95 of response times is {p95:,.0f} ms since {after_start:%H:%M} UTC{before_words},"
            f" from {seen.vantage}: "
            + (
                _as_before(compared and _before(seen, before_start, before_end) <= limit) if over else "under the limit"
            ),
            severity=Severity.WARNING if over else Severity.INFO,
            evidence=seen.evidence,
            signals=(Signal(name="latency_normal"),)
            if compared and moved.slower_share <= NORMAL_SHARE and not over and one is None and week is None
            else (),
            data=data,
        )
    ]
    if one is not None:
        found.append(
            Finding(
                id=f"{RULE}/one-route",
                rule=RULE,
                claim=f"“{one['group']}” answers in {one['p50_after']:,.0f} ms (median of {one['n_after']:.0f}) since"
                f" {after_start:%H:%M} UTC, {one['p50_before']:,.0f} ms before; the whole is as before",
                severity=Severity.WARNING,
                at=after_start,
                evidence=seen.evidence,
                data={"route": one["group"], "ratio_of_medians": one["ratio"], "z": one["z"]},
            )
        )
    if week is not None:
        found.append(week)
    return found


def _slower(moved: Shift) -> bool:
    """Whether most answers take clearly longer than before, or clearly many take far longer."""
    most = moved.z >= Z_CLEAR and moved.slower_share >= SLOWER_SHARE
    return most or (moved.far_z >= Z_CLEAR and moved.far_share >= FAR_SHARE)


def _as_before(tail_rose: bool) -> str:
    """Return how it is over the limit: as ever, or by a few answers while most take as long as before."""
    return (
        "over the limit, by few answers: most take no longer than before"
        if tail_rose
        else "over the limit, but no slower than before"
    )


def _one_route(moved: Shift) -> dict[str, Any] | None:
    """
    Return the route that got slower most clearly where the whole did not: one of many, or one that few ask for.

    Of a route that few ask for only a few requests are logged, and an endpoint that nobody can use any more must not
    pass for "as before" because of that.
    """
    many = (
        (pl.min_horizontal("n_before", "n_after") >= ROUTE_MIN)
        & (pl.col("z") >= Z_CLEAR)
        & (pl.col("ratio") >= ROUTE_RATIO)
        & (pl.col("p50_after") - pl.col("p50_before") >= ROUTE_BY_MS)
    )
    few = (
        (pl.col("n_before") >= FEW_BEFORE)
        & (pl.col("n_after") >= FEW_AFTER)
        & (pl.col("p50_after") >= FEW_RATIO * pl.col("p95_before"))
        & (pl.col("p50_after") - pl.col("p95_before") >= FEW_BY_MS)
    )
    rows = moved.groups.filter(many | few)
    return rows.row(0, named=True) if rows.height else None


def _than_last_week(case: Case) -> Finding | None:
    """
    Return a finding where answers are slower than those of long before the window, which a store still shows.

    What got slow before anybody looked is as slow as before within what is looked at.
    """
    logged = case.bad_requests.filter(pl.col("duration_ms") >= 0).select(
        "at",
        pl.col("duration_ms").alias("value"),
        route_of(pl.coalesce("url", "component", "service")).alias("group"),
        "observation",
    )
    first = logged.get_column("at").min()
    if not isinstance(first, datetime) or case.window.start - first < LONG_AGO:
        return None
    half = case.window.end - case.window.duration / 2
    moved = shift(logged, (first, case.window.start - LONG_AGO), (half, case.end))
    one = _one_route(moved)
    if min(moved.n_before, moved.n_after) >= COMPARED_MIN and _slower(moved):
        worst = moved.groups.row(0, named=True)
        claim = (
            f"{moved.slower_share:.0%} of answers are slower than nearly all were on {first:%d %b}, most"
            f" “{worst['group']}”; nothing tells since when"
        )
    elif one is not None:
        claim = (
            f"“{one['group']}” answers in {one['p50_after']:,.0f} ms (median of {one['n_after']:.0f}),"
            f" {one['p50_before']:,.0f} ms since {first:%d %b}; nothing tells since when, and the whole is as before"
        )
    else:
        return None
    return Finding(
        id=f"{RULE}/last-week",
        rule=RULE,
        claim=claim,
        severity=Severity.WARNING,
        evidence=observation_ids(logged.filter(pl.col("at") >= half)),
        data={"slower_share": moved.slower_share, "z": moved.z, "than_last_week": _rows(moved)},
    )


def _high(
    seen: Durations,
    moved: Shift,
    data: dict[str, Any],
    strength: float,
    before_words: str,
    *,
    over: bool,
    at: datetime | None,
    together: tuple[str, ...],
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
        claim=f"P95 is {data['p95_ms']:,.0f} ms{before_words}: {changed}{where}"
        + (f"; {len(together)} services got slow at once, and others did not" if together else ""),
        severity=Severity.CRITICAL if over else Severity.WARNING,
        at=at,
        evidence=seen.evidence,
        signals=(
            Signal(name="latency_high", strength=strength),
            *((Signal(name="slow_across_services"),) if together else ()),
        ),
        data={**data, "slow_together": list(together)},
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
    waits = exact_mean((pl.col("client_ms") - pl.col("duration_ms")).clip(lower_bound=0))
    rows = []
    for name, part in (("duration_ms", None), ("wait", "network or queue")):
        measure = exact_mean(pl.col("duration_ms")) if part is None else waits
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
