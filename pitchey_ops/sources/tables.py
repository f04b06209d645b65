"""
Observations → frames.

Pure: the same observations give the same frames, whatever order they are in. An entry that several
observations hold (by ``id``, across logs, traces and R2) stands once, with the observation that comes first
by id. Whether an empty frame means *nothing happened* or *could not look* is told by the observations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

import polars as pl

from ..frames import (
    DEPLOYMENTS,
    EDGE,
    FIREWALL,
    ISSUES,
    LOGS,
    METRICS,
    PROBES,
    SPANS,
    WORKERS,
    Frames,
    empty,
)
from ..models.observation import AnyObservation, Observed
from ..models.window import Window
from .apm import MetricPage
from .casefile import CaseTables
from .cloudflare import Deployments, EdgeTraffic, FirewallEvents, WorkerInvocations
from .history import History
from .logs import LogPage
from .r2 import ArchivePage
from .sentry import Issues

Schema = dict[str, pl.DataType | type[pl.DataType]]

SPAN_METRICS = frozenset({"span.duration"})
"""Metrics whose points are spans even where no tag says so."""


def seen_from(seen: Iterable[Observed[Any]], window: Window) -> dict[str, datetime]:
    """
    Return, for each service whose entries are not all there, since when they are (`Frames.log_seen_from`).

    The archive is read newest first, so a part of it is all there from its oldest entry on. The logs
    service shows the oldest first: once it is cut, what it shows is never all there up to the present.
    """
    since: dict[str, datetime] = {}
    whole: set[str] = set()
    for observation in seen:
        value, coverage = observation.value, observation.coverage
        if not isinstance(value, LogPage | ArchivePage) or value.service is None:
            continue
        if isinstance(value, LogPage) and not coverage.cut:
            whole.add(value.service)
        if not coverage.cut:
            start = window.start
        elif isinstance(value, ArchivePage) and coverage.seen_start is not None:
            start = max(window.start, coverage.seen_start)
        else:
            start = window.end
        since[value.service] = min(since.get(value.service, start), start)
    return {service: since[service] for service in sorted(since) if service not in whole}


def build(observations: Iterable[AnyObservation] | Mapping[str, AnyObservation], window: Window) -> Frames:
    """
    Return all tables of one investigation.

    Parameters
    ----------
    observations
        In any order, or by id. Only those with a value are used; what is blind in the window may still hold
        entries of the time before it, which are a baseline.
    """
    given = observations.values() if isinstance(observations, Mapping) else observations
    seen = sorted((one for one in given if isinstance(one, Observed)), key=lambda one: one.id)
    parts: dict[str, list[pl.DataFrame]] = {}

    def add(name: str, table: pl.DataFrame) -> None:
        if table.height:
            parts.setdefault(name, []).append(table)

    for observation in seen:
        match observation.value:
            case LogPage(entries=table) | ArchivePage(entries=table):
                add("logs", table)
            case MetricPage(points=table):
                metrics, spans = part_points(table)
                add("metrics", metrics)
                add("spans", spans)
            case EdgeTraffic(table=table):
                add("edge", table)
            case WorkerInvocations(table=table):
                add("workers", table)
            case Deployments(table=table):
                add("deployments", table)
            case FirewallEvents(table=table):
                add("firewall", table)
            case Issues(table=table):
                add("issues", table)
            case History():
                add("probes", observation.value.probes(observation.id))
            case CaseTables(logs=logs, metrics=metrics, spans=spans, deployments=deployments):
                add("logs", logs)
                add("metrics", metrics)
                add("spans", spans)
                add("deployments", deployments)
            case _:
                pass
    return Frames(
        log_seen_from=seen_from(seen, window),
        window=window,
        logs=_once(_whole(parts.get("logs"), LOGS, "id")),
        metrics=_whole(parts.get("metrics"), METRICS, "name"),
        spans=_whole(parts.get("spans"), SPANS, "service"),
        edge=_whole(parts.get("edge"), EDGE, "route", "status"),
        workers=_whole(parts.get("workers"), WORKERS, "script", "status"),
        deployments=_whole(parts.get("deployments"), DEPLOYMENTS, "script", "version"),
        firewall=_whole(parts.get("firewall"), FIREWALL, "ip", "path"),
        issues=_whole(parts.get("issues"), ISSUES, "id", by=None),
        probes=_whole(parts.get("probes"), PROBES, "probe"),
    )


def part_points(points: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """
    Part metric points (columns `apm.POINTS`) into metrics and spans.

    A point whose tags name a caller, an operation or a trace is a call between services; without a service or
    with a negative duration it is neither.
    """
    named = points.select("caller", "operation", "trace_id")
    if named.null_count().sum_horizontal()[0] == 3 * points.height and SPAN_METRICS.isdisjoint(points["name"].unique()):
        return points.select(list(METRICS)), empty(SPANS)  # most answers hold no calls at all
    is_span = (
        pl.any_horizontal(pl.col("caller", "operation", "trace_id").is_not_null())
        | pl.col("name").is_in(list(SPAN_METRICS)) & pl.col("service").is_not_null()
    )
    spans = points.filter(is_span, pl.col("service").is_not_null(), pl.col("value") >= 0)
    return (
        points.filter(~is_span).select(list(METRICS)),
        spans.rename({"value": "duration_ms"}).select(list(SPANS)),
    )


def _whole(tables: list[pl.DataFrame] | None, schema: Schema, *then: str, by: str | None = "at") -> pl.DataFrame:
    """Return all *tables* as one, oldest first; rows of one moment in an order of their own content."""
    if not tables:
        return empty(schema)
    joined = tables[0] if len(tables) == 1 else pl.concat(tables)
    joined = joined.select(list(schema)).cast(cast(Any, schema))
    if len(tables) == 1 and by is not None and joined[by].is_sorted():
        return joined
    columns = [*([by] if by is not None else []), *then]
    return joined.sort(columns, maintain_order=True, nulls_last=True)


def _once(logs: pl.DataFrame) -> pl.DataFrame:
    """Keep every entry once: by id where it has one; entries without an id are all kept."""
    if logs["observation"].n_unique() <= 1:
        return logs
    named = pl.col("id").is_not_null()
    order = logs.with_row_index("place").sort("observation", maintain_order=True)
    kept = order.filter(~named | pl.struct("id", "at", "service").is_first_distinct())
    return kept.sort("place").drop("place")
