"""Cloudflare's calls (contract third-party A3, A7, A9)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .facts import Facts
from .models import Change, Find, Request, exact

VERSION = "result.deployments.0.versions.0.version_id"
MESSAGE = "result.deployments.0.annotations.workers/message"


def account(facts: Facts, method: str, path: str, body: Any = None, **more: Any) -> Request:
    """Return a call below our account."""
    where = f"accounts/{facts.settings.cloudflare_account or ''}/{path}"
    return Request(service="cloudflare_api", method=method, path=where, body=body, **more)


def zone(facts: Facts, method: str, path: str, body: Any = None, **more: Any) -> Request:
    """Return a call below our zone."""
    where = f"zones/{facts.settings.cloudflare_zone or ''}/{path}"
    return Request(service="cloudflare_api", method=method, path=where, body=body, **more)


def missing(facts: Facts, *, of_zone: bool) -> str:
    """Return which setting is missing, or an empty text."""
    if of_zone:
        return "" if facts.settings.cloudflare_zone else "cloudflare_zone is not set"
    return "" if facts.settings.cloudflare_account else "cloudflare_account is not set"


def deployments(facts: Facts, script: str) -> Request:
    """Return the reading of a script's deployments, newest first."""
    return account(facts, "GET", f"workers/scripts/{quote(script, safe='')}/deployments")


def versions(facts: Facts, script: str) -> Request:
    """Return the reading of a script's versions that can be deployed; the API ignores paging there."""
    path = f"workers/scripts/{quote(script, safe='')}/versions"
    return account(facts, "GET", path, query=(("deployable", "true"),))


def runs(facts: Facts, script: str, version: str) -> Find:
    """Return that *version* is what the newest deployment runs."""
    return Find(look=deployments(facts, script), where=((VERSION, exact(version)),))


def deployed(facts: Facts, script: str, version: str, message: str) -> Request:
    """Return the deployment of *version* at 100 %; never with ``force``."""
    body = {
        "strategy": "percentage",
        "versions": [{"version_id": version, "percentage": 100}],
        "annotations": {"workers/message": message[:100]},
    }
    return account(facts, "POST", f"workers/scripts/{quote(script, safe='')}/deployments", body)


def level_is(facts: Facts, level: str) -> Find:
    """Return that the zone's security level is *level*."""
    return Find(look=zone(facts, "GET", "settings/security_level"), where=(("result.value", level),))


def set_level(facts: Facts, level: str) -> Request:
    """Return the setting of the zone's security level."""
    return zone(facts, "PATCH", "settings/security_level", {"value": level})


def rule_at(facts: Facts, value: str, mode: str) -> Find:
    """Return that an access rule for *value* is there; keeps its id."""
    query = (("configuration.value", value), ("mode", mode), ("per_page", "50"))
    return Find(
        look=zone(facts, "GET", "firewall/access_rules/rules", query=query),
        items="result",
        where=(("configuration.value", value), ("mode", mode)),
        keeps=((f"rule_{value}", "id"),),
    )


def rule_removed(facts: Facts, value: str, mode: str, mark: str) -> Change:
    """Return the removal of our access rule for *value*, found again by its value and the plan's mark."""
    there = rule_at(facts, value, mode)
    where = (*there.where, *((("notes", f"~{mark}"),) if mark else ()))
    return Change(
        id=f"unblock {value}",
        words=f"remove the rule for {value}",
        request=zone(facts, "DELETE", f"firewall/access_rules/rules/${{rule_{value}}}"),
        find=Find(look=there.look, items="result", where=where, absent=True, keeps=there.keeps),
    )
