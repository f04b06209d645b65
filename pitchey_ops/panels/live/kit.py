"""What all live panels share: the pair of widget and static twin, words, times, buttons."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import ipywidgets as widgets
from markupsafe import Markup

from ...errors import OpsError
from ..base import Panel, notebook_html, plain_text
from ..safe import one_line
from .desk import Desk
from .telling import QUIET, alarm, good, moment, words

__all__ = ["QUIET", "Live", "alarm", "good", "moment", "words"]

VIEW_MIME = "application/vnd.jupyter.widget-view+json"
DEAD = "Saved copy: its controls are dead. In a session (pitchey-ops open), run its cell and they live."

Twin = Callable[[], tuple[Markup, str]]
"""Returns the static twin as HTML and as text."""


LOOK = Markup(
    "<style>.pitchey-panel .widget-html{min-width:0;max-width:100%;flex:1 1 auto}"
    ".pitchey-panel .widget-html-content{min-width:0;max-width:100%;overflow-x:auto;line-height:1.45}"
    ".pitchey-panel select[size]{font-family:var(--jp-code-font-family,monospace)}</style>"
)
"""How our widgets stand on the page: never wider than it, whatever a stranger's text is."""


class Live:
    """
    A live panel: a widget while the kernel runs, its static twin in the file.

    Parameters
    ----------
    box
        The outermost widget.
    twin
        What the saved file shows in its place, as of now.
    """

    def __init__(self, desk: Desk, box: Any, twin: Twin) -> None:
        box.add_class("pitchey-panel")
        box.children = (shown(LOOK), *box.children)
        self.box = box
        self._desk = desk
        self._twin = twin

    def keep(self) -> None:
        """Bring the static twin up to date."""
        content, text = self._twin()
        self._desk.keep(self.box.model_id or "", content + _foot(self._desk.now()), text)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, Any]:
        """Return the widget for who can show it, and the twin for everybody else."""
        self.keep()
        content, text = self._twin()
        return {
            VIEW_MIME: {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id},
            "text/html": str(content + _foot(self._desk.now())),
            "text/plain": text,
        }


def _foot(at: datetime) -> Markup:
    return Markup('<p style="{}">As it was at {}. {}</p>').format(QUIET, moment(at), DEAD)


def panel_html(panel: Panel) -> Markup:
    """Return *panel* as it stands in a notebook."""
    return notebook_html(panel)


def panel_twin(panel: Panel) -> tuple[Markup, str]:
    """Return *panel* as a static twin."""
    return notebook_html(panel), plain_text(panel)


def in_words(error: BaseException) -> str:
    """Return an error as a sentence for people; a bug of ours is told as one, without its inside."""
    if isinstance(error, OpsError):
        return str(error)
    return f"This panel failed ({type(error).__name__}); what is shown is from before. The other panels are not hurt."


def shown(content: Markup | str = "") -> Any:
    """Return an HTML widget. *content* is markup whose texts are escaped already."""
    return widgets.HTML(value=str(content), layout=widgets.Layout(width="auto"))


def put(target: Any, content: Markup) -> None:
    """Show *content* in an HTML widget."""
    target.value = str(content)


def button(text: str, tip: str, *, style: str = "", icon: str = "") -> Any:
    """Return a button that is reached by Tab and pressed by Enter or Space."""
    return widgets.Button(
        description=text, tooltip=tip, button_style=style, icon=icon, layout=widgets.Layout(width="auto")
    )


def row(*children: Any) -> Any:
    """Return *children* beside one another, on further lines where the page is narrow."""
    return widgets.Box(
        list(children),
        layout=widgets.Layout(display="flex", flex_flow="row wrap", align_items="center", width="100%"),
    )


def column(*children: Any) -> Any:
    """Return *children* below one another."""
    return widgets.VBox(list(children), layout=widgets.Layout(width="auto", margin="0 6px 0 0"))


def plain(text: object, limit: int = 160) -> str:
    """Return a stranger's text for a list: one line, nothing in it that steers."""
    return one_line(text, limit)
