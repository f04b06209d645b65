"""
What people wrote in the incident's Slack thread, taken into its record beside their other notes.

Each message of a person becomes a line of ``notes.jsonl``, with its own time and Slack's stamp, once. Our own messages
and those of other programs are left out. What a run looks back at then holds it, and so does its replay. Only reads;
secrets are taken out before anything is written.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import httpx
import sqlalchemy as sa

from ..clock import Clock, SystemClock
from ..errors import RecordError
from ..evidence import ids
from ..evidence.archive import Archive
from ..evidence.ledger import locked
from ..models.exchange import Exchange, Question
from ..runbooks.channels import live_channel, run_async
from ..runbooks.lifecycle import archive_of
from ..settings import Settings
from .db import reading
from .notify.tables import messages
from .orders import order_of

log = logging.getLogger("pitchey_ops.slack_notes")
SLACK = "https://slack.com/"
BUDGET_S = 15.0
PAGES = 10
PER_PAGE = 200
LONGEST = 20_000
LOCK = ".slack-notes.lock"
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
Status = Literal["taken", "not_configured", "no_thread", "unavailable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenUp:
    """How it went: ``notes`` new lines were written; ``detail`` says why there are none."""

    status: Status
    notes: int = 0
    detail: str = ""


class _Unkept:
    def exchange(self, exchange: Exchange) -> None:
        """Let it go: what is kept is the notes."""


def take_up(
    settings: Settings,
    archive: Archive,
    engine: sa.Engine,
    incident: str,
    *,
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> TakenUp:
    """
    Take the thread of *incident* into its notes; never raises for what Slack or the database did.

    Parameters
    ----------
    transport
        In place of the network, for tests.

    Raises
    ------
    UsageError
        *incident* is no incident's id.
    """
    ids.incident_id(incident)
    clock = clock or SystemClock()
    if settings.token("slack") is None or not settings.slack_channel:
        return TakenUp(status="not_configured", detail="PITCHEY_OPS_SLACK_TOKEN and PITCHEY_OPS_SLACK_CHANNEL not set")
    try:
        thread, own = thread_of(engine, incident)
    except sa.exc.SQLAlchemyError as exc:
        return TakenUp(status="unavailable", detail=f"the database does not answer ({type(exc).__name__})")
    if thread is None:
        return TakenUp(status="no_thread", detail="the incident has no message in Slack")
    try:
        found = run_async(lambda: _read(settings, thread, clock, transport))
        return TakenUp(status="taken", notes=_write(archive, incident, own, found))
    except (_Unread, RecordError) as exc:
        return TakenUp(status="unavailable", detail=str(exc))


def thread_of(engine: sa.Engine, incident: str) -> tuple[str | None, frozenset[str]]:
    """Return Slack's stamp of the incident's first message (None where it has none), and of all that we posted."""
    chosen = sa.select(messages.c.part, messages.c.ref).where(
        messages.c.incident_id == incident, messages.c.notifier == "slack", messages.c.ref.is_not(None)
    )
    with reading(engine) as connection:
        rows = connection.execute(chosen).all()
    root = next((ref for part, ref in rows if part == "root" and _moment(ref) is not None), None)
    return root, frozenset(ref for _, ref in rows)


class _Unread(Exception):
    """Slack gave no usable answer."""


async def _read(
    settings: Settings, thread: str, clock: Clock, transport: httpx.AsyncBaseTransport | None
) -> list[Mapping[str, Any]]:
    """Return all messages of a thread; the record is made of whole threads, so half of one is none."""
    if settings.url("slack") is None:
        settings = settings.model_copy(update={"slack_url": SLACK})
    channel = live_channel(
        settings, _Unkept(), started=clock.now(), budget_s=BUDGET_S, clock=clock, transport=transport
    )
    found: list[Mapping[str, Any]] = []
    cursor = ""
    try:
        async with asyncio.timeout(BUDGET_S):
            for page in range(1, PAGES + 1):
                asked = {"channel": settings.slack_channel, "ts": thread, "limit": str(PER_PAGE)}
                asked |= {"cursor": cursor} if cursor else {}
                question = Question(
                    key=f"slack/replies/{page}",
                    source="slack",
                    url=f"{settings.url('slack')}api/conversations.replies?{urlencode(asked)}",
                    share_for_s=0.0,
                )
                value = _answer(await channel.ask(question))
                rows = value.get("messages")
                found += [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
                told = value.get("response_metadata")
                cursor = str(told.get("next_cursor") or "")[:500] if isinstance(told, dict) else ""
                if not cursor:
                    return found
    except TimeoutError:
        raise _Unread("Slack did not answer in time; no note was taken") from None
    finally:
        await channel.close()
    return found


def _answer(exchange: Exchange) -> Mapping[str, Any]:
    if not exchange.answered or exchange.status != 200:
        what = f"status {exchange.status}" if exchange.answered else exchange.outcome.replace("_", " ")
        raise _Unread(f"Slack gave no answer ({what}); no note was taken")
    try:
        value = json.loads(exchange.body)
    except (ValueError, RecursionError):
        raise _Unread("Slack's answer is no JSON; no note was taken") from None
    if not isinstance(value, dict) or value.get("ok") is not True:
        said = value.get("error") if isinstance(value, dict) else None
        raise _Unread(f"Slack refuses: {str(said)[:60]!r}; the token needs channels:history. No note was taken")
    return value


def _write(archive: Archive, incident: str, own: frozenset[str], found: list[Mapping[str, Any]]) -> int:
    with locked(archive.root / LOCK):
        known = own | set(_stamps(archive.root / incident / "notes.jsonl"))
        entries = []
        for row in found:
            entry, at = note_of(row), _moment(row.get("ts"))
            if entry is not None and at is not None and entry["slack_ts"] not in known:
                known |= {entry["slack_ts"]}
                entries.append((entry, at))
        archive.append_many(incident, "notes", sorted(entries, key=lambda pair: pair[1]))
    return len(entries)


def before_run(engine: sa.Engine, settings: Settings, run_id: str, parameters: Mapping[str, Any]) -> None:
    """Take up the thread of the incident that the run *run_id* looks back at; whatever happens, the run goes on."""
    try:
        with reading(engine) as connection:
            row = order_of(connection, run_id)
        named = str(parameters.get("incident") or "") or (row.order.incident_id if row is not None else "")
        done = take_up(settings, archive_of(settings), engine, named)
        if done.status == "unavailable":
            log.warning("%s: the Slack thread of %s was not taken up: %s", run_id, named[:40], done.detail)
    except Exception as exc:
        log.warning("%s: the Slack thread was not taken up (%s)", run_id, type(exc).__name__)


def take_up_if_any(settings: Settings, archive: Archive, incident: str) -> TakenUp:
    """Take the thread of *incident* up where a service with a database belongs to *archive*."""
    from .db import address, connect, is_sqlite

    url = address(settings)
    if is_sqlite(url) and not Path(sa.make_url(url).database or "").is_file():
        return TakenUp(status="not_configured", detail="no service has run beside this archive, so no thread is known")
    engine = connect(url)
    try:
        return take_up(settings, archive, engine, incident)
    finally:
        engine.dispose()


def note_of(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the line that a message becomes; None for one that no person wrote, or that says nothing."""
    text, stamp = row.get("text"), row.get("ts")
    written = row.get("subtype") in (None, "thread_broadcast", "file_share") and not row.get("bot_id")
    if not written or row.get("app_id") or not isinstance(text, str) or not isinstance(stamp, str):
        return None
    for entity, letter in _ENTITIES:
        text = text.replace(entity, letter)
    text = text.strip()[:LONGEST]
    if not text or _moment(stamp) is None:
        return None
    return {"event": "note", "text": text, "by": f"Slack {str(row.get('user') or 'user')[:40]}", "slack_ts": stamp}


def _stamps(path: Path) -> Iterator[str]:
    try:
        pieces = path.read_bytes().split(b"\n")
    except OSError:
        return
    for piece in pieces:
        try:
            stamp = json.loads(piece)["entry"]["slack_ts"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(stamp, str):
            yield stamp


def _moment(stamp: object) -> datetime | None:
    """Return the time of Slack's ``seconds.micros``, None for anything else."""
    if not isinstance(stamp, str) or len(stamp) > 20 or not stamp.isascii():
        return None
    try:
        seconds = float(stamp)
        return datetime.fromtimestamp(seconds, UTC) if 1e9 < seconds < 5e9 else None
    except (ValueError, OverflowError):
        return None
