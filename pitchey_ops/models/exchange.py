"""One question and its answer, as it happened and as it is recorded: redacted, complete, replayable."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic_core import to_json

from .observation import Reason

Outcome = Literal["answered"] | Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    What to ask, and how carefully.

    Attributes
    ----------
    key
        Observation id ``source/probe/key``: names the question within a run, whatever order answers
        come in. Safe characters only; nothing from an answer enters it unescaped.
    source
        Name of the remote system (`settings.SERVICES`).
    kind
        ``http``, ``sql`` (read-only database), ``file`` (a recorded case) or ``tail`` (a Worker's live tail: made,
        watched and deleted again, which is one question).
    url
        Absolute address; for ``sql`` the statement's name.
    statement
        The SQL text for ``sql``.
    timeout_s
        For the whole answer, body included; cut to what the budget leaves.
    retry
        Ask again after a passing failure. Off where a failure is itself the evidence.
    share_for_s
        An answer no older than this, from any run, is taken instead of asking again. Reads with side
        effects carry their minimum interval here and are never asked by two at once.
    minimum_interval
        True when *share_for_s* is a minimum interval: without a usable shared answer inside it the
        question is not asked at all.
    expect
        What a usable answer looks like: ``json`` (content type and first byte must agree), ``text``,
        ``html``, ``xml`` or ``any`` (own probes look at whatever comes).
    max_bytes
        Limit after decompression.
    sample
        Number of the try where one question is put several times on purpose; 0 for a question put once. Each
        number is a question of its own when answers are shared.
    """

    key: str
    source: str
    url: str
    kind: Literal["http", "sql", "file", "tail"] = "http"
    method: Literal["GET", "HEAD", "POST"] = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    statement: str | None = None
    timeout_s: float = 10.0
    retry: bool = True
    share_for_s: float = 15.0
    minimum_interval: bool = False
    expect: Literal["json", "text", "html", "xml", "any"] = "json"
    max_bytes: int = 32 * 1024 * 1024
    sample: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a question; ``took_ms`` includes the body."""

    at: datetime
    took_ms: float
    outcome: Outcome
    status: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """
    A question with what came of it. Everything in it is redacted already.

    ``outcome`` is ``answered`` when an HTTP answer (of any status) or a database result came within
    the limits; otherwise the reason why there is none. ``asked`` is the place in the order in which
    questions were put, so that a replay can show it; analysis must not depend on it.
    """

    key: str
    source: str
    kind: str
    method: str
    url: str
    at: datetime
    took_ms: float
    outcome: Outcome
    detail: str = ""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    request_headers: Mapping[str, str] = field(default_factory=dict)
    request_body: bytes | None = None
    statement: str | None = None
    attempts: tuple[Attempt, ...] = ()
    shared: bool = False

    @property
    def answered(self) -> bool:
        """Whether an answer came at all."""
        return self.outcome == "answered"

    def text(self) -> str:
        """Return the body as text; bytes that are not UTF-8 become U+FFFD."""
        return self.body.decode("utf-8", "replace")

    def to_json(self, *, with_body: bool = True) -> dict[str, Any]:
        """Return JSON values; the body as text where that is lossless, else base64."""
        row: dict[str, Any] = {
            "key": self.key,
            "source": self.source,
            "kind": self.kind,
            "method": self.method,
            "url": self.url,
            "at": self.at.isoformat(),
            "took_ms": self.took_ms,
            "outcome": self.outcome,
            "detail": self.detail,
            "status": self.status,
            "headers": dict(self.headers),
            "request_headers": dict(self.request_headers),
            "statement": self.statement,
            "attempts": [
                {
                    "at": a.at.isoformat(),
                    "took_ms": a.took_ms,
                    "outcome": a.outcome,
                    "status": a.status,
                    "detail": a.detail,
                }
                for a in self.attempts
            ],
            "shared": self.shared,
        }
        row["request_body"] = None if self.request_body is None else _pack(self.request_body)
        if with_body:
            row["body"] = _pack(self.body)
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any], *, body: bytes | None = None) -> Exchange:
        """Rebuild an exchange; *body* is given where it was stored apart."""
        request_body = row.get("request_body")
        return cls(
            key=row["key"],
            source=row["source"],
            kind=row["kind"],
            method=row["method"],
            url=row["url"],
            at=datetime.fromisoformat(row["at"]),
            took_ms=row["took_ms"],
            outcome=row["outcome"],
            detail=row["detail"],
            status=row["status"],
            headers=row["headers"],
            body=body if body is not None else _unpack(row["body"]),
            request_headers=row["request_headers"],
            request_body=None if request_body is None else _unpack(request_body),
            statement=row["statement"],
            attempts=tuple(
                Attempt(
                    at=datetime.fromisoformat(a["at"]),
                    took_ms=a["took_ms"],
                    outcome=a["outcome"],
                    status=a["status"],
                    detail=a["detail"],
                )
                for a in row["attempts"]
            ),
            shared=row["shared"],
        )


def _pack(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode("ascii")}


def _unpack(packed: Mapping[str, str]) -> bytes:
    if "text" in packed:
        return packed["text"].encode("utf-8")
    return base64.b64decode(packed["base64"])


def exchange_line(row: Mapping[str, Any]) -> bytes:
    """Return the *row* of an exchange as `one_line` does, in a quarter of its time where nothing in it is unusual."""
    took_ms = (row["took_ms"], *(attempt["took_ms"] for attempt in row["attempts"]))
    if all(0.001 <= one < 1e15 or one == 0 for one in took_ms):  # written alike by both
        try:
            return to_json(row) + b"\n"
        except ValueError:  # halves of characters
            pass
    return one_line(row)


def one_line(row: Mapping[str, Any]) -> bytes:
    """Return *row* as one line of JSON, newline included; halves of characters, which a stranger may send, stay."""
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "surrogatepass") + b"\n"
