"""Everything that a rule may look at, and what several rules share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial
from ipaddress import ip_network
from typing import Any

import polars as pl

from ..companion import elsewhere
from ..frames import Frames
from ..models.observation import AnyObservation, Observed, Unavailable
from ..models.window import Window
from ..settings import Settings
from ._attack_shapes import usual_shapes
from ._clients import IPNetwork
from ._grouping import group_messages
from .attacks import attackers
from .onset import Onset, Symptoms, is_vague, overall, symptoms
from .patterns import CHANGES, new_or_rising, patterns
from .scan import Look, scan

ERROR_LEVELS = ("error", "fatal", "critical")
SIGN_IN = r"(?i)/(?:login|log-in|signin|sign-in|session)s?(?:/|\?|$)"
"""Paths at which people sign in."""


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
    def symptoms(self) -> Symptoms:
        """What became of every series in time."""
        return symptoms(self.frames)

    @cached_property
    def onset(self) -> Onset | None:
        """The incident's onset, or None when nothing shows one."""
        found = overall(self, still_at=self.window.start)
        if is_vague(found) and self.look is not None:
            found = self.look.onset or found
        if found is None:
            from .refused import refused_onset  # refusals are told of a case

            found = refused_onset(self)
        return found

    @cached_property
    def look(self) -> Look | None:
        """For a recorded case without an alert time: where its requests are looked at (`findings.scan`)."""
        if self.alert_at is not None or "case/logs/all" not in self.observations:
            return None
        return scan(self.frames)

    @cached_property
    def since(self) -> datetime:
        """The onset, or else the later half of the window: what *since then* is compared from."""
        if self.onset is not None:
            return self.onset.at
        return self.window.end - self.window.duration / 2

    @cached_property
    def bad_requests(self) -> pl.DataFrame:
        """Request-log entries with a status, with ``failed`` (5xx): the users' view as the logs give it."""
        if self.frames.logs.is_empty():
            return self.frames.logs.hstack([pl.Series("failed", [], pl.Boolean)])
        return (
            self.frames.logs.filter(pl.col("status").is_between(100, 599))
            .with_columns((pl.col("status") >= 500).alias("failed"))
            .sort("at", maintain_order=True)
        )

    @cached_property
    def errors(self) -> pl.DataFrame:
        """Error entries up to the present, also from before the window, with their ``pattern_id``."""
        wanted = pl.col("level").is_in(list(ERROR_LEVELS)) & (pl.col("at") < self.end)
        frame = self.frames.logs.filter(wanted)
        if frame.is_empty():
            return frame.with_columns(pattern_id=pl.lit("", dtype=pl.String))
        return frame.with_columns(group_messages(frame.get_column("message")).pattern_ids.alias("pattern_id"))

    @property
    def protected(self) -> tuple[IPNetwork, ...]:
        """Networks of the settings that are never proposed for a block."""
        return tuple(ip_network(text, strict=False) for text in self.settings.own_networks)

    @cached_property
    def clients(self) -> pl.DataFrame | None:
        """Every notable address since the window's start with its verdict (`attacks.attackers`); None without any."""
        if self.frames.logs.is_empty():
            return None
        inside = pl.col("at").is_between(self.window.start, self.end, closed="left")
        logs = self.frames.logs.filter(inside)
        if logs.get_column("ip").drop_nulls().is_empty():
            return None
        # a handler's own error ("... authentication failed") under a visitor's address is no try of the visitor
        ours = (
            pl.col("level").is_in(list(ERROR_LEVELS))
            & pl.col("event").is_null()
            & ~pl.coalesce("url", pl.lit("/login")).str.contains(SIGN_IN)
        )
        logs = logs.with_columns(message=pl.when(~ours.fill_null(value=False)).then(pl.col("message")))
        firewall = self.frames.firewall.filter(inside)
        judge = partial(attackers, protected=self.protected, firewall=firewall, usual=self.usual_shapes)
        return elsewhere(judge, logs)

    @cached_property
    def usual_shapes(self) -> pl.DataFrame:
        """How routes were asked before the window (`_attack_shapes.usual_shapes`)."""
        return usual_shapes(self.frames.logs.filter(pl.col("at") < self.window.start))

    @cached_property
    def counted_from(self) -> datetime:
        """
        Since when entries can be counted: the window's start, or earlier where every service was seen as a whole.
        """
        first = self.frames.logs.get_column("at").min()
        if not isinstance(first, datetime) or self.frames.log_seen_from:
            return self.window.start
        return max(first, self.window.start - timedelta(hours=2))

    @cached_property
    def end(self) -> datetime:
        """Where the evidence ends: the window's end, or the present where that is later."""
        return max(self.window.end, self.now) + timedelta(milliseconds=1)

    @cached_property
    def error_changes(self) -> pl.DataFrame:
        """Error patterns (`findings.patterns.CHANGES`), most surprising first; without an onset by count."""
        frame = self.errors.drop("pattern_id")
        if frame.is_empty():
            return pl.DataFrame(schema=CHANGES)
        if self.onset is not None and self.counted_from < self.onset.at < self.end:
            whole = Window(start=self.counted_from, end=self.end)
            return new_or_rising(frame, onset=self.onset.at, window=whole, remember=True)
        table = patterns(frame.filter(pl.col("at") >= self.window.start))
        added = [pl.lit(None, dtype=kind).alias(name) for name, kind in CHANGES.items() if name not in table.columns]
        return table.with_columns(added).select(list(CHANGES)).with_columns(pl.col("count").alias("count_after"))

    def pattern_times(self, pattern_id: str) -> list[int]:
        """Return the times (ms since the epoch) of one error pattern's entries."""
        hits = self.errors.filter(pl.col("pattern_id") == pattern_id)
        return hits.get_column("at").dt.epoch("ms").to_list()

    @cached_property
    def log_evidence(self) -> tuple[str, ...]:
        """Observations that hold log entries of errors."""
        return observation_ids(self.errors)


def observation_ids(frame: pl.DataFrame, limit: int = 12) -> tuple[str, ...]:
    """Return the ids of the observations that *frame*'s rows came from, sorted, at most *limit*."""
    if frame.is_empty():
        return ()
    names = frame.get_column("observation").drop_nulls().unique().sort().to_list()
    return tuple(names[:limit])
