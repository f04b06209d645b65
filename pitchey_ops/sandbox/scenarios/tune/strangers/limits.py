"""Those who found a way around the limits."""

from .... import effects as fx
from ....builder import Builder, Crowd, Entry
from ....scenario import Told
from ..unseen_once._parts import ATTACKS, at_hour
from ._parts import hourly_job, stranger, usual_guessers

CAUSE = "rate_limit_bypass"


def batches(b: Builder) -> Told:
    """One client packs a hundred questions into each request; the limit counts requests."""
    at_hour(b, 10.4)
    usual_guessers(b)
    span = b.until_mended(b.onset_ms)
    fx.crowd(
        b,
        Crowd(
            key="batches",
            route="/api/pitches/search",
            method="POST",
            per_min=b.between("rate", 44, 58),
            span=span,
            addresses=fx.strangers(b, "batches", 1),
            agents=("gql/3.5.0 aiohttp/3.10.5",),
            urls=("/api/pitches/search?batch=100&cursor={hex}",),
            outcomes={200: 0.985, 413: 0.015},
            logged=0.5,
            user="u02990",
            metadata='{{"operations":100,"charged":1,"bucket":"u02990"}}',
            took_ms=1900.0,
            entries=(
                Entry(
                    service="api-gateway",
                    level="warn",
                    component="quota",
                    share=0.25,
                    most_per_min=9,
                    texts=(
                        "batch of 100 operations charged as 1 request to bucket u02990",
                        "bucket u02990 at {n} of 60 although {id} rows were read",
                    ),
                ),
            ),
        ),
    )
    fx.database(b, span, queryCount=(3.4, 0.0), activeConnections=(1.5, 2.0), avgQueryTime=(1.2, 0.0))
    return Told(services=("api-gateway",), routes=("/api/pitches/search",), severity="P3")


def trial_keys(b: Builder) -> Told:
    """Somebody makes a new trial account for every fifty requests: no account ever reaches its limit."""
    at_hour(b, 23.0)
    hourly_job(b)
    span = b.until_mended(b.onset_ms, ramp_s=240.0)
    addresses = fx.strangers(b, "trial keys", 5, "31.184.198.")
    agent = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"
    fx.crowd(
        b,
        Crowd(
            key="trial keys",
            route="/api/browse",
            per_min=b.between("rate", 95, 140),
            span=span,
            addresses=addresses,
            agents=(agent,),
            urls=("/api/browse?page={id}&api_key=trial_{hex}",),
            outcomes={200: 0.99, 429: 0.01},
            logged=0.35,
            metadata='{{"plan":"trial","key":"trial_{hex}","used":{n},"of":60}}',
            took_ms=95.0,
            entries=(
                Entry(
                    service="api-gateway",
                    level="info",
                    component="quota",
                    share=0.1,
                    most_per_min=6,
                    texts=("key trial_{hex} used {n} of 60, next key of device {id} takes over",),
                ),
            ),
        ),
    )
    fx.crowd(
        b,
        Crowd(
            key="trial accounts",
            route="/api/auth/register",
            method="POST",
            per_min=2.2,
            span=span,
            addresses=addresses,
            agents=(agent,),
            outcomes={201: 1.0},
            logged=1.0,
            took_ms=300.0,
            entries=(
                Entry(
                    service="auth",
                    level="warn",
                    component="signup",
                    texts=("sign-up from {ip}: device fingerprint already owns {waiting} trial accounts",),
                ),
            ),
        ),
    )
    fx.database(b, span, queryCount=(1.5, 0.0))
    return Told(services=("api-gateway", "auth"), routes=("/api/browse",), severity="P3")


def back_door(b: Builder) -> Told:
    """Bursts of two minutes in every five reach the Worker by its own name, where the zone's rules do not count."""
    at_hour(b, 6.8)
    span = b.until_mended(b.onset_ms, every_s=300.0, on_s=120.0)
    path = "/api/pitches/trending"
    fx.crowd(
        b,
        Crowd(
            key="back door",
            route=path,
            per_min=b.between("rate", 230, 320),
            span=span,
            addresses=fx.strangers(b, "back door", 3, "89.248.163."),
            agents=("Apache-HttpClient/5.3.1 (Java/17.0.9)",),
            urls=(path + "?limit=100&offset={id}",),
            logged=0.3,
            metadata='{{"host":"pitchey-production.cavelltheleaddev.workers.dev","zone":null}}',
            took_ms=70.0,
            entries=(
                Entry(
                    service="api-gateway",
                    level="WARN",
                    component="edge",
                    share=0.1,
                    most_per_min=8,
                    texts=(
                        "Host is workers.dev, cf-zone absent: ratelimit-all and bot-fight not evaluated for {ip}",
                        "{waiting} req/min by {ip} outside of the zone, counter of the zone: 0",
                    ),
                ),
            ),
        ),
    )
    fx.database(b, span, queryCount=(1.5, 0.0))
    return Told(services=("api-gateway",), routes=(path,), severity="P3")


SCENARIOS = (
    stranger(
        "odd_batches",
        "A hundred questions in one request",
        CAUSE,
        batches,
        ATTACKS,
        onset_min=(22, 36),
        beside=("slow_sidekick",),
    ),
    stranger(
        "odd_trial_keys",
        "A new trial account for every fifty requests",
        CAUSE,
        trial_keys,
        ATTACKS,
        onset_min=(30, 48),
        beside=("logs_lost",),
    ),
    stranger(
        "odd_back_door",
        "Bursts past the zone's rules",
        CAUSE,
        back_door,
        ATTACKS,
        onset_min=(26, 40),
        beside=("crawler_visit",),
    ),
)
