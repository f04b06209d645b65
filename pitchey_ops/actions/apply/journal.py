"""What was done, before and after: ``journal.jsonl`` of the incident, and what it took to go back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...evidence import ids
from ...evidence.archive import Archive
from ...evidence.ledger import locked
from ..models import Plan

FOLDER = ".actions"
ENDED = ("applied", "completed")
"""Last words about a plan that was carried out: the first for what softens the incident, the second for the rest."""
PRIVATE = "value_"
"""Kept values with this beginning may hold anything; they stay out of the journal, in a file of ours."""


@dataclass(slots=True)
class Record:
    """
    What the journal says about one plan.

    Attributes
    ----------
    pending
        Changes whose last word is that they were being sent: the process did not live to say how that ended.
    """

    plan: Plan | None = None
    entries: list[dict[str, Any]] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    sending: set[str] = field(default_factory=set)
    pending: set[str] = field(default_factory=set)
    undone_changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    undo_sending: set[str] = field(default_factory=set)
    undo_pending: set[str] = field(default_factory=set)

    @property
    def begun(self) -> dict[str, Any] | None:
        """The first line of it, None where it was never begun."""
        return next((entry for entry in self.entries if entry.get("event") == "begun"), None)

    @property
    def ended(self) -> dict[str, Any] | None:
        """The line that says how it ended, None where it did not."""
        return next((e for e in reversed(self.entries) if e.get("event") in (*ENDED, "partly", "unknown")), None)

    @property
    def undone(self) -> bool:
        """Whether it was taken back."""
        return any(entry.get("event") == "undone" for entry in self.entries)

    def made(self, change: str) -> bool:
        """Return whether the change was made by its plan, or may have been."""
        return change in self.pending or self.outcomes.get(change, {}).get("state") in ("done", "unknown")


class Journal:
    """The journals of one archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.folder = archive.root / FOLDER

    def alone(self, digest: str) -> AbstractContextManager[None]:
        """Hold one plan for this process alone: a double click waits, and then finds it done."""
        return locked(self.folder / f"{digest}.lock")

    def write(self, about: Plan, event: str, at: datetime, /, **more: Any) -> None:
        """Add a line about a plan, on disk when this returns."""
        entry = {
            "event": event,
            "action": about.action,
            "target": about.target,
            "environment": about.environment,
            "digest": about.digest,
            "step": about.step,
            **more,
        }
        self._archive.append(about.incident, "journal", entry, at)

    def keep(self, plan: Plan, values: Mapping[str, Any]) -> None:
        """Keep values that the undo needs and that must not stand in the journal."""
        private = {name: value for name, value in values.items() if name.startswith(PRIVATE)}
        if not private:
            return
        path = self.folder / f"{plan.digest}.kept.json"
        known = self._private(plan.digest)
        temporary = path.with_suffix(".tmp")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, json.dumps({**known, **private}).encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(path)

    def of(self, digest: str, incident: str) -> Record:
        """Return what the journal of *incident* says about the plan *digest*."""
        record = Record()
        for _, entry in self.lines(incident):
            if entry.get("digest") == digest:
                _take(record, entry)
        record.kept.update(self._private(digest))
        return record

    def lines(self, incident: str) -> Iterator[tuple[datetime, dict[str, Any]]]:
        """Yield the lines of one incident's journal, oldest first; what is no line of ours is passed over."""
        path = self._archive.root / ids.incident_id(incident) / "journal.jsonl"
        try:
            pieces = path.read_bytes().split(b"\n")
        except OSError:
            return
        for piece in pieces:
            try:
                line = json.loads(piece)
                at = datetime.fromisoformat(line["at"])
            except (ValueError, KeyError, TypeError):
                continue
            if isinstance(line.get("entry"), dict) and at.tzinfo is not None:
                yield at, line["entry"]

    def incidents(self) -> list[str]:
        """Return the incidents that have a journal."""
        root = self._archive.root
        if not root.is_dir():
            return []
        return sorted(p.name for p in root.iterdir() if ids.is_incident_id(p.name) and (p / "journal.jsonl").exists())

    def begun_since(self, moment: datetime) -> int:
        """Return how many actions were begun after *moment*, in all incidents."""
        count = 0
        for incident in self.incidents():
            path = self._archive.root / incident / "journal.jsonl"
            if (
                path.stat().st_mtime < (moment - timedelta(days=2)).timestamp()
                and moment.timestamp() < path.stat().st_mtime
            ):
                continue
            count += sum(1 for at, entry in self.lines(incident) if entry.get("event") == "begun" and at > moment)
        return count

    def records(self, incident: str, unread: set[str] | None = None) -> list[Record]:
        """Return every plan of one incident that was begun, oldest first; *unread* gets those that cannot be read."""
        found: dict[str, Record] = {}
        damaged: set[str] = set()
        for _, entry in self.lines(incident):
            name = entry.get("digest")
            if not isinstance(name, str) or name in damaged:
                continue
            try:
                _take(found.setdefault(name, Record()), entry)
            except UsageError:  # one plan that cannot be read must not hide the others
                damaged.add(name)
                del found[name]
        if unread is not None:
            unread |= damaged
        for name, record in found.items():
            record.kept.update(self._private(name))
        return [record for record in found.values() if record.begun is not None]

    def store(self, plan: Plan) -> Path:
        """Write a plan to a file of ours, so that it can be named by the beginning of its digest."""
        folder = self.folder / "plans"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{plan.digest}.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(plan.to_json(), indent=1), encoding="utf-8")
        temporary.replace(path)
        return path

    def find(self, name: str) -> Plan:
        """
        Return the stored plan that *name* means: a file, or the beginning of a digest (8 characters at least).

        Raises
        ------
        UsageError
            There is none, or more than one.
        """
        path, beginning = Path(name), ""
        if not _is_file(path):
            if len(name) < 8 or not all(c in "0123456789abcdef" for c in name):
                raise UsageError(f"{name[:80]!r}: no such file, and no digest of a plan. Nothing was sent.")
            found = sorted((self.folder / "plans").glob(f"{name}*.json"))
            if len(found) != 1:
                raise UsageError(f"{name}: {len(found)} plans begin so. Nothing was sent.")
            path, beginning = found[0], name
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as exc:
            raise UsageError(f"{path}: cannot be read as a plan ({type(exc).__name__}). Nothing was sent.") from exc
        plan = Plan.from_json(value)
        if not plan.digest.startswith(beginning):
            raise UsageError(f"{path}: holds another plan than the one that was shown as {name}. Nothing was sent.")
        return plan

    def _private(self, digest: str) -> dict[str, Any]:
        try:
            value = json.loads((self.folder / f"{digest}.kept.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no name that a file can have
        return False


def _take(record: Record, entry: dict[str, Any]) -> None:
    record.entries.append(entry)
    event, change = entry.get("event"), entry.get("change")
    if event == "begun" and record.plan is None:
        record.plan = Plan.from_json(entry.get("plan"))
    if isinstance(entry.get("kept"), dict):
        record.kept.update(entry["kept"])
    undoing = entry.get("undo") is True
    if event == "sending" and isinstance(change, str):
        (record.undo_sending if undoing else record.sending).add(change)
        (record.undo_pending if undoing else record.pending).add(change)
    if event == "change" and isinstance(change, str):
        (record.undone_changes if undoing else record.outcomes)[change] = entry
        (record.undo_pending if undoing else record.pending).discard(change)


def public(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the kept values that may stand in the journal."""
    return {name: value for name, value in values.items() if not name.startswith(PRIVATE)}
