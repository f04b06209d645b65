"""What looks alarming and hurts nobody, each beside the harm that looks like it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hand_cases import BROWSER, END, LATER, START, WEEK_AGO, Row, case, table

from pitchey_ops import frames
from pitchey_ops.findings import kinds, latency, monitoring, security, traffic, users
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
        ("read timed out after 4 s, second attempt ok in 450 ms", False),
        ("read timed out after 4 s, retry succeeded", False),
        ("read timed out after 4 s, second attempt timed out", True),
        ("read timed out after 4 s, second attempt not ok", True),
    ],
)
def test_slowing_down_is_not_being_down(text: str, harm: bool) -> None:
    """One word says both."""
    assert ("kinds/warnings-new" in said(kinds.kinds(case(logs=quiet() + warns(text))))) is harm


@pytest.mark.parametrize(("code", "told"), [("25001", False), ("42704", True)])
def test_a_number_that_changes_from_line_to_line_is_no_code(code: str, told: bool) -> None:
    """Of the processes of a database some have the number of an error; an error has its own in each line."""
    lines = [
        {"at": LATER + timedelta(seconds=4 * n), "service": "database", "level": "warn",
         "message": f"WARNING:  {code}: what is begun is begun again (backend {41000 + 37 * n % 9000})"}
        for n in range(290)
    ]  # fmt: skip
    before = [row | {"at": WEEK_AGO, "message": "checkpoint complete"} for row in lines]
    assert ("kinds/schema-errors" in said(kinds.kinds(case(logs=before + lines)))) is told


def play_money(homes: int = 2, *, served: float = 1.0, once: bool = False) -> dict[str, list[Row]]:
    """Return a provider's calls that are served (so many of the usual) and others that are refused each time."""
    edge = [
        {"at": END - timedelta(minutes=n), "route": "/api/payments/webhook", "status": 200,
         "requests": 1.0 if n > 20 else served}
        for n in range(120)
    ]  # fmt: skip
    edge += [
        {"at": LATER + timedelta(minutes=n), "route": "/api/payments/webhook", "status": 400, "requests": 2.0}
        for n in range(20)
    ]
    logs = [
        asks(f"203.0.113.{n % homes}", LATER + timedelta(seconds=30 * n), "/api/payments/webhook", 400, method="POST",
             service="payments")
        for n in range(38)
    ]  # fmt: skip
    if once:
        logs.append(asks("203.0.113.0", START, "/api/payments/webhook", service="payments"))
    said_so = {"service": "payments", "level": "warn", "message": "event of an account that we do not know, refused"}
    logs += [{"at": LATER + timedelta(seconds=30 * n), **said_so} for n in range(38)]
    logs += [
        {"at": WEEK_AGO + timedelta(seconds=20 * n), "service": "payments", "level": "info", "message": "booked"}
        for n in range(120)
    ]
    return {"edge": edge, "logs": logs}


@pytest.mark.parametrize(
    ("rows", "harm"),
    [
        pytest.param(play_money(), False, id="never served, and nobody is missing"),
        pytest.param(play_money(served=0.4), True, id="those who are served are fewer than before"),
        pytest.param(play_money(once=True), True, id="was served before"),
        pytest.param(play_money(homes=30), True, id="each asks once"),
        pytest.param({**play_money(), "edge": []}, True, id="nobody counted who is served"),
    ],
)
def test_who_is_refused_each_time_beside_all_who_are_served_is_a_stranger(
    rows: dict[str, list[Row]], harm: bool
) -> None:
    """Somebody typed our address into his own account; one whom we shut out is missing among the served."""
    made = case(**rows)
    assert ("kinds/warnings-new" in said(kinds.kinds(made))) is harm
    if rows["edge"]:
        told = said(users.users(made))
        assert ("users/refused" in told) is harm


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


# --- Errors that are none ----------------------------------------------------------------------------------


def served(failing: float = 0.0) -> list[Row]:
    """Return what the edge counts: everybody is served, or a part is not since then."""
    minutes = [(END - timedelta(minutes=n), 200, 60.0) for n in range(120)]
    minutes += [(LATER + timedelta(minutes=n), 500, 60.0 * failing) for n in range(20) if failing]
    return [{"at": at, "route": "/api/browse", "status": status, "requests": count} for at, status, count in minutes]


def pays(message: str, *, works: bool = True) -> list[Row]:
    """Return a service that says *message* as an error twice a minute, and its work before and beside it."""
    end = END if works else LATER
    done = [
        {"at": START + timedelta(seconds=45 * n), "service": "payments", "level": "info", "message": f"charged {n}"}
        for n in range(int((end - START).total_seconds() // 45))
    ]
    before = [row | {"at": row["at"] - timedelta(days=7)} for row in done]
    lines = [
        {"at": LATER + timedelta(seconds=30 * n), "service": "payments", "level": "error", "message": message}
        for n in range(40)
    ]
    return before + done + lines


@pytest.mark.parametrize(
    ("text", "works", "failing", "harm"),
    [
        ("error=null status=succeeded intent=pi_4711", True, 0.0, False),
        ("flush error: <nil> events=12", True, 0.0, False),
        ("Error code 0, delivered", True, 0.0, False),
        ("exit status 137", True, 0.0, True),
        ("flush error: <nil>, 12 events dropped", True, 0.0, True),
        ("Error: undefined is not a function", True, 0.0, True),
        ("charge error: undefined amount=120", True, 0.0, True),
        ("Error code 0: connection lost", True, 0.0, True),
        ("flush error: <nil> events=12", False, 0.0, True),
        ("flush error: <nil> events=12", True, 0.2, True),
    ],
)
def test_an_error_that_is_empty_is_none(text: str, works: bool, failing: float, harm: bool) -> None:
    """While the work goes on beside it and users are served; an error that was lost on its way is none of these."""
    found = said(kinds.kinds(case(logs=pays(text, works=works), edge=served(failing))))
    assert any(one.severity >= Severity.WARNING for one in found.values()) is harm
    assert ("kinds/no-error" in found) is not harm


def neighbour(service: str = "staging-api", **more: Any) -> list[Row]:
    """Return a service that fails loudly and that nobody saw before."""
    return [
        {"at": LATER + timedelta(seconds=9 * n), "service": service, "level": "error", "message":
         '[staging] PostgresError: relation "pitches" does not exist', **more}
        for n in range(130)
    ]  # fmt: skip


def heard(service: str, *, cut: bool = False) -> dict[str, AnyObservation]:
    """Return that the store was asked for *service*, and whether it held more than it showed."""
    seen = Observed(
        id=f"logs/service/{service}", source="logs", at=END, value=None, status="observed", coverage=Coverage(cut=cut)
    )
    return {seen.id: seen}


def test_what_another_environment_writes_into_our_log_is_its_own() -> None:
    """It says where it runs, was never here before, and no request of ours goes through it."""
    rows = quiet() + neighbour()
    found = said(kinds.kinds(case(logs=rows, edge=served(), observations=heard("staging-api"))))
    assert found["kinds/elsewhere"].severity == Severity.INFO
    assert not any(one.signals for one in found.values())


@pytest.mark.parametrize(
    ("more", "service", "cut", "failing", "frames_"),
    [
        pytest.param([], "staging-api", True, 0.0, {}, id="it may have been here ever"),
        pytest.param([], "staging-api", False, 0.2, {}, id="users are hurt"),
        pytest.param(
            [{"at": WEEK_AGO, "service": "staging-api", "level": "info", "message": "up"}],
            "staging-api",
            False,
            0.0,
            {},
            id="it was here before",
        ),
        pytest.param(
            [asks("198.51.100.4", LATER, "/api/pitches", service="staging-api")],
            "staging-api",
            False,
            0.0,
            {},
            id="a request of ours goes through it",
        ),
        pytest.param(
            [],
            "staging-api",
            False,
            0.0,
            {"deployments": [{"at": LATER - timedelta(minutes=2), "script": "pitchey-production", "version": "42"}]},
            id="a release of ours may have brought it",
        ),
    ],
)
def test_a_service_of_ours_is_ours_whatever_it_calls_itself(
    more: list[Row], service: str, cut: bool, failing: float, frames_: dict[str, list[Row]]
) -> None:
    """A wrong setting makes production say that it is staging."""
    made = case(
        logs=quiet() + neighbour(service) + more, edge=served(failing), observations=heard(service, cut=cut), **frames_
    )
    found = said(kinds.kinds(made))
    assert "kinds/elsewhere" not in found
    assert "kinds/schema-errors" in found


# --- Who asks too much ---------------------------------------------------------------------------------------


def partner(*, slows: bool = True, user: str = "partner-7", homes: int = 1, told: float = 0.7) -> list[Row]:
    """Return a program that copies page after page, is told to wait, and does or goes on."""
    rows = []
    for n in range(330):
        at = LATER + timedelta(seconds=2 * n)
        status = 429 if (n * 7 % 10) < 10 * told else 200
        rows.append((n, at, status))
    last = rows[-1][1]
    every = 6 if slows else 2
    for n in range(int((END - last).total_seconds() // every)):
        rows.append((330 + n, last + timedelta(seconds=every * n), 200 if slows or n % 10 > 6 else 429))
    return [
        asks(f"193.17.90.{n % homes}", at, f"/api/browse?page={n}&partner=7", status, user_id=user or None)
        for n, at, status in rows
    ]


def readers(start: datetime) -> list[Row]:
    """Return people who read, half of them signed in."""
    return [
        asks(f"192.0.2.{n % 120}", start + timedelta(seconds=14 * n), f"/api/browse?genre={n % 9}",
             user_id=f"u{n % 120}" if n % 2 else None)
        for n in range(250)
    ]  # fmt: skip


def made_up(rows: list[Row]) -> Severity | None:
    """Return how grave it is said to be that somebody asks in a new way."""
    told = said(traffic.traffic(case(logs=readers(WEEK_AGO) + readers(START) + rows, edge=served())))
    return told["traffic/made-up"].severity if "traffic/made-up" in told else None


def test_who_waits_when_told_to_is_held_by_the_limit() -> None:
    """A new program of a partner asks too fast, says who it is, and slows down."""
    assert made_up(partner()) == Severity.INFO


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(partner(slows=False), id="goes on"),
        pytest.param(partner(told=0.0), id="was never told to wait"),
        pytest.param(partner(homes=3), id="from several addresses"),
        pytest.param(partner(user=""), id="does not say who it is"),
    ],
)
def test_who_copies_past_the_limit_is_not(rows: list[Row]) -> None:
    """The limit holds only whom it meets."""
    assert made_up(rows) == Severity.WARNING


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
