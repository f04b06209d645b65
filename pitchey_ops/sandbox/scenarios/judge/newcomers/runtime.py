"""The edge in front of us, and what its runtime allows."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Entry, Fault, Slow, Tracked, WorkerShift
from ....causes.edge import PLATFORM
from ....platform import ROUTES, SCRIPTS
from ....scenario import Told
from ....world import Behaviour, StatusIncident
from ._parts import SERVING, case, earlier_release, hour_is, old_client, page_release, stale_customers

LIMITS = ("triage", "outage", "performance", "error_rate")


def every_five_minutes(b: Builder) -> Told:
    """The whole edge fails and recovers in turns of five minutes; the status page comes a quarter of an hour late."""
    hour_is(b, 11.5)
    page_release(b)
    span = b.until_mended(b.onset_ms, every_s=300.0, on_s=b.between("on", 150, 185))
    share = b.between("share", 0.62, 0.8)
    for key, part, outcome in (("edge", 0.9, "none"), ("runtime", 0.1, "internalError")):
        fx.fail(
            b,
            Fault(
                key=f"wave {key}",
                hits=fx.everything(share * part),
                span=span,
                status=500,
                page="cloudflare_html",
                body=500,
                outcome=outcome,
                took_ms=210.0,
            ),
        )
    fx.slow(b, Slow(key="wave", hits=fx.everything(0.5), span=span, factor=1.5, add_ms=180.0))
    for service in PLATFORM:
        fx.answer(
            b,
            Behaviour(
                service=service,
                path="",
                start_ms=span.start_ms,
                end_ms=span.end_ms,
                share=share * 0.4,
                status=500,
                kind="cloudflare_html",
                body=500,
            ),
        )
    for script, *_ in SCRIPTS:
        fx.worker(
            b, WorkerShift(script=script, span=span, traffic=1 - share * 0.7, outcome="internalError", share=0.08)
        )
    fx.vitals(b, span, {"ttfb": (2.6, 260.0), "fcp": (1.7, 220.0), "lcp": (1.7, 320.0)})
    partner = Entry(
        service="notification",
        level="error",
        component="push",
        request=False,
        texts=("FetchError: invalid json response body at https://pitchey.pages.dev: Unexpected token < (500)",),
    )
    fx.say(b, "wave jobs", partner, 2.0, span)
    fx.status_page(
        b,
        StatusIncident(
            start_ms=b.onset_ms + int(b.between("told", 15, 18) * MINUTE),
            end_ms=None,
            name="Global Network experiencing issues",
            impact="critical",
            components=("CDN/Cache", "Network", "Workers", "Access", "Dashboard"),
            component_status="major_outage",
        ),
    )
    return Told(services=("frontend", "api-gateway"), routes=tuple(r.path for r in ROUTES), severity="P1")


def too_many_calls(b: Builder) -> Told:
    """Whoever follows many pitches asks for more parts than one request may fetch, and ever more people do."""
    hour_is(b, 17.6)
    earlier_release(b)
    stale_customers(b)
    old_client(b)
    span = b.until_mended(b.onset_ms, ramp_s=1800.0)
    paths = ("/api/creator/dashboard", "/api/notifications", "/api/investor/portfolio")
    hits = {paths[0]: b.between("share", 0.5, 0.66), paths[1]: 0.36, paths[2]: 0.42}
    fx.fail(
        b,
        Fault(
            key="too many calls",
            hits=hits,
            span=span,
            status=500,
            page="cloudflare_html",
            body=1101,
            outcome="scriptThrewException",
            took_ms=3400.0,
            entries=(
                Entry(
                    component="follow",
                    level="error",
                    texts=(
                        "Error: Too many subrequests by single Worker invocation. To configure this limit, refer to "
                        "https://developers.cloudflare.com/workers/wrangler/configuration/#limits",
                        "follow: {user} follows 1{id} pitches, stopped at subrequest 1000 of 1{id} ({route})",
                    ),
                ),
            ),
            tracked=Tracked(
                type="Error",
                value="Too many subrequests by single Worker invocation.",
                culprit="followed(src/creator/follow)",
            ),
        ),
    )
    fx.slow(b, Slow(key="too many calls", hits=dict.fromkeys(paths, 0.6), span=span, factor=2.2, add_ms=700.0))
    fx.worker(b, WorkerShift(script=fx.PRODUCTION, span=span, cpu=1.35))
    fx.database(b, span, queryCount=(1.35, 0.0))
    return Told(services=("creator", "notification", "investor"), routes=paths, severity="P2")


SCENARIOS = (
    case(
        "every_five_minutes",
        "The edge in turns of five minutes",
        "cloudflare_incident",
        every_five_minutes,
        SERVING,
        onset_min=(23, 31),
        beside=("slow_sidekick",),
    ),
    case(
        "too_many_calls",
        "More parts than one request may fetch",
        "worker_limits",
        too_many_calls,
        LIMITS,
        onset_min=(35, 45),
        beside=("clock_skew",),
    ),
)
