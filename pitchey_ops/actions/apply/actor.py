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


def due(journal: Journal, now: datetime) -> list[Record]:
    """Return what was carried out, has reached its end and was not taken back; read anew from the journals."""
    found = []
    for incident in journal.incidents():
        for record in journal.records(incident):
            plan = record.plan
            if plan is None or plan.ends is None or record.undone:
                continue
            carried = bool(record.outcomes) or bool(record.sending)
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
    """

    def __init__(self, hands: Hands, say: Callable[[str], None]) -> None:
        never_headless()
        self._hands = hands
        self._say = say
        self._not_before: dict[str, tuple[datetime, timedelta]] = {}

    def once(self) -> list[Applied]:
        """Look once, and take back what is due; what fails is tried again later, ever less often."""
        now = self._hands.clock.now()
        done = []
        for record in due(self._hands.journal, now):
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
