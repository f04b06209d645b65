"""One whole run on a platform of its own, in one process: what a test that makes many of them hands to its workers."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pitchey_ops.models.outcome import Outcome
from pitchey_ops.runbooks.lifecycle import Order, run_order
from pitchey_ops.sandbox.generate import build
from pitchey_ops.sandbox.serve import Running
from pitchey_ops.sandbox.world import World


@dataclass(frozen=True)
class Ran:
    """How a run ended: report, archived folder, seconds from the order to the archive, and the true cause."""

    outcome: Outcome
    report: Mapping[str, Any]
    folder: Path
    took_s: float
    truth: str


@functools.cache
def _world(scenario: str) -> World:
    # before dawn a platform has a quarter of the evening's traffic, and that must be enough to see an incident by
    return build(scenario, seed=0, now_ms=round(time.time() * 1000), entries=16_000)


def carry_out(
    runbook: str, scenario: str, breaks: Mapping[str, str], archive: Path, budget_s: float, *, host: str = "127.0.0.1"
) -> Ran:
    """
    Run *runbook* by papermill and a real kernel on a small sandbox with *breaks*; whatever goes wrong is raised.

    Runs of one archive share answers for minutes, and a port may be given out again within them: runs
    that each have a platform need a *host* of their own, or one may get what another's platform said.
    """
    world = _world(scenario)
    assert world.truth is not None
    with Running(world, host=host, breaks=breaks) as platform:
        platform.clock.advance(round(time.time() * 1000) - world.now_ms)
        os.environ["PITCHEY_OPS_ORIGIN"] = platform.url
        os.environ["PITCHEY_OPS_ARCHIVE"] = str(archive)
        began = time.monotonic()
        done = run_order(Order(runbook=runbook, budget_s=budget_s))
        took_s = time.monotonic() - began
    return Ran(done.outcome, dict(done.report), done.folder, took_s, world.truth.cause)
