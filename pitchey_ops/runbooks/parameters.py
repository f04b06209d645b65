"""The parameters that a notebook declares, and the checks that values for them must pass."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..errors import UsageError

TAG = "parameters"
LONGEST_TEXT = 2000
"""Characters in a text parameter; what an alert may put into a run is bounded."""
LONGEST_LIST = 200
"""Texts in a list parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One parameter of a notebook: its default gives its type; the comment behind it its help."""

    name: str
    default: Any
    help: str

    @property
    def type_name(self) -> str:
        """The type in words."""
        return _NAMES[type(self.default)]


_NAMES: dict[type, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    list: "list of texts",
}


def declared(notebook: Path) -> dict[str, Declared]:
    """
    Read the cell tagged ``parameters`` of *notebook*: plain assignments of literals, a comment each.

    Raises
    ------
    UsageError
        The file is no notebook, or its parameters cell is missing or holds more than literals.
    """
    try:
        document = json.loads(notebook.read_text(encoding="utf-8"))
        cells = [cell for cell in document["cells"] if TAG in cell.get("metadata", {}).get("tags", ())]
        source = "".join(cells[0]["source"])
        tree = ast.parse(source)
    except (OSError, ValueError, KeyError, IndexError, SyntaxError, TypeError, AttributeError) as exc:
        raise UsageError(f"{notebook}: no notebook with a cell tagged {TAG!r} ({exc}). Nothing was run.") from exc
    lines = source.splitlines()
    found: dict[str, Declared] = {}
    for node in tree.body:
        if not isinstance(node, ast.Assign) or len(node.targets) > 1 or not isinstance(node.targets[0], ast.Name):
            raise UsageError(f"{notebook}: line {node.lineno} of the parameters cell is no plain assignment")
        name = node.targets[0].id
        try:
            default = ast.literal_eval(node.value)
        except (ValueError, TypeError, MemoryError, RecursionError):
            raise UsageError(f"{notebook}: parameter {name} has a default that is no literal") from None
        if type(default) not in _NAMES:
            raise UsageError(f"{notebook}: parameter {name} has a default of type {type(default).__name__}")
        comment = lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset or 0 :].strip().lstrip("# ")
        found[name] = Declared(name=name, default=default, help=comment)
    return found


def checked(given: Mapping[str, Any], known: Mapping[str, Declared], *, runbook: str) -> dict[str, Any]:
    """
    Return *given* with every value as its declared type.

    Texts are read as the declared type (``"5"`` as a number where one is declared).

    Raises
    ------
    UsageError
        Naming every unknown name and every value that does not fit, with what was expected.
    """
    faults, values = [], {}
    for name, value in given.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            faults.append(f"{name[:60]!r} is no parameter of {runbook} ({hint})")
            continue
        try:
            values[name] = _fitted(value, known[name])
        except ValueError as exc:
            faults.append(f"{name}: {exc}, expected {known[name].type_name}")
    if faults:
        raise UsageError(f"runbook {runbook}: {'; '.join(faults)}. Nothing was run.")
    return values


def _fitted(value: Any, declared_as: Declared) -> Any:
    kind = type(declared_as.default)
    if kind is bool:
        return _truth(value)
    if kind in (int, float):
        return _number(value, kind)
    if kind is list:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"{_short(value)} does not fit")
        if len(value) > LONGEST_LIST:
            raise ValueError(f"a list of {len(value)} texts is longer than {LONGEST_LIST}")
        return [_text(item) for item in value]
    if not isinstance(value, str):
        raise ValueError(f"{_short(value)} is no text")
    return _text(value)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "yes", "1", "false", "no", "0"):
        return value.lower() in ("true", "yes", "1")
    raise ValueError(f"{_short(value)} is neither")


def _number(value: Any, kind: type) -> int | float:
    if isinstance(value, bool):
        raise ValueError(f"{_short(value)} is no number")
    try:
        number = kind(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{_short(value)} does not fit") from None
    if number != number or number in (float("inf"), float("-inf")) or (kind is int and number != float(value)):
        raise ValueError(f"{_short(value)} does not fit")
    return number  # type: ignore[no-any-return]


def _text(value: str) -> str:
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"a text of {len(value)} characters is longer than {LONGEST_TEXT}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a text with lone surrogates cannot be stored") from None
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
