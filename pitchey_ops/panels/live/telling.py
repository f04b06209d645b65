"""How live panels and their static twins say things; needs no widgets."""

from __future__ import annotations

from datetime import UTC, datetime

from markupsafe import Markup, escape

from ..safe import fenced, html

QUIET = "opacity:0.75;margin:0.2em 0"


def moment(at: datetime, *, seconds: bool = True) -> str:
    """Return *at* in UTC with the local time beside it: ``15:40:12 UTC (16:40:12 CET)``."""
    form = "%H:%M:%S" if seconds else "%H:%M"
    utc, local = at.astimezone(UTC), at.astimezone()
    if utc.utcoffset() == local.utcoffset():
        return f"{utc.strftime(form)} UTC (= local)"
    day = "" if utc.date() == local.date() else f" {local:%d %b}"
    return f"{utc.strftime(form)} UTC ({local.strftime(form)}{day} {local:%Z})"


def words(text: object, *, style: str = QUIET, role: str = "") -> Markup:
    """Return one paragraph of ours; *text* is escaped."""
    told = Markup(' role="{}"').format(role) if role else Markup("")
    return Markup('<p style="{}"{}>{}</p>').format(style, told, html(text, 2_000))


def alarm(text: object) -> Markup:
    """Return an error in words: a sign and words, never colour alone."""
    return Markup(
        '<p role="alert" style="margin:0.3em 0;padding:0.3em 0.6em;border-left:4px solid #d55e00">'
        "<strong>⚠ </strong>{}</p>"
    ).format(html(text, 2_000))


def good(text: object) -> Markup:
    """Return good news: a sign and words."""
    return Markup(
        '<p role="status" style="margin:0.3em 0;padding:0.3em 0.6em;border-left:4px solid #009e73">'
        "<strong>✓ </strong>{}</p>"
    ).format(html(text, 2_000))


def quoted(text: object, limit: int = 400, *, lines: bool = False) -> Markup:
    """Return a stranger's text in the fence, for HTML."""
    return escape(fenced(text, limit, lines=lines))
