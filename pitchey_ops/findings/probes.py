"""What did the API do when we asked it ourselves, from outside?"""

from __future__ import annotations

from statistics import median
from typing import Any

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ..models.observation import Observed
from .case import Case

RULE = "probes"
SIGNALS = (
    "api_unreachable",
    "api_partly_failing",
    "api_answers",
    "edge_exception_page",
    "edge_limit_page",
    "edge_network_page",
    "rate_limited_users",
    "auth_failing",
    "db_refused",
    "probes_slow",
)
ROUTES = ("api/health", "api/health_db", "api/pitches", "api/auth_verify")
EXCEPTION_CODES = frozenset({"1101", "1104"})
LIMIT_CODES = frozenset({"1102", "1027"})
REFUSED_CODES = frozenset({"1015"})
"""A rule of ours turned us away: no fault of the edge or of the Worker."""
SLOW_STRENGTH = 0.6
"""Strength of answers that took longer than the limit: a few, of now, with nothing to compare them with."""
FEW_SAMPLES = 0.35
"""Strength of one bad sample of three: a chance event is not excluded by so few."""


def probes(case: Case) -> RuleResult:
    """
    Report each route by how its samples were answered.

    A handful of samples: a failing share below 20 % is likely missed, so "all answered" is weak evidence
    only. A missing route is its own finding and no failure. Without any answered probe because the
    connection failed, the API is unreachable from here; if that is our own network's fault, every other
    host fails too, which is why `findings.own_network` outranks this. `/api/health` of older deployments is a
    constant and proves only that the Worker runs. Answers that come late are told, too: from one place, where the way
    itself may be slow.
    """
    seen = [o for route in ROUTES for o in case.seen(route) if o.value.samples]
    if not seen:
        return NotChecked(rule=RULE, because=case.why_missing(*ROUTES[:1]))
    found: list[Finding] = []
    silent = [o for o in seen if all(s.kind in ("timeout", "unreachable") for s in o.value.samples)]
    if len(silent) == len(seen):
        if own_network_down(case):
            return NotChecked(rule=RULE, because="no host at all could be reached: the fault may be our own network")
        kinds = sorted({s.kind for o in silent for s in o.value.samples})
        return [
            Finding(
                id=f"{RULE}/unreachable",
                rule=RULE,
                claim=f"The API gives no answer from outside: {' and '.join(kinds)} on every route asked",
                severity=Severity.CRITICAL,
                at=seen[0].at,
                evidence=tuple(o.id for o in seen),
                signals=(Signal(name="api_unreachable"),),
            )
        ]
    for observation in seen:
        found += _route(observation)
    failing = [o for o in seen if o.value.failing_share > 0]
    found += _auth_alone(failing, seen)
    found += _slow(case, seen)
    if not failing:
        found.append(
            Finding(
                id=f"{RULE}/answers",
                rule=RULE,
                claim="Our own probes of the API were answered as they should be",
                severity=Severity.INFO,
                evidence=tuple(o.id for o in seen),
                signals=(Signal(name="api_answers"),),
            )
        )
    return found


def _slow(case: Case, seen: list[Observed[Any]]) -> list[Finding]:
    """Return a finding when a route answers as it should, and later than the limit: who waits is not well served."""
    limit = case.settings.thresholds.p95_ms
    took = [
        (median(s.took_ms for s in o.value.samples if s.kind == "ok"), o)
        for o in seen
        if any(s.kind == "ok" for s in o.value.samples)
    ]
    slow = [(ms, o) for ms, o in took if ms > limit]
    if not slow:
        return []
    longest, worst = max(slow, key=lambda pair: (pair[0], pair[1].id))
    return [
        Finding(
            id=f"{RULE}/slow",
            rule=RULE,
            claim=f"{worst.value.route} takes {longest:,.0f} ms to answer our own requests (limit {limit:,.0f} ms)"
            + (f", and {len(slow) - 1} more routes are slow" if len(slow) > 1 else ""),
            severity=Severity.WARNING,
            at=worst.at,
            evidence=tuple(o.id for _, o in slow),
            signals=(Signal(name="probes_slow", strength=SLOW_STRENGTH),),
            data={"took_ms": {o.value.route: ms for ms, o in slow}, "limit_ms": limit},
        )
    ]


def _auth_alone(failing: list[Observed[Any]], seen: list[Observed[Any]]) -> list[Finding]:
    """Return a finding when the check of tokens breaks and everything else that was asked answers."""
    mine = [o for o in failing if o.id.startswith("api/auth_verify") and o.value.failing_share >= 0.5]
    others = [o for o in seen if not o.id.startswith("api/auth_verify")]
    if not mine or len(failing) > 1 or len(others) < 2 or mine[0].value.code:
        return []
    return [
        Finding(
            id=f"{RULE}/auth-alone",
            rule=RULE,
            claim=f"{mine[0].value.route} breaks while {len(others)} other routes answer",
            severity=Severity.WARNING,
            at=mine[0].at,
            evidence=tuple(o.id for o in (*mine, *others)),
            signals=(Signal(name="auth_failing", strength=0.5),),
        )
    ]


def own_network_down(case: Case) -> bool:
    """Whether not one HTTP source gave an answer: then silence says nothing about the platform."""
    return not any(
        isinstance(o, Observed) and not key.startswith(("case/", "database/", "api/"))
        for key, o in case.observations.items()
    ) and not any(s.kind not in ("timeout", "unreachable") for o in case.seen("api") for s in o.value.samples)


def _route(observation: Observed[Any]) -> list[Finding]:
    result = observation.value
    name = observation.id.split("/")[1].replace("_", "-")
    if result.kind == "route_missing":
        return [
            Finding(
                id=f"{RULE}/{name}-missing",
                rule=RULE,
                claim=f"{result.route} is not part of this deployment (404), which says nothing about what it checks",
                severity=Severity.INFO,
                evidence=(observation.id,),
            )
        ]
    if result.failing_share <= 0:
        return _reported(observation, name)
    share = result.failing_share
    signals = [Signal(name="api_partly_failing", strength=min(1.0, max(FEW_SAMPLES, share)))]
    if result.code:
        kind = (
            "edge_exception_page"
            if result.code in EXCEPTION_CODES
            else "edge_limit_page"
            if result.code in LIMIT_CODES
            else "rate_limited_users"
            if result.code in REFUSED_CODES
            else "edge_network_page"
        )
        signals.append(Signal(name=kind, strength=max(0.5, share)))
    bad = [s.kind for s in result.samples if s.kind not in ("ok", "route_missing", "refused")]
    words = ", ".join(sorted({kind.replace("_", " ") for kind in bad}))
    code = f", error code {result.code}" if result.code else ""
    return [
        Finding(
            id=f"{RULE}/{name}",
            rule=RULE,
            claim=f"{result.route}: {len(bad)} of {len(result.samples)} of our own requests failed ({words}{code})",
            severity=Severity.CRITICAL if share >= 0.5 else Severity.WARNING,
            at=observation.at,
            evidence=(observation.id,),
            signals=tuple(signals),
            data={"failing_share": share, "kind": result.kind, "code": result.code},
        )
    ] + _reported(observation, name)


def _reported(observation: Observed[Any], name: str) -> list[Finding]:
    """What the route says of its dependencies: only a bad word is evidence, a good one may be a constant."""
    found: list[Finding] = []
    for part, word in sorted(observation.value.reported.items()):
        if word.lower() not in ("error", "down", "failed", "disconnected", "unavailable", "unhealthy"):
            continue
        database = part.lower() in ("database", "db", "postgres")
        found.append(
            Finding(
                id=f"{RULE}/{name}-reports-{len(found) + 1}",
                rule=RULE,
                claim=f"{observation.value.route} itself reports {part[:60]}: {word[:60]}",
                severity=Severity.WARNING,
                at=observation.at,
                evidence=(observation.id,),
                signals=(Signal(name="db_refused", strength=0.6),) if database else (),
            )
        )
    return found
