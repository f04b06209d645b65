"""When did it begin, where no alert tells when to look and no series as a whole moved?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..frames import Frames
from ._request_change import change_within
from .onset import Onset, requests_onset
from .suspects import rank_suspects


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Where a recording is looked at: the fault is within *half_s* (s) of *at*; ``onset`` where requests tell one."""

    at: datetime
    half_s: float
    onset: Onset | None


def scan(frames: Frames) -> Look | None:
    """
    Look for a change over all that *frames* hold of single requests.

    Where none is clear, all of it may hold one, or it had all begun before: whichever tells more of a suspect.

    For recorded incidents, whose requests are all there. None when there is nothing to look at.
    """
    span = _span(frames)
    if span is None:
        return None
    start, end = span
    change = change_within(frames, span)
    if change is not None:
        return Look(at=change.at, half_s=change.uncertainty_s, onset=requests_onset(change))
    length = (end - start).total_seconds()
    looks = [Look(at=start + (end - start) / 2, half_s=length / 2, onset=None), Look(at=start, half_s=0.0, onset=None)]
    return max(looks, key=lambda look: _weight(frames, look))


def _weight(frames: Frames, look: Look) -> float:
    """Return what speaks against the leading suspect of *look* (nats)."""
    ranked = rank_suspects(frames, alert_at=look.at, onset=(look.at, look.half_s))
    return ranked[0].weight if ranked else 0.0


def _span(frames: Frames) -> tuple[datetime, datetime] | None:
    """Return the span in which single requests can be followed: logs or spans, not metrics alone."""
    tables = [table for table in (frames.logs, frames.spans) if not table.is_empty()]
    times = [t for table in tables for t in (table.get_column("at").min(), table.get_column("at").max())]
    known = [t for t in times if isinstance(t, datetime)]
    return (min(known), max(known)) if known else None
