"""The service's own watch: one look a minute, honest about what it could not see, rolled up, alarms by their rule."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import postgres_server
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from tiny_worlds import NOW, Sandbox, entry, point, world

from pitchey_ops.clock import FixedClock
from pitchey_ops.errors import ConfigError
from pitchey_ops.models.observation import Unavailable
from pitchey_ops.service import db, incidents
from pitchey_ops.service.db import reading
from pitchey_ops.service.intake.routing import without_routes
from pitchey_ops.service.watch import alarms, questions, store, tables
from pitchey_ops.service.watch.config import WatchConfig, load_watch
from pitchey_ops.service.watch.looking import Looked, tick
from pitchey_ops.service.watch.rows import LOOK, Row, row_of, settled
from pitchey_ops.settings import Settings

START = datetime.fromtimestamp(NOW / 1000, UTC).replace(second=3, microsecond=0)
MINUTE = timedelta(minutes=1)
ALARMS = WatchConfig(alerts=True)
ROUTES = without_routes()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = db.connect(f"sqlite:///{tmp_path / 'service.sqlite'}")
    db.create(made)
    yield made
    made.dispose()


class Scene:
    """A sandbox in this process, and looks at it minute by minute."""

    def __init__(self, engine: sa.Engine, folder: Path, **tables_: Any) -> None:
        self.engine = engine
        self.sandbox = Sandbox(world(**tables_))
        self.settings = Settings(
            origin="http://sandbox",
            archive=folder / "archive",
            services=("auth", "payments"),
            cloudflare_account="sandbox-account",
            cloudflare_zone="sandbox-zone",
            read_timeout_s=2.0,
            environment="sandbox",
        )
        self.at = START

    def look(self, config: WatchConfig = ALARMS, settings: Settings | None = None) -> Looked:
        """Look once, and let a minute pass."""
        self.sandbox.clock.set(round(self.at.timestamp() * 1000))
        done = tick(
            self.engine,
            settings or self.settings,
            FixedClock(self.at),
            config=config,
            routing=ROUTES,
            transport=self.sandbox.transport,
        )
        self.at += MINUTE
        return done

    def broken(self, **kinds: str | None) -> None:
        """Break services of the sandbox, or mend them with None."""
        assert self.sandbox.post("/_sandbox/breaks", kinds).status_code == 200

    def states(self, probe: str) -> list[str]:
        """States of a probe's rows, oldest first."""
        chosen = sa.select(tables.rows.c.state).where(tables.rows.c.probe == probe).order_by(tables.rows.c.minute)
        with reading(self.engine) as connection:
            return list(connection.execute(chosen).scalars())

    def troubles(self) -> list[incidents.Incident]:
        """Every incident."""
        with reading(self.engine) as connection:
            return incidents.incidents(connection)


@pytest.fixture
def scene(engine: sa.Engine, tmp_path: Path) -> Scene:
    return Scene(
        engine,
        tmp_path,
        logs=[entry(NOW - 30_000, service="auth")],
        metrics=[point(NOW - 20_000, 120.0)],
    )


def test_a_look_keeps_a_few_words_of_every_probe_and_no_answer(scene: Scene) -> None:
    """The history must stay small and hold nobody's data."""
    first, done = scene.look(), scene.look()
    rows = {row.probe: row for row in (*first.rows, *done.rows)}

    assert done.mine
    assert rows["api/health"].state == "ok"
    assert rows["api/health"].took_ms is not None
    assert rows["frontend/page"].state == "ok"
    assert rows["platform/health"].state in ("ok", "failing")
    assert rows["flow/logs/auth"].value is not None
    assert 0 <= rows["flow/logs/auth"].value < 300
    assert rows["flow/logs/payments"].state == "empty"
    assert rows["flow/apm/response_time"].newest is not None
    assert rows[LOOK].state == "ok"
    assert sum(len(str(row)) for row in done.rows) < 20_000
    assert "hello" not in str(done.rows)


def test_reads_with_side_effects_are_never_part_of_a_look(scene: Scene) -> None:
    """Looking at infra, analyze or rate-limit changes what the next responder sees."""
    for _ in range(6):
        scene.look()
    seen = scene.sandbox.json("/_sandbox/seen")
    paths = " ".join(path for service in seen.values() if isinstance(service, dict) for path in service["paths"])
    for never in ("/infra/", "/analyze", "/rate-limit", "/monitoring/performance", "/monitoring/metrics", "/alerts/"):
        assert never not in paths
    assert seen["monitoring"]["paths"]["/monitoring/health"] <= 6


def test_a_look_leaves_no_file_open(scene: Scene) -> None:
    """It is done every minute for months; what one look forgets to close ends the service within the hour."""
    scene.look()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        scene.look()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_of_many_ticks_in_a_minute_one_looks(scene: Scene) -> None:
    """Every worker ticks; the platform must be asked once."""
    results: list[Looked] = []
    at = scene.at

    def one() -> None:
        results.append(
            tick(scene.engine, scene.settings, FixedClock(at), config=ALARMS, transport=scene.sandbox.transport)
        )

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done.mine for done in results) == [False] * 5 + [True]
    assert scene.sandbox.json("/_sandbox/seen")["api"]["paths"]["/api/health"] == 1


def test_a_look_that_reaches_nobody_is_unseen_and_raises_nothing(scene: Scene) -> None:
    """When our own network is down the platform is not: silence of everything says nothing."""
    nowhere = Settings(origin="http://127.0.0.1:1", archive=scene.settings.archive, environment="sandbox")

    class Refusing(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused", request=request)

    for _ in range(5):
        tick(
            scene.engine,
            nowhere,
            FixedClock(scene.at),
            config=ALARMS,
            routing=ROUTES,
            transport=Refusing(),
        )
        scene.at += MINUTE
    assert scene.states(LOOK) == ["unseen"] * 5
    assert set(scene.states("api/health")) == {"unseen"}
    assert scene.troubles() == []


def test_one_missed_probe_is_no_outage_and_three_in_a_row_are(scene: Scene) -> None:
    """People who are woken by one lost packet stop listening."""
    calm = WatchConfig(alerts=True)
    for _ in range(3):
        scene.look(calm)
    scene.broken(api="refused", monitoring="refused")
    scene.look(calm)
    assert scene.states("api/pitches")[-1] == "failing"
    assert scene.troubles() == []
    scene.look(calm)
    assert scene.troubles() == []
    third = scene.look(calm)

    named = [incident.title for incident in scene.troubles()]
    assert len(named) == 1, "routes that fail because the API does are no troubles of their own"
    assert "API does not answer" in named[0]
    assert third.incidents
    before = len(scene.troubles())
    scene.look(calm)
    assert len(scene.troubles()) == before, "a trouble that goes on is not told every minute"

    scene.broken(api=None, monitoring=None)
    for _ in range(alarms.QUIET + 1):
        scene.look(calm)
    api = next(incident for incident in scene.troubles() if "API does not" in incident.title)
    assert api.state == "resolved"


def test_two_vantage_points_are_enough_at_once(scene: Scene, engine: sa.Engine, tmp_path: Path) -> None:
    """Our own probe and the edge's count agree: waiting two more minutes would help nobody."""
    minute = NOW - NOW % 60_000
    edge = [
        {"at": minute - n * 60_000, "route": "/api/pitches", "status": status, "requests": 60, "cached": 0, "bytes": 9}
        for n in range(12)
        for status in (200, 503)
    ]
    both = Scene(engine, tmp_path / "both", edge=edge)
    both.broken(api="5xx")
    both.look()
    assert both.states("edge/failing") == ["failing"]
    assert both.states("api/pitches") == ["failing"]
    assert any("API does not answer" in incident.title for incident in both.troubles())


def test_nothing_is_raised_unless_that_is_switched_on(scene: Scene) -> None:
    """Alerts by itself are a choice."""
    scene.broken(api="refused")
    for _ in range(5):
        scene.look(WatchConfig())
    assert scene.states("api/health") == ["failing"] * 5
    assert scene.troubles() == []
    assert not tick(scene.engine, scene.settings, FixedClock(scene.at), config=WatchConfig(on=False)).mine


def test_a_blind_store_is_asked_seldom_and_never_called_fresh(engine: sa.Engine, tmp_path: Path) -> None:
    """Its newest entries cannot be seen (trap 1), and every answer costs it a thousand reads."""
    crowd = [entry(NOW - 3_600_000 + n, service="auth", id=f"{n:05d}-auth") for n in range(1005)]
    scene = Scene(engine, tmp_path, logs=crowd, metrics=[point(NOW - 20_000, 120.0)])
    for _ in range(8):
        scene.look()
    assert scene.states("flow/logs/auth") == ["blind"]
    assert len(scene.states("flow/apm/response_time")) >= 3


def test_the_archive_shows_how_fresh_a_blind_store_s_entries_are(engine: sa.Engine, tmp_path: Path) -> None:
    """In steady state the logs service is blind; the names of archived objects still tell when entries stopped."""
    minute = 60_000
    rows = [entry(NOW - 90_000, service="auth"), entry(NOW - 25 * minute, service="payments")]
    scene = Scene(engine, tmp_path, logs=rows)
    scene.settings = scene.settings.model_copy(update={"r2_bucket": "pitchey-logs", "log_environment": "production"})
    found = {row.probe: row for _ in range(4) for row in scene.look().rows}
    lags = {name: found[f"flow/r2/{name}"].value for name in ("auth", "payments")}
    assert lags["auth"] is not None
    assert 60 <= lags["auth"] <= 360
    assert lags["payments"] is not None
    assert 24 * 60 <= lags["payments"] <= 30 * 60
    assert "hello" not in str(found)


def test_hours_and_ten_minutes_are_made_of_the_minutes_and_old_ones_go(engine: sa.Engine) -> None:
    """A year of minutes would fill the disk; percentiles of percentiles would be wrong."""
    begin = datetime(2026, 11, 20, 8, tzinfo=UTC)
    with engine.begin() as connection:
        for n in range(120):
            state = "failing" if n in (3, 4) else "unseen" if n == 7 else "ok"
            rows = [Row(probe="api/health", state=state, took_ms=None if state == "unseen" else float(n))]
            if n not in (30, 31):  # nobody looked
                store.write(connection, begin + n * MINUTE, settled(rows))
        made = store.roll_up(connection, begin + timedelta(hours=2, minutes=3))
        assert made == 12 + 2
        assert store.roll_up(connection, begin + timedelta(hours=2, minutes=3)) == 0
        chosen = sa.select(tables.spans).where(tables.spans.c.probe == "api/health").order_by(tables.spans.c.start)
        spans = [dict(row) for row in connection.execute(chosen).mappings()]
    tens = [row for row in spans if row["length_s"] == 600]
    hours = [row for row in spans if row["length_s"] == 3600]
    assert [row["looks"] for row in tens] == [10, 10, 10, 8, *[10] * 8]
    assert (tens[0]["failing"], tens[0]["unseen"], tens[0]["p50_ms"], tens[0]["p95_ms"]) == (2, 1, 4.0, 9.0)
    assert [row["looks"] for row in hours] == [58, 60]
    assert hours[1]["p95_ms"] == 116.0

    with engine.begin() as connection:
        store.forget(connection, begin + timedelta(days=2))
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.rows)).scalar() == 0
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.spans)).scalar() == len(spans) * 2
        store.forget(connection, begin + timedelta(days=20))
        left = connection.execute(sa.select(tables.spans.c.length_s).distinct()).scalars().all()
        assert left == [3600]
        store.forget(connection, begin + timedelta(days=91))
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.spans)).scalar() == 0


def test_what_was_missed_while_no_process_ran_is_rolled_up_later(engine: sa.Engine) -> None:
    """A restart between the hour's end and its rolling up must not lose the hour."""
    begin = datetime(2026, 11, 20, 8, tzinfo=UTC)
    with engine.begin() as connection:
        for n in (*range(10), *range(300, 310)):
            store.write(connection, begin + n * MINUTE, settled([Row(probe="api/health", state="ok", took_ms=5.0)]))
        store.roll_up(connection, begin + timedelta(hours=9))
        chosen = sa.select(tables.spans.c.start).where(
            tables.spans.c.probe == "api/health", tables.spans.c.length_s == 3600
        )
        starts = sorted(connection.execute(chosen).scalars())
    assert [start.hour for start in starts] == [8, 13]


@pytest.mark.slow
@pytest.mark.database
def test_postgresql_keeps_the_same_history(tmp_path: Path) -> None:
    """Several machines share one database, and one of them looks."""
    with postgres_server.running() as url:
        engine = db.connect(url)
        try:
            db.create(engine)
            scene = Scene(engine, tmp_path, logs=[entry(NOW - 30_000, service="auth")])
            for _ in range(13):
                scene.look()
            again = tick(engine, scene.settings, FixedClock(scene.at - MINUTE), config=ALARMS)
            assert not again.mine
            assert scene.states("api/health") == ["ok"] * 13
            with reading(engine) as connection:
                count = connection.execute(sa.select(sa.func.count()).select_from(tables.spans)).scalar()
            assert count
        finally:
            engine.dispose()


@given(
    before=st.lists(st.sampled_from(["ok", "failing", "unseen", "missing", "blind"]), min_size=1, max_size=8),
    elsewhere=st.sampled_from(["ok", "failing", "unseen"]),
)
def test_an_alarm_needs_two_vantage_points_or_three_failures(before: list[str], elsewhere: str) -> None:
    """The rule of the house, whatever came before."""
    subject = alarms.SUBJECTS[2]
    now: Any = {"api/auth_verify": before[0], "edge/failing": elsewhere}
    news = alarms.judged(subject, now, {"api/auth_verify": before}, firing=False)
    seen = [state for state in before if state in ("ok", "failing")]
    repeated = seen[: alarms.REPEATED] == ["failing"] * alarms.REPEATED
    expected = before[0] == "failing" and (elsewhere == "failing" or repeated)
    assert (news == "firing") == expected
    closing = alarms.judged(subject, now, {"api/auth_verify": before}, firing=True)
    assert (closing == "resolved") == (seen[: alarms.QUIET] == ["ok"] * alarms.QUIET)


@given(st.text(max_size=2000))
def test_no_stranger_s_text_reaches_a_row_as_it_came(text: str) -> None:
    """Details are shown on terminals and pages; the row is bounded and plain."""
    from pitchey_ops.models.observation import Observed
    from pitchey_ops.sources.cloudflare_status import CloudflareStatus, Component

    value = CloudflareStatus(
        indicator="major",
        description=text,
        components=(Component(name=text or "x", status="major_outage", relevant=True),),
        incidents=(),
        updated_at=None,
    )
    row = row_of("cloudflare/status", Observed(id="a/b/c", source="x", at=START, value=value), START)
    assert row is not None
    assert len(row.detail) <= 120
    assert row.detail.isascii()
    assert row.detail.isprintable()


def test_a_reporter_s_own_fault_is_not_the_platform_s() -> None:
    """An expired token of ours at Cloudflare says nothing about what users get."""
    for reason in ("refused", "rate_limited", "bad_payload"):
        gone = Unavailable(id="a/b/c", source="x", at=START, reason=reason, detail="")  # type: ignore[arg-type]
        row = row_of("edge/failing", gone, START)
        assert row is not None
        assert row.state == "unseen"
    none = Unavailable(id="a/b/c", source="x", at=START, reason="not_configured", detail="")
    assert row_of("edge/failing", none, START) is None


def test_flows_take_turns_and_none_is_left_out(scene: Scene) -> None:
    """Thirty log services and metrics, eight at a time: each comes up, the longest unseen first."""
    last: dict[str, tuple[datetime, str, int | None]] = {}
    at = START
    for _ in range(6):
        due = questions.flows_due(scene.settings, last, at)
        assert len(due) <= questions.FLOWS_AT_A_TIME
        last.update(dict.fromkeys(due, (at, "ok", 900)))
        at += MINUTE
    assert set(last) == set(questions.flows_of(scene.settings))


def test_wrong_variables_are_all_named_and_the_heartbeat_s_address_is_not_shown(tmp_path: Path) -> None:
    """Its path is the secret."""
    bad = {
        "PITCHEY_OPS_SERVICE_WATCH": "maybe",
        "PITCHEY_OPS_SERVICE_HEARTBEAT_URL": "gopher://s3cr3t-path",
    }
    with pytest.raises(ConfigError) as told:
        load_watch(bad)
    assert len(told.value.faults) == 2
    assert "s3cr3t" not in str(told.value)
    file = tmp_path / "url"
    file.write_text("https://hc.example/s3cr3t\n")
    config = load_watch({"PITCHEY_OPS_SERVICE_HEARTBEAT_URL_FILE": str(file)})
    assert config.heartbeat_url == "https://hc.example/s3cr3t"
    assert "s3cr3t" not in repr(config)
    with pytest.raises(ConfigError, match="nobody would look"):
        load_watch({"PITCHEY_OPS_SERVICE_WATCH": "off", "PITCHEY_OPS_SERVICE_WATCH_ALERTS": "on"})
