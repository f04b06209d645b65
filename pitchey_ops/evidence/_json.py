"""Where the strings of a JSON text are, without parsing it into values: so that only what must change does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

from . import patterns

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_SPACE = b" \t\r\n"
_NUMBER = re.compile(rb"-?\d{3,}(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[\s,}\]]|\Z)")
_PAIR = re.compile(rb"\s*,\s*\"[vV]al(?:ue)?\"\s*:\s*\"")
_LIST_PAIR = re.compile(rb"\s*,\s*\"")
_HEADERS = frozenset({"authorization", "cookie", "token", "key"})


def is_json(data: bytes) -> bool:
    """Whether *data* is one JSON text (a byte order mark is tolerated)."""
    try:
        json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return False
    return True


def decode_literal(raw: bytes) -> bytes | None:
    """Return the text of a string literal as UTF-8 (lone surrogates kept), or None when it is none."""
    try:
        value = json.loads(raw, strict=False)
    except (ValueError, RecursionError):
        return None
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else None


def encode_literal(data: bytes) -> bytes:
    """Return the string literal for *data*; escaped to ASCII only where it cannot be UTF-8."""
    text = data.decode("utf-8", "surrogatepass")
    try:
        return json.dumps(text, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(text).encode("ascii")


class JsonText:
    """
    A JSON text (or lines of JSON) with the places of its string literals.

    ``quotes`` are the offsets of all quotation marks that open or close a literal: literal *i* lies between
    ``quotes[2 i]`` and ``quotes[2 i + 1]``.
    """

    def __init__(self, data: bytes) -> None:
        import numpy as np

        self.data = data
        buffer = np.frombuffer(data, dtype=np.uint8)
        quotes = np.flatnonzero(buffer == 34)
        before = buffer[np.maximum(quotes - 1, 0)] == 92
        before[quotes == 0] = False
        if before.any():
            places = np.arange(len(buffer), dtype=np.int32)
            last_other = np.maximum.accumulate(np.where(buffer != 92, places, np.int32(-1)))
            runs = quotes - 1 - last_other[np.maximum(quotes - 1, 0)]
            quotes = quotes[~(before & (runs % 2 == 1))]
        self.quotes: npt.NDArray[np.int64] = quotes.astype(np.int64)
        self.count = len(quotes) // 2

    def span(self, literal: int) -> tuple[int, int]:
        """Return the literal's place, its quotation marks included."""
        return int(self.quotes[2 * literal]), int(self.quotes[2 * literal + 1]) + 1

    def literals_in(self, start: int, end: int) -> Iterable[int]:
        """Return the literals that overlap ``[start, end)``."""
        first = int(self.quotes.searchsorted(start, side="left")) // 2
        last = int(self.quotes.searchsorted(end, side="left"))
        return range(first, min((last + 1) // 2, self.count))

    def listed_in(self, start: int, end: int) -> list[int]:
        """Return the literals in ``[start, end)`` when these are texts of one list, each after the other; else none."""
        found = list(self.literals_in(start, end))
        gaps = (self.data[self.span(one)[1] : self.span(other)[0]] for one, other in pairwise(found))
        return found if len(found) > 1 and all(gap.strip() == b"," for gap in gaps) else []

    def is_key(self, literal: int) -> bool:
        """Whether a colon follows."""
        return self._after(self.span(literal)[1]) == 58

    def name(self, literal: int) -> str:
        """Return the literal's text."""
        start, end = self.span(literal)
        plain = decode_literal(self.data[start:end]) if end - start < 512 else None
        return "" if plain is None else plain.decode("utf-8", "replace")

    def secret_candidates(self, touched: Iterable[int]) -> list[tuple[int, str, str]]:
        """
        Return which of the *touched* literals say that what follows is secret: (literal whose value it is, kind, name).

        A key of an object; or the name in ``{"name": "authorization", "value": …}`` and ``["authorization", …]``.
        """
        found: list[tuple[int, str, str]] = []
        for literal in sorted(touched):
            name = self.name(literal)
            kind = patterns.secret_name(name) if name else None
            if kind is None:
                continue
            end = self.span(literal)[1]
            if self.is_key(literal):
                found.append((literal, kind, name))
            elif _PAIR.match(self.data, end):
                found.append((literal + 1, kind, name))
            elif kind in _HEADERS and name.lower() not in ("token", "key") and _LIST_PAIR.match(self.data, end):
                start = self.span(literal)[0]
                opens = self.data[:start][-64:].rstrip(_SPACE)[-1:] == b"["
                closes = literal + 1 < self.count and self._after(self.span(literal + 1)[1]) == 93
                if opens and closes:
                    found.append((-(literal + 1), kind, name))
        return found

    def value_strings(self, literal: int) -> list[int]:
        """Return the string values under a key: one, or all that its object or list holds."""
        if literal < 0:
            return [-literal]
        at = self._value_at(literal)
        following = literal + 1
        if at is None or following > self.count:
            return []
        char = self.data[at]
        if char == 34:
            return [following]
        if char not in b"{[":
            return []
        out: list[int] = []
        depth = 0
        while True:
            stop = int(self.quotes[2 * following]) if following < self.count else len(self.data)
            gap = self.data[at:stop]
            depth_after = depth
            for c in gap:
                if c in b"{[":
                    depth_after += 1
                elif c in b"}]":
                    depth_after -= 1
                    if depth_after == 0:
                        return out
            depth = depth_after
            if following >= self.count:
                return out
            if not self.is_key(following):
                out.append(following)
            at = self.span(following)[1]
            following += 1

    def value_number(self, literal: int) -> tuple[int, int] | None:
        """Return the place of the number under a key, if it is one of three digits or more."""
        at = self._value_at(literal) if literal >= 0 else None
        found = _NUMBER.match(self.data, at) if at is not None else None
        return found.span() if found else None

    def _after(self, at: int) -> int | None:
        while at < len(self.data) and self.data[at] in _SPACE:
            at += 1
        return self.data[at] if at < len(self.data) else None

    def _value_at(self, literal: int) -> int | None:
        at = self.span(literal)[1]
        while at < len(self.data) and self.data[at] in b" \t\r\n:":
            at += 1
        return at if at < len(self.data) else None
