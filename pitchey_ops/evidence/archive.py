"""
Where runs are kept: built in a staging folder, signed, entered in the ledger, moved into place in one step.

``.staging/RUN-…/`` → ``INC-…/RUN-…/``. The ledger comes before the move: a crash between the two leaves a run that
the ledger names and that stands whole in staging, and the next `commit` finishes it. A run is archived at most once;
nothing that is archived is ever written over.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from ..errors import RecordError
from . import ids, manifest
from .canonical import digest, iso
from .ledger import (
    FileLedger,
    Head,
    Ledger,
    append_all_chained,
    append_chained,
    last_head,
    locked,
    sync_folder,
    taken_back,
)
from .signing import Signer

STAGING = ".staging"
LineFile = Literal["journal", "notes", "timeline"]
LINE_FILES: tuple[LineFile, ...] = ("journal", "notes", "timeline")
LINES_LOCK = ".lines.lock"
_REDACTION_KEY = ".redaction-key"


class Archive:
    """
    A local archive under *root*.

    Parameters
    ----------
    ledger
        Where positions are settled; a file in the archive by default.
    signer
        Signs manifests; without one they say that they are unsigned.
    """

    def __init__(self, root: Path, *, ledger: Ledger | None = None, signer: Signer | None = None) -> None:
        self.root = root
        self.ledger: Ledger = ledger or FileLedger(root)
        self.signer = signer

    def run_folder(self, incident: str, run: str) -> Path:
        """Return where a run stands once it is archived."""
        return self.root / ids.incident_id(incident) / ids.run_id(run)

    def stage(self, run: str) -> Path:
        """
        Return the folder in which the files of *run* are to be built; the same one for a retry.

        Raises
        ------
        RecordError
            When the run is archived already, or the folder cannot be made.
        """
        self._refuse_archived(run)
        folder = self.root / STAGING / ids.run_id(run)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise RecordError(f"{folder}: cannot be made: {_why(exc)}") from exc
        return folder

    def commit(self, facts: manifest.RunFacts, at: datetime) -> tuple[Path, Head]:
        """
        Archive the staged run: manifest, ledger, move. Return its folder and the ledger's head after it.

        Parameters
        ----------
        at
            When it was archived.

        Raises
        ------
        RecordError
            When it is archived already or the disk does not take it; staging is kept and `commit` can be repeated.
        """
        target = self.run_folder(facts.incident_id, facts.run_id)
        staged = self.root / STAGING / facts.run_id
        with self._busy(facts.run_id):
            self._refuse_archived(facts.run_id)
            if not staged.is_dir():
                raise RecordError(f"{staged}: nothing is staged for {facts.run_id}")
            settled = self._settled(facts.run_id) if (staged / manifest.NAME).exists() else None
            try:
                if settled is None:
                    head = self._settle(staged, facts, at)
                else:
                    head = settled[1]
                    self._still_what_was_settled(staged, settled[0])
                target.parent.mkdir(exist_ok=True)
                sync_folder(self.root)
                staged.rename(target)
                sync_folder(target.parent)
                sync_folder(staged.parent)
            except OSError as exc:
                if exc.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    raise RecordError(f"{target}: archived already; it was not touched") from exc
                raise RecordError(
                    f"{facts.run_id} could not be archived: {_why(exc)}. Nothing is lost: it stays in {staged}; "
                    "commit it again when the cause is gone."
                ) from exc
        return target, head

    def append(self, incident: str, file: LineFile, entry: Mapping[str, Any], at: datetime) -> Head:
        """
        Add a line to an incident's journal, notes or timeline, and enter it in the ledger.

        Raises
        ------
        RecordError
            When the disk does not take it; then it stands in neither.
        """
        folder = self.root / ids.incident_id(incident)
        if file not in LINE_FILES:
            raise RecordError(f"{str(file)[:40]!r}: an incident has {', '.join(LINE_FILES)}")
        with locked(self.root / LINES_LOCK):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as exc:
                raise RecordError(f"{folder}: cannot be made: {_why(exc)}") from exc
            path = folder / f"{file}.jsonl"
            with taken_back(path):
                head = append_chained(path, {"at": iso(at), "entry": dict(entry)})
                line = {"incident": incident, "file": path.name, "line": head.position, "line_hash": head.hash}
                self.ledger.append({"kind": "line", **line}, at)
        return head

    def append_many(
        self, incident: str, file: LineFile, entries: Sequence[tuple[Mapping[str, Any], datetime]]
    ) -> Head | None:
        """
        Add many lines as `append` adds one, each with its time, with one write to each file; None without any.

        Raises
        ------
        RecordError
            When the disk does not take them.
        """
        folder = self.root / ids.incident_id(incident)
        if file not in LINE_FILES:
            raise RecordError(f"{str(file)[:40]!r}: an incident has {', '.join(LINE_FILES)}")
        if not entries:
            return None
        with locked(self.root / LINES_LOCK):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as exc:
                raise RecordError(f"{folder}: cannot be made: {_why(exc)}") from exc
            lines = [{"at": iso(at), "entry": dict(entry)} for entry, at in entries]
            path = folder / f"{file}.jsonl"
            # a ledger that takes lines one by one may have taken some: then they stay
            with taken_back(path) if hasattr(self.ledger, "append_many") else nullcontext():
                heads = append_all_chained(path, lines)
                self._enter(incident, file, heads, entries[-1][1])
        return heads[-1]

    def enter_missing(self, incident: str, file: LineFile, at: datetime) -> int:
        """
        Enter in the ledger what a crash kept it from hearing: lines that stand at a file's end and not in it.

        Returns
        -------
        int
            How many lines it had not heard of.
        """
        path = self.root / ids.incident_id(incident) / f"{file}.jsonl"
        with locked(self.root / LINES_LOCK):
            known = max(
                (
                    int(entry["line"])
                    for entry in self.ledger.entries()
                    if entry.get("kind") == "line"
                    and entry.get("incident") == incident
                    and entry.get("file") == path.name
                ),
                default=0,
            )
            last = last_head(path)
            if last.position <= known:
                return 0
            heads = []
            with path.open("rb") as lines:
                for line in lines:
                    if line.endswith(b"\n"):
                        row = json.loads(line)
                        heads.append(Head(int(row["n"]), str(row["hash"])))
            missing = [head for head in heads if head.position > known]
            self._enter(incident, file, missing, at)
        return len(missing)

    def _enter(self, incident: str, file: LineFile, heads: Sequence[Head], at: datetime) -> None:
        rows = [
            {"kind": "line", "incident": incident, "file": f"{file}.jsonl", "line": h.position, "line_hash": h.hash}
            for h in heads
        ]
        at_once = getattr(self.ledger, "append_many", None)
        if at_once is not None:
            at_once(rows, at)
            return
        for row in rows:
            self.ledger.append(row, at)

    def runs(self) -> Iterator[Path]:
        """Yield the folders of all archived runs, oldest incident first."""
        if not self.root.is_dir():
            return
        for incident in sorted(p for p in self.root.iterdir() if ids.is_incident_id(p.name) and p.is_dir()):
            yield from sorted(p for p in incident.iterdir() if ids.is_run_id(p.name) and p.is_dir())

    def find(self, run: str) -> Path | None:
        """Return the folder of an archived run, whichever incident it belongs to."""
        name = ids.run_id(run)
        if not self.root.is_dir():
            return None
        places = (entry.path for entry in os.scandir(self.root) if ids.is_incident_id(entry.name))
        return next((Path(place) / name for place in places if (Path(place) / name).exists()), None)

    def staged(self) -> list[Path]:
        """Return what is in staging: runs in progress, and those that a crash left behind."""
        folder = self.root / STAGING
        return sorted(p for p in folder.iterdir() if ids.is_run_id(p.name)) if folder.is_dir() else []

    def redaction_key(self) -> bytes:
        """Return the archive's own key for hashed addresses and e-mails (32 bytes), made the first time."""
        path = self.root / _REDACTION_KEY
        with locked(self.root / LINES_LOCK):
            if not path.exists():
                temporary = path.with_suffix(".tmp")
                handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                try:
                    os.write(handle, secrets.token_bytes(32))
                    os.fsync(handle)
                finally:
                    os.close(handle)
                temporary.replace(path)
            return path.read_bytes()

    def _settle(self, staged: Path, facts: manifest.RunFacts, at: datetime) -> Head:
        data = manifest.build(staged, facts, self.signer)
        if self.signer is not None:
            self.signer.publish(self.root)
        for path in manifest.files_of(staged):
            _sync(path)
        temporary = self.root / STAGING / f"{facts.run_id}.manifest.tmp"
        temporary.write_bytes(data)
        _sync(temporary)
        temporary.replace(staged / manifest.NAME)
        for folder in {path.parent for path in manifest.files_of(staged)} | {staged}:
            sync_folder(folder)
        entry = {
            "kind": "run",
            "incident": facts.incident_id,
            "run": facts.run_id,
            "manifest": digest(data),
            "keyid": self.signer.keyid if self.signer else None,
        }
        return self.ledger.append(entry, at)

    def _settled(self, run: str) -> tuple[str, Head] | None:
        for entry in self.ledger.entries():
            if entry.get("kind") == "run" and entry.get("run") == run:
                return str(entry["manifest"]), Head(int(entry["n"]), str(entry["hash"]))
        return None

    def _still_what_was_settled(self, staged: Path, expected: str) -> None:
        path = staged / manifest.NAME
        if not path.is_file() or digest(path.read_bytes()) != expected:
            raise RecordError(
                f"{staged}: the ledger names this run with another manifest; it was not moved. Run verify."
            )

    def _refuse_archived(self, run: str) -> None:
        place = self.find(run)
        if place is not None:
            raise RecordError(f"{place}: archived already; a run is archived at most once")

    def _busy(self, run: str) -> AbstractContextManager[None]:
        """One of 32 locks, by the id's last character: few files, and rarely in each other's way."""
        return locked(self.root / STAGING / f".lock-{ids.run_id(run)[-1]}")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _why(exc: OSError) -> str:
    if exc.errno == errno.ENOSPC:
        return "the disk is full"
    if exc.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"no right to write there ({exc.strerror})"
    return exc.strerror or type(exc).__name__
