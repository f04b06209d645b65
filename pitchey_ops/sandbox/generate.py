"""Worlds from scenarios."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from . import effects, figures, records, traffic
from .builder import DAY, MINUTE, WEEK, Builder, Tracked
from .platform import STANDING_ISSUES
from .scenarios import catalogue
from .world import World

FRESH = 40 * MINUTE
"""How far back a young store reaches: less than 1,000 entries (trap 1) and points of a name (trap 9)."""

ONCALL = (
    {
        "escalation_level": 1,
        "user": {"id": "PUSER01", "type": "user", "summary": "Dana Reyes", "email": "dana@pitchey.example"},
        "schedule": {"id": "PSCHED1", "summary": "Primary"},
        "escalation_policy": {"id": "PPOLICY", "summary": "Pitchey platform"},
    },
    {
        "escalation_level": 2,
        "user": {"id": "PUSER02", "type": "user", "summary": "Miro Novak", "email": "miro@pitchey.example"},
        "schedule": {"id": "PSCHED2", "summary": "Secondary"},
        "escalation_policy": {"id": "PPOLICY", "summary": "Pitchey platform"},
    },
    {
        "escalation_level": 3,
        "user": {"id": "PUSER03", "type": "user", "summary": "Ines Okafor", "email": "ines@pitchey.example"},
        "schedule": None,
        "escalation_policy": {"id": "PPOLICY", "summary": "Pitchey platform"},
    },
)


def build(
    name: str,
    *,
    seed: int = 0,
    now_ms: int,
    fresh: bool = False,
    entries: int = 200_000,
    mended_ms: int | None = None,
) -> World:
    """
    Return the world of a scenario.

    Parameters
    ----------
    name
        A scenario of `scenarios.catalogue`.
    seed
        Same name, seed and clock: same world.
    now_ms
        The sandbox's clock at its start, ms since the epoch, UTC.
    fresh
        The platform's stores are `FRESH` old; edge, archive and history are not.
    entries
        Log entries in the week of normal operation, about.
    mended_ms
        When somebody mends the cause (a rollback, say). Everything before is as without it.

    Raises
    ------
    KeyError
        For an unknown scenario.
    """
    fresh = fresh or catalogue()[name].fresh
    world = replace(_draw(name, Builder(seed, now_ms, entries), fresh=fresh), fresh=fresh, entries=entries)
    if mended_ms is None:
        return world
    return mended(world, world, mended_ms)


def mended(before: World, original: World, at_ms: int) -> World:
    """Return the world that is *before* until *at_ms*, and from then on *original* with its cause mended at *at_ms*."""
    b = Builder(original.seed, original.now_ms, original.entries, at_ms)
    after = replace(_draw(original.name, b, fresh=original.fresh), fresh=original.fresh, entries=original.entries)
    return _spliced(before, after, at_ms)


def broken_again(before: World, original: World, at_ms: int) -> World:
    """Return the world that is *before* until *at_ms*, and from then on *original*: somebody undid the cure."""
    return _spliced(before, original, at_ms)


def _draw(name: str, b: Builder, *, fresh: bool) -> World:
    """Draw every table of a scenario."""
    truth = catalogue()[name].stage(b)
    requests = traffic.draw(b)
    since = b.now_ms - FRESH if fresh else None
    _ordinary_issues(b)
    for failed in (*requests.failed, *requests.stumbled):
        tracked = failed.fault.tracked
        if tracked is not None:
            effects.issue(b, failed.fault.key, tracked, records.failure_times(b, failed, tracked.share).tolist())
    _ordinary_security(b)
    return World(
        name=name,
        seed=b.seed,
        now_ms=b.now_ms,
        logs=records.logs(b, requests, since),
        metrics=figures.metrics(b, requests, since),
        db_posts=figures.db_posts(b, requests),
        vitals=figures.vitals(b),
        edge=traffic.edge(b, requests),
        workers=traffic.workers(b, requests),
        firewall=figures.firewall(b, requests),
        probes=traffic.probes(b),
        deployments=tuple(sorted(b.deployments, key=lambda d: d.at_ms)),
        releases=tuple(sorted(b.releases, key=lambda r: r.at_ms)),
        issues=tuple(replace(i, events_ms=tuple(sorted(i.events_ms))) for i in b.issues if len(i.events_ms)),
        behaviours=tuple(b.behaviours),
        status_incidents=tuple(b.status_incidents),
        security_events={kind: tuple(sorted(times)) for kind, times in sorted(b.security.items())},
        oncall=ONCALL,
        truth=truth,
    )


def _spliced(before: World, after: World, at_ms: int) -> World:
    """Return the world that is *before* until *at_ms* and *after* from then on."""
    tables = {}
    for table in ("logs", "metrics", "db_posts", "vitals", "edge", "workers", "firewall", "probes"):
        when = pl.col("arrival" if table == "logs" else "at")
        old, new = getattr(before, table), getattr(after, table)
        tables[table] = pl.concat([old.filter(when < at_ms), new.filter(when >= at_ms)]).sort("at", maintain_order=True)
    new_times = {issue.id: issue.events_ms for issue in after.issues}
    issues = []
    for issue in before.issues:
        times = [t for t in issue.events_ms if t < at_ms]
        times += [t for t in new_times.get(issue.id, ()) if t >= at_ms]
        if times:
            issues.append(replace(issue, events_ms=tuple(times)))
    security = {
        kind: (
            *(t for t in before.security_events.get(kind, ()) if t < at_ms),
            *(t for t in after.security_events.get(kind, ()) if t >= at_ms),
        )
        for kind in sorted({*before.security_events, *after.security_events})
    }
    live = [
        *(replace(b, end_ms=min(b.end_ms, at_ms)) for b in before.behaviours if b.start_ms < at_ms),
        *(replace(b, start_ms=max(b.start_ms, at_ms)) for b in after.behaviours if b.end_ms > at_ms),
    ]
    return replace(after, **tables, issues=tuple(issues), security_events=security, behaviours=tuple(live))


def _ordinary_issues(b: Builder) -> None:
    """Sentry's old acquaintances, over the week and the weeks before it."""
    days = 3 * WEEK / DAY
    for kind, value, culprit, project, per_day in STANDING_ISSUES:
        rng = b.rng(f"standing {kind} {value}")
        n = int(rng.poisson(per_day * days))
        times = np.sort(rng.integers(b.end_ms - 3 * WEEK, b.end_ms, n))
        effects.issue(
            b,
            f"standing {value}",
            Tracked(type=kind, value=value, culprit=culprit, project=project),
            times.tolist(),
        )


def _ordinary_security(b: Builder) -> None:
    """Background of the security service: scanners, the odd payload, a responder's own visit (trap 18)."""
    rng = b.rng("ordinary security")
    for kind, per_day in (
        ("suspicious_login_attempt", 6.0),
        ("sql_injection_attempt", 2.5),
        ("xss_attempt", 1.6),
        ("anomalous_behavior", 3.0),
    ):
        n = int(rng.poisson(per_day * 7))
        b.security.setdefault(kind, []).extend(rng.integers(b.start_ms, b.end_ms, n).tolist())
