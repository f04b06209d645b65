"""
Finding archived incidents again: an embedded search index over runs and what people wrote about them.

``.index.sqlite3`` in the archive holds nothing that the archive does not: it can be deleted at any time and is
built anew. It follows the ledger, of which it remembers how far it has read, so that looking for news costs
nothing where there are none. Labels of drill cases are not taken in: what a run shows must not come from them.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from . import ids
from .ledger import NAME as LEDGER

FILE = ".index.sqlite3"
VERSION = "2"
"""Of the tables and of what is read out of a report; another one means: build anew."""
TEXT_KEPT = 60_000
"""Characters of one run that can be searched; the summary and the claims come first."""
LINE_KEPT = 4_000
LOCK_WAIT_S = 2.0
CANDIDATES = 60
"""Runs that share something rare with the asked one and are compared exactly."""
RUNS_COMPARED = 3
"""Of an incident that is asked for: its last runs that found something."""
COMMON = 20_000
"""Rows read to find candidates, rarest features first; the rarest `RAREST` always."""
RAREST = 4

BASE_WEIGHTS: Mapping[str, float] = {"pattern": 2.0, "cause": 3.0, "signal": 1.0, "service": 0.6, "route": 0.6}
"""What sharing one feature of a kind counts, before it is halved for every tenfold number of runs that have it."""
LIKE_FROM = 0.3
"""Weighted Jaccard similarity from which two incidents are called similar."""
SHARED_FROM = 3
"""Features that must be shared at least, of two kinds, the cause or a pattern among them: less is thin evidence."""
SIGNAL_FROM = 0.5
"""Strength from which a signal counts as a feature."""

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE docs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, incident TEXT NOT NULL, run TEXT UNIQUE, file TEXT, line INTEGER,
  at TEXT, runbook TEXT, state TEXT, cause TEXT, severity TEXT, onset TEXT, summary TEXT, services TEXT,
  UNIQUE (incident, file, line));
CREATE INDEX docs_by_incident ON docs (incident, run);
CREATE TABLE pending (incident TEXT NOT NULL, run TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE features (feature TEXT NOT NULL, doc INTEGER NOT NULL, PRIMARY KEY (feature, doc)) WITHOUT ROWID;
CREATE INDEX features_by_doc ON features (doc, feature);
CREATE TABLE counts (feature TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE texts USING fts5 (text, content='', tokenize="unicode61 remove_diacritics 2");
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """
    What to look for; everything that is given must fit.

    Attributes
    ----------
    text
        Words that one run or one note must all hold, each from its beginning; letter case does not matter.
    cause
        Hypothesis id that any run of the incident named.
    service
        Service that a run names as hurt, suspect or source of errors.
    since, until
        Bounds of the incident's opening (UTC).
    """

    text: str = ""
    cause: str | None = None
    service: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One incident, with what its last readable run said; ``state`` is None where no run is archived."""

    incident: str
    runs: int
    severity: str | None = None
    state: str | None = None
    cause: str | None = None
    onset: str | None = None
    summary: str = ""
    last_run: str | None = None
    unreadable: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """
    An incident like the one asked for.

    Attributes
    ----------
    score
        Weighted Jaccard similarity of the two runs' features, 0-1.
    why
        How many of what they share, in words.
    resolved_by
        What people wrote, or actions did, that ended it; empty where the record does not say.
    """

    incident: str
    run: str
    score: float
    why: str
    cause: str | None
    onset: str | None
    resolved_by: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, as ``report.html`` takes them too."""
        return {
            "incident_id": self.incident,
            "run": self.run,
            "score": round(self.score, 3),
            "why": self.why,
            "cause": self.cause,
            "at": self.onset,
            "resolved_by": "; ".join(self.resolved_by),
        }


class TooSlow(Exception):
    """The time that was given is used up."""


class Index:
    """
    The index of the archive under *root*.

    Where its file cannot be written (an archive that is read only) it lives in memory. A damaged file, or one
    of another version, is built anew.

    Parameters
    ----------
    limit_s
        Seconds after which everything stops with `TooSlow`; what was taken in until then is kept.
    """

    def __init__(self, root: Path, *, limit_s: float | None = None) -> None:
        self.root = root
        self._until = None if limit_s is None else time.monotonic() + limit_s
        wait_s = LOCK_WAIT_S if limit_s is None else min(LOCK_WAIT_S, limit_s)
        self._read: tuple[Path | None, list[bytes]] = (None, [])
        self._db = self._open(wait_s)

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    # ── keeping up ───────────────────────────────────────────────────────────────────────────────────────────

    def update(self) -> int:
        """
        Take in what the ledger names since the last look, and return how many documents that were.

        Returns without waiting when another process is doing it (its work is seen the next time).

        Raises
        ------
        TooSlow
            The limit is reached; the next `update` goes on from there.
        """
        self._read = (None, [])
        try:
            return self._update()
        except sqlite3.OperationalError as exc:
            with suppress(sqlite3.Error):
                self._db.rollback()
            if "interrupt" in str(exc):
                raise TooSlow from exc
            if "locked" in str(exc) or "busy" in str(exc) or "readonly" in str(exc):
                return 0
            raise

    def rebuild(self) -> int:
        """Forget everything and read the whole archive; return how many documents were taken in."""
        self._create()
        return self.update()

    def _update(self) -> int:
        taken = 0
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for incident, run in self._db.execute("SELECT incident, run FROM pending").fetchall():
                if self._take_run(incident, run):
                    self._db.execute("DELETE FROM pending WHERE run = ?", (run,))
                    taken += 1
            for entry, offset in self._news():
                self._check_time(offset)
                taken += self._take(entry)
                self._set("offset", str(offset))
        except TooSlow:
            self._db.commit()
            raise
        self._db.commit()
        return taken

    def _news(self) -> Iterator[tuple[Mapping[str, Any], int]]:
        """Yield the ledger's entries after the place read last, each with the place behind it."""
        path = self.root / LEDGER
        offset, last = int(self._get("offset") or 0), self._get("last") or ""
        try:
            with path.open("rb") as file:
                if offset and not self._same_before(file, offset, last):
                    self._clear()
                    offset = 0
                file.seek(offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    offset += len(line)
                    try:
                        entry = json.loads(line)
                    except (ValueError, RecursionError):
                        continue
                    if isinstance(entry, dict):
                        yield entry, offset
                        self._set("last", str(entry.get("hash")))
        except FileNotFoundError:
            return

    def _same_before(self, file: Any, offset: int, last: str) -> bool:
        """Whether the ledger still holds the line that was read last, ending at *offset*."""
        tail = max(0, offset - 65_536)
        file.seek(tail)
        before = file.read(offset - tail)
        line = before[:-1].rpartition(b"\n")[2]
        return bool(before.endswith(b"\n") and last and last.encode() in line)

    def _take(self, entry: Mapping[str, Any]) -> int:
        incident, run, file = entry.get("incident"), entry.get("run"), entry.get("file")
        if not ids.is_incident_id(incident):
            return 0
        if entry.get("kind") == "run" and ids.is_run_id(run):
            if self._take_run(str(incident), str(run)):
                return 1
            self._db.execute("INSERT OR IGNORE INTO pending VALUES (?, ?)", (incident, run))
        elif entry.get("kind") == "pruned":
            self._drop(str(incident))
        elif entry.get("kind") == "line" and file in ("notes.jsonl", "journal.jsonl", "timeline.jsonl"):
            return self._take_line(str(incident), str(file), entry.get("line"))
        return 0

    def _take_run(self, incident: str, run: str) -> bool:
        """Take in one run; False while its folder is not in its place."""
        folder = self.root / incident / run
        if not folder.is_dir():
            return False
        try:
            report = json.loads((folder / "report.json").read_bytes())
            row = _row_of(report)
            words, found = _text_of(report), features(report)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            row, words, found = {"state": "unreadable"}, "", frozenset()
        columns = ["incident", "run", *row]
        doc = self._db.execute(
            f"INSERT OR IGNORE INTO docs ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",  # noqa: S608
            (incident, run, *row.values()),
        )
        if doc.rowcount == 1:
            self._add(int(doc.lastrowid or 0), f"{incident} {run} {words}", found)
        return True

    def _take_line(self, incident: str, file: str, number: Any) -> int:
        if type(number) is not int:
            return 0
        line = self._line(self.root / incident / file, number)
        if line is None or _entry_of(line).get("event") == "label":
            return 0
        doc = self._db.execute(
            "INSERT OR IGNORE INTO docs (incident, file, line, at) VALUES (?, ?, ?, ?)",
            (incident, file, number, str(line.get("at"))[:40]),
        )
        if doc.rowcount != 1:
            return 0
        self._add(int(doc.lastrowid or 0), f"{incident} {' '.join(_strings(line.get('entry')))}"[:LINE_KEPT], ())
        return 1

    def _line(self, path: Path, number: int) -> dict[str, Any] | None:
        """Return one line of an incident's file; the file is read once for lines that follow one another."""
        if self._read[0] != path or number > len(self._read[1]):
            try:
                self._read = (path, path.read_bytes().split(b"\n"))
            except OSError:
                return None
        try:
            line = json.loads(self._read[1][number - 1])
        except (ValueError, IndexError, RecursionError):
            return None
        return line if isinstance(line, dict) else None

    def _drop(self, incident: str) -> None:
        """Forget a pruned incident; its words, which no document points to any more, go when the index is rebuilt."""
        for (doc,) in self._db.execute("SELECT id FROM docs WHERE incident = ?", (incident,)).fetchall():
            self._db.execute(
                "UPDATE counts SET n = n - 1 WHERE feature IN (SELECT feature FROM features WHERE doc = ?)", (doc,)
            )
            self._db.execute("DELETE FROM features WHERE doc = ?", (doc,))
        self._db.execute("DELETE FROM docs WHERE incident = ?", (incident,))
        self._db.execute("DELETE FROM pending WHERE incident = ?", (incident,))

    def _add(self, doc: int, text: str, found: Iterable[str]) -> None:
        self._db.execute("INSERT INTO texts (rowid, text) VALUES (?, ?)", (doc, _storable(text)[:TEXT_KEPT]))
        rows = [(_storable(feature), doc) for feature in sorted(found)]
        self._db.executemany("INSERT OR IGNORE INTO features VALUES (?, ?)", rows)
        self._db.executemany(
            "INSERT INTO counts VALUES (?, 1) ON CONFLICT (feature) DO UPDATE SET n = n + 1",
            [(feature,) for feature, _ in rows],
        )

    # ── looking ──────────────────────────────────────────────────────────────────────────────────────────────

    def find(self, query: Query | None = None, *, limit: int = 1000) -> list[Row]:
        """
        Return the incidents that fit, newest first, at most *limit*.

        Any text may be searched for: nothing in it is taken as a query language. A text without a letter or
        digit finds nothing.
        """
        query = query or Query()
        wheres, values = ["1"], list[Any]()
        if query.text.strip():
            words = match_of(query.text)
            if words is None:
                return []
            wheres.append(
                "incident IN (SELECT d.incident FROM texts JOIN docs d ON d.id = texts.rowid WHERE texts MATCH ?)"
            )
            values.append(words)
        if query.cause is not None:
            wheres.append("incident IN (SELECT incident FROM docs WHERE cause = ?)")
            values.append(_storable(query.cause))
        if query.service is not None:
            wheres.append(
                "incident IN (SELECT d.incident FROM features f JOIN docs d ON d.id = f.doc WHERE f.feature = ?)"
            )
            values.append(_storable(f"service:{query.service}"))
        for bound, sign in ((query.since, ">="), (query.until, "<=")):
            if bound is not None:
                wheres.append(f"incident {sign} ?")
                values.append(f"INC-{bound.astimezone(UTC):%Y%m%d-%H%M%S}" + ("-zzzz" if sign == "<=" else ""))
        what = "incident, COUNT(run), SUM(state = 'unreadable'), MAX(CASE WHEN state != 'unreadable' THEN run END)"
        order = "GROUP BY incident ORDER BY incident DESC LIMIT ?"
        sql = f"SELECT {what} FROM docs WHERE {' AND '.join(wheres)} {order}"  # noqa: S608 - words of ours only
        found = self._db.execute(sql, (*values, limit)).fetchall()
        return [self._row(*one) for one in found]

    def _row(self, incident: str, runs: int, unreadable: int | None, last: str | None) -> Row:
        if last is None:
            return Row(incident=incident, runs=runs, unreadable=unreadable or 0, summary=self._declared(incident))
        row = self._db.execute(
            "SELECT severity, state, cause, onset, summary FROM docs WHERE run = ?", (last,)
        ).fetchone()
        severity, state, cause, onset, summary = row
        return Row(
            incident=incident,
            runs=runs,
            severity=severity,
            state=state,
            cause=cause,
            onset=onset,
            summary=summary,
            last_run=last,
            unreadable=unreadable or 0,
        )

    def _declared(self, incident: str) -> str:
        """Return the title under which an incident without a run was declared."""
        for _, entry in _lines(self.root / incident / "timeline.jsonl"):
            if isinstance(entry.get("title"), str):
                return str(entry["title"])[:300]
        return ""

    def like(self, report: Mapping[str, Any], *, limit: int = 3) -> list[Similar]:
        """
        Return archived incidents like the one that *report* (the values of ``report.json``) is about.

        Compared are the cause, patterns of errors that are new or rising, signals of findings, services and
        routes; of each incident its most similar run counts. Nothing is returned on thin evidence: see
        `LIKE_FROM` and `SHARED_FROM`. A run that found nothing wrong is like no incident.
        """
        own = features(report)
        return self._like(own, str(report["incident"]["id"]), limit) if own else []

    def like_incident(self, incident: str, *, limit: int = 10) -> list[Similar]:
        """Return incidents like the archived *incident*: like one of its last runs, each with its best score."""
        best: dict[str, Similar] = {}
        docs = self._db.execute(
            "SELECT id FROM docs WHERE incident = ? AND id IN (SELECT doc FROM features) ORDER BY run DESC LIMIT ?",
            (incident, RUNS_COMPARED),
        ).fetchall()
        for (doc,) in docs:
            own = frozenset(f for (f,) in self._db.execute("SELECT feature FROM features WHERE doc = ?", (doc,)))
            for one in self._like(own, incident, limit) if own else []:
                if one.incident not in best or best[one.incident].score < one.score:
                    best[one.incident] = one
        return sorted(best.values(), key=lambda one: (-one.score, one.incident))[:limit]

    def _like(self, own: frozenset[str], incident: str, limit: int) -> list[Similar]:
        runs = self._db.execute("SELECT COUNT(run) FROM docs").fetchone()[0]
        if not runs:
            return []
        weigh = _Weights(self._db)
        found: dict[str, tuple[float, str, frozenset[str], frozenset[str]]] = {}
        for doc, other, run in self._candidates(own, incident, weigh):
            theirs = frozenset(f for (f,) in self._db.execute("SELECT feature FROM features WHERE doc = ?", (doc,)))
            shared = own & theirs
            score = sum(map(weigh, shared)) / sum(map(weigh, own | theirs))
            if score >= LIKE_FROM and _enough(shared) and (other not in found or found[other][:2] < (score, run)):
                found[other] = (score, run, shared, theirs)
        ranked = sorted(found.items(), key=lambda item: (-item[1][0], item[0]))[:limit]
        return [self._similar(other, *rest, own) for other, rest in ranked]

    def _candidates(self, own: frozenset[str], incident: str, weigh: _Weights) -> list[tuple[int, str, str]]:
        rarest = sorted(own, key=lambda f: (weigh.count(f), f))
        scores: dict[int, float] = {}
        read = 0
        for number, feature in enumerate(rarest):
            read += weigh.count(feature)
            if number >= RAREST and read > COMMON:
                break
            weight = weigh(feature)
            for (doc,) in self._db.execute(
                "SELECT doc FROM features WHERE feature = ? ORDER BY doc DESC LIMIT ?", (feature, COMMON)
            ):
                scores[doc] = scores.get(doc, 0.0) + weight
        best = sorted(scores, key=lambda doc: (-scores[doc], -doc))
        out: list[tuple[int, str, str]] = []
        for doc in best:
            other, run = self._db.execute("SELECT incident, run FROM docs WHERE id = ?", (doc,)).fetchone()
            if other != incident:
                out.append((doc, other, run))
            if len(out) == CANDIDATES:
                break
        return out

    def _similar(
        self, incident: str, score: float, run: str, shared: frozenset[str], theirs: frozenset[str], own: frozenset[str]
    ) -> Similar:
        cause, onset = self._db.execute("SELECT cause, onset FROM docs WHERE run = ?", (run,)).fetchone()
        return Similar(
            incident=incident,
            run=run,
            score=score,
            why=_why(shared, own, theirs),
            cause=cause,
            onset=onset,
            resolved_by=resolved_by(self.root / incident),
        )

    # ── the file ─────────────────────────────────────────────────────────────────────────────────────────────

    def _open(self, wait_s: float) -> sqlite3.Connection:
        path = self.root / FILE
        for attempt in (1, 2):
            try:
                db = self._connect(str(path), wait_s)
                if _version(db) not in ("", VERSION):
                    raise sqlite3.DatabaseError("another version")
                self._db = db
                if _version(db) == "":
                    self._create()
                return db
            except sqlite3.OperationalError:
                break  # cannot be written, or somebody is making it
            except sqlite3.DatabaseError:
                for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
                    with suppress(OSError):
                        (self.root / name).unlink()
                if attempt == 2:
                    break
        self._db = self._connect(":memory:", wait_s)
        self._create()
        return self._db

    def _connect(self, place: str, wait_s: float) -> sqlite3.Connection:
        db = sqlite3.connect(place, timeout=wait_s, isolation_level=None)
        if place != ":memory:":
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
        if self._until is not None:
            until = self._until
            db.set_progress_handler(lambda: int(time.monotonic() > until), 2000)
        return db

    def _create(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for (name,) in self._db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'texts%' AND name NOT LIKE 'sqlite%'"
        ).fetchall():
            self._db.execute(f"DROP TABLE {name}")
        self._db.execute("DROP TABLE IF EXISTS texts")
        for statement in _SCHEMA.split(";\n"):
            if statement.strip():
                self._db.execute(statement)
        self._set("version", VERSION)
        self._db.commit()

    def _clear(self) -> None:
        """Forget everything inside a transaction: the ledger is not the one that was read."""
        for table in ("docs", "pending", "features", "counts"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
        self._db.execute("INSERT INTO texts (texts) VALUES ('delete-all')")

    def _check_time(self, offset: int) -> None:
        if self._until is not None and time.monotonic() > self._until:
            raise TooSlow(offset)

    def _get(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _set(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))


def similar_to(root: Path, report: Mapping[str, Any], *, limit_s: float) -> list[dict[str, Any]]:
    """
    Return incidents like *report*'s as ``report.html`` shows them, within *limit_s* seconds; ``[]`` on any trouble.

    For the end of a run, which must not fail or wait for this.
    """
    with suppress(Exception), Index(root, limit_s=limit_s) as index:
        with suppress(TooSlow):
            index.update()
        return [one.to_json() for one in index.like(report)]
    return []


# ── what is read out of a report ─────────────────────────────────────────────────────────────────────────────────


def features(report: Mapping[str, Any]) -> frozenset[str]:
    """
    Return what tells one kind of incident from another: ``cause:…``, ``pattern:…``, ``signal:…``, ``service:…``,
    ``route:…``; empty where the run found nothing wrong.
    """
    verdict = report["verdict"]
    if verdict["state"] == "healthy":
        return frozenset()
    found: set[str] = set()
    if verdict["cause"] not in (None, "none"):
        found.add(f"cause:{verdict['cause']}")
    found |= {f"service:{one}" for one in verdict["impact"]["services"]}
    found |= {f"route:{one}" for one in verdict["impact"]["routes"][:12]}
    found |= {f"service:{one['service']}" for one in report["suspects"][:2]}
    for finding in report["findings"]:
        data = finding["data"]
        if finding["rule"] == "patterns":
            if (data.get("is_new") or data.get("is_rising")) and data.get("count_after", 0) >= 3:
                found.add(f"pattern:{_fingerprint(str(data.get('template')))}")
        elif finding["severity"] != "info":
            found |= {f"signal:{s['name']}" for s in finding["signals"] if s["strength"] >= SIGNAL_FROM}
            found |= {f"service:{finding['service']}"} if finding["service"] else set()
    kinds = {feature.partition(":")[0] for feature in found}
    return frozenset(found) if kinds - {"service", "route"} else frozenset()


def resolved_by(folder: Path, *, limit: int = 3) -> tuple[str, ...]:
    """
    Return what ended an incident, as its journal, timeline and notes say: at most *limit* lines, the surest first.

    Actions that were verified come first, then those applied, then what was written at the resolution, then the last
    note. Labels are no such record.
    """
    found: list[tuple[int, str]] = []
    for _, entry in _lines(folder / "journal.jsonl"):
        state = str(entry.get("event") or entry.get("status") or entry.get("phase") or "").lower()
        name = entry.get("action") or entry.get("title")
        if name and state in ("verified", "applied", "done"):
            target = entry.get("target")
            found.append((0 if state == "verified" else 1, f"{name}{f' of {target}' if target else ''} ({state})"))
    for _, entry in _lines(folder / "timeline.jsonl"):
        if entry.get("event") in ("resolved", "mitigated"):
            words = next((entry[k] for k in ("resolution", "what", "text", "note") if entry.get(k)), "")
            if words:
                found.append((2, str(words)))
    notes = [str(e["text"]) for _, e in _lines(folder / "notes.jsonl") if e.get("event") != "label" and e.get("text")]
    found += [(3, f"note: {text}") for text in notes[-1:]]
    ranked = dict.fromkeys(text[:200] for _, text in sorted(found, key=lambda one: one[0]))
    return tuple(ranked)[:limit]


def match_of(text: str) -> str | None:
    """
    Return the FTS5 expression that finds every word of *text* from its beginning, None where there is no word.

    Each word stands as a quoted string, in which FTS5 knows no syntax; characters that could end it are doubled
    or dropped.
    """
    words = []
    for raw in text[:2_000].split():
        word = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in raw).strip()
        if any(unicodedata.category(c)[0] in "LN" for c in word):
            words.append('"' + word.replace('"', '""') + '" *')
    return " AND ".join(words[:32]) if words else None


def _row_of(report: Mapping[str, Any]) -> dict[str, Any]:
    verdict = report["verdict"]
    services = [*verdict["impact"]["services"], *(one["service"] for one in report["suspects"][:3])]
    return {
        "at": report["run"]["window"]["end"],
        "runbook": _storable(str(report["run"]["runbook"])),
        "state": str(verdict["state"]),
        "cause": None if verdict["cause"] is None else str(verdict["cause"]),
        "severity": str(report["incident"]["severity"]),
        "onset": verdict["onset"],
        "summary": _storable(str(verdict["summary"])),
        "services": _storable(" ".join(map(str, services))),
    }


def _text_of(report: Mapping[str, Any]) -> str:
    verdict = report["verdict"]
    parts = [str(verdict["summary"]), str(verdict["cause"] or ""), str(report["run"]["runbook"])]
    parts += [str(alert["title"]) for alert in report["incident"]["alerts"]]
    parts += verdict["impact"]["services"] + verdict["impact"]["routes"]
    parts += [f"{finding['id']} {finding['claim']} {finding['service'] or ''}" for finding in report["findings"]]
    parts += [one["service"] for one in report["suspects"]]
    parts += [text for finding in report["findings"] for text in _strings(finding["data"])]
    return " ".join(map(str, parts))[:TEXT_KEPT]


def _strings(value: Any, depth: int = 4) -> Iterator[str]:
    """Yield the texts in JSON values, addresses of the internet always, each cut to a length."""
    if isinstance(value, str):
        yield value[:1000]
    elif isinstance(value, Mapping) and depth:
        for key in sorted(value):
            if _is_address(key):
                yield key
            yield from _strings(value[key], depth - 1)
    elif isinstance(value, Sequence) and depth:
        for item in value[:200]:
            yield from _strings(item, depth - 1)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


_VARYING = re.compile(r"<\*>|\d+|\s+")


def _fingerprint(template: str) -> str:
    """Return a pattern of log lines without what varies between two incidents: places, numbers, spaces."""
    return _VARYING.sub(" ", template.lower()).strip()[:300]


def _enough(shared: frozenset[str]) -> bool:
    kinds = {feature.partition(":")[0] for feature in shared}
    return len(shared) >= SHARED_FROM and len(kinds) >= 2 and bool(kinds & {"cause", "pattern"})


def _why(shared: frozenset[str], own: frozenset[str], theirs: frozenset[str]) -> str:
    words = []
    causes = [f.partition(":")[2] for f in shared if f.startswith("cause:")]
    if causes:
        words.append(f"the cause {causes[0]}")
    for kind, one, many in (
        ("pattern", "error pattern", "error patterns"),
        ("signal", "signal", "signals"),
        ("service", "service", "services"),
        ("route", "route", "routes"),
    ):
        both = sum(f.startswith(f"{kind}:") for f in shared)
        either = sum(f.startswith(f"{kind}:") for f in own | theirs)
        if either:
            words.append(f"{both} of {either} {one if either == 1 else many}")
    return "shares " + ", ".join(words)


class _Weights:
    """Weight of a feature: its kind's, less for what many runs have."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._counts: dict[str, int] = {}

    def count(self, feature: str) -> int:
        """Return how many runs have *feature*."""
        if feature not in self._counts:
            row = self._db.execute("SELECT n FROM counts WHERE feature = ?", (_storable(feature),)).fetchone()
            self._counts[feature] = 0 if row is None else int(row[0])
        return self._counts[feature]

    def __call__(self, feature: str) -> float:
        base = BASE_WEIGHTS[feature.partition(":")[0]]
        return base / (1.0 + math.log10(1.0 + self.count(feature) / 10.0))


# ── lines of an incident's files ─────────────────────────────────────────────────────────────────────────────────


def _lines(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (time, entry) of each readable line of an incident's file."""
    try:
        raw = path.read_bytes()
    except OSError:
        return
    for piece in raw.split(b"\n"):
        with suppress(ValueError, RecursionError, AttributeError):
            line = json.loads(piece)
            yield str(line.get("at")), _entry_of(line)


def _entry_of(line: Mapping[str, Any]) -> Mapping[str, Any]:
    entry = line.get("entry")
    return entry if isinstance(entry, Mapping) else {}


def _storable(text: str) -> str:
    """Return *text* as SQLite can hold it: without NUL and lone surrogates."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def _version(db: sqlite3.Connection) -> str:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        return ""
    row = db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
    return str(row[0]) if row else "?"
