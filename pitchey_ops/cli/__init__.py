"""The command line: thin, one file a group of commands, everything heavy imported when it is used."""

from __future__ import annotations

import os

from .._imports import lighten

__all__ = ["main"]


def main() -> int:
    """Run the command line and return the exit code: 0 done, 1 failed, 2 wrong use, 3 bad news where asked."""
    lighten()
    os.environ.setdefault("POLARS_MAX_THREADS", "2")
    from .app import run

    return run()
