"""A test alert, proven delivered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _alerts
from .base import RESPONDER, drafted, mark_for
from .facts import Facts
from .models import Blast, Change, Find, Plan, Request, Verification


class TestAlert:
    """Triggered from a source of its own, so that no throttling hides it, and looked for at the receivers."""

    __test__ = False  # no test case, though its name begins like one

    name: ClassVar[str] = "test-alert"
    steps: ClassVar[tuple[str, ...]] = ("monitoring.test-alert",)
    changes: ClassVar[str] = "one alert that says that it is a test"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "Slack shows its id (with critical also PagerDuty): a 200 proves nothing"
    undone: ClassVar[str] = "the test alert is resolved"
    arguments: ClassVar[Mapping[str, str]] = {"critical": "also through PagerDuty: it pages who is on call"}

    def plan(self, facts: Facts, *, critical: bool = False, **given: Any) -> Plan:
        """Return the plan of the trigger and of where its delivery must show."""
        arguments = {"critical": critical or None, **given}
        mark = mark_for(self, facts, arguments)
        source = f"pitchey-ops-test-{mark}"
        body = {
            "type": "critical" if critical else "info",
            "title": f"TEST, please ignore ({mark})",
            "message": "Sent by pitchey-ops to prove that alerts arrive. Nothing is wrong.",
            "source": source,
            "component": "alert-channel",
            "severity": 5,
        }
        resolve = Request(
            service="alerts",
            method="POST",
            path="alerts/resolve",
            body={"alertId": "${alert_id}", "userId": "pitchey-ops", "resolution": "test"},
        )
        shown = _alerts.told(facts, mark, "TEST")
        state = [shown]
        if critical:
            look = Request(service="pagerduty", method="GET", path="incidents", query=(("limit", "100"),))
            state.append(Find(look=look, items="incidents", where=(("title", f"~{mark}"),)))
        return drafted(
            self,
            facts,
            "the alert channel",
            "Send a test alert and prove that it arrives",
            arguments,
            changes=(
                Change(
                    id="trigger",
                    words=f"POST /alerts/trigger, type {body['type']}, source {source}",
                    request=Request(service="alerts", method="POST", path="alerts/trigger", body=body),
                    find=Find(look=shown.look, items=shown.items, where=shown.where),
                    keeps=(("alert_id", "alertId"),),
                    undo=(
                        Change(
                            id="resolve",
                            words="resolve the test alert",
                            request=resolve,
                            repeatable=True,
                            refusals=("not found",),
                            uncertain=_alerts.UNCERTAIN,
                        ),
                    ),
                ),
            ),
            blast=(Blast(what="people who are paged", figure=1.0 if critical else 0.0),),
            when="when alerts are missed, and after every change of a channel",
            why="a 200 of the trigger never proves delivery, and a throttled one answers alike",
            risk="one message that says that it is a test" + ("; it pages who is on call" if critical else ""),
            undo_words="resolve the test alert",
            undoable=True,
            verification=Verification(words="the receivers show it", state=tuple(state), within_s=60.0),
        )
