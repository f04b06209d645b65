"""The kernel of a run: bounded, without credentials, and gone when its runner is gone."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from channels import closed_port
from homes import FINISH, INVESTIGATE, home, ops, told

from pitchey_ops.clock import SystemClock
from pitchey_ops.runbooks import given
from pitchey_ops.runbooks.context import RunContext
from pitchey_ops.runbooks.lifecycle import remaining_s
from pitchey_ops.runbooks.starting import OwnKernel
from pitchey_ops.settings import RUN_VARIABLE, SECRET_FIELDS, Settings
from pitchey_ops.sources._budget import Budget

pytestmark = pytest.mark.slow
NOWHERE = "http://127.0.0.1:9"


def _kernels(pid: int) -> list[psutil.Process]:
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [child for child in children if "pitchey_ops.runbooks.kernel" in _command(child)]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _until(what: object, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if what():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def test_a_kernel_gets_no_keys_and_no_write_credentials(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an alert started may only read: it must not hold what could sign or change anything."""
    look = """import json, os, pathlib
pathlib.Path(os.environ["SEEN_AT"]).write_text(json.dumps(dict(os.environ)))"""
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(home(tmp_path / "home", look, INVESTIGATE, FINISH)))
    secrets = {
        "PITCHEY_OPS_SIGNING_KEY_PASSWORD": "s1gning",
        "PITCHEY_OPS_WRITE_CLOUDFLARE_TOKEN": "wr1te",
        "PITCHEY_OPS_WRITE_SLACK_TOKEN": "wr1te",
    }
    with closed_port() as port:
        env = {
            **secrets,
            "SEEN_AT": str(tmp_path / "seen.json"),
            "PITCHEY_OPS_ORIGIN": f"http://127.0.0.1:{port}",
            "PITCHEY_OPS_API_TOKEN": "read-token",
        }
        answer = told(ops("run", "outage", "--json", env=env))
    seen = json.loads((tmp_path / "seen.json").read_text())

    assert answer["ending"] == "completed"
    assert not set(secrets) & set(seen)
    assert not {"s1gning", "wr1te"} & set(seen.values())
    assert seen["PITCHEY_OPS_API_TOKEN"] == "read-token"
    kept = b"".join(path.read_bytes() for path in Path(answer["folder"]).rglob("*") if path.is_file())
    assert b"read-token" not in kept


def test_a_kernel_gets_every_setting_and_nothing_else_of_ours() -> None:
    """The names are written out, so that a kernel starts before the settings are imported; they must not fall apart."""
    assert set(given.SETTINGS) == {"HOME", "ENVIRONMENT", *(name.upper() for name in Settings.model_fields)}
    assert set(given.SECRETS) == {name.upper() for name in SECRET_FIELDS}
    assert given.VARIABLE == RUN_VARIABLE


def test_a_kernel_that_was_started_first_is_bounded_when_it_is_told_its_run(tmp_path: Path) -> None:
    """Its limit is a setting, and it starts before the settings are read."""
    kernel = OwnKernel()
    try:
        kernel.point_to(tmp_path, 1500)
        soft, _ = resource.prlimit(kernel.manager.provisioner.pid, resource.RLIMIT_AS)
        environment = Path(f"/proc/{kernel.manager.provisioner.pid}/environ").read_bytes().split(b"\0")
        pointers = [one.partition(b"=")[2] for one in environment if one.startswith(b"PITCHEY_OPS_RUN=")]
        folders = [Path(os.fsdecode(one)).resolve() for one in pointers]
    finally:
        kernel.end()

    assert soft == 1500 * 2**20
    assert folders == [tmp_path.resolve()]


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_is_set_shortens_and_lengthens_no_run(tmp_path: Path, days: int) -> None:
    """A machine that finds its time server while a run is prepared must not cut that run off, nor let it go on."""
    context = RunContext(
        run_id="RUN-20261123-081500-ab2c",
        incident_id="INC-20261123-081500-ab2c",
        runbook="outage",
        folder=tmp_path,
        started=datetime.now(UTC) + timedelta(days=days),
        budget_s=60.0,
        environment="sandbox",
        began_s=time.monotonic() - 20.0,
    )
    context.write()
    row = json.loads((tmp_path / "run.json").read_bytes())
    budget = Budget(context.started, 60.0, SystemClock(), RunContext.from_json(row, tmp_path).age_s)

    assert 30 < remaining_s(context) <= 40
    assert 30 < budget.left_s() <= 40
    assert 6 < budget.asking_left_s() <= 16
    assert "began_s" not in context.to_json()


def test_a_wrong_order_leaves_no_kernel_and_no_folder_behind(tmp_path: Path, archive: Path) -> None:
    """The kernel is started before the order is checked; when that fails it has to go as if it had never been."""
    places = tmp_path / "tmp"
    places.mkdir()
    done = ops("run", "no_such_runbook", env={"TMPDIR": str(places)})

    assert done.returncode == 2
    assert list(places.iterdir()) == []


def test_a_kernel_dies_with_its_runner_and_what_it_had_shown_is_on_disk(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is killed (out of memory, kill -9) must leave nothing that asks, and a copy that reads."""
    shown = "import time\nprint('seen', 'before')\ntime.sleep(1.2)"
    mark = tmp_path / "asleep"
    nap = f"import pathlib, time\npathlib.Path({str(mark)!r}).touch()\ntime.sleep(300)"
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(home(tmp_path / "home", shown, nap)))
    command = [sys.executable, "-m", "pitchey_ops", "run", "outage", "--budget", "120"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as runner:
        try:
            assert _until(mark.exists, 60)
            (kernel,) = _kernels(runner.pid)
            assert os.getpgid(kernel.pid) == kernel.pid
        finally:
            runner.send_signal(signal.SIGKILL)

    assert _until(lambda: not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE, 60)
    (copy,) = archive.rglob("notebook.ipynb")
    assert "seen before" in json.dumps(json.loads(copy.read_bytes()))


def test_a_kernel_whose_parent_died_before_it_looked_ends(tmp_path: Path) -> None:
    """Between its start and its request to die with its parent lies a moment."""
    code = "from pitchey_ops.runbooks.kernel import bound; import os; bound(); print('lives', flush=True)"
    parent = (
        "import os, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {code!r}], stdout=sys.stdout)\n"
        "print(child.wait(), flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.split() == ["lives", "0"]


def test_the_memory_of_a_kernel_is_bounded() -> None:
    """One absurd answer must end as an error in a cell, not as the machine's end."""
    code = (
        "from pitchey_ops.runbooks.kernel import bound\nbound()\n"
        "try:\n    bytearray(700 * 2**20)\nexcept MemoryError:\n    print('refused')\n"
        "bytearray(100 * 2**20)\nprint('allowed')\n"
    )
    env = {**os.environ, "PITCHEY_OPS_KERNEL_MEMORY_MB": "600"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env=env)

    assert done.stdout.split() == ["refused", "allowed"]


def test_a_kernel_without_the_package_says_how_to_get_one(tmp_path: Path) -> None:
    """Somebody opens a notebook with another Python: the last line of the error must tell what to do."""
    import nbformat

    notebook = nbformat.read(Path(__file__).parents[1] / "notebooks" / "outage.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and "pitchey_ops" in cell.source]
    code = f"import sys\nsys.modules['pitchey_ops'] = None\nexec(compile({cells[0].source!r}, 'cell', 'exec'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr
    assert len(cells) == 1
    hint = next(line for line in cells[0].source.splitlines() if "import" in line)
    assert "make lab" in hint
    assert "README" in hint
