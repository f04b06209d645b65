"""Cases by hand: an hour that ends at noon, and rows of any frame."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from pitchey_ops import frames
from pitchey_ops.findings.case import Case
from pitchey_ops.models.observation import AnyObservation
from pitchey_ops.models.window import Window
from pitchey_ops.settings import load

END = datetime(2026, 11, 23, 12, tzinfo=UTC)
START = END - timedelta(hours=1)
WEEK_AGO = START - timedelta(days=7)
LATER = END - timedelta(minutes=20)
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
Row = dict[str, Any]


def table(schema: dict[str, Any], rows: list[Row]) -> pl.DataFrame:
    """Return rows of a frame, oldest first; what a row lacks is null."""
    whole = [{name: row.get(name) for name in schema} for row in rows]
    return pl.DataFrame(whole, schema=schema).sort("at", maintain_order=True)


class Undated(Case):
    """A case in which no series tells when it began."""

    onset = None


def case(*, dated: bool = False, observations: dict[str, AnyObservation] | None = None, **rows: list[Row]) -> Case:
    """Return a case with *rows* by frame."""
    made = {name: table(getattr(frames, name.upper()), found) for name, found in rows.items()}
    window = Window(start=START, end=END)
    whole = frames.Frames(window=window, **made)
    return (Case if dated else Undated)(
        window=window, now=END, frames=whole, observations=observations or {}, settings=load("sandbox")
    )
