"""Labels: the truth about archived runs, held by the ledger, never seen by a run."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from archives import NOW, ids_of, put, report

from pitchey_ops.cli.app import app
from pitchey_ops.drills.archive import Case, as_json, as_text, play_archive
from pitchey_ops.errors import UsageError
from pitchey_ops.evidence.archive import Archive
from pitchey_ops.evidence.verify import verify
from pitchey_ops.runbooks.labels import Label, label, labels

INC, RUN = ids_of(1)
ONSET = NOW - timedelta(minutes=20)


@pytest.fixture
def archive(tmp_path) -> Archive:  # type: ignore[no-untyped-def]
    """One incident with one run."""
    made = Archive(tmp_path / "outputs")
    put(made, report(INC, RUN))
    return made


def put_label(archive: Archive, cause: str = "schema_drift", **more: object) -> Label:
    """Label the run."""
    given = {"onset": ONSET, "services": ("pitch",), "by": "ann", "at": NOW, **more}
    return label(archive, RUN, cause=cause, **given)  # type: ignore[arg-type]


def test_the_latest_label_of_a_run_counts_and_the_ledger_holds_all(archive: Archive) -> None:
    """People correct themselves; what they said before stays in the record."""
    put_label(archive, "bad_deployment")
    last = put_label(archive)
    assert labels(archive) == {RUN: last}
    assert verify(archive.root).holds
    assert len((archive.root / INC / "notes.jsonl").read_bytes().splitlines()) == 2


@pytest.mark.parametrize(
    ("cause", "more", "words"),
    [
        ("bad_deploy", {}, "expected one of bad_deployment"),
        ("none", {}, "nothing began"),
        ("database_down", {"onset": NOW + timedelta(hours=3)}, "after the run's window"),
    ],
)
def test_a_label_that_cannot_be_true_is_refused(
    archive: Archive, cause: str, more: dict[str, object], words: str
) -> None:
    """A wrong truth would make right rules look wrong."""
    with pytest.raises(UsageError, match=words):
        put_label(archive, cause, **more)
    assert labels(archive) == {}
    assert not (archive.root / INC / "notes.jsonl").exists()


def test_a_run_that_is_not_archived_cannot_be_labelled(archive: Archive) -> None:
    """Otherwise a slip of the pen would be a case for ever."""
    with pytest.raises(UsageError, match="not in the archive"):
        label(archive, ids_of(2)[1], cause="none", onset=None, by="ann", at=NOW)


def test_a_key_in_a_file_of_notes_is_masked_whole(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One with a passphrase holds an empty line, at which the file is taken apart into notes."""
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(archive.root))
    key = ("-----BEGIN RSA PRIVATE" + " KEY-----", "Proc-Type: 4,ENCRYPTED", "", "MIIEpAIBAAKCAQEAw1n8xq3K",
           "-----END RSA PRIVATE KEY-----")  # fmt: skip
    file = tmp_path / "notes.txt"
    file.write_text("\r\n".join(("before", "", *key, "", "after")))
    app(["note", INC, "--file", str(file)], standalone_mode=False)
    lines = (archive.root / INC / "notes.jsonl").read_text().splitlines()
    assert [json.loads(line)["entry"]["text"] for line in lines] == ["before", "[redacted:private-key]", "after"]


def test_lines_that_are_no_labels_are_passed_over(archive: Archive) -> None:
    """Notes are people's words, and may be anything."""
    for entry in ({"event": "note", "text": "label"}, {"event": "label"}, {"event": "label", "run": 1, "cause": []}):
        archive.append(INC, "notes", entry, NOW)
    assert labels(archive) == {}


def test_what_runs_a_runbook_does_not_load_labels() -> None:
    """A verdict that knew the truth would be worth nothing."""
    code = (
        "import sys, pitchey_ops.runbooks.lifecycle, pitchey_ops.runbooks.investigate, pitchey_ops.runbooks.salvage;"
        "print('pitchey_ops.runbooks.labels' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_labelled_run_without_a_usable_record_is_told_as_such(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case that cannot be replayed is neither right nor wrong, and must not vanish from the count."""
    monkeypatch.setattr("pitchey_ops.drills.archive.close_network", lambda: None)
    put_label(archive)
    (case,) = play_archive(archive)
    assert case.played is None
    assert "cannot be replayed" in case.problem
    assert case.was_right is False
    assert as_text([case]).splitlines()[0].startswith("UNREADABLE")
    assert as_json([case])["unreadable"] == 1


def test_a_verdict_that_was_right_and_is_not_any_more_is_called_worse() -> None:
    """That is what the drill of the archive is for."""
    truth = Label(run=RUN, cause="none", onset=None, services=(), by="ann", at=NOW)
    case = Case(label=truth, incident=INC, then=("healthy", "none"), was_right=True, played=None)
    assert case.worse


def test_the_commands_of_the_record_work_together(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A note without its secrets, a label, and both found or not found as they should be."""
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(archive.root))

    def ran(*words: str) -> object:
        assert app(list(words), standalone_mode=False) == 0
        return json.loads(capsys.readouterr().out)

    ran("note", INC, "rolled back with token=sk_live_abcdefghijklmnop1234567890", "--by", "ann", "--json")
    ran("label", RUN, "--cause", "schema_drift", "--onset", "2026-11-23T09:40Z", "--json")
    assert b"sk_live" not in (archive.root / INC / "notes.jsonl").read_bytes()
    assert [row["incident"] for row in ran("incidents", "--search", "rolled", "--json")] == [INC]  # type: ignore[attr-defined]
    assert ran("incidents", "--search", "schema_drift", "--json") == []
    assert ran("incidents", "--similar", INC, "--json") == []
    with pytest.raises(UsageError, match="not in the archive"):
        app(["note", ids_of(9)[0], "text"], standalone_mode=False)
    with pytest.raises(UsageError, match="Nothing was searched"):
        app(["incidents", "--similar", INC, "--search", "x"], standalone_mode=False)
