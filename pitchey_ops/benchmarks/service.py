"""How long the service takes from an alert to its archived report, as ratios to what can be measured beside it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from ..settings import home
from .chaos import World, fresh_database, server, until
from .runs import EMPTY, Figure, _figure, _ratios, _timed, sandbox

LONG_S = 600.0
STORM = 12
TWO = 16


def figures(rounds: int = 5) -> list[Figure]:
    """Measure all of it; without PostgreSQL the comparison of two workers is left out, and said to be."""
    found = [*warm(rounds), *storm()]
    with server() as url:
        if url is None:
            sys.stderr.write("PostgreSQL is not installed: two workers against one were NOT measured\n")
        else:
            found += two(url)
    return found


def warm(rounds: int = 5) -> list[Figure]:
    """Alert accepted to report archived, outage runbook on the sandbox, kernels ready; and bare papermill beside it."""
    bare, service = [], []
    with tempfile.TemporaryDirectory() as place, sandbox() as (origin, _):
        folder = Path(place)
        notebook = folder / "empty.ipynb"
        notebook.write_text(json.dumps(EMPTY), encoding="utf-8")
        papermill = [sys.executable, "-m", "papermill", str(notebook), str(folder / "out.ipynb")]
        variables = {
            "PITCHEY_OPS_HOME": str(home()),
            "PITCHEY_OPS_ORIGIN": origin,
            "PITCHEY_OPS_SERVICE_WARM_KERNELS": "2",
            "PITCHEY_OPS_SHARE_ANSWERS_S": "0",
        }
        with _world(folder / "world", variables) as world:
            worker = world.start_worker()
            idle: list[float] = []
            for number in range(rounds + 1):
                _ready(worker.pid, 2)
                if number == 1:
                    idle.append(_megabytes(worker.pid))
                began = time.monotonic()
                run = world.alert(number)
                if not until(lambda run=run: world.finished([run]), LONG_S, every_s=0.005):  # type: ignore[misc]
                    raise RuntimeError(f"{run} was not archived")
                took_s = time.monotonic() - began
                _ready(worker.pid, 2)
                bare_s = _timed(papermill, os.environ)
                if number > 0:  # the first warms caches and is not counted
                    service.append(took_s)
                    bare.append(bare_s)
    return [
        _figure("alert accepted to report archived, warm, outage on the sandbox", service, "s"),
        _figure("papermill on an empty notebook beside it", bare, "s"),
        _figure("alert to archive / papermill", _ratios(service, bare), "x", "p50 at most 1.0, p99 at most 2"),
        _figure("worker with two warm kernels, idle", idle, "MB", "service under 400"),
    ]


def storm() -> list[Figure]:
    """A P1 in the middle of a storm of P3s: what share of the others was finished before it."""
    with tempfile.TemporaryDirectory() as place, _world(Path(place) / "world", {}) as world:
        world.start_worker()
        runs = [world.alert(number, severity="P3") for number in range(STORM)]
        until(lambda: world.states(runs)["archived"] >= 2, LONG_S)
        began = time.monotonic()
        urgent = world.alert(STORM, severity="P1")
        until(lambda: world.finished([urgent]), LONG_S, every_s=0.01)
        urgent_s = time.monotonic() - began
        before = world.states(runs)["archived"] - 2
        until(lambda: world.finished(runs), LONG_S)
    return [
        _figure(f"P1 in the middle of {STORM} P3s, alert to archive", [urgent_s], "s"),
        _figure("P3s archived while it was carried out", [float(before)], "", "one at most"),
    ]


def two(url: str) -> list[Figure]:
    """Two worker processes against one on PostgreSQL, each one run at a time."""
    took = []
    for count in (1, 2):
        with (
            tempfile.TemporaryDirectory() as place,
            fresh_database(url) as database,
            _world(Path(place) / "world", {}, database) as world,
        ):
            for _ in range(count):
                world.start_worker()
            warm_up = [world.alert(1000 + number) for number in range(count)]
            until(lambda world=world, warm_up=warm_up: world.finished(warm_up), LONG_S)  # type: ignore[misc]
            began = time.monotonic()
            runs = [world.alert(number) for number in range(TWO)]
            until(lambda world=world, runs=runs: world.finished(runs), LONG_S)  # type: ignore[misc]
            took.append(time.monotonic() - began)
    return [
        _figure("runs a minute, one worker on PostgreSQL", [60 * TWO / took[0]], "/min"),
        _figure("two workers / one", [took[0] / took[1]], "x", "at least 1.3 on two cores"),
    ]


@contextmanager
def _world(folder: Path, variables: Mapping[str, str], url: str | None = None) -> Iterator[World]:
    made = World(folder, url, variables=variables)
    try:
        yield made
    finally:
        made.close()


def _ready(pid: int, count: int) -> None:
    """Wait until *count* kernels of the worker are there and quiet."""

    def quiet() -> bool:
        kernels = _kernels(pid)
        return len(kernels) == count and all(kernel.cpu_percent(0.2) < 5 for kernel in kernels)

    until(quiet, LONG_S)


def _kernels(pid: int) -> list[psutil.Process]:
    try:
        children = psutil.Process(pid).children()
        return [child for child in children if "pitchey_ops.runbooks.kernel" in " ".join(child.cmdline())]
    except psutil.Error:
        return []


def _megabytes(pid: int) -> float:
    """Return what a worker and its kernels hold together (PSS: shared pages counted once)."""
    processes = [psutil.Process(pid), *_kernels(pid)]
    return sum(process.memory_full_info().pss for process in processes) / 2**20


def main() -> int:
    """Measure and print."""
    from .runs import table

    sys.stdout.write(table(figures(int(sys.argv[1]) if len(sys.argv) > 1 else 5)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
