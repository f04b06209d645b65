"""
Sums and means that are the same to the last bit in whatever order they are added.

Floating-point sums depend on the order, and the order on how many threads share the work: one replay of a thousand
would differ from its run in a report's sixth digit. Whole thousandths add up exactly.
"""

from __future__ import annotations

import polars as pl

PER_UNIT = 1_000
MOST = 1e9
"""Values are taken as this at most (as milliseconds: eleven days), so that nine million of them add up."""


def _whole(values: pl.Expr) -> pl.Expr:
    return (values.clip(-MOST, MOST) * PER_UNIT).round().cast(pl.Int64, strict=False)


def exact_sum(values: pl.Expr) -> pl.Expr:
    """Return the sum of *values*, each rounded to thousandths; what is no number counts as missing."""
    return _whole(values).sum() / PER_UNIT


def exact_mean(values: pl.Expr) -> pl.Expr:
    """Return the mean of *values*, each rounded to thousandths; null where there are none."""
    whole = _whole(values)
    return pl.when(whole.count() > 0).then(whole.sum() / PER_UNIT / whole.count())
