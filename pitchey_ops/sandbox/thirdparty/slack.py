"""Slack's Web API: channels, threads, messages and files, as far as we read and post."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from ..services._base import Service, json_answer, text_answer
from ..state import State

TEXT_LIMIT, BLOCKS_LIMIT = 40_000, 50
POST_BURST = 12.0
"""Messages that may be posted at once; after them about one a second."""
CHANNELS = {"C0ALERTS": "alerts", "C0INCIDENTS": "incidents"}


class Slack(Service):
    """Slack: HTTP 200 with ``ok: false`` is an error."""

    name = "slack"

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.files: dict[str, dict[str, Any]] = {}
        self._tokens, self._filled = POST_BURST, time.monotonic()

    async def answer(self, request: Request, path: str) -> Response:
        """Answer the methods of ``auth``, ``conversations``, ``chat`` and ``files`` that are used, and the upload."""
        if path.startswith("/upload/v1/"):
            return await self._upload(request, path.removeprefix("/upload/v1/"))
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
            case "/conversations.replies":
                return self._replies(asked)
            case "/chat.postMessage":
                return self._post(asked)
            case "/chat.update":
                return self._update(asked)
            case "/chat.delete":
                return self._delete(asked)
            case "/files.getUploadURLExternal":
                return self._upload_url(request, asked)
            case "/files.completeUploadExternal":
                return self._complete(asked)
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
            return _refused("channel_not_found")
        oldest, latest = _stamp(asked.get("oldest"), 0.0), _stamp(asked.get("latest"), float("inf"))
        found = [
            message
            for message in self.state.slack_messages
            if message["channel"] == channel and oldest < float(message["ts"]) <= latest and _is_top(message)
        ]
        return _page(found[::-1], asked)

    def _replies(self, asked: dict[str, Any]) -> Response:
        channel, thread = _channel(str(asked.get("channel", ""))), str(asked.get("ts", ""))
        there = [m for m in self.state.slack_messages if m["channel"] == channel]
        if not any(m["ts"] == thread for m in there):
            return _refused("thread_not_found" if channel in CHANNELS else "channel_not_found")
        return _page([m for m in there if thread in (m["ts"], m.get("thread_ts"))], asked)

    def _post(self, asked: dict[str, Any]) -> Response:
        channel = _channel(str(asked.get("channel", "")))
        fault = "channel_not_found" if channel not in CHANNELS else _fault_of(asked)
        if fault:
            return _refused(fault)
        if not self._may_post():
            return json_answer({"ok": False, "error": "ratelimited"}, 429, {"retry-after": "1"})
        kept = {name: asked[name] for name in ("blocks", "thread_ts", "metadata", "reply_broadcast") if asked.get(name)}
        message = self.post(channel, str(asked.get("text", "")), **kept)
        return json_answer({"ok": True, "channel": channel, "ts": message["ts"], "message": message})

    def _update(self, asked: dict[str, Any]) -> Response:
        channel, stamp = _channel(str(asked.get("channel", ""))), str(asked.get("ts", ""))
        fault = "channel_not_found" if channel not in CHANNELS else _fault_of(asked)
        found = [m for m in self.state.slack_messages if (m["channel"], m["ts"]) == (channel, stamp)]
        if fault or not found:
            return _refused(fault or "message_not_found")
        found[0].update({name: asked[name] for name in ("text", "blocks", "metadata") if name in asked})
        return json_answer({"ok": True, "channel": channel, "ts": stamp, "text": str(asked.get("text", ""))})

    def _delete(self, asked: dict[str, Any]) -> Response:
        channel, stamp = _channel(str(asked.get("channel", ""))), str(asked.get("ts", ""))
        found = [m for m in self.state.slack_messages if (m["channel"], m["ts"]) == (channel, stamp)]
        if channel not in CHANNELS or not found:
            return _refused("message_not_found" if channel in CHANNELS else "channel_not_found")
        self.state.slack_messages.remove(found[0])
        return json_answer({"ok": True, "channel": channel, "ts": stamp})

    def _upload_url(self, request: Request, asked: dict[str, Any]) -> Response:
        name, length = str(asked.get("filename", "")), _stamp(asked.get("length"), 0.0)
        if not name or length < 1:
            return _refused("invalid_arguments")
        file = f"F{len(self.files):09d}"
        self.files[file] = {"id": file, "name": name, "size": int(length), "alt_txt": str(asked.get("alt_txt", ""))}
        where = f"{request.url.scheme}://{request.url.netloc}/_slack/upload/v1/{file}"
        return json_answer({"ok": True, "upload_url": where, "file_id": file})

    async def _upload(self, request: Request, file: str) -> Response:
        known, body = self.files.get(file), await request.body()
        if known is None or request.method != "POST":
            return text_answer("no such upload", 404)
        if len(body) != known["size"]:
            return text_answer(f"expected {known['size']} bytes", 400)
        known["body"] = body
        return text_answer(f"OK - {len(body)}")

    def _complete(self, asked: dict[str, Any]) -> Response:
        channel = str(asked.get("channel_id") or "")
        if channel and channel not in CHANNELS:  # an id is due here, a name is not taken
            return _refused("channel_not_found")
        try:
            sent = asked["files"] if isinstance(asked.get("files"), list) else json.loads(str(asked.get("files")))
            found = [(self.files[one["id"]], str(one.get("title") or "")) for one in sent]
        except (ValueError, KeyError, TypeError):
            return _refused("file_not_found")
        if not found or any("body" not in file for file, _ in found):
            return _refused("file_upload_not_finished")
        files = [{"id": f["id"], "name": f["name"], "title": title or f["name"]} for f, title in found]
        if channel:
            thread = {"thread_ts": str(asked["thread_ts"])} if asked.get("thread_ts") else {}
            self.post(channel, str(asked.get("initial_comment", "")), files=files, **thread)
        return json_answer({"ok": True, "files": files})

    def _may_post(self) -> bool:
        """Whether the limit (about one message a second, short bursts) leaves room, in the machine's own time."""
        now = time.monotonic()
        self._tokens, self._filled = min(POST_BURST, self._tokens + now - self._filled), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _channel(name: str) -> str:
    """Return a channel's id, given its id or name."""
    return next((key for key, known in CHANNELS.items() if name in (key, known, f"#{known}")), name)


def _stamp(text: Any, default: float) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return default


def _refused(error: str) -> Response:
    return json_answer({"ok": False, "error": error})


def _is_top(message: dict[str, Any]) -> bool:
    """Whether a message stands in the channel itself, not only in a thread."""
    thread = message.get("thread_ts")
    return thread in (None, message["ts"]) or message.get("reply_broadcast") in (True, "true", "1")


def _page(found: list[dict[str, Any]], asked: dict[str, Any]) -> Response:
    """Return a page of messages; metadata only where it is asked for."""
    start, limit = int(_stamp(asked.get("cursor"), 0.0)), max(int(_stamp(asked.get("limit"), 100.0)), 1)
    hidden = {"channel"} if str(asked.get("include_all_metadata")).lower() in ("true", "1") else {"channel", "metadata"}
    shown = [{k: v for k, v in one.items() if k not in hidden} for one in found[start : start + limit]]
    more = len(found) > start + limit
    cursor = {"next_cursor": str(start + limit) if more else ""}
    return json_answer({"ok": True, "messages": shown, "has_more": more, "response_metadata": cursor})


def _fault_of(asked: dict[str, Any]) -> str:
    """Return the error that Slack gives for this message, empty where it takes it."""
    text, blocks = str(asked.get("text") or ""), asked.get("blocks")
    if isinstance(blocks, str):
        try:
            blocks = json.loads(blocks)
        except ValueError:
            return "invalid_blocks_format"
    if not text and not blocks:
        return "no_text"
    if len(text) > TEXT_LIMIT:
        return "msg_too_long"
    return "" if blocks is None or _blocks_fit(blocks) else "invalid_blocks"


def _blocks_fit(blocks: Any) -> bool:
    if not isinstance(blocks, list) or len(blocks) > BLOCKS_LIMIT or not all(isinstance(b, dict) for b in blocks):
        return False
    for block in blocks:
        texts = {"section": 3000, "header": 150}.get(str(block.get("type")), 0)
        fields, elements = block.get("fields", []), block.get("elements", [])
        if "text" in block and not 0 < len(block["text"]["text"]) <= texts:
            return False
        if len(fields) > 10 or any(not 0 < len(one["text"]) <= 2000 for one in fields) or len(elements) > 10:
            return False
    return True
