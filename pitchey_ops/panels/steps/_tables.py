"""What the steps' panels share: findings as rows, a server's table as it came, notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl

from ...models.finding import Finding, Severity
from ..base import Cell, Column, Panel, Table, no_data
from ..view import View

SHOWN = 40


def told(view: View, rule: str, *keys: str) -> list[Finding]:
    """Return the findings of *rule*, only those whose key (behind the slash) begins with one of *keys* if any."""
    found = view.rule(rule)
    return [f for f in found if not keys or f.id.partition("/")[2].startswith(keys)]


def claims(
    view: View, panel_id: str, question: str, findings: Sequence[Finding], *, rules: Iterable[str], what: str
) -> Panel:
    """Return *findings* as a panel: the gravest is the title; without any, why, or that nothing was found."""
    why = "; ".join(filter(None, (view.why_not(rule) for rule in rules)))
    if not findings and why:
        return no_data(panel_id, question, why, what=what)
    if not findings:
        return Panel(
            id=panel_id,
            question=question,
            title=f"Looked, and found nothing about {what}",
            sentence="What the sources hide is not among it; see what each could see at the end.",
        )
    ranked = sorted(findings, key=lambda f: (-f.severity, f.id))
    grave = [f for f in ranked if f.severity >= Severity.WARNING]
    return Panel(
        id=panel_id,
        question=question,
        title=(grave or ranked)[0].claim[:240],
        sentence=f"{len(grave)} of {len(ranked)} findings need attention."
        if grave
        else "Nothing here needs attention.",
        table=Table(
            columns=(
                Column(name="severity"),
                Column(name="finding", claim=True),
                Column(name="since", unit="UTC"),
                Column(name="seen in"),
            ),
            rows=tuple((f.severity.word, f.claim, f.at, ", ".join(f.evidence[:2])) for f in ranked[:SHOWN]),
        ),
        notes=(why,) if why else (),
    )


def server_table(view: View, statement: str) -> pl.DataFrame | None:
    """Return the rows of a statement to PostgreSQL, None when it was not answered."""
    seen = view.case.one(f"database/{statement}")
    rows = None if seen is None else seen.value.rows
    return rows if isinstance(rows, pl.DataFrame) else None


def frame_panel(
    panel_id: str,
    question: str,
    frame: pl.DataFrame,
    *,
    title: str,
    sentence: str,
    notes: Sequence[str] = (),
    rows: int = SHOWN,
) -> Panel:
    """Return a frame as a table: words of strangers where a column holds text."""
    columns = tuple(
        Column(
            name=name.replace("_", " "),
            telemetry=kind == pl.String,
            align="left" if kind == pl.String else "right",
        )
        for name, kind in frame.schema.items()
    )
    left = frame.height - rows
    cells: tuple[tuple[Cell, ...], ...] = tuple(frame.head(rows).iter_rows())
    return Panel(
        id=panel_id,
        question=question,
        title=title,
        sentence=sentence,
        table=Table(columns=columns, rows=cells, caption=f"{left} more rows are not shown." if left > 0 else ""),
        notes=tuple(notes),
    )


def with_notes(panel: Panel, *notes: str) -> Panel:
    """Return *panel* with further notes; empty ones are left out."""
    return replace(panel, notes=(*panel.notes, *(note for note in notes if note)))
