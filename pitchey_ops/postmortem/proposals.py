"""
What one would do so that a cause of this kind does not return, is seen sooner, or is over sooner.

Starting points for people, by cause; what they rest on is named beside each in the story. Nothing here speaks of
persons: an item changes a system or a procedure.
"""

from __future__ import annotations

from collections.abc import Mapping

PROPOSALS: Mapping[str, tuple[str, str, str]] = {
    "bad_deployment": (
        "Let a release reach a small share of requests first, and stop by itself when errors rise",
        "Alert when the error share of a new release exceeds that of the one before within five minutes",
        "Rehearse the rollback from the runbook, so that it takes minutes",
    ),
    "database_down": (
        "Check failover and connection retries of the database in a rehearsal",
        "Ask the database itself every minute from outside the platform",
        "Serve cached public pages while the database does not answer",
    ),
    "database_pool_exhausted": (
        "Bound connections per Worker and give idle ones back sooner",
        "Alert at 80 % of the pool in use, before requests wait",
        "Prepare the statement that ends idle transactions, with its conditions",
    ),
    "database_slow": (
        "Review the slowest statements and their indexes in each release",
        "Alert on the 95th percentile of statement times, not on their mean",
        "Give statements a server-side time limit",
    ),
    "database_locked": (
        "Give migrations and long transactions a lock time-out",
        "Alert on statements that wait for a lock for longer than 30 s",
        "Prepare how a blocking session is found and ended",
    ),
    "schema_drift": (
        "Apply migrations before the release that needs them, and check the schema when a Worker starts",
        "Compare the schema with the one that the release expects after each deployment",
        "Keep every migration reversible for one release",
    ),
    "credentials_invalid": (
        "Rotate secrets with an overlap in which both are valid",
        "Alert on the first refused login of the platform at its own services",
        "Write down where each secret is set and how it is set back",
    ),
    "cloudflare_incident": (
        "Decide what has to go on working when the provider does not, and build that",
        "Subscribe to the provider's status feed in the incident channel",
        "Prepare the message to users for when the provider has trouble",
    ),
    "traffic_flood": (
        "Limit requests per client at the edge on the routes that were hit",
        "Alert on request rates against the same hour of last week",
        "Prepare the switch to Under Attack mode and its way back",
    ),
    "auth_fault": (
        "Test logins, tokens and sessions end to end before each release",
        "Log in with a test account every minute",
        "Keep old signing keys accepted until all their tokens have ended",
    ),
    "third_party_outage": (
        "Put a time limit and a circuit breaker before each call to the provider",
        "Probe each provider on its own, apart from our requests",
        "Offer a reduced service while the provider does not answer",
    ),
    "cache_degraded": (
        "Bound what a cold cache may ask of the database",
        "Alert when the hit rate falls against the hour before",
        "Prepare the warming of the busiest public routes",
    ),
    "storage_degraded": (
        "Retry writes to the object store with backoff, and queue what fails",
        "Write and read a test object every minute",
        "Show media placeholders while the object store does not answer",
    ),
    "worker_limits": (
        "Measure CPU time and memory of each route before a release",
        "Alert on invocations that exceed their resources",
        "Prepare how the costly route is turned off alone",
    ),
    "frontend_build": (
        "Load the built page in a browser before it is published",
        "Load the page in a browser from outside every few minutes",
        "Keep the last good build ready to be published again",
    ),
    "frontend_assets": (
        "Keep the assets of the last releases while pages refer to them",
        "Alert on assets that answer 404 or with the wrong type",
        "Prepare the purge of the page that refers to missing assets",
    ),
    "cors_misconfigured": (
        "Test the CORS headers of each route against the list of origins before a release",
        "Probe a preflight request from outside",
        "Keep the last good header configuration ready",
    ),
    "web_vitals_regression": (
        "Give the bundle and the largest picture a size limit in the build",
        "Alert on the 75th percentile of the vitals by device",
        "Keep the last good build ready to be published again",
    ),
    "brute_force": (
        "Limit login tries per account as well as per address",
        "Alert on failed logins by account and on a success after many failures",
        "Prepare blocks that carry a reason and an end",
    ),
    "injection_attack": (
        "Use bound parameters everywhere that the attacked routes reach",
        "Alert on attack patterns that were answered with 200",
        "Prepare a firewall rule for the attacked routes",
    ),
    "scraping": (
        "Give list routes a limit per client and a price in requests",
        "Alert on clients that read many different items in a row",
        "Prepare the challenge for such clients",
    ),
    "rate_limit_bypass": (
        "Limit by account and by network, not by single address",
        "Alert when many addresses share one behaviour",
        "Prepare blocks by network and by fingerprint",
    ),
    "monitoring_blind": (
        "Let a check fail when it cannot see, never pass",
        "Watch the age of the newest entry of each source",
        "Write down which vantage point to use when another is blind",
    ),
    "monitoring_stopped": (
        "Run the monitoring's schedule apart from what it watches",
        "Alert when the monitoring itself was silent for ten minutes",
        "Prepare the restart of the monitoring's schedule",
    ),
    "alert_channel_broken": (
        "Send a test alert through every channel each day and see it arrive",
        "Alert by a second channel when the first does not confirm",
        "Write down how people are reached without the channel",
    ),
}
"""Cause -> (preventive, detecting, mitigating)."""
