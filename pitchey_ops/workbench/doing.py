"""What carries actions out in a session's kernel. Nothing that an alert starts can import this."""

from __future__ import annotations

from typing import Any

from ..panels.live.actions import Doer
from .session import Session


def doer(session: Session) -> Doer | None:
    """Return what carries out actions for *session*."""
    return None


def acknowledge_everywhere(one: Doer, run: Any) -> list[str]:
    """Acknowledge."""
    return []
