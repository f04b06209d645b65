"""Before and after: is a measure clearly larger than it was, group by group?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import polars as pl

EACH_SIDE_MIN = 5
"""A group with fewer measurements on a side is not compared."""
FAR_RATIO = 2.0
FAR_BY = 300.0
"""A measurement is far above what was usual when it is so many times its group's earlier 95th percentile, and so much
above it (milliseconds, of response times): a person feels that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """
    How a measure moved.

    Attributes
    ----------
    n_before, n_after
        Measurements in the groups that were compared.
    slower_share
        Share (0-1) of the later measurements above their own group's earlier 95th percentile. Without a change it
        is about 0.05 and, with few earlier ones, a little more.
    z
        Stratified rank-sum statistic (van Elteren 1960): positive when later ones are larger.
    far_share, far_z
        Share (0-1) of the later measurements that are far above what was usual (`FAR_RATIO`, `FAR_BY`), and how clearly
        it is more than before: the statistic of two proportions, pooled. Ranks hardly move where every third answer
        waits and the others do not; this does.
    groups
        ``group``, ``n_before``, ``n_after``, ``p50_before``, ``p50_after``, ``p95_before``, ``p95_after``,
        ``p99_after``, ``ratio`` (of the medians), ``z``; every group that was seen after, most risen first.
    """

    n_before: int
    n_after: int
    slower_share: float
    z: float
    far_share: float
    far_z: float
    groups: pl.DataFrame


def shift(points: pl.DataFrame, before: tuple[datetime, datetime], after: tuple[datetime, datetime]) -> Shift:
    """
    Compare *points* (``at``, ``value``, ``group``) of two spans, each group with itself.

    Comparing within groups keeps a change in the mix (more requests to a slow route) from passing for a change.
    Values that are not finite are left out.
    """
    kept = points.filter(pl.col("value").is_finite()).with_columns(
        pl.when(pl.col("at").is_between(*before, closed="left"))
        .then(pl.lit(value=False))
        .when(pl.col("at").is_between(*after, closed="left"))
        .then(pl.lit(value=True))
        .alias("later")
    )
    kept = kept.filter(pl.col("later").is_not_null()).with_columns(pl.col("group").fill_null("(unnamed)"))
    early, later = pl.col("value").filter(~pl.col("later")), pl.col("value").filter(pl.col("later"))
    ranked = kept.with_columns(rank=pl.col("value").rank("average").over("group"))
    table = (
        ranked.group_by("group")
        .agg(
            early.len().cast(pl.Float64).alias("n_before"),
            later.len().cast(pl.Float64).alias("n_after"),
            early.median().alias("p50_before"),
            later.median().alias("p50_after"),
            early.quantile(0.95, "linear").alias("p95_before"),
            later.quantile(0.95, "linear").alias("p95_after"),
            later.quantile(0.99, "linear").alias("p99_after"),
            pl.col("rank").filter(pl.col("later")).sum().alias("ranks"),
        )
        .filter(pl.col("n_after") > 0)
    )
    n_0, n_1 = pl.col("n_before"), pl.col("n_after")
    centred = pl.col("ranks") - n_1 * (n_0 + n_1 + 1) / 2
    spread = (n_0 * n_1 * (n_0 + n_1 + 1) / 12).clip(lower_bound=1e-9)
    table = table.with_columns(
        ratio=pl.col("p50_after") / pl.col("p50_before").clip(lower_bound=1e-9),
        z=pl.when(n_0 > 0).then(centred / spread.sqrt()),
        weight=1 / (n_0 + n_1 + 1),
        centred=centred,
        spread=spread,
    )
    both = table.filter((n_0 >= EACH_SIDE_MIN) & (n_1 >= EACH_SIDE_MIN)).sort("group")
    top = math.fsum(both["weight"] * both["centred"])
    bottom = math.sqrt(math.fsum(both["weight"].pow(2) * both["spread"])) if both.height else 0.0
    limits = both.select("group", "p95_before")
    compared = kept.select("group", "value", "later").join(limits, on="group", how="inner")
    usual, is_later = pl.col("p95_before"), compared.get_column("later")
    over = int(compared.select(pl.col("later") & (pl.col("value") > usual)).to_series().sum())
    far = compared.select(pl.col("value") > pl.max_horizontal(FAR_RATIO * usual, usual + FAR_BY)).to_series()
    later_n, early_n = int(is_later.sum()), int((~is_later).sum())
    far_later, far_early = int((far & is_later).sum()), int((far & ~is_later).sum())
    return Shift(
        n_before=int(both["n_before"].sum()),
        n_after=int(both["n_after"].sum()),
        slower_share=over / later_n if later_n else 0.0,
        z=top / bottom if bottom > 0 else 0.0,
        far_share=far_later / later_n if later_n else 0.0,
        far_z=_more_often(far_early, early_n, far_later, later_n),
        groups=table.drop("weight", "centred", "spread", "ranks").sort(
            ["z", "n_after", "group"], descending=[True, True, False], nulls_last=True
        ),
    )


def _more_often(early: int, early_n: int, later: int, later_n: int) -> float:
    """Return the pooled two-proportion statistic: positive when *later* of *later_n* is the greater share."""
    if not early_n or not later_n:
        return 0.0
    pooled = (early + later) / (early_n + later_n)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / early_n + 1 / later_n))
    return (later / later_n - early / early_n) / spread if spread > 0 else 0.0


def shifts_at(points: pl.DataFrame, moments: Sequence[datetime], *, reach_ms: int, end: datetime) -> list[float]:
    """
    Return `Shift.z` of *points* for each of *moments*: the *reach_ms* before it against the time from it to *end*.

    The same figure as `shift` gives, without its table, for whoever looks at many moments: points are sorted once.
    """
    kept = points.filter(pl.col("value").is_finite() & pl.col("at").is_not_null())
    kept = kept.with_columns(pl.col("group").fill_null("(unnamed)")).sort("group", "value", maintain_order=True)
    parts = [
        (part.get_column("at").dt.epoch("ms").to_numpy(), part.get_column("value").to_numpy())
        for part in kept.partition_by("group", maintain_order=True)
    ]
    end_ms = _ms(end)
    found = []
    for moment in moments:
        at_ms = _ms(moment)
        top = bottom = 0.0
        for times, values in parts:
            inside = (times >= at_ms - reach_ms) & (times < end_ms)
            later = times[inside] >= at_ms
            count, n_1 = int(later.size), int(later.sum())
            if min(count - n_1, n_1) < EACH_SIDE_MIN:
                continue
            ranks = float(_average_ranks(values[inside])[later].sum())
            top += (ranks - n_1 * (count + 1) / 2) / (count + 1)
            bottom += max((count - n_1) * n_1 * (count + 1) / 12, 1e-9) / (count + 1) ** 2
        found.append(top / math.sqrt(bottom) if bottom > 0 else 0.0)
    return found


def _average_ranks(ascending: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the ranks (from 1) of sorted values; equal ones share the mean of theirs."""
    starts = np.flatnonzero(np.concatenate(([True], ascending[1:] != ascending[:-1])))
    counts = np.diff(np.append(starts, ascending.size))
    return np.repeat(starts + (counts + 1) / 2, counts)


def _ms(at: datetime) -> int:
    """Return the whole milliseconds of *at*: what Polars makes of a bound that a column of milliseconds meets."""
    return round(at.timestamp() * 1e6) // 1000
