"""What a run found, in the words of ``report.json`` (design, section 6): plain values, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .finding import Finding, NotChecked
from .observation import Coverage, Status

State = Literal["incident", "healthy", "inconclusive"]
SeverityLevel = Literal["P1", "P2", "P3", "P4"]
StepStatus = Literal["done", "not_checked", "planned", "scheduled", "not_reached", "person"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Who is hurt; None where it is unknown, which is not the same as nobody."""

    requests_failing_share: float | None = None
    users_affected: int | None = None
    routes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer on top."""

    state: State
    cause: str | None
    confidence: float
    severity: SeverityLevel
    onset: datetime | None
    onset_uncertainty_s: float | None
    impact: Impact
    summary: str
    next_step: str
    why_severity: str = ""
    settles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HypothesisScore:
    """A possible cause with what speaks for and against it; ``weight`` in decibans."""

    id: str
    weight: float
    confidence: float
    for_: tuple[str, ...]
    against: tuple[str, ...]
    not_checked: tuple[str, ...]
    parts: tuple[tuple[str, float], ...] = ()  # (finding id, decibans), largest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A service that may be where the fault lies."""

    service: str
    score: float
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSeen:
    """What one source could tell."""

    name: str
    status: Status
    detail: str
    coverage: Coverage = field(default_factory=Coverage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What a monitor sent. Every text in it is a stranger's."""

    id: str
    kind: str
    title: str
    at: datetime
    severity: SeverityLevel | None = None
    service: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that ``report.json`` holds, before it becomes JSON."""

    incident_id: str
    severity: SeverityLevel
    alerts: tuple[Alert, ...]
    run_id: str
    runbook: str
    runbook_version: str
    package_version: str
    parameters: Mapping[str, Any]
    window_start: datetime
    window_end: datetime
    verdict: Verdict
    hypotheses: tuple[HypothesisScore, ...]
    suspects: tuple[Suspect, ...]
    findings: tuple[Finding, ...]
    not_checked: tuple[NotChecked, ...]
    sources: tuple[SourceSeen, ...]
    steps: Mapping[str, StepStatus]
    evidence_entries: int
    evidence_digest: str
