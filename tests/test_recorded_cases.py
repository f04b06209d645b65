"""Recorded incidents of another platform: suspects and patterns, and no cause where nothing speaks for one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from pitchey_ops.drills.play import drill_settings
from pitchey_ops.evidence.recorder import Recorder, read_exchanges
from pitchey_ops.findings.case import Case
from pitchey_ops.runbooks.analyse import Analysis, analyse
from pitchey_ops.runbooks.asking import ask_case, case_window, record_case
from pitchey_ops.runbooks.catalogue import runbook

RECORDED = Path(__file__).parents[2] / "shared" / "datasets" / "nezha_trainticket"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not RECORDED.is_dir(), reason=f"{RECORDED} absent")]


@cache
def analysed(name: str, folder: Path) -> Analysis:
    """Return what the error-rate runbook makes of the recorded case *name*."""
    settings = drill_settings()
    recorder = Recorder(folder)
    record_case(RECORDED / name, settings, recorder)
    recorder.close()
    exchanges = read_exchanges(folder)
    asked = ask_case(exchanges, case_window(exchanges))
    case = Case(
        window=case_window(exchanges),
        now=asked.now,
        frames=asked.frames,
        observations=asked.observations,
        settings=settings,
    )
    return analyse(case, runbook("error_rate"))


def test_a_stretch_without_a_fault_gets_no_cause_and_no_all_clear(tmp_path: Path) -> None:
    """Clients that cannot reach a neighbour complain there all day; nobody saw what users got."""
    verdict = analysed("faultfree-2023-01-29", tmp_path).verdict

    assert (verdict.state, verdict.cause, verdict.onset) == ("inconclusive", None, None)


@pytest.mark.parametrize("name", ["tt-25", "tt-28", "tt-29", "tt-36", "tt-37", "tt-42", "tt-43"])
def test_a_busy_processor_or_a_slow_network_is_not_called_a_bad_deployment(name: str, tmp_path: Path) -> None:
    """Nothing there was deployed; what fails for it elsewhere must not be taken for the code's own fault."""
    analysis = analysed(name, tmp_path)

    assert analysis.verdict.cause is None
    assert analysis.suspects
