"""Many variants at once, on several processors, with their evidence kept between two rehearsals if wanted."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import pickle
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..sandbox.scenarios import catalogue
from ..settings import home
from .play import Evidence, Played, analysed, evidence, runbooks_for

SOURCES = (
    "clock.py",
    "errors.py",
    "evidence",
    "frames.py",
    "models",
    "runbooks/asking.py",
    "sandbox",
    "settings.py",
    "sources",
    "drills/play.py",
    "drills/virtual.py",
)
"""What the evidence of a variant depends on; rules and weights are not among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One scenario with one seed."""

    scenario: str
    seed: int


def chosen(scenario: str = "all", *, split: str | None = None, seeds: int | None = None) -> list[Variant]:
    """
    Return the variants of one scenario or of all, in the catalogue's order.

    Parameters
    ----------
    seeds
        Seeds 0 to *seeds* - 1 of every scenario; those of the catalogue by default.

    Raises
    ------
    KeyError
        There is no such scenario.
    """
    every = catalogue()
    names = list(every) if scenario == "all" else [scenario]
    return [
        Variant(scenario=name, seed=seed)
        for name in names
        if split is None or every[name].split == split
        for seed in range(every[name].seeds if seeds is None else seeds)
    ]


def play_all(
    variants: Sequence[Variant],
    *,
    runbook: str | None = None,
    breaks: Iterable[str] = (),
    jobs: int = 1,
    keep: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Played]:
    """
    Play *variants* and return all verdicts in their order, whatever the number of processes.

    Parameters
    ----------
    runbook
        This one for every scenario; those that each counts for by default.
    jobs
        Processes.
    keep
        Folder for the evidence, which takes most of the time: kept until the sandbox or a source changes.
    progress
        Hears how many variants are done.
    """
    tasks = [(variant, runbook, tuple(breaks), keep) for variant in variants]
    found: list[Played] = []
    if jobs <= 1:
        for done, task in enumerate(tasks, start=1):
            found += _play(task)
            progress(done)
        return found
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = "1"  # the processes share the processors; threads of each would fight
    try:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, mp_context=context) as pool:
            for done, part in enumerate(pool.map(_play, tasks, chunksize=1), start=1):
                found += part
                progress(done)
    finally:
        if before is None:
            del os.environ["POLARS_MAX_THREADS"]
        else:
            os.environ["POLARS_MAX_THREADS"] = before
    return found


def _play(task: tuple[Variant, str | None, tuple[str, ...], Path | None]) -> list[Played]:
    variant, runbook, breaks, keep = task
    books = runbooks_for(variant.scenario) if runbook is None else [runbook]
    if keep is None:
        return analysed(evidence(variant.scenario, seed=variant.seed, runbooks=books, breaks=breaks), books)
    name = hashlib.sha256("\0".join((_sources(), *books, "", *breaks)).encode()).hexdigest()[:20]
    path = keep / f"{variant.scenario}.{variant.seed}.{name}"
    found = _kept(path)
    if found is None:
        found = evidence(variant.scenario, seed=variant.seed, runbooks=books, breaks=breaks)
        keep.mkdir(parents=True, exist_ok=True)
        for old in keep.glob(f"{variant.scenario}.{variant.seed}.*"):
            if not breaks:
                old.unlink(missing_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(zlib.compress(pickle.dumps(found, protocol=5), 1))
        temporary.replace(path)
    return analysed(found, books)


def _kept(path: Path) -> Evidence | None:
    """Return what this program wrote to *path* before, None where there is nothing whole."""
    try:
        found = pickle.loads(zlib.decompress(path.read_bytes()))  # noqa: S301 - our own file, in our own folder
    except (OSError, zlib.error, pickle.UnpicklingError, EOFError, AttributeError, ImportError):
        return None
    return found if isinstance(found, Evidence) else None


@cache
def _sources() -> str:
    """Return a digest of all code and settings that the evidence of a variant depends on."""
    package = Path(__file__).resolve().parents[1]
    files = [home() / "parameters" / "environments" / "sandbox.yaml"]
    for name in SOURCES:
        path = package / name
        files += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()
