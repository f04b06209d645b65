"""One read-only connection to PostgreSQL; the server itself refuses every change."""

from __future__ import annotations

import asyncio
import json
import math
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..models.observation import Reason

if TYPE_CHECKING:
    import psycopg  # imported where a database is read: most runs have none, and it takes a tenth of a second

CONNECT_TIMEOUT_S = 3


_REASONS: dict[str, Reason] = {
    "28P01": "refused",
    "28000": "refused",
    "57014": "timeout",
    "55P03": "timeout",
}
"""SQLSTATEs that are more than a failed statement."""

_AT_CONNECTING: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), state)
    for pattern, state in (
        (r"password authentication failed|no password supplied", "28P01"),
        (r"role \".*\" does not exist|authentication failed|pg_hba\.conf|not permitted to log in", "28000"),
        (r"database \".*\" does not exist", "3D000"),
        (r"too many (connections|clients)|remaining connection slots", "53300"),
        (r"database system is (starting up|shutting down|in recovery|not yet accepting)", "57P03"),
    )
)
"""What a server says when it turns a connection away; the driver hands on its text alone (PostgreSQL, appendix A)."""


def reason_of(exc: Exception) -> tuple[Reason, str] | None:
    """
    Return why there is no result, and the SQLSTATE, empty where no server said anything.

    None where *exc* is no error of a database.
    """
    import psycopg

    if not isinstance(exc, psycopg.Error):
        return None
    state = exc.sqlstate or ""
    if isinstance(exc, psycopg.errors.ConnectionTimeout):
        return "timeout", state
    if not state and isinstance(exc, psycopg.OperationalError):
        text = str(exc)
        state = next((code for pattern, code in _AT_CONNECTING if pattern.search(text)), "")
        if not state:
            return "unreachable", ""
    if state[:2] == "08" or state in ("57P01", "57P02"):  # the connection broke, or the server ended it
        return "unreachable", state
    return _REASONS.get(state, "failed"), state


class Database:
    """
    Runs one statement at a time, each in a ``READ ONLY`` transaction with a statement time-out.

    ``default_transaction_read_only`` is set on connecting and every transaction is begun read-only and rolled
    back, so a statement that tries to write fails at the server (SQLSTATE 25006), whatever the role may do.
    Statements go by the extended protocol, which takes one at a time: a text cannot end the transaction and
    begin another that writes.
    """

    def __init__(self, url: str, *, statement_timeout_s: float) -> None:
        self._url = url
        self._timeout_ms = round(statement_timeout_s * 1000)
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._turn = asyncio.Lock()

    async def read(self, statement: str) -> bytes:
        """
        Return the rows of *statement* as JSON ``{"columns": [...], "rows": [[...], ...]}``.

        Raises
        ------
        psycopg.Error
            As the server or the network gave it.
        """
        from psycopg.rows import tuple_row

        async with self._turn:
            connection = await self._connected()
            async with (
                connection.transaction(force_rollback=True),
                connection.cursor(row_factory=tuple_row) as cursor,
            ):
                await cursor.execute(statement, binary=True)  # asking for binary rows is what selects the protocol
                columns = [column.name for column in cursor.description or ()]
                rows = [[_number_or_none(cell) for cell in row] for row in await cursor.fetchall()]
        return json.dumps({"columns": columns, "rows": rows}, default=_plain, ensure_ascii=False).encode()

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        import psycopg

        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                self._url,
                autocommit=False,
                connect_timeout=CONNECT_TIMEOUT_S,
                application_name="pitchey-ops",
                options=f"-c default_transaction_read_only=on -c statement_timeout={self._timeout_ms}"
                " -c lock_timeout=1000 -c idle_in_transaction_session_timeout=10000",
            )
            await self._connection.set_read_only(True)
        return self._connection


def _number_or_none(value: Any) -> Any:
    """Return *value*, or None for a number that JSON cannot say."""
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        return None
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)
