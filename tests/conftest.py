"""What all tests share: an environment without our variables, an archive of their own, and a sandbox to ask."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# as many worker processes as cores, and small tables: threads of polars would only wait for each other
os.environ.setdefault("POLARS_MAX_THREADS", "1")

from pitchey_ops.sandbox.generate import build
from pitchey_ops.sandbox.serve import Running

# a busy machine is no counterexample; in CI the examples are the same ones each time
settings.register_profile(
    "ours",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI", "").lower() in ("1", "true"),
)
settings.load_profile("ours")

for _name in [name for name in os.environ if name.startswith("PITCHEY_OPS_")]:
    del os.environ[_name]  # what a person has set at home must not decide what the tests say

TOGETHER = {
    "test_broken_notebooks.py": "many kernels",
    "test_lab_browser.py": "many kernels",
    "test_chaos.py": "many workers",
}
"""
Files whose tests all run in one worker process: they share servers or runs that are dear to start.

Those of one group come one after the other: beside three runs at a time a page that is loaded again waits for its
kernel longer than JupyterLab does.
"""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """
    Keep the tests of each file of `TOGETHER` in one worker; None for other ways to distribute.

    The mark ``xdist_group`` does nothing since pytest 9.2: https://github.com/pytest-dev/pytest-xdist/issues/1386
    """
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling

    class ByFile(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return TOGETHER.get(Path(path).name) or super()._split_scope(nodeid)

    return ByFile(config, log)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an empty archive that everything in this test uses."""
    folder = tmp_path / "outputs"
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(folder))
    return folder


@pytest.fixture(scope="session")
def bad_deployment() -> Iterator[Running]:
    """A sandbox on a loopback port that plays a bad deployment; one a worker process."""
    with Running(build("bad_deployment", seed=0, now_ms=round(time.time() * 1000))) as running:
        yield running


@pytest.fixture
def sandbox(bad_deployment: Running, archive: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the origin of the sandbox; settings read in this test, and commands started by it, ask there."""
    assert archive.name == "outputs"
    monkeypatch.setenv("PITCHEY_OPS_ORIGIN", bad_deployment.url)
    return bad_deployment.url
