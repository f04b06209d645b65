"""A service's database in a folder or on a server, and alerts to put into it; for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pitchey_ops.models.report import Alert
from pitchey_ops.service import db, incidents
from pitchey_ops.service.incidents import IncomingAlert, Received, Rules

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""A Monday."""


def after(**span: float) -> datetime:
    """Return noon plus *span*."""
    return NOON + timedelta(**span)


@contextmanager
def database(url: str) -> Iterator[sa.Engine]:
    """Give an engine with all tables, empty."""
    engine = db.connect(url)
    db.create(engine)
    try:
        yield engine
    finally:
        with engine.begin() as connection:
            for table in reversed(db.metadata.sorted_tables):
                connection.execute(sa.delete(table))
        engine.dispose()


def embedded(folder: Path) -> str:
    """Return the address of a SQLite file in *folder*."""
    return f"sqlite:///{folder / 'service.sqlite'}"


def firing(
    trouble: str = "checkout",
    *,
    severity: str = "P3",
    service: str | None = None,
    sender: str = "plain",
    **more: Any,
) -> IncomingAlert:
    """Return an alert of *trouble*."""
    alert = Alert(
        id=f"id-{trouble}",
        kind=f"{sender}.alert",
        title=f"{trouble} fails",
        at=more.pop("at", NOON),
        severity=severity,  # type: ignore[arg-type]
        service=service,
    )
    return IncomingAlert(sender=sender, trouble=trouble, alert=alert, **more)


def news(trouble: str = "checkout", status: str = "resolved", **more: Any) -> IncomingAlert:
    """Return news of *trouble*."""
    return firing(trouble, status=status, **more)


def put(engine: sa.Engine, alert: IncomingAlert, at: datetime = NOON, rules: Rules | None = None) -> Received:
    """Receive one alert in a transaction of its own."""
    with engine.begin() as connection:
        return incidents.receive(connection, alert, at, rules or Rules())


def one(engine: sa.Engine, incident_id: str | None) -> incidents.Incident:
    """Return an incident that is there."""
    with db.reading(engine) as connection:
        found = incidents.incident(connection, incident_id or "")
    assert found is not None
    return found


def told(engine: sa.Engine, incident_id: str | None) -> list[incidents.Event]:
    """Return an incident's whole timeline."""
    with db.reading(engine) as connection:
        return incidents.events(connection, incident_id or "", limit=100_000)


def runs(engine: sa.Engine, incident_id: str | None) -> list[Any]:
    """Return an incident's orders, oldest first."""
    from pitchey_ops.service.orders import orders_of

    with db.reading(engine) as connection:
        return [row.order for row in orders_of(connection, incident_id or "")]


def report(
    state: str = "incident",
    *,
    severity: str = "P3",
    cause: str | None = "bad_deployment",
    scheduled: tuple[str, ...] = (),
    onset: datetime | None = None,
) -> Mapping[str, Any]:
    """Return as much of a ``report.json`` as an incident reads."""
    return {
        "run": {"runbook": "outage"},
        "verdict": {
            "state": state,
            "cause": cause if state == "incident" else None,
            "confidence": 0.9,
            "severity": severity,
            "onset": None if onset is None else onset.isoformat(),
            "summary": "what it says",
            "next_step": "outage.rollback",
        },
        "steps": [{"id": step, "status": "scheduled"} for step in scheduled],
    }


def reported(engine: sa.Engine, incident_id: str, run_id: str, body: Mapping[str, Any], at: datetime) -> bool:
    """Let a run report, in a transaction of its own."""
    with engine.begin() as connection:
        return incidents.run_reported(connection, incident_id, run_id, body, at)
