"""
Since when?

Every symptom that the frames can show is a series (`_onset_series`); each is searched for its last change
for the worse (`_changepoint`). A count of events is then timed again by the events themselves, so that a
minute's bins do not blur it. `combine` makes one onset of all: of the symptoms that began together it
takes the best-timed among the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np

from pitchey_ops.findings._changepoint import ChangePoint, Kind, Shape, TooFewPoints, change_point
from pitchey_ops.findings._first_sign import first_sign
from pitchey_ops.findings._onset_series import Floats, Series, series_of
from pitchey_ops.findings._request_change import RequestChange, change_before
from pitchey_ops.findings._sparse import sparse_change
from pitchey_ops.frames import Frames
from pitchey_ops.models.finding import Finding, NotChecked, RuleResult, Severity

RULE = "onset"

LAG_S = 10.0
"""Symptoms follow their cause: by some 12 s (median) in the scenarios that rules may be fitted to."""

LAG_DOUBT_S = 30.0
"""And by how much differs from one to the next, so that an onset is never known more closely than this."""

LONE_DOUBT_S = 90.0
"""A single symptom among many series, of one service's inside, may be a consequence that shows late."""

SEEN_BY_USERS = ("edge_5xx:", "failing:", "denied:", "slow_answers:")
"""Symptoms at the front door, where nothing shows much later than it is."""

TOGETHER_S = 300.0
"""Symptoms that begin within five minutes of one another belong to one incident."""

ONE_CAUSE = ("requests:",)
"""Told by single requests of the suspect itself: neither late nor a consequence."""

CAUSED_BY_USERS = ("traffic:",)
"""More visitors are no fault by themselves: they give the onset only when nothing else does."""

ALERT_AFTER_S = 120.0
"""What begins this long after the alert did not set it off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """
    When a symptom, or the incident, began.

    Attributes
    ----------
    symptom
        ``errors:auth``, ``failing:/api/pitches``, ``edge_5xx:all``, …; ``overall`` for the incident.
    at
        UTC.
    uncertainty_s
        The truth lies within ``at`` ± this, with about nine chances in ten.
    before, after, ratio
        Typical values on either side, in *unit*, and their ratio.
    weight_nats
        Gain in log-likelihood over no change.
    confidence
        0.5-1.
    ended_at
        When it was over again (UTC); None while it lasts.
    symptoms
        For the overall onset: the symptoms that it was made of, first to last.
    """

    symptom: str
    at: datetime
    uncertainty_s: float
    kind: Kind
    shape: Shape
    before: float
    after: float
    ratio: float
    unit: str
    weight_nats: float
    confidence: float
    ended_at: datetime | None = None
    service: str | None = None
    observations: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptoms:
    """
    What became of every series.

    Attributes
    ----------
    onsets
        Of the symptoms that changed for the worse, by time.
    judged
        Names of all series that were long enough to be judged.
    too_short
        Names of the others. Nothing is known about these.
    """

    onsets: tuple[Onset, ...]
    judged: tuple[str, ...]
    too_short: tuple[str, ...]


class HasFrames(Protocol):
    """What `overall` needs of a case."""

    @property
    def frames(self) -> Frames: ...

    @property
    def alert_at(self) -> datetime | None: ...


def symptoms(frames: Frames) -> Symptoms:
    """
    Search every series in *frames*.

    An empty table has no series, so it is neither judged nor too short: whether it is empty because nothing
    happened is for the observations to say. A source that lied constantly is judged and shows no onset; one
    that went blind ends its series early; one that was cut begins late.
    """
    onsets, judged, too_short = [], [], []
    for series in series_of(frames):
        try:
            found = _search(series)
        except TooFewPoints:
            too_short.append(series.symptom)
            continue
        judged.append(series.symptom)
        if found is not None:
            onsets.append(_onset(series, found))
    onsets.sort(key=lambda onset: (onset.at, onset.symptom))
    return Symptoms(onsets=tuple(onsets), judged=tuple(judged), too_short=tuple(too_short))


def symptom_onsets(frames: Frames) -> list[Onset]:
    """Return the onsets of all symptoms, by time; see `symptoms` for what was not judged."""
    return list(symptoms(frames).onsets)


def combine(onsets: Sequence[Onset], *, alert_at: datetime | None = None) -> Onset | None:
    """
    Make one onset of many.

    Symptoms within five minutes of one another form a group. The group wins that still lasts, and of those
    the one with most weight (each symptom counts at most 50 nats, so that many symptoms beat one loud one);
    what began well after the alert cannot have set it off. Within the group, symptoms whose intervals
    reach the first one's are averaged by their precision: the first to show is nearest the cause, the
    best-timed is the most exact. `LAG_S` is taken off, as every symptom follows its cause.

    Returns
    -------
    Onset or None
        None when there is no onset at all.
    """
    usable = [o for o in onsets if alert_at is None or _low(o) <= alert_at + timedelta(seconds=ALERT_AFTER_S)]
    usable = [o for o in usable if not o.symptom.startswith(CAUSED_BY_USERS)] or usable
    if not usable:
        return None
    usable = sorted(usable, key=lambda o: (o.at, o.symptom))
    groups: list[list[Onset]] = [[usable[0]]]
    for onset in usable[1:]:
        if (onset.at - groups[-1][-1].at).total_seconds() <= TOGETHER_S:
            groups[-1].append(onset)
        else:
            groups.append([onset])

    def worth(group: list[Onset]) -> tuple[bool, float, datetime]:
        return any(o.ended_at is None for o in group), sum(min(o.weight_nats, 50.0) for o in group), group[0].at

    group = max(groups, key=worth)
    first = min(group, key=lambda o: (o.at + timedelta(seconds=o.uncertainty_s), o.symptom))
    until = first.at + timedelta(seconds=first.uncertainty_s)
    early = [o for o in group if _low(o) <= until]
    weights = np.array([1.0 / max(o.uncertainty_s, 1.0) ** 2 for o in early])
    lag = 0.0 if all(o.symptom.startswith(ONE_CAUSE) for o in early) else LAG_S
    offsets = np.array([(o.at - first.at).total_seconds() for o in early])
    centre = float(np.average(offsets, weights=weights)) - lag
    spread = max(min(o.uncertainty_s for o in early), float(np.std(offsets)))
    lone = len(group) == 1 and not group[0].symptom.startswith((*SEEN_BY_USERS, *ONE_CAUSE))
    strongest = max(group, key=lambda o: (o.weight_nats, o.symptom))
    return replace(
        strongest,
        symptom="overall",
        at=first.at + timedelta(milliseconds=round(centre * 1000)),
        uncertainty_s=round(max(float(np.hypot(spread, LAG_DOUBT_S)), LONE_DOUBT_S if lone else 0.0), 1),
        confidence=max(o.confidence for o in group),
        ended_at=None if any(o.ended_at is None for o in group) else strongest.ended_at,
        service=None,
        observations=tuple(sorted({i for o in group for i in o.observations})),
        symptoms=tuple(o.symptom for o in group),
    )


def overall(case: HasFrames, *, still_at: datetime | None = None) -> Onset | None:
    """
    Return the incident's onset, or None when nothing shows one.

    What was over before *still_at* (the window's start) is another story: it began nothing that still lasts.

    Where an alert came, and no series shows a change or only a lone one inside some service, single requests tell
    the time, if they changed: a fault in one corner of a platform may move no total, and what moves late is its
    consequence.
    """
    found = _symptoms_of(case).onsets
    lasting = [o for o in found if still_at is None or o.ended_at is None or o.ended_at >= still_at]
    whole = combine(lasting, alert_at=case.alert_at)
    if case.alert_at is None or not is_vague(whole):
        return whole
    change = change_before(case.frames, case.alert_at)
    return whole if change is None else requests_onset(change)


def requests_onset(change: RequestChange) -> Onset:
    """Return a change in single requests as the incident's onset."""
    timed = Onset(
        symptom=f"{ONE_CAUSE[0]}{change.service}",
        at=change.at,
        uncertainty_s=change.uncertainty_s,
        kind="share",
        shape="step",
        before=0.0,
        after=1.0,
        ratio=float("inf"),
        unit="suspicion",
        weight_nats=change.weight_nats,
        confidence=0.5,
        service=change.service,
        observations=change.observations,
    )
    return combine([timed]) or timed


def is_vague(whole: Onset | None) -> bool:
    """Tell whether no series tells an onset, or a lone one that may be a late consequence."""
    return whole is None or (len(whole.symptoms) == 1 and not whole.symptoms[0].startswith(SEEN_BY_USERS))


def onsets(case: HasFrames) -> RuleResult:
    """Return a finding for every symptom's onset, the overall one first."""
    seen = _symptoms_of(case)
    if not seen.judged:
        short = f": {', '.join(seen.too_short[:5])}" if seen.too_short else ""
        return NotChecked(rule=RULE, because=f"no series was long enough to tell a change from noise{short}")
    window = getattr(case, "window", None)
    whole = overall(case, still_at=window.start if window is not None else None)
    if whole is None:
        return []
    began = f"{whole.at:%H:%M:%S} UTC ± {whole.uncertainty_s:.0f} s"
    found = [
        Finding(
            id=f"{RULE}/overall",
            rule=RULE,
            claim=f"It began at {began}; {len(whole.symptoms)} of {len(seen.judged)} series changed then.",
            severity=Severity.WARNING,
            evidence=whole.observations,
            at=whole.at,
            data={"uncertainty_s": whole.uncertainty_s, "symptoms": list(whole.symptoms), "shape": whole.shape},
        )
    ]
    for place, onset in enumerate(seen.onsets, start=1):
        ended = "" if onset.ended_at is None else f" It was over at {onset.ended_at:%H:%M:%S} UTC."
        found.append(
            Finding(
                id=f"{RULE}/{place}",
                rule=RULE,
                claim=(
                    f"{onset.symptom}: from {onset.before:.3g} to {onset.after:.3g} {onset.unit} at "
                    f"{onset.at:%H:%M:%S} UTC ± {onset.uncertainty_s:.0f} s.{ended}"
                ),
                severity=Severity.INFO,
                evidence=onset.observations,
                at=onset.at,
                service=onset.service,
                data={
                    "before": onset.before,
                    "after": onset.after,
                    "unit": onset.unit,
                    "uncertainty_s": onset.uncertainty_s,
                    "shape": onset.shape,
                    "weight_nats": onset.weight_nats,
                },
            )
        )
    return found


def _symptoms_of(case: HasFrames) -> Symptoms:
    """Return the case's own symptoms where it keeps them: the search takes most of an analysis."""
    kept = getattr(case, "symptoms", None)
    return kept if isinstance(kept, Symptoms) else symptoms(case.frames)


def _low(onset: Onset) -> datetime:
    return onset.at - timedelta(seconds=onset.uncertainty_s)


def _search(series: Series) -> ChangePoint | None:
    found = change_point(
        series.at_ms,
        series.values,
        kind=series.kind,
        of=series.of,
        expected=series.expected,
        bin_ms=series.bin_ms,
        ratio=series.ratio,
        difference=series.difference,
    )
    if found is None:
        return sparse_change(series)
    if series.events_ms is not None and found.shape == "step":
        found = _by_events(found, np.sort(series.events_ms), series.bin_ms)
    return first_sign(series, found)


def _by_events(found: ChangePoint, events: Floats, bin_ms: float) -> ChangePoint:
    """
    Time a step of a count by its events: two Poisson processes, the second from the onset on.

    Events of one failure come together, so the likelihood is halved; the interval holds 90 %.
    """
    reach = max(found.high_ms - found.low_ms, 2 * bin_ms)
    a, b = found.at_ms - reach, found.at_ms + reach
    inside = events[(events >= a) & (events < b)]
    slow, fast = max(found.before, 0.05) / bin_ms, found.after / bin_ms
    if inside.size < 4 or fast <= slow:
        return found
    times = np.linspace(a, b, 241)
    later = inside.size - np.searchsorted(inside, times)
    log_mass = 0.5 * (later * np.log(fast / slow) - (b - times) * (fast - slow))
    mass = np.exp(log_mass - log_mass.max())
    cumulative = np.cumsum(mass) / mass.sum()
    at = float(times[int(np.argmax(log_mass))])
    low, high = (float(times[int(np.searchsorted(cumulative, q))]) for q in (0.05, 0.95))
    margin = 1.0 / fast + (times[1] - times[0])
    return replace(found, at_ms=at, low_ms=min(low, at) - margin, high_ms=max(high, at) + margin)


def _onset(series: Series, found: ChangePoint) -> Onset:
    return Onset(
        symptom=series.symptom,
        at=datetime.fromtimestamp(round(found.at_ms) / 1000, UTC),
        uncertainty_s=round(found.uncertainty_s, 1),
        kind=series.kind,
        shape=found.shape,
        before=found.before,
        after=found.after,
        ratio=found.ratio,
        unit=series.unit,
        weight_nats=round(found.nats, 3),
        confidence=found.confidence,
        ended_at=None if found.ended_ms is None else datetime.fromtimestamp(found.ended_ms / 1000, UTC),
        service=series.service,
        observations=series.observations,
    )
