"""The history in the service's database: whose minute it is, rows, rolling up, forgetting."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..db import Utc
from . import tables as t
from .rows import Last, Row

TEN_MINUTES, HOUR = 600, 3600
KEEP_MINUTES = timedelta(hours=26)
KEEP_TEN_MINUTES = timedelta(days=14)
KEEP_HOURS = timedelta(days=90)
LATE = timedelta(minutes=2)
"""A span is rolled up so long after its end: a look that began in its last minute is written by then."""
SPANS_AT_A_TIME = 300
LAST_WITHIN = timedelta(hours=2)


def take(connection: sa.Connection, minute: datetime, worker: str, now: datetime) -> bool:
    """Take *minute* for this process; False where another has it."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    taken = insert(t.looks).values(minute=minute, worker=worker[:64], began_at=now)
    once = taken.on_conflict_do_nothing(index_elements=["minute"])
    return connection.execute(once.returning(t.looks.c.minute)).first() is not None


def write(connection: sa.Connection, minute: datetime, found: Iterable[Row]) -> None:
    """Write the rows of one look; written again they change nothing."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = [
        {
            "minute": minute,
            "probe": row.probe[:120],
            "state": row.state,
            "took_ms": row.took_ms,
            "value": row.value,
            "count": row.count,
            "newest": row.newest,
            "detail": row.detail,
        }
        for row in found
    ]
    if values:
        connection.execute(insert(t.rows).values(values).on_conflict_do_nothing(index_elements=["minute", "probe"]))


def last_flows(connection: sa.Connection, now: datetime) -> dict[str, Last]:
    """Return minute, state and count of the newest row of each flow within `LAST_WITHIN`."""
    newest = (
        sa.select(t.rows.c.probe, sa.func.max(t.rows.c.minute).label("minute"))
        .where(t.rows.c.minute >= now - LAST_WITHIN, t.rows.c.probe.like("flow/%"))
        .group_by(t.rows.c.probe)
        .subquery()
    )
    chosen = sa.select(t.rows.c.probe, t.rows.c.minute, t.rows.c.state, t.rows.c.count).join(
        newest, (t.rows.c.probe == newest.c.probe) & (t.rows.c.minute == newest.c.minute)
    )
    return {probe: (minute, state, count) for probe, minute, state, count in connection.execute(chosen)}


def newest(connection: sa.Connection, probe: str, count: int, now: datetime) -> list[tuple[datetime, str]]:
    """Return minute and state of the newest *count* rows of *probe* within a quarter of an hour, newest first."""
    chosen = (
        sa.select(t.rows.c.minute, t.rows.c.state)
        .where(t.rows.c.probe == probe, t.rows.c.minute >= now - timedelta(minutes=15))
        .order_by(t.rows.c.minute.desc())
        .limit(count)
    )
    return [(minute, state) for minute, state in connection.execute(chosen)]


def roll_up(connection: sa.Connection, now: datetime) -> int:
    """
    Make rows of ten minutes and of hours of what is over, and return how many spans were made.

    Both are made of the minutes themselves, so that percentiles are exact. What was missed while no process ran is
    made up for as long as the minutes are there.
    """
    return sum(_roll(connection, length_s, now) for length_s in (TEN_MINUTES, HOUR))


def forget(connection: sa.Connection, now: datetime, *, keep_hours: timedelta = KEEP_HOURS) -> int:
    """Delete what is older than it is kept and return how many rows that were."""
    s = t.spans.c
    gone = [
        sa.delete(t.looks).where(t.looks.c.minute < now - timedelta(days=2)),
        sa.delete(t.rows).where(t.rows.c.minute < now - min(KEEP_MINUTES, keep_hours)),
        sa.delete(t.spans).where(s.length_s == TEN_MINUTES, s.start < now - min(KEEP_TEN_MINUTES, keep_hours)),
        sa.delete(t.spans).where(s.length_s == HOUR, s.start < now - keep_hours),
    ]
    return sum(connection.execute(statement).rowcount for statement in gone)


def floor(moment: datetime, length_s: int) -> datetime:
    """Return the beginning of the span of *length_s* seconds that *moment* lies in."""
    seconds = math.floor(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % length_s, UTC)


def _roll(connection: sa.Connection, length_s: int, now: datetime) -> int:
    length = timedelta(seconds=length_s)
    until = floor(now - LATE, length_s)
    last = connection.execute(
        sa.select(sa.type_coerce(sa.func.max(t.spans.c.start), Utc)).where(t.spans.c.length_s == length_s)
    ).scalar()
    begin = None if last is None else last + length
    made = 0
    for _ in range(SPANS_AT_A_TIME):
        begin = _first_minute(connection, begin)
        if begin is None:
            break
        begin = floor(begin, length_s)
        if begin + length > until:
            break
        of = sa.select(t.rows).where(t.rows.c.minute >= begin, t.rows.c.minute < begin + length)
        by_probe: dict[str, list[Mapping[str, Any]]] = {}
        for row in connection.execute(of.order_by(t.rows.c.minute)).mappings():
            by_probe.setdefault(row["probe"], []).append(dict(row))
        connection.execute(
            sa.insert(t.spans), [_span(probe, length_s, begin, mine) for probe, mine in sorted(by_probe.items())]
        )
        made += 1
        begin += length
    return made


def _first_minute(connection: sa.Connection, since: datetime | None) -> datetime | None:
    chosen = sa.select(sa.type_coerce(sa.func.min(t.rows.c.minute), Utc))
    if since is not None:
        chosen = chosen.where(t.rows.c.minute >= since)
    found = connection.execute(chosen).scalar()
    return found if isinstance(found, datetime) else None


def _span(probe: str, length_s: int, start: datetime, mine: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    unseen = sum(row["state"] in ("unseen", "blind") for row in mine)
    seen = [row for row in mine if row["state"] not in ("unseen", "blind")]
    took = [row["took_ms"] for row in seen if row["took_ms"] is not None]
    values = [row["value"] for row in seen if row["value"] is not None]
    return {
        "probe": probe,
        "length_s": length_s,
        "start": start,
        "looks": len(mine),
        "failing": sum(row["state"] == "failing" for row in mine),
        "unseen": unseen,
        "p50_ms": percentile(took, 0.5),
        "p95_ms": percentile(took, 0.95),
        "value_p50": percentile(values, 0.5),
        "value_p95": percentile(values, 0.95),
        "newest": max((row["newest"] for row in mine if row["newest"] is not None), default=None),
    }


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the nearest-rank percentile (the smallest value that at least *share* of all do not exceed)."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
