"""Days on which machines of others and of ours come, politely, clumsily or too often, and nothing is wrong."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Span
from ....scenario import Told
from ._parts import around, at_hour, calm, knocking, onward, told, visits


def uptime_services(b: Builder) -> Told:
    """Four services look whether we are up, from thirty cities; one has trouble of its own and calls us down."""
    at_hour(b, 5.1)
    week = b.always()
    for name, agent, per_min in (
        ("robot", "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", 2.0),
        ("pingdom", "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)", 1.0),
        ("better", "Better Stack Better Uptime Bot Mozilla/5.0", 2.0),
        ("statuscake", "Mozilla/5.0 (compatible; StatusCake)", 1.0),
    ):
        who = fx.strangers(b, f"uptime {name}", 30)
        visits(b, name, "/api/health", per_min, week, who, (agent,), {200: 1.0}, method="HEAD", logged=0.5, took_ms=9.0)
    told(
        b,
        "called down",
        "monitoring",
        "inbox",
        1.0,
        onward(b),
        "[StatusCake] pitchey.pages.dev DOWN from Mumbai-2 only: Unable to resolve host (28 of 29 locations: UP)",
        "[UptimeRobot] pitchey api: up, 30 days 99.99 %",
        level="warn",
    )
    return Told()


def own_monitor(b: Builder) -> Told:
    """Our new watcher signs in with a test account every minute, once wrongly on purpose, and measures the way in."""
    at_hour(b, 12.4)
    agent = ("pitchey-journeys/0.3 (Playwright; +ops@pitchey.example)",)
    address = ("198.51.100.24",)
    week = around(b, 70.0)
    more = {"method": "POST", "logged": 1.0, "accounts": ("journey-bot",)}
    visits(b, "journey in", "/api/auth/login", 1.0, week, address, agent, {200: 1.0}, **more)
    visits(b, "journey wrong", "/api/auth/login", 0.5, week, address, agent, {401: 1.0}, **more)
    for path in ("/api/creator/dashboard", "/api/messages"):
        visits(b, f"journey {path}", path, 1.0, week, address, agent, {200: 1.0}, logged=1.0)
    told(
        b,
        "journeys",
        "monitoring",
        "journeys",
        1.0,
        week,
        "journey sign-in: wrong password refused as expected (401), right password accepted, {ms} ms",
        "journey checkout: stopped before payment as planned, screenshot kept",
        level="info",
    )
    return Told()


def polite_reader(b: Builder) -> Told:
    """A new search engine reads the public pages at its own slow pace, after robots.txt, and mostly gets a 304."""
    at_hour(b, 1.2)
    knocking(b, 0.8)
    span = around(b, 3.0)
    who = fx.strangers(b, "polite", 9, "17.241.219.")
    agents = ("Mozilla/5.0 (compatible; Applebot/0.1; +http://www.apple.com/go/applebot)",)
    visits(b, "polite pages", "/pitches", 8.0, span, who, agents, {304: 0.7, 200: 0.3}, urls=("/pitches/{id}",))
    visits(b, "polite robots", "/robots.txt", 0.2, span, who, agents, {200: 1.0}, service="frontend", logged=1.0)
    visits(b, "polite map", "/sitemap.xml", 0.3, span, who, agents, {200: 1.0}, urls=("/sitemap-{n}.xml",))
    told(
        b,
        "polite",
        "security",
        "bots",
        0.6,
        span,
        "Applebot verified by reverse name 17-241-219-{n}.applebot.apple.com, crawl delay 6 s kept",
        level="info",
    )
    return Told()


def greedy_client(b: Builder) -> Told:
    """One customer's dashboard asks ten times a second since its update; the limit holds it back, as it is made for."""
    at_hour(b, 13.7)
    span = onward(b)
    agents = ("StudioWall/2.0 (wall display; it@grossbild.example)",)
    address = ("84.19.33.201",)
    outcomes = {429: 0.92, 200: 0.08}
    path = "/api/pitches/trending"
    more = {"user": "u04412", "took_ms": 4.0, "logged": 0.5, "metadata": '{{"bucket":"u04412","retry_after":30}}'}
    visits(b, "greedy", path, b.between("greedy", 45, 65), span, address, agents, outcomes, **more)
    told(
        b,
        "greedy",
        "api-gateway",
        "limits",
        3.0,
        span,
        "u04412 held back: {waiting} requests a minute, 60 allowed, 429 with Retry-After 30 (enforced)",
        "u04412 is the only key over its limit (1 of 388)",
        level="warn",
    )
    return Told()


def partner_test(b: Builder) -> Told:
    """A broadcaster's engineers try our interface for the first time, on trial: mistakes, then success."""
    at_hour(b, 14.9)
    address = ("194.25.134.80",)
    agents = ("Insomnia/11.2.0", "PostmanRuntime/7.49.0")
    early = Span(b.onset_ms, b.onset_ms + 14 * MINUTE)
    late = Span(early.end_ms, b.now_ms + HOUR)
    path = "/api/partner/v2/rights"
    wrong = {401: 0.3, 400: 0.35, 422: 0.2, 415: 0.1, 404: 0.05}
    visits(b, "trial early", path, 5.0, early, address, agents, wrong, method="POST", service="partners", logged=1.0)
    good = {201: 0.9, 422: 0.1}
    visits(b, "trial late", path, 4.0, late, address, agents, good, method="POST", service="partners", logged=1.0)
    told(
        b,
        "trial",
        "partners",
        "sandbox",
        2.0,
        Span(b.onset_ms, late.end_ms),
        "tenant trial-rtv: signature does not match (clock of the caller or wrong secret), nothing stored",
        "tenant trial-rtv: /rights/0/territory must be one of DE, AT, CH (got 'Germany')",
        level="warn",
    )
    return Told()


def broken_script(b: Builder) -> Told:
    """A customer's nightly script forgot to fill in its own blanks: it asks for {{film_id}} a thousand times."""
    at_hour(b, 0.6)
    span = Span(b.onset_ms - 6 * MINUTE, b.now_ms + 40 * MINUTE)
    agents = ("node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",)
    urls = ("/api/pitches/%7B%7Bfilm_id%7D%7D", "/api/pitches/undefined", "/api/pitches/NaN?lang=[object%20Object]")
    outcomes = {404: 0.62, 400: 0.38}
    who = ("188.68.54.17",)
    visits(b, "blanks", "/api/pitches", b.between("blanks", 9, 14), span, who, agents, outcomes, urls=urls, took_ms=4.0)
    told(
        b,
        "blanks",
        "pitch",
        "validator",
        2.5,
        span,
        "id '{{{{film_id}}}}' is not a number, 400 (188.68.54.17, key of kino-kalender)",
        level="warn",
    )
    return Told()


SCENARIOS = (
    calm("quiet_uptime_services", "Watchers from thirty cities", uptime_services, onset_min=(10, 25)),
    calm("quiet_own_monitor", "A watcher of our own", own_monitor, beside=("harmless_production_deployment",)),
    calm("quiet_polite_reader", "A polite new reader", polite_reader, onset_min=(20, 40)),
    calm("quiet_greedy_client", "One that asks too often", greedy_client, onset_min=(15, 35)),
    calm("quiet_partner_test", "A partner tries", partner_test, onset_min=(22, 34), beside=("unrelated_deployment",)),
    calm("quiet_broken_script", "A script with blanks", broken_script, onset_min=(15, 30), beside=("logs_lost",)),
)
