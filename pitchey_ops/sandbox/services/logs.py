"""``/logs/*``: queries over the oldest 1,000 keys (contract traps 1-8, 26, 27, 31, 34)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from .. import js
from ..store import CUT, Row
from ._base import Service, WorkerFault, body_json, json_answer, rows_answer, text_answer

STATS_CACHE_MS = 300_000
"""Stats are kept this long, under their window's start rounded down to as much (trap 4)."""
BLIND = "Too many API requests by single worker invocation."
_SEARCHED = ("message", "service", "component", "url", "errorStack")
_STAMP = attrgetter("stamp")
_EXACT = ("level", "component", "userId", "traceId")


class Logs(Service):
    """The logs service."""

    name = "logs"
    _stats: dict[str, tuple[int, dict[str, Any]]]

    async def answer(self, request: Request, path: str) -> Response:
        """Answer ``/logs/{query,search,trace,stats,ingest,batch}``; any method (trap 32)."""
        match path:
            case "/logs/query":
                return await self._query(request.query_params)
            case "/logs/search":
                return await self._search(request.query_params)
            case "/logs/trace":
                return await self._trace(request.query_params)
            case "/logs/stats":
                return await self._stats_of(request.query_params)
            case "/logs/ingest":
                return await self._ingest(request)
            case "/logs/batch":
                return await self._batch(request)
        return text_answer("Endpoint not found", 404)

    async def _read(self, service: str | None) -> list[Row] | Response:
        """Return the oldest entries of a prefix, or the 500 of a full list where that mood is on."""
        entries, listed = self.state.logs.read(service, self.state.now_ms)
        if listed >= CUT and self.state.options.blind == "error":
            await self.read_store(1)
            return text_answer(BLIND, 500)
        return entries

    async def _query(self, asked: Mapping[str, str]) -> Response:
        read = await self._read(asked.get("service"))
        if isinstance(read, Response):
            return read
        start, end = js.parse_int(asked.get("startTime")), js.parse_int(asked.get("endTime"))
        # numeric parameters are text: "50" and 0 make "500" (trap 2)
        limit: float | str = asked.get("limit", 100.0)
        stop_at = js.number(js.add(limit, asked.get("offset", 0.0)))
        search = asked.get("search", "").lower()
        found: list[Row] = []
        reads = 1
        exact = [(name, asked[name]) for name in _EXACT if asked.get(name)]
        by_tags = bool(asked.get("tags"))
        for entry in read:
            if len(found) >= stop_at:
                break
            reads += 1
            if exact and any(entry.fields.get(name) != wanted for name, wanted in exact):
                continue
            if by_tags:
                continue  # a tags filter matches nothing, ever
            if start and entry.stamp < start:
                continue
            if end and not math.isnan(end) and not entry.stamp <= end:
                continue
            if search and not _matches(entry.fields, search):
                continue
            found.append(entry)
        await self.read_store(reads)
        newest = js.sort_by(found, _STAMP, descending=True)
        shown = _slice(newest, js.number(limit))
        return rows_answer(shown, total=len(found), hasMore=len(found) > stop_at)

    async def _search(self, asked: Mapping[str, str]) -> Response:
        wanted = asked.get("q", "").lower()
        if not wanted:
            return text_answer("Missing search query", 400)
        read = await self._read(None)
        if isinstance(read, Response):
            return read
        limit = js.parse_int(asked["limit"]) if "limit" in asked else 100.0
        found: list[Row] = []
        reads = 1
        for entry in read:
            if len(found) >= limit:
                break
            reads += 1
            if _matches(entry.fields, wanted):
                found.append(entry)
        await self.read_store(reads)
        newest = js.sort_by(found, _STAMP, descending=True)
        return rows_answer(_slice(newest, limit))

    async def _trace(self, asked: Mapping[str, str]) -> Response:
        trace = asked.get("traceId")
        if not trace:
            return text_answer("Missing trace ID", 400)
        read = await self._read(None)
        if isinstance(read, Response):
            return read
        await self.read_store(len(read) + 1)
        found = [entry for entry in read if entry.fields.get("traceId") == trace]
        return rows_answer(js.sort_by(found, _STAMP))

    async def _stats_of(self, asked: Mapping[str, str]) -> Response:
        now = self.state.now_ms
        window = js.parse_int(asked["timeWindow"]) if asked.get("timeWindow") else 3_600_000.0
        start = now - window
        if not hasattr(self, "_stats"):
            self._stats = {}
        key = str(math.floor(start / STATS_CACHE_MS)) if math.isfinite(start) else "NaN"
        kept = self._stats.get(key)
        if kept is not None and now - kept[0] < STATS_CACHE_MS:
            await self.read_store(1)
            return json_answer(kept[1])
        read = await self._read(None)
        if isinstance(read, Response):
            return read
        await self.read_store(len(read) + 1)
        services: dict[str, int] = {}
        seen = [entry for entry in read if not entry.stamp < start]
        newest = [row.fields for row in js.sort_by(seen, _STAMP, descending=True)]
        for entry in newest:
            name = js.text_of(entry["service"]) if "service" in entry else "undefined"
            services[name] = services.get(name, 0) + 1
        stats = {
            "totalLogs": len(seen),
            "errorCount": sum(entry.get("level") == "error" for entry in newest),
            "warnCount": sum(entry.get("level") == "warn" for entry in newest),
            "services": services,
            "timeRange": {"start": start, "end": now},
        }
        self._stats[key] = (now, stats)
        return json_answer(stats)

    async def _ingest(self, request: Request) -> Response:
        self._store(await body_json(request))
        return text_answer("Log ingested", 201)

    async def _batch(self, request: Request) -> Response:
        sent = await body_json(request)
        if not isinstance(sent, list):
            return text_answer("Batch ingested", 201)  # an object stores nothing and says 201 (trap 34)
        for entry in sent:
            self._store(entry)
        return text_answer("Batch ingested", 201)

    def _store(self, sent: Any) -> None:
        if not isinstance(sent, dict) or "message" not in sent:
            raise WorkerFault("an entry without a message")
        now = self.state.now_ms
        self.state.archive.write(self.state.logs.write(sent, now), now)


def _matches(entry: Mapping[str, Any], wanted: str) -> bool:
    """Whether *wanted* (lower case) is a substring of one of the searched fields (trap 3)."""
    return any(wanted in js.field_text(entry, name).lower() for name in _SEARCHED)


def _slice(rows: list[Row], limit: float) -> list[Row]:
    """Return ``rows.slice(0, limit)``; NaN is 0, below 0 counts from the end."""
    if math.isnan(limit) or limit == -math.inf:
        return []
    return rows if limit >= len(rows) else rows[: int(limit)]
