"""Build the report of a run that was cut off, from what it had recorded until then."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from ..evidence.recorder import read_exchanges, read_lines
from ..settings import load
from .catalogue import runbook
from .context import FILE, RECORD, RunContext
from .investigate import reached_steps, recorded_settings, run_context


def salvage(folder: Path) -> None:
    """
    Write ``report.json`` into *folder* from its record, as a replay that answers what was not asked with
    "not asked"; steps that had not been reached say so.
    """
    import json

    context = RunContext.from_json(json.loads((folder / FILE).read_text(encoding="utf-8")), folder)
    own = folder / RECORD
    parameters = context.parameters
    if context.mode == "live":
        if not read_exchanges(folder):
            raise SystemExit("nothing was recorded")
        own.symlink_to(".")
        parameters = next((row["parameters"] for kind, row in read_lines(folder) if kind == "run"), parameters)
    try:
        settings = recorded_settings(own) or load(context.environment)
        run = run_context(
            replace(context, mode="current"), runbook(context.runbook), settings, parameters, record_events=False
        )
        run.reach(reached_steps(own))
        run.save()
    finally:
        if own.is_symlink():
            own.unlink()


if __name__ == "__main__":
    salvage(Path(sys.argv[1]))
