"""
The draft of a postmortem: what happened, what contributed, what helped and hindered, where luck came in, what to do.

Blameless: it speaks of systems, sources and times, never of who should have done otherwise. Names of people appear
only where they wrote or did something, under responders and in the timeline. Everything that is claimed cites the
record; what the record does not tell is said to be unknown, for people to fill in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ..diagnosis.hypotheses import BY_ID
from .calendar import Calendar, review_by
from .gathered import Gathered, Line, RunRecord, moment, number, rows, texts
from .proposals import PROPOSALS
from .response import CHANGE_SIGNAL, REOPENED, Event, Measure, Response, response

SOON_S = 300.0
"""Within this long of the onset a report counts as early (the platform's checks run every few minutes)."""
QUIET_FROM_S, QUIET_TO_S = 1800.0, 3600.0
"""Without recurrence for so long it counts as over: 30 to 60 minutes (written runbook, Post-Resolution)."""
SHOWN = 8
ItemKind = Literal["prevent", "detect", "mitigate", "process"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sentence with what it rests on; quoted text inside is as it came."""

    text: str
    refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A proposed action item: nothing was created anywhere."""

    id: str
    kind: ItemKind
    title: str
    why: str
    refs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """
    Whether it came back.

    Attributes
    ----------
    state
        ``quiet`` (well since it ended, long enough), ``so far`` (well, not yet long enough), ``recurred``,
        ``going on`` (no end is on record, and this look sees an incident), ``unknown``: nobody looked since it
        ended, or could not see.
    quiet_s
        Seconds from the end to the last look that saw the platform well.
    """

    state: Literal["quiet", "so far", "recurred", "going on", "unknown"]
    words: str
    since: datetime | None = None
    quiet_s: float | None = None
    refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a run that is not archived yet sees: the post-incident run about itself."""

    at: datetime
    state: str
    why: str = ""
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Who was hurt, at worst over all runs; None where no run could tell."""

    failing_share: float | None = None
    users: int | None = None
    routes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    seconds: float | None = None
    refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything that the draft holds, in the order of the SRE and PagerDuty templates."""

    incident: str
    severity: str
    title: str
    summary: str
    record: Gathered
    response: Response
    impact: Impact
    trigger: Claim | None
    contributing: tuple[Claim, ...]
    resolution: tuple[Claim, ...]
    detection: Claim
    helped: tuple[Claim, ...]
    hindered: tuple[Claim, ...]
    lucky: tuple[Claim, ...]
    items: tuple[Item, ...]
    responders: tuple[str, ...]
    watch: Watch
    review_by: datetime | None
    unknown: tuple[str, ...] = field(default=())


def story(record: Gathered, days: Calendar, *, now: Look | None = None) -> Story:
    """
    Return the draft for *record*.

    Parameters
    ----------
    now
        What the run that is asking sees itself; it counts for the recurrence watch only.
    """
    told = response(record, days)
    best = told.best
    trigger = _trigger(best)
    impact = _impact(record, told)
    hindered = _hindered(record, told)
    cause = None if best is None else best.cause
    title = _title(cause) if cause else "cause not settled" if best else "no incident was found by any run"
    return Story(
        incident=record.incident,
        severity=told.severity,
        title=f"{title[:1].upper()}{title[1:]}",
        summary=_summary(record, told, cause, impact),
        record=record,
        response=told,
        impact=impact,
        trigger=trigger,
        contributing=_contributing(record, best),
        resolution=_resolution(told, record),
        detection=_detection(told),
        helped=_helped(record, told),
        hindered=hindered,
        lucky=_lucky(record, told, days),
        items=_items(record, told, cause, trigger, hindered),
        responders=_responders(record),
        watch=_watch(record, told, now),
        review_by=None if told.ended is None else review_by(told.severity, told.ended, days),
        unknown=_unknown(told, impact),
    )


def _title(cause: str) -> str:
    known = BY_ID.get(cause)
    return known.title if known is not None else cause.replace("_", " ")[:60]


def _summary(record: Gathered, told: Response, cause: str | None, impact: Impact) -> str:
    if not record.runs:
        return f"No readable run of {record.incident} is archived: what happened is not on record."
    if told.best is None:
        return "No run found an incident; what was reported is in the timeline."
    what = _title(cause) if cause else "the cause was not settled"
    parts = [f"{what[:1].upper()}{what[1:]}"]
    if told.onset is not None:
        parts.append(f"it began at {told.onset:%H:%M:%S} UTC on {told.onset:%d %b %Y}")
    if impact.failing_share is not None:
        parts.append(f"at worst {_percent(impact.failing_share)} of requests failed")
    if told.ended is not None:
        parts.append(f"{'it was closed' if told.resolved else 'a run saw the platform well'} at {told.ended:%H:%M} UTC")
    else:
        parts.append("the record does not say that it ended")
    return "; ".join(parts) + "."


def _impact(record: Gathered, told: Response) -> Impact:
    shares, users, refs = [], [], []
    routes: dict[str, None] = {}
    services: dict[str, None] = {}
    for run in record.runs:
        if run.state != "incident" or not isinstance(run.report["verdict"].get("impact"), dict):
            continue
        hurt: Mapping[str, Any] = run.report["verdict"]["impact"]
        share, people = number(hurt.get("requests_failing_share")), number(hurt.get("users_affected"))
        shares += [] if share is None else [share]
        users += [] if people is None else [round(people)]
        routes |= dict.fromkeys(texts(hurt.get("routes")))
        services |= dict.fromkeys(texts(hurt.get("services")))
        refs.append(run.run)
    seconds = None
    if told.onset is not None and told.ended is not None and told.ended >= told.onset:
        seconds = (told.ended - told.onset).total_seconds()
    return Impact(
        failing_share=max(shares, default=None),
        users=max(users, default=None),
        routes=tuple(routes)[:20],
        services=tuple(services)[:20],
        seconds=seconds,
        refs=tuple(refs),
    )


def _trigger(best: RunRecord | None) -> Claim | None:
    changes = [] if best is None else _with_signal(best, CHANGE_SIGNAL)
    if best is None or not changes:
        return None
    first = max(changes, key=lambda pair: pair[1])[0]
    return Claim(text=str(first.get("claim")), refs=(best.ref(first.get("id")),))


def _with_signal(run: RunRecord, name: str) -> list[tuple[Mapping[str, Any], float]]:
    found = []
    for finding in run.findings:
        for signal in rows(finding.get("signals")):
            if signal.get("name") == name:
                found.append((finding, number(signal.get("strength")) or 0.0))
    return found


def _contributing(record: Gathered, best: RunRecord | None) -> tuple[Claim, ...]:
    """Return the leading cause, what speaks for it, and what other runs said instead."""
    if best is None:
        return ()
    scores = rows(best.report.get("hypotheses"))
    lead = next((score for score in scores if score.get("id") == best.cause), scores[0] if scores else {})
    claims = {str(finding.get("id")): str(finding.get("claim")) for finding in best.findings}
    found = []
    if best.cause is not None:
        found.append(Claim(text=f"{_upper(_title(best.cause))}: {_percent(best.confidence)} likely", refs=(best.run,)))
    elif lead:
        words = f"Not settled; ahead was: {_title(str(lead.get('id')))}"
        found.append(Claim(text=words, refs=(best.run,)))
    for finding in texts(lead.get("for"))[:SHOWN]:
        if finding in claims:
            found.append(Claim(text=claims[finding], refs=(best.ref(finding),)))
    others: dict[str, list[str]] = {}
    for run in record.runs:
        if run.state == "incident" and run.cause not in (None, best.cause):
            others.setdefault(str(run.cause), []).append(run.run)
    for cause, runs in sorted(others.items()):
        found.append(Claim(text=f"Another run named instead: {_title(cause)}", refs=tuple(runs)))
    return tuple(found)


def _resolution(told: Response, record: Gathered) -> tuple[Claim, ...]:
    found = [
        Claim(text=f"{event.what}, {event.at:%H:%M:%S} UTC", refs=(event.ref,))
        for event in told.events
        if event.kind in ("action", "mitigated", "resolved")
    ]
    if not found and told.seen_well is not None:
        words = f"It ended by {told.seen_well:%H:%M} UTC without any action on record"
        found.append(Claim(text=words, refs=_run_refs(record, told.seen_well)))
    return tuple(found[:20])


def _run_refs(record: Gathered, at: datetime) -> tuple[str, ...]:
    return tuple(run.run for run in record.runs if run.at == at)


def _detection(told: Response) -> Claim:
    first = next((event for event in told.events if event.kind in ("alert", "declared")), None)
    if first is None:
        return Claim(text="No alert and no declaration is on record: how it was noticed is not known")
    measure = told.measures[0]
    took = "" if measure.seconds is None else f", {_span(measure.seconds)} after the onset"
    if measure.seconds is not None and measure.seconds < 0:
        took = f", {_span(-measure.seconds)} before the onset that was estimated"
    how = "By an alert" if first.kind == "alert" else "It was declared by people"
    return Claim(text=f"{how} at {first.at:%H:%M:%S} UTC{took}: “{first.what}”", refs=(first.ref,))


def _helped(record: Gathered, told: Response) -> tuple[Claim, ...]:
    found = []
    detect, acknowledge = told.measures[0], told.measures[1]
    if detect.seconds is not None and detect.seconds <= SOON_S and any(e.kind == "alert" for e in told.events):
        found.append(Claim(text=f"An alert came {_span(max(0.0, detect.seconds))} after the onset", refs=detect.refs))
    if acknowledge.kept:
        took = _span(acknowledge.seconds or 0.0)
        found.append(Claim(text=f"It was acknowledged within the promise, after {took}", refs=acknowledge.refs))
    if told.best is not None and told.best.cause is not None:
        seen = _sources_for(told.best)
        if seen:
            names = ", ".join(seen[:6])
            found.append(Claim(text=f"The cause showed in more than one place: {names}", refs=(told.best.run,))) if len(
                seen
            ) > 1 else None
        first = next((run for run in record.runs if run.cause == told.best.cause), told.best)
        if told.detected is not None:
            found.append(
                Claim(
                    text=f"A run named the cause {_span(max(0.0, (first.at - told.detected).total_seconds()))} "
                    "after the first report",
                    refs=(first.run,),
                )
            )
    for line in told.actions:
        if line.event == "verified":
            name = str(line.entry.get("action") or line.entry.get("title"))
            found.append(Claim(text=f"“{name}” was checked against behaviour and worked", refs=(line.ref,)))
    return tuple(found[:SHOWN])


def _hindered(record: Gathered, told: Response) -> tuple[Claim, ...]:
    found = []
    detect, acknowledge = told.measures[0], told.measures[1]
    if detect.seconds is not None and detect.seconds > SOON_S:
        found.append(
            Claim(text=f"Nothing was reported until {_span(detect.seconds)} after the onset", refs=detect.refs)
        )
    if detect.seconds is None and told.detected is None and told.best is not None:
        found.append(Claim(text="No alert is on record for it", refs=(told.best.run,)))
    if acknowledge.kept is False:
        took, promise = _span(acknowledge.seconds or 0.0), _span(acknowledge.promise_s or 0.0)
        found.append(
            Claim(text=f"The acknowledgement came after {took}; the promise is {promise}", refs=acknowledge.refs)
        )
    for name, words, refs in _unseen(record):
        found.append(Claim(text=f"The source {name} was {words}", refs=refs))
    for claim, refs in _of_rule(record, "contradictions"):
        found.append(Claim(text=claim, refs=refs))
    for run in record.runs:
        if run.cut:
            found.append(Claim(text=f"A run of {run.runbook} ended early: {run.cut[:160]}", refs=(run.run,)))
    failed = [line for line in told.actions if line.event in ("failed", "unverified")]
    found += [
        Claim(text=f"“{line.entry.get('action') or line.entry.get('title')}” ended {line.event}", refs=(line.ref,))
        for line in failed
    ]
    if told.best is not None and told.best.cause is None:
        found.append(Claim(text="No run could settle the cause", refs=(told.best.run,)))
    return tuple(found[:20])


def _lucky(record: Gathered, told: Response, days: Calendar) -> tuple[Claim, ...]:
    """Return where it could have gone worse with nothing of ours having made the difference."""
    found = []
    if told.best is None:
        return ()
    if told.onset is not None and not days.is_open(told.onset):
        words = "It began outside business hours; the same fault within them would have met more users"
        found.append(Claim(text=words, refs=(told.best.ref("onset/overall"),)))
    if told.seen_well is not None and not told.actions and told.mitigated is None:
        words = "It ended without an action on record: what ended it is not known, so it may return"
        found.append(Claim(text=words, refs=_run_refs(record, told.seen_well)))
    seen = _sources_for(told.best)
    if told.best.cause is not None and len(seen) == 1:
        words = f"Only one source showed the cause ({seen[0]}); had it been blind, the cause would not have been found"
        found.append(Claim(text=words, refs=(told.best.run,)))
    if told.best.cause is not None:
        earlier = [run for run in record.runs if run.at < told.best.at and run.state == "healthy"]
        if earlier:
            words = "An earlier run saw the platform well while it had begun: the cause was found at a later look"
            kept = [run.run for run in earlier if told.onset is not None and run.at > told.onset]
            if kept:
                found.append(Claim(text=words, refs=tuple(kept)))
    if not any(e.kind == "alert" for e in told.events) and any(e.kind == "declared" for e in told.events):
        found.append(Claim(text="Somebody noticed it; no alert did", refs=_refs_of(told.events, "declared")))
    return tuple(found)


def _refs_of(events: Iterable[Event], kind: str) -> tuple[str, ...]:
    return tuple(event.ref for event in events if event.kind == kind)[:3]


def _sources_for(run: RunRecord) -> list[str]:
    """Return the sources whose answers speak for the run's cause."""
    score = next((one for one in rows(run.report.get("hypotheses")) if one.get("id") == run.cause), {})
    wanted = set(texts(score.get("for")))
    evidence = [e for f in run.findings if f.get("id") in wanted for e in texts(f.get("evidence"))]
    return sorted({one.partition("/")[0] for one in evidence})


def _unseen(record: Gathered) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return each source that a run during the incident could not see by: name, how, runs."""
    by: dict[str, tuple[set[str], list[str]]] = {}
    for run in record.runs:
        if run.state == "healthy":
            continue
        for source in rows(run.report.get("sources")):
            status = source.get("status")
            if status in ("blind", "unavailable"):
                words, runs = by.setdefault(str(source.get("name"))[:40], (set(), []))
                words.add(str(status))
                runs.append(run.run)
    return [(name, " or ".join(sorted(words)), tuple(runs[:4])) for name, (words, runs) in sorted(by.items())]


def _of_rule(record: Gathered, rule: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return each finding of *rule* once, as the surest run that has it says it, with all runs that do."""
    by: dict[str, tuple[str, list[str]]] = {}
    for run in record.runs:
        for finding in run.findings:
            if finding.get("rule") == rule:
                key = str(finding.get("id"))
                _, refs = by.get(key, ("", []))
                by[key] = (str(finding.get("claim")), [*refs, run.ref(key)])
    return [(claim, tuple(refs[:4])) for _, (claim, refs) in sorted(by.items())]


def _items(
    record: Gathered, told: Response, cause: str | None, trigger: Claim | None, hindered: Sequence[Claim]
) -> tuple[Item, ...]:
    found: list[Item] = []
    best = told.best
    grounds = [ref for claim in _contributing(record, best)[1 : 1 + SHOWN] for ref in claim.refs]
    grounds += [] if trigger is None else list(trigger.refs)
    if best is not None and cause is not None and cause in PROPOSALS:
        kinds: tuple[ItemKind, ...] = ("prevent", "detect", "mitigate")
        for kind, title in zip(kinds, PROPOSALS[cause], strict=True):
            refs = tuple(dict.fromkeys(grounds or [best.run]))[:6]
            found.append(
                Item(id=f"{kind}-{cause}", kind=kind, title=title, why=f"What was found: {_title(cause)}", refs=refs)
            )
    detect = told.measures[0]
    if detect.seconds is not None and detect.seconds > SOON_S:
        title = f"Alert on what changed at the onset: it took {_span(detect.seconds)} to be reported"
        found.append(
            Item(id="detect-late", kind="detect", title=title, why="Nothing reported it sooner", refs=detect.refs)
        )
    if told.detected is None and best is not None:
        title = "Alert on what the runs found: no alert is on record"
        found.append(Item(id="detect-none", kind="detect", title=title, why="Nothing reported it", refs=(best.run,)))
    for name, words, refs in _unseen(record):
        title = f"Make the source {name} able to see an incident: it was {words}"
        found.append(
            Item(id=f"detect-source-{_slug(name)}", kind="detect", title=title, why="It hid what happened", refs=refs)
        )
    for claim, refs in _of_rule(record, "contradictions")[:4]:
        title = "Let this report fail when requests fail"
        key = _slug(refs[0].rpartition("/")[2])
        found.append(Item(id=f"detect-contradiction-{key}", kind="detect", title=title, why=claim, refs=refs))
    new = [] if best is None else [f for f in best.findings if f.get("rule") == "patterns" and _is_new(f)]
    if best is not None and new:
        title = "Alert on error patterns that are new"
        why = f"{len(new)} patterns were new, first: {new[0].get('claim')}"
        refs = tuple(best.ref(finding.get("id")) for finding in new[:4])
        found.append(Item(id="detect-new-patterns", kind="detect", title=title, why=why, refs=refs))
    acknowledge = told.measures[1]
    if acknowledge.kept is False:
        title = "Check how the alert reaches who is on call, and when it escalates"
        why = f"The acknowledgement came after {_span(acknowledge.seconds or 0.0)}"
        found.append(Item(id="process-acknowledge", kind="process", title=title, why=why, refs=acknowledge.refs))
    if best is not None and cause is None:
        settles = texts(best.report["verdict"].get("settles"))
        why = f"It would be settled by: {'; '.join(settles[:3])}" if settles else "No run could settle it"
        title = "Find out what contributed: no run settled the cause"
        found.append(Item(id="process-cause", kind="process", title=title, why=why, refs=(best.run,)))
    if told.seen_well is not None and not told.actions and told.mitigated is None:
        title = "Find out what ended it, and write down how it is done"
        refs = _run_refs(record, told.seen_well)
        found.append(Item(id="mitigate-unknown", kind="mitigate", title=title, why="No action is on record", refs=refs))
    cut = tuple(run.run for run in record.runs if run.cut)
    if cut:
        title = "Find out why runs ended early"
        found.append(Item(id="process-runs", kind="process", title=title, why=f"{len(cut)} did", refs=cut[:4]))
    order = ("prevent", "detect", "mitigate", "process")
    return tuple(sorted(found, key=lambda item: (order.index(item.kind), item.id)))


def _is_new(finding: Mapping[str, Any]) -> bool:
    data = finding.get("data")
    return isinstance(data, dict) and bool(data.get("is_new"))


def _responders(record: Gathered) -> tuple[str, ...]:
    """Return who did or wrote something, as the lines say, in the order of their first line."""
    lines: list[Line] = [*record.timeline, *record.journal, *record.notes]
    ordered = sorted(lines, key=lambda line: (line.at, line.ref))
    return tuple(dict.fromkeys(line.who[:60] for line in ordered if line.who))[:30]


def _watch(record: Gathered, told: Response, now: Look | None) -> Watch:
    ended = told.ended
    if ended is None:
        words = "The record does not say that it ended, so there is nothing to watch for yet"
        closed = max((event.at for event in told.events if event.kind == "resolved"), default=None)
        later = next((run for run in record.runs if closed and run.at > closed and run.state == "incident"), None)
        again = [line for line in record.timeline if line.event == REOPENED and closed and line.at >= closed]
        if closed is not None and later is None and again:
            words = f"It was closed at {closed:%H:%M} UTC, and opened again at {again[-1].at:%H:%M} UTC"
            return Watch(state="recurred", words=words, since=closed, refs=(again[-1].ref,))
        if closed is not None and later is not None:
            words = f"It was closed at {closed:%H:%M} UTC, and a run saw an incident at {later.at:%H:%M} UTC"
            return Watch(state="recurred", words=words, since=closed, refs=(later.run,))
        if now is not None and now.state == "incident":
            what = f": {_title(now.cause)}" if now.cause else ""
            return Watch(state="going on", words=f"It is not over: at {now.at:%H:%M} UTC there is an incident{what}")
        if now is not None and told.best is not None and now.state == "healthy":
            return Watch(
                state="so far",
                words=f"This look, at {now.at:%H:%M} UTC, sees the platform well; ask again in 30 to 60 min",
                since=now.at,
                quiet_s=0.0,
            )
        return Watch(state="unknown", words=words)
    looks = [Look(at=run.at, state=run.state, cause=run.cause, why=run.run) for run in record.runs if run.at >= ended]
    looks += [now] if now is not None else []
    back = next((look for look in looks if look.state == "incident" and look.at > ended), None)
    if back is not None:
        what = f": {_title(back.cause)}" if back.cause else ""
        words = f"It, or something else, was there again at {back.at:%H:%M} UTC{what}"
        return Watch(state="recurred", words=words, since=ended, refs=(back.why,) if back is not now else ())
    well = [look for look in looks if look.state == "healthy"]
    last = max((look.at for look in well), default=None)
    if last is None:
        why = f" ({now.why})" if now is not None and now.why else ""
        words = f"Nobody could see since {ended:%H:%M} UTC whether it came back{why}"
        return Watch(state="unknown", words=words, since=ended)
    quiet = (last - ended).total_seconds()
    refs = tuple(look.why for look in well if look is not now)[-3:]
    since = f"since {ended:%H:%M} UTC"
    if quiet >= QUIET_FROM_S:
        return Watch(
            state="quiet", words=f"No recurrence in {_span(quiet)} {since}", since=ended, quiet_s=quiet, refs=refs
        )
    words = f"No recurrence in {_span(quiet)} {since}; 30 to 60 min are wanted"
    return Watch(state="so far", words=words, since=ended, quiet_s=quiet, refs=refs)


def _unknown(told: Response, impact: Impact) -> tuple[str, ...]:
    found = [f"{measure.of}: {measure.why}" for measure in told.measures if measure.seconds is None]
    found += ["share of failing requests: no run could tell"] if impact.failing_share is None else []
    found += ["users affected: no run could tell"] if impact.users is None else []
    return tuple(found)


def measure_words(measure: Measure) -> str:
    """Return a time of the response in one line: how long, the promise, what is missing."""
    if measure.seconds is None:
        promise = "" if measure.promise_s is None else f"; the promise is {_span(measure.promise_s)}"
        return f"not known: {measure.why}{promise}"
    took = _span(abs(measure.seconds))
    words = f"{took} before" if measure.seconds < 0 else took if measure.exact else f"at most {took}"
    if measure.kept is not None and measure.promise_s is not None:
        words += f", promise of {_span(measure.promise_s)} {'kept' if measure.kept else 'missed'}"
    return words


def _percent(share: float) -> str:
    """Return a share (0-1) as ``38%``; one that is not nothing is never shown as nothing, nor nearly all as all."""
    value = 100 * share
    if 0 < value < 0.1:
        return "under 0.1%"
    return f"{value:.1f}%" if 0 < value < 9.95 or 99.5 <= value < 99.95 else f"{value:.0f}%"


def _span(seconds: float) -> str:
    """Return a duration as people say it: ``45 s``, ``12 min``, ``3.5 h``, ``2 days``."""
    size = abs(seconds)
    if size < 90:
        return f"{seconds:.0f} s"
    if size < 5400:
        return f"{seconds / 60:.0f} min"
    if size < 129_600:
        return f"{seconds / 3600:.1f} h".replace(".0 h", " h")
    return f"{seconds / 86400:.0f} days"


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _slug(text: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())[:40].strip("-") or "x"


__all__ = ["Claim", "Impact", "Item", "Look", "Story", "Watch", "measure_words", "moment", "story"]
