"""Carries messages from the outbox to the notifiers, one thread each, so that a dead Slack holds up nobody."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ..db import reading, why
from . import follow, journal
from .base import Notifier, Task
from .journal import Job, Later, Never, Result, Sent

LOOK_EVERY_S = 5.0
"""Other processes queue messages too; so often the outbox is looked at without being told."""
MARGIN_S = 25.0
"""Of the lease that must be left when a message is sent."""

log = logging.getLogger("pitchey_ops.notify")


class Courier:
    """Delivers what is due, until it is stopped."""

    def __init__(
        self, engine: sa.Engine, notifiers: Sequence[Notifier], *, now: Callable[[], float] = time.time
    ) -> None:
        self._engine = engine
        self._now = now
        self.holder = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._stop = threading.Event()
        self._wakes = {one.name: threading.Event() for one in notifiers}
        self._threads = [
            threading.Thread(target=self._carry, args=(one,), name=f"notify-{one.name}", daemon=True)
            for one in notifiers
        ]
        self._threads.append(threading.Thread(target=self._follow, name="notify-follow", daemon=True))
        self._notifiers = tuple(notifiers)

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def nudge(self) -> None:
        """Say that something was queued."""
        for wake in self._wakes.values():
            wake.set()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop after the message that is being sent; what is left, others send, or the next start does."""
        self._stop.set()
        self.nudge()
        until = time.monotonic() + timeout_s
        for thread in (one for one in self._threads if one.is_alive()):
            thread.join(max(0.0, until - time.monotonic()))

    def deliver_due(self, notifier: Notifier) -> int:
        """Deliver what is due now, in this thread; return how many messages were tried."""
        tried = 0
        while not self._stop.is_set():
            began = time.monotonic()
            with self._engine.begin() as connection:
                job = journal.claim(connection, notifier.name, self.holder, self._now())
            if job is None:
                return tried
            self._deliver(notifier, job, began)
            tried += 1
            self._stop.wait(notifier.gap_s)
        return tried

    def _deliver(self, notifier: Notifier, job: Job, began: float) -> None:
        def still_ours() -> bool:
            return time.monotonic() - began < journal.LEASE_S - MARGIN_S

        with reading(self._engine) as connection:
            story = journal.story(connection, job.incident_id)
            root, lost = journal.ref_of(connection, notifier.name, job.incident_id, "root")
        result: Result
        try:
            result = notifier.send(Task(job=job, story=story, root=root, root_lost=lost, still_ours=still_ours))
        except Exception as exc:  # a fault of ours must not end the thread; the message waits
            log.exception("%s: a message of %s could not be made", notifier.name, job.incident_id)
            result = Later(why=f"a fault of pitchey-ops: {type(exc).__name__}", unsure=True)
        with self._engine.begin() as connection:
            journal.settle(connection, job, self.holder, result, self._now())
        if isinstance(result, Never) or (isinstance(result, Later) and job.attempts in (0, 5)):
            log.warning("%s: %s of %s: %s", notifier.name, job.part, job.incident_id, result.why)
        elif isinstance(result, Sent) and job.attempts:
            log.info("%s: %s of %s is delivered after all", notifier.name, job.part, job.incident_id)

    def _carry(self, notifier: Notifier) -> None:
        wake = self._wakes[notifier.name]
        troubled = False
        while not self._stop.is_set():
            wait_s = LOOK_EVERY_S
            try:
                wake.clear()
                self.deliver_due(notifier)
                with reading(self._engine) as connection:
                    due = journal.next_due(connection, notifier.name)
                if due is not None:
                    wait_s = min(max(due - self._now(), 0.05), LOOK_EVERY_S)
                troubled = False
            except SQLAlchemyError as exc:
                if not troubled:
                    log.warning("%s: the outbox cannot be read: %s; trying on", notifier.name, why(exc))
                troubled = True
            if not self._stop.is_set():
                wake.wait(wait_s)

    def _follow(self) -> None:
        """Take up what people did to incidents, whichever way it came in."""
        back_s = follow.FIRST_LOOK_S
        while not self._stop.is_set():
            try:
                with reading(self._engine) as connection:
                    news = follow.news(connection, self._now() - back_s)
                if news:
                    with self._engine.begin() as connection:
                        follow.store(connection, self._notifiers, news)
                    self.nudge()
                back_s = follow.LOOK_S
            except SQLAlchemyError as exc:
                log.debug("the timeline cannot be read: %s", why(exc))
            self._stop.wait(LOOK_EVERY_S)
