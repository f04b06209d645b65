"""Stores of pictures and films that lose their strength, and caches that keep nothing."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Silence, Slow, Tracked
from ....causes._who import felt, owners
from ....scenario import Told
from ....world import Behaviour
from ._parts import CACHES, ERRORS, at_hour, calls_home, grey_library, knocking, site_fine, stranger, told

MEDIA = "/api/media/thumbnail"
DONE = "/api/upload/complete"
PRESIGN = "/api/upload/presign"


def read_quorum(b: Builder) -> Told:
    """Two of four drives of a set are gone: a quarter of the pictures cannot be put together."""
    at_hour(b, 16.6)
    knocking(b)
    span = b.until_mended(b.onset_ms, ramp_s=200.0)
    hits = {MEDIA: b.between("share", 0.2, 0.28), DONE: 0.14}
    words = "Storage resources are insufficient for the read operation"
    fx.fail(
        b,
        Fault(
            key="read quorum",
            hits=hits,
            span=span,
            status=502,
            took_ms=1900.0,
            body={"success": False, "message": "Image cannot be shown"},
            entries=(
                Entry(
                    component="aws-sdk-go",
                    texts=(
                        f"operation error S3: GetObject, StatusCode: 503, api error: {words} pitchey-media/{{hex}}",
                        "bitrot or missing shards: media/{hex} needs 3 of 4, has 2 ({ms} ms)",
                    ),
                ),
            ),
            tracked=Tracked(type="smithy.OperationError", value=words, culprit="(*Client).GetObject"),
        ),
    )
    told(
        b,
        "drives",
        "upload",
        "erasure",
        2.0,
        span,
        "set 2 of pool 0: drives /mnt/d5 /mnt/d6 offline (I/O timeout), read quorum lost",
        "healing of set 2 waits for drives, {id} objects in the backlog",
        level="warn",
    )
    slow = Slow(key="read quorum", hits={MEDIA: 0.3, DONE: 0.3}, span=span, add_ms=650.0, service="storage")
    fx.slow(b, slow)
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def account_limit(b: Builder) -> Told:
    """The account of the blobs is over its ingress: uploads are told to wait, then given up, more every minute."""
    at_hour(b, 19.4)
    site_fine(b)
    span = b.until_mended(b.onset_ms, ramp_s=1000.0)
    hits = {DONE: b.between("share", 0.48, 0.62), PRESIGN: 0.16}
    words = "Operation could not be completed within the specified time."
    fx.fail(
        b,
        Fault(
            key="account limit",
            hits=hits,
            span=span,
            status=500,
            took_ms=7600.0,
            body={"success": False, "message": "Film could not be saved"},
            entries=(
                Entry(
                    component="storage-blob",
                    metadata='{{"account":"pitcheymedia","x-ms-error-code":"OperationTimedOut"}}',
                    texts=(
                        f"RestError: {words} (OperationTimedOut) PUT block {{small}} of films/{{hex}}",
                        "RestError: Ingress is over the account limit. (ServerBusy) films/{hex}",
                    ),
                ),
            ),
            tracked=Tracked(type="RestError", value=words, culprit="handleErrorResponse(@azure/core-client)"),
        ),
    )
    slow = Slow(key="account limit", hits={DONE: 0.7, MEDIA: 0.35}, span=span, add_ms=1500.0, service="storage")
    fx.slow(b, slow)
    told(
        b,
        "account figures",
        "upload",
        "blob-metrics",
        1.0,
        span,
        "pitcheymedia: SuccessE2ELatency {slow_ms} ms, SuccessServerLatency {slow_ms} ms, throttled {n} % "
        "(ServerBusyError), Availability 7{small}.{small}",
        level="info",
    )
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def lost_parts(b: Builder) -> Told:
    """Films come in parts, and the store forgets some before they are put together: a part of the uploads ends so."""
    at_hour(b, 11.8)
    calls_home(b)
    span = b.until_mended(b.onset_ms, every_s=700.0, on_s=b.between("on", 380, 440))
    hits = {DONE: b.between("share", 0.4, 0.52), MEDIA: 0.09}
    words = "completeMultipartUpload: One or more of the specified parts could not be found. (10025)"
    fx.fail(
        b,
        Fault(
            key="lost parts",
            hits=hits,
            span=span,
            status=502,
            took_ms=3300.0,
            body={"success": False, "message": "No se pudo completar la subida"},
            entries=(
                Entry(
                    component="almacén",
                    texts=(
                        f"la subida de {{hex}} no se completó: {words}",
                        "objeto films/{hex} ilegible: get: Unspecified error (0), {small} intentos",
                    ),
                ),
            ),
            tracked=Tracked(type="Error", value=words, culprit="finalizar(src/subida/partes)"),
        ),
    )
    told(
        b,
        "archive of the log",
        "logs",
        "archive",
        2.0,
        span,
        "object logs/production/{hex}.json not written: put: Unspecified error (0)",
        level="warn",
    )
    fx.silence(b, Silence(key="lost parts", what="archive", span=span, share=0.3))
    fx.answer(
        b,
        Behaviour(service="infra", path="/infra/r2", start_ms=span.start_ms, end_ms=span.end_ms, share=0.4, status=500),
    )
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def slabs(b: Builder) -> Told:
    """The cache's memory is cut into the wrong sizes: lists find no room, are thrown out at once, and made anew."""
    at_hour(b, 20.2)
    grey_library(b)
    span = b.until_mended(b.onset_ms, ramp_s=800.0)
    waits = fx.needing("cache", 0.8)
    fx.slow(b, Slow(key="slabs", hits=waits, span=span, factor=1.5, add_ms=b.between("add", 330, 460), service="cache"))
    fx.fail(
        b,
        Fault(
            key="slabs",
            hits=fx.needing("cache", 0.05),
            span=span,
            status=500,
            took_ms=1200.0,
            entries=(
                Entry(
                    component="pymemcache",
                    texts=(
                        "MemcacheServerError: out of memory storing object ({route})",
                        "MemcacheUnexpectedCloseError: mc-2:11211 closed the connection, no copy of {route}",
                    ),
                ),
            ),
            tracked=Tracked(
                type="MemcacheServerError",
                value="out of memory storing object",
                culprit="_raise_errors(pymemcache.client.base)",
            ),
        ),
    )
    told(
        b,
        "slabs says",
        "cache",
        "memcached",
        12.0,
        span,
        "STAT slab 31: evicted {id} evicted_time 2 outofmemory {n} (items live {small} s of 300)",
        "get_hits {n} get_misses 4{id} in the last minute",
        "mcrouter: mc-2 marked soft TKO (m{small} of 8 timeouts)",
        level="warn",
    )
    fx.database(
        b,
        span,
        queryCount=(2.0, 0.0),
        activeConnections=(1.7, 1.0),
        avgQueryTime=(1.4, 3.0),
        p95QueryTime=(1.5, 12.0),
        p99QueryTime=(1.5, 30.0),
    )
    return Told(services=("cache", *owners(felt(waits, 0.5))), routes=felt(waits, 0.5), severity="P3")


def stale_on_arrival(b: Builder) -> Told:
    """The cache's own clock is an hour ahead: whatever is kept has run out already; no error is said, all is slower."""
    at_hour(b, 13.5)
    site_fine(b)
    span = b.until_mended(b.onset_ms, ramp_s=120.0)
    waits = fx.needing("cache", 0.92)
    add_ms = b.between("add", 260, 360)
    fx.slow(b, Slow(key="stale on arrival", hits=waits, span=span, factor=1.6, add_ms=add_ms, service="cache"))
    told(
        b,
        "stale on arrival says",
        "cache",
        "proxy",
        9.0,
        span,
        "X-Cache: EXPIRED key=list:{hex} age=-35{n} ttl=300, read again from the origin",
        "hit ratio 0.0{small} (yesterday 0.91), expired_on_read {id}, evictions 0",
        "Date of the answer lies 3598 s ahead of ours, kept anyway",
        level="info",
    )
    fx.database(
        b,
        span,
        queryCount=(2.5, 0.0),
        activeConnections=(2.0, 1.0),
        avgQueryTime=(1.5, 4.0),
        p95QueryTime=(1.6, 15.0),
        p99QueryTime=(1.6, 40.0),
    )
    return Told(services=("cache", *owners(felt(waits, 0.5))), routes=felt(waits, 0.5), severity="P3")


def partitions(b: Builder) -> Told:
    """A member of the data grid collects garbage all the time and still holds its part of the keys: those wait."""
    at_hour(b, 9.3)
    calls_home(b)
    span = b.until_mended(b.onset_ms, ramp_s=1200.0)
    waits = fx.needing("cache", 0.4)
    add_ms = b.between("add", 1100, 1600)
    fx.slow(b, Slow(key="partitions", hits=waits, span=span, factor=1.4, add_ms=add_ms, service="cache"))
    fx.fail(
        b,
        Fault(
            key="partitions",
            hits=fx.needing("cache", b.between("share", 0.07, 0.11)),
            span=span,
            status=503,
            took_ms=5000.0,
            entries=(
                Entry(
                    component="hazelcast",
                    level="SEVERE",
                    texts=(
                        "com.hazelcast.core.OperationTimeoutException: GetOperation invocation failed to complete due "
                        "to operation-heartbeat-timeout. {route}",
                        "map 'listings': partition {waiting} of member grid-3 does not answer ({ms} ms)",
                    ),
                ),
            ),
            tracked=Tracked(
                type="OperationTimeoutException",
                value="GetOperation invocation failed to complete due to operation-heartbeat-timeout.",
                culprit="newOperationTimeoutException(com.hazelcast.spi.impl)",
            ),
        ),
    )
    told(
        b,
        "partitions says",
        "cache",
        "grid",
        5.0,
        span,
        "grid-3: heap.memory.used/max=97.{n}%, major.gc.count={id}, major.gc.time={slow_ms} ms of the last 5 s",
        "grid-3: Suspecting phi {small}.1, slow operation detected: GetOperation (partition thread {small})",
        level="WARNING",
    )
    fx.database(b, span, queryCount=(1.4, 0.0), activeConnections=(1.3, 0.5), avgQueryTime=(1.1, 0.0))
    return Told(services=("cache", *owners(felt(waits, 0.2))), routes=felt(waits, 0.2), severity="P3")


STORE, CACHE = "storage_degraded", "cache_degraded"
SCENARIOS = (
    stranger("second_read_quorum", "Two of four drives", STORE, read_quorum, ERRORS, onset_min=(18, 32)),
    stranger("second_account_limit", "An account over its limit", STORE, account_limit, ERRORS, onset_min=(32, 46)),
    stranger(
        "second_lost_parts",
        "Parts that were forgotten",
        STORE,
        lost_parts,
        ERRORS,
        onset_min=(28, 42),
        beside=("clock_skew",),
    ),
    stranger("second_slabs", "Memory cut into wrong sizes", CACHE, slabs, CACHES, onset_min=(30, 44)),
    stranger("second_stale_on_arrival", "Stale on arrival", CACHE, stale_on_arrival, CACHES, onset_min=(16, 28)),
    stranger(
        "second_partitions",
        "A member that only sweeps",
        CACHE,
        partitions,
        CACHES,
        onset_min=(36, 50),
        beside=("unrelated_deployment",),
    ),
)
