"""Panels about the monitoring itself: who answers, what is fresh, which jobs run."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from ...findings.monitoring import SERVICES, metric_ages
from ...findings.scheduled import jobs
from ...models.observation import Unavailable
from ..base import Panel
from ..charts.sight import FreshRow, freshness
from ..view import View
from ._tables import told, with_notes


def workers(view: View) -> Panel:
    """Show how fresh each log service and metric is, and whether the monitoring's services answer."""
    panel = freshness(
        [*_log_rows(view), *_metric_rows(view)], view.case.now, why_empty=view.why_unseen("logs", "apm", "r2")
    )
    return with_notes(panel, *_answers(view), *(f.claim for f in told(view, "monitoring")))


def scheduled(view: View) -> Panel:
    """Show when each scheduled job left its last trace, against its rhythm."""
    rows = [
        FreshRow(name=job.name, last_seen=job.newest, expected_every_s=job.period_s, blind=not job.due)
        for job in jobs(view.case)
    ]
    panel = freshness(rows, view.case.now, why_empty=view.why_not("scheduled"))
    return with_notes(
        panel,
        *(f.claim for f in view.rule("scheduled")),
        "A job whose period is longer than a third of what was seen is shown as blind: it cannot be told.",
    )


def _log_rows(view: View) -> list[FreshRow]:
    case = view.case
    sighted = {
        seen.id
        for prefix in ("logs/service", "r2/archive", "case/logs")
        for seen in case.seen(prefix)
        if prefix == "case/logs" or not seen.coverage.cut
    }
    logs = case.frames.logs.filter(pl.col("at") <= case.now + timedelta(minutes=1))
    rows = []
    for name, mine in logs.filter(pl.col("service").is_not_null()).group_by("service"):
        seen = mine.filter(pl.col("observation").is_in(sorted(sighted)) & (pl.col("at") >= case.window.start))
        source = seen if seen.height else mine
        newest = source.get_column("at").max()
        span_s = max(1.0, (case.now - case.window.start).total_seconds())
        every = span_s / seen.height if seen.height >= 5 else None
        rows.append(
            FreshRow(
                name=f"log: {name[0]}",
                last_seen=newest if isinstance(newest, datetime) else None,
                expected_every_s=None if every is None else max(60.0, 3 * every),
                blind=not seen.height,
            )
        )
    return sorted(rows, key=lambda row: row.name)


def _metric_rows(view: View) -> list[FreshRow]:
    return [
        FreshRow(
            name=f"metric: {row['name']}",
            last_seen=row["newest"],
            expected_every_s=60.0,
            blind=bool(row["blind"]) or row["newest"] is None,
        )
        for row in metric_ages(view.case)
    ]


def _answers(view: View) -> list[str]:
    lines = []
    for name in SERVICES:
        asked = [o for key, o in sorted(view.case.observations.items()) if key.startswith(f"{name}/")]
        if not asked:
            lines.append(f"{name}: not asked")
            continue
        reasons: dict[str, int] = {}
        for seen in asked:
            word = seen.reason if isinstance(seen, Unavailable) else seen.status
            reasons[word] = reasons.get(word, 0) + 1
        words = ", ".join(f"{n} {word.replace('_', ' ')}" for word, n in sorted(reasons.items()))
        lines.append(f"{name}: {words}")
    return lines
