"""What ``make demo`` shows: an alert, the run that it starts, and where the report is."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from ..errors import RunError
from ..models.report import Alert
from ..runbooks.lifecycle import Finished, Order, run_order
from .running import told

ALERT = {
    "type": "critical",
    "title": "High error rate",
    "message": "More than 5 % of requests fail",
    "source": "apm",
    "component": "api",
    "severity": 1,
}


def demonstrate(origin: str, runbook: str) -> int:
    """Post the alert to the platform at *origin*, run *runbook* for it, and print the outcome."""
    return told(alerted(origin, runbook, ALERT), as_json=False)


def alerted(origin: str, runbook: str, alert: Mapping[str, Any]) -> Finished:
    """Post *alert* to the platform at *origin* and run *runbook* for it."""
    answer = httpx.post(f"{origin}/alerts/trigger", json=dict(alert), timeout=10.0, trust_env=False)
    if answer.status_code != 200:
        raise RunError(f"the sandbox refused the alert ({answer.status_code}); nothing was run")
    alert_id = str(answer.json()["alertId"])
    sys.stdout.write(f"sandbox     {origin}\nalert       {alert_id}: {alert['title']}\n")
    sys.stdout.flush()
    os.environ["PITCHEY_OPS_ORIGIN"] = origin
    order = Order(
        runbook=runbook,
        environment="sandbox",
        alerts=(
            Alert(
                id=alert_id,
                kind="pitchey",
                title=str(alert["title"]),
                at=datetime.now(UTC),
                severity="P2",
                service="api",
            ),
        ),
        started_by="alert",
    )
    return run_order(order)
