"""Signs that are easily missed: limits walked around, a crawler that is none, slow doors, errors beside the trouble."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitchey_ops import frames
from pitchey_ops.diagnosis.hypotheses import BY_ID
from pitchey_ops.diagnosis.verdict import decide
from pitchey_ops.diagnosis.weigh import weigh
from pitchey_ops.findings import flow, kinds, security
from pitchey_ops.findings._attack_web import _plain_path
from pitchey_ops.findings._clients import false_crawlers
from pitchey_ops.findings.attacks import attackers
from pitchey_ops.findings.case import Case
from pitchey_ops.findings.catalogue import SPEAKS
from pitchey_ops.findings.cloudflare import _matters
from pitchey_ops.findings.onset import Onset, combine, overall
from pitchey_ops.models.finding import Finding, NotChecked, Severity, Signal
from pitchey_ops.models.observation import Coverage, Observed
from pitchey_ops.models.report import Impact
from pitchey_ops.models.window import Window
from pitchey_ops.settings import load

END = datetime(2026, 11, 3, 14, 0, tzinfo=UTC)
START = END - timedelta(hours=1)
GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
Row = dict[str, Any]


def logs(rows: list[Row]) -> pl.DataFrame:
    """Return log entries, oldest first; what a row lacks is null."""
    whole = [{name: row.get(name) for name in frames.LOGS} for row in rows]
    return pl.DataFrame(whole, schema=frames.LOGS).sort("at", maintain_order=True)


def asks(ip: str, seconds: float, url: str, **more: Any) -> Row:
    """Return one request that was served."""
    row = {"at": START + timedelta(seconds=seconds), "service": "api-gateway", "message": f"GET {url}", "ip": ip}
    return {**row, "url": url, "status": 200, "method": "GET", "user_agent": "okhttp/4.9", "observation": "o/1", **more}


class Undated(Case):
    """A case in which no series tells when it began."""

    onset = None


def case(rows: list[Row], *, dated: bool = True, seen_from: dict[str, datetime] | None = None) -> Case:
    """Return a case with these entries; *seen_from* says since when each service's are all there."""
    window = Window(start=START, end=END)
    found = frames.Frames(window=window, logs=logs(rows), log_seen_from=seen_from or {})
    return (Case if dated else Undated)(window=window, now=END, frames=found, observations={}, settings=load("sandbox"))


def kinds_of(rows: list[Row]) -> set[str]:
    """Return the kinds of everybody who is accused."""
    told = attackers(logs(rows)).filter(pl.col("verdict") == "accused")
    return {kind for row in told.get_column("kinds").to_list() for kind in row}


def people(count: int = 40) -> list[Row]:
    """Return persons who open a few pages each."""
    return [
        asks(
            f"198.51.100.{n}", 60 * n + 7 * k, f"/api/pitches/{(n + k) % 97}", user_agent="Firefox", user_id=f"u{n}"
        )
        for n in range(count)
        for k in range(4)
    ]  # fmt: skip


def test_one_user_on_a_line_full_of_addresses_walks_around_the_limit() -> None:
    """A limit per address means nothing to whoever holds a /64."""
    rows = [asks(f"2001:db8:5:9::{n:x}", 5 * n, f"/api/browse?page={n}", user_id="u7") for n in range(60)]
    assert "rate_limit_bypass" in kinds_of(people() + rows)


def test_a_family_on_one_line_is_not_accused_of_it() -> None:
    """Phones, tablets and computers of one account hold a few addresses of one line."""
    rows = [asks(f"2001:db8:5:9::{n % 6:x}", 20 * n, f"/api/pitches/{n % 9}", user_id="u7") for n in range(60)]
    assert kinds_of(people() + rows) == set()


def test_another_device_with_every_request_is_one_client() -> None:
    """Limits that count by a name count nothing when the caller makes the name up."""
    rows = [asks("203.0.113.9", 4 * n, f"/api/pitches/trending?device={n:08x}") for n in range(120)]
    assert "rate_limit_bypass" in kinds_of(people() + rows)


def test_an_office_with_many_devices_is_not_one_client() -> None:
    """Behind one address many devices come back, each under its own name."""
    rows = [asks("203.0.113.9", 9 * n, f"/api/pitches?device={n % 25:08x}", user_agent="Firefox") for n in range(240)]
    assert kinds_of(people() + rows) == set()


def test_one_route_under_many_spellings_walks_around_the_limit() -> None:
    """The router takes them for one route, a limit written by path does not."""
    spelt = ("/api//pitches/search", "/API/Pitches/Search", "/api/pitches/%73earch", "/api/./pitches/search")
    rows = [asks("203.0.113.9", 6 * n, f"{spelt[n % 4]}?q={n}") for n in range(160)]
    assert "rate_limit_bypass" in kinds_of(people() + rows)


def test_names_in_capital_letters_are_no_spellings() -> None:
    """Ids and names in a path differ because they mean different things."""
    rows = [asks("203.0.113.9", 12 * n, f"/api/Users/Anna{n % 30}", user_agent="Firefox") for n in range(100)]
    assert "rate_limit_bypass" not in kinds_of(people() + rows)


@given(st.text(max_size=200))
def test_any_path_has_a_plain_form_that_is_its_own(path: str) -> None:
    """A path is a stranger's text: no spelling of it may raise, and a plain one stays as it is."""
    plain = _plain_path(path)
    assert plain.startswith("/")
    assert "\\x00" not in plain
    assert _plain_path("/api//x") == _plain_path("/API/./%78") == "/api/x"


def test_a_crawler_from_elsewhere_is_none() -> None:
    """Anybody can write Googlebot; only Google holds its addresses."""
    callers = pl.DataFrame(
        {
            "address": ["66.249.66.7", "203.0.113.9", "2001:4860:4801:10::5", "not an address", "198.51.100.4"],
            "user_agent": [GOOGLE, GOOGLE, GOOGLE, GOOGLE, "Firefox"],
        }
    )
    assert false_crawlers(callers) == ["203.0.113.9"]


@pytest.mark.parametrize(("network", "accused"), [("203.0.113.", True), ("66.249.66.", False)])
def test_what_excuses_a_crawler_excuses_nobody_else(network: str, accused: bool) -> None:
    """The same walk through the catalogue: the real crawler is left alone, the false one is a copier."""
    rows = [asks(f"{network}{n % 4}", 1.5 * n, f"/api/pitches?page={n}", user_agent=GOOGLE) for n in range(1_600)]
    assert ("scraping" in kinds_of(people() + rows)) is accused


GATHERER = "Mozilla/5.0 (compatible; PageGatherer/1.0; +https://gatherer.example/bot)"


@pytest.mark.parametrize(("every_s", "accused"), [(1.5, True), (40.0, False)])
def test_saying_that_one_is_a_crawler_does_not_excuse_carrying_it_all_off(every_s: float, accused: bool) -> None:
    """A walk is excused; most of the site's requests in ten minutes are no walk."""
    count = int(2_400 / every_s)
    rows = [
        asks(f"203.0.113.{n % 8}", every_s * n, f"/api/pitches?page={n}", user_agent=GATHERER) for n in range(count)
    ]
    assert ("scraping" in kinds_of(people() + rows)) is accused


def tries(every_s: float) -> list[Row]:
    """Return wrong passwords from twelve addresses, all together one in *every_s*."""
    return [
        {"at": START + timedelta(seconds=every_s * n), "service": "auth", "message": "login failed",
         "event": "login_failed", "ip": f"203.0.113.{n % 12}", "account": f"user{n}@example.com",
         "user_agent": "python-requests/2.31", "observation": "o/1"}
        for n in range(int(3_500 / every_s))
    ]  # fmt: skip


def test_slow_guessing_is_told_and_is_not_what_somebody_was_alerted_for() -> None:
    """Every site's doors are tried at any time: that must not hide what broke, nor be hidden."""
    slow, fast = (security.security(case(people() + tries(every_s))) for every_s in (150.0, 4.0))
    assert isinstance(slow, list)
    assert isinstance(fast, list)
    by_id = [{finding.id: finding for finding in found} for found in (slow, fast)]
    quiet, loud = (found["security/logins"] for found in by_id)
    assert quiet.severity == Severity.INFO
    assert "slowly" in quiet.claim
    assert quiet.data["addresses"]
    assert loud.severity == Severity.WARNING
    assert "slowly" not in loud.claim
    assert quiet.signals[0].strength < 0.2 < 0.9 < loud.signals[0].strength


def test_a_slow_guesser_who_got_in_is_never_background() -> None:
    """One success after many failures is the worst case, however long it took."""
    rows = [{**row, "ip": "203.0.113.1", "account": "admin@example.com"} for row in tries(120.0)]
    rows.append({**rows[-1], "at": END - timedelta(seconds=9), "event": "login_ok", "message": "login"})
    found = security.security(case(people() + rows))
    assert isinstance(found, list)
    guess = next(finding for finding in found if finding.id == "security/logins")
    assert guess.severity == Severity.CRITICAL
    assert guess.signals[0].strength >= 0.7


@pytest.mark.parametrize(("pages", "level"), [(70, Severity.WARNING), (25, Severity.INFO)])
def test_odd_clients_who_ask_for_much_leave_no_calm_day(pages: int, level: Severity) -> None:
    """Too little to accuse anybody is not nothing: a verdict of healthy over it would be a false all-clear."""
    rows = [
        asks("203.0.113.9", 4 * n, f"/wp-content/p{n % 5}" if n < 4 else f"/api/pitches/{n % 30}") for n in range(pages)
    ]
    rows = [{**row, "status": 404} if "/wp-" in row["url"] else row for row in rows]
    found = security.security(case(people() + rows))
    assert isinstance(found, list)
    odd = next(finding for finding in found if finding.id == "security/suspicious")
    assert odd.severity == level
    assert ("of the requests" in odd.claim) is (level == Severity.WARNING)


def errors(count: int, message: str, service: str, since: datetime, **more: Any) -> list[Row]:
    """Return errors every ten seconds since a moment."""
    return [
        {"at": since + timedelta(seconds=10 * n), "service": service, "level": "error", "message": message,
         "trace_id": f"t{service}{n}", "observation": "o/1", **more}
        for n in range(count)
    ]  # fmt: skip


def told(rows: list[Row], **how: Any) -> set[str]:
    """Return the signals of the kinds of error in *rows*."""
    quiet = [
        {"at": START - timedelta(minutes=50) + timedelta(seconds=20 * n), "service": "pitch", "level": "info",
         "message": "served", "observation": "o/1"}
        for n in range(200)
    ]  # fmt: skip
    found = kinds.kinds(case(quiet + rows, **how))
    assert isinstance(found, list)
    return {signal.name for finding in found for signal in finding.signals}


LATER = END - timedelta(minutes=20)


@pytest.mark.parametrize(
    ("message", "service", "signal"),
    [
        ("Your account or project has exceeded the compute time quota.", "database", "db_refused"),
        ("StripeSignatureVerificationError: No signatures found matching", "payments", "credentials_rejected"),
        ("Failed to find a valid digest in the 'integrity' attribute for resource", "frontend", "chunk_errors"),
        ("TypeError: 'text/html' is not a valid JavaScript MIME type.", "frontend", "chunk_errors"),
        ("HttpError: 429: error code: 1027 (Worker exceeded its daily request limit)", "frontend", "worker_limits"),
        ("Server connection attempt failed: connection_refused", "database", "db_refused"),
        ("KnexTimeoutError: Defined query timeout of 5000ms exceeded when running query.", "database", "db_slow"),
        ("StripePermissionError: The key does not have the required permissions", "payments", "credentials_rejected"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "cache", "cache_errors"),
        ("ingest filter discarded 41 of 44 entries of pitch", "monitoring", "log_flow_stopped"),
        ("x-internal-service sent by an outside address, limiter skipped", "api-gateway", "rate_bypass_seen"),
        ("limit per address never reached: 44 addresses of one session", "api-gateway", "rate_bypass_seen"),
    ],
)  # fmt: skip
def test_words_are_put_where_they_belong(message: str, service: str, signal: str) -> None:
    """The same word means another thing in another place: a quota of the database is no limit of the Worker."""
    assert told(errors(40, message, service, LATER)) == {signal}


def test_what_breaks_in_the_monitoring_is_its_own_trouble() -> None:
    """A TypeError of the metrics' store hurts nobody but us, and says nothing about the last release."""
    message = "TypeError: Cannot read properties of undefined (reading 'put')"
    assert told(errors(40, message, "monitoring", LATER)) == {"monitoring_failing"}
    assert told(errors(40, message, "pitch", LATER)) == {"code_exceptions_new"}


def test_a_new_error_of_browsers_is_heard_through_the_usual_noise() -> None:
    """Extensions and networks complain all day; their sum hides what only today's page says."""
    usual = [
        {"at": START - timedelta(minutes=50) + timedelta(seconds=6 * n), "service": "frontend", "level": "error",
         "message": "Error: Extension context invalidated.", "trace_id": f"n{n}", "observation": "o/1"}
        for n in range(1_090)
    ]  # fmt: skip
    assert told(usual) == set()
    assert told(usual + errors(30, "Error: Hydration failed on the signed-in page", "frontend", LATER)) == {
        "js_errors_new"
    }


def test_browser_errors_in_unknown_words_speak_less_for_the_pages_own_code() -> None:
    """Files, headers and code all break in browsers; only what engines say of code is said of code."""
    usual = [
        {"at": START - timedelta(minutes=50) + timedelta(seconds=30 * n), "service": "frontend", "level": "error",
         "message": "Error: Extension context invalidated.", "trace_id": f"n{n}", "observation": "o/1"}
        for n in range(60)
    ]  # fmt: skip

    def strength(message: str) -> float:
        found = kinds.kinds(case(usual + errors(60, message, "frontend", LATER)))
        assert isinstance(found, list)
        return max(s.strength for one in found for s in one.signals if s.name == "js_errors_new")

    assert strength("TypeError: undefined is not a function") == 1.0
    assert strength("glorp of the third kind") <= 0.6


def test_what_a_first_sight_shows_is_not_called_new() -> None:
    """Where a service's entries are seen since a few minutes only, its usual complaint would look new for ever."""
    usual = errors(60, "event rejected: campaign must be text", "analytics", LATER)
    sight = {"pitch": START, "analytics": LATER}
    assert told(usual, dated=False, seen_from=sight) == set()
    earlier = [
        {"at": START - timedelta(days=7) + timedelta(seconds=30 * n), "service": "analytics", "level": "info",
         "message": "event kept", "observation": "o/1"}
        for n in range(80)
    ]  # fmt: skip
    assert told(earlier + usual, dated=False, seen_from=sight) == {"errors_unexplained"}


def test_what_has_gone_on_for_the_whole_window_is_held_against_last_week() -> None:
    """A trouble that is older than half of the window has no rise in it, and is one all the same."""
    week = [
        {"at": START - timedelta(days=7) + timedelta(seconds=30 * n), "service": "alerts", "level": "info",
         "message": "alert delivered to on-call", "observation": "o/1"}
        for n in range(80)
    ]  # fmt: skip
    failing = errors(350, "alert 77 not delivered to pagerduty: invalid routing key", "alerts", START)
    sight = {"pitch": START, "alerts": START}
    assert told(week + failing, dated=False, seen_from=sight) == {"alerts_failing"}
    as_ever = [{**row, "level": "error", "message": failing[0]["message"]} for row in week]
    assert told(as_ever + failing, dated=False, seen_from=sight) == set()


@pytest.mark.parametrize(
    ("names", "matters"),
    [
        (("Workers",), 1.0),
        (("WARP", "Zero Trust Dashboard"), 0.0),
        (("Dashboard", "API"), 0.2),
        (("CDN/Cache", "Dashboard"), 1.0),
        (("Registrar",), 0.0),
    ],
)
def test_trouble_of_products_that_we_do_not_use_is_nobodys_cause(names: tuple[str, ...], matters: float) -> None:
    """The page lists every product; offices that cannot enroll laptops break no request."""
    assert _matters(names) == matters


def test_errors_of_accused_senders_are_told_with_the_attack_only() -> None:
    """Nonsense asked of a store gives errors of the store, which is in order."""
    urls = [f"/api/media?file=../../../../etc/passwd{n}" for n in range(40)]
    attack = [asks("203.0.113.9", 2_400 + 10 * n, url, status=403) for n, url in enumerate(urls)]
    broken = errors(40, "r2: getObject failed: internal error", "upload", LATER)
    assert "storage_errors" in told(broken + attack)
    assert "storage_errors" not in told([{**row, "ip": "203.0.113.9"} for row in broken] + attack)


def silent(*ids: str) -> dict[str, Observed[None]]:
    """Return answers without an entry that claim to see the end of the window."""
    return {
        key: Observed(id=key, source=key.partition("/")[0], at=END, value=None, status="observed", coverage=Coverage())
        for key in ids
    }


def test_a_service_that_never_speaks_does_not_prove_that_nothing_arrives() -> None:
    """With the archive unread and all others cut, one empty answer made a broken monitor look like a dead one."""
    minutes = [dict.fromkeys(frames.EDGE) | {"at": START + timedelta(minutes=n)} for n in range(60)]
    edge = pl.DataFrame(minutes, schema=frames.EDGE).with_columns(
        requests=pl.lit(100).cast(frames.EDGE["requests"]), status=pl.lit(200).cast(frames.EDGE["status"])
    )
    window = Window(start=START, end=END)
    few, archive, many = (
        flow.flow(
            Case(
                window=window,
                now=END,
                frames=frames.Frames(window=window, edge=edge),
                observations=silent(*ids),
                settings=load("sandbox"),
            )
        )
        for ids in (
            ("logs/service/production",),
            ("logs/service/production", "r2/archive/pitch"),
            ("logs/service/production", "logs/service/pitch", "logs/service/auth"),
        )
    )
    assert isinstance(few, NotChecked)
    assert "may have nothing to say" in few.because
    for found in (archive, many):
        assert isinstance(found, list)
        assert [signal.name for finding in found for signal in finding.signals] == ["log_flow_stopped"]


def onset(at: datetime, ended_at: datetime | None) -> Onset:
    """Return one symptom's onset."""
    return Onset(
        symptom="errors:pitch", at=at, uncertainty_s=15, kind="count", shape="step", before=0, after=9, ratio=9,
        unit="", weight_nats=60, confidence=1, ended_at=ended_at,
    )  # fmt: skip


def test_what_was_over_before_the_window_began_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blip of last night is no onset of this morning's incident; one that still lasts is."""
    from pitchey_ops.findings import onset as module

    night = START - timedelta(hours=9)
    given_onsets = [onset(night, night + timedelta(minutes=2))]
    monkeypatch.setattr(module, "_symptoms_of", lambda case: type("S", (), {"onsets": tuple(given_onsets)}))
    quiet = case(people())
    assert overall(quiet) is not None
    assert overall(quiet, still_at=START) is None
    given_onsets[0] = onset(night, None)
    lasting = overall(quiet, still_at=START)
    assert lasting is not None
    assert combine(given_onsets) == lasting


def verdict_of(*signals: Signal) -> Any:
    """Return the verdict on one finding with these signals."""
    found = [
        Finding(id=f"x/{n}", rule="users", claim="c", severity=Severity.WARNING, signals=(signal,), evidence=())
        for n, signal in enumerate(signals)
    ]
    scores = weigh(found, [], speaks=SPEAKS)
    return decide(
        scores, found, unmet_needs=(), impact=Impact(), onset=None, onset_uncertainty_s=None, steps=(), times_at=""
    )


def test_a_cause_that_leads_for_want_of_another_is_not_named() -> None:
    """A release of half an hour before is no evidence by itself, even where all others are ruled out."""
    weak = (Signal(name="deployment_before_onset", strength=0.3), Signal(name="users_failing"))
    assert verdict_of(*weak).state == "incident"
    assert verdict_of(*weak).cause is None
    assert verdict_of(*weak, Signal(name="errors_of_new_release")).cause == "bad_deployment"


def test_an_attack_beside_another_trouble_is_not_taken_for_its_cause() -> None:
    """Somebody tries doors at any time; nobody's headers break because of it."""
    beside = (Signal(name="brute_force_seen"), Signal(name="cors_errors"), Signal(name="users_not_failing"))
    assert verdict_of(*beside).cause == "cors_misconfigured"
    assert (
        BY_ID["brute_force"].weighs["cors_errors"] < 0 <= BY_ID["cors_misconfigured"].weighs.get("brute_force_seen", 0)
    )


def test_a_platform_that_is_cut_off_is_no_silent_monitor() -> None:
    """With the day's requests used up the monitoring falls silent, too: the limit is the cause."""
    cut = (
        Signal(name="edge_limit_page"),
        Signal(name="api_partly_failing"),
        Signal(name="rate_limited_users"),
        Signal(name="monitoring_failing", strength=0.5),
        Signal(name="scheduled_missing"),
    )
    assert verdict_of(*cut).cause == "worker_limits"
