"""What all tests share: an environment without our variables, an archive of their own, and a sandbox to ask."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

# as many worker processes as cores, and small tables: threads of polars would only wait for each other
os.environ.setdefault("POLARS_MAX_THREADS", "1")

from pitchey_ops.sandbox.generate import build
from pitchey_ops.sandbox.serve import Running

for _name in [name for name in os.environ if name.startswith("PITCHEY_OPS_")]:
    del os.environ[_name]  # what a person has set at home must not decide what the tests say


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
