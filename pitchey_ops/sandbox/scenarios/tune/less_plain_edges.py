"""Cloudflare, crowds, stores and limits, less plainly."""

from ... import effects as fx
from ...builder import Builder, Fault, Silence
from ...causes import edge
from ...scenario import Scenario, Told

RUNBOOKS = ("triage", "outage", "error_rate")


def unannounced(b: Builder) -> Told:
    """Cloudflare fails and its status page does not say so yet."""
    return edge.cloudflare(
        b, share=b.between("share", 0.35, 0.6), status=522, code=522, incident="", components=(), lag_min=None
    )


def brief(b: Builder) -> Told:
    """A sixth of everything, for a few minutes, announced as Workers trouble."""
    return edge.cloudflare(
        b,
        share=b.between("share", 0.14, 0.22),
        status=500,
        code=1105,
        incident="Workers: increased errors",
        impact="minor",
        components=("Workers",),
        lag_min=2.0,
        lasts_min=b.between("lasts", 8, 10),
        severity="P2",
    )


def viral(b: Builder) -> Told:
    """Everybody wants to see one pitch: real people, far too many of them."""
    return edge.flood(
        b,
        paths=("/api/pitches", "/api/pitches/trending", "/pitches"),
        times=b.between("times", 5, 8),
        count=4000,
        agents=edge.PEOPLE_AGENTS,
        ramp_s=240.0,
        blocked=0.0,
        refused=0.2,
        broken=b.between("broken", 0.08, 0.16),
        strangers=False,
    )


def creeping(b: Builder) -> Told:
    """A flood that grows for ten minutes, against one costly route."""
    return edge.flood(
        b,
        paths=("/api/pitches/search",),
        times=b.between("times", 8, 14),
        count=900,
        agents=("okhttp/4.12.0", "Java/21.0.2"),
        ramp_s=600.0,
        blocked=0.1,
        refused=0.45,
        broken=0.1,
    )


def cold(b: Builder) -> Told:
    """The cache was emptied: nothing fails, everything asks the database."""
    return edge.cache(
        b,
        failing=0.004,
        add_ms=b.between("add", 500, 800),
        load=b.between("load", 2.4, 3.0),
        latency_ms=180.0,
        texts=("namespace read took {slow_ms} ms, serving without cache", "kv list incomplete, {n} keys missing"),
    )


def late_storage(b: Builder) -> Told:
    """R2 answers, much too late."""
    return edge.storage(
        b,
        share=b.between("share", 0.3, 0.45),
        status=504,
        took_ms=9500.0,
        archive_lost=0.15,
        texts=("object store timed out after {long_ms} ms on media/{hex}", "r2 head media/{hex}: operation aborted"),
        caller_texts=("gave up waiting for the object store ({route})",),
    )


def memory(b: Builder) -> Told:
    """Requests with large answers run out of memory."""
    return edge.worker_limits(
        b,
        paths=("/api/browse", "/api/pitches", "/api/media/thumbnail"),
        share=b.between("share", 0.15, 0.3),
        ramp_s=300.0,
        cpu=1.3,
        texts=("isolate restarted: memory limit (128 MB) while answering {route}",),
        memory=True,
        code=1102,
    )


def in_the_dark(b: Builder) -> Told:
    """Everything private fails for some, and whatever could say why keeps silent."""
    span = b.until_mended(b.onset_ms)
    paths = ("/api/notifications", "/api/messages", "/api/creator/dashboard")
    hits = fx.of(paths, b.between("share", 0.3, 0.5))
    fx.fail(b, Fault(key="dark", hits=hits, span=span, status=500, took_ms=800.0))
    for what in ("unlogged", "db_posts", "metrics"):
        fx.silence(b, Silence(key=f"dark {what}", what=what, span=span))
    return Told(services=("notification", "messaging", "creator"), routes=paths, severity="P2")


SCENARIOS = (
    Scenario(
        name="cloudflare_unannounced",
        title="Cloudflare fails, unannounced, after a harmless deployment",
        cause="cloudflare_incident",
        steps=unannounced,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("harmless_production_deployment",),
    ),
    Scenario(
        name="cloudflare_brief",
        title="Cloudflare failed a little, and is well again",
        cause="cloudflare_incident",
        steps=brief,
        split="tune",
        runbooks=RUNBOOKS,
        onset_min=(11, 15),
    ),
    Scenario(
        name="flood_viral",
        title="Too many real people",
        cause="traffic_flood",
        steps=viral,
        split="tune",
        runbooks=(*RUNBOOKS, "performance"),
        beside=("harmless_production_deployment",),
    ),
    Scenario(
        name="flood_creeping",
        title="A flood that grows slowly, 3 % of the log lost",
        cause="traffic_flood",
        steps=creeping,
        split="tune",
        runbooks=(*RUNBOOKS, "security"),
        onset_min=(14, 18),
        beside=("logs_lost",),
    ),
    Scenario(
        name="cache_cold",
        title="The cache is empty on a busy evening",
        cause="cache_degraded",
        steps=cold,
        split="tune",
        runbooks=("triage", "performance"),
        beside=("busy_evening",),
    ),
    Scenario(
        name="storage_late",
        title="R2 answers too late, a clock is wrong",
        cause="storage_degraded",
        steps=late_storage,
        split="tune",
        runbooks=("triage", "error_rate"),
        beside=("clock_skew",),
    ),
    Scenario(
        name="worker_memory",
        title="Workers run out of memory while a crawler visits",
        cause="worker_limits",
        steps=memory,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("crawler_visit",),
    ),
    Scenario(
        name="in_the_dark",
        title="Users fail on a busy evening, nothing says why",
        cause="database_slow",
        steps=in_the_dark,
        split="tune",
        runbooks=RUNBOOKS,
        beside=("busy_evening",),
        inconclusive_is_right=True,
    ),
)
