"""Panels about requests: who is hurt, how slow it is, how invocations end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl

from ...findings._requests import requests as requests_of
from ...findings._requests import spans
from ..base import Column, Panel, Table, no_data
from ..charts.latency import response_times
from ..charts.traffic import ImpactRow, edge_outcomes, impact_by_route, live_tail
from ..charts.traffic import worker_outcomes as worker_outcomes_chart
from ..view import View


def impact(view: View) -> Panel:
    """Show outcomes over time at the edge; without the edge, the failing share by route of the logs."""
    if not view.case.frames.edge.is_empty():
        return edge_outcomes(view.case.frames.edge, view.marks)
    return breakdown(view)


def breakdown(view: View) -> Panel:
    """Show the failing share by route since the onset."""
    seen = requests_of(view.case)
    if seen is None:
        return impact_by_route((), why_empty=view.why_not("users") or "no requests were seen")
    _, _, start, end = spans(view.case)
    rows = [
        ImpactRow(route=row["route"], failed=row["failing"], total=row["requests"])
        for row in seen.by_route(start, end).iter_rows(named=True)
    ]
    return impact_by_route(rows)


def response_time(view: View) -> Panel:
    """Show response times against the limit; from spans where metrics are blind."""
    frames = view.case.frames
    start = view.case.window.start - timedelta(hours=1)
    points = frames.metrics.filter((pl.col("name") == "response_time") & (pl.col("at") >= start))
    by = "route" if points.get_column("route").drop_nulls().len() else "service"
    if points.filter(pl.col("at") >= view.case.window.start).is_empty() and not frames.spans.is_empty():
        points = frames.spans.select("at", pl.col("duration_ms").alias("value"), "service")
        by = "service"
    if points.filter(pl.col("at") >= view.case.window.start).is_empty():
        logged = frames.logs.filter(pl.col("duration_ms").is_not_null() & pl.col("status").is_not_null())
        points = logged.select("at", pl.col("duration_ms").alias("value"), "service")
        by = "service"
    return response_times(
        points,
        view.marks,
        limit_ms=view.settings.thresholds.p95_ms,
        by=by,  # type: ignore[arg-type]
        after_ms=next((f.data["p95_ms"] for f in view.rule("latency") if "p95_ms" in f.data), None),
        why_empty=view.why_unseen("apm"),
    )


def worker_outcomes(view: View) -> Panel:
    """Show how the main Worker's invocations end."""
    frame = view.case.frames.workers.filter(pl.col("script") == view.settings.worker_script)
    return worker_outcomes_chart(frame, view.marks, why_empty=view.why_not("workers"))


def tail(view: View) -> Panel:
    """Show what the live tail brought; without an event of it, how the analytics say that invocations end."""
    seen = view.case.one("cloudflare_api/tail")
    if seen is not None and seen.value.events:
        watched = seen.value
        panel = live_tail(
            watched.outcomes,
            watched_s=watched.watched_s,
            exceptions=watched.exceptions,
            sampled=watched.sampled,
            failed=watched.failed,
        )
        told = [seen.detail] if seen.detail else []
        if watched.scheduled:
            told.append(f"{watched.scheduled} of the events were started by the clock, not by a request.")
        if seen.coverage.rejected:
            told.append(f"{seen.coverage.rejected} messages were no events and are left out.")
        return replace(panel, notes=(*panel.notes, *told))
    panel = worker_outcomes(view)
    why = view.why_not("tail") or "no live tail was asked for"
    return replace(
        panel, notes=(*panel.notes, f"The live tail was not seen ({why}): these are Cloudflare's analytics.")
    )


def watch(view: View) -> Panel:
    """Show the plan of the watch: follow-up runs, each within its own budget."""
    question = "Has it recovered, and does it stay so?"
    seen = requests_of(view.case)
    if seen is None:
        return no_data("watch", question, view.why_not("users"), what="requests to watch")
    end = view.case.now
    last, before = (seen.total(end - timedelta(minutes=m), end - timedelta(minutes=m - 5)) for m in (7, 12))
    share, earlier = (bad / n if n else 0.0 for n, bad in (last, before))
    word = "falling" if share < 0.7 * earlier else "rising" if share > 1.3 * earlier and share > 0.01 else "steady"
    return Panel(
        id="watch",
        question=question,
        title=f"{share:.1%} of requests failed in the newest five minutes that can be counted: {word}",
        sentence=(
            "Watching is a series of follow-up runs over 30 minutes, each within its own time; it ends in "
            "recovered, not recovered or recurring. The service schedules them; by hand, run this runbook again."
        ),
        table=Table(
            columns=(
                Column(name="span"),
                Column(name="requests", align="right"),
                Column(name="failing", align="right"),
            ),
            rows=(
                ("12 to 7 minutes ago", round(before[0]), round(before[1])),
                ("7 to 2 minutes ago", round(last[0]), round(last[1])),
            ),
            caption="The newest two minutes are left out: they are counted late.",
        ),
    )
