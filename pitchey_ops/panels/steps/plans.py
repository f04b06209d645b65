"""
Panels of actions as they would be planned: what, when, why, with what risk. Nothing here can send.

What carries actions out lives apart (`pitchey_ops.actions`).
"""

from __future__ import annotations

from collections.abc import Callable

from ..base import Panel
from ..charts.people import ActionCard, planned_actions
from ..view import View

Card = Callable[[View], ActionCard]


def plan_of(step: str) -> Callable[[View], Panel]:
    """Return the panel function of the action *step*."""

    def panel(view: View) -> Panel:
        return planned_actions([_CARDS[step](view)])

    return panel


def _alert(view: View) -> str:
    return view.context.alerts[0].id if view.context.alerts else ""


def _fact(view: View) -> str:
    return view.analysis.verdict.summary


def _ack_slack(view: View) -> ActionCard:
    return ActionCard(
        step="initial.ack-slack",
        title="Say in #incidents that somebody looks",
        would=f"one message in the incident's thread: “Investigating {view.context.incident_id}”",
        when="at once, by whoever takes it",
        why="it stops others from starting over",
        risk="none",
        undo="delete the message",
    )


def _ack_api(view: View) -> ActionCard:
    alert = _alert(view)
    return ActionCard(
        step="initial.ack-api",
        title="Acknowledge the alert at the alerts service",
        would=f"POST /alerts/acknowledge with alertId {alert}" if alert else "POST /alerts/acknowledge",
        when="at once; an unknown or throttled id is answered with 500 and nothing is changed",
        why="it stops the escalation",
        risk="a 500 may still have stored it; then PagerDuty is not told and is acknowledged directly",
        undo="cannot be undone",
        status="planned" if alert else "not possible",
    )


def _slack_update(view: View) -> ActionCard:
    return ActionCard(
        step="initial.slack-update",
        title="Status update to #incidents",
        would=f"one message: “{_fact(view)}”",
        when="when the verdict is known, and whenever it changes",
        why="everybody reads the same facts",
        risk="none",
        undo="send a correction",
    )


def _escalate(view: View) -> ActionCard:
    severe = view.analysis.verdict.severity in ("P1", "P2")
    return ActionCard(
        step="initial.escalate",
        title="Page who is on call",
        would="a PagerDuty event with the severity, the verdict and the report's address",
        when=f"for P1 and P2; this is {view.analysis.verdict.severity}",
        why=view.analysis.verdict.why_severity,
        risk="wakes somebody",
        undo="resolve the page",
        status="planned" if severe else "not possible",
    )


def _pagerduty(view: View) -> ActionCard:
    return ActionCard(
        step="initial.pagerduty",
        title="Create the PagerDuty incident unless one exists",
        would=f"a trigger event with dedup key {view.context.incident_id}",
        when="when no open incident has this key",
        why="clock, responders and timeline are kept there",
        risk="pages who is on call",
        undo="resolve it with the same key",
    )


def _rollback(view: View) -> ActionCard:
    verdict, script = view.analysis.verdict, view.settings.worker_script
    target = _healthy_version(view)
    likely = verdict.cause in ("bad_deployment", "schema_drift", "frontend_build")
    return ActionCard(
        step="outage.rollback",
        title=f"Roll {script} back to {target or 'the version before the onset'}",
        would=f"POST .../scripts/{script}/deployments, 100 % of version {target or '(not known)'}; never forced",
        when="when a deployment lies just before the onset and the errors are of the new release",
        why=_fact(view) if likely else "the leading cause is another one: a rollback would not help",
        risk="bound data (D1, KV) is not rolled back; changed secrets (10220) stop it and are shown to you",
        undo="deploy the present version again",
        command=f"pitchey-ops action plan rollback --incident {view.context.incident_id}",
        status="planned" if likely and target else "not possible",
    )


def _healthy_version(view: View) -> str | None:
    onset = view.analysis.verdict.onset
    frame = view.case.frames.deployments
    rows = [row for row in frame.iter_rows(named=True) if row["script"] == view.settings.worker_script]
    if onset is None or not rows:
        return None
    slack_s = min(300.0, max(60.0, view.analysis.verdict.onset_uncertainty_s or 0.0))
    before = [row for row in rows if (row["at"] - onset).total_seconds() <= slack_s]
    if len(before) < 2:
        return str(before[-1]["previous"]) if before and before[-1]["previous"] else None
    return str(before[-2]["version"]) if before[-2]["version"] else None


def _under_attack(view: View) -> ActionCard:
    likely = view.analysis.verdict.cause == "traffic_flood"
    return ActionCard(
        step="outage.under-attack",
        title="Under Attack mode for the zone",
        would="PATCH /zones/.../settings/security_level to under_attack; the old level is kept for going back",
        when="when a flood of requests comes from many addresses",
        why=_fact(view) if likely else "no flood was found",
        risk="every visitor is challenged; API clients and webhooks fail",
        undo="the old level is set again",
        status="planned" if likely else "not possible",
    )


_CARDS: dict[str, Card] = {
    "initial.ack-slack": _ack_slack,
    "initial.ack-api": _ack_api,
    "initial.slack-update": _slack_update,
    "initial.escalate": _escalate,
    "initial.pagerduty": _pagerduty,
    "outage.rollback": _rollback,
    "outage.under-attack": _under_attack,
}
