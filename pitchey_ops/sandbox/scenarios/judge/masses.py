"""More requests than anybody meant to serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ... import effects as fx
from ...builder import Builder, Crowd, Fault, Slow, Span, WorkerShift
from ...causes._who import owners
from ...scenario import Told
from ._parts import (
    AGENTS,
    MASSES,
    api_issue,
    dwellings,
    judged,
    left,
    local_hour,
    loud_analytics,
    spoken,
    warp_trouble,
)

CAUSE = "traffic_flood"


def _storm(
    b: Builder,
    span: Span,
    rates: Mapping[str, float],
    *,
    addresses: Sequence[str],
    agents: Sequence[str],
    urls: Mapping[str, tuple[str, ...]],
    method: str = "GET",
    blocked: float,
    refused: float,
    broken: float,
    limit: str,
    shed: str,
    title: str,
    load: float,
) -> None:
    """Send *rates* requests a minute by route; part is stopped, part refused, and everybody else waits."""
    for path, per_min in rates.items():
        ok = {"/ws": 101, "/api/analytics/track": 204}.get(path, 200)
        fx.crowd(
            b,
            Crowd(
                key=f"storm {path}",
                route=path,
                per_min=per_min,
                span=span,
                addresses=addresses,
                agents=agents,
                urls=urls.get(path, ()),
                method=method,
                outcomes={ok: 1 - refused - broken, 429: refused, 503: broken},
                logged=0.05,
                blocked=blocked,
                rule="ratelimit-zone" if blocked else "",
                took_ms=240.0,
                entries=(
                    left(limit, service="api-gateway", component="limits", level="warn", share=0.4, request=False),
                ),
            ),
        )
    fx.fail(
        b,
        Fault(
            key="storm",
            hits=fx.in_worker(broken * 0.8),
            span=span,
            status=503,
            took_ms=1900.0,
            body={"success": False, "message": "Server busy, please retry"},
            entries=(left(shed, service="api-gateway", component="admission", most_per_min=25),),
            tracked=api_issue(title, "admit(src/gateway/admission)", 0.3),
        ),
    )
    fx.slow(b, Slow(key="storm", hits=fx.in_worker(0.7), span=span, factor=1.8, add_ms=b.between("wait", 250, 500)))
    fx.database(b, span, queryCount=(load, 0.0), activeConnections=(1.8, 2.0), p95QueryTime=(1.7, 30.0))
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=span, cpu=1.2))


def hotlinked(b: Builder) -> Told:
    """A news site shows our pictures straight from us, and its readers come by the thousand."""
    local_hour(b, 17.0)
    times = b.between("times", 900, 1400)
    _storm(
        b,
        b.until_mended(b.onset_ms, ramp_s=420.0),
        {"/api/media/thumbnail": times, "/pitches": times * 0.25},
        addresses=dwellings(b, "readers", 3800),
        agents=AGENTS,
        urls={
            "/api/media/thumbnail": (
                "/api/media/thumbnail?pitch={id}&ref=newsportal",
                "/api/media/thumbnail?pitch=40117",
            )
        },
        blocked=0.0,
        refused=0.3,
        broken=b.between("broken", 0.07, 0.13),
        limit="{ip} over the picture budget: {waiting} in the current minute, 429 sent",
        shed="admission: {waiting} requests parked, {route} sent away",
        title="AdmissionError: request parked too long",
        load=1.3,
    )
    return Told(
        services=("api-gateway", *owners(("/api/media/thumbnail",))), routes=("/api/media/thumbnail",), severity="P2"
    )


def beacons(b: Builder) -> Told:
    """Machines post to the open beacon route, thousands a minute, before dawn."""
    local_hour(b, 5.2)
    loud_analytics(b)
    _storm(
        b,
        b.until_mended(b.onset_ms, ramp_s=15.0),
        {"/api/analytics/track": b.between("rate", 2400, 3600)},
        addresses=fx.strangers(b, "beacons", 2100),
        agents=("", "python-requests/2.28.1", "fasthttp", "Mozilla/5.0"),
        urls={"/api/analytics/track": ("/api/analytics/track?v={hex}",)},
        method="POST",
        blocked=0.08,
        refused=0.42,
        broken=b.between("broken", 0.12, 0.2),
        limit="beacon quota: {ip} posted {waiting} times in 10 s",
        shed="event loop lag {slow_ms} ms, {method} {route} rejected",
        title="EventLoopLag: request rejected",
        load=1.9,
    )
    return Told(services=("api-gateway", "analytics"), routes=("/api/analytics/track",), severity="P2")


def reconnecting(b: Builder) -> Told:
    """Our own pages lost their sockets together and knock again together, every minute, without patience."""
    local_hour(b, 19.9)
    warp_trouble(b)
    rate = b.between("rate", 1500, 2200)
    _storm(
        b,
        b.until_mended(b.onset_ms, every_s=60.0, on_s=26.0),
        {"/ws": rate, "/api/messages": rate * 0.6},
        addresses=dwellings(b, "reconnecting", 2900),
        agents=AGENTS,
        urls={"/ws": ("/ws?room={room}&attempt={n}",), "/api/messages": ("/api/messages?since={id}",)},
        blocked=0.0,
        refused=0.38,
        broken=b.between("broken", 0.1, 0.16),
        limit="handshake limiter: {ip} tried {waiting} times since the last minute",
        shed="too many handshakes at once ({waiting}), {route} postponed",
        title="HandshakeOverflow: too many handshakes at once",
        load=1.5,
    )
    again = spoken("websocket", "rooms", "reconnect storm in {room}: {waiting} joins within 10 s", level="warn")
    fx.say(b, "reconnecting", again, 5.0, b.until_mended(b.onset_ms))
    return Told(services=("api-gateway", "websocket", "messaging"), routes=("/ws", "/api/messages"), severity="P2")


SCENARIOS = (
    judged(
        "mass_hotlinked",
        "Another site's readers load our pictures",
        CAUSE,
        hotlinked,
        MASSES,
        onset_min=(20, 30),
        beside=("busy_evening",),
    ),
    judged(
        "mass_beacons", "Beacons by the thousand", CAUSE, beacons, MASSES, onset_min=(8, 14), beside=("logs_unseen",)
    ),
    judged(
        "mass_reconnecting",
        "Sockets knock together",
        CAUSE,
        reconnecting,
        MASSES,
        onset_min=(14, 24),
        beside=("slow_sidekick",),
        seeds=3,
    ),
)
