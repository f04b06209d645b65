"""Caches that no longer help."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Slow, Span, Tracked
from ....causes._who import felt, owners
from ....scenario import Told
from ....world import Behaviour
from ..unseen_once._parts import CACHES, at_hour
from ._parts import deprecations, retired_check, stranger, usual_guessers

CAUSE = "cache_degraded"


def _load(b: Builder, span: Span, times: float, connections: float = 1.6) -> None:
    """Let the database answer what the cache should."""
    fx.database(
        b,
        span,
        queryCount=(times, 0.0),
        activeConnections=(connections, 0.5),
        avgQueryTime=(1.35, 3.0),
        p95QueryTime=(1.4, 10.0),
        p99QueryTime=(1.4, 24.0),
    )


def memory_full(b: Builder) -> Told:
    """Redis takes nothing new: what expires is not replaced. Over forty minutes all becomes slower, nothing fails."""
    at_hour(b, 18.2)
    deprecations(b)
    span = b.until_mended(b.onset_ms, ramp_s=2400.0)
    waits = fx.needing("cache", 0.9)
    add = b.between("add", 560, 760)
    fx.slow(b, Slow(key="memory full", hits=waits, span=span, factor=1.4, add_ms=add, service="cache"))
    refused = Entry(
        service="cache",
        level="WARN",
        component="redis",
        request=False,
        texts=(
            "ReplyError: OOM command not allowed when used memory > 'maxmemory'. SETEX browse:{hex}",
            "used_memory_rss over maxmemory, evicted_keys:0 policy:noeviction keyspace_misses:{id}",
        ),
    )
    fx.say(b, "memory full", refused, 26.0, span)
    _load(b, span, b.between("load", 2.3, 2.9))
    routes = tuple(path for path, share in waits.items() if share >= 0.5)
    return Told(services=("cache", *owners(routes)), routes=routes, severity="P3")


def loading(b: Builder) -> Told:
    """The cache server restarts every nine minutes and reads its memory back; meanwhile nobody gets an answer."""
    at_hour(b, 9.4)
    retired_check(b)
    span = b.until_mended(b.onset_ms, every_s=540.0, on_s=b.between("on", 190, 240))
    hits = fx.needing("cache", b.between("share", 0.16, 0.24))
    fx.fail(
        b,
        Fault(
            key="loading",
            hits=hits,
            span=span,
            status=503,
            took_ms=3100.0,
            body={"success": False, "message": "Please try again"},
            entries=(
                Entry(
                    service="cache",
                    component="redis",
                    request=False,
                    most_per_min=40,
                    texts=(
                        "LOADING Redis is loading the dataset in memory",
                        "[ioredis] Unhandled error event: Error: connect ECONNREFUSED 10.30.2.8:6379",
                    ),
                ),
                Entry(
                    component="lookup",
                    share=0.8,
                    texts=("{route} gave up: MaxRetriesPerRequestError after {ms} ms", "redis not ready for {route}"),
                ),
            ),
            tracked=Tracked(
                type="ReplyError",
                value="LOADING Redis is loading the dataset in memory",
                culprit="parseError(node_modules/redis-parser)",
            ),
        ),
    )
    waits = {p: s for p, s in fx.needing("cache", 1.2).items() if p not in fx.LIVE}
    fx.slow(b, Slow(key="loading", hits=waits, span=span, add_ms=900.0, service="cache"))
    _load(b, span, 2.1)
    return Told(services=("cache", *owners(felt(hits))), routes=felt(hits), severity="P2")


def one_place(b: Builder) -> Told:
    """KV is slow in one city of the edge, for a quarter of the people, since before anybody looked."""
    at_hour(b, 1.6)
    usual_guessers(b)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    hits = fx.needing("cache", 0.3)
    fx.slow(b, Slow(key="one place", hits=hits, span=span, add_ms=b.between("add", 2300, 3100), service="cache"))
    fx.fail(
        b,
        Fault(
            key="one place given up",
            hits=fx.needing("cache", 0.03),
            span=span,
            status=504,
            took_ms=5000.0,
            entries=(
                Entry(
                    service="api-gateway",
                    level="warn",
                    component="router",
                    texts=('{{"route":"{route}","wait":"kv.get","ms":{ms},"colo":"GRU","gave_up":true}}',),
                ),
            ),
        ),
    )
    line = Entry(
        service="api-gateway",
        level="warn",
        component="router",
        request=False,
        texts=(
            '{{"op":"kv.get","ns":"PITCH_CACHE","colo":"GRU","ms":{slow_ms},"hit":false}}',
            '{{"op":"kv.get","ns":"SESSIONS","colo":"GRU","ms":{slow_ms},"hit":true}}',
        ),
    )
    fx.say(b, "one place", line, 7.0, span)
    _load(b, span, 1.25, 1.2)
    fx.answer(
        b,
        Behaviour(
            service="infra", path="/infra/kv", start_ms=span.start_ms, end_ms=span.end_ms, share=0.3, latency_ms=2400.0
        ),
    )
    return Told(services=("cache", *owners(felt(hits))), routes=felt(hits), severity="P3")


def overloaded_object(b: Builder) -> Told:
    """The lists of the day live in one Durable Object, and it cannot keep up."""
    at_hour(b, 21.0)
    span = b.until_mended(b.onset_ms, ramp_s=150.0)
    share = b.between("share", 0.18, 0.28)
    hits = {"/api/pitches/trending": share, "/api/browse/genres": share, "/api/browse": share * 0.6}
    fx.fail(
        b,
        Fault(
            key="overloaded object",
            hits=hits,
            span=span,
            status=503,
            took_ms=1900.0,
            body={"success": False, "message": "Busy"},
            entries=(
                Entry(
                    service="cache",
                    component="hot-lists",
                    texts=(
                        "Error: Durable Object is overloaded. Requests queued for too long. (HotLists eu, {route})",
                        "Error: Durable Object storage operation exceeded timeout which caused object to be reset.",
                    ),
                ),
            ),
            tracked=Tracked(
                type="Error",
                value="Durable Object is overloaded. Requests queued for too long.",
                culprit="HotLists.get(src/cache/hot-lists)",
            ),
        ),
    )
    fx.slow(b, Slow(key="overloaded object", hits=fx.of(tuple(hits), 0.7), span=span, add_ms=1100.0, service="cache"))
    fallback = Entry(
        service="cache",
        level="warn",
        component="hot-lists",
        request=False,
        texts=("HotLists bypassed for list {hex}, reading rows instead", "HotLists alarm late by {slow_ms} ms"),
    )
    fx.say(b, "overloaded object", fallback, 9.0, span)
    _load(b, span, 1.5, 1.15)
    return Told(services=("cache", "pitch", "browse"), routes=tuple(hits), severity="P2")


SCENARIOS = (
    stranger(
        "odd_memory_full",
        "Cache keeps nothing new",
        CAUSE,
        memory_full,
        CACHES,
        onset_min=(44, 56),
        beside=("harmless_production_deployment",),
    ),
    stranger(
        "odd_cache_loading",
        "Cache server restarts in a circle",
        CAUSE,
        loading,
        (*CACHES, "error_rate"),
        onset_min=(33, 46),
        beside=("clock_skew",),
    ),
    stranger(
        "odd_one_place",
        "KV slow in one city, for hours",
        CAUSE,
        one_place,
        CACHES,
        onset_min=(95, 120),
        beside=("logs_lost",),
    ),
    stranger(
        "odd_overloaded_object",
        "The lists' Durable Object cannot keep up",
        CAUSE,
        overloaded_object,
        (*CACHES, "error_rate"),
        onset_min=(13, 22),
        beside=("busy_evening",),
    ),
)
