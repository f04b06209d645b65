"""
When the watch raises an alert by itself.

One missed probe is no outage. A subject is in trouble when its own probe failed and another vantage point shows
failures, too, in the same look, or when it failed in `REPEATED` looks in a row. Looks that could not see count neither
way. It is over when it was well in `QUIET` looks in a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..incidents import Received, receive
from ..intake.routing import Routing
from ..intake.told import Told
from . import store
from . import tables as t
from .rows import REPORT, Row, State, states

SENDER = "watch"
REPEATED = 3
QUIET = 5
LOOKS = 8
ELSEWHERE = ("edge/failing", REPORT)
"""Vantage points that are not our own probes."""
_WHOLE_API = ("api/health", "api/pitches")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """
    What an alert is about, and the probes that show it.

    ``unless``: probes whose failing explains it; then it is a part of that trouble and no alert of its own.
    """

    name: str
    title: str
    severity: str
    probes: tuple[str, ...]
    elsewhere: tuple[str, ...]
    service: str | None = None
    unless: tuple[str, ...] = ()


SUBJECTS: tuple[Subject, ...] = (
    Subject(
        name="api",
        title="The API does not answer as it should (our own probes)",
        severity="P2",
        probes=("api/health", "api/pitches"),
        elsewhere=ELSEWHERE,
        service="api",
    ),
    Subject(
        name="database",
        title="The API's database route fails (our own probe)",
        severity="P2",
        probes=("api/health_db",),
        elsewhere=("edge/failing",),  # the platform's own check asks this very route: no second vantage point
        service="database",
        unless=_WHOLE_API,
    ),
    Subject(
        name="auth",
        title="The API's authentication route fails (our own probe)",
        severity="P2",
        probes=("api/auth_verify",),
        elsewhere=("edge/failing",),
        service="auth",
        unless=_WHOLE_API,
    ),
    Subject(
        name="frontend",
        title="The site does not answer as it should (our own probe)",
        severity="P2",
        probes=("frontend/page",),
        elsewhere=("edge/failing",),
        service="frontend",
    ),
    Subject(
        name="edge",
        title="Error rate: requests of users fail at the edge (5xx), as Cloudflare counts them",
        severity="P2",
        probes=("edge/failing",),
        elsewhere=("api/health", "api/pitches"),
        service="api",
    ),
)
News = Literal["firing", "resolved"]


def judged(
    subject: Subject, now: Mapping[str, State], before: Mapping[str, Sequence[str]], firing: bool
) -> News | None:
    """
    Return what is new about *subject*: pure.

    Parameters
    ----------
    now
        State of each probe in this look.
    before
        Probe -> states of its newest looks, this one included, newest first.
    firing
        Whether an alert about it is out.
    """
    here = [now[probe] for probe in subject.probes if probe in now]
    failing = "failing" in here
    if not firing:
        if any(now.get(probe) == "failing" for probe in subject.unless):
            return None
        twice = failing and any(now.get(probe) == "failing" for probe in subject.elsewhere)
        again = failing and any(_in_a_row(before.get(probe, ()), REPEATED, bad=True) for probe in subject.probes)
        return "firing" if twice or again else None
    known = [probe for probe in subject.probes if any(state == "ok" for state in before.get(probe, ()))]
    well = bool(known) and not failing and all(_in_a_row(before[probe], QUIET, bad=False) for probe in known)
    return "resolved" if well else None


def _in_a_row(states_: Sequence[str], count: int, *, bad: bool) -> bool:
    seen = [state for state in states_ if state in ("ok", "failing")]
    return len(seen) >= count and all((state == "failing") == bad for state in seen[:count])


def raise_alarms(
    connection: sa.Connection, found: Sequence[Row], minute: datetime, routing: Routing, *, now: datetime
) -> list[Received]:
    """Hand in what is new as an alert, in the transaction that wrote the look; return where it was put."""
    seen = states(found)
    out = {row.subject: row.firing for row in connection.execute(sa.select(t.alarms.c.subject, t.alarms.c.firing))}
    placed = []
    for subject in SUBJECTS:
        before = {
            probe: [state for _, state in store.newest(connection, probe, LOOKS, now + timedelta(minutes=1))]
            for probe in subject.probes
        }
        news = judged(subject, seen, before, out.get(subject.name, False))
        if news is None:
            continue
        told = Told(
            trouble=f"watch:{subject.name}",
            id=f"watch-{subject.name}-{minute:%Y%m%dT%H%MZ}",
            kind=f"watch.{subject.name}",
            title=subject.title,
            at=now,
            status=news,
            words=(subject.severity,),
            service=subject.service,
            text=_why(subject, found),
        )
        placed.append(receive(connection, routing.routed(SENDER, told, now), now, routing.rules))
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        values = {"firing": news == "firing", "changed_at": now}
        once = insert(t.alarms).values(subject=subject.name, **values)
        connection.execute(once.on_conflict_do_update(index_elements=["subject"], set_=values))
    return placed


def _why(subject: Subject, found: Sequence[Row]) -> str:
    wanted = {*subject.probes, *subject.elsewhere}
    return "; ".join(
        f"{row.probe}: {row.state}" + (f" ({row.detail})" if row.detail else "") for row in found if row.probe in wanted
    )
