"""
Does every run replay to the same bytes? ``python -m pitchey_ops.benchmarks.replays --datasets ../shared/datasets``.

Every scenario of the sandbox is asked as a run asks (in process, under virtual time), every recorded case is read as
a run reads it; what came back is recorded, reported on and packed as a run's evidence. Two other processes then make
the report again from that evidence, by the runbook's own notebook, with the network closed, each in another time
zone, language and order of hashes, on another day, one of them under other settings. Identical means: ``report.json``
to the byte, and every panel (titles, words, tables, the words for each chart) as values.

For a sample the whole way is gone: ``pitchey-ops run`` and ``pitchey-ops replay`` with their own kernels.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, Self

from ..clock import LoopClock
from ..drills.play import REHEARSED_AT, WINDOW, InProcess, drill_settings
from ..drills.virtual import run_virtual
from ..evidence.har import har
from ..evidence.recorder import Recorder, read_events, read_exchanges, read_recorded
from ..models.report import Alert
from ..models.window import Window
from ..panels.style import leave_out_pictures
from ..runbooks.analyse import analyse
from ..runbooks.asking import Asked, ask_all, ask_case, case_window, gathered, record_case
from ..runbooks.catalogue import Runbook, runbook
from ..runbooks.context import REPORT, RunContext
from ..runbooks.given import VARIABLE
from ..runbooks.investigate import complete, settings_for
from ..runbooks.offline import close_network
from ..runbooks.parameters import declared
from ..runbooks.replaying import differences, unpack
from ..sandbox.app import create_app
from ..sandbox.clock import LoopClock as SandboxClock
from ..sandbox.generate import build
from ..sandbox.scenarios import catalogue
from ..settings import Settings
from ..steps import steps_of
from ._elsewhere import PLACES, Place, Tools, environment, make_tools
from .runs import Figure
from .runs import sandbox as served

INCIDENT, RUN = "INC-20261123-082710-aaaa", "RUN-20261123-082710-aaaa"
ENTRIES = 60_000
"""Log entries of a world's ordinary week: enough for every rule to look, in a fifth of the time."""
PANELS = "panels"
KERNELS_EVERY = 24
"""One of so many subjects is also run and replayed whole, with kernels."""
FIGURE_SCENARIOS, FIGURE_CASES = 12, 4
"""What ``make bench`` takes of each; the whole is this module's own command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a run is made of: a scenario, or the files of a recorded case by the names that a case has."""

    name: str
    runbook: str
    files: Mapping[str, Path] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One subject replayed at one place; no ``differences`` means identical."""

    subject: str
    runbook: str
    place: str
    differences: tuple[str, ...]


# ── what is played ───────────────────────────────────────────────────────────────────────────────────────────────


def scenarios() -> list[Subject]:
    """Return every scenario of the sandbox, the runbooks that it counts for by turns."""
    found = []
    for number, (name, scenario) in enumerate(catalogue().items()):
        own = [one for one in scenario.runbooks if one != "triage"] or ["triage"]
        found.append(Subject(name=name, runbook="triage" if number % 5 == 0 else own[number % len(own)]))
    return found


def cases(datasets: Path) -> list[Subject]:
    """Return every recorded case below *datasets*: folders of a case's files, and single files of one kind."""
    found: list[Subject] = []
    for path in sorted(datasets.rglob("*.jsonl.gz")):
        name, plain = str(path.parent.relative_to(datasets)), path.name in _CASE_FILES
        if plain:
            if path.name == min(one.name for one in path.parent.glob("*.jsonl.gz")):
                files = {one.name: one for one in sorted(path.parent.iterdir()) if one.name in _CASE_FILES}
                found.append(Subject(name=name, runbook=("outage", "error_rate")[len(found) % 2], files=files))
        elif "nab" in path.parts:
            found.append(_single(datasets, path, "metrics.jsonl.gz", "performance"))
        else:
            book = "security" if {"auth_bruteforce", "access_logs"} & set(path.parts) else "error_rate"
            found.append(_single(datasets, path, "logs.jsonl.gz", book))
    return found


_CASE_FILES = frozenset(
    f"{stem}.{end}{packed}"
    for stem, end in (("logs", "jsonl"), ("metrics", "jsonl"), ("response_time", "jsonl"), ("deployments", "json"))
    for packed in ("", ".gz")
)


def _single(datasets: Path, path: Path, as_file: str, book: str) -> Subject:
    name = str(path.relative_to(datasets)).removesuffix(".gz").removesuffix(".jsonl")
    return Subject(name=name, runbook=book, files={as_file: path})


# ── a run, in this process ───────────────────────────────────────────────────────────────────────────────────────


def archived(subject: Subject, folder: Path, *, entries: int = ENTRIES) -> None:
    """
    Leave in *folder* what a run about *subject* archives that a replay needs, and its panels beside it.

    The parts of a run are its own: the probes, the recorder, the rules, the steps, the evidence. Only the kernel is
    left out, and questions are answered by the sandbox's handlers without sockets.
    """
    book = runbook(subject.runbook)
    given = {name: one.default for name, one in declared(book.notebook).items()} | {"environment": "sandbox"}
    alert = Alert(
        id="alert-1", kind="plain", title=f"Something about {subject.name}", at=REHEARSED_AT - timedelta(minutes=3),
        severity="P2", service=None,
    )  # fmt: skip
    context = RunContext(
        run_id=RUN,
        incident_id=INCIDENT,
        runbook=book.id,
        folder=folder,
        started=REHEARSED_AT,
        budget_s=60.0,
        environment="sandbox",
        alerts=() if subject.files else (alert,),
        parameters=given,
    )
    settings = settings_for("sandbox", given, given["services"], base=drill_settings())
    recorder = Recorder(folder)
    recorder.event("run", {**context.to_json(), "parameters": given, "settings": settings.public()})
    if subject.files is None:
        asked, window = _asked(subject.name, book, settings, recorder, entries=entries)
    else:
        asked, window = _read(subject, settings, recorder)
    recorder.event("asked", {})
    kept = read_recorded(folder)
    at = min((one.at for one in context.alerts), default=None)
    case = complete().case_of(asked, kept.exchanges, settings, window, at, given)
    run = complete().Run(
        context=context,
        runbook=book,
        settings=settings,
        case=case,
        analysis=analyse(case, book),
        record=complete().digested(kept),
        parameters=given,
        events=recorder,
    )
    _ = run.verdict
    for step in _in_notebook(book):
        run.step(step)
    run.finish()
    recorder.close()
    events = read_events(folder)
    data = har(kept.exchanges, creator_version=version("pitchey-ops"), salts=kept.salts, events=events)
    (folder / "evidence.har.gz").write_bytes(data)


def _asked(
    scenario: str, book: Runbook, settings: Settings, recorder: Recorder, *, entries: int
) -> tuple[Asked, Window]:
    world = build(scenario, seed=0, now_ms=round(REHEARSED_AT.timestamp() * 1000), entries=entries)
    window = Window(start=REHEARSED_AT - WINDOW, end=REHEARSED_AT)

    async def work() -> Asked:
        clock = LoopClock(REHEARSED_AT)
        clock.now()
        app = create_app(world, clock=SandboxClock(world.now_ms))
        keeps: Any = recorder  # in place of what only counts
        channel = InProcess(app, settings, clock=clock, started=REHEARSED_AT, recorder=keeps)
        try:
            return gathered(await ask_all(channel, settings, window, book.id), window)
        finally:
            await channel.close()

    return run_virtual(work()), window


def _read(subject: Subject, settings: Settings, recorder: Recorder) -> tuple[Asked, Window]:
    with tempfile.TemporaryDirectory() as name:
        record_case(_as_case(subject, Path(name)), settings, recorder)
    exchanges = read_exchanges(recorder.folder)
    window = case_window(exchanges)
    return ask_case(exchanges, window), window


def _as_case(subject: Subject, folder: Path) -> Path:
    """Return *folder* with links to the files of *subject*, by the names that a case has."""
    for name, path in (subject.files or {}).items():
        (folder / name).symlink_to(path.resolve())
    return folder


def _in_notebook(book: Runbook) -> list[str]:
    """Return the runbook's steps in the order in which its notebook shows them."""
    own = {step.id for step in steps_of(book.id)}
    tags = [tag for cell in _cells(book) for tag in cell.get("metadata", {}).get("tags", ())]
    shown = [tag.removeprefix("step:") for tag in tags if tag.startswith("step:")]
    return [step for step in dict.fromkeys(shown) if step in own]


def _cells(book: Runbook) -> list[dict[str, Any]]:
    document = json.loads(book.notebook.read_text(encoding="utf-8"))
    return [cell for cell in document["cells"] if cell["cell_type"] == "code"]


def again(folder: Path) -> tuple[str, ...]:
    """Make the report of the run in *folder* again from its evidence and return where it differs."""
    with tempfile.TemporaryDirectory(prefix="pitchey-ops-again-") as name:
        workplace = Path(name)
        context = replace(unpack(folder, workplace), mode="replay")
        context.write()
        book = runbook(context.runbook)
        os.environ[VARIABLE] = str(workplace)
        place: dict[str, Any] = {}
        try:
            for cell in _cells(book):
                exec("".join(cell["source"]), place)  # noqa: S102 - the runbook's own cells, as its kernel runs them
                if "parameters" in cell.get("metadata", {}).get("tags", ()):
                    place |= context.parameters  # what papermill puts behind that cell
        finally:
            del os.environ[VARIABLE]
        was, now = ((one / REPORT).read_bytes() for one in (folder, workplace))
        found = [] if was == now else ["report.json", *differences(json.loads(was), json.loads(now))]
        before, after = _panels(folder), _panels(workplace)
        for panel in sorted({*before, *after}):
            if before.get(panel) != after.get(panel):
                found += [f"panel {panel}", *differences(before.get(panel), after.get(panel))]
        return tuple(found)


def _panels(folder: Path) -> dict[str, Any]:
    return {
        path.name.partition("-")[2]: json.loads(path.read_bytes()) for path in sorted((folder / PANELS).glob("*.json"))
    }


# ── other places ─────────────────────────────────────────────────────────────────────────────────────────────────


class Elsewhere:
    """A process at another place that replays folder after folder."""

    def __init__(self, place: Place, tools: Tools) -> None:
        self.place = place
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", __name__ if __name__ != "__main__" else _MODULE, "--again"],
            env=environment(place, tools),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._thread = ThreadPoolExecutor(1)
        self.told: dict[str, Any] = self._line()

    def ask(self, folder: Path) -> Future[tuple[str, ...]]:
        """Have the run in *folder* replayed."""
        return self._thread.submit(self._ask, folder)

    def _ask(self, folder: Path) -> tuple[str, ...]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(str(folder)).encode("ascii") + b"\n")
        self._process.stdin.flush()
        return tuple(self._line()["differences"])

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process at {self.place.name} ended with {self._process.wait()}")
        return dict(json.loads(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


_MODULE = "pitchey_ops.benchmarks.replays"


def _serve() -> int:
    """Replay what is named on standard input, one folder a line, until it ends; the network is closed."""
    close_network()
    leave_out_pictures()
    complete()
    told = {"today": datetime.now(UTC).isoformat(), "zone": time.strftime("%z"), "coding": sys.getfilesystemencoding()}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        try:
            found = again(Path(json.loads(line)))
        except Exception as exc:
            found = (f"not replayed: {type(exc).__name__}: {exc}"[:500],)
        sys.stdout.write(json.dumps({"differences": found}) + "\n")
        sys.stdout.flush()
    return 0


@contextmanager
def elsewhere(tools: Tools) -> Iterator[tuple[Elsewhere, ...]]:
    """Start a process at each of `PLACES`, and end them."""
    with ExitStack() as stack:
        yield tuple(stack.enter_context(Elsewhere(place, tools)) for place in PLACES)


def compare(subjects: Sequence[Subject], there: Sequence[Elsewhere], *, entries: int = ENTRIES) -> Iterator[Compared]:
    """Make a run about each of *subjects* and yield how its replay went at each place of *there*."""
    with tempfile.TemporaryDirectory(prefix="pitchey-ops-replays-") as name, ThreadPoolExecutor(1) as maker:
        coming = [maker.submit(_made, one, Path(name) / str(number), entries) for number, one in enumerate(subjects)]
        try:
            for subject, made in zip(subjects, coming, strict=True):  # the next is made while the last is replayed
                folder = made.result()
                for where, asked in [(where, where.ask(folder)) for where in there]:
                    yield Compared(
                        subject=subject.name,
                        runbook=subject.runbook,
                        place=where.place.name,
                        differences=asked.result(),
                    )
                shutil.rmtree(folder)
        finally:
            maker.shutdown(cancel_futures=True)


def _made(subject: Subject, folder: Path, entries: int) -> Path:
    folder.mkdir()
    leave_out_pictures()
    archived(subject, folder, entries=entries)
    return folder


# ── the whole way ────────────────────────────────────────────────────────────────────────────────────────────────


def compare_whole(subjects: Sequence[Subject], tools: Tools) -> Iterator[Compared]:
    """Run each of *subjects* by the command line, look back at it, and yield how its replays went, by command."""
    for subject in subjects:
        with tempfile.TemporaryDirectory(prefix="pitchey-ops-whole-") as name:
            here = {**os.environ, "PITCHEY_OPS_ARCHIVE": str(Path(name) / "outputs")}
            if subject.files is None:
                with served(subject.name) as (origin, _):
                    done = _ops(here | {"PITCHEY_OPS_ORIGIN": origin}, "run", subject.runbook, "--json")
            else:
                (case := Path(name) / "case").mkdir()
                done = _ops(here, "run", subject.runbook, "--case", str(_as_case(subject, case)), "--json")
            incident = json.loads(done.stdout)["incident"]
            if subject.files is None:
                _ops(here, "run", "post_incident", "--incident", incident, "--json")
            for place in PLACES:
                archive = {"PITCHEY_OPS_ARCHIVE": here["PITCHEY_OPS_ARCHIVE"]}
                replayed = _ops(environment(place, tools) | archive, "replay", incident, "--json", good=(0, 1))
                for row in json.loads(replayed.stdout):
                    found = row["differences"] if row["identical"] else [*row["differences"], row["ending"]]
                    yield Compared(
                        subject=subject.name, runbook=f"{subject.runbook}, whole", place=place.name,
                        differences=tuple(found),
                    )  # fmt: skip


def _ops(env: Mapping[str, str], *words: str, good: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "pitchey_ops", *words], env=dict(env), capture_output=True, text=True, check=False
    )
    if done.returncode not in good:
        raise RuntimeError(f"{words}: exit {done.returncode}: {done.stderr[-500:]}")
    return done


# ── figures ──────────────────────────────────────────────────────────────────────────────────────────────────────


def figures(datasets: Path | None = Path("../shared/datasets"), *, whole: bool = False) -> list[Figure]:
    """
    Return how many of the replays are identical, of every scenario and case or (the default) of some spread over all.

    Raises
    ------
    RuntimeError
        A replay is not identical; the message says which.
    """
    wanted, recorded = scenarios(), cases(datasets) if datasets is not None and datasets.is_dir() else []
    if not whole:
        wanted = list(islice(wanted, 0, None, max(1, len(wanted) // FIGURE_SCENARIOS)))
        recorded = list(islice(recorded, 0, None, max(1, len(recorded) // FIGURE_CASES)))
    with tempfile.TemporaryDirectory(prefix="pitchey-ops-elsewhere-") as name:
        tools = make_tools(Path(name))
        with elsewhere(tools) as there:
            found = list(compare([*wanted, *recorded], there))
    return [_figure(f"replays of {len(wanted)} scenarios and {len(recorded)} recorded cases, twice each", found)]


def _figure(name: str, found: Sequence[Compared]) -> Figure:
    same = sum(not one.differences for one in found)
    return Figure(
        name=f"{name}: identical of {len(found)}",
        value=same, unit="", low=same, high=same, rounds=len(found), wanted=f"all {len(found)}",
    )  # fmt: skip


def main() -> int:
    """Replay every scenario and case, or those named; exit 1 when anything differs."""
    parser = argparse.ArgumentParser(prog=f"python -m {_MODULE}", description=main.__doc__)
    parser.add_argument("--datasets", type=Path, help="folder of recorded cases, such as ../shared/datasets")
    parser.add_argument("--only", action="append", help="scenarios or cases whose names begin so; can be repeated")
    parser.add_argument("--entries", type=int, default=ENTRIES, help="log entries of a world's ordinary week")
    parser.add_argument(
        "--kernels-every", type=int, default=KERNELS_EVERY, help="one of so many also goes the whole way; 0 for none"
    )
    parser.add_argument("--again", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.again:
        return _serve()
    recorded = [] if asked.datasets is None else cases(asked.datasets)
    subjects = [*scenarios(), *recorded]
    if asked.only:
        subjects = [one for one in subjects if one.name.startswith(tuple(asked.only))]
    sample = list(islice(subjects, 0, None, asked.kernels_every)) if asked.kernels_every else []
    if asked.datasets is not None and not recorded:
        sys.stderr.write(f"{asked.datasets}: no recorded case is there; NONE is replayed\n")
    found: list[Compared] = []
    with tempfile.TemporaryDirectory(prefix="pitchey-ops-elsewhere-") as name:
        tools = make_tools(Path(name))
        for text in tools.missing:
            sys.stderr.write(f"NOT CHANGED: {text}\n")
        with elsewhere(tools) as there:
            for ways in (compare(subjects, there, entries=asked.entries), compare_whole(sample, tools)):
                for one in ways:
                    found.append(one)
                    word = "DIFFERS" if one.differences else "same"
                    sys.stdout.write(f"{word:8} {one.subject} ({one.runbook}), {one.place}\n")
                    sys.stdout.write("".join(f"           {text}\n" for text in one.differences[:12]))
                    sys.stdout.flush()
    for text in (*(f"not changed: {text}" for text in tools.missing), _summary(found)):
        sys.stdout.write(f"{text}\n")
    return int(any(one.differences for one in found) or not found)


def _summary(found: Sequence[Compared]) -> str:
    same = sum(not one.differences for one in found)
    subjects = len({one.subject for one in found})
    return f"{same} of {len(found)} replays are identical ({subjects} scenarios and cases)"


if __name__ == "__main__":
    raise SystemExit(main())
