"""
What may be wrong, and how much each signal speaks for or against it.

Weights are decibans: ten times the base-10 logarithm of a likelihood ratio, so that +10 makes a
hypothesis ten times as likely and -10 ten times less. They are added up (naive Bayes); signals that
repeat one another are kept apart by `GROUPS`, of which only the strongest counts in full.

The values are judgements, tuned on the sandbox's ``tune`` scenarios alone and measured on ``judge``
(``pitchey-ops drill all``). A new hypothesis is one more entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """
    A possible cause.

    Attributes
    ----------
    prior
        Decibans before any evidence, given that somebody was alerted.
    weighs
        Signal name -> decibans at full strength.
    title
        How a person says it.
    next_step
        What to do first when this leads (an id of ``runbook_steps.yaml``).
    settles
        What would confirm or refute it.
    rests_on
        The rule without whose look the title is said with a question mark: it claims what nobody saw.
    felt
        Users cannot but feel it: what services say of it while everybody is served as before is said of something
        else, such as an analyst's own statements, a copy, a trial or a job at night.
    """

    id: str
    title: str
    prior: float
    weighs: Mapping[str, float]
    next_step: str
    settles: str
    severity_floor: str = "P4"
    rests_on: str = ""
    felt: bool = False


_CALM = {
    "users_failing": -12.0,
    "users_refused": -10.0,
    "latency_high": -9.0,
    "slow_across_services": -6.0,
    "api_unreachable": -12.0,
    "api_partly_failing": -8.0,
    "users_not_failing": 6.0,
    "latency_normal": 3.0,
    "api_answers": 2.0,
    "worker_outcomes_normal": 3.0,
    "no_attack_seen": 2.0,
    "traffic_normal": 2.0,
    "vitals_normal": 2.0,
    "log_flow_seen": 2.0,
    "db_normal": 2.0,
    "probes_failing": -9.0,
    "auth_probe_failing": -6.0,
    "probes_slow": -4.0,
    "probes_steady": 3.0,
}

_ELSEWHERE = {
    "users_not_failing": 6.0,
    "latency_normal": 3.0,
    "api_answers": 2.0,
    "worker_outcomes_normal": 3.0,
    "db_normal": 2.0,
    "probes_steady": 3.0,
}
"""
What is as likely under a cause that leaves most requests alone as under none at all: a broken page, an attack
that is answered, a silent monitor, one provider. Without it every calm figure would speak against such a cause.
"""

_LEAVES_MOST_ALONE = (
    "frontend_build",
    "frontend_assets",
    "cors_misconfigured",
    "web_vitals_regression",
    "brute_force",
    "injection_attack",
    "scraping",
    "rate_limit_bypass",
    "monitoring_blind",
    "monitoring_stopped",
    "alert_channel_broken",
    "auth_fault",
    # these break a part of the requests, which need not show in the whole
    "credentials_invalid",
    "third_party_outage",
    "cache_degraded",
    "storage_degraded",
    "database_slow",
    "schema_drift",
    "worker_limits",
)

_WRITTEN: tuple[Hypothesis, ...] = (
    Hypothesis(
        id="bad_deployment",
        title="a deployment broke it",
        prior=-3,
        weighs={
            "deployment_before_onset": 12,
            "no_deployment_before_onset": -9,
            "errors_of_new_release": 9,
            "errors_of_all_releases": -6,
            "code_exceptions_new": 10,
            "users_failing": 3,
            "users_not_failing": -7,
            "edge_exception_page": 4,
            "worker_exceptions": 5,
            "worker_outcomes_normal": -2,
            "latency_high": 1,
            "cloudflare_incident_open": -4,
            "db_refused": -5,
            "db_pool_saturated": -4,
            "third_party_errors": -6,
            "edge_fails_alike": -10,
            "fails_before_worker": -3,
            "schema_errors": -10,
            "credentials_rejected": -4,
            "cors_errors": -5,
            "worker_limits": -8,
            "errors_unexplained": 6,
            "db_errors": -3,
            "db_locks": -4,
            "db_slow": -4,
            "storage_errors": -5,
            "cache_errors": -3,
            "users_refused": 7,
        },
        rests_on="deployments",
        felt=True,
        next_step="outage.rollback",
        settles="roll back in staging, or compare error shares of the old and the new version",
        severity_floor="P3",
    ),
    Hypothesis(
        id="database_down",
        title="the database does not answer",
        prior=-6,
        weighs={
            "db_refused": 16,
            "db_pool_free": -2,
            "db_normal": -14,
            "db_pool_saturated": -4,
            "users_failing": 4,
            "users_not_failing": -8,
            "deployment_before_onset": -3,
            "third_party_errors": -4,
            "edge_fails_alike": -10,
            "fails_before_worker": -3,
            "db_errors": 6,
        },
        felt=True,
        next_step="database.connectivity",
        settles="a direct connection to the database",
        severity_floor="P2",
    ),
    Hypothesis(
        id="database_pool_exhausted",
        title="the database's connection pool is used up",
        prior=-6,
        weighs={
            "db_pool_saturated": 16,
            "db_pool_free": -14,
            "db_refused": -5,
            "db_normal": -10,
            "db_locks": -3,
            "users_failing": 3,
            "users_not_failing": -5,
            "latency_high": 2,
            "deployment_before_onset": -3,
            "edge_fails_alike": -10,
            "fails_before_worker": -3,
            "db_errors": 6,
        },
        felt=True,
        next_step="database.leaks",
        settles="pg_stat_activity: who holds the connections, and since when",
        severity_floor="P3",
    ),
    Hypothesis(
        id="database_slow",
        title="the database is slow",
        prior=-6,
        weighs={
            "db_slow": 12,
            "latency_high": 5,
            "slow_across_services": 8,
            "latency_normal": -6,
            "db_normal": -12,
            "db_pool_saturated": -3,
            "db_locks": -7,
            "db_refused": -6,
            "users_failing": -1,
            "edge_fails_alike": -10,
            "fails_before_worker": -3,
            "db_errors": 4,
        },
        felt=True,
        next_step="database.slow-queries",
        settles="pg_stat_statements: which statements got slower",
    ),
    Hypothesis(
        id="database_locked",
        title="statements block one another in the database",
        prior=-8,
        weighs={
            "db_locks": 18,
            "db_normal": -10,
            "db_slow": 2,
            "latency_high": 3,
            "db_refused": -6,
            "latency_normal": -4,
            "edge_fails_alike": -10,
            "fails_before_worker": -3,
            "db_errors": 4,
        },
        felt=True,
        next_step="database.slow-queries",
        settles="the blocking chain in pg_locks",
    ),
    Hypothesis(
        id="schema_drift",
        title="code and database schema do not fit together",
        prior=-8,
        weighs={
            "schema_errors": 20,
            "deployment_before_onset": 2,
            "users_failing": 2,
            "edge_fails_alike": -10,
            "fails_before_worker": -3,
            "db_errors": 2,
        },
        felt=True,
        next_step="outage.rollback",
        settles="the migrations that were applied, against those that the release expects",
        severity_floor="P3",
    ),
    Hypothesis(
        id="credentials_invalid",
        title="a secret was rotated or expired",
        prior=-8,
        weighs={
            "credentials_rejected": 17,
            "token_signature_errors": 3,
            "users_failing": 2,
            "auth_failing": 2,
            "auth_normal": -3,
            "deployment_before_onset": -2,
            "brute_force_seen": -3,
            "edge_fails_alike": -10,
            "fails_before_worker": -3,
            "db_errors": 1,
        },
        next_step="error-rate.top-errors",
        settles="when each secret of the Worker was last changed",
        severity_floor="P3",
    ),
    Hypothesis(
        id="cloudflare_incident",
        title="Cloudflare has an incident",
        prior=-6,
        weighs={
            "cloudflare_incident_open": 13,
            "cloudflare_operational": -5,
            "edge_network_page": 9,
            "api_unreachable": 4,
            "users_failing": 3,
            "users_not_failing": -9,
            "code_exceptions_new": -8,
            "deployment_before_onset": -3,
            "db_refused": -3,
            "db_pool_saturated": -6,
            "third_party_errors": -5,
            "edge_fails_alike": 14,
            "fails_before_worker": 4,
            "edge_fails_by_route": -8,
            "traffic_surge": -9,
        },
        felt=True,
        next_step="outage.cf-dashboard",
        settles="requests from another network; Cloudflare's status page by component and region",
        severity_floor="P3",
    ),
    Hypothesis(
        id="traffic_flood",
        title="more traffic than the platform can carry",
        prior=-7,
        weighs={
            "traffic_surge": 12,
            "traffic_from_few": 5,
            "traffic_normal": -16,
            "rate_limited_users": 4,
            "users_failing": 2,
            "latency_high": 3,
            "brute_force_seen": -3,
            "scraping_seen": -7,
            "injection_seen": -5,
            "code_exceptions_new": -4,
            "edge_fails_alike": 2,
            "rate_bypass_seen": -3,
        },
        felt=True,
        next_step="outage.under-attack",
        settles="requests by network, country and agent at the edge",
    ),
    Hypothesis(
        id="auth_fault",
        title="signing in is broken",
        prior=-7,
        weighs={
            "auth_probe_failing": 6,
            "auth_failing": 12,
            "token_signature_errors": 10,
            "credentials_rejected": -8,
            "auth_normal": -12,
            "brute_force_seen": -8,
            "db_refused": -4,
            "code_exceptions_new": -2,
            "edge_fails_alike": -10,
            "fails_before_worker": -3,
            "db_locks": -7,
            "db_slow": -5,
            "db_pool_saturated": -6,
            "third_party_errors": -5,
            "schema_errors": -4,
            "db_errors": -3,
            "errors_unexplained": 1,
            "traffic_surge": -6,
            "rate_limited_users": -3,
        },
        next_step="error-rate.auth-verify",
        settles="a sign-in with a test account",
        severity_floor="P3",
    ),
    Hypothesis(
        id="third_party_outage",
        title="an external provider fails",
        prior=-6,
        weighs={
            "third_party_errors": 15,
            "deployment_before_onset": -2,
            "errors_of_new_release": -6,
            "code_exceptions_new": -4,
            "credentials_rejected": -4,
            "db_refused": -6,
            "db_slow": -3,
            "storage_errors": -3,
            "edge_fails_alike": -10,
            "fails_before_worker": -3,
            "errors_unexplained": 2,
        },
        next_step="error-rate.third-party",
        settles="the provider's status page, and one call from outside the platform",
    ),
    Hypothesis(
        id="cache_degraded",
        title="the cache (KV) is failing or slow",
        prior=-8,
        weighs={
            "cache_errors": 14,
            "cache_hit_drop": 10,
            "latency_high": 2,
            "db_slow": -1,
            "storage_errors": -4,
            "cloudflare_incident_open": -5,
            "edge_network_page": -4,
            "edge_fails_alike": -10,
            "fails_before_worker": -3,
        },
        next_step="performance.cache",
        settles="KV latency and hit rate of user traffic",
    ),
    Hypothesis(
        id="storage_degraded",
        title="object storage (R2) is failing or slow",
        prior=-8,
        weighs={
            "storage_errors": 17,
            "cache_errors": -4,
            "cloudflare_incident_open": -3,
            "edge_network_page": -4,
            "latency_high": 1,
            "edge_fails_alike": -10,
            "fails_before_worker": -3,
        },
        next_step="performance.kv-r2",
        settles="one upload and one download of a test object",
    ),
    Hypothesis(
        id="worker_limits",
        title="the Worker runs into its CPU or memory limits",
        prior=-8,
        weighs={
            "worker_limits": 19,
            "edge_limit_page": 15,
            "worker_outcomes_normal": -6,
            "users_failing": 1,
            "latency_high": 1,
            "traffic_surge": -4,
            "edge_fails_alike": -10,
        },
        felt=True,
        next_step="performance.worker",
        settles="CPU time per invocation at P99, before and after",
    ),
    Hypothesis(
        id="frontend_build",
        title="the built site is broken",
        prior=-8,
        weighs={
            "js_errors_new": 13,
            "users_refused": 2,
            "chunk_errors": 5,
            "assets_missing": 2,
            "errors_of_new_release": 6,
            "cors_errors": -8,
            "storage_errors": -5,
            "users_failing": -3,
            "code_exceptions_new": -3,
            "edge_fails_alike": -9,
        },
        next_step="frontend.hotfix",
        settles="the browser errors by release",
    ),
    Hypothesis(
        id="frontend_assets",
        title="assets of the site are missing or too heavy",
        prior=-9,
        weighs={
            "assets_missing": 14,
            "assets_heavy": 8,
            "chunk_errors": 11,
            "vitals_poor": 1,
            "js_errors_new": -1,
            "users_failing": -3,
            "edge_fails_alike": -9,
        },
        next_step="frontend.hotfix",
        settles="each asset of the page fetched from outside",
    ),
    Hypothesis(
        id="cors_misconfigured",
        title="cross-origin headers are wrong",
        prior=-9,
        weighs={"cors_errors": 20, "users_failing": -1, "js_errors_new": 2},
        next_step="frontend.errors",
        settles="the answer's Access-Control-Allow-Origin against the page's origin",
    ),
    Hypothesis(
        id="web_vitals_regression",
        title="pages got slower for people",
        prior=-12,
        weighs={
            "vitals_poor": 19,
            "vitals_normal": -14,
            "latency_high": -2,
            "users_failing": -4,
            "assets_heavy": -1,
            "db_slow": -4,
            "assets_missing": -3,
        },
        next_step="frontend.vitals",
        settles="Web Vitals by route and device, before and after the last release",
    ),
    Hypothesis(
        id="brute_force",
        title="somebody tries passwords",
        prior=-8,
        weighs={
            "brute_force_seen": 17,
            "success_after_failures": 4,
            "no_attack_seen": -14,
            "auth_failing": -2,
            "token_signature_errors": -6,
            "users_failing": -8,
            "db_refused": -6,
            "rate_bypass_seen": -2,
            "injection_seen": -3,
            "traffic_surge": -8,
        },
        next_step="security.block-ips",
        settles="failed sign-ins by address and account",
        severity_floor="P2",
    ),
    Hypothesis(
        id="injection_attack",
        title="somebody sends injection payloads",
        prior=-9,
        weighs={
            "injection_seen": 17,
            "scanner_seen": 5,
            "no_attack_seen": -14,
            "users_failing": -3,
        },
        next_step="security.block-ips",
        settles="whether any such request was answered with 2xx and an unusual size",
        severity_floor="P2",
    ),
    Hypothesis(
        id="scraping",
        title="somebody copies the catalogue",
        prior=-9,
        weighs={
            "scraping_seen": 17,
            "traffic_surge": -5,
            "rate_limited_users": -5,
            "no_attack_seen": -14,
            "rate_bypass_seen": -11,
            "injection_seen": -4,
            "users_failing": -4,
        },
        next_step="security.tighten",
        settles="distinct pages per client and minute",
    ),
    Hypothesis(
        id="rate_limit_bypass",
        title="somebody gets round the rate limit",
        prior=-10,
        weighs={
            "rate_bypass_seen": 19,
            "no_attack_seen": -9,
            "scraping_seen": 0,
            "injection_seen": -4,
            "brute_force_seen": -2,
            "users_failing": -4,
            "traffic_surge": -10,
        },
        next_step="security.tighten",
        settles="requests by session and agent instead of by address",
        severity_floor="P3",
    ),
    Hypothesis(
        id="monitoring_blind",
        title="the platform's own figures do not see what users see",
        prior=-6,
        weighs={
            "arrivals_stopped": 5,
            "platform_contradicted": 5,
            "log_flow_stopped": 10,
            "metric_flow_stopped": 10,
            "monitoring_failing": 5,
            "scheduled_missing": -9,
            "users_failing": -20,
            "log_flow_seen": -4,
            "code_exceptions_new": -3,
        },
        next_step="monitoring.end-to-end",
        settles="a marked entry sent and read back",
    ),
    Hypothesis(
        id="monitoring_stopped",
        title="the monitoring pipeline stopped",
        prior=-7,
        weighs={
            "arrivals_stopped": 8,
            "log_flow_stopped": 7,
            "metric_flow_stopped": 8,
            "scheduled_missing": 10,
            "scheduled_seen": -10,
            "monitoring_failing": 8,
            "users_failing": -25,
            "log_flow_seen": -7,
        },
        next_step="monitoring.redeploy",
        settles="whether the scheduled jobs of the last hour left their traces",
    ),
    Hypothesis(
        id="alert_channel_broken",
        title="alerts do not reach people",
        prior=-9,
        weighs={"alerts_failing": 19, "users_failing": -4},
        next_step="monitoring.test-alert",
        settles="a test alert, proven delivered at the receiver",
    ),
    Hypothesis(
        id="none",
        title="nothing is wrong",
        prior=0,
        weighs={
            **_CALM,
            "code_exceptions_new": -4,
            "edge_fails_alike": -8,
            "errors_unexplained": -7,
            "db_errors": -7,
            "fails_before_worker": -4,
            "db_refused": -9,
            "db_pool_saturated": -8,
            "db_slow": -9,
            "db_locks": -9,
            "schema_errors": -9,
            "credentials_rejected": -9,
            "token_signature_errors": -8,
            "auth_failing": -9,
            "third_party_errors": -8,
            "cloudflare_incident_open": -2,
            "traffic_surge": -5,
            "cache_errors": -7,
            "cache_hit_drop": -7,
            "storage_errors": -8,
            "worker_limits": -9,
            "worker_exceptions": -5,
            "edge_exception_page": -8,
            "edge_limit_page": -8,
            "edge_network_page": -8,
            "js_errors_new": -8,
            "chunk_errors": -8,
            "assets_missing": -9,
            "assets_heavy": -5,
            "cors_errors": -9,
            "vitals_poor": -9,
            "brute_force_seen": -10,
            "injection_seen": -10,
            "scanner_seen": -5,
            "scraping_seen": -10,
            "rate_bypass_seen": -10,
            "platform_contradicted": -5,
            "log_flow_stopped": -10,
            "metric_flow_stopped": -6,
            "scheduled_missing": -8,
            "monitoring_failing": -6,
            "arrivals_stopped": -6,
            "alerts_failing": -9,
            "rate_limited_users": -3,
        },
        next_step="outage.watch",
        settles="a longer look, or the sources that were not seen",
    ),
)

_BY_OTHERS = {
    "users_refused": -4.0,
    "db_refused": -6.0,
    "db_pool_saturated": -5.0,
    "db_slow": -5.0,
    "db_locks": -6.0,
    "schema_errors": -5.0,
    "credentials_rejected": -5.0,
    "third_party_errors": -5.0,
    "cache_errors": -5.0,
    "storage_errors": -5.0,
    "worker_limits": -5.0,
    "cors_errors": -6.0,
    "chunk_errors": -6.0,
    "js_errors_new": -4.0,
    "assets_missing": -6.0,
    "alerts_failing": -6.0,
    "log_flow_stopped": -5.0,
    "scheduled_missing": -5.0,
    "edge_exception_page": -4.0,
    "edge_network_page": -5.0,
}
"""
What an attack does not bring about, about half as strong as against "nothing is wrong". Somebody tries doors at any
time, so that an attack beside another trouble is common; another trouble beside an attack is not.
"""
_ATTACKS = ("brute_force", "injection_attack", "scraping", "rate_limit_bypass")

_ANSWERING = {
    "users_refused": -4.0,
    "api_unreachable": -10.0,
    "api_partly_failing": -6.0,
    "edge_limit_page": -10.0,
    "edge_exception_page": -6.0,
    "edge_network_page": -8.0,
}
"""What a broken page or a silent monitor leaves as it was: the API answers our own probes."""
_API_ANSWERS_STILL = (
    "frontend_build",
    "frontend_assets",
    "web_vitals_regression",
    "monitoring_blind",
    "monitoring_stopped",
    "alert_channel_broken",
)

_SHARED: tuple[tuple[tuple[str, ...], Mapping[str, float]], ...] = (
    (_LEAVES_MOST_ALONE, _ELSEWHERE),
    (_ATTACKS, _BY_OTHERS),
    (_API_ANSWERS_STILL, _ANSWERING),
)


def _whole(one: Hypothesis) -> Hypothesis:
    """Return *one* with what it shares with others of its sort; what is written for itself counts first."""
    weighs = dict(one.weighs)
    for ids, shared in _SHARED:
        if one.id in ids:
            weighs = {**shared, **weighs}
    return replace(one, weighs=weighs)


HYPOTHESES: tuple[Hypothesis, ...] = tuple(map(_whole, _WRITTEN))
"""Every hypothesis of the design, in its order."""

BY_ID: dict[str, Hypothesis] = {hypothesis.id: hypothesis for hypothesis in HYPOTHESES}
