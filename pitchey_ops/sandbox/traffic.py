"""Requests: how many, how they end, how long they take, what edge, Workers and probes see of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from .builder import MINUTE, Builder, Crowd, Fault, Floats, Ints
from .columns import shaped
from .platform import INDEX, PROBED, ROUTES, SCRIPTS, TRAFFIC
from .world import EDGE, PROBES, WORKERS

BACKGROUND_5XX = 0.001
"""Share of the Worker's requests that fail in normal operation."""

LATENCY_SIGMA = 0.42
"""Log-normal sigma of ordinary answer times."""

IS_WORKER = np.array([r.kind in ("api", "socket") for r in ROUTES])
MEDIAN_MS = np.array([r.median_ms for r in ROUTES])


@dataclass(frozen=True, slots=True)
class Failed:
    """Failing requests of one fault: ``counts[i, j]`` in minute ``low + i`` on ``routes[j]``."""

    fault: Fault
    low: int
    routes: npt.NDArray[np.int64]
    counts: Ints


@dataclass(frozen=True, slots=True)
class Gathered:
    """Requests of one crowd: ``counts[i, k]`` in minute ``low + i`` with ``statuses[k]``."""

    crowd: Crowd
    low: int
    statuses: tuple[int, ...]
    counts: Ints


@dataclass(frozen=True, slots=True)
class Traffic:
    """All requests by minute (rows) and route (columns), by how they ended."""

    good: Ints
    refused: Ints
    background: Ints
    failed: tuple[Failed, ...]
    crowds: tuple[Gathered, ...]
    stumbled: tuple[Failed, ...] = ()

    def total(self) -> Ints:
        """Return the requests of the platform's ordinary users, by minute and route."""
        result = self.good + self.refused + self.background
        for one in self.failed:
            result[one.low : one.low + len(one.counts), one.routes] += one.counts
        return result


def draw(b: Builder) -> Traffic:
    """Draw the requests of all minutes."""
    rate = np.array([r.per_min for r in ROUTES]) * TRAFFIC * b.level[:, None]
    for paths, span, factor in b.traffic:
        columns = [INDEX[p] for p in paths] if paths else list(range(len(ROUTES)))
        rate[:, columns] *= (1.0 + (factor - 1.0) * span.by_minute(b.minutes))[:, None]
    rest: Ints = b.rng("requests").poisson(rate).astype(np.int64)
    failed = [one for fault in b.faults if (one := _hit(b, fault, rest, taken=True)) is not None]
    wrong = np.where(IS_WORKER, BACKGROUND_5XX, 0.0)
    background: Ints = b.rng("background").binomial(rest, wrong[None, :]).astype(np.int64)
    rest -= background
    refusal = np.array([r.refused for r in ROUTES])
    if not b.has_db_route:
        refusal[INDEX["/api/health/db"]] = 1.0
    refused: Ints = b.rng("refused").binomial(rest, refusal[None, :]).astype(np.int64)
    crowds = [met for crowd in b.crowds if (met := _gather(b, crowd)) is not None]
    good = rest - refused
    stumbled = [one for fault in b.stumbles if (one := _hit(b, fault, good, taken=False)) is not None]
    return Traffic(good, refused, background, tuple(failed), tuple(crowds), tuple(stumbled))


def _hit(b: Builder, fault: Fault, rest: Ints, *, taken: bool) -> Failed | None:
    """Draw whom a fault hits among *rest*, which it leaves where it is *taken*."""
    strength = fault.span.by_minute(b.minutes)
    hit = np.flatnonzero(strength)
    if not len(hit) or not fault.hits:
        return None
    low, high = int(hit[0]), int(hit[-1]) + 1
    columns = np.array([INDEX[p] for p in fault.hits], dtype=np.int64)
    shares = np.clip(strength[low:high, None] * np.array(list(fault.hits.values()))[None, :], 0.0, 1.0)
    counts: Ints = b.rng(f"fault {fault.key}").binomial(rest[low:high, columns], shares).astype(np.int64)
    if taken:
        rest[low:high, columns] -= counts
    return Failed(fault, low, columns, counts)


def _gather(b: Builder, crowd: Crowd) -> Gathered | None:
    strength = crowd.span.by_minute(b.minutes)
    hit = np.flatnonzero(strength)
    if not len(hit):
        return None
    low, high = int(hit[0]), int(hit[-1]) + 1
    outcomes = dict(crowd.outcomes)
    if crowd.blocked:
        outcomes = {s: share * (1.0 - crowd.blocked) for s, share in outcomes.items()}
        outcomes[403] = outcomes.get(403, 0.0) + crowd.blocked
    rates = crowd.per_min * strength[low:high, None] * np.array(list(outcomes.values()))[None, :]
    counts: Ints = b.rng(f"crowd {crowd.key}").poisson(rates).astype(np.int64)
    return Gathered(crowd, low, tuple(outcomes), counts)


def edge(b: Builder, traffic: Traffic) -> pl.DataFrame:
    """Return what the edge counted: requests by minute, route and status."""
    paths = pl.Series([r.path for r in ROUTES], dtype=pl.String)
    by_status: dict[int, Ints] = {}

    def add(status: int, low: int, columns: npt.NDArray[np.int64], counts: Ints) -> None:
        table = by_status.setdefault(status, np.zeros(traffic.good.shape, dtype=np.int64))
        table[low : low + len(counts), columns] += counts

    for status in {r.ok for r in ROUTES}:
        columns = np.array([i for i, r in enumerate(ROUTES) if r.ok == status])
        add(status, 0, columns, traffic.good[:, columns])
    for status in {r.refusal for r in ROUTES}:
        columns = np.array([i for i, r in enumerate(ROUTES) if r.refusal == status])
        add(status, 0, columns, traffic.refused[:, columns])
    add(500, 0, np.arange(len(ROUTES)), traffic.background)
    for one in traffic.failed:
        add(one.fault.status, one.low, one.routes, one.counts)
    strange: list[pl.DataFrame] = []
    for crowd in traffic.crowds:
        for k, status in enumerate(crowd.statuses):
            route = INDEX.get(crowd.crowd.route)
            if route is not None:
                add(status, crowd.low, np.array([route]), crowd.counts[:, k : k + 1])
                continue
            rows = np.flatnonzero(crowd.counts[:, k])
            counts = crowd.counts[rows, k]
            strange.append(
                pl.DataFrame(
                    {"at": b.minutes[crowd.low + rows], "requests": counts, "bytes": counts * 900},
                ).with_columns(
                    route=pl.lit(crowd.crowd.route),
                    status=pl.lit(status, pl.Int32),
                    cached=pl.lit(0, pl.Int64),
                )
            )
    rng = b.rng("edge")
    cache_share = np.array([r.cache for r in ROUTES])[None, :] * np.ones((len(b.minutes), 1))
    for routes, span, factor in b.edge_cache:
        columns_hit = [INDEX[p] for p in routes]
        cache_share[:, columns_hit] *= (1.0 + (factor - 1.0) * span.by_minute(b.minutes))[:, None]
    size = np.array([r.kilobytes * 1000 for r in ROUTES])
    frames = []
    for status, table in sorted(by_status.items()):
        rows, columns = np.nonzero(table)
        counts = table[rows, columns]
        good = status < 300
        cached = rng.binomial(counts, cache_share[rows, columns]) if good else np.zeros(len(counts), dtype=np.int64)
        each = size[columns] if good else np.full(len(counts), 700.0)
        frames.append(
            pl.DataFrame(
                {
                    "at": b.minutes[rows],
                    "route": paths.gather(pl.Series(columns)),
                    "requests": counts,
                    "cached": cached,
                    "bytes": (counts * each * np.exp(rng.normal(0, 0.08, len(counts)))).astype(np.int64),
                }
            ).with_columns(status=pl.lit(status, pl.Int32))
        )
    merged = pl.concat([shaped(f, EDGE) for f in [*frames, *strange]])
    if strange:
        merged = merged.group_by("at", "route", "status", maintain_order=True).agg(
            pl.col("requests").sum(), pl.col("cached").sum(), pl.col("bytes").sum()
        )
    return merged.select(list(EDGE)).sort("at", "route", "status")


def latency(b: Builder, key: str, at: Ints, route: Ints) -> Floats:
    """
    Return answer times in ms for requests at *at* on *route*.

    Log-normal around the route's median, a little longer under load, changed by every `Slow`.
    """
    rng = b.rng(f"latency {key}")
    minute = np.clip((at - b.start_ms) // MINUTE, 0, len(b.minutes) - 1)
    load = 1.0 + 0.12 * (b.level[minute] - 1.0)
    took: Floats = MEDIAN_MS[route] * load * np.exp(rng.normal(0.0, LATENCY_SIGMA, len(at)))
    for slow in b.slows:
        share = np.zeros(len(ROUTES))
        for path, value in slow.hits.items():
            share[INDEX[path]] = value
        inside = np.flatnonzero((at >= slow.span.start_ms) & (at < slow.span.end_ms) & (share[route] > 0))
        if not len(inside):
            continue
        lot = b.rng(f"slow {slow.key} {key}")
        strength = slow.span.strength(at[inside])
        chosen = lot.random(len(inside)) < share[route[inside]]
        noise = np.exp(lot.normal(0.0, 0.35, len(inside)))
        slower = took[inside] * (1 + (slow.factor - 1) * strength) + slow.add_ms * strength * noise
        took[inside] = np.where(chosen, slower, took[inside])
    return took


def fault_took(fault: Fault, n: int, rng: np.random.Generator) -> Floats:
    """Return how long *n* failing requests took, ms."""
    result: Floats = fault.took_ms * np.exp(rng.normal(0.0, 0.25, n))
    return result


def workers(b: Builder, traffic: Traffic) -> pl.DataFrame:
    """Return Worker invocations by minute, script and outcome."""
    rng = b.rng("workers")
    count = len(b.minutes)
    frames: list[pl.DataFrame] = []
    through = traffic.total()[:, IS_WORKER].sum(axis=1)
    outcomes: dict[str, Ints] = {}
    for one in traffic.failed:
        runs = one.counts[:, IS_WORKER[one.routes]].sum(axis=1)
        span = slice(one.low, one.low + len(runs))
        if one.fault.outcome == "none":
            through[span] -= runs
        elif one.fault.outcome != "success":
            outcomes.setdefault(one.fault.outcome, np.zeros(count, dtype=np.int64))[span] += runs
    for crowd in traffic.crowds:
        route = INDEX.get(crowd.crowd.route)
        if route is not None and IS_WORKER[route]:
            seen = crowd.counts.sum(axis=1)
            if crowd.crowd.blocked:
                seen = rng.binomial(seen, 1.0 - crowd.crowd.blocked)
            through[crowd.low : crowd.low + len(crowd.counts)] += seen
    left = np.maximum(through - sum(outcomes.values(), np.zeros(count, dtype=np.int64)), 0)
    uncaught = rng.binomial(left, 0.0002)
    gone = rng.binomial(left, 0.002)
    table = {"success": left - uncaught - gone, "clientDisconnected": gone}
    outcomes["scriptThrewException"] = outcomes.get("scriptThrewException", np.zeros(count, dtype=np.int64)) + uncaught
    _add_scripts(b, frames, "pitchey-production", table | outcomes, 4200.0, 2.4, rng)
    for script, per_min, cpu in SCRIPTS:
        _add_scripts(b, frames, script, {"success": rng.poisson(per_min, count)}, cpu, 3.0, rng)
    return shaped(pl.concat(frames), WORKERS).sort("at", "script", "status")


def _add_scripts(
    b: Builder,
    frames: list[pl.DataFrame],
    script: str,
    outcomes: dict[str, Ints],
    cpu_us: float,
    subrequests: float,
    rng: np.random.Generator,
) -> None:
    """Append the rows of one script, changed by its `WorkerShift`; its wall time holds what requests wait for."""
    cpu = np.full(len(b.minutes), cpu_us)
    wait_us = _longest_wait_ms(b) * 1000 if script == "pitchey-production" else np.zeros(len(b.minutes))
    tables = dict(outcomes)
    for shift in b.workers:
        if shift.script != script:
            continue
        strength = shift.span.by_minute(b.minutes)
        cpu *= 1.0 + (shift.cpu - 1.0) * strength
        for status, counts in tables.items():
            tables[status] = np.round(counts * (1.0 + (shift.traffic - 1.0) * strength)).astype(np.int64)
        if shift.outcome:
            bad = rng.binomial(tables["success"], np.clip(shift.share * strength, 0, 1))
            tables["success"] = tables["success"] - bad
            tables[shift.outcome] = tables.get(shift.outcome, np.zeros(len(bad), dtype=np.int64)) + bad
    for status, counts in tables.items():
        rows = np.flatnonzero(counts)
        n = len(rows)
        if not n:
            continue
        runs = counts[rows]
        bad_one = status not in ("success", "clientDisconnected")
        spread = np.exp(rng.normal(0.0, 0.06, (3, n)))
        limit = 50_000.0 if status == "exceededResources" else 0.0
        frames.append(
            pl.DataFrame(
                {
                    "at": b.minutes[rows],
                    "requests": runs,
                    "errors": runs if bad_one else np.zeros(n, dtype=np.int64),
                    "subrequests": np.round(runs * subrequests * (0.4 if bad_one else 1.0)).astype(np.int64),
                    "cpu_p50_us": np.maximum(cpu[rows] * spread[0], limit),
                    "cpu_p99_us": np.maximum(cpu[rows] * 5.5 * spread[1], limit),
                    "wall_p99_us": (cpu_us * 160 + wait_us[rows]) * spread[2],
                }
            ).with_columns(script=pl.lit(script), status=pl.lit(status))
        )


def _longest_wait_ms(b: Builder) -> Floats:
    """Return what the slowest hundredth of the Worker's requests wait beyond the ordinary, by minute, ms."""
    wait = np.zeros(len(b.minutes))
    for slow in b.slows:
        usual = max((ROUTES[INDEX[p]].median_ms for p in slow.hits), default=0.0)
        wait = np.maximum(wait, slow.span.by_minute(b.minutes) * (slow.add_ms * 1.9 + usual * (slow.factor - 1)))
    for fault in b.faults:
        if fault.outcome != "none" and fault.took_ms > 400:
            wait = np.maximum(wait, (fault.span.by_minute(b.minutes) > 0) * fault.took_ms * 1.5)
    return wait


def healthy_status(b: Builder, path: str) -> int:
    """Return what a probe of *path* gets in normal operation."""
    if path == "/api/auth/verify":
        return 401
    if path == "/api/health/db" and not b.has_db_route:
        return 404
    return 200


def probes(b: Builder) -> pl.DataFrame:
    """Return what a prober outside saw, once a minute and route, up to the world's end."""
    frames = []
    for path in PROBED:
        rng = b.rng(f"probe {path}")
        at = b.minutes + 17_000 + rng.integers(0, 900, len(b.minutes))
        route = np.full(len(at), INDEX[path], dtype=np.int64)
        took = latency(b, f"probe {path}", at, route) + rng.gamma(4.0, 9.0, len(at))
        status = np.full(len(at), healthy_status(b, path), dtype=np.int32)
        lost = rng.random(len(at)) < 0.0006
        status[lost], took[lost] = 0, 10_000.0
        for fault in b.faults:
            share = fault.hits.get(path, 0.0)
            if share and status[0] != 404:
                lot = b.rng(f"probe {path} {fault.key}")
                bad = lot.random(len(at)) < share * fault.span.strength(at)
                status[bad] = fault.status
                took[bad] = np.minimum(fault_took(fault, int(bad.sum()), lot), 10_000.0)
        late = took >= 10_000.0
        status[late], took[late] = 0, 10_000.0
        frames.append(
            pl.DataFrame({"at": at, "status": status, "duration_ms": np.round(took, 1)}).with_columns(
                route=pl.lit(path), vantage=pl.lit("probe-fra")
            )
        )
    return pl.concat([shaped(f, PROBES) for f in frames]).sort("at", "route")
