"""One change, carried out at most once: looked for before, sent, and looked for again where nothing tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..base import one_line
from ..models import Change, Plan
from .client import Answer, place_of
from .errors import ActionRefused, CannotLook, Denied, NotSent, Throttled, Unknown
from .hands import Hands

TRIES = 3
SETTLE_S = 20.0
"""So long a change of unknown end is looked for, by the clock, before it counts as not made."""
LOOK_EVERY_S = 2.0
WAIT_MOST_S = 60.0
State = Literal["done", "already", "refused", "not_done", "unknown"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What became of one change.

    Attributes
    ----------
    state
        ``done`` by this plan; ``already`` so by somebody else; ``refused`` by the service; ``not_done``: never sent,
        or looked for and not there; ``unknown``.
    """

    id: str
    state: State
    detail: str = ""
    kept: Mapping[str, Any] = field(default_factory=dict)


def carry(
    change: Change,
    plan: Plan,
    hands: Hands,
    kept: Mapping[str, Any],
    *,
    sent_before: bool,
    undo: bool,
    may_send: bool = True,
) -> Outcome:
    """
    Carry out *change*, unless it is made already.

    Parameters
    ----------
    sent_before
        It was sent by a process that did not live to say how it ended.
    undo
        Whether it takes something back; said in the journal.
    may_send
        False for a plan that has expired: what became of it is still looked for.
    """
    one = _Carrier(change, plan, hands, dict(kept), undo)
    return one.go(sent_before, may_send=may_send)


class _Carrier:
    def __init__(self, change: Change, plan: Plan, hands: Hands, kept: dict[str, Any], undo: bool) -> None:
        self._change, self._plan, self._hands, self._kept, self._undo = change, plan, hands, kept, undo
        self._note = ""

    def go(self, sent_before: bool, *, may_send: bool) -> Outcome:
        change = self._change
        uncertain = sent_before
        if sent_before:
            settled = self._settled()
            if settled is not None:
                return settled
        for attempt in range(TRIES):
            if change.find is not None and not (uncertain and attempt == 0):
                try:
                    seen, values = self._seen()
                except CannotLook as exc:
                    return self._ended("unknown" if uncertain else "not_done", f"{exc}; it was not sent")
                self._kept.update(values)
                if seen:
                    return self._ended(*(("done", "") if uncertain else self._whose("")))
            refusal = self._required() if may_send else "the plan expired before it could be sent"
            if refusal:
                return self._ended("not_done", refusal)
            self._hands.journal.write(self._plan, "sending", self._hands.clock.now(), change=change.id, **self._flag())
            try:
                answer = self._hands.client.change(change.request, self._kept)
            except NotSent as exc:
                self._note = str(exc)
                self._hands.clock.sleep(1.0 * (attempt + 1))
                continue
            except Throttled as exc:
                self._note = str(exc)
                self._hands.clock.sleep(min(WAIT_MOST_S, exc.after_s))
                continue
            except Denied as exc:
                return self._denied(exc, uncertain)
            except Unknown as exc:
                if any(text in str(exc) for text in change.refusals):
                    return self._ended("refused", str(exc))
                self._note, uncertain = str(exc), True
                settled = self._settled()
                if settled is not None:
                    return settled
                continue
            return self._answered(answer, uncertain)
        harmless = change.find is not None or change.request.method == "GET"
        if uncertain and change.find is not None:
            self._note = f"{self._note}; it was looked for and is not there".strip("; ")
        return self._ended("unknown" if uncertain and not harmless else "not_done", self._note)

    def _flag(self) -> dict[str, Any]:
        return {"undo": True} if self._undo else {}

    def _seen(self) -> tuple[bool, dict[str, Any]]:
        assert self._change.find is not None
        try:
            return self._hands.client.look(self._change.find, self._kept)
        except NotSent as exc:
            raise CannotLook(str(exc)) from exc

    def _required(self) -> str:
        """Return why it must not be sent now, or an empty text."""
        if self._change.requires is None:
            return ""
        try:
            holds, values = self._hands.client.look(self._change.requires, self._kept)
        except (CannotLook, NotSent) as exc:
            return f"what it needs could not be looked at: {exc}"
        self._kept.update(values)
        return "" if holds else "somebody changed it since; it is left as it is"

    def _settled(self) -> Outcome | None:
        """After a send of unknown end: return what became of it, None where it may be sent again."""
        change, hands = self._change, self._hands
        if change.find is None:
            if change.repeatable:
                return None
            return self._ended("unknown", f"{self._note or 'it was sent and its end is not known'}; it is not repeated")
        waited = 0.0
        while True:
            try:
                seen, values = self._seen()
            except CannotLook as exc:
                seen, values = False, {}
                self._note = f"{self._note}; {exc}".strip("; ")
                if waited >= SETTLE_S:
                    return self._ended("unknown", self._note)
            if seen:
                self._kept.update(values)
                return self._ended("done", f"found to be made ({self._note})" if self._note else "found to be made")
            if waited >= SETTLE_S:
                return None
            hands.clock.sleep(LOOK_EVERY_S)
            waited += LOOK_EVERY_S

    def _whose(self, detail: str) -> tuple[State, str]:
        """Return whether what was found is ours, for it carries the plan's mark; and else what it carries instead."""
        change = self._change
        if self._undo or not change.ours or change.find is None:
            return "already", detail
        from ..models import Find

        find = change.find
        where = (*find.where, (change.ours, f"~{self._plan.mark}"))
        marked = Find(look=find.look, items=find.items, where=where, missing_is_none=find.missing_is_none)
        try:
            ours, _ = self._hands.client.look(marked, self._kept)
            if ours:
                return "done", detail
            _, carried = self._hands.client.look(replace(find, keeps=(("theirs", change.ours),)), self._kept)
        except (CannotLook, NotSent):
            return "already", detail
        theirs = one_line(str(carried.get("theirs") or ""), 200)
        return "already", f"somebody else's, which is left as it is: “{theirs}”" if theirs else detail

    def _denied(self, exc: Denied, uncertain: bool) -> Outcome:
        change = self._change
        if set(exc.codes) & set(change.duplicate) and change.find is not None:
            try:
                seen, values = self._seen()
            except CannotLook as why:
                return self._ended("unknown", str(why))
            self._kept.update(values)
            if seen:
                return self._ended(*self._whose("there is one already"))
        if uncertain and change.find is None and change.request.method != "GET":
            return self._ended("unknown", f"{exc}; but the try before it ({self._note}) may have been carried out")
        if 10220 in exc.codes:
            return self._ended(
                "refused",
                f"{exc}. The version was made with other values of these secrets: roll forward, or set them back and "
                "plan again. It is never forced.",
            )
        if any(code in exc.codes for code in (10007, 10021, 10222)) or "Durable Object" in str(exc):
            return self._ended("refused", f"{exc}. A Durable Object migration or a missing binding cannot be undone.")
        return self._ended("refused", str(exc))

    def _answered(self, answer: Answer, uncertain: bool) -> Outcome:
        for name, place in self._change.keeps:
            value = place_of(answer.value, place)
            if value is not None:
                self._kept[name] = value
        detail = self._change.uncertain if uncertain else ""
        if uncertain and self._change.surplus is not None:
            detail = self._one_left(detail)
        return self._ended("done", detail)

    def _one_left(self, detail: str) -> str:
        """After it was sent twice: look for both for a while, keep the first, and say what came of it."""
        change, hands = self._change, self._hands
        assert change.find is not None
        assert change.surplus is not None
        waited = 0.0
        while True:
            try:
                found = hands.client.matching(change.find, self._kept)
            except (CannotLook, NotSent):
                found = []
            if len(found) > 1 or waited >= SETTLE_S:
                break
            hands.clock.sleep(LOOK_EVERY_S)
            waited += LOOK_EVERY_S
        found.sort(key=lambda item: str(place_of(item, change.surplus_at)))
        left = 0
        for item in found[1:]:
            hands.journal.write(self._plan, "sending", hands.clock.now(), change=change.id, surplus=True)
            try:
                hands.client.change(change.surplus, {**self._kept, "surplus": place_of(item, change.surplus_at)})
            except (NotSent, Throttled, Denied, Unknown) as exc:
                self._note, left = str(exc), left + 1
        for name, place in change.find.keeps if found else ():
            self._kept[name] = place_of(found[0], place)
        if left:
            return f"it stands there {left + 1} times, and the surplus could not be taken away ({self._note})"
        return f"{detail}; it had come twice, one was taken away".strip("; ") if found[1:] else detail

    def _ended(self, state: State, detail: str) -> Outcome:
        if state == "done" and self._change.pace_s:
            self._hands.clock.sleep(self._change.pace_s)
        return Outcome(self._change.id, state, self._hands.clean(detail)[:600], dict(self._kept))


def holds(plan: Plan, hands: Hands) -> dict[str, Any]:
    """
    Look at the world again and return the values that the plan's assumptions keep.

    Raises
    ------
    ActionRefused
        An assumption no longer holds, or cannot be looked at.
    """
    kept: dict[str, Any] = {}
    for assumption in plan.assumptions:
        try:
            seen, values = hands.client.look(assumption.find, kept)
        except (CannotLook, NotSent) as exc:
            raise ActionRefused(
                f"“{assumption.words}” could not be looked at again: {hands.clean(str(exc))}. Nothing was sent."
            ) from exc
        if not seen:
            raise ActionRefused(
                f"the world is not as planned any more: “{assumption.words}” does not hold. Nothing was sent. "
                "Look what changed, and plan again."
            )
        kept.update(values)
    return kept
