"""Days on which the audience is large, small or has odd browsers, and nothing is wrong."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Span, Tracked
from ....platform import BROWSERS
from ....scenario import Told
from ._parts import at_hour, calm, homes, hourly_job, onward, phone_in_tunnel, told, usual_guessers, visits

READ = (
    "/",
    "/pitches",
    "/api/browse",
    "/api/browse/genres",
    "/api/media/thumbnail",
    "/assets/index-4f9c2a1b.js",
    "/assets/index-b27d90ee.css",
    "/assets/browse-1c7be205.js",
)


def broken_extension(b: Builder) -> Told:
    """One man's browser has an extension that throws on every page and asks for his messages over and over; only he."""
    at_hour(b, 20.2)
    span = Span(b.onset_ms - 2 * HOUR, b.now_ms + 3 * HOUR)
    words = "Cannot read properties of undefined (reading 'sendMessage')"
    told(
        b,
        "extension",
        "frontend",
        "browser",
        12.0,
        span,
        f"TypeError: {words} at chrome-extension://gkdmlpnoafbbjkhalcmhcdiipecogmng/content.js:1:{{id}} (u03311)",
        "Uncaught (in promise) Error: Extension context invalidated. (u03311)",
    )
    who = homes(b, "extension", 1)
    agents = (BROWSERS[0][0],)
    visits(b, "extension", "/api/messages", 9.0, span, who, agents, {200: 1.0}, user="u03311", logged=1.0)
    tracked = Tracked(type="TypeError", value=words, culprit="content(chrome-extension)", project="pitchey-frontend")
    step = 45_000
    times = range(span.start_ms, b.end_ms, step)
    fx.issue(b, "extension", tracked, times, users=1)
    return Told()


def ad_blockers(b: Builder) -> Told:
    """A third of the visitors block trackers, and an office's proxy cuts headers off; both complain, pages work."""
    at_hour(b, 12.9)
    hourly_job(b)
    told(
        b,
        "blocked",
        "frontend",
        "browser",
        14.0,
        b.always(),
        "GET https://www.googletagmanager.com/gtag/js?id=G-{hex} net::ERR_BLOCKED_BY_CLIENT",
        "Failed to load resource: net::ERR_BLOCKED_BY_CLIENT (https://static.hotjar.com/c/hotjar-{id}.js)",
        "NetworkError: tracker not reached, consent banner shown without it (uBlock Origin)",
    )
    who = fx.strangers(b, "proxy", 1, "62.154.210.")
    agents = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) (via corporate proxy, agent shortened)",)
    visits(b, "proxy", "/api/browse", 4.0, b.always(), who, agents, {200: 1.0}, logged=0.5)
    told(
        b,
        "proxy",
        "api-gateway",
        "headers",
        1.5,
        b.always(),
        f"request from {who[0]} without Accept-Encoding and Referer (stripped by 1.1 bluecoat), answered uncompressed",
        level="warn",
    )
    return Told()


def television(b: Builder) -> Told:
    """A television programme shows the platform: twice the people within three minutes, served as fast as ever."""
    at_hour(b, 19.7)
    phone_in_tunnel(b)
    span = onward(b, ramp_s=180)
    fx.surge(b, span, b.between("television", 2.2, 2.8), READ)
    fx.surge(b, span, 2.0, ("/login", "/api/auth/login", "/api/auth/register"))
    told(
        b,
        "television",
        "monitoring",
        "traffic",
        1.0,
        span,
        "requests at 2{n} % of the same hour last week (threshold 150 %): anomaly, p95 {n} ms, errors as usual",
        "expected peak: 'Kulturzeit' 19:20, see the calendar",
        level="warn",
    )
    return Told()


def public_holiday(b: Builder) -> Told:
    """A public holiday: a third of the people, jobs with nobody to write to, watchers that find the silence strange."""
    at_hour(b, 8.8)
    usual_guessers(b)
    span = Span(b.now_ms - 9 * HOUR, b.now_ms + 9 * HOUR, ramp_s=7200)
    fx.surge(b, span, b.between("holiday", 0.28, 0.4))
    told(
        b,
        "holiday",
        "monitoring",
        "traffic",
        0.6,
        span,
        "requests at 3{small} % of the same hour last week: LOW TRAFFIC (holiday in DE, AT, CH: alert muted)",
        "no sign-up for {n} minutes (usual for a holiday)",
        level="warn",
    )
    told(
        b,
        "holiday jobs",
        "notification",
        "digest",
        0.7,
        Span(b.onset_ms - 3 * HOUR, b.now_ms + 5 * HOUR, 0.0, 3600.0, 5 * MINUTE / 1000),
        "digest: 0 recipients today, nothing to do",
        level="info",
    )
    return Told()


SCENARIOS = (
    calm("day_broken_extension", "One man's extension", broken_extension, beside=("busy_evening",)),
    calm("day_ad_blockers", "Blocked trackers", ad_blockers, beside=("harmless_production_deployment",)),
    calm("day_television", "Seen on television", television, onset_min=(12, 25)),
    calm("day_public_holiday", "A public holiday", public_holiday, beside=("logs_lost",)),
)
