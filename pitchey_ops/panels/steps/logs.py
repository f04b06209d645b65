"""Panels about log entries: patterns, searches, services, kinds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from ...findings.kinds import KINDS
from ..base import Column, Panel, Table, no_data
from ..charts.errors import PatternRow, error_patterns, errors_over_time
from ..view import View
from ..words import count, quoted

ERROR_LEVELS = ("error", "fatal", "critical")
PARTS = 24
SHOWN = 30
LOOKED_FOR = "Looked for in message, service, component, url and stack; what the store hides is not among them."


def over_time(view: View) -> Panel:
    """Show errors over time by service."""
    errors = view.case.frames.logs.filter(pl.col("level").is_in(ERROR_LEVELS))
    return errors_over_time(errors, view.marks, why_empty=_why_empty(view))


def patterns(view: View) -> Panel:
    """Show the error patterns, new and rising first."""
    return _patterns(view, None)


def of_service(service: str) -> Callable[[View], Panel]:
    """Return a panel function for the error patterns of one service."""

    def panel(view: View) -> Panel:
        return _patterns(view, service)

    return panel


def of_kinds(subject: str, *signals: str) -> Callable[[View], Panel]:
    """Return a panel function for the entries of some kinds of error (`findings.kinds`)."""
    chosen = [kind for kind in KINDS if kind.signal in signals]

    def panel(view: View) -> Panel:
        question = f"Are there errors of {subject}?"
        logs = _window(view).filter(pl.col("level").is_in([*ERROR_LEVELS, "warn", "warning"]))
        if _window(view).is_empty():
            return no_data("kinds", question, _why_empty(view), what="log entries")
        read = count(_window(view).height, "entry that was", "entries that were")
        text = pl.concat_str(
            pl.col("message").str.slice(0, 2000), pl.col("stack").str.slice(0, 300), separator=" ", ignore_nulls=True
        )
        hits = logs.filter(pl.any_horizontal(*(kind.found_in(text) for kind in chosen)))
        if hits.is_empty():
            return Panel(
                id="kinds",
                question=question,
                title=f"No errors of {subject} among the {read} seen",
                sentence="Looked for by wording in errors and warnings; what the store hides is not among them.",
                notes=_notes(view),
            )
        return _table_of(view, hits, question, f"{count(hits.height, 'entry tells', 'entries tell')} of {subject}")

    return panel


def search(view: View) -> Panel:
    """Show entries that hold the text searched for: over what was read, not by the platform's own search."""
    text = str(view.parameters.get("search") or "")
    question = "Which entries hold the text searched for?"
    seen = _window(view)
    if not text:
        return no_data("search", question, "the parameter search is empty", what="text to search for")
    if seen.is_empty():
        return no_data("search", question, _why_empty(view), what="log entries")
    hits = seen.filter(
        pl.any_horizontal(
            *(
                pl.col(column).str.to_lowercase().str.contains(text.lower(), literal=True)
                for column in ("message", "service", "component", "url", "stack")
            )
        ).fill_null(value=False)
    )
    if hits.is_empty():
        return Panel(
            id="search",
            question=question,
            title=f"None of {count(seen.height, 'entry that was', 'entries that were')} seen holds {quoted(text, 60)}",
            sentence=LOOKED_FOR,
            notes=_notes(view),
        )
    holds = "holds" if hits.height == 1 else "hold"
    title = f"{hits.height:,} of {count(seen.height, 'entry', 'entries')} {holds} {quoted(text, 60)}"
    return _table_of(view, hits, question, title)


def circuit_breakers(view: View) -> Panel:
    """Show circuit breaker states where the logs tell them."""
    question = "Which circuit breakers are open?"
    seen = _window(view)
    if seen.is_empty():
        return no_data("breakers", question, _why_empty(view), what="log entries")
    hits = seen.filter(
        pl.col("message")
        .str.contains(r"(?i)circuit.?breaker|circuit (?:is )?(?:open|closed|half)")
        .fill_null(value=False)
    )
    if hits.is_empty():
        return Panel(
            id="breakers",
            question=question,
            title="The logs that were seen speak of no circuit breaker",
            sentence="Either there is none, or it does not log its state: this says nothing about external services.",
            notes=_notes(view),
        )
    newest = hits.sort("at").group_by("service", maintain_order=True).last()
    rows = tuple((r["service"], r["at"], r["message"]) for r in newest.sort("service").iter_rows(named=True))
    return Panel(
        id="breakers",
        question=question,
        title=f"{count(len(rows), 'service logs', 'services log')} a circuit breaker's state",
        sentence="The newest entry of each service, as it came.",
        table=Table(
            columns=(
                Column(name="service", telemetry=True),
                Column(name="at", unit="UTC"),
                Column(name="entry", telemetry=True),
            ),
            rows=rows,
        ),
        notes=_notes(view),
    )


def _patterns(view: View, service: str | None) -> Panel:
    changes = view.case.error_changes
    errors = view.case.frames.logs.filter(pl.col("level").is_in(ERROR_LEVELS))
    if service is not None:
        changes = changes.filter(pl.col("services").list.contains(service))
        errors = errors.filter(pl.col("service") == service)
        seen = _window(view).filter(pl.col("service") == service)
        if seen.is_empty():
            return no_data(
                "patterns",
                f"What goes wrong in the service {service}?",
                _why_empty(view, service),
                what=f"entries of {service}",
            )
        if changes.is_empty():
            was = "was" if seen.height == 1 else "were"
            return Panel(
                id="patterns",
                question=f"What goes wrong in the service {service}?",
                title=f"No errors among the {count(seen.height, 'entry', 'entries')} of {service} that {was} seen",
                sentence="The window's entries of this service, as far as a source shows them.",
                notes=_notes(view),
            )
    rows = [_row(view, row) for row in changes.head(25).iter_rows(named=True)]
    return error_patterns(rows, view.marks, why_empty=_why_empty(view))


def _row(view: View, row: dict[str, Any]) -> PatternRow:
    times = view.case.pattern_times(row["pattern_id"])
    window = view.case.window
    edges = np.linspace(window.start_ms, window.end_ms, PARTS + 1)
    counts, _ = np.histogram(times, bins=edges)
    trend = (
        "new" if row["is_new"] else "rising" if row["is_rising"] else "unknown" if row["is_new"] is None else "steady"
    )
    return PatternRow(
        pattern=row["template"],
        count=row["count"],
        first_seen=row["first_at"],
        last_seen=row["last_at"],
        trend=trend,  # type: ignore[arg-type]
        services=tuple(row["services"]),
        counts=tuple(float(n) for n in counts),
        sample=row["example"],
    )


def _table_of(view: View, hits: pl.DataFrame, question: str, title: str) -> Panel:
    newest = hits.sort(["at", "id"], descending=True).head(SHOWN)
    return Panel(
        id="entries",
        question=question,
        title=title,
        sentence=f"The newest {newest.height} of them, as they came."
        if hits.height > SHOWN
        else "All of them, as they came.",
        table=Table(
            columns=(
                Column(name="at", unit="UTC"),
                Column(name="service", telemetry=True),
                Column(name="level"),
                Column(name="entry", telemetry=True),
            ),
            rows=tuple((r["at"], r["service"], r["level"], r["message"]) for r in newest.iter_rows(named=True)),
        ),
        notes=_notes(view),
    )


def _window(view: View) -> pl.DataFrame:
    window = view.case.window
    return view.case.frames.logs.filter(pl.col("at").is_between(window.start, view.case.now + timedelta(minutes=1)))


def _why_empty(view: View, service: str | None = None) -> str:
    if service is not None:
        found = view.case.observations.get(f"logs/service/{service}")
        if found is not None and found.detail:
            return found.detail
    return view.why_unseen("logs", "r2")


def _notes(view: View) -> tuple[str, ...]:
    seen = view.source("logs")
    return (f"logs: {seen.detail}",) if seen is not None and seen.detail else ()
