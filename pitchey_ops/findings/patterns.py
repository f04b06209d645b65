"""
What the logs say, told once per kind of message: patterns, and which of them are new or rising.

How it looks when the source misleads: with no entries at all every function returns an empty frame, which says
nothing about the platform; a store that shows only its oldest entries gives patterns that stop early (look at
``last_at``); entries that come late are missing, never wrong. Whether the source was empty, late or cut is told by
the observations, not here. A service that shows no entry before the onset has nothing to compare with: its patterns
are neither new nor rising but null.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import betainc

from ..frames import UTC_MS
from ..models.window import Window
from ._grouping import Grouping, assign, group_messages
from ._masking import rough_keys

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

__all__ = ["CHANGES", "PATTERNS", "Grouping", "group_messages", "new_or_rising", "patterns"]

PATTERNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "pattern_id": pl.String,
    "template": pl.String,
    "example": pl.String,  # its first message, cut
    "service": pl.String,  # the one that says it most often
    "services": pl.List(pl.String),  # all that say it, most often first
    "level": pl.String,  # the most frequent one; of equals the most severe
    "count": pl.Int64,
    "first_at": UTC_MS,
    "last_at": UTC_MS,
}
"""One row a pattern, most frequent first."""

CHANGES: dict[str, pl.DataType | type[pl.DataType]] = {
    **PATTERNS,
    "count_before": pl.Int64,
    "count_after": pl.Int64,
    "per_min_before": pl.Float64,
    "per_min_after": pl.Float64,
    "ratio": pl.Float64,  # of the rates, half an entry added on both sides
    "p_value": pl.Float64,
    "surprise": pl.Float64,  # -log10(p_value), at most MAX_SURPRISE
    "is_new": pl.Boolean,
    "is_rising": pl.Boolean,
}
"""One row a pattern, most surprising first."""

EXAMPLE_CHARS = 300
"""Longest example, in characters."""

RISING_RATIO = 2.0
"""A rising pattern comes at least twice as often as before: smaller changes are a day's rhythm."""

RISING_P = 1e-3
"""Chance of calling any pattern rising while all rates are equal, shared among the patterns (Bonferroni)."""

MAX_SURPRISE = 300.0
"""Where surprise ends: below 1e-300 a p-value has no meaning left."""

_SEVERE = ("trace", "debug", "info", "notice", "warn", "warning", "error", "critical", "fatal")


def patterns(logs: pl.DataFrame) -> pl.DataFrame:
    """
    Return the patterns of *logs* (`frames.LOGS`) as `PATTERNS`, most frequent first.

    The same entries give the same frame in whatever order they come.
    """
    return _described(*_coded(logs))


def new_or_rising(
    logs: pl.DataFrame,
    *,
    onset: datetime,
    window: Window,
    baseline: Window | None = None,
    remember: bool = False,
) -> pl.DataFrame:
    """
    Compare how often each pattern comes since *onset* with how often it came before.

    After is ``[onset, window.end)``; before is *baseline*, at most up to *onset*, or ``[window.start, onset)``.
    Both are grouped in one go. Under "nothing changed" the entries of a pattern fall on both spans as their lengths
    do, so the count after is binomial given the total (the exact conditional test of two Poisson rates,
    Przyborowski & Wilenski 1940); ``p_value`` is its one-sided tail. Log lines come in bursts, so a small p-value
    alone says little: ``is_rising`` also wants the rates to differ by `RISING_RATIO`.

    With *remember*, entries from before the baseline tell what is not new, and count for nothing else: what the
    store shows of last week is no measure of how often, only of whether.

    Returns
    -------
    polars.DataFrame
        `CHANGES`, most surprising first. ``is_new``: seen after, never before. ``is_rising``: the ratio is at least
        `RISING_RATIO` and the p-value at most `RISING_P` shared among the patterns; a new pattern can be rising too.
        Both are null, as are the ratio, the p-value and the surprise, where none of the pattern's services has an
        entry in the time before: silence there is no baseline. Entries without a time are left out.

    Raises
    ------
    ValueError
        *onset* is naive or leaves no time before or after it.
    """
    if onset.tzinfo is None:
        raise ValueError("an onset needs an aware time")
    since, until = (baseline.start, min(baseline.end, onset)) if baseline else (window.start, onset)
    minutes_before = (until - since).total_seconds() / 60
    minutes_after = (window.end - onset).total_seconds() / 60
    if minutes_before <= 0 or minutes_after <= 0:
        raise ValueError(f"no time to compare: before {since} .. {until}, after {onset} .. {window.end}")
    at = pl.col("at")
    before = (at >= pl.lit(since).cast(UTC_MS)) & (at < pl.lit(until).cast(UTC_MS))
    after = (at >= pl.lit(onset).cast(UTC_MS)) & (at < pl.lit(window.end).cast(UTC_MS))
    old = (at < pl.lit(since).cast(UTC_MS)) if remember else pl.lit(value=False)
    seen = logs.filter(before | after | old)
    if seen.filter(before | after).is_empty():
        return pl.DataFrame(schema=CHANGES)
    lines, of_code = _coded(seen)
    told = lines.filter(before | old)["service"].unique()
    counts = (
        lines.group_by("code")
        .agg(
            before.sum().cast(pl.Int64).alias("count_before"),
            after.sum().cast(pl.Int64).alias("count_after"),
            old.sum().cast(pl.Int64).alias("count_old"),
        )
        .join(of_code, on="code")
        .group_by("pattern_id")
        .agg(pl.col("count_before", "count_after", "count_old").sum())
        .filter(pl.col("count_before") + pl.col("count_after") > 0)
    )
    frame = _described(lines.filter(before | after), of_code).join(counts, on="pattern_id")
    b, a = frame["count_before"].to_numpy(), frame["count_after"].to_numpy()
    share = minutes_after / (minutes_after + minutes_before)
    p_value = np.clip(_at_least(a, b, share), 10**-MAX_SURPRISE, 1.0)
    ratio = ((a + 0.5) / minutes_after) / ((b + 0.5) / minutes_before)
    frame = frame.with_columns(
        (pl.col("count_before") / minutes_before).alias("per_min_before"),
        (pl.col("count_after") / minutes_after).alias("per_min_after"),
        pl.Series("ratio", ratio),
        pl.Series("p_value", p_value),
        pl.Series("surprise", np.abs(np.log10(p_value))),
        pl.Series("is_new", (b == 0) & (a > 0) & (frame["count_old"].to_numpy() == 0)),
        pl.Series("is_rising", (ratio >= RISING_RATIO) & (p_value <= RISING_P / frame.height)),
        comparable=pl.col("services").list.eval(pl.element().is_in(told.implode())).list.any()
        | (pl.col("services").list.len() == 0),
    )
    judged = ["ratio", "p_value", "surprise", "is_new", "is_rising"]
    return (
        frame.with_columns(pl.when("comparable").then(pl.col(judged)))
        .select(list(CHANGES))
        .cast(cast(Any, CHANGES))
        .sort(
            ["surprise", "count_after", "pattern_id"], descending=[True, True, False], nulls_last=[True, False, False]
        )
    )


def _at_least(after: Counts, before: Counts, share: float) -> Floats:
    """
    Return P(X >= after) for X binomial of ``after + before`` trials with probability *share*.

    The regularised incomplete beta function I_share(after, before + 1) (NIST DLMF 8.17.5), 1 where *after* is 0.
    """
    tail = betainc(np.maximum(after, 1), before + 1, share)
    return np.asarray(np.where(after > 0, tail, 1.0), dtype=np.float64)


def _coded(logs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """
    Return the entries with a ``code`` each, and ``code``, ``pattern_id``, ``template`` of every code.

    A code is a number that stands for a rough key, so that a million lines are grouped by one number each.
    """
    rough = rough_keys(logs["message"]).cast(pl.Categorical)
    lines = logs.select("at", "service", "level", "message").with_columns(rough.to_physical().alias("code"))
    counted = (
        pl.DataFrame({"rough": rough, "code": lines["code"]})
        .group_by("code")
        .agg(pl.col("rough").first().cast(pl.String), pl.len().alias("count"))
    )
    return lines, assign(counted)[0].select("code", "pattern_id", "template")


def _described(lines: pl.DataFrame, of_code: pl.DataFrame) -> pl.DataFrame:
    if lines.is_empty():
        return pl.DataFrame(schema=PATTERNS)
    tallies = (
        lines.with_columns(pl.col("service", "level").cast(pl.Categorical))
        .group_by("code", "service", "level")
        .agg(
            pl.len().cast(pl.Int64).alias("count"),
            pl.col("at").min().alias("first_at"),
            pl.col("at").max().alias("last_at"),
        )
        .with_columns(pl.col("service", "level").cast(pl.String))
        .join(of_code, on="code")
    )
    return (
        tallies.group_by("pattern_id")
        .agg(
            pl.col("template").first(),  # an id has one template
            pl.col("count").sum(),
            pl.col("first_at").min(),
            pl.col("last_at").max(),
        )
        .join(_services(tallies), on="pattern_id", how="left")
        .join(_levels(tallies), on="pattern_id", how="left")
        .join(_examples(lines, of_code), on="pattern_id", how="left")
        .with_columns(pl.col("services").fill_null([]))
        .with_columns(pl.col("services").list.first().alias("service"))
        .select(list(PATTERNS))
        .cast(cast(Any, PATTERNS))
        .sort(["count", "pattern_id"], descending=[True, False])
    )


def _services(tallies: pl.DataFrame) -> pl.DataFrame:
    return (
        tallies.drop_nulls("service")
        .group_by("pattern_id", "service")
        .agg(pl.col("count").sum())
        .sort(["pattern_id", "count", "service"], descending=[False, True, False])
        .group_by("pattern_id", maintain_order=True)
        .agg(pl.col("service").alias("services"))
    )


def _levels(tallies: pl.DataFrame) -> pl.DataFrame:
    severity = pl.col("level").replace_strict({level: n for n, level in enumerate(_SEVERE)}, default=-1)
    return (
        tallies.drop_nulls("level")
        .group_by("pattern_id", "level")
        .agg(pl.col("count").sum())
        .with_columns(severity.alias("severity"))
        .sort(["pattern_id", "count", "severity", "level"], descending=[False, True, True, False])
        .unique("pattern_id", keep="first", maintain_order=True)
        .select("pattern_id", "level")
    )


def _examples(lines: pl.DataFrame, of_code: pl.DataFrame) -> pl.DataFrame:
    """Return the first message of each pattern; of several at the same time the first by text."""
    at = pl.col("at").fill_null(pl.lit(datetime(9999, 1, 1, tzinfo=UTC)).cast(UTC_MS))
    earliest = (
        lines.group_by("code")
        .agg(at.min().alias("earliest"))
        .join(of_code, on="code")
        .filter(pl.col("earliest") == pl.col("earliest").min().over("pattern_id"))
        .select("code", "earliest", "pattern_id")
    )
    cut = pl.col("message").fill_null("")
    return (
        lines.filter(pl.col("code").is_in(earliest["code"].implode()))
        .select("code", "at", "message")
        .join(earliest, on="code")
        .filter(at == pl.col("earliest"))
        .group_by("pattern_id")
        .agg(cut.min().alias("example"))
        .with_columns(
            pl.when(pl.col("example").str.len_chars() > EXAMPLE_CHARS)
            .then(pl.col("example").str.slice(0, EXAMPLE_CHARS - 1) + "…")
            .otherwise("example")
            .alias("example")
        )
    )
