"""Everything that a rule may look at, and what several rules share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from ..frames import Frames
from ..models.observation import AnyObservation, Observed, Unavailable
from ..models.window import Window
from ..settings import Settings

BASELINE_SHARE_MIN = timedelta(minutes=10)
"""Before the onset there must be at least this much to compare with."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """
    One investigation's evidence.

    Attributes
    ----------
    window
        What the run was asked about.
    now
        When the last answer of the evidence was asked for: the analysis's only idea of the present.
    alert_at
        When the first alert came, if one did.
    frames
        All tables.
    observations
        Every observation by its id.
    """

    window: Window
    now: datetime
    frames: Frames
    observations: Mapping[str, AnyObservation]
    settings: Settings
    alert_at: datetime | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def seen(self, prefix: str) -> Iterator[Observed[Any]]:
        """Yield the observations under *prefix* (``source`` or ``source/probe``) that hold an answer."""
        for key in sorted(self.observations):
            found = self.observations[key]
            if (key == prefix or key.startswith(prefix + "/")) and isinstance(found, Observed):
                yield found

    def missing(self, prefix: str) -> Iterator[Unavailable]:
        """Yield the observations under *prefix* that hold no answer, by id."""
        for key in sorted(self.observations):
            found = self.observations[key]
            if (key == prefix or key.startswith(prefix + "/")) and isinstance(found, Unavailable):
                yield found

    def one(self, prefix: str) -> Observed[Any] | None:
        """Return the first observation under *prefix* that holds an answer, or None."""
        return next(self.seen(prefix), None)

    def why_missing(self, *prefixes: str) -> str:
        """Say in one line why nothing under *prefixes* was seen."""
        reasons = []
        for prefix in prefixes:
            found = next(self.missing(prefix), None)
            if found is None:
                reasons.append(f"{prefix} was not asked")
            else:
                reasons.append(f"{prefix}: {found.reason.replace('_', ' ')}")
        return "; ".join(reasons)

    @cached_property
    def onset(self) -> Any:
        """The overall onset (`findings.onset.Onset`), or None when no symptom has one."""
        from .onset import overall

        return overall(self)

    @cached_property
    def since(self) -> datetime:
        """The onset, or else the later half of the window: what *since then* is compared from."""
        if self.onset is not None:
            return self.onset.at  # type: ignore[no-any-return]
        return self.window.end - self.window.duration / 2

    @cached_property
    def bad_requests(self) -> pl.DataFrame:
        """Request-log entries with a status, with ``failed`` (5xx): the users' view as the logs give it."""
        return (
            self.frames.logs.filter(pl.col("status").is_between(100, 599))
            .with_columns((pl.col("status") >= 500).alias("failed"))
            .sort("at", maintain_order=True)
        )


def observation_ids(frame: pl.DataFrame, limit: int = 12) -> tuple[str, ...]:
    """Return the ids of the observations that *frame*'s rows came from, sorted, at most *limit*."""
    if frame.is_empty():
        return ()
    names = frame.get_column("observation").drop_nulls().unique().sort().to_list()
    return tuple(names[:limit])
