"""
Canonical JSON (RFC 8785), so that equal values are equal bytes.

What RFC 8785 leaves open is settled here:

* floats are rounded to 6 significant digits first (design, section 6), so that the last bits of a mean do not
  make two reports differ; whole numbers keep all their digits as long as they are integers
* NaN and the infinities become null: in a report that means "unknown", and a report at three in the morning is
  worth more than an error about one figure
* integers beyond ±(2^53 − 1), which JSON readers lose digits of, become decimal strings
* times become ISO 8601 in UTC with ``Z``; a time without a zone is refused, for nobody knows when it was
* lone surrogates become U+FFFD; keys that thereby become equal get `` #2``, `` #3`` in the order of their first form
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import rfc8785

_EXACT = 2**53 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")


def canonical(value: Any) -> bytes:
    """
    Return *value* as canonical JSON: UTF-8, no spaces, keys in order.

    Raises
    ------
    TypeError
        For what JSON cannot say (sets, bytes, objects; keys that are no strings).
    ValueError
        For a time without a zone.
    """
    return rfc8785.dumps(_plain(value))


def read(data: bytes) -> Any:
    """
    Return what canonical JSON says, so that `canonical` of it gives the same bytes again.

    A whole number without exponent beyond 2^53 was a float: integers of that size were written as strings.

    Raises
    ------
    ValueError
        When *data* is no JSON.
    """
    return json.loads(data, parse_int=_integer)


def digest(data: bytes) -> str:
    """Return the SHA-256 of *data* as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def iso(moment: datetime) -> str:
    """Return *moment* in UTC as ISO 8601 with ``Z``; fractions of a second only where there are some."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; nobody could say when it was")
    return moment.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def rounded(value: float) -> float | None:
    """Return *value* at 6 significant digits; None for NaN and the infinities."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _integer(digits: str) -> int | float:
    value = int(digits)
    return value if -_EXACT <= value <= _EXACT else float(digits)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return int(value) if -_EXACT <= value <= _EXACT else str(int(value))
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    item = getattr(value, "item", None)  # a number of NumPy's
    if callable(item) and getattr(value, "shape", None) == ():
        return _plain(item())
    raise TypeError(f"{type(value).__name__} has no canonical JSON")


def _object(value: Mapping[Any, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    changed: list[str] = []
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"a key is {type(key).__name__}, not a string")
        if _text(key) == key:
            out[str(key)] = _plain(item)
        else:
            changed.append(key)
    for key in sorted(changed):
        name, count = _text(key), 1
        while name in out:
            count += 1
            name = f"{_text(key)} #{count}"
        out[name] = _plain(value[key])
    return out


def _text(text: str) -> str:
    """Return *text* with each lone surrogate as U+FFFD (surrogates that form a pair become their character)."""
    if text.isascii() or _SURROGATE.search(text) is None:
        return str(text)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
