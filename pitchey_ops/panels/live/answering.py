"""A panel that answers back: another window, one service or route, a baseline, a live view."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event, Lock
from typing import Any, Final

import ipywidgets as widgets
from markupsafe import Markup

from ...models.window import Window
from ..base import Panel
from ..view import View
from . import kit
from .desk import Ask, Desk
from .entries import Entries
from .explorer import Explorer
from .figures import comparison, figures
from .narrow import routes, services

Draw = Callable[[View], Panel]

AS_RUN: Final = "as the run"
OWN: Final = "own …"
WINDOWS: Final = (AS_RUN, "15m", "30m", "1h", "3h", "6h", "24h", OWN)
NO_BASELINE: Final = "nothing"
BEFORE: Final = "just before the onset"
DAY: Final = "a day earlier"
WEEK: Final = "a week earlier"
BASELINES: Final = (NO_BASELINE, BEFORE, DAY, WEEK)
EVERY_S: Final = 30.0
"""Seconds between two looks of a live view: reads have minimum intervals, and answers are shared for 15 s."""
FIGURES: Final = ("traffic", "logs", "times")
"""What the figures of a comparison rest on."""
SHARE: Final = ("traffic",)
"""What the failing share of a live view rests on."""
LOOKS_MOST: Final = 60
"""Looks of one live view, 30 minutes: nobody's panel asks for ever."""


class Answering:
    """
    A panel with the controls that ask again and redraw it.

    Parameters
    ----------
    draw
        Makes the panel of a view.
    entries
        The entries of a view, for the log explorer under the panel; None for no explorer.
    every_s
        Seconds between two looks of the live view.
    """

    def __init__(
        self,
        desk: Desk,
        view: View,
        draw: Draw,
        *,
        step: str,
        entries: Callable[[View], Entries] | None = None,
        every_s: float = EVERY_S,
    ) -> None:
        self._desk, self._draw, self._step, self._entries = desk, draw, step, entries
        self._every_s = every_s
        self._first = view
        self.view = view
        self.panel = draw(view)
        self.compared: Panel | None = None
        self.explorer: Explorer | None = None
        if entries is not None:
            self.explorer = Explorer(desk, entries(view), step=step, changed=self._keep)
        self._asked = Ask()
        self._turn = 0
        self._lock = Lock()
        self._stop = Event()
        self._looks: list[tuple[datetime, float | None]] = []
        self._setting = False
        self._controls()
        self.live = kit.Live(desk, self.box, self._twin)
        self._say(self._asked_words(view, Ask()))
        kit.put(self.picture, kit.panel_html(self.panel))

    @property
    def ask(self) -> Ask:
        """What the controls say."""
        chosen = str(self.window.value)
        window = "" if chosen == AS_RUN else str(self.own.value).strip() if chosen == OWN else chosen
        return Ask(window=window, service=str(self.service.value).strip(), route=str(self.route.value).strip())

    def _controls(self) -> None:
        narrow = widgets.Layout(width="auto", min_width="9em", max_width="16em")
        style = {"description_width": "auto"}
        first = self._first.case.window
        self.window = widgets.Dropdown(options=WINDOWS, value=AS_RUN, description="Window", layout=narrow, style=style)
        self.own = widgets.Text(
            value=f"{first.start:%Y-%m-%dT%H:%MZ}/{first.end:%Y-%m-%dT%H:%MZ}",
            description="START/END, UTC",
            continuous_update=False,
            layout=widgets.Layout(width="27em", display="none"),
            style=style,
        )
        self.service = widgets.Combobox(
            options=services(self._first),
            placeholder="all",
            description="Service",
            ensure_option=False,
            continuous_update=False,
            layout=narrow,
            style=style,
        )
        self.route = widgets.Combobox(
            options=routes(self._first),
            placeholder="all",
            description="Route",
            ensure_option=False,
            continuous_update=False,
            layout=narrow,
            style=style,
        )
        self.baseline = widgets.Dropdown(
            options=BASELINES,
            value=NO_BASELINE,
            description="Compare with",
            layout=widgets.Layout(width="auto", min_width="18em"),
            style=style,
        )
        self.again = kit.button("Ask again", "Ask the platform again for this choice", icon="refresh")
        self.watch = kit.button("Watch", f"Look again every {self._every_s:g} s until stopped", icon="play")
        self.stop = kit.button("Stop", "Stop the live view", icon="stop")
        self.stop.layout.display = "none"
        self.progress = widgets.IntProgress(min=0, max=1, layout=widgets.Layout(width="10em", display="none"))
        self.status = kit.shown()
        self.picture = kit.shown()
        self.beside = kit.shown()
        for choice in (self.window, self.own, self.service, self.route):
            choice.observe(self._chosen, "value")
        self.baseline.observe(self._compare_chosen, "value")
        self.again.on_click(lambda _: self.look(fresh=True))
        self.watch.on_click(lambda _: self.start())
        self.stop.on_click(lambda _: self.end())
        self.box = kit.column(
            kit.row(self.window, self.own, self.service, self.route),
            kit.row(self.baseline, self.again, self.watch, self.stop, self.progress),
            self.status,
            self.picture,
            self.beside,
            *([] if self.explorer is None else [self.explorer.box]),
        )
        self.box.add_class("pitchey-live")

    def _chosen(self, change: Any) -> None:
        self.own.layout.display = "" if self.window.value == OWN else "none"
        if change["owner"] is self.window and self.window.value == OWN:
            return  # the span is still to be typed
        if not self._setting:
            self.look()

    def _compare_chosen(self, _: Any) -> None:
        self.look()

    def look(self, *, fresh: bool = False) -> None:
        """Ask for what the controls say and redraw; the newest choice wins."""
        with self._lock:
            self._turn += 1
            turn = self._turn
        ask, against = self.ask, str(self.baseline.value)
        self._busy(f"Asking: {ask.words()} …")
        self._desk.background(lambda: self._look(turn, ask, against, fresh=fresh))

    def _look(self, turn: int, ask: Ask, against: str, *, fresh: bool) -> None:
        try:
            beside = self._beside(FIGURES if against != NO_BASELINE else ())
            view = self._desk.look(ask, self._told(turn), fresh=fresh, step=self._step, beside=beside)
            panel = self._draw(view)
            compared = None
            pictures = None
            if against != NO_BASELINE:
                span, what = baseline_of(view, against)
                before = Ask(window=span, service=ask.service, route=ask.route)
                base = self._desk.look(before, self._told(turn), step=self._step, beside=beside)
                compared, pictures = comparison(view, base, what), self._draw(base)
        except Exception as error:
            if turn == self._turn:
                self._idle()
                kit.put(self.status, kit.alarm(kit.in_words(error)))
                self._desk.did("asked", step=self._step, choice=ask.words(), failed=kit.in_words(error)[:500])
            return
        if turn != self._turn:
            return
        changed = ask == self._asked or panel.to_json() != self.panel.to_json()
        self._asked = ask
        self.view, self.panel, self.compared = view, panel, compared
        kit.put(self.picture, kit.panel_html(panel))
        kit.put(self.beside, _compared(compared, pictures, against))
        if self.explorer is not None and self._entries is not None:
            self.explorer.renew(self._entries(view))
        self._idle()
        self._say(self._asked_words(view, ask), changed=changed)
        self._desk.did(
            "asked",
            step=self._step,
            choice=ask.words(),
            compared_with=None if against == NO_BASELINE else against,
            saw=panel.title[:300],
            window=[view.case.window.start.isoformat(), view.case.window.end.isoformat()],
        )
        self._desk.seen(panel)
        if compared is not None:
            self._desk.seen(compared)
        self.live.keep()

    def _beside(self, more: tuple[str, ...]) -> tuple[str, ...]:
        """Return what is needed beside the panel: the explorer's entries and spans, and *more*."""
        return more if self.explorer is None else (*more, "logs", "times")

    def start(self) -> None:
        """Begin the live view."""
        self._stop = Event()
        self._looks.clear()
        self.watch.layout.display, self.stop.layout.display = "none", ""
        self._desk.did("watch started", step=self._step, choice=self.ask.words())
        stop = self._stop
        self._desk.background(lambda: self._watching(stop))

    def end(self) -> None:
        """End the live view; the last look stays."""
        self._stop.set()

    def _watching(self, stop: Event) -> None:
        try:
            for number in range(1, LOOKS_MOST + 1):
                with self._lock:
                    self._turn += 1
                    turn = self._turn
                ask = self.ask
                self._busy(f"Live: look {number} …")
                try:
                    sliding = _sliding(ask, self._first.case.window)
                    view = self._desk.look(
                        sliding, self._told(turn), fresh=True, step=self._step, beside=self._beside(SHARE)
                    )
                except Exception as error:
                    kit.put(self.status, kit.alarm(kit.in_words(error)))
                else:
                    if turn == self._turn:
                        self._show_look(view, ask, number)
                if self._desk.wait(stop, self._every_s):
                    break
        finally:
            self._idle()
            self.watch.layout.display, self.stop.layout.display = "", "none"
            ended = "stopped" if stop.is_set() else f"ended by itself after {LOOKS_MOST} looks"
            self._say(f"Live view {ended}: {self._trail()}")
            self._desk.did("watch ended", step=self._step, looks=len(self._looks), course=self._trail()[:500])
            self._desk.seen(self.panel)
            self.live.keep()

    def _show_look(self, view: View, ask: Ask, number: int) -> None:
        self.view, self.panel = view, self._draw(view)
        self._looks.append((self._desk.now(), figures(view).failing_share))
        kit.put(self.picture, kit.panel_html(self.panel))
        self._idle()
        self._say(f"Live, look {number} at {kit.moment(self._desk.now())}. {self._trail()}")
        self._desk.did("look", step=self._step, number=number, choice=ask.words(), saw=self.panel.title[:300])
        self.live.keep()

    def _trail(self) -> str:
        shares = ["unknown" if share is None else f"{share:.2%}" for _, share in self._looks[-10:]]
        return "Failing share by look: " + " → ".join(shares) if shares else "no look came to its end"

    def _told(self, turn: int) -> Callable[[int, str], None]:
        def told(count: int, name: str) -> None:
            if turn == self._turn:
                self.progress.max = max(self.progress.max, count + 5)
                self.progress.value = count
                self.progress.tooltip = kit.plain(name, 60)

        return told

    def _busy(self, text: str) -> None:
        self.progress.value, self.progress.max = 0, 60
        self.progress.layout.display = ""
        kit.put(self.status, kit.words(text, role="status"))

    def _idle(self) -> None:
        self.progress.layout.display = "none"

    def _say(self, text: str, *, changed: bool = True) -> None:
        told = kit.words(text, role="status")
        if not changed:
            told += kit.words("The answer is the same as before: this panel does not hang on what was changed.")
        kit.put(self.status, told)

    def _asked_words(self, view: View, ask: Ask) -> str:
        span = view.case.window
        part = ""
        if ask.service:
            part = " With a service chosen, figures are of its own entries; Cloudflare's know no services."
        return (
            f"Shown: {kit.moment(span.start, seconds=False)} to {kit.moment(span.end, seconds=False)}; "
            f"{ask.words()}; asked at {kit.moment(view.case.now)}.{part}"
        )

    def _keep(self) -> None:
        self.live.keep()

    def _twin(self) -> tuple[Markup, str]:
        content, text = kit.panel_twin(self.panel)
        for child in (self.status.value, self.beside.value):
            content += Markup(child)  # noqa: S704 - put there by this class, its texts escaped
        if self.explorer is not None:
            further, words = self.explorer.twin()
            content, text = content + further, f"{text}\n{words}".rstrip()
        return content, text


def _sliding(ask: Ask, first: Window) -> Ask:
    """Return *ask* with a window that ends now: a live view that stands still shows nothing new."""
    if ask.window and "/" not in ask.window:
        return ask
    minutes = max(5, min(24 * 60, round(first.duration / timedelta(minutes=1))))
    return Ask(window=f"{minutes}m", service=ask.service, route=ask.route)


def baseline_of(view: View, against: str) -> tuple[str, str]:
    """Return the window (``START/END``) to compare *view* with, and its name."""
    span = view.case.window
    if against == DAY:
        start, end = span.start - timedelta(days=1), span.end - timedelta(days=1)
    elif against == WEEK:
        start, end = span.start - timedelta(days=7), span.end - timedelta(days=7)
    else:
        onset = view.analysis.verdict.onset
        end = span.start if onset is None else onset - timedelta(seconds=60)
        start = end - min(span.duration, timedelta(hours=1))
        against = BEFORE if onset is not None else "the span just before the window"
    return f"{start.isoformat()}/{end.isoformat()}", against


def _compared(compared: Panel | None, picture: Panel | None, against: str) -> Markup:
    if compared is None or picture is None:
        return Markup("")
    return kit.panel_html(compared) + kit.words(f"The same panel {against}:") + kit.panel_html(picture)
