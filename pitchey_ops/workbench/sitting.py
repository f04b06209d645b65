"""One sitting: JupyterLab on a session from its start until it is archived."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ..settings import Settings, load
from .closing import Closed, close, close_left_behind
from .lab import Lab
from .session import Session, fill

LOCK = "lock"
LOOK_EVERY_S = 0.3


def sit(
    session: Session,
    *,
    port: int = 0,
    browser: bool = True,
    ready: Callable[[str], None],
    meanwhile: Callable[[Session], None] = lambda session: None,
) -> Closed:
    """
    Serve *session* until its JupyterLab is shut down or this process is told to stop, then archive its runs.

    Parameters
    ----------
    port
        0 takes a free one.
    ready
        Gets the address to open, with its token.
    meanwhile
        Called a few times a second while it is served.

    Raises
    ------
    RunError
        JupyterLab did not start; nothing was left running.
    """
    settings: Settings = load(session.environment)
    with _held(session.folder):
        fill(session, settings)
        with (
            _stopped_gently(),
            Lab(
                session.folder,
                session.work,
                notebook=f"{session.runbook}.ipynb",
                port=port,
                browser=browser,
                memory_limit_mb=settings.memory_limit_mb,
            ) as lab,
        ):
            try:
                ready(lab.url)
                while not lab.wait(LOOK_EVERY_S):
                    meanwhile(session)
            except KeyboardInterrupt:
                pass
        meanwhile(session)
        return close(session)


def tidy(root: Path, told: Callable[[Session, Closed], None]) -> None:
    """Archive the runs of sessions whose command was killed."""
    close_left_behind(root, told=told, alive=_is_held)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the session's lock while it is alive, whatever becomes of this process."""
    handle = os.open(folder / LOCK, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_held(folder: Path) -> bool:
    """Return whether a session is alive; one that has no lock yet is about to be."""
    try:
        handle = os.open(folder / LOCK, os.O_WRONLY)
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)


@contextmanager
def _stopped_gently() -> Iterator[None]:
    """Take a SIGTERM as an interrupt, so that what was seen is archived."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: whoever embeds us handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
