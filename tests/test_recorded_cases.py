"""Recorded incidents of another platform: suspects and patterns, and no cause where nothing speaks for one."""

from __future__ import annotations

import json
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


def test_every_recorded_incident_gets_suspects_and_an_onset_where_its_data_hold_one(tmp_path: Path) -> None:
    """
    With no alert to tell when: among all incidents of the folder, at most two without an onset, four fifths true.

    In two the earlier fault of the same kind still lasts when the recording of their requests begins, so that every
    request before and after fails alike: nobody could tell when the next fault of that kind was added.
    """
    labels = json.loads((RECORDED / "labels.json").read_text("utf-8"))["cases"]
    begun = {label["case"]: label["onset_ms"] / 1000 for label in labels if (RECORDED / label["case"]).is_dir()}
    held = []
    for name, truth in sorted(begun.items()):
        analysis = analysed(name, tmp_path / name)
        assert analysis.suspects, name
        onset, doubt = analysis.verdict.onset, analysis.verdict.onset_uncertainty_s
        if onset is not None and doubt is not None:
            held.append(abs(onset.timestamp() - truth) <= doubt)
    assert len(held) >= len(begun) - 2
    assert sum(held) >= 0.8 * len(held)


@pytest.mark.parametrize("name", ["tt-25", "tt-28", "tt-29", "tt-36", "tt-37", "tt-42", "tt-43"])
def test_a_busy_processor_or_a_slow_network_is_not_called_a_bad_deployment(name: str, tmp_path: Path) -> None:
    """Nothing there was deployed; what fails for it elsewhere must not be taken for the code's own fault."""
    analysis = analysed(name, tmp_path)

    assert analysis.verdict.cause is None
    assert analysis.suspects
