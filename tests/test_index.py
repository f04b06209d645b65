"""The search index: everything that is archived is found, nothing that is searched for breaks it."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from archives import NOW, finding, ids_of, pattern, put, report
from hypothesis import given, settings
from hypothesis import strategies as st

from pitchey_ops.benchmarks.index import made_up_archive
from pitchey_ops.evidence.archive import Archive
from pitchey_ops.evidence.index import FILE, Index, Query, TooSlow, features, similar_to
from pitchey_ops.evidence.pruning import prune_incident
from pitchey_ops.evidence.verify import verify

GENRES = "TypeError: pitch.genres.map is not a function while serving <*>"
BUDGET = "TypeError: Cannot read properties of <*> (reading 'budget')"


def broken(number: int, run: int = 0, **more: object) -> dict[str, object]:
    """Return the report of a deployment that broke the pitch service."""
    found = [
        pattern(GENRES),
        pattern(BUDGET),
        finding("kinds/code", "166 entries tell of exceptions", signals=["code_exceptions_new"], severity="critical"),
        finding("deployments/1", "was deployed just before", signals=["deployment_before_onset"]),
        finding("attacks/1", "tried 40 accounts", severity="info", data={"203.0.113.7": {"tries": 40}}),
    ]
    return report(*ids_of(number, run=run), findings=found, **more)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Three incidents: a deployment, a database, nothing wrong; and a note."""
    made = Archive(tmp_path / "outputs")
    put(made, broken(1))
    slow = [finding("patterns/1", "pool exhausted", data={"template": "no connection free <*>", "is_new": True})]
    put(made, report(*ids_of(2), cause="database_down", services=["auth"], findings=slow, summary="The base is down."))
    put(made, report(*ids_of(3), state="healthy"))
    made.append(ids_of(1)[0], "notes", {"event": "note", "text": "Zauberwort: rolled back by hand"}, NOW)
    return made


def found(root: Path, **query: object) -> list[str]:
    """Return the incidents that fit, by their number."""
    with Index(root) as index:
        index.update()
        return [row.incident[15:17] for row in index.find(Query(**query))]  # type: ignore[arg-type]


def test_an_incident_is_found_by_text_cause_service_pattern_address_note_and_time(archive: Archive) -> None:
    """A year later nobody knows the id."""
    root = archive.root
    assert found(root) == ["03", "02", "01"]
    assert found(root, text="genres.map function") == ["01"]
    assert found(root, text="GENRES") == ["01"]
    assert found(root, text="203.0.113.7") == ["01"]
    assert found(root, text="zauberwort") == ["01"]
    assert found(root, cause="database_down") == ["02"]
    assert found(root, service="auth") == ["02"]
    assert found(root, service="auth", cause="bad_deployment") == []
    assert found(root, since=NOW + timedelta(minutes=2)) == ["03", "02"]
    assert found(root, until=NOW + timedelta(minutes=2)) == ["02", "01"]
    assert found(root, text="nothing-of-the-kind") == []


def test_what_is_archived_later_is_found_without_building_anew(archive: Archive) -> None:
    """The index must never be a reason not to find the newest incident."""
    with Index(archive.root) as index:
        assert index.update() == 4
        assert index.update() == 0
        put(archive, report(*ids_of(4), summary="Ganz neu"))
        archive.append(ids_of(2)[0], "timeline", {"event": "resolved", "text": "Failover"}, NOW)
        assert index.update() == 2
        assert [row.incident for row in index.find(Query(text="ganz"))] == [ids_of(4)[0]]
        assert [row.incident for row in index.find(Query(text="failover"))] == [ids_of(2)[0]]


def test_a_run_that_the_ledger_names_before_its_move_is_taken_in_after_it(archive: Archive, tmp_path: Path) -> None:
    """Between ledger and move there is a moment; a search in it must not lose the run for ever."""
    incident, run = ids_of(1)
    (archive.root / incident / run).rename(tmp_path / "elsewhere")
    with Index(archive.root) as index:
        index.update()
        assert [row.runs for row in index.find()] == [1, 1, 0]
        (tmp_path / "elsewhere").rename(archive.root / incident / run)
        assert index.update() == 1
        assert [row.runs for row in index.find()] == [1, 1, 1]


def test_words_of_a_pruned_incident_find_no_later_one(archive: Archive) -> None:
    """Its rows are gone, its words are not: no later row may take their place."""
    with Index(archive.root) as index:
        put(archive, report(*ids_of(4), summary="Zauberlehrling"))
        index.update()
        prune_incident(archive, ids_of(4)[0], at=NOW, by="ann", rule="older than 1d")
        put(archive, report(*ids_of(5), summary="Ganz neu"))
        index.update()
        assert index.find(Query(text="zauberlehrling")) == []
        assert [row.incident for row in index.find(Query(text="ganz"))] == [ids_of(5)[0]]


@pytest.mark.parametrize("harm", ["garbage", "other version", "gone"])
def test_a_damaged_index_is_built_anew(archive: Archive, harm: str) -> None:
    """It holds nothing that the archive does not."""
    before = found(archive.root, text="genres")
    path = archive.root / FILE
    if harm == "garbage":
        path.write_bytes(b"no database at all" * 1000)
    elif harm == "gone":
        path.unlink()
    else:
        with sqlite3.connect(path) as db:
            db.execute("UPDATE meta SET value = 'older'")
        db.close()
    assert found(archive.root, text="genres") == before == ["01"]


def test_another_ledger_is_noticed(archive: Archive) -> None:
    """An archive that was restored from a copy must not be searched by what another one held."""
    assert found(archive.root, text="genres") == ["01"]
    (archive.root / "ledger.jsonl").write_bytes(b"")
    other = Archive(archive.root)
    put(other, report(*ids_of(7), summary="Anders"))
    assert found(archive.root) == ["07"]


def test_the_index_is_no_part_of_what_is_verified(archive: Archive) -> None:
    """A file that may be deleted at any time must not make an archive look tampered with."""
    found(archive.root)
    assert (archive.root / FILE).exists()
    assert verify(archive.root).holds


def test_an_archive_that_cannot_be_written_is_searched_all_the_same(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidence is often mounted read-only."""
    connect = sqlite3.connect

    def refusing(place: str, **how: object) -> sqlite3.Connection:
        if place != ":memory:":
            raise sqlite3.OperationalError("unable to open database file")
        return connect(place, **how)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite3, "connect", refusing)
    assert found(archive.root, text="genres") == ["01"]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """An index to throw texts at."""
    made = Archive(tmp_path_factory.mktemp("searched"))
    put(made, broken(1))
    index = Index(made.root)
    index.update()
    return index


_SYNTAX = st.sampled_from(
    ['"', "'", "*", "(", ")", " AND ", " OR ", " NOT ", "NEAR(", "^", ":", "-", "+", "\0", "text:"]
)


@settings(deadline=None, max_examples=150)
@given(text=st.lists(st.one_of(_SYNTAX, st.text(st.characters(codec=None), max_size=8))).map("".join))
def test_no_text_searched_for_is_taken_as_a_query(searched: Index, text: str) -> None:
    """What is searched for is often pasted from a hostile log line."""
    for query in (Query(text=text), Query(cause=text), Query(service=text)):
        searched.find(query)


def test_words_of_the_query_language_are_words(archive: Archive) -> None:
    """Somebody who looks for "NOT" looks for "NOT"."""
    assert found(archive.root, text='genres" OR "auth') == []
    assert found(archive.root, text="genres NOT budget") == ["01"]
    assert found(archive.root, text="genres NEAR budget") == []
    assert found(archive.root, text='"genres"') == ["01"]


def test_a_like_incident_is_named_with_what_is_shared_and_what_ended_it(archive: Archive) -> None:
    """The first thing that a responder wants to know of the last time is what helped."""
    archive.append(ids_of(1)[0], "journal", {"event": "verified", "action": "rollback", "target": "pitchey-api"}, NOW)
    later = broken(9)
    with Index(archive.root) as index:
        index.update()
        like = index.like(later)
        assert [one.incident for one in like] == [ids_of(1)[0]]
        assert like[0].score == pytest.approx(1.0)
        assert (
            like[0].why
            == "shares the cause bad_deployment, 2 of 2 error patterns, 2 of 2 signals, 1 of 1 service, 1 of 1 route"
        )
        assert like[0].resolved_by == ("rollback of pitchey-api (verified)", "note: Zauberwort: rolled back by hand")
        put(archive, later)
        index.update()
        assert [one.incident for one in index.like_incident(ids_of(9)[0])] == [ids_of(1)[0]]


def test_nothing_is_called_similar_on_thin_evidence(archive: Archive) -> None:
    """The same cause or the same service alone is no likeness: a false parallel sends people the wrong way."""
    only_cause = report(*ids_of(9), services=["upload"])
    only_cause["verdict"]["impact"]["routes"] = []
    only_services = report(*ids_of(9), cause=None, findings=[finding("kinds/1", "x", signals=["unheard_of"])])
    with Index(archive.root) as index:
        index.update()
        assert index.like(only_cause) == []
        assert index.like(only_services) == []
        assert index.like(report(*ids_of(9), state="healthy")) == []
        assert features(report(*ids_of(9), state="healthy")) == frozenset()


def test_an_incident_is_not_like_itself(archive: Archive) -> None:
    """Its own earlier run is no precedent."""
    with Index(archive.root) as index:
        index.update()
        assert index.like(broken(1, run=5)) == []


def test_a_label_never_reaches_what_a_run_shows(archive: Archive) -> None:
    """Labels are the truth that runs are scored by."""
    incident = ids_of(2)[0]
    archive.append(incident, "notes", {"event": "label", "run": "x", "cause": "schema_drift", "text": "geheim"}, NOW)
    assert found(archive.root, text="schema_drift") == []
    assert found(archive.root, text="geheim") == []
    like = similar_to(archive.root, broken(9), limit_s=30)
    assert "schema_drift" not in json.dumps(like)


def test_a_run_waits_for_likenesses_no_longer_than_it_was_told(tmp_path: Path) -> None:
    """An index that has to be built first must not cost a run its time; the next look goes on from there."""
    made_up_archive(tmp_path, 60)
    with Index(tmp_path, limit_s=0.0) as index, pytest.raises(TooSlow):
        index.update()
    assert similar_to(tmp_path, broken(9), limit_s=0.0) == []
    assert similar_to(tmp_path / "nowhere", broken(9), limit_s=1.0) == []
    with Index(tmp_path) as index:
        index.update()
        assert len(index.find()) == 30


def test_a_report_that_cannot_be_read_is_listed_as_such(archive: Archive) -> None:
    """An incident whose report is damaged is still an incident."""
    incident, run = ids_of(2)
    (archive.root / incident / run / "report.json").write_bytes(b'{"verdict": [')
    with Index(archive.root) as index:
        index.update()
        row = next(row for row in index.find() if row.incident == incident)
        assert (row.runs, row.unreadable, row.state) == (1, 1, None)
