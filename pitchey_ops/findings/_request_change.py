"""
When single requests began to differ, whichever service's they are.

A fault in one corner of a platform may move no total. What the suspects' witnesses (`suspects.Witnesses`) say of each
candidate time tells it still: the service counts against which one of them speaks loudest. The time is the mean of the
likelihood that all who speak against it make together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from ..frames import Frames
from ._suspect_visits import Floats, log_mean_exp
from .suspects import STEP_S, Witnesses, alert_span, around

KNOWN_NATS = 2.5
"""
What one witness must say before it tells a time. With the starting times of all requests dealt out anew by lot
(`benchmarks.onset.reshuffled`), one in a hundred recorded incidents says as much by chance.
"""

CHANCE = 0.02
"""
Or else the chance, of all of the services' own new errors together (Bonferroni), that one of them would show up so
late and then so often.
"""

SEEN_S = 5.0, 15.0
"""So long must be seen before a change and after it: a stall of seconds at the end is no change yet."""

MOST_TIMES = 60
"""Candidate times of a long recording; they are then further apart."""

WIDER = 2.5
"""
Requests of one fault do not fail independently, so the interval that takes them as such is too narrow: by this
much, measured on recorded faults (Nezha), where half as many as promised lay within.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestChange:
    """
    A change in the requests of one service.

    Attributes
    ----------
    at, uncertainty_s
        When it began (UTC), and the half width of the interval that holds it with about nine chances in ten (s).
    weight_nats
        What the loudest witness says of the candidate times on average.
    observations
        Ids of the observations that hold the service's entries and spans, sorted.
    """

    service: str
    at: datetime
    uncertainty_s: float
    weight_nats: float
    observations: tuple[str, ...]


def change_before(frames: Frames, alert_at: datetime) -> RequestChange | None:
    """Return the change that an alert at *alert_at* (UTC) tells of, or None where the requests show none."""
    return _change(frames, alert_at, alert_span())


def change_within(frames: Frames, span: tuple[datetime, datetime]) -> RequestChange | None:
    """Return the clearest change within *span* (UTC), or None where none is clear, or too little was seen."""
    start, end = span
    length = (end - start).total_seconds() - sum(SEEN_S)
    if length <= 0:
        return None
    step = max(STEP_S, length / MOST_TIMES)
    return _change(frames, start, SEEN_S[0] + np.arange(0.0, length + step / 2, step))


def _change(frames: Frames, zero: datetime, times: Floats) -> RequestChange | None:
    """
    Return the clearest change at one of *times* (s from *zero*).

    An empty or late source has no witness; one that was cut begins within the span, and all of its lines look new:
    who reads a part of an archive must leave it out.
    """
    logs, spans = (around(frame, zero) for frame in (frames.logs, frames.spans))
    if logs.is_empty() and spans.is_empty():
        return None
    heard = Witnesses(times)
    heard.hear_visits(logs, spans)
    heard.hear_lines(logs)
    heard.hear_network(spans)
    says = {
        service: {witness: round(float(log_mean_exp(curve)), 6) for witness, curve in of.items()}
        for service, of in heard.curves.items()
    }
    limit = np.log(CHANCE / max(len(heard.firsts), 1))
    new = {service for service, chance in heard.firsts if chance <= limit}
    loudest = {service: max(of.values()) for service, of in says.items()}
    found = [name for name, weight in loudest.items() if weight >= KNOWN_NATS or (weight > 0 and name in new)]
    if not found:
        return None
    busy = dict(pl.concat([logs.select("service"), spans.select("service")]).group_by("service").len().iter_rows())
    service = min(found, key=lambda name: (-loudest[name], -busy.get(name, 0), name))
    curves = [curve for witness, curve in heard.curves[service].items() if says[service][witness] > 0]
    at, uncertainty_s = _when(times, np.sum(curves, axis=0))
    ids: set[str] = set()
    for frame in (logs, spans):
        ids.update(frame.filter(pl.col("service") == service)["observation"].drop_nulls().unique())
    return RequestChange(
        service=service,
        at=zero + timedelta(seconds=round(at, 1)),
        uncertainty_s=round(uncertainty_s, 1),
        weight_nats=loudest[service],
        observations=tuple(sorted(ids)),
    )


def _when(times: Floats, log_mass: Floats) -> tuple[float, float]:
    """
    Return the mean of *times* (s) under *log_mass* (nats), and half the width of the interval around it (s).

    The interval reaches no further than what was searched.
    """
    mass = np.exp(log_mass - log_mass.max())
    cumulative = np.cumsum(mass) / mass.sum()
    mean = float(np.average(times, weights=mass))
    low, high = (float(times[min(int(np.searchsorted(cumulative, q)), times.size - 1)]) for q in (0.05, 0.95))
    step = float(times[1] - times[0]) if times.size > 1 else STEP_S
    within = max(mean - times[0], times[-1] - mean) + SEEN_S[1]
    return mean, min(WIDER * (max(mean - low, high - mean) + 2 * step), float(within))
