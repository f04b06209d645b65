"""
What a look asks, without the database: in this process, or in a fork that has the tables in memory already.

Reading answers takes tens of megabytes, once a minute; a worker that lets a fork ask (`asks_apart`) stays small. Only
what is found travels back, and the worker writes it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from ...clock import Clock, SystemClock
from ...models.exchange import Exchange
from ...runbooks.channels import live_channel, run_async
from ...settings import Settings, load
from . import questions
from .apart import BUDGET_S, given_of, rows_to_json
from .rows import Last, Row

log = logging.getLogger("pitchey_ops.watch")


class _Unkept:
    """Takes exchanges and keeps none: a look is a few words a probe."""

    def exchange(self, exchange: Exchange) -> None:
        """Let it go."""


def ask(
    settings: Settings,
    now: datetime,
    last: Mapping[str, Last],
    *,
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> list[Row]:
    """Ask within `BUDGET_S`; what was not answered until then was not seen."""
    due = questions.flows_due(settings, last, now)

    async def body() -> list[Row]:
        channel = live_channel(
            settings, _Unkept(), started=now, budget_s=BUDGET_S, clock=clock or SystemClock(), transport=transport
        )
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


def called(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Ask in the process of a fork: from JSON to JSON, see `apart`."""
    environment, now, last = given_of(given)
    return rows_to_json(ask(load(environment), now, last))
