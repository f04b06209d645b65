"""A marked entry and metric, sent and read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .base import RESPONDER, drafted, mark_for
from .facts import Facts
from .models import Change, Find, Plan, Request, Verification


class EndToEnd:
    """The only proof that data flows from end to end; under a service name of its own, so no cut hides it."""

    name: ClassVar[str] = "end-to-end"
    steps: ClassVar[tuple[str, ...]] = ("monitoring.end-to-end",)
    changes: ClassVar[str] = "one log entry and one metric point, marked as a test"
    who: ClassVar[str] = RESPONDER
    verified: ClassVar[str] = "both are read back; the delay is given"
    undone: ClassVar[str] = "they expire after 7 days"
    arguments: ClassVar[Mapping[str, str]] = {}

    def plan(self, facts: Facts, **given: Any) -> Plan:
        """Return the plan of both sends and of where they must show, within the store's minute (trap 31)."""
        mark = mark_for(self, facts, given)
        service, metric = f"pitchey-ops-check-{mark}", f"pitchey_ops.check.{mark}"
        at_ms = round(facts.now.timestamp() * 1000)
        entry = {
            "id": f"{at_ms}-{mark}",
            "level": "info",
            "message": f"pitchey-ops end-to-end check {mark}",
            "service": service,
            "timestamp": at_ms,
            "tags": [],
            "metadata": {"test": True, "incident": facts.incident},
        }
        point = {"name": metric, "value": 1, "timestamp": at_ms, "type": "gauge", "tags": {"test": "true"}}
        logs = Request(service="logs", method="GET", path="logs/query", query=(("service", service), ("limit", "1000")))
        points = Request(service="apm", method="GET", path="apm/metrics", query=(("name", metric),))
        seen_entry = Find(look=logs, items="logs", where=(("message", f"~{mark}"),))
        seen_point = Find(look=points, items="#list", where=(("name", metric),))
        return drafted(
            self,
            facts,
            "the monitoring",
            "Send a marked log entry and a metric, and read both back",
            given,
            changes=(
                Change(
                    id="entry",
                    words="POST /logs/ingest, one marked entry",
                    request=Request(service="logs", method="POST", path="logs/ingest", body=entry),
                    repeatable=True,
                ),
                Change(
                    id="metric",
                    words="POST /apm/metrics, one marked point",
                    request=Request(service="apm", method="POST", path="apm/metrics", body=point),
                    repeatable=True,
                ),
            ),
            when="when freshness cannot be told because a store is blind, and after every repair",
            why="it is the only proof that data flows end to end, and gives the delay",
            risk="one entry and one point, marked as a test",
            undo_words=self.undone,
            verification=Verification(
                words="both are read back, with the delay", state=(seen_entry, seen_point), within_s=90.0
            ),
        )
