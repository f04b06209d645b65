"""``performance``: how slow, where, and which of the platform's figures are worth nothing."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from ._look import Look, Section, apply, ask, nobody_answered, now, ready, serious, sight, word

if TYPE_CHECKING:
    import polars as pl

    from ..findings.case import Case
    from ..models.observation import AnyObservation
    from ..settings import Settings

PROBES = (
    "apm.requests",
    "apm.database",
    "apm.vitals",
    "apm.summary",
    "infra.worker",
    "infra.kv",
    "infra.r2",
    "logs.services",
    "logs.found",
    "r2.prefixes",
    "r2.archive",
    "cloudflare_api.traffic",
    "cloudflare_api.workers",
    "database.connections",
)
RULES = ("latency", "vitals", "workers")
P95_FROM, P99_FROM = 20, 100
"""Measurements from which a percentile is one; below, the platform's own formula gives the maximum (trap 28)."""
VITALS = {
    "web.lcp": ("LCP", 2500.0, 4000.0, "ms"),
    "web.cls": ("CLS", 0.1, 0.25, ""),
    "web.ttfb": ("TTFB", 800.0, 1800.0, "ms"),
    "web.fid": ("FID", 100.0, 300.0, "ms"),
}
"""Name, good and poor line (web.dev/articles/vitals) and unit; FID is no Core Web Vital since March 2024."""
SHOWN = 20
FIGURE_COLUMNS = (
    ("figure", "figure", "text"),
    ("value", "value", "number"),
    ("unit", "unit", "text"),
    ("status", "status", "status"),
    ("worth", "what that is worth", "text"),
)


def performance(settings: Settings, window_text: str) -> Look:
    """
    Return response times by route, and the figures of database, browsers, cache and Worker, each with its worth.

    Response times come from whoever saw most: the APM's points where they are not blind, else requests in the logs
    and their archive, else calls. The APM's summary is never believed (traps 9, 10, 28).
    """
    from ..runbooks import windows

    ready()
    began, started = time.monotonic(), now()
    window = windows.parse(window_text, now=started)
    case = ask(settings, window, PROBES, started=started, budget_s=settings.budget_s)
    found, unable = apply(case, RULES)
    routes, overall = _times(case)
    figures = [*_database(case), *_cache(case), *_worker(case), *_summary(case)]
    vitals = _vitals(case)
    bad = serious(found)
    limit = settings.thresholds.p95_ms
    vantage = overall.get("vantage")
    seen_by = f"from {vantage}" if vantage else "not seen"
    measured = overall.get("measurements") or 0
    if nobody_answered(case):
        state, outcome, summary = (
            "unknown",
            "unknown",
            "Nothing answered at all: it may be our own network. Nothing is known.",
        )
    elif bad:
        state, outcome, summary = "slow" if bad[0].rule == "latency" else "bad", "bad", f"{bad[0].claim}."
    elif overall["p95_ms"] is not None and overall["p95_ms"] > limit:
        state, outcome = "slow", "bad"
        summary = (
            f"P95 is {overall['p95_ms']:,.0f} ms, over the limit of {limit:,.0f} ms ({measured:,} from {vantage})."
        )
    elif "latency" in unable or overall["p95_ms"] is None:
        state, outcome = "unknown", "unknown"
        summary = f"Cannot tell: {unable.get('latency') or f'{measured} measurements are too few for a P95'}."
    else:
        as_before = any(signal.name == "latency_normal" for f in found.get("latency", ()) for signal in f.signals)
        state, outcome = "as fast as before" if as_before else "under the limit", "fine"
        claims = "; ".join(finding.claim for finding in found.get("latency", ()))
        summary = f"{claims or 'P95 is {:,.0f} ms, under the limit'.format(overall['p95_ms'])}."
        late = max(routes, key=lambda row: row["over_limit"], default=None)
        if late is not None and late["over_limit"]:
            summary += (
                f" {overall['over_limit']:,} of {measured:,} took over {limit:,.0f} ms all the same, most of"
                f" {late['group']} ({late['over_limit']} of {late['n']})."
            )
    return Look(
        command="performance",
        state=state,
        outcome=outcome,  # type: ignore[arg-type]
        summary=summary,
        environment=settings.environment,
        asked_at=started,
        took_s=time.monotonic() - began,
        window=window,
        sections=(
            Section(
                name="response_times",
                title=f"Response times by {overall.get('by', 'route')} ({seen_by}), slowest first",
                columns=(
                    ("group", str(overall.get("by", "route")), "text"),
                    ("n", "n", "count"),
                    ("p50_ms", "p50 ms", "ms"),
                    ("p95_ms", "p95 ms", "ms"),
                    ("p99_ms", "p99 ms", "ms"),
                    ("over_limit", f"over {limit:,.0f} ms", "count"),
                ),
                rows=routes,
                empty=unable.get("latency", "no response times were seen in the window"),
            ),
            Section(name="figures", title="Database, cache, Worker", columns=FIGURE_COLUMNS, rows=figures),
            Section(
                name="vitals",
                title="Web Vitals at the 75th percentile",
                columns=(
                    ("vital", "vital", "text"),
                    ("p75", "p75", "number"),
                    ("unit", "unit", "text"),
                    ("n", "n", "count"),
                    ("rating", "rating", "status"),
                    ("worth", "what that is worth", "text"),
                ),
                rows=vitals,
            ),
            sight(case),
        ),
        notes=(
            f"P95 from {P95_FROM} measurements on, P99 from {P99_FROM}; nearest rank. Logs hold a sample of requests.",
            "The APM's summary is not believed: it reads the oldest 1,000 points, and answers 0 for no measurement.",
            *(f"Not checked: {rule} ({because})." for rule, because in sorted(unable.items())),
        ),
        facts={
            "overall": overall,
            "limit_p95_ms": limit,
            "findings": [{"id": f.id, "severity": f.severity.word, "claim": f.claim} for f in bad],
        },
    )


def rank(values: list[float], share: float) -> float:
    """Return the nearest-rank percentile (the ``ceil(n * share)``-th smallest) of *values*, which are sorted."""
    return values[max(0, math.ceil(len(values) * share) - 1)]


def _row(values: list[float], limit: float) -> dict[str, Any]:
    n = len(values)
    return {
        "p50_ms": rank(values, 0.5) if n else None,
        "p95_ms": rank(values, 0.95) if n >= P95_FROM else None,
        "p99_ms": rank(values, 0.99) if n >= P99_FROM else None,
        "over_limit": sum(value > limit for value in values),
    }


def _points(case: Case) -> tuple[pl.DataFrame, str | None, str]:
    """
    Return response times of the window (``group``, ``value`` in ms), who saw them, and what they are grouped by.

    The APM's points, else requests in the logs, else calls between services: the first with enough for a P95, or else
    whoever saw most.
    """
    import polars as pl

    from ..findings._requests import route_of

    value = pl.col("value").cast(pl.Float64)
    metrics = case.frames.metrics.filter(pl.col("name") == "response_time")
    found = (
        ("metrics", "route", metrics.select("at", value, route_of(pl.coalesce("route", "service")).alias("group"))),
        (
            "logs",
            "route",
            case.bad_requests.select(
                "at",
                pl.col("duration_ms").alias("value"),
                route_of(pl.coalesce("url", "component", "service")).alias("group"),
            ),
        ),
        (
            "calls between services",
            "service",
            case.frames.spans.select("at", pl.col("duration_ms").alias("value"), pl.col("service").alias("group")),
        ),
    )
    sound = pl.col("at").is_between(case.window.start, case.end) & pl.col("value").is_finite() & (pl.col("value") >= 0)
    seen = [(frame.filter(sound), who, by) for who, by, frame in found]
    enough = [one for one in seen if one[0].height >= P95_FROM]
    best = enough[0] if enough else max(seen, key=lambda one: one[0].height)
    return best if best[0].height else (best[0], None, "route")


def _times(case: Case) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    import polars as pl

    limit = case.settings.thresholds.p95_ms
    inside, vantage, by = _points(case)
    ranked = []
    for group, members in sorted(inside.group_by("group").agg(pl.col("value").sort()).iter_rows(), key=str):
        # in order by what was measured, also where that is too little to be shown as a P95: a slow route is often rare
        ranked.append((rank(members, 0.95), {"group": group, "n": len(members), **_row(members, limit)}))
    ranked.sort(key=lambda one: (-one[0], -one[1]["n"], str(one[1]["group"])))
    rows = [row for _, row in ranked]
    whole = inside.get_column("value").sort().to_list()
    overall = {"measurements": len(whole), "vantage": vantage, "by": by, **_row(whole, limit)}
    return rows[:SHOWN], overall


def _figure(figure: str, value: Any, unit: str, status: str, worth: str) -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "status": status, "worth": worth}


def _first(case: Case, prefix: str) -> AnyObservation | None:
    return next((o for k, o in sorted(case.observations.items()) if k == prefix or k.startswith(prefix + "/")), None)


def _gone(case: Case, prefix: str) -> str:
    found = _first(case, prefix)
    return "not asked" if found is None else word(found)


def _database(case: Case) -> list[dict[str, Any]]:
    import polars as pl

    from ..models.observation import Unavailable

    rows = []
    live = _first(case, "database/connections")
    if live is None or isinstance(live, Unavailable):
        rows.append(
            _figure("database itself", None, "", _gone(case, "database/connections"), "the server's own figures")
        )
    else:
        for row in live.value.rows.head(3).iter_rows(named=True):
            for name, value in row.items():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    rows.append(
                        _figure(f"database: {name.replace('_', ' ')}", value, "", "seen", "from the server itself")
                    )
    metrics = case.frames.metrics.filter(pl.col("at").is_between(case.window.start, case.end))
    for name, words, unit in (
        ("db.query_time.avg", "average query time", "ms"),
        ("db.active_connections", "active connections", ""),
        ("db.connection_pool_size", "connection pool", ""),
        ("db.error_rate", "share of queries that fail", ""),
    ):
        points = metrics.filter(pl.col("name") == name).sort("at")
        if points.is_empty():
            status = _gone(case, f"apm/metrics/{name}")
            status = "no data" if status == "seen" else status
            rows.append(
                _figure(words, None, unit, status, "the APM's points of the window; it goes blind after 16.7 h")
            )
        else:
            newest = points.row(-1, named=True)
            rows.append(
                _figure(words, newest["value"], unit, "seen", f"newest of {points.height} at {newest['at']:%H:%M} UTC")
            )
    summary = _first(case, "apm/summary")
    post = None if summary is None or isinstance(summary, Unavailable) else summary.value.database
    if post is not None:
        age = "of unknown age" if post.age_s is None else f"{post.age_s / 3600:.1f} h old"
        status = "blind" if post.stale else "seen"
        worth = f"newest of the oldest 1,000 posts, {age}" + (": says nothing about now" if post.stale else "")
        rows.append(
            _figure("P95 of queries (APM summary)", None if post.stale else post.query_p95_ms, "ms", status, worth)
        )
    return rows


def _cache(case: Case) -> list[dict[str, Any]]:
    from ..models.observation import Unavailable

    found = _first(case, "infra/kv")
    if found is None or isinstance(found, Unavailable):
        return [_figure("KV", None, "", _gone(case, "infra/kv"), "asked at most every five minutes: asking changes it")]
    part = found.value
    probe = "of the service's own probe key: says nothing about users (trap 16)"
    rows = [_figure("KV cache hit share", part.ratio("cacheHits", "cacheMisses"), "", "constant", probe)]
    for field, words in (("avgReadLatency", "KV read latency"), ("avgWriteLatency", "KV write latency")):
        if field in part.figures:
            rows.append(
                _figure(words, part.figures[field], "ms", "seen", "mean since the last idle hour: hides what is new")
            )
    return rows


def _worker(case: Case) -> list[dict[str, Any]]:
    import polars as pl

    frame = case.frames.workers.filter(
        (pl.col("script") == case.settings.worker_script)
        & pl.col("at").is_between(case.window.start, case.window.end)
        & (pl.col("requests") > 0)
    )
    own = _figure(
        "Worker memory and CPU (platform)", None, "", "constant", "constants and random numbers (trap 14): not shown"
    )
    if frame.is_empty():
        status = _gone(case, "cloudflare_api/workers")
        status = "no data" if status == "seen" else status
        return [_figure("Worker CPU", None, "ms", status, "Cloudflare's analytics"), own]
    p50 = frame.filter(pl.col("cpu_p50_ms").is_not_null())
    weight = float(p50.get_column("requests").sum())
    middle = float((p50.get_column("cpu_p50_ms") * p50.get_column("requests")).sum()) / weight if weight else None
    top = frame.get_column("cpu_p99_ms").max()
    worth = "Cloudflare's analytics over the window; sampled"
    return [
        _figure("Worker CPU p50, mean of minutes", middle, "ms", "seen", worth),
        _figure("Worker CPU p99, worst minute", top, "ms", "seen", worth),
        own,
    ]


def _summary(case: Case) -> list[dict[str, Any]]:
    found = _first(case, "infra/r2")
    status = "not asked" if found is None else word(found)
    return [_figure("R2 (platform)", None, "", status, "means since the last idle hour; most counters are constants")]


def _vitals(case: Case) -> list[dict[str, Any]]:
    import polars as pl

    rows: list[dict[str, Any]] = []
    metrics = case.frames.metrics.filter(pl.col("at").is_between(case.window.start, case.end))
    for name, (words, good, poor, unit) in VITALS.items():
        values = sorted(metrics.filter(pl.col("name") == name).get_column("value").drop_nulls().to_list())
        worth = (
            "retired in March 2024: not rated"
            if name == "web.fid"
            else f"good to {good:g}, poor from {poor:g} {unit}".rstrip()
        )
        if not values:
            status = _gone(case, f"apm/metrics/{name}")
            status = "no data" if status == "seen" else status
            rows.append({"vital": words, "p75": None, "unit": unit, "n": 0, "rating": status, "worth": worth})
            continue
        p75 = rank(values, 0.75)
        rating = (
            "retired" if name == "web.fid" else "good" if p75 <= good else "poor" if p75 > poor else "needs improvement"
        )
        rows.append({"vital": words, "p75": p75, "unit": unit, "n": len(values), "rating": rating, "worth": worth})
    rows.append(
        {
            "vital": "INP",
            "p75": None,
            "unit": "ms",
            "n": 0,
            "rating": "no data",
            "worth": "the platform does not record it as a metric",
        }
    )
    return rows
