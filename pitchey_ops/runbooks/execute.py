"""
Run one prepared runbook by papermill, with a deadline kept from outside.

The kernel is a process group of its own on Unix sockets. What the run saw is on disk as it happens; when
the kernel is killed, dies or raises, the report is built from that by `salvage`. How a run ended is taken
from what was raised and from the record's last entry, never from papermill's marks on cells, which call
every cell *completed* after a time-out (measured; see README, Design notes).
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._imports import lighten
from ..evidence.recorder import read_lines
from ..models.outcome import Outcome
from . import kernel as kernel_module
from .context import VARIABLE, RunContext

KILL_AFTER_S = 5.0
"""The kernel is killed so long after the budget (design, section 3)."""
NOTEBOOK = "notebook.ipynb"
LOG = "kernel.log"
"""What the kernel's process itself printed; its end tells why a kernel died, and it is not archived."""
WITHHELD = ("PITCHEY_OPS_SIGNING_", "PITCHEY_OPS_WRITE_")
"""Variables that a runbook's kernel never gets: signing keys and credentials that can change something."""

Progress = Callable[[int, int], None]


def execute(
    context: RunContext,
    notebook: Path,
    parameters: Mapping[str, Any],
    *,
    memory_limit_mb: int,
    remaining_s: float,
    progress: Progress | None = None,
) -> Outcome:
    """
    Execute *notebook* for *context* and return how it ended; the copy is left in the run's folder.

    Parameters
    ----------
    remaining_s
        Seconds until the budget is used up; the kernel is killed `KILL_AFTER_S` later.
    progress
        Called with (cell number, number of cells) when a cell starts.
    """
    from jupyter_core.utils import run_sync

    # a short path that only this user can enter: the kernel's Unix sockets lie there
    sockets = Path(tempfile.mkdtemp(prefix="pitchey-ops-"))
    manager = _start(context, memory_limit_mb, sockets)
    result: list[Outcome] = []
    runner = threading.Thread(
        target=lambda: result.append(_papermill(context, notebook, parameters, manager, progress)),
        name="papermill",
        daemon=True,
    )
    try:
        runner.start()
        runner.join(max(1.0, remaining_s + KILL_AFTER_S))
        late = runner.is_alive()
        if late:
            _kill(manager)
            runner.join(10.0)
    finally:
        _kill(manager)
        with suppress(Exception):
            run_sync(manager.cleanup_resources)()
        shutil.rmtree(sockets, ignore_errors=True)
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


def _start(context: RunContext, memory_limit_mb: int, sockets: Path) -> Any:
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    class OneSpec(KernelSpecManager):  # type: ignore[misc]
        """Knows our kernel alone, whatever is installed on the machine."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            """Return the command that starts `pitchey_ops.runbooks.kernel`."""
            return KernelSpec(
                argv=[sys.executable, "-m", kernel_module.__name__, "-f", "{connection_file}"],
                display_name="pitchey-ops",
                language="python",
            )

    environment = {name: value for name, value in os.environ.items() if not name.startswith(WITHHELD)} | {
        VARIABLE: str(context.folder),
        kernel_module.MEMORY_VARIABLE: str(memory_limit_mb),
        "MPLBACKEND": "agg",
        "PYTHONHASHSEED": "0",
    }
    # the blocking kind waits for a dead kernel's output for ever: it blocks the loop that would notice the death
    manager = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=OneSpec(),
        transport="ipc",
        ip=str(sockets / "k"),
        connection_file=str(sockets / "kernel.json"),
    )
    with (context.folder / LOG).open("wb") as log:
        run_sync(manager.start_kernel)(env=environment, cwd=str(context.folder), stdout=log, stderr=log)
    return manager


def _papermill(
    context: RunContext,
    notebook: Path,
    parameters: Mapping[str, Any],
    manager: Any,
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
            km=manager,
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
            ending="kernel_died", detail=f"the kernel died{_last_words(context)}", cells_done=done, cells=cells
        )
    except Exception as exc:
        return Outcome(ending="not_started", detail=f"{type(exc).__name__}: {exc}", cells_done=done, cells=cells)
    return Outcome(ending="completed", cells_done=cells, cells=cells)


def _last_words(context: RunContext) -> str:
    """Return the end of what the kernel's process printed, for the person who looks into its death."""
    try:
        text = (context.folder / LOG).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
    return f"; its last words: {text[-400:]}" if text else ""


def _braces(path: Path) -> str:
    """Return *path* so that papermill's ``str.format`` leaves it alone."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _kill(manager: Any) -> None:
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
