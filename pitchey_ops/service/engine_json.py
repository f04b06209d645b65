"""
What the engine stores is JSON, and only JSON is read back.

DBOS pickles by default, and it reads whatever format a row claims to have: whoever can write the database could run
code in every worker. `harden` closes the second way, too: a row that says it is pickled is refused.
"""

from __future__ import annotations

import json
from typing import Any

from dbos import Serializer

NAME = "ops_json"


class StoredError(Exception):
    """An error of an earlier step, as the database had it."""


class JsonSerializer(Serializer):
    """JSON values, and exceptions as their type's name and words."""

    def name(self) -> str:
        """Return what rows of this format are marked with."""
        return NAME

    def serialize(self, data: Any) -> str:
        """Return *data* as ASCII JSON."""
        return json.dumps(_plain(data), ensure_ascii=True, allow_nan=False, separators=(",", ":"))

    def deserialize(self, serialized_data: str) -> Any:
        """Return the values of *serialized_data*; an exception where it was one."""
        value = json.loads(serialized_data)
        if isinstance(value, dict) and set(value) == {"error", "words"}:
            return StoredError(f"{value['error']}: {value['words']}")
        return value


def harden() -> None:
    """Make reading of pickled rows impossible in this process."""
    from dbos import _serialization

    class Refused:
        """Stands where the pickle module was."""

        @staticmethod
        def loads(*_: Any, **__: Any) -> Any:
            """Refuse."""
            raise ValueError("a pickled row was refused: this service stores JSON only")

        dumps = loads

    vars(_serialization)["pickle"] = Refused


def _plain(value: Any) -> Any:
    if isinstance(value, BaseException):
        return {"error": type(value).__name__, "words": str(value)[:2000]}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
