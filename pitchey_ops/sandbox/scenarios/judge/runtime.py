"""The runtime has limits, and we met them."""

from ... import effects as fx
from ...builder import Builder, Fault, Slow, WorkerShift
from ...causes._who import owners
from ...scenario import Told
from ._parts import (
    RUNTIME,
    api_issue,
    judged,
    left,
    local_hour,
    morning_blip,
    other_peoples_scripts,
    pages_shipped,
    slow_pictures,
    spoken,
)

CAUSE = "worker_limits"


def ranking(b: Builder) -> Told:
    """Ranking needs more computing time with every pitch; now the longest lists are cut off, more and more."""
    local_hour(b, 19.6)
    morning_blip(b)
    paths = ("/api/pitches/search", "/api/pitches/trending")
    span = b.until_mended(b.onset_ms, ramp_s=1300.0)
    hits = fx.of(paths, b.between("share", 0.34, 0.5))
    fx.fail(
        b,
        Fault(
            key="ranking",
            hits=hits,
            span=span,
            status=503,
            page="cloudflare_html",
            body=1102,
            outcome="exceededResources",
            took_ms=3400.0,
            entries=(
                left(
                    "Worker exceeded CPU time limit. ({method} {route}, ray {hex})",
                    service="api-gateway",
                    component="dispatch",
                    share=0.4,
                    most_per_min=20,
                ),
            ),
            tracked=api_issue("Error: Worker exceeded CPU time limit.", "rank(src/pitch/rank)", 0.2),
        ),
    )
    fx.slow(b, Slow(key="ranking", hits=fx.of(paths, 0.7), span=span, factor=3.0, add_ms=250.0))
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=span, cpu=b.between("cpu", 2.2, 3.0)))
    return Told(services=owners(paths), routes=paths, severity="P2")


def errands(b: Builder) -> Told:
    """Two pages run so many errands for one request that the runtime forbids the rest."""
    local_hour(b, 9.9)
    other_peoples_scripts(b)
    pages_shipped(b)
    paths = ("/api/creator/dashboard", "/api/investor/portfolio")
    span = b.until_mended(b.onset_ms, ramp_s=80.0)
    fx.fail(
        b,
        Fault(
            key="errands",
            hits=fx.of(paths, b.between("share", 0.3, 0.46)),
            span=span,
            status=500,
            page="cloudflare_html",
            body=1101,
            outcome="scriptThrewException",
            took_ms=1700.0,
            entries=(
                left(
                    "Error: Too many subrequests by single Worker invocation. (limit 1000, {route})",
                    "{user}: widget {small} of 9 not loaded, subrequest limit reached",
                    component="widgets",
                ),
            ),
            tracked=api_issue(
                "Error: Too many subrequests by single Worker invocation.", "load(src/dashboard/widgets)"
            ),
        ),
    )
    fx.slow(b, Slow(key="errands", hits=fx.of(paths, 0.8), span=span, factor=4.0, add_ms=500.0))
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=span, cpu=1.4))
    return Told(services=owners(paths), routes=paths, severity="P2")


def crowded_rooms(b: Builder) -> Told:
    """A screening with too many guests for one object: its isolate runs out of memory, again and again."""
    local_hour(b, 21.5)
    slow_pictures(b)
    paths = ("/ws", "/api/messages")
    span = b.until_mended(b.onset_ms, every_s=150.0, on_s=b.between("on", 85, 110))
    fx.fail(
        b,
        Fault(
            key="crowded rooms",
            hits={"/ws": b.between("share", 0.6, 0.8), "/api/messages": 0.35},
            span=span,
            status=503,
            page="cloudflare_html",
            body=1102,
            outcome="exceededResources",
            took_ms=2200.0,
            entries=(
                left(
                    "Error: Durable Object's isolate exceeded its memory limit and was reset. room={room}",
                    "Durable Object is overloaded. Requests queued for too long. ({route})",
                    service="websocket",
                    component="rooms",
                ),
            ),
            tracked=api_issue(
                "Error: Durable Object's isolate exceeded its memory limit and was reset.",
                "fetch(src/rooms/object)",
                0.5,
            ),
        ),
    )
    born = spoken("websocket", "rooms", "room {room} constructed again, {waiting} sockets to be restored", level="warn")
    fx.say(b, "crowded rooms", born, 4.0, span)
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=span, cpu=1.5))
    return Told(services=("websocket", "messaging"), routes=paths, severity="P2")


SCENARIOS = (
    judged(
        "bound_ranking",
        "Ranking takes too much computing",
        CAUSE,
        ranking,
        RUNTIME,
        onset_min=(34, 46),
        beside=("unrelated_deployment",),
    ),
    judged(
        "bound_errands",
        "Too many errands for one request",
        CAUSE,
        errands,
        RUNTIME,
        onset_min=(12, 20),
        beside=("clock_skew",),
    ),
    judged(
        "bound_rooms",
        "Rooms too crowded for one object",
        CAUSE,
        crowded_rooms,
        RUNTIME,
        onset_min=(20, 32),
        beside=("few_typists", "logs_lost"),
        seeds=3,
    ),
)
