"""Providers that fail, and receivers that our alerts no longer reach."""

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Entry, Fault, Slow, Span, Tracked
from ....scenario import Told
from ....world import Behaviour
from ._parts import (
    ERRORS,
    WATCHERS,
    at_hour,
    audited,
    hourly_job,
    no_archive,
    provider_page,
    retired_check,
    stranger,
    told,
    yellow_index,
)


def lost_connections(b: Builder) -> Told:
    """The payment provider drops a third of the connections half way; its page admits it after a while."""
    at_hour(b, 19.8)
    hourly_job(b)
    span = b.until_mended(b.onset_ms, ramp_s=420.0)
    hits = {"/api/payments/checkout": b.between("share", 0.3, 0.42)}
    words = "An error occurred with our connection to Stripe. Request was retried 2 times."
    fx.fail(
        b,
        Fault(
            key="lost connections",
            hits=hits,
            span=span,
            status=502,
            took_ms=7400.0,
            body={"success": False, "message": "Payment provider unavailable"},
            entries=(
                Entry(
                    component="stripe",
                    metadata='{{"provider":"stripe","type":"StripeConnectionError"}}',
                    texts=(
                        f"StripeConnectionError: {words}",
                        "POST api.stripe.com/v1/payment_intents: read ECONNRESET after {long_ms} ms",
                    ),
                ),
            ),
            tracked=Tracked(type="StripeConnectionError", value=words, culprit="_requestWithRetries(stripe/cjs)"),
        ),
    )
    fx.slow(
        b,
        Slow(key="lost connections", hits={"/api/payments/checkout": 0.6}, span=span, add_ms=2400.0, service="stripe"),
    )
    late = Span(b.onset_ms + 12 * MINUTE, b.now_ms + 5 * HOUR)
    provider_page(b, "stripe late", "Stripe", "Elevated API error rates and latency - investigating", late)
    return Told(services=("payments",), routes=tuple(hits), severity="P2")


def encoder_queue(b: Builder) -> Told:
    """The film encoder answers 503 in bursts: uploads end in an error though the file is stored."""
    at_hour(b, 15.1)
    no_archive(b)
    span = b.until_mended(b.onset_ms, every_s=480.0, on_s=b.between("on", 240, 300))
    hits = {"/api/upload/complete": b.between("share", 0.55, 0.66)}
    words = "upstream connect error or disconnect/reset before headers. reset reason: connection timeout"
    fx.fail(
        b,
        Fault(
            key="encoder queue",
            hits=hits,
            span=span,
            status=502,
            took_ms=5100.0,
            body={"success": False, "message": "Video could not be processed"},
            entries=(
                Entry(
                    component="mux",
                    metadata='{{"provider":"mux","status":503}}',
                    texts=(
                        f"InternalServerError: 503 {words}",
                        "mux POST /video/v1/assets 503 after {ms} ms; media/{hex} is stored, asset is not",
                    ),
                ),
            ),
            tracked=Tracked(type="InternalServerError", value=f"503 {words}", culprit="generate(@mux/mux-node/error)"),
        ),
    )
    told(
        b,
        "encoder jobs",
        "upload",
        "mux",
        3.0,
        span,
        "asset of media/{hex} queued again: mux 503 ({small} of 8)",
        level="warn",
    )
    provider_page(
        b, "mux", "Mux", "Video ingest: degraded performance", Span(b.onset_ms + 9 * MINUTE, b.now_ms + 5 * HOUR)
    )
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def undelivered(b: Builder, key: str, culprit: str, title: str, per_min: float, *texts: str) -> Told:
    """Alerts are made and stored, and what should carry them on says no."""
    span = b.until_mended(b.onset_ms)
    told(b, key, "alerts", "delivery", per_min, span, *texts)
    count = int(per_min * (b.end_ms - b.onset_ms) / MINUTE)
    times = b.rng(key).integers(b.onset_ms, b.end_ms, count).tolist()
    fx.issue(b, key, Tracked(type="DeliveryError", value=title, culprit=culprit), times, users=0)
    return Told(services=("alerts",), severity="P3")


def archived_channel(b: Builder) -> Told:
    """Somebody tidied up and archived the channel that alerts go to: whatever is posted there is refused."""
    at_hour(b, 10.9)
    yellow_index(b)
    audited(
        b, "archived", b.onset_ms, "slack: channel #alerts archived by ines@pitchey.example (clean-up of old channels)"
    )
    span = b.until_mended(b.onset_ms)
    fx.answer(
        b,
        Behaviour(
            service="slack",
            path="/api/chat.postMessage",
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            body={"ok": False, "error": "is_archived"},
        ),
    )
    return undelivered(
        b,
        "archived channel",
        "post(src/alerts/slack)",
        "An API error occurred: is_archived",
        1.4,
        "alert-{hex}: slack said is_archived, not delivered",
        "Error: An API error occurred: is_archived (chat.postMessage, C0ALERTS)",
    )


def routing_key(b: Builder) -> Told:
    """The service in the pager was merged into another and its integration removed: our events have no address."""
    at_hour(b, 17.7)
    retired_check(b)
    span = b.until_mended(b.onset_ms)
    answer = {"status": "invalid event", "message": "Event object is invalid", "errors": ["Invalid routing key"]}
    fx.answer(
        b,
        Behaviour(
            service="pagerduty",
            path="/v2/enqueue",
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            status=400,
            body=answer,
        ),
    )
    audited(
        b, "merged", b.onset_ms, "pagerduty: service 'Pitchey platform' merged, integration 'Events API V2' deleted"
    )
    return undelivered(
        b,
        "routing key",
        "enqueue(src/alerts/pagerduty)",
        "events.pagerduty.com answered 400: Invalid routing key",
        1.1,
        'pagerduty 400 {{"status":"invalid event","errors":["Invalid routing key"]}}',
        "critical alert-{hex} paged nobody: enqueue refused, no retry for 4xx",
    )


SCENARIOS = (
    stranger(
        "via_lost_connections",
        "Payment provider loses connections",
        "third_party_outage",
        lost_connections,
        ERRORS,
        onset_min=(24, 36),
        beside=("harmless_production_deployment",),
    ),
    stranger(
        "via_encoder_queue",
        "Film encoder fails in bursts",
        "third_party_outage",
        encoder_queue,
        ERRORS,
        onset_min=(32, 46),
        beside=("crawler_visit",),
    ),
    stranger(
        "via_archived_channel",
        "The alerts' channel is archived",
        "alert_channel_broken",
        archived_channel,
        WATCHERS,
        onset_min=(40, 70),
        beside=("slow_sidekick",),
    ),
    stranger(
        "via_routing_key",
        "The pager does not know our key",
        "alert_channel_broken",
        routing_key,
        WATCHERS,
        onset_min=(50, 90),
        beside=("crawler_visit",),
    ),
)
