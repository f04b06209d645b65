"""Keys, passwords, certificates that are refused."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Tracked
from ....causes._who import felt, owners
from ....scenario import Told
from ..unseen_once._parts import DATA, ERRORS, at_hour
from ._parts import deprecations, hourly_job, retired_check, stranger

CAUSE = "credentials_invalid"


def passwort(b: Builder) -> Told:
    """The role's password was changed; connections that stand go on, each new one is refused, in German."""
    at_hour(b, 14.6)
    retired_check(b)
    span = b.until_mended(b.onset_ms, ramp_s=2400.0)
    share = b.between("share", 0.74, 0.9)
    hits = fx.needing("database", share)
    refusal = "Passwort-Authentifizierung für Benutzer »pitchey_app« fehlgeschlagen"
    fx.fail(
        b,
        Fault(
            key="passwort",
            hits=hits,
            span=span,
            status=500,
            took_ms=64.0,
            entries=(
                Entry(
                    service="database",
                    level="ERROR",
                    component="postgres",
                    request=False,
                    share=0.8,
                    texts=(
                        f"FATAL:  {refusal}",
                        "DETAIL:  Verbindung stimmte mit pg_hba.conf-Zeile 97 überein: "
                        "»hostssl all pitchey_app 0.0.0.0/0 scram-sha-256«",
                    ),
                ),
                Entry(
                    component="repo",
                    level="ERROR",
                    share=0.7,
                    texts=("{method} {route} -> 500 caused by: PostgresError 28P01", "28P01 ({route}, {ms} ms)"),
                ),
            ),
            tracked=Tracked(
                type="PostgresError", value=refusal, culprit="ErrorResponse(node_modules/postgres/src/connection)"
            ),
        ),
    )
    fx.database(b, span, errorRate=(1.0, share * 0.85), activeConnections=(0.2, 0.0), queryCount=(1 - share, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


def client_secret(b: Builder) -> Told:
    """The secret with which we speak to the identity provider ran out at a full hour."""
    at_hour(b, 12.0)
    hourly_job(b)
    span = b.until_mended(b.onset_ms)
    hits = {
        "/api/auth/login": b.between("share", 0.55, 0.7),
        "/api/auth/register": 0.45,
        "/api/auth/refresh": b.between("renewed", 0.3, 0.4),
    }
    answer = (
        'oidc token endpoint 401 {{"error":"invalid_client","error_description":"AADSTS7000222: The provided client '
        "secret keys for app '0f6c2d1e-77b4-4a7e-9d2b-5f1c8b9e3a40' are expired. Visit the Azure portal to create new "
        'keys for your app: https://aka.ms/NewClientSecret","error_codes":[7000222],"correlation_id":"{hex}"}}'
    )
    fx.fail(
        b,
        Fault(
            key="client secret",
            hits=hits,
            span=span,
            status=502,
            took_ms=240.0,
            body={"success": False, "message": "Sign-in failed"},
            entries=(
                Entry(service="auth", component="oidc", texts=(answer,), metadata='{{"idp":"entra","http":401}}'),
                Entry(
                    service="api-gateway", level="warn", component="router", share=0.6, texts=("502 from auth {route}",)
                ),
            ),
            tracked=Tracked(type="OPError", value="invalid_client", culprit="grant(node_modules/openid-client)"),
        ),
    )
    fx.surge(b, b.until_mended(b.onset_ms, ramp_s=300.0), 1.7, ("/login", "/api/auth/login"))
    return Told(services=("auth",), routes=tuple(hits), severity="P2")


def session_token(b: Builder) -> Told:
    """A lent key for the object store was not renewed in time; uploads and pictures are refused for hours."""
    at_hour(b, 16.8)
    deprecations(b)
    span = b.until_mended(b.onset_ms)
    hits = {"/api/upload/complete": 0.98, "/api/media/thumbnail": b.between("share", 0.5, 0.6)}
    fx.fail(
        b,
        Fault(
            key="session token",
            hits=hits,
            span=span,
            status=500,
            took_ms=88.0,
            body={"success": False, "message": "Media not available"},
            entries=(
                Entry(
                    level="warn",
                    component="s3",
                    texts=(
                        '<?xml version="1.0" encoding="UTF-8"?><Error><Code>ExpiredToken</Code><Message>The provided '
                        "token has expired.</Message><RequestId>{hex}</RequestId></Error>",
                        "HEAD media/{hex} 400 x-amzn-errortype=ExpiredToken attempt 1 of 1 (not retryable)",
                    ),
                ),
                Entry(level="warn", component="media", share=0.5, texts=("{route}: store said 400, answered 500",)),
            ),
            tracked=Tracked(
                type="ExpiredToken",
                value="The provided token has expired.",
                culprit="throwDefaultError(@aws-sdk/smithy-client)",
            ),
        ),
    )
    return Told(services=("upload",), routes=tuple(hits), severity="P2")


def client_certificate(b: Builder) -> Told:
    """Our certificate towards the database ran out; only those who call say anything, and no tracker is there."""
    at_hour(b, 22.8)
    span = b.until_mended(b.onset_ms, ramp_s=45.0)
    share = b.between("share", 0.86, 0.96)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="client certificate",
            hits=hits,
            span=span,
            status=500,
            took_ms=31.0,
            entries=(
                Entry(
                    level="Fatal",
                    component="drizzle",
                    share=0.55,
                    texts=(
                        "DrizzleQueryError: Failed query: select … from {table} caused by: error: "
                        "connection requires a valid client certificate",
                        "write EPROTO error:0A000415:SSL routines::sslv3 alert certificate expired "
                        "(SSL alert number 45) {route}",
                    ),
                ),
            ),
        ),
    )
    fx.database(b, span, errorRate=share, activeConnections=0.0, queryCount=(1 - share, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


SCENARIOS = (
    stranger(
        "odd_passwort",
        "Ever more connections refused, in German",
        CAUSE,
        passwort,
        DATA,
        onset_min=(44, 56),
        beside=("unrelated_deployment",),
    ),
    stranger(
        "odd_client_secret",
        "Secret for the identity provider ran out",
        CAUSE,
        client_secret,
        ERRORS,
        onset_min=(16, 26),
        beside=("few_typists",),
    ),
    stranger(
        "odd_session_token",
        "Lent key for the object store not renewed, for hours",
        CAUSE,
        session_token,
        ERRORS,
        onset_min=(165, 195),
        beside=("clock_skew",),
    ),
    stranger(
        "odd_client_certificate",
        "Certificate towards the database ran out",
        CAUSE,
        client_certificate,
        DATA,
        onset_min=(11, 18),
        beside=("logs_lost",),
    ),
)
