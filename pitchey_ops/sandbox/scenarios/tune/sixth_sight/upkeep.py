"""Days on which something is moved, copied, sent again or shifted, as planned or soon settled."""

from .... import effects as fx
from ....builder import DAY, HOUR, MINUTE, Builder, Slow, Span, Tracked
from ....scenario import Told
from ._parts import DESKS, around, at_hour, audited, day, homes, long_over, onward, remarked, told, visits


def two_seconds(b: Builder) -> Told:
    """The database moves to its patched twin, as announced: two seconds without writing, all of it asked again."""
    at_hour(b, 22.6)
    audited(b, "twin", b.onset_ms - 20 * MINUTE, "change CHG-3307: blue/green switchover of pitchey-db approved (dana)")
    gap = Span(b.onset_ms, b.onset_ms + 2_300)
    words = "cannot execute UPDATE in a read-only transaction"
    remarked(
        b, "gap", fx.needing("database", 0.7), gap, "retry",
        f"error: {words} (25006), 2nd try ok",
        "Connection terminated unexpectedly, query sent again on a new connection",
        tracked=Tracked(type="PostgresError", value=words, culprit="query(src/db/pool)", share=0.4),
    )  # fmt: skip
    fx.slow(b, Slow(key="gap", hits=fx.needing("database", 0.8), span=gap, add_ms=900.0, service="database"))
    told(
        b, "around the gap", "database", "server", 30.0, Span(b.onset_ms - 30_000, b.onset_ms + MINUTE),
        "FATAL:  terminating connection due to administrator command",
        "LOG:  database system is ready to accept connections",
        "ERROR:  prepared statement \"s_{n}\" does not exist",
    )  # fmt: skip
    told(
        b, "switched", "infra", "rds-events", 2.0, Span(b.onset_ms, b.onset_ms + 4 * MINUTE),
        "Switchover from DB instance pitchey-blue to pitchey-green completed, writes paused for 2 s",
        "DB instance pitchey-blue-old1 renamed, kept read-only until CHG-3307 is closed",
        level="info",
    )  # fmt: skip
    fx.database(b, Span(b.onset_ms, b.onset_ms + 12 * MINUTE), avgQueryTime=(1.12, 0.0))
    return Told()


def already_exists(b: Builder) -> Told:
    """A migration that was half done last week goes over its steps again; each notice of the server counts as error."""
    at_hour(b, 11.1)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms, "migration 0212: tagline, index by status")
    told(
        b, "notices", "database", "migrate", b.between("notices", 14, 22), Span(b.onset_ms, b.onset_ms + 6 * MINUTE),
        "stderr: NOTICE:  column \"tagline\" of relation \"pitches\" already exists, skipping",
        "stderr: NOTICE:  relation \"ix_{table}_status_updated_at\" already exists, skipping",
        "stderr: NOTICE:  identifier \"fk_{table}_moderation_decisions_moderated_by_account_id_accounts_id\" will be "
        "truncated to \"fk_{table}_moderation_decisions_moderated_by_account_id_\"",
        "stderr: NOTICE:  constraint \"chk_budget\" of relation \"pitches\" does not exist, skipping",
    )  # fmt: skip
    rest = Span(b.onset_ms + 2 * MINUTE, b.now_ms + HOUR)
    told(
        b, "backfill", "database", "migrate", 9.0, rest,
        "0212 backfill: 2000 rows of pitches in {ms} ms, waiting {small}00 ms",
        "0212 backfill: lock not available within 50 ms, bundle put back to the end",
        level="info",
    )  # fmt: skip
    fx.database(b, rest, queryCount=(1.1, 10.0), lockWaits=(1.0, 0.4), avgQueryTime=(1.06, 0.0))
    return Told()


def sent_later(b: Builder) -> Told:
    """The house that keeps our mailing lists asks for patience; jobs fail, wait as planned, and are all done since."""
    at_hour(b, 8.3)
    long_over(
        b, "queue moved", {"/api/notifications": 0.3}, b.between("queue moved", 95, 115), 35.0,
        "READONLY You can't write against a read only replica.",
    )  # fmt: skip
    span = Span(b.onset_ms, b.onset_ms + int(b.between("patience", 14, 20) * MINUTE))
    told(
        b, "patience", "list-sync", "sidekiq", b.between("jobs", 10, 16), span,
        "Job raised exception: {{\"class\":\"SyncContactJob\",\"jid\":\"{hex}\",\"retry_count\":{small}}}",
        "Faraday::TooManyRequestsError: the server responded with status 429 (Retry-After: {n})",
    )  # fmt: skip
    done = Span(span.end_ms, span.end_ms + 9 * MINUTE)
    told(b, "done", "list-sync", "sidekiq", 14.0, done, "SyncContactJob jid={hex} done in {ms} ms", level="info")
    told(b, "empty", "list-sync", "sidekiq", 0.5, onward(b), "retry set: 0, dead set: 0", level="info")
    return Told()


def wants_two_hundred(b: Builder) -> Told:
    """A partner's program wants 200 and gets 202, so it sends all again and again, until its engineers mend it."""
    at_hour(b, 13.7)
    span = Span(b.onset_ms, b.now_ms - int(b.between("mended", 6, 11) * MINUTE), ramp_s=500)
    path, who, agent = "/api/partner/events", ("185.60.112.19", "185.60.112.20"), ("Filmkasse-Hooks/2.7 (okhttp/4.12)",)
    metadata = '{{"partner":"filmkasse","event":"fk_{hex}","attempt":{n}}}'
    visits(
        b, "again", path, b.between("again", 28, 46), span, who, agent, {202: 0.12, 409: 0.82, 400: 0.06},
        method="POST", logged=0.7, metadata=metadata, took_ms=14.0,
    )  # fmt: skip
    visits(b, "usual", path, 0.8, b.always(), who, agent, {202: 1.0}, method="POST", logged=1.0, took_ms=20.0)
    told(
        b, "again", "api-gateway", "partner-hooks", 9.0, span,
        "filmkasse: event fk_{hex} taken already, duplicate refused (409)",
        "filmkasse: timestamp outside the tolerance zone, event fk_{hex} is a copy {n} min old (400)",
    )  # fmt: skip
    fixed = Span(span.end_ms, span.end_ms + 3 * MINUTE)
    told(b, "fixed", "api-gateway", "partner-hooks", 1.0, fixed, "filmkasse: no duplicates for 60 s", level="info")
    return Told()


def what_do_you_know(b: Builder) -> Told:
    """After an article on the right to one's own data hundreds ask for theirs; a job packs one parcel after another."""
    at_hour(b, 16.2)
    span = Span(b.onset_ms - HOUR, b.now_ms + 4 * HOUR, ramp_s=1200)
    visits(
        b, "asked", "/api/account/export", b.between("asked", 1.5, 3.0), span, homes(b, "asked", 400), DESKS,
        {202: 0.92, 429: 0.08}, method="POST", service="auth", logged=1.0,
    )  # fmt: skip
    fx.database(b, span, queryCount=(1.35, 0.0), avgQueryTime=(1.1, 0.0), slowQueries=(1.0, 0.5))
    told(
        b, "parcels", "privacy", "export", 8.0, span,
        "parcel of {user}: {table} read, {n} rows, seq scan in {slow_ms} ms on the reading copy",
        "parcel of {user} stored as dsar/{hex}.zip ({size} bytes), link valid for 7 days",
        level="info",
    )  # fmt: skip
    told(
        b, "gaps", "privacy", "export", 1.6, span,
        "parcel of {user}: object media/{hex} not found (NoSuchKey), named in missing.txt",
        "parcel of {user}: one export a day, second wish refused",
        level="warn",
    )  # fmt: skip
    return Told()


def an_hour_later(b: Builder) -> Told:
    """Clocks went back tonight: what runs at seven in Berlin runs an hour later by UTC, and a watcher misses it."""
    at_hour(b, 6.1)
    missed = Span(b.onset_ms - 55 * MINUTE, b.onset_ms)
    told(
        b, "missed", "monitoring", "job-heartbeats", 3.0, missed,
        "job 'digest-europe' MISSED its run (schedule 0 7 * * *, grace 5 min), last seen 24 h ago",
        "job 'ledger-close' is late by {n} min",
    )  # fmt: skip
    for back in range(1, 7):
        start = b.onset_ms - back * DAY - HOUR
        text = "digest-europe: {n} mails handed over"
        told(b, f"digest {back}", "email", "digest", 12.0, Span(start, start + 9 * MINUTE), text, level="info")
    run = Span(b.onset_ms, b.onset_ms + 9 * MINUTE)
    told(b, "digest", "email", "digest", 12.0, run, "digest-europe: {n} mails handed over", level="info")
    fx.surge(b, run, 1.3, ("/api/notifications", "/pitches"))
    told(
        b, "back", "monitoring", "job-heartbeats", 2.0, Span(run.end_ms, run.end_ms + 2 * MINUTE),
        "job 'digest-europe' RECOVERED, ran for 9 min (zone Europe/Berlin, offset now +01:00)",
        level="info",
    )  # fmt: skip
    told(b, "zones", "scheduler", "cron", 0.1, around(b, 4.0), "offset of Europe/Berlin: +02:00 -> +01:00",
         level="warn")  # fmt: skip
    return Told()


SCENARIOS = (
    day("two_seconds", "Two seconds without writing", two_seconds, "triage", "database", onset_min=(20, 40)),
    day("already_exists", "Notices counted as errors", already_exists, "error_rate", "database", onset_min=(9, 20)),
    day("sent_later", "Jobs that wait their turn", sent_later, "triage", "error_rate", onset_min=(32, 50)),
    day("wants_two_hundred", "A partner wants 200", wants_two_hundred, "error_rate", "outage", onset_min=(35, 55)),
    day("what_do_you_know", "What do you know of me?", what_do_you_know, "triage", "database", beside=("clock_skew",)),
    day("an_hour_later", "Clocks went back", an_hour_later, "triage", "monitoring", onset_min=(15, 30)),
)
