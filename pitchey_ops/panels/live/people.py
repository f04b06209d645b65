"""What people write down and tick off: notes, and the steps that only they can do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import ipywidgets as widgets
from markupsafe import Markup

from ...steps import steps
from ..base import Panel
from ..safe import html
from . import kit
from .desk import Desk
from .telling import quoted

NOTES_SHOWN: Final = 8
NOTE_LIMIT: Final = 20_000
DONE: Final = "step_done"
REOPENED: Final = "step_reopened"


class Notes:
    """The person's words, time-stamped, into the incident's notes."""

    def __init__(self, desk: Desk, *, changed: Any = None) -> None:
        self._desk = desk
        self._changed = changed or (lambda: None)
        self.text = widgets.Textarea(
            placeholder="What you see, think or did. Kept with the time and your name.",
            layout=widgets.Layout(width="auto", height="4.5em"),
        )
        self.write = kit.button("Write note", "Write it into the incident's timeline", icon="pencil")
        self.status = kit.shown()
        self.list = kit.shown()
        self.write.on_click(lambda _: self._write())
        self.box = kit.column(self.text, kit.row(self.write, self.status), self.list)
        self.refresh()

    def refresh(self) -> None:
        """Show the newest notes, whoever wrote them."""
        kit.put(self.list, self.html())

    def html(self) -> Markup:
        """Return the newest notes."""
        notes = [(at, entry) for at, entry in self._desk.lines() if entry.get("event") == "note"]
        if not notes:
            return kit.words("No notes yet.")
        items = Markup("").join(
            Markup("<li>{}, {}: {}</li>").format(
                kit.moment(at), html(entry.get("by", "unknown"), 60, lines=False), quoted(entry.get("text"), 600)
            )
            for at, entry in notes[-NOTES_SHOWN:]
        )
        left = len(notes) - NOTES_SHOWN
        more = kit.words(f"{left} older ones are in the record.") if left > 0 else Markup("")
        return Markup("<ul style='margin:0.2em 0'>{}</ul>").format(items) + more

    def _write(self) -> None:
        text = self.text.value.strip()
        if not text or len(text) > NOTE_LIMIT:
            kit.put(self.status, kit.alarm(f"A note has 1 to {NOTE_LIMIT:,} characters. Nothing was written."))
            return
        try:
            self._desk.note(text)
        except Exception as error:
            kit.put(self.status, kit.alarm(kit.in_words(error)))
            return
        self.text.value = ""
        kit.put(self.status, kit.good(f"Written at {kit.moment(self._desk.now())}."))
        self.refresh()
        self._changed()


class Checklist:
    """The person's step of a runbook: prepared, ticked off with who and when, and aware of what others did."""

    def __init__(self, desk: Desk, static: Panel, *, step: str) -> None:
        self._desk, self._static, self._step = desk, static, step
        self.head = kit.shown(kit.panel_html(static))
        self.done = kit.button("Done", "Record that it was done", style="success", icon="check")
        self.open = kit.button("Not done after all", "Open it again", icon="undo")
        self.comment = widgets.Text(
            placeholder="what you saw (optional)", layout=widgets.Layout(width="auto", max_width="42em")
        )
        self.status = kit.shown()
        self.done.on_click(lambda _: self._mark(DONE))
        self.open.on_click(lambda _: self._mark(REOPENED))
        self.box = kit.column(self.head, self.comment, kit.row(self.done, self.open), self.status)
        self.live = kit.Live(desk, self.box, self._twin)
        self.refresh()

    def refresh(self) -> None:
        """Say what the record says about this step."""
        found = state_of(self._desk.lines(), self._step)
        self.done.layout.display = "none" if found is not None else ""
        self.open.layout.display = "" if found is not None else "none"
        kit.put(self.status, self._words())

    def _words(self) -> Markup:
        found = state_of(self._desk.lines(), self._step)
        if found is None:
            return kit.words(f"☐ open: {steps()[self._step].what}", style="margin:0.2em 0")
        at, entry = found
        said = Markup(": {}").format(quoted(entry["text"], 300)) if entry.get("text") else Markup("")
        return Markup('<p style="margin:0.2em 0">☑ done at {} by {}{}</p>').format(
            kit.moment(at), html(entry.get("by", "unknown"), 60, lines=False), said
        )

    def _mark(self, event: str) -> None:
        try:
            self._desk.mark(event, step=self._step, text=self.comment.value.strip()[:500] or None)
        except Exception as error:
            kit.put(self.status, kit.alarm(kit.in_words(error)))
            return
        self._desk.did(event.replace("_", " "), step=self._step)
        self.comment.value = ""
        self.refresh()
        self.live.keep()

    def _twin(self) -> tuple[Markup, str]:
        content, text = kit.panel_twin(self._static)
        return content + self._words(), text


def state_of(lines: list[tuple[datetime, Mapping[str, Any]]], step: str) -> tuple[datetime, Mapping[str, Any]] | None:
    """Return the line that says that *step* is done, None where it is open."""
    found = None
    for at, entry in lines:
        if entry.get("step") == step and entry.get("event") in (DONE, REOPENED):
            found = (at, entry) if entry["event"] == DONE else None
    return found
