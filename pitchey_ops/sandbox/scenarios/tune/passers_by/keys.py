"""Keys that are refused elsewhere, and a sign-in of our own that refuses the right people."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Entry, Fault, Tracked
from ....platform import ROUTES
from ....scenario import Told
from ._parts import ERRORS, at_hour, audited, provider_page, ratings_feed, retired_check, stranger, told


def expired_key(b: Builder) -> Told:
    """The restricted key for payments had an end date: each charge is refused at once, their page is all green."""
    at_hour(b, 11.0)
    ratings_feed(b)
    span = b.until_mended(b.onset_ms)
    refusal = "Expired API Key provided: rk_live_*********************************7fQ2"
    fx.fail(
        b,
        Fault(
            key="expired key",
            hits={"/api/payments/checkout": b.between("share", 0.94, 0.99)},
            span=span,
            status=500,
            took_ms=170.0,
            body={"success": False, "message": "Payment could not be started"},
            entries=(
                Entry(
                    component="stripe",
                    texts=(
                        f"StripeAuthenticationError: {refusal}",
                        "POST /v1/payment_intents 401 req_{hex} type=invalid_request_error code=api_key_expired",
                    ),
                    metadata='{{"provider":"stripe","status":401,"code":"api_key_expired"}}',
                ),
                Entry(level="warn", component="checkout", share=0.6, texts=("checkout of {user} not started",)),
            ),
            tracked=Tracked(
                type="StripeAuthenticationError", value=refusal, culprit="generate(node_modules/stripe/cjs/Error)"
            ),
        ),
    )
    told(b, "payouts", "payments", "payouts", 0.5, span, "balance not read: 401 api_key_expired (req_{hex})")
    provider_page(b, "stripe", "Stripe", "All systems operational", b.always())
    return Told(services=("payments",), routes=("/api/payments/checkout",), severity="P2")


def half_rotated(b: Builder) -> Told:
    """The store's key was changed, and a part of the isolates still signs with the old one: half is refused."""
    at_hour(b, 15.5)
    retired_check(b)
    audited(
        b,
        "rotation",
        b.onset_ms - 2 * MINUTE,
        "secret R2_SECRET_ACCESS_KEY: version 8 written by ci@pitchey.example (rotation, quarterly)",
        "access key of bucket pitchey-media: secret of version 7 withdrawn",
    )
    span = b.until_mended(b.onset_ms, ramp_s=90.0)
    share = b.between("share", 0.42, 0.55)
    hits = {"/api/upload/complete": share, "/api/media/thumbnail": share * 0.6}
    refusal = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your secret access key and signing method."
    )
    fx.fail(
        b,
        Fault(
            key="half rotated",
            hits=hits,
            span=span,
            status=500,
            took_ms=95.0,
            body={"success": False, "message": "Media not available"},
            entries=(
                Entry(
                    component="s3",
                    texts=(
                        f"SignatureDoesNotMatch: {refusal}",
                        "HEAD media/{hex} 403 SignatureDoesNotMatch key=4be1…90 secret_version=7 attempt 1 of 1",
                    ),
                ),
            ),
            tracked=Tracked(
                type="SignatureDoesNotMatch", value=refusal, culprit="throwDefaultError(@smithy/smithy-client)"
            ),
        ),
    )
    told(
        b,
        "half rotated browser",
        "frontend",
        "browser",
        2.5,
        span,
        "Upload failed: PUT https://pitchey-media.r2.cloudflarestorage.com/media/{hex} 403 (SignatureDoesNotMatch)",
    )
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def unknown_kid(b: Builder) -> Told:
    """We sign with a new key that those who check have not fetched: whose token is renewed is out, one by one."""
    at_hour(b, 18.4)
    span = b.until_mended(b.onset_ms, ramp_s=1800.0)
    private = [r.path for r in ROUTES if r.private]
    hits = fx.of(["/api/auth/verify", "/api/auth/refresh", *private], b.between("share", 0.6, 0.75))
    fx.fail(
        b,
        Fault(
            key="unknown kid",
            hits=hits,
            span=span,
            status=401,
            took_ms=19.0,
            body={"success": False, "message": "Invalid token"},
            entries=(
                Entry(
                    service="auth",
                    component="jose",
                    most_per_min=90,
                    texts=(
                        "ERR_JWKS_NO_MATCHING_KEY: no applicable key found in the JSON Web Key Set",
                        "token of {user} refused: kid=2026-q4-b not among 2026-q3-a, 2026-q4-a (set fetched 6 h ago)",
                    ),
                ),
            ),
            tracked=Tracked(
                type="JWKSNoMatchingKey",
                value="no applicable key found in the JSON Web Key Set",
                culprit="getKey(node_modules/jose/jwks/local)",
            ),
        ),
    )
    audited(b, "new kid", b.onset_ms, "issuer: signing key 2026-q4-b active, 2026-q4-a retires in 24 h")
    fx.surge(b, b.until_mended(b.onset_ms, ramp_s=1800.0), 3.2, ("/login", "/api/auth/login"))
    return Told(services=("auth",), routes=tuple(hits), severity="P1")


def cookie_domain(b: Builder) -> Told:
    """A setting names another domain for the session's cookie: people sign in, and are back at the sign-in page."""
    at_hour(b, 9.4)
    audited(
        b,
        "cookie domain",
        b.onset_ms,
        "setting session.cookie.domain changed by miro@pitchey.example: '.pitchey.example' -> 'app.pitchey.example'",
    )
    span = b.until_mended(b.onset_ms, ramp_s=900.0)
    private = [r.path for r in ROUTES if r.private]
    hits = fx.of(["/api/auth/verify", *private], b.between("share", 0.4, 0.55))
    fx.fail(
        b,
        Fault(
            key="cookie domain",
            hits=hits,
            span=span,
            status=401,
            took_ms=14.0,
            body={"success": False, "message": "Not signed in"},
            entries=(
                Entry(
                    service="auth",
                    level="warn",
                    component="session",
                    most_per_min=90,
                    texts=(
                        "{route}: no sid cookie came along, {user} was signed in {small} s ago",
                        "401 {method} {route}: session cookie absent (Referer: /login)",
                    ),
                ),
            ),
        ),
    )
    fx.stumble(
        b,
        Fault(
            key="cookie refused",
            hits={"/login": 0.6, "/dashboard": 0.3},
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    level="warn",
                    component="browser",
                    delay_ms=500.0,
                    texts=(
                        "Cookie “sid” has been rejected for invalid domain.",
                        "signed in and back at /login, round {small}",
                    ),
                ),
            ),
        ),
    )
    fx.surge(b, span, 4.0, ("/login", "/api/auth/login"))
    return Told(services=("auth",), routes=tuple(hits), severity="P1")


SCENARIOS = (
    stranger(
        "via_expired_key",
        "Key for payments ran out",
        "credentials_invalid",
        expired_key,
        ERRORS,
        onset_min=(20, 35),
        beside=("unrelated_deployment",),
    ),
    stranger(
        "via_half_rotated",
        "Half of the isolates sign with the old secret",
        "credentials_invalid",
        half_rotated,
        ERRORS,
        onset_min=(30, 48),
        beside=("crawler_visit",),
    ),
    stranger(
        "via_unknown_kid",
        "Signed with a key that nobody has fetched",
        "auth_fault",
        unknown_kid,
        ERRORS,
        onset_min=(35, 50),
        beside=("noisy_neighbour",),
    ),
    stranger(
        "via_cookie_domain",
        "Session cookie for another domain",
        "auth_fault",
        cookie_domain,
        ERRORS,
        onset_min=(24, 38),
        beside=("harmless_production_deployment",),
    ),
)
