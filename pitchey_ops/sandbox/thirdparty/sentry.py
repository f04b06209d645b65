"""Sentry's API: issues, their events, releases, counts."""

from __future__ import annotations

import bisect
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from .. import js
from ..clock import iso
from ..services._base import Service, json_answer
from ..state import SENTRY_ORG
from ..store import token36
from ..world import Issue

_PERIOD = re.compile(r"(\d{1,5})([smhdw])\Z")
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_HOUR_MS = 3_600_000


class Sentry(Service):
    """The error tracker."""

    name = "sentry"

    async def answer(self, request: Request, path: str) -> Response:
        """Answer ``/api/0/organizations/{org}/…``; a trailing slash is the rule here."""
        token = request.headers.get("authorization", "")
        if self.state.options.require_tokens and not token:
            return json_answer({"detail": "Authentication credentials were not provided."}, 401)
        root = f"/api/0/organizations/{SENTRY_ORG}/"
        if not path.startswith(root):
            return json_answer({"detail": "The requested resource does not exist"}, 404)
        parts = path.removeprefix(root).strip("/").split("/")
        match parts:
            case ["issues"]:
                return self._issues(request)
            case ["issues", number]:
                issue = self._find(number)
                return _missing() if issue is None else json_answer(self._issue(issue, self.state.now_ms))
            case ["issues", number, "events"]:
                return self._events(request, number)
            case ["issues", number, "events", ("latest" | "oldest" | "recommended") as which]:
                return self._one_event(number, which)
            case ["releases"]:
                return self._releases(request)
            case ["stats_v2"]:
                return self._stats(request)
        return _missing()

    def _find(self, number: str) -> Issue | None:
        now = self.state.now_ms
        return next(
            (i for i in self.state.world.issues if i.id == number and any(at <= now for at in i.events_ms)),
            None,
        )

    def _span(self, request: Request, default: str) -> tuple[int, int] | None:
        """Return the asked span in ms: ``statsPeriod``, or ``start`` and ``end``."""
        now = self.state.now_ms
        found = _PERIOD.match(request.query_params.get("statsPeriod", "") or default)
        return None if found is None else (now - int(found.group(1)) * _UNIT_MS[found.group(2)], now)

    def _issues(self, request: Request) -> Response:
        asked = request.query_params
        span = self._span(request, "14d")
        if span is None:
            return json_answer({"detail": "Invalid statsPeriod"}, 400)
        start, now = span
        projects = asked.getlist("project")
        level = re.search(r"level:(\w+)", asked.get("query", ""))
        rows = []
        for issue in self.state.world.issues:
            times = sorted(at for at in issue.events_ms if at <= now)
            if not times or times[-1] < start:
                continue
            if projects and not {issue.project, _project_id(issue.project), "-1"} & set(projects):
                continue
            if level and level.group(1) != issue.level:
                continue
            recent = len(times) - bisect.bisect_left(times, start)
            rows.append((recent, times[0], times[-1], issue))
        order = asked.get("sort", "date")
        if order == "freq":
            rows.sort(key=lambda row: (-row[0], row[3].id))
        elif order == "new":
            rows.sort(key=lambda row: (-row[1], row[3].id))
        elif order == "user":
            rows.sort(key=lambda row: (-row[3].users, row[3].id))
        else:
            rows.sort(key=lambda row: (-row[2], row[3].id))
        return self._paged(request, [self._issue(row[3], now) for row in rows])

    def _issue(self, issue: Issue, now: int) -> dict[str, Any]:
        times = sorted(at for at in issue.events_ms if at <= now)
        hour = now - now % _HOUR_MS
        hours = [hour - back * _HOUR_MS for back in range(23, -1, -1)]
        series = [[h // 1000, bisect.bisect_left(times, h + _HOUR_MS) - bisect.bisect_left(times, h)] for h in hours]
        return {
            "id": issue.id,
            "shortId": issue.short_id,
            "title": issue.title,
            "culprit": issue.culprit,
            "level": issue.level,
            "status": "unresolved",
            "substatus": "new" if now - times[0] < 7 * 86_400_000 else "ongoing",
            "count": str(len(times)),  # text
            "userCount": min(issue.users, len(times)),
            "firstSeen": iso(times[0]),
            "lastSeen": iso(times[-1]),
            "permalink": f"https://{SENTRY_ORG}.sentry.example/issues/{issue.id}/",
            "project": {"id": _project_id(issue.project), "name": issue.project, "slug": issue.project},
            "metadata": {"type": issue.type, "value": issue.value or issue.title},
            "isUnhandled": issue.level == "error",
            "priority": "high" if issue.level in ("error", "fatal") else "medium",
            "stats": {"24h": series},
        }

    def _events(self, request: Request, number: str) -> Response:
        issue = self._find(number)
        if issue is None:
            return _missing()
        now = self.state.now_ms
        times = sorted((at for at in issue.events_ms if at <= now), reverse=True)
        return self._paged(request, [self._event(issue, at, place) for place, at in enumerate(times)])

    def _one_event(self, number: str, which: str) -> Response:
        issue = self._find(number)
        if issue is None:
            return _missing()
        times = [at for at in issue.events_ms if at <= self.state.now_ms]
        return json_answer(self._event(issue, min(times) if which == "oldest" else max(times), 0))

    def _event(self, issue: Issue, at: int, place: int) -> dict[str, Any]:
        released = [r for r in self.state.world.releases if r.at_ms <= at and r.project == issue.project]
        tags = [{"key": "level", "value": issue.level}, {"key": "environment", "value": "production"}]
        if released:
            tags.append({"key": "release", "value": max(released, key=lambda r: r.at_ms).version})
        return {
            "id": token36(32, issue.id, at, place),
            "eventID": token36(32, issue.id, at, place),
            "groupID": issue.id,
            "title": issue.title,
            "message": issue.value,
            "dateCreated": iso(at),
            "culprit": issue.culprit,
            "tags": tags,
        }

    def _releases(self, request: Request) -> Response:
        now = self.state.now_ms
        projects = request.query_params.getlist("project")
        rows = []
        for release in sorted(self.state.world.releases, key=lambda r: -r.at_ms):
            if release.at_ms > now:
                continue
            if projects and not {release.project, _project_id(release.project), "-1"} & set(projects):
                continue
            rows.append(
                {
                    "version": release.version,
                    "shortVersion": release.version.rpartition("@")[2],
                    "dateCreated": iso(release.at_ms),
                    "dateReleased": iso(release.at_ms),
                    "newGroups": sum(
                        1
                        for i in self.state.world.issues
                        if i.project == release.project and i.events_ms and release.at_ms <= min(i.events_ms) <= now
                    ),
                    "deployCount": 1,
                    "lastDeploy": {"environment": "production", "dateFinished": iso(release.at_ms)},
                    "firstEvent": None,
                    "lastEvent": None,
                    "projects": [{"id": _project_id(release.project), "slug": release.project}],
                }
            )
        return self._paged(request, rows)

    def _stats(self, request: Request) -> Response:
        span = self._span(request, "24h")
        if span is None or request.query_params.get("field") != "sum(quantity)":
            return json_answer({"detail": "Invalid field or period"}, 400)
        start, now = span
        hours = list(range(start - start % _HOUR_MS, now + 1, _HOUR_MS))
        times = sorted(at for i in self.state.world.issues for at in i.events_ms if at <= now)
        series = [bisect.bisect_left(times, h + _HOUR_MS) - bisect.bisect_left(times, h) for h in hours]
        group = {
            "by": {"outcome": "accepted"} if request.query_params.get("groupBy") == "outcome" else {},
            "totals": {"sum(quantity)": sum(series)},
            "series": {"sum(quantity)": series},
        }
        return json_answer(
            {"start": iso(hours[0]), "end": iso(now), "intervals": [iso(h) for h in hours], "groups": [group]}
        )

    def _paged(self, request: Request, rows: list[dict[str, Any]]) -> Response:
        """Return one page with a ``Link`` header; a next link is there even on the last page."""
        asked = request.query_params
        limit_asked = js.parse_int(asked.get("limit") or asked.get("per_page") or "100")
        limit = int(limit_asked) if 0 < limit_asked <= 100 else 100
        cursor = asked.get("cursor", "0:0:0").split(":")
        offset = int(cursor[1]) if len(cursor) == 3 and cursor[1].isdigit() else 0
        base = request.url.remove_query_params(["cursor"])

        def link(rel: str, at: int, results: bool) -> str:
            there = base.include_query_params(cursor=f"0:{at}:{int(rel == 'previous')}")
            answer = "true" if results else "false"
            return f'<{there}>; rel="{rel}"; results="{answer}"; cursor="0:{at}:{int(rel == "previous")}"'

        links = ", ".join(
            (
                link("previous", max(offset - limit, 0), offset > 0),
                link("next", offset + limit, len(rows) > offset + limit),
            )
        )
        limits = {"x-sentry-rate-limit-limit": "40", "x-sentry-rate-limit-remaining": "39"}
        return json_answer(rows[offset : offset + limit], headers={"link": links, **limits})


def _project_id(slug: str) -> str:
    return str(4_500_000 + int(token36(4, "project", slug), 36) % 99_999)


def _missing() -> Response:
    return json_answer({"detail": "The requested resource does not exist"}, 404)
