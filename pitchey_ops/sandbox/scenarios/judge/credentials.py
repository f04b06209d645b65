"""Doors that know our key no more."""

from ... import effects as fx
from ...builder import Builder, Fault
from ...causes._who import felt, owners
from ...scenario import Told
from ._parts import (
    DATABASES,
    FAILURES,
    api_issue,
    door_rattling,
    helpers_shipped,
    index_backlog,
    judged,
    left,
    local_hour,
    other_peoples_scripts,
    spoken,
    untracked,
    warp_trouble,
)

CAUSE = "credentials_invalid"


def _refused(
    b: Builder,
    key: str,
    *,
    provider: str,
    service: str,
    share: float,
    code: int,
    texts: tuple[str, ...],
    caller: str,
    title: str,
    culprit: str,
    per_min: float,
    status: int = 500,
) -> dict[str, float]:
    """Let *provider* refuse us at once and always, in requests and in the service's own work; return who is hit."""
    span = b.until_mended(b.onset_ms)
    hits = fx.needing(provider, share)
    metadata = '{{"provider":"' + provider + f'","status":{code}' + "}}"
    fx.fail(
        b,
        Fault(
            key=key,
            hits=hits,
            span=span,
            status=status,
            took_ms=b.between(f"{key} took", 70, 180),
            entries=(
                left(*texts, service=service, component=provider, metadata=metadata),
                left(caller, share=0.6),
            ),
            tracked=api_issue(title, culprit),
        ),
    )
    fx.say(b, f"{key} work", spoken(service, provider, *texts, metadata=metadata), per_min, span)
    return hits


def no_password(b: Builder) -> Told:
    """The binding with the password is empty: new connections fail before a word is said; old ones die out."""
    local_hour(b, 17.4)
    index_backlog(b)
    span = b.until_mended(b.onset_ms, ramp_s=b.between("ramp", 500, 800))
    share = b.between("share", 0.8, 0.93)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="no password",
            hits=hits,
            span=span,
            status=500,
            took_ms=19.0,
            entries=(
                left(
                    "Error: SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string",
                    "secret PITCHEY_DB_PASSWORD is not bound in this environment, connecting without a password",
                    service="database",
                    component="pg",
                    request=False,
                ),
                left("not connected: SASL authentication could not begin ({method} {route})", share=0.7),
            ),
            tracked=api_issue(
                "Error: SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string",
                "continueSession(node_modules/pg/lib/crypto/sasl)",
            ),
        ),
    )
    fx.database(b, span, errorRate=share, activeConnections=1.0, queryCount=(1 - share, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity="P1")


def restricted(b: Builder) -> Told:
    """The payment key was replaced by one with fewer rights."""
    local_hour(b, 12.9)
    other_peoples_scripts(b)
    hits = _refused(
        b,
        "restricted",
        provider="stripe",
        service="payments",
        share=b.between("share", 0.93, 1.0),
        code=403,
        status=502,
        texts=(
            "StripePermissionError: The provided key 'rk_live_****{hex}' does not have the required permissions for "
            "this endpoint. Having the 'rak_payment_intent_write' permission would allow this request to continue.",
        ),
        caller="payment of {user} not begun: key lacks a permission",
        title="StripePermissionError: The provided key does not have the required permissions for this endpoint",
        culprit="paymentIntents.create(src/payments/intents)",
        per_min=2.5,
    )
    return Told(services=("payments",), routes=felt(hits), severity="P1")


def expired_session(b: Builder) -> Told:
    """The temporary key for the object store ran out at noon and nothing renews it; the store itself is well."""
    local_hour(b, 12.0)
    warp_trouble(b)
    helpers_shipped(b)
    hits = _refused(
        b,
        "expired session",
        provider="storage",
        service="upload",
        share=b.between("share", 0.9, 1.0),
        code=403,
        texts=(
            "S3ServiceException: ExpiredToken: The provided token has expired. (PutObject media/{hex}, 403)",
            "AccessDenied: Access Denied (GetObject, x-amz-security-token issued {n} h ago)",
        ),
        caller="{method} {route}: signing with a stale session token",
        title="S3ServiceException: ExpiredToken: The provided token has expired.",
        culprit="send(@smithy/smithy-client)",
        per_min=3.0,
    )
    return Told(services=("upload",), routes=felt(hits), severity="P2")


def mail_identity(b: Builder) -> Told:
    """The mail account's access key was deactivated in a clean-up on Friday evening."""
    local_hour(b, 18.8)
    door_rattling(b)
    hits = _refused(
        b,
        "mail identity",
        provider="sendgrid",
        service="email",
        share=b.between("share", 0.95, 1.0),
        code=403,
        texts=(
            "InvalidClientTokenId: The security token included in the request is invalid. (ses SendEmail, 403)",
            "email: {template} to {email} refused by the relay, access key AKIA****{hex} is inactive",
        ),
        caller="sign-up aborted, confirmation cannot be sent (403 from the mail relay)",
        title="InvalidClientTokenId: The security token included in the request is invalid.",
        culprit="send(src/email/relay)",
        per_min=5.0,
    )
    return Told(services=("email",), routes=felt(hits), severity="P3")


SCENARIOS = (
    judged(
        "denied_no_password",
        "An empty password, the rush of the evening",
        CAUSE,
        no_password,
        DATABASES,
        onset_min=(18, 28),
        beside=("busy_evening",),
    ),
    judged("denied_restricted", "A key with fewer rights", CAUSE, restricted, FAILURES, onset_min=(28, 42)),
    judged(
        "denied_expired",
        "A temporary key ran out",
        CAUSE,
        untracked(expired_session),
        FAILURES,
        onset_min=(20, 34),
    ),
    judged(
        "denied_mail",
        "The mail account's key is inactive",
        CAUSE,
        mail_identity,
        FAILURES,
        onset_min=(42, 56),
        beside=("logs_unseen",),
    ),
)
