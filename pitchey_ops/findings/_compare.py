"""Before and after: is a measure clearly larger than it was, group by group?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import polars as pl

EACH_SIDE_MIN = 5
"""A group with fewer measurements on a side is not compared."""


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
    groups
        ``group``, ``n_before``, ``n_after``, ``p50_before``, ``p50_after``, ``p95_before``, ``p95_after``,
        ``p99_after``, ``ratio`` (of the medians), ``z``; every group that was seen after, most risen first.
    """

    n_before: int
    n_after: int
    slower_share: float
    z: float
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
    top = float((both["weight"] * both["centred"]).sum())
    bottom = math.sqrt(float((both["weight"].pow(2) * both["spread"]).sum())) if both.height else 0.0
    limits = both.select("group", "p95_before")
    compared = kept.filter("later").select("group", "value").join(limits, on="group", how="inner")
    over = compared.filter(pl.col("value") > pl.col("p95_before")).height
    return Shift(
        n_before=int(both["n_before"].sum()),
        n_after=int(both["n_after"].sum()),
        slower_share=over / compared.height if compared.height else 0.0,
        z=top / bottom if bottom > 0 else 0.0,
        groups=table.drop("weight", "centred", "spread", "ranks").sort(
            ["z", "n_after", "group"], descending=[True, True, False], nulls_last=True
        ),
    )
