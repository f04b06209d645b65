"""Panels of the runbook for afterwards: has it come back, what happened, how did the response go, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...findings.record import days_of, record_from
from ...models.finding import Severity
from ...models.observation import AnyObservation
from ...postmortem.gathered import number
from ...postmortem.story import Claim, Look, Story, measure_words, story
from ..base import Cell, Column, Panel, Table, no_data
from ..charts.incident import incident_alt, incident_chart
from ..charts.people import ActionCard, planned_actions
from ..view import View
from ..words import count, percent, span_words

SHOWN = 200
KINDS = {"prevent": "preventive", "detect": "detecting", "mitigate": "mitigating", "process": "procedure"}


def told(view: View) -> Story:
    """Return the draft that *view*'s evidence makes, with what this run sees itself as the last look."""
    analysis = view.analysis
    look = Look(
        at=view.case.now,
        state=analysis.verdict.state,
        why="; ".join(analysis.unmet),
        cause=analysis.verdict.cause if analysis.verdict.cause != "none" else None,
    )
    return story(record_from(_gathered(view)), days_of(view.settings), now=look)


def _gathered(view: View) -> list[AnyObservation]:
    return [seen for key, seen in sorted(view.case.observations.items()) if key.startswith("archive/")]


def _with_record(question: str, what: str) -> Callable[[Callable[[View, Story], Panel]], Callable[[View], Panel]]:
    """Make a step's panel out of one that needs the incident's record: without one it says so."""

    def wrap(panel: Callable[[View, Story], Panel]) -> Callable[[View], Panel]:
        def made(view: View) -> Panel:
            why = view.why_not("record")
            return no_data("post", question, why, what=what) if why else panel(view, told(view))

        return made

    return wrap


def verify(view: View) -> Panel:
    """Show whether it came back: all health checks now, and how long it has been quiet."""
    watch = told(view).watch
    checks = [f for f in view.analysis.findings if f.rule in ("probes", "users", "latency", "cloudflare-status")]
    rows: list[tuple[Cell, ...]] = [("recurrence", watch.words)]
    rows += [(f"{'!' if f.severity > Severity.INFO else '·'} {f.rule}", f.claim) for f in checks]
    rows += [("? not seen", words) for words in view.analysis.unmet]
    rows += [(f"? {item.rule}", item.because) for item in view.analysis.not_checked if item.rule in ("probes", "users")]
    return Panel(
        id="post",
        question="Has it come back?",
        title=watch.words,
        sentence="What this run saw itself, with the same probes as triage. 30 to 60 minutes without recurrence are "
        "wanted before it is called over; ask again by running this runbook again.",
        table=Table(columns=(Column(name="check"), Column(name="answer", claim=True)), rows=tuple(rows)),
    )


@_with_record("What is on record about it?", "archived runs of this incident")
def collect(view: View, draft: Story) -> Panel:
    """Show every run of the incident that was gathered."""
    record = draft.record
    rows: list[tuple[Cell, ...]] = []
    for run in record.runs[:SHOWN]:
        impact, evidence = run.report["verdict"].get("impact"), run.report.get("evidence")
        share = number(impact.get("requests_failing_share")) if isinstance(impact, dict) else None
        entries = number(evidence.get("entries")) if isinstance(evidence, dict) else None
        rows.append(
            (
                run.at,
                run.run,
                run.runbook,
                run.state,
                run.cause,
                "unknown" if share is None else percent(share),
                entries,
                run.cut or "complete",
            )
        )
    notes = [f"{name} cannot be read" for name in record.unreadable[:10]]
    notes += [f"{record.left_out} runs were left out: there are too many"] if record.left_out else []
    lines = len(record.timeline) + len(record.journal) + len(record.notes)
    return Panel(
        id="post",
        question="What is on record about it?",
        title=f"{count(len(record.runs), 'run')} and {count(lines, 'line')} of {record.incident}",
        sentence="Each run's report and evidence stand in the archive under its id; this run holds a copy of the "
        "reports, so that it can be replayed.",
        table=Table(
            columns=(
                Column(name="looked at", unit="UTC"),
                Column(name="run"),
                Column(name="runbook"),
                Column(name="state"),
                Column(name="cause"),
                Column(name="failing"),
                Column(name="answers", align="right"),
                Column(name="ended", telemetry=True),
            ),
            rows=tuple(rows),
        ),
        notes=tuple(notes),
    )


@_with_record("What happened when, and how long did the response take?", "events")
def timeline(view: View, draft: Story) -> Panel:
    """Show the incident as a picture, its events, and the times of the response against the promise."""
    question = "What happened when, and how long did the response take?"
    events = draft.response.events
    if not events:
        return no_data("post", question, "nothing of the record is dated", what="events")
    measures = {one.name: measure_words(one) for one in draft.response.measures}
    png = incident_chart(draft)
    return Panel(
        id="post",
        question=question,
        title=f"{draft.severity}: acknowledged: {measures['acknowledge']}; over: {measures['resolve']}",
        sentence="All times are UTC. Each event names where it stands in the record.",
        png=png,
        alt="" if png is None else incident_alt(draft, events),
        table=Table(
            columns=(
                Column(name="at", unit="UTC"),
                Column(name="after the onset"),
                Column(name="kind"),
                Column(name="what", telemetry=True),
                Column(name="who", telemetry=True),
                Column(name="on record"),
            ),
            rows=tuple(
                (
                    event.at,
                    "–"
                    if draft.response.onset is None
                    else span_words((event.at - draft.response.onset).total_seconds()),
                    event.kind,
                    event.what,
                    event.who or None,
                    event.ref,
                )
                for event in events[:SHOWN]
            ),
            caption="Timeline.",
        ),
        notes=(
            *(f"Time {one.of}: {measure_words(one)}" for one in draft.response.measures),
            *((f"{len(events) - SHOWN} later events are not shown",) if len(events) > SHOWN else ()),
        ),
    )


@_with_record("What do the people say who were there?", "notes")
def perspectives(view: View, draft: Story) -> Panel:
    """Show people's notes, and how to add one."""
    question = "What do the people say who were there?"
    how = f'Add one: pitchey-ops note {draft.incident} "..."; a text file: --file NOTES.txt'
    notes = draft.record.notes
    if not notes:
        return no_data("post", question, "nobody has written a note yet", what="notes", notes=(how,))
    return Panel(
        id="post",
        question=question,
        title=f"{count(len(notes), 'note')} by {count(len({line.who for line in notes}), 'person', 'people')}",
        sentence="As they were written, secrets taken out. What somebody saw is evidence of what could be seen.",
        table=Table(
            columns=(
                Column(name="at", unit="UTC"),
                Column(name="by", telemetry=True),
                Column(name="note", telemetry=True),
                Column(name="on record"),
            ),
            rows=tuple((line.at, line.who or None, line.words, line.ref) for line in notes[:SHOWN]),
        ),
        notes=(how,),
    )


@_with_record("What contributed, and what was done?", "findings about the cause")
def root_cause(view: View, draft: Story) -> Panel:
    """Show contributing factors with their evidence, what triggered it, and what ended it."""
    rows = _claims("contributing", draft.contributing)
    rows += _claims("trigger", () if draft.trigger is None else (draft.trigger,))
    rows += _claims("ended by", draft.resolution)
    question = "What contributed, and what was done?"
    if not rows:
        return no_data("post", question, "no run of this incident found one", what="contributing factors")
    return Panel(
        id="post",
        question=question,
        title=draft.contributing[0].text if draft.contributing else draft.title,
        sentence="The surest run's cause with what speaks for it; a change close to the onset is a trigger, not the "
        "whole story. Each line names the findings that it rests on.",
        table=_claim_table(rows),
    )


@_with_record("What would the postmortem say?", "a draft")
def postmortem(view: View, draft: Story) -> Panel:
    """Show the draft: summary, impact, detection, what helped and hindered, where luck came in, what is unknown."""
    impact = draft.impact
    hurt = [
        "unknown share of requests" if impact.failing_share is None else f"{percent(impact.failing_share)} of requests",
        "users unknown" if impact.users is None else f"at least {impact.users:,} users",
        "duration unknown" if impact.seconds is None else f"over {span_words(impact.seconds)}",
        f"routes: {', '.join(impact.routes[:6])}" if impact.routes else "",
        f"services: {', '.join(impact.services[:6])}" if impact.services else "",
    ]
    rows: list[tuple[Cell, ...]] = [
        ("summary", draft.summary, ""),
        ("impact", "; ".join(filter(None, hurt)), ", ".join(impact.refs[:4])),
        *_claims("what changed", () if draft.trigger is None else (draft.trigger,)),
        *_claims("detection", (draft.detection,)),
        *_claims("what helped", draft.helped),
        *_claims("what hindered", draft.hindered),
        *_claims("where luck came in", draft.lucky),
        *[("not known", words, "") for words in draft.unknown],
    ]
    meeting = "" if draft.review_by is None else f" The review meeting is due by {draft.review_by:%A, %d %b %Y}."
    return Panel(
        id="post",
        question="What would the postmortem say?",
        title=f"Draft: {draft.title}",
        sentence="It speaks of systems and times, not of who should have done otherwise. People complete it." + meeting,
        table=_claim_table(rows),
        notes=(f"As Markdown, with ticket drafts: pitchey-ops postmortem {draft.incident} --out DIR",),
    )


@_with_record("What should be done about it?", "action items")
def action_items(view: View, draft: Story) -> Panel:
    """Show the proposed action items; no ticket was created."""
    question = "What should be done about it?"
    if not draft.items:
        return no_data("post", question, "nothing that was found asks for one", what="action items")
    return Panel(
        id="post",
        question=question,
        title=f"{count(len(draft.items), 'action item')} proposed; no ticket was created",
        sentence="Each is traceable to what it rests on. People choose, and give them owners and dates.",
        table=Table(
            columns=(
                Column(name="kind"),
                Column(name="what to do", telemetry=True),
                Column(name="why", telemetry=True),
                Column(name="rests on"),
            ),
            rows=tuple((KINDS[item.kind], item.title, item.why, ", ".join(item.refs[:4])) for item in draft.items),
        ),
        notes=(f"As GitHub issues and CSV: pitchey-ops postmortem {draft.incident} --out DIR",),
    )


def resolve(view: View) -> Panel:
    """Plan the alert's resolution."""
    alert = view.context.alerts[0].id if view.context.alerts else ""
    watch = told(view).watch
    return planned_actions(
        [
            ActionCard(
                step="post.resolve",
                title="Mark the alert as resolved at the alerts service",
                would=f"POST /alerts/resolve with alertId {alert} and what was done"
                if alert
                else "POST /alerts/resolve",
                when="after 30 to 60 minutes without recurrence",
                why=watch.words,
                risk="it is announced to everybody; a 500 may still have stored it",
                undo="trigger it again",
                command=f"pitchey-ops action plan resolve --incident {view.context.incident_id}",
                status="planned" if watch.state == "quiet" and alert else "not possible",
            )
        ]
    )


def communicate(view: View) -> Panel:
    """Plan what people inside and outside are told."""
    draft = told(view)
    return planned_actions(
        [
            ActionCard(
                step="post.communicate",
                title="Tell #incidents, stakeholders and the status page that it is over",
                would=f"one message each: “{draft.summary}”",
                when="when it is resolved",
                why=draft.watch.words,
                risk="customers read the status page; their e-mail stays off unless asked for",
                undo="send a correction",
                status="planned" if draft.watch.state in ("quiet", "so far") else "not possible",
            )
        ]
    )


def _claims(name: str, claims: Iterable[Claim]) -> list[tuple[Cell, ...]]:
    return [(name, claim.text, ", ".join(claim.refs[:4])) for claim in claims]


def _claim_table(rows: Iterable[tuple[Cell, ...]]) -> Table:
    return Table(
        columns=(Column(name="part"), Column(name="what", telemetry=True), Column(name="rests on")),
        rows=tuple(rows)[:SHOWN],
    )
