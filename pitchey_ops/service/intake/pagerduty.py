"""PagerDuty's V3 webhooks: signed, retried for 48 h under the same event id, told in order for each incident."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import StringConstraints

from ...evidence import ids
from .hook import Hook, fitted, parsed
from .signatures import needs_signature
from .told import RETRIED_FOR, Form, Moment, Name, Reading, Refused, Told, link, name, title, words

KIND = "pagerduty"
HEADER = "X-PagerDuty-Signature"
AHEAD = timedelta(minutes=15)
FIRING = ("incident.triggered", "incident.reopened", "incident.priority_updated")
NOTED = (
    "incident.unacknowledged",
    "incident.escalated",
    "incident.delegated",
    "incident.reassigned",
    "incident.status_update_published",
    "incident.responder.added",
    "incident.responder.replied",
)


class Reference(Form):
    """A PagerDuty object that is only named."""

    id: str | None = None
    summary: str | None = None


class PagerDutyIncident(Form):
    """``event.data`` of an event about an incident."""

    id: Name
    title: str | None = None
    status: str | None = None
    html_url: str | None = None
    number: int | None = None
    incident_key: str | None = None
    urgency: str | None = None
    service: Reference | None = None
    priority: Reference | None = None


class PagerDutyNote(Form):
    """``event.data`` of ``incident.annotated``."""

    content: str = ""
    incident: Reference | None = None


class PagerDutyEvent(Form):
    """The event in the webhook."""

    id: Name
    event_type: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    resource_type: str | None = None
    occurred_at: Moment | None = None
    agent: Reference | None = None
    data: dict[str, Any] | None = None


class PagerDutyWebhook(Form):
    """What PagerDuty posts."""

    event: PagerDutyEvent


def guard(secrets: tuple[str, ...], headers: Mapping[str, str], body: bytes, path: str | None, now: datetime) -> None:
    """Refuse what no ``v1=`` signature vouches for; there are several while PagerDuty rotates its secret."""
    pieces = [piece.strip() for piece in headers.get(HEADER.lower(), "").split(",")]
    given = [piece[3:] for piece in pieces if piece.startswith("v1=")]
    needs_signature(secrets, body, given, HEADER)


def read(body: bytes, headers: Mapping[str, str], now: datetime) -> Reading:
    """Return what the event says about its incident; what is about something else is confirmed and left."""
    event = parsed(PagerDutyWebhook, body).event
    if event.event_type == "pagey.ping":
        return Reading(ignored="a test message: the hook works")
    if not event.event_type.startswith("incident."):
        return Reading(ignored=f"{event.event_type[:60]} is nothing that an incident follows from")
    if event.occurred_at is None or event.data is None:
        raise Refused(400, "event.occurred_at and event.data: needed for an incident. Nothing was stored.")
    if event.occurred_at < now - RETRIED_FOR or event.occurred_at > now + AHEAD:
        raise Refused(401, f"the event is of {event.occurred_at:%Y-%m-%d %H:%M} UTC: too old to be a first delivery")
    if event.event_type == "incident.annotated":
        return _note(event, event.data, event.occurred_at)
    status = _status(event.event_type)
    if status is None:
        return Reading(ignored=f"{event.event_type[:60]} changes nothing here")
    data = fitted(PagerDutyIncident, event.data)
    if event.event_type == "incident.priority_updated" and data.status == "resolved":
        status = "noted"  # somebody tidies up what is over: that opens nothing
    ours = data.incident_key if ids.is_incident_id(data.incident_key) else None
    told = Told(
        trouble=data.id,
        id=name(data.id) or "unnamed",
        kind="pagerduty.incident",
        title=title(data.title or f"PagerDuty incident {data.number or data.id}"),
        at=event.occurred_at,
        status=status,  # type: ignore[arg-type]
        words=_words(data),
        service=name(data.service.summary if data.service else None),
        labels={"urgency": name(data.urgency) or "", "event_type": name(event.event_type) or ""},
        text=event.event_type.removeprefix("incident.").replace("_", " ") if status == "noted" else "",
        link=link(data.html_url),
        by=_by(event),
        incident_id=ours,
    )
    return Reading(alerts=(told,), delivery=event.id)


def _status(event_type: str) -> str | None:
    if event_type in FIRING:
        return "firing"
    if event_type in NOTED:
        return "noted"
    return {"incident.acknowledged": "acknowledged", "incident.resolved": "resolved"}.get(event_type)


def _words(data: PagerDutyIncident) -> tuple[str, ...]:
    """A priority says more than the urgency, which knows only high and low."""
    if data.priority is not None and data.priority.summary:
        return (data.priority.summary,)
    return (f"urgency {data.urgency}",) if data.urgency else ()


def _note(event: PagerDutyEvent, data: dict[str, Any], at: datetime) -> Reading:
    note = fitted(PagerDutyNote, data)
    if note.incident is None or not note.incident.id:
        return Reading(ignored="a note without an incident")
    told = Told(
        trouble=note.incident.id,
        id=name(note.incident.id) or "unnamed",
        kind="pagerduty.note",
        title=title(note.incident.summary or "note"),
        at=at,
        status="noted",
        text=words(note.content),
        by=_by(event),
    )
    return Reading(alerts=(told,), delivery=event.id)


def _by(event: PagerDutyEvent) -> str:
    who = name(event.agent.summary) if event.agent is not None else None
    return f"{who} (PagerDuty)" if who else "PagerDuty"


HOOK = Hook(
    kind=KIND,
    title="PagerDuty V3 webhooks",
    form=PagerDutyWebhook,
    guard=guard,
    read=read,
    answer_within_s=4.0,
)
