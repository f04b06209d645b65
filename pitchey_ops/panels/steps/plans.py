"""
Panels of actions as they would be carried out: cards of real plans. Nothing here can send.

The plans come from `pitchey_ops.actions`, which knows no network either; what carries them out lives apart.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from ...actions import Deployed, Facts, Plan, for_step, plan
from ...actions.tighten import PATHS
from ...findings._requests import requests, spans
from ...findings.security import plan as blocks_of
from ..base import Panel
from ..charts.people import ActionCard, planned_actions
from ..view import View

SHOWN = 3
"""Changes and figures that a card names; the command shows them all."""

ADVISED: dict[str, tuple[str, ...]] = {
    "outage.rollback": ("bad_deployment", "schema_drift", "frontend_build"),
    "outage.under-attack": ("traffic_flood",),
    "security.under-attack": ("traffic_flood",),
    "performance.cache-warming": ("cache_degraded",),
    "security.tighten": ("brute_force", "scraping", "rate_limit_bypass"),
    "database.pool-restart": ("database_pool_exhausted", "database_locked"),
    "monitoring.clear-state": ("monitoring_blind", "monitoring_stopped"),
}
"""Steps that are only advised for some causes; a card of another cause says why not."""

NEEDS_LOOK = {
    "database.pool-restart": "the process is read from the database when the command plans it",
    "monitoring.clear-state": "the keys are listed first when the command plans it",
    "monitoring.redeploy": "what runs is read from Cloudflare when the command plans it",
}
"""Plans that need something read that no headless run reads; their cards say so."""


def plan_of(step: str) -> Callable[[View], Panel]:
    """Return the panel function of the action *step*."""

    def panel(view: View) -> Panel:
        return planned_actions([card_of(step, view)])

    return panel


def plan_for(step: str, view: View) -> Plan:
    """Return the plan of the action *step* on what *view* holds; nothing is sent."""
    action = for_step(step)
    assert action is not None, f"no action serves {step}"
    return plan(action.name, facts_of(view))


def card_of(step: str, view: View) -> ActionCard:
    """Return the card of the action *step*."""
    made = plan_for(step, view)
    cause = view.analysis.verdict.cause
    advised = step not in ADVISED or cause in ADVISED[step]
    looks = not made.possible and advised and step in NEEDS_LOOK and _worth_looking(step, view)
    would = "; ".join(change.words for change in made.changes[:SHOWN])
    if len(made.changes) > SHOWN:
        would += f"; and {len(made.changes) - SHOWN} more"
    if not would:
        would = NEEDS_LOOK[step] if looks else f"nothing: {made.why_not}"
    reach = "; ".join(one.text() for one in made.blast[:SHOWN])
    return ActionCard(
        step=step,
        title=made.title,
        would=would,
        when=made.when,
        why="; note: ".join([made.why or made.why_not, *(made.warnings[-SHOWN:] if made.possible else ())]),
        risk=made.risk + (f" (reaches: {reach})" if reach else ""),
        undo=made.undo_words,
        command=f"pitchey-ops action plan {made.action} --incident {view.context.incident_id}",
        status="planned" if advised and (made.possible or looks) else "not possible",
    )


def facts_of(view: View) -> Facts:
    """Return what a plan may know: the verdict, the findings and the tables of one investigation."""
    verdict, case = view.analysis.verdict, view.case
    deployments = tuple(
        Deployed(
            script=row["script"],
            version=row["version"],
            at=row["at"],
            previous=row["previous"],
            author=row["author"] or "",
            message=row["message"] or "",
        )
        for row in case.frames.deployments.sort("at").iter_rows(named=True)
        if row["script"] and row["version"]
    )
    page = case.one("frontend/page")
    level = case.one("cloudflare_api/security_level")
    return Facts(
        environment=view.settings.environment,
        settings=view.settings,
        now=case.now.astimezone(UTC),
        incident=view.context.incident_id,
        severity=verdict.severity,
        alerts=tuple(alert.id for alert in view.context.alerts),
        state=verdict.state,
        summary=verdict.summary,
        cause=verdict.cause,
        confidence=verdict.confidence,
        onset=verdict.onset,
        onset_uncertainty_s=verdict.onset_uncertainty_s,
        failing_share=verdict.impact.requests_failing_share,
        users=verdict.impact.users_affected,
        routes=verdict.impact.routes,
        services=verdict.impact.services,
        findings=tuple(
            {"id": one.id, "rule": one.rule, "claim": one.claim, "data": one.data, "service": one.service}
            for one in view.analysis.findings
        ),
        deployments=deployments,
        blocks=tuple(
            {
                "target": block.target,
                "reason": block.reason,
                "hours": block.hours,
                "side_effects": block.side_effects,
                "ok_requests": block.ok_requests_address,
            }
            for block in blocks_of(case).proposed
        ),
        requests_by_route=_by_route(view),
        current_level=getattr(level.value, "value", None) if level is not None else None,
        missing_headers=tuple(name for name, value in page.value.security_headers.items() if not value)
        if page is not None
        else (),
    )


def _by_route(view: View) -> dict[str, float]:
    seen = requests(view.case)
    if seen is None:
        return {}
    _, _, start, end = spans(view.case)
    rows: list[dict[str, Any]] = seen.by_route(start, end).to_dicts()
    return {str(row["route"]): float(row["requests"]) for row in rows if row["route"] is not None}


def _worth_looking(step: str, view: View) -> bool:
    """Whether the command would find something to act on: a Worker that was seen to fail, for a redeployment."""
    return step != "monitoring.redeploy" or any(finding.service for finding in view.rule("monitoring"))


assert set(PATHS) >= set(ADVISED["security.tighten"]), "every advised cause has a path"
