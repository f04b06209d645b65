"""
The few rules of JavaScript by which the platform's answers go wrong, in one place.

The services are Workers: their numbers, comparisons and parsing follow ECMAScript, and most of the
contract's traps (2, 10, 27, 28) are these rules at work.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_INTEGER = re.compile(r"\s*([+-]?\d+)")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|Infinity)\Z")
_ABSENT = object()


def parse_int(text: str | None) -> float:
    """Return ``parseInt(text)``: the leading integer, else NaN (``2026-11-23`` is 2026)."""
    if text is None:
        return math.nan
    found = _INTEGER.match(text)
    return float(found.group(1)[:400]) if found else math.nan


def number(value: object) -> float:
    """Return ``Number(value)``: null is 0, text is parsed whole, what cannot be parsed is NaN."""
    if type(value) is float:
        return value
    if value is None:
        return 0.0
    if isinstance(value, int | float):  # bool is one of them
        return float(value)
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return 0.0
        if not _NUMBER.match(text):
            return math.nan
        return float(text.replace("Infinity", "inf"))
    if isinstance(value, list):
        return number(text_of(value))
    return math.nan


def text_of(value: object) -> str:
    """Return ``String(value)`` for a JSON value."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return str(int(value)) if value == int(value) and abs(value) < 1e21 else repr(value)
    if isinstance(value, list):
        return ",".join("" if item is None else text_of(item) for item in value)
    return "[object Object]"


def field_text(row: Mapping[str, Any], name: str) -> str:
    """Return a field as text, or an empty text where it is absent or null."""
    value = row.get(name)
    return "" if value is None else text_of(value)


def add(left: float | str, right: object) -> float | str:
    """Return ``left + right``: a sum, or both joined where one is text or an object (trap 27)."""
    if isinstance(left, str) or isinstance(right, str | list | dict):
        return text_of(left) + text_of(right)
    return left + number(right)


def total(values: Sequence[object]) -> float:
    """Return ``values.reduce((a, b) => a + b, 0)`` as a number."""
    result: float | str = 0.0
    for value in values:
        result = add(result, value)
    return number(result)


def average(values: Sequence[object]) -> float:
    """Return the platform's average: 0 of no values (trap 10), wrong by orders with a text (trap 27)."""
    return total(values) / len(values) if values else 0.0


def percentile(values: Sequence[Any], share: float) -> Any:
    """Return ``sorted[min(floor(n * share), n - 1)]`` (trap 28); 0 of no values."""
    if not values:
        return 0
    ordered = sort_by(values, lambda value: value)
    return ordered[min(math.floor(len(ordered) * share), len(ordered) - 1)]


def sort_by(rows: Sequence[Any], key: Callable[[Any], object], *, descending: bool = False) -> list[Any]:
    """
    Return *rows* sorted by ``a - b`` of *key*; a difference that is NaN counts as equal.

    An absent or odd key therefore leaves its neighbours unsorted, as in the services (trap 26).
    """
    sign = -1.0 if descending else 1.0
    keys = [sign * number_or_nan(key(row)) for row in rows]
    places = range(len(keys))
    if not any(map(math.isnan, keys)):
        return [rows[place] for place in sorted(places, key=keys.__getitem__)]

    def compare(a: int, b: int) -> int:
        difference = keys[a] - keys[b]
        return 0 if math.isnan(difference) or difference == 0 else (1 if difference > 0 else -1)

    return [rows[place] for place in sorted(places, key=functools.cmp_to_key(compare))]


def number_or_nan(value: object) -> float:
    """Return the value as in a subtraction, with an absent one (``undefined``) as NaN."""
    return math.nan if value is _ABSENT else number(value)


def absent() -> object:
    """Return the mark for ``undefined``."""
    return _ABSENT


def tidy(value: Any) -> Any:
    """Return *value* as JavaScript would hold it: whole floats as integers, NaN and infinities as null."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value == int(value) and abs(value) < 2**53 else value
    if isinstance(value, dict):
        return {key: item if type(item) in _AS_IT_IS else tidy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [item if type(item) in _AS_IT_IS else tidy(item) for item in value]
    return value


_AS_IT_IS = frozenset({str, int, bool, type(None)})


_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


quoted = json.encoder.encode_basestring
"""A text as `stringify` writes it; none with lone surrogates."""


def literal(value: object) -> str:
    """Return a single value as `stringify` writes it; no text with lone surrogates."""
    value = tidy(value)
    return repr(value) if type(value) is int or type(value) is float else _WRITER.encode(value)


def stringify(value: Any) -> bytes:
    """Return compact JSON bytes; lone surrogates become escapes, as ``JSON.stringify`` writes them."""
    text = _WRITER.encode(tidy(value))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(tidy(value), separators=(",", ":"), allow_nan=False).encode("ascii")
