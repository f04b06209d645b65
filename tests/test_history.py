"""The history as a source, and what findings make of it: since when, how unusual, and never more than was seen."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import postgres_server
import psycopg
import pytest
import sqlalchemy as sa
from channels import channel
from homes import ops, told

from pitchey_ops.diagnosis.signals import SIGNALS
from pitchey_ops.diagnosis.weigh import weigh
from pitchey_ops.evidence.recorder import read_exchanges
from pitchey_ops.evidence.replay import ReplayChannel
from pitchey_ops.findings import history as rule
from pitchey_ops.findings.case import Case
from pitchey_ops.findings.catalogue import SPEAKS
from pitchey_ops.frames import EDGE
from pitchey_ops.models.finding import Finding, NotChecked
from pitchey_ops.models.observation import AnyObservation, Observed, Unavailable
from pitchey_ops.models.window import Window
from pitchey_ops.runbooks.asking import gathered
from pitchey_ops.sandbox.generate import build
from pitchey_ops.sandbox.serve import Running
from pitchey_ops.service import db
from pitchey_ops.service.watch import store, tables
from pitchey_ops.service.watch.rows import LOOK, Row, settled
from pitchey_ops.settings import OWN_HISTORY, Settings, load
from pitchey_ops.sources import history as source
from pitchey_ops.sources.catalogue import Sources
from pitchey_ops.sources.channel import Channel

END = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
WINDOW = Window(start=END - timedelta(hours=1), end=END)
MINUTE = timedelta(minutes=1)
OWN = ("api/health", "api/health_db", "api/pitches", "api/auth_verify", "frontend/page")
Change = Callable[[datetime, dict[str, Row]], dict[str, Row] | None]


def look(at: datetime) -> dict[str, Row]:
    """Rows of a calm look."""
    rows = {probe: Row(probe=probe, state="ok", took_ms=40.0 + at.minute % 7) for probe in OWN}
    rows["edge/failing"] = Row(probe="edge/failing", state="ok", value=0.001, count=900)
    rows["flow/logs/auth"] = Row(
        probe="flow/logs/auth", state="ok", value=30.0, count=90, newest=at - timedelta(seconds=30)
    )
    rows["flow/logs/payments"] = Row(probe="flow/logs/payments", state="blind", count=1000)
    return rows


def calm(at: datetime, rows: dict[str, Row]) -> dict[str, Row] | None:
    """Nothing happens."""
    return rows


def fill(engine: sa.Engine, change: Change = calm, *, days: int = 0, minutes: int = 180, end: datetime = END) -> None:
    """Write *minutes* looks that end with *end*, and the same hours of earlier days rolled up."""
    with engine.begin() as connection:
        for n in range(minutes, 0, -1):
            at = end - n * MINUTE
            rows = change(at, look(at))
            if rows is not None:
                store.write(connection, at, settled(rows.values()))
        store.roll_up(connection, end)
        for day in range(1, days + 1):
            for hour in (-2, -1, 0):
                values = [
                    {
                        "probe": probe,
                        "length_s": 3600,
                        "start": end.replace(minute=0) - timedelta(days=day) + timedelta(hours=hour),
                        "looks": 60,
                        "failing": 1 if probe == "api/pitches" and hour == -1 else 0,
                        "unseen": 0,
                        "p50_ms": 42.0,
                        "p95_ms": 46.0,
                        "value_p50": 30.0 if probe.startswith("flow") else None,
                        "value_p95": 60.0 if probe.startswith("flow") else None,
                        "newest": None,
                    }
                    for probe in (*OWN, "flow/logs/auth", "flow/logs/payments", LOOK)
                ]
                connection.execute(sa.insert(tables.spans), values)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "service.sqlite"


@pytest.fixture
def engine(place: Path) -> Iterator[sa.Engine]:
    made = db.connect(f"sqlite:///{place}")
    db.create(made)
    yield made
    made.dispose()


def ask(settings: Settings, live: Channel, window: Window = WINDOW) -> AnyObservation:
    """Ask the history."""

    async def work() -> AnyObservation:
        try:
            return await Sources(live, settings, window).history.probes()
        finally:
            if hasattr(live, "close"):
                await live.close()

    return asyncio.run(work())


def seen(place: Path | str, folder: Path, window: Window = WINDOW) -> AnyObservation:
    """Ask for real."""
    url = place if isinstance(place, str) else f"sqlite:///{place}"
    settings = Settings(history_url=url)  # type: ignore[arg-type]
    return ask(settings, channel(folder, settings), window)


def case_of(observation: AnyObservation, window: Window = WINDOW, *, edge: bool = False) -> Case:
    """Return a case of this observation alone, with or without requests at the edge."""
    asked = gathered({observation.id: observation}, window)
    frames = asked.frames
    if edge:
        one = {"route": "/", "status": 200, "requests": 50.0, "observation": "cloudflare_api/traffic/all"}
        rows = [{"at": window.start + n * MINUTE, **one} for n in range(59)]
        frames = replace(frames, edge=pl.DataFrame(rows, schema=EDGE))
    return Case(
        window=window, now=asked.now, frames=frames, observations=asked.observations, settings=Settings(), parameters={}
    )


def findings(observation: AnyObservation, **more: Any) -> dict[str, Finding]:
    """Apply the rule."""
    found = rule.history(case_of(observation, **more))
    assert isinstance(found, list), found
    assert {s.name for f in found for s in f.signals} <= set(SPEAKS["history"]) <= set(SIGNALS)
    return {finding.id: finding for finding in found}


def test_names_of_two_layers_agree() -> None:
    """The source reads what the service writes, and may not import it."""
    assert source.LOOK == rule.LOOK == LOOK
    assert set(source.MINUTES) == {column.name for column in tables.rows.columns}
    assert set(source.SPANS) == {column.name for column in tables.spans.columns}


def test_a_calm_hour_is_told_as_seen_and_usual(engine: sa.Engine, place: Path, tmp_path: Path) -> None:
    """A baseline is what a responder asks for first."""
    fill(engine, days=7)
    found = seen(place, tmp_path / "run")
    assert isinstance(found, Observed)
    assert (found.status, found.coverage.share, found.coverage.count) == ("observed", 1.0, 60)
    told_ = findings(found)
    assert set(told_) == {"history/steady"}
    assert "100% of its minutes" in told_["history/steady"].claim
    usual = rule.usual_of(found.value.usual, "api/pitches")
    assert usual is not None
    assert (usual.days, usual.p50_ms, usual.p95_ms) == (7, 42.0, 46.0)
    assert usual.failing_share == pytest.approx(1 / 180, rel=0.2)


def test_a_probe_that_fails_is_told_with_since_when_and_what_was_usual(
    engine: sa.Engine, place: Path, tmp_path: Path
) -> None:
    """Live samples say that it fails; only the history says since when."""
    begun = END - timedelta(minutes=22)

    def failing(at: datetime, rows: dict[str, Row]) -> dict[str, Row]:
        bad = {"api/pitches": Row(probe="api/pitches", state="failing", took_ms=900.0, detail="server_error")}
        return {**rows, **bad} if at >= begun else rows

    fill(engine, failing, days=7)
    observation = seen(place, tmp_path / "run")
    one = findings(observation)["history/api-pitches"]
    assert one.at == begun
    assert "has failed in 22 looks in a row since 23 Nov 11:38 UTC, after a good look at 11:37" in one.claim
    assert "usually 0.6% fail at this hour" in one.claim
    assert [signal.name for signal in one.signals] == ["probes_failing"]
    scores = {score.id: score.weight for score in weigh(list(findings(observation).values()), [], speaks=SPEAKS)}
    assert scores["none"] < -5

    case = case_of(observation)
    assert case.onset is not None, "a step in the history alone gives an onset"
    assert abs((case.onset.at - begun).total_seconds()) <= 60
    assert case.onset.uncertainty_s <= 120


def test_one_missed_probe_is_no_outage(engine: sa.Engine, place: Path, tmp_path: Path) -> None:
    """A lost packet is told, and weighs nothing."""

    def missed(at: datetime, rows: dict[str, Row]) -> dict[str, Row]:
        bad = {"api/health": Row(probe="api/health", state="failing", took_ms=9000.0)}
        return {**rows, **bad} if at == END - timedelta(minutes=10) else rows

    fill(engine, missed)
    observation = seen(place, tmp_path / "run")
    one = findings(observation)["history/api-health"]
    assert one.signals == ()
    assert one.at is None
    assert "never 3 in a row" in one.claim
    assert case_of(observation).onset is None


def test_one_failed_look_and_the_edge_s_own_count_are_two_vantage_points(
    engine: sa.Engine, place: Path, tmp_path: Path
) -> None:
    """The newest look may be the first of an outage that users feel already."""

    def both(at: datetime, rows: dict[str, Row]) -> dict[str, Row]:
        bad = {
            "api/health": Row(probe="api/health", state="failing", took_ms=9000.0),
            "edge/failing": Row(probe="edge/failing", state="failing", value=0.4, count=900),
        }
        return {**rows, **bad} if at == END - MINUTE else rows

    fill(engine, both)
    assert findings(seen(place, tmp_path / "run"))["history/api-health"].signals


def test_minutes_that_nobody_saw_are_gaps_and_prove_no_calm(engine: sa.Engine, place: Path, tmp_path: Path) -> None:
    """Our own service down, and a look that reached nobody: unseen, never fine."""

    def away(at: datetime, rows: dict[str, Row]) -> dict[str, Row] | None:
        if END - timedelta(minutes=40) <= at < END - timedelta(minutes=20):
            return None
        if at >= END - timedelta(minutes=5):
            return {probe: Row(probe=probe, state="failing", silent=True) for probe in OWN}
        return rows

    fill(engine, away)
    found = seen(place, tmp_path / "run")
    assert isinstance(found, Observed)
    assert found.coverage.share == pytest.approx(35 / 60, abs=1e-4)
    assert "42% of the window was not seen; looked and saw nothing in 5 minute(s)" in found.detail
    told_ = findings(found)
    assert "history/steady" not in told_
    assert set(told_) == {"history/gaps"}, "what reached nobody is no failure of the API"
    assert "11:20–11:40" in told_["history/gaps"].claim
    assert "11:55–12:00" in told_["history/gaps"].claim


def test_a_window_before_the_history_is_blind_and_not_checked(engine: sa.Engine, place: Path, tmp_path: Path) -> None:
    """Nobody looked then; that must not read like calm."""
    fill(engine)
    early = Window(start=END - timedelta(days=30), end=END - timedelta(days=30, hours=-1))
    found = seen(place, tmp_path / "run", early)
    assert found.status == "blind"
    assert isinstance(rule.history(case_of(found, early)), NotChecked)


def test_the_time_before_the_last_day_is_seen_by_ten_minutes(engine: sa.Engine, place: Path, tmp_path: Path) -> None:
    """An incident is looked back at days later, when the minutes are gone."""
    long_ago = END - timedelta(days=3)
    fill(engine, end=long_ago)
    with engine.begin() as connection:
        store.roll_up(connection, long_ago + timedelta(minutes=3))
        store.forget(connection, END)
    window = Window(start=long_ago - timedelta(hours=1), end=long_ago)
    found = seen(place, tmp_path / "run", window)
    assert isinstance(found, Observed)
    assert found.value.minutes.is_empty()
    assert (found.status, found.coverage.share) == ("observed", 1.0)


def test_log_entries_that_stopped_are_told_against_their_own_history(
    engine: sa.Engine, place: Path, tmp_path: Path
) -> None:
    """Monitoring that stopped is silent about itself; how old its newest entry usually is tells."""
    stopped = END - timedelta(minutes=30)

    def flow(at: datetime, rows: dict[str, Row]) -> dict[str, Row]:
        newest = min(at, stopped) - timedelta(seconds=30)
        lag = (at - newest).total_seconds()
        return {**rows, "flow/logs/auth": Row(probe="flow/logs/auth", state="ok", value=lag, count=90, newest=newest)}

    fill(engine, flow, days=7)
    observation = seen(place, tmp_path / "run")
    quiet = findings(observation)["history/logs-stopped"]
    assert "Nothing new of 1 of 1 log services that can be seen (auth) since 23 Nov 11:29 UTC" in quiet.claim
    assert quiet.signals == (), "without requests at the edge it may be a quiet night"
    busy = findings(observation, edge=True)["history/logs-stopped"]
    assert [signal.name for signal in busy.signals] == ["arrivals_stopped"]


def test_an_archive_in_which_nothing_came_for_an_hour_has_stopped(
    engine: sa.Engine, place: Path, tmp_path: Path
) -> None:
    """The list of the last hour is empty then: no newest entry is the plainest sign of all."""
    stopped = END - timedelta(minutes=80)

    def flow(at: datetime, rows: dict[str, Row]) -> dict[str, Row]:
        row = Row(probe="flow/r2/auth", state="ok", value=40.0, count=9, newest=at - timedelta(seconds=40))
        return {**rows, "flow/r2/auth": row if at < stopped else Row(probe="flow/r2/auth", state="empty", count=0)}

    fill(engine, flow)
    told_ = findings(seen(place, tmp_path / "run"), edge=True)["history/r2-stopped"]
    assert "services of the log archive" in told_.claim
    assert "their newest entry is 81 min old" in told_.claim


def test_slow_answers_are_told_against_this_hour(engine: sa.Engine, place: Path, tmp_path: Path) -> None:
    """Six hundred milliseconds are slow where forty are usual."""

    def slow(at: datetime, rows: dict[str, Row]) -> dict[str, Row]:
        return {**rows, "api/pitches": Row(probe="api/pitches", state="ok", took_ms=600.0)} if at.hour == 11 else rows

    fill(engine, slow, days=7)
    one = findings(seen(place, tmp_path / "run"))["history/slow-pitches"]
    assert "600 ms" in one.claim
    assert "P95 46 ms" in one.claim


def test_a_record_of_it_answers_alike_with_the_database_gone(engine: sa.Engine, place: Path, tmp_path: Path) -> None:
    """Every answer of a run replays to the byte; the history is no exception."""
    fill(engine, days=3)
    settings = Settings(history_url=f"sqlite:///{place}")  # type: ignore[arg-type]
    first = ask(settings, channel(tmp_path / "run", settings))
    engine.dispose()
    for left in place.parent.glob("service.sqlite*"):
        left.unlink()
    again = ask(settings, ReplayChannel(read_exchanges(tmp_path / "run")))
    assert isinstance(first, Observed)
    assert isinstance(again, Observed)
    assert (first.coverage, first.detail, first.at) == (again.coverage, again.detail, again.at)
    for name in ("minutes", "spans", "usual"):
        assert getattr(first.value, name).equals(getattr(again.value, name))
    assert rule.history(case_of(first)) == rule.history(case_of(again))


def test_without_a_service_it_is_not_configured_and_with_a_broken_one_it_says_so(tmp_path: Path) -> None:
    """Absent, empty, damaged and locked away are different things."""
    none = ask(Settings(), channel(tmp_path / "a", Settings()))
    assert (none.status, none.id) == ("not_configured", "history/probes/all")

    gone = seen(tmp_path / "nothing.sqlite", tmp_path / "b")
    assert isinstance(gone, Unavailable)
    assert gone.reason == "unreachable"
    assert not (tmp_path / "nothing.sqlite").exists(), "a source makes no file"

    empty = tmp_path / "empty.sqlite"
    sqlite3.connect(empty).close()
    empty.write_bytes(empty.read_bytes())
    assert seen(empty, tmp_path / "c").status == "not_configured"

    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    assert isinstance(seen(damaged, tmp_path / "d"), Unavailable)


def test_nothing_can_be_changed_through_it(engine: sa.Engine, place: Path) -> None:
    """It is the service's own database: a run must not be able to touch its queue."""
    from pitchey_ops.sources._history_db import SqliteHistory

    fill(engine, minutes=3)
    reader = SqliteHistory(str(place), statement_timeout_s=5.0)
    for statement in ("delete from ops_history", "insert into ops_orders default values", "pragma query_only = off"):
        try:
            asyncio.run(reader.read(statement))
        except psycopg.Error:
            continue
    with db.reading(engine) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.rows)).scalar()
    endless = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n"
    with pytest.raises(psycopg.errors.QueryCanceled):
        asyncio.run(SqliteHistory(str(place), statement_timeout_s=0.3).read(endless))


def test_the_history_beside_the_archive_is_found_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One machine needs no address; several name a reader's."""
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(tmp_path))
    assert load().history_url is None
    (tmp_path / OWN_HISTORY).parent.mkdir()
    (tmp_path / OWN_HISTORY).touch()
    found = load()
    assert found.history_url is not None
    assert found.history_url.get_secret_value() == f"sqlite:///{tmp_path / OWN_HISTORY}"
    assert found.public()["history_url"] == "set"
    assert str(tmp_path) not in found.secrets()
    monkeypatch.setenv("PITCHEY_OPS_HISTORY_URL", "postgresql://reader:s3cr3t-11@h/d")
    assert "s3cr3t-11" in load().secrets()
    assert "s3cr3t-11" not in repr(load())


@pytest.mark.slow
@pytest.mark.database
def test_postgresql_gives_the_same_answer_to_a_reader_who_may_only_read(tmp_path: Path) -> None:
    """Several machines share it; their kernels get a role that can change nothing."""
    with postgres_server.running() as url:
        engine = db.connect(url)
        try:
            db.create(engine)
            fill(engine, days=3)
            with engine.begin() as connection:
                for statement in (
                    "create role reader login",
                    "grant select on ops_history, ops_history_spans to reader",
                ):
                    connection.execute(sa.text(statement))
            found = seen(url.replace("user=ops", "user=reader"), tmp_path / "pg")
            assert isinstance(found, Observed)
            own = tmp_path / "one.sqlite"
            other = db.connect(f"sqlite:///{own}")
            db.create(other)
            fill(other, days=3)
            beside = seen(own, tmp_path / "lite")
            assert isinstance(beside, Observed)
            assert found.coverage == beside.coverage
            for name in ("minutes", "spans", "usual"):
                assert getattr(found.value, name).equals(getattr(beside.value, name))
            other.dispose()
        finally:
            engine.dispose()


@pytest.mark.slow
def test_a_run_that_saw_the_history_replays_to_the_byte_without_it(tmp_path: Path) -> None:
    """The whole way: service's database, kernel, record, replay."""
    archive = tmp_path / "outputs"
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    engine = db.connect(f"sqlite:///{archive / OWN_HISTORY}")
    db.create(engine)

    def failing(at: datetime, rows: dict[str, Row]) -> dict[str, Row]:
        bad = {"api/pitches": Row(probe="api/pitches", state="failing", took_ms=900.0)}
        return {**rows, **bad} if at >= now - timedelta(minutes=20) else rows

    fill(engine, failing, end=now)
    engine.dispose()
    with Running(build("bad_deployment", seed=3, now_ms=round(time.time() * 1000), entries=20_000)) as running:
        env = {"PITCHEY_OPS_ARCHIVE": str(archive), "PITCHEY_OPS_ORIGIN": running.url}
        answer = told(ops("run", "outage", "--json", env=env))
    run = archive / answer["incident"] / answer["run"]
    report = json.loads((run / "report.json").read_bytes())
    sources = {one["name"]: one for one in report["sources"]}
    assert sources["history"]["status"] == "observed"
    assert any(one["id"] == "history/api-pitches" for one in report["findings"])
    for left in (archive / OWN_HISTORY).parent.glob("*"):
        left.unlink()
    done = ops("replay", answer["run"], env={"PITCHEY_OPS_ARCHIVE": str(archive)})
    assert (done.returncode, "identical to the byte" in done.stdout) == (0, True), done.stdout + done.stderr
