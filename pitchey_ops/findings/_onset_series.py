"""
The series in which an incident first shows: counts, shares and levels by service and route, in even bins.

A bin without events is a zero for counts and absent for shares and levels. Bins end with the last moment
that any row of the table was seen, so that a source that is late, or was cut, ends the series early and
does not look like calm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from pitchey_ops.findings._changepoint import RATIO, Kind
from pitchey_ops.frames import UTC_MS, Frames

Floats = npt.NDArray[np.float64]

ERROR_LEVELS = ("error", "fatal", "critical")

MOST_PER_TABLE = 20
"""Services or routes that are looked at in one table: those with most rows. Keeps false alarms and time in bounds."""

LEAST_ROWS = 8

LONGEST_S = 3 * 3600.0
"""What is judged at once. What lies a day earlier is the expectation, where it is there."""

DAY_MS = 86_400_000.0

USUAL_BEFORE_MS = 3_600_000.0
SLOW_TIMES = 2.5
SLOW_BY_MS = 150.0
"""An answer is slow that takes so many times as long as its route's median, so much longer, and longer than its P95."""

SLOW_NAMES = (
    "response_time",
    "span.duration",
    "request_duration",
    "db.query_time.avg",
    "db.active_connections",
    "db.error_rate",
    "error_rate",
    "web.lcp",
    "web.inp",
    "web.ttfb",
    "web.cls",
)
"""Metrics of which more is worse; names that begin so count too (``response_time_p90``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One symptom's series, ready for `change_point`."""

    symptom: str
    kind: Kind
    at_ms: Floats
    values: Floats
    of: Floats | None = None
    expected: Floats | None = None
    bin_ms: float = 0.0
    service: str | None = None
    unit: str = ""
    ratio: float = RATIO
    difference: float | None = None
    events_ms: Floats | None = None
    observations: tuple[str, ...] = ()


def series_of(frames: Frames) -> Iterator[Series]:
    """Yield every series that the frames hold, always in the same order."""
    if not frames.logs.is_empty():
        yield from _errors(frames.logs, frames.log_seen_from)
        yield from _failing(frames.logs, frames.log_seen_from)
        yield from _slow(frames.logs, frames.log_seen_from)
    for table, told in (
        (frames.edge, _edge),
        (frames.workers, _workers),
        (frames.metrics, _metrics),
        (frames.spans, _spans),
        (frames.probes, _probes),
    ):
        if not table.is_empty():
            yield from told(table)


def _ms(frame: pl.DataFrame, column: str = "at") -> Floats:
    times = frame[column]
    if times.null_count() or times.is_empty():
        whole = times.to_physical() if times.dtype == UTC_MS else times.dt.epoch("ms")
        return whole.to_numpy().astype(np.float64)
    return times.to_numpy().astype("datetime64[ms]").astype(np.int64).astype(np.float64)


def _floats(frame: pl.DataFrame, column: str) -> Floats:
    """Return a column of numbers; what is null is not a number."""
    return frame[column].to_numpy().astype(np.float64)


def _parts(frame: pl.DataFrame, key: str, *columns: str) -> Callable[[str], pl.DataFrame]:
    """Return what gives the rows of one value of *key*: one pass over a frame that many series are made of."""
    slim = frame.select(key, *columns) if columns else frame
    parts = {names[0]: part for names, part in slim.partition_by(key, as_dict=True, maintain_order=True).items()}
    return lambda value: parts.get(value, slim.clear())


@dataclass(frozen=True, slots=True)
class _Bins:
    start_ms: float
    width_ms: float
    count: int

    @classmethod
    def over(cls, at: Floats) -> _Bins | None:
        """Return bins of 5 s to 1 min that end with the newest of *at*, at most four days of them."""
        if at.size < LEAST_ROWS:
            return None
        low, high = float(at.min()), float(at.max()) + 1.0
        span = high - low
        width = next((w for w in (5e3, 10e3, 15e3, 30e3) if span < w * 48), 60e3)
        count = min(int(span // width), 4 * 1440)
        return cls(high - count * width, width, count) if count >= 8 else None

    @property
    def at_ms(self) -> Floats:
        return np.asarray(self.start_ms + self.width_ms * np.arange(self.count), dtype=np.float64)

    def counts(self, at: Floats, weights: Floats | None = None) -> Floats:
        slot = np.floor((at - self.start_ms) / self.width_ms).astype(np.int64)
        inside = (slot >= 0) & (slot < self.count)
        w = None if weights is None else weights[inside]
        return np.bincount(slot[inside], weights=w, minlength=self.count).astype(np.float64)

    def tail(self, since: datetime | None = None) -> slice:
        """Return the bins that are judged; what is older, or before *since*, is history."""
        first = max(self.count - int(LONGEST_S * 1000 / self.width_ms), 0)
        if since is not None:
            seen = math.ceil((since.timestamp() * 1000 - self.start_ms) / self.width_ms)
            first = min(max(first, seen), self.count)
        return slice(first, self.count)

    def yesterday(self, values: Floats) -> Floats | None:
        """Return what was usual a day before the judged bins, smoothed over a quarter of an hour."""
        shift = round(DAY_MS / self.width_ms)
        if self.count <= shift + LEAST_ROWS or self.tail().start == 0:
            return None
        smooth = _smooth(values)
        usual = np.full(self.count, np.nan)
        usual[shift:] = smooth[:-shift]
        return usual[self.tail()]


def _smooth(values: Floats) -> Floats:
    width = min(15, values.size)
    kernel = np.ones(width)
    total = np.convolve(np.nan_to_num(values), kernel, "same")
    return np.asarray(total / np.convolve(np.ones(values.size), kernel, "same"), dtype=np.float64)


def _observed(frame: pl.DataFrame) -> tuple[str, ...]:
    return tuple(sorted(name for name in frame["observation"].unique().to_list() if name is not None)[:12])


def _top(frame: pl.DataFrame, key: str) -> list[str]:
    """Return the values of *key* with most rows, ties by name."""
    counted = frame.group_by(key).len().drop_nulls().filter(pl.col("len") >= LEAST_ROWS)
    return counted.sort(["len", key], descending=[True, False])[key].head(MOST_PER_TABLE).to_list()


def _errors(logs: pl.DataFrame, seen_from: Mapping[str, datetime]) -> Iterator[Series]:
    """Error lines by service; other lines of the service tell how busy it was."""
    bins = _Bins.over(_ms(logs))
    if bins is None:
        return
    is_wrong = pl.col("level").is_in(ERROR_LEVELS)
    wrong = logs.filter(is_wrong)
    wrong_of, rest_of = _parts(wrong, "service", "at", "observation"), _parts(logs.filter(~is_wrong), "service", "at")
    for service in _top(wrong, "service"):
        mine = wrong_of(service)
        events = _ms(mine)
        count, busy = bins.counts(events), bins.counts(_ms(rest_of(service)))
        usual = bins.yesterday(count)
        if usual is None and busy.mean() >= 5:
            usual = _smooth(busy)[bins.tail()]
        tail = bins.tail(seen_from.get(service))
        if usual is not None:
            usual = usual[usual.size - (tail.stop - tail.start) :]
        yield Series(
            symptom=f"errors:{service}",
            kind="count",
            at_ms=bins.at_ms[tail],
            values=count[tail],
            expected=usual,
            bin_ms=bins.width_ms,
            service=service,
            unit=f"error lines in {bins.width_ms / 1000:g} s",
            events_ms=events,
            observations=_observed(mine),
        )


def _failing(logs: pl.DataFrame, seen_from: Mapping[str, datetime]) -> Iterator[Series]:
    """Shares of requests that failed (5xx) or were denied (401, 403), by service and by route."""
    asked = _whole(logs, seen_from).filter(pl.col("status").is_between(100, 599)).with_columns(route=_route())
    bins = _Bins.over(_ms(asked))
    if bins is None:
        return
    for key in ("service", "route"):
        rows_of = _parts(asked, key, "at", "status", "observation")
        for value in _top(asked, key):
            mine = rows_of(value)
            at, status = _ms(mine), mine["status"].to_numpy()
            of = bins.counts(at)
            for what, wrong in (("failing", status >= 500), ("denied", (status == 401) | (status == 403))):
                hits = bins.counts(at[wrong])
                if hits.any():
                    yield from _share(f"{what}:{value}", bins, hits, of, mine, value if key == "service" else None)


def _route() -> pl.Expr:
    """Return the route of a logged request: its path, without what tells one thing from the next."""
    return pl.col("url").str.slice(0, 200).str.replace(r"[?#].*$", "").str.replace_all(r"[^/]*\d[^/]*", "*")


def _slow(logs: pl.DataFrame, seen_from: Mapping[str, datetime]) -> Iterator[Series]:
    """
    The share of logged answers that took far longer than their route's own usually do, all routes together.

    What is usual is taken from what is older than an hour, of which a part is enough, so that a fault does not become
    usual while it lasts. A recording that begins later has no such series.
    """
    took = pl.col("duration_ms")
    asked = logs.filter(took.is_finite() & (took >= 0)).with_columns(route=_route()).drop_nulls("route")
    judged = _whole(asked, seen_from)
    bins = _Bins.over(_ms(judged))
    if bins is None:
        return
    end = bins.start_ms + bins.count * bins.width_ms
    usual = (
        asked.filter(pl.col("at").dt.epoch("ms") < end - USUAL_BEFORE_MS)
        .group_by("route")
        .agg(took.median().alias("median"), took.quantile(0.95, "linear").alias("p95"), pl.len())
        .filter(pl.col("len") >= LEAST_ROWS)
    )
    mine = judged.join(usual, on="route", how="inner")
    far = pl.max_horizontal("p95", SLOW_TIMES * pl.col("median"), pl.col("median") + SLOW_BY_MS)
    hits = bins.counts(_ms(mine.filter(took > far)))
    if hits.any():
        yield from _share("slow_answers:all", bins, hits, bins.counts(_ms(mine)), mine, None)


def _whole(logs: pl.DataFrame, seen_from: Mapping[str, datetime]) -> pl.DataFrame:
    """Return *logs* without what lies before the time since which all of a service's entries are there."""
    if not seen_from:
        return logs
    since = pl.col("service").replace_strict(
        list(seen_from), list(seen_from.values()), default=None, return_dtype=UTC_MS
    )
    return logs.filter(since.is_null() | (pl.col("at") >= since))


def _share(
    symptom: str, bins: _Bins, hits: Floats, of: Floats, rows: pl.DataFrame, service: str | None
) -> Iterator[Series]:
    tail = bins.tail()
    yield Series(
        symptom=symptom,
        kind="share",
        at_ms=bins.at_ms[tail],
        values=hits[tail],
        of=of[tail],
        bin_ms=bins.width_ms,
        service=service,
        unit="share of requests",
        observations=_observed(rows),
    )


def _edge(edge: pl.DataFrame) -> Iterator[Series]:
    """What users got at the edge: shares of 5xx, all together and by route; and how many came."""
    bins = _Bins.over(np.unique(_ms(edge)))
    if bins is None:
        return
    bins = _Bins(bins.start_ms - 1.0, 60e3, bins.count)
    good = edge.filter(pl.col("requests").is_finite(), pl.col("requests") >= 0, pl.col("status") > 0)
    busiest = _top(good, "route")
    worst = [name for name in _failing_most(good) if name not in busiest]
    rows_of = _parts(good, "route", "at", "status", "requests", "observation")
    for route in (None, *busiest, *worst):
        mine = good if route is None else rows_of(route)
        at, requests = _ms(mine), _floats(mine, "requests")
        of = bins.counts(at, requests)
        bad = mine["status"].to_numpy() >= 500
        hits = bins.counts(at[bad], requests[bad])
        if hits.any():
            yield from _share(f"edge_5xx:{route or 'all'}", bins, hits, of, mine, None)
        if route is None:
            tail = bins.tail()
            yield Series(
                symptom="traffic:edge",
                kind="count",
                at_ms=bins.at_ms[tail],
                values=of[tail],
                expected=bins.yesterday(of),
                bin_ms=bins.width_ms,
                unit="requests a minute",
                ratio=3.0,
                observations=_observed(mine),
            )


def _failing_most(edge: pl.DataFrame) -> list[str]:
    """Return the routes with most failing requests: one that few use may break for all who do."""
    bad = edge.filter(pl.col("status") >= 500).group_by("route").agg(pl.col("requests").sum()).drop_nulls()
    return bad.sort(["requests", "route"], descending=[True, False])["route"].head(6).to_list()


def _workers(workers: pl.DataFrame) -> Iterator[Series]:
    """Shares of Worker invocations that ended in an error, and their cpu time, by script."""
    bins = _Bins.over(np.unique(_ms(workers)))
    if bins is None:
        return
    bins = _Bins(bins.start_ms - 1.0, 60e3, bins.count)
    for script in _top(workers, "script"):
        mine = workers.filter(pl.col("script") == script, pl.col("requests") >= 0)
        at = _ms(mine)
        failed = pl.when(pl.col("status") == "success").then(pl.col("errors")).otherwise(pl.col("requests"))
        failed = pl.when(pl.col("status") == "clientDisconnected").then(0.0).otherwise(failed)
        hits = bins.counts(at, mine.select(failed.fill_null(0.0).clip(0.0)).to_series().to_numpy())
        of = bins.counts(at, mine["requests"].to_numpy().astype(np.float64))
        if hits.any():
            yield from _share(f"worker_errors:{script}", bins, np.minimum(hits, of), of, mine, None)
        yield from _level(f"worker_cpu:{script}", mine, "cpu_p99_ms", "ms", None)


def _metrics(metrics: pl.DataFrame) -> Iterator[Series]:
    """APM points of which more is worse, by name, service and route."""
    wanted = metrics.filter(pl.any_horizontal(pl.col("name").str.starts_with(name) for name in SLOW_NAMES))
    if wanted.height < LEAST_ROWS:
        return
    keyed = wanted.with_columns(
        key=pl.concat_str(
            "name", pl.coalesce("service", pl.lit("")), pl.coalesce("route", pl.lit("")), separator="\x1f"
        )
    )
    rows_of = _parts(keyed, "key", "at", "value", "unit", "observation")
    for key in sorted(_top(keyed, "key")):
        name, service, route = key.split("\x1f")
        mine = rows_of(key)
        place = ":".join(part for part in (name, service, route) if part)
        unit = mine["unit"].drop_nulls().head(1).to_list()
        yield from _level(f"metric:{place}", mine, "value", unit[0] if unit else "", service or None)


def _spans(spans: pl.DataFrame) -> Iterator[Series]:
    """Time of requests by the service that served them."""
    rows_of = _parts(spans, "service", "at", "duration_ms", "observation")
    for service in _top(spans, "service"):
        mine = rows_of(service)
        yield from _level(f"slow:{service}", mine, "duration_ms", "ms", service)


def _level(symptom: str, rows: pl.DataFrame, column: str, unit: str, service: str | None) -> Iterator[Series]:
    """One value a bin where there are many rows (median and 90th percentile), else the rows as they are."""
    at, values = _ms(rows), _floats(rows, column)
    good = np.flatnonzero(np.isfinite(values))
    if good.size < LEAST_ROWS:
        return
    good = good[np.argsort(at[good], kind="stable")]
    at, values = at[good], values[good]
    pause = float(np.median(np.diff(np.unique(at)))) if np.unique(at).size > 1 else 0.0
    ids = _observed(rows)
    if pause >= 20e3:
        moments, first = np.unique(at, return_inverse=True)
        means = np.bincount(first, weights=values) / np.bincount(first)
        keep = moments >= moments[-1] - LONGEST_S * 1000
        yield Series(
            symptom=symptom,
            kind="level",
            at_ms=moments[keep],
            values=means[keep],
            service=service,
            unit=unit,
            observations=ids,
        )
        return
    bins = _Bins.over(at)
    if bins is None:
        return
    slot = np.floor((at - bins.start_ms) / bins.width_ms).astype(np.int64)
    order = np.argsort(slot, kind="stable")
    edges = np.searchsorted(slot[order], np.arange(bins.count + 1))
    for share, word in ((0.5, "median"), (0.9, "p90")):
        level = np.full(bins.count, np.nan)
        for i in range(bins.tail().start, bins.count):
            inside = values[order[edges[i] : edges[i + 1]]]
            if inside.size >= (1 if share == 0.5 else 10):
                level[i] = np.quantile(inside, share)
        tail = bins.tail()
        yield Series(
            symptom=f"{symptom} {word}",
            kind="level",
            at_ms=bins.at_ms[tail],
            values=level[tail],
            bin_ms=bins.width_ms,
            service=service,
            unit=unit,
            observations=ids,
        )


def _probes(probes: pl.DataFrame) -> Iterator[Series]:
    """Own probes by the minute: whether each failed, where any did. A minute that nobody saw has no bin."""
    for probe in _top(probes, "probe"):
        mine = probes.filter(pl.col("probe") == probe).sort("at")
        newest = mine.get_column("at").max()
        if not isinstance(newest, datetime) or not mine.get_column("failing").any():
            continue
        judged = mine.filter(pl.col("at") > newest - timedelta(seconds=LONGEST_S))
        at = _ms(judged)
        if at.size < LEAST_ROWS:
            continue
        yield Series(
            symptom=f"probe:{probe}",
            kind="share",
            at_ms=at,
            values=judged["failing"].cast(pl.Float64).to_numpy(),
            of=np.ones(at.size),
            bin_ms=60e3,
            unit="share of our own looks",
            observations=_observed(mine),
        )
