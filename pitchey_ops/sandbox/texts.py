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


def of_column(column: pl.Series, write: Callable[[Any], str] = js.literal) -> list[str]:
    """Return what *write* makes of every value."""
    values = column.to_list()
    known = {value: write(value) for value in set(values)}
    return [known[value] for value in values]


def of_field(column: pl.Series) -> str | list[str]:
    """Return every value as a further field of an object, which is left out where there is none."""
    if column.null_count() == len(column):
        return ""
    lead = f',"{column.name}":'
    return of_column(column, lambda value: "" if value is None else lead + js.literal(value))


def joined(height: int, parts: Iterable[str | list[str]]) -> list[str]:
    """Return one text for each of *height* rows, from its parts; a part that is one text is in all rows."""
    columns = [repeat(part, height) if isinstance(part, str) else part for part in parts]
    return list(map("".join, zip(*columns, strict=True)))
