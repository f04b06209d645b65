"""
Panels of actions as they would be planned: what, when, why, with what risk. Nothing here can send.

What carries actions out lives apart (`pitchey_ops.actions`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ...findings._requests import requests, spans
from ...findings.security import plan as blocks_of
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


def _cache_warming(view: View) -> ActionCard:
    routes = _busy_public(view)
    likely = view.analysis.verdict.cause == "cache_degraded"
    return ActionCard(
        step="performance.cache-warming",
        title="Warm the cache for the busiest public routes",
        would=f"one GET a second to {', '.join(routes)}" if routes else "GET the busiest public routes, one a second",
        when="after the cache has lost its content, once it works again; never while the database is overloaded",
        why=_fact(view) if likely else "the cache is not the leading cause: warming would only add load",
        risk="adds a request a second; no signed-in route is asked",
        undo="nothing to undo",
        command=f"pitchey-ops action plan warm-cache --incident {view.context.incident_id}",
        status="planned" if likely and routes else "not possible",
    )


def _busy_public(view: View) -> list[str]:
    seen = requests(view.case)
    if seen is None:
        return []
    _, _, start, end = spans(view.case)
    table = seen.by_route(start, end).sort(["requests", "route"], descending=[True, False])
    public = [r for r in table.get_column("route").to_list() if r.startswith("/api/") and ":id" not in r]
    private = ("/auth", "/me", "/dashboard", "/portfolio", "/payments", "/upload", "/notifications", "/messages")
    return [r for r in public if not any(word in r for word in private)][:5]


def _block_ips(view: View) -> ActionCard:
    blocks = blocks_of(view.case)
    first = ", ".join(block.target for block in blocks.proposed[:6])
    more = len(blocks.proposed) - 6
    refused = f"; {len(blocks.refused)} accused addresses are ours or shared and are refused" if blocks.refused else ""
    cost = sum(block.ok_requests_address for block in blocks.proposed)
    return ActionCard(
        step="security.block-ips",
        title=f"Block {len(blocks.proposed)} addresses at Cloudflare",
        would=f"one access rule each, mode block, with reason and end: {first}"
        + (f" and {more} more" if more > 0 else "")
        if blocks.proposed
        else "one access rule for each accused address",
        when="when an address is accused, and what it would cost is acceptable",
        why=_fact(view) if blocks.proposed else "nobody is accused",
        risk=f"{cost} successful requests of this window came from them{refused}",
        undo="each rule ends by itself; remove it earlier by its id",
        command=f"pitchey-ops action plan block --incident {view.context.incident_id}",
        status="planned" if blocks.proposed else "not possible",
    )


def _security_under_attack(view: View) -> ActionCard:
    return replace(_under_attack(view), step="security.under-attack")


def _tighten(view: View) -> ActionCard:
    cause = view.analysis.verdict.cause
    paths = {
        "brute_force": "/api/auth/login",
        "scraping": "the catalogue's routes",
        "rate_limit_bypass": "by session and agent instead of by address",
    }
    page = view.case.one("frontend/page")
    absent = [name for name, value in page.value.security_headers.items() if not value] if page is not None else []
    headers = f"; absent security headers: {', '.join(absent)}" if absent else ""
    return ActionCard(
        step="security.tighten",
        title="Tighter rate limits and a challenge for the attacked path",
        would=f"a rate-limit rule and a managed challenge for {paths.get(cause or '', 'the attacked path')}{headers}",
        when="when attackers come from too many addresses to block them one by one",
        why=_fact(view) if cause in paths else "no attack on a path leads",
        risk="people and API clients behind one address may be challenged",
        undo="delete the rule; it carries an end",
        command=f"pitchey-ops action plan tighten --incident {view.context.incident_id}",
        status="planned" if cause in paths else "not possible",
    )


def _pool_restart(view: View) -> ActionCard:
    finding = next((f for f in view.rule("database") if f.id.endswith(("/leaks", "/blocking", "/connections"))), None)
    likely = view.analysis.verdict.cause in ("database_pool_exhausted", "database_locked")
    root = next((f.data["roots"][0] for f in view.rule("database") if f.data.get("roots")), None)
    target = f"process {root['blocked_by']}" if root else "the oldest backend that is idle in transaction"
    return ActionCard(
        step="database.pool-restart",
        title=f"End {target}; then enlarge or restart the pool where the platform offers it",
        would="select pg_terminate_backend(pid) with a role that may do so; a pooler restarts by its own",
        when="when one backend blocks the others, or leaked connections use the pool up",
        why=finding.claim if likely and finding is not None else _fact(view) if likely else "no pool or lock leads",
        risk="the ended transaction is rolled back; what it did is lost",
        undo="cannot be undone",
        command=f"pitchey-ops action plan end-backend --incident {view.context.incident_id}",
        status="planned" if likely else "not possible",
    )


def _test_alert(view: View) -> ActionCard:
    return ActionCard(
        step="monitoring.test-alert",
        title="Send a test alert and prove that it arrives",
        would="POST /alerts/trigger, type info, with a fresh source; then look for it in Slack and PagerDuty",
        when="when alerts are missed, and after every change of a channel",
        why="a 200 of the trigger never proves delivery, and a throttled one answers alike",
        risk="one message that says that it is a test",
        undo="resolve the test alert",
        command=f"pitchey-ops action plan test-alert --incident {view.context.incident_id}",
    )


def _redeploy(view: View) -> ActionCard:
    bad = [f for f in view.rule("monitoring") if f.service]
    script = bad[0].service if bad else "the failing monitoring Worker"
    return ActionCard(
        step="monitoring.redeploy",
        title=f"Redeploy {script}",
        would=f"POST .../scripts/{script}/deployments, 100 % of its last version that worked",
        when="when a monitoring Worker ends badly or its jobs left no trace, after its last deployment was looked at",
        why=bad[0].claim if bad else "no monitoring Worker was seen to fail",
        risk="a gap of seconds in its figures",
        undo="deploy the present version again",
        command=f"pitchey-ops action plan redeploy --incident {view.context.incident_id}",
        status="planned" if bad else "not possible",
    )


def _clear_state(view: View) -> ActionCard:
    return ActionCard(
        step="monitoring.clear-state",
        title="Clear cached figures and the monitoring's state",
        would="delete the cached answers of /logs/stats and the last stored health report, by name",
        when="when a cached answer is provably wrong for longer than its five minutes",
        why="the stores forget by themselves; clearing them loses what the next responder could compare with",
        risk="counters and baselines begin anew",
        undo="cannot be undone",
        command=f"pitchey-ops action plan clear-state --incident {view.context.incident_id}",
        status="planned"
        if view.analysis.verdict.cause in ("monitoring_blind", "monitoring_stopped")
        else "not possible",
    )


def _end_to_end(view: View) -> ActionCard:
    return ActionCard(
        step="monitoring.end-to-end",
        title="Send a marked log entry and a metric, and read both back",
        would="POST /logs/ingest and /apm/metrics with a mark of this run; then read by service and name until seen",
        when="when freshness cannot be told because a store is blind, and after every repair",
        why="it is the only proof that data flows end to end, and gives the delay",
        risk="one entry and one point, marked as a test",
        undo="they expire after 7 days",
        command=f"pitchey-ops action plan end-to-end --incident {view.context.incident_id}",
    )


_CARDS: dict[str, Card] = {
    "initial.ack-slack": _ack_slack,
    "initial.ack-api": _ack_api,
    "initial.slack-update": _slack_update,
    "initial.escalate": _escalate,
    "initial.pagerduty": _pagerduty,
    "outage.rollback": _rollback,
    "outage.under-attack": _under_attack,
    "performance.cache-warming": _cache_warming,
    "security.block-ips": _block_ips,
    "security.under-attack": _security_under_attack,
    "security.tighten": _tighten,
    "database.pool-restart": _pool_restart,
    "monitoring.test-alert": _test_alert,
    "monitoring.redeploy": _redeploy,
    "monitoring.clear-state": _clear_state,
    "monitoring.end-to-end": _end_to_end,
}
