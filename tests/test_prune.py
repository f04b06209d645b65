"""Retention: whole incidents that are over and old go, nothing else does, and `verify` tells it from tampering."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import postgres_server
import pytest
import sqlalchemy as sa
from archives import NOW, ids_of, put, report
from homes import names, ops

from pitchey_ops.errors import RecordError, UsageError
from pitchey_ops.evidence import pruning
from pitchey_ops.evidence.archive import Archive
from pitchey_ops.evidence.index import Index
from pitchey_ops.evidence.ledger import NAME as LEDGER
from pitchey_ops.evidence.verify import verify
from pitchey_ops.models.report import Alert
from pitchey_ops.runbooks.labels import label
from pitchey_ops.service import db, incidents, orders
from pitchey_ops.service.db import metadata, reading
from pitchey_ops.service.incidents import IncomingAlert
from pitchey_ops.service.prune import Outcome, age_of, prune

LATER = NOW + timedelta(days=100)
AGE = timedelta(days=90)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """An archive with two old incidents, two runs each, notes and timeline, and a young one."""
    made = Archive(tmp_path / "outputs")
    for number in (0, 1):
        for run in (0, 1):
            incident, name = ids_of(number, run=run)
            put(made, report(incident, name, summary=f"trouble number {number}"))
        made.append(incident, "timeline", {"event": "declared", "title": "x"}, NOW)
        made.append(incident, "timeline", {"event": "resolved", "by": "sam"}, NOW)
        made.append(incident, "notes", {"event": "note", "text": "rolled back"}, NOW)
    put(made, report(*ids_of(2)), at=LATER - timedelta(days=3))
    return made


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = db.connect(f"sqlite:///{tmp_path / 'service.sqlite'}")
    db.create(made)
    yield made
    made.dispose()


def let_go(archive: Archive, engine: sa.Engine | None = None, **more: Any) -> Outcome:
    """Prune what is older than ninety days, a hundred days later."""
    return prune(archive, engine, **{"older_than": AGE, "now": LATER, "by": "sam", **more})


def alerted(engine: sa.Engine, key: str, at: datetime = NOW) -> str:
    """Receive an alert and return its incident."""
    incoming = IncomingAlert(
        sender="plain",
        trouble=key,
        alert=Alert(id=key, kind="test", title=f"trouble {key}", at=at, severity="P2", service=key),
    )
    with engine.begin() as connection:
        found = incidents.receive(connection, incoming, at).incident_id
    assert found is not None
    return found


def closed(engine: sa.Engine, incident: str, at: datetime = NOW) -> None:
    """Resolve an incident and end all its runs."""
    with engine.begin() as connection:
        incidents.resolve(connection, incident, "sam", at)
        connection.execute(
            sa.update(orders.orders).where(orders.orders.c.incident_id == incident).values(state="archived")
        )


def rows_of(engine: sa.Engine, incident: str) -> int:
    """Count everything that the database has about an incident."""
    count = 0
    with reading(engine) as connection:
        for table in metadata.sorted_tables:
            for column in ("incident_id", "id"):
                if column in table.c and (column == "incident_id" or table.name == "ops_incidents"):
                    where = table.c[column] == incident
                    count += (
                        connection.execute(sa.select(sa.func.count()).select_from(table).where(where)).scalar() or 0
                    )
    return count


def test_whole_incidents_go_and_verify_calls_them_pruned(archive: Archive) -> None:
    """Disk is finite, and an archive that cannot tell retention from tampering proves nothing."""
    with Index(archive.root) as index:
        index.update()
        assert len(index.find()) == 3
    done = let_go(archive)

    assert done.incidents == (ids_of(0)[0], ids_of(1)[0])
    assert (done.runs, done.problems) == (4, ())
    assert done.bytes > 0
    assert sorted(p.name for p in archive.root.iterdir() if p.name.startswith("INC-")) == [ids_of(2)[0]]
    checked = verify(archive.root)
    assert checked.problems == ()
    assert len(checked.pruned) == 4
    assert "older than 90 d, by sam" in checked.pruned[0]
    assert "pruned runs" in checked.not_proven[0]
    with Index(archive.root) as index:
        index.update()
        assert [row.incident for row in index.find()] == [ids_of(2)[0]]
        index.rebuild()
        assert [row.incident for row in index.find()] == [ids_of(2)[0]]
    with pytest.raises(RecordError, match="was pruned, as the ledger says"):
        verify(archive.root, run=ids_of(0)[1])
    assert let_go(archive).incidents == ()


def test_a_deletion_that_no_line_tells_of_is_tampering_still(archive: Archive) -> None:
    """Retention must not become the way to make a run disappear."""
    let_go(archive)
    shutil.rmtree(archive.root / ids_of(2)[0])
    problems = verify(archive.root).problems
    assert [(one.kind, one.where) for one in problems] == [("deleted", "/".join(ids_of(2)))]


def test_a_forged_or_edited_line_about_pruning_is_named(archive: Archive) -> None:
    """A line that lets go what was never there, or that was changed afterwards, excuses nothing."""
    incident, run = ids_of(5)
    entry = {"kind": pruning.KIND, "incident": incident, "runs": [run], "files": [], "by": "x", "rule": "y"}
    archive.ledger.append(entry, NOW)
    assert any("never took in" in one.what for one in verify(archive.root).problems)

    path = archive.root / LEDGER
    text = path.read_text()
    path.write_text(text.replace(run, ids_of(2)[1]).replace(incident, ids_of(2)[0]))
    shutil.rmtree(archive.root / ids_of(2)[0])
    kinds = {one.kind for one in verify(archive.root).problems}
    assert {"edited", "deleted"} <= kinds


def test_a_dry_run_tells_the_same_and_changes_nothing(archive: Archive, engine: sa.Engine) -> None:
    """People look before they let go."""
    incident = alerted(engine, "old")
    closed(engine, incident)
    before, rows = names(archive.root), rows_of(engine, incident)
    told = let_go(archive, engine, dry_run=True)
    assert (names(archive.root), rows_of(engine, incident)) == (before, rows)
    done = let_go(archive, engine)
    assert (told.incidents, told.runs, told.bytes) == (done.incidents, done.runs, done.bytes)
    assert {name: n for name, n in told.rows.items() if name != "ops_history"} == {
        name: n for name, n in done.rows.items() if name != "ops_history"
    }


def test_what_is_not_over_stays_however_old(archive: Archive, engine: sa.Engine) -> None:
    """Open, acknowledged, due, not uploaded, labelled, open by hand: each is kept, with the reason."""
    reasons: dict[str, str] = {}
    reasons[alerted(engine, "open")] = "it is open"
    acknowledged = alerted(engine, "acknowledged")
    with engine.begin() as connection:
        incidents.acknowledge(connection, acknowledged, "sam", NOW)
    reasons[acknowledged] = "it is acknowledged"
    due = alerted(engine, "due")
    closed(engine, due)
    with engine.begin() as connection:
        connection.execute(sa.update(orders.orders).where(orders.orders.c.incident_id == due).values(state="running"))
    reasons[due] = "a run of it is due"
    waiting = alerted(engine, "waiting")
    closed(engine, waiting)
    from pitchey_ops.service.engine_tables import uploads

    with engine.begin() as connection:
        connection.execute(
            sa.insert(uploads).values(
                run_id="RUN-20261123-100000-bbbb", incident_id=waiting, state="waiting", attempts=1, next_at=NOW
            )
        )
    reasons[waiting] = "a run of it is not uploaded yet"
    label(archive, ids_of(0)[1], cause="bad_deployment", onset=None, by="sam", at=NOW)
    reasons[ids_of(0)[0]] = "it is labelled: a case of drill archive"
    archive.append(ids_of(1)[0], "timeline", {"event": "declared", "title": "again"}, NOW)
    reasons[ids_of(1)[0]] = "its timeline says that it is open"

    done = let_go(archive, engine)
    assert dict(done.kept) == reasons
    assert done.incidents == ()
    assert verify(archive.root).problems == ()
    assert let_go(archive, engine, labelled=True).incidents == (ids_of(0)[0],)


def test_what_was_opened_again_stays_where_only_the_archive_knows_it(archive: Archive, engine: sa.Engine) -> None:
    """The service's database may be a new one; the timeline says all the same that it was not over."""
    archive.append(ids_of(1)[0], "timeline", {"event": "reopened", "why": "it fires again"}, NOW)
    done = let_go(archive, engine)
    assert dict(done.kept) == {ids_of(1)[0]: "its timeline says that it is open"}


def gone_from_every_table(archive: Archive, engine: sa.Engine) -> None:
    old, young = alerted(engine, "old"), alerted(engine, "young", LATER - timedelta(days=2))
    closed(engine, old)
    closed(engine, young, LATER - timedelta(days=2))
    kept = rows_of(engine, young)
    assert rows_of(engine, old) >= 4
    asked: list[str] = []

    def forget(runs: Any) -> int:
        asked.extend(runs)
        return len(runs)

    done = let_go(archive, engine, forget_workflows=forget)
    assert old in done.incidents
    assert rows_of(engine, old) == 0
    assert rows_of(engine, young) == kept > 0
    assert done.workflows == len(asked) > 0


def test_rows_of_every_table_go_with_the_incident(archive: Archive, engine: sa.Engine) -> None:
    """Timeline, orders, messages, marks: half an incident is worse than none."""
    gone_from_every_table(archive, engine)


@pytest.mark.slow
@pytest.mark.database
def test_rows_go_on_postgresql_alike(archive: Archive) -> None:
    """The same code, another database."""
    with postgres_server.running() as url:
        engine = db.connect(url)
        try:
            db.create(engine)
            gone_from_every_table(archive, engine)
        finally:
            engine.dispose()


def test_a_crash_between_the_line_and_the_deletion_is_named_and_finished(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger comes first: what it calls pruned and still stands is unfinished, not lost."""
    whole = pruning._delete

    def dies(root: Path, folder: Path) -> None:
        raise RecordError("killed here")

    monkeypatch.setattr(pruning, "_delete", dies)
    assert len(let_go(archive).problems) == 2
    assert {one.kind for one in verify(archive.root).problems} == {"unfinished"}
    monkeypatch.setattr(pruning, "_delete", whole)
    lines = (archive.root / LEDGER).read_bytes().count(b"\n")
    let_go(archive)
    assert verify(archive.root).problems == ()
    assert (archive.root / LEDGER).read_bytes().count(b"\n") == lines


def test_a_folder_with_something_that_is_not_ours_is_left_alone(archive: Archive) -> None:
    """Nobody's file is deleted because it lay in the wrong place."""
    (archive.root / ids_of(0)[0] / "my-notes.txt").write_text("mine")
    done = let_go(archive)
    assert done.incidents == (ids_of(1)[0],)
    assert "my-notes.txt" in done.problems[0]
    assert (archive.root / ids_of(0)[0] / "my-notes.txt").exists()


@pytest.mark.parametrize("text", ["", "0d", "90", "-3d", "1h", "99999999d", "many"])
def test_an_age_that_is_none_is_refused(text: str) -> None:
    """A typing error must not empty an archive."""
    with pytest.raises(UsageError, match="Nothing was pruned"):
        age_of(text)


def test_ages() -> None:
    """Days, weeks, years."""
    assert [age_of(text).days for text in ("90d", "2w", " 1Y ")] == [90, 14, 365]


@pytest.mark.slow
def test_the_command_prunes_archive_and_service(tmp_path: Path) -> None:
    """The whole way, and the words that a person reads."""
    root = tmp_path / "outputs"
    made = Archive(root)
    old = datetime.now(UTC) - timedelta(days=120)
    put(made, report(*ids_of(0)), at=old)
    engine = db.connect(f"sqlite:///{root / '.service' / 'service.sqlite'}")
    db.create(engine)
    incident = alerted(engine, "old", old)
    closed(engine, incident, old)
    engine.dispose()
    env = {"PITCHEY_OPS_ARCHIVE": str(root)}

    dry = ops("prune", "--dry-run", env=env)
    assert dry.returncode == 0, dry.stderr
    assert f"would go: {ids_of(0)[0]}" in dry.stdout
    done = ops("prune", "--json", env=env)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["incidents"]) == {ids_of(0)[0], incident}
    checked = ops("verify", env=env)
    assert checked.returncode == 0, checked.stdout
    assert "pruned      1 runs, as the ledger says" in checked.stdout
    wrong = ops("prune", "--older-than", "soon", env=env)
    assert wrong.returncode == 2
