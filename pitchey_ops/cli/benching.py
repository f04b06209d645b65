"""``bench``: every figure of the README, measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from .running import Json

if TYPE_CHECKING:
    from ..benchmarks.runs import Figure


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to *app*."""
    app.command(epilog="Example: pitchey-ops bench --rounds 3")(bench)


def bench(
    rounds: Annotated[int, typer.Option(help="Counted rounds, after one that warms up.")] = 5,
    only: Annotated[
        str | None, typer.Option(help="runs, patterns, search, verify, replays or service; all without.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Measure every figure of the README in one go, each with its lowest and highest value."""
    parts = _parts(rounds)
    if only is not None and only not in parts:
        raise UsageError(f"--only {only[:40]!r}: expected one of {', '.join(parts)}. Nothing was measured.")
    figures: list[Figure] = []
    for name, measure in parts.items():
        if only in (None, name):
            if not as_json:
                sys.stderr.write(f"measuring {name} ...\n")
            figures += measure()
    if as_json:
        sys.stdout.write(json.dumps([asdict(f) for f in figures]) + "\n")
        return 0
    from ..benchmarks.runs import table

    sys.stdout.write(table(figures) + "\n")
    return 0


def _parts(rounds: int) -> dict[str, Callable[[], list[Figure]]]:
    from ..benchmarks import archive, index, patterns, replays, runs

    parts: dict[str, Callable[[], list[Figure]]] = {
        "runs": lambda: runs.measure(rounds),
        "patterns": patterns.figures,
        "search": index.figures,
        "verify": archive.measure,
        "replays": replays.figures,
    }
    if find_spec("pitchey_ops.benchmarks.service") is not None:
        service = import_module("pitchey_ops.benchmarks.service")
        parts["service"] = service.figures
    return parts
