"""JupyterLab on a working copy: loopback, token on, nothing beside the notebooks."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from ..settings import home


def working_copy() -> Path:
    """Return a new folder with copies of all notebooks; the originals are never edited by a session."""
    folder = Path(tempfile.mkdtemp(prefix="pitchey-ops-lab-"))
    for notebook in sorted((home() / "notebooks").glob("*.ipynb")):
        shutil.copy(notebook, folder / notebook.name)
    return folder


def lab_settings() -> Path:
    """Return a new folder with JupyterLab's settings for our sessions: no question about news, nothing fetched."""
    folder = Path(tempfile.mkdtemp(prefix="pitchey-ops-lab-settings-"))
    notification = folder / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    notification.parent.mkdir(parents=True)
    notification.write_text('{"fetchNews": "false", "checkForUpdates": false}\n', encoding="utf-8")
    return folder


def lab_command(folder: Path, *, port: int, browser: bool) -> list[str]:
    """
    Return the command that serves *folder*.

    Bound to loopback with JupyterLab's own token; terminals and the extension manager are off, so that
    an open page is not a shell.
    """
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.allow_root=True",
        "--ServerApp.terminals_enabled=False",
        "--LabApp.extension_manager=readonly",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--ServerApp.open_browser={browser}",
        f"--LabApp.default_url=/lab/tree/{'outage.ipynb' if (folder / 'outage.ipynb').exists() else ''}",
    ]
