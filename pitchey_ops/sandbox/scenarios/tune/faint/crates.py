"""Stores that answer late, forget, are full, or hang up."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Silence, Slow, Tracked
from ....scenario import Told
from ....world import Behaviour
from ..second_sight._parts import CACHES, ERRORS, at_hour, calls_home, grey_library, site_fine, stranger, told

CAUSE = "storage_degraded"
MEDIA, DONE, PRESIGN = "/api/media/thumbnail", "/api/upload/complete", "/api/upload/presign"


def first_byte(b: Builder) -> Told:
    """Nothing fails: each object's first byte takes two seconds more than it did."""
    at_hour(b, 20.7)
    site_fine(b)
    span = b.until_mended(b.onset_ms, ramp_s=400.0)
    waits = {MEDIA: 0.85, DONE: 0.9, PRESIGN: 0.8}
    add_ms = b.between("add", 1600, 2300)
    fx.slow(b, Slow(key="first byte", hits=waits, span=span, factor=1.4, add_ms=add_ms, service="storage"))
    told(
        b,
        "first byte says",
        "upload",
        "objects",
        6.0,
        span,
        "GetObject media/{hex}: time to first byte {slow_ms} ms (budget 250)",
        "HeadObject films/{hex} took {slow_ms} ms, answered",
        level="warn",
    )
    return Told(services=("upload",), routes=tuple(waits), severity="P3")


def not_yet_there(b: Builder) -> Told:
    """What was put a moment ago is not found when it is asked for; minutes later it is."""
    at_hour(b, 15.1)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    hits = {DONE: b.between("share", 0.38, 0.5), MEDIA: 0.12}
    words = "NoSuchKey: The specified key does not exist."
    fx.fail(
        b,
        Fault(
            key="not yet there",
            hits=hits,
            span=span,
            status=500,
            took_ms=820.0,
            body={"success": False, "message": "Die Datei wurde nicht gefunden"},
            entries=(
                Entry(
                    component="boto3",
                    texts=(
                        f"{words} (HeadObject films/{{hex}}, put {{small}} s ago with 200)",
                        "consistency: key media/{hex} missing {small} s after its put, listed after {waiting} s",
                    ),
                ),
            ),
            tracked=Tracked(type="ClientError", value=words, culprit="botocore.client in _make_api_call"),
        ),
    )
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def no_room(b: Builder) -> Told:
    """The bucket has reached its quota: nothing can be put, everything can be read."""
    at_hour(b, 9.8)
    grey_library(b)
    span = b.until_mended(b.onset_ms)
    hits = {DONE: 0.93, PRESIGN: b.between("share", 0.2, 0.3)}
    words = "QuotaExceeded: bucket pitchey-films has 20.0 TB of 20.0 TB"
    fx.fail(
        b,
        Fault(
            key="no room",
            hits=hits,
            span=span,
            status=507,
            took_ms=140.0,
            body={"success": False, "message": "Upload impossible pour le moment"},
            entries=(Entry(component="minio", texts=(f"{words}, PutObject films/{{hex}} refused",)),),
            tracked=Tracked(type="S3Error", value=words, culprit="putObject(minio/internal/client)"),
        ),
    )
    fx.silence(b, Silence(key="no room", what="archive", span=span, share=0.9))
    return Told(services=("upload",), routes=tuple(hits), severity="P3")


def hangs_up(b: Builder) -> Told:
    """The gateway of the store hangs up in bursts, on readers and writers alike."""
    at_hour(b, 12.0)
    calls_home(b)
    span = b.until_mended(b.onset_ms, every_s=420.0, on_s=b.between("on", 200, 260))
    hits = fx.needing("storage", b.between("share", 0.3, 0.42))
    words = "read tcp 10.8.3.14:51822->10.8.40.2:443: read: connection reset by peer"
    fx.fail(
        b,
        Fault(
            key="hangs up",
            hits=hits,
            span=span,
            status=502,
            took_ms=2600.0,
            entries=(
                Entry(
                    component="gcs",
                    texts=(
                        f'googleapi: Get "https://storage.internal/pitchey-media/{{hex}}": {words}',
                        "storage: object films/{hex}: unexpected EOF after {id} bytes, retry {small} of 3",
                    ),
                ),
            ),
            tracked=Tracked(type="*url.Error", value=words, culprit="(*Client).do"),
        ),
    )
    fx.answer(
        b,
        Behaviour(
            service="infra", path="/infra/r2", start_ms=span.start_ms, end_ms=span.end_ms, share=0.35, status=500
        ),
    )
    return Told(services=("upload",), routes=(MEDIA, DONE), severity="P3")


SCENARIOS = (
    stranger("faint_first_byte", "A late first byte", CAUSE, first_byte, CACHES, onset_min=(26, 40)),
    stranger("faint_not_yet_there", "Not yet there", CAUSE, not_yet_there, ERRORS, onset_min=(20, 36)),
    stranger("faint_no_room", "No room", CAUSE, no_room, ERRORS, onset_min=(14, 26), beside=("crawler_visit",)),
    stranger("faint_hangs_up", "A gateway that hangs up", CAUSE, hangs_up, ERRORS, onset_min=(30, 46)),
)
