"""
One scenario, asked and analysed in this process under virtual time.

What a run does in a notebook, without notebook, charts, sockets, disk or waiting: the same channel with its
budget, retries and redaction asks the sandbox's own handlers, the same rules weigh what came back. Only
the archive's many small objects are handed over directly, with the same limits as on the way by HTTP.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from starlette.applications import Starlette

from ..clock import LoopClock
from ..diagnosis.weigh import strongest
from ..findings.case import Case
from ..models.exchange import Attempt, Exchange, Question
from ..models.finding import RuleResult
from ..models.observation import AnyObservation
from ..models.report import HypothesisScore, SourceSeen, Verdict
from ..models.window import Window
from ..runbooks.analyse import Analysis, analyse
from ..runbooks.asking import Asked, ask_all, gathered
from ..runbooks.catalogue import RUNBOOKS, runbook
from ..runbooks.redacting import redactor_for
from ..sandbox.app import create_app
from ..sandbox.clock import LoopClock as SandboxClock
from ..sandbox.generate import build
from ..sandbox.scenarios import catalogue
from ..sandbox.state import BUCKET, Options, State
from ..sandbox.store import ArchiveStore, ObjectPage, StoredObject
from ..sandbox.world import Truth, World
from ..settings import SECRET_FIELDS, SERVICES, Settings, load
from ..sources._answers import MemoryAnswers
from ..sources._budget import Budget
from ..sources._http import LiveChannel
from ..sources._slots import MemorySlots
from .virtual import run_virtual

REHEARSED_AT = datetime(2026, 11, 23, 8, 27, 10, tzinfo=UTC)
"""The moment at which every drill asks: a Monday morning, so that two drills of one variant are the same."""
ORIGIN = "http://sandbox.invalid"
WINDOW = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Played:
    """
    What one runbook said about one variant, with what had happened.

    Attributes
    ----------
    signals
        Strength (0-1) of every signal that a finding gave.
    findings
        ``(id, severity, claim)`` of every finding, most severe first.
    asked_s
        Virtual seconds from the first question to the last answer.
    seconds
        CPU seconds of this process by part: ``build``, ``ask``, ``analyse``.
    """

    scenario: str
    seed: int
    split: str
    beside: tuple[str, ...]
    runbook: str
    truth: Truth
    verdict: Verdict
    scores: tuple[HypothesisScore, ...]
    signals: Mapping[str, float]
    findings: tuple[tuple[str, int, str], ...]
    not_checked: tuple[tuple[str, str], ...]
    sources: tuple[SourceSeen, ...]
    unmet: tuple[str, ...]
    asked_s: float
    questions: int
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)

    @property
    def place(self) -> int | None:
        """Where the true cause stands among the hypotheses, 1 for first; None when it is none of them."""
        ids = [score.id for score in self.scores]
        return ids.index(self.truth.cause) + 1 if self.truth.cause in ids else None


def play(
    scenario: str,
    *,
    seed: int = 0,
    runbooks: Sequence[str] | None = None,
    breaks: Iterable[str] | Mapping[str, str | None] = (),
    now: datetime = REHEARSED_AT,
    entries: int = 200_000,
) -> list[Played]:
    """
    Play one variant of *scenario* and return what each runbook says.

    Parameters
    ----------
    runbooks
        Ids; those that the scenario counts for by default. What they ask is asked once, together.
    breaks
        ``SERVICE=KIND`` texts, as `sandbox.breaks`.
    now
        When the runbooks are run; they look at the hour before.
    entries
        Log entries of the world's ordinary week, about.

    Raises
    ------
    KeyError
        For an unknown scenario.
    UsageError
        For an unknown runbook.
    """
    books = list(runbooks) if runbooks is not None else runbooks_for(scenario)
    return analysed(evidence(scenario, seed=seed, runbooks=books, breaks=breaks, now=now, entries=entries), books)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that was answered about one variant, with what had happened; ``seconds`` as in `Played`."""

    scenario: str
    seed: int
    beside: tuple[str, ...]
    truth: Truth
    answers: Answered
    settings: Settings
    seconds: Mapping[str, float] = field(default_factory=dict)


def evidence(
    scenario: str,
    *,
    seed: int = 0,
    runbooks: Sequence[str],
    breaks: Iterable[str] | Mapping[str, str | None] = (),
    now: datetime = REHEARSED_AT,
    entries: int = 200_000,
) -> Evidence:
    """Build the world of one variant and ask it what all *runbooks* ask, once; parameters as `play`."""
    began = time.process_time()
    world = build(scenario, seed=seed, now_ms=round(now.timestamp() * 1000), entries=entries)
    built = time.process_time() - began
    asked = asked_of(world, runbooks=runbooks, breaks=breaks)
    return replace(asked, beside=catalogue()[scenario].beside, seconds={"build": built, **asked.seconds})


def asked_of(
    world: World,
    *,
    runbooks: Sequence[str],
    breaks: Iterable[str] | Mapping[str, str | None] = (),
    settings: Settings | None = None,
    options: Options | None = None,
    memory: dict[str, Exchange] | None = None,
) -> Evidence:
    """
    Ask *world* what all *runbooks* ask, once.

    Raises
    ------
    ValueError
        The world has no truth to compare with.
    """
    if world.truth is None:
        raise ValueError(f"the world {world.name} has no truth to compare with")
    settings = settings or drill_settings()
    began = time.process_time()
    answers = ask_world(world, runbooks=runbooks, breaks=breaks, settings=settings, options=options, memory=memory)
    return Evidence(
        scenario=world.name,
        seed=world.seed,
        beside=(),
        truth=world.truth,
        answers=answers,
        settings=settings,
        seconds={"ask": time.process_time() - began},
    )


def analysed(found: Evidence, runbooks: Sequence[str]) -> list[Played]:
    """Return what each of *runbooks* says about the evidence; rules that they share are applied once."""
    answers = found.answers
    case = Case(
        window=answers.window,
        now=answers.asked.now,
        frames=answers.asked.frames,
        observations=answers.asked.observations,
        settings=found.settings,
    )
    known: dict[str, RuleResult] = {}
    played = []
    for name in runbooks:
        began = time.process_time()
        analysis = analyse(case, runbook(name), known=known)
        shared = {part: seconds / len(runbooks) for part, seconds in found.seconds.items()}
        played.append(_played(found, name, analysis, {**shared, "analyse": time.process_time() - began}))
    return played


def runbooks_for(scenario: str) -> list[str]:
    """Return the runbooks that *scenario* counts for: triage, and those that there are of its own."""
    return [name for name in RUNBOOKS if name == "triage" or name in catalogue()[scenario].runbooks]


def _played(found: Evidence, name: str, analysis: Analysis, seconds: Mapping[str, float]) -> Played:
    return Played(
        scenario=found.scenario,
        seed=found.seed,
        split=found.truth.split,
        beside=found.beside,
        runbook=name,
        truth=found.truth,
        verdict=analysis.verdict,
        scores=analysis.scores,
        signals={signal: strength for signal, (strength, _) in sorted(strongest(analysis.findings).items())},
        findings=tuple((finding.id, int(finding.severity), finding.claim) for finding in analysis.findings),
        not_checked=tuple((item.rule, item.because) for item in analysis.not_checked),
        sources=analysis.sources,
        unmet=analysis.unmet,
        asked_s=found.answers.took_s,
        questions=found.answers.questions,
        seconds=seconds,
    )


@dataclass(frozen=True, kw_only=True)
class Answered:
    """All answers of one world: ``took_s`` in virtual seconds, ``questions`` as they were put."""

    asked: Asked
    window: Window
    took_s: float
    questions: int


def ask_world(
    world: World,
    *,
    runbooks: Sequence[str],
    breaks: Iterable[str] | Mapping[str, str | None] = (),
    settings: Settings | None = None,
    options: Options | None = None,
    memory: dict[str, Exchange] | None = None,
) -> Answered:
    """
    Ask a sandbox with *world* everything that *runbooks* ask, under virtual time, without sockets.

    *memory* keeps what sound services answered, for whoever asks one world many times with other breaks.
    """
    settings = settings or drill_settings()
    started = datetime.fromtimestamp(world.now_ms / 1000, UTC)
    window = Window(start=started - WINDOW, end=started)
    counted = _Counted()

    async def work() -> tuple[dict[str, AnyObservation], float]:
        clock = LoopClock(started)
        clock.now()
        app = create_app(world, clock=SandboxClock(world.now_ms), breaks=breaks, options=options)
        channel = InProcess(app, settings, clock=clock, started=started, recorder=counted, memory=memory)
        try:
            observations = await ask_all(channel, settings, window, *runbooks)
            return observations, (clock.now() - started).total_seconds()
        finally:
            await channel.close()

    with _drawn_from(f"{world.name} {world.seed}"):
        observations, took_s = run_virtual(work())
    asked = gathered(observations, window)
    return Answered(asked=asked, window=window, took_s=took_s, questions=counted.exchanges)


def drill_settings(**changes: Any) -> Settings:
    """Return the sandbox's settings at an address that nobody can reach, whatever the environment says."""
    settings = load("sandbox")
    unset: dict[str, Any] = {**{f"{name}_url": None for name in SERVICES}, **dict.fromkeys(SECRET_FIELDS)}
    return settings.model_copy(update={**unset, "origin": ORIGIN, **changes})


class _Counted:
    """Counts exchanges instead of keeping them."""

    def __init__(self) -> None:
        self.exchanges = 0

    def exchange(self, exchange: Exchange) -> None:
        """Count *exchange*."""
        self.exchanges += 1


class _Remembering(ArchiveStore):
    """An archive that makes each object once: what a listing showed is handed out when it is read."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._made: dict[str, StoredObject] = {}

    def page(self, **asked: Any) -> ObjectPage:
        """Return a page of the list, as `ArchiveStore.page`, and remember its objects."""
        page = super().page(**asked)
        self._made.update((found.key, found) for found in page.objects)
        return page

    def get(self, key: str, now_ms: int) -> StoredObject | None:
        """Return the object under *key*, or None."""
        found = self._made.get(key)
        if found is not None and found.modified_ms <= now_ms:
            return found
        return super().get(key, now_ms)


class InProcess(LiveChannel):
    """The live channel on a sandbox of this process."""

    def __init__(
        self,
        app: Starlette,
        settings: Settings,
        *,
        clock: LoopClock,
        started: datetime,
        recorder: _Counted,
        memory: dict[str, Exchange] | None = None,
    ) -> None:
        redactor = redactor_for(settings)
        super().__init__(
            settings,
            budget=Budget(started, settings.budget_s, clock),
            clock=clock,
            redactor=redactor,
            recorder=recorder,
            slots=MemorySlots(settings.concurrency_per_host),
            answers=MemoryAnswers(),
            transport=httpx.ASGITransport(app),
        )
        state: State = app.state.sandbox
        state.archive = _Remembering(state.world)
        self._state = state
        self._record: Callable[[Exchange], None] = recorder.exchange
        self._body = redactor.body
        self._memory = memory
        self._now = clock.now
        as_ever = state.breaks.of("r2") is None and all(b.service != "r2" for b in state.world.behaviours)
        self._shortcut = f"{settings.url('r2')}{BUCKET}/" if as_ever else None

    async def ask(self, question: Question) -> Exchange:
        """Put *question*; what a sound service answered before is taken from memory."""
        if self._memory is None or self._state.breaks.of(question.source) is not None:
            return await self._put(question)
        kept = self._memory.get(question.key)
        if kept is not None and kept.url == question.url and self._budget.asking_left_s() > 0:
            self._record(kept)
            return kept
        exchange = await self._put(question)
        if exchange.answered:
            self._memory[question.key] = exchange
        return exchange

    async def _put(self, question: Question) -> Exchange:
        """Put *question*; an object of a sound archive is taken from the store without a request."""
        if self._shortcut is None or not question.url.startswith(self._shortcut):
            return await super().ask(question)
        if self._budget.asking_left_s() <= 0 or self._archive_left_s() <= 0:
            return await super().ask(question)  # which says what is used up
        key = unquote(urlsplit(question.url).path).partition(f"/{BUCKET}/")[2]
        found = self._state.archive.get(key, self._state.now_ms)
        if found is None:
            return await super().ask(question)
        at = self._now()
        exchange = Exchange(
            key=question.key,
            source=question.source,
            kind="http",
            method=question.method,
            url=question.url,
            at=at,
            took_ms=0.0,
            outcome="answered",
            status=200,
            headers={"content-type": "application/json"},
            body=self._body(found.body, "application/json"),
            attempts=(Attempt(at=at, took_ms=0.0, outcome="answered", status=200),),
        )
        self._record(exchange)
        return exchange


@contextmanager
def _drawn_from(seed: str) -> Iterator[None]:
    """Draw the jitter of retries from *seed*, and leave the process's own generator as it was."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
