"""The command line: one message that says what, where and why, the right exit code, and nothing written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from homes import home, names, ops

from pitchey_ops.cli import main
from pitchey_ops.runbooks.catalogue import RUNBOOKS

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs a command in this process: exit code, what it said, what it complained of."""
    assert archive

    def work(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pitchey-ops", *words])
        code = main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return work


CASE = "/nowhere/at/all"
WRONG = {
    "an unknown runbook": (["run", "outrage"], ["no runbook 'outrage'", "triage, outage, error_rate"]),
    "a path as runbook": (["run", "../../etc/passwd"], ["no runbook", "Nothing was run"]),
    "a notebook as runbook": (["run", "notebooks/outage.ipynb"], ["no runbook"]),
    "an unknown parameter": (
        ["run", "outage", "-p", "windw=1h"],
        ["'windw' is no parameter of outage", "did you mean 'window'?"],
    ),
    "code as a parameter's name": (
        ["run", "outage", "-p", "x=0; import os; os.system('touch owned'); y"],
        ["'x' is no parameter of outage"],
    ),
    "a mistyped parameter": (
        ["run", "outage", "-p", "error_share_limit=lots"],
        ["error_share_limit", "'lots' does not fit", "expected number"],
    ),
    "no number at all": (["run", "outage", "-p", "p95_limit_ms=nan"], ["p95_limit_ms", "expected number"]),
    "a limit out of range": (["run", "outage", "-p", "error_share_limit=7"], ["error_share_limit", "less than 1"]),
    "a parameter without value": (["run", "outage", "-p", "window"], ["expected NAME=VALUE"]),
    "a parameter without name": (["run", "outage", "-p", "=1"], ["expected NAME=VALUE"]),
    "a bad window": (["run", "outage", "--window", "yesterday"], ["window 'yesterday'", "1h or 30m"]),
    "a window backwards": (
        ["run", "outage", "--window", "2026-11-23T09:00/2026-11-23T08:00"],
        ["does not end after it starts"],
    ),
    "a bad alert time": (["run", "outage", "-p", "alert_at=noonish"], ["alert_at 'noonish'", "ISO 8601"]),
    "an unknown environment": (["run", "outage", "-e", "prod"], ["'prod'", "sandbox, staging, production"]),
    "an environment by parameter": (["run", "outage", "-p", "environment=prod"], ["'prod'", "sandbox, staging"]),
    "a missing case folder": (["run", "error_rate", "--case", CASE], [CASE, "no such folder"]),
    "a bad incident id": (["run", "outage", "--incident", "../../x"], ["'../../x'", "INC-"]),
    "too small a budget": (["run", "outage", "--budget", "1"], ["budget 1 s", "5 to 900"]),
    "too large a budget": (["run", "outage", "--budget", "1e9"], ["5 to 900"]),
    "no number as budget": (["run", "outage", "--budget", "nan"], ["5 to 900"]),
    "text as budget": (["run", "outage", "--budget", "long"], ["--budget", "valid number", "--help"]),
    "an unknown state": (["run", "outage", "--fail-on", "sadness"], ["incident, inconclusive or healthy"]),
    "an unknown option": (["run", "outage", "--fast"], ["--fast", "--help"]),
    "no runbook": (["run"], ["runbook", "--help"]),
    "an unknown command": (["rnu"], ["rnu"]),
    "an unknown severity": (["declare", "x", "--severity", "P0"], ["'P0'", "P1, P2, P3, P4"]),
    "an incident without words": (["declare", "  "], ["title is empty", "Nothing was opened"]),
    "an unknown break": (
        ["sandbox", "--scenario", "healthy_control", "--break", "apm=sad"],
        ["unknown break 'sad'", "slow, 5xx"],
    ),
    "an unknown service to break": (
        ["sandbox", "--scenario", "healthy_control", "--break", "apms=slow"],
        ["unknown service 'apms'"],
    ),
    "an unknown scenario": (["sandbox", "--scenario", "doom"], ["no scenario 'doom'", "--list"]),
    "neither scenario nor case": (["sandbox"], ["--scenario NAME", "--case FOLDER"]),
    "both scenario and case": (["sandbox", "--scenario", "calm", "--case", "."], ["either"]),
    "no speed": (["sandbox", "--scenario", "calm", "--speed", "0"], ["--speed", "above 0"]),
    "no time as start": (["sandbox", "--scenario", "healthy_control", "--start", "soon"], ["'soon'", "ISO 8601"]),
    "control characters": (["run", "out\x1b[31mage\x07"], ["no runbook"]),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_use_is_one_message_exit_2_and_nothing_written(wrong: str, call: Call, tmp_path: Path) -> None:
    """What, where, likely cause; no traceback, no folder left behind."""
    words, wanted = WRONG[wrong]
    code, out, err = call(*words)

    assert (code, out) == (2, "")
    assert err.startswith("pitchey-ops: ")
    assert all(text in err for text in wanted), err
    assert "Traceback" not in err
    assert len(err) < 1500
    assert "\x1b" not in err
    assert names(tmp_path) == []


def test_a_folder_without_a_case_says_what_it_should_hold(call: Call, tmp_path: Path) -> None:
    """A wrong folder is the likely mistake."""
    (tmp_path / "case").mkdir()
    code, _, err = call("run", "error_rate", "--case", str(tmp_path / "case"))

    assert code == 2
    assert "logs.jsonl, metrics.jsonl, response_time.jsonl" in err
    assert names(tmp_path) == ["case/"]


@pytest.mark.parametrize("what", ["RUN-20261123-081500-ab2c", "INC-20261123-081500-ab2c", "RUN-x", "../x", "outputs"])
def test_what_is_not_archived_cannot_be_replayed(what: str, archive: Path) -> None:
    """In a process of its own: a replay closes the network for good."""
    done = ops("replay", what)

    assert (done.returncode, done.stdout) == (2, "")
    assert "Nothing was run." in done.stderr
    assert "Traceback" not in done.stderr
    assert not archive.exists() or names(archive) == []


def test_a_broken_notebook_of_our_own_is_named(tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge conflict in a notebook: which file, and what is wrong with it."""
    place = home(tmp_path / "home")
    monkeypatch.setenv("PITCHEY_OPS_HOME", str(place))
    (place / "notebooks" / "outage.ipynb").write_text("<<<<<<< HEAD")
    done = ops("run", "outage")

    assert done.returncode == 2
    assert "outage.ipynb: no notebook" in done.stderr
    assert not archive.exists()


@pytest.mark.parametrize("words", [[], ["--help"], ["run", "--help"], ["replay", "--help"], ["sandbox", "--help"]])
def test_help_says_how_with_an_example(words: list[str], call: Call) -> None:
    """A person at 3 am reads the last lines."""
    code, out, err = call(*words)

    assert code in (0, 2)
    assert (code == 0) == (words != [])
    assert "Usage" in out + err
    if words and words[0] != "--help":
        assert f"Example: pitchey-ops {words[0]}" in out


def test_every_command_has_an_example() -> None:
    """The design promises one in each command's help."""
    from pitchey_ops.cli.app import app

    without = [
        command.callback.__name__
        for command in app.registered_commands
        if command.callback is not None and "Example: pitchey-ops" not in (command.epilog or "")
    ]
    assert without == []


def test_declaring_opens_an_incident_whose_severity_runs_take_over(call: Call, archive: Path) -> None:
    """People open incidents that no monitor saw; a run added to it is as severe as they say."""
    code, out, _ = call("declare", "Checkout fails \x1b[31m\u202efor some", "--severity", "P1", "--json")
    incident = json.loads(out)["incident"]
    line = json.loads((archive / incident / "timeline.jsonl").read_text())["entry"]

    assert code == 0
    assert (line["event"], line["severity"]) == ("declared", "P1")
    assert "\x1b" not in out

    from pitchey_ops.runbooks.lifecycle import _severity_of, archive_of
    from pitchey_ops.settings import load

    assert _severity_of(archive_of(load()), incident) == "P1"


def test_the_sandbox_lists_what_it_can_play(call: Call) -> None:
    """Names are needed before they can be typed."""
    code, out, _ = call("sandbox", "--list")

    assert code == 0
    for name in ("healthy_control", "bad_deployment", "database_pool_exhausted", "cloudflare_incident", "logs_blind"):
        assert name in out


def test_an_archive_that_cannot_be_written_is_one_message(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full or missing disk is the responder's first problem then; it must be said plainly."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(tmp_path / "file" / "outputs"))
    code, out, err = call("run", "outage")

    assert (code, out) == (1, "")
    assert str(tmp_path / "file" / "outputs") in err
    assert "Traceback" not in err


def test_a_missing_signing_key_stops_a_run_before_it_begins(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unsigned run where signing was asked for would be found out too late."""
    monkeypatch.setenv("PITCHEY_OPS_SIGNING_KEY_FILE", str(tmp_path / "absent.pem"))
    code, _, err = call("run", "outage")

    assert code in (1, 2)
    assert "absent.pem" in err
    assert names(tmp_path) == []


def test_every_runbook_has_its_notebook() -> None:
    """Each name that the command line offers can be run."""
    missing = [name for name, book in RUNBOOKS.items() if not book.notebook.is_file()]
    assert missing == []
