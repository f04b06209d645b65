"""Cloudflare's API: deployments, versions, live tails, zone security, and the route to the analytics."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..clock import iso
from ..services._base import Service, json_answer
from ..state import ACCOUNT, ZONE, State
from ..world import Deployment
from .cloudflare_graphql import Analytics
from .tail import Tails

_ROOT = "/client/v4"
_LIMITS = {"ratelimit": '"default";r=1180;t=300', "ratelimit-policy": '"default";q=1200;w=300'}


class CloudflareApi(Service):
    """The edge provider's API."""

    name = "cloudflare_api"

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.tails = Tails(state)

    async def answer(self, request: Request, path: str) -> Response:
        """Answer the reading calls of the contract; every failure is an envelope with ``success: false``."""
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
                return self._account(request, rest)
            case ["zones", zone, *rest]:
                return failure(403, 10000, "Authentication error") if zone != ZONE else self._zone(request, rest)
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
        return json_answer(Analytics(self.state.world, self.state.now_ms).answer(query, variables))

    def _deployments(self, script: str) -> list[Deployment]:
        """Return what was deployed until now, newest first."""
        now = self.state.now_ms
        known = [d for d in self.state.world.deployments if d.script == script and d.at_ms <= now]
        return sorted(known, key=lambda d: (d.at_ms, d.number), reverse=True)

    def _account(self, request: Request, parts: list[str]) -> Response:
        match parts:
            case ["workers", "scripts"]:
                names = sorted({d.script for d in self.state.world.deployments if d.at_ms <= self.state.now_ms})
                return success([{"id": name} for name in names])
            case ["workers", "scripts", script, *rest]:
                found = self._deployments(script)
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
                versions = {d.version_id: d for d in reversed(found)}
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

    def _zone(self, request: Request, parts: list[str]) -> Response:
        match parts:
            case []:
                return success({"id": ZONE, "name": "pitchey.example", "status": "active"})
            case ["settings", "security_level"]:
                before = iso(self.state.world.now_ms - 30 * 86_400_000)
                return success({"id": "security_level", "value": "medium", "editable": True, "modified_on": before})
            case ["firewall", "access_rules", "rules"]:
                return success([], {"page": 1, "per_page": 20, "count": 0, "total_count": 0, "total_pages": 0})
            case ["rulesets"]:
                return success([])
            case ["rulesets", "phases", _, "entrypoint"]:
                return failure(404, 10003, "could not find entrypoint ruleset in the phase")
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
