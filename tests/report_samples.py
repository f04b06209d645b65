"""A believable incident (a bad deployment) as report and panels, and the same shapes filled with anything."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl

from pitchey_ops.frames import DEPLOYMENTS, EDGE, LOGS, WORKERS
from pitchey_ops.models.finding import Finding, NotChecked, Severity, Signal
from pitchey_ops.models.observation import Coverage
from pitchey_ops.models.report import Alert, HypothesisScore, Impact, Report, SourceSeen, Suspect, Verdict
from pitchey_ops.models.window import Window
from pitchey_ops.panels.base import Panel
from pitchey_ops.panels.charts.attackers import AttackerRow, attackers
from pitchey_ops.panels.charts.changes import Event, deployments, timeline
from pitchey_ops.panels.charts.diagnosis import hypotheses, suspects
from pitchey_ops.panels.charts.errors import PatternRow, error_patterns, errors_over_time
from pitchey_ops.panels.charts.latency import (
    Series,
    VitalRow,
    cache_hit_rate,
    database_pool,
    measure_over_time,
    response_times,
    web_vitals,
)
from pitchey_ops.panels.charts.people import (
    ActionCard,
    PersonStep,
    checklist,
    planned_actions,
    severity_clock,
)
from pitchey_ops.panels.charts.sight import Contradiction, FreshRow, contradictions, coverage, freshness
from pitchey_ops.panels.charts.traffic import (
    ImpactRow,
    edge_outcomes,
    impact_by_route,
    live_tail,
    worker_outcomes,
)
from pitchey_ops.panels.style import Marks

START = datetime(2026, 11, 23, 13, 30, tzinfo=UTC)
END = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
WINDOW = Window(start=START, end=END)
ONSET = datetime(2026, 11, 23, 14, 3, 10, tzinfo=UTC)
DEPLOYED = ONSET - timedelta(seconds=110)
ALERTED = ONSET + timedelta(seconds=140)
MARKS = Marks(
    window=WINDOW,
    onset=ONSET,
    onset_uncertainty_s=45.0,
    deployments=((DEPLOYED, "v2026.11.23-2"),),
    alerts=(ALERTED,),
)


def _minutes() -> list[datetime]:
    return [START + timedelta(minutes=minute) for minute in range(60)]


def frame(schema: dict[str, object], rows: list[dict[str, object]]) -> pl.DataFrame:
    """Return *rows* as a frame with every column of *schema*; absent values are null."""
    return pl.DataFrame([{key: _storable(row.get(key)) for key in schema} for row in rows], schema=schema)


def _storable(value: object) -> object:
    """Return text as a frame can hold it: lone surrogates are replaced when frames are built."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def log_rows(n: int = 2_000, *, services: tuple[str, ...] = ("pitch-service", "auth-service")) -> pl.DataFrame:
    """Return *n* error entries, most since the onset and of the first service."""
    dice = random.Random(7)
    rows = []
    for _ in range(n):
        late = dice.random() < 0.93
        at = (
            ONSET + timedelta(seconds=dice.random() * 1600) if late else START + timedelta(seconds=dice.random() * 3600)
        )
        who = services[0] if dice.random() < 0.7 else dice.choice(services)
        rows.append({"at": at, "service": who, "level": "error", "message": "TypeError: x is undefined"})
    return frame(LOGS, rows)


def edge_rows(routes: tuple[str, ...] = ("/api/pitches", "/api/auth/verify")) -> pl.DataFrame:
    """Return an hour at the edge: 38 % of requests fail since the onset."""
    dice = random.Random(3)
    rows = []
    for at in _minutes():
        for route in routes:
            n = dice.gauss(420, 20)
            bad = 0.38 if at >= ONSET - timedelta(seconds=30) else 0.003
            rows.append({"at": at, "route": route, "status": 200, "requests": n * (0.96 - bad)})
            rows.append({"at": at, "route": route, "status": 404, "requests": n * 0.04})
            rows.append({"at": at, "route": route, "status": 500, "requests": n * bad})
    return frame(EDGE, rows)


def worker_rows(bad_word: str = "scriptThrewException") -> pl.DataFrame:
    """Return an hour of worker invocations."""
    rows = []
    for at in _minutes():
        late = at >= ONSET - timedelta(seconds=30)
        rows.append(
            {"at": at, "script": "pitchey-production", "status": "success", "requests": 520.0 if late else 820.0}
        )
        rows.append({"at": at, "script": "pitchey-production", "status": bad_word, "requests": 300.0 if late else 2.0})
        rows.append({"at": at, "script": "pitchey-production", "status": "clientDisconnected", "requests": 5.0})
    return frame(WORKERS, rows)


def values(base: float, after: float, seed: int = 1) -> pl.DataFrame:
    """Return a value a minute that changes at the onset."""
    dice = random.Random(seed)
    return pl.DataFrame(
        {
            "at": _minutes(),
            "value": [dice.gauss(after if at >= ONSET else base, 0.05 * base) for at in _minutes()],
            "service": [dice.choice(["pitch-service", "auth-service", "media-service"]) for _ in range(60)],
        }
    ).with_columns(pl.col("at").cast(pl.Datetime("ms", "UTC")))


FINDINGS = (
    Finding(
        id="deployment/pitchey-production",
        rule="deployments",
        claim="pitchey-production was deployed 110 s before the onset: version “v2026.11.23-2” by “mara”.",
        severity=Severity.CRITICAL,
        evidence=("cloudflare/deployments/pitchey-production",),
        at=DEPLOYED,
        signals=(Signal(name="deployment_before_onset", strength=0.95),),
    ),
    Finding(
        id="impact/edge",
        rule="impact",
        claim="38 % of requests at the edge fail since 14:03 UTC, 0.3 % before.",
        severity=Severity.CRITICAL,
        evidence=("cloudflare/edge/http", "probes/api/pitches"),
        at=ONSET,
        signals=(Signal(name="users_failing"),),
    ),
    Finding(
        id="patterns/new-1",
        rule="patterns",
        claim="New since the onset, 1,412 times in pitch-service: “TypeError: Cannot read properties of undefined "
        "(reading 'genre')”.",
        severity=Severity.CRITICAL,
        evidence=("logs/query/pitch-service", "sentry/issues/spiking"),
        at=ONSET + timedelta(seconds=4),
        signals=(Signal(name="code_exceptions_new"),),
        service="pitch-service",
    ),
    Finding(
        id="contradictions/health",
        rule="contradictions",
        claim="The platform's health says “healthy” while 38 % of requests fail: it reads constants.",
        severity=Severity.WARNING,
        evidence=("monitoring/health/now", "cloudflare/edge/http"),
    ),
    Finding(
        id="database/normal",
        rule="database",
        claim="Database figures were seen in the window and are as before (statements 12 ms on average).",
        severity=Severity.INFO,
        evidence=("postgres/activity/now",),
        signals=(Signal(name="db_normal"),),
    ),
)

SOURCES = (
    SourceSeen(name="probes", status="observed", detail="6 of 6 probes answered"),
    SourceSeen(
        name="cloudflare",
        status="observed",
        detail="edge and worker figures",
        coverage=Coverage(
            asked_start=START,
            asked_end=END,
            seen_start=START,
            seen_end=END - timedelta(minutes=1),
            count=360,
            share=0.98,
        ),
    ),
    SourceSeen(
        name="logs",
        status="observed",
        detail="the store's 1,000-key cut was reached",
        coverage=Coverage(
            asked_start=START,
            asked_end=END,
            seen_start=START,
            seen_end=ONSET + timedelta(minutes=6),
            count=1000,
            cut=True,
            share=0.65,
        ),
    ),
    SourceSeen(
        name="apm",
        status="blind",
        detail="only points older than 16.7 h are read (trap 9)",
        coverage=Coverage(asked_start=START, asked_end=END),
    ),
    SourceSeen(name="sentry", status="unavailable", detail="no answer within 10 s, 2 tries"),
    SourceSeen(
        name="monitoring", status="observed", detail="constants only", coverage=Coverage(constant=True, count=1)
    ),
    SourceSeen(name="postgres", status="observed", detail="read-only connection"),
    SourceSeen(name="r2", status="not_configured", detail="no credentials for the log archive"),
)

HYPOTHESES = (
    HypothesisScore(
        id="bad_deployment",
        weight=24.0,
        confidence=0.93,
        for_=("deployment/pitchey-production", "patterns/new-1", "impact/edge"),
        against=(),
        not_checked=("sentry_releases",),
        parts=(("deployment/pitchey-production", 11.4), ("patterns/new-1", 9.0), ("impact/edge", 3.0)),
    ),
    HypothesisScore(
        id="schema_drift",
        weight=6.0,
        confidence=0.04,
        for_=("impact/edge",),
        against=("database/normal",),
        not_checked=(),
        parts=(("impact/edge", 8.0), ("database/normal", -2.0)),
    ),
    HypothesisScore(
        id="traffic_flood",
        weight=-9.0,
        confidence=0.01,
        for_=("impact/edge",),
        against=("database/normal",),
        not_checked=("traffic",),
        parts=(("database/normal", -11.0), ("impact/edge", 2.0)),
    ),
    *(
        HypothesisScore(id=one, weight=weight, confidence=0.003, for_=(), against=("database/normal",), not_checked=(),
                        parts=(("database/normal", weight),))
        for one, weight in (("database_down", -14.0), ("cloudflare_incident", -16.0), ("none", -21.0))
    ),
)  # fmt: skip


def report(**changes: object) -> Report:
    """Return the sample report, with *changes*."""
    made: dict[str, object] = {
        "incident_id": "INC-20261123-140530-k3fa",
        "severity": "P2",
        "alerts": (
            Alert(
                id="al_81f3",
                kind="error_rate",
                title="Error rate 38% on pitchey-production (threshold 5%)",
                at=ALERTED,
                severity="P2",
            ),
        ),
        "run_id": "RUN-20261123-140531-q7zd",
        "runbook": "outage",
        "runbook_version": "1.0",
        "package_version": "0.1.0",
        "parameters": {"environment": "production", "window": "60 min", "alert_kind": "error_rate"},
        "window_start": START,
        "window_end": END,
        "verdict": Verdict(
            state="incident",
            cause="bad_deployment",
            confidence=0.93,
            severity="P2",
            onset=ONSET,
            onset_uncertainty_s=45.0,
            impact=Impact(
                requests_failing_share=0.38,
                users_affected=1240,
                routes=("/api/pitches", "/api/pitches/:id"),
                services=("pitch-service",),
            ),
            summary="A deployment broke it; 38 % of requests fail since 14:03 UTC.",
            next_step="outage.rollback",
            why_severity="38 % of all requests fail",
            settles=(
                "a deployment broke it: roll back in staging, or compare error shares of the old and the new version",
                "code and database schema do not fit together: the migrations that were applied",
            ),
        ),
        "hypotheses": HYPOTHESES,
        "suspects": (
            Suspect(service="pitch-service", score=0.81, because=("patterns/new-1",)),
            Suspect(service="auth-service", score=0.22, because=("impact/edge",)),
        ),
        "findings": FINDINGS,
        "not_checked": (
            NotChecked(rule="sentry_releases", because="sentry: timeout"),
            NotChecked(rule="web_vitals", because="apm is blind to the window (trap 9)"),
        ),
        "sources": SOURCES,
        "steps": {
            "outage.cloudflare-status": "done",
            "outage.main-worker": "done",
            "outage.db-connectivity": "done",
            "outage.deployments": "done",
            "outage.tail": "not_checked",
            "outage.error-patterns": "done",
            "outage.rollback": "planned",
            "outage.db-pool": "done",
            "outage.db-long-queries": "done",
            "outage.cf-dashboard": "person",
            "outage.under-attack": "planned",
            "outage.firewall-review": "not_reached",
            "outage.verify": "done",
            "outage.watch": "scheduled",
        },
        "evidence_entries": 64,
        "evidence_digest": "sha256:" + "5f3a" * 16,
    }
    made.update(changes)
    return Report(**made)  # type: ignore[arg-type]


EXTRAS: dict[str, object] = {
    "finished": ALERTED + timedelta(seconds=21),
    "duration_s": 18.4,
    "rehearsal": {"date": "2026-11-20", "correct": 0.91, "cases": 64},
    "similar": [
        {
            "incident_id": "INC-20261002-090114-aa2b",
            "why": "same cause and two of three patterns",
            "resolved_by": "rolled back after 9 min",
        }
    ],
    "versions": {"python": "3.11.7", "pitchey-ops": "0.1.0"},
    "needs_person": ["Look at Cloudflare's dashboard: Workers, pitchey-production, errors by version."],
    "actions": [
        ActionCard(
            step="outage.rollback",
            title="Roll pitchey-production back to v2026.11.23-1",
            would="POST accounts/…/workers/scripts/pitchey-production/deployments with version v2026.11.23-1 at 100 %",
            when="a deployment lies minutes before the onset, and its errors are of the new release",
            why="v2026.11.23-2 was deployed 110 s before the onset",
            risk="features of v2026.11.23-2 go away; database migrations stay",
            undo="deploy v2026.11.23-2 again (one command)",
            command="pitchey-ops action apply outage.rollback --confirm pitchey-production",
        )
    ],
}

TITLES = {"bad_deployment": "a deployment broke it", "none": "nothing is wrong"}


def sample_panels() -> tuple[Panel, ...]:
    """Return every panel, filled from the sample incident."""
    return everything(
        "pitch-service",
        "/api/pitches",
        "TypeError: Cannot read properties of undefined (reading 'genre')",
        outcome="scriptThrewException",
        version="v2026.11.23-2",
        cause="code and database schema do not fit together",
    )


def everything(
    service: str,
    route: str,
    text: str,
    times: int = 0,
    *,
    outcome: str | None = None,
    version: str | None = None,
    cause: str | None = None,
) -> tuple[Panel, ...]:
    """Return every panel with strangers' words *service*, *route* and *text* wherever such words can stand."""
    services = (service, "auth-service", *(f"{service}{at}" for at in range(times)))
    outcome, version, cause = outcome or text, version or text, cause or text
    many = range(times)
    deployed = frame(
        DEPLOYMENTS,
        [
            {"at": DEPLOYED, "script": service, "version": version, "previous": text, "author": text, "message": text},
            {"at": START - timedelta(hours=5), "script": route, "version": "v2026.11.22-9", "author": "jo"},
        ],
    )
    tail = pl.DataFrame({"at": _minutes(), "ip": [_storable(service)] * 60}).with_columns(
        pl.col("at").cast(pl.Datetime("ms", "UTC"))
    )
    strange = Marks(
        window=WINDOW,
        onset=ONSET,
        onset_uncertainty_s=45.0,
        deployments=((DEPLOYED, version),),
        alerts=(ALERTED,),
        unseen=((START, START + timedelta(minutes=9)),),
    )
    told = Finding(
        id="patterns/told",
        rule="patterns",
        claim=f"New: “{text}”",
        severity=Severity.WARNING,
        evidence=("logs/query/a",),
    )
    return (
        errors_over_time(log_rows(services=services), strange),
        error_patterns(
            [
                PatternRow(
                    pattern=text if at == 0 else f"{text} {at}",
                    count=900 - at,
                    first_seen=ONSET,
                    last_seen=END,
                    trend=("new", "rising", "steady")[at % 3],  # type: ignore[arg-type]
                    services=services,
                    counts=tuple(float(minute > 33 or at % 3 == 2) * (5 + minute % 4) for minute in range(60)),
                )
                for at in (0, 1, 2, *many)
            ],
            strange,
        ),
        edge_outcomes(edge_rows((route, route + "2")), strange),
        impact_by_route(
            [ImpactRow(route=route, failed=912.0, total=2400.0)]
            + [ImpactRow(route=f"{route}/{at}", failed=900.0 / (2 + at), total=2400.0) for at in (1, 2, *many)]
        ),
        worker_outcomes(worker_rows(outcome), strange),
        live_tail({"ok": 61, outcome: 38, "exceededCpu": 1}, watched_s=30, exceptions=[(text, 38)]),
        response_times(values(180, 640).with_columns(pl.lit(_storable(service)).alias("service")), strange),
        database_pool(values(4, 6), values(10, 10).with_columns(value=pl.lit(10.0)), strange),
        measure_over_time(
            "query-time",
            "Do statements take longer?",
            [Series(name=one, frame=values(12, 13, at)) for at, one in enumerate((service, *services[2:]))],
            strange,
            what="statement time",
            unit="ms",
            limit=100.0,
        ),
        cache_hit_rate(
            values(90, 40).select("at", pl.col("value").alias("hits"), (100 - pl.col("value")).alias("misses")), strange
        ),
        web_vitals(
            [
                VitalRow(vital="LCP", p75=5200, samples=812, device="mobile", route=route),
                VitalRow(vital="LCP", p75=2100, samples=1400, device="desktop", route=route),
                VitalRow(vital="CLS", p75=0.18, samples=2200, device=service),
                VitalRow(vital="INP", p75=170, samples=900, device="mobile"),
            ]
        ),
        hypotheses(HYPOTHESES, (*FINDINGS, told), titles={**TITLES, "schema_drift": cause}),
        suspects(
            [Suspect(service=one, score=0.8 / (1 + at), because=("patterns/told",)) for at, one in enumerate(services)],
            (*FINDINGS, told),
        ),
        coverage(
            (*SOURCES, *(SourceSeen(name=f"{service}{at}", status="blind", detail=text) for at in many)), WINDOW
        ),
        freshness(
            [
                FreshRow(name=service, last_seen=END - timedelta(minutes=27), expected_every_s=60),
                FreshRow(name="auth-service", last_seen=END - timedelta(seconds=20), expected_every_s=60),
                FreshRow(name="hourly digest", last_seen=END - timedelta(minutes=50), expected_every_s=3600),
                FreshRow(name=route, last_seen=None, expected_every_s=300),
                FreshRow(name=text, last_seen=None, blind=True),
                *(FreshRow(name=f"{service}{at}", last_seen=START) for at in many),
            ],
            END,
        ),
        contradictions(
            [
                Contradiction(
                    subject="whether users are served",
                    one="monitoring",
                    one_says=text,
                    other="edge figures",
                    other_says=f"38 % of requests fail on {route}",
                    believe="the edge figures",
                    why="the health answer is made of constants (trap 14)",
                )
            ]
        ),
        deployments(deployed, strange, main_script=service),
        attackers(
            [
                AttackerRow(
                    address=service if at == 0 else f"203.0.113.{at}",
                    accused=at < 3,
                    kinds=("brute force",),
                    events=400 - at,
                    first_seen=ONSET,
                    last_seen=END,
                    touched=(text, route),
                    evidence=text,
                )
                for at in (0, 1, 2, 3, *(4 + one for one in many))
            ],
            strange,
            events=tail,
        ),
        timeline(
            [
                Event(at=DEPLOYED, kind="deployment", what=text, source="cloudflare"),
                Event(at=ONSET, kind="onset", what=service),
                Event(at=ALERTED, kind="alert", what=text, source="intake"),
                *(Event(at=END, kind="finding", what=f"{text} {at}") for at in many),
            ]
        ),
        checklist([PersonStep(step="outage.cf-dashboard", what="Look at the dashboard", link="https://dash.example/…")]),
        planned_actions(
            [
                ActionCard(
                    step="outage.rollback", title="Roll back", would=text, when="a deployment precedes the onset",
                    why=text, risk="new features go away", undo="deploy again", command="pitchey-ops action apply …",
                )
            ]
        ),
        severity_clock("P2", since=ALERTED, at=ALERTED + timedelta(minutes=3), why="38 % of requests fail"),
    )  # fmt: skip


WHY = "The log store was asked and is blind to the window (trap 1)."
NOTHING: tuple[tuple[str, Callable[[], Panel]], ...] = (
    ("errors_over_time", lambda: errors_over_time(frame(LOGS, []), MARKS, why_empty=WHY)),
    ("error_patterns", lambda: error_patterns([], MARKS, why_empty=WHY)),
    ("edge_outcomes", lambda: edge_outcomes(frame(EDGE, []), MARKS, why_empty=WHY)),
    ("impact_by_route", lambda: impact_by_route([], why_empty=WHY)),
    ("worker_outcomes", lambda: worker_outcomes(frame(WORKERS, []), MARKS, why_empty=WHY)),
    ("live_tail", lambda: live_tail({}, watched_s=30, why_empty=WHY)),
    ("response_times", lambda: response_times(values(1, 1).clear(), MARKS, why_empty=WHY)),
    ("database_pool", lambda: database_pool(values(1, 1).clear(), values(1, 1), MARKS, why_empty=WHY)),
    (
        "measure_over_time",
        lambda: measure_over_time("m", "q", [], MARKS, what="statement time", unit="ms", why_empty=WHY),
    ),
    (
        "cache_hit_rate",
        lambda: cache_hit_rate(
            values(1, 1).clear().select("at", pl.col("value").alias("hits"), pl.col("value").alias("misses")),
            MARKS,
            why_empty=WHY,
        ),
    ),
    ("web_vitals", lambda: web_vitals([], why_empty=WHY)),
    ("hypotheses", lambda: hypotheses([], why_empty=WHY)),
    ("suspects", lambda: suspects([], why_empty=WHY)),
    ("coverage", lambda: coverage([], WINDOW, why_empty=WHY)),
    ("freshness", lambda: freshness([], END, why_empty=WHY)),
    ("contradictions", lambda: contradictions([], why_empty=WHY)),
    ("deployments", lambda: deployments(frame(DEPLOYMENTS, []), MARKS, why_empty=WHY)),
    ("attackers", lambda: attackers([], MARKS, why_empty=WHY)),
    ("timeline", lambda: timeline([], why_empty=WHY)),
    ("checklist", lambda: checklist([], why_empty=WHY)),
    ("planned_actions", lambda: planned_actions([], why_empty=WHY)),
)
"""Every panel with nothing to draw."""

NAN = math.nan
