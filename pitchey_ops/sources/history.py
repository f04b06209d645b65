"""
Our own history: what the service's watch saw, minute by minute, before anybody was alerted.

Three statements, answered by the service's database and recorded like any other: minutes of the window and the time
before it, ten minutes and hours where the minutes are rolled up already, and the same hour of earlier days. A minute in
which nobody looked, or in which a look saw nothing, is unseen: the coverage says so, and nothing is inferred from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from ..errors import BadPayload, NotConfigured, SourceError
from ..frames import PROBES, UTC_MS
from ..models.exchange import Exchange, Question
from ..models.observation import Coverage, Observation
from ..models.window import Window
from ..settings import Settings
from .channel import Channel
from .reading import Reading, answer, asked, excerpt, iso, loads, not_configured, number, observation_id, observed_all

NAME = "history"
LOOK = "watch/look"
"""The probe whose rows say that somebody looked, and whether anything could be seen."""
OWN = ("api/", "frontend/")
"""Beginnings of the names of probes of our own, which ask as a visitor would."""
BEFORE = timedelta(hours=2)
"""Minutes that are read before the window: since when, and what was before that."""
ROLLED_BEFORE = timedelta(hours=12)
USUAL_DAYS = 28
AROUND_HOURS = 1
EARLIER = timedelta(hours=12)
"""What lies nearer to the window than this may be the trouble itself, and is not what is usual."""
MINUTE_S, TEN_MINUTES_S, HOUR_S = 60.0, 600.0, 3600.0
LIMIT = 60_000
_MISSING = ("42P01", "42703", "3F000")
"""SQLSTATEs of a database that never held a history."""

Columns = Mapping[str, pl.DataType | type[pl.DataType]]
MINUTES: Columns = {
    "minute": UTC_MS,
    "probe": pl.String,
    "state": pl.String,
    "took_ms": pl.Float64,
    "value": pl.Float64,
    "count": pl.Int64,
    "newest": UTC_MS,
    "detail": pl.String,
}
SPANS: Columns = {
    "start": UTC_MS,
    "length_s": pl.Int64,
    "probe": pl.String,
    "looks": pl.Int64,
    "failing": pl.Int64,
    "unseen": pl.Int64,
    "p50_ms": pl.Float64,
    "p95_ms": pl.Float64,
    "value_p50": pl.Float64,
    "value_p95": pl.Float64,
    "newest": UTC_MS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """
    What the watch saw.

    Attributes
    ----------
    minutes
        Columns `MINUTES`, oldest first; ``state`` is ok, failing, missing, empty, blind or unseen.
    spans
        Columns `SPANS` of ten minutes or an hour from before the minutes begin, oldest first.
    usual
        Columns `SPANS`: the same hour of the day, and an hour around it, of `USUAL_DAYS` days before the window.
    """

    minutes: pl.DataFrame
    spans: pl.DataFrame
    usual: pl.DataFrame

    def probes(self, observation: str) -> pl.DataFrame:
        """Return own probes by the minute with the columns `frames.PROBES`: only looks that could see."""
        if self.minutes.is_empty():
            return pl.DataFrame(schema=dict(PROBES))
        own = pl.any_horizontal(pl.col("probe").str.starts_with(start) for start in OWN)
        seen = self.minutes.filter(own, pl.col("state").is_in(["ok", "failing"]))
        return seen.select(
            at=pl.col("minute"),
            probe=pl.col("probe"),
            failing=pl.col("state") == "failing",
            took_ms=pl.col("took_ms"),
            observation=pl.lit(observation),
        ).cast(dict(PROBES))  # type: ignore[arg-type]


class OwnHistory:
    """Reads of the watch's tables; ``not_configured`` without a service beside the archive or an address."""

    name = NAME

    def __init__(self, channel: Channel, settings: Settings, window: Window) -> None:
        self.channel = channel
        self.settings = settings
        self.window = window

    async def probes(self) -> Observation[History]:
        """Read what was seen of the window, of the time before it, and what is usual at this hour."""
        key = observation_id(NAME, "probes")
        if self.settings.history_url is None:
            return not_configured(key, NAME, self.window.end, "PITCHEY_OPS_HISTORY_URL")
        answers = await asyncio.gather(*(self._ask(name, sql) for name, sql in statements(self.window).items()))
        return observed_all(key, NAME, answers, self.window.end, lambda: read(*answers, window=self.window))

    async def _ask(self, name: str, statement: str) -> Exchange:
        question = Question(
            key=observation_id(NAME, name),
            source=NAME,
            kind="sql",
            url=f"history.{name}",
            statement=statement,
            timeout_s=self.settings.statement_timeout_s + self.settings.connect_timeout_s,
            share_for_s=0.0,
            retry=False,
        )
        return await self.channel.ask(question)


def statements(window: Window) -> dict[str, str]:
    """Return the statements about *window* by name; nothing but its times, and numbers of ours, are part of them."""
    start, end = _text(window.start - BEFORE), _text(window.end)
    rolled = _text(window.start - ROLLED_BEFORE)
    present = window.end - timedelta(minutes=1)
    hours = sorted({(present.hour + shift) % 24 for shift in range(-AROUND_HOURS, AROUND_HOURS + 1)})
    among = ", ".join(f"'{hour:02d}'" for hour in hours)
    columns = ", ".join(SPANS)
    first, last = _text(window.start - timedelta(days=USUAL_DAYS)), _text(window.start - EARLIER)
    # every text in these is a time or a number that was made here
    return {
        "minutes": f"select {', '.join(MINUTES)} from ops_history"  # noqa: S608
        f" where minute >= '{start}' and minute < '{end}' order by minute, probe limit {LIMIT}",
        "spans": f"select {columns} from ops_history_spans where start >= '{rolled}' and start < '{end}'"  # noqa: S608
        " and start < (select coalesce(min(minute), '9999') from ops_history) and (length_s = 600 or start <"
        " (select coalesce(min(start), '9999') from ops_history_spans where length_s = 600))"
        f" order by start, probe limit {LIMIT}",
        "usual": f"select {columns} from ops_history_spans where length_s = 3600"  # noqa: S608
        f" and start >= '{first}' and start < '{last}'"
        f" and substr(start, 12, 2) in ({among}) order by start, probe limit {LIMIT}",
    }


def read(minutes: Exchange, spans: Exchange, usual: Exchange, *, window: Window) -> Reading[History]:
    """
    Read the three answers; without the last two there is less to compare with, and the detail says so.

    Raises
    ------
    NotConfigured
        The database never held a history.
    SourceError
        The minutes could not be read.
    """
    if minutes.outcome == "failed" and minutes.detail.startswith(_MISSING):
        raise NotConfigured(
            f"{asked(minutes)}: there is no history in this database ({excerpt(minutes.detail, 120)}). It begins with "
            "the service's first look. Nothing was read."
        )
    rows = _table(minutes, MINUTES)
    missed: list[str] = []
    older, earlier = (_or_none(one, missed) for one in (spans, usual))
    value = History(minutes=rows, spans=older, usual=earlier)
    coverage, unseen = _coverage(value, window)
    words = [] if coverage.share == 1.0 else [f"{1 - (coverage.share or 0.0):.0%} of the window was not seen"]
    words += [f"looked and saw nothing in {unseen} minute(s)"] if unseen else []
    words += missed
    blind = not coverage.share
    return Reading(
        value=value,
        status="blind" if blind else "observed",
        coverage=coverage,
        detail="nobody looked in the window; " * blind + "; ".join(words),
    )


def _or_none(exchange: Exchange, missed: list[str]) -> pl.DataFrame:
    try:
        return _table(exchange, SPANS)
    except SourceError as exc:
        missed.append(f"{exchange.url} could not be read ({exc.reason.replace('_', ' ')})")
        return pl.DataFrame(schema=dict(SPANS))


def _coverage(value: History, window: Window) -> tuple[Coverage, int]:
    """Return what was seen of *window*, and in how many of its minutes a look saw nothing."""
    looks = value.minutes.filter(pl.col("probe") == LOOK)
    inside = looks.filter(pl.col("minute").is_between(window.start - timedelta(minutes=1), window.end, closed="right"))
    good = inside.filter(pl.col("state") == "ok").height
    rolled = value.spans.filter(
        pl.col("probe") == LOOK, pl.col("start") >= window.start - timedelta(minutes=10), pl.col("start") < window.end
    )
    seen = rolled.select((pl.col("looks") - pl.col("unseen")).sum()).item() or 0
    due = max(1.0, int(window.duration.total_seconds() // MINUTE_S))
    times = [*looks.get_column("minute").to_list(), *rolled.get_column("start").to_list()]
    coverage = Coverage(
        asked_start=window.start,
        asked_end=window.end,
        seen_start=min(times, default=None),
        seen_end=max(times, default=None),
        count=good + int(seen),
        cut=value.minutes.height >= LIMIT,
        share=round(min(1.0, (good + seen) / due), 6),
    )
    return coverage, inside.filter(pl.col("state") != "ok").height


def _table(exchange: Exchange, columns: Columns) -> pl.DataFrame:
    answer(exchange)
    value = loads(exchange.text())
    if not isinstance(value, dict) or value.get("columns") != list(columns):
        raise BadPayload(f"{asked(exchange)}: other columns than declared. Nothing was read.")
    rows = [row for row in value.get("rows") or () if isinstance(row, list) and len(row) == len(columns)]
    if not rows:
        return pl.DataFrame(schema=dict(columns))
    cells = [[_cell(cell, kind) for cell, kind in zip(row, columns.values(), strict=True)] for row in rows]
    table = pl.DataFrame(cells, schema=dict(columns), orient="row")
    first = next(iter(columns))
    return table.filter(pl.col(first).is_not_null(), pl.col("probe").is_not_null())


def _cell(value: Any, kind: Any) -> Any:
    if kind == pl.String:
        return value if isinstance(value, str) else None
    if kind == UTC_MS:
        return _moment(value)
    found = number(value)
    if found is None or kind == pl.Float64:
        return found
    return int(found) if abs(found) < 2**53 else None


def _moment(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and len(value) <= 40 else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _text(moment: datetime) -> str:
    """Return *moment* as the tables have it: fixed width, so that text compares as time does."""
    return iso(moment)[:23] + "000Z"
