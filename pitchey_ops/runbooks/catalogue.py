"""
Every runbook: which rules it applies, what it needs before it may say "healthy".

A new runbook is a notebook and an entry here; `STEP_RULES` says which rules a step of the written runbook
stands on, so that a step whose rule could not look is never called done.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..settings import home

CORE_RULES = (
    "onset",
    "users",
    "probes",
    "edge",
    "deployments",
    "patterns",
    "kinds",
    "workers",
    "traffic",
    "cloudflare-status",
    "issues",
    "flow",
    "history",
    "contradictions",
    "suspects",
)

CAUSE_RULES = ("latency", "database", "auth", "releases", "cache", "security", "assets")
"""Rules over sources that every runbook asks (or is told that it did not): they tell causes apart."""
PAGE_RULES = ("vitals", "site-release")
WATCHING_RULES = ("monitoring", "scheduled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """
    A group of sources of which any one must have been seen before a run may say "healthy".

    ``any_of`` holds prefixes of observation ids; one counts as seen when it holds an answer that can
    see at least *share* of the window (or whose coverage has no share).
    """

    words: str
    any_of: tuple[str, ...]
    share: float = 0.5


USERS_VIEW = Need(
    words="what users get", any_of=("cloudflare_api/traffic", "r2/archive", "history", "case/logs", "logs/service")
)
OUTSIDE = Need(words="the API from outside", any_of=("api/health", "api/pitches", "case/logs"))
PAGE = Need(words="the page that users load", any_of=("frontend/page", "case/logs"))
TIMES = Need(
    words="how long answers take",
    any_of=("apm/metrics/response_time", "r2/archive", "logs/service", "case/logs", "case/metrics"),
)
VITALS = Need(words="how pages feel to people (Web Vitals)", any_of=("apm/metrics/web.lcp", "case/metrics"))
ASSETS = Need(words="the assets of the page", any_of=("frontend/assets",))
BROWSERS = Need(words="errors in browsers", any_of=("sentry/issues", "r2/archive", "logs/service/frontend"))
DATABASE = Need(
    words="the database itself or its figures",
    any_of=("database/connections", "apm/metrics/db.active_connections", "case/metrics"),
)
REQUESTERS = Need(words="requests with their addresses", any_of=("r2/archive", "logs/service", "case/logs"))
ENTRIES = Need(words="whether log entries arrive", any_of=("r2/archive", "case/logs", "logs/service"))
METRICS = Need(words="whether metrics arrive", any_of=("apm/metrics", "case/metrics"))
SELDOM_SEEN = (VITALS, DATABASE, METRICS)
"""Needs that only APM's store meets where nothing else is configured, and it is blind in ordinary operation."""
WATCHERS = Need(words="whether the monitoring answers", any_of=("monitoring/health",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """
    One runbook. ``version`` changes when its notebook's questions or rules do.

    ``looks_back``: what is archived about its incident is part of what it asks.
    """

    id: str
    title: str
    question: str
    rules: tuple[str, ...]
    needs: tuple[Need, ...]
    version: str = "1"
    looks_back: bool = False

    @property
    def notebook(self) -> Path:
        """Where its notebook lies."""
        return home() / "notebooks" / f"{self.id}.ipynb"

    @property
    def parameters_file(self) -> Path:
        """Where its commented parameters lie, for ``papermill -f``."""
        return home() / "parameters" / f"{self.id}.yaml"


RUNBOOKS: dict[str, Runbook] = {
    runbook.id: runbook
    for runbook in (
        Runbook(
            id="triage",
            title="Triage",
            question="What is wrong, how bad is it, and which runbook is next?",
            rules=(*CORE_RULES, *CAUSE_RULES, *PAGE_RULES, *WATCHING_RULES),
            needs=(USERS_VIEW, OUTSIDE, PAGE),
        ),
        Runbook(
            id="outage",
            title="Platform outage",
            question="Is the platform down, since when, and what took it down?",
            rules=(*CORE_RULES, *CAUSE_RULES, "tail"),
            needs=(USERS_VIEW, OUTSIDE, PAGE),
        ),
        Runbook(
            id="error_rate",
            title="High error rate",
            question="What fails, where does it come from, and what changed?",
            rules=(*CORE_RULES, *CAUSE_RULES),
            needs=(USERS_VIEW,),
        ),
        Runbook(
            id="performance",
            title="Slow answers and pages",
            question="What got slower, since when, and where does the time go?",
            rules=(*CORE_RULES, *CAUSE_RULES, *PAGE_RULES),
            needs=(USERS_VIEW, TIMES, VITALS),
        ),
        Runbook(
            id="security",
            title="Security incident",
            question="Who attacks, with what, did anybody get in, and what should be blocked?",
            rules=(*CORE_RULES, *CAUSE_RULES),
            needs=(USERS_VIEW, REQUESTERS),
        ),
        Runbook(
            id="database",
            title="Database trouble",
            question="Is the database reachable, free, quick and unlocked?",
            rules=(*CORE_RULES, *CAUSE_RULES),
            needs=(USERS_VIEW, DATABASE),
        ),
        Runbook(
            id="frontend",
            title="Frontend trouble",
            question="Do pages load, run and feel right in people's browsers?",
            rules=(*CORE_RULES, *CAUSE_RULES, *PAGE_RULES),
            needs=(USERS_VIEW, ASSETS, BROWSERS, VITALS),
        ),
        Runbook(
            id="monitoring",
            title="Monitoring trouble",
            question="Does the monitoring see, keep and tell what happens?",
            rules=(*CORE_RULES, *CAUSE_RULES, *WATCHING_RULES),
            needs=(USERS_VIEW, ENTRIES, METRICS, WATCHERS),
        ),
        Runbook(
            id="post_incident",
            title="After an incident",
            question="Has it come back, how did the response go, and what should be done about it?",
            rules=(*CORE_RULES, *CAUSE_RULES, "record"),
            needs=(USERS_VIEW, OUTSIDE),
            looks_back=True,
        ),
    )
}

STEP_RULES: dict[str, tuple[str, ...]] = {
    "initial.recent-changes": ("deployments",),
    "initial.impact": ("users",),
    "initial.severity": ("users",),
    "initial.sentry": ("issues",),
    "investigate.health": ("probes",),
    "investigate.error-logs": ("patterns",),
    "investigate.search": ("patterns",),
    "investigate.apm-summary": ("contradictions",),
    "investigate.response-time": ("latency",),
    "outage.cloudflare-status": ("cloudflare-status",),
    "outage.main-worker": ("probes",),
    "outage.db-connectivity": ("probes",),
    "outage.deployments": ("deployments",),
    "outage.tail": ("tail",),
    "outage.error-patterns": ("patterns", "kinds"),
    "outage.verify": ("probes",),
    "outage.watch": ("users",),
    "error-rate.breakdown": ("users",),
    "error-rate.top-errors": ("patterns",),
    "error-rate.auth-service": ("patterns",),
    "error-rate.pitch-service": ("patterns",),
    "error-rate.response-time": ("latency",),
    "error-rate.jwt": ("kinds",),
    "error-rate.auth-verify": ("probes",),
    "error-rate.database": ("kinds",),
    "error-rate.third-party": ("kinds",),
    "error-rate.circuit-breaker": ("patterns",),
    "outage.db-pool": ("database",),
    "outage.db-long-queries": ("database",),
    "performance.summary": ("latency",),
    "performance.lcp-trend": ("vitals",),
    "performance.db": ("database",),
    "performance.slow-endpoints": ("latency",),
    "performance.worker": ("workers",),
    "performance.kv-r2": ("cache",),
    "performance.missing-indexes": ("database",),
    "performance.slow-query-log": ("database",),
    "performance.cache": ("cache",),
    "performance.frontend": ("vitals", "assets"),
    "security.blocked": ("security",),
    "security.brute-force": ("security",),
    "security.injection": ("security",),
    "security.bypass": ("security",),
    "security.monitor": ("security",),
    "security.document": ("security",),
    "database.connectivity": ("probes",),
    "database.pool": ("database",),
    "database.metrics": ("database",),
    "database.timeouts": ("kinds",),
    "database.logs": ("kinds", "patterns"),
    "database.leaks": ("database",),
    "database.slow-queries": ("database",),
    "database.capacity": ("database",),
    "frontend.errors": ("patterns",),
    "frontend.sentry": ("issues",),
    "frontend.vitals": ("vitals",),
    "frontend.assets": ("assets",),
    "monitoring.workers": ("monitoring",),
    "monitoring.kv": ("cache",),
    "monitoring.scheduled": ("scheduled",),
    "post.verify": ("users", "probes"),
    "post.collect": ("record",),
    "post.timeline": ("record",),
    "post.root-cause": ("record",),
    "post.postmortem": ("record",),
}
"""Rules that a step stands on; a step is ``not_checked`` when one of them could not look."""


def runbook(name: str) -> Runbook:
    """
    Return the runbook *name*.

    Raises
    ------
    UsageError
        There is none; the message lists those there are.
    """
    found = RUNBOOKS.get(name)
    if found is None:
        raise UsageError(f"no runbook {name[:60]!r}; there are {', '.join(RUNBOOKS)}. Nothing was run.")
    return found
