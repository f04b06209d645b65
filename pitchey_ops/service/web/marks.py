"""Marking a verdict right or wrong: a label of the run, by which the rules are scored afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ...errors import UsageError
from ...evidence.archive import Archive
from ...runbooks.labels import Label, label, mark_wrong, marks_of

Mark = Literal["right", "wrong"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What people said about a run's verdict; ``cause`` is what it was, None where nobody said."""

    mark: Mark
    cause: str | None
    by: str
    at: datetime


def mark_right(archive: Archive, run: str, *, by: str, at: datetime) -> None:
    """
    Say that a verdict is right: its cause and onset become the label.

    Raises
    ------
    UsageError
        The run is not here, or its verdict names nothing that could be right. Nothing was written.
    """
    verdict = _verdict(archive, run)
    cause = "none" if verdict["state"] == "healthy" else verdict["cause"]
    if verdict["state"] == "inconclusive" or cause is None:
        raise UsageError("An inconclusive verdict names no cause that could be right: say what it was instead.")
    onset = verdict["onset"] if cause != "none" else None
    services = tuple(str(one) for one in verdict["impact"]["services"][:1]) if cause != "none" else ()
    label(
        archive,
        run,
        cause=str(cause),
        onset=None if onset is None else datetime.fromisoformat(str(onset)),
        services=services,
        by=by,
        at=at,
    )


def say_wrong(archive: Archive, run: str, *, by: str, at: datetime) -> None:
    """Say that a verdict is wrong; what it was can be said afterwards, or never."""
    mark_wrong(archive, run, by=by, at=at)


def marked(archive: Archive, incident: str, verdicts: Mapping[str, tuple[str, str | None]]) -> dict[str, Marked]:
    """Return what was said about the runs of an incident; *verdicts* are their states and causes."""
    found = {}
    for run, said in marks_of(archive, incident).items():
        if isinstance(said, Label):
            state, cause = verdicts.get(run, ("", None))
            fits = state == "healthy" if said.cause == "none" else state == "incident" and cause == said.cause
            found[run] = Marked(mark="right" if fits else "wrong", cause=said.cause, by=said.by, at=said.at)
        else:
            found[run] = Marked(mark="wrong", cause=None, by=said[0], at=said[1])
    return found


def _verdict(archive: Archive, run: str) -> Mapping[str, Any]:
    folder = archive.find(run)
    try:
        if folder is None:
            raise OSError
        verdict = json.loads((folder / "report.json").read_bytes())["verdict"]
        return {name: verdict[name] for name in ("state", "cause", "onset", "impact")}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{run}: no readable report on this machine. Nothing was written.") from None
