"""Repeat archived runs from their records, with the network closed."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import RecordError, UsageError
from ..evidence import ids
from ..evidence.har import read_record
from ..evidence.manifest import CODE, our_version, versions
from ..evidence.recorder import BODIES, Recorder, read_lines
from ..models.outcome import Outcome
from ..settings import load
from .catalogue import runbook
from .context import RECORD, REPORT, RunContext
from .execute import execute
from .lifecycle import archive_of
from .offline import close_network
from .starting import OwnKernel

SLOWER = 3.0
"""A replay may take this many times the budget: it asks nobody, so nothing waits for it."""
SHOWN = 40
"""Differences that a person is shown."""
FIRST = ("verdict", "findings", "steps")
"""What of a report is compared before all else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """
    How one replay went.

    Attributes
    ----------
    differences
        Where the two reports differ: the verdict first, then findings and steps, then all else.
    because
        What made the record, where that was not this code; empty where it was.
    """

    run_id: str
    identical: bool
    current: bool
    outcome: Outcome
    differences: tuple[str, ...]
    because: str = ""

    @property
    def good(self) -> bool:
        """Whether it did what was asked: the same report, or with today's rules a report at all."""
        return self.outcome.ending == "completed" and (self.current or self.identical)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "run": self.run_id,
            "identical": self.identical,
            "ending": self.outcome.ending,
            "differences": list(self.differences),
            **({"because": self.because} if self.because and not self.identical else {}),
        }

    def lines(self) -> list[str]:
        """Return what a person reads."""
        if self.outcome.ending != "completed":
            out = [f"{self.run_id}: did not complete ({self.outcome.ending}: {self.outcome.detail})"]
            return [*out, f"  {self.because}"] if self.because else out
        if self.identical:
            return [f"{self.run_id}: report.json is identical to the byte"]
        head = "differs with today's rules" if self.current else "report.json DIFFERS"
        why = [self.because] if self.because else []
        more = len(self.differences) - SHOWN
        rest = [f"and {more} more (--json prints all)"] if more > 0 else []
        return [f"{self.run_id}: {head}", *(f"  {line}" for line in (*why, *self.differences[:SHOWN], *rest))]


def replay_all(what: str, *, current: bool, kernel: OwnKernel) -> list[Replayed]:
    """
    Replay the run *what*, or every run of the incident *what*.

    The network is closed for this process and all that it starts before anything is read; *kernel*, which the first
    run is carried out in and which is used up whatever happens, was started with the network closed, too.

    Of an incident a run that cannot be read is told as one that did not start, and the others are replayed.

    Raises
    ------
    UsageError
        There is no such run or incident in the archive.
    RecordError
        The run *what* cannot be read.
    """
    try:
        close_network()
        folders = _folders(what)
        if ids.is_run_id(what):
            return [replay(folders[0], current=current, kernel=kernel)]
        return [
            _replay_or_say_why(folder, current=current, kernel=kernel if folder is folders[0] else None)
            for folder in folders
        ]
    finally:
        kernel.end()


def _replay_or_say_why(folder: Path, *, current: bool, kernel: OwnKernel | None) -> Replayed:
    try:
        return replay(folder, current=current, kernel=kernel)
    except RecordError as exc:
        outcome = Outcome(ending="not_started", detail=str(exc))
        return Replayed(run_id=folder.name, identical=False, current=current, outcome=outcome, differences=())


def _folders(what: str) -> list[Path]:
    """Return the folders of the run or of all runs of the incident *what*, at least one."""
    archive = archive_of(load())
    if ids.is_run_id(what):
        found = archive.find(what)
        folders = [] if found is None else [found]
    elif ids.is_incident_id(what):
        folders = [folder for folder in archive.runs() if folder.parent.name == what]
    else:
        raise UsageError(f"{what[:60]!r} is neither a run id nor an incident id. Nothing was run.")
    if not folders:
        raise UsageError(f"{what}: not in the archive {archive.root}. Nothing was run.")
    return folders


def replay(folder: Path, *, current: bool = False, kernel: OwnKernel | None = None) -> Replayed:
    """
    Repeat the run archived in *folder* from its record and compare ``report.json``.

    *kernel* is used up, where the run needs one; one is started where none is given.
    """
    workplace = Path(tempfile.mkdtemp(prefix="pitchey-ops-replay-"))
    try:
        return _replay(folder, workplace, current=current, kernel=kernel)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _replay(folder: Path, workplace: Path, *, current: bool, kernel: OwnKernel | None) -> Replayed:
    said = _manifest(folder)
    settings = load()
    if said["completed"]:
        kernel = kernel or OwnKernel(unseen=True)  # it imports what it needs while the record is unpacked
    elif kernel is not None:
        kernel.end()
        kernel = None
    try:
        if kernel is not None:
            kernel.point_to(workplace, settings.memory_limit_mb)
        context = replace(unpack(folder, workplace), mode="current" if current else "replay")
        book = runbook(context.runbook)
        # what a person worked in is rebuilt from its record: the runbook's own notebook may do more or less than they
        by_hand = any(kind == "session" for kind, _ in read_lines(workplace / RECORD))
        context.write()
    except BaseException:
        if kernel is not None:
            kernel.end()
        raise
    if kernel is not None and not by_hand:
        outcome = execute(
            context,
            book.notebook,
            context.parameters,
            memory_limit_mb=settings.memory_limit_mb,
            remaining_s=SLOWER * context.budget_s,
            kernel=kernel,
            keep=False,
        )
    else:
        if kernel is not None:
            kernel.end()
        outcome = _rebuilt(context)
    report = workplace / REPORT
    if not report.exists():
        return Replayed(
            run_id=folder.name,
            identical=False,
            current=current,
            outcome=outcome,
            differences=("no report was made",),
            because=_made_by(said),
        )
    was, now = _archived(folder), report.read_bytes()
    return Replayed(
        run_id=folder.name,
        identical=was == now,
        current=current,
        outcome=outcome,
        differences=() if was == now else tuple(_ordered(json.loads(was), json.loads(now))),
        because=_made_by(said),
    )


def _manifest(folder: Path) -> Mapping[str, Any]:
    """
    Return what the manifest of the run in *folder* says.

    Raises
    ------
    RecordError
        It is missing or damaged.
    """
    path = folder / "manifest.json"
    try:
        said = json.loads(path.read_bytes())
        if isinstance(said["completed"], bool) and isinstance(said.get("versions") or {}, dict):
            return dict(said)
        why = "it does not say how the run ended"
    except OSError as exc:
        why = str(exc.strerror)
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        why = f"damaged, {type(exc).__name__}"
    raise RecordError(f"{path}: cannot be read ({why}); nothing was replayed. Run verify.")


def _archived(folder: Path) -> bytes:
    """Return the archived report that a replay is compared with."""
    path = folder / REPORT
    try:
        data = path.read_bytes()
        if isinstance(json.loads(data), dict):
            return data
        why = "damaged"
    except OSError as exc:
        why = str(exc.strerror)
    except (ValueError, RecursionError) as exc:
        why = f"damaged, {type(exc).__name__}"
    raise RecordError(f"{path}: cannot be read ({why}); there is nothing to compare the replay with. Run verify.")


def _made_by(said: Mapping[str, Any]) -> str:
    """Return in words what made the run whose manifest is *said*; empty where it was this very code."""
    then, now = said.get("versions") or {}, versions(our_version())
    if then.get(CODE) == now[CODE] and then.get("pitchey-ops") == now["pitchey-ops"]:
        return ""
    names = ("pitchey-ops", CODE)
    was, here = (", ".join(str(one.get(name, "code not recorded")) for name in names) for one in (then, now))
    return (
        f"the record was made by other code: pitchey-ops {was}; this is {here}. "
        "Only the code that made it promises the same bytes; what its rules see otherwise follows"
    )


def _ordered(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the `differences` of two reports, those that a person asks for first before the others."""
    found: list[str] = []
    for name in (*FIRST, *sorted({*was, *now} - set(FIRST))):
        found += differences(was.get(name, _ABSENT), now.get(name, _ABSENT), name)
    return found


def unpack(folder: Path, workplace: Path) -> RunContext:
    """
    Write the record of the run in *folder* below *workplace* and return the run's context.

    Raises
    ------
    RecordError
        The evidence is missing, damaged, or of a format that this version does not read.
    """
    try:
        data = (folder / "evidence.har.gz").read_bytes()
    except OSError as exc:
        raise RecordError(f"{folder}: there is no evidence to replay ({exc.strerror})") from exc

    def body_of(digest: str) -> bytes:
        path = folder / BODIES / f"{digest}.gz"
        try:
            return gzip.decompress(path.read_bytes())
        except (OSError, EOFError, zlib.error) as exc:
            raise RecordError(f"{path}: the recorded answer cannot be read: {exc}") from exc

    target = workplace / RECORD
    record = Recorder(target)
    if (folder / BODIES).is_dir():  # they are stored alike, and checked when they are read
        shutil.copytree(folder / BODIES, target / BODIES)
    whole = read_record(data, body_of)
    started: Mapping[str, Any] | None = None
    for event in whole.events:
        kind = event.pop("record")
        if kind == "run":
            started = event
        record.event(kind, event)
    record.many(whole.exchanges, salts=whole.salts)
    record.close()
    if started is None:
        raise RecordError(f"{folder}: the record does not say how the run was prepared; it cannot be replayed")
    return RunContext.from_json(started, workplace)


def _rebuilt(context: RunContext) -> Outcome:
    """Rebuild the report of a run that was cut off the way it was built then."""
    from .bare import EVENT, write_bare
    from .salvage import salvage

    context.write()
    record = context.folder / RECORD
    endings = [row["ending"] for kind, row in read_lines(record) if kind == EVENT]
    if endings:
        write_bare(context, runbook(context.runbook), context.parameters, endings[-1], record=record)
    else:
        salvage(context.folder)
    return Outcome(ending="completed")


_ABSENT = object()
_NAMES = ("id", "name", "rule", "service")


def differences(was: Any, now: Any, path: str = "") -> list[str]:
    """
    Return where two JSON values differ, one line each: path, then both values, shortened.

    Lists of named things (findings, sources, steps) are compared by name, so that one more is one line.
    """
    out: list[str] = []
    if isinstance(was, list) and isinstance(now, list):
        named = next((name for name in _NAMES if _named(was, name) and _named(now, name)), None)
        if named is not None:
            orders = [[item[named] for item in side] for side in (was, now)]
            if orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1]):
                out.append(f"{path}: in another order")
            was, now = ({f"[{item[named]}]": item for item in side} for side in (was, now))
        elif len(was) == len(now):
            was, now = ({f"[{i}]": item for i, item in enumerate(side)} for side in (was, now))
        path_of = "{}{}".format
    else:
        path_of = "{}.{}".format if path else "{}{}".format
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted({*was, *now}):
            out += differences(was.get(key, _ABSENT), now.get(key, _ABSENT), path_of(path, key))
        return out
    before, after = _shown(was), _shown(now)
    return [] if before == after else [f"{path}: {_short(before)} -> {_short(after)}"]


def _named(items: list[Any], name: str) -> bool:
    names = [item.get(name) for item in items if isinstance(item, dict)]
    return len(names) == len(items) == len({n for n in names if isinstance(n, str)})


def _shown(value: Any) -> str:
    return "nothing" if value is _ABSENT else json.dumps(value, ensure_ascii=True, sort_keys=True)


def _short(text: str) -> str:
    return text if len(text) <= 160 else text[:157] + "..."
