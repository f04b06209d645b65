"""What looks alarming and hurts nobody, each beside the harm that looks like it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hand_cases import BROWSER, END, LATER, START, WEEK_AGO, Row, case, table

from pitchey_ops import frames
from pitchey_ops.findings import kinds, latency, monitoring, security
from pitchey_ops.findings.attacks import attackers
from pitchey_ops.models.finding import Finding, NotChecked, Severity
from pitchey_ops.models.observation import AnyObservation, Coverage, Observed

HOUSE = "203.0.113.7"


def said(result: Any) -> dict[str, Finding]:
    """Return findings by id."""
    return {one.id: one for one in result}


def asks(ip: str, at: datetime, url: str, status: int = 200, **more: Any) -> Row:
    """Return one logged request."""
    row = {"at": at, "service": "web", "message": f"GET {url} {status}", "ip": ip, "url": url, "status": status}
    return {**row, "user_agent": BROWSER, "method": "GET", **more}


def signs_in(ip: str, second: float, account: str, *, ok: bool) -> Row:
    """Return one try to sign in."""
    event = "login_ok" if ok else "login_failed"
    row = {"at": START + timedelta(seconds=second), "service": "auth", "message": "login", "ip": ip, "event": event}
    return {**row, "account": account, "user_agent": BROWSER}


def verdict(rows: list[Row], ip: str = HOUSE) -> str:
    """Return what is said of an address: benign where nothing is."""
    table_ = attackers(table(frames.LOGS, rows)).filter(pl.col("address") == ip)
    return str(table_.get_column("verdict").item()) if table_.height else "benign"


# --- Doors -------------------------------------------------------------------------------------------------


def house(let_in: int, shut_out: int, tries: int = 1) -> list[Row]:
    """Return sign-ins behind one address, by hand: so many get in, so many have not yet after *tries* each."""
    rows = []
    for n in range(let_in + shut_out):
        for k in range(tries if n >= let_in else 1):
            second = 47.0 * n + 13.0 * k + (n * 7919) % 31
            rows.append(signs_in(HOUSE, second, f"u{2100 + 7 * n}", ok=n < let_in))
    return rows


def test_a_house_may_have_more_who_mistyped_than_who_are_in() -> None:
    """Of a bought list a few in a hundred fit; here two of five did, at the first try."""
    assert verdict(house(17, 18)) != "accused"
    assert verdict(house(10, 11)) != "accused"
    assert verdict(house(10, 30)) == "accused"


def test_who_hammers_at_one_account_in_a_house_is_no_part_of_it() -> None:
    """Thirty people get in, and somebody beside them does not stop."""
    assert verdict(house(30, 0) + [signs_in(HOUSE, 5.0 * n, "u00001", ok=False) for n in range(60)]) != "benign"
    assert verdict(house(8, 0) + [signs_in(HOUSE, 5.0 * n, "u00001", ok=False) for n in range(60)]) == "accused"


def by_hand(tries: int = 28) -> list[Row]:
    """Return tries at one account, as uneven as fingers are."""
    return [signs_in(HOUSE, 20.0 * n + (n * n * 37) % 29, "u00917", ok=False) for n in range(tries)]


def renewal(second: float, status: int = 200) -> Row:
    """Return a password that is set anew."""
    return asks(HOUSE, START + timedelta(seconds=second), "/api/auth/reset", status, method="POST")


def test_one_who_forgot_renews_the_password_and_is_asked_about() -> None:
    """Neither accused nor overlooked: one who guesses and reads the mail would do the same."""
    rows = [*by_hand(), renewal(620), signs_in(HOUSE, 640, "u00917", ok=True)]
    assert verdict(rows) == "suspicious"
    told = said(security.security(case(logs=rows)))
    assert told["security/suspicious"].severity == Severity.WARNING
    assert not any(signal.name == "brute_force_seen" for one in told.values() for signal in one.signals)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([], id="renewed nothing"),
        pytest.param([renewal(620, 403)], id="was refused"),
        pytest.param([renewal(100)], id="went on after it"),
        pytest.param([renewal(660)], id="was in before"),
    ],
)
def test_who_gets_in_by_trying_guessed_it(more: list[Row]) -> None:
    """Only a renewal between the last failure and the way in says anything."""
    assert verdict([*by_hand(), *more, signs_in(HOUSE, 640, "u00917", ok=True)]) == "accused"


def test_asking_for_another_password_buys_nobody_a_long_search() -> None:
    """It is answered well whoever asks, and would clear whoever guesses slowly all evening."""
    end = 20.0 * 90 + 60
    rows = [*by_hand(90), renewal(end), signs_in(HOUSE, end + 20, "u00917", ok=True)]
    assert verdict(rows) == "accused"


def test_half_filled_forms_make_no_error_of_a_wrong_password() -> None:
    """What the sign-in form is refused with is the visitor's affair while as many get in, the service's own else."""
    logs = [
        asks(f"198.51.{n}.7", LATER + timedelta(seconds=20 * n), "/api/auth/login", 422, method="POST",
             service="auth")
        for n in range(40)
    ]  # fmt: skip
    logs += [
        {"at": LATER + timedelta(seconds=30 * n), "service": "auth", "level": "warn", "message": "login failed: denied"}
        for n in range(35)
    ]
    logs += [{"at": WEEK_AGO + timedelta(seconds=9 * n), "service": "auth", "message": "ok"} for n in range(200)]
    doors = [
        {"at": END - timedelta(minutes=n), "route": "/api/auth/login", "status": 200, "requests": 2.0}
        for n in range(3, 120)
    ]
    shut = [row for row in doors if row["at"] < LATER]
    assert "kinds/auth-failing" not in said(kinds.kinds(case(logs=logs, edge=doors)))
    assert "kinds/auth-failing" in said(kinds.kinds(case(logs=logs, edge=shut)))
    assert "kinds/auth-failing" in said(kinds.kinds(case(logs=logs)))


def swarm(*, logged: bool = False, passed: int = 0) -> dict[str, list[Row]]:
    """Return a swarm at a door that is not ours, stopped at the edge, with what is usual at the doors that are."""
    events = [
        {"at": LATER + timedelta(seconds=2 * n), "ip": f"198.51.100.{n % 60}", "path": "/wp-login.php",
         "action": "log" if n < passed else "block", "user_agent": "WordPress/6.1"}
        for n in range(540)
    ]  # fmt: skip
    edge = [
        {"at": END - timedelta(minutes=n), "route": "/api/auth/login", "status": 200, "requests": 3.0}
        for n in range(3, 120)
    ]
    edge += [
        {"at": LATER + timedelta(minutes=n), "route": "/wp-login.php", "status": 403, "requests": 30.0}
        for n in range(18)
    ]
    logs = [asks(f"192.0.2.{n % 90}", START + timedelta(seconds=9 * n), "/api/browse") for n in range(390)]
    if logged:
        logs += [asks("198.51.100.7", LATER + timedelta(seconds=40 * n), "/wp-login.php", 404) for n in range(4)]
    return {"firewall": events, "edge": edge, "logs": logs}


def test_who_is_stopped_at_the_edge_each_time_tries_no_door() -> None:
    """However many they are; they are told, and kept as what could be blocked."""
    told = said(security.security(case(**swarm())))["security/logins"]
    assert told.severity == Severity.INFO
    assert "stopped by the edge" in told.claim
    assert all(signal.strength <= 0.1 for signal in told.signals)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(swarm(logged=True), id="one of them got as far as our log"),
        pytest.param(swarm(passed=9), id="some were only written down"),
        pytest.param({**swarm(), "edge": []}, id="the edge was not seen"),
        pytest.param(
            {
                **swarm(),
                "edge": swarm()["edge"]
                + [
                    {"at": LATER + timedelta(minutes=n), "route": "/api/auth/login", "status": 401, "requests": 12.0}
                    for n in range(18)
                ],
            },
            id="the doors are tried more than ever beside it",
        ),
    ],
)
def test_an_attack_of_which_a_part_gets_through_is_one(rows: dict[str, list[Row]]) -> None:
    """What the edge stops says nothing of what it lets through."""
    told = said(security.security(case(**rows)))["security/logins"]
    assert told.severity >= Severity.WARNING


# --- Warnings ----------------------------------------------------------------------------------------------


def quiet() -> list[Row]:
    """Return what a service said a week ago."""
    return [
        {"at": WEEK_AGO + timedelta(seconds=20 * n), "service": "nda", "level": "info", "message": "signed"}
        for n in range(120)
    ]


def warns(message: str) -> list[Row]:
    """Return a warning every half minute."""
    return [
        {"at": LATER + timedelta(seconds=30 * n), "service": "nda", "level": "warn", "message": message}
        for n in range(40)
    ]


@pytest.mark.parametrize(
    ("text", "harm"),
    [
        ("the notary asks us to slow down", False),
        ("countdown began, winding down for the night", False),
        ("the notary is down", True),
        ("host down since noon", True),
        ("link state DOWN", True),
    ],
)
def test_slowing_down_is_not_being_down(text: str, harm: bool) -> None:
    """One word says both."""
    assert ("kinds/warnings-new" in said(kinds.kinds(case(logs=quiet() + warns(text))))) is harm


def knocks(*statuses: int) -> list[Row]:
    """Return requests of one partner, one each three minutes, answered so."""
    return [
        asks("203.0.113.60", LATER + timedelta(minutes=n), "/api/feed", status) for n, status in enumerate(statuses)
    ]


@pytest.mark.parametrize(
    ("logs", "harm"),
    [
        pytest.param(knocks(*[401] * 12), False, id="was never let in"),
        pytest.param(knocks(200, *[401] * 12), True, id="was let in before"),
        pytest.param(knocks(401, 401), True, id="hardly seen"),
        pytest.param([], True, id="never seen to ask"),
        pytest.param(knocks(*[503] * 12), True, id="our own failure"),
    ],
)
def test_a_line_about_one_who_is_refused_is_his_affair(logs: list[Row], harm: bool) -> None:
    """An old key knocks; but whoever was let in before may have been shut out by us."""
    found = said(kinds.kinds(case(logs=quiet() + warns("key revoked, 203.0.113.60 refused") + logs)))
    assert ("kinds/warnings-new" in found) is harm


def test_whom_the_edge_stopped_crowds_no_route() -> None:
    """A swarm that gets nowhere asks nothing of a route; at the doors a refusal is a try."""

    def minutes(route: str, status: int, requests: float, first: datetime) -> list[Row]:
        count = int((END - first).total_seconds() // 60)
        return [
            {"at": first + timedelta(minutes=n), "route": route, "status": status, "requests": requests}
            for n in range(count)
        ]

    logs = quiet() + warns("envelope without a countersignature, filed under drafts")
    early = START - timedelta(hours=1)
    usual = minutes("/api/browse", 200, 40, early) + minutes("/api/auth/login", 200, 5, early)
    for route, status, in_way in (
        ("/api/browse", 403, False),
        ("/api/browse", 200, True),
        ("/api/auth/login", 403, True),
    ):
        usual_and_crowd = usual + minutes("/api/pitches", 200, 30, early) + minutes(route, status, 90, LATER)
        found = said(kinds.kinds(case(logs=logs, edge=usual_and_crowd)))
        assert ("kinds/warnings-new" in found) is in_way, (route, status)


# --- Quiet hours -------------------------------------------------------------------------------------------


def answers(each_s: float, since: datetime = START, ms: float = 90.0) -> list[Row]:
    """Return answers, one in so many seconds."""
    count = int((END - since).total_seconds() / each_s)
    return [
        asks("198.51.100.4", since + timedelta(seconds=each_s * n), "/api/browse", duration_ms=ms + n % 7)
        for n in range(count)
    ]


def test_in_a_quiet_hour_the_newest_twenty_answers_are_looked_at() -> None:
    """One answer a minute is fifteen in a quarter of an hour, and forty-five before them."""
    told = said(latency.latency(case(logs=answers(60))))
    assert told["latency/as-before"].data["measurements"] >= 19
    slow = answers(60, ms=90.0)[:45] + answers(60, since=END - timedelta(minutes=15), ms=4000.0)
    assert "latency/high" in said(latency.latency(case(logs=slow)))


def test_too_few_answers_are_said_to_be_too_few() -> None:
    """Neither none, nor not asked; and what was measured long before says nothing of now."""
    few = latency.latency(case(logs=answers(300)))
    assert isinstance(few, NotChecked)
    assert "only 2 response times" in few.because or "only 3 response times" in few.because
    old = latency.latency(case(logs=[row for row in answers(20) if row["at"] < LATER]))
    assert isinstance(old, NotChecked)
    assert "no response times" in old.because


def test_a_script_that_is_seldom_called_is_not_quiet_for_its_gaps() -> None:
    """Minutes without a call count before as they do after."""

    def calls(script: str, every: int, since: datetime, until: datetime) -> list[Row]:
        count = int((until - since).total_seconds() // 60)
        return [
            {"at": since + timedelta(minutes=n), "script": script, "status": "success", "requests": 3.0}
            for n in range(0, count, every)
        ]

    health = Observed(
        id="monitoring/health/all", source="monitoring", at=END, value=None, status="observed", coverage=Coverage()
    )
    looked: dict[str, AnyObservation] = {health.id: health}
    early, quarter = START - timedelta(hours=2), END - timedelta(minutes=15)
    others = calls("pitchey-production", 1, early, END)
    edge = [
        {"at": early + timedelta(minutes=n), "route": "/api/browse", "status": 200, "requests": 50.0}
        for n in range(178)
    ]
    steady = others + calls("pitchey-alerts", 4, early, END)
    assert "monitoring/pitchey-alerts" not in said(
        monitoring.monitoring(case(observations=looked, workers=steady, edge=edge))
    )
    calls_ = [{**row, "requests": 20.0} for row in calls("pitchey-alerts", 4, early, quarter)]
    assert "monitoring/pitchey-alerts" in said(
        monitoring.monitoring(case(observations=looked, workers=others + calls_, edge=edge))
    )
