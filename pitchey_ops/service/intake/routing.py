"""
``parameters/routing.yaml``: which alert starts which runbook, how grave it is, and how alerts are grouped.

The first route that matches counts; what matches none goes to triage. Patterns are those of file names (``*``, ``?``),
upper and lower case alike: no pattern takes long, whatever an alert holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ...diagnosis.severity import worst
from ...errors import ConfigError, UsageError
from ...models.report import Alert, SeverityLevel
from ...postmortem.calendar import Calendar, calendar
from ...runbooks import windows
from ...runbooks.catalogue import RUNBOOKS
from ...runbooks.parameters import checked, declared
from ...settings import Settings, home
from ..incident_models import DEFAULT_WATCHING, IncomingAlert, Quota, Rules, Watching
from .told import LONGEST_NAME, Told

FILE = "routing.yaml"
TRIAGE = "triage"
UNSAID: SeverityLevel = "P3"
"""What an alert counts as that says nothing which is known about gravity: somebody was alerted, nobody said why."""
_LEVEL = re.compile(r"(?:p|sev|severity|priority)[ _-]?([1-5])", re.ASCII)
_BUILT_IN: dict[str, SeverityLevel] = {"critical": "P1", "error": "P2", "warning": "P3", "info": "P4"}


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Patterns = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], BeforeValidator(_listed)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Match(_Part):
    """All that is given must match; of several patterns any one."""

    sender: Patterns = ()
    kind: Patterns = ()
    title: Patterns = ()
    service: Patterns = ()
    labels: Mapping[str, Patterns] = {}


class Route(_Part):
    """
    What an alert of this kind starts.

    Attributes
    ----------
    severity
        Where the alert says nothing that is known.
    at_least, at_most
        Bounds for what the alert says.
    """

    name: str
    match: Match = Match()
    runbook: str = TRIAGE
    severity: SeverityLevel | None = None
    at_least: SeverityLevel | None = None
    at_most: SeverityLevel | None = None
    service: str | None = None
    parameters: Mapping[str, Any] = {}


class _Watching(_Part):
    every_s: float = Field(ge=10, le=86_400)
    for_s: float = Field(ge=10, le=7 * 86_400)
    until_healthy: int | None = Field(None, ge=1, le=100)


class _Quota(_Part):
    incidents_per_hour: int = Field(Quota().incidents_per_hour, ge=1, le=100_000)
    p1_per_hour: int = Field(Quota().p1_per_hour, ge=0, le=10_000)
    p2_per_hour: int = Field(Quota().p2_per_hour, ge=0, le=10_000)
    alerts_per_minute: int = Field(Quota().alerts_per_minute, ge=1, le=10_000_000)


class _Grouping(_Part):
    within_s: float = Field(Rules().within_s, ge=1, le=86_400)
    reopen_within_s: float = Field(Rules().reopen_within_s, ge=0, le=86_400)
    rerun_after_s: float = Field(Rules().rerun_after_s, ge=60, le=86_400)
    forget_after_s: float = Field(Rules().forget_after_s, ge=60, le=30 * 86_400)


class _File(_Part):
    version: Literal[1] = 1
    grouping: _Grouping = _Grouping()  # type: ignore[call-arg]
    quotas: Mapping[str, _Quota] = {}
    watching: Mapping[str, _Watching] = {}
    severities: Mapping[str, SeverityLevel | Mapping[str, SeverityLevel]] = {}
    services: Mapping[str, str] = {}
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class _Compiled:
    route: Route
    tests: tuple[tuple[str, str, re.Pattern[str]], ...]

    def fits(self, facts: Mapping[str, str], labels: Mapping[str, str]) -> bool:
        return all(
            pattern.match((labels if where == "label" else facts).get(name, "")) is not None
            for where, name, pattern in self.tests
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """The catalogue of routes, ready to be asked; `rules` is how alerts are grouped."""

    rules: Rules = field(default_factory=Rules)
    routes: tuple[_Compiled, ...] = ()
    severities: Mapping[str, SeverityLevel] = field(default_factory=lambda: dict(_BUILT_IN))
    of_sender: Mapping[str, Mapping[str, SeverityLevel]] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)

    def routed(self, sender: str, told: Told, now: datetime) -> IncomingAlert:
        """Return what *told* starts, with its severity and its service settled."""
        service = self.service(told.service)
        facts = {"sender": sender, "kind": told.kind, "title": told.title, "service": service or ""}
        found = next((one.route for one in self.routes if one.fits(facts, told.labels)), None)
        route = found or Route(name="nothing matched")
        if service is None and route.service is not None:
            service = route.service
        severity = self.severity(sender, told.words) or route.severity or UNSAID
        if route.at_least is not None:
            severity = worst((severity, route.at_least))
        if route.at_most is not None:
            severity = max(severity, route.at_most)
        book = told.runbook or route.runbook
        parameters = {**(route.parameters if told.runbook in (None, route.runbook) else {}), **told.parameters}
        return IncomingAlert(
            sender=sender,
            trouble=told.trouble,
            alert=Alert(id=told.id, kind=told.kind, title=told.title, at=told.at, severity=severity, service=service),
            status=told.status,
            runbook=book,
            parameters=parameters,
            by=told.by,
            text=told.text,
            link=told.link,
            incident_id=told.incident_id,
        )

    def severity(self, sender: str, words: Sequence[str]) -> SeverityLevel | None:
        """Return the gravest that any of *words* means; None where none is known."""
        found = [self._level(sender, word) for word in words]
        known = [level for level in found if level is not None]
        return worst(known) if known else None

    def _level(self, sender: str, word: str) -> SeverityLevel | None:
        plain = word.strip().lower()[:100]
        own = self.of_sender.get(sender, {}).get(plain) or self.severities.get(plain)
        if own is not None:
            return own
        numbered = _LEVEL.match(plain)
        if numbered is None:
            return None
        return {"1": "P1", "2": "P2", "3": "P3"}.get(numbered[1], "P4")  # type: ignore[return-value]

    def service(self, name: str | None) -> str | None:
        """Return the one name by which a service goes here; what one monitor calls it, another does not."""
        if name is None or not name.strip():
            return None
        plain = name.strip().lower()[:LONGEST_NAME]
        return self.services.get(plain, plain)


def load_routing(settings: Settings, path: Path | None = None) -> Routing:
    """
    Read ``parameters/routing.yaml``; business hours come from *settings*.

    Raises
    ------
    ConfigError
        Listing every fault: unknown fields, runbooks that there are not, parameters that they do not have.
    """
    return _routing(_read(path or home() / "parameters" / FILE), settings)


def _read(place: Path) -> _File:
    try:
        value = yaml.safe_load(place.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(str(place), [f"cannot be read: {getattr(exc, 'strerror', None) or exc}"]) from exc
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ConfigError(str(place), [f"{where}is not YAML: {getattr(exc, 'problem', exc)}"]) from exc
    try:
        file = _File.model_validate({} if value is None else value)
    except ValidationError as exc:
        faults = [
            f"{'.'.join(str(part) for part in error['loc'])}: {error['msg'].removeprefix('Value error, ')}"
            for error in exc.errors(include_input=False, include_url=False)
        ]
        raise ConfigError(str(place), faults) from None
    faults = [fault for route in file.routes for fault in _faults(route)]
    if faults:
        raise ConfigError(str(place), faults)
    return file


def _faults(route: Route) -> list[str]:
    if route.runbook not in RUNBOOKS:
        return [f"route {route.name[:60]!r}: no runbook {route.runbook[:40]!r}; there are {', '.join(RUNBOOKS)}"]
    faults = []
    for name in ("environment", "incident", "alert_at"):
        if name in route.parameters:
            faults.append(f"route {route.name[:60]!r}: {name} is not for a route to set")
    try:
        checked(route.parameters, declared(RUNBOOKS[route.runbook].notebook), runbook=route.runbook)
        if route.parameters.get("window"):
            windows.parse(str(route.parameters["window"]), now=datetime.now(UTC))
    except UsageError as exc:
        faults.append(f"route {route.name[:60]!r}: {exc}")
    return faults


def _calendar(settings: Settings) -> Calendar:
    return calendar(
        settings.business_timezone,
        settings.business_hours_start,
        settings.business_hours_end,
        settings.business_holidays,
    )


def _rules(file: _File) -> Rules:
    quotas = {sender: Quota(**quota.model_dump()) for sender, quota in file.quotas.items()}
    watching = {step: Watching(**series.model_dump()) for step, series in file.watching.items()}
    return Rules(
        **file.grouping.model_dump(),
        watching={**DEFAULT_WATCHING, **watching},
        quota=quotas.pop("default", Quota()),
        quotas=quotas,
    )


def _routing(file: _File, settings: Settings) -> Routing:
    rules = replace(_rules(file), calendar=_calendar(settings))
    general = {word.lower(): level for word, level in file.severities.items() if isinstance(level, str)}
    own = {
        sender: {word.lower(): level for word, level in known.items()}
        for sender, known in file.severities.items()
        if isinstance(known, Mapping)
    }
    return Routing(
        rules=rules,
        routes=tuple(_compiled(route) for route in file.routes),
        severities={**_BUILT_IN, **general},
        of_sender=own,
        services={name.lower(): service.lower() for name, service in file.services.items()},
    )


def _compiled(route: Route) -> _Compiled:
    tests = []
    for name in ("sender", "kind", "title", "service"):
        patterns = getattr(route.match, name)
        if patterns:
            tests.append(("fact", name, _pattern(patterns)))
    for label, patterns in route.match.labels.items():
        tests.append(("label", label, _pattern(patterns)))
    return _Compiled(route, tuple(tests))


def _pattern(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in patterns), re.IGNORECASE)


def without_routes(rules: Rules | None = None) -> Routing:
    """Return a routing that sends every alert to triage; for tests and for rehearsals."""
    return replace(Routing(), rules=rules or Rules())


def rules_of(settings: Settings) -> Rules:
    """
    Return how alerts are grouped and steps are watched, read again when the file has changed.

    For those who carry runs out: a file that is wrong by now must not keep a report from its incident, so the rules
    that are built in stand in for it; who starts the service is told of its faults.
    """
    place = home() / "parameters" / FILE
    try:
        return replace(_rules_at(place, place.stat().st_mtime_ns), calendar=_calendar(settings))
    except (ConfigError, OSError):
        return Rules(calendar=_calendar(settings))


@lru_cache(maxsize=4)
def _rules_at(place: Path, _changed_ns: int) -> Rules:
    return _rules(_read(place))
