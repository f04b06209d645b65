"""What is carried out without a new word of a person: the end that a person set when they acted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ...errors import OpsError
from .applying import ACTOR, Applied, take_back
from .gate import never_headless
from .hands import Hands
from .journal import Journal, Record

LOOK_EVERY_S = 5.0
RETRY_MOST = timedelta(minutes=5)
WHY = "its end was reached"


def due(journal: Journal, now: datetime, unread: set[str] | None = None) -> list[Record]:
    """
    Return what was carried out, has reached its end and was not taken back; read anew from the journals.

    *unread* gets the digests of plans that cannot be read: nobody sees to their ends.
    """
    found = []
    for incident in journal.incidents():
        for record in journal.records(incident, unread):
            plan = record.plan
            if plan is None or plan.ends is None or record.undone:
                continue
            carried = any(record.made(change.id) for change in plan.changes)
            if carried and datetime.fromisoformat(plan.ends) <= now:
                found.append(record)
    return found


class Actor:
    """
    Takes back what has reached its end; knows nothing but the journals, so a restart loses nothing.

    Parameters
    ----------
    say
        Hears what was done, a line each.

    Attributes
    ----------
    failed
        Whether something that was due could not be taken back when it looked last.
    """

    def __init__(self, hands: Hands, say: Callable[[str], None]) -> None:
        never_headless()
        self._hands = hands
        self._say = say
        self._not_before: dict[str, tuple[datetime, timedelta]] = {}
        self._told: set[str] = set()
        self.failed = False

    def once(self) -> list[Applied]:
        """Look once, and take back what is due; what fails is tried again later, ever less often."""
        now = self._hands.clock.now()
        done = []
        unread: set[str] = set()
        self.failed = False
        found = due(self._hands.journal, now, unread)
        for digest in sorted(unread - self._told):
            self._say(f"the plan {digest[:16]} in the journal cannot be read: if it has an end, see to it by hand")
        self._told |= unread
        for record in found:
            plan = record.plan
            assert plan is not None
            if plan.environment != self._hands.settings.environment:
                continue
            later, pause = self._not_before.get(plan.digest, (now, timedelta(seconds=5)))
            if now < later:
                continue
            try:
                result = take_back(plan, self._hands, ACTOR, WHY, lambda _: None)
                good = result.state == "undone"
                self._say(result.words())
                done.append(result)
            except OpsError as exc:
                good = False
                self._say(self._hands.clean(f"{plan.action} of {plan.target}: {exc}"))
            self.failed |= not good
            if good:
                self._not_before.pop(plan.digest, None)
            else:
                self._not_before[plan.digest] = (now + pause, min(RETRY_MOST, pause * 2))
        return done

    def run(self, stop: Callable[[], bool]) -> None:
        """Look every few seconds until *stop* says so."""
        while not stop():
            self.once()
            self._hands.clock.sleep(LOOK_EVERY_S)
