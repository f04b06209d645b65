"""Slack's Web API: history of a channel, as far as we read and post."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from ..services._base import Service, json_answer

CHANNELS = {"C0ALERTS": "alerts", "C0INCIDENTS": "incidents"}


class Slack(Service):
    """Slack: HTTP 200 with ``ok: false`` is an error."""

    name = "slack"

    async def answer(self, request: Request, path: str) -> Response:
        """Answer ``auth.test``, ``conversations.list``, ``conversations.history``, ``chat.postMessage``."""
        if self.state.options.require_tokens and "authorization" not in request.headers:
            return json_answer({"ok": False, "error": "not_authed"})
        asked = await self._arguments(request)
        match path.removeprefix("/api"):
            case "/auth.test":
                return json_answer({"ok": True, "team": "pitchey", "team_id": "T0SANDBOX", "user_id": "U0BOT"})
            case "/conversations.list":
                channels = [{"id": key, "name": name, "is_archived": False} for key, name in CHANNELS.items()]
                return json_answer({"ok": True, "channels": channels, "response_metadata": {"next_cursor": ""}})
            case "/conversations.history":
                return self._history(asked)
            case "/chat.postMessage":
                return self._post(asked)
        return json_answer({"ok": False, "error": "unknown_method"})

    def post(self, channel: str, text: str, **more: Any) -> dict[str, Any]:
        """Put a message into a channel's history."""
        now = self.state.now_ms
        number = len(self.state.slack_messages)
        stamp = f"{now // 1000}.{(now % 1000) * 1000 + number % 1000:06d}"
        message = {
            "type": "message",
            "channel": _channel(channel),
            "ts": stamp,
            "text": text,
            "user": "U0BOT",
            **more,
        }
        self.state.slack_messages.append(message)
        return message

    async def _arguments(self, request: Request) -> dict[str, Any]:
        asked: dict[str, Any] = dict(request.query_params)
        if request.method == "POST":
            if request.headers.get("content-type", "").startswith("application/json"):
                try:
                    sent = json.loads(await request.body())
                except ValueError:
                    sent = None
                asked.update(sent if isinstance(sent, dict) else {})
            else:
                body = (await request.body()).decode("utf-8", "replace")
                asked.update(dict(parse_qsl(body, keep_blank_values=True)))
        return asked

    def _history(self, asked: dict[str, Any]) -> Response:
        channel = _channel(str(asked.get("channel", "")))
        if channel not in CHANNELS:
            return json_answer({"ok": False, "error": "channel_not_found"})
        oldest, latest = _stamp(asked.get("oldest"), 0.0), _stamp(asked.get("latest"), float("inf"))
        found = [
            {key: value for key, value in message.items() if key != "channel"}
            for message in self.state.slack_messages
            if message["channel"] == channel and oldest < float(message["ts"]) <= latest
        ]
        limit = int(_stamp(asked.get("limit"), 100.0))
        newest = found[::-1][:limit]
        more = {"has_more": len(found) > limit, "response_metadata": {"next_cursor": ""}}
        return json_answer({"ok": True, "messages": newest, **more})

    def _post(self, asked: dict[str, Any]) -> Response:
        channel = _channel(str(asked.get("channel", "")))
        if channel not in CHANNELS:
            return json_answer({"ok": False, "error": "channel_not_found"})
        if not asked.get("text") and not asked.get("blocks"):
            return json_answer({"ok": False, "error": "no_text"})
        kept = {name: asked[name] for name in ("blocks", "thread_ts", "metadata") if name in asked}
        message = self.post(channel, str(asked.get("text", "")), **kept)
        return json_answer({"ok": True, "channel": channel, "ts": message["ts"], "message": message})


def _channel(name: str) -> str:
    """Return a channel's id, given its id or name."""
    return next((key for key, known in CHANNELS.items() if name in (key, known, f"#{known}")), name)


def _stamp(text: Any, default: float) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return default
