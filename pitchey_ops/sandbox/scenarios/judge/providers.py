"""Others on whom we depend."""

from __future__ import annotations

from ... import effects as fx
from ...builder import Builder, Fault, Slow, Span
from ...causes._who import felt
from ...scenario import Told
from ._parts import (
    FAILURES,
    api_issue,
    helpers_shipped,
    idle_guesser,
    index_backlog,
    judged,
    left,
    local_hour,
    morning_blip,
    other_peoples_scripts,
    pages_shipped,
    spoken,
    thin_archive,
)

CAUSE = "third_party_outage"


def _vendor(
    b: Builder,
    span: Span,
    *,
    provider: str,
    service: str,
    share: float,
    status: int,
    took_ms: float,
    code: int,
    texts: tuple[str, ...],
    caller: str,
    title: str,
    culprit: str,
    per_min: float,
    breaker: str = "",
    wait_ms: float = 0.0,
) -> dict[str, float]:
    """Let *provider* fail what needs it, requests and jobs alike; return who is hit."""
    hits = fx.needing(provider, share)
    metadata = '{{"provider":"' + provider + f'","status":{code}' + "}}"
    fx.fail(
        b,
        Fault(
            key=f"vendor {provider}",
            hits=hits,
            span=span,
            status=status,
            took_ms=took_ms,
            body={"success": False, "message": "Upstream provider error"},
            entries=(left(*texts, service=service, component=provider, metadata=metadata), left(caller, share=0.7)),
            tracked=api_issue(title, culprit),
        ),
    )
    fx.say(b, f"vendor {provider}", spoken(service, provider, *texts, metadata=metadata), per_min, span)
    if breaker:
        fx.say(b, "vendor breaker", spoken(service, "breaker", breaker, level="warn", metadata=metadata), 0.9, span)
    if wait_ms:
        waits = fx.needing(provider, 0.85)
        fx.slow(b, Slow(key="vendor wait", hits=waits, span=span, factor=1.3, add_ms=wait_ms, service=provider))
    return hits


def silent_till(b: Builder) -> Told:
    """Half of the payments get no answer within the client's ten seconds; the rest is slow."""
    local_hour(b, 8.6)
    pages_shipped(b)
    other_peoples_scripts(b)
    hits = _vendor(
        b,
        b.until_mended(b.onset_ms, ramp_s=400.0),
        provider="stripe",
        service="payments",
        share=b.between("share", 0.5, 0.68),
        status=504,
        took_ms=10_300.0,
        code=0,
        texts=(
            "StripeConnectionError: Request aborted due to timeout being reached (10000ms)",
            "POST https://api.stripe.com/v1/payment_intents gave nothing for 10000 ms, idempotency key {hex} kept",
        ),
        caller="checkout left pending for {user}, no word from the payment provider",
        title="StripeConnectionError: Request aborted due to timeout being reached (10000ms)",
        culprit="timeoutHandler(stripe/RequestSender)",
        per_min=2.2,
        breaker="stripe circuit half open again: {small} of 9 trial calls answered",
        wait_ms=3800.0,
    )
    return Told(services=("payments",), routes=felt(hits), severity="P2")


def no_assets(b: Builder) -> Told:
    """The video provider refuses new uploads with empty answers, late at night; the archive has its old holes."""
    local_hour(b, 23.0)
    thin_archive(b)
    hits = _vendor(
        b,
        b.until_mended(b.onset_ms),
        provider="mux",
        service="upload",
        share=b.between("share", 0.85, 1.0),
        status=502,
        took_ms=2700.0,
        code=500,
        texts=(
            "InternalServerError: 500 status code (no body) from api.mux.com, direct upload {hex}",
            "mux webhook video.asset.errored for {hex}: ingest pipeline unavailable",
        ),
        caller="film of {user} waits in the drawer: encoder not available ({route})",
        title="InternalServerError: 500 status code (no body)",
        culprit="makeStatusError(@mux/mux-node/core)",
        per_min=4.0,
        breaker="mux: circuit open since {n} s",
        wait_ms=900.0,
    )
    return Told(services=("upload",), routes=felt(hits), severity="P3")


def posted_nowhere(b: Builder) -> Told:
    """The mail provider has trouble of its own and says so in every answer."""
    local_hour(b, 10.9)
    index_backlog(b)
    hits = _vendor(
        b,
        b.until_mended(b.onset_ms, ramp_s=180.0),
        provider="sendgrid",
        service="email",
        share=b.between("share", 0.8, 0.97),
        status=502,
        took_ms=1600.0,
        code=500,
        texts=(
            "internal_server_error: We are unable to process your request right now, please try again later. ({hex})",
            "mail api: 500 application_error for {template} to {email}, attempt {small}",
        ),
        caller="welcome mail not accepted anywhere, sign-up rolled back",
        title="MailApiError: application_error 500",
        culprit="emails.send(src/email/client)",
        per_min=7.0,
        breaker="mail circuit opened: {n} consecutive 5xx from the provider",
    )
    return Told(services=("email",), routes=felt(hits), severity="P3")


def unreachable_till(b: Builder) -> Told:
    """Every few minutes no connection to the payment provider can be made; a guesser is at work as every day."""
    local_hour(b, 20.4)
    idle_guesser(b)
    morning_blip(b)
    hits = _vendor(
        b,
        b.until_mended(b.onset_ms, every_s=420.0, on_s=b.between("on", 190, 250)),
        provider="stripe",
        service="payments",
        share=b.between("share", 0.82, 0.96),
        status=503,
        took_ms=9800.0,
        code=0,
        texts=(
            "TypeError: fetch failed, cause: ConnectTimeoutError: Connect Timeout Error (attempted address: "
            "api.stripe.com:443, timeout: 10000ms)",
            "UND_ERR_CONNECT_TIMEOUT while calling stripe for order {id}",
        ),
        caller="{method} {route}: payment provider cannot be reached",
        title="ConnectTimeoutError: Connect Timeout Error",
        culprit="onConnectTimeout(undici/core/connect)",
        per_min=3.5,
    )
    return Told(services=("payments",), routes=felt(hits), severity="P2")


def thawing(b: Builder) -> Told:
    """The payment provider throttles all its customers after an incident of its own; our helpers went out before."""
    local_hour(b, 15.0)
    helpers_shipped(b)
    hits = _vendor(
        b,
        b.until_mended(b.onset_ms, ramp_s=60.0),
        provider="stripe",
        service="payments",
        share=b.between("share", 0.4, 0.55),
        status=502,
        took_ms=1200.0,
        code=503,
        texts=(
            "StripeAPIError: Our systems are recovering from an incident, this request was shed (503, req_{hex})",
            "stripe-should-retry: true, status 503, order {id} tried {small} times",
        ),
        caller="order of {user} not paid, provider sheds load",
        title="StripeAPIError: Our systems are recovering from an incident, this request was shed",
        culprit="_jsonResponseHandler(stripe/RequestSender)",
        per_min=3.0,
        breaker="stripe breaker toggled {small} times in a minute",
    )
    return Told(services=("payments",), routes=felt(hits), severity="P2")


SCENARIOS = (
    judged("other_silent_till", "Payments without an answer", CAUSE, silent_till, FAILURES, onset_min=(30, 44)),
    judged("other_no_assets", "No video is taken at night", CAUSE, no_assets, FAILURES, onset_min=(38, 54)),
    judged("other_posted_nowhere", "Mails are taken nowhere", CAUSE, posted_nowhere, FAILURES, onset_min=(32, 46)),
    judged(
        "other_unreachable_till",
        "Payments cannot be made now and then",
        CAUSE,
        unreachable_till,
        FAILURES,
        onset_min=(26, 38),
        beside=("logs_unseen",),
        seeds=1,
    ),
    judged("other_thawing", "A provider that recovers", CAUSE, thawing, FAILURES, onset_min=(34, 48), seeds=1),
)
