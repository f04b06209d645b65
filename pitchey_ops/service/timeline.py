"""The archive's ``timeline.jsonl`` from the database's events, in batches: one by one would be too slow in a storm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..evidence import ids
from ..evidence.archive import Archive
from ..evidence.ledger import locked
from . import incident_tables as t

LOCK = ".timeline.lock"
BATCH = 500
_CHUNK = 1 << 16


def flush_timeline(connection: sa.Connection, archive: Archive, incident_id: str) -> int:
    """
    Write what *archive*'s ``timeline.jsonl`` lacks of an incident's timeline; return how many lines.

    Every line carries its position as ``seq``. The last ``seq`` in the file decides where to go on, so that a crash
    anywhere neither loses a line nor writes one twice, and every archive of several gets the whole.

    Raises
    ------
    RecordError
        The disk does not take it; nothing is lost, the next call goes on where the file ends.
    """
    path = archive.root / ids.incident_id(incident_id) / "timeline.jsonl"
    written = 0
    with locked(archive.root / LOCK):
        position = last_position(path)
        known = connection.execute(sa.select(t.incidents.c.flushed).where(t.incidents.c.id == incident_id)).scalar()
        if position and position != known:
            archive.enter_missing(incident_id, "timeline", datetime.now(UTC))  # a crash may have come between the two
        while True:
            rows = connection.execute(
                sa.select(t.events.c.position, t.events.c.at, t.events.c.entry)
                .where(t.events.c.incident_id == incident_id, t.events.c.position > position)
                .order_by(t.events.c.position)
                .limit(BATCH)
            ).all()
            if not rows:
                break
            lines = [({**json.loads(entry), "seq": number}, at) for number, at, entry in rows]
            archive.append_many(incident_id, "timeline", lines)
            position = rows[-1][0]
            written += len(rows)
    connection.execute(
        sa.update(t.incidents)
        .where(t.incidents.c.id == incident_id, t.incidents.c.flushed < position)
        .values(flushed=position)
    )
    return written


def unflushed(connection: sa.Connection, *, limit: int = 100) -> list[str]:
    """Return incidents whose timeline has lines that no archive was given yet, the longest untouched first."""
    chosen = (
        sa.select(t.incidents.c.id)
        .where(t.incidents.c.flushed < t.incidents.c.events)
        .order_by(t.incidents.c.updated_at)
        .limit(limit)
    )
    return list(connection.execute(chosen).scalars())


def last_position(path: Path) -> int:
    """Return the ``seq`` of the last whole line of *path* that has one; 0 where none has."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return 0
    with path.open("rb") as file:
        tail = b""
        end = size
        while end > 0:
            start = max(0, end - _CHUNK)
            file.seek(start)
            tail = file.read(end - start) + tail
            end = start
            whole = tail[: tail.rfind(b"\n") + 1]
            first = 0 if start == 0 else whole.find(b"\n") + 1
            if start > 0 and first == 0:
                continue
            for line in reversed(whole[first:].split(b"\n")):
                found = _position(line)
                if found is not None:
                    return found
            tail = tail[:first] if start > 0 else b""
    return 0


def _position(line: bytes) -> int | None:
    try:
        row: Mapping[str, Any] = json.loads(line)
        found = row["entry"]["seq"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, int) else None
