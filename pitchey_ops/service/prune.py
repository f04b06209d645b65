"""
Retention: incidents that are over and old leave the archive, the service's database and the queue.

Never one that is open, that a run is still due for, or that is not uploaded yet. What is labelled is kept unless it is
asked for: labelled incidents are the cases that runbooks are judged by. Copies in object storage are not touched; give
the bucket a rule of its own.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from ..errors import RecordError, UsageError
from ..evidence import ids
from ..evidence.archive import Archive
from ..evidence.pruning import contents, finish, prune_incident
from . import incident_tables as t
from .db import metadata, reading
from .incident_rows import locked
from .orders import orders
from .watch import store

LEAST = timedelta(days=1)
DEFAULT = "90d"
_AGE = re.compile(r"(\d{1,5})\s*([dwy])", re.ASCII)
_DAYS = {"d": 1, "w": 7, "y": 365}
_KEPT_TABLES = frozenset({"ops_ledger"})
"""Positions of runs in the ledger: they must never be given again."""
_GRANTS_KEPT = timedelta(days=2)
_OPENING = ("declared", "alert", "opened", "reopened")
_CLOSING = ("resolved", "resolve", "closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What a pruning did, or would do.

    Attributes
    ----------
    incidents
        That were let go, oldest first.
    runs, bytes
        Of the archive.
    rows
        Of the database, by table.
    kept
        Old incidents that stay, with the reason.
    problems
        What could not be pruned.
    """

    incidents: tuple[str, ...] = ()
    runs: int = 0
    bytes: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    workflows: int = 0
    kept: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def age_of(text: str) -> timedelta:
    """
    Return how long *text* says: ``90d``, ``12w``, ``2y``.

    Raises
    ------
    UsageError
        It says nothing of the kind, or less than a day.
    """
    found = _AGE.fullmatch(text.strip().lower())
    age = timedelta(days=int(found[1]) * _DAYS[found[2]]) if found else timedelta()
    if age < LEAST:
        raise UsageError(f"--older-than {text[:40]!r}: expected 90d, 12w or 2y, at least 1d. Nothing was pruned.")
    return age


def prune(
    archive: Archive,
    engine: sa.Engine | None,
    *,
    older_than: timedelta,
    now: datetime,
    by: str,
    dry_run: bool = False,
    labelled: bool = False,
    forget_workflows: Callable[[Sequence[str]], int] | None = None,
) -> Outcome:
    """
    Let go what is over and older than *older_than*.

    An incident is as old as the newest thing that was archived or heard about it.

    Parameters
    ----------
    engine
        The service's database; None where there is none.
    labelled
        Whether labelled incidents go, too.
    forget_workflows
        Deletes the queue's records of runs and returns how many it had.
    """
    cutoff = now - older_than
    rule = f"older than {older_than.days} d"
    newest = _newest(archive)
    states = _states(engine)
    busy = _busy(engine)
    known = _folders(archive.root) | set(states)
    chosen, kept = _chosen(archive, known, newest, states, busy, cutoff, labelled=labelled)
    counts: Counter[str] = Counter()
    if dry_run:
        runs, size, problems = _measured(archive, chosen)
        if engine is not None:
            with reading(engine) as connection:
                counts += _let_go(connection, chosen, _ordered(connection, chosen), dry_run=True)
                counts += _old_rows(connection, cutoff, now, older_than, dry_run=True)
        return Outcome(incidents=tuple(chosen), runs=runs, bytes=size, rows=counts, kept=kept, problems=tuple(problems))
    gone: list[str] = []
    problems = []
    runs = size = workflows = 0
    finish(archive)
    for incident in chosen:
        try:
            with _held(engine, incident, cutoff) as held:
                if held is False:
                    kept[incident] = "something happened to it meanwhile"
                    continue
                names = set() if held is None else _ordered(held, [incident])
                if forget_workflows is not None and names:
                    workflows += forget_workflows(sorted(names))
                if (archive.root / incident).exists():
                    done = prune_incident(archive, incident, at=now, by=by[:100], rule=rule)
                    runs, size = runs + len(done.runs), size + done.bytes
                if held is not None:
                    counts += _let_go(held, [incident], names, dry_run=False)
        except RecordError as exc:
            problems.append(str(exc))
            continue
        gone.append(incident)
    if engine is not None:
        with engine.begin() as connection:
            counts += _old_rows(connection, cutoff, now, older_than, dry_run=False)
    return Outcome(
        incidents=tuple(gone),
        runs=runs,
        bytes=size,
        rows=counts,
        workflows=workflows,
        kept=kept,
        problems=tuple(problems),
    )


def _chosen(
    archive: Archive,
    known: Iterable[str],
    newest: Mapping[str, datetime],
    states: Mapping[str, tuple[str, datetime]],
    busy: Mapping[str, str],
    cutoff: datetime,
    *,
    labelled: bool,
) -> tuple[list[str], dict[str, str]]:
    chosen: list[str] = []
    kept: dict[str, str] = {}
    for incident in sorted(known):
        heard = [newest.get(incident) or _of_name(incident)]
        if incident in states:
            heard.append(states[incident][1])
        if max(heard) >= cutoff:
            continue
        why = _why_kept(archive, incident, states, busy, labelled=labelled)
        if why:
            kept[incident] = why
        else:
            chosen.append(incident)
    return chosen, kept


def _why_kept(
    archive: Archive,
    incident: str,
    states: Mapping[str, tuple[str, datetime]],
    busy: Mapping[str, str],
    *,
    labelled: bool,
) -> str:
    if incident in states:
        if states[incident][0] != "resolved":
            return f"it is {states[incident][0]}"
    elif _open_by_hand(archive.root / incident / "timeline.jsonl"):
        return "its timeline says that it is open"
    if incident in busy:
        return busy[incident]
    if not labelled and _labelled(archive.root / incident):
        return "it is labelled: a case of drill archive"
    return ""


def _newest(archive: Archive) -> dict[str, datetime]:
    """Return when something was last archived about each incident, as the ledger has it."""
    found: dict[str, datetime] = {}
    for entry in archive.ledger.entries():
        incident = entry.get("incident")
        if entry.get("kind") not in ("run", "line") or not ids.is_incident_id(incident):
            continue
        try:
            at = datetime.fromisoformat(str(entry.get("at")))
        except ValueError:
            continue
        if at.tzinfo is not None:
            found[str(incident)] = max(found.get(str(incident), at), at)
    return found


def _of_name(incident: str) -> datetime:
    return datetime.strptime(incident[4:19], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)


def _folders(root: Path) -> set[str]:
    if not root.is_dir():
        return set()
    return {path.name for path in root.iterdir() if ids.is_incident_id(path.name)}


def _states(engine: sa.Engine | None) -> dict[str, tuple[str, datetime]]:
    """Return state of every incident, and when anything last happened to it."""
    if engine is None:
        return {}
    i = t.incidents.c
    with reading(engine) as connection:
        rows = connection.execute(sa.select(i.id, i.state, i.updated_at, i.last_alert_at, i.resolved_at)).all()
    return {row[0]: (row[1], max(at for at in row[2:] if at is not None)) for row in rows}


def _busy(engine: sa.Engine | None) -> dict[str, str]:
    """Return incidents that something is still to be done for."""
    if engine is None:
        return {}
    from .engine_tables import uploads

    found: dict[str, str] = {}
    with reading(engine) as connection:
        waiting = sa.select(uploads.c.incident_id).where(uploads.c.state != "done")
        found.update(dict.fromkeys(connection.execute(waiting).scalars(), "a run of it is not uploaded yet"))
        due = sa.select(orders.c.incident_id).where(orders.c.state.not_in(("archived", "failed")))
        found.update(dict.fromkeys(connection.execute(due).scalars(), "a run of it is due"))
        behind = sa.select(t.incidents.c.id).where(t.incidents.c.flushed < t.incidents.c.events)
        behind = behind.where(t.incidents.c.flushed > 0)
        words = "its timeline is not archived yet"
        found.update(dict.fromkeys(connection.execute(behind).scalars(), words))
    return found


def _entries(path: Path) -> list[Mapping[str, object]]:
    try:
        pieces = path.read_bytes().split(b"\n")
    except OSError:
        return []
    found: list[Mapping[str, object]] = []
    for piece in pieces:
        try:
            entry = json.loads(piece)["entry"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def _open_by_hand(path: Path) -> bool:
    """Whether an incident that the service never had was opened and never closed."""
    events = [str(entry.get("event") or entry.get("status") or "").lower() for entry in _entries(path)]
    opened = max((n for n, event in enumerate(events) if event in _OPENING), default=-1)
    return opened >= 0 and not any(event in _CLOSING for event in events[opened:])


def _labelled(folder: Path) -> bool:
    files = (folder / f"{name}.jsonl" for name in ("notes", "timeline", "journal"))
    return any(entry.get("event") == "label" for file in files for entry in _entries(file))


@contextmanager
def _held(engine: sa.Engine | None, incident: str, cutoff: datetime) -> Iterator[sa.Connection | Literal[False] | None]:
    """
    Hold the incident's row, so that no alert opens it again meanwhile.

    Gives the connection of the transaction, False where it is not over and old any more, None without a database.
    """
    if engine is None:
        yield None
        return
    with engine.begin() as connection:
        row = locked(connection, incident)
        over = row is None or (row["state"] == "resolved" and row["updated_at"] < cutoff)
        yield connection if over else False


def _measured(archive: Archive, chosen: Iterable[str]) -> tuple[int, int, list[str]]:
    runs = size = 0
    problems = []
    for incident in chosen:
        if (archive.root / incident).exists():
            try:
                names, _, count = contents(archive.root / incident)
            except RecordError as exc:
                problems.append(str(exc))
                continue
            runs, size = runs + len(names), size + count
    return runs, size, problems


def _ordered(connection: sa.Connection, incidents: Sequence[str]) -> set[str]:
    """Return the runs that were ordered for *incidents*."""
    found: set[str] = set()
    for some in _by_hundreds(incidents):
        found.update(connection.execute(sa.select(orders.c.run_id).where(orders.c.incident_id.in_(some))).scalars())
    return found


def _let_go(
    connection: sa.Connection, incidents: Sequence[str], runs: Collection[str], *, dry_run: bool
) -> Counter[str]:
    """Delete (or count) the rows of *incidents* and their *runs* in every table of the service."""
    counts: Counter[str] = Counter()
    for table in reversed(metadata.sorted_tables):
        if table.name in _KEPT_TABLES:
            continue
        if table.name == "ops_incidents":
            column, wanted = table.c.id, sorted(incidents)
        elif "incident_id" in table.c:
            column, wanted = table.c.incident_id, sorted(incidents)
        elif "run_id" in table.c:
            column, wanted = table.c.run_id, sorted(runs)
        else:
            continue
        for some in _by_hundreds(wanted):
            counts[table.name] += _gone(connection, table, column.in_(some), dry_run=dry_run)
    return +counts


def _old_rows(
    connection: sa.Connection, cutoff: datetime, now: datetime, older_than: timedelta, *, dry_run: bool
) -> Counter[str]:
    """Delete (or count) what belongs to no incident and is old; the watch's history at its own ages at the latest."""
    counts: Counter[str] = Counter()
    for name, column, before in (
        ("ops_deliveries", "seen_at", cutoff),
        ("ops_granted", "at", now - _GRANTS_KEPT),
        ("ops_workers", "beat_at", cutoff),
    ):
        if name in metadata.tables:
            table = metadata.tables[name]
            counts[name] += _gone(connection, table, table.c[column] < before, dry_run=dry_run)
    if not dry_run:
        counts["ops_history"] = store.forget(connection, now, keep_hours=min(store.KEEP_HOURS, older_than))
    return +counts


def _gone(connection: sa.Connection, table: sa.Table, where: sa.ColumnElement[bool], *, dry_run: bool) -> int:
    if dry_run:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(where)).scalar() or 0)
    return connection.execute(sa.delete(table).where(where)).rowcount


def _by_hundreds(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), 400):
        yield names[start : start + 400]
