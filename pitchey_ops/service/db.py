"""
The service's database: SQLite beside the archive for one machine, PostgreSQL by address for several.

Every module of the service declares its own tables on `metadata` (names start with ``ops_``) and is named in
`MODULES`, so that `create` finds them. A transaction is ``with engine.begin() as connection``; on SQLite it takes the
write lock at once (``BEGIN IMMEDIATE``), so that two writers wait for each other instead of failing. What only reads
uses `reading`, which waits for nobody.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.types import TypeDecorator

from ..errors import ConfigError, RecordError
from ..settings import Settings

FOLDER = ".service"
"""Below the archive: the embedded database, locks of workers, folders of runs in progress."""
FILE = "service.sqlite"
BUSY_S = 30.0
"""How long a statement waits for another writer of SQLite."""
IDLE_IN_TRANSACTION_S = 15
"""After so long PostgreSQL ends a session that holds a transaction open: a frozen worker must not keep its locks."""
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_CREATE_LOCK = 7_242_004  # PostgreSQL advisory lock; any number that nobody else uses

metadata = sa.MetaData()
MODULES = (
    "pitchey_ops.service.orders",
    "pitchey_ops.service.engine_tables",
    "pitchey_ops.service.incidents",
    "pitchey_ops.service.notify.tables",
    "pitchey_ops.service.web.tables",
    "pitchey_ops.service.watch.tables",
)
"""Modules that declare tables; one that is not there is passed over."""


class Utc(TypeDecorator[datetime]):
    """A moment in UTC as text of fixed width, so that both databases order and return it alike."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        """Return the text for *value*, which needs a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone; nobody could say when it was")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        """Return the moment that *value* stands for."""
        return None if value is None else datetime.fromisoformat(value)


def address(settings: Settings) -> str:
    """
    Return the database's address: ``PITCHEY_OPS_SERVICE_URL`` (or ``..._FILE``), else SQLite beside the archive.

    It may hold a password: never print it, print `shown`.
    """
    from .config import secret

    return secret("PITCHEY_OPS_SERVICE_URL") or f"sqlite:///{settings.archive_root() / FOLDER / FILE}"


def shown(url: str) -> str:
    """Return *url* without its password, for messages."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "(not an address)"


def is_sqlite(url: str) -> bool:
    """Whether *url* names the embedded database."""
    return url.startswith("sqlite")


def connect(url: str) -> sa.Engine:
    """
    Return the engine for *url*; nothing is asked yet.

    Raises
    ------
    ConfigError
        It is neither ``sqlite:///…`` nor ``postgresql://…``, or the folder of the file cannot be made.
    """
    wanted = "expected sqlite:///path/to/service.sqlite or postgresql://user:password@host:5432/database"
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise ConfigError("PITCHEY_OPS_SERVICE_URL", [wanted]) from None
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return _postgresql(parsed.set(drivername="postgresql+psycopg"))
    raise ConfigError("PITCHEY_OPS_SERVICE_URL", [f"{parsed.drivername[:40]!r}: {wanted}"])


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection that only reads: on SQLite it takes no write lock and sees one consistent state."""
    with engine.connect().execution_options(ops_reading=True) as connection:
        yield connection


class Changes:
    """
    Tells whether anybody committed since the last look, at a hundredth of what a read costs; for one thread.

    Only SQLite can tell; with PostgreSQL, and where the look fails, it is always said that somebody did.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._seen: int | None = None

    def any(self) -> bool:
        """Whether there may be something new; what is committed by now and was not told before is told now."""
        if self._engine.dialect.name != "sqlite":
            return True
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            raw: Any = self._connection.connection.dbapi_connection
            number = int(raw.execute("PRAGMA data_version").fetchone()[0])
        except (sqlite3.Error, sa.exc.SQLAlchemyError):
            self.close()
            return True
        before, self._seen = self._seen, number
        return number != before

    def close(self) -> None:
        """Give its connection back."""
        connection, self._connection, self._seen = self._connection, None, None
        if connection is not None:
            with suppress(sqlite3.Error, sa.exc.SQLAlchemyError):
                connection.close()


def create(engine: sa.Engine) -> None:
    """Make every table that is missing; any number of processes may do so at once."""
    for name in MODULES:
        if _there(name):
            import_module(name)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("select pg_advisory_xact_lock(:n)"), {"n": _CREATE_LOCK})
        metadata.create_all(connection)


def why(exc: BaseException) -> str:
    """Return in a few words what a database error means for a person; never with an address in it."""
    cause = getattr(exc, "orig", None) or exc
    text = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
    if isinstance(cause, sqlite3.Error):
        if "locked" in text or "busy" in text:
            return "the database is locked by another process"
        if "full" in text:
            return "the disk is full"
        if "readonly" in text or "unable to open" in text:
            return f"no right to write the database ({text})"
    elif type(cause).__module__.startswith("psycopg") and getattr(cause, "sqlstate", None) is None:
        return f"the database cannot be reached ({_QUOTED.sub('…', text.rpartition(': ')[2])[:200]})"
    return text[:300]


def transient(exc: BaseException) -> bool:
    """Whether *exc* may go away by itself: locked, full, unreachable; not a fault in a statement."""
    if isinstance(exc, OperationalError | InterfaceError):
        return True
    return isinstance(exc, DBAPIError) and bool(exc.connection_invalidated)


def _there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _sqlite(url: sa.URL) -> sa.Engine:
    if url.database and url.database != ":memory:":
        folder = Path(url.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise RecordError(f"{folder}: the service's folder cannot be made: {exc.strerror}") from exc
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_S}, pool_size=8, max_overflow=32)

    @event.listens_for(engine, "connect")
    def prepare(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves
        for statement in (
            f"PRAGMA busy_timeout={int(BUSY_S * 1000)}",
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "PRAGMA foreign_keys=ON",
        ):
            raw.execute(statement)

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        reads = connection.get_execution_options().get("ops_reading")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: sa.URL) -> sa.Engine:
    idle = f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_S * 1000} -c timezone=UTC"
    return sa.create_engine(
        url,
        pool_size=8,
        max_overflow=32,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 5,
            "keepalives": 1,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "options": f"{os.environ.get('PGOPTIONS', '')} {idle}".strip(),
            "application_name": "pitchey-ops",
        },
    )
