"""
What varies in a log line by its looks alone: numbers, addresses, paths, values of keys.

Masking has two stages, so that a million lines cost two cheap columnar passes and the rest is paid once for
each distinct key:

1. `rough_keys`: one regular expression over every line. It replaces what occurs in endless variety: words that
   hold a digit, addresses, absolute paths, mail addresses.
2. `fine_keys`: a table of further kinds (`KINDS`) over the few distinct rough keys.

Both are Polars expressions on Rust's regular expressions, which take linear time whatever the text. Nothing
here knows any particular system: every kind is one of text that all systems write.
"""

from __future__ import annotations

import polars as pl

MASK = "\x01"
"""Stands for a masked value inside keys: one byte that log text rarely holds, and is masked where it does."""

MAX_PREFIX_CHARS = 1_024
"""Longest part of a line that grouping looks at; what a line says stands at its beginning."""

_HOST_ENDINGS = (
    "com|net|org|edu|gov|mil|info|biz|io|dev|app|cloud|local|localdomain|internal|lan|intranet|arpa|"
    "ac|ar|at|au|be|br|ca|ch|cn|cz|de|dk|es|eu|fi|fr|gr|hk|hu|ie|il|ir|it|jp|kr|mx|nl|no|nz|pl|pt|ro|ru|se|sg|"
    "th|tr|tw|ua|uk|us|vn|za"
)
"""Last labels by which a dotted name is a host; country codes that are also file endings or words are left out."""

ROUGH = "|".join(
    (
        # colon-separated octets or IPv6 groups: 00:0d:60:e9:1d:dc
        r"(?-u:\b)(?:[0-9A-Fa-f]{1,4}:){3,}[0-9A-Fa-f]{1,4}(?-u:\b)",
        # an absolute path or the rest of a URL: a slash after something that is no word
        r"""(?-u:\B)[.~]{0,2}/[A-Za-z0-9_.~%+@$*\-](?:[^\s"'<>()\[\]{},;|:]|:[0-9])*""",
        # a word that holds a digit or an @, with what is glued to it by single . - ~ + % @: ids, hex, versions,
        # dates, addresses with ports, mail addresses, hosts with numbers
        r"-?(?:[A-Za-z_$]+[.\-~+%]?)*(?:[0-9]|[A-Za-z_]@[A-Za-z])"
        r"(?:[.\-@~+%]?[A-Za-z0-9_$]+|:[0-9][A-Za-z0-9_$]*)*",
    )
)
"""The one expression of stage 1."""

_TERMINAL = r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07\x1b]{0,200}\x07)"  # colours, cursor, window titles

_VALUE = (
    r"""(?:"[^"]*"|'[^']*'|[^\s,;&|=<>(){}\[\]"']*(?:\{[^{}=]*\}|\([^()=]*\)|\[[^\[\]=]*\])"""
    r"""|[^\s,;&|=<>(){}\[\]"']*)"""
)

_SWITCH = r"(?:on|off|yes|no|up|down|enabled?|disabled?|ON|OFF|YES|NO|UP|DOWN)"

KINDS: tuple[tuple[str, str, str], ...] = (
    ("control characters", r"[\x00\x02-\x1f\x7f]+", " "),
    (
        "JSON members",
        r"""("[^"\s]{1,64}"\s*:\s*)(?:"(?:[^"\\]|\\.)*"|[^\s,}\]\[{"]+)""",
        "${1}\x01",
    ),
    (
        "members of quoted dictionaries",
        r"""('[^'\s]{1,64}'\s*:\s*)(?:'(?:[^'\\]|\\.)*'|[^\s,}\]\[{']+)""",
        "${1}\x01",
    ),
    ("URLs", r"(?:[A-Za-z][A-Za-z0-9+.\-]*:)+/+\x01", MASK),
    ("Windows paths", r"""(?-u:\b)[A-Za-z]:\\[^\s"<>|,;]*""", MASK),
    ("relative paths", r"[\w.\-\x01]+(?:/[\w.\-\x01]+){2,}|[A-Za-z]\w*(?:\.\w+)+/[\w.$]+", MASK),
    ("values behind a spaced =", r"([A-Za-z_][\w.\-]*)\s+=\s+" + _VALUE, "${1} = \x01"),
    ("values behind =", r"([A-Za-z_][\w.\-]*=)" + _VALUE, "${1}\x01"),
    ("values behind = and a blank", r"([A-Za-z_][\w.\-]*=)\x01\s+\x01", "${1}\x01"),
    ("hosts", r"(?i)(?-u:\b)(?:[a-z_][\w\-]*\.)+(?:" + _HOST_ENDINGS + r")(?-u:\b)(?::\x01)?", MASK),
    ("names with a port", r"(?-u:\b)[A-Za-z][\w\-]*(?:\.[\w\-]+)+:\x01", MASK),
    ("booleans and nothings", r"(?-u:\b)(?:true|false|True|False|TRUE|FALSE|null|NULL|undefined|NaN)(?-u:\b)", MASK),
    (
        "switches in brackets",
        rf"([(\[{{<]\s*){_SWITCH}(?:[\s,]+{_SWITCH})*(\s*[)\]}}>])",
        "${1}\x01${2}",
    ),
    (
        "dates in words",
        r"(?-u:\b)(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},?\s+)?"
        r"(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?\s+\x01"
        r"|\x01[\s\-](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6})"
        r"(?:[\s,]+\x01)*(?:\s+(?:[A-Z]{3,4}T|UTC|GMT|[ECMP][DS]T|CES?T)(?-u:\b)(?:\s+\x01)?)?",
        MASK,
    ),
    (
        "durations",
        r"<?\x01\s?(?:ms|msecs?|milliseconds?|millis|us|usecs?|microseconds?|ns|nanoseconds?"
        r"|s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?|days?)(?-u:\b)",
        MASK,
    ),
    ("sizes and shares", r"\x01\s?(?:(?:[KMGTPkm]i?B|B)(?-u:\b)|%)", MASK),
    ("sizes told twice", r"\x01\s?(bytes?|octets?)\s?\(\x01\)", "\x01 ${1}"),
    ("quoted words with a masked part", r'''"[^"\s,{}\[\]]*\x01[^"\s,{}\[\]]*"''', '"\x01"'),
    ("ranges behind a name", r"[\w.\-]+\[\x01\]", MASK),
    ("empty places", r"(\s)\(\s*\)", "${1}(\x01)"),
    ("lists", r"\x01(?:[\s,;|/:#+\-_*=.&~@]*\x01)+", MASK),
)
"""The kinds of stage 2 as ``(name, expression, replacement)``, applied in this order."""


def heads(messages: pl.Series) -> pl.Series:
    """
    Return the part of each message that says what it is about.

    That is the first line that holds more than blanks, without terminal sequences, at most `MAX_PREFIX_CHARS` of
    it. A Python traceback says what happened only on its last line, which is put behind the first. Null is an empty
    text.
    """
    text = messages.fill_null("")
    # each of these passes is skipped where no line needs it
    if text.str.len_bytes().max() or 0:
        if text.str.contains("\x1b", literal=True).any():
            text = text.str.replace_all(_TERMINAL, "")
        if text.str.contains("\n", literal=True).any():
            column = pl.col("m")
            last = column.str.slice(-MAX_PREFIX_CHARS).str.strip_chars().str.extract(r"([^\n]*)$")
            first = column.str.strip_chars_start().str.extract(r"^([^\n]*)")
            text = (
                pl.DataFrame({"m": text})
                .select(
                    pl.when(column.str.contains("\n", literal=True))
                    .then(
                        pl.when(first.str.contains(r"^Traceback \(most recent call last\)"))
                        .then(pl.concat_str(first.str.strip_chars(), last, separator=" "))
                        .otherwise(first)
                    )
                    .otherwise(column)
                )
                .to_series()
            )
        if int(text.str.len_bytes().max() or 0) > MAX_PREFIX_CHARS:  # type: ignore[arg-type]
            # without the word that the cut leaves incomplete
            cut = text.str.slice(0, MAX_PREFIX_CHARS).str.replace(r"\s\S*$", "")
            long = text.str.len_bytes() > MAX_PREFIX_CHARS
            text = cut.zip_with(long, text)
    return text


def rough_keys(messages: pl.Series) -> pl.Series:
    """Return the stage 1 key of each message, in the same order; lines of one pattern share few of them."""
    text = pl.LazyFrame({"rough": heads(messages)})
    # the streaming engine masks on every core and keeps the order
    return text.select(pl.col("rough").str.replace_all(ROUGH, MASK)).collect(engine="streaming").to_series()


def fine_keys(rough: pl.Series) -> pl.Series:
    """Return the stage 2 key of each rough key, in the same order. Meant for distinct rough keys."""
    key = pl.col("rough")
    for _, expression, replacement in KINDS:
        key = key.str.replace_all(expression, replacement)
    return pl.DataFrame({"rough": rough}).select(key.str.strip_chars()).to_series().alias("fine")
