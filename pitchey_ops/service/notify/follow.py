"""From timelines to notices: what people did, whichever way they did it (Slack, PagerDuty, the page, a command)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import sqlalchemy as sa

from ..incident_tables import events
from . import journal
from .base import Notifier
from .notice import CHANGES, Kind, Notice, event_key, of_event
from .tables import notices

LOOK_BACK = timedelta(hours=24)


def changes(connection: sa.Connection, incident: str) -> list[Notice]:
    """Return what people did to an incident and nobody was told of, oldest first."""
    told = set(connection.execute(sa.select(notices.c.key).where(notices.c.incident_id == incident)).scalars())
    chosen = (
        sa.select(events)
        .where(events.c.incident_id == incident, events.c.event.in_(CHANGES))
        .order_by(events.c.position)
    )
    return [
        of_event(incident, row["position"], cast("Kind", row["event"]), json.loads(row["entry"]), row["at"])
        for row in connection.execute(chosen).mappings()
        if event_key(incident, row["position"]) not in told
    ]


def news(connection: sa.Connection, now: float) -> list[str]:
    """Return incidents that people were told of, with something on their timeline that they were not told of."""
    key = sa.literal("event|") + events.c.incident_id + "|" + sa.cast(events.c.position, sa.String)
    chosen = (
        sa.select(events.c.incident_id)
        .distinct()
        .where(events.c.event.in_(CHANGES), events.c.at > datetime.fromtimestamp(now, UTC) - LOOK_BACK)
        .where(events.c.incident_id.in_(sa.select(notices.c.incident_id)))
        .where(~sa.exists().where(notices.c.key == key))
    )
    return [str(one) for one in connection.execute(chosen).scalars()]


def store(connection: sa.Connection, notifiers: Sequence[Notifier], told: Iterable[Notice]) -> None:
    """Store notices, and the messages that they call for, in the caller's transaction."""
    for notice in told:
        if not journal.tell(connection, notice):
            continue
        story = journal.story(connection, notice.incident_id)
        now = datetime.now(UTC).timestamp()
        for one in notifiers:
            journal.want(connection, one.name, notice.incident_id, one.wanted(story, notice), now)
