"""PagerDuty's REST API, as far as we read it, and its event intake."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..clock import iso
from ..services._base import Service, json_answer
from ..store import token36

_MOST = 100
_STATUS = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}


class PagerDuty(Service):
    """On-call people, incidents, priorities; events become incidents."""

    name = "pagerduty"

    async def answer(self, request: Request, path: str) -> Response:
        """Answer ``/oncalls``, ``/incidents`` with its notes and changes, ``/priorities``, and the event intake."""
        if path == "/v2/enqueue":
            return await self._enqueue(request)
        if path == "/v2/change/enqueue":
            return await self._change_event(request)
        if self.state.options.require_tokens and not request.headers.get("authorization"):
            return _error(401, "Unauthorized", 2006)
        if request.method in ("POST", "PUT"):
            return await self._changed(request, path)
        match path:
            case "/oncalls":
                return self._oncalls(request)
            case "/incidents" if request.method == "GET":
                return self._incidents(request)
            case "/priorities":
                rows = [
                    {"id": f"PRIO{n}", "type": "priority", "summary": f"P{n}", "name": f"P{n}"} for n in range(1, 5)
                ]
                return json_answer({"priorities": rows, **_paging(request, rows)})
        if path.startswith("/incidents/"):
            wanted = path.removeprefix("/incidents/")
            if wanted.endswith("/notes"):
                return json_answer({"notes": self.state.pagerduty_notes.get(wanted.removesuffix("/notes"), [])})
            for incident in self.state.pagerduty_incidents:
                if incident["id"] == wanted:
                    return json_answer({"incident": incident})
        return _error(404, "Not Found", 2100)

    def event(self, action: str, dedup_key: str, summary: str) -> None:
        """Take an event: trigger opens an incident unless one is open, the others change the open one."""
        now = self.state.now_ms
        self.state.pagerduty_events.append({"event_action": action, "dedup_key": dedup_key, "at": now})
        incidents = self.state.pagerduty_incidents
        is_open = [i for i in incidents if i["incident_key"] == dedup_key and i["status"] != "resolved"]
        if action != "trigger":
            for incident in is_open:
                incident["status"] = _STATUS[action]
                incident["last_status_change_at"] = iso(now)
            return
        if not is_open:
            self._open(dedup_key, summary, "high")

    def _open(self, key: str, title: str, urgency: str) -> dict[str, Any]:
        now, number = self.state.now_ms, len(self.state.pagerduty_incidents) + 1
        incident = {
            "id": "Q" + token36(13, self.state.world.seed, "pd", number).upper(),
            "type": "incident",
            "incident_number": number,
            "incident_key": key,
            "title": title,
            "status": "triggered",
            "urgency": urgency,
            "created_at": iso(now),
            "last_status_change_at": iso(now),
            "service": {"id": "PSANDBOX", "type": "service_reference", "summary": "Pitchey"},
            "priority": None,
            "assignments": [],
            "html_url": f"https://pitchey.pagerduty.example/incidents/{number}",
        }
        self.state.pagerduty_incidents.append(incident)
        return incident

    async def _changed(self, request: Request, path: str) -> Response:
        """Create or change an incident; ``From``, a user's e-mail address, is due on each."""
        if "@" not in request.headers.get("from", ""):
            return _error(400, "Requester User Not Found", 1008)
        try:
            sent = json.loads(await request.body())
            if not isinstance(sent, dict):
                raise TypeError("an object is due")
            if path == "/incidents" and request.method == "POST":
                return self._create(sent["incident"])
            name, _, rest = path.removeprefix("/incidents/").partition("/")
            incident = next((i for i in self.state.pagerduty_incidents if i["id"] == name), None)
            if incident is None:
                return _error(404, "Not Found", 2100)
            if rest == "notes":
                notes = self.state.pagerduty_notes.setdefault(name, [])
                note = {
                    "id": f"N{len(notes)}",
                    "content": str(sent["note"]["content"]),
                    "created_at": iso(self.state.now_ms),
                }
                notes.append(note)
                return json_answer({"note": note})
            if rest == "status_updates":
                return json_answer({"status_update": {"message": str(sent["message"])}})
            return self._set_status(incident, sent["incident"].get("status"))
        except (ValueError, KeyError, TypeError, AttributeError):
            return _error(400, "Invalid Input Provided", 2001)

    def _create(self, sent: dict[str, Any]) -> Response:
        if not sent["title"] or sent["service"]["type"] != "service_reference":
            return _error(400, "Invalid Input Provided", 2001)
        key = str(sent.get("incident_key") or token36(32, self.state.now_ms))
        if any(i["incident_key"] == key and i["status"] != "resolved" for i in self.state.pagerduty_incidents):
            return _error(400, "Open incident with matching dedup key already exists on this service", 2001)
        return json_answer({"incident": self._open(key, str(sent["title"]), str(sent.get("urgency", "high")))}, 201)

    def _set_status(self, incident: dict[str, Any], status: Any) -> Response:
        if status not in ("acknowledged", "resolved"):
            return _error(400, "Invalid Input Provided", 2001)
        if incident["status"] == "resolved":
            return _error(400, "Incident Already Resolved", 1001)
        incident["status"] = status
        incident["last_status_change_at"] = iso(self.state.now_ms)
        return json_answer({"incident": incident})

    async def _change_event(self, request: Request) -> Response:
        try:
            sent = json.loads(await request.body())
            payload = sent["payload"]
            if not sent["routing_key"] or str(sent["routing_key"]).startswith("R") or not payload["summary"]:
                raise ValueError("routing_key and summary are due")
        except (ValueError, KeyError, TypeError, AttributeError):
            return json_answer({"status": "invalid event", "message": "Event object is invalid", "errors": []}, 400)
        self.state.pagerduty_changes.append({"at": self.state.now_ms, **payload})
        return json_answer({"status": "success", "message": "Change event processed"}, 202)

    async def _enqueue(self, request: Request) -> Response:
        try:
            sent = json.loads(await request.body())
            action, key = sent["event_action"], str(sent.get("dedup_key") or token36(32, self.state.now_ms))
            if action not in _STATUS or not sent["routing_key"]:
                raise ValueError(action)
            summary = str(sent["payload"]["summary"]) if action == "trigger" else ""
        except (ValueError, KeyError, TypeError, AttributeError):
            body = {"status": "invalid event", "message": "Event object is invalid", "errors": []}
            return json_answer(body, 400)
        self.event(action, key, summary)
        return json_answer({"status": "success", "message": "Event processed", "dedup_key": key}, 202)

    def _oncalls(self, request: Request) -> Response:
        rows: list[dict[str, Any]] = [dict(row) for row in self.state.world.oncall]
        for parameter, part in (
            ("schedule_ids[]", "schedule"),
            ("escalation_policy_ids[]", "escalation_policy"),
        ):
            wanted = request.query_params.getlist(parameter)
            if wanted:
                rows = [row for row in rows if (row.get(part) or {}).get("id") in wanted]
        paging = _paging(request, rows)
        return json_answer({"oncalls": rows[paging["offset"] :][: paging["limit"]], **paging})

    def _incidents(self, request: Request) -> Response:
        wanted = request.query_params.getlist("statuses[]")
        key = request.query_params.get("incident_key")
        rows = [i for i in self.state.pagerduty_incidents if not wanted or i["status"] in wanted]
        rows = [i for i in rows if key is None or i["incident_key"] == key]
        paging = _paging(request, rows)
        return json_answer({"incidents": rows[paging["offset"] :][: paging["limit"]], **paging})


def _paging(request: Request, rows: list[Any]) -> dict[str, Any]:
    try:
        limit = min(max(int(request.query_params.get("limit", "25")), 1), _MOST)
        offset = max(int(request.query_params.get("offset", "0")), 0)
    except ValueError:
        limit, offset = 25, 0
    total = len(rows) if request.query_params.get("total") == "true" else None
    return {"limit": limit, "offset": offset, "more": len(rows) > offset + limit, "total": total}


def _error(status: int, message: str, code: int) -> Response:
    return json_answer({"error": {"message": message, "code": code, "errors": []}}, status)
