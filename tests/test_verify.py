"""Verification: every way of tampering that we could think of is done for real, and named."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pitchey_ops.errors import RecordError, UsageError
from pitchey_ops.evidence.archive import Archive
from pitchey_ops.evidence.canonical import canonical, digest
from pitchey_ops.evidence.ledger import START, Head, append_chained, line_of
from pitchey_ops.evidence.manifest import RunFacts
from pitchey_ops.evidence.signing import new_key_pem, read_signer
from pitchey_ops.evidence.verify import Verification, verify

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
INCIDENTS = ["INC-20261123-100000-abcd", "INC-20261123-110000-abcd"]
RUNS = [f"RUN-20261123-10000{i}-aaaa" for i in range(5)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Head]:
    """An archive of two incidents, five signed runs and incident files, with its head."""
    root = tmp_path_factory.mktemp("made")
    (root / "key.pem").write_bytes(new_key_pem())
    archive = Archive(root / "outputs", signer=read_signer(root / "key.pem"))
    for i, run in enumerate(RUNS):
        incident = INCIDENTS[i % 2]
        folder = archive.stage(run)
        for name in ("notebook.ipynb", "report.html", "report.json", "evidence.har.gz"):
            (folder / name).write_bytes(f"{name} of {run}".encode() * 20)
        (folder / "bodies").mkdir()
        (folder / "bodies" / "ab.gz").write_bytes(b"body" * 50)
        archive.append(incident, "timeline", {"event": f"run {i}"}, NOW)
        archive.append(incident, "journal", {"action": i}, NOW)
        archive.commit(
            RunFacts(
                incident_id=incident, run_id=run, runbook="outage", started_by="alert", start=NOW,
                end=NOW + timedelta(seconds=9),
            ),
            NOW,
        )  # fmt: skip
    archive.append(INCIDENTS[0], "notes", {"text": "calm"}, NOW)
    return archive.root, archive.ledger.head()


@pytest.fixture
def copy(made: tuple[Path, Head], tmp_path: Path) -> tuple[Path, Head]:
    """A copy to tamper with."""
    root = tmp_path / "outputs"
    shutil.copytree(made[0], root)
    return root, made[1]


def kinds(result: Verification, part: str = "") -> set[str]:
    """Return the kinds of problems at places that contain *part*."""
    return {p.kind for p in result.problems if part in p.where}


def test_an_untouched_archive_holds_and_says_what_that_does_not_prove(made: tuple[Path, Head]) -> None:
    """A clean bill that claims too much is worse than none."""
    root, head = made
    result = verify(root, anchor=str(head))
    assert result.holds, [str(p) for p in result.problems]
    assert result.head == head
    assert result.runs == 5
    assert result.bytes > 5 * 1000
    assert any("keys" in note for note in result.not_proven)
    without = verify(root)
    assert without.holds
    assert any("--anchor" in note for note in without.not_proven)
    one = verify(root, run=RUNS[0])
    assert one.holds
    assert one.runs == 1
    assert any("other runs" in note for note in one.not_proven)


def _files(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() and ".staging" not in p.parts)


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "first byte": lambda d: bytes([d[0] ^ 1]) + d[1:],
    "middle byte": lambda d: d[: len(d) // 2] + bytes([d[len(d) // 2] ^ 1]) + d[len(d) // 2 + 1 :],
    "last byte": lambda d: d[:-1] + bytes([d[-1] ^ 1]),
    "added byte": lambda d: d + b" ",
    "added line": lambda d: d + b"\n",
    "missing byte": lambda d: d[:-1],
    "half": lambda d: d[: len(d) // 2],
    "empty": lambda d: b"",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_to_any_file_is_named(made: tuple[Path, Head], tmp_path: Path, change: str) -> None:
    """Every file of the archive, each kind of edit; the file that was changed is the one that is named."""
    missed = []
    for name in _files(made[0]):
        if Path(name).name.startswith("."):
            continue
        root = tmp_path / "o"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(made[0], root)
        target = root / name
        target.write_bytes(CHANGES[change](target.read_bytes()))
        result = verify(root, anchor=made[1])
        if not any(p.where == name for p in result.problems):
            missed.append((name, [str(p) for p in result.problems]))
    assert missed == []


def test_any_single_byte_of_ledger_or_manifest_counts(
    made: tuple[Path, Head], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Not only the bytes that we thought of."""
    base = tmp_path_factory.mktemp("bytes") / "outputs"
    shutil.copytree(made[0], base)
    targets = [
        base / "ledger.jsonl",
        base / INCIDENTS[0] / RUNS[0] / "manifest.json",
        base / INCIDENTS[0] / "journal.jsonl",
    ]

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(targets), st.integers(min_value=0), st.integers(min_value=1, max_value=255))
    def flip(target: Path, place: int, by: int) -> None:
        whole = target.read_bytes()
        at = place % len(whole)
        target.write_bytes(whole[:at] + bytes([whole[at] ^ by]) + whole[at + 1 :])
        try:
            result = verify(base, anchor=made[1])
            assert target.relative_to(base).as_posix() in {p.where for p in result.problems}
        finally:
            target.write_bytes(whole)

    flip()


@pytest.mark.parametrize("file", ["ledger.jsonl", f"{INCIDENTS[0]}/timeline.jsonl", f"{INCIDENTS[0]}/journal.jsonl"])
def test_lines_that_are_dropped_doubled_swapped_or_added_are_named(copy: tuple[Path, Head], file: str) -> None:
    """Deletion, insertion and reordering are told apart, at every place."""
    root, head = copy
    whole = (root / file).read_bytes().splitlines(keepends=True)

    def after(lines: list[bytes]) -> set[str]:
        (root / file).write_bytes(b"".join(lines))
        return kinds(verify(root, anchor=head), file)

    last = len(whole) - 1
    for i in range(len(whole)):
        assert ("cut" if i == last else "deleted") in after(whole[:i] + whole[i + 1 :]), i
        assert "inserted" in after([*whole[: i + 1], whole[i], *whole[i + 1 :]]), i
        if i < last:
            assert "reordered" in after([*whole[:i], whole[i + 1], whole[i], *whole[i + 2 :]]), i
    assert after(list(reversed(whole))) >= {"reordered"}
    assert after([*whole, b"{}\n"]) >= {"edited"}
    assert after([*whole, whole[-1][:-9]]) >= {"cut"}
    assert after(whole) == set()


def test_a_tail_that_is_cut_off_shows_with_an_anchor_only(copy: tuple[Path, Head]) -> None:
    """The one thing that a chain alone cannot show; it is said, not hidden."""
    root, head = copy
    ledger = root / "ledger.jsonl"
    whole = ledger.read_bytes().splitlines(keepends=True)
    (root / INCIDENTS[0] / "notes.jsonl").unlink()
    ledger.write_bytes(b"".join(whole[:-1]))
    assert verify(root).holds
    assert any("--anchor" in note for note in verify(root).not_proven)
    assert kinds(verify(root, anchor=head), "ledger") == {"cut"}
    ledger.unlink()
    assert "cut" in kinds(verify(root, anchor=head), "ledger")
    assert {p.where for p in verify(root).problems} >= {f"{INCIDENTS[0]}/{RUNS[0]}"}


def _anew(lines: list[bytes]) -> bytes:
    """Chain *lines* again, as someone would who knows the format."""
    out, previous = b"", START
    for n, line in enumerate(lines, start=1):
        entry = {k: v for k, v in json.loads(line).items() if k not in ("n", "prev", "hash")}
        new, previous = line_of(entry, n, previous)
        out += new
    return out


def test_a_ledger_that_was_written_anew_shows_with_an_anchor(copy: tuple[Path, Head]) -> None:
    """Somebody who knows the format can chain everything again; not so that an old head still stands in it."""
    root, head = copy
    ledger = root / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines()
    first = json.loads(lines[0])
    lines[0] = canonical({**first, "at": "2020-01-01T00:00:00Z"})
    ledger.write_bytes(_anew(lines))
    assert verify(root).holds
    assert kinds(verify(root, anchor=head), "ledger") == {"edited"}


def test_one_forged_line_does_not_fit_its_neighbours(copy: tuple[Path, Head]) -> None:
    """A line with a digest that is right by itself still breaks the chain."""
    root, head = copy
    ledger = root / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    entry = json.loads(lines[3])
    del entry["hash"]
    entry["at"] = "2020-01-01T00:00:00Z"
    lines[3] = canonical({**entry, "hash": digest(canonical(entry))}) + b"\n"
    ledger.write_bytes(b"".join(lines))
    assert kinds(verify(root), "ledger") == {"edited"}
    assert not verify(root, anchor=head).holds


def test_files_and_runs_that_come_go_or_move_are_named(copy: tuple[Path, Head]) -> None:
    """An archive is its files: one more, one less, one elsewhere."""
    root, head = copy
    run = root / INCIDENTS[0] / RUNS[0]
    (run / "extra.txt").write_text("x")
    (run / "report.html").unlink()
    (run / "bodies" / "ab.gz").rename(run / "bodies" / "ac.gz")
    found = {(p.where.removeprefix(f"{INCIDENTS[0]}/{RUNS[0]}/"), p.kind) for p in verify(root, anchor=head).problems}
    assert found == {
        ("extra.txt", "inserted"),
        ("report.html", "deleted"),
        ("bodies/ab.gz", "deleted"),
        ("bodies/ac.gz", "inserted"),
    }
    assert {p.kind for p in verify(root, run=RUNS[0]).problems} == {"inserted", "deleted"}
    assert verify(root, run=RUNS[1]).holds
    shutil.rmtree(run)
    assert kinds(verify(root), RUNS[0]) == {"deleted"}
    (root / INCIDENTS[1] / RUNS[1]).rename(root / INCIDENTS[0] / RUNS[1])
    assert kinds(verify(root), RUNS[1]) == {"deleted", "inserted"}
    shutil.copytree(root / INCIDENTS[0] / RUNS[2], root / INCIDENTS[0] / "RUN-20261123-120000-zzzz")
    assert kinds(verify(root), "zzzz") == {"inserted"}
    (root / INCIDENTS[1] / "odd.txt").write_text("x")
    (root / INCIDENTS[1] / "timeline.jsonl").unlink()
    assert kinds(verify(root), "odd.txt") == {"inserted"}
    assert kinds(verify(root), "timeline") == {"deleted"}


def test_links_in_place_of_files_or_folders_are_named(copy: tuple[Path, Head], tmp_path: Path) -> None:
    """The same content by way of a link is content that can change later."""
    root, _ = copy
    run = root / INCIDENTS[0] / RUNS[0]
    (run / "report.html").rename(tmp_path / "elsewhere")
    (run / "report.html").symlink_to(tmp_path / "elsewhere")
    assert kinds(verify(root), "report.html") == {"edited"}
    other = root / INCIDENTS[0] / RUNS[2]
    other.rename(tmp_path / "run")
    other.symlink_to(tmp_path / "run")
    assert kinds(verify(root), RUNS[2]) == {"edited"}


def test_links_and_names_beside_the_runs_are_named(copy: tuple[Path, Head], tmp_path: Path) -> None:
    """An incident's folder, its lines and the ledger are files of the archive, too."""
    root, head = copy
    (root / "INC-odd").mkdir()
    (root / "INC-odd.txt").write_text("x")
    for name in (INCIDENTS[0], f"{INCIDENTS[1]}/timeline.jsonl", "ledger.jsonl"):
        (root / name).rename(tmp_path / "elsewhere")
        (root / name).symlink_to(tmp_path / "elsewhere")
        (tmp_path / "elsewhere").rename(tmp_path / name.replace("/", "-"))
        (root / name).unlink()
        (root / name).symlink_to(tmp_path / name.replace("/", "-"))
    found = {(p.where, p.kind) for p in verify(root, anchor=head).problems}
    assert found == {
        ("INC-odd", "inserted"),
        ("INC-odd.txt", "inserted"),
        (INCIDENTS[0], "edited"),
        (f"{INCIDENTS[1]}/timeline.jsonl", "edited"),
        ("ledger.jsonl", "edited"),
    }


@pytest.mark.parametrize("number", ["1e999", '"x"', "[1]", "null", "{}"])
def test_a_number_that_is_none_does_not_stop_verification(copy: tuple[Path, Head], number: str) -> None:
    """It stands where a line's number or a file's size stood."""
    root, _ = copy
    ledger = root / "ledger.jsonl"
    data = ledger.read_bytes()
    ledger.write_bytes(data.replace(b'"line":1,', f'"line":{number},'.encode(), 1))
    assert ledger.read_bytes() != data
    assert "edited" in kinds(verify(root), "ledger")
    ledger.write_bytes(data)
    path = root / INCIDENTS[0] / RUNS[0] / "manifest.json"
    path.write_bytes(re.sub(rb'"size":\d+', f'"size":{number}'.encode(), path.read_bytes(), count=1))
    assert "edited" in kinds(verify(root), "manifest.json")
    line = {"kind": "line", "incident": INCIDENTS[0], "file": "notes.jsonl", "line": str(number), "line_hash": "x"}
    append_chained(ledger, line)
    assert "inserted" in kinds(verify(root), "ledger")


def test_a_manifest_that_was_made_again_by_someone_else_fails_by_its_signature(copy: tuple[Path, Head]) -> None:
    """Even with a ledger written anew: who has no key of the archive cannot sign, and unsigned shows."""
    root, head = copy
    path = root / INCIDENTS[0] / RUNS[0] / "manifest.json"
    body = json.loads(path.read_bytes())
    ledger = root / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines()

    def plant(manifest: dict[str, object]) -> Verification:
        path.write_bytes(canonical(manifest))
        new = [
            canonical({**json.loads(x), "manifest": digest(path.read_bytes())})
            if json.loads(x).get("run") == RUNS[0]
            else x
            for x in lines
        ]
        ledger.write_bytes(_anew(new))
        return verify(root)

    assert kinds(plant({**body, "started_by": "nobody"}), "manifest") == {"signature"}
    assert kinds(plant({**body, "signature": None}), "manifest") == {"signature"}
    assert kinds(plant({**body, "signature": {"payload": 1}}), "manifest") == {"signature"}
    assert plant(body).holds
    assert not verify(root, anchor=head).holds or ledger.read_bytes().splitlines() == lines


def test_keys_are_checked_against_their_names_and_those_that_are_trusted(
    copy: tuple[Path, Head], tmp_path: Path
) -> None:
    """Keys in the archive prove nothing by themselves; ids from outside do."""
    root, _ = copy
    (key,) = (root / "keys").iterdir()
    assert verify(root, trusted=[key.stem]).holds
    assert not any("keys" in note for note in verify(root, trusted=[key.stem]).not_proven)
    assert kinds(verify(root, trusted=["0" * 64])) == {"signature"}
    (root / "keys" / f"{'0' * 64}.pem").write_bytes(key.read_bytes())
    (root / "keys" / "x.pem").write_bytes(b"no key")
    assert len([p for p in verify(root).problems if p.where.startswith("keys/")]) == 2
    key.unlink()
    assert "signature" in kinds(verify(root), "manifest")


def test_a_run_between_ledger_and_move_is_unfinished_not_lost(copy: tuple[Path, Head]) -> None:
    """A crash is not an attack."""
    root, _ = copy
    (root / INCIDENTS[0] / RUNS[0]).rename(root / ".staging" / RUNS[0])
    assert kinds(verify(root), RUNS[0]) == {"unfinished"}


def test_wrong_questions_are_errors(made: tuple[Path, Head], tmp_path: Path) -> None:
    """No archive, no such run, no head: none of these may look like a clean bill."""
    with pytest.raises(RecordError):
        verify(tmp_path / "absent")
    with pytest.raises(RecordError):
        verify(made[0], run="RUN-20200101-000000-aaaa")
    with pytest.raises(UsageError):
        verify(made[0], run="../x")
    with pytest.raises(UsageError):
        verify(made[0], anchor="nonsense")


def test_hostile_lines_do_not_stop_verification(copy: tuple[Path, Head]) -> None:
    """Whoever tampers may try to make the tool fail instead."""
    root, _ = copy
    deep = b"[" * 100_000 + b"]" * 100_000
    huge = b'{"n":' + b"9" * 4000 + b',"hash":"x","prev":"y"}'
    nested = b'{"n":1,"hash":"x","prev":"y","e":' + b"[" * 500 + b"]" * 500 + b"}"
    for line in (
        deep,
        huge,
        nested,
        b"\xff\x00",
        b'{"n":1e9,"hash":"","prev":""}',
        b'{"n":99999999999,"hash":"a","prev":"b"}',
        b'"\\ud800"',
    ):
        (root / "ledger.jsonl").write_bytes(line + b"\n")
        assert "edited" in kinds(verify(root), "ledger")
        (root / INCIDENTS[0] / RUNS[0] / "manifest.json").write_bytes(line)
        assert not verify(root).holds
