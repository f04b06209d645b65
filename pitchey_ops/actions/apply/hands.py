"""What an action is carried out with: settings, credentials, clock, archive, and the client that sends."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from types import TracebackType

import httpx

from ...evidence.archive import Archive
from ...evidence.redact import Redactor
from ...settings import Settings, load
from .client import Client
from .clock import MachineClock, SandboxClock, WaitingClock
from .credentials import Credentials, credentials
from .journal import Journal

HURRY = "PITCHEY_OPS_SANDBOX_HURRY"


@dataclass(kw_only=True)
class Hands:
    """
    Everything that it takes to act.

    Attributes
    ----------
    clock
        Dates everything and is waited on.
    """

    settings: Settings
    archive: Archive
    clock: WaitingClock
    known: Credentials = field(default_factory=Credentials)
    transport: httpx.BaseTransport | None = None

    def __post_init__(self) -> None:
        self.client = Client(self.settings, self.known, self.transport)
        self.journal = Journal(self.archive)
        self._redactor = Redactor((*self.settings.secrets(), *self.known.secrets()))

    def clean(self, text: str) -> str:
        """Return *text* without any secret."""
        return self._redactor.text(text)

    def __enter__(self) -> Hands:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()


def hands(environment: str | None = None, *, hurry: bool = False) -> Hands:
    """
    Return what acts on *environment*: its settings, the credentials of this process, the configured archive.

    On the sandbox the sandbox's own clock is used; *hurry* (or ``PITCHEY_OPS_SANDBOX_HURRY=1``) moves it on
    instead of waiting.

    Raises
    ------
    ConfigError
        The settings or credentials have faults.
    """
    settings = load(environment)
    clock: WaitingClock = MachineClock()
    if settings.environment == "sandbox" and settings.origin:
        clock = SandboxClock(settings.origin, hurry=hurry or os.environ.get(HURRY) == "1")
    return Hands(settings=settings, archive=Archive(settings.archive_root()), clock=clock, known=credentials())
