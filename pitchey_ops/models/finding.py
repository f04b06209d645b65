"""A claim about the platform, with its weight and its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any


class Severity(IntEnum):
    """How soon a finding needs a person; ordered."""

    INFO = 10
    WARNING = 20
    CRITICAL = 30

    @property
    def word(self) -> str:
        """The word in ``report.json``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """
    What a finding says to the diagnosis, in a word that `diagnosis.hypotheses` weighs.

    Attributes
    ----------
    name
        A word of the signal catalogue, e.g. ``deployment_before_onset``.
    strength
        0-1: how clearly it was seen; scales the weight of evidence.
    """

    name: str
    strength: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One sentence a person can act on.

    Attributes
    ----------
    id
        ``rule/key``, stable between runs on the same evidence; safe characters only.
    claim
        Plain text. Quoted telemetry inside is as it came (redacted): escape it at display.
    at
        When what it speaks of happened or began (UTC), if that can be told.
    evidence
        Observation ids (``source/probe/key``), sorted.
    signals
        What it means for the diagnosis.
    data
        JSON values for panels and for the record: numbers with units in their names.
    """

    id: str
    rule: str
    claim: str
    severity: Severity
    evidence: tuple[str, ...]
    at: datetime | None = None
    signals: tuple[Signal, ...] = ()
    service: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotChecked:
    """A rule that could not be applied, and what stood in its way."""

    rule: str
    because: str


RuleResult = list[Finding] | NotChecked
