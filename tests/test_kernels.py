"""Kernels that wait for their run: each for one run, bounded, without keys, and of the settings of now."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from homes import FINISH, home

from pitchey_ops.runbooks.execute import execute
from pitchey_ops.runbooks.lifecycle import Order, Prepared, prepare, remaining_s
from pitchey_ops.service.kernels import KernelPool, digest_of
from pitchey_ops.settings import load

pytestmark = pytest.mark.slow

LOOK = """import json, os, pathlib, sys
import pitchey_ops
seen = {
    "marks": [name for name in ("left_behind", "run", "Out") if name in globals() and name != "Out"],
    "module": getattr(pitchey_ops, "left_behind", None),
    "variable": os.environ.get("LEFT_BEHIND"),
    "pid": os.getpid(),
    "cwd": os.getcwd(),
    "run": os.environ["PITCHEY_OPS_RUN"],
    "prompt": get_ipython().execution_count,
    "environment": dict(os.environ),
}
(pathlib.Path(os.environ["PITCHEY_OPS_RUN"]).parent / f"{os.getpid()}.json").write_text(json.dumps(seen))
left_behind = pitchey_ops.left_behind = os.environ["LEFT_BEHIND"] = "yes"
os.chdir("/")
"""


def until(what: Callable[[], bool], within_s: float = 120.0) -> bool:
    """Wait for *what*; whether it came."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def pool(archive: Path) -> Iterator[KernelPool]:
    """A pool of one kernel."""
    made = KernelPool(1)
    yield made
    made.close()


def gone(pid: int) -> bool:
    """Whether a process is no more."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def carried_out(pool: KernelPool, tmp_path: Path, number: int) -> tuple[Prepared, dict[str, object], bool]:
    """Run a notebook that looks around in a kernel of *pool*; return what it saw and whether the kernel was ready."""
    settings = load()
    folder = tmp_path / f"work-{number}"
    folder.mkdir()
    prepared = prepare(Order(runbook="outage", run_id=f"RUN-20261123-08150{number}-ab2c"), stage=lambda _: folder)
    kernel = pool.take(settings, folder)
    execute(
        prepared.context,
        prepared.runbook.notebook,
        prepared.parameters,
        memory_limit_mb=settings.memory_limit_mb,
        remaining_s=remaining_s(prepared.context),
        kernel=kernel,
    )
    if kernel is not None:
        pool.done(kernel)
    (told,) = list(tmp_path.glob("*.json"))
    seen = json.loads(told.read_text())
    told.unlink()
    return prepared, seen, kernel is not None


def test_nothing_of_a_run_is_there_in_the_next(
    pool: KernelPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One alert's variables, modules, folder and environment must not colour the next one's report."""
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(home(tmp_path / "home", LOOK, FINISH)))
    monkeypatch.setenv("PITCHEY_OPS_SERVICE_URL", "postgresql://u:s3cret@h/d")
    monkeypatch.setenv("PITCHEY_OPS_WRITE_CLOUDFLARE_TOKEN", "wr1te")
    monkeypatch.setenv("PITCHEY_OPS_SIGNING_KEY_PASSWORD", "s1gn")
    monkeypatch.setenv("PITCHEY_OPS_API_TOKEN", "read-token")
    pids = []
    for number in range(2):
        pool.warm(load())
        assert until(lambda: pool.ready() == 1)
        prepared, seen, ready = carried_out(pool, tmp_path, number)
        pids.append(seen["pid"])
        environment = seen["environment"]
        assert ready
        assert (seen["marks"], seen["module"], seen["variable"]) == ([], None, None)
        assert seen["run"] == seen["cwd"] == str(prepared.context.folder)
        assert isinstance(environment, dict)
        assert environment["PITCHEY_OPS_API_TOKEN"] == "read-token"
        assert not {"postgresql://u:s3cret@h/d", "wr1te", "s1gn"} & set(environment.values())
        assert until(lambda: gone(int(str(pids[-1]))), 10)
    assert pids[0] != pids[1]


def test_an_empty_pool_hands_out_none_and_fills_up_behind(pool: KernelPool, tmp_path: Path) -> None:
    """A storm is larger than any pool: the run that finds it empty starts its own kernel and nobody waits."""
    (tmp_path / "a").mkdir()
    began = time.monotonic()
    assert pool.take(load(), tmp_path / "a") is None
    assert time.monotonic() - began < 5
    assert until(lambda: pool.ready() == 1)
    kernel = pool.take(load(), tmp_path / "a")
    assert kernel is not None
    assert until(lambda: pool.ready() == 1)
    pool.done(kernel)


def test_kernels_of_other_settings_are_thrown_away(
    pool: KernelPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that was changed must not go on being used by kernels that were started before."""
    pool.warm(load())
    assert until(lambda: pool.ready() == 1)
    (before,) = pool.pids()
    monkeypatch.setenv("PITCHEY_OPS_API_TOKEN", "another")
    assert pool.take(load(), tmp_path) is None
    assert until(lambda: gone(before), 10)
    assert until(lambda: pool.ready() == 1)
    assert pool.pids() != [before]


def test_a_kernel_that_died_while_it_waited_is_not_handed_out(pool: KernelPool, tmp_path: Path) -> None:
    """The machine may have killed it for its memory; the run must not find that out."""
    pool.warm(load())
    assert until(lambda: pool.ready() == 1)
    (pid,) = pool.pids()
    os.kill(pid, 9)
    assert until(lambda: gone(pid), 10)
    assert pool.take(load(), tmp_path) is None


def test_the_digest_tells_secrets_apart_and_shows_none(monkeypatch: pytest.MonkeyPatch, archive: Path) -> None:
    """Two tokens are two pools; the digest may stand in a log."""
    monkeypatch.setenv("PITCHEY_OPS_API_TOKEN", "one")
    first = digest_of(load())
    monkeypatch.setenv("PITCHEY_OPS_API_TOKEN", "two")
    assert digest_of(load()) != first
    assert "one" not in first


def test_ready_kernels_and_their_sockets_go_with_the_pool(archive: Path) -> None:
    """Nothing of ours may be left in the machine's temporary folder or process list."""
    import tempfile

    pool = KernelPool(1)
    pool.warm(load())
    assert until(lambda: pool.ready() == 1)
    (pid,) = pool.pids()
    pool.close()
    assert until(lambda: gone(pid), 10)
    mine = f"pitchey-ops-{os.getpid()}-*"
    assert until(lambda: not list(Path(tempfile.gettempdir()).glob(mine)), 10)


def test_runs_leave_no_file_descriptors_behind(
    pool: KernelPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker runs for months; three descriptors a run are its end after three hundred."""
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(home(tmp_path / "home", LOOK, FINISH)))
    counts = []
    for number in range(4):
        pool.warm(load())
        assert until(lambda: pool.ready() == 1)
        carried_out(pool, tmp_path, number)
        assert until(lambda: pool.ready() == 1)
        time.sleep(1.0)
        counts.append(psutil.Process().num_fds())
    assert counts[-1] <= counts[1] + 2, counts
