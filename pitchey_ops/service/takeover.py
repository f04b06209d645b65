"""
Which workers live, and who takes over what a dead one left.

A worker holds a lock that the operating system (flock; SQLite, one machine) or PostgreSQL (a session's advisory lock)
gives up when the worker's process is gone, however it went. The others look every second at the owners of runs in
progress; two looks at a free lock, the second one sooner, and the runs go back into the queue
(`DBOS.resume_workflow`, a public call). A worker that holds its lock but gives no sign of life (stopped, swapped out)
is marked as fenced and its runs are taken, too: it cannot archive any more (`engine_tables`), and it ends itself when
it finds the mark. Signs of life are counted, not timed, and only the observer's own successful looks count: neither a
jump of the clock nor a database that is locked for everybody makes a worker look dead.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from .db import is_sqlite, reading, transient, why
from .engine_tables import workers

log = logging.getLogger("pitchey_ops.takeover")
LOOK_EVERY_S = 1.0
DEAD_LOOKS = 2
_CLASS = 7_242_005  # first half of our advisory locks


class Liveness(Protocol):
    """
    A lock that goes when its process goes.

    Attributes
    ----------
    again_s
        Seconds after which a lock that was free is looked at once more, before its process is taken to be gone: an
        owner that lost its lock for a moment has taken it again by then.
    """

    again_s: float

    def hold(self, executor: str) -> None:
        """Take the lock of this process."""
        ...

    def held(self) -> bool:
        """Whether it is still held; tries to take it again where its connection broke."""
        ...

    def free(self, executor: str) -> bool:
        """Whether the lock of another is free: its process is gone."""
        ...

    def only_one(self) -> Any:
        """Return a context manager that tells whether this process alone is inside."""
        ...


class FileLiveness:
    """Locks on files of one machine (not for network file systems)."""

    again_s = 0.2  # a lock on a file goes with its process and not before

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: int | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def hold(self, executor: str) -> None:
        """Take the lock of this process; it is kept until the process ends."""
        self._own = os.open(self._path(executor), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._own, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def held(self) -> bool:
        """Whether the lock is held; a file's lock cannot be lost."""
        return self._own is not None

    def free(self, executor: str) -> bool:
        """Whether the process of *executor* is gone."""
        path = self._path(executor)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(handle)
        return True

    @contextmanager
    def only_one(self) -> Iterator[bool]:
        """Tell whether this process alone is inside."""
        handle = os.open(self._folder / "takeover.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(handle)

    def forget(self, executor: str) -> None:
        """Remove the file of a process that is gone."""
        self._path(executor).unlink(missing_ok=True)

    def _path(self, executor: str) -> Path:
        return self._folder / f"{executor}.lock"


class PostgresLiveness:
    """Advisory locks of a session of its own (not through a pooler that shares sessions between clients)."""

    again_s = LOOK_EVERY_S  # within which the owner of a session that broke has another one

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._executor = ""
        self._connection: sa.Connection | None = None

    def hold(self, executor: str) -> None:
        """Take the lock of this process."""
        self._executor = executor
        self._connection = self._open()
        if not self._try(self._connection, executor):
            raise RuntimeError("another process has this worker's lock")

    def held(self) -> bool:
        """Whether the session that holds the lock is there; after a break it is taken again where it is free."""
        try:
            assert self._connection is not None
            self._connection.execute(sa.text("select 1"))
            return True
        except (DBAPIError, AssertionError):
            with suppress(DBAPIError):
                if self._connection is not None:
                    self._connection.invalidate()
                    self._connection.close()
            self._connection = None
        connection = self._open()
        if self._try(connection, self._executor):
            self._connection = connection
            return True
        connection.close()
        return False

    def free(self, executor: str) -> bool:
        """Whether the session of *executor* is gone."""
        with self._engine.begin() as connection:
            taken = connection.execute(sa.text("select pg_try_advisory_xact_lock(:a, :b)"), self._key(executor))
            return bool(taken.scalar())

    @contextmanager
    def only_one(self) -> Iterator[bool]:
        """Tell whether this process alone is inside; a frozen one loses it with its transaction."""
        with self._engine.begin() as connection:
            taken = connection.execute(sa.text("select pg_try_advisory_xact_lock(:a, :b)"), self._key(" takeover"))
            yield bool(taken.scalar())

    def forget(self, executor: str) -> None:
        """Nothing is left of a session that is gone."""

    def _open(self) -> sa.Connection:
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        # a machine that vanished from the network is noticed by the server in seconds, not in two hours
        for name, value in (("idle", 3), ("interval", 1), ("count", 3)):
            connection.execute(sa.text(f"set tcp_keepalives_{name} = {value}"))
        return connection

    def _try(self, connection: sa.Connection, executor: str) -> bool:
        taken = connection.execute(sa.text("select pg_try_advisory_lock(:a, :b)"), self._key(executor))
        return bool(taken.scalar())

    @staticmethod
    def _key(executor: str) -> dict[str, int]:
        number = int.from_bytes(hashlib.sha256(executor.encode()).digest()[:4], "big", signed=True)
        return {"a": _CLASS, "b": number}


def liveness_for(url: str, engine: sa.Engine, folder: Path) -> FileLiveness | PostgresLiveness:
    """Return the kind of lock that fits the database."""
    return FileLiveness(folder) if is_sqlite(url) else PostgresLiveness(engine)


Owners = Callable[[], dict[str, list[tuple[str, str]]]]
Resume = Callable[[str, str], None]


class Watch:
    """
    Gives this worker's signs of life and takes over from those that give none.

    Parameters
    ----------
    owners
        Returns (workflow id, queue) of what is in progress, by owner.
    resume
        Puts a workflow back into its queue.
    lost
        Called with words when this worker must end at once: another has taken its runs.
    """

    def __init__(
        self,
        engine: sa.Engine,
        liveness: FileLiveness | PostgresLiveness,
        executor: str,
        *,
        hung_after_s: float,
        owners: Owners,
        resume: Resume,
        lost: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._liveness = liveness
        self._executor = executor
        self._hung_looks = max(3, round(hung_after_s / LOOK_EVERY_S))
        self._owners = owners
        self._resume = resume
        self._lost = lost
        self._ended = threading.Event()
        self._seen: dict[str, tuple[int, int]] = {}  # executor: (beat, looks since it changed)
        self._free: dict[str, int] = {}  # executor: looks at a free lock
        self._complained = False
        self._thread = threading.Thread(target=self._loop, name="ops-takeover", daemon=True)

    def register(self) -> None:
        """Hold the lock and tell the others that this worker is there."""
        self._liveness.hold(self._executor)
        now = datetime.now(UTC)
        row = {
            "executor": self._executor,
            "host": socket.gethostname()[:255],
            "pid": os.getpid(),
            "started_at": now,
            "beat": 0,
            "beat_at": now,
            "fenced": False,
        }
        with self._engine.begin() as connection:
            connection.execute(sa.insert(workers).values(**row))

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking; the lock stays until the process ends."""
        self._ended.set()
        self._thread.join(10.0)

    def signed_off(self) -> None:
        """Note that this worker ended on purpose."""
        with suppress(DBAPIError), self._engine.begin() as connection:
            mine = workers.c.executor == self._executor
            connection.execute(sa.update(workers).where(mine).values(stopped_at=datetime.now(UTC)))

    def look(self) -> list[str]:
        """Give a sign of life, look at the others once, and return the workflows that were taken over."""
        if not self._liveness.held():
            self._lost("this worker lost its lock to another process")
            return []
        if not self._beat():
            self._lost("another worker took this one's runs: it gave no sign of life for too long")
            return []
        owners = self._owners()
        owners.pop(self._executor, None)
        beats = self._beats()
        taken: list[str] = []
        for executor in owners:
            because = self._because(executor, beats.get(executor))
            if because is not None:
                taken += self._take(executor, because)
        for gone in set(self._seen) - set(owners):
            self._seen.pop(gone, None)
            self._free.pop(gone, None)
        return taken

    def _because(self, executor: str, beat: tuple[int, bool] | None) -> str | None:
        if self._liveness.free(executor):
            self._free[executor] = self._free.get(executor, 0) + 1
            return "its process is gone" if self._free[executor] >= DEAD_LOOKS else None
        self._free.pop(executor, None)
        number, fenced = beat or (-1, True)
        if fenced:
            return "it was fenced off"
        before, looks = self._seen.get(executor, (number, 0))
        looks = looks + 1 if before == number else 0
        self._seen[executor] = (number, looks)
        return "it gives no sign of life" if looks >= self._hung_looks else None

    def _take(self, executor: str, because: str) -> list[str]:
        taken = []
        with self._liveness.only_one() as alone:
            if not alone:
                return []
            with self._engine.begin() as connection:
                connection.execute(sa.update(workers).where(workers.c.executor == executor).values(fenced=True))
            # looked up again inside: what another survivor took a moment ago has another owner now
            for workflow, queue in self._owners().get(executor, ()):
                self._resume(workflow, queue)
                taken.append(workflow)
        if taken:
            log.warning("took over %s from %s: %s", ", ".join(taken), executor, because)
        return taken

    def _beat(self) -> bool:
        mine = (workers.c.executor == self._executor) & sa.not_(workers.c.fenced)
        values = {"beat": workers.c.beat + 1, "beat_at": datetime.now(UTC)}
        with self._engine.begin() as connection:
            return connection.execute(sa.update(workers).where(mine).values(**values)).rowcount == 1

    def _beats(self) -> dict[str, tuple[int, bool]]:
        chosen = sa.select(workers.c.executor, workers.c.beat, workers.c.fenced).where(workers.c.stopped_at.is_(None))
        with reading(self._engine) as connection:
            return {row[0]: (row[1], bool(row[2])) for row in connection.execute(chosen)}

    def _loop(self) -> None:
        # the first look at once: who begins may be the one that takes the place of a dead worker
        wait_s = 0.0
        while not self._ended.wait(wait_s):
            wait_s = LOOK_EVERY_S
            try:
                self.look()
                wait_s = self._liveness.again_s if self._free else LOOK_EVERY_S
                self._complained = False
            except Exception as exc:
                if not self._complained:
                    level = logging.WARNING if transient(exc) else logging.ERROR
                    log.log(level, "no look at the other workers was possible: %s", why(exc))
                    self._complained = True
