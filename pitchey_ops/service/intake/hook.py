"""What a kind of hook is, and how JSON from strangers is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from .told import Reading, Refused

Guard = Callable[[tuple[str, ...], Mapping[str, str], bytes, str | None, datetime], None]
Read = Callable[[bytes, Mapping[str, str], datetime], Reading]
FAULTS_TOLD = 10

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """
    A kind of hook: who may send, and what a request says. A new kind is one file and a line in `catalogue`.

    Attributes
    ----------
    kind
        Its name in the address, in the variable with its secret and in quotas.
    form
        What its body holds, for checking and for the description of the service (OpenAPI).
    guard
        Takes secrets, headers, raw body, the secret in the path and the time; raises `Refused`.
    read
        Takes raw body, headers and the time; raises `Refused` for what is malformed or old.
    in_path
        Whether the secret may stand in the address: only for senders that can do no better.
    answer_within_s
        The sender's limit, with room for the way back.
    """

    kind: str
    title: str
    form: type[BaseModel]
    guard: Guard
    read: Read
    in_path: bool = False
    answer_within_s: float = 5.0
    content_type: str = "application/json"
    stored_status: int = 202

    @property
    def variable(self) -> str:
        """The environment variable that holds its secret."""
        return f"PITCHEY_OPS_HOOK_{self.kind.upper()}_SECRET"


def parsed(form: type[M], body: bytes) -> M:
    """
    Return the JSON in *body* as a *form*.

    Raises
    ------
    Refused
        400: no JSON, or fields that are not what they should be; the first ten are named, values are not repeated.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError as exc:
        raise Refused(400, f"the body is not UTF-8 (byte {exc.start}); nothing was stored") from None
    except RecursionError:
        raise Refused(400, "the body is nested too deeply; nothing was stored") from None
    except ValueError as exc:
        raise Refused(400, f"the body is not JSON ({str(exc)[:120]}); nothing was stored") from None
    if not isinstance(value, dict):
        raise Refused(400, "the body is no JSON object; nothing was stored")
    return fitted(form, value)


def fitted(form: type[M], value: Mapping[str, Any]) -> M:
    """Return *value* as a *form*; raises `Refused` like `parsed`."""
    try:
        return form.model_validate(dict(value))
    except ValidationError as exc:
        faults = [f"{_where(error['loc'])}: {_what(error)}" for error in exc.errors(include_input=False)]
        more = f" and {len(faults) - FAULTS_TOLD} more" if len(faults) > FAULTS_TOLD else ""
        raise Refused(400, f"{'; '.join(faults[:FAULTS_TOLD])}{more}. Nothing was stored.") from None


def _where(place: tuple[int | str, ...]) -> str:
    return ".".join(str(part)[:40] for part in place[:8]) or "body"


def _what(error: Any) -> str:
    return str(error["msg"]).removeprefix("Value error, ")[:200]


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")
