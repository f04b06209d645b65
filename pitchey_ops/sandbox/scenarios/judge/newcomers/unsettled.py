"""What nobody could settle with what there is to see."""

from .... import effects as fx
from ....builder import MINUTE, Builder, Fault, Silence
from ....platform import ROUTES
from ....scenario import Told
from ....world import StatusIncident
from ._parts import ERRORS, SERVING, case, deprecated, hour_is, old_client


def two_suspects(b: Builder) -> Told:
    """A tenth of the answers break, without a word; a release and trouble at Cloudflare began in the same minute."""
    hour_is(b, 15.5)
    deprecated(b)
    fx.deploy(b, fx.PRODUCTION, b.onset_ms - 40_000, "compatibility_date 2026-11-20")
    fx.status_page(
        b,
        StatusIncident(
            start_ms=b.onset_ms - MINUTE,
            end_ms=None,
            name="Workers: elevated errors for some customers in Europe",
            impact="minor",
            components=("Workers",),
            component_status="degraded_performance",
        ),
    )
    span = b.until_mended(b.onset_ms, ramp_s=40.0)
    hits = fx.in_worker(b.between("share", 0.08, 0.14))
    fx.fail(
        b,
        Fault(
            key="two suspects",
            hits=hits,
            span=span,
            status=500,
            page="cloudflare_html",
            body=1101,
            outcome="internalError",
            took_ms=340.0,
        ),
    )
    return Told(services=("api-gateway",), routes=tuple(hits), severity="P2")


def fewer_come_in(b: Builder) -> Told:
    """Hardly anybody signs in any more, nobody is refused, and no source says why."""
    hour_is(b, 17.1)
    old_client(b)
    span = b.until_mended(b.onset_ms, ramp_s=120.0)
    fx.surge(b, span, b.between("fewer", 0.06, 0.14), ("/api/auth/login", "/api/auth/register"))
    private = tuple(r.path for r in ROUTES if r.private)
    fx.surge(b, b.until_mended(b.onset_ms, ramp_s=2400.0), 0.45, private)
    fx.silence(b, Silence(key="fewer archive", what="archive", span=span))
    fx.silence(b, Silence(key="fewer auth", what="unlogged", span=span, services=("auth", "frontend")))
    return Told(services=("auth",), routes=("/api/auth/login", "/api/auth/register"), severity="P2")


SCENARIOS = (
    case(
        "two_suspects",
        "Two suspects and no word",
        "bad_deployment",
        two_suspects,
        SERVING,
        onset_min=(10, 16),
        inconclusive_is_right=True,
    ),
    case(
        "fewer_come_in",
        "Hardly anybody signs in",
        "auth_fault",
        fewer_come_in,
        ERRORS,
        onset_min=(36, 48),
        inconclusive_is_right=True,
    ),
)
