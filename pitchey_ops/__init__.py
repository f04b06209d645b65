"""
Executable incident runbooks for the Pitchey platform.

A notebook needs one name: `investigate`. It is imported when it is first used, so that the command line
stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .runbooks.investigate import Run, investigate

__all__ = ["Run", "investigate"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from .runbooks import investigate as module

        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
