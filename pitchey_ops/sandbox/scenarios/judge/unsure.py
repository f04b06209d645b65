"""Something is wrong, and whoever could say what it is keeps silent: nobody should claim to know."""

from ... import effects as fx
from ...builder import Builder, Fault, Slow
from ...scenario import Told
from ._parts import (
    FAILURES,
    OUTAGES,
    STORES,
    door_rattling,
    index_backlog,
    judged,
    local_hour,
    lost,
    old_clients,
    other_peoples_scripts,
    warp_trouble,
)


def tills(b: Builder) -> Told:
    """Two of five payments end in a bare 500; whatever payments and database log is lost on the way."""
    local_hour(b, 18.1)
    warp_trouble(b)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    paths = ("/api/payments/checkout", "/api/payments/webhook", "/api/investor/interest")
    hits = fx.of(paths, b.between("share", 0.36, 0.5))
    fx.fail(b, Fault(key="tills", hits=hits, span=span, status=500, took_ms=700.0))
    lost(b, "tills", span, "unlogged", services=("payments", "database", "investor", "api-gateway"))
    lost(b, "tills figures", span, "metrics", "db_posts")
    return Told(services=("payments", "investor"), routes=paths, severity="P2")


def breathing(b: Builder) -> Told:
    """The whole site takes two seconds longer for two minutes in five; no entry, no figure, no issue says why."""
    local_hour(b, 13.7)
    old_clients(b)
    span = b.until_mended(b.onset_ms, every_s=300.0, on_s=130.0)
    hits = fx.in_worker(0.9)
    fx.slow(b, Slow(key="breathing", hits=hits, span=span, add_ms=b.between("add", 1900, 2900)))
    lost(b, "breathing", b.until_mended(b.onset_ms), "unlogged", "metrics", "db_posts")
    return Told(services=("api-gateway",), routes=tuple(hits), severity="P2")


def files(b: Builder) -> Told:
    """Files cannot be sent or fetched, two things were deployed in one minute, and nothing is written down."""
    local_hour(b, 9.2)
    for script, message in (("pitchey-migrations", "0086 media tables"), (fx.PRODUCTION, "thumbnails: new presets")):
        fx.deploy(b, script, b.onset_ms - 11 * 60_000, message)
    span = b.until_mended(b.onset_ms, ramp_s=30.0)
    paths = ("/api/upload/presign", "/api/upload/complete", "/api/media/thumbnail")
    fx.fail(
        b,
        Fault(key="files", hits=fx.of(paths, b.between("share", 0.4, 0.6)), span=span, status=500, took_ms=220.0),
    )
    lost(b, "files", span, "logs", "archive", "metrics", "db_posts")
    return Told(services=("upload",), routes=paths, severity="P2")


def doors(b: Builder) -> Told:
    """Half of those who sign in or sign up are answered with a bare 503, and the entries of it were never sent."""
    local_hour(b, 21.9)
    door_rattling(b)
    other_peoples_scripts(b)
    span = b.until_mended(b.onset_ms)
    paths = ("/api/auth/login", "/api/auth/refresh", "/api/auth/register")
    fx.fail(
        b,
        Fault(key="doors", hits=fx.of(paths, b.between("share", 0.45, 0.6)), span=span, status=503, took_ms=1800.0),
    )
    lost(b, "doors", span, "unlogged", services=("auth", "database", "cache", "api-gateway"))
    lost(b, "doors figures", span, "metrics", "db_posts")
    return Told(services=("auth",), routes=paths, severity="P1")


def rooms(b: Builder) -> Told:
    """Rooms and inbox fail for a third, in silence."""
    local_hour(b, 16.0)
    index_backlog(b)
    span = b.until_mended(b.onset_ms, ramp_s=240.0)
    paths = ("/ws", "/api/messages", "/api/notifications")
    fx.fail(
        b,
        Fault(key="rooms", hits=fx.of(paths, b.between("share", 0.3, 0.44)), span=span, status=502, took_ms=90.0),
    )
    lost(b, "rooms", span, "unlogged", "metrics", "db_posts")
    return Told(services=("messaging", "websocket", "notification"), routes=paths, severity="P2")


SCENARIOS = (
    judged(
        "unsure_tills",
        "Payments fail, nothing is written down",
        "database_slow",
        tills,
        FAILURES,
        onset_min=(16, 28),
        inconclusive_is_right=True,
        seeds=1,
    ),
    judged(
        "unsure_breathing",
        "Slow for two minutes in five, in silence",
        "cache_degraded",
        breathing,
        STORES,
        onset_min=(22, 34),
        inconclusive_is_right=True,
        seeds=1,
    ),
    judged(
        "unsure_files",
        "Files fail, two deployments, no words",
        "storage_degraded",
        files,
        FAILURES,
        onset_min=(14, 24),
        inconclusive_is_right=True,
        seeds=1,
    ),
    judged(
        "unsure_doors",
        "Half of the sign-ins fail in silence",
        "auth_fault",
        doors,
        FAILURES,
        onset_min=(12, 20),
        inconclusive_is_right=True,
        seeds=1,
    ),
    judged(
        "unsure_rooms",
        "Rooms fail in silence",
        "worker_limits",
        rooms,
        OUTAGES,
        onset_min=(18, 30),
        inconclusive_is_right=True,
        seeds=1,
    ),
)
