"""Real notebooks on platforms with two broken sources: every pair of what can meet, in as few runs as that takes."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any, get_args

import nbformat
import pytest
from broken_worlds import ASKED
from covering import Row, cover, wanted
from homes import check_report
from notebook_runs import Ran, carry_out

from pitchey_ops.evidence.verify import verify
from pitchey_ops.runbooks.catalogue import RUNBOOKS
from pitchey_ops.runbooks.execute import KILL_AFTER_S
from pitchey_ops.runbooks.lifecycle import SALVAGE_S
from pitchey_ops.sandbox.names import BreakKind
from pitchey_ops.steps import steps_of

KINDS: tuple[str, ...] = get_args(BreakKind)
SCENARIOS = (
    "healthy_control",
    "bad_deployment",
    "database_down",
    "third_party_outage",
    "logs_blind",
    "traffic_flood",
)
ROWS = cover(ASKED, KINDS, tuple(RUNBOOKS), SCENARIOS)
BUDGET_S = 60.0
"""What runs have by default: a slow source takes 36 s of it, and the rest is for a busy machine."""
AT_ONCE = 5
"""Runs at one time: half of them only wait for a source that does not answer."""
SILENT = ("slow", "endless", "refused")
UNREADABLE = ("unavailable", "blind", "no_data")
LOOKS_RIGHT = {("frontend", "html"), ("frontend", "truncated"), ("frontend", "wrong_types")}
"""A page of any content is a page: no shape of it is promised."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the one archive of all runs."""
    return tmp_path_factory.mktemp("broken") / "outputs"


@pytest.fixture(scope="module")
def runs(archive: Path, request: pytest.FixtureRequest) -> Iterator[dict[Row, Future[Ran]]]:
    """Start the runs of all tests that were chosen, a few at a time, each on a platform of its own."""
    chosen = {item.callspec.params.get("row") for item in request.session.items if hasattr(item, "callspec")}
    rows = [row for row in ROWS if row in chosen]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(AT_ONCE, mp_context=spawn) as workers:
        started = {
            row: workers.submit(
                carry_out, row.runbook, row.scenario, row.breaks, archive, BUDGET_S, host=f"127.0.1.{number}"
            )
            for number, row in enumerate(rows, start=1)
        }
        try:
            yield started
        finally:
            workers.shutdown(cancel_futures=True)


def test_the_rows_hold_every_pair():
    """A pair that is in no row was never tried."""
    met = set(itertools.chain.from_iterable(row.pairs() for row in ROWS))
    assert met == wanted(ASKED, KINDS, tuple(RUNBOOKS), SCENARIOS)
    assert all(len(row.breaks) == 2 for row in ROWS), "a source was broken in two ways at once"
    assert len(ROWS) <= 65, "every source meets every runbook in 54 rows; each more costs seconds"


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_notebook_on_two_broken_sources(row: Row, runs: dict[Row, Future[Ran]]):
    """The run comes to its last cell in time, tells each broken source, and never gives a false all-clear."""
    ran = runs[row].result()
    _ended_in_time(ran)
    check_report(ran.report, [step.id for step in steps_of(row.runbook)])
    assert not [item for item in ran.report["not_checked"] if "itself failed" in item["because"]]
    assert "panel itself failed" not in _page(ran)
    _every_break_is_told(row, ran)
    _no_false_all_clear(row, ran)


def _ended_in_time(ran: Ran) -> None:
    assert ran.outcome.ending == "completed", ran.outcome
    assert ran.took_s <= BUDGET_S + KILL_AFTER_S + SALVAGE_S
    notebook = nbformat.read(ran.folder / "notebook.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert outputs, "the archived notebook shows nothing"
    assert not [output for output in outputs if output["output_type"] == "error"]
    for name in ("report.html", "report.json", "evidence.har.gz", "manifest.json"):
        assert (ran.folder / name).stat().st_size > 100, name


def _every_break_is_told(row: Row, ran: Ran) -> None:
    told = {source["name"]: source for source in ran.report["sources"]}
    for service, kind in row.breaks.items():
        if service not in told or (service, kind) in LOOKS_RIGHT:
            continue
        if service == "api" and kind not in SILENT and told[service]["status"] == "observed":
            # an answer of the API is what its probes look for, where the runbook has that rule
            assert _probes(ran) or "probes" not in RUNBOOKS[row.runbook].rules, ran.report["findings"]
            continue
        assert told[service]["status"] in UNREADABLE, (service, kind, told[service])
        assert len(told[service]["detail"]) > 20, (service, kind, told[service])
        assert service in _page(ran), "the page does not name it"


def _probes(ran: Ran) -> list[dict[str, Any]]:
    return [found for found in ran.report["findings"] if found["rule"] == "probes" and found["severity"] != "info"]


def _page(ran: Ran) -> str:
    return (ran.folder / "report.html").read_text(encoding="utf-8")


def _no_false_all_clear(row: Row, ran: Ran) -> None:
    verdict = ran.report["verdict"]
    for need in RUNBOOKS[row.runbook].needs:
        sources = {prefix.split("/")[0] for prefix in need.any_of} & set(ASKED)
        shown = {s for s in sources if s not in row.breaks or (s, row.breaks[s]) in LOOKS_RIGHT}
        assert shown or verdict["state"] != "healthy", (need.words, verdict["summary"])
    if row.scenario == "healthy_control":
        assert verdict["cause"] in (None, "none"), verdict["summary"]
        # an API that does not answer our own requests is a symptom, if only of a busy machine
        assert verdict["state"] != "incident" or _probes(ran), verdict["summary"]
    else:
        assert verdict["state"] != "healthy", verdict["summary"]
        assert verdict["cause"] in (None, ran.truth), verdict["summary"]


@pytest.mark.slow
def test_some_of_them_still_see_enough(runs: dict[Row, Future[Ran]]):
    """Tests of what is never said would hold for runs that see nothing at all."""
    if len(runs) < len(ROWS):
        pytest.skip(f"only {len(runs)} of {len(ROWS)} rows were chosen")
    ended = [future.result() for future in runs.values()]
    # not: "healthy" among them; at night so few people ask that how long answers take is rightly not seen
    right = [ran for ran in ended if ran.truth != "none" and ran.report["verdict"]["cause"] == ran.truth]
    assert len(right) >= 5


@pytest.mark.slow
def test_the_archive_of_all_of_them_verifies(runs: dict[Row, Future[Ran]], archive: Path):
    """Several runs ended at the same time, each after a quarrel with its sources: the record holds all the same."""
    if not runs:
        pytest.skip("no row was chosen")
    folders = {future.result().folder for future in runs.values()}
    checked = verify(archive)
    assert checked.holds, checked.problems
    assert len(folders) == len(runs)
    assert {path.parent for path in archive.glob("INC-*/RUN-*/report.json")} == folders
