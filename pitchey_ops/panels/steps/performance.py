"""Panels about slowness: response times, endpoints, pages, stores, indexes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl

from ...findings.cache import lookups
from ...findings.database import scanned
from ...findings.vitals import table as vitals_table
from ...models.window import Window
from ..base import Cell, Column, Panel, Table, no_data
from ..charts.latency import Series, VitalRow, cache_hit_rate, measure_over_time, web_vitals
from ..view import View
from ..words import quoted
from . import requests
from ._tables import claims, frame_panel, server_table, told, with_notes

TREND = timedelta(hours=4)
BIN = "15m"
CACHE_BIN = "5m"
"""Few lookups are logged: a minute of them would only show chance."""


def summary(view: View) -> Panel:
    """Show response times against the limit, and where the time goes as far as spans tell."""
    panel = requests.response_time(view)
    found = next((f for f in view.rule("latency") if "parts" in f.data), None)
    parts = found.data["parts"] if found is not None else []
    rose = [p for p in parts if p["before_ms"] is not None and p["after_ms"] - p["before_ms"] >= 5][:3]
    words = "; ".join(
        f"{p['service']} ({p['part']}): {p['before_ms']:,.0f} to {p['after_ms']:,.0f} ms a call" for p in rose
    )
    where = f"Where the time goes, by calls between services: {words}." if words else ""
    if found is not None and not parts:
        where = "Where the time goes cannot be told: no calls between services were seen since then."
    why = view.why_not("latency")
    return with_notes(panel, where, why, found.claim if found is not None else "")


def lcp_trend(view: View) -> Panel:
    """Show the 75th percentile of LCP over four hours."""
    end = view.case.window.end
    window = Window(start=end - TREND, end=end)
    points = view.case.frames.metrics.filter((pl.col("name") == "web.lcp") & (pl.col("at") >= window.start))
    binned = (
        points.group_by(pl.col("at").dt.truncate(BIN))
        .agg(pl.col("value").quantile(0.75, "linear"), pl.len().alias("n"))
        .filter(pl.col("n") >= 3)
        .sort("at")
    )
    return measure_over_time(
        "lcp-trend",
        "Does the largest paint come later than four hours ago?",
        [Series(name="LCP, 75th percentile of 15 minutes", frame=binned.select("at", "value"))],
        replace(view.marks, window=window),
        what="LCP",
        unit="ms",
        limit=2500.0,
        limit_words="good up to 2,500 ms",
        why_empty=view.why_not("vitals") or view.why_unseen("apm"),
    )


def database(view: View) -> Panel:
    """Show how statements perform: over time where metrics see the window, else as the findings tell."""
    points = view.case.frames.metrics.filter(
        (pl.col("name") == "db.query_time.avg") & (pl.col("at") >= view.case.window.start)
    )
    found = told(view, "database", "query-time", "spans", "log-durations", "long", "blocking", "statements")
    if points.is_empty():
        return claims(
            view,
            "database-performance",
            "Are statements slower than before?",
            found,
            rules=("database",),
            what="the time of statements",
        )
    panel = measure_over_time(
        "database-performance",
        "Are statements slower than before?",
        [Series(name="mean statement time", frame=points.select("at", "value"))],
        view.marks,
        what="statement time",
        unit="ms",
    )
    return with_notes(panel, *(f.claim for f in found[:3]))


def slow_endpoints(view: View) -> Panel:
    """Show routes by their 95th percentile, from structured fields."""
    question = "Which endpoints are slow, and which got slower?"
    limit = view.settings.thresholds.p95_ms
    found = next((f for f in view.rule("latency") if "groups" in f.data), None)
    if found is None:
        return no_data("slow-endpoints", question, view.why_not("latency"), what="response times by route")
    rows = sorted(found.data["groups"], key=lambda r: (-(r["p95_ms"] or 0.0), str(r["group"])))
    over = [r for r in rows if (r["p95_ms"] or 0) > limit]
    risen = [r for r in rows if (r["z"] or 0) >= 3]
    title = (
        f"{len(over)} of {len(rows)} are beyond {limit:,.0f} ms at P95"
        if over
        else f"None of {len(rows)} is beyond {limit:,.0f} ms at P95"
    ) + (f"; {len(risen)} got clearly slower" if risen else "")
    return Panel(
        id="slow-endpoints",
        question=question,
        title=title,
        sentence=f"By {found.data['by']}, from {found.data['vantage']}, since the onset against before.",
        table=Table(
            columns=(
                Column(name=found.data["by"], telemetry=True),
                Column(name="measurements", align="right"),
                Column(name="P95 before", unit="ms", align="right"),
                Column(name="P95", unit="ms", align="right"),
                Column(name="P99", unit="ms", align="right"),
                Column(name="median, times before", align="right"),
            ),
            rows=tuple(
                (r["group"], r["measurements"], r["p95_before_ms"], r["p95_ms"], r["p99_ms"], r["ratio_of_medians"])
                for r in rows
            ),
        ),
    )


def worker(view: View) -> Panel:
    """Show the main Worker's CPU time; its memory is nowhere to be had."""
    frame = view.case.frames.workers.filter(pl.col("script") == view.settings.worker_script)
    series = [
        Series(name=words, frame=frame.select("at", pl.col(column).alias("value")).drop_nulls())
        for words, column in (("P99", "cpu_p99_ms"), ("P50", "cpu_p50_ms"))
    ]
    panel = measure_over_time(
        "worker-cpu",
        "Does the Worker need more CPU time than before?",
        series,
        view.marks,
        what="CPU time of an invocation",
        unit="ms",
        why_empty=view.why_not("workers") or view.why_unseen("cloudflare_api"),
    )
    ends = next((f.claim for f in view.rule("workers")), "")
    return with_notes(
        panel,
        ends,
        "Cloudflare's analytics; figures of /infra/worker are constants or random, and memory is reported nowhere.",
    )


def kv_r2(view: View) -> Panel:
    """Show what the looks at KV and R2 gave, each with what it is worth."""
    question = "Do KV and R2 answer, and how fast?"
    rows: list[tuple[Cell, ...]] = []
    for prefix, name in (("infra/kv", "KV"), ("infra/r2", "R2"), ("infra/health", "infra/health")):
        seen = view.case.one(prefix)
        missing = next(view.case.missing(prefix), None)
        if seen is not None:
            parts = {name: seen.value} if prefix != "infra/health" else seen.value
            for part_name, part in sorted(parts.items()):
                if prefix == "infra/health" and part_name not in ("kv", "r2"):
                    continue
                figures = ", ".join(f"{key} {value:,.4g}" for key, value in part.figures.items())
                worth = "of the service's own probe; means since the last idle hour"
                rows.append((f"{name}: {part_name}" if prefix == "infra/health" else name, figures, worth))
        elif missing is not None and missing.reason != "not_asked":
            rows.append((name, f"{missing.reason.replace('_', ' ')}: {quoted(missing.detail)}", "not seen"))
    found = [*view.rule("cache"), *told(view, "kinds", "cache", "storage")]
    if not rows and not found:
        return no_data("kv-r2", question, view.why_not("cache") or view.why_unseen("infra"), what="figures of stores")
    bad = [f for f in found if f.signals]
    return Panel(
        id="kv-r2",
        question=question,
        title=bad[0].claim if bad else "Nothing speaks against KV and R2; their own figures prove little",
        sentence="One look can only be compared with earlier looks; errors in the logs weigh more.",
        table=Table(
            columns=(Column(name="store"), Column(name="figures", claim=True), Column(name="what that is worth")),
            rows=tuple(rows),
        ),
        notes=tuple(f.claim for f in found if f not in bad[:1]),
    )


def missing_indexes(view: View) -> Panel:
    """Show tables that are read as a whole, and indexes that nobody uses."""
    question = "Which tables are read as a whole, and which indexes does nobody use?"
    table = server_table(view, "scans")
    if table is None:
        return no_data("indexes", question, view.why_unseen("database"), what="statistics of tables")
    candidates = scanned(table)
    unused = server_table(view, "unused_indexes")
    note = ""
    if unused is not None and unused.height:
        names = ", ".join(f"{row['index_name']} of {row['table_name']}" for row in unused.head(8).iter_rows(named=True))
        note = f"{unused.height} indexes were never used since statistics were reset: “{names}”"
    chosen = [c for c in ("scan_share", "rows_a_scan") if c in candidates.columns]
    shown = (candidates if candidates.height else table.head(20)).select(
        "table_name", "sequential_scans", "rows_read_by_scan", "index_scans", "live_rows", "dead_rows",
        *(chosen if candidates.height else []),
    )  # fmt: skip
    return frame_panel(
        "indexes",
        question,
        shown,
        title=f"{candidates.height} large tables are mostly read as a whole: candidates for an index"
        if candidates.height
        else "No large table is mostly read as a whole",
        sentence="Counted by PostgreSQL since its statistics were reset, so this is a standing condition, not of now.",
        notes=(note,) if note else (),
    )


def slow_statements(view: View) -> Panel:
    """Show the slowest statements (pg_stat_statements)."""
    question = "Which statements are slow on average?"
    table = server_table(view, "statements")
    if table is None:
        why = view.case.why_missing("database/statements")
        return no_data("slow-statements", question, why, what="statistics of statements")
    limit = view.settings.thresholds.slow_statement_ms
    slow = table.filter((pl.col("mean_ms") >= limit) & (pl.col("calls") >= 2))
    return frame_panel(
        "slow-statements",
        question,
        table.select("mean_ms", "max_ms", "calls", "total_ms", "returned_rows", "statement"),
        title=f"{slow.height} statements take more than {limit:,.0f} ms on average",
        sentence="Slowest by mean time since statistics were reset, as PostgreSQL counts them.",
        rows=20,
    )


def cache(view: View) -> Panel:
    """Show the hit rate that services log, over the window."""
    inside = lookups(view.case).filter(pl.col("at") >= view.case.window.start)
    binned = (
        inside.group_by(pl.col("at").dt.truncate(CACHE_BIN))
        .agg(pl.col("hits").sum(), pl.col("misses").sum())
        .filter(pl.col("hits") + pl.col("misses") >= 5)
        .sort("at")
    )
    panel = cache_hit_rate(
        binned,
        view.marks,
        why_empty=view.why_not("cache") or "no service logged a cache lookup in what was seen",
    )
    return with_notes(
        panel,
        "From lookups that services log; KV's own figures are of the infra service's probe key and not shown.",
    )


def vitals_rows(view: View) -> list[VitalRow]:
    """Return Web Vitals of the window by device and route."""
    points = view.case.frames.metrics.filter(
        pl.col("name").str.starts_with("web.") & (pl.col("at") >= view.case.window.start)
    ).filter(pl.col("name").is_in(["web.lcp", "web.cls", "web.inp", "web.ttfb", "web.fcp", "web.fid"]))
    return [
        VitalRow(vital=row["vital"], p75=row["p75"], samples=row["samples"], device=row["device"], route=row["route"])
        for row in vitals_table(points)
    ]


def frontend(view: View) -> Panel:
    """Show Web Vitals, with what makes the page heavy beside them."""
    panel = web_vitals(vitals_rows(view), why_empty=view.why_not("vitals") or view.why_unseen("apm"))
    page = view.case.one("frontend/page")
    cached = f"The page: {page.value.cache_status or 'no cache status'} at the CDN." if page is not None else ""
    return with_notes(panel, cached, *(f.claim for f in view.rule("assets")[:3]))
