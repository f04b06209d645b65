"""What live panels may do, injected by the interactive kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Event
from typing import Any, Protocol

from markupsafe import Markup

from ..base import Panel
from ..view import View

Told = Callable[[int, str], None]
"""Gets how many answers came, and the newest one's name."""


@dataclass(frozen=True, slots=True)
class Ask:
    """
    What a person chose.

    Attributes
    ----------
    window
        ``1h``, ``START/END``; empty for the run's own window.
    service, route
        Only these; empty for all.
    """

    window: str = ""
    service: str = ""
    route: str = ""

    def words(self) -> str:
        """Return the choice as people say it."""
        parts = [f"window {self.window}" if self.window else "the run's window"]
        parts += [f"service {self.service}"] if self.service else []
        parts += [f"route {self.route}"] if self.route else []
        return ", ".join(parts)


class Desk(Protocol):
    """The kernel's side of every live panel. Everything that fails raises an `OpsError` whose message is for people."""

    def now(self) -> datetime:
        """Return the present (UTC)."""
        ...

    def look(self, ask: Ask, told: Told, *, fresh: bool = False, step: str = "", beside: tuple[str, ...] = ()) -> View:
        """
        Ask again for a choice and analyse; what was just asked is taken from memory unless *fresh*.

        Parameters
        ----------
        step
            Whose panel is drawn of it: only what that panel needs is asked; everything for one that is not known.
        beside
            What is shown beside the panel: ``logs`` for entries, ``traffic`` and ``times`` for figures.
        """
        ...

    def did(self, what: str, **facts: Any) -> None:
        """Write into the run's record what the person saw or did."""
        ...

    def seen(self, panel: Panel) -> None:
        """Keep a panel that the person was shown for the report's page."""
        ...

    def keep(self, model: str, html: Markup, text: str) -> None:
        """Keep the static twin of the widget *model*, which takes its place in the saved file."""
        ...

    def background(self, work: Callable[[], None]) -> None:
        """Do *work* without holding up the notebook."""
        ...

    def wait(self, stop: Event, seconds: float) -> bool:
        """Wait *seconds*, or until *stop*; return whether it was stopped."""
        ...

    def note(self, text: str) -> None:
        """Write a person's words to the incident."""
        ...

    def mark(self, event: str, **facts: Any) -> None:
        """Write an event to the incident's timeline."""
        ...

    def lines(self) -> list[tuple[datetime, Mapping[str, Any]]]:
        """Return timeline, journal and notes of the incident, oldest first."""
        ...

    def who(self) -> str:
        """Return the person's name."""
        ...
