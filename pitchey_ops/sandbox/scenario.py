"""What a scenario is: a name, a title, its steps, and what must be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from . import effects
from .builder import MINUTE, Builder
from .world import Truth

Split = Literal["tune", "judge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the steps of a scenario say happened: the part of the truth that hangs on the seed."""

    services: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    onset_ms: int | None = None
    severity: str | None = None
    note: str = ""


Steps = Callable[[Builder], Told]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """
    An incident, or a time without one, that the sandbox can play.

    Attributes
    ----------
    cause
        Hypothesis id of the design; ``none`` for a control.
    steps
        Writes down what happens, in a `Builder`.
    split
        ``tune`` for scenarios that rules may be fitted to, ``judge`` for those that score them.
    beside
        Names of the distractors that happen beside the cause.
    runbooks
        Runbooks that should find the cause.
    onset_min
        Minutes before now at which it begins, lowest and highest.
    seeds
        How many seeds of it belong to the catalogue's variants.
    inconclusive_is_right
        Whether nothing that a runbook can see settles the cause.
    fresh
        The stores are young, two hours old: what only they could show is not blind yet.
    """

    name: str
    title: str
    cause: str
    steps: Steps
    split: Split = "tune"
    beside: tuple[str, ...] = ()
    runbooks: tuple[str, ...] = ("triage",)
    onset_min: tuple[float, float] = (9.0, 15.0)
    severity: str | None = None
    seeds: int = 2
    inconclusive_is_right: bool = False
    fresh: bool = False

    def stage(self, b: Builder) -> Truth:
        """Write this scenario into *b* and return what happened."""
        from .distractors import DISTRACTORS

        b.onset_ms = b.now_ms - int(b.between("onset", *self.onset_min) * MINUTE)
        effects.ordinary_week(b)
        effects.ordinary_answers(b)
        told = self.steps(b)
        for name in self.beside:
            DISTRACTORS[name](b)
        onset = None if self.cause == "none" else (told.onset_ms if told.onset_ms is not None else b.onset_ms)
        return Truth(
            cause=self.cause,
            onset_ms=onset,
            services=told.services,
            routes=told.routes,
            severity=told.severity or self.severity,
            split=self.split,
            runbooks=self.runbooks,
            inconclusive_is_right=self.inconclusive_is_right,
            note=told.note or self.title,
        )

    def truth_for(self, seed: int, now_ms: int) -> Truth:
        """Return the truth of one variant without drawing its world."""
        return self.stage(Builder(seed, now_ms))
