"""Guests with a valid ticket who are turned away."""

from ... import effects as fx
from ...builder import Builder, Fault
from ...platform import ROUTES
from ...scenario import Told
from ._parts import (
    FAILURES,
    api_issue,
    helpers_shipped,
    judged,
    left,
    local_hour,
    morning_blip,
    old_clients,
    pages_shipped,
    query_refused,
    slow_pictures,
    spoken,
    warp_trouble,
)

CAUSE = "auth_fault"
PRIVATE = tuple(route.path for route in ROUTES if route.private)


def stale_keys(b: Builder) -> Told:
    """The sign-in service signs with a new key, the API still remembers the old set: each new token is refused."""
    local_hour(b, 19.0)
    warp_trouble(b)
    query_refused(b)
    share = b.between("share", 0.55, 0.75)
    hits = fx.of(("/api/auth/verify", "/api/auth/refresh", *PRIVATE), share)
    span = b.until_mended(b.onset_ms, ramp_s=b.between("ramp", 900, 1200))
    fx.fail(
        b,
        Fault(
            key="stale keys",
            hits=hits,
            span=span,
            status=401,
            took_ms=17.0,
            body={"success": False, "message": "Unauthorized"},
            entries=(
                left(
                    "JWKSNoMatchingKey: no applicable key found in the JSON Web Key Set",
                    "ERR_JWKS_NO_MATCHING_KEY kid=2026-11-b alg=ES256 ({route})",
                    service="auth",
                    component="jose",
                    most_per_min=70,
                ),
                left("{user} has to sign in again on {route}", level="warn", share=0.3),
            ),
            tracked=api_issue(
                "JWKSNoMatchingKey: no applicable key found in the JSON Web Key Set", "getKey(node_modules/jose/jwks)"
            ),
        ),
    )
    fx.surge(b, span, 2.6, ("/api/auth/login", "/login"))
    return Told(services=("auth",), routes=tuple(hits), severity="P1")


def csrf(b: Builder) -> Told:
    """Two instances disagree on the secret of the form token: whoever sends something is refused, reading goes on."""
    local_hour(b, 14.0)
    old_clients(b)
    slow_pictures(b)
    writing = tuple(r.path for r in ROUTES if r.private and r.method == "POST")
    share = b.between("share", 0.6, 0.85)
    span = b.until_mended(b.onset_ms, ramp_s=20.0)
    fx.fail(
        b,
        Fault(
            key="csrf",
            hits={**fx.of(writing, share), "/api/auth/refresh": share * 0.8},
            span=span,
            status=403,
            took_ms=8.0,
            body={"success": False, "message": "Forbidden"},
            entries=(
                left(
                    "ForbiddenError: invalid csrf token (EBADCSRFTOKEN) for session of {user}",
                    "csrf: HMAC of the double submit cookie does not verify on {method} {route}",
                    service="auth",
                    component="csrf",
                    most_per_min=60,
                ),
            ),
            tracked=api_issue("ForbiddenError: invalid csrf token", "doubleCsrfProtection(src/auth/csrf)"),
        ),
    )
    fx.surge(b, b.until_mended(b.onset_ms, ramp_s=300.0), 1.7, ("/api/auth/login", "/login", "/dashboard"))
    return Told(services=("auth",), routes=(*writing, "/api/auth/refresh"), severity="P2")


def seconds_for_minutes(b: Builder) -> Told:
    """New tokens live for fifteen seconds where fifteen minutes were meant; the page renews without end."""
    local_hour(b, 7.2)
    helpers_shipped(b)
    share = b.between("share", 0.44, 0.62)
    span = b.until_mended(b.onset_ms, ramp_s=600.0)
    fx.fail(
        b,
        Fault(
            key="short lives",
            hits=fx.of(("/api/auth/verify", *PRIVATE), share),
            span=span,
            status=401,
            took_ms=12.0,
            body={"success": False, "message": "Token expired"},
            entries=(
                left(
                    'JWTExpired: "exp" claim timestamp check failed',
                    "access token of {user} is {small} s past its exp, lifetime was 15 s",
                    service="auth",
                    component="jwt",
                    most_per_min=60,
                ),
            ),
            tracked=api_issue(
                'JWTExpired: "exp" claim timestamp check failed', "validateClaims(node_modules/jose/jwt)"
            ),
        ),
    )
    fx.surge(b, span, b.between("renewals", 5, 8), ("/api/auth/refresh",))
    loop = spoken("auth", "refresh", "{user} renewed {waiting} times within a minute", level="warn")
    fx.say(b, "short lives loop", loop, 4.0, span)
    return Told(services=("auth",), routes=("/api/auth/verify", *PRIVATE), severity="P1")


def lost_sessions(b: Builder) -> Told:
    """The list of sessions was emptied: everybody is a stranger, and those who sign in are forgotten again."""
    local_hour(b, 21.7)
    pages_shipped(b)
    morning_blip(b)
    share = b.between("share", 0.86, 0.96)
    span = b.until_mended(b.onset_ms)
    hits = fx.of(("/api/auth/refresh", *PRIVATE), share)
    fx.fail(
        b,
        Fault(
            key="lost sessions",
            hits=hits,
            span=span,
            status=401,
            took_ms=26.0,
            body={"success": False, "message": "Session not found"},
            entries=(
                left(
                    "SessionNotFound: sid {hex} valid by signature, not in the store",
                    "session store returned 0 of {n} known sessions, treating {user} as anonymous",
                    service="auth",
                    component="session",
                    most_per_min=70,
                ),
            ),
            tracked=api_issue("SessionNotFound: sid not in the store", "load(src/auth/sessions)"),
        ),
    )
    fx.surge(b, span, 4.5, ("/api/auth/login", "/login"))
    return Told(services=("auth",), routes=tuple(hits), severity="P1")


SCENARIOS = (
    judged("ticket_stale_keys", "New keys, an old set", CAUSE, stale_keys, FAILURES, onset_min=(26, 36)),
    judged(
        "ticket_csrf",
        "Form tokens that do not verify",
        CAUSE,
        csrf,
        FAILURES,
        onset_min=(14, 24),
        beside=("few_typists",),
    ),
    judged(
        "ticket_short_lives",
        "Tokens that live for seconds",
        CAUSE,
        seconds_for_minutes,
        FAILURES,
        onset_min=(20, 30),
        beside=("logs_lost",),
    ),
    judged(
        "ticket_lost_sessions",
        "The list of sessions was emptied",
        CAUSE,
        lost_sessions,
        FAILURES,
        onset_min=(8, 13),
        beside=("slow_sidekick",),
        seeds=1,
    ),
)
