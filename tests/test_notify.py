"""Messages about incidents: once, in time, for Slack and PagerDuty, and never in anybody's way."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import postgres_server
import pytest
import sqlalchemy as sa
from archives import NOW, finding, ids_of, put, report
from far_sides import CHANNEL, FarSides, until
from hostile import HOSTILE

from pitchey_ops.errors import ConfigError
from pitchey_ops.evidence.archive import Archive
from pitchey_ops.panels.safe import CLOSE, OPEN
from pitchey_ops.service import db, incidents, notify
from pitchey_ops.service.incident_tables import events
from pitchey_ops.service.notify import catalogue, journal
from pitchey_ops.service.notify.chart import chart_of
from pitchey_ops.service.notify.config import NotifyConfig, load_notify
from pitchey_ops.service.notify.courier import Courier
from pitchey_ops.service.notify.notice import Story, from_report, of_archive
from pitchey_ops.service.notify.pagerduty import PagerDuty
from pitchey_ops.service.notify.slack import Slack
from pitchey_ops.service.notify.tables import messages
from pitchey_ops.settings import Settings, load

pytestmark = pytest.mark.slow
INCIDENT, RUN = ids_of(1)
RUN_2 = ids_of(1, run=2)[1]
HEAD = "12:" + "9f" * 32
PD = "PGR1234567"
_PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 40).decode()


@pytest.fixture(scope="module")
def far() -> Iterator[FarSides]:
    """Slack and PagerDuty, one pair for all."""
    with FarSides() as running:
        yield running


@pytest.fixture
def settings(far: FarSides, archive: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings under which messages go to *far*, which is empty."""
    far.forget()
    archive.mkdir()
    for name, value in far.variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Slack, "gap_s", 0.0)
    yield load("sandbox")
    notify.stop()


@pytest.fixture
def engine(archive: Path) -> Iterator[sa.Engine]:
    """The service's database."""
    made = db.connect(f"sqlite:///{archive}/.service/service.sqlite")
    db.create(made)
    yield made
    made.dispose()


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No threads: what is due is delivered where the test says so."""
    monkeypatch.setattr(Courier, "start", lambda self: None)


def values(run: str = RUN, **more: Any) -> dict[str, Any]:
    """Return a report whose alert came from PagerDuty."""
    alerts = [{"id": PD, "kind": "pagerduty", "title": "5xx", "at": "2026-11-23T10:01:00Z"}]
    sources = [
        {"name": "apm", "status": "blind", "detail": "x"},
        {"name": "logs", "status": "observed", "detail": "x", "coverage": {"cut": True}},
    ]
    return report(INCIDENT, run, alerts=alerts, sources=sources, **more)


def courier(engine: sa.Engine, settings: Settings, ahead_s: float = 0.0) -> Courier:
    """Return a courier whose clock is ahead."""
    return Courier(engine, catalogue.configured(load_notify(settings)), now=lambda: time.time() + ahead_s)


def deliver(engine: sa.Engine, settings: Settings, ahead_s: float = 0.0, only: str = "") -> None:
    """Deliver all that is due."""
    made = courier(engine, settings, ahead_s)
    for one in catalogue.configured(load_notify(settings)):
        if only in ("", one.name):
            made.deliver_due(one)


def shown(message: dict[str, Any]) -> str:
    """Return all text of a message of Slack."""
    return json.dumps([message.get("text"), message.get("blocks")], ensure_ascii=False)


def chart_page(folder: Path) -> None:
    """Give an archived run a report with a chart."""
    panel = (
        '<article class="panel"><p class="question">Who is hurt: which routes fail?</p><h3>x</h3>\n<figure>'
        f'<img class="chart" alt="Bars of routes" src="data:image/png;base64,{_PIXEL}"></figure></article>'
    )
    (folder / "report.html").write_text(panel, encoding="utf-8")


def test_the_verdict_is_posted_before_anything_is_archived(
    far: FarSides, settings: Settings, engine: sa.Engine
) -> None:
    """Charts and files take seconds more; whoever is called wants to know now."""
    assert notify.verdict(engine, settings, INCIDENT, values())
    until(lambda: far.messages and far.notes.get(PD))
    text = shown(far.messages[0])
    for words in (
        "P2 ▲ INCIDENT",
        "A deployment broke it.",
        "A deployment broke it",
        "90 % likely",
        "6.0 % of requests fail, about 5 users",
        "respond by 11:01 UTC",
        f"https://ops.pitchey.example/incidents/{INCIDENT}",
        "charts and record follow",
        "apm BLIND, logs CUT OFF",
    ):
        assert words in text, words
    assert far.notes[PD][0]["content"].startswith(f"pitchey-ops {RUN} verdict\nP2 ▲ INCIDENT")


def test_the_record_follows_with_its_chart_in_the_thread_and_the_ledger_in_the_first_message(
    far: FarSides, settings: Settings, engine: sa.Engine, archive: Path, quiet: None
) -> None:
    """The head of the ledger is anchored where nobody who can write the archive can write as well."""
    chart_page(put(Archive(archive), values()))
    notify.verdict(engine, settings, INCIDENT, values())
    notify.archived(engine, settings, INCIDENT, RUN, HEAD)
    deliver(engine, settings)
    root, chart = far.messages
    assert HEAD in shown(root)
    assert HEAD in chart["text"]
    assert f"/incidents/{INCIDENT}#{RUN}" in chart["text"]
    assert "Response clock" in chart["text"]
    assert chart["thread_ts"] == root["ts"]
    assert chart["files"][0]["name"] == f"{RUN}-chart.png"
    file = far.slack.files[chart["files"][0]["id"]]
    assert (file["body"], file["alt_txt"]) == (base64.b64decode(_PIXEL), "Bars of routes")
    assert any(HEAD in note["content"] for note in far.notes[PD])


def test_a_run_without_a_chart_still_prints_the_ledgers_head(
    far: FarSides, settings: Settings, engine: sa.Engine, quiet: None
) -> None:
    """No chart may be had (a bare run, another machine's archive, no right to upload)."""
    notify.archived(engine, settings, INCIDENT, RUN, HEAD, report=values())
    far.faults.append(("files.getUploadURLExternal", {"ok": False, "error": "missing_scope"}))
    deliver(engine, settings)
    assert [HEAD in shown(one) for one in far.messages] == [True, True]


def test_what_is_told_twice_is_posted_once(far: FarSides, settings: Settings, engine: sa.Engine, quiet: None) -> None:
    """The engine repeats a step whose end it did not see."""
    for _ in range(3):
        assert notify.verdict(engine, settings, INCIDENT, values())
        assert notify.archived(engine, settings, INCIDENT, RUN, HEAD)
        deliver(engine, settings)
    assert len(far.messages) == 2
    assert len(far.notes[PD]) == 2


@pytest.mark.parametrize(
    "path", ["chat.postMessage", "files.completeUploadExternal", f"incidents/{PD}/notes", "chat.update"]
)
def test_an_answer_that_gets_lost_does_not_post_again(
    far: FarSides, settings: Settings, engine: sa.Engine, archive: Path, quiet: None, path: str
) -> None:
    """The message is there, and only we do not know: it is looked for before it is sent a second time."""
    chart_page(put(Archive(archive), values()))
    notify.verdict(engine, settings, INCIDENT, values())
    if path == "chat.update":
        deliver(engine, settings)
    notify.archived(engine, settings, INCIDENT, RUN, HEAD)
    far.faults.append((path, "lose"))
    for ahead_s in (0, 10, 20):
        deliver(engine, settings, ahead_s)
    assert far.faults == []
    assert len(far.messages) == 2
    assert len(far.messages[1]["files"]) == 1
    assert HEAD in shown(far.messages[0])
    assert len(far.notes[PD]) == 2
    with db.reading(engine) as connection:
        assert {one.state for one in journal.deliveries(connection, INCIDENT)} == {"sent"}


def test_news_that_come_before_a_lost_answer_is_cleared_up_do_not_post_again(
    far: FarSides, settings: Settings, engine: sa.Engine, quiet: None
) -> None:
    """Slack took the message, then could not be reached for ten minutes; meanwhile another look was told."""
    notify.verdict(engine, settings, INCIDENT, values())
    far.faults.append(("chat.postMessage", "lose"))
    deliver(engine, settings, only="slack")
    later_s = 600.0
    with engine.begin() as connection:
        root = journal.Wanted(part="root", rank=20, fresh=True)
        journal.want(connection, "slack", INCIDENT, [root], time.time() + later_s)
    deliver(engine, settings, later_s + 10, only="slack")
    assert len(far.messages) == 1


def test_a_process_killed_between_sending_and_noting_posts_once(
    far: FarSides, settings: Settings, engine: sa.Engine, quiet: None
) -> None:
    """SIGKILL comes when Slack has the message and our database does not know it yet."""
    notify.verdict(engine, settings, INCIDENT, values())
    far.faults.append(("chat.postMessage", "hold"))
    script = """
        from test_notify import *
        settings = load("sandbox")
        engine = db.connect(sys.argv[1])
        deliver(engine, settings, only="slack")
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(engine.url)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)} | far.variables(),
    )
    assert far.held.wait(60)
    child.send_signal(signal.SIGKILL)
    child.wait(20)
    deliver(engine, settings, only="slack")
    assert len(far.messages) == 1, "its lease holds still: nobody else may send"
    deliver(engine, settings, journal.LEASE_S + 1, only="slack")
    assert len(far.messages) == 1
    assert far.asked.count("/_slack/api/chat.postMessage") == 1
    assert "/_slack/api/conversations.history" in far.asked
    with db.reading(engine) as connection:
        assert [one.state for one in journal.deliveries(connection, INCIDENT) if one.notifier == "slack"] == ["sent"]


def test_a_rate_limit_is_honoured_by_every_message(
    far: FarSides, settings: Settings, engine: sa.Engine, quiet: None
) -> None:
    """Who goes on after a 429 is blocked for longer."""
    other, other_run = ids_of(2)
    notify.verdict(engine, settings, INCIDENT, values())
    notify.verdict(engine, settings, other, report(other, other_run))
    far.faults.append(("chat.postMessage", 429))
    deliver(engine, settings, only="slack")
    deliver(engine, settings, 5, only="slack")
    assert far.asked.count("/_slack/api/chat.postMessage") == 1
    deliver(engine, settings, 8, only="slack")
    assert len(far.messages) == 2


def test_a_dead_slack_holds_up_neither_the_caller_nor_pagerduty(
    far: FarSides, settings: Settings, engine: sa.Engine, archive: Path
) -> None:
    """A step of the engine calls this between two others; seconds here would be seconds later in the archive."""
    far.faults += [("chat.postMessage", "hold")]
    began = time.monotonic()
    assert notify.verdict(engine, settings, INCIDENT, values())
    assert far.held.wait(30)
    assert notify.archived(engine, settings, INCIDENT, RUN, HEAD)
    assert notify.refresh(engine, settings, INCIDENT)
    assert time.monotonic() - began < 25
    until(lambda: len(far.notes.get(PD, [])) == 2)


def test_nothing_that_goes_wrong_is_raised(
    far: FarSides, settings: Settings, engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: None
) -> None:
    """What is told about goes on, whatever becomes of the telling."""
    assert not notify.verdict(engine, settings, "../../etc", values())
    assert not notify.verdict(engine, settings, INCIDENT, {"verdict": None})
    assert not notify.archived(engine, settings, INCIDENT, "RUN-x", HEAD)
    empty = db.connect(f"sqlite:///{tmp_path}/nothing.sqlite")
    assert not notify.verdict(empty, settings, INCIDENT, values())
    monkeypatch.setenv("PITCHEY_OPS_PUBLIC_URL", "javascript:alert(1)")
    assert not notify.verdict(engine, settings, INCIDENT, values())


@pytest.mark.parametrize(
    ("path", "fault", "asked"),
    [
        ("chat.postMessage", {"ok": False, "error": "channel_not_found"}, 2),
        ("chat.postMessage", 500, 2),
        ("chat.postMessage", "hang up", 2),
        ("chat.postMessage", {"ok": False, "error": "invalid_blocks"}, 2),
    ],
)
def test_a_refused_or_broken_post_is_made_up_for_later(
    far: FarSides, settings: Settings, engine: sa.Engine, quiet: None, path: str, fault: Any, asked: int
) -> None:
    """A token that is renewed, a channel that is made, a bad minute of Slack: the message comes all the same."""
    notify.verdict(engine, settings, INCIDENT, values())
    far.faults.append((path, fault))
    deliver(engine, settings, only="slack")
    deliver(engine, settings, 301, only="slack")
    assert len(far.messages) == 1
    assert far.asked.count(f"/_slack/api/{path}") == asked


def test_what_cannot_be_delivered_for_a_day_is_given_up_and_said(
    far: FarSides, settings: Settings, engine: sa.Engine, quiet: None
) -> None:
    """An outbox that never ends would post yesterday's incident next week."""
    notify.verdict(engine, settings, INCIDENT, values())
    far.faults.append(("chat.postMessage", {"ok": False, "error": "invalid_auth"}))
    deliver(engine, settings, 86_500, only="slack")
    with db.reading(engine) as connection:
        (slack,) = (one for one in journal.deliveries(connection, INCIDENT) if one.notifier == "slack")
        assert (slack.state, slack.error) == ("given up", "Slack refuses: invalid_auth")
        assert journal.given_up(connection) == {"slack": 1}


def test_a_watch_that_sees_no_change_rings_nobody_and_keeps_the_first_message_true(
    far: FarSides, settings: Settings, engine: sa.Engine, quiet: None
) -> None:
    """Every few minutes a look: what did not change belongs into the message that is there."""
    notify.archived(engine, settings, INCIDENT, RUN, HEAD, report=values())
    deliver(engine, settings)
    later = f"13:{'ab' * 32}"
    notify.archived(engine, settings, INCIDENT, RUN_2, later, report=values(RUN_2))
    deliver(engine, settings)
    assert len(far.messages) == 2
    assert later in shown(far.messages[0])
    assert "2 runs" in shown(far.messages[0])
    assert len(far.notes[PD]) == 2


def test_a_verdict_that_changes_is_news_in_the_thread_and_a_worse_one_in_the_channel(
    far: FarSides, settings: Settings, engine: sa.Engine, quiet: None
) -> None:
    """A thread is read by who follows it; a severity that rose concerns those who do not."""
    notify.verdict(engine, settings, INCIDENT, values())
    deliver(engine, settings)
    notify.verdict(engine, settings, INCIDENT, values(RUN_2, severity="P1", cause="database_down"))
    deliver(engine, settings)
    root, news = far.messages
    assert "P1 ▲ INCIDENT" in shown(root)
    assert news["thread_ts"] == root["ts"]
    assert news["reply_broadcast"] is True


def test_what_people_do_is_told_whichever_way_they_did_it(far: FarSides, settings: Settings, engine: sa.Engine) -> None:
    """An acknowledgement in PagerDuty stops the clock, and Slack shows that without anybody calling."""
    at = datetime.now(UTC)
    with engine.begin() as connection:
        incident = incidents.declare(connection, title="x", severity="P2", by="ana", now=at - timedelta(hours=2))
    notify.verdict(engine, settings, incident, report(incident, RUN))
    until(lambda: far.messages)
    with engine.begin() as connection:
        incidents.acknowledge(connection, incident, "<!channel> ana", at)
        incidents.resolve(connection, incident, "ben", at + timedelta(seconds=1))
    until(lambda: len(far.messages) == 3 and "RESOLVED" in shown(far.messages[0]))
    until(lambda: "acknowledged" in shown(far.messages[0]))
    text = shown(far.messages[0])
    assert f"{OPEN}&lt;!channel&gt; ana{CLOSE}" in text
    assert "promise missed" in text
    assert notify.refresh(engine, settings, incident)
    time.sleep(0.2)
    assert len(far.messages) == 3


def hostile_values(text: str) -> dict[str, Any]:
    """Return a report that holds *text* wherever a stranger's words can come in."""
    made = values(
        services=[text] * 3, summary=f"New since the onset: “{text}”", cause=text,
        findings=[finding("patterns/x", text)], runbook=text,
    )  # fmt: skip
    made["verdict"]["impact"]["routes"] = [text] * 3
    made["verdict"]["next_step"] = text
    made["sources"] = [{"name": text, "status": "unavailable", "detail": text}]
    return made


def hostile_story(text: str) -> Story:
    """Return a story with *text* everywhere."""
    told = from_report(INCIDENT, hostile_values(text), NOW)
    return Story(incident_id=INCIDENT, notices=[told, of_archive(INCIDENT, RUN, text, NOW)])


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_text_of_a_stranger_does_anything_in_slack(kind: str) -> None:
    """`<!channel>` in a log line pings nobody; and no text may make Slack refuse the message."""
    config = NotifyConfig(
        slack_url="http://x/", slack_token="x", slack_channel=CHANNEL, public_url="https://ops.example"
    )
    made = Slack(config)
    story = hostile_story(HOSTILE[kind])
    text, blocks = made.root_message(story)
    json.dumps(blocks).encode()
    text.encode()
    reply = made._reply_text(story, story.notices[1]) + made._reply_text(story, story.notices[0])
    shown = [text, reply, *_texts(blocks)]
    for one in shown:
        ours = re.sub(r"<https://ops\.example/incidents/[A-Z0-9a-z#-]+\|[A-Za-z ]+>", "", one)
        assert not re.search(r"[<>@~]|&(?!amp;|lt;|gt;)", ours), (kind, ours[:300])
        assert ours.count(OPEN) == ours.count(CLOSE)
        assert not re.search(r":[a-z]", ours)
    assert "<" not in blocks[0]["text"]["text"] or HOSTILE[kind]
    _fits_slack(blocks)


def _texts(blocks: list[dict[str, Any]]) -> list[str]:
    """Return the texts that Slack takes markup in."""
    found = [one["text"] for block in blocks[1:] for one in [block.get("text"), *block.get("fields", [])] if one]
    return found + [one["text"] for block in blocks for one in block.get("elements", [])]


def _fits_slack(blocks: list[dict[str, Any]]) -> None:
    """Slack's limits, as the sandbox holds them too."""
    from pitchey_ops.sandbox.thirdparty.slack import _blocks_fit

    assert _blocks_fit(blocks)


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_text_of_a_stranger_does_anything_in_pagerduty(kind: str) -> None:
    """Notes go on into apps, e-mails and chat: no address, markup or mention may come of them."""
    made = PagerDuty(NotifyConfig(pagerduty_url="http://x/", pagerduty_token="x", pagerduty_from="a@b.example"))
    story = hostile_story(HOSTILE[kind])
    for notice in story.notices:
        note = made.note(story, notice)
        note.encode()
        assert len(note) <= 4_000
        assert not re.search(r"[<>\[\]*`@#_\x00-\x09\x0b-\x1f]|://", note), (kind, note[:300])
        assert note.count("\n") <= 10


@pytest.mark.parametrize("kind", ["forged all clear", "prompt injection", "closing our fence", "slack mention"])
def test_quoted_telemetry_is_fenced_and_said_to_be_a_strangers(kind: str) -> None:
    """Messages get pasted into assistants: what strangers wrote must be known as theirs."""
    text = HOSTILE[kind]
    config = NotifyConfig(slack_url="http://x/", slack_token="x", slack_channel=CHANNEL)
    told = from_report(INCIDENT, values(summary=f"New: “{text}”"), NOW)
    _, blocks = Slack(config).root_message(Story(incident_id=INCIDENT, notices=[told]))
    everything = "".join(_texts(blocks))
    fenced = "".join(re.findall(f"{OPEN}([^{CLOSE}]*){CLOSE}", everything))
    for words in ("RESOLVED", "previous instructions", "All clear", "!channel"):
        assert everything.count(words) == fenced.count(words)
    assert "was sent by strangers" in everything


def test_a_chart_is_taken_from_the_report_and_from_nowhere_else(archive: Path) -> None:
    """Ids are checked before they become part of a path, and a picture is a PNG or none."""
    folder = put(Archive(archive), values())
    assert chart_of(archive, INCIDENT, RUN) is None
    chart_page(folder)
    found = chart_of(archive, INCIDENT, RUN)
    assert found is not None
    assert (found.question, found.alt) == ("Who is hurt: which routes fail?", "Bars of routes")
    text = (folder / "report.html").read_text().replace(_PIXEL, base64.b64encode(b"<svg>").decode())
    (folder / "report.html").write_text(text)
    assert chart_of(archive, INCIDENT, RUN) is None


def test_wrong_variables_are_listed_at_once_and_secrets_never_shown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel's name instead of its id would only fail with the first chart of the first incident."""
    monkeypatch.setenv("PITCHEY_OPS_SLACK_CHANNEL", "#incidents")
    monkeypatch.setenv("PITCHEY_OPS_PAGERDUTY_FROM", "nobody")
    monkeypatch.setenv("PITCHEY_OPS_PUBLIC_URL", "https://user:pass@ops.example")
    with pytest.raises(ConfigError) as caught:
        load_notify(settings)
    assert len(caught.value.faults) == 3
    assert "secret" not in str(caught.value)
    monkeypatch.undo()
    config = NotifyConfig(slack_token="xoxb-very-secret", pagerduty_token="pd-very-secret")
    assert "very-secret" not in repr(config)


def test_no_secret_stands_in_the_database_or_in_a_message(
    far: FarSides, settings: Settings, engine: sa.Engine, archive: Path, quiet: None
) -> None:
    """Errors of libraries like to carry headers."""
    notify.verdict(engine, settings, INCIDENT, values())
    far.faults += [("chat.postMessage", 500), (f"incidents/{PD}/notes", "hang up")]
    deliver(engine, settings)
    engine.dispose()
    for file in (archive / ".service").iterdir():
        assert b"very-secret" not in file.read_bytes()


def _together(engine: sa.Engine, settings: Settings, far: FarSides) -> None:
    incidents = [ids_of(at) for at in range(3, 9)]
    for incident, run in incidents:
        notify.archived(engine, settings, incident, run, HEAD, report=report(incident, run))
    threads = [threading.Thread(target=deliver, args=(engine, settings, 0.0, "slack")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    deliver(engine, settings, 3, only="slack")
    roots = [one for one in far.messages if "thread_ts" not in one]
    assert len(roots) == len(incidents)
    assert len(far.messages) == 2 * len(incidents)


def test_many_senders_on_sqlite_post_each_message_once(
    far: FarSides, settings: Settings, engine: sa.Engine, quiet: None
) -> None:
    """Every worker process carries messages."""
    _together(engine, settings, far)


@pytest.mark.database
def test_many_senders_on_postgresql_post_each_message_once(far: FarSides, settings: Settings, quiet: None) -> None:
    """And so does every machine."""
    if postgres_server.programs() is None:
        pytest.skip("NO POSTGRESQL FOUND: several machines were NOT checked")
    with postgres_server.running() as url:
        made = db.connect(url)
        db.create(made)
        _together(made, settings, far)
        made.dispose()


def test_who_held_the_lease_too_long_does_not_send(
    far: FarSides, settings: Settings, engine: sa.Engine, quiet: None
) -> None:
    """A process that was frozen for minutes wakes up where another has sent already."""
    notify.verdict(engine, settings, INCIDENT, values())
    notifier = next(one for one in catalogue.configured(load_notify(settings)) if one.name == "slack")
    made = courier(engine, settings)
    with engine.begin() as connection:
        job = journal.claim(connection, "slack", made.holder, time.time())
    assert job is not None
    made._deliver(notifier, job, time.monotonic() - journal.LEASE_S)
    assert far.messages == []
    with db.reading(engine) as connection:
        assert connection.execute(sa.select(messages.c.delivered).where(messages.c.key == job.key)).scalar() == 0


def test_a_story_knows_what_is_news() -> None:
    """The first verdict, and one that says something else."""
    first = from_report(INCIDENT, values(), NOW)
    same = from_report(INCIDENT, values(RUN_2), NOW)
    worse = replace(same, key="verdict|x", run_id="x", told={**same.told, "severity": "P1"})
    story = Story(incident_id=INCIDENT, notices=[first, same, worse])
    assert [story.is_news(one) for one in story.verdicts] == [True, False, True]
    assert [story.is_worse(one) for one in story.verdicts] == [False, False, True]
    assert story.severity == "P1"


def test_a_page_that_joins_late_gets_the_notes_that_are_there(
    far: FarSides, settings: Settings, engine: sa.Engine, quiet: None
) -> None:
    """The platform's alert comes first, PagerDuty's page a minute later: whoever is paged wants the verdict, too."""
    told = report(INCIDENT, RUN)
    notify.archived(engine, settings, INCIDENT, RUN, HEAD, report=told)
    deliver(engine, settings)
    assert far.notes == {}
    entry = {"event": "alert", "kind": "pagerduty.incident", "id": PD, "title": "x"}
    with engine.begin() as connection:
        row = {"incident_id": INCIDENT, "position": 1, "at": datetime.now(UTC), "event": "alert"}
        connection.execute(sa.insert(events).values(**row, entry=json.dumps(entry)))
    for _ in range(2):
        notify.refresh(engine, settings, INCIDENT)
        deliver(engine, settings)
    assert len(far.notes[PD]) == 2
    assert len(far.messages) == 2


def test_a_storm_of_pages_is_taken_up_in_a_moment_and_each_incident_gets_its_notes_once(
    far: FarSides, settings: Settings, engine: sa.Engine, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the whole story once for each of thousands of pages holds up every alert that comes meanwhile."""
    notify.archived(engine, settings, INCIDENT, RUN, HEAD, report=report(INCIDENT, RUN))
    names = [f"PGR000000{n}" for n in range(3)]
    with engine.begin() as connection:
        for position in range(1, 301):
            entry = {"event": "alert", "kind": "pagerduty.incident", "id": names[position % 3], "title": "x"}
            row = {"incident_id": INCIDENT, "position": position, "at": datetime.now(UTC), "event": "alert"}
            connection.execute(sa.insert(events).values(**row, entry=json.dumps(entry)))
    read = []
    story = journal.story
    monkeypatch.setattr(journal, "story", lambda *given: (read.append(1), story(*given))[1])
    assert notify.refresh(engine, settings, INCIDENT)
    assert len(read) <= 3
    deliver(engine, settings)
    assert {name: len(far.notes[name]) for name in names} == dict.fromkeys(names, 2)


def test_a_severity_that_a_person_lowered_stays_lowered_in_messages(
    far: FarSides, settings: Settings, engine: sa.Engine, quiet: None
) -> None:
    """Only something graver than what the person overruled raises it again; the incident knows."""
    now = datetime.now(UTC)
    with engine.begin() as connection:
        incident = incidents.declare(connection, title="x", severity="P2", by="ana", now=now)
    notify.archived(engine, settings, incident, RUN, HEAD, report=report(incident, RUN, severity="P2"))
    deliver(engine, settings)
    assert "P2 ▲" in shown(far.messages[0])
    with engine.begin() as connection:
        incidents.set_severity(connection, incident, "P4", "ana", now)
    notify.verdict(engine, settings, incident, report(incident, RUN_2, severity="P2"))
    deliver(engine, settings)
    assert "P4 ▲" in shown(far.messages[0])
    worse = ids_of(1, run=3)[1]
    notify.verdict(engine, settings, incident, report(incident, worse, severity="P1"))
    deliver(engine, settings)
    assert "P1 ▲" in shown(far.messages[0]), "told before the database is"


def test_the_sandboxs_slack_limits_posts_as_slack_does(far: FarSides, settings: Settings) -> None:
    """A sender that is never refused in rehearsal is refused for the first time in a storm."""
    from slack_sdk import WebClient
    from slack_sdk.errors import SlackApiError

    client = WebClient("xoxb-x", base_url=f"{far.url}/_slack/api/", retry_handlers=[])
    with pytest.raises(SlackApiError) as caught:
        [client.chat_postMessage(channel=CHANNEL, text=str(at)) for at in range(40)]
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "1"
    for blocks, fault in (
        ([{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}], "invalid_blocks"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "invalid_blocks"),
    ):
        with pytest.raises(SlackApiError) as caught:
            client.chat_postMessage(channel=CHANNEL, text="x", blocks=blocks)
        assert caught.value.response["error"] == fault
    with pytest.raises(SlackApiError) as caught:
        client.files_upload_v2(channel="incidents", content=b"x", filename="x.png")
    assert caught.value.response["error"] == "channel_not_found", "uploads take ids only"


def test_a_token_can_stand_in_a_file(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets come from the environment or from files; both at once is a fault, and no value is shown."""
    file = tmp_path / "token"
    file.write_text("xoxb-from-a-file\n")
    monkeypatch.setenv("PITCHEY_OPS_SLACK_TOKEN_FILE", str(file))
    with pytest.raises(ConfigError, match="both set"):
        load("sandbox")
    monkeypatch.delenv("PITCHEY_OPS_SLACK_TOKEN")
    found = load("sandbox")
    assert load_notify(found).slack_token == "xoxb-from-a-file"
    assert "xoxb-from-a-file" in found.secrets()
    monkeypatch.setenv("PITCHEY_OPS_SLACK_TOKEN_FILE", str(tmp_path / "absent"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load("sandbox")
