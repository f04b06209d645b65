"""``health``: the quick look, and the comprehensive one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._look import Look, Section, Unrecorded, apply, ask, nobody_answered, now, ready, serious, word

if TYPE_CHECKING:
    from ..findings.case import Case
    from ..models.finding import Finding
    from ..models.observation import AnyObservation
    from ..settings import Settings

QUICK_ASKING_S = 5.0
"""A quick look is done in the time of its slowest answer, and never waits longer than this for one."""
PROBES = (
    "api.health",
    "api.health_db",
    "api.pitches",
    "api.auth_verify",
    "frontend.page",
    "monitoring.health",
    "infra.health",
    "cloudflare_status.summary",
    "cloudflare_api.traffic",
    "cloudflare_api.workers",
)
RULES = ("probes", "users", "workers", "cloudflare-status")
LIVE_ROUTES = ("api/pitches", "api/health_db", "api/auth_verify")
"""Routes that do something before they answer; ``/api/health`` may be a constant."""
SILENT = ("timeout", "unreachable")
BROKEN = ("failed", "bad_payload", "too_large", *SILENT)
EXPLAINED = {"API Health": "api/health", "Database Health": "api/health_db"}
"""Checks of the monitoring service that are ``degraded`` for any HTTP error, and our own probe of the same."""
COLUMNS = (
    ("check", "check", "text"),
    ("status", "status", "status"),
    ("detail", "detail", "text"),
    ("worth", "what that is worth", "text"),
)


def quick(settings: Settings) -> Look:
    """
    Ask everything quick at once and judge it by the rules of the runbooks.

    The infrastructure service is not asked, since looking changes what it says: what another run was answered
    within five minutes is shown. ``working`` takes own requests that were answered well **and** requests of users,
    as the edge counted them, that fail no more than before; without the latter it is ``answering``. It never says
    ``healthy``: attacks, browsers and what few users meet are not looked at, which `full` does.
    """
    from ..runbooks import windows
    from ..sources._budget import ASKING_SHARE

    ready()
    began, started = time.monotonic(), now()
    window = windows.parse("", now=started)
    case = ask(
        settings,
        window,
        PROBES,
        started=started,
        budget_s=QUICK_ASKING_S / ASKING_SHARE,
        leave_alone=("infra",),
    )
    found, unable = apply(case, RULES)
    checks = [
        *_routes(case),
        _frontend(case),
        _by_rule(case, "requests of users at the edge", "cloudflare_api/traffic", "users", found, unable),
        _by_rule(case, "invocations of the Worker", "cloudflare_api/workers", "workers", found, unable),
        _by_rule(case, "Cloudflare's own status", "cloudflare_status", "cloudflare-status", found, unable),
        *_monitoring(case),
        *_infra(case),
    ]
    bad = [check for check in checks if check["status"] == "failing"]
    live = [check for check in checks if check["id"] in LIVE_ROUTES and check["status"] == "healthy"]
    users = any(check["id"] == "cloudflare_api/traffic" and check["status"] == "healthy" for check in checks)
    blank = sum(check["status"] in ("unavailable", "blind", "no data", "not asked") for check in checks)
    left = f"; {blank} of {len(checks)} checks saw nothing" if blank else ""
    if nobody_answered(case):
        state, outcome, summary = (
            "unknown",
            "unknown",
            "Nothing answered at all: it may be our own network. Nothing is known.",
        )
    elif bad:
        state, outcome = "unhealthy", "bad"
        summary = f"{len(bad)} of {len(checks)} checks fail: {'; '.join(_clause(check) for check in bad[:3])}."
    elif not live:
        state, outcome = "unknown", "unknown"
        summary = f"Cannot tell: no route of the API that does something was seen to answer{left}."
    elif not users:
        state, outcome = "answering", "fine"
        summary = f"What was asked answers as it should; what users get was not seen{left}."
    else:
        state, outcome = "working", "fine"
        summary = f"Our own requests are answered as they should be and users' fail no more than before{left}."
    return Look(
        command="health",
        state=state,
        outcome=outcome,  # type: ignore[arg-type]
        summary=summary,
        environment=settings.environment,
        asked_at=started,
        took_s=time.monotonic() - began,
        window=window,
        sections=(Section(name="checks", title="Checks", columns=COLUMNS, rows=checks),),
        notes=(
            "A quick look: attacks, browsers and small shares of failures are not looked for. `health --full` does.",
        ),
        facts={"full": False},
    )


def full(settings: Settings) -> Look:
    """Ask everything that a triage asks, within the run's budget, and give its verdict."""
    from ..findings.case import Case
    from ..models.finding import Severity
    from ..runbooks import windows
    from ..runbooks.analyse import analyse
    from ..runbooks.asking import ask_live
    from ..runbooks.catalogue import runbook
    from ..runbooks.channels import live_channel
    from ..steps import steps

    ready()
    began, started = time.monotonic(), now()
    window = windows.parse("", now=started)
    channel = live_channel(settings, Unrecorded(), started=started, budget_s=settings.budget_s)
    asked = ask_live(channel, settings, window, "triage")
    case = Case(window=window, now=asked.now, frames=asked.frames, observations=asked.observations, settings=settings)
    analysis = analyse(case, runbook("triage"))
    verdict = analysis.verdict
    state = verdict.state if verdict.state != "inconclusive" else "unknown"
    outcome = {"healthy": "fine", "incident": "bad"}.get(verdict.state, "unknown")
    titles = [
        {
            "id": score.id,
            "title": _title(score.id),
            "confidence": score.confidence,
            "decibans": round(score.weight, 2),
        }
        for score in analysis.scores[:3]
    ]
    findings = [
        {"severity": f.severity.word, "claim": f.claim, "id": f.id, "evidence": list(f.evidence)}
        for f in analysis.findings
        if f.severity >= Severity.WARNING or f.rule not in ("patterns", "onset", "suspects")
    ]
    sources = [
        {
            "name": source.name,
            "status": "seen" if source.status == "observed" else source.status.replace("_", " "),
            "seen_share": source.coverage.share,
            "detail": source.detail,
        }
        for source in analysis.sources
    ]
    step = steps().get(verdict.next_step)
    give = "" if verdict.onset_uncertainty_s is None else f" (± {verdict.onset_uncertainty_s:.0f} s)"
    return Look(
        command="health",
        state=state,
        outcome=outcome,  # type: ignore[arg-type]
        summary=verdict.summary,
        environment=settings.environment,
        asked_at=started,
        took_s=time.monotonic() - began,
        window=window,
        sections=(
            Section(
                name="hypotheses",
                title="What it may be",
                columns=(("title", "hypothesis", "text"), ("confidence", "confidence", "share"), ("id", "id", "text")),
                rows=titles,
            ),
            Section(
                name="findings",
                title="Findings",
                columns=(("severity", "severity", "status"), ("claim", "finding", "text")),
                rows=findings,
            ),
            Section(
                name="sources",
                title="Sources",
                columns=(
                    ("name", "source", "text"),
                    ("status", "status", "status"),
                    ("seen_share", "of the window", "share"),
                    ("detail", "detail", "text"),
                ),
                rows=sources,
            ),
        ),
        notes=(
            *(f"Not seen: {words}." for words in analysis.unmet),
            *(f"Not checked: {item.rule} ({item.because})." for item in analysis.not_checked),
            *((f"Since {verdict.onset:%Y-%m-%d %H:%M:%S} UTC{give}.",) if verdict.onset is not None else ()),
            f"{verdict.severity} because {verdict.why_severity}.",
            f"Next step: {verdict.next_step}{f': {step.to_do}' if step is not None else ''}.",
        ),
        facts={
            "full": True,
            "verdict": {
                "state": verdict.state,
                "cause": verdict.cause,
                "confidence": verdict.confidence,
                "severity": verdict.severity,
                "onset": None if verdict.onset is None else verdict.onset.isoformat(),
                "onset_uncertainty_s": verdict.onset_uncertainty_s,
                "next_step": verdict.next_step,
            },
            "suspects": [{"service": s.service, "score": s.score} for s in analysis.suspects[:5]],
            "not_checked": [{"rule": item.rule, "because": item.because} for item in analysis.not_checked],
        },
    )


def _title(hypothesis: str) -> str:
    from ..diagnosis.hypotheses import BY_ID

    return BY_ID[hypothesis].title


def _clause(check: Mapping[str, Any]) -> str:
    first = str(check["detail"]).split(". ", maxsplit=1)[0].rstrip(".")
    return f"{check['check']} ({first[:140]})"


def _check(name: str, status: str, detail: str, worth: str, id_: str) -> dict[str, Any]:
    return {"check": name, "status": status, "detail": detail, "worth": worth, "id": id_}


def _first(case: Case, prefix: str) -> AnyObservation | None:
    return next((o for k, o in sorted(case.observations.items()) if k == prefix or k.startswith(prefix + "/")), None)


def _unseen(name: str, found: AnyObservation | None, worth: str, id_: str) -> dict[str, Any]:
    if found is None:
        return _check(name, "not asked", "", worth, id_)
    return _check(name, word(found), found.detail, worth, id_)


def _routes(case: Case) -> list[dict[str, Any]]:
    """Return a row a route: own requests, which fail where nothing but they were silent."""
    from ..models.observation import Unavailable

    rows = []
    for prefix in ("api/health", *LIVE_ROUTES):
        found = _first(case, prefix)
        name = f"own requests to {'/' + prefix.replace('health_db', 'health/db').replace('auth_verify', 'auth/verify')}"
        if isinstance(found, Unavailable):
            worth = "no answer, while others answer"
            row = _unseen(name, found, worth, prefix)
            if found.reason in SILENT and not nobody_answered(case):
                row["status"] = "failing"
            else:
                row["worth"] = "not seen"
        elif found is None or not found.value.samples:
            row = _unseen(name, None, "not seen", prefix)
        else:
            row = _route(name, found.value, prefix, case.settings.thresholds.p95_ms)
        rows.append(row)
    return rows


def _route(name: str, result: Any, prefix: str, limit_ms: float) -> dict[str, Any]:
    bad = round(result.failing_share * len(result.samples))
    code = f", error code {result.code}" if result.code else ""
    detail = f"{len(result.samples) - bad} of {len(result.samples)} as they should be"
    detail += f", {result.kind.replace('_', ' ')}{code}, {result.median_ms:.0f} ms"
    reported = [
        f"{part}: {said}"
        for part, said in sorted(result.reported.items())
        if said.lower() in ("error", "down", "failed", "disconnected", "unavailable", "unhealthy")
    ]
    if result.failing_share > 0 or reported:
        words = f"{detail}; reports {', '.join(reported)}" if reported else detail
        return _check(name, "failing", words, "few requests, yet a failure is a failure", prefix)
    if result.median_ms > limit_ms:
        return _check(name, "failing", f"{detail}: over {limit_ms:,.0f} ms", "as slow for whoever else asks", prefix)
    if result.kind == "route_missing":
        return _check(
            name, "not deployed", "404: not part of this deployment", "says nothing about what it checks", prefix
        )
    if result.constant:
        return _check(name, "constant", detail, "proves only that the Worker runs", prefix)
    return _check(name, "healthy", detail, "few requests: a small share of failures is missed", prefix)


def _frontend(case: Case) -> dict[str, Any]:
    from ..models.observation import Unavailable

    found = _first(case, "frontend/page")
    name, worth = "frontend page", "the page itself, not what it loads"
    if isinstance(found, Unavailable):
        row = _unseen(name, found, worth, "frontend/page")
        if found.reason in BROKEN and not nobody_answered(case):
            row["status"] = "failing"
        return row
    if found is None:
        return _unseen(name, None, worth, "frontend/page")
    page = found.value
    return _check(name, "healthy", f"status {page.status}, {page.took_ms:.0f} ms", worth, "frontend/page")


def _by_rule(
    case: Case,
    name: str,
    prefix: str,
    rule: str,
    found: Mapping[str, list[Finding]],
    unable: Mapping[str, str],
) -> dict[str, Any]:
    """Return the row that a rule stands for: failing, healthy, or how the source went."""
    source = _first(case, prefix)
    worth = {
        "users": "what users get; sampled, its newest two minutes come late",
        "workers": "exceptions and limits; an answer 500 of the Worker's own counts as success there",
        "cloudflare-status": "written by people, so it lags behind",
    }[rule]
    if rule in unable or rule not in found:
        row = _unseen(name, source, worth, prefix)
        if row["status"] == "seen":
            row["status"], row["detail"] = "no data", unable.get(rule, "")
        return row
    bad = serious({rule: found[rule]})
    if bad:
        return _check(name, "failing", "; ".join(f.claim for f in bad[:2]), worth, prefix)
    claims = "; ".join(f.claim for f in found[rule][:2])
    clear = rule != "users" or any(f.signals for f in found[rule])
    return _check(name, "healthy" if clear else "no data", claims, worth, prefix)


def _monitoring(case: Case) -> list[dict[str, Any]]:
    """
    Return a row a check of the monitoring service.

    Its ``degraded`` stands for any HTTP error, a missing route too (contract, trap 17): where our own probe of the
    same route was answered well, or found it missing, that probe is believed. WebSocket is always healthy.
    """
    from ..models.observation import Unavailable

    found = _first(case, "monitoring/health")
    if found is None or isinstance(found, Unavailable) or not hasattr(found.value, "checks"):
        return [_unseen("monitoring service", found, "what the platform says of itself", "monitoring/health")]
    rows = []
    for check in found.value.checks[:12]:
        name, id_ = f"platform says: {check.name}", f"monitoring/health/{check.name}"
        detail = f"{check.state}: {check.details[:120]}" if check.details else check.state
        if check.constant:
            rows.append(_check(name, "constant", detail, "cannot fail: no evidence", id_))
        elif check.state == "healthy":
            rows.append(_check(name, "says healthy", detail, "its own word", id_))
        elif check.name in EXPLAINED and check.state == "degraded":
            own = _first(case, EXPLAINED[check.name])
            sound = own is not None and not isinstance(own, Unavailable) and not own.value.failing_share
            status = "degraded" if sound or own is None or isinstance(own, Unavailable) else "failing"
            rows.append(_check(name, status, detail, "stands for any HTTP error, a missing route too", id_))
        elif check.state in ("degraded", "down"):
            rows.append(_check(name, "failing", detail, "its own word; it has no reason to say so when well", id_))
        else:
            rows.append(_check(name, "no data", detail, "no word that it knows", id_))
    return rows


def _infra(case: Case) -> list[dict[str, Any]]:
    """Return what another run was answered by the infrastructure service, if any did."""
    from ..models.observation import Unavailable

    found = _first(case, "infra/health")
    name = "infrastructure service"
    if found is None or isinstance(found, Unavailable):
        return [_unseen(name, found, "asking it changes what it says: left to fuller looks", "infra/health")]
    rows = []
    for part in found.value.values():
        what, id_ = f"platform says: {part.name}", f"infra/health/{part.name}"
        worth = f"as another run was told at {found.at:%H:%M:%S} UTC; means since the last idle hour"
        if part.state is None:
            rows.append(_check(what, "constant", "", "says the same whatever happens: no evidence", id_))
        elif part.state == "healthy":
            rows.append(_check(what, "says healthy", "", worth, id_))
        else:
            rows.append(_check(what, "degraded", part.state, f"{worth}; durable objects may be down for ever", id_))
    return rows
