"""Panels about the platform's own reports, our probes, and Cloudflare."""

from __future__ import annotations

from typing import Any

import polars as pl

from ...models.finding import Finding
from ...models.observation import AnyObservation, Observed, Unavailable
from ..base import Cell, Column, Panel, Table, no_data
from ..charts.latency import database_pool
from ..charts.sight import Contradiction
from ..charts.sight import contradictions as contradictions_chart
from ..view import View
from ..words import count, percent, quoted
from ._tables import told, with_notes

ROUTES = {
    "health": "/api/health",
    "health_db": "/api/health/db",
    "pitches": "/api/pitches",
    "auth_verify": "/api/auth/verify",
}
PROBE_ROUTES = tuple(ROUTES)
CONSTANT = "known to answer the same whatever happens: no evidence"
VAGUE = "degraded stands for any HTTP error, a missing route too"
VAGUE_CHECKS = ("API Health", "Database Health")
"""Checks of the monitoring service that ask the API, and are ``degraded`` for whatever else than 200 (trap 17)."""


def health(view: View) -> Panel:
    """Show everybody's report side by side, with what each is worth."""
    rows = [*_probe_rows(view, PROBE_ROUTES), *_report_rows(view)]
    return _report(view, "Does everybody say that it is well?", rows)


def main_worker(view: View) -> Panel:
    """Show the main Worker from our own probes and from the platform."""
    rows = [*_probe_rows(view, ("health", "pitches")), *_report_rows(view, "API Health")]
    return _report(view, "Does the main Worker answer?", rows)


def db_connectivity(view: View) -> Panel:
    """Show what speaks for the database: our probe, the platform's check, the database itself."""
    rows = [*_probe_rows(view, ("health_db",)), *_report_rows(view, "Database Health"), *_database_rows(view)]
    return _report(view, "Does the database answer?", rows)


def auth_verify(view: View) -> Panel:
    """Show what the verify endpoint does with a token that it must refuse."""
    return _report(view, "Does the verify endpoint refuse a bad token?", _probe_rows(view, ("auth_verify",)))


def verify(view: View) -> Panel:
    """Show the comprehensive check: routes, frontend headers, platform."""
    rows = [*_probe_rows(view, ("health", "pitches", "auth_verify")), *_frontend_rows(view), *_report_rows(view)]
    return _report(view, "Do the routes that people see work now?", rows)


def contradictions(view: View) -> Panel:
    """Show what the APM summary says beside what others counted."""
    summary = view.case.one("apm/summary")
    rows = [_contradiction(finding) for finding in view.rule("contradictions")]
    limit = view.settings.thresholds.error_share
    why = view.why_not("contradictions") or ("" if summary is not None else view.why_unseen("apm"))
    share = view.analysis.verdict.impact.requests_failing_share
    if not rows and not why and share is not None and share < limit:
        return Panel(
            id="contradictions",
            question="Do the vantage points agree?",
            title=f"Nothing to hold against them: {percent(share)} of requests fail",
            sentence=f"What the platform says of itself is held against the count of failing requests from"
            f" {percent(limit)} on; below that, a calm report of its own proves nothing either way.",
        )
    return contradictions_chart(rows, compared=0 if why else 1, why_empty=why)


def _contradiction(finding: Finding) -> Contradiction:
    """Return a finding of the rule ``contradictions``: a calm report of the platform's, or the edge beside the logs."""
    calm, between, counted = finding.claim.partition(", while ")
    if between:
        ids = [one for one in finding.evidence if finding.id.endswith(f"/{one.replace('/', '-')}")]
        others = [one for one in finding.evidence if one not in ids]
        return Contradiction(
            subject="share of failing requests",
            one=", ".join(ids),
            one_says=calm,
            other=", ".join(others[:2]),
            other_says=counted,
            believe="the count of requests",
            why="the platform's own figures stand still or are constants",
        )
    edge, _, logs = finding.claim.partition(", ")
    return Contradiction(
        subject="share of failing requests",
        one=", ".join(one for one in finding.evidence if one.startswith("cloudflare_api/")),
        one_says=edge,
        other=", ".join([one for one in finding.evidence if not one.startswith("cloudflare_api/")][:2]),
        other_says=logs,
        believe="the edge",
        why="it counts all requests, and the logs that can be seen hold a part of them",
    )


def cloudflare_status(view: View) -> Panel:
    """Show Cloudflare's incidents and components that the platform uses."""
    question = "Does Cloudflare report an incident on what we use?"
    seen = view.case.one("cloudflare_status")
    if seen is None:
        return no_data("cloudflare", question, view.why_unseen("cloudflare_status"), what="status")
    status = seen.value
    rows: list[tuple[Cell, ...]] = [
        ("incident", i.name, f"{i.impact}, {i.status}", i.started_at) for i in status.incidents if i.relevant
    ]
    rows += [("component", c.name, c.status, None) for c in status.components if c.relevant]
    bad = [row for row in rows if row[0] == "incident"] or list(status.impaired)
    return Panel(
        id="cloudflare",
        question=question,
        title=f"Cloudflare reports {count(len(bad), 'trouble')} on what we use"
        if bad
        else "Cloudflare reports what we use as operational",
        sentence="Written by people, so it lags behind; single data centres and parts that we do not use are left out.",
        table=Table(
            columns=(
                Column(name="what"),
                Column(name="name", telemetry=True),
                Column(name="state"),
                Column(name="since", unit="UTC"),
            ),
            rows=tuple(rows),
        ),
    )


def firewall(view: View) -> Panel:
    """Show what the edge's rules blocked since the onset, by rule and action."""
    question = "Does the firewall turn away the right ones?"
    frame = view.case.frames.firewall.filter(pl.col("at") >= view.case.window.start)
    if frame.is_empty():
        seen = view.case.one("cloudflare_api/firewall")
        why = "the firewall was asked and did nothing in the window" if seen else view.why_unseen("cloudflare_api")
        return no_data("firewall", question, why, what="firewall events")
    ok_users = set(
        view.case.frames.logs.filter(pl.col("status").is_between(200, 399) & pl.col("user_id").is_not_null())
        .get_column("ip")
        .drop_nulls()
        .to_list()
    )
    table = (
        frame.with_columns(known=pl.col("ip").is_in(sorted(ok_users)))
        .group_by("rule", "action")
        .agg(
            pl.len().alias("events"),
            pl.col("ip").n_unique().alias("addresses"),
            pl.col("known").sum().alias("of_users"),
            pl.col("path").drop_nulls().sort().first().alias("path"),
        )
        .sort(["events", "rule", "action"], descending=[True, False, False])
    )
    hurt = int(table.get_column("of_users").sum())
    return Panel(
        id="firewall",
        question=question,
        title=f"{hurt:,} of {count(frame.height, 'event')} hit addresses from which signed-in users also succeed"
        if hurt
        else f"{count(frame.height, 'event')}, none from an address with signed-in users that were seen",
        sentence="By rule; sampled by Cloudflare. Users whose log entries are hidden are not known here.",
        table=Table(
            columns=(
                Column(name="rule", telemetry=True),
                Column(name="action"),
                Column(name="events", align="right"),
                Column(name="addresses", align="right"),
                Column(name="of users", align="right"),
                Column(name="a path", telemetry=True),
            ),
            rows=tuple(table.head(20).iter_rows()),
        ),
    )


def db_pool(view: View) -> Panel:
    """Show the connection pool from figures that move, and what logs tell of it; the platform's own are constants."""
    return with_notes(_db_pool(view), *(f.claim for f in told(view, "kinds", "db-pool")))


def _db_pool(view: View) -> Panel:
    live = view.case.one("database/connections")
    if live is not None:
        return _rows_of(view, "database/connections", "Is the database's connection pool used up?")
    metrics = view.case.frames.metrics.filter(pl.col("at") >= view.case.window.start)
    active = metrics.filter(pl.col("name") == "db.active_connections").select("at", "value")
    size = metrics.filter(pl.col("name") == "db.connection_pool_size").select("at", "value")
    why = "; ".join(
        filter(
            None,
            (
                view.why_unseen("apm"),
                view.why_unseen("database"),
                "infra/health's figures are constants and not shown",
            ),
        )
    )
    return database_pool(active, size, view.marks, why_empty=why)


def db_activity(view: View) -> Panel:
    """Show long-running statements, where a read-only database address is configured."""
    return _rows_of(view, "database/activity", "Which statements have been running long?")


def db_figures(view: View) -> Panel:
    """Show database trouble as the logs and the database tell it."""
    from .logs import of_kinds

    if view.case.one("database/connections") is not None:
        return _rows_of(view, "database/connections", "How is the database?")
    return of_kinds("the database", "db_refused", "db_pool_saturated", "db_slow", "db_locks", "schema_errors")(view)


def _rows_of(view: View, prefix: str, question: str) -> Panel:
    found = view.case.one(prefix)
    if found is None:
        return no_data("database", question, view.why_unseen("database"), what="figures of the database")
    table: pl.DataFrame = found.value.rows
    if table.is_empty():
        return Panel(
            id="database",
            question=question,
            title="The database was asked and lists none",
            sentence="Read from the server itself, read-only.",
        )
    return Panel(
        id="database",
        question=question,
        title=f"{count(table.height, 'row')} from the server itself",
        sentence="Read-only, as the server gave it at the time of asking.",
        table=Table(
            columns=tuple(
                Column(
                    name=name.replace("_", " "),
                    telemetry=kind == pl.String,
                    align="left" if kind == pl.String else "right",
                )
                for name, kind in table.schema.items()
            ),
            rows=tuple(table.head(30).iter_rows()),
        ),
    )


def _probe_rows(view: View, routes: tuple[str, ...]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for route in routes:
        found = next((o for k, o in sorted(view.case.observations.items()) if k.startswith(f"api/{route}/")), None)
        found = found or view.case.observations.get(f"api/{route}")
        if found is None:
            continue
        if isinstance(found, Unavailable):
            rows.append((f"our probe of {ROUTES[route]}", found.reason.replace("_", " "), _why(found), "not seen"))
            continue
        result: Any = found.value
        bad = sum(1 for s in result.samples if s.kind not in ("ok", "route_missing", "refused"))
        words = (
            "not part of this deployment"
            if result.kind == "route_missing"
            else f"{len(result.samples) - bad} of {len(result.samples)} answered as they should"
        )
        worth = (
            "proves only that the Worker runs"
            if result.constant
            else "few samples: a small share of failures is missed"
        )
        rows.append(
            (
                f"our probe of {result.route}",
                words,
                f"{result.kind.replace('_', ' ')}, {result.median_ms:.0f} ms",
                worth,
            )
        )
    return rows


def _report_rows(view: View, only: str | None = None) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    found = _first(view, "monitoring/health")
    if isinstance(found, Observed):
        for check in found.value.checks:
            if only is None or check.name == only:
                worth = CONSTANT if check.constant else VAGUE if check.name in VAGUE_CHECKS else "its own word"
                rows.append((f"monitoring: {check.name}", quoted(check.state), quoted(check.details), worth))
    elif found is not None:
        rows.append(("monitoring/health", found.reason.replace("_", " "), _why(found), "not seen"))
    if only is None:
        infra = _first(view, "infra/health")
        if isinstance(infra, Unavailable):
            rows.append(
                ("infra/health", infra.reason.replace("_", " "), _why(infra), "a failing KV or R2 looks like this")
            )
        elif infra is not None:
            rows.append(
                ("infra/health", "answered", quoted(infra.detail) or "read", "most of its figures are constants")
            )
    return rows


def _database_rows(view: View) -> list[tuple[Cell, ...]]:
    found = _first(view, "database/connections")
    if found is None:
        return []
    if isinstance(found, Unavailable):
        return [("the database itself", found.reason.replace("_", " "), _why(found), "not seen")]
    return [("the database itself", "answered", "see the pool", "read from the server")]


def _frontend_rows(view: View) -> list[tuple[Cell, ...]]:
    found = _first(view, "frontend/page")
    if found is None:
        return []
    if isinstance(found, Unavailable):
        return [("frontend /", found.reason.replace("_", " "), _why(found), "not seen")]
    return [
        ("frontend /", "answered", quoted(found.detail) or "the page was read", "the page itself, not what it loads")
    ]


def _first(view: View, prefix: str) -> AnyObservation | None:
    return next(
        (o for k, o in sorted(view.case.observations.items()) if k == prefix or k.startswith(prefix + "/")), None
    )


def _report(view: View, question: str, rows: list[tuple[Cell, ...]]) -> Panel:
    if not rows:
        return no_data("reports", question, view.why_unseen("api", "monitoring"), what="reports")
    unseen = [row for row in rows if row[3] == "not seen"]
    bad = [row for row in rows if row[3] != "not seen" and not _calm(str(row[1]))]
    asked = len(rows) - len(unseen)
    left = f"; {len(unseen)} not seen" if unseen else ""
    if bad:
        title = f"{len(bad)} of {asked} {'does' if len(bad) == 1 else 'do'} not{left}"
    elif asked:
        title = f"{asked} of {len(rows)} say so{left}" if unseen else f"All {asked} say so; see what each is worth"
    else:
        title = f"None of {len(rows)} was seen"
    if len(rows) == 1 and asked:
        title = "What was asked does not" if bad else "What was asked says so; see what that is worth"
    return Panel(
        id="reports",
        question=question,
        title=title,
        sentence="Our own probes first, then what the platform reports of itself, each with what it proves.",
        table=Table(
            columns=(
                Column(name="who"),
                Column(name="says", claim=True),
                Column(name="detail", claim=True),
                Column(name="what that is worth"),
            ),
            rows=tuple(rows),
        ),
    )


def _why(unseen: Unavailable) -> str:
    """Return why there is no answer: our own words where nobody was asked, else what may quote the other side."""
    return unseen.detail if unseen.reason in ("not_configured", "not_asked") else quoted(unseen.detail)


def _calm(words: str) -> bool:
    if words in (quoted("healthy"), "answered", "not part of this deployment"):
        return True
    parts = words.split()
    return len(parts) > 2 and parts[0] == parts[2] and parts[0].isdigit()
