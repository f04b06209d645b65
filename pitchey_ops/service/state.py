"""What every part of the running service shares: settings, database, clock, and the way to wake the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ..clock import Clock, SystemClock
from ..settings import Settings
from .config import EngineConfig

if TYPE_CHECKING:
    from .intake.catalogue import HookSecrets
    from .intake.routing import Routing


def _nobody() -> None:
    """Nobody is there to be woken; the engine's sweep finds what was placed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    What every part of the running service shares.

    Attributes
    ----------
    db
        The service's database (`db.connect`), its tables made.
    nudge
        Wakes the engine after a commit that placed orders; cheap, never raises.
    public_url
        Where people reach the web page (``PITCHEY_OPS_PUBLIC_URL``), for links; None where it is not set.
    secrets
        Of the hooks; None: read from the environment when the app is made.
    routing
        Which alert starts which runbook; None: ``parameters/routing.yaml``.
    """

    settings: Settings
    db: sa.Engine
    config: EngineConfig = field(default_factory=EngineConfig)
    clock: Clock = field(default_factory=SystemClock)
    nudge: Callable[[], None] = _nobody
    public_url: str | None = None
    secrets: HookSecrets | None = None
    routing: Routing | None = None
