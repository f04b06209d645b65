"""
One incident as one zip that a stranger can check and open.

It holds the incident's runs, its journal, notes and timeline, the **whole** ledger (its chain holds only as a
whole; of other incidents it names ids, times and digests, no content), the public keys, a page of links, and
``export.json``, which says what was left out so that `verify` can tell that from what was deleted. Equal archives
give equal bytes: no clock, no paths of this machine, no links.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RecordError, UsageError
from . import ids, manifest
from .archive import LINE_FILES, LINES_LOCK
from .canonical import canonical, digest
from .exported import INDEX, NOTE, SCHEMA
from .ledger import LOCK, NAME, FileLedger, Head, locked

EPOCH = (1980, 1, 1, 0, 0, 0)
"""Every file's time in the zip: the earliest that the format knows."""
STORED = (".gz", ".png", ".zip")
"""Packed already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written."""

    path: Path
    runs: int
    files: int
    bytes: int
    sha256: str
    head: Head


Page = Callable[[str, Head, Sequence[tuple[str, Mapping[str, Any] | None]]], str]
"""From incident, head and (run, its report or None) the page of links; it stands above this layer."""


def export(root: Path, incident: str, target: Path, *, page: Page) -> Exported:
    """
    Write the incident of the archive under *root* to the zip *target*.

    Raises
    ------
    UsageError
        There is no such incident, or *target* exists already; nothing was written.
    RecordError
        The archive holds what no archive holds (a link), or the disk does not take the zip.
    """
    folder = root / ids.incident_id(incident)
    if not folder.is_dir():
        raise UsageError(f"{incident}: not in the archive {root}. Nothing was written.")
    if target.exists():
        raise UsageError(f"{target}: exists already. Nothing was written.")
    files = dict(_frozen(root, incident))
    head = _head(files[NAME])
    reports: list[tuple[str, Mapping[str, Any] | None]] = []
    sources: dict[str, Path | bytes] = dict(files)
    for run in sorted(path for path in folder.iterdir() if ids.is_run_id(path.name)):
        reports.append((run.name, _report(run)))
        for path in (*manifest.files_of(run), run / manifest.NAME):
            if path.is_file():
                sources[f"{incident}/{path.relative_to(folder).as_posix()}"] = path
    for key in sorted((root / "keys").glob("*.pem")):
        sources[f"keys/{key.name}"] = _plain(key).read_bytes()
    shown = page(incident, head, reports).encode("utf-8")
    sources[INDEX] = shown
    sources[NOTE] = canonical(
        {"schema": SCHEMA, "incident": incident, "head": str(head), "index_sha256": digest(shown)}
    )
    size = _write(target, sources)
    return Exported(
        path=target,
        runs=len(reports),
        files=len(sources),
        bytes=size,
        sha256=manifest.file_digest(target)[0],
        head=head,
    )


def _frozen(root: Path, incident: str) -> Iterator[tuple[str, bytes]]:
    """Yield the ledger and the incident's lines as of one moment."""
    with locked(root / LINES_LOCK), locked(root / LOCK):
        ledger = FileLedger(root).path
        yield NAME, _plain(ledger).read_bytes() if ledger.exists() else b""
        for name in LINE_FILES:
            path = root / incident / f"{name}.jsonl"
            if path.exists() or path.is_symlink():
                yield f"{incident}/{path.name}", _plain(path).read_bytes()


def _plain(path: Path) -> Path:
    if path.is_symlink() or not path.is_file():
        raise RecordError(f"{path}: no plain file; nothing was exported. Run verify.")
    return path


def _head(ledger: bytes) -> Head:
    last = ledger[:-1].rpartition(b"\n")[2]
    try:
        row = json.loads(last)
        return Head(int(row["n"]), str(row["hash"]))
    except (ValueError, KeyError, TypeError) as exc:
        raise RecordError("the ledger's last line is damaged; nothing was exported. Run verify.") from exc


def _report(run: Path) -> Mapping[str, Any] | None:
    try:
        report = json.loads((run / "report.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return report if isinstance(report, dict) else None


def _write(target: Path, sources: Mapping[str, Path | bytes]) -> int:
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w") as made:
            for name in sorted(sources):
                found = sources[name]
                info = zipfile.ZipInfo(name, EPOCH)
                info.create_system = 3
                info.external_attr = 0o100644 << 16
                info.compress_type = zipfile.ZIP_STORED if name.endswith(STORED) else zipfile.ZIP_DEFLATED
                made.writestr(info, found if isinstance(found, bytes) else found.read_bytes(), compresslevel=6)
        temporary.rename(target)
    except OSError as exc:
        temporary.unlink(missing_ok=True)
        raise RecordError(f"{target}: cannot be written: {exc.strerror}") from exc
    return target.stat().st_size
