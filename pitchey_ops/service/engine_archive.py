"""
Archiving under a claim: a run whose worker was taken over cannot enter the ledger.

The files of a run are made in a folder of their own for each start (``.service/work/RUN-….N``), so that two starts of
the same run never write into one another. At the end they are copied into the archive's staging and committed: the
claim is checked, the line is appended to ``ledger.jsonl`` and its position is noted in the database, all in one
transaction. Where a crash comes between the line and the end of the transaction, the line stands, and the next start
finishes exactly that.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ..errors import RecordError
from ..evidence import ids
from ..evidence.archive import STAGING, Archive
from ..evidence.canonical import iso
from ..evidence.ledger import LOCK, FileLedger, Head, append_chained, locked
from ..evidence.manifest import RunFacts, our_version
from ..evidence.recorder import read_recorded
from ..runbooks.lifecycle import archive_of
from ..settings import Settings
from .db import FOLDER
from .engine_tables import Claim, settle, settled, still_mine

WORK = "work"
COMMIT_WAIT_S = 30.0


class ClaimedLedger(FileLedger):
    """The archive's ledger, whose next position a run gets only together with its claim."""

    def __init__(self, root: Path, engine: sa.Engine, mine: Claim) -> None:
        super().__init__(root)
        self._engine = engine
        self._mine = mine

    def append(self, entry: Mapping[str, Any], at: datetime) -> Head:
        """
        Add a line; that of a run only while its claim holds.

        Raises
        ------
        Fenced
            Another worker has the run; nothing was added.
        RecordError
            The disk does not take it, or this folder is not the archive that the database knows.
        """
        if entry.get("kind") != "run":
            return super().append(entry, at)
        # the database before the file, everywhere: two who wait for each other would wait for ever
        with self._engine.begin() as connection:
            still_mine(connection, self._mine)
            with locked(self.path.parent / LOCK):
                position = self.head().position + 1
                line = {**entry, "at": iso(at)}
                taken = connection.execute(
                    sa.text("select count(*) from ops_ledger where position >= :n"), {"n": position}
                )
                if taken.scalar():
                    raise RecordError(
                        f"{self.path}: the database has runs at position {position} and beyond; this is not the "
                        "archive that it belongs to, or a part of it is missing. Nothing was added."
                    )
                head = append_chained(self.path, line)
            settle(connection, self._mine, head.position, head.hash)
        return head


def work_folder(root: Path, run_id: str, token: int) -> Path:
    """Return the folder of one start of a run; its name is the run's id, which its files are checked against."""
    return root / FOLDER / WORK / f"{run_id}.{token}" / run_id


def make_work_folder(root: Path, run_id: str, token: int) -> Path:
    """
    Make an empty folder for one start of a run.

    Raises
    ------
    RecordError
        It cannot be made.
    """
    folder = work_folder(root, run_id, token)
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as exc:
        raise RecordError(f"{folder}: cannot be made: {exc.strerror}") from exc
    return folder


def earlier(root: Path, run_id: str, token: int) -> list[tuple[int, Path]]:
    """Return the folders that earlier starts of a run left behind, oldest first."""
    found = []
    for number in range(1, token):
        folder = work_folder(root, run_id, number)
        if folder.is_dir():
            found.append((number, folder))
    return found


def keep_earlier_records(root: Path, run_id: str, token: int, into: Path) -> int:
    """Put what earlier starts of a run had recorded before they were cut off into its folder; return how many did."""
    from ..evidence.har import har

    kept = 0
    for number, folder in earlier(root, run_id, token):
        with suppress(OSError, ValueError, KeyError, RecordError):
            before = read_recorded(folder)
            if before.exchanges:
                data = har(
                    before.exchanges,
                    creator_version=our_version(),
                    salts=before.salts,
                    events=before.events,
                )
                (into / f"evidence-start-{number}.har.gz").write_bytes(data)
                kept += 1
    return kept


def seal(folder: Path) -> None:
    """Bring every file of *folder* onto the disk: the step that made them is about to be noted as done."""
    for path in sorted(folder.rglob("*"), reverse=True):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    for place in (folder, folder.parent):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def commit(settings: Settings, engine: sa.Engine, mine: Claim, folder: Path, facts: RunFacts) -> Head:
    """
    Archive the files in *folder* and return the ledger's head after it; the same head when it was archived before.

    Raises
    ------
    Fenced
        Another worker has the run.
    RecordError
        The disk does not take it; it can be repeated.
    """
    plain = archive_of(settings)
    root = plain.root
    archive = Archive(root, ledger=ClaimedLedger(root, engine, mine), signer=plain.signer)
    staged = root / STAGING / mine.run_id
    target = archive.run_folder(facts.incident_id, mine.run_id)
    with _alone(root, mine.run_id):
        if not target.exists():
            line = _line(archive, mine.run_id) if staged.exists() else None
            if line is None:
                with engine.begin() as connection:
                    still_mine(connection, mine)
                _copy(folder, staged)
            archive.commit(facts, facts.end)
        line = _known(engine, mine.run_id) or _line(archive, mine.run_id)
        if line is None:
            raise RecordError(f"{target}: the run stands in the archive and not in the ledger. Run verify.")
        _note(engine, mine, line)
        return line


def drop_work(root: Path, run_id: str, token: int) -> None:
    """Remove the folders of all starts of an archived run up to *token*."""
    for number in range(1, token + 1):
        shutil.rmtree(work_folder(root, run_id, number).parent, ignore_errors=True)


def left_over(root: Path) -> dict[str, int]:
    """Return the runs that have working folders, each with the highest number of a start."""
    folder = root / FOLDER / WORK
    found: dict[str, int] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        run, _, number = path.name.partition(".")
        if ids.is_run_id(run) and number.isdigit():
            found[run] = max(found.get(run, 0), int(number))
    return found


def facts_row(facts: RunFacts) -> dict[str, Any]:
    """Return *facts* as JSON values."""
    return {**asdict(facts), "start": facts.start.isoformat(), "end": facts.end.isoformat()}


def facts_of(row: Mapping[str, Any]) -> RunFacts:
    """Rebuild what `facts_row` gave."""
    times = {name: datetime.fromisoformat(row[name]) for name in ("start", "end")}
    return RunFacts(**{**row, **times})


def _copy(folder: Path, staged: Path) -> None:
    try:
        if staged.exists():
            shutil.rmtree(staged)
        staged.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(folder, staged, copy_function=shutil.copyfile)
    except OSError as exc:
        raise RecordError(f"{staged}: cannot be written: {exc.strerror or exc}; nothing is lost") from exc
    except shutil.Error as exc:
        raise RecordError(f"{staged}: cannot be written: {str(exc)[:200]}; nothing is lost") from exc


def _known(engine: sa.Engine, run_id: str) -> Head | None:
    with engine.begin() as connection:
        found = settled(connection, run_id)
    return None if found is None else Head(*found)


def _line(archive: Archive, run_id: str) -> Head | None:
    for entry in archive.ledger.entries():
        if entry.get("kind") == "run" and entry.get("run") == run_id:
            return Head(int(entry["n"]), str(entry["hash"]))
    return None


def _note(engine: sa.Engine, mine: Claim, line: Head) -> None:
    """Note a line that stands in the file where a crash kept the transaction from its end."""
    with suppress(IntegrityError), engine.begin() as connection:
        if settled(connection, mine.run_id) is None:
            settle(connection, mine, line.position, line.hash)


@contextmanager
def _alone(root: Path, run_id: str) -> Iterator[None]:
    """Keep others from archiving the same run; waits a while for them."""
    place = root / FOLDER / f".commit-{run_id[-1]}.lock"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as exc:
        raise RecordError(f"{place}: cannot be locked, nothing was written: {exc.strerror}") from exc
    try:
        deadline = time.monotonic() + COMMIT_WAIT_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RecordError(f"{run_id}: another worker is archiving it; it is tried again") from None
                time.sleep(0.02)
        yield
    finally:
        os.close(handle)
