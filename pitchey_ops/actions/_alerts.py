"""The alerts service (contract traps 21-23): text answers, and a 500 that may have stored."""

from __future__ import annotations

from typing import Any

from . import _slack
from .facts import Facts
from .models import Change, Find, Request

UNCERTAIN = (
    "the first answer was an error, or none, and the service stores before it tells: the change is stored, but "
    "PagerDuty may not have been told; see there, and do it directly (pagerduty-acknowledge, pagerduty-resolve)"
)


def changed(facts: Facts, verb: str, alert: str, body: dict[str, Any], *, past: str) -> tuple[Change, Find]:
    """Return the call *verb* for *alert*, and how Slack shows that it was told."""
    change = Change(
        id=verb,
        words=f"POST /alerts/{verb} for {alert}",
        request=Request(service="alerts", method="POST", path=f"alerts/{verb}", body={"alertId": alert, **body}),
        repeatable=True,
        refusals=("not found",),
        uncertain=UNCERTAIN,
    )
    return change, told(facts, alert, past)


def told(facts: Facts, alert: str, word: str) -> Find:
    """Return that the alerts' channel shows *word* about *alert*: the only place where delivery shows."""
    since = int(facts.now.timestamp()) - 3600
    look = _slack.said(facts.settings.slack_alerts_channel, since_s=since)
    return Find(look=look, items="messages", where=(("text", f"~{word}"), ("text", f"~{alert}")))
