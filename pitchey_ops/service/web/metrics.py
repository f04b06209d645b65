"""What Prometheus reads: counted in the database when it asks, so that every process tells the same."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from ..db import reading
from ..engine_tables import workers
from ..incident_tables import incidents
from ..notify import journal
from ..orders import due_since, oldest_waiting, orders
from ..state import State

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 300.0, 900.0)
LATE = timedelta(minutes=15)
"""Clocks of machines differ, and ends are written in any order: so far back is looked again."""
ALIVE = timedelta(seconds=30)
READ_AT_ONCE = 5000


class Histogram:
    """Durations, counted by bucket."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration."""
        at = next((n for n, bound in enumerate(BUCKETS_S) if seconds <= bound), len(BUCKETS_S))
        self.counts[at] += 1
        self.total_s += max(seconds, 0.0)

    def buckets(self) -> list[tuple[str, float]]:
        """Return the cumulated counts."""
        names = [*(f"{bound:g}" for bound in BUCKETS_S), "+Inf"]
        return [(name, float(sum(self.counts[: n + 1]))) for n, name in enumerate(names)]


class Service(Collector):
    """Everything about the service, out of its database."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._since: datetime | None = None
        self._seen: dict[str, datetime] = {}
        self._results: Counter[tuple[str, str]] = Counter()
        self._took, self._waited = Histogram(), Histogram()

    def describe(self) -> list[Metric]:
        """Return nothing: what there is, is only known when it is asked for."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read the database; where it does not answer, only ``pitchey_ops_up 0`` is told."""
        try:
            with self._lock:
                found = list(self._read())
        except SQLAlchemyError:
            found = [GaugeMetricFamily("pitchey_ops_up", "Whether the service's database answers.", 0)]
        yield from found

    def _read(self) -> Iterator[Metric]:
        now = self._state.clock.now()
        with reading(self._state.db) as connection:
            depth = connection.execute(
                sa.select(orders.c.severity, orders.c.state, sa.func.count())
                .where(orders.c.state.in_(("placed", "queued", "running")))
                .where(due_since <= now)
                .group_by(orders.c.severity, orders.c.state)
            ).all()
            planned = connection.execute(
                sa.select(sa.func.count()).where(orders.c.state == "placed", due_since > now)
            ).scalar_one()
            oldest = oldest_waiting(connection, now)
            opened = connection.execute(
                sa.select(incidents.c.severity, incidents.c.state, sa.func.count())
                .where(incidents.c.state != "resolved")
                .group_by(incidents.c.severity, incidents.c.state)
            ).all()
            waiting, given_up = journal.waiting(connection), journal.given_up(connection)
            alive = connection.execute(
                sa.select(sa.func.count()).where(workers.c.stopped_at.is_(None), workers.c.beat_at > now - ALIVE)
            ).scalar_one()
            self._finished(connection)
        yield GaugeMetricFamily("pitchey_ops_up", "Whether the service's database answers.", 1)
        yield GaugeMetricFamily("pitchey_ops_workers", "Workers with a sign of life in the last 30 s.", alive)
        queue = GaugeMetricFamily(
            "pitchey_ops_queue_depth", "Runs that are due and have no report yet.", labels=["severity", "state"]
        )
        counted = {(level, state): count for level, state, count in depth}
        for level in ("P1", "P2", "P3", "P4"):
            for state in ("placed", "queued", "running"):
                queue.add_metric([level, state], counted.get((level, state), 0))
        yield queue
        yield GaugeMetricFamily("pitchey_ops_runs_planned", "Runs whose time has not come (watching).", planned)
        age_s = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
        yield GaugeMetricFamily(
            "pitchey_ops_oldest_alert_age_seconds", "Since when the oldest alert waits for its report; 0: none.", age_s
        )
        current = GaugeMetricFamily(
            "pitchey_ops_incidents_open", "Incidents that are not resolved.", labels=["severity", "state"]
        )
        for level, state, count in opened:
            current.add_metric([level, state], count)
        yield current
        results = CounterMetricFamily(
            "pitchey_ops_runs", "Runs that ended, by verdict (failed: no report).", labels=["runbook", "result"]
        )
        for (runbook, result), count in sorted(self._results.items()):
            results.add_metric([runbook, result], count)
        yield results
        yield _histogram("pitchey_ops_run_seconds", "From a run's start to its end.", self._took)
        yield _histogram("pitchey_ops_alert_to_report_seconds", "From an alert to its archived report.", self._waited)
        messages = GaugeMetricFamily("pitchey_ops_messages_waiting", "Messages not delivered yet.", labels=["notifier"])
        age = GaugeMetricFamily(
            "pitchey_ops_message_oldest_age_seconds", "Since when the oldest message waits.", labels=["notifier"]
        )
        for name, (count, since) in sorted(waiting.items()):
            messages.add_metric([name], count)
            age.add_metric([name], max(0.0, now.timestamp() - since))
        yield messages
        yield age
        lost = GaugeMetricFamily("pitchey_ops_messages_given_up", "Messages given up.", labels=["notifier"])
        for name, count in sorted(given_up.items()):
            lost.add_metric([name], count)
        yield lost

    def _finished(self, connection: sa.Connection) -> None:
        """Count the runs that ended since the last look, each once."""
        columns = (orders.c.run_id, orders.c.runbook, orders.c.state, orders.c.reason, orders.c.verdict)
        times = (orders.c.placed_at, orders.c.started_at, orders.c.ended_at)
        chosen = sa.select(*columns, *times).where(orders.c.state.in_(("archived", "failed")))
        if self._since is not None:
            chosen = chosen.where(orders.c.ended_at > self._since - LATE)
        result = connection.execution_options(yield_per=READ_AT_ONCE).execute(chosen)
        for run, runbook, state, reason, verdict, placed, started, ended in result:
            if run in self._seen or ended is None:
                continue
            self._seen[run] = ended
            self._since = max(ended, self._since or ended)
            self._results[str(runbook), _result(state, verdict)] += 1
            if started is not None:
                self._took.add((ended - started).total_seconds())
            if reason == "alert" and state == "archived":
                self._waited.add((ended - placed).total_seconds())
        keep = (self._since or datetime.now(UTC)) - 2 * LATE
        self._seen = {run: at for run, at in self._seen.items() if at > keep}


def registry(state: State) -> CollectorRegistry:
    """Return the registry of one service."""
    made = CollectorRegistry(auto_describe=False)
    made.register(Service(state))
    return made


def text(known: CollectorRegistry) -> bytes:
    """Return what ``/metrics`` answers."""
    return generate_latest(known)


def _result(state: str, verdict: str | None) -> str:
    if state == "failed":
        return "failed"
    try:
        found = json.loads(verdict or "{}").get("state")
    except (ValueError, AttributeError):
        found = None
    return found if found in ("incident", "healthy", "inconclusive") else "unknown"


def _histogram(name: str, words: str, known: Histogram) -> Metric:
    made = HistogramMetricFamily(name, words)
    made.add_metric([], known.buckets(), known.total_s)
    return made
