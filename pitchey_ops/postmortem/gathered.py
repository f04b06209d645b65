"""All that is archived about one incident, read leniently: a damaged part costs only itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

LINE_FILES = ("timeline", "journal", "notes")
LABEL = "label"
"""Lines of this event are the truth that drills score by: never part of what is gathered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """
    One archived run.

    Attributes
    ----------
    at
        The end of its window: when it looked (UTC).
    report
        The values of its ``report.json``, of which at least the verdict is there.
    cut
        Why it ended early; empty where it came to its end.
    """

    run: str
    runbook: str
    at: datetime
    report: Mapping[str, Any]
    cut: str = ""

    @property
    def state(self) -> str:
        """``incident``, ``healthy`` or ``inconclusive``."""
        return str(self.report["verdict"].get("state"))

    @property
    def cause(self) -> str | None:
        """The cause that it named; None where it named none, or nothing was wrong."""
        cause = self.report["verdict"].get("cause")
        return str(cause) if cause not in (None, "none") else None

    @property
    def confidence(self) -> float:
        """How sure it was, 0-1."""
        return number(self.report["verdict"].get("confidence")) or 0.0

    @property
    def onset(self) -> datetime | None:
        """When it began, as this run saw it (UTC)."""
        return moment(self.report["verdict"].get("onset"))

    @property
    def onset_uncertainty_s(self) -> float | None:
        """Half width of the onset's interval in seconds."""
        return number(self.report["verdict"].get("onset_uncertainty_s"))

    @property
    def findings(self) -> list[Mapping[str, Any]]:
        """Its findings."""
        return rows(self.report.get("findings"))

    def ref(self, finding: object) -> str:
        """Return how a finding of this run is cited: ``RUN-...#rule/key``."""
        return f"{self.run}#{finding}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the incident's timeline, journal or notes; cited as ``timeline:3``."""

    at: datetime
    entry: Mapping[str, Any]
    ref: str

    @property
    def event(self) -> str:
        """What kind of line it is, in lower case: ``event``, else ``status`` or ``phase``."""
        return next((str(self.entry[k]).lower() for k in ("event", "status", "phase") if self.entry.get(k)), "")

    @property
    def who(self) -> str:
        """Who did or wrote it, as the line says."""
        return next((str(self.entry[k]) for k in ("by", "who", "user", "actor") if self.entry.get(k)), "")

    @property
    def words(self) -> str:
        """What it says: the text that a person or program put there."""
        return next(
            (str(self.entry[k]) for k in ("text", "resolution", "what", "note", "title") if self.entry.get(k)), ""
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """
    An incident's record, oldest first.

    Attributes
    ----------
    left_out
        Runs that were not read because there are too many.
    unreadable
        Runs whose report could not be read.
    """

    incident: str
    runs: tuple[RunRecord, ...] = ()
    timeline: tuple[Line, ...] = ()
    journal: tuple[Line, ...] = ()
    notes: tuple[Line, ...] = ()
    left_out: int = 0
    unreadable: tuple[str, ...] = ()


def run_of(body: bytes) -> RunRecord | None:
    """Return the run that a gathered body (manifest's facts and report) holds; None where it cannot be read."""
    try:
        row = json.loads(body)
        report, facts = row["report"], row["manifest"]
        at = moment(report["run"]["window"]["end"])
        if at is None or not isinstance(report["verdict"], dict):
            return None
        cut = "" if facts.get("completed", True) else str(facts.get("cut_reason") or "cut off")
        run, runbook = str(report["run"]["id"]), str(report["run"]["runbook"])
        return RunRecord(run=run, runbook=runbook, at=at, report=report, cut=cut)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def lines_of(name: str, body: bytes) -> tuple[Line, ...]:
    """Return the lines of a gathered file in the order in which they were written; labels and damaged ones left out."""
    found = []
    for place, piece in enumerate(body.split(b"\n"), start=1):
        try:
            row = json.loads(piece)
            at, entry = moment(row["at"]), row["entry"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if at is None or not isinstance(entry, dict) or entry.get("event") == LABEL:
            continue
        found.append(Line(at=at, entry=entry, ref=f"{name}:{place}"))
    return tuple(found)


def gathered(
    incident: str,
    runs: Iterable[RunRecord],
    lines: Mapping[str, Sequence[Line]],
    *,
    left_out: int = 0,
    unreadable: Iterable[str] = (),
) -> Gathered:
    """Return everything of one incident in order."""
    return Gathered(
        incident=incident,
        runs=tuple(sorted(runs, key=lambda run: (run.at, run.run))),
        timeline=tuple(lines.get("timeline", ())),
        journal=tuple(lines.get("journal", ())),
        notes=tuple(lines.get("notes", ())),
        left_out=left_out,
        unreadable=tuple(sorted(unreadable)),
    )


def moment(value: object) -> datetime | None:
    """Return an ISO 8601 text with a zone as a time in UTC; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return None if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def number(value: object) -> float | None:
    """Return a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 else None


def rows(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in a list; an empty list for anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """Return the texts in a list; an empty list for anything else."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
