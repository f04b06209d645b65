"""Files of archived runs: by an id that was checked and a name out of a list, and in no other way."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...evidence import ids
from ...evidence.archive import Archive

REPORT_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kind:
    """A file that may be taken away, with its type and its words."""

    media_type: str
    words: str


FILES: Mapping[str, Kind] = {
    "report.html": Kind("text/html", "Report (HTML)"),
    "report.json": Kind("application/json", "Report (JSON)"),
    "notebook.ipynb": Kind("application/x-ipynb+json", "Notebook"),
    "evidence.har.gz": Kind("application/gzip", "Evidence (HAR)"),
    "manifest.json": Kind("application/json", "Manifest"),
}


def place(archive: Archive, incident: str, run: str, name: str) -> Path | None:
    """
    Return where a file of an archived run is; None where there is none.

    A link, or anything else that is no plain file, is none.
    """
    if name not in FILES or not (ids.is_incident_id(incident) and ids.is_run_id(run)):
        return None
    folder = archive.run_folder(incident, run)
    path = folder / name
    try:
        plain = stat.S_ISREG(os.lstat(path).st_mode) and not folder.is_symlink() and not folder.parent.is_symlink()
    except OSError:
        return None
    return path if plain else None


def there(archive: Archive, incident: str, run: str) -> list[tuple[str, str, int]]:
    """Return name, words and size (bytes) of the files of a run that are there."""
    found = []
    for name, kind in FILES.items():
        path = place(archive, incident, run, name)
        if path is not None:
            found.append((name, kind.words, path.stat().st_size))
    return found
