"""What is being asked, while a cell asks."""

from __future__ import annotations

from datetime import datetime

import ipywidgets as widgets
from IPython.display import display
from markupsafe import Markup

from . import kit
from .desk import Desk


class Progress:
    """A line with a bar in the output of the cell that asks; afterwards it says how long it took."""

    def __init__(self, desk: Desk, what: str) -> None:
        self._desk = desk
        self._what = what
        self._began: datetime = desk.now()
        self._words = f"{what} …"
        self.count = 0
        self.bar = widgets.IntProgress(min=0, max=100, layout=widgets.Layout(width="16em"))
        self.status = kit.shown(kit.words(self._words, role="status"))
        self.box = kit.row(self.bar, self.status)
        self.live = kit.Live(desk, self.box, self._twin)

    def show(self) -> None:
        """Show it in the output of the present cell."""
        display(self.live)

    def told(self, name: str) -> None:
        """Take note of one more answer."""
        self.count += 1
        self.bar.max = max(self.bar.max, self.count + 10)
        self.bar.value = self.count
        if self.count % 10 == 1:
            kit.put(self.status, kit.words(f"{self._what}: {self.count} answers, newest {kit.plain(name, 60)}"))

    def done(self, words: str) -> None:
        """Say how it ended."""
        took = (self._desk.now() - self._began).total_seconds()
        self._words = f"{words} {self.count} answers in {took:.1f} s, at {kit.moment(self._desk.now())}."
        self.bar.layout.display = "none"
        kit.put(self.status, kit.words(self._words, role="status"))
        self.live.keep()

    def _twin(self) -> tuple[Markup, str]:
        return kit.words(self._words), self._words
