"""``report.html`` from what a run left behind: its report and its panels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..models.outcome import Outcome
from ..panels.base import Panel
from .document import from_json
from .page import page


def write_page(
    folder: Path,
    report: Mapping[str, Any],
    *,
    outcome: Outcome,
    started: datetime,
    more: Mapping[str, Any] | None = None,
) -> None:
    """
    Write ``report.html`` into *folder*; panels that a killed kernel left half-written are passed over.

    *more* is what else only the page shows (`page.page`, its ``extras``).
    """
    extras: dict[str, Any] = {**(more or {}), "started": started}
    rehearsal = rehearsal_of(str(report["run"]["runbook"]))
    if rehearsal is not None:
        extras["rehearsal"] = rehearsal
    if outcome.ending != "completed":
        reached = f"{outcome.cells_done} of {outcome.cells} cells" if outcome.cells else "no cell"
        extras["cut_off"] = f"{outcome.ending.replace('_', ' ')}: {outcome.detail} Reached: {reached}."
    (folder / "report.html").write_text(page(from_json(report), panels_of(folder), extras=extras), encoding="utf-8")


def rehearsal_of(runbook: str) -> Mapping[str, Any] | None:
    """Return how *runbook* did in the last recorded rehearsal (``pitchey-ops drill all --record``), if it was in it."""
    try:
        content = json.loads(files("pitchey_ops.runbooks").joinpath("rehearsal.json").read_text(encoding="utf-8"))
        found = content["runbooks"][runbook]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, dict) else None


def panels_of(folder: Path) -> list[Panel]:
    """Return the panels that a run had shown, in order."""
    found = []
    for path in sorted((folder / "panels").glob("*.json")):
        try:
            found.append(Panel.from_json(json.loads(path.read_text(encoding="utf-8"))))
        except (ValueError, KeyError, TypeError):
            continue
    return found
