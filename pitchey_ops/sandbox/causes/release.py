"""A deployment that breaks a service."""

from __future__ import annotations

from .. import effects as fx
from ..builder import Builder, Entry, Fault, Tracked
from ..scenario import Told


def release(
    b: Builder,
    *,
    service: str,
    share: float,
    lead_s: float,
    texts: tuple[str, ...],
    tracked: Tracked,
    stack: str,
    message: str,
    ramp_s: float = 20.0,
    uncaught: bool = False,
    severity: str = "P2",
    end_ms: int | None = None,
    paths: tuple[str, ...] = (),
) -> Told:
    """
    Production is deployed *lead_s* seconds before the onset; a share of one service's requests fail since.

    Parameters
    ----------
    paths
        The routes that fail; all of the service when empty.
    uncaught
        The exception reaches the runtime: outcome ``scriptThrewException``, the edge's own page (1101).
    """
    deployment = fx.deploy(b, fx.PRODUCTION, b.onset_ms - int(lead_s * 1000), message)
    hit = list(paths) or fx.owned_by(service)
    name = fx.release_name(deployment)
    fx.fail(
        b,
        Fault(
            key="release",
            hits=fx.of(hit, share),
            span=b.until_mended(b.onset_ms, end_ms, ramp_s=ramp_s),
            status=500,
            page="cloudflare_html" if uncaught else "json",
            body=1101 if uncaught else {"success": False, "message": "Internal server error"},
            outcome="scriptThrewException" if uncaught else "success",
            took_ms=45.0,
            release=name,
            entries=(
                Entry(texts=texts, component="handler", stack=stack, most_per_min=90),
                Entry(
                    service="api-gateway",
                    component="router",
                    share=0.5,
                    delay_ms=14.0,
                    level="error",
                    texts=(f"upstream {service} answered 500 for {{method}} {{route}}",),
                    most_per_min=40,
                ),
            ),
            tracked=tracked,
        ),
    )
    return Told(services=(service,), routes=tuple(hit), severity=severity)
