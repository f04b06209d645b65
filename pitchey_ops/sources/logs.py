"""
The logs service: entries by service, with what its 1,000-key cut hides told apart from what is not there.

The store lists its keys by service name, then time, and reads the oldest 1,000 of them before any filter
(contract, trap 1). So entries are asked for service by service, always with ``limit=1000`` and without
time parameters: those change nothing about the cut, and without them runs can share the answer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any, cast

import polars as pl

from ..errors import BadPayload
from ..frames import LOGS, empty
from ..models.exchange import Exchange
from ..models.observation import Coverage, Observation
from ..models.window import Window
from .reading import (
    CUT_SUSPECTED,
    EARLIEST_MS,
    LATEST_MS,
    Reading,
    asked,
    count,
    from_ms,
    json_of,
    latest_ms,
    mapping,
    moment_ms,
    number,
    text_of,
    visibility,
)
from .source import Source

LIMIT = "1000"
"""The only limit that does not make the server stop early (contract, trap 2)."""

MAX_NAME = 100
"""Characters of a service name that is taken from an answer; longer ones are no names."""

_Kept = tuple[int, str | None, str | None, Mapping[str, Any]]
"""A usable entry: time in milliseconds since the epoch, id, service, and the entry as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """
    What one answer holds of the log.

    Attributes
    ----------
    service
        The service that was asked for; None for an answer over all services.
    entries
        Columns `pitchey_ops.frames.LOGS`, oldest first: every usable entry of the answer, also those
        before the window, which are a baseline.
    keys_read
        Entries that the answer says it read, usable or not.
    rejected
        Unusable entries by reason: ``not_an_object``, ``counter``, ``no_id``, ``no_time``, ``past``,
        ``future``, ``no_message``, ``other_service``.
    names
        Service names seen anywhere in the answer, sorted.
    """

    service: str | None
    entries: pl.DataFrame
    keys_read: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStats:
    """
    Counters of ``/logs/stats``: of what the cut saw, up to five minutes old (contract, trap 4).

    Never proof that something is absent: a service that is missing here means nothing.

    Attributes
    ----------
    entries, errors, warnings
        Counts of what was read; None where the answer has no number.
    services
        Entries of **all** levels by service, without the counter that calls itself ``undefined``.
    start, end
        The span as the answer gives it; ``end`` is when it was computed.
    age_s
        Seconds between ``end`` and the asking; None when ``end`` cannot be read.
    """

    entries: int | None
    errors: int | None
    warnings: int | None
    services: Mapping[str, int]
    start: datetime | None
    end: datetime | None
    age_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """Entries of one or many answers, sorted out."""

    entries: pl.DataFrame
    rejected: Counter[str]
    names: tuple[str, ...]
    seen_start: datetime | None
    seen_end: datetime | None
    in_window: int


class Logs(Source):
    """Reads of ``/logs/*``; all are slow on a full store and none has a side effect."""

    name = "logs"

    async def stats(self) -> Observation[LogStats]:
        """Read the counters over the window's length; see `LogStats` for how little they prove."""
        length_ms = self.window.end_ms - self.window.start_ms
        return await self.read(
            "stats",
            "all",
            "/logs/stats",
            read_stats,
            [("timeWindow", str(length_ms))],
            timeout_s=self.settings.logs_timeout_s,
        )

    async def service(self, service: str) -> Observation[LogPage]:
        """
        Read all that the service can see of *service*.

        ``blind`` when the cut hides the whole window, ``no_data`` when the window was visible and empty.
        """
        return await self.read(
            "service",
            service,
            "/logs/query",
            partial(read_page, window=self.window, service=service),
            [("service", service), ("limit", LIMIT)],
            timeout_s=self.settings.logs_timeout_s,
        )

    async def unfiltered(self) -> Observation[LogPage]:
        """Read the store's first 1,000 keys: alphabetically first services, good for names only."""
        return await self.read(
            "unfiltered",
            "all",
            "/logs/query",
            partial(read_page, window=self.window, service=None),
            [("limit", LIMIT)],
            timeout_s=self.settings.logs_timeout_s,
        )

    async def search(self, text: str) -> Observation[LogPage]:
        """
        Read what contains *text* among the store's first 1,000 keys.

        One case-insensitive substring over message, service, component, url and stack, not two words
        (contract, trap 3); the answer is a bare list.
        """
        return await self.read(
            "search",
            text,
            "/logs/search",
            partial(read_list, window=self.window),
            [("q", text), ("limit", LIMIT)],
            timeout_s=self.settings.logs_timeout_s,
        )

    async def trace(self, service: str, trace_id: str) -> Observation[LogPage]:
        """Read one trace of one service by ``/logs/query``: ``/logs/trace`` has no service filter and is "
        "blind."""
        return await self.read(
            "trace",
            f"{service}:{trace_id}",
            "/logs/query",
            partial(read_page, window=self.window, service=service, filtered=True),
            [("service", service), ("traceId", trace_id), ("limit", LIMIT)],
            timeout_s=self.settings.logs_timeout_s,
        )


def read_page(exchange: Exchange, window: Window, *, service: str | None, filtered: bool = False) -> Reading[LogPage]:
    """
    Read an answer of ``/logs/query``.

    Parameters
    ----------
    service
        Entries of other services are dropped and counted (``service=api`` brings ``api:login`` too).
    filtered
        A filter beyond the service was asked for: then how much was read cannot be told from the answer, and
        an empty answer never means that there is nothing.

    Raises
    ------
    BadPayload
        Not an object with a list ``logs`` (contract: this route never answers a bare list).
    """
    value = json_of(exchange, "object")
    items = value.get("logs")
    if not isinstance(items, list):
        raise BadPayload(f"{asked(exchange)}: an object without a list 'logs'. Nothing was read.")
    total = count(value.get("total"))
    keys_read = max(len(items), total or 0)
    parsed = parse_entries(items, window, asked_at=exchange.at, observation=exchange.key, service=service)
    cut = (
        keys_read >= CUT_SUSPECTED
        or keys_read > len(items)
        or value.get("hasMore") is True
        or total is None
        or filtered
    )
    return _reading(exchange, window, service, parsed, keys_read=keys_read, cut=cut)


def read_list(exchange: Exchange, window: Window) -> Reading[LogPage]:
    """
    Read an answer of ``/logs/search``, a bare list; what it left out can never be told from it.

    Raises
    ------
    BadPayload
        Not a bare list.
    """
    items = json_of(exchange, "list")
    parsed = parse_entries(items, window, asked_at=exchange.at, observation=exchange.key)
    return _reading(exchange, window, None, parsed, keys_read=len(items), cut=True)


def _reading(
    exchange: Exchange, window: Window, service: str | None, parsed: Parsed, *, keys_read: int, cut: bool
) -> Reading[LogPage]:
    status, coverage = visibility(
        window,
        at=exchange.at,
        seen_start=parsed.seen_start,
        seen_end=parsed.seen_end,
        in_window=parsed.in_window,
        cut=cut,
        rejected=parsed.rejected.total(),
    )
    page = LogPage(
        service=service,
        entries=parsed.entries,
        keys_read=keys_read,
        rejected=dict(sorted(parsed.rejected.items())),
        names=parsed.names,
    )
    return Reading(value=page, status=status, coverage=coverage, detail=_words(status, coverage, page))


def _words(status: str, coverage: Coverage, page: LogPage) -> str:
    said = []
    if status == "blind":
        newest = f"{coverage.seen_end:%Y-%m-%d %H:%M:%S} UTC" if coverage.seen_end else "nothing usable"
        said.append(f"blind: {page.keys_read:,} keys were read, the oldest; the newest visible is {newest}")
    elif coverage.cut:
        said.append(f"cut: {100 * (coverage.share or 0):.0f} % of the window is visible")
    if page.rejected:
        said.append("not usable: " + ", ".join(f"{n:,} {why}" for why, n in page.rejected.items()))
    return "; ".join(said)


def parse_entries(
    items: Iterable[Any],
    window: Window,
    *,
    asked_at: datetime,
    observation: str,
    service: str | None = None,
) -> Parsed:
    """
    Sort out log entries as they come from the store or from the archive.

    An entry is usable with an ``id``, a numeric ``timestamp`` between 2000 and five minutes after the asking,
    and a ``message``. A message (or url, ...) that is no text is kept as its JSON text, since dropping it
    could drop the one error that matters; a status or duration that is no number becomes null. Levels are
    lower-cased (trap 5). Nothing else is changed.

    Parameters
    ----------
    service
        Keep entries of this service only; None keeps all.
    observation
        Written to the column of that name.
    """
    newest_ms = latest_ms(asked_at, window)
    last_ms = min(newest_ms, LATEST_MS)
    rejected: Counter[str] = Counter()
    names: set[str] = set()
    kept: list[_Kept] = []
    for item in items:
        if not isinstance(item, dict):
            rejected["not_an_object"] += 1
            continue
        time_ms: Any = item.get("timestamp")
        identity: Any = item.get("id")
        sound = (  # as nearly all are; what is not is looked at by `_fault`
            type(time_ms) is int
            and EARLIEST_MS <= time_ms <= last_ms
            and type(identity) is str
            and identity != ""
            and item.get("message") is not None
        )
        if not sound:
            fault = _fault(item, newest_ms)
            if fault is not None:
                rejected[fault] += 1
                if fault == "counter":
                    names.update(_counted(item.get("services")))
                continue
            time_ms, identity = int(item["timestamp"]), text_of(identity)
        own = item.get("service")
        if own is not None:
            own = own if type(own) is str else str(text_of(own))
            names.add(own)
        if service is not None and own != service:
            rejected["other_service"] += 1
            continue
        kept.append((time_ms, identity, own, item))
    kept.sort(key=itemgetter(0, 1))
    at = itemgetter(0)
    in_window = bisect_left(kept, window.end_ms, key=at) - bisect_left(kept, window.start_ms, key=at)
    return Parsed(
        entries=_frame(kept, observation),
        rejected=rejected,
        names=tuple(sorted(name for name in names if is_name(name))),
        seen_start=from_ms(kept[0][0]) if kept else None,
        seen_end=from_ms(kept[-1][0]) if kept else None,
        in_window=in_window,
    )


def is_name(text: str) -> bool:
    """Tell whether *text* may be asked for as a service: printable, not empty, not ``undefined``, short."""
    return 0 < len(text) <= MAX_NAME and text.isprintable() and text.strip() == text and text != "undefined"


def _fault(item: Mapping[str, Any], newest_ms: int) -> str | None:
    if "totalLogs" in item and "timestamp" not in item:
        return "counter"
    identity = item.get("id")
    if not isinstance(identity, str | int) or not str(identity):
        return "no_id"
    time_ms = number(item.get("timestamp"))
    if time_ms is None:
        return "no_time"
    if time_ms < EARLIEST_MS:
        return "past"
    if time_ms > min(newest_ms, LATEST_MS):
        return "future"
    if item.get("message") is None:
        return "no_message"
    return None


def _counted(services: Any) -> Iterable[str]:
    if isinstance(services, dict | list):
        return (name for name in services if isinstance(name, str))
    return ()


def _frame(kept: list[_Kept], observation: str) -> pl.DataFrame:
    """Return *kept* as columns `LOGS`, made one after another: far quicker than row by row."""
    if not kept:
        return empty(LOGS)
    times, ids, services, items = zip(*kept, strict=True)
    told = [_told(item) for item in items]
    columns: dict[str, Iterable[Any]] = {
        "service": services,
        "level": [None if level is None else level.lower() for level in _texts(items, "level")],
        "id": ids,
        **{column: _texts(items, name) for column, name in _TEXTS.items()},
        "status": [None if value is None else _status(value) for value in _values(items, "statusCode")],
        "duration_ms": [None if value is None else _duration_ms(value) for value in _values(items, "responseTime")],
        "event": [event for event, _, _ in told],
        "account": [account for _, account, _ in told],
        "release": [release for _, _, release in told],
        "observation": [observation] * len(kept),
    }
    at = pl.Series("at", times, dtype=pl.Int64).cast(cast(Any, LOGS["at"]))
    return pl.DataFrame([at, *(pl.Series(name, columns[name], dtype=LOGS[name]) for name in LOGS if name != "at")])


_TEXTS = {
    "message": "message",
    "component": "component",
    "user_id": "userId",
    "trace_id": "traceId",
    "ip": "ipAddress",
    "user_agent": "userAgent",
    "url": "url",
    "method": "method",
    "stack": "errorStack",
}
"""Columns that hold a text of the entry as it came, by the text's name there."""
_TEXT_OR_NONE = frozenset({str, type(None)})


def _values(items: Iterable[Mapping[str, Any]], name: str) -> list[Any]:
    return [item.get(name) for item in items]


def _texts(items: Iterable[Mapping[str, Any]], name: str) -> list[str | None]:
    values = _values(items, name)
    return values if _TEXT_OR_NONE.issuperset(map(type, values)) else [text_of(value) for value in values]


def _status(value: Any) -> int | None:
    found = number(value)
    return int(found) if found is not None and 100 <= found <= 999 else None


def _duration_ms(value: Any) -> float | None:
    found = number(value)
    return found if found is not None and found >= 0 else None


def _told(item: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    """Return the event, the account and the release that an entry names."""
    tags, metadata = item.get("tags"), item.get("metadata")
    if not tags and not metadata:
        return _NOTHING
    tags, metadata = mapping(tags), mapping(metadata)
    return (
        _first(tags, metadata, "event"),
        _first(tags, metadata, "user"),
        _first(metadata, tags, "release", "version"),
    )


_NOTHING = (None, None, None)


def _first(one: Mapping[str, Any], other: Mapping[str, Any], *keys: str) -> str | None:
    for key in keys:
        for holder in (one, other):
            value = holder.get(key)
            if value is not None:
                return text_of(value)
    return None


def read_stats(exchange: Exchange) -> Reading[LogStats]:
    """
    Read an answer of ``/logs/stats``.

    ``no_data`` when it counted nothing, which may be minutes old and is never proof of calm.
    """
    value = json_of(exchange, "object")
    span = mapping(value.get("timeRange"))
    start, end = moment_ms(span.get("start")), moment_ms(span.get("end"))
    services = {
        name: n
        for name, raw in mapping(value.get("services")).items()
        if is_name(name) and (n := count(raw)) is not None
    }
    stats = LogStats(
        entries=count(value.get("totalLogs")),
        errors=count(value.get("errorCount")),
        warnings=count(value.get("warnCount")),
        services=dict(sorted(services.items())),
        start=start,
        end=end,
        age_s=None if end is None else max(0.0, (exchange.at - end).total_seconds()),
    )
    if stats.entries is None:
        raise BadPayload(f"{asked(exchange)}: no number 'totalLogs'. Nothing was read.")
    coverage = Coverage(asked_start=start, asked_end=end, count=stats.entries, cut=stats.entries >= CUT_SUSPECTED)
    age = "unknown" if stats.age_s is None else f"{stats.age_s:.0f} s"
    return Reading(
        value=stats,
        status="observed" if stats.entries else "no_data",
        coverage=coverage,
        detail=f"a cached count of what the cut saw, age {age}; an absent service means nothing",
    )
