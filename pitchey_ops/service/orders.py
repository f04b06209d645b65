"""
Runs that somebody wants: placed in the same transaction as what they are for, carried out by the engine.

An order is an outbox: `place` writes it with the alert or the incident, and the engine takes what is placed (at once
after a nudge, else by its sweep), so that a crash between the two loses nothing. ``run_id`` is also the id of the
engine's workflow: however often an order is taken, it is one run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..errors import UsageError
from ..evidence import ids
from ..models.report import Alert, SeverityLevel
from .db import Utc, metadata

OrderReason = Literal["alert", "watch", "verify", "person"]
OrderState = Literal["placed", "queued", "running", "archived", "failed"]
STATES: tuple[OrderState, ...] = ("placed", "queued", "running", "archived", "failed")
PRIORITY: Mapping[SeverityLevel, int] = {"P1": 1, "P2": 2, "P3": 3, "P4": 4}

orders = sa.Table(
    "ops_orders",
    metadata,
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("incident_id", sa.String(32), nullable=False, index=True),
    sa.Column("runbook", sa.String(64), nullable=False),
    sa.Column("severity", sa.String(2), nullable=False),
    sa.Column("reason", sa.String(16), nullable=False),
    sa.Column("parameters", sa.Text, nullable=False),
    sa.Column("alerts", sa.Text, nullable=False),
    sa.Column("not_before", Utc, nullable=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("placed_at", Utc, nullable=False),
    sa.Column("queued_at", Utc, nullable=True),
    sa.Column("started_at", Utc, nullable=True),
    sa.Column("ended_at", Utc, nullable=True),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("ending", sa.String(16), nullable=True),
    sa.Column("detail", sa.Text, nullable=True),
    sa.Column("verdict", sa.Text, nullable=True),
    sa.Column("ledger_head", sa.String(80), nullable=True),
    sa.Index("ix_ops_orders_state", "state", "not_before"),
)

_put_back = orders.c.not_before > orders.c.started_at
due_since: sa.ColumnElement[datetime] = sa.type_coerce(
    sa.case(
        (_put_back & orders.c.reason.in_(("alert", "person")), orders.c.placed_at),
        (_put_back, orders.c.started_at),
        else_=sa.func.coalesce(orders.c.not_before, orders.c.placed_at),
    ),
    Utc,
)
"""Since when a run is due: one that was begun and put back for a while has been due all the time."""
_due = (  # asked after every change; built once
    sa.select(orders)
    .where(orders.c.state == "placed")
    .where(sa.or_(orders.c.not_before.is_(None), orders.c.not_before <= sa.bindparam("now", type_=Utc)))
    .order_by(orders.c.severity, orders.c.placed_at)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """
    A run that is wanted.

    Attributes
    ----------
    reason
        What asks for it: an alert, a watching step, the check after a resolved notice, a person.
    not_before
        When it is due (UTC); None for now.
    """

    incident_id: str
    run_id: str
    runbook: str
    severity: SeverityLevel
    reason: OrderReason = "alert"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    alerts: tuple[Alert, ...] = ()
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """An order as the database has it. ``ending`` is how its notebook ended (`models.outcome`)."""

    order: RunOrder
    state: OrderState
    placed_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    attempts: int
    ending: str | None
    detail: str | None
    verdict: Mapping[str, Any] | None
    ledger_head: str | None


def place(connection: sa.Connection, order: RunOrder, *, now: datetime | None = None) -> bool:
    """
    Write *order* inside the caller's transaction; False where a run of this id was placed before.

    Raises
    ------
    UsageError
        An id in it is none of ours; nothing was written.
    """
    if order.severity not in PRIORITY:
        raise UsageError(f"severity {str(order.severity)[:20]!r}: expected P1, P2, P3 or P4")
    values = {
        "run_id": ids.run_id(order.run_id),
        "incident_id": ids.incident_id(order.incident_id),
        "runbook": order.runbook,
        "severity": order.severity,
        "reason": order.reason,
        "parameters": _stored(dict(order.parameters)),
        "alerts": _stored([_alert_row(alert) for alert in order.alerts]),
        "not_before": order.not_before,
        "state": "placed",
        "placed_at": now or datetime.now(UTC),
        "attempts": 0,
    }
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    once = insert(orders).values(**values).on_conflict_do_nothing(index_elements=["run_id"])
    return connection.execute(once.returning(orders.c.run_id)).first() is not None


def order_of(connection: sa.Connection, run_id: str) -> OrderRow | None:
    """Return the order of *run_id*, None where there is none."""
    row = connection.execute(sa.select(orders).where(orders.c.run_id == run_id)).mappings().first()
    return None if row is None else _row(row)


def orders_of(connection: sa.Connection, incident_id: str) -> list[OrderRow]:
    """Return the orders of an incident, oldest first."""
    chosen = sa.select(orders).where(orders.c.incident_id == incident_id).order_by(orders.c.placed_at, orders.c.run_id)
    return [_row(row) for row in connection.execute(chosen).mappings()]


def due(connection: sa.Connection, now: datetime, *, limit: int = 200) -> list[OrderRow]:
    """Return orders that are placed and due, the most urgent first."""
    return [_row(row) for row in connection.execute(_due, {"now": now, "most": limit}).mappings()]


def waiting(connection: sa.Connection) -> dict[OrderState, int]:
    """Return how many orders there are of each state."""
    counts = connection.execute(sa.select(orders.c.state, sa.func.count()).group_by(orders.c.state)).all()
    found = {str(state): int(count) for state, count in counts}
    return {state: found.get(state, 0) for state in STATES}


def oldest_waiting(connection: sa.Connection, now: datetime) -> datetime | None:
    """Return since when the oldest order that is due waits for its report; None where none waits."""
    chosen = (
        sa.select(sa.type_coerce(sa.func.min(due_since), Utc))
        .where(orders.c.state.in_(("placed", "queued", "running")))
        .where(due_since <= now)
    )
    found = connection.execute(chosen).scalar()
    return found if isinstance(found, datetime) else None


def mark(connection: sa.Connection, run_id: str, *, unless: Sequence[OrderState] = (), **values: Any) -> bool:
    """Set columns of an order, unless it is in one of the states *unless*; whether a row was changed."""
    chosen = sa.update(orders).where(orders.c.run_id == run_id)
    if unless:
        chosen = chosen.where(orders.c.state.not_in(unless))
    return connection.execute(chosen.values(**values)).rowcount == 1


def _alert_row(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "kind": alert.kind,
        "title": alert.title,
        "at": alert.at.isoformat(),
        "severity": alert.severity,
        "service": alert.service,
    }


def _stored(value: Any) -> str:
    """Return *value* as ASCII JSON: halves of characters and NUL pass both databases as escapes."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def _row(row: Mapping[Any, Any]) -> OrderRow:
    order = RunOrder(
        incident_id=row["incident_id"],
        run_id=row["run_id"],
        runbook=row["runbook"],
        severity=row["severity"],
        reason=row["reason"],
        parameters=json.loads(row["parameters"]),
        alerts=tuple(
            Alert(**{**alert, "at": datetime.fromisoformat(alert["at"])}) for alert in json.loads(row["alerts"])
        ),
        not_before=row["not_before"],
    )
    return OrderRow(
        order=order,
        state=row["state"],
        placed_at=row["placed_at"],
        queued_at=row["queued_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        attempts=row["attempts"],
        ending=row["ending"],
        detail=row["detail"],
        verdict=None if row["verdict"] is None else json.loads(row["verdict"]),
        ledger_head=row["ledger_head"],
    )
