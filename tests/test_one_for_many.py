"""One who passes for many, by networks, accounts, tokens or places to guess from; and who only looks like it."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hand_cases import BROWSER, START, WEEK_AGO, Row, case, table

from pitchey_ops import frames
from pitchey_ops.findings import security
from pitchey_ops.findings.attacks import attackers
from pitchey_ops.models.finding import NotChecked, Severity


def asks(ip: str, seconds: float, url: str, **more: object) -> Row:
    """Return one request that was served."""
    row = {"at": START + timedelta(seconds=seconds), "service": "pitch", "message": f"GET {url} 200", "ip": ip}
    return {**row, "url": url, "status": 200, "method": "GET", "user_agent": BROWSER, "observation": "o/1", **more}


def signs_in(ip: str, seconds: float, account: str, *, ok: bool, **more: object) -> Row:
    """Return one try to sign in, as the door writes it."""
    row = {"at": START + timedelta(seconds=seconds), "service": "auth", "ip": ip, "account": account}
    return {**row, "event": "login_ok" if ok else "login_failed", "message": "sign-in", "observation": "o/1", **more}


def people() -> list[Row]:
    """Return forty persons, each at home, who are signed in and open a few pages."""
    return [
        asks(f"84.1.{n}.9", 60 * n + 9 * k, f"/api/pitches/{(n + k) % 97}", user_id=f"u{n}")
        for n in range(40)
        for k in range(4)
    ]


def judged(rows: list[Row]) -> dict[str, Row]:
    """Return what is said of each address that is worth a word."""
    return {row["address"]: row for row in attackers(table(frames.LOGS, rows)).iter_rows(named=True)}


def accused_of(rows: list[Row], kind: str) -> set[str]:
    """Return the addresses that are accused of *kind*."""
    return {ip for ip, row in judged(rows).items() if row["verdict"] == "accused" and kind in row["kinds"]}


BYPASS = "rate_limit_bypass"


def test_who_turns_through_a_whole_network_walks_around_a_limit_by_address() -> None:
    """Each address of the street asks twice; nobody but its holder has a hundred of them."""
    rows = [asks(f"203.0.114.{n % 120}", 2.4 * n, f"/api/browse?offset={n}") for n in range(240)]
    assert len(accused_of(people() + rows, BYPASS)) == 120


@pytest.mark.parametrize(
    "rows",
    [
        # a crew of few machines that all work hard copies, and passes no limit by turning
        [asks(f"203.0.114.{n % 20}", 1.0 * n, f"/api/browse?offset={n}") for n in range(500)],
        # a town behind one carrier's addresses: signed in, each on his own way
        [
            asks(f"203.0.114.{n % 120}", 2.4 * n, f"/api/{('a', 'b', 'me')[n % 3]}/{n}", user_id=f"t{n % 90}")
            for n in range(240)
        ],
        # an app on many phones of one network that asks for the same page again
        [asks(f"203.0.114.{n % 120}", 2.4 * n, "/api/pitches/trending") for n in range(240)],
    ],
    ids=["crew", "carrier", "polling"],
)  # fmt: skip
def test_neighbours_are_no_single_client(rows: list[Row]) -> None:
    """Many addresses of one network are people, machines or phones, unless one takes them by turns."""
    assert accused_of(people() + rows, BYPASS) == set()


def wanderers(step_networks: int, agent: str = BROWSER) -> list[Row]:
    """Return twelve accounts that search six times each within some minutes, from so many networks each."""
    dice = random.Random(5)
    return [
        asks(
            f"91.{n}.{k % step_networks}.{dice.randrange(2, 250)}",
            40 * k + n,
            f"/api/search?q={n}-{k}",
            user_id=f"w{n}",
            user_agent=agent,
        )
        for n in range(12)
        for k in range(6)
    ]


def test_accounts_that_change_their_network_with_every_request_are_one_program() -> None:
    """Each account and each address asks little; but people stay on their network between two clicks."""
    assert len(accused_of(people() + wanderers(6), BYPASS)) == 72


@pytest.mark.parametrize("networks", [1, 2, 3])
def test_people_on_the_move_are_no_program(networks: int) -> None:
    """A home, a phone and an office are two or three networks in ten minutes, in the commonest of browsers."""
    assert accused_of(people() + wanderers(networks), BYPASS) == set()


def test_a_log_that_names_the_edge_instead_of_visitors_accuses_nobody() -> None:
    """Behind a proxy that is not read through every request comes from another machine of the proxy's owner."""
    rows = [{**row, "ip": f"172.70.{n % 200}.{n % 9 + 1}"} for n, row in enumerate(wanderers(6))]
    assert accused_of(people() + rows, BYPASS) == set()


def renews(count: int, *, pages: int, users: int = 1, refused: int = 0) -> list[Row]:
    """Return a session that has *count* tokens made within nine minutes and asks for *pages* pages beside."""
    made = [
        asks("109.43.1.2", 540 * n / count, "/api/auth/refresh", method="POST", user_id=f"m{n % users}")
        for n in range(count)
    ]
    read = [
        asks("109.43.1.2", 540 * n / pages, f"/api/pitches/{n}/full", user_id=f"m{n % users}") for n in range(pages)
    ]
    told = [asks("109.43.1.2", 540 * n / max(1, refused), "/api/me", status=401) for n in range(refused)]
    return made + read + told


def test_a_token_for_every_few_requests_walks_around_a_limit_by_token() -> None:
    """Tokens live minutes to hours; nobody needs sixty of them in ten minutes who reads on and is never refused."""
    assert accused_of(people() + renews(60, pages=200), BYPASS) == {"109.43.1.2"}


@pytest.mark.parametrize(
    "rows",
    [renews(6, pages=200), renews(60, pages=20), renews(60, pages=200, users=30), renews(60, pages=200, refused=60)],
    ids=["as tokens expire", "a loop", "an office", "tokens that are refused"],
)
def test_a_session_that_renews_for_a_reason_is_no_bypass(rows: list[Row]) -> None:
    """An expiring token, a browser in a loop, an office behind one address, a clock that is wrong: each renews."""
    assert accused_of(people() + rows, BYPASS) == set()


def guesses(places: int, each: int, account: str = "maria.k") -> list[Row]:
    """Return wrong passwords for one account from so many networks, by turns, in a quarter of an hour."""
    return [
        signs_in(
            f"{45 + place}.8.{place}.7", 900 * (place + places * k) / (places * each) + (k * 7) % 5, account, ok=False
        )
        for place in range(places)
        for k in range(each)
    ]


def test_guessing_that_is_shared_out_among_places_is_told_by_what_they_do_together() -> None:
    """A lock counts addresses: five tries from each of a dozen are sixty on one account."""
    assert len(accused_of(people() + guesses(12, 5), "brute_force")) == 12


def test_who_gets_in_where_others_guessed_with_him_is_critical() -> None:
    """Few tries of his own, and many sign-ins after: it is what the others tried before him that tells."""
    inside = [signs_in("47.8.2.7", 960 + 20 * n, "maria.k", ok=True) for n in range(8)]
    row = judged(people() + guesses(12, 6) + inside)["47.8.2.7"]
    assert row["verdict"] == "accused"
    assert row["critical"]


@pytest.mark.parametrize(
    "rows",
    [
        # an old password of a mailbox that six people share: each of them gets in at last
        guesses(6, 5) + [signs_in(f"{45 + place}.8.{place}.7", 1000 + place, "maria.k", ok=True) for place in range(6)],
        # the same people were at work on the site before
        guesses(6, 5) + [asks(f"{45 + place}.8.{place}.7", 0, f"/api/pitches/{place}") for place in range(6)],
        # two places and a phone
        guesses(3, 5),
    ],
    ids=["shared", "at work", "at home"],
)
def test_people_who_share_an_account_are_not_accused_together(rows: list[Row]) -> None:
    """A password that was changed is mistyped from several homes, too; its people get in, or were here before."""
    assert all(row["joint"] == 0 for row in judged(people() + rows).values())


def test_an_account_that_everybody_tries_is_no_common_work() -> None:
    """Doors hear of root and of names that do not exist from everywhere: low and slow stays suspicious."""
    assert all(row["joint"] == 0 for row in judged(people() + guesses(12, 2, "root")).values())
    slow = [{**row, "at": row["at"] + timedelta(hours=9 * n)} for n, row in enumerate(guesses(12, 5))]
    assert all(row["joint"] == 0 for row in judged(people() + slow).values())


def test_a_guard_that_counts_wrong_passwords_tries_none() -> None:
    """What a door wrote by itself and a guard sums up happened once: a script's dozen must not become two."""
    tries = [signs_in("46.1.2.3", 30 * n + (n % 3) * 7, "svc-reports", ok=False) for n in range(8)]
    sums = [
        {**tries[n], "event": None, "account": None, "message": f"svc: {n} wrong passwords in a row from 46.1.2.3"}
        for n in range(8)
    ]
    got_in = [signs_in("46.1.2.3", 500, "svc-reports", ok=True)]
    row = judged(people() + tries + sums + got_in)["46.1.2.3"]
    assert row["failures"] == 8
    assert row["verdict"] != "accused"


def test_a_script_that_errs_at_the_door_is_no_copier_for_it() -> None:
    """What an address is accused of beside its gravest deed must be found on its own."""
    tries = [signs_in("46.1.2.3", 2 * n, f"user{n}", ok=False) for n in range(30)]
    reads = [
        asks("46.1.2.3", 600 + 11 * n + 70 * (n // 9 % 2), f"/api/own?id={n}", user_agent="python-requests/2.32")
        for n in range(160)
    ]
    assert accused_of(people() + tries + reads, "scraping") == set()
    assert "46.1.2.3" in accused_of(people() + tries + reads, "credential_stuffing")


TELLING = (
    "fingerprint 9f20 seen on 24 accounts of this evening",
    "quota of key k1 used up, the next request with another key of the same customer was accepted",
    "customer c7: key 14 of the day issued",
    "subject s9 holds 64 valid tokens",
    "no cookie from 203.0.113.7, the 55th session for it in this minute",
    "x-forwarded-for has 4 entries, the first one is taken for the client",
)


def lines(text: str, count: int, *, since: float = 0.0, service: str = "security", **more: object) -> list[Row]:
    """Return so many lines of a guard, one a minute."""
    row = {"service": service, "component": "signups", "level": "info", "message": text, "observation": "o/2"}
    return [{**row, "at": START + timedelta(seconds=since + 60 * n), **more} for n in range(count)]


def usual_lines() -> list[Row]:
    """Return what the same guard said a week ago."""
    return [{**row, "at": WEEK_AGO + timedelta(minutes=n)} for n, row in enumerate(lines("scan finished", 80))]


def heard(rows: list[Row]) -> list[tuple[Severity, list[str]]]:
    """Return how gravely the guards' own lines are taken, and what they say to the diagnosis."""
    found = security.security(case(logs=people() + rows))
    assert not isinstance(found, NotChecked)
    return [(one.severity, [s.name for s in one.signals]) for one in found if one.id.startswith("security/heard")]


@pytest.mark.parametrize("text", TELLING)
def test_what_a_guard_says_is_heard_though_it_is_no_warning(text: str) -> None:
    """A limiter that lets through writes no error; the line that tells what is going on must not be passed over."""
    assert heard(usual_lines() + lines(text, 12)) == [(Severity.WARNING, ["rate_bypass_seen"])]


@pytest.mark.parametrize(
    "rows",
    [
        usual_lines() + lines(TELLING[0], 2),
        usual_lines() + lines(TELLING[0], 12, service="pitch", component="notes"),
        usual_lines() + lines("fingerprint 9f20 seen on 2 accounts", 12),
        usual_lines() + lines("quota of key k1 is 500 an hour, 200 left", 12),
        [{**row, "at": WEEK_AGO + timedelta(minutes=n)} for n, row in enumerate(lines(TELLING[0], 80))]
        + lines(TELLING[0], 12),
    ],
    ids=["a line or two", "not a guard", "a family", "a quota", "as ever"],
)
def test_what_is_said_as_ever_or_by_others_is_not_heard(rows: list[Row]) -> None:
    """A list of shared devices is written on any day; somebody's note is no guard's."""
    assert heard(rows) == []


def test_a_guard_that_was_never_seen_before_forbids_an_all_clear_and_names_nothing() -> None:
    """Where nothing of before is known it may be said every day: it must be looked at, and weighs nothing."""
    assert heard(lines(TELLING[0], 12)) == [(Severity.WARNING, [])]
