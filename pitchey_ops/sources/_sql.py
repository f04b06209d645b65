"""One read-only connection to PostgreSQL; the server itself refuses every change."""

from __future__ import annotations

import asyncio
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import tuple_row

CONNECT_TIMEOUT_S = 3


class Database:
    """
    Runs one statement at a time, each in a ``READ ONLY`` transaction with a statement time-out.

    ``default_transaction_read_only`` is set on connecting and every transaction is begun read-only, so
    a statement that tries to write fails at the server (SQLSTATE 25006), whatever the role may do.
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
        async with self._turn:
            connection = await self._connected()
            async with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
                await cursor.execute(statement)
                columns = [column.name for column in cursor.description or ()]
                rows = await cursor.fetchall()
        return json.dumps({"columns": columns, "rows": rows}, default=_plain, ensure_ascii=False).encode()

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
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
