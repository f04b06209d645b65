"""Faults on days that look like the harmless ones: what hurts hides behind what does not."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Entry, Fault, Slow, Span, Tracked
from ....causes import attack, database, outside
from ....causes._who import felt, owners
from ....scenario import Told
from ._parts import (
    ATTACKS,
    EVERY_AGENT,
    LOGIN,
    SERVING,
    SLOWNESS,
    around,
    at_hour,
    audited,
    festival,
    homes,
    newsletter,
    onward,
    people,
    signing_in,
    stranger,
    told,
    visits,
)


def among_mistypers(b: Builder) -> Told:
    """While a festival's office mistypes, seventy rented machines try one password after the other, slowly."""
    at_hour(b, 10.6)
    festival(b, onward(b, ramp_s=500), b.between("desks", 5.0, 7.0))
    span = b.until_mended(b.onset_ms, ramp_s=300.0)
    who = fx.strangers(b, "slow", 70, "193.106.191.")
    agents = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/109.0.0.0 Safari/537.36",)
    signing_in(b, "slow", b.between("slow", 18, 26), span, who, people(40, 600, 7), 0.994, agents)
    return Told(services=("auth",), routes=(LOGIN,), severity="P1")


def bought_list(b: Builder) -> Told:
    """On the day of a newsletter somebody tries a bought list of addresses and passwords; two in a hundred open."""
    at_hour(b, 17.5)
    newsletter(b, onward(b, ramp_s=300), 2.2)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    who = fx.strangers(b, "bought", 160)
    agents = ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",)
    signing_in(b, "bought", b.between("bought", 45, 80), span, who, people(11, 1500, 3), 0.98, agents)
    return Told(services=("auth",), routes=(LOGIN,), severity="P1")


def one_name(b: Builder) -> Told:
    """Not a person who forgot: one account of an administrator, and ever new passwords from thirty addresses."""
    at_hour(b, 22.3)
    span = b.until_mended(b.onset_ms)
    who = fx.strangers(b, "one name", 30, "91.240.118.")
    signing_in(b, "one name", b.between("one name", 24, 36), span, who, ("admin.dana",), 1.0, EVERY_AGENT[:2])
    return Told(services=("auth",), routes=(LOGIN,), severity="P2")


def other_range(b: Builder) -> Told:
    """The hired testers are at work; from another range somebody sends queries in parameters, and some are answered."""
    at_hour(b, 14.6)
    who = [f"192.0.2.{n}" for n in range(129, 137)]
    agents = ("Mozilla/5.0 (compatible; RotfuchsLabs-Audit/2026; +https://rotfuchs.example)",)
    audited(b, "ordered", b.onset_ms - 20 * MINUTE, "pentest by Rotfuchs Labs begins (range 192.0.2.128/28)")
    visits(b, "tests", "/api/internal/config", 14.0, onward(b), who, agents, {404: 1.0}, logged=0.8)
    return attack.injection(
        b,
        urls={
            "/api/pitches/search": (
                "/api/pitches/search?q=x%27)%20AND%201=CAST((SELECT%20version())%20AS%20int)--",
                "/api/pitches/search?q=x%27%20UNION%20ALL%20SELECT%20email,{id}%20FROM%20users--",
            ),
            "/api/browse": (
                "/api/browse?sort=(CASE%20WHEN%20(SELECT%20pg_sleep({small}))%20IS%20NULL%20THEN%201%20END)",
            ),
        },
        addresses=fx.strangers(b, "other range", 5, "45.155.205."),
        agents=("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/115.0",),
        per_min=b.between("rate", 20, 40),
        blocked=0.2,
        kinds=("sql_injection",),
    )


def remarks_first(b: Builder) -> Told:
    """A release remarks on old fields, harmlessly at first sight; a quarter of an hour later it trips over them."""
    at_hour(b, 11.5)
    at_ms = b.onset_ms - 15 * MINUTE
    one = fx.deploy(b, fx.PRODUCTION, at_ms, "zod 4, enforced from the quarter hour on")
    told(b, "remarks", "pitch", "contracts", 12.0, Span(at_ms, b.now_ms + 60 * MINUTE),
         "contract PitchV3 (report only): unrecognized key 'pdf_old' in pitch {id}", level="warn")  # fmt: skip
    hits = {"/api/pitches": b.between("share", 0.2, 0.35), "/api/pitches/trending": 0.25, "/api/creator/pitches": 0.2}
    words = "ZodError: unrecognized_keys pdf_old"
    name = fx.release_name(one)
    fx.fail(
        b,
        Fault(
            key="enforced",
            hits=hits,
            span=b.until_mended(b.onset_ms, ramp_s=60.0),
            release=name,
            entries=(Entry(component="contracts", texts=(words + " in {route}",),
                           metadata='{{"release":"' + name + '"}}'),),
            tracked=Tracked(type="ZodError", value=words, culprit="parse(src/pitch/contracts)"),
        ),
    )  # fmt: skip
    return Told(services=owners(tuple(hits)), routes=tuple(hits), severity="P2")


def third_colour(b: Builder) -> Told:
    """Three changes of colour in a row as on other days, and the third one brings answers that nobody can read."""
    at_hour(b, 10.9)
    for i, back in enumerate((36, 19, 1)):
        one = fx.deploy(b, fx.PRODUCTION, b.onset_ms - back * MINUTE, ("green", "blue", "green, images again")[i])
    told(b, "drain", "websocket", "rooms", 6.0, around(b, 0.6), "draining: session {hex} asked to come back elsewhere",
         level="warn")  # fmt: skip
    hits = {"/api/browse": b.between("share", 0.3, 0.5), "/api/media/thumbnail": 0.3}
    name = fx.release_name(one)
    fx.fail(
        b,
        Fault(
            key="third colour",
            hits=hits,
            span=b.until_mended(b.onset_ms, ramp_s=45.0),
            release=name,
            entries=(Entry(component="images", texts=("TypeError: variant.sizes is not iterable ({route})",),
                           metadata='{{"release":"' + name + '"}}'),),
            tracked=Tracked(type="TypeError", value="variant.sizes is not iterable", culprit="pick(src/images)"),
        ),
    )  # fmt: skip
    return Told(services=owners(tuple(hits)), routes=tuple(hits), severity="P2")


def mail_empties_pool(b: Builder) -> Told:
    """A newsletter goes out, twice the people come, and this time the database has not enough connections."""
    at_hour(b, 17.8)
    newsletter(b, onward(b, ramp_s=300), 2.0)
    return database.pool_exhausted(
        b,
        share=b.between("share", 0.3, 0.45),
        ramp_s=240.0,
        db_texts=("remaining connection slots are reserved for roles with the SUPERUSER attribute",),
        caller_texts=("no connection within 5000 ms for {route}",),
        tracked=Tracked(type="TimeoutError", value="no connection within 5000 ms", culprit="acquire(src/db/pool)"),
    )


def night_of_waits(b: Builder) -> Told:
    """Hardly anybody is awake, and those few wait for seconds: the batch of the night holds the disk."""
    at_hour(b, 4.6)
    fx.surge(b, around(b, 5.0), 0.45)
    span = b.until_mended(b.onset_ms, ramp_s=120.0)
    waits = fx.needing("database", 0.7)
    fx.slow(b, Slow(key="waits", hits=waits, span=span, factor=2.0, add_ms=b.between("add", 1700, 2600),
                    service="database"))  # fmt: skip
    fx.fail(
        b,
        Fault(key="waits", hits=fx.needing("database", 0.03), span=span, status=504, took_ms=8000.0,
              entries=(Entry(component="handler", texts=("statement timeout after 8000 ms in {route}",)),)),
    )  # fmt: skip
    told(b, "waits", "database", "pg", 5.0, span, "duration: {slow_ms} ms  statement: SELECT from {table}", level="log")
    fx.database(b, span, avgQueryTime=(6.0, 200.0), p95QueryTime=(6.0, 1200.0), p99QueryTime=(6.0, 2500.0),
                slowQueries=(1.0, 14.0), activeConnections=(1.6, 1.0), errorRate=(1.0, 0.01))  # fmt: skip
    return Told(services=("database", *owners(felt(waits, 0.4))), routes=felt(waits, 0.4), severity="P2")


def not_only_stale(b: Builder) -> Told:
    """Old apps knock with ended tokens as on other days; then the key that signs is wrong, and all are refused."""
    at_hour(b, 7.4)
    who, agents = homes(b, "stale", 90), ("Pitchey/5.2.1 (Android 13)",)
    visits(b, "stale", "/api/auth/refresh", 20.0, around(b, 7.0), who, agents, {401: 1.0}, method="POST", logged=0.9)
    return outside.tokens(
        b,
        share=b.between("share", 0.7, 0.9),
        texts=("JWSSignatureVerificationFailed: signature verification failed ({user})",),
        caller_texts=("401 for {user}: token not verified ({route})",),
        tracked=Tracked(
            type="JWSSignatureVerificationFailed", value="signature verification failed", culprit="jwtVerify(jose)"
        ),
    )


def carried_away(b: Builder) -> Told:
    """On a rainy Saturday twice as many people come, and one among them carries all lists away, page by page."""
    at_hour(b, 20.2)
    fx.surge(b, around(b, 3.0), 1.9)
    return attack.scraping(
        b,
        paths={"/api/pitches": ("/api/pitches?page={id}&per=100",), "/api/browse": ("/api/browse?offset={id}",)},
        addresses=fx.strangers(b, "carried", 14, "94.130.17."),
        agents=("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36",),
        per_min=b.between("rate", 120, 180),
    )


GUESS, WRONG = "brute_force", "bad_deployment"
SCENARIOS = (
    stranger("third_among_mistypers", "Among mistypers", GUESS, among_mistypers, ATTACKS, onset_min=(28, 45)),
    stranger("third_bought_list", "A bought list", GUESS, bought_list, ATTACKS, onset_min=(15, 30)),
    stranger("third_one_name", "One name, many passwords", GUESS, one_name, ATTACKS, onset_min=(20, 35)),
    stranger("third_other_range", "From another range", "injection_attack", other_range, ATTACKS, onset_min=(15, 30)),
    stranger("third_remarks_first", "Remarks first", WRONG, remarks_first, SERVING, onset_min=(10, 20)),
    stranger("third_third_colour", "The third colour", WRONG, third_colour, SERVING, onset_min=(10, 18)),
    stranger(
        "third_mail_empties_pool",
        "A newsletter too many",
        "database_pool_exhausted",
        mail_empties_pool,
        ("triage", "outage", "error_rate", "database"),
    ),
    stranger("third_night_of_waits", "A night of waits", "database_slow", night_of_waits, SLOWNESS, onset_min=(18, 30)),
    stranger("third_not_only_stale", "Not only old apps", "auth_fault", not_only_stale, ("triage", "error_rate")),
    stranger("third_carried_away", "Carried away", "scraping", carried_away, ATTACKS, onset_min=(20, 40)),
)
