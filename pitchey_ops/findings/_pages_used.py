"""
Do people use the pages as before, where nobody can see how they feel?

Pages that jump, hang or stay white lose their people first: fewer of their calls arrive, though every one of them is
answered well. So where the figures of Web Vitals are blind after a change of the pages, this is asked instead: are
pages and what they call asked for as often as before, route by route, are the page's files there and light, and could
browsers have complained?

How it looks if the source lied: an edge that repeats old minutes shows no change, so entries of browsers, Sentry and
the files themselves must have been seen, too. Where one of them was empty, unread or cut, or where the change is so
young that few people met it, nothing is told, which leaves the doubt; an edge that is late shows fewer minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

import polars as pl

from ..models.finding import Severity
from ._page_words import BROWSERS
from ._requests import LATE
from .assets import API, EDGE_ASSET, GONE, heavy
from .case import Case

BEFORE = timedelta(hours=1)
KNOWN_MIN = 15.0
"""Minutes of it that were seen, from which a rate is known."""
MET_MIN = timedelta(minutes=8)
"""Time that people had to meet the change, beside the edge's late minutes."""
VIEWS_MIN = 60.0
"""Page views since then, from which it can be told how people take it."""
ASKED_MIN = 8.0
"""Requests of a route to be expected since then, from which its own rate counts."""
ROUTES_MIN = 6
AS_OFTEN = 0.8
"""Median over the routes of requests a minute against the hour before; no hour of a day falls so far in one more."""
ENTRIES_MIN = 5
"""Entries of browsers since then, from which they could have complained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Page views since the change, and the median over *routes* of how often they are asked for against before."""

    views: float
    ratio: float
    routes: int
    evidence: tuple[str, ...]


def used_as_before(case: Case, first: datetime, last: datetime) -> Used | None:
    """
    Return how people use the pages since the *last* change, against the hour before the *first* one.

    None where they use them less, or where that cannot be told.
    """
    until = case.now - LATE
    if until - last < MET_MIN or not _could_complain(case, last) or not _light(case):
        return None
    edge = case.frames.edge.filter((pl.col("status") < 400) & pl.col("route").is_not_null())
    before, known = _per_min(edge, first - BEFORE, first)
    after, minutes = _per_min(edge, last, until)
    views = sum(rate for route, rate in after.items() if _is_page(route)) * minutes
    often = {route: rate for route, rate in before.items() if rate * minutes >= ASKED_MIN}
    calls = sum(map(_is_call, often))
    if known < KNOWN_MIN or views < VIEWS_MIN or calls < ROUTES_MIN:
        return None
    ratio = median(after.get(route, 0.0) / rate for route, rate in often.items())
    if ratio < AS_OFTEN:
        return None
    looked = case.one("frontend/assets")
    return Used(
        views=views,
        ratio=ratio,
        routes=len(often),
        evidence=(*sorted(set(edge.get_column("observation").drop_nulls()))[:6], *([looked.id] if looked else [])),
    )


def _per_min(edge: pl.DataFrame, start: datetime, end: datetime) -> tuple[dict[str, float], float]:
    """Return requests a minute by route, in the routes' order, and the minutes that were seen."""
    part = edge.filter(pl.col("at").is_between(start, end, closed="left"))
    minutes = float(part.get_column("at").dt.truncate("1m").n_unique())
    table = part.group_by("route").agg(pl.col("requests").sum()).sort("route")
    return {route: n / minutes for route, n in table.iter_rows()}, minutes


def _is_call(route: str) -> bool:
    return bool(pl.select(pl.lit(route).str.contains(API)).item())


def _is_page(route: str) -> bool:
    return not _is_call(route) and not pl.select(pl.lit(route).str.contains(EDGE_ASSET)).item()


def _could_complain(case: Case, since: datetime) -> bool:
    """Whether entries of browsers since then, and Sentry's list, were seen: `kinds` and `issues` tell what they say."""
    said = case.frames.logs.filter(
        pl.col("at").is_between(since, case.now) & pl.col("service").str.to_lowercase().is_in(list(BROWSERS))
    )
    return said.height >= ENTRIES_MIN and case.one("sentry/issues") is not None


def _light(case: Case) -> bool:
    """Whether all files of the start page were read, are there, and none makes it heavy."""
    looked = case.one("frontend/assets")
    if looked is None or looked.coverage.share != 1.0 or not looked.value:
        return False
    gone = any(asset.problem in GONE for asset in looked.value)
    return not gone and all(one.severity < Severity.WARNING for one in heavy(looked))
