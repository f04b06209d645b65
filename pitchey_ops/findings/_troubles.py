"""
What an entry is about and what is wrong there, where no kind of error knows its words.

A kind (``kinds.yaml``) knows a wording; here a subject (a driver, a port, a statement, a store's own service) and a
trouble (an errno, an SQLSTATE, a word in one of several languages) are looked for apart and put together. So what
nobody has met yet is told by the standard that it follows.

How it looks if the source lied: a line that names a port and an errno is one line among the counted; if entries were
cut or late there are fewer of them; with none at all nothing is told, which is no calm.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import polars as pl

from ..yaml_text import read_yaml
from ._payloads import ascii_only
from ._sieve import Sieve


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A subject or a trouble with the expression that tells it."""

    name: str
    matches: str


def _read() -> tuple[tuple[Place, ...], tuple[Place, ...], dict[str, dict[str, str]]]:
    text = files("pitchey_ops.findings").joinpath("troubles.yaml").read_text(encoding="utf-8")
    told = read_yaml(text)
    subjects, troubles = (
        tuple(
            Place(name=row["name"], matches="(?i)" + "|".join(f"(?:{ascii_only(one)})" for one in row["matches"]))
            for row in told[part]
        )
        for part in ("subjects", "troubles")
    )
    return subjects, troubles, told["signals"]


SUBJECTS, TROUBLES, SIGNALS = _read()
_OF_SUBJECTS = Sieve({place.name: place.matches for place in SUBJECTS})
_OF_TROUBLES = Sieve({place.name: place.matches for place in TROUBLES})


def _first(texts: pl.Series, places: tuple[Place, ...], sieve: Sieve[str]) -> pl.Series:
    """Return the first of *places* that each text tells of, null where none."""
    sifted = sieve.on(texts)
    found = pl.repeat(None, texts.len(), dtype=pl.String, eager=True)
    for place in reversed(places):
        hits = sifted.matches(place.name)
        if hits.any():
            found = found.zip_with(~hits, pl.Series([place.name]))
    return found


VAGUE = "failing"
"""The trouble that is told by words which a mere warning may use, too."""
OTHERS = ("provider", "alert")
"""Subjects of which a mere warning tells nothing: partners that fail in good order are warned of all day."""


def signals_of(texts: pl.Series) -> pl.DataFrame:
    """
    Return ``signal``, ``trouble`` and ``subject`` of each text (see `kinds._texts` for what it holds), in its order.

    Null where subject or trouble is unknown, or where the two together have no signal of their own.
    """
    table = pl.DataFrame(
        [(subject, trouble, signal) for subject, row in SIGNALS.items() for trouble, signal in row.items()],
        schema={"subject": pl.String, "trouble": pl.String, "signal": pl.String},
        orient="row",
    )
    frame = pl.DataFrame({"text": texts}).with_row_index("row")
    known = frame.with_columns(subject=_first(texts, SUBJECTS, _OF_SUBJECTS)).filter(pl.col("subject").is_not_null())
    known = known.with_columns(trouble=_first(known.get_column("text"), TROUBLES, _OF_TROUBLES))
    known = known.join(table, on=["subject", "trouble"], how="inner")
    told = known.select("row", "signal", "trouble", "subject")
    return frame.join(told, on="row", how="left", maintain_order="left").select("signal", "trouble", "subject")
