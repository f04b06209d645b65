"""The words of incidents: rules, what comes in, what there is. Plain values, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal

from ..models.report import Alert, SeverityLevel
from ..postmortem.calendar import Calendar

IncidentState = Literal["open", "acknowledged", "resolved"]
Status = Literal["firing", "acknowledged", "resolved", "noted"]

LEVELS: tuple[SeverityLevel, ...] = ("P1", "P2", "P3", "P4")
PAGING: tuple[SeverityLevel, ...] = ("P1", "P2")
"""Severities that page somebody; a sender may open so many of them and no more."""
HELD: SeverityLevel = "P3"
"""What an alert counts as whose sender has used up its quota of graver ones, until a run sees for itself."""
VERIFYING = "post.verify"
"""The step that a resolved notice starts; it is watched like `Rules.watching` says."""
ALERTS_IN_ORDER = 20
"""Alerts that a run is told of; the timeline has all of them."""
FRESH = timedelta(minutes=30)
"""An alert that began longer ago than this stretches its run's window to when it began."""
LONGEST_LOOK = timedelta(days=1)
AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """A watching step as a series of runs: one every *every_s* for *for_s*, or until so many in a row were healthy."""

    every_s: float
    for_s: float
    until_healthy: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What one sender may start within an hour; what is above it is stored, and neither pages nor pushes ahead."""

    incidents_per_hour: int = 200
    p1_per_hour: int = 10
    p2_per_hour: int = 40
    alerts_per_minute: int = 30_000

    def of(self, severity: SeverityLevel) -> int:
        """Return how many incidents of *severity* may be opened within an hour."""
        return {"P1": self.p1_per_hour, "P2": self.p2_per_hour}.get(severity, self.incidents_per_hour)


DEFAULT_WATCHING: Mapping[str, Watching] = MappingProxyType(
    {
        "outage.watch": Watching(every_s=300, for_s=1800),
        "security.monitor": Watching(every_s=30, for_s=1800, until_healthy=3),
        VERIFYING: Watching(every_s=1800, for_s=3600),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    How alerts are grouped and what they may start.

    Attributes
    ----------
    within_s
        Alerts about one service that come within so many seconds of each other are one incident.
    reopen_within_s
        A trouble that fires again so soon after it was resolved is flapping: the same incident.
    rerun_after_s
        After so long the window of an incident's last run has moved on, and a repeated alert is looked into again.
    forget_after_s
        An incident that heard nothing for so long takes no more alerts: the next one is a new incident.
    """

    within_s: float = 900.0
    reopen_within_s: float = 900.0
    rerun_after_s: float = 3600.0
    forget_after_s: float = 86_400.0
    watching: Mapping[str, Watching] = field(default_factory=lambda: DEFAULT_WATCHING)
    quota: Quota = Quota()
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    calendar: Calendar = field(default_factory=Calendar)

    def quota_of(self, sender: str) -> Quota:
        """Return the quota of *sender*."""
        return self.quotas.get(sender, self.quota)


DEFAULT_RULES = Rules()


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingAlert:
    """
    An alert, or news of one, that was checked and routed.

    Attributes
    ----------
    sender
        The kind of hook that it came through; quotas count by it.
    trouble
        What the sender itself calls one trouble: the same text again is the same trouble.
    alert
        Its texts are a stranger's. ``severity`` is settled (see `routing`); ``service`` is the group it may join.
    status
        ``noted`` is news of a known trouble that changes nothing.
    by
        The person who acknowledged or resolved, where the sender says so.
    incident_id
        The incident of ours that the sender names as the one this is about.
    """

    sender: str
    trouble: str
    alert: Alert
    status: Status = "firing"
    runbook: str = "triage"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""
    text: str = ""
    link: str | None = None
    incident_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """
    Where an alert was put.

    Attributes
    ----------
    incident_id
        None for news of a trouble that nobody has heard of: there is nothing to close or to acknowledge.
    ordered
        The run that it asks for, if it does.
    held
        The severity that it claims and was not given, because its sender's quota is used up.
    """

    incident_id: str | None
    new: bool = False
    ordered: str | None = None
    held: SeverityLevel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """
    An incident as it stands.

    Attributes
    ----------
    clock_at, respond_by
        Since when, and until when, somebody must have responded (UTC).
    verdict
        Of the latest run that an alert or a person asked for: ``run, runbook, at, state, cause, confidence, severity,
        onset, summary, next_step``; None until there is one. ``watch`` in it is the latest look since.
    alerts, events
        How many are on its timeline.
    """

    id: str
    title: str
    service: str | None
    sender: str
    severity: SeverityLevel
    state: IncidentState
    opened_at: datetime
    clock_at: datetime
    respond_by: datetime
    last_alert_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    verdict: Mapping[str, Any] | None
    alerts: int
    events: int
    updated_at: datetime

    @property
    def clock_runs(self) -> bool:
        """Whether somebody still has to respond."""
        return self.state == "open" and self.acknowledged_at is None

    def overdue(self, now: datetime) -> bool:
        """Whether the promise to respond was, or is being, broken."""
        return (self.acknowledged_at or self.resolved_at or now) > self.respond_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of an incident's timeline; ``entry["event"]`` is *event*, texts of strangers are as they came."""

    position: int
    at: datetime
    event: str
    entry: Mapping[str, Any]
