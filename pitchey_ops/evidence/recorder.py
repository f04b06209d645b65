"""Exchanges on disk as they happen: one JSON line each, so that a killed process loses nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import secrets
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RecordError
from ..models.exchange import Exchange, exchange_line, one_line

LINES = "evidence.jsonl"
BODIES = "bodies"
APART_ABOVE_BYTES = 64 * 1024
"""Bodies above this are stored once by digest, beside the lines."""

SMALL_BYTES = 512 * 1024
"""A smaller record is read in some milliseconds, which is no work to hand to another process."""

PACKED = 3
"""How hard bodies are packed: the next level makes them a twentieth smaller and takes half as long again."""


class Recorder:
    """
    Appends exchanges and events to *folder*.

    One unbuffered ``write`` a line: what was recorded before a SIGKILL is there after it. Of a line that
    a full disk cut nothing stays; one that a SIGKILL cut is told from a whole one when read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._keys: set[str] = set()
        self._fd = os.open(folder / LINES, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            _drop_cut_line(self._fd)
        except BaseException:
            os.close(self._fd)
            raise

    def exchange(self, exchange: Exchange, *, salt: str | None = None) -> None:
        """
        Record *exchange* with a salt for its digest; a copy of a record hands on the salt that it has.

        Raises
        ------
        RecordError
            When its key was recorded before, or the disk does not take it.
        """
        self._write(self._line(exchange, salt or secrets.token_hex(16)))

    def many(self, exchanges: Sequence[Exchange], *, salts: Mapping[str, str] | None = None) -> None:
        """
        Record *exchanges* by one write; *salts* by key, where they have some already.

        Raises
        ------
        RecordError
            As `exchange`; of those before a key that comes twice nothing is recorded either.
        """
        if salts is None:
            drawn = secrets.token_bytes(16 * len(exchanges))
            salts = {one.key: drawn[16 * n : 16 * n + 16].hex() for n, one in enumerate(exchanges)}
        lines = [self._line(one, salts[one.key]) for one in exchanges]
        if lines:
            self._write(b"".join(lines))

    def _line(self, exchange: Exchange, salt: str) -> bytes:
        with self._lock:
            if exchange.key in self._keys:
                raise RecordError(f"{exchange.key}: recorded twice; every question of a run needs its own key")
            self._keys.add(exchange.key)
        if len(exchange.body) > APART_ABOVE_BYTES:
            row = exchange.to_json(with_body=False)
            row["body_sha256"] = store_body(self.folder, exchange.body)
        else:
            row = exchange.to_json()
        return exchange_line({"record": "exchange", **row, "salt": salt})

    def event(self, kind: str, row: dict[str, Any]) -> None:
        """Record something that is not an exchange: a cell that was reached, a cut, a note."""
        self._write(one_line({"record": kind, **row}))

    def _write(self, lines: bytes) -> None:
        try:
            with self._lock:
                written = os.write(self._fd, lines)
                if 0 < written < len(lines):  # what comes after a torn line would become part of it
                    os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
        except OSError as exc:
            raise RecordError(f"{self.folder / LINES}: cannot be written: {exc.strerror}") from exc
        if written != len(lines):
            raise RecordError(f"{self.folder / LINES}: the disk took {written} of {len(lines)} bytes")

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


def _drop_cut_line(descriptor: int) -> None:
    """Cut off what a killed process had begun to write, so that the next line does not become part of it."""
    size = os.fstat(descriptor).st_size
    end = size
    while end > 0 and os.pread(descriptor, 1, end - 1) != b"\n":
        start = max(0, end - 65536)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        end = start + newline + 1 if newline >= 0 else start
    if end != size:
        os.ftruncate(descriptor, end)


def store_body(folder: Path, body: bytes) -> str:
    """Store *body* once under ``bodies/`` by its digest and return the digest (SHA-256, hex)."""
    digest = hashlib.sha256(body).hexdigest()
    target = folder / BODIES / f"{digest}.gz"
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        temporary = target.with_suffix(f".{os.getpid()}.{threading.get_ident()}.tmp")
        temporary.write_bytes(gzip.compress(body, compresslevel=PACKED, mtime=0))
        temporary.replace(target)
    return digest


def load_body(folder: Path, digest: str) -> bytes:
    """
    Return the body stored under *digest*.

    Raises
    ------
    RecordError
        When it is missing, or is not what its name says.
    """
    path = folder / BODIES / f"{digest}.gz"
    try:
        body = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as exc:
        raise RecordError(f"{path}: the recorded answer cannot be read: {exc}") from exc
    if hashlib.sha256(body).hexdigest() != digest:
        raise RecordError(f"{path}: the recorded answer is not the one that was recorded")
    return body


def read_lines(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``(kind, row)`` of every whole line under *folder*; a cut last line is passed over."""
    for kind, row, _ in read_lines_after(folder, 0):
        yield kind, row


def read_lines_after(folder: Path, offset: int) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Yield ``(kind, row, end)`` of every whole line under *folder* from byte *offset* on; *end* is the next offset."""
    path = folder / LINES
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            row = json.loads(line)
            yield row.pop("record"), row, offset


@dataclass(frozen=True, slots=True)
class Recorded:
    """
    Everything that a recorder wrote, read once.

    Attributes
    ----------
    exchanges
        In the order in which they were recorded.
    salts
        The salt of each by its key.
    events
        What was recorded beside them, in order, each with its kind under ``record``.
    """

    exchanges: list[Exchange]
    salts: dict[str, str]
    events: list[dict[str, Any]]


def is_small(folder: Path) -> bool:
    """Whether what is recorded under *folder* so far is read in a moment: no answer stored apart, and few others."""
    with suppress(OSError):
        return not (folder / BODIES).exists() and (folder / LINES).stat().st_size < SMALL_BYTES
    return True


def read_recorded(folder: Path) -> Recorded:
    """
    Return everything recorded under *folder*.

    Raises
    ------
    RecordError
        A body that was stored apart is missing or damaged.
    """
    found = Recorded(exchanges=[], salts={}, events=[])
    for kind, row in read_lines(folder):
        if kind != "exchange":
            found.events.append({"record": kind, **row})
            continue
        found.exchanges.append(exchange_of(folder, row))
        found.salts[row["key"]] = row["salt"]
    return found


def exchange_of(folder: Path, row: Mapping[str, Any]) -> Exchange:
    """
    Return the exchange of a recorded *row*.

    Raises
    ------
    RecordError
        Its body was stored apart, and is missing or damaged.
    """
    digest = row.get("body_sha256")
    return Exchange.from_json(row, body=load_body(folder, digest) if digest else None)


def has_event(folder: Path, kind: str) -> bool:
    """Whether an event of *kind* was recorded under *folder*; lines that cannot be one are not taken apart."""
    path = folder / LINES
    if not path.exists():
        return False
    mark = json.dumps(kind).encode()
    with path.open("rb") as file:
        return any(
            line.endswith(b"\n") and mark in line[: len(mark) + 16] and json.loads(line)["record"] == kind
            for line in file
        )


def read_exchanges(folder: Path) -> list[Exchange]:
    """Return every exchange recorded under *folder*, in the order in which they were recorded."""
    return read_recorded(folder).exchanges


def read_salts(folder: Path) -> dict[str, str]:
    """Return the salt of each recorded answer by its key."""
    return {row["key"]: row["salt"] for kind, row in read_lines(folder) if kind == "exchange"}


def read_events(folder: Path) -> list[dict[str, Any]]:
    """Return what was recorded beside the exchanges, in order, each with its kind under ``record``."""
    return [{"record": kind, **row} for kind, row in read_lines(folder) if kind != "exchange"]
