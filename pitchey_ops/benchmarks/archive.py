"""
How fast ten thousand archived runs are verified: ``python -m pitchey_ops.benchmarks.archive``.

The archive is made up, with manifests and a ledger as they are written. The record of every run is one and the same
file under as many names, so that a gigabyte of evidence needs no gigabyte of disk; it is read and hashed for each.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..evidence.canonical import digest
from ..evidence.ledger import NAME, START, line_of
from ..evidence.manifest import NAME as MANIFEST
from ..evidence.manifest import RunFacts, build
from ..evidence.verify import verify
from .index import made_up_report
from .runs import Figure

RUNS = 10_000
RECORD_BYTES = 80_000
"""Of the record of one run: with report and manifest about 0.1 MB, so that ten thousand runs are a gigabyte."""


def made_up_archive(root: Path, runs: int) -> int:
    """Write *runs* whole runs and their ledger below *root* and return the bytes of all their files."""
    draw = random.Random(0)  # noqa: S311 - no secret
    record = root / ".record"
    record.write_bytes(draw.randbytes(RECORD_BYTES))
    at, previous, total = datetime(2025, 1, 1, tzinfo=UTC), START, 0
    with (root / NAME).open("wb") as ledger:
        for number in range(runs):
            at += timedelta(minutes=20)
            incident, run = f"INC-{at:%Y%m%d-%H%M%S}-aaaa", f"RUN-{at:%Y%m%d-%H%M%S}-aaaa"
            folder = root / incident / run
            folder.mkdir(parents=True)
            os.link(record, folder / "evidence.har.gz")
            (folder / "report.json").write_text(json.dumps(made_up_report(incident, run, at, draw)), encoding="utf-8")
            (folder / "report.html").write_bytes(b"<!doctype html><title>report</title>")
            (folder / "notebook.ipynb").write_bytes(b'{"cells":[]}')
            facts = RunFacts(
                incident_id=incident, run_id=run, runbook="outage", started_by="person", start=at, end=at,
                completed=True,
            )  # fmt: skip
            manifest = build(folder, facts, None)
            (folder / MANIFEST).write_bytes(manifest)
            total += len(manifest) + sum(path.stat().st_size for path in folder.iterdir())
            entry = {
                "kind": "run", "incident": incident, "run": run, "manifest": digest(manifest), "keyid": None,
                "at": at.isoformat(),
            }  # fmt: skip
            line, previous = line_of(entry, number + 1, previous)
            ledger.write(line)
    record.unlink()
    return total


def measure(runs: int = RUNS, *, rounds: int = 2) -> list[Figure]:
    """
    Verify an archive of *runs* runs *rounds* times.

    Raises
    ------
    RuntimeError
        The made-up archive is not found whole: then nothing was measured.
    """
    took = []
    with tempfile.TemporaryDirectory(prefix="pitchey-ops-verify-") as name:
        root = Path(name)
        total = made_up_archive(root, runs)
        for _ in range(rounds):
            began = time.perf_counter()
            found = verify(root)
            took.append((time.perf_counter() - began) / (total / 1e9))
            if found.problems or found.runs != runs:
                raise RuntimeError(f"the archive was not found whole: {found.problems[:3]}")
    took.sort()
    return [
        Figure(
            name=f"verify of {runs:,} runs ({total / 1e9:.2f} GB), for each GB",
            value=took[len(took) // 2],
            unit="s",
            low=took[0],
            high=took[-1],
            rounds=rounds,
            wanted="under 60",
        )
    ]


if __name__ == "__main__":
    from .runs import table

    print(table(measure()))
