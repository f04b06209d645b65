"""What a worker has done in a fork of its kernels' nursery, so that it stays small: the look at the platform."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitchey_ops.runbooks.starting import kernel_environment
from pitchey_ops.service.forking import CallFailed, NoNursery, Nursery
from pitchey_ops.service.kernels import KernelPool
from pitchey_ops.service.watch.apart import asks_apart, given_of, rows_from_json, rows_to_json, to_give
from pitchey_ops.service.watch.asked import ask
from pitchey_ops.service.watch.rows import LOOK, Row, settled
from pitchey_ops.settings import Settings, load

NOW = datetime(2026, 11, 23, 8, 15, tzinfo=UTC)
times = st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1))  # noqa: DTZ001
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
rows = st.builds(
    Row,
    probe=st.text(),
    state=st.sampled_from(["ok", "failing", "missing", "empty", "blind", "unseen"]),
    took_ms=numbers,
    value=numbers,
    count=st.none() | st.integers(0, 10**9),
    newest=st.none() | times,
    detail=st.text(),
    silent=st.booleans(),
)


@given(st.lists(rows))
def test_rows_come_back_from_a_fork_as_they_were(found: list[Row]) -> None:
    """What a row lost on its way would be missing from the history for ninety days."""
    assert rows_from_json(rows_to_json(found)) == found


@given(times, st.dictionaries(st.text(), st.tuples(times, st.text(), st.none() | st.integers(0))))
def test_a_fork_is_told_the_same_as_this_process_would_use(now: datetime, last: dict[str, Any]) -> None:
    """Else the fork would ask other flows than are due."""
    assert given_of(to_give(Settings(), now, last)) == ("sandbox", now, last)


def test_serve_and_worker_start_without_the_tables() -> None:
    """Polars alone is thirty megabytes in each of them for as long as they live."""
    code = (
        "import sys\nimport pitchey_ops.service.engine, pitchey_ops.service.app, pitchey_ops.service.handover\n"
        "import pitchey_ops.service.watch.keeper, pitchey_ops.runbooks.lifecycle, pitchey_ops.reports.build\n"
        "print([name for name in ('polars', 'pandas', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def nursery(archive: Path) -> Iterator[Nursery]:
    """A nursery with the variables of a kernel."""
    made = Nursery(kernel_environment())
    yield made
    made.close()


@pytest.mark.slow
def test_a_call_answers_fails_or_is_ended_and_the_next_one_is_answered(
    nursery: Nursery,
) -> None:
    """Whatever one call does, the nursery goes on, no process stays behind, and no answer is made up."""
    assert nursery.call("os.path:basename", "/a/b", within_s=60) == "b"
    with pytest.raises(CallFailed, match="status 1"):
        nursery.call("os:listdir", "/no/such/folder", within_s=60)
    with pytest.raises(CallFailed, match="status 1"):  # an answer that is no JSON is none
        nursery.call("pathlib:Path", "/", within_s=60)
    with pytest.raises(CallFailed, match="not done within"):
        nursery.call("time:sleep", 60, within_s=0.3)
    assert nursery.call("os.path:basename", "/a/c", within_s=60) == "c"
    assert psutil.Process(nursery._process.pid).children() == []


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["settings", "archive"])
def test_a_nursery_comes_up_whatever_is_wrong_with_what_it_gets_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """Its kernels tell what is wrong in a report; without it each would only take longer to do so."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(tmp_path / "file" / "archive"))
    monkeypatch.setenv("PITCHEY_OPS_REDACT_ADDRESSES", "hash" if wrong == "archive" else "perhaps")
    made = Nursery(kernel_environment(0))
    try:
        assert made.call("os.path:basename", "/a/b", within_s=60) == "b"
    finally:
        made.close()


@pytest.mark.slow
def test_a_call_whose_process_or_nursery_is_killed_says_so(nursery: Nursery) -> None:
    """SIGKILL in the middle of a look is an unseen minute, not a worker that waits for ever."""
    for victim in ("call", "nursery"):
        found: list[BaseException] = []

        def call(found: list[BaseException] = found) -> None:
            try:
                nursery.call("time:sleep", 60, within_s=50)
            except CallFailed as exc:
                found.append(exc)

        caller = threading.Thread(target=call)
        caller.start()
        process = psutil.Process(nursery._process.pid)
        deadline = time.monotonic() + 30
        while not process.children() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.children()[0].pid if victim == "call" else process.pid, signal.SIGKILL)
        caller.join(45)
        assert not caller.is_alive()
        assert "status -9" in str(found[0])
    with pytest.raises(NoNursery):
        nursery.call("os.path:basename", "/a/b", within_s=60)


@pytest.mark.slow
def test_a_look_in_a_fork_sees_what_a_look_here_sees(sandbox: str) -> None:
    """The fork has the settings and the variables of a kernel, and they must be enough for every question."""
    settings = load()
    now = datetime.now(UTC)
    last = {"flow/logs/auth": (now - timedelta(hours=1), "ok", 3)}
    pool = KernelPool(1)
    try:
        there = settled(asks_apart(pool, settings, now, last))
    finally:
        pool.close()
    here = settled(ask(settings, now, last))
    assert [row.probe for row in there] == [row.probe for row in here]
    # a sick route answers one way and the other, and a flow may get an entry: but nothing is unseen only from there
    unseen = [{row.probe for row in rows if row.state == "unseen"} for rows in (there, here)]
    assert unseen[0] == unseen[1]
    ours = ("api/", "flow/", "edge/")
    steady = [[(row.probe, row.state) for row in rows if not row.probe.startswith(ours)] for rows in (there, here)]
    assert steady[0] == steady[1]
    assert len(steady[0]) >= 3
    assert {row.probe: row.state for row in there}[LOOK] == "ok"
    assert len(there) > 10


@pytest.mark.slow
def test_without_a_nursery_a_look_is_done_here(sandbox: str) -> None:
    """Where kernels are not forked the platform is looked at all the same."""
    found = settled(asks_apart(KernelPool(0), load(), datetime.now(UTC), {}))
    assert {row.probe: row.state for row in found}[LOOK] == "ok"


def test_a_look_whose_fork_failed_saw_nothing(archive: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Unseen is told, never fine: a minute whose look came to nothing has no row that says ok."""

    class Failing(KernelPool):
        def call(self, *given: Any, **more: Any) -> Any:
            raise CallFailed("its process ended with status -9")

    with caplog.at_level(logging.WARNING):
        found = settled(asks_apart(Failing(0), Settings(), NOW, {}))
    assert [(row.probe, row.state) for row in found] == [(LOOK, "unseen")]
    assert "nothing is known of this minute" in caplog.text
