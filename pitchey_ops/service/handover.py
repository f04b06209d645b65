"""
How an order gets into the queue: where the queue is, what its works are called, and who hands over what is due.

Apart from `engine` so that a process that only hands over (the intake) need not carry what carries out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, EnqueueOptions

from ..settings import Settings
from . import db as database
from . import orders
from .db import FOLDER, is_sqlite, reading
from .engine_json import JsonSerializer, harden

NAME = "pitchey-ops"
VERSION = "1"
"""Of the workflow's shape. Raised when steps change so that runs in progress could not go on; see README, upgrades."""
RUN, UPLOAD = "ops.run", "ops.upload"
URGENT, ORDINARY, UPLOADS = "urgent", "runs", "uploads"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the engine's data is: the service's database by address, and the queue's own."""

    url: str
    queue_url: str
    folder: Path


def place_of(settings: Settings) -> Place:
    """Return where the engine's data is for *settings*; with SQLite the queue has a file of its own."""
    url = database.address(settings)
    folder = settings.archive_root() / FOLDER
    if is_sqlite(url):
        path = sa.make_url(url).database
        folder = Path(path).parent if path else folder
        return Place(url, f"sqlite:///{folder / 'queue.sqlite'}", folder)
    plain = sa.make_url(url).set(drivername="postgresql+psycopg")
    return Place(url, plain.render_as_string(hide_password=False), folder)


def open_queue(place: Place) -> None:
    """Make the queue's file use a write-ahead log; PostgreSQL needs nothing."""
    if is_sqlite(place.queue_url):
        engine = database.connect(place.queue_url)
        with engine.connect():
            pass
        engine.dispose()


def sweep(engine: sa.Engine, enqueue: Callable[[EnqueueOptions, str], Any], *, now: datetime | None = None) -> int:
    """
    Hand every order that is due to the queue; return how many.

    A crash in the middle is harmless: an order that was handed over and not noted is handed over again under the
    same id, which changes nothing.
    """
    at = now or datetime.now(UTC)
    with reading(engine) as connection:
        rows = orders.due(connection, at)
    for row in rows:
        order = row.order
        options: EnqueueOptions = {
            "workflow_name": RUN,
            "queue_name": URGENT if order.severity == "P1" else ORDINARY,
            "workflow_id": workflow_of(order.run_id, row.attempts),
            "app_version": VERSION,
            "priority": orders.PRIORITY[order.severity],
        }
        enqueue(options, order.run_id)
        with engine.begin() as connection:
            # only from "placed": a worker may have it already
            chosen = sa.update(orders.orders).where(
                orders.orders.c.run_id == order.run_id, orders.orders.c.state == "placed"
            )
            connection.execute(chosen.values(state="queued", queued_at=at))
    return len(rows)


class Client:
    """What a process without a worker needs: to hand orders to the queue."""

    def __init__(self, engine: sa.Engine, place: Place) -> None:
        harden()
        open_queue(place)
        self._engine = engine
        DBOS.migrate(place.queue_url)
        self._client = DBOSClient(
            system_database_url=place.queue_url,
            serializer=JsonSerializer(),
            application_name=NAME,
            retry_connection_errors=False,
        )

    def sweep(self) -> None:
        """Hand over what is due."""
        sweep(self._engine, self._client.enqueue)

    def close(self) -> None:
        """Close connections."""
        self._client.destroy()


def workflow_of(run_id: str, attempts: int) -> str:
    """Return the id of the work that is an order's *attempts*-th repetition."""
    return run_id if attempts == 0 else f"{run_id}-{attempts}"
