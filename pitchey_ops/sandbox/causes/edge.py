"""What can be wrong at Cloudflare, in the Worker's runtime and its stores, and with the crowd outside."""

from __future__ import annotations

from .. import effects as fx
from ..builder import MINUTE, Builder, Crowd, Entry, Fault, Silence, Slow, Tracked, WorkerShift
from ..entries import addresses
from ..platform import BROWSERS, ROUTES, SCRIPTS
from ..scenario import Told
from ..world import Behaviour, StatusIncident
from ._who import felt, owners

PLATFORM = ("logs", "apm", "infra", "monitoring", "security", "alerts")


def cloudflare(
    b: Builder,
    *,
    share: float,
    status: int,
    code: int,
    incident: str,
    components: tuple[str, ...],
    impact: str = "major",
    lag_min: float | None = 6.0,
    lasts_min: float | None = None,
    ramp_s: float = 30.0,
    severity: str = "P1",
) -> Told:
    """
    The edge fails for pages, assets and API alike, before the Worker is reached.

    Parameters
    ----------
    lag_min
        Minutes until the status page says so; None: not yet.
    lasts_min
        Minutes until Cloudflare has mended it; None: beyond the world.
    """
    end = None if lasts_min is None else b.onset_ms + int(lasts_min * MINUTE)
    span = b.until_mended(b.onset_ms, end, ramp_s=ramp_s)

    for key, part, outcome in (("edge", 0.8, "none"), ("runtime", 0.2, "internalError")):
        fx.fail(
            b,
            Fault(
                key=key,
                hits=fx.everything(share * part),
                span=span,
                status=status,
                page="cloudflare_html",
                body=code,
                outcome=outcome,
                took_ms=900.0,
            ),
        )
    fx.slow(b, Slow(key="edge", hits=fx.everything(0.4), span=span, factor=1.6, add_ms=250.0))
    for service in PLATFORM:
        fx.answer(
            b,
            Behaviour(
                service=service,
                path="",
                start_ms=span.start_ms,
                end_ms=span.end_ms,
                share=share * 0.5,
                status=status,
                kind="cloudflare_html",
                body=code,
            ),
        )
    for script, *_ in SCRIPTS:
        fx.worker(
            b,
            WorkerShift(script=script, span=span, traffic=1 - share * 0.6, outcome="internalError", share=share * 0.2),
        )
    entry = Entry(
        service="cache", component="kv", texts=("kv get failed: internal error; reference = {hex}",), request=False
    )
    fx.say(b, "edge kv", entry, 3.0, span)
    fx.vitals(b, span, {"ttfb": (2.2, 200.0), "fcp": (1.6, 200.0), "lcp": (1.6, 300.0)})
    if lag_min is not None:
        fx.status_page(
            b,
            StatusIncident(
                start_ms=b.onset_ms + int(lag_min * MINUTE),
                end_ms=None if end is None else end + 10 * MINUTE,
                name=incident,
                impact=impact,
                components=components,
                component_status="major_outage" if impact == "critical" else "partial_outage",
            ),
        )
    return Told(services=("frontend", "api-gateway"), routes=tuple(r.path for r in ROUTES), severity=severity)


def flood(
    b: Builder,
    *,
    paths: tuple[str, ...],
    times: float,
    count: int,
    agents: tuple[str, ...],
    ramp_s: float = 90.0,
    blocked: float = 0.25,
    refused: float = 0.35,
    broken: float = 0.12,
    severity: str = "P2",
    strangers: bool = True,
) -> Told:
    """Many times the ordinary traffic from many addresses; limits refuse part of it, everybody waits."""
    span = b.until_mended(b.onset_ms, ramp_s=ramp_s)
    people = fx.strangers(b, "flood", count) if strangers else addresses(count, b.rng("flood people"))
    normal = 110.0
    for path in paths:
        fx.crowd(
            b,
            Crowd(
                key=f"flood {path}",
                route=path,
                per_min=normal * times / len(paths),
                span=span,
                addresses=people,
                agents=agents,
                urls=(path + "?q={hex}", path + "?page={n}", path),
                logged=0.06,
                blocked=blocked,
                rule="ratelimit-all" if blocked else "",
                took_ms=300.0,
                outcomes={200: 1 - refused - broken, 429: refused, 503: broken},
                entries=(
                    Entry(
                        service="api-gateway",
                        level="warn",
                        component="limits",
                        share=0.5,
                        request=False,
                        texts=("rate limit exceeded for {ip}: {waiting} requests in 60 s",),
                    ),
                ),
            ),
        )
    fx.fail(
        b,
        Fault(
            key="flood",
            hits=fx.in_worker(broken),
            span=span,
            status=503,
            took_ms=2500.0,
            body={"success": False, "message": "Too busy"},
            entries=(
                Entry(
                    service="api-gateway",
                    component="router",
                    level="error",
                    texts=("overloaded: {waiting} requests in flight, shedding {route}",),
                    most_per_min=25,
                ),
            ),
            tracked=Tracked(
                type="Overloaded", value="too many requests in flight", culprit="admit(src/gateway/limits)"
            ),
        ),
    )
    fx.slow(b, Slow(key="flood", hits=fx.in_worker(0.8), span=span, factor=2.4, add_ms=300.0))
    fx.database(
        b,
        span,
        queryCount=(1 + times * 0.35, 0.0),
        activeConnections=(2.0, 2.0),
        avgQueryTime=(1.8, 8.0),
        p95QueryTime=(2.0, 40.0),
        p99QueryTime=(2.0, 90.0),
    )
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=span, cpu=1.3))
    return Told(services=("api-gateway", *owners(paths)), routes=paths, severity=severity)


def worker_limits(
    b: Builder,
    *,
    paths: tuple[str, ...],
    share: float,
    ramp_s: float,
    cpu: float,
    texts: tuple[str, ...],
    code: int = 1102,
    severity: str = "P2",
    memory: bool = False,
    lead: str = "",
) -> Told:
    """The runtime ends requests that need too much: no entry of their own, the edge's page, exceededResources."""
    if lead:
        fx.deploy(b, fx.PRODUCTION, b.onset_ms - 3 * MINUTE, lead)
    span = b.until_mended(b.onset_ms, ramp_s=ramp_s)
    hits = fx.of(paths, share)
    fx.fail(
        b,
        Fault(
            key="limits",
            hits=hits,
            span=span,
            status=503,
            page="cloudflare_html",
            body=code,
            outcome="exceededResources",
            took_ms=5200.0 if memory else 2600.0,
            entries=(Entry(service="api-gateway", component="router", share=0.35, texts=texts, most_per_min=20),),
            tracked=Tracked(
                type="Error",
                value="Worker exceeded memory limit" if memory else "Worker exceeded CPU time limit",
                culprit="fetch(src/worker)",
                share=0.15,
            ),
        ),
    )
    fx.slow(b, Slow(key="limits", hits=fx.of(paths, 0.6), span=span, factor=2.0, add_ms=150.0))
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=span, cpu=cpu))
    return Told(services=owners(paths), routes=paths, severity=severity)


def cache(
    b: Builder,
    *,
    texts: tuple[str, ...],
    failing: float,
    add_ms: float,
    load: float,
    ramp_s: float = 45.0,
    latency_ms: float = 450.0,
    severity: str = "P3",
) -> Told:
    """KV answers late or not at all: everything goes to the database, which bears it, slower."""
    span = b.until_mended(b.onset_ms, ramp_s=ramp_s)
    waits = fx.needing("cache", 0.9)
    fx.slow(b, Slow(key="cache", hits=waits, span=span, factor=1.4, add_ms=add_ms, service="cache"))
    fx.fail(
        b,
        Fault(
            key="cache",
            hits=fx.needing("cache", failing),
            span=span,
            status=503,
            took_ms=1500.0,
            entries=(Entry(texts=("no cached answer and no time left for {route}",), component="handler"),),
            tracked=Tracked(type="CacheUnavailable", value="kv did not answer", culprit="read(src/cache/kv)"),
        ),
    )
    entry = Entry(service="cache", level="error", component="kv", texts=texts, request=False)
    fx.say(b, "cache", entry, 22.0, span)
    miss = Entry(
        service="cache",
        level="warn",
        component="kv",
        request=False,
        texts=("cache miss key=pitch:{id}, read through", "hit rate of the last minute {small} percent"),
    )
    fx.say(b, "cache misses", miss, 18.0, span)
    fx.database(
        b,
        span,
        queryCount=(load, 0.0),
        activeConnections=(1.7, 1.0),
        avgQueryTime=(1.4, 3.0),
        p95QueryTime=(1.5, 12.0),
        p99QueryTime=(1.5, 30.0),
    )
    fx.answer(
        b,
        Behaviour(service="infra", path="/infra/kv", start_ms=span.start_ms, end_ms=span.end_ms, latency_ms=latency_ms),
    )
    fx.answer(
        b,
        Behaviour(
            service="infra", path="/infra/kv", start_ms=span.start_ms, end_ms=span.end_ms, share=0.35, status=500
        ),
    )
    return Told(services=("cache", *owners(felt(waits, 0.5))), routes=felt(waits, 0.5), severity=severity)


def storage(
    b: Builder,
    *,
    share: float,
    texts: tuple[str, ...],
    caller_texts: tuple[str, ...],
    archive_lost: float = 0.4,
    ramp_s: float = 30.0,
    took_ms: float = 3000.0,
    status: int = 502,
    severity: str = "P3",
) -> Told:
    """R2 fails: uploads and thumbnails break, and the log archive, which lies there too, has holes."""
    span = b.until_mended(b.onset_ms, ramp_s=ramp_s)
    hits = fx.needing("storage", share)
    fx.fail(
        b,
        Fault(
            key="storage",
            hits=hits,
            span=span,
            status=status,
            took_ms=took_ms,
            body={"success": False, "message": "Upload failed"},
            entries=(
                Entry(service="upload", component="r2", texts=texts),
                Entry(component="handler", texts=caller_texts, share=0.7),
            ),
            tracked=Tracked(
                type="R2Error", value=texts[0].split(" key")[0].split(" {")[0], culprit="put(src/upload/r2)"
            ),
        ),
    )
    fx.slow(
        b, Slow(key="storage", hits=fx.needing("storage", 0.6), span=span, factor=1.3, add_ms=900.0, service="storage")
    )
    if archive_lost:
        fx.silence(b, Silence(key="storage", what="archive", span=span, share=archive_lost))
    for path in ("/infra/r2",):
        fx.answer(
            b, Behaviour(service="infra", path=path, start_ms=span.start_ms, end_ms=span.end_ms, share=0.7, status=500)
        )
    return Told(services=("upload",), routes=felt(hits), severity=severity)


BOT_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/118.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/109.0.0.0 Safari/537.36",
    "Go-http-client/2.0",
    "okhttp/4.9.3",
)
PEOPLE_AGENTS = tuple(agent for agent, _ in BROWSERS)
