"""What is kept near at hand, and what is kept for long."""

from __future__ import annotations

from dataclasses import replace

from ... import effects as fx
from ...builder import Builder, Fault, Slow, Span
from ...causes._who import felt, owners
from ...scenario import Told
from ...world import Behaviour
from ._parts import (
    FAILURES,
    STORES,
    api_issue,
    door_rattling,
    helpers_shipped,
    judged,
    left,
    local_hour,
    lost,
    loud_analytics,
    old_clients,
    pages_shipped,
    spoken,
    warp_trouble,
)

CACHE, STORAGE = "cache_degraded", "storage_degraded"


def _infra(b: Builder, span: Span, part: str, failing: float, latency_ms: float = 0.0) -> None:
    """Let the infra service's own look at ``kv`` or ``r2`` take long and fail at times."""
    whole = Behaviour(service="infra", path=f"/infra/{part}", start_ms=span.start_ms, end_ms=span.end_ms)
    if latency_ms:
        fx.answer(b, replace(whole, latency_ms=latency_ms))
    if failing:
        fx.answer(b, replace(whole, share=failing, status=500))


def cold_reads(b: Builder) -> Told:
    """Reads of the cache take most of a second; nothing fails, and the database has more to do."""
    local_hour(b, 13.4)
    warp_trouble(b)
    span = b.until_mended(b.onset_ms, ramp_s=200.0)
    waits = fx.needing("cache", 0.85)
    add_ms = b.between("add", 650, 950)
    fx.slow(b, Slow(key="cold reads", hits=waits, span=span, add_ms=add_ms, service="cache"))
    late = spoken(
        "cache",
        "kv",
        "KV get pitch:{id} took {ms} ms from the central store (not in this colo)",
        "PITCH_CACHE latency budget of 50 ms exceeded {waiting} times in the last minute",
        level="warn",
    )
    fx.say(b, "cold reads", late, 20.0, span)
    gave_up = spoken("cache", "kv", "KV get browse:{hex} given up after 1500 ms, asking postgres instead")
    fx.say(b, "cold reads gave up", gave_up, 6.0, span)
    fx.database(b, span, queryCount=(1.5, 0.0), activeConnections=(1.3, 0.5), avgQueryTime=(1.2, 1.0))
    _infra(b, span, "kv", 0.0, 900.0)
    return Told(services=("cache", *owners(felt(waits, 0.5))), routes=felt(waits, 0.5), severity="P3")


def no_memory(b: Builder) -> Told:
    """The cache server's memory is full and nothing may be thrown out; it refuses whatever is new."""
    local_hour(b, 20.6)
    pages_shipped(b)
    span = b.until_mended(b.onset_ms, ramp_s=700.0)
    waits = fx.needing("cache", 0.7)
    fx.slow(
        b, Slow(key="no memory", hits=waits, span=span, factor=1.6, add_ms=b.between("add", 280, 430), service="cache")
    )
    fx.fail(
        b,
        Fault(
            key="no memory",
            hits=fx.needing("cache", b.between("failing", 0.03, 0.06)),
            span=span,
            status=500,
            took_ms=800.0,
            entries=(left("Error: Stream isn't writeable and enableOfflineQueue options is false ({method} {route})"),),
            tracked=api_issue(
                "Error: Stream isn't writeable and enableOfflineQueue options is false", "sendCommand(ioredis/Redis)"
            ),
        ),
    )
    full = spoken(
        "cache",
        "redis",
        "ReplyError: OOM command not allowed when used memory > 'maxmemory'. (SETEX browse:{hex})",
        "redis: used_memory_rss 1.02 of 1.00 GB, evicted_keys 0, policy noeviction",
    )
    fx.say(b, "no memory", full, 18.0, span)
    without = spoken(
        "cache", "redis", "{n} of 60 lookups answered by postgres since redis stores nothing", level="warn"
    )
    fx.say(b, "no memory without", without, 6.0, span)
    fx.database(b, span, queryCount=(2.2, 0.0), activeConnections=(1.8, 1.0), p95QueryTime=(1.5, 14.0))
    _infra(b, span, "kv", 0.2, 200.0)
    return Told(services=("cache", *owners(felt(waits, 0.4))), routes=felt(waits, 0.4), severity="P3")


def stampede(b: Builder) -> Told:
    """All keys run out in the same moment, every five minutes; everybody computes the same things anew."""
    local_hour(b, 18.0)
    door_rattling(b)
    loud_analytics(b)
    span = b.until_mended(b.onset_ms, every_s=300.0, on_s=b.between("on", 130, 170))
    waits = fx.needing("cache", 0.95)
    fx.slow(
        b, Slow(key="stampede", hits=waits, span=span, factor=1.5, add_ms=b.between("add", 850, 1300), service="cache")
    )
    fx.fail(
        b,
        Fault(
            key="stampede",
            hits=fx.needing("cache", b.between("failing", 0.025, 0.05)),
            span=span,
            status=503,
            took_ms=3000.0,
            entries=(left("recompute of {route} not finished in time, 40 waiters let go", component="swr"),),
            tracked=api_issue("RecomputeTimeout: waiters let go", "getOrSet(src/cache/swr)"),
        ),
    )
    empty = spoken(
        "cache",
        "swr",
        "mass expiry: {size} keys of generation {id} gone at once, hit ratio 0.0{small}",
        "lock on pitch:{id} held by another request, computing it as well",
        level="warn",
    )
    fx.say(b, "stampede", empty, 26.0, span)
    refused = spoken(
        "cache", "kv", "Error: KV PUT failed: 429 Too Many Requests, one write per second and key (trending)"
    )
    fx.say(b, "stampede puts", refused, 8.0, span)
    b.edge_cache.append((("/api/browse", "/api/browse/genres", "/api/media/thumbnail"), span, 0.1))
    fx.database(b, span, queryCount=(2.9, 0.0), activeConnections=(2.0, 2.0), p95QueryTime=(1.8, 40.0))
    return Told(services=("cache", *owners(felt(waits, 0.5))), routes=felt(waits, 0.5), severity="P3")


def half_written(b: Builder) -> Told:
    """Parts of large files are refused by the object store, before dawn; the log archive loses most of its objects."""
    local_hour(b, 6.2)
    helpers_shipped(b)
    span = b.until_mended(b.onset_ms)
    hits = {
        "/api/upload/complete": b.between("share", 0.6, 0.8),
        "/api/upload/presign": 0.45,
        "/api/media/thumbnail": 0.07,
    }
    fx.fail(
        b,
        Fault(
            key="half written",
            hits=hits,
            span=span,
            status=502,
            took_ms=2100.0,
            body={"success": False, "message": "Upload interrupted"},
            entries=(
                left(
                    "uploadPart: internal error in object storage (10001), part {small} of {hex}, try {small}",
                    "InternalError: S3 UploadPart 500 x-amz-request-id {hex} bucket pitchey-media",
                    service="upload",
                    component="r2",
                ),
                left("{user} asked to upload again ({route})", share=0.5),
            ),
            tracked=api_issue(
                "R2Error: uploadPart: internal error in object storage (10001)", "part(src/upload/multipart)"
            ),
        ),
    )
    own = spoken("upload", "r2", "sweep: bucket pitchey-media answered 500 to ListParts ({small} of 9 tries)")
    fx.say(b, "half written", own, 3.0, span)
    lost(b, "half written", span, "archive", share=0.55)
    _infra(b, span, "r2", 0.8)
    return Told(services=("upload",), routes=felt(hits), severity="P2")


def gateway_pages(b: Builder) -> Told:
    """The object store answers with a page of its gateway, in waves; some pictures come from caches."""
    local_hour(b, 16.8)
    old_clients(b)
    span = b.until_mended(b.onset_ms, every_s=240.0, on_s=b.between("on", 110, 150))
    hits = fx.needing("storage", b.between("share", 0.62, 0.85))
    fx.fail(
        b,
        Fault(
            key="gateway pages",
            hits=hits,
            span=span,
            status=503,
            took_ms=650.0,
            entries=(
                left(
                    "UnknownError: 502 <html>Bad Gateway</html> from {hex}.r2.cloudflarestorage.com",
                    "SyntaxError: Unexpected token '<' in the XML answer of the object store (HEAD media/{hex})",
                    service="upload",
                    component="s3",
                ),
                left("picture or file for {route} not to be had, bucket gateway 502", share=0.4),
            ),
            tracked=api_issue("UnknownError: 502 from the object store", "deserialize(@aws-sdk/client-s3)"),
        ),
    )
    lost(b, "gateway pages", span, "archive", share=0.3)
    _infra(b, span, "r2", 0.6)
    return Told(services=("upload",), routes=felt(hits), severity="P3")


def ever_slower(b: Builder) -> Told:
    """The object store has become slower for more than an hour; now the first requests are given up."""
    local_hour(b, 11.3)
    span = b.until_mended(b.onset_ms, ramp_s=2400.0)
    waits = fx.needing("storage", 0.9)
    fx.slow(b, Slow(key="ever slower", hits=waits, span=span, add_ms=b.between("add", 3600, 5200), service="storage"))
    hits = fx.needing("storage", b.between("share", 0.18, 0.3))
    fx.fail(
        b,
        Fault(
            key="ever slower",
            hits=hits,
            span=span,
            status=504,
            took_ms=12_000.0,
            entries=(
                left(
                    "TimeoutError: R2 operation did not finish in 12 s (media/{hex}, {size} bytes)",
                    "r2 first byte after {long_ms} ms for media/{hex}",
                    service="upload",
                    component="r2",
                ),
            ),
            tracked=api_issue("TimeoutError: R2 operation did not finish in 12 s", "withDeadline(src/upload/r2)"),
        ),
    )
    lost(b, "ever slower", span, "archive", share=0.12)
    _infra(b, span, "r2", 0.3, 2500.0)
    return Told(services=("upload",), routes=felt(hits), severity="P3")


SCENARIOS = (
    judged(
        "near_cold_reads",
        "The cache takes most of a second",
        CACHE,
        cold_reads,
        STORES,
        onset_min=(20, 32),
        beside=("crawler_visit",),
    ),
    judged(
        "near_no_memory",
        "A cache without memory",
        CACHE,
        no_memory,
        STORES,
        onset_min=(28, 38),
        beside=("few_typists", "slow_sidekick"),
        seeds=3,
    ),
    judged(
        "near_stampede",
        "All keys run out at once",
        CACHE,
        stampede,
        STORES,
        onset_min=(24, 36),
        beside=("logs_unseen",),
    ),
    judged(
        "far_half_written",
        "Large files arrive in part",
        STORAGE,
        half_written,
        FAILURES,
        onset_min=(18, 30),
        beside=("logs_lost",),
    ),
    judged(
        "far_gateway_pages",
        "The object store's gateway in waves",
        STORAGE,
        gateway_pages,
        FAILURES,
        onset_min=(24, 36),
        beside=("harmless_production_deployment", "slow_sidekick"),
        seeds=3,
    ),
    judged("far_ever_slower", "The object store slows down", STORAGE, ever_slower, FAILURES, onset_min=(70, 90)),
)
