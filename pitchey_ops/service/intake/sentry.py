"""Sentry's webhooks: the resource stands in a header, the signature covers the body and not the time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import StringConstraints

from .hook import Hook, fitted, parsed
from .signatures import needs_fresh, needs_signature
from .told import RETRIED_FOR, Form, Moment, Reading, Refused, Told, labels, link, name, title, words

KIND = "sentry"
SIGNATURE, TIME, RESOURCE = "sentry-hook-signature", "sentry-hook-timestamp", "sentry-hook-resource"
_TRIGGERED = {"created": "firing", "unresolved": "firing", "resolved": "resolved", "archived": "resolved",
              "ignored": "resolved", "assigned": "noted"}  # fmt: skip


class SentryWebhook(Form):
    """What Sentry posts; ``data`` depends on the header ``Sentry-Hook-Resource``."""

    action: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    data: dict[str, Any] | None = None


class SentryEvent(Form):
    """``data.event`` of ``event_alert``."""

    event_id: str | None = None
    issue_id: str | None = None
    web_url: str | None = None
    title: str | None = None
    level: str | None = None
    culprit: str | None = None
    platform: str | None = None
    datetime: Moment | None = None
    tags: list[list[str | None]] | None = None


class EventAlert(Form):
    """``data`` of ``event_alert``."""

    event: SentryEvent
    triggered_rule: str | None = None


class Named(Form):
    """Something that is only named."""

    name: str | None = None
    slug: str | None = None


class SentryIssue(Form):
    """``data.issue`` of ``issue``."""

    id: str
    title: str | None = None
    level: str | None = None
    culprit: str | None = None
    web_url: str | None = None
    permalink: str | None = None
    lastSeen: Moment | None = None
    project: Named | None = None


class IssueNews(Form):
    """``data`` of ``issue``."""

    issue: SentryIssue


class AlertRule(Form):
    """The rule of a metric alert."""

    name: str | None = None
    projects: list[str] | None = None


class MetricAlertBody(Form):
    """``data.metric_alert``."""

    id: str | int | None = None
    identifier: str | int | None = None
    title: str | None = None
    alert_rule: AlertRule | None = None
    date_started: Moment | None = None


class MetricAlert(Form):
    """``data`` of ``metric_alert``."""

    metric_alert: MetricAlertBody
    description_title: str | None = None
    description_text: str | None = None
    web_url: str | None = None


def guard(secrets: tuple[str, ...], headers: Mapping[str, str], body: bytes, path: str | None, now: datetime) -> None:
    """Refuse what the signature does not vouch for, and what was sent a while ago."""
    given = headers.get(SIGNATURE, "").strip()
    needs_signature(secrets, body, [given] if given else [], "Sentry-Hook-Signature")
    sent = headers.get(TIME, "").strip()
    if not sent:
        return  # it is not signed anyway; a repeated body is known again by its digest
    try:
        seconds = float(sent)
        at = datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise Refused(401, "Sentry-Hook-Timestamp is no time; nothing was stored") from None
    needs_fresh(at, now)


def read(body: bytes, headers: Mapping[str, str], now: datetime) -> Reading:
    """Return the alert; set-up events, comments and single errors are confirmed and left."""
    form = parsed(SentryWebhook, body)
    resource = headers.get(RESOURCE, "").strip().lower()
    delivery = hashlib.sha256(body).hexdigest()
    data = form.data or {}
    if resource == "event_alert":
        told = _event(fitted(EventAlert, data), now)
    elif resource == "metric_alert":
        told = _metric(fitted(MetricAlert, data), form.action, now)
    elif resource == "issue":
        known = _issue(fitted(IssueNews, data).issue, form.action, now)
        if known is None:
            return Reading(ignored=f"issue {form.action[:40]} changes nothing here")
        told = known
    elif resource:
        return Reading(ignored=f"{resource[:40]} is nothing that an incident follows from")
    else:
        raise Refused(400, "no Sentry-Hook-Resource header: it says what the body is. Nothing was stored.")
    if told.at < now - RETRIED_FOR and told.status == "firing" and resource == "event_alert":
        raise Refused(401, f"the event is of {told.at:%Y-%m-%d %H:%M} UTC: too old; nothing was stored")
    return Reading(alerts=(told,), delivery=delivery)


def _event(data: EventAlert, now: datetime) -> Told:
    event = data.event
    tags = {pair[0]: pair[1] for pair in event.tags or () if len(pair) == 2 and pair[0] and pair[1]}
    return Told(
        trouble=f"issue/{event.issue_id or event.title or event.event_id}",
        id=name(event.event_id) or name(event.issue_id) or "unnamed",
        kind="sentry.event_alert",
        title=title(event.title or data.triggered_rule or "Sentry event"),
        at=event.datetime or now,
        words=(event.level,) if event.level else (),
        service=name(tags.get("service")) or name(tags.get("server_name")),
        labels=labels({**{k: v for k, v in tags.items() if k and v}, "rule": data.triggered_rule or "",
                       "culprit": event.culprit or "", "platform": event.platform or ""}),
        text=words(event.culprit),
        link=link(event.web_url),
    )  # fmt: skip


def _metric(data: MetricAlert, action: str, now: datetime) -> Told:
    alert = data.metric_alert
    rule = alert.alert_rule.name if alert.alert_rule else None
    projects = (alert.alert_rule.projects if alert.alert_rule else None) or []
    which = alert.identifier if alert.identifier is not None else alert.id
    status = "resolved" if action == "resolved" else "firing"
    return Told(
        trouble=f"metric/{rule or ''}/{which if rule is None else ''}",
        id=name(str(which)) if which is not None else "unnamed",  # type: ignore[arg-type]
        kind="sentry.metric_alert",
        title=title(data.description_title or alert.title or rule or "Sentry metric alert"),
        at=alert.date_started or now,
        status=status,  # type: ignore[arg-type]
        words=(action,),
        service=name(projects[0]) if projects else None,
        labels=labels({"rule": rule or "", "project": projects[0] if projects else ""}),
        text=words(data.description_text),
        link=link(data.web_url),
    )


def _issue(issue: SentryIssue, action: str, now: datetime) -> Told | None:
    status = _TRIGGERED.get(action)
    if status is None:
        return None
    project = issue.project.slug or issue.project.name if issue.project else None
    return Told(
        trouble=f"issue/{issue.id}",
        id=name(issue.id) or "unnamed",
        kind="sentry.issue",
        title=title(issue.title or f"Sentry issue {issue.id}"),
        at=issue.lastSeen or now,
        status=status,  # type: ignore[arg-type]
        words=(issue.level,) if issue.level else (),
        service=name(project),
        labels=labels({"project": project or "", "culprit": issue.culprit or ""}),
        text=words(issue.culprit) if status != "noted" else f"issue {action}",
        link=link(issue.web_url or issue.permalink),
    )


HOOK = Hook(
    kind=KIND,
    title="Sentry webhooks",
    form=SentryWebhook,
    guard=guard,
    read=read,
    answer_within_s=0.9,
    stored_status=200,
)
