"""How a run's notebook ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Ending = Literal["completed", "raised", "timed_out", "kernel_died", "not_started"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the notebook ended; ``detail`` is safe to show after redaction only."""

    ending: Ending
    detail: str = ""
    cells_done: int = 0
    cells: int = 0
