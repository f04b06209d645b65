"""
The one that stores: what arrives together is committed together, and nobody is answered before that.

A commit costs a write to disk, whether it holds one alert or a hundred. The queue in front of it is short: what does
not fit is refused with 503, and the sender keeps it.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from .. import db

TOGETHER = 64
"""Requests that share a commit at most."""
WAITING = 512
"""Requests that may wait; above it the service says that it is busy."""
RETRIES = 3
"""Attempts after PostgreSQL ended a transaction to break a tie."""
_TIES = ("40001", "40P01")

R = TypeVar("R")
Work = Callable[[sa.Connection], R]
log = logging.getLogger(__name__)


class NotStored(Exception):
    """The database did not take it; the reason has no address in it."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    future: Future[Any] = field(default_factory=Future)


class Writer:
    """
    Carries out work in transactions, in a thread of its own, started with the first piece.

    Parameters
    ----------
    after
        Called after every commit: wakes the engine.
    """

    def __init__(self, engine: sa.Engine, after: Callable[[], None]) -> None:
        self._engine = engine
        self._after = after
        self._queue: queue.Queue[_Job | None] = queue.Queue(maxsize=WAITING)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed = False

    async def do(self, work: Work[R], *, within_s: float) -> R:
        """
        Carry *work* out and commit it.

        Raises
        ------
        NotStored
            There is no room, no time, or no database. What was not begun never is; what was may be stored, and its
            sender's next try is known again.
        """
        job = _Job(work)
        self._put(job)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(job.future), within_s)
        except TimeoutError:
            job.future.cancel()
            raise NotStored("the database did not answer in time") from None

    def do_now(self, work: Work[R]) -> R:
        """Carry *work* out and commit it, for callers without an event loop; raises `NotStored` like `do`."""
        job = _Job(work)
        self._put(job)
        return job.future.result()  # type: ignore[no-any-return]

    @property
    def waiting(self) -> int:
        """How many requests wait to be stored."""
        return self._queue.qsize()

    def open(self) -> None:
        """Take work again after `close`; a new one takes it anyway."""
        with self._starting:
            self._closed = False

    def close(self) -> None:
        """Store what waits, then end the thread."""
        with self._starting:
            self._closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(timeout=db.BUSY_S + 5)

    def _put(self, job: _Job) -> None:
        with self._starting:
            if self._closed:
                raise NotStored("the service is stopping")
            try:
                self._queue.put_nowait(job)
            except queue.Full:
                raise NotStored("too much is waiting to be stored") from None
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="intake", daemon=True)
                self._thread.start()

    def _loop(self) -> None:
        while True:
            jobs, last = self._together()
            live = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if live:
                self._store(live)
            if last:
                return

    def _together(self) -> tuple[list[_Job], bool]:
        first = self._queue.get()
        if first is None:
            return [], True
        jobs = [first]
        while len(jobs) < TOGETHER:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return jobs, True
            jobs.append(more)
        return jobs, False

    def _store(self, jobs: Sequence[_Job]) -> None:
        try:
            results = self._committed(jobs)
        except Exception as exc:
            if not isinstance(exc, SQLAlchemyError):
                log.exception("storing failed")
            reason = db.why(exc) if isinstance(exc, SQLAlchemyError) else "a fault of the service; its log says which"
            log.warning("nothing was stored for %d request(s): %s", len(jobs), reason)
            for job in jobs:
                job.future.set_exception(NotStored(reason))
            return
        self._after()
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, Exception):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)

    def _committed(self, jobs: Sequence[_Job]) -> list[Any]:
        for left in reversed(range(RETRIES)):
            try:
                with self._engine.begin() as connection:
                    return [_one(connection, job.work) for job in jobs]
            except SQLAlchemyError as exc:
                if not left or getattr(getattr(exc, "orig", None), "sqlstate", None) not in _TIES:
                    raise
        raise AssertionError("unreachable")


def _one(connection: sa.Connection, work: Work[Any]) -> Any:
    """Carry out one piece of a transaction: a fault in it undoes it alone; a fault of the database ends them all."""
    nested = connection.begin_nested()
    try:
        result = work(connection)
    except SQLAlchemyError:
        raise  # a full disk has ended the whole transaction by now, there is no savepoint to go back to
    except Exception as exc:
        nested.rollback()
        return exc
    nested.commit()
    return result
