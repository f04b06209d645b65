"""One function a step of the written runbook: from an investigation to the step's panel."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePath

from ..base import Panel, no_data
from ..view import View
from . import (
    changes,
    database,
    frontend,
    logs,
    monitoring,
    people,
    performance,
    plans,
    platform,
    post,
    requests,
    security,
)

StepPanel = Callable[[View], Panel]

STEP_PANELS: Mapping[str, StepPanel] = {
    "initial.ack-slack": plans.plan_of("initial.ack-slack"),
    "initial.ack-api": plans.plan_of("initial.ack-api"),
    "initial.dashboard": people.dashboard,
    "initial.recent-changes": changes.recent,
    "initial.impact": requests.impact,
    "initial.severity": people.severity,
    "initial.slack-update": plans.plan_of("initial.slack-update"),
    "initial.escalate": plans.plan_of("initial.escalate"),
    "initial.pagerduty": plans.plan_of("initial.pagerduty"),
    "initial.sentry": changes.sentry,
    "investigate.health": platform.health,
    "investigate.error-logs": logs.patterns,
    "investigate.search": logs.search,
    "investigate.apm-summary": platform.contradictions,
    "investigate.response-time": requests.response_time,
    "contacts.team": people.contacts,
    "outage.cloudflare-status": platform.cloudflare_status,
    "outage.main-worker": platform.main_worker,
    "outage.db-connectivity": platform.db_connectivity,
    "outage.deployments": changes.deployments,
    "outage.tail": requests.tail,
    "outage.error-patterns": logs.over_time,
    "outage.rollback": plans.plan_of("outage.rollback"),
    "outage.db-pool": platform.db_pool,
    "outage.db-long-queries": platform.db_activity,
    "outage.cf-dashboard": people.cloudflare_dashboard,
    "outage.under-attack": plans.plan_of("outage.under-attack"),
    "outage.firewall-review": platform.firewall,
    "outage.verify": platform.verify,
    "outage.watch": requests.watch,
    "error-rate.breakdown": requests.breakdown,
    "error-rate.top-errors": logs.patterns,
    "error-rate.auth-service": logs.of_service("auth"),
    "error-rate.pitch-service": logs.of_service("pitch"),
    "error-rate.response-time": requests.response_time,
    "error-rate.jwt": logs.of_kinds(
        "tokens and sessions", "token_signature_errors", "auth_failing", "credentials_rejected"
    ),
    "error-rate.auth-verify": platform.auth_verify,
    "error-rate.database": platform.db_figures,
    "error-rate.third-party": logs.of_kinds("external providers", "third_party_errors"),
    "error-rate.circuit-breaker": logs.circuit_breakers,
    "performance.summary": performance.summary,
    "performance.lcp-trend": performance.lcp_trend,
    "performance.db": performance.database,
    "performance.slow-endpoints": performance.slow_endpoints,
    "performance.worker": performance.worker,
    "performance.kv-r2": performance.kv_r2,
    "performance.missing-indexes": performance.missing_indexes,
    "performance.slow-query-log": performance.slow_statements,
    "performance.cache": performance.cache,
    "performance.cache-warming": plans.plan_of("performance.cache-warming"),
    "performance.frontend": performance.frontend,
    "security.events": security.events,
    "security.blocked": security.blocked,
    "security.brute-force": security.brute_force,
    "security.injection": security.injection,
    "security.rate-limits": security.rate_limits,
    "security.bypass": security.bypass,
    "security.block-ips": plans.plan_of("security.block-ips"),
    "security.under-attack": plans.plan_of("security.under-attack"),
    "security.tighten": plans.plan_of("security.tighten"),
    "security.monitor": security.monitor,
    "security.document": security.document,
    "database.connectivity": platform.db_connectivity,
    "database.pool": database.pool,
    "database.metrics": database.metrics,
    "database.timeouts": logs.of_kinds("slow statements and time-outs of the database", "db_slow", "db_pool_saturated"),
    "database.logs": logs.of_service("database"),
    "database.leaks": database.leaks,
    "database.pool-restart": plans.plan_of("database.pool-restart"),
    "database.slow-queries": database.slow_queries,
    "database.capacity": database.capacity,
    "frontend.errors": frontend.errors,
    "frontend.sentry": frontend.sentry,
    "frontend.vitals": frontend.vitals,
    "frontend.assets": frontend.assets,
    "frontend.hotfix": frontend.hotfix,
    "frontend.improve": frontend.improve,
    "monitoring.workers": monitoring.workers,
    "monitoring.kv": performance.kv_r2,
    "monitoring.scheduled": monitoring.scheduled,
    "monitoring.test-alert": plans.plan_of("monitoring.test-alert"),
    "monitoring.redeploy": plans.plan_of("monitoring.redeploy"),
    "monitoring.clear-state": plans.plan_of("monitoring.clear-state"),
    "monitoring.end-to-end": plans.plan_of("monitoring.end-to-end"),
    "post.verify": post.verify,
    "post.resolve": post.resolve,
    "post.communicate": post.communicate,
    "post.collect": post.collect,
    "post.timeline": post.timeline,
    "post.perspectives": post.perspectives,
    "post.root-cause": post.root_cause,
    "post.postmortem": post.postmortem,
    "post.action-items": post.action_items,
}
"""Every step that a notebook shows; a test holds this against ``steps.yaml`` and the notebooks."""


def step_panel(view: View, step: str) -> Panel:
    """Return the panel of *step*; its id is the step's, so that a report can point at it."""
    return replace(STEP_PANELS[step](view), id=step.replace(".", "-"))


def failed_panel(step: str, exc: Exception) -> Panel:
    """
    Return what stands in the place of a panel that raised: the fault is ours, and nothing was checked by it.

    It names the kind of fault and the line of code, never the exception's words, which may be a stranger's.
    """
    places = traceback.extract_tb(exc.__traceback__)
    where = f" at {PurePath(places[-1].filename).name}:{places[-1].lineno}" if places else ""
    return no_data(
        step.replace(".", "-"),
        f"What does the step {step} show?",
        f"the panel itself failed ({type(exc).__name__}{where}), which is a fault of this program and says nothing of"
        " the platform",
        what="what this step shows",
    )
