"""The credentials that can change something: ``PITCHEY_OPS_WRITE_*``, read here and nowhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import ConfigError
from ...settings import Settings

PREFIX = "PITCHEY_OPS_WRITE_"
NEEDED = ("cloudflare_api", "pagerduty", "slack", "statuspage")
"""Services that take no change without a credential; the platform's own authenticate nobody today."""
SCHEMES = {"pagerduty": "Token token={}", "statuspage": "OAuth {}"}
_FITS = re.compile(r"[!-~]+")


@dataclass(frozen=True, repr=False)
class Credentials:
    """What may be written with; ``repr`` shows names only."""

    values: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return which are set."""
        return f"Credentials({', '.join(sorted(self.values)) or 'none'})"

    def token(self, service: str) -> str | None:
        """Return the token that changes *service*, None where there is none."""
        return self.values.get(f"{service}_token")

    def value(self, name: str) -> str | None:
        """Return the credential *name* (``pagerduty_routing_key``, ``database_url``)."""
        return self.values.get(name)

    def secrets(self) -> tuple[str, ...]:
        """Return every value, longest first, so that none of them is ever shown."""
        return tuple(sorted(self.values.values(), key=lambda text: (-len(text), text)))


def credentials(environment: Mapping[str, str] | None = None) -> Credentials:
    """
    Read ``PITCHEY_OPS_WRITE_NAME``, or the file that ``PITCHEY_OPS_WRITE_NAME_FILE`` names.

    Raises
    ------
    ConfigError
        A file cannot be read, or a value cannot stand in a header. No value is shown.
    """
    given = os.environ if environment is None else environment
    values: dict[str, str] = {}
    faults: list[str] = []
    for variable in sorted(given):
        if not variable.startswith(PREFIX) or not given[variable].strip():
            continue
        text = given[variable].strip()
        name = variable.removeprefix(PREFIX).lower()
        if name.endswith("_file"):
            name = name.removesuffix("_file")
            try:
                text = Path(text).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as exc:
                faults.append(f"{variable}: the file cannot be read ({type(exc).__name__})")
                continue
        if not _FITS.fullmatch(text):
            faults.append(f"{variable}: expected printable ASCII without spaces; its value is not shown")
            continue
        values[name] = text
    if faults:
        raise ConfigError("the credentials of actions", faults)
    return Credentials(values)


def lacking(services: set[str], settings: Settings, known: Credentials) -> list[str]:
    """Return the variables that are missing for changing *services*; the sandbox needs none."""
    missing = []
    if settings.environment != "sandbox":
        missing = [f"{PREFIX}{name.upper()}_TOKEN" for name in NEEDED if name in services and not known.token(name)]
        if "pagerduty_events" in services and not known.value("pagerduty_routing_key"):
            missing.append(f"{PREFIX}PAGERDUTY_ROUTING_KEY")
    if "database" in services and not known.value("database_url"):
        missing.append(f"{PREFIX}DATABASE_URL")
    return missing
