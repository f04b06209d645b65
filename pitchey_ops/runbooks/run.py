"""
A run whose questions were asked: analysed, and handed out as panels, step by step.

Everything that only the answers need is imported from here (rules, panels, charts), so that a cold start can ask
while it imports that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .. import companion
from ..errors import UsageError
from ..evidence.canonical import canonical
from ..evidence.har import digests, evidence_digest
from ..evidence.manifest import our_version
from ..evidence.recorder import Recorded, Recorder, read_recorded
from ..findings.case import Case
from ..models.exchange import Exchange
from ..models.report import Report
from ..models.window import Window
from ..panels.base import Panel
from ..panels.charts.sight import coverage
from ..panels.opening import opening, provenance
from ..panels.steps import failed_panel, step_panel
from ..panels.view import View
from ..reports.document import to_json
from ..settings import Settings
from ..steps import steps_of
from . import hosting
from .ahead import Ahead
from .analyse import Analysis, step_statuses
from .asking import Asked
from .catalogue import Runbook
from .context import REPORT, RunContext
from .gathering import with_record

PANELS = "panels"


@dataclass(frozen=True, slots=True)
class Digested:
    """A run's record: how many answers it holds, the digest of them all, and where it is."""

    entries: int
    digest: str
    record: Recorded | Path

    @property
    def exchanges(self) -> list[Exchange]:
        """What was asked, with the answers, by key; read from the folder where it is one."""
        kept = read_recorded(self.record) if isinstance(self.record, Path) else self.record
        return sorted(kept.exchanges, key=lambda exchange: exchange.key)


def digested(record: Recorded | Path) -> Digested:
    """
    Return the digest of what was recorded, read from a folder where that is given: what is there will be archived.

    Raises
    ------
    RecordError
        An answer that was stored apart is missing or damaged.
    """
    kept = read_recorded(record) if isinstance(record, Path) else record
    exchanges = sorted(kept.exchanges, key=lambda exchange: exchange.key)
    return Digested(len(exchanges), evidence_digest(digests(exchanges, kept.salts)), record)


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
        analysis: Analysis,
        record: Digested,
        parameters: Mapping[str, Any],
        events: Recorder | None,
        ahead: Ahead | None = None,
    ) -> None:
        self.context = context
        self.runbook = runbook
        self.settings = settings
        self.window = case.window
        self.case = case
        self.parameters = dict(parameters)
        self.analysis = analysis
        self._record = record
        self._events = events
        self._reached: set[str] = set()
        self._failed: set[str] = set()
        self._shown = 0
        self.view = View(
            context=context,
            runbook=runbook,
            settings=settings,
            case=case,
            analysis=self.analysis,
            parameters=self.parameters,
        )
        self._ahead = Ahead() if ahead is None else ahead
        self._looked_at = False
        self.save()

    @property
    def verdict(self) -> Any:
        """The answer on top: what is wrong, since when, for whom, what was not seen, what is next."""
        self._go_ahead()
        return self._show(opening(self.view))

    def step(self, step: str) -> Any:
        """
        Return the panel of one step of the written runbook and mark the step as reached.

        A `Panel`; where a person works in the notebook, the panel in its host's way. A panel that raises is a bug
        of ours: it says so in its place, the step counts as not checked, and the run goes on to its verdict.

        Raises
        ------
        UsageError
            The step is not one of this runbook's.
        """
        if step not in {one.id for one in steps_of(self.runbook.id)}:
            raise UsageError(f"{step!r} is no step of the runbook {self.runbook.id}")
        self._go_ahead()
        try:
            panel = self._ahead.take(step, step_panel, self.view, step)
        except Exception as exc:
            self._failed.add(step)
            panel = failed_panel(step, exc)
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
        seen = self._ahead.take(coverage.__name__, coverage, self.analysis.sources, self.window)
        return self._show(provenance(self.view, self.report(), seen))

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
            package_version=our_version(),
            parameters=self.parameters,
            window_start=self.window.start,
            window_end=self.window.end,
            verdict=analysis.verdict,
            hypotheses=analysis.scores,
            suspects=analysis.suspects,
            findings=analysis.findings,
            not_checked=analysis.not_checked,
            sources=analysis.sources,
            steps=step_statuses(self.runbook, analysis, self._reached, self._failed),
            evidence_entries=self._record.entries,
            evidence_digest=self._record.digest,
        )

    def _go_ahead(self) -> None:
        """Have the panels of all steps made while the first one is; without a companion that would win nothing."""
        if self._looked_at or not companion.there():
            return
        self._looked_at = True
        for step in steps_of(self.runbook.id):
            self._ahead.begin(step.id, step_panel, self.view, step.id)

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
        return self._record.exchanges

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


def case_of(
    asked: Asked,
    exchanges: Sequence[Exchange],
    settings: Settings,
    window: Window,
    alert_at: datetime | None,
    parameters: Mapping[str, Any],
) -> Case:
    """Return the case that rules judge: what was asked, and what *exchanges* hold of the archive."""
    asked = with_record(asked, exchanges)
    return Case(
        window=window,
        now=asked.now,
        frames=asked.frames,
        observations=asked.observations,
        settings=settings,
        alert_at=alert_at,
        parameters=parameters,
    )
