"""Asking again within a session: recorded in its run under keys of their own, analysed as every run is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ..findings.case import Case
from ..models.exchange import Exchange
from ..models.observation import AnyObservation
from ..panels.live.desk import Ask, Told
from ..panels.view import View
from ..runbooks import windows
from ..runbooks.analyse import analyse
from ..runbooks.asking import ask_case, ask_live, ask_probes, live_channel, run_async
from ..runbooks.run import Run
from ..sources.catalogue import PROBES

PREFIX = "again"


class Again:
    """Records what is asked again beside what the run asked first."""

    def __init__(self, recorder: Any, number: int, told: Callable[[int, str], None]) -> None:
        self._recorder = recorder
        self._number = number
        self._told = told
        self._count = 0

    def exchange(self, exchange: Exchange) -> None:
        """Record *exchange* under a key of this question's own."""
        if self._recorder is not None:
            self._recorder.exchange(replace(exchange, key=f"{PREFIX}/{self._number}/{exchange.key}"))
        self._count += 1
        self._told(self._count, exchange.key)


def ask_again(run: Run, ask: Ask, *, number: int, extra: Sequence[str], told: Told) -> View:
    """
    Ask everything that *run*'s runbook asks for another window, and for services that it did not know.

    Parameters
    ----------
    number
        Which question of the session this is; part of its keys.

    Raises
    ------
    OpsError
        In words; nothing changed.
    """
    now = datetime.now(UTC)
    settings = run.settings
    if extra:
        settings = settings.model_copy(update={"services": (*settings.services, *extra)})
    text = ask.window or str(run.parameters.get("window", ""))
    if run.context.case is not None:
        window = windows.parse(text, now=run.case.now) if text else run.window
        asked = ask_case(run.exchanges, window)
    else:
        window = windows.parse(text, now=now)
        if run.events is not None:
            row = {"number": number, "start": window.start.isoformat(), "end": window.end.isoformat()}
            run.events.event("asked again", {**row, "services": list(extra)})
        recorder = Again(run.events, number, told)
        channel = live_channel(settings, recorder, started=now, budget_s=settings.budget_s)
        asked = ask_live(channel, settings, window, run.runbook.id)
    gathered = {key: one for key, one in run.case.observations.items() if key.startswith("archive/")}
    case = Case(
        window=window,
        now=asked.now,
        frames=asked.frames,
        observations=dict(sorted({**asked.observations, **gathered}.items())),
        settings=settings,
        alert_at=run.case.alert_at,
        parameters=run.parameters,
    )
    return View(
        context=run.context,
        runbook=run.runbook,
        settings=settings,
        case=case,
        analysis=analyse(case, run.runbook),
        parameters=run.parameters,
    )


def who_is_on_call(run: Run, number: int) -> AnyObservation | None:
    """Ask PagerDuty who is on call, for a runbook that does not ask it."""
    now = datetime.now(UTC)
    recorder = Again(run.events, number, lambda count, key: None)
    channel = live_channel(run.settings, recorder, started=now, budget_s=run.settings.budget_s)

    async def body() -> dict[str, AnyObservation]:
        try:
            return await ask_probes(channel, run.settings, run.window, [PROBES["pagerduty.oncalls"]])
        finally:
            await channel.close()

    return next(iter(run_async(body).values()), None)
