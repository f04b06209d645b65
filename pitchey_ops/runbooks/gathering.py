"""Everything that is archived about an incident, taken into the record of the run that looks back at it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..evidence import ids
from ..evidence.canonical import canonical
from ..evidence.redact import Redactor
from ..findings.record import days_of, record_from
from ..models.exchange import Exchange
from ..models.observation import AnyObservation, Observed, Unavailable
from ..postmortem.gathered import LABEL, LINE_FILES, lines_of, run_of
from ..postmortem.story import Story, story
from ..settings import Settings
from .asking import Asked

SOURCE = "archive"
RUNS_MOST = 120
"""Runs that are gathered; of more the first third and the newest are."""
FACTS = ("completed", "cut_reason", "start", "end", "started_by")


def incident_exchanges(
    root: Path, incident: str, *, at: datetime, redactor: Redactor, without: str = ""
) -> Iterator[Exchange]:
    """
    Yield what the archive under *root* holds about *incident*, redacted, as answers to be recorded.

    One for each run (``archive/report/RUN-...``: its report and how it ended) and one for each file of lines
    (``archive/lines/notes``). Labels of drill cases are left out: no run may read them. A run that cannot be read is
    an answer with no body.

    Parameters
    ----------
    without
        The run that is asking.
    """
    folder = root / ids.incident_id(incident)
    runs = [path for path in _runs(folder) if path.name != without]
    first = RUNS_MOST // 3
    kept = runs if len(runs) <= RUNS_MOST else [*runs[:first], *runs[first - RUNS_MOST :]]
    yield _exchange("archive/incident/about", canonical({"incident": incident, "left_out": len(runs) - len(kept)}), at)
    for run in kept:
        body = _report(run)
        yield _exchange(f"archive/report/{run.name}", b"" if body is None else redactor.body(body, _JSON), at)
    for name in LINE_FILES:
        lines = [redactor.body(line, _JSON) if line else line for line in _kept_lines(folder / f"{name}.jsonl")]
        yield _exchange(f"archive/lines/{name}", b"\n".join(lines), at)


_JSON = "application/json"


def with_record(asked: Asked, exchanges: Iterable[Exchange]) -> Asked:
    """Return *asked* with an observation for each gathered exchange among *exchanges*."""
    found: dict[str, AnyObservation] = {}
    for exchange in exchanges:
        if is_gathered(exchange):
            found[exchange.key] = _observation(exchange)
    if not found:
        return asked
    return replace(asked, observations=dict(sorted({**asked.observations, **found}.items())))


def is_gathered(exchange: Exchange) -> bool:
    """Whether *exchange* holds a part of the archive."""
    return exchange.kind == "file" and exchange.source == SOURCE


def story_of(root: Path, incident: str, settings: Settings) -> Story:
    """
    Return the draft about an archived incident, straight from the archive.

    Raises
    ------
    UsageError
        *incident* is no incident's id.
    """
    redactor = Redactor(settings.secrets())
    pieces = incident_exchanges(root, incident, at=datetime(1970, 1, 1, tzinfo=UTC), redactor=redactor)
    return story(record_from(map(_observation, pieces)), days_of(settings))


def _runs(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if ids.is_run_id(path.name) and path.is_dir())


def _report(run: Path) -> bytes | None:
    try:
        report = json.loads((run / "report.json").read_bytes())
        facts = json.loads((run / "manifest.json").read_bytes())
        return canonical({"report": report, "manifest": {name: facts.get(name) for name in FACTS}})
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _kept_lines(path: Path) -> Sequence[bytes]:
    """Return the lines of a file; a label leaves an empty line, so that the others keep their places."""
    try:
        pieces = path.read_bytes().split(b"\n")
    except OSError:
        return []
    return [b"" if _is_label(piece) else piece for piece in pieces]


def _is_label(piece: bytes) -> bool:
    try:
        row: Any = json.loads(piece)
        return bool(row["entry"]["event"] == LABEL)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _exchange(key: str, body: bytes, at: datetime) -> Exchange:
    return Exchange(
        key=key,
        source=SOURCE,
        kind="file",
        method="GET",
        url=f"archive:{key.partition('/')[2]}",
        at=at,
        took_ms=0.0,
        outcome="answered",
        headers={"content-type": _JSON},
        body=body,
    )


def _observation(exchange: Exchange) -> AnyObservation:
    what, _, name = exchange.key.partition("/")[2].partition("/")
    value: Any
    if what == "lines":
        value = lines_of(name, exchange.body)
    elif what == "report":
        value = run_of(exchange.body)
        if value is None:
            return Unavailable(
                id=exchange.key,
                source=SOURCE,
                at=exchange.at,
                reason="bad_payload",
                detail=f"the report of {name} cannot be read",
            )
    else:
        value = json.loads(exchange.body)
    empty = not value
    return Observed(
        id=exchange.key, source=SOURCE, at=exchange.at, value=value, status="no_data" if empty else "observed"
    )


def incident_asked_for(given: object, own: str) -> str:
    """
    Return the incident to look back at: the parameter *given*, or the run's *own* where that is empty.

    Raises
    ------
    UsageError
        *given* is no incident's id.
    """
    text = str(given or "").strip()
    if text and not ids.is_incident_id(text):
        raise UsageError(f"incident {text[:60]!r} is no id such as INC-20261123-081500-ab2c. Nothing was asked.")
    return text or own
