"""What the runtime does not allow, and what goes wrong at the edge itself."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Entry, Fault, Slow, Span, Tracked, WorkerShift
from ....platform import ROUTES
from ....scenario import Told
from ....world import Behaviour, StatusIncident
from ._parts import LIMITS, SERVING, at_hour, hourly_job, phone_in_tunnel, stranger, told, waves

EDGE = ("frontend", "api-gateway")


def big_exports(b: Builder) -> Told:
    """Dashboards of those with many titles are put together in memory, until the isolate has no more of it."""
    at_hour(b, 16.0)
    hourly_job(b)
    span = b.until_mended(b.onset_ms, ramp_s=900.0)
    paths = ("/api/creator/dashboard", "/api/investor/portfolio")
    fx.fail(
        b,
        Fault(
            key="big exports",
            hits=fx.of(paths, b.between("share", 0.3, 0.42)),
            span=span,
            status=503,
            page="cloudflare_html",
            body=1102,
            outcome="exceededResources",
            took_ms=4800.0,
            entries=(
                Entry(
                    service="api-gateway",
                    component="router",
                    share=0.3,
                    texts=(
                        "Error: Worker exceeded memory limit. {route}",
                        "isolate evicted at 128 MB while in {route}",
                    ),
                ),
            ),
            tracked=Tracked(
                type="Error", value="Worker exceeded memory limit.", culprit="fetch(src/worker)", share=0.2
            ),
        ),
    )
    fx.slow(b, Slow(key="big exports", hits=fx.of(paths, 0.5), span=span, factor=2.2, add_ms=700.0))
    told(b, "big exports sizes", "creator", "dashboard", 2.0, span, "assembled {size} bytes for {user}", level="info")
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=span, cpu=1.5))
    return Told(services=("creator", "investor"), routes=paths, severity="P2")


def daily_limit(b: Builder) -> Told:
    """Production's account fell back to the free plan, and the day's requests are spent: no Worker runs, pages come."""
    at_hour(b, 22.0)
    span = b.until_mended(b.onset_ms, ramp_s=30.0)
    hits = {**fx.in_worker(b.between("share", 0.96, 0.99)), "/api/health": 0.97}
    fx.fail(
        b,
        Fault(
            key="daily limit",
            hits=hits,
            span=span,
            status=429,
            page="cloudflare_html",
            body=1027,
            outcome="none",
            took_ms=9.0,
        ),
    )
    fx.stumble(
        b,
        Fault(
            key="daily limit felt",
            hits=fx.of(("/", "/pitches", "/dashboard"), 0.7),
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="browser",
                    delay_ms=400.0,
                    texts=(
                        "GET /api/browse 429: error code: 1027 (This website has been temporarily rate limited)",
                        "SyntaxError: Unexpected token 'e', \"error code: 1027\" is not valid JSON",
                    ),
                ),
            ),
            tracked=Tracked(
                type="SyntaxError",
                value="Unexpected token 'e', \"error code: 1027\" is not valid JSON",
                culprit="request(src/lib/http)",
                project="pitchey-frontend",
            ),
        ),
    )
    told(
        b,
        "daily limit mail",
        "monitoring",
        "billing",
        0.5,
        Span(b.onset_ms - 40 * MINUTE, b.now_ms),
        "Cloudflare notification: payment failed, Workers Paid ended; 100,000 requests a day included",
        "Cloudflare notification: 9{small} % of the day's Workers requests used",
        level="info",
    )
    return Told(services=("api-gateway",), routes=tuple(hits), severity="P1")


def in_waves(b: Builder) -> Told:
    """A faulty file spreads through the edge every few minutes: all fails, is well again, and fails again."""
    at_hour(b, 13.9)
    phone_in_tunnel(b)
    share = b.between("share", 0.6, 0.75)
    span = b.until_mended(b.onset_ms, every_s=330.0, on_s=170.0)
    for key, part, outcome in (("edge waves", 0.85, "none"), ("runtime waves", 0.15, "internalError")):
        fx.fail(
            b,
            Fault(
                key=key,
                hits=fx.everything(share * part),
                span=span,
                status=500,
                page="cloudflare_html",
                body=500,
                outcome=outcome,
                took_ms=240.0,
            ),
        )
    for start, end in waves(b, span):
        for service in ("logs", "apm", "infra", "monitoring", "alerts"):
            fx.answer(
                b,
                Behaviour(
                    service=service,
                    path="",
                    start_ms=start,
                    end_ms=end,
                    share=share * 0.5,
                    status=500,
                    kind="cloudflare_html",
                    body=500,
                ),
            )
    fx.status_page(
        b,
        StatusIncident(
            start_ms=b.onset_ms + 11 * MINUTE,
            end_ms=None,
            name="Cloudflare Global Network experiencing issues",
            impact="critical",
            components=("CDN/Cache", "Network", "Workers"),
            component_status="major_outage",
        ),
    )
    return Told(services=EDGE, routes=tuple(r.path for r in ROUTES), severity="P1")


def one_city(b: Builder) -> Told:
    """One data centre loses every other packet: an eighth of the people, whatever they ask for, get the edge's page."""
    at_hour(b, 20.5)
    share = b.between("share", 0.11, 0.15)
    span = b.until_mended(b.onset_ms, ramp_s=240.0)
    fx.fail(
        b,
        Fault(
            key="one city",
            hits=fx.everything(share),
            span=span,
            status=520,
            page="cloudflare_html",
            body=520,
            outcome="none",
            took_ms=2600.0,
        ),
    )
    fx.slow(b, Slow(key="one city", hits=fx.everything(0.14), span=span, factor=1.5, add_ms=900.0))
    fx.vitals(b, span, {"ttfb": (1.2, 160.0), "lcp": (1.1, 200.0)})
    told(
        b,
        "one city browser",
        "frontend",
        "browser",
        3.0,
        span,
        "GET /api/pitches 520 cf-ray={hex}-FRA",
        "chunk not loaded: 520 cf-ray={hex}-FRA",
    )
    fx.status_page(
        b,
        StatusIncident(
            start_ms=b.onset_ms + 7 * MINUTE,
            end_ms=None,
            name="Network Performance Issues in Frankfurt",
            impact="major",
            components=("Frankfurt, Germany - (FRA)", "Network"),
            component_status="partial_outage",
        ),
    )
    return Told(services=EDGE, routes=tuple(r.path for r in ROUTES), severity="P2")


SCENARIOS = (
    stranger(
        "via_big_exports",
        "Dashboards too big for the isolate",
        "worker_limits",
        big_exports,
        LIMITS,
        onset_min=(30, 44),
        beside=("harmless_production_deployment",),
    ),
    stranger(
        "via_daily_limit",
        "The day's requests are used up",
        "worker_limits",
        daily_limit,
        LIMITS,
        onset_min=(9, 15),
        beside=("noisy_neighbour",),
    ),
    stranger(
        "via_in_waves",
        "The edge fails in waves",
        "cloudflare_incident",
        in_waves,
        SERVING,
        onset_min=(24, 36),
        beside=("unrelated_deployment",),
    ),
    stranger(
        "via_one_city",
        "One data centre",
        "cloudflare_incident",
        one_city,
        SERVING,
        onset_min=(22, 34),
        beside=("busy_evening",),
    ),
)
