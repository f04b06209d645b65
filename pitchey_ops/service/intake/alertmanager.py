"""
Alertmanager's webhook, version 4: unsigned (a bearer token or password), repeated while an alert fires.

Alertmanager retries on 5xx alone, so a quota never answers 429 here. One group is one trouble for each service in it;
the group's status is firing while any of its alerts fires, so every alert is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .hook import Hook, parsed
from .signatures import needs_secret
from .told import Form, Moment, Reading, Told, labels, link, name, title, words

KIND = "alertmanager"
SERVICES = ("service", "app", "job", "component")
"""Labels that may name the service, the first that is there counts."""


class ManagedAlert(Form):
    """One alert of a group."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    startsAt: Moment
    endsAt: Moment | None = None
    generatorURL: str | None = None
    fingerprint: Annotated[str, StringConstraints(min_length=1, max_length=128)]


class AlertmanagerWebhook(Form):
    """What Alertmanager posts."""

    version: Literal["4"]
    groupKey: Annotated[str, StringConstraints(min_length=1)]
    truncatedAlerts: Annotated[int, Field(ge=0)] = 0
    status: Literal["firing", "resolved"]
    receiver: str | None = None
    groupLabels: dict[str, str] | None = None
    commonLabels: dict[str, str] | None = None
    commonAnnotations: dict[str, str] | None = None
    externalURL: str | None = None
    alerts: list[ManagedAlert]


def guard(secrets: tuple[str, ...], headers: Mapping[str, str], body: bytes, path: str | None, now: datetime) -> None:
    """Refuse what does not carry the secret (``http_config``: authorization or basic_auth)."""
    needs_secret(secrets, headers, path, path_allowed=False)


def read(body: bytes, headers: Mapping[str, str], now: datetime) -> Reading:
    """Return every alert of the group; a trouble is resolved when nothing of it fires and nothing was cut off."""
    form = parsed(AlertmanagerWebhook, body)
    firing = {_trouble(form, alert) for alert in form.alerts if alert.status == "firing"}
    told = []
    for alert in form.alerts:
        trouble = _trouble(form, alert)
        over = alert.status == "resolved"
        still = trouble in firing or form.truncatedAlerts > 0
        told.append(_told(form, alert, trouble, "noted" if over and still else alert.status))
    if not told:
        return Reading(ignored="a group without alerts")
    return Reading(alerts=tuple(told))


def _trouble(form: AlertmanagerWebhook, alert: ManagedAlert) -> str:
    own = "" if form.groupLabels else alert.labels.get("alertname", alert.fingerprint)
    return f"{form.groupKey}\n{_service(alert) or ''}\n{own}"


def _service(alert: ManagedAlert) -> str | None:
    return next((name(alert.labels[key]) for key in SERVICES if alert.labels.get(key)), None)


def _told(form: AlertmanagerWebhook, alert: ManagedAlert, trouble: str, status: str) -> Told:
    alertname = alert.labels.get("alertname", "alert")
    notes = alert.annotations or {}
    said = notes.get("summary") or notes.get("title") or alertname
    gravity = alert.labels.get("severity") or alert.labels.get("priority") or (form.commonLabels or {}).get("severity")
    return Told(
        trouble=trouble,
        id=name(alert.fingerprint) or "unnamed",
        kind=f"alertmanager.{name(alertname)}"[:200],
        title=title(said),
        at=alert.startsAt,
        status=status,  # type: ignore[arg-type]
        words=(gravity,) if gravity else (),
        service=_service(alert),
        labels=labels(alert.labels),
        text="resolved, others of its group still fire" if status == "noted" else words(notes.get("description")),
        link=link(alert.generatorURL),
    )


HOOK = Hook(
    kind=KIND,
    title="Alertmanager, webhook version 4",
    form=AlertmanagerWebhook,
    guard=guard,
    read=read,
    answer_within_s=8.0,
)
