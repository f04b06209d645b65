"""Days that look like trouble at the first glance, until one sees who it is, how little, or how long ago."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Entry, Fault, Span, Tracked
from ....platform import BROWSERS
from ....scenario import Told
from ....world import StatusIncident
from ._parts import (
    LOGIN,
    all_day,
    around,
    at_hour,
    audited,
    day,
    homes,
    onward,
    told,
    until,
    visits,
)


def scanner_rain(b: Builder) -> Told:
    """The rain of scanners that falls on each address of the internet, all week; one of them stays for an hour."""
    at_hour(b, 5.6)
    agents = ("Mozilla/5.0 (compatible; InternetMeasurement/1.0)", "Mozilla/5.0 zgrab/0.x", "Hello World/1.0", "-")
    who = fx.strangers(b, "rain", 260)
    for path, status in (
        ("/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", 404),
        ("/actuator/gateway/routes", 404),
        ("/.aws/credentials", 403),
        ("/owa/auth/logon.aspx", 404),
        ("/cgi-bin/luci/;stok=/locale", 404),
    ):
        rate = b.between(f"rain {path}", 0.15, 0.5)
        visits(b, f"rain {path}", path, rate, b.always(), who, agents, {status: 1.0}, logged=0.7, took_ms=5.0)
    span = Span(b.onset_ms, b.now_ms + HOUR)
    guest = fx.strangers(b, "rain guest", 3, "167.94.138.")
    census = ("Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)",)
    for path, status in (("/solr/admin/info/system", 404), ("/server-status", 403), ("/v2/_catalog", 404)):
        visits(b, f"guest {path}", path, 1.6, span, guest, census, {status: 1.0}, logged=0.7, took_ms=5.0)
    fx.security_events(b, "suspicious_login_attempt", span, 0.1)
    return Told()


def lobby_screens(b: Builder) -> Told:
    """Screens in the lobbies of a chain of cinemas ask for a list that was taken down in June, as told in March."""
    at_hour(b, 16.8)
    visits(
        b,
        "lobby",
        "/api/v1/lobby/playlist",
        b.between("lobby", 4, 8),
        b.always(),
        homes(b, "lobby", 48),
        ("Kinosign/2.2 (BrightSign XT1144)",),
        {410: 1.0},
        logged=0.8,
        took_ms=4.0,
    )
    told(
        b,
        "lobby",
        "api-gateway",
        "retired",
        1.0,
        b.always(),
        "GET /api/v1/lobby/playlist is gone since 2026-06-30 (client kinosign, owner informed, see ticket 7741)",
        level="warn",
    )
    return Told()


def wrong_addressee(b: Builder) -> Told:
    """A ticket shop typed our address into its own trial account: its play money knocks at our door and is refused."""
    at_hour(b, 11.9)
    span = Span(b.onset_ms, b.now_ms + 4 * HOUR)
    visits(
        b,
        "play money",
        "/api/payments/webhook",
        b.between("play money", 0.7, 1.3),
        span,
        ("198.51.100.130", "198.51.100.131"),
        ("Stripe/1.0 (+https://stripe.com/docs/webhooks)",),
        {400: 1.0},
        method="POST",
        logged=1.0,
        took_ms=9.0,
        metadata='{{"livemode":false,"account":"acct_{hex}","reason":"unknown account"}}',
    )
    told(
        b,
        "play money",
        "payments",
        "webhook",
        0.8,
        span,
        "event evt_{hex} is of a trial account that we do not know (livemode=false), refused",
        level="warn",
    )
    told(b, "own events", "payments", "webhook", 0.6, b.always(), "event evt_{hex} booked for pi_{hex}", level="info")
    return Told()


def twice_begun(b: Builder) -> Told:
    """Since this morning's release a driver begins what is begun already; the database remarks on it and goes on."""
    at_hour(b, 14.0)
    start = b.now_ms - int(b.between("driver", 4.2, 6.0) * HOUR)
    fx.deploy(b, fx.PRODUCTION, start, "postgres driver 3.5, savepoints")
    told(
        b,
        "twice begun",
        "database",
        "server",
        b.between("twice begun", 8, 15),
        Span(start, b.now_ms + 5 * HOUR),
        "WARNING:  25001: there is already a transaction in progress (backend {id})",
        "NOTICE:  25P01: SET LOCAL can only be used in transaction blocks (backend {id})",
        level="warn",
    )
    return Told()


def minute_of_stone(b: Builder) -> Told:
    """Well over an hour ago uploads failed for one minute; Cloudflare says that it is resolved, and so it is."""
    at_hour(b, 19.0)
    before = b.between("stone", 85, 105)
    texts = ("put media/{hex}: 10001 We encountered an internal error. Please try again.",)
    fx.fail(
        b,
        Fault(
            key="stone",
            hits=fx.needing("storage", 0.9),
            span=until(b, before, 1.0),
            status=502,
            took_ms=900.0,
            entries=(Entry(service="upload", component="r2", texts=texts),),
            tracked=Tracked(type="R2Error", value="internal error (10001)", culprit="put(src/upload/r2)"),
        ),
    )
    told(
        b, "again", "upload", "retry", 4.0, until(b, before - 1, 3.0), "put media/{hex} ok at the 2nd try", level="info"
    )
    fx.status_page(
        b,
        StatusIncident(
            start_ms=b.now_ms - int((before - 4) * MINUTE),
            end_ms=b.now_ms - int((before - 27) * MINUTE),
            name="Elevated R2 errors in Western Europe",
            impact="minor",
            components=("R2",),
            component_status="degraded_performance",
        ),
    )
    page = "status page of Cloudflare: 'Elevated R2 errors in Western Europe' is resolved"
    told(b, "stone page", "monitoring", "providers", 0.15, until(b, before - 27, 300), page, level="info")
    return Told()


def bounty_hunter(b: Builder) -> Told:
    """A registered finder of bugs looks, with two accounts of his own, whether one may see the other's; it may not."""
    at_hour(b, 23.1)
    audited(
        b,
        "bounty",
        b.onset_ms - 26 * HOUR,
        "bug bounty: researcher 'halvor_' accepted the rules (scope api, 2 accounts)",
    )
    home, agent = ("84.208.17.63",), (BROWSERS[4][0] + " bounty/halvor_",)
    span = onward(b)
    rate = b.between("bounty", 1.6, 3.0)
    more = {"user": "u04871", "metadata": '{{"x-bug-bounty":"halvor_"}}', "logged": 1.0}
    for path, outcomes in (
        ("/api/investor/portfolio/u04870", {403: 1.0}),
        ("/api/messages/threads", {403: 0.5, 200: 0.5}),
        ("/api/pitches/drafts", {404: 0.7, 200: 0.3}),
    ):
        visits(b, f"bounty {path}", path, rate, span, home, agent, outcomes, urls=(path + "?as={id}", path), **more)
    visits(
        b,
        "bounty in",
        LOGIN,
        1.0,
        Span(b.onset_ms, b.onset_ms + 3 * MINUTE),
        home,
        agent,
        {200: 1.0},
        method="POST",
        logged=1.0,
        accounts=("u04871", "u04870"),
    )
    return Told()


def one_old_tablet(b: Builder) -> Told:
    """A tablet on the wall of a meeting room is full, and complains of it every ten seconds since it was turned on."""
    at_hour(b, 10.8)
    span = around(b, 1.6)
    entry = Entry(
        service="frontend",
        level="error",
        component="browser",
        request=False,
        texts=("QuotaExceededError: Failed to execute 'setItem' on 'Storage': exceeded the quota.",),
        metadata='{{"browser":"Chrome 87","device":"SM-T510","session":"s-wall-2nd-floor"}}',
    )
    rate = b.between("tablet", 4.5, 6.5)
    fx.say(b, "tablet", entry, rate, span)
    count = int(rate * (b.end_ms - span.start_ms) / MINUTE)
    fx.issue(
        b,
        "tablet",
        Tracked(
            type="QuotaExceededError",
            value="Failed to execute 'setItem' on 'Storage'",
            culprit="remember(src/lib/store)",
            project="pitchey-frontend",
        ),
        sorted(b.rng("tablet events").integers(span.start_ms, b.end_ms, count).tolist()),
        users=1,
    )
    return Told()


def trial_watcher(b: Builder) -> Told:
    """A seller may try its robots on us for two weeks; the account that they sign in with was never made."""
    at_hour(b, 13.4)
    audited(
        b, "trial", b.now_ms - 22 * HOUR, "trial of Skylark synthetics for two weeks (dana); account synthetic-7: to do"
    )
    cities = tuple(fx.strangers(b, "skylark", 8))
    agent = ("Mozilla/5.0 (compatible; SkylarkSynthetics/4.1; +https://skylark.example/robots)",)
    span = all_day(b, 21.0)
    visits(
        b,
        "skylark in",
        LOGIN,
        b.between("skylark", 0.35, 0.6),
        span,
        cities,
        agent,
        {401: 1.0},
        method="POST",
        logged=1.0,
        accounts=("synthetic-7",),
    )
    for path in ("/", "/login", "/api/health"):
        visits(b, f"skylark {path}", path, 1.6, span, cities, agent, {200: 1.0}, logged=0.5, took_ms=60.0)
    told(
        b,
        "skylark",
        "monitoring",
        "inbound",
        0.15,
        span,
        "skylark journey 'sign in' red in {small} of 8 cities, journey is marked as trial, nobody called",
        level="warn",
    )
    return Told()


SCENARIOS = (
    day("scanner_rain", "The rain of scanners", scanner_rain, "triage", "security", onset_min=(25, 50)),
    day("lobby_screens", "Screens in lobbies", lobby_screens, "triage", "error_rate", beside=("noisy_neighbour",)),
    day("wrong_addressee", "Play money at our door", wrong_addressee, "error_rate", "security", onset_min=(20, 45)),
    day("twice_begun", "Begun twice", twice_begun, "triage", "database", beside=("unrelated_deployment",)),
    day("minute_of_stone", "A minute long ago", minute_of_stone, "triage", "outage", onset_min=(15, 30)),
    day("bounty_hunter", "A finder of bugs", bounty_hunter, "triage", "security", onset_min=(20, 45)),
    day("one_old_tablet", "One full tablet", one_old_tablet, "triage", "frontend", onset_min=(15, 40)),
    day("trial_watcher", "Watchers on trial", trial_watcher, "triage", "monitoring", onset_min=(20, 40)),
)
