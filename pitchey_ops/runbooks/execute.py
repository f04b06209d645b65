"""
Run one prepared runbook by papermill, with a deadline kept from outside.

The kernel is a process group of its own on Unix sockets. What the run saw is on disk as it happens; when
the kernel is killed, dies or raises, the report is built from that by `salvage`. How a run ended is taken
from what was raised and from the record's last entry, never from papermill's marks on cells, which call
every cell *completed* after a time-out (measured; see README, Design notes).
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any, Protocol

from .._imports import lighten
from ..evidence.recorder import read_lines
from ..models.outcome import Outcome
from ..settings import SECRET_FIELDS, Settings
from . import kernel as kernel_module
from .context import VARIABLE, RunContext

KILL_AFTER_S = 5.0
"""The kernel is killed so long after the budget (design, section 3)."""
NOTEBOOK = "notebook.ipynb"
LOG = "kernel.log"
"""What the kernel's process itself printed; its end tells why a kernel died, and it is not archived."""
OURS = "PITCHEY_OPS_"
GIVEN = frozenset(
    {"HOME", "ENVIRONMENT", *(name.upper() for name in Settings.model_fields)}
    | {f"{name.upper()}_FILE" for name in SECRET_FIELDS}
)
"""
The variables of ours that a runbook's kernel gets, without their beginning: the settings of what it reads. Signing
keys, credentials that can change something, and all that the service itself needs stay outside.
"""

Progress = Callable[[int, int], None]


class ReadyKernel(Protocol):
    """A kernel that was started before its run was known."""

    manager: Any
    log: Path

    def end(self) -> None:
        """Kill it with everything that it started; returns at once."""
        ...


def execute(
    context: RunContext,
    notebook: Path,
    parameters: Mapping[str, Any],
    *,
    memory_limit_mb: int,
    remaining_s: float,
    progress: Progress | None = None,
    kernel: ReadyKernel | None = None,
) -> Outcome:
    """
    Execute *notebook* for *context* and return how it ended; the copy is left in the run's folder.

    Parameters
    ----------
    remaining_s
        Seconds until the budget is used up; the kernel is killed `KILL_AFTER_S` later.
    progress
        Called with (cell number, number of cells) when a cell starts.
    kernel
        A ready one that knows this run already; it is used up. One is started where there is none.
    """
    ready = kernel if kernel is not None else OwnKernel(context.folder, memory_limit_mb)
    result: list[Outcome] = []
    runner = threading.Thread(
        target=lambda: result.append(_papermill(context, notebook, parameters, ready, progress)),
        name="papermill",
        daemon=True,
    )
    try:
        runner.start()
        runner.join(max(1.0, remaining_s + KILL_AFTER_S))
        late = runner.is_alive()
        if late:
            kill(ready.manager)
            runner.join(10.0)
    finally:
        kill(ready.manager)
        runner.join(5.0)
        ready.end()
    finished = any(kind == "finished" for kind, _ in read_lines(context.folder))
    if not result:
        result.append(Outcome(ending="not_started", detail="the notebook's runner ended without a word"))
    if late and not finished:
        cells = result[0]
        return Outcome(
            ending="timed_out",
            detail=f"the notebook did not end within {context.budget_s:.0f} s and was stopped",
            cells_done=cells.cells_done,
            cells=cells.cells,
        )
    outcome = Outcome(ending="completed", cells_done=result[0].cells, cells=result[0].cells) if late else result[0]
    if outcome.ending == "completed" and not finished:
        return Outcome(
            ending="raised",
            detail="the notebook ended without its last cell",
            cells_done=outcome.cells_done,
            cells=outcome.cells,
        )
    return outcome


class OwnKernel:
    """
    The kernel of the one run whose record lies in *folder*, which need not be prepared yet.

    *unseen*: nobody will look at its notebook, so that it may leave out pictures.
    """

    def __init__(self, folder: Path, memory_limit_mb: int, *, unseen: bool = False) -> None:
        self._sockets = socket_folder()
        self.log = folder / LOG
        self.manager = start_kernel(
            self._sockets,
            {
                **kernel_environment(memory_limit_mb),
                VARIABLE: str(folder),
                **({kernel_module.UNSEEN_VARIABLE: "1"} if unseen else {}),
            },
            cwd=folder,
            log=self.log,
        )

    def end(self) -> None:
        """Kill it and remove its sockets."""
        end_kernel(self.manager, self._sockets)


def socket_folder() -> Path:
    """Make a folder that only this user can enter, with a short path: a kernel's Unix sockets lie there."""
    return Path(tempfile.mkdtemp(prefix=f"pitchey-ops-{os.getpid()}-"))


def kernel_environment(memory_limit_mb: int) -> dict[str, str]:
    """Return the variables that a kernel gets: this process's own without what is not for it (`GIVEN`)."""
    given = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(OURS) or name.removeprefix(OURS).split("__")[0] in GIVEN
    }
    return {
        **given,
        kernel_module.MEMORY_VARIABLE: str(memory_limit_mb),
        "MPLBACKEND": "agg",
        "PYTHONHASHSEED": "0",
    }


def start_kernel(sockets: Path, environment: Mapping[str, str], *, cwd: Path, log: Path) -> Any:
    """
    Start a kernel and return its manager; what its process prints goes to *log*.

    It dies with the thread that calls this.
    """
    from jupyter_client.asynchronous.client import AsyncKernelClient
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    class OneSpec(KernelSpecManager):  # type: ignore[misc]
        """Knows our kernel alone, whatever is installed on the machine."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            """Return the command that starts `pitchey_ops.runbooks.kernel`."""
            return KernelSpec(
                argv=[sys.executable, "-m", kernel_module.__name__, "-f", "{connection_file}"],
                display_name="pitchey-ops",
                language="python",
            )

    class Client(AsyncKernelClient):  # type: ignore[misc]
        """Waits for a kernel without the fixed fifth of a second that emptying an empty channel takes."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            clients.append(self)

        async def wait_for_ready(self, timeout: float | None = None) -> None:
            """Return when the kernel answers on both channels; what else lies in them has no reader."""
            deadline = time.monotonic() + (timeout or 60.0)
            while True:
                self.kernel_info()
                with suppress(Empty):
                    message = await self.shell_channel.get_msg(timeout=1)
                    if message["msg_type"] == "kernel_info_reply":
                        await self.iopub_channel.get_msg(timeout=0.2)
                        self._handle_kernel_info_reply(message)
                        return
                if not await self.parent.is_alive():
                    raise RuntimeError("the kernel died before it was ready")
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the kernel was not ready after {timeout or 60.0:.0f} s")

    clients: list[Any] = []
    # the blocking kind waits for a dead kernel's output for ever: it blocks the loop that would notice the death
    manager = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=OneSpec(),
        transport="ipc",
        ip=str(sockets / "k"),
        connection_file=str(sockets / "kernel.json"),
    )
    manager.client_factory = Client
    manager.ops_clients = clients
    with log.open("wb") as file:
        in_own_loop(manager.start_kernel(env=dict(environment), cwd=str(cwd), stdout=file, stderr=file))
    return manager


def end_kernel(manager: Any, sockets: Path) -> None:
    """Kill a kernel and everything that it started, and remove what is left of it."""
    kill(manager)
    with suppress(Exception):
        in_own_loop(manager.cleanup_resources())
    shutil.rmtree(sockets, ignore_errors=True)


def in_own_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """
    Await *work* in a loop that is closed after it.

    jupyter's own way keeps a loop for each thread and leaves it to the garbage collector; a process that runs for
    months would lose a few file descriptors with every run.
    """
    from jupyter_core.utils import run_sync

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(work)
        finally:
            loop.close()

    async def inside() -> Any:
        return await work

    return run_sync(inside)()


def _papermill(
    context: RunContext,
    notebook: Path,
    parameters: Mapping[str, Any],
    kernel: ReadyKernel,
    progress: Progress | None,
) -> Outcome:
    lighten()
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    for name in ("papermill", "traitlets"):  # what they would say is in the outcome
        logging.getLogger(name).setLevel(logging.CRITICAL)
    done = cells = 0

    def started(cell: Any, cell_index: int) -> None:
        nonlocal done
        done = cell_index
        if progress is not None:
            progress(cell_index, cells)

    def begun(notebook: Any) -> None:
        nonlocal cells
        cells = len(notebook.cells)

    try:
        papermill.execute_notebook(
            _braces(notebook),
            _braces(context.folder / NOTEBOOK),
            parameters=dict(parameters),
            progress_bar=False,
            log_output=False,
            km=kernel.manager,
            on_notebook_start=begun,
            on_cell_start=started,
            autosave_cell_every=1,
        )
    except PapermillExecutionError as exc:
        return Outcome(ending="raised", detail=f"{exc.ename}: {exc.evalue}", cells_done=done, cells=cells)
    except CellTimeoutError as exc:
        return Outcome(ending="timed_out", detail=str(exc), cells_done=done, cells=cells)
    except DeadKernelError:
        return Outcome(
            ending="kernel_died", detail=f"the kernel died{_last_words(kernel.log)}", cells_done=done, cells=cells
        )
    except Exception as exc:
        return Outcome(ending="not_started", detail=f"{type(exc).__name__}: {exc}", cells_done=done, cells=cells)
    finally:
        _close(kernel.manager)
    return Outcome(ending="completed", cells_done=cells, cells=cells)


def _close(manager: Any) -> None:
    """Close in the thread that used them what papermill leaves open: the sockets of its client, and its loop."""
    from jupyter_core.utils import ensure_event_loop

    for client in manager.ops_clients:
        with suppress(Exception):
            client.stop_channels()
    with suppress(Exception):
        ensure_event_loop().close()


def _last_words(log: Path) -> str:
    """Return the end of what the kernel's process printed, for the person who looks into its death."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
    return f"; its last words: {text[-400:]}" if text else ""


def _braces(path: Path) -> str:
    """Return *path* so that papermill's ``str.format`` leaves it alone."""
    return str(path).replace("{", "{{").replace("}", "}}")


def kill(manager: Any) -> None:
    """Kill the kernel's process group; it is one of its own, so nobody else is in it."""
    provisioner = getattr(manager, "provisioner", None)
    pid = getattr(provisioner, "pid", None)
    if pid is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
