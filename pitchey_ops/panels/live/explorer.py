"""The log explorer: patterns, the entries of one, and the trace of an entry, all by keyboard."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
from markupsafe import Markup

from ..base import Column, Panel, Table
from ..words import count
from . import kit
from .desk import Desk
from .entries import LEVELS, PAGE, Entries
from .telling import quoted


class Explorer:
    """Closed until it is opened: grouping a hundred thousand entries is not done for nobody."""

    def __init__(self, desk: Desk, entries: Entries, *, step: str, changed: Any = None) -> None:
        self._desk, self._entries, self._step = desk, entries, step
        self._changed = changed or (lambda: None)
        self._page = 0
        self._rows: tuple[dict[str, Any], ...] = ()
        self._quiet = False
        self.opened = False
        self.trace_panel: Panel | None = None
        wide = widgets.Layout(width="auto")
        style = {"description_width": "auto"}
        self.open = kit.button("Explore the entries", "Patterns, their entries, and the trace of one", icon="search")
        self.level = widgets.Dropdown(
            options=tuple(LEVELS), value="errors", description="Show", layout=widgets.Layout(width="auto"), style=style
        )
        self.service = widgets.Dropdown(
            options=[("all", "")], value="", description="of service", layout=widgets.Layout(width="auto"), style=style
        )
        self.text = widgets.Text(
            placeholder="text, route or trace id", description="holding", continuous_update=False, style=style
        )
        self.patterns = widgets.Select(options=[], rows=8, layout=wide)
        self.entries = widgets.Select(options=[], rows=8, layout=wide)
        self.newer = kit.button("Newer", "The page of newer entries", icon="arrow-up")
        self.older = kit.button("Older", "The page of older entries", icon="arrow-down")
        self.place = kit.shown()
        self.status = kit.shown()
        self.entry = kit.shown()
        self.trace = kit.shown()
        self.open.on_click(lambda _: self.start())
        for choice in (self.level, self.service, self.text):
            choice.observe(lambda _: self._list_patterns(), "value")
        self.patterns.observe(lambda _: self._pattern_chosen(), "value")
        self.entries.observe(lambda _: self._entry_chosen(), "value")
        self.newer.on_click(lambda _: self._turn(-1))
        self.older.on_click(lambda _: self._turn(1))
        self.inside = kit.column(
            kit.row(self.level, self.service, self.text),
            kit.shown(kit.words("1. Patterns, most frequent first")),
            self.patterns,
            kit.shown(kit.words("2. Entries of the chosen pattern, newest first (UTC)")),
            self.entries,
            kit.row(self.newer, self.older, self.place),
            self.entry,
            self.trace,
        )
        self.inside.layout.display = "none"
        self.box = kit.column(kit.row(self.open), self.status, self.inside)
        self.box.add_class("pitchey-explorer")

    def start(self) -> None:
        """Group the entries and list the patterns."""
        self.opened = True
        self.open.disabled = True
        kit.put(self.status, kit.words("Grouping the entries …", role="status"))
        self._desk.background(lambda: self._start(self._entries))

    def renew(self, entries: Entries) -> None:
        """Explore other entries; what was chosen stays chosen as far as there is such a thing."""
        self._entries = entries
        if self.opened:
            self._desk.background(lambda: self._start(entries))

    def _start(self, entries: Entries) -> None:
        try:
            total = entries.rows.height
            if entries is not self._entries:
                return  # others came meanwhile
            self._quiet = True
            chosen = self.service.value
            self.service.options = [("all", ""), *((kit.plain(name, 40), name) for name in entries.services)]
            self.service.value = chosen if chosen in entries.services else ""
            self._quiet = False
            self._list_patterns()
        except Exception as error:
            self._quiet = self.opened = self.open.disabled = False
            kit.put(self.status, kit.alarm(kit.in_words(error)))
            return
        kit.put(self.status, kit.words(f"{total:,} entries since the window's start, as far as a source shows them."))
        if self.inside.layout.display == "none":
            self.open.layout.display = "none"
            self.inside.layout.display = ""
            self.patterns.focus()
            self._desk.did("explored", step=self._step, entries=total)

    def _choice(self) -> dict[str, str]:
        return {
            "level": str(self.level.value),
            "service": str(self.service.value or ""),
            "text": str(self.text.value).strip(),
        }

    def _list_patterns(self) -> None:
        if self._quiet:
            return
        try:
            table = self._entries.patterns(**self._choice())
        except Exception as error:
            kit.put(self.status, kit.alarm(kit.in_words(error)))
            return
        options = [(_pattern_line(row), row["pattern_id"]) for row in table.iter_rows(named=True)]
        self._quiet = True
        self.patterns.options = options
        self.patterns.index = None
        self.entries.options = []
        self._quiet = False
        kit.put(self.entry, Markup(""))
        kit.put(self.trace, Markup(""))
        kit.put(self.place, kit.words(f"{len(options)} patterns" if options else "No entry of this choice was seen."))

    def _pattern_chosen(self) -> None:
        if not self._quiet and self.patterns.value is not None:
            self._page = 0
            self._list_entries()
            self._desk.did("chose a pattern", step=self._step, pattern=str(self.patterns.value), **self._choice())

    def _turn(self, by: int) -> None:
        self._page = max(0, self._page + by)
        self._list_entries()

    def _list_entries(self) -> None:
        if self.patterns.value is None:
            return
        found = self._entries.page(str(self.patterns.value), page=self._page, **self._choice())
        if not found.rows and self._page:
            self._page -= 1
            return
        self._rows = found.rows
        self._quiet = True
        self.entries.options = [
            (
                f"{row['at']:%H:%M:%S.%f}"[:12]
                + f" {kit.plain(row['service'] or '–', 24)} {kit.plain(row['level'] or '–', 8)}: "
                + kit.plain(row["message"] or "", 140),
                number,
            )
            for number, row in enumerate(found.rows)
        ]
        self.entries.index = None
        self._quiet = False
        first = self._page * PAGE + 1
        kit.put(self.place, kit.words(f"{first:,} to {first + len(found.rows) - 1:,} of {found.total:,}"))

    def _entry_chosen(self) -> None:
        if self._quiet or self.entries.value is None:
            return
        try:
            row = self._rows[int(self.entries.value)]
            kit.put(self.entry, _entry(row))
            frame, by_id = self._entries.trace(row)
        except Exception as error:
            kit.put(self.trace, kit.alarm(kit.in_words(error)))
            return
        self.trace_panel = trace_panel(row, list(frame.iter_rows(named=True)), by_id=by_id)
        kit.put(self.trace, kit.panel_html(self.trace_panel))
        self._desk.did("looked at an entry", step=self._step, at=row["at"].isoformat(), trace=row["trace_id"])
        self._desk.seen(self.trace_panel)
        self._changed()

    def twin(self) -> tuple[Markup, str]:
        """Return what was opened last, for the saved file."""
        if self.trace_panel is None:
            return Markup(""), ""
        return kit.panel_twin(self.trace_panel)


_FIELDS = (
    "service", "level", "component", "method", "url", "status", "duration_ms", "trace_id", "user_id", "ip",
    "user_agent", "event", "account", "release", "observation",
)  # fmt: skip


def _pattern_line(row: dict[str, Any]) -> str:
    who = ", ".join(kit.plain(name, 24) for name in row["services"][:3])
    return f"{row['count']:>6,} × {who}: {kit.plain(row['example'], 140)}  (last {row['last_at']:%H:%M:%S})"


def _entry(row: dict[str, Any]) -> Markup:
    parts = [
        Markup("<dt style='opacity:0.75'>{}</dt><dd style='margin:0 0 0.2em 1em'><code>{}</code></dd>").format(
            name, quoted(row[name], 400)
        )
        for name in _FIELDS
        if row.get(name) is not None
    ]
    return Markup(
        "<section><h4 style='margin:0.4em 0'>Entry of {}</h4>"
        "<pre style='white-space:pre-wrap;word-break:break-word;max-height:14em;overflow:auto' tabindex='0'>{}</pre>"
        "<details><summary>All fields</summary><dl>{}</dl></details></section>"
    ).format(
        kit.moment(row["at"]),
        quoted(_whole(row), 8_000, lines=True),
        Markup("").join(parts),
    )


def _whole(row: dict[str, Any]) -> str:
    return "\n".join(part for part in (row["message"], row["stack"]) if part)


def trace_panel(row: dict[str, Any], found: list[dict[str, Any]], *, by_id: bool) -> Panel:
    """Return the trace of an entry as a panel, oldest first."""
    services = sorted({one["service"] for one in found if one["service"]})
    if by_id:
        title = f"{count(len(found), 'record')} of one trace, through {count(len(services), 'service')}"
        why = "Entries and spans with the entry's trace id, oldest first."
    else:
        title = f"The entry has no trace id: {len(found)} entries of its service within 5 s of it"
        why = "Neighbours in time are not proven to belong together."
    start = found[0]["at"] if found else row["at"]
    return Panel(
        id="trace",
        question="What happened around this entry?",
        title=title,
        sentence=why,
        table=Table(
            columns=(
                Column(name="at", unit="UTC"),
                Column(name="after", unit="ms", align="right"),
                Column(name="service", telemetry=True),
                Column(name="level"),
                Column(name="took", unit="ms", align="right"),
                Column(name="what", telemetry=True),
            ),
            rows=tuple(
                (
                    one["at"],
                    round((one["at"] - start).total_seconds() * 1000),
                    one["service"],
                    kit.plain(one["level"] or "–", 12),
                    one["duration_ms"],
                    one["what"],
                )
                for one in found
            ),
        ),
    )
