"""Incidents: what belongs together, which runs it asks for, whose clock runs; on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import postgres_server
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from incident_worlds import (
    NOON,
    after,
    database,
    embedded,
    firing,
    news,
    one,
    put,
    report,
    reported,
    runs,
    told,
)

from pitchey_ops.errors import RecordError, UsageError
from pitchey_ops.evidence.archive import Archive
from pitchey_ops.evidence.verify import verify
from pitchey_ops.models.report import SeverityLevel
from pitchey_ops.postmortem.calendar import calendar
from pitchey_ops.service import db, followups, incidents, timeline
from pitchey_ops.service import incident_tables as t
from pitchey_ops.service.incidents import Quota, Rules, Watching


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A real PostgreSQL for the tests of this file."""
    if postgres_server.programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres_server.running() as url:
        yield url


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.database, pytest.mark.slow])],
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """The service's database, empty."""
    url = embedded(tmp_path) if request.param == "sqlite" else request.getfixturevalue("server")
    with database(url) as found:
        yield found


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[sa.Engine]:
    """The embedded database alone, where the other adds nothing."""
    with database(embedded(tmp_path)) as found:
        yield found


# ── what belongs together ────────────────────────────────────────────────────────────────────────────────────────


def test_a_trouble_that_repeats_is_one_incident_with_one_run(engine: sa.Engine) -> None:
    """Ten alerts of one trouble tell nothing that the first did not; each is on the timeline."""
    received = [put(engine, firing(runbook="outage"), after(seconds=n)) for n in range(10)]

    assert {one.incident_id for one in received} == {received[0].incident_id}
    assert [one.new for one in received] == [True] + [False] * 9
    assert [order.runbook for order in runs(engine, received[0].incident_id)] == ["outage"]
    assert [event.event for event in told(engine, received[0].incident_id)] == ["alert"] * 10
    assert [event.position for event in told(engine, received[0].incident_id)] == list(range(1, 11))


def test_another_trouble_of_the_same_service_joins_within_the_window_and_not_after(engine: sa.Engine) -> None:
    """Monitors of one outage use different names; what comes much later is another outage."""
    first = put(engine, firing("errors", service="api"))
    near = put(engine, firing("latency", service="api"), after(minutes=14))
    far = put(engine, firing("saturation", service="api"), after(minutes=14 + 16))

    assert near.incident_id == first.incident_id
    assert far.incident_id != first.incident_id
    assert far.new


def test_troubles_without_a_service_or_of_different_services_stay_apart(lite: sa.Engine) -> None:
    """Not to know the service is no reason to take it for another one's."""
    found = [put(lite, firing(name, service=service)).incident_id for name, service in
             (("a", None), ("b", None), ("c", "api"), ("d", "auth"))]  # fmt: skip

    assert len(set(found)) == 4


def test_the_same_word_of_two_senders_is_two_troubles(lite: sa.Engine) -> None:
    """A key is a sender's own; another's may mean anything."""
    assert put(lite, firing("1", sender="sentry")).incident_id != put(lite, firing("1", sender="plain")).incident_id


def test_a_repeated_alert_is_looked_into_again_once_the_window_has_moved_on(engine: sa.Engine) -> None:
    """After an hour the last report says nothing about now; its run is told of the alerts since, not of old ones."""
    first = put(engine, firing())
    put(engine, firing(), after(minutes=59))
    again = put(engine, firing(at=after(minutes=60)), after(minutes=60))

    orders = runs(engine, first.incident_id)
    assert [order.run_id for order in orders] == [first.ordered, again.ordered]
    assert len(orders[1].alerts) == 2


def test_a_graver_alert_is_looked_into_at_once_and_shortens_the_clock(engine: sa.Engine) -> None:
    """What has become worse may have become something else."""
    first = put(engine, firing(severity="P3"))
    worse = put(engine, firing(severity="P1"), after(minutes=3))
    milder = put(engine, firing(severity="P4"), after(minutes=4))

    found = one(engine, first.incident_id)
    assert worse.ordered is not None
    assert milder.ordered is None
    assert (found.severity, found.respond_by) == ("P1", after(minutes=15))
    assert [order.severity for order in runs(engine, first.incident_id)] == ["P3", "P1"]


def test_another_runbook_of_the_same_incident_runs_once_too(lite: sa.Engine) -> None:
    """Its questions were not asked yet."""
    first = put(lite, firing("slow", service="api", runbook="performance"))
    put(lite, firing("locks", service="api", runbook="database"), after(seconds=5))
    put(lite, firing("locks", service="api", runbook="database"), after(seconds=6))

    assert [order.runbook for order in runs(lite, first.incident_id)] == ["performance", "database"]


def test_a_flapping_trouble_stays_one_incident_and_asks_for_two_runs(engine: sa.Engine) -> None:
    """Firing and resolved twenty times in ten minutes: one run of the runbook, one that verifies."""
    found = set()
    for n in range(20):
        found.add(put(engine, firing(), after(seconds=30 * n)).incident_id)
        put(engine, news(), after(seconds=30 * n + 15))

    assert len(found) == 1
    assert [order.reason for order in runs(engine, found.pop())] == ["alert", "verify"]


def test_a_trouble_that_comes_back_long_after_it_was_resolved_is_a_new_incident(engine: sa.Engine) -> None:
    """The people of the first one have gone home."""
    first = put(engine, firing())
    put(engine, news(), after(minutes=1))
    back = put(engine, firing(), after(minutes=17))

    assert back.new
    assert back.incident_id != first.incident_id
    assert one(engine, first.incident_id).state == "resolved"


def test_an_incident_that_nobody_closed_does_not_swallow_the_alerts_of_another_day(lite: sa.Engine) -> None:
    """Senders that never say "resolved" would fill one incident for ever, its clock long stopped."""
    first = put(lite, firing())
    assert put(lite, firing(), after(hours=25)).incident_id != first.incident_id


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["firing", "resolved", "acknowledged", "noted"]),
                  st.sampled_from([None, "api", "auth"]), st.sampled_from(["P1", "P2", "P3", "P4"]),
                  st.integers(0, 2000)),
        max_size=25,
    )
)  # fmt: skip
def test_whatever_comes_every_alert_is_on_exactly_one_timeline_without_gaps(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str | None, str, int]]
) -> None:
    """Nothing lost, nothing twice, runs bounded: for any order of alerts, news, services and severities."""
    now, sent = NOON, 0
    with database(embedded(tmp_path_factory.mktemp("any"))) as engine:
        for trouble, status, service, severity, seconds in steps:
            now += timedelta(seconds=seconds)
            put(engine, firing(trouble, status=status, service=service, severity=severity, text="x"), now)
            sent += status == "firing"
        with db.reading(engine) as connection:
            there = incidents.incidents(connection)
        lines = [(event.event, event.position) for found in there for event in told(engine, found.id)]
        asked = sum(len(runs(engine, found.id)) for found in there)

    assert sum(event == "alert" for event, _ in lines) == sent == sum(found.alerts for found in there)
    for found in there:
        assert found.events >= found.alerts
    assert sorted(position for _, position in lines) == sorted(n for f in there for n in range(1, f.events + 1))
    assert asked <= 2 * len(steps)


# ── severity, clocks ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("severity", "due"),
    [
        ("P1", after(minutes=15)),
        ("P2", after(hours=1)),
        ("P3", after(hours=4)),
        ("P4", datetime(2026, 11, 25, 17, 0, tzinfo=UTC)),
    ],
)
def test_the_clock_is_the_severitys_promise_on_the_business_calendar(
    lite: sa.Engine, severity: SeverityLevel, due: datetime
) -> None:
    """15 minutes, 1 h, 4 h, next business day: here in Berlin, with Tuesday off."""
    days = calendar(
        "Europe/Berlin",
        datetime(2000, 1, 1, 9).time(),  # noqa: DTZ001 - a time of day
        datetime(2000, 1, 1, 18).time(),  # noqa: DTZ001
        [datetime(2026, 11, 24, tzinfo=UTC).date()],
    )
    found = put(lite, firing(severity=severity), NOON, Rules(calendar=days))

    assert one(lite, found.incident_id).respond_by == due
    assert one(lite, found.incident_id).clock_runs


def test_a_verdict_raises_the_severity_and_never_lowers_it(engine: sa.Engine) -> None:
    """A run sees what an alert could not; a calm look is no reason to send people home."""
    found = put(engine, firing(severity="P3"))
    assert found.incident_id is not None
    assert found.ordered is not None
    assert reported(engine, found.incident_id, found.ordered, report(severity="P2"), after(minutes=1))
    assert one(engine, found.incident_id).severity == "P2"
    with engine.begin() as connection:
        second = incidents.order_run(connection, found.incident_id, "triage", "ana", after(minutes=2))
    assert second is not None
    reported(engine, found.incident_id, second, report("healthy", severity="P4"), after(minutes=3))
    assert one(engine, found.incident_id).severity == "P2"


def test_only_a_person_lowers_and_only_what_is_graver_than_that_raises_again(engine: sa.Engine) -> None:
    """Who has said "this is a P3" is not told P2 again by the next watching run; a P1 is news."""
    found = put(engine, firing(severity="P2"))
    assert found.incident_id is not None
    with engine.begin() as connection:
        assert incidents.set_severity(connection, found.incident_id, "P3", "ana", after(minutes=1))
        assert not incidents.set_severity(connection, found.incident_id, "P3", "ana", after(minutes=1))
    put(engine, firing(severity="P2"), after(minutes=2))
    assert found.ordered is not None
    reported(engine, found.incident_id, found.ordered, report(severity="P2"), after(minutes=3))
    assert one(engine, found.incident_id).severity == "P3"
    put(engine, firing(severity="P1"), after(minutes=4))
    assert one(engine, found.incident_id).severity == "P1"


def test_an_acknowledgement_stops_the_clock_and_the_first_name_stays(engine: sa.Engine) -> None:
    """From PagerDuty or Slack; who comes second learns that somebody is on it."""
    found = put(engine, firing(severity="P1"))
    put(engine, news(status="acknowledged", by="Ana (PagerDuty)"), after(minutes=4))
    assert found.incident_id is not None
    with engine.begin() as connection:
        assert not incidents.acknowledge(connection, found.incident_id, "Ben", after(minutes=9))

    known = one(engine, found.incident_id)
    assert (known.state, known.acknowledged_by, known.clock_runs) == ("acknowledged", "Ana (PagerDuty)", False)
    assert not known.overdue(after(hours=9))


def test_a_resolved_notice_closes_the_clock_and_starts_the_verification_run(engine: sa.Engine) -> None:
    """It is over when a run has seen that it is."""
    found = put(engine, firing())
    over = put(engine, news(), after(minutes=5))

    order = runs(engine, found.incident_id)[-1]
    assert one(engine, found.incident_id).state == "resolved"
    assert (order.run_id, order.reason, order.runbook) == (over.ordered, "verify", "post_incident")
    assert order.parameters["incident"] == found.incident_id


def test_an_incident_of_two_troubles_is_over_when_both_are(engine: sa.Engine) -> None:
    """One monitor's calm says nothing about what the other saw."""
    found = put(engine, firing("errors", service="api"))
    put(engine, firing("latency", service="api"), after(seconds=1))
    put(engine, news("latency", service="api"), after(minutes=1))
    assert one(engine, found.incident_id).state == "open"
    put(engine, news("errors", service="api"), after(minutes=2))
    assert one(engine, found.incident_id).state == "resolved"


def test_news_of_a_trouble_that_nobody_knows_changes_nothing(lite: sa.Engine) -> None:
    """A resolved notice from before our time must not open anything."""
    assert put(lite, news("never heard of")).incident_id is None
    with db.reading(lite) as connection:
        assert incidents.incidents(connection) == []


# ── runs that follow ─────────────────────────────────────────────────────────────────────────────────────────────


def _series(engine: sa.Engine, states: list[str], step: str = "outage.watch") -> tuple[str, list[timedelta]]:
    """Report a first run that asks to watch, then look by look; return how it ended and when the looks were due."""
    found = put(engine, firing(runbook="outage"))
    assert found.incident_id is not None
    assert found.ordered is not None
    reported(engine, found.incident_id, found.ordered, report(scheduled=(step,)), NOON)
    due = []
    for state in states:
        looks = [order for order in runs(engine, found.incident_id) if order.reason == "watch"]
        if len(looks) == len(due):
            break
        order = looks[-1]
        assert order.not_before is not None
        due.append(order.not_before - NOON)
        reported(engine, found.incident_id, order.run_id, report(state), order.not_before)
    ends = [event.entry["ended"] for event in told(engine, found.incident_id) if event.event == "watched"]
    return (ends or ["goes on"])[0], due


def test_a_watching_step_is_a_series_of_runs_that_are_due_later_and_ends(engine: sa.Engine) -> None:
    """Every five minutes for half an hour, one at a time, never a run that sleeps."""
    ended, due = _series(engine, ["incident"] * 3 + ["healthy"] * 20)

    assert due == [timedelta(minutes=5 * n) for n in range(1, 7)]
    assert ended == "recovered"


@pytest.mark.parametrize(
    ("states", "ended"),
    [
        (["incident"] * 6, "not recovered"),
        (["incident", "healthy", "incident", "healthy", "healthy", "healthy"], "recurring"),
        (["healthy"] * 5 + ["inconclusive"], "not known"),
    ],
)
def test_a_series_says_how_it_ended_and_what_it_could_not_tell(lite: sa.Engine, states: list[str], ended: str) -> None:
    """A last look that could not see is no recovery."""
    assert _series(lite, states)[0] == ended


def test_a_series_that_waits_for_calm_ends_with_it(lite: sa.Engine) -> None:
    """Security events are watched every 30 s until they subside."""
    ended, due = _series(lite, ["incident", "healthy", "healthy", "healthy", "healthy"], "security.monitor")
    assert (ended, len(due)) == ("recovered", 4)
    assert due[1] - due[0] == timedelta(seconds=30)


def test_a_run_that_saw_all_well_is_not_watched(lite: sa.Engine) -> None:
    """There is nothing to recover from."""
    found = put(lite, firing())
    assert found.incident_id is not None
    assert found.ordered is not None
    reported(lite, found.incident_id, found.ordered, report("healthy", scheduled=("outage.watch",)), NOON)
    assert [order.reason for order in runs(lite, found.incident_id)] == ["alert"]


def test_a_run_reports_once_however_often_its_step_is_repeated(engine: sa.Engine) -> None:
    """The engine repeats a step after a crash: no second line, no second series."""
    found = put(engine, firing(runbook="outage"))
    assert found.incident_id is not None
    assert found.ordered is not None
    body = report(scheduled=("outage.watch",))
    assert reported(engine, found.incident_id, found.ordered, body, after(minutes=1))
    before = told(engine, found.incident_id), runs(engine, found.incident_id)
    assert not reported(engine, found.incident_id, found.ordered, body, after(minutes=2))
    assert (told(engine, found.incident_id), runs(engine, found.incident_id)) == before


def test_a_verification_that_sees_it_begin_again_opens_the_incident(lite: sa.Engine) -> None:
    """What it sees of before the end is history; what began after it is not."""
    found = put(lite, firing())
    over = put(lite, news(), after(minutes=5))
    assert found.incident_id is not None
    assert over.ordered is not None
    reported(lite, found.incident_id, over.ordered, report(onset=after(minutes=2)), after(minutes=6))
    assert one(lite, found.incident_id).state == "resolved"
    later = runs(lite, found.incident_id)[-1]
    assert later.reason == "verify"
    assert later.not_before is not None
    reported(lite, found.incident_id, later.run_id, report(onset=after(minutes=20)), later.not_before)
    assert one(lite, found.incident_id).state == "open"


def test_an_alert_that_began_hours_ago_is_looked_at_from_its_begin_but_not_beyond_a_day(lite: sa.Engine) -> None:
    """The run's window of an hour would not show how it began; what a sender says about time is bounded."""
    begun = put(lite, firing("a", at=after(hours=-5)))
    ancient = put(lite, firing("b", at=after(days=-30)))

    assert runs(lite, begun.incident_id)[0].parameters["window"] == "2026-11-23T06:30:00Z/"
    assert "window" not in runs(lite, ancient.incident_id)[0].parameters
    assert runs(lite, ancient.incident_id)[0].alerts[0].at == NOON


def test_a_garbled_report_is_an_inconclusive_one(lite: sa.Engine) -> None:
    """A run that failed has a bare report; it must not break the incident."""
    found = put(lite, firing())
    assert found.incident_id is not None
    assert found.ordered is not None
    assert reported(lite, found.incident_id, found.ordered, {"verdict": None, "steps": "none"}, NOON)
    verdict = one(lite, found.incident_id).verdict
    assert verdict is not None
    assert verdict["state"] == "inconclusive"


def test_endings_of_a_series_without_looks_are_not_known() -> None:
    """No look at all is no recovery."""
    assert followups.ending([]) == "not known"


# ── quotas ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_forged_p1s_neither_page_nor_push_ahead_and_none_is_lost(engine: sa.Engine) -> None:
    """Who has learnt a secret can open so many P1s an hour; a run's own eyes can still raise the rest."""
    rules = Rules(quotas={"plain": Quota(incidents_per_hour=8, p1_per_hour=2)})
    forged = [put(engine, firing(f"t{n}", severity="P1"), after(seconds=n), rules) for n in range(20)]
    true = put(engine, firing("real", severity="P1", sender="pagerduty"), after(seconds=30), rules)

    with db.reading(engine) as connection:
        there = incidents.incidents(connection)
    assert sorted(found.severity for found in there) == ["P1"] * 3 + ["P3"] * 7
    assert sum(found.alerts for found in there) == 21
    assert [one.held for one in forged] == [None, None] + ["P1"] * 18
    assert true.held is None
    assert len([order for found in there for order in runs(engine, found.id)]) == 10
    held = forged[5]
    assert held.incident_id is not None
    assert held.ordered is not None
    reported(engine, held.incident_id, held.ordered, report(severity="P1"), after(minutes=1))
    assert one(engine, held.incident_id).severity == "P1"


def test_a_quota_is_whole_again_after_an_hour(lite: sa.Engine) -> None:
    """Yesterday's storm must not silence today's outage."""
    rules = Rules(quota=Quota(p1_per_hour=1))
    assert put(lite, firing("a", severity="P1"), NOON, rules).held is None
    assert put(lite, firing("b", severity="P1"), after(minutes=30), rules).held == "P1"
    assert put(lite, firing("c", severity="P1"), after(minutes=61), rules).held is None


def test_people_ask_for_so_many_runs_an_hour(lite: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stuck key in Slack must not fill the queue."""
    monkeypatch.setattr(incidents, "RUNS_BY_PEOPLE_PER_HOUR", 2)
    with lite.begin() as connection:
        found = incidents.declare(connection, title="slow", severity="P3", by="ana", now=NOON)
        asked = [incidents.order_run(connection, found, "triage", "ana", after(seconds=n)) for n in range(3)]
    assert [run is not None for run in asked] == [True, True, False]


@pytest.mark.parametrize("wrong", [{"runbook": "../../etc/passwd"}, {"severity": "P0"}])
def test_what_is_not_in_the_catalogue_is_refused_before_anything_is_written(
    lite: sa.Engine, wrong: dict[str, str]
) -> None:
    """An alert never chooses a path, nor a severity that there is not."""
    with pytest.raises(UsageError):
        put(lite, firing(**wrong))  # type: ignore[arg-type]
    with db.reading(lite) as connection:
        assert incidents.incidents(connection) == []


# ── two at once ──────────────────────────────────────────────────────────────────────────────────────────────────

_SENDER = """
import sys
from incident_worlds import after, firing, put
from pitchey_ops.service import db
engine = db.connect(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for n in range(40):
    put(engine, firing(f"{sys.argv[2]}-{n % 4}", service=f"service-{n % 4}", severity="P1" if n == 7 else "P3"),
        after(milliseconds=n))
"""


def test_two_processes_that_hear_of_the_same_troubles_at_once_make_one_incident_of_each(engine: sa.Engine) -> None:
    """Two machines behind one address: locks in the transaction, not luck, keep troubles whole."""
    url = engine.url.render_as_string(hide_password=False)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(Path.cwd())])}
    senders = [
        subprocess.Popen(
            [sys.executable, "-c", _SENDER, url, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for name in ("left", "right")
    ]
    for sender in senders:
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ready\n"
    for sender in senders:
        assert sender.stdin is not None
        sender.stdin.write("go\n")
        sender.stdin.flush()
    assert [sender.wait(timeout=120) for sender in senders] == [0, 0]
    for sender in senders:
        sender.communicate()

    with db.reading(engine) as connection:
        there = incidents.incidents(connection)
    assert sorted(found.service or "" for found in there) == [f"service-{n}" for n in range(4)]
    assert [found.alerts for found in there] == [20] * 4
    for found in there:
        assert [event.position for event in told(engine, found.id)] == list(range(1, found.events + 1))
        assert len(runs(engine, found.id)) == (2 if found.severity == "P1" else 1)


# ── the archive's timeline ───────────────────────────────────────────────────────────────────────────────────────


def _flush(engine: sa.Engine, archive: Archive, incident_id: str) -> int:
    with engine.begin() as connection:
        return incidents.flush_timeline(connection, archive, incident_id)


def _written(archive: Archive, incident_id: str) -> list[int]:
    from pitchey_ops.postmortem.gathered import lines_of

    body = (archive.root / incident_id / "timeline.jsonl").read_bytes()
    return [line.entry["seq"] for line in lines_of("timeline", body) if "seq" in line.entry]


def test_a_timeline_reaches_the_archive_whole_and_once(engine: sa.Engine, tmp_path: Path) -> None:
    """In batches, among lines of others; flushed again it adds nothing, and the archive verifies."""
    archive = Archive(tmp_path / "out")
    found = put(engine, firing())
    assert found.incident_id is not None
    for n in range(700):
        put(engine, firing(), after(milliseconds=n))
    archive.append(found.incident_id, "timeline", {"event": "noted", "text": "by hand"}, NOON)
    assert _flush(engine, archive, found.incident_id) == 701
    archive.append(found.incident_id, "timeline", {"event": "noted", "text": "by hand"}, NOON)
    put(engine, news(), after(minutes=1))
    with db.reading(engine) as connection:
        assert incidents.unflushed(connection) == [found.incident_id]
    assert _flush(engine, archive, found.incident_id) == 2
    assert _flush(engine, archive, found.incident_id) == 0

    assert _written(archive, found.incident_id) == list(range(1, 704))
    assert verify(archive.root).problems == ()
    with db.reading(engine) as connection:
        assert incidents.unflushed(connection) == []


@pytest.mark.parametrize("when", ["before the lines", "between lines and ledger", "before the database"])
def test_a_crash_anywhere_in_a_flush_loses_nothing_and_doubles_nothing(
    lite: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Whatever was on disk when the process died decides where the next one goes on."""
    archive = Archive(tmp_path / "out")
    found = put(lite, firing())
    assert found.incident_id is not None
    put(lite, firing(), after(seconds=1))
    assert _flush(lite, archive, found.incident_id) == 2
    for n in range(5):
        put(lite, firing(), after(seconds=2 + n))

    class Killed(BaseException):
        """Ends the process as far as the code under test can see."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    def killed() -> None:
        with lite.begin() as connection:
            incidents.flush_timeline(connection, archive, found.incident_id or "")
            raise Killed

    with monkeypatch.context() as patch:
        if when != "before the database":
            patch.setattr(Archive, "append_many" if when == "before the lines" else "_enter", die)
        with pytest.raises(Killed):
            killed()
    _flush(lite, archive, found.incident_id)

    assert _written(archive, found.incident_id) == list(range(1, 8))
    assert verify(archive.root).problems == ()


def test_two_flushes_at_once_write_every_line_once(lite: sa.Engine, tmp_path: Path) -> None:
    """The archive step of a run and the sweep may meet."""
    archive = Archive(tmp_path / "out")
    found = put(lite, firing())
    assert found.incident_id is not None
    for n in range(100):
        put(lite, firing(), after(milliseconds=n))
    threads = [threading.Thread(target=_flush, args=(lite, archive, found.incident_id)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert _written(archive, found.incident_id) == list(range(1, 102))


def test_a_second_archive_gets_the_whole_timeline(lite: sa.Engine, tmp_path: Path) -> None:
    """Machines with archives of their own: what one was given does not count for the other."""
    found = put(lite, firing())
    assert found.incident_id is not None
    put(lite, firing(), after(seconds=1))
    left, right = Archive(tmp_path / "left"), Archive(tmp_path / "right")
    assert _flush(lite, left, found.incident_id) == 2
    assert _flush(lite, right, found.incident_id) == 2
    put(lite, firing(), after(seconds=2))
    assert _flush(lite, right, found.incident_id) == 1
    assert _flush(lite, left, found.incident_id) == 1
    assert verify(right.root).problems == verify(left.root).problems == ()


def test_a_full_disk_loses_no_line(lite: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flush fails with a clear error, and the next one writes what it could not."""
    import errno

    archive = Archive(tmp_path / "out")
    found = put(lite, firing())
    assert found.incident_id is not None

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(RecordError, match="cannot be written"):
            _flush(lite, archive, found.incident_id)
    assert _flush(lite, archive, found.incident_id) == 1
    assert verify(archive.root).problems == ()


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.one_of(st.integers(1, 9), st.none(), st.just("broken")), max_size=12),
    width=st.integers(0, 90),
    chunk=st.integers(16, 400),
    torn=st.booleans(),
)
def test_the_last_position_of_a_file_is_found_from_its_end(
    tmp_path_factory: pytest.TempPathFactory, lines: list[int | str | None], width: int, chunk: int, torn: bool
) -> None:
    """Whatever stands behind it, however long the lines and wherever a crash cut the last one off."""
    import json

    pieces = []
    for line in lines:
        entry = {"text": "x" * width, **({"seq": line} if isinstance(line, int) else {})}
        pieces.append("{" if line == "broken" else json.dumps({"entry": entry}))
    path = tmp_path_factory.mktemp("tail") / "timeline.jsonl"
    path.write_text("".join(piece + "\n" for piece in pieces) + ('{"entry": {"seq": 99' if torn else ""))
    numbers = [line for line in lines if isinstance(line, int)]
    before, timeline._CHUNK = timeline._CHUNK, chunk
    try:
        assert timeline.last_position(path) == (numbers[-1] if numbers else 0)
    finally:
        timeline._CHUNK = before


# ── what there is ────────────────────────────────────────────────────────────────────────────────────────────────


def test_incidents_are_listed_newest_first_and_by_what_is_asked(lite: sa.Engine) -> None:
    """The page asks for open ones, for one service, for older ones."""
    for n, service in enumerate(["api", "auth", "api"]):
        put(lite, firing(f"t{n}", service=service, severity=f"P{n + 1}"), after(hours=n))
    with db.reading(lite) as connection:
        everything = incidents.incidents(connection)
        assert [found.severity for found in everything] == ["P3", "P2", "P1"]
        assert [found.severity for found in incidents.incidents(connection, service="api")] == ["P3", "P1"]
        assert [found.severity for found in incidents.incidents(connection, severities=("P2",))] == ["P2"]
        assert len(incidents.incidents(connection, before=after(hours=1))) == 1
        assert incidents.incidents(connection, states=("resolved",)) == []
        assert incidents.incident(connection, "../../etc/passwd") is None


def test_hostile_texts_are_kept_as_they_came_and_break_neither_database(engine: sa.Engine, tmp_path: Path) -> None:
    """NUL and halves of characters pass as escapes in the timeline, and as their stand-ins in the title."""
    title = "a\x00b\ud800<script>{{7*7}}<!channel>\x1b[2J"
    alert = firing("x\x00y\udfff")
    odd = incidents.IncomingAlert(sender="plain", trouble=alert.trouble, alert=_titled(alert.alert, title))
    found = put(engine, odd)

    assert told(engine, found.incident_id)[0].entry["title"] == title
    assert "\x00" not in one(engine, found.incident_id).title
    assert _flush(engine, Archive(tmp_path / "out"), found.incident_id or "") == 1


def _titled(alert: incidents.grouping.Alert, title: str) -> incidents.grouping.Alert:
    from dataclasses import replace

    return replace(alert, title=title)


def test_the_rules_of_a_watch_are_those_of_the_caller(lite: sa.Engine) -> None:
    """A file may say ten seconds where the written runbook says five minutes."""
    rules = Rules(watching={"outage.watch": Watching(every_s=10, for_s=20)})
    found = put(lite, firing(runbook="outage"), NOON, rules)
    assert found.incident_id is not None
    assert found.ordered is not None
    with lite.begin() as connection:
        body = report(scheduled=("outage.watch",))
        incidents.run_reported(connection, found.incident_id, found.ordered, body, NOON, rules)
    assert {order.not_before for order in runs(lite, found.incident_id)} == {None, after(seconds=10)}
    with lite.begin() as connection:
        rows = connection.execute(sa.select(t.asked.c.step)).scalars().all()
    assert rows.count("outage.watch") == 1
