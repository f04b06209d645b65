"""
The words that findings may say to the diagnosis, each with what it means.

A signal is about the platform as several sources show it, never about one line of text: rules give it a
strength between 0 and 1 by how much they saw. A word that is not in this catalogue is a bug and raises.
"""

from __future__ import annotations

SIGNALS: dict[str, str] = {
    # who is hurt
    "users_failing": "requests of users fail clearly more often than before",
    "users_not_failing": "requests were seen in the window and fail no more often than before",
    "users_refused": "users are turned away (4xx) on routes that served them before",
    "latency_high": "answers are clearly slower than before or than the limit",
    "slow_across_services": "the answers of several services got slow at once, and those of others did not",
    "latency_normal": "response times were seen in the window and are as before",
    "api_unreachable": "our own probes of the API got no answer",
    "api_partly_failing": "some of our own probes of the API failed",
    "api_answers": "all of our own probes of the API were answered as they should be",
    "edge_exception_page": "Cloudflare's page for an unhandled Worker exception (1101)",
    "edge_limit_page": "Cloudflare's page for exceeded Worker limits (1102, 1027)",
    "edge_network_page": "Cloudflare's 52x pages or an edge error outside our Worker",
    "edge_fails_alike": "pages and files, which our Worker does not answer, fail like the API",
    "edge_fails_by_route": "the API fails and pages and files do not",
    "fails_before_worker": "the Worker is called less than the requests at the edge let expect",
    # what changed
    "deployment_before_onset": "a deployment of the main Worker lies minutes before the onset",
    "no_deployment_before_onset": "deployments were seen, and none lies within the hour before the onset",
    "errors_of_new_release": "the failing requests belong to the release that was just deployed",
    "errors_of_all_releases": "old and new releases fail alike",
    "code_exceptions_new": "exceptions of the code itself (TypeError and its kin) are new since the onset",
    "errors_unexplained": "errors are new since the onset, in words that no kind knows",
    "db_errors": "the database's own entries are errors, in words that no kind knows",
    # database
    "db_refused": "connections to the database are refused or break",
    "db_pool_saturated": "the connection pool is used up, or waiting for a connection times out",
    "db_pool_free": "pool figures were seen in the window and leave room",
    "db_slow": "statements take clearly longer than before or time out",
    "db_locks": "statements wait for locks, or deadlocks are reported",
    "db_normal": "database figures were seen in the window and are as before",
    "schema_errors": "statements name columns or tables that are not there",
    # identity and secrets
    "credentials_rejected": "a password or key of ours is rejected by what it opens",
    "token_signature_errors": "tokens fail verification for everybody at once",
    "auth_failing": "valid users cannot sign in or stay signed in",
    "auth_normal": "sign-ins were seen in the window and succeed as before",
    # others
    "third_party_errors": "calls to one external provider fail or time out",
    "cloudflare_incident_open": "Cloudflare reports an incident on what we use",
    "cloudflare_operational": "Cloudflare reports what we use as operational",
    "traffic_surge": "clearly more requests than at this time before",
    "traffic_from_few": "the additional requests come from few clients or networks, or share one agent",
    "traffic_normal": "requests were counted in the window and are as many as before",
    "rate_limited_users": "users are turned away with 429",
    # cache and storage
    "cache_errors": "KV or cache operations fail or are slow",
    "cache_hit_drop": "the cache hit rate fell",
    "storage_errors": "R2 operations fail or are slow",
    # worker
    "worker_limits": "invocations end with exceeded CPU, memory or subrequest limits",
    "worker_exceptions": "invocations end with uncaught exceptions",
    "worker_outcomes_normal": "invocations were seen in the window and end as before",
    # frontend
    "js_errors_new": "browser errors are new or rising since the onset",
    "chunk_errors": "browsers cannot load parts of the built site",
    "assets_missing": "the page names assets that are not served",
    "assets_heavy": "assets are large, uncompressed or uncached",
    "cors_errors": "browsers refuse answers for their CORS headers",
    "vitals_poor": "Web Vitals got worse or are past the poor line",
    "vitals_normal": "Web Vitals were seen in the window and are as before",
    # security
    "brute_force_seen": "addresses try many passwords",
    "success_after_failures": "a sign-in succeeded after many failures from the same address",
    "injection_seen": "requests carry injection, script or traversal payloads",
    "scanner_seen": "a scanner is at work",
    "scraping_seen": "clients fetch the catalogue far faster than people do",
    "rate_bypass_seen": "one client hides behind many addresses or headers",
    "no_attack_seen": "requests and sign-ins were seen in the window and nobody stands out",
    # monitoring itself
    "platform_contradicted": "the platform reports itself healthy while independent sources show failures",
    "log_flow_stopped": "entries no longer reach the logs service while requests go on",
    "log_flow_seen": "fresh entries of most services were seen",
    "metric_flow_stopped": "metrics no longer arrive while requests go on",
    "scheduled_missing": "scheduled jobs did not leave their traces",
    "scheduled_seen": "scheduled jobs were due in the window and left their traces in time",
    "monitoring_failing": "the monitoring services themselves answer with errors",
    "alerts_failing": "the alert channel does not deliver",
    # our own history
    "probes_failing": "our own probes of the API failed look after look, or together with another vantage point",
    "auth_probe_failing": "our own probe of signing in failed look after look",
    "probes_slow": "our own probes take far longer than is usual at this hour",
    "probes_steady": "our own probes were answered as they should be in every look of the window",
    "arrivals_stopped": "the newest entries or metrics are older than they usually get, while requests go on",
}


def check(name: str) -> str:
    """
    Return *name* if it is in the catalogue.

    Raises
    ------
    KeyError
        It is not: a rule uses a word that the diagnosis does not know.
    """
    if name not in SIGNALS:
        raise KeyError(f"{name!r} is not a signal; see diagnosis.signals.SIGNALS")
    return name
