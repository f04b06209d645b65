"""What all services of the sandbox share: the world, the clock, the stores, the switches."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from .breaks import Breaks
from .clock import Clock
from .store import ApmStore, ArchiveStore, LogStore
from .world import Deployment, World
from .writes import WriteFaults

ACCOUNT = "sandbox-account"
"""Cloudflare account of the sandbox; any other is an error."""
ZONE = "sandbox-zone"
"""Cloudflare zone of the sandbox; any other is an error."""
SENTRY_ORG = "pitchey"
STATUSPAGE_PAGE = "sandbox-page"
KV_NAMESPACE = "sandbox-kv"
BUCKET = "pitchey-logs"
"""Bucket of the log archive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    Switches of the platform's moods.

    Attributes
    ----------
    kv_read_ms
        Duration of one store operation in ms of real (loop) time; reads are sequential (trap 1).
    blind
        ``silent``: a full list answers its oldest 1,000; ``error``: it answers the 500 that production may
        give, ``Too many API requests by single worker invocation.`` (trap 1).
    durable_objects_down
        The probe's route of the durable objects is not implemented: down for ever (trap 15).
    alerts_share_store
        Whether ``/monitoring/dashboard`` sees the alerts at all (trap 24).
    require_tokens
        Third parties refuse a request without ``Authorization``.
    webhook_url
        Channel of type ``webhook``: gets every stored alert, unsigned (trap 25).
    webhook_transport
        How the webhook is sent; None sends it over the network.
    """

    kv_read_ms: float = 0.05
    blind: Literal["silent", "error"] = "silent"
    durable_objects_down: bool = True
    alerts_share_store: bool = True
    require_tokens: bool = False
    webhook_url: str | None = None
    webhook_transport: httpx.AsyncBaseTransport | None = None


@dataclass(slots=True, kw_only=True)
class Alert:
    """An alert of the platform's alert service."""

    id: str
    fields: Mapping[str, Any]
    at_ms: int
    status: str = "active"
    changed_ms: int = 0
    acknowledged_by: str | None = None
    resolved_by: str | None = None


@dataclass(slots=True, kw_only=True)
class State:
    """State of one sandbox; nothing of it outlives the process."""

    world: World
    clock: Clock
    breaks: Breaks
    options: Options
    logs: LogStore
    apm: ApmStore
    archive: ArchiveStore
    alerts: dict[str, Alert] = field(default_factory=dict)
    slack_messages: list[dict[str, Any]] = field(default_factory=list)
    pagerduty_incidents: list[dict[str, Any]] = field(default_factory=list)
    pagerduty_events: list[dict[str, Any]] = field(default_factory=list)
    security_recorded: dict[str, list[int]] = field(default_factory=dict)
    deployed: list[Deployment] = field(default_factory=list)
    security_level: str = "medium"
    security_level_ms: int | None = None
    access_rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    rulesets: dict[str, dict[str, Any]] = field(default_factory=dict)
    kv: dict[str, str] = field(default_factory=dict)
    purges: list[list[str]] = field(default_factory=list)
    statuspage_incidents: list[dict[str, Any]] = field(default_factory=list)
    statuspage_components: dict[str, str] = field(default_factory=dict)
    pagerduty_notes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    pagerduty_changes: list[dict[str, Any]] = field(default_factory=list)
    secrets_changed: tuple[str, ...] = ()
    writes: WriteFaults = field(default_factory=WriteFaults)
    made: int = 0

    def new_id(self, *parts: object) -> str:
        """Return an id of 32 hexadecimal digits that nothing else here has."""
        self.made += 1
        return hashlib.blake2b("/".join(map(str, (*parts, self.made))).encode(), digest_size=16).hexdigest()

    @property
    def now_ms(self) -> int:
        """The sandbox's time, ms."""
        return self.clock.now_ms()
