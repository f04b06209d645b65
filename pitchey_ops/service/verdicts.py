"""What runs tell: a verdict onto its incident, severity raised by it, the next look placed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..postmortem.gathered import moment
from . import incident_tables as t
from .followups import next_look, watch
from .incident_models import LEVELS, Rules
from .incident_rows import change, locked, tell
from .intake.grouping import graver, raised

LONGEST_SUMMARY = 2000
KEPT = ("state", "cause", "confidence", "severity", "onset", "summary", "next_step")


def run_reported(
    connection: sa.Connection, incident_id: str, run_id: str, report: Mapping[str, Any], now: datetime, rules: Rules
) -> bool:
    """Take a run's verdict onto its incident; False where it was taken before, or there is no such incident."""
    row = locked(connection, incident_id)
    if row is None:
        return False
    asked = _asked(connection, row, run_id, report, now)
    if asked["reported_at"] is not None:
        return False
    verdict = _verdict(report)
    state = str(verdict.get("state") or "inconclusive")
    mine = t.asked.c.run_id == run_id
    connection.execute(sa.update(t.asked).where(mine).values(reported_at=now, state=state[:16]))
    told = {"run": run_id, "runbook": asked["runbook"], "reason": asked["reason"], **verdict}
    tell(connection, row, {"event": "run", **told}, now)
    _keep(connection, row, {**told, "at": now.isoformat()}, now)
    severity = verdict.get("severity")
    if severity in LEVELS and state != "healthy" and graver(severity, row):
        raised(connection, row, severity, run_id, now, rules)
    if row["state"] == "resolved" and state == "incident":
        _came_back(connection, row, verdict, run_id, now)
    if asked["step"] is not None:
        next_look(connection, row, asked, now, rules)
    elif state != "healthy":
        watch(connection, row, asked["runbook"], _scheduled(report), now, rules)
    return True


def _asked(
    connection: sa.Connection, row: Mapping[str, Any], run_id: str, report: Mapping[str, Any], now: datetime
) -> Mapping[str, Any]:
    found = connection.execute(sa.select(t.asked).where(t.asked.c.run_id == run_id)).mappings().first()
    if found is not None:
        return dict(found)
    run = report.get("run")
    runbook = str(run.get("runbook") or "triage") if isinstance(run, dict) else "triage"
    values = {
        "run_id": run_id,
        "incident_id": row["id"],
        "runbook": runbook[:64],
        "reason": "person",
        "severity": row["severity"],
        "step": None,
        "began_at": now,
        "due_at": now,
        "reported_at": None,
        "state": None,
    }
    connection.execute(sa.insert(t.asked).values(**values))
    return values


def _verdict(report: Mapping[str, Any]) -> dict[str, Any]:
    verdict = report.get("verdict")
    if not isinstance(verdict, Mapping):
        return {"state": "inconclusive"}
    kept = {name: verdict.get(name) for name in KEPT}
    if isinstance(kept["summary"], str):
        kept["summary"] = kept["summary"][:LONGEST_SUMMARY]
    return kept


def _keep(connection: sa.Connection, row: dict[str, Any], told: dict[str, Any], now: datetime) -> None:
    """Put a verdict on the incident: that of a look at its recovery stands beside the one it follows."""
    before = None if row["verdict"] is None else json.loads(row["verdict"])
    if told["reason"] in ("watch", "verify") and before is not None:
        before["watch"] = told
        told = before
    change(connection, row, now, verdict=json.dumps(told, ensure_ascii=True))


def _came_back(
    connection: sa.Connection, row: dict[str, Any], verdict: Mapping[str, Any], run_id: str, now: datetime
) -> None:
    """Open a resolved incident again if what a run saw began after it was resolved; else it saw what is over."""
    onset = moment(verdict.get("onset"))
    if onset is None or onset <= row["resolved_at"]:
        return
    entry = {"event": "reopened", "why": "a run saw it begin again after it was resolved", "run": run_id}
    tell(connection, row, entry, now, state="open", resolved_at=None, resolved_by=None)


def _scheduled(report: Mapping[str, Any]) -> list[str]:
    steps = report.get("steps")
    rows = [step for step in steps if isinstance(step, Mapping)] if isinstance(steps, list) else []
    return [str(step.get("id")) for step in rows if step.get("status") == "scheduled"]
