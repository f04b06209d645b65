"""Releases of production that should not have gone out."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Crowd, Entry, Fault, Tracked, WorkerShift
from ....scenario import Told
from ....world import Deployment
from ._parts import SERVING, case, deprecated, hour_is, old_client, stale_customers

CAUSE = "bad_deployment"
LOOPED = ("/api/browse", "/api/browse/genres", "/api/pitches/trending")


def smaller_bodies(b: Builder) -> Told:
    """The release takes only small bodies: what is long is refused, politely, and nothing breaks on our side."""
    hour_is(b, 15.1)
    old_client(b)
    deployment = fx.deploy(b, fx.PRODUCTION, b.onset_ms - int(b.between("lead", 15, 60) * 1000), "body parser 3.0")
    release = fx.release_name(deployment)
    span = b.until_mended(b.onset_ms, ramp_s=30.0)
    hits = {
        "/api/pitches/create": b.between("share", 0.62, 0.78),
        "/api/upload/complete": 0.85,
        "/api/analytics/track": 0.24,
        "/api/investor/interest": 0.2,
    }
    fx.fail(
        b,
        Fault(
            key="smaller bodies",
            hits=hits,
            span=span,
            status=413,
            took_ms=6.0,
            body={"success": False, "message": "Payload Too Large"},
            release=release,
            entries=(
                Entry(
                    component="body-parser",
                    level="warn",
                    most_per_min=40,
                    metadata='{{"release":"' + release + '","limit":102400,"length":{size}}}',
                    texts=(
                        "PayloadTooLargeError: request entity too large (entity.too.large) {method} {route}",
                        "413 {route} expected={size} limit=102400 type=entity.too.large",
                    ),
                ),
            ),
            tracked=Tracked(
                type="PayloadTooLargeError",
                value="request entity too large",
                culprit="readStream(raw-body)",
                level="warning",
                share=0.5,
            ),
        ),
    )
    fx.stumble(
        b,
        Fault(
            key="smaller bodies felt",
            hits={"/dashboard": 0.1},
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="editor",
                    level="info",
                    texts=("draft of {user} kept locally: server said 413", "toast shown: could not save your pitch"),
                    delay_ms=600.0,
                ),
            ),
        ),
    )
    return Told(services=("pitch", "upload", "analytics"), routes=tuple(hits), severity="P2")


def own_tail(b: Builder) -> Told:
    """A release asks its own address for part of its answer, at first for a tenth of the people, then for all."""
    hour_is(b, 18.9)
    deprecated(b)
    stale_customers(b)
    first = fx.deploy(
        b, fx.PRODUCTION, b.onset_ms - int(b.between("lead", 10, 30) * 1000), "genres from the public API (10%)"
    )
    wider = b.onset_ms + int(b.between("wider", 10, 13) * MINUTE)
    b.deployments.append(
        Deployment(
            at_ms=wider - 5000,
            script=first.script,
            version_id=first.version_id,
            number=first.number,
            author=first.author,
            message="genres from the public API (100%)",
            source=first.source,
        )
    )
    release = fx.release_name(first)
    share = b.between("share", 0.52, 0.68)
    text = "fetch https://pitchey-production.cavelltheleaddev.workers.dev/api/browse/genres"
    stages = (("tenth", b.onset_ms, wider, share * 0.12), ("all", wider, None, share))
    for key, start, end, some in stages:
        span = b.until_mended(start, end)
        fx.fail(
            b,
            Fault(
                key=f"own tail {key}",
                hits=fx.of(LOOPED, some),
                span=span,
                status=500,
                page="cloudflare_html",
                body=1019,
                outcome="scriptThrewException",
                took_ms=2100.0,
                release=release,
                entries=(
                    Entry(
                        component="genres",
                        texts=(
                            f"Error: {text} answered 500 error code: 1019 (loop limit)",
                            "unexpected token 'e', \"error code: 1019\" is not valid JSON ({method} {route})",
                        ),
                        stack=f"Error: {text} answered 500\n    at genres (src/browse/genres.ts:14:11)",
                    ),
                ),
                tracked=Tracked(
                    type="SyntaxError" if key == "all" else "Error",
                    value='"error code: 1019" is not valid JSON' if key == "all" else f"{text} answered 500",
                    culprit="genres(src/browse/genres)",
                ),
            ),
        )
        fx.crowd(
            b,
            Crowd(
                key=f"own tail {key}",
                route="/api/browse/genres",
                per_min=420.0 * some,
                span=span,
                addresses=("2a06:98c0:3600::103",),
                agents=("pitchey-production/genres",),
                outcomes={200: 0.35, 500: 0.65},
                logged=0.12,
                took_ms=900.0,
            ),
        )
    everywhere = b.until_mended(wider)
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=everywhere, cpu=1.5))
    return Told(services=("browse", "pitch"), routes=LOOPED, severity="P1")


SCENARIOS = (
    case("smaller_bodies", "Only small bodies are taken", CAUSE, smaller_bodies, SERVING, onset_min=(16, 24)),
    case("own_tail", "A release that asks itself", CAUSE, own_tail, SERVING, onset_min=(19, 25)),
)
