"""Acknowledge the platform's alert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _alerts
from .base import RESPONDER, drafted, one_line, refused
from .facts import Facts
from .models import Plan, Verification


class AlertAcknowledge:
    """One call to the alerts service; it stops the escalation."""

    name: ClassVar[str] = "alert-acknowledge"
    steps: ClassVar[tuple[str, ...]] = ("initial.ack-api",)
    changes: ClassVar[str] = "the state of one alert"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "the alerts' channel in Slack shows it"
    undone: ClassVar[str] = "cannot be undone"
    arguments: ClassVar[Mapping[str, str]] = {"alert": "id of the alert", "by": "who takes it"}

    def plan(self, facts: Facts, *, alert: str | None = None, by: str | None = None, **given: Any) -> Plan:
        """Return the plan; without an id nothing can be acknowledged."""
        title = "Acknowledge the alert at the alerts service"
        wanted = one_line(alert or (facts.alerts[0] if facts.alerts else ""), 200)
        arguments = {"alert": alert, "by": by, **given}
        if not wanted:
            return refused(self, facts, title, "no alert is known, and the service lists none (trap 24)", arguments)
        body = {"userId": one_line(by or "on-call", 100)}
        change, told = _alerts.changed(facts, "acknowledge", wanted, body, past="acknowledged")
        return drafted(
            self,
            facts,
            wanted,
            title,
            arguments,
            changes=(change,),
            when="at once; an unknown or throttled id is answered with 500 and nothing is changed",
            why="it stops the escalation",
            risk="a 500 may still have stored it; then PagerDuty is not told and is acknowledged directly",
            verification=Verification(words="Slack shows who acknowledged it", state=(told,)),
        )
