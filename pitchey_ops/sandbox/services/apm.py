"""``/apm/*``: metrics, the summary, traces (contract traps 9-13, 27-30, 32)."""

from __future__ import annotations

import math
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from .. import js
from ..store import CUT, Row, token36
from ._base import Service, body_json, fault, json_answer, rows_answer, text_answer
from .logs import BLIND

_VITALS = ("cls", "fid", "lcp", "fcp", "ttfb")
_DB_METRICS = {
    "db.connection_pool_size": "connectionPoolSize",
    "db.active_connections": "activeConnections",
    "db.query_time.avg": "avgQueryTime",
    "db.error_rate": "errorRate",
}


class Apm(Service):
    """The APM service."""

    name = "apm"

    async def answer(self, request: Request, path: str) -> Response:
        """Answer ``/apm/*``; ingest routes asked with GET are a 500 (trap 32)."""
        posting = request.method == "POST"
        match path:
            case "/apm/metrics" if posting:
                return self._post_metric(await body_json(request))
            case "/apm/metrics":
                return await self._metrics(request)
            case "/apm/summary":
                return await self._summary(request)
            case "/apm/trace" if posting:
                return text_answer("Trace started", 201)
            case "/apm/trace":
                return await self._trace(request)
            case "/apm/db-metrics" | "/apm/web-vitals" | "/apm/span" | "/apm/span/finish" if not posting:
                return fault()
            case "/apm/db-metrics":
                return self._post_db(await body_json(request))
            case "/apm/web-vitals":
                return self._post_vitals(await body_json(request))
            case "/apm/span" | "/apm/span/finish":
                return self._post_span(await body_json(request))
        return text_answer("APM endpoint not found", 404)

    async def _metrics(self, request: Request) -> Response:
        name = request.query_params.get("name")
        if not name:
            return text_answer("Missing metric name", 400)
        start = js.parse_int(request.query_params.get("start"))
        end = js.parse_int(request.query_params.get("end"))
        points = self.state.apm.points(name, self.state.now_ms)
        if len(points) >= CUT and self.state.options.blind == "error":
            return text_answer(BLIND, 500)
        await self.read_store(len(points) + 1)
        return rows_answer(_between(points, start, end))

    async def _summary(self, request: Request) -> Response:
        now = self.state.now_ms
        given = request.query_params.get("timeWindow")
        start = now - (js.parse_int(given) if given else 3_600_000.0)
        apm = self.state.apm
        times = [point.value for point in _between(apm.points("response_time", now), start, now)]
        rates = [point.value for point in _between(apm.points("error_rate", now), start, now)]
        vitals = [row for row in apm.vitals(now) if not js.number(row.get("at")) < start]
        database = apm.database(now)
        await self.read_store(len(times) + len(rates) + len(vitals) + 4)
        return json_answer(
            {
                "timeRange": {"start": start, "end": now},
                "responseTime": {
                    "average": js.average(times),
                    "p95": js.percentile(times, 0.95),
                    "p99": js.percentile(times, 0.99),
                },
                "errorRate": {"current": rates[-1] if rates else 0, "average": js.average(rates)},
                "database": database,
                "webVitals": {
                    **{name: js.average([row.get(name) for row in vitals]) for name in _VITALS},
                    "sampleSize": len(vitals),
                },
                "timestamp": self.state.now_ms,
            }
        )

    async def _trace(self, request: Request) -> Response:
        trace = request.query_params.get("traceId")
        if not trace:
            return text_answer("Missing trace ID", 400)
        spans = self.state.apm.spans(self.state.now_ms)
        await self.read_store(len(spans) + 1)
        mine = js.sort_by([s for s in spans if s["traceId"] == trace], lambda s: s.get("startTime", js.absent()))
        if not mine:
            return json_answer(None)
        start = min(js.number(s.get("startTime")) for s in mine)
        end = max(js.number(s.get("endTime")) for s in mine)
        return json_answer(
            {
                "traceId": trace,
                "spans": mine,
                "startTime": start,
                "endTime": end,
                "duration": end - start,
                "status": "error" if any(s.get("status") == "error" for s in mine) else "success",
            }
        )

    def _post_metric(self, sent: Any) -> Response:
        for point in sent if isinstance(sent, list) else [sent]:
            if isinstance(point, dict) and "name" in point:
                self._keep(js.text_of(point["name"]), point)
        return text_answer("Metric recorded", 201)  # 201 even when nothing was stored (trap 10)

    def _keep(self, name: str, point: dict[str, Any]) -> None:
        now = self.state.now_ms
        at = js.number(point.get("timestamp", now))
        stamp = now if math.isnan(at) or math.isinf(at) else int(at)
        full = {"name": name, "value": None, "timestamp": now, "tags": {}, "type": "gauge", **point}
        self.state.apm.posted.points.setdefault(name, {})[stamp] = full

    def _post_db(self, sent: Any) -> Response:
        if isinstance(sent, dict):
            now = self.state.now_ms
            self.state.apm.posted.db[now] = {**sent, "timestamp": now}
            for name, column in _DB_METRICS.items():
                if column in sent:
                    self._keep(name, {"value": sent[column], "type": "gauge"})
        return text_answer("Metrics recorded", 201)

    def _post_vitals(self, sent: Any) -> Response:
        if isinstance(sent, dict):
            now = self.state.now_ms
            session = js.text_of(sent.get("sessionId", sent.get("session")))
            self.state.apm.posted.vitals[f"{session}:{now}"] = {**sent, "at": now}
            tags = {"url": sent.get("url"), "deviceType": sent.get("deviceType")}
            for name in ("lcp", "fid", "cls", "ttfb"):
                if name in sent:
                    self._keep(f"web.{name}", {"value": sent[name], "type": "timer", "unit": "ms", "tags": tags})
        return text_answer("Web vitals recorded", 201)

    def _post_span(self, sent: Any) -> Response:
        if isinstance(sent, dict):
            posted = self.state.apm.posted.spans
            name = js.text_of(sent.get("spanId", token36(12, len(posted))))
            posted[name] = {"startTime": self.state.now_ms, "traceId": None, **posted.get(name, {}), **sent}
            posted[name]["spanId"] = name
        return text_answer("Span recorded", 201)


def _between(points: list[Row], start: float, end: float) -> list[Row]:
    """Return the points within a span; a bound that is 0 or NaN does not bind, odd times pass the start."""
    found = []
    for point in points:
        if start and point.stamp < start:
            continue
        if end and not math.isnan(end) and not point.stamp <= end:
            continue
        found.append(point)
    return found
