"""What the scenarios of this set share: the helpers of their neighbours, and company of their own."""

from __future__ import annotations

from .... import effects as fx
from ....builder import HOUR, MINUTE, Builder, Span
from ....platform import BROWSERS
from ..ordinary_days._parts import at_hour, audited, calm, homes, onward, provider_page, told, visits
from ..strangers._parts import stranger
from ..unseen_once._parts import ATTACKS, CACHES, ERRORS, LIMITS, PAINT, SERVING, SLOWNESS

__all__ = [
    "ATTACKS",
    "CACHES",
    "ERRORS",
    "EVERY_AGENT",
    "LIMITS",
    "PAINT",
    "SERVING",
    "SLOWNESS",
    "around",
    "at_hour",
    "audited",
    "calls_home",
    "calm",
    "grey_library",
    "homes",
    "knocking",
    "onward",
    "provider_page",
    "site_fine",
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


def site_fine(b: Builder) -> None:
    """The site was released minutes before, nobody was harmed, and open tabs load themselves anew."""
    at_ms = b.onset_ms - int(b.between("site fine", 4, 13) * MINUTE)
    fx.deploy(b, "pitchey-frontend", at_ms, "captions under trailers")
    text = "build changed while the tab was open, reloading at the next navigation ({device})"
    told(b, "site fine", "frontend", "updates", 3.0, Span(at_ms, b.now_ms + HOUR), text, level="info")


def calls_home(b: Builder) -> None:
    """A sender of statistics finds its receiver slow, tries again and gets through, all day."""
    told(
        b,
        "calls home",
        "analytics",
        "otlp",
        4.0,
        around(b, 14.0),
        "Transient error StatusCode.UNAVAILABLE encountered while exporting traces, retrying in {small}s.",
        "export queue at {n} of 2048, oldest {small} s, sent at the 2nd try",
        level="warning",
    )
