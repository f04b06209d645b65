"""
The kernel that a runbook runs in: bounded in memory, gone when its parent is gone, imports done.

Started as ``python -m pitchey_ops.runbooks.kernel -f CONNECTION_FILE``. It is a process group of its own,
so that the runner can kill it and everything that it started.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from types import ModuleType
from typing import Any

from .._imports import lighten_headless

MEMORY_VARIABLE = "PITCHEY_OPS_KERNEL_MEMORY_MB"
UNSEEN_VARIABLE = "PITCHEY_OPS_KERNEL_UNSEEN"
"""Set where only the report counts and the notebook is thrown away: pictures are left out then."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def bound() -> None:
    """Limit the address space and ask Linux to kill this process when its parent dies."""
    megabytes = int(os.environ.get(MEMORY_VARIABLE, "0"))
    if megabytes > 0:
        limit = megabytes * 1024 * 1024
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died in between
            os._exit(1)


def adopt() -> None:
    """Become the parent of what children of this process leave behind: in a container nobody else may care for it."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def few_threads() -> None:
    """
    Have numerical libraries compute on the thread that asks, unless the environment says otherwise.

    Tables of a run are small: handing parts of them to other threads costs more than it saves, and takes the cores
    from other runs. Called before the first of these libraries is imported.
    """
    for name in ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def application() -> Any:
    """
    Return the class of ipykernel's application, without what people set up for themselves.

    A run must not depend on configuration, extensions and start-up files under somebody's home, and nobody asks such a
    kernel for its earlier inputs: they are not written there.
    """
    from ipykernel import ipkernel
    from ipykernel.kernelapp import IPKernelApp
    from traitlets.config import Config

    vars(ipkernel)["sys"] = _without_modules()

    class Headless(IPKernelApp):
        """Serves one run."""

        def parse_command_line(self, argv: Any = None) -> None:
            """Take nothing from a command line: all is given when this is made."""
            self.update_config(Config(HistoryManager={"enabled": False}))

        def load_config_file(self, *_: Any, **__: Any) -> None:
            """Read no file."""

        def init_extensions(self) -> None:
            """Load nothing."""

        def init_code(self) -> None:
            """Run no start-up file."""

    return Headless


def _without_modules() -> ModuleType:
    """
    Return what is in `sys`, with no module in its list.

    A kernel begins by looking at the file of every module there is, for a debugger that nobody uses in a run. In a
    fork each look copies the page that the module lies on: eight megabytes, a third of all that is copied by then.
    """
    bare = ModuleType("sys")
    vars(bare).update(vars(sys), modules={})
    return bare


def main() -> None:
    """Import what every runbook needs, then serve."""
    bound()
    lighten_headless()
    few_threads()
    app = application()

    from . import investigate
    from .given import VARIABLE

    unseen = UNSEEN_VARIABLE in os.environ
    if unseen:
        from ..panels import style

        style.leave_out_pictures()
    if VARIABLE not in os.environ or unseen:  # a run that is about to ask imports the rest while it asks
        investigate.complete()
    app.launch_instance(argv=[], connection_file=sys.argv[sys.argv.index("-f") + 1])


if __name__ == "__main__":
    main()
