"""
Pitchey's alerts service: a channel of type ``webhook`` (contract, trap 25).

It signs nothing, so a shared secret comes in the path or in a header, and every field is checked. Its time of
sending bounds how old a request may be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from .hook import Hook, parsed
from .signatures import needs_fresh, needs_secret
from .told import Form, Moment, Name, Reading, Told, labels, link, name, title, words

KIND = "pitchey"
WITHIN = timedelta(minutes=15)
DIGITS = re.compile(r"\d+")
"""Figures in a title change with every alert of one trouble."""
STATUSES = {"active": "firing", "acknowledged": "acknowledged", "resolved": "resolved"}


class PitcheyAlert(Form):
    """The alert in the webhook."""

    id: Name
    type: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    title: Annotated[str, StringConstraints(min_length=1)]
    message: str | None = None
    timestamp: Moment
    source: str | None = None
    component: str | None = None
    environment: str | None = None
    severity: Annotated[int, Field(ge=1, le=5)] | None = None
    tags: dict[str, Any] | list[Any] | None = None
    context: dict[str, Any] | None = None
    status: str | None = None


class PitcheyWebhook(Form):
    """What Pitchey's alerts service posts."""

    alert: PitcheyAlert
    timestamp: Moment
    source: str | None = None


def guard(secrets: tuple[str, ...], headers: Mapping[str, str], body: bytes, path: str | None, now: datetime) -> None:
    """Refuse what does not carry the secret."""
    needs_secret(secrets, headers, path, path_allowed=True)


def read(body: bytes, headers: Mapping[str, str], now: datetime) -> Reading:
    """Return the alert that the webhook tells of."""
    form = parsed(PitcheyWebhook, body)
    needs_fresh(form.timestamp, now, within_s=WITHIN.total_seconds())
    alert = form.alert
    status = STATUSES.get(alert.status or "active")
    if status is None:
        return Reading(ignored=f"status {(alert.status or '')[:40]!r} is none that changes anything")
    tags = alert.tags if isinstance(alert.tags, dict) else {str(tag): "yes" for tag in alert.tags or ()}
    more = {key: value for key, value in tags.items() if isinstance(value, str)}
    told = Told(
        trouble=f"{alert.source or ''}/{alert.component or ''}/{alert.type}/{DIGITS.sub('#', title(alert.title))}",
        id=name(alert.id) or "unnamed",
        kind=f"pitchey.{name(alert.type) or 'alert'}",
        title=title(alert.title),
        at=alert.timestamp,
        status=status,  # type: ignore[arg-type]
        words=_words(alert),
        service=name(alert.component) or name(alert.source),
        labels=labels({"source": alert.source or "", "component": alert.component or "", "type": alert.type, **more}),
        text=words(alert.message),
        link=link(str((alert.context or {}).get("url") or "")),
    )
    return Reading(alerts=(told,), delivery=f"{alert.id}\n{alert.status}\n{form.timestamp.isoformat()}")


def _words(alert: PitcheyAlert) -> tuple[str, ...]:
    """A severity of 3 is what the service fills in by itself: it says nothing."""
    return (alert.type,) if alert.severity in (None, 3) else (alert.type, f"P{min(alert.severity or 4, 4)}")


HOOK = Hook(
    kind=KIND,
    title="Pitchey's alerts service",
    form=PitcheyWebhook,
    guard=guard,
    read=read,
    in_path=True,
    answer_within_s=5.0,
)
