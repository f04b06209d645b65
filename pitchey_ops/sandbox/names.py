"""The services of the sandbox and where on its one origin they are."""

from __future__ import annotations

from typing import Literal

BreakKind = Literal["slow", "5xx", "html", "truncated", "wrong_types", "endless", "refused"]

MOUNTS = {
    "cloudflare_status": "/_cf_status",
    "cloudflare_api": "/_cf_api",
    "sentry": "/_sentry",
    "pagerduty": "/_pagerduty",
    "slack": "/_slack",
    "statuspage": "/_statuspage",
    "r2": "/_r2",
}
"""Third parties: the mount is cut off, so that their clients see their own paths."""

PREFIXES = {
    "api": "/api",
    "logs": "/logs",
    "apm": "/apm",
    "infra": "/infra",
    "monitoring": "/monitoring",
    "security": "/security",
    "alerts": "/alerts",
}
"""Platform services, at the root by their own prefixes."""

SERVICES = (*PREFIXES, "frontend", *MOUNTS)
"""All names of services; whatever has no prefix of its own is the frontend."""

_MOUNTED = {mount: service for service, mount in MOUNTS.items()}
_PREFIXED = {prefix: service for service, prefix in PREFIXES.items()}

HOST_MOUNT = "/_host"
"""``/_host/{service}/…`` answers strictly as that host would: its other services' paths are 404."""


def locate(path: str) -> tuple[str, str]:
    """Return the service of a path and the path as that service sees it."""
    if path.startswith(HOST_MOUNT + "/"):
        service, _, rest = path[len(HOST_MOUNT) + 1 :].partition("/")
        if service in SERVICES:
            return service, "/" + rest
    end = path.find("/", 1)
    first = path if end < 0 else path[:end]
    if first in _MOUNTED:
        return _MOUNTED[first], path[len(first) :] or "/"
    return _PREFIXED.get(first, "frontend"), path
