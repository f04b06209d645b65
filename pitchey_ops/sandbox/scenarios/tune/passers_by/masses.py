"""More requests than can be served."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Crowd, Entry, Fault, Slow, Tracked, WorkerShift
from ....scenario import Told
from ._parts import CROWDS, at_hour, homes, ratings_feed, stranger, told


def past_the_cache(b: Builder) -> Told:
    """A borrowed army of machines asks for front page and search with a new number each time, past all caches."""
    at_hour(b, 17.9)
    span = b.until_mended(b.onset_ms, ramp_s=45.0)
    who = fx.strangers(b, "past the cache", 1100)
    agents = (
        "Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/99.0.4844.51 Safari/537.36",
        "Mozilla/5.0 (Linux; Android 9; SM-J730G) AppleWebKit/537.36 Chrome/96.0.4664.45 Mobile Safari/537.36",
        "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.0)",
    )
    for path, per_min in (("/", 620.0), ("/api/pitches/search", 540.0)):
        fx.crowd(
            b,
            Crowd(
                key=f"past the cache {path}",
                route=path,
                per_min=per_min * b.between("rate", 0.85, 1.15),
                span=span,
                addresses=who,
                agents=agents,
                urls=(path + "?{hex}={id}", path + "?_={id}{id2}"),
                outcomes={200: 0.56, 429: 0.26, 503: 0.18},
                logged=0.08,
                blocked=0.2,
                rule="ratelimit-all",
                took_ms=420.0,
            ),
        )
    shed(b, "past the cache", 0.13)
    return Told(services=("api-gateway", "frontend", "pitch"), routes=("/", "/api/pitches/search"), severity="P2")


def retry_storm(b: Builder) -> Told:
    """Our own app asks again at once when it is refused: after a short stumble all phones ask at the same time."""
    at_hour(b, 18.9)
    ratings_feed(b)
    span = b.until_mended(b.onset_ms, ramp_s=180.0)
    paths = ("/api/notifications", "/api/auth/refresh", "/api/messages")
    for path in paths:
        fx.crowd(
            b,
            Crowd(
                key=f"retry storm {path}",
                route=path,
                method="POST" if "refresh" in path else "GET",
                per_min=b.between("rate", 300, 380),
                span=span,
                addresses=homes(b, "retry storm", 2200),
                agents=("Pitchey/5.2.0 (Android 15; okhttp/5.0.0)", "Pitchey/5.2.0 (iOS 19.1; CFNetwork/3826)"),
                outcomes={200: 0.44, 429: 0.3, 503: 0.26},
                logged=0.08,
                took_ms=900.0,
                entries=(
                    Entry(
                        service="api-gateway",
                        level="warn",
                        component="limits",
                        share=0.4,
                        request=False,
                        texts=(
                            "Pitchey/5.2.0 asks again after {ms} ms, Retry-After was 30 ({waiting} in flight)",
                            "attempt {n} of the same X-Request-Id within a minute",
                        ),
                    ),
                ),
            ),
        )
    told(
        b,
        "rooms restarted",
        "websocket",
        "rooms",
        30.0,
        b.until_mended(b.onset_ms - MINUTE, b.onset_ms + MINUTE),
        "room {room} closed for a restart, {waiting} clients told to come back",
        level="info",
    )
    shed(b, "retry storm", 0.11)
    return Told(services=("api-gateway", "notification", "auth", "messaging"), routes=paths, severity="P2")


def shed(b: Builder, key: str, share: float) -> None:
    """Everybody waits, and a part of those who did nothing is sent away as well."""
    span = b.until_mended(b.onset_ms, ramp_s=120.0)
    words = "server is shedding load: concurrency limit reached"
    fx.fail(
        b,
        Fault(
            key=key,
            hits=fx.in_worker(share),
            span=span,
            status=503,
            took_ms=2200.0,
            body={"success": False, "message": "Too busy"},
            entries=(
                Entry(
                    service="api-gateway",
                    component="admission",
                    most_per_min=25,
                    texts=(f"{words}, {{waiting}} waiting ({{route}})",),
                ),
            ),
            tracked=Tracked(type="LoadShed", value=words, culprit="admit(src/gateway/admission)"),
        ),
    )
    fx.slow(b, Slow(key=key, hits=fx.in_worker(0.8), span=span, factor=2.2, add_ms=320.0))
    fx.database(b, span, queryCount=(2.6, 0.0), activeConnections=(2.0, 2.0), p95QueryTime=(1.8, 40.0))
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=span, cpu=1.25))


SCENARIOS = (
    stranger(
        "via_past_the_cache",
        "An army that goes past the cache",
        "traffic_flood",
        past_the_cache,
        CROWDS,
        onset_min=(9, 15),
        beside=("unrelated_deployment",),
    ),
    stranger(
        "via_retry_storm",
        "All phones ask again at once",
        "traffic_flood",
        retry_storm,
        CROWDS,
        onset_min=(14, 24),
        beside=("harmless_production_deployment",),
    ),
)
