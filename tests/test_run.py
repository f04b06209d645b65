"""Whole runs by real kernels: what is archived, how bad ends end, and the ways that people know."""

from __future__ import annotations

import functools
import gzip
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from channels import closed_port
from homes import FINISH, INVESTIGATE, ROOT, check_report, home, names, ops, told

from pitchey_ops.runbooks.catalogue import RUNBOOKS
from pitchey_ops.sandbox.generate import build
from pitchey_ops.sandbox.serve import Running
from pitchey_ops.settings import SERVICES, load
from pitchey_ops.steps import steps_of

pytestmark = pytest.mark.slow
FIVE = {"notebook.ipynb", "report.html", "report.json", "evidence.har.gz", "manifest.json"}


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Point every source at a port that refuses."""
    with closed_port() as port:
        monkeypatch.setenv("PITCHEY_OPS_ORIGIN", f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"


def report_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the archived ``report.json`` after checking it."""
    folder = Path(answer["folder"])
    report: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    check_report(report, [step.id for step in steps_of(report["run"]["runbook"])])
    assert {path.name for path in folder.iterdir() if path.name != "bodies"} == FIVE
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["completed"] == (answer["ending"] == "completed")
    return report


def left_over(archive: Path) -> list[str]:
    """Return what lies in staging beside lock files."""
    return [name for name in names(archive / ".staging") if not name.startswith(".lock")]


# --- The main job -----------------------------------------------------------------------------------------


def test_a_run_archives_a_truthful_report(sandbox: str, archive: Path) -> None:
    """Five files, a report by the book, the cause and onset of what is played, and nothing else left."""
    answer = told(ops("run", "outage", "--json", "-p", "services=unheard-of"))
    report = report_of(answer)
    folder = Path(answer["folder"])

    assert (answer["ending"], report["verdict"]["state"], report["verdict"]["cause"]) == (
        "completed",
        "incident",
        "bad_deployment",
    )
    assert folder.parent.name == answer["incident"]
    assert folder.name == answer["run"]
    assert left_over(archive) == []
    assert report["run"]["parameters"]["services"] == ["unheard-of"]
    assert {step["status"] for step in report["steps"]} <= {"done", "planned", "person", "scheduled", "not_checked"}
    cited = {item for finding in report["findings"] for item in finding["evidence"]}
    har = json.loads(gzip.decompress((folder / "evidence.har.gz").read_bytes()))
    assert len(har["log"]["entries"]) == report["evidence"]["entries"] > 50
    assert cited
    notebook = nbformat.read(folder / "notebook.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code if cell.source.strip())
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "Content-Security-Policy" in page
    assert sandbox not in page or page.count("http://") == page.count(sandbox)


def test_with_every_host_refused_a_run_still_ends_archived(nowhere: str, archive: Path) -> None:
    """Pointed at nothing: inconclusive within its budget, exit 0, each source with its reason, no all-clear."""
    began = time.monotonic()
    done = ops("run", "triage", "--json", "--budget", "30")
    took_s = time.monotonic() - began
    report = report_of(told(done))

    assert (done.returncode, told(done)["ending"]) == (0, "completed")
    assert report["verdict"]["state"] == "inconclusive"
    assert report["verdict"]["severity"] in ("P1", "P2", "P3")
    assert "not everything was seen" in report["verdict"]["why_severity"]
    by_status = {source["name"]: source for source in report["sources"]}
    assert {source["status"] for source in by_status.values()} == {"unavailable", "not_configured"}
    assert by_status["database"]["status"] == "not_configured"
    for name in ("api", "frontend", "logs", "apm", "infra", "monitoring", "cloudflare_api", "sentry", "r2"):
        assert by_status[name]["status"] == "unavailable"
        assert "connection refused" in by_status[name]["detail"] or "without an answer" in by_status[name]["detail"]
    assert took_s < 60


def test_fail_on_tells_a_script(nowhere: str, archive: Path) -> None:
    """Exit 3 is for the news, not for the tool."""
    assert ops("run", "error_rate", "--json", "--budget", "20", "--fail-on", "inconclusive").returncode == 3


# --- Bad ends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "ending", "words"),
    [
        (
            [INVESTIGATE, "raise ValueError('\x1b[31mno\u202e <script>alert(1)</script>')", FINISH],
            "raised",
            "ValueError",
        ),
        ([INVESTIGATE, "import os\nos._exit(7)", FINISH], "kernel_died", "kernel died"),
        ([INVESTIGATE, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"], "kernel_died", "kernel died"),
        ([INVESTIGATE, "x = bytearray(64 * 2**30)", FINISH], "raised", "MemoryError"),
        ([INVESTIGATE], "raised", "without its last cell"),
        ([INVESTIGATE, "raise SystemExit(0)", FINISH], "raised", ""),
        ([INVESTIGATE, "this is no python", FINISH], "raised", "SyntaxError"),
        ([INVESTIGATE, "input('who?')", FINISH], "raised", "StdinNotImplementedError"),
        (["raise ValueError('at once')"], "raised", "ValueError"),
        (["import os\nos._exit(1)"], "kernel_died", "kernel died"),
    ],
    ids=[
        "raises",
        "exits",
        "killed",
        "memory",
        "unfinished",
        "sysexit",
        "syntax",
        "input",
        "raises-first",
        "dies-first",
    ],
)
def test_a_notebook_that_breaks_still_has_a_report_that_says_what_was_reached(
    cells: list[str], ending: str, words: str, nowhere: str, archive: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    """Exit 1, archived all the same, marked as cut, and repeatable from its record."""
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(home(tmp_path / "home", *cells)))
    done = ops("run", "outage", "--json", "--budget", "30")
    answer = told(done)
    report = report_of(answer)
    folder = Path(answer["folder"])
    manifest = json.loads((folder / "manifest.json").read_bytes())

    assert (done.returncode, answer["ending"]) == (1, ending)
    assert words in manifest["cut_reason"]
    assert report["verdict"]["state"] == "inconclusive"
    assert {step["status"] for step in report["steps"]} == {"not_reached"}
    assert (report["evidence"]["entries"] > 20) == (cells[0] == INVESTIGATE)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert ending.replace("_", " ") in page
    assert "\x1b" not in done.stdout + done.stderr + page
    assert left_over(archive) == []
    again = ops("replay", answer["run"])
    assert (again.returncode, "identical to the byte" in again.stdout) == (0, True), again.stdout + again.stderr


def test_an_endless_cell_is_killed_five_seconds_after_the_budget(
    nowhere: str, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is kept from outside, whatever the cell catches; the report comes from what was recorded."""
    stubborn = "import time\nwhile True:\n    try:\n        time.sleep(1000)\n    except BaseException:\n        pass"
    place = home(tmp_path / "home", INVESTIGATE, 'run.step("outage.main-worker")', stubborn, FINISH)
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(place))
    began = time.monotonic()
    done = ops("run", "outage", "--json", "--budget", "15")
    took_s = time.monotonic() - began
    answer = told(done)
    report = report_of(answer)
    reached = [step["id"] for step in report["steps"] if step["status"] != "not_reached"]
    notebook = nbformat.read(Path(answer["folder"]) / "notebook.ipynb", as_version=4)

    assert (done.returncode, answer["ending"]) == (1, "timed_out")
    assert 20 <= took_s < 50
    assert reached == ["outage.main-worker"]
    assert report["evidence"]["entries"] > 20
    assert [cell.metadata.papermill.status for cell in notebook.cells][-1] == "pending"
    assert notebook.cells[-3].outputs  # what was seen before is kept
    assert "identical to the byte" in ops("replay", answer["run"]).stdout


def test_every_character_of_an_archive_path_works(
    nowhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """papermill formats paths: braces in one would raise, or name another folder."""
    odd = tmp_path / "out {incident} {0} {a.__class__} %s ü \u2713"
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(odd))
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(home(tmp_path / "home {x}", INVESTIGATE, FINISH)))
    answer = told(ops("run", "outage", "--json", "--budget", "20"))

    assert answer["ending"] == "completed"
    assert Path(answer["folder"]).is_relative_to(odd)
    report_of(answer)


def test_two_runs_at_once_are_two_runs(nowhere: str, archive: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Alerts come in storms; the archive holds both, and its ledger is whole."""
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(home(tmp_path / "home", INVESTIGATE, FINISH)))
    with ThreadPoolExecutor(2) as pool:
        answers = [told(d) for d in pool.map(lambda _: ops("run", "outage", "--json", "--budget", "40"), range(2))]

    assert len({answer["run"] for answer in answers}) == 2
    for answer in answers:
        assert answer["ending"] == "completed"
        report_of(answer)
    lines = [json.loads(line) for line in (archive / "ledger.jsonl").read_text().splitlines()]
    assert {answer["run"] for answer in answers} <= {str(line.get("run")) for line in lines}


# --- Services elsewhere -----------------------------------------------------------------------------------


def test_services_that_follow_the_contract_on_ports_of_their_own_are_enough(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pointed by URL at hosts that are not ours, each strictly itself: all runbooks run through."""
    now_ms = round(time.time() * 1000)
    one = functools.partial(Running, build("bad_deployment", seed=0, now_ms=now_ms))
    with one() as first, one() as second, one() as third:
        servers = [first, second, third]
        for number, service in enumerate(SERVICES):
            url = f"{servers[number % 3].url}/_host/{service}{_own_path(service)}"
            monkeypatch.setenv(f"PITCHEY_OPS_{service.upper()}_URL", url)
        monkeypatch.setenv("PITCHEY_OPS_ORIGIN", "http://127.0.0.1:9")
        from pitchey_ops.runbooks.investigate import investigate

        monkeypatch.chdir(archive.parent)
        for name in ("triage", "outage", "error_rate"):
            run = investigate(name, environment="sandbox")
            seen = {source.name: source.status for source in run.analysis.sources}
            assert run.analysis.verdict.cause == "bad_deployment", (name, run.analysis.verdict)
            assert set(seen.values()) - {"observed", "no_data", "blind"} <= {"not_configured"}, seen
            asked = {str(e.url).split("/")[2] for e in run.exchanges if e.kind == "http"}
            assert asked == {server.url.split("/")[2] for server in servers}


def _own_path(service: str) -> str:
    """Return what stands before a service's own paths at its own host."""
    return {"cloudflare_api": "/client/v4", "sentry": "/api/0"}.get(service, "")


# --- The ways people know ---------------------------------------------------------------------------------


def test_plain_papermill_works_with_the_parameter_file(sandbox: str, tmp_path: Path) -> None:
    """As people know it, ``-f parameters/outage.yaml``: the record lies beside the output, unarchived, and says so."""
    out = tmp_path / "by hand" / "out.ipynb"
    out.parent.mkdir()
    papermill = [str(Path(sys.executable).parent / "papermill"), "notebooks/outage.ipynb", str(out)]
    command = [*papermill, "-f", "parameters/outage.yaml", "--no-progress-bar"]
    before = set(ROOT.iterdir())
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)

    assert done.returncode == 0, done.stderr[-3000:]
    assert set(ROOT.iterdir()) == before
    (record,) = [path for path in out.parent.iterdir() if path.suffix == ".evidence"]
    report = json.loads((record / "report.json").read_bytes())
    check_report(report, [step.id for step in steps_of("outage")])
    assert report["verdict"]["cause"] == "bad_deployment"
    text = out.read_text(encoding="utf-8")
    assert "Not archived" in text
    assert record.name in text
    assert not [name for name in names(Path(os.environ["PITCHEY_OPS_ARCHIVE"])) if "RUN-" in name]


def test_nbval_passes_over_all_notebooks(sandbox: str, tmp_path: Path) -> None:
    """``pytest --nbval-lax notebooks/``: no cell of any notebook raises."""
    folder = tmp_path / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns("*.evidence", ".ipynb_checkpoints"))
    command = [sys.executable, "-m", "pytest", "--nbval-lax", str(folder), "-q", "-p", "no:cacheprovider", "-n0"]
    env = {**os.environ, "PITCHEY_OPS_HOME": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=900, check=False)
    records = [path for path in folder.iterdir() if path.suffix == ".evidence"]

    assert done.returncode == 0, done.stdout[-4000:]
    assert len(records) == len(list(folder.glob("*.ipynb")))


# --- Preparing, in this process ---------------------------------------------------------------------------


def test_an_id_is_fixed_when_a_run_is_prepared_and_a_retry_keeps_it(sandbox: str, archive: Path) -> None:
    """A queue that tries again must not make a second run of one alert."""
    from pitchey_ops.errors import RecordError
    from pitchey_ops.runbooks.lifecycle import Order, prepare

    order = Order(runbook="outage", run_id="RUN-20261123-081500-ab2c", incident_id="INC-20261123-081500-ab2c")
    first, second = prepare(order).context, prepare(order).context
    assert first.folder == second.folder
    assert first.run_id == "RUN-20261123-081500-ab2c"

    archived = archive / order.incident_id / order.run_id  # type: ignore[operator]
    archived.mkdir(parents=True)
    with pytest.raises(RecordError, match="archived already"):
        prepare(order)


def test_a_notebook_that_a_full_disk_tore_is_told_and_can_be_tried_again(archive: Path) -> None:
    """The service tries again what the disk did not take; an error of our own would put the run back for minutes."""
    from pitchey_ops.errors import RecordError
    from pitchey_ops.models.outcome import Outcome
    from pitchey_ops.runbooks.lifecycle import Order, build, prepare

    prepared = prepare(Order(runbook="outage"))
    whole = prepared.runbook.notebook.read_bytes()
    (prepared.context.folder / "notebook.ipynb").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordError, match=r"notebook\.ipynb: .* torn .* the disk was full"):
        build(prepared, Outcome(ending="completed"), executed_s=1.0)


def test_what_comes_from_an_alert_never_becomes_part_of_a_path(archive: Path) -> None:
    """Its id, title and service are a stranger's."""
    from pitchey_ops.models.report import Alert
    from pitchey_ops.runbooks.lifecycle import Order, prepare

    bad = "../../../etc/cron.d/x\x00{run}"
    alert = Alert(
        id=bad, kind=bad, title=bad, at=datetime.fromisoformat("2026-11-23T08:00:00+00:00"), severity="P2", service=bad
    )
    prepared = prepare(Order(runbook="outage", alerts=(alert,)))

    assert prepared.context.folder.is_relative_to(archive / ".staging")
    assert "cron" not in str(prepared.context.folder)
    assert not any("cron" in name for name in names(archive))


def test_the_prepared_run_is_told_to_its_kernel_as_it_was(archive: Path) -> None:
    """Nothing of an order is lost on the way."""
    from pitchey_ops.models.report import Alert
    from pitchey_ops.runbooks.context import RunContext
    from pitchey_ops.runbooks.lifecycle import Order, prepare

    at = datetime.fromisoformat("2026-11-23T08:00:00.123+00:00")
    alert = Alert(id="a\u2028b", kind="k", title="\U0001f600 <b>", at=at, severity="P2", service=None)
    context = prepare(Order(runbook="outage", parameters={"window": "30m"}, alerts=(alert,), severity="P1")).context
    row = json.loads((context.folder / "run.json").read_text(encoding="utf-8"))

    assert RunContext.from_json(row, context.folder) == context


def test_an_alert_with_half_a_character_or_a_megabyte_can_be_stored(archive: Path) -> None:
    """JSON can carry both; a run that cannot start for it would be an alert lost."""
    from pitchey_ops.models.report import Alert
    from pitchey_ops.runbooks.context import RunContext
    from pitchey_ops.runbooks.lifecycle import Order, prepare

    at = datetime.fromisoformat("2026-11-23T08:00:00+00:00")
    alert = Alert(id="\ud800", kind="k" * 10**6, title="t\udfff" * 10**6, at=at, severity="P2", service="\ud83d")
    context = prepare(Order(runbook="outage", alerts=(alert,))).context

    row = json.loads((context.folder / "run.json").read_text(encoding="utf-8"))
    assert RunContext.from_json(row, context.folder) == context
    assert (context.folder / "run.json").stat().st_size < 10_000


def test_the_environment_of_a_run_is_its_parameter_or_its_option(archive: Path) -> None:
    """Both name one; the option outranks the parameter."""
    from pitchey_ops.runbooks.lifecycle import Order, prepare

    assert prepare(Order(runbook="outage", parameters={"environment": "staging"})).context.environment == "staging"
    both = Order(runbook="outage", parameters={"environment": "staging"}, environment="production")
    assert prepare(both).context.environment == "production"
    assert load().environment == "sandbox"


def test_every_rule_of_every_runbook_is_known() -> None:
    """A rule that is named and does not exist would fail in every run."""
    from pitchey_ops.findings.catalogue import RULES

    assert {rule for book in RUNBOOKS.values() for rule in book.rules} <= set(RULES)
