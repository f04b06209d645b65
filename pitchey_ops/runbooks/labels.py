"""
What an archived incident turned out to be: the truth by which today's rules are scored on it.

A label is a line of the incident's ``notes.jsonl``, so that the ledger holds it like everything else; the latest
one of a run counts. Runs never read labels: what gathers an incident's notes leaves them out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..diagnosis.hypotheses import BY_ID
from ..errors import UsageError
from ..evidence import ids
from ..evidence.archive import Archive
from ..evidence.canonical import iso

EVENT = "label"
"""``event`` of such a line."""
NAME_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """
    The truth about one run.

    Attributes
    ----------
    cause
        A hypothesis id; ``none`` where nothing was wrong.
    onset
        When it began (UTC), None where that was never settled.
    services
        Where the fault lay.
    by, at
        Who said so, when.
    """

    run: str
    cause: str
    onset: datetime | None
    services: tuple[str, ...]
    by: str
    at: datetime


def label(
    archive: Archive,
    run: str,
    *,
    cause: str,
    onset: datetime | None,
    services: tuple[str, ...] = (),
    by: str,
    at: datetime,
) -> Label:
    """
    Write down what *run* was about.

    Raises
    ------
    UsageError
        The run is not archived, *cause* is no hypothesis, or *onset* does not fit; nothing was written.
    RecordError
        The disk does not take it.
    """
    folder = archive.find(run)
    if folder is None:
        raise UsageError(f"{run}: not in the archive {archive.root}. Nothing was written.")
    if cause not in BY_ID:
        raise UsageError(f"--cause {cause[:60]!r}: expected one of {', '.join(BY_ID)}. Nothing was written.")
    if cause == "none" and onset is not None:
        raise UsageError("--onset: where nothing was wrong, nothing began. Nothing was written.")
    end = _end_of(folder)
    if onset is not None and end is not None and onset > end:
        raise UsageError(f"--onset {iso(onset)} is after the run's window, which ends {iso(end)}. Nothing was written.")
    made = Label(
        run=run,
        cause=cause,
        onset=onset,
        services=tuple(one[:NAME_LIMIT] for one in services),
        by=by[:NAME_LIMIT],
        at=at,
    )
    entry = {
        "event": EVENT,
        "run": run,
        "cause": cause,
        "onset": None if onset is None else iso(onset),
        "services": list(made.services),
        "by": made.by,
    }
    archive.append(folder.parent.name, "notes", entry, at)
    return made


def mark_wrong(archive: Archive, run: str, *, by: str, at: datetime) -> None:
    """
    Write down that a run's verdict is wrong, without saying what it was; an earlier label of it counts no more.

    Raises
    ------
    UsageError
        The run is not archived; nothing was written.
    RecordError
        The disk does not take it.
    """
    folder = archive.find(run)
    if folder is None:
        raise UsageError(f"{run}: not in the archive {archive.root}. Nothing was written.")
    archive.append(folder.parent.name, "notes", {"event": EVENT, "run": run, "wrong": True, "by": by[:NAME_LIMIT]}, at)


def labels(archive: Archive) -> dict[str, Label]:
    """Return the latest label of each labelled run, by run; lines that are none are passed over."""
    found: dict[str, Label] = {}
    if not archive.root.is_dir():
        return found
    for folder in sorted(path for path in archive.root.iterdir() if ids.is_incident_id(path.name)):
        said = marks_of(archive, folder.name)
        found |= {run: one for run, one in said.items() if isinstance(one, Label)}
    return found


def marks_of(archive: Archive, incident: str) -> dict[str, Label | tuple[str, datetime]]:
    """
    Return what was said last about each run of an incident: its label, or who called its verdict wrong and when,
    where nobody said what it was instead.
    """
    found: dict[str, Label | tuple[str, datetime]] = {}
    with suppress(OSError):
        for line in (archive.root / ids.incident_id(incident) / "notes.jsonl").read_bytes().split(b"\n"):
            one = _label_of(line) or _wrong_of(line)
            if isinstance(one, Label):
                found[one.run] = one
            elif one is not None:
                found[one[0]] = one[1:]
    return found


def _wrong_of(line: bytes) -> tuple[str, str, datetime] | None:
    try:
        row: Mapping[str, Any] = json.loads(line)
        entry = row["entry"]
        if entry["event"] != EVENT or not ids.is_run_id(entry["run"]) or entry["wrong"] is not True:
            return None
        return entry["run"], str(entry["by"]), datetime.fromisoformat(row["at"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _label_of(line: bytes) -> Label | None:
    try:
        row: Mapping[str, Any] = json.loads(line)
        entry = row["entry"]
        if entry["event"] != EVENT or not ids.is_run_id(entry["run"]) or entry["cause"] not in BY_ID:
            return None
        onset = entry["onset"]
        return Label(
            run=entry["run"],
            cause=entry["cause"],
            onset=None if onset is None else datetime.fromisoformat(onset).astimezone(UTC),
            services=tuple(map(str, entry["services"])),
            by=str(entry["by"]),
            at=datetime.fromisoformat(row["at"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _end_of(folder: Path) -> datetime | None:
    try:
        return datetime.fromisoformat(json.loads((folder / "report.json").read_bytes())["run"]["window"]["end"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
