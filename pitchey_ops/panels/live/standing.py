"""How an incident stands, as the incident bar says it; needs no widgets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from markupsafe import Markup

from ...models.report import SeverityLevel
from ..charts.people import PROMISES, due
from ..safe import html
from ..words import span_words
from .telling import moment, quoted, words

ACKNOWLEDGED: Final = ("acknowledged", "acknowledge", "ack", "acked", "claimed", "taken")
COLORS: Final = {"incident": "#d55e00", "inconclusive": "#b07a00", "healthy": "#009e73"}


@dataclass(frozen=True, kw_only=True)
class Standing:
    """
    What the bar says about the incident.

    Attributes
    ----------
    state
        ``incident``, ``healthy``, ``inconclusive``; None while nothing has looked.
    source
        What *state* rests on, e.g. ``RUN-... (headless)``.
    since
        The first alert or declaration; None: no clock runs.
    oncall
        ``level: name`` of who is on call; empty with *oncall_why*.
    links
        (words, address) pairs of ours; addresses are http(s) or paths of this server.
    """

    incident: str
    environment: str
    severity: SeverityLevel = "P3"
    state: str | None = None
    summary: str = ""
    source: str = ""
    since: datetime | None = None
    onset: datetime | None = None
    acknowledged: tuple[datetime, str] | None = None
    oncall: tuple[str, ...] = ()
    oncall_why: str = "not asked yet"
    alerts: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = field(default_factory=tuple)


def clock_words(standing: Standing, now: datetime) -> str:
    """Return the response clock in words."""
    if standing.since is None:
        return "no alert was sent, no clock runs"
    end = due(standing.severity, standing.since)
    promise = PROMISES[standing.severity][1]
    if standing.acknowledged is not None:
        at, who = standing.acknowledged
        kept = "kept" if at <= end else "MISSED"
        return f"acknowledged by {who} after {_span(at - standing.since)}; promise of {promise} {kept}"
    left = end - now
    if left.total_seconds() >= 0:
        return f"{_span(left)} left to respond: promise {promise}, by {moment(end, seconds=False)}"
    return f"OVERDUE by {_span(-left)} (promise {promise})"


def _span(time: timedelta) -> str:
    seconds = max(0, round(time.total_seconds()))
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return span_words(seconds)


def bar_html(standing: Standing, now: datetime) -> Markup:
    """Return the bar; its texts are escaped, its colours never alone."""
    color = COLORS.get(standing.state or "", "#6b7280")
    onset = "onset not known" if standing.onset is None else f"onset {_span(now - standing.onset)} ago"
    oncall = ", ".join(standing.oncall[:4]) if standing.oncall else f"unknown ({standing.oncall_why})"
    links = Markup(" · ").join(
        Markup(
            '<a style="text-decoration:underline" href="{}" target="_blank" rel="noopener noreferrer">{}</a>'
        ).format(address, name)
        for name, address in standing.links
        if address.startswith(("https://", "http://", "/"))
    )
    alerts = Markup("; ").join(quoted(one, 120) for one in standing.alerts[:3])
    return Markup(
        '<section aria-label="Incident" style="border:1px solid {color};border-left:8px solid {color};'
        'box-sizing:border-box;margin-right:4px;padding:0.5em 0.8em;border-radius:3px;line-height:1.5">'
        '<div style="display:flex;flex-wrap:wrap;gap:0.2em 1.4em;align-items:baseline">'
        '<strong style="font-size:115%">{severity} {state}</strong><code>{incident}</code>'
        "<span>{environment}</span><span>{clock}</span><span>{onset}</span></div>"
        "<div>{summary}</div>"
        '<div style="opacity:0.85">On call: {oncall}{alerts}</div>'
        '<div style="opacity:0.85">{source}{links}</div></section>'
    ).format(
        color=color,
        severity=standing.severity,
        state=(standing.state or "not looked at yet").upper(),
        incident=standing.incident,
        environment=html(standing.environment, 40),
        clock=html(clock_words(standing, now), 200),
        onset=onset,
        summary=html(standing.summary, 400, lines=False),
        oncall=html(oncall, 300, lines=False),
        alerts=Markup(" · Alerts: {}").format(alerts) if alerts else "",
        source=Markup("{}. ").format(html(standing.source, 160)) if standing.source else "",
        links=links,
    )


def static_bar(standing: Standing, now: datetime) -> tuple[str, str]:
    """Return the bar for a notebook in which nothing has run yet: HTML and text."""
    content = bar_html(standing, now) + words(f"As of {moment(now)}; run the cell and it lives.")
    return str(content), f"{standing.severity} {standing.incident}"
