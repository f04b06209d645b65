"""
Where everything is and how careful to be: ``parameters/environments/{name}.yaml`` and the environment.

An environment variable ``PITCHEY_OPS_<FIELD>`` outranks the file. Secrets (tokens, database address,
S3 keys) come from the environment or from files only; a file under ``parameters/`` that holds one is
refused. All faults are reported at once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import date, time
from difflib import get_close_matches
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from .errors import ConfigError

SERVICES: dict[str, str] = {
    "api": "/",
    "frontend": "/",
    "monitoring": "/",
    "infra": "/",
    "logs": "/",
    "apm": "/",
    "security": "/",
    "alerts": "/",
    "cloudflare_status": "/_cf_status/",
    "cloudflare_api": "/_cf_api/client/v4/",
    "sentry": "/_sentry/api/0/",
    "pagerduty": "/_pagerduty/",
    "slack": "/_slack/",
    "statuspage": "/_statuspage/",
    "r2": "/_r2/",
}
"""Every HTTP source, with where the sandbox serves it below its one origin."""

_OURS = "PITCHEY_OPS_"
RUN_VARIABLE = "PITCHEY_OPS_RUN"
"""Names the prepared run's folder to a kernel (`runbooks.given`): no setting, and no reason to read them again."""
ADDRESSES = ("database_url", "history_url")
"""Addresses that may hold a password."""
OWN_HISTORY = Path(".service") / "service.sqlite"
"""Below the archive: the service's embedded database, which holds the history of probes."""

Environment = Literal["sandbox", "staging", "production"]

_TOKEN = re.compile(r"[!-~]+")
_NOT_IN_ADDRESS = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff]")
_HOST_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")


Names = Annotated[tuple[str, ...], NoDecode]
"""Several texts: a list in a file, separated by commas in the environment."""


def home() -> Path:
    """Return the project folder: ``PITCHEY_OPS_HOME``, the checkout, or the working directory."""
    given = os.environ.get("PITCHEY_OPS_HOME")
    if given:
        return Path(given).resolve()
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "parameters" / "environments").is_dir():
        return checkout
    return Path.cwd()


class Thresholds(BaseModel):
    """Limits that findings use; each can be set per environment under ``thresholds:``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    error_share: float = Field(
        0.05, gt=0, lt=1, description="Share of failing requests that counts as high (runbook: 5 %)"
    )
    p95_ms: float = Field(2000.0, gt=0, description="P95 response time limit in milliseconds (runbook: 2 s)")
    db_pool_share: float = Field(0.9, gt=0, le=1, description="Share of the pool in use that counts as saturated")
    stale_after_s: float = Field(300.0, gt=0, description="A source whose newest entry is older than this is stale")
    slow_statement_ms: float = Field(1000.0, gt=0, description="A database statement slower than this is slow")


class Settings(BaseSettings):
    """One frozen object with every setting. ``repr`` masks secrets."""

    model_config = SettingsConfigDict(
        env_prefix="PITCHEY_OPS_",
        frozen=True,
        extra="forbid",
        env_nested_delimiter="__",
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

    environment: Environment = "sandbox"
    origin: str | None = Field(None, description="One origin that serves every source (the sandbox)")

    api_url: str | None = None
    frontend_url: str | None = None
    monitoring_url: str | None = None
    infra_url: str | None = None
    logs_url: str | None = None
    apm_url: str | None = None
    security_url: str | None = None
    alerts_url: str | None = None
    cloudflare_status_url: str | None = None
    cloudflare_api_url: str | None = None
    sentry_url: str | None = None
    pagerduty_url: str | None = None
    slack_url: str | None = None
    statuspage_url: str | None = None
    r2_url: str | None = None
    dashboard_url: str | None = None

    api_token: SecretStr | None = None
    frontend_token: SecretStr | None = None
    monitoring_token: SecretStr | None = None
    infra_token: SecretStr | None = None
    logs_token: SecretStr | None = None
    apm_token: SecretStr | None = None
    security_token: SecretStr | None = None
    alerts_token: SecretStr | None = None
    cloudflare_api_token: SecretStr | None = None
    sentry_token: SecretStr | None = None
    pagerduty_token: SecretStr | None = None
    slack_token: SecretStr | None = None
    statuspage_token: SecretStr | None = None
    r2_access_key_id: SecretStr | None = None
    r2_secret_access_key: SecretStr | None = None
    database_url: SecretStr | None = None
    history_url: SecretStr | None = Field(
        None, description="Our own history of probes: sqlite:///path or postgresql://...; read only"
    )

    cloudflare_account: str | None = None
    cloudflare_zone: str | None = None
    worker_script: str = "pitchey-production"
    monitoring_scripts: tuple[str, ...] = Field(
        ("pitchey-monitoring", "pitchey-logs", "pitchey-apm", "pitchey-alerts"),
        description="Worker scripts of the monitoring, whose invocations Cloudflare counts",
    )
    cloudflare_tail_hosts: Names = Field(
        ("tail.developers.workers.dev",),
        description="Hosts besides the API's own from which a live tail is read: exact names, over wss on port 443",
    )
    sentry_organization: str | None = None
    sentry_projects: Names = ()
    sentry_frontend_projects: Names = ()
    pagerduty_escalation_policies: Names = ()
    pagerduty_service: str | None = None
    pagerduty_from: str = Field("", description="E-mail address of the PagerDuty user in whose name is changed")
    pagerduty_events_url: str | None = Field(None, description="PagerDuty's event intake, where it is another one")
    statuspage_page: str | None = Field(None, description="Id of our public status page")
    slack_channel: str = Field("", description="Id of the channel of incidents, such as C0123ABCD")
    slack_alerts_channel: str = Field("", description="Id of the channel that the alerts service tells")
    kv_namespace: str | None = Field(None, description="Id of the monitoring's KV namespace")
    kv_prefixes: Names = Field(("logs:stats:", "health:"), description="Beginnings of the keys that may be cleared")
    second_person: Names = Field((), description="Severities whose actions a second person must confirm, such as P1")
    actions_per_10_min: int = Field(10, ge=1, le=100, description="Actions that may be applied in ten minutes")
    r2_bucket: str | None = None
    r2_region: str = "auto"
    log_environment: str = "production"
    platform_deployment_routes: Names = ("/api/pitches",)

    services: Names = Field((), description="Log services to ask for by name (the store's cut hides names)")
    own_networks: Names = Field((), description="Offices, monitors: never blocked; an attack from there is left open")
    contacts: Mapping[str, Any] = Field(default_factory=dict)
    thresholds: Thresholds = Thresholds()  # type: ignore[call-arg]

    archive: Path = Field(Path("outputs"), description="Where runs are archived; relative to the project")
    budget_s: float = Field(60.0, ge=5, le=900, description="Total time of a run in seconds")
    connect_timeout_s: float = Field(3.0, gt=0)
    read_timeout_s: float = Field(10.0, gt=0)
    logs_timeout_s: float = Field(30.0, gt=0, description="The logs service reads 1,000 keys one after another")
    tail_seconds: float = Field(
        30.0, gt=0, le=120, description="Longest watch of a live tail; a tenth of the run's budget where that is less"
    )
    archive_time_s: float = Field(12.0, gt=0, description="Seconds that reading the log archive (R2) may take")
    max_answer_bytes: int = Field(32 * 1024 * 1024, gt=0)
    concurrency_per_host: int = Field(4, ge=1, le=4)
    share_answers_s: float = Field(15.0, ge=0)
    memory_limit_mb: int = Field(6144, ge=512, description="Address space of a runbook's kernel")
    statement_timeout_s: float = Field(5.0, gt=0, description="Server-side limit of one database statement")
    redact_emails: Literal["keep", "hash"] = "keep"
    redact_addresses: Literal["keep", "hash"] = "keep"
    business_hours_start: time = time(9)
    business_hours_end: time = time(18)
    business_timezone: str = "UTC"
    business_holidays: tuple[date, ...] = Field((), description="Days off, in the time zone of business hours")

    _file: ClassVar[dict[str, Any]] = {}

    @field_validator(*(f"{name}_url" for name in SERVICES), "origin", "dashboard_url", "pagerduty_events_url")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        if value is None or value == "":
            return None
        wanted = "expected an address such as https://host.example or http://127.0.0.1:8787"
        try:
            parts = urlsplit(value)
            port, host = parts.port, parts.hostname
        except ValueError:
            raise ValueError(wanted) from None
        if parts.scheme not in ("http", "https") or not host or port == 0 or _NOT_IN_ADDRESS.search(value):
            raise ValueError(wanted)
        if "@" in parts.netloc:
            raise ValueError("an address must not carry a user name or password; use the *_token setting")
        if "?" in value or "#" in value:
            raise ValueError("an address must not carry a query or fragment")
        return value.rstrip("/") + "/"

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        text = value.get_secret_value().strip()
        try:
            scheme = urlsplit(text).scheme
        except ValueError:
            scheme = ""
        if scheme not in ("postgresql", "postgres"):
            raise ValueError("expected an address such as postgresql://user:password@host:5432/database")
        return SecretStr(text)

    @field_validator("history_url")
    @classmethod
    def _history(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        text = value.get_secret_value().strip()
        if not text.startswith(("sqlite:///", "postgresql://", "postgres://")) or text == "sqlite:///":
            raise ValueError("expected sqlite:///path/to/service.sqlite or postgresql://reader:password@host/database")
        return SecretStr(text)

    @field_validator(*(name for name in __annotations__ if name.endswith(("_token", "_key_id", "_access_key"))))
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        text = value.get_secret_value().strip()
        if not _TOKEN.fullmatch(text):
            raise ValueError("expected a token of printable ASCII characters without spaces; its value is not shown")
        return SecretStr(text)

    @field_validator("business_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value[:60]!r}: expected a time zone such as Europe/Berlin or UTC") from None
        return value

    @field_validator(*(name for name, kind in __annotations__.items() if kind == "Names"), mode="before")
    @classmethod
    def _by_commas(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("archive")
    @classmethod
    def _named(cls, value: Path) -> Path:
        if str(value) in ("", "."):
            raise ValueError("expected a folder such as outputs or /var/lib/pitchey-ops")
        return value

    @field_validator("cloudflare_tail_hosts")
    @classmethod
    def _exact_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # anybody can have a name below workers.dev, so a pattern would trust strangers
        for text in value:
            if not _HOST_NAME.fullmatch(text):
                raise ValueError(f"{text[:80]!r}: expected the exact name of a host, lower case, without port or *")
        return value

    @field_validator("own_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ip_network(text, strict=False)
            except ValueError:
                raise ValueError(f"{text[:60]!r}: expected a network such as 203.0.113.0/24 or 2001:db8::/32") from None
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then what `load` read from the file."""
        return (env_settings, init_settings)

    def url(self, service: str) -> str | None:
        """Return the base address of *service* with a trailing slash, or None when it is not configured."""
        own = getattr(self, f"{service}_url")
        if own is not None:
            return str(own)
        if self.origin is not None:
            return self.origin.rstrip("/") + SERVICES[service]
        return None

    def token(self, service: str) -> SecretStr | None:
        """Return the bearer token of *service*, if one is configured."""
        token = getattr(self, f"{service}_token", None)
        return token if isinstance(token, SecretStr) and token.get_secret_value() else None

    def hosts(self) -> frozenset[tuple[str, str, int]]:
        """Return (scheme, host, port) of every configured source: the only ones that may be asked."""
        found = set()
        for service in SERVICES:
            url = self.url(service)
            if url is not None:
                parts = urlsplit(url)
                port = parts.port or (443 if parts.scheme == "https" else 80)
                found.add((parts.scheme, parts.hostname or "", port))
        return frozenset(found)

    def secrets(self) -> tuple[str, ...]:
        """Return the values of every secret that is set, longest first, for redaction."""
        values = set()
        for name in type(self).model_fields:
            value = getattr(self, name)
            text = value.get_secret_value() if isinstance(value, SecretStr) else ""
            if text and not text.startswith("sqlite:"):  # a path is no secret
                values.add(text)
        for address in filter(None, (self.database_url, self.history_url)):
            parts = urlsplit(address.get_secret_value())
            found = [parts.password or "", *(v for k, v in parse_qsl(parts.query) if "password" in k.lower())]
            values |= {form for text in found if text for form in (text, unquote(text))}
        return tuple(sorted(values, key=lambda v: (-len(v), v)))

    def public(self) -> dict[str, Any]:
        """Return the settings as JSON values, without secrets (only whether each is set)."""
        names = sorted(type(self).model_fields)
        secret = {name for name in names if name.endswith(("_token", "_key", "_key_id")) or name in ADDRESSES}
        plain = self.model_dump(mode="json", exclude=secret)
        return {name: ("set" if getattr(self, name) else None) if name in secret else plain[name] for name in names}

    def archive_root(self) -> Path:
        """Return the absolute folder of the archive."""
        return self.archive if self.archive.is_absolute() else home() / self.archive


SECRET_FIELDS = tuple(name for name, info in Settings.model_fields.items() if "SecretStr" in str(info.annotation))
"""Settings that a parameters file may not hold."""


def load(environment: str | None = None, *, overrides: Mapping[str, Any] | None = None) -> Settings:
    """
    Read the settings of *environment* (default: ``PITCHEY_OPS_ENVIRONMENT``, else ``sandbox``).

    Raises
    ------
    ConfigError
        Listing every fault of the file and of the environment at once, with path and expected value.
    """
    name = environment or os.environ.get("PITCHEY_OPS_ENVIRONMENT") or "sandbox"
    known = ("sandbox", "staging", "production")
    if name not in known:
        raise ConfigError("environment", [f"{name!r}: expected one of {', '.join(known)}"])
    path = home() / "parameters" / "environments" / f"{name}.yaml"
    faults: list[str] = []
    from_files = _from_files(os.environ, faults)
    given = tuple(
        (variable, os.environ[variable])
        for variable in os.environ
        if variable.upper().startswith(_OURS) and variable != RUN_VARIABLE
    )
    text = _text(path)
    if faults or overrides:
        settings = _checked(name, path, text, from_files, overrides or {}, faults)
    else:
        settings = _again(name, path, text, given, tuple(from_files.items()))
    # named by the caller, whatever the variable says
    return settings.model_copy(update={"environment": name, "history_url": settings.history_url or _own(settings)})


def _checked(
    name: str,
    path: Path,
    text: str,
    from_files: Mapping[str, str],
    overrides: Mapping[str, Any],
    found: Sequence[str],
) -> Settings:
    """Return the settings that the file *text* and the environment give, with *found* among the faults."""
    values = _read(path, text)
    faults = [
        f"{key}: a secret may not stand in a file; set PITCHEY_OPS_{key.upper()} instead"
        for key in values
        if key in SECRET_FIELDS
    ]
    faults += [*_misspelt(os.environ), *found]
    values = {key: value for key, value in values.items() if key not in SECRET_FIELDS}
    values |= from_files
    declared = values.pop("environment", name)
    if declared != name:
        faults.append(f"environment: the file says {declared!r}, expected {name!r}")
    try:
        settings = Settings(**{**values, **overrides, "environment": name})
    except ValidationError as exc:
        faults += [_fault(error) for error in exc.errors(include_input=False, include_url=False)]
        settings = None
    except SettingsError as exc:
        faults.append(f'{exc}: expected JSON, such as {{"error_share": 0.05}} for PITCHEY_OPS_THRESHOLDS')
        settings = None
    if faults or settings is None:
        raise ConfigError(f"{path} and the environment's PITCHEY_OPS_*", faults)
    return settings


@lru_cache(maxsize=4)
def _again(
    name: str, path: Path, text: str, _given: tuple[tuple[str, str], ...], from_files: tuple[tuple[str, str], ...]
) -> Settings:
    """Return what `_checked` does: a service asks several times a run, and all that decides is compared each time."""
    return _checked(name, path, text, dict(from_files), {}, ())


_parsed = lru_cache(maxsize=8)(yaml.safe_load)
"""A service reads the same file several times a run; nobody changes what comes of it."""


def _own(settings: Settings) -> SecretStr | None:
    """Return the address of the service's own history where it lies beside the archive, as it does by default."""
    place = settings.archive_root() / OWN_HISTORY
    return SecretStr(f"sqlite:///{place}") if place.is_file() else None


class _Recorded(Settings):
    """Settings out of a record: no variable of today changes them."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what was recorded."""
        return (init_settings,)


def recorded(row: Mapping[str, Any]) -> Settings:
    """
    Rebuild the settings of a recorded run from what `Settings.public` said, for its replay.

    Secrets are not recorded; where one was set, a stand-in is, so that the same sources count as configured.
    What this version does not know is left out.

    Raises
    ------
    ConfigError
        A recorded value is none that this version accepts.
    """
    values = {name: value for name, value in row.items() if name in Settings.model_fields}
    for name in SECRET_FIELDS:
        if values.get(name):
            values[name] = "postgresql://recorded/" if name in ADDRESSES else "recorded"
    try:
        return _Recorded(**values)
    except ValidationError as exc:
        faults = [_fault(error) for error in exc.errors(include_input=False, include_url=False)]
        raise ConfigError("the recorded settings", faults) from exc


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigError(str(path), [f"cannot be read: {exc.strerror}"]) from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(str(path), [f"is not UTF-8 text (byte {exc.start})"]) from exc


def _read(path: Path, text: str) -> dict[str, Any]:
    try:
        values = _parsed(text)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(str(path), [f"{where}is not YAML: {getattr(exc, 'problem', exc)}"]) from exc
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(str(path), ["expected a mapping of setting names to values"])
    return values


def _from_files(environment: Mapping[str, str], faults: list[str]) -> dict[str, str]:
    """Return the secrets that stand in files, each named by ``PITCHEY_OPS_<FIELD>_FILE``."""
    found: dict[str, str] = {}
    for name in SECRET_FIELDS:
        variable = f"PITCHEY_OPS_{name.upper()}"
        file = environment.get(f"{variable}_FILE", "").strip()
        if not file:
            continue
        if environment.get(variable, "").strip():
            faults.append(f"{variable} and {variable}_FILE are both set; set one")
            continue
        try:
            found[name] = Path(file).read_text(encoding="utf-8").strip()
        except OSError as exc:
            faults.append(f"{variable}_FILE: {file[:200]}: cannot be read: {exc.strerror}")
        except UnicodeDecodeError:
            faults.append(f"{variable}_FILE: {file[:200]}: is not UTF-8 text")
    return found


def _misspelt(environment: Mapping[str, str]) -> list[str]:
    """Return a fault for every variable that looks like a setting and is none: it would be passed over in silence."""
    known = [f"PITCHEY_OPS_{name.upper()}" for name in Settings.model_fields]
    known += [f"PITCHEY_OPS_{name.upper()}_FILE" for name in SECRET_FIELDS]
    found = []
    for name in sorted(environment):
        if name.startswith("PITCHEY_OPS_WRITE_"):  # credentials of `actions.apply`, no settings
            continue
        if name.startswith("PITCHEY_OPS_SERVICE_"):  # of `service.config`, which checks them itself
            continue
        if name.startswith("PITCHEY_OPS_") and name not in known and "__" not in name:
            near = get_close_matches(name, known, n=1, cutoff=0.9)
            found += [f"{name[:60]}: unknown variable; did you mean {near[0]}?" for _ in near]
    return found


def _fault(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "settings"
    if error["type"] == "extra_forbidden":
        known = [*Settings.model_fields, *(f"thresholds.{name}" for name in Thresholds.model_fields)]
        near = get_close_matches(where, known, n=1)
        return f"{where[:60]}: unknown setting" + (f"; did you mean {near[0]}?" if near else " (see README, Settings)")
    return f"{where}: {error['msg'].removeprefix('Value error, ')}"
