"""JupyterLab's process of a session: gone when the command that started it is gone."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from .._imports import lighten

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until told to stop."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
    lighten()
    from jupyterlab.labapp import LabApp  # type: ignore[import-untyped]

    LabApp.launch_instance(sys.argv[1:])


if __name__ == "__main__":
    main()
