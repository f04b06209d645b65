"""Which expressions are made ready for which texts: a shorter way to the very answers that Polars gives."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pitchey_ops.findings._attack_logins import _WORDINGS
from pitchey_ops.findings._needed import FOREIGN, Either, Every, Word, branches, needed, words_of
from pitchey_ops.findings._payloads import _STRONG, _WEAK, _either
from pitchey_ops.findings._sieve import Sieve
from pitchey_ops.findings._troubles import SUBJECTS, TROUBLES
from pitchey_ops.findings.kinds import KINDS, told_by

CATALOGUE = {
    **{f"{number} {kind.signal}": kind.matches for number, kind in enumerate(KINDS)},
    **{f"{number} unless": kind.unless for number, kind in enumerate(KINDS) if kind.unless},
    **{f"trouble {place.name}": place.matches for place in TROUBLES},
    **{f"subject {place.name}": place.matches for place in SUBJECTS},
    **{f"wording {name}": regex for name, _, _, regex in _WORDINGS},
    **{f"payload {kind}": _either(patterns) for kind, patterns in (*_STRONG.items(), *_WEAK.items())},
}
SIEVE = Sieve(CATALOGUE)
WORDS = sorted({w for p in CATALOGUE.values() for b in branches(p) if (n := needed(b)) for w in words_of(n)})
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(
        ["é", "ſ", "\u212a", "İ", "连接", "отказ", " ", ": ", ".", "\n", "500", "\x00", "-", "_", "s", "K"]
    ),
    st.text(max_size=6),
)
TEXTS = st.lists(st.lists(PIECES, max_size=12).map("".join), max_size=24)


def _by_polars(texts: pl.Series, pattern: str) -> list[bool]:
    return texts.str.contains(pattern).fill_null(value=False).to_list()


@settings(max_examples=8, deadline=None)
@given(TEXTS)
def test_every_expression_of_the_catalogues_finds_what_polars_finds(texts: list[str]) -> None:
    """A text that is not looked at could hold the one line that tells of the fault."""
    for written in (texts, [text.upper() for text in texts]):
        series = pl.Series(written, dtype=pl.String)
        sifted = SIEVE.on(series)
        for name, pattern in CATALOGUE.items():
            assert sifted.matches(name).to_list() == _by_polars(series, pattern), name


EXPRESSIONS = st.recursive(
    st.sampled_from(
        ["ab", "Abc", "(?i)", "a", "x y", r"\d", r"\b", ".", "[a-f]", "[^a]", "[ab]", r"\.", "ß", "é", "ſ", "k", "[sz]"]
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: f"(?:{'|'.join(some)})"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{0,3}", "{2}", "{1,}", "*?", "{1}?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        inner.map(lambda one: f"(?P<name>{one})"),
        st.lists(inner, min_size=2, max_size=3).map("|".join),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS, st.booleans(), TEXTS, st.lists(st.text("abcdefxyzsk. ßéſ1\u212a", max_size=12), max_size=6))
def test_any_expression_finds_what_polars_finds(
    expression: str, any_case: bool, texts: list[str], more: list[str]
) -> None:
    """What is not understood of an expression may cost time, and never a match."""
    pattern = ("(?i)" if any_case else "") + expression
    series = pl.Series([*texts, *more, None], dtype=pl.String)
    try:
        wanted = _by_polars(series, pattern)
    except pl.exceptions.ComputeError:  # Polars refuses it: the same name twice, or too large
        return
    assert Sieve({"it": pattern}).on(series).matches("it").to_list() == wanted


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("(?i)Deadlock detected", Word(frozenset({"deadlock det"}))),
        ("(?:pool|queue) (?:full|empty)", Word(frozenset({"pool full", "pool empty", "queue full", "queue empty"}))),
        ("pool.{0,40}exhaust", Every((Word(frozenset({"pool"})), Word(frozenset({"exhaust"}))))),
        ("ab(?:cd|.x)ef", Every((Word(frozenset({"ab"})), Word(frozenset({"ef"}))))),
        ("ab.cd|ef.gh", Either((Every((Word(frozenset({"ab"})), Word(frozenset({"cd"})))),
                                Every((Word(frozenset({"ef"})), Word(frozenset({"gh"}))))))),
        ("(?:abc)?", None),
        ("[0-9]{3}", None),
        ("连接", Word(frozenset({FOREIGN}))),
        ("ſo", None),
        (r"\x41bc", None),
        ("[[:alpha:]]bc", None),
        ("(?x)a b c", None),
        ("abc(", None),
    ],
)  # fmt: skip
def test_what_an_expression_needs_is_read_from_it(pattern: str, wanted: object) -> None:
    """The words are few and long, so that few texts hold them; what is not understood asks for nothing."""
    found = needed(pattern)
    if isinstance(wanted, Every) and isinstance(found, Every):
        assert set(found.of) == set(wanted.of)
    else:
        assert found == wanted


def test_alternatives_are_taken_apart_where_an_expression_has_them() -> None:
    """Each needs words of its own; brackets, classes and escapes are no borders."""
    assert branches(r"(?i)(?:ab|c[|]d)|(?:e\|f)|(?:g(?:h|i)j)") == ("(?i)ab", "(?i)c[|]d", r"(?i)e\|f", "(?i)g(?:h|i)j")
    assert branches(r"(?:a)(?:b)|[]|]c") == ("(?:a)(?:b)", "[]|]c")
    assert branches("a") == ("a",)
    assert branches("a|(?i)b|c") == ("a|(?i)b|c",)  # c may be written in capital letters, too


def test_the_catalogues_are_understood() -> None:
    """An expression that asks for nothing is made ready for every text of every run: it must stay an exception."""
    unread = [one for pattern in CATALOGUE.values() for one in branches(pattern) if needed(one) is None]
    assert len(unread) <= 12, unread
    assert all(len(word) >= 2 or word == FOREIGN for word in WORDS)


def test_kinds_are_told_of_many_texts_as_of_each() -> None:
    """The kinds' own words and what excludes them, together."""
    texts = pl.Series(
        ["too many connections for role", "redis: connection pool timeout", "nothing", None, "TypeError: x"]
    )
    tells = told_by(texts)
    frame = pl.DataFrame({"text": texts})
    for kind in KINDS:
        assert tells(kind).to_list() == frame.select(kind.found_in(pl.col("text")).alias("_")).get_column("_").to_list()


def test_no_texts_and_no_expressions_are_none() -> None:
    """A run without entries asks this, too."""
    assert SIEVE.on(pl.Series([], dtype=pl.String)).matches("trouble lock").to_list() == []
    assert SIEVE.on(pl.Series([None], dtype=pl.String)).matches("trouble lock").to_list() == [False]
