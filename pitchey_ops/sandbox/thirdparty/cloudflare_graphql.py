"""
Cloudflare's GraphQL analytics over the world's edge, Worker and firewall columns.

Counts are true but for the last two minutes, which are under-counted, as the real ones are. Errors
(unknown account, zone, dataset, field, filter) come as ``errors`` with ``data: null``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from .. import js, texts
from ..clock import iso
from ..state import ACCOUNT, ZONE
from ..world import World
from .graphql import Field, QueryError, parse

MOST_ROWS = 10_000
_MINUTE_MS = 60_000
_LATE = (0.7, 0.93)
"""Share that is counted already of a minute that is younger than one and than two minutes."""


class _Refused(Exception):
    """An error of the query, with the path of the field."""


def _floor(minutes: int) -> Callable[[pl.Expr], pl.Expr]:
    return lambda at: at - at % (minutes * _MINUTE_MS)


_TIMES: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "datetime": lambda at: at,
    "datetimeMinute": _floor(1),
    "datetimeFiveMinutes": _floor(5),
    "datetimeFifteenMinutes": _floor(15),
    "datetimeHour": _floor(60),
    "date": _floor(1440),
}


@dataclass(frozen=True, slots=True)
class _Dataset:
    """How a dataset maps onto a frame of the world."""

    dimensions: Mapping[str, str]
    sums: Mapping[str, str]
    quantiles: Mapping[str, str]
    weight: str | None  # column with the number of requests of a row; None: a row is one event
    grouped: bool = True


_DATASETS = {
    "workersInvocationsAdaptive": _Dataset(
        dimensions={"scriptName": "script", "status": "status"},
        sums={"requests": "requests", "errors": "errors", "subrequests": "subrequests"},
        quantiles={
            "cpuTimeP50": "cpu_p50_us",
            "cpuTimeP99": "cpu_p99_us",
            "wallTimeP99": "wall_p99_us",
        },
        weight="requests",
    ),
    "httpRequestsAdaptiveGroups": _Dataset(
        dimensions={
            "edgeResponseStatus": "status",
            "clientRequestPath": "route",
            "cacheStatus": "cacheStatus",
        },
        sums={"edgeResponseBytes": "bytes", "visits": "requests"},
        quantiles={},
        weight="requests",
    ),
    "firewallEventsAdaptiveGroups": _Dataset(
        dimensions={
            name: name
            for name in (
                "action",
                "clientIP",
                "clientAsn",
                "clientCountryName",
                "clientRequestPath",
                "clientRequestQuery",
                "source",
                "ruleId",
                "userAgent",
            )
        },
        sums={},
        quantiles={},
        weight=None,
    ),
    "firewallEventsAdaptive": _Dataset(
        dimensions={
            name: name
            for name in (
                "action",
                "clientIP",
                "clientAsn",
                "clientCountryName",
                "clientRequestPath",
                "clientRequestQuery",
                "source",
                "ruleId",
                "userAgent",
            )
        },
        sums={},
        quantiles={},
        weight=None,
        grouped=False,
    ),
}
_OF_ACCOUNT = {"workersInvocationsAdaptive"}


class Analytics:
    """Answers one query at one moment."""

    def __init__(self, world: World, now_ms: int) -> None:
        self._world = world
        self._now_ms = now_ms

    def answer(self, query: str, variables: Mapping[str, Any]) -> bytes:
        """Return ``data`` and ``errors`` as JSON."""
        try:
            fields = parse(query, variables)
            data = {field.alias: self._viewer(field) for field in fields}
        except (QueryError, _Refused) as error:
            stamp = {"timestamp": iso(self._now_ms)}
            return js.stringify(
                {
                    "data": None,
                    "errors": [{"message": str(error), "path": ["viewer"], "extensions": stamp}],
                }
            )
        return _object({"data": _object(data), "errors": "null"}).encode()

    def _viewer(self, viewer: Field) -> str:
        if viewer.name == "__typename":
            return "{}"
        if viewer.name != "viewer":
            raise _Refused(f'unknown field "{viewer.name}"')
        found: dict[str, str] = {}
        for scope in viewer.fields:
            match scope.name:
                case "accounts":
                    known, tag = ACCOUNT, (scope.arguments.get("filter") or {}).get("accountTag")
                case "zones":
                    known, tag = ZONE, (scope.arguments.get("filter") or {}).get("zoneTag")
                case _:
                    raise _Refused(f'unknown field "{scope.name}"')
            if tag != known:
                raise _Refused(f"{scope.name}: not authorized for that {scope.name[:-1]}")
            found[scope.alias] = f"[{_object({field.alias: self._rows(field, scope.name) for field in scope.fields})}]"
        return _object(found)

    def _rows(self, asked: Field, scope: str) -> str:
        if asked.name in ("accountTag", "zoneTag"):
            return js.literal(ACCOUNT if scope == "accounts" else ZONE)
        dataset = _DATASETS.get(asked.name)
        if dataset is None or (scope == "accounts") != (asked.name in _OF_ACCOUNT):
            raise _Refused(f'unknown field "{asked.name}"')
        limit = asked.arguments.get("limit", 100)
        if not isinstance(limit, int) or not 0 < limit <= MOST_ROWS:
            raise _Refused(f"limit must be positive number and not greater than {MOST_ROWS}")
        times, others = _conditions(dataset, asked.arguments.get("filter") or {})
        frame = self._frame(asked, times)
        for condition in others:
            frame = frame.filter(condition)
        order = asked.arguments.get("orderBy")
        if dataset.grouped:
            table, shape = _groups(frame, dataset, asked, order, limit)
        else:
            table, shape = _events(frame, dataset, asked, order, limit)
        if table.is_empty():
            return "[]"
        return f"[{','.join(texts.joined(table.height, _parts(shape, asked.fields)))}]"

    def _frame(self, asked: Field, times: list[pl.Expr]) -> pl.DataFrame:
        """Return the rows until now that are of *times*, the last two minutes under-counted."""
        match asked.name:
            case "workersInvocationsAdaptive":
                frame, counts = self._world.workers, ["requests", "errors", "subrequests"]
            case "httpRequestsAdaptiveGroups":
                frame, counts = self._world.edge, ["requests", "cached", "bytes"]
            case _:
                return self._world.firewall.filter(pl.col("at") <= self._now_ms, *times)
        frame = frame.filter(pl.col("at") <= self._now_ms, *times)
        age = self._now_ms - pl.col("at")
        share = (
            pl.when(age < _MINUTE_MS)
            .then(_LATE[0] * age / _MINUTE_MS)
            .when(age < 2 * _MINUTE_MS)
            .then(_LATE[1])
            .otherwise(1.0)
        )
        frame = frame.with_columns((pl.col(counts) * share).round().cast(pl.Int64))
        if asked.name == "httpRequestsAdaptiveGroups" and _mentions(asked, "cacheStatus"):
            hits = frame.with_columns(requests=pl.col("cached"), cacheStatus=pl.lit("hit"))
            rest = frame.with_columns(
                requests=pl.col("requests") - pl.col("cached"),
                cacheStatus=pl.lit("dynamic"),
                bytes=pl.lit(0).cast(pl.Int64),
            )
            frame = pl.concat([hits, rest])
        return frame


def _conditions(dataset: _Dataset, wanted: Mapping[str, Any]) -> tuple[list[pl.Expr], list[pl.Expr]]:
    """Return the conditions of a filter: those of time, and the others."""
    if not isinstance(wanted, Mapping):
        raise _Refused("filter must be an object")
    if not any(name.startswith(("datetime", "date")) for name in wanted):
        raise _Refused("filter: a time range is required")
    times, others = [], []
    for name, value in wanted.items():
        base, _, operator = name.rpartition("_")
        if operator not in ("geq", "leq", "gt", "lt", "in", "neq", "like") or not base:
            base, operator = name, "eq"
        if base in _TIMES:
            times.append(_condition(_TIMES[base](pl.col("at")), operator, _moment(name, value), name))
        elif base in dataset.dimensions:
            others.append(_condition(pl.col(dataset.dimensions[base]), operator, value, name))
        else:
            raise _Refused(f'unknown filter field "{name}"')
    return times, others


def _mentions(asked: Field, name: str) -> bool:
    filters = asked.arguments.get("filter") or {}
    return any(key.startswith(name) for key in filters) or any(
        below.name == name for part in asked.fields for below in part.fields
    )


def _moment(name: str, value: Any) -> int:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _Refused(f"{name}: cannot parse time {value!r}"[:200]) from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _condition(column: pl.Expr, operator: str, value: Any, name: str) -> pl.Expr:
    if value is None:
        raise _Refused(f"{name}: must not be null")
    try:
        match operator:
            case "geq":
                return column.ge(value)
            case "leq":
                return column.le(value)
            case "gt":
                return column.gt(value)
            case "lt":
                return column.lt(value)
            case "neq":
                return column.ne(value)
            case "in":
                return column.is_in(list(value))
            case "like":
                return column.str.contains(str(value).strip("%"), literal=True)
        return column.eq(value)
    except TypeError:
        raise _Refused(f"{name}: wrong type") from None


def _groups(
    frame: pl.DataFrame, dataset: _Dataset, asked: Field, order: Any, limit: int
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Return groups, and what a row of them has: columns and constant texts by name."""
    dimensions = sorted({f.name for part in asked.fields if part.name == "dimensions" for f in part.fields})
    keys: list[pl.Expr] = []
    for name in dimensions:
        if name in _TIMES:
            keys.append(_TIMES[name](pl.col("at")).alias(f"dimensions.{name}"))
        elif name in dataset.dimensions:
            keys.append(pl.col(dataset.dimensions[name]).alias(f"dimensions.{name}"))
        else:
            raise _Refused(f'unknown field "{name}"')
    weight = pl.len() if dataset.weight is None else pl.col(dataset.weight).sum()
    figures = [weight.alias("count")]
    figures += [pl.col(column).sum().alias(f"sum.{name}") for name, column in dataset.sums.items()]
    if dataset.weight is not None:
        # a mean weighted by requests stands for the quantile of the whole group
        load = pl.col(dataset.weight).cast(pl.Float64)
        figures += [
            ((pl.col(column) * load).sum() / load.sum()).alias(f"quantiles.{name}")
            for name, column in dataset.quantiles.items()
        ]
    table = frame.group_by(keys).agg(figures) if keys else frame.select(figures)
    if dataset.weight is not None:
        table = table.filter(pl.col("count") > 0)
    table = _ordered(table, order, [f"dimensions.{name}" for name in dimensions]).head(limit)
    shape: dict[str, Any] = {"count": table["count"], "avg": {"sampleInterval": "1"}}
    for part in ("sum", "quantiles", "dimensions"):
        shape[part] = {name.partition(".")[2]: table[name] for name in table.columns if name.startswith(part + ".")}
    return table, shape


def _time_text(name: str, at: int) -> str:
    text = iso(at)
    return text[:10] if name == "date" else text[:19] + "Z"


def _events(
    frame: pl.DataFrame, dataset: _Dataset, asked: Field, order: Any, limit: int
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Return single events, and what each has, as `_groups`."""
    known = {*dataset.dimensions, "datetime"}
    for wanted in asked.fields:
        if wanted.name not in known:
            raise _Refused(f'unknown field "{wanted.name}"')
    table = frame.select(
        pl.col("at").alias("dimensions.datetime"),
        *(pl.col(column).alias(f"dimensions.{name}") for name, column in dataset.dimensions.items()),
    )
    table = _ordered(table, order, ["dimensions.datetime"]).head(limit)
    return table, {name.partition(".")[2]: table[name] for name in table.columns}


def _ordered(table: pl.DataFrame, order: Any, otherwise: list[str]) -> pl.DataFrame:
    """Return *table* in the asked order; what that leaves open follows *otherwise*."""
    columns: list[str] = []
    falling: list[bool] = []
    for text in order if isinstance(order, list) else [order] if order else []:
        name, _, direction = str(text).rpartition("_")
        part, _, inner = name.partition("_")
        column = next(
            (c for c in (f"dimensions.{name}", name, f"{part}.{inner}") if c in table.columns),
            None,
        )
        if direction not in ("ASC", "DESC") or column is None:
            raise _Refused(f"orderBy: unknown {str(text)[:100]!r}")
        columns.append(column)
        falling.append(direction == "DESC")
    rest = [column for column in otherwise if column not in columns]
    if not columns + rest:
        return table
    return table.sort(columns + rest, descending=falling + [False] * len(rest), maintain_order=True)


def _parts(shape: Mapping[str, Any], fields: tuple[Field, ...]) -> list[texts.Part]:
    """Return what was asked of rows of *shape*, under its aliases, as the parts of their JSON."""
    shown: dict[str, list[texts.Part]] = {}
    for wanted in fields:
        if wanted.name == "__typename":
            shown[wanted.alias] = ['"Group"']
            continue
        if wanted.name not in shape:
            raise _Refused(f'unknown field "{wanted.name}"')
        value = shape[wanted.name]
        if isinstance(value, Mapping) != bool(wanted.fields):
            raise _Refused(
                f'field "{wanted.name}": a selection is {"due" if isinstance(value, Mapping) else "not due"}'
            )
        if isinstance(value, Mapping):
            shown[wanted.alias] = _parts(value, wanted.fields)
        else:
            shown[wanted.alias] = [value if isinstance(value, str) else _column(value)]
    parts: list[texts.Part] = ["{"]
    for number, (alias, inside) in enumerate(shown.items()):
        parts += [f'{"," if number else ""}"{alias}":', *inside]
    return [*parts, "}"]


def _column(column: pl.Series) -> list[str]:
    """Return the values of a column as JSON, times as the API writes them."""
    part, _, name = column.name.partition(".")
    if part == "dimensions" and name in _TIMES:
        return texts.of_few(column, lambda at: js.literal(_time_text(name, at)))
    return texts.of_column(column)


def _object(fields: Mapping[str, str]) -> str:
    """Return an object of JSON texts as JSON."""
    return "{" + ",".join(f'"{name}":{text}' for name, text in fields.items()) + "}"
