"""
A sign of life outward: a dead man's switch elsewhere is told every minute that the service lives.

When the signs stay away, that switch wakes somebody. So they must stay away whenever alerts would not become reports:
when the database or the queue does not answer, and when what is due has been waiting for too long.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import sqlalchemy as sa

from . import orders
from .db import reading, why

log = logging.getLogger("pitchey_ops.heartbeat")
EVERY_S = 60.0
WITHIN_S = 10.0
STUCK_AFTER = timedelta(minutes=15)
"""A run takes a minute or two with everything around it: what is due for so long is not going to be taken."""


@dataclass(frozen=True, slots=True)
class Beat:
    """Whether the sign was taken, and if not why; never with the address in it."""

    taken: bool
    why: str = ""


def beat(
    url: str,
    engine: sa.Engine,
    queue: Callable[[], object],
    *,
    now: datetime,
    transport: httpx.BaseTransport | None = None,
) -> Beat:
    """
    Send one sign of life, if there is life.

    Parameters
    ----------
    url
        The switch's address, a secret. Any 2xx is taken as heard.
    queue
        Asks the queue something; raises when it does not answer.
    transport
        In place of the network, for tests.
    """
    fault = trouble(engine, queue, now)
    if fault:
        return Beat(False, f"no sign of life was sent: {fault}")
    try:
        with httpx.Client(timeout=WITHIN_S, trust_env=False, transport=transport) as client:
            status = client.get(url, headers={"user-agent": "pitchey-ops"}).status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as exc:
        return Beat(False, f"the switch could not be reached ({type(exc).__name__})")
    return Beat(True) if 200 <= status < 300 else Beat(False, f"the switch answered with status {status}")


def trouble(engine: sa.Engine, queue: Callable[[], object], now: datetime) -> str:
    """Return what keeps alerts from becoming reports, empty where nothing does."""
    try:
        with reading(engine) as connection:
            since = orders.oldest_waiting(connection, now)
    except Exception as exc:
        return f"the database does not answer ({why(exc)})"
    try:
        queue()
    except Exception as exc:
        return f"the queue does not answer ({why(exc)})"
    if since is not None and now - since > STUCK_AFTER:
        return f"a run has been due for {(now - since).total_seconds() / 60:.0f} min and is not done"
    return ""
