"""Runs replay alike wherever and whenever: other zones, languages, days and settings change no byte."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pitchey_ops.benchmarks._elsewhere import PLACES, Tools, make_tools
from pitchey_ops.benchmarks.replays import Elsewhere, Subject, again, archived, cases, compare, elsewhere, scenarios
from pitchey_ops.sandbox.scenarios import catalogue

pytestmark = pytest.mark.slow
ENTRIES = 20_000
DATASETS = Path(__file__).resolve().parents[2] / "shared" / "datasets"


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    """Another clock and another language, as far as this machine can make them."""
    return make_tools(tmp_path_factory.mktemp("tools"))


@pytest.fixture(scope="module")
def recorded_case(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A small recorded incident of our own, with text in several scripts."""
    path = tmp_path_factory.mktemp("case") / "logs.jsonl.gz"
    lines = [
        {
            "timestamp": 1_700_000_000_000 + n * 700,
            "service": "kasse" if n % 3 else "ödeme",
            "level": "error" if n > 1_500 and n % 2 else "info",
            "message": f"İstek {n} başarısız: zaman aşımı" if n > 1_500 and n % 2 else f"request {n} served",
        }
        for n in range(2_400)
    ]
    path.write_bytes(gzip.compress("\n".join(json.dumps(line) for line in lines).encode()))
    return Subject(name="kasse", runbook="error_rate", files={"logs.jsonl.gz": path})


@pytest.fixture(scope="module")
def there(tools: Tools) -> Iterator[tuple[Elsewhere, ...]]:
    """The processes that replay, one at each place."""
    with elsewhere(tools) as places:
        yield places


def test_scenarios_and_cases_replay_identically_at_two_other_places(
    there: tuple[Elsewhere, ...], recorded_case: Subject
) -> None:
    """A sample of what ``python -m pitchey_ops.benchmarks.replays`` does with every scenario and case."""
    by_name = {one.name: one for one in scenarios()}
    wanted = [by_name["bad_deployment"], recorded_case]
    found = compare(wanted, there, entries=ENTRIES)

    assert {(one.subject, one.place): one.differences for one in found} == {
        (subject.name, place.name): () for subject in wanted for place in PLACES
    }


@pytest.mark.shared
def test_recorded_cases_of_real_systems_replay_identically(there: tuple[Elsewhere, ...]) -> None:
    """Real systems' logs and metrics hold what no scenario of ours thinks of."""
    if not DATASETS.is_dir():
        pytest.skip("../shared/datasets is not there")
    wanted = [one for one in cases(DATASETS) if one.name.endswith(("Apache.logs", "TravelTime_387"))]
    assert len(wanted) == 2
    assert [one for one in compare(wanted, there) if one.differences] == []


def test_the_other_places_are_really_elsewhere(there: tuple[Elsewhere, ...], tools: Tools) -> None:
    """A bench that compared two processes of this very place and day would prove nothing."""
    told = [one.told for one in there]
    assert [one["zone"] for one in told] == ["+0530", told[1]["zone"]]
    assert told[1]["zone"] in ("-0330", "-0230")
    assert told[1]["coding"] == "ascii"
    if tools.clock is None:
        pytest.skip(f"NOT CHECKED on other days: {'; '.join(tools.missing)}")
    now = datetime.now(UTC)
    days = [(datetime.fromisoformat(one["today"]) - now).days for one in told]
    assert (days[0] > 365, days[1] < -1000) == (True, True), days


def test_a_record_or_panel_that_changed_is_not_called_identical(tmp_path: Path, recorded_case: Subject) -> None:
    """The comparison itself must be able to fail, for the report and for what charts are made of."""
    archived(recorded_case, tmp_path)
    assert again(tmp_path) == ()

    panel = next(
        path for path in sorted((tmp_path / "panels").glob("*.json")) if json.loads(path.read_bytes())["table"]
    )
    row = json.loads(panel.read_bytes())
    panel.write_text(json.dumps({**row, "alt": f"{row['alt']} and more"}), encoding="utf-8")
    (first, *_) = again(tmp_path)
    assert first == f"panel {panel.name.partition('-')[2]}"

    report = json.loads((tmp_path / "report.json").read_bytes())
    report["verdict"]["confidence"] += 0.01
    (tmp_path / "report.json").write_text(json.dumps(report), encoding="utf-8")
    assert again(tmp_path)[0] == "report.json"


def test_every_scenario_and_every_runbook_is_among_the_replayed() -> None:
    """ "All" is what the bench counts; post_incident is run on the incidents of the sample that has kernels."""
    found = scenarios()
    assert [one.name for one in found] == list(catalogue())
    assert {one.runbook for one in found} >= {
        "triage", "outage", "error_rate", "performance", "security", "database", "frontend", "monitoring",
    }  # fmt: skip
