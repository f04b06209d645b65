"""Keys and passwords that count no more."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Tracked
from ....causes import outside
from ....scenario import Told
from ._parts import DATA, ERRORS, at_hour, bounces, elsewhere, judged

CAUSE = "credentials_invalid"


def signing_secret(b: Builder) -> Told:
    """The payment provider signs its calls with a new secret; we refuse every one of them."""
    at_hour(b, 17.0)
    span = b.until_mended(b.onset_ms)
    path = "/api/payments/webhook"
    texts = (
        "StripeSignatureVerificationError: No signatures found matching the expected signature for payload. "
        "Are you passing the raw request body you received from Stripe?",
        "webhook refused: signature made with another signing secret (whsec_****), event evt_{hex} not processed",
    )
    fx.fail(
        b,
        Fault(
            key="signing secret",
            hits={path: b.between("share", 0.96, 1.0)},
            span=span,
            status=400,
            took_ms=14.0,
            body={"success": False, "message": "Webhook signature verification failed"},
            entries=(Entry(texts=texts, component="webhook", metadata='{{"provider":"stripe","status":400}}'),),
            tracked=Tracked(
                type="StripeSignatureVerificationError",
                value="No signatures found matching the expected signature for payload.",
                culprit="constructEvent(src/payments/webhook)",
            ),
        ),
    )
    fx.surge(b, b.until_mended(b.onset_ms, ramp_s=900.0), 4.0, (path,))  # refused events are sent again
    pending = Entry(
        service="payments",
        level="warn",
        component="webhook",
        request=False,
        texts=("{n} payments paid at the provider and unconfirmed here, no accepted event since {n} min",),
    )
    fx.say(b, "unconfirmed", pending, 0.8, span)
    return Told(services=("payments",), routes=(path,), severity="P2")


def role(b: Builder) -> Told:
    """The database role lost its right to log in: connections that stand go on, new ones are refused."""
    elsewhere(b)
    return outside.database_credentials(
        b,
        share=b.between("share", 0.58, 0.78),
        db_texts=(
            'FATAL: 28000: role "pitchey_rw" is not permitted to log in',
            'FATAL: 28P01: password authentication failed for user "pitchey_rw"',
        ),
        caller_texts=("new connection refused (28000) while serving {route}",),
        tracked=Tracked(
            type="error",
            value='role "pitchey_rw" is not permitted to log in',
            culprit="auth(node_modules/pg/lib/client)",
        ),
    )


def mail_key(b: Builder) -> Told:
    """The key of the mail provider was deleted; the provider is well."""
    at_hour(b, 13.0)
    return outside.provider_credentials(
        b,
        provider="sendgrid",
        service="email",
        share=b.between("share", 0.95, 1.0),
        status=500,
        texts=(
            "ResponseError: Unauthorized (401) sendgrid: "
            "The provided authorization grant is invalid, expired, or revoked",
            "sendgrid 401 Permission denied, wrong credentials; {template} to {email} dropped",
        ),
        caller_texts=("account not created: verification mail refused with 401",),
        tracked=Tracked(type="ResponseError", value="Unauthorized", culprit="Client.send(@sendgrid/mail)"),
        severity="P3",
    )


def video_token(b: Builder) -> Told:
    """The access token of the video provider ran out in the evening."""
    at_hour(b, 19.4)
    bounces(b)
    return outside.provider_credentials(
        b,
        provider="mux",
        service="upload",
        share=b.between("share", 0.92, 1.0),
        status=500,
        texts=(
            'mux: 401 {{"error":{{"type":"unauthorized","messages":["Unauthorized request"]}}}}',
            "mux: access token expired, direct upload {hex} not created",
        ),
        caller_texts=("upload of {user} rejected: video provider says unauthorized ({route})",),
        tracked=Tracked(
            type="AuthenticationError", value="401 Unauthorized request", culprit="uploads.create(@mux/mux-node)"
        ),
        severity="P3",
    )


SCENARIOS = (
    judged(
        "key_signing",
        "Webhooks signed with another secret",
        CAUSE,
        signing_secret,
        ERRORS,
        onset_min=(45, 58),
        beside=("harmless_production_deployment",),
    ),
    judged(
        "key_role",
        "A role may not log in",
        CAUSE,
        role,
        DATA,
        onset_min=(10, 18),
        beside=("slow_sidekick", "logs_lost"),
    ),
    judged("key_mail", "Mail key deleted", CAUSE, mail_key, ERRORS, onset_min=(38, 52), beside=("few_typists",)),
    judged("key_video", "Video token ran out", CAUSE, video_token, ERRORS, onset_min=(30, 36), beside=("clock_skew",)),
)
