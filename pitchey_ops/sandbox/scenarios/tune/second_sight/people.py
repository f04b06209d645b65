"""Days on which people make their own small mistakes or come many at a time, and nothing is wrong."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Span
from ....platform import BROWSERS
from ....scenario import Told
from ._parts import EVERY_AGENT, around, at_hour, audited, calm, grey_library, onward, sleepy_tabs, told, visits

LOGIN = "/api/auth/login"


def admin_slips(b: Builder) -> Told:
    """An administrator is back from a month's leave: six wrong passwords, two late codes, then she is in."""
    at_hour(b, 8.7)
    grey_library(b)
    home = ("93.207.118.44",)
    agents = (BROWSERS[4][0],)
    for key, start, length, per_min, status in (
        ("slips", 0, 4, 1.6, 401),
        ("in", 5, 2, 0.5, 200),
    ):
        span = Span(b.onset_ms + start * MINUTE, b.onset_ms + (start + length) * MINUTE)
        more = {"accounts": ("admin.ines",), "method": "POST", "logged": 1.0}
        visits(b, f"leave {key}", LOGIN, per_min, span, home, agents, {status: 1.0}, **more)
    told(
        b,
        "codes",
        "auth",
        "totp",
        1.0,
        Span(b.onset_ms + 3 * MINUTE, b.onset_ms + 5 * MINUTE),
        "code of admin.ines is one step old (drift 31 s), asked for the next",
        "admin.ines: captcha shown after 5 wrong passwords, solved",
        level="warn",
    )
    audited(b, "ines back", b.onset_ms + 8 * MINUTE, "admin.ines changed her own password, 1 other session ended")
    return Told()


def agency_office(b: Builder) -> Told:
    """A casting agency of eighty people works behind one address; on Monday all of them come in within half an hour."""
    at_hour(b, 9.2)
    span = Span(b.onset_ms, b.now_ms + HOUR, ramp_s=600)
    address = ("217.86.150.9",)
    desks = (BROWSERS[0][0], BROWSERS[3][0])
    people = tuple(f"u{3000 + 7 * i:05d}" for i in range(80))
    signed = {200: 0.86, 401: 0.14}
    visits(b, "agency in", LOGIN, 3.2, span, address, desks, signed, method="POST", accounts=people, logged=1.0)
    for path, per_min in (("/api/browse", 24.0), ("/api/pitches/search", 9.0), ("/api/messages", 6.0)):
        visits(b, f"agency {path}", path, per_min, span, address, desks, {200: 1.0}, logged=0.35)
    told(
        b,
        "agency",
        "api-gateway",
        "limits",
        1.6,
        span,
        "217.86.150.9 (Rollenfach GmbH, contract 1180): {n} of 900 a minute, {small} users at once",
        level="info",
    )
    return Told()


def price_mail(b: Builder) -> Told:
    """All customers get a mail about new prices: many look at their plan, some forgot the password, a few leave."""
    at_hour(b, 10.1)
    sleepy_tabs(b)
    span = onward(b, ramp_s=500)
    fx.surge(b, span, b.between("mail", 1.6, 2.0), ("/login", "/dashboard", LOGIN, "/api/auth/verify"))
    who = fx.strangers(b, "price", 240)
    for path, method, per_min, outcomes in (
        ("/api/billing/plan", "GET", 16.0, {200: 1.0}),
        ("/api/billing/cancel", "POST", 0.9, {200: 0.8, 409: 0.2}),
        ("/api/auth/forgot", "POST", 3.0, {202: 1.0}),
    ):
        visits(b, f"price {path}", path, per_min, span, who, EVERY_AGENT, outcomes, method=method, users=True)
    told(
        b,
        "price",
        "email",
        "sender",
        6.0,
        around(b, 0.3),
        "prices-2027: {waiting} of 4811 handed over, {small} rejected (550 5.1.1 user unknown)",
        "prices-2027: out-of-office reply from {email} filed",
        "reset mail to {email}: asked twice within a minute, sent once",
        level="warn",
    )
    return Told()


def second_shift(b: Builder) -> Told:
    """Moderators clear the week's reports: hundreds of pitches looked at, hidden or put back, all from one desk."""
    at_hour(b, 13.1)
    span = Span(b.onset_ms, b.now_ms + 2 * HOUR)
    desk = ("198.51.100.71",)
    agents = (BROWSERS[2][0], BROWSERS[3][0])
    for path, method, per_min, outcomes in (
        ("/api/admin/reports/next", "GET", 5.0, {200: 0.93, 204: 0.07}),
        ("/api/admin/pitches/visibility", "PATCH", 3.5, {200: 0.94, 409: 0.06}),
    ):
        visits(b, f"desk {path}", path, per_min, span, desk, agents, outcomes, method=method, user="u00011", logged=1.0)
    told(
        b,
        "moderation",
        "moderation",
        "queue",
        4.0,
        span,
        "report {id} rejected: no violation found",
        "pitch {id} hidden by mod.tarek (reason: denied rights), creator informed",
        "classifier failed to agree with moderator on {id}, kept for training",
        level="warn",
    )
    return Told()


SCENARIOS = (
    calm("quiet_admin_slips", "Back from a month's leave", admin_slips, onset_min=(12, 20)),
    calm("quiet_agency_office", "An agency behind one address", agency_office, onset_min=(20, 40)),
    calm("quiet_price_mail", "A mail about prices", price_mail, onset_min=(15, 35), beside=("unrelated_deployment",)),
    calm("quiet_second_shift", "Moderators at work", second_shift, onset_min=(15, 30), beside=("slow_sidekick",)),
)
