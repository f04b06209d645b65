"""What a sender may start within an hour: above it alerts are stored, and neither page nor push ahead."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from .. import incident_tables as t

WITHIN = timedelta(hours=1)

What = Literal["incident", "P1", "P2", "run"]


def granted(connection: sa.Connection, sender: str, what: What, limit: int, now: datetime) -> bool:
    """
    Whether *sender* may once more; what it used is counted in the database, by all processes together.

    The caller has the turn of `incident_rows.turn`, so that two of them cannot use the last one twice.
    """
    mine = (t.granted.c.sender == sender[:64]) & (t.granted.c.what == what)
    used = connection.execute(
        sa.select(sa.func.count()).select_from(t.granted).where(mine & (t.granted.c.at > now - WITHIN))
    ).scalar_one()
    if used >= limit:
        return False
    connection.execute(sa.delete(t.granted).where(mine & (t.granted.c.at <= now - WITHIN)))
    connection.execute(sa.insert(t.granted).values(sender=sender[:64], what=what, at=now))
    return True
