"""Which runbook is next, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..models.finding import Finding, Severity
from ..models.report import HypothesisScore, Verdict
from .hypotheses import BY_ID

RULE = "route"
RUNBOOKS: Mapping[str, str] = {
    "bad_deployment": "outage",
    "database_down": "database",
    "database_pool_exhausted": "database",
    "database_slow": "database",
    "database_locked": "database",
    "schema_drift": "error_rate",
    "credentials_invalid": "error_rate",
    "cloudflare_incident": "outage",
    "traffic_flood": "outage",
    "auth_fault": "error_rate",
    "third_party_outage": "error_rate",
    "cache_degraded": "performance",
    "storage_degraded": "performance",
    "worker_limits": "performance",
    "frontend_build": "frontend",
    "frontend_assets": "frontend",
    "cors_misconfigured": "frontend",
    "web_vitals_regression": "frontend",
    "brute_force": "security",
    "injection_attack": "security",
    "scraping": "security",
    "rate_limit_bypass": "security",
    "monitoring_blind": "monitoring",
    "monitoring_stopped": "monitoring",
    "alert_channel_broken": "monitoring",
}
"""Hypothesis -> the runbook that goes on with it; ``none`` has none."""

CLOSE_DECIBANS = 10.0
"""Causes this far behind the leader are worth a second runbook."""
NEAR_PRIOR = 3.0
"""A cause that gained less than this over its prior is not followed."""


def routes(
    scores: Sequence[HypothesisScore], verdict: Verdict, *, here: str = "triage"
) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """
    Return (runbook, causes, finding ids) in the order in which to run them; ``[]`` when none follows.

    A named cause gives the first; then come those of causes that are close behind and have evidence of their
    own. Users who are hurt without any such cause lead to ``error_rate`` (or ``outage`` from P1 on).
    """
    if verdict.state == "healthy":
        return []
    found: dict[str, tuple[list[str], list[str]]] = {}
    top = max((score.weight for score in scores if score.id != "none"), default=0.0)
    for score in scores:
        runbook = RUNBOOKS.get(score.id)
        gained = score.weight - BY_ID[score.id].prior if score.id in BY_ID else 0.0
        if runbook is None or runbook == here or not score.for_ or gained < NEAR_PRIOR:
            continue
        if score.id != verdict.cause and score.weight < top - CLOSE_DECIBANS:
            continue
        causes, because = found.setdefault(runbook, ([], []))
        causes.append(score.id)
        because += [f for f in score.for_[:3] if f not in because]
    share = verdict.impact.requests_failing_share or 0.0
    if verdict.cause is None and share > 0:
        general = "outage" if verdict.severity == "P1" else "error_rate"
        if general not in found and share >= 0.01:
            found[general] = ([], [])
    return [(runbook, tuple(causes), tuple(because)) for runbook, (causes, because) in found.items()][:4]


def route_findings(scores: Sequence[HypothesisScore], verdict: Verdict, findings: Sequence[Finding]) -> list[Finding]:
    """Return one finding a runbook to go on with, in order; they give no signal."""
    evidence = {finding.id: finding.evidence for finding in findings}
    told = []
    for place, (runbook, causes, because) in enumerate(routes(scores, verdict), start=1):
        words = " or ".join(BY_ID[cause].title for cause in causes[:3]) or "requests fail, and no cause leads"
        told.append(
            Finding(
                id=f"{RULE}/{place}",
                rule=RULE,
                claim=f"{'Next' if place == 1 else 'Then'} run {runbook}: {words}",
                severity=Severity.INFO,
                evidence=tuple(sorted({id_ for one in because for id_ in evidence.get(one, ())})[:12]),
                data={"runbook": runbook, "causes": list(causes), "because": list(because)},
            )
        )
    return told
