"""Days on which a lot goes on, announced or understood, and everybody who comes is served."""

from .... import effects as fx
from ....builder import DAY, HOUR, MINUTE, Builder, Span
from ....scenario import Told
from ._parts import (
    DESKS,
    EVERY_AGENT,
    LOGIN,
    READ,
    around,
    at_hour,
    audited,
    day,
    homes,
    onward,
    told,
    visits,
    wait_a_little,
)


def live_pitching(b: Builder) -> Told:
    """An hour of pitching before a camera: rooms are full, people write to each other, interest is entered."""
    at_hour(b, 18.6)
    audited(
        b, "live", b.onset_ms - 90 * MINUTE, "event 'Elevator live #14' opens in 90 min, 6 rooms reserved (team events)"
    )
    span = onward(b, ramp_s=420)
    fx.surge(b, span, b.between("live", 3.2, 4.6), ("/ws", "/api/messages", "/api/notifications"))
    fx.surge(b, span, 1.8, ("/api/investor/interest", "/api/pitches/trending"))
    wait_a_little(b, "live", ("/api/messages", "/api/notifications"), span, 18.0)
    told(
        b,
        "live rooms",
        "websocket",
        "rooms",
        4.0,
        span,
        "room elevator-14-{small}: 200 of 200 seats, {n} in the waiting room let in by turns",
        "room elevator-14-{small}: applause dropped ({waiting} in one second, 50 shown)",
        level="warn",
    )
    return Told()


def exchange_rates(b: Builder) -> Told:
    """The central bank's rates of the day arrive: each budget is reckoned anew in bundles, as every afternoon."""
    at_hour(b, 15.2)
    for back in range(7):
        start = b.onset_ms - back * DAY
        span = Span(start, start + int(b.between(f"rates {back}", 10, 14) * MINUTE), ramp_s=40)
        fx.database(b, span, queryCount=(1.7, 60.0), avgQueryTime=(1.12, 0.0), lockWaits=(1.0, 0.6))
        told(
            b,
            f"rates {back}",
            "pitch",
            "fx-rates",
            7.0,
            span,
            "budgets {id}..{id2} converted, bundle of 500 in {ms} ms",
            "no rate for ISK today, that of yesterday kept ({n} budgets)",
            level="info",
        )
    wait_a_little(
        b,
        "rates",
        ("/api/creator/pitches", "/api/pitches/create"),
        Span(b.onset_ms, b.onset_ms + 12 * MINUTE),
        9.0,
        "database",
    )
    return Told()


def new_exit(b: Builder) -> Told:
    """A studio sends all of its people through one exit in Stockholm from today on: they sign in once more there."""
    at_hour(b, 9.3)
    audited(
        b,
        "exit noted",
        b.onset_ms - 18 * HOUR,
        "note on customer Polarfilm: new egress 192.36.170.40-43 from tomorrow (jana)",
    )
    exits = tuple(f"192.36.170.{n}" for n in range(40, 44))
    staff = tuple(f"u{2400 + 7 * i:05d}" for i in range(160))
    once = Span(b.onset_ms, b.onset_ms + 75 * MINUTE, ramp_s=900)
    visits(
        b,
        "exit in",
        LOGIN,
        b.between("exit", 2.0, 3.0),
        once,
        exits,
        DESKS,
        {200: 0.91, 401: 0.09},
        method="POST",
        logged=1.0,
        accounts=staff,
    )
    for path, per_min in (("/api/browse", 6.0), ("/api/investor/portfolio", 4.0), ("/api/messages", 3.0)):
        visits(b, f"exit {path}", path, per_min, onward(b, ramp_s=1800), exits, DESKS, {200: 1.0}, logged=0.5)
    told(
        b, "exit", "auth", "session", 1.6, once, "{user}: usual city changed, notice sent by mail (once)", level="info"
    )
    return Told()


def staged_app(b: Builder) -> Told:
    """App 6.3 reaches a fifth of the phones: it asks new questions, and testers' trial builds must be replaced."""
    at_hour(b, 18.0)
    audited(b, "staged set", b.onset_ms - 2 * HOUR, "app 6.3.0 rollout 5 % -> 20 % (store console, miro)")
    span = Span(b.onset_ms - 2 * HOUR, b.now_ms + 5 * HOUR, ramp_s=3600)
    phones = ("Pitchey/6.3.0 (iOS 19.1)", "Pitchey/6.3.0 (Android 15)")
    who = homes(b, "staged", 700)
    rate = b.between("staged", 10, 17)
    visits(b, "staged feed", "/api/v2/feed", rate, span, who, phones, {200: 0.62, 304: 0.375, 404: 0.005}, logged=0.4)
    visits(b, "staged config", "/api/app/config", rate / 3, span, who, phones, {200: 0.4, 304: 0.6}, logged=0.4)
    visits(
        b,
        "trial builds",
        "/api/v2/feed",
        0.4,
        span,
        homes(b, "trial builds", 8),
        ("Pitchey/6.3.0-beta4 (iOS 19.2)",),
        {426: 1.0},
        logged=1.0,
    )
    told(
        b,
        "staged",
        "browse",
        "feed",
        1.0,
        span,
        "feed card of kind 'clip' unknown to build 6.2, left out",
        level="info",
    )
    return Told()


def told_search_engines(b: Builder) -> Told:
    """Four hundred pitches of a contest went public at once; search engines were told so, and come for them."""
    at_hour(b, 11.4)
    audited(b, "contest", b.onset_ms, "contest 'First Draft': 412 pitches made public, IndexNow key sent (ines)")
    span = onward(b, ramp_s=240)
    agents = (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
        "Mozilla/5.0 (compatible; SeznamBot/4.0; +https://o-seznam.cz/napoveda/vyhledavani/en/seznambot-crawler/)",
    )
    who = [
        *fx.strangers(b, "indexers a", 9, "40.77.167."),
        *fx.strangers(b, "indexers b", 5, "5.255.231."),
        *fx.strangers(b, "indexers c", 3, "77.75.76."),
    ]
    rate = b.between("indexers", 14, 24)
    outcomes = {200: 0.8, 304: 0.16, 410: 0.03, 404: 0.01}
    for path, share in (("/pitches", 0.6), ("/api/pitches", 0.3), ("/robots.txt", 0.02)):
        tails = (path,) if path == "/robots.txt" else (path + "?contest=first-draft&id={id}", path + "?page={n}")
        visits(b, f"indexers {path}", path, rate * share, span, who, agents, outcomes, urls=tails, logged=0.4)
    told(
        b, "indexnow", "search-index", "indexnow", 0.3, span, "indexnow: 202 accepted, key check pending", level="info"
    )
    return Told()


def posters_purged(b: Builder) -> Told:
    """New posters: the edge forgets the old pictures and pages, and knows the new ones a minute later."""
    at_hour(b, 12.9)
    audited(b, "posters gone", b.onset_ms, "purge by prefix /pitches, /api/media/thumbnail (redrawn posters, dana)")
    span = Span(b.onset_ms, b.onset_ms + 75_000)
    b.edge_cache.append((("/", "/pitches", "/api/media/thumbnail"), span, 0.1))
    wait_a_little(b, "posters", ("/", "/pitches", "/api/media/thumbnail"), span, 70.0)
    fx.vitals(b, span, {"ttfb": (1.25, 40.0), "lcp": (1.1, 90.0)}, url=("/pitches",))
    told(
        b,
        "posters",
        "upload",
        "images",
        25.0,
        span,
        "variant 640w of media/{hex} not kept yet, drawn in {ms} ms",
        level="info",
    )
    return Told()


def viral_trailer(b: Builder) -> Told:
    """A short film goes round on the phones of half a country; more copies of the services start by themselves."""
    at_hour(b, 14.1)
    span = onward(b, ramp_s=600)
    fx.surge(b, span, b.between("viral", 2.2, 3.0), (*READ, "/api/analytics/track"))
    fx.surge(b, span, 1.5, ("/login", LOGIN, "/api/auth/verify", "/api/auth/register"))
    wait_a_little(b, "viral", ("/api/pitches", "/api/browse"), span, 10.0)
    told(
        b,
        "scaled",
        "api-gateway",
        "autoscaler",
        1.2,
        Span(b.onset_ms, b.onset_ms + 18 * MINUTE),
        "browse: {small} -> {n} copies (target 60 % busy)",
        "pitch: busy 71 %, one copy more, ready in {ms} ms",
        "copies of analytics at the soft ceiling, batch size doubled",
        level="warn",
    )
    visits(
        b,
        "previews",
        "/pitches",
        b.between("previews", 4, 8),
        span,
        fx.strangers(b, "previews", 40, "173.252.95."),
        ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "WhatsApp/2.24.23 A"),
        {200: 0.98, 206: 0.02},
    )
    return Told()


def payouts_wait(b: Builder) -> Told:
    """The bank's interface for payouts is looked after, as announced a week ago; payouts wait, payments do not."""
    at_hour(b, 22.4)
    audited(
        b, "bank noted", b.onset_ms - 30 * MINUTE, "maintenance 'bank SEPA gateway' (two hours) acknowledged (ines)"
    )
    span = Span(b.onset_ms - 20 * MINUTE, b.now_ms + HOUR)
    told(
        b,
        "bank",
        "payments",
        "payouts",
        1.4,
        span,
        "payout po_{hex} of {amount} held until the bank is back (planned maintenance, ends tonight)",
        "payout queue {n} long, oldest {small} min, paused on purpose",
        level="warn",
    )
    told(
        b,
        "banner",
        "frontend",
        "banners",
        0.2,
        span,
        "banner 'payouts later tonight' shown on /dashboard",
        level="info",
    )
    visits(
        b,
        "payout pages",
        "/dashboard",
        2.0,
        around(b, 0.3),
        homes(b, "payout pages", 60),
        EVERY_AGENT,
        {200: 1.0},
        users=True,
    )
    return Told()


SCENARIOS = (
    day("live_pitching", "Pitching before a camera", live_pitching, "triage", "performance", onset_min=(18, 35)),
    day("exchange_rates", "Rates of the day", exchange_rates, "triage", "database", onset_min=(9, 20)),
    day("new_exit", "A studio's new exit", new_exit, "triage", "security", onset_min=(25, 50)),
    day("staged_app", "A fifth of the phones", staged_app, "triage", "error_rate", onset_min=(15, 40)),
    day("told_search_engines", "Search engines were told", told_search_engines, "security", "performance"),
    day("posters_purged", "New posters", posters_purged, "frontend", "performance", onset_min=(10, 25)),
    day("viral_trailer", "A film that goes round", viral_trailer, "triage", "outage", onset_min=(15, 35)),
    day("payouts_wait", "Payouts wait", payouts_wait, "triage", "error_rate", beside=("clock_skew",)),
)
