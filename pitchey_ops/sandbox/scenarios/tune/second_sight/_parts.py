"""What the scenarios of this set share: the helpers of their neighbours, and company of their own."""

from __future__ import annotations

from .... import effects as fx
from ....builder import HOUR, Builder, Span
from ....platform import BROWSERS
from ..ordinary_days._parts import at_hour, audited, calm, homes, onward, provider_page, told, visits
from ..strangers._parts import said_in, stranger
from ..unseen_once._parts import ATTACKS, CACHES, DATA, ERRORS, LIMITS, PAINT, SERVING, SLOWNESS

__all__ = [
    "ATTACKS",
    "CACHES",
    "DATA",
    "ERRORS",
    "EVERY_AGENT",
    "LIMITS",
    "PAINT",
    "SERVING",
    "SLOWNESS",
    "around",
    "at_hour",
    "audited",
    "calm",
    "grey_library",
    "homes",
    "knocking",
    "onward",
    "provider_page",
    "said_in",
    "sleepy_tabs",
    "stranger",
    "told",
    "visits",
]

EVERY_AGENT = tuple(agent for agent, _ in BROWSERS)


def around(b: Builder, before_h: float, after_h: float = 5.0) -> Span:
    """Return the span from *before_h* hours before the onset until *after_h* hours after now."""
    return Span(b.onset_ms - int(before_h * HOUR), b.now_ms + int(after_h * HOUR))


def knocking(b: Builder, per_min: float = 1.1) -> None:
    """Machines all over the world try names and passwords at the door, all week, never more and never less."""
    visits(
        b,
        "knocking",
        "/api/auth/login",
        per_min,
        b.always(),
        fx.strangers(b, "knocking", 900),
        ("Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1)", "Go-http-client/1.1", "python-urllib3/1.26.5"),
        {401: 1.0},
        method="POST",
        logged=1.0,
        accounts=("sales", "webmaster", "postmaster", "backup", "guest", "contact", "user", "marketing", "hr"),
    )


def grey_library(b: Builder) -> None:
    """A service of documents warns of its own library's old age with each paper, all week."""
    told(
        b,
        "grey library",
        "nda",
        "py.warnings",
        5.0,
        b.always(),
        "/srv/nda/render.py:{line}: DeprecationWarning: datetime.datetime.utcnow() is deprecated and scheduled for "
        "removal in a future version. Use timezone-aware objects to represent datetimes in UTC.",
        "/srv/nda/fonts.py:{line}: UserWarning: glyph 'uni{id}' missing in font Lato, substituted",
        level="warning",
    )


def sleepy_tabs(b: Builder) -> None:
    """Tabs that slept in the background wake up, and their lines are gone: they knock again, as every day."""
    told(
        b,
        "sleepy tabs",
        "websocket",
        "rooms",
        2.4,
        b.always(),
        "ping of session {hex} unanswered for {n} s, closed with 4408 (tab asleep), resumed later",
        "resume token of session {hex} too old, full sync instead",
        level="warn",
    )
