"""
Workers that are killed, frozen and starved while troubles come in: is every trouble's report there, once and whole?

Real processes, a real database, real kernels; the sources are a port that refuses, so that a run is short. Run it by
``make chaos``, or ``python -m pitchey_ops.benchmarks.chaos --troubles 30 --kills 30``.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import importlib.util
import json
import os
import random
import secrets
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..evidence.recorder import LINES, read_exchanges
from ..evidence.verify import verify
from ..models.report import Alert
from ..service import db, engine_archive, incidents, orders
from ..service.engine_tables import claims, ledger, workers
from ..service.incident_models import IncomingAlert
from ..settings import home

STEPS = ("run", "archive", "run", "prepare", "run", "notify")
"""Where the kills are aimed at, in turn; half of them at random moments inside the notebook."""
CELLS = (
    'window = ""\nenvironment = ""\nalert_at = ""\nservices = []\nerror_share_limit = 0.05\n',
    'from pitchey_ops import investigate\nrun = investigate("outage", window=window, environment=environment, '
    "alert_at=alert_at, services=services, error_share_limit=error_share_limit)",
    "import time\ntime.sleep(0.5)",
    "run.finish()",
)


@dataclass(slots=True)
class Tally:
    """
    What came of it.

    Attributes
    ----------
    lost
        Troubles without a report in the archive.
    duplicate
        Runs that the archive or the ledger holds more than once.
    faults
        Everything else that is not as it should be: torn runs, records that were there before a kill and are gone.
    notes
        What else is worth saying.
    """

    name: str
    troubles: int = 0
    reports: int = 0
    duplicate: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    taken_over_s: list[float] = field(default_factory=list)
    kept_records: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Troubles without a report."""
        return self.troubles - self.reports

    @property
    def good(self) -> bool:
        """Whether nothing was lost, doubled or damaged."""
        return not self.lost and not self.duplicate and not self.faults

    def __str__(self) -> str:
        """Say it in two lines."""
        aimed = ", ".join(f"{step} {count}" for step, count in sorted(self.kills.items())) or "none"
        longest = ""
        if self.taken_over_s:
            middle = statistics.median(self.taken_over_s)
            longest = f"; takeover {middle:.1f} s, longest {max(self.taken_over_s):.1f} s"
        lines = [f"{self.name}: kills: {aimed}; records kept of cut starts: {self.kept_records}{longest}"]
        lines += [f"  {note}" for note in self.notes]
        lines += [f"  fault: {fault}" for fault in self.faults]
        lines.append(
            f"troubles: {self.troubles}, reports: {self.reports}, lost: {self.lost}, duplicate: {self.duplicate}"
        )
        return "\n".join(lines)


class World:
    """A service of its own: archive, database, worker processes."""

    def __init__(self, folder: Path, url: str | None, *, variables: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.root = folder / "archive"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PITCHEY_OPS_")},
            "PITCHEY_OPS_HOME": str(small_home(folder / "home")),
            "PITCHEY_OPS_ARCHIVE": str(self.root),
            "PITCHEY_OPS_ORIGIN": f"http://127.0.0.1:{closed_port()}",
            "PITCHEY_OPS_SERVICE_WARM_KERNELS": "1",
            "PITCHEY_OPS_SERVICE_ATTEMPTS": "20",
            **({"PITCHEY_OPS_SERVICE_URL": url} if url else {}),
            **(variables or {}),
        }
        self.url = url or f"sqlite:///{self.root / db.FOLDER / db.FILE}"
        self.db = db.connect(self.url)
        db.create(self.db)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.log = (folder / "workers.log").open("ab")

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start a worker process."""
        process = subprocess.Popen(
            [sys.executable, "-m", "pitchey_ops", "worker"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        self.processes.append(process)
        return process

    def alert(self, number: int, *, severity: str = "P2", runbook: str = "outage") -> str:
        """Receive an alert of a trouble of its own and return the run that it ordered."""
        now = datetime.now(UTC)
        alert = Alert(
            id=f"chaos-{number}",
            kind="chaos",
            title=f"trouble {number}",
            at=now,
            severity=severity,  # type: ignore[arg-type]
            service=f"service-{number}",
        )
        incoming = IncomingAlert(sender="chaos", trouble=f"trouble-{number}", alert=alert, runbook=runbook)
        with self.db.begin() as connection:
            received = incidents.receive(connection, incoming, now)
        if received.ordered is None:
            raise RuntimeError(f"alert {number} ordered no run: {received}")
        return received.ordered

    def claim_of(self, run: str) -> Mapping[str, Any] | None:
        """Return the present claim on a run."""
        with db.reading(self.db) as connection:
            row = connection.execute(sa.select(claims).where(claims.c.run_id == run)).mappings().first()
            return None if row is None else dict(row)

    def at(self, step: str) -> list[Mapping[str, Any]]:
        """Return the claims that are at *step*, with the process that has them."""
        chosen = (
            sa.select(claims, workers.c.pid)
            .join(workers, workers.c.executor == claims.c.executor)
            .join(orders.orders, orders.orders.c.run_id == claims.c.run_id)
            .where(claims.c.step == step)
            .where((orders.orders.c.state == "running") | (claims.c.step == "notify"))
        )
        with db.reading(self.db) as connection:
            return [dict(row) for row in connection.execute(chosen).mappings()]

    def states(self, runs: Sequence[str]) -> Counter[str]:
        """Return how many of *runs* are in which state."""
        with db.reading(self.db) as connection:
            chosen = sa.select(orders.orders.c.state).where(orders.orders.c.run_id.in_(runs))
            return Counter(connection.execute(chosen).scalars())

    def finished(self, runs: Sequence[str]) -> bool:
        """Whether every one of *runs* is over."""
        states = self.states(runs)
        return states["archived"] + states["failed"] == len(runs)

    def close(self) -> None:
        """End everything that was started."""
        for process in self.processes:
            with suppress(OSError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(10)
        self.db.dispose()
        self.log.close()


def strike(folder: Path, url: str | None, *, troubles: int, kills: int, workers_: int = 1, seed: int = 0) -> Tally:
    """Kill workers *kills* times at steps and random moments while *troubles* come in; return what came of it."""
    dice = random.Random(seed)  # noqa: S311 - reproducible on purpose
    name = f"kill -9, {'SQLite' if url is None else 'PostgreSQL'}, {workers_} worker(s)"
    tally = Tally(name=name, troubles=troubles)
    world = World(folder, url)
    records: dict[tuple[str, int], int] = {}
    try:
        crew = [world.start_worker() for _ in range(workers_)]
        runs: list[str] = []
        for number in range(kills):
            step = STEPS[number % len(STEPS)]
            struck = _kill_at(world, crew, step, dice, runs)
            if struck is None:
                tally.faults.append(f"no worker came to the step {step}: kill {number + 1} was not done")
                break
            index, run, token, executor, seen = struck
            tally.kills[step] += 1
            if seen:
                records[run, token] = seen
            began = time.monotonic()
            crew[index] = world.start_worker()
            if until(functools.partial(_taken, world, executor, run), 180):
                tally.taken_over_s.append(time.monotonic() - began)
            else:
                tally.faults.append(f"{run} was not taken over within 180 s of a kill at {step}")
        while len(runs) < troubles:
            runs.append(world.alert(len(runs)))
        tally.troubles = len(runs)
        if not until(lambda: world.finished(runs), 120 + 30 * troubles):
            tally.faults.append(f"not all runs came to an end: {dict(world.states(runs))}")
        settle(world, crew)
        count(world, runs, records, tally)
    finally:
        world.close()
    return tally


def freeze(folder: Path, url: str | None, *, troubles: int = 4) -> Tally:
    """Freeze the worker that carries a run out until the other has archived it, then let it go on."""
    tally = Tally(name=f"frozen and resumed, {'SQLite' if url is None else 'PostgreSQL'}", troubles=troubles)
    world = World(folder, url)
    try:
        crew = [world.start_worker() for _ in range(2)]
        runs = [world.alert(number) for number in range(troubles)]
        if not until(lambda: bool(world.at("run")), 120):
            tally.faults.append("no run began")
            return tally
        row = world.at("run")[0]
        frozen = next(process for process in crew if process.pid == row["pid"])
        frozen.send_signal(signal.SIGSTOP)
        tally.kills["frozen"] += 1
        began = time.monotonic()
        if not until(lambda: _newer(world, row["run_id"], row["token"]), 60):
            tally.faults.append("the frozen worker's run was not taken over")
        tally.taken_over_s.append(time.monotonic() - began)
        until(lambda: world.finished([row["run_id"]]), 120)
        frozen.send_signal(signal.SIGCONT)
        if not until(lambda: frozen.poll() is not None, 60):
            tally.faults.append("the resumed worker goes on although it was taken over")
        if not until(lambda: world.finished(runs), 120 + 30 * troubles):
            tally.faults.append(f"not all runs came to an end: {dict(world.states(runs))}")
        settle(world, crew)
        count(world, runs, {}, tally)
    finally:
        world.close()
    return tally


def left_open(pid: int, below: Path) -> list[str]:
    """Return the files below *below* that the process *pid* holds open for writing; locks are none."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError, ValueError, IndexError):
            target = str(link.readlink())
            words = Path(f"/proc/{pid}/fdinfo/{link.name}").read_text(encoding="ascii").split()
            writes = int(words[words.index("flags:") + 1], 8) & (os.O_WRONLY | os.O_RDWR)
            if writes and target.startswith(str(below)) and ".lock" not in target:
                found.append(target)
    return sorted(found)


def starve(folder: Path, *, locked_s: float = 45.0, dry_s: float = 10.0, troubles: int = 3) -> Tally:
    """
    Lock the database and fill the disk, each while a run is going on; let a run begin on a read-only archive.

    Linux makes no disk read-only while a file on it is open for writing; a read-only view of the archive, mounted
    over it, is possible at any time, and whatever is opened from then on cannot be written.
    The disk is a memory disk of 48 MB, which only root can make; without root the two that need it are told as faults.
    """
    tally = Tally(name="database locked, disk full, archive read-only", troubles=troubles)
    disk = folder / "disk"
    disk.mkdir(parents=True)
    own_disk = _mount("-t", "tmpfs", "-o", "size=48m", "chaos", str(disk))
    if not own_disk:
        tally.faults.append("no right to mount a memory disk: full disk and read-only archive were NOT tried")
    place = f"sqlite:///{folder / 'database' / 'service.sqlite'}"
    world = World(folder, place, variables={"PITCHEY_OPS_ARCHIVE": str(disk / "archive")})
    world.root = disk / "archive"
    try:
        crew = [world.start_worker()]
        runs = []
        for number in range(troubles if own_disk else 1):
            read_only = number >= 2
            if read_only and not _cover(world.root):
                tally.faults.append("the archive could not be made read-only: that was NOT tried")
                break
            runs.append(world.alert(number))
            if not read_only and not until(lambda: bool(world.at("run")), 300):
                tally.faults.append("no run began")
                break
            if number == 0:
                _lock(world, folder / "database", locked_s)
            elif not read_only:
                _fill(disk, functools.partial(_troubled, world, runs[-1], dry_s, tally))
            else:
                _troubled(world, runs[-1], dry_s, tally)
                _uncover(world.root)
            tally.kills[("locked", "full", "read-only")[min(number, 2)]] += 1
            until(functools.partial(world.finished, list(runs)), 240)
            if not until(lambda: not left_open(crew[0].pid, disk), 30):
                tally.faults.append(f"still open for writing after {runs[-1]}: {left_open(crew[0].pid, disk)[:5]}")
            if crew[0].poll() is not None:
                tally.faults.append("the worker did not live through it")
                crew[0] = world.start_worker()
        tally.troubles = len(runs)
        settle(world, crew)
        count(world, runs, {}, tally)
    finally:
        world.close()
        if own_disk:
            subprocess.run(["/bin/umount", "--recursive", str(disk)], check=False)  # noqa: S603 - our own mount
    return tally


def until(what: Callable[[], bool], within_s: float, *, every_s: float = 0.05) -> bool:
    """Wait for *what*; whether it came."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(every_s)
    return False


def small_home(folder: Path, sources: Sequence[str] = CELLS) -> Path:
    """Make a project folder whose outage and triage notebooks are *sources*: ask everything and draw nothing."""
    folder.mkdir(parents=True)
    for name in ("notebooks", "parameters"):
        shutil.copytree(home() / name, folder / name)
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {"tags": ["parameters"] if number == 0 else []},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for number, source in enumerate(sources)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    document = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    for name in ("outage", "triage"):
        text = json.dumps(document).replace('investigate(\\"outage\\"', f'investigate(\\"{name}\\"')
        (folder / "notebooks" / f"{name}.ipynb").write_text(text, encoding="utf-8")
    return folder


def closed_port() -> int:
    """Return a loopback port that refuses connections, most likely for as long as this lasts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """Make a database of its own on *server* and yield its address."""
    name = f"chaos_{secrets.token_hex(4)}"
    admin = sa.create_engine(sa.make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    admin.dispose()
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def _kill_at(
    world: World, crew: Sequence[subprocess.Popen[bytes]], step: str, dice: random.Random, runs: list[str]
) -> tuple[int, str, int, str, int] | None:
    """
    Kill the worker that is first seen at *step*; return its place in the crew, run, token, name, and its record.

    There is always a trouble more than the workers have finished; a step that is over before it was seen costs one.
    """
    pids = [process.pid for process in crew]
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if world.finished(runs[-2:]):
            runs.append(world.alert(len(runs)))
        found = [row for row in world.at(step) if row["pid"] in pids]
        if not found:
            time.sleep(0.002)
            continue
        row = dice.choice(found)
        folder = engine_archive.work_folder(world.root, row["run_id"], row["token"])
        if step == "run":
            if dice.random() < 0.5:  # a random moment, and one at which something was recorded
                until(lambda lines=folder / LINES: lines.exists() and lines.stat().st_size > 4096, 30)  # type: ignore[misc]
            time.sleep(dice.uniform(0.0, 2.5))
        index = pids.index(row["pid"])
        crew[index].kill()
        crew[index].wait(10)
        time.sleep(0.1)  # its kernel dies with it
        seen = 0
        with suppress(Exception):
            seen = len(read_exchanges(folder)) if (folder / "evidence.jsonl").exists() else 0
        return index, row["run_id"], row["token"], row["executor"], seen
    return None


def _mount(*words: str) -> bool:
    done = subprocess.run(["/bin/mount", *words], check=False, capture_output=True)  # noqa: S603 - fixed words
    return done.returncode == 0


def _cover(folder: Path) -> bool:
    """Mount a read-only view of *folder* over it; whether that was possible."""
    if not _mount("--bind", str(folder), str(folder)):
        return False
    if _mount("-o", "remount,bind,ro", str(folder)):
        return True
    _uncover(folder)
    return False


def _uncover(folder: Path) -> None:
    """Take the read-only view away, even while somebody reads in it."""
    subprocess.run(["/bin/umount", "--lazy", str(folder)], check=False)  # noqa: S603 - our own mount


def _lock(world: World, folder: Path, seconds: float) -> None:
    """Hold the write lock of the service's database and of the queue's, as a stuck backup would."""
    held = []
    for name in ("service.sqlite", "queue.sqlite"):
        connection = sqlite3.connect(folder / name, timeout=30.0, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        held.append(connection)
    time.sleep(seconds)
    for connection in held:
        connection.execute("ROLLBACK")
        connection.close()


def _troubled(world: World, run: str, seconds: float, tally: Tally) -> None:
    """Wait until the engine says what holds the run up, and let it go on like that for a while."""

    def held_up() -> bool:
        return (world.claim_of(run) or {}).get("trouble") is not None

    until(lambda: held_up() or world.finished([run]), 120)
    if not held_up():
        tally.faults.append(f"{run}: nothing held it up")
    time.sleep(seconds)


def _fill(disk: Path, meanwhile: Callable[[], None]) -> None:
    """Leave no byte free for a while."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:  # full already where the run was quicker
        while True:
            file.write(b"x" * 65536)
    meanwhile()
    filler.unlink(missing_ok=True)


def _taken(world: World, executor: str, run: str) -> bool:
    """Whether a worker that is gone was noticed, or had nothing left to be taken over."""
    with db.reading(world.db) as connection:
        chosen = sa.select(workers.c.fenced).where(workers.c.executor == executor)
        return bool(connection.execute(chosen).scalar()) or world.finished([run])


def _newer(world: World, run: str, token: int) -> bool:
    row = world.claim_of(run)
    return row is not None and (row["token"] > token or world.finished([run]))


def settle(world: World, crew: Sequence[subprocess.Popen[bytes]]) -> None:
    """Stop the workers in good order."""
    for process in crew:
        process.terminate()
    for process in crew:
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)


def count(world: World, runs: Sequence[str], records: Mapping[tuple[str, int], int], tally: Tally) -> None:
    """Look into archive, ledger and database and note in *tally* what came of *runs*."""
    places: dict[str, list[Path]] = {run: sorted(world.root.glob(f"INC-*/{run}")) for run in runs}
    for folders in places.values():
        whole = [f for f in folders if (f / "report.json").exists() and (f / "manifest.json").exists()]
        tally.reports += bool(whole)
        tally.duplicate += max(0, len(folders) - 1)
    path = world.root / "ledger.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    named = Counter(row["run"] for row in map(json.loads, lines) if row.get("kind") == "run")
    tally.duplicate += sum(count - 1 for count in named.values())
    with db.reading(world.db) as connection:
        known = set(connection.execute(sa.select(ledger.c.run_id)).scalars())
    tally.faults += [f"{run}: the database does not know its position" for run in runs if run not in known]
    checked = verify(world.root)
    tally.faults += [str(problem) for problem in checked.problems]
    for (run, token), seen in records.items():
        for folder in places[run]:
            kept = _entries(folder / f"evidence-start-{token}.har.gz")
            if kept < seen:
                tally.faults.append(f"{run}: of {seen} exchanges recorded before a kill, {kept} are there")
            else:
                tally.kept_records += 1


def _entries(path: Path) -> int:
    try:
        return len(json.loads(gzip.decompress(path.read_bytes()))["log"]["entries"])
    except (OSError, ValueError, KeyError):
        return -1


@contextmanager
def server() -> Iterator[str | None]:
    """Start a PostgreSQL server the way the tests do; None where there is none."""
    path = Path(__file__).resolve().parents[2] / "tests" / "postgres_server.py"
    spec = importlib.util.spec_from_file_location("postgres_server", path) if path.exists() else None
    if spec is None or spec.loader is None:
        yield None
        return
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.programs() is None:
        yield None
        return
    with module.running() as url:
        yield url


def main(words: Sequence[str] | None = None) -> int:
    """Do all of it and close with one line; 1 where something was lost, doubled or damaged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--troubles", type=int, default=30)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    given = parser.parse_args(words)
    from .storms import jump, storm

    tallies: list[Tally] = []

    def told(tally: Tally) -> None:
        tallies.append(tally)
        sys.stdout.write(f"{tally}\n\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory(prefix="chaos-") as place, server() as found:
        folder = Path(place)
        if given.only != "postgresql":
            told(strike(folder / "a", None, troubles=given.troubles, kills=given.kills, seed=given.seed))
            told(freeze(folder / "b", None))
            told(starve(folder / "s"))
            told(storm(folder / "w"))
            jumped = jump(folder / "j")
            if jumped is None:
                sys.stdout.write("no C compiler: a clock that is set while runs go on was NOT tried\n\n")
            else:
                told(jumped)
        if given.only != "sqlite":
            if found is None:
                sys.stdout.write("PostgreSQL is not installed (make test installs it): that half was NOT done\n\n")
            else:
                few = max(4, given.troubles // 5)
                with fresh_database(found) as url:
                    told(strike(folder / "c", url, troubles=given.troubles, kills=given.kills, seed=given.seed))
                with fresh_database(found) as url:
                    told(strike(folder / "d", url, troubles=few, kills=few // 2, workers_=2, seed=given.seed))
                with fresh_database(found) as url:
                    told(freeze(folder / "e", url))
    total = Tally(
        name="all of it",
        troubles=sum(tally.troubles for tally in tallies),
        reports=sum(tally.reports for tally in tallies),
        duplicate=sum(tally.duplicate for tally in tallies),
        faults=[fault for tally in tallies for fault in tally.faults],
    )
    sys.stdout.write(
        f"troubles: {total.troubles}, reports: {total.reports}, lost: {total.lost}, duplicate: {total.duplicate}\n"
    )
    return 0 if total.good and (found is not None or given.only == "sqlite") else 1


if __name__ == "__main__":
    raise SystemExit(main())
