"""Every rule, one line each. A new finding is a new file and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..models.finding import RuleResult
from . import (
    assets,
    auth,
    cache,
    cloudflare,
    contradictions,
    database,
    deployments,
    edge,
    flow,
    history,
    issues,
    kinds,
    latency,
    monitoring,
    onset,
    probes,
    record,
    releases,
    scheduled,
    security,
    tail,
    top_patterns,
    traffic,
    users,
    vitals,
    workers,
)
from . import ranked as ranked_suspects
from .case import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    A question that can be asked of a case.

    Attributes
    ----------
    check
        Pure; returns findings, ``[]`` (looked, found none) or `NotChecked`.
    signals
        Every signal that it can give.
    """

    name: str
    check: Callable[[Case], RuleResult]
    signals: tuple[str, ...] = ()


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(name="onset", check=onset.onsets),
        Rule(name="users", check=users.users, signals=users.SIGNALS),
        Rule(name="probes", check=probes.probes, signals=probes.SIGNALS),
        Rule(name="edge", check=edge.edge, signals=edge.SIGNALS),
        Rule(name="deployments", check=deployments.deployments, signals=deployments.SIGNALS),
        Rule(name="patterns", check=top_patterns.top_patterns),
        Rule(name="kinds", check=kinds.kinds, signals=kinds.SIGNALS),
        Rule(name="workers", check=workers.workers, signals=workers.SIGNALS),
        Rule(name="tail", check=tail.tail, signals=tail.SIGNALS),
        Rule(name="traffic", check=traffic.traffic, signals=traffic.SIGNALS),
        Rule(name="cloudflare-status", check=cloudflare.cloudflare_status, signals=cloudflare.SIGNALS),
        Rule(name="issues", check=issues.issues, signals=issues.SIGNALS),
        Rule(name="latency", check=latency.latency, signals=latency.SIGNALS),
        Rule(name="database", check=database.database, signals=database.SIGNALS),
        Rule(name="auth", check=auth.auth, signals=auth.SIGNALS),
        Rule(name="releases", check=releases.releases, signals=releases.SIGNALS),
        Rule(name="cache", check=cache.cache, signals=cache.SIGNALS),
        Rule(name="security", check=security.security, signals=security.SIGNALS),
        Rule(name="vitals", check=vitals.vitals, signals=vitals.SIGNALS),
        Rule(name="site-release", check=vitals.unseen_release),
        Rule(name="assets", check=assets.assets, signals=assets.SIGNALS),
        Rule(name="scheduled", check=scheduled.scheduled, signals=scheduled.SIGNALS),
        Rule(name="monitoring", check=monitoring.monitoring, signals=monitoring.SIGNALS),
        Rule(name="flow", check=flow.flow, signals=flow.SIGNALS),
        Rule(name="history", check=history.history, signals=history.SIGNALS),
        Rule(name="contradictions", check=contradictions.contradictions, signals=contradictions.SIGNALS),
        Rule(name="suspects", check=ranked_suspects.ranked),
        Rule(name="record", check=record.record),
    )
}
SPEAKS: dict[str, tuple[str, ...]] = {rule.name: rule.signals for rule in RULES.values()}
