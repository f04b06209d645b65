"""Attackers told from persons, crawlers and our own mistakes; payloads told from ordinary words."""

from __future__ import annotations

import ipaddress
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import polars as pl
import pytest
from attack_corpora import BENIGN, MESSAGES, PAYLOADS
from hypothesis import given, settings
from hypothesis import strategies as st

from pitchey_ops import frames
from pitchey_ops.benchmarks import attacks as bench
from pitchey_ops.findings._clients import parse_address, why_never_blocked
from pitchey_ops.findings._payloads import ascii_only, payload_kinds, payloads
from pitchey_ops.findings.attacks import EMPTY_SCHEMA, attack_findings, attackers, block_list, indicators
from pitchey_ops.models.finding import NotChecked
from pitchey_ops.models.window import Window

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Safari/537.36"
SHARED = Path(__file__).parents[1].parent / "shared" / "datasets"

Row = dict[str, Any]


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=frames.LOGS).sort("at", maintain_order=True)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def login(ip: str, seconds: float, ok: bool, account: str | None = "anna@example.com", **more: Any) -> Row:
    return {
        "at": at(seconds),
        "service": "auth",
        "message": "login",
        "ip": ip,
        "event": "login_ok" if ok else "login_failed",
        "account": account,
        **more,
    }


def asks(
    ip: str, seconds: float, url: str, status: int = 200, agent: str | None = BROWSER, method: str = "GET", **more: Any
) -> Row:
    return {
        "at": at(seconds),
        "service": "web",
        "message": f"{method} {url} {status}",
        "ip": ip,
        "url": url,
        "status": status,
        "user_agent": agent,
        "method": method,
        **more,
    }


def verdicts(rows: Sequence[Row], **more: Any) -> dict[str, str]:
    judged = attackers(frame(rows), **more)
    return dict(judged.select("address", "verdict").iter_rows())


def one(rows: Sequence[Row], address: str) -> Row:
    judged = attackers(frame(rows)).filter(pl.col("address") == address)
    assert judged.height == 1, f"{address} was not judged"
    return judged.row(0, named=True)


# payloads


def found(texts: list[str], where: str) -> set[str]:
    hits = payloads(
        pl.DataFrame({"text": texts, "where": [where] * len(texts)}, schema={"text": pl.String, "where": pl.String})
    )
    return set(hits.filter(pl.col("kinds").list.len() > 0)["text"])


ALL_PAYLOADS = [text for texts in PAYLOADS.values() for text in texts]


def test_the_corpora_are_large_enough_to_mean_something() -> None:
    """A share over a handful of texts says nothing."""
    assert len(set(ALL_PAYLOADS)) >= 240
    assert len(set(BENIGN)) >= 200
    assert len(PAYLOADS) >= 12


@pytest.mark.parametrize("kind", sorted(PAYLOADS))
def test_payloads_are_told_by_kind(kind: str) -> None:
    """The kind decides what the responder looks at next."""
    missed = [text for text in PAYLOADS[kind] if kind not in payload_kinds(text)]
    assert missed == []


@pytest.mark.parametrize("text", ["x=String.fromCharCode(88,83)", "el.innerHTML = 1", "string . fromcharcode (1)"])
def test_an_expression_goes_on_after_a_class_that_ends_with_a_bracket(text: str) -> None:
    """What stands behind ``[.\\[]`` in the same expression was read as part of the class, and never matched."""
    assert payload_kinds(text) == ("xss",)


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        (r"a[.\[]\s", r"a[.\[][ \t-\r]"),
        (r"[]\s]\s", r"[] \t-\r][ \t-\r]"),
        (r"[^]\s]\s", r"[^] \t-\r][ \t-\r]"),
        (r"[a\\]\s", r"[a\\][ \t-\r]"),
        (r"[[]\b", r"[\[](?-u:\b)"),
    ],
)
def test_a_class_ends_at_its_bracket(pattern: str, wanted: str) -> None:
    """Inside of a class the shorthands stand without brackets of their own, outside with them."""
    assert ascii_only(pattern) == wanted


@pytest.mark.parametrize(
    "escape",
    [lambda text: quote(text, safe=""), lambda text: quote(quote(text, safe=""), safe=""), str],
    ids=["once", "twice", "raw"],
)
def test_payloads_in_urls_are_seen_through_their_encoding(escape: Any) -> None:
    """Attackers encode; at least 98 % of the corpus must be seen in a query, encoded once, twice or not."""
    urls = [f"https://pitchey.example/api/search?page=1&q={escape(text)}" for text in ALL_PAYLOADS]
    seen = found(urls, "url")
    missed = [url for url in urls if url not in seen]
    assert len(missed) <= 0.02 * len(urls), missed


def test_payloads_quoted_in_messages_are_mostly_seen() -> None:
    """Messages are read more strictly, as our own services write odd things too; 85 % must still be seen."""
    texts = [f"Validation failed for value {text}" for text in ALL_PAYLOADS]
    assert len(found(texts, "message")) >= 0.85 * len(set(texts))


@pytest.mark.parametrize(
    ("where", "wrap"),
    [
        ("text", str),
        ("url", lambda text: "/search?q=" + text),
        ("url", lambda text: "/search?q=" + quote(text, safe="")),
        ("url", lambda text: "/search?q=" + quote_plus(text)),
        ("message", lambda text: "Search for " + text),
        ("agent", str),
    ],
    ids=["text", "raw", "encoded", "plus", "message", "agent"],
)
def test_ordinary_texts_are_not_payloads(where: str, wrap: Any) -> None:
    """A false accusation blocks a customer: none among more than 200 look-alikes."""
    assert found([wrap(text) for text in BENIGN], where) == set()


def test_our_own_messages_are_not_payloads() -> None:
    """Error texts are full of quotes, brackets and statements."""
    assert found(MESSAGES, "message") == set()


def test_statements_of_the_data_store_accuse_nobody() -> None:
    """A slow-query log with a client address holds SQL all day."""
    rows = [
        {
            "at": at(n),
            "service": "database",
            "message": "slow: SELECT * FROM users WHERE 1=1 UNION ALL SELECT 1,2 -- x",
            "ip": "203.0.113.9",
        }
        for n in range(5)
    ]
    assert "accused" not in verdicts(rows).values()


@pytest.mark.parametrize(
    "text",
    [
        "(" * 200_000,
        "'" * 100_000 + "a",
        "%25" * 100_000 + "27",
        "../" * 300_000,
        "\x00" * 1000,
        "\u202e<script>alert(1)</script>",
        "&#" * 200_000,
        "/*" * 100_000,
    ],
)
def test_hostile_lengths_are_bounded(text: str) -> None:
    """A megabyte url costs as much as four kilobytes; nothing here may crash or hang."""
    rows = [asks("203.0.113.7", 0, "/x?q=" + text, 404)]
    assert attackers(frame(rows)).height <= 1


def test_a_payload_behind_padding_is_seen_at_the_end() -> None:
    """Padding is the cheapest way around a bounded reader, so the tail is read too."""
    assert found(["/x?q=" + "a" * 500_000 + "<script>alert(1)</script>"], "url")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_without_error(text: str) -> None:
    """Log text is data from the internet."""
    assert isinstance(payload_kinds(text), tuple)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80))
def test_any_address_field_is_read_without_error(text: str) -> None:
    """The address field comes from a header that clients may write."""
    address = parse_address(text)
    assert address is None or ipaddress.ip_address(str(address)) == address


# logins


def test_a_password_guesser_is_accused() -> None:
    """The plain case: many failures on one account, never let in."""
    rows = [login("203.0.113.7", n, False, "root") for n in range(20)]
    assert one(rows, "203.0.113.7")["verdict"] == "accused"
    assert one(rows, "203.0.113.7")["kind"] == "brute_force"


def test_many_failures_and_then_a_success_is_critical_and_first() -> None:
    """The case that matters most: the guess was right."""
    rows = [login("203.0.113.7", n, False, "root") for n in range(30)] + [login("203.0.113.7", 31, True, "root")]
    rows += [login("198.51.100.9", n, False, name) for n, name in enumerate("abcdefghijklmnop" * 3)]
    judged = attackers(frame(rows))
    first = judged.row(0, named=True)
    assert (first["address"], first["critical"]) == ("203.0.113.7", True)
    assert "success_after_failures" in first["kinds"]
    assert first["accounts_entered"] == ["root"]
    assert first["entered_at"] == at(31)


@pytest.mark.parametrize("wrong", [1, 2, 3, 4, 5])
def test_a_person_who_mistypes_and_gets_in_is_benign(wrong: int) -> None:
    """Five wrong tries and then the right one is what people do."""
    rows = [login("203.0.113.7", 20 * n, False) for n in range(wrong)] + [login("203.0.113.7", 20 * wrong, True)]
    assert one(rows, "203.0.113.7")["verdict"] == "benign"


def test_an_administrator_with_more_failures_than_most_attackers_is_not_accused() -> None:
    """Forty failures over a week among two hundred own successes, and a few wrong names: a threshold would accuse."""
    rows: list[Row] = []
    for day in range(7):
        for session in range(28):
            start = day * 86_400 + session * 900
            rows += [login("203.0.113.7", start + 5 * n, False, "ops") for n in range((session % 7 == 0 and 1) or 0)]
            rows += [login("203.0.113.7", start + 60, True, "ops")]
        rows += [login("203.0.113.7", day * 86_400 + 30_000 + n, False, "ops") for n in range(2)]
    rows += [login("203.0.113.7", 100, False, "opps"), login("203.0.113.7", 110, False, "root")]
    assert one(rows, "203.0.113.7")["verdict"] == "benign"


def test_an_office_behind_one_address_is_not_accused() -> None:
    """Many accounts with a few failures each, but nearly all of them get in: persons."""
    rows = [
        login("203.0.113.7", 60 * n + k, k == n % 3, f"user{n}@example.com")
        for n in range(60)
        for k in range(n % 3 + 1)
    ]
    assert one(rows, "203.0.113.7")["verdict"] == "benign"


def test_credential_stuffing_with_some_hits_is_accused_and_critical() -> None:
    """One try per account on hundreds of accounts; the few that open look like clean logins by themselves."""
    rows = [login("203.0.113.7", n, n % 40 == 39, f"user{n}@example.com") for n in range(200)]
    told = one(rows, "203.0.113.7")
    assert (told["verdict"], told["critical"]) == ("accused", True)
    assert "credential_stuffing" in told["kinds"]


def test_password_spraying_is_told_from_stuffing_by_its_pace() -> None:
    """Sprayers wait between tries so that no account locks."""
    rows = [login("203.0.113.7", 400 * n, False, f"user{n % 12}@example.com") for n in range(36)]
    told = one(rows, "203.0.113.7")
    assert told["verdict"] == "accused"
    assert "password_spraying" in told["kinds"]


def test_low_and_slow_addresses_are_suspicious_not_accused() -> None:
    """Two tries on names that do not exist are odd, yet too little to block."""
    rows = [login("203.0.113.7", 0, False, "oracle"), login("203.0.113.7", 7200, False, "nagios")]
    assert verdicts(rows)["203.0.113.7"] == "suspicious"


def test_a_forgotten_password_is_not_accused() -> None:
    """Three failures on one ordinary account and a give-up: a person."""
    assert verdicts([login("203.0.113.7", 30 * n, False) for n in range(3)])["203.0.113.7"] == "benign"


def test_a_hundred_attackers_of_all_sizes_beside_persons() -> None:
    """Most attackers stop at few tries; at least 90 % of those with five or more accused, no person accused."""
    chance = random.Random(7)
    rows: list[Row] = []
    guilty: set[str] = set()
    for n in range(100):
        ip = f"{60 + n}.{chance.randrange(256)}.{chance.randrange(256)}.9"
        size = chance.choice([5, 5, 6, 6, 7, 8, 10, 15, 40, 300])
        names = chance.sample(
            ["root", "admin", "test", "oracle", "postgres", "guest", "ftp", "bob", "x1", "deploy"],
            chance.randrange(1, 6),
        )
        start = chance.randrange(80_000)
        guilty.add(ip)
        for k in range(size):
            name = names[k % len(names)]
            rows.append(
                {
                    "at": at(start + 3 * k),
                    "service": "auth",
                    "message": f"Failed password for {'invalid user ' * (name == 'x1')}{name} from {ip} port 4711 ssh2",
                }
            )
    for n in range(60):
        ip = f"91.5.{n}.2"
        for day in range(3):
            for k in range(chance.choice([0, 0, 0, 1, 2, 4])):
                rows.append(login(ip, day * 86_400 + 40 * n + k, False, f"p{n}"))
            rows.append(login(ip, day * 86_400 + 40 * n + 30, True, f"p{n}"))
    judged = attackers(frame(rows))
    accused = set(judged.filter(pl.col("verdict") == "accused")["address"])
    assert len(accused & guilty) >= 90
    assert accused <= guilty


WORDINGS = [
    "Failed password for invalid user admin from 203.0.113.7 port 4242 ssh2",
    "Invalid user admin from 203.0.113.7",
    "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7  user=root",
    "error: maximum authentication attempts exceeded for root from 203.0.113.7 port 22 ssh2 [preauth]",
    "Connection closed by authenticating user root 203.0.113.7 port 22 [preauth]",
    "Login failed for user admin from 203.0.113.7",
    "Invalid credentials for anna@example.com, client=203.0.113.7",
    "Authentication failure: user=admin ip=203.0.113.7",
    "warning: auth failed, 1 attempts: user=<bob>, method=PLAIN, rip=203.0.113.7, lip=192.0.2.1",
]


@pytest.mark.parametrize("message", WORDINGS)
def test_failures_are_read_from_the_wording_where_no_event_says_so(message: str) -> None:
    """Not every log has events; the address may stand in the text alone."""
    told = one([{"at": at(7 * n), "service": "auth", "message": message} for n in range(25)], "203.0.113.7")
    assert told["verdict"] == "accused"
    assert told["failures"] == 25


@pytest.mark.parametrize(
    "message",
    [
        "Failed password for invalid user x from 8.8.8.8 port 1 ssh2 from 203.0.113.7 port 22 ssh2",
        "Invalid user x from 8.8.8.8 from 203.0.113.7",
        "Login failed for user 'x from 8.8.8.8' from 203.0.113.7",
        "Login failed, ip=203.0.113.7, agent='from 8.8.8.8'",
    ],
)
def test_an_account_name_cannot_frame_another_address(message: str) -> None:
    """The name is what the attacker typed; an address in it must not be accused for him."""
    told = verdicts([{"at": at(n), "service": "auth", "message": message} for n in range(25)])
    assert "8.8.8.8" not in told


def test_repeated_lines_count_as_often_as_they_say() -> None:
    """syslog folds lines; the folded ones were tries too."""
    message = "message repeated 12 times: [ Failed password for root from 203.0.113.7 port 4 ssh2]"
    assert one([{"at": at(0), "service": "auth", "message": message}], "203.0.113.7")["failures"] == 12


def test_the_same_try_on_two_lines_counts_once() -> None:
    """PAM, sshd and the request log write about one attempt; adding them would accuse persons."""
    rows: list[Row] = []
    for n in range(3):
        rows.append(
            {
                "at": at(n),
                "service": "auth",
                "message": "authentication failure; tty=ssh ruser= rhost=203.0.113.7  user=anna",
            }
        )
        rows.append(
            {"at": at(n), "service": "auth", "message": "Failed password for anna from 203.0.113.7 port 22 ssh2"}
        )
    assert one(rows, "203.0.113.7")["failures"] == 3


def test_logins_are_read_from_route_and_status() -> None:
    """The platform's own access log: POST /api/auth/login and its status."""
    rows = [asks("203.0.113.7", n, "/api/auth/login", 401, method="POST") for n in range(30)]
    rows += [asks("203.0.113.7", 31, "/api/auth/login", 200, method="POST")]
    told = one(rows, "203.0.113.7")
    assert (told["verdict"], told["critical"], told["failures"]) == ("accused", True, 30)


def test_a_login_that_breaks_accuses_nobody() -> None:
    """During an outage everybody retries; 5xx says nothing about who tried."""
    rows = [asks(f"203.0.113.{n}", k, "/api/auth/login", 500, method="POST") for n in range(20) for k in range(15)]
    assert "accused" not in verdicts(rows).values()


def test_an_administrator_who_forgot_a_password_is_not_accused() -> None:
    """Ten wrong tries by hand and then the right one: uneven, slow, on one account of his own."""
    moments = [0, 31, 52, 95, 110, 170, 204, 221, 290, 333]
    rows = [login("203.0.113.7", second, False, "admin.dana") for second in moments]
    assert verdicts(rows[:8])["203.0.113.7"] != "accused"
    assert verdicts([*rows, login("203.0.113.7", 360, True, "admin.dana")])["203.0.113.7"] != "accused"


# requests


def nikto(ip: str, agent: str) -> list[Row]:
    odd = [
        "cgi-bin/test.cgi",
        "admin.php",
        "phpinfo.php",
        "server-status",
        ".git/config",
        "backup.zip",
        "wp-login.php",
        "manager/html",
        ".env",
        "scripts/root.exe",
        "config.inc",
        "db.sql",
        "iisadmin/",
        "owa/",
        "test.asp",
        "web.config.bak",
    ]
    rows = [asks(ip, 0.1 * n, f"/{path}", 404, agent) for n, path in enumerate(odd)]
    return rows + [asks(ip, 10 + 0.1 * n, f"/{chr(97 + n % 26)}{n}.cfm", 404, agent) for n in range(100)]


def wordlist(ip: str) -> list[Row]:
    return [asks(ip, 0.05 * n, f"/section{n * 7919 % 100_003}", 404) for n in range(400)]


def sqlmap(ip: str) -> list[Row]:
    return [asks(ip, n, "/api/pitches?id=" + quote(text), 400) for n, text in enumerate(PAYLOADS["sql_injection"][:30])]


def nmap(ip: str) -> list[Row]:
    paths = [
        ("GET", "/nmaplowercheck1709", 404),
        ("POST", "/sdk", 404),
        ("GET", "/HNAP1", 404),
        ("GET", "/evox/about", 404),
        ("PROPFIND", "/", 405),
        ("OPTIONS", "/", 200),
        ("GET", "/.git/HEAD", 404),
        ("GET", "/robots.txt", 404),
        ("TRACE", "/", 405),
    ]
    return [asks(ip, 0.2 * n, url, status, method=method) for n, (method, url, status) in enumerate(paths)]


@pytest.mark.parametrize(
    "traffic",
    [
        lambda: nikto("203.0.113.7", BROWSER),
        lambda: nikto("203.0.113.7", "Mozilla/5.00 (Nikto/2.1.6)"),
        lambda: wordlist("203.0.113.7"),
        lambda: sqlmap("203.0.113.7"),
        lambda: nmap("203.0.113.7"),
    ],
    ids=["nikto spoofed", "nikto", "word list", "sqlmap spoofed", "nmap spoofed"],
)
def test_scanners_are_accused_by_what_they_do(traffic: Any) -> None:
    """A user agent is a claim; behaviour is not."""
    visitors = [asks(f"198.51.100.{n}", 30 * k, f"/pitches/{k * n % 17}") for n in range(40) for k in range(6)]
    told = verdicts([*visitors, *traffic()])
    assert told.pop("203.0.113.7") == "accused"
    assert "accused" not in told.values()


def test_a_broken_deployment_makes_nobody_a_scanner() -> None:
    """When hashed assets are missing every visitor meets the same 404s in a burst."""
    rows = [asks(f"198.51.{n}.7", 0.1 * k + n, f"/assets/chunk-{k}.js", 404) for n in range(50) for k in range(40)]
    assert "accused" not in verdicts(rows).values()


def test_a_crawler_with_dead_links_is_not_accused() -> None:
    """Search engines keep asking for pages of years ago."""
    agent = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    rows = [asks("66.249.73.1", 45 * n, f"/old/{n}", 404 if n % 2 else 200, agent) for n in range(600)]
    assert "accused" not in verdicts(rows).values()


def test_a_crawler_that_sends_payloads_is_accused() -> None:
    """Anybody can write Googlebot into a header."""
    agent = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    rows = [
        asks("203.0.113.7", n, "/?q=" + quote(text), 200, agent) for n, text in enumerate(PAYLOADS["path_traversal"])
    ]
    assert verdicts(rows)["203.0.113.7"] == "accused"


def test_payloads_in_the_user_agent_are_seen() -> None:
    """Shellshock and log4shell come in headers."""
    rows = [
        asks("203.0.113.7", 0, "/", 200, "() { :;}; /bin/bash -c 'id'"),
        asks("203.0.113.8", 0, "/", 200, "${jndi:ldap://x.example/a}"),
    ]
    assert set(verdicts(rows).values()) == {"accused"}


def test_scraping_is_told_by_pace_and_order() -> None:
    """Hundreds of pages in ten minutes, ids counted up; a reader of thirty pages is left alone."""
    rows = [asks("203.0.113.7", 1.5 * n, f"/api/pitches/{1000 + n}", 200, "python-requests/2.31") for n in range(400)]
    rows += [asks("198.51.100.7", 20.0 * n + n % 7, f"/api/pitches/{n * 37 % 1000}") for n in range(30)]
    told = one(rows, "203.0.113.7")
    assert (told["verdict"], told["kind"]) == ("accused", "scraping")
    assert "198.51.100.7" not in verdicts(rows)


def test_a_crew_of_scrapers_on_one_network_is_told_together() -> None:
    """Five machines share the catalogue, so that none of them looks fast."""
    rows = [
        asks(f"45.129.14.{n % 5 + 1}", 4.0 * n, f"/api/pitches?page={n}", 200, "python-httpx/0.28.1")
        for n in range(600)
    ]
    assert set(verdicts(rows).values()) == {"accused"}


OLD_BROWSER = "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 Chrome/76.0 Safari/537.36"


def visitors(count: int = 60) -> list[dict[str, Any]]:
    """Play people who are signed in and look at a few things each."""
    return [
        asks(f"198.51.100.{n}", 9.0 * n + 40 * k, f"/api/pitches/{k}", 200, BROWSER, user_id=f"u{n}")
        for n in range(count)
        for k in range(3)
    ]


def catalogue_copied(homes: int, each: int, seconds: float = 600.0) -> list[dict[str, Any]]:
    """Play *homes* addresses that share out the catalogue's pages with one old browser."""
    total = homes * each
    return [
        asks(f"{20 + n % homes}.7.{n % homes % 7}.9", seconds / total * n, f"/api/pitches?page={n}", 200, OLD_BROWSER)
        for n in range(total)
    ]


def test_a_catalogue_shared_out_among_homes_is_scraping() -> None:
    """A hundred connections, seven pages each: only together do they copy."""
    told = attackers(frame(catalogue_copied(100, 7) + visitors())).filter(pl.col("verdict") == "accused")
    assert told.height == 100
    assert set(told["kind"]) == {"scraping"}


def test_readers_of_a_letter_are_no_crew() -> None:
    """Every link of a newsletter has its own token, and phones of one make open them: still four hundred persons."""
    rows = [
        asks(f"{20 + n % 200}.{n // 200}.7.9", 1.2 * n + k, f"/api/pitches/7?from={n}-{k}", 200, OLD_BROWSER)
        for n in range(400)
        for k in range(1 + n % 2)
    ]
    assert "accused" not in set(verdicts(rows + visitors()).values())


def test_readers_of_the_same_popular_pages_are_no_crew() -> None:
    """Strangers on the evening of a festival like the same hundred and fifty pitches; a program asks for each once."""
    rows = [
        asks(f"{20 + n}.7.7.9", 5.0 * n + 7 * k, f"/api/pitches/{(n * 31 + k * k * 17) % 150}", 200, OLD_BROWSER)
        for n in range(90)
        for k in range(6)
    ]
    assert "accused" not in set(verdicts(rows + visitors()).values())


def test_where_entries_name_nobody_being_nobody_is_no_evidence() -> None:
    """A log without users cannot tell a crew of strangers from customers."""
    rows = catalogue_copied(100, 7) + [row | {"user_id": None} for row in visitors()]
    assert "accused" not in set(verdicts(rows).values())


def test_claims_of_a_forwarding_column_are_read() -> None:
    """Where the frame knows the header, it need not be written in a message."""
    rows = [asks("203.0.113.7", n, "/api/pitches/search?q=a", 200, "axios/1.7.9") for n in range(30)]
    logs = frame(rows).with_columns(forwarded=pl.format("81.2.{}.4", pl.int_range(pl.len())))
    assert attackers(logs)["kind"].to_list() == ["rate_limit_bypass"]


def test_one_user_on_many_networks_is_a_rate_limit_bypass() -> None:
    """One session cannot be in twelve networks within ten minutes."""
    rows = [asks(f"{20 + n}.7.7.7", 5.0 * n, "/api/search?q=a", 200, user_id="u1") for n in range(12)]
    rows += [asks(f"198.51.100.{n}", 5.0 * n, "/api/search?q=a", 200, user_id=f"v{n}") for n in range(40)]
    told = attackers(frame(rows)).filter(pl.col("verdict") == "accused")
    assert told.height == 12
    assert set(told["kind"]) == {"rate_limit_bypass"}


def test_a_limit_walked_around_with_many_addresses_is_seen() -> None:
    """The same odd agent, the same route, refused now and then, from ever new addresses."""
    rows = [
        asks(f"{20 + n}.7.7.7", 60.0 * n + k, "/api/auth/verify", 429 if k == 9 else 401, "okhttp/4.9.1")
        for n in range(30)
        for k in range(10)
    ]
    rows += [asks(f"198.51.{n // 200}.{n % 200}", 5.0 * n, "/pitches", 200) for n in range(400)]
    told = attackers(frame(rows)).filter(pl.col("verdict") == "accused")
    assert told.height == 30


def test_rotating_forwarding_headers_are_seen() -> None:
    """A client that names another X-Forwarded-For each time wants a fresh limit each time."""
    rows = [
        asks("203.0.113.7", n, "/api/auth/verify", 401) | {"message": f"request X-Forwarded-For: 10.1.{n}.9 denied"}
        for n in range(25)
    ]
    told = one(rows, "203.0.113.7")
    assert (told["verdict"], "rate_limit_bypass" in told["kinds"]) == ("accused", True)


# blocking and keeping


def accused_frame(ips: Sequence[str]) -> pl.DataFrame:
    return frame([login(ip, n, False, "root") for ip in ips for n in range(20)])


NEVER = [
    "10.0.0.8",
    "127.0.0.1",
    "192.168.1.4",
    "172.16.0.9",
    "169.254.3.3",
    "104.16.5.5",
    "2606:4700::7",
    "fe80::1",
    "::1",
    "0.0.0.0",
    "224.0.0.5",
    "100.64.0.1",
    "8.8.4.4",
]


def test_nobody_who_must_not_be_blocked_is_proposed() -> None:
    """Private, loopback, reserved, Cloudflare's and our own addresses are accused, never blocked."""
    logs = accused_frame([*NEVER, "45.9.9.9"])
    judged = attackers(logs)
    assert set(judged.filter(pl.col("verdict") == "accused")["address"]) == {*NEVER, "45.9.9.9"}
    plan = block_list(judged, logs, protected=[ipaddress.ip_network("8.8.4.0/24")])
    assert [block.target for block in plan.proposed] == ["45.9.9.9"]
    assert {address for address, _ in plan.refused} == set(NEVER)


def test_suspicious_addresses_are_never_proposed() -> None:
    """A block needs an accusation."""
    logs = frame([login("45.9.9.9", 0, False, "oracle"), login("45.9.9.9", 9, False, "nagios")])
    assert block_list(attackers(logs), logs).proposed == ()


def test_a_block_tells_what_it_would_cost() -> None:
    """Neighbours that were served, and the address's own successes, stand beside the proposal."""
    rows = [login("45.9.9.9", n, False, "root") for n in range(20)]
    rows += [asks("45.9.9.9", 50, "/pitches")] + [asks(f"45.9.9.{n}", n, "/pitches") for n in range(10, 13)]
    block = block_list(attackers(frame(rows)), frame(rows)).proposed[0]
    assert (block.ok_requests_address, block.ok_requests_network, block.network_share) == (1, 4, 0.25)
    assert "3 other addresses" in block.side_effects


def test_an_ipv6_attacker_is_blocked_by_its_64_once() -> None:
    """One customer holds the whole /64 and changes addresses at will; unless it holds one of ours."""
    logs = accused_frame(["2a01:4f8:1:2::7", "2a01:4f8:1:2::8"])
    judged = attackers(logs)
    assert [block.target for block in block_list(judged, logs).proposed] == ["2a01:4f8:1:2::/64"]
    assert block_list(judged, logs, protected=[ipaddress.ip_network("2a01:4f8:1:2::99/128")]).proposed == ()


def test_indicators_are_plain_json_and_safe_to_print() -> None:
    """They are kept with the incident and read in terminals: no escape sequence survives."""
    rows = [asks("45.9.9.9", n, "/?q=<script>alert(1)</script>\x1b[31m\u202e", 200, "evil\x1b[0m") for n in range(3)]
    kept = indicators(attackers(frame(rows)))
    text = json.dumps(kept, ensure_ascii=False)
    assert text.isascii()
    assert "\\u001b" not in text
    assert kept["addresses"][0]["payload_kinds"] == ["xss"]
    assert kept["counts"] == {"accused": 1, "suspicious": 0, "benign": 0}
    assert kept["addresses"][0]["first_seen"] == "2026-03-01T12:00:00.000Z"


def test_nothing_to_look_at_is_not_checked() -> None:
    """Never a false all-clear: no entries, or none with an address, is not "nobody attacks"."""
    assert isinstance(attack_findings(frames.empty(frames.LOGS)), NotChecked)
    assert isinstance(attack_findings(frame([{"at": at(0), "message": "hello", "service": "a"}])), NotChecked)
    assert attack_findings(frame([asks("198.51.100.1", 0, "/pitches")])) == []


def test_findings_say_what_and_how_bad() -> None:
    """A success after failures is critical; the rest are warnings."""
    rows = [login("203.0.113.7", n, False, "root", observation="logs/query/auth") for n in range(30)] + [
        login("203.0.113.7", 31, True, "root")
    ]
    rows += sqlmap("45.9.9.9")
    told = attack_findings(frame(rows))
    assert isinstance(told, list)
    assert [finding.id for finding in told] == ["attacks/brute_force", "attacks/injection_attack"]
    assert told[0].severity.word == "critical"
    assert told[0].evidence == ("logs/query/auth",)


def test_only_the_window_is_judged() -> None:
    """Last week's attack is not today's incident."""
    rows = [login("203.0.113.7", n, False, "root") for n in range(20)]
    assert attackers(frame(rows), window=Window(start=at(100), end=at(200))).is_empty()


def test_the_order_of_rows_changes_nothing() -> None:
    """Same evidence, same report, to the byte."""
    rows = [
        *nikto("203.0.113.7", BROWSER),
        *sqlmap("203.0.113.8"),
        *(login("203.0.113.9", n, False, "root") for n in range(9)),
    ]
    shuffled = list(rows)
    random.Random(3).shuffle(shuffled)
    straight = attackers(frame(rows)).write_json()
    assert straight == attackers(pl.DataFrame(shuffled, schema=frames.LOGS)).write_json()


def test_the_firewall_s_view_is_judged_too() -> None:
    """What the edge stopped never reached a log."""
    edge = pl.DataFrame(
        [
            {"at": at(n), "action": "block", "ip": "203.0.113.7", "path": "/?x=" + quote(text), "user_agent": BROWSER}
            for n, text in enumerate(PAYLOADS["xss"][:5])
        ],
        schema=frames.FIREWALL,
    )
    judged = attackers(frames.empty(frames.LOGS), firewall=edge)
    assert judged["verdict"].to_list() == ["accused"]


def test_the_columns_are_those_declared() -> None:
    """Panels rely on them, also when nobody was there."""
    assert attackers(frames.empty(frames.LOGS)).schema == pl.Schema(EMPTY_SCHEMA)
    assert attackers(frame(sqlmap("45.9.9.9"))).schema == pl.Schema(EMPTY_SCHEMA)


def test_cloudflare_is_never_blocked_whatever_is_passed() -> None:
    """Every visitor may come through its addresses."""
    assert why_never_blocked("162.158.1.1", ()) is not None
    assert why_never_blocked("45.9.9.9", ()) is None


# recorded logs


def recorded() -> list[bench.AttackScore]:
    if not SHARED.is_dir():
        pytest.skip(f"recorded logs absent: {SHARED}")
    return bench.score(SHARED)


@pytest.mark.shared
def test_recorded_attackers_are_accused_and_nobody_else() -> None:
    """The mark: 11 of 12 on the auth log, no benign one accused, quiet ones suspicious, nobody on the access log."""
    scores = {score.log: score for score in recorded()}
    auth = scores["openssh_2k"]
    assert auth.found >= 11
    assert auth.wrongly_accused == ()
    assert auth.quiet_accused == ()
    assert auth.quiet_suspicious == auth.quiet
    assert scores["semicomplete_2015"].wrongly_accused == ()


@pytest.mark.slow
def test_a_million_rows_are_judged_in_seconds() -> None:
    """Columnar throughout; the bound is generous because test machines are shared."""
    n = 1_000_000
    rows = pl.select(i=pl.int_range(n)).with_columns(
        at=pl.lit(NOON).cast(frames.UTC_MS) + pl.duration(milliseconds=pl.col("i") * 37),
        ip=pl.format("198.51.{}.{}", pl.col("i") % 97, pl.col("i") * 7 % 251),
        url=pl.format("/api/pitches/{}?q={}%20x", pl.col("i") % 50_000, pl.col("i") * 31 % 70_001),
        message=pl.format("request {} took {} ms for 'x' ({})", pl.col("i"), pl.col("i") % 900, pl.col("i") % 11),
        user_agent=pl.lit(BROWSER), method=pl.lit("GET"), service=pl.lit("web"), status=pl.lit(200, pl.Int32),
    )  # fmt: skip
    logs = rows.select(
        [
            pl.col(name) if name in rows.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in frames.LOGS.items()
        ]
    )
    started = datetime.now(UTC)
    judged = attackers(logs)
    assert (datetime.now(UTC) - started).total_seconds() < 60
    assert "accused" not in judged["verdict"].to_list()
