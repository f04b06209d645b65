"""
Executable incident runbooks for the Pitchey platform.

A notebook needs one name: `investigate`. It is imported when it is first used, so that the command line
stays quick; what only the answers need is not imported with it, so that a cold start can ask while it imports that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .runbooks.investigate import investigate
    from .runbooks.run import Run

__all__ = ["Run", "investigate"]


def __getattr__(name: str) -> Any:
    if name == "investigate":
        from .runbooks.investigate import investigate

        return investigate
    if name == "Run":
        from .runbooks.run import Run

        return Run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
