"""Slack's calls (contract third-party C4): messages that carry their plan's mark, and are found again by it."""

from __future__ import annotations

from .base import one_line
from .facts import Facts
from .models import Change, Find, Request

MESSAGE_LIMIT = 2800
ERRORS = ("channel_not_found", "not_in_channel", "is_archived", "invalid_auth", "missing_scope", "msg_too_long")
"""Answers that say that nothing was posted."""


def escaped(text: str) -> str:
    """Return *text* so that Slack interprets nothing in it: no mention, no link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def said(channel: str, *, since_s: int, thread: str | None = None) -> Request:
    """Return the reading of a channel's newest messages since *since_s* (epoch seconds), or of a thread."""
    query = [("channel", channel), ("oldest", str(since_s)), ("limit", "200"), ("include_all_metadata", "true")]
    if thread is not None:
        query = [("channel", channel), ("ts", thread), *query[1:]]
    method = "conversations.history" if thread is None else "conversations.replies"
    return Request(service="slack", method="GET", path=f"api/{method}", query=tuple(query))


def message(facts: Facts, mark: str, lines: list[str], *, kind: str) -> Change:
    """Return the posting of *lines* into the incident's thread, undone by deleting it."""
    channel = facts.settings.slack_channel
    text = "\n".join(escaped(one_line(line, MESSAGE_LIMIT)) for line in lines if line)[:MESSAGE_LIMIT]
    body: dict[str, object] = {
        "channel": channel,
        "text": text,
        "unfurl_links": False,
        "metadata": {
            "event_type": "pitchey_action",
            "event_payload": {"mark": mark, "incident": facts.incident, "kind": kind},
        },
    }
    if facts.thread:
        body["thread_ts"] = facts.thread
    seen = Find(
        look=said(channel, since_s=int(facts.now.timestamp()) - 86_400, thread=facts.thread),
        items="messages",
        where=(("metadata.event_payload.mark", mark),),
        keeps=(("slack_ts", "ts"),),
    )
    delete = Request(
        service="slack", method="POST", path="api/chat.delete", body={"channel": channel, "ts": "${slack_ts}"}
    )
    gone = Find(look=seen.look, items=seen.items, where=seen.where, absent=True, keeps=seen.keeps)
    return Change(
        id="message",
        words=f"one message to {channel}: “{one_line(text, 160)}”",
        request=Request(service="slack", method="POST", path="api/chat.postMessage", body=body),
        find=seen,
        keeps=(("slack_ts", "ts"),),
        refusals=ERRORS,
        surplus=Request(
            service="slack", method="POST", path="api/chat.delete", body={"channel": channel, "ts": "${surplus}"}
        ),
        surplus_at="ts",
        undo=(Change(id="delete", words="delete the message", request=delete, find=gone),),
    )


def missing(facts: Facts) -> str:
    """Return which setting is missing, or an empty text."""
    return "" if facts.settings.slack_channel else "slack_channel is not set"


def seen(change: Change) -> tuple[Find, ...]:
    """Return that the message of *change* is in the channel."""
    return () if change.find is None else (change.find,)
