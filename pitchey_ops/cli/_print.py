"""Looks on a terminal: rich tables for people, plain columns for pipes, one line of JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from ._look import Look, Section

LONGEST = 160
"""Characters of one cell; the JSON has more."""
NONE = "–"
STYLES = {
    "failing": "bold red",
    "critical": "bold red",
    "poor": "bold red",
    "new": "bold red",
    "warning": "yellow",
    "degraded": "yellow",
    "rising": "yellow",
    "blind": "magenta",
    "no data": "magenta",
    "unavailable": "magenta",
    "not asked": "magenta",
    "constant": "dim",
    "not configured": "dim",
    "healthy": "green",
    "good": "green",
}
"""Colours only repeat what the word says."""
OUTCOMES = {"fine": "bold green", "bad": "bold red", "unknown": "bold magenta"}


def write(look: Look, stream: TextIO, *, as_json: bool) -> None:
    """Write *look*; every text of strangers is made harmless, whichever way it is written."""
    if as_json:
        stream.write(json.dumps(look.to_json(), ensure_ascii=True, default=str) + "\n")
    elif stream.isatty():
        _rich(look, stream)
    else:
        _plain(look, stream)
    stream.flush()


def cell(value: Any, kind: str) -> str:
    """Return one value as text that can only be read; None is a dash, which is not zero."""
    from ..panels.safe import terminal

    if value is None:
        return NONE
    if isinstance(value, bool) or not isinstance(value, int | float):
        return terminal(value, LONGEST)
    if value != value or value in (float("inf"), float("-inf")):
        return NONE
    if kind == "share":
        return f"{value:.0%}" if value >= 0.0995 or value == 0 else f"{value:.2%}"
    if kind in ("count", "ms"):
        return f"{value:,.0f}"
    return f"{value:,.4g}" if isinstance(value, float) and abs(value) < 10_000 else f"{value:,.0f}"


def _head(look: Look) -> list[str]:
    from ..panels.safe import terminal

    start, end = look.window.start, look.window.end
    window = (
        f"{start:%Y-%m-%d %H:%M:%S} to {end:{'%H:%M:%S' if end.date() == start.date() else '%Y-%m-%d %H:%M:%S'}} UTC"
    )
    return [
        f"{look.state.upper()}  {terminal(look.summary, 600)}",
        f"{look.command}, {terminal(look.environment, 40)}, {window}, took {look.took_s:.1f} s",
    ]


def _texts(section: Section) -> list[list[str]]:
    return [[cell(row.get(key), kind) for key, _, kind in section.columns] for row in section.rows]


def _right(kind: str) -> bool:
    return kind in ("count", "ms", "share", "number")


def _plain(look: Look, stream: TextIO) -> None:
    from ..panels.safe import terminal

    lines = _head(look)
    for section in look.sections:
        lines += ["", section.title]
        rows = _texts(section)
        if not rows:
            lines.append(f"  {section.empty}")
            continue
        heads = [heading for _, heading, _ in section.columns]
        widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
        lines += [_line(row, widths, section) for row in [heads, *rows]]
    lines += ["", *(terminal(note, 400) for note in look.notes)]
    stream.write("\n".join(lines) + "\n")


def _line(row: Sequence[str], widths: Sequence[int], section: Section) -> str:
    padded = [
        text.rjust(width) if _right(kind) else text.ljust(width)
        for text, width, (_, _, kind) in zip(row, widths, section.columns, strict=True)
    ]
    return ("  " + "  ".join(padded)).rstrip()


def _rich(look: Look, stream: TextIO) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..panels.safe import terminal

    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    first, second = _head(look)
    console.print(Text(first, style=OUTCOMES[look.outcome]))
    console.print(Text(second, style="dim"))
    for section in look.sections:
        rows = _texts(section)
        console.print()
        console.print(Text(section.title, style="bold"))
        if not rows:
            console.print(Text(f"  {section.empty}", style="dim"))
            continue
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for _, heading, kind in section.columns:
            table.add_column(Text(heading), justify="right" if _right(kind) else "left", overflow="fold")
        for row in rows:
            cells = []
            for text, (_, _, kind) in zip(row, section.columns, strict=True):
                cells.append(Text(text, style=STYLES.get(text, "") if kind == "status" else ""))
            table.add_row(*cells)
        console.print(table)
    console.print()
    for note in look.notes:
        console.print(Text(terminal(note, 400), style="dim"))
