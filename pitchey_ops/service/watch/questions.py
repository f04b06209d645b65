"""What one look asks: light, free of side effects, a handful of questions to each host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from ...errors import SourceError
from ...models.exchange import Exchange
from ...models.observation import AnyObservation, Coverage, Observation
from ...models.window import Window
from ...settings import Settings
from ...sources.api import Api
from ...sources.apm import METRIC_NAMES
from ...sources.catalogue import Sources, known_services
from ...sources.channel import Channel
from ...sources.cloudflare import LATE_MINUTES, rows_of
from ...sources.r2 import R2, arrival_of, read_listing
from ...sources.reading import Reading, iso, mapping, number, observation_id, observed_all, to_ms
from ...sources.source import Source
from .rows import EdgeShare, Last, Row, rows_for

EDGE_MINUTES = 5
"""Whole minutes of the edge's counts that one look takes together, so that a quiet site has some requests in it."""
EDGE_REQUESTS_MIN = 20.0
"""Below so many requests a share is not told."""
FLOWS_AT_A_TIME = 8
"""Log services and metrics that one look asks; see `flows_due`."""
OFTEN, SELDOM, BLIND = timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30)
LIGHT_KEYS = 200
"""An answer of so many entries costs the store few enough reads to be asked every minute."""
NEWEST_WITHIN = (timedelta(minutes=3), timedelta(hours=1))
AHEAD = timedelta(minutes=5)
"""An arrival later than this bears a wrong clock."""
FRESH = timedelta(seconds=20)
"""An answer that is older is one that another minute's row holds already."""
_SECONDS = 5.0
"""A minute's look may begin some seconds earlier within its minute than the one before it did."""

_TRAFFIC = """
query($zone:string,$from:string,$to:string){viewer{zones(filter:{zoneTag:$zone}){
 httpRequestsAdaptiveGroups(limit:1000,filter:{datetime_geq:$from,datetime_leq:$to}){
  count dimensions{edgeResponseStatus}}}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """How many names were listed; when the newest came is the coverage's end."""

    points_read: int


class Edge(Source):
    """A few numbers out of Cloudflare's analytics: what users got in the last minutes, all routes together."""

    name = "cloudflare_api"

    async def failing(self, now: datetime) -> Observation[EdgeShare]:
        """Read the share of requests with a 5xx status over `EDGE_MINUTES` minutes that are counted whole."""
        zone = self.settings.cloudflare_zone
        if zone is None:
            return self.missing("cloudflare_api/watch/edge", "cloudflare_zone")
        end = now.replace(second=0, microsecond=0) - timedelta(minutes=LATE_MINUTES)
        variables = {"zone": zone, "from": _at(end - timedelta(minutes=EDGE_MINUTES)), "to": _at(end)}
        body = json.dumps({"query": " ".join(_TRAFFIC.split()), "variables": variables}, sort_keys=True)
        return await self.read(
            "watch",
            "edge",
            "/graphql",
            lambda exchange: read_edge(exchange, self.settings.thresholds.error_share),
            method="POST",
            headers={"content-type": "application/json"},
            body=body.encode(),
        )


def read_edge(exchange: Exchange, limit: float) -> Reading[EdgeShare]:
    """
    Read requests by status; *limit* is the share (0-1) from which they count as failing.

    Raises
    ------
    SourceError
        There is no usable answer.
    """
    total = failing = 0.0
    for row in rows_of(exchange, "zones", "httpRequestsAdaptiveGroups"):
        count = number(row.get("count"))
        status = number(mapping(row.get("dimensions")).get("edgeResponseStatus"))
        if count is None or status is None or count < 0:
            continue
        total += count
        failing += count if 500 <= status < 600 else 0.0
    share = failing / total if total >= EDGE_REQUESTS_MIN else None
    value = EdgeShare(requests=total, failing_share=share, limit=limit)
    return Reading(value=value, coverage=Coverage(count=round(total)))


def _at(moment: datetime) -> str:
    return iso(moment)[:19] + "Z"


class Freshness(R2):
    """When a service's newest entry came into the log archive: by names of objects alone, none is read."""

    async def of(self, service: str, now: datetime) -> Observation[Newest]:
        """
        List what came in the last minutes, and only if that is nothing, in the last hour.

        One or two lists a service: the archive sees what the logs service's cut hides (contract, traps 1 and 8).
        """
        key = observation_id(self.name, "newest", service)
        missing = self._unset()
        if missing:
            return self.missing(key, *missing)
        exchanges: list[Exchange] = []
        newest: datetime | None = None
        for step, back in enumerate(NEWEST_WITHIN, start=1):
            since = now - back
            hours = sorted({hour.replace(minute=0, second=0, microsecond=0) for hour in (since, now)})
            for hour in hours:
                folder = f"{self._hour(hour)}{service}/"
                params = [("list-type", "2"), ("prefix", folder), ("encoding-type", "url")]
                params.append(("start-after", f"{folder}{to_ms(since)}"))
                name = observation_id(self.name, "newest", f"{service}.{step}.{hour:%H}")
                question = self.question(name, f"/{self._bucket()}", params, expect="xml")
                assert question is not None
                exchanges.append(await self.channel.ask(self._signed(question)))
                with suppress(SourceError):  # told by the reader below
                    times = [arrival_of(path) for path in read_listing(exchanges[-1]).keys]
                    newest = max((at for at in (newest, *times) if at is not None and at <= now + AHEAD), default=None)
            if newest is not None:
                break
        return observed_all(key, self.name, exchanges, now, lambda: read_newest(exchanges, newest))


def read_newest(exchanges: Sequence[Exchange], newest: datetime | None) -> Reading[Newest]:
    """
    Read listings of which the newest arrival is known.

    Raises
    ------
    SourceError
        One of them is no listing: then nothing was seen.
    """
    count = sum(len(read_listing(exchange).keys) for exchange in exchanges)
    coverage = Coverage(count=count, seen_end=newest)
    return Reading(value=Newest(points_read=count), status="observed" if newest else "no_data", coverage=coverage)


async def look(channel: Channel, settings: Settings, now: datetime, *, flows: Sequence[str], seldom: bool) -> list[Row]:
    """
    Ask everything at once and return a row for what is configured.

    Parameters
    ----------
    flows
        Log services and metrics to ask in this look (`flows_due`).
    seldom
        Whether what is asked every five minutes is asked, too.
    """
    window = Window(start=now - timedelta(hours=1), end=now)
    sources = Sources(channel, settings, window)
    api = Api(channel, settings, window, samples=1)
    asked: dict[str, Callable[[], Awaitable[AnyObservation]]] = {
        "api/health": api.health,
        "api/health_db": api.health_db,
        "api/pitches": api.pitches,
        "api/auth_verify": api.auth_verify,
        "frontend/page": sources.frontend.page,
        "platform/health": sources.monitoring.health,
        "edge/failing": lambda: Edge(channel, settings, window).failing(now),
    }
    if seldom:
        asked["cloudflare/status"] = sources.cloudflare_status.summary
        asked["security/events"] = sources.security.metrics
    large: dict[str, Callable[[], Awaitable[AnyObservation]]] = {}
    for flow in flows:
        kind, _, name = flow.removeprefix("flow/").partition("/")
        if kind == "r2":
            large[flow] = partial(Freshness(channel, settings, window).of, name, now)
        else:
            large[flow] = partial(sources.logs.service if kind == "logs" else sources.apm.metrics, name)
    # what is timed first: reading a thousand entries would show in the times of everything beside it
    answers = [
        *await asyncio.gather(*(ask() for ask in asked.values()), return_exceptions=True),
        *await asyncio.gather(*(ask() for ask in large.values()), return_exceptions=True),
    ]
    asked |= large
    found: list[Row] = []
    for probe, answer in zip(asked, answers, strict=True):
        if isinstance(answer, Exception):  # a bug of ours in one reader costs its own row only
            found.append(Row(probe=probe, state="unseen", detail=f"not understood: {type(answer).__name__}"))
        elif isinstance(answer, BaseException):
            raise answer
        elif answer.at > now - FRESH:  # else a shared answer, within the interval at which it may be asked at all
            found += rows_for(probe, answer, now)
    return found


def flows_of(settings: Settings) -> list[str]:
    """Return every log service and metric whose freshness is watched, as probes."""
    logs = [f"flow/logs/{name}"[:120] for name in known_services(settings)] if settings.url("logs") else []
    archived = settings.url("r2") is not None and settings.r2_bucket is not None
    logs += [f"flow/r2/{name}"[:120] for name in known_services(settings)] if archived else []
    return logs + ([f"flow/apm/{name}" for name in METRIC_NAMES] if settings.url("apm") else [])


def flows_due(settings: Settings, last: Mapping[str, Last], now: datetime) -> list[str]:
    """
    Return the flows that this look asks, the most overdue first.

    Every answer of these stores costs them one read for each of up to 1,000 entries (contract, traps 1 and 9). So
    what is small is asked every minute, what is large every five, and what is blind, whose newest entry cannot be seen
    anyway, every thirty.

    Parameters
    ----------
    last
        Probe -> minute, state and count of its newest row.
    """
    late: list[tuple[float, str]] = []
    for flow in flows_of(settings):
        if flow not in last:
            late.append((float("inf"), flow))
            continue
        minute, state, count = last[flow]
        pause = BLIND if state == "blind" else OFTEN if (count or 0) <= LIGHT_KEYS else SELDOM
        pause = max(pause, SELDOM) if flow.startswith("flow/r2/") else pause
        over = (now - minute - pause).total_seconds() + _SECONDS
        if over >= 0:
            late.append((over, flow))
    return [flow for _, flow in sorted(late, key=lambda pair: (-pair[0], pair[1]))[:FLOWS_AT_A_TIME]]
