"""From a case to what is known: rules, hypotheses, verdict. No network, clock or randomness."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from ..diagnosis.routes import route_findings
from ..diagnosis.verdict import UNSEEN, decide, times_in_words
from ..diagnosis.weigh import weigh
from ..findings.case import Case
from ..findings.catalogue import RULES, SPEAKS
from ..findings.ranked import suspects_of
from ..findings.users import impact
from ..models.finding import Finding, NotChecked, RuleResult
from ..models.observation import AnyObservation, Coverage, Observed, Status
from ..models.report import HypothesisScore, Impact, SourceSeen, StepStatus, Suspect, Verdict
from ..steps import steps_of
from .catalogue import STEP_RULES, Need, Runbook
from .channels import SWITCH_S

AT_A_TIME = 2
"""Rules that are looked at together."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Everything that follows from the evidence."""

    findings: tuple[Finding, ...]
    not_checked: tuple[NotChecked, ...]
    scores: tuple[HypothesisScore, ...]
    verdict: Verdict
    suspects: tuple[Suspect, ...]
    sources: tuple[SourceSeen, ...]
    impact: Impact
    unmet: tuple[str, ...]


def analyse(case: Case, runbook: Runbook, *, known: dict[str, RuleResult] | None = None) -> Analysis:
    """
    Apply the runbook's rules to *case* and decide.

    *known* keeps what each rule found in this very case, for whoever analyses it by several runbooks.

    A rule that raises is a bug; it is told as not checked with the name of the exception, so that the
    responder gets the rest, and it can never make a run say "healthy": it counts as an unmet need.
    """
    findings: list[Finding] = []
    not_checked: list[NotChecked] = []
    broken: list[str] = []
    known = {} if known is None else known
    for name, result in zip(runbook.rules, _checked(case, runbook.rules, known), strict=True):
        if isinstance(result, Exception):
            broken.append(f"the rule {name} itself failed")
            not_checked.append(NotChecked(rule=name, because=f"the rule itself failed ({type(result).__name__})"))
            continue
        known[name] = result
        if isinstance(result, NotChecked):
            not_checked.append(result)
        else:
            findings += result
    unmet = tuple(need.words for need in runbook.needs if not met(need, case.observations))
    scores = weigh(findings, not_checked, speaks=SPEAKS)
    hurt = impact(case)
    onset = case.onset
    verdict = decide(
        scores,
        findings,
        unmet_needs=[*(f"{words}{UNSEEN}" for words in unmet), *broken],
        impact=hurt,
        onset=None if onset is None else onset.at,
        onset_uncertainty_s=None if onset is None else onset.uncertainty_s,
        steps=[step.id for step in steps_of(runbook.id)],
        times_at=times_in_words(None if onset is None else onset.at, {"end": case.window.end}),
    )
    if runbook.id == "triage":
        findings += route_findings(scores, verdict, findings)
    return Analysis(
        findings=tuple(sorted(findings, key=lambda f: (-f.severity, f.id))),
        not_checked=tuple(sorted(not_checked, key=lambda n: n.rule)),
        scores=scores,
        verdict=verdict,
        suspects=suspects_of(case) if verdict.state != "healthy" else (),
        sources=sources_seen(case.observations),
        impact=hurt,
        unmet=(*unmet, *broken),
    )


def _checked(case: Case, names: Sequence[str], known: Mapping[str, RuleResult]) -> list[RuleResult | Exception]:
    """
    Return what each rule of *names* found, or what it raised; what is *known* is not looked for again.

    Two at a time, for half of a rule's time is spent in tables, where another can go on. What a rule finds depends on
    the case alone, and never on the other rules.
    """

    def check(name: str) -> RuleResult | Exception:
        try:
            return known[name] if name in known else RULES[name].check(case)
        except Exception as exc:
            return exc

    before_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)  # whose table is ready must not wait five milliseconds for its turn
    try:
        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="rules") as threads:
            return list(threads.map(check, names))
    finally:
        sys.setswitchinterval(before_s)


def met(need: Need, observations: Mapping[str, AnyObservation]) -> bool:
    """Whether one source of *need* was seen well enough."""
    for prefix in need.any_of:
        for key, seen in observations.items():
            if not (key == prefix or key.startswith(prefix + "/")) or not isinstance(seen, Observed):
                continue
            if seen.status != "observed" or seen.coverage.constant:
                continue
            if seen.coverage.share is None or seen.coverage.share >= need.share:
                return True
    return False


REASONS, NAMED = 3, 3
"""Reasons that are told of a source, and probes that are named with each."""
_RANK: dict[Status, int] = {"observed": 0, "no_data": 1, "blind": 2, "unavailable": 3, "not_configured": 4}


def sources_seen(observations: Mapping[str, AnyObservation]) -> tuple[SourceSeen, ...]:
    """Return one line a source: the best that it could do, and in ``detail`` how the rest went."""
    by_source: dict[str, list[AnyObservation]] = {}
    for key in sorted(observations):
        by_source.setdefault(observations[key].source, []).append(observations[key])
    return tuple(_source(name, seen) for name, seen in sorted(by_source.items()))


def _source(name: str, seen: Sequence[AnyObservation]) -> SourceSeen:
    status = min((o.status for o in seen), key=_RANK.__getitem__)
    counts: dict[str, int] = {}
    for observation in seen:
        counts[observation.status] = counts.get(observation.status, 0) + 1
    words = [f"{counts[s]} {s.replace('_', ' ')}" for s in _RANK if s in counts]
    detail = ", ".join(words) if len(counts) > 1 else ""
    reasons = _reasons(seen)
    if reasons:
        told = [text if names is None else f"{names}: {text}" for names, text in reasons[:REASONS]]
        detail = "; ".join(filter(None, [detail, *told]))
        if len(reasons) > REASONS:
            detail += f"; and {len(reasons) - REASONS} more reasons"
    spans = [o.coverage for o in seen if isinstance(o, Observed)]
    return SourceSeen(name=name, status=status, detail=detail, coverage=_merged(spans))


def _reasons(seen: Sequence[AnyObservation]) -> list[tuple[str | None, str]]:
    """
    Return why answers are missing or not whole, each reason once with the probes that it is about.

    Names are None where one reason is all that there is to say of the source.
    """
    about: dict[str, list[str]] = {}
    for observation in seen:
        if observation.detail and observation.status != "observed":
            probe = observation.id.partition("/")[2].removesuffix("/all")
            about.setdefault(observation.detail, []).append(probe)
    if len(about) == 1 and len(seen) == len(next(iter(about.values()))):
        return [(None, next(iter(about)))]
    return [
        (", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else ""), text)
        for text, names in sorted(about.items(), key=lambda item: (-len(item[1]), item[1]))
    ]


def _merged(spans: Sequence[Coverage]) -> Coverage:
    if not spans:
        return Coverage()
    shares = [c.share for c in spans if c.share is not None]
    return replace(
        spans[0],
        asked_start=min((c.asked_start for c in spans if c.asked_start), default=None),
        asked_end=max((c.asked_end for c in spans if c.asked_end), default=None),
        seen_start=min((c.seen_start for c in spans if c.seen_start), default=None),
        seen_end=max((c.seen_end for c in spans if c.seen_end), default=None),
        count=sum(c.count for c in spans),
        cut=any(c.cut for c in spans),
        share=sum(shares) / len(shares) if shares else None,
        rejected=sum(c.rejected for c in spans),
        constant=all(c.constant for c in spans),
    )


def step_statuses(
    runbook: Runbook, analysis: Analysis, reached: Set[str], failed: Set[str] = frozenset()
) -> dict[str, StepStatus]:
    """Return the status of every step of the runbook, in its order; what was not reached or *failed* says so."""
    unchecked = {item.rule for item in analysis.not_checked}
    statuses: dict[str, StepStatus] = {}
    for step in steps_of(runbook.id):
        if step.id not in reached:
            statuses[step.id] = "not_reached"
        elif step.id in failed:
            statuses[step.id] = "not_checked"
        elif step.kind == "action":
            statuses[step.id] = "planned"
        elif step.kind == "person":
            statuses[step.id] = "person"
        elif any(rule in unchecked for rule in STEP_RULES.get(step.id, ())):
            statuses[step.id] = "not_checked"
        elif step.id.endswith((".watch", ".monitor")):
            statuses[step.id] = "scheduled"
        else:
            statuses[step.id] = "done"
    return statuses
