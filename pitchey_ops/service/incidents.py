"""
Incidents: what alerts belong together, which runs they ask for, whose clock runs, and what happened when.

Everything here works inside the caller's transaction, so that an alert, its place on a timeline and the run it asks
for are stored together or not at all. Writers of alerts take turns (one lock for all processes), so two of them that
hear of the same trouble at once make one incident.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..errors import UsageError
from ..evidence import ids
from ..evidence.archive import Archive
from ..models.report import SeverityLevel
from ..postmortem.calendar import respond_by
from ..runbooks.catalogue import runbook as known_runbook
from . import incident_rows as rows
from . import incident_tables as t
from . import timeline, verdicts
from .followups import ask
from .incident_models import (
    DEFAULT_RULES,
    DEFAULT_WATCHING,
    LEVELS,
    Event,
    Incident,
    IncidentState,
    IncomingAlert,
    Quota,
    Received,
    Rules,
    Status,
    Watching,
)
from .intake import grouping
from .intake.quotas import granted

__all__ = [
    "DEFAULT_RULES",
    "DEFAULT_WATCHING",
    "LEVELS",
    "Event",
    "Incident",
    "IncidentState",
    "IncomingAlert",
    "Quota",
    "Received",
    "Rules",
    "Status",
    "Watching",
    "acknowledge",
    "add_event",
    "declare",
    "events",
    "flush_timeline",
    "incident",
    "incidents",
    "order_run",
    "receive",
    "resolve",
    "run_reported",
    "set_severity",
    "unflushed",
]

RUNS_BY_PEOPLE_PER_HOUR = 60
PERSON = "person"
"""The sender of what people declare and ask for."""


def receive(
    connection: sa.Connection, incoming: IncomingAlert, now: datetime, rules: Rules = DEFAULT_RULES
) -> Received:
    """
    Put *incoming* onto its incident's timeline and place the run that it asks for, in the caller's transaction.

    Raises
    ------
    UsageError
        It names a runbook or a severity that there is not; nothing was written.
    """
    return grouping.receive(connection, incoming, now, rules)


def acknowledge(connection: sa.Connection, incident_id: str, by: str, now: datetime, *, via: str = "") -> bool:
    """
    Stop the response clock of an incident; whether that changed anything (the first name stays).

    Raises
    ------
    UsageError
        There is no such incident.
    """
    return grouping.acknowledged(connection, rows.needed(connection, incident_id), by, now, via=via)


def resolve(
    connection: sa.Connection,
    incident_id: str,
    by: str,
    now: datetime,
    *,
    text: str = "",
    rules: Rules = DEFAULT_RULES,
) -> bool:
    """
    Close an incident's clocks and place the run that checks whether it is over; whether that changed anything.

    Raises
    ------
    UsageError
        There is no such incident.
    """
    row = rows.needed(connection, incident_id)
    if row["state"] == "resolved":
        return False
    grouping.resolved(connection, row, by, now, why=text, rules=rules)
    return True


def set_severity(
    connection: sa.Connection,
    incident_id: str,
    severity: SeverityLevel,
    by: str,
    now: datetime,
    rules: Rules = DEFAULT_RULES,
) -> bool:
    """
    Set the severity on a person's word, the only way down; whether that changed anything.

    What a person lowered is raised again only by something graver than what the person overruled.

    Raises
    ------
    UsageError
        There is no such incident or severity.
    """
    if severity not in LEVELS:
        raise UsageError(f"severity {str(severity)[:20]!r}: expected P1, P2, P3 or P4. Nothing was changed.")
    row = rows.needed(connection, incident_id)
    before: SeverityLevel = row["severity"]
    if severity == before:
        return False
    overruled = None
    if LEVELS.index(severity) > LEVELS.index(before):
        overruled = min(filter(None, (before, row["overruled"])))
    entry = {"event": "severity", "from": before, "severity": severity, "by": by}
    due = respond_by(severity, row["clock_at"], rules.calendar)
    rows.tell(connection, row, entry, now, severity=severity, overruled=overruled, respond_by=due)
    return True


def declare(
    connection: sa.Connection,
    *,
    title: str,
    severity: SeverityLevel,
    by: str,
    now: datetime,
    service: str | None = None,
    rules: Rules = DEFAULT_RULES,
) -> str:
    """
    Open an incident on a person's word and return its id; `order_run` asks for its runs.

    Raises
    ------
    UsageError
        There is no such severity.
    """
    if severity not in LEVELS:
        raise UsageError(f"severity {str(severity)[:20]!r}: expected P1, P2, P3 or P4. Nothing was opened.")
    rows.turn(connection)
    row = rows.opened(
        connection,
        title=title,
        service=service,
        sender=PERSON,
        severity=severity,
        now=now,
        rules=rules,
        kind="declared",
    )
    entry = {"event": "declared", "title": row["title"], "severity": severity, "service": service, "by": by}
    rows.tell(connection, row, entry, now)
    return str(row["id"])


def order_run(
    connection: sa.Connection,
    incident_id: str,
    runbook: str,
    by: str,
    now: datetime,
    *,
    parameters: Mapping[str, Any] | None = None,
) -> str | None:
    """
    Place a run that a person asks for and return its id; None where people asked for too many within the hour.

    Raises
    ------
    UsageError
        There is no such runbook or incident.
    """
    known_runbook(runbook)
    rows.turn(connection)
    row = rows.needed(connection, incident_id)
    if not granted(connection, PERSON, "run", RUNS_BY_PEOPLE_PER_HOUR, now):
        return None
    run_id = ask(connection, row, runbook, "person", now, parameters=parameters)
    rows.tell(connection, row, {"event": "asked", "run": run_id, "runbook": runbook, "by": by}, now)
    return run_id


def add_event(connection: sa.Connection, incident_id: str, entry: Mapping[str, Any], now: datetime) -> int:
    """
    Add a line to an incident's timeline (``entry["event"]`` says what it is); return its position.

    Raises
    ------
    UsageError
        There is no such incident.
    """
    return rows.tell(connection, rows.needed(connection, incident_id), entry, now)


def run_reported(
    connection: sa.Connection,
    incident_id: str,
    run_id: str,
    report: Mapping[str, Any],
    now: datetime,
    rules: Rules = DEFAULT_RULES,
) -> bool:
    """
    Take a run's verdict: onto the incident, severity raised, follow-up runs placed. Once; False the next time.

    *report* is ``report.json``; a run that no order asked for (by hand) is taken, too.
    """
    return verdicts.run_reported(connection, incident_id, run_id, report, now, rules)


def flush_timeline(connection: sa.Connection, archive: Archive, incident_id: str) -> int:
    """
    Write what *archive*'s ``timeline.jsonl`` lacks of an incident's timeline; return how many lines.

    Every line carries its position as ``seq``; what stands in the file decides, so that a crash anywhere neither
    loses a line nor writes one twice, and every archive of several gets the whole.

    Raises
    ------
    RecordError
        The disk does not take it; nothing is lost, the next call goes on where the file ends.
    """
    return timeline.flush_timeline(connection, archive, incident_id)


def unflushed(connection: sa.Connection, *, limit: int = 100) -> list[str]:
    """Return incidents whose timeline has lines that no archive was given yet."""
    return timeline.unflushed(connection, limit=limit)


def incident(connection: sa.Connection, incident_id: str) -> Incident | None:
    """Return an incident, None where there is none of this id."""
    if not ids.is_incident_id(incident_id):
        return None
    chosen = sa.select(t.incidents).where(t.incidents.c.id == incident_id)
    row = connection.execute(chosen).mappings().first()
    return None if row is None else rows.shown(row)


def incidents(
    connection: sa.Connection,
    *,
    states: Sequence[IncidentState] = (),
    severities: Sequence[SeverityLevel] = (),
    service: str | None = None,
    before: datetime | None = None,
    gravest_first: bool = False,
    limit: int = 100,
) -> list[Incident]:
    """
    Return incidents, newest first; empty filters let all through.

    *gravest_first* is for whoever shows a part of what is open: many small ones must not push a P1 out of sight.
    """
    newest = (t.incidents.c.opened_at.desc(), t.incidents.c.id.desc())
    chosen = sa.select(t.incidents).order_by(*([t.incidents.c.severity] if gravest_first else []), *newest).limit(limit)
    if states:
        chosen = chosen.where(t.incidents.c.state.in_(states))
    if severities:
        chosen = chosen.where(t.incidents.c.severity.in_(severities))
    if service is not None:
        chosen = chosen.where(t.incidents.c.service == rows.text(service, rows.LONGEST_NAME))
    if before is not None:
        chosen = chosen.where(t.incidents.c.opened_at < before)
    return [rows.shown(row) for row in connection.execute(chosen).mappings()]


def events(connection: sa.Connection, incident_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
    """Return an incident's timeline after position *after*, oldest first."""
    chosen = (
        sa.select(t.events)
        .where(t.events.c.incident_id == rows.text(incident_id, 32), t.events.c.position > after)
        .order_by(t.events.c.position)
        .limit(limit)
    )
    return [
        Event(position=row["position"], at=row["at"], event=row["event"], entry=json.loads(row["entry"]))
        for row in connection.execute(chosen).mappings()
    ]
