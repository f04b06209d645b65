"""What was told to the notifiers, and which message of which channel carries it: an outbox, and its journal."""

from __future__ import annotations

import sqlalchemy as sa

from ..db import metadata

notices = sa.Table(
    "ops_notices",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String(160), nullable=False, unique=True),
    sa.Column("incident_id", sa.String(32), nullable=False, index=True),
    sa.Column("run_id", sa.String(32), nullable=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("told", sa.Text, nullable=False),
)
"""One row for each thing that happened to an incident. ``at`` in seconds since 1970, UTC."""

messages = sa.Table(
    "ops_messages",
    metadata,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("notifier", sa.String(20), nullable=False),
    sa.Column("incident_id", sa.String(32), nullable=False, index=True),
    sa.Column("part", sa.String(160), nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("made_at", sa.Float, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("delivered", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("unsure", sa.Boolean, nullable=False),
    sa.Column("next_at", sa.Float, nullable=False),
    sa.Column("lease_by", sa.String(64), nullable=True),
    sa.Column("lease_until", sa.Float, nullable=False),
    sa.Column("ref", sa.String(64), nullable=True),
    sa.Column("sent_at", sa.Float, nullable=True),
    sa.Column("given_up", sa.Boolean, nullable=False),
    sa.Column("error", sa.String(300), nullable=True),
    sa.Index("ix_ops_messages_open", "notifier", "given_up", "next_at"),
)
"""
One row for each message: due while ``delivered < revision``.

``ref`` is the far side's name for it (Slack's ``ts`` or file id, PagerDuty's note id); ``unsure`` says that an attempt
began whose end nobody saw, so that the far side is asked before anything is sent again.
"""
