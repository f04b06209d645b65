"""
Rows of the world's columns as JSON, many at a time.

The texts are those that `js.stringify` writes of each row by itself, but no row becomes an object on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

import polars as pl

from . import js

Part = str | list[str]
"""A part of the JSON of rows: one text for each, or the same in all."""


def of_column(column: pl.Series) -> list[str]:
    """Return every value as JSON."""
    values, write = column.to_list(), _writer(column)
    if column.null_count() == 0:
        return list(map(write, values))
    return ["null" if value is None else write(value) for value in values]


def of_few(column: pl.Series, write: Callable[[Any], str], null: str = "null") -> list[str]:
    """Return what *write* makes of every value, *null* where there is none; a value that repeats is written once."""
    values = column.to_list()
    known: dict[Any, str] = {value: write(value) for value in set(values) if value is not None}
    known[None] = null
    return [known[value] for value in values]


def of_field(column: pl.Series) -> Part:
    """Return every value as a further field of an object, which is left out where there is none."""
    if column.null_count() == len(column):
        return ""
    lead, write = f',"{column.name}":', _writer(column)
    return ["" if value is None else lead + write(value) for value in column.to_list()]


def _writer(column: pl.Series) -> Callable[[Any], str]:
    if column.dtype == pl.String:
        return js.quoted
    return str if column.dtype.is_integer() else js.literal


def joined(height: int, parts: Iterable[Part]) -> list[str]:
    """Return one text for each of *height* rows, from its parts."""
    columns = [repeat(part, height) if isinstance(part, str) else part for part in parts]
    return list(map("".join, zip(*columns, strict=True)))
