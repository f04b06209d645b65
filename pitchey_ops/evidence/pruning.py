"""
Whole incidents taken out of an archive, so that the ledger says so.

The line in the ledger comes first: it names every run and file that goes, who let them go and by which rule. Then the
folder is moved aside in one step and deleted. A crash in between leaves a folder that `verify` names as unfinished,
and that the next `prune` takes away. What the ledger does not say was pruned counts as deleted, as before.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import RecordError
from . import ids
from .archive import LINE_FILES, LINES_LOCK, Archive
from .ledger import Head, locked, sync_folder

KIND = "pruned"
ASIDE = ".pruned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was taken out; ``head`` is the ledger's after it."""

    incident: str
    runs: tuple[str, ...]
    bytes: int
    head: Head


def contents(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """
    Return runs, files of lines and bytes of an incident's folder.

    Raises
    ------
    RecordError
        There is something in it that is not ours; nothing may be deleted that nobody knows.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise RecordError(f"{folder}: is no folder of ours; it was not touched")
    known = {f"{name}.jsonl" for name in LINE_FILES}
    runs, files = [], []
    for path in sorted(folder.iterdir()):
        if ids.is_run_id(path.name) and path.is_dir() and not path.is_symlink():
            runs.append(path.name)
        elif path.name in known and path.is_file() and not path.is_symlink():
            files.append(path.name)
        else:
            raise RecordError(f"{path}: nothing of ours has this name; its incident was not pruned. Run verify.")
    size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return tuple(runs), tuple(files), size


def prune_incident(archive: Archive, incident: str, *, at: datetime, by: str, rule: str) -> Pruned:
    """
    Take everything of *incident* out of *archive*.

    Parameters
    ----------
    by, rule
        Who let it go and why, for the ledger (``older than 90 d``).

    Raises
    ------
    RecordError
        The folder holds something that is not ours, or the disk does not take the ledger's line: nothing was deleted.
        Or it could not be deleted after the line was written: prune again.
    """
    folder = archive.root / ids.incident_id(incident)
    with locked(archive.root / LINES_LOCK):
        runs, files, size = contents(folder)
        entry = {"kind": KIND, "incident": incident, "runs": list(runs), "files": list(files), "by": by, "rule": rule}
        head = archive.ledger.append(entry, at)
        _delete(archive.root, folder)
    return Pruned(incident=incident, runs=runs, bytes=size, head=head)


def finish(archive: Archive) -> list[str]:
    """Delete what a crash left of incidents that the ledger calls pruned; return their ids."""
    done = []
    with locked(archive.root / LINES_LOCK):
        for incident, runs in pruned_runs(archive).items():
            folder = archive.root / incident
            if runs and folder.is_dir() and not folder.is_symlink():
                present, _, _ = contents(folder)
                if present and set(present) <= runs:
                    _delete(archive.root, folder)
                    done.append(incident)
        aside = archive.root / ASIDE
        if aside.is_dir() and not aside.is_symlink():
            shutil.rmtree(aside)
    return done


def pruned_runs(archive: Archive) -> dict[str, frozenset[str]]:
    """Return the runs of each incident that the ledger calls pruned."""
    found: dict[str, frozenset[str]] = {}
    for entry in archive.ledger.entries():
        if entry.get("kind") == KIND and ids.is_incident_id(entry.get("incident")):
            incident = str(entry["incident"])
            found[incident] = found.get(incident, frozenset()) | runs_of(entry)
    return found


def runs_of(entry: Mapping[str, Any]) -> frozenset[str]:
    """Return the runs that a line about pruning names."""
    named = entry.get("runs")
    return frozenset(str(run) for run in named if ids.is_run_id(run)) if isinstance(named, list) else frozenset()


def _delete(root: Path, folder: Path) -> None:
    aside = root / ASIDE
    try:
        aside.mkdir(exist_ok=True)
        target = aside / folder.name
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
        sync_folder(root)
        shutil.rmtree(target)
        aside.rmdir()
    except OSError as exc:
        raise RecordError(
            f"{folder}: the ledger calls it pruned, but it could not be deleted ({exc.strerror}). Prune again when the "
            "cause is gone."
        ) from exc
