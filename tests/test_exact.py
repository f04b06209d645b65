"""Figures of a report do not depend on the order in which they were added up."""

from __future__ import annotations

import math

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pitchey_ops.findings._exact import MOST, exact_mean, exact_sum

milliseconds = st.lists(st.one_of(st.none(), st.floats(0, 60_000), st.sampled_from([1e-9, 1e300])), max_size=60)


@given(values=milliseconds, order=st.randoms(use_true_random=False), chunks=st.integers(1, 7))
def test_sums_are_equal_to_the_bit_in_any_order_and_in_any_pieces(
    values: list[float | None], order: object, chunks: int
) -> None:
    """Threads share work by pieces: with plain sums, one replay of a thousand differed in the sixth digit."""
    other = list(values)
    order.shuffle(other)  # type: ignore[attr-defined]
    pieces = [pl.DataFrame({"v": other[n::chunks]}, schema={"v": pl.Float64}) for n in range(chunks)]
    asked = (exact_sum(pl.col("v")).alias("sum"), exact_mean(pl.col("v")).alias("mean"))
    one = pl.DataFrame({"v": values}, schema={"v": pl.Float64}).select(*asked)

    assert pl.concat(pieces, rechunk=False).select(*asked).rows() == one.rows()


@given(values=st.lists(st.floats(0, 60_000), min_size=1, max_size=60))
def test_they_are_the_sum_and_the_mean(values: list[float]) -> None:
    """To a thousandth each: exactness must not cost the figure."""
    frame = pl.DataFrame({"v": values}).select(exact_sum(pl.col("v")).alias("s"), exact_mean(pl.col("v")).alias("m"))

    assert math.isclose(frame["s"][0], math.fsum(values), abs_tol=0.001 * len(values))
    assert math.isclose(frame["m"][0], math.fsum(values) / len(values), abs_tol=0.001)


def test_what_is_no_number_is_missing_and_giants_are_bounded() -> None:
    """Strangers send such durations."""
    frame = pl.DataFrame({"v": [None, math.nan, math.inf, 2.0]})

    assert frame.select(exact_mean(pl.col("v"))).item() == (MOST + 2.0) / 2
    assert pl.DataFrame({"v": [None, math.nan]}).select(exact_mean(pl.col("v"))).item() is None
