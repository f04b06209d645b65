"""What does the incident's own record tell: which runs there are, and how long the response took?"""

from __future__ import annotations

from collections.abc import Iterable

from ..models.finding import Finding, NotChecked, RuleResult, Severity
from ..models.observation import AnyObservation, Observed, Unavailable
from ..postmortem.calendar import Calendar, calendar
from ..postmortem.gathered import Gathered, Line, RunRecord, gathered
from ..postmortem.response import Measure, response
from ..settings import Settings
from .case import Case

RULE = "record"
PREFIX = "archive/"


def record(case: Case) -> RuleResult:
    """
    Report what was gathered of the incident and the times of the response, against its severity's promise.

    These speak of people and times, not of the platform's state now: they give no signal and are never more than
    information. `NotChecked` when no readable run was gathered: an archive that was empty, damaged, or asked for
    another incident looks like that. A time that the record does not tell is left out, never zero; lines that lie
    (a forged note) can only speak of what people did, since runs are read from their reports.
    """
    seen = [o for key, o in sorted(case.observations.items()) if key.startswith(PREFIX)]
    gathered_ = record_from(seen)
    if not gathered_.runs:
        why = "no readable run of this incident is archived" if seen else "no incident was named to look back at"
        return NotChecked(rule=RULE, because=why)
    reports = tuple(f"archive/report/{run.run}" for run in gathered_.runs)
    lines = tuple(sorted(o.id for o in seen if o.id.startswith("archive/lines/") and o.status == "observed"))
    told = response(gathered_, days_of(case.settings))
    found = [
        Finding(
            id=f"{RULE}/gathered",
            rule=RULE,
            claim=f"{len(gathered_.runs)} runs of {gathered_.incident} were gathered"
            + (f"; {len(gathered_.unreadable)} cannot be read" if gathered_.unreadable else "")
            + (f"; {gathered_.left_out} were left out" if gathered_.left_out else ""),
            severity=Severity.INFO,
            evidence=reports[:12],
            data={"runs": len(reports), "unreadable": list(gathered_.unreadable), "left_out": gathered_.left_out},
        )
    ]
    return found + [_measured(one, told.severity, reports, lines) for one in told.measures if one.seconds is not None]


def _measured(one: Measure, severity: str, reports: tuple[str, ...], lines: tuple[str, ...]) -> Finding:
    assert one.seconds is not None
    kept = "" if one.kept is None else f"; the promise for {severity} was {'kept' if one.kept else 'missed'}"
    most = "" if one.exact else "at most "
    return Finding(
        id=f"{RULE}/{one.name}",
        rule=RULE,
        claim=f"Time {one.of}: {most}{one.seconds / 60:.1f} min{kept}",
        severity=Severity.INFO,
        evidence=tuple(sorted({*reports[:8], *lines})),
        data={
            "seconds": one.seconds,
            "promise_seconds": one.promise_s,
            "kept": one.kept,
            "exact": one.exact,
            "cited": list(one.refs),
        },
    )


def days_of(settings: Settings) -> Calendar:
    """Return the business calendar of *settings*."""
    return calendar(
        settings.business_timezone,
        settings.business_hours_start,
        settings.business_hours_end,
        settings.business_holidays,
    )


def record_from(observations: Iterable[AnyObservation]) -> Gathered:
    """Return the incident's record that *observations* (of the source ``archive``) hold."""
    runs: list[RunRecord] = []
    lines: dict[str, tuple[Line, ...]] = {}
    unreadable = []
    incident, left_out = "", 0
    for one in sorted(observations, key=lambda one: one.id):
        what, _, name = one.id.partition("/")[2].partition("/")
        if isinstance(one, Unavailable):
            unreadable += [name] if what == "report" else []
        elif isinstance(one, Observed) and what == "report":
            runs.append(one.value)
        elif what == "lines":
            lines[name] = one.value
        elif what == "incident":
            incident, left_out = str(one.value["incident"]), int(one.value["left_out"])
    return gathered(incident, runs, lines, left_out=left_out, unreadable=unreadable)
