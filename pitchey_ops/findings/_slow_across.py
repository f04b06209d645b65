"""Do the answers of several services get slow at once while others do not? Then it is what they share."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from ._compare import EACH_SIDE_MIN, FAR_BY, FAR_RATIO, Shift
from ._requests import route_of
from .case import Case

SERVICES_MIN = 3
FAR_MIN = 2
FAR_SHARE = 0.15
"""A service is slow with so many, and this part, of its answers far above what their routes usually take."""
CALM_MIN = 8
CALM_SHARE = 0.05
"""Another is as ever with at most this part of so many."""


def slow_across(case: Case, moved: Shift, after: tuple[datetime, datetime]) -> tuple[str, ...]:
    """
    Return the services whose logged requests got far slower together, sorted; empty where they do not tell.

    *moved* holds what each route took before (`latency.durations` from logs), *after* the span that is judged. It takes
    `SERVICES_MIN` services, and one that is as ever: where all are slow it may be the Worker or the network. Their
    routes have the database in common, now and then a cache; a service of its own code is slow alone.
    """
    usual = moved.groups.filter(pl.col("n_before") >= EACH_SIDE_MIN).select("group", "p95_before")
    logged = case.bad_requests.filter((pl.col("duration_ms") >= 0) & pl.col("at").is_between(*after, closed="left"))
    told = logged.select(
        "service", "duration_ms", route_of(pl.coalesce("url", "component", "service")).alias("group")
    ).join(usual, on="group", how="inner")
    limit = pl.max_horizontal(FAR_RATIO * pl.col("p95_before"), pl.col("p95_before") + FAR_BY)
    by_service = (
        told.drop_nulls("service")
        .group_by("service")
        .agg(pl.len().alias("answers"), (pl.col("duration_ms") > limit).sum().alias("far"))
        .with_columns(share=pl.col("far") / pl.col("answers"))
    )
    slow = by_service.filter((pl.col("far") >= FAR_MIN) & (pl.col("share") >= FAR_SHARE)).get_column("service").sort()
    calm = by_service.filter((pl.col("answers") >= CALM_MIN) & (pl.col("share") <= CALM_SHARE))
    return tuple(slow.to_list()) if slow.len() >= SERVICES_MIN and calm.height else ()
