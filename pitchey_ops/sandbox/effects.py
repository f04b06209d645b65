"""
What can go wrong, as functions over a `Builder`: each changes every source that it would change in life.

Times are ms since the epoch. Shares are 0 to 1. Every function takes a ``key`` that is unique in its
scenario, because the lots of each effect are drawn apart.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .builder import (
    FOREVER,
    HOUR,
    MINUTE,
    Builder,
    Crowd,
    Entry,
    Fault,
    Saying,
    Shift,
    Silence,
    Slow,
    Span,
    Tracked,
    WorkerShift,
)
from .entries import addresses
from .platform import DEPLOYERS, HARMLESS_CHANGES, ROUTES
from .world import Behaviour, Deployment, Issue, Release, StatusIncident

PRODUCTION = "pitchey-production"

LIVE = ("/api/pitches", "/api/auth/verify", "/api/health/db", "/api/browse")
"""Routes whose live answers may be slow (beside those that fail)."""


def owned_by(*services: str) -> list[str]:
    """Return the routes that *services* answer."""
    return [r.path for r in ROUTES if r.service in services]


def needing(dependency: str, share: float = 1.0) -> dict[str, float]:
    """Return every route that uses *dependency*, with the share of its requests that then fail or wait."""
    return {r.path: use * share for r in ROUTES for name, use in r.uses if name == dependency}


def in_worker(share: float = 1.0) -> dict[str, float]:
    """Return every route that the Worker answers, except the constant health route."""
    return {r.path: share for r in ROUTES if r.kind in ("api", "socket") and r.path != "/api/health"}


def everything(share: float) -> dict[str, float]:
    """Return every route at the edge."""
    return {r.path: share for r in ROUTES}


def of(paths: Sequence[str], share: float) -> dict[str, float]:
    """Return *paths*, each with *share*."""
    return dict.fromkeys(paths, share)


def fail(b: Builder, fault: Fault) -> None:
    """
    Let requests fail: edge, outcomes, logs, probes, Sentry and live routes, in one share at one time.

    Live routes with a ramp go up in three steps.
    """
    if not b.has_db_route:
        fault = replace(fault, hits={p: s for p, s in fault.hits.items() if p != "/api/health/db"})
    b.faults.append(fault)
    body = fault.body if fault.body is not None else {"success": False, "message": "Internal server error"}
    span = fault.span
    ramp_ms = int(span.ramp_s * 1000)
    steps = [(span.start_ms + ramp_ms * i // 3, (i + 0.5) / 3) for i in range(3)] if ramp_ms else []
    steps.append((span.start_ms + ramp_ms, 1.0))
    duty = span.on_s / span.every_s if span.every_s else 1.0
    for path, share in fault.hits.items():
        for (start, strength), end in zip(steps, [s for s, _ in steps[1:]] + [span.end_ms], strict=True):
            if end <= start:
                continue
            b.behaviours.append(
                Behaviour(
                    service="frontend" if _is_static(path) else "api",
                    path=path,
                    start_ms=start,
                    end_ms=end,
                    share=min(1.0, share * strength * duty),
                    status=fault.status,
                    kind=fault.page,
                    body=body,
                    latency_ms=min(fault.took_ms, 8000.0),
                )
            )


def slow(b: Builder, effect: Slow) -> None:
    """Let requests wait: response times, spans, probes and live routes."""
    b.slows.append(effect)
    for path, share in effect.hits.items():
        if path in LIVE and (path != "/api/health/db" or b.has_db_route):
            median = next((r.median_ms for r in ROUTES if r.path == path), 50.0)
            added = effect.add_ms + median * (effect.factor - 1)
            b.behaviours.append(
                Behaviour(
                    service="api",
                    path=path,
                    start_ms=effect.span.start_ms + int(effect.span.ramp_s * 500),
                    end_ms=effect.span.end_ms,
                    share=min(1.0, share),
                    latency_ms=min(added, 6000.0),
                )
            )


def stumble(b: Builder, fault: Fault) -> None:
    """Let requests that succeed leave errors behind: in the log and in Sentry, not at the edge."""
    b.stumbles.append(fault)


def _is_static(path: str) -> bool:
    return any(r.path == path and r.kind in ("page", "asset") for r in ROUTES)


def deploy(
    b: Builder, script: str, at_ms: int, message: str, author: str | None = None, source: str = "wrangler"
) -> Deployment:
    """Record a deployment, with the next number of its script; production also gets a Sentry release."""
    number = 180 + sum(1 for d in b.deployments if d.script == script) + int(b.between(f"number {script}", 0, 60))
    token = b.rng(f"version {script} {at_ms - b.now_ms} {message}").bytes(16)
    one = Deployment(
        at_ms=at_ms,
        script=script,
        version_id=str(uuid.UUID(bytes=token, version=4)),
        number=number,
        author=author or b.choose(f"author {script} {number}", DEPLOYERS),
        message=message,
        source=source,
    )
    b.deployments.append(one)
    project = {PRODUCTION: "pitchey-api", "pitchey-frontend": "pitchey-frontend"}.get(script)
    if project:
        b.releases.append(Release(at_ms=at_ms + 4_000, version=release_name(one), project=project))
    return one


def release_name(deployment: Deployment) -> str:
    """Return the release that a deployment of production or the frontend is known by."""
    name = "pitchey-frontend" if deployment.script == "pitchey-frontend" else "pitchey-api"
    return f"{name}@1.{deployment.number}.0"


def ordinary_week(b: Builder) -> None:
    """Deployments of an ordinary week, the newest of them at least seven hours old."""
    rng = b.rng("ordinary deployments")
    scripts = (
        PRODUCTION,
        "pitchey-frontend",
        PRODUCTION,
        "pitchey-monitoring",
        "pitchey-logs",
        "pitchey-apm",
        PRODUCTION,
    )
    ages = sorted((float(a) for a in rng.uniform(7.0, 6.6 * 24, len(scripts))), reverse=True)
    for i, age in enumerate(ages):
        message = HARMLESS_CHANGES[int(rng.integers(len(HARMLESS_CHANGES)))]
        deploy(b, scripts[i], b.now_ms - int(age * HOUR), message)


def ordinary_answers(b: Builder) -> None:
    """Live routes in normal operation: the sandbox's own answers, unless this deployment lacks a route."""
    if not b.has_db_route:
        b.behaviours.append(
            Behaviour(
                service="api",
                path="/api/health/db",
                start_ms=b.start_ms,
                end_ms=b.now_ms + FOREVER,
                status=404,
                kind="missing",
            )
        )


def say(b: Builder, key: str, entry: Entry, per_min: float, span: Span) -> None:
    """Let a service log something that no request leaves."""
    b.sayings.append(Saying(key=key, entry=entry, per_min=per_min, span=span))


def database(b: Builder, span: Span, **columns: tuple[float, float] | float) -> None:
    """Change columns of the database's posts: ``(factor, add)``, or a number that the column goes to."""
    for column, change in columns.items():
        if isinstance(change, tuple):
            b.database.append(Shift(column=column, span=span, factor=change[0], add=change[1]))
        else:
            b.database.append(Shift(column=column, span=span, to=float(change)))


def vitals(b: Builder, span: Span, factors: Mapping[str, tuple[float, float]], **where: tuple[str, ...]) -> None:
    """Change Web Vitals, ``(factor, add)`` each, where ``url`` and ``device`` are as given."""
    for column, (factor, add) in factors.items():
        b.vitals.append(Shift(column=column, span=span, factor=factor, add=add, where=where))


def worker(b: Builder, shift: WorkerShift) -> None:
    """Change a Worker script's figures."""
    b.workers.append(shift)


def surge(b: Builder, span: Span, factor: float, paths: tuple[str, ...] = ()) -> None:
    """Multiply the ordinary traffic, of *paths* or of everything."""
    b.traffic.append((paths, span, factor))


def crowd(b: Builder, one: Crowd) -> None:
    """Let a crowd come."""
    b.crowds.append(one)


def silence(b: Builder, one: Silence) -> None:
    """Let traces be lost."""
    b.silences.append(one)


def skew(b: Builder, service: str, offset_ms: int, span: Span) -> None:
    """Let a service's clock be wrong by *offset_ms*: its entries' own times, not their arrival."""
    b.skews.append((service, offset_ms, span))


def status_page(b: Builder, incident: StatusIncident) -> None:
    """Put an incident on Cloudflare's status page."""
    b.status_incidents.append(incident)


def answer(b: Builder, behaviour: Behaviour) -> None:
    """Let a live route of the API, the frontend or a platform service answer in its own way."""
    b.behaviours.append(behaviour)


def security_events(b: Builder, kind: str, span: Span, per_min: float) -> None:
    """Let the security service count events of *kind*."""
    minutes = b.minutes[(b.minutes >= span.start_ms) & (b.minutes < min(span.end_ms, b.end_ms))]
    rng = b.rng(f"security {kind}")
    counts = rng.poisson(per_min, len(minutes))
    for minute, count in zip(minutes.tolist(), counts.tolist(), strict=True):
        b.security.setdefault(kind, []).extend(int(minute + t) for t in sorted(rng.integers(0, MINUTE, count)))


def strangers(b: Builder, key: str, count: int, network: str = "") -> list[str]:
    """Return *count* addresses that no user has: all over the world, or in *network* (``"45.129.14."``)."""
    rng = b.rng(f"strangers {key}")
    if network:
        chosen = rng.choice(250, size=min(count, 250), replace=False) + 2
        return [f"{network}{i}" for i in sorted(chosen.tolist())]
    first = (5, 23, 37, 45, 77, 89, 103, 118, 141, 159, 178, 185, 193, 194, 212)
    tails = [a.split(".", 1)[1] for a in addresses(count, rng)]
    return [f"{first[int(rng.integers(len(first)))]}.{tail}" for tail in tails]


def issue(b: Builder, key: str, tracked: Tracked, times: Sequence[int], users: int | None = None) -> None:
    """Put an issue into Sentry, with the times of its events."""
    number = int(b.rng(f"issue {key}").integers(4_000_000_000, 6_000_000_000))
    prefix = "API" if tracked.project == "pitchey-api" else "WEB"
    b.issues.append(
        Issue(
            id=str(number),
            short_id=f"PITCHEY-{prefix}-{number % 46_655:X}",
            title=f"{tracked.type}: {tracked.value}",
            culprit=tracked.culprit,
            level=tracked.level,
            project=tracked.project,
            events_ms=tuple(times),
            users=users if users is not None else max(1, int(len(times) * 0.7)),
            type=tracked.type,
            value=tracked.value,
        )
    )
