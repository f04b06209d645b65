"""
Looks into an empty queue cost next to nothing.

DBOS looks into each queue several times a second, by four statements that it builds anew each time: some milliseconds
of a core, all day, in every worker. Here one small statement asks first whether anything is enqueued there at all; only
then DBOS looks. A queue's settings are read once a second.

This wraps two methods of DBOS that it does not promise to keep; its version is pinned, and a test asks for them.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import sqlalchemy as sa
from dbos import WorkflowStatusString

SETTINGS_S = 1.0
"""How long a queue's settings are taken for what they were."""


def spare_looks(queues: Any) -> None:
    """
    Have *queues* (DBOS's system database) look only where something is enqueued.

    A question that fails is no answer: DBOS looks then, and says what is wrong in its own way.
    """
    look, read = queues.start_queued_workflows, queues.get_queue
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

    def start_queued_workflows(queue: Any, *given: Any, **named: Any) -> Any:
        try:
            with queues.engine.connect() as connection:
                there = connection.execute(enqueued, {"queue": queue.name}).first() is not None
        except sa.exc.SQLAlchemyError:
            there = True
        return look(queue, *given, **named) if there else ([], None)

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
