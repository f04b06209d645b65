"""Pointed by URL at services that follow the contract and are not ours, runbooks run through and ask no more."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from foreign_platform import LOGGING, foreign
from homes import check_report, ops, told

from pitchey_ops.evidence.verify import verify
from pitchey_ops.steps import steps_of

pytestmark = pytest.mark.slow
BOOKS = ("triage", "outage", "error_rate")


def test_three_runbooks_run_through_on_a_platform_that_is_not_ours(archive: Path):
    """What was only ever tried on our own sandbox may rest on its habits, not on the contract."""
    with foreign() as platform, ThreadPoolExecutor(2) as threads:
        variables = {f"PITCHEY_OPS_{name.upper()}_URL": url for name, url in platform.urls.items()}
        variables["PITCHEY_OPS_SERVICES"] = ",".join(LOGGING)
        started = {name: threads.submit(ops, "run", name, "-e", "staging", "--json", env=variables) for name in BOOKS}
        done = {name: future.result() for name, future in started.items()}
    for name in BOOKS:
        _reported(name, told(done[name]), archive)
        assert done[name].returncode == 0, done[name].stderr
    assert verify(archive).holds
    # a read with a side effect, or a path of the sandbox's own, would be met by a real platform only
    assert platform.unknown == []
    assert len({line.split()[0] for line in platform.asked}) >= 7
    assert not [line for line in platform.asked if line.startswith("alerts")]


def _reported(name: str, ran: dict[str, Any], archive: Path) -> None:
    assert ran["ending"] == "completed", ran
    assert ran["verdict"]["state"] == "incident", (name, ran["verdict"]["summary"])
    (path,) = archive.glob(f"*/{ran['run']}/report.json")
    report = json.loads(path.read_bytes())
    check_report(report, [step.id for step in steps_of(name)])
    statuses = {source["name"]: source["status"] for source in report["sources"]}
    assert set(statuses.values()) <= {"observed", "no_data", "not_configured"}, statuses
    assert statuses["logs"] == "observed", statuses
