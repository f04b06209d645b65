"""Cloudflare's changing calls: deployments, security level, access rules, rulesets, cache, KV (contract A3, A7, A9)."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..clock import iso
from ..mending import deployments
from ..services._base import json_answer
from ..state import KV_NAMESPACE, State
from ..world import Deployment

LEVELS = ("off", "essentially_off", "low", "medium", "high", "under_attack")
MODES = ("block", "challenge", "js_challenge", "managed_challenge", "whitelist")
PHASES = ("http_ratelimit", "http_request_firewall_custom")
KV_AT_START = {
    "logs:stats:1763886900000": '{"totalLogs":4211,"errorCount":37}',
    "logs:stats:1763887200000": '{"totalLogs":4280,"errorCount":41}',
    "health:last": '{"status":"healthy","checks":[]}',
    "session:4f9c2a1b": '{"user":7}',
}


class Refused(Exception):
    """A failure: HTTP status, Cloudflare's code and message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(message)


class Writes:
    """The changing half of the edge provider's API; every method returns the envelope's ``result``."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.kv.update({key: state.kv.get(key, value) for key, value in KV_AT_START.items()})

    async def sent(self, request: Request) -> Mapping[str, Any]:
        """Return the request's JSON object."""
        try:
            value = json.loads(await request.body())
        except (ValueError, RecursionError):
            raise Refused(400, 6003, "Invalid request body") from None
        if not isinstance(value, dict):
            raise Refused(400, 6003, "Invalid request body")
        return value

    def deploy(self, script: str, sent: Mapping[str, Any], *, force: bool) -> Deployment:
        """Make a deployment of a version that is there, at 100 %."""
        versions = sent.get("versions")
        if sent.get("strategy") != "percentage" or not isinstance(versions, list) or not versions:
            raise Refused(400, 10021, "strategy percentage and versions are due")
        if sum(one.get("percentage", 0) for one in versions if isinstance(one, dict)) != 100:
            raise Refused(400, 10021, "Percentages must sum to 100")
        wanted = str(versions[0].get("version_id"))
        found = next((d for d in deployments(self._state, script) if d.version_id == wanted), None)
        if found is None:
            raise Refused(404, 10222, f"Version {wanted} was not found")
        if self._state.secrets_changed and not force:
            names = ", ".join(self._state.secrets_changed)
            raise Refused(400, 10220, f"The following secrets have changed: {names}")
        notes = sent.get("annotations")
        message = str(notes.get("workers/message", "")) if isinstance(notes, dict) else ""
        one = Deployment(
            at_ms=self._state.now_ms,
            script=script,
            version_id=wanted,
            number=found.number,
            author="ops@pitchey.example",
            message=message,
            source="api",
        )
        self._state.deployed.append(one)
        return one

    def set_level(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Set the zone's security level."""
        if sent.get("value") not in LEVELS:
            raise Refused(400, 1007, "Invalid value for zone setting security_level")
        self._state.security_level = str(sent["value"])
        self._state.security_level_ms = self._state.now_ms
        return self.level()

    def level(self) -> dict[str, Any]:
        """Return the zone's security level."""
        at = self._state.security_level_ms or self._state.world.now_ms - 30 * 86_400_000
        return {"id": "security_level", "value": self._state.security_level, "editable": True, "modified_on": iso(at)}

    def add_rule(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Add an IP access rule; a second one for the same address is refused with 10009."""
        configuration = sent.get("configuration")
        if sent.get("mode") not in MODES or not isinstance(configuration, dict):
            raise Refused(400, 10001, "firewallaccessrules.api.invalid_mode_or_configuration")
        target, value = configuration.get("target"), str(configuration.get("value"))
        if not _fits(target, value):
            raise Refused(400, 10002, f"firewallaccessrules.api.invalid_{target}")
        same = {"target": target, "value": value}
        if any(rule["configuration"] == same for rule in self._state.access_rules.values()):
            raise Refused(400, 10009, "firewallaccessrules.api.duplicate_of_existing")
        rule = {
            "id": self._state.new_id("rule", value),
            "mode": sent["mode"],
            "configuration": same,
            "notes": str(sent.get("notes", "")),
            "allowed_modes": list(MODES),
            "created_on": iso(self._state.now_ms),
            "modified_on": iso(self._state.now_ms),
            "scope": {"type": "zone"},
        }
        self._state.access_rules[str(rule["id"])] = rule
        return rule

    def rules(self, query: Mapping[str, str]) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """Return the page of access rules that *query* asks for."""
        rows = [
            rule
            for rule in self._state.access_rules.values()
            if query.get("mode", rule["mode"]) == rule["mode"]
            and query.get("configuration.value", rule["configuration"]["value"]) == rule["configuration"]["value"]
            and query.get("configuration.target", rule["configuration"]["target"]) == rule["configuration"]["target"]
            and query.get("notes", "") in rule["notes"]
        ]
        try:
            page, size = max(1, int(query.get("page", "1"))), min(1000, max(5, int(query.get("per_page", "20"))))
        except ValueError:
            page, size = 1, 20
        shown = rows[(page - 1) * size : page * size]
        pages = -(-len(rows) // size)
        info = {"page": page, "per_page": size, "count": len(shown), "total_count": len(rows), "total_pages": pages}
        return shown, info

    def remove_rule(self, name: str) -> dict[str, Any]:
        """Remove an access rule."""
        if self._state.access_rules.pop(name, None) is None:
            raise Refused(404, 10001, "firewallaccessrules.api.not_found")
        return {"id": name}

    def entrypoint(self, phase: str) -> dict[str, Any]:
        """Return the ruleset of a phase."""
        if phase not in self._state.rulesets:
            raise Refused(404, 10003, "could not find entrypoint ruleset in the phase")
        return self._state.rulesets[phase]

    def add_ruleset(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Make the ruleset of a phase, of which there is one."""
        phase, rules = sent.get("phase"), sent.get("rules", [])
        if phase not in PHASES or sent.get("kind") != "zone" or not isinstance(rules, list):
            raise Refused(400, 20017, "unknown phase, kind or rules")
        if phase in self._state.rulesets:
            raise Refused(400, 20217, "a ruleset of this phase exists already")
        ruleset: dict[str, Any] = {
            "id": self._state.new_id("ruleset"),
            "name": str(sent.get("name", "")),
            "description": str(sent.get("description", "")),
            "kind": "zone",
            "phase": phase,
            "version": "1",
            "rules": [],
        }
        made = [self._rule(str(phase), rule) for rule in rules]
        ruleset["rules"] = made
        self._state.rulesets[str(phase)] = ruleset
        return ruleset

    def remove_ruleset(self, name: str) -> None:
        """Delete a ruleset with its rules; the phase has none then."""
        del self._state.rulesets[self._ruleset(name)["phase"]]

    def add_to_ruleset(self, name: str, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Add a rule; the answer is the whole ruleset."""
        ruleset = self._ruleset(name)
        ruleset["rules"].append(self._rule(ruleset["phase"], sent))
        return ruleset

    def remove_from_ruleset(self, name: str, rule: str) -> dict[str, Any]:
        """Remove a rule; the answer is the whole ruleset."""
        ruleset = self._ruleset(name)
        left = [one for one in ruleset["rules"] if one["id"] != rule]
        if len(left) == len(ruleset["rules"]):
            raise Refused(404, 20019, "could not find rule")
        ruleset["rules"] = left
        return ruleset

    def _ruleset(self, name: str) -> dict[str, Any]:
        for ruleset in self._state.rulesets.values():
            if ruleset["id"] == name:
                return ruleset
        raise Refused(404, 10003, "could not find ruleset")

    def _rule(self, phase: str, sent: Any) -> dict[str, Any]:
        if not isinstance(sent, dict) or not sent.get("expression") or not sent.get("action"):
            raise Refused(400, 20021, "expression and action are due")
        if phase == "http_ratelimit":
            limit = sent.get("ratelimit")
            if not isinstance(limit, dict) or "cf.colo.id" not in limit.get("characteristics", []):
                raise Refused(400, 20155, "characteristics must contain cf.colo.id")
        return {"id": self._state.new_id("rule", phase), "version": "1", "enabled": True, **sent}

    def purge(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Forget what is named."""
        kinds = [key for key in ("files", "tags", "hosts", "prefixes", "purge_everything") if key in sent]
        if len(kinds) != 1:
            raise Refused(400, 1012, "exactly one of files, tags, hosts, prefixes, purge_everything is due")
        named = sent[kinds[0]]
        if kinds[0] != "purge_everything" and (not isinstance(named, list) or not 0 < len(named) <= 100):
            raise Refused(400, 1094, "1 to 100 are due")
        self._state.purges.append([str(one) for one in named] if isinstance(named, list) else ["*"])
        return {"id": self._state.new_id("purge")}

    async def kv(self, request: Request, namespace: str, parts: list[str]) -> Response | Any:
        """Answer one KV call; a value comes and goes raw, not in the envelope."""
        if namespace != KV_NAMESPACE:
            raise Refused(404, 10013, "namespace not found")
        known = self._state.kv
        match parts:
            case ["keys"]:
                prefix = request.query_params.get("prefix", "")
                return [{"name": key} for key in sorted(known) if key.startswith(prefix)]
            case ["values", *rest] if rest:
                key = "/".join(rest)
                if request.method == "PUT":
                    known[key] = (await request.body()).decode("utf-8", "surrogateescape")
                    return None
                if request.method == "DELETE":
                    known.pop(key, None)
                    return None
                if key not in known:
                    raise Refused(404, 10009, "get: 'key not found'")
                return Response(known[key].encode("utf-8", "surrogateescape"), media_type="application/octet-stream")
        raise Refused(404, 7003, "Could not route")


def _fits(target: Any, value: str) -> bool:
    """Whether Cloudflare takes this target: single addresses, /16 and /24 (IPv4), /32, /48 and /64 (IPv6)."""
    if target in ("asn", "country"):
        return True
    try:
        network = ipaddress.ip_network(value)
    except ValueError:
        return False
    if target == "ip_range":
        return network.prefixlen in ((16, 24) if network.version == 4 else (32, 48, 64))
    whole = network.prefixlen == network.max_prefixlen and "/" not in value
    return whole and target == ("ip" if network.version == 4 else "ip6")


def refused(exc: Refused) -> Response:
    """Return the envelope of a failure."""
    errors = [{"code": exc.code, "message": exc.message}]
    return json_answer({"success": False, "errors": errors, "messages": [], "result": None}, exc.status)
