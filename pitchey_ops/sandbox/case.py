"""
A recorded incident as a world, to be served with all the traps that hide most of it.

The folder's files are those of `pitchey_ops.sources.casefile`. Entries stand at their own times and the
clock starts at the end of the recording. What the recording does not tell (the live API, Cloudflare,
Sentry, history of probes) answers nothing at all: a default of *all is well* would be a lie. Labels are
never read.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from ..errors import UsageError
from .builder import DAY
from .world import (
    DB_POSTS,
    EDGE,
    FIREWALL,
    LOGS,
    METRICS,
    PROBES,
    VITALS,
    WORKERS,
    Behaviour,
    Deployment,
    Schema,
    World,
)

SILENT = (
    "api",
    "frontend",
    "infra",
    "monitoring",
    "cloudflare_status",
    "cloudflare_api",
    "sentry",
    "pagerduty",
    "slack",
)
"""Services of which a recording knows nothing: no connection."""

_TEXT = (
    "level", "message", "service", "environment", "component", "userId", "sessionId", "traceId", "spanId", "requestId",
    "ipAddress", "userAgent", "url", "method", "errorStack",
)  # fmt: skip
_EARLIEST_MS, _LATEST_MS = 946_684_800_000, 4_102_444_800_000
_MAX_LINE = 16 * 1024**2


def world_from_case(folder: Path) -> World:
    """
    Return the world of a case folder.

    Parameters
    ----------
    folder
        Holds ``logs.jsonl``, ``metrics.jsonl``, ``response_time.jsonl`` (any of them, plain or ``.gz``),
        and optionally ``deployments.json`` and ``security.json``.

    Raises
    ------
    UsageError
        There is no such folder, or none of the three files is in it, or nothing in them has a time.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"No case folder at {str(folder)!r}; nothing was read.")
    names = ("logs.jsonl", "metrics.jsonl", "response_time.jsonl")
    if not any(_find(folder, name) for name in names):
        raise UsageError(f"{str(folder)!r} is no case folder: none of {', '.join(names)} is there, plain or .gz.")
    logs = _logs(_lines(folder, "logs.jsonl"))
    points = [*_lines(folder, "metrics.jsonl"), *_lines(folder, "response_time.jsonl")]
    metrics = _metrics(points)
    newest = [int(value) for frame in (logs, metrics) if isinstance(value := frame["at"].max(), int)]
    if not newest:
        raise UsageError(f"{str(folder)!r} holds no entry with a time; nothing to play.")
    now = max(newest) + 1
    deployments = _deployments(_document(folder, "deployments.json"), now)
    silent = [s for s in SILENT if not (s == "cloudflare_api" and deployments)]
    return World(
        name=f"case {folder.name}",
        seed=0,
        now_ms=now,
        logs=logs,
        metrics=metrics,
        db_posts=pl.DataFrame(schema=DB_POSTS),
        vitals=pl.DataFrame(schema=VITALS),
        edge=pl.DataFrame(schema=EDGE),
        workers=pl.DataFrame(schema=WORKERS),
        firewall=pl.DataFrame(schema=FIREWALL),
        probes=pl.DataFrame(schema=PROBES),
        deployments=tuple(deployments),
        behaviours=tuple(
            Behaviour(service=s, path="", start_ms=now - 365 * DAY, end_ms=now + 365 * DAY, status=0) for s in silent
        ),
        security_events=_security(_document(folder, "security.json"), now),
    )


def _find(folder: Path, name: str) -> Path | None:
    return next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)


def _lines(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file, as far as it can be read; other lines are passed over."""
    path = _find(folder, name)
    if path is None:
        return
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
        while True:
            try:
                line = stream.readline(_MAX_LINE)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                return  # cut short: what came before is good
            if not line:
                return
            try:
                value = json.loads(line.decode("utf-8", "surrogatepass"))
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                yield value


def _document(folder: Path, name: str) -> Any:
    path = _find(folder, name)
    if path is None:
        return None
    try:
        data = path.read_bytes()
        return json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    except (ValueError, RecursionError, EOFError, zlib.error, OSError):
        return None


def _moment(value: Any) -> int | None:
    """Return ms since the epoch: from a number of ms or ISO text; None where it is neither."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
            value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
        except (ValueError, OverflowError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if _EARLIEST_MS <= value <= _LATEST_MS else None


def _json(value: Any) -> str:
    """Return *value* as JSON text that any store can hold: lone surrogates stay escaped."""
    return json.dumps(value, separators=(",", ":"))


def _is_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _logs(entries: Iterator[dict[str, Any]]) -> pl.DataFrame:
    columns: dict[str, list[Any]] = {name: [] for name in LOGS}
    last: int | None = None
    pending = 0  # entries before the first that has a time
    for number, entry in enumerate(entries):
        stamp = entry.get("timestamp")
        moment = _moment(stamp)
        at = moment if moment is not None else last
        if at is None:
            pending += 1
        else:
            last = at
        odd = moment is None or not isinstance(stamp, int) or not _is_text(entry.get("message"))
        status, took = entry.get("statusCode"), entry.get("responseTime")
        odd |= any(entry.get(name) is not None and not _is_text(entry[name]) for name in _TEXT)
        odd |= status is not None and not (isinstance(status, int) and 0 <= status < 2**31)
        odd |= took is not None and not _is_number(took)
        name = entry.get("id")
        tail = name if _is_text(name) else f"case-{number}"
        row: dict[str, Any] = {"at": at, "arrival": at, "id": tail, "stored": True, "archived": True}
        if odd:
            row["raw"] = _json({"id": tail} | entry if not _is_text(name) else entry)
            row["service"] = entry["service"] if _is_text(entry.get("service")) else None
        else:
            row |= {key: entry.get(key) for key in _TEXT}
            row |= {"statusCode": status, "responseTime": None if took is None else float(took)}
        for key, bare in (("metadata", {}), ("tags", [])):
            value = entry.get(key)
            row[key] = None if odd or value is None or value == bare else _json(value)
        for key, column in columns.items():
            column.append(row.get(key))
    if pending:
        first = next((at for at in columns["at"] if at is not None), None)
        for key in ("at", "arrival"):
            columns[key] = [first if at is None else at for at in columns[key]]
    frame = pl.DataFrame(columns, schema=LOGS, strict=True)
    return frame.filter(pl.col("at").is_not_null()).sort("at", maintain_order=True)


def _metrics(points: list[dict[str, Any]]) -> pl.DataFrame:
    columns: dict[str, list[Any]] = {name: [] for name in METRICS}
    last: int | None = None
    for point in points:
        moment = _moment(point.get("timestamp"))
        at = moment if moment is not None else last
        name, value = point.get("name"), point.get("value")
        if at is None or not _is_text(name):
            continue
        last = at
        odd = moment is None or not _is_number(value)
        tags = point.get("tags")
        row = {
            "at": at,
            "name": name,
            "value": None if odd or value is None else float(value),
            "type": point.get("type") if _is_text(point.get("type")) else None,
            "unit": point.get("unit") if _is_text(point.get("unit")) else None,
            "tags": _json(tags if isinstance(tags, dict) else {}),
            "raw": _json(point) if odd else None,
            "stored": True,
        }
        for key, column in columns.items():
            column.append(row[key])
    return _framed(columns, METRICS).sort("at", maintain_order=True)


def _framed(columns: Mapping[str, list[Any]], schema: Schema) -> pl.DataFrame:
    return pl.DataFrame(columns, schema=schema, strict=True)


def _deployments(value: Any, now_ms: int) -> list[Deployment]:
    """Read releases: a list, or an object with the list under ``deployments``, ``releases`` or ``result``."""
    if isinstance(value, dict):
        value = next((value[key] for key in ("deployments", "releases", "result") if key in value), None)
    if isinstance(value, dict):
        value = value.get("deployments")
    found: list[Deployment] = []
    for item in value if isinstance(value, list) else []:
        if not isinstance(item, dict):
            continue
        keys = ("at", "created_on", "createdAt", "dateCreated", "timestamp")
        at = _moment(_first(item, *keys))
        if at is None or at > now_ms:
            continue
        notes = item.get("annotations")
        message = _first(item, "message", "commit_message") or (
            notes.get("workers/message") if isinstance(notes, dict) else None
        )
        found.append(
            Deployment(
                at_ms=at,
                script=str(_first(item, "script", "script_name", "service", "worker", "project") or "unknown"),
                version_id=str(_first(item, "version", "version_id", "release", "id") or f"case-{len(found)}"),
                number=len(found) + 1,
                author=str(_first(item, "author", "author_email") or "unknown"),
                message=str(message or ""),
                source="case",
            )
        )
    return sorted(found, key=lambda one: one.at_ms)


def _first(item: Mapping[str, Any], *keys: str) -> Any:
    return next((item[key] for key in keys if item.get(key) is not None), None)


def _security(value: Any, now_ms: int) -> dict[str, tuple[int, ...]]:
    """Read counts by type (contract, ``/security/metrics``): so many events, the last at its time."""
    events = value.get("events") if isinstance(value, dict) else None
    found: dict[str, tuple[int, ...]] = {}
    for kind, one in events.items() if isinstance(events, dict) else ():
        if isinstance(one, dict) and _is_number(one.get("count")):
            last = min(_moment(one.get("lastSeen")) or now_ms, now_ms)
            found[str(kind)] = (last,) * min(int(one["count"]), 100_000)
    return found
