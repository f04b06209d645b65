"""
Executable incident runbooks for the Pitchey platform.

A notebook needs one name: `investigate`. It is imported when it is first used, so that the command line
stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .runbooks.investigate import investigate
    from .runbooks.run import Run

__all__ = ["Run", "investigate"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from .runbooks import investigate, run

        return {"Run": run.Run, "investigate": investigate.investigate}[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
