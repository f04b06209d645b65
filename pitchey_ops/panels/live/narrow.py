"""One service or route of an investigation."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from ...findings._requests import route_of
from ...frames import EDGE, WORKERS, empty
from ..view import View
from .desk import Ask

MOST = 200
"""Names that a choice offers; more is not chosen from but typed."""


def narrow(view: View, ask: Ask) -> View:
    """
    Return *view* with the tables of one service or route only; verdict and findings stay those of the whole.

    With a service chosen, Cloudflare's figures are left out: they know routes, not services, and would show the whole
    platform under the service's name.
    """
    frames = view.case.frames
    if ask.service:
        chosen = pl.col("service") == ask.service
        frames = replace(
            frames,
            logs=frames.logs.filter(chosen),
            metrics=frames.metrics.filter(chosen),
            spans=frames.spans.filter(chosen),
            edge=empty(EDGE),
            workers=empty(WORKERS),
        )
    if ask.route:
        frames = replace(
            frames,
            logs=frames.logs.filter(route_of(pl.coalesce("url", "component", "service")) == ask.route),
            metrics=frames.metrics.filter(pl.col("route") == ask.route),
            edge=frames.edge.filter(pl.col("route") == ask.route),
        )
    if frames is view.case.frames:
        return view
    return replace(view, case=replace(view.case, frames=frames))


def services(view: View) -> tuple[str, ...]:
    """Return the services that logs, metrics or spans name, by name."""
    frames = view.case.frames
    columns = [frame.get_column("service").drop_nulls() for frame in (frames.logs, frames.metrics, frames.spans)]
    return tuple(pl.concat(columns).unique().sort().head(MOST).to_list())


def routes(view: View) -> tuple[str, ...]:
    """Return the routes that the edge or the logs name, busiest first."""
    frames = view.case.frames
    if not frames.edge.is_empty():
        told = frames.edge.group_by("route").agg(pl.col("requests").sum().alias("n"))
    else:
        with_url = frames.logs.filter(pl.col("url").is_not_null())
        told = with_url.group_by(route_of(pl.col("url")).alias("route")).agg(pl.len().cast(pl.Float64).alias("n"))
    ranked = told.drop_nulls("route").sort(["n", "route"], descending=[True, False]).head(MOST)
    return tuple(ranked.get_column("route").to_list())
