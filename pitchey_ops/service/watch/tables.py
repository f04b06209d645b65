"""
What the watch keeps: a row for each look and probe, rolled up after a while; and who took which minute.

``ops_history`` holds the last day by the minute, ``ops_history_spans`` the time before it by ten minutes and by the
hour. A minute without a row ``watch/look`` is one in which nobody looked: unseen, never fine.
"""

from __future__ import annotations

import sqlalchemy as sa

from ..db import Utc, metadata

looks = sa.Table(
    "ops_history_looks",
    metadata,
    sa.Column("minute", Utc, primary_key=True),
    sa.Column("began_at", Utc, nullable=False),
    sa.Column("worker", sa.String(64), nullable=False),
)
"""Who looks in which minute: the key lets one process do it, however many tick."""

rows = sa.Table(
    "ops_history",
    metadata,
    sa.Column("minute", Utc, primary_key=True),
    sa.Column("probe", sa.String(120), primary_key=True),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("took_ms", sa.Float, nullable=True),
    sa.Column("value", sa.Float, nullable=True),
    sa.Column("count", sa.Integer, nullable=True),
    sa.Column("newest", Utc, nullable=True),
    sa.Column("detail", sa.String(120), nullable=False),
)
"""
One answer. ``state`` is ok, failing, missing (the route is not part of the deployment), empty, blind or unseen.

``value`` is the share of failing requests for ``edge/...`` (0-1), seconds since the newest entry for ``flow/...``, the
sum of counters for ``security/...``; ``count`` what it was computed of.
"""

spans = sa.Table(
    "ops_history_spans",
    metadata,
    sa.Column("probe", sa.String(120), primary_key=True),
    sa.Column("length_s", sa.Integer, primary_key=True),
    sa.Column("start", Utc, primary_key=True),
    sa.Column("looks", sa.Integer, nullable=False),
    sa.Column("failing", sa.Integer, nullable=False),
    sa.Column("unseen", sa.Integer, nullable=False),
    sa.Column("p50_ms", sa.Float, nullable=True),
    sa.Column("p95_ms", sa.Float, nullable=True),
    sa.Column("value_p50", sa.Float, nullable=True),
    sa.Column("value_p95", sa.Float, nullable=True),
    sa.Column("newest", Utc, nullable=True),
    sa.Index("ix_ops_history_spans_start", "length_s", "start"),
)
"""Ten minutes (600) or an hour (3600) of one probe. Looks that could not see count as ``unseen`` only."""

alarms = sa.Table(
    "ops_history_alarms",
    metadata,
    sa.Column("subject", sa.String(32), primary_key=True),
    sa.Column("firing", sa.Boolean, nullable=False),
    sa.Column("changed_at", Utc, nullable=False),
)
"""What the watch itself raised and has not taken back."""
