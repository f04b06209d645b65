"""Between our users and our code."""

from __future__ import annotations

from ... import effects as fx
from ...builder import MINUTE, Builder, Fault, Slow, Span, WorkerShift
from ...causes.edge import PLATFORM
from ...platform import ROUTES, SCRIPTS
from ...scenario import Told
from ...world import Behaviour, StatusIncident
from ._parts import OUTAGES, helpers_shipped, index_backlog, judged, local_hour, lost, pages_shipped, spoken

CAUSE = "cloudflare_incident"


def _edge_fails(
    b: Builder,
    span: Span,
    *,
    share: float,
    status: int,
    code: int,
    inside: float,
    add_ms: float,
    kv: str,
    helpers: float,
) -> Told:
    """
    Let the edge answer its own page for every route alike.

    Parameters
    ----------
    inside
        Part of the failures that reach the runtime and end as ``internalError``.
    helpers
        Share of the helper Workers' answers that fail, too.
    """
    for key, part, outcome in (("colo", 1 - inside, "none"), ("isolate", inside, "internalError")):
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
                took_ms=b.between(f"{key} took", 200, 1500),
            ),
        )
    fx.slow(b, Slow(key="colo", hits=fx.everything(0.3), span=span, add_ms=add_ms))
    for service in PLATFORM:
        page = Behaviour(
            service=service,
            path="",
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            share=helpers,
            status=status,
            kind="cloudflare_html",
            body=code,
        )
        fx.answer(b, page)
    for script, *_ in SCRIPTS:
        fx.worker(
            b,
            WorkerShift(
                script=script, span=span, traffic=1 - helpers * 0.7, outcome="internalError", share=helpers / 4
            ),
        )
    fx.say(b, "colo kv", spoken("cache", "kv", kv, level="warn"), b.between("kv", 1, 4), span)
    fx.vitals(b, span, {"ttfb": (1.7, add_ms), "lcp": (1.4, add_ms), "fcp": (1.4, add_ms)})
    return Told(services=("frontend", "api-gateway"), routes=tuple(r.path for r in ROUTES))


def _announced(b: Builder, name: str, components: tuple[str, ...], lag_min: float, impact: str = "major") -> None:
    start = b.onset_ms + int(lag_min * MINUTE)
    fx.status_page(b, StatusIncident(start_ms=start, end_ms=None, name=name, impact=impact, components=components))


def names_lost(b: Builder) -> Told:
    """The edge cannot resolve its own origins for a quarter of the people; the status page is prompt."""
    local_hour(b, 21.0)
    pages_shipped(b)
    span = b.until_mended(b.onset_ms, ramp_s=45.0)
    told = _edge_fails(
        b,
        span,
        share=b.between("share", 0.21, 0.31),
        status=530,
        code=1016,
        inside=0.05,
        add_ms=350.0,
        kv="PITCH_CACHE.get: fetch failed, error code: 1016, ref {hex}",
        helpers=0.12,
    )
    _announced(b, "Authoritative and internal DNS resolution failures", ("DNS", "Pages", "Workers"), 4.0)
    return Told(services=told.services, routes=told.routes, severity="P1")


def gusts(b: Builder) -> Told:
    """Every few minutes the whole edge answers 500 for a while, then all is well again; still being investigated."""
    local_hour(b, 11.7)
    index_backlog(b)
    span = b.until_mended(b.onset_ms, every_s=330.0, on_s=b.between("on", 130, 180))
    told = _edge_fails(
        b,
        span,
        share=b.between("share", 0.5, 0.72),
        status=500,
        code=500,
        inside=0.3,
        add_ms=600.0,
        kv="KV: Internal server error while reading, colo retry {small}",
        helpers=0.35,
    )
    _announced(
        b, "Intermittent internal server errors across the network", ("CDN/Cache", "Workers", "Bot Management"), 9.0
    )
    return Told(services=told.services, routes=told.routes, severity="P1")


def since_early(b: Builder) -> Told:
    """A small share everywhere for two hours already; the announcement names our continent."""
    local_hour(b, 8.8)
    helpers_shipped(b)
    span = b.until_mended(b.onset_ms, ramp_s=900.0)
    told = _edge_fails(
        b,
        span,
        share=b.between("share", 0.11, 0.17),
        status=524,
        code=524,
        inside=0.12,
        add_ms=1300.0,
        kv="read of PITCH_CACHE abandoned: backbone congestion, attempt {small}",
        helpers=0.08,
    )
    _announced(b, "Backbone congestion and packet loss in Western Europe", ("Network", "CDN/Cache", "Frankfurt"), 35.0)
    return Told(services=told.services, routes=told.routes, severity="P2")


def quiet_half(b: Builder) -> Told:
    """Half of everything ends at the edge, and half of the entries with it, because they go that way, too."""
    local_hour(b, 2.2)
    span = b.until_mended(b.onset_ms)
    told = _edge_fails(
        b,
        span,
        share=b.between("share", 0.45, 0.6),
        status=503,
        code=1200,
        inside=0.2,
        add_ms=200.0,
        kv="PITCH_CACHE: 1200 too many requests waiting at the edge",
        helpers=0.5,
    )
    lost(b, "quiet half", span, "unlogged", "metrics", share=0.5)
    _announced(b, "Workers and Pages: elevated errors", ("Workers", "Pages"), 16.0, "critical")
    return Told(services=told.services, routes=told.routes, severity="P1")


SCENARIOS = (
    judged(
        "road_names_lost",
        "The edge resolves no names",
        CAUSE,
        names_lost,
        OUTAGES,
        onset_min=(12, 20),
        beside=("crawler_visit",),
    ),
    judged("road_gusts", "Errors in gusts", CAUSE, gusts, OUTAGES, onset_min=(24, 36), beside=("few_typists",)),
    judged(
        "road_since_early",
        "A small share for two hours",
        CAUSE,
        since_early,
        OUTAGES,
        onset_min=(105, 125),
        beside=("slow_sidekick",),
    ),
    judged(
        "road_quiet_half",
        "Half of everything, entries as well",
        CAUSE,
        quiet_half,
        OUTAGES,
        onset_min=(18, 26),
        beside=("logs_unseen",),
        seeds=1,
    ),
)
