"""Days on which machines behave unusually, and all is well."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Crowd, Entry, Slow, Span
from ....platform import BROWSERS, CRAWLERS, MONITORS
from ....scenario import Told
from ....world import StatusIncident
from ._parts import at_hour, bounces, calm, clumsy_partner, doorknobs, extensions


def three_releases(b: Builder) -> Told:
    """A release train: production, frontend and two helpers within a quarter of an hour, all fine."""
    at_hour(b, 14.4)
    for minutes, script, message in (
        (14, fx.PRODUCTION, "release 2026.47"),
        (11, "pitchey-frontend", "release 2026.47"),
        (6, "pitchey-apm", "raise sampling"),
        (3, "pitchey-security", "new rule texts"),
    ):
        fx.deploy(b, script, b.now_ms - minutes * MINUTE, message)
    return Told()


def two_crawlers(b: Builder) -> Told:
    """Two search engines at once, one of them in a hurry."""
    at_hour(b, 2.6)
    for (agent, network), rate in zip(CRAWLERS[1:3], (11.0, 24.0), strict=True):
        for path in ("/api/browse", "/pitches"):
            fx.crowd(
                b,
                Crowd(
                    key=f"{network} {path}",
                    route=path,
                    per_min=rate / 2,
                    span=Span(b.onset_ms - 30 * MINUTE, b.now_ms + HOUR, ramp_s=300),
                    addresses=fx.strangers(b, network, 9, network),
                    agents=(agent,),
                    urls=(path + "?page={n}", path + "?genre=drama&page={n}"),
                    logged=0.3,
                    outcomes={200: 0.95, 404: 0.05},
                ),
            )
    return Told()


def maintenance(b: Builder) -> Told:
    """Planned and announced: the provider moves our database to a new host, a second of waiting and no more."""
    at_hour(b, 3.0)
    start = b.onset_ms
    notes = Entry(
        service="database",
        level="info",
        component="maintenance",
        request=False,
        texts=("planned maintenance CHG-2291: compute restarted on a new host", "CHG-2291: {small} of 9 steps done"),
    )
    fx.say(b, "maintenance", notes, 0.8, Span(start - 10 * MINUTE, start + 20 * MINUTE))
    fx.slow(
        b, Slow(key="maintenance", hits=fx.needing("database", 0.3), span=Span(start, start + 40_000), add_ms=250.0)
    )
    fx.status_page(
        b,
        StatusIncident(
            start_ms=start - HOUR,
            end_ms=None,
            name="Scheduled maintenance in FRA (Frankfurt)",
            impact="none",
            components=("Frankfurt, Germany - (FRA)",),
            component_status="under_maintenance",
        ),
    )
    return Told()


def night_batch(b: Builder) -> Told:
    """The export of the month runs: many queries, some of them long, nobody waits for it."""
    at_hour(b, 1.2)
    span = Span(b.onset_ms - 10 * MINUTE, b.now_ms + HOUR, ramp_s=120)
    fx.database(b, span, queryCount=(1.8, 0.0), activeConnections=(1.2, 1.0), slowQueries=(1.0, 1.0))
    batch = Entry(
        service="analytics",
        level="info",
        component="export",
        request=False,
        texts=("monthly export: {n} of 60 chunks written, {size} rows", "monthly export: chunk {n} took {slow_ms} ms"),
    )
    fx.say(b, "batch", batch, 5.0, span)
    return Told()


def pen_test(b: Builder) -> Told:
    """A test that the administrator announced, from our own address, with the ticket in every request."""
    at_hour(b, 11.0)
    agent = "pitchey-ops-probe/1.0 (+ops@pitchey.example) authorised-test SEC-142"
    span = Span(b.onset_ms, b.now_ms + HOUR)
    for path, urls in (
        (
            "/api/pitches/search",
            ("/api/pitches/search?q=SEC-142%20%27%20OR%201=1", "/api/pitches/search?q=SEC-142%20{n}"),
        ),
        ("/api/browse", ("/api/browse?genre=%3Cb%3ESEC-142%3C/b%3E", "/api/browse?genre=SEC-142")),
    ):
        fx.crowd(
            b,
            Crowd(
                key=f"pen test {path}",
                route=path,
                per_min=b.between("rate", 3, 5),
                span=span,
                addresses=(MONITORS[0][1],),
                agents=(agent,),
                urls=urls,
                logged=0.9,
                outcomes={200: 0.7, 400: 0.3},
            ),
        )
    note = Entry(
        service="security",
        level="info",
        component="scanner",
        request=False,
        texts=("authorised penetration test SEC-142 announced by admin.dana, source 198.51.100.21",),
    )
    fx.say(b, "pen test", note, 0.3, Span(b.onset_ms - 15 * MINUTE, b.now_ms + HOUR))
    return Told()


def partner(b: Builder) -> Told:
    """A festival connects its program for the first time: every second request is wrong, at a few a minute."""
    at_hour(b, 16.0)
    fx.crowd(
        b,
        Crowd(
            key="partner",
            route="/api/pitches",
            per_min=b.between("rate", 7, 12),
            span=Span(b.onset_ms - 20 * MINUTE, b.now_ms + 2 * HOUR),
            addresses=("185.93.44.17", "185.93.44.18"),
            agents=("CineMarket-Integration/0.3 (dev@cinemarket.example)",),
            urls=("/api/pitches?external={hex}", "/api/pitches?page=-{n}", "/api/pitches?fields=title,year"),
            outcomes={200: 0.45, 404: 0.35, 400: 0.15, 422: 0.05},
            logged=0.5,
        ),
    )
    return Told()


def watched(b: Builder) -> Told:
    """Somebody set all monitors to every two seconds."""
    at_hour(b, 12.2)
    for path in ("/api/health", "/"):
        fx.crowd(
            b,
            Crowd(
                key=f"watched {path}",
                route=path,
                per_min=30.0,
                span=Span(b.onset_ms, b.now_ms + 2 * HOUR),
                addresses=tuple(address for _, address in MONITORS),
                agents=tuple(agent for agent, _ in MONITORS),
                logged=0.2,
                took_ms=14.0,
            ),
        )
    return Told()


def replay(b: Builder) -> Told:
    """The payment provider sends its events of the day again, as asked; all of them are taken."""
    at_hour(b, 17.0)
    fx.surge(b, Span(b.onset_ms, b.onset_ms + 30 * MINUTE), 8.0, ("/api/payments/webhook",))
    note = Entry(
        service="payments",
        level="info",
        component="webhook",
        request=False,
        texts=("event evt_{hex} seen before, skipped", "event evt_{hex} accepted (resent)"),
        metadata='{{"provider":"stripe"}}',
    )
    fx.say(b, "replay", note, 4.0, Span(b.onset_ms, b.onset_ms + 30 * MINUTE))
    return Told()


def resolved(b: Builder) -> Told:
    """Cloudflare had trouble this morning that did not touch us, and says that it is over."""
    at_hour(b, 15.0)
    fx.status_page(
        b,
        StatusIncident(
            start_ms=b.now_ms - 7 * HOUR,
            end_ms=b.now_ms - 5 * HOUR,
            name="Stream: delays in video encoding",
            impact="minor",
            components=("Stream",),
        ),
    )
    return Told()


def purged(b: Builder) -> Told:
    """The frontend was released and the edge's cache emptied: a little slower for some minutes."""
    at_hour(b, 18.6)
    at = b.onset_ms
    fx.deploy(b, "pitchey-frontend", at, "typography")
    pages = ("/", "/pitches", "/login", "/dashboard")
    span = Span(at, at + 6 * MINUTE)
    b.edge_cache.append((pages, span, 0.4))
    fx.vitals(b, span, {"ttfb": (1.15, 20.0)})
    return Told()


def talkative(b: Builder) -> Told:
    """Debug output was switched on for the gateway and forgotten."""
    at_hour(b, 21.4)
    entry = Entry(
        service="api-gateway",
        level="debug",
        component="router",
        request=False,
        texts=("match {route} in {small} us", "headers of {hex}: {n} fields", "no error: retry budget {n} left"),
    )
    fx.say(b, "talkative", entry, 40.0, Span(b.onset_ms - HOUR, b.now_ms + 5 * HOUR))
    return Told()


def background(b: Builder) -> Told:
    """Everything that always happens, on one afternoon: doorknobs, extensions, bounces, a clumsy partner."""
    at_hour(b, 16.9)
    doorknobs(b)
    extensions(b)
    bounces(b)
    clumsy_partner(b)
    return Told()


def app_test(b: Builder) -> Told:
    """Testers walk through a new app with their own accounts, a few refused for want of rights."""
    at_hour(b, 10.0)
    for path, outcomes in (
        ("/api/creator/dashboard", {200: 0.8, 401: 0.2}),
        ("/api/investor/interest", {201: 0.7, 403: 0.3}),
    ):
        fx.crowd(
            b,
            Crowd(
                key=f"app test {path}",
                route=path,
                method="POST" if path.endswith("interest") else "GET",
                per_min=2.0,
                span=Span(b.onset_ms, b.now_ms + HOUR),
                addresses=("188.40.12.77", "188.40.12.78"),
                agents=("PitcheyApp/5.0.0-beta3 (Android 15; okhttp/4.12.0)", BROWSERS[2][0]),
                outcomes=outcomes,
                logged=0.6,
            ),
        )
    return Told()


SCENARIOS = (
    calm("fine_three_releases", "A release train", three_releases),
    calm("fine_two_crawlers", "Two search engines", two_crawlers),
    calm("fine_maintenance", "Planned maintenance", maintenance, onset_min=(20, 30)),
    calm("fine_night_batch", "A batch job at night", night_batch, onset_min=(20, 40), beside=("noisy_neighbour",)),
    calm("fine_pen_test", "An announced test", pen_test, onset_min=(20, 40)),
    calm("fine_partner", "A partner's first steps", partner),
    calm("fine_watched", "Monitors in a hurry", watched),
    calm("fine_replay", "Events sent again", replay, onset_min=(15, 35)),
    calm("fine_resolved", "Trouble elsewhere, over", resolved, beside=("unrelated_deployment",)),
    calm("fine_purged", "A cache emptied", purged, onset_min=(20, 35)),
    calm("fine_talkative", "Debug output left on", talkative, beside=("slow_sidekick",)),
    calm("fine_background", "All that always happens", background, beside=("clock_skew", "logs_lost")),
    calm("fine_app_test", "Testers of a new app", app_test, onset_min=(20, 40)),
)
