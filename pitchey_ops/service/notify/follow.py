"""From timelines to notices: what people did, whichever way they did it, and which of PagerDuty's incidents joined."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import cast

import sqlalchemy as sa

from ..incident_tables import events, incidents
from . import journal
from .base import Notifier
from .notice import CHANGES, PAGED_KEPT, PAGERDUTY_KIND, Kind, Notice, event_key, of_event, paged_by
from .tables import notices

FIRST_LOOK_S, LOOK_S = 24 * 3600.0, 600.0
"""How far back is looked at a start, and then each time: clocks of machines differ."""
_PAGED = sa.and_(events.c.event == "alert", events.c.entry.like(f'%"kind": "{PAGERDUTY_KIND}%'))
_WANTED = sa.or_(events.c.event.in_(CHANGES), _PAGED)


def changes(connection: sa.Connection, incident: str) -> list[Notice]:
    """Return what people did to an incident and nobody was told of, oldest first."""
    told = set(connection.execute(sa.select(notices.c.key).where(notices.c.incident_id == incident)).scalars())
    chosen = sa.select(events).where(events.c.incident_id == incident, _WANTED).order_by(events.c.position)
    found = []
    for row in connection.execute(chosen).mappings():
        entry = json.loads(row["entry"])
        kind = "paged" if row["event"] == "alert" else row["event"]
        if event_key(incident, row["position"]) not in told and (kind != "paged" or paged_by(entry)):
            found.append(of_event(incident, row["position"], cast("Kind", kind), entry, row["at"]))
    return found


def news(connection: sa.Connection, since: float) -> list[Notice]:
    """Return what people were not told of, of incidents that changed after *since* (s) and that they know of."""
    key = sa.literal("event|") + events.c.incident_id + "|" + sa.cast(events.c.position, sa.String)
    changed = sa.select(incidents.c.id).where(incidents.c.updated_at > datetime.fromtimestamp(since, UTC))
    chosen = (
        sa.select(events.c.incident_id)
        .distinct()
        .where(events.c.incident_id.in_(changed), _WANTED)
        .where(events.c.incident_id.in_(sa.select(notices.c.incident_id)))
        .where(~sa.exists().where(notices.c.key == key))
    )
    names = [str(one) for one in connection.execute(chosen).scalars()]
    return [notice for name in names for notice in changes(connection, name)]


def store(connection: sa.Connection, notifiers: Sequence[Notifier], told: Iterable[Notice]) -> None:
    """
    Store notices, and the messages that they call for, in the caller's transaction.

    An incident of PagerDuty that joined before, or one too many, calls for nothing: in a storm there are thousands.
    """
    joined: dict[str, set[str]] = {}
    for notice in told:
        if not journal.tell(connection, notice):
            continue
        mine = joined.get(notice.incident_id)
        if notice.kind == "paged" and mine is not None and (_paged(notice) <= mine or len(mine) >= PAGED_KEPT):
            continue
        story = journal.story(connection, notice.incident_id)
        if notice.kind == "paged":
            earlier = (one for one in story.notices if one.kind == "paged" and one.key != notice.key)
            before = {name for one in earlier for name in _paged(one)}
            joined[notice.incident_id] = before | _paged(notice)
            if _paged(notice) <= before:
                continue
        now = datetime.now(UTC).timestamp()
        for one in notifiers:
            journal.want(connection, one.name, notice.incident_id, one.wanted(story, notice), now)


def _paged(notice: Notice) -> set[str]:
    return set(notice.told.get("pagerduty") or ())
