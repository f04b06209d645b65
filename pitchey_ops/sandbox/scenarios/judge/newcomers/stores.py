"""Object stores and caches."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Silence, Slow, Tracked
from ....causes._who import felt, owners
from ....scenario import Told
from ....world import Behaviour
from ._parts import ERRORS, SPEED, case, deprecated, hour_is, old_client, other_products, strict_policy, unheard

STORAGE, CACHE = "storage_degraded", "cache_degraded"


def slow_down(b: Builder) -> Told:
    """The object store takes ever fewer new files; what lies there can be read."""
    hour_is(b, 16.9)
    deprecated(b)
    span = b.until_mended(b.onset_ms, ramp_s=700.0)
    hits = {"/api/upload/complete": b.between("share", 0.6, 0.78), "/api/upload/presign": 0.3}
    fx.fail(
        b,
        Fault(
            key="slow down",
            hits=hits,
            span=span,
            status=503,
            took_ms=6400.0,
            body={"success": False, "message": "Upload failed, please try again"},
            entries=(
                Entry(
                    service="upload",
                    component="s3",
                    level="warn",
                    texts=(
                        '{{"op":"UploadPart","bucket":"pitchey-media","key":"media/{hex}","status":503,'
                        '"code":"SlowDown","message":"Please reduce your request rate.","attempt":{small}}}',
                        '{{"op":"CompleteMultipartUpload","bucket":"pitchey-media","key":"media/{hex}","status":500,'
                        '"code":"InternalError","attempt":{small},"retryDelayMs":{slow_ms}}}',
                    ),
                ),
                Entry(texts=("{route}: object store gave up on us after {small} attempts",), component="handler"),
            ),
            tracked=Tracked(
                type="SlowDown",
                value="Please reduce your request rate.",
                culprit="throwDefaultError(@smithy/smithy-client)",
            ),
        ),
    )
    jobs = Entry(
        service="upload",
        level="warn",
        component="s3",
        request=False,
        texts=(
            '{{"op":"PutObject","bucket":"pitchey-logs","key":"logs/production/{hex}.json","status":503,'
            '"code":"SlowDown","message":"Please reduce your request rate.","attempt":3}}',
        ),
    )
    fx.say(b, "slow down", jobs, 4.0, span)
    fx.slow(
        b,
        Slow(
            key="slow down",
            hits={"/api/upload/complete": 0.8, "/api/upload/presign": 0.5},
            span=span,
            factor=1.4,
            add_ms=2100.0,
            service="storage",
        ),
    )
    fx.silence(b, Silence(key="slow down", what="archive", span=span, share=0.35))
    fx.answer(
        b,
        Behaviour(
            service="infra", path="/infra/r2", start_ms=span.start_ms, end_ms=span.end_ms, share=0.55, status=500
        ),
    )
    return Told(services=("upload",), routes=tuple(hits), severity="P2")


def grey_pictures(b: Builder) -> Told:
    """For four minutes of every ten, pictures never arrive; the service that fetches them says nothing of it."""
    hour_is(b, 21.1)
    strict_policy(b)
    span = b.until_mended(b.onset_ms, every_s=600.0, on_s=b.between("on", 220, 270))
    path = "/api/media/thumbnail"
    fx.fail(
        b,
        Fault(
            key="grey",
            hits={path: b.between("share", 0.4, 0.54)},
            span=span,
            status=504,
            took_ms=14_800.0,
            body={"success": False, "message": "Gateway timeout"},
            entries=(
                Entry(
                    service="api-gateway",
                    component="router",
                    level="warning",
                    texts=(
                        'level=warning msg="upstream gave no first byte" upstream=r2 bucket=pitchey-media '
                        "route={route} dur=14.{small}s",
                        'level=warning msg="R2Bucket.get aborted" key=thumbs/{hex}.webp err="operation timed out"',
                    ),
                ),
            ),
        ),
    )
    fx.stumble(
        b,
        Fault(
            key="grey felt",
            hits={"/pitches": 0.3, "/": 0.2},
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="browser",
                    texts=("ImageLoadError: {small} of 12 posters still grey after 15 s ({browser})",),
                    delay_ms=15_000.0,
                ),
            ),
            tracked=Tracked(
                type="ImageLoadError",
                value="posters still grey after 15 s",
                culprit="Poster.onTimeout(src/components/poster)",
                project="pitchey-frontend",
                share=0.5,
            ),
        ),
    )
    fx.slow(b, Slow(key="grey", hits={path: 0.55}, span=span, factor=2.0, add_ms=5200.0, service="storage"))
    unheard(b, "grey upload", span, "upload")
    fx.silence(b, Silence(key="grey archive", what="archive", span=span, share=0.5))
    start = span.start_ms
    while start < min(span.end_ms, b.end_ms):
        for share, status, latency in ((1.0, 200, 2600.0), (0.3, 500, 0.0)):
            fx.answer(
                b,
                Behaviour(
                    service="infra",
                    path="/infra/r2",
                    start_ms=start,
                    end_ms=min(start + int(span.on_s * 1000), span.end_ms),
                    share=share,
                    status=status,
                    latency_ms=latency,
                ),
            )
        start += int(span.every_s * 1000)
    return Told(services=("upload",), routes=(path,), severity="P3")


def memory_full(b: Builder) -> Told:
    """The cache server's memory is full: nothing new is kept, what is there runs out, the database bears the rest."""
    hour_is(b, 18.2)
    other_products(b)
    span = b.until_mended(b.onset_ms, ramp_s=1300.0)
    waits = fx.needing("cache", 0.85)
    add = b.between("add", 260, 420)
    fx.slow(b, Slow(key="memory full", hits=waits, span=span, factor=1.5, add_ms=add, service="cache"))
    refused = Entry(
        service="cache",
        level="warn",
        component="ioredis",
        request=False,
        texts=(
            "ReplyError: OOM command not allowed when used memory > 'maxmemory'. command=SETEX key=pitch:{id}",
            "ReplyError: OOM command not allowed when used memory > 'maxmemory'. command=SET key=session:{hex}",
            "INFO used_memory_human:1.00G maxmemory_human:1.00G maxmemory_policy:noeviction evicted_keys:0",
        ),
    )
    fx.say(b, "memory full", refused, 24.0, b.until_mended(b.onset_ms))
    loads = Entry(
        service="pitch",
        level="info",
        component="loader",
        request=False,
        texts=("MISS pitch:{id} -> origin {ms} ms, not stored", "MISS browse:{hex} -> origin {ms} ms, not stored"),
    )
    fx.say(b, "memory loads", loads, 30.0, span)
    fx.database(
        b,
        span,
        queryCount=(b.between("load", 2.3, 2.9), 0.0),
        activeConnections=(2.0, 2.0),
        avgQueryTime=(1.5, 4.0),
        p95QueryTime=(1.6, 18.0),
        p99QueryTime=(1.6, 40.0),
    )
    return Told(services=("cache", *owners(felt(waits, 0.5))), routes=felt(waits, 0.5), severity="P3")


def cold_reads(b: Builder) -> Told:
    """KV answers only what its nearest place still remembers; cold reads and writes fail."""
    hour_is(b, 13.4)
    old_client(b)
    span = b.until_mended(b.onset_ms, ramp_s=20.0)
    hits = fx.needing("cache", b.between("share", 0.11, 0.17))
    fx.fail(
        b,
        Fault(
            key="cold",
            hits=hits,
            span=span,
            status=500,
            took_ms=1900.0,
            entries=(
                Entry(
                    component="kv",
                    texts=(
                        '{{"level":50,"binding":"PITCH_KV","err":"KV GET failed: 503 Service Unavailable",'
                        '"key":"pitch:{id}","reqId":"{hex}"}}',
                        '{{"level":50,"binding":"SESSIONS_KV","err":"KV PUT failed: 500 Internal Server Error",'
                        '"key":"session:{hex}","reqId":"{hex}"}}',
                    ),
                    level="50",
                ),
            ),
            tracked=Tracked(
                type="Error", value="KV GET failed: 503 Service Unavailable", culprit="KvNamespace.get(src/lib/kv)"
            ),
        ),
    )
    waits = fx.needing("cache", 0.6)
    fx.slow(b, Slow(key="cold", hits=waits, span=span, factor=1.5, add_ms=520.0, service="cache"))
    later = Entry(
        service="browse",
        level="40",
        component="kv",
        request=False,
        texts=('{{"level":40,"binding":"PITCH_KV","msg":"retry {small}/3 after KV GET failed: 503","cold":true}}',),
    )
    fx.say(b, "cold", later, 16.0, span)
    unheard(b, "cold cache", span, "cache", share=0.9)
    fx.database(b, span, queryCount=(1.5, 0.0), activeConnections=(1.4, 1.0))
    for share, status, latency in ((1.0, 200, 900.0), (0.7, 500, 0.0)):
        fx.answer(
            b,
            Behaviour(
                service="infra",
                path="/infra/kv",
                start_ms=span.start_ms,
                end_ms=span.end_ms,
                share=share,
                status=status,
                latency_ms=latency,
            ),
        )
    return Told(services=("cache", *owners(felt(hits))), routes=felt(hits), severity="P2")


SCENARIOS = (
    case("slow_down", "The object store takes fewer files", STORAGE, slow_down, ERRORS, onset_min=(26, 36)),
    case("grey_pictures", "Pictures come and go", STORAGE, grey_pictures, ERRORS, onset_min=(33, 44)),
    case("memory_full", "The cache keeps nothing new", CACHE, memory_full, SPEED, onset_min=(27, 36)),
    case("cold_reads", "KV answers only what is warm", CACHE, cold_reads, (*SPEED, "error_rate"), onset_min=(12, 18)),
)
