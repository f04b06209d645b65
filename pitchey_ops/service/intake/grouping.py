"""
Which incident an alert belongs to: its sender's own name for the trouble, then its service and the time, or a new one.

What repeats goes onto the timeline and is not looked into again, unless the last run's window has moved on or the
severity rose. Times are ours, of receipt: what a sender says about time decides nothing here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ...errors import UsageError
from ...models.report import Alert, SeverityLevel
from ...postmortem.calendar import respond_by
from ...runbooks.catalogue import RUNBOOKS
from .. import incident_tables as t
from ..followups import ask, last_asked, verify
from ..incident_models import ALERTS_IN_ORDER, HELD, LEVELS, PAGING, IncomingAlert, Received, Rules
from ..incident_rows import digest, locked, opened, tell, text, turn
from .quotas import granted

OVERFLOW = "more alerts than its quota"
_TROUBLE = sa.select(t.troubles.c.incident_id, t.troubles.c.firing).where(t.troubles.c.key == sa.bindparam("wanted"))


def receive(connection: sa.Connection, incoming: IncomingAlert, now: datetime, rules: Rules) -> Received:
    """
    Put *incoming* onto its incident's timeline and place the run that it asks for, in the caller's transaction.

    Raises
    ------
    UsageError
        It names a runbook or a severity that there is not; nothing was written.
    """
    if incoming.runbook not in RUNBOOKS:
        raise UsageError(f"no runbook {incoming.runbook[:60]!r}. Nothing was stored.")
    if incoming.alert.severity not in LEVELS:
        raise UsageError("an alert without a settled severity. Nothing was stored.")
    turn(connection)
    if incoming.status != "firing":
        return _news(connection, incoming, now, rules)
    key = digest(incoming.sender, incoming.trouble)
    known = connection.execute(_TROUBLE, {"wanted": key}).first()
    row, how = _found(connection, incoming, None if known is None else known[0], now, rules)
    held: SeverityLevel | None = None
    rose = False
    if row is None:
        row, how, held = _opened(connection, incoming, now, rules)
    if how not in ("new", OVERFLOW):
        rose, held = _raised(connection, row, incoming, now, rules)
    if row["state"] == "resolved":
        _reopen(connection, row, now)
    if known is None or known[0] != row["id"] or not known[1]:
        _remember(connection, key, row["id"], now)
    _alert_told(connection, row, incoming, how, held, now)
    ordered = _run(connection, row, incoming, now, rules, rose=rose)
    return Received(incident_id=row["id"], new=how == "new" or int(row["alerts"]) == 1, ordered=ordered, held=held)


def _found(
    connection: sa.Connection, incoming: IncomingAlert, known: str | None, now: datetime, rules: Rules
) -> tuple[dict[str, Any] | None, str]:
    named = incoming.incident_id
    row = locked(connection, named) if named else None
    if row is None and known is not None:
        named, row = None, locked(connection, known)
    if row is not None and _takes(row, now, rules):
        return row, "reopened" if row["state"] == "resolved" else "named" if named else "repeated"
    service = incoming.alert.service
    if not service:
        return None, "new"
    chosen = (
        sa.select(t.incidents.c.id)
        .where(
            t.incidents.c.service == text(service, 200),
            t.incidents.c.state != "resolved",
            t.incidents.c.last_alert_at >= now - timedelta(seconds=rules.within_s),
        )
        .order_by(t.incidents.c.last_alert_at.desc(), t.incidents.c.id)
        .limit(1)
    )
    near = connection.execute(chosen).scalar()
    row = None if near is None else locked(connection, near)
    if row is None or row["state"] == "resolved":
        return None, "new"
    return row, "same service"


def _takes(row: Mapping[str, Any], now: datetime, rules: Rules) -> bool:
    """Whether the incident is still the one that an alert of its trouble belongs to."""
    if row["state"] == "resolved":
        return bool(now - row["resolved_at"] <= timedelta(seconds=rules.reopen_within_s))
    return bool(now - row["last_alert_at"] <= timedelta(seconds=rules.forget_after_s))


def _opened(
    connection: sa.Connection, incoming: IncomingAlert, now: datetime, rules: Rules
) -> tuple[dict[str, Any], str, SeverityLevel | None]:
    """Open an incident, or take the one for what is above the sender's quota."""
    quota, sender = rules.quota_of(incoming.sender), incoming.sender
    claimed = _level(incoming)
    if granted(connection, sender, "incident", quota.incidents_per_hour, now):
        severity = _allowed(connection, sender, claimed, now, rules)
        alert = incoming.alert
        row = opened(
            connection,
            title=alert.title,
            service=alert.service,
            sender=sender,
            severity=severity,
            now=now,
            rules=rules,
            kind="trouble",
        )
        return row, "new", claimed if severity != claimed else None
    key = digest("over quota", sender)
    known = connection.execute(sa.select(t.troubles.c.incident_id).where(t.troubles.c.key == key)).scalar()
    found = None if known is None else locked(connection, known)
    if found is None or not _takes(found, now, rules):
        title = f"{sender}: {OVERFLOW} (over {quota.incidents_per_hour} new troubles within an hour)"
        found = opened(
            connection,
            title=title,
            service=None,
            sender=sender,
            severity=HELD,
            now=now,
            rules=rules,
            kind="overflow",
        )
        _remember(connection, key, found["id"], now)
    return found, OVERFLOW, claimed if LEVELS.index(claimed) < LEVELS.index(found["severity"]) else None


def _allowed(
    connection: sa.Connection, sender: str, claimed: SeverityLevel, now: datetime, rules: Rules
) -> SeverityLevel:
    """Return *claimed* while the sender's quota of it lasts, then what waits until a run has looked for itself."""
    if claimed == "P1" and granted(connection, sender, "P1", rules.quota_of(sender).p1_per_hour, now):
        return claimed
    if claimed == "P2" and granted(connection, sender, "P2", rules.quota_of(sender).p2_per_hour, now):
        return claimed
    return HELD if claimed in PAGING else claimed


def _raised(
    connection: sa.Connection, row: dict[str, Any], incoming: IncomingAlert, now: datetime, rules: Rules
) -> tuple[bool, SeverityLevel | None]:
    """Raise the incident's severity if this alert is graver; whether it rose, and what was held back."""
    claimed = _level(incoming)
    if not graver(claimed, row):
        return False, None
    severity = _allowed(connection, incoming.sender, claimed, now, rules)
    held = claimed if severity != claimed else None
    if not graver(severity, row):
        return False, held
    raised(connection, row, severity, incoming.sender, now, rules)
    return True, held


def graver(severity: SeverityLevel, row: Mapping[str, Any]) -> bool:
    """Whether *severity* is graver than the incident's, and than what a person has already overruled."""
    bar = min(LEVELS.index(row["severity"]), LEVELS.index(row["overruled"]) if row["overruled"] else 3)
    return LEVELS.index(severity) < bar


def raised(
    connection: sa.Connection, row: dict[str, Any], severity: SeverityLevel, by: str, now: datetime, rules: Rules
) -> None:
    """Raise the incident's severity and shorten its clock accordingly."""
    due = respond_by(severity, row["clock_at"], rules.calendar)
    entry = {"event": "severity", "from": row["severity"], "severity": severity, "by": by}
    tell(connection, row, entry, now, severity=severity, overruled=None, respond_by=due)


def _level(incoming: IncomingAlert) -> SeverityLevel:
    level = incoming.alert.severity
    return "P3" if level is None else level


def _reopen(connection: sa.Connection, row: dict[str, Any], now: datetime) -> None:
    """The trouble is back: an acknowledged incident stays acknowledged, people are still on it."""
    state = "open" if row["acknowledged_at"] is None else "acknowledged"
    entry = {"event": "reopened", "why": "the trouble fires again soon after it was resolved"}
    tell(connection, row, entry, now, state=state, resolved_at=None, resolved_by=None)


def _remember(connection: sa.Connection, key: str, incident_id: str, now: datetime) -> None:
    values = {"incident_id": incident_id, "firing": True, "changed_at": now}
    if not connection.execute(sa.update(t.troubles).where(t.troubles.c.key == key).values(**values)).rowcount:
        connection.execute(sa.insert(t.troubles).values(key=key, **values))


def _alert_told(
    connection: sa.Connection,
    row: dict[str, Any],
    incoming: IncomingAlert,
    how: str,
    held: SeverityLevel | None,
    now: datetime,
) -> None:
    alert = incoming.alert
    entry: dict[str, Any] = {
        "event": "alert",
        "id": alert.id,
        "kind": alert.kind,
        "title": alert.title,
        "alert_at": alert.at.isoformat(),
        "severity": alert.severity,
        "service": alert.service,
        "sender": incoming.sender,
        "how": how,
    }
    for name, value in (("held", held), ("detail", incoming.text), ("link", incoming.link)):
        if value:
            entry[name] = value
    tell(connection, row, entry, now, alerts=int(row["alerts"]) + 1, last_alert_at=now)


def _run(
    connection: sa.Connection,
    row: dict[str, Any],
    incoming: IncomingAlert,
    now: datetime,
    rules: Rules,
    *,
    rose: bool,
) -> str | None:
    runbook, parameters = incoming.runbook, incoming.parameters
    if row["kind"] == "overflow":
        runbook, parameters = "triage", {}
    last = last_asked(connection, row["id"], runbook)
    if last is not None and not rose and now - last < timedelta(seconds=rules.rerun_after_s):
        return None
    alerts = _alerts_since(connection, row["id"], last) or [incoming.alert]
    return ask(connection, row, runbook, "alert", now, alerts=alerts, parameters=parameters)


def _alerts_since(connection: sa.Connection, incident_id: str, since: datetime | None) -> list[Alert]:
    """Return the latest alerts on the timeline that no run of this runbook was told of, oldest first."""
    chosen = sa.select(t.events.c.entry).where(t.events.c.incident_id == incident_id, t.events.c.event == "alert")
    if since is not None:
        chosen = chosen.where(t.events.c.at > since)
    rows = connection.execute(chosen.order_by(t.events.c.position.desc()).limit(ALERTS_IN_ORDER)).scalars().all()
    return [_alert(json.loads(entry)) for entry in reversed(rows)]


def _alert(entry: Mapping[str, Any]) -> Alert:
    return Alert(
        id=entry["id"],
        kind=entry["kind"],
        title=entry["title"],
        at=datetime.fromisoformat(entry["alert_at"]),
        severity=entry["severity"],
        service=entry["service"],
    )


# ── news of a trouble ────────────────────────────────────────────────────────────────────────────────────────────


def _news(connection: sa.Connection, incoming: IncomingAlert, now: datetime, rules: Rules) -> Received:
    key = digest(incoming.sender, incoming.trouble)
    known = incoming.incident_id
    if known is None or locked(connection, known) is None:
        known = connection.execute(sa.select(t.troubles.c.incident_id).where(t.troubles.c.key == key)).scalar()
    row = None if known is None else locked(connection, known)
    if row is None:
        return Received(incident_id=None)
    by = incoming.by or incoming.sender
    if incoming.status == "acknowledged":
        acknowledged(connection, row, by, now, via=incoming.sender)
        return Received(incident_id=row["id"])
    if incoming.status == "noted":
        entry = {"event": "noted", "sender": incoming.sender, "text": incoming.text, "by": incoming.by}
        tell(connection, row, entry, now)
        return Received(incident_id=row["id"])
    return _resolved_by_sender(connection, row, incoming, key, now, rules)


def _resolved_by_sender(
    connection: sa.Connection, row: dict[str, Any], incoming: IncomingAlert, key: str, now: datetime, rules: Rules
) -> Received:
    mine = (t.troubles.c.key == key) & (t.troubles.c.incident_id == row["id"])
    changed = connection.execute(
        sa.update(t.troubles).where(mine & t.troubles.c.firing).values(firing=False, changed_at=now)
    ).rowcount
    if row["state"] == "resolved" or (not changed and incoming.incident_id is None):
        return Received(incident_id=row["id"])
    entry = {
        "event": "alert_resolved",
        "id": incoming.alert.id,
        "kind": incoming.alert.kind,
        "title": incoming.alert.title,
        "sender": incoming.sender,
    }
    tell(connection, row, entry, now)
    still = connection.execute(
        sa.select(sa.func.count()).where(t.troubles.c.incident_id == row["id"], t.troubles.c.firing)
    ).scalar_one()
    ordered = None
    if not still or incoming.incident_id == row["id"]:
        ordered = resolved(connection, row, incoming.by or incoming.sender, now, why=incoming.text, rules=rules)
    return Received(incident_id=row["id"], ordered=ordered)


def acknowledged(connection: sa.Connection, row: dict[str, Any], by: str, now: datetime, *, via: str = "") -> bool:
    """Stop the clock of the incident in *row*; the first name stays."""
    if row["acknowledged_at"] is not None or row["state"] == "resolved":
        return False
    entry = {"event": "acknowledged", "by": by, **({"via": via} if via else {})}
    tell(connection, row, entry, now, state="acknowledged", acknowledged_at=now, acknowledged_by=text(by, 200))
    return True


def resolved(
    connection: sa.Connection, row: dict[str, Any], by: str, now: datetime, *, why: str, rules: Rules
) -> str | None:
    """Close the incident in *row* and return the run that verifies it, if none is due already."""
    entry = {"event": "resolved", "by": by, **({"resolution": why} if why else {})}
    tell(connection, row, entry, now, state="resolved", resolved_at=now, resolved_by=text(by, 200))
    connection.execute(
        sa.update(t.troubles).where(t.troubles.c.incident_id == row["id"]).values(firing=False, changed_at=now)
    )
    return verify(connection, row, now, rules)
