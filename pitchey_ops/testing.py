"""Public fakes for those who write sources, findings or runbooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .models.exchange import Exchange, Question

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
"""When the fakes answer, unless told otherwise."""

Answer = Exchange | Callable[[Question], Exchange]


def answering(
    value: Any = None,
    *,
    status: int = 200,
    text: str | bytes | None = None,
    content_type: str | None = None,
    headers: Mapping[str, str] | None = None,
    at: datetime = NOON,
    took_ms: float = 5.0,
) -> Exchange:
    """
    Return an answered exchange: *value* as JSON, or *text* as it is.

    Key, source, method and address are filled in by `FakeChannel` from the question.
    """
    if text is None:
        body = json.dumps(value).encode()
        kind = "application/json" if content_type is None else content_type
    else:
        body = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        kind = "text/plain;charset=UTF-8" if content_type is None else content_type
    return Exchange(
        key="",
        source="",
        kind="http",
        method="GET",
        url="",
        at=at,
        took_ms=took_ms,
        outcome="answered",
        status=status,
        headers={**({"content-type": kind} if kind else {}), **(headers or {})},
        body=body,
    )


def failing(outcome: Any, detail: str = "", *, at: datetime = NOON, took_ms: float = 5.0) -> Exchange:
    """Return an exchange without an answer, e.g. ``failing("timeout", "no answer within 10.0 s")``."""
    return Exchange(
        key="",
        source="",
        kind="http",
        method="GET",
        url="",
        at=at,
        took_ms=took_ms,
        outcome=outcome,
        detail=detail,
    )


class FakeChannel:
    """
    Answers from a table; what is not in it is unreachable.

    Parameters
    ----------
    answers
        By a question's key, by ``(method, address)``, or by ``(method, address without parameters)``, in this
        order. A callable gets the question.
    otherwise
        What every other question gets.

    Attributes
    ----------
    asked
        Every question that was put, in order.
    """

    def __init__(
        self,
        answers: Mapping[str | tuple[str, str], Answer] | None = None,
        *,
        otherwise: Answer | None = None,
    ) -> None:
        self._answers = dict(answers or {})
        self._otherwise = otherwise or failing("unreachable", "connection refused")
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> Exchange:
        """Return the exchange for *question*."""
        self.asked.append(question)
        places: Iterable[str | tuple[str, str]] = (
            question.key,
            (question.method, question.url),
            (question.method, question.url.split("?")[0]),
        )
        found = next((self._answers[place] for place in places if place in self._answers), self._otherwise)
        exchange = found(question) if callable(found) else found
        return replace(
            exchange,
            key=question.key,
            source=question.source,
            kind=question.kind,
            method=question.method,
            url=question.url,
            statement=question.statement,
        )


def sample(path: Path) -> Exchange:
    """Return the recorded answer in *path*, a file of the contract's samples."""
    response = json.loads(path.read_text(encoding="utf-8"))["response"]
    kind = response["content_type"]
    headers = {} if kind is None else {"content-type": kind}
    text = response.get("text")
    exchange = answering(response.get("json"), status=response["status"], text=text, headers=headers)
    return exchange if kind is not None else replace(exchange, headers={})


__all__ = ["NOON", "Answer", "FakeChannel", "answering", "failing", "sample"]
