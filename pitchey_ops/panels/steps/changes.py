"""Panels about what changed: deployments, releases, new issues."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from ..base import Column, Panel, Table, no_data
from ..charts.changes import deployments as deployments_chart
from ..view import View
from ..words import count


def deployments(view: View) -> Panel:
    """Show the deployments of the main Worker against the onset."""
    return deployments_chart(
        view.case.frames.deployments,
        view.marks,
        main_script=view.settings.worker_script,
        why_empty=view.why_not("deployments"),
    )


def recent(view: View) -> Panel:
    """Show deployments and releases of the last 24 hours, newest first."""
    frame = view.case.frames.deployments.filter(pl.col("at") >= view.case.now - timedelta(hours=24))
    why = view.why_not("deployments") or "deployments were listed, and none is of the last 24 hours"
    return deployments_chart(frame, view.marks, main_script=view.settings.worker_script, why_empty=why)


def sentry(view: View) -> Panel:
    """Show issues that are new since shortly before the onset."""
    question = "What is new in Sentry?"
    why = view.why_not("issues")
    if why:
        return no_data("sentry", question, why, what="issues")
    found = view.rule("issues")
    when = "since shortly before the onset" if view.case.onset is not None else "in the window: no onset is known"
    if not found:
        return Panel(
            id="sentry",
            question=question,
            title=f"Sentry lists nothing that is new {when}",
            sentence="Sentry lags by a minute or two and drops events over its quota: this is no all-clear.",
        )
    rows = tuple(
        (finding.at, finding.data["title"], finding.data["events"], finding.data["users"]) for finding in found
    )
    return Panel(
        id="sentry",
        question=question,
        title=f"{count(len(rows), 'issue is', 'issues are')} new; the first has {count(rows[0][2], 'event')}",
        sentence=f"Issues first seen {when}, most events first.",
        table=Table(
            columns=(
                Column(name="first seen", unit="UTC"),
                Column(name="issue", telemetry=True),
                Column(name="events", align="right"),
                Column(name="users", align="right"),
            ),
            rows=rows,
        ),
    )
