"""Page who is on call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _pagerduty as pd
from .base import RESPONDER, drafted, one_line, refused
from .facts import Facts
from .models import Change, Plan, Request, Verification


class PagerDutyPage:
    """One trigger event with our incident's id as its key: PagerDuty takes repeats for the same."""

    name: ClassVar[str] = "pagerduty-page"
    steps: ClassVar[tuple[str, ...]] = ("initial.escalate",)
    changes: ClassVar[str] = "wakes who is on call"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "an open incident with our key is there"
    undone: ClassVar[str] = "the page is resolved with the same key"
    arguments: ClassVar[Mapping[str, str]] = {"note": "what the paged person should read"}

    def plan(self, facts: Facts, *, note: str | None = None, **given: Any) -> Plan:
        """Return the plan; P3 and P4 page nobody."""
        arguments = {"note": note, **given}
        title = "Page who is on call"
        if facts.severity not in ("P1", "P2"):
            return refused(self, facts, title, f"this is {facts.severity}: only P1 and P2 page somebody", arguments)
        if not facts.incident:
            return refused(self, facts, title, "no incident is named", arguments)

        def event(action: str, more: dict[str, Any]) -> Request:
            body = {
                "routing_key": "${write:pagerduty_routing_key}",
                "event_action": action,
                "dedup_key": facts.incident,
            }
            return Request(service="pagerduty_events", method="POST", path="v2/enqueue", body={**body, **more})

        payload = {
            "summary": one_line(f"{pd.title_of(facts)} {note or ''}", 1000),
            "source": "pitchey-ops",
            "severity": pd.SEVERITY.get(facts.severity, "warning"),
            "custom_details": {"incident": facts.incident, "summary": one_line(facts.summary, 1000)},
        }
        opened = pd.open_incident(facts)
        change = Change(
            id="trigger",
            words=f"a trigger event with dedup key {facts.incident}",
            request=event("trigger", {"payload": payload, "client": "pitchey-ops"}),
            find=opened,
            repeatable=True,
            undo=(
                Change(
                    id="resolve",
                    words="a resolve event with the same key",
                    request=event("resolve", {}),
                    find=pd.open_incident(facts, absent=True),
                    repeatable=True,
                ),
            ),
        )
        return drafted(
            self,
            facts,
            facts.incident,
            title,
            arguments,
            changes=(change,),
            blast=pd.on_call(facts),
            when=f"for P1 and P2; this is {facts.severity}",
            why=facts.summary,
            risk="wakes somebody",
            undo_words="resolve the page; who was woken stays awake",
            undoable=True,
            verification=Verification(words="an open incident with this key is there", state=(opened,)),
        )
