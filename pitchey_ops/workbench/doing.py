"""What carries actions out in a session's kernel. Nothing that an alert starts can import this."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Event
from typing import Any

from ..actions.apply import Applied, Hands, apply, check, hands, look, undo
from ..actions.catalogue import LISTS, action, catalogue, fitted, plan
from ..actions.facts import Deployed, Facts, facts_from_report
from ..actions.models import Plan
from ..errors import OpsError, UsageError
from ..panels.live.actions import Choice, Doer, Done, State
from ..panels.view import View
from ..reports.document import to_json
from ..runbooks.run import Run
from .session import Session

ACKNOWLEDGE = ("alert-acknowledge", "slack-acknowledge", "pagerduty-acknowledge")
ONE_CLICK = "acknowledged with one click in the session's notebook"


class _Stopped(Exception):
    """The person stopped the watch."""


class Acting:
    """
    Carries out actions for one session, with this process's write credentials.

    Parameters
    ----------
    run
        Returns the session's present run, whose report the plans rest on.
    """

    def __init__(self, session: Session, run: Callable[[], Run | None]) -> None:
        self._session = session
        self._run = run
        self._applied: dict[str, Applied] = {}

    def choices(self, step: str) -> Sequence[Choice]:
        """Return the actions of *step*, its own first."""
        found = [one for one in catalogue().values() if step in one.steps]
        found.sort(key=lambda one: one.steps[0] != step)
        return [Choice(name=one.name, changes=one.changes, arguments=dict(one.arguments)) for one in found]

    def plan(self, name: str, view: View, given: Mapping[str, str]) -> tuple[Plan, Sequence[str]]:
        """Return what the action would do, from the run's report and a fresh look at the world."""
        known = action(name).arguments
        arguments: dict[str, Any] = {key: _value(key, text) for key, text in given.items() if key in known and text}
        if "by" in known:
            arguments.setdefault("by", self._session.by)
        with self._hands() as own:
            facts, filled, unseen = look(name, self._facts(own), arguments, own)
            return plan(name, facts, **filled), unseen

    def apply(self, plan: Plan, *, confirm: str, why: str, second: str, told: Callable[[str], None]) -> Done:
        """Carry *plan* out once."""
        if not why:
            raise UsageError("Why: expected a reason; it goes into the incident's journal. Nothing was sent.")
        with self._hands() as own:
            found = apply(
                plan, confirm=confirm, who=self._session.by, why=why, second=second or None, hands=own, progress=told
            )
        self._applied[plan.digest] = found
        states: dict[str, State] = {"applied": "applied", "partly": "failed", "not_done": "failed"}
        words = "; ".join((found.words(), *found.notes))
        return Done(state=states.get(found.state, "unknown"), words=words, undoable=found.undoable)

    def check(self, plan: Plan, *, stop: Event, told: Callable[[str], None]) -> Done:
        """Watch whether it worked, until its window is over or *stop*."""

        def heard(words: str) -> None:
            if stop.is_set():
                raise _Stopped
            told(words)

        try:
            with self._hands() as own:
                found = check(self._of(plan), hands=own, progress=heard)
        except _Stopped:
            return Done(state="UNVERIFIED", words="the watch was stopped before its end; nothing follows from it")
        return Done(state=found.result, words=found.because)

    def undo(self, plan: Plan, *, confirm: str, why: str, told: Callable[[str], None]) -> Done:
        """Take it back."""
        with self._hands() as own:
            found = undo(
                self._of(plan), who=self._session.by, why=why or "undone", confirm=confirm, hands=own, progress=told
            )
        return Done(state="undone" if found.state == "undone" else "not undone", words=found.words())

    def acknowledge(self) -> list[str]:
        """Acknowledge at the alerts service, in Slack and at PagerDuty, as far as there is something; in words each."""
        told = []
        run = self._run()
        if run is None:
            return ["alert, Slack and PagerDuty once the runbook has run"]
        for name in ACKNOWLEDGE:
            try:
                made, _ = self.plan(name, run.view, {})
                if not made.possible:
                    told.append(f"{name}: not done: {made.why_not}")
                    continue
                done = self.apply(made, confirm=made.confirmation, why=ONE_CLICK, second="", told=lambda words: None)
                told.append(f"{name}: {done.state}")
            except OpsError as error:
                told.append(f"{name}: not done: {error}")
            except Exception as error:  # the others are still told
                told.append(f"{name}: unknown: it broke off ({type(error).__name__})")
        return told

    def _of(self, plan: Plan) -> Applied:
        try:
            return self._applied[plan.digest]
        except KeyError:
            raise UsageError("This plan was not applied in this session. Nothing was done.") from None

    def _hands(self) -> Hands:
        return hands(self._session.environment)

    def _facts(self, own: Hands) -> Facts:
        run = self._run()
        if run is None:
            raise UsageError("Nothing was investigated yet: run the cell with investigate(...) first.")
        facts = facts_from_report(to_json(run.report()), own.settings, own.clock.now())
        frame = run.case.frames.deployments
        seen = {(one.script, one.version): one for one in facts.deployments}
        for row in frame.iter_rows(named=True):
            if row["script"] and row["version"]:
                seen.setdefault(
                    (row["script"], row["version"]),
                    Deployed(
                        script=row["script"],
                        version=row["version"],
                        at=row["at"],
                        previous=row["previous"],
                        author=row["author"] or "",
                        message=row["message"] or "",
                    ),
                )
        return replace(facts, deployments=tuple(sorted(seen.values(), key=lambda one: one.at)))


def doer(session: Session, run: Callable[[], Run | None]) -> Doer:
    """Return what carries out actions for *session*."""
    return Acting(session, run)


def _value(name: str, text: str) -> Any:
    """Return an argument as it was typed; several values also stand on lines of their own."""
    return fitted(name, text.replace("\n", LISTS[name])) if name in LISTS else text
