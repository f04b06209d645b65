"""
What browsers and error trackers say of slow pages, where the figures of Web Vitals are blind.

Pages and their observers (PerformanceObserver, the web-vitals library, Chrome's violations, session recorders, Sentry's
performance issues) write a line where a page jumps, hangs or paints late. One such line is somebody's old telephone;
many, from the moment on at which nobody wrote any, are the pages. And where a change of the pages is written down,
nobody who cannot see how they feel since then should call it a calm day.

How it looks if the source lied: single invented lines are too few; where entries came late or were cut there are fewer
of them and this looks over; where it was empty, nothing is told, which is no all-clear.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from ..models.observation import Observed
from .case import Case, observation_ids

SLOW_WORDS = (
    r"(?i)\blong[ -]?(?:animation[ -]?frame|task)s?\b|\bloaf\b|\blayout[ -]?(?:shift|instability|thrash\w*)s?\b"
    r"|\b(?:lcp|inp|cls|fcp|ttfb|fid|tbt|tti|speed ?index|largest[ -]contentful|first[ -]contentful"
    r"|first[ -]input|interaction[ -]to[ -]next|cumulative[ -]layout|total[ -]blocking"
    r"|time[ -]to[ -]interactive|event[ -]timing)\b"
    r"|\b(?:slow|late|delayed|blocked|sluggish) (?:interaction|input|tap|click|paint|render|frame|first paint)"
    r"|slow hydration"
    r"|main[ -]thread (?:was )?(?:blocked|busy|stalled)|page (?:is )?unresponsive"
    r"|unresponsive script|ui (?:freeze|hang)"
    r"|\b(?:rage|dead)[ -]?clicks?\b|forced reflow|\[violation\]|dropped frames|\bjank\w*|frames? (?:per second|rate) "
    r"|render[ -]blocking|(?:hydrat\w+|render\w*|paint\w*|script evaluation)\b.{0,40}\b(?:took|lasted|after) \d{3,} ?ms"
)
"""What says that a page paints late, jumps or does not answer."""
WITHIN = (
    r"(?i)\b(?:lcp|inp|cls|fcp|ttfb|fid)\b[^\d]{0,12}(?:(?:0?\.0\d+|0(?:\.0+)?)\b|\d{1,2} ?ms)"
    r"|\bgood\b|within budget|\bok\b"
)
"""Such a line that says that all is well."""
BROWSERS = ("frontend", "web", "browser", "client", "ui", "spa", "rum", "analytics", "pages", "site")
RECENT = timedelta(hours=6)
COUNT_MIN = 12
MINUTES_MIN = 6
RISE = 3.0
"""Share of all that browsers say since then, against the share before."""
KNOWN_MIN = 50
GOES_ON = timedelta(minutes=10)
CHANGED = (
    r"(?i)(?:tag[ -]?manager|\bgtm\b|\bcontainer GTM|consent|cookie (?:banner|notice)|\bcmp\b|experiment|a/b[ -]test"
    r"|\bvariant|widget|chat ?bot|\bpixel\b|snippet|third[- ]party script|script tag"
    r"|web ?fonts?\b|\btheme\b|\bhero\b"
    r"|\bcms\b|banner|carousel|polyfill|rocket loader|auto minify|\bmirage\b|\bpolish\b|zaraz"
    r"|early hints|image (?:quality"
    r"|resizing|compression)|ad (?:slot|server|unit)s?|stylesheet|template|page rule|cache rule for (?:assets|/assets))"
    r".{0,120}(?:publish|enabl|switch|activat|deploy|chang|set to|turned|added|roll|launch|swap"
    r"|replac|updat|insert|remov)"
)
"""What an audit trail says of a change of the pages that is no release of ours."""
TRAILS = ("audit", "changes", "change-log", "changelog", "config", "cms", "tag-manager", "marketing", "flags")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Words of slow pages: since when, how many, by how many minutes, an example, from which observations."""

    at: datetime
    count: int
    before: int
    example: str
    evidence: tuple[str, ...]


def said_slow(case: Case) -> Said | None:
    """Return what browsers have said of slow pages since shortly before the window and not before; None if nothing."""
    logs = case.frames.logs.filter(
        (pl.col("at") < case.end)
        & pl.col("service").str.to_lowercase().is_in(list(BROWSERS))
        & pl.col("status").is_null()
    )
    if logs.is_empty():
        return None
    text = pl.col("message").str.slice(0, 400)
    logs = logs.with_columns(
        slow=(text.str.contains(SLOW_WORDS) & ~text.str.contains(WITHIN)).fill_null(value=False),
    ).sort("at")
    recent = case.window.start - RECENT
    mine = logs.filter(pl.col("slow") & (pl.col("at") >= recent))
    if mine.height < COUNT_MIN:
        return None
    earlier = logs.filter(pl.col("at") < recent)
    services = mine.get_column("service").unique().to_list()
    if earlier.height < KNOWN_MIN and not all(_whole(case, name) for name in services):
        return None
    first, last = mine.get_column("at")[0], mine.get_column("at")[-1]
    minutes = mine.get_column("at").dt.truncate("1m").n_unique()
    since = logs.filter(pl.col("at") >= first).height
    usual = earlier.filter("slow").height / max(1, earlier.height)
    if minutes < MINUTES_MIN or mine.height < RISE * usual * since or case.now - last > GOES_ON:
        return None
    return Said(
        at=first,
        count=mine.height,
        before=earlier.filter("slow").height,
        example=str(mine.get_column("message")[0])[:160],
        evidence=observation_ids(mine),
    )


def changed_pages(case: Case, since: datetime) -> pl.DataFrame:
    """Return the lines of an audit trail that tell of a change of the pages from *since* on, oldest first."""
    part = pl.coalesce("component", "service").str.to_lowercase()
    told = pl.col("message").str.slice(0, 400).str.contains(CHANGED)
    return case.frames.logs.filter(
        pl.col("at").is_between(since, case.now) & part.is_in(list(TRAILS)) & told.fill_null(value=False)
    ).sort("at")


def _whole(case: Case, service: str) -> bool:
    told = case.observations.get(f"logs/service/{service}")
    return isinstance(told, Observed) and told.status == "observed" and not told.coverage.cut
