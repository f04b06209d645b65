"""
Tables of incidents: what was received, what belongs together, and what happened when.

``ops_events`` is the timeline: its position counts up within an incident without gaps, and every alert that was
answered with 2xx has exactly one row there.
"""

from __future__ import annotations

import sqlalchemy as sa

from .db import Utc, metadata

incidents = sa.Table(
    "ops_incidents",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("service", sa.String(200), nullable=True),
    sa.Column("sender", sa.String(64), nullable=False),
    sa.Column("severity", sa.String(2), nullable=False),
    sa.Column("overruled", sa.String(2), nullable=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("opened_at", Utc, nullable=False),
    sa.Column("clock_at", Utc, nullable=False),
    sa.Column("respond_by", Utc, nullable=False),
    sa.Column("last_alert_at", Utc, nullable=False),
    sa.Column("acknowledged_at", Utc, nullable=True),
    sa.Column("acknowledged_by", sa.String(200), nullable=True),
    sa.Column("resolved_at", Utc, nullable=True),
    sa.Column("resolved_by", sa.String(200), nullable=True),
    sa.Column("verdict", sa.Text, nullable=True),
    sa.Column("alerts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("events", sa.Integer, nullable=False, server_default="0"),
    sa.Column("flushed", sa.Integer, nullable=False, server_default="0"),
    sa.Column("updated_at", Utc, nullable=False),
    sa.Index("ix_ops_incidents_state", "state", "opened_at"),
    sa.Index("ix_ops_incidents_service", "service", "last_alert_at"),
)

events = sa.Table(
    "ops_events",
    metadata,
    sa.Column("incident_id", sa.String(32), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", Utc, nullable=False),
    sa.Column("event", sa.String(32), nullable=False),
    sa.Column("entry", sa.Text, nullable=False),
)

troubles = sa.Table(
    "ops_troubles",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("incident_id", sa.String(32), nullable=False, index=True),
    sa.Column("firing", sa.Boolean, nullable=False),
    sa.Column("changed_at", Utc, nullable=False),
)
"""What a sender names as one trouble (a digest of sender and its key) and the incident that it belongs to."""

deliveries = sa.Table(
    "ops_deliveries",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("seen_at", Utc, nullable=False, index=True),
)
"""Deliveries that were taken: a digest of sender and what names the delivery."""

asked = sa.Table(
    "ops_asked",
    metadata,
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("incident_id", sa.String(32), nullable=False, index=True),
    sa.Column("runbook", sa.String(64), nullable=False),
    sa.Column("reason", sa.String(16), nullable=False),
    sa.Column("severity", sa.String(2), nullable=False),
    sa.Column("step", sa.String(64), nullable=True),
    sa.Column("began_at", Utc, nullable=False),
    sa.Column("due_at", Utc, nullable=False),
    sa.Column("reported_at", Utc, nullable=True),
    sa.Column("state", sa.String(16), nullable=True),
)
"""Runs that incidents asked for. ``began_at`` is when their series began (watching), else ``due_at``."""

granted = sa.Table(
    "ops_granted",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("sender", sa.String(64), nullable=False),
    sa.Column("what", sa.String(16), nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Index("ix_ops_granted_sender", "sender", "what", "at"),
)
"""What senders used of their quotas."""
