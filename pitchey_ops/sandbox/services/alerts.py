"""``/alerts/*``: a trigger proves nothing, a 500 may have stored (contract traps 21-25)."""

from __future__ import annotations

import json
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response

from .. import js
from ..behaviours import behaviour_for, is_default
from ..state import Alert, State
from ..store import token36
from ..thirdparty.pagerduty import PagerDuty
from ..thirdparty.slack import Slack
from ._base import Service, json_answer, text_answer

THROTTLE_MS = 15 * 60_000
"""Per source, component and type, whatever the title and severity, also after a resolve (trap 22)."""
CHANNEL = "alerts"


class Alerts(Service):
    """The alert service."""

    name = "alerts"

    def __init__(self, state: State, slack: Slack, pagerduty: PagerDuty) -> None:
        super().__init__(state)
        self._slack = slack
        self._pagerduty = pagerduty
        self._throttled_until: dict[tuple[str, str, str], int] = {}
        self._made = 0

    async def answer(self, request: Request, path: str) -> Response:
        """Answer ``/alerts/{trigger,acknowledge,resolve}``: POST only, no listing (trap 24)."""
        actions = {
            "/alerts/trigger": self._trigger,
            "/alerts/acknowledge": self._ack,
            "/alerts/resolve": self._resolve,
        }
        if path not in actions:
            return text_answer("Alert endpoint not found", 404)
        if request.method != "POST":
            return text_answer("Method not allowed", 405)
        try:
            sent = json.loads(await request.body())
        except (ValueError, RecursionError):
            return json_answer({"error": "Unexpected token in JSON"}, 500)
        known = len(self.state.alerts)
        answer = actions[path](sent if isinstance(sent, dict) else {})
        if len(self.state.alerts) > known and self.state.options.webhook_url is not None:
            await self._send_webhook(self.state.options.webhook_url, list(self.state.alerts.values())[-1])
        return answer

    async def _send_webhook(self, url: str, alert: Alert) -> None:
        """Tell the channel of type ``webhook``; nobody hears of a failure (traps 22, 25)."""
        try:
            async with httpx.AsyncClient(transport=self.state.options.webhook_transport, timeout=5.0) as client:
                content = js.stringify(webhook_body(alert, self.state.now_ms))
                headers = {"content-type": "application/json", "user-agent": "Pitchey-Monitoring/1.0"}
                await client.post(url, content=content, headers=headers)
        except httpx.HTTPError:
            return

    def _trigger(self, sent: dict[str, Any]) -> Response:
        now = self.state.now_ms
        self._made += 1
        fresh = f"alert-{now}-{token36(8, self.state.world.seed, 'alert', self._made)}"
        key = tuple(js.field_text(sent, name) for name in ("source", "component", "type"))
        throttle = (key[0], key[1], key[2])
        if now < self._throttled_until.get(throttle, 0):
            return json_answer({"alertId": fresh})  # never stored, never sent
        self._throttled_until[throttle] = now + THROTTLE_MS
        self.state.alerts[fresh] = Alert(id=fresh, fields=sent, at_ms=now, changed_ms=now)
        self._tell_slack(f"[{js.field_text(sent, 'type')}] {js.field_text(sent, 'title')}", fresh)
        if sent.get("type") == "critical" and self._reaches("pagerduty", "/v2/enqueue"):
            self._pagerduty.event("trigger", fresh, js.field_text(sent, "title"))
        return json_answer({"alertId": fresh})  # failures of delivery are swallowed (trap 22)

    def _ack(self, sent: dict[str, Any]) -> Response:
        alert = self._find(sent)
        if isinstance(alert, Response):
            return alert
        if alert.status == "active":
            alert.status = "acknowledged"
            alert.acknowledged_by = js.field_text(sent, "userId")
            alert.changed_ms = self.state.now_ms
            failed = self._tell(alert, "acknowledge", f"acknowledged by {alert.acknowledged_by}")
            if failed is not None:
                return failed
        return text_answer("Alert acknowledged")

    def _resolve(self, sent: dict[str, Any]) -> Response:
        alert = self._find(sent)
        if isinstance(alert, Response):
            return alert
        if alert.status != "resolved":
            alert.status = "resolved"
            alert.resolved_by = js.field_text(sent, "userId")
            alert.changed_ms = self.state.now_ms
            failed = self._tell(alert, "resolve", f"resolved by {alert.resolved_by}")
            if failed is not None:
                return failed
        return text_answer("Alert resolved")

    def _find(self, sent: dict[str, Any]) -> Alert | Response:
        wanted = js.text_of(sent["alertId"]) if "alertId" in sent else "undefined"
        alert = self.state.alerts.get(wanted)
        return alert or json_answer({"error": f"Alert {wanted} not found"}, 500)

    def _tell(self, alert: Alert, action: str, what: str) -> Response | None:
        """Tell Slack, then PagerDuty; a failing Slack is a 500 after the change is stored (trap 23)."""
        if not self._tell_slack(f"Alert {js.field_text(alert.fields, 'title')} {what}", alert.id):
            return json_answer({"error": "Slack notification failed"}, 500)
        if alert.fields.get("type") == "critical" and self._reaches("pagerduty", "/v2/enqueue"):
            self._pagerduty.event(action, alert.id, js.field_text(alert.fields, "title"))
        return None

    def _tell_slack(self, text: str, alert_id: str) -> bool:
        if not self._reaches("slack", "/api/chat.postMessage"):
            return False
        self._slack.post(CHANNEL, f"{text} ({alert_id})")
        return True

    def _reaches(self, service: str, path: str) -> bool:
        """Whether a message to *service* arrives now."""
        if self.state.breaks.of(service) in ("5xx", "refused", "slow", "endless"):
            return False
        behaviour = behaviour_for(self.state.world, service, path, self.state.now_ms)
        return behaviour is None or is_default(behaviour)


def webhook_body(alert: Alert, now_ms: int) -> dict[str, Any]:
    """Return what the channel of type ``webhook`` gets: unsigned, with free text (trap 25)."""
    given = alert.fields
    return {
        "alert": {
            "id": alert.id,
            "type": given.get("type"),
            "title": given.get("title"),
            "message": given.get("message"),
            "timestamp": alert.at_ms,
            "source": given.get("source"),
            "component": given.get("component"),
            "environment": given.get("environment", "production"),
            "severity": given.get("severity", 3),
            "tags": given.get("tags", {}),
            "context": given.get("context", {}),
            "status": alert.status,
            "channels": ["slack", "webhook"],
        },
        "timestamp": now_ms,
        "source": "pitchey-monitoring",
    }
