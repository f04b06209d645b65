"""An export: everything of one incident, nothing of this machine, and any tampering in it is named."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from archives import NOW, finding, ids_of, put, report

from pitchey_ops.errors import RecordError, UsageError
from pitchey_ops.evidence.archive import Archive
from pitchey_ops.evidence.export import export
from pitchey_ops.evidence.ledger import Head
from pitchey_ops.evidence.signing import new_key_pem, read_signer
from pitchey_ops.evidence.verify import Verification, verify
from pitchey_ops.reports.contents import contents_page

INC, RUN = ids_of(1)
HOSTILE = '"><script>alert(1)</script>\x1b]0;x\x07 javascript:alert(1)'


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Three incidents, signed; the first has two runs and all three files of lines."""
    folder = tmp_path_factory.mktemp("exporting")
    (folder / "key.pem").write_bytes(new_key_pem())
    made = Archive(folder / "outputs", signer=read_signer(folder / "key.pem"))
    put(made, report(*ids_of(1), summary=HOSTILE, findings=[finding("kinds/1", HOSTILE)]))
    put(made, report(*ids_of(2)))
    made.append(ids_of(2)[0], "notes", {"event": "note", "text": "of another incident: hush"}, NOW)
    for name in ("journal", "notes", "timeline"):
        made.append(INC, name, {"event": "note", "text": HOSTILE}, NOW)  # type: ignore[arg-type]
    put(made, report(*ids_of(1, run=7), state="healthy"))
    put(made, report(*ids_of(3)))
    return made


@pytest.fixture
def unzipped(archive: Archive, tmp_path: Path) -> Path:
    """An export of the first incident as a stranger has it."""
    export(archive.root, INC, tmp_path / "one.zip", page=contents_page)
    with zipfile.ZipFile(tmp_path / "one.zip") as made:
        made.extractall(tmp_path / "there")
    return tmp_path / "there"


def checked(root: Path, **how: object) -> Verification:
    """Return what verification says to somebody who names the folder."""
    return verify(root, accept_export=True, **how)  # type: ignore[arg-type]


def test_a_stranger_verifies_an_export_and_reads_what_is_not_part_of_it(unzipped: Path, archive: Archive) -> None:
    """Other incidents are left out, which must be neither silent nor called a deletion."""
    found = checked(unzipped)
    assert found.holds, [str(one) for one in found.problems]
    assert found.runs == 2
    assert any(f"an export of {INC} alone; 2 runs of 2 others" in text for text in found.not_proven)
    assert checked(unzipped, anchor=str(archive.ledger.head())).holds
    assert checked(unzipped, run=RUN).runs == 1


def test_an_export_holds_all_of_the_incident_and_no_content_of_another(unzipped: Path, archive: Archive) -> None:
    """What is missing cannot be checked; what is too much was not for the stranger."""
    for path in (archive.root / INC).rglob("*"):
        if path.is_file():
            assert (unzipped / path.relative_to(archive.root)).read_bytes() == path.read_bytes()
    assert sorted(path.name for path in unzipped.iterdir()) == [
        INC, "export.json", "index.html", "keys", "ledger.jsonl",
    ]  # fmt: skip
    everything = b"".join(path.read_bytes() for path in unzipped.rglob("*") if path.is_file())
    assert b"hush" not in everything
    assert b"PRIVATE KEY" not in everything
    assert str(archive.root).encode() not in everything


def test_equal_archives_give_equal_bytes_without_paths_or_links(archive: Archive, tmp_path: Path) -> None:
    """So that two people can compare what they have by one digest."""
    one = export(archive.root, INC, tmp_path / "a.zip", page=contents_page)
    two = export(archive.root, INC, tmp_path / "b.zip", page=contents_page)
    assert one.sha256 == two.sha256
    with zipfile.ZipFile(one.path) as made:
        for info in made.infolist():
            assert not info.filename.startswith("/")
            assert ".." not in info.filename
            assert info.external_attr >> 16 == 0o100644
        assert [info.filename for info in made.infolist()] == sorted(info.filename for info in made.infolist())


def test_the_page_of_links_runs_nothing_and_leads_to_the_reports(unzipped: Path) -> None:
    """It is the first thing that a stranger opens, and a summary can hold anything."""
    page = (unzipped / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page.replace("&lt;script", "")
    assert "\x1b" not in page
    assert "default-src 'none'" in page
    assert f'href="{INC}/{RUN}/report.html"' in page
    assert "://" not in page


def _edit(path: str) -> Callable[[Path], None]:
    return lambda root: (root / path).write_bytes((root / path).read_bytes() + b" ")


def _drop_line(root: Path) -> None:
    lines = (root / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (root / "ledger.jsonl").write_bytes(b"".join(lines[:2] + lines[3:]))


def _cut_tail(root: Path) -> None:
    lines = (root / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (root / "ledger.jsonl").write_bytes(b"".join(lines[:-1]))


def _rename(root: Path) -> None:
    note = json.loads((root / "export.json").read_bytes())
    (root / "export.json").write_text(json.dumps({**note, "incident": ids_of(2)[0]}))


def _link(root: Path) -> None:
    (root / "ledger.jsonl").rename(root.parent / "ledger")
    (root / "ledger.jsonl").symlink_to(root.parent / "ledger")


@pytest.mark.parametrize(
    "harm",
    [
        _edit(f"{INC}/{RUN}/report.json"),
        _edit(f"{INC}/{RUN}/report.html"),
        _edit(f"{INC}/{RUN}/evidence.har.gz"),
        _edit(f"{INC}/notes.jsonl"),
        _edit("index.html"),
        _edit("ledger.jsonl"),
        lambda root: (root / INC / RUN / "notebook.ipynb").unlink(),
        lambda root: (root / INC / "journal.jsonl").unlink(),
        lambda root: (root / INC / RUN).rename(root / INC / "RUN-20261123-100100-zzzz"),
        lambda root: (root / "extra.html").write_text("<script>"),
        lambda root: (root / ids_of(2)[0]).mkdir(),
        lambda root: (root / "export.json").write_text("{}"),
        lambda root: (root / "export.json").unlink(),
        _drop_line,
        _cut_tail,
        _rename,
        _link,
    ],
)
def test_tampering_with_an_export_is_detected(unzipped: Path, harm: Callable[[Path], None]) -> None:
    """Each is something that somebody who wants to tell another story could try."""
    harm(unzipped)
    assert not checked(unzipped).holds


def test_an_archive_in_use_cannot_be_passed_off_as_an_export(unzipped: Path) -> None:
    """A note put beside the archive would otherwise make deletions look intended."""
    found = verify(unzipped)
    assert ("export.json", "inserted") in {(one.where, one.kind) for one in found.problems}
    assert any(one.kind == "deleted" and ids_of(2)[0] in one.where for one in found.problems)


def test_nothing_is_written_over_and_no_link_is_followed(archive: Archive, tmp_path: Path) -> None:
    """An export must neither destroy a file nor carry one out of the archive."""
    (tmp_path / "there.zip").write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists already"):
        export(archive.root, INC, tmp_path / "there.zip", page=contents_page)
    assert (tmp_path / "there.zip").read_bytes() == b"mine"
    with pytest.raises(UsageError, match="not in the archive"):
        export(archive.root, "INC-20200101-000000-aaaa", tmp_path / "none.zip", page=contents_page)
    other = Archive(tmp_path / "other")
    put(other, report(*ids_of(1)))
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "other" / INC / RUN / "more").symlink_to(tmp_path / "secret")
    with pytest.raises(RecordError):
        export(tmp_path / "other", INC, tmp_path / "linked.zip", page=contents_page)
    assert not list(tmp_path.glob("*linked*"))
    assert Head.parse(str(other.ledger.head())).position == 1
