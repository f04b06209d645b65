"""
Takes secrets out of everything before it is written, read by analysis, or shown.

A secret becomes ``[redacted:kind]``. The same kind always becomes the same mark, so grouping and counting of
messages still work; marking twice changes nothing; JSON stays JSON of the same shape and types, and whatever holds
no secret stays as it came, to the byte. Trace ids, uuids, digests, timestamps, request ids, continuation tokens of
listings, and (by default) e-mail and client addresses are kept: diagnosis needs them.

What it cannot do: know a secret that has no published format, stands under no telling name, and is in no setting;
nor read what is encrypted, or encoded otherwise than in URLs, JSON, HTML quotes, base64, gzip and zlib.
"""

from __future__ import annotations

import base64
import bisect
import copy
import hashlib
import hmac
import html
import json
import re
import urllib.parse
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from . import patterns
from ._addresses import ADDRESS_RUST, EMAIL_RUST, address_spans, email_spans
from ._json import JsonText, decode_literal, encode_literal, is_json
from .patterns import Span

if TYPE_CHECKING:
    import polars as pl

Policy = Literal["keep", "hash"]
Locate = Callable[[bytes, int], Span | None]

_BETWEEN = b"\n\0\n"  # nothing that is looked for goes on over it
_BIG = 8192  # from here on the compiled automaton of Polars is faster than `re`
_BIG_SPARING = 2 * 1024 * 1024  # below it `re` takes a second or two at most, and Polars 30 MB of memory for good
_DEPTH = 6  # JSON in JSON in base64 …
_PASSES = 6  # until nothing changes any more
_DECODE_LIMIT = 2 * 1024 * 1024
_SHORT = 4  # shorter settings cannot be told from ordinary text
_URL_NAMES = frozenset({"sid", "sessionid", "session", "key", "auth", "code_verifier", "access_key", "hmac"})
_HEADER_NAMES = frozenset({"x-auth-email-token", "x-amz-content-sha256-key", "proxy-authenticate-token"})


class Redactor:
    """
    Masks secrets in text, bodies, headers, addresses and frames.

    Parameters
    ----------
    secrets
        Values that the settings call secret; masked as they are and in their URL, JSON, HTML, hexadecimal and base64
        forms. Values under 4 characters cannot be told from ordinary text and are left to the name they stand under.
    addresses, emails
        ``keep`` (default), or ``hash``: replaced by ``[address:…]`` / ``[email:…]``, ten hexadecimal digits of an
        HMAC-SHA-256 with *key*, so that counting distinct ones still works.
    key
        Per-archive key for ``hash``.

    Raises
    ------
    ValueError
        ``hash`` without a key.
    """

    def __init__(
        self,
        secrets: Sequence[str] = (),
        *,
        addresses: Policy = "keep",
        emails: Policy = "keep",
        key: bytes | None = None,
    ) -> None:
        if "hash" in (addresses, emails) and not key:
            raise ValueError("hashing addresses or e-mails needs the archive's key; nothing can be redacted without it")
        self._key = key or b""
        self._addresses = addresses == "hash"
        self._emails = emails == "hash"
        self._locate: dict[str, list[Locate]] = {}
        for rule in patterns.RULES:
            for anchor in rule.anchors:
                self._locate.setdefault(anchor, []).append(rule.at)
        for anchor in ("-----begin", "putty-user-key-file-"):
            self._locate.setdefault(anchor, []).append(patterns.private_key)
        self._locate.setdefault("-us", []).append(patterns.mailchimp)
        self._locate.setdefault("form-data;", []).append(patterns.form_part)
        for anchor in patterns.USER_FLAGS:
            self._locate.setdefault(anchor, []).append(patterns.user_flag)
        for word in patterns.WORDS:
            self._locate.setdefault(word, []).append(patterns.assignment)
        for secret in sorted({s for s in secrets if len(s) >= _SHORT}):
            for form in sorted(_forms(secret)):
                anchor = form.translate(patterns.VIEW).decode("ascii")
                self._locate.setdefault(anchor, []).append(_literal(form))
        self._anchors = sorted(self._locate)
        # An anchor that begins with another one stands for both.
        self._all_of = {
            a: [f for end in range(1, len(a) + 1) for f in self._locate.get(a[:end], ())] for a in self._anchors
        }
        self._small = re.compile(f"(?=({_trie(self._anchors)}))")
        self._forced = re.compile(rb"\\u00(?:[2-7]|0[bB])|\\[/f]")
        self._big = _BIG
        self._memo: dict[bytes, bytes] = {}

    def fresh(self, *, sparing: bool = False) -> Redactor:
        """
        Return one that looks for the same and remembers nothing: far quicker than to make one anew.

        *sparing* is for a process that redacts little and lives long: it does without the memory that Polars takes.
        """
        made = copy.copy(self)
        made._memo = {}
        made._big = _BIG_SPARING if sparing else _BIG
        return made

    # ── what others call ─────────────────────────────────────────────────────────────────────────────────────────

    def text(self, text: str) -> str:
        """Return *text* with its secrets marked; lone surrogates and NUL pass through."""
        data = text.encode("utf-8", "surrogatepass")
        out = self._text(data, 0)
        return text if out is data else out.decode("utf-8", "surrogatepass")

    def body(self, body: bytes, content_type: str | None = None) -> bytes:
        """
        Return *body* with its secrets marked.

        JSON and lines of JSON are recognised by themselves, whatever *content_type* says, and keep their shape; any
        other text is handled by patterns; gzip is opened, up to 2 MiB. Bytes that are no text are left as they are.
        """
        if body[:2] == b"\x1f\x8b":
            plain = _inflate(body)
            if plain is None:
                return b"[redacted:unchecked]"
            out = self._text(plain, 1)
            return body if out is plain else _deflate(out)
        return self._text(body, 0)

    def harmless(self, texts: Sequence[bytes]) -> list[bool]:
        """
        Tell of each text whether `text` and `body` would certainly leave it as it is.

        All are looked at in one pass, which is many times faster than one by one for a thousand small answers. False
        only means that a text has to be looked at by itself. Packed bytes are not opened here.
        """
        found = [True] * len(texts)
        ends = list(accumulate(len(text) + len(_BETWEEN) for text in texts))
        for start, end, _ in self._spans(_BETWEEN.join(texts), escaped=True):
            first = bisect.bisect_right(ends, max(0, start - 1))
            last = bisect.bisect_right(ends, min(end + 1, ends[-1] - 1))
            found[first : last + 1] = [False] * len(found[first : last + 1])
        return found

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers: those that carry secrets masked whole, the others as text."""
        out = {}
        for name, value in headers.items():
            kind = patterns.secret_name(name)
            if kind is None and name.lower() in _HEADER_NAMES:
                kind = "secret"
            if kind is None:
                out[name] = self.url(value) if name.lower() in ("location", "referer") else self.text(value)
            elif not value or patterns.all_marks(value.encode("utf-8", "surrogatepass")):
                out[name] = value
            else:
                out[name] = _mark(kind)
        return out

    def url(self, url: str) -> str:
        """Return an address without user and password, secret parameters and paths that are secrets."""
        head, fragment_mark, fragment = url.partition("#")
        base, query_mark, query = head.partition("?")
        if query:
            query = "&".join(self._parameter(pair) for pair in query.split("&"))
        if fragment and "=" in fragment:
            fragment = "&".join(self._parameter(pair) for pair in fragment.split("&"))
        return self.text(base + query_mark + query + fragment_mark + fragment)

    def frame(self, frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        """
        Return *frame* with the text of *columns* redacted.

        Columns that are absent or hold no text are left alone. Rows are sieved by Polars first; only distinct
        values that might hold a secret are looked at one by one.
        """
        import polars as pl

        for name in columns:
            if name not in frame.columns or frame.schema[name] != pl.String:
                continue
            suspects = frame.lazy().select(pl.col(name)).filter(self._sieve(name)).unique().collect().to_series()
            known = [value for value in suspects.to_list() if value is not None]
            cleaned = [self.text(value) for value in known]
            old = [a for a, b in zip(known, cleaned, strict=True) if a != b]
            new = [b for a, b in zip(known, cleaned, strict=True) if a != b]
            if old:
                frame = frame.with_columns(pl.col(name).replace(old, new))
        return frame

    # ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _sieve(self, name: str) -> pl.Expr:
        import polars as pl

        column = pl.col(name)
        found = column.str.contains_any(self._anchors, ascii_case_insensitive=True)
        found = found | column.str.contains(patterns.BASE64_RUST) | column.str.contains(patterns.CARD_SIEVE)
        if self._emails:
            found = found | column.str.contains(EMAIL_RUST)
        if self._addresses:
            found = found | column.str.contains(ADDRESS_RUST)
        return found

    def _spans(self, data: bytes, *, escaped: bool = False) -> list[Span]:
        """Return what is to be masked in *data*; *escaped* adds places where a JSON escape might hide something."""
        view = data.translate(patterns.VIEW).decode("ascii")
        spans: list[Span] = []
        series: pl.Series | None = None
        if len(data) >= self._big:
            import numpy as np
            import polars as pl

            series = pl.Series([(data if data.isascii() else data.translate(_ASCII)).decode("ascii")])
            found = pl.Series([view]).str.find_many(self._anchors, overlapping=True)
            # one call for the offsets, one for which anchor stands there
            for start in np.unique(found[0].to_numpy()).tolist():
                hit = self._small.match(view, start)
                if hit is not None:
                    spans.extend(self._at(data, start, hit.group(1), escaped))
        else:
            for hit in self._small.finditer(view):
                spans.extend(self._at(data, hit.start(), hit.group(1), escaped))
        if series is None or series.str.contains(patterns.CARD_OR_BASE64)[0]:
            spans.extend(self._cards(data, series))
            spans.extend(self._encoded(data, series))
        if self._emails:
            spans.extend(email_spans(data))
        if self._addresses:
            spans.extend(address_spans(data))
        if escaped:
            spans.extend((m.start(), m.end(), "") for m in self._forced.finditer(data))
        if spans and b"[redacted:" in data:
            marks = [m.span() for m in patterns.MARK.finditer(data)]
            spans = [s for s in spans if not _inside(s, marks)]
        return spans

    def _at(self, data: bytes, start: int, anchor: str, from_name: bool) -> Iterable[Span]:
        for locate in self._all_of[anchor]:
            span = locate(data, start)
            if span is not None and (span[1] > span[0] or from_name):
                yield (min(start, span[0]), span[1], span[2]) if from_name else span

    def _cards(self, data: bytes, series: pl.Series | None) -> Iterable[Span]:
        if series is None:
            places = [m.span() for m in patterns.CARD.finditer(data)]
        else:
            places = _places(series, patterns.CARD_SIEVE, patterns.card_of)
        for start, end in places:
            if patterns.card_at(data, start, end):
                yield start, end, "card"

    def _encoded(self, data: bytes, series: pl.Series | None) -> Iterable[Span]:
        """Yield runs of base64; whether there is a secret in them is for `_decoded` to say."""
        if series is None:
            seeds = [m.start() for m in patterns.BASE64.finditer(data) if patterns.base64_of(m.group())]
        else:
            seeds = [start for start, _ in _places(series, patterns.BASE64_RUST, patterns.base64_of)]
        done = 0
        for seed in seeds:
            if seed < done:
                continue
            start = seed
            while start > done and data[start - 1] in patterns.BASE64_BYTES:
                start -= 1
            run = patterns.BASE64_RUN.match(data, start)
            if run is not None:
                done = run.end()
                yield start, done, "base64"

    # ── masking ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _text(self, data: bytes, depth: int) -> bytes:
        """Return *data* redacted; the same object when there is nothing to do."""
        if depth < _DEPTH and data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[", b'"'):
            out = self._structured(data, depth)
            if out is not None:
                return out
        for _ in range(_PASSES):
            out = self._plain(data, self._spans(data), depth)
            if out is data or out == data:
                return data
            data = out
        return data

    def _plain(self, data: bytes, spans: list[Span], depth: int) -> bytes:
        edits: list[tuple[int, int, bytes]] = []
        for start, end, kind in _merged(spans):
            new = self._replacement(data[start:end], kind, depth)
            if new is not None:
                edits.append((start, end, new))
        return _splice(data, edits) if edits else data

    def _replacement(self, old: bytes, kind: str, depth: int) -> bytes | None:
        if kind == "base64":
            return self._decoded(old, depth)
        if kind in ("email", "address"):
            digest = hmac.new(self._key, old.lower(), hashlib.sha256).hexdigest()[:10]
            return f"[{kind}:{digest}]".encode()
        return _mark(kind).encode()

    def _decoded(self, run: bytes, depth: int) -> bytes | None:
        """Return what a run of base64 becomes, or None when there is no secret in it."""
        if depth >= _DEPTH or len(run) > _DECODE_LIMIT:
            return b"[redacted:unchecked]"
        packed = _PACK.sub(b"", run).translate(_URLSAFE)
        for shift in range(4):
            part = packed[shift:]
            if len(part) % 4 == 1:  # a character that begins nothing
                part = part[:-1]
            plain = base64.b64decode(part + b"=" * (-len(part) % 4))
            inner: bytes | None = plain
            if plain[:2] == b"\x1f\x8b" or (plain[:1] == b"\x78" and plain[1:2] in b"\x01\x5e\x9c\xda"):
                inner = _inflate(plain)
                if inner is None:
                    return b"[redacted:unchecked]"
            if inner is None:
                continue
            out = self._text(inner, depth + 1)
            if out is not inner and out != inner:
                if shift == 0 and inner is plain and _is_text(plain) and b"\n" not in run:
                    again = base64.b64encode(out)
                    return again.translate(_TO_URLSAFE) if _has_urlsafe(run) else again
                return b"[redacted:base64]"
        return None

    def _structured(self, data: bytes, depth: int) -> bytes | None:
        """Redact JSON, or lines of JSON, touching only the strings that hold something; None when it is neither."""
        spans = self._spans(data, escaped=True)
        if not spans:
            return data
        if is_json(data):
            return self._json(data, spans, depth)
        lines = data.splitlines(keepends=True)
        if len(lines) == 1:
            return None
        if not any(is_json(line) for line in lines[:2]):
            return None
        return b"".join(self._text(line, depth) for line in lines)

    def _json(self, data: bytes, spans: list[Span], depth: int) -> bytes:
        document = JsonText(data)
        edits: dict[int, tuple[int, int, bytes]] = {}
        keys: dict[bytes, int] = {}
        touched: set[int] = set()
        for start, end, _ in spans:
            touched.update(document.literals_in(start, end))
        names = document.secret_candidates(touched)
        masked: set[int] = set()
        for index, kind, name in names:
            for literal in document.value_strings(index):
                masked.add(literal)
                self._mask_literal(document, literal, kind, edits)
            number = document.value_number(index)
            if number is not None and patterns.numbers_too(kind, name):
                zero = b"0.0" if re.search(rb"[.eE]", data[number[0] : number[1]]) else b"0"
                edits[number[0]] = (*number, zero)
        for start, end, kind in spans:
            if kind == "private-key" and b"-----END" in data[start:end]:  # line by line in a list
                for literal in document.listed_in(start, end):
                    masked.add(literal)
                    self._mask_literal(document, literal, kind, edits)
        for literal in sorted(touched - masked):
            start, end = document.span(literal)
            raw = data[start:end]
            new = self._literal_text(raw, depth)
            if new is raw:
                continue
            if document.is_key(literal):
                keys[new] = keys.get(new, 0) + 1
                if keys[new] > 1:
                    new = new[:-1] + f" #{keys[new]}".encode() + b'"'
            edits[start] = (start, end, new)
        return _splice(data, [edits[k] for k in sorted(edits)]) if edits else data

    def _mask_literal(
        self, document: JsonText, literal: int, kind: str, edits: dict[int, tuple[int, int, bytes]]
    ) -> None:
        start, end = document.span(literal)
        value = document.data[start + 1 : end - 1]
        if value and not patterns.all_marks(value) and not patterns.status_word(value):
            edits[start] = (start, end, f'"{_mark(kind)}"'.encode())

    def _literal_text(self, raw: bytes, depth: int) -> bytes:
        """Return a JSON string literal redacted; the same object when it holds nothing."""
        key = raw if depth == 0 else b"%d" % depth + raw
        known = self._memo.get(key)
        if known is not None:
            return raw if known == raw else known
        plain = decode_literal(raw)
        out = self._text(plain, depth + 1) if plain is not None else raw
        new = raw if out is plain or plain is None else encode_literal(out)
        if len(raw) < 4096:
            if len(self._memo) >= 20_000:
                self._memo.clear()
            self._memo[key] = new
        return new

    def _parameter(self, pair: str) -> str:
        name, equals, value = pair.partition("=")
        plain = urllib.parse.unquote_plus(name)
        kind = patterns.secret_name(plain) or ("token" if plain.lower() in _URL_NAMES else None)
        encoded = value.encode("utf-8", "surrogatepass")
        if kind and value and not patterns.all_marks(encoded) and not patterns.status_word(encoded):
            return name + equals + _mark(kind)
        decoded = urllib.parse.unquote_plus(value)
        if decoded != value:
            cleaned = self.text(decoded)
            if cleaned != decoded:
                return name + equals + urllib.parse.quote(cleaned, safe="[]:/", errors="surrogatepass")
        return pair


# ── small helpers ────────────────────────────────────────────────────────────────────────────────────────────────

_ASCII = bytes(c if c < 128 else 63 for c in range(256))
_PACK = re.compile(rb"(?:\\r|\\n|[\r\n=])")
_URLSAFE = bytes.maketrans(b"-_", b"+/")
_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")


def _mark(kind: str) -> str:
    return f"[redacted:{kind}]"


def _has_urlsafe(run: bytes) -> bool:
    return b"-" in run or b"_" in run


def _is_text(data: bytes) -> bool:
    try:
        return data.decode("utf-8").replace("\n", "").replace("\t", "").replace("\r", "").isprintable()
    except UnicodeDecodeError:
        return False


def _inside(span: Span, marks: list[tuple[int, int]]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in marks)


def _merged(spans: list[Span]) -> list[Span]:
    """
    Return the spans in order and without overlap; of two that overlap, the first (then the longer) names the kind.

    Base64 is looked into only where nothing else claims it: what is left of it comes up in the next pass.
    """
    merged: list[Span] = []
    for start, end, kind in sorted((s for s in spans if s[2] not in ("", "base64")), key=_first_longest):
        if merged and start < merged[-1][1]:
            last = merged[-1]
            merged[-1] = (last[0], max(last[1], end), last[2])
        else:
            merged.append((start, end, kind))
    ends = [span[1] for span in merged]
    free: list[Span] = []
    for span in spans:
        if span[2] == "base64":
            at = bisect.bisect_right(ends, span[0])
            if at == len(merged) or merged[at][0] >= span[1]:
                free.append(span)
    return sorted({*merged, *free})


def _first_longest(span: Span) -> tuple[int, int, str]:
    return span[0], -span[1], span[2]


def _splice(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    parts: list[bytes] = []
    at = 0
    for start, end, new in edits:
        parts += (data[at:start], new)
        at = end
    parts.append(data[at:])
    return b"".join(parts)


def _places(series: pl.Series, pattern: str, inner: Callable[[bytes], bytes | None]) -> list[tuple[int, int]]:
    """Return where what *inner* makes of texts of *pattern* stands in the one text of *series*."""
    distinct = (inner(text.encode("ascii")) for text in series.str.extract_all(pattern)[0].unique().to_list())
    by_length: dict[int, list[str]] = {}
    for text in sorted({text for text in distinct if text}):
        by_length.setdefault(len(text), []).append(text.decode("ascii"))
    out: list[tuple[int, int]] = []
    for length, texts in by_length.items():
        out.extend((at, at + length) for at in series.str.find_many(texts, overlapping=True)[0].to_list())
    return sorted(out)


def _inflate(data: bytes) -> bytes | None:
    """Return gzip or zlib content; what it is cut to is never more than the limit: None when there is more."""
    opener = zlib.decompressobj(47)
    try:
        plain = opener.decompress(data, _DECODE_LIMIT)
    except zlib.error:
        return data
    return None if opener.unconsumed_tail else plain


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def _literal(form: bytes) -> Locate:
    """Return a locator of one form of a configured secret; short ones must stand alone."""
    alone = len(form) < 8

    def locate(data: bytes, start: int) -> Span | None:
        if not data.startswith(form, start):
            return None
        end = start + len(form)
        if alone and (not patterns.boundary(data, start) or data[end : end + 1].isalnum()):
            return None
        return start, end, "setting"

    return locate


def _forms(secret: str) -> set[bytes]:
    raw = secret.encode("utf-8", "surrogatepass")
    safe = secret.encode("utf-8", "replace").decode()
    packed = base64.b64encode(raw)
    urlsafe = packed.translate(_TO_URLSAFE)
    forms = {
        raw,
        urllib.parse.quote(safe).encode(),
        urllib.parse.quote(safe, safe="").encode(),
        urllib.parse.quote_plus(safe).encode(),
        json.dumps(secret)[1:-1].encode(),
        json.dumps(safe, ensure_ascii=False)[1:-1].encode(),
        json.dumps(secret)[1:-1].replace("/", "\\/").encode(),
        html.escape(safe).encode(),
        repr(safe)[1:-1].encode(),
        raw.hex().encode(),
        raw.hex().upper().encode(),
        packed,
        packed.rstrip(b"="),
        urlsafe,
        urlsafe.rstrip(b"="),
    }
    return {form for form in forms if len(form) >= _SHORT}


def _trie(words: Sequence[str]) -> str:
    """Return a regular expression for the longest of *words* at a place, grouped by prefix for speed."""
    tree: dict[str, dict[str, object]] = {}
    for word in words:
        node: dict[str, object] = tree  # type: ignore[assignment]
        for char in word:
            node = node.setdefault(char, {})  # type: ignore[assignment]
        node[""] = {}

    def render(node: dict[str, object]) -> str:
        options = [re.escape(c) + render(node[c]) for c in sorted(node) if c]  # type: ignore[arg-type]
        if not options:
            return ""
        body = options[0] if len(options) == 1 and "" not in node else f"(?:{'|'.join(options)})"
        return body + "?" if "" in node else body

    return render(tree)  # type: ignore[arg-type]
