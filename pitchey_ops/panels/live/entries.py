"""Log entries from pattern to entry to trace, quick on hundreds of thousands. No widgets, no asking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

import polars as pl

from ...findings._grouping import group_messages
from ...frames import UTC_MS

PAGE: Final = 50
PATTERNS_MOST: Final = 200
TRACE_MOST: Final = 200
AROUND: Final = timedelta(seconds=5)
LEVELS: Final[dict[str, tuple[str, ...]]] = {
    "errors": ("error", "fatal", "critical"),
    "warnings and errors": ("warn", "warning", "error", "fatal", "critical"),
    "every level": (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page of entries: *rows* as dictionaries of `frames.LOGS`, newest first, of *total*."""

    rows: tuple[dict[str, Any], ...]
    total: int


class Entries:
    """
    The entries of one view.

    Parameters
    ----------
    logs, spans
        `frames.LOGS` and `frames.SPANS`, whole.
    since
        Entries from here on are explored (UTC); a trace may begin before.
    """

    def __init__(self, logs: pl.DataFrame, spans: pl.DataFrame, since: datetime) -> None:
        self._all = logs
        self._spans = spans
        self._since = since

    @cached_property
    def rows(self) -> pl.DataFrame:
        """The explored entries with ``pattern_id`` and ``template``, newest first; grouped once."""
        frame = self._all.filter(pl.col("at") >= pl.lit(self._since).cast(UTC_MS)).sort("at", descending=True)
        if frame.is_empty():
            return frame.with_columns(pattern_id=pl.lit("", dtype=pl.String))
        grouping = group_messages(frame.get_column("message"))
        return frame.with_columns(grouping.pattern_ids.alias("pattern_id"))

    @cached_property
    def services(self) -> tuple[str, ...]:
        """Services of the explored entries, by name."""
        return tuple(self.rows.get_column("service").drop_nulls().unique().sort().head(PATTERNS_MOST).to_list())

    def _chosen(self, level: str, service: str, text: str) -> pl.DataFrame:
        frame = self.rows
        levels = LEVELS.get(level, ())
        if levels:
            frame = frame.filter(pl.col("level").is_in(levels))
        if service:
            frame = frame.filter(pl.col("service") == service)
        if text:
            wanted = text.lower()
            frame = frame.filter(
                pl.any_horizontal(
                    *(
                        pl.col(name).str.to_lowercase().str.contains(wanted, literal=True)
                        for name in ("message", "url", "trace_id", "component")
                    )
                ).fill_null(value=False)
            )
        return frame

    def patterns(self, *, level: str = "errors", service: str = "", text: str = "") -> pl.DataFrame:
        """
        Return ``pattern_id``, ``count``, ``first_at``, ``last_at``, ``services``, ``example``, most frequent first.
        """
        return (
            self._chosen(level, service, text)
            .group_by("pattern_id")
            .agg(
                pl.len().alias("count"),
                pl.col("at").min().alias("first_at"),
                pl.col("at").max().alias("last_at"),
                pl.col("service").drop_nulls().unique().sort().head(5).alias("services"),
                pl.col("message").first().str.slice(0, 400).alias("example"),
            )
            .sort(["count", "pattern_id"], descending=[True, False])
            .head(PATTERNS_MOST)
        )

    def page(
        self, pattern_id: str, *, level: str = "errors", service: str = "", text: str = "", page: int = 0
    ) -> Found:
        """Return a page of `PAGE` entries of one pattern, newest first."""
        hits = self._chosen(level, service, text).filter(pl.col("pattern_id") == pattern_id)
        return Found(rows=tuple(hits.slice(page * PAGE, PAGE).iter_rows(named=True)), total=hits.height)

    def trace(self, entry: dict[str, Any]) -> tuple[pl.DataFrame, bool]:
        """
        Return what belongs to *entry* as ``at``, ``service``, ``what``, ``level``, ``duration_ms``, oldest first, and
        whether a trace id says so; without one, its service's entries of the seconds around it.
        """
        trace_id = entry.get("trace_id")
        if trace_id:
            logs = self._all.filter(pl.col("trace_id") == trace_id)
            spans = self._spans.filter(pl.col("trace_id") == trace_id)
        else:
            at = entry["at"]
            same = pl.col("service").eq_missing(pl.lit(entry.get("service"), dtype=pl.String))
            logs = self._all.filter(same & pl.col("at").is_between(at - AROUND, at + AROUND))
            spans = self._spans.head(0)
        told = logs.select("at", "service", pl.col("message").str.slice(0, 2_000).alias("what"), "level", "duration_ms")
        called = spans.select(
            "at", "service", pl.col("operation").alias("what"), pl.lit("span").alias("level"), "duration_ms"
        )
        return pl.concat([told, called]).sort("at", maintain_order=True).head(TRACE_MOST), bool(trace_id)
