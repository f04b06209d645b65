"""
Slack: one message for each incident, kept up to date, with a thread for what comes after.

Needs a bot token with ``chat:write``, ``files:write`` and ``channels:history`` (``groups:history`` in a private
channel). Slack has no idempotency key, so each message carries its key as metadata, each file as its name, and both
are looked for before anything is sent a second time. What stays possible: Slack takes a message only after we have
given up waiting *and* looked for it in vain; then it is there twice.
"""

from __future__ import annotations

import http.client
import re
import urllib.error
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from ...evidence import ids
from ...panels.safe import CLOSE, FENCE_NOTE, OPEN
from ...panels.safe import slack as escaped
from . import words
from .base import HTTP_TIMEOUT_S, LOST_LEASE, Notifier, Task
from .chart import Chart, chart_of
from .config import NotifyConfig
from .journal import Later, Never, Result, Sent, Wanted
from .notice import Notice, Story
from .words import Part

EVENT_TYPE = "pitchey_ops"
LOOK_BACK_S = 120.0
"""Slack's clock and ours may differ: so long before a message was queued it is looked for."""
PAGES = 10
SECTION_LIMIT, FIELD_LIMIT, HEADER_LIMIT, FALLBACK_LIMIT, ALT_LIMIT = 3000, 2000, 150, 1000, 900
CLOSED = frozenset(
    ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission")
    + ("missing_scope", "channel_not_found", "not_in_channel", "is_archived", "restricted_action")
    + ("org_login_required", "ekm_access_denied", "team_access_not_granted", "access_denied")
)
"""What a person has to mend; tried again every five minutes for a day."""
UNFIT = frozenset(("msg_too_long", "invalid_blocks", "invalid_blocks_format", "invalid_metadata_format"))
FIXED = frozenset(("message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"))
"""The message is gone or closed: a person's doing, to be left as it is."""
UNCLEAR = frozenset(("internal_error", "fatal_error", "service_unavailable", "request_timeout"))
_SHORTEST_RETRY_S, _LONGEST_RETRY_S = 1.0, 3600.0


class Slack:
    """Posts to one channel."""

    name: ClassVar[str] = "slack"
    gap_s: ClassVar[float] = 1.1  # about one message a second and channel is allowed

    def __init__(self, config: NotifyConfig) -> None:
        self.config = config
        self.channel = config.slack_channel or ""
        # no retries of its own: it would post again what may be there already
        self._client = WebClient(
            token=config.slack_token,
            base_url=f"{config.slack_url}api/",
            timeout=int(HTTP_TIMEOUT_S),
            retry_handlers=[],
        )

    def wanted(self, story: Story, notice: Notice) -> Iterable[Wanted]:
        """Return the incident's message (as it is now), and a line in its thread for what is news."""
        if notice.kind == "paged":
            return
        rank = 10 * int(story.severity[1])
        yield Wanted(part="root", rank=rank, fresh=True)
        match notice.kind:
            case "verdict":
                if notice.key != story.verdicts[0].key and story.is_news(notice):
                    yield Wanted(part=notice.key, rank=rank + 1)
            case "archived":
                verdict = story.verdict_of(notice.run_id)
                if verdict is None or story.is_news(verdict):
                    yield Wanted(part=notice.key, rank=rank + 2)
            case "severity" if ids.is_run_id(notice.told.get("by")):
                return  # the run's own verdict says it
            case _:
                yield Wanted(part=notice.key, rank=rank + 1)

    def send(self, task: Task) -> Result:
        """Post, update or upload one message."""
        looked = False
        try:
            if task.job.part == "root":
                return self._root(task)
            if task.root is None and not task.root_lost:
                return Later(why="the incident's first message is not there yet", after_s=1.0, unsure=task.job.unsure)
            notice = task.story.notice(task.job.part)
            if notice is None:
                return Never(why="nothing to say")
            if task.job.unsure:
                there = self._find_reply(task)
                looked = True
                if there is not None:
                    return Sent(ref=there)
            return self._reply(task, notice)
        except (SlackClientError, urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as exc:
            return _failed(exc, unsure_before=task.job.unsure and not looked)

    # ── the incident's message ───────────────────────────────────────────────────────────────────────────────────

    def _root(self, task: Task) -> Result:
        job = task.job
        if task.story.latest is None:
            return Sent(ref=job.ref)  # nothing to say before the first verdict
        stamp = job.ref
        if stamp is None and job.unsure:
            stamp = self._find(self._history(_since(task)), job.key)
        text, blocks = self.root_message(task.story)
        if not task.still_ours():
            return Later(why=LOST_LEASE, unsure=job.unsure)
        if stamp is None:
            return Sent(ref=self._post(text, blocks, job.key))
        try:
            self._call(
                "chat.update", channel=self.channel, ts=stamp, text=text, blocks=blocks, **self._metadata(job.key)
            )
        except SlackApiError as exc:
            if _error(exc) in FIXED:
                return Sent(ref=stamp, error=f"not updated: {_error(exc)}")
            raise
        return Sent(ref=stamp)

    def root_message(self, story: Story) -> tuple[str, list[dict[str, Any]]]:
        """Return the text for notifications and the blocks of an incident's message as it is now."""
        latest = story.latest
        assert latest is not None
        head = _plain(words.headline(story))[:HEADER_LIMIT]
        summary = words.summary(latest)
        facts = words.facts(story, latest, self.config.days)
        blocks: list[dict[str, Any]] = [
            {"type": "header", "text": {"type": "plain_text", "text": head, "emoji": False}},
            _section(f"*{mrkdwn(summary, 1500)}*" if not any(p.quoted for p in summary) else mrkdwn(summary, 2000)),
            {
                "type": "section",
                "fields": [_mrkdwn(f"*{name}*\n{mrkdwn(told, 600)}", FIELD_LIMIT) for name, told in facts],
            },
            _context(" · ".join(self._links(story))),
        ]
        quoted = any(part.quoted for _, told in [("", summary), *facts] for part in told)
        if quoted:
            blocks.append(_context(FENCE_NOTE))  # words of ours, with the fence as it is
        return _cut(f"{escaped(head)}: {mrkdwn(summary, 700)}", FALLBACK_LIMIT), blocks

    def _links(self, story: Story) -> Iterator[str]:
        latest, archived = story.latest, story.archived
        assert latest is not None
        page = self.config.link(story.incident_id)
        yield f"<{page}|Open the incident>" if page else ""
        runs = len({one.run_id for one in story.verdicts})
        yield f"{story.incident_id}, {runs} run{'s' if runs != 1 else ''}, last verdict {words.moment(latest.at)}"
        if archived is None:
            yield "charts and record follow"
        else:
            yield f"record: ledger `{archived.told['ledger_head']}`"

    # ── the thread ───────────────────────────────────────────────────────────────────────────────────────────────

    def _reply(self, task: Task, notice: Notice) -> Result:
        text = self._reply_text(task.story, notice)
        chart = None
        if notice.kind == "archived" and notice.run_id and task.root:
            chart = chart_of(self.config.archive_root, notice.incident_id, notice.run_id)
        if not task.still_ours():
            return Later(why=LOST_LEASE, unsure=task.job.unsure)
        if chart is not None:
            refused = ""
            try:
                return Sent(ref=self._upload(chart, notice, text, task.root))
            except SlackApiError as exc:
                refused = _error(exc)
                if not _is_refused(exc):
                    raise
            ref = self._post(text, [_section(text)], task.job.key, thread=task.root)
            return Sent(ref=ref, error=f"without its chart: {refused}")
        loud = notice.kind == "verdict" and task.story.is_worse(notice)
        return Sent(ref=self._post(text, [_section(text)], task.job.key, thread=task.root, loud=loud))

    def _reply_text(self, story: Story, notice: Notice) -> str:
        told = notice.told
        by = [Part(" by "), Part(str(told["by"]), quoted=True)] if told.get("by") else []
        match notice.kind:
            case "verdict":
                state = words.STATE_WORDS[told["state"]]
                head = f"*{told['severity']} {escaped(state)}* · {escaped(words.runbook_words(notice))}"
                return f"{head}\n{mrkdwn(words.summary(notice), 2000)}"
            case "archived":
                verdict = story.verdict_of(notice.run_id)
                page = self.config.link(story.incident_id, notice.run_id)
                lines = [] if verdict is None else [mrkdwn(words.summary(verdict), 1500)]
                lines.append(mrkdwn([Part("Response clock: "), *words.clock(story, self.config.days)], 500))
                where = f"<{page}|Open the report>" if page else f"Report of {notice.run_id}"
                lines.append(f"{where} · {notice.run_id} · record: ledger `{told['ledger_head']}`")
                return "\n".join(lines)
            case "severity":
                return mrkdwn([Part(f"Severity set to {told.get('severity')} at {words.moment(notice.at)}"), *by], 500)
            case _:
                return mrkdwn([Part(f"{notice.kind.capitalize()} at {words.moment(notice.at)}"), *by], 500)

    def _upload(self, chart: Chart, notice: Notice, comment: str, thread: str | None) -> str:
        answer = self._client.files_upload_v2(
            channel=self.channel,
            content=chart.png,
            filename=_file_name(notice),
            title=escaped(chart.question, 120),
            alt_txt=escaped(chart.alt, ALT_LIMIT),
            initial_comment=comment,
            thread_ts=thread,
        )
        files = answer.get("files") or [{}]
        return str(files[0].get("id", ""))[:64]

    # ── asking Slack ─────────────────────────────────────────────────────────────────────────────────────────────

    def _post(
        self, text: str, blocks: list[dict[str, Any]], key: str, thread: str | None = None, loud: bool = False
    ) -> str:
        more: dict[str, Any] = {} if thread is None else {"thread_ts": thread, "reply_broadcast": loud}
        sent = {
            "channel": self.channel,
            "text": _cut(text, FALLBACK_LIMIT),
            "unfurl_links": False,
            "unfurl_media": False,
        }
        try:
            answer = self._call("chat.postMessage", **sent, blocks=blocks, **self._metadata(key), **more)
        except SlackApiError as exc:
            if _error(exc) not in UNFIT:
                raise
            answer = self._call("chat.postMessage", **sent, **self._metadata(key), **more)  # words without their dress
        return str(answer["ts"])[:64]

    def _call(self, method: str, **values: Any) -> Mapping[str, Any]:
        answer = self._client.api_call(method, json=values)
        data = answer.data
        return data if isinstance(data, dict) else {}

    def _metadata(self, key: str) -> dict[str, Any]:
        return {"metadata": {"event_type": EVENT_TYPE, "event_payload": {"key": key}}}

    def _find_reply(self, task: Task) -> str | None:
        notice = task.story.notice(task.job.part)
        pages = self._history(_since(task)) if task.root is None else self._replies(task.root)
        name = _file_name(notice) if notice is not None else ""
        return self._find(pages, task.job.key, name)

    def _find(self, found: Iterable[Mapping[str, Any]], key: str, file: str = "") -> str | None:
        for message in found:
            payload = (message.get("metadata") or {}).get("event_payload") or {}
            if payload.get("key") == key:
                return str(message.get("ts"))[:64]
            for one in message.get("files") or ():
                if file and one.get("name") == file:
                    return str(one.get("id"))[:64]
        return None

    def _history(self, since: float) -> Iterator[Mapping[str, Any]]:
        return self._pages("conversations.history", {"oldest": f"{since - LOOK_BACK_S:.6f}"})

    def _replies(self, thread: str) -> Iterator[Mapping[str, Any]]:
        return self._pages("conversations.replies", {"ts": thread})

    def _pages(self, method: str, asked: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        cursor = ""
        for _ in range(PAGES):
            more = {"cursor": cursor} if cursor else {}
            values = {"channel": self.channel, "limit": "200", "include_all_metadata": "true", **asked, **more}
            answer = self._client.api_call(method, http_verb="GET", params=values)
            yield from (one for one in answer.get("messages") or () if isinstance(one, Mapping))
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return


def from_config(config: NotifyConfig) -> Notifier | None:
    """Return the notifier, None where no channel is configured."""
    return Slack(config) if config.slack_token and config.slack_channel else None


def mrkdwn(parts: Iterable[Part], limit: int) -> str:
    """Return pieces as Slack shows them: every one escaped, what strangers wrote between ``⟪`` and ``⟫``."""
    made: list[str] = []
    left = limit
    for part in parts:
        if left <= 0:
            made.append("…")
            break
        text = escaped(part.text, left)
        made.append(f"{OPEN}{text}{CLOSE}" if part.quoted else text)
        left -= len(part.text)
    return "".join(made)


def _plain(parts: Iterable[Part]) -> str:
    """Return pieces of ours as plain text: a header shows no markup, and knows no escapes."""
    return "".join(part.text for part in parts)


def _mrkdwn(text: str, limit: int) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": _cut(text, limit), "verbatim": True}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text, SECTION_LIMIT)}


def _context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [_mrkdwn(text.removeprefix(" · "), FIELD_LIMIT)]}


def _cut(text: str, limit: int) -> str:
    """Cut escaped *text*, not in the middle of an escape, and with its fence closed."""
    if len(text) <= limit:
        return text
    short = re.sub(r"&[a-z]{0,4}\Z", "", text[: limit - 2])
    return f"{short}…{CLOSE if short.count(OPEN) > short.count(CLOSE) else ''}"


def _file_name(notice: Notice) -> str:
    return f"{notice.run_id}-chart.png"


def _since(task: Task) -> float:
    """Return since when a message can be there: it may have been queued anew since it was first sent."""
    return min([task.job.made_at, *(one.at.timestamp() for one in task.story.notices[:1])])


def _error(exc: SlackApiError) -> str:
    try:
        return str(exc.response["error"])[:80]
    except (KeyError, TypeError):
        return "no reason given"


def _is_refused(exc: SlackApiError) -> bool:
    return getattr(exc.response, "status_code", 0) == 200 and _error(exc) not in UNCLEAR


def _failed(exc: Exception, *, unsure_before: bool) -> Result:
    """Return what to do about a failure; only what cannot have arrived leaves no doubt behind."""
    if isinstance(exc, SlackApiError):
        error, status = _error(exc), getattr(exc.response, "status_code", 0)
        if status == 429 or error in ("ratelimited", "rate_limited"):
            why = "Slack asks for a pause (rate limit)"
            return Later(why=why, after_s=_retry_after(exc), unsure=unsure_before, everybody=True)
        if error in CLOSED:
            why = f"Slack refuses: {error}"
            return Later(why=why, after_s=300.0, unsure=unsure_before, everybody=error != "missing_scope")
        if status == 200 and error not in UNCLEAR:
            return Never(why=f"Slack does not take it: {error}")
        return Later(why=f"Slack failed: HTTP {status}, {error}", unsure=True)
    reason = getattr(exc, "reason", exc)
    refused = isinstance(reason, ConnectionRefusedError) or type(reason).__name__ == "gaierror"
    return Later(why=f"Slack cannot be reached: {_short(reason)}", unsure=unsure_before or not refused)


def _retry_after(exc: SlackApiError) -> float:
    headers = getattr(exc.response, "headers", {}) or {}
    value: Any = next((v for k, v in headers.items() if str(k).lower() == "retry-after"), None)
    value = value[0] if isinstance(value, list) and value else value
    try:
        return min(max(float(value), _SHORTEST_RETRY_S), _LONGEST_RETRY_S)
    except (TypeError, ValueError):
        return 30.0


def _short(reason: object) -> str:
    return f"{type(reason).__name__}: {reason}"[:200]
