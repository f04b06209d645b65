"""Looks into an empty queue are left out, and no work waits longer for it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dbos import DBOSClient, _queue, _workflow_commands

from pitchey_ops.service import sparing
from pitchey_ops.service.engine_json import JsonSerializer

LOOK = ("executor", "1", None, 0)
WRAPPED = ("start_queued_workflows", "get_queue", "transition_delayed_workflows", "cancel_timed_out_workflows")


class Watched:
    """DBOS's own system database on a file, with what it is really asked."""

    def __init__(self, client: DBOSClient) -> None:
        self.client = client
        self.queues: Any = client._sys_db
        self.asked: list[str] = []
        for name in WRAPPED:
            setattr(self.queues, name, self._noting(name, getattr(self.queues, name)))
        sparing.spare_looks(self.queues)
        client.register_queue("runs", worker_concurrency=1, polling_interval_sec=60.0)
        self.queue = self.queues.get_queue("runs")
        self.asked.clear()

    def _noting(self, name: str, real: Any) -> Any:
        def noted(*given: Any, **named: Any) -> Any:
            self.asked.append(name)
            return real(*given, **named)

        return noted

    def enqueue(self, run: str, queue: str = "runs") -> None:
        self.client.enqueue({"workflow_name": "w", "queue_name": queue, "workflow_id": run, "app_version": "1"}, run)

    def look(self) -> Any:
        return self.queues.start_queued_workflows(self.queue, *LOOK, owner_xid="x", is_latest_version=None)


class Broken:
    """An engine whose database cannot be read."""

    def connect(self) -> Any:
        raise sa.exc.OperationalError("select", {}, Exception("locked"))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    url = f"sqlite:///{tmp_path / 'queue.sqlite'}"
    from dbos import DBOS

    DBOS.migrate(url)
    client = DBOSClient(system_database_url=url, serializer=JsonSerializer(), retry_connection_errors=False)
    yield Watched(client)
    client.destroy()


def test_an_empty_queue_is_not_looked_into(watched: Watched) -> None:
    """Looks into empty queues were a quarter of what a worker costs."""
    watched.enqueue("OTHER-1", "another")
    watched.asked.clear()
    for _ in range(10):
        assert watched.look() == ([], None)
    assert watched.asked == []


def test_what_is_enqueued_is_found_by_the_next_look_and_once(watched: Watched) -> None:
    """A look that is left out although there is work would let an incident wait."""
    assert watched.look() == ([], None)
    for run in ("RUN-1", "RUN-2"):
        watched.enqueue(run)
        assert watched.look()[0] == [run]
        assert watched.look() == ([], None)
    assert watched.asked.count("start_queued_workflows") == 2


def test_what_was_empty_is_asked_about_again_only_after_somebody_wrote(watched: Watched) -> None:
    """An idle worker looks nine times a second; one that took "nobody wrote" for granted would leave a run waiting."""
    statements: list[str] = []
    sa.event.listen(watched.queues.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    assert watched.look() == ([], None)
    assert len(statements) == 1
    for _ in range(5):
        assert watched.look() == ([], None)
    assert len(statements) == 1
    other = sa.create_engine(watched.queues.engine.url)  # as another process does
    with other.begin() as connection:
        connection.execute(sa.text("create table if not exists other (n integer)"))
    assert watched.look() == ([], None)
    assert len(statements) == 2
    watched.enqueue("RUN-1")
    assert watched.look()[0] == ["RUN-1"]
    other.dispose()


def test_a_queue_that_could_not_be_asked_about_is_asked_about_anew(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One failed question must not make an empty queue of one that holds a run, though nobody writes any more."""
    assert watched.look() == ([], None)
    watched.enqueue("RUN-1")
    with monkeypatch.context() as patch:
        patch.setattr(watched.queues, "engine", Broken())
        with pytest.raises(AttributeError):
            watched.look()
    assert watched.look()[0] == ["RUN-1"]


def test_work_that_is_put_off_or_late_is_looked_for_twice_a_minute(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is none of ours; what DBOS keeps for others is still done, and done again when its time has come."""
    later = ("transition_delayed_workflows", "cancel_timed_out_workflows")
    for _ in range(3):
        assert watched.queues.transition_delayed_workflows() is None
        assert watched.queues.cancel_timed_out_workflows(1000) == []
    assert tuple(watched.asked) == later
    monkeypatch.setattr(sparing, "LATER_S", 0.0)
    watched.queues.transition_delayed_workflows()
    watched.queues.cancel_timed_out_workflows(1000)
    assert tuple(watched.asked) == later + later


def test_what_dbos_says_of_a_queue_with_work_is_passed_on(watched: Watched) -> None:
    """Whether there is a free place is DBOS's to say."""
    watched.enqueue("RUN-1")
    full = watched.queues.start_queued_workflows(watched.queue, "executor", "1", None, 1, owner_xid="x")
    assert full == ([], "worker_concurrency")
    assert watched.look()[0] == ["RUN-1"]


def test_a_question_that_fails_is_no_empty_queue(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that cannot be read must not look like one without work."""
    watched.enqueue("RUN-1")
    real = watched.queues.engine
    monkeypatch.setattr(watched.queues, "engine", Broken())
    with pytest.raises(AttributeError):  # DBOS itself looks, and meets what is broken
        watched.look()
    monkeypatch.setattr(watched.queues, "engine", real)
    assert watched.asked == ["start_queued_workflows"]
    assert watched.look()[0] == ["RUN-1"]


def test_a_queue_s_settings_are_read_now_and_then(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changed settings take effect, seconds later at most; a queue that is gone is gone at once when asked anew."""
    monkeypatch.setattr(sparing, "SETTINGS_S", 3600.0)
    for _ in range(5):
        assert watched.queues.get_queue("runs").name == "runs"
    assert watched.asked == []  # it was read when it was made
    assert watched.queues.get_queue("gone") is None
    assert watched.queues.get_queue("gone") is None
    assert watched.asked == ["get_queue", "get_queue"]
    watched.client.register_queue("runs", worker_concurrency=7, polling_interval_sec=60.0)
    monkeypatch.setattr(sparing, "SETTINGS_S", 0.0)
    assert watched.queues.get_queue("runs")._worker_concurrency == 7


def test_dbos_does_its_work_by_the_methods_that_are_wrapped() -> None:
    """The engine's version is pinned; whoever raises it learns here what to look at."""
    source = inspect.getsource(_queue.queue_worker_thread)
    assert "dbos._sys_db.start_queued_workflows(" in source
    assert "dbos._sys_db.get_queue(queue.name)" in source
    source = inspect.getsource(_workflow_commands.background_jobs_thread)
    assert "dbos._sys_db.transition_delayed_workflows()" in source
    assert "dbos._sys_db.cancel_timed_out_workflows(" in source
