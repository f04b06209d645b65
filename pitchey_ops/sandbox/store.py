"""
The platform's stores, answered lazily from the world's columns: log keys, APM points, archive objects.

Nothing is turned into Python objects before it is asked for. The sorted key order of a store is built
once, at the first question to it; a question then costs one mask over the rows of its key prefix and at
most 1,000 rows.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from . import js, texts
from .world import World

CUT = 1000
"""Keys that the platform reads of a list, whatever is asked (contract traps 1, 9, 12)."""
RETENTION_MS = 7 * 86_400_000
"""Logs and APM points live 7 days from their arrival (trap 8)."""
VITALS_RETENTION_MS = 30 * 86_400_000
VITALS_CUT = 100
"""Keys that the summary reads of the Web Vitals (trap 29)."""
FRESH_MS = 2 * 3_600_000
MOST_KEPT = 50_000
"""Entries that are kept as JSON, at most."""
COUNTER_KEY = "stats:current"
"""The counter that lies among the entries (trap 26), without the prefix ``logs:``."""
SETTLE_MS = 60_000
"""A write may stay unseen for up to a minute (trap 31)."""

_Ints = npt.NDArray[np.int64]
_ENTRY_FIELDS = (
    "component",
    "userId",
    "sessionId",
    "traceId",
    "spanId",
    "requestId",
    "ipAddress",
    "userAgent",
    "url",
    "method",
    "statusCode",
    "responseTime",
    "errorStack",
)
_PLAIN_FIELDS = {
    "id": "id",
    "level": "level",
    "message": "message",
    "timestamp": "at",
    "service": "service",
    "environment": "environment",
}
"""Fields that every entry has, with their columns."""
_DB_FIELDS = (
    "connectionPoolSize",
    "activeConnections",
    "idleConnections",
    "queryCount",
    "slowQueries",
    "avgQueryTime",
    "p95QueryTime",
    "p99QueryTime",
    "errorRate",
    "deadlocks",
    "lockWaits",
)
_DB_METRICS = {
    "db.connection_pool_size": ("connectionPoolSize", "gauge", None),
    "db.active_connections": ("activeConnections", "gauge", None),
    "db.query_time.avg": ("avgQueryTime", "timer", "ms"),
    "db.error_rate": ("errorRate", "gauge", None),
}
_WEB_METRICS = {
    "web.lcp": ("lcp", "timer", "ms"),
    "web.fid": ("fid", "timer", "ms"),
    "web.cls": ("cls", "gauge", None),
    "web.ttfb": ("ttfb", "timer", "ms"),
}


_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [low + high for high in _LETTERS for low in _LETTERS]


def unit_hash(*parts: object) -> float:
    """Return a number in [0, 1) that depends on nothing but *parts*."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big") / 2**64


def token36(length: int, *parts: object) -> str:
    """Return *length* characters of lower-case base 36 that depend on nothing but *parts*."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=32)
    value = int.from_bytes(digest.digest(), "big") % 36**length
    text = ""
    while len(text) < length:
        value, pair = divmod(value, 36 * 36)
        text += _PAIRS[pair]
    return text[:length]


def entry_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a log entry as it was sent, from a row of `world.LOGS`."""
    if row["raw"] is not None:
        loaded = json.loads(row["raw"])
        return loaded if isinstance(loaded, dict) else {"message": loaded}
    entry: dict[str, Any] = {
        "id": row["id"],
        "level": row["level"],
        "message": row["message"],
        "timestamp": row["at"],
        "service": row["service"],
        "environment": row["environment"],
    }
    entry.update({name: row[name] for name in _ENTRY_FIELDS if row[name] is not None})
    entry["metadata"] = json.loads(row["metadata"]) if row["metadata"] else {}
    entry["tags"] = json.loads(row["tags"]) if row["tags"] else []
    return entry


class Row:
    """
    One row of a list, made once and changed by nobody.

    Attributes
    ----------
    stamp
        Its ``timestamp`` as a number.
    text
        The row as JSON.
    value
        What a point measured.
    """

    __slots__ = ("_fields", "stamp", "text", "value")

    def __init__(self, stamp: float, text: str, value: object = None, fields: dict[str, Any] | None = None) -> None:
        self.stamp = stamp
        self.text = text
        self.value = value
        self._fields = fields

    @property
    def fields(self) -> dict[str, Any]:
        """The row as an object, which few questions look at."""
        if self._fields is None:
            self._fields = json.loads(self.text)
        return self._fields


def row_of(fields: dict[str, Any]) -> Row:
    """Return *fields* as a row."""
    stamp = js.number_or_nan(fields.get("timestamp", js.absent()))
    return Row(stamp, js.stringify(fields).decode("utf-8"), fields.get("value"), fields)


def _rows_of(
    table: pl.DataFrame, parts: Sequence[texts.Part], odd: Sequence[str], one: Callable[[Mapping[str, Any]], Any]
) -> list[Row]:
    """
    Return the rows of *table*, put together from *parts*.

    *one* makes the object of a row that is not plain: it was sent otherwise, or a column of *odd* holds an escape in
    its JSON, which may be half a character and decides how all of the row is written.
    """
    stamps = table["at"].cast(pl.Float64).fill_null(0.0).to_list()
    values = table["value"].to_list() if "value" in table.columns else repeat(None)
    rows = list(map(Row, stamps, texts.joined(table.height, parts), values))
    strange = {place for place, raw in enumerate(table["raw"].to_list()) if raw is not None}
    for name in odd:
        strange.update(place for place, text in enumerate(table[name].to_list()) if text and "\\u" in text)
    for place in strange:
        rows[place] = row_of(one(table.row(place, named=True)))
    return rows


def entry_rows(table: pl.DataFrame) -> list[Row]:
    """Return rows of `world.LOGS` as the entries that were sent, as `entry_of` makes them."""
    parts: list[texts.Part] = []
    for name, column in _PLAIN_FIELDS.items():
        parts += [f'{"," if parts else "{"}"{name}":', texts.of_column(table[column])]
    parts += [texts.of_field(table[name]) for name in _ENTRY_FIELDS]
    parts += [',"metadata":', _again(table["metadata"], "{}"), ',"tags":', _again(table["tags"], "[]"), "}"]
    return _rows_of(table, parts, ("metadata", "tags"), entry_of)


def _again(column: pl.Series, otherwise: str) -> list[str]:
    """Return a column's JSON, read and written again."""
    return texts.of_few(
        column, lambda text: js.stringify(json.loads(text)).decode("utf-8") if text else otherwise, otherwise
    )


def _identities(logs: pl.DataFrame) -> pl.DataFrame:
    """Return row, arrival, service, stamp, id, environment of every entry, as the sender wrote them."""
    plain = logs.with_row_index("row").select(
        pl.col("row").cast(pl.Int64),
        pl.col("arrival").fill_null(pl.col("at")),
        pl.col("service").fill_null("undefined"),
        pl.col("at"),
        pl.col("at").cast(pl.String).alias("stamp"),
        pl.col("id").fill_null("undefined"),
        pl.col("environment").fill_null("undefined"),
        pl.col("raw"),
    )
    odd = plain.filter(pl.col("raw").is_not_null())
    if odd.is_empty():
        return plain.drop("raw")
    fixed = []
    for row in odd.iter_rows(named=True):
        entry = entry_of({**row, "raw": row["raw"]})
        stamp = entry.get("timestamp", row["stamp"])
        fixed.append(
            {
                "row": row["row"],
                "arrival": row["arrival"],
                "service": _word(entry.get("service", row["service"])),
                "at": _stamp_ms(stamp),
                "stamp": _word(stamp),
                "id": _word(entry.get("id", row["id"])),
                "environment": _word(entry.get("environment", row["environment"])),
            }
        )
    plain = plain.filter(pl.col("raw").is_null()).drop("raw")
    return pl.concat([plain, pl.DataFrame(fixed, schema=plain.schema)])


def _word(value: object) -> str:
    """Return a value as part of a key; a lone surrogate cannot be one and becomes U+FFFD."""
    return js.text_of(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _stamp_ms(stamp: object) -> int | None:
    """Return what ``new Date(stamp)`` makes of it, or None where it is no date."""
    if isinstance(stamp, bool) or stamp is None:
        return None
    if isinstance(stamp, int | float):
        return int(stamp) if math.isfinite(stamp) and 0 <= stamp < 253_402_300_800_000 else None
    if isinstance(stamp, str):
        try:
            at = datetime.fromisoformat(stamp)
        except ValueError:
            return None
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    return None


def _end_of(prefix: str) -> str:
    """Return the smallest text that is above everything beginning with *prefix* (which ends in ASCII)."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


class _Kept:
    """Rows of a table, made once: the oldest are asked for again and again. All are forgotten beyond *most*."""

    def __init__(self, table: pl.DataFrame, make: Callable[[pl.DataFrame], list[Row]], most: int) -> None:
        self._table = table
        self._make = make
        self._most = most
        self._made: dict[int, Row] = {}

    def at(self, places: Sequence[int]) -> list[Row]:
        """Return the rows at *places*."""
        made = self._made
        if len(made) > self._most:
            made.clear()
        missing = [place for place in places if place not in made]
        if missing:
            made.update(zip(missing, self._make(self._table[missing]), strict=True))
        return [made[place] for place in places]


@dataclass(slots=True, kw_only=True)
class _Written:
    """An entry that came by POST."""

    arrival: int
    visible_at: int
    entry: dict[str, Any]


class LogStore:
    """
    The key-value store of the logs service.

    Keys are ``logs:{service}:{timestamp}:{id}`` in the order of their bytes; a list is cut at `CUT` keys
    before anything is filtered (trap 1). ``fresh`` forgets what arrived more than two hours before the
    world's beginning, so that the cut does not bite.
    """

    def __init__(self, world: World, *, fresh: bool = False) -> None:
        self._world = world
        self._fresh = fresh
        self._posted: dict[str, _Written] = {}
        self._posted_keys: list[str] = []
        self._counter = 0

    def rebased(self, world: World) -> LogStore:
        """Return the store of *world* with everything that came by POST."""
        new = LogStore(world, fresh=self._fresh)
        new._posted, new._posted_keys, new._counter = self._posted, self._posted_keys, self._counter
        return new

    def warm(self) -> None:
        """Make the order of keys now, rather than at the first question."""
        assert self._order

    @cached_property
    def _rows(self) -> pl.DataFrame:
        rows = self._world.logs.filter(pl.col("stored"))
        if self._fresh:
            rows = rows.filter(pl.col("arrival") >= self._world.now_ms - FRESH_MS)
        return rows

    @cached_property
    def _order(self) -> tuple[pl.Series, _Ints, _Ints]:
        """Keys in order, with arrival and row of each; one key twice keeps the later write."""
        known = (
            _identities(self._rows)
            .select(
                pl.concat_str(["service", "stamp", "id"], separator=":").alias("key"),
                pl.col("arrival"),
                pl.col("row"),
            )
            .sort("key", "arrival", "row")
            .unique("key", keep="last", maintain_order=True)
        )
        return known["key"], known["arrival"].to_numpy(), known["row"].to_numpy()

    @cached_property
    def _kept(self) -> _Kept:
        return _Kept(self._rows, entry_rows, MOST_KEPT)

    def read(self, service: str | None, now_ms: int) -> tuple[list[Row], int]:
        """
        Return the first `CUT` entries of a prefix, in key order, and how many keys were listed.

        ``service`` is a key prefix, not a comparison: ``api`` includes a service ``api:login``.
        """
        keys, arrival, row = self._order
        prefix = "" if not service else f"{service}:"
        low = bisect.bisect_left(keys, prefix) if prefix else 0
        high = bisect.bisect_left(keys, _end_of(prefix)) if prefix else len(keys)
        span = arrival[low:high]
        seen = np.flatnonzero((span <= now_ms) & (span > now_ms - RETENTION_MS))[:CUT] + low
        listed = self._kept.at(row[seen].tolist())
        extra = [
            (key, row_of(self._posted[key].entry))
            for key in self._posted_between(prefix)
            if self._posted[key].visible_at <= now_ms < self._posted[key].arrival + RETENTION_MS
        ]
        if COUNTER_KEY.startswith(prefix) and (len(seen) or extra):
            extra.append((COUNTER_KEY, row_of(self.counter(now_ms))))
        if extra:
            both = [*zip(keys[seen.tolist()], listed, strict=True), *extra]
            listed = [entry for _, entry in sorted(both, key=lambda pair: pair[0])[:CUT]]
        return listed, len(listed)

    def _posted_between(self, prefix: str) -> list[str]:
        low = bisect.bisect_left(self._posted_keys, prefix)
        high = bisect.bisect_left(self._posted_keys, _end_of(prefix)) if prefix else len(self._posted_keys)
        return self._posted_keys[low:high]

    def counter(self, now_ms: int) -> dict[str, Any]:
        """Return ``logs:stats:current``: all that ever arrived, without ``id`` (trap 26)."""
        arrived = self._rows.filter(pl.col("arrival") <= now_ms)
        services = dict(arrived["service"].value_counts().sort("service").iter_rows())
        errors = int((arrived["level"] == "error").sum())
        last = 0 if arrived.is_empty() else int(arrived["arrival"].max() or 0)  # type: ignore[arg-type]
        for written in self._posted.values():
            name = js.text_of(written.entry.get("service"))
            services[name] = services.get(name, 0) + 1
            errors += written.entry.get("level") == "error"
            last = max(last, written.arrival)
        return {
            "totalLogs": arrived.height + len(self._posted),
            "errorCount": errors,
            "services": services,
            "lastUpdated": last,
        }

    def write(self, sent: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Store an entry that came by POST; it may stay unseen for up to `SETTLE_MS` (trap 31)."""
        self._counter += 1
        entry: dict[str, Any] = {
            "id": f"{now_ms}-{token36(9, self._world.seed, self._counter)}",
            "level": "info",
            "timestamp": now_ms,
            "service": "unknown",
            "environment": "production",
            "metadata": {},
            "tags": [],
        }
        entry.update({name: value for name, value in sent.items() if value is not None})
        parts = (entry["service"], entry["timestamp"], entry["id"])
        key = ":".join(_word(part) for part in parts)
        delay = int(unit_hash(self._world.seed, "settle", self._counter) * SETTLE_MS)
        if key not in self._posted:
            bisect.insort(self._posted_keys, key)
        self._posted[key] = _Written(arrival=now_ms, visible_at=now_ms + delay, entry=entry)
        return entry


@dataclass(slots=True)
class _Points:
    """Points of one metric name, oldest first: one a millisecond (trap 11)."""

    at: _Ints
    row: _Ints
    kept: _Kept


@dataclass(slots=True)
class _Posted:
    """What came by POST to the APM service."""

    points: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    db: dict[int, dict[str, Any]] = field(default_factory=dict)
    vitals: dict[str, dict[str, Any]] = field(default_factory=dict)
    spans: dict[str, dict[str, Any]] = field(default_factory=dict)


class ApmStore:
    """
    The key-value store of the APM service: of every list only the oldest `CUT` are read (traps 9, 12).

    ``db.*`` and ``web.*`` points are derived from the world's posts and beacons.
    """

    def __init__(self, world: World, *, fresh: bool = False) -> None:
        self._world = world
        self._since = world.now_ms - FRESH_MS if fresh else -(2**62)
        self._names: dict[str, _Points] = {}
        self.posted = _Posted()

    def rebased(self, world: World) -> ApmStore:
        """Return the store of *world* with everything that came by POST."""
        new = ApmStore(world)
        new._since, new.posted = self._since, self.posted
        return new

    def points(self, name: str, now_ms: int) -> list[Row]:
        """Return the oldest `CUT` points of *name* that its 7 days hold, oldest first."""
        points = self._names.get(name)
        if points is None:
            points = self._names[name] = self._load(name)
        low = int(np.searchsorted(points.at, now_ms - RETENTION_MS, side="right"))
        high = int(np.searchsorted(points.at, now_ms, side="right"))
        found = points.kept.at(points.row[low : min(high, low + CUT)].tolist())
        extra = self.posted.points.get(name)
        if not extra:
            return found
        merged = {point.fields["timestamp"]: point for point in found}
        merged.update({at: row_of(point) for at, point in extra.items() if at > now_ms - RETENTION_MS})
        return [merged[at] for at in sorted(merged)][:CUT]

    def _load(self, name: str) -> _Points:
        table, derived = self._world.metrics, []
        if name in _DB_METRICS:
            column, kind, unit = _DB_METRICS[name]
            derived.append(_derived(self._world.db_posts, name, column, kind, unit, pl.lit("{}")))
        if name in _WEB_METRICS:
            column, kind, unit = _WEB_METRICS[name]
            tags = pl.struct(pl.col("url"), pl.col("device").alias("deviceType")).struct.json_encode()
            derived.append(_derived(self._world.vitals, name, column, kind, unit, tags))
        own = (pl.col("name") == name) & pl.col("stored") & (pl.col("at") >= self._since)
        if derived:
            table = pl.concat([table.filter(own), *derived])
        row = table.select(own.arg_true().cast(pl.Int64)).to_series().to_numpy()
        at = table["at"].to_numpy()[row]
        order = np.argsort(at, kind="stable")
        at, row = at[order], row[order]
        last = np.append(at[1:] != at[:-1], True)[: len(at)]
        return _Points(at[last], row[last], _Kept(table, point_rows, 4 * CUT))

    @cached_property
    def _db_posts(self) -> pl.DataFrame:
        posts = self._world.db_posts.filter(pl.col("stored") & (pl.col("at") >= self._since))
        return posts.unique("at", keep="last", maintain_order=True).sort("at")

    def database(self, now_ms: int) -> dict[str, Any] | None:
        """Return the newest of the oldest `CUT` posts: after those it stands still (trap 12)."""
        held = self._db_posts.filter((pl.col("at") > now_ms - RETENTION_MS) & (pl.col("at") <= now_ms)).head(CUT)
        posts = {row["at"]: _db_post(row) for row in held.tail(1).iter_rows(named=True)}
        if held.height < CUT:
            room = CUT - held.height
            extra = {at: row for at, row in self.posted.db.items() if at > now_ms - RETENTION_MS}
            posts.update({at: extra[at] for at in sorted(extra)[:room]})
        return posts[max(posts)] if posts else None

    @cached_property
    def _vitals(self) -> pl.DataFrame:
        rows = self._world.vitals.filter(pl.col("stored") & (pl.col("at") >= self._since))
        return rows.sort("session", "at")

    def vitals(self, now_ms: int) -> list[dict[str, Any]]:
        """Return the first `VITALS_CUT` beacons by key, alphabetical by session, of 30 days (trap 29)."""
        held = (pl.col("at") > now_ms - VITALS_RETENTION_MS) & (pl.col("at") <= now_ms)
        rows = {
            f"{row['session']}:{row['at']}": row
            for row in self._vitals.filter(held).head(VITALS_CUT).iter_rows(named=True)
        }
        rows.update(self.posted.vitals)
        return [rows[key] for key in sorted(rows)][:VITALS_CUT]

    @cached_property
    def _spans(self) -> pl.DataFrame:
        logs = self._world.logs.filter(pl.col("traceId").is_not_null() & (pl.col("at") >= self._since))
        return logs.with_columns(pl.col("spanId").fill_null(pl.col("id")).alias("span")).sort("span")

    def spans(self, now_ms: int) -> list[dict[str, Any]]:
        """Return `CUT` spans of the day, chosen by their random ids (trap 30)."""
        day = now_ms - now_ms % 86_400_000
        rows = self._spans.filter((pl.col("at") >= day) & (pl.col("at") <= now_ms)).head(CUT)
        spans = {row["span"]: _span(row) for row in rows.iter_rows(named=True)}
        spans.update(self.posted.spans)
        return [spans[key] for key in sorted(spans)][:CUT]


def _derived(frame: pl.DataFrame, name: str, column: str, kind: str, unit: str | None, tags: pl.Expr) -> pl.DataFrame:
    return frame.filter(pl.col("stored") & pl.col(column).is_not_null()).select(
        pl.col("at"),
        pl.lit(name).alias("name"),
        pl.col(column).cast(pl.Float64).alias("value"),
        pl.lit(kind).alias("type"),
        pl.lit(unit, dtype=pl.String).alias("unit"),
        tags.cast(pl.String).alias("tags"),
        pl.lit(None, dtype=pl.String).alias("raw"),
        pl.lit(True).alias("stored"),
    )


def _point(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["raw"] is not None:
        loaded = json.loads(row["raw"])
        if isinstance(loaded, dict):
            return {"timestamp": row["at"], **loaded}
    point = {
        "name": row["name"],
        "value": row["value"],
        "timestamp": row["at"],
        "tags": json.loads(row["tags"]) if row["tags"] else {},
        "type": row["type"],
    }
    if row["unit"] is not None:
        point["unit"] = row["unit"]
    return point


def point_rows(table: pl.DataFrame) -> list[Row]:
    """Return rows of `world.METRICS` as the points that were sent, as `_point` makes them."""
    parts: list[texts.Part] = [
        '{"name":',
        texts.of_column(table["name"]),
        ',"value":',
        texts.of_column(table["value"]),
        ',"timestamp":',
        texts.of_column(table["at"]),
        ',"tags":',
        _again(table["tags"], "{}"),
        ',"type":',
        texts.of_column(table["type"]),
        texts.of_field(table["unit"]),
        "}",
    ]
    return _rows_of(table, parts, ("tags",), _point)


def _db_post(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: row[name] for name in _DB_FIELDS}, "timestamp": row["at"]}


def _span(row: Mapping[str, Any]) -> dict[str, Any]:
    took = row["responseTime"] or 0.0
    status = row["statusCode"]
    failed = row["level"] == "error" if status is None else status >= 500 and status not in (504, 524)
    if "timeout" in (row["message"] or "").lower() or "timed out" in (row["message"] or "").lower():
        failed = False  # time-outs count as success (trap 30)
    return {
        "traceId": row["traceId"],
        "spanId": row["span"],
        "operationName": row["component"] or row["service"],
        "service": row["service"],
        "startTime": int(row["at"] - took),
        "endTime": row["at"],
        "duration": took,
        "status": "error" if failed else "success",
        "tags": {},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object of the archive."""

    key: str
    body: bytes
    modified_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectPage:
    """A page of a bucket's list, and the key after which the next page begins."""

    objects: list[StoredObject]
    prefixes: list[str]
    next_after: str | None


class ArchiveStore:
    """
    The archive in object storage: one object an entry, the fullest record, not proven complete (trap 8).

    Keys are ``logs/{environment}/{YYYY-MM-DD}/{HH}/{service}/{id}.json`` by the entry's own time.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._posted: dict[str, tuple[int, dict[str, Any]]] = {}
        self._made: dict[str, StoredObject] = {}  # objects are made once: a listing shows their sizes

    def rebased(self, world: World) -> ArchiveStore:
        """Return the store of *world* with everything that came by POST."""
        new = ArchiveStore(world)
        new._posted = self._posted
        return new

    def warm(self) -> None:
        """Make the order of keys now, rather than at the first question."""
        assert self._order

    @cached_property
    def _order(self) -> tuple[pl.Series, _Ints, _Ints]:
        known = _identities(self._world.logs).filter(pl.col("at").is_not_null())
        archived = self._world.logs["archived"].fill_null(False).to_numpy()
        known = known.filter(pl.Series(archived[known["row"].to_numpy()]))
        hours = known.select((pl.col("at") // 3_600_000).alias("hour")).unique()
        hours = hours.with_columns(
            pl.from_epoch(pl.col("hour") * 3600, time_unit="s").dt.strftime("%Y-%m-%d/%H").alias("path")
        )
        known = (
            known.with_columns((pl.col("at") // 3_600_000).alias("hour"))
            .join(hours, on="hour", how="left")
            .select(
                pl.format("logs/{}/{}/{}/{}.json", "environment", "path", "service", "id").alias("key"),
                pl.col("arrival"),
                pl.col("row"),
            )
            .sort("key", "arrival", "row")
            .unique("key", keep="last", maintain_order=True)
        )
        return known["key"], known["arrival"].to_numpy(), known["row"].to_numpy()

    def write(self, entry: Mapping[str, Any], now_ms: int) -> None:
        """Archive an entry that came by POST, unless its time is no date: then the write fails in silence."""
        at = _stamp_ms(entry.get("timestamp"))
        if at is None:
            return
        hour = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d/%H")
        environment, service, name = (_word(entry.get(part)) for part in ("environment", "service", "id"))
        key = f"logs/{environment}/{hour}/{service}/{name}.json"
        self._posted[key] = (now_ms, dict(entry))

    def get(self, key: str, now_ms: int) -> StoredObject | None:
        """Return the object under *key*, or None."""
        if key in self._posted and self._posted[key][0] <= now_ms:
            at, entry = self._posted[key]
            return StoredObject(key=key, body=js.stringify(entry), modified_ms=at)
        made = self._made.get(key)
        if made is not None and made.modified_ms <= now_ms:
            return made
        keys, arrival, _ = self._order
        place = bisect.bisect_left(keys, key)
        if place < len(keys) and keys[place] == key and arrival[place] <= now_ms:
            return self._objects([place])[0]
        return None

    def _objects(self, places: Iterable[int]) -> list[StoredObject]:
        keys, arrival, row = self._order
        wanted = list(places)
        names: list[str] = keys[wanted].to_list()
        made = self._made
        new = [(name, place) for name, place in zip(names, wanted, strict=True) if name not in made]
        if new:
            table = self._world.logs[row[[place for _, place in new]].tolist()]
            for (name, place), found in zip(new, entry_rows(table), strict=True):
                made[name] = StoredObject(key=name, body=found.text.encode(), modified_ms=int(arrival[place]))
        return [made[name] for name in names]

    def page(self, *, prefix: str, after: str, delimiter: str, limit: int, now_ms: int) -> ObjectPage:
        """
        Return up to *limit* objects and common prefixes above *after*, in key order.

        With a *delimiter* whole folders are skipped by bisection, so that listing the services of an hour
        does not read the hour.
        """
        keys, arrival, _ = self._order
        end = bisect.bisect_left(keys, _end_of(prefix)) if prefix else len(keys)
        posted = sorted(k for k, (at, _) in self._posted.items() if k.startswith(prefix) and k > after and at <= now_ms)
        place = max(bisect.bisect_left(keys, prefix), bisect.bisect_right(keys, after) if after else 0)
        if delimiter and after.endswith(delimiter) and after.startswith(prefix) and after != prefix:
            place = max(place, bisect.bisect_left(keys, _end_of(after)))  # a folder given before
            posted = [k for k in posted if not k.startswith(after)]
        found: list[tuple[str, int | None]] = []
        folders: list[str] = []
        last = after
        if not delimiter:
            seen = np.flatnonzero(arrival[place:end] <= now_ms)[: limit + 1] + place
            if not self._posted:
                objects = self._objects(seen[:limit].tolist())
                return ObjectPage(
                    objects=objects, prefixes=[], next_after=objects[-1].key if len(seen) > limit else None
                )
            both: list[tuple[str, int | None]] = list(zip(keys[seen.tolist()], seen.tolist(), strict=True))
            both = [pair for pair in both if pair[0] not in self._posted] + [(k, None) for k in posted]
            both.sort(key=lambda pair: pair[0])
            found = both[:limit]
            more = len(both) > limit
            last = found[-1][0] if found else after
            return ObjectPage(objects=self._materialise(found), prefixes=[], next_after=last if more else None)
        waiting = posted[::-1]
        while place < end or waiting:
            static_key = keys[place] if place < end else None
            if static_key is None or (waiting and waiting[-1] <= static_key):
                key, where = waiting.pop(), None
                if key == static_key:
                    place += 1
            else:
                key, where = static_key, place
                if arrival[place] > now_ms and delimiter not in key[len(prefix) :]:
                    place += 1
                    continue
            cut = key.find(delimiter, len(prefix))
            if cut < 0:
                if len(found) + len(folders) == limit:
                    return ObjectPage(objects=self._materialise(found), prefixes=folders, next_after=last)
                found.append((key, where))
                last = key
                place += where is not None
                continue
            folder = key[: cut + len(delimiter)]
            stop = bisect.bisect_left(keys, _end_of(folder)) if where is not None else place
            if where is None or bool((arrival[place:stop] <= now_ms).any()):
                if len(found) + len(folders) == limit:
                    return ObjectPage(objects=self._materialise(found), prefixes=folders, next_after=last)
                folders.append(folder)
                last = folder
                while waiting and waiting[-1].startswith(folder):
                    waiting.pop()
                stop = max(stop, bisect.bisect_left(keys, _end_of(folder)))
            place = stop
        return ObjectPage(objects=self._materialise(found), prefixes=folders, next_after=None)

    def _materialise(self, found: list[tuple[str, int | None]]) -> list[StoredObject]:
        static = iter(self._objects([place for _, place in found if place is not None]))
        objects = []
        for key, place in found:
            if place is not None:
                objects.append(next(static))
            else:
                at, entry = self._posted[key]
                objects.append(StoredObject(key=key, body=js.stringify(entry), modified_ms=at))
        return objects
