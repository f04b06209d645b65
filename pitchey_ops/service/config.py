"""
How the service is told what to do: variables ``PITCHEY_OPS_SERVICE_*``, secrets from a variable or from a file.

The settings of the platform's sources stay in `pitchey_ops.settings`; here is only what the service adds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import ConfigError

LONGEST_SECRET = 64 * 1024


def secret(name: str, environment: Mapping[str, str] | None = None) -> str | None:
    """
    Return the secret *name* from its variable, or from the file that ``NAME_FILE`` names; None where neither is set.

    Raises
    ------
    ConfigError
        Both are set, or the file cannot be read. The value is never part of the message.
    """
    values = os.environ if environment is None else environment
    given, file = values.get(name, "").strip(), values.get(f"{name}_FILE", "").strip()
    if given and file:
        raise ConfigError(name, [f"both {name} and {name}_FILE are set; set one"])
    if not file:
        return given or None
    try:
        with Path(file).open("rb") as handle:
            raw = handle.read(LONGEST_SECRET + 1)
        text = raw.decode("utf-8").strip()
    except OSError as exc:
        raise ConfigError(f"{name}_FILE", [f"{file[:200]}: cannot be read: {exc.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name}_FILE", [f"{file[:200]}: is not UTF-8 text"]) from None
    if not text or len(raw) > LONGEST_SECRET:
        raise ConfigError(f"{name}_FILE", [f"{file[:200]}: is {'too large' if text else 'empty'}"])
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """
    What the engine is told.

    Attributes
    ----------
    runs_at_once
        Ordinary runs (P2 to P4) that one worker carries out at a time.
    urgent_at_once
        Runs of P1 that it carries out beside them: a P1 never waits behind others.
    warm_kernels
        Started kernels that one worker keeps ready.
    attempts
        How often a run that brings its worker down is tried before it is closed as failed.
    hung_after_s
        Seconds without a sign of life after which a worker that still holds its lock is taken to be hung.
    grace_s
        Seconds that running work gets at a stop before it is handed over.
    workers
        Worker processes that ``serve`` starts.
    upload_url, upload_bucket, upload_region
        S3-compatible store for finished runs; no upload without an address.
    """

    runs_at_once: int = 1
    urgent_at_once: int = 1
    warm_kernels: int = 2
    attempts: int = 3
    hung_after_s: float = 6.0
    grace_s: float = 20.0
    workers: int = 1
    upload_url: str | None = None
    upload_bucket: str = "pitchey-ops"
    upload_prefix: str = ""
    upload_region: str = "auto"
    upload_key_id: str | None = None
    upload_key: str | None = None

    def __repr__(self) -> str:
        """Leave the secrets out."""
        return f"EngineConfig(runs_at_once={self.runs_at_once}, warm_kernels={self.warm_kernels}, ...)"


def load_engine(environment: Mapping[str, str] | None = None) -> EngineConfig:
    """
    Read `EngineConfig` from ``PITCHEY_OPS_SERVICE_*``.

    Raises
    ------
    ConfigError
        Listing every fault at once.
    """
    values = os.environ if environment is None else environment
    faults: list[str] = []
    found: dict[str, Any] = {}

    def number(field: str, name: str, kind: Callable[[str], float], low: float, high: float) -> None:
        text = values.get(f"PITCHEY_OPS_SERVICE_{name}", "").strip()
        if not text:
            return
        try:
            value = kind(text)
            if not low <= value <= high:
                raise ValueError
        except ValueError:
            faults.append(f"PITCHEY_OPS_SERVICE_{name}={text[:40]!r}: expected {low:g} to {high:g}")
        else:
            found[field] = value

    number("runs_at_once", "RUNS", int, 1, 16)
    number("urgent_at_once", "URGENT_RUNS", int, 1, 16)
    number("warm_kernels", "WARM_KERNELS", int, 0, 16)
    number("attempts", "ATTEMPTS", int, 1, 20)
    number("hung_after_s", "HUNG_AFTER_S", float, 3, 600)
    number("grace_s", "GRACE_S", float, 0, 900)
    number("workers", "WORKERS", int, 0, 16)
    url = values.get("PITCHEY_OPS_SERVICE_UPLOAD_URL", "").strip()
    if url:
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good, parts = False, urlsplit("")
        if not good or "@" in parts.netloc or parts.query or parts.fragment:
            faults.append("PITCHEY_OPS_SERVICE_UPLOAD_URL: expected https://host, without a name or password in it")
        found["upload_url"] = url.rstrip("/")
    for field, name in (("upload_bucket", "BUCKET"), ("upload_prefix", "PREFIX"), ("upload_region", "REGION")):
        text = values.get(f"PITCHEY_OPS_SERVICE_UPLOAD_{name}", "").strip()
        if text:
            found[field] = text.strip("/")
    try:
        found["upload_key_id"] = secret("PITCHEY_OPS_SERVICE_UPLOAD_KEY_ID", values)
        found["upload_key"] = secret("PITCHEY_OPS_SERVICE_UPLOAD_KEY", values)
    except ConfigError as exc:
        faults += exc.faults
    if url and not (found.get("upload_key_id") and found.get("upload_key")):
        faults.append(
            "PITCHEY_OPS_SERVICE_UPLOAD_URL is set; PITCHEY_OPS_SERVICE_UPLOAD_KEY_ID and ..._KEY are needed too"
        )
    if faults:
        raise ConfigError("the service's variables", faults)
    return EngineConfig(**found)
