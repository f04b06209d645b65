"""Mark the platform's alert resolved, with what was done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _alerts
from .base import RESPONDER, drafted, one_line, refused, wanted
from .facts import Facts
from .models import Plan, Verification


class AlertResolve:
    """One call to the alerts service."""

    name: ClassVar[str] = "alert-resolve"
    steps: ClassVar[tuple[str, ...]] = ("post.resolve",)
    changes: ClassVar[str] = "the state of one alert"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "the alerts' channel in Slack shows it"
    undone: ClassVar[str] = "cannot be undone; a new alert is a new one"
    arguments: ClassVar[Mapping[str, str]] = {
        "alert": "id of the alert",
        "resolution": "what was done",
        "by": "who resolves it",
    }

    def plan(
        self,
        facts: Facts,
        *,
        alert: str | None = None,
        resolution: str | None = None,
        by: str | None = None,
        **given: Any,
    ) -> Plan:
        """Return the plan; without an id nothing can be resolved."""
        title = "Mark the alert resolved at the alerts service"
        arguments = {"alert": alert, "resolution": resolution, "by": by, **given}
        known = one_line(alert or (facts.alerts[0] if facts.alerts else ""), 200)
        if not known:
            return refused(self, facts, title, "no alert is known, and the service lists none (trap 24)", arguments)
        done = one_line(wanted("resolution", resolution, "what was done"), 1000)
        body = {"userId": one_line(by or "on-call", 100), "resolution": done}
        change, told = _alerts.changed(facts, "resolve", known, body, past="resolved")
        return drafted(
            self,
            facts,
            known,
            title,
            arguments,
            changes=(change,),
            when="when the watch ended without recurrence",
            why="the record says when it was over and what helped",
            risk="a 500 may still have stored it; then PagerDuty is not told and is resolved directly",
            undo_words="cannot be undone; if it comes back, a new alert is sent after its 15 minutes of throttling",
            verification=Verification(words="Slack shows who resolved it", state=(told,)),
        )
