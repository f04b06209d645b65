"""``export.json``: which incident an export holds, so that what it leaves out is not taken for deleted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import ids
from .canonical import digest, read
from .ledger import NAME as LEDGER

NOTE = "export.json"
INDEX = "index.html"
SCHEMA = "pitchey-export/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What ``export.json`` says: the only incident that is inside, the ledger's head, the digest of the page."""

    incident: str
    head: str
    index_sha256: str

    def covers(self, where: str) -> bool:
        """Whether the place *where* (``INC-…/…``) belongs to what is inside."""
        return where.partition("/")[0] == self.incident


def read_export(root: Path) -> Export | str | None:
    """Return what the export under *root* says of itself; None where it is none, a text where it is damaged."""
    path = root / NOTE
    if not path.exists() and not path.is_symlink():
        return None
    if path.is_symlink() or not path.is_file():
        return "it is no plain file"
    try:
        row = read(path.read_bytes())
        if row["schema"] != SCHEMA or not ids.is_incident_id(row["incident"]):
            return "it is no note of an export"
        return Export(incident=row["incident"], head=str(row["head"]), index_sha256=str(row["index_sha256"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it cannot be read"


def faults(root: Path, export: Export, head: str) -> list[tuple[str, str]]:
    """Return (place, what is wrong) of what belongs to no export, and of its own files."""
    found: list[tuple[str, str]] = []
    known = {NOTE, INDEX, LEDGER, "keys", export.incident}
    for path in sorted(root.iterdir()):
        if path.name not in known:
            found.append((path.name, "it is no part of this export"))
        elif path.is_symlink():
            found.append((path.name, "a link stands where a file was"))
    page = root / INDEX
    if not page.is_file():
        found.append((INDEX, "the page is gone"))
    elif digest(page.read_bytes()) != export.index_sha256:
        found.append((INDEX, "it is not the page that was exported"))
    if head != export.head:
        found.append((NOTE, f"it was made at the ledger's head {export.head[:80]}, which is not the one here"))
    return found
