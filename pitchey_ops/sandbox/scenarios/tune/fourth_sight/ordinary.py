"""Days such as most days are: a noon, a night, an evening, each with the scraps that are always there."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Span, WorkerShift
from ....scenario import Told
from ....world import Behaviour
from ._parts import (
    BEHIND_DESKS,
    DESKS,
    READ,
    all_day,
    around,
    at_hour,
    crumbs,
    day,
    onward,
    remembered_late,
    told,
    until,
    visits,
    wait_a_little,
)


def tuesday_noon(b: Builder) -> Told:
    """A Tuesday at noon: two thumbnails fail, the bank is asked twice for one card, someone mistypes."""
    at_hour(b, 12.2)
    crumbs(b, "/api/media/thumbnail", 0.006, until(b, 55, 40), "resize of {hex} gave up: unsupported colour profile")
    remembered_late(b, "noon", "u03318", "79.204.33.150", DESKS[0], 3, b.between("noon", 18, 33))
    told(
        b,
        "noon bank",
        "payments",
        "psp-client",
        0.25,
        all_day(b),
        "authorise {hex}: read timed out after 4 s, second attempt ok in {ms} ms",
        level="warn",
    )
    return Told()


def before_four(b: Builder) -> Told:
    """A quarter to four: the index of the site is written for search engines, a few sleepless people read."""
    at_hour(b, 3.7)
    span = until(b, b.between("index", 16, 26), 9)
    told(
        b,
        "index written",
        "frontend",
        "sitemap",
        3.0,
        span,
        "sitemap part {small} written, {id} addresses",
        "sitemap: pitch {id} has no date of change, that of its creation taken",
        level="info",
    )
    fx.database(b, span, queryCount=(1.9, 40.0), avgQueryTime=(1.1, 0.0))
    fx.surge(b, around(b, 3.0), b.between("sleepless", 0.7, 0.9), BEHIND_DESKS)
    return Told()


def sunday_pancakes(b: Builder) -> Told:
    """Sunday morning: tablets on kitchen tables, trailers that a phone in low power mode will not start alone."""
    at_hour(b, 9.9)
    fx.surge(b, around(b, 2.5), b.between("kitchen", 1.15, 1.4), READ)
    fx.surge(b, around(b, 6.0), 0.55, BEHIND_DESKS)
    told(
        b,
        "low power",
        "frontend",
        "player",
        b.between("low power", 0.8, 1.6),
        b.always(),
        "NotAllowedError: The request is not allowed by the user agent or the platform in the current context "
        "(autoplay, poster shown)",
        level="warn",
    )
    crumbs(b, "/api/browse", 0.003, until(b, 80, 70), "facet 'mood' of filter {hex} came back empty")
    return Told()


def last_of_the_month(b: Builder) -> Told:
    """The last afternoon of the month: invoices are drawn, more is paid, some cards have no more to give."""
    at_hour(b, 16.2)
    busy = ("/api/payments/checkout", "/api/payments/webhook", "/api/investor/portfolio")
    span = Span(b.onset_ms - 2 * HOUR, b.now_ms + 4 * HOUR, ramp_s=2400)
    fx.surge(b, span, b.between("month", 1.7, 2.3), busy)
    fx.database(b, span, queryCount=(1.15, 0.0))
    told(
        b,
        "month cards",
        "payments",
        "stripe",
        0.5,
        span,
        "card declined intent=pi_{hex} code=insufficient_funds, reminder planned",
        "card declined intent=pi_{hex} code=expired_card, holder asked for a new one",
        level="warn",
    )
    told(b, "month invoices", "payments", "invoices", 5.0, span, "invoice {id} drawn for {user}", level="info")
    return Told()


def friday_sofa(b: Builder) -> Told:
    """Friday evening: people come home and stay, screenings fill, and a copy change went out unnoticed."""
    at_hour(b, 20.3)
    fx.surge(b, around(b, 1.5), b.between("sofa", 1.2, 1.5), ("/ws", "/api/messages", "/api/notifications"))
    wait_a_little(b, "sofa", ("/api/messages", "/api/notifications"), around(b, 1.0), 12.0)
    told(
        b,
        "sofa",
        "websocket",
        "rooms",
        1.2,
        around(b, 2.0),
        "peer {hex} went away without a farewell, seat kept for 90 s",
        level="warn",
    )
    return Told()


def watchers_released(b: Builder) -> Told:
    """The workers that watch the platform were deployed one after another, as every second Wednesday."""
    at_hour(b, 10.1)
    for i, script in enumerate(("pitchey-infra", "pitchey-alerts", "pitchey-security")):
        at_ms = b.onset_ms + i * 4 * MINUTE
        fx.deploy(b, script, at_ms, "runtime compatibility date 2026-11-15", author="ci@pitchey.example", source="ci")
        fx.worker(b, WorkerShift(script=script, span=Span(at_ms, at_ms + 2 * MINUTE), cpu=1.6))
    told(
        b,
        "started",
        "infra",
        "boot",
        1.5,
        Span(b.onset_ms, b.onset_ms + 6 * MINUTE),
        "started in {ms} ms, config from kv revision {id}",
        level="info",
    )
    return Told()


def lunch_release(b: Builder) -> Told:
    """Production goes out at lunch; the first requests of each new process take a moment, and two are asked again."""
    at_hour(b, 13.2)
    release = fx.deploy(b, fx.PRODUCTION, b.onset_ms, "inbox: unread first")
    span = Span(b.onset_ms, b.onset_ms + 3 * MINUTE)
    wait_a_little(b, "cold", ("/api/messages", "/api/creator/dashboard", "/api/pitches"), span, 60.0)
    told(
        b,
        "cold start",
        "api-gateway",
        "boot",
        4.0,
        span,
        f"{fx.release_name(release)} ready in {{ms}} ms",
        "connection to messaging not warm yet, asked again after 50 ms",
        level="info",
    )
    crumbs(b, "/api/messages", 0.01, until(b, 70, 55), "thread {id}: cursor is older than 30 days")
    return Told()


def small_store(b: Builder) -> Told:
    """Wednesday; the log store says as ever that a week is too much to read, and the tracker of errors is in repair."""
    at_hour(b, 14.6)
    for service, path, status, body in (
        ("logs", "/logs/query", 500, "Too many API requests by single worker invocation."),
        ("sentry", "", 503, "Sentry is down for planned maintenance"),
    ):
        fx.answer(
            b,
            Behaviour(
                service=service,
                path=path,
                start_ms=b.start_ms if service == "logs" else b.now_ms - HOUR,
                end_ms=b.now_ms + 5 * HOUR,
                status=status,
                kind="text",
                body=body,
            ),
        )
    visits(b, "wednesday", "/pitches", 4.0, onward(b), ("194.25.0.68",), DESKS, {200: 1.0})
    return Told()


SCENARIOS = (
    day("tuesday_noon", "A Tuesday at noon", tuesday_noon, "triage", "outage", onset_min=(20, 40)),
    day("before_four", "Before four in the morning", before_four, "triage", "monitoring", beside=("logs_lost",)),
    day("sunday_pancakes", "Sunday, at breakfast", sunday_pancakes, "triage", "frontend", onset_min=(20, 45)),
    day("last_of_the_month", "The month's last afternoon", last_of_the_month, "triage", "database"),
    day(
        "friday_sofa",
        "Friday on the sofa",
        friday_sofa,
        "triage",
        "performance",
        onset_min=(25, 45),
        beside=("busy_evening", "harmless_production_deployment"),
    ),
    day("watchers_released", "Watchers deployed", watchers_released, "monitoring", "outage", onset_min=(16, 35)),
    day("lunch_release", "A release at lunch", lunch_release, "triage", "error_rate", onset_min=(12, 30)),
    day("small_store", "Two sources that cannot answer", small_store, "triage", "outage", onset_min=(20, 40)),
)
