"""``/security/*``: counts that grow for weeks, and two calls that falsify them (contract traps 18-20)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import Response

from ._base import Service, json_answer, text_answer

TYPES = (
    "rate_limit_exceeded",
    "suspicious_login_attempt",
    "brute_force_attack",
    "sql_injection_attempt",
    "xss_attempt",
    "anomalous_behavior",
)
FORGET_MS = 86_400_000
"""A count begins anew only after so long without any event of its type."""
_HITS_PER_MINUTE = 100
_SQL = re.compile(r"(\bunion\b.+\bselect\b|\bor\b\s+1\s*=\s*1|;\s*drop\b|'\s*--)", re.IGNORECASE)
_XSS = re.compile(r"(<script|javascript:|\bon\w+\s*=)", re.IGNORECASE)
_SCANNERS = re.compile(r"(sqlmap|nikto|nmap|masscan|burp)", re.IGNORECASE)


class Security(Service):
    """The security service."""

    name = "security"

    async def answer(self, request: Request, path: str) -> Response:
        """Answer ``/security/{metrics,analyze,rate-limit}``; any method."""
        match path:
            case "/security/metrics":
                return self._metrics()
            case "/security/analyze":
                return self._analyze(request)
            case "/security/rate-limit":
                return self._rate_limit(request)
        return text_answer("Security endpoint not found", 404)

    def _metrics(self) -> Response:
        now = self.state.now_ms
        events: dict[str, dict[str, int]] = {}
        for kind in TYPES:
            times = [
                *self.state.world.security_events.get(kind, ()),
                *self.state.security_recorded.get(kind, ()),
            ]
            count, last = _running_count(times, now)
            events[kind] = {"count": count, "lastSeen": last}
        total = sum(event["count"] for event in events.values())
        return json_answer({"timestamp": now, "events": events, "totalEvents": total})

    def _analyze(self, request: Request) -> Response:
        """Analyse the request that asks, and record what it finds as a real event (trap 18)."""
        now = self.state.now_ms
        text = unquote_plus(str(request.url))
        kinds = ["anomalous_behavior"]  # every time
        kinds += ["sql_injection_attempt"] * bool(_SQL.search(text))
        kinds += ["xss_attempt"] * bool(_XSS.search(text))
        kinds += ["suspicious_login_attempt"] * bool(_SCANNERS.search(request.headers.get("user-agent", "")))
        for kind in kinds:
            self.state.security_recorded.setdefault(kind, []).append(now)
        events = [{"type": kind, "severity": "medium", "timestamp": now} for kind in kinds]
        return json_answer({"events": events, "timestamp": now})

    def _rate_limit(self, request: Request) -> Response:
        """Count a hit of the one who is asked about (trap 20)."""
        asked = request.query_params
        key = f"{asked.get('endpoint', '')}\0{asked.get('identifier', '')}"
        now = self.state.now_ms
        if not hasattr(self, "_hits"):
            self._hits: dict[str, list[int]] = {}
        hits = [at for at in self._hits.get(key, []) if now - at < 60_000]
        hits.append(now)
        self._hits[key] = hits
        left = max(_HITS_PER_MINUTE - len(hits), 0)
        return json_answer({"allowed": len(hits) <= _HITS_PER_MINUTE, "remaining": left, "resetTime": hits[0] + 60_000})


def _running_count(times: Sequence[int], now_ms: int) -> tuple[int, int]:
    """Return the events since the last day without any, and the last one's time; zeros after such a day."""
    count, last = 0, 0
    for at in sorted(at for at in times if at <= now_ms):
        count = 1 if at - last >= FORGET_MS else count + 1
        last = at
    return (0, 0) if now_ms - last >= FORGET_MS else (count, last)
