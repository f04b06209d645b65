"""Asking again within a session: recorded in its run under keys of their own, analysed as every run is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from ..findings.case import Case
from ..findings.catalogue import RULES
from ..findings.onset import Onset
from ..models.exchange import Exchange
from ..models.finding import Finding, NotChecked
from ..models.observation import AnyObservation
from ..models.window import Window
from ..panels.live.desk import Ask, Told
from ..panels.view import View
from ..runbooks import windows
from ..runbooks.analyse import Analysis, analyse, sources_seen
from ..runbooks.asking import ask_case, ask_live, ask_probes, gathered
from ..runbooks.channels import live_channel, run_async
from ..runbooks.run import Run
from ..sources.catalogue import PROBES
from .parts import RESTS, probes_of
from .remembering import Memory, Remembering

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


@dataclass(frozen=True, kw_only=True)
class PartCase(Case):
    """A part of an investigation's evidence; its onset is the one that the whole of it gave."""

    known_onset: Onset | None = None

    @cached_property
    def onset(self) -> Onset | None:
        """The onset as the run saw it: a part of the sources could only guess it anew."""
        return self.known_onset


def part_of(whole: View, observations: Mapping[str, AnyObservation], window: Window, now: datetime, step: str) -> View:
    """
    Return the view of *observations* for the panel of *step*.

    Verdict, hypotheses and onset stay those of *whole*; only the rules that the panel tells are applied.
    """
    asked = gathered(observations, window)
    case = PartCase(
        window=window,
        now=max(now, asked.now),
        frames=asked.frames,
        observations=dict(sorted(observations.items())),
        settings=whole.settings,
        alert_at=whole.case.alert_at,
        parameters=whole.parameters,
        known_onset=whole.case.onset,
    )
    findings: list[Finding] = []
    not_checked: list[NotChecked] = []
    for name in RESTS[step].rules:
        if name not in whole.runbook.rules:
            continue
        try:
            result = RULES[name].check(case)
        except Exception as exc:
            result = NotChecked(rule=name, because=f"the rule itself failed ({type(exc).__name__})")
        if isinstance(result, NotChecked):
            not_checked.append(result)
        else:
            findings += result
    before = whole.analysis
    assert isinstance(before, Analysis)
    analysis = replace(
        before,
        findings=tuple(sorted(findings, key=lambda f: (-f.severity, f.id))),
        not_checked=tuple(not_checked),
        sources=sources_seen(observations),
    )
    return replace(whole, case=case, analysis=analysis)


def window_of(run: Run, ask: Ask, now: datetime) -> Window:
    """
    Return the span that *ask* means now.

    Raises
    ------
    OpsError
        It is no span, in words.
    """
    return windows.parse(ask.window or str(run.parameters.get("window", "")), now=now)


def ask_parts(
    run: Run, window: Window, parts: Sequence[str], *, memory: Memory, number: int, extra: Sequence[str], told: Told
) -> dict[str, AnyObservation]:
    """
    Ask *parts* of what the runbook asks, about *window*; recorded as `ask_again`, but for what *memory* holds: that
    is in the record already.

    Raises
    ------
    OpsError
        In words; nothing changed.
    """
    settings = run.settings
    if extra:
        settings = settings.model_copy(update={"services": (*settings.services, *extra)})
    if run.events is not None:
        row = {"number": number, "start": window.start.isoformat(), "end": window.end.isoformat()}
        run.events.event("asked again", {**row, "services": list(extra), "parts": list(parts)})
    recorder = Again(run.events, number, told)
    channel = live_channel(settings, recorder, started=datetime.now(UTC), budget_s=settings.budget_s)
    probes = [PROBES[name] for part in parts for name in probes_of(part, run.runbook.id)]

    async def body() -> dict[str, AnyObservation]:
        try:
            return await ask_probes(Remembering(channel, memory), settings, window, probes)
        finally:
            await channel.close()

    return run_async(body)


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
