"""
How long whole commands take, as ratios in one go: a run against bare papermill, a replay against a run.

The yardstick is papermill's own command on an empty notebook, in the same environment, with nothing of ours imported
or set. What keeping the evidence costs is measured by keeping a run's own evidence once more: the record as it is
written line by line, the salted digests, and the HAR.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..evidence.har import digests, evidence_digest, har, read_record
from ..evidence.recorder import Recorder, read_exchanges, read_salts
from ..sources.r2 import BATCH

EMPTY = {
    "cells": [],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """
    One measured figure.

    Attributes
    ----------
    value
        Median over *rounds*, in *unit*; ratios are medians of ratios taken pair by pair.
    wanted
        What it must reach, in words; empty where nothing is promised.
    """

    name: str
    value: float
    unit: str
    low: float
    high: float
    rounds: int
    wanted: str = ""


@contextmanager
def sandbox(scenario: str = "bad_deployment") -> Iterator[tuple[str, float]]:
    """Start a sandbox as a process of its own; yield its origin and the seconds until it listened."""
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "pitchey_ops", "sandbox", "--scenario", scenario],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        yield line, time.monotonic() - began
    finally:
        process.terminate()
        process.wait(10)


def measure(rounds: int = 5) -> list[Figure]:
    """Measure *rounds* times in turn: bare papermill on an empty notebook, a run, a replay of it."""
    bare, live, replayed, sizes, started, kept = [], [], [], [], [], []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        notebook = folder / "empty.ipynb"
        notebook.write_text(json.dumps(EMPTY), encoding="utf-8")
        for number in range(rounds + 1):
            # a fresh sandbox a round: its answers must not be shared with the round before
            with sandbox() as (origin, start_s):
                environment = {
                    **os.environ,
                    "PITCHEY_OPS_ORIGIN": origin,
                    "PITCHEY_OPS_ARCHIVE": str(folder / f"archive-{number}"),
                }
                papermill = [sys.executable, "-m", "papermill", str(notebook), str(folder / "out.ipynb")]
                bare_s = _timed(papermill, os.environ)
                run = [sys.executable, "-m", "pitchey_ops", "run", "outage", "--json"]
                live_s, out = _timed_output(run, environment)
                done = json.loads(out)
                again = [sys.executable, "-m", "pitchey_ops", "replay", done["run"]]
                replay_s = _timed(again, environment)
                keep_s = keeping_s(Path(done["folder"]))
                size = sum(p.stat().st_size for p in Path(done["folder"]).rglob("*") if p.is_file())
            if number == 0:  # the first round warms caches and is not counted
                continue
            bare.append(bare_s)
            live.append(live_s)
            replayed.append(replay_s)
            kept.append(keep_s)
            sizes.append(size / 2**20)
            started.append(start_s)
    return [
        _figure("papermill on an empty notebook, process start to end", bare, "s"),
        _figure("headless outage run, process start to archive", live, "s"),
        _figure("run / papermill", _ratios(live, bare), "x", "at most 2.5"),
        _figure("replay / run", _ratios(replayed, live), "x", "at most 0.7"),
        _figure(
            "keeping the evidence / the run without it",
            [100 * k / (whole - k) for k, whole in zip(kept, live, strict=True)],
            "%",
            "at most 25",
        ),
        _figure("archived run", sizes, "MB", "under 2"),
        _figure("sandbox with 200,000 entries, start to listening", started, "s", "about 5"),
    ]


def keeping_s(folder: Path) -> float:
    """Return the seconds that it takes to keep the evidence of the run archived in *folder* once more."""
    record = read_record(
        (folder / "evidence.har.gz").read_bytes(),
        lambda digest: gzip.decompress((folder / "bodies" / f"{digest}.gz").read_bytes()),
    )
    objects = [exchange for exchange in record.exchanges if exchange.key.startswith("r2/object/")]
    others = [exchange for exchange in record.exchanges if not exchange.key.startswith("r2/object/")]
    with tempfile.TemporaryDirectory() as name:
        began = time.monotonic()
        recorder = Recorder(Path(name))
        for exchange in others:
            recorder.exchange(exchange)
        for start in range(0, len(objects), BATCH):
            recorder.many(objects[start : start + BATCH])
        recorder.close()
        exchanges, salts = read_exchanges(Path(name)), read_salts(Path(name))
        evidence_digest(digests(exchanges, salts))
        har(exchanges, creator_version="0", salts=salts)
        return time.monotonic() - began


def _timed(command: list[str], environment: Mapping[str, str]) -> float:
    return _timed_output(command, environment)[0]


def _timed_output(command: list[str], environment: Mapping[str, str]) -> tuple[float, str]:
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603 - our own interpreter and modules
        command, env=dict(environment), capture_output=True, text=True, check=True
    )
    return time.monotonic() - began, done.stdout


def _ratios(over: list[float], under: list[float]) -> list[float]:
    return [a / b for a, b in zip(over, under, strict=True)]


def _figure(name: str, values: list[float], unit: str, wanted: str = "") -> Figure:
    return Figure(
        name=name,
        value=statistics.median(values),
        unit=unit,
        low=min(values),
        high=max(values),
        rounds=len(values),
        wanted=wanted,
    )


def table(figures: list[Figure]) -> str:
    """Return *figures* as aligned text."""
    rows = [("figure", "median", "min", "max", "n", "wanted")]
    for f in figures:
        shown = (f"{v:,.2f} {f.unit}" for v in (f.value, f.low, f.high))
        rows.append((f.name, *shown, str(f.rounds), f.wanted))  # type: ignore[arg-type]
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(re.sub(r"\s+$", "", line) for line in lines)
