"""Far too many requests."""

from .... import effects as fx
from ....builder import Builder
from ....causes import edge
from ....scenario import Told
from ._parts import CROWDS, at_hour, bounces, doorknobs, elsewhere, in_words, judged

CAUSE = "traffic_flood"
OLD_PHONES = (
    "Dalvik/2.1.0 (Linux; U; Android 9; SM-G960F Build/PPR1.180610.011)",
    "Mozilla/5.0 (Linux; Android 8.1.0; SM-J530F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/92.0.4515.159",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:102.0) Gecko/20100101 Firefox/102.0",
)


def botnet(b: Builder) -> Told:
    """Thousands of old phones ask for random lists past the cache; the edge stops half of it."""
    at_hour(b, 10.0)
    elsewhere(b)
    return edge.flood(
        b,
        paths=("/api/pitches/trending", "/api/browse/genres"),
        times=b.between("times", 14, 22),
        count=4200,
        agents=OLD_PHONES,
        ramp_s=30.0,
        blocked=0.5,
        refused=0.3,
        broken=b.between("broken", 0.08, 0.15),
    )


def own_app(b: Builder) -> Told:
    """Our own app asks again and again since its update: real people's phones, ten times as often."""
    at_hour(b, 8.0)
    bounces(b)
    return edge.flood(
        b,
        paths=("/api/notifications", "/api/auth/refresh"),
        times=b.between("times", 6, 10),
        count=3600,
        agents=("PitcheyApp/4.2.0 (iOS 19.1; CFNetwork)", "PitcheyApp/4.2.0 (Android 15; okhttp/4.12.0)"),
        ramp_s=480.0,
        blocked=0.0,
        refused=0.5,
        broken=b.between("broken", 0.06, 0.12),
        strangers=False,
    )


def front_pages(b: Builder) -> Told:
    """The pages and the catalogue behind them, from everywhere, in the middle of the night."""
    at_hour(b, 1.5)
    doorknobs(b)
    fx.security_events(b, "anomalous_behavior", b.until_mended(b.onset_ms), 4.0)
    return edge.flood(
        b,
        paths=("/pitches", "/api/browse", "/api/pitches"),
        times=b.between("times", 9, 15),
        count=1800,
        agents=("Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1)", "Wget/1.21.3", *OLD_PHONES[2:]),
        ramp_s=200.0,
        blocked=0.15,
        refused=0.25,
        broken=b.between("broken", 0.1, 0.2),
    )


LIMITED = "rate limit exceeded for {ip}: {waiting} requests in 60 s"
SHED, TRACKED = "overloaded: {waiting} requests in flight, shedding {route}", "too many requests in flight"
BOTNET_WORDS = {
    LIMITED: "429 to {ip}, {waiting} hits this minute",
    SHED: "queue full ({waiting}), {route} turned away with 503",
    TRACKED: "queue full",
}
APP_WORDS = {
    LIMITED: "client {ip} throttled (bucket app, {waiting} per minute)",
    SHED: "concurrency cap reached, refusing {method} {route}",
    TRACKED: "concurrency cap reached",
}
PAGES_WORDS = {
    LIMITED: "too many requests from {ip} ({waiting}), answering 429",
    SHED: "load shedding: {route} not admitted",
    TRACKED: "request not admitted",
}

SCENARIOS = (
    judged(
        "flood_botnet",
        "Old phones by the thousand",
        CAUSE,
        in_words(botnet, BOTNET_WORDS),
        CROWDS,
        beside=("noisy_neighbour", "clock_skew"),
    ),
    judged(
        "flood_own_app",
        "Our own app cannot stop asking",
        CAUSE,
        in_words(own_app, APP_WORDS),
        CROWDS,
        onset_min=(14, 24),
        beside=("crawler_visit",),
    ),
    judged(
        "flood_pages",
        "Pages flooded at night",
        CAUSE,
        in_words(front_pages, PAGES_WORDS),
        CROWDS,
        onset_min=(10, 18),
        beside=("few_typists",),
    ),
)
