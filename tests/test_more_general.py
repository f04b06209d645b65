"""Rules told from mechanisms: guessed codes, accounts by turns, houses full of people, pages called slow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from pitchey_ops import frames
from pitchey_ops.findings import issues
from pitchey_ops.findings._attack_logins import attempts
from pitchey_ops.findings._page_words import changed_pages, said_slow
from pitchey_ops.findings.attacks import attackers
from pitchey_ops.findings.case import Case
from pitchey_ops.findings.security import groups_of
from pitchey_ops.findings.vitals import unseen_release, vitals
from pitchey_ops.models.finding import NotChecked
from pitchey_ops.models.window import Window
from pitchey_ops.settings import load

END = datetime(2026, 11, 23, 12, tzinfo=UTC)
START = END - timedelta(hours=1)
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
Row = dict[str, Any]


def table(rows: list[Row]) -> pl.DataFrame:
    """Return rows of logs, oldest first; what a row lacks is null."""
    whole = [{name: row.get(name) for name in frames.LOGS} for row in rows]
    return pl.DataFrame(whole, schema=frames.LOGS).sort("at", maintain_order=True)


class Undated(Case):
    """A case in which no series tells when it began."""

    onset = None


def case(rows: list[Row]) -> Case:
    """Return a case of these log entries and nothing else."""
    window = Window(start=START, end=END)
    whole = frames.Frames(window=window, logs=table(rows))
    return Undated(window=window, now=END, frames=whole, observations={}, settings=load("sandbox"))


def asks(ip: str, seconds: float, url: str, status: int = 200, **more: Any) -> Row:
    """Return one logged request."""
    return {
        "at": START + timedelta(seconds=seconds),
        "service": "web",
        "message": f"GET {url} {status}",
        "ip": ip,
        "url": url,
        "status": status,
        "user_agent": BROWSER,
        "method": "GET",
        **more,
    }


def people() -> list[Row]:
    """Return requests of people who are signed in and look at a few things each."""
    return [
        asks(f"198.51.100.{n}", 9.0 * n + 40 * k, f"/api/pitches/{k}", user_id=f"p{n}")
        for n in range(60)
        for k in range(3)
    ]


def accused(rows: list[Row]) -> set[str]:
    """Return the addresses that are accused."""
    return set(attackers(table(rows)).filter(pl.col("verdict") == "accused").get_column("address"))


@pytest.mark.parametrize(
    "path",
    [
        "/api/auth/reset/confirm",
        "/api/auth/password-reset/verify",
        "/api/auth/verify-code",
        "/api/account/recovery/code",
        "/api/auth/sms-codes/verify",
        "/api/otp/validate",
        "/api/gift-cards/redeem",
    ],
)
def test_where_a_code_opens_a_door_a_wrong_one_is_a_failed_try(path: str) -> None:
    """A code of six digits is guessed like a password, on whatever route it is asked for."""
    rows = [asks("203.0.113.7", n, path, 400, method="POST") for n in range(40)]
    assert attempts(table(rows)).height == 40
    assert accused(rows) == {"203.0.113.7"}


def test_asking_for_a_code_is_no_try() -> None:
    """Whoever has a code sent to himself has not entered one."""
    rows = [asks("203.0.113.7", n, "/api/auth/reset", 202, method="POST") for n in range(40)]
    assert attempts(table(rows)).is_empty()


def test_a_person_who_types_a_code_twice_is_nobody() -> None:
    """Codes are mistyped by everybody."""
    rows = [asks("203.0.113.7", 20.0 * n, "/api/auth/verify-code", 400, method="POST") for n in range(2)]
    assert accused(rows + people()) == set()


def by_turns(pages: str, accounts: int = 20) -> list[Row]:
    """Return ten minutes of one program on one network that is signed in to many accounts by turns."""
    return [
        asks(f"146.70.99.{n % 4 + 1}", 1.5 * n, pages.format(n=n), user_id=f"a{n % accounts}", user_agent="Old/1.0")
        for n in range(400)
    ]


def test_many_accounts_by_turns_are_one_client() -> None:
    """A limit for each account is walked around with many accounts, by one program that asks for one thing."""
    assert len(accused(by_turns("/api/browse?fresh={n}") + people())) == 4


def test_a_company_on_one_app_is_no_bypass() -> None:
    """Twenty colleagues behind one address poll the same page: what is asked for again is no copy."""
    assert accused(by_turns("/api/notifications") + people()) == set()


def studio(let_in: int, shut_out: int) -> list[Row]:
    """Return sign-ins behind one address: of each account a wrong password, and of some then the right one."""
    rows = []
    for n in range(let_in + shut_out):
        tries = ["login_failed"] if n >= let_in else ["login_failed", "login_ok"] if n % 2 else ["login_ok"]
        rows += [
            {"at": START + timedelta(seconds=70 * n + 9 * k), "service": "auth", "message": "login",
             "ip": "217.110.44.37", "event": event, "account": f"u{1200 + 41 * n}"}
            for k, event in enumerate(tries)
        ]  # fmt: skip
    return rows


def test_a_house_where_most_get_in_guesses_nothing() -> None:
    """Some of forty people who take new passwords today have not got in yet."""
    assert attackers(table(studio(30, 10))).get_column("verdict").to_list() == ["benign"]
    assert "accused" not in attackers(table(studio(24, 20))).get_column("verdict").to_list()


def test_a_list_that_seldom_fits_is_no_house() -> None:
    """Where most accounts stay shut, the few that open are hits."""
    assert accused(studio(5, 35)) == {"217.110.44.37"}


def newcomers(refused: float) -> list[Row]:
    """Return a class that opens accounts at one address and looks round, in entries that name nobody."""
    rows = [
        asks("141.43.208.9", 50.0 * n, "/api/auth/register", 422 if n % 10 < refused * 10 else 201, method="POST")
        for n in range(40)
    ]
    places = ("/api/browse", "/api/pitches", "/api/pitches/search", "/api/media")
    return rows + [asks("141.43.208.9", 5.0 * n, places[n % 4]) for n in range(300)]


def test_a_class_that_starts_together_is_no_bypass() -> None:
    """Pupils mistype their addresses and look at everything."""
    assert accused(newcomers(0.2) + people()) == set()


def test_accounts_that_a_program_opens_without_an_error_are_one_client() -> None:
    """Forty forms without one mistake were filled in by a program."""
    assert accused(newcomers(0.0) + people()) == {"141.43.208.9"}


def test_payloads_on_the_sign_in_page_are_no_guessing() -> None:
    """Who writes payloads into every field does so on the sign-in page, too, each time at another address of it."""
    row: Row = {"kinds": ["jndi", "brute_force", "scraping"], "bypass": None, "critical": False}
    assert groups_of({**row, "failures": 9, "successes": 0, "requests": 80}) == {"payloads"}
    assert "logins" in groups_of({**row, "failures": 70, "successes": 0, "requests": 80})


def told(text: str, minutes: int = 50, per_min: int = 1) -> list[Row]:
    """Return what a browser says again and again in the last minutes, and the usual from the days before."""
    usual = [
        {"at": START - timedelta(days=2, minutes=n), "service": "frontend", "level": "info", "message": "page seen"}
        for n in range(100)
    ]
    return usual + [
        {"at": END - timedelta(minutes=minutes - n, seconds=k), "service": "frontend", "level": "info", "message": text}
        for n in range(minutes)
        for k in range(per_min)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "layout-shift 0.31 sources=div#banner",
        "long task 812 ms in bundle.js",
        "[Violation] 'click' handler took 412ms",
        "INP 640 ms (button.save) page=/pitches",
        "web-vitals LCP=5210 rating=poor",
        "main thread was blocked for 1300 ms",
    ],
)
def test_browsers_that_begin_to_call_pages_slow_are_heard_where_figures_are_blind(text: str) -> None:
    """Observers in the page see what no request shows."""
    found = vitals(case(told(text)))
    assert not isinstance(found, NotChecked)
    assert [signal.name for one in found for signal in one.signals] == ["vitals_poor"]


def test_good_figures_that_pages_send_are_no_trouble() -> None:
    """Many sites log every page view's figures, most of them good."""
    assert said_slow(case(told("web-vitals LCP=1800 rating=good"))) is None
    assert said_slow(case(told("CLS 0.02 page=/"))) is None


def test_what_pages_always_said_or_say_no_more_is_no_news() -> None:
    """A long task that was there last week, and a handful that is over, name nothing."""
    old = [{**row, "at": row["at"] - timedelta(days=3)} for row in told("long task 812 ms", per_min=6)]
    assert said_slow(case(old + told("long task 812 ms"))) is None
    assert said_slow(case([row for row in told("long task 812 ms") if row["at"] < END - timedelta(minutes=20)])) is None


def test_a_change_of_the_pages_that_nobody_can_see_forbids_an_all_clear() -> None:
    """A tag manager's container is a release of the site that no list of deployments shows."""
    line = {"at": END - timedelta(minutes=40), "service": "security", "component": "audit", "level": "info"}
    change = {**line, "message": "tag manager: container GTM-X version 7 published"}
    assert changed_pages(case([change]), START).height == 1
    found = unseen_release(case([change]))
    assert not isinstance(found, NotChecked)
    assert [one.id for one in found] == ["site-release/unseen-change"]
    assert isinstance(unseen_release(case([{**line, "message": "key of the mailer replaced"}])), NotChecked)


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("HikariPool-1 - Connection is not available, request timed out after 30000ms", "db_pool_saturated"),
        ("QueuePool limit of size 5 overflow 10 reached", "db_pool_saturated"),
        ("getaddrinfo ENOTFOUND ep-cool-1.eu-central-1.aws.neon.tech", "db_refused"),
        ("connect ETIMEDOUT aws.connect.psdb.cloud:443", "db_refused"),
        ("SQLSTATE[HY000]: General error: 1364 Field 'x' doesn't have a default value", "schema_errors"),
        ("ORA-01400: cannot insert NULL", "schema_errors"),
        ("SQLITE_CONSTRAINT: NOT NULL constraint failed: pitches.tenant", "schema_errors"),
        ("AADSTS7000222: The provided client secret keys are expired", "credentials_rejected"),
        ("GET https://api.acme-films.com/v1/titles answered 401 Unauthorized", "credentials_rejected"),
        ("ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN", "credentials_rejected"),
        ("InvalidProviderToken from api.push.apple.com", "credentials_rejected"),
        ("ESTALE: stale file handle, open '/mnt/b/x.webp'", "storage_errors"),
        ("ReplyError: OOM command not allowed when used memory > 'maxmemory'.", "cache_errors"),
        ("503 upstream connect error or disconnect/reset before headers @mux/mux-node", "third_party_errors"),
        ("FetchError: request failed, reason: certificate has expired", "third_party_errors"),
    ],
)
def test_products_words_are_put_where_they_belong(text: str, signal: str) -> None:
    """A managed database is a database, our own key is ours, and a provider's certificate is his."""
    assert issues._kinds([text], [False]) == [signal]
