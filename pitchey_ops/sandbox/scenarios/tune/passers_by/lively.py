"""Days on which much is going on outside, and nothing is wrong."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Crowd, Span
from ....platform import BROWSERS
from ....scenario import Told
from ._parts import at_hour, calm, homes, phone_in_tunnel, ratings_feed, told, typists, usual_guessers

READ = ("/", "/pitches", "/api/pitches", "/api/browse", "/api/media/thumbnail", "/assets/index-4f9c2a1b.js")


def newsletter(b: Builder) -> Told:
    """A newsletter went out: within a quarter of an hour two and a half times the people, all of them served."""
    at_hour(b, 18.1)
    span = Span(b.onset_ms, b.now_ms + 2 * HOUR, ramp_s=900)
    fx.surge(b, span, b.between("newsletter", 2.1, 2.7))
    told(
        b,
        "newsletter",
        "email",
        "campaign",
        14.0,
        Span(b.onset_ms - 6 * MINUTE, b.onset_ms + 14 * MINUTE),
        "campaign autumn-slate: {waiting} delivered, {small} deferred (421 4.7.0 try again later)",
        "campaign autumn-slate: click /pitches?utm_source=newsletter&utm_campaign=autumn-slate ({n})",
        level="info",
    )
    return Told()


def load_test(b: Builder) -> Told:
    """A load test that was announced: one address, its name in the agent, as many requests as agreed, then nothing."""
    at_hour(b, 6.8)
    told(
        b,
        "load test note",
        "monitoring",
        "calendar",
        2.0,
        Span(b.onset_ms - 20 * MINUTE, b.onset_ms - 15 * MINUTE),
        "announced: k6 run 'read paths, 12 min' by dana@pitchey.example from 198.51.100.40, limits lifted for it",
        level="info",
    )
    span = Span(b.onset_ms, b.onset_ms + 12 * MINUTE, ramp_s=180)
    for path, per_min in (("/api/pitches", 120.0), ("/api/browse", 90.0), ("/api/pitches/trending", 60.0)):
        fx.crowd(
            b,
            Crowd(
                key=f"load test {path}",
                route=path,
                per_min=per_min,
                span=span,
                addresses=("198.51.100.40",),
                agents=("k6/1.3.0 (https://k6.io/; run=read-paths; contact=dana@pitchey.example)",),
                urls=(path + "?page={n}",),
                logged=0.2,
                took_ms=85.0,
            ),
        )
    fx.database(b, span, queryCount=(1.6, 0.0), activeConnections=(1.2, 0.5))
    return Told()


def new_passwords(b: Builder) -> Told:
    """A studio's people have to take new passwords today: forty of them behind one address, and many mistype."""
    at_hour(b, 9.1)
    usual_guessers(b)
    address = fx.strangers(b, "studio", 1, "217.110.44.")[0]
    typists(b, "new passwords", address, BROWSERS[0][0], 40, Span(b.onset_ms, b.now_ms + 30 * MINUTE))
    told(
        b,
        "new passwords",
        "auth",
        "policy",
        1.2,
        Span(b.onset_ms - 30 * MINUTE, b.now_ms + 30 * MINUTE),
        "password of {user} changed (policy studio-90-days), other sessions ended",
        "policy studio-90-days: 40 accounts of northlight-studio have to change today",
        level="info",
    )
    return Told()


def film_class(b: Builder) -> Told:
    """A film school's class meets the platform: thirty new accounts and much browsing from one address."""
    at_hour(b, 10.3)
    phone_in_tunnel(b)
    address = fx.strangers(b, "school", 1, "141.43.208.")
    span = Span(b.onset_ms, b.now_ms + HOUR, ramp_s=300)
    agents = (BROWSERS[3][0], BROWSERS[0][0], BROWSERS[4][0])
    for path, method, per_min, outcomes in (
        ("/api/auth/register", "POST", 2.0, {201: 0.86, 422: 0.14}),
        ("/api/pitches", "GET", 16.0, {200: 1.0}),
        ("/api/browse", "GET", 14.0, {200: 0.99, 404: 0.01}),
        ("/api/pitches/search", "GET", 7.0, {200: 1.0}),
    ):
        fx.crowd(
            b,
            Crowd(
                key=f"film class {path}",
                route=path,
                method=method,
                per_min=per_min,
                span=span,
                addresses=address,
                agents=agents,
                outcomes=outcomes,
                logged=0.5,
                took_ms=110.0,
            ),
        )
    return Told()


def link_previews(b: Builder) -> Told:
    """A pitch is passed round in chats: the chats' machines fetch previews, people follow, some links are cut short."""
    at_hour(b, 20.8)
    span = Span(b.onset_ms, b.now_ms + 2 * HOUR, ramp_s=600)
    agents = (
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "WhatsApp/2.24.20.89 A",
        "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    )
    fx.crowd(
        b,
        Crowd(
            key="link previews",
            route="/pitches",
            per_min=b.between("previews", 14, 22),
            span=span,
            addresses=fx.strangers(b, "link previews", 60),
            agents=agents,
            urls=("/pitches/the-lighthouse-keepers-daughter", "/pitches/the-lighthouse-keep"),
            outcomes={200: 0.8, 206: 0.08, 404: 0.12},
            logged=0.5,
            service="frontend",
        ),
    )
    fx.surge(b, span, 1.7, READ)
    return Told()


def old_apps(b: Builder) -> Told:
    """Apps from three years ago still ask for what is gone; they are told to update, as since the spring."""
    at_hour(b, 19.3)
    ratings_feed(b, 3.0)
    for path, status in (("/api/v1/feed", 426), ("/api/v1/session", 410)):
        fx.crowd(
            b,
            Crowd(
                key=f"old app {path}",
                route=path,
                method="GET",
                per_min=b.between(f"old {status}", 4, 7),
                span=b.always(),
                addresses=homes(b, "old apps", 300),
                agents=("Pitchey/2.8.1 (Android 9; okhttp/3.12.1)", "Pitchey/2.8.0 (iOS 14.8; CFNetwork/1240)"),
                outcomes={status: 1.0},
                logged=0.6,
                took_ms=4.0,
            ),
        )
    told(
        b,
        "old apps",
        "api-gateway",
        "versions",
        4.0,
        b.always(),
        "client 2.8.1 refused: minimum is 4.0 (426 Upgrade Required)",
        level="warn",
    )
    return Told()


def webhooks_again(b: Builder) -> Told:
    """The payment provider sends its messages again after trouble of its own: twice the usual, known ones get a 200."""
    at_hour(b, 14.2)
    span = Span(b.onset_ms, b.now_ms + HOUR)
    fx.crowd(
        b,
        Crowd(
            key="webhooks again",
            route="/api/payments/webhook",
            method="POST",
            per_min=b.between("again", 7, 11),
            span=span,
            addresses=fx.strangers(b, "webhooks", 4, "54.187.174."),
            agents=("Stripe/1.0 (+https://stripe.com/docs/webhooks)",),
            outcomes={200: 1.0},
            logged=0.7,
            took_ms=70.0,
        ),
    )
    told(
        b,
        "webhooks known",
        "payments",
        "webhook",
        6.0,
        span,
        "event evt_{hex} is known since {n} min, answered 200 and left alone",
        "event evt_{hex} out of order (charge.refunded before charge.succeeded), put in its place",
        level="warn",
    )
    return Told()


SCENARIOS = (
    calm("via_fine_newsletter", "A newsletter", newsletter, onset_min=(18, 30)),
    calm("via_fine_load_test", "An announced load test", load_test, onset_min=(14, 22), beside=("clock_skew",)),
    calm("via_fine_new_passwords", "A studio takes new passwords", new_passwords, onset_min=(35, 55)),
    calm("via_fine_film_class", "A class of a film school", film_class, onset_min=(25, 45)),
    calm(
        "via_fine_link_previews",
        "A pitch is passed round",
        link_previews,
        onset_min=(25, 40),
        beside=("unrelated_deployment",),
    ),
    calm("via_fine_old_apps", "Apps from three years ago", old_apps, beside=("busy_evening",)),
    calm("via_fine_webhooks_again", "Messages sent again", webhooks_again, onset_min=(20, 35)),
)
