"""Days on which our own people do their work, and nothing is wrong."""

from .... import effects as fx
from ....builder import DAY, HOUR, MINUTE, Builder, Silence, Slow, Span
from ....scenario import Told
from ._parts import (
    at_hour,
    audited,
    calm,
    deprecations,
    hourly_job,
    phone_in_tunnel,
    ratings_feed,
    retired_check,
    told,
    usual_guessers,
    yellow_index,
)


def backup(b: Builder) -> Told:
    """The nightly backup runs: the database is a little slower for half an hour and says a few long sentences."""
    at_hour(b, 2.9)
    hourly_job(b)
    for day in range(7):
        start = b.onset_ms - day * DAY
        span = Span(start, start + 35 * MINUTE, ramp_s=120)
        told(
            b,
            f"backup {day}",
            "database",
            "backup",
            1.5,
            span,
            "pg_basebackup: 2{id}/48211000 kB ({n}%), 1/1 tablespace",
            "slow query: COPY {table} TO STDOUT took {slow_ms} ms (pg_dump)",
            level="info",
        )
        waits = fx.needing("database", 0.4)
        fx.slow(b, Slow(key=f"backup {day}", hits=waits, span=span, factor=1.1, add_ms=9.0, service="database"))
        fx.database(b, span, activeConnections=(1.0, 2.0), slowQueries=(1.0, 1.0), p99QueryTime=(1.15, 0.0))
    return Told()


def certificates(b: Builder) -> Told:
    """Certificates are renewed, days before their end: many lines about keys and expiry, and no visitor notices."""
    at_hour(b, 4.2)
    retired_check(b)
    told(
        b,
        "certificates",
        "infra",
        "certbot",
        5.0,
        Span(b.onset_ms, b.onset_ms + 9 * MINUTE),
        "certificate for media.pitchey.example expires in 9 days, renewing",
        "urn:ietf:params:acme:error:rateLimited: too many certificates already issued, will try again tomorrow",
        "Congratulations, all renewals succeeded: /etc/letsencrypt/live/media.pitchey.example/fullchain.pem (success)",
        "deploy-hook: reloaded, old key kept for 24 h",
        level="warn",
    )
    audited(b, "replaced", b.onset_ms + 9 * MINUTE, "certificate of media.pitchey.example replaced, valid for 90 days")
    return Told()


def needless_partner(b: Builder) -> Told:
    """The partner for film ratings is down and a library is old: loud, for a day now, and of no use to any visitor."""
    at_hour(b, 16.4)
    ratings_feed(b, 14.0)
    deprecations(b, 20.0)
    yellow_index(b)
    return Told()


def dark_launch(b: Builder) -> Told:
    """The new search is asked in the shadow of the old one: it is often wrong and says so; people see the old one."""
    at_hour(b, 15.0)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms, "search v2 in shadow mode, 5 percent, answers thrown away")
    told(
        b,
        "dark launch",
        "search-index",
        "shadow",
        9.0,
        Span(b.onset_ms + MINUTE, b.now_ms + 5 * HOUR, ramp_s=120),
        "shadow mismatch for q={hex}: v1 {n} hits, v2 {small} hits",
        "shadow v2 failed: TypeError: Cannot read properties of undefined (reading 'score') (ignored, v1 served)",
        level="warn",
    )
    return Told()


def two_variants(b: Builder) -> Told:
    """Half of the people see a new front page, a little heavier but well within what is good; more of them sign up."""
    at_hour(b, 17.5)
    phone_in_tunnel(b)
    fx.deploy(b, "pitchey-frontend", b.onset_ms, "experiment hero-b, 50 percent")
    span = Span(b.onset_ms, b.now_ms + 5 * HOUR, ramp_s=300)
    fx.vitals(b, span, {"lcp": (1.06, 0.0), "cls": (1.1, 0.0)}, url=("/",))
    fx.surge(b, span, 1.25, ("/api/auth/register",))
    told(
        b,
        "two variants",
        "analytics",
        "experiments",
        3.0,
        span,
        "experiment hero-b: exposure {user} variant=b",
        "experiment hero-b: sample ratio 0.50{small}, no alarm",
        level="info",
    )
    return Told()


def rehearsal(b: Builder) -> Told:
    """A rehearsed change of the database's leader, an hour ago: a breath of silence, a few reconnects, all retried."""
    at_hour(b, 7.4)
    usual_guessers(b)
    start = b.onset_ms
    audited(
        b, "game day", start - 2 * MINUTE, "game day: planned switchover of pitchey-db announced for the next minutes"
    )
    told(
        b,
        "rehearsal",
        "database",
        "patroni",
        8.0,
        Span(start, start + 90_000),
        "INFO: promoted self to leader by acquiring session lock",
        "server closed the connection unexpectedly, reconnected in {ms} ms, statement repeated",
        "FATAL: terminating connection due to administrator command (session was idle)",
        level="warn",
    )
    span = Span(start, start + 20_000)
    waits = fx.needing("database", 0.5)
    fx.slow(b, Slow(key="rehearsal", hits=waits, span=span, add_ms=350.0, service="database"))
    told(
        b,
        "rehearsal done",
        "database",
        "patroni",
        0.5,
        Span(start + 2 * MINUTE, b.now_ms + 5 * HOUR),
        "INFO: no action. I am (db-2), the leader with the lock",
        level="info",
    )
    return Told()


def verbose(b: Builder) -> Told:
    """Somebody left the log on its highest level: many more words, full of 'error' and 'failed', all of them zeros."""
    at_hour(b, 13.0)
    fx.silence(b, Silence(key="verbose archive", what="archive", span=b.always(), share=0.1))
    span = Span(b.onset_ms, b.now_ms + 5 * HOUR)
    audited(
        b, "log level", b.onset_ms, "setting log.level of browse and payments: info -> trace (miro, until this evening)"
    )
    told(
        b,
        "verbose",
        "browse",
        "trace",
        45.0,
        span,
        "retry policy: attempt 1 of 3, last error: none, failed=0",
        "circuit state=closed errors=0 timeouts=0 rejected=0",
        "fallback not needed for {hex}, error budget 100.0%",
        level="debug",
    )
    told(
        b,
        "verbose payments",
        "payments",
        "trace",
        20.0,
        span,
        "http: 200 OK from api.stripe.com in {ms} ms, exception=null",
        "signature verified, no error",
        level="debug",
    )
    return Told()


SCENARIOS = (
    calm("via_fine_backup", "The nightly backup", backup, onset_min=(14, 24)),
    calm("via_fine_certificates", "Certificates renewed", certificates, onset_min=(12, 25), beside=("logs_lost",)),
    calm("via_fine_needless_partner", "A partner that nobody needs", needless_partner, beside=("few_typists",)),
    calm("via_fine_dark_launch", "A search in the shadow", dark_launch, onset_min=(20, 40)),
    calm("via_fine_two_variants", "Two front pages", two_variants, onset_min=(50, 90), beside=("crawler_visit",)),
    calm("via_fine_rehearsal", "A rehearsed change of leader", rehearsal, onset_min=(50, 75)),
    calm("via_fine_verbose", "A log on its highest level", verbose, onset_min=(20, 45), beside=("slow_sidekick",)),
)
