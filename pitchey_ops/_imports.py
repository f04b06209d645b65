"""Modules that other libraries import at a price and that nothing of ours needs."""

from __future__ import annotations

import gc
import sys
import warnings
from types import ModuleType

UNNEEDED = (
    "rfc3987_syntax",  # jsonschema parses a grammar for a second; it only adds checks of IRIs
    "httpx._main",  # httpx's command line, with rich and pygments
)
UNNEEDED_HEADLESS = (
    "debugpy",  # a debugger for a kernel that nobody sits before
    "mpl_toolkits.mplot3d",  # nothing is drawn in three dimensions
)


def lighten() -> None:
    """
    Make the imports of `UNNEEDED` fail at once, which their importers take as "not installed".

    Called by our own processes only, before anything else is imported; other programs are not changed.
    """
    for name in UNNEEDED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def lighten_headless() -> None:
    """
    Do as `lighten` for a kernel that nobody sits before: what is for people alone is left out, too.

    Such a kernel lives for one run, whose answers are a million small objects that stay: the collector of cycles, which
    would look through them again and again for nothing, looks rarely.
    """
    global _headless
    lighten()
    gc.set_threshold(1_000_000, 50, 50)
    _headless = True
    for name in UNNEEDED_HEADLESS:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    warnings.filterwarnings("ignore", message="Unable to import Axes3D")


def lighten_numbers() -> None:
    """
    Shorten what follows, the import of SciPy, where `lighten_headless` was called; else do nothing.

    SciPy imports all that NumPy offers: its wrapper of Fortran is left empty. Results are the same.
    """
    if not _headless or "scipy.special" in sys.modules or "numpy.f2py" in sys.modules:
        return
    import numpy as np

    empty = ModuleType("numpy.f2py")
    sys.modules["numpy.f2py"] = empty
    setattr(np, "f2py", empty)  # noqa: B010 - a name that NumPy itself sets only when it is asked for


def lighten_drawing() -> None:
    """
    Shorten what follows, the import of Matplotlib, where `lighten_headless` was called; else do nothing.

    It writes the help texts of its classes anew at each start, a third of its import: they stay empty. Figures are the
    same.
    """
    if not _headless or "matplotlib.figure" in sys.modules:
        return
    from matplotlib import artist as artists

    artists.kwdoc = lambda artist: ""


_headless = False
