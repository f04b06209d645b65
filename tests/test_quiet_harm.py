"""
Harm without a server error: people turned away politely, warnings that are new, one slow route, a crowd of nobodies.

Each of them forbids an all-clear; a harmless look-alike beside each does not.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hand_cases import BROWSER, END, LATER, START, WEEK_AGO, Row, case, table

from pitchey_ops import frames
from pitchey_ops.diagnosis.verdict import decide
from pitchey_ops.diagnosis.weigh import weigh
from pitchey_ops.findings import assets, auth, kinds, latency, monitoring, probes, security, traffic, users, vitals
from pitchey_ops.findings._attack_shapes import asked_of, new_shapes, shape_of, usual_shapes
from pitchey_ops.findings.attacks import attackers
from pitchey_ops.findings.case import Case
from pitchey_ops.findings.catalogue import SPEAKS
from pitchey_ops.findings.onset import Onset
from pitchey_ops.findings.refused import refused_onset, turned_away
from pitchey_ops.models.finding import Finding, NotChecked, Severity, Signal
from pitchey_ops.models.observation import AnyObservation, Coverage, Observed, Unavailable
from pitchey_ops.models.report import Impact
from pitchey_ops.panels.steps import step_panel
from pitchey_ops.panels.view import View
from pitchey_ops.runbooks.analyse import analyse
from pitchey_ops.runbooks.catalogue import RUNBOOKS
from pitchey_ops.runbooks.context import RunContext
from pitchey_ops.sources.frontend import Asset
from pitchey_ops.steps import steps_of

CREATE = "/api/pitches/create"
SEARCH = "/api/pitches/search"


def at_edge(route: str, status: int, per_min: float, start: datetime, end: datetime) -> list[Row]:
    """Return minutes of requests at the edge."""
    minutes = int((end - start).total_seconds() // 60)
    return [
        {"at": start + timedelta(minutes=n), "route": route, "status": status, "requests": per_min,
         "observation": "cloudflare_api/traffic/all"}
        for n in range(minutes)
    ]  # fmt: skip


def asks(url: str, at: datetime, ip: str, **more: Any) -> Row:
    """Return one logged request."""
    row = {"at": at, "service": "pitch", "level": "info", "message": f"GET {url} 200", "ip": ip, "url": url,
           "method": "GET", "status": 200, "user_agent": BROWSER, "observation": "r2/archive/pitch"}  # fmt: skip
    return {**row, **more}


def seen(key: str, value: Any = None, **coverage: Any) -> dict[str, AnyObservation]:
    """Return one observation by its id."""
    one = Observed(
        id=key, source=key.partition("/")[0], at=END, value=value, status="observed", coverage=Coverage(**coverage)
    )
    return {key: one}


# --- Turned away -------------------------------------------------------------------------------------------


def forms(share: float, *, route: str = CREATE, status: int = 422, since: datetime = LATER) -> list[Row]:
    """Return two hours of a form at the edge, of which *share* is refused since then, beside other traffic."""
    return [
        *at_edge("/api/browse", 200, 40, END - timedelta(hours=3), END),
        *at_edge(route, 201, 3.0, END - timedelta(hours=3), since),
        *at_edge(route, status, 0.1, END - timedelta(hours=3), since),
        *at_edge(route, 201, 3.0 * (1 - share), since, END),
        *at_edge(route, status, 3.0 * share, since, END),
    ]


def refusals_by(*ips: str) -> list[Row]:
    """Return logged refusals since then, by these addresses in turn."""
    return [
        asks(CREATE, LATER + timedelta(seconds=40 * n), ips[n % len(ips)], status=422, method="POST", level="warn")
        for n in range(24)
    ]


PEOPLE = tuple(f"198.51.100.{n}" for n in range(20))


def said(found: Any) -> dict[str, Finding]:
    """Return findings by id."""
    assert isinstance(found, list)
    return {finding.id: finding for finding in found}


def test_people_who_are_turned_away_politely_are_hurt() -> None:
    """A validation that refuses nearly every form breaks a business without one error of a server."""
    found = said(users.users(case(edge=forms(0.9), logs=refusals_by(*PEOPLE))))
    told = found["users/refused"]
    assert told.severity == Severity.WARNING
    assert [(signal.name, signal.strength) for signal in told.signals] == [("users_refused", 1.0)]
    assert not any(signal.name == "users_not_failing" for signal in found["users/not-failing"].signals)


@pytest.mark.parametrize(
    ("edge", "logs"),
    [
        pytest.param(forms(0.05), refusals_by(*PEOPLE), id="mistyped as ever"),
        pytest.param(forms(0.9), refusals_by("203.0.113.9"), id="one client alone"),
        pytest.param(forms(0.9, route="/api/v1/old/ping", status=410, since=START - timedelta(hours=2)), [], id="gone"),
        pytest.param(forms(0.9, status=429), [], id="asks too often"),
        pytest.param(forms(0.9, route="/assets/x.js", status=404), [], id="a file of the page"),
        pytest.param(forms(0.9, route="/api/auth/login", status=401), [], id="wrong passwords"),
        pytest.param(at_edge("/wp-login.php", 404, 9.0, LATER, END), [], id="what never was there"),
    ],
)
def test_refusals_that_hurt_nobody_are_not_told_as_harm(edge: list[Row], logs: list[Row]) -> None:
    """Typing errors, scanners, one broken client and limits refuse every day; other rules tell of them."""
    everything = edge + at_edge("/api/browse", 200, 5, END - timedelta(hours=3), END)
    assert "users/refused" not in said(users.users(case(edge=everything, logs=logs)))


def test_where_nobody_can_tell_who_is_refused_it_weighs_less() -> None:
    """Logs that were cut leave open whether people or programs were refused; calm it is not."""
    told = said(users.users(case(edge=forms(0.9))))["users/refused"]
    assert 0.5 <= told.signals[0].strength < 1


def test_refusals_tell_their_own_time() -> None:
    """No other series moves, and a deployment can only be found before a known onset."""
    whole = case(dated=True, edge=forms(0.9), logs=refusals_by(*PEOPLE))
    onset = refused_onset(whole)
    assert onset is not None
    assert abs((onset.at - LATER).total_seconds()) <= 120
    assert whole.onset is not None
    assert refused_onset(case(edge=forms(0.05))) is None


def test_a_route_that_nobody_asked_before_has_nothing_to_lose() -> None:
    """What was refused from its first minute is no change, and what was hardly asked proves none."""
    before, after = (START, LATER), (LATER, END)
    new = table(frames.EDGE, at_edge("/api/new", 400, 9.0, LATER, END))
    assert turned_away(new, before, after) == []
    assert turned_away(table(frames.EDGE, []), before, after) == []


# --- Warnings ----------------------------------------------------------------------------------------------


def quiet(count: int = 120, service: str = "nda") -> list[Row]:
    """Return what a service said a week ago."""
    return [
        {"at": WEEK_AGO + timedelta(seconds=20 * n), "service": service, "level": "info", "message": "signed"}
        for n in range(count)
    ]


def warns(message: str, since: datetime, until: datetime = END, service: str = "nda") -> list[Row]:
    """Return a warning every half minute."""
    return [
        {"at": since + timedelta(seconds=30 * n), "service": service, "level": "warn", "message": f"{message} {n}"}
        for n in range(int((until - since).total_seconds() // 30))
    ]


ODD = "envelope left without a countersignature, notary refused it"
REMARK = "envelope without a countersignature, filed under drafts"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        pytest.param(warns(ODD, LATER), True, id="new and lasting"),
        pytest.param(warns(ODD, WEEK_AGO, WEEK_AGO + timedelta(hours=1)) + warns(ODD, LATER), False, id="as ever"),
        pytest.param(warns(ODD, START, START + timedelta(minutes=12)), False, id="over"),
        pytest.param(warns(ODD, END - timedelta(minutes=3)), False, id="just a few"),
        pytest.param(warns("soft bounce from mail.example: mailbox full", LATER), False, id="mailboxes of others"),
        pytest.param(warns("DeprecationWarning: url.parse() is old", LATER), False, id="a library's age"),
    ],
)
def test_new_warnings_that_go_on_are_no_calm_day(rows: list[Row], told: bool) -> None:
    """In words that nobody knows, and yet: it was never said before, in numbers, and it does not stop."""
    found = said(kinds.kinds(case(logs=quiet() + rows)))
    assert ("kinds/warnings-new" in found) is told


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(REMARK, id="tells of nothing that went wrong"),
        pytest.param("notary refused the envelope, accepted at the 2nd try", id="made good"),
        pytest.param("tag has an invalid checkbox, ignored", id="meant so"),
        pytest.param("could not refresh the list, using the cached one", id="kept from everybody"),
    ],
)
def test_a_new_remark_is_told_and_stands_in_nobodys_way(text: str) -> None:
    """A day without a new remark is rare; what is left undone is another matter."""
    found = said(kinds.kinds(case(logs=quiet() + warns(text, LATER))))
    assert found["kinds/remarks-new"].severity == Severity.INFO
    assert "kinds/warnings-new" not in found


@pytest.mark.parametrize(
    "text",
    [
        "volume at 94 % of 40 GB",
        "certificate of the notary expires in 5 days",
        "pages of the ledger are corrupt, ignored",
        "envelope could not be stored",
        "envelope: attempt of 3, not delivered",
        "dokument zapisać się nie udało",
        "письмо не отправлено",
    ],
)
def test_harm_that_is_left_or_that_comes_is_in_the_way_whatever_else_is_said(text: str) -> None:
    """Loss, exhaustion ahead, work not done, and a tongue that nobody here reads."""
    found = said(kinds.kinds(case(logs=quiet() + warns(text, LATER))))
    assert found["kinds/warnings-new"].severity == Severity.WARNING


def test_no_words_reassure_of_somebody_who_works_less_than_before() -> None:
    """What it says beside the warning stopped when the warning began: then something is not done."""
    work = [
        {"at": START + timedelta(seconds=20 * n), "service": "nda", "level": "info", "message": "signed"}
        for n in range(180)
    ]
    idle = [row for row in work if row["at"] < LATER]
    assert "kinds/warnings-new" not in said(kinds.kinds(case(logs=quiet() + work + warns(REMARK, LATER))))
    assert "kinds/warnings-new" in said(kinds.kinds(case(logs=quiet() + idle + warns(REMARK, LATER))))


def test_no_words_reassure_while_one_route_gets_far_more_than_its_share() -> None:
    """Who walks around a limit is remarked upon in the mildest words, and asks for one thing all the time."""
    ordinary = at_edge("/api/browse", 200, 40, START - timedelta(hours=1), END)
    ordinary += at_edge(SEARCH, 200, 5, START - timedelta(hours=1), END)
    crowd = at_edge(SEARCH, 200, 60, LATER, END)
    logs = quiet() + warns(REMARK, LATER)
    assert "kinds/warnings-new" not in said(kinds.kinds(case(logs=logs, edge=ordinary)))
    assert "kinds/warnings-new" in said(kinds.kinds(case(logs=logs, edge=ordinary + crowd)))


def test_a_service_that_was_never_seen_before_has_no_new_warnings() -> None:
    """The first sight of a service shows what it always says."""
    assert said(kinds.kinds(case(logs=quiet(10) + warns(ODD, LATER)))) == {}


def test_a_service_whose_store_showed_all_it_ever_said_has_new_warnings() -> None:
    """It kept silent for a week and speaks every minute now: nothing of what it said before was cut off."""
    rows = quiet() + warns(ODD, LATER, service="monitoring")
    whole = seen("logs/service/monitoring", cut=False)
    assert "kinds/warnings-new" in said(kinds.kinds(case(logs=rows, observations=whole)))
    cut = seen("logs/service/monitoring", cut=True)
    assert "kinds/warnings-new" not in said(kinds.kinds(case(logs=rows, observations=cut)))


def test_warnings_of_a_service_that_fails_are_its_errors() -> None:
    """Some call nothing an error: where a service's requests fail, what it warns of is why."""
    lines = warns("42P10 upsert refused", LATER, service="investor")
    failing = [
        asks(
            "/api/investor/interest", LATER + timedelta(seconds=30 * n), "198.51.100.1", service="investor", status=500
        )
        for n in range(40)
    ]
    calm = [row | {"status": 200} for row in failing]
    past = quiet(service="investor")

    def signals(rows: list[Row]) -> set[str]:
        told = kinds.kinds(case(logs=rows))
        assert isinstance(told, list)
        return {signal.name for finding in told for signal in finding.signals}

    assert "errors_unexplained" in signals(
        past + warns("ledger refuses the entry", LATER, service="investor") + failing
    )
    assert signals(past + warns("ledger refuses the entry", LATER, service="investor") + calm) == set()
    assert "schema_errors" in signals(past + lines + failing)


@pytest.mark.parametrize(("house", "hard"), [("203.0.113", False), (None, True)])
def test_what_one_house_alone_is_refused_makes_no_warning_an_error(house: str | None, hard: bool) -> None:
    """A partner's trial or a class of students is refused what it sends wrong; it is not the service that fails."""
    lines = warns("ledger refuses the entry", LATER, service="investor")
    refused = [
        asks(
            "/api/investor/interest", LATER + timedelta(seconds=30 * n),
            f"{house}.{n % 9}" if house else f"198.51.{n % 9}.7", service="investor", status=422,
        )
        for n in range(40)
    ]  # fmt: skip
    told = kinds.kinds(case(logs=quiet(service="investor") + lines + refused))
    assert isinstance(told, list)
    assert any(one.name == "errors_unexplained" for found in told for one in found.signals) is hard


def test_what_has_ended_while_users_are_served_as_before_weighs_little() -> None:
    """A database that moved and was back within a minute is told; nobody need be woken."""
    edge = at_edge("/api/browse", 200, 40, START - timedelta(hours=2), END)
    lines = [
        row | {"level": "error"} for row in warns("FATAL: 57P01 terminating connection", LATER, service="database")
    ]
    over = [row for row in lines if row["at"] < LATER + timedelta(minutes=5)]
    past = quiet(service="database")
    going = said(kinds.kinds(case(logs=past + lines, edge=edge)))["kinds/db-refused"]
    ended = said(kinds.kinds(case(logs=past + over, edge=edge)))["kinds/db-refused"]
    assert (going.severity >= Severity.WARNING, ended.severity) == (True, Severity.INFO)
    assert ended.signals[0].strength < 0.5 * going.signals[0].strength
    unseen = said(kinds.kinds(case(logs=past + over)))["kinds/db-refused"]
    assert unseen.severity >= Severity.WARNING


def test_a_trouble_that_grew_slowly_is_heard_though_its_onset_is_late() -> None:
    """What people feel of a slow growth begins long after it; the entries that tell of it are older than that."""
    onset = Onset(
        symptom="overall", at=END - timedelta(minutes=8), uncertainty_s=1100.0, kind="share", shape="step", before=0.0,
        after=0.3, ratio=90.0, unit="", weight_nats=16.0, confidence=0.7, symptoms=("edge_5xx:/api/x",),
    )  # fmt: skip
    lines = [
        {"at": START + timedelta(seconds=9 * n), "service": "database", "level": "warn", "component": "kysely",
         "message": f'{{"sql":"select * from pitches where studio_id = $1","ms":{4000 + n}}}', "trace_id": f"t{n}"}
        for n in range(390)
    ]  # fmt: skip
    late = case(logs=quiet(service="database") + lines)
    object.__setattr__(late, "__dict__", {**late.__dict__, "onset": onset})
    type(late).onset = onset  # type: ignore[assignment]
    try:
        found = said(kinds.kinds(late))
    finally:
        type(late).onset = None  # type: ignore[assignment]
    assert "kinds/db-slow" in found


# --- Time --------------------------------------------------------------------------------------------------


def timed(url: str, ms: float, start: datetime, end: datetime, every_s: float = 30.0) -> list[Row]:
    """Return logged requests of one route that took about so long."""
    return [
        asks(url, start + timedelta(seconds=every_s * n), "198.51.100.7", duration_ms=ms * (1 + 0.1 * (n % 5)))
        for n in range(int((end - start).total_seconds() // every_s))
    ]


def test_one_slow_route_among_many_is_no_normal_latency() -> None:
    """The totals are as before: people of one page wait all the same."""
    quick = timed("/api/browse", 90, START, END, 4.0) + timed("/api/auth/verify", 40, START, END, 4.0)
    slow = timed("/api/creator/dashboard", 120, START, END - timedelta(minutes=15), 60.0)
    slow += timed("/api/creator/dashboard", 4_000, END - timedelta(minutes=15), END, 60.0)
    found = said(latency.latency(case(logs=quick + slow)))
    assert found["latency/one-route"].severity == Severity.WARNING
    assert not any(finding.signals for finding in found.values())
    steady = timed("/api/creator/dashboard", 120, START, END, 60.0)
    calm = said(latency.latency(case(logs=quick + steady)))
    assert "latency/one-route" not in calm
    assert [signal.name for signal in calm["latency/as-before"].signals] == ["latency_normal"]


def test_what_got_slow_before_anybody_looked_is_held_against_last_week() -> None:
    """Within the window all is as before, and before it was slow already."""
    now = timed("/api/browse", 2_500, START - timedelta(hours=3), END, 20.0)
    week = timed("/api/browse", 90, WEEK_AGO, WEEK_AGO + timedelta(hours=1), 20.0)
    assert "latency/last-week" in said(latency.latency(case(logs=week + now)))
    as_ever = timed("/api/browse", 2_500, WEEK_AGO, WEEK_AGO + timedelta(hours=1), 20.0)
    assert "latency/last-week" not in said(latency.latency(case(logs=as_ever + now)))
    assert "latency/last-week" not in said(latency.latency(case(logs=now)))


@pytest.mark.parametrize("runbook", ["performance", "outage"])
def test_every_step_shows_what_got_slow_before_anybody_looked(runbook: str, tmp_path: Path) -> None:
    """The routes of last week are another table than those since the onset; a panel once took one for the other."""
    now = timed("/api/browse", 2_500, START - timedelta(hours=3), END, 20.0)
    week = timed("/api/browse", 90, WEEK_AGO, WEEK_AGO + timedelta(hours=1), 20.0)
    book, looked_at = RUNBOOKS[runbook], case(logs=week + now)
    context = RunContext(
        run_id="RUN-20261123-120000-abcd", incident_id="INC-20261123-120000-abcd", runbook=runbook, folder=tmp_path,
        started=END, budget_s=60, environment="sandbox",
    )  # fmt: skip
    view = View(
        context=context, runbook=book, settings=looked_at.settings, case=looked_at, analysis=analyse(looked_at, book),
        parameters={},
    )  # fmt: skip
    assert any(finding.id == "latency/last-week" for finding in view.rule("latency"))
    for step in steps_of(runbook):
        assert step_panel(view, step.id).title


class Samples:
    """A probe's answer: three tries that took so long."""

    def __init__(self, took_ms: float, route: str = "/api/pitches") -> None:
        self.samples = [type("Sample", (), {"kind": "ok", "took_ms": took_ms, "code": None})() for _ in range(3)]
        self.route, self.failing_share, self.kind, self.code, self.reported = route, 0.0, "ok", None, {}


def test_our_own_requests_that_wait_are_told() -> None:
    """Nothing fails and no log says how long anything took: we waited ourselves."""
    slow = said(probes.probes(case(observations=seen("api/pitches/samples", Samples(2_700.0)))))
    assert [signal.name for signal in slow["probes/slow"].signals] == ["probes_slow"]
    quick = said(probes.probes(case(observations=seen("api/pitches/samples", Samples(90.0)))))
    assert "probes/slow" not in quick


# --- Who does not even ask ---------------------------------------------------------------------------------


def shown(pages: float, files: float, since: datetime = LATER) -> list[Row]:
    """Return pages and their files at the edge, so many a minute since then."""
    return [
        *at_edge("/", 200, 20, END - timedelta(hours=3), since),
        *at_edge("/assets/index-4f9c2a1b.js", 200, 40, END - timedelta(hours=3), since),
        *at_edge("/", 200, pages, since, END),
        *at_edge("/assets/index-77aa01ce.js", 200, files, since, END),
    ]


@pytest.mark.parametrize(
    ("pages", "files", "told"),
    [
        pytest.param(20, 5, True, id="files of another host"),
        pytest.param(20, 40, False, id="other names after a release"),
        pytest.param(300, 40, False, id="programs that open pages only"),
        pytest.param(4, 8, False, id="fewer people"),
    ],
)
def test_pages_whose_files_nobody_asks_for_do_not_load(pages: float, files: float, told: bool) -> None:
    """Nothing answers badly, because nothing is asked; all names together, since a release changes them."""
    found = assets.assets(case(edge=shown(pages, files, END - timedelta(minutes=15))))
    ids = set() if isinstance(found, NotChecked) else set(said(found))
    assert ("assets/unasked" in ids) is told


@pytest.mark.parametrize(
    ("per_min", "told"),
    [pytest.param(0.2, True, id="hardly anybody"), pytest.param(2.5, False, id="a few less")],
)
def test_a_busy_route_that_nobody_asks_any_more_is_no_calm_day(per_min: float, told: bool) -> None:
    """A form that does not load sends nothing, and nothing fails."""
    quarter = END - timedelta(minutes=15)
    rows = [
        *at_edge("/api/browse", 200, 40, END - timedelta(hours=3), END),
        *at_edge("/api/auth/login", 200, 4, END - timedelta(hours=3), quarter),
        *at_edge("/api/auth/login", 200, per_min, quarter, END),
        *at_edge("/api/rare", 200, 0.2, END - timedelta(hours=3), quarter),
    ]
    found = said(traffic.traffic(case(edge=rows)))
    assert ("traffic/deserted" in found) is told
    assert not any(signal.name not in ("traffic_normal",) for one in found.values() for signal in one.signals)


# --- Doors and watchers ------------------------------------------------------------------------------------


def sign_ins(ok_per_min: float) -> Case:
    """Return strangers who fail on many accounts since then, and so many people who get in at the edge."""
    quarter = END - timedelta(minutes=15)
    doors = [
        *at_edge("/api/auth/login", 200, 3, END - timedelta(hours=3), quarter),
        *at_edge("/api/auth/login", 200, ok_per_min, quarter, END),
    ]
    people = [
        {"at": END - timedelta(minutes=110) + timedelta(seconds=60 * n), "service": "auth", "event": "login_ok",
         "account": f"u{n}", "ip": f"198.51.100.{n}"}
        for n in range(90)
    ]  # fmt: skip
    strangers = [
        {"at": quarter + timedelta(seconds=10 * n), "service": "auth", "event": "login_failed", "account": f"s{n}",
         "ip": f"45.{n}.7.9", "user_agent": f"b{n}"}
        for n in range(80)
    ]  # fmt: skip
    return case(edge=doors, logs=people + strangers)


def test_strangers_who_fail_lock_nobody_out() -> None:
    """As many get in as ever: those who fail beside them are no broken sign-in, and no calm day."""
    tried = said(auth.auth(sign_ins(3)))
    assert tried["auth/sign-ins"].severity == Severity.WARNING
    assert not any(one.signals for one in tried.values())
    locked = said(auth.auth(sign_ins(0.4)))
    assert [signal.name for signal in locked["auth/sign-ins"].signals] == ["auth_failing"]


@pytest.mark.parametrize(
    ("script", "told"), [("pitchey-monitoring", True), ("pitchey-logs", False), ("pitchey-apm", False)]
)
def test_a_watcher_that_is_called_no_more_has_stopped(script: str, told: bool) -> None:
    """It runs by a timetable; what others call is seldom called for many reasons."""
    quarter = END - timedelta(minutes=15)
    calls = [
        {"at": END - timedelta(minutes=130) + timedelta(minutes=n), "script": script, "status": "success",
         "requests": 4.0, "errors": 0.0, "observation": f"cloudflare_api/workers/{script}"}
        for n in range(115)
    ]  # fmt: skip
    rows = at_edge("/api/browse", 200, 40, END - timedelta(hours=3), END)
    looked = seen("monitoring/health/all", cut=False)
    found = said(
        monitoring.monitoring(case(edge=rows, workers=[r for r in calls if r["at"] < quarter], observations=looked))
    )
    names = {signal.name for signal in found[f"monitoring/{script}"].signals}
    assert ("scheduled_missing" in names) is told


# --- Nobodies ----------------------------------------------------------------------------------------------


def visitors(start: datetime, count: int = 400) -> list[Row]:
    """Return people who search as the site's page does, half of them signed in."""
    return [
        asks(f"{SEARCH}?page={n % 8}", start + timedelta(seconds=8 * n), f"192.0.2.{n % 200}",
             user_id=f"u{n % 200}" if n % 2 else None)
        for n in range(count)
    ]  # fmt: skip


def crew(homes: int = 90, count: int = 240, **more: Any) -> list[Row]:
    """Return one program in many homes that asks for ever other words with every result."""
    return [
        asks(
            f"{SEARCH}?q={chr(97 + n % 26)}{n}&limit=500",
            LATER + timedelta(seconds=4 * n),
            f"45.{n % homes}.7.9",
            **more,
        )
        for n in range(count)
    ]


def accused(rows: list[Row]) -> set[str]:
    """Return the kinds of everybody who is accused, with what was asked before the window known."""
    logs = table(frames.LOGS, rows)
    inside = logs.filter(pl.col("at") >= START)
    judged = attackers(inside, usual=usual_shapes(logs.filter(pl.col("at") < START)))
    return {kind for row in judged.filter(pl.col("verdict") == "accused")["kinds"].to_list() for kind in row}


USUAL = visitors(WEEK_AGO) + visitors(START)


def test_many_who_ask_in_a_new_way_and_are_nobody_copy_the_catalogue() -> None:
    """Each asks twice or thrice, with a common browser, from home: only what they ask, and that nobody is known."""
    assert accused(USUAL + crew()) == {"scraping"}
    told = said(traffic.traffic(case(logs=USUAL + crew())))
    assert told["traffic/made-up"].severity == Severity.WARNING


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(visitors(WEEK_AGO) + visitors(START, 600), id="more of the same"),
        pytest.param(
            USUAL + [row | {"user_id": f"u{n % 90}" if n % 2 else None} for n, row in enumerate(crew())],
            id="a new release in everybody's browser",
        ),
        pytest.param(
            USUAL
            + [row | {"url": f"{SEARCH}?page={n % 9}&utm_source=mail&gclid=x{n}"} for n, row in enumerate(crew())],
            id="a letter's marks",
        ),
        pytest.param(
            USUAL + crew(user_agent="Mozilla/5.0 (compatible; SomeBot/1.0; +http://some.example)")[::3], id="bot"
        ),
        pytest.param([row | {"user_id": None} for row in visitors(WEEK_AGO) + visitors(START) + crew()], id="unknown"),
        pytest.param(visitors(START) + crew(), id="nothing known of before"),
    ],
)
def test_many_who_ask_in_a_usual_way_or_are_known_copy_nothing(rows: list[Row]) -> None:
    """Campaigns, releases and crawlers bring new requests; where nobody is ever known, being nobody says nothing."""
    assert "scraping" not in accused(rows)


def test_the_same_page_again_and_again_takes_nothing_away() -> None:
    """A check or a test of the load asks in a new way, and carries nothing off."""
    checks = [asks(f"{SEARCH}?q=ping", LATER + timedelta(seconds=4 * n), "192.0.2.201") for n in range(240)]
    assert accused(USUAL + checks) == set()
    assert "traffic/made-up" not in said(traffic.traffic(case(logs=USUAL + checks)))


def test_a_shape_holds_what_is_asked_for_and_not_by_whom() -> None:
    """Ids, the order of parameters and marks of letters change nothing."""
    pages = ["/api/pitches/41?b=1&a=2", "/api/pitches/7?a=&b=9&utm_source=x&_=1", "/api/pitches/7", "/", ""]
    shapes = pl.DataFrame({"page": pages}).select(shape_of(pl.col("page"))).to_series().to_list()
    assert shapes == ["/api/pitches/:id?a&b", "/api/pitches/:id?a&b", "/api/pitches/:id", "/", ""]


def test_no_requests_have_no_shapes() -> None:
    """An empty log, before or now, makes nothing new."""
    empty = table(frames.LOGS, [])
    assert usual_shapes(empty).is_empty()
    assert new_shapes(asked_of(empty), usual_shapes(empty)).is_empty()
    assert new_shapes(asked_of(table(frames.LOGS, crew())), usual_shapes(empty)).is_empty()


def test_one_program_that_makes_accounts_and_uses_none_walks_around_a_limit() -> None:
    """A new account for every few requests: no account ever reaches its limit. A class uses what it opens."""

    def opens(count: int, ip: str, used: bool) -> list[Row]:
        made = [
            asks("/api/auth/register", START + timedelta(seconds=60 * n), ip, service="auth", status=201, method="POST")
            for n in range(count)
        ]
        rest = [
            asks("/api/browse?page=1", START + timedelta(seconds=20 * n), ip, user_id=f"n{n % count}" if used else None)
            for n in range(90)
        ]
        return made + rest

    assert "rate_limit_bypass" in accused(USUAL + opens(30, "203.0.113.77", used=False))
    assert "rate_limit_bypass" not in accused(USUAL + opens(30, "203.0.113.77", used=True))
    assert "rate_limit_bypass" not in accused(USUAL + opens(4, "203.0.113.77", used=False))


def test_one_program_on_a_network_shares_its_names_out() -> None:
    """Five machines show a hundred devices: no machine shows many."""
    rows = [
        asks(
            f"/api/browse?device_id=dev-{n}",
            LATER + timedelta(seconds=5 * n),
            f"31.184.198.{n % 5 + 1}",
            user_agent="x/1",
        )
        for n in range(110)
    ]
    assert "rate_limit_bypass" in accused(USUAL + rows)
    office = [row | {"url": f"/api/browse?device_id=dev-{n % 9}"} for n, row in enumerate(rows)]
    assert "rate_limit_bypass" not in accused(USUAL + office)


# --- The verdict -------------------------------------------------------------------------------------------


def verdict(*findings: Finding) -> str:
    """Return the state that these findings lead to, where everything needed was seen."""
    scores = weigh(findings, [], speaks=SPEAKS)
    return decide(
        scores, findings, unmet_needs=[], impact=Impact(), onset=None, onset_uncertainty_s=None, steps=[], times_at=""
    ).state


def finding(id_: str, *names: str, severity: Severity = Severity.INFO, **data: Any) -> Finding:
    """Return one finding with these signals."""
    return Finding(
        id=id_, rule=id_.partition("/")[0], claim="x", severity=severity, evidence=(),
        signals=tuple(Signal(name=n) for n in names),
        data=data,
    )  # fmt: skip


CALM = finding(
    "users/not-failing", "users_not_failing", "latency_normal", "api_answers", "traffic_normal", "auth_normal"
)


def test_a_run_of_wrong_passwords_is_no_symptom_where_people_get_in() -> None:
    """Somebody mistypes four times in a row, which dates nothing; the same without a look at who gets in is open."""
    denied = finding("onset/overall", severity=Severity.WARNING, symptoms=["denied:auth", "denied:/api/auth/login"])
    failing = finding("onset/overall", severity=Severity.WARNING, symptoms=["denied:auth", "edge_5xx:all"])
    unseen = finding("users/not-failing", "users_not_failing", "latency_normal", "api_answers", "traffic_normal")
    assert verdict(CALM) == "healthy"
    assert verdict(CALM, denied) == "healthy"
    assert verdict(CALM, failing) == "inconclusive"
    assert verdict(unseen, denied) == "inconclusive"


def test_when_lines_began_is_no_symptom_while_users_are_served_as_before() -> None:
    """What they say is weighed by itself; a series of requests is another matter, and so is a doubt about times."""
    lines = finding("onset/overall", severity=Severity.WARNING, symptoms=["errors:deployer"])
    deployed = finding("deployments/1", severity=Severity.WARNING)
    requests = finding("onset/overall", severity=Severity.WARNING, symptoms=["errors:deployer", "edge_5xx:all"])
    untimed = finding("users/not-failing", "users_not_failing", "api_answers", "traffic_normal", "auth_normal")
    assert verdict(CALM, lines, deployed) == "healthy"
    assert verdict(CALM, requests) == "inconclusive"
    assert verdict(CALM, requests, deployed) == "inconclusive"
    assert verdict(CALM, deployed) == "inconclusive"
    assert verdict(untimed, lines) == "inconclusive"


def test_refused_tokens_are_no_symptom_while_people_get_and_stay_in() -> None:
    """A partner tries its first calls, a key is rotated and old tokens are asked for anew: nobody is shut out."""
    tokens = finding("kinds/token-signature-errors", "token_signature_errors", severity=Severity.CRITICAL)
    others = finding("kinds/x", "token_signature_errors", "db_slow", severity=Severity.CRITICAL)
    unseen = finding("users/not-failing", "users_not_failing", "latency_normal", "api_answers", "traffic_normal")
    rest = finding("workers/normal", "worker_outcomes_normal", "no_attack_seen", "log_flow_seen")
    assert verdict(CALM, rest, tokens) == "healthy"
    assert verdict(CALM, rest, others) != "healthy"
    assert verdict(unseen, rest, tokens) != "healthy"


def test_nothing_is_called_healthy_where_nobody_saw_how_long_answers_take() -> None:
    """All requests succeed, each after ten seconds: that is no calm day, and nobody would have seen it."""
    blind = [NotChecked(rule="latency", because="no response times were seen")]
    scores = weigh([CALM], blind, speaks=SPEAKS)
    told = decide(
        scores, [CALM], unmet_needs=[], impact=Impact(), onset=None, onset_uncertainty_s=None, steps=[], times_at=""
    )
    assert told.state == "inconclusive"


def test_people_who_are_turned_away_are_an_incident_whatever_the_cause() -> None:
    """Nobody knows why: hurt they are."""
    refused = finding("users/refused", "users_refused", severity=Severity.WARNING)
    calm = finding("x/1", "latency_normal", "api_answers", "traffic_normal")
    assert verdict(refused, calm) == "incident"


# --- The site was released and nobody sees how pages feel ----------------------------------------------------

RELEASED = END - timedelta(minutes=25)
ROUTES = ("/", "/pitches", "/api/browse", "/api/pitches", SEARCH, "/api/messages", "/api/auth/verify", "/api/x", CREATE)


def used(after: float = 6.0, *, files: list[Asset] | None = None, complaints: bool = True) -> Case:
    """Return a site that was released, whose every route is asked for *after* times a minute since then, 6 before."""
    edge = [row for route in ROUTES for row in at_edge(route, 200, 6.0, START - timedelta(hours=1), RELEASED)]
    edge += [row for route in ROUTES for row in at_edge(route, 200, after, RELEASED, END)]
    script = Asset(url="https://x/assets/a-4f9c2a1b77.js", role="script", status=200, problem=None, size_bytes=9_000)
    found = seen("frontend/assets/all", tuple([script] if files is None else files), share=1.0)
    views = [
        {"at": RELEASED + timedelta(minutes=n), "service": "frontend", "level": "info", "message": "page view"}
        for n in range(20)
    ]
    return case(
        edge=edge,
        logs=views if complaints else [],
        deployments=[{"at": RELEASED, "script": "pitchey-frontend", "version": "v9", "observation": "sentry/releases"}],
        observations={**found, **seen("sentry/issues/all", ())},
    )


def told_of_release(whole: Case) -> Severity:
    """Return how gravely the release is told."""
    return said(vitals.unseen_release(whole))["site-release/unseen"].severity


def test_a_release_leaves_no_doubt_where_people_use_the_pages_as_before() -> None:
    """Pages that fail their people lose them; their calls are counted whatever the figures of Web Vitals show."""
    assert told_of_release(used()) == Severity.INFO


@pytest.mark.parametrize(
    "doubtful",
    [
        pytest.param(used(3.5), id="people leave"),
        pytest.param(used(files=[]), id="no file was read"),
        pytest.param(used(complaints=False), id="browsers could not complain"),
        pytest.param(
            used(files=[Asset(url="https://x/a.js", role="script", status=404, problem="missing")]), id="a file is gone"
        ),
        pytest.param(
            used(files=[Asset(url="https://x/a.js", role="script", status=200, problem=None, size_bytes=3_000_000)]),
            id="a file is heavy",
        ),
    ],
)
def test_a_release_stays_in_doubt_where_any_of_that_is_missing(doubtful: Case) -> None:
    """None of it alone shows that pages feel well."""
    assert told_of_release(doubtful) == Severity.WARNING


# --- The door is tried as ever ---------------------------------------------------------------------------------


def knocks(start: datetime, end: datetime, every_s: float, *, tries_each: int = 1) -> list[Row]:
    """Return failed sign-ins of many addresses, one after another."""
    count = int((end - start).total_seconds() / every_s)
    return [
        {"at": start + timedelta(seconds=every_s * n), "service": "auth", "level": "warn", "message": "login failed",
         "event": "login_failed", "account": f"guess{n // tries_each}", "ip": f"185.{n // tries_each % 250}.7.9",
         "user_agent": "Mozilla/5.0 guess", "observation": "logs/service/auth"}
        for n in range(count)
    ]  # fmt: skip


def door(rows: list[Row]) -> Finding:
    """Return what is said of those who guess passwords."""
    return said(security.security(case(logs=rows)))["security/logins"]


def test_a_door_that_is_tried_as_ever_is_no_attack() -> None:
    """At the pace of last week, by as many, each a little: the internet does so at any time."""
    then = knocks(WEEK_AGO, WEEK_AGO + timedelta(hours=4), 20)
    found = door(then + knocks(START, END, 20))
    assert (found.severity, found.signals[0].strength) == (Severity.INFO, security.SLOWEST * 1.0)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(knocks(START, END, 20), id="last week was not seen"),
        pytest.param(
            knocks(WEEK_AGO, WEEK_AGO + timedelta(hours=4), 60) + knocks(START, END, 20), id="three times as many"
        ),
        pytest.param(
            knocks(WEEK_AGO, WEEK_AGO + timedelta(hours=4), 20) + knocks(START, END, 20)
            + knocks(END - timedelta(minutes=9), END, 12), id="many more lately",
        ),
        pytest.param(
            knocks(WEEK_AGO, WEEK_AGO + timedelta(hours=4), 20) + knocks(START, END, 20, tries_each=30),
            id="one tries much",
        ),
    ],
)  # fmt: skip
def test_more_tries_than_ever_are_an_attack(rows: list[Row]) -> None:
    """A rise, a sudden one, or one who tries far more than anybody did, is not the usual rattling."""
    assert door(rows).severity >= Severity.WARNING


def test_one_client_that_a_limit_holds_back_hurts_nobody_else() -> None:
    """A limit that turns one away does what it is for; one that turns many away hurts them."""
    edge = at_edge("/api/browse", 200, 40, START - timedelta(hours=2), END) + at_edge("/api/browse", 429, 9, START, END)

    def limited(*ips: str) -> Finding:
        rows = [
            asks("/api/browse", LATER + timedelta(seconds=20 * n), ips[n % len(ips)], status=429) for n in range(40)
        ]
        return said(traffic.traffic(case(edge=edge, logs=rows)))["traffic/limited"]

    assert (limited("203.0.113.9").severity, limited("203.0.113.9").signals) == (Severity.INFO, ())
    assert limited(*PEOPLE).severity == Severity.WARNING


def test_an_error_tracker_that_does_not_answer_leaves_a_doubt() -> None:
    """Some errors are told to it alone; one that is not part of the environment was never told anything."""

    def told(reason: Any) -> dict[str, Finding]:
        lost = Unavailable(id="sentry/issues/all", source="sentry", at=END, reason=reason, detail="x")
        health = Observed(id="monitoring/dashboard/all", source="monitoring", at=END, value=None, status="observed")
        return said(monitoring.monitoring(case(observations={lost.id: lost, health.id: health})))

    assert told("bad_payload")["monitoring/tracker"].severity == Severity.WARNING
    assert "monitoring/tracker" not in told("not_configured")
