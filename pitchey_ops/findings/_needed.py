"""
Which words a text must hold for a regular expression to match it.

To make an expression ready costs milliseconds, to look for thousands of words at once costs as much as one of them. So
only expressions whose words are there are made ready, and only for the texts that hold them (`findings._sieve`). RE2's
``FilteredRE2`` does the same.

Read is the part of the syntax that our catalogues use. Whatever else an expression holds (a class, a number of times)
is taken for anything at all: less is then asked of a text, and never too much.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

SPELLINGS_MOST = 24
"""Ways to spell a run of letters that are told apart; with more of them the run is cut."""
SHORTEST, LONGEST = 2, 12
"""Shorter words are in nearly every text; of longer ones their beginning is enough."""
CLASS_MOST = 4
"""Characters of a class that are told apart."""
FOREIGN = "\x80"
"""Stands for any character that is not ASCII's, which a text must hold: words in other scripts are not told apart."""
KIN = "ſ\u212a"
"""Characters that are no ASCII, and to an expression the capital or small ones of two that are."""
_NOTHING = frozenset({""})
_PLAIN = re.compile(r"[A-Za-z0-9 _'\"<>=:;,/@#%&~!-]+(?![*+?{])", re.ASCII)
"""Characters that stand for themselves, with none after them that says how often the last of them comes."""
_FLAGS = re.compile(r"\(\?[a-zA-Z-]+\)")
_TIMES = ("*", "+", "?", "{")


@dataclass(frozen=True, slots=True)
class Word:
    """A text must hold one of these, in small letters."""

    any_of: frozenset[str]


@dataclass(frozen=True, slots=True)
class Every:
    """A text must hold what each of these asks."""

    of: tuple[Needed, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """A text must hold what one of these asks."""

    of: tuple[Needed, ...]


Needed: TypeAlias = Word | Every | Either
"""What a text must hold."""


def needed(pattern: str) -> Needed | None:
    """
    Return what every text holds that *pattern* matches; letters of ASCII are compared whether small or capital.

    None where nothing is known of them, or where the expression is not understood.
    """
    reader = _Reader(pattern)
    try:
        part = reader.alternatives()
    except _Unread:
        return None
    return _asked(part) if reader.at == len(pattern) else None


def branches(pattern: str) -> tuple[str, ...]:
    """
    Return expressions one of which matches wherever *pattern* does, and the other way round: its alternatives.

    Flags that stand before all of them are put before each.
    """
    flags, rest = "", pattern
    if rest.startswith("(?") and set(rest[2 : (end := rest.find(")"))]) <= set("imsu-"):
        flags, rest = rest[: end + 1], rest[end + 1 :]
    try:
        return tuple(flags + one for one in _alternatives(rest))
    except _Unread:
        return (pattern,)


def _alternatives(pattern: str) -> list[str]:
    found, start, depth, at = [], 0, 0, 0
    closed: list[int] = []  # where groups of the outermost level end
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif char == "[":
            at = _class_end(pattern, at)
        elif char == "(":
            if _FLAGS.match(pattern, at):
                raise _Unread  # they hold for all alternatives that follow
            depth += 1
        elif char == ")":
            depth -= 1
            closed += [at] if depth == 0 else []
        elif char == "|" and depth == 0:
            found.append(pattern[start:at])
            start = at + 1
        at += 1
    if found:
        return [inner for one in (*found, pattern[start:]) for inner in _alternatives(one)]
    if pattern.startswith("(?:") and closed == [len(pattern) - 1]:
        return _alternatives(pattern[3:-1])
    return [pattern]


def _class_end(pattern: str, at: int) -> int:
    """Return where the class ends that begins at *at*."""
    at += 2 if pattern[at + 1 : at + 2] == "^" else 1
    first = True
    while at < len(pattern) and (pattern[at] != "]" or first):  # a bracket that comes first is one of its characters
        if pattern[at] == "[":
            raise _Unread  # a class within a class, or one by its name
        at += 2 if pattern[at] == "\\" else 1
        first = False
    return at


def words_of(asked: Needed) -> Iterable[str]:
    """Yield every word that *asked* speaks of."""
    if isinstance(asked, Word):
        yield from asked.any_of
    else:
        for one in asked.of:
            yield from words_of(one)


class _Unread(Exception):
    """The expression holds what is not read here."""


@dataclass(frozen=True, slots=True)
class _Part:
    """
    What is known of a part of an expression.

    Attributes
    ----------
    spellings
        All that it can match, in small letters; None where that is not known.
    needs
        What a text holds wherever it matches; None where nothing is known, or the spellings tell it all.
    """

    spellings: frozenset[str] | None
    needs: Needed | None


_ANYTHING = _Part(None, None)
_EMPTY = _Part(_NOTHING, None)


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def alternatives(self) -> _Part:
        """Read up to the end of the group."""
        parts = [self._sequence()]
        while self._take("|"):
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else _either(parts)

    def _sequence(self) -> _Part:
        parts: list[_Part] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            parts.append(self._repeated(self._one()))
        return _row(parts)

    def _one(self) -> _Part:
        plain = _PLAIN.match(self.pattern, self.at)
        if plain is not None:
            self.at = plain.end()
            return _Part(frozenset({plain.group().lower()}), None)
        char = self._next()
        special: dict[str, Callable[[], _Part]] = {"(": self._group, "[": self._class, "\\": self._escape}
        if char in special:
            return special[char]()
        if char == ".":
            return _ANYTHING
        if char in "^$":
            return _EMPTY
        if char in "*+?{":
            raise _Unread
        return _letter(char)

    def _group(self) -> _Part:
        if self._take("?"):
            if self._take("P<") or self._take("<"):
                self._up_to(">")
            else:
                flags = self._up_to(":)")
                if not set(flags[:-1]) <= set("imsu-"):
                    raise _Unread
                if flags.endswith(")"):  # flags for what follows; capital letters are not told apart anyhow
                    return _EMPTY
        found = self.alternatives()
        if not self._take(")"):
            raise _Unread
        return found

    def _escape(self) -> _Part:
        char = self._next()
        if char in "bBAz":
            return _EMPTY
        if char in "dDsSwW":
            return _ANYTHING
        if char.isalnum():  # a character by its number, a class by its name
            raise _Unread
        return _letter(char)

    def _class(self) -> _Part:
        plain = not self._take("^")
        chars: set[str] = set()
        while (char := self._next()) != "]" or not chars:
            if char == "[":  # a class within a class, or one by its name
                raise _Unread
            if char == "\\":
                char = self._next()
                plain = plain and not char.isalnum()
            chars.add(char)
            if self.pattern[self.at : self.at + 1] == "-" and self.pattern[self.at + 1 : self.at + 2] != "]":
                plain = False
        if not plain or len(chars) > CLASS_MOST:
            return _ANYTHING
        return _either([_letter(char) for char in sorted(chars)])

    def _repeated(self, part: _Part) -> _Part:
        if self.pattern[self.at : self.at + 1] not in _TIMES:
            return part
        least, most = self._times()
        if self._take("?") and least == most == 1:
            least = 0
        if self.pattern[self.at : self.at + 1] in ("*", "+", "{"):
            raise _Unread
        if least == 0:
            once = part.spellings if most == 1 else None
            return _Part(None if once is None else once | _NOTHING, None)
        return part if most == 1 else _Part(None, _asked(part))

    def _times(self) -> tuple[int, int]:
        """Return how often a part comes at least and at most; 2 stands for every larger number."""
        if self._take("*"):
            return 0, 2
        if self._take("+"):
            return 1, 2
        if not self._take("{"):
            return 1, 1
        low, comma, high = self._up_to("}")[:-1].partition(",")
        if not low.isdigit() or (high and not high.isdigit()):
            raise _Unread
        return min(int(low), 2), min(int(high or 2) if comma else int(low), 2)

    def _take(self, text: str) -> bool:
        if not self.pattern.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def _next(self) -> str:
        if self.at >= len(self.pattern):
            raise _Unread
        self.at += 1
        return self.pattern[self.at - 1]

    def _up_to(self, ends: str) -> str:
        """Return what stands up to one of *ends*, with that."""
        start = self.at
        while self._next() not in ends:
            pass
        return self.pattern[start : self.at]


@cache
def _letter(char: str) -> _Part:
    if char.isascii():
        return _Part(frozenset({char.lower()}), None)
    return _ANYTHING if char in KIN else _Part(None, Word(frozenset({FOREIGN})))


def _either(parts: list[_Part]) -> _Part:
    spelled = [part.spellings for part in parts if part.spellings is not None]
    if len(spelled) == len(parts):
        whole = frozenset[str]().union(*spelled)
        if len(whole) <= SPELLINGS_MOST:
            return _Part(whole, None)
    asked = [one for one in map(_asked, parts) if one is not None]
    if len(asked) < len(parts):
        return _ANYTHING
    words = frozenset[str]().union(*(one.any_of for one in asked if isinstance(one, Word)))
    others = tuple(one for one in asked if not isinstance(one, Word))
    every = (*((Word(words),) if words else ()), *others)
    return _Part(None, every[0] if len(every) == 1 else Either(every))


def _row(parts: list[_Part]) -> _Part:
    """Return what is known of *parts* one after the other."""
    asked: list[Needed | None] = []
    run, whole = _NOTHING, True
    for part in parts:
        if part.spellings is not None and len(run) * len(part.spellings) <= SPELLINGS_MOST:
            run = frozenset(before + after for before in run for after in part.spellings)
            continue
        whole = False
        asked += [_word(run), part.needs]
        run = part.spellings if part.spellings is not None else _NOTHING
    if whole:
        return _Part(run, None)
    known = tuple(dict.fromkeys(one for one in (*asked, _word(run)) if one is not None))
    return _Part(None, Every(known) if len(known) > 1 else known[0] if known else None)


def _asked(part: _Part) -> Needed | None:
    return part.needs if part.spellings is None else _word(part.spellings)


def _word(spellings: frozenset[str]) -> Word | None:
    if min(map(len, spellings), default=0) < SHORTEST:
        return None
    cut = {one[:LONGEST] for one in spellings}
    return Word(frozenset(one for one in cut if not any(other != one and other in one for other in cut)))
