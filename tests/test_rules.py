"""Rules of the five further runbooks: what they say, when they are silent, and that nobody is calmed wrongly."""

from __future__ import annotations

import asyncio
import gzip
import random
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import postgres_server
import psycopg
import pytest
from channels import channel
from hypothesis import example, given
from hypothesis import strategies as st

from pitchey_ops import frames
from pitchey_ops.diagnosis.routes import RUNBOOKS as NEXT
from pitchey_ops.diagnosis.routes import routes
from pitchey_ops.diagnosis.signals import SIGNALS
from pitchey_ops.diagnosis.weigh import weigh
from pitchey_ops.findings import assets as assets_rule
from pitchey_ops.findings import (
    auth,
    cache,
    database,
    deployments,
    edge,
    flow,
    kinds,
    latency,
    monitoring,
    releases,
    scheduled,
    security,
    users,
    vitals,
)
from pitchey_ops.findings._compare import shift, shifts_at
from pitchey_ops.findings.case import Case
from pitchey_ops.findings.catalogue import RULES, SPEAKS
from pitchey_ops.findings.onset import Onset
from pitchey_ops.findings.ranked import suspects_of
from pitchey_ops.models.finding import Finding, NotChecked, Severity, Signal
from pitchey_ops.models.observation import AnyObservation, Coverage, Observed, Unavailable
from pitchey_ops.models.report import Impact, Verdict
from pitchey_ops.models.window import Window
from pitchey_ops.runbooks.asking import ask_all, gathered
from pitchey_ops.runbooks.catalogue import RUNBOOKS
from pitchey_ops.settings import Settings, load
from pitchey_ops.sources.apm import MetricPage
from pitchey_ops.sources.infra import Part

END = datetime(2026, 11, 23, 12, tzinfo=UTC)
START = END - timedelta(hours=1)
ONSET = END - timedelta(minutes=20)
NEW_RULES = (
    "latency", "database", "auth", "releases", "cache", "security", "vitals", "assets", "scheduled", "monitoring",
)  # fmt: skip


def table(schema: dict[str, Any], rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return rows of a frame, oldest first; what a row lacks is null."""
    found = pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)
    return found.sort("at", maintain_order=True)


class Told(Case):
    """A case whose onset is told, so that a rule is tested by itself."""

    onset = None  # type: ignore[assignment]


def case(
    *,
    onset: datetime | None = ONSET,
    observations: dict[str, AnyObservation] | None = None,
    settings: Settings | None = None,
    **rows: list[dict[str, Any]],
) -> Case:
    """Return a case with *rows* by frame; every row is of the observation ``r2/archive/x`` unless it says."""
    made = {
        name: table(getattr(frames, name.upper()), [{"observation": "r2/archive/x", **row} for row in found])
        for name, found in rows.items()
    }
    window = Window(start=START, end=END)
    found = Told(
        window=window,
        now=END,
        frames=frames.Frames(window=window, **made),
        observations=observations or {},
        settings=settings or load("sandbox"),
    )
    began = None
    if onset is not None:
        began = Onset(
            symptom="overall", at=onset, uncertainty_s=15, kind="count", shape="step", before=0, after=1, ratio=9,
            unit="", weight_nats=50, confidence=1,
        )  # fmt: skip
    object.__setattr__(found, "__dict__", {**found.__dict__, "onset": began})
    return found


def seen(key: str, value: Any = None, status: Any = "observed", **coverage: Any) -> dict[str, AnyObservation]:
    """Return one observation by its id."""
    one = Observed(
        id=key, source=key.partition("/")[0], at=END, value=value, status=status, coverage=Coverage(**coverage)
    )
    return {key: one}


def unseen(key: str, reason: Any, detail: str = "", status: int | None = None) -> dict[str, AnyObservation]:
    """Return one observation without an answer, by its id."""
    source = key.partition("/")[0]
    return {key: Unavailable(id=key, source=source, at=END, reason=reason, detail=detail, http_status=status)}


def signals(result: Any) -> dict[str, float]:
    """Return the strongest of every signal that a rule gave."""
    assert isinstance(result, list), result
    found: dict[str, float] = {}
    for finding in result:
        for signal in finding.signals:
            found[signal.name] = max(signal.strength, found.get(signal.name, 0.0))
    return found


def minutes(start: datetime, end: datetime, every_s: float) -> list[datetime]:
    """Return moments from *start* to *end*, *every_s* apart."""
    count = int((end - start).total_seconds() / every_s)
    return [start + timedelta(seconds=every_s * n) for n in range(count)]


def requests_of(before_ms: float, after_ms: float, url: str = "/api/pitches", seed: int = 1) -> list[dict[str, Any]]:
    """Return a request every six seconds, log-normal around one median before the onset and another after."""
    lot = random.Random(seed)
    return [
        {
            "at": at,
            "service": "pitch",
            "level": "info",
            "message": f"GET {url}",
            "url": url,
            "status": 200,
            "duration_ms": (after_ms if at >= ONSET else before_ms) * lot.lognormvariate(0, 0.3),
            "ip": f"81.2.{n % 40}.{n % 200}",
        }
        for n, at in enumerate(minutes(START, END, 6))
    ]


# --- every rule -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NEW_RULES)
@pytest.mark.parametrize("onset", [None, ONSET])
def test_nothing_seen_is_not_checked_and_never_calm(name: str, onset: datetime | None):
    """An empty source looks like a calm one; a rule must tell them apart."""
    result = RULES[name].check(case(onset=onset))

    assert isinstance(result, NotChecked)
    assert result.because


@pytest.mark.parametrize("name", NEW_RULES)
def test_a_rule_speaks_only_words_of_the_catalogue(name: str):
    """A word that the diagnosis does not know would raise in the middle of an incident."""
    assert set(SPEAKS[name]) <= set(SIGNALS)
    assert SPEAKS[name]


@pytest.mark.parametrize("name", NEW_RULES)
def test_text_of_strangers_changes_nothing_but_counts(name: str):
    """Log lines come from the internet: whatever they hold, a rule neither fails nor says more than for any text."""
    nasty = ("\x00\x1b[2J{{7*7}} <script>", "‮" * 50, "a" * 100_000, "${jndi:x}", "%s%n", "\ufffd")
    rows = [
        {**row, "message": nasty[n % len(nasty)], "url": nasty[(n + 1) % len(nasty)][:2000], "release": nasty[n % 6]}
        for n, row in enumerate(requests_of(80, 80))
    ]

    RULES[name].check(case(logs=rows))


# --- before and after -------------------------------------------------------------------------------------------


def test_a_change_in_the_mix_is_no_slowness():
    """More requests for a slow page make the average slow and nobody's answer slower."""
    lot = random.Random(2)
    rows = []
    for n, at in enumerate(minutes(START, END, 5)):
        slow = n % 10 < (8 if at >= ONSET else 2)
        rows.append(
            {"at": at, "group": "slow" if slow else "fast", "value": (900 if slow else 50) * lot.uniform(0.8, 1.2)}
        )
    points = pl.DataFrame(rows, schema={"at": frames.UTC_MS, "group": pl.String, "value": pl.Float64})

    moved = shift(points, (START, ONSET), (ONSET, END))

    assert abs(moved.z) < 3
    assert moved.slower_share < 0.15


def test_a_group_that_rose_stands_first():
    """The responder reads the first row."""
    lot = random.Random(3)
    rows = [
        {"at": at, "group": f"g{n % 4}", "value": lot.uniform(90, 110) * (3 if n % 4 == 2 and at >= ONSET else 1)}
        for n, at in enumerate(minutes(START, END, 4))
    ]
    points = pl.DataFrame(rows, schema={"at": frames.UTC_MS, "group": pl.String, "value": pl.Float64})

    moved = shift(points, (START, ONSET), (ONSET, END))

    assert moved.groups["group"][0] == "g2"
    assert moved.z > 4


@example(values=[1.0, 2.0] * 59 + [3.5], group_count=1, reach_min=30)
@given(
    values=st.lists(st.sampled_from([1.0, 2.0, 2.0, 3.5, 80.0, float("inf")]), min_size=2, max_size=120),
    group_count=st.integers(1, 4),
    reach_min=st.sampled_from([7, 30, 240]),
)
def test_looking_at_many_moments_gives_what_one_look_gives(values: list[float], group_count: int, reach_min: int):
    """The search for the time of a change must weigh it as the rules that judge it do."""
    step = (END - START) / len(values)
    rows = [
        {"at": START + n * step, "group": None if n % group_count == 3 else f"g{n % group_count}", "value": value}
        for n, value in enumerate(values)
    ]
    points = pl.DataFrame(rows, schema={"at": frames.UTC_MS, "group": pl.String, "value": pl.Float64})
    moments = [START + n * (END - START) / 7 for n in range(9)]
    reach = timedelta(minutes=reach_min)

    found = shifts_at(points, moments, reach_ms=reach_min * 60_000, end=END)

    assert found == pytest.approx([shift(points, (at - reach, at), (at, END)).z for at in moments], abs=1e-9)


# --- latency ----------------------------------------------------------------------------------------------------


def test_slower_answers_are_told_with_their_route():
    """Which route got slower is what the responder needs first."""
    rows = requests_of(80, 600) + requests_of(90, 90, "/api/browse", seed=4)

    result = latency.latency(case(logs=rows))

    assert signals(result).get("latency_high", 0) >= 0.5
    assert result[0].data["groups"][0]["group"] == "/api/pitches"  # type: ignore[index]


def test_answers_as_before_are_normal_and_an_absolute_limit_still_counts():
    """Slow as ever is no incident, but must not be called normal either."""
    calm = latency.latency(case(logs=requests_of(80, 80)))
    slow_as_ever = latency.latency(case(logs=requests_of(2500, 2500)))

    assert signals(calm) == {"latency_normal": 1.0}
    assert signals(slow_as_ever) == {}
    assert slow_as_ever[0].severity == Severity.WARNING  # type: ignore[index]
    assert "no slower than before" in slow_as_ever[0].claim  # type: ignore[index]


def test_a_tail_that_rose_beyond_the_limit_is_not_called_no_slower():
    """P95 from 0.1 to 6 s by one answer in twelve: most are as before, and saying no more would hide the rest."""
    rows = requests_of(80, 80)
    for number, row in enumerate(row for row in rows if row["at"] >= ONSET):
        if number % 12 == 0:
            row["duration_ms"] = 6_000.0
    (told,) = latency.latency(case(logs=rows))

    assert "by few answers" in told.claim  # type: ignore[union-attr]
    assert told.severity == Severity.WARNING  # type: ignore[union-attr]


def test_answers_beyond_the_limit_without_a_before_are_high():
    """Where nothing can be compared, the runbook's line of two seconds decides."""
    rows = [row for row in requests_of(4000, 4000) if row["at"] >= ONSET]

    assert signals(latency.latency(case(logs=rows))) == {"latency_high": 0.6}


def test_a_blind_metric_does_not_speak_for_the_window():
    """In ordinary operation the newest points are a week old (trap 9): calm old values prove nothing."""
    old = [
        {"at": at - timedelta(days=6), "name": "response_time", "value": 90.0, "route": "/api/pitches"}
        for at in minutes(START, END, 4)
    ]

    assert isinstance(latency.latency(case(metrics=old)), NotChecked)


def test_the_time_goes_to_the_deepest_part_that_rose():
    """The caller's time includes what it waits for: the database must stand above the service that asks it."""
    rows = []
    for n, at in enumerate(minutes(START, END, 10)):
        late = at >= ONSET
        own = 400.0 if late else 12.0
        rows.append(
            {"at": at, "service": "database", "caller": "pitch", "operation": "q", "duration_ms": own,
             "client_ms": own + 2, "trace_id": str(n)}
        )  # fmt: skip
        rows.append(
            {"at": at, "service": "stripe", "caller": "payments", "operation": "pay", "duration_ms": 220.0,
             "client_ms": 225.0, "trace_id": str(n)}
        )  # fmt: skip

    parts = latency.where_time_goes(case(spans=rows))

    assert (parts[0]["service"], parts[0]["part"]) == ("database", "database")
    assert {"stripe": "external"}.items() <= {
        p["service"]: p["part"] for p in parts if p["part"] != "network or queue"
    }.items()


# --- releases ---------------------------------------------------------------------------------------------------

RELEASE = "pitchey-api@1.201.0"


def failing(release: str | None, count: int = 30) -> list[dict[str, Any]]:
    """Return error entries since the onset that name *release*."""
    return [
        {"at": ONSET + timedelta(seconds=20 * n + 5), "service": "pitch", "level": "error", "message": "boom",
         "release": release}
        for n in range(count)
    ]  # fmt: skip


def deployed(version: str, before: timedelta) -> dict[str, Any]:
    """Return a deployment of the main Worker."""
    return {"at": ONSET - before, "script": "pitchey-production", "version": version, "source": "sentry"}


def test_errors_of_the_release_just_deployed_speak_for_it():
    """The release that fails is the one that was deployed: the strongest hint at a bad deployment."""
    result = releases.releases(case(logs=failing(RELEASE), deployments=[deployed(RELEASE, timedelta(minutes=2))]))

    assert list(signals(result)) == ["errors_of_new_release"]


def test_errors_of_an_old_release_speak_against_the_deployment():
    """A release that ran for days did not break now."""
    old = "pitchey-api@1.190.0"
    rows = [deployed(old, timedelta(days=3)), deployed(RELEASE, timedelta(minutes=2))]

    assert list(signals(releases.releases(case(logs=failing(old), deployments=rows)))) == ["errors_of_all_releases"]


def test_a_release_that_only_a_log_line_names_gives_no_strong_word():
    """Anybody can write a release into a log line; Cloudflare or Sentry must list it, too."""
    result = releases.releases(case(logs=failing("evil@9.9.9"), deployments=[deployed(RELEASE, timedelta(minutes=2))]))

    assert "errors_of_new_release" not in signals(result)


# --- sign-ins ---------------------------------------------------------------------------------------------------


def sign_ins(good_after: bool, people: int = 60) -> list[dict[str, Any]]:
    """Return sign-ins of people over the window, one try each; after the onset they fail unless *good_after*."""
    rows = []
    for n, at in enumerate(minutes(START, END, 3600 / people)):
        fine = at < ONSET or good_after
        rows.append(
            {"at": at, "service": "auth", "level": "info", "message": "login", "event": "login_ok" if fine else
             "login_failed", "account": f"u{n:04d}", "ip": f"91.10.{n % 200}.7", "url": "/api/auth/login",
             "method": "POST", "status": 200 if fine else 401}
        )  # fmt: skip
    return rows


def edge_rows(refused_after: float, refused_before: float = 0.01) -> list[dict[str, Any]]:
    """Return a minute's counts of two routes, with the share that is refused."""
    rows = []
    for at in minutes(START - timedelta(minutes=30), END, 60):
        share = refused_after if at >= ONSET else refused_before
        for route in ("/api/messages", "/api/notifications"):
            rows.append({"at": at, "route": route, "status": 401, "requests": 60.0 * share})
            rows.append({"at": at, "route": route, "status": 200, "requests": 60.0 * (1 - share)})
    return rows


def test_people_who_cannot_sign_in_are_told():
    """From every second person on it is a fault of ours, not of their memory."""
    assert "auth_failing" in signals(auth.auth(case(logs=sign_ins(good_after=False))))


def test_refused_sessions_on_many_routes_are_told():
    """When everybody's token is refused, private routes answer 401 at once and no 5xx shows."""
    assert "auth_failing" in signals(auth.auth(case(edge=edge_rows(0.8))))


def test_sign_ins_as_before_are_normal():
    """Evidence against an auth fault takes sign-ins that were seen to succeed."""
    result = auth.auth(case(logs=sign_ins(good_after=True), edge=edge_rows(0.01)))

    assert signals(result) == {"auth_normal": 1.0}


def test_a_guesser_does_not_look_like_broken_sign_ins():
    """Three hundred failures from one address beside people who get in are an attack, no auth fault."""
    guesser = [
        {"at": at, "service": "auth", "level": "warn", "message": "login failed", "event": "login_failed",
         "account": ("admin", "root", "info")[n % 3], "ip": "45.9.20.5", "url": "/api/auth/login", "method": "POST",
         "status": 401, "user_agent": "python-requests/2.32"}
        for n, at in enumerate(minutes(ONSET, END, 4))
    ]  # fmt: skip
    told = case(logs=sign_ins(good_after=True) + guesser, edge=edge_rows(0.01))

    assert "auth_failing" not in signals(auth.auth(told))
    assert signals(security.security(told))["brute_force_seen"] == 1.0


# --- security ---------------------------------------------------------------------------------------------------


def test_people_going_about_their_business_are_nobody():
    """An all-clear about attacks takes requests of many addresses, and accuses nobody."""
    result = security.security(case(logs=requests_of(80, 80)))

    assert list(signals(result)) == ["no_attack_seen"]


def test_a_handlers_error_under_a_visitors_address_is_no_guess():
    """When our database refuses our own password, visitors' addresses stand in the entries: they guessed nothing."""
    rows = requests_of(80, 80)
    for n, row in enumerate(list(rows)):
        if row["at"] >= ONSET:
            text = "could not open a database session for /api/pitches: authentication failed"
            rows.append({**row, "level": "error", "message": text, "status": None, "account": None, "id": f"x{n}"})

    assert "brute_force_seen" not in signals(security.security(case(logs=rows)))


def test_our_own_networks_are_never_proposed_for_a_block():
    """A monitor that fails to sign in must be looked at, not locked out."""
    rows = [
        {"at": at, "service": "auth", "level": "warn", "message": "login failed", "event": "login_failed",
         "account": "admin", "ip": "45.9.20.5", "url": "/api/auth/login", "method": "POST", "status": 401}
        for at in minutes(START, END, 5)
    ]  # fmt: skip
    ours = load("sandbox").model_copy(update={"own_networks": ("45.9.20.0/24",)})

    strangers_plan = security.plan(case(logs=rows))
    own_plan = security.plan(case(logs=rows, settings=ours))

    assert [block.target for block in strangers_plan.proposed] == ["45.9.20.5"]
    assert own_plan.proposed == ()
    assert own_plan.refused


def test_an_attack_from_our_own_address_is_told_and_left_open():
    """An announced test looks like a machine of ours that was taken: neither an incident by itself, nor calm."""
    rows = requests_of(80, 80) + [
        {"at": at, "service": "pitch", "level": "info", "message": "GET 400", "ip": "45.9.20.5", "method": "GET",
         "url": f"/api/pitches/search?q={n}%27%20UNION%20SELECT%20password%20FROM%20users--", "status": 400,
         "user_agent": "authorised-test SEC-142"}
        for n, at in enumerate(minutes(ONSET, END, 10))
    ]  # fmt: skip
    ours = load("sandbox").model_copy(update={"own_networks": ("45.9.20.0/24",)})
    strangers, own = security.security(case(logs=rows)), security.security(case(logs=rows, settings=ours))
    assert isinstance(own, list)
    (told,) = (finding for finding in own if finding.id == "security/payloads")

    assert "ask who runs it" in told.claim
    assert told.severity == Severity.WARNING
    assert 0 < signals(own)["injection_seen"] < 0.5 < signals(strangers)["injection_seen"]


# --- vitals -----------------------------------------------------------------------------------------------------


def paints(before_ms: float, after_ms: float, name: str = "web.lcp", every_s: float = 30) -> list[dict[str, Any]]:
    """Return samples of a vital over four hours, log-normal around two medians."""
    lot = random.Random(5)
    return [
        {"at": at, "name": name, "value": (after_ms if at >= ONSET else before_ms) * lot.lognormvariate(0, 0.2),
         "device": ("mobile", "desktop")[n % 2], "route": "/pitches"}
        for n, at in enumerate(minutes(END - timedelta(hours=4), END, every_s))
    ]  # fmt: skip


def test_worse_vitals_are_poor_and_same_ones_are_normal():
    """At the 75th percentile, against the lines and against before."""
    assert signals(vitals.vitals(case(metrics=paints(1300, 4600))))["vitals_poor"] == 1.0
    assert signals(vitals.vitals(case(metrics=paints(1300, 1300)))) == {"vitals_normal": vitals.WITHOUT_INP}


def test_fid_alone_never_makes_pages_good():
    """FID was replaced by INP in 2024 (trap 13): its good values say nothing about how pages respond."""
    assert isinstance(vitals.vitals(case(metrics=paints(12, 12, "web.fid"))), NotChecked)


def test_a_release_of_the_site_that_nobody_can_see_is_told():
    """Blind vitals after a release are the case in which a false all-clear would cost most."""
    row = {"at": ONSET, "script": "pitchey-frontend", "version": "pitchey-frontend@1.7.0"}

    result = vitals.unseen_release(case(deployments=[row]))

    assert isinstance(result, list)
    assert result[0].severity == Severity.WARNING
    assert not result[0].signals
    assert isinstance(vitals.vitals(case(deployments=[row])), NotChecked)
    assert vitals.unseen_release(case(deployments=[row], metrics=paints(1300, 1300))) == []


# --- assets: a real small site ----------------------------------------------------------------------------------

PAGE = b"""<!doctype html><html><head>
<script type="module" src="/assets/index-4f9c2a1b77.js"></script>
<link rel="modulepreload" href="/assets/vendor-8d01e7c3aa.js">
<link rel="modulepreload" href="/assets/gone-1c7be205ff.js">
<link rel="stylesheet" href="/assets/site-b27d90ee01.css">
</head><body></body></html>"""
LONG = "public, max-age=31536000, immutable"


class Site(BaseHTTPRequestHandler):
    """A static host as single-page hosts are: an unknown path is answered with the index page and 200."""

    large = False

    def do_GET(self) -> None:
        code = random.Random(7).randbytes(600_000).hex().encode() if self.large else b"const a=1;" * 4000
        found = {
            "/assets/index-4f9c2a1b77.js": (code, "application/javascript", None if self.large else "gzip", LONG),
            "/assets/vendor-8d01e7c3aa.js": (b"const b=2;" * 5000, "application/javascript", "gzip", LONG),
            "/assets/site-b27d90ee01.css": (b"a{b:c}" * 9000, "text/css", "gzip", None if self.large else LONG),
        }
        if not self.large:
            found["/assets/gone-1c7be205ff.js"] = (b"export{}", "application/javascript", None, LONG)
        body, kind, encoding, cached = found.get(self.path, (PAGE, "text/html; charset=utf-8", None, "no-cache"))
        if encoding:
            body = gzip.compress(body, mtime=0)
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        if encoding:
            self.send_header("content-encoding", encoding)
        if cached:
            self.send_header("cache-control", cached)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[str]:
    """Serve the small site; the parameter says whether it is large, uncompressed, uncached and lacks a chunk."""
    handler = type("Served", (Site,), {"large": request.param})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def asked(folder: Path, settings: Settings, runbook: str) -> Case:
    """Ask for real what *runbook* asks of *settings*, and return the case."""
    now = datetime.now(UTC)
    window = Window(start=now - timedelta(hours=1), end=now)

    async def work() -> dict[str, AnyObservation]:
        live = channel(folder, settings)
        try:
            return await ask_all(live, settings, window, runbook)
        finally:
            await live.close()

    found = gathered(asyncio.run(work()), window)
    return Case(window=window, now=found.now, frames=found.frames, observations=found.observations, settings=settings)


@pytest.mark.parametrize("site", [True], indirect=True)
def test_missing_large_uncompressed_and_uncached_assets_are_found_on_a_real_page(site: str, tmp_path: Path):
    """A host that answers a missing chunk with its index page and 200 must not pass for one that serves it."""
    result = assets_rule.assets(asked(tmp_path, Settings(frontend_url=site), "frontend"))

    found = signals(result)
    assert found["assets_missing"] == 1.0
    assert {"chunk_errors", "assets_heavy"} <= set(found)
    told = {f.id: f for f in result}  # type: ignore[union-attr]
    assert [a["url"].rpartition("/")[2] for a in told["assets/missing"].data["assets"]] == ["gone-1c7be205ff.js"]
    words = {a["url"].rpartition("/")[2]: a["advice"] for a in told["assets/heavy"].data["assets"]}
    assert "not compressed" in words["index-4f9c2a1b77.js"]
    assert any(text.startswith("large") for text in words["index-4f9c2a1b77.js"])
    assert any("not cached" in text for text in words["site-b27d90ee01.css"])


@pytest.mark.parametrize("site", [False], indirect=True)
def test_a_light_page_gives_no_word_at_all(site: str, tmp_path: Path):
    """One look from one place finds nothing: that is no evidence that every visitor gets every asset."""
    result = assets_rule.assets(asked(tmp_path, Settings(frontend_url=site), "frontend"))

    assert signals(result) == {}
    assert "All 4 assets" in result[0].claim  # type: ignore[index]


def test_assets_that_the_edge_answers_404_are_missing():
    """A missing chunk that our one look did not meet shows in the edge's counts."""
    rows = []
    for at in minutes(START, END, 60):
        gone = 20.0 if at >= ONSET else 0.0
        rows.append({"at": at, "route": "/assets/browse-1c7be205.js", "status": 404, "requests": gone})
        rows.append({"at": at, "route": "/assets/browse-1c7be205.js", "status": 200, "requests": 30.0 - gone})

    assert signals(assets_rule.assets(case(edge=rows)))["assets_missing"] >= 0.7


# --- cache ------------------------------------------------------------------------------------------------------


def lookups(before: float, after: float) -> list[dict[str, Any]]:
    """Return logged cache lookups with a hit rate before and after the onset."""
    lot = random.Random(6)
    return [
        {"at": at, "service": "cache", "level": "debug",
         "message": "cache hit key=a" if lot.random() < (after if at >= ONSET else before) else "cache miss key=b"}
        for at in minutes(START, END, 12)
    ]  # fmt: skip


def test_a_lower_hit_rate_is_told_and_a_steady_one_is_not():
    """From what services log, never from the infra service's own probe key (trap 16)."""
    assert "cache_hit_drop" in signals(cache.cache(case(logs=lookups(0.85, 0.3))))
    assert signals(cache.cache(case(logs=lookups(0.85, 0.85)))) == {}


@pytest.mark.parametrize(
    ("bad_minutes", "serves", "over"),
    [(range(4), True, True), (range(4), False, False), (range(12), True, False), (range(1, 20, 3), True, False)],
)
def test_a_cache_that_is_full_again_has_been_emptied_and_is_not_failing(
    bad_minutes: Iterable[int], serves: bool, over: bool
):
    """A purge takes a minute; what lasts, comes by turns, or stands beside users who are not served does not pass."""
    began = [ONSET + timedelta(minutes=one) for one in bad_minutes]
    rows = [
        {**row, "message": "cache miss key=b"}
        if any(one <= row["at"] < one + timedelta(minutes=1) for one in began)
        else row
        for row in lookups(0.97, 0.97)
    ]
    edge = edge_of({"/api/browse": (0.0 if serves else 0.5, 503)})
    (found,) = (one for one in cache.cache(case(logs=rows, edge=edge)) if one.id == "cache/hit-rate")
    strengths = [one.strength for one in found.signals]
    assert ("by now as many as before" in found.claim) == over
    assert strengths == [] or (max(strengths) < 0.4) == over


def test_figures_of_the_infra_service_are_no_evidence():
    """Its hit figures are of its own key, and its means of the last busy hour: a low one proves nothing."""
    part = Part(name="kv", state=None, figures={"cacheHits": 1.0, "cacheMisses": 99.0, "avgReadLatency": 900.0})

    assert signals(cache.cache(case(observations=seen("infra/kv/all", part)))) == {}


def test_a_500_of_the_infra_service_is_weak_evidence():
    """It stands for a failing store, and also for two readers in one second (trap 15)."""
    result = cache.cache(case(observations=unseen("infra/r2/all", "failed", "status 500", 500)))

    assert 0 < signals(result)["storage_errors"] <= 0.5


# --- scheduled jobs ---------------------------------------------------------------------------------------------


def jobs(until: datetime, period_s: float = 60, name: str = "sweep") -> list[dict[str, Any]]:
    """Return the traces of one job until *until*."""
    return [
        {"at": at, "service": "scheduler", "component": "cron", "level": "info", "event": "job_finished",
         "message": f"job {name} finished in {n} ms"}
        for n, at in enumerate(minutes(START, until, period_s))
    ]  # fmt: skip


def archive_of(*services: str) -> dict[str, AnyObservation]:
    """Return archives that saw the whole window."""
    found: dict[str, AnyObservation] = {}
    for name in (*services, "x"):
        found |= seen(f"r2/archive/{name}", share=1.0, seen_end=END)
    return found


def test_an_archive_of_which_little_was_read_does_not_show_that_logs_stopped():
    """Where a slow source used up the time, two services without objects may be all that was read of twenty."""
    edge = [{"at": at, "route": "/api/pitches", "status": 200, "requests": 9.0} for at in minutes(START, END, 60)]
    unread = {
        key: one
        for name in "abcdefgh"
        for key, one in seen(f"r2/archive/{name}", status="blind", cut=True, share=0.0).items()
    }
    stopped = flow.flow(case(edge=edge, observations=archive_of("auth")))
    assert signals(stopped) == {"log_flow_stopped": 1.0}
    assert isinstance(flow.flow(case(edge=edge, observations={**archive_of("auth"), **unread})), NotChecked)


def test_jobs_that_left_no_trace_are_missing():
    """The minute's job that was last heard twenty minutes ago does not run, as three other services show."""
    one = requests_of(80, 80)
    others = [{**row, "service": name} for name in ("auth", "browse") for row in one]
    result = scheduled.scheduled(case(logs=jobs(ONSET) + one + others, observations=archive_of("scheduler")))

    assert signals(result) == {"scheduled_missing": 1.0}


def test_one_service_that_was_read_does_not_prove_that_the_jobs_are_silent():
    """Where a slow source used up the time, one service may be all of the archive that was read."""
    result = scheduled.scheduled(case(logs=jobs(ONSET) + requests_of(80, 80), observations=archive_of("scheduler")))

    assert isinstance(result, list)
    assert signals(result) == {}


def test_jobs_whose_own_service_was_not_read_are_not_called_silent():
    """Three services that were read show nothing of a fourth: the time for reading was used up before it."""
    one = requests_of(80, 80)
    others = [{**row, "service": name} for name in ("auth", "browse") for row in one]

    result = scheduled.scheduled(case(logs=jobs(ONSET) + one + others, observations=archive_of()))

    assert isinstance(result, NotChecked)
    assert "scheduler" in result.because


def test_jobs_of_a_service_that_the_whole_archive_does_not_hold_are_missing():
    """Nothing is read of what is not there; that it is not there was seen."""
    one = requests_of(80, 80)
    others = [{**row, "service": name} for name in ("auth", "browse") for row in one]
    old = [{**row, "at": row["at"] - timedelta(days=2)} for row in jobs(END)]
    listed = seen("r2/prefixes/all", SimpleNamespace(names=("auth", "browse", "pitch")), share=1.0)
    cut = seen("r2/prefixes/all", SimpleNamespace(names=("auth", "browse", "pitch")), share=0.5, cut=True)

    whole = scheduled.scheduled(case(logs=old + one + others, observations=archive_of() | listed))
    part = scheduled.scheduled(case(logs=old + one + others, observations=archive_of() | cut))

    assert signals(whole) == {"scheduled_missing": 1.0}
    assert isinstance(part, NotChecked)


def test_jobs_in_time_are_seen_and_hourly_ones_are_not_judged_by_an_hour():
    """A job that is due once in what was seen may be late by a second: that is no fault."""
    hourly = [{**row, "at": row["at"] - timedelta(days=2)} for row in jobs(START + timedelta(hours=12), 3600, "digest")]
    logs = hourly + jobs(END) + requests_of(80, 80)
    result = scheduled.scheduled(case(logs=logs, observations=archive_of("scheduler")))

    assert list(signals(result)) == ["scheduled_seen"]
    states = {row["name"]: row["state"] for row in result[0].data["jobs"]}  # type: ignore[index]
    assert sorted(states.values()) == ["cannot be told", "runs"]


def test_lost_entries_are_not_mistaken_for_jobs_that_stopped():
    """When nothing at all arrives, the jobs' traces are lost with the rest."""
    lost = [row for row in jobs(ONSET) + requests_of(80, 80) if row["at"] < ONSET]

    assert signals(scheduled.scheduled(case(logs=lost, observations=archive_of("scheduler")))) == {}


# --- monitoring -------------------------------------------------------------------------------------------------


def test_a_blind_store_is_ordinary_and_no_fault():
    """Traps 1 and 9: in steady state every answer is blind; that must never be called a failure."""
    blind = {
        **unseen("logs/service/auth", "blind", "Too many API requests by single worker invocation."),
        **seen("apm/metrics/response_time", MetricPage(name="response_time", points=pl.DataFrame()), "blind", cut=True),
        **seen("monitoring/health/all"),
    }

    assert signals(monitoring.monitoring(case(observations=blind))) == {}


def test_services_of_the_monitoring_that_answer_with_errors_are_told():
    """A 500 of the monitoring service is its own fault, not the platform's."""
    down = {**unseen("monitoring/health/all", "failed", "status 500", 500), **seen("apm/summary/all")}

    assert "monitoring_failing" in signals(monitoring.monitoring(case(observations=down)))


def test_metrics_that_stopped_are_told_only_by_a_store_that_can_see():
    """A store that was cut shows old points for ever: its newest point says nothing about the flow."""
    page = MetricPage(name="error_rate", points=pl.DataFrame(), points_read=300)
    old = END - timedelta(minutes=40)
    edge = edge_rows(0.0)

    whole = seen("apm/metrics/error_rate", page, seen_end=old, cut=False)
    cut = seen("apm/metrics/error_rate", page, seen_end=old, cut=True)

    assert signals(monitoring.monitoring(case(observations=whole, edge=edge))) == {"metric_flow_stopped": 1.0}
    assert signals(monitoring.monitoring(case(observations=cut, edge=edge))) == {}


def invocations(script: str, bad_after: float, each: float) -> list[dict[str, Any]]:
    """Return a minute's invocations of *script*, a share of them ending badly since the onset."""
    rows = []
    for at in minutes(START, END, 60):
        share = bad_after if at >= ONSET else 0.0
        rows.append({"at": at, "script": script, "status": "success", "requests": each * (1 - share), "errors": 0.0})
        bad = each * share
        rows.append({"at": at, "script": script, "status": "scriptThrewException", "requests": bad, "errors": bad})
    return rows


def test_a_logs_worker_that_throws_loses_entries():
    """Cloudflare counts how the monitoring's own Workers end, whatever their stores show."""
    told = case(workers=invocations("pitchey-logs", 0.6, 20), observations=seen("apm/summary/all"))

    assert {"monitoring_failing", "log_flow_stopped"} <= set(signals(monitoring.monitoring(told)))


def test_a_script_that_is_seldom_called_is_not_called_silent():
    """A third of an invocation a minute may pause for a quarter of an hour by chance."""
    rows = [row for row in invocations("pitchey-alerts", 0.0, 0.4) if row["at"] < ONSET]
    told = case(workers=rows, edge=edge_rows(0.0), observations=seen("apm/summary/all"))

    assert signals(monitoring.monitoring(told)) == {}


def test_alerts_that_were_not_delivered_are_told():
    """By the event that the sender leaves, not by wording."""
    rows = [
        {"at": at, "service": "alerts", "level": "error", "event": "delivery_failed", "message": "404 no_service"}
        for at in minutes(ONSET, END, 60)
    ]

    result = monitoring.monitoring(case(logs=rows, observations=seen("apm/summary/all")))

    assert signals(result)["alerts_failing"] == 1.0


# --- database: PostgreSQL itself --------------------------------------------------------------------------------


def test_a_stale_summary_and_constants_say_nothing_about_the_database():
    """``summary.database`` stands still and ``/infra/health`` is a constant (traps 12 and 14)."""
    part = Part(name="database", state=None, figures={})
    constant = seen("infra/health/all", {"database": part})

    assert isinstance(database.database(case(observations=constant)), NotChecked)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Run a PostgreSQL server for this module, with ``pg_stat_statements`` and an ordinary role."""
    if postgres_server.programs() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with postgres_server.running() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create extension pg_stat_statements")
            connection.execute("create role app login")
            connection.execute("create table pitch (id int primary key, title text)")
            connection.execute("insert into pitch select n, 'x' from generate_series(1, 30000) n")
            connection.execute("grant all on pitch to app")
            connection.execute("analyze pitch")
        yield url


def of_database(url: str, folder: Path, **limits: float) -> list[Finding]:
    """Ask the server at *url* for real and return what the rule says."""
    settings = Settings(database_url=url)
    if limits:
        settings = settings.model_copy(update={"thresholds": settings.thresholds.model_copy(update=limits)})
    result = database.database(asked(folder, settings, "database"))
    assert isinstance(result, list), result
    return result


@pytest.mark.slow
@pytest.mark.database
def test_a_quiet_server_is_free_and_normal(server: str, tmp_path: Path):
    """What the server says of itself is the only thing that may speak for the database."""
    found = signals(of_database(server, tmp_path))

    assert found["db_pool_free"] == 1.0
    assert found["db_normal"] > 0.5


@pytest.mark.slow
@pytest.mark.database
def test_a_used_up_pool_is_told_and_a_refusal_has_its_reason(server: str, tmp_path: Path):
    """Ninety connections of a hundred are saturation; from the last on, the server refuses and says why."""
    app = server.replace("user=ops", "user=app")
    held = [psycopg.connect(app) for _ in range(91)]
    try:
        busy = signals(of_database(server, tmp_path / "a"))
        while True:
            try:
                held.append(psycopg.connect(app))
            except psycopg.OperationalError:
                break
        refused = of_database(app, tmp_path / "b")
    finally:
        for connection in held:
            connection.close()

    assert busy["db_pool_saturated"] == 1.0
    assert "db_normal" not in busy
    assert signals(refused) == {"db_pool_saturated": 1.0}
    assert refused[0].data["sqlstate"] == "53300"


@pytest.mark.slow
@pytest.mark.database
def test_leaks_blocking_chains_and_long_statements_are_named(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Who holds a connection without using it, who waits for whom, and what runs long; times shortened."""
    monkeypatch.setattr(database, "LEAK_S", 0.2)
    monkeypatch.setattr(database, "WAIT_S", 0.1)
    monkeypatch.setattr(database, "LONG_S", 0.2)
    url = server + "&application_name="

    async def work() -> list[Finding]:
        holder = await psycopg.AsyncConnection.connect(url + "checkout")
        waiter = await psycopg.AsyncConnection.connect(url + "mails", autocommit=True)
        third = await psycopg.AsyncConnection.connect(url + "digest", autocommit=True)
        sleeper = await psycopg.AsyncConnection.connect(url + "report")
        await holder.execute("update pitch set title = 'a' where id = 1")
        tasks = [
            asyncio.create_task(waiter.execute("update pitch set title = 'b' where id = 1")),
            asyncio.create_task(third.execute("update pitch set title = 'c' where id = 1")),
            asyncio.create_task(sleeper.execute("select pg_sleep(8)")),
        ]
        try:
            await asyncio.sleep(0.8)
            return await asyncio.to_thread(of_database, server, tmp_path)
        finally:
            await holder.rollback()
            sleeper.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for connection in (holder, waiter, third, sleeper):
                await connection.close()

    result = asyncio.run(work())

    found = {finding.id: finding for finding in result}
    assert {"db_locks", "db_slow"} <= set(signals(result))
    assert "db_normal" not in signals(result)
    assert "“checkout”" in found["database/leaks"].claim
    roots = found["database/blocking"].data["roots"]
    assert [root["blocker_application"] for root in roots] == ["checkout"]
    assert found["database/blocking"].data["waiting"] == 2
    assert "report" in {row["application"] for row in found["database/long"].data["statements"]}


@pytest.mark.slow
@pytest.mark.database
def test_sequential_scans_and_slow_statements_are_listed_without_a_signal(server: str, tmp_path: Path):
    """Both are standing conditions since statistics were reset: work to do, no evidence about now."""
    with psycopg.connect(server, autocommit=True) as connection:
        for _ in range(8):
            connection.execute("select count(*) from pitch where title = 'y'")
            connection.execute("select pg_sleep(0.03)")
        connection.execute("select pg_stat_force_next_flush()")
        connection.execute("select 1")
        for _ in range(100):
            row = connection.execute("select seq_scan from pg_stat_user_tables where relname = 'pitch'").fetchone()
            if row is not None and row[0] >= 5:
                break

    result = of_database(server, tmp_path, slow_statement_ms=20.0)

    found = {finding.id: finding for finding in result}
    assert "pitch" in found["database/scans"].claim
    assert any("pg_sleep" in row["statement"] for row in found["database/statements"].data["statements"])
    assert not found["database/scans"].signals
    assert not found["database/statements"].signals


@pytest.mark.slow
@pytest.mark.database
def test_a_server_that_is_gone_is_refused(tmp_path: Path):
    """No socket, no server: from here the database does not answer."""
    result = database.database(
        replace(
            asked(tmp_path, Settings(database_url=f"postgresql:///x?host={tmp_path}&user=app"), "database"),
            observations={
                **asked(
                    tmp_path, Settings(database_url=f"postgresql:///x?host={tmp_path}&user=app"), "database"
                ).observations,
                **seen("monitoring/health/all"),
            },
        )
    )

    assert list(signals(result)) == ["db_refused"]


# --- which runbook next -----------------------------------------------------------------------------------------


def verdict(state: Any, cause: str | None, share: float | None = None, level: Any = "P2") -> Verdict:
    """Return a verdict with what routing looks at."""
    return Verdict(
        state=state, cause=cause, confidence=0.9, severity=level, onset=None, onset_uncertainty_s=None,
        impact=Impact(requests_failing_share=share), summary="", next_step="",
    )  # fmt: skip


def test_every_cause_leads_to_a_runbook_that_there_is():
    """A route to a runbook that does not exist helps nobody."""
    from pitchey_ops.diagnosis.hypotheses import HYPOTHESES

    assert set(NEXT) == {one.id for one in HYPOTHESES} - {"none"}
    assert set(NEXT.values()) <= set(RUNBOOKS)
    assert set(NEXT.values()) == set(RUNBOOKS) - {"triage", "post_incident"}


def test_the_named_cause_leads_and_a_close_second_follows():
    """The responder runs the first; the second only where evidence of its own speaks for it."""
    findings = [
        Finding(
            id="a/1", rule="a", claim="", severity=Severity.WARNING, evidence=(), signals=(Signal(name="db_locks"),)
        ),
        Finding(
            id="b/1", rule="b", claim="", severity=Severity.WARNING, evidence=(), signals=(Signal(name="cors_errors"),)
        ),
    ]
    scores = weigh(findings, [], speaks={})

    found = routes(scores, verdict("incident", scores[0].id))

    assert [runbook for runbook, _, _ in found][:2] == [NEXT[scores[0].id], NEXT[scores[1].id]]
    assert routes(scores, verdict("healthy", "none")) == []


def test_hurt_users_without_a_cause_lead_to_the_general_runbook():
    """Nobody is left without a next runbook while requests fail."""
    scores = weigh([], [], speaks={})

    assert [r for r, _, _ in routes(scores, verdict("incident", None, 0.2))] == ["error_rate"]
    assert [r for r, _, _ in routes(scores, verdict("incident", None, 0.7, "P1"))] == ["outage"]


# --- where on the way it fails, rare events, small routes, words that nobody knows ---------------------------


def edge_of(failing: dict[str, tuple[float, int]], per_minute: int = 12) -> list[dict[str, Any]]:
    """Return two hours of minutes for six routes; *failing*: route -> share since the onset and its status."""
    rows = []
    routes = (
        "/",
        "/assets/index-4f9c2a1b.js",
        "/api/pitches",
        "/api/browse",
        "/api/auth/verify",
        "/api/payments/checkout",
    )
    for at in minutes(END - timedelta(hours=2), END, 60):
        for route in routes:
            share, status = failing.get(route, (0.0, 500)) if at >= ONSET else (0.0, 500)
            bad = round(per_minute * share)
            rows.append({"at": at, "route": route, "status": 200, "requests": float(per_minute - bad)})
            if bad:
                rows.append({"at": at, "route": route, "status": status, "requests": float(bad)})
    return rows


def test_what_fails_before_the_worker_fails_pages_and_api_alike():
    """The status page is late, and a Worker cannot break files that it does not serve."""
    both = dict.fromkeys(("/", "/assets/index-4f9c2a1b.js", "/api/pitches", "/api/browse"), (0.4, 522))
    told = signals(edge.edge(case(edge=edge_of(both))))
    assert told["edge_fails_alike"] == 1.0
    assert told["edge_network_page"] > 0.9
    behind = signals(edge.edge(case(edge=edge_of({"/api/pitches": (0.5, 500), "/api/browse": (0.5, 500)}))))
    assert set(behind) == {"edge_fails_by_route"}
    assert signals(edge.edge(case(edge=edge_of({})))) == {}
    assert isinstance(edge.edge(case()), NotChecked)


def test_requests_that_never_reach_the_worker_are_missing_among_its_invocations():
    """Cloudflare's own count of invocations needs no words and no status page."""

    def invocations(lost: float) -> list[dict[str, Any]]:
        return [
            {
                "at": at,
                "script": "pitchey-production",
                "status": "success",
                "requests": 48.0 * (1 - lost * (at >= ONSET)),
            }
            for at in minutes(END - timedelta(hours=2), END, 60)
        ]

    failing = edge_of({"/api/pitches": (0.5, 500), "/api/browse": (0.5, 500)})
    assert signals(edge.edge(case(edge=failing, workers=invocations(0.3))))["fails_before_worker"] > 0.5
    assert "fails_before_worker" not in signals(edge.edge(case(edge=failing, workers=invocations(0.0))))


def test_a_route_that_few_use_fails_for_all_who_do():
    """Half of all purchases is a hundredth of all requests, and no calm."""
    quiet = edge_of({"/api/payments/checkout": (0.5, 500)}, per_minute=2)
    busy = [{**row, "route": f"{row['route']}{n}"} for n in range(60) for row in edge_of({}, per_minute=6)]
    told = users.users(case(edge=[*quiet, *busy]))
    assert signals(told) == {"users_failing": users.CERTAIN}
    assert told[0].data["route"] == "/api/payments/checkout"
    assert "users_failing" not in signals(users.users(case(edge=[*edge_of({}, per_minute=2), *busy])))


def entries(text: str, *, service: str = "payments", after_only: bool = True, **more: Any) -> list[dict[str, Any]]:
    """Return an error every 20 s with *text*, since the onset or all the hour."""
    start = ONSET if after_only else START
    return [
        {"at": at, "service": service, "level": "error", "message": text, "trace_id": f"t{n}", **more}
        for n, at in enumerate(minutes(start, END, 20))
    ]


def test_errors_in_unknown_words_are_no_calm():
    """What nobody's lexicon knows is still new; what was so all along is not."""
    words = "the frobnicator is out of unguent"
    calm = [{**row, "service": "payments"} for row in requests_of(80, 80)]
    assert set(signals(kinds.kinds(case(logs=[*calm, *entries(words)])))) == {"errors_unexplained"}
    assert signals(kinds.kinds(case(logs=[*calm, *entries(words, after_only=False)]))) == {}
    assert "db_errors" in signals(kinds.kinds(case(logs=[*calm, *entries(words, service="database")])))


@pytest.mark.parametrize(
    ("text", "service", "component", "signal"),
    [
        ("timeout exceeded when trying to connect", "pitch", None, "db_pool_saturated"),
        ("Client was closed and is not queryable", "pitch", None, "db_refused"),
        ("process 12 still waiting for ShareLock on transaction 5 after 1000 ms", "database", None, "db_locks"),
        ("operator does not exist: uuid = integer", "pitch", None, "schema_errors"),
        ("answered 401: key not recognised", "upload", "mux", "credentials_rejected"),
        ("no verdict within 8 s", "payments", "stripe", "third_party_errors"),
        ("ETIMEDOUT api.example.com:443 after 15000 ms", "payments", None, "third_party_errors"),
        ('"nbf" claim timestamp check failed', "auth", None, "token_signature_errors"),
        ("isolate was reset: memory limit reached", "pitch", None, "worker_limits"),
        ("gave up waiting for the object store", "pitch", None, "storage_errors"),
        ("LOADING Redis is loading the dataset in memory", "cache", None, "cache_errors"),
        ("channel_is_archived", "alerts", None, "alerts_failing"),
        ("Cannot read properties of undefined (reading 'session')", "auth", None, "code_exceptions_new"),
        ("Failed to load resource: /assets/index.css (403)", "frontend", None, "chunk_errors"),
    ],
)  # fmt: skip
def test_words_of_real_systems_are_known_by_kind(text: str, service: str, component: str | None, signal: str):
    """Servers, runtimes, browsers and client libraries say it in their own words; the place helps."""
    told = signals(kinds.kinds(case(logs=entries(text, service=service, component=component))))
    assert signal in told, told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("profile cache cold for genre 4, filled", False),
        ("the cache was empty after the purge, warmed up in 40 ms.", False),
        ("cache is empty", True),
        ("cache cold, filled too slowly: kv put timed out", True),
        ("cache is cold and cannot be filled", True),
        ("kv cache empty, not filled", True),
    ],
)
def test_a_cache_that_was_cold_and_is_filled_is_no_trouble(text: str, told: bool):
    """That is what a cache is for; the same words with another end are a fault."""
    assert ("cache_errors" in signals(kinds.kinds(case(logs=entries(text, service="pitch", level="warn"))))) == told


def test_what_a_visitor_typed_is_not_what_the_platform_says():
    """An address bar can hold any word: alert(1), deadlock, password authentication failed."""
    typed = "GET /api/browse?q=alert(1)deadlock+password+authentication+failed"
    told = signals(kinds.kinds(case(logs=entries(typed, service="browse", url=typed[4:], status=500))))
    assert told == {}


def test_sign_in_routes_that_break_alone_are_a_fault_of_signing_in():
    """Keys that cannot be loaded are 503, no refusal; a database that is gone breaks all routes alike."""
    alone = signals(auth.auth(case(edge=edge_of({"/api/auth/verify": (0.6, 503)}))))
    assert alone["auth_failing"] == 1.0
    everywhere = dict.fromkeys(("/api/auth/verify", "/api/pitches", "/api/browse"), (0.6, 503))
    assert signals(auth.auth(case(edge=edge_of(everywhere)))) == {}


def test_vitals_tell_their_own_time_where_nothing_else_does():
    """A slow page fails no request: without an onset, the clearest change of a vital is looked for, FID's too."""

    def views(name: str, before: float, after: float, at_change: datetime) -> list[dict[str, Any]]:
        lot = random.Random(3)
        return [
            {"at": at, "name": name, "device": "mobile", "route": "/",
             "value": (after if at >= at_change else before) * lot.lognormvariate(0, 0.3)}
            for at in minutes(END - timedelta(hours=2), END, 40)
        ]  # fmt: skip

    early = END - timedelta(minutes=70)
    steady = views("web.lcp", 1500, 1500, early)
    told = signals(vitals.vitals(case(onset=None, metrics=[*steady, *views("web.fid", 25, 110, early)])))
    assert told["vitals_poor"] >= 0.8
    assert "vitals_poor" not in signals(
        vitals.vitals(case(onset=None, metrics=[*steady, *views("web.fid", 25, 25, early)]))
    )


def test_files_that_are_refused_are_missing():
    """403 leaves the page without its style as 404 does."""
    refused = edge_of({"/assets/index-4f9c2a1b.js": (0.8, 403)})
    assert signals(assets_rule.assets(case(edge=refused)))["assets_missing"] >= 0.7


def test_a_deployment_before_failures_older_than_what_was_seen_is_named():
    """Nobody saw when it began: the newest deployment of the Worker is the change that is known."""
    rows = []
    for at in minutes(END - timedelta(hours=2), END, 60):
        rows += [
            {"at": at, "route": "/api/x", "status": 200, "requests": 6.0},
            {"at": at, "route": "/api/x", "status": 500, "requests": 6.0},
        ]
    deployed = [{"at": END - timedelta(hours=3), "script": "pitchey-production", "version": "abc", "observation": "o"}]
    told = deployments.deployments(case(onset=None, edge=rows, deployments=deployed))
    assert signals(told) == {"deployment_before_onset": 0.7}
    assert signals(deployments.deployments(case(onset=None, edge=edge_of({}), deployments=deployed))) == {}


def test_a_loud_service_whose_past_was_not_read_is_suspected_all_the_same():
    """The service that fails logs most, so its past is what a run has no time to read."""
    calm = requests_of(80, 80)
    loud = entries("could not load keys", service="auth")
    made = case(logs=[*calm, *loud])
    since = {"pitch": START, "auth": ONSET - timedelta(seconds=20)}
    made = replace(made, frames=replace(made.frames, log_seen_from=since))
    object.__setattr__(made, "__dict__", {**made.__dict__, "onset": case().onset})
    found = suspects_of(made)
    assert found[0].service == "auth"
