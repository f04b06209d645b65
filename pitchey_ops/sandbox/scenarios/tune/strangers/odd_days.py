"""Days that look odd, and all is well."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Crowd, Entry, Slow, Span
from ....platform import BROWSERS, CRAWLERS
from ....scenario import Told
from ..unseen_once._parts import at_hour, homes
from ._parts import calm, deprecations, hourly_job, retired_check, usual_guessers, yellow_index

AGENTS = tuple(agent for agent, _ in BROWSERS)


def bulk_import(b: Builder) -> Told:
    """A partner brings its whole catalogue by night, as agreed: many new pitches, some of them known already."""
    at_hour(b, 22.4)
    span = Span(b.onset_ms, b.now_ms + HOUR, ramp_s=120)
    for path, method, per_min, outcomes in (
        ("/api/pitches/create", "POST", b.between("rate", 16, 24), {201: 0.93, 409: 0.07}),
        ("/api/upload/presign", "POST", 9.0, {200: 1.0}),
        ("/api/upload/complete", "POST", 8.0, {201: 1.0}),
    ):
        fx.crowd(
            b,
            Crowd(
                key=f"bulk import {path}",
                route=path,
                method=method,
                per_min=per_min,
                span=span,
                addresses=("193.141.27.88",),
                agents=("NordicFilmFund-Sync/2.4 (+tech@nff.example)",),
                outcomes=outcomes,
                logged=0.6,
                user="u00310",
                took_ms=260.0,
            ),
        )
    progress = Entry(
        service="pitch",
        level="info",
        component="import",
        request=False,
        texts=(
            "import nff-2026-11: batch {n} of 60 stored",
            "import nff-2026-11: {small} titles known, kept as they were",
        ),
    )
    fx.say(b, "bulk import", progress, 3.0, span)
    fx.database(b, span, queryCount=(1.35, 0.0), activeConnections=(1.1, 0.5))
    return Told()


def pushed(b: Builder) -> Told:
    """A message to every phone: three times the people within two minutes, gone again after a quarter of an hour."""
    at_hour(b, 17.6)
    start = b.onset_ms
    app = ("/api/pitches", "/api/pitches/trending", "/api/notifications", "/api/media/thumbnail", "/api/auth/refresh")
    for key, begin, minutes, factor in (("peak", 0, 6, 2.8), ("after", 6, 5, 1.9), ("tail", 11, 6, 1.3)):
        span = Span(start + begin * MINUTE, start + (begin + minutes) * MINUTE, ramp_s=100 if key == "peak" else 0)
        fx.surge(b, span, factor * b.between(key, 0.95, 1.1), app)
    sent = Entry(
        service="notification",
        level="info",
        component="push",
        request=False,
        texts=("push campaign premiere-night: {waiting} accepted by apns", "push campaign premiere-night: {n} by fcm"),
    )
    fx.say(b, "pushed", sent, 20.0, Span(start - MINUTE, start + 3 * MINUTE))
    gone = Entry(
        service="notification",
        level="warn",
        component="push",
        request=False,
        texts=("apns 410 Unregistered for {user}, token removed", "fcm UNREGISTERED for {user}, token removed"),
    )
    fx.say(b, "pushed gone", gone, 6.0, Span(start - MINUTE, start + 5 * MINUTE))
    return Told()


def test_of_yesterday(b: Builder) -> Told:
    """Hired testers tried the doors yesterday for two hours; their traces are in every list, and long over."""
    at_hour(b, 13.2)
    start = b.now_ms - int(b.between("yesterday", 21, 25) * HOUR)
    span = Span(start, start + 2 * HOUR)
    for path, urls in (
        ("/api/pitches/search", ("/api/pitches/search?q=%27%20OR%201=1--", "/api/pitches/search?q=%3Csvg/onload=1%3E")),
        ("/api/browse", ("/api/browse?genre=..%2f..%2fetc%2fpasswd", "/api/browse?genre=%24%7B7*7%7D")),
    ):
        fx.crowd(
            b,
            Crowd(
                key=f"yesterday {path}",
                route=path,
                per_min=18.0,
                span=span,
                addresses=fx.strangers(b, "yesterday", 2, "91.198.174."),
                agents=("Mozilla/5.0 (X11; Linux x86_64) Burp/2026.9",),
                urls=urls,
                outcomes={400: 0.6, 200: 0.36, 500: 0.04},
                logged=0.9,
                blocked=0.3,
                rule="managed-942100",
            ),
        )
    fx.security_events(b, "sql_injection_attempt", span, 5.0)
    fx.security_events(b, "xss_attempt", span, 3.0)
    return Told()


def recrawled(b: Builder) -> Told:
    """A new site map was handed in: two search engines come for everything, and many addresses have moved."""
    at_hour(b, 6.2)
    note = Entry(
        service="search-index",
        level="info",
        component="sitemap",
        request=False,
        texts=("sitemap submitted to search consoles, {id} urls", "sitemap-pitches-{small}.xml written"),
    )
    fx.say(b, "recrawled", note, 1.0, Span(b.onset_ms - 25 * MINUTE, b.onset_ms - 15 * MINUTE))
    for agent, network in CRAWLERS[:2]:
        for path, per_min in (("/pitches", 9.0), ("/api/pitches", 7.0), ("/api/media/thumbnail", 6.0)):
            fx.crowd(
                b,
                Crowd(
                    key=f"recrawled {network} {path}",
                    route=path,
                    per_min=per_min,
                    span=Span(b.onset_ms - 12 * MINUTE, b.now_ms + 2 * HOUR, ramp_s=900),
                    addresses=fx.strangers(b, f"recrawled {network}", 14, network),
                    agents=(agent,),
                    urls=(f"{path}?slug={{hex}}", f"{path}?page={{n}}"),
                    outcomes={200: 0.86, 301: 0.03, 404: 0.11},
                    logged=0.4,
                    service="frontend",
                ),
            )
    return Told()


def after_holiday(b: Builder) -> Told:
    """The morning after the holidays: everybody signs in, and many need two or three tries, each from home."""
    at_hour(b, 8.9)
    usual_guessers(b)
    span = Span(b.onset_ms - 30 * MINUTE, b.now_ms + 2 * HOUR, ramp_s=1500)
    fx.surge(b, span, b.between("holiday", 2.2, 2.8), ("/api/auth/login", "/login"))
    people = 70
    addresses = homes(b, "after holiday", people)
    begins = sorted(b.rng("after holiday").integers(b.onset_ms, b.now_ms + HOUR, people).tolist())
    for number, (address, begin) in enumerate(zip(addresses, begins, strict=True)):
        for key, outcome, after, rate in (("wrong", 401, 0, 1.7), ("right", 200, 2, 1.0)):
            fx.crowd(
                b,
                Crowd(
                    key=f"{key} {number}",
                    route="/api/auth/login",
                    method="POST",
                    per_min=rate,
                    span=Span(begin + after * MINUTE, begin + (after + 1) * MINUTE),
                    addresses=(address,),
                    agents=AGENTS[number % len(AGENTS) : number % len(AGENTS) + 1],
                    accounts=(f"u{1000 + 37 * number:05d}",),
                    outcomes={outcome: 1.0},
                    logged=1.0,
                ),
            )
    return Told()


def rolled_back(b: Builder) -> Told:
    """A release was taken back out of caution, because of a misspelt button; neither did any harm."""
    at_hour(b, 14.0)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms - 41 * MINUTE, "checkout: new wording")
    fx.deploy(b, "pitchey-frontend", b.onset_ms - 39 * MINUTE, "checkout: new wording")
    fx.deploy(b, fx.PRODUCTION, b.onset_ms, "Rollback: checkout: new wording", source="dash")
    fx.deploy(b, "pitchey-frontend", b.onset_ms + 70_000, "Rollback: checkout: new wording", source="dash")
    hourly_job(b)
    yellow_index(b)
    return Told()


def added_column(b: Builder) -> Told:
    """A migration adds a column that may be empty: a second of waiting, a few notices, and nobody is hurt."""
    at_hour(b, 10.0)
    fx.deploy(b, "pitchey-migrations", b.onset_ms - 20_000, "0099 add subtitle (nullable), drop unused index")
    span = Span(b.onset_ms, b.onset_ms + 50_000)
    notes = Entry(
        service="database",
        level="info",
        component="migrate",
        request=False,
        texts=(
            'NOTICE: column "subtitle" of relation "pitches" already exists, skipping',
            "applied 0099 step {small} of 9 in {ms} ms",
            "ALTER TABLE pitches ADD COLUMN subtitle text",
        ),
    )
    fx.say(b, "added column", notes, 9.0, Span(span.start_ms - 15_000, span.end_ms))
    slow = Slow(key="added column", hits=fx.needing("database", 0.25), span=span, add_ms=210.0, service="database")
    fx.slow(b, slow)
    fx.database(b, span, lockWaits=(1.0, 3.0))
    return Told()


def grumbling(b: Builder) -> Told:
    """All that always grumbles: old libraries, a job of every hour, a check of what is gone, guesses at the door."""
    at_hour(b, 20.9)
    deprecations(b, 42.0)
    hourly_job(b)
    retired_check(b)
    usual_guessers(b)
    return Told()


SCENARIOS = (
    calm("odd_fine_bulk_import", "A partner brings its catalogue", bulk_import, onset_min=(25, 45)),
    calm("odd_fine_pushed", "A message to every phone", pushed, onset_min=(13, 22), beside=("unrelated_deployment",)),
    calm("odd_fine_test_of_yesterday", "Yesterday's testers", test_of_yesterday, beside=("crawler_visit",)),
    calm("odd_fine_recrawled", "Search engines come for everything", recrawled, onset_min=(25, 45)),
    calm("odd_fine_after_holiday", "The morning after the holidays", after_holiday, onset_min=(25, 40)),
    calm("odd_fine_rolled_back", "Taken back out of caution", rolled_back, onset_min=(9, 18)),
    calm("odd_fine_added_column", "A column added", added_column, onset_min=(12, 24), beside=("logs_lost",)),
    calm("odd_fine_grumbling", "All that always grumbles", grumbling, beside=("clock_skew", "noisy_neighbour")),
)
