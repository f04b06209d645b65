"""PagerDuty's calls (contract third-party B1, B2)."""

from __future__ import annotations

from typing import Any

from .base import one_line
from .facts import Facts
from .models import Assumption, Blast, Find, Request

ACCEPT = (("accept", "application/vnd.pagerduty+json;version=2"),)
URGENCY = {"P1": "high", "P2": "high", "P3": "high", "P4": "low"}
SEVERITY = {"P1": "critical", "P2": "error", "P3": "warning", "P4": "info"}
"""Contract third-party G1."""


def rest(facts: Facts, method: str, path: str, body: Any = None, query: tuple[tuple[str, str], ...] = ()) -> Request:
    """Return a call of the REST API; ``From`` is required on every change."""
    headers = ACCEPT if method == "GET" else (*ACCEPT, ("from", facts.settings.pagerduty_from))
    return Request(service="pagerduty", method=method, path=path, query=query, body=body, headers=headers)


def open_incident(facts: Facts, *, absent: bool = False) -> Find:
    """Return that an open PagerDuty incident has our incident's key; keeps its id."""
    states = (("statuses[]", "triggered"), ("statuses[]", "acknowledged"))
    look = rest(facts, "GET", "incidents", query=(("incident_key", facts.incident), *states, ("limit", "100")))
    where = (("incident_key", facts.incident), ("status", "!resolved"))
    return Find(look=look, items="incidents", where=where, absent=absent, keeps=(("pagerduty_id", "id"),))


def is_open(facts: Facts) -> Assumption:
    """Return the assumption that there is an open incident to change."""
    return Assumption(words=f"PagerDuty has an open incident with the key {facts.incident}", find=open_incident(facts))


def has_status(facts: Facts, *states: str) -> Find:
    """Return that the incident has one of *states*; by its id, which `is_open` kept."""
    look = rest(facts, "GET", "incidents/${pagerduty_id}")
    return Find(
        look=look, items="incident", where=(("status", states[0] if len(states) == 1 else "|" + "|".join(states)),)
    )


def on_call(facts: Facts) -> tuple[Blast, ...]:
    """Return who is on call, by level: whom a page wakes."""
    if not facts.oncall:
        return (Blast(what="who is on call now"),)
    names = "; ".join(f"level {one.level}: {one_line(one.name, 60)}" for one in facts.oncall[:8])
    first = sum(1 for one in facts.oncall if one.level == min(o.level for o in facts.oncall))
    return (Blast(what=f"people who are paged first ({names})", figure=float(first)),)


def title_of(facts: Facts) -> str:
    """Return the incident's title in PagerDuty."""
    return one_line(f"{facts.severity} {facts.incident}: {facts.summary or 'declared by a responder'}", 250)
