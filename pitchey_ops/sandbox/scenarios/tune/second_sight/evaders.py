"""Those who ask more often than they may, each by a way of counting that leaves them out."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Entry, Span
from ....scenario import Told
from ._parts import ATTACKS, at_hour, calls_home, knocking, site_fine, stranger, told, visits

CAUSE = "rate_limit_bypass"
SEARCH = "/api/pitches/search"


def fresh_cookie(b: Builder) -> Told:
    """Visitors are counted by their cookie; one machine throws it away after each answer and is new every time."""
    at_hour(b, 12.7)
    knocking(b)
    span = b.until_mended(b.onset_ms, ramp_s=180.0)
    visits(
        b,
        "fresh cookie",
        "/api/browse",
        b.between("rate", 120, 170),
        span,
        fx.strangers(b, "fresh cookie", 2, "80.66.88."),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/139.0.0.0 Safari/537.36",),
        {200: 0.992, 429: 0.008},
        urls=("/api/browse?cursor={hex}{hex}&size=100",),
        logged=0.4,
        metadata='{{"sid":"{hex}{hex}","sid_age_s":0,"used":1,"of":80}}',
        took_ms=105.0,
        entries=(
            Entry(
                service="api-gateway",
                level="info",
                component="visitors",
                share=0.15,
                most_per_min=9,
                texts=(
                    "no sid cookie from {ip}: sid {hex} issued, count 1 of 80 ({waiting}th sid for it in this minute)",
                    "sid {hex} of {ip} never seen again, dropped after one request",
                ),
            ),
        ),
    )
    fx.database(b, span, queryCount=(1.5, 0.0), avgQueryTime=(1.08, 0.0))
    return Told(services=("api-gateway", "browse"), routes=("/api/browse",), severity="P3")


def many_cities(b: Builder) -> Told:
    """Each data centre of the edge counts for itself; one customer's key asks in a dozen cities, just below in each."""
    at_hour(b, 17.9)
    calls_home(b)
    span = b.until_mended(b.onset_ms)
    path = "/api/investor/portfolio"
    cities = ("AMS", "ARN", "CDG", "DUB", "FRA", "LHR", "MAD", "MXP", "PRG", "VIE", "WAW", "ZRH")
    for i, city in enumerate(cities):
        visits(
            b,
            f"city {city}",
            path,
            b.between(f"rate {city}", 13.0, 17.5),
            span,
            fx.strangers(b, f"city {city}", 2, f"{146 + i}.70.{40 + i}."),
            ("Deno/2.5.4",),
            {200: 0.975, 429: 0.025},
            urls=(path + "?as_of={id}&holder={user}",),
            logged=0.5,
            user="u00871",
            metadata=f'{{{{"key":"pk_live_****c41d","colo":"{city}","counter":1{{small}},"of":20}}}}',
            took_ms=140.0,
        )
    told(
        b,
        "cities",
        "api-gateway",
        "counters",
        2.0,
        span,
        "pk_live_****c41d: FRA 1{small} of 20, VIE 1{small} of 20, WAW 1{small} of 20 (counters are not shared)",
        "pk_live_****c41d seen at 12 places at once, {waiting} requests a minute in all, contract says 20",
        level="info",
    )
    fx.database(b, span, queryCount=(1.8, 0.0), activeConnections=(1.2, 0.5))
    return Told(services=("api-gateway", "investor"), routes=(path,), severity="P3")


def other_verb(b: Builder) -> Told:
    """A client was held back for an hour; then it sends its questions with another verb, which nobody counts."""
    at_hour(b, 21.1)
    site_fine(b)
    span = b.until_mended(b.onset_ms)
    who = fx.strangers(b, "other verb", 3, "5.181.234.")
    agents = ("RestSharp/112.1.0.0",)
    urls = (SEARCH + "?text={hex}&limit=200",)
    before = Span(b.onset_ms - HOUR, b.onset_ms + 2 * MINUTE)
    held = {429: 0.8, 200: 0.2}
    visits(b, "same verb", SEARCH, 42.0, before, who, agents, held, urls=urls, logged=0.6, took_ms=20.0)
    visits(
        b,
        "other verb",
        SEARCH,
        b.between("rate", 130, 180),
        span,
        who,
        agents,
        {200: 0.99, 429: 0.01},
        urls=urls,
        method="POST",
        logged=0.35,
        metadata='{{"x-http-method-override":"GET","limiter":"skipped: rule is for GET"}}',
        took_ms=190.0,
        entries=(
            Entry(
                service="pitch",
                level="debug",
                component="router",
                share=0.2,
                most_per_min=10,
                texts=("POST with X-HTTP-Method-Override: GET served as GET {route} for {ip}",),
            ),
        ),
    )
    fx.database(b, span, queryCount=(1.7, 0.0), avgQueryTime=(1.2, 0.0), p95QueryTime=(1.2, 0.0))
    return Told(services=("api-gateway", "pitch"), routes=(SEARCH,), severity="P3")


SCENARIOS = (
    stranger("second_fresh_cookie", "New at every request", CAUSE, fresh_cookie, ATTACKS, onset_min=(24, 40)),
    stranger("second_many_cities", "Counted in each city apart", CAUSE, many_cities, ATTACKS, onset_min=(20, 36)),
    stranger(
        "second_other_verb",
        "Another verb for the same question",
        CAUSE,
        other_verb,
        ATTACKS,
        onset_min=(18, 30),
        beside=("crawler_visit",),
    ),
)
