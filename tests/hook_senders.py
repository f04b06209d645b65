"""How each sender posts: bodies by the contract, signed as it signs; for tests."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import httpx
import sqlalchemy as sa
from fastapi import FastAPI
from incident_worlds import NOON, database, embedded

from pitchey_ops.clock import FixedClock
from pitchey_ops.service import app as service_app
from pitchey_ops.service import db, incidents
from pitchey_ops.service.intake.catalogue import HOOKS, HookSecrets
from pitchey_ops.service.intake.routing import Routing, load_routing
from pitchey_ops.service.state import State
from pitchey_ops.settings import Settings, load

SECRETS: Mapping[str, tuple[str, ...]] = {
    "pitchey": ("pitchey-secret-0001", "pitchey-secret-0002"),
    "pagerduty": ("pd-secret-0001", "pd-secret-0002"),
    "sentry": ("sentry-secret-0001", "sentry-secret-0002"),
    "alertmanager": ("am-secret-000001", "am-secret-000002"),
    "plain": ("plain-secret-0001", "plain-secret-0002"),
    "slack": ("slack-secret-0001", "slack-secret-0002"),
}


class Hand(FixedClock):
    """A clock that a test turns by hand."""

    def turn(self, at: datetime) -> None:
        """Set the time."""
        self._at = at


class Client:
    """Posts to an application in this process, one request after another."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def post(
        self, path: str, *, content: bytes | Iterator[bytes] = b"", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Post a body, whole or in pieces without a length."""

        async def pieces(of: Iterator[bytes]) -> AsyncIterator[bytes]:
            for piece in of:
                yield piece

        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                body = content if isinstance(content, bytes) else pieces(content)
                return await client.post(path, content=body, headers=dict(headers or {}))

        return asyncio.run(go())


@dataclass
class Service:
    """A service in this process, with a client and its database."""

    app: FastAPI
    client: Client
    engine: sa.Engine
    clock: Hand
    nudged: list[int]

    def incidents(self) -> list[incidents.Incident]:
        """Return everything that is stored."""
        with db.reading(self.engine) as connection:
            return incidents.incidents(connection, limit=10_000)

    def post(self, sent: Sent, **headers: str) -> Any:
        """Post a request and return the answer."""
        return self.client.post(sent.path, content=sent.body, headers={**sent.headers, **headers})


@dataclass(frozen=True)
class Sent:
    """A request as its sender makes it."""

    path: str
    body: bytes
    headers: Mapping[str, str]


@cache
def _routing() -> Routing:
    return load_routing(load())


@contextmanager
def service(
    folder: Path,
    *,
    secrets: Mapping[str, tuple[str, ...]] | None = None,
    routing: Routing | None = None,
    settings: Settings | None = None,
    url: str | None = None,
) -> Iterator[Service]:
    """
    Run a service on a SQLite file in *folder* or on *url*, all hooks open, its clock at noon.

    It may take as long as it likes to answer: how soon a sender gives up is tried where a lock holds the answer up.
    """
    known = settings or load()
    clock, nudged = Hand(NOON), []
    with database(url or embedded(folder)) as engine:
        state = State(
            settings=known,
            db=engine,
            clock=clock,
            nudge=lambda: nudged.append(1),
            secrets=HookSecrets(SECRETS if secrets is None else secrets),
            routing=routing or _routing(),
        )
        with patch.dict(HOOKS, {kind: replace(hook, answer_within_s=120.0) for kind, hook in HOOKS.items()}):
            app = service_app.create(state)
        try:
            yield Service(app, Client(app), engine, clock, nudged)
        finally:
            app.state.intake.close()


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _hmac(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def ms(at: datetime) -> int:
    """Return *at* in milliseconds since the epoch."""
    return round(at.timestamp() * 1000)


def pitchey(
    *,
    at: datetime = NOON,
    secret: str | None = SECRETS["pitchey"][0],
    in_path: bool = True,
    top: Any = None,
    **alert: Any,
) -> Sent:
    """What Pitchey's alerts service posts (contract, trap 25)."""
    body = {
        "alert": {
            "id": "alert-1795422429969-7wt1tro4",
            "type": "critical",
            "title": "High error rate",
            "message": "5xx above 5 %",
            "timestamp": ms(at),
            "source": "apm",
            "component": "api",
            "environment": "production",
            "severity": 3,
            "tags": {"team": "platform"},
            "context": {},
            "status": "active",
            "channels": ["slack", "webhook"],
            **alert,
        },
        "timestamp": ms(at),
        "source": "pitchey-monitoring",
    }
    headers = {"content-type": "application/json", "user-agent": "Pitchey-Monitoring/1.0"}
    if secret is not None and not in_path:
        headers["x-pitchey-ops-secret"] = secret
    path = f"/hooks/pitchey/{secret}" if in_path and secret is not None else "/hooks/pitchey"
    return Sent(path, _json(body if top is None else top), headers)


def pagerduty(
    event_type: str = "incident.triggered",
    *,
    at: datetime = NOON,
    secret: str | None = SECRETS["pagerduty"][0],
    event_id: str = "01EVENT",
    top: Any = None,
    agent: Any = None,
    **data: Any,
) -> Sent:
    """What PagerDuty posts (contract, B3)."""
    body = {
        "event": {
            "id": event_id,
            "event_type": event_type,
            "resource_type": "incident",
            "occurred_at": at.isoformat().replace("+00:00", "Z"),
            "agent": agent,
            "client": None,
            "data": {
                "id": "PGR0001",
                "type": "incident",
                "self": "https://api.pagerduty.com/incidents/PGR0001",
                "html_url": "https://pitchey.pagerduty.com/incidents/PGR0001",
                "number": 2,
                "status": "triggered",
                "incident_key": "pitchey/api/5xx",
                "title": "API answers with 5xx",
                "service": {"id": "PSVC", "type": "service_reference", "summary": "API"},
                "priority": {"id": "PP1", "summary": "P1"},
                "urgency": "high",
                "assignees": [],
                "teams": [],
                **data,
            },
        }
    }
    raw = _json(body if top is None else top)
    headers = {"content-type": "application/json", "x-webhook-id": "delivery-1"}
    if secret is not None:
        headers["x-pagerduty-signature"] = f"v1={'0' * 64}, v1={_hmac(secret, raw)}"
    return Sent("/hooks/pagerduty", raw, headers)


def sentry(
    resource: str = "event_alert",
    *,
    at: datetime = NOON,
    secret: str | None = SECRETS["sentry"][0],
    action: str = "triggered",
    top: Any = None,
    **event: Any,
) -> Sent:
    """What Sentry posts (contract, D)."""
    data: dict[str, Any] = {
        "event_alert": {
            "event": {
                "event_id": "e4b1",
                "issue_id": "77",
                "web_url": "https://pitchey.sentry.io/issues/77/",
                "title": "TypeError: x is undefined",
                "level": "error",
                "culprit": "genres.map",
                "platform": "javascript",
                "datetime": at.isoformat(),
                "project": 1,
                "tags": [["level", "error"], ["service", "api"]],
                **event,
            },
            "triggered_rule": "High errors",
        },
        "metric_alert": {
            "metric_alert": {
                "id": "9",
                "title": "Errors",
                "alert_rule": {"name": "Too many errors", "projects": ["pitchey-api"]},
                "date_started": at.isoformat(),
            },
            "description_title": "Critical: Too many errors",
            "description_text": "1,200 events in the last 10 minutes",
            "web_url": "https://pitchey.sentry.io/alerts/9/",
        },
        "issue": {
            "issue": {
                "id": "77",
                "title": "TypeError: x is undefined",
                "level": "error",
                "lastSeen": at.isoformat(),
                "project": {"slug": "pitchey-api"},
            }
        },
    }.get(resource, {})
    raw = _json({"action": action, "actor": {}, "installation": {"uuid": "u"}, "data": data} if top is None else top)
    headers = {
        "content-type": "application/json",
        "sentry-hook-resource": resource,
        "sentry-hook-timestamp": str(round(at.timestamp())),
        "request-id": "r-1",
    }
    if secret is not None:
        headers["sentry-hook-signature"] = _hmac(secret, raw)
    return Sent("/hooks/sentry", raw, headers)


def alertmanager(
    *statuses: str,
    at: datetime = NOON,
    secret: str | None = SECRETS["alertmanager"][0],
    top: Any = None,
    labels: Mapping[str, str] | None = None,
    **more: Any,
) -> Sent:
    """What Alertmanager posts (contract, E1): one alert of each status."""
    alerts = [
        {
            "status": status,
            "labels": {"alertname": "HighErrorRate", "severity": "critical", "service": "api", **(labels or {})},
            "annotations": {"summary": "5xx above 5 %", "description": "for 5 minutes"},
            "startsAt": at.isoformat().replace("+00:00", "Z"),
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://prometheus.example/graph?x",
            "fingerprint": f"c6eadffa33fcdf3{place}",
        }
        for place, status in enumerate(statuses or ("firing",))
    ]
    body = {
        "version": "4",
        "groupKey": '{}:{alertname="HighErrorRate"}',
        "truncatedAlerts": 0,
        "status": "firing" if "firing" in (statuses or ("firing",)) else "resolved",
        "receiver": "pitchey-ops",
        "notification_reason": "first notification",
        "groupLabels": {"alertname": "HighErrorRate"},
        "commonLabels": {"severity": "critical"},
        "commonAnnotations": {},
        "routeLabels": {},
        "externalURL": "https://am.example",
        "alerts": alerts,
        **more,
    }
    headers = {"content-type": "application/json"}
    if secret is not None:
        headers["authorization"] = f"Bearer {secret}"
    return Sent("/hooks/alertmanager", _json(body if top is None else top), headers)


def plain(*, secret: str | None = SECRETS["plain"][0], top: Any = None, **more: Any) -> Sent:
    """What anybody may post."""
    body = {"title": "Checkout fails for some users", "severity": "P2", "service": "payments", **more}
    headers = {"content-type": "application/json"}
    if secret is not None:
        headers["authorization"] = f"Bearer {secret}"
    return Sent("/hooks/plain", _json(body if top is None else top), headers)


def slack(
    text: str = "status",
    *,
    at: datetime = NOON,
    secret: str | None = SECRETS["slack"][0],
    raw: bytes | None = None,
    user_id: str = "U012AB3CD",
) -> Sent:
    """What Slack posts for a slash command (contract, C2)."""
    fields = {
        "token": "deprecated",
        "team_id": "T1",
        "team_domain": "pitchey",
        "channel_id": "C1",
        "channel_name": "incidents",
        "user_id": user_id,
        "user_name": "ana",
        "command": "/pitchey",
        "text": text,
        "response_url": "https://hooks.slack.com/commands/x",
        "trigger_id": "1.2.x",
        "api_app_id": "A1",
    }
    body = urlencode(fields).encode() if raw is None else raw
    stamp = str(round(at.timestamp()))
    headers = {"content-type": "application/x-www-form-urlencoded", "x-slack-request-timestamp": stamp}
    if secret is not None:
        headers["x-slack-signature"] = "v0=" + _hmac(secret, b"v0:" + stamp.encode() + b":" + body)
    return Sent("/hooks/slack", body, headers)


SENDERS = {
    "pitchey": pitchey,
    "pagerduty": pagerduty,
    "sentry": sentry,
    "alertmanager": alertmanager,
    "plain": plain,
    "slack": slack,
}
