"""
The APM service: metric points with what its cut hides, and a summary in which zero is no measurement.

``GET /apm/db-metrics`` has no handler and is never asked (contract); the ``db.*`` metrics come from the
same posts. ``/apm/trace`` reads 1,000 random spans and counts time-outs as success (trap 30): not asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any

import polars as pl

from ..errors import BadPayload
from ..frames import UTC_MS
from ..models.exchange import Exchange
from ..models.observation import Coverage, Observation
from ..models.window import Window
from .reading import (
    CUT_SUSPECTED,
    EARLIEST_MS,
    FUTURE_TOLERANCE_S,
    LATEST_MS,
    Reading,
    asked,
    count,
    from_ms,
    json_of,
    latest_ms,
    mapping,
    moment_ms,
    number,
    text_of,
    visibility,
)
from .source import Source

METRIC_NAMES = (
    "response_time",
    "error_rate",
    "span.duration",
    "db.connection_pool_size",
    "db.active_connections",
    "db.query_time.avg",
    "db.error_rate",
    "web.lcp",
    "web.fid",
    "web.cls",
    "web.ttfb",
)
"""Metric names that the platform writes (contract). ``web.inp`` and ``web.fcp`` are not among them."""

RETIRED_VITALS = frozenset({"web.fid"})
"""Replaced by INP as a Core Web Vital in March 2024; still recorded (contract, trap 13)."""

POINTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": UTC_MS,
    "name": pl.String,
    "value": pl.Float64,
    "service": pl.String,
    "route": pl.String,
    "device": pl.String,
    "unit": pl.String,
    "caller": pl.String,
    "operation": pl.String,
    "trace_id": pl.String,
    "client_ms": pl.Float64,
    "observation": pl.String,
}
"""Metric points with the tags that make some of them spans; `tables.build` parts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPage:
    """
    What one answer holds of a metric.

    Attributes
    ----------
    points
        Columns `POINTS`, oldest first: every usable point of the answer, also those before the window.
    points_read
        Points in the answer, usable or not.
    rejected
        Unusable points by reason: ``not_an_object``, ``other_name``, ``not_a_number`` (text, null, NaN),
        ``no_time``, ``past``, ``future``.
    """

    name: str
    points: pl.DataFrame
    points_read: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePost:
    """
    ``summary.database``: the newest of the **oldest** 1,000 posts (contract, trap 12).

    Times in milliseconds, rates 0-1; None where the answer has no number. ``stale`` when `at` is older than
    the setting ``stale_after_s``, missing, or in the future: then it says nothing about now.
    """

    at: datetime | None
    age_s: float | None
    stale: bool
    pool_size: int | None
    active: int | None
    idle: int | None
    queries: int | None
    slow_queries: int | None
    query_avg_ms: float | None
    query_p95_ms: float | None
    query_p99_ms: float | None
    error_rate: float | None
    deadlocks: int | None
    lock_waits: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApmSummary:
    """
    ``/apm/summary``, with every zero that may be no measurement as None (contract, trap 10).

    Only good for showing that it contradicts others: it sees the oldest 1,000 points of each metric, its
    p95 is the maximum for up to 20 samples (trap 28) and gives no sample count, and its Web Vitals come from
    the alphabetically first 100 keys of a month (trap 29).
    """

    response_avg_ms: float | None
    response_p95_ms: float | None
    response_p99_ms: float | None
    error_rate_current: float | None
    error_rate_avg: float | None
    database: DatabasePost | None
    vitals: Mapping[str, float]
    vitals_samples: int | None
    start: datetime | None
    end: datetime | None


class Apm(Source):
    """Reads of ``/apm/*`` that answer at all and have no side effect."""

    name = "apm"

    async def metrics(self, metric: str) -> Observation[MetricPage]:
        """
        Read all that the service can see of *metric*, without start and end so that runs can share it.

        ``blind`` when the cut hides the whole window: with a point a minute, after 16.7 hours (trap 9).
        """
        return await self.read(
            "metrics",
            metric,
            "/apm/metrics",
            partial(read_points, window=self.window, metric=metric),
            [("name", metric)],
            timeout_s=self.settings.logs_timeout_s,
        )

    async def summary(self) -> Observation[ApmSummary]:
        """Read the summary over the window's length; see `ApmSummary` for how little it proves."""
        stale_after_s = self.settings.thresholds.stale_after_s
        return await self.read(
            "summary",
            "all",
            "/apm/summary",
            partial(read_summary, stale_after_s=stale_after_s),
            [("timeWindow", str(self.window.end_ms - self.window.start_ms))],
            timeout_s=self.settings.logs_timeout_s,
        )


def read_points(exchange: Exchange, window: Window, *, metric: str) -> Reading[MetricPage]:
    """
    Read an answer of ``/apm/metrics``.

    An empty answer is ``no_data``, never calm: the service answers ``[]`` also when its store fails.

    Raises
    ------
    BadPayload
        Not a bare list.
    """
    items = json_of(exchange, "list")
    points, rejected = parse_points(
        items, newest_ms=latest_ms(exchange.at, window), observation=exchange.key, metric=metric
    )
    times = points["at"].dt.epoch("ms")
    seen_start = from_ms(int(times[0])) if points.height else None
    seen_end = from_ms(int(times[-1])) if points.height else None
    status, coverage = visibility(
        window,
        at=exchange.at,
        seen_start=seen_start,
        seen_end=seen_end,
        in_window=int(times.is_between(window.start_ms, window.end_ms, closed="left").sum()),
        cut=len(items) >= CUT_SUSPECTED,
        rejected=rejected.total(),
    )
    if not items:
        coverage = replace(coverage, share=None)
    page = MetricPage(name=metric, points=points, points_read=len(items), rejected=dict(sorted(rejected.items())))
    said = []
    if status == "blind":
        newest = f"{seen_end:%Y-%m-%d %H:%M:%S} UTC" if seen_end else "nothing usable"
        said.append(f"blind: only the oldest {len(items):,} points were read, the newest of them is {newest}")
    if status == "no_data":
        said.append("no points in the window, which is also what a failing store answers")
    if page.rejected:
        said.append("not usable: " + ", ".join(f"{n:,} {why}" for why, n in page.rejected.items()))
    return Reading(value=page, status=status, coverage=coverage, detail="; ".join(said))


def parse_points(
    items: Iterable[Any], *, newest_ms: int, observation: str, metric: str | None = None
) -> tuple[pl.DataFrame, Counter[str]]:
    """
    Sort out metric points; return columns `POINTS`, oldest first, and what was rejected by reason.

    A value that is text (``"200"``), null or not finite is rejected, never guessed: one such value turned
    an average of 150 into 147,972 (contract, trap 27).
    """
    rejected: Counter[str] = Counter()
    kept: list[tuple[int, str, float, Mapping[str, Any], Any]] = []
    for item in items:
        if not isinstance(item, dict):
            rejected["not_an_object"] += 1
            continue
        name, value, time_ms = item.get("name"), item.get("value"), item.get("timestamp")
        if type(value) is not float or not -1e300 < value < 1e300:  # nearly all are plain numbers
            value = number(value)
        if type(time_ms) is not int:
            time_ms = number(time_ms)
        if not isinstance(name, str) or (metric is not None and name != metric):
            rejected["other_name"] += 1
        elif value is None:
            rejected["not_a_number"] += 1
        elif time_ms is None:
            rejected["no_time"] += 1
        elif time_ms < EARLIEST_MS:
            rejected["past"] += 1
        elif time_ms > min(newest_ms, LATEST_MS):
            rejected["future"] += 1
        else:
            kept.append((int(time_ms), name, value, mapping(item.get("tags")), item.get("unit")))
    kept.sort(key=itemgetter(0))
    times, names, values, tags, units = zip(*kept, strict=True) if kept else ((),) * 5
    routes = [one.get("endpoint") for one in tags]
    columns: dict[str, Iterable[Any]] = {
        "name": names,
        "value": values,
        "route": [text_of(one.get("url") if route is None else route) for one, route in zip(tags, routes, strict=True)],
        "unit": [text_of(unit) for unit in units],
        "client_ms": [number(one.get("client_ms")) for one in tags],
        "observation": [observation] * len(kept),
        **{column: [text_of(one.get(tag)) for one in tags] for column, tag in _TAGS.items()},
    }
    at = pl.Series("at", times, dtype=pl.Int64).cast(UTC_MS)
    frame = pl.DataFrame([at, *(pl.Series(name, columns[name], dtype=POINTS[name]) for name in POINTS if name != "at")])
    return frame, rejected


_TAGS = {
    "service": "service",
    "device": "deviceType",
    "caller": "caller",
    "operation": "operation",
    "trace_id": "traceId",
}
"""Columns by the tag that they hold."""


def read_summary(exchange: Exchange, *, stale_after_s: float) -> Reading[ApmSummary]:
    """
    Read an answer of ``/apm/summary``; ``no_data`` when nothing in it is a measurement.

    Raises
    ------
    BadPayload
        Neither ``responseTime`` nor ``errorRate`` nor ``database`` nor ``webVitals`` is there.
    """
    value = json_of(exchange, "object")
    if not any(key in value for key in ("responseTime", "errorRate", "database", "webVitals")):
        raise BadPayload(f"{asked(exchange)}: none of the summary's parts is there. Nothing was read.")
    response, errors = mapping(value.get("responseTime")), mapping(value.get("errorRate"))
    vitals, span = mapping(value.get("webVitals")), mapping(value.get("timeRange"))
    samples = count(vitals.get("sampleSize"))
    summary = ApmSummary(
        response_avg_ms=_measured(response.get("average")),
        response_p95_ms=_measured(response.get("p95")),
        response_p99_ms=_measured(response.get("p99")),
        error_rate_current=_measured(errors.get("current")),
        error_rate_avg=_measured(errors.get("average")),
        database=_database(value.get("database"), exchange.at, stale_after_s),
        vitals={
            name: found
            for name in ("cls", "fcp", "fid", "lcp", "ttfb")
            if samples and (found := number(vitals.get(name))) is not None
        },
        vitals_samples=samples,
        start=moment_ms(span.get("start")),
        end=moment_ms(span.get("end")),
    )
    nothing = summary.database is None and not summary.vitals
    nothing = nothing and all(
        figure is None for figure in (summary.response_avg_ms, summary.response_p95_ms, summary.error_rate_current)
    )
    said = ["sees only the oldest 1,000 points of each metric"]
    if summary.database is not None and summary.database.stale:
        age = summary.database.age_s
        said.append("database figures " + ("without a time" if age is None else f"stand still since {age:.0f} s"))
    if nothing:
        said.append("all zero: no samples, or its store failed")
    return Reading(
        value=summary,
        status="no_data" if nothing else "observed",
        coverage=Coverage(
            asked_start=summary.start,
            asked_end=summary.end,
            seen_end=summary.database.at if summary.database else None,
        ),
        detail="; ".join(said),
    )


def _measured(value: Any) -> float | None:
    found = number(value)
    return found if found else None


def _database(value: Any, at: datetime, stale_after_s: float) -> DatabasePost | None:
    if not isinstance(value, dict):
        return None
    posted = moment_ms(value.get("timestamp"))
    age_s = None if posted is None else (at - posted).total_seconds()
    return DatabasePost(
        at=posted,
        age_s=age_s,
        stale=age_s is None or not -FUTURE_TOLERANCE_S <= age_s <= stale_after_s,
        pool_size=count(value.get("connectionPoolSize")),
        active=count(value.get("activeConnections")),
        idle=count(value.get("idleConnections")),
        queries=count(value.get("queryCount")),
        slow_queries=count(value.get("slowQueries")),
        query_avg_ms=number(value.get("avgQueryTime")),
        query_p95_ms=number(value.get("p95QueryTime")),
        query_p99_ms=number(value.get("p99QueryTime")),
        error_rate=number(value.get("errorRate")),
        deadlocks=count(value.get("deadlocks")),
        lock_waits=count(value.get("lockWaits")),
    )
