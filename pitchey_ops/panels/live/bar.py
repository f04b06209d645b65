"""The incident bar on top of each notebook: what it is, how long the promise still runs, who is on call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from threading import Event
from typing import Final

from markupsafe import Markup

from ..safe import html
from . import kit
from .desk import Desk
from .people import Notes
from .standing import Standing, bar_html, clock_words

TICK_S: Final = 1.0


class Bar:
    """
    The living bar.

    Parameters
    ----------
    read
        Returns how things stand.
    acknowledge
        Acknowledges the incident everywhere and returns what came of it, a line each; None where this kernel cannot.
    tick_s
        Seconds between two readings of the clock; 0 for none.
    """

    def __init__(
        self,
        desk: Desk,
        read: Callable[[], Standing],
        acknowledge: Callable[[], list[str]] | None,
        *,
        tick_s: float = TICK_S,
    ) -> None:
        self._desk, self._read, self._acknowledge = desk, read, acknowledge
        self.facts = kit.shown()
        self.ack = kit.button("Acknowledge", "Say that you take it: one click", style="primary", icon="hand-paper-o")
        self.status = kit.shown()
        self.notes = Notes(desk, changed=self._noted)
        self.note = kit.button("Notes", "Write a note, read the newest ones", icon="pencil")
        self.ack.on_click(lambda _: self._click())
        self.note.on_click(lambda _: self._fold())
        self.notes.box.layout.display = "none"
        self.box = kit.column(self.facts, kit.row(self.ack, self.note, self.status), self.notes.box)
        self.box.add_class("pitchey-bar")
        self.live = kit.Live(desk, self.box, self._twin)
        self._stop = Event()
        self.refresh()
        if tick_s > 0:
            desk.background(lambda: self._ticking(tick_s))

    def refresh(self) -> None:
        """Read how things stand and show it."""
        standing = self._read()
        kit.put(self.facts, bar_html(standing, self._desk.now()))
        if standing.acknowledged is not None:
            self.ack.disabled, self.ack.description = True, "Acknowledged"

    def close(self) -> None:
        """End the clock of a bar that another has replaced."""
        self._stop.set()

    def _ticking(self, every_s: float) -> None:
        while not self._desk.wait(self._stop, every_s):
            try:
                self.refresh()
            except Exception as error:
                kit.put(self.status, kit.alarm(kit.in_words(error)))

    def _fold(self) -> None:
        """Open or close the notes: a bar that stays in sight is to be low."""
        closed = self.notes.box.layout.display == "none"
        self.notes.box.layout.display = "" if closed else "none"
        self.note.description = "Close notes" if closed else "Notes"
        if closed:
            self.notes.refresh()
            self.notes.text.focus()

    def _click(self) -> None:
        if self._acknowledge is None or self.ack.disabled:  # the second click of a double click
            return
        acknowledge = self._acknowledge
        self.ack.disabled = True
        kit.put(self.status, kit.words("Acknowledging …", role="status"))

        def work() -> None:
            try:
                told = acknowledge()
            except Exception as error:
                self.ack.disabled = False
                kit.put(self.status, kit.alarm(kit.in_words(error)))
                return
            kit.put(self.status, kit.good("Acknowledged: it is in the record") + _listed(told))
            self._desk.did("acknowledged", words="; ".join(told)[:500])
            self.refresh()
            self.live.keep()

        self._desk.background(work)

    def _noted(self) -> None:
        self._desk.did("wrote a note")
        self.live.keep()

    def _twin(self) -> tuple[Markup, str]:
        standing = self._read()
        content = bar_html(standing, self._desk.now()) + self.notes.html()
        now = self._desk.now().astimezone(UTC)
        text = f"{standing.severity} {(standing.state or 'not looked at yet').upper()} {standing.incident}: "
        return content, text + f"{clock_words(standing, now)}"


def _listed(told: list[str]) -> Markup:
    """Return what came of each, folded away where nothing failed: a bar that stays in sight is to be low."""
    items = Markup("").join(Markup("<li>{}</li>").format(html(one, 400)) for one in told)
    missed = sum("not done" in one or ": unknown" in one for one in told)
    head = f"{len(told)} places told" if not missed else f"{missed} of {len(told)} places were not told"
    return Markup('<details{}><summary>{}</summary><ul style="margin:0;line-height:1.4">{}</ul></details>').format(
        Markup(" open") if missed else Markup(""), head, items
    )
