"""JupyterLab for one session: loopback, token on, only the working copy, nothing of the user's own trust."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from ..errors import RunError
from ..runbooks.kernel import MEMORY_VARIABLE
from .keys import shortcuts
from .places import VARIABLE
from .styling import STYLE

STARTED_WITHIN_S = 60.0
STOPPED_WITHIN_S = 10.0
AUTOSAVE_S = 10
WITHHELD = ("PITCHEY_OPS_SIGNING_", "JUPYTER", "JPY_", "IPYTHON")
"""Variables that a session's server and kernels do not get: signing keys, and settings of other Jupyters."""
SETTINGS: Mapping[str, Mapping[str, object]] = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "docmanager-extension/plugin": {"autosaveInterval": AUTOSAVE_S, "renameUntitledFileOnSave": False},
    "notebook-extension/tracker": {"windowingMode": "defer", "recordTiming": False},
}
"""JupyterLab's settings of a session: nothing fetched, saved often, every cell kept drawn."""

CONFIG = """c = get_config()  # noqa: F821
from pitchey_ops.workbench.contents import SessionContents
from pitchey_ops.workbench.saving import static_twins

c.ServerApp.root_dir = {root!r}
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = {port}
c.ServerApp.port_retries = 0 if {port} else 50
c.ServerApp.allow_root = True
c.ServerApp.allow_remote_access = False
c.ServerApp.local_hostnames = ["localhost", "127.0.0.1"]
c.ServerApp.terminals_enabled = False
c.ServerApp.open_browser = {browser}
c.ServerApp.log_level = "ERROR"
c.IdentityProvider.token = {token!r}
c.PasswordIdentityProvider.allow_password_change = False
c.LabApp.extension_manager = "readonly"
c.LabApp.news_url = None
c.LabApp.custom_css = True
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.default_url = {default_url!r}
c.LabApp.user_settings_dir = {settings!r}
c.LabApp.workspaces_dir = {workspaces!r}
c.ServerApp.contents_manager_class = SessionContents
c.FileContentsManager.pre_save_hook = static_twins
c.FileContentsManager.hide_globs = ["__pycache__", "*.pyc", "*.evidence"]
c.KernelSpecManager.allowed_kernelspecs = {{"python3"}}
c.ConnectionFileMixin.transport = "ipc"
c.NotebookNotary.db_file = {notary!r}
"""


class Lab:
    """
    A running JupyterLab on *work*; a context manager that ends it and every kernel of it.

    Attributes
    ----------
    url
        The address with the token: what a person opens.
    """

    def __init__(
        self,
        folder: Path,
        work: Path,
        *,
        notebook: str,
        port: int = 0,
        browser: bool = False,
        memory_limit_mb: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._own = folder / "jupyter"
        # sockets have short names, so that they fit into what Unix allows
        self._runtime = Path(tempfile.mkdtemp(prefix="pitchey-ops-"))
        token = secrets.token_urlsafe(32)
        self._write(work, notebook=notebook, port=port, browser=browser, token=token)
        self._log = (self._own / "server.log").open("wb")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(WITHHELD)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pitchey_ops.workbench.server"],
            env={
                **inherited,
                **(environment or {}),
                VARIABLE: str(folder),
                MEMORY_VARIABLE: str(memory_limit_mb),
                "JUPYTER_CONFIG_DIR": str(self._own / "config"),
                "JUPYTER_DATA_DIR": str(self._own / "data"),
                "JUPYTER_PATH": str(self._own / "data"),
                "JUPYTER_RUNTIME_DIR": str(self._runtime),
                "IPYTHONDIR": str(self._own / "ipython"),
                "PYTHONUNBUFFERED": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            cwd=work,
            start_new_session=True,
        )
        try:
            self.base = self._listening()
        except BaseException:
            self.stop()
            raise
        self.url = f"{self.base}lab/tree/{notebook}?token={token}"

    def _write(self, work: Path, *, notebook: str, port: int, browser: bool, token: str) -> None:
        config, settings = self._own / "config", self._own / "settings"
        kernel = self._own / "data" / "kernels" / "python3"
        for folder in (config, settings, kernel, self._own / "workspaces", config / "custom"):
            folder.mkdir(parents=True, mode=0o700)
        (config / "custom" / "custom.css").write_text(STYLE, encoding="utf-8")
        for name, values in {**SETTINGS, "shortcuts-extension/shortcuts": {"shortcuts": shortcuts()}}.items():
            target = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(values), encoding="utf-8")
        spec = {
            "argv": [sys.executable, "-m", "pitchey_ops.workbench.kernel", "-f", "{connection_file}"],
            "display_name": "pitchey-ops session",
            "language": "python",
        }
        (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
        text = CONFIG.format(
            root=str(work),
            port=port,
            browser=browser,
            token=token,
            default_url=f"/lab/tree/{notebook}",
            settings=str(settings),
            workspaces=str(self._own / "workspaces"),
            notary=str(self._own / "signatures.db"),
        )
        target = config / "jupyter_server_config.py"
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)

    def _listening(self) -> str:
        """Return the server's address once it listens."""
        deadline = time.monotonic() + STARTED_WITHIN_S
        while time.monotonic() < deadline:
            for path in self._runtime.glob("jpserver-*.json"):
                with suppress(ValueError, KeyError, OSError):
                    return str(json.loads(path.read_text(encoding="utf-8"))["url"])
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        words = (self._own / "server.log").read_text(encoding="utf-8", errors="replace").strip()[-600:]
        raise RunError(f"JupyterLab did not start: {words or 'it said nothing'}. Nothing was left running.")

    @property
    def running(self) -> bool:
        """Whether it still serves."""
        return self._process.poll() is None

    def wait(self, seconds: float) -> bool:
        """Wait until it ends by itself, at most *seconds*; return whether it did."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """End the server and its kernels; what does not go in time is killed."""
        if self._process.poll() is None:
            self._process.terminate()
            if not self.wait(STOPPED_WITHIN_S):
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._log.close()
        shutil.rmtree(self._runtime, ignore_errors=True)
        shutil.rmtree(self._own / "config", ignore_errors=True)

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
