"""Many regular expressions on the same texts, each made ready only where a text holds its words."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Generic, TypeVar

import numpy as np
import polars as pl

from ._needed import FOREIGN, KIN, Every, Needed, Word, branches, needed, words_of

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class _Branch:
    """One alternative of an expression and what it needs; None where that is not known."""

    pattern: str
    needs: Needed | None


class Sieve(Generic[Name]):
    """
    Expressions by name, with what each of their alternatives needs; to read them costs once what all lookups save.

    Parameters
    ----------
    patterns
        Expressions as Polars takes them.
    """

    def __init__(self, patterns: Mapping[Name, str]) -> None:
        self._branches = {
            name: tuple(_Branch(one, needed(one)) for one in branches(pattern)) for name, pattern in patterns.items()
        }
        every = (one.needs for many in self._branches.values() for one in many)
        self._words = sorted({word for asked in every if asked is not None for word in words_of(asked)})

    def on(self, texts: pl.Series) -> Sifted[Name]:
        """Look for all words in *texts* (strings; a null matches nothing)."""
        return Sifted(texts, self._branches, self._words)


class Sifted(Generic[Name]):
    """Texts whose words are known."""

    def __init__(self, texts: pl.Series, of: Mapping[Name, Sequence[_Branch]], words: Sequence[str]) -> None:
        self._branches = of
        self._distinct = texts.drop_nulls().unique(maintain_order=True)
        places = pl.DataFrame({"text": self._distinct}).with_row_index("place")
        which = pl.DataFrame({"text": texts}).join(places, on="text", how="left", maintain_order="left")
        self._which = which.get_column("place").fill_null(self._distinct.len()).to_numpy()
        self._every = (1 << self._distinct.len()) - 1
        self._holders = _holders(self._distinct, words)
        self._found: dict[Name, pl.Series] = {}

    def matches(self, name: Name) -> pl.Series:
        """Return for each text whether the expression *name* matches it, just as Polars does; never null."""
        if name not in self._found:
            self._found[name] = pl.Series(self._hits(name)[self._which], dtype=pl.Boolean)
        return self._found[name]

    def _hits(self, name: Name) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return the same for each distinct text, and no for what is none."""
        hits = np.zeros(self._distinct.len() + 1, dtype=bool)
        holding, patterns = 0, []
        for branch in self._branches[name]:
            here = self._every if branch.needs is None else self._holding(branch.needs) | self._holders.get(KIN, 0)
            if here:
                patterns.append(branch.pattern)
                holding |= here
        if holding:
            rows = self._rows(holding)
            some = self._distinct if len(rows) == self._distinct.len() else self._distinct.gather(rows)
            hits[rows] = some.str.contains("|".join(f"(?:{one})" for one in patterns)).to_numpy()
        return hits

    def _holding(self, asked: Needed) -> int:
        """Return a number with a bit for each distinct text that holds what is *asked*."""
        if isinstance(asked, Word):
            return reduce(or_, (self._holders.get(word, 0) for word in asked.any_of), 0)
        parts = map(self._holding, asked.of)
        return reduce(and_, parts, self._every) if isinstance(asked, Every) else reduce(or_, parts, 0)

    def _rows(self, bits: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """Return the places of the bits that are set."""
        count = self._distinct.len()
        packed = np.frombuffer(bits.to_bytes((count + 7) // 8, "little"), dtype=np.uint8)
        return np.flatnonzero(np.unpackbits(packed, bitorder="little", count=count))


def _holders(distinct: pl.Series, words: Sequence[str]) -> dict[str, int]:
    """Return for each of *words* that is there a number with a bit for each text that holds it."""
    if distinct.is_empty() or not words:
        return {}
    found = distinct.str.extract_many(list(words), ascii_case_insensitive=True, overlapping=True)
    pairs = pl.DataFrame({"row": pl.int_range(distinct.len(), eager=True), "word": found}).explode("word").drop_nulls()
    pairs = pairs.with_columns(pl.col("word").str.to_lowercase())
    held: dict[str, int] = {}
    by_word = pairs.unique().group_by("word").agg("row")
    for word, rows in zip(by_word.get_column("word").to_list(), by_word.get_column("row"), strict=True):
        there = np.zeros(distinct.len(), dtype=bool)
        there[rows.to_numpy()] = True
        held[word] = _bits(there)
    for word, letters in ((FOREIGN, r"[^\x00-\x7f]"), (KIN, f"[{KIN}]")):
        held[word] = _bits(distinct.str.contains(letters).to_numpy())
    return held


def _bits(there: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    return int.from_bytes(np.packbits(there, bitorder="little").tobytes(), "little")
