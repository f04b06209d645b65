"""
The truth that the sandbox plays: everything that happened, in columns, from a week before to hours after.

A `World` knows no HTTP. `sandbox.app` serves the part of it that the platform would show at a given
moment (rows with ``at <= now``), with all of the platform's traps; `sandbox.generate` makes worlds
from scenarios and `sandbox.case` from recorded incidents. What caused an incident is in `Truth`,
which is never served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

MS = pl.Int64
"""Times in the world are integers: milliseconds since the epoch, UTC."""

Schema = dict[str, pl.DataType | type[pl.DataType]]

LOGS: Schema = {
    "at": MS,
    "arrival": MS,  # when the store got it; ids begin with it; retention counts from it
    "id": pl.String,
    "level": pl.String,  # as sent: "error", but also "ERROR" (trap 5)
    "message": pl.String,
    "service": pl.String,
    "environment": pl.String,
    "component": pl.String,
    "userId": pl.String,
    "sessionId": pl.String,
    "traceId": pl.String,
    "spanId": pl.String,
    "requestId": pl.String,
    "ipAddress": pl.String,
    "userAgent": pl.String,
    "url": pl.String,
    "method": pl.String,
    "statusCode": pl.Int32,
    "responseTime": pl.Float64,
    "errorStack": pl.String,
    "metadata": pl.String,  # JSON text of an object, null for {}
    "tags": pl.String,  # JSON text, null for []
    "raw": pl.String,  # JSON text of the whole entry where it is odd (trap 27); overrides all columns
    "stored": pl.Boolean,  # reached the logs service's store (False: the service was blind or down)
    "archived": pl.Boolean,  # reached R2 (False: a failed, silent write)
}
"""Log entries, sorted by ``at``."""

METRICS: Schema = {
    "at": MS,
    "name": pl.String,
    "value": pl.Float64,
    "type": pl.String,
    "unit": pl.String,
    "tags": pl.String,  # JSON text of an object
    "raw": pl.String,  # JSON text of the whole point where it is odd (trap 27)
    "stored": pl.Boolean,
}
"""APM points, sorted by ``at``. ``db.*`` and ``web.*`` points come from `DB_POSTS` and `VITALS` by derivation."""

DB_POSTS: Schema = {
    "at": MS,
    "connectionPoolSize": pl.Int64,
    "activeConnections": pl.Int64,
    "idleConnections": pl.Int64,
    "queryCount": pl.Int64,
    "slowQueries": pl.Int64,
    "avgQueryTime": pl.Float64,
    "p95QueryTime": pl.Float64,
    "p99QueryTime": pl.Float64,
    "errorRate": pl.Float64,
    "deadlocks": pl.Int64,
    "lockWaits": pl.Int64,
    "stored": pl.Boolean,
}
"""Posts to ``/apm/db-metrics``, one a minute."""

VITALS: Schema = {
    "at": MS,
    "session": pl.String,
    "url": pl.String,
    "device": pl.String,
    "lcp": pl.Float64,
    "fid": pl.Float64,
    "inp": pl.Float64,
    "cls": pl.Float64,
    "fcp": pl.Float64,
    "ttfb": pl.Float64,
    "stored": pl.Boolean,
}
"""Web Vitals beacons."""

EDGE: Schema = {
    "at": MS,  # start of the minute
    "route": pl.String,
    "status": pl.Int32,
    "requests": pl.Int64,
    "cached": pl.Int64,  # of them, served from the edge cache
    "bytes": pl.Int64,
}
"""Requests at the edge by minute, route and status: the truth, whatever the platform's stores see."""

WORKERS: Schema = {
    "at": MS,  # start of the minute
    "script": pl.String,
    "status": pl.String,
    "requests": pl.Int64,
    "errors": pl.Int64,
    "subrequests": pl.Int64,
    "cpu_p50_us": pl.Float64,
    "cpu_p99_us": pl.Float64,
    "wall_p99_us": pl.Float64,
}
"""Worker invocations by minute and outcome."""

FIREWALL: Schema = {
    "at": MS,
    "action": pl.String,
    "clientIP": pl.String,
    "clientAsn": pl.String,
    "clientCountryName": pl.String,
    "clientRequestPath": pl.String,
    "clientRequestQuery": pl.String,
    "source": pl.String,
    "ruleId": pl.String,
    "userAgent": pl.String,
}
"""Firewall events."""

PROBES: Schema = {
    "at": MS,
    "route": pl.String,
    "status": pl.Int32,  # 0: no connection
    "duration_ms": pl.Float64,
    "vantage": pl.String,
}
"""Probes from outside, one a minute and route: what a memory of our own would have seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployment of one Worker script (contract third-party A3)."""

    at_ms: int
    script: str
    version_id: str
    number: int
    author: str
    message: str
    source: str = "wrangler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A Sentry issue; ``events_ms`` are the times of its events, so that counts are right at any moment."""

    id: str
    short_id: str
    title: str
    culprit: str
    level: str
    project: str
    events_ms: Sequence[int]
    users: int
    type: str = "Error"
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A Sentry release."""

    at_ms: int
    version: str
    project: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """
    How a live route answers in a span of time; the last matching one wins.

    Attributes
    ----------
    service
        ``api``, ``frontend``, ``cloudflare_status``, or the name of a platform service.
    path
        Path prefix; ``""`` for all of the service.
    start_ms, end_ms
        The span, end excluded.
    share
        Share of the requests that behave so, 0-1 (drawn deterministically from seed, path and second).
    status
        HTTP status; 0 closes the connection without an answer.
    kind
        ``json`` (``body`` as JSON), ``cloudflare_html`` (an edge error page with ``error code: 1101`` and
        the like, plus ``cf-ray``), ``missing`` (the API's 404 for an unknown route), ``text``.
    latency_ms
        Added before answering.
    """

    service: str
    path: str
    start_ms: int
    end_ms: int
    share: float = 1.0
    status: int = 200
    kind: Literal["json", "cloudflare_html", "missing", "text"] = "json"
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    latency_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusIncident:
    """An incident on Cloudflare's status page (contract third-party A10)."""

    start_ms: int
    end_ms: int | None
    name: str
    impact: str
    components: Sequence[str]
    component_status: str = "partial_outage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What happened, for scoring only. Never served by any route."""

    cause: str  # hypothesis id of the design, "none" for a control
    onset_ms: int | None
    services: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    severity: str | None = None
    split: Literal["tune", "judge"] = "tune"
    runbooks: tuple[str, ...] = ()  # runbooks that should find it
    inconclusive_is_right: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that happened. ``now_ms`` is the sandbox's clock at its start; rows reach hours beyond it."""

    name: str
    seed: int
    now_ms: int
    logs: pl.DataFrame
    metrics: pl.DataFrame
    db_posts: pl.DataFrame
    vitals: pl.DataFrame
    edge: pl.DataFrame
    workers: pl.DataFrame
    firewall: pl.DataFrame
    probes: pl.DataFrame
    deployments: tuple[Deployment, ...] = ()
    releases: tuple[Release, ...] = ()
    issues: tuple[Issue, ...] = ()
    behaviours: tuple[Behaviour, ...] = ()
    status_incidents: tuple[StatusIncident, ...] = ()
    security_events: Mapping[str, Sequence[int]] = field(default_factory=dict)  # type -> times (ms)
    oncall: tuple[Mapping[str, Any], ...] = ()
    truth: Truth | None = None
    fresh: bool = False  # the stores are young: they know nothing from before two hours ago
    entries: int = 200_000  # log entries of an ordinary week that it was drawn with
