"""What the pages show, read out of the database, the archive and its index; words ready, markup none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ...diagnosis.hypotheses import BY_ID
from ...evidence import ids
from ...evidence.archive import Archive
from ...evidence.index import Index, Query, Row, Similar, TooSlow
from ...panels.safe import split_quoted
from ...panels.words import percent, span_words
from ...postmortem.calendar import PROMISES_MINUTES
from ...steps import steps as all_steps
from .. import incidents as store
from ..db import Utc, reading
from ..engine_tables import claims, workers
from ..incident_models import Incident
from ..incident_tables import events
from ..notify import journal
from ..orders import OrderRow, orders, orders_of
from ..state import State
from . import files, marks

PAGE_SIZE = 50
OPEN_SHOWN = 200
SEARCH_WITHIN_S = 3.0
STALE_VERDICT = timedelta(minutes=30)
"""After so long an open incident's verdict is called old: what it says may be over, or worse."""
SILENT = timedelta(seconds=30)
"""A worker without a sign of life for so long is taken to be gone."""
RUN_MARGIN = timedelta(seconds=90)
"""Beyond its budget and this, a run that still says that it runs is stale."""
WAIT_LONG = timedelta(minutes=2)
RUNS_SHOWN = 60
EVENTS_FIRST, EVENTS_LAST = 40, 160
REPORT_LIMIT = 32 * 1024 * 1024

STATE_WORDS = {"incident": "▲ INCIDENT", "healthy": "● HEALTHY", "inconclusive": "? INCONCLUSIVE"}
REASON_WORDS = {"alert": "an alert", "watch": "a watch", "verify": "the check after", "person": "a person"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The response clock in words; ``css`` is ``overdue``, ``runs`` or ``stopped``."""

    words: str
    css: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictShown:
    """A verdict in words; ``look`` is what the latest watch saw, ``stale`` says how old it is where that matters."""

    state: str
    word: str
    cause: str
    summary: Mapping[str, str]
    at: str
    onset: str = ""
    next_step: str = ""
    look: str = ""
    stale: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentShown:
    """One incident of the list; ``kept`` where only the archive knows it."""

    id: str
    severity: str
    state: str
    word: str
    title: str
    service: str
    opened: str
    clock: Clock | None
    verdict: VerdictShown | None
    runs: Sequence[str]
    alerts: int
    kept: bool = False
    troubled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunShown:
    """One run; ``state`` is ``waiting``, ``running``, ``stale``, ``archived`` or ``failed``."""

    id: str
    runbook: str
    why: str
    state: str
    word: str
    when: str
    verdict: VerdictShown | None
    files: Sequence[tuple[str, str, int]]
    mark: marks.Marked | None
    may_be_right: bool
    missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the timeline: (text, whether a stranger wrote it) pieces."""

    at: str
    event: str
    parts: Sequence[tuple[str, bool]]
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentPage:
    """Everything on an incident's page."""

    one: IncidentShown
    runs: Sequence[RunShown]
    runs_left: int
    shown_run: str
    timeline: Sequence[Line]
    left_out: int
    similar: Sequence[Similar]
    deliveries: Sequence[journal.Delivery]
    is_running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """The first page: what is open, and what was; or what a search found."""

    open: Sequence[IncidentShown]
    earlier: Sequence[IncidentShown]
    older: str
    trouble: str = ""


class Reader:
    """Reads for the pages; every method may take some milliseconds, so call it in a thread."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.archive = Archive(state.settings.archive_root())

    # ── the list ─────────────────────────────────────────────────────────────────────────────────────────────────

    def list_page(self, before: str | None = None) -> ListPage:
        """Return what is open, worst first, and a page of what was, newest first."""
        now = self.state.clock.now()
        at = ids.id_time(before) if before is not None else None
        trouble = ""
        rows: list[Row] = []
        if self.archive.root.is_dir():
            rows, trouble = self._find(Query(until=at), PAGE_SIZE + OPEN_SHOWN)
        with reading(self.state.db) as connection:
            live: list[Incident] = []
            if not before:
                unresolved: tuple[store.IncidentState, ...] = ("open", "acknowledged")
                live = store.incidents(connection, states=unresolved, gravest_first=True, limit=OPEN_SHOWN + 1)
            closed = store.incidents(connection, states=("resolved",), before=at, limit=PAGE_SIZE + 1)
            known = {one.id: one for one in closed}
            runs = _running(connection)
            told = [row for row in rows if row.incident not in known]
            left = _known(connection, [row.incident for row in told])
        if len(live) > OPEN_SHOWN:
            trouble = f"More than {OPEN_SHOWN} incidents are open; the gravest are shown. {trouble}".strip()
        shown = [self._shown(one, now, runs) for one in live[:OPEN_SHOWN]]
        shown.sort(key=lambda one: (one.severity, one.clock is None or one.clock.css != "overdue", one.id))
        earlier = [self._shown(one, now, runs) for one in closed]
        earlier += [_kept(row) for row in told if row.incident not in left and row.incident != before]
        earlier.sort(key=lambda one: one.id, reverse=True)
        older = earlier[PAGE_SIZE - 1].id if len(earlier) > PAGE_SIZE else ""
        return ListPage(open=shown, earlier=earlier[:PAGE_SIZE], older=older, trouble=trouble)

    def search_page(self, text: str) -> ListPage:
        """Return the incidents that hold every word of *text*: findings, patterns, services, addresses, notes."""
        now = self.state.clock.now()
        rows: list[Row] = []
        trouble = ""
        if self.archive.root.is_dir():
            rows, trouble = self._find(Query(text=text), PAGE_SIZE + 1)
        with reading(self.state.db) as connection:
            live = _titled(connection, text)
            names = dict.fromkeys([*(one.id for one in live), *(row.incident for row in rows)])
            known = {name: one for name in names if (one := store.incident(connection, name)) is not None}
            runs = _running(connection)
        kept = {row.incident: row for row in rows}
        found = [self._shown(known[name], now, runs) if name in known else _kept(kept[name]) for name in names]
        found.sort(key=lambda one: one.id, reverse=True)
        if len(found) > PAGE_SIZE:
            trouble = trouble or f"More than {PAGE_SIZE} incidents fit; the newest are shown. Add a word."
        return ListPage(open=(), earlier=found[:PAGE_SIZE], older="", trouble=trouble)

    def _find(self, query: Query, limit: int) -> tuple[list[Row], str]:
        trouble = ""
        try:
            with Index(self.archive.root, limit_s=SEARCH_WITHIN_S) as index:
                try:
                    index.update()
                except TooSlow:
                    trouble = "The search index is still being built; older incidents may be missing here."
                return index.find(query, limit=limit), trouble
        except Exception as exc:  # whatever is wrong with the index, the page shows what the database knows
            return (
                [],
                f"The archive's index cannot be read ({type(exc).__name__}); archived incidents are missing here.",
            )

    def _shown(self, one: Incident, now: datetime, runs: Mapping[str, Mapping[str, int]]) -> IncidentShown:
        counts = runs.get(one.id, {})
        words = [f"{n} run{'s' if n != 1 else ''} {word}" for word, n in counts.items() if n]
        verdict = None if one.verdict is None else _verdict_shown(one.verdict, now, live=one.state != "resolved")
        return IncidentShown(
            id=one.id,
            severity=one.severity,
            state=one.state,
            word={"open": "OPEN", "acknowledged": "ACKNOWLEDGED", "resolved": "RESOLVED"}[one.state],
            title=one.title,
            service=one.service or "",
            opened=stamp(one.opened_at),
            clock=_clock(one, now),
            verdict=verdict,
            runs=words,
            alerts=one.alerts,
            troubled=bool(counts.get("stale")),
        )

    # ── one incident ─────────────────────────────────────────────────────────────────────────────────────────────

    def incident_page(self, incident: str, wanted_run: str | None = None) -> IncidentPage | None:
        """Return an incident's page, None where neither database nor archive knows it."""
        now = self.state.clock.now()
        with reading(self.state.db) as connection:
            one = store.incident(connection, incident)
            ordered = orders_of(connection, incident)
            gone = _gone(connection, now)
            running = _running(connection)
            lines, left = _timeline(connection, incident) if one is not None else ([], 0)
            deliveries = journal.deliveries(connection, incident)
        on_disk = self._runs_on_disk(incident)
        if one is None and not ordered and not (self.archive.root / ids.incident_id(incident)).is_dir():
            return None
        known = {row.order.run_id: row for row in ordered}
        names = sorted({*known, *on_disk}, reverse=True)
        reports = {name: self._verdict_of(incident, name) for name in names[:RUNS_SHOWN] if name in on_disk}
        said = marks.marked(self.archive, incident, {n: (v["state"], v["cause"]) for n, v in reports.items() if v})
        runs = [
            self._run_shown(incident, name, known.get(name), reports.get(name), said.get(name), gone, now)
            for name in names[:RUNS_SHOWN]
        ]
        readable = [run.id for run in runs if any(file == "report.html" for file, _, _ in run.files)]
        shown_run = wanted_run if wanted_run in readable else (readable[0] if readable else "")
        shown = self._shown(one, now, running) if one is not None else self._kept_one(incident, runs)
        if one is None:
            lines, left = self._kept_lines(incident)
        return IncidentPage(
            one=shown,
            runs=runs,
            runs_left=max(0, len(names) - RUNS_SHOWN),
            shown_run=shown_run,
            timeline=lines,
            left_out=left,
            similar=self._similar(incident),
            deliveries=deliveries,
            is_running=any(run.state in ("running", "waiting") and not run.when.startswith("due") for run in runs),
        )

    def _runs_on_disk(self, incident: str) -> set[str]:
        folder = self.archive.root / ids.incident_id(incident)
        try:
            return {path.name for path in folder.iterdir() if ids.is_run_id(path.name)}
        except OSError:
            return set()

    def _verdict_of(self, incident: str, run: str) -> dict[str, Any] | None:
        path = files.place(self.archive, incident, run, "report.json")
        try:
            if path is None or path.stat().st_size > REPORT_LIMIT:
                return None
            report = json.loads(path.read_bytes())
            verdict = {
                name: report["verdict"].get(name) for name in ("state", "cause", "confidence", "onset", "summary")
            }
            verdict |= {"next_step": report["verdict"].get("next_step"), "at": report["run"]["window"]["end"]}
            return {**verdict, "runbook": report["run"]["runbook"], "state": str(verdict["state"])}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def _run_shown(
        self,
        incident: str,
        run: str,
        order: OrderRow | None,
        verdict: dict[str, Any] | None,
        mark: marks.Marked | None,
        gone: Mapping[str, str],
        now: datetime,
    ) -> RunShown:
        there = files.there(self.archive, incident, run)
        state, word, when = self._run_state(run, order, bool(there), gone, now)
        told = verdict or (dict(order.verdict) if order is not None and order.verdict else None)
        runbook = order.order.runbook if order is not None else str((verdict or {}).get("runbook") or "?")
        return RunShown(
            id=run,
            runbook=runbook,
            why=REASON_WORDS.get(order.order.reason, "") if order is not None else "a person",
            state=state,
            word=word,
            when=when,
            verdict=None if told is None else _verdict_shown(told, now, live=False),
            files=there,
            mark=mark,
            may_be_right=verdict is not None
            and (verdict["state"] == "healthy" or (verdict["state"] == "incident" and verdict["cause"] in BY_ID)),
            missing=state == "archived" and not there,
        )

    def _run_state(
        self, run: str, order: OrderRow | None, there: bool, gone: Mapping[str, str], now: datetime
    ) -> tuple[str, str, str]:
        """Return a run's state, its word, and since when."""
        if order is None:
            return "archived", "☑ archived", f"{stamp(ids.id_time(run))} UTC"
        if order.state == "archived" or there:
            took = ""
            if order.started_at and order.ended_at:
                took = f", took {span_words((order.ended_at - order.started_at).total_seconds())}"
            cut = f", {order.ending.replace('_', ' ')}" if order.ending not in (None, "completed") else ""
            return "archived", "☑ archived", f"{stamp(order.ended_at or order.placed_at)} UTC{took}{cut}"
        if order.state == "failed":
            return "failed", "✗ FAILED", f"{stamp(order.ended_at or order.placed_at)} UTC: {(order.detail or '')[:300]}"
        if order.state == "running":
            since = order.started_at or order.placed_at
            ago = span_words((now - since).total_seconds())
            if run in gone:
                return "stale", "⚠ STALE", f"started {ago} ago; {gone[run]}"
            if now - since > timedelta(seconds=self.state.settings.budget_s) + RUN_MARGIN:
                return "stale", "⚠ STALE", f"runs for {ago}, which is longer than any run may take"
            return "running", "◐ RUNNING", f"for {ago}"
        due = order.order.not_before or order.placed_at
        if due > now:
            return "waiting", "◷ planned", f"due {stamp(due)} UTC, in {span_words((due - now).total_seconds())}"
        waits = f"for {span_words((now - due).total_seconds())}"
        if now - due > WAIT_LONG:
            return "stale", "⚠ STALE", f"waits {waits}: is a worker running?"
        return "waiting", "◌ WAITING", waits

    def _kept_one(self, incident: str, runs: Sequence[RunShown]) -> IncidentShown:
        rows, _ = self._find(Query(text=incident), 5)
        row = next((one for one in rows if one.incident == incident), None) or Row(incident=incident, runs=len(runs))
        shown = _kept(row)
        best = next((run.verdict for run in runs if run.verdict is not None), None)
        return shown if best is None else _with_verdict(shown, best)

    def _kept_lines(self, incident: str) -> tuple[list[Line], int]:
        """Return the archived timeline of an incident that the database does not know."""
        path = self.archive.root / ids.incident_id(incident) / "timeline.jsonl"
        found: list[tuple[datetime, str, Mapping[str, Any]]] = []
        try:
            raw = path.read_bytes().split(b"\n")
        except OSError:
            return [], 0
        for piece in raw[-EVENTS_LAST:]:
            try:
                line = json.loads(piece)
                found.append((datetime.fromisoformat(line["at"]), str(line["entry"]["event"]), line["entry"]))
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
        return _folded(found), max(0, len(raw) - 1 - EVENTS_LAST)

    def _similar(self, incident: str) -> list[Similar]:
        try:
            with Index(self.archive.root, limit_s=1.0) as index:
                return index.like_incident(incident, limit=5)
        except Exception:  # likeness is an extra; the page does without it
            return []


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────


def stamp(at: datetime) -> str:
    """Return *at* as ``2026-11-23 14:03:10``, UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def claim_of(text: str) -> dict[str, str]:
    """Return a claim's words before, quoted and after."""
    before, quoted, after = split_quoted(text[:2000])
    return {"before": before, "quoted": quoted, "after": after}


def _clock(one: Incident, now: datetime) -> Clock:
    minutes = PROMISES_MINUTES.get(one.severity)
    promise = "by the next business day" if minutes is None else f"within {_promise(minutes)}"
    answered = one.acknowledged_at or one.resolved_at
    if answered is not None:
        kept = "kept" if answered <= one.respond_by else "missed"
        took = span_words(max(0.0, (answered - one.clock_at).total_seconds()))
        word = "acknowledged" if one.acknowledged_at is not None else "resolved"
        by = one.acknowledged_by if one.acknowledged_at is not None else one.resolved_by
        css = "stopped" if kept == "kept" else "missed"
        return Clock(words=f"{word} after {took}, promise {kept}", css=css, by=by or "")
    left = (one.respond_by - now).total_seconds()
    day = "" if one.respond_by.date() == now.date() else f"{one.respond_by.astimezone(UTC):%a %d %b} "
    until = f"respond by {day}{one.respond_by.astimezone(UTC):%H:%M} UTC ({promise})"
    if left < 0:
        return Clock(words=f"OVERDUE by {span_words(-left)}: {until}", css="overdue")
    return Clock(words=f"{span_words(left)} left: {until}", css="runs")


def _promise(minutes: int) -> str:
    return f"{minutes} min" if minutes % 60 else f"{minutes // 60} h"


def _verdict_shown(told: Mapping[str, Any], now: datetime, *, live: bool) -> VerdictShown:
    state = str(told.get("state"))
    state = state if state in STATE_WORDS else "inconclusive"
    cause = told.get("cause")
    sure = told.get("confidence")
    words = "cause not settled" if cause is None else _cause(str(cause))
    if state == "healthy":
        words = "nothing wrong was found"
    elif cause is not None and isinstance(sure, int | float) and 0 <= sure <= 1:
        words += f", {percent(float(sure))} likely"
    at = _moment(told.get("at"))
    look = told.get("watch")
    latest = _moment(look.get("at")) if isinstance(look, Mapping) else None
    last = max([one for one in (at, latest) if one is not None], default=None)
    stale = ""
    if live and last is not None and now - last > STALE_VERDICT:
        stale = f"STALE: {span_words((now - last).total_seconds())} old"
    onset = _moment(told.get("onset"))
    step = all_steps().get(str(told.get("next_step")))
    seen = ""
    if isinstance(look, Mapping):
        word = STATE_WORDS.get(str(look.get("state")), STATE_WORDS["inconclusive"])
        seen = f"{word}{'' if latest is None else f' at {stamp(latest)} UTC'}"
    return VerdictShown(
        state=state,
        word=STATE_WORDS[state],
        cause=words,
        summary=claim_of(str(told.get("summary") or "")),
        look=seen,
        at="" if at is None else f"{stamp(at)} UTC",
        onset="" if onset is None else f"{stamp(onset)} UTC",
        next_step="" if step is None else step.to_do,
        stale=stale,
    )


def _with_verdict(shown: IncidentShown, verdict: VerdictShown) -> IncidentShown:
    values = {name: getattr(shown, name) for name in IncidentShown.__slots__}
    return IncidentShown(**{**values, "verdict": verdict})


def _cause(cause: str) -> str:
    known = BY_ID.get(cause)
    words = known.title if known is not None else cause.replace("_", " ")[:60]
    return f"{words[:1].upper()}{words[1:]}"


def _kept(row: Row) -> IncidentShown:
    verdict = None
    if row.state in STATE_WORDS:
        told = {"state": row.state, "cause": row.cause, "summary": row.summary, "onset": row.onset}
        verdict = _verdict_shown(told, datetime.now(UTC), live=False)
    return IncidentShown(
        id=row.incident,
        severity=row.severity or "?",
        state="record",
        word="RECORD",
        title="" if verdict is not None else row.summary,
        service="",
        opened=stamp(ids.id_time(row.incident)),
        clock=None,
        verdict=verdict,
        runs=[
            f"{row.runs} run{'s' if row.runs != 1 else ''}",
            *([f"{row.unreadable} unreadable"] if row.unreadable else []),
        ],
        alerts=0,
        kept=True,
    )


def _running(connection: sa.Connection) -> dict[str, dict[str, int]]:
    """Return by incident how many runs run, wait, and look stale."""
    now = datetime.now(UTC)
    gone = _gone(connection, now)
    since = sa.type_coerce(sa.func.coalesce(orders.c.not_before, orders.c.placed_at), Utc)
    chosen = sa.select(orders.c.incident_id, orders.c.run_id, orders.c.state, since).where(
        orders.c.state.in_(("placed", "queued", "running")),
        sa.or_(orders.c.not_before.is_(None), orders.c.not_before <= now),
    )
    found: dict[str, dict[str, int]] = {}
    for incident, run, state, due in connection.execute(chosen).all():
        word = "running" if state == "running" else "waiting"
        if run in gone or (state != "running" and now - due > WAIT_LONG):
            word = "stale"
        counts = found.setdefault(incident, {"running": 0, "waiting": 0, "stale": 0})
        counts[word] += 1
    return found


def _gone(connection: sa.Connection, now: datetime) -> dict[str, str]:
    """Return runs whose worker gives no sign of life, with the words for it."""
    chosen = (
        sa.select(claims.c.run_id, workers.c.beat_at, workers.c.stopped_at, workers.c.fenced)
        .join(workers, workers.c.executor == claims.c.executor)
        .join(orders, orders.c.run_id == claims.c.run_id)
        .where(orders.c.state == "running")
    )
    found = {}
    for run, beat, stopped, fenced in connection.execute(chosen).all():
        if stopped is not None or fenced:
            found[run] = "its worker has stopped; another one takes it over"
        elif now - beat > SILENT:
            ago = span_words((now - beat).total_seconds())
            found[run] = f"no sign of life from its worker for {ago}"
    return found


def _known(connection: sa.Connection, names: Sequence[str]) -> set[str]:
    """Return those of *names* that the database knows (in whatever state)."""
    from ..incident_tables import incidents

    found: set[str] = set()
    for start in range(0, len(names), 500):
        chosen = sa.select(incidents.c.id).where(incidents.c.id.in_(names[start : start + 500]))
        found |= {str(one) for one in connection.execute(chosen).scalars()}
    return found


def _titled(connection: sa.Connection, text: str) -> list[Incident]:
    """Return incidents that are not archived yet, perhaps, by words of their title, service or id."""
    from ..incident_tables import incidents

    chosen = sa.select(incidents.c.id).order_by(incidents.c.opened_at.desc()).limit(PAGE_SIZE)
    words = text.split()[:8]
    for word in words:
        like = f"%{_like(word)}%"
        columns = (incidents.c.title, incidents.c.service, incidents.c.id)
        chosen = chosen.where(sa.or_(*(column.ilike(like, escape="\\") for column in columns)))
    try:
        names = [str(one) for one in connection.execute(chosen).scalars()] if words else []
    except SQLAlchemyError:
        return []
    return [one for name in names if (one := store.incident(connection, name)) is not None]


def _like(word: str) -> str:
    kept = word.replace("\0", " ").encode("utf-8", "replace").decode()[:100]
    return kept.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _timeline(connection: sa.Connection, incident: str) -> tuple[list[Line], int]:
    """Return the first and the last lines of a timeline, repeated alerts folded, and how many are left out."""
    mine = events.c.incident_id == incident
    count = int(connection.execute(sa.select(sa.func.count()).where(mine)).scalar_one())
    first = sa.select(events).where(mine).order_by(events.c.position).limit(EVENTS_FIRST)
    last = sa.select(events).where(mine).order_by(events.c.position.desc()).limit(EVENTS_LAST)
    head = [(r["position"], r["at"], r["event"], r["entry"]) for r in connection.execute(first).mappings()]
    tail = [(r["position"], r["at"], r["event"], r["entry"]) for r in connection.execute(last).mappings()][::-1]
    seen = {row[0] for row in head}
    rows = [*head, *(row for row in tail if row[0] not in seen)]
    left = max(0, count - len(rows))
    before = _folded([(at, event, json.loads(entry)) for _, at, event, entry in head])
    after = _folded([(at, event, json.loads(entry)) for p, at, event, entry in rows if p not in seen])
    gap = [Line(at="", event="gap", parts=[(f"{left:,} lines are not shown here; the archive holds all", False)])]
    return [*before, *(gap if left else []), *after], left


def _folded(rows: Sequence[tuple[datetime, str, Mapping[str, Any]]]) -> list[Line]:
    lines: list[Line] = []
    last: object = None
    for at, event, entry in rows:
        same = (event, entry.get("kind"), entry.get("title"), entry.get("service")) if event == "alert" else None
        if same is not None and same == last:
            old = lines[-1]
            lines[-1] = Line(at=old.at, event=event, parts=old.parts, times=old.times + 1)
        else:
            lines.append(Line(at=stamp(at), event=event, parts=_words(event, entry)))
        last = same
    return lines


def _words(event: str, entry: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Return a line of the timeline as pieces; what strangers (or people) wrote is marked."""

    def by() -> list[tuple[str, bool]]:
        return [(" by ", False), (str(entry["by"]), True)] if entry.get("by") else []

    match event:
        case "alert":
            level = (
                f", {entry['severity']}"
                if entry.get("severity") in PROMISES_MINUTES or entry.get("severity") == "P4"
                else ""
            )
            service = [(" of ", False), (str(entry["service"]), True)] if entry.get("service") else []
            return [
                (f"Alert{level} from ", False),
                (str(entry.get("kind")), True),
                *service,
                (": ", False),
                (str(entry.get("title")), True),
            ]
        case "alert_resolved":
            return [("The monitor says that it is over: ", False), (str(entry.get("title") or entry.get("kind")), True)]
        case "run":
            state = STATE_WORDS.get(str(entry.get("state")), "? unreadable")
            cause = _cause(str(entry["cause"])) if entry.get("cause") else "cause not settled"
            words = [(f"{entry.get('runbook')}: {state}", False)]
            return words + ([] if entry.get("state") == "healthy" else [(f", {cause}", False)])
        case "acknowledged":
            return [("Acknowledged", False), *by()]
        case "resolved":
            why = [(": ", False), (str(entry["resolution"]), True)] if entry.get("resolution") else []
            return [("Resolved", False), *by(), *why]
        case "reopened":
            return [(f"Open again: {entry.get('why')}", False)]
        case "severity":
            return [(f"Severity {entry.get('from')} → {entry.get('severity')}", False), *by()]
        case "asked":
            return [(f"Run of {entry.get('runbook')} asked for", False), *by()]
        case "declared":
            return [("Declared", False), *by(), (": ", False), (str(entry.get("title")), True)]
        case "watching":
            return [(f"Watching begins: {', '.join(map(str, entry.get('steps') or []))}", False)]
        case "watched":
            return [(f"Watching ended ({entry.get('step')}): {entry.get('ended')}", False)]
    told = {key: value for key, value in entry.items() if key != "event"}
    return [(f"{event.replace('_', ' ')}: ", False), (json.dumps(told, ensure_ascii=False)[:600], True)]


def about(part: str) -> str:
    """Return in words what a message is about."""
    kind, _, rest = part.partition("|")
    words = {
        "root": "the incident",
        "verdict": "the verdict of",
        "archived": "the record of",
        "event": "what people did",
    }
    of = rest.partition("|")[0] if kind in ("verdict", "archived") else ""
    return f"{words.get(kind, kind)} {of}".strip()


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
