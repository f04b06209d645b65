"""Other providers, keys and tokens."""

from ...builder import Builder, Tracked
from ...causes import outside
from ...scenario import Scenario, Told

RUNBOOKS = ("triage", "error_rate")


def mail(b: Builder) -> Told:
    """Mails cannot be sent, so nobody can register."""
    return outside.third_party(
        b,
        provider="sendgrid",
        service="email",
        share=b.between("share", 0.8, 0.95),
        status=500,
        took_ms=6000.0,
        texts=(
            "sendgrid: HTTP 502 Bad Gateway from api.sendgrid.com/v3/mail/send",
            "mail provider timed out ({long_ms} ms)",
        ),
        caller_texts=("registration aborted: welcome mail not accepted",),
        breaker_text="breaker sendgrid: half-open, probe failed",
        tracked=Tracked(type="SendGridError", value="HTTP 502 Bad Gateway", culprit="send(src/email/sendgrid)"),
        severity="P3",
    )


def video(b: Builder) -> Told:
    """The video provider takes no uploads, while another service complains."""
    return outside.third_party(
        b,
        provider="mux",
        service="upload",
        share=b.between("share", 0.8, 0.95),
        status=502,
        took_ms=11_000.0,
        texts=("mux: upstream connect error, reset reason: overflow", "mux: HTTP 500 creating asset for {hex}"),
        caller_texts=("video of {user} not accepted ({route})",),
        breaker_text="",
        tracked=Tracked(type="MuxError", value="HTTP 500 creating asset", culprit="createAsset(src/upload/mux)"),
        severity="P3",
    )


def payments_partly(b: Builder) -> Told:
    """Half of the payments time out."""
    return outside.third_party(
        b,
        provider="stripe",
        service="payments",
        share=b.between("share", 0.45, 0.6),
        status=504,
        took_ms=15_000.0,
        ramp_s=240.0,
        texts=("ETIMEDOUT api.stripe.com:443 after {long_ms} ms", "stripe request req_{hex} abandoned: no answer"),
        caller_texts=("payment of {user} undecided, provider silent",),
        breaker_text="breaker stripe: 50 percent failures, still closed",
        tracked=Tracked(type="Error", value="ETIMEDOUT api.stripe.com:443", culprit="request(src/payments/client)"),
    )


def stripe_key(b: Builder) -> Told:
    """Our key for the payment provider was revoked; the provider is well."""
    return outside.provider_credentials(
        b,
        provider="stripe",
        service="payments",
        share=b.between("share", 0.95, 1.0),
        status=500,
        texts=(
            "stripe: 401 Invalid API Key provided: sk_live_****{hex}",
            "stripe authentication error: expired API key",
        ),
        caller_texts=("checkout of {user} failed: payment provider rejected our credentials",),
        tracked=Tracked(
            type="StripeAuthenticationError", value="Invalid API Key provided", culprit="charge(src/payments/stripe)"
        ),
    )


def storage_key(b: Builder) -> Told:
    """The key of the object store was rotated."""
    return outside.provider_credentials(
        b,
        provider="storage",
        service="upload",
        share=b.between("share", 0.9, 1.0),
        status=500,
        texts=(
            "r2: SignatureDoesNotMatch for media/{hex}",
            "r2: InvalidAccessKeyId, the key does not exist in our records",
        ),
        caller_texts=("object store rejected our credentials ({route})",),
        tracked=Tracked(type="S3Error", value="SignatureDoesNotMatch", culprit="sign(src/upload/r2)"),
    )


def keyset(b: Builder) -> Told:
    """The set of public keys cannot be loaded: no token can be checked."""
    return outside.tokens(
        b,
        share=b.between("share", 0.6, 0.85),
        status=503,
        relogin=1.4,
        took_ms=3000.0,
        texts=("could not load JWKS: unexpected end of file", "no key for kid {hex} in the key set (0 keys)"),
        caller_texts=("session of {user} could not be checked ({route})",),
        tracked=Tracked(type="JWKSError", value="could not load JWKS", culprit="keys(src/auth/jwks)"),
    )


def premature(b: Builder) -> Told:
    """A clock in the sign-in service runs ahead: a part of the tokens is not valid yet."""
    return outside.tokens(
        b,
        share=b.between("share", 0.35, 0.5),
        relogin=1.8,
        ramp_s=300.0,
        texts=("token used before issued (iat in {n} s)", "NotBeforeError: jwt not active"),
        caller_texts=("{user} signed out: token not active ({route})",),
        tracked=Tracked(type="NotBeforeError", value="jwt not active", culprit="verify(src/auth/jwt)"),
        severity="P2",
    )


SCENARIOS = (
    Scenario(
        name="mail_provider_down",
        title="Mail provider down on a busy evening",
        cause="third_party_outage",
        steps=mail,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("busy_evening",),
    ),
    Scenario(
        name="video_provider_down",
        title="Video provider down, another service complains",
        cause="third_party_outage",
        steps=video,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("noisy_neighbour",),
    ),
    Scenario(
        name="payments_half_down",
        title="Half of the payments time out, 3 % of the log lost",
        cause="third_party_outage",
        steps=payments_partly,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("logs_lost",),
    ),
    Scenario(
        name="stripe_key_revoked",
        title="Payment key revoked, an unrelated deployment minutes before",
        cause="credentials_invalid",
        steps=stripe_key,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("unrelated_deployment",),
    ),
    Scenario(
        name="storage_key_rotated",
        title="Storage key rotated while a crawler visits",
        cause="credentials_invalid",
        steps=storage_key,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("crawler_visit",),
    ),
    Scenario(
        name="auth_keyset_gone",
        title="Token keys cannot be loaded while a crawler visits",
        cause="auth_fault",
        steps=keyset,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("crawler_visit",),
    ),
    Scenario(
        name="auth_premature",
        title="Tokens not valid yet, production deployed half an hour before",
        cause="auth_fault",
        steps=premature,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("harmless_production_deployment",),
    ),
)
