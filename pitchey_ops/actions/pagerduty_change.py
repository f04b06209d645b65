"""A change event: what was done to the platform, beside the incidents in PagerDuty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..evidence.canonical import iso
from .base import RESPONDER, drafted, one_line, wanted
from .facts import Facts
from .models import Change, Plan, Request, Verification


def change_event(summary: str, at: str, details: Mapping[str, Any]) -> Request:
    """Return the change event of one executed action (contract third-party B1)."""
    payload = {
        "summary": one_line(summary, 1000),
        "source": "pitchey-ops",
        "timestamp": at,
        "custom_details": dict(details),
    }
    body = {"routing_key": "${write:pagerduty_routing_key}", "payload": payload}
    return Request(service="pagerduty_events", method="POST", path="v2/change/enqueue", body=body)


class PagerDutyChange:
    """One change event; every action that changes the platform sends its own by itself."""

    name: ClassVar[str] = "pagerduty-change"
    steps: ClassVar[tuple[str, ...]] = ("post.communicate",)
    changes: ClassVar[str] = "a change event in PagerDuty"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "PagerDuty accepts it; there is no way to read it back"
    undone: ClassVar[str] = "cannot be undone"
    arguments: ClassVar[Mapping[str, str]] = {"summary": "what was changed"}

    def plan(self, facts: Facts, *, summary: str | None = None, **given: Any) -> Plan:
        """Return the plan of the event."""
        text = wanted("summary", summary, "what was changed", limit=1000)
        request = change_event(text, iso(facts.now), {"incident": facts.incident})
        return drafted(
            self,
            facts,
            facts.incident or "PagerDuty",
            "Record a change in PagerDuty",
            {"summary": summary, **given},
            changes=(Change(id="event", words=f"a change event: “{one_line(text, 120)}”", request=request),),
            when="after a change by hand that no action made",
            why="who looks at the incident sees what was changed",
            risk="none",
            verification=Verification(words="cannot be read back"),
        )
