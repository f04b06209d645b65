"""What a plan may know: plain values out of the evidence and the settings. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from ..findings._clients import IPNetwork
from ..settings import Settings

BASELINE = timedelta(minutes=60)
"""Time before the onset that an action's effect is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """One deployment that was seen: *previous* is the version that it replaced."""

    script: str
    version: str
    at: datetime
    previous: str | None = None
    author: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCallPerson:
    """Who is on call, by escalation level (1 is paged first)."""

    level: int
    name: str
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """
    What is known about an incident and its environment.

    Attributes
    ----------
    now
        The evidence's present (UTC): plans are dated by it.
    summary, cause, onset, onset_uncertainty_s, failing_share, users, routes, services
        The verdict's; None where it does not tell.
    findings
        Rows with ``id``, ``rule``, ``claim``, ``data``, ``service``.
    deployments
        Oldest first.
    blocks
        Rows with ``target``, ``reason``, ``hours``, ``side_effects``, ``ok_requests``.
    requests_by_route
        Requests in the window by path, where the evidence tells.
    share_by_route
        Share (0-1) of all requests that goes to each path, for those that are named where not all are counted.
    current_level
        The zone's security level, None where it was not seen.
    thread
        Slack's ``ts`` of the incident's first message, None where there is none yet.
    """

    environment: str
    settings: Settings
    now: datetime
    incident: str = ""
    severity: str = "P3"
    alerts: tuple[str, ...] = ()
    state: str = "inconclusive"
    summary: str = ""
    cause: str | None = None
    confidence: float = 0.0
    onset: datetime | None = None
    onset_uncertainty_s: float | None = None
    failing_share: float | None = None
    users: int | None = None
    routes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    findings: tuple[Mapping[str, Any], ...] = ()
    deployments: tuple[Deployed, ...] = ()
    blocks: tuple[Mapping[str, Any], ...] = ()
    requests_by_route: Mapping[str, float] = field(default_factory=dict)
    share_by_route: Mapping[str, float] = field(default_factory=dict)
    current_level: str | None = None
    oncall: tuple[OnCallPerson, ...] = ()
    thread: str | None = None
    missing_headers: tuple[str, ...] = ()

    @property
    def protected(self) -> tuple[IPNetwork, ...]:
        """Networks of the settings that are never blocked: ours and the monitors'."""
        return tuple(ip_network(text, strict=False) for text in self.settings.own_networks)

    @property
    def baseline(self) -> tuple[datetime, datetime] | None:
        """The time before the onset that effects are compared with, None where no onset is known."""
        if self.onset is None:
            return None
        end = self.onset - timedelta(seconds=max(60.0, self.onset_uncertainty_s or 0.0))
        return end - BASELINE, end

    def rule(self, name: str) -> list[Mapping[str, Any]]:
        """Return the findings of the rule *name*."""
        return [row for row in self.findings if row.get("rule") == name]

    def share_of(self, routes: Iterable[str]) -> float | None:
        """Return the share of all requests that goes to *routes*, None where the evidence does not tell."""
        total = sum(self.requests_by_route.values())
        wanted = set(routes)
        if not total:
            return sum(self.share_by_route[one] for one in wanted) if wanted <= self.share_by_route.keys() else None
        return sum(value for route, value in self.requests_by_route.items() if route in wanted) / total

    def at(self, now: datetime) -> Facts:
        """Return the same facts, dated *now*."""
        return replace(self, now=now)


def facts_from_report(report: Mapping[str, Any], settings: Settings, now: datetime) -> Facts:
    """
    Return the facts of an archived ``report.json``.

    Deployments are those that the report's findings name; what they do not say is left unknown.
    """
    incident = _mapping(report.get("incident"))
    verdict = _mapping(report.get("verdict"))
    impact = _mapping(verdict.get("impact"))
    findings = tuple(_mapping(row) for row in _rows(report.get("findings")))
    indicators: Mapping[str, Any] = next(
        (_mapping(row.get("data")) for row in findings if row.get("id") == "security/indicators"), {}
    )
    return Facts(
        environment=settings.environment,
        settings=settings,
        now=now,
        incident=str(incident.get("id") or ""),
        severity=str(verdict.get("severity") or incident.get("severity") or "P3"),
        alerts=tuple(str(row["id"]) for row in _rows(incident.get("alerts")) if row.get("id")),
        state=str(verdict.get("state") or "inconclusive"),
        summary=str(verdict.get("summary") or ""),
        cause=None if verdict.get("cause") is None else str(verdict["cause"]),
        confidence=_number(verdict.get("confidence")) or 0.0,
        onset=_moment(verdict.get("onset")),
        onset_uncertainty_s=_number(verdict.get("onset_uncertainty_s")),
        failing_share=_number(impact.get("requests_failing_share")),
        users=None if _number(impact.get("users_affected")) is None else int(impact["users_affected"]),
        routes=tuple(map(str, impact.get("routes") or ())),
        services=tuple(map(str, impact.get("services") or ())),
        findings=findings,
        deployments=deployed_of(findings),
        blocks=tuple(_mapping(row) for row in _rows(indicators.get("blocks"))),
        share_by_route=_shares(findings),
    )


def _shares(findings: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return each failing route's share of all requests since the onset, as findings of the rule ``users`` have it."""
    shares: dict[str, float] = {}
    for row in findings:
        data = _mapping(row.get("data"))
        total = _number(data.get("requests_after")) if row.get("rule") == "users" else None
        for route in _rows(data.get("routes")) if total else ():
            requests = _number(route.get("requests"))
            if total and requests is not None and isinstance(route.get("route"), str):
                shares[route["route"]] = requests / total
    return shares


def deployed_of(findings: Iterable[Mapping[str, Any]]) -> tuple[Deployed, ...]:
    """Return the deployments that findings of the rule ``deployments`` name, oldest first."""
    found: dict[tuple[str, str], Deployed] = {}
    for row in findings:
        data, at = _mapping(row.get("data")), _moment(row.get("at"))
        if row.get("rule") != "deployments" or at is None or not data.get("version") or not data.get("script"):
            continue
        one = Deployed(
            script=str(data["script"]),
            version=str(data["version"]),
            at=at,
            previous=str(data["previous"]) if data.get("previous") else None,
            author=str(data.get("author") or ""),
            message=str(data.get("message") or ""),
        )
        found[one.script, one.version] = one
    return tuple(sorted(found.values(), key=lambda one: one.at))


def target_version(facts: Facts, script: str) -> tuple[Deployed | None, str | None]:
    """
    Return the deployment to get rid of and the last version before it, which was healthy then.

    The bad one is the newest deployment of *script* at the onset (within its uncertainty, 1 to 5 minutes); without
    an onset nothing is named. A deployment after the onset was made into a broken platform and proves nothing.
    """
    if facts.onset is None:
        return None, None
    slack = timedelta(seconds=min(300.0, max(60.0, facts.onset_uncertainty_s or 0.0)))
    rows = [one for one in facts.deployments if one.script == script and one.at <= facts.onset + slack]
    if not rows:
        return None, None
    bad = rows[-1]
    earlier: Sequence[Deployed] = [one for one in rows[:-1] if one.version != bad.version]
    return bad, (earlier[-1].version if earlier else bad.previous)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list | tuple) else []


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
