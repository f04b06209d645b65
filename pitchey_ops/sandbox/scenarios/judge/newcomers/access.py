"""Keys, certificates and tokens that are no longer believed."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Entry, Fault, Span, Tracked
from ....causes._who import felt, owners
from ....platform import ROUTES
from ....scenario import Told
from ._parts import DATA, ERRORS, case, healed, helper_release, hour_is, page_release, stale_customers, strict_policy

CREDENTIALS, AUTH = "credentials_invalid", "auth_fault"
PRIVATE = tuple(r.path for r in ROUTES if r.private and r.kind == "api")


def bucket_token(b: Builder) -> Told:
    """The token for the media bucket ran out at a set hour: no picture, no upload; the store itself is well."""
    hour_is(b, 11.9)
    helper_release(b)
    span = b.until_mended(b.onset_ms)
    hits = {"/api/media/thumbnail": b.between("share", 0.52, 0.58), "/api/upload/complete": 0.98}
    fx.fail(
        b,
        Fault(
            key="bucket token",
            hits=hits,
            span=span,
            status=500,
            took_ms=88.0,
            body={"success": False, "message": "Media unavailable"},
            entries=(
                Entry(
                    service="upload",
                    component="aws-sdk",
                    texts=(
                        "Unauthorized: Unauthorized (HeadObject media/{hex}, $metadata.httpStatusCode=401, attempts=1)",
                        "Unauthorized: Unauthorized (GetObject thumbs/{hex}.webp, $metadata.httpStatusCode=401, "
                        "attempts=1)",
                    ),
                    level="ERR",
                    metadata='{{"endpoint":"r2.cloudflarestorage.com","status":401}}',
                ),
                Entry(texts=("{method} {route} failed: no access to media",), component="handler", share=0.5),
            ),
            tracked=Tracked(
                type="Unauthorized", value="Unauthorized", culprit="HeadObjectCommand(@aws-sdk/client-s3)", share=0.4
            ),
        ),
    )
    fx.stumble(
        b,
        Fault(
            key="bucket token felt",
            hits={"/dashboard": 0.12},
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="uploader",
                    texts=(
                        "PUT https://pitchey-media.r2.cloudflarestorage.com/media/{hex} 401 (Unauthorized) "
                        "<Code>Unauthorized</Code>",
                    ),
                    delay_ms=1500.0,
                ),
            ),
        ),
    )
    return Told(services=("upload",), routes=tuple(hits), severity="P2")


def client_certificate(b: Builder) -> Told:
    """Our certificate for the database ran out: open connections live on, no new one is let in."""
    hour_is(b, 9.2)
    healed(b)
    span = b.until_mended(b.onset_ms, ramp_s=1200.0)
    share = b.between("share", 0.78, 0.92)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="client certificate",
            hits=hits,
            span=span,
            status=500,
            took_ms=41.0,
            entries=(
                Entry(
                    service="database",
                    component="postgres",
                    level="LOG",
                    request=False,
                    share=0.7,
                    texts=(
                        "could not accept SSL connection: certificate verify failed",
                        "DETAIL:  Client certificate verification failed at depth 0: certificate has expired. Failed "
                        'certificate data (unverified): subject "/CN=app_rw", serial number 4411, issuer '
                        '"/CN=pitchey-db-ca".',
                    ),
                ),
                Entry(
                    component="pg",
                    texts=(
                        "error:0A000415:SSL routines:ssl3_read_bytes:sslv3 alert certificate expired:"
                        "ssl/record/rec_layer_s3.c:1586:SSL alert number 45 ({route})",
                        "Error: 0A000415 sslv3 alert certificate expired, new client for {method} {route} refused",
                    ),
                ),
            ),
            tracked=Tracked(
                type="Error",
                value="error:0A000415:SSL routines:ssl3_read_bytes:sslv3 alert certificate expired",
                culprit="Connection.connect(node_modules/pg/lib/connection)",
            ),
        ),
    )
    fx.database(b, span, errorRate=(1.0, share * 0.6), activeConnections=(0.1, 0.0), queryCount=(1.0 - share, 0.0))
    nagging = Entry(
        service="nda",
        level="warn",
        component="certs",
        request=False,
        texts=("pitchey-db-ca/app_rw.crt notAfter passed or near, see rotation calendar (owner: platform)",),
    )
    fx.say(b, "nagging", nagging, 0.05, b.always())
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


def fast_clock(b: Builder) -> Told:
    """The clock that dates our tokens runs ahead, more and more: fresh tokens count as not yet valid."""
    hour_is(b, 14.9)
    stale_customers(b)
    for i, ahead in enumerate((14_000, 38_000, 71_000)):
        start = b.onset_ms + i * 9 * MINUTE
        end = b.now_ms + 30 * 24 * 60 * MINUTE if i == 2 else start + 9 * MINUTE
        fx.skew(b, "auth", ahead, b.until_mended(start, end))
    span = b.until_mended(b.onset_ms, ramp_s=1600.0)
    share = b.between("share", 0.3, 0.42)
    hits = {**fx.of(PRIVATE, share * 0.75), "/api/auth/verify": share}
    fx.fail(
        b,
        Fault(
            key="fast clock",
            hits=hits,
            span=span,
            status=401,
            took_ms=17.0,
            body={"success": False, "message": "Unauthorized"},
            entries=(
                Entry(
                    level="warn",
                    component="clerk",
                    most_per_min=90,
                    texts=(
                        "reason=token-iat-in-the-future, message=JWT issued at date claim (iat) is in the future. "
                        "token-carrier=header {route}",
                        "reason=token-not-active-yet, message=JWT cannot be used prior to not before date claim (nbf). "
                        "token-carrier=header {route}",
                    ),
                ),
            ),
            tracked=Tracked(
                type="TokenVerificationError",
                value="JWT issued at date claim (iat) is in the future.",
                culprit="assertIssuedAtClaim(@clerk/backend)",
                level="warning",
                share=0.35,
            ),
        ),
    )
    fx.surge(b, b.until_mended(b.onset_ms, ramp_s=1600.0), 2.3, ("/api/auth/login", "/login", "/api/auth/refresh"))
    drift = Entry(
        service="auth",
        level="info",
        component="chrony",
        request=False,
        texts=("chronyd: Can't synchronise: no selectable sources", "chronyd: System clock wrong by {small}{n} ms"),
    )
    fx.say(b, "drift", drift, 0.4, Span(b.onset_ms - 40 * MINUTE, b.now_ms + 300 * MINUTE))
    return Told(services=("auth",), routes=tuple(hits), severity="P2")


def half_the_keys(b: Builder) -> Told:
    """The sign-in provider turned its keys; half of our places still know only the old ones."""
    hour_is(b, 20.9)
    page_release(b)
    strict_policy(b)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    share = b.between("share", 0.4, 0.52)
    hits = fx.of(("/api/auth/verify", "/api/auth/refresh", *PRIVATE), share)
    fx.fail(
        b,
        Fault(
            key="half the keys",
            hits=hits,
            span=span,
            status=401,
            took_ms=26.0,
            body={"success": False, "message": "Unauthenticated"},
            entries=(
                Entry(
                    service="auth",
                    component="jwks",
                    level="error",
                    most_per_min=80,
                    texts=(
                        "Unable to find a signing key in JWKS that matches the kid='ins_2wQ9' of the provided session "
                        "token. The following kid are available: ins_2tB4",
                        "ERR_JWKS_NO_MATCHING_KEY: no applicable key found in the JSON Web Key Set (kid=ins_2wQ9)",
                    ),
                ),
                Entry(level="warn", component="guard", share=0.4, texts=("401 {method} {route} signed-out",)),
            ),
            tracked=Tracked(
                type="JWKSNoMatchingKey",
                value="no applicable key found in the JSON Web Key Set",
                culprit="LocalJWKSet.getKey(node_modules/jose)",
            ),
        ),
    )
    fx.surge(b, span, 2.8, ("/api/auth/login", "/login"))
    return Told(services=("auth",), routes=tuple(hits), severity="P1")


SCENARIOS = (
    case("bucket_token", "The bucket's token ran out", CREDENTIALS, bucket_token, ERRORS, onset_min=(18, 28)),
    case("client_certificate", "Our certificate ran out", CREDENTIALS, client_certificate, DATA, onset_min=(23, 31)),
    case("fast_clock", "A clock that runs ahead", AUTH, fast_clock, ERRORS, onset_min=(34, 46)),
    case("half_the_keys", "Half of the keys", AUTH, half_the_keys, ERRORS, beside=("logs_lost",)),
)
