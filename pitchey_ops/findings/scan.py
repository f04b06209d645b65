"""When did it begin, where no alert tells when to look and no series as a whole moved?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..frames import Frames
from .onset import Onset
from .suspects import rank_suspects, suspect_onset

STEP = timedelta(seconds=30)
MOST_LOOKS = 24
"""Looks that one scan takes at most; a longer recording is looked at in wider steps."""

TIMED_NATS = 3.5
"""
Weight of the leading suspect from which its time counts as an onset: odds of 33 to 1. A look without a
known alert time is one of several at the same requests; fault-free recordings stay below 3.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The best of a scan's looks: as if the alert had come at *alert_at*; ``onset`` where it tells one."""

    alert_at: datetime
    weight_nats: float
    onset: Onset | None


def scan(frames: Frames) -> Look | None:
    """
    Look at *frames* as if the alert had come at one moment after the other, and return the best-founded look.

    For recorded incidents, whose requests are all there. None when no look shows any suspect, and also
    when there is nothing to look at.
    """
    span = _span(frames)
    if span is None:
        return None
    start, end = span
    step = max(STEP, (end - start) / MOST_LOOKS)
    looks = [start + STEP + step * k for k in range(MOST_LOOKS + 1) if start + STEP + step * k <= end + STEP]
    best: Look | None = None
    for alert_at in looks:
        leader = next(iter(rank_suspects(frames, alert_at=alert_at)), None)
        if leader is None or (best is not None and leader.weight <= best.weight_nats):
            continue
        onset = suspect_onset(leader) if leader.weight >= TIMED_NATS else None
        best = Look(alert_at=alert_at, weight_nats=leader.weight, onset=onset)
    return best


def _span(frames: Frames) -> tuple[datetime, datetime] | None:
    """Return the span in which single requests can be followed: logs or spans, not metrics alone."""
    tables = [table for table in (frames.logs, frames.spans) if not table.is_empty()]
    times = [t for table in tables for t in (table.get_column("at").min(), table.get_column("at").max())]
    known = [t for t in times if isinstance(t, datetime)]
    return (min(known), max(known)) if known else None
