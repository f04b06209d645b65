"""
The outbox in the database: what is told is stored first, and sent by whoever has the lease of the message.

Sending "once" across a network cannot be had for certain; `messages` gets as near as it goes. A lease keeps two
processes from sending the same message at the same time; an attempt whose end nobody saw leaves the message
``unsure``, and then the far side is asked for it before it is sent again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..incident_tables import incidents
from .notice import Kind, Notice, Story
from .tables import messages, notices

LEASE_S = 90.0
"""Longer than any attempt takes; after a crash a message waits so long for another process."""
GIVE_UP_S = 24 * 3600.0
BACKOFF_S = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A message that a notice calls for; lower *rank* goes first. A *fresh* one is sent again as it is now."""

    part: str
    rank: int
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A message whose lease we hold."""

    key: str
    notifier: str
    incident_id: str
    part: str
    revision: int
    attempts: int
    unsure: bool
    ref: str | None
    made_at: float
    lease_until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """It is there, under the name *ref*."""

    ref: str | None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """
    Not now.

    Attributes
    ----------
    after_s
        Seconds until the next attempt; None: by the number of attempts.
    unsure
        Whether it may be there all the same.
    everybody
        Every message of this notifier has to wait as long (a rate limit).
    """

    why: str
    after_s: float | None = None
    unsure: bool = False
    everybody: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Never:
    """It cannot be sent, now or later."""

    why: str


Result = Sent | Later | Never


def tell(connection: sa.Connection, notice: Notice) -> bool:
    """Store *notice* in the caller's transaction; False where it was told before."""
    row = {
        "key": notice.key,
        "incident_id": notice.incident_id,
        "run_id": notice.run_id,
        "kind": notice.kind,
        "at": notice.at.timestamp(),
        "told": json.dumps(dict(notice.told), ensure_ascii=True, allow_nan=False),
    }
    return _insert_once(connection, notices, row)


def want(connection: sa.Connection, notifier: str, incident: str, wanted: Iterable[Wanted], now: float) -> None:
    """Queue messages in the caller's transaction; a fresh one that is there already becomes due again."""
    for one in wanted:
        row = {
            "key": key_of(notifier, incident, one.part),
            "notifier": notifier,
            "incident_id": incident,
            "part": one.part,
            "rank": one.rank,
            "made_at": now,
            "revision": 1,
            "delivered": 0,
            "attempts": 0,
            "unsure": False,
            "next_at": now,
            "lease_until": 0.0,
            "given_up": False,
        }
        if not _insert_once(connection, messages, row) and one.fresh:
            connection.execute(
                sa.update(messages)
                .where(messages.c.key == row["key"])
                .values(
                    revision=messages.c.revision + 1,
                    rank=sa.case((messages.c.rank < one.rank, messages.c.rank), else_=one.rank),
                    given_up=False,
                    made_at=now,
                    next_at=sa.case((messages.c.next_at > now, messages.c.next_at), else_=now),
                )
            )


def key_of(notifier: str, incident: str, part: str) -> str:
    """Return a message's key."""
    return f"{notifier}|{incident}|{part}"


def story(connection: sa.Connection, incident: str) -> Story:
    """Return all that was told about an incident."""
    chosen = sa.select(notices).where(notices.c.incident_id == incident).order_by(notices.c.number)
    kept = sa.select(incidents.c.severity, incidents.c.overruled, incidents.c.clock_at).where(
        incidents.c.id == incident
    )
    known = connection.execute(kept).first()
    return Story(
        incident_id=incident,
        level=known and known[0],
        overruled=known and known[1],
        clock_at=known and known[2],
        notices=[
            Notice(
                key=row["key"],
                incident_id=row["incident_id"],
                run_id=row["run_id"],
                kind=cast("Kind", row["kind"]),
                at=datetime.fromtimestamp(row["at"], UTC),
                told=json.loads(row["told"]),
            )
            for row in connection.execute(chosen).mappings()
        ],
    )


def claim(connection: sa.Connection, notifier: str, holder: str, now: float) -> Job | None:
    """Take the lease of the most urgent message that is due, in the caller's transaction."""
    chosen = (
        sa.select(messages)
        .where(messages.c.notifier == notifier, _is_open())
        .where(messages.c.next_at <= now, messages.c.lease_until <= now)
        .order_by(messages.c.rank, messages.c.made_at, messages.c.key)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = connection.execute(chosen).mappings().first()
    if row is None:
        return None
    until = now + LEASE_S
    taken = connection.execute(
        sa.update(messages)
        .where(messages.c.key == row["key"], messages.c.attempts == row["attempts"], messages.c.lease_until <= now)
        .values(attempts=row["attempts"] + 1, unsure=True, lease_by=holder, lease_until=until)
    )
    if taken.rowcount != 1:
        return None
    return Job(
        key=row["key"],
        notifier=row["notifier"],
        incident_id=row["incident_id"],
        part=row["part"],
        revision=row["revision"],
        attempts=row["attempts"],
        unsure=row["unsure"],
        ref=row["ref"],
        made_at=row["made_at"],
        lease_until=until,
    )


def settle(connection: sa.Connection, job: Job, holder: str, result: Result, now: float) -> bool:
    """Write down what came of *job*; False where somebody else has its lease by now."""
    values: dict[str, Any] = {"lease_by": None, "lease_until": 0.0}
    match result:
        case Sent(ref=ref, error=error):
            values |= {"ref": ref or job.ref, "delivered": job.revision, "sent_at": now, "attempts": 0}
            values |= {"unsure": False, "error": error[:300] or None}
        case Later(why=why, after_s=after_s, unsure=unsure, everybody=everybody):
            wait_s = after_s if after_s is not None else BACKOFF_S[min(job.attempts, len(BACKOFF_S) - 1)]
            values |= {"error": why[:300], "unsure": unsure, "next_at": now + wait_s}
            values |= {"given_up": now - job.made_at > GIVE_UP_S}
            if everybody:
                connection.execute(
                    sa.update(messages)
                    .where(messages.c.notifier == job.notifier, _is_open(), messages.c.next_at < now + wait_s)
                    .values(next_at=now + wait_s)
                )
        case Never(why=why):
            values |= {"error": why[:300], "given_up": True}
    done = connection.execute(
        sa.update(messages).where(messages.c.key == job.key, messages.c.lease_by == holder).values(**values)
    )
    return done.rowcount == 1


def release(connection: sa.Connection, holder: str) -> None:
    """Give back every lease of *holder*."""
    connection.execute(sa.update(messages).where(messages.c.lease_by == holder).values(lease_by=None, lease_until=0.0))


def ref_of(connection: sa.Connection, notifier: str, incident: str, part: str) -> tuple[str | None, bool]:
    """Return the far side's name for a message, and whether it was given up."""
    key = key_of(notifier, incident, part)
    row = connection.execute(sa.select(messages.c.ref, messages.c.given_up).where(messages.c.key == key)).first()
    return (None, False) if row is None else (row[0], bool(row[1]))


def next_due(connection: sa.Connection, notifier: str) -> float | None:
    """Return when the next message of a notifier is due; None where none is open."""
    due = sa.case((messages.c.next_at > messages.c.lease_until, messages.c.next_at), else_=messages.c.lease_until)
    found = connection.execute(sa.select(sa.func.min(due)).where(messages.c.notifier == notifier, _is_open())).scalar()
    return None if found is None else float(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How a message stands: ``sent``, ``waiting`` or ``given up``; times in seconds since 1970."""

    notifier: str
    part: str
    state: str
    attempts: int
    error: str
    sent_at: float | None
    next_at: float


def deliveries(connection: sa.Connection, incident: str) -> list[Delivery]:
    """Return how the messages of an incident stand, oldest first."""
    chosen = sa.select(messages).where(messages.c.incident_id == incident).order_by(messages.c.made_at, messages.c.key)
    return [
        Delivery(
            notifier=row["notifier"],
            part=row["part"],
            state="given up" if row["given_up"] else "sent" if row["delivered"] >= row["revision"] else "waiting",
            attempts=row["attempts"],
            error=row["error"] or "",
            sent_at=row["sent_at"],
            next_at=row["next_at"],
        )
        for row in connection.execute(chosen).mappings()
    ]


def waiting(connection: sa.Connection) -> dict[str, tuple[int, float]]:
    """Return by notifier how many messages wait, and since when the oldest does (seconds since 1970)."""
    chosen = (
        sa.select(messages.c.notifier, sa.func.count(), sa.func.min(messages.c.made_at))
        .where(_is_open())
        .group_by(messages.c.notifier)
    )
    return {str(name): (int(count), float(since)) for name, count, since in connection.execute(chosen).all()}


def given_up(connection: sa.Connection) -> dict[str, int]:
    """Return by notifier how many messages were given up."""
    chosen = (
        sa.select(messages.c.notifier, sa.func.count())
        .where(messages.c.given_up.is_(True))
        .group_by(messages.c.notifier)
    )
    return {str(name): int(count) for name, count in connection.execute(chosen).all()}


def _is_open() -> sa.ColumnElement[bool]:
    return sa.and_(messages.c.delivered < messages.c.revision, messages.c.given_up.is_(False))


def _insert_once(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> bool:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    made = insert(table).values(**row).on_conflict_do_nothing(index_elements=["key"]).returning(table.c.key)
    return connection.execute(made).first() is not None
