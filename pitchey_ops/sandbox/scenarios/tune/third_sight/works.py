"""Days on which something is released, moved or looked after, with much to remark, and users are served as ever."""

from .... import effects as fx
from ....builder import DAY, HOUR, MINUTE, Builder, Fault, Silence, Slow, Span
from ....scenario import Told
from ....world import Behaviour
from ._parts import EVERY_AGENT, READ, around, at_hour, audited, calm, homes, newsletter, onward, told, visits


def remarks(b: Builder) -> Told:
    """A release of production brought lines that nobody knew: a checker of contracts remarks on old fields."""
    at_hour(b, 11.2)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms, "zod 4, report-only")
    told(
        b,
        "remarks",
        "pitch",
        "contracts",
        b.between("remarks", 10, 25),
        onward(b, ramp_s=60),
        "contract PitchV3 (report only): unrecognized key 'pdf_old' in pitch {id}",
        "contract PitchV3 (report only): expected number, received string at budget.max, coerced",
        level="warn",
    )
    return Told()


def flag(b: Builder) -> Told:
    """A new list of similar works is shown to five, then to fifty of a hundred; a second route, a few more queries."""
    at_hour(b, 16.1)
    audited(b, "flag set", b.onset_ms, "flag similar-works: 5 % -> 50 % (miro)")
    span = onward(b, ramp_s=120)
    who = homes(b, "flag", 500)
    visits(b, "flag", "/api/pitches/similar", b.between("flag", 14, 24), span, who, EVERY_AGENT, {200: 0.99, 204: 0.01})
    told(b, "flag", "pitch", "similar", 5.0, span, "fewer than 3 similar works for {id}, row hidden", level="warn")
    fx.database(b, span, queryCount=(1.2, 0.0), avgQueryTime=(1.05, 0.0))
    return Told()


def autumn_mail(b: Builder) -> Told:
    """A newsletter to everybody: more than twice the traffic, and all of it served."""
    at_hour(b, 17.2)
    newsletter(b, onward(b, ramp_s=300), b.between("newsletter", 2.1, 2.9))
    return Told()


def nightly_batch(b: Builder) -> Told:
    """At half past two, as every night, statements are reckoned for a quarter of an hour; the database works."""
    at_hour(b, 2.6)
    for day in range(7):
        start = b.onset_ms - day * DAY
        span = Span(start, start + 15 * MINUTE, ramp_s=60)
        waits = fx.needing("database", 0.4)
        fx.slow(b, Slow(key=f"batch {day}", hits=waits, span=span, factor=1.15, add_ms=6.0, service="database"))
        fx.database(b, span, queryCount=(2.2, 0.0), avgQueryTime=(1.3, 0.0), slowQueries=(1.0, 2.0))
        told(
            b, f"batch {day}", "payments", "statements", 8.0, span,
            "statement of {user} rounded by 0.01", "statement of {user}: no share found, left out",
            level="warn",
        )  # fmt: skip
    return Told()


def flushed(b: Builder) -> Told:
    """Somebody empties the cache on purpose; for four minutes more comes from the database, a little later."""
    at_hour(b, 14.9)
    audited(b, "flush", b.onset_ms, "cache namespace lists flushed by dana (wrong poster order)")
    span = Span(b.onset_ms, b.onset_ms + 4 * MINUTE)
    fx.slow(b, Slow(key="flushed", hits=fx.needing("cache", 0.4), span=span, factor=1.15, add_ms=25.0))
    fx.database(b, span, queryCount=(1.7, 0.0), activeConnections=(1.3, 1.0))
    told(b, "flushed", "cache", "kv", 20.0, span, "miss key=lists:{hex}, filled in {ms} ms", level="warn")
    return Told()


def blue_green(b: Builder) -> Told:
    """Production changes colour three times within an hour, each time warmed up and drained by the book."""
    at_hour(b, 10.7)
    for i, age in enumerate((44, 27, 9)):
        at_ms = b.now_ms - int(b.between(f"colour {i}", age - 2, age + 2) * MINUTE)
        fx.deploy(b, fx.PRODUCTION, at_ms, ("green: images", "blue: back to old images", "green: images, again")[i])
        span = Span(at_ms, at_ms + 2 * MINUTE)
        told(
            b, f"drain {i}", "websocket", "rooms", 25.0, span,
            "draining: session {hex} asked to come back elsewhere (1012)", level="warn",
        )  # fmt: skip
    return Told()


def talkative(b: Builder) -> Told:
    """Two services log at the finest level for an afternoon: twenty times the lines, none of them bad."""
    at_hour(b, 15.3)
    audited(b, "level", b.onset_ms, "log level of browse and investor: debug until 18:00 (ticket {id})")
    span = onward(b)
    for service in ("browse", "investor"):
        told(
            b, f"talk {service}", service, "http", b.between(f"talk {service}", 50, 90), span,
            "retry=0 timeout=5000 error=null {route}",
            "enter filter {hex}",
            "leave filter {hex} ({ms} ms, failed=false)",
            level="debug",
        )  # fmt: skip
    return Told()


def slow_store(b: Builder) -> Told:
    """The store of the log takes two seconds for each answer; it holds everything."""
    at_hour(b, 12.3)
    fx.answer(
        b,
        Behaviour(service="logs", path="", start_ms=b.onset_ms, end_ms=b.now_ms + 5 * HOUR, latency_ms=2200.0),
    )
    told(b, "compaction", "logs-store", "rocksdb", 4.0, onward(b), "compaction of level 4 behind by {n} files",
         level="warn")  # fmt: skip
    return Told()


def renamed(b: Builder) -> Told:
    """A service has another name since its release: the old one says nothing more, the new one says the same."""
    at_hour(b, 9.8)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms, "nda is now contracts")
    fx.silence(b, Silence(key="renamed", what="unlogged", span=onward(b), services=("nda",)))
    told(b, "renamed", "contracts", "documents", 0.03, onward(b), "nda {id} signed by {user}", level="info")
    told(b, "renamed start", "contracts", "boot", 6.0, Span(b.onset_ms, b.onset_ms + 2 * MINUTE),
         "unknown consumer group 'nda', created 'contracts'", level="warn")  # fmt: skip
    return Told()


def canary_gone(b: Builder) -> Told:
    """Two hours ago a canary failed for eight minutes and was taken back; since then all is as before."""
    at_hour(b, 18.2)
    start = b.now_ms - int(b.between("canary", 118, 150) * MINUTE)
    fx.deploy(b, fx.PRODUCTION, start, "canary 5 %: facets in one query")
    fx.deploy(b, fx.PRODUCTION, start + 9 * MINUTE, "rollback of the canary")
    fx.fail(
        b,
        Fault(key="canary", hits={"/api/browse": 0.04}, span=Span(start, start + 8 * MINUTE), status=500),
    )
    return Told()


def seconds_off(b: Builder) -> Told:
    """The clock of one service is nine seconds ahead until its time server is asked again."""
    at_hour(b, 13.1)
    fx.skew(b, "auth", 9_000, around(b, 6.0))
    told(b, "seconds", "auth", "jwt", 2.0, around(b, 6.0), "iat of token lies {small} s ahead, tolerated", level="warn")
    return Told()


def new_certificate(b: Builder) -> Told:
    """Certificates are renewed by themselves; old ones are named, connections made anew, a check reminds of a date."""
    at_hour(b, 4.2)
    span = Span(b.onset_ms, b.onset_ms + 12 * MINUTE)
    told(
        b, "certificate", "api-gateway", "tls", 6.0, span,
        "certificate *.pitchey.example expires in {small} days, renewal order {id} placed",
        "old certificate {hex} unloaded, {n} connections closed after their answer",
        "OCSP response not there yet, stapled without",
        level="warn",
    )  # fmt: skip
    told(b, "ct", "monitoring", "ct-log", 0.5, onward(b), "new certificate for pitchey.example seen (E8)", level="info")
    return Told()


def moved_job(b: Builder) -> Told:
    """The digest goes out at another hour from today on: its old hour is silent, its new one is now."""
    at_hour(b, 6.9)
    audited(b, "plan moved", b.onset_ms - 3 * HOUR, "schedule weekly-charts: 05:00 -> 06:30 Europe/Berlin (miro)")
    span = Span(b.onset_ms, b.onset_ms + 20 * MINUTE)
    told(b, "moved", "scheduler", "cron", 0.2, around(b, 3.0), "weekly-charts late by {n} min against its old plan",
         level="warn")  # fmt: skip
    fx.surge(b, span, 1.4, ("/api/notifications", *READ[:2]))
    told(b, "charts", "email", "sender", 30.0, span, "charts: handed over {email}", level="info")
    return Told()


SCENARIOS = (
    calm("third_remarks", "New remarks of a release", remarks, onset_min=(10, 30)),
    calm("third_flag", "A flag turned on", flag, onset_min=(20, 40)),
    calm("third_autumn_mail", "A newsletter", autumn_mail, onset_min=(20, 40)),
    calm("third_nightly_batch", "Statements by night", nightly_batch, onset_min=(8, 14)),
    calm("third_flushed", "A cache emptied on purpose", flushed, onset_min=(12, 30)),
    calm("third_blue_green", "Three colours in an hour", blue_green, onset_min=(40, 46)),
    calm("third_talkative", "Logging at the finest level", talkative, onset_min=(20, 45)),
    calm("third_slow_store", "A slow store of the log", slow_store, onset_min=(20, 45)),
    calm("third_renamed", "A service of another name", renamed, onset_min=(18, 40)),
    calm("third_canary_gone", "A canary taken back", canary_gone, onset_min=(15, 30)),
    calm("third_seconds_off", "Nine seconds ahead", seconds_off, onset_min=(15, 30)),
    calm("third_new_certificate", "Certificates renewed", new_certificate, onset_min=(14, 30)),
    calm("third_moved_job", "A job at another hour", moved_job, onset_min=(8, 18)),
)
