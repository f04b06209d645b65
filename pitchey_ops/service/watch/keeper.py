"""What a worker does every minute besides its runs: look at the platform, and say outward that it lives."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from ...clock import Clock, SystemClock
from ...settings import Settings
from .. import heartbeat
from .config import WatchConfig, load_watch
from .looking import Ask, tick

log = logging.getLogger("pitchey_ops.watch")
ROUND_S = 2.0
"""How often a worker looks at the clock. Several a minute: whichever worker is first takes the minute."""


class Keeper:
    """
    Keeps watch for one worker; its methods are called every `ROUND_S` seconds and do something once a minute.

    Parameters
    ----------
    queue
        Asks the queue something; raises when it does not answer.
    ask
        What asks the platform; by default this process does.
    """

    def __init__(
        self,
        db: sa.Engine,
        settings: Callable[[], Settings],
        queue: Callable[[], object],
        *,
        clock: Clock | None = None,
        config: WatchConfig | None = None,
        ask: Ask | None = None,
    ) -> None:
        self._db = db
        self._settings = settings
        self._queue = queue
        self._clock = clock or SystemClock()
        self._config = config or load_watch()
        self._ask = ask
        self._looked: datetime | None = None
        self._beaten: datetime | None = None
        self._silent = ""

    def look(self) -> None:
        """Look at the platform, once a minute of all workers together."""
        minute = self._minute()
        if not self._config.on or minute == self._looked:
            return
        tick(self._db, self._settings(), self._clock, config=self._config, ask=self._ask)
        self._looked = minute  # not before: a database that was away is asked again in this very minute

    def beat(self) -> None:
        """Send a sign of life, once a minute."""
        minute = self._minute()
        if self._config.heartbeat_url is None or minute == self._beaten:
            return
        self._beaten = minute
        done = heartbeat.beat(self._config.heartbeat_url, self._db, self._queue, now=self._clock.now())
        if done.why != self._silent:
            log.log(logging.INFO if done.taken else logging.WARNING, "heartbeat: %s", done.why or "is heard again")
        self._silent = done.why

    def _minute(self) -> datetime:
        return self._clock.now().replace(second=0, microsecond=0)
