"""Answers that browsers may not read, and pages that are slow to the eye."""

from __future__ import annotations

from ... import effects as fx
from ...builder import Builder, Entry, Span
from ...causes.browser import PAGES
from ...scenario import Told
from ...world import Behaviour
from ._parts import (
    BROWSING,
    VITALS,
    door_rattling,
    helpers_shipped,
    in_browsers,
    index_backlog,
    judged,
    local_hour,
    morning_blip,
    old_clients,
    other_peoples_scripts,
    shipped,
    warp_trouble,
    web_issue,
)

CORS, PAINT = "cors_misconfigured", "web_vitals_regression"
HOST = "https://pitchey-production.cavelltheleaddev.workers.dev"
SENDING = (
    "/api/auth/login",
    "/api/auth/register",
    "/api/pitches/create",
    "/api/investor/interest",
    "/api/payments/checkout",
    "/api/upload/presign",
    "/api/upload/complete",
)


def _headers(b: Builder, span: Span, headers: dict[str, str]) -> None:
    """Let the live API send *headers* with its usual answers."""
    body = {"success": False, "message": "Invalid or expired token"}
    for path in ("/api/health", "/api/pitches", "/api/browse", "/api/auth/verify"):
        refuses = path == "/api/auth/verify"
        one = Behaviour(
            service="api",
            path=path,
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            status=401 if refuses else 200,
            body=body if refuses else None,
            headers=headers,
        )
        fx.answer(b, one)


def neighbours_answer(b: Builder) -> Told:
    """A cache keeps answers made for the app's origin and gives them to the web page: a third cannot read theirs."""
    local_hour(b, 16.6)
    morning_blip(b)
    span = b.until_mended(b.onset_ms, ramp_s=400.0)
    in_browsers(
        b,
        "neighbour",
        span,
        fx.of(PAGES, b.between("share", 0.3, 0.46)),
        (
            f"Access to fetch at '{HOST}/api/browse' from origin 'https://pitchey.pages.dev' has been blocked by CORS "
            "policy: The 'Access-Control-Allow-Origin' header has a value 'https://app.pitchey.example' that is not "
            "equal to the supplied origin.",
            "Origin https://pitchey.pages.dev is not allowed by Access-Control-Allow-Origin. Status code: 200. /browse",
        ),
        tracked=web_issue("TypeError: Failed to fetch (/api/browse, opaque)", "get(src/lib/client)"),
    )
    fx.surge(b, span, 0.65, SENDING)
    _headers(b, span, {"access-control-allow-origin": "https://app.pitchey.example", "cf-cache-status": "HIT"})
    return Told(services=("frontend", "api-gateway"), routes=PAGES, severity="P2")


def no_patch(b: Builder) -> Told:
    """Since the deployment a preflight allows reading only: nobody can change what is theirs."""
    local_hour(b, 11.9)
    old_clients(b)
    shipped(b, fx.PRODUCTION, "one CORS helper for all routes", 10, 45)
    span = b.until_mended(b.onset_ms)
    in_browsers(
        b,
        "no patch",
        span,
        {"/dashboard": b.between("share", 0.55, 0.75), "/login": 0.4},
        (
            f"Access to fetch at '{HOST}/api/pitches/create' from origin 'https://pitchey.pages.dev' has been blocked "
            "by CORS policy: Method POST is not allowed by Access-Control-Allow-Methods in preflight response.",
            "Cross-Origin Request Blocked: (Reason: Did not find method in CORS header "
            "‘Access-Control-Allow-Methods’).",
            "Preflight response is not successful. Status code: 405",
        ),
        tracked=web_issue("TypeError: Load failed (POST, preflight 405)", "post(src/lib/client)"),
    )
    fx.surge(b, span, 0.08, SENDING)
    _headers(b, span, {"access-control-allow-methods": "GET, HEAD, OPTIONS"})
    return Told(services=("frontend", "api-gateway"), routes=("/dashboard", "/login"), severity="P1")


def new_name(b: Builder) -> Told:
    """The page has a new name since the evening's move, and the API has never heard of it; the old name still works."""
    local_hour(b, 23.6)
    index_backlog(b)
    span = b.until_mended(b.onset_ms, ramp_s=900.0)
    in_browsers(
        b,
        "new name",
        span,
        fx.of(PAGES, b.between("share", 0.45, 0.65)),
        (
            "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource. (Reason: CORS "
            "header ‘Access-Control-Allow-Origin’ missing). Status code: 200. Page: https://www.pitchey.example",
            f"Access to fetch at '{HOST}/api/auth/login' from origin 'https://www.pitchey.example' has been blocked by "
            "CORS policy: Response to preflight request doesn't pass access control check.",
        ),
        tracked=web_issue(
            "TypeError: NetworkError when attempting to fetch resource. (www.pitchey.example)", "get(client)"
        ),
    )
    refused = "CORS: origin https://www.pitchey.example is not on the allow list, answering without headers"
    from_api = _plain(refused)
    fx.say(b, "new name", from_api, 6.0, span)
    fx.surge(b, span, 0.45, SENDING)
    return Told(services=("frontend", "api-gateway"), routes=PAGES, severity="P1")


def _plain(text: str) -> Entry:
    return Entry(service="api-gateway", component="cors", level="warn", texts=(text,), request=False)


def uncached_pages(b: Builder) -> Told:
    """A rule that kept pages at the edge was switched off; the first byte takes a second longer for everybody."""
    local_hour(b, 14.9)
    warp_trouble(b)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    add = b.between("add", 1300, 1900)
    fx.vitals(b, span, {"ttfb": (1.5, add), "fcp": (1.3, add), "lcp": (1.4, add * 1.15)})
    b.edge_cache.append((PAGES, span, 0.03))
    return Told(services=("frontend",), routes=PAGES, severity="P3")


def charts(b: Builder) -> Told:
    """New charts on the dashboard arrive late, push everything down and keep fingers waiting."""
    local_hour(b, 10.7)
    helpers_shipped(b)
    shipped(b, "pitchey-frontend", "dashboard: funnel charts", 40, 160)
    span = b.until_mended(b.onset_ms, ramp_s=120.0)
    factors = {"cls": (2.2, b.between("cls", 0.2, 0.32)), "inp": (3.0, b.between("inp", 260, 420)), "fid": (4.0, 60.0)}
    fx.vitals(b, span, factors, url=("/dashboard", "/pitches"))
    return Told(services=("frontend",), routes=("/dashboard", "/pitches"), severity="P3")


def large_hero(b: Builder) -> Told:
    """The picture at the top is four megabytes since the editors changed it; telephones suffer most."""
    local_hour(b, 19.1)
    door_rattling(b)
    other_peoples_scripts(b)
    span = b.until_mended(b.onset_ms, ramp_s=200.0)
    late = {"lcp": (2.2, b.between("lcp", 1900, 2700))}
    fx.vitals(b, span, late, device=("mobile", "tablet"), url=("/", "/pitches"))
    fx.vitals(b, span, {"lcp": (1.25, 350.0)}, device=("desktop",), url=("/", "/pitches"))
    return Told(services=("frontend",), routes=("/", "/pitches"), severity="P3")


SCENARIOS = (
    judged(
        "origin_neighbour",
        "Answers made for another origin",
        CORS,
        neighbours_answer,
        BROWSING,
        onset_min=(20, 30),
        beside=("slow_sidekick",),
        seeds=3,
    ),
    judged(
        "origin_no_patch",
        "A preflight allows reading only",
        CORS,
        no_patch,
        BROWSING,
        onset_min=(12, 20),
        beside=("logs_lost",),
    ),
    judged(
        "origin_new_name",
        "A new name the API does not know",
        CORS,
        new_name,
        BROWSING,
        onset_min=(26, 38),
        beside=("logs_unseen", "busy_evening"),
    ),
    judged(
        "paint_uncached",
        "Pages are no longer kept at the edge",
        PAINT,
        uncached_pages,
        VITALS,
        onset_min=(18, 28),
        fresh=True,
        beside=("clock_skew",),
    ),
    judged(
        "paint_charts",
        "New charts push and wait",
        PAINT,
        charts,
        VITALS,
        onset_min=(20, 32),
        fresh=True,
        beside=("few_typists", "slow_sidekick"),
        seeds=3,
    ),
    judged(
        "paint_hero",
        "A picture of four megabytes",
        PAINT,
        large_hero,
        VITALS,
        onset_min=(16, 26),
        fresh=True,
        beside=("crawler_visit",),
    ),
)
