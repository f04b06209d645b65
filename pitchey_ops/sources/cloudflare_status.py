"""Cloudflare's public status page. Never fail a runbook because this is down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import BadPayload
from ..models.exchange import Exchange
from ..models.observation import Coverage, Observation
from .reading import Reading, asked, json_of, mapping, moment_iso, objects, text_of
from .source import Source

SHARE_FOR_S = 60.0
"""The page asks readers to cache for a minute (contract third-party A10)."""

RELEVANT = (
    "workers",
    "kv",
    "r2",
    "d1",
    "durable objects",
    "hyperdrive",
    "queues",
    "pages",
    "cdn",
    "cache",
    "dns",
    "firewall",
    "network",
    "api",
    "dashboard",
    "ssl",
)
"""Words of component names that our platform depends on. Every data centre is a component, too, so that the
page's own ``minor`` is normal (contract third-party A10)."""

OUTAGES = ("degraded_performance", "partial_outage", "major_outage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A component and its status word; ``relevant`` when our platform depends on it."""

    name: str
    status: str
    relevant: bool

    @property
    def impaired(self) -> bool:
        """Whether the status word is one of an outage (maintenance is none)."""
        return self.status in OUTAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident that is open on the page; ``relevant`` when it names a component that we depend on."""

    name: str
    status: str
    impact: str
    started_at: datetime | None
    components: tuple[str, ...]
    relevant: bool
    latest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudflareStatus:
    """
    The status page's summary.

    Attributes
    ----------
    indicator
        ``none``, ``minor``, ``major``, ``critical``; ``unknown`` for any other word. Of the whole of Cloudflare.
    components
        Relevant ones, and others that are impaired; by name.
    """

    indicator: str
    description: str
    components: tuple[Component, ...]
    incidents: tuple[Incident, ...]
    updated_at: datetime | None

    @property
    def impaired(self) -> tuple[str, ...]:
        """Names of relevant components that are impaired, sorted."""
        return tuple(c.name for c in self.components if c.relevant and c.impaired)


class StatusPage(Source):
    """Read of ``/api/v2/summary.json``."""

    name = "cloudflare_status"

    async def summary(self) -> Observation[CloudflareStatus]:
        """Read components and open incidents."""
        return await self.read("summary", "all", "/api/v2/summary.json", read_summary, share_for_s=SHARE_FOR_S)


def read_summary(exchange: Exchange) -> Reading[CloudflareStatus]:
    """
    Read the summary.

    Raises
    ------
    BadPayload
        Neither a status nor components in it.
    """
    value = json_of(exchange, "object")
    if not isinstance(value.get("status"), dict) and not isinstance(value.get("components"), list):
        raise BadPayload(f"{asked(exchange)}: neither status nor components in it. Nothing was read.")
    state = mapping(value.get("status"))
    indicator = state.get("indicator")
    components = sorted(
        (
            Component(name=name, status=text_of(item.get("status")) or "unknown", relevant=is_relevant([name]))
            for item in objects(value.get("components"))
            if isinstance(name := item.get("name"), str) and item.get("group") is not True
        ),
        key=lambda component: (component.name, component.status),
    )
    status = CloudflareStatus(
        indicator=indicator if indicator in ("none", "minor", "major", "critical") else "unknown",
        description=text_of(state.get("description")) or "",
        components=tuple(c for c in components if c.relevant or c.impaired),
        incidents=tuple(
            _incident(item)
            for item in objects(value.get("incidents"))
            if item.get("status") not in ("resolved", "postmortem")
        ),
        updated_at=moment_iso(mapping(value.get("page")).get("updated_at")),
    )
    return Reading(value=status, coverage=Coverage(seen_end=status.updated_at, count=len(components)))


def is_relevant(names: Iterable[str]) -> bool:
    """Tell whether any of *names* speaks of something that our platform depends on."""
    spoken = [" ".join("".join(c if c.isalnum() else " " for c in name.lower()).split()) for name in names]
    return any(f" {wanted} " in f" {name} " for name in spoken for wanted in RELEVANT)


def _incident(item: dict[str, Any]) -> Incident:
    updates = objects(item.get("incident_updates"))
    named = [text_of(c.get("name")) for c in objects(item.get("components"))]
    for update in updates:
        named += [text_of(c.get("name")) for c in objects(update.get("affected_components"))]
    components = tuple(sorted({name for name in named if name}))
    name = text_of(item.get("name")) or ""
    return Incident(
        name=name,
        status=text_of(item.get("status")) or "unknown",
        impact=text_of(item.get("impact")) or "unknown",
        started_at=moment_iso(item.get("started_at")) or moment_iso(item.get("created_at")),
        components=components,
        relevant=is_relevant(components or (name,)),
        latest=text_of(updates[0].get("body")) or "" if updates else "",
    )
