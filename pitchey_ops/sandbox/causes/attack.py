"""What attackers do, and what it leaves."""

from __future__ import annotations

from .. import effects as fx
from ..builder import MINUTE, Builder, Crowd, Entry, Span
from ..scenario import Told

LOGIN = "/api/auth/login"


def logins(
    b: Builder,
    *,
    key: str,
    addresses: list[str],
    agents: tuple[str, ...],
    accounts: list[str],
    per_min: float,
    success: float = 0.0,
    lasts_min: float = 200.0,
    broken_in: str = "",
    ramp_s: float = 20.0,
    blocked: float = 0.0,
) -> Told:
    """
    Guess passwords: wrong ones all the time; with *broken_in*, that account opens after a while.

    Parameters
    ----------
    success
        Share that succeeds by luck (stuffing).
    """
    span = b.until_mended(b.onset_ms, b.onset_ms + int(lasts_min * MINUTE), ramp_s=ramp_s)
    fx.crowd(
        b,
        Crowd(
            key=key,
            route=LOGIN,
            method="POST",
            per_min=per_min,
            span=span,
            addresses=addresses,
            agents=agents,
            accounts=accounts,
            outcomes={401: 1 - success, 200: success} if success else {401: 1.0},
            logged=1.0,
            blocked=blocked,
            rule="ratelimit-login" if blocked else "",
        ),
    )
    if broken_in:
        opened = b.onset_ms + int(b.between(f"{key} opened", 5, 8) * MINUTE)
        fx.crowd(
            b,
            Crowd(
                key=f"{key} in",
                route=LOGIN,
                method="POST",
                per_min=4.0,
                span=Span(opened, opened + MINUTE),
                addresses=addresses[:1],
                agents=agents[:1],
                accounts=[broken_in],
                outcomes={200: 1.0},
                logged=1.0,
            ),
        )
    entry = Entry(
        service="auth",
        level="warn",
        component="session",
        request=False,
        texts=("many failed logins in the last minute: {waiting}",),
    )
    fx.say(b, f"{key} notice", entry, 0.8, span)
    return Told(services=("auth",), routes=(LOGIN,), severity="P1" if broken_in or success else "P2")


def injection(
    b: Builder,
    *,
    urls: dict[str, tuple[str, ...]],
    addresses: list[str],
    agents: tuple[str, ...],
    per_min: float,
    blocked: float,
    kinds: tuple[str, ...],
    broken: float = 0.03,
    severity: str = "P2",
) -> Told:
    """Payloads in urls: most refused, some answered, a few break something."""
    span = b.until_mended(b.onset_ms, ramp_s=20.0)
    for path, texts in urls.items():
        fx.crowd(
            b,
            Crowd(
                key=f"injection {path}",
                route=path,
                per_min=per_min / len(urls),
                span=span,
                addresses=addresses,
                agents=agents,
                urls=texts,
                logged=0.9,
                blocked=blocked,
                rule="managed-942100",
                outcomes={400: 0.5, 404: 0.2, 200: 0.3 - broken, 500: broken},
            ),
        )
    for kind in kinds:
        fx.security_events(b, kind, span, per_min * (1 - blocked) * 0.6 / len(kinds))
    fx.security_events(b, "suspicious_login_attempt", span, 1.0)
    return Told(services=("api-gateway", "security"), routes=tuple(urls), severity=severity)


def scraping(
    b: Builder,
    *,
    paths: dict[str, tuple[str, ...]],
    addresses: list[str],
    agents: tuple[str, ...],
    per_min: float,
    severity: str = "P3",
    slower: float = 1.15,
    lasts_min: float = 240.0,
) -> Told:
    """Somebody walks through the whole catalogue, page by page, at a steady pace, and reads nothing else."""
    span = b.until_mended(b.onset_ms, b.onset_ms + int(lasts_min * MINUTE))
    for path, urls in paths.items():
        fx.crowd(
            b,
            Crowd(
                key=f"scrape {path}",
                route=path,
                per_min=per_min / len(paths),
                span=span,
                addresses=addresses,
                agents=agents,
                urls=urls,
                logged=0.5,
                outcomes={200: 0.985, 404: 0.015},
                took_ms=90.0,
            ),
        )
    fx.database(b, span, queryCount=(slower + 0.3, 0.0), avgQueryTime=(slower, 0.0))
    return Told(services=("pitch", "browse"), routes=tuple(paths), severity=severity)


def bypass(
    b: Builder,
    *,
    path: str,
    per_min: float,
    addresses: list[str],
    agent: str,
    metadata: str,
    user: str,
    texts: tuple[str, ...],
    urls: tuple[str, ...],
    severity: str = "P3",
) -> Told:
    """One client passes for many: forged headers or turning addresses, one session, one agent, no refusals."""
    span = b.until_mended(b.onset_ms)
    fx.crowd(
        b,
        Crowd(
            key="bypass",
            route=path,
            per_min=per_min,
            span=span,
            addresses=addresses,
            agents=(agent,),
            urls=urls,
            logged=0.4,
            outcomes={200: 0.97, 429: 0.03},
            metadata=metadata,
            user=user,
            took_ms=110.0,
            entries=(
                Entry(service="api-gateway", level="warn", component="limits", texts=texts, share=0.2, most_per_min=12),
            ),
        ),
    )
    fx.database(b, span, queryCount=(1.4, 0.0))
    return Told(services=("api-gateway",), routes=(path,), severity=severity)
