"""
How long the service takes from an alert to its archived report, as ratios to what can be measured beside it.

The yardsticks are papermill's own command on an empty notebook, and the drawing of six charts of 10,000 points each in
a process that does nothing else: the floor below which no run that draws can come. Both in turn with the runs, for a
machine that was idle is faster than one that is at work.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from ..runbooks import kernel, nursery
from ..settings import home
from .chaos import CELLS, World, fresh_database, server, small_home, until
from .runs import EMPTY, Figure, _figure, _ratios, _timed, sandbox
from .storms import Trickle, served

LONG_S = 180.0
STORM = 6
TWO = 10
STEADY = 8
FLOOR = 0.27
"""What drawing six charts took of papermill's bare command when the engine was measured: 0.7 s of 2.6 s."""
DRAWN = (
    "import matplotlib.pyplot as plt\nimport numpy as np\n"
    "from IPython.core.pylabtools import print_figure\nfrom IPython.display import display\n"
    "at = np.datetime64('2026-11-23T08:00') + np.arange(10_000).astype('timedelta64[s]')\n"
    "dice = np.random.default_rng(0)\nfor number in range(6):\n    figure, axes = plt.subplots()\n"
    "    axes.plot(at, dice.lognormal(5.3, 0.5, size=at.size))\n    axes.set_title(f'response times of {number}, ms')\n"
    "    picture = print_figure(figure, base64=True)\n    plt.close(figure)\n"
)
"""
Six line charts of 10,000 points over time, by pyplot, drawn as Jupyter shows a figure (its size, margins
cut): what the engine's measurements call the floor (see `FLOOR`). Response times, a few hundred
milliseconds each, take about as much; smooth curves are drawn in a quarter less.
"""
SHOWN = f"{DRAWN}    display({{'image/png': picture}}, raw=True)\n"
"""The same in a notebook."""


def figures(rounds: int = 5) -> list[Figure]:
    """Measure all of it; without PostgreSQL the comparison of two workers is left out, and said to be."""
    parts: dict[str, Callable[[], list[Figure]]] = {
        "alert to archive, warm": lambda: warm(2 * rounds),
        "memory of the idle service": idle,
        "steady throughput": lambda: steady(2 * rounds),
        "intake while runs go on, and a P1 among P3s": storm,
    }
    found: list[Figure] = []
    for name, measure in parts.items():
        _say(name)
        found += measure()
    _say("two workers on PostgreSQL")
    with server() as url:
        if url is None:
            sys.stderr.write("PostgreSQL is not installed: two workers against one were NOT measured\n")
        else:
            found += two(url)
    return found


def warm(rounds: int = 10) -> list[Figure]:
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
            for number in range(rounds + 1):
                _ready(worker.pid, 2)
                began = time.monotonic()
                _archived(world, [world.alert(number)], every_s=0.02)
                took_s = time.monotonic() - began
                bare_s = _timed(papermill, os.environ)
                if number > 0:  # the first warms caches and is not counted
                    service.append(took_s)
                    bare.append(bare_s)
    ratios = _ratios(service, bare)
    return [
        _figure("alert accepted to report archived, warm, outage on the sandbox", service, "s"),
        _figure("papermill on an empty notebook beside it", bare, "s"),
        _figure("alert to archive / papermill", ratios, "x", "p50 at most 1.0"),
        _figure(f"the same, slowest of {rounds}", [max(ratios)], "x", "p99 at most 2"),
    ]


def idle() -> list[Figure]:
    """What ``serve``, its worker and two ready kernels hold together while nothing happens; before runs, and after."""
    with tempfile.TemporaryDirectory() as place, sandbox() as (origin, _):
        variables = {
            "PITCHEY_OPS_HOME": str(home()),
            "PITCHEY_OPS_ORIGIN": origin,
            "PITCHEY_OPS_SERVICE_WARM_KERNELS": "2",
        }
        with _world(Path(place) / "world", variables) as world, served(world):
            serve = next(one for one in psutil.Process().children() if "serve" in one.cmdline())
            until(lambda: bool(serve.children()), LONG_S)
            worker = serve.children()[0].pid
            _ready(worker, 2)
            fresh = _megabytes(serve.pid)
            for number in range(3):
                _archived(world, [world.alert(number)])
                _ready(worker, 2)
            time.sleep(65.0)  # with one look at the platform among it
            used = _megabytes(serve.pid)
    return [
        _figure("serve, worker and two warm kernels, idle (PSS)", [fresh], "MB", "under 400"),
        _figure("the same after three runs and a look at the platform", [used], "MB", "under 400"),
    ]


def steady(rounds: int = 10) -> list[Figure]:
    """Seconds of a core for a run that draws six charts, all processes counted, against the drawing alone."""
    drawn, runs, bare, took_s = [], [], [], 0.0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        notebook = folder / "empty.ipynb"
        notebook.write_text(json.dumps(EMPTY), encoding="utf-8")
        papermill = [sys.executable, "-m", "papermill", str(notebook), str(folder / "out.ipynb")]
        project = small_home(folder / "home", (CELLS[0], CELLS[1], SHOWN, CELLS[-1]))
        variables = {"PITCHEY_OPS_HOME": str(project), "PITCHEY_OPS_SERVICE_WARM_KERNELS": "2"}
        with _world(folder / "world", variables) as world:
            worker = world.start_worker()
            _archived(world, [world.alert(1000)])
            _ready(worker.pid, 2)
            floor_s = drawing_s()
            for number in range(rounds):
                before_s, began = _cpu_s(worker.pid), time.monotonic()
                _archived(world, [world.alert(number * STEADY + one) for one in range(STEADY)])
                took_s += time.monotonic() - began
                _ready(worker.pid, 2)  # the kernels for the next runs are part of the price
                runs.append((_cpu_s(worker.pid) - before_s) / STEADY)
                bare.append(_timed(papermill, os.environ))
                floor_s, before = drawing_s(), floor_s
                drawn.append((before + floor_s) / 2)
    return [
        _figure("drawing six charts of 10,000 points, alone", drawn, "s"),
        _figure(
            "the same / papermill on an empty notebook", _ratios(drawn, bare), "x", f"{FLOOR} in the engine's notes"
        ),
        _figure("a run that draws them, seconds of a core, its kernel's start included", runs, "s"),
        _figure("throughput a core / drawing alone", [100 * one for one in _ratios(drawn, runs)], "%", "at least 60"),
        _figure(
            f"throughput a core / the notes' floor, {FLOOR} of papermill",
            [100 * FLOOR * one for one in _ratios(bare, runs)],
            "%",
            "at least 60",
        ),
        _figure("runs a minute, one worker, one at a time", [60 * rounds * STEADY / took_s], "/min"),
    ]


def drawing_s() -> float:
    """
    Return the seconds of a core that six charts take in a process that has all imports done.

    The mean of as many drawings as there are runs in a round: what holds a core up now and then counts for both.
    """
    code = (
        "import matplotlib, time\nmatplotlib.use('agg')\n"
        f"draw = compile({DRAWN!r}, 'charts', 'exec')\nexec(draw, {{}})\nbegan = time.process_time()\n"
        f"for _ in range({STEADY}):\n    exec(draw, {{}})\n"
        f"print((time.process_time() - began) / {STEADY})\n"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own text
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def storm() -> list[Figure]:
    """A P1 in the middle of a storm of P3s, alerts coming in all the time: how soon are both dealt with?"""
    with tempfile.TemporaryDirectory() as place, _world(Path(place) / "world", {}) as world, served(world) as origin:
        runs = [world.alert(number, severity="P3") for number in range(STORM)]
        until(lambda: world.states(runs)["archived"] >= 1, LONG_S)
        trickle = Trickle(origin)
        began, done_before = time.monotonic(), world.states(runs)["archived"]
        _archived(world, [world.alert(STORM, severity="P1")], every_s=0.01)
        urgent_s = time.monotonic() - began
        before = world.states(runs)["archived"] - done_before
        _archived(world, runs)
        answers = trickle.end()
    took_ms = [1000 * one for one in answers.took_s]
    return [
        _figure("answer to an alert while runs go on", [statistics.median(took_ms)], "ms"),
        _figure(f"the same, p99 of {len(took_ms)}", [answers.p99_ms()], "ms", "under 250"),
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
            workers = [world.start_worker() for _ in range(count)]
            _archived(world, [world.alert(1000 + number) for number in range(count)])
            for worker in workers:
                _ready(worker.pid, 1)
            began = time.monotonic()
            _archived(world, [world.alert(number) for number in range(TWO)])
            took.append(time.monotonic() - began)
    return [
        _figure("runs a minute, one worker on PostgreSQL", [60 * TWO / took[0]], "/min"),
        _figure("two workers / one", [took[0] / took[1]], "x", "at least 1.3 on two cores"),
    ]


def _archived(world: World, runs: list[str], *, every_s: float = 0.05) -> None:
    """Wait for *runs* to be over; a bench that waits for ever tells nothing."""
    if not until(lambda: world.finished(runs), LONG_S, every_s=every_s):
        raise RuntimeError(f"not archived within {LONG_S:.0f} s: {dict(world.states(runs))}")


def _say(what: str) -> None:
    sys.stderr.write(f"  {what} ...\n")
    sys.stderr.flush()


@contextmanager
def _world(folder: Path, variables: Mapping[str, str], url: str | None = None) -> Iterator[World]:
    folder.mkdir(parents=True)
    made = World(folder, url, variables=variables)
    try:
        yield made
    finally:
        made.close()


def _ready(pid: int, count: int) -> None:
    """Wait until *count* kernels of the worker are there and compute nothing more."""

    def quiet() -> bool:
        before = {kernel.pid: sum(kernel.cpu_times()[:2]) for kernel in _kernels(pid)}
        time.sleep(0.3)
        after = {kernel.pid: sum(kernel.cpu_times()[:2]) for kernel in _kernels(pid)}
        return len(before) == count and all(now - before.get(one, -1.0) < 0.03 for one, now in after.items())

    def calm() -> bool:
        try:
            return quiet()
        except psutil.Error:
            return False

    if not until(calm, LONG_S):
        raise RuntimeError(f"the worker has not {count} kernels ready after {LONG_S:.0f} s")


def _family(pid: int) -> list[psutil.Process]:
    """Return a worker and all processes that it started and that are there."""
    worker = psutil.Process(pid)
    return [worker, *worker.children(recursive=True)]


def _kernels(pid: int) -> list[psutil.Process]:
    """Return the kernels of a worker, those that a nursery forked too."""
    found = []
    nurseries: set[int] = set()
    for process in _family(pid)[1:]:
        with suppress(psutil.Error):  # it ended meanwhile
            command = " ".join(process.cmdline())
            if process.ppid() in nurseries or kernel.__name__ in command:
                found.append(process)
            elif nursery.__name__ in command:
                nurseries.add(process.pid)
    return found


def _cpu_s(pid: int) -> float:
    """Return the seconds of a core that a worker and all that it started, what ended too, have used."""
    total = 0.0
    for process in _family(pid):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _megabytes(pid: int) -> float:
    """Return what a worker and its kernels hold together (PSS: shared pages counted once)."""
    return float(sum(process.memory_full_info().pss for process in _family(pid)) / 2**20)


def main() -> int:
    """Measure and print."""
    from .runs import table

    sys.stdout.write(table(figures(int(sys.argv[1]) if len(sys.argv) > 1 else 5)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
