"""Acknowledge the PagerDuty incident directly: after a 500 of the alerts service nobody else tells it (trap 23)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _pagerduty as pd
from .base import RESPONDER, drafted, refused
from .facts import Facts
from .models import Change, Plan, Verification


class PagerDutyAcknowledge:
    """One change of the incident's status."""

    name: ClassVar[str] = "pagerduty-acknowledge"
    steps: ClassVar[tuple[str, ...]] = ("initial.ack-api",)
    changes: ClassVar[str] = "the status of the PagerDuty incident"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "its status is read back"
    undone: ClassVar[str] = "cannot be undone here; PagerDuty lets it run out"
    arguments: ClassVar[Mapping[str, str]] = {}

    def plan(self, facts: Facts, **given: Any) -> Plan:
        """Return the plan of the change."""
        title = "Acknowledge the PagerDuty incident"
        if not facts.incident:
            return refused(self, facts, title, "no incident is named", given)
        body = {"incident": {"type": "incident_reference", "status": "acknowledged"}}
        done = pd.has_status(facts, "acknowledged", "resolved")
        request = pd.rest(facts, "PUT", "incidents/${pagerduty_id}", body)
        words = f"PUT /incidents/… with status acknowledged (key {facts.incident})"
        return drafted(
            self,
            facts,
            facts.incident,
            title,
            given,
            changes=(Change(id="acknowledge", words=words, request=request, find=done, repeatable=True),),
            assumptions=(pd.is_open(facts),),
            when="at once, by whoever takes it; after a 500 of the alerts service in any case",
            why="it stops the escalation",
            risk="none",
            undo_words="cannot be undone here; PagerDuty lets it run out",
            verification=Verification(words="its status is read back", state=(done,)),
        )
