"""Providers in trouble."""

from .... import effects as fx
from ....builder import Builder, Slow, Tracked
from ....causes import outside
from ....scenario import Told
from ._parts import ERRORS, at_hour, bounces, clumsy_partner, doorknobs, frontend_deployed, judged

CAUSE = "third_party_outage"


def cards(b: Builder) -> Told:
    """A third of the payments end in an error of the provider's own."""
    at_hour(b, 19.5)
    doorknobs(b)
    return outside.third_party(
        b,
        provider="stripe",
        service="payments",
        share=b.between("share", 0.3, 0.46),
        status=502,
        took_ms=4200.0,
        ramp_s=120.0,
        texts=(
            "StripeAPIError: An unknown error occurred (500, request req_{hex})",
            "StripeConnectionError: An error occurred with our connection to Stripe. Request was retried 2 times.",
        ),
        caller_texts=("checkout {id} not completed: StripeAPIError",),
        breaker_text="",
        tracked=Tracked(
            type="StripeAPIError", value="An unknown error occurred", culprit="generateV1Error(node_modules/stripe)"
        ),
    )


def video_queue(b: Builder) -> Told:
    """The video provider answers after half a minute, or not at all for a few."""
    at_hour(b, 12.0)
    frontend_deployed(b)
    told = outside.third_party(
        b,
        provider="mux",
        service="upload",
        share=b.between("share", 0.28, 0.42),
        status=504,
        took_ms=28_000.0,
        ramp_s=300.0,
        texts=(
            "APIConnectionTimeoutError: Request timed out. (api.mux.com/video/v1/uploads)",
            "mux answered 529 after {long_ms} ms: overloaded, please retry",
        ),
        caller_texts=("{user} waits for api.mux.com: gave up on {route}",),
        breaker_text="breaker mux: open for 30 s",
        tracked=Tracked(
            type="APIConnectionTimeoutError", value="Request timed out.", culprit="makeRequest(@mux/mux-node)"
        ),
        severity="P3",
    )
    waits = Slow(
        key="mux queue",
        hits={"/api/upload/complete": 0.6},
        span=b.until_mended(b.onset_ms, ramp_s=300.0),
        add_ms=9000.0,
        service="mux",
    )
    fx.slow(b, waits)
    return told


def mails(b: Builder) -> Told:
    """The mail provider drops connections, more and more."""
    at_hour(b, 10.5)
    return outside.third_party(
        b,
        provider="sendgrid",
        service="email",
        share=b.between("share", 0.85, 1.0),
        status=503,
        took_ms=2100.0,
        ramp_s=600.0,
        texts=(
            "Error: read ECONNRESET (api.sendgrid.com:443), {template} to {email} queued again",
            "sendgrid: 503 Service Unavailable, upstream_reset_before_response_started",
        ),
        caller_texts=("sign-up of {ip} not finished: mail not accepted by api.sendgrid.com",),
        breaker_text="breaker sendgrid open, {n} mails waiting",
        tracked=Tracked(type="Error", value="read ECONNRESET", culprit="TLSWrap.onStreamRead(node:internal)"),
        severity="P3",
    )


def expired(b: Builder) -> Told:
    """The payment provider's certificate is not to be trusted; an administrator mistypes meanwhile."""
    at_hour(b, 22.5)
    bounces(b)
    clumsy_partner(b)
    return outside.third_party(
        b,
        provider="stripe",
        service="payments",
        share=b.between("share", 0.9, 1.0),
        status=500,
        took_ms=310.0,
        ramp_s=0.0,
        texts=(
            "FetchError: request to https://api.stripe.com/v1/payment_intents failed, reason: certificate has expired",
            "api.stripe.com:443: CERT_HAS_EXPIRED",
        ),
        caller_texts=("no payment for {user}: FetchError",),
        breaker_text="breaker stripe open after {n} of {n} failed",
        tracked=Tracked(type="FetchError", value="certificate has expired", culprit="request(src/payments/http)"),
    )


SCENARIOS = (
    judged(
        "vendor_cards",
        "A third of the payments fail",
        CAUSE,
        cards,
        ERRORS,
        onset_min=(16, 26),
        beside=("slow_sidekick",),
    ),
    judged(
        "vendor_video",
        "Video provider overloaded",
        CAUSE,
        video_queue,
        ERRORS,
        onset_min=(24, 36),
        beside=("unrelated_deployment",),
    ),
    judged(
        "vendor_mails",
        "Mail provider drops connections",
        CAUSE,
        mails,
        ERRORS,
        onset_min=(34, 46),
        beside=("clock_skew",),
    ),
    judged(
        "vendor_expired",
        "Provider's certificate expired",
        CAUSE,
        expired,
        ERRORS,
        onset_min=(10, 16),
        beside=("few_typists", "crawler_visit"),
    ),
)
