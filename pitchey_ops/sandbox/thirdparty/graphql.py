"""A reader of GraphQL queries, as far as the analytics need it: fields, aliases, arguments, variables."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r"""[\s,\ufeff]+|\#[^\n]*|(?P<name>[_A-Za-z]\w*)|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"""
    r"""|(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<mark>\.\.\.|[{}()\[\]:$!=@|])"""
)
_DEEPEST = 32


class QueryError(ValueError):
    """The query cannot be read."""


@dataclass(frozen=True, slots=True)
class Field:
    """One selected field."""

    name: str
    alias: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()


def parse(query: str, variables: Mapping[str, Any]) -> tuple[Field, ...]:
    """
    Return the top-level fields of the one operation in *query*, variables put in.

    Raises
    ------
    QueryError
        For anything that is not such a query; fragments and directives are not read.
    """
    return _Reader(_tokens(query), variables).operation()


def _tokens(query: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    place = 0
    while place < len(query):
        match = _TOKEN.match(query, place)
        if match is None:
            raise QueryError(f"unexpected character at {place}")
        place = match.end()
        if match.lastgroup:
            found.append((match.lastgroup, match.group()))
    return found


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]], variables: Mapping[str, Any]) -> None:
        self._tokens = tokens
        self._place = 0
        self._variables = variables
        self._defaults: dict[str, Any] = {}

    def _peek(self) -> str:
        return self._tokens[self._place][1] if self._place < len(self._tokens) else ""

    def _take(self, wanted: str | None = None, kind: str | None = None) -> str:
        if self._place >= len(self._tokens):
            raise QueryError("unexpected end of the query")
        found_kind, text = self._tokens[self._place]
        if (wanted is not None and text != wanted) or (kind is not None and found_kind != kind):
            raise QueryError(f"unexpected {text!r}")
        self._place += 1
        return text

    def operation(self) -> tuple[Field, ...]:
        if self._peek() == "query":
            self._take()
            if self._peek() not in ("{", "("):
                self._take(kind="name")
            if self._peek() == "(":
                self._definitions()
        elif self._peek() != "{":
            raise QueryError("only queries are answered")
        fields = self._selection(0)
        if self._place != len(self._tokens):
            raise QueryError("one operation only")
        return fields

    def _definitions(self) -> None:
        self._take("(")
        while self._peek() != ")":
            self._take("$")
            name = self._take(kind="name")
            self._take(":")
            self._type()
            if self._peek() == "=":
                self._take()
                self._defaults[name] = self._value(0)
            else:
                self._defaults.setdefault(name, None)
        self._take(")")

    def _type(self) -> None:
        if self._peek() == "[":
            self._take()
            self._type()
            self._take("]")
        else:
            self._take(kind="name")
        if self._peek() == "!":
            self._take()

    def _selection(self, depth: int) -> tuple[Field, ...]:
        if depth > _DEEPEST:
            raise QueryError("nested too deeply")
        self._take("{")
        fields = []
        while self._peek() != "}":
            alias = name = self._take(kind="name")
            if self._peek() == ":":
                self._take()
                name = self._take(kind="name")
            arguments = self._arguments(depth) if self._peek() == "(" else {}
            below = self._selection(depth + 1) if self._peek() == "{" else ()
            fields.append(Field(name, alias, arguments, below))
        self._take("}")
        if not fields:
            raise QueryError("an empty selection")
        return tuple(fields)

    def _arguments(self, depth: int, closing: str = ")") -> dict[str, Any]:
        self._take()
        found: dict[str, Any] = {}
        while self._peek() != closing:
            name = self._take(kind="name")
            self._take(":")
            found[name] = self._value(depth + 1)
        self._take(closing)
        return found

    def _value(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise QueryError("nested too deeply")
        mark = self._peek()
        if mark == "$":
            self._take()
            name = self._take(kind="name")
            if name not in self._defaults:
                raise QueryError(f"variable ${name} is not defined")
            return self._variables.get(name, self._defaults[name])
        if mark == "{":
            return self._arguments(depth, "}")
        if mark == "[":
            self._take()
            items = []
            while self._peek() != "]":
                items.append(self._value(depth + 1))
            self._take("]")
            return items
        if self._place >= len(self._tokens):
            raise QueryError("unexpected end of the query")
        kind, text = self._tokens[self._place]
        self._place += 1
        if kind == "text":
            try:
                return json.loads(text)
            except ValueError:
                raise QueryError("a text with a bad escape") from None
        if kind == "number":
            return float(text) if any(c in text for c in ".eE") else int(text)
        if kind == "name":
            return {"true": True, "false": False, "null": None}.get(text, text)
        raise QueryError(f"unexpected {text!r}")
