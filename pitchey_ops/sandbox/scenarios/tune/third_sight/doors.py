"""Days on which much is refused at the doors, and only to those who slip, forget, or have an old key."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Span
from ....platform import BROWSERS
from ....scenario import Told
from ._parts import (
    DESKS,
    EVERY_AGENT,
    LOGIN,
    around,
    at_hour,
    audited,
    calm,
    festival,
    homes,
    onward,
    people,
    signing_in,
    told,
    visits,
)


def school_class(b: Builder) -> Told:
    """A class of thirty behind one address types the passwords that the teacher wrote on the board."""
    at_hour(b, 9.4)
    span = Span(b.onset_ms, b.onset_ms + int(b.between("lesson", 14, 22) * MINUTE))
    signing_in(b, "class", b.between("hands", 4.5, 7.5), span, ("141.20.66.8",), people(300, 30, 3), 0.55)
    late = Span(b.onset_ms + 8 * MINUTE, b.now_ms + HOUR)
    visits(b, "class reads", "/api/browse", 18.0, late, ("141.20.66.8",), DESKS, {200: 1.0}, logged=0.4)
    return Told()


def festival_office(b: Builder) -> Told:
    """The accreditation of a festival begins: 120 people at two addresses, with printed passwords."""
    at_hour(b, 10.3)
    festival(b, onward(b, ramp_s=500), b.between("desks", 5.0, 9.0))
    return Told()


def everyone_resets(b: Builder) -> Told:
    """All old passwords ended this morning, as announced: many try the old one, ask for a link, and are in."""
    at_hour(b, 8.9)
    span = onward(b, ramp_s=900)
    audited(b, "policy", b.onset_ms, "policy passwords-2027 in force: 9812 passwords expired (dana)")
    who = homes(b, "resets", 800)
    rate = b.between("resets", 9.0, 14.0)
    signing_in(b, "resets", rate, span, who, people(5, 900, 5), 0.52, EVERY_AGENT)
    for path, method, per_min, outcomes in (
        ("/api/auth/forgot", "POST", rate * 0.5, {202: 1.0}),
        ("/api/auth/reset", "POST", rate * 0.45, {200: 0.91, 422: 0.09}),
    ):
        visits(b, f"resets {path}", path, per_min, span, who, EVERY_AGENT, outcomes, method=method, logged=1.0)
    told(b, "resets", "auth", "policy", 6.0, span, "password of {user} expired by policy, link offered", level="warn")
    return Told()


def stale_app(b: Builder) -> Told:
    """Phones with last year's app hold a token that ended at midnight, and ask again every half minute."""
    at_hour(b, 7.1)
    span = around(b, 7.0)
    who = homes(b, "stale", 90)
    agents = ("Pitchey/5.2.1 (Android 13)", "Pitchey/5.2.0 (iOS 17.7)")
    rate = b.between("stale", 18, 30)
    visits(b, "stale", "/api/auth/refresh", rate, span, who, agents, {401: 1.0}, method="POST", logged=0.9)
    told(b, "stale", "auth", "jwt", 4.0, span, "refresh token of {user} ended, app 5.2 must sign in anew", level="warn")
    return Told()


def house_login(b: Builder) -> Told:
    """A studio's own house of identities sends its people back twice before it lets them in; then they are in."""
    at_hour(b, 9.0)
    span = onward(b, ramp_s=600)
    who = homes(b, "house", 140)
    path = "/api/auth/sso/callback"
    visits(b, "house", path, b.between("house", 9, 15), span, who, DESKS, {401: 0.64, 302: 0.36}, logged=1.0)
    told(
        b,
        "house",
        "auth",
        "saml",
        3.0,
        span,
        "assertion of {email} not yet valid (NotBefore {small} s ahead), sent back once",
        "RelayState of {email} is from an older tab, flow begun again",
        level="warn",
    )
    return Told()


def old_key(b: Builder) -> Told:
    """A partner did not take over its new key: its program knocks each minute, since the old one ended hours ago."""
    at_hour(b, 13.6)
    span = Span(b.onset_ms - int(b.between("since", 2, 9) * HOUR), b.now_ms + 5 * HOUR)
    agents = ("CineSync/3.4 (ops@cinesync.example)",)
    visits(b, "old key", "/api/partner/feed", 1.0, span, ("217.110.38.5",), agents, {401: 1.0}, logged=1.0)
    visits(b, "old key put", "/api/partner/status", 0.5, span, ("217.110.38.5",), agents, {401: 1.0}, logged=1.0)
    told(
        b, "old key", "api-gateway", "keys", 1.0, span, "key ck_****77 revoked (rotation), 217.110.38.5 refused",
        level="warn",
    )  # fmt: skip
    return Told()


def ordered_test(b: Builder) -> Told:
    """Testers whom we hired try paths and made-up accounts from their known range; they are refused everywhere."""
    at_hour(b, 14.4)
    start = b.onset_ms - 20 * MINUTE
    audited(b, "order", start, "pentest by Rotfuchs Labs begins (range 192.0.2.128/28, until Friday, contact dana)")
    span = onward(b)
    who = [f"192.0.2.{n}" for n in range(129, 137)]
    agents = ("Mozilla/5.0 (compatible; RotfuchsLabs-Audit/2026; +https://rotfuchs.example)",)
    rate = b.between("tests", 10, 16)
    for path, outcomes in (
        ("/api/admin/users", {401: 1.0}),
        ("/api/internal/config", {404: 1.0}),
        ("/api/v2/export", {401: 0.5, 404: 0.5}),
        ("/console", {404: 1.0}),
    ):
        visits(b, f"tests {path}", path, rate, span, who, agents, outcomes, logged=0.8, took_ms=6.0)
    accounts = tuple(f"pt-{n}" for n in range(12))
    signing_in(b, "tests in", 5.0, span, who, accounts, 1.0, agents)
    told(b, "ordered", "security", "waf", 1.5, span, "192.0.2.{n}: listed range rotfuchs, counted only", level="info")
    return Told()


def night_market(b: Builder) -> Told:
    """Korean producers got accounts yesterday; their working day is our night, and Hangul keyboards mistype."""
    at_hour(b, 2.4)
    span = onward(b, ramp_s=900)
    who = fx.strangers(b, "market", 150, "121.134.55.")
    signing_in(b, "market", b.between("market", 5, 8), span, who, people(4100, 150, 3), 0.2, EVERY_AGENT)
    visits(b, "market reads", "/api/pitches", 30.0, span, who, EVERY_AGENT, {200: 1.0}, urls=("/api/pitches?lang=ko",))
    told(b, "market", "frontend", "i18n", 3.0, span, "no ko text for key browse.{hex}, English shown", level="warn")
    return Told()


def support_looks(b: Builder) -> Told:
    """Support looks after a hundred accounts from one desk: opens each, is refused the payments, ends sessions."""
    at_hour(b, 11.6)
    span = onward(b)
    desk = ("198.51.100.80", "198.51.100.81")
    for path, method, per_min, outcomes in (
        ("/api/admin/accounts/view", "GET", 9.0, {200: 0.9, 403: 0.1}),
        ("/api/admin/sessions/end", "POST", 2.0, {200: 0.8, 404: 0.2}),
        ("/api/auth/impersonate", "POST", 1.5, {200: 0.7, 403: 0.3}),
    ):
        visits(b, f"desk {path}", path, per_min, span, desk, DESKS, outcomes, method=method, user="u00023", logged=1.0)
    text = "support.jana opened the account of {user}, ticket {id}"
    told(b, "desk", "security", "audit", 4.0, span, text, level="info")
    return Told()


def locked_out(b: Builder) -> Told:
    """One person tries thirty passwords for one account within ten minutes, is locked, and takes the link at last."""
    at_hour(b, 21.8)
    home, agent = ("84.150.12.77",), (BROWSERS[1][0],)
    span = Span(b.onset_ms, b.onset_ms + 10 * MINUTE)
    signing_in(b, "locked", 3.2, span, home, ("u00917",), 0.8, agent, limited=0.2)
    after = Span(b.onset_ms + 11 * MINUTE, b.onset_ms + 13 * MINUTE)
    visits(b, "locked link", "/api/auth/reset", 1.0, after, home, agent, {200: 1.0}, method="POST", logged=1.0)
    signing_in(b, "locked in", 1.0, Span(after.end_ms, after.end_ms + 2 * MINUTE), home, ("u00917",), 0.0, agent)
    told(b, "locked", "auth", "lock", 1.0, span, "u00917 locked for 5 min after 10 wrong passwords", level="warn")
    return Told()


def form_asks_twice(b: Builder) -> Told:
    """A new form sends once when a manager of passwords fills it and once at the click: the first is empty."""
    at_hour(b, 19.3)
    fx.deploy(b, "pitchey-frontend", b.onset_ms, "login form: autofill tokens")
    span = onward(b, ramp_s=200)
    who = homes(b, "twice", 300)
    signing_in(b, "twice", b.between("twice", 5, 9), span, who, people(700, 400, 9), 0.5, EVERY_AGENT)
    visits(b, "twice empty", LOGIN, 3.0, span, who, EVERY_AGENT, {422: 1.0}, method="POST", logged=1.0)
    return Told()


SCENARIOS = (
    calm("third_school_class", "A school class signs in", school_class, onset_min=(24, 40)),
    calm("third_festival_office", "A festival's office", festival_office, onset_min=(25, 45)),
    calm("third_everyone_resets", "Old passwords end", everyone_resets, onset_min=(20, 40)),
    calm("third_stale_app", "An old app knocks", stale_app, onset_min=(20, 40)),
    calm("third_house_login", "A studio's own sign-in", house_login, onset_min=(15, 35)),
    calm("third_old_key", "A partner's old key", old_key, onset_min=(20, 40), beside=("crawler_visit",)),
    calm("third_ordered_test", "Testers whom we hired", ordered_test, onset_min=(20, 45)),
    calm("third_night_market", "Producers of another time zone", night_market, onset_min=(30, 50)),
    calm("third_support_looks", "Support at work", support_looks, onset_min=(15, 40)),
    calm("third_locked_out", "Thirty passwords", locked_out, onset_min=(20, 30)),
    calm("third_form_asks_twice", "A form that sends twice", form_asks_twice, onset_min=(15, 35)),
)
