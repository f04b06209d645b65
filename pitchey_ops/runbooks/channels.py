"""
How to reach the sources: a channel that asks for real, and a thread in which its questions are asked.

Apart from `asking` so that what only asks (the service's watch, the notes of a Slack thread) need not carry the tables.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

import httpx

from ..clock import Clock, SystemClock
from ..settings import Settings
from ..sources._answers import Answers, FileAnswers
from ..sources._budget import Budget
from ..sources._http import Closes, LiveChannel, Records
from ..sources._slots import FileSlots, Slots
from .redacting import redactor_for

T = TypeVar("T")
SWITCH_S = 0.0005
"""Seconds after which a thread that computes lets another have its turn, while both have work."""


def run_async(make: Callable[[], Coroutine[Any, Any, T]], *, meanwhile: Callable[[], object] | None = None) -> T:
    """
    Run a coroutine to its end in a thread of its own: a notebook's own event loop is running already.

    *meanwhile* is called in this thread, while that one waits for answers most of the time.
    """
    result: list[T] = []
    fault: list[BaseException] = []

    def body() -> None:
        try:
            result.append(asyncio.run(make()))
        except BaseException as exc:
            fault.append(exc)

    thread = threading.Thread(target=body, name="asking")
    thread.start()
    try:
        if meanwhile is not None:
            before_s = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH_S)  # an answer must not wait for a turn of five milliseconds
            try:
                meanwhile()
            finally:
                sys.setswitchinterval(before_s)
    finally:
        thread.join()
    if fault:
        raise fault[0]
    return result[0]


def live_channel(
    settings: Settings,
    recorder: Records,
    *,
    started: datetime,
    budget_s: float,
    age_s: Callable[[], float] | None = None,
    clock: Clock | None = None,
    slots: Slots | None = None,
    answers: Answers | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> LiveChannel:
    """
    Return the channel that asks for real, sharing slots and answers with every run on this machine.

    *age_s* tells how long ago *started* was, where the machine's clock is not to be trusted with that.
    """
    clock = clock or SystemClock()
    shared = settings.archive_root() / ".shared"
    owned: list[Closes] = []
    if slots is None:
        slots = file_slots = FileSlots(shared / "slots", settings.concurrency_per_host)
        owned.append(file_slots)
    if answers is None:
        answers = file_answers = FileAnswers(shared)
        owned.append(file_answers)
    return LiveChannel(
        settings,
        budget=Budget(started, budget_s, clock, age_s),
        clock=clock,
        redactor=redactor_for(settings),
        recorder=recorder,
        slots=slots,
        answers=answers,
        transport=transport,
        owned=owned,
    )
