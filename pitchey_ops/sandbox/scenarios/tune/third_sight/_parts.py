"""What the scenarios of this set share: the helpers of their neighbours, and crowds that two of them need."""

from __future__ import annotations

from .... import effects as fx
from ....builder import Builder, Span
from ....platform import BROWSERS
from ..second_sight._parts import (
    ATTACKS,
    EVERY_AGENT,
    SERVING,
    SLOWNESS,
    around,
    at_hour,
    audited,
    calm,
    homes,
    onward,
    stranger,
    told,
    visits,
)

__all__ = [
    "ATTACKS",
    "DESKS",
    "EVERY_AGENT",
    "LOGIN",
    "READ",
    "SERVING",
    "SLOWNESS",
    "around",
    "at_hour",
    "audited",
    "calm",
    "festival",
    "homes",
    "newsletter",
    "onward",
    "people",
    "signing_in",
    "stranger",
    "told",
    "visits",
]

LOGIN = "/api/auth/login"
READ = ("/", "/pitches", "/api/pitches", "/api/pitches/trending", "/api/browse", "/api/media/thumbnail")
DESKS = (BROWSERS[0][0], BROWSERS[3][0], BROWSERS[4][0])


def people(first: int, count: int, step: int = 13) -> tuple[str, ...]:
    """Return *count* accounts."""
    return tuple(f"u{(first + step * i) % 5000:05d}" for i in range(count))


def signing_in(
    b: Builder,
    key: str,
    per_min: float,
    span: Span,
    who: list[str] | tuple[str, ...],
    accounts: tuple[str, ...],
    wrong: float,
    agents: tuple[str, ...] = DESKS,
    limited: float = 0.0,
) -> None:
    """Let people sign in, a share of them with a *wrong* password first."""
    shares = {401: wrong, 429: limited, 200: round(1.0 - wrong - limited, 6)}
    outcomes = {status: share for status, share in shares.items() if share > 0}
    visits(b, key, LOGIN, per_min, span, who, agents, outcomes, method="POST", accounts=accounts, logged=1.0)


def festival(b: Builder, span: Span, per_min: float) -> None:
    """The office of a festival: 120 people behind two addresses, whose accounts are new and passwords printed."""
    who = ("195.37.112.20", "195.37.112.21")
    signing_in(b, "festival", per_min, span, who, people(2100, 120, 7), 0.36, limited=0.03)
    visits(b, "festival reads", "/api/browse", 5 * per_min, span, who, DESKS, {200: 1.0}, logged=0.3)
    told(
        b,
        "festival",
        "auth",
        "passwords",
        1.4,
        span,
        "{user}: capital letters seem to be locked (hint shown)",
        "first password of {user} is 30 days old, asked for a new one",
        level="warn",
    )


def newsletter(b: Builder, span: Span, factor: float) -> None:
    """A newsletter to all customers: people click, filters of mail houses click before them."""
    fx.surge(b, span, factor, READ)
    fx.surge(b, span, 1.0 + (factor - 1.0) * 0.7, ("/login", LOGIN, "/api/auth/verify", "/dashboard"))
    filters = ("Mozilla/5.0 (Windows NT 10.0) SafeLinks-Preview/2.0", "BarracudaLinkProtect/1.7")
    tails = ("/pitches?utm_campaign=autumn&mid={hex}", "/pitches?utm_campaign=autumn&mid={hex}&c={id}")
    who = fx.strangers(b, "mail filters", 60, "40.94.102.")
    visits(b, "mail filters", "/pitches", 14.0, span, who, filters, {200: 0.97, 405: 0.03}, urls=tails)
    told(
        b,
        "newsletter",
        "email",
        "campaigns",
        4.0,
        span,
        "autumn: hard bounce of {email} (550 5.1.1), address put aside",
        "autumn: {domain} asks to slow down (421 4.7.28), {n} s pause",
        level="warn",
    )
