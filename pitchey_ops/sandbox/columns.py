"""Frames in the shape that the world declares."""

from __future__ import annotations

import polars as pl

from .world import Schema


def shaped(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Return *frame* with the columns of *schema*, in its order and types; columns that it lacks are null."""
    return frame.select(
        [
            (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in schema.items()
        ]
    )
