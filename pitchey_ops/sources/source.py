"""What all sources that are asked over HTTP have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote, urlencode

from ..models.exchange import Exchange, Question
from ..models.observation import Observation
from ..models.window import Window
from ..settings import Settings
from .channel import Channel
from .reading import Reading, not_configured, observation_id, observe

T = TypeVar("T")


class Source:
    """
    One remote system, asked about one window.

    Parameters
    ----------
    channel
        Takes the questions; live or from a record.
    settings
        Where the system is and what to ask it for.
    window
        The span that a run is about.
    """

    name: ClassVar[str]
    """The system's name in `settings.SERVICES`; first part of every observation id."""

    def __init__(self, channel: Channel, settings: Settings, window: Window) -> None:
        self.channel = channel
        self.settings = settings
        self.window = window

    def question(
        self,
        key: str,
        path: str,
        params: Sequence[tuple[str, str]] = (),
        **careful: Any,
    ) -> Question | None:
        """Return the question *key* for *path* below the system's address; None when it has no address."""
        base = self.settings.url(self.name)
        if base is None:
            return None
        query = f"?{urlencode(params, quote_via=quote)}" if params else ""
        careful.setdefault("timeout_s", self.settings.read_timeout_s)
        careful.setdefault("share_for_s", self.settings.share_answers_s)
        return Question(key=key, source=self.name, url=f"{base}{path.lstrip('/')}{query}", **careful)

    async def read(
        self,
        probe: str,
        key: str,
        path: str,
        reader: Callable[[Exchange], Reading[T]],
        params: Sequence[tuple[str, str]] = (),
        **careful: Any,
    ) -> Observation[T]:
        """Ask one question and return its observation, ``not_configured`` when there is no address."""
        name = observation_id(self.name, probe, key)
        question = self.question(name, path, params, **careful)
        if question is None:
            return self.missing(name, f"{self.name}_url")
        return await observe(self.channel, question, reader)

    def missing(self, key: str, *settings: str) -> Observation[Any]:
        """Return the observation *key* of a system that is not configured; it bears the window's end."""
        return not_configured(key, self.name, self.window.end, *settings)
