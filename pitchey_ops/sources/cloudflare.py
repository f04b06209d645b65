"""
Cloudflare's API: deployments, versions, and what the edge itself counted.

The envelope may say ``success: false`` and GraphQL may carry ``errors`` with HTTP 200 (contract third-party A1,
A8): both are failures. Analytics are sampled, so every count is an estimate, and the last `LATE_MINUTES` are
under-counted. A Worker that itself answers 500 counts as ``success`` in its invocations: 5xx come from
`Cloudflare.traffic`. Queries are POSTs that only read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

import polars as pl

from ..errors import BadPayload, SourceFailed, SourceRefused
from ..frames import DEPLOYMENTS, EDGE, FIREWALL, WORKERS
from ..models.exchange import Exchange
from ..models.observation import Coverage, Observation
from ..models.window import Window
from .reading import (
    LOOKBACK,
    Reading,
    asked,
    count,
    excerpt,
    json_of,
    mapping,
    moment_iso,
    number,
    objects,
    observation_id,
    text_of,
)
from .source import Source

T = TypeVar("T")

LATE_MINUTES = 2
"""Minutes before now whose counts still grow (contract third-party A8)."""

MAX_ROWS = 10_000
"""Largest limit that the analytics take."""

ESTIMATE = "an estimate: sampled counts scaled up; the last two minutes are under-counted"

_WORKERS_QUERY = """
query($acc:string,$from:string,$to:string,$s:string){viewer{accounts(filter:{accountTag:$acc}){
 workersInvocationsAdaptive(limit:10000,filter:{scriptName:$s,datetime_geq:$from,datetime_leq:$to},
  orderBy:[datetime_DESC]){
  sum{requests errors subrequests} quantiles{cpuTimeP50 cpuTimeP99} dimensions{datetime scriptName status}}}}}
"""
_TRAFFIC_QUERY = """
query($zone:string,$from:string,$to:string){viewer{zones(filter:{zoneTag:$zone}){
 httpRequestsAdaptiveGroups(limit:10000,filter:{datetime_geq:$from,datetime_leq:$to},
  orderBy:[datetimeMinute_DESC]){
  count dimensions{datetimeMinute edgeResponseStatus clientRequestPath}}}}}
"""
_FIREWALL_QUERY = """
query($zone:string,$from:string,$to:string){viewer{zones(filter:{zoneTag:$zone}){
 firewallEventsAdaptive(limit:10000,filter:{datetime_geq:$from,datetime_leq:$to},orderBy:[datetime_DESC]){
  action clientAsn clientCountryName clientIP clientRequestPath clientRequestQuery datetime source ruleId
  userAgent}}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployments:
    """
    Deployments or releases, oldest first.

    Attributes
    ----------
    table
        Columns `pitchey_ops.frames.DEPLOYMENTS`.
    """

    table: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a Worker script that can be deployed; ``bindings`` may have changed beside its code."""

    id: str
    number: int | None
    created_at: datetime | None
    author: str | None
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTraffic:
    """Requests at the edge; columns `pitchey_ops.frames.EDGE`, oldest first; estimates."""

    table: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerInvocations:
    """Invocations of one script; columns `pitchey_ops.frames.WORKERS`, oldest first; estimates."""

    table: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallEvents:
    """What the edge's firewall did; columns `pitchey_ops.frames.FIREWALL`, oldest first; sampled."""

    table: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityLevel:
    """The zone's security level (``under_attack`` is Under Attack mode) and when it was set."""

    value: str
    modified_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRule:
    """One IP access rule of the zone."""

    id: str
    mode: str
    target: str
    value: str
    notes: str
    created_at: datetime | None


class Cloudflare(Source):
    """Reads of Cloudflare's API; each is ``not_configured`` where an address, account or zone is missing."""

    name = "cloudflare_api"

    async def deployments(self, script: str | None = None) -> Observation[Deployments]:
        """Read the deployments of *script* (default: the production API's), oldest first."""
        name = script or self.settings.worker_script
        return await self._of_account(
            "deployments",
            name,
            f"/workers/scripts/{quote(name, safe='')}/deployments",
            partial(read_deployments, window=self.window, script=name),
        )

    async def versions(self, script: str | None = None) -> Observation[tuple[Version, ...]]:
        """Read the versions that could be deployed, newest first: the first page, since paging is ignored."""
        name = script or self.settings.worker_script
        return await self._of_account(
            "versions",
            name,
            f"/workers/scripts/{quote(name, safe='')}/versions",
            read_versions,
            [("deployable", "true")],
        )

    async def workers(self, script: str | None = None) -> Observation[WorkerInvocations]:
        """Read invocations by minute and outcome, from an hour before the window on."""
        name = script or self.settings.worker_script
        return await self._query(
            "workers",
            name,
            _WORKERS_QUERY,
            partial(read_workers, window=self.window),
            account=True,
            s=name,
        )

    async def traffic(self) -> Observation[EdgeTraffic]:
        """Read requests by minute, path and status, from an hour before the window on."""
        return await self._query("traffic", "all", _TRAFFIC_QUERY, partial(read_traffic, window=self.window))

    async def firewall(self) -> Observation[FirewallEvents]:
        """Read firewall events, from an hour before the window on."""
        return await self._query("firewall", "all", _FIREWALL_QUERY, partial(read_firewall, window=self.window))

    async def security_level(self) -> Observation[SecurityLevel]:
        """Read the zone's security level."""
        return await self._of_zone("security_level", "/settings/security_level", read_security_level)

    async def access_rules(self) -> Observation[tuple[AccessRule, ...]]:
        """Read the zone's IP access rules, the first hundred: what is blocked by hand."""
        return await self._of_zone(
            "access_rules", "/firewall/access_rules/rules", read_access_rules, [("per_page", "100")]
        )

    async def _of_account(
        self,
        probe: str,
        key: str,
        path: str,
        reader: Callable[[Exchange], Reading[T]],
        params: list[tuple[str, str]] | None = None,
    ) -> Observation[T]:
        account = self.settings.cloudflare_account
        if account is None:
            return self.missing(observation_id(self.name, probe, key), "cloudflare_account")
        return await self.read(probe, key, f"/accounts/{quote(account, safe='')}{path}", reader, params or [])

    async def _of_zone(
        self,
        probe: str,
        path: str,
        reader: Callable[[Exchange], Reading[T]],
        params: list[tuple[str, str]] | None = None,
    ) -> Observation[T]:
        zone = self.settings.cloudflare_zone
        if zone is None:
            return self.missing(observation_id(self.name, probe), "cloudflare_zone")
        return await self.read(probe, "all", f"/zones/{quote(zone, safe='')}{path}", reader, params or [])

    async def _query(
        self,
        probe: str,
        key: str,
        query: str,
        reader: Callable[[Exchange], Reading[T]],
        *,
        account: bool = False,
        **variables: str,
    ) -> Observation[T]:
        name = "cloudflare_account" if account else "cloudflare_zone"
        tag = self.settings.cloudflare_account if account else self.settings.cloudflare_zone
        if tag is None:
            return self.missing(observation_id(self.name, probe, key), name)
        variables |= {
            "acc" if account else "zone": tag,
            "from": _second(self.window.start - LOOKBACK),
            "to": _second(self.window.end),
        }
        body = json.dumps({"query": " ".join(query.split()), "variables": variables}, sort_keys=True)
        return await self.read(
            probe,
            key,
            "/graphql",
            reader,
            method="POST",
            headers={"content-type": "application/json"},
            body=body.encode(),
        )


def result_of(exchange: Exchange) -> Any:
    """
    Return ``result`` of a REST answer.

    Raises
    ------
    SourceFailed
        ``success`` is not true, whatever the HTTP status says.
    """
    value = json_of(exchange, "object")
    if value.get("success") is not True:
        raise SourceFailed(
            f"{asked(exchange)}: status {exchange.status}, but the envelope says no success "
            f"({_errors(value.get('errors'))}). Nothing was read.",
            status=exchange.status,
        )
    return value.get("result")


def rows_of(exchange: Exchange, scope: str, dataset: str) -> list[dict[str, Any]]:
    """
    Return the rows of *dataset* of a GraphQL answer.

    Raises
    ------
    SourceRefused, SourceFailed
        ``errors`` in it, also with HTTP 200; plans without the dataset answer so, too.
    BadPayload
        The path to the rows is not there.
    """
    value = json_of(exchange, "object")
    errors = value.get("errors")
    if errors:
        said = _errors(errors)
        refused = any(word in said.lower() for word in ("not authorized", "authz", "authentication"))
        message = (
            f"{asked(exchange)}: status {exchange.status} with errors ({said}). The token lacks 'Analytics: "
            "Read', the account or zone is wrong, or the plan lacks this dataset. Nothing was read."
        )
        raise SourceRefused(message) if refused else SourceFailed(message, status=exchange.status)
    scopes = mapping(mapping(value.get("data")).get("viewer")).get(scope)
    if not isinstance(scopes, list) or not scopes or not isinstance(mapping(scopes[0]).get(dataset), list):
        raise BadPayload(f"{asked(exchange)}: no rows of {dataset} in it. Nothing was read.")
    return objects(scopes[0][dataset])


def read_deployments(exchange: Exchange, window: Window, *, script: str) -> Reading[Deployments]:
    """Read deployments; ``previous`` is the version that each replaced. A gradual one names the newcomer."""
    items = objects(mapping(result_of(exchange)).get("deployments"))
    dated = [(at, item) for item in items if (at := moment_iso(item.get("created_on"))) is not None]
    dated.sort(key=lambda pair: (pair[0], text_of(pair[1].get("id")) or ""))
    rows: list[dict[str, Any]] = []
    serving: set[str] = set()
    previous: str | None = None
    for at, item in dated:
        shares = {
            name: number(part.get("percentage")) or 0.0
            for part in objects(item.get("versions"))
            if (name := text_of(part.get("version_id")))
        }
        order = sorted(shares, key=lambda name: (name in serving, -shares[name], name))
        version = order[0] if order else None
        rows.append(
            {
                "at": at,
                "script": script,
                "version": version,
                "previous": previous,
                "author": text_of(item.get("author_email")),
                "message": text_of(mapping(item.get("annotations")).get("workers/message")),
                "source": "cloudflare",
                "observation": exchange.key,
            }
        )
        serving = set(shares)
        previous = max(shares, key=lambda name: (shares[name], name)) if shares else previous
    table = pl.DataFrame(rows, schema=DEPLOYMENTS)
    return Reading(
        value=Deployments(table=table),
        status="observed" if rows else "no_data",
        coverage=Coverage(
            asked_end=window.end,
            seen_start=dated[0][0] if dated else None,
            seen_end=dated[-1][0] if dated else None,
            count=sum(at in window for at, _ in dated),
            rejected=len(items) - len(dated),
        ),
    )


def read_versions(exchange: Exchange) -> Reading[tuple[Version, ...]]:
    """Read versions, newest first."""
    items = objects(mapping(result_of(exchange)).get("items"))
    versions = [
        Version(
            id=found,
            number=count(item.get("number")),
            created_at=moment_iso(mapping(item.get("metadata")).get("created_on")),
            author=text_of(mapping(item.get("metadata")).get("author_email")),
            message=text_of(mapping(item.get("annotations")).get("workers/message")),
        )
        for item in items
        if (found := text_of(item.get("id")))
    ]
    versions.sort(key=lambda version: (-(version.number or 0), version.id))
    return Reading(
        value=tuple(versions),
        status="observed" if versions else "no_data",
        coverage=Coverage(count=len(versions), rejected=len(items) - len(versions)),
    )


def read_workers(exchange: Exchange, window: Window) -> Reading[WorkerInvocations]:
    """Read invocations and sum them by minute; p50 is weighted by requests, p99 is the largest of the "
    "minute."""
    items = rows_of(exchange, "accounts", "workersInvocationsAdaptive")
    rows = []
    for item in items:
        dimensions, sums = mapping(item.get("dimensions")), mapping(item.get("sum"))
        quantiles = mapping(item.get("quantiles"))
        at, requests = moment_iso(dimensions.get("datetime")), number(sums.get("requests"))
        if at is not None and requests is not None and requests >= 0:
            rows.append(
                {
                    "at": at,
                    "script": text_of(dimensions.get("scriptName")),
                    "status": text_of(dimensions.get("status")),
                    "requests": requests,
                    "errors": number(sums.get("errors")),
                    "subrequests": number(sums.get("subrequests")),
                    "cpu_p50_ms": _milliseconds(quantiles.get("cpuTimeP50")),
                    "cpu_p99_ms": _milliseconds(quantiles.get("cpuTimeP99")),
                    "observation": exchange.key,
                }
            )
    frame = pl.DataFrame(rows, schema=WORKERS).with_columns(pl.col("at").dt.truncate("1m"))
    weight = pl.when(pl.col("cpu_p50_ms").is_not_null()).then(pl.col("requests"))
    table = (
        frame.group_by("at", "script", "status", "observation")
        .agg(
            pl.col("requests", "errors", "subrequests").sum(),
            pl.when(weight.sum() > 0)
            .then((pl.col("cpu_p50_ms") * weight).sum() / weight.sum())
            .otherwise(pl.col("cpu_p50_ms").mean())
            .alias("cpu_p50_ms"),
            pl.col("cpu_p99_ms").max(),
        )
        .sort("at", "script", "status")
        .select(list(WORKERS))
    )
    return _estimates(WorkerInvocations(table=table), table, window, read=len(items), used=len(rows))


def read_traffic(exchange: Exchange, window: Window) -> Reading[EdgeTraffic]:
    """Read requests by minute, path and status."""
    items = rows_of(exchange, "zones", "httpRequestsAdaptiveGroups")
    rows = []
    for item in items:
        dimensions = mapping(item.get("dimensions"))
        at, requests = moment_iso(dimensions.get("datetimeMinute")), number(item.get("count"))
        status = number(dimensions.get("edgeResponseStatus"))
        if at is not None and requests is not None and requests >= 0 and status is not None:
            route = text_of(dimensions.get("clientRequestPath"))
            rows.append((at, route, int(status) if 0 <= status <= 999 else None, requests, exchange.key))
    columns = zip(*rows, strict=True) if rows else [()] * len(EDGE)  # thousands of rows are slow one by one
    table = pl.DataFrame(dict(zip(EDGE, map(list, columns), strict=True)), schema=EDGE).sort("at", "route", "status")
    return _estimates(EdgeTraffic(table=table), table, window, read=len(items), used=len(rows))


def read_firewall(exchange: Exchange, window: Window) -> Reading[FirewallEvents]:
    """Read firewall events; path and query are joined as the client sent them."""
    items = rows_of(exchange, "zones", "firewallEventsAdaptive")
    rows = []
    for item in items:
        at = moment_iso(item.get("datetime"))
        if at is not None:
            query = text_of(item.get("clientRequestQuery")) or ""
            path = text_of(item.get("clientRequestPath"))
            if path is not None and query:
                path += query if query.startswith("?") else f"?{query}"
            rows.append(
                {
                    "at": at,
                    "action": text_of(item.get("action")),
                    "ip": text_of(item.get("clientIP")),
                    "path": path,
                    "rule": text_of(item.get("ruleId")) or text_of(item.get("source")),
                    "user_agent": text_of(item.get("userAgent")),
                    "asn": text_of(item.get("clientAsn")),
                    "country": text_of(item.get("clientCountryName")),
                    "observation": exchange.key,
                }
            )
    table = pl.DataFrame(rows, schema=FIREWALL).sort("at", "ip", "path", "action")
    return _estimates(FirewallEvents(table=table), table, window, read=len(items), used=len(rows))


def read_security_level(exchange: Exchange) -> Reading[SecurityLevel]:
    """
    Read the security level.

    Raises
    ------
    BadPayload
        No ``value`` in it.
    """
    result = mapping(result_of(exchange))
    value = result.get("value")
    if not isinstance(value, str):
        raise BadPayload(f"{asked(exchange)}: no security level in it. Nothing was read.")
    return Reading(value=SecurityLevel(value=value, modified_at=moment_iso(result.get("modified_on"))))


def read_access_rules(exchange: Exchange) -> Reading[tuple[AccessRule, ...]]:
    """Read IP access rules, by target and value."""
    rules = [
        AccessRule(
            id=text_of(item.get("id")) or "",
            mode=text_of(item.get("mode")) or "unknown",
            target=text_of(mapping(item.get("configuration")).get("target")) or "unknown",
            value=text_of(mapping(item.get("configuration")).get("value")) or "",
            notes=text_of(item.get("notes")) or "",
            created_at=moment_iso(item.get("created_on")),
        )
        for item in objects(result_of(exchange))
    ]
    rules.sort(key=lambda rule: (rule.target, rule.value, rule.id))
    return Reading(
        value=tuple(rules),
        status="observed" if rules else "no_data",
        coverage=Coverage(count=len(rules), cut=len(rules) >= 100),
    )


def _estimates(value: T, table: pl.DataFrame, window: Window, *, read: int, used: int) -> Reading[T]:
    """Return the reading of an analytics table, newest first cut at `MAX_ROWS`."""
    asked_start = window.start - LOOKBACK
    seen_start = table["at"][0] if table.height else None
    seen_end = table["at"][-1] if table.height else None
    cut = read >= MAX_ROWS
    first = max(window.start, seen_start) if cut and seen_start is not None else window.start
    in_window = table.filter(pl.col("at").is_between(window.start, window.end, closed="left"))
    blind = cut and seen_start is not None and seen_start >= window.end
    return Reading(
        value=value,
        status="observed" if table.height else "blind" if blind else "no_data",
        coverage=Coverage(
            asked_start=asked_start,
            asked_end=window.end,
            seen_start=seen_start,
            seen_end=seen_end,
            count=in_window.height,
            cut=cut,
            share=max(0.0, (window.end - first) / window.duration),
            rejected=read - used,
        ),
        detail=ESTIMATE,
    )


def _milliseconds(microseconds: Any) -> float | None:
    found = number(microseconds)
    return None if found is None else found / 1000


def _errors(value: Any) -> str:
    said = [
        f"{text_of(item.get('code'))}: {text_of(item.get('message'))}"
        if item.get("code") is not None
        else text_of(item.get("message")) or "no message"
        for item in objects(value)
    ]
    return excerpt("; ".join(said) or "no message", 200)


def _second(at: datetime) -> str:
    return (at - timedelta(microseconds=at.microsecond)).isoformat().replace("+00:00", "Z")


__all__ = [
    "LATE_MINUTES",
    "MAX_ROWS",
    "AccessRule",
    "Cloudflare",
    "Deployments",
    "EdgeTraffic",
    "FirewallEvents",
    "SecurityLevel",
    "Version",
    "WorkerInvocations",
    "read_access_rules",
    "read_deployments",
    "read_firewall",
    "read_security_level",
    "read_traffic",
    "read_versions",
    "read_workers",
    "result_of",
    "rows_of",
]
