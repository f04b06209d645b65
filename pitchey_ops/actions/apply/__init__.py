"""
What carries out plans: for the command line, interactive kernels and the actor process only.

`apply`, `check` and `undo` take a plan or what became of it; `look` fills facts in from the world as it is;
`hands` holds settings, credentials, clock and archive. Only this package reads ``PITCHEY_OPS_WRITE_*``.
"""

from __future__ import annotations

from .actor import Actor, due
from .applying import Applied, again, apply, approve, undo
from .carrying import Outcome
from .checking import Checked, check
from .clock import MachineClock, SandboxClock, WaitingClock
from .errors import ActionRefused
from .hands import Hands, hands
from .looking import look, who_is_on_call

__all__ = [
    "ActionRefused",
    "Actor",
    "Applied",
    "Checked",
    "Hands",
    "MachineClock",
    "Outcome",
    "SandboxClock",
    "WaitingClock",
    "again",
    "apply",
    "approve",
    "check",
    "due",
    "hands",
    "look",
    "undo",
    "who_is_on_call",
]
