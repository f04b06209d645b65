"""
Rows of the world's columns as JSON, many at a time.

The texts are those that `js.stringify` writes of each row by itself, but a value that repeats in its column is written
once, and no row becomes an object on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

import polars as pl

from . import js

Part = str | list[str]
"""A part of the JSON of rows: one text for each, or the same in all."""


def of_column(
    column: pl.Series, write: Callable[[Any], str] | None = None, *, lead: str = "", null: str = "null"
) -> list[str]:
    """Return what *write* makes of every value, by default its JSON, each behind *lead*; *null* where there is none."""
    one = write or (js.quoted if column.dtype == pl.String else js.literal)
    values = column.to_list()
    known: dict[Any, str] = {value: lead + one(value) for value in set(values) if value is not None}
    known[None] = null
    return list(map(known.__getitem__, values))


def of_field(column: pl.Series) -> Part:
    """Return every value as a further field of an object, which is left out where there is none."""
    if column.null_count() == len(column):
        return ""
    return of_column(column, lead=f',"{column.name}":', null="")


def joined(height: int, parts: Iterable[Part]) -> list[str]:
    """Return one text for each of *height* rows, from its parts."""
    columns = [repeat(part, height) if isinstance(part, str) else part for part in parts]
    return list(map("".join, zip(*columns, strict=True)))
