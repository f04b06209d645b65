"""
The kernel of a session: a person's, so it may hold write credentials and carry actions out.

Started by the session's JupyterLab as ``python -m pitchey_ops.workbench.kernel -f CONNECTION_FILE``; bounded in
memory and gone when its server is gone.
"""

from __future__ import annotations

import os

from .._imports import lighten
from ..runbooks.kernel import bound


def main() -> None:
    """Put the bench in place, then serve."""
    bound()
    lighten()
    os.environ.setdefault("POLARS_MAX_THREADS", "2")
    os.environ.setdefault("MPLBACKEND", "agg")
    from ipykernel.kernelapp import IPKernelApp
    from ipywidgets import register_comm_target

    from ..runbooks import hosting
    from .bench import bench, tell_errors_in_words

    hosting.work_in(bench())
    app = IPKernelApp.instance()
    app.initialize()
    # the bench imported the widgets before there was a kernel: a page that is loaded again asks by these for theirs
    register_comm_target(app.kernel)
    tell_errors_in_words(app.shell)
    app.start()


if __name__ == "__main__":
    main()
