"""
``ledger.jsonl``: one line for everything that an archive took in, each naming the digest of the line before.

Position and head are settled under an exclusive lock of the operating system, the line is on disk before the lock
goes, so any number of workers of one machine can write. More machines: another `Ledger` that settles the position
in a database and has the same lines.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ..errors import RecordError, UsageError
from .canonical import canonical, digest, iso

NAME = "ledger.jsonl"
LOCK = ".ledger.lock"
START = "0" * 64
_HEAD = re.compile(r"(\d{1,12}):([0-9a-f]{64})", re.ASCII)
_TAIL_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Head:
    """The last line of a ledger: how many lines there are and the digest of the last one."""

    position: int
    hash: str

    def __str__(self) -> str:
        return f"{self.position}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Return the head that was printed as ``position:hash``."""
        found = _HEAD.fullmatch(text.strip())
        if found is None:
            raise UsageError(f"{text[:80]!r} is no head of a ledger (position:64 hexadecimal digits)")
        return cls(int(found.group(1)), found.group(2))


EMPTY = Head(0, START)


class Ledger(Protocol):
    """Where an archive's lines are settled."""

    def append(self, entry: Mapping[str, Any], at: datetime) -> Head:
        """Add a line and return the new head; when this returns, the line stays."""
        ...

    def head(self) -> Head:
        """Return the present head."""
        ...

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the lines, oldest first, unchecked."""
        ...


def line_of(entry: Mapping[str, Any], position: int, previous: str) -> tuple[bytes, str]:
    """Return the line for *entry* at *position* and its digest; also what incident files are made of."""
    body = {**entry, "n": position, "prev": previous}
    own = digest(canonical(body))
    return canonical({**body, "hash": own}) + b"\n", own


class FileLedger:
    """A ledger in a local file under *root*."""

    def __init__(self, root: Path) -> None:
        self.path = root / NAME
        self._lock = root / LOCK

    def append(self, entry: Mapping[str, Any], at: datetime) -> Head:
        """
        Add a line and return the new head.

        Raises
        ------
        RecordError
            When the disk does not take it; then nothing was added.
        """
        with locked(self._lock):
            return append_chained(self.path, {**entry, "at": iso(at)})

    def append_many(self, entries: Sequence[Mapping[str, Any]], at: datetime) -> Head:
        """
        Add a line for each of *entries*, all of them on disk when this returns, and return the new head.

        Raises
        ------
        RecordError
            When the disk does not take them; then none was added.
        """
        with locked(self._lock):
            heads = append_all_chained(self.path, [{**entry, "at": iso(at)} for entry in entries])
        return heads[-1] if heads else self.head()

    def head(self) -> Head:
        """Return the present head."""
        return last_head(self.path)

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the lines, oldest first, unchecked; what is no line of ours is passed over (`verify` names it)."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict):
                    yield entry


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the exclusive lock on *path*, waiting for it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as exc:
        raise RecordError(f"{path}: cannot be locked, nothing was written: {exc.strerror}") from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def append_chained(path: Path, entry: Mapping[str, Any]) -> Head:
    """
    Add a chained line to *path*, on disk when this returns. The caller holds the lock.

    A last line without its end is what a crash left of an append that was never acknowledged: it is dropped.
    """
    return append_all_chained(path, [entry])[0]


def append_all_chained(path: Path, entries: Sequence[Mapping[str, Any]]) -> list[Head]:
    """Add chained lines to *path* like `append_chained`, all or none; return the head after each."""
    if not entries:
        return []
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as exc:
        raise RecordError(f"{path}: cannot be written, nothing was added: {exc.strerror}") from exc
    try:
        end, head = _end_and_head(handle, path)
        first = head.position == 0
        lines, heads = [], []
        for entry in entries:
            line, own = line_of(entry, head.position + 1, head.hash)
            head = Head(head.position + 1, own)
            lines.append(line)
            heads.append(head)
        data = b"".join(lines)
        try:
            os.ftruncate(handle, end)
            if os.pwrite(handle, data, end) != len(data):
                raise OSError(28, "the disk took a part only")
            os.fsync(handle)
        except OSError as exc:
            _quietly_truncate(handle, end)
            raise RecordError(f"{path}: cannot be written, nothing was added: {exc.strerror}") from exc
        if first:
            sync_folder(path.parent)
        return heads
    finally:
        os.close(handle)


def last_head(path: Path) -> Head:
    """Return the head that the last whole line of *path* gives."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return EMPTY
    try:
        return _end_and_head(handle, path)[1]
    finally:
        os.close(handle)


@contextmanager
def taken_back(path: Path) -> Iterator[None]:
    """Take back what was added to *path* inside when that ends in a `RecordError`. The caller holds the lock."""
    end = _whole_bytes(path)
    try:
        yield
    except RecordError:
        with suppress(OSError):
            if path.stat().st_size > end:
                os.truncate(path, end)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in *folder* survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _end_and_head(handle: int, path: Path) -> tuple[int, Head]:
    size = os.fstat(handle).st_size
    window = _TAIL_BYTES
    while True:
        start = max(0, size - window)
        tail = os.pread(handle, size - start, start)
        end = tail.rfind(b"\n") + 1
        before = tail.rfind(b"\n", 0, end - 1) + 1 if end else 0
        if start == 0 or (end and before):
            break
        window *= 4
    if end == 0:
        return 0, EMPTY
    try:
        last = json.loads(tail[before:end])
        return start + end, Head(int(last["n"]), str(last["hash"]))
    except (ValueError, KeyError, TypeError) as exc:
        raise RecordError(f"{path}: the last line is damaged; nothing was added. Run verify.") from exc


def _whole_bytes(path: Path) -> int:
    """Return where the last whole line of *path* ends."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return 0
    try:
        return _end_and_head(handle, path)[0]
    finally:
        os.close(handle)


def _quietly_truncate(handle: int, end: int) -> None:
    try:
        os.ftruncate(handle, end)
    except OSError:
        return
