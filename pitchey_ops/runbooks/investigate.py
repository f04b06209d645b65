"""The one call that a notebook makes: ask everything, analyse, and hand out panels step by step."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..evidence.canonical import canonical
from ..evidence.har import digests, evidence_digest
from ..evidence.ids import new_incident_id, new_run_id
from ..evidence.recorder import Recorder, read_exchanges, read_lines, read_salts
from ..evidence.replay import CurrentChannel, ReplayChannel
from ..findings.case import Case
from ..models.exchange import Exchange
from ..models.report import Report
from ..models.window import Window
from ..panels.base import Panel
from ..panels.opening import opening, provenance
from ..panels.steps import step_panel
from ..panels.view import View
from ..reports.document import to_json
from ..settings import Settings, load, recorded
from ..steps import steps_of
from . import hosting, windows
from .analyse import Analysis, analyse, step_statuses
from .asking import (
    Asked,
    ask_case,
    ask_live,
    ask_recorded,
    case_window,
    is_case,
    live_channel,
    record_case,
    redactor_for,
)
from .catalogue import Runbook, runbook
from .context import THRESHOLDS, RunContext, alert_time, by_hand, prepared
from .gathering import incident_asked_for, incident_exchanges, with_record

RECORD = "record"
"""Folder below a replay's that holds the record which it answers from."""
REPORT = "report.json"
PANELS = "panels"


class Run:
    """
    One investigation, as a notebook sees it.

    Attributes
    ----------
    context, runbook, settings, window
        What it was told.
    case, analysis
        What came back and what follows from it.
    view
        The same, as panels see it.
    """

    def __init__(
        self,
        *,
        context: RunContext,
        runbook: Runbook,
        settings: Settings,
        case: Case,
        exchanges: Sequence[Exchange],
        salts: Mapping[str, str],
        parameters: Mapping[str, Any],
        events: Recorder | None,
    ) -> None:
        self.context = context
        self.runbook = runbook
        self.settings = settings
        self.window = case.window
        self.case = case
        self.parameters = dict(parameters)
        self.analysis: Analysis = analyse(case, runbook)
        self._exchanges = sorted(exchanges, key=lambda exchange: exchange.key)
        self._salts = salts
        self._events = events
        self._reached: set[str] = set()
        self._shown = 0
        self.view = View(
            context=context,
            runbook=runbook,
            settings=settings,
            case=case,
            analysis=self.analysis,
            parameters=self.parameters,
        )
        self.save()

    @property
    def verdict(self) -> Any:
        """The answer on top: what is wrong, since when, for whom, what was not seen, what is next."""
        return self._show(opening(self.view))

    def step(self, step: str) -> Any:
        """
        Return the panel of one step of the written runbook and mark the step as reached.

        A `Panel`; where a person works in the notebook, the panel in its host's way.

        Raises
        ------
        UsageError
            The step is not one of this runbook's.
        """
        if step not in {one.id for one in steps_of(self.runbook.id)}:
            raise UsageError(f"{step!r} is no step of the runbook {self.runbook.id}")
        panel = step_panel(self.view, step)
        self._reached.add(step)
        self._event("step", {"id": step})
        return self._show(panel, step)

    def reach(self, steps: Sequence[str]) -> None:
        """Mark *steps* as reached without showing them; used when a report is built from a record."""
        self._reached.update(steps)

    def finish(self) -> Any:
        """Write the final report; the last cell of every runbook, which proves that it ran to its end."""
        self.save()
        self._event("finished", {})
        return self._show(provenance(self.view, self.report()))

    def report(self) -> Report:
        """Return everything that ``report.json`` holds, as of now."""
        analysis, context = self.analysis, self.context
        levels = [level for level in (context.severity, *(a.severity for a in context.alerts)) if level]
        return Report(
            incident_id=context.incident_id,
            severity=min([*levels, analysis.verdict.severity]),
            alerts=context.alerts,
            run_id=context.run_id,
            runbook=self.runbook.id,
            runbook_version=self.runbook.version,
            package_version=version("pitchey-ops"),
            parameters=self.parameters,
            window_start=self.window.start,
            window_end=self.window.end,
            verdict=analysis.verdict,
            hypotheses=analysis.scores,
            suspects=analysis.suspects,
            findings=analysis.findings,
            not_checked=analysis.not_checked,
            sources=analysis.sources,
            steps=step_statuses(self.runbook, analysis, self._reached),
            evidence_entries=len(self._exchanges),
            evidence_digest=evidence_digest(digests(self._exchanges, self._salts)),
        )

    def _show(self, panel: Panel, step: str | None = None) -> Any:
        self.keep(panel)
        home = hosting.host()
        return panel if home is None else home.show(self, panel, step)

    def keep(self, panel: Panel) -> None:
        """Write *panel* to those that the report's page shows."""
        self._shown += 1
        folder = self.context.folder / PANELS
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{self._shown:03d}-{panel.id}.json"
        (folder / name).write_text(json.dumps(panel.to_json(), ensure_ascii=False), encoding="utf-8")

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """What the run asked, with the answers, by key."""
        return self._exchanges

    @property
    def events(self) -> Recorder | None:
        """What records this run; None where a report is only rebuilt."""
        return self._events

    def _event(self, kind: str, row: dict[str, Any]) -> None:
        if self._events is not None:
            self._events.event(kind, row)

    def save(self) -> None:
        """Write ``report.json`` as of now, atomically."""
        target = self.context.folder / REPORT
        temporary = target.with_suffix(".tmp")
        temporary.write_bytes(canonical(to_json(self.report())))
        temporary.replace(target)


def investigate(
    name: str,
    *,
    window: str = "",
    environment: str = "",
    alert_at: str = "",
    services: Sequence[str] = (),
    **parameters: Any,
) -> Run:
    """
    Ask everything that the runbook *name* needs and analyse it.

    Parameters
    ----------
    name
        A runbook of the catalogue.
    window
        ``1h``, ``30m`` or ``START/END`` (UTC); empty for the 60 minutes before now, or all of a recorded case.
    environment
        ``sandbox``, ``staging`` or ``production``; empty for ``PITCHEY_OPS_ENVIRONMENT``, else sandbox.
    alert_at
        ISO 8601 time of the alert, where no alert started this run; empty when unknown.
    services
        Log services to ask for beside those of the settings.
    parameters
        The notebook's other parameters; those in `THRESHOLDS` replace a threshold of the settings.

    Raises
    ------
    UsageError, ConfigError
        What, where and the likely cause; nothing was asked.
    """
    book = runbook(name)
    context = prepared()
    home = hosting.host()
    if home is not None:
        context = home.context(book)
        settings = settings_for(environment or context.environment, parameters, services)
    elif context is None or context.runbook != book.id:
        moment = datetime.now(UTC)
        settings = settings_for(environment, parameters, services)
        context = by_hand(
            book.id,
            budget_s=settings.budget_s,
            environment=settings.environment,
            run_id=new_run_id(moment),
            incident_id=new_incident_id(moment),
        )
    else:
        base = recorded_settings(context.folder / RECORD) if context.mode == "replay" else None
        settings = settings_for(environment or context.environment, parameters, services, base=base)
    given = {
        "window": window,
        "environment": environment,
        "alert_at": alert_at,
        "services": list(services),
        **parameters,
    }
    run = run_context(context, book, settings, given)
    if home is not None:
        home.opened(run)
    return run


def run_context(
    context: RunContext,
    book: Runbook,
    settings: Settings,
    parameters: Mapping[str, Any],
    *,
    record_events: bool = True,
) -> Run:
    """
    Ask and analyse for a context: live, from a recorded case, or from a record.

    *record_events* is off where a report is only rebuilt, so that its record stays as it was.
    """
    started = context.started
    text = str(parameters.get("window", ""))
    alert_at = _alert_at(context, str(parameters.get("alert_at", "")))
    exchanges: Sequence[Exchange]
    if context.mode in ("replay", "current"):
        source = context.folder / RECORD
        exchanges = read_exchanges(source)
        events = Recorder(context.folder) if record_events else None
        if any(is_case(exchange) for exchange in exchanges):
            window = windows.parse(text, now=started) if text else case_window(exchanges)
            asked = ask_case(exchanges, window)
        else:
            window = windows.parse(text, now=started)
            recorded = (ReplayChannel if context.mode == "replay" else CurrentChannel)(exchanges)
            asked = ask_recorded(recorded, settings, window, book.id)
    else:
        source = context.folder
        home = hosting.host()
        events = Recorder(source) if home is None else home.recorder(source)
        events.event("run", {**context.to_json(), "parameters": dict(parameters), "settings": settings.public()})
        if book.looks_back:
            _record_incident(context, settings, parameters, events)
        if context.case is not None:
            record_case(context.case, settings, events)
            exchanges = read_exchanges(context.folder)
            window = windows.parse(text, now=started) if text else case_window(exchanges)
            asked = ask_case(exchanges, window)
        else:
            window = windows.parse(text, now=started)
            channel = live_channel(settings, events, started=started, budget_s=context.budget_s)
            asked = ask_live(channel, settings, window, book.id)
            exchanges = read_exchanges(context.folder)
        events.event("asked", {})
    return Run(
        context=context,
        runbook=book,
        settings=settings,
        case=_case(with_record(asked, exchanges), settings, window, alert_at, parameters),
        exchanges=exchanges,
        salts=read_salts(source),
        parameters=parameters,
        events=events,
    )


def _record_incident(
    context: RunContext, settings: Settings, parameters: Mapping[str, Any], recorder: Recorder
) -> None:
    """Take what is archived about the incident into the run's own record, from which it is read and replayed."""
    incident = incident_asked_for(parameters.get("incident"), context.incident_id)
    pieces = incident_exchanges(
        settings.archive_root(), incident, at=context.started, redactor=redactor_for(settings), without=context.run_id
    )
    for piece in pieces:
        recorder.exchange(piece)


def reached_steps(folder: Path) -> list[str]:
    """Return the ids of the steps that a recorded run had reached."""
    return [row["id"] for kind, row in read_lines(folder) if kind == "step"]


def _case(
    asked: Asked, settings: Settings, window: Window, alert_at: datetime | None, parameters: Mapping[str, Any]
) -> Case:
    return Case(
        window=window,
        now=asked.now,
        frames=asked.frames,
        observations=asked.observations,
        settings=settings,
        alert_at=alert_at,
        parameters=parameters,
    )


def recorded_settings(folder: Path) -> Settings | None:
    """Return the settings of the run that is recorded in *folder*; None where the record does not hold them."""
    rows = [row["settings"] for kind, row in read_lines(folder) if kind == "run" and row.get("settings")]
    return recorded(rows[-1]) if rows else None


def settings_for(
    environment: str, parameters: Mapping[str, Any], services: Sequence[str], *, base: Settings | None = None
) -> Settings:
    """
    Return the settings of *environment* (or *base*) with what a run's *parameters* and *services* replace in them.
    """
    settings = base or load(environment or None)
    limits = {THRESHOLDS[name]: value for name, value in parameters.items() if name in THRESHOLDS and value}
    changes: dict[str, Any] = {}
    if limits:
        changes["thresholds"] = settings.thresholds.model_copy(update=limits)
    if services:
        changes["services"] = tuple(dict.fromkeys((*settings.services, *services)))
    return settings.model_copy(update=changes) if changes else settings


def _alert_at(context: RunContext, text: str) -> datetime | None:
    if context.alerts:
        return min(alert.at for alert in context.alerts)
    return alert_time(text)
