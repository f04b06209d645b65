"""Panels for people: severity and its clock, who to reach, what only they can do."""

from __future__ import annotations

from dataclasses import replace

from ...models.observation import Observed
from ..base import Cell, Column, Panel, Table
from ..charts.people import PersonStep, checklist, severity_clock
from ..view import View

AREAS = {
    "database_down": ("database", "devops"),
    "database_pool_exhausted": ("database", "platform"),
    "database_slow": ("database", "platform"),
    "database_locked": ("database", "platform"),
    "cloudflare_incident": ("cloudflare", "devops"),
    "traffic_flood": ("security", "cloudflare"),
    "brute_force": ("security",),
    "injection_attack": ("security",),
    "scraping": ("security",),
    "rate_limit_bypass": ("security",),
}


def severity(view: View) -> Panel:
    """Show the proposed severity with its reason, the response clock, and which runbook is next."""
    alerts = [alert.at for alert in view.context.alerts]
    verdict = view.analysis.verdict
    panel = severity_clock(
        verdict.severity,
        since=min(alerts) if alerts else None,
        at=view.case.now,
        why=verdict.why_severity,
    )
    next_ones = view.rule("route")
    if not next_ones:
        note = "No other runbook follows from what was seen." if view.runbook.id == "triage" else ""
        return replace(panel, notes=(*panel.notes, *filter(None, (note,))))
    claims = {finding.id: finding.claim for finding in view.analysis.findings}
    return replace(
        panel,
        table=Table(
            columns=(Column(name="runbook"), Column(name="because"), Column(name="seen", claim=True)),
            rows=tuple(
                (
                    finding.data["runbook"],
                    finding.claim.partition(": ")[2],
                    "; ".join(claims.get(one, one) for one in finding.data["because"][:2]) or None,
                )
                for finding in next_ones
            ),
            caption="Which runbook next, first one first.",
        ),
    )


def contacts(view: View) -> Panel:
    """Show who to reach for this severity and area, and who is on call."""
    verdict = view.analysis.verdict
    first = (*AREAS.get(verdict.cause or "", ("platform",)), "management" if verdict.severity == "P1" else "")
    known = view.settings.contacts
    order = [*(name for name in first if name in known), *(name for name in known if name not in first)]
    rows: list[tuple[Cell, ...]] = []
    seen = next((o for k, o in sorted(view.case.observations.items()) if k.startswith("pagerduty/oncalls")), None)
    if isinstance(seen, Observed):
        rows += [(f"on call, level {one.level}", one.person, one.policy or "", "now") for one in seen.value[:8]]
    for name in order:
        entry = known[name]
        if isinstance(entry, dict):
            reach = entry.get("slack") or entry.get("how") or ""
            rows.append((name, entry.get("who", name), reach, "first" if name in first else ""))
    level = next((str(row[1]) for row in rows if str(row[0]).startswith("on call")), "")
    note = () if isinstance(seen, Observed) else (f"On call: {view.why_unseen('pagerduty')}",)
    return Panel(
        id="contacts",
        question="Who has to know, and who can help?",
        title=f"On call now: {level}" if level else f"First: {rows[0][1] if rows else 'no contacts are configured'}",
        sentence="People on call by level, then teams and vendors; those for this cause and severity first.",
        table=Table(
            columns=(
                Column(name="role"),
                Column(name="who", telemetry=True),
                Column(name="where"),
                Column(name="when"),
            ),
            rows=tuple(rows),
        ),
        notes=note,
    )


def dashboard(view: View) -> Panel:
    """Prepare the look at the platform's dashboard, with the figures that it would have to show."""
    link = view.settings.dashboard_url or "not configured (dashboard_url)"
    share = view.analysis.verdict.impact.requests_failing_share
    how = "unknown" if share is None else f"{share:.1%} failing requests"
    return checklist(
        [
            PersonStep(
                step="initial.dashboard",
                what="Look at the monitoring dashboard beside this report",
                how=f"it should show {how}; where it is calmer, believe the edge and the logs",
                link=link,
            )
        ]
    )


def cloudflare_dashboard(view: View) -> Panel:
    """Prepare the look at Cloudflare's dashboard."""
    account = view.settings.cloudflare_account
    place = f"https://dash.cloudflare.com/{account}" if account else "https://dash.cloudflare.com"
    return checklist(
        [
            PersonStep(
                step="outage.cf-dashboard",
                what="Check the Worker's metrics and the zone's analytics and events",
                how="Workers > the main Worker > Metrics; then the zone > Analytics > Security",
                link=place,
            )
        ]
    )
