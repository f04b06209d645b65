"""
``report.html``: one file that answers in ten seconds and can be traced to the last number.

The page holds no script, no style attribute and no address outside itself; its content security policy allows
one style block (by its SHA-256) and ``data:`` pictures, nothing else. Every expression of the template passes
through `safe.visible` and is escaped, so that no telemetry can become markup, a link, an id or a style; quoted
telemetry stands between ``⟪`` and ``⟫``, also when the page is copied as text.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from ..diagnosis.hypotheses import BY_ID
from ..models.finding import Finding, Severity
from ..models.report import HypothesisScore, Report, SeverityLevel, SourceSeen, StepStatus
from ..panels.base import Panel, Table, cell_text, data_uri, heading, said
from ..panels.charts.people import PROMISES, due, due_words
from ..panels.safe import FENCE_NOTE, split_quoted, visible
from ..panels.words import percent, span_words
from ..steps import steps as all_steps

FINDINGS_SHOWN = 150
"""Findings on the page; report.json holds all."""
EVIDENCE_SHOWN = 12
"""Evidence ids beside one finding."""
PANELS_SHOWN = 60
RECORD_FROM = 5
"""Columns of a single row beyond which it is shown as a list: as a table, most of it would lie outside the page."""
ROWS_SHOWN = 200

STATE_WORDS = {"incident": "▲ INCIDENT", "healthy": "● HEALTHY", "inconclusive": "? INCONCLUSIVE"}
STATUS_WORDS = {
    "observed": "seen",
    "no_data": "no data",
    "blind": "BLIND",
    "unavailable": "UNAVAILABLE",
    "not_configured": "not configured",
}
STEP_WORDS: dict[StepStatus, str] = {
    "done": "☑ done",
    "not_checked": "? not checked",
    "planned": "◇ planned, nothing sent",
    "scheduled": "◷ scheduled",
    "not_reached": "✗ not reached",
    "person": "☐ for a person",
}
SEVERITY_WORDS = {Severity.CRITICAL: "‼ critical", Severity.WARNING: "! warning", Severity.INFO: "· info"}
UNSCORED = "this runbook's score is not known here: read its verdict with care"
LONG_GIVE_S = 600.0
"""From here on an uncertainty is said in minutes; below, rounding would make another of it than findings say."""
AROUND_AN_ONSET = frozenset({"releases"})
"""Rules of change that compare around an onset: without one they say nothing, and nothing is missed of what changed."""
FEW_FAIL = 0.001
"""Share of failing requests below which who is hurt is told by something else, if by anything."""
CHANGE_SIGNS = ("deployment", "change", "release", "rotation", "migration")


def page(report: Report, panels: Sequence[Panel] = (), *, extras: Mapping[str, Any] | None = None) -> str:
    """
    Return the report as one HTML document.

    Parameters
    ----------
    report
        What the run found.
    panels
        Charts and tables, in the order in which they are shown.
    extras
        What only the page shows, all of it optional; an entry of another shape is shown as text:

        * ``started``, ``finished`` (datetime), ``duration_s``: when and how long the run ran; the response clock is
          read at the later one that is given.
        * ``cut_off`` (str): why the run ended early, and what was reached until then.
        * ``rehearsal`` (mapping): ``date``, ``correct`` (0-1), ``cases``.
        * ``similar`` (list of mappings): ``incident_id``, ``why``, ``resolved_by``.
        * ``actions`` (list of `panels.charts.people.ActionCard`, or mappings with its fields).
        * ``changes`` (list of mappings): ``at``, ``claim``, ``evidence``; else findings of change are taken.
        * ``needs_person``, ``contacts`` (lists of str).
        * ``acknowledged`` (datetime): stops the response clock.
        * ``versions`` (mapping), ``provenance`` (mapping): rows under "Where this comes from".

    Returns
    -------
    str
        A whole document; encode it as UTF-8. Equal arguments give equal text.
    """
    more = dict(extras or {})
    css, policy = _style()
    numbers = {finding.id: at for at, finding in enumerate(report.findings[:FINDINGS_SHOWN], start=1)}
    places = {source.name: at for at, source in enumerate(report.sources, start=1)}
    by_id = {finding.id: finding for finding in report.findings}
    state = report.verdict.state if report.verdict.state in STATE_WORDS else "inconclusive"
    actions = [_action(one) for one in _items(more.get("actions"))]
    changes = _changes(report, more, places)
    shown = list(panels)[:PANELS_SHOWN]
    blind = _blind(report)
    suspects = _suspects(report, by_id)
    similar = [_similar(one) for one in _items(more.get("similar"))]
    sections = [("cause", "Cause"), ("changes", "What changed")]
    sections += [("actions", "Next actions")] if actions else []
    sections += [("findings", "Findings"), ("blind", "Not seen")]
    sections += [("suspects", "Suspects")] if suspects else []
    sections += [("charts", "Charts")] if shown else []
    sections += [("similar", "Similar incidents")] if similar else []
    sections += [("steps", "Steps"), ("sources", "Sources"), ("alerts", "Alerts"), ("provenance", "Provenance")]
    return _template().render(
        css=css,
        policy=policy,
        title=_clip(f"{STATE_WORDS[state][2:]} {report.severity} {report.runbook} {report.incident_id}", 120),
        runbook=_clip(report.runbook, 60),
        incident=_clip(report.incident_id, 60),
        run=_clip(report.run_id, 60),
        window=f"{_stamp(report.window_start)} to {_stamp(report.window_end)} UTC",
        cut_off=_clip(_text(more.get("cut_off")), 400),
        state=state,
        state_word=STATE_WORDS[state],
        severity=report.severity,
        rehearsal=_rehearsal(more.get("rehearsal")) or UNSCORED,
        summary=_claim(report.verdict.summary, 400),
        facts=_facts(report, more, blind),
        fence_note=Shown(FENCE_NOTE),
        sections=sections,
        causes=[_cause(score, report, by_id, numbers) for score in report.hypotheses[:3]],
        settles=[_claim(one) for one in report.verdict.settles],
        changes=changes,
        changes_none=_no_change(report),
        actions=actions,
        findings=_two(report.findings[:FINDINGS_SHOWN], places),
        findings_left=_left(len(report.findings), FINDINGS_SHOWN, "findings stand only in report.json"),
        blind=blind,
        not_checked=_grid(("rule", "because"), [(one.rule, (one.because, "claim wide")) for one in report.not_checked])
        if report.not_checked
        else None,
        suspects=suspects,
        panels=[_panel(panel) for panel in shown],
        similar=similar,
        steps=_steps(report),
        person=[_text(one) for one in _items(more.get("needs_person"))],
        contacts=[_text(one) for one in _items(more.get("contacts"))],
        sources=[_source(source) for source in report.sources],
        alerts=_grid(
            ("at (UTC)", "kind", "id", "severity", "service", "title"),
            [
                (
                    (_stamp(alert.at), "time"),
                    (alert.kind, "telemetry"),
                    (alert.id, "telemetry"),
                    alert.severity or "–",
                    (alert.service, "telemetry") if alert.service else "–",
                    (alert.title, "telemetry wide"),
                )
                for alert in report.alerts
            ],
        )
        if report.alerts
        else None,
        provenance=_provenance(report, more),
        parameters=[(str(key), _text(value)) for key, value in sorted(report.parameters.items(), key=_by_name)],
        closing=(
            "This page is static: it runs nothing, asks nothing and stays as it was written. "
            "Every finding names the recorded answers that it stands on."
        ),
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """Text that `safe` made visible already: it is escaped, and not made visible a second time."""

    text: str


def policy_of(css: str) -> str:
    """Return the content security policy under which *css* is the page's only style."""
    digest = base64.b64encode(hashlib.sha256(css.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; script-src 'none'; "
        "base-uri 'none'; form-action 'none'"
    )


def get_ready() -> None:
    """Make what every page needs and none changes, so that the first one does not wait for it."""
    _template()
    _style()


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("pitchey_ops.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_readable,
        trim_blocks=True,
    )


@cache
def _template() -> Template:
    return _environment().get_template("report.html.j2")


@cache
def _style() -> tuple[Markup, str]:
    loader = _environment().loader
    assert loader is not None
    css = loader.get_source(_environment(), "report.css")[0].replace("\r\n", "\n").strip()
    if "<" in css:
        raise ValueError("report.css: '<' could end the style block")
    return Markup(css), policy_of(css)  # noqa: S704 - our own file, without '<'


def _readable(value: object) -> object:
    """Make every expression of the template visible text; markup of ours (macros) passes."""
    if isinstance(value, Markup):
        return value
    return escape(value.text) if isinstance(value, Shown) else visible(value)


# --- first screen -----------------------------------------------------------------------------------------


def _facts(report: Report, more: Mapping[str, Any], blind: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    verdict = report.verdict
    return [
        _since(report),
        _hurt(report),
        _why(report),
        _clock(report, more),
        _next(verdict.next_step),
        _unseen(report, blind),
    ] + ([_hint(verdict.cause)] if verdict.cause and verdict.cause not in BY_ID else [])


def _fact(name: str, main: str, *lines: str, quoted: Iterable[str] = (), warn: bool = False) -> dict[str, Any]:
    told = [_clip(one, 240) for one in lines if one]
    return {"name": name, "main": _clip(main, 160), "lines": told, "quoted": list(quoted), "warn": warn}


def _hint(cause: str) -> dict[str, Any]:
    return _fact("Unknown word", f"The cause “{_clip(cause, 60)}” is none of this version's hypotheses.", warn=True)


def _next(step: str) -> dict[str, Any]:
    if not step:
        return _fact("Next step", "none named")
    known = all_steps().get(step)
    return _fact("Next step", step if known is None else known.to_do, f"step {step}" if known is not None else "")


def _since(report: Report) -> dict[str, Any]:
    onset, give = report.verdict.onset, report.verdict.onset_uncertainty_s
    if onset is None:
        healthy = report.verdict.state == "healthy"
        return _fact("Since", "no onset found" if not healthy else "no onset: nothing changed for the worse")
    around = ""
    if give is not None and math.isfinite(give):
        around = f" ± {f'{give:.0f} s' if give < LONG_GIVE_S else span_words(give)}"
    ago = (report.window_end - onset).total_seconds()
    return _fact(
        "Since",
        f"{onset.astimezone(UTC):%H:%M:%S} UTC{around}",
        f"{onset.astimezone(UTC):%a %d %b %Y}"
        + (f", {span_words(ago)} before the window ends" if ago >= 0 else ", after the window ends"),
        "" if around else "how exact this is could not be told",
    )


def _hurt(report: Report) -> dict[str, Any]:
    impact = report.verdict.impact
    share, users = impact.requests_failing_share, impact.users_affected
    head = "unknown share of requests" if share is None else f"{percent(share)} of requests fail"
    people = (
        "users affected: unknown" if users is None else f"users affected: at least {users:,} in the logs that were read"
    )
    if (met := _met_in_sentry(report)) > (users or 0):
        people = (people if users is not None else "users affected:") + (
            f"{'; ' if users is not None else ' '}{met:,} met an error that is new in Sentry"
        )
    left = len(impact.routes) + len(impact.services) - len(impact.routes[:4]) - len(impact.services[:3])
    return _fact(
        "Who is hurt",
        head,
        _seen_otherwise(report) if share is None or share < FEW_FAIL else "",
        people,
        f"and {left} more routes or services" if left > 0 else "",
        quoted=[*(_clip(one, 60) for one in impact.routes[:4]), *(_clip(one, 60) for one in impact.services[:3])],
    )


def _met_in_sentry(report: Report) -> int:
    """Return how many users met the new issue of Sentry that most did; 0 where none needs attention."""
    told = [f.data.get("users") for f in report.findings if f.rule == "issues" and f.severity >= Severity.WARNING]
    return max((users for users in told if isinstance(users, int) and not isinstance(users, bool)), default=0)


def _seen_otherwise(report: Report) -> str:
    """
    Return what speaks most for the cause of an incident that failing requests do not tell of, in our own words.

    “0 % of requests fail” would read like nobody is hurt, where pages do not load or somebody guesses passwords.
    """
    lead = next((one for one in report.hypotheses if one.id == report.verdict.cause), None)
    if report.verdict.state != "incident" or lead is None:
        return ""
    by_id = {finding.id: finding for finding in report.findings}
    for one, value in sorted(lead.parts, key=lambda part: -part[1]):
        found = by_id.get(one)
        if found is None or value <= 0 or found.rule == "issues" or any(word in found.rule for word in CHANGE_SIGNS):
            continue
        if found.severity >= Severity.WARNING:
            before, quote, _ = split_quoted(found.claim)
            words = before.rstrip(" ,:;(")
            if words:
                return f"but: {words}{' …' if quote else ''}"
    return ""


def _why(report: Report) -> dict[str, Any]:
    verdict = report.verdict
    if verdict.cause is None:
        lead = report.hypotheses[0] if report.hypotheses else None
        if verdict.state == "incident":  # that something is wrong is settled there; only what it is, is not
            lead = next((one for one in report.hypotheses if one.id != "none"), lead)
        calm = lead is not None and lead.id == "none" and lead.confidence >= 0.5
        but = "but something is in the way of an all-clear" if calm else "not clearly enough"
        told = "" if lead is None else f"ahead: {_title(lead.id)} ({percent(lead.confidence)}), {but}"
        sure = f"that something is wrong: {percent(verdict.confidence)} sure" if verdict.state == "incident" else ""
        return _fact("Cause", "not settled", told, sure)
    return _fact("Cause", _upper(_title(verdict.cause)), f"{percent(verdict.confidence)} likely")


def _clock(report: Report, more: Mapping[str, Any]) -> dict[str, Any]:
    level: SeverityLevel = report.severity
    promise = PROMISES[level][1]
    within = promise if PROMISES[level][0] is None else f"within {promise}"
    why = f"{level} because {report.verdict.why_severity}" if report.verdict.why_severity else ""
    if not report.alerts:
        return _fact(
            "Response clock", f"{level}: respond {within}", "No alert: the clock runs from its declaration.", why
        )
    since = min(alert.at for alert in report.alerts)
    first = (
        f"{promise if PROMISES[level][0] is None else within} of the first alert, {since.astimezone(UTC):%H:%M:%S} UTC"
    )
    acknowledged, finished = more.get("acknowledged"), more.get("finished", more.get("started"))
    end = due(level, since)
    if isinstance(acknowledged, datetime):
        kept = "kept" if acknowledged <= end else "missed"
        took = span_words((acknowledged - since).total_seconds())
        return _fact("Response clock", f"{level}: answered after {took}, promise {kept}", first, why)
    lines = [first]
    overdue = False
    if isinstance(finished, datetime):
        left = (end - finished).total_seconds()
        overdue = left < 0
        at = f"at {finished.astimezone(UTC):%H:%M:%S} UTC, the time of this run"
        lines.append(f"{span_words(left)} left {at}" if not overdue else f"OVERDUE by {span_words(-left)} {at}")
    return _fact("Response clock", f"{level}: respond by {due_words(level, since)}", *lines, why, warn=overdue)


def _unseen(report: Report, blind: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    if not blind and not report.not_checked:
        return _fact("Could not be seen", "nothing: every configured source answered")
    words = [f"{_clip(one['name'], 40)} {one['word']}" for one in blind]
    head = ", ".join(words[:3]) + (f" and {len(words) - 3} more" if len(words) > 3 else "")
    rules = len(report.not_checked)
    told = f"{rules} rule{'s' if rules != 1 else ''} could not be applied" if rules else ""
    asked = [source for source in report.sources if source.status != "not_configured"]
    nobody = len(asked) > 1 and all(source.status == "unavailable" for source in asked)
    ours = "Nothing answered at all: it may be our own network." if nobody else ""
    return _fact("Could not be seen", head or told, ours, told if head else "", warn=True)


# --- cause, changes, findings -----------------------------------------------------------------------------


def _cause(
    score: HypothesisScore, report: Report, by_id: Mapping[str, Finding], numbers: Mapping[str, int]
) -> dict[str, Any]:
    parts = [(finding, value) for finding, value in score.parts if math.isfinite(value)]
    if not parts:
        parts = [(one, math.nan) for one in score.for_] + [(one, -math.inf) for one in score.against]
    plus = [(f, v) for f, v in parts if v > 0 or math.isnan(v)]
    minus = [(f, v) for f, v in parts if v < 0]
    sums = [sum(abs(v) for _, v in side if math.isfinite(v)) for side in (plus, minus)]
    reach = max(
        [10.0]
        + [sum(abs(v) for _, v in one.parts if math.isfinite(v) and (v > 0) == up) for one in report.hypotheses[:3]
           for up in (True, False)]
    )  # fmt: skip
    zero = 50.0

    def rows(side: Sequence[tuple[str, float]]) -> list[dict[str, Any]]:
        return [
            {
                "weight": f"{value:+.1f}" if math.isfinite(value) else "",
                "finding": numbers.get(finding, ""),
                "claim": _claim(by_id[finding].claim if finding in by_id else finding),
            }
            for finding, value in side[:8]
        ]

    return {
        "title": _upper(_title(score.id)),
        "confidence": f"{percent(score.confidence)} likely",
        "zero": f"{zero:.1f}",
        "left": f"{zero - 50 * min(1.0, sums[1] / reach):.2f}",
        "against_width": f"{50 * min(1.0, sums[1] / reach):.2f}",
        "for_width": f"{50 * min(1.0, sums[0] / reach):.2f}",
        "sums": (
            f"Decibans for {sums[0]:.1f}, against {sums[1]:.1f}; {score.weight:+.1f} in all, prior included. "
            "Ten decibans are ten times as likely."
        ),
        "for_": rows(plus),
        "against": rows(minus),
        "not_checked": ", ".join(_clip(one, 60) for one in score.not_checked[:8]),
    }


def _changes(report: Report, more: Mapping[str, Any], places: Mapping[str, int]) -> list[dict[str, Any]]:
    given = _items(more.get("changes"))
    if given:
        return [
            {
                "at": _moment(row.get("at")),
                "claim": _claim(_text(row.get("claim", row))),
                "evidence": _links([_text(one) for one in _items(row.get("evidence"))], places),
            }
            for row in ((one if isinstance(one, Mapping) else {"claim": one}) for one in given[:20])
        ]
    found = [
        finding
        for finding in report.findings
        if any(word in finding.rule for word in CHANGE_SIGNS)
        or any(signal.name == "deployment_before_onset" for signal in finding.signals)
    ]
    return [
        {"at": _moment(f.at, seconds=False), "claim": _claim(f.claim), "evidence": _links(f.evidence, places)}
        for f in found[:20]
    ]


def _no_change(report: Report) -> str:
    missed = {one.rule: one.because for one in report.not_checked if any(word in one.rule for word in CHANGE_SIGNS)}
    if "deployments" in missed or len(missed) > len(AROUND_AN_ONSET & missed.keys()):
        rule = "deployments" if "deployments" in missed else next(r for r in missed if r not in AROUND_AN_ONSET)
        return f"Could not be told: {_clip(missed[rule], 300)}"
    return (
        "No finding speaks of a change. That is no proof: only deployments and releases that a source lists are seen."
    )


def _two(findings: Sequence[Finding], places: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return what needs attention, and the rest, which is folded up; both in the order of their numbers."""
    grave = sum(finding.severity > Severity.INFO for finding in findings)
    if any(f.severity > Severity.INFO for f in findings[grave:]):
        grave = len(findings)  # another order than gravest first: nothing is folded up
    parts = (
        ("", findings[:grave], 1),
        ("for the record: calm figures, context, quiet patterns", findings[grave:], grave + 1),
    )
    return [
        {
            "fold": f"{len(part)} more {words}" if words and grave else "",
            "start": start,
            "items": [_finding(finding, places) for finding in part],
        }
        for words, part, start in parts
        if part
    ]


def _finding(finding: Finding, places: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": finding.id,
        "rule": finding.rule,
        "severity": finding.severity.word,
        "word": SEVERITY_WORDS.get(finding.severity, finding.severity.word),
        "at": f"{_stamp(finding.at)} UTC" if finding.at is not None else "",
        "claim": _claim(finding.claim),
        "evidence": _links(finding.evidence, places),
    }


def _links(ids: Sequence[str], places: Mapping[str, int]) -> list[dict[str, Any]]:
    shown = [{"text": _clip(one, 120), "source": places.get(one.split("/", 1)[0], 0)} for one in ids[:EVIDENCE_SHOWN]]
    if len(ids) > EVIDENCE_SHOWN:
        shown.append({"text": f"and {len(ids) - EVIDENCE_SHOWN} more", "source": 0})
    return shown


def _blind(report: Report) -> list[dict[str, str]]:
    rows = []
    for source in report.sources:
        if source.status in ("blind", "unavailable"):
            rows.append({"name": source.name, "word": STATUS_WORDS[source.status], "detail": source.detail})
        elif source.coverage.cut:
            rows.append({"name": source.name, "word": "CUT OFF", "detail": source.detail})
    return rows


def _suspects(report: Report, by_id: Mapping[str, Finding]) -> dict[str, Any] | None:
    if not report.suspects:
        return None
    return _grid(
        ("place", "service", "score", "because"),
        [
            (
                str(at),
                (one.service, "telemetry"),
                (f"{one.score:.2f}", "right"),
                ("; ".join(by_id[b].claim if b in by_id else b for b in one.because[:4]), "claim wide"),
            )
            for at, one in enumerate(report.suspects[:15], start=1)
        ],
        caption="Most suspicious first; a score is no probability.",
        left=_left(len(report.suspects), 15, "weaker suspects stand only in report.json"),
    )


# --- the rest ---------------------------------------------------------------------------------------------


def _panel(panel: Panel) -> dict[str, Any]:
    table = None if panel.table is None or not panel.table.rows else _panel_table(panel.table)
    return {
        "question": panel.question,
        "title": _clip(panel.title, 300),
        "sentence": panel.sentence,
        "alt": _clip(panel.alt, 1_500),
        "src": "" if panel.png is None else Markup(data_uri(panel.png)),  # noqa: S704 - base64 only
        "table": table,
        "notes": panel.notes,
        "empty": panel.empty,
        "wide": panel.png is None and panel.table is not None and _takes_room(panel.table),
    }


def _takes_room(table: Table) -> bool:
    """Whether half the page is too little: many columns, or several sentences beside each other."""
    return len(table.columns) > 4 or (
        len(table.columns) == 4 and any(sum(len(cell_text(cell)) for cell in row) > 90 for row in table.rows[:20])
    )


def _panel_table(table: Table) -> dict[str, Any]:
    rows = []
    for row in table.rows[:ROWS_SHOWN]:
        cells = []
        for column, cell in zip(table.columns, row, strict=True):
            text = cell_text(cell)
            parts = said(cell) if column.claim and isinstance(cell, str) else None
            css = "right" if column.align == "right" else "time" if isinstance(cell, datetime) else ""
            css = css or ("wide" if len(text) > 40 else "text" if len(text) > 12 else "")
            telemetry = column.telemetry and cell is not None
            cells.append({"text": Shown(text), "css": css, "telemetry": telemetry, "said": _parts(parts)})
        rows.append(cells)
    record = []
    if len(table.rows) == 1 and len(table.columns) > RECORD_FROM:
        told = zip(table.columns, table.rows[0], rows[0], strict=True)
        record = [(heading(column), cell) for column, value, cell in told if value != ""]
    return {
        "caption": table.caption,
        "columns": [{"heading": heading(c), "right": c.align == "right"} for c in table.columns],
        "rows": rows,
        "left": _left(len(table.rows), ROWS_SHOWN, "rows are not shown"),
        "size": f"{len(table.rows):,} row{'s' if len(table.rows) != 1 else ''}",
        "record": record,
    }


def _steps(report: Report) -> dict[str, Any]:
    rows: list[Sequence[Any]] = [
        (step, STEP_WORDS.get(status, status), (_step_words(step), "wide")) for step, status in report.steps.items()
    ]
    done = sum(status == "done" for status in report.steps.values())
    return _grid(("step", "status", "what"), rows, caption=f"{done} of {len(rows)} done.")


def _source(source: SourceSeen) -> dict[str, Any]:
    seen = source.coverage
    words = [STATUS_WORDS.get(source.status, source.status)]
    words += ["CUT OFF"] if seen.cut else []
    words += ["constant: no evidence"] if seen.constant else []
    return {
        "name": source.name,
        "word": ", ".join(words),
        "bad": source.status in ("blind", "unavailable") or seen.cut,
        "count": f"{seen.count:,}" if seen.count else "–",
        "asked": _span(seen.asked_start, seen.asked_end),
        "seen": _span(seen.seen_start, seen.seen_end),
        "share": "–" if seen.share is None else percent(seen.share),
        "detail": source.detail,
    }


def _span(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return "–"
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    same = start.date() == end.date()
    return f"{start:%d %b %H:%M:%S} – {end:%H:%M:%S}" if same else f"{start:%d %b %H:%M} – {end:%d %b %H:%M}"


def _action(one: Any) -> dict[str, Any]:
    row = _mapping(one)
    told = (
        ("would send", "would", True),
        ("when", "when", False),
        ("why", "why", True),
        ("risk", "risk", False),
        ("undone by", "undo", False),
        ("to go on", "command", False),
        ("status", "status", False),
    )
    return {
        "title": _clip(row.get("title", _text(one)), 200),
        "step": _clip(row.get("step", ""), 60),
        "rows": [(name, _text(row[key]), quoted) for name, key, quoted in told if row.get(key)],
    }


def _similar(one: Any) -> dict[str, Any]:
    row = _mapping(one)
    words = "; ".join(
        f"{name}{_text(row[key])}"
        for name, key in (("", "why"), ("cause: ", "cause"), ("what helped: ", "resolved_by"), ("at ", "at"))
        if row.get(key)
    )
    return {"id": _clip(row.get("incident_id", "?"), 60), "words": words or _text(one)}


def _provenance(report: Report, more: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ("Run", report.run_id),
        ("Incident", report.incident_id),
        ("Runbook", f"{report.runbook} {report.runbook_version}"),
        ("pitchey-ops", report.package_version),
        ("Window", f"{_stamp(report.window_start)} to {_stamp(report.window_end)} UTC"),
        ("Evidence", f"{report.evidence_entries:,} recorded answers"),
        ("Evidence digest", report.evidence_digest),
    ]
    for key in ("started", "finished"):
        if isinstance(more.get(key), datetime):
            rows.append((_upper(key), f"{_stamp(more[key])} UTC"))
    if isinstance(more.get("duration_s"), int | float):
        rows.append(("Took", f"{more['duration_s']:.1f} s"))
    rehearsal = _rehearsal(more.get("rehearsal"))
    rows.append(("Rehearsal", rehearsal or UNSCORED))
    for name in ("versions", "provenance"):
        given = more.get(name)
        if isinstance(given, Mapping):
            rows += [(str(key), _text(value)) for key, value in sorted(given.items(), key=_by_name)]
    return rows


def _rehearsal(given: Any) -> str:
    if not isinstance(given, Mapping):
        return _text(given)
    right = given.get("correct")
    words = []
    if isinstance(right, int | float) and math.isfinite(right):
        words.append(f"cause named first in {percent(float(right))} of rehearsals")
    if given.get("cases"):
        words.append(f"{_text(given['cases'])} cases")
    if given.get("date"):
        words.append(f"rehearsed {_text(given['date'])}")
    return ", ".join(words) or _text(dict(given))


# --- small helpers ----------------------------------------------------------------------------------------


def _grid(names: Sequence[str], rows: Iterable[Sequence[Any]], *, caption: str = "", left: str = "") -> dict[str, Any]:
    """
    Return a table for the template; a cell is text, or (text, words: ``telemetry``, ``claim`` and CSS classes of ours).
    """
    made = []
    for row in rows:
        cells = []
        for cell in row:
            text, words = cell if isinstance(cell, tuple) else (cell, "")
            css = " ".join(word for word in words.split() if word not in ("telemetry", "claim"))
            said_ = _claim(text) if "claim" in words else None
            cells.append({"text": text, "css": css, "telemetry": "telemetry" in words, "said": said_})
        made.append(cells)
    columns = [{"heading": name, "right": name == "score"} for name in names]
    return {"caption": caption, "columns": columns, "rows": made, "left": left}


def _claim(text: str, limit: int = 4_000) -> dict[str, str]:
    return dict(zip(("before", "quoted", "after"), split_quoted(_clip(text, limit)), strict=True))


def _parts(parts: tuple[str, str, str] | None) -> dict[str, str] | None:
    return None if parts is None else dict(zip(("before", "quoted", "after"), parts, strict=True))


def _clip(text: str, limit: int) -> str:
    """Return the first *limit* characters of *text* as they came; the template makes them visible."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def _title(hypothesis: str) -> str:
    known = BY_ID.get(hypothesis)
    return known.title if known is not None else _clip(hypothesis.replace("_", " "), 60)


def _step_words(step: str) -> str:
    known = all_steps().get(step)
    return known.what if known is not None else ""


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _moment(at: Any, *, seconds: bool = False) -> str:
    if not isinstance(at, datetime):
        return ""
    return f"{at.astimezone(UTC):%H:%M:%S}" if seconds else f"{at.astimezone(UTC):%H:%M}"


def _left(there: int, shown: int, words: str) -> str:
    return f"{there - shown:,} more {words}." if there > shown else ""


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def _items(value: Any) -> list[Any]:
    if value is None or isinstance(value, str | bytes | Mapping):
        return [] if value is None else [value]
    return list(value) if isinstance(value, Iterable) else [value]


def _mapping(one: Any) -> Mapping[str, Any]:
    if isinstance(one, Mapping):
        return one
    if is_dataclass(one) and not isinstance(one, type):
        return {part.name: getattr(one, part.name) for part in fields(one)}
    return {}


def _by_name(item: tuple[Any, Any]) -> str:
    return str(item[0])
