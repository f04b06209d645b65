"""The database that holds our own history of probes, opened so that nothing can be changed through it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from ..settings import Settings
from ._sql import Database

if TYPE_CHECKING:
    import psycopg

BUSY_S = 1.0
STEPS = 10_000
"""Steps of SQLite's machine between two looks at whether its time is over."""


class History(Protocol):
    """Answers one statement at a time."""

    async def read(self, statement: str) -> bytes:
        """
        Return the rows of *statement* as JSON ``{"columns": [...], "rows": [[...], ...]}``.

        Raises
        ------
        psycopg.Error
            There is no answer; of either database.
        """
        ...

    async def close(self) -> None:
        """Close the connection, if there is one."""
        ...


def history_of(settings: Settings) -> History | None:
    """Return the history that *settings* name, None where they name none; nothing is opened yet."""
    if settings.history_url is None:
        return None
    url = settings.history_url.get_secret_value()
    if url.startswith("sqlite:///"):
        return SqliteHistory(url.removeprefix("sqlite:///"), statement_timeout_s=settings.statement_timeout_s)
    return Database(url, statement_timeout_s=settings.statement_timeout_s)


class SqliteHistory:
    """
    Reads a SQLite file that another process writes; the file is opened read-only.

    Parameters
    ----------
    path
        Of the file; it is not made where it is missing.
    statement_timeout_s
        After so long a statement is given up.
    """

    def __init__(self, path: str, *, statement_timeout_s: float) -> None:
        self._path = path
        self._timeout_s = statement_timeout_s

    async def read(self, statement: str) -> bytes:
        """Return the rows of *statement*; see `History`."""
        return await asyncio.to_thread(self._read, statement)

    async def close(self) -> None:
        """Nothing is kept open."""

    def _read(self, statement: str) -> bytes:
        deadline = _Deadline(self._timeout_s)
        try:
            with closing(
                sqlite3.connect(f"file:{quote(self._path)}?mode=ro", uri=True, timeout=BUSY_S, isolation_level=None)
            ) as connection:
                connection.execute("pragma query_only = on")
                connection.set_progress_handler(deadline.passed, STEPS)
                cursor = connection.execute(statement)
                columns = [column[0] for column in cursor.description or ()]
                rows = cursor.fetchall()
        except (sqlite3.Error, sqlite3.Warning) as exc:
            raise self._as_told(exc, over=bool(deadline.passed())) from exc
        return json.dumps({"columns": columns, "rows": rows}, ensure_ascii=False).encode("utf-8", "replace")

    def _as_told(self, exc: Exception, *, over: bool) -> psycopg.Error:
        """Return the error of a server that means the same, so that one place tells what it means for a run."""
        import psycopg

        text = str(exc)
        if over and "interrupt" in text:
            return psycopg.errors.QueryCanceled(f"the statement took longer than {self._timeout_s:g} s")
        if "no such table" in text:
            return psycopg.errors.UndefinedTable(f"{text}: no service ever kept watch with this file")
        if "locked" in text or "busy" in text:
            return psycopg.errors.LockNotAvailable("the file is locked by another process")
        return psycopg.OperationalError(f"the file of the history cannot be read: {text}")


class _Deadline:
    def __init__(self, seconds: float) -> None:
        from time import monotonic

        self._now = monotonic
        self._end = monotonic() + seconds

    def passed(self) -> int:
        """Return 1 once the time is over: SQLite stops at it."""
        return int(self._now() >= self._end)
