"""``bench``: every figure of the README, measured."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from .running import Json


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to *app*."""
    app.command(epilog="Example: pitchey-ops bench --rounds 3")(bench)


def bench(
    rounds: Annotated[int, typer.Option(help="Counted rounds, after one that warms up.")] = 5,
    as_json: Json = False,
) -> int:
    """Measure runs against bare papermill in one go, and the speed of grouping a million entries."""
    from ..benchmarks import patterns, runs

    figures = runs.measure(rounds)
    speed = patterns.speed()
    if as_json:
        sys.stdout.write(json.dumps({"runs": [asdict(f) for f in figures], "patterns": asdict(speed)}) + "\n")
        return 0
    sys.stdout.write(runs.table(figures) + "\n\n" + str(speed) + "\n")
    return 0
