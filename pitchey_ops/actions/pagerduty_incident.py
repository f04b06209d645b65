"""Create the PagerDuty incident unless one exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _pagerduty as pd
from .base import RESPONDER, drafted, one_line, refused
from .facts import Facts
from .models import Change, Plan, Verification


class PagerDutyIncident:
    """One incident whose key is our incident's id; an open one is found instead."""

    name: ClassVar[str] = "pagerduty-incident"
    steps: ClassVar[tuple[str, ...]] = ("initial.pagerduty",)
    changes: ClassVar[str] = "a PagerDuty incident"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "an open incident with our key is there"
    undone: ClassVar[str] = "the incident is resolved, if this created it"
    arguments: ClassVar[Mapping[str, str]] = {}

    def plan(self, facts: Facts, **given: Any) -> Plan:
        """Return the plan; it needs the PagerDuty service's id and an incident."""
        title = "Create the PagerDuty incident unless one exists"
        if not facts.incident or not facts.settings.pagerduty_service:
            missing = "an incident id" if not facts.incident else "pagerduty_service in the settings"
            return refused(self, facts, title, f"{missing} is missing", given)
        body = {
            "incident": {
                "type": "incident",
                "title": pd.title_of(facts),
                "service": {"id": facts.settings.pagerduty_service, "type": "service_reference"},
                "urgency": pd.URGENCY.get(facts.severity, "high"),
                "incident_key": facts.incident,
                "body": {"type": "incident_body", "details": one_line(facts.summary, 2000) or "see the report"},
            }
        }
        opened = pd.open_incident(facts)
        resolve = pd.rest(
            facts,
            "PUT",
            "incidents/${pagerduty_id}",
            {"incident": {"type": "incident_reference", "status": "resolved"}},
        )
        change = Change(
            id="create",
            words=f"POST /incidents with incident_key {facts.incident}",
            request=pd.rest(facts, "POST", "incidents", body),
            find=opened,
            keeps=(("pagerduty_id", "incident.id"),),
            undo=(
                Change(
                    id="resolve",
                    words="resolve the incident",
                    request=resolve,
                    find=pd.open_incident(facts, absent=True),
                ),
            ),
        )
        return drafted(
            self,
            facts,
            facts.incident,
            title,
            given,
            changes=(change,),
            blast=pd.on_call(facts),
            when="when no open incident has this key",
            why="clock, responders and timeline are kept there",
            risk="pages who is on call",
            undo_words="resolve it; one that was there before is left alone",
            undoable=True,
            verification=Verification(words="an open incident with this key is there", state=(opened,)),
        )
