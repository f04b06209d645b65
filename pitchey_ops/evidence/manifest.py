"""
``manifest.json``: what a run folder holds, how it came about, and a signature over that.

The signed payload is an in-toto statement: its subjects are the files with their digests, its predicate is the
manifest itself without the signature. Anyone with a DSSE verifier can check it without this package.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ..errors import RecordError
from ..settings import home
from .canonical import canonical
from .signing import Signer

SCHEMA = "pitchey-manifest/1"
NAME = "manifest.json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://pitchey.com/ops/pitchey-run/v1"
UNSIGNED = "no signing key was configured (PITCHEY_OPS_SIGNING_KEY_FILE)"
_DEPENDENCIES = ("httpx", "polars", "pandas", "numpy", "scipy", "matplotlib", "papermill", "rfc8785", "cryptography")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """
    What a manifest says beside its files.

    Attributes
    ----------
    settings
        JSON values without secrets.
    durations
        Seconds by phase.
    started_by
        The person, alert or schedule that started the run.
    completed
        False when the run was cut; then ``cut_reason`` says why.
    """

    incident_id: str
    run_id: str
    runbook: str
    started_by: str
    start: datetime
    end: datetime
    durations: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    completed: bool = True
    cut_reason: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


CODE = "pitchey-ops code"
"""Under this name `versions` tells the code apart that one version number stands for while it is developed."""


@cache
def code_digest() -> str:
    """Return 16 hexadecimal digits of the SHA-256 of all that a report is made by: the package, and the notebooks."""
    package = Path(__file__).resolve().parents[1]
    files = [path for end in ("*.py", "*.yaml") for path in package.rglob(end)]
    whole = hashlib.sha256()
    for path in [*sorted(files), *sorted((home() / "notebooks").glob("*.ipynb"))]:
        whole.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:16]


def versions(package_version: str, others: Sequence[str] = _DEPENDENCIES) -> dict[str, str]:
    """Return the versions of this package, Python and what results depend on."""
    found = {"pitchey-ops": package_version, CODE: code_digest(), "python": platform.python_version()}
    return found | {name: _installed(name) for name in others}


def our_version() -> str:
    """Return the version of this package."""
    return _installed("pitchey-ops")


@cache
def _installed(name: str) -> str:
    """Return the version of a package as this process first saw it: what is loaded does not change under it."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def files_of(folder: Path) -> list[Path]:
    """
    Return the files of a run folder in the order of their names, the manifest left out.

    Raises
    ------
    RecordError
        When there is a link or something else that is no file: it could lead out of the folder.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise RecordError(f"{path}: a run folder holds files only")
        if path.is_file() and path != folder / NAME:
            found.append(path)
    return found


def file_digest(path: Path) -> tuple[str, int]:
    """Return SHA-256 (hexadecimal) and size in bytes of a file, read once."""
    with path.open("rb") as file:
        whole = hashlib.file_digest(file, "sha256")
        return whole.hexdigest(), file.tell()


def build(folder: Path, facts: RunFacts, signer: Signer | None) -> bytes:
    """Return the manifest of *folder* as canonical JSON; unsigned, and saying so, without a *signer*."""
    files = {}
    for path in files_of(folder):
        sha256, size = file_digest(path)
        files[path.relative_to(folder).as_posix()] = {"sha256": sha256, "size": size}
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "incident_id": facts.incident_id,
        "run_id": facts.run_id,
        "runbook": facts.runbook,
        "started_by": facts.started_by,
        "start": facts.start,
        "end": facts.end,
        "durations": dict(facts.durations),
        "settings": dict(facts.settings),
        "versions": dict(facts.versions),
        "completed": facts.completed,
        "cut_reason": facts.cut_reason,
        "files": files,
        **{f"x_{name}": value for name, value in facts.extra.items()},
    }
    if signer is None:
        return canonical({**body, "signature": None, "unsigned_because": UNSIGNED})
    return canonical({**body, "signature": signer.envelope(statement(body))})


def statement(body: Mapping[str, Any]) -> bytes:
    """Return what is signed for a manifest's *body*."""
    subjects = [{"name": name, "digest": {"sha256": body["files"][name]["sha256"]}} for name in sorted(body["files"])]
    return canonical({"_type": STATEMENT, "subject": subjects, "predicateType": PREDICATE, "predicate": body})


def unsigned_part(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest without its signature."""
    return {name: value for name, value in manifest.items() if name not in ("signature", "unsigned_because")}


def total_bytes(files: Iterable[Mapping[str, Any]]) -> int:
    """Return the bytes that a manifest's files add up to."""
    return sum(int(entry["size"]) for entry in files)
