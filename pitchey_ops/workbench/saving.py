"""
What JupyterLab writes to disk: static twins in the place of widgets, which show nothing without their kernel.

The file is static for whoever opens it elsewhere or later. When this session's own page is loaded again while the
kernel lives, each twin gets its widget back on the way to the page (`living_again`); the file stays as it is.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .places import TWINS, VARIABLE

VIEW_MIME = "application/vnd.jupyter.widget-view+json"
OURS = "pitchey-ops"
"""Key in an output's metadata that names the widget whose twin it is."""
KERNELS = "kernels"
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
                model_id = view.get("model_id") if isinstance(view, dict) else None
                twin = read_twin(Path(folder), model_id) if folder else None
                if twin is not None:
                    data.update(twin)
                    output.setdefault("metadata", {})[OURS] = {"model": model_id}
                data.setdefault("text/html", f"<p>{LOST}</p>")
                data.setdefault("text/plain", LOST)


def living_again(content: object, folder: Path) -> int:
    """
    Put the widgets of *content* (a notebook that is being loaded) back whose kernel lives; return how many.

    A cell that the notary does not trust stays static: its outputs may be a stranger's.
    """
    count = 0
    living: dict[str, bool] = {}
    for cell in content.get("cells", ()) if isinstance(content, Mapping) else ():
        if not cell.get("metadata", {}).get("trusted"):
            continue
        for output in cell.get("outputs", ()):
            model = (output.get("metadata") or {}).get(OURS, {}).get("model")
            kernel = _kernel_of(folder, model)
            if kernel and living.setdefault(kernel, is_living(folder, kernel)):
                output["data"][VIEW_MIME] = {"version_major": 2, "version_minor": 0, "model_id": model}
                count += 1
    return count


def live_here(folder: Path) -> tuple[str, int]:
    """Return a name for this kernel, and a lock (an open file) that says that it lives until the process ends."""
    (folder / KERNELS).mkdir(mode=0o700, exist_ok=True)
    name = secrets.token_hex(8)
    handle = os.open(folder / KERNELS / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return name, handle


def is_living(folder: Path, kernel: str) -> bool:
    """Whether the kernel of this name still holds its lock."""
    try:
        handle = os.open(folder / KERNELS / kernel, os.O_WRONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def write_twin(folder: Path, model: str, html: str, text: str, *, kernel: str = "") -> None:
    """Keep the static twin of a widget of *kernel*; the newest one counts."""
    if not _MODEL.match(model):
        return
    target = folder / TWINS / f"{model}.json"
    temporary = target.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}.tmp")
    temporary.write_text(json.dumps({"text/html": html, "text/plain": text, "kernel": kernel}), encoding="utf-8")
    temporary.replace(target)


def read_twin(folder: Path, model: object) -> dict[str, str] | None:
    """Return the static twin of a widget, None where none was kept."""
    with suppress(KeyError, TypeError):
        found = _kept(folder, model)
        return {"text/html": str(found["text/html"]), "text/plain": str(found["text/plain"])}
    return None


def _kernel_of(folder: Path, model: object) -> str:
    """Return the name of the kernel that made a widget, empty where it is not known."""
    with suppress(KeyError, TypeError):
        name = str(_kept(folder, model)["kernel"])
        return name if _MODEL.match(name) else ""
    return ""


def _kept(folder: Path, model: object) -> Any:
    if not isinstance(model, str) or not _MODEL.match(model):
        return None
    with suppress(OSError, ValueError):
        return json.loads((folder / TWINS / f"{model}.json").read_text(encoding="utf-8"))
    return None
