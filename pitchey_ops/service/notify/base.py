"""What every notifier is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from .config import NotifyConfig
from .journal import Job, Result, Wanted
from .notice import Notice, Story

HTTP_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """
    A message to send.

    Attributes
    ----------
    story
        All that was told about its incident.
    root
        The far side's name for the incident's first message, where the notifier has such; with *root_lost* it never
        came to be.
    still_ours
        Whether the lease is still held: to be asked right before anything is sent, since a process may have been
        frozen for minutes.
    """

    job: Job
    story: Story
    root: str | None
    root_lost: bool
    still_ours: Callable[[], bool]


class Notifier(Protocol):
    """
    Sends messages about incidents somewhere. One file, one line in `catalogue`.

    Attributes
    ----------
    name
        Lower-case word; part of the messages' keys.
    gap_s
        Least time between two messages.
    """

    name: ClassVar[str]
    gap_s: ClassVar[float]

    def wanted(self, story: Story, notice: Notice) -> Iterable[Wanted]:
        """Return the messages that *notice*, the last of *story*, calls for."""
        ...

    def send(self, task: Task) -> Result:
        """Send one message, within `HTTP_TIMEOUT_S` for each request; never raises for what the far side does."""
        ...


Maker = Callable[[NotifyConfig], Notifier | None]
"""Makes a notifier, or nothing where it is not configured."""

LOST_LEASE = "held up for longer than the lease; another process sends it"
