"""
The exchanges of a run as HAR 1.2, and back without loss.

Any HAR viewer opens it. What HAR has no place for (database reads, outcomes, attempts, shared answers) stands under
``_pitchey``. Bodies above 64 KiB stand once under ``bodies/{sha256}.gz`` and here by digest.

Each answer has a digest of its own, salted with 16 random bytes that stand beside it and nowhere else. The digest of
all evidence is made of those digests. So one answer can later be erased, its salt with it, and what is left still
verifies, while nobody can guess what was erased from its digest.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import secrets
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..errors import RecordError
from ..models.exchange import Exchange

APART_ABOVE_BYTES = 64 * 1024
FORMAT = "pitchey-evidence/1"

# made once: json.dumps makes a new one for each of the thousands of small answers of a run
_SORTED = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
_PLAIN = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def new_salt(rand: Callable[[int], str] = secrets.token_hex) -> str:
    """Return 16 random bytes in hexadecimal."""
    return rand(16)


def answer_digest(exchange: Exchange, salt: str) -> str:
    """Return the salted SHA-256 of everything that *exchange* holds."""
    return _digest(exchange.to_json(with_body=False), exchange.body, salt)


def _digest(row: Mapping[str, Any], body: bytes, salt: str) -> str:
    text = _SORTED.encode({**row, "body": hashlib.sha256(body).hexdigest()})
    inner = hashlib.sha256(text.encode("ascii")).digest()
    return hashlib.sha256(b"pitchey-answer/1\0" + bytes.fromhex(salt) + inner).hexdigest()


def evidence_digest(digests: Mapping[str, str]) -> str:
    """Return the digest over the answers' digests (by key), whatever order they came in: ``report.json`` holds it."""
    whole = hashlib.sha256(b"pitchey-evidence/1\0")
    for key in sorted(digests):
        whole.update(f"{len(key)}:".encode() + key.encode("utf-8", "surrogatepass") + digests[key].encode("ascii"))
    return whole.hexdigest()


def digests(exchanges: Iterable[Exchange], salts: Mapping[str, str]) -> dict[str, str]:
    """Return the salted digest of each exchange by its key."""
    return {exchange.key: answer_digest(exchange, salts[exchange.key]) for exchange in exchanges}


def har(
    exchanges: Iterable[Exchange],
    *,
    creator_version: str,
    salts: Mapping[str, str] | None = None,
    events: Iterable[Mapping[str, Any]] = (),
) -> bytes:
    """
    Return *exchanges* as gzipped HAR 1.2; the same input gives the same bytes.

    Parameters
    ----------
    creator_version
        Version of this package.
    salts
        Salt of each answer by key, as drawn when it was recorded. A key without one gets a new one.
    events
        What the run recorded beside its exchanges, in order: how it was prepared, the steps that it reached.

    Raises
    ------
    RecordError
        When two exchanges have the same key.
    """
    writer = HarWriter(creator_version=creator_version)
    for exchange in exchanges:
        writer.add(exchange, (salts or {}).get(exchange.key) or new_salt())
    return writer.close(events)


class HarWriter:
    """
    Makes a gzipped HAR of one exchange after the other, so that only what is packed already is kept.

    The bytes are those of `har` with the same exchanges, salts and events, however long it takes to give them.
    """

    def __init__(self, *, creator_version: str) -> None:
        self._packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)  # as gzip does it, with no time in it
        self._parts: list[bytes] = []
        self._keys: set[str] = set()
        creator = _PLAIN.encode({"name": "pitchey-ops", "version": creator_version})
        self._put(f'{{"log":{{"version":"1.2","creator":{creator},"entries":[')

    def add(self, exchange: Exchange, salt: str) -> None:
        """
        Add *exchange*, its digest salted with *salt*.

        Raises
        ------
        RecordError
            When there is one with the same key.
        """
        if exchange.key in self._keys:
            raise RecordError(f"{exchange.key}: recorded twice; the evidence would be ambiguous")
        self._put(("," if self._keys else "") + _PLAIN.encode(_entry(exchange, salt)))
        self._keys.add(exchange.key)

    def close(self, events: Iterable[Mapping[str, Any]] = ()) -> bytes:
        """Return the whole HAR, with *events*; nothing can be added after it."""
        own = _PLAIN.encode({"format": FORMAT, "events": [dict(event) for event in events]})
        self._put(f'],"_pitchey":{own}}}}}')
        return b"".join([*self._parts, self._packer.flush()])

    def _put(self, text: str) -> None:
        packed = self._packer.compress(text.encode("ascii"))
        if packed:
            self._parts.append(packed)


def bodies_apart(exchanges: Iterable[Exchange]) -> dict[str, bytes]:
    """Return the large bodies by digest, as they are to stand under ``bodies/{digest}.gz``: gzipped."""
    large = {hashlib.sha256(e.body).hexdigest(): e.body for e in exchanges if len(e.body) > APART_ABOVE_BYTES}
    return {name: gzip.compress(body, compresslevel=6, mtime=0) for name, body in large.items()}


def read_har(data: bytes, body_of: Callable[[str], bytes]) -> list[Exchange]:
    """
    Return the exchanges of a HAR of ours, exactly as they were.

    Parameters
    ----------
    data
        What `har` returned.
    body_of
        Gives the large body with a digest; its content is checked against that.

    Raises
    ------
    RecordError
        When *data* is no such file, or a body is not what its digest says.
    """
    try:
        return [_exchange(entry, body_of) for entry in _entries(data)]
    except (KeyError, TypeError, ValueError) as exc:
        raise RecordError(f"the evidence is damaged: {type(exc).__name__}: {exc}") from exc


@dataclass(frozen=True, slots=True)
class Record:
    """All that a HAR of ours holds: exchanges in order, the salt of each by key, and events in order."""

    exchanges: list[Exchange]
    salts: dict[str, str]
    events: list[dict[str, Any]]


def read_record(data: bytes, body_of: Callable[[str], bytes]) -> Record:
    """
    Return everything that a HAR of ours holds, read once; parameters and errors as `read_har`.
    """
    log = _log(data)
    try:
        return Record(
            exchanges=[_exchange(entry, body_of) for entry in log["entries"]],
            salts={entry["_pitchey"]["key"]: entry["_pitchey"]["salt"] for entry in log["entries"]},
            events=[dict(event) for event in log["_pitchey"].get("events", ())],
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise RecordError(f"the evidence is damaged: {type(exc).__name__}: {exc}") from exc


def read_salts(data: bytes) -> dict[str, str]:
    """Return the salt of each answer by key."""
    return {entry["_pitchey"]["key"]: entry["_pitchey"]["salt"] for entry in _entries(data)}


def read_events(data: bytes) -> list[dict[str, Any]]:
    """Return what the run recorded beside its exchanges, in order."""
    return [dict(event) for event in _log(data)["_pitchey"].get("events", ())]


def _entries(data: bytes) -> list[dict[str, Any]]:
    return list(_log(data)["entries"])


def _log(data: bytes) -> dict[str, Any]:
    try:
        log = json.loads(gzip.decompress(data))["log"]
        marker = log["_pitchey"]["format"]
        log["entries"]
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, RecursionError) as exc:
        raise RecordError(f"this is no evidence of ours: {type(exc).__name__}: {exc}") from exc
    if marker != FORMAT:
        raise RecordError(f"the evidence has format {str(marker)[:40]!r}; this version reads {FORMAT!r}")
    return dict(log)


def _entry(exchange: Exchange, salt: str) -> dict[str, Any]:
    row = exchange.to_json(with_body=False)
    own = {k: row[k] for k in ("key", "source", "kind", "outcome", "detail", "status", "statement", "attempts")}
    own |= {"shared": row["shared"], "took_ms": row["took_ms"], "salt": salt}
    own["digest"] = _digest(row, exchange.body, salt)
    content: dict[str, Any] = {"size": len(exchange.body), "mimeType": _mime(exchange.headers)}
    if len(exchange.body) > APART_ABOVE_BYTES:
        apart = hashlib.sha256(exchange.body).hexdigest()
        own["body_sha256"] = apart
        content["comment"] = f"bodies/{apart}.gz"
    else:
        content |= _content(exchange.body)
    request: dict[str, Any] = {
        "method": exchange.method,
        "url": exchange.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(exchange.request_headers),
        "queryString": _query(exchange.url),
        "headersSize": -1,
        "bodySize": len(exchange.request_body or b""),
    }
    if exchange.request_body is not None:
        packed = _content(exchange.request_body)
        request["postData"] = {"mimeType": _mime(exchange.request_headers), "params": [], "text": packed["text"]}
        if "encoding" in packed:
            request["postData"]["_encoding"] = packed["encoding"]
    return {
        "startedDateTime": exchange.at.isoformat(),
        "time": exchange.took_ms,
        "request": request,
        "response": {
            "status": exchange.status or 0,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _pairs(exchange.headers),
            "content": content,
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
        },
        "cache": {},
        "timings": {
            "blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": exchange.took_ms, "receive": 0,
        },
        "_pitchey": own,
    }  # fmt: skip


def _exchange(entry: Mapping[str, Any], body_of: Callable[[str], bytes]) -> Exchange:
    own, request, response = entry["_pitchey"], entry["request"], entry["response"]
    apart = own.get("body_sha256")
    if apart is None:
        body = _unpack(response["content"])
    else:
        body = body_of(apart)
        if hashlib.sha256(body).hexdigest() != apart:
            raise RecordError(f"bodies/{apart}.gz: the answer to {own['key']} is not the one that was recorded")
    post = request.get("postData")
    return Exchange.from_json(
        {
            **{k: own[k] for k in ("key", "source", "kind", "outcome", "detail", "status", "statement", "attempts")},
            "shared": own["shared"],
            "took_ms": own["took_ms"],
            "method": request["method"],
            "url": request["url"],
            "at": datetime.fromisoformat(entry["startedDateTime"]).isoformat(),
            "headers": {pair["name"]: pair["value"] for pair in response["headers"]},
            "request_headers": {pair["name"]: pair["value"] for pair in request["headers"]},
            "request_body": None if post is None else {"base64": base64.b64encode(_unpack(post)).decode()},
        },
        body=body,
    )


def _content(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(body).decode("ascii"), "encoding": "base64"}


def _unpack(content: Mapping[str, Any]) -> bytes:
    if (content.get("encoding") or content.get("_encoding")) == "base64":
        return base64.b64decode(content["text"], validate=True)
    return str(content["text"]).encode("utf-8")


def _pairs(headers: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers.items()]


def _query(url: str) -> list[dict[str, str]]:
    if "?" not in url:
        return []
    try:
        pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True, errors="replace")
    except ValueError:
        return []
    return [{"name": name, "value": value} for name, value in pairs]


def _mime(headers: Mapping[str, str]) -> str:
    return next((value for name, value in headers.items() if name.lower() == "content-type"), "")
