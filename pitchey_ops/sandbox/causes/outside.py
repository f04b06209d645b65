"""Providers, credentials and tokens."""

from __future__ import annotations

from .. import effects as fx
from ..builder import Builder, Entry, Fault, Slow, Tracked
from ..platform import ROUTES
from ..scenario import Told
from ._who import felt, owners


def third_party(
    b: Builder,
    *,
    provider: str,
    service: str,
    share: float,
    texts: tuple[str, ...],
    caller_texts: tuple[str, ...],
    breaker_text: str,
    tracked: Tracked,
    status: int = 502,
    took_ms: float = 9000.0,
    ramp_s: float = 20.0,
    severity: str = "P2",
) -> Told:
    """A provider fails: what needs it fails after a wait, nothing else does; the circuit breaker opens."""
    span = b.until_mended(b.onset_ms, ramp_s=ramp_s)
    hits = fx.needing(provider, share)
    metadata = '{{"provider":"' + provider + '","status":503}}'
    fx.fail(
        b,
        Fault(
            key=provider,
            hits=hits,
            span=span,
            status=status,
            took_ms=took_ms,
            body={
                "success": False,
                "message": "Payment provider unavailable" if service == "payments" else "Try later",
            },
            entries=(
                Entry(service=service, component=provider, texts=texts, metadata=metadata),
                Entry(component="handler", texts=caller_texts, share=0.8),
            ),
            tracked=tracked,
        ),
    )
    own = Entry(service=service, component=provider, texts=texts, metadata=metadata, request=False)
    fx.say(b, f"{provider} jobs", own, 3.0, span)
    if breaker_text:
        breaker = Entry(
            service=service, level="warn", component="breaker", texts=(breaker_text,), metadata=metadata, request=False
        )
        fx.say(b, f"{provider} breaker", breaker, 1.2, span)
    fx.slow(
        b,
        Slow(
            key=provider, hits=fx.needing(provider, 0.8), span=span, factor=1.5, add_ms=took_ms * 0.3, service=provider
        ),
    )
    return Told(services=(service,), routes=felt(hits), severity=severity)


def database_credentials(
    b: Builder,
    *,
    share: float,
    db_texts: tuple[str, ...],
    caller_texts: tuple[str, ...],
    tracked: Tracked,
    severity: str = "P1",
) -> Told:
    """The database refuses our password: at once, for every new connection."""
    span = b.until_mended(b.onset_ms, ramp_s=25.0)
    hits = fx.needing("database", share)
    fx.fail(
        b,
        Fault(
            key="credentials",
            hits=hits,
            span=span,
            status=500,
            took_ms=38.0,
            entries=(
                Entry(service="database", component="pool", texts=db_texts, request=False, delay_ms=3.0),
                Entry(component="handler", texts=caller_texts, delay_ms=6.0, share=0.8),
            ),
            tracked=tracked,
        ),
    )
    fx.database(b, span, errorRate=share, activeConnections=0.0, queryCount=(1 - share, 0.0))
    return Told(services=("database", *owners(felt(hits))), routes=felt(hits), severity=severity)


def provider_credentials(
    b: Builder,
    *,
    provider: str,
    service: str,
    share: float,
    texts: tuple[str, ...],
    caller_texts: tuple[str, ...],
    tracked: Tracked,
    status: int = 500,
    severity: str = "P2",
) -> Told:
    """A provider or store refuses our key: at once, always; the provider itself is well."""
    span = b.until_mended(b.onset_ms)
    hits = fx.needing(provider, share)
    metadata = '{{"provider":"' + provider + '","status":401}}'
    fx.fail(
        b,
        Fault(
            key=f"{provider} key",
            hits=hits,
            span=span,
            status=status,
            took_ms=130.0,
            entries=(
                Entry(service=service, component=provider, texts=texts, metadata=metadata, delay_ms=4.0),
                Entry(component="handler", texts=caller_texts, share=0.7),
            ),
            tracked=tracked,
        ),
    )
    own = Entry(service=service, component=provider, texts=texts, metadata=metadata, request=False)
    fx.say(b, f"{provider} key jobs", own, 2.0, span)
    return Told(services=(service,), routes=felt(hits), severity=severity)


def tokens(
    b: Builder,
    *,
    share: float,
    texts: tuple[str, ...],
    caller_texts: tuple[str, ...],
    tracked: Tracked,
    status: int = 401,
    relogin: float = 3.0,
    ramp_s: float = 15.0,
    took_ms: float = 22.0,
    severity: str = "P1",
) -> Told:
    """Valid users' tokens are refused (or cannot be checked): everything private answers *status*."""
    span = b.until_mended(b.onset_ms, ramp_s=ramp_s)
    private = [r.path for r in ROUTES if r.private]
    hits = fx.of(["/api/auth/verify", "/api/auth/refresh", *private], share)
    fx.fail(
        b,
        Fault(
            key="tokens",
            hits=hits,
            span=span,
            status=status,
            took_ms=took_ms,
            body={"success": False, "message": "Invalid token" if status == 401 else "Authentication unavailable"},
            entries=(
                Entry(service="auth", component="jwt", texts=texts, delay_ms=3.0, most_per_min=90),
                Entry(component="handler", level="warn", texts=caller_texts, share=0.5),
            ),
            tracked=tracked,
        ),
    )
    if relogin > 1:
        fx.surge(b, span, relogin, ("/api/auth/login", "/login"))
    return Told(services=("auth",), routes=tuple(hits), severity=severity)
