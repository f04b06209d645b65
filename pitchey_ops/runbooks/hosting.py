"""
Where a notebook's run is at home when a person works in it.

Headless there is no host, and panels are what they are: values. An interactive kernel puts a host in place before
the first cell: it gives the run its ids and its folder, is told of every answer, and may show a panel in its own
way. Nothing here can act; what a host does beyond showing lives above this layer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..evidence.recorder import Recorder
from .catalogue import Runbook
from .context import RunContext

if TYPE_CHECKING:
    from ..panels.base import Panel


class Host(Protocol):
    """What an interactive kernel does for the run of its notebook."""

    def context(self, book: Runbook, environment: str) -> RunContext:
        """
        Return the context of a new run of *book*; *environment* is the notebook's parameter, empty for the host's own.

        Raises
        ------
        UsageError
            The host works in another environment; nothing was asked.
        """
        ...

    def recorder(self, folder: Path) -> Recorder:
        """Return what records the run in *folder*."""
        ...

    def opened(self, run: Any) -> None:
        """Take note that *run* was asked and analysed."""
        ...

    def show(self, run: Any, panel: Panel, step: str | None) -> Any:
        """Return what the notebook shows for *panel*; *step* is the step of the runbook, if it is one's."""
        ...


_host: Host | None = None


def host() -> Host | None:
    """Return the host of this process, None where nobody sits before it."""
    return _host


def work_in(one: Host | None) -> None:
    """Make *one* the host of every run of this process; None for no host."""
    global _host
    _host = one
