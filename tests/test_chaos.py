"""The engine under kill -9, freezing and stopping, in small; ``make chaos`` does it in large."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import postgres_server
import pytest
import sqlalchemy as sa

from pitchey_ops.benchmarks import chaos
from pitchey_ops.benchmarks.chaos import World, until
from pitchey_ops.evidence.ids import new_incident_id, new_run_id
from pitchey_ops.evidence.verify import verify
from pitchey_ops.service import db, orders
from pitchey_ops.service.engine_tables import claims

pytestmark = pytest.mark.slow
LONG_S = 300.0


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL server for this module."""
    with postgres_server.running() as url:
        yield url


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A service on SQLite without workers yet."""
    made = World(tmp_path / "world", None)
    yield made
    made.close()


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service on SQLite with one worker, for what it has to live through."""
    made = World(tmp_path_factory.mktemp("lively") / "world", None)
    made.start_worker()
    yield made
    made.close()


def log_of(world: World) -> str:
    """What the workers said."""
    return (world.folder / "workers.log").read_text(encoding="utf-8", errors="replace")


def place(
    world: World, severity: str, runbook: str = "outage", queued_at: datetime | None = None, **parameters: object
) -> str:
    """Place an order without an alert and return its run; with *queued_at* the queue is said to have it already."""
    now = datetime.now(UTC)
    order = orders.RunOrder(
        incident_id=new_incident_id(now),
        run_id=new_run_id(now),
        runbook=runbook,
        severity=severity,  # type: ignore[arg-type]
        reason="person",
        parameters=parameters,
    )
    with world.db.begin() as connection:
        orders.place(connection, order)
        if queued_at is not None:
            orders.mark(connection, order.run_id, state="queued", queued_at=queued_at)
    return order.run_id


def row(world: World, run: str) -> orders.OrderRow:
    """An order as it stands."""
    with db.reading(world.db) as connection:
        found = orders.order_of(connection, run)
    assert found is not None
    return found


def test_killed_workers_lose_and_double_nothing_on_sqlite(tmp_path: Path) -> None:
    """Three kills at steps and in the notebook: every trouble's report is there once, whole, with what it had seen."""
    tally = chaos.strike(tmp_path, None, troubles=3, kills=3, seed=1)
    assert tally.good, f"{tally}\n{(tmp_path / 'workers.log').read_text()[-3000:]}"
    assert tally.troubles >= 3
    assert sum(tally.kills.values()) == 3


@pytest.mark.database
def test_two_workers_on_postgresql_and_one_is_killed(tmp_path: Path, server: str) -> None:
    """The other takes its run over, without waiting for a restart."""
    with chaos.fresh_database(server) as url:
        tally = chaos.strike(tmp_path, url, troubles=3, kills=1, workers_=2, seed=2)
    assert tally.good, f"{tally}\n{(tmp_path / 'workers.log').read_text()[-3000:]}"
    assert tally.taken_over_s, "by the worker that was there already"


@pytest.mark.database
def test_a_worker_that_was_frozen_and_resumed_archives_nothing(tmp_path: Path, server: str) -> None:
    """One archived run, and the resumed worker ends."""
    with chaos.fresh_database(server) as url:
        tally = chaos.freeze(tmp_path, url, troubles=2)
    assert tally.good, f"{tally}\n{(tmp_path / 'workers.log').read_text()[-3000:]}"


def test_a_p1_overtakes_a_wrong_order_still_has_a_report_and_a_stop_hands_over(world: World) -> None:
    """One worker: P3s first, a P1 in their middle, an order for a runbook that there is not; then SIGTERM in a run."""
    ordinary = [place(world, "P3") for _ in range(3)]
    wrong = place(world, "P3", runbook="no_such_runbook", nonsense="x")
    worker = world.start_worker()
    assert until(lambda: bool(world.at("run")), LONG_S), log_of(world)
    urgent = place(world, "P1")
    every = [*ordinary, wrong, urgent]
    assert until(lambda: world.finished(every), LONG_S), log_of(world)
    ends = {run: row(world, run).ended_at for run in every}
    late = sorted(ordinary, key=lambda run: ends[run] or datetime.max.replace(tzinfo=UTC))[1:]
    assert all(ends[urgent] < ends[run] for run in late)  # type: ignore[operator]

    (folder,) = world.root.glob(f"INC-*/{wrong}")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert json.loads((folder / "report.json").read_bytes())["run"]["runbook"] == "triage"
    assert "no_such_runbook" in json.dumps(manifest)

    last = place(world, "P2")
    assert until(lambda: any(found["run_id"] == last for found in world.at("run")), LONG_S)
    worker.send_signal(signal.SIGTERM)
    worker.wait(60)
    assert worker.returncode == 0
    if row(world, last).state == "running":  # it needed longer than its grace
        world.start_worker()
    assert until(lambda: world.finished([last]), LONG_S), log_of(world)
    assert verify(world.root).holds
    world.start_worker()
    assert until(lambda: not list((world.root / ".service" / "work").iterdir()), LONG_S), "left behind"


def test_a_run_that_brings_its_worker_down_ends_as_failed_with_a_report(tmp_path: Path) -> None:
    """Tried a bounded number of times, then closed with what was recorded: not lost, and not for ever."""
    world = World(tmp_path / "world", None, variables={"PITCHEY_OPS_SERVICE_ATTEMPTS": "1"})
    try:
        poison = "import os, signal, time\ntime.sleep(0.3)\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(60)"
        path = Path(world.environment["PITCHEY_OPS_HOME"]) / "notebooks" / "outage.ipynb"
        document = json.loads(path.read_text())
        document["cells"][2]["source"] = poison
        path.write_text(json.dumps(document))
        run = place(world, "P2")
        worker = world.start_worker()
        worker.wait(LONG_S)
        assert worker.returncode == -signal.SIGKILL
        world.start_worker()
        assert until(lambda: world.finished([run]), LONG_S), log_of(world)
        found = row(world, run)
        assert found.state == "failed"
        assert "died" in str(found.detail)
        (folder,) = world.root.glob(f"INC-*/{run}")
        report = json.loads((folder / "report.json").read_bytes())
        assert report["verdict"]["state"] == "inconclusive"
        assert report["evidence"]["entries"] > 0
        assert verify(world.root).holds
    finally:
        world.close()


def test_a_queue_that_was_lost_is_filled_again(lively: World) -> None:
    """Orders are the truth; the queue's own file may be deleted by a person in despair."""
    run = place(lively, "P2", queued_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert until(lambda: lively.finished([run]), LONG_S), log_of(lively)
    assert f"{run} was in the queue and is not any more" in log_of(lively)


def test_a_locked_database_holds_a_run_up_and_loses_nothing(lively: World) -> None:
    """A backup that holds the lock for a while; without a restart everything goes on."""
    run = place(lively, "P2")
    assert until(lambda: bool(lively.at("run")), LONG_S), log_of(lively)
    chaos._lock(lively, lively.root / db.FOLDER, 6.0)
    assert until(lambda: lively.finished([run]), LONG_S), log_of(lively)
    (worker,) = lively.processes
    assert worker.poll() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="a memory disk needs root: full disk and read-only archive NOT tried")
def test_a_full_disk_and_a_read_only_archive_hold_runs_up_and_lose_nothing(tmp_path: Path) -> None:
    """Clear words in the log, and when there is room again everything goes on without a restart."""
    tally = chaos.starve(tmp_path, locked_s=1.0, dry_s=0.5)
    assert tally.good, tally
    text = (tmp_path / "workers.log").read_text()
    assert "No space left" in text or "disk is full" in text
    assert "Read-only" in text or "no right to write" in text


def test_the_claim_tells_where_a_run_is(lively: World) -> None:
    """The page shows it; a run of which nobody knows anything is worse than a slow one."""
    run = place(lively, "P2")
    seen: set[str] = set()

    def over() -> bool:
        found = lively.claim_of(run)
        if found is not None:
            seen.add(found["step"])
        return lively.finished([run])

    assert until(over, LONG_S, every_s=0.005), log_of(lively)
    assert "run" in seen
    assert until(lambda: lively.claim_of(run)["step"] == "notify", 30)  # type: ignore[index]
    with db.reading(lively.db) as connection:
        assert connection.execute(sa.select(claims.c.attempts).where(claims.c.run_id == run)).scalar() == 1
