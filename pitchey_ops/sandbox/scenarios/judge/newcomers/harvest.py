"""Those who take the whole catalogue, and those who step around limits."""

from .... import effects as fx
from ....builder import Builder, Crowd, Entry
from ....platform import BROWSERS
from ....scenario import Told
from ._parts import ATTACKS, case, deprecated, earlier_release, healed, hour_is, page_release, people, stale_customers

COPYING, EVASION = "scraping", "rate_limit_bypass"


def model_food(b: Builder) -> Told:
    """A company's crawler fetches everything that we have for its models, from one network, and obeys nothing."""
    hour_is(b, 5.2)
    stale_customers(b)
    span = b.until_mended(b.onset_ms, ramp_s=120.0)
    per_min = b.between("rate", 190, 260)
    agent = (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; CorpusHarvester/1.4; "
        "+https://corpusharvester.example/bot) Chrome/131.0.0.0 Safari/537.36"
    )
    addresses = fx.strangers(b, "model food", 60, "47.128.31.")
    parts = (
        (
            "/api/pitches",
            ("/api/pitches?page={id}", "/api/pitches?page={id}&sort=oldest"),
            0.45,
            {200: 0.97, 404: 0.03},
        ),
        ("/pitches", ("/pitches?page={id}", "/pitches?id={id}"), 0.3, {200: 0.99, 404: 0.01}),
        ("/api/media/thumbnail", ("/api/media/thumbnail?pitch={id}&w=2048",), 0.25, {200: 0.93, 404: 0.07}),
    )
    for path, urls, part, outcomes in parts:
        fx.crowd(
            b,
            Crowd(
                key=f"model food {path}",
                route=path,
                per_min=per_min * part,
                span=span,
                addresses=addresses,
                agents=(agent,),
                urls=urls,
                outcomes=outcomes,
                logged=0.35,
                took_ms=140.0,
            ),
        )
    ignored = Entry(
        service="api-gateway",
        level="info",
        component="robots",
        request=False,
        texts=("robots.txt not fetched by AS45102 client since {n} h, crawl-delay: 10 not observed",),
    )
    fx.say(b, "model food", ignored, 0.5, span)
    fx.database(b, span, queryCount=(2.2, 0.0), activeConnections=(1.4, 1.0))
    fx.database(b, span, avgQueryTime=(1.35, 1.0), p95QueryTime=(1.4, 8.0), p99QueryTime=(1.4, 20.0))
    return Told(services=("pitch", "upload", "frontend"), routes=tuple(p for p, *_ in parts), severity="P3")


def two_letters(b: Builder) -> Told:
    """A hundred homes ask the search for aa, ab, ac …, some words a minute each, since this morning."""
    hour_is(b, 13.1)
    earlier_release(b)
    healed(b)
    span = b.until_mended(b.onset_ms)
    agents = (
        BROWSERS[0][0].replace("142", "128"),
        BROWSERS[0][0].replace("142", "127"),
    )
    fx.crowd(
        b,
        Crowd(
            key="two letters",
            route="/api/pitches/search",
            per_min=b.between("rate", 55, 75),
            span=span,
            addresses=people(b, "two letters", 120),
            agents=agents,
            urls=tuple(
                f"/api/pitches/search?q={a}{c}&limit=100&offset={{id}}"
                for a, c in ("aa", "ab", "ac", "ba", "be", "bi", "ca", "ce", "da", "de", "ea", "ec")
            ),
            outcomes={200: 1.0},
            logged=0.6,
            took_ms=230.0,
        ),
    )
    fx.database(b, span, queryCount=(1.45, 0.0), avgQueryTime=(1.2, 0.5))
    return Told(services=("pitch",), routes=("/api/pitches/search",), severity="P3")


def counted_as_one(b: Builder) -> Told:
    """A program packs a hundred searches into one request, and the limit counts requests."""
    hour_is(b, 15.9)
    deprecated(b)
    page_release(b)
    span = b.until_mended(b.onset_ms)
    fx.crowd(
        b,
        Crowd(
            key="counted as one",
            route="/api/pitches/search",
            method="POST",
            per_min=b.between("rate", 52, 70),
            span=span,
            addresses=fx.strangers(b, "counted as one", 2, "94.142.241."),
            agents=("graphql-request/7.2.0",),
            urls=("/api/pitches/search?batch=100", "/api/pitches/search?batch=100&after={hex}"),
            outcomes={200: 1.0},
            logged=0.7,
            user="u04410",
            metadata='{{"operations":100,"limit_cost":1,"client":"u04410"}}',
            took_ms=1600.0,
            entries=(
                Entry(
                    service="api-gateway",
                    level="notice",
                    component="quota",
                    share=0.25,
                    most_per_min=14,
                    texts=(
                        "quota u04410 {n}/60 per minute (100 operations in this call, 1 counted)",
                        "batch of 100 operations from {ip} charged as one call; quota not exceeded",
                    ),
                ),
            ),
        ),
    )
    fx.database(
        b,
        span,
        queryCount=(4.5, 0.0),
        activeConnections=(1.8, 2.0),
        avgQueryTime=(1.4, 3.0),
        p95QueryTime=(1.5, 20.0),
        p99QueryTime=(1.5, 40.0),
    )
    return Told(services=("api-gateway", "pitch"), routes=("/api/pitches/search",), severity="P3")


def side_door(b: Builder) -> Told:
    """Limits stand at our own name; a client comes by the name that the provider gave us, where none stands."""
    hour_is(b, 22.6)
    stale_customers(b)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    host = "pitchey-production.cavelltheleaddev.workers.dev"
    fx.crowd(
        b,
        Crowd(
            key="side door",
            route="/api/browse",
            per_min=b.between("rate", 130, 180),
            span=span,
            addresses=fx.strangers(b, "side door", 1, "51.158.204."),
            agents=("python-httpx/0.28.1",),
            urls=("/api/browse?page={n}&limit=100", "/api/browse?genre=horror&page={n}&limit=100"),
            outcomes={200: 1.0},
            logged=0.4,
            metadata='{{"host":"' + host + '","zone_rules":false}}',
            took_ms=95.0,
            entries=(
                Entry(
                    service="api-gateway",
                    level="warn",
                    component="ratelimit",
                    share=0.2,
                    most_per_min=15,
                    metadata='{{"host":"' + host + '"}}',
                    texts=(
                        "ratelimit skipped: host=" + host + " is in no zone, rule rl-browse-60rpm not evaluated ({ip})",
                        "{ip}: {waiting} requests this minute by host=" + host + ", allowance 60, enforced=false",
                    ),
                ),
            ),
        ),
    )
    fx.database(b, span, queryCount=(1.6, 0.0))
    return Told(services=("api-gateway", "browse"), routes=("/api/browse",), severity="P3")


SCENARIOS = (
    case(
        "model_food", "Everything for a model", COPYING, model_food, ATTACKS, onset_min=(28, 42), beside=("logs_lost",)
    ),
    case("two_letters", "Two letters at a time", COPYING, two_letters, ATTACKS, onset_min=(170, 210)),
    case("counted_as_one", "A hundred counted as one", EVASION, counted_as_one, ATTACKS, onset_min=(15, 25)),
    case(
        "side_door",
        "By the other name",
        EVASION,
        side_door,
        ATTACKS,
        onset_min=(20, 32),
        beside=("harmless_production_deployment",),
    ),
)
