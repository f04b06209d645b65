"""
From an exchange to a value with its coverage, or to the reason why there is none.

Every source reads through these helpers. A reading function takes an `Exchange`, raises a `SourceError`
whose message says what happened, the likely cause and what was not done, and returns a `Reading`.
`observe` is the one place where a `SourceError` becomes an `Unavailable`; a bug still raises.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic_core import from_json

from .. import companion
from ..errors import (
    AnswerTooLarge,
    BadPayload,
    NotAllowed,
    NotAsked,
    NotConfigured,
    SourceBlind,
    SourceError,
    SourceFailed,
    SourceRateLimited,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from ..models.exchange import Exchange, Question
from ..models.observation import Coverage, Observation, Observed, Reason, Unavailable
from ..models.window import Window
from .channel import Channel

T = TypeVar("T")

CUT_KEYS = 1000
"""Keys that the logs and APM stores read at most, the oldest (contract, traps 1 and 9)."""

CUT_SUSPECTED = 950
"""From so many on we take the cut for reached: keys that expire between list and read are missing from it."""

RETENTION = timedelta(days=7)
"""How long the platform's stores keep an entry (contract, trap 8)."""

LOOKBACK = timedelta(hours=1)
"""How far before the window baselines are read where the source can be asked for a span."""

FUTURE_TOLERANCE_S = 300.0
"""An entry later than the asking by more than this bears a wrong clock (contract, trap 27)."""

EARLIEST_MS, LATEST_MS = 946_684_800_000, 4_102_444_800_000
"""2000 to 2100: seconds sent as milliseconds land in 1970 (contract, trap 27)."""

LARGE_BYTES = 64 * 1024
"""Answers from this size on are read by the companion, where there is one: others need not wait for that."""

MAX_DEPTH = 64
"""Deepest nesting of a JSON answer that is read."""

BLIND_TEXT = "Too many API requests by single worker invocation."
"""What the logs and APM services say, with status 500, when they hold too much to read (contract, trap 1)."""

Shape = Literal["object", "list", "any"]

_OUTCOMES: dict[Reason, type[SourceError]] = {
    "timeout": SourceTimeout,
    "unreachable": SourceUnreachable,
    "refused": SourceRefused,
    "rate_limited": SourceRateLimited,
    "failed": SourceFailed,
    "blind": SourceBlind,
    "bad_payload": BadPayload,
    "too_large": AnswerTooLarge,
    "not_allowed": NotAllowed,
    "not_asked": NotAsked,
    "not_configured": NotConfigured,
}
_LIKELY: dict[Reason, str] = {
    "timeout": "The service is slow or hangs.",
    "unreachable": "The service or the way to it is down, or its address in the settings is wrong.",
    "too_large": "The service answered with far more than this question needs.",
    "not_allowed": "Only configured hosts are ever asked.",
}
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_EDGE_CODE = re.compile(r"\berror(?:\s+code)?[\s:]{0,4}(?:<[^<>]{0,200}>\s{0,20}){0,4}(\d{3,4})\b", re.IGNORECASE)
_UNSAFE = re.compile(r"[^a-zA-Z0-9_.-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Generic[T]):
    """What a reading function made of an answer; `observe` adds where and when."""

    value: T
    status: Literal["observed", "no_data", "blind"] = "observed"
    coverage: Coverage = field(default_factory=Coverage)
    detail: str = ""


async def observe(channel: Channel, question: Question, read: Callable[[Exchange], Reading[T]]) -> Observation[T]:
    """Ask *question*, *read* the exchange, and return what was seen or why nothing was."""
    exchange = await channel.ask(question)
    if len(exchange.body) < LARGE_BYTES:
        return observed(question.key, exchange, read)
    return await companion.in_turn(observed, question.key, exchange, read)


def observed(key: str, exchange: Exchange, read: Callable[[Exchange], Reading[T]]) -> Observation[T]:
    """Return the observation *key* of *exchange*; only a `SourceError` becomes `Unavailable`."""
    return observed_all(key, exchange.source, [exchange], exchange.at, lambda: read(exchange))


def observed_all(
    key: str, source: str, exchanges: Sequence[Exchange], at: datetime, read: Callable[[], Reading[T]]
) -> Observation[T]:
    """
    Return one observation of many exchanges.

    Parameters
    ----------
    at
        Stands for the time of asking when *exchanges* is empty.
    read
        Makes a reading of all of them; only a `SourceError` becomes `Unavailable`.
    """
    took_ms = 0.0
    status: int | None = None
    if exchanges:
        at = min(exchange.at for exchange in exchanges)
        end = max(exchange.at + timedelta(milliseconds=exchange.took_ms) for exchange in exchanges)
        took_ms = round((end - at).total_seconds() * 1000, 3) if len(exchanges) > 1 else exchanges[0].took_ms
        status = exchanges[-1].status
    try:
        reading = read()
    except SourceError as exc:
        return Unavailable(
            id=key,
            source=source,
            at=at,
            reason=exc.reason,
            detail=str(exc),
            http_status=status,
            took_ms=took_ms,
        )
    return Observed(
        id=key,
        source=source,
        at=at,
        value=reading.value,
        status=reading.status,
        coverage=reading.coverage,
        detail=reading.detail,
        took_ms=took_ms,
    )


def not_configured(key: str, source: str, at: datetime, *settings: str) -> Unavailable:
    """Return the observation of a source that is not part of this environment; names what to set."""
    return Unavailable(
        id=key,
        source=source,
        at=at,
        reason="not_configured",
        detail=(f"{source} is not part of this environment: {' and '.join(settings)} not set. It was not asked."),
    )


def observation_id(source: str, probe: str, key: str = "all") -> str:
    """Return ``source/probe/key`` with *key* made safe."""
    return f"{source}/{probe}/{safe(key)}"


def safe(part: str) -> str:
    """Return *part* in safe characters, different for different parts, at most 80 characters long."""
    kept = _UNSAFE.sub(_spelled, part[:80])
    if len(part) <= 80 and len(kept) <= 80 and kept.strip("."):
        return kept
    digest = hashlib.sha256(part.encode("utf-8", "replace")).hexdigest()[:12]
    return f"{kept[:60]}~-{digest}"


def _spelled(letter: re.Match[str]) -> str:
    return _spelling(letter.group())


@lru_cache(maxsize=256)  # a thousand keys with the same few slashes
def _spelling(letter: str) -> str:
    return "".join(f"~{byte:02x}" for byte in letter.encode("utf-8", "replace"))


def asked(exchange: Exchange) -> str:
    """Return what was asked in a few words, without parameters, for messages."""
    if exchange.kind == "sql":
        return f"The statement {exchange.url!r}"
    return f"{exchange.method} {excerpt(urlsplit(exchange.url).path or '/', 100)}"


def excerpt(text: str, limit: int = 120) -> str:
    """Return *text* on one line, printable, at most *limit* characters, for messages."""
    head = text[: limit * 4]
    line = " ".join("".join(c if c.isprintable() else " " for c in head).split())
    return line if len(line) <= limit and len(text) <= limit * 4 else line[: limit - 1] + "…"


def header(exchange: Exchange, name: str) -> str | None:
    """Return the header *name* (lower case) of the answer, or None."""
    found = exchange.headers.get(name)
    if found is not None:
        return found
    return next((value for key, value in exchange.headers.items() if key.lower() == name), None)


def content_type(exchange: Exchange) -> str:
    """Return the media type of the answer in lower case, without parameters; empty when it names none."""
    return (header(exchange, "content-type") or "").split(";")[0].strip().lower()


def edge_error_code(exchange: Exchange) -> str | None:
    """
    Return the code of Cloudflare's own error page (``1101``, ``522``, ...), None when it is none.

    ``unknown`` is the code of an HTML error page with a ``cf-ray`` header that names no code.
    """
    if exchange.status is None or exchange.status < 400:
        return None
    head = exchange.body[:65536].decode("utf-8", "replace")
    html = content_type(exchange) == "text/html" or head.lstrip()[:1] == "<"
    ray = header(exchange, "cf-ray") is not None
    bare = head.lstrip().lower().startswith("error code:")
    if not bare and not (html and (ray or "cloudflare" in head.lower())):
        return None
    found = _EDGE_CODE.search(head)
    return found.group(1) if found else "unknown"


def answer(exchange: Exchange, *, statuses: frozenset[int] | None = None) -> Exchange:
    """
    Return *exchange* when it holds a usable answer.

    Parameters
    ----------
    statuses
        Statuses that are usable; None for every 2xx.

    Raises
    ------
    SourceError
        The subclass that says why it is not usable.
    """
    what = asked(exchange)
    if exchange.outcome != "answered":
        reason = exchange.outcome
        likely = _LIKELY.get(reason, "")
        detail = excerpt(exchange.detail, 300) or reason.replace("_", " ")
        raise _OUTCOMES[reason](" ".join(f"{what}: {detail}. {likely} Nothing was read.".split()))
    status = exchange.status
    if exchange.kind != "http" or status is None:
        return exchange
    if status in statuses if statuses is not None else 200 <= status < 300:
        return exchange
    if status in (401, 403):
        raise SourceRefused(
            f"{what} was refused ({status}). The secret in {_secret(exchange.source)} is "
            "missing, expired or lacks read scope. Nothing was read; what needs this source is reported as "
            "not checked."
        )
    if status == 429:
        raise SourceRateLimited(
            f"{what} was turned away (429): too many requests. It was tried again as often as the budget allowed."
        )
    if status >= 500 and BLIND_TEXT in exchange.body[:4096].decode("utf-8", "replace"):
        raise SourceBlind(
            f"{what}: status {status}, {BLIND_TEXT!r} The store holds more than the service can read in one "
            "go, so it can no longer see (contract, trap 1). This says nothing about what is in it."
        )
    code = edge_error_code(exchange)
    if code is not None:
        raise SourceFailed(
            f"{what}: status {status}, Cloudflare's own error page (error code: {code}). The worker threw, "
            "ran out of its limits or could not be reached. Nothing was read.",
            status=status,
        )
    if status == 404:
        raise SourceFailed(
            f"{what}: no such route (404: {excerpt(exchange.text()) or 'no text'}). This deployment lacks "
            f"it, or the address of {exchange.source!r} in the settings is that of another service. Nothing "
            "was read.",
            status=status,
        )
    if 300 <= status < 400:
        raise SourceFailed(
            f"{what}: redirected ({status}) to another host, which is never followed. Nothing was read.",
            status=status,
        )
    raise SourceFailed(
        f"{what}: status {status} ({excerpt(exchange.text()) or 'no text'}). The service failed or does not "
        "know this question. Nothing was read.",
        status=status,
    )


def _secret(source: str) -> str:
    known = {"r2": "PITCHEY_OPS_R2_ACCESS_KEY_ID", "database": "PITCHEY_OPS_DATABASE_URL"}
    return known.get(source, f"PITCHEY_OPS_{source.upper()}_TOKEN")


def json_of(exchange: Exchange, shape: Shape = "object", *, statuses: frozenset[int] | None = None) -> Any:
    """
    Return the JSON value of the answer.

    Content type and first byte must agree, and the value must have the *shape* that the contract gives
    this route. Lone surrogates become U+FFFD, so that every column can hold every text.

    Raises
    ------
    BadPayload
        Not JSON, NaN or Infinity in it, nested deeper than `MAX_DEPTH`, or of another shape.
    SourceError
        There is no usable answer, see `answer`.
    """
    answer(exchange, statuses=statuses)
    what = asked(exchange)
    kind = content_type(exchange)
    first = exchange.body.lstrip()[:1]
    if exchange.kind == "http" and not (kind.endswith(("/json", "+json"))):
        raise BadPayload(
            f"{what}: status {exchange.status} with content type {excerpt(kind) or 'none'!r} where JSON was "
            f"due, beginning {excerpt(exchange.body[:200].decode('utf-8', 'replace'), 60)!r}. Something "
            "else answers at this address. Nothing was read."
        )
    wanted = {"object": b"{", "list": b"[", "any": b"{["}[shape]
    if not first or first not in wanted:
        raise BadPayload(
            f"{what}: begins with {excerpt(exchange.body[:200].decode('utf-8', 'replace'), 60)!r} where a "
            f"JSON {'object or list' if shape == 'any' else shape} was due. Nothing was read."
        )
    try:
        return loads(exchange.text())
    except BadPayload as exc:
        raise BadPayload(f"{what}: {exc} Nothing was read.") from None


def loads(text: str) -> Any:
    """
    Return the JSON value of *text*, read with care.

    Integers beyond 19 digits become floats, lone surrogates U+FFFD.

    Raises
    ------
    BadPayload
        Not JSON, NaN or Infinity in it, or nested deeper than `MAX_DEPTH`.
    """
    try:
        value = _quick(text) if len(text) > _SHORT else None
        value = _decoder(text).decode(text) if value is None else value
    except RecursionError:
        raise BadPayload(f"JSON nested deeper than {MAX_DEPTH} levels.") from None
    except ValueError as exc:
        raise BadPayload(f"not JSON, or cut off ({excerpt(str(exc), 80)}).") from None
    # counting costs half of looking, and what is long has many
    if (len(text) > _SHORT or text.count("[") + text.count("{") > MAX_DEPTH) and _deeper(value, MAX_DEPTH):
        raise BadPayload(f"JSON nested deeper than {MAX_DEPTH} levels.")
    return _without_surrogates(value) if _SURROGATE_ESCAPE.search(text) else value


def _quick(text: str) -> Any:
    """Return the value of a JSON *text* as a quick parser reads it; None where that is for the careful one to say."""
    if _long_integer(text):
        return None
    try:
        return from_json(text, allow_inf_nan=False, cache_strings="keys")
    except ValueError:  # halves of characters, say, or no JSON at all
        return None


def _decoder(text: str) -> json.JSONDecoder:
    """Return what decodes *text*: a function called for every integer is slow, and only needed where some are long."""
    return _DECODER if _long_integer(text) else _QUICK_DECODER


def _long_integer(text: str) -> bool:
    return _LONG_DIGITS in text.translate(_DIGITS)


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= 19 else float(text)


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=_constant)
_QUICK_DECODER = json.JSONDecoder(parse_constant=_constant)
_DIGITS = str.maketrans("123456789", "0" * 9)
_LONG_DIGITS = "0" * 19
_SHORT = 4096
"""Characters of JSON up to which the careful parser is quick enough."""


_CONTAINERS = frozenset({dict, list})


def _deeper(value: Any, limit: int) -> bool:
    level: list[Any] = [value] if type(value) in _CONTAINERS else []
    for _ in range(limit):
        if not level:
            return False
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) in _CONTAINERS
        ]
    return bool(level)


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): _without_surrogates(item) for key, item in value.items()}
    return value


def clean(text: str) -> str:
    """Return *text* with lone surrogates as U+FFFD; everything else as it came."""
    return _SURROGATE.sub("�", text)


def number(value: Any) -> float | None:
    """Return *value* as a finite float where it is a JSON number, else None; text and booleans are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def count(value: Any) -> int | None:
    """Return *value* as a whole number of 0 or more, where it is one, else None."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < 2**53 and found == int(found) else None


def text_of(value: Any) -> str | None:
    """Return *value* as text: as it came, or as JSON text where it is no text; None for null."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def mapping(value: Any) -> Mapping[str, Any]:
    """Return *value* where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in *value* where it is a list, else none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def moment_ms(value: Any) -> datetime | None:
    """Return the UTC time of milliseconds since the epoch between 2000 and 2100, else None."""
    found = number(value)
    return None if found is None or not EARLIEST_MS <= found <= LATEST_MS else from_ms(int(found))


def moment_iso(value: Any) -> datetime | None:
    """Return the UTC time of an ISO 8601 text, else None; without an offset it is taken as UTC."""
    return _moment(value) if isinstance(value, str) and len(value) <= 64 else None


@lru_cache(maxsize=4096)  # answers by minute name the same minute for every route and status
def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.strip())
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if EARLIEST_MS <= found.timestamp() * 1000 <= LATEST_MS else None


def from_ms(value: int) -> datetime:
    """Return the UTC time of *value* milliseconds since the epoch, exactly."""
    return _EPOCH + timedelta(milliseconds=value)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(at: datetime) -> int:
    """Return *at* in milliseconds since the epoch."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def iso(at: datetime) -> str:
    """Return *at* as ISO 8601 in UTC with ``Z`` and milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def latest_ms(exchange_at: datetime, window: Window) -> int:
    """Return the latest believable time of an entry, in milliseconds since the epoch."""
    return to_ms(max(exchange_at, window.end)) + round(FUTURE_TOLERANCE_S * 1000)


def visibility(
    window: Window,
    *,
    at: datetime,
    seen_start: datetime | None,
    seen_end: datetime | None,
    in_window: int,
    cut: bool,
    rejected: int,
) -> tuple[Literal["observed", "no_data", "blind"], Coverage]:
    """
    Tell what an answer of the logs or APM store can see of *window*.

    Parameters
    ----------
    at
        When it was asked; what is older than `RETENTION` by then is gone.
    seen_start, seen_end
        Oldest and newest usable entry of the answer.
    in_window
        Usable entries in the window.
    cut
        The store stopped reading at its limit, so that it sees nothing after *seen_end*.

    Returns
    -------
    status, coverage
        ``blind`` where no part of the window can be seen, ``no_data`` where it could and was empty.
    """
    visible_from = max(window.start, at - RETENTION)
    visible_to = window.end
    if cut:
        visible_to = min(window.end, seen_end) if seen_end is not None else window.start
    share = max(0.0, (visible_to - visible_from) / window.duration)
    blind = visible_to < visible_from or (cut and (seen_end is None or seen_end < window.start))
    coverage = Coverage(
        asked_start=window.start,
        asked_end=window.end,
        seen_start=seen_start,
        seen_end=seen_end,
        count=in_window,
        cut=cut,
        share=0.0 if blind else min(1.0, share),
        rejected=rejected,
    )
    if in_window:
        return "observed", replace(coverage, share=max(coverage.share or 0.0, 1e-6))
    return ("blind" if blind else "no_data"), coverage


def span(times: Iterable[datetime]) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last of *times*, None and None when there are none."""
    found = list(times)
    return (min(found), max(found)) if found else (None, None)
