"""One answer on top: what is wrong, since when, for whom, how sure, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ..models.finding import Finding, Severity
from ..models.report import HypothesisScore, Impact, SeverityLevel, State, Verdict
from ..steps import steps as catalogue
from .hypotheses import BY_ID
from .severity import severity
from .weigh import strongest

LEAD_DECIBANS = 4.0
"""How far ahead of the second the leader must be to be named."""
NAMED_CONFIDENCE = 0.5
"""How probable the leader must be to be named."""
FAR_DECIBANS = 6.0
FAR_CONFIDENCE = 0.35
"""Where users are hurt, a leader so far ahead is named at this confidence, too: many unlikely rivals are none."""
SEEN_WELL = "users_not_failing"
"""Nothing is called healthy unless requests of users were seen, and seen to succeed."""
HURT = ("users_failing", "users_refused", "latency_high", "api_unreachable", "api_partly_failing")
"""Signals that users are hurt, whatever the cause."""
AS_BEFORE = 0.9
"""Strength from which requests of users were seen to succeed as before, all of them and not for some."""
SERVED_IN_TIME = "latency_normal"
WELL_BELOW = 0.5
"""Part of the limit of P95 up to which answers are in time, whatever they took before."""
TIMES = "latency"
"""The rule that looks at how long answers take: who answers late serves nobody well, and fails nobody."""
LINES = "errors:"
"""How the name of a series of error lines begins."""
FAILING = ("edge_5xx:", "failing:")
"""How the name of a series of failing requests begins."""
DEPLOYED = "deployments"
AT_THE_DOOR = frozenset({"token_signature_errors"})
"""Signals of which everybody who signs in would feel it."""
OURS = frozenset({"api_unreachable", "api_partly_failing"})
"""Of these, what only our own probes tell: a network or proxy of ours fails them, too."""
COUNTED = 0.5
"""Strength from which failing requests were counted, and need no other source to be believed."""
UNSEEN = " was not seen"
"""How an unmet need ends that more sight would settle."""
TOLD_SHARE = 0.001
"""Part of all requests from which failing ones are told in the one sentence: a few always do."""
OF_ITS_OWN = 8.0
"""Decibans for a cause (over its prior, where only our probes fail) below which it leads for want of another."""


def decide(
    scores: Sequence[HypothesisScore],
    findings: Sequence[Finding],
    *,
    unmet_needs: Sequence[str],
    impact: Impact,
    onset: datetime | None,
    onset_uncertainty_s: float | None,
    steps: Sequence[str],
    times_at: str,
) -> Verdict:
    """
    Return the verdict.

    ``healthy`` takes five things: "nothing is wrong" leads clearly, no rule saw a symptom, requests of users
    were seen to succeed, how long answers take was seen, and every group of sources that the runbook needs was seen
    (*unmet_needs* is empty). While all users were seen to be served as before and in time, it is no symptom when lines
    of errors began (what they say is weighed by itself), nor are refused tokens while people get and stay in.

    ``incident`` takes a cause that is clearly ahead, or users that are hurt (then without
    a cause if none is ahead). A cause that users cannot but feel is not named while all of them were seen to be served
    as before and in time. Failing requests that were counted are hurt, whatever else was not seen; slow answers
    and failing probes only if everything needed was seen: one broken source of ours looks like hurt, too. Where our
    own probes alone fail while requests of users were seen to succeed, it is left open. All else is
    ``inconclusive``, with what would settle it.

    Parameters
    ----------
    scores
        From `weigh`, best first.
    unmet_needs
        Groups of sources that were needed and not seen, in words that end with `UNSEEN`, and rules that failed.
    steps
        Ids of the runbook's steps; the next step is one of them where that is possible.
    times_at
        How the onset is said, e.g. ``14:03 UTC``; empty when there is none.
    """
    seen = strongest(findings)
    first, second = scores[0], scores[1]
    lead = first.weight - second.weight
    clear = lead >= LEAD_DECIBANS and first.confidence >= NAMED_CONFIDENCE
    hurt = any(name in seen for name in HURT)
    by_users = bool(seen.keys() & set(HURT) - OURS)
    named_by_lead = by_users and first.id != "none" and lead >= FAR_DECIBANS and first.confidence >= FAR_CONFIDENCE
    counted = seen.get("users_failing", (0.0, ""))[0] >= COUNTED
    alone = bool(seen.keys() & OURS) and SEEN_WELL in seen and not by_users
    leader = BY_ID[first.id]
    served = seen.get(SEEN_WELL, (0.0, ""))[0] >= AS_BEFORE and _in_time(findings, seen)
    symptoms = [
        one
        for one in findings
        if one.severity >= Severity.WARNING
        and not _mistyped(one, seen)
        and not (served and (_dates_lines(one, findings) or _let_in(one, seen)))
    ]
    unfelt = leader.felt and not hurt and served and not _requests_changed(findings)
    state: State
    cause: str | None = None
    if first.id == "none":
        calm = clear and SEEN_WELL in seen and TIMES not in first.not_checked and not symptoms and not hurt
        state = "healthy" if calm and not unmet_needs else "inconclusive"
        cause = "none" if state == "healthy" else None
        if counted or (hurt and not unmet_needs and not alone):
            state = "incident"
    elif (
        (clear or named_by_lead)
        and _speaks_for(first) >= OF_ITS_OWN
        and not unfelt
        and not (alone and first.weight < leader.prior + OF_ITS_OWN)
    ):
        state, cause = "incident", first.id
    else:
        state = "incident" if hurt and not alone else "inconclusive"
    named = leader if cause is not None else None
    level, why = severity(impact=impact, signals=seen, leader=named, hurt=hurt, unseen=unmet_needs)
    confidence = first.confidence if cause is not None else _confidence_in_state(state, scores)
    if state != "incident":
        next_step = _looking_step(state, steps)
    elif named is not None or (leader.id != "none" and catalogue()[leader.next_step].kind == "auto"):
        next_step = leader.next_step
    else:
        next_step = _step_for_the_hurt(level, seen)
    return Verdict(
        state=state,
        cause=cause,
        confidence=confidence,
        severity=level,
        onset=onset if state != "healthy" else None,
        onset_uncertainty_s=onset_uncertainty_s if state != "healthy" and onset is not None else None,
        impact=impact,
        summary=_summary(
            state, scores, impact, times_at, unmet_needs, _doubt(first, seen, symptoms, unfelt=unfelt), named_id=cause
        ),
        next_step=next_step,
        why_severity=why,
        settles=_settles(state, scores, unmet_needs),
    )


def _in_time(findings: Sequence[Finding], seen: Mapping[str, tuple[float, str]]) -> bool:
    """Whether answers were seen to come in time: as before, or where nothing shows how it was, well below the limit."""
    if SERVED_IN_TIME in seen:
        return True
    told = [one for one in findings if one.rule == TIMES]
    quick = [one.data["p95_ms"] <= WELL_BELOW * one.data["limit_ms"] for one in told if "p95_ms" in one.data]
    return bool(quick) and all(quick) and all(one.severity < Severity.WARNING for one in told)


def _mistyped(finding: Finding, seen: Mapping[str, tuple[float, str]]) -> bool:
    """Whether *finding* only dates refused tries (401, 403) while people get in as before: wrong passwords."""
    names = _symptoms_of(finding)
    return bool(names) and all(name.startswith("denied:") for name in names) and "auth_normal" in seen


def _symptoms_of(finding: Finding) -> list[str]:
    told = finding.data.get("symptoms")
    return [str(name) for name in told] if isinstance(told, Sequence) and not isinstance(told, str) else []


def _requests_changed(findings: Sequence[Finding]) -> bool:
    """Whether requests of users date the onset: on some route they began to fail then, few as they are among all."""
    return any(name.startswith(FAILING) for one in findings for name in _symptoms_of(one))


def _dates_lines(finding: Finding, findings: Sequence[Finding]) -> bool:
    """
    Whether *finding* only dates lines of errors, or names what was deployed about then.

    What the lines say is weighed by itself; that they came at once, or after a deployment, harms nobody.
    """
    dates = [names for one in findings if (names := _symptoms_of(one))]
    of_lines = bool(dates) and all(name.startswith(LINES) for names in dates for name in names)
    return of_lines and (bool(_symptoms_of(finding)) or finding.rule == DEPLOYED)


def _let_in(finding: Finding, seen: Mapping[str, tuple[float, str]]) -> bool:
    """Whether *finding* tells of tokens or sign-ins alone, while people were seen to get and stay in as before."""
    names = {signal.name for signal in finding.signals}
    return bool(names) and names <= AT_THE_DOOR and seen.get("auth_normal", (0.0, ""))[0] >= AS_BEFORE


def _speaks_for(score: HypothesisScore) -> float:
    """Return what speaks for a cause, in decibans, without its prior and what speaks against it."""
    return sum(value for _, value in score.parts if value > 0)


def _confidence_in_state(state: State, scores: Sequence[HypothesisScore]) -> float:
    """Return how sure it is that something is wrong at all; 0.5 at most when nothing is settled."""
    none = next((score.confidence for score in scores if score.id == "none"), 0.0)
    return 1.0 - none if state == "incident" else min(0.5, max(none, scores[0].confidence))


def _step_for_the_hurt(level: SeverityLevel, seen: Mapping[str, tuple[float, str]]) -> str:
    """Return where the hurt shows best: nothing is rolled back or blocked for a cause that is not settled."""
    if not seen.keys() & (set(HURT) - {"latency_high"}):
        return "performance.slow-endpoints"
    return "outage.error-patterns" if level == "P1" else "error-rate.breakdown"


def _looking_step(state: State, steps: Sequence[str]) -> str:
    watch = [step for step in steps if step.endswith((".watch", ".monitor"))]
    if state == "healthy" and watch:
        return watch[0]
    for wanted in ("outage.verify", "investigate.health", "initial.impact"):
        if wanted in steps:
            return wanted
    return steps[0] if steps else "investigate.health"


def _summary(
    state: State,
    scores: Sequence[HypothesisScore],
    impact: Impact,
    times_at: str,
    unmet_needs: Sequence[str],
    doubt: str,
    *,
    named_id: str | None,
) -> str:
    share = impact.requests_failing_share
    hurt = f"{share:.0%} of requests fail" if share is not None and share >= 0.005 else ""
    if share is not None and TOLD_SHARE <= share < 0.005:
        hurt = f"{share:.1%} of requests fail"
    since = f" since {times_at}" if times_at else ""
    if state == "healthy":
        return "Nothing is wrong as far as every needed source can tell."
    if state == "incident" and named_id is not None:
        title = BY_ID[named_id].title
        lead = f"{title[0].upper()}{title[1:]}"
        if BY_ID[named_id].rests_on in scores[0].not_checked:
            lead = f"It looks as if {title} ({BY_ID[named_id].rests_on} could not be seen)"
        return f"{lead}; {hurt}{since}." if hurt else f"{lead}{since}."
    if state == "incident":
        top = " or ".join(BY_ID[score.id].title for score in scores[:2] if score.id != "none")
        head = hurt[0].upper() + hurt[1:] if hurt else "Users are hurt"
        return f"{head}{since}; the cause is not settled ({top} leads)."
    if unmet_needs:
        return f"Cannot tell: {'; '.join(unmet_needs)}."
    if scores[0].id == "none" and doubt:
        return f"Cannot tell: no known trouble stands out, but {doubt}."
    return f"Cannot tell: {BY_ID[scores[0].id].title} leads, but {doubt or 'not clearly'}."


def _doubt(
    first: HypothesisScore, seen: Mapping[str, tuple[float, str]], symptoms: Sequence[Finding], *, unfelt: bool
) -> str:
    """Return what forbids to call it healthy, or to name the leader, in our own words: no stranger's are quoted."""
    if unfelt:
        return "users are served as before, which it would not leave so"
    if first.id != "none":
        return ""
    if symptoms:
        worst = max(symptoms, key=lambda one: one.severity)
        claim, quote, _ = worst.claim.partition("\u201c")
        claim = claim.strip(" .,;:(")
        more = f", and {len(symptoms) - 1} more finding(s) need a look" if len(symptoms) > 1 else ""
        claim = claim if claim[:2].isupper() or claim[1:2].isdigit() else f"{claim[:1].lower()}{claim[1:]}"
        return f"{claim}{' …' if quote else ''}{more}" if claim else f"the rule {worst.rule} found something{more}"
    if SEEN_WELL not in seen:
        return "nobody saw requests of users succeed"
    return "nobody saw how long answers take" if TIMES in first.not_checked else ""


def _settles(state: State, scores: Sequence[HypothesisScore], unmet_needs: Sequence[str]) -> tuple[str, ...]:
    wanted = [f"see {need.removesuffix(UNSEEN)}" for need in unmet_needs if need.endswith(UNSEEN)]
    wanted += [f"{BY_ID[score.id].title}: {BY_ID[score.id].settles}" for score in scores[:3]]
    return tuple(wanted) if state != "healthy" else ()


def times_in_words(onset: datetime | None, window: Mapping[str, datetime]) -> str:
    """Return the onset as ``14:03 UTC``, with the day where it is not the day of the window's end."""
    if onset is None:
        return ""
    same_day = onset.date() == window["end"].date()
    return onset.strftime("%H:%M UTC" if same_day else "%d %b %H:%M UTC")
