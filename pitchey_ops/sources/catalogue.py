"""
Every probe of this package in one table: where it asks, in which round, what it costs, who needs it.

A runbook asks its probes of one round all at once; what a later round asks follows purely from the
observations of the earlier ones (`Context.earlier`). A new probe is one method of a source and one line here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from ..models.observation import AnyObservation, Observed
from ..models.window import Window
from ..settings import Settings
from .api import Api
from .apm import Apm
from .channel import Channel
from .cloudflare import Cloudflare
from .cloudflare_status import StatusPage
from .database import Database
from .frontend import Frontend, Page
from .history import OwnHistory
from .infra import Infra
from .logs import LogPage, Logs, LogStats, is_name
from .monitoring import Monitoring
from .pagerduty import PagerDuty
from .r2 import R2, Prefixes
from .security import Security
from .sentry import Sentry
from .tail import LiveTail

T = TypeVar("T")

MAX_FOUND = 40
"""Services that are asked for because an answer named them; a hostile answer could name thousands."""

RUNBOOKS = (
    "triage",
    "outage",
    "error_rate",
    "performance",
    "security",
    "database",
    "frontend",
    "monitoring",
    "post_incident",
)


class Sources:
    """One of each source, about one window."""

    def __init__(self, channel: Channel, settings: Settings, window: Window) -> None:
        self.api = Api(channel, settings, window)
        self.frontend = Frontend(channel, settings, window)
        self.monitoring = Monitoring(channel, settings, window)
        self.infra = Infra(channel, settings, window)
        self.logs = Logs(channel, settings, window)
        self.apm = Apm(channel, settings, window)
        self.security = Security(channel, settings, window)
        self.cloudflare_status = StatusPage(channel, settings, window)
        self.cloudflare = Cloudflare(channel, settings, window)
        self.tail = LiveTail(channel, settings, window)
        self.sentry = Sentry(channel, settings, window)
        self.pagerduty = PagerDuty(channel, settings, window)
        self.database = Database(channel, settings, window)
        self.r2 = R2(channel, settings, window)
        self.history = OwnHistory(channel, settings, window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """
    What a probe is asked with.

    Attributes
    ----------
    earlier
        Observations of the rounds before, by id.
    """

    sources: Sources
    settings: Settings
    window: Window
    earlier: Mapping[str, AnyObservation] = field(default_factory=dict)


Ask = Callable[[Context], Awaitable[list[AnyObservation]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """
    One line of the catalogue.

    Attributes
    ----------
    source
        First part of its observations' ids.
    round
        1 needs no answer; 2 and 3 follow from earlier answers.
    cost
        Requests, about.
    runbooks
        Which runbooks ask it.
    followed
        A later round follows from it, and waits for it. Any other only has to end before the asking does.
    listens
        It goes on until all others have ended (`channel.ListeningChannel`).
    """

    name: str
    source: str
    round: Literal[1, 2, 3]
    cost: int
    runbooks: frozenset[str]
    ask: Ask
    followed: bool = False
    listens: bool = False


def _one(read: Callable[[Sources], Awaitable[AnyObservation]]) -> Ask:
    async def ask(context: Context) -> list[AnyObservation]:
        return [await read(context.sources)]

    return ask


def _metrics(*names: str) -> Ask:
    async def ask(context: Context) -> list[AnyObservation]:
        return list(await asyncio.gather(*(context.sources.apm.metrics(name) for name in names)))

    return ask


def _statements(*names: str) -> Ask:
    async def ask(context: Context) -> list[AnyObservation]:
        return list(await asyncio.gather(*(context.sources.database.ask(name) for name in names)))

    return ask


async def _logs_of(context: Context, names: Iterable[str]) -> list[AnyObservation]:
    return list(await asyncio.gather(*(context.sources.logs.service(name) for name in names)))


async def _known_services(context: Context) -> list[AnyObservation]:
    return await _logs_of(context, known_services(context.settings))


async def _found_services(context: Context) -> list[AnyObservation]:
    return await _logs_of(context, found_services(context.settings, context.earlier))


async def _watchers(context: Context) -> list[AnyObservation]:
    scripts = sorted({*context.settings.monitoring_scripts} - {context.settings.worker_script})
    return list(await asyncio.gather(*(context.sources.cloudflare.workers(script) for script in scripts)))


async def _assets(context: Context) -> list[AnyObservation]:
    pages = _values(context.earlier, "frontend/page/", Page)
    return [await context.sources.frontend.assets(page) for page in pages]


async def _archive(context: Context) -> list[AnyObservation]:
    prefixes = _values(context.earlier, "r2/prefixes/", Prefixes)
    names = hidden_services(context.earlier)
    if not prefixes or not names:
        return []
    return list(await context.sources.r2.archive(names, prefixes[0]))


def known_services(settings: Settings) -> tuple[str, ...]:
    """Return the log services that the settings name, sorted, each once."""
    return tuple(sorted(set(settings.services)))


def found_services(settings: Settings, earlier: Mapping[str, AnyObservation]) -> tuple[str, ...]:
    """
    Return services that any answer named and the settings did not, sorted, at most `MAX_FOUND`.

    Names come from R2's prefixes, from log entries, from the counters of ``/logs/stats`` and from the log's own
    counter entry: the store's cut hides names, so that no single one of these is enough. R2's go first.
    """
    known = set(settings.services)
    first = {name for value in _values(earlier, "r2/prefixes/", Prefixes) for name in value.names}
    then: set[str] = set()
    for page in _values(earlier, "logs/", LogPage):
        then.update(page.names)
    for stats in _values(earlier, "logs/stats/", LogStats):
        then.update(stats.services)
    order = [*sorted(first - known), *sorted(then - first - known)]
    return tuple(sorted([name for name in order if is_name(name)][:MAX_FOUND]))


def hidden_services(earlier: Mapping[str, AnyObservation]) -> tuple[str, ...]:
    """
    Return services of R2's prefixes whose window the logs service did not show as a whole, sorted.

    That is where the cut was reached, where the read failed, and where nobody asked.
    """
    whole: set[str] = set()
    for observation in earlier.values():
        if isinstance(observation, Observed) and isinstance(observation.value, LogPage):
            share = observation.coverage.share
            if observation.value.service is not None and share is not None and share >= 1.0:
                whole.add(observation.value.service)
    archived = {name for value in _values(earlier, "r2/prefixes/", Prefixes) for name in value.names}
    return tuple(sorted(archived - whole))


def _values(earlier: Mapping[str, AnyObservation], start: str, kind: type[T]) -> list[T]:
    return [
        observation.value
        for key, observation in sorted(earlier.items())
        if key.startswith(start) and isinstance(observation, Observed) and isinstance(observation.value, kind)
    ]


def _probe(
    name: str,
    round_: Literal[1, 2, 3],
    cost: int,
    runbooks: str,
    ask: Ask,
    *,
    followed: bool = False,
    listens: bool = False,
) -> Probe:
    wanted = RUNBOOKS if runbooks == "all" else tuple(runbooks.split())
    assert set(wanted) <= set(RUNBOOKS), runbooks
    source = name.split(".", maxsplit=1)[0]
    return Probe(
        name=name,
        source=source,
        round=round_,
        cost=cost,
        runbooks=frozenset(wanted),
        ask=ask,
        followed=followed,
        listens=listens,
    )


_LINES = (
    _probe("api.health", 1, 3, "all", _one(lambda s: s.api.health())),
    _probe(
        "api.health_db",
        1,
        3,
        "triage outage error_rate database monitoring post_incident",
        _one(lambda s: s.api.health_db()),
    ),
    _probe(
        "api.pitches",
        1,
        3,
        "triage outage error_rate performance database post_incident",
        _one(lambda s: s.api.pitches()),
    ),
    _probe(
        "api.auth_verify",
        1,
        3,
        "triage outage error_rate security post_incident",
        _one(lambda s: s.api.auth_verify()),
    ),
    _probe(
        "frontend.page",
        1,
        1,
        "triage outage performance security frontend post_incident",
        _one(lambda s: s.frontend.page()),
        followed=True,
    ),
    _probe("frontend.assets", 2, 30, "triage outage performance frontend", _assets),
    _probe("monitoring.health", 1, 1, "all", _one(lambda s: s.monitoring.health())),
    _probe(
        "monitoring.dashboard",
        1,
        1,
        "triage outage monitoring post_incident",
        _one(lambda s: s.monitoring.dashboard()),
    ),
    _probe(
        "infra.health",
        1,
        1,
        "triage outage performance database monitoring post_incident",
        _one(lambda s: s.infra.health()),
    ),
    _probe("infra.worker", 1, 1, "performance", _one(lambda s: s.infra.worker())),
    _probe("infra.kv", 1, 1, "performance monitoring", _one(lambda s: s.infra.kv())),
    _probe("infra.r2", 1, 1, "performance", _one(lambda s: s.infra.r2())),
    _probe("infra.durable_objects", 1, 1, "monitoring", _one(lambda s: s.infra.durable_objects())),
    _probe("infra.rate_limits", 1, 1, "security performance", _one(lambda s: s.infra.rate_limits())),
    _probe("logs.stats", 1, 1, "triage error_rate monitoring", _one(lambda s: s.logs.stats()), followed=True),
    _probe("logs.unfiltered", 1, 1, "triage error_rate monitoring", _one(lambda s: s.logs.unfiltered()), followed=True),
    _probe("logs.services", 1, 20, "all", _known_services, followed=True),
    _probe("logs.found", 2, 5, "all", _found_services, followed=True),
    _probe("apm.requests", 1, 3, "all", _metrics("response_time", "error_rate", "span.duration")),
    _probe(
        "apm.database",
        1,
        4,
        "triage outage error_rate performance database",
        _metrics("db.connection_pool_size", "db.active_connections", "db.query_time.avg", "db.error_rate"),
    ),
    _probe(
        "apm.vitals",
        1,
        4,
        "triage performance frontend",
        _metrics("web.lcp", "web.fid", "web.cls", "web.ttfb"),
    ),
    _probe("apm.summary", 1, 1, "all", _one(lambda s: s.apm.summary())),
    _probe("security.metrics", 1, 1, "triage security post_incident", _one(lambda s: s.security.metrics())),
    _probe("cloudflare_status.summary", 1, 1, "all", _one(lambda s: s.cloudflare_status.summary())),
    _probe("cloudflare_api.deployments", 1, 1, "all", _one(lambda s: s.cloudflare.deployments())),
    _probe("cloudflare_api.versions", 1, 1, "outage post_incident", _one(lambda s: s.cloudflare.versions())),
    _probe("cloudflare_api.workers", 1, 1, "all", _one(lambda s: s.cloudflare.workers())),
    _probe("cloudflare_api.watchers", 1, 4, "triage monitoring", _watchers),
    _probe("cloudflare_api.tail", 1, 3, "outage", _one(lambda s: s.tail.tail()), listens=True),
    _probe("cloudflare_api.traffic", 1, 1, "all", _one(lambda s: s.cloudflare.traffic())),
    _probe(
        "cloudflare_api.firewall",
        1,
        1,
        "triage outage error_rate security",
        _one(lambda s: s.cloudflare.firewall()),
    ),
    _probe(
        "cloudflare_api.security_level",
        1,
        1,
        "outage security",
        _one(lambda s: s.cloudflare.security_level()),
    ),
    _probe("cloudflare_api.access_rules", 1, 1, "outage security", _one(lambda s: s.cloudflare.access_rules())),
    _probe(
        "sentry.issues",
        1,
        2,
        "triage outage error_rate performance frontend post_incident",
        _one(lambda s: s.sentry.issues()),
    ),
    _probe(
        "sentry.releases",
        1,
        1,
        "triage outage error_rate performance frontend post_incident",
        _one(lambda s: s.sentry.releases()),
    ),
    _probe("pagerduty.oncalls", 1, 1, "triage outage security", _one(lambda s: s.pagerduty.oncalls())),
    _probe(
        "database.connections",
        1,
        2,
        "triage outage error_rate performance database post_incident",
        _statements("connections", "activity"),
    ),
    _probe("database.blocking", 1, 1, "triage outage error_rate database", _statements("blocking")),
    _probe("database.locks", 1, 1, "database", _statements("locks")),
    _probe("database.statements", 1, 1, "outage performance database", _statements("statements")),
    _probe("database.indexes", 1, 2, "performance database", _statements("scans", "unused_indexes")),
    _probe(
        "database.capacity",
        1,
        4,
        "database performance",
        _statements("totals", "sizes", "settings", "replication"),
    ),
    _probe("r2.prefixes", 1, 4, "all", _one(lambda s: s.r2.prefixes()), followed=True),
    _probe("r2.archive", 3, 1500, "all", _archive),
    _probe("history.probes", 1, 3, "all", _one(lambda s: s.history.probes())),
)

PROBES: Mapping[str, Probe] = {probe.name: probe for probe in _LINES}
"""Every probe by name, in the order of the catalogue."""

ROUNDS: tuple[Literal[1, 2, 3], ...] = (1, 2, 3)


def probes_for(runbook: str, round_: Literal[1, 2, 3] | None = None) -> tuple[Probe, ...]:
    """Return the probes of *runbook*, of one round or of all, in the order of the catalogue."""
    return tuple(probe for probe in PROBES.values() if runbook in probe.runbooks and round_ in (None, probe.round))


async def ask_round(context: Context, probes: Iterable[Probe]) -> dict[str, AnyObservation]:
    """
    Ask *probes* all at once and return their observations by id, sorted by it.

    Raises
    ------
    RuntimeError
        Two probes returned the same id: a fault of the catalogue.
    """
    answers = await asyncio.gather(*(probe.ask(context) for probe in probes))
    found: dict[str, AnyObservation] = {}
    for observation in (one for many in answers for one in many):
        if observation.id in found or observation.id in context.earlier:
            raise RuntimeError(f"{observation.id}: observed twice in one run")
        found[observation.id] = observation
    return dict(sorted(found.items()))
