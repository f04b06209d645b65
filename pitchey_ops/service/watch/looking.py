"""
Memory of its own: the platform's stores go blind in ordinary operation (contract, traps 1, 9, 12), so we look.

`tick` is called by every worker several times a minute; one of all takes the minute, asks, and writes what it saw. A
look that saw nothing says so, and a minute without a look has no row: neither is ever "fine".
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import httpx
import sqlalchemy as sa

from ...clock import Clock, SystemClock
from ...settings import Settings
from ..db import reading
from ..intake.routing import Routing, load_routing
from . import alarms, store
from .config import WatchConfig, load_watch
from .rows import Last, Row, settled

log = logging.getLogger("pitchey_ops.watch")
ROLL_EVERY_MIN = 10


Ask = Callable[[Settings, datetime, Mapping[str, Last]], list[Row]]
"""Asks for settings at a time, told the newest row of each flow, and returns what was seen."""


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


def tick(
    db_engine: sa.Engine,
    settings: Settings,
    clock: Clock | None = None,
    *,
    config: WatchConfig | None = None,
    routing: Routing | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    ask: Ask | None = None,
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
    ask
        What asks; by default this process does.

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
        last = store.last_flows(connection, now)
    found = settled((ask or _asks_here(clock, transport))(settings, now, last))
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


def _asks_here(clock: Clock, transport: httpx.AsyncBaseTransport | None) -> Ask:
    from .asked import ask  # takes the tables along

    return partial(ask, clock=clock, transport=transport)


def _worker() -> str:
    return f"{socket.gethostname()[:40]}-{os.getpid()}"
