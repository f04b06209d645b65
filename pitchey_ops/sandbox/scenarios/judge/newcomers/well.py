"""Days that look odd, on which nothing is wrong."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Crowd, Entry, Fault, Span, Tracked
from ....platform import BROWSERS
from ....scenario import Told
from ._parts import deprecated, fine, healed, hour_is, old_client, other_products, page_release, people, strict_policy


def renewals(b: Builder) -> Told:
    """Certificates are renewed by themselves, as every two months, with much talk of what expires."""
    hour_is(b, 11.2)
    page_release(b)
    span = Span(b.onset_ms, b.onset_ms + 25 * MINUTE)
    talk = Entry(
        service="api-gateway",
        level="warn",
        component="acme",
        request=False,
        texts=(
            "certificate for api.pitchey.example expires in 29 days, renewing",
            "acme: order {id} authorization pending, http-01 challenge self check failed, will retry",
            "acme: order {id} status=valid, certificate issued, serial 04{hex}",
            "old certificate 04{hex} revoked (superseded); 0 connections were using it",
        ),
    )
    fx.say(b, "renewals", talk, 3.0, span)
    return Told()


def neighbour_stage(b: Builder) -> Told:
    """The staging system writes into our log by mistake, and staging is in ruins."""
    hour_is(b, 15.3)
    deprecated(b)
    span = Span(b.onset_ms, b.now_ms + 5 * HOUR)
    loud = Entry(
        service="staging-api",
        level="error",
        component="handler",
        request=False,
        metadata='{{"environment":"staging","deployment":"pr-1182"}}',
        texts=(
            "[staging] connect ECONNREFUSED 127.0.0.1:5432 (GET /api/pitches)",
            '[staging] PostgresError: relation "pitches" does not exist',
            "[staging] seed failed: duplicate key value violates unique constraint; run {hex}",
        ),
    )
    fx.say(b, "neighbour stage", loud, b.between("loud", 14, 24), span)
    worker = Entry(
        service="staging-worker",
        level="fatal",
        component="queue",
        request=False,
        metadata='{{"environment":"staging","deployment":"pr-1182"}}',
        texts=("[staging] FATAL: password authentication failed for user staging_rw", "[staging] giving up job {hex}"),
    )
    fx.say(b, "neighbour worker", worker, 4.0, span)
    return Told()


def held_back(b: Builder) -> Told:
    """A partner's new program asks far too often and is told so, politely, as the contract says; it slows down."""
    hour_is(b, 13.6)
    healed(b)
    for key, start, end, per_min, refused in (
        ("hasty", b.onset_ms, b.onset_ms + 12 * MINUTE, 34.0, 0.72),
        ("patient", b.onset_ms + 12 * MINUTE, b.now_ms + 3 * HOUR, 11.0, 0.05),
    ):
        fx.crowd(
            b,
            Crowd(
                key=f"held back {key}",
                route="/api/browse",
                per_min=per_min,
                span=Span(start, end),
                addresses=("193.17.90.44",),
                agents=("ReelIndex-Partner/2.0 (+integrations@reelindex.example)",),
                urls=("/api/browse?partner=reelindex&page={n}",),
                outcomes={200: 1 - refused, 429: refused},
                logged=0.5,
                user="partner-reelindex",
                metadata='{{"plan":"partner","quota":"10/min"}}',
                entries=(
                    Entry(
                        service="api-gateway",
                        level="info",
                        component="quota",
                        share=0.15,
                        most_per_min=6,
                        texts=("partner-reelindex over its 10/min, answered 429 Retry-After=30",),
                    ),
                ),
            ),
        )
    return Told()


def no_error(b: Builder) -> Told:
    """A new logging library writes every success as an error that is none."""
    hour_is(b, 20.3)
    other_products(b)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms - 20_000, "pino -> logtape")
    span = Span(b.onset_ms, b.now_ms + 5 * HOUR)
    for service, per_min, texts in (
        ("payments", 6.0, ("error=null status=succeeded intent=pi_{hex}", "ERR 0: ok (charge captured)")),
        ("notification", 16.0, ("err: undefined queued={n} user={user}", "Error code 0, delivered")),
        ("analytics", 9.0, ("flush error: <nil> events={n}",)),
    ):
        entry = Entry(service=service, level="error", component="logtape", request=False, texts=texts)
        fx.say(b, f"no error {service}", entry, per_min, span)
    return Told()


def day_after(b: Builder) -> Told:
    """Yesterday evening the database was away for half an hour; it was mended, and people still talk of it."""
    hour_is(b, 14.3)
    old_client(b)
    start = b.now_ms - int(b.between("ago", 17, 20) * HOUR)
    span = Span(start, start + 34 * MINUTE)
    fx.deploy(b, fx.PRODUCTION, start - 2 * MINUTE, "saved searches")
    fx.deploy(b, fx.PRODUCTION, span.end_ms - MINUTE, "Rollback to the previous version")
    fx.fail(
        b,
        Fault(
            key="yesterday",
            hits=fx.needing("database", 0.8),
            span=span,
            status=500,
            took_ms=900.0,
            entries=(
                Entry(
                    service="database",
                    component="postgres",
                    request=False,
                    texts=("FATAL:  the database system is shutting down",),
                ),
                Entry(texts=("Error: Connection terminated unexpectedly ({route})",), component="handler"),
            ),
            tracked=Tracked(type="Error", value="Connection terminated unexpectedly", culprit="end(node_modules/pg)"),
        ),
    )
    fx.database(b, span, errorRate=0.8, activeConnections=0.0, queryCount=(0.2, 0.0))
    talk = Entry(
        service="messaging",
        level="info",
        component="support",
        request=False,
        texts=(
            "ticket {id}: was your site down yesterday? answered with template apology-1123",
            "ticket {id}: database outage of 22 November, credit granted",
        ),
    )
    fx.say(b, "day after", talk, 0.4, Span(b.now_ms - 5 * HOUR, b.now_ms + 5 * HOUR))
    return Told()


def new_passwords(b: Builder) -> Told:
    """People were asked to choose new passwords; they come, mistype, try again, and are in."""
    hour_is(b, 18.7)
    strict_policy(b)
    span = Span(b.onset_ms, b.now_ms + 2 * HOUR, ramp_s=600)
    fx.surge(b, span, b.between("come", 3.4, 4.4), ("/api/auth/login", "/login", "/api/auth/refresh"))
    homes = people(b, "new passwords", 9)
    for i, home in enumerate(homes):
        begin = b.onset_ms + i * 2 * MINUTE
        for key, start, end, per_min, outcome in (
            ("wrong", begin, begin + 2 * MINUTE, 1.7, 401),
            ("right", begin + 2 * MINUTE, begin + 3 * MINUTE, 1.3, 200),
        ):
            fx.crowd(
                b,
                Crowd(
                    key=f"new password {key} {i}",
                    route="/api/auth/login",
                    method="POST",
                    per_min=per_min,
                    span=Span(start, end),
                    addresses=(home,),
                    agents=(BROWSERS[i % len(BROWSERS)][0],),
                    accounts=(f"u{417 * (i + 1):05d}",),
                    outcomes={outcome: 1.0},
                    logged=1.0,
                ),
            )
    letters = Entry(
        service="email",
        level="info",
        component="sender",
        request=False,
        texts=("sent template=password-reset to {email} provider=sendgrid", "reset link opened by {email}"),
        metadata='{{"provider":"sendgrid","campaign":"choose-a-new-password"}}',
    )
    fx.say(b, "letters", letters, 7.0, Span(b.onset_ms - 10 * MINUTE, b.now_ms + 2 * HOUR))
    return Told()


SCENARIOS = (
    fine("renewals", "Certificates renewed by themselves", renewals, onset_min=(18, 35)),
    fine("neighbour_stage", "Staging in our log", neighbour_stage, onset_min=(22, 45)),
    fine("held_back", "A partner that is told to wait", held_back, onset_min=(20, 34), beside=("clock_skew",)),
    fine("no_error", "Errors that are none", no_error, onset_min=(15, 40)),
    fine("day_after", "The day after", day_after, beside=("crawler_visit",)),
    fine("new_passwords", "New passwords for all", new_passwords, onset_min=(24, 40), beside=("logs_lost",)),
)
