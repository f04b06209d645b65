"""Kernels that wait for their run: each for one run, bounded, without keys, and of the settings of now."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from homes import FINISH, home

from pitchey_ops.runbooks import nursery
from pitchey_ops.runbooks.execute import execute
from pitchey_ops.runbooks.lifecycle import Order, Prepared, prepare, remaining_s
from pitchey_ops.runbooks.starting import kernel_environment
from pitchey_ops.service import forking
from pitchey_ops.service.kernels import FORK_TRIES, KernelPool, digest_of
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
    "for a debugger": get_ipython().kernel._kernel_modules,
    "modules": len(sys.modules),
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


WAYS = [pytest.param(True, id="forked"), pytest.param(False, id="started")]


@pytest.fixture(params=WAYS)
def pool(archive: Path, request: pytest.FixtureRequest) -> Iterator[KernelPool]:
    """A pool of one kernel, forked or started by itself."""
    made = KernelPool(1, fork=request.param)
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
        assert until(lambda: gone(int(str(pids[-1]))), 60)
    assert pids[0] != pids[1]


@pytest.mark.parametrize("fork", WAYS)
def test_what_a_person_set_up_for_ipython_does_not_reach_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: Path, fork: bool
) -> None:
    """A start-up file under somebody's home could change what a report says, and end a run before it begins."""
    own = tmp_path / "own"
    profile = own / "profile_default"
    (profile / "startup").mkdir(parents=True)
    sign = tmp_path / "sign"
    (profile / "startup" / "00-mine.py").write_text(f"open({str(sign)!r}, 'a').write('startup')\nleft_behind = 1\n")
    for name in ("ipython_config.py", "ipython_kernel_config.py"):
        lines = f"import sys\nsys.modules['json'].left = open({str(sign)!r}, 'a').write('{name}')\n"
        (profile / name).write_text(f"{lines}c.InteractiveShellApp.exec_lines = ['left_behind = 2']\n")
    (tmp_path / "start.py").write_text(f"open({str(sign)!r}, 'a').write('PYTHONSTARTUP')\n")
    monkeypatch.setenv("IPYTHONDIR", str(own))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "start.py"))
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(home(tmp_path / "home", LOOK, FINISH)))
    pool = KernelPool(1, fork=fork)
    try:
        pool.warm(load())
        assert until(lambda: pool.ready() == 1)
        _, seen, ready = carried_out(pool, tmp_path, 0)
    finally:
        pool.close()
    assert ready
    assert seen["marks"] == []
    assert not sign.exists(), sign.read_text()


def test_a_kernel_does_not_list_its_modules_for_a_debugger(
    pool: KernelPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking at each of them makes a copy of the page that it lies on: eight megabytes in every kernel."""
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(home(tmp_path / "home", LOOK, FINISH)))
    pool.warm(load())
    assert until(lambda: pool.ready() == 1)
    _, seen, ready = carried_out(pool, tmp_path, 0)
    assert ready
    assert seen["for a debugger"] == []
    assert isinstance(seen["modules"], int)
    assert seen["modules"] > 1000


def test_an_empty_pool_hands_out_none_and_fills_up_behind(pool: KernelPool, tmp_path: Path) -> None:
    """A storm is larger than any pool: the run that finds it empty starts its own kernel and nobody waits."""
    (tmp_path / "a").mkdir()
    assert pool.take(load(), tmp_path / "a") is None
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
    assert until(lambda: gone(before), 60)
    assert until(lambda: pool.ready() == 1)
    assert pool.pids() != [before]


def test_a_kernel_that_died_while_it_waited_is_not_handed_out(pool: KernelPool, tmp_path: Path) -> None:
    """The machine may have killed it for its memory; the run must not find that out."""
    pool.warm(load())
    assert until(lambda: pool.ready() == 1)
    (pid,) = pool.pids()
    os.kill(pid, 9)
    assert until(lambda: gone(pid), 60)
    taken = pool.take(load(), tmp_path)  # none, or one that was forked in the moment between
    assert taken is None or (taken.alive() and taken.pid != pid)
    if taken is not None:
        pool.done(taken)


def test_the_digest_tells_secrets_apart_and_shows_none(monkeypatch: pytest.MonkeyPatch, archive: Path) -> None:
    """Two tokens are two pools; the digest may stand in a log."""
    monkeypatch.setenv("PITCHEY_OPS_API_TOKEN", "one")
    first = digest_of(load())
    monkeypatch.setenv("PITCHEY_OPS_API_TOKEN", "two")
    assert digest_of(load()) != first
    assert "one" not in first


@pytest.mark.parametrize("fork", WAYS)
def test_ready_kernels_and_their_sockets_go_with_the_pool(archive: Path, fork: bool) -> None:
    """Nothing of ours may be left in the machine's temporary folder or process list."""
    import tempfile

    before = psutil.Process().children(recursive=True)  # servers that other tests of this process still need
    pool = KernelPool(1, fork=fork)
    pool.warm(load())
    assert until(lambda: pool.ready() == 1)
    children = [child for child in psutil.Process().children(recursive=True) if child not in before]
    assert pool.pids()[0] in [child.pid for child in children]
    pool.close()
    assert until(lambda: all(gone(child.pid) for child in children), 60)
    mine = f"pitchey-ops-{os.getpid()}-*"
    assert until(lambda: not list(Path(tempfile.gettempdir()).glob(mine)), 60)


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


def nursery_of(pid: int) -> psutil.Process:
    """The process that forked a kernel."""
    found = psutil.Process(pid).parent()
    assert found is not None
    assert nursery.__name__ in " ".join(found.cmdline())
    return found


def test_a_forked_kernel_draws_and_asks_like_one_that_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: Path
) -> None:
    """A fork that has lost a thread, a font or a table of Polars would show it here."""
    cells = (
        """import json, os, pathlib
import polars as pl
from matplotlib.figure import Figure
from pitchey_ops import investigate
window, environment, alert_at, services, error_share_limit, p95_limit_ms = "", "", "", [], 0.05, 2000.0
table = pl.DataFrame({"key": ["a", "b"] * 50_000, "value": range(100_000)})
sums = table.group_by("key").agg(pl.col("value").sum()).sort("key").to_dicts()
figure = Figure()
figure.subplots().plot([1, 2, 3])
path = pathlib.Path(os.environ["PITCHEY_OPS_RUN"]).parent / "drawn.png"
figure.savefig(path)
(path.parent / "told.json").write_text(json.dumps({"sums": sums, "bytes": path.stat().st_size, "pid": os.getpid()}))
""",
        FINISH,
    )
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(home(tmp_path / "home", *cells)))
    pool = KernelPool(1)
    try:
        pool.warm(load())
        assert until(lambda: pool.ready() == 1)
        (pid,) = pool.pids()
        assert nursery_of(pid).is_running()
        _, seen, ready = carried_out(pool, tmp_path, 0)
    finally:
        pool.close()
    assert ready
    assert seen["pid"] == pid
    assert seen["sums"] == [{"key": "a", "value": 2_499_950_000}, {"key": "b", "value": 2_500_000_000}]
    assert int(str(seen["bytes"])) > 1000


@pytest.mark.skipif(not forking.POSSIBLE, reason="kernels are forked on Linux alone")
def test_of_a_kernel_its_companion_and_what_it_started_nothing_stays_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: Path
) -> None:
    """A service that runs for months must gather no processes, in a container where nobody else cares for orphans."""
    started = (
        LOOK
        + """
import subprocess
from pitchey_ops import companion
alone = subprocess.Popen(["sleep", "0.2"], start_new_session=True)
beside = subprocess.Popen(["sleep", "600"])
seen |= {"companion": companion.elsewhere(os.getpid), "alone": alone.pid, "beside": beside.pid}
(pathlib.Path(os.environ["PITCHEY_OPS_RUN"]).parent / f"{os.getpid()}.json").write_text(json.dumps(seen))
"""
    )
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(home(tmp_path / "home", started, FINISH)))
    pool = KernelPool(1)
    try:
        pool.warm(load())
        assert until(lambda: pool.ready() == 1)
        forker = nursery_of(pool.pids()[0])
        _, seen, ready = carried_out(pool, tmp_path, 0)
        pids = [int(str(seen[name])) for name in ("pid", "companion", "alone", "beside")]
        assert ready
        assert len(set(pids)) == 4
        assert until(lambda: all(gone(pid) for pid in pids), 60)
        assert until(lambda: pool.ready() == 1)
        kernel = pool.take(load(), tmp_path / "work-0")  # the next order finds what was left
        assert kernel is not None
        pool.done(kernel)
        assert until(lambda: pool.ready() == 1 and kernel.pid not in {child.pid for child in forker.children()})
        left = {child.pid for child in forker.children()}
    finally:
        pool.close()
    assert not left & set(pids)


def test_a_run_goes_on_when_the_settings_change_and_its_nursery_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: Path
) -> None:
    """Kernels of old settings that wait are thrown away; the one that carries out a run ends with its run."""
    pool = KernelPool(1)
    try:
        pool.warm(load())
        assert until(lambda: pool.ready() == 1)
        (tmp_path / "run").mkdir()
        kernel = pool.take(load(), tmp_path / "run")
        assert kernel is not None
        assert kernel.pid is not None
        old = nursery_of(kernel.pid)
        assert until(lambda: pool.ready() == 1)
        monkeypatch.setenv("PITCHEY_OPS_API_TOKEN", "another")
        pool.warm(load())
        assert until(lambda: pool.ready() == 1 and nursery_of(pool.pids()[0]).pid != old.pid)
        assert kernel.alive()
        pool.done(kernel)
        assert until(lambda: gone(old.pid), 60)
    finally:
        pool.close()


def test_a_nursery_that_was_killed_is_replaced_and_one_that_never_comes_up_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Warm kernels are a matter of speed: what goes wrong with them must cost no run, and be told."""
    pool = KernelPool(1)
    try:
        pool.warm(load())
        assert until(lambda: pool.ready() == 1)
        (pid,) = pool.pids()
        nursery_of(pid).kill()
        assert until(lambda: gone(pid), 60)
        (tmp_path / "run").mkdir()
        assert pool.take(load(), tmp_path / "run") is None
        assert until(lambda: pool.ready() == 1)
        assert nursery_of(pool.pids()[0]).is_running()
        monkeypatch.setattr(forking.nursery_module, "__name__", "pitchey_ops.no_such_module")
        monkeypatch.setenv("PITCHEY_OPS_API_TOKEN", "another")
        pool.warm(load())
        assert until(lambda: pool.ready() == 1)
        command = psutil.Process(pool.pids()[0]).cmdline()
    finally:
        pool.close()
    assert "pitchey_ops.runbooks.kernel" in command
    assert caplog.text.count("kernels cannot be forked") == FORK_TRIES + 1
    assert "from now on each is started by itself" in caplog.text


def test_a_nursery_with_a_second_thread_refuses_to_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other thread held at that moment would be held for ever in the fork."""
    ours, theirs = socket.socketpair()
    done = threading.Event()
    threading.Thread(target=done.wait, daemon=True).start()
    serving = threading.Thread(target=nursery._serve, args=(theirs, None), daemon=True)
    serving.start()
    with ours:
        first = json.loads(ours.makefile("rb").readline())
    done.set()
    assert first["ready"] is False
    assert "threads are running" in first["because"]


def test_a_forked_process_is_told_from_another_of_the_same_number(archive: Path) -> None:
    """Its end is seen once, its code stays, and signals after it reach nobody."""
    source = forking.Nursery(kernel_environment())
    try:
        process = source.fork("/nowhere/kernel.json", "/", archive.parent / "kernel.log")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.0)
        process.send_signal(signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL
        assert process.poll() == -signal.SIGKILL
        process.kill()
        process.terminate()
    finally:
        source.close()
    with pytest.raises(forking.NoNursery):
        source.fork("/nowhere/kernel.json", "/", archive.parent / "kernel.log")


def test_notes_that_libraries_leave_in_the_environment_change_no_pool(
    monkeypatch: pytest.MonkeyPatch, archive: Path
) -> None:
    """Polars appends to a variable of its allocator whenever it is imported: no reason to throw kernels away."""
    first = digest_of(load())
    monkeypatch.setenv("_RJEM_MALLOC_CONF", "dirty_decay_ms:500")
    assert digest_of(load()) == first
