"""
Log messages grouped into patterns.

After masking (`_masking`) most patterns are one key already. What is left are words that vary without looking so:
user names, class names, quoted titles. They are found by comparing distinct keys only: keys of one shape that
differ at one or two places are one pattern when the values at those places are evidence enough for a variable.
Few values that look like states (``Started``, ``Paused``) are not; many, or a number beside them, or names where a
name is expected (``for user …``) are. Counts of lines play no part, so a pattern is the same in a calm hour and
in a storm.

The recipe follows what the log-parsing literature found to carry over between systems: mask by kinds of text,
compare only messages of one shape, and let the diversity of values at a place decide (IPLoM, Drain and Brain;
benchmark of Zhu et al., ISSRE 2023).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from ._masking import MASK, fine_keys, rough_keys

PLACEHOLDER = "<*>"
"""What stands for a variable in a template."""

MAX_KEYS = 4_000
"""Most distinct masked keys that are compared word by word; see `group_messages` for the rest."""

MAX_ROUGH_KEYS = 200_000
"""Most distinct keys of stage 1 that go through stage 2."""

MAX_FIRST_WORDS = 1_000
"""Most patterns made of first words alone."""

FITTED_TEMPLATES = 20
"""Templates with the most values that keys beyond `MAX_KEYS` are tried on."""

FITTED_VALUES = 10
"""Keys that such a template must have united: it has a variable that words stand for."""

MAX_TOKENS = 80
"""Most words and signs of a key that are told apart; what follows is one more word."""

TAIL_VALUES = 30
"""From this many different continuations on, what follows a common beginning is free text."""

TAIL_WORDS = 3
"""Words that the common beginning of free text must have."""

ENOUGH_CONSTANTS = 3
"""Constant words that keys must share before what their values say counts in full."""

Tokens = tuple[str, ...]

_TOKEN = re.compile(r"[\w$\x01]+(?:(?:[.\-~+%@\\]|/\.?)[\w$\x01]+)*/?|[^\w\s]")
_REMARK = r"""\(([A-Za-z][A-Za-z']*(?:\x20[A-Za-z][A-Za-z']*)+)\)"""
_QUOTED = re.compile(r"""(?<![\w\x01])(["'`])((?:(?!\1)[^\n]){1,200}?)\1(?!\w)|""" + _REMARK)
_METHOD = re.compile(r"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE)\b")
_REPEATED_SIGN = re.compile(r"([^\w\s\x01])\1{2,}")
_GLUE = "\x02"  # stands for a blank inside quotes, so that quoted text is one word

_NAME_FOLLOWS = frozenset(("user", "username", "account", "login", "owner", "host", "hostname", "client", "named"))
_ENDS_A_NAME = frozenset(("from", "on", "at", "by", "[", "(", ""))
_NAME_LABELS = ("name", "user", "host", "email", "account", "owner")
_QUOTES = frozenset(('"', "'", "`"))
_KIND_WORD = re.compile(r"(?:Exception|Error|Failure|Fault|Warning|Timeout)$")
_STATE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*$")
_NAME_LIKE = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]|[\w][._$@/\\\-\x02][\w]")

# How much one distinct value says for "this place is a variable"; 1 is enough. The reciprocal is how many such
# values it takes. They were set by kinds of words and hold over a wide range: see tests/test_patterns.py.
_OF_A_MASK = 0.9  # with any one word beside it
_OF_A_NAME = 1 / 4  # a.b.c, camelCase, with-dashes, quoted text
_OF_A_WORD = 1 / 6
_OF_A_CAPITALISED = 1 / 8
_OF_A_STATE = 1 / 24  # RUNNING, SCREEN_ON
_NAME_PLACE = 3.0  # the place is one where names stand: two values do
_BESIDE_A_NUMBER = 2.0  # httpd(1234), 1234 (httpd)
_FIRST_PLACE = 0.5  # messages begin with what they are about


@dataclass(frozen=True, slots=True)
class Grouping:
    """
    Messages and the patterns that they belong to.

    Attributes
    ----------
    pattern_ids
        One id a message, in the order of the messages; never null.
    patterns
        One row a pattern, most frequent first: ``pattern_id``, ``template``, ``count``.
    overflow
        Distinct masked keys that were too many to compare; 0 as a rule.
    """

    pattern_ids: pl.Series
    patterns: pl.DataFrame
    overflow: int = 0


def group_messages(messages: pl.Series) -> Grouping:
    """
    Group *messages* (strings, nulls allowed) by what they say.

    A pattern's id is the digest of its template, the same in every run. Order and frequency of the messages make
    no difference. Work per message is two columnar passes; all else is paid per distinct key.

    Of more than `MAX_KEYS` distinct masked keys, the most frequent are compared word by word (ties by text). The
    others fall to the templates that these gave where they fit, else to a pattern of their first three words, at most
    `MAX_FIRST_WORDS` such; what is left is the one pattern ``<*>``. So a million messages without anything in common
    end in a bounded time and a readable number of patterns; `Grouping.overflow` tells that it happened. Only then do
    frequencies matter.

    Returns
    -------
    Grouping
        Empty series and frame for no messages.
    """
    rough = rough_keys(messages)
    counted = pl.DataFrame({"rough": rough}).group_by("rough").agg(pl.len().alias("count"))
    table, overflow = assign(counted)
    ids = pl.DataFrame({"rough": rough}).join(
        table.select("rough", "pattern_id"), on="rough", how="left", maintain_order="left"
    )
    return Grouping(ids["pattern_id"], summed(table), overflow)


def summed(table: pl.DataFrame) -> pl.DataFrame:
    """Return one row a pattern of *table*, as `Grouping.patterns`."""
    return (
        table.group_by("pattern_id")
        .agg(pl.col("template").min(), pl.col("count").sum().cast(pl.Int64))
        .sort(["count", "pattern_id"], descending=[True, False])
    )


def assign(counted: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """
    Return *counted* (``rough``, ``count``; rough keys distinct) with ``pattern_id`` and ``template``.

    The second value is the number of keys beyond `MAX_KEYS`.
    """
    ranked = counted.sort(["count", "rough"], descending=[True, False])
    looked, unseen = ranked.head(MAX_ROUGH_KEYS), ranked.slice(MAX_ROUGH_KEYS)
    fine = pl.concat(
        [
            looked.with_columns(fine_keys(looked["rough"])),
            unseen.with_columns(pl.col("rough").str.strip_chars().alias("fine")),
        ]
    )
    keys = fine.group_by("fine").agg(pl.col("count").sum()).sort(["count", "fine"], descending=[True, False])
    compared: list[str] = keys["fine"].head(MAX_KEYS).to_list()
    merged = merge_keys(compared)
    template = {key: render(tokens) for key, tokens in merged.items()}
    named = pl.concat(
        [
            pl.DataFrame(
                {"fine": compared, "template": [template[key] for key in compared]},
                schema={"fine": pl.String, "template": pl.String},
            ),
            _beyond(keys.slice(MAX_KEYS), merged),
        ]
    )
    ids = pl.DataFrame({"template": named["template"].unique().sort()}).with_columns(
        pl.col("template").map_elements(pattern_id, return_dtype=pl.String).alias("pattern_id")
    )
    named = named.join(ids, on="template", how="left")
    return fine.join(named, on="fine", how="left").drop("fine"), keys.height - len(compared)


def pattern_id(template: str) -> str:
    """Return the id of *template*: ``p`` and 12 hexadecimal digits of its SHA-256."""
    return "p" + hashlib.sha256(template.encode()).hexdigest()[:12]


def render(tokens: Tokens) -> str:
    """Return *tokens* as a readable template: signs close to their words, variables as `PLACEHOLDER`."""
    out: list[str] = []
    for token in tokens:
        glued = token.startswith(_TIGHT)
        text = token.removeprefix(_TIGHT).replace(_GLUE, " ").replace(MASK, PLACEHOLDER)
        out.append(text if glued or not out else " " + text)
    return "".join(out) or "(empty)"


# -- words and signs -----------------------------------------------------------------------------------------

_TIGHT = "\x03"  # leads a token that follows the one before it without a blank


def tokenise(key: str) -> Tokens:
    """
    Return the words and signs of a masked key.

    A word with a masked part is a mask; quoted text (an HTTP request line excepted) and a remark in brackets are one
    word each; repeated lists of the same form (``a=1, a=2``) are told once, and more than three equal signs in a
    row are three.
    """
    key = _REPEATED_SIGN.sub(r"\1\1\1", key)
    found: list[tuple[int, int, str]] = []
    at = 0
    for quoted in _QUOTED.finditer(key):
        content = quoted.group()[1:-1]
        if _METHOD.match(content) or len(content) == 1:
            continue
        start, stop = quoted.span()
        found.extend(_plain(key, at, start))
        found.append((start, start + 1, key[start]))
        text = MASK if MASK in content else re.sub(r"\s+", _GLUE, content)
        found.append((start + 1, stop - 1, text))
        found.append((stop - 1, stop, key[stop - 1]))
        at = quoted.end()
    found.extend(_plain(key, at, len(key)))
    tokens: list[str] = []
    end = -1
    for start, stop, text in found:
        tokens.append(_TIGHT + text if start == end else text)
        end = stop
    return _told_once(tokens[:MAX_TOKENS] + ([MASK] if len(tokens) > MAX_TOKENS else []))


def _plain(key: str, start: int, stop: int) -> Iterable[tuple[int, int, str]]:
    for match in _TOKEN.finditer(key, start, stop):
        text = match.group()
        yield match.start(), match.end(), MASK if MASK in text else text


def _told_once(tokens: list[str]) -> Tokens:
    """Drop what repeats the tokens just before it, where these hold a mask: lists of variable length."""
    texts = [_text(token) for token in tokens]
    for period in range(1, 7):
        at = 0
        while at + 2 * period <= len(texts):
            middle = at + period
            if (
                texts[at] == texts[middle]
                and MASK in texts[at:middle]
                and texts[at:middle] == texts[middle : middle + period]
            ):
                del tokens[middle : middle + period], texts[middle : middle + period]
            else:
                at += 1
    return tuple(tokens)


def _text(token: str) -> str:
    return token.removeprefix(_TIGHT)


def _is_word(token: str) -> bool:
    text = _text(token)
    return len(text) > 1 or text == MASK or text.isalnum() or text in "_$"


def _shape(tokens: Tokens) -> Tokens:
    """Return *tokens* with every word replaced by one sign: keys can only be one pattern when these are equal."""
    return tuple(("\x03W" if token.startswith(_TIGHT) else "W") if _is_word(token) else token for token in tokens)


# -- merging -------------------------------------------------------------------------------------------------


def merge_keys(keys: Sequence[str]) -> dict[str, Tokens]:
    """Return the template of each of the distinct masked *keys*; a function of their set alone."""
    tokens = {key: tokenise(key) for key in keys}
    shapes: dict[Tokens, list[Tokens]] = defaultdict(list)
    for row in sorted(set(tokens.values())):
        shapes[_shape(row)].append(row)
    template: dict[Tokens, Tokens] = {}
    for shape in sorted(shapes):
        template.update(_merge_shape(shapes[shape]))
    tails = _free_tails(sorted(set(template.values())))
    return {key: tails.get(template[row], template[row]) for key, row in tokens.items()}


def _merge_shape(rows: list[Tokens]) -> dict[Tokens, Tokens]:
    """Return the template of each of *rows*, which have one shape and are sorted and distinct."""
    if len(rows) == 1:
        return {rows[0]: rows[0]}
    places = [place for place, token in enumerate(rows[0]) if _is_word(token)]
    template = {row: row for row in rows}
    for merge in (_merge_named, _merge_single, _merge_pairs, _merge_single):
        step = merge(sorted(set(template.values())), places)
        if step:
            template = {row: step.get(current, current) for row, current in template.items()}
    return template


def _merge_named(rows: list[Tokens], places: list[int]) -> dict[Tokens, Tokens]:
    """Merge rows that differ only in words that look like names, at however many places."""
    like: dict[Tokens, list[Tokens]] = defaultdict(list)
    for row in rows:
        like[tuple("\x04" if _weight(_text(token)) == _OF_A_NAME else token for token in row)].append(row)
    out: dict[Tokens, Tokens] = {}
    for same in like.values():
        out.update(_settled(same, places))
    return out


def _settled(rows: list[Tokens], places: list[int]) -> dict[Tokens, Tokens]:
    """Merge *rows* if each place where they differ is a variable; else part them at the place that is least so."""
    if len(rows) < 2:
        return {}
    varying = [place for place in places if len({row[place] for row in rows}) > 1]
    score = {place: _evidence(rows, place, places, varying) for place in varying}
    if all(value >= 1 for value in score.values()):
        merged = _masked(rows[0], varying)
        return dict.fromkeys(rows, merged)
    weakest = min(varying, key=lambda place: (score[place], place))
    parts: dict[str, list[Tokens]] = defaultdict(list)
    for row in rows:
        parts[row[weakest]].append(row)
    out: dict[Tokens, Tokens] = {}
    for part in parts.values():
        out.update(_settled(part, places))
    return out


def _merge_single(rows: list[Tokens], places: list[int]) -> dict[Tokens, Tokens]:
    """Merge rows that differ at one place only, again and again until nothing changes."""
    return _merge_at(rows, places, 1)


def _merge_pairs(rows: list[Tokens], places: list[int]) -> dict[Tokens, Tokens]:
    """Merge rows that differ at two places at once (``class A for class B``)."""
    if len(places) > 24 or len(rows) > 1_000:
        return {}
    return _merge_at(rows, places, 2)


def _merge_at(rows: list[Tokens], places: list[int], width: int) -> dict[Tokens, Tokens]:
    template = {row: row for row in rows}
    current = rows
    while len(current) > 1:
        candidates = [
            (same, where)
            for where, same in _alike_but_for(current, places, width)
            if (width == 1 or _constants(same[0], places, where) >= 2 * width)
            and all(
                len({row[place] for row in same}) > 1 and _evidence(same, place, places, where) >= 1 for place in where
            )
        ]
        if not candidates:
            break
        taken: dict[Tokens, Tokens] = {}
        # the largest first; of equals the one further left, then by text
        for same, where in sorted(candidates, key=lambda one: (-len(one[0]), one[1], one[0][0])):
            if not any(row in taken for row in same):
                taken.update(dict.fromkeys(same, _masked(same[0], where)))
        template = {row: taken.get(now, now) for row, now in template.items()}
        current = sorted({taken.get(row, row) for row in current})
    return template


def _alike_but_for(rows: list[Tokens], places: list[int], width: int) -> Iterable[tuple[tuple[int, ...], list[Tokens]]]:
    """Yield ``(where, same)``: two or more *rows*, sorted as given, that are equal but for the places *where*."""
    # a row's sum of hashes less those at some places is equal for rows that are equal elsewhere: this finds the few
    # that are worth comparing without copying every row for every place
    sums: dict[tuple[int, tuple[int, ...]], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        parts = [hash((place, token)) for place, token in enumerate(row)]
        total = sum(parts)
        if width == 1:
            for place in places:
                sums[total - parts[place], (place,)].append(index)
        else:
            for where in combinations(places, width):
                sums[total - sum(parts[place] for place in where), where].append(index)
    for (_, where), indices in sums.items():
        if len(indices) < 2:
            continue
        exact: dict[Tokens, list[Tokens]] = defaultdict(list)
        for index in indices:
            exact[_masked(rows[index], where)].append(rows[index])
        for same in exact.values():
            if len(same) > 1:
                yield where, same


def _masked(row: Tokens, where: Iterable[int]) -> Tokens:
    out = list(row)
    for place in where:
        out[place] = _TIGHT + MASK if row[place].startswith(_TIGHT) else MASK
    return tuple(out)


def _weight(text: str) -> float:
    """Return what one distinct value says for a variable."""
    if text == MASK:
        return _OF_A_MASK
    if _STATE.match(text):
        return _OF_A_STATE
    if _NAME_LIKE.search(text):
        return _OF_A_NAME
    return _OF_A_CAPITALISED if text[:1].isupper() else _OF_A_WORD


def _evidence(rows: list[Tokens], place: int, places: list[int], varying: Iterable[int]) -> float:
    """Return how sure it is that the values of *rows* at *place* are those of a variable; 1 is enough."""
    values = {_text(row[place]) for row in rows}
    if 2 * sum(1 for value in values if _KIND_WORD.search(value)) >= len(values):
        return 0.0  # what went wrong is no mere value
    variable = set(varying)
    row = rows[0]
    constant = _constants(row, places, variable)
    if constant < len(variable):
        return 0.0
    words = sum(_weight(value) for value in values if value != MASK) * _place_factor(row, place)
    # unrelated messages may share a word or two ("Failed to ..."), hardly three and their shape
    words *= min(1.0, constant / ENOUGH_CONSTANTS)
    return words + (_OF_A_MASK if MASK in values else 0.0)


def _constants(row: Tokens, places: list[int], variable: Iterable[int]) -> int:
    """Return how many words of *row* are neither at a *variable* place nor masked."""
    open_places = set(variable)
    return sum(1 for place in places if place not in open_places and _text(row[place]) != MASK)


def _place_factor(row: Tokens, place: int) -> float:
    """Return how much more, or less, than elsewhere values stand for a variable at *place*."""

    def text(at: int) -> str:
        return _text(row[at]) if 0 <= at < len(row) else ""

    before, after = text(place - 1), text(place + 1)
    if before in _QUOTES and after in _QUOTES:
        return _NAME_PLACE
    if before in ("for", "by") and after in _ENDS_A_NAME:
        return _NAME_PLACE
    if before == ":" and text(place - 2).lower().endswith(_NAME_LABELS):
        return _NAME_PLACE
    if before in _NAME_FOLLOWS and place > 1:
        return _NAME_PLACE
    if after in ("(", "[") and text(place + 2) == MASK and row[place + 1].startswith(_TIGHT):
        return _BESIDE_A_NUMBER
    if before in ("(", "[") and after in (")", "]") and text(place - 2) == MASK:
        return _BESIDE_A_NUMBER
    return _FIRST_PLACE if place == 0 else 1.0


# -- free text and too many keys -----------------------------------------------------------------------------


def _free_tails(templates: list[Tokens]) -> dict[Tokens, Tokens]:
    """Return the shorter template of those that only begin alike and go on in many different ways."""
    following: dict[Tokens, set[str]] = defaultdict(set)
    for row in templates:
        for length in _beginnings(row):
            following[row[:length]].add(_text(row[length]))
    out: dict[Tokens, Tokens] = {}
    for row in templates:
        for length in _beginnings(row):
            if len(following[row[:length]]) >= TAIL_VALUES:
                out[row] = (*row[:length], MASK)
                break
    return out


def _beginnings(row: Tokens) -> Iterable[int]:
    words = 0
    for length, token in enumerate(row[:24]):
        if words >= TAIL_WORDS:
            yield length
        words += _is_word(token) and _text(token) != MASK


def _beyond(keys: pl.DataFrame, merged: dict[str, Tokens]) -> pl.DataFrame:
    """Return ``fine`` and ``template`` for keys that were too many to compare."""
    parts: list[pl.DataFrame] = []
    rest = keys
    if rest.height:
        united = Counter(merged.values())
        often = sorted((tokens for tokens in united if united[tokens] >= FITTED_VALUES), key=lambda t: (-united[t], t))
        for tokens in often[:FITTED_TEMPLATES]:
            fits = rest["fine"].str.contains(_expression(tokens))
            parts.append(rest.filter(fits).select("fine", pl.lit(render(tokens)).alias("template")))
            rest = rest.filter(~fits)
    return pl.concat([*parts, _by_first_words(rest)])


def _expression(tokens: Tokens) -> str:
    """Return the regular expression (Rust) of the keys that *tokens* are a template of."""
    out: list[str] = []
    for at, token in enumerate(tokens):
        text = _text(token)
        if text == MASK:
            piece = ".+" if at == len(tokens) - 1 else r"[^\s]+"
        else:
            piece = r"\s+".join(re.escape(part) for part in text.split(_GLUE))
        out.append(piece if token.startswith(_TIGHT) or not out else r"\s+" + piece)
    return "^" + "".join(out) + "$"


def _by_first_words(keys: pl.DataFrame) -> pl.DataFrame:
    """Return ``fine`` and ``template`` for keys that were too many to compare: their first words, nothing more."""
    start = pl.col("fine").str.extract(r"^\s*(\S+\s+\S+\s+\S+)\s").str.replace_all(r"\s+", " ")
    masked = start.str.replace_all(r"[^\s]*\x01[^\s]*", PLACEHOLDER)
    known = keys.select("fine", masked.alias("start"), pl.col("count").cast(pl.Int64)).with_columns(
        pl.len().over("start").alias("keys")
    )
    often = (
        known.filter(pl.col("start").is_not_null() & (pl.col("keys") > 1))
        .group_by("start")
        .agg(pl.col("count").sum())
        .sort(["count", "start"], descending=[True, False])
        .head(MAX_FIRST_WORDS)
        .with_columns((pl.col("start") + " " + PLACEHOLDER).alias("template"))
    )
    return known.join(often.select("start", "template"), on="start", how="left").select(
        "fine", pl.col("template").fill_null(PLACEHOLDER)
    )
