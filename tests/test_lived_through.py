"""A whole incident, lived through by the commands that a person types: from the alert to the postmortem."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from homes import ops

from pitchey_ops.models.report import Alert
from pitchey_ops.runbooks.lifecycle import Order, run_order
from pitchey_ops.sandbox.generate import build
from pitchey_ops.sandbox.mending import running
from pitchey_ops.sandbox.serve import Running

pytestmark = pytest.mark.slow

SCENARIO = "version_inbox"
"""Production's release broke it; ten minutes before, somebody had deployed the frontend, which is innocent."""
WRONG, RIGHT = "pitchey-frontend", "pitchey-production"
BROKEN, MENDED = 0.05, 0.02
"""Failing share on the incident's routes, above and below which the sandbox is what its name says."""


@pytest.fixture(scope="module")
def platform() -> Iterator[Running]:
    """The sandbox with the incident."""
    with Running(build(SCENARIO, seed=0, now_ms=round(time.time() * 1000), entries=20_000)) as made:
        yield made


def _said(done: subprocess.CompletedProcess[str], *codes: int) -> dict[str, Any]:
    assert done.returncode in codes, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def _lines(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line)["entry"] for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def _act(action: str, *more: str, incident: str, env: Mapping[str, str], why: str) -> tuple[str, dict[str, Any]]:
    """Plan, apply and watch an action as it is typed; return its digest and what the watch said."""
    made = _said(ops("action", "plan", action, *more, "--incident", incident, "--json", env=env), 0)
    words = ("--confirm", made["confirmation"], "--why", why, "--who", "dana", "--hurry", "--json")
    assert _said(ops("action", "apply", made["digest"], *words, env=env), 0)["state"] == "applied"
    # few people write messages: a longer look than the plan's five minutes sees enough of them
    longer = ("--window", "3600") if action == "rollback" else ()
    seen = _said(ops("action", "check", made["digest"], *longer, "--hurry", "--json", env=env), 0, 3)
    found: dict[str, Any] = seen["check"]
    return made["digest"], found


def test_an_incident_from_its_alert_to_its_postmortem(
    platform: Running, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alert, triage, runbook, wrong rollback, FAILED and undone, right rollback, VERIFIED, resolved, written up."""
    env = {"PITCHEY_OPS_ORIGIN": platform.url, "PITCHEY_OPS_ARCHIVE": str(archive)}
    monkeypatch.setenv("PITCHEY_OPS_ORIGIN", platform.url)
    body = {"type": "critical", "title": "High error rate", "message": "errors", "source": "apm", "component": "api"}
    alert_id = httpx.post(f"{platform.url}/alerts/trigger", json=body).json()["alertId"]
    alert = Alert(id=alert_id, kind="pitchey", title="High error rate", at=datetime.now(UTC), severity="P2")
    before = {script: getattr(running(platform.state, script), "version_id", None) for script in (WRONG, RIGHT)}

    # the alert's own run, and the runbook that it sends the person to
    triage = run_order(Order(runbook="triage", environment="sandbox", alerts=(alert,), started_by="alert"))
    incident = triage.report["incident"]["id"]
    folder = archive / incident
    assert triage.report["verdict"]["state"] == "incident"
    outage = run_order(
        Order(runbook="outage", environment="sandbox", incident_id=incident, alerts=(alert,), started_by="person")
    )
    assert outage.report["verdict"]["cause"] == "bad_deployment", outage.report["verdict"]

    # somebody says that they have it
    for action in ("slack-acknowledge", "alert-acknowledge"):
        _, seen = _act(action, incident=incident, env=env, why="on it")
        assert seen["result"] == "VERIFIED", seen

    # the wrong one: the frontend was deployed as well, and is rolled back first
    wrong, seen = _act("rollback", f"script={WRONG}", incident=incident, env=env, why="it was deployed just before")
    assert seen["result"] == "FAILED", seen
    assert seen["undo"]
    assert seen["figures"]["after"] > BROKEN
    assert getattr(running(platform.state, WRONG), "version_id", None) != before[WRONG]
    back = _said(ops("action", "undo", wrong, "--why", "it did not help", "--json", env=env), 0)
    assert back["state"] == "undone"
    assert getattr(running(platform.state, WRONG), "version_id", None) == before[WRONG]

    # the right one
    _, seen = _act("rollback", incident=incident, env=env, why="errors of the new release")
    assert seen["result"] == "VERIFIED", seen
    assert seen["figures"]["after"] < MENDED
    assert getattr(running(platform.state, RIGHT), "version_id", None) != before[RIGHT]

    # it is over: told, resolved, looked at again, written up
    _act("slack-resolution", "resolution=rolled back to the version before", incident=incident, env=env, why="over")
    _, seen = _act("alert-resolve", "resolution=rolled back", incident=incident, env=env, why="over")
    assert seen["result"] == "VERIFIED", seen
    assert platform.state.alerts[alert_id].status == "resolved"
    assert ops("note", incident, "the frontend was a red herring", env=env).returncode == 0
    out = archive.parent / "review"
    written = ops("postmortem", incident, "--out", str(out), env=env)
    assert written.returncode == 0, written.stderr
    draft = next(out.glob("*.md")).read_text().replace("\\", "")  # Markdown's escapes
    for words in ("red herring", WRONG, RIGHT, "VERIFIED", "FAILED"):
        assert words.lower() in draft.lower(), words
    assert list(out.glob("*.json"))
    assert list(out.glob("*.csv"))

    events = [(row["action"], row.get("result") or row["event"]) for row in _lines(folder, "journal")]
    told = ("FAILED", "VERIFIED", "UNVERIFIED", "undone")
    course = [event for action, event in events if action == "rollback" and event in told]
    assert course == ["FAILED", "undone", "VERIFIED"], events
    sound = ops("verify", "--all", "--json", env=env)
    assert json.loads(sound.stdout)["problems"] == []
