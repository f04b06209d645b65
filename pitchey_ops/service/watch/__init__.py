"""
Memory of its own: the platform's stores go blind in ordinary operation (contract, traps 1, 9, 12), so we look.

`tick` is called by every worker several times a minute; one of all takes the minute, asks, and writes what it saw. A
look that saw nothing says so, and a minute without a look has no row: neither is ever "fine".
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from dataclasses import dataclass
from datetime import datetime

import httpx
import sqlalchemy as sa

from ...clock import Clock, SystemClock
from ...models.exchange import Exchange
from ...runbooks.asking import live_channel, run_async
from ...settings import Settings
from ..db import reading
from ..intake.routing import Routing, load_routing
from . import alarms, questions, store
from .config import WatchConfig, load_watch
from .rows import Row, settled

__all__ = ["Looked", "tick"]

log = logging.getLogger("pitchey_ops.watch")
BUDGET_S = 15.0
"""A look's whole time. `Budget` gives 60 % of it to asking, so that what hangs is known to hang after nine seconds."""
ROLL_EVERY_MIN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """
    What a tick did.

    Attributes
    ----------
    mine
        False: the minute was taken, by this process or another; nothing was asked.
    rows
        What was written.
    incidents
        Incidents that alerts of this look were put to.
    """

    minute: datetime
    mine: bool
    rows: tuple[Row, ...] = ()
    incidents: tuple[str, ...] = ()


class _Unkept:
    """Takes exchanges and keeps none: a look is a few words a probe."""

    def exchange(self, exchange: Exchange) -> None:
        """Let it go."""


def tick(
    db_engine: sa.Engine,
    settings: Settings,
    clock: Clock | None = None,
    *,
    config: WatchConfig | None = None,
    routing: Routing | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Looked:
    """
    Look once, if this minute is nobody's yet.

    Parameters
    ----------
    config
        By default that of the environment.
    routing
        Where its own alerts go; by default ``parameters/routing.yaml``, read only when one may be raised.
    transport
        In place of the network, for tests.

    Raises
    ------
    ConfigError
        A variable is wrong; nothing was asked.
    sqlalchemy.exc.SQLAlchemyError
        The database does not answer. A minute that was taken stays without rows: unseen.
    """
    clock = clock or SystemClock()
    config = config or load_watch()
    now = clock.now()
    minute = now.replace(second=0, microsecond=0)
    if not config.on:
        return Looked(minute=minute, mine=False)
    with db_engine.begin() as connection:
        if not store.take(connection, minute, _worker(), now):
            return Looked(minute=minute, mine=False)
    with reading(db_engine) as connection:
        due = questions.flows_due(settings, store.last_flows(connection, now), now)
    found = settled(_asked(settings, clock, now, due, transport))
    placed: list[str] = []
    with db_engine.begin() as connection:
        store.write(connection, minute, found)
        if config.alerts:
            given = alarms.raise_alarms(connection, found, minute, routing or load_routing(settings), now=now)
            placed = [one.incident_id for one in given if one.incident_id is not None]
    if minute.minute % ROLL_EVERY_MIN == 2:  # a look that began in the last minute of a span is written by then
        with db_engine.begin() as connection:
            store.roll_up(connection, now)
            store.forget(connection, now)
    return Looked(minute=minute, mine=True, rows=tuple(found), incidents=tuple(placed))


def _asked(
    settings: Settings, clock: Clock, now: datetime, due: list[str], transport: httpx.AsyncBaseTransport | None
) -> list[Row]:
    """Ask within the budget; what was not answered until then was not seen."""

    async def body() -> list[Row]:
        channel = live_channel(settings, _Unkept(), started=now, budget_s=BUDGET_S, clock=clock, transport=transport)
        try:
            async with asyncio.timeout(BUDGET_S):
                return await questions.look(channel, settings, now, flows=due, seldom=now.minute % 5 == 0)
        finally:
            await channel.close()

    try:
        return run_async(body)
    except TimeoutError:
        log.warning("a look at the platform did not end in time; nothing is known of this minute")
        return []


def _worker() -> str:
    return f"{socket.gethostname()[:40]}-{os.getpid()}"
