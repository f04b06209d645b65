"""Stores of objects and of short-lived copies."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Silence, Slow, Tracked
from ....causes._who import felt, owners
from ....scenario import Told
from ....world import Behaviour
from ._parts import CACHES, ERRORS, at_hour, deprecations, failing_infra, ratings_feed, stranger, told


def internal_error(b: Builder) -> Told:
    """The store takes no writes, on and off: uploads fail and so does the log's archive; reading goes on."""
    at_hour(b, 18.7)
    ratings_feed(b)
    span = b.until_mended(b.onset_ms, every_s=540.0, on_s=b.between("on", 230, 300))
    hits = {"/api/upload/complete": b.between("share", 0.75, 0.9), "/api/upload/presign": 0.3}
    words = "put: We encountered an internal error. Please try again. (10001)"
    fx.fail(
        b,
        Fault(
            key="internal error",
            hits=hits,
            span=span,
            status=500,
            took_ms=4200.0,
            body={"success": False, "message": "Upload failed"},
            entries=(
                Entry(component="r2", texts=(f"R2 {words}", "R2Error 10001 on media/{hex}, 3 tries, {long_ms} ms")),
            ),
            tracked=Tracked(type="Error", value=words, culprit="put(src/upload/r2)", share=0.8),
        ),
    )
    told(
        b,
        "internal error archive",
        "logs",
        "archive",
        4.0,
        span,
        "archive: put logs/production/… failed (10001), object dropped",
        level="warn",
    )
    fx.silence(b, Silence(key="internal error", what="archive", span=span, share=0.7))
    failing_infra(b, "/infra/r2", span, 0.8)
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def stale_handle(b: Builder) -> Told:
    """The file server with the older half of the pictures came back under another id: its handles are stale."""
    at_hour(b, 12.9)
    span = b.until_mended(b.onset_ms, ramp_s=240.0)
    hits = {"/api/media/thumbnail": b.between("share", 0.26, 0.36), "/api/upload/complete": 0.22}
    fx.fail(
        b,
        Fault(
            key="stale handle",
            hits=hits,
            span=span,
            status=500,
            took_ms=310.0,
            body={"success": False, "message": "Media not available"},
            entries=(
                Entry(
                    component="media",
                    texts=(
                        "ESTALE: stale file handle, open '/mnt/media-b/{hex}/w640.webp'",
                        "EIO: i/o error, read '/mnt/media-b/{hex}/original' ({ms} ms)",
                    ),
                ),
            ),
            tracked=Tracked(type="Error", value="ESTALE: stale file handle, open", culprit="open(node:internal/fs)"),
        ),
    )
    told(
        b,
        "stale handle kernel",
        "upload",
        "kernel",
        1.4,
        span,
        "nfs: server media-b.internal not responding, still trying",
        "NFS: state manager: check lease failed on NFSv4 server media-b.internal with error 116",
        level="warning",
    )
    told(b, "stale handle scrub", "upload", "copies", 0.8, span, "/mnt/media-a ok ({size}), /mnt/media-b unreadable")
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def out_of_memory(b: Builder) -> Told:
    """The cache is full and may not evict: nothing new is kept, so that ever more has to come from the database."""
    at_hour(b, 19.6)
    deprecations(b)
    span = b.until_mended(b.onset_ms, ramp_s=1200.0)
    waits = fx.needing("cache", 0.85)
    fx.slow(
        b, Slow(key="full cache", hits=waits, span=span, factor=1.6, add_ms=b.between("add", 420, 640), service="cache")
    )
    fx.fail(
        b,
        Fault(
            key="full cache",
            hits=fx.needing("cache", 0.06),
            span=span,
            status=500,
            took_ms=700.0,
            entries=(
                Entry(
                    component="redis",
                    texts=("ReplyError: OOM command not allowed when used memory > 'maxmemory'. ({route})",),
                ),
            ),
            tracked=Tracked(
                type="ReplyError",
                value="OOM command not allowed when used memory > 'maxmemory'.",
                culprit="parseError(redis-parser)",
            ),
        ),
    )
    told(
        b,
        "full cache says",
        "cache",
        "redis",
        16.0,
        span,
        "SETEX browse:{hex} 300 -> OOM command not allowed when used memory > 'maxmemory'.",
        "INFO memory: used_memory_human:2.00G maxmemory_human:2.00G maxmemory_policy:noeviction evicted_keys:0",
        "keyspace hits of the last minute {small} of {waiting}",
        level="warning",
    )
    fx.database(
        b,
        span,
        queryCount=(1.9, 0.0),
        activeConnections=(1.7, 1.0),
        avgQueryTime=(1.4, 3.0),
        p95QueryTime=(1.5, 12.0),
        p99QueryTime=(1.5, 30.0),
    )
    return Told(services=("cache", *owners(felt(waits, 0.5))), routes=felt(waits, 0.5), severity="P3")


def slots_down(b: Builder) -> Told:
    """One shard of the cache's three is gone: every third key cannot be asked for, and waits for its retries."""
    at_hour(b, 11.7)
    span = b.until_mended(b.onset_ms, ramp_s=20.0)
    waits = fx.needing("cache", 0.36)
    fx.slow(
        b,
        Slow(key="slots down", hits=waits, span=span, factor=1.5, add_ms=b.between("add", 900, 1400), service="cache"),
    )
    fx.fail(
        b,
        Fault(
            key="slots down",
            hits=fx.needing("cache", b.between("share", 0.1, 0.16)),
            span=span,
            status=503,
            took_ms=2100.0,
            entries=(
                Entry(
                    component="lettuce",
                    texts=(
                        "RedisCommandExecutionException: CLUSTERDOWN Hash slot not served ({route})",
                        "RedisClusterException: Too many redirections, slot 129{n} ({ms} ms)",
                    ),
                ),
            ),
            tracked=Tracked(
                type="RedisCommandExecutionException",
                value="CLUSTERDOWN Hash slot not served",
                culprit="createExecutionException(io.lettuce.core)",
            ),
        ),
    )
    told(
        b,
        "slots down says",
        "cache",
        "cluster",
        8.0,
        span,
        "cluster_state:fail cluster_slots_ok:10923 cluster_slots_fail:5461 cluster_known_nodes:6",
        "Marking node cache-2b as failing (quorum reached). Cluster state changed: fail",
        "Failover auth denied to cache-2b-replica: its replication offset is too old",
        level="warning",
    )
    fx.database(b, span, queryCount=(1.35, 0.0), activeConnections=(1.3, 0.5))
    fx.answer(
        b,
        Behaviour(
            service="infra", path="/infra/kv", start_ms=span.start_ms, end_ms=span.end_ms, share=0.33, latency_ms=1200.0
        ),
    )
    return Told(services=("cache", *owners(felt(waits, 0.2))), routes=felt(waits, 0.2), severity="P3")


SCENARIOS = (
    stranger(
        "via_internal_error",
        "The store takes no writes, on and off",
        "storage_degraded",
        internal_error,
        ERRORS,
        onset_min=(30, 45),
        beside=("unrelated_deployment",),
    ),
    stranger(
        "via_stale_handle",
        "Stale handles on the older pictures",
        "storage_degraded",
        stale_handle,
        ERRORS,
        onset_min=(20, 34),
        beside=("clock_skew",),
    ),
    stranger(
        "via_out_of_memory",
        "A cache that is full",
        "cache_degraded",
        out_of_memory,
        CACHES,
        onset_min=(34, 48),
        beside=("busy_evening",),
    ),
    stranger(
        "via_slots_down",
        "A third of the cache's keys",
        "cache_degraded",
        slots_down,
        CACHES,
        onset_min=(14, 24),
        beside=("harmless_production_deployment",),
    ),
)
