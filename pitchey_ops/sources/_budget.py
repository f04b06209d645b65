"""How much time a run has left, and how much of it may be spent on asking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..clock import Clock

ASKING_SHARE = 0.6
"""Share of the budget within which everything is asked (design, section 3)."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A total that began at *started*; the rest is measured on *clock*."""

    started: datetime
    total_s: float
    clock: Clock

    def left_s(self) -> float:
        """Return the seconds that are left of the whole budget; negative when it is overdrawn."""
        return (self.started + timedelta(seconds=self.total_s) - self.clock.now()).total_seconds()

    def asking_left_s(self) -> float:
        """Return the seconds that are left for asking."""
        end = self.started + timedelta(seconds=self.total_s * ASKING_SHARE)
        return (end - self.clock.now()).total_seconds()
