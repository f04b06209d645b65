"""Caches and object stores."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Silence, Tracked
from ....causes import edge
from ....scenario import Told
from ....world import Behaviour
from ._parts import CACHES, ERRORS, at_hour, bounces, clumsy_partner, elsewhere, in_words, judged


def daily_limit(b: Builder) -> Told:
    """The cache's daily number of requests is used up before the evening."""
    at_hour(b, 18.8)
    clumsy_partner(b)
    return edge.cache(
        b,
        failing=b.between("failing", 0.008, 0.02),
        add_ms=b.between("add", 260, 420),
        load=b.between("load", 2.4, 3.2),
        ramp_s=10.0,
        latency_ms=240.0,
        texts=(
            "UpstashError: ERR max daily request limit exceeded. Limit: 500000, Usage: 500000",
            "cache skipped for browse:{hex}: command GET refused by upstash",
        ),
    )


def read_only(b: Builder) -> Told:
    """The cache server changed its mind about who is the primary: nothing can be stored, most reads time out."""
    at_hour(b, 11.5)
    return edge.cache(
        b,
        failing=b.between("failing", 0.02, 0.05),
        add_ms=b.between("add", 500, 900),
        load=b.between("load", 1.7, 2.2),
        ramp_s=420.0,
        texts=(
            "ReplyError: READONLY You can't write against a read only replica. key=pitch:{id}",
            "MaxRetriesPerRequestError: Reached the max retries per request limit (which is 20).",
            "redis: Command timed out after {slow_ms} ms (GET browse:{hex})",
        ),
    )


def hot_key(b: Builder) -> Told:
    """KV refuses too many reads of one namespace in the small hours."""
    at_hour(b, 4.0)
    elsewhere(b)
    return edge.cache(
        b,
        failing=b.between("failing", 0.03, 0.06),
        add_ms=b.between("add", 450, 700),
        load=b.between("load", 1.9, 2.5),
        ramp_s=120.0,
        texts=("Error: KV GET failed: 429 Too Many Requests (namespace PITCH_CACHE, key pitch:{id})",),
    )


def slow_down(b: Builder) -> Told:
    """R2 asks us to write less often."""
    at_hour(b, 14.5)
    bounces(b)
    return edge.storage(
        b,
        share=b.between("share", 0.32, 0.5),
        status=503,
        took_ms=1400.0,
        archive_lost=0.3,
        ramp_s=240.0,
        texts=(
            "put: We encountered an internal error. Please try again. (10001) key=media/{hex}",
            "S3ServiceException: ServiceUnavailable: R2 is temporarily unable to serve media/{hex} (503)",
        ),
        caller_texts=("{method} {route} failed after 3 attempts to store",),
    )


def pictures(b: Builder) -> Told:
    """Only reading from R2 fails: half of the thumbnails stay grey."""
    at_hour(b, 20.2)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    path = "/api/media/thumbnail"
    fx.fail(
        b,
        Fault(
            key="pictures",
            hits={path: b.between("share", 0.36, 0.55)},
            span=span,
            status=500,
            took_ms=2300.0,
            body={"success": False, "message": "Image unavailable"},
            entries=(
                Entry(
                    service="upload",
                    component="r2",
                    texts=(
                        "Error: Network connection lost. (R2 get media/{hex}/thumb.webp)",
                        "R2Error: get: Unspecified error (0) bucket=pitchey-media",
                    ),
                ),
                Entry(texts=("no thumbnail for {route}: object store",), component="handler", share=0.4),
            ),
            tracked=Tracked(type="Error", value="Network connection lost.", culprit="R2Bucket.get(src/upload/thumbs)"),
        ),
    )
    fx.silence(b, Silence(key="pictures", what="archive", span=span, share=0.35))
    fx.answer(
        b,
        Behaviour(service="infra", path="/infra/r2", start_ms=span.start_ms, end_ms=span.end_ms, share=0.5, status=500),
    )
    return Told(services=("upload",), routes=(path,), severity="P3")


def since_lunch(b: Builder) -> Told:
    """Uploads have been failing for two hours when somebody asks."""
    at_hour(b, 15.5)
    return edge.storage(
        b,
        share=b.between("share", 0.5, 0.7),
        status=500,
        took_ms=5600.0,
        archive_lost=0.1,
        texts=(
            "UploadPartCommand failed: InternalError: internal error; part {small} of media/{hex}",
            "createMultipartUpload: R2 internal error (10001), giving up",
        ),
        caller_texts=("multipart upload of {user} aborted by the object store ({route})",),
    )


MISS, RATE = "cache miss key=pitch:{id}, read through", "hit rate of the last minute {small} percent"
NO_TIME, NO_ANSWER = "no cached answer and no time left for {route}", "kv did not answer"
LIMIT_WORDS = {
    MISS: "stale-while-revalidate off: {route} answered by origin query",
    RATE: "upstash unavailable, {n} lookups went to postgres",
    NO_TIME: "{route} abandoned: neither cache nor origin in time",
    NO_ANSWER: "command GET refused",
}
REPLICA_WORDS = {
    MISS: "redis: falling back to the database for pitch:{id}",
    RATE: "redis: 0 of {n} SETEX kept in the last 10 s",
    NO_TIME: "gave up on {route} after redis retries",
    NO_ANSWER: "Reached the max retries per request limit (which is 20).",
}
KEY_WORDS = {
    MISS: "PITCH_CACHE get(pitch:{id}) skipped, loading from origin",
    RATE: "PITCH_CACHE: {n} of 60 reads refused since the last flush",
    NO_TIME: "{method} {route}: origin too slow without PITCH_CACHE",
    NO_ANSWER: "KV GET failed: 429 Too Many Requests",
}

SCENARIOS = (
    judged(
        "cache_limit",
        "The cache's day is used up",
        "cache_degraded",
        in_words(daily_limit, LIMIT_WORDS),
        CACHES,
        onset_min=(12, 22),
        beside=("noisy_neighbour",),
    ),
    judged(
        "cache_read_only",
        "A cache that cannot be written",
        "cache_degraded",
        in_words(read_only, REPLICA_WORDS),
        CACHES,
        onset_min=(22, 32),
        beside=("harmless_production_deployment", "logs_lost"),
    ),
    judged(
        "cache_hot_key",
        "KV refuses reads at night",
        "cache_degraded",
        in_words(hot_key, KEY_WORDS),
        CACHES,
        onset_min=(14, 24),
        beside=("clock_skew",),
    ),
    judged(
        "store_slow_down",
        "R2 cannot keep up",
        "storage_degraded",
        slow_down,
        ERRORS,
        onset_min=(20, 32),
        beside=("crawler_visit",),
    ),
    judged(
        "store_pictures",
        "Pictures cannot be read",
        "storage_degraded",
        pictures,
        ERRORS,
        onset_min=(12, 20),
        beside=("unrelated_deployment",),
    ),
    judged(
        "store_for_hours",
        "Uploads fail for hours",
        "storage_degraded",
        since_lunch,
        ERRORS,
        onset_min=(115, 140),
        beside=("noisy_neighbour", "few_typists"),
    ),
)
