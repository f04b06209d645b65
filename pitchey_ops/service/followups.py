"""Runs that incidents ask for: of alerts and people, of watching steps, and of a resolved notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from ..evidence import ids
from ..models.report import Alert
from . import incident_tables as t
from .incident_models import AHEAD, ALERTS_IN_ORDER, FRESH, LONGEST_LOOK, VERIFYING, Rules
from .incident_rows import tell
from .orders import OrderReason, RunOrder, place

LATE = timedelta(hours=1)
"""A watching run that is so overdue is not waited for: its series may be begun anew."""
_SOON = timedelta(seconds=1)
_LAST = sa.select(sa.func.max(t.asked.c.due_at)).where(
    t.asked.c.incident_id == sa.bindparam("wanted"),
    t.asked.c.runbook == sa.bindparam("book"),
    sa.or_(t.asked.c.reason == "alert", t.asked.c.reason == "person"),
)


def ask(
    connection: sa.Connection,
    row: Mapping[str, Any],
    runbook: str,
    reason: OrderReason,
    now: datetime,
    *,
    alerts: Sequence[Alert] = (),
    parameters: Mapping[str, Any] | None = None,
    step: str | None = None,
    began_at: datetime | None = None,
    due_at: datetime | None = None,
) -> str:
    """
    Place a run for the incident in *row* and return its id.

    An alert that began more than half an hour ago stretches an unset window back to its begin, by a day at most.
    """
    told = [replace(alert, at=believable(alert.at, now)) for alert in alerts[-ALERTS_IN_ORDER:]]
    chosen = dict(parameters or {})
    began = min((alert.at for alert in told), default=now)
    if not chosen.get("window") and now - began > FRESH:
        chosen["window"] = f"{began - FRESH:%Y-%m-%dT%H:%M:%SZ}/"
    if runbook == "post_incident":
        chosen.setdefault("incident", row["id"])
    while True:
        order = RunOrder(
            incident_id=row["id"],
            run_id=ids.new_run_id(now),
            runbook=runbook,
            severity=row["severity"],
            reason=reason,
            parameters=chosen,
            alerts=tuple(told),
            not_before=due_at if due_at is not None and due_at > now else None,
        )
        if place(connection, order, now=now):
            break
    due = due_at or now
    connection.execute(
        sa.insert(t.asked).values(
            run_id=order.run_id,
            incident_id=row["id"],
            runbook=runbook,
            reason=reason,
            severity=row["severity"],
            step=step,
            began_at=began_at or due,
            due_at=due,
        )
    )
    return order.run_id


def believable(at: datetime, now: datetime) -> datetime:
    """Return when an alert began: what its sender says if that was within a day, else now."""
    return at.astimezone(UTC) if now - LONGEST_LOOK + FRESH <= at <= now + AHEAD else now


def last_asked(connection: sa.Connection, incident_id: str, runbook: str) -> datetime | None:
    """Return when the incident last asked for *runbook* because of an alert or a person."""
    return connection.execute(_LAST, {"wanted": incident_id, "book": runbook}).scalar()


def verify(connection: sa.Connection, row: dict[str, Any], now: datetime, rules: Rules) -> str | None:
    """
    Place the run that checks whether it is over, the first of a series; None where one is due already.

    A trouble that flaps asks for one series, not for one a flap.
    """
    if under_way(connection, row["id"], VERIFYING, now):
        return None
    return ask(connection, row, "post_incident", "verify", now, step=VERIFYING, began_at=now)


def under_way(connection: sa.Connection, incident_id: str, step: str, now: datetime) -> bool:
    """Whether a run of the series of *step* is still to be heard of."""
    chosen = sa.select(sa.func.count()).where(
        t.asked.c.incident_id == incident_id,
        t.asked.c.step == step,
        t.asked.c.reported_at.is_(None),
        t.asked.c.due_at > now - LATE,
    )
    return bool(connection.execute(chosen).scalar_one())


def watch(
    connection: sa.Connection, row: dict[str, Any], runbook: str, steps: Sequence[str], now: datetime, rules: Rules
) -> list[str]:
    """Begin the series of those of *steps* that are watched and are not yet; return the runs that were placed."""
    placed = []
    for step in steps:
        series = rules.watching.get(step)
        if series is None or step == VERIFYING or under_way(connection, row["id"], step, now):
            continue
        due = now + timedelta(seconds=series.every_s)
        placed.append(ask(connection, row, runbook, "watch", now, step=step, began_at=now, due_at=due))
    if placed:
        tell(connection, row, {"event": "watching", "steps": list(steps), "runs": placed}, now)
    return placed


def next_look(
    connection: sa.Connection, row: dict[str, Any], asked: Mapping[str, Any], now: datetime, rules: Rules
) -> str | None:
    """Place the next run of the series that *asked* belongs to; at its end tell what came of it."""
    step = str(asked["step"])
    series = rules.watching.get(step)
    if series is None:
        return None
    looks = connection.execute(
        sa.select(t.asked.c.state)
        .where(
            t.asked.c.incident_id == row["id"],
            t.asked.c.step == step,
            t.asked.c.began_at == asked["began_at"],
            t.asked.c.reported_at.is_not(None),
        )
        .order_by(t.asked.c.due_at)
    ).scalars()
    states = [str(state) for state in looks]
    calm = series.until_healthy
    subsided = calm is not None and len(states) >= calm and all(state == "healthy" for state in states[-calm:])
    due = max(now + _SOON, asked["due_at"] + timedelta(seconds=series.every_s))
    if not subsided and due - asked["began_at"] <= timedelta(seconds=series.for_s) + _SOON:
        return ask(
            connection,
            row,
            asked["runbook"],
            asked["reason"],
            now,
            step=step,
            began_at=asked["began_at"],
            due_at=due,
        )
    tell(connection, row, {"event": "watched", "step": step, "ended": ending(states), "looks": states}, now)
    return None


def ending(states: Sequence[str]) -> str:
    """
    Return how a series of looks ended, oldest first.

    ``recovered``: the last look saw the platform well, and none before it saw it ill again after well.
    ``recurring``: ill after well. ``not recovered``: ill to the end. ``not known``: the last look could not tell.
    """
    clear = [state for state in states if state in ("healthy", "incident")]
    again = any(before == "healthy" and after == "incident" for before, after in pairwise(clear))
    if again:
        return "recurring"
    if not states or states[-1] not in ("healthy", "incident"):
        return "not known"
    return "recovered" if states[-1] == "healthy" else "not recovered"
