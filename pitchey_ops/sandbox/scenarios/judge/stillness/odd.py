"""Odd hours: at the first glance an attack or a fault, on reflection nothing that a user would notice."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Entry, Fault, Span, Tracked
from ....scenario import Told
from ....world import StatusIncident
from ._parts import AGENTS, PAGES, guests, homes, hour, line, minutes, scraps, sign_ins, since, still


def rattle(b: Builder) -> Told:
    """Programs of the whole internet ask for doors of other people's software, all week; there are none here."""
    hour(b, b.between("rattle", 4.0, 6.0))
    agents = (
        "Mozilla/5.0 zgrab/0.x",
        "Mozilla/5.0 (compatible; InternetMeasurement/1.0; +https://internet-measurement.com/)",
        "curl/7.88.1",
        "python-requests/2.27.1",
    )
    who = fx.strangers(b, "rattle", 260)
    paths = ("/wp-login.php", "/.env", "/.git/HEAD", "/boaform/admin/formLogin", "/actuator/health", "/owa/auth.owa")
    for path in paths:
        per_min = b.between(f"rattle {path}", 0.4, 1.5)
        guests(b, path, per_min, b.always(), who, agents, {404: 1.0}, blocked=0.5, rule="managed-913100", took_ms=4.0)
    line(b, "security/digest", 0.1, b.always(), "known noise of the last 10 min: {n} requests, none answered with data")
    return Told()


def old_bookmark(b: Builder) -> Told:
    """A school's start page still links to a page that we gave up in spring; those who click find the way by a link."""
    hour(b, b.between("bookmark", 8.4, 10.2))
    span = since(b, 0.5)
    school = ("203.0.113.9",)
    rate = b.between("bookmark", 0.8, 1.5)
    urls = ("/workshop/start.html?ref=medienportal", "/workshop/start.html")
    guests(b, "/workshop/start.html", rate, span, school, AGENTS[:1], {404: 1.0}, urls=urls, logged=1.0, took_ms=7.0)
    guests(b, "/pitches", rate * 3, span, school, AGENTS[:1], {200: 1.0}, logged=0.4)
    line(b, "frontend/links", 0.3, span, "no page /workshop/start.html, offered /pitches instead", level="warn")
    return Told()


def wrong_type(b: Builder) -> Told:
    """A cinema's program sends its free dates as text/plain since its own update; each is refused, its people know."""
    hour(b, b.between("type", 16.0, 17.3))
    span = since(b, b.between("type since", 18, 40))
    cinema = ("198.51.100.143", "198.51.100.144")
    agent = ("kinoplan-sync/11.2 (Java/21.0.4)",)
    rate = b.between("type", 1.4, 2.6)
    guests(b, "/api/partner/dates", rate, span, cinema, agent, {415: 1.0}, method="POST", logged=1.0, took_ms=5.0)
    guests(b, "/api/partner/dates", 0.2, span, cinema, agent, {200: 1.0}, label="read ", logged=1.0)
    text = "kinoplan: body is text/plain, wanted application/json, refused (their ticket KP-{id})"
    line(b, "api-gateway/partners", 0.5, span, text, level="warn")
    scraps(b, ("/api/messages",), 0.002, "thread {id} was folded while it was read, the page asks again")
    return Told()


def wordy_library(b: Builder) -> Told:
    """Since yesterday's release a library of payments remarks on each answer that it saw before, and counts it once."""
    hour(b, b.between("wordy", 13.2, 14.6))
    start = b.onset_ms - int(b.between("wordy since", 20, 28) * HOUR)
    fx.deploy(b, fx.PRODUCTION, start, "payments: library 19.2")
    line(
        b,
        "payments/lib",
        b.between("wordy", 9, 16),
        Span(start, b.now_ms + 6 * HOUR),
        "event evt_{hex} seen before, not booked twice",
        "unknown field 'presentment_details' in evt_{hex}, passed over",
        "clock of the sender is {small} s behind ours, within bounds",
        level="warn",
    )
    return Told()


def resolved_elsewhere(b: Builder) -> Told:
    """The edge's house reports that its trouble in another continent is resolved; our users sit here, and were well."""
    hour(b, b.between("resolved", 14.6, 16.0))
    end = b.onset_ms - int(b.between("resolved end", 15, 30) * MINUTE)
    incident = StatusIncident(
        start_ms=end - int(b.between("resolved lasted", 35, 70) * MINUTE),
        end_ms=end,
        name="Network performance issues in Santiago",
        impact="minor",
        components=("Santiago, Chile - (SCL)",),
        component_status="partial_outage",
    )
    fx.status_page(b, incident)
    line(
        b,
        "monitoring/neighbours",
        0.3,
        since(b, 0.5),
        "page of the edge: 'Network performance issues in Santiago' is resolved",
    )
    line(
        b,
        "monitoring/neighbours",
        0.2,
        since(b, 0.5),
        "page of the mail house: 'delayed delivery reports' is resolved, mails went out all the time",
    )
    sign_ins(b, "resolved", 0.5, since(b, 2.0), 0.1)
    return Told()


def hiccup(b: Builder) -> Told:
    """Over an hour ago the database's primary changed places, planned by its house; a minute later all was over."""
    hour(b, b.between("hiccup", 18.9, 20.1))
    span = minutes(b, b.between("hiccup", 0.6, 0.95))
    lost = "place taken by fra-1, statement on {table} sent again"
    fx.fail(
        b,
        Fault(
            key="hiccup",
            hits=fx.needing("database", b.between("hiccup share", 0.08, 0.16)),
            span=span,
            status=503,
            took_ms=700.0,
            body={"success": False, "message": "Please try again"},
            entries=(
                Entry(texts=("no answer for {route} while places changed, caller was asked to come again",)),
                Entry(service="database", component="places", level="warn", texts=(lost,), request=False),
            ),
        ),
    )
    fx.database(b, span, errorRate=(1.0, 0.06), avgQueryTime=(1.3, 0.0))
    line(b, "database/places", 8.0, minutes(b, 1, after=1), "fra-1 leads, fra-3 follows, {n} sessions back, none open")
    return Told()


def hackers_title(b: Builder) -> Told:
    """A comedy with a title like a hacker's joke is the talk of the evening; people search for it and find it."""
    hour(b, b.between("title", 20.8, 22.0))
    span = since(b, 0.6, ramp_s=1500)
    who = homes(b, "title", 500)
    words = (
        "/api/pitches/search?q=Robert%27%29%3B+DROP+TABLE+Heroes%3B--",
        "/api/pitches/search?q=drop+table+heroes",
        "/api/pitches/search?q=robert%27+drop+table",
    )
    rate = b.between("title", 2.0, 4.0)
    guests(b, "/api/pitches/search", rate, span, who, AGENTS, {200: 1.0}, urls=words, logged=0.8, took_ms=160.0)
    fx.surge(b, span, 1.2, ("/pitches", "/api/pitches/trending", "/api/media/thumbnail"))
    line(b, "pitch/search", 1.0, span, "words bound as parameters, pitch 40417 'DROP TABLE Heroes' found at place 1")
    line(b, "security/triage", 0.1, span, "rule 942100 counted a film title, request let through ({ip})", level="warn")
    return Told()


def extension(b: Builder) -> Told:
    """A popular coupon extension of browsers stumbles over its own feet on every site; our pages work as before."""
    hour(b, b.between("extension", 12.3, 13.8))
    fx.stumble(
        b,
        Fault(
            key="extension",
            hits=fx.of(PAGES, b.between("extension", 0.015, 0.03)),
            span=since(b, b.between("extension since", 2, 5), ramp_s=3600),
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="browser",
                    texts=("Uncaught TypeError: coupon.find is not a function (chrome-extension://{hex}/inject.js)",),
                    stack="TypeError: coupon.find is not a function\n    at chrome-extension://kfo/inject.js:1:20733",
                    metadata='{{"browser":"Chrome 142","origin":"extension"}}',
                    delay_ms=1500.0,
                ),
            ),
            tracked=Tracked(
                type="TypeError",
                value="coupon.find is not a function",
                culprit="chrome-extension://kfo/inject.js",
                project="pitchey-frontend",
                share=0.3,
            ),
        ),
    )
    line(b, "frontend/browser", 0.2, since(b, 2.0), "script of an extension failed, page was usable after {ms} ms")
    return Told()


SCENARIOS = (
    still("rattle", "The internet rattles at doors", rattle, ("security", "triage"), (10, 30)),
    still(
        "old_bookmark", "A page given up in spring", old_bookmark, ("frontend", "triage"), (15, 40), ("few_typists",)
    ),
    still("wrong_type", "A partner sends another type", wrong_type, ("error_rate", "triage"), (10, 30)),
    still("wordy_library", "A wordy library", wordy_library, ("triage", "error_rate"), (10, 30)),
    still(
        "resolved_elsewhere",
        "Resolved, and far away",
        resolved_elsewhere,
        ("outage", "triage"),
        (20, 45),
        ("unrelated_deployment",),
    ),
    still("hiccup", "A minute, more than an hour ago", hiccup, ("outage", "database"), (78, 115)),
    still("hackers_title", "A film with a hacker's title", hackers_title, ("security", "triage"), (20, 45)),
    still("extension", "A browser extension stumbles", extension, ("frontend", "error_rate"), (20, 45)),
)
