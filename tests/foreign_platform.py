"""The platform's services by the contract alone, each on a port of its own: nothing in here is the sandbox's."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MINUTE_MS = 60_000
FAILING_FOR_MIN = 20
"""Since so many minutes the pitch service fails half of its requests."""
LOGGING = ("auth", "database", "frontend", "pitch")
PAGE = (
    '<!doctype html><html><head><title>Pitchey</title><script type="module" src="/assets/app-1.js"></script>'
    '<link rel="stylesheet" href="/assets/app-1.css"></head><body><div id="root"></div></body></html>'
)

Asked = dict[str, str]
Answer = tuple[int, str, str]
"""Status, content type, body."""


@dataclass
class Foreign:
    """
    A young platform, two hours old, on which a service fails.

    Attributes
    ----------
    urls
        Address by service, as ``PITCHEY_OPS_<SERVICE>_URL`` wants it.
    asked
        ``SERVICE METHOD PATH`` of every request, as they came.
    unknown
        Those that the contract does not know.
    """

    began_ms: int = field(default_factory=lambda: round(time.time() * 1000))
    urls: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.entries = sorted(self._entries(), key=lambda entry: int(entry["timestamp"]))

    def _entries(self) -> Iterator[dict[str, Any]]:
        for number, service in enumerate(LOGGING):
            for n in range(480):  # every 15 s for two hours: below the cut of 1,000 (trap 1)
                at = self.began_ms - (480 - n) * 15_000 + number * 997
                bad = service == "pitch" and n % 2 == 0 and at >= self.began_ms - FAILING_FOR_MIN * MINUTE_MS
                yield {
                    "id": f"{at}-{service}{n}",
                    "level": "error" if bad else "info",
                    "message": "TypeError: pitch.owner is undefined" if bad else "request completed",
                    "timestamp": at,
                    "service": service,
                    "environment": "production",
                    "metadata": {},
                    "tags": [],
                    "url": f"/api/{service}/list",
                    "method": "GET",
                    "statusCode": 500 if bad else 200,
                    "responseTime": 80 + n % 40,
                    "userId": f"u{n % 37}",
                }

    def answer(self, service: str, method: str, path: str, asked: Asked) -> Answer:
        """Return what the contract says, or 404 and a line in ``unknown``."""
        self.asked.append(f"{service} {method} {path}")
        known: dict[str, Callable[[Asked], Answer]] = ROUTES.get(f"{service} {path}", {})
        wanted = known.get("GET" if method == "HEAD" else method)
        if wanted is None:
            self.unknown.append(f"{service} {method} {path}")
            return 404, "text/plain", "Not found"
        return wanted(self, asked)

    def logs(self, asked: Asked) -> Answer:
        """Answer ``/logs/query``: oldest 1,000 keys before any filter, an early stop by joined texts (traps 1, 2)."""
        keys = sorted(self.entries, key=lambda e: (e["service"], e["timestamp"]))
        prefix = asked.get("service", "")
        seen = [entry for entry in keys if not prefix or entry["service"] == prefix][:1000]
        span = float(asked.get("startTime", 0)), float(asked.get("endTime", 9e15))
        found = [e for e in seen if span[0] <= e["timestamp"] <= span[1]]
        for name, key in (("level", "level"), ("component", "component"), ("traceId", "traceId"), ("userId", "userId")):
            found = [e for e in found if name not in asked or e.get(key) == asked[name]]
        stop = int(asked.get("limit", "100") + asked.get("offset", "0" if "limit" in asked else ""))
        rows = sorted(found[:stop], key=lambda e: -int(e["timestamp"]))[: int(asked.get("limit", "100"))]
        return _json({"logs": rows, "total": len(found[:stop]), "hasMore": False})

    def stats(self, asked: Asked) -> Answer:
        """Answer ``/logs/stats``: 1,000 keys of the whole store, from the window's start rounded down (trap 4)."""
        now = round(time.time() * 1000)
        start = (now - int(asked.get("timeWindow", "3600000"))) // 300_000 * 300_000
        keys = sorted(self.entries, key=lambda e: (e["service"], e["timestamp"]))[:1000]
        seen = [entry for entry in keys if entry["timestamp"] >= start]
        services = {name: sum(e["service"] == name for e in seen) for name in {e["service"] for e in seen}}
        errors = sum(entry["level"] == "error" for entry in seen)
        span = {"start": start, "end": now}
        return _json(
            {"totalLogs": len(seen), "errorCount": errors, "warnCount": 0, "services": services, "timeRange": span}
        )

    def metrics(self, asked: Asked) -> Answer:
        """Answer ``/apm/metrics`` for the response time; 400 without a name."""
        if "name" not in asked:
            return 400, "text/plain", "Missing metric name"
        points = [
            {"name": "response_time", "value": 95.0 + n % 30, "timestamp": at, "tags": {"endpoint": "/api/pitches"}}
            for n, at in enumerate(range(self.began_ms - 120 * MINUTE_MS, self.began_ms, 20_000))
            if asked["name"] == "response_time" and float(asked.get("start", 0)) <= at <= float(asked.get("end", 9e15))
        ]
        return _json([{**point, "type": "timer", "unit": "ms"} for point in points])

    def summary(self, asked: Asked) -> Answer:
        """Answer ``/apm/summary``."""
        now = round(time.time() * 1000)
        return _json(
            {
                "timeRange": {"start": now - int(asked.get("timeWindow", "3600000")), "end": now},
                "responseTime": {"average": 110, "p95": 130, "p99": 140},
                "errorRate": {"current": 0, "average": 0},
                "database": None,
                "webVitals": {"cls": 0, "fid": 0, "lcp": 0, "fcp": 0, "ttfb": 0, "sampleSize": 0},
                "timestamp": now,
            }
        )

    def infra(self, asked: Asked) -> Answer:
        """Answer ``/infra/health``."""
        return _json(
            {
                "worker": {"status": "healthy", "responseTime": 60, "errorRate": 0.001}
                | {"cpuUtilization": 0.2, "memoryUtilization": 0.3},
                "kv": {"status": "healthy", "latency": 9, "errorRate": 0, "availability": 1},
                "r2": {"status": "healthy", "latency": 20, "errorRate": 0, "availability": 1},
                "durableObjects": {"status": "healthy", "activeInstances": 3, "responseTime": 10, "errorRate": 0},
                "database": {"status": "healthy", "connectionPool": 0.3, "queryLatency": 12, "errorRate": 0},
            }
        )

    def monitoring(self, asked: Asked) -> Answer:
        """Answer ``/monitoring/health`` and, in part, the dashboard."""
        now = round(time.time() * 1000)
        checks = [
            {"name": f"{name} Health", "status": "healthy", "responseTime": 2, "timestamp": now, "details": "HTTP 200"}
            for name in ("API", "Database", "Cache", "Storage", "WebSocket")
        ]
        health = {"status": "healthy", "timestamp": now, "responseTime": 7, "checks": checks, "version": "1.0.0"}
        return _json({**health, "health": health, "metrics": {}, "performance": {}, "alerts": []})

    def health(self, asked: Asked) -> Answer:
        """Answer ``/api/health``: a constant."""
        services = dict.fromkeys(("auth", "investor", "creator", "production", "browse", "analytics"), "operational")
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        database = {"status": "connected"}
        return _json(
            {"success": True, "status": "healthy", "timestamp": at, "services": services, "database": database}
        )

    def missing_route(self, asked: Asked) -> Answer:
        """Answer as the written runbook's deployment does for routes that it lacks."""
        return _json({"success": False, "message": "Endpoint not found"}, 404)

    def edge_status(self, asked: Asked) -> Answer:
        """Answer Statuspage's summary."""
        page = {"id": "p", "name": "Cloudflare", "url": "https://www.cloudflarestatus.com", "time_zone": "Etc/UTC"}
        calm = {"indicator": "none", "description": "All Systems Operational"}
        return _json({"page": page, "components": [], "incidents": [], "scheduled_maintenances": [], "status": calm})

    def security(self, asked: Asked) -> Answer:
        """Answer ``/security/metrics``."""
        return _json({"timestamp": round(time.time() * 1000), "events": {}, "totalEvents": 0})


def _json(value: Any, status: int = 200) -> Answer:
    return status, "application/json", json.dumps(value)


def _text(kind: str, body: str) -> Callable[[Foreign, Asked], Answer]:
    return lambda self, asked: (200, kind, body)


ROUTES: dict[str, dict[str, Any]] = {
    "logs /logs/query": {"GET": Foreign.logs},
    "logs /logs/stats": {"GET": Foreign.stats},
    "apm /apm/metrics": {"GET": Foreign.metrics},
    "apm /apm/summary": {"GET": Foreign.summary},
    "infra /infra/health": {"GET": Foreign.infra},
    "monitoring /monitoring/health": {"GET": Foreign.monitoring},
    "monitoring /monitoring/dashboard": {"GET": Foreign.monitoring},
    "security /security/metrics": {"GET": Foreign.security},
    "api /api/health": {"GET": Foreign.health},
    "api /api/health/db": {"GET": Foreign.missing_route},
    "api /api/pitches": {"GET": Foreign.missing_route},
    "api /api/auth/verify": {"GET": Foreign.missing_route, "POST": Foreign.missing_route},
    "cloudflare_status /api/v2/summary.json": {"GET": Foreign.edge_status},
    "frontend /": {"GET": _text("text/html; charset=utf-8", PAGE)},
    "frontend /assets/app-1.js": {"GET": _text("application/javascript", "import('./x')" * 40)},
    "frontend /assets/app-1.css": {"GET": _text("text/css", "body{margin:0}" * 40)},
    "frontend /favicon.ico": {"GET": _text("image/x-icon", "icon" * 40)},
}
SERVICES = ("api", "frontend", "monitoring", "infra", "logs", "apm", "security", "alerts", "cloudflare_status")


@contextmanager
def foreign() -> Iterator[Foreign]:
    """Serve a platform, each service on its own port of the loopback interface."""
    platform = Foreign()
    with ExitStack() as stack:
        for service in SERVICES:
            server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(platform, service))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            platform.urls[service] = f"http://127.0.0.1:{server.server_address[1]}"
        yield platform


def _handler(platform: Foreign, service: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers for one service."""

        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            """Answer whatever was asked."""
            length = int(self.headers.get("content-length") or 0)
            self.rfile.read(length)
            url = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            status, kind, text = platform.answer(service, self.command, url.path, asked)
            body = text.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_HEAD = do_OPTIONS = handle_any

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    return Handler
