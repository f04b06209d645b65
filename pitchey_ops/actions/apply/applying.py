"""Carry a plan out, once; take it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ...evidence.canonical import digest, iso
from ..base import one_line
from ..models import Change, Plan
from ..pagerduty_change import change_event
from .carrying import Outcome, carry, holds
from .errors import ActionRefused, CannotLook, Denied, NotSent, Throttled, Unknown
from .gate import confirmed, may_begin, name_of, never_headless, never_ours
from .hands import Hands
from .hands import hands as hands_of
from .journal import ENDED, Record, public

Progress = Callable[[str], None]
AppliedState = Literal["applied", "partly", "not_done", "unknown", "undone", "not_undone"]
ACTOR = "pitchey-ops actor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """
    What became of a plan.

    Attributes
    ----------
    state
        ``applied`` (all of it is so), ``partly``, ``not_done`` (nothing was changed), ``unknown``; after an undo
        ``undone`` or ``not_undone``.
    repeated
        It was carried out before, and was not sent again.
    at
        When it was carried out (UTC).
    """

    plan: Plan
    state: AppliedState
    at: datetime
    who: str
    why: str
    outcomes: tuple[Outcome, ...] = ()
    kept: Mapping[str, Any] = field(default_factory=dict)
    repeated: bool = False
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The plan's digest."""
        return self.plan.digest

    @property
    def undoable(self) -> bool:
        """Whether something of it can be taken back."""
        made = {one.id for one in self.outcomes if one.state == "done"}
        undos = [change for change in self.plan.changes if change.undo and change.id in made]
        return self.plan.undoable and bool(undos) and self.state in ("applied", "partly", "unknown", "not_undone")

    def words(self) -> str:
        """Return it in one line."""
        details = "; ".join(
            f"{one.id}: {one.state}" + (f" ({one.detail})" if one.detail else "") for one in self.outcomes
        )
        again = " (was carried out before; nothing was sent again)" if self.repeated else ""
        return f"{self.plan.action} of {self.plan.target}: {self.state.replace('_', ' ')}{again}" + (
            f": {details}" if details else ""
        )


def apply(
    plan: Plan,
    *,
    confirm: str,
    who: str,
    why: str,
    second: str | None = None,
    hands: Hands | None = None,
    progress: Progress | None = None,
) -> Applied:
    """
    Carry *plan* out on a person's word.

    The assumptions are looked at again first; a plan that was carried out is not sent again; every change is in the
    incident's journal before it is sent and after it was answered.

    Parameters
    ----------
    confirm
        The target's name as typed (`Plan.confirmation`).
    who, why
        The person, and their reason; both are journaled.
    second
        Another person who confirms, where the settings ask for one.
    hands
        What it is carried out with; that of this process by default.
    progress
        Hears each step in words.

    Raises
    ------
    ActionRefused
        A guard said no, or the world has changed; nothing was sent.
    """
    never_headless()
    person, reason = name_of("who", who), _reason(why)
    beside = name_of("second", second) if second else None
    confirmed(plan, confirm)
    own = hands is None
    hands = hands or hands_of(plan.environment)
    try:
        return _apply(plan, hands, person, hands.clean(reason), beside, progress or _silent)
    finally:
        if own:
            hands.client.close()


def approve(plan: Plan, *, confirm: str, who: str, hands: Hands | None = None) -> None:
    """
    Record a second person's confirmation of *plan*.

    Raises
    ------
    ActionRefused
        It was not confirmed, or this is a headless run.
    """
    never_headless()
    person = name_of("who", who)
    confirmed(plan, confirm)
    hands = hands or hands_of(plan.environment)
    hands.journal.write(plan, "approved", hands.clock.now(), by=person)


def _apply(plan: Plan, hands: Hands, who: str, why: str, second: str | None, progress: Progress) -> Applied:
    may_begin(plan, _record(plan, hands), hands, who=who, second=second)
    # two plans of the same thing wait for one another: the second then sees what the first has made
    same = digest(f"{plan.environment}\n{plan.action}\n{plan.target}".encode())
    with hands.journal.alone(same), hands.journal.alone(plan.digest):
        record = _record(plan, hands)
        ended = record.ended
        if record.undone:
            raise ActionRefused("this plan was carried out and taken back: plan it again. Nothing was sent.")
        if ended is not None and ended["event"] in ENDED:
            return again(record, hands)
        may_begin(plan, record, hands, who=who, second=second)
        kept = dict(record.kept)
        if record.begun is None:
            progress("looking at the world again")
            kept.update(holds(plan, hands))
            hands.journal.keep(plan, kept)
            hands.journal.store(plan)
            more = {"second": second} if second else {}
            hands.journal.write(
                plan,
                "begun",
                hands.clock.now(),
                by=who,
                why=why,
                plan=plan.to_json(),
                kept=public(kept),
                what=plan.title,
                **more,
            )
        elif _untouched(record):
            expired = hands.clock.now() > plan.expires_at
            if expired and not record.outcomes:
                raise ActionRefused("the plan was begun, nothing was sent, and it expired. Plan it again.")
            if not expired and not _there_by_now(plan, record, hands):
                progress("looking at the world again")
                kept.update(holds(plan, hands))
                hands.journal.keep(plan, kept)
        outcomes = _changes(plan, plan.changes, hands, record, kept, progress)
        state = _state(outcomes)
        event: str = state
        if state == "applied" and not (plan.mitigates or plan.action.partition("-")[0] in _TALK):
            event = "completed"
        at = hands.clock.now()
        words = [_words(one) for one in outcomes]
        hands.journal.write(plan, event, at, by=who, why=why, what=plan.title, outcomes=words, ends=plan.ends)
        ours = state in ("applied", "partly") and any(one.state == "done" for one in outcomes)
        notes = _told(plan, hands, at, who) if ours and plan.mitigates else ()
    return Applied(
        plan=plan,
        state=state,
        at=at,
        who=who,
        why=why,
        outcomes=tuple(outcomes),
        kept=kept,
        notes=notes,
    )


_TALK = ("alert", "slack", "pagerduty", "statuspage", "tickets")
"""Beginnings of the names of actions that tell people something."""


def undo(
    applied: Applied,
    *,
    who: str | None = None,
    why: str = "",
    confirm: str | None = None,
    hands: Hands | None = None,
    progress: Progress | None = None,
) -> Applied:
    """
    Take back what *applied* changed, in reverse order; what somebody else made or changed since is left alone.

    Raises
    ------
    ActionRefused
        It cannot be undone, nothing of it was changed, or (in production) it was not confirmed.
    """
    never_headless()
    plan = applied.plan
    person = name_of("who", who or applied.who)
    if confirm is not None or plan.environment == "production":
        confirmed(plan, confirm)
    own = hands is None
    hands = hands or hands_of(plan.environment)
    try:
        return take_back(plan, hands, person, hands.clean(why.strip()) or "undone", progress or _silent)
    finally:
        if own:
            hands.client.close()


def take_back(plan: Plan, hands: Hands, who: str, why: str, progress: Progress) -> Applied:
    """Take a plan back; the person's word, or the plan's own end, was seen to by the caller."""
    if not plan.undoable:
        raise ActionRefused(f"{plan.action}: {plan.undo_words}. Nothing was sent.")
    if hands.settings.environment != plan.environment:
        raise ActionRefused(
            f"the plan is for {plan.environment}, this is {hands.settings.environment}. Nothing was sent."
        )
    with hands.journal.alone(plan.digest):
        record = _record(plan, hands)
        begun = record.begun
        if begun is None:
            raise ActionRefused("this plan was never carried out. Nothing was sent.")
        made = [change for change in plan.changes if record.made(change.id)]
        undos = [step for change in reversed(made) for step in change.undo]
        at = hands.clock.now()
        if record.undone:
            return _applied(record, hands, "undone", tuple(_outcomes(record.undone_changes)), repeated=True)
        if not undos:
            raise ActionRefused(
                "nothing of it was changed by this plan: there is nothing to take back. Nothing was sent."
            )
        for step in undos:
            never_ours(plan, step.request.body, hands)
        hands.journal.write(plan, "undoing", at, by=who, why=why)
        kept = dict(record.kept)
        outcomes = _changes(plan, tuple(undos), hands, record, kept, progress, undo=True)
        good = all(one.state in ("done", "already") for one in outcomes)
        hands.journal.write(
            plan,
            "undone" if good else "not undone",
            hands.clock.now(),
            by=who,
            why=why,
            what=f"{plan.title}: taken back" if good else f"{plan.title}: could not be taken back",
            outcomes=[_words(one) for one in outcomes],
        )
        return _applied(record, hands, "undone" if good else "not_undone", tuple(outcomes), repeated=False)


def again(record: Record, hands: Hands) -> Applied:
    """Return what the journal says about a plan that was carried out."""
    ended = record.ended
    state: AppliedState = "unknown"
    if ended is not None:
        event = str(ended["event"])
        state = "applied" if event in ("applied", "completed") else "partly" if event == "partly" else "unknown"
    if record.undone:
        state = "undone"
    outcomes = _outcomes(record.outcomes)
    if record.plan is not None and ended is not None:
        outcomes += _untried(record.plan.changes, {one.id for one in outcomes})
    return _applied(record, hands, state, tuple(outcomes), repeated=True)


def _untouched(record: Record) -> bool:
    """Return whether all that was tried is known to have changed nothing."""
    return not record.pending and all(e.get("state") in ("refused", "not_done") for e in record.outcomes.values())


def _there_by_now(plan: Plan, record: Record, hands: Hands) -> bool:
    """Return whether all of it is so by now, after a try that did not show: then nothing is sent any more."""
    if not record.outcomes:
        return False
    try:
        return all(
            change.find is not None and hands.client.look(change.find, record.kept)[0] for change in plan.changes
        )
    except (CannotLook, NotSent):
        return False


def _untried(changes: tuple[Change, ...], told: set[str]) -> list[Outcome]:
    """Return what was not reached, because one before it was not done or its end is not known."""
    return [Outcome(one.id, "not_done", "not tried") for one in changes if one.id not in told]


def _applied(
    record: Record, hands: Hands, state: AppliedState, outcomes: tuple[Outcome, ...], *, repeated: bool
) -> Applied:
    assert record.plan is not None
    begun = record.begun or {}
    at = hands.clock.now()
    for moment, entry in hands.journal.lines(record.plan.incident):
        if entry.get("digest") == record.plan.digest and entry.get("event") in (
            "applied",
            "completed",
            "partly",
            "unknown",
        ):
            at = moment
    return Applied(
        plan=record.plan,
        state=state,
        at=at,
        who=str(begun.get("by") or ""),
        why=str(begun.get("why") or ""),
        outcomes=outcomes,
        kept=record.kept,
        repeated=repeated,
    )


def _record(plan: Plan, hands: Hands) -> Record:
    from ...errors import UsageError

    try:
        return hands.journal.of(plan.digest, plan.incident)
    except UsageError:  # the plan names no incident; the gate says so
        return Record()


def _changes(
    plan: Plan,
    changes: tuple[Change, ...],
    hands: Hands,
    record: Record,
    kept: dict[str, Any],
    progress: Progress,
    *,
    undo: bool = False,
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    known = record.undone_changes if undo else record.outcomes
    sending = record.undo_sending if undo else record.sending
    pending = record.undo_pending if undo else record.pending
    for change in changes:
        before = known.get(change.id)
        if before is not None and before.get("state") in ("done", "already") and change.id not in pending:
            outcomes.append(_outcome(before))
            continue
        progress(change.words)
        sent_before = change.id in pending or (
            change.id in sending and before is not None and before.get("state") == "unknown"
        )
        may_send = undo or hands.clock.now() <= plan.expires_at
        one = carry(change, plan, hands, kept, sent_before=sent_before, undo=undo, may_send=may_send)
        kept.update(one.kept)
        hands.journal.keep(plan, one.kept)
        hands.journal.write(
            plan,
            "change",
            hands.clock.now(),
            change=change.id,
            state=one.state,
            detail=one.detail,
            kept=public(one.kept),
            **({"undo": True} if undo else {}),
        )
        progress(_words(one))
        outcomes.append(one)
        if one.state in ("not_done", "unknown") and not undo:
            return outcomes + _untried(changes, {told.id for told in outcomes})
    return outcomes


def _state(outcomes: list[Outcome]) -> AppliedState:
    states = {one.state for one in outcomes}
    if states <= {"done", "already"}:
        return "applied"
    if "unknown" in states:
        return "unknown"
    return "partly" if "done" in states else "not_done"


def _told(plan: Plan, hands: Hands, at: datetime, who: str) -> tuple[str, ...]:
    """Send the change event of an executed action to PagerDuty; an action is not undone because that failed."""
    if hands.settings.environment != "sandbox" and not hands.known.value("pagerduty_routing_key"):
        return ()
    details = {
        "incident": plan.incident,
        "by": one_line(who, 100),
        "digest": plan.digest[:16],
        "environment": plan.environment,
    }
    event = change_event(f"{plan.title} ({plan.environment})", iso(at), details)
    try:
        hands.client.change(event, {})
    except (NotSent, Throttled, Denied, Unknown) as exc:
        note = hands.clean(f"the change event did not reach PagerDuty: {exc}")
        hands.journal.write(plan, "not told", hands.clock.now(), detail=note)
        return (note,)
    return ("a change event was sent to PagerDuty",)


def _outcome(entry: Mapping[str, Any]) -> Outcome:
    state = str(entry.get("state"))
    known = state if state in ("done", "already", "refused", "not_done", "unknown") else "unknown"
    return Outcome(str(entry.get("change")), known, str(entry.get("detail") or ""))  # type: ignore[arg-type]


def _outcomes(entries: Mapping[str, Mapping[str, Any]]) -> list[Outcome]:
    return [_outcome(entry) for entry in entries.values()]


def _words(one: Outcome) -> str:
    return f"{one.id}: {one.state.replace('_', ' ')}" + (f" ({one.detail})" if one.detail else "")


def _reason(why: str) -> str:
    text = " ".join((why or "").split())
    if not text:
        raise ActionRefused("why: expected a reason; it stands in the record. Nothing was sent.")
    return text[:1000]


def _silent(_: str) -> None:
    """Say nothing."""
