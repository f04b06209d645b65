"""A look that a fork asks for the worker: what is given to it and what comes back, as JSON; light on purpose."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ...settings import Settings
from ..forking import CallFailed, NoNursery
from ..kernels import KernelPool
from .rows import Last, Row

log = logging.getLogger("pitchey_ops.watch")
BUDGET_S = 15.0
"""A look's whole time. `Budget` gives 60 % of it to asking, so that what hangs is known to hang after nine seconds."""
LEAVE_S = 10.0
"""A fork that did not end by itself so long after it should have is killed."""
FUNCTION = "pitchey_ops.service.watch.asked:called"


def asks_apart(kernels: KernelPool, settings: Settings, now: datetime, last: Mapping[str, Last]) -> list[Row]:
    """
    Have a fork of the kernels' nursery ask; where there is none, this process does.

    A fork that failed has seen nothing, and so has this minute.
    """
    try:
        found = kernels.call(settings, FUNCTION, to_give(settings, now, last), within_s=BUDGET_S + LEAVE_S)
    except NoNursery:
        from .asked import ask  # takes the tables along

        return ask(settings, now, last)
    except CallFailed as exc:
        log.warning("a look at the platform came to nothing (%s); nothing is known of this minute", exc)
        return []
    return rows_from_json(found)


def to_give(settings: Settings, now: datetime, last: Mapping[str, Last]) -> dict[str, Any]:
    """Return what a fork has to know."""
    flows = {flow: [minute.isoformat(), state, count] for flow, (minute, state, count) in last.items()}
    return {"environment": settings.environment, "now": now.isoformat(), "last": flows}


def given_of(given: Mapping[str, Any]) -> tuple[str, datetime, dict[str, Last]]:
    """Return environment, time and newest rows; the other way of `to_give`."""
    flows = {
        flow: (datetime.fromisoformat(minute), state, count) for flow, (minute, state, count) in given["last"].items()
    }
    return given["environment"], datetime.fromisoformat(given["now"]), flows


def rows_to_json(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return *rows* as JSON."""
    return [asdict(row) | {"newest": row.newest.isoformat() if row.newest else None} for row in rows]


def rows_from_json(found: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return rows; the other way of `rows_to_json`."""
    return [
        Row(**{**row, "newest": datetime.fromisoformat(row["newest"]) if row["newest"] is not None else None})
        for row in found
    ]
