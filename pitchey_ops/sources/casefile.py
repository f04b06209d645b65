"""
Recorded incidents: a folder of files in the platform's own field names.

A case folder holds any of these, each plain or gzipped (``.gz`` added to the name):

* ``logs.jsonl``: log entries as ``/logs/query`` gives them, one JSON object a line;
* ``metrics.jsonl``: APM points as ``/apm/metrics`` gives them;
* ``response_time.jsonl``: APM points of single requests. A point whose tags name a ``caller``, an
  ``operation`` or a ``traceId`` is a span, wherever it stands; ``tags.client_ms`` is the caller's time
  for the same call;
* ``deployments.json``: what was released. A list, or an object with the list under ``deployments``,
  ``releases`` or ``result``; of each item the first that is there of

  ========= ==================================================================
  column    keys
  ========= ==================================================================
  at        ``at``, ``created_on``, ``createdAt``, ``dateCreated``, ``timestamp``
            (ISO 8601, taken as UTC where no offset is given, or ms since the epoch)
  script    ``script``, ``script_name``, ``service``, ``worker``, ``project``
  version   ``version``, ``version_id``, ``release``, ``id``
  previous  ``previous``, ``previous_version``
  author    ``author``, ``author_email``, ``author.email``, ``author.name``
  message   ``message``, ``commit_message``, ``annotations["workers/message"]``
  ========= ==================================================================

* ``security.json``: one reading of ``/security/metrics``, kept as it is.

Nothing in a case is trusted. What has the wrong type is rejected and counted, never guessed; a file
that unpacks to more than a limit is refused; a file that ends in the middle is read as far as it goes
and named in `CaseTables.problems`. A file that is not there is in `CaseTables.missing`, which is not the
same as one that is there and empty. Labels of a case are never read.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import polars as pl

from pitchey_ops.errors import AnswerTooLarge, UsageError
from pitchey_ops.frames import DEPLOYMENTS, LOGS, METRICS, SPANS, empty

Schema = dict[str, pl.DataType | type[pl.DataType]]

MAX_BYTES = 2 * 1024**3
"""Bytes of one file after unpacking; a million log entries are about 0.4 GB."""

EARLIEST_MS, LATEST_MS = 946_684_800_000, 4_102_444_800_000
"""2000 to 2100: seconds sent as milliseconds land in 1970 (contract trap 27)."""

_CHUNK = 4 * 1024**2
_MAX_LINE = 16 * 1024**2

_RAW_LOG: Schema = {
    "timestamp": pl.Float64,
    "service": pl.String,
    "level": pl.String,
    "message": pl.String,
    "id": pl.String,
    "component": pl.String,
    "userId": pl.String,
    "traceId": pl.String,
    "ipAddress": pl.String,
    "userAgent": pl.String,
    "url": pl.String,
    "method": pl.String,
    "statusCode": pl.Float64,
    "responseTime": pl.Float64,
    "errorStack": pl.String,
    "tags": pl.String,
    "metadata": pl.String,
}
_TAGS = ("service", "endpoint", "url", "deviceType", "caller", "operation", "traceId")
_RAW_POINT: Schema = {
    "timestamp": pl.Float64,
    "name": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
    "tags": pl.Struct({**dict.fromkeys(_TAGS, pl.String), "client_ms": pl.Float64}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTables:
    """
    What a case folder holds, in the columns of `pitchey_ops.frames`.

    Attributes
    ----------
    rejected
        Entries that were not usable, by file; a file without such entries is absent.
    missing
        Names (without ``.gz``) of files that are not in the folder.
    problems
        One sentence for each file that could not be read to its end.
    security
        ``security.json``, or None.
    """

    logs: pl.DataFrame = field(default_factory=lambda: empty(LOGS))
    metrics: pl.DataFrame = field(default_factory=lambda: empty(METRICS))
    spans: pl.DataFrame = field(default_factory=lambda: empty(SPANS))
    deployments: pl.DataFrame = field(default_factory=lambda: empty(DEPLOYMENTS))
    security: Mapping[str, Any] | None = None
    rejected: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def read_case(folder: Path, *, max_bytes: int = MAX_BYTES) -> CaseTables:
    """
    Read a case folder.

    Parameters
    ----------
    folder
        See the module's docstring for the files.
    max_bytes
        Limit of one file after unpacking.

    Raises
    ------
    UsageError
        There is no such folder, or none of the files is in it.
    AnswerTooLarge
        A file unpacks to more than *max_bytes*.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"No case folder at {str(folder)!r}; nothing was read.")
    reader = _Reader(folder, max_bytes)
    logs = _logs(reader)
    metrics, spans = _points(reader)
    deployments = _deployments(reader)
    security = reader.document("security.json")
    if security is not None and not isinstance(security, dict):
        reader.problems.append("security.json: not an object; ignored.")
        security = None
    if len(reader.missing) == 5:
        raise UsageError(
            f"{str(folder)!r} is no case folder: none of {', '.join(reader.missing)} is there, plain or .gz."
        )
    return CaseTables(
        logs=logs,
        metrics=metrics,
        spans=spans,
        deployments=deployments,
        security=security,
        rejected={name: n for name, n in reader.rejected.items() if n},
        missing=tuple(name for name in reader.missing if name not in ("deployments.json", "security.json")),
        problems=tuple(reader.problems),
    )


class _Reader:
    """Opens the files of one case and keeps count of what was wrong with them."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.rejected: dict[str, int] = {}
        self.missing: list[str] = []
        self.problems: list[str] = []

    def reject(self, name: str, count: int) -> None:
        self.rejected[name] = self.rejected.get(name, 0) + count

    def frame(self, name: str, schema: Schema) -> pl.DataFrame:
        """Return all entries of the file *name* as columns of *schema*; odd ones are counted."""
        parts = [self._parse(name, block, schema) for block in self._blocks(name)]
        return pl.concat(parts) if parts else pl.DataFrame(schema=schema)

    def document(self, name: str) -> Any:
        """Return the JSON value in the file *name*, None where it is absent or unreadable."""
        text = b"".join(self._bytes(name))
        if not text.strip():
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            self.problems.append(f"{name}: not JSON ({type(error).__name__}); ignored.")
            return None

    def _open(self, name: str) -> BinaryIO | None:
        for path in (self.folder / f"{name}.gz", self.folder / name):
            if path.is_file():
                raw = path.open("rb")
                zipped = raw.read(2) == b"\x1f\x8b"
                raw.seek(0)
                return cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if zipped else raw
        self.missing.append(name)
        return None

    def _bytes(self, name: str) -> Iterator[bytes]:
        source = self._open(name)
        if source is None:
            return
        left = self.max_bytes
        with source:
            while True:
                try:
                    part = source.read(_CHUNK)
                except (OSError, EOFError, zlib.error) as error:
                    self.problems.append(f"{name}: ends early or is damaged ({error}); read as far as it goes.")
                    return
                if not part:
                    return
                left -= len(part)
                if left < 0:
                    raise AnswerTooLarge(f"{name} unpacks to more than {self.max_bytes:,} bytes; not read.")
                yield part

    def _blocks(self, name: str) -> Iterator[bytes]:
        """Yield whole lines, a few megabytes at a time; a line beyond all measure is dropped and counted."""
        kept: list[bytes] = []
        kept_bytes = 0
        skipping = False
        for part in self._bytes(name):
            if skipping:
                start = part.find(b"\n")
                if start < 0:
                    continue
                part, skipping = part[start + 1 :], False
            end = part.rfind(b"\n")
            if end < 0:
                kept.append(part)
                kept_bytes += len(part)
                if kept_bytes > _MAX_LINE:
                    self.reject(name, 1)
                    kept, kept_bytes, skipping = [], 0, True
                continue
            yield b"".join((*kept, memoryview(part)[: end + 1]))
            kept, kept_bytes = [part[end + 1 :]], len(part) - end - 1
        rest = b"".join(kept)
        if rest.strip():
            yield rest

    def _parse(self, name: str, block: bytes, schema: Schema) -> pl.DataFrame:
        try:
            return pl.read_ndjson(io.BytesIO(block), schema=schema)
        except (pl.exceptions.PolarsError, UnicodeDecodeError, ValueError):
            return self._parse_slowly(name, block, schema)

    def _parse_slowly(self, name: str, block: bytes, schema: Schema) -> pl.DataFrame:
        """Read a block that holds something odd line by line: one bad entry must not cost its neighbours."""
        rows = []
        for line in block.split(b"\n"):
            if not line.strip():
                continue
            try:
                value = json.loads(line.decode("utf-8", "replace"))
            except (ValueError, RecursionError):
                value = None
            if isinstance(value, dict):
                rows.append({key: _coerce(value.get(key), kind) for key, kind in schema.items()})
            else:
                self.reject(name, 1)
        return pl.DataFrame(rows, schema=schema)


def _coerce(value: Any, kind: Any) -> Any:
    """Return *value* where it fits *kind*, text of it where text is wanted, else None."""
    if value is None:
        return None
    if kind == pl.Float64:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        return _finite(value) if fits else None
    if kind == pl.String:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return text.encode("utf-8", "replace").decode("utf-8")
    if isinstance(kind, pl.Struct):
        if not isinstance(value, dict):
            return None
        return {inner.name: _coerce(value.get(inner.name), inner.dtype) for inner in kind.fields}
    return None


def _finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _timed(frame: pl.DataFrame, needed: tuple[str, ...], reader: _Reader, name: str) -> pl.DataFrame:
    """Keep what has a believable time and all *needed* fields, oldest first; count the rest."""
    good = frame.filter(
        pl.col("timestamp").is_between(EARLIEST_MS, LATEST_MS), *(pl.col(key).is_not_null() for key in needed)
    )
    reader.reject(name, frame.height - good.height)
    at = pl.col("timestamp").cast(pl.Int64).cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")
    good = good.with_columns(at=at)
    return good if good["at"].is_sorted() else good.sort("at", maintain_order=True)


def _logs(reader: _Reader) -> pl.DataFrame:
    name = "logs.jsonl"
    raw = _timed(reader.frame(name, _RAW_LOG), ("message",), reader, name)
    status = pl.col("statusCode")

    def extra(*keys: str) -> pl.Expr:
        found = []
        for key in keys:
            for column in ("tags", "metadata"):
                is_object = pl.col(column).str.starts_with("{") & pl.col(column).str.contains(key, literal=True)
                text = pl.when(is_object).then(pl.col(column))
                found.append(text.str.json_path_match(f"$.{key}"))
        return pl.coalesce(found)

    extras: dict[str, pl.Series | pl.Expr] = dict.fromkeys(("event", "account", "release"), pl.lit(None, pl.String))
    holders = pl.any_horizontal(pl.col("tags", "metadata").str.len_bytes() > len("{}"))
    if raw.height and raw.select(holders.fill_null(False).any()).item():  # most entries have neither
        try:
            found = raw.select(event=extra("event"), account=extra("user"), release=extra("release", "version"))
            extras = {column.name: column for column in found}
        except pl.exceptions.PolarsError:
            reader.problems.append(f"{name}: tags or metadata that cannot be read; taken as empty.")
    return raw.select(
        "at",
        "service",
        pl.col("level").str.to_lowercase(),
        "message",
        "id",
        "component",
        user_id="userId",
        trace_id="traceId",
        ip="ipAddress",
        user_agent="userAgent",
        url="url",
        method="method",
        status=pl.when(status.is_between(100, 999)).then(status).cast(pl.Int32),
        duration_ms="responseTime",
        stack="errorStack",
        event=extras["event"],
        account=extras["account"],
        release=extras["release"],
        observation=pl.lit("case/logs/all"),
    ).cast(cast(Any, LOGS))


def _points(reader: _Reader) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return metrics and spans from both point files."""
    metrics, spans = [], []
    for name, probe in (("metrics.jsonl", "metrics"), ("response_time.jsonl", "response_time")):
        raw = _timed(reader.frame(name, _RAW_POINT), ("name", "value"), reader, name)
        flat = raw.unnest("tags").with_columns(observation=pl.lit(f"case/{probe}/all"))
        is_span = pl.col("caller").is_not_null() | pl.col("operation").is_not_null() | pl.col("traceId").is_not_null()
        spans.append(
            flat.filter(is_span, pl.col("service").is_not_null(), pl.col("value") >= 0).select(
                "at",
                "service",
                "caller",
                "operation",
                trace_id="traceId",
                duration_ms="value",
                client_ms="client_ms",
                observation="observation",
            )
        )
        metrics.append(
            flat.filter(~is_span).select(
                "at",
                "name",
                "value",
                "service",
                route=pl.coalesce("endpoint", "url"),
                device="deviceType",
                unit="unit",
                observation="observation",
            )
        )
        reader.reject(name, flat.height - spans[-1].height - metrics[-1].height)
    return (
        pl.concat(metrics).cast(cast(Any, METRICS)).sort("at", maintain_order=True),
        pl.concat(spans).cast(cast(Any, SPANS)).sort("at", maintain_order=True),
    )


_DEPLOYMENT_KEYS: dict[str, tuple[str, ...]] = {
    "at": ("at", "created_on", "createdAt", "dateCreated", "timestamp"),
    "script": ("script", "script_name", "service", "worker", "project"),
    "version": ("version", "version_id", "release", "id"),
    "previous": ("previous", "previous_version"),
    "author": ("author", "author_email"),
    "message": ("message", "commit_message"),
}


def _deployments(reader: _Reader) -> pl.DataFrame:
    name = "deployments.json"
    value = reader.document(name)
    if isinstance(value, dict):
        value = next((value[key] for key in ("deployments", "releases", "result") if key in value), None)
        if isinstance(value, dict):
            value = value.get("deployments")
    if value is None:
        return empty(DEPLOYMENTS)
    if not isinstance(value, list):
        reader.problems.append(f"{name}: holds no list of deployments; ignored.")
        return empty(DEPLOYMENTS)
    rows = []
    for item in value:
        row = _deployment(item) if isinstance(item, dict) else None
        if row is None:
            reader.reject(name, 1)
        else:
            rows.append(row)
    return pl.DataFrame(rows, schema=DEPLOYMENTS).sort("at", maintain_order=True)


def _deployment(item: dict[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] = {
        column: next((item[key] for key in keys if item.get(key) is not None), None)
        for column, keys in _DEPLOYMENT_KEYS.items()
    }
    at = _moment(found.pop("at"))
    if at is None:
        return None
    if isinstance(found["author"], dict):
        found["author"] = found["author"].get("email") or found["author"].get("name")
    notes = item.get("annotations")
    if found["message"] is None and isinstance(notes, dict):
        found["message"] = notes.get("workers/message")
    text = {key: value if value is None else _coerce(value, pl.String) for key, value in found.items()}
    return {"at": at, **text, "source": "case", "observation": "case/deployments/all"}


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        try:
            value = moment.timestamp() * 1000
        except (OverflowError, ValueError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not EARLIEST_MS <= value <= LATEST_MS:
        return None
    return datetime.fromtimestamp(value / 1000, UTC)


__all__ = ["MAX_BYTES", "CaseTables", "read_case"]
