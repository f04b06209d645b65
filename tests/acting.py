"""What tests of actions share: a sandbox with its state, hands on it, facts of its incident, and its snapshot."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from pitchey_ops.actions import Deployed, Facts, Plan, plan
from pitchey_ops.actions.apply import Hands, SandboxClock, look
from pitchey_ops.actions.apply.credentials import Credentials
from pitchey_ops.evidence.archive import Archive
from pitchey_ops.sandbox.mending import running
from pitchey_ops.sandbox.serve import Running
from pitchey_ops.sandbox.thirdparty.cloudflare_writes import KV_AT_START
from pitchey_ops.settings import Settings, load

INCIDENT = "INC-20261123-081500-ab2c"
SCRIPT = "pitchey-production"
STRANGER = "45.129.14.7"
PERSON = {"who": "Dana", "why": "a test"}


def hands_on(sandbox: Running, folder: Path, **settings: Any) -> Hands:
    """Hands on *sandbox* whose clock is moved on instead of waited for."""
    values = {"origin": sandbox.url, "archive": folder, "actions_per_10_min": 100, **settings}
    return Hands(
        settings=load("sandbox", overrides=values),
        archive=Archive(folder),
        clock=SandboxClock(sandbox.url, hurry=True),
        known=Credentials({}),
    )


def facts_on(sandbox: Running, hands: Hands, **more: Any) -> Facts:
    """Facts of the sandbox's incident, as a run would have found them."""
    truth = sandbox.state.world.truth
    assert truth is not None
    onset = None if truth.onset_ms is None else datetime.fromtimestamp(truth.onset_ms / 1000, UTC)
    facts = Facts(
        environment="sandbox",
        settings=hands.settings,
        now=hands.clock.now(),
        incident=INCIDENT,
        severity="P2",
        state="incident",
        summary="35 % of the requests to pitch fail since the deployment",
        cause=truth.cause,
        confidence=0.9,
        onset=onset,
        onset_uncertainty_s=30.0,
        failing_share=0.3,
        users=120,
        routes=truth.routes,
        services=truth.services,
    )
    return replace(facts, **more)


def simple_facts(settings: Settings | None = None, **more: Any) -> Facts:
    """Facts without any sandbox: two versions, the newer one bad."""
    now = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
    values: dict[str, Any] = {
        "environment": "sandbox",
        "settings": settings or load("sandbox"),
        "now": now,
        "incident": INCIDENT,
        "severity": "P2",
        "state": "incident",
        "cause": "bad_deployment",
        "summary": "pitch fails",
        "onset": now - timedelta(minutes=12),
        "onset_uncertainty_s": 20.0,
        "deployments": (
            Deployed(script=SCRIPT, version="good", at=now - timedelta(hours=9)),
            Deployed(script=SCRIPT, version="bad", at=now - timedelta(minutes=13)),
        ),
    }
    return Facts(**{**values, **more})


ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "slack-resolution": {"resolution": "rolled back"},
    "alert-resolve": {"resolution": "rolled back"},
    "unblock": {"addresses": [STRANGER]},
    "block": {"addresses": [STRANGER, "77.91.68.0/24", "2a0e:1c80:1:2::/64"], "hours": 1.0},
    "purge-cache": {"paths": ["/", "/assets/index-4f9c2a1b.js"]},
    "pagerduty-note": {"note": "looking"},
    "pagerduty-change": {"summary": "a change by hand"},
    "tickets": {"items": ["alert on 5xx per route", "canary deployments"]},
    "tighten": {"path": "/api/auth/login", "requests": 10},
    "redeploy": {"script": "pitchey-logs"},
    "warm-cache": {"routes": ["/api/pitches", "/api/browse"]},
    "statuspage-create": {"components": ["cmp-api"]},
    "statuspage-update": {"components": ["cmp-api"], "status": "identified"},
}
"""Arguments that each action takes in these tests."""

_SOURCES = itertools.count()
DATABASE = ("end-backend", "cancel-query")


def prepare(name: str, sandbox: Running, hands: Hands) -> dict[str, Any]:
    """Make the sandbox such that the action *name* has something to act on; return more arguments."""
    if name in ("alert-acknowledge", "alert-resolve"):
        return {"alert": trigger(sandbox)}
    if name in ("pagerduty-acknowledge", "pagerduty-resolve", "pagerduty-note"):
        open_incident(sandbox, hands)
    if name == "statuspage-update":
        body = {"incident": {"name": "Elevated errors", "status": "investigating", "body": "We look."}}
        url = f"{sandbox.url}/_statuspage/v1/pages/sandbox-page/incidents"
        httpx.post(url, json=body).raise_for_status()
    if name == "unblock":
        body = {"mode": "block", "configuration": {"target": "ip", "value": STRANGER}, "notes": "by hand"}
        httpx.post(zone(sandbox, "firewall/access_rules/rules"), json=body).raise_for_status()
    if name == "under-attack-off":
        httpx.patch(zone(sandbox, "settings/security_level"), json={"value": "under_attack"}).raise_for_status()
    return {}


def planned(name: str, sandbox: Running, hands: Hands, /, **given: Any) -> Plan:
    """Plan *name* on the sandbox as the command line does: the world is read first."""
    arguments = {**ARGUMENTS.get(name, {}), **prepare(name, sandbox, hands), **given}
    facts, filled, unseen = look(name, facts_on(sandbox, hands), arguments, hands)
    assert not unseen, unseen
    made = plan(name, facts, **filled)
    assert made.possible, made.why_not
    return made


def zone(sandbox: Running, path: str) -> str:
    """Address below the sandbox's Cloudflare zone."""
    return f"{sandbox.url}/_cf_api/client/v4/zones/sandbox-zone/{path}"


def trigger(sandbox: Running) -> str:
    """Trigger an alert of the platform and return its id."""
    source = f"test-{next(_SOURCES)}"  # a source that was used is throttled for a quarter of an hour
    body = {"type": "critical", "title": "High error rate", "message": "x", "source": source}
    return str(httpx.post(f"{sandbox.url}/alerts/trigger", json=body).json()["alertId"])


def open_incident(sandbox: Running, hands: Hands) -> None:
    """Open our incident in PagerDuty, unless it is open."""
    body = {"routing_key": "k", "event_action": "trigger", "dedup_key": INCIDENT, "payload": {"summary": "x"}}
    httpx.post(f"{sandbox.url}/_pagerduty/v2/enqueue", json=body).raise_for_status()


def order(sandbox: Running, service: str, kind: str, times: int = 1) -> None:
    """Let the next changes of a service meet a fault."""
    body = {"service": service, "kind": kind, "times": times}
    httpx.post(f"{sandbox.url}/_sandbox/writes", json=body).raise_for_status()


def calm(sandbox: Running) -> None:
    """Take back what a test left in the sandbox's third parties, so that the next one begins anew."""
    state = sandbox.state
    state.writes.waiting.clear()
    state.breaks.change(dict.fromkeys(state.breaks.as_dict()))
    state.secrets_changed = ()
    state.access_rules.clear()
    state.rulesets.clear()
    state.security_level = "medium"
    state.statuspage_incidents.clear()
    state.statuspage_components.clear()
    state.slack_messages.clear()
    state.pagerduty_incidents.clear()
    state.pagerduty_notes.clear()
    state.pagerduty_changes.clear()
    state.alerts.clear()
    state.kv.clear()
    state.kv.update(KV_AT_START)


def snapshot(sandbox: Running) -> dict[str, Any]:
    """What is in force in the sandbox: what a visitor, a responder or a customer could notice."""
    state = sandbox.state
    scripts = sorted({one.script for one in state.world.deployments})
    return {
        "running": {script: getattr(running(state, script), "version_id", None) for script in scripts},
        "level": state.security_level,
        "rules": sorted((r["mode"], r["configuration"]["value"], r["notes"]) for r in state.access_rules.values()),
        "rulesets": {
            phase: (one["id"], [(rule["id"], rule["expression"]) for rule in one["rules"]])
            for phase, one in sorted(state.rulesets.items())
        },
        "kv": dict(state.kv),
        "slack": [m["text"] for m in state.slack_messages if m["channel"] == "C0INCIDENTS"],
        "pagerduty": sorted(i["incident_key"] for i in state.pagerduty_incidents if i["status"] != "resolved"),
        "statuspage": sorted((i["name"], i["status"]) for i in state.statuspage_incidents if i["status"] != "resolved"),
        "components": {k: v for k, v in state.statuspage_components.items() if v != "operational"},
        "alerts": sorted(a.id for a in state.alerts.values() if a.status != "resolved"),
    }
