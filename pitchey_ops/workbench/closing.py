"""The end of a session: each of its runs becomes an archived run, from what it recorded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import OpsError
from ..evidence.recorder import read_lines
from ..models.outcome import Outcome
from ..runbooks.catalogue import runbook
from ..runbooks.context import FILE, RECORD, RunContext
from ..runbooks.execute import NOTEBOOK
from ..runbooks.lifecycle import Finished, Prepared, archive_of, finish
from ..settings import load
from .places import SESSIONS
from .session import Session

STARTED_BY = "session"
REBUILT_WITHIN_S = 300.0
"""Nobody waits for the report of a session that is over; a busy machine may take its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What became of a session: its archived runs, and in words what could not be archived."""

    runs: tuple[Finished, ...]
    left: tuple[str, ...]


def close(session: Session) -> Closed:
    """Archive every run of *session* that is not archived yet; can be repeated."""
    archive = archive_of(load(session.environment))
    done: list[Finished] = []
    left: list[str] = []
    for row in session.runs():
        if archive.find(row["run"]) is not None:
            continue
        try:
            done.append(_archive(session, archive.stage(row["run"]), row["notebook"]))
        except (OpsError, OSError, subprocess.SubprocessError) as exc:
            left.append(f"{row['run']}: {exc}")
    if not left:
        shutil.rmtree(session.folder / "jupyter", ignore_errors=True)
        shutil.rmtree(session.folder, ignore_errors=True)
    return Closed(runs=tuple(done), left=tuple(left))


def close_left_behind(root: Path, *, told: Callable[[Session, Closed], None], alive: Callable[[Path], bool]) -> None:
    """Archive what sessions whose command was killed left behind."""
    folder = root / SESSIONS
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not place.is_dir() or alive(place):
            continue
        try:
            session = Session.read(place)
        except OpsError:
            continue
        told(session, close(session))


def _archive(session: Session, folder: Path, notebook: str) -> Finished:
    context = RunContext.from_json(json.loads((folder / FILE).read_text(encoding="utf-8")), folder)
    rows = list(read_lines(folder))
    parameters = next((row["parameters"] for kind, row in rows if kind == "run"), dict(context.parameters))
    context = replace(context, parameters=parameters)
    context.write()
    asked = any(kind == "asked" for kind, _ in rows)
    saved = session.work / notebook
    if saved.is_file():
        shutil.copyfile(saved, folder / NOTEBOOK)
    if asked:
        if (folder / RECORD).is_symlink():  # of a try that was cut off
            (folder / RECORD).unlink()
        # from the record, as a replay will do it, so that both come to the same report
        subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "pitchey_ops.runbooks.salvage", str(folder)],
            timeout=REBUILT_WITHIN_S,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
    outcome = (
        Outcome(ending="completed")
        if asked
        else Outcome(ending="raised", detail="the session ended before everything was asked")
    )
    prepared = Prepared(
        context=context,
        runbook=runbook(context.runbook),
        settings=load(context.environment),
        parameters=parameters,
        started_by=STARTED_BY,
    )
    return finish(prepared, outcome, executed_s=0.0)
