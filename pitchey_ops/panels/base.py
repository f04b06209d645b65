"""
One question, one panel.

A `Panel` is plain values: its title is the answer, its sentence says what the picture shows, its table holds
the figures. It is static, so it reads the same in a notebook, in an archived report, and without any picture.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from markupsafe import Markup, escape

from .safe import html, one_line, split_quoted, visible

Cell = str | int | float | datetime | None
Align = Literal["left", "right"]

ROWS_SHOWN = 200
"""Rows of a table that are shown; the rest is counted below it."""
CELL_LIMIT = 300
"""Characters of one cell that are shown."""
CELL_KEPT = 20_000
"""Characters of one cell that are kept at all: a panel is no archive of giant lines."""
_ID = re.compile(r"[a-z][a-z0-9_-]{0,63}\Z")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """
    A table's column.

    Attributes
    ----------
    name
        Words of ours, shown as the heading.
    unit
        Shown behind the name; ``UTC`` for times.
    align
        Figures stand right.
    telemetry
        The cells hold strangers' text: shown in the fence, monospaced.
    claim
        The cells are sentences of ours that quote strangers: only what stands in quotation marks is fenced
        (`safe.split_quoted`).
    """

    name: str
    unit: str = ""
    align: Align = "left"
    telemetry: bool = False
    claim: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Figures behind a panel. Rows are as long as *columns*; NaN becomes None."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    caption: str = ""

    def __post_init__(self) -> None:
        width = len(self.columns)
        if any(len(row) != width for row in self.rows):
            raise ValueError(f"every row needs {width} cells, as many as there are columns")
        object.__setattr__(self, "rows", tuple(tuple(_cell(cell) for cell in row) for row in self.rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """
    One question with its answer.

    Attributes
    ----------
    id
        Ours, lower case; unique within a report.
    question
        What the panel answers, e.g. ``Which services log errors?``
    title
        The answer, e.g. ``Errors rose twentyfold at 14:03 UTC; 91 % are pitch-service's``.
    sentence
        What the picture shows, for who reads it aloud at 3 am.
    png
        The picture, or None.
    alt
        The picture in words, with its figures; empty only without a picture.
    notes
        What limits the answer: cut sources, spans that were not seen, rows left out.
    empty
        True when there was nothing to draw: *title* then says so and *sentence* says why.
    """

    id: str
    question: str
    title: str
    sentence: str
    png: bytes | None = None
    alt: str = ""
    table: Table | None = None
    notes: tuple[str, ...] = ()
    empty: bool = field(default=False)

    def __post_init__(self) -> None:
        if not _ID.match(self.id):
            raise ValueError(f"panel id {self.id!r}: lower-case letters, digits, '-' and '_' only")
        if self.png is not None and not self.png.startswith(_PNG_SIGNATURE):
            raise ValueError(f"panel {self.id}: the picture is not a PNG")
        if self.png is not None and not self.alt:
            raise ValueError(f"panel {self.id}: a picture needs an alt text")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
        """Return the panel for Jupyter: HTML that needs neither trust nor scripts, and plain text."""
        return {"text/html": str(notebook_html(self)), "text/plain": plain_text(self)}

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; `from_json` gives an equal panel."""
        return {
            "id": self.id,
            "question": self.question,
            "title": self.title,
            "sentence": self.sentence,
            "png": None if self.png is None else base64.b64encode(self.png).decode("ascii"),
            "alt": self.alt,
            "table": None if self.table is None else _table_to_json(self.table),
            "notes": list(self.notes),
            "empty": self.empty,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Panel:
        """
        Rebuild a panel.

        Raises
        ------
        KeyError, TypeError, ValueError
            *row* is not what `to_json` gives.
        """
        return cls(
            id=row["id"],
            question=row["question"],
            title=row["title"],
            sentence=row["sentence"],
            png=None if row["png"] is None else base64.b64decode(row["png"], validate=True),
            alt=row["alt"],
            table=None if row["table"] is None else _table_from_json(row["table"]),
            notes=tuple(row["notes"]),
            empty=bool(row["empty"]),
        )


def no_data(panel_id: str, question: str, why: str, *, what: str, notes: Sequence[str] = ()) -> Panel:
    """
    Return the panel of a question that cannot be answered; never an empty chart that looks calm.

    Parameters
    ----------
    why
        What stood in the way, or that the sources looked and saw nothing; say which.
    what
        What there is none of, e.g. ``edge requests``.
    """
    because = why.strip() or "Nothing says why; read it as not seen, not as calm."
    return Panel(
        id=panel_id,
        question=question,
        title=f"No data: {what}",
        sentence=because if because.endswith((".", "!", "?")) else f"{because}.",
        notes=tuple(notes),
        empty=True,
    )


def data_uri(png: bytes) -> str:
    """Return *png* as a ``data:`` address."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def cell_text(cell: Cell, limit: int = CELL_LIMIT) -> str:
    """Return *cell* as it is shown: times without zone (the heading says UTC), figures with four digits."""
    if cell is None:
        return "–"
    if isinstance(cell, datetime):
        at = cell.astimezone(UTC) if cell.tzinfo else cell
        return at.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int | float):
        return number(cell)
    return one_line(cell, limit)


def number(value: float) -> str:
    """Return *value* with four significant digits, thousands in commas, and no exponent up to 1e15."""
    if isinstance(value, float) and not math.isfinite(value):
        return "–" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**15 else f"{float(value):.3g}" if abs(value) < 1e300 else "∞"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e15 or size < 1e-6:
        return f"{value:.3g}"
    decimals = max(0, min(9, 3 - math.floor(math.log10(size))))
    shown = f"{value:,.{decimals}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def heading(column: Column) -> str:
    """Return a column's heading with its unit."""
    return f"{column.name} ({column.unit})" if column.unit else column.name


def notebook_html(panel: Panel) -> Markup:
    """
    Return *panel* for a notebook: no script, no class of ours, only inline styles that JupyterLab's
    sanitizer knows, so that it reads the same trusted and untrusted.
    """
    parts: list[Markup] = [
        Markup('<section style="margin:0 0 1em 0;max-width:60em">'),
        Markup('<p style="margin:0;opacity:0.75">{}</p>').format(html(panel.question, 300)),
        Markup('<h3 style="margin:0 0 0.3em 0">{}</h3>').format(html(panel.title, 400, lines=False)),
    ]
    if panel.png is not None:
        parts.append(
            Markup(
                '<figure style="margin:0.5em 0"><img alt="{}" src="{}" style="max-width:100%;height:auto">'
                '<figcaption style="margin:0.3em 0">{}</figcaption></figure>'
            ).format(html(panel.alt, 1_500, lines=False), data_uri(panel.png), html(panel.sentence))
        )
    else:
        parts.append(Markup('<p style="margin:0.3em 0">{}</p>').format(html(panel.sentence)))
    if panel.table is not None and panel.table.rows:
        parts.append(_notebook_table(panel.table))
    for note in panel.notes:
        parts.append(Markup('<p style="margin:0.2em 0;font-size:90%">Note: {}</p>').format(html(note, 600)))
    parts.append(Markup("</section>"))
    return Markup("").join(parts)


def _notebook_table(table: Table) -> Markup:
    head = Markup("").join(
        Markup(
            '<th scope="col" style="text-align:{};position:sticky;top:0;'
            'background:var(--jp-layout-color1,Canvas)">{}</th>'
        ).format(column.align, html(heading(column), 80))
        for column in table.columns
    )
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup('<td style="text-align:{}{}">{}</td>').format(
                    column.align,
                    ";white-space:nowrap" if isinstance(cell, datetime) else "",
                    _notebook_cell(column, cell),
                )
                for column, cell in zip(table.columns, row, strict=True)
            )
        )
        for row in table.rows[:ROWS_SHOWN]
    )
    caption = table.caption
    left = len(table.rows) - ROWS_SHOWN
    if left > 0:
        caption = f"{caption} First {ROWS_SHOWN} rows; {left:,} more are not shown.".strip()
    return Markup(
        '<div style="overflow:auto;max-height:26em" tabindex="0"><table>'
        '<caption style="text-align:left">{}</caption>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(html(caption, 400), head, body)


def _notebook_cell(column: Column, cell: Cell) -> Markup:
    if column.claim and isinstance(cell, str):
        before, quoted, after = (html(part, CELL_LIMIT, lines=False) for part in said(cell))
        return Markup("{}<code>⟪{}⟫</code>{}").format(before, quoted, after) if quoted else before
    shown = cell_text(cell)
    if column.telemetry and cell is not None:
        return Markup("<code>⟪{}⟫</code>").format(escape(shown))
    return escape(shown)


def said(cell: str) -> tuple[str, str, str]:
    """Return a claim's words before, its quoted telemetry, and the words after, as much as one cell shows."""
    return split_quoted(cell if len(cell) <= CELL_LIMIT else f"{cell[: CELL_LIMIT - 1]}…")


def plain_text(panel: Panel) -> str:
    """Return *panel* as text for a terminal: no control characters, columns aligned, at most 40 rows."""
    lines = [visible(panel.title, 400, lines=False), f"  ({visible(panel.question, 300, lines=False)})"]
    lines.append(visible(panel.sentence, lines=False))
    if panel.table is not None and panel.table.rows:
        lines.append("")
        lines += _plain_table(panel.table)
    lines += [f"Note: {visible(note, 600, lines=False)}" for note in panel.notes]
    return "\n".join(lines)


def _plain_table(table: Table, limit: int = 40) -> list[str]:
    grid = [[one_line(heading(column), 40) for column in table.columns]]
    grid += [[cell_text(cell, 80) for cell in row] for row in table.rows[:limit]]
    widths = [max(len(line[at]) for line in grid) for at in range(len(table.columns))]
    lines = [
        "  ".join(
            cell.rjust(width) if column.align == "right" else cell.ljust(width)
            for cell, width, column in zip(line, widths, table.columns, strict=True)
        ).rstrip()
        for line in grid
    ]
    if len(table.rows) > limit:
        lines.append(f"… {len(table.rows) - limit:,} more rows")
    return lines


def _cell(cell: Cell) -> Cell:
    if isinstance(cell, float) and not math.isfinite(cell):
        return None if math.isnan(cell) else number(cell)
    return cell[:CELL_KEPT] if isinstance(cell, str) else cell


def _table_to_json(table: Table) -> dict[str, Any]:
    return {
        "columns": [
            {"name": c.name, "unit": c.unit, "align": c.align, "telemetry": c.telemetry, "claim": c.claim}
            for c in table.columns
        ],
        "rows": [
            [{"at": cell.isoformat()} if isinstance(cell, datetime) else cell for cell in row] for row in table.rows
        ],
        "caption": table.caption,
    }


def _table_from_json(row: Mapping[str, Any]) -> Table:
    return Table(
        columns=tuple(
            Column(
                name=c["name"],
                unit=c["unit"],
                align=_align(c["align"]),
                telemetry=bool(c["telemetry"]),
                claim=bool(c.get("claim", False)),
            )
            for c in row["columns"]
        ),
        rows=tuple(
            tuple(datetime.fromisoformat(cell["at"]) if isinstance(cell, dict) else cell for cell in cells)
            for cells in row["rows"]
        ),
        caption=row["caption"],
    )


def _align(word: str) -> Align:
    if word not in ("left", "right"):
        raise ValueError(f"align {word!r}: left or right")
    return "right" if word == "right" else "left"
