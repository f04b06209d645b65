"""What goes wrong in the browser while the servers are well."""

from __future__ import annotations

from .. import effects as fx
from ..builder import MINUTE, Builder, Entry, Fault, Tracked
from ..scenario import Told
from ..world import Behaviour

PAGES = ("/", "/pitches", "/login", "/dashboard")
API_FROM_PAGES = (
    "/api/pitches",
    "/api/pitches/trending",
    "/api/pitches/search",
    "/api/browse",
    "/api/browse/genres",
    "/api/notifications",
    "/api/creator/dashboard",
    "/api/investor/portfolio",
    "/api/analytics/track",
)


def build_fault(
    b: Builder,
    *,
    share: float,
    texts: tuple[str, ...],
    tracked: Tracked,
    stack: str,
    message: str,
    lead_s: float,
    quieter: float,
    pages: tuple[str, ...] = PAGES,
    severity: str = "P2",
) -> Told:
    """A frontend release throws in the browser: pages answer 200 and stay blank; the API hears less of them."""
    deployment = fx.deploy(b, "pitchey-frontend", b.onset_ms - int(lead_s * 1000), message)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    metadata = '{{"release":"' + fx.release_name(deployment) + '","browser":"{browser}"}}'
    fx.stumble(
        b,
        Fault(
            key="build",
            hits=fx.of(pages, share),
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend", component="browser", texts=texts, stack=stack, metadata=metadata, delay_ms=900.0
                ),
            ),
            tracked=tracked,
        ),
    )
    fx.surge(b, span, quieter, API_FROM_PAGES)
    return Told(services=("frontend",), routes=pages, severity=severity)


def assets_missing(
    b: Builder,
    *,
    share: float,
    texts: tuple[str, ...],
    tracked: Tracked,
    path: str,
    live: str,
    message: str = "",
    lead_s: float = 60.0,
    status: int = 404,
    severity: str = "P2",
) -> Told:
    """A file that the page names is gone: 404 at the edge for it, ChunkLoadError in the browser."""
    if message:
        fx.deploy(b, "pitchey-frontend", b.onset_ms - int(lead_s * 1000), message)
    span = b.until_mended(b.onset_ms, ramp_s=40.0)
    fx.fail(
        b,
        Fault(
            key="assets",
            hits={path: share},
            span=span,
            status=status,
            page="text",
            body="Not found",
            outcome="none",
            took_ms=20.0,
        ),
    )
    fx.answer(
        b,
        Behaviour(
            service="frontend",
            path=live,
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            share=share,
            status=status,
            kind="text",
            body="Not found",
        ),
    )
    fx.stumble(
        b,
        Fault(
            key="assets felt",
            hits=fx.of(PAGES, share * 0.8),
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="browser",
                    texts=texts,
                    delay_ms=700.0,
                    metadata='{{"browser":"{browser}"}}',
                ),
            ),
            tracked=tracked,
        ),
    )
    fx.surge(b, span, 1 - 0.5 * share, API_FROM_PAGES)
    return Told(services=("frontend",), routes=(path, *PAGES), severity=severity)


def cors(
    b: Builder,
    *,
    share: float,
    texts: tuple[str, ...],
    tracked: Tracked,
    quieter: float,
    script: str = "",
    message: str = "",
    lead_s: float = 40.0,
    severity: str = "P1",
) -> Told:
    """Browsers are not allowed to read the API's answers: 200 at the edge, failures in the browser, fewer calls."""
    if script:
        fx.deploy(b, script, b.onset_ms - int(lead_s * 1000), message)
    span = b.until_mended(b.onset_ms)
    fx.stumble(
        b,
        Fault(
            key="cors",
            hits=fx.of(PAGES, share),
            span=span,
            status=0,
            entries=(
                Entry(
                    service="frontend",
                    component="browser",
                    texts=texts,
                    delay_ms=400.0,
                    metadata='{{"browser":"{browser}"}}',
                ),
            ),
            tracked=tracked,
        ),
    )
    fx.surge(
        b,
        span,
        quieter,
        (
            "/api/auth/login",
            "/api/auth/refresh",
            "/api/auth/register",
            "/api/pitches/create",
            "/api/investor/interest",
            "/api/payments/checkout",
            "/api/upload/presign",
            "/api/upload/complete",
        ),
    )
    for path in ("/api/health", "/api/pitches", "/api/auth/verify"):
        fx.answer(
            b,
            Behaviour(
                service="api",
                path=path,
                start_ms=span.start_ms,
                end_ms=span.end_ms,
                status=401 if path == "/api/auth/verify" else 200,
                body={"success": False, "message": "Invalid or expired token"} if path == "/api/auth/verify" else None,
                headers={"access-control-allow-origin": "https://staging.pitchey.pages.dev"},
            ),
        )
    return Told(services=("frontend", "api-gateway"), routes=PAGES, severity=severity)


def vitals_regression(
    b: Builder,
    *,
    factors: dict[str, tuple[float, float]],
    message: str,
    where: dict[str, tuple[str, ...]],
    lead_s: float = 90.0,
    severity: str = "P3",
) -> Told:
    """Pages become slow to load, jumpy or sluggish in the browser; servers and errors are as ever."""
    if message:
        fx.deploy(b, "pitchey-frontend", b.onset_ms - int(lead_s * 1000), message)
    span = b.until_mended(b.onset_ms, ramp_s=5 * MINUTE / 1000)
    fx.vitals(b, span, factors, **where)
    return Told(services=("frontend",), routes=where.get("url", PAGES), severity=severity)
