"""
Looks into an empty queue cost next to nothing.

DBOS looks into each queue several times a second, by four statements that it builds anew each time: some milliseconds
of a core, all day, in every worker. Here one small statement asks first whether anything is enqueued there at all; only
then DBOS looks. What was empty is not even asked about while nobody wrote to the file, which SQLite can tell. A queue's
settings are read every ten seconds. For work that is put off, or that has a deadline, DBOS looks twice a minute: there
is none, for what is to come later is an order that is not due (`orders`).

This wraps methods of DBOS that it does not promise to keep; its version is pinned, and a test asks for them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from dbos import WorkflowStatusString

from .db import Changes

SETTINGS_S = 10.0
"""How long a queue's settings are taken for what they were."""
LATER_S = 30.0
"""Time between two looks for work that was put off or ran out of time."""


def spare_looks(queues: Any) -> None:
    """
    Have *queues* (DBOS's system database) look only where something is enqueued.

    A question that fails is no answer: DBOS looks then, and says what is wrong in its own way.
    """
    look, read, engine = queues.start_queued_workflows, queues.get_queue, queues.engine
    table = queues.tables.workflow_status
    enqueued = (
        sa.select(table.c.status)
        .where(
            table.c.queue_name == sa.bindparam("queue"),
            table.c.status == sa.literal_column(f"'{WorkflowStatusString.ENQUEUED.value}'"),
        )
        .limit(1)
    )
    known: dict[str, tuple[float, Any]] = {}
    lock = threading.Lock()
    looks: dict[str, Changes] = {}  # by queue: each is looked into by a thread of its own
    empty: set[str] = set()

    def is_empty(name: str) -> bool:
        if name not in looks:
            looks[name] = Changes(engine)
        if not looks[name].any() and name in empty:
            return True
        empty.discard(name)
        try:
            with queues.engine.connect() as connection:
                if connection.execute(enqueued, {"queue": name}).first() is not None:
                    return False
        except sa.exc.SQLAlchemyError:
            return False
        empty.add(name)
        return True

    def start_queued_workflows(queue: Any, *given: Any, **named: Any) -> Any:
        return ([], None) if is_empty(queue.name) else look(queue, *given, **named)

    def get_queue(name: str, **named: Any) -> Any:
        if named:
            return read(name, **named)
        now = time.monotonic()
        with lock:
            before = known.get(name)
        if before is not None and now - before[0] < SETTINGS_S:
            return before[1]
        queue = read(name)
        if queue is not None:
            with lock:
                known[name] = now, queue
        return queue

    queues.start_queued_workflows = start_queued_workflows
    queues.get_queue = get_queue
    queues.transition_delayed_workflows = _seldom(queues.transition_delayed_workflows, None)
    queues.cancel_timed_out_workflows = _seldom(queues.cancel_timed_out_workflows, [])


def _seldom(do: Callable[..., Any], otherwise: Any) -> Callable[..., Any]:
    """Return *do* so that it is done every `LATER_S` seconds at most; between, it returns *otherwise*."""
    last_s: float | None = None

    def seldom(*given: Any) -> Any:
        nonlocal last_s
        now_s = time.monotonic()
        if last_s is not None and now_s - last_s < LATER_S:
            return otherwise
        done = do(*given)
        last_s = now_s
        return done

    return seldom
