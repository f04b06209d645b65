"""Log entries: templates to text, many at a time, and the columns that every entry has."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any

import numpy as np
import polars as pl

from .builder import Builder, Floats, Ints
from .platform import BROWSERS, DATABASE_TABLES, PAGES, ROUTES
from .world import LOGS

Maker = Callable[[int, np.random.Generator], pl.Series]
_HEX = np.array(list("0123456789abcdef"))
_BASE36 = np.array(list("0123456789abcdefghijklmnopqrstuvwxyz"))
PEOPLE = 5000


def hex_text(n: int, digits: int, rng: np.random.Generator) -> pl.Series:
    """Return *n* random lower-case hexadecimal texts."""
    text = rng.bytes(n * ((digits + 1) // 2)).hex()
    width = 2 * ((digits + 1) // 2)
    return pl.Series([text[i : i + digits] for i in range(0, n * width, width)], dtype=pl.String)


def base36_text(n: int, digits: int, rng: np.random.Generator) -> pl.Series:
    """Return *n* random texts of base-36 digits."""
    letters = _BASE36[rng.integers(0, 36, size=(n, digits))]
    return pl.Series(["".join(row) for row in letters.tolist()], dtype=pl.String)


def _whole(low: int, high: int) -> Maker:
    return lambda n, rng: pl.Series(rng.integers(low, high, n)).cast(pl.String)


def _one_of(*options: str) -> Maker:
    choices = pl.Series(list(options), dtype=pl.String)
    return lambda n, rng: choices.gather(pl.Series(rng.integers(0, len(options), n)))


def _address(n: int, rng: np.random.Generator) -> pl.Series:
    return pl.Series(addresses(n, rng), dtype=pl.String)


FIELDS: dict[str, Maker] = {
    "n": _whole(1, 60),
    "small": _whole(1, 9),
    "id": _whole(1000, 99_999),
    "id2": _whole(1000, 99_999),
    "ms": _whole(3, 900),
    "slow_ms": _whole(2000, 4200),
    "long_ms": _whole(4800, 15_000),
    "size": _whole(1200, 9_000_000),
    "waiting": _whole(12, 140),
    "amount": _whole(900, 250_000),
    "line": _whole(20, 480),
    "ip": _address,
    "hex": lambda n, rng: hex_text(n, 8, rng),
    "user": lambda n, rng: pl.Series(rng.integers(0, PEOPLE, n)).cast(pl.String).str.zfill(5).str.replace("^", "u"),
    "email": lambda n, rng: pl.Series([f"user{i}@mail.example" for i in rng.integers(0, PEOPLE, n).tolist()]),
    "domain": _one_of("mail.example", "post.example", "studio.example"),
    "room": _one_of("pitch-room", "investor-lounge", "support", "screening"),
    "template": _one_of("welcome", "new-interest", "digest", "receipt"),
    "table": _one_of(*DATABASE_TABLES),
    "method": _one_of("GET", "GET", "GET", "POST"),
    "target": _one_of(*sorted({r.service for r in ROUTES if r.kind == "api"})),
    "route": _one_of(*[r.path for r in ROUTES if r.kind == "api"]),
    "page": _one_of(*[p for p, _ in PAGES]),
    "device": _one_of("mobile", "mobile", "desktop", "desktop", "tablet"),
    "rule": _one_of("942100", "941110", "913100", "920350"),
    "browser": _one_of("Chrome 142", "Safari 19", "Firefox 144", "Edge 142"),
}
"""Fields of the message templates."""


def render(text: str, n: int, rng: np.random.Generator, given: Mapping[str, pl.Series] | None = None) -> pl.Series:
    """
    Fill a template *n* times.

    Parameters
    ----------
    text
        With fields of `FIELDS`; braces that are meant as such are doubled.
    given
        Columns of length *n* that stand for fields of the same name.

    Raises
    ------
    KeyError
        For a field that nobody knows.
    """
    known = given or {}
    columns: dict[str, pl.Series] = {}
    parts: list[pl.Expr] = []
    for literal, name, _, _ in Formatter().parse(text):
        if literal:
            parts.append(pl.lit(literal))
        if name is not None:
            if name not in columns:
                columns[name] = known[name] if name in known else FIELDS[name](n, rng)
            parts.append(pl.col(name).cast(pl.String).fill_null("-"))
    if not columns:
        return pl.repeat("".join(lit for lit, *_ in Formatter().parse(text) if lit), n, dtype=pl.String, eager=True)
    return pl.DataFrame(columns).select(pl.concat_str(parts).alias("text"))["text"]


def addresses(n: int, rng: np.random.Generator) -> list[str]:
    """Return *n* public-looking IPv4 addresses, none of them private, reserved or ours."""
    first = np.array([24, 31, 46, 62, 73, 79, 81, 84, 86, 91, 94, 109, 151, 176, 188, 213])
    rows = np.column_stack([first[rng.integers(0, len(first), n)], rng.integers(1, 255, (n, 3))])
    return [".".join(map(str, row)) for row in rows.tolist()]


class People:
    """The users: id, home address and browser of each, the same for a seed."""

    def __init__(self, b: Builder) -> None:
        rng = b.rng("people")
        self.ids = pl.Series([f"u{i:05d}" for i in range(PEOPLE)], dtype=pl.String)
        self.addresses = pl.Series(addresses(PEOPLE, rng), dtype=pl.String)
        weights = np.array([w for _, w in BROWSERS])
        agents = pl.Series([a for a, _ in BROWSERS], dtype=pl.String)
        self.agents = agents.gather(pl.Series(rng.choice(len(BROWSERS), PEOPLE, p=weights / weights.sum())))

    def pick(self, n: int, rng: np.random.Generator) -> Ints:
        """Draw *n* people; a tenth of them are far busier than the rest."""
        busy = rng.random(n) < 0.45
        return np.where(busy, rng.integers(0, PEOPLE // 10, n), rng.integers(0, PEOPLE, n)).astype(np.int64)


def piece(at: Ints, **columns: pl.Series | str | int | float | None) -> pl.DataFrame:
    """Return log rows at *at*; columns that are not given are null, single values hold for all rows."""
    frame = pl.DataFrame({"at": at}, schema={"at": pl.Int64})
    return frame.with_columns(
        [
            (value if isinstance(value, pl.Series) else pl.lit(value)).cast(LOGS[name]).alias(name)
            for name, value in columns.items()
        ]
    )


def gather(values: list[str] | tuple[str, ...], index: Ints) -> pl.Series:
    """Return the texts at *index*."""
    return pl.Series(values, dtype=pl.String).gather(pl.Series(index))


def whole_ms(values: Floats) -> pl.Series:
    """Return times in ms, rounded to 0.1."""
    return pl.Series(np.round(values, 1))


def object_text(value: Mapping[str, Any]) -> str:
    """Return *value* as compact JSON text."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
