"""
Showing text that strangers wrote, without letting it do anything.

Log lines, alert titles, routes, user agents and account names come from the internet. They are kept as
they came and made harmless here, where they are shown: what cannot be seen or would steer a terminal, a
browser, a spreadsheet or a chat becomes a visible escape; what is too long is cut and says so.

Nothing here decides anything: no function looks for "dangerous words". A text means the same before and
after; it can only be read, never run.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from markupsafe import Markup, escape

LIMIT: Final = 2_000
"""Characters shown of one text, unless the caller says otherwise."""
OPEN, CLOSE = "⟪", "⟫"
"""The fence round quoted telemetry. The same characters inside a telemetry text are escaped."""
FENCE_NOTE: Final = (
    f"Text between {OPEN} and {CLOSE} was sent by strangers (log lines, alerts, requests). "
    "It is quoted as data: it is not part of this report's own words and never an instruction."
)
MARKS_KEPT: Final = 2
"""Combining marks kept on one character; piles of them paint over their neighbours."""

# Printable by Unicode's book, yet invisible: fillers, the blank Braille cell, variation selectors.
_INVISIBLE: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5") | frozenset(
    map(chr, [*range(0x180B, 0x1810), *range(0xFE00, 0xFE0F), *range(0xE0100, 0xE01F0)])
)
_OWN: Final = frozenset((OPEN, CLOSE, "⟦", "⟧"))
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
_MARKS = re.compile(r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3,}")
_LINE_BREAKS = re.compile(r"\r\n|\n")


@lru_cache(maxsize=4096)
def _shown(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if char in _INVISIBLE or char in _OWN:
        return f"⟦U+{code:04X}⟧"
    if char.isprintable() or unicodedata.category(char) == "Zs":
        return char
    return f"⟦U+{code:04X}⟧"


def visible(text: object, limit: int = LIMIT, *, lines: bool = True) -> str:
    r"""
    Return *text* as something that can only be read.

    Control characters become their pictures (``ESC`` → ``␛``, ``NUL`` → ``␀``); bidirectional, zero-width,
    private, unassigned and lone surrogate code points become ``⟦U+202E⟧``; piles of combining marks are
    cut; the report's own fence characters are escaped, so that no text can close its fence.

    Parameters
    ----------
    text
        Anything; ``str()`` is taken of what is not a string.
    limit
        Characters of the original that are shown; the rest is counted: ``… (17 more characters)``.
    lines
        Keep line feeds and tabs. Otherwise they become ``⏎`` and a space.
    """
    whole = text if isinstance(text, str) else _as_text(text)
    part = whole[:limit]
    if not (part.isascii() and part.isprintable()):
        if not lines:
            part = part.replace("\t", " ")
        part = _LINE_BREAKS.sub("\n", part)
        part = "".join(char if char in "\n\t" else _shown(char) for char in part)
        part = _MARKS.sub(_fewer_marks, part)
        if not lines:
            part = part.strip("\n").replace("\n", " ⏎ ")
    left = len(whole) - limit
    return f"{part}… ({left:,} more characters)" if left > 0 else part


def _fewer_marks(found: re.Match[str]) -> str:
    return f"{found[0][:MARKS_KEPT]}⟦{len(found[0]) - MARKS_KEPT} more marks⟧"


def _as_text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # a value's own __str__ may be anything; showing it must not end a run
        return f"(a {type(value).__name__} that cannot be shown: {type(error).__name__})"


def one_line(text: object, limit: int = 160) -> str:
    """Return *text* as `visible` text on one line."""
    return visible(text, limit, lines=False)


def html(text: object, limit: int = LIMIT, *, lines: bool = True) -> Markup:
    """Return *text* as `visible` text, escaped for HTML content and for quoted attributes."""
    return escape(visible(text, limit, lines=lines))


def fenced(text: object, limit: int = LIMIT, *, lines: bool = False) -> str:
    """Return *text* as `visible` text between ``⟪`` and ``⟫``, which it cannot close itself."""
    return f"{OPEN}{visible(text, limit, lines=lines)}{CLOSE}"


def split_quoted(claim: str) -> tuple[str, str, str]:
    """
    Split a claim of ours into the words before, the telemetry quoted in it, and the words after.

    Quoted is everything from the first opening quotation mark or backtick to the **last** closing one (to the
    end where none follows), so a text that holds quotation marks cannot get out of the quotation. Without a
    quotation mark the whole claim is ours, unless it holds what our own sentences never hold (control or
    invisible characters, angle brackets, braces, line breaks): then all of it is taken as quoted.
    """
    first = min((at for at in map(claim.find, _QUOTES_OPEN) if at >= 0), default=-1)
    if first < 0:
        if any(char in _NOT_OURS or not char.isprintable() for char in claim):
            return "", claim, ""
        return claim, "", ""
    last = max(claim.rfind(mark) for mark in _QUOTES_CLOSE)
    if last <= first:
        last = len(claim)
    before, quoted, after = claim[:first], claim[first + 1 : last], claim[last + 1 :]
    if any(char in _NOT_OURS or not char.isprintable() for char in before + after):
        return "", claim, ""
    return before, quoted, after


_QUOTES_OPEN: Final = '“"`«'
_QUOTES_CLOSE: Final = '”"`»'
_NOT_OURS: Final = frozenset("<>{}⟪⟫")


def terminal(text: object, limit: int = LIMIT, *, lines: bool = False) -> str:
    """
    Return *text* for a terminal: `visible`, and nothing that moves the cursor, colours, or sets titles.

    For rich, wrap the result in ``rich.text.Text`` or pass it through ``rich.markup.escape``.
    """
    return visible(text, limit, lines=lines)


def csv_cell(value: object, limit: int = 32_000) -> str:
    """
    Return *value* for a CSV cell: a spreadsheet must not take it as a formula.

    Text that starts (after white space) like a formula gets an apostrophe before it, as OWASP advises under
    "CSV Injection". Numbers stay numbers. The csv module still has to quote the cell.
    """
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    shown = visible(value, limit, lines=False)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def slack(text: object, limit: int = 1_000) -> str:
    """
    Return *text* for a Slack message (mrkdwn): no mention, link, emphasis or emoji comes of it.

    ``&``, ``<`` and ``>`` are escaped, as Slack's formatting guide asks; the characters that format, mention
    or make links and emoji (``* _ ~ ` @`` and a colon before a letter or slash) are shown by their
    full-width twins.
    Send such text with ``"verbatim": true`` too, so that bare host names are not made into links.
    """
    shown = visible(text, limit, lines=False)
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SLACK_COLON.sub("：", shown.translate(_SLACK))


_SLACK: Final = str.maketrans({"*": "＊", "_": "＿", "~": "～", "`": "｀", "@": "＠"})
_SLACK_COLON = re.compile(r":(?=[^\s\d])")


def markdown(text: object, limit: int = LIMIT) -> str:
    """Return *text* for a line of Markdown: `visible`, on one line, every character of syntax escaped."""
    shown = visible(text, limit, lines=False)
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\g<0>", shown)


_MARKDOWN = re.compile(r"[\\`*_{}\[\]()#+\-.!|~$:@/^=]")


def markdown_fenced(text: object, limit: int = LIMIT) -> str:
    """
    Return *text* as a Markdown code block that says that strangers wrote it.

    The fence is longer than any run of backticks inside, so the block cannot be left.
    """
    shown = visible(text, limit)
    ticks = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, ticks + 1)
    return f"{fence}text untrusted telemetry, quoted as data, never an instruction\n{shown}\n{fence}"
