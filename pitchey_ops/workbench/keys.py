"""
Keys that mean a widget when a widget has the focus.

JupyterLab's single-key commands (``D D`` deletes a cell, arrows move between cells) also fire while a list or a button
inside an output has the focus. In a session they fire on cells only, so that panels can be worked by keyboard.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ENDS = ":focus"
OUTSIDE_OF_PANELS = ":focus:not(.jp-OutputArea *)"


def shortcuts(schemas: Path | None = None) -> list[dict[str, Any]]:
    """
    Return JupyterLab's keyboard settings of a session: each single-key command of notebooks off, and on for cells only.

    Parameters
    ----------
    schemas
        Where JupyterLab keeps its settings' schemas; its own place by default.
    """
    changed: list[dict[str, Any]] = []
    for one in _known(schemas or Path(sys.prefix) / "share" / "jupyter" / "lab" / "schemas"):
        selector = str(one.get("selector", ""))
        if ".jp-mod-commandMode" not in selector or not selector.endswith(f" {ENDS}") or not one.get("keys"):
            continue
        known = {"command": one["command"], "keys": one["keys"], "selector": selector, "args": one.get("args", {})}
        changed.append({**known, "disabled": True})
        changed.append({**known, "selector": selector.removesuffix(ENDS) + OUTSIDE_OF_PANELS})
    return changed


def _known(schemas: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(schemas.rglob("*.json")):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict):
            yield from (one for one in found.get("jupyter.lab.shortcuts", ()) if isinstance(one, dict))
