"""
Observations as columns.

Every frame is a polars DataFrame with the columns declared here: units stand in names, times are
UTC with millisecond precision, text is exactly as it came (redacted, never interpreted). A frame
that nobody could fill is empty, not missing; whether that means *nothing happened* or *could not
look* is told by the observations, never by the frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from .models.window import Window

UTC_MS = pl.Datetime("ms", "UTC")

LOGS: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": UTC_MS,  # the entry's own time
    "service": pl.String,
    "level": pl.String,  # lower case (trap 5)
    "message": pl.String,
    "id": pl.String,
    "component": pl.String,
    "user_id": pl.String,
    "trace_id": pl.String,
    "ip": pl.String,
    "user_agent": pl.String,
    "url": pl.String,
    "method": pl.String,
    "status": pl.Int32,  # HTTP status of the request that the entry is about
    "duration_ms": pl.Float64,
    "stack": pl.String,
    "event": pl.String,  # tags.event or metadata.event: login_failed, login_ok, ...
    "account": pl.String,  # tags.user or metadata.user: the account that a login names
    "release": pl.String,  # metadata.release or metadata.version
    "observation": pl.String,  # id of the observation that holds the entry
}
"""One row an entry, oldest first. Null where the entry has no such field."""

METRICS: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": UTC_MS,
    "name": pl.String,
    "value": pl.Float64,
    "service": pl.String,  # tags.service, else null
    "route": pl.String,  # tags.endpoint or tags.url
    "device": pl.String,  # tags.deviceType
    "unit": pl.String,
    "observation": pl.String,
}
"""One row a metric point, oldest first; only finite numbers."""

SPANS: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": UTC_MS,
    "service": pl.String,  # who served the call
    "caller": pl.String,  # who made it; null at the edge
    "operation": pl.String,
    "trace_id": pl.String,
    "duration_ms": pl.Float64,  # the server's own time
    "client_ms": pl.Float64,  # the caller's time for the same call; minus duration_ms = network or queue
    "observation": pl.String,
}
"""One row a cross-service call, oldest first."""

EDGE: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": UTC_MS,  # minute
    "route": pl.String,
    "status": pl.Int32,
    "requests": pl.Float64,  # estimate: sampled counts scaled up
    "observation": pl.String,
}
"""Requests at Cloudflare's edge by minute, route and status (an estimate: sampled)."""

WORKERS: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": UTC_MS,  # minute
    "script": pl.String,
    "status": pl.String,  # success, scriptThrewException, exceededResources, ...
    "requests": pl.Float64,
    "errors": pl.Float64,
    "subrequests": pl.Float64,
    "cpu_p50_ms": pl.Float64,
    "cpu_p99_ms": pl.Float64,
    "observation": pl.String,
}
"""Worker invocations by minute and outcome."""

DEPLOYMENTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": UTC_MS,
    "script": pl.String,
    "version": pl.String,
    "previous": pl.String,  # version that it replaced, null for the first
    "author": pl.String,
    "message": pl.String,
    "source": pl.String,  # cloudflare, sentry or case
    "observation": pl.String,
}
"""Deployments and releases, oldest first."""

FIREWALL: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": UTC_MS,
    "action": pl.String,
    "ip": pl.String,
    "path": pl.String,
    "rule": pl.String,
    "user_agent": pl.String,
    "asn": pl.String,
    "country": pl.String,
    "observation": pl.String,
}
"""What the edge's firewall did, oldest first."""

ISSUES: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "title": pl.String,
    "culprit": pl.String,
    "level": pl.String,
    "project": pl.String,
    "first_seen": UTC_MS,
    "last_seen": UTC_MS,
    "count": pl.Int64,
    "users": pl.Int64,
    "permalink": pl.String,
    "observation": pl.String,
}
"""Sentry issues."""

PROBES: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": UTC_MS,  # minute of the look
    "probe": pl.String,  # api/pitches, frontend/page, ...
    "failing": pl.Boolean,
    "took_ms": pl.Float64,
    "observation": pl.String,
}
"""Own probes by the minute, out of our own history: only looks that could see."""


def empty(schema: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    """Return a frame with *schema* and no rows."""
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """
    All tables of one investigation, over *window* and the time before it that was asked for too.

    Attributes
    ----------
    log_seen_from
        Service -> since when its entries are all there, without a gap, up to the present. What `logs` holds
        from before that is a remainder: good for telling what is not new, not for counting. A service that is
        absent was seen as a whole.
    """

    window: Window
    log_seen_from: Mapping[str, datetime] = field(default_factory=dict)
    logs: pl.DataFrame = field(default_factory=lambda: empty(LOGS))
    metrics: pl.DataFrame = field(default_factory=lambda: empty(METRICS))
    spans: pl.DataFrame = field(default_factory=lambda: empty(SPANS))
    edge: pl.DataFrame = field(default_factory=lambda: empty(EDGE))
    workers: pl.DataFrame = field(default_factory=lambda: empty(WORKERS))
    deployments: pl.DataFrame = field(default_factory=lambda: empty(DEPLOYMENTS))
    firewall: pl.DataFrame = field(default_factory=lambda: empty(FIREWALL))
    issues: pl.DataFrame = field(default_factory=lambda: empty(ISSUES))
    probes: pl.DataFrame = field(default_factory=lambda: empty(PROBES))
