"""The engine's own promises: orders, claims, the ledger under a claim, who is taken to be dead, JSON only."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import postgres_server
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from pitchey_ops.errors import ConfigError, RecordError, UsageError
from pitchey_ops.evidence.archive import STAGING
from pitchey_ops.evidence.ledger import FileLedger, append_chained
from pitchey_ops.evidence.manifest import RunFacts
from pitchey_ops.evidence.verify import verify
from pitchey_ops.models.report import Alert
from pitchey_ops.service import db, engine, engine_archive, orders, serving, steps
from pitchey_ops.service.config import EngineConfig, load_engine, secret
from pitchey_ops.service.engine_json import JsonSerializer, StoredError, harden
from pitchey_ops.service.engine_tables import (
    Claim,
    Fenced,
    at_step,
    claim,
    claims,
    give_back,
    settle,
    settled,
    workers,
)
from pitchey_ops.service.kernels import KernelPool
from pitchey_ops.service.takeover import DEAD_LOOKS, FileLiveness, PostgresLiveness, Watch
from pitchey_ops.settings import load

NOW = datetime(2026, 11, 23, 8, 15, tzinfo=UTC)
INCIDENT = "INC-20261123-081500-ab2c"
RUN = "RUN-20261123-081500-ab2c"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL server for this module."""
    with postgres_server.running() as url:
        yield url


@contextmanager
def fresh(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the address of an empty database of *kind*."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/service/service.sqlite"
        return
    url = sa.make_url(request.getfixturevalue("server"))
    admin = sa.create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    name = f"t{os.urandom(4).hex()}"
    with admin.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    admin.dispose()
    yield url.set(database=name).render_as_string(hide_password=False)


BOTH = pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgresql", marks=[pytest.mark.slow, pytest.mark.database])]
)


@pytest.fixture
def place(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """An engine on an empty database with every table."""
    with ExitStack() as stack:
        made = db.connect(stack.enter_context(fresh(kind, tmp_path, request)))
        db.create(made)
        yield made
        made.dispose()


def order(number: int = 0, **changed: Any) -> orders.RunOrder:
    """An order of its own for each number."""
    values: dict[str, Any] = {
        "incident_id": INCIDENT,
        "run_id": f"RUN-20261123-{81500 + number:06d}-ab2c",
        "runbook": "outage",
        "severity": "P2",
    }
    return orders.RunOrder(**{**values, **changed})


# --- orders ---------------------------------------------------------------------------------------------------


@BOTH
def test_an_order_is_placed_with_its_alert_or_not_at_all(place: sa.Engine) -> None:
    """The alert and what it orders are one transaction: neither is there without the other."""

    def half() -> None:
        with place.begin() as connection:
            orders.place(connection, order(), now=NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with db.reading(place) as connection:
        assert orders.due(connection, NOW) == []
    with place.begin() as connection:
        assert orders.place(connection, order(), now=NOW)
        assert not orders.place(connection, order(), now=NOW)
    with db.reading(place) as connection:
        assert [row.order for row in orders.due(connection, NOW)] == [order()]


@BOTH
def test_hostile_texts_of_an_alert_come_back_as_they_were(place: sa.Engine) -> None:
    """Half a character, NUL and a megabyte are ordinary input; a database that chokes on them loses an alert."""
    bad = "\ud800\x00\u202e<!channel>{{7*7}}' OR 1=1 --" + "x" * 10**6
    alert = Alert(id=bad, kind=bad, title=bad, at=NOW, severity="P1", service=bad)
    wanted = order(alerts=(alert,), parameters={"window": bad, "services": [bad]})
    with place.begin() as connection:
        orders.place(connection, wanted, now=NOW)
    with db.reading(place) as connection:
        row = orders.order_of(connection, wanted.run_id)
    assert row is not None
    assert row.order == wanted


@BOTH
def test_the_urgent_come_first_and_what_is_for_later_waits(place: sa.Engine) -> None:
    """A P1 behind P3s would be a queue without a priority; a follow-up of tomorrow is not due today."""
    later = NOW + timedelta(minutes=15)
    with place.begin() as connection:
        orders.place(connection, order(0, severity="P3"), now=NOW)
        orders.place(connection, order(1, severity="P1"), now=NOW + timedelta(seconds=5))
        orders.place(connection, order(2, severity="P2", not_before=later), now=NOW)
    with db.reading(place) as connection:
        assert [row.order.severity for row in orders.due(connection, NOW)] == ["P1", "P3"]
        assert [row.order.severity for row in orders.due(connection, later)] == ["P1", "P2", "P3"]
        assert orders.oldest_waiting(connection, later) == NOW
        assert orders.waiting(connection)["placed"] == 3


def test_an_order_with_an_id_that_is_none_is_refused(tmp_path: Path) -> None:
    """Ids become folders; nothing else may."""
    made = db.connect(f"sqlite:///{tmp_path}/s.sqlite")
    db.create(made)
    for changed in ({"run_id": "../../x"}, {"incident_id": "INC-1"}, {"severity": "P0"}):
        with pytest.raises(UsageError), made.begin() as connection:
            orders.place(connection, order(**changed), now=NOW)


@BOTH
def test_a_crash_between_commit_and_queue_loses_nothing_and_doubles_nothing(place: sa.Engine) -> None:
    """The order is an outbox: handed over again under the same id until it is noted."""
    with place.begin() as connection:
        orders.place(connection, order(severity="P1"), now=NOW)
        orders.place(connection, order(1, severity="P3"), now=NOW)
    handed: list[tuple[str, str]] = []

    def enqueue(options: Any, run: str) -> None:
        handed.append((options["workflow_id"], options["queue_name"]))
        if len(handed) == 1:
            raise ConnectionError("killed after the queue took it, before it was noted")

    with pytest.raises(ConnectionError):
        engine.sweep(place, enqueue, now=NOW)
    assert engine.sweep(place, enqueue, now=NOW) == 2
    assert engine.sweep(place, enqueue, now=NOW) == 0
    first, second = order().run_id, order(1).run_id
    assert handed == [(first, engine.URGENT), (first, engine.URGENT), (second, engine.ORDINARY)]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_clock_that_jumps_keeps_no_order_back(place: sa.Engine) -> None:
    """What is placed to be run now is due by whatever clock."""
    with place.begin() as connection:
        orders.place(connection, order(), now=NOW)
    for moment in (NOW - timedelta(days=400), NOW + timedelta(days=400)):
        with db.reading(place) as connection:
            assert len(orders.due(connection, moment)) == 1


# --- database -------------------------------------------------------------------------------------------------


@BOTH
def test_processes_that_start_at_once_make_the_tables_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """serve starts its workers at the same moment; none may die of it."""
    code = (
        "import sys; from pitchey_ops.service import db; e = db.connect(sys.argv[1]); db.create(e); db.create(e); "
        "print(sorted(db.metadata.tables)[0])"
    )
    with fresh(kind, tmp_path, request) as url:
        started = [
            subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(3)
        ]
        for process in started:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, err.decode()
            assert out.startswith(b"ops_")


def test_an_address_with_a_password_is_never_shown() -> None:
    """Messages and logs are read by many."""
    assert "s3cret" not in db.shown("postgresql://ops:s3cret@db.example:5432/ops")
    assert "s3cret" not in db.shown("post gres://ops:s3cret@@@")
    for url in ("mysql://a:s3cret@b/c", "no address s3cret"):
        with pytest.raises(ConfigError) as caught:
            db.connect(url)
        assert "s3cret" not in str(caught.value)


def test_secrets_come_from_a_variable_or_a_file_and_never_from_both(tmp_path: Path) -> None:
    """Two sources that differ would be a puzzle at night; the message says which, never the value."""
    file = tmp_path / "secret"
    file.write_text("from-file\n")
    assert secret("PITCHEY_OPS_X", {"PITCHEY_OPS_X": " a "}) == "a"
    assert secret("PITCHEY_OPS_X", {"PITCHEY_OPS_X_FILE": str(file)}) == "from-file"
    assert secret("PITCHEY_OPS_X", {}) is None
    for values in (
        {"PITCHEY_OPS_X": "v4lue", "PITCHEY_OPS_X_FILE": str(file)},
        {"PITCHEY_OPS_X_FILE": str(tmp_path / "none")},
        {"PITCHEY_OPS_X_FILE": str(tmp_path)},
    ):
        with pytest.raises(ConfigError) as caught:
            secret("PITCHEY_OPS_X", values)
        assert "v4lue" not in str(caught.value)
        assert "PITCHEY_OPS_X" in str(caught.value)


def test_every_fault_of_the_engines_variables_is_told_at_once() -> None:
    """Three starts to learn of three faults is two too many."""
    with pytest.raises(ConfigError) as caught:
        load_engine(
            {
                "PITCHEY_OPS_SERVICE_RUNS": "many",
                "PITCHEY_OPS_SERVICE_WARM_KERNELS": "-1",
                "PITCHEY_OPS_SERVICE_UPLOAD_URL": "s3://x",
                "PITCHEY_OPS_SERVICE_UPLOAD_KEY": "v4lue",
            }
        )
    assert len(caught.value.faults) == 4
    assert "v4lue" not in str(caught.value)
    assert load_engine({}).runs_at_once == 1


# --- JSON only ------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_what_is_stored_comes_back(value: Any) -> None:
    """A step's result is read by another process."""
    kept = JsonSerializer()
    if isinstance(value, dict) and set(value) == {"error", "words"}:
        return
    assert kept.deserialize(kept.serialize(value)) == value


def test_an_error_is_stored_as_words() -> None:
    """An exception's class must not be looked up by what a row says."""
    kept = JsonSerializer()
    found = kept.deserialize(kept.serialize(ValueError("no\ud800")))
    assert isinstance(found, StoredError)
    assert "ValueError: no" in str(found)


def test_a_pickled_row_runs_no_code(tmp_path: Path) -> None:
    """Whoever can write the database must not be able to run code in the workers."""
    from dbos import _serialization

    before = _serialization.pickle  # type: ignore[attr-defined]
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> Any:
            return (os.system, (f"touch {mark}",))

    row = base64.b64encode(pickle.dumps(Evil())).decode()
    try:
        harden()
        with pytest.raises(ValueError, match="refused"):
            _serialization.deserialize_value(row, "py_pickle", JsonSerializer())
        with pytest.raises(ValueError, match="refused"):
            _serialization.deserialize_args(row, "py_pickle", JsonSerializer())
    finally:
        vars(_serialization)["pickle"] = before
    assert not mark.exists()


# --- claims and the ledger ------------------------------------------------------------------------------------


def facts() -> RunFacts:
    """Facts of a run that ended."""
    return RunFacts(
        incident_id=INCIDENT,
        run_id=RUN,
        runbook="outage",
        started_by="alert a",
        start=NOW,
        end=NOW + timedelta(seconds=9),
    )


def made(root: Path, token: int, text: str = "{}") -> Path:
    """A work folder with the files of a run."""
    folder = engine_archive.make_work_folder(root, RUN, token)
    (folder / "report.json").write_text(text)
    (folder / "notebook.ipynb").write_text("{}")
    return folder


@BOTH
def test_a_worker_that_was_taken_over_cannot_archive(place: sa.Engine, archive: Path) -> None:
    """Frozen, thought dead, resumed: its report must not stand beside the other's."""
    with place.begin() as connection:
        frozen = claim(connection, RUN, "a")
        mine = claim(connection, RUN, "b")
    assert (frozen.token, mine.token, mine.attempts) == (1, 2, 2)
    first, second = made(archive, 1, '{"by": "a"}'), made(archive, 2, '{"by": "b"}')
    with pytest.raises(Fenced):
        engine_archive.commit(load(), place, frozen, first, facts())
    assert not (archive / "ledger.jsonl").exists()
    head = engine_archive.commit(load(), place, mine, second, facts())
    with pytest.raises(Fenced), place.begin() as connection:
        at_step(connection, frozen, "archive")
    again = engine_archive.commit(load(), place, frozen, first, facts())
    assert again == head
    assert (archive / INCIDENT / RUN / "report.json").read_text() == '{"by": "b"}'
    with place.begin() as connection:
        assert settled(connection, RUN) == (head.position, head.hash)
    assert verify(archive).holds


@BOTH
def test_a_claim_lost_at_the_last_moment_is_found_out_by_the_ledger(
    place: sa.Engine, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are in staging, the manifest is signed, and then another takes over: no line may be written."""
    with place.begin() as connection:
        mine = claim(connection, RUN, "a")
    folder = made(archive, 1)
    real = engine_archive._copy

    def lose(source: Path, staged: Path) -> None:
        real(source, staged)
        with place.begin() as connection:
            claim(connection, RUN, "b")

    monkeypatch.setattr(engine_archive, "_copy", lose)
    with pytest.raises(Fenced):
        engine_archive.commit(load(), place, mine, folder, facts())
    assert list(FileLedger(archive).entries()) == []
    monkeypatch.setattr(engine_archive, "_copy", real)
    with place.begin() as connection:
        other = claim(connection, RUN, "b")
    engine_archive.commit(load(), place, other, made(archive, other.token), facts())
    assert verify(archive).holds


@BOTH
def test_a_crash_after_the_ledgers_line_is_finished_by_the_next_worker(
    place: sa.Engine, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line stands: exactly these files are moved into place, not those of a second run."""
    with place.begin() as connection:
        mine = claim(connection, RUN, "a")

    class Died(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Died

    monkeypatch.setattr(engine_archive, "settle", die)
    with pytest.raises(Died):
        engine_archive.commit(load(), place, mine, made(archive, 1, '{"by": "a"}'), facts())
    monkeypatch.undo()
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(archive))
    assert (archive / STAGING / RUN).is_dir()
    assert len(list(FileLedger(archive).entries())) == 1
    with place.begin() as connection:
        assert settled(connection, RUN) is None
        other = claim(connection, RUN, "b")
    head = engine_archive.commit(load(), place, other, made(archive, 2, '{"by": "b"}'), facts())
    assert head.position == 1
    assert (archive / INCIDENT / RUN / "report.json").read_text() == '{"by": "a"}'
    with place.begin() as connection:
        assert settled(connection, RUN) == (1, head.hash)
    assert verify(archive).holds


@pytest.mark.parametrize("kind", ["sqlite"])
def test_an_archive_that_the_database_does_not_know_takes_no_run(place: sa.Engine, archive: Path) -> None:
    """Two machines that share a database and not a folder would each keep half of the record."""
    with place.begin() as connection:
        settle(connection, Claim(run_id="RUN-20261123-081501-ab2c", token=1, executor="x", attempts=1), 7, "0" * 64)
        mine = claim(connection, RUN, "a")
    with pytest.raises(RecordError, match="not the archive"):
        engine_archive.commit(load(), place, mine, made(archive, 1), facts())
    assert list(FileLedger(archive).entries()) == []


@pytest.mark.parametrize("kind", ["sqlite"])
def test_lines_by_hand_and_by_the_service_are_one_chain(place: sa.Engine, archive: Path) -> None:
    """`pitchey-ops run` and `journal` write into the same archive while the service runs."""
    archive.mkdir(parents=True)
    append_chained(archive / "ledger.jsonl", {"kind": "note", "at": "2026-11-23T08:00:00Z"})
    with place.begin() as connection:
        mine = claim(connection, RUN, "a")
    head = engine_archive.commit(load(), place, mine, made(archive, 1), facts())
    assert head.position == 2
    after = FileLedger(archive).append({"kind": "note"}, NOW)
    assert after.position == 3


def test_what_holds_a_run_up_is_said_while_it_does_and_not_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks at a run that is over must not read that the disk is full."""
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(tmp_path / "archive"))
    monkeypatch.setattr(engine, "FIRST_WAIT_S", 0.01)
    worker = engine.Worker(load(), EngineConfig(warm_kernels=0))
    db.create(worker.db)
    with worker.db.begin() as connection:
        mine = claim(connection, RUN, worker.executor)

    def trouble() -> str | None:
        with db.reading(worker.db) as connection:
            return connection.execute(sa.select(claims.c.trouble).where(claims.c.run_id == RUN)).scalar()

    said: list[str | None] = []

    def archived_at_the_third_try() -> str:
        said.append(trouble())
        if len(said) < 3:
            raise RecordError(f"the disk is full, try {len(said)}")
        return "archived"

    assert worker._patiently(mine, "archive", archived_at_the_third_try) == "archived"
    assert said == [None, "the disk is full, try 1", "the disk is full, try 2"]
    assert trouble() is None
    worker.db.dispose()


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_start_that_was_ended_on_purpose_does_not_count(place: sa.Engine) -> None:
    """Ten restarts of the service must not close a run as one that kills its workers."""
    with place.begin() as connection:
        for number in range(1, 6):
            mine = claim(connection, RUN, "a")
            assert (mine.token, mine.attempts) == (number, 1)
            give_back(connection, mine)


def test_a_run_whose_record_brings_every_start_down_ends_with_a_report(archive: Path) -> None:
    """Its record is damaged, or makes a fault of ours show: it must not go back into the queue for ever."""
    place = db.connect(f"sqlite:///{archive}/.service/service.sqlite")
    db.create(place)
    config = EngineConfig(warm_kernels=0, attempts=3)
    parts = steps.Parts(db=place, config=config, kernels=KernelPool(0), settings=lambda: load("sandbox"))
    with place.begin() as connection:
        wanted = orders.RunOrder(incident_id=INCIDENT, run_id=RUN, runbook="triage", severity="P2")
        orders.place(connection, wanted, now=NOW)
        mine = [claim(connection, RUN, "w") for _ in range(4)][-1]
    before = engine_archive.make_work_folder(archive, RUN, 3)
    row = {"record": "exchange", "key": "x", "salt": "x", "body_sha256": "0" * 64}
    (before / "evidence.jsonl").write_text(json.dumps(row) + "\n")
    sealed = steps.run(parts, mine, steps.plan(parts, RUN))
    assert (sealed["failed"], sealed["ending"]) == (True, "kernel_died")
    assert "no report could be made from what it had recorded" in sealed["detail"]
    done = steps.archive(parts, mine, sealed)
    report = json.loads((archive / INCIDENT / RUN / "report.json").read_bytes())
    assert report["verdict"]["state"] == "inconclusive"
    assert done["incident"] == INCIDENT
    with db.reading(place) as connection:
        row_ = orders.order_of(connection, RUN)
    assert row_ is not None
    assert row_.state == "failed"
    place.dispose()


# --- who is taken to be dead ----------------------------------------------------------------------------------


class Bench:
    """A watch whose others are only rows and locks."""

    def __init__(self, place: sa.Engine, liveness: FileLiveness | PostgresLiveness, *, hung_after_s: float = 4) -> None:
        self.place = place
        self.pending: dict[str, list[tuple[str, str]]] = {}
        self.resumed: list[str] = []
        self.lost: list[str] = []
        self.watch = Watch(
            place,
            liveness,
            "me",
            hung_after_s=hung_after_s,
            owners=lambda: {who: list(what) for who, what in self.pending.items()},
            resume=self._resume,
            lost=self.lost.append,
        )
        self.watch.register()

    def _resume(self, workflow: str, queue: str) -> None:
        self.resumed.append(workflow)
        self.pending = {who: [w for w in what if w[0] != workflow] for who, what in self.pending.items()}

    def other(self, name: str, *, beat: int = 0) -> None:
        """Have another worker with a run in progress."""
        row = {
            "executor": name,
            "host": "h",
            "pid": 1,
            "started_at": NOW,
            "beat": beat,
            "beat_at": NOW,
            "fenced": False,
        }
        with self.place.begin() as connection:
            connection.execute(sa.insert(workers).values(**row))
        self.pending[name] = [(f"RUN-of-{name}", "runs")]

    def beats(self, name: str) -> None:
        """Let the other give a sign of life."""
        with self.place.begin() as connection:
            mine = workers.c.executor == name
            connection.execute(sa.update(workers).where(mine).values(beat=workers.c.beat + 1))


@contextmanager
def holder(folder: Path, name: str) -> Iterator[None]:
    """Hold the lock of a worker, as its process would."""
    with (folder / f"{name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_worker_whose_process_is_gone_is_taken_over_at_the_second_look(place: sa.Engine, tmp_path: Path) -> None:
    """Within seconds, and not for a lock that was free for a blink."""
    bench = Bench(place, FileLiveness(tmp_path / "locks"))
    bench.other("gone")
    for _ in range(DEAD_LOOKS - 1):
        assert bench.watch.look() == []
    assert bench.watch.look() == ["RUN-of-gone"]
    assert bench.watch.look() == []


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_worker_that_beats_is_left_alone_and_one_that_does_not_is_fenced(place: sa.Engine, tmp_path: Path) -> None:
    """Frozen with its lock in its hand: only its signs of life tell."""
    bench = Bench(place, FileLiveness(tmp_path / "locks"))
    bench.other("busy")
    bench.other("frozen")
    with holder(tmp_path / "locks", "busy"), holder(tmp_path / "locks", "frozen"):
        for _ in range(12):
            bench.beats("busy")
            bench.watch.look()
    assert bench.resumed == ["RUN-of-frozen"]
    with place.begin() as connection:
        chosen = sa.select(workers.c.executor).where(workers.c.fenced)
        assert list(connection.execute(chosen).scalars()) == ["frozen"]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_no_clock_decides_who_is_dead(place: sa.Engine, tmp_path: Path) -> None:
    """A clock that jumps by a year, or a database that nobody could write for a minute, kills no worker."""
    bench = Bench(place, FileLiveness(tmp_path / "locks"))
    bench.other("busy")
    with holder(tmp_path / "locks", "busy"):
        for year in (1999, 2026, 2099):
            with place.begin() as connection:
                at = NOW.replace(year=year)
                connection.execute(sa.update(workers).where(workers.c.executor == "busy").values(beat_at=at))
            bench.beats("busy")
            bench.watch.look()
        place.dispose()
        assert bench.watch.look() == []
    assert bench.resumed == []


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_worker_that_was_fenced_ends(place: sa.Engine, tmp_path: Path) -> None:
    """It may hold files, kernels and half a report; it must not go on."""
    bench = Bench(place, FileLiveness(tmp_path / "locks"))
    bench.watch.look()
    assert bench.lost == []
    with place.begin() as connection:
        connection.execute(sa.update(workers).where(workers.c.executor == "me").values(fenced=True))
    bench.watch.look()
    assert len(bench.lost) == 1


@pytest.mark.slow
@pytest.mark.database
@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_lost_session_is_taken_again_or_is_the_end(place: sa.Engine) -> None:
    """The server was restarted: the lock is gone; if another has it now, this worker is no more."""
    mine, other = PostgresLiveness(place), PostgresLiveness(place)
    mine.hold("w")
    assert mine.held()
    assert not other.free("w")

    def cut() -> None:
        with place.begin() as connection:
            connection.execute(
                sa.text(
                    "select pg_terminate_backend(pid) from pg_locks "
                    "where locktype = 'advisory' and pid <> pg_backend_pid()"
                )
            )

    cut()
    assert mine.held()
    assert not other.free("w")
    cut()
    other.hold("w")
    assert not mine.held()


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("away", [True, False])
def test_a_worker_is_not_killed_because_the_database_is_away(
    place: sa.Engine, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    """Nobody can give a sign of life then; one that gives none while it could is killed."""
    monkeypatch.setattr(serving, "HUNG_S", 1.5)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    now = datetime.now(UTC)
    row = {"executor": "x", "host": socket.gethostname(), "pid": process.pid, "beat": 1, "beat_at": now}
    with place.begin() as connection:
        connection.execute(sa.insert(workers).values(fenced=False, started_at=now, **row))
    looks: list[int] = []
    real = serving.reading

    def looked(engine: sa.Engine) -> Any:
        looks.append(1)
        if away and len(looks) > 1:
            raise sa.exc.OperationalError("select", None, Exception("gone"))
        return real(engine)

    monkeypatch.setattr(serving, "reading", looked)
    crew = serving.Crew(0, place, None)
    thread = threading.Thread(target=crew._wait, args=(process,), daemon=True)
    thread.start()
    try:
        thread.join(6.0)
        assert process.poll() == (None if away else -signal.SIGKILL)
    finally:
        crew._ended.set()
        process.kill()
        process.wait()


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_process_of_another_machine_with_the_same_number_is_another_one(
    place: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In containers every first worker has the same number; what became of one says nothing about the others."""
    monkeypatch.setattr(serving, "HUNG_S", 1.5)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    now = datetime.now(UTC)
    with place.begin() as connection:
        row = {"pid": process.pid, "beat": 1, "beat_at": now, "fenced": False}
        connection.execute(sa.insert(workers).values(executor="ours", host=socket.gethostname(), started_at=now, **row))
        later = now + timedelta(seconds=5)
        connection.execute(sa.insert(workers).values(executor="dead", host="elsewhere", started_at=later, **row))
    crew = serving.Crew(0, place, None)
    thread = threading.Thread(target=crew._wait, args=(process,), daemon=True)
    thread.start()
    try:
        for _ in range(10):
            with place.begin() as connection:
                mine = workers.c.executor == "ours"
                connection.execute(sa.update(workers).where(mine).values(beat=workers.c.beat + 1))
            thread.join(0.5)
        assert process.poll() is None
    finally:
        crew._ended.set()
        process.kill()
        process.wait()


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_worker_is_started_though_the_system_had_no_room_at_first(
    place: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alerts are taken meanwhile: without a worker none of them would ever become a report."""
    tries: list[int] = []
    real = subprocess.Popen

    def popen(command: list[str], **more: Any) -> subprocess.Popen[bytes]:
        tries.append(1)
        if len(tries) == 1:
            raise OSError(11, "Resource temporarily unavailable")
        return real([sys.executable, "-c", "import time; time.sleep(60)"])

    monkeypatch.setattr(serving.subprocess, "Popen", popen)
    crew = serving.Crew(1, place, None)
    crew.start()
    try:
        until = time.monotonic() + 10
        while not crew.pids() and time.monotonic() < until:
            time.sleep(0.05)
        assert len(crew.pids()) == 1
    finally:
        crew.stop(5.0)


# --- start-up check -------------------------------------------------------------------------------------------


def test_the_start_up_check_says_what_where_and_why(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first alert, not at it."""
    assert serving.check() == []
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(blocked / "archive"))
    monkeypatch.setenv("PITCHEY_OPS_SERVICE_RUNS", "many")
    faults = serving.check()
    assert any("PITCHEY_OPS_SERVICE_RUNS" in fault for fault in faults)
    assert any(str(blocked) in fault and "PITCHEY_OPS_ARCHIVE" in fault for fault in faults)
    monkeypatch.setenv("PITCHEY_OPS_ENVIRONMENT", "nowhere")
    assert "nowhere" in serving.check()[0]


def test_a_database_that_is_not_there_is_told_without_its_password(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message is read in a log by people who must not know it."""
    monkeypatch.setattr(serving, "DATABASE_WAIT_S", 0.0)
    monkeypatch.setenv("PITCHEY_OPS_SERVICE_URL", "postgresql://ops:s3cret@127.0.0.1:9/ops")
    (fault,) = serving.check()
    assert "127.0.0.1" in fault
    assert "s3cret" not in fault
    assert "PITCHEY_OPS_SERVICE_URL" in fault


def test_facts_of_a_run_survive_their_way_through_a_step() -> None:
    """What the manifest says must not depend on which process archives."""
    rich = RunFacts(**{**engine_archive.facts_row(facts()), "start": NOW, "end": NOW, "extra": {"starts": 2}})
    row = json.loads(json.dumps(engine_archive.facts_row(rich)))
    assert engine_archive.facts_of(row) == rich


def test_changes_by_others_are_told_once_and_none_is_missed(tmp_path: Path) -> None:
    """An order that is not noticed waits for ever; one that is looked for all day costs a core."""
    place = f"sqlite:///{tmp_path / 'service.sqlite'}"
    engine, other = db.connect(place), db.connect(place)
    changes = db.Changes(engine)
    assert changes.any()
    assert not changes.any()
    for writes in (other, engine):  # another connection of this process counts, too
        with writes.begin() as connection:
            connection.execute(sa.text("create table if not exists t (n integer)"))
            connection.execute(sa.text("insert into t values (1)"))
            assert not changes.any()
        assert changes.any()
        assert not changes.any()
    with db.reading(engine) as connection:
        connection.execute(sa.text("select * from t"))
    assert not changes.any()
    changes.close()
    assert changes.any()
    engine.dispose()
    other.dispose()
