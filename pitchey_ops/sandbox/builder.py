"""
A world in the making: what happens when, before anything is drawn by lot.

A scenario's steps (`sandbox.effects`) only write down intentions here: faults, slowness, crowds,
deployments, silences. `sandbox.generate` then draws every source from the same intentions, so that
edge, logs, workers, probes, error tracker and database figures tell one story.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .platform import ROUTES, TRAFFIC
from .world import Behaviour, Deployment, Issue, Release, StatusIncident

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
AHEAD = 150 * MINUTE
FOREVER = 30 * DAY

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Span:
    """
    When something holds, and how strongly.

    Attributes
    ----------
    start_ms, end_ms
        Start and end, end excluded.
    ramp_s
        Seconds from nothing to full strength, linear.
    every_s, on_s
        Where both are given: it comes and goes, ``on_s`` of every ``every_s`` seconds.
    """

    start_ms: int
    end_ms: int
    ramp_s: float = 0.0
    every_s: float = 0.0
    on_s: float = 0.0

    def strength(self, at_ms: Ints) -> Floats:
        """Return the strength, 0 to 1, at each time."""
        since = (at_ms - self.start_ms).astype(np.float64)
        inside = (at_ms >= self.start_ms) & (at_ms < self.end_ms)
        level = np.ones(len(at_ms)) if self.ramp_s <= 0 else np.clip(since / (self.ramp_s * 1000), 0.0, 1.0)
        if self.every_s > 0:
            inside &= np.mod(since, self.every_s * 1000) < self.on_s * 1000
        return np.where(inside, level, 0.0)

    def by_minute(self, minutes: Ints) -> Floats:
        """Return the mean strength over each minute that begins at *minutes*."""
        result = np.zeros(len(minutes))
        low, high = np.searchsorted(minutes, [self.start_ms - MINUTE + 1, self.end_ms])
        if high > low:
            offsets = np.arange(500, MINUTE, 1000, dtype=np.int64)
            points = (minutes[low:high, None] + offsets[None, :]).ravel()
            result[low:high] = self.strength(points).reshape(high - low, len(offsets)).mean(axis=1)
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    A kind of log entry that something leaves behind.

    Attributes
    ----------
    service
        Who logs it; ``""`` for the service that owns the failing route.
    texts
        Message templates (fields: `sandbox.entries.FIELDS`), drawn evenly.
    share
        Share of the occasions that leave it.
    delay_ms
        How long after the occasion, about.
    most_per_min
        The logger's own limit.
    metadata
        Template of a JSON object, ``""`` for none.
    request
        Whether url, user and address of the request are in the entry.
    """

    service: str = ""
    texts: tuple[str, ...]
    level: str = "error"
    share: float = 1.0
    component: str = ""
    stack: str = ""
    delay_ms: float = 8.0
    most_per_min: int = 60
    metadata: str = ""
    request: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """What Sentry makes of a fault: one issue."""

    type: str
    value: str
    culprit: str
    project: str = "pitchey-api"
    share: float = 0.6
    level: str = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    Requests that fail.

    Attributes
    ----------
    hits
        Route → share of its requests that fail at full strength.
    status
        Status at the edge; 0 for a stumble, a request that succeeds but leaves errors behind.
    page
        How the live route answers.
    outcome
        The Worker's outcome: ``success`` for a handled error, ``none`` when no Worker was reached.
    took_ms
        Median time until the failure, log-normal.
    """

    key: str
    hits: Mapping[str, float]
    span: Span
    status: int = 500
    page: Literal["json", "cloudflare_html", "text"] = "json"
    body: Any = None
    outcome: str = "success"
    took_ms: float = 60.0
    entries: tuple[Entry, ...] = ()
    tracked: Tracked | None = None
    release: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """Requests that take longer: ``share`` of them by ``factor`` and about ``add_ms``."""

    key: str
    hits: Mapping[str, float]
    span: Span
    factor: float = 1.0
    add_ms: float = 0.0
    service: str = ""  # whose own time grows (spans); "" for the route's owner
    external: bool = False  # the caller waits, the callee's own time does not grow (network, queue)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """
    Requests beyond the ordinary: a flood, an attacker, a crawler, a campaign.

    Attributes
    ----------
    route
        Path at the edge; need not be one of the platform's.
    urls
        Templates of what the request log shows; the route itself when empty.
    outcomes
        Status → share.
    logged
        Share of them in the request log.
    accounts
        Accounts that login attempts name, by turns; a login leaves its own kind of entry.
    blocked
        Share that the edge's firewall stops (status 403 there, never seen by the platform).
    """

    key: str
    route: str
    per_min: float
    span: Span
    addresses: Sequence[str]
    agents: Sequence[str]
    urls: tuple[str, ...] = ()
    method: str = "GET"
    outcomes: Mapping[int, float] = field(default_factory=lambda: {200: 1.0})
    logged: float = 0.1
    accounts: Sequence[str] = ()
    user: str = ""
    metadata: str = ""
    blocked: float = 0.0
    rule: str = ""
    service: str = "api-gateway"
    took_ms: float = 40.0
    entries: tuple[Entry, ...] = ()
    users: bool = False  # ordinary users rather than strangers


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """Log entries that no request leaves: ``per_min`` at full strength."""

    key: str
    entry: Entry
    per_min: float
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A column that changes: ``value * factor + add``, or ``to`` where given, times the span's strength."""

    column: str
    span: Span
    factor: float = 1.0
    add: float = 0.0
    to: float | None = None
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerShift:
    """A script that behaves differently: CPU, traffic, share of a bad outcome."""

    script: str
    span: Span
    cpu: float = 1.0
    traffic: float = 1.0
    outcome: str = ""
    share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """
    Something that stops leaving traces.

    Attributes
    ----------
    what
        ``logs`` (log entries), ``metrics``, ``db_posts``, ``vitals``, ``jobs`` (never run), ``archive`` (R2),
        ``unlogged`` (entries never sent at all).
    share
        Share that is lost, drawn by lot.
    services
        Only these; all when empty.
    """

    key: str
    what: Literal["logs", "metrics", "db_posts", "vitals", "jobs", "archive", "unlogged"]
    span: Span
    share: float = 1.0
    services: tuple[str, ...] = ()


class Builder:
    """
    Intentions for one world.

    Parameters
    ----------
    seed
        Everything that is drawn comes from it.
    now_ms
        The sandbox's clock at its start, ms since the epoch, UTC.
    entries
        Log entries a week in normal operation, about.
    mended_ms
        When somebody mends the cause: effects of `until_mended` end then, everything before stays as it was.
    """

    def __init__(self, seed: int, now_ms: int, entries: int = 200_000, mended_ms: int | None = None) -> None:
        self.seed = seed
        self.now_ms = now_ms
        self.entries = entries
        self.mended_ms = mended_ms
        self.start_ms = (now_ms - WEEK) // MINUTE * MINUTE
        self.end_ms = now_ms + AHEAD
        self.minutes: Ints = np.arange(self.start_ms, self.end_ms, MINUTE, dtype=np.int64)
        self.onset_ms = now_ms - 12 * MINUTE
        self.level = self._rhythm()
        self.traffic: list[tuple[tuple[str, ...], Span, float]] = []
        self.faults: list[Fault] = []
        self.stumbles: list[Fault] = []
        self.slows: list[Slow] = []
        self.crowds: list[Crowd] = []
        self.sayings: list[Saying] = []
        self.database: list[Shift] = []
        self.vitals: list[Shift] = []
        self.workers: list[WorkerShift] = []
        self.silences: list[Silence] = []
        self.skews: list[tuple[str, int, Span]] = []
        self.edge_cache: list[tuple[tuple[str, ...], Span, float]] = []
        self.cache_misses: list[Span] = []
        self.deployments: list[Deployment] = []
        self.releases: list[Release] = []
        self.issues: list[Issue] = []
        self.behaviours: list[Behaviour] = []
        self.status_incidents: list[StatusIncident] = []
        self.security: dict[str, list[int]] = {}
        self.has_db_route = self.between("db route", 0, 1) < 0.75

    def rng(self, key: str) -> np.random.Generator:
        """Return the generator of *key*: the same for a seed, whatever else is drawn."""
        return np.random.default_rng([self.seed, zlib.crc32(key.encode())])

    def between(self, key: str, low: float, high: float) -> float:
        """Draw a number for *key*, evenly between *low* and *high*."""
        return float(self.rng(key).uniform(low, high))

    def choose(self, key: str, options: Sequence[str]) -> str:
        """Draw one of *options* for *key*."""
        return options[int(self.rng(key).integers(len(options)))]

    def until_mended(self, start_ms: int, end_ms: int | None = None, **shape: float) -> Span:
        """Return a span from *start_ms* until the cause is mended, at the latest *end_ms* (never)."""
        end = self.now_ms + FOREVER if end_ms is None else end_ms
        if self.mended_ms is not None:
            end = min(end, max(self.mended_ms, start_ms))
        return Span(start_ms, end, **shape)

    def always(self) -> Span:
        """Return the span of the whole world."""
        return Span(self.start_ms - DAY, self.now_ms + FOREVER)

    def expected(self, route: str) -> Floats:
        """Return the expected requests a minute of *route*, by minute, without crowds."""
        for one in ROUTES:
            if one.path == route:
                rate = one.per_min * TRAFFIC * self.level
                for routes, span, factor in self.traffic:
                    if route in routes or not routes:
                        rate = rate * (1.0 + (factor - 1.0) * span.by_minute(self.minutes))
                return rate
        raise KeyError(route)

    def _rhythm(self) -> Floats:
        """Daily rhythm: a trough before dawn, a shoulder at midday, the peak in the evening; mean about 1."""
        hours = (self.minutes % DAY) / HOUR

        def bump(centre: float, width: float) -> Floats:
            away = np.abs(hours - centre)
            away = np.minimum(away, 24 - away)
            result: Floats = np.exp(-0.5 * (away / width) ** 2)
            return result

        level = 0.42 + 0.5 * bump(13.0, 3.6) + 1.15 * bump(20.0, 2.7)
        weekday = ((self.minutes // DAY) + 3) % 7  # 0 is Monday
        level = level * np.where(weekday >= 5, 1.1, np.where(weekday == 4, 1.05, 0.98))
        rng = self.rng("rhythm")
        knots = np.arange(len(self.minutes) // 30 + 3)
        wobble = np.interp(np.arange(len(self.minutes)) / 30, knots, rng.normal(0.0, 0.035, len(knots)))
        level = level * np.exp(wobble + rng.normal(0.0, 0.015, len(self.minutes)))
        result: Floats = level / 0.956
        return result
