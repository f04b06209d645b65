"""People who are signed in and are not believed."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Tracked
from ....causes import outside
from ....scenario import Told
from ._parts import ERRORS, at_hour, clumsy_partner, doorknobs, frontend_deployed, judged

CAUSE = "auth_fault"


def audience(b: Builder) -> Told:
    """Tokens are made out to another audience; as they are renewed, ever more are refused."""
    at_hour(b, 16.5)
    return outside.tokens(
        b,
        share=b.between("share", 0.5, 0.72),
        ramp_s=700.0,
        relogin=2.0,
        texts=(
            'JWTClaimValidationFailed: unexpected "aud" claim value',
            'ERR_JWT_CLAIM_VALIDATION_FAILED: unexpected "aud" claim value (got pitchey-app)',
        ),
        caller_texts=("401 for {user} on {route}: claim validation failed",),
        tracked=Tracked(
            type="JWTClaimValidationFailed",
            value='unexpected "aud" claim value',
            culprit="jwtVerify(node_modules/jose/jwt)",
        ),
    )


def unset(b: Builder) -> Told:
    """The secret is not there at all: nobody can be checked."""
    at_hour(b, 6.5)
    doorknobs(b)
    return outside.tokens(
        b,
        share=b.between("share", 0.93, 0.99),
        status=500,
        took_ms=9.0,
        relogin=1.6,
        ramp_s=5.0,
        texts=("Error: secretOrPrivateKey must have a value", "jwt.verify: secret or public key must be provided"),
        caller_texts=("auth middleware failed on {method} {route}",),
        tracked=Tracked(
            type="JsonWebTokenError", value="secret or public key must be provided", culprit="verify(jsonwebtoken)"
        ),
    )


def renewals(b: Builder) -> Told:
    """Sessions cannot be renewed: people are thrown out one after the other."""
    at_hour(b, 21.0)
    frontend_deployed(b)
    clumsy_partner(b)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    slowly = b.until_mended(b.onset_ms, ramp_s=1200.0)
    share = b.between("share", 0.88, 0.97)
    texts = (
        "refresh token reuse detected, family {hex} revoked",
        "refresh rejected: session {hex} unknown to the session store",
    )
    fx.fail(
        b,
        Fault(
            key="renewals",
            hits={"/api/auth/refresh": share},
            span=span,
            status=401,
            took_ms=48.0,
            body={"success": False, "message": "Session expired"},
            entries=(Entry(service="auth", component="session", texts=texts, most_per_min=90),),
            tracked=Tracked(
                type="RefreshError", value="refresh token reuse detected", culprit="rotate(src/auth/refresh)"
            ),
        ),
    )
    private = ("/api/creator/dashboard", "/api/investor/portfolio", "/api/notifications", "/api/messages")
    fx.fail(
        b,
        Fault(
            key="thrown out",
            hits=fx.of(private, share * 0.6),
            span=slowly,
            status=401,
            took_ms=20.0,
            body={"success": False, "message": "Invalid token"},
            entries=(
                Entry(
                    service="auth",
                    level="warn",
                    component="jwt",
                    share=0.6,
                    texts=("jwt expired for {user}, no valid refresh token",),
                ),
            ),
        ),
    )
    fx.surge(b, slowly, 5.0, ("/api/auth/login", "/login"))
    return Told(services=("auth",), routes=("/api/auth/refresh", *private), severity="P1")


SCENARIOS = (
    judged(
        "token_audience",
        "Tokens for another audience",
        CAUSE,
        audience,
        ERRORS,
        onset_min=(18, 28),
        beside=("unrelated_deployment",),
        seeds=3,
    ),
    judged("token_unset", "The token secret is not there", CAUSE, unset, ERRORS, beside=("clock_skew", "logs_unseen")),
    judged(
        "token_renewals",
        "Sessions cannot be renewed",
        CAUSE,
        renewals,
        ERRORS,
        onset_min=(24, 34),
        beside=("busy_evening",),
    ),
)
