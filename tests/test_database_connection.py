"""The database connection against a real PostgreSQL: the server itself refuses, and nothing secret is said."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import postgres_server
import psycopg
import pytest
from channels import asked, channel, closed_port

from pitchey_ops.evidence.recorder import LINES
from pitchey_ops.models.exchange import Exchange, Question
from pitchey_ops.settings import Settings
from pitchey_ops.sources._sql import Database

pytestmark = [pytest.mark.database, pytest.mark.slow]
PASSWORD = "p4ss/wörd%of the db"
QUOTED = "p4ss%2Fw%C3%B6rd%25of%20the%20db"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Yield the address of a running server; ``locked`` needs a password there, ``ops`` is a superuser."""
    if postgres_server.programs() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with postgres_server.running() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table kept (a int)")
            connection.execute("create role locked login password 'the-right-one'")
            connection.execute("create role nobody login")
            row = connection.execute("show hba_file").fetchone()
            assert row is not None
            rules = Path(row[0])
            rules.write_text("local all locked scram-sha-256\nlocal none locked reject\n" + rules.read_text())
            connection.execute("select pg_reload_conf()")
        time.sleep(0.2)
        yield url


def as_user(server: str, user: str) -> str:
    """Return *server*'s address with another user and a wrong password."""
    return server.replace("user=ops", "").replace("postgresql:///", f"postgresql://{user}:{QUOTED}@/")


def read(folder: Path, url: str, *statements: str, statement_timeout_s: float = 5.0, **changes: Any) -> list[Exchange]:
    """Ask *statements* of the database at *url* and return what came of it."""
    settings = Settings(database_url=url, statement_timeout_s=statement_timeout_s)
    keyed = [
        Question(key=f"database/test/{n}", source="database", kind="sql", url=str(n), statement=text, **changes)
        for n, text in enumerate(statements)
    ]
    return asked(channel(folder, settings), *keyed)


def test_rows_come_back_as_json(server: str, tmp_path: Path) -> None:
    """Every type that a server may send becomes a JSON value."""
    text = """select 1 as a, 'x' as b, null as c, 1.5::numeric as d, now() as e, interval '2 s' as f,
        '\\xff'::bytea as g, 'NaN'::float8 as h, 'Infinity'::float8 as i, array[1, 2] as j, '{"k": 1}'::jsonb as k"""
    (found,) = read(tmp_path, server, text)
    body = json.loads(found.body, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))

    assert body["columns"] == list("abcdefghijk")
    (row,) = body["rows"]
    assert [row[0], row[1], row[2], row[3], row[5], row[6], row[7], row[8]] == [
        1,
        "x",
        None,
        1.5,
        2.0,
        "ff",
        None,
        None,
    ]
    assert (row[9], row[10]) == ([1, 2], {"k": 1})


@pytest.mark.parametrize(
    "statement",
    [
        "insert into kept values (1)",
        "create table another (a int)",
        "drop table kept",
        "truncate kept",
        "update kept set a = 2",
        "select setval(pg_get_serial_sequence('kept', 'a'), 1)",
        "with gone as (delete from kept returning a) select * from gone",
        "create temporary table t on commit drop as select 1; insert into kept values (1)",
        "select 1; commit; begin read write; insert into kept values (1); commit; select 1",
        "set session characteristics as transaction read write; insert into kept values (1)",
        "do $$ begin insert into kept values (1); end $$",
        "select set_config('transaction_read_only', 'off', true); insert into kept values (1)",
    ],
)
def test_the_server_refuses_every_write_even_of_a_superuser(server: str, tmp_path: Path, statement: str) -> None:
    """What is enforced at the server holds whatever our own code or a role's rights say."""
    (found,) = read(tmp_path, server, statement)
    with psycopg.connect(server) as connection:
        tables = connection.execute("select relname from pg_class where relname in ('kept', 'another')").fetchall()
        rows = connection.execute("select * from kept").fetchall()

    assert (tables, rows) == ([("kept",)], [])
    assert found.outcome in ("failed", "answered")
    if statement.startswith("insert"):
        assert (found.outcome, found.detail[:6]) == ("failed", "25006:")


def test_a_write_after_a_statement_that_opens_the_transaction_fails_too(server: str, tmp_path: Path) -> None:
    """One statement must not prepare the ground for the next on the same connection."""
    read(
        tmp_path,
        server,
        "set session characteristics as transaction read write",
        "set default_transaction_read_only = off",
        "select set_config('default_transaction_read_only', 'off', false)",
        "insert into kept values (1)",
    )
    with psycopg.connect(server) as connection:
        assert connection.execute("select * from kept").fetchall() == []


def test_the_server_ends_a_statement_that_takes_too_long(server: str, tmp_path: Path) -> None:
    """A heavy question must not make a slow database slower; the next question goes on."""
    began = time.monotonic()
    found = read(tmp_path, server, "select pg_sleep(30)", "select 1 as a", statement_timeout_s=0.4, timeout_s=10.0)

    assert [e.outcome for e in found] == ["timeout", "answered"]
    assert found[0].detail.startswith("57014:")
    assert time.monotonic() - began < 25


def test_our_own_time_limit_leaves_no_statement_behind(server: str, tmp_path: Path) -> None:
    """When we stop waiting, the server stops working, and the connection is usable or replaced."""
    found = read(tmp_path, server, "select pg_sleep(20)", statement_timeout_s=30, timeout_s=0.5)
    deadline = time.monotonic() + 5
    with psycopg.connect(server, autocommit=True) as connection:
        count = "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'"
        while connection.execute(count).fetchone() != (0,):
            assert time.monotonic() < deadline, "the statement still runs"
            time.sleep(0.1)

    assert found[0].outcome == "timeout"


def test_waiting_for_a_lock_ends_soon(server: str, tmp_path: Path) -> None:
    """In an incident of locks our own questions must not join the queue."""
    with psycopg.connect(server) as holder:
        holder.execute("lock table kept in access exclusive mode")
        (found,) = read(tmp_path, server, "select * from kept", timeout_s=10.0)

    assert not found.answered
    assert found.detail.startswith("55P03:")
    assert found.took_ms < 5000


def test_a_wrong_password_is_a_refusal_and_is_never_shown(server: str, tmp_path: Path) -> None:
    """Rotated credentials are a cause of their own: not "unreachable"; and the password is a secret still."""
    (found,) = read(tmp_path, as_user(server, "locked"), "select 1")

    assert found.outcome == "refused"
    for secret in (PASSWORD, QUOTED, "p4ss"):
        assert secret not in repr(found)
        assert secret.encode() not in (tmp_path / LINES).read_bytes()


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (lambda url: url.replace("user=ops", "user=unknown_role"), "refused"),
        (lambda url: url.replace("///postgres?", "///no_such_database?"), "failed"),
        (lambda url: "postgresql:///x?host=/nowhere&user=u&password=s3cret-pw-1", "unreachable"),
        (lambda url: "postgresql://u:s3cret-pw-1@no-such-host.invalid/x", "unreachable"),
    ],
)
def test_every_failure_to_connect_has_its_reason(server: str, tmp_path: Path, change: Any, outcome: str) -> None:
    """A missing role, a missing database and a missing server are mended by different people."""
    (found,) = read(tmp_path, change(server), "select 1", timeout_s=8.0)

    assert found.outcome == outcome
    assert found.detail
    assert "s3cret-pw-1" not in repr(found)


def test_a_refused_port_is_unreachable(tmp_path: Path) -> None:
    """Nobody listens: that is what is said."""
    with closed_port() as port:
        (found,) = read(tmp_path, f"postgresql://u:s3cret-pw-1@127.0.0.1:{port}/x", "select 1")

    assert (found.outcome, "refused" in found.detail.lower()) == ("unreachable", True)


def test_a_full_server_says_so(server: str, tmp_path: Path) -> None:
    """53300 is evidence for an exhausted pool; it must keep its name."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("alter role nobody connection limit 0")
    (found,) = read(tmp_path, server.replace("user=ops", "user=nobody"), "select 1")

    assert found.outcome == "failed"
    assert "too many connections" in found.detail


def test_missing_rights_and_wrong_statements_are_failures_with_their_code(server: str, tmp_path: Path) -> None:
    """The SQLSTATE tells what to mend."""
    found = read(tmp_path, server, "select * from nothing_here", "select 1/0", "this is no sql", "select 1 as a")

    assert [e.detail[:5] for e in found[:3]] == ["42P01", "22012", "42601"]
    assert [e.outcome for e in found] == ["failed"] * 3 + ["answered"]


def test_a_connection_that_breaks_is_made_anew(server: str) -> None:
    """One restart of the database must not blind the rest of the run."""

    async def work() -> bytes:
        database = Database(server, statement_timeout_s=5)
        try:
            pid = json.loads(await database.read("select pg_backend_pid() as pid"))["rows"][0][0]
            with psycopg.connect(server, autocommit=True) as other:
                other.execute("select pg_terminate_backend(%s)", (pid,))
            with pytest.raises(psycopg.Error):
                await database.read("select 1 as a")
            return await database.read("select 2 as a")
        finally:
            await database.close()

    assert json.loads(asyncio.run(work()))["rows"] == [[2]]


def test_a_result_above_the_limit_is_too_large(server: str, tmp_path: Path) -> None:
    """The limit on answers is for the database, too."""
    (found,) = read(tmp_path, server, "select repeat('x', 100000) as a", max_bytes=50_000)

    assert (found.outcome, found.body) == ("too_large", b"")
