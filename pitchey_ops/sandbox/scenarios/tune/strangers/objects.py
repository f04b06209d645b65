"""Stores of films and pictures that falter."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Silence, Slow, Tracked
from ....scenario import Told
from ....world import Behaviour
from ..unseen_once._parts import ERRORS, PAINT, at_hour
from ._parts import failing_infra, hourly_job, retired_check, stranger, yellow_index

CAUSE = "storage_degraded"


def slow_down(b: Builder) -> Told:
    """The store asks for less in waves: for some minutes most is refused, then it goes on as if nothing had been."""
    at_hour(b, 19.2)
    hourly_job(b)
    span = b.until_mended(b.onset_ms, every_s=420.0, on_s=b.between("on", 150, 190))
    hits = {
        "/api/upload/complete": b.between("share", 0.85, 0.95),
        "/api/upload/presign": 0.45,
        "/api/media/thumbnail": b.between("reads", 0.3, 0.4),
    }
    fx.fail(
        b,
        Fault(
            key="slow down",
            hits=hits,
            span=span,
            status=503,
            took_ms=2900.0,
            body={"success": False, "message": "Please retry"},
            entries=(
                Entry(
                    component="media",
                    texts=(
                        'SlowDown: Please reduce your request rate. {{"$fault":"client","$retryable":{{"throttling":'
                        'true}},"$metadata":{{"httpStatusCode":503,"attempts":3,"totalRetryDelay":{ms}}}}}',
                    ),
                ),
            ),
            tracked=Tracked(
                type="SlowDown", value="Please reduce your request rate.", culprit="send(@aws-sdk/client-s3)"
            ),
        ),
    )
    copies = Entry(
        service="upload",
        level="warn",
        component="copies",
        request=False,
        texts=(
            "copy of media/{hex} put back in the queue: SlowDown (503) host=s3.eu-central-2",
            "503 SlowDown, {n} waiting",
        ),
    )
    fx.say(b, "slow down copies", copies, 6.0, span)
    fx.silence(b, Silence(key="slow down", what="archive", span=span, share=0.6))
    failing_infra(b, "/infra/r2", span, 0.8)
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def late_bytes(b: Builder) -> Told:
    """Objects come, seconds late and ever later: grey tiles on the catalogue, hardly an error."""
    at_hour(b, 20.4)
    yellow_index(b)
    span = b.until_mended(b.onset_ms, ramp_s=2400.0)
    hits = {"/api/media/thumbnail": 0.75, "/api/upload/complete": 0.7}
    fx.slow(b, Slow(key="late bytes", hits=hits, span=span, add_ms=b.between("add", 5200, 7600), service="storage"))
    fx.fail(
        b,
        Fault(
            key="late bytes given up",
            hits={"/api/media/thumbnail": 0.05, "/api/upload/complete": 0.08},
            span=span,
            status=504,
            took_ms=15_000.0,
            body={"success": False, "message": "Timed out"},
            entries=(
                Entry(level="warn", component="media", texts=("abandoned {route}: body stalled after {long_ms} ms",)),
            ),
        ),
    )
    slow = Entry(
        service="upload",
        level="warn",
        component="r2",
        request=False,
        texts=(
            "R2 get media/{hex}/w640.webp ttfb={long_ms}ms budget=800ms",
            "object read slow media/{hex} size={size} took={slow_ms}ms",
        ),
    )
    fx.say(b, "late bytes", slow, 11.0, span)
    fx.vitals(b, span, {"lcp": (1.6, 1900.0)}, url=("/", "/pitches"))
    fx.answer(
        b,
        Behaviour(service="infra", path="/infra/r2", start_ms=span.start_ms, end_ms=span.end_ms, latency_ms=1600.0),
    )
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def full_drive(b: Builder) -> Told:
    """The store is full: reading goes on, nothing can be written, and so nothing of the log is kept there."""
    at_hour(b, 15.6)
    span = b.until_mended(b.onset_ms)
    hits = {"/api/upload/presign": 0.9, "/api/upload/complete": 0.97}
    words = "Storage backend has reached its minimum free drive threshold. Please delete a few objects to proceed."
    fx.fail(
        b,
        Fault(
            key="full drive",
            hits=hits,
            span=span,
            status=507,
            took_ms=54.0,
            body={"success": False, "message": "Upload failed"},
            entries=(
                Entry(
                    level="Fatal",
                    component="minio",
                    texts=(f"XMinioStorageFull: {words} (PUT media/{{hex}})", "PUT media/{hex} -> 507"),
                ),
            ),
            tracked=Tracked(type="XMinioStorageFull", value=words, culprit="putObject(src/upload/minio)", share=0.9),
        ),
    )
    fx.silence(b, Silence(key="full drive", what="archive", span=span))
    failing_infra(b, "/infra/r2", span, 0.95)
    return Told(services=("upload",), routes=tuple(hits), severity="P2")


def not_there_yet(b: Builder) -> Told:
    """What was stored a moment ago is not there when it is asked for: 404 where there is an object."""
    at_hour(b, 18.0)
    retired_check(b)
    span = b.until_mended(b.onset_ms, ramp_s=300.0)
    share = b.between("share", 0.32, 0.44)
    fx.fail(
        b,
        Fault(
            key="pictures not there",
            hits={"/api/media/thumbnail": share},
            span=span,
            status=404,
            took_ms=120.0,
            body={"success": False, "message": "No such picture"},
            entries=(
                Entry(
                    level="warn",
                    component="media",
                    texts=(
                        "NoSuchKey: The specified key does not exist. media/{hex} (stored {n} s ago, etag {hex})",
                        "list media/{hex}/ names 4 objects, get finds {small}",
                    ),
                ),
            ),
        ),
    )
    fx.fail(
        b,
        Fault(
            key="uploads not there",
            hits={"/api/upload/complete": share * 1.9},
            span=span,
            status=500,
            took_ms=2400.0,
            body={"success": False, "message": "Upload could not be verified"},
            entries=(
                Entry(
                    component="verify",
                    texts=("read after write failed: put media/{hex} 200, head 404 after {small} tries",),
                ),
            ),
            tracked=Tracked(
                type="NoSuchKey",
                value="The specified key does not exist.",
                culprit="verify(src/upload/complete)",
                share=0.9,
            ),
        ),
    )
    fx.silence(b, Silence(key="not there", what="archive", span=span, share=0.35))
    failing_infra(b, "/infra/r2", span, 0.45)
    return Told(services=("upload",), routes=("/api/upload/complete", "/api/media/thumbnail"), severity="P3")


SCENARIOS = (
    stranger(
        "odd_slow_down",
        "Object store asks for less, in waves",
        CAUSE,
        slow_down,
        ERRORS,
        onset_min=(27, 40),
        beside=("crawler_visit",),
    ),
    stranger(
        "odd_late_bytes",
        "Pictures come ever later",
        CAUSE,
        late_bytes,
        PAINT,
        onset_min=(42, 55),
        beside=("busy_evening",),
    ),
    stranger(
        "odd_full_drive",
        "Object store full",
        CAUSE,
        full_drive,
        ERRORS,
        onset_min=(20, 34),
        beside=("noisy_neighbour",),
    ),
    stranger(
        "odd_not_there_yet",
        "Stored and not to be found",
        CAUSE,
        not_there_yet,
        ERRORS,
        onset_min=(18, 30),
        beside=("unrelated_deployment",),
    ),
)
