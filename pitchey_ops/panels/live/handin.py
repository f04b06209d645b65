"""The end of a drill: the responder hands in, and the truth stands beside what everybody said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets
from markupsafe import Markup

from ...diagnosis.hypotheses import BY_ID
from ..base import Panel
from . import kit
from .desk import Desk

OPEN = "not settled"


class HandIn:
    """
    The form of a drill.

    Parameters
    ----------
    submit
        Gets the answer and returns the panel with the truth; called once.
    """

    def __init__(self, desk: Desk, submit: Callable[[Mapping[str, Any]], Panel]) -> None:
        self._desk, self._submit = desk, submit
        style = {"description_width": "auto"}
        wide = widgets.Layout(width="auto", max_width="42em")
        causes = [(OPEN, ""), *sorted((one.title, key) for key, one in BY_ID.items())]
        self.panel: Panel | None = None
        self.cause = widgets.Dropdown(options=causes, value="", description="Cause", layout=wide, style=style)
        self.onset = widgets.Text(
            placeholder="15:17 or 2026-11-23T15:17Z, empty for unknown",
            description="Began (UTC)",
            layout=wide,
            style=style,
        )
        self.did = widgets.Text(placeholder="what you would do, or did", description="Action", layout=wide, style=style)
        self.hand_in = kit.button("Hand in and see the truth", "Ends the drill", style="primary", icon="flag-checkered")
        self.status = kit.shown(kit.words("A drill: the cause is hidden until you hand in."))
        self.revealed = kit.shown()
        self.hand_in.on_click(lambda _: self._click())
        self.box = kit.column(self.cause, self.onset, self.did, kit.row(self.hand_in), self.status, self.revealed)
        self.box.add_class("pitchey-drill")
        self.live = kit.Live(desk, self.box, self._twin)

    def _click(self) -> None:
        answer = {
            "cause": str(self.cause.value) or None,
            "onset": str(self.onset.value).strip() or None,
            "action": str(self.did.value).strip()[:500] or None,
        }
        self.hand_in.disabled = True
        kit.put(self.status, kit.words("Handed in …", role="status"))

        def work() -> None:
            try:
                self.panel = self._submit(answer)
            except Exception as error:
                self.hand_in.disabled = False
                kit.put(self.status, kit.alarm(kit.in_words(error)))
                return
            kit.put(self.status, kit.words(self.panel.title, role="status"))
            kit.put(self.revealed, kit.panel_html(self.panel))
            self._desk.did("handed in", **answer)
            self._desk.seen(self.panel)
            self.live.keep()

        self._desk.background(work)

    def _twin(self) -> tuple[Markup, str]:
        if self.panel is None:
            return kit.words("A drill that was not handed in."), "A drill that was not handed in."
        return kit.panel_twin(self.panel)
