"""What the Worker's runtime does not allow."""

from .... import effects as fx
from ....builder import Builder, Fault, Silence, Tracked, WorkerShift
from ....causes import edge
from ....platform import SCRIPTS
from ....scenario import Told
from ....world import Behaviour
from ._parts import LIMITS, at_hour, bounces, clumsy_partner, frontend_deployed, judged

CAUSE = "worker_limits"


def day_used_up(b: Builder) -> Told:
    """The account's requests of the day are used up: the edge answers for every Worker of ours, pages go on."""
    at_hour(b, 22.0)
    bounces(b)
    span = b.until_mended(b.onset_ms)
    hits = {**fx.in_worker(b.between("share", 0.93, 0.99)), "/api/health": 0.95}
    fx.fail(
        b,
        Fault(
            key="day used up",
            hits=hits,
            span=span,
            status=429,
            page="cloudflare_html",
            body=1027,
            outcome="none",
            took_ms=12.0,
        ),
    )
    for service in edge.PLATFORM:
        fx.answer(
            b,
            Behaviour(
                service=service,
                path="",
                start_ms=span.start_ms,
                end_ms=span.end_ms,
                share=0.95,
                status=429,
                kind="cloudflare_html",
                body=1027,
            ),
        )
    for script, *_ in SCRIPTS:
        fx.worker(b, WorkerShift(script=script, span=span, traffic=0.05))
    for what in ("unlogged", "metrics", "db_posts", "vitals"):
        fx.silence(b, Silence(key=f"day used up {what}", what=what, span=span, share=0.95))
    times = b.rng("front errors").integers(b.onset_ms, min(b.end_ms, span.end_ms), 900)
    fx.issue(
        b,
        "front 1027",
        Tracked(
            type="HttpError",
            value="429 from /api/pitches: error code: 1027 (Worker exceeded its daily request limit)",
            culprit="request(src/lib/http)",
            project="pitchey-frontend",
        ),
        times.tolist(),
    )
    return Told(services=("api-gateway",), routes=tuple(hits), severity="P1")


def pictures(b: Builder) -> Told:
    """Large pictures need more computing time than there is."""
    at_hour(b, 13.5)
    frontend_deployed(b)
    return edge.worker_limits(
        b,
        paths=("/api/upload/complete", "/api/media/thumbnail"),
        share=b.between("share", 0.3, 0.48),
        ramp_s=b.between("ramp", 30, 120),
        cpu=b.between("cpu", 1.9, 2.6),
        texts=("Error 1102: Worker exceeded resource limits, outcome exceededCpu ({method} {route})",),
    )


def heavy(b: Builder) -> Told:
    """Isolates grow beyond their memory on a busy evening, slowly."""
    at_hour(b, 20.8)
    clumsy_partner(b)
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=b.until_mended(b.onset_ms, ramp_s=900.0), cpu=1.15))
    return edge.worker_limits(
        b,
        paths=("/api/creator/dashboard", "/api/messages", "/api/notifications", "/api/creator/pitches"),
        share=b.between("share", 0.18, 0.3),
        ramp_s=840.0,
        cpu=1.1,
        texts=("Worker exceeded memory limit. isolate evicted during {route}", "exceededMemory: {method} {route}"),
        memory=True,
    )


SCENARIOS = (
    judged("limit_day", "The day's requests are used up", CAUSE, day_used_up, LIMITS, beside=("slow_sidekick",)),
    judged(
        "limit_pictures",
        "Pictures take too much computing",
        CAUSE,
        pictures,
        LIMITS,
        onset_min=(14, 22),
        beside=("logs_unseen",),
    ),
    judged(
        "limit_heavy",
        "Isolates grow too heavy",
        CAUSE,
        heavy,
        LIMITS,
        onset_min=(24, 34),
        beside=("busy_evening", "harmless_production_deployment"),
        seeds=3,
    ),
)
