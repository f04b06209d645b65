"""What happened when, and how long the response took: events and times out of an incident's record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from .calendar import Calendar, respond_by
from .gathered import Gathered, Line, RunRecord, moment, rows

Kind = Literal[
    "onset", "change", "alert", "declared", "acknowledged", "run", "finding", "action", "note", "mitigated",
    "resolved", "recovery seen", "other",
]  # fmt: skip
"""What an event is; other parts of the timeline's vocabulary are shown as ``other`` with their own word."""

ACKNOWLEDGED = ("acknowledged", "acknowledge", "ack", "acked", "claimed", "taken")
RESOLVED = ("resolved", "resolve", "closed")
REOPENED = "reopened"
MITIGATED = ("mitigated", "mitigate")
UNDERWAY = ("begun", "sending", "change", "undoing")
"""Lines of the journal that a crash would need, and nobody who looks back."""
DONE = ("verified", "applied", "done", "sent")
_TALK = re.compile(
    r"\b(ack\w*|slack|pager\w*|status ?page|status update|notif\w*|messag\w*|resolv\w*|tickets?|communicat\w*|tell)\b"
    r"|^page\b",
    re.IGNORECASE,
)
"""Actions that tell people something and change nothing for users."""
FINDINGS_SHOWN = 10
CHANGE_SIGNAL = "deployment_before_onset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    Something that happened.

    Attributes
    ----------
    what
        In words; quoted text of strangers and people inside is as it came.
    ref
        Where it stands in the record: ``RUN-...#rule/key``, ``timeline:3``, ``journal:2``.
    """

    at: datetime
    kind: Kind
    what: str
    ref: str
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """
    One time of the response.

    Attributes
    ----------
    seconds
        None where the record does not tell; then *why* says what is missing.
    promise_s, kept
        The severity's promise and whether it was kept; None where nothing is promised, or it cannot be told.
    exact
        False where the end was only seen by a later run: the true time is at most this.
    """

    name: Literal["detect", "acknowledge", "mitigate", "resolve"]
    of: str
    seconds: float | None
    why: str = ""
    promise_s: float | None = None
    kept: bool | None = None
    exact: bool = True
    refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """
    How the response went.

    Attributes
    ----------
    best
        The run that is believed about the cause: of those that found an incident and named one the surest, of
        equally sure ones the latest; None where no run found an incident.
    onset, detected, acknowledged, mitigated, resolved
        Times (UTC), None where the record does not tell.
    seen_well
        When a run first saw the platform well again after the last that saw the incident.
    """

    severity: str
    best: RunRecord | None
    onset: datetime | None
    onset_uncertainty_s: float | None
    detected: datetime | None
    acknowledged: datetime | None
    mitigated: datetime | None
    resolved: datetime | None
    seen_well: datetime | None
    events: tuple[Event, ...]
    measures: tuple[Measure, ...]
    actions: tuple[Line, ...]

    @property
    def ended(self) -> datetime | None:
        """When it was over: resolved by people, else seen well by a run."""
        return self.resolved or self.seen_well


def response(record: Gathered, days: Calendar) -> Response:
    """
    Return how the response to *record*'s incident went, measured against its severity's promise.

    A line or report that holds nonsense costs only itself. Without alerts and a declaration nothing says when people
    learnt of it, and without a run that found an incident nothing says when it began: such times are None with the
    reason, never zero.
    """
    best = best_run(record.runs)
    onset, give, onset_ref = _onset(record.runs, best)
    alerts = _alerts(record)
    declared = [_event(line, "declared", line.words) for line in record.timeline if line.event == "declared"]
    reported = sorted([*alerts, *declared], key=lambda event: event.at)
    detected = reported[0] if reported else None
    acknowledged = _first(record, ACKNOWLEDGED, "acknowledged", after=None if detected is None else detected.at)
    actions = tuple(line for line in record.journal if _is_change(line))
    mitigated = _mitigation(record, actions)
    resolved = _last(record, RESOLVED, "resolved")
    again = max((line.at for line in record.timeline if line.event == REOPENED), default=None)
    well = _seen_well(record.runs, after=again)
    if resolved is not None and any(run.state == "incident" and run.at > resolved.at for run in record.runs):
        resolved = None  # it went on, or came back, after somebody had closed it
    if resolved is not None and again is not None and resolved.at <= again:
        resolved = None  # what ended before it was opened again is no end
    severity = _severity(record.runs, record.timeline)
    events: list[Event] = [*alerts, *declared]
    if onset is not None:
        around = "" if give is None else f" (± {give:.0f} s)"
        events.append(Event(at=onset, kind="onset", what=f"It began{around}", ref=onset_ref))
    events += _of_best(best)
    told = [line for line in record.journal if line.event not in UNDERWAY]
    events += [_event(line, "action", _action_words(line)) for line in told]
    events += [_event(line, "note", line.words) for line in record.notes if line.words]
    events += [_run_event(run) for run in record.runs]
    events += _other(record.timeline)
    if well is not None:
        events.append(Event(at=well.at, kind="recovery seen", what="A run saw the platform well", ref=well.run))
    ended = resolved or (None if well is None else Event(at=well.at, kind="recovery seen", what="", ref=well.run))
    return Response(
        severity=severity,
        best=best,
        onset=onset,
        onset_uncertainty_s=give,
        detected=None if detected is None else detected.at,
        acknowledged=None if acknowledged is None else acknowledged.at,
        mitigated=None if mitigated is None else mitigated.at,
        resolved=None if resolved is None else resolved.at,
        seen_well=None if well is None else well.at,
        events=tuple(sorted(set(events), key=lambda one: (one.at, one.kind, one.ref, one.what))),
        measures=(
            _detect(onset, onset_ref, detected),
            _acknowledge(severity, detected, acknowledged, days),
            _between("mitigate", "from the first report to the first action that changed something",
                     detected, mitigated, "no action that changed something is in the journal"),
            _between("resolve", "from the first report to the end", detected, ended,
                     "nobody closed it, and no later run saw the platform well", exact=resolved is not None),
        ),
        actions=actions,
    )  # fmt: skip


def best_run(runs: Sequence[RunRecord]) -> RunRecord | None:
    """Return the run that is believed about the cause (`Response.best`)."""
    incident = [run for run in runs if run.state == "incident"]
    named = [run for run in incident if run.cause is not None]
    return max(named or incident, key=lambda run: (run.confidence, run.at, run.run), default=None)


def _onset(runs: Sequence[RunRecord], best: RunRecord | None) -> tuple[datetime | None, float | None, str]:
    order = [best] if best is not None and best.onset is not None else []
    order += sorted(
        (run for run in runs if run.state == "incident" and run.onset is not None),
        key=lambda run: (run.onset_uncertainty_s if run.onset_uncertainty_s is not None else 1e9, run.at, run.run),
    )
    if not order:
        return None, None, ""
    return order[0].onset, order[0].onset_uncertainty_s, order[0].ref("onset/overall")


def _alerts(record: Gathered) -> list[Event]:
    found: dict[str, Event] = {}
    for line in record.timeline:
        at = moment(line.entry.get("alert_at")) or line.at
        if line.event == "alert":
            _keep(found, str(line.entry.get("id")), Event(at=at, kind="alert", what=line.words, ref=line.ref))
    for run in record.runs:
        for alert in rows(run.report["incident"].get("alerts") if isinstance(run.report.get("incident"), dict) else []):
            at_ = moment(alert.get("at"))
            if at_ is not None:
                what = str(alert.get("title") or alert.get("kind") or "")
                _keep(found, str(alert.get("id")), Event(at=at_, kind="alert", what=what, ref=run.run))
    return list(found.values())


def _keep(found: dict[str, Event], key: str, event: Event) -> None:
    if key not in found or event.at < found[key].at:
        found[key] = event


def _first(record: Gathered, words: Iterable[str], kind: Kind, *, after: datetime | None) -> Event | None:
    lines = [line for line in record.timeline if line.event in words]
    lines += [
        line
        for line in record.journal
        if line.event in DONE and re.search(r"(^|[-_. ])ack", _name(line), re.IGNORECASE)
    ]
    lines = [line for line in lines if after is None or line.at >= after]
    first = min(lines, key=lambda line: (line.at, line.ref), default=None)
    return None if first is None else _event(first, kind, first.words)


def _last(record: Gathered, words: Iterable[str], kind: Kind) -> Event | None:
    lines = [line for line in record.timeline if line.event in words]
    last = max(lines, key=lambda line: (line.at, line.ref), default=None)
    return None if last is None else _event(last, kind, last.words)


def _mitigation(record: Gathered, actions: Sequence[Line]) -> Event | None:
    told = [line for line in record.timeline if line.event in MITIGATED]
    done = [line for line in actions if line.event in DONE]
    first = min([*told, *done], key=lambda line: (line.at, line.ref), default=None)
    return None if first is None else _event(first, "mitigated", first.words or _action_words(first))


def _is_change(line: Line) -> bool:
    name = _name(line)
    return bool(name) and not _TALK.search(re.sub(r"[-_.]", " ", name))


def _name(line: Line) -> str:
    return str(line.entry.get("action") or line.entry.get("title") or "")


def _action_words(line: Line) -> str:
    name, target = _name(line), line.entry.get("target")
    where = f" of {target}" if isinstance(target, str) and target else ""
    return f"{name}{where}: {line.event}" if name else line.event


def _seen_well(runs: Sequence[RunRecord], *, after: datetime | None) -> RunRecord | None:
    last = max((place for place, run in enumerate(runs) if run.state == "incident"), default=None)
    if last is None:
        return None
    later = (run for run in runs[last + 1 :] if run.state == "healthy" and (after is None or run.at > after))
    return next(later, None)


def _severity(runs: Sequence[RunRecord], timeline: Sequence[Line]) -> str:
    levels = [run.report["incident"].get("severity") for run in runs if isinstance(run.report.get("incident"), dict)]
    levels += [line.entry.get("severity") for line in timeline if line.event in ("declared", "severity")]
    return min((level for level in levels if level in ("P1", "P2", "P3", "P4")), default="P3")


def _of_best(best: RunRecord | None) -> list[Event]:
    """Return what the best run's findings date: changes before the onset, and its gravest findings."""
    if best is None:
        return []
    found, shown = [], 0
    for finding in best.findings:
        at = moment(finding.get("at"))
        if at is None:
            continue
        change = any(signal.get("name") == CHANGE_SIGNAL for signal in rows(finding.get("signals")))
        if change:
            found.append(_finding_event(best, finding, at, "change"))
        elif finding.get("severity") in ("critical", "warning") and shown < FINDINGS_SHOWN:
            if finding.get("rule") == "onset":
                continue
            shown += 1
            found.append(_finding_event(best, finding, at, "finding"))
    return found


def _finding_event(run: RunRecord, finding: Any, at: datetime, kind: Kind) -> Event:
    return Event(at=at, kind=kind, what=str(finding.get("claim")), ref=run.ref(finding.get("id")))


def _run_event(run: RunRecord) -> Event:
    words = {"incident": f"found an incident: {run.cause or 'cause not settled'}", "healthy": "saw the platform well"}
    said = words.get(run.state, "could not tell")
    return Event(
        at=run.at, kind="run", what=f"Runbook {run.runbook} {said}{', cut off' if run.cut else ''}", ref=run.run
    )


def _other(timeline: Sequence[Line]) -> list[Event]:
    kinds: dict[str, Kind] = {
        **dict.fromkeys(ACKNOWLEDGED, "acknowledged"),
        **dict.fromkeys(RESOLVED, "resolved"),
        **dict.fromkeys(MITIGATED, "mitigated"),
    }
    found = []
    for line in timeline:
        if line.event in ("alert", "run", "declared"):
            continue
        kind: Kind = kinds.get(line.event, "other")
        what = line.words if kind != "other" else f"{line.event[:40]} {line.words}".strip()
        found.append(_event(line, kind, what))
    return found


def _event(line: Line, kind: Kind, what: str) -> Event:
    return Event(at=line.at, kind=kind, what=what, ref=line.ref, who=line.who)


def _detect(onset: datetime | None, onset_ref: str, detected: Event | None) -> Measure:
    if onset is None or detected is None:
        why = "no run found when it began" if onset is None else "no alert or declaration is on record"
        return Measure(name="detect", of="from the onset to the first report", seconds=None, why=why)
    return Measure(
        name="detect",
        of="from the onset to the first report",
        seconds=(detected.at - onset).total_seconds(),
        refs=tuple(filter(None, (onset_ref, detected.ref))),
    )


def _acknowledge(severity: str, detected: Event | None, acknowledged: Event | None, days: Calendar) -> Measure:
    of = "from the first report to an acknowledgement"
    if detected is None:
        return Measure(name="acknowledge", of=of, seconds=None, why="no alert or declaration is on record")
    due = respond_by(severity, detected.at, days)
    promise_s = (due - detected.at).total_seconds()
    if acknowledged is None:
        return Measure(
            name="acknowledge", of=of, seconds=None, why="no acknowledgement is on record", promise_s=promise_s
        )
    return Measure(
        name="acknowledge",
        of=of,
        seconds=(acknowledged.at - detected.at).total_seconds(),
        promise_s=promise_s,
        kept=acknowledged.at <= due,
        refs=(detected.ref, acknowledged.ref),
    )


def _between(
    name: Literal["mitigate", "resolve"],
    of: str,
    start: Event | None,
    end: Event | None,
    why: str,
    *,
    exact: bool = True,
) -> Measure:
    if start is None:
        return Measure(name=name, of=of, seconds=None, why="no alert or declaration is on record")
    if end is None:
        return Measure(name=name, of=of, seconds=None, why=why)
    seconds = (end.at - start.at).total_seconds()
    return Measure(name=name, of=of, seconds=seconds, exact=exact, refs=(start.ref, end.ref))
