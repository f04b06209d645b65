"""Sessions: the working copy, what its kernels are told, what is saved, and what is archived when they end."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from homes import ops

from pitchey_ops.drills.hidden import Hidden, pick, right_cause, truth_panel
from pitchey_ops.errors import UsageError
from pitchey_ops.evidence.har import read_events
from pitchey_ops.models.report import Alert
from pitchey_ops.panels.base import plain_text
from pitchey_ops.panels.live.actions import ActionCard
from pitchey_ops.panels.live.answering import Answering
from pitchey_ops.panels.live.desk import Ask
from pitchey_ops.panels.live.kit import VIEW_MIME
from pitchey_ops.runbooks import hosting
from pitchey_ops.runbooks.catalogue import RUNBOOKS
from pitchey_ops.runbooks.investigate import investigate
from pitchey_ops.runbooks.lifecycle import Order, archive_of, run_order
from pitchey_ops.sandbox.scenarios import catalogue
from pitchey_ops.sandbox.serve import Running
from pitchey_ops.sandbox.world import Truth
from pitchey_ops.settings import load
from pitchey_ops.workbench.bench import Bench
from pitchey_ops.workbench.bench import bench as bench_of_kernel
from pitchey_ops.workbench.closing import close
from pitchey_ops.workbench.doing import ACKNOWLEDGE, Acting, _value
from pitchey_ops.workbench.keys import shortcuts
from pitchey_ops.workbench.places import VARIABLE
from pitchey_ops.workbench.saving import OURS, live_here, living_again, static_twins, write_twin
from pitchey_ops.workbench.session import Session, as_drill, fill, prepare
from pitchey_ops.workbench.sitting import tidy

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(bad_deployment: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """An archive with one incident that an alert opened, and the environment that finds it."""
    archive = tmp_path_factory.mktemp("workbench") / "outputs"
    environment = {"PITCHEY_OPS_ARCHIVE": str(archive), "PITCHEY_OPS_ORIGIN": bad_deployment.url}
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        alert = Alert(id="a-1", kind="pitchey", title="High <error> rate", at=datetime.now(UTC), severity="P2")
        done = run_order(
            Order(runbook="outage", parameters={"error_share_limit": 0.07}, alerts=(alert,), started_by="alert")
        )
        yield {
            "archive": archive,
            "incident": done.report["incident"]["id"],
            "run": done.folder.name,
            "env": environment,
        }
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _session(told: dict[str, Any], **more: Any) -> Session:
    return prepare(told["incident"], by="ada", **more)


def _parameters(notebook: Path) -> dict[str, Any]:
    document = json.loads(notebook.read_text())
    (cell,) = [cell for cell in document["cells"] if "parameters" in cell["metadata"].get("tags", ())]
    body = ast.parse("".join(cell["source"])).body
    return {one.targets[0].id: ast.literal_eval(one.value) for one in body if isinstance(one, ast.Assign)}  # type: ignore[attr-defined]


def test_the_working_copy_holds_the_incidents_parameters_and_the_headless_evidence(told: dict[str, Any]) -> None:
    """A responder types nothing that the alert or the headless run already knew."""
    session = _session(told)
    fill(session, load())

    given = _parameters(session.work / "outage.ipynb")
    start = datetime.fromisoformat(given["window"].removesuffix("/"))
    assert given["window"].endswith("/")  # to now, not to when the alert came
    assert timedelta(0) < datetime.now(UTC) - start < timedelta(hours=2)
    assert given["error_share_limit"] == 0.07
    assert given["environment"] == "sandbox"
    assert _parameters(session.work / "post_incident.ipynb")["incident"] == told["incident"]
    assert _parameters(session.work / "triage.ipynb")["window"] == given["window"]
    assert {path.stem for path in session.work.glob("*.ipynb")} == set(RUNBOOKS)
    evidence = session.work / "headless" / told["run"]
    assert sorted(path.name for path in evidence.iterdir()) == ["notebook.ipynb", "report.html", "report.json"]
    assert not os.access(evidence / "report.json", os.W_OK) or os.geteuid() == 0
    assert (evidence / "report.json").stat().st_mode & 0o222 == 0


def test_every_copy_begins_with_the_bar_which_reads_before_anything_has_run(told: dict[str, Any]) -> None:
    """The first look needs no click; a stranger's title in it stays text."""
    session = _session(told)
    fill(session, load())

    for name in RUNBOOKS:
        document = json.loads((session.work / f"{name}.ipynb").read_text())
        cell = document["cells"][1]
        (output,) = cell["outputs"]
        assert "workbench.bar()" in "".join(cell["source"])
        assert told["incident"] in output["data"]["text/html"]
        assert "left to respond" in output["data"]["text/html"]
        assert "High &lt;error&gt; rate" in output["data"]["text/html"]
        assert "trusted" not in json.dumps(document["metadata"])


def test_the_committed_notebooks_have_no_part_of_a_session() -> None:
    """Headless runs must not import the workbench: what an alert starts can carry nothing out."""
    for book in RUNBOOKS.values():
        assert "workbench" not in book.notebook.read_text()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("INC-20200101-000000-aaaa", "not in the archive"),
        ("outrage", "neither an incident's id"),
        ("../../etc", "neither an incident's id"),
    ],
)
def test_what_cannot_be_opened_is_told_and_starts_nothing(what: str, words: str, told: dict[str, Any]) -> None:
    """A typing error at 3 am must not end in an empty JupyterLab."""
    before = sorted((told["archive"] / ".sessions").iterdir()) if (told["archive"] / ".sessions").exists() else []
    done = ops("open", what, "--no-browser", env=told["env"])

    assert done.returncode == 2
    assert words in done.stderr
    assert "Nothing was started" in done.stderr
    after = sorted((told["archive"] / ".sessions").iterdir()) if (told["archive"] / ".sessions").exists() else []
    assert after == before


def test_a_runbook_without_an_incident_opens_a_new_one(told: dict[str, Any]) -> None:
    """Somebody looks before anything fired."""
    session = prepare("triage", by="ada")

    assert session.runbook == "triage"
    assert session.headless is None
    assert session.incident != told["incident"]
    with pytest.raises(UsageError, match="not two runbooks"):
        prepare("triage", runbook_="outage", by="ada")


def test_a_session_is_read_back_as_it_was_written(told: dict[str, Any]) -> None:
    """Its kernels are other processes: they know only what the file says."""
    session = as_drill(_session(told))

    assert Session.read(session.folder) == session
    assert session.alerts[0].title == "High <error> rate"
    assert session.headless is not None
    assert session.headless.run == told["run"]


@pytest.fixture
def bench(told: dict[str, Any]) -> Iterator[Bench]:
    """The bench of a session's kernel, in this process."""
    session = _session(told)
    fill(session, load())
    made = Bench(session)
    hosting.work_in(made)
    try:
        yield made
    finally:
        hosting.work_in(None)


def test_a_session_is_a_run_of_its_own_that_replays(bench: Bench, told: dict[str, Any]) -> None:
    """What was asked, asked again and done is archived, verifies, and comes to the same report from its record."""
    headless = {
        p.name: p.read_bytes() for p in (told["archive"] / told["incident"] / told["run"]).iterdir() if p.is_file()
    }
    run = investigate("outage", window="1h", error_share_limit=0.07)
    assert bench.run is run
    shown = run.verdict
    bundle = shown._repr_mimebundle_()
    assert VIEW_MIME in bundle
    assert run.analysis.verdict.summary in bundle["text/html"]
    run.step("outage.rollback")
    again = bench.look(Ask(window="15m"), lambda count, key: None)
    assert again.case.window.duration == timedelta(minutes=15)
    assert bench.look(Ask(window="15m"), lambda count, key: None) is again  # from memory
    bench.did("asked", step="verdict", choice="window 15m")
    bench.note("I think it is the serializer")
    bench.mark("step_done", step="outage.cf-dashboard")
    assert bench.acknowledge()[0].startswith("record: by ada")
    assert bench.standing().acknowledged is not None

    closed = close(bench.session)

    assert closed.left == ()
    (finished,) = closed.runs
    assert finished.outcome.ending == "completed"
    assert not bench.session.folder.exists()
    now = {p.name: p.read_bytes() for p in (told["archive"] / told["incident"] / told["run"]).iterdir() if p.is_file()}
    assert now == headless
    steps = {step["id"]: step["status"] for step in finished.report["steps"]}
    assert steps["outage.rollback"] == "planned"
    assert steps["outage.tail"] == "not_reached"
    events = read_events((finished.folder / "evidence.har.gz").read_bytes())
    assert [e["did"] for e in events if e["record"] == "person"] == ["asked"]
    assert [e["number"] for e in events if e["record"] == "asked again"] == [1]
    manifest = json.loads((finished.folder / "manifest.json").read_bytes())
    assert manifest["started_by"].startswith("session ")
    timeline = [
        json.loads(line)["entry"] for line in (finished.folder.parent / "timeline.jsonl").read_text().splitlines()
    ]
    assert [row["event"] for row in timeline].count("alert") == 1
    assert {"acknowledged", "step_done"} <= {row["event"] for row in timeline}
    verified = ops("verify", "--all", "--json", env=told["env"])
    assert json.loads(verified.stdout)["problems"] == []
    replayed = ops("replay", finished.folder.name, env=told["env"])
    assert "identical to the byte" in replayed.stdout, replayed.stdout + replayed.stderr


def test_a_session_whose_command_was_killed_is_archived_by_the_next(bench: Bench, told: dict[str, Any]) -> None:
    """A laptop that ran out of power must not lose what was seen."""
    run = investigate("outage", window="30m")
    said: list[str] = []

    tidy(told["archive"], lambda session, closed: said.extend(one.folder.name for one in closed.runs))
    assert said == []  # without a lock nobody knows that it is over
    (bench.session.folder / "lock").touch()
    tidy(told["archive"], lambda session, closed: said.extend(one.folder.name for one in closed.runs))

    assert run.context.run_id in said
    assert archive_of(load()).find(run.context.run_id) is not None


def test_each_kind_of_step_lives_in_its_own_way(bench: Bench) -> None:
    """Automatic steps ask again, actions are cards, people's steps are ticked off; provenance stays what it is."""
    run = investigate("outage", window="1h")

    assert "pitchey-live" in run.step("outage.deployments").box._dom_classes
    assert "pitchey-action" in run.step("outage.rollback").box._dom_classes
    assert VIEW_MIME in run.step("outage.cf-dashboard")._repr_mimebundle_()
    assert VIEW_MIME not in run.finish()._repr_mimebundle_()
    assert isinstance(Answering, type)
    assert isinstance(ActionCard, type)


def test_a_notebook_of_a_session_asks_no_other_environment(bench: Bench) -> None:
    """Looking at production while the action cards act on the sandbox would be a trap."""
    with pytest.raises(UsageError, match="this session is of sandbox"):
        investigate("outage", environment="production")
    assert bench.session.runs() == []


def test_a_session_on_a_recorded_incident_carries_nothing_out(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it shows is over; whatever it did would meet the world of today."""
    for case, acts in ((None, True), (tmp_path, False)):
        replace(bench.session, case=case).write()
        monkeypatch.setenv(VARIABLE, str(bench.session.folder))
        made = bench_of_kernel.__wrapped__()
        assert (made.doer is not None) is acts


def test_what_is_to_be_done_may_hold_a_comma() -> None:
    """A card parts texts as the command line does."""
    assert _value("items", "write a test, then a page; tell people\nrest") == [
        "write a test, then a page",
        "tell people",
        "rest",
    ]
    assert _value("addresses", "192.0.2.1, 192.0.2.2\n192.0.2.3") == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_what_breaks_at_one_place_keeps_no_other_from_being_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk at the first is no reason not to stop PagerDuty's escalation."""
    acting = Acting(bench.session, lambda: SimpleNamespace(view=None))  # type: ignore[arg-type, return-value]
    asked: list[str] = []

    def planned(name: str, *_: object) -> None:
        asked.append(name)
        raise OSError("disk full")

    monkeypatch.setattr(acting, "plan", planned)
    told = acting.acknowledge()
    assert asked == list(ACKNOWLEDGE)
    assert all(": unknown: " in one for one in told)


def test_asking_again_before_anything_was_asked_is_told(bench: Bench) -> None:
    """A cell run out of order must say which one is missing."""
    with pytest.raises(UsageError, match="investigate"):
        bench.look(Ask(window="15m"), lambda count, key: None)
    with pytest.raises(UsageError, match="no drill"):
        bench.hand_in()


def test_a_kernel_outside_of_a_session_says_how_to_get_one() -> None:
    """A saved copy that somebody was mailed has a bar cell too."""
    from pitchey_ops.workbench.bench import bench as find

    find.cache_clear()
    with pytest.raises(UsageError, match="pitchey-ops open"):
        find()


def test_saving_puts_the_static_twin_in_the_widgets_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Widgets without their kernel read "Error displaying widget"; their twins read."""
    (tmp_path / "twins").mkdir()
    monkeypatch.setenv("PITCHEY_OPS_SESSION", str(tmp_path))
    write_twin(tmp_path, "0123abcd0123abcd", "<p>as it was</p>", "as it was")

    def output(model: object) -> dict[str, Any]:
        view = {"model_id": model}
        return {"output_type": "display_data", "metadata": {}, "data": {VIEW_MIME: view, "text/html": "<p>first</p>"}}

    known, unknown = output("0123abcd0123abcd"), output("../../session")
    bare = {"output_type": "display_data", "metadata": {}, "data": {VIEW_MIME: {"model_id": 7}}}
    content = {
        "metadata": {"widgets": {"x": 1}},
        "cells": [{"outputs": [known, unknown, bare]}, {"cell_type": "markdown"}],
    }
    static_twins({"type": "notebook", "content": content}, path="outage.ipynb")

    assert known["data"] == {"text/html": "<p>as it was</p>", "text/plain": "as it was"}
    assert unknown["data"]["text/html"] == "<p>first</p>"
    assert "not known" in bare["data"]["text/html"]  # type: ignore[operator]
    assert VIEW_MIME not in json.dumps(content)
    assert content["metadata"] == {}
    static_twins({"type": "file", "content": "text"})


def test_a_widget_comes_back_only_while_its_own_kernel_lives_and_its_cell_is_trusted(tmp_path: Path) -> None:
    """A page that is loaded again may show what the kernel still has, and never what a stranger wrote into the file."""
    (tmp_path / "twins").mkdir()
    kernel, handle = live_here(tmp_path)
    living, lost, foreign = ("0" * 31 + str(n) for n in range(3))
    write_twin(tmp_path, living, "<p>seen</p>", "seen", kernel=kernel)
    write_twin(tmp_path, lost, "<p>old</p>", "old", kernel="ab" * 8)

    def page(*, trusted: bool) -> dict[str, Any]:
        outputs = [
            {"output_type": "display_data", "data": {"text/plain": "x"}, "metadata": {OURS: {"model": model}}}
            for model in (living, lost, foreign, "../../session")
        ]
        return {"cells": [{"cell_type": "code", "metadata": {"trusted": trusted}, "outputs": outputs}]}

    def shown(content: dict[str, Any]) -> list[str]:
        return [o["data"][VIEW_MIME]["model_id"] for o in content["cells"][0]["outputs"] if VIEW_MIME in o["data"]]

    content, untrusted = page(trusted=True), page(trusted=False)
    assert living_again(content, tmp_path) == 1
    assert shown(content) == [living]
    assert living_again(untrusted, tmp_path) == 0
    assert shown(untrusted) == []
    os.close(handle)
    assert living_again(page(trusted=True), tmp_path) == 0
    for strange in (None, [], {"cells": []}, {"cells": [{"metadata": {}, "outputs": [{"data": {}}]}]}):
        assert living_again(strange, tmp_path) == 0


def test_single_key_commands_fire_on_cells_only() -> None:
    """``D D`` in a list of log entries would delete a cell; each such command of JupyterLab is moved, none lost."""
    found = shortcuts()
    off = [one for one in found if one.get("disabled")]
    moved = [one for one in found if not one.get("disabled")]

    assert {"notebook:delete-cell", "notebook:cut-cell", "notebook:move-cursor-down"} <= {one["command"] for one in off}
    assert [(one["command"], one["keys"]) for one in off] == [(one["command"], one["keys"]) for one in moved]
    assert all(one["selector"].endswith(":focus:not(.jp-OutputArea *)") for one in moved)


TRUTH = Truth(
    cause="bad_deployment", onset_ms=1795418100000, services=("pitch",), routes=(), severity="P2", split="tune",
    runbooks=("triage",), inconclusive_is_right=False, note="a release breaks the serializer",
)  # fmt: skip


def test_a_drill_shows_the_truth_beside_what_everybody_said() -> None:
    """The responder, the session's run and the headless run are held to the same truth."""
    panel = truth_panel(
        TRUTH,
        Hidden(scenario="bad_deployment", seed=0),
        responder={"cause": "database_down", "onset": "07:16", "action": "<b>restart"},
        session={"state": "incident", "cause": "bad_deployment", "onset": "2026-11-23T07:15:30+00:00"},
        headless=None,
    )
    assert panel.table is not None
    rows = {row[0]: row for row in panel.table.rows}

    assert "You had something else" in panel.title
    assert rows["you"][3] == "no, onset off by 60 s"
    assert rows["this session's run"][3] == "yes, onset off by 30 s"
    assert "the headless run" not in rows
    assert "a release breaks the serializer" in plain_text(panel)
    assert right_cause(None, TRUTH) is False


def test_a_drill_is_never_of_the_set_that_judges() -> None:
    """What a drill showed judges no more."""
    judging = {name for name, one in catalogue().items() if one.split == "judge"}

    assert not {pick().scenario for _ in range(200)} & judging
    assert pick(3) == pick(3)


def test_a_drill_takes_only_its_own_options() -> None:
    """`drill --record` without a scenario must not open a JupyterLab by surprise."""
    done = ops("drill", "--record")

    assert done.returncode == 2
    assert "Nothing was played" in done.stderr


def test_a_kernel_of_an_alert_never_loads_what_acts_or_the_workbench() -> None:
    """The presenter is put in place by an interactive kernel alone."""
    code = (
        "import sys\nimport pitchey_ops.runbooks.run, pitchey_ops.runbooks.kernel\n"
        "never = ('pitchey_ops.actions.apply', 'pitchey_ops.workbench', 'ipywidgets')\n"
        "print([m for m in sys.modules if m.startswith(never)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)

    assert done.stdout.strip() == "[]"


def test_a_session_opens_quickly_enough_to_be_used(told: dict[str, Any]) -> None:
    """Preparing a working copy is copying, not computing."""
    began = time.monotonic()
    fill(_session(told), load())

    assert time.monotonic() - began < 120
