"""Cloudflare's API: deployments, versions, live tails, zone security, and the route to the analytics."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..clock import iso
from ..mending import deployments
from ..services._base import Service, json_answer, written_answer
from ..state import ACCOUNT, ZONE, State
from ..world import Deployment
from .cloudflare_graphql import Analytics
from .cloudflare_writes import Refused, Writes, refused
from .tail import Tails

_ROOT = "/client/v4"
_LIMITS = {"ratelimit": '"default";r=1180;t=300', "ratelimit-policy": '"default";q=1200;w=300'}


class CloudflareApi(Service):
    """The edge provider's API."""

    name = "cloudflare_api"

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.tails = Tails(state)
        self._writes = Writes(state)

    async def answer(self, request: Request, path: str) -> Response:
        """Answer the calls of the contract; every failure is an envelope with ``success: false``."""
        try:
            return await self._answered(request, path)
        except Refused as exc:
            return refused(exc)

    async def _answered(self, request: Request, path: str) -> Response:
        token = request.headers.get("authorization", "")
        if self.state.options.require_tokens and not token.startswith("Bearer "):
            return failure(400, 9106, "Missing Authorization header")
        if not path.startswith(_ROOT + "/"):
            return failure(404, 7003, "Could not route")
        parts = path.removeprefix(_ROOT).strip("/").split("/")
        if parts == ["graphql"]:
            return await self._graphql(request)
        match parts:
            case ["user", "tokens", "verify"]:
                return success({"id": "sandbox-token", "status": "active"})
            case ["accounts", account, *rest]:
                if account != ACCOUNT:
                    return failure(403, 10000, "Authentication error")
                return await self._account(request, rest)
            case ["zones", zone, *rest]:
                return failure(403, 10000, "Authentication error") if zone != ZONE else await self._zone(request, rest)
        return failure(404, 7003, "Could not route")

    async def _graphql(self, request: Request) -> Response:
        try:
            sent = json.loads(await request.body())
            query, variables = sent["query"], sent.get("variables") or {}
            if not isinstance(query, str) or not isinstance(variables, dict):
                raise TypeError("query must be text and variables an object")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return json_answer({"data": None, "errors": [{"message": "malformed request body"}]}, 400)
        # errors of a query come with HTTP 200
        return written_answer(Analytics(self.state.world, self.state.now_ms).answer(query, variables))

    async def _account(self, request: Request, parts: list[str]) -> Response:
        match parts:
            case ["workers", "scripts"]:
                names = sorted({d.script for d in self.state.world.deployments if d.at_ms <= self.state.now_ms})
                return success([{"id": name} for name in names])
            case ["workers", "scripts", script, "deployments"] if request.method == "POST":
                if not deployments(self.state, script):
                    return failure(404, 10007, "This Worker does not exist")
                force = request.query_params.get("force") == "true"
                return success(_deployment(self._writes.deploy(script, await self._writes.sent(request), force=force)))
            case ["storage", "kv", "namespaces", namespace, *rest]:
                found_ = await self._writes.kv(request, namespace, rest)
                return found_ if isinstance(found_, Response) else success(found_)
            case ["workers", "scripts", script, *rest]:
                found = deployments(self.state, script)
                if found and rest[:1] == ["tails"]:
                    return self._tails(request, script, rest[1:])
                return self._script(found, rest) if found else failure(404, 10007, "This Worker does not exist")
            case ["rules", "lists"]:
                return success([])
        return failure(404, 7003, "Could not route")

    def _script(self, found: list[Deployment], parts: list[str]) -> Response:
        match parts:
            case ["deployments"]:
                return success({"deployments": [_deployment(d) for d in found]})
            case ["versions"]:  # paging is ignored
                versions = {d.version_id: d for d in found}  # made with its first deployment, the last of these
                newest = sorted(versions.values(), key=lambda d: -d.number)[:100]
                return success({"items": [_version(d) for d in newest]})
            case ["versions", wanted]:
                for deployment in reversed(found):
                    if deployment.version_id == wanted:
                        return success(_version(deployment, full=True))
                return failure(404, 10081, "Version not found")
        return failure(404, 7003, "Could not route")

    def _tails(self, request: Request, script: str, parts: list[str]) -> Response:
        match request.method, parts:
            case "POST", []:
                return success(self.tails.make(script, request.url.netloc))
            case "GET", []:
                return success(self.tails.of(script))
            case "DELETE", [name]:
                return success(None) if self.tails.delete(name) else failure(404, 10057, "Tail not found")
        return failure(405, 7001, "Method not allowed for this route")

    async def _zone(self, request: Request, parts: list[str]) -> Response:
        writes = self._writes
        match request.method, parts:
            case _, []:
                return success({"id": ZONE, "name": "pitchey.example", "status": "active"})
            case "PATCH", ["settings", "security_level"]:
                return success(writes.set_level(await writes.sent(request)))
            case _, ["settings", "security_level"]:
                return success(writes.level())
            case "POST", ["firewall", "access_rules", "rules"]:
                return success(writes.add_rule(await writes.sent(request)))
            case _, ["firewall", "access_rules", "rules"]:
                return success(*writes.rules(request.query_params))
            case "DELETE", ["firewall", "access_rules", "rules", name]:
                return success(writes.remove_rule(name))
            case "POST", ["rulesets"]:
                return success(writes.add_ruleset(await writes.sent(request)))
            case _, ["rulesets"]:
                rulesets = self.state.rulesets.values()
                return success([{k: v for k, v in one.items() if k != "rules"} for one in rulesets])
            case "POST", ["rulesets", name, "rules"]:
                return success(writes.add_to_ruleset(name, await writes.sent(request)))
            case "DELETE", ["rulesets", name]:
                writes.remove_ruleset(name)
                return Response(status_code=204)
            case "DELETE", ["rulesets", name, "rules", rule]:
                return success(writes.remove_from_ruleset(name, rule))
            case _, ["rulesets", "phases", phase, "entrypoint"]:
                return success(writes.entrypoint(phase))
            case "POST", ["purge_cache"]:
                return success(writes.purge(await writes.sent(request)))
        return failure(404, 7003, "Could not route")


def _deployment(found: Deployment) -> dict[str, Any]:
    return {
        "id": f"dep-{found.version_id}-{found.at_ms}",
        "source": found.source,
        "strategy": "percentage",
        "author_email": found.author,
        "created_on": iso(found.at_ms),
        "annotations": {"workers/message": found.message, "workers/triggered_by": "deployment"},
        "versions": [{"version_id": found.version_id, "percentage": 100}],
    }


def _version(found: Deployment, *, full: bool = False) -> dict[str, Any]:
    version: dict[str, Any] = {
        "id": found.version_id,
        "number": found.number,
        "metadata": {
            "created_on": iso(found.at_ms),
            "modified_on": iso(found.at_ms),
            "source": found.source,
            "author_id": "sandbox-author",
            "author_email": found.author,
            "hasPreview": False,
        },
        "annotations": {"workers/triggered_by": "upload", "workers/message": found.message},
    }
    if full:
        version["resources"] = {
            "bindings": [],
            "script": {"etag": found.version_id, "handlers": ["fetch"], "last_deployed_from": found.source},
            "script_runtime": {"compatibility_date": "2026-01-01", "usage_model": "standard", "limits": {}},
        }
        version["startup_time_ms"] = 12
    return version


def success(result: Any, info: dict[str, int] | None = None) -> Response:
    """Return the envelope of a success."""
    envelope: dict[str, Any] = {"success": True, "errors": [], "messages": [], "result": result}
    if info is not None:
        envelope["result_info"] = info
    return json_answer(envelope, headers=_LIMITS)


def failure(status: int, code: int, message: str) -> Response:
    """Return the envelope of a failure."""
    errors = [{"code": code, "message": message}]
    return json_answer({"success": False, "errors": errors, "messages": [], "result": None}, status, _LIMITS)
