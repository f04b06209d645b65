"""How much time a run has left, and how much of it may be spent on asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ..clock import Clock

ASKING_SHARE = 0.6
"""Share of the budget within which everything is asked (design, section 3)."""


@dataclass(frozen=True, slots=True)
class Budget:
    """
    A total that began at *started*; the rest is measured on *clock*.

    Where *age_s* is given it tells the seconds since the beginning instead: a machine's clock can be set meanwhile,
    which must neither shorten nor lengthen a run.
    """

    started: datetime
    total_s: float
    clock: Clock
    age_s: Callable[[], float] | None = None

    def left_s(self) -> float:
        """Return the seconds that are left of the whole budget; negative when it is overdrawn."""
        return self.total_s - self._age_s()

    def asking_left_s(self) -> float:
        """Return the seconds that are left for asking."""
        return self.total_s * ASKING_SHARE - self._age_s()

    def _age_s(self) -> float:
        return (self.clock.now() - self.started).total_seconds() if self.age_s is None else self.age_s()
