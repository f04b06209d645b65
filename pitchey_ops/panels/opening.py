"""The first screen and the last: the verdict, and what it rests on."""

from __future__ import annotations

from ..diagnosis.hypotheses import BY_ID
from ..models.finding import Severity
from ..models.report import Report
from .base import Cell, Column, Panel, Table
from .charts.diagnosis import hypotheses
from .charts.people import due_words
from .view import View


def opening(view: View) -> Panel:
    """Show the verdict: one sentence, since when, for whom, what was not seen, what is next."""
    analysis, verdict = view.analysis, view.analysis.verdict
    picture = hypotheses(analysis.scores, analysis.findings, titles={key: one.title for key, one in BY_ID.items()})
    alerts = [alert.at for alert in view.context.alerts]
    clock = due_words(verdict.severity, min(alerts)) if alerts else "no alert, no clock"
    impact = verdict.impact
    share = (
        "unknown" if impact.requests_failing_share is None else f"{impact.requests_failing_share:.1%} of requests fail"
    )
    people = "unknown" if impact.users_affected is None else f"at least {impact.users_affected:,}"
    onset = (
        "none found"
        if verdict.onset is None
        else f"{verdict.onset:%Y-%m-%d %H:%M:%S} UTC ± {verdict.onset_uncertainty_s or 0:.0f} s"
    )
    rows: list[tuple[Cell, ...]] = [
        ("state", verdict.state),
        ("since", onset),
        ("requests", share),
        ("users", people),
        ("routes", f"“{', '.join(impact.routes[:6])}”" if impact.routes else "unknown"),
        ("cause", "not settled" if verdict.cause is None else BY_ID[verdict.cause].title),
        ("confidence", f"{verdict.confidence:.0%}"),
        ("severity", f"{verdict.severity}: {verdict.why_severity}"),
        ("response due by", clock),
        ("next step", verdict.next_step),
    ]
    top = [f for f in analysis.findings if f.severity >= Severity.WARNING][:3]
    rows += [(f"finding {number}", finding.claim) for number, finding in enumerate(top, start=1)]
    rows.append(("not seen", "; ".join(analysis.unmet) or "every needed source was seen"))
    rows += [("would settle it", text) for text in verdict.settles[:3]]
    notes = tuple(f"Not checked: {item.rule}: {item.because}" for item in analysis.not_checked)
    return Panel(
        id="verdict",
        question="What is the answer?",
        title=f"{verdict.state.upper()}, {verdict.severity}: {verdict.summary}",
        sentence="The bars show what speaks for (right) and against (left) each possible cause, in decibans.",
        png=picture.png,
        alt=picture.alt,
        table=Table(columns=(Column(name="what"), Column(name="answer", claim=True)), rows=tuple(rows)),
        notes=notes,
    )


def provenance(view: View, report: Report, picture: Panel) -> Panel:
    """Show what the report rests on: run, versions, parameters, sources and *picture*, their coverage."""
    facts: list[tuple[Cell, ...]] = [
        ("run", report.run_id),
        ("incident", report.incident_id),
        ("runbook", f"{report.runbook} version {report.runbook_version}"),
        ("pitchey-ops", report.package_version),
        ("window", f"{report.window_start:%Y-%m-%d %H:%M:%S} to {report.window_end:%Y-%m-%d %H:%M:%S} UTC"),
        ("evidence", f"{report.evidence_entries} answers, digest {report.evidence_digest[:16]}..."),
    ]
    facts += [(f"parameter {name}", str(value)) for name, value in sorted(report.parameters.items())]
    facts += [(source.name, f"{source.status.replace('_', ' ')}. {source.detail}") for source in report.sources]
    notes: tuple[str, ...] = ()
    if not view.context.archived:
        notes = (f"Not archived: the record of this run lies in {view.context.folder}",)
    return Panel(
        id="provenance",
        question="What does this rest on?",
        title=picture.title,
        sentence=picture.sentence,
        png=picture.png,
        alt=picture.alt,
        table=Table(columns=(Column(name="what"), Column(name="value", telemetry=True)), rows=tuple(facts)),
        notes=notes,
    )
