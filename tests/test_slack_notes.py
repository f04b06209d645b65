"""What people wrote in the incident's Slack thread: taken once, without our own words and without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from archives import NOW, ids_of, put, report
from hypothesis import given
from hypothesis import strategies as st
from tiny_worlds import Sandbox, world

from pitchey_ops.clock import FixedClock
from pitchey_ops.evidence.archive import Archive
from pitchey_ops.evidence.verify import verify
from pitchey_ops.runbooks.gathering import story_of
from pitchey_ops.service import db
from pitchey_ops.service.notify.tables import messages
from pitchey_ops.service.slack_notes import TakenUp, note_of, take_up
from pitchey_ops.settings import Settings

INCIDENT, RUN = ids_of(0)
ROOT = f"{NOW.timestamp():.6f}"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = db.connect(f"sqlite:///{tmp_path / 'service.sqlite'}")
    db.create(made)
    yield made
    made.dispose()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path / "outputs")
    put(made, report(INCIDENT, RUN))
    return made


def ours(engine: sa.Engine, part: str, ref: str) -> None:
    """Note that we posted a message."""
    with engine.begin() as connection:
        connection.execute(
            sa.insert(messages).values(
                key=f"slack:{INCIDENT}:{part}", notifier="slack", incident_id=INCIDENT, part=part, rank=1, made_at=0.0,
                revision=1, delivered=1, attempts=1, unsure=False, next_at=0.0, lease_until=0.0, ref=ref,
                given_up=False,
            )
        )  # fmt: skip


class Thread:
    """Slack with one thread."""

    def __init__(self) -> None:
        self.sandbox = Sandbox(world())
        self.messages: list[dict[str, Any]] = self.sandbox.transport.app.state.sandbox.slack_messages  # type: ignore[attr-defined]
        self.say("INC: the API fails", ts=ROOT, thread=False)

    def say(self, text: Any, *, after_s: float = 0.0, ts: str = "", thread: bool = True, **more: Any) -> str:
        """Write a message and return its stamp."""
        stamp = ts or f"{NOW.timestamp() + after_s:.6f}"
        kept = {"thread_ts": ROOT} if thread else {}
        self.messages.append(
            {"type": "message", "channel": "C0INCIDENTS", "ts": stamp, "text": text, "user": "U0SAM", **kept, **more}
        )
        return stamp


def taken(archive: Archive, engine: sa.Engine, thread: Thread, **changes: Any) -> TakenUp:
    """Take the thread up."""
    settings = Settings(
        **{
            "origin": "http://sandbox",
            "slack_token": "xoxb-not-a-token",
            "slack_channel": "C0INCIDENTS",
            "archive": archive.root,
            **changes,
        }
    )
    return take_up(settings, archive, engine, INCIDENT, clock=FixedClock(NOW), transport=thread.sandbox.transport)


def notes(archive: Archive) -> list[dict[str, Any]]:
    """Entries of the incident's notes."""
    path = archive.root / INCIDENT / "notes.jsonl"
    return [json.loads(line)["entry"] for line in path.read_bytes().splitlines()] if path.exists() else []


def test_what_people_wrote_is_taken_once_and_ours_is_not(archive: Archive, engine: sa.Engine) -> None:
    """A postmortem tells what people thought and did, not what this program said."""
    thread = Thread()
    ours(engine, "root", ROOT)
    ours(engine, "verdict", thread.say("Database down", after_s=5, user="U0BOT"))
    thread.say("I rolled back at 10:03 &amp; it helps", after_s=60)
    thread.say("deploy bot says hi", after_s=70, bot_id="B0X")
    thread.say("<@U0X> has joined the thread", after_s=71, subtype="channel_join")
    thread.say("card is 4111 1111 1111 1111, token xoxb-123456789012-abcdefghijklmnopqrstuvwx", after_s=80)

    done = taken(archive, engine, thread)
    assert (done.status, done.notes) == ("taken", 2)
    first, second = notes(archive)
    assert first["text"] == "I rolled back at 10:03 & it helps"
    assert first["by"] == "Slack U0SAM"
    assert "4111" not in second["text"]
    assert "xoxb-1234" not in second["text"]
    assert taken(archive, engine, thread).notes == 0
    thread.say("and it stays well", after_s=900)
    assert taken(archive, engine, thread).notes == 1
    assert verify(archive.root).problems == ()
    story = story_of(archive.root, INCIDENT, Settings(archive=archive.root))
    assert "I rolled back at 10:03" in str(story)


def test_a_long_thread_is_read_page_by_page(archive: Archive, engine: sa.Engine) -> None:
    """Long incidents have long threads; the first page is not the thread."""
    thread = Thread()
    ours(engine, "root", ROOT)
    for n in range(450):
        thread.say(f"line {n}", after_s=1.0 + n)
    assert taken(archive, engine, thread).notes == 450
    assert [one["text"] for one in notes(archive)] == [f"line {n}" for n in range(450)]


def test_without_slack_or_thread_it_says_so_and_writes_nothing(archive: Archive, engine: sa.Engine) -> None:
    """Not configured, no thread and unavailable are three different things."""
    thread = Thread()
    assert taken(archive, engine, thread, slack_token=None).status == "not_configured"
    assert taken(archive, engine, thread).status == "no_thread"
    ours(engine, "root", "1600000000.000100")  # another channel's, or deleted there
    gone = taken(archive, engine, thread)
    assert gone.status == "unavailable"
    assert "thread_not_found" in gone.detail
    assert thread.sandbox.post("/_sandbox/breaks", {"slack": "html"}).status_code == 200
    assert taken(archive, engine, thread).status == "unavailable"
    assert notes(archive) == []


@given(
    st.dictionaries(
        st.sampled_from(["text", "ts", "user", "subtype", "bot_id", "app_id"]),
        st.one_of(st.none(), st.text(max_size=40), st.integers(), st.just(ROOT), st.lists(st.integers(), max_size=2)),
    )
)
def test_no_message_breaks_the_taking(row: dict[str, Any]) -> None:
    """Slack's messages are strangers' JSON."""
    made = note_of(row)
    if made is not None:
        assert made["text"].strip()
        at = datetime.fromtimestamp(float(made["slack_ts"]), NOW.tzinfo)
        assert at > NOW - timedelta(days=40_000)


def test_a_run_that_looks_back_goes_on_whatever_slack_does(
    archive: Archive, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread is a help to the postmortem, not a condition for it."""
    from pitchey_ops.service.slack_notes import before_run

    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(archive.root))
    ours(engine, "root", ROOT)
    dead = Settings(
        origin="http://127.0.0.1:1",
        archive=archive.root,
        slack_token="xoxb-s3cr3t",  # type: ignore[arg-type]
        slack_channel="C0INCIDENTS",
    )
    before_run(engine, dead, RUN, {"incident": INCIDENT})
    assert "was not taken up" in caplog.text
    assert "s3cr3t" not in caplog.text
    before_run(engine, dead, RUN, {"incident": "../../etc"})
    before_run(engine, dead, "RUN-unknown", {})
    assert notes(archive) == []
