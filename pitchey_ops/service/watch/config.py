"""What the watch is told: variables ``PITCHEY_OPS_SERVICE_WATCH*`` and the heartbeat's address."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...errors import ConfigError
from ..config import secret

HEARTBEAT = "PITCHEY_OPS_SERVICE_HEARTBEAT_URL"
WATCH = "PITCHEY_OPS_SERVICE_WATCH"
ALERTS = "PITCHEY_OPS_SERVICE_WATCH_ALERTS"
_WORDS = {"on": True, "off": False, "true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """
    What the watch is told.

    Attributes
    ----------
    on
        Whether it looks every minute.
    alerts
        Whether it raises alerts by itself.
    heartbeat_url
        A dead man's switch that is told every minute that the service lives; its address is a secret.
    """

    on: bool = True
    alerts: bool = False
    heartbeat_url: str | None = None

    def __repr__(self) -> str:
        """Leave the address out."""
        return f"WatchConfig(on={self.on}, alerts={self.alerts}, heartbeat={'set' if self.heartbeat_url else None})"


def load_watch(environment: Mapping[str, str] | None = None) -> WatchConfig:
    """
    Read `WatchConfig` from the environment.

    Raises
    ------
    ConfigError
        Listing every fault at once; never with the heartbeat's address in it.
    """
    values = os.environ if environment is None else environment
    faults: list[str] = []

    def switch(name: str, otherwise: bool) -> bool:
        text = values.get(name, "").strip().lower()
        if text and text not in _WORDS:
            faults.append(f"{name}={text[:40]!r}: expected on or off")
        return _WORDS.get(text, otherwise)

    on, alerts = switch(WATCH, otherwise=True), switch(ALERTS, otherwise=False)
    if alerts and not on:
        faults.append(f"{ALERTS} is on and {WATCH} is off: nobody would look")
    url = None
    try:
        url = secret(HEARTBEAT, values)
    except ConfigError as exc:
        faults += exc.faults
    if url is not None and not _is_address(url):
        faults.append(f"{HEARTBEAT}: expected an address such as https://hc.example/ping/...; its value is not shown")
    if faults:
        raise ConfigError("the service's variables", faults)
    return WatchConfig(on=on, alerts=alerts, heartbeat_url=url)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        return False
