"""
What each panel rests on, so that a choice in it asks for that and for nothing else.

A panel that is not named here rests on everything: it is asked for as a whole. A test holds every line against the
panels themselves: over what is named here they must say what they say over everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ..sources.catalogue import PROBES

PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "logs": ("logs.services", "logs.found", "logs.stats", "logs.unfiltered", "r2.prefixes", "r2.archive"),
    "traffic": ("cloudflare_api.traffic",),
    "times": ("apm.requests", "apm.summary"),
    "vitals": ("apm.vitals",),
    "workers": ("cloudflare_api.workers", "cloudflare_api.watchers"),
    "tail": ("cloudflare_api.tail",),
    "changes": ("cloudflare_api.deployments", "cloudflare_api.versions", "sentry.releases"),
    "edge status": ("cloudflare_status.summary",),
    "firewall": ("cloudflare_api.firewall", "cloudflare_api.security_level", "cloudflare_api.access_rules"),
    "security": ("security.metrics", "infra.rate_limits"),
    "issues": ("sentry.issues",),
    "database": (
        "apm.database",
        "database.connections",
        "database.blocking",
        "database.locks",
        "database.statements",
        "database.indexes",
        "database.capacity",
    ),
    "outside": ("api.health", "api.health_db", "api.pitches", "api.auth_verify"),
    "page": ("frontend.page", "frontend.assets"),
    "platform": (
        "monitoring.health",
        "monitoring.dashboard",
        "infra.health",
        "infra.worker",
        "infra.kv",
        "infra.r2",
        "infra.durable_objects",
    ),
    "history": ("history.probes",),
}
"""Probes that are asked together: what a later one follows from stands in the same part."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What a panel rests on: *parts* of `PARTS`, and *rules* whose findings it tells."""

    parts: tuple[str, ...]
    rules: tuple[str, ...] = ()


_LOGS = Rest(("logs", "changes"))
_RESPONSES = Rest(("times", "logs", "changes"), ("latency",))
_ATTACKS = Rest(("logs", "firewall", "changes"), ("security",))
_REQUESTS = Rest(("traffic", "changes"), ("users",))

RESTS: Final[Mapping[str, Rest]] = {
    "initial.recent-changes": Rest(("changes",), ("deployments",)),
    "initial.impact": _REQUESTS,
    "initial.sentry": Rest(("issues",), ("issues",)),
    "investigate.error-logs": _LOGS,
    "investigate.search": _LOGS,
    "investigate.response-time": _RESPONSES,
    "outage.cloudflare-status": Rest(("edge status",), ("cloudflare-status",)),
    "outage.main-worker": Rest(("outside", "platform"), ("probes",)),
    "outage.db-connectivity": Rest(("outside", "platform", "database"), ("probes",)),
    "outage.deployments": Rest(("changes",), ("deployments",)),
    "outage.tail": Rest(("tail", "workers", "changes"), ("tail", "workers")),
    "outage.error-patterns": _LOGS,
    "outage.db-pool": Rest(("database", "times", "logs", "changes"), ("database",)),
    "outage.db-long-queries": Rest(("database",)),
    "outage.firewall-review": Rest(("firewall", "logs")),
    "outage.watch": _REQUESTS,
    "error-rate.breakdown": _REQUESTS,
    "error-rate.top-errors": _LOGS,
    "error-rate.auth-service": _LOGS,
    "error-rate.pitch-service": _LOGS,
    "error-rate.response-time": _RESPONSES,
    "error-rate.jwt": _LOGS,
    "error-rate.auth-verify": Rest(("outside",), ("probes",)),
    "error-rate.third-party": _LOGS,
    "error-rate.circuit-breaker": _LOGS,
    "performance.summary": Rest(("times", "logs", "changes"), ("latency",)),
    "performance.lcp-trend": Rest(("vitals", "changes"), ("vitals",)),
    "performance.slow-endpoints": Rest(("times", "logs"), ("latency",)),
    "performance.worker": Rest(("workers", "changes"), ("workers",)),
    "performance.missing-indexes": Rest(("database",)),
    "performance.slow-query-log": Rest(("database",)),
    "security.events": Rest(("security", "firewall")),
    "security.blocked": Rest(("firewall", "logs")),
    "security.brute-force": _ATTACKS,
    "security.injection": _ATTACKS,
    "security.rate-limits": Rest(("security", "traffic")),
    "security.bypass": _ATTACKS,
    "security.monitor": Rest(("firewall", "logs")),
    "security.document": Rest(("firewall", "logs"), ("security",)),
    "database.connectivity": Rest(("outside", "platform", "database"), ("probes",)),
    "database.timeouts": _LOGS,
    "database.logs": _LOGS,
    "database.leaks": Rest(("database",)),
    "database.capacity": Rest(("database",)),
    "frontend.errors": _LOGS,
    "frontend.sentry": Rest(("issues",), ("issues",)),
    "frontend.vitals": Rest(("vitals", "changes"), ("vitals", "site-release")),
    "frontend.assets": Rest(("page", "traffic"), ("assets",)),
}
"""What the panel of each step rests on, as far as that is less than everything."""


def parts_of(step: str, runbook: str, *, beside: Iterable[str] = ()) -> tuple[str, ...] | None:
    """
    Return the parts that *step*'s panel needs in *runbook*, with those of *beside*; None for everything.

    Parameters
    ----------
    beside
        Parts that are shown beside the panel: a comparison, a log explorer.
    """
    rest = RESTS.get(step)
    if rest is None:
        return None
    wanted = dict.fromkeys((*rest.parts, *beside))
    return tuple(part for part in wanted if probes_of(part, runbook))


def probes_of(part: str, runbook: str) -> tuple[str, ...]:
    """Return the names of the probes of *part* that *runbook* asks."""
    return tuple(name for name in PARTS[part] if runbook in PROBES[name].runbooks)
