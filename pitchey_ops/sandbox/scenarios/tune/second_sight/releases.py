"""Days on which something of ours is released, renamed or retired, and nothing is wrong."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Slow, Span
from ....scenario import Told
from ._parts import EVERY_AGENT, around, at_hour, audited, calm, grey_library, homes, knocking, onward, told, visits


def site_release(b: Builder) -> Told:
    """The site is released before lunch: open tabs notice and load themselves anew, tools miss the old source maps."""
    at_hour(b, 11.6)
    fx.deploy(b, "pitchey-frontend", b.onset_ms - 80_000, "new footer, router 7.10, images as AVIF")
    span = Span(b.onset_ms, b.now_ms + 2 * HOUR, ramp_s=60)
    told(
        b,
        "tabs",
        "frontend",
        "updates",
        6.0,
        span,
        "build changed while the tab was open, reloading at the next navigation ({device})",
        "service worker: waiting worker activated, {n} precached files replaced, {small} removed",
        level="info",
    )
    urls = ("/assets/index-{hex}.js.map", "/assets/vendor-{hex}.js.map")
    who = homes(b, "maps", 12)
    visits(b, "maps", "/assets/index.js.map", 0.7, span, who, EVERY_AGENT, {404: 1.0}, urls=urls, service="frontend")
    fx.vitals(b, Span(b.onset_ms, b.onset_ms + 12 * MINUTE), {"lcp": (1.05, 20.0), "ttfb": (1.05, 0.0)})
    return Told()


def worker_release(b: Builder) -> Told:
    """The API is released; for a minute new isolates start up and a compatibility layer grumbles; answers are right."""
    at_hour(b, 14.6)
    grey_library(b)
    one = fx.deploy(b, fx.PRODUCTION, b.onset_ms, "compatibility date 2026-11-01, nodejs_compat v2")
    start = Span(b.onset_ms, b.onset_ms + 100_000)
    fx.slow(b, Slow(key="isolates", hits=fx.in_worker(0.12), span=start, add_ms=45.0))
    told(
        b,
        "isolates",
        "api-gateway",
        "runtime",
        14.0,
        start,
        f"isolate started for {fx.release_name(one)} in {{n}} ms, global scope evaluated",
        "configuration read again (first request of the isolate)",
        level="info",
    )
    told(
        b,
        "compat",
        "api-gateway",
        "runtime",
        3.0,
        onward(b),
        "[unenv] process.binding is not implemented yet! (stub returned, not called)",
        "Warning: Sending traces to a tail consumer that has no handler for 'queue' events, ignored",
        level="warn",
    )
    return Told()


def renamed_route(b: Builder) -> Told:
    """A route gets a better name and the old one points to it: half of the clients are led around for a while."""
    at_hour(b, 10.3)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms - 3 * MINUTE, "featured becomes spotlight, permanent redirect for the old")
    span = onward(b, ramp_s=400)
    who = homes(b, "spotlight", 300)
    for path, per_min, outcomes in (
        ("/api/pitches/featured", 14.0, {308: 1.0}),
        ("/api/pitches/spotlight", 22.0, {200: 0.995, 304: 0.005}),
    ):
        visits(
            b, f"at {path}", path, per_min, span, who, EVERY_AGENT, outcomes, users=True, service="pitch", logged=0.4
        )
    told(
        b,
        "alias",
        "pitch",
        "router",
        3.5,
        span,
        "alias /api/pitches/featured used, Deprecation and Link headers sent (client {browser})",
        level="warn",
    )
    return Told()


def retired_endpoint(b: Builder) -> Told:
    """The old feed for readers is shut on the day that was announced a year ago; readers' machines ask on and on."""
    at_hour(b, 6.4)
    audited(
        b, "retired", b.onset_ms, "feature 'atom-feed' retired as announced (2025-11), route answers 410 from now on"
    )
    span = onward(b)
    who = fx.strangers(b, "readers", 70)
    agents = (
        "Feedbin feed-id:1482213 - 31 subscribers",
        "NetNewsWire (RSS Reader; https://netnewswire.com/)",
        "Tiny Tiny RSS/23.10",
    )
    visits(b, "readers", "/api/v1/feed.atom", 13.0, span, who, agents, {410: 1.0}, took_ms=3.0, logged=1.0)
    told(
        b,
        "readers",
        "api-gateway",
        "retired",
        2.0,
        span,
        "410 Gone for /api/v1/feed.atom ({waiting} readers still subscribed, none of them signed in)",
        level="warn",
    )
    return Told()


def log_format(b: Builder) -> Told:
    """The logger of two services speaks a new dialect since a release: fields with 'error' in their names, all nil."""
    at_hour(b, 16.3)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms - MINUTE, "structured logs (ECS 8.17)")
    span = onward(b)
    told(
        b,
        "dialect",
        "browse",
        "ecs",
        18.0,
        span,
        '{{"@timestamp":"2026-11-23","log.level":"info","error.message":null,"error.stack_trace":null,'
        '"event.outcome":"success","event.duration":{id}000}}',
        '{{"log.level":"info","message":"facets ready","error.code":0,"http.response.status_code":200}}',
        level="INFO",
    )
    told(
        b,
        "dialect of levels",
        "notification",
        "ecs",
        9.0,
        span,
        'severity=NOTICE msg="queue flushed" failed=0 errors=[] timeout=false',
        'severity=NOTICE msg="template compiled" fallback=false exception=<nil>',
        level="NOTICE",
    )
    told(
        b, "parser", "logs", "ingest", 0.6, around(b, 0), "field log.level seen in message, kept as text", level="warn"
    )
    return Told()


def quick_rollout(b: Builder) -> Told:
    """Three small releases within twenty minutes: a typo, the typo's own typo, and a new icon; all of them fine."""
    at_hour(b, 17.4)
    knocking(b, 0.7)
    for minutes, script, text in (
        (0, "pitchey-frontend", "fix a typo on the price page"),
        (6, "pitchey-frontend", "fix the fix"),
        (11, fx.PRODUCTION, "icon for screenings in the list of kinds"),
    ):
        fx.deploy(b, script, b.onset_ms + minutes * MINUTE, text)
    told(
        b,
        "pipeline",
        "deployer",
        "pipeline",
        4.0,
        Span(b.onset_ms - 2 * MINUTE, b.onset_ms + 13 * MINUTE),
        "npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.",
        "e2e: 1 flaky (passed on retry): 'checkout keeps the coupon', 211 passed",
        "warning: chunk size limit 500 kB exceeded by vendor-{hex}.js (512 kB)",
        level="warn",
    )
    return Told()


SCENARIOS = (
    calm("quiet_site_release", "A release of the site", site_release, onset_min=(9, 18)),
    calm("quiet_worker_release", "A release of the API", worker_release, onset_min=(8, 16), beside=("clock_skew",)),
    calm("quiet_renamed_route", "A route with a new name", renamed_route, onset_min=(14, 30)),
    calm("quiet_retired_endpoint", "A feed that was retired", retired_endpoint, onset_min=(20, 50)),
    calm("quiet_log_format", "A new dialect in the log", log_format, onset_min=(10, 22), beside=("busy_evening",)),
    calm("quiet_quick_rollout", "Three releases in a row", quick_rollout, onset_min=(13, 24)),
)
