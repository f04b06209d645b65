"""The sign of life: sent while alerts become reports, kept back when they would not, its address told to nobody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from channels import Server

from pitchey_ops.clock import FixedClock
from pitchey_ops.evidence.ids import new_incident_id, new_run_id
from pitchey_ops.service import db, orders
from pitchey_ops.service.heartbeat import STUCK_AFTER, beat, trouble
from pitchey_ops.service.watch.config import WatchConfig
from pitchey_ops.service.watch.keeper import Keeper
from pitchey_ops.settings import Settings

NOW = datetime(2026, 11, 23, 8, 0, 5, tzinfo=UTC)
SECRET = "s3cr3t-0f1e2d"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = db.connect(f"sqlite:///{tmp_path / 'service.sqlite'}")
    db.create(made)
    yield made
    made.dispose()


def switch(status: int = 200) -> Server:
    async def handle(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()

    return Server(handle)


def order(engine: sa.Engine, placed: datetime) -> None:
    with engine.begin() as connection:
        wanted = orders.RunOrder(
            incident_id=new_incident_id(placed), run_id=new_run_id(placed), runbook="triage", severity="P1"
        )
        orders.place(connection, wanted, now=placed)


def test_a_living_service_says_so(engine: sa.Engine) -> None:
    """Somebody must notice when pitchey-ops itself is dead; until then the switch is kept quiet."""
    with switch() as far:
        order(engine, NOW - timedelta(minutes=2))
        done = beat(f"{far.url}/{SECRET}", engine, lambda: [], now=NOW)
        assert done.taken
        assert len(far.heads) == 1
        assert far.heads[0].startswith(f"GET /{SECRET} ".encode())


def test_nothing_is_sent_when_alerts_would_not_become_reports(engine: sa.Engine, tmp_path: Path) -> None:
    """A process that runs beside a dead database or queue is no service."""

    def dead() -> None:
        raise OSError("no queue")

    gone = db.connect(f"sqlite:///{tmp_path / 'empty.sqlite'}")  # no tables: every question fails
    with switch() as far:
        assert not beat(far.url, gone, lambda: [], now=NOW).taken
        assert not beat(far.url, engine, dead, now=NOW).taken
        order(engine, NOW - STUCK_AFTER - timedelta(minutes=1))
        stuck = beat(far.url, engine, lambda: [], now=NOW)
        assert not stuck.taken
        assert "due for 16 min" in stuck.why
        assert far.heads == []
    gone.dispose()


@pytest.mark.parametrize("reason", ["alert", "watch"])
def test_a_run_that_is_put_back_again_and_again_has_been_due_all_the_time(engine: sa.Engine, reason: str) -> None:
    """An archive that takes nothing for hours: each start of the run is young, its alert is not."""
    due = NOW + timedelta(minutes=5) if reason == "watch" else None
    wanted = orders.RunOrder(
        incident_id=new_incident_id(NOW), run_id=new_run_id(NOW), runbook="triage", severity="P1",
        reason=reason, not_before=due,  # type: ignore[arg-type]
    )  # fmt: skip
    with engine.begin() as connection:
        orders.place(connection, wanted, now=NOW)
    began = due or NOW
    if due is not None:
        assert trouble(engine, lambda: [], NOW + timedelta(minutes=4)) == ""
    with engine.begin() as connection:
        orders.mark(connection, wanted.run_id, state="running", started_at=began)
    found = []
    for minute in range(0, 60, 12):  # ten minutes of patience, two of rest, as the engine does
        at = began + timedelta(minutes=minute)
        with engine.begin() as connection:
            orders.mark(connection, wanted.run_id, state="placed", not_before=at + timedelta(minutes=12))
        found.append(bool(trouble(engine, lambda: [], at + timedelta(minutes=11))))
    assert found == [False, True, True, True, True]


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/", "http://[::bad/", None])
def test_a_dead_switch_is_told_without_its_address(engine: sa.Engine, address: str | None) -> None:
    """Its path is the secret, and logs are read by many."""
    if address is None:
        with switch(500) as far:
            done = beat(f"{far.url}/{SECRET}", engine, lambda: [], now=NOW)
        assert "500" in done.why
    else:
        done = beat(address + SECRET, engine, lambda: [], now=NOW)
    assert not done.taken
    assert SECRET not in done.why


def test_a_keeper_beats_once_a_minute_and_tells_a_change_once(
    engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning every minute for a night is a log nobody reads."""
    caplog.set_level(logging.INFO, logger="pitchey_ops.watch")
    with switch() as far:
        fault: list[Exception] = []

        def queue() -> None:
            if fault:
                raise fault[0]

        class Moving(FixedClock):
            at = NOW

            def now(self) -> datetime:
                return self.at

        clock = Moving(NOW)
        config = WatchConfig(on=False, heartbeat_url=f"{far.url}/{SECRET}")
        keeper = Keeper(engine, lambda: Settings(), queue, clock=clock, config=config)
        for minute, broken in enumerate((False, False, True, True, False)):
            fault[:] = [OSError("gone")] if broken else []
            clock.at = NOW + timedelta(minutes=minute)
            for _ in range(3):
                keeper.beat()
                keeper.look()
        assert len(far.heads) == 3
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2, told
    assert "queue does not answer" in told[0]
    assert "heard again" in told[1]
    assert SECRET not in caplog.text
