"""Memory that a run took in the worker, given back to the system: a worker waits far longer than it works."""

from __future__ import annotations

import ctypes
import gc
import sys

SELDOM = (10_000, 10, 10)
"""Objects more than before, and rounds, between two looks for garbage in a worker; the default is 700 objects."""


def collect_seldom() -> None:
    """Have cycles of garbage collected less often: a run leaves few of them, and each look costs it time."""
    gc.set_threshold(*SELDOM)


def release_memory() -> None:
    """
    Collect garbage and have the C library give free pages back, where it can (glibc).

    What is there after the first time, modules above all, is not looked at again: it is there to stay, and looking
    at it takes a tenth of a second.
    """
    gc.collect()
    if gc.get_freeze_count() == 0:
        gc.freeze()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
