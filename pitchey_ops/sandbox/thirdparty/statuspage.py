"""Statuspage's API for our own public page: components and incidents."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..clock import iso
from ..services._base import Service, json_answer
from ..state import STATUSPAGE_PAGE

COMPONENTS = {"cmp-api": "API", "cmp-web": "Website", "cmp-auth": "Sign-in", "cmp-media": "Media"}
STATUSES = ("investigating", "identified", "monitoring", "resolved")
COMPONENT_STATUSES = ("operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage")


class Statuspage(Service):
    """Our public status page."""

    name = "statuspage"

    async def answer(self, request: Request, path: str) -> Response:
        """Answer ``/v1/pages/{page}/components`` and ``…/incidents[/unresolved|/{id}]``."""
        if self.state.options.require_tokens and "authorization" not in request.headers:
            return json_answer({"error": "Could not authenticate"}, 401)
        path = path.removeprefix("/v1")
        root = f"/pages/{STATUSPAGE_PAGE}"
        if not path.startswith(root):
            return json_answer({"error": "Not found"}, 404)
        parts = path.removeprefix(root).strip("/").split("/")
        if request.method in ("POST", "PATCH"):
            return await self._changed(request, parts)
        if request.method != "GET":
            return json_answer({"error": "not served by this sandbox"}, 405)
        incidents = self.state.statuspage_incidents
        match parts:
            case ["components"]:
                return json_answer([self._component(key) for key in COMPONENTS])
            case ["incidents"]:
                return json_answer(incidents[::-1])
            case ["incidents", "unresolved"]:
                return json_answer([one for one in incidents[::-1] if one["status"] != "resolved"])
            case ["incidents", name]:
                for one in incidents:
                    if one["id"] == name:
                        return json_answer(one)
        return json_answer({"error": "Not found"}, 404)

    def _component(self, key: str) -> dict[str, Any]:
        created = iso(self.state.world.now_ms - 90 * 86_400_000)
        return {
            "id": key,
            "page_id": STATUSPAGE_PAGE,
            "name": COMPONENTS[key],
            "status": self.state.statuspage_components.get(key, "operational"),
            "created_at": created,
            "updated_at": created,
        }

    async def _changed(self, request: Request, parts: list[str]) -> Response:
        try:
            sent = json.loads(await request.body())
            wanted = sent["component"] if parts[0] == "components" else sent["incident"]
            if not isinstance(wanted, dict):
                raise TypeError("an object is due")
        except (ValueError, KeyError, TypeError):
            return json_answer({"error": ["incident is missing"]}, 422)
        faults = _faults(wanted)
        match request.method, parts:
            case "POST", ["incidents"]:
                if not wanted.get("name"):
                    faults.append("Name can't be blank")
                return json_answer({"error": faults}, 422) if faults else self._create(wanted)
            case "PATCH", ["incidents", name]:
                found = next((one for one in self.state.statuspage_incidents if one["id"] == name), None)
                if found is None:
                    return json_answer({"error": "Not found"}, 404)
                return json_answer({"error": faults}, 422) if faults else self._update(found, wanted)
            case "PATCH", ["components", name] if name in COMPONENTS:
                if wanted.get("status") not in COMPONENT_STATUSES:
                    return json_answer({"error": ["Status is invalid"]}, 422)
                self.state.statuspage_components[name] = wanted["status"]
                return json_answer(self._component(name))
        return json_answer({"error": "Not found"}, 404)

    def _create(self, sent: dict[str, Any]) -> Response:
        name = self.state.new_id("statuspage")[:12]
        one: dict[str, Any] = {
            "id": name,
            "name": str(sent["name"]),
            "status": str(sent.get("status", "investigating")),
            "impact": str(sent.get("impact_override") or "minor"),
            "shortlink": f"https://stspg.example/{name}",
            "created_at": iso(self.state.now_ms),
            "incident_updates": [],
        }
        self.state.statuspage_incidents.append(one)
        self._update(one, sent)
        return json_answer(one, 201)

    def _update(self, one: dict[str, Any], sent: dict[str, Any]) -> Response:
        one["status"] = str(sent.get("status", one["status"]))
        one["updated_at"] = iso(self.state.now_ms)
        for key, status in (sent.get("components") or {}).items():
            self.state.statuspage_components[key] = status
        one["incident_updates"].insert(
            0,
            {
                "id": self.state.new_id("update")[:12],
                "status": one["status"],
                "body": str(sent.get("body", "")),
                "created_at": iso(self.state.now_ms),
                "deliver_notifications": sent.get("deliver_notifications", True),  # on unless it is switched off
            },
        )
        return json_answer(one)


def _faults(sent: dict[str, Any]) -> list[str]:
    """Return what is wrong with an incident, in Statuspage's way."""
    faults = []
    if "status" in sent and sent["status"] not in (*STATUSES, *COMPONENT_STATUSES):
        faults.append("Status is invalid")
    components = sent.get("components") or {}
    if not isinstance(components, dict) or any(key not in COMPONENTS for key in components):
        faults.append("Components are invalid")
    elif any(status not in COMPONENT_STATUSES for status in components.values()):
        faults.append("Component status is invalid")
    return faults
