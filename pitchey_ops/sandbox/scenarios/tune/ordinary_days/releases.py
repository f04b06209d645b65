"""Days on which something is released, taken back or switched, and nothing is wrong."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Span
from ....scenario import Told
from ._parts import at_hour, audited, calm, homes, onward, phone_in_tunnel, told, visits, yellow_index


def canary_back(b: Builder) -> Told:
    """A new version fails its own trial before any visitor gets it, and is taken back: two deployments, no harm."""
    at_hour(b, 13.8)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms, "canary at 0 percent: new ranking (synthetic requests only)")
    end = b.onset_ms + 7 * MINUTE
    told(
        b,
        "canary",
        "deployer",
        "canary",
        9.0,
        Span(b.onset_ms + MINUTE, end),
        "canary analysis: error rate 6.{small} % of 120 synthetic requests, limit 1 %: FAILED (live traffic 0 %)",
        "canary: TypeError: rank is not a function (synthetic request {n} of 120)",
        "canary: step 1 of 5 not promoted",
    )
    fx.deploy(b, fx.PRODUCTION, end, "rollback: canary withdrawn, stable version keeps 100 percent")
    told(
        b,
        "canary gone",
        "deployer",
        "canary",
        3.0,
        Span(end, end + 2 * MINUTE),
        "rollout aborted: stable had 100 % of the live traffic throughout",
        level="warn",
    )
    return Told()


def flags(b: Builder) -> Told:
    """Switches are turned on and off all afternoon, and the switchboard's line breaks and mends; defaults hold."""
    at_hour(b, 16.1)
    yellow_index(b)
    for i, text in enumerate(
        (
            "flag new-inbox: off -> 5 % (miro)",
            "flag new-inbox: 5 % -> off (miro: wording, try again on Monday)",
            "flag dark-header: 50 % -> 100 % (ines)",
            "kill switch autoplay-trailers: armed, not pulled (dana)",
        )
    ):
        audited(b, f"flag {i}", b.onset_ms + i * 3 * MINUTE, text)
    told(
        b,
        "flags",
        "feature-flags",
        "launchdarkly",
        3.0,
        Span(b.onset_ms - HOUR, b.now_ms + 3 * HOUR),
        "[LaunchDarkly] Received I/O error (read ECONNRESET) for streaming request - will retry",
        '[LaunchDarkly] Unknown feature flag "hero-c"; returning default value',
        "[LaunchDarkly] Will retry stream connection in {ms} milliseconds",
        level="warn",
    )
    return Told()


def app_released(b: Builder) -> Told:
    """A new app came out this morning; leftovers of the old one ask unseen and are told to go, as announced."""
    at_hour(b, 17.2)
    phone_in_tunnel(b)
    span = onward(b, ramp_s=1200)
    who = homes(b, "left behind", 500)
    old = ("Pitchey/3.9.4 (Android 12; okhttp/4.9.3)", "Pitchey/3.9.4 (iOS 16.7; CFNetwork/1410.1)")
    for path, status, per_min in (("/api/v2/sync", 426, 9.0), ("/api/v2/push/register", 410, 4.0)):
        visits(b, f"left behind {status}", path, per_min, span, who, old, {status: 1.0}, method="POST", took_ms=4.0)
    new = ("Pitchey/6.0.0 (Android 16; okhttp/5.1.0)", "Pitchey/6.0.0 (iOS 19.1; CFNetwork/3860.2)")
    for path, method, outcomes in (
        ("/api/auth/refresh", "POST", {200: 0.96, 401: 0.04}),
        ("/api/browse", "GET", {200: 1.0}),
    ):
        visits(b, f"new app {path}", path, 8.0, span, who, new, outcomes, method=method)
    told(
        b,
        "left behind",
        "api-gateway",
        "versions",
        5.0,
        span,
        "client 3.9.4: endpoint sunset on schedule (Sunset header since May), 426 Upgrade Required, "
        "app 6.0.0 is on the same phone",
        level="warn",
    )
    return Told()


def cache_warmed(b: Builder) -> Told:
    """A release empties the cache on purpose and a machine of ours fills it at once: many misses, no visitor waits."""
    at_hour(b, 10.9)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms, "cache keys v9, warmed by the pipeline")
    fx.deploy(b, "pitchey-frontend", b.onset_ms + 90_000, "cards with the festival's name")
    span = Span(b.onset_ms + 10_000, b.onset_ms + 9 * MINUTE)
    agents = ("pitchey-cache-warmer/1.4 (+ops@pitchey.example)",)
    for path, per_min in (("/api/pitches", 70.0), ("/api/browse", 50.0), ("/api/pitches/trending", 12.0)):
        urls = (path + "?page={n}&warm=1",)
        outcomes = {200: 0.99, 404: 0.01}
        visits(b, f"warm {path}", path, per_min, span, ("198.51.100.31",), agents, outcomes, urls=urls, logged=0.3)
    told(
        b,
        "warmed",
        "cache",
        "kv",
        25.0,
        span,
        "cache miss key=v9:browse:{hex} (warming, expected)",
        "cache miss key=v9:pitch:{id} (warming, expected)",
        "kv write rate limited key=v9:trending retrying in {ms} ms",
        level="warn",
    )
    return Told()


SCENARIOS = (
    calm("day_canary_back", "A trial that ended before it began", canary_back, onset_min=(15, 30)),
    calm("day_flags", "Switches turned on and off", flags, onset_min=(18, 35), beside=("slow_sidekick",)),
    calm("day_app_released", "A new app, leftovers of the old", app_released, onset_min=(40, 80)),
    calm("day_cache_warmed", "A cache filled again", cache_warmed, onset_min=(14, 28), beside=("logs_lost",)),
)
