"""The last resort: a report that says that nothing is known, made without any analysis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..evidence.canonical import canonical
from ..evidence.har import digests, evidence_digest
from ..evidence.manifest import our_version
from ..evidence.recorder import read_exchanges, read_salts
from ..models.finding import NotChecked
from ..models.report import Impact, Report, Verdict
from ..reports.document import to_json
from ..steps import steps_of
from . import windows
from .catalogue import Runbook
from .context import RunContext

EVENT = "bare"
"""In a record: the run's report was made here, with its ``ending``; a replay makes it here again."""


def write_bare(
    context: RunContext, runbook: Runbook, parameters: Mapping[str, Any], ending: str, *, record: Path
) -> None:
    """Write ``report.json`` into the run's folder, for a run that ended before anything could be analysed."""
    exchanges = read_exchanges(record)
    window = windows.parse(str(parameters.get("window", "")), now=context.started)
    levels = [level for level in (context.severity, *(alert.severity for alert in context.alerts)) if level]
    report = Report(
        incident_id=context.incident_id,
        severity=min(levels or ["P3"]),
        alerts=context.alerts,
        run_id=context.run_id,
        runbook=context.runbook,
        runbook_version=runbook.version,
        package_version=our_version(),
        parameters=dict(parameters),
        window_start=window.start,
        window_end=window.end,
        verdict=Verdict(
            state="inconclusive",
            cause=None,
            confidence=0.0,
            severity="P3",
            why_severity="nothing could be analysed",
            onset=None,
            onset_uncertainty_s=None,
            impact=Impact(),
            summary=f"Cannot tell: the run ended early ({ending.replace('_', ' ')}).",
            next_step="investigate.health",
            settles=("run it again",),
        ),
        hypotheses=(),
        suspects=(),
        findings=(),
        not_checked=tuple(NotChecked(rule=rule, because="the run ended early") for rule in runbook.rules),
        sources=(),
        steps={step.id: "not_reached" for step in steps_of(context.runbook)},
        evidence_entries=len(exchanges),
        evidence_digest=evidence_digest(digests(exchanges, read_salts(record))),
    )
    (context.folder / "report.json").write_bytes(canonical(to_json(report)))
