"""Days on which people behave unusually, and all is well."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Crowd, Entry, Span
from ....platform import BROWSERS
from ....scenario import Told
from ._parts import at_hour, calm, homes

AGENTS = tuple(agent for agent, _ in BROWSERS)


def premiere(b: Builder) -> Told:
    """A premiere on a Friday evening: more people for hours, all of them served."""
    at_hour(b, 20.7)
    fx.surge(b, Span(b.now_ms - 3 * HOUR, b.now_ms + 3 * HOUR, ramp_s=5400), b.between("premiere", 1.35, 1.7))
    return Told()


def deep_night(b: Builder) -> Told:
    """Before dawn on a holiday."""
    at_hour(b, 4.3)
    fx.surge(b, Span(b.now_ms - 6 * HOUR, b.now_ms + 3 * HOUR, ramp_s=7200), b.between("holiday", 0.4, 0.6))
    return Told()


def holiday(b: Builder) -> Told:
    """Half of the people stay away at midday; they sit in the sun."""
    at_hour(b, 13.0)
    fx.surge(b, Span(b.now_ms - 7 * HOUR, b.now_ms + 5 * HOUR, ramp_s=9000), b.between("sun", 0.5, 0.65))
    return Told()


def mailing(b: Builder) -> Told:
    """A marketing mail at nine: people come, sign in, look, and go; the mail service is busy."""
    at_hour(b, 9.1)
    span = Span(b.onset_ms, b.now_ms + HOUR, ramp_s=420)
    fx.surge(b, span, b.between("mailing", 1.7, 2.2), ("/", "/pitches", "/login", "/api/pitches", "/api/browse"))
    fx.surge(b, span, 3.0, ("/api/auth/login",))
    sent = Entry(
        service="email",
        level="info",
        component="sender",
        request=False,
        texts=(
            "campaign autumn-slate: {n} of batch {id} accepted by sendgrid",
            "campaign autumn-slate opened by {email}",
        ),
        metadata='{{"provider":"sendgrid"}}',
    )
    fx.say(b, "mailing", sent, 14.0, Span(b.onset_ms - 15 * MINUTE, b.now_ms + HOUR))
    return Told()


def bargain(b: Builder) -> Told:
    """A sale: four times the purchases, with as many declined cards among them as ever."""
    at_hour(b, 19.0)
    span = Span(b.onset_ms, b.now_ms + 2 * HOUR, ramp_s=600)
    fx.surge(b, span, b.between("bargain", 3.2, 4.2), ("/api/payments/checkout", "/api/payments/webhook"))
    declined = Entry(
        service="payments",
        level="warn",
        component="stripe",
        request=False,
        texts=(
            "card declined intent=pi_{hex} code=insufficient_funds",
            "card declined intent=pi_{hex} code=expired_card",
        ),
        metadata='{{"provider":"stripe"}}',
    )
    fx.say(b, "declined", declined, 0.25, span)
    return Told()


def forgetful(b: Builder) -> Told:
    """A user tries six passwords at home, gives up, comes back with a new one."""
    at_hour(b, 7.9)
    home = homes(b, "forgetful", 1)
    for key, start, minutes, outcome, rate in (("six", 0, 3, 401, 2.0), ("new", 6, 1, 200, 1.5)):
        begin = b.onset_ms + start * MINUTE
        fx.crowd(
            b,
            Crowd(
                key=f"forgetful {key}",
                route="/api/auth/login",
                method="POST",
                per_min=rate,
                span=Span(begin, begin + minutes * MINUTE),
                addresses=home,
                agents=AGENTS[1:2],
                accounts=("u03377",),
                outcomes={outcome: 1.0},
                logged=1.0,
            ),
        )
    return Told()


def office(b: Builder) -> Told:
    """An office comes to work: forty people sign in from one address, some of them twice."""
    at_hour(b, 9.0)
    for key, outcome, rate in (("right", 200, 3.0), ("wrong", 401, 0.35)):
        fx.crowd(
            b,
            Crowd(
                key=f"office {key}",
                route="/api/auth/login",
                method="POST",
                per_min=rate,
                span=Span(b.onset_ms, b.onset_ms + 25 * MINUTE),
                addresses=homes(b, "office", 1),
                agents=AGENTS[:4],
                accounts=tuple(f"u{i:05d}" for i in range(610, 650)),
                outcomes={outcome: 1.0},
                logged=1.0,
            ),
        )
    return Told()


def month_old(b: Builder) -> Told:
    """Sessions of a month ago run out together: people sign in anew, a few hundred entries say so."""
    at_hour(b, 18.1)
    span = Span(b.onset_ms - 20 * MINUTE, b.now_ms + HOUR, ramp_s=900)
    fx.surge(b, span, b.between("anew", 1.8, 2.4), ("/api/auth/login", "/login"))
    out = Entry(service="auth", level="warn", component="jwt", request=False, texts=("jwt expired for {user}",))
    fx.say(b, "month old", out, 1.2, span)
    return Told()


def watchlists(b: Builder) -> Told:
    """A new feature is on for some, its route not yet everywhere: the page asks, gets 404, and does without."""
    at_hour(b, 15.6)
    fx.deploy(b, "pitchey-frontend", b.onset_ms - 5 * MINUTE, "watchlists behind a flag")
    fx.crowd(
        b,
        Crowd(
            key="watchlists",
            route="/api/watchlists",
            per_min=b.between("rate", 2.5, 5),
            span=Span(b.onset_ms - 3 * MINUTE, b.now_ms + 5 * HOUR, ramp_s=600),
            addresses=homes(b, "watchlists", 120),
            agents=AGENTS,
            users=True,
            outcomes={404: 1.0},
            logged=0.4,
            took_ms=11.0,
        ),
    )
    hint = Entry(
        service="frontend",
        level="info",
        component="browser",
        request=False,
        texts=("watchlists not available here (404), feature hidden",),
    )
    fx.say(b, "watchlists", hint, 2.0, Span(b.onset_ms - 3 * MINUTE, b.now_ms + 5 * HOUR))
    return Told()


SCENARIOS = (
    calm("fine_premiere", "A premiere", premiere),
    calm("fine_deep_night", "Before dawn on a holiday", deep_night),
    calm("fine_holiday", "Half of the people stay away", holiday),
    calm("fine_mailing", "A marketing mail", mailing),
    calm("fine_bargain", "A sale", bargain, beside=("logs_lost",)),
    calm("fine_forgetful", "A user who forgot a password", forgetful, onset_min=(20, 35)),
    calm("fine_office", "An office comes to work", office, onset_min=(26, 34), beside=("clock_skew",)),
    calm("fine_month_old", "Old sessions run out", month_old),
    calm("fine_watchlists", "A new feature's missing route", watchlists, onset_min=(20, 40)),
)
