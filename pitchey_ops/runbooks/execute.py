"""
Run one prepared runbook by papermill, with a deadline kept from outside.

The kernel is a process group of its own on Unix sockets. What the run saw is on disk as it happens; when
the kernel is killed, dies or raises, the report is built from that by `salvage`. How a run ended is taken
from what was raised and from the record's last entry, never from papermill's marks on cells, which call
every cell *completed* after a time-out (measured; see README, Design notes).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from .._imports import lighten
from ..evidence.recorder import has_event
from ..models.outcome import Outcome
from .context import RunContext
from .starting import OwnKernel, kill

KILL_AFTER_S = 5.0
"""The kernel is killed so long after the budget (design, section 3)."""
NOTEBOOK = "notebook.ipynb"
SAVE_EVERY_S = 1.0
"""The executed copy is written so often while it runs. Papermill would write it at each start and end of a cell, which
takes longer than most cells do."""
LOOK_EVERY_S = 0.25
Progress = Callable[[int, int], None]


class ReadyKernel(Protocol):
    """A kernel that was started before its run was known."""

    manager: Any
    log: Path

    def end(self) -> None:
        """Kill it with everything that it started; returns at once."""
        ...


def get_ready() -> None:
    """Import what the first run would wait for, half a second of a core."""
    lighten()
    import papermill  # noqa: F401


def execute(
    context: RunContext,
    notebook: Path,
    parameters: Mapping[str, Any],
    *,
    memory_limit_mb: int,
    remaining_s: float,
    progress: Progress | None = None,
    kernel: ReadyKernel | None = None,
    meanwhile: Callable[[], object] | None = None,
    now_and_then: Callable[[], object] | None = None,
    keep: bool = True,
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
    meanwhile
        Called once while the notebook is carried out, which leaves this process nothing to do.
    now_and_then
        Called every `LOOK_EVERY_S` while it is; it must not raise.
    keep
        Whether the executed copy is wanted; it is written while the notebook runs, see `SAVE_EVERY_S`.
    """
    ready: ReadyKernel
    if kernel is None:
        own = OwnKernel()
        own.point_to(context.folder, memory_limit_mb)
        ready = own
    else:
        ready = kernel
    copy = context.folder / NOTEBOOK if keep else None
    result: list[Outcome] = []
    begun = threading.Event()

    def carry_out() -> None:
        try:
            result.append(_papermill(notebook, copy, parameters, ready, progress, begun))
        finally:
            begun.set()

    runner = threading.Thread(target=carry_out, name="papermill", daemon=True)
    deadline = time.monotonic() + max(1.0, remaining_s + KILL_AFTER_S)
    try:
        runner.start()
        if meanwhile is not None and begun.wait(max(0.0, deadline - time.monotonic())):
            meanwhile()
        while now_and_then is not None and runner.is_alive() and time.monotonic() < deadline:
            runner.join(LOOK_EVERY_S)
            now_and_then()
        runner.join(max(0.0, deadline - time.monotonic()))
        late = runner.is_alive()
        if late:
            kill(ready.manager)
            runner.join(10.0)
    finally:
        kill(ready.manager)
        runner.join(5.0)
        ready.end()
    finished = has_event(context.folder, "finished")
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


def _papermill(
    notebook: Path,
    copy: Path | None,
    parameters: Mapping[str, Any],
    kernel: ReadyKernel,
    progress: Progress | None,
    first_cell: threading.Event,
) -> Outcome:
    lighten()
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    for name in ("papermill", "traitlets"):  # what they would say is in the outcome
        logging.getLogger(name).setLevel(logging.CRITICAL)
    done = cells = 0
    kept = _Copy(copy)

    def started(cell: Any, cell_index: int) -> None:
        nonlocal done
        done = cell_index
        first_cell.set()
        kept.save_now_and_then()
        if progress is not None:
            progress(cell_index, cells)

    def begun(notebook: Any) -> None:
        nonlocal cells
        cells = len(notebook.cells)
        kept.notebook = notebook

    try:
        papermill.execute_notebook(
            _braces(notebook),
            None if copy is None else _braces(copy),
            parameters=dict(parameters),
            progress_bar=False,
            log_output=False,
            km=kernel.manager,
            on_notebook_start=begun,
            on_cell_start=started,
            request_save_on_cell_execute=False,
        )
    except PapermillExecutionError as exc:
        return Outcome(ending="raised", detail=f"{exc.ename}: {exc.evalue}", cells_done=done, cells=cells)
    except CellTimeoutError as exc:
        kept.save()
        return Outcome(ending="timed_out", detail=str(exc), cells_done=done, cells=cells)
    except DeadKernelError:
        kept.save()
        return Outcome(
            ending="kernel_died", detail=f"the kernel died{_last_words(kernel.log)}", cells_done=done, cells=cells
        )
    except Exception as exc:
        kept.save()
        return Outcome(ending="not_started", detail=f"{type(exc).__name__}: {exc}", cells_done=done, cells=cells)
    finally:
        _close(kernel.manager)
    return Outcome(ending="completed", cells_done=cells, cells=cells)


class _Copy:
    """The executed notebook as it is so far, kept in a file that is never torn; what cannot be written is left."""

    def __init__(self, path: Path | None) -> None:
        self.notebook: Any = None
        self._path = path
        self._saved_s = time.monotonic()

    def save_now_and_then(self) -> None:
        """Save, unless that was done within `SAVE_EVERY_S`."""
        if time.monotonic() - self._saved_s >= SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Save; papermill itself tells of a file that cannot be written, when it writes it at the end."""
        import nbformat

        if self._path is None or self.notebook is None:
            return
        part = self._path.with_suffix(".part")
        with suppress(OSError, ValueError):
            part.write_text(nbformat.writes(self.notebook), encoding="utf-8")
            part.replace(self._path)
        self._saved_s = time.monotonic()


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
