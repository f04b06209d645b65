"""Cloudflare's public status page (Statuspage v2): each data centre is a component: ``minor`` is normal."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..clock import iso
from ..services._base import Service, json_answer, text_answer
from ..store import token36
from ..world import StatusIncident

_PAGE_ID = "yh6f0r4529hb"
_PRODUCTS = (
    "Access",
    "Analytics",
    "API",
    "CDN/Cache",
    "Authoritative DNS",
    "D1",
    "Dashboard",
    "Durable Objects",
    "Firewall",
    "Hyperdrive",
    "Network",
    "Pages",
    "R2",
    "Workers",
    "Workers KV",
)
_CENTRES = {
    "Amsterdam, Netherlands - (AMS)": "operational",
    "Warsaw, Poland - (WAW)": "operational",
    "Frankfurt, Germany - (FRA)": "operational",
    "Boise, ID, United States - (BOI)": "partial_outage",  # somewhere there is always one
    "Tashkent, Uzbekistan - (TAS)": "under_maintenance",
}
_WEIGHT = {"none": 0, "minor": 1, "major": 2, "critical": 3}
_WORDS = {
    "none": "All Systems Operational",
    "minor": "Minor Service Outage",
    "major": "Partial System Outage",
    "critical": "Major Service Outage",
}
_KEEP_MS = 7 * 86_400_000


class CloudflareStatus(Service):
    """The status page, for the people of the world."""

    name = "cloudflare_status"

    async def answer(self, request: Request, path: str) -> Response:
        """Answer ``/api/v2/*.json``."""
        now = self.state.now_ms
        components = self._components(now)
        known = [i for i in self.state.world.status_incidents if i.start_ms <= now]
        open_ones = [self._incident(i, now) for i in known if i.end_ms is None or i.end_ms > now]
        page = {
            "id": _PAGE_ID,
            "name": "Cloudflare",
            "url": "https://www.cloudflarestatus.com",
            "updated_at": iso(now),
        }
        parts: dict[str, Any] = {
            "status": self._status(now),
            "components": components,
            "incidents": open_ones,
            "scheduled_maintenances": [],
        }
        match path:
            case "/api/v2/status.json":
                wanted = ["status"]
            case "/api/v2/summary.json":
                wanted = ["status", "components", "incidents", "scheduled_maintenances"]
            case "/api/v2/components.json":
                wanted = ["components"]
            case "/api/v2/incidents/unresolved.json":
                wanted = ["incidents"]
            case "/api/v2/incidents.json":
                wanted = ["incidents"]
                recent = [i for i in known if i.end_ms is None or i.end_ms > now - _KEEP_MS]
                parts["incidents"] = [self._incident(i, now) for i in sorted(recent, key=lambda i: -i.start_ms)]
            case "/api/v2/scheduled-maintenances/active.json" | "/api/v2/scheduled-maintenances/upcoming.json":
                wanted = ["scheduled_maintenances"]
            case _:
                return text_answer("Not found", 404)
        return json_answer({"page": page, **{name: parts[name] for name in wanted}})

    def _status(self, now: int) -> dict[str, str]:
        worst = "minor"  # the data centre that is always out
        for incident in self.state.world.status_incidents:
            running = incident.start_ms <= now and (incident.end_ms is None or now < incident.end_ms)
            if running and _WEIGHT.get(incident.impact, 1) > _WEIGHT[worst]:
                worst = incident.impact
        return {"indicator": worst, "description": _WORDS[worst]}

    def _components(self, now: int) -> list[dict[str, Any]]:
        states = dict.fromkeys(_PRODUCTS, "operational") | _CENTRES
        for incident in self.state.world.status_incidents:
            if incident.start_ms <= now and (incident.end_ms is None or now < incident.end_ms):
                states |= dict.fromkeys(incident.components, incident.component_status)
        created = iso(self.state.world.now_ms - 400 * 86_400_000)
        return [
            {
                "id": token36(12, "component", name),
                "name": name,
                "status": status,
                "created_at": created,
                "updated_at": iso(now) if status != "operational" else created,
                "position": position,
                "description": None,
                "showcase": False,
                "group_id": token36(12, "group", name in _CENTRES),
                "page_id": _PAGE_ID,
                "group": False,
                "only_show_if_degraded": False,
            }
            for position, (name, status) in enumerate(states.items(), 1)
        ]

    def _incident(self, incident: StatusIncident, now: int) -> dict[str, Any]:
        ended = incident.end_ms is not None and incident.end_ms <= now
        resolved = iso(incident.end_ms) if ended and incident.end_ms is not None else None
        key = token36(12, "incident", incident.name, incident.start_ms)
        affected = [
            {
                "code": token36(12, "component", name),
                "name": name,
                "old_status": "operational",
                "new_status": incident.component_status,
            }
            for name in incident.components
        ]
        begun = iso(incident.start_ms)
        updates = [
            {
                "id": key + "-1",
                "status": "investigating",
                "body": f"We are investigating: {incident.name}.",
                "display_at": begun,
                "created_at": begun,
                "affected_components": affected,
            }
        ]
        if resolved is not None:
            updates.insert(
                0,
                {
                    "id": key + "-2",
                    "status": "resolved",
                    "body": "This incident has been resolved.",
                    "display_at": resolved,
                    "created_at": resolved,
                    "affected_components": affected,
                },
            )
        wanted = set(incident.components)
        return {
            "id": key,
            "name": incident.name,
            "status": "resolved" if ended else "investigating",
            "impact": incident.impact,
            "shortlink": f"https://stspg.example/{key}",
            "started_at": begun,
            "created_at": begun,
            "updated_at": resolved or begun,
            "monitoring_at": None,
            "resolved_at": resolved,
            "page_id": _PAGE_ID,
            "components": [c for c in self._components(now) if c["name"] in wanted],
            "incident_updates": updates,
        }
