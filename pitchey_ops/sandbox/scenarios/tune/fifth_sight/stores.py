"""Stores of posters, decks and films that refuse, stall, forget, or only take their time."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Silence
from ....scenario import Told
from ....world import Behaviour
from ..strangers._parts import failing_infra
from ._parts import ERRORS, at_hour, breaks, fault, told, waits

CAUSE = "storage_degraded"
MEDIA, DONE, PRESIGN = "/api/media/thumbnail", "/api/upload/complete", "/api/upload/presign"
PICTURES = ("triage", "performance", "frontend")


def slow_down(b: Builder) -> Told:
    """All posters lie under one prefix, which the store says is asked too often: 503, and again 503."""
    at_hour(b, 19.6)
    span = b.until_mended(b.onset_ms, ramp_s=150.0)
    hits = {MEDIA: b.between("share", 0.26, 0.38), DONE: 0.22}
    words = "SlowDown: Please reduce your request rate."
    breaks(
        b,
        "slow down",
        hits,
        span,
        503,
        1150.0,
        "aws-sdk",
        (
            f"{words} $metadata.httpStatusCode=503 attempts=3 GetObject posters/2026/{{hex}}.webp",
            "poster {hex} not served: S3 answered 503 Slow Down three times ({ms} ms)",
        ),
        ("SlowDown", "Please reduce your request rate.", "throwDefaultError(@smithy/smithy-client)"),
        "Poster not available",
    )
    told(
        b,
        "slow down retries",
        "upload",
        "aws-sdk",
        4.0,
        span,
        "retry token bucket at {n} of 500 after SlowDown, next attempt in {ms} ms (posters/2026/{hex})",
        level="warn",
    )
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def stalled_puts(b: Builder) -> Told:
    """Reading is as quick as ever, but whoever puts a pitch deck waits, and from minute to minute more give up."""
    at_hour(b, 16.8)
    span = b.until_mended(b.onset_ms, ramp_s=1400.0)
    hits = {DONE: b.between("share", 0.6, 0.75), PRESIGN: 0.12}
    breaks(
        b,
        "stalled puts",
        hits,
        span,
        504,
        19_500.0,
        "s3-client",
        (
            "RequestTimeout: Your socket connection to the server was not read from or written to within the timeout "
            "period. Idle connections will be closed. PutObject decks/{hex}.pdf",
            "TimeoutError: Connection timed out after 20000 ms, PutObject decks/{hex}.pdf ({size} bytes)",
        ),
        (
            "TimeoutError",
            "Connection timed out after 20000 ms",
            "ClientRequest.<anonymous>(@smithy/node-http-handler)",
        ),
        "Upload timed out",
    )
    waits(b, "stalled puts", {DONE: 0.85}, span, b.between("add", 5200, 7400), "storage")
    told(
        b,
        "stalled sockets",
        "upload",
        "s3-client",
        2.5,
        span,
        "@smithy/node-http-handler:WARN - socket usage at capacity=50 and {waiting} additional requests are enqueued.",
        level="warn",
    )
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def lost_films(b: Builder) -> Told:
    """Films go up in parts; by turns the connection to the bucket is lost at some part and the whole is aborted."""
    at_hour(b, 21.2)
    span = b.until_mended(b.onset_ms, every_s=540.0, on_s=b.between("on", 300, 360))
    hits = {DONE: b.between("share", 0.5, 0.65), MEDIA: 0.08}
    breaks(
        b,
        "lost films",
        hits,
        span,
        500,
        6400.0,
        "r2",
        (
            "uploadPart {small} of films/{hex}.mp4: Network connection lost., multipart upload aborted",
            "completeMultipartUpload: The specified multipart upload does not exist. (10024) films/{hex}.mp4",
        ),
        ("Error", "uploadPart: Network connection lost.", "R2MultipartUpload.uploadPart(src/upload/films)"),
        "Film could not be stored",
    )
    told(
        b,
        "half films",
        "upload",
        "sweeper",
        1.0,
        span,
        "{waiting} unfinished multipart uploads older than 10 min in pitchey-films, {small} aborted just now",
        level="warn",
    )
    failing_infra(b, "/infra/r2", span, 0.3)
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def links_run_out(b: Builder) -> Told:
    """A signed link is good for a minute, and the bucket takes in so slowly that the link ends before the file does."""
    at_hour(b, 11.5)
    span = b.until_mended(b.onset_ms, ramp_s=240.0)
    hits = {DONE: b.between("share", 0.55, 0.7)}
    breaks(
        b,
        "links run out",
        hits,
        span,
        424,
        2300.0,
        "complete",
        (
            "HEAD pitchey-uploads/{hex}: 404, the PUT of {user} was never finished (link of 60 s ran out)",
            "upload of {user} incomplete: bucket took {size} bytes in 60 s, then 403 Request has expired",
        ),
        message="Your file did not arrive",
        level="warn",
    )
    told(
        b,
        "links in browsers",
        "frontend",
        "browser",
        3.0,
        span,
        "PUT https://pitchey-uploads.r2.cloudflarestorage.com/{hex} 403 (Forbidden) AccessDenied Request has expired "
        "X-Amz-Expires=60, sent {n} % in {waiting} s",
    )
    told(
        b,
        "links figures",
        "upload",
        "throughput",
        1.0,
        span,
        "PUT to pitchey-uploads: 8{small} kB/s median of the last 5 min (usual 6200), time to first ack {slow_ms} ms",
        level="info",
    )
    waits(b, "links run out", {DONE: 0.8, MEDIA: 0.25}, span, 1400.0, "storage")
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def silent_gets(b: Builder) -> Told:
    """Nobody says a word and nothing fails: posters simply take two or three seconds, later more than at first."""
    at_hour(b, 20.4)
    span = b.until_mended(b.onset_ms, ramp_s=1000.0)
    hits = {MEDIA: 0.72, DONE: 0.8, PRESIGN: 0.75}
    add_ms = b.between("add", 2200, 3100)
    waits(b, "silent gets", hits, span, add_ms, "storage", 1.2)
    fx.vitals(b, span, {"lcp": (1.35, 1500.0)}, url=("/pitches", "/"))
    fx.answer(
        b,
        Behaviour(
            service="infra",
            path="/infra/r2",
            start_ms=span.start_ms + 8 * MINUTE,
            end_ms=span.end_ms,
            latency_ms=add_ms,
        ),
    )
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def slow_ops(b: Builder) -> Told:
    """One disk of the store's cluster hangs: what lies on it waits for half a minute, a little of it for ever."""
    at_hour(b, 13.9)
    span = b.until_mended(b.onset_ms, ramp_s=500.0)
    hits = fx.needing("storage", b.between("share", 0.17, 0.24))
    breaks(
        b,
        "slow ops",
        hits,
        span,
        502,
        9800.0,
        "rgw-client",
        (
            "GET /pitchey-media/{hex} from rgw.b: upstream prematurely closed connection after {ms} ms",
            "PUT /pitchey-media/{hex}: 500 UnknownError, x-amz-request-id tx0000{hex}-default",
        ),
        ("BadGateway", "rgw.b: upstream prematurely closed connection", "forward(src/media/rgw)"),
        "Media temporarily unavailable",
    )
    waits(b, "slow ops", {MEDIA: 0.4, DONE: 0.5, PRESIGN: 0.4}, span, 2600.0, "storage")
    told(
        b,
        "slow ops says",
        "storage",
        "ceph",
        2.0,
        span,
        "cluster [WRN] Health check update: {n} slow ops, oldest one blocked for {waiting} sec, osd.17 has slow ops "
        "(SLOW_OPS)",
        "osd.17 get_health_metrics reporting {n} slow ops, oldest is osd_op(client.{id}.0:{id2} 7.1a read)",
        level="WRN",
    )
    fx.silence(b, Silence(key="slow ops", what="archive", span=span, share=0.2))
    told(b, "scrubs", "storage", "ceph", 0.3, b.always(), "cluster [DBG] 7.{n} deep-scrub ok", level="debug")
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


SCENARIOS = (
    fault("slow_down", "One prefix", CAUSE, slow_down, ERRORS, 18, 30, beside=("unrelated_deployment",)),
    fault("stalled_puts", "Decks that will not go up", CAUSE, stalled_puts, ERRORS, 40, 54),
    fault("lost_films", "Films in parts", CAUSE, lost_films, ERRORS, 28, 42, beside=("busy_evening",)),
    fault("links_run_out", "Links that run out", CAUSE, links_run_out, ERRORS, 24, 38),
    fault("silent_gets", "Posters take their time", CAUSE, silent_gets, PICTURES, 42, 55, beside=("crawler_visit",)),
    fault("slow_ops", "One hanging disk", CAUSE, slow_ops, ERRORS, 26, 40, beside=("noisy_neighbour",)),
)
