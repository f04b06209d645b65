"""Rows of incidents: read under their lock, changed, and their timeline added to; for the modules of incidents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..errors import UsageError
from ..evidence import ids
from ..models.report import SeverityLevel
from ..postmortem.calendar import respond_by
from . import incident_tables as t
from .incident_models import Incident, Rules

LONGEST_TITLE = 300
LONGEST_NAME = 200
_INTAKE_LOCK = 7_242_005  # PostgreSQL advisory lock; any number that nobody else uses

Row = Mapping[Any, Any]

# built once: in a storm, building statements would cost more than carrying them out
_LOCKED = sa.select(t.incidents).where(t.incidents.c.id == sa.bindparam("wanted")).with_for_update()
_TELL = sa.insert(t.events).values(
    {name: sa.bindparam(name) for name in ("incident_id", "position", "at", "event", "entry")}
)


def turn(connection: sa.Connection) -> None:
    """Wait until no other process stores alerts; SQLite's transaction is that already."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("select pg_advisory_xact_lock(:n)"), {"n": _INTAKE_LOCK})


def text(value: str, longest: int) -> str:
    """Return *value* as any database takes it: bounded, without NUL and halves of characters."""
    return value[:longest].replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def digest(*parts: str) -> str:
    """Return the digest of *parts*, which may hold anything, each kept apart from the next."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def locked(connection: sa.Connection, incident_id: str) -> dict[str, Any] | None:
    """Return the row of an incident for changing; nobody else changes it until the transaction ends."""
    row = connection.execute(_LOCKED, {"wanted": incident_id}).mappings().first()
    return None if row is None else dict(row)


def needed(connection: sa.Connection, incident_id: str) -> dict[str, Any]:
    """
    Return the row of an incident for changing.

    Raises
    ------
    UsageError
        There is none of this id.
    """
    row = locked(connection, ids.incident_id(incident_id))
    if row is None:
        raise UsageError(f"there is no incident {incident_id}. Nothing was changed.")
    return row


def opened(
    connection: sa.Connection,
    *,
    title: str,
    service: str | None,
    sender: str,
    severity: SeverityLevel,
    now: datetime,
    rules: Rules,
    kind: str,
) -> dict[str, Any]:
    """
    Open an incident and return its row. The caller has the `turn`, so that its id is new.

    *kind* is ``trouble`` (an alert's), ``overflow`` (what is above a sender's quota) or ``declared`` (a person's).
    """
    while True:
        incident_id = ids.new_incident_id(now)
        if locked(connection, incident_id) is None:
            break
    row: dict[str, Any] = {
        "id": incident_id,
        "kind": kind,
        "title": text(title, LONGEST_TITLE),
        "service": None if service is None else text(service, LONGEST_NAME),
        "sender": text(sender, 64),
        "severity": severity,
        "overruled": None,
        "state": "open",
        "opened_at": now,
        "clock_at": now,
        "respond_by": respond_by(severity, now, rules.calendar),
        "last_alert_at": now,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "resolved_at": None,
        "resolved_by": None,
        "verdict": None,
        "alerts": 0,
        "events": 0,
        "flushed": 0,
        "updated_at": now,
    }
    connection.execute(sa.insert(t.incidents).values(**row))
    return row


def change(connection: sa.Connection, row: dict[str, Any], now: datetime, **values: Any) -> None:
    """Change columns of the locked *row*, in the database and here."""
    values["updated_at"] = now
    connection.execute(sa.update(t.incidents).where(t.incidents.c.id == row["id"]).values(**values))
    row.update(values)


def tell(connection: sa.Connection, row: dict[str, Any], entry: Mapping[str, Any], now: datetime, **values: Any) -> int:
    """Add *entry* to the timeline of the locked *row* and change columns with it; return its position."""
    position = int(row["events"]) + 1
    kept = json.dumps(dict(entry), ensure_ascii=True, allow_nan=False)
    told = {"incident_id": row["id"], "position": position, "at": now, "event": str(entry["event"])[:32]}
    connection.execute(_TELL, {**told, "entry": kept})
    change(connection, row, now, events=position, **values)
    return position


def shown(row: Row) -> Incident:
    """Return the incident that *row* holds."""
    return Incident(
        id=row["id"],
        title=row["title"],
        service=row["service"],
        sender=row["sender"],
        severity=row["severity"],
        state=row["state"],
        opened_at=row["opened_at"],
        clock_at=row["clock_at"],
        respond_by=row["respond_by"],
        last_alert_at=row["last_alert_at"],
        acknowledged_at=row["acknowledged_at"],
        acknowledged_by=row["acknowledged_by"],
        resolved_at=row["resolved_at"],
        resolved_by=row["resolved_by"],
        verdict=None if row["verdict"] is None else json.loads(row["verdict"]),
        alerts=int(row["alerts"]),
        events=int(row["events"]),
        updated_at=row["updated_at"],
    )
