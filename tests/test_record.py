"""The record: canonical bytes, ids, HAR without loss, manifests, the ledger, and runs that are archived once."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
import multiprocessing
import os
import random
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from pitchey_ops.errors import RecordError, UsageError
from pitchey_ops.evidence import har as hars
from pitchey_ops.evidence import ids
from pitchey_ops.evidence.archive import STAGING, Archive
from pitchey_ops.evidence.canonical import canonical, iso, read
from pitchey_ops.evidence.ledger import EMPTY, FileLedger, Head
from pitchey_ops.evidence.manifest import NAME, RunFacts, versions
from pitchey_ops.evidence.packing import NICE, Packing
from pitchey_ops.evidence.recorder import LINES, SMALL_BYTES, Recorder, is_small, read_recorded, store_body
from pitchey_ops.evidence.signing import Signer, new_key_pem, opened, pae, read_keys, read_signer
from pitchey_ops.evidence.verify import verify
from pitchey_ops.models.exchange import Attempt, Exchange, exchange_line, one_line
from pitchey_ops.runbooks.lifecycle import Order, _tidy_notebook, prepare

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
INC = "INC-20261123-100000-abcd"


# ── canonical JSON ───────────────────────────────────────────────────────────────────────────────────────────────

_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.datetimes(timezones=st.just(UTC))),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=15,
)


@settings(deadline=None)
@given(_JSON)
def test_canonical_json_is_json_and_settles(value: object) -> None:
    """Canonical twice is canonical once; and any reader of JSON can read it."""
    once = canonical(value)
    json.loads(once.decode("utf-8"))
    assert canonical(read(once)) == once


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.integers(), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_keys_never_matters(value: dict[str, int], rng: random.Random) -> None:
    """Two runs that insert in another order must not differ."""
    items = list(value.items())
    rng.shuffle(items)
    assert canonical(dict(items)) == canonical(value)


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_hold_six_significant_digits(value: float) -> None:
    """The last bits of a mean depend on the order of adding; six digits do not."""
    out = float(json.loads(canonical(value)))
    assert out == float(f"{value:.6g}")
    assert math.isclose(out, value, rel_tol=5.1e-6, abs_tol=0) or abs(value) < 1e-300
    if 1e-300 < abs(value) < 1e300:
        assert canonical(value * (1 + 1e-15)) == canonical(out * (1 + 1e-15)) or f"{value:.9g}" != f"{value:.6g}"


def test_what_json_cannot_say_is_settled_as_documented() -> None:
    """Each choice that RFC 8785 leaves open is written down in the module; here it is held."""
    assert canonical([math.nan, math.inf, -0.0, 2**53, 2**53 - 1, 1e21, 0.1 + 0.2]) == (
        b'[null,null,0,"9007199254740992",9007199254740991,1e+21,0.3]'
    )
    berlin = timezone(timedelta(hours=1))
    assert canonical(datetime(2026, 11, 23, 11, 0, 0, 5000, berlin)) == b'"2026-11-23T10:00:00.005000Z"'
    keys = ("a" + chr(0xD800), "a" + chr(0xDFFF), "a\ufffd")
    expected = '{"a\ufffd":2,"a\ufffd #2":0,"a\ufffd #3":1}'
    assert canonical({key: n for n, key in enumerate(keys)}) == expected.encode()
    assert canonical("\ud83d\ude00") == '"😀"'.encode()
    with pytest.raises(ValueError, match="time zone"):
        iso(datetime(2026, 11, 23))  # noqa: DTZ001
    for bad in ({1, 2}, b"x", {1: 2}, object()):
        with pytest.raises(TypeError):
            canonical(bad)


# ── ids ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.datetimes(min_value=datetime(2020, 1, 1), timezones=st.timezones()), st.randoms())  # noqa: DTZ001
def test_ids_have_the_documented_form_in_utc(now: datetime, rng: random.Random) -> None:
    """People and programs read the time out of an id."""
    incident, run = ids.new_incident_id(now, rng.randrange), ids.new_run_id(now, rng.randrange)
    assert ids.is_incident_id(incident)
    assert ids.is_run_id(run)
    assert not ids.is_run_id(incident)
    assert ids.id_time(run) == now.astimezone(UTC).replace(microsecond=0)


@pytest.mark.parametrize(
    "text",
    ["", "INC-20261123-100000-abc1", "INC-20261123-100000-ABCD", "INC-20261323-100000-abcd", "../etc",
     "INC-20261123-100000-abcd/..",      "INC-20261123-100000-abcd\n", "INC-２0261123-100000-abcd",
     "RUN-20261123-100000-abcd\0", " INC-20261123-100000-abcd", None, 7],
)  # fmt: skip
def test_nothing_else_becomes_part_of_a_path(text: object, tmp_path: Path) -> None:
    """An id may come from a request; what is no id is refused before it touches the disk."""
    assert not ids.is_incident_id(text)
    assert not ids.is_run_id(text)
    if isinstance(text, str):
        archive = Archive(tmp_path)
        with pytest.raises(UsageError):
            archive.stage(text)
        with pytest.raises(UsageError):
            archive.append(text, "notes", {}, NOW)
    assert list(tmp_path.iterdir()) == []


# ── HAR ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_TIMES = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30))]))
_WIDE = st.text(st.characters(exclude_categories=()), max_size=30)
_HEADERS = st.dictionaries(_WIDE, _WIDE, max_size=4)
_MS = st.floats(min_value=0, max_value=1e9)
_STATUS = st.one_of(st.none(), st.integers(min_value=0, max_value=999))
_ATTEMPTS = st.builds(
    Attempt, at=_TIMES, took_ms=_MS, outcome=st.sampled_from(["answered", "timeout"]), status=_STATUS, detail=_WIDE
)
_BODIES = st.one_of(
    st.binary(max_size=200), st.text(max_size=100).map(str.encode), st.sampled_from([b"x" * 70_000, b"\xff" * 65_537])
)
_EXCHANGES = st.lists(
    st.builds(
        Exchange,
        key=_WIDE,
        source=_WIDE,
        kind=st.sampled_from(["http", "sql", "file"]),
        method=st.sampled_from(["GET", "POST", "HEAD"]),
        url=_WIDE,
        at=_TIMES,
        took_ms=_MS,
        outcome=st.sampled_from(["answered", "timeout", "not_asked"]),
        detail=_WIDE,
        status=_STATUS,
        headers=_HEADERS,
        body=_BODIES,
        request_headers=_HEADERS,
        request_body=st.one_of(st.none(), st.binary(max_size=50)),
        statement=st.one_of(st.none(), _WIDE),
        attempts=st.lists(_ATTEMPTS, max_size=3).map(tuple),
        shared=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda e: e.key,
)


@settings(deadline=None, max_examples=150)
@given(_EXCHANGES)
def test_evidence_comes_back_exactly_as_it_was(exchanges: list[Exchange]) -> None:
    """A replay sees what the run saw: every field, byte and time, hostile strings included."""
    salts = {e.key: hashlib.sha256(repr(e.key).encode()).hexdigest()[:32] for e in exchanges}
    data = hars.har(exchanges, creator_version="0.1.0", salts=salts)
    apart = hars.bodies_apart(exchanges)
    back = hars.read_har(data, lambda name: gzip.decompress(apart[name]))
    assert back == exchanges
    assert hars.har(back, creator_version="0.1.0", salts=hars.read_salts(data)) == data
    assert hars.evidence_digest(hars.digests(back, hars.read_salts(data))) == hars.evidence_digest(
        hars.digests(reversed(exchanges), salts)
    )


@pytest.mark.parametrize("large", ["lines", "apart"])
def test_a_record_is_small_until_it_has_many_lines_or_an_answer_apart(tmp_path: Path, large: str) -> None:
    """A kernel reads a small record itself: a large one taken for small would keep its cells waiting."""
    recorder = Recorder(tmp_path)
    recorder.event("note", {"text": "x"})
    assert is_small(tmp_path)
    if large == "apart":
        store_body(tmp_path, b"x")
    else:
        recorder.event("note", {"text": "x" * SMALL_BYTES})
    assert not is_small(tmp_path)
    recorder.close()


@settings(deadline=None, max_examples=150)
@given(_EXCHANGES)
def test_the_quick_writer_writes_what_the_other_writes(exchanges: list[Exchange]) -> None:
    """Two ways to write a line must not make two kinds of record."""
    for exchange in exchanges:
        row = {"record": "exchange", **exchange.to_json(), "salt": "00"}
        assert exchange_line(row) == one_line(row)


def _exchange(key: str = "logs/query/api", body: bytes = b'{"logs":[]}', **changes: object) -> Exchange:
    fields: dict[str, object] = {
        "key": key, "source": "logs", "kind": "http", "method": "GET",
        "url": "https://logs.example/logs/query?limit=1000",
        "at": NOW, "took_ms": 12.5, "outcome": "answered", "status": 200, "body": body,
        "headers": {"content-type": "application/json"},
    }  # fmt: skip
    return Exchange(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_evidence_is_har_that_others_can_read() -> None:
    """HAR 1.2 asks for these fields; viewers refuse a file that lacks them."""
    log = json.loads(gzip.decompress(hars.har([_exchange(request_body=b"q")], creator_version="1")))["log"]
    assert log["version"] == "1.2"
    (entry,) = log["entries"]
    assert entry["time"] == sum(v for v in entry["timings"].values() if v != -1)
    assert set(entry) >= {"startedDateTime", "time", "request", "response", "cache", "timings"}
    assert set(entry["request"]) >= {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize"}
    assert set(entry["response"]) >= {
        "status",
        "statusText",
        "cookies",
        "headers",
        "content",
        "redirectURL",
        "bodySize",
    }
    assert entry["request"]["queryString"] == [{"name": "limit", "value": "1000"}]


def test_an_answer_has_a_salted_digest_that_covers_every_field() -> None:
    """Changing anything shows; without the salt the digest gives nothing away."""
    base, salt = _exchange(), "00" * 16
    others = [
        _exchange(body=b'{"logs":[1]}'), _exchange(status=500), _exchange(at=NOW + timedelta(microseconds=1)),
        _exchange(took_ms=12.500001), _exchange(headers={}), _exchange(detail="x"), _exchange(shared=True),
        _exchange(outcome="timeout"), _exchange(url="https://logs.example/"), _exchange(request_body=b""),
    ]  # fmt: skip
    found = {hars.answer_digest(e, salt) for e in (base, *others)}
    assert len(found) == len(others) + 1
    assert hars.answer_digest(base, "01" * 16) not in found


def test_damaged_or_ambiguous_evidence_is_refused() -> None:
    """A replay of something else than what was recorded would be worse than none."""
    with pytest.raises(RecordError, match="twice"):
        hars.har([_exchange(), _exchange()], creator_version="1")
    big = hars.har([_exchange(body=b"a" * 70_000)], creator_version="1")
    with pytest.raises(RecordError, match="not the one"):
        hars.read_har(big, lambda _: b"other")
    for bad in (b"", b"x", gzip.compress(b"{}"), gzip.compress(b'{"log":{"_pitchey":{"format":"x/9"},"entries":[]}}')):
        with pytest.raises(RecordError):
            hars.read_har(bad, lambda _: b"")


# ── signatures ───────────────────────────────────────────────────────────────────────────────────────────────────


@settings(deadline=None, max_examples=25)
@given(_EXCHANGES, st.lists(st.integers(0, 3), max_size=6))
def test_what_is_packed_on_the_way_is_what_the_whole_record_gives(
    tmp_path_factory: pytest.TempPathFactory, exchanges: list[Exchange], looks: list[int]
) -> None:
    """When the packer happens to look must not show in the evidence, whatever was half written at that moment."""
    folder = tmp_path_factory.mktemp("run")
    recorder = Recorder(folder)
    packing = Packing(folder, creator_version="1")
    for number, exchange in enumerate(exchanges):
        recorder.event("step", {"id": f"outage.{number}"})
        if number in looks:
            packing.take()
        recorder.exchange(exchange)
        if number in looks:
            cut = (folder / LINES).read_bytes()
            (folder / LINES).write_bytes(cut + b'{"record":"exch')
            packing.take()
            (folder / LINES).write_bytes(cut)
    recorder.close()
    kept = read_recorded(folder)
    data = packing.data()
    assert data == hars.har(kept.exchanges, creator_version="1", salts=kept.salts, events=kept.events)
    assert len(hars.read_events(data)) == len(exchanges)


def test_packing_beside_the_run_stands_back_and_gives_the_same(tmp_path: Path) -> None:
    """It uses time that a run leaves over: it must neither slow the run down nor change the evidence."""
    recorder, packing = Recorder(tmp_path), Packing(tmp_path, creator_version="1")
    exchanges = [
        Exchange(key=f"a/b/{n}", source="a", kind="http", method="GET", url="http://h/", at=NOW, took_ms=1.0,
                 outcome="answered", status=200, body=b"x" * 70_000)
        for n in range(20)
    ]  # fmt: skip
    nice: set[int] = set()
    take = packing.take

    def watched() -> None:
        nice.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) if sys.platform == "linux" else NICE)
        take()

    with patch.object(packing, "take", watched):
        for exchange in exchanges:
            recorder.exchange(exchange)
            packing.take_beside()
        assert os.getpriority(os.PRIO_PROCESS, 0) < NICE
        packing._begun.result(30)
    recorder.close()
    kept = read_recorded(tmp_path)
    assert nice == {NICE}
    assert packing.data() == hars.har(kept.exchanges, creator_version="1", salts=kept.salts, events=kept.events)


def test_a_body_that_is_gone_is_told_at_the_end_of_packing(tmp_path: Path) -> None:
    """On the way nobody could be told; evidence that silently lacks an answer would be worse than none."""
    recorder = Recorder(tmp_path)
    recorder.exchange(_exchange("a/b/1", body=b"a" * 70_000))
    recorder.close()
    packing = Packing(tmp_path, creator_version="1")
    (body,) = (tmp_path / "bodies").iterdir()
    kept = body.read_bytes()
    body.unlink()
    packing.take()
    with pytest.raises(RecordError):
        packing.data()
    body.write_bytes(kept)
    assert [one.key for one in hars.read_har(packing.data(), lambda _: b"a" * 70_000)] == ["a/b/1"]


def test_a_body_or_record_with_damaged_bits_is_told_and_stops_no_packing(tmp_path: Path) -> None:
    """What zlib finds wrong in the middle is another error than what gzip finds at the head."""
    recorder = Recorder(tmp_path)
    recorder.exchange(_exchange("a/b/1", body=os.urandom(70_000)))
    recorder.close()
    (body,) = (tmp_path / "bodies").iterdir()
    body.write_bytes(body.read_bytes()[:10] + b"\xff" * 40 + body.read_bytes()[50:])
    packing = Packing(tmp_path, creator_version="1")
    packing.take()
    with pytest.raises(RecordError, match="cannot be read"):
        packing.data()
    data = hars.har([_exchange()], creator_version="1")
    with pytest.raises(RecordError):
        hars.read_record(data[:10] + b"\xff" * 40 + data[50:], lambda _: b"")


def test_a_line_that_the_disk_took_half_of_does_not_spoil_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on, and what it records when there is room again must be readable."""
    recorder = Recorder(tmp_path)
    recorder.exchange(_exchange("a/b/1"))
    whole = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda handle, data: whole(handle, data[: len(data) // 2]))
        with pytest.raises(RecordError, match="the disk took"):
            recorder.exchange(_exchange("a/b/2"))
    recorder.exchange(_exchange("a/b/3"))
    recorder.event("step", {"id": "outage.1"})
    recorder.close()
    kept = read_recorded(tmp_path)
    assert [one.key for one in kept.exchanges] == ["a/b/1", "a/b/3"]
    assert len(kept.events) == 1


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """A signer whose key stands in a file outside the archive."""
    path = tmp_path / "signing.pem"
    path.write_bytes(new_key_pem())
    found = read_signer(path)
    assert found is not None
    return found


def test_what_is_signed_is_dsse(signer: Signer, tmp_path: Path) -> None:
    """The specification's own example of the encoding; and what is verified is what is parsed."""
    assert pae("application/vnd.in-toto+json", b'{"_type":"https://in-toto.io/Statement/v1"}') == (
        b'DSSEv1 28 application/vnd.in-toto+json 43 {"_type":"https://in-toto.io/Statement/v1"}'
    )
    signer.publish(tmp_path)
    keys, faults = read_keys(tmp_path)
    assert faults == []
    envelope = signer.envelope(b"payload \xff")
    assert opened(envelope, keys) == (b"payload \xff", signer.keyid)
    urlsafe = {**envelope, "payload": base64.urlsafe_b64encode(b"payload \xff").decode()}
    assert opened(urlsafe, keys)[0] == b"payload \xff"
    for bad in (
        {**envelope, "payloadType": "text/plain"},
        {**envelope, "payload": base64.b64encode(b"payload").decode()},
        {**envelope, "signatures": []},
        {**envelope, "signatures": [{"sig": "AAAA"}]},
        {"payloadType": "application/vnd.in-toto+json"},
    ):
        with pytest.raises(RecordError):
            opened(bad, keys)


def test_a_signing_key_that_cannot_be_used_is_an_error_not_an_unsigned_run(tmp_path: Path) -> None:
    """Going unsigned by accident would be noticed only when it is too late."""
    assert read_signer(None) is None
    with pytest.raises(RecordError):
        read_signer(tmp_path / "absent.pem")
    (tmp_path / "k.pem").write_bytes(b"-----BEGIN nonsense")
    with pytest.raises(RecordError):
        read_signer(tmp_path / "k.pem")


# ── ledger ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_ledger_counts_and_chains(tmp_path: Path) -> None:
    """Position and head are what is printed outside."""
    ledger = FileLedger(tmp_path)
    assert ledger.head() == EMPTY
    heads = [ledger.append({"kind": "run", "run": str(i)}, NOW) for i in range(3)]
    assert [h.position for h in heads] == [1, 2, 3]
    entries = list(ledger.entries())
    assert [e["prev"] for e in entries[1:]] == [e["hash"] for e in entries[:-1]]
    assert ledger.head() == heads[-1] == Head.parse(str(heads[-1]))
    with pytest.raises(UsageError):
        Head.parse("3:nonsense")


def test_a_line_that_a_crash_cut_is_dropped_by_the_next_append(tmp_path: Path) -> None:
    """It was never acknowledged; the chain must go on from the last whole line."""
    ledger = FileLedger(tmp_path)
    ledger.append({"kind": "run", "text": "x" * 200_000}, NOW)
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole + b'{"cut')
    assert ledger.append({"kind": "run"}, NOW).position == 2
    assert ledger.path.read_bytes().startswith(whole)
    assert len(list(ledger.entries())) == 2


def _append_many(root: str, who: int) -> None:
    ledger = FileLedger(Path(root))
    for i in range(25):
        ledger.append({"kind": "run", "who": who, "i": i}, NOW)


@pytest.mark.slow
def test_many_workers_settle_one_order(tmp_path: Path) -> None:
    """However many processes write, every line has its own position and follows the one before."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_many, args=(str(tmp_path), n)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    entries = list(FileLedger(tmp_path).entries())
    assert [e["n"] for e in entries] == list(range(1, 101))
    assert all(a["hash"] == b["prev"] for a, b in pairwise(entries))


# ── archive ──────────────────────────────────────────────────────────────────────────────────────────────────────


def facts(run: str, **changes: object) -> RunFacts:
    """Return the facts of a run of the test incident."""
    fields: dict[str, object] = {
        "incident_id": INC, "run_id": run, "runbook": "outage", "started_by": "alert PD-1", "start": NOW,
        "end": NOW + timedelta(seconds=20), "durations": {"ask": 1.25}, "settings": {"logs": "https://l"},
        "versions": versions("0.1.0", ("httpx", "no-such-thing")),
    }  # fmt: skip
    return RunFacts(**{**fields, **changes})  # type: ignore[arg-type]


def staged(archive: Archive, run: str) -> Path:
    """Stage a small run."""
    folder = archive.stage(run)
    (folder / "report.json").write_bytes(b'{"schema":"pitchey-report/1"}')
    (folder / "bodies").mkdir(exist_ok=True)
    (folder / "bodies" / "aa.gz").write_bytes(b"large")
    return folder


RUN = "RUN-20261123-100001-aaaa"


def test_a_run_is_archived_once_signed_and_in_the_ledger(tmp_path: Path, signer: Signer) -> None:
    """The folder appears whole, its manifest names every file, and a second time is refused."""
    archive = Archive(tmp_path / "outputs", signer=signer)
    staged(archive, RUN)
    folder, head = archive.commit(facts(RUN), NOW)
    assert folder == tmp_path / "outputs" / INC / RUN
    assert archive.staged() == []
    assert head == archive.ledger.head()
    body = json.loads((folder / NAME).read_bytes())
    assert set(body["files"]) == {"report.json", "bodies/aa.gz"}
    assert body["files"]["bodies/aa.gz"] == {"sha256": hashlib.sha256(b"large").hexdigest(), "size": 5}
    assert body["versions"]["no-such-thing"] == "not installed"
    assert (body["completed"], body["started_by"], body["start"]) == (True, "alert PD-1", "2026-11-23T10:00:00Z")
    payload, keyid = opened(body["signature"], read_keys(archive.root)[0])
    assert keyid == signer.keyid
    assert json.loads(payload)["subject"][0]["name"] == "bodies/aa.gz"
    before = sorted(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    for again in (lambda: archive.stage(RUN), lambda: archive.commit(facts(RUN), NOW)):
        with pytest.raises(RecordError, match="archived already"):
            again()
    other = facts(RUN, incident_id="INC-20261123-110000-abcd")
    with pytest.raises(RecordError, match="archived already"):
        archive.commit(other, NOW)
    assert sorted(p.read_bytes() for p in folder.rglob("*") if p.is_file()) == before
    assert list(archive.runs()) == [folder]


def test_without_a_key_the_manifest_says_that_it_is_unsigned(tmp_path: Path) -> None:
    """Absence of a signature must not look like one that was taken away."""
    archive = Archive(tmp_path)
    staged(archive, RUN)
    folder, _ = archive.commit(facts(RUN, completed=False, cut_reason="budget"), NOW)
    body = json.loads((folder / NAME).read_bytes())
    assert body["signature"] is None
    assert "no signing key" in body["unsigned_because"]
    assert (body["completed"], body["cut_reason"]) == (False, "budget")


def test_keys_rotate_and_old_public_keys_stay(tmp_path: Path, signer: Signer) -> None:
    """A new key must not make old runs unverifiable."""
    archive = Archive(tmp_path / "a", signer=signer)
    staged(archive, RUN)
    archive.commit(facts(RUN), NOW)
    second = Signer(serialization.load_pem_private_key(new_key_pem(), None))  # type: ignore[arg-type]
    later = Archive(tmp_path / "a", signer=second)
    staged(later, "RUN-20261123-100002-aaaa")
    later.commit(facts("RUN-20261123-100002-aaaa"), NOW)
    assert set(read_keys(archive.root)[0]) == {signer.keyid, second.keyid}


def test_a_crash_between_ledger_and_move_is_finished_by_the_next_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost and nothing is entered twice, wherever the power went."""
    archive = Archive(tmp_path)
    staged(archive, RUN)

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", no_space)
        with pytest.raises(RecordError, match=r"disk is full.*stays in"):
            archive.commit(facts(RUN), NOW)
    assert len(archive.staged()) == 1
    assert archive.ledger.head().position == 1
    folder, head = archive.commit(facts(RUN), NOW + timedelta(hours=1))
    assert (folder / "report.json").exists()
    assert head.position == archive.ledger.head().position == 1


def test_a_full_disk_before_the_ledger_keeps_what_was_staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The evidence of an incident is not thrown away because the disk is full."""
    archive = Archive(tmp_path)
    folder = staged(archive, RUN)

    def no_space(*_: object) -> int:
        raise OSError(28, "No space left on device")

    for name in ("pwrite", "fsync"):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, no_space)
            with pytest.raises(RecordError):
                archive.commit(facts(RUN), NOW)
        assert (folder / "report.json").exists()
        assert archive.ledger.head() == EMPTY
    assert archive.commit(facts(RUN), NOW)[1].position == 1


def test_an_archive_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A clear error, not a traceback of the standard library."""
    (tmp_path / "file").write_text("x")
    archive = Archive(tmp_path / "file")
    with pytest.raises(RecordError, match="cannot"):
        archive.stage(RUN)
    with pytest.raises(RecordError, match="cannot"):
        archive.append(INC, "notes", {"text": "x"}, NOW)


def test_a_changed_stage_is_not_moved_after_it_was_settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger names one manifest; another must not slip in under the same run."""
    archive = Archive(tmp_path)
    folder = staged(archive, RUN)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(RecordError):
            archive.commit(facts(RUN), NOW)
    (folder / NAME).write_bytes(b"{}")
    with pytest.raises(RecordError, match="another manifest"):
        archive.commit(facts(RUN), NOW)


def test_links_are_not_archived(tmp_path: Path) -> None:
    """A link could put something from outside under the archive's signature."""
    archive = Archive(tmp_path)
    folder = staged(archive, RUN)
    (folder / "link").symlink_to("/etc/hostname")
    with pytest.raises(RecordError, match="files only"):
        archive.commit(facts(RUN), NOW)


def test_incident_lines_are_chained_and_in_the_ledger(tmp_path: Path) -> None:
    """Journal, notes and timeline are part of the record, line by line."""
    archive = Archive(tmp_path)
    for i in range(3):
        archive.append(INC, "journal", {"action": f"a{i}", "text": "\ud800\u202e\n"}, NOW)
    lines = [json.loads(line) for line in (tmp_path / INC / "journal.jsonl").read_bytes().splitlines()]
    assert [line["n"] for line in lines] == [1, 2, 3]
    assert [e["line_hash"] for e in archive.ledger.entries()] == [line["hash"] for line in lines]
    with pytest.raises(RecordError):
        archive.append(INC, "../x", {}, NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("many", [False, True])
def test_a_line_that_the_ledger_could_not_hear_of_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    """Who is told that nothing was added tries again: it must then stand there once, and not look like tampering."""
    archive = Archive(tmp_path)
    archive.append(INC, "notes", {"text": "first"}, NOW)
    with (tmp_path / INC / "notes.jsonl").open("ab") as file:
        file.write(b'{"cut":"' + b"x" * 2000)  # what a killed process left
    whole = os.pwrite

    def full(handle: int, data: bytes, place: int) -> int:
        if Path(f"/proc/self/fd/{handle}").readlink().name == "ledger.jsonl":
            raise OSError(28, "No space left on device")
        return whole(handle, data, place)

    def write() -> None:
        if many:
            archive.append_many(INC, "notes", [({"text": "a"}, NOW), ({"text": "b"}, NOW)])
        else:
            archive.append(INC, "notes", {"text": "a"}, NOW)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(RecordError, match="nothing was added"):
            write()
    write()
    lines = [json.loads(line)["entry"]["text"] for line in (tmp_path / INC / "notes.jsonl").read_bytes().splitlines()]
    assert lines == ["first", "a", "b"] if many else ["first", "a"]
    assert verify(tmp_path).problems == ()


def test_the_key_for_hashes_is_the_archives_own(tmp_path: Path) -> None:
    """The same address gives the same hash in one archive, another one in the next; nobody else may read the key."""
    one, two = Archive(tmp_path / "a"), Archive(tmp_path / "b")
    assert one.redaction_key() == one.redaction_key() != two.redaction_key()
    assert (tmp_path / "a" / ".redaction-key").stat().st_mode & 0o077 == 0
    assert STAGING not in {p.name for p in (tmp_path / "a").iterdir()}


def test_a_notebook_keeps_its_pictures_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are not searched for secrets, which takes long; all beside them is, and they come back to the byte."""
    secret = "s3cr3t-of-the-notebook-77af"
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(tmp_path / "archive"))
    monkeypatch.setenv("PITCHEY_OPS_API_TOKEN", secret)
    folder = tmp_path / "run"
    folder.mkdir()
    prepared = prepare(Order(runbook="outage"), stage=lambda _: folder)
    panel, shown = (base64.b64encode(b"\x89PNG\r\n\x1a\n" + os.urandom(9_000)).decode() for _ in range(2))
    (folder / "panels").mkdir()
    (folder / "panels" / "001-a.json").write_text(json.dumps({"png": panel}), encoding="utf-8")
    (folder / "panels" / "002-b.json").write_text(json.dumps({"png": secret}), encoding="utf-8")
    outputs = [
        {"output_type": "display_data", "data": {"text/html": f"<img src='data:image/png;base64,{panel}'> {secret}"}},
        {"output_type": "display_data", "data": {"image/png": shown, "text/plain": f"token {secret}"}},
        {"output_type": "display_data", "data": {"image/png": base64.b64encode(secret.encode() * 3).decode()}},
    ]
    cell = {"cell_type": "code", "metadata": {}, "source": "", "execution_count": 1, "outputs": outputs}
    path = folder / "notebook.ipynb"
    path.write_text(json.dumps({"cells": [cell], "metadata": {}}), encoding="utf-8")
    _tidy_notebook(prepared)
    text = path.read_text(encoding="utf-8")
    kept = json.loads(text)["cells"][0]["outputs"]
    assert f"base64,{panel}'" in kept[0]["data"]["text/html"]
    assert kept[1]["data"]["image/png"] == shown
    assert secret not in text
    assert base64.b64encode(secret.encode() * 3).decode() not in text
    assert "(picture" not in text
