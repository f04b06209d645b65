"""What JupyterLab writes to disk: static twins in the place of widgets, which show nothing without their kernel."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .places import TWINS, VARIABLE

VIEW_MIME = "application/vnd.jupyter.widget-view+json"
_MODEL = re.compile(r"[0-9a-f-]{8,64}\Z")
LOST = "A live panel stood here; its static twin is not known. Run the cell again."


def static_twins(model: Mapping[str, Any], path: str = "", contents_manager: Any = None, **_: Any) -> None:
    """Replace every widget in the notebook that is being saved by its static twin; a hook of Jupyter Server."""
    if model.get("type") != "notebook" or not isinstance(model.get("content"), dict):
        return
    content = model["content"]
    content.get("metadata", {}).pop("widgets", None)
    folder = os.environ.get(VARIABLE)
    for cell in content.get("cells", ()):
        for output in cell.get("outputs", ()):
            data = output.get("data")
            if isinstance(data, dict) and VIEW_MIME in data:
                view = data.pop(VIEW_MIME)
                twin = read_twin(Path(folder), view.get("model_id")) if folder else None
                if twin is not None:
                    data.update(twin)
                data.setdefault("text/html", f"<p>{LOST}</p>")
                data.setdefault("text/plain", LOST)


def write_twin(folder: Path, model: str, html: str, text: str) -> None:
    """Keep the static twin of a widget; the newest one counts."""
    if not _MODEL.match(model):
        return
    target = folder / TWINS / f"{model}.json"
    temporary = target.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps({"text/html": html, "text/plain": text}), encoding="utf-8")
    temporary.replace(target)


def read_twin(folder: Path, model: object) -> dict[str, str] | None:
    """Return the static twin of a widget, None where none was kept."""
    if not isinstance(model, str) or not _MODEL.match(model):
        return None
    try:
        found = json.loads((folder / TWINS / f"{model}.json").read_text(encoding="utf-8"))
        return {"text/html": str(found["text/html"]), "text/plain": str(found["text/plain"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None
