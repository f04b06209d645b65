"""Looking back: times against promises, what is unknown stays unknown, everything cites the record, nothing runs."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from archives import NOW, finding, ids_of, pattern, put, report
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pitchey_ops.diagnosis.hypotheses import BY_ID
from pitchey_ops.errors import RecordError, UsageError
from pitchey_ops.evidence.archive import Archive
from pitchey_ops.evidence.recorder import BODIES, LINES
from pitchey_ops.evidence.redact import Redactor
from pitchey_ops.findings.record import days_of, record_from
from pitchey_ops.panels.charts.incident import incident_chart
from pitchey_ops.postmortem.calendar import Calendar, respond_by, review_by
from pitchey_ops.postmortem.gathered import Gathered, Line, gathered, lines_of, run_of
from pitchey_ops.postmortem.proposals import PROPOSALS
from pitchey_ops.postmortem.response import Measure, response
from pitchey_ops.postmortem.story import Look, Story, story
from pitchey_ops.reports.postmortem import NAMES, as_csv, as_markdown, issues_json, write
from pitchey_ops.runbooks.catalogue import runbook
from pitchey_ops.runbooks.context import RECORD, RunContext
from pitchey_ops.runbooks.gathering import RUNS_MOST, incident_exchanges, story_of
from pitchey_ops.runbooks.investigate import run_context
from pitchey_ops.runbooks.labels import label
from pitchey_ops.settings import load

INC, RUN = ids_of(1)
DAYS = Calendar()
ONSET = NOW - timedelta(minutes=20)
GENRES = "TypeError: pitch.genres.map is not a function"
HOSTILE = (
    "=cmd|'/c calc'!A1 \"><script>alert(1)</script> | ](javascript:x) @channel `x` \x1b[31m ``` ⟫ you made a mistake"
)


def at(minutes: float) -> datetime:
    """Return the time so many minutes after the onset."""
    return ONSET + timedelta(minutes=minutes)


def line(name: str, number: int, when: datetime, **entry: Any) -> Line:
    """Return a line of one of the incident's files."""
    return Line(at=when, entry=entry, ref=f"{name}:{number}")


def run(number: int, when: datetime, **more: Any):  # type: ignore[no-untyped-def]
    """Return a gathered run that looked at *when*."""
    found = [
        finding("kinds/code", "166 entries tell of exceptions", signals=["code_exceptions_new"], at=f"{at(1):%FT%TZ}"),
        finding("deployments/1", "pitchey-production v2 was deployed at the onset", at=f"{at(-1):%FT%TZ}",
                evidence=["cloudflare_api/deployments/x"], signals=["deployment_before_onset"]),
        finding("contradictions/api", "/api/health reports healthy, while 6% of requests fail", severity="info"),
        pattern(GENRES),
    ]  # fmt: skip
    given_ = {"findings": found if more.get("state") != "healthy" else [], "onset": ONSET, **more}
    cut = given_.pop("cut", False)
    values = report(INC, ids_of(1, run=number)[1], at=when, **given_)
    facts = {"completed": not cut, "cut_reason": "timed_out: late" if cut else ""}
    made = run_of(json.dumps({"report": values, "manifest": facts}).encode())
    assert made is not None
    return made


def lived_through(**more: Any) -> Gathered:
    """Return an incident from alert to resolution."""
    timeline = [
        line("timeline", 1, at(3), event="alert", id="a1", title=HOSTILE, alert_at=at(2).isoformat()),
        line("timeline", 2, at(8), event="acknowledged", by="ann", text="looking"),
        line("timeline", 3, at(60), event="resolved", by="ann", text="rolled back"),
    ]
    journal = [
        line("journal", 1, at(5), event="applied", action="slack update", by="ann"),
        line("journal", 2, at(30), event="applied", action="rollback", target="pitchey-production", by="ann"),
        line("journal", 3, at(35), event="verified", action="rollback", target="pitchey-production"),
    ]
    parts: dict[str, Any] = {
        "timeline": timeline,
        "journal": journal,
        "notes": [line("notes", 1, at(40), event="note", text=HOSTILE, by="bob")],
        "runs": [run(1, at(4)), run(2, at(65), state="healthy")],
        **more,
    }
    return gathered(INC, parts["runs"], {name: tuple(parts[name]) for name in ("timeline", "journal", "notes")})


def times(record: Gathered, days: Calendar = DAYS) -> dict[str, Measure]:
    """Return the times of the response by name."""
    return {one.name: one for one in response(record, days).measures}


def test_the_times_of_the_response_are_measured_against_the_promise() -> None:
    """Detection from the onset; everything else from the first report, which is the alert's own time."""
    found = times(lived_through())
    assert found["detect"].seconds == 120
    assert (found["acknowledge"].seconds, found["acknowledge"].promise_s, found["acknowledge"].kept) == (
        360,
        3600,
        True,
    )
    assert found["mitigate"].seconds == 28 * 60  # the rollback, not the message to people
    assert found["resolve"].seconds == 58 * 60
    assert found["resolve"].exact


def test_a_late_acknowledgement_misses_the_promise_of_its_severity() -> None:
    """The same six minutes are in time for P2 and a first look for P1."""
    late = [line("timeline", 1, at(2), event="alert", id="a", title="x"),
            line("timeline", 2, at(18), event="ack", by="ann")]  # fmt: skip
    found = times(lived_through(timeline=late, runs=[run(1, at(4), severity="P1")]))
    assert found["acknowledge"].kept is False
    assert found["acknowledge"].promise_s == 900


def test_a_severity_that_was_raised_counts() -> None:
    """No run may have come after it: the promise is that of the gravest severity that the incident had."""
    raised = line("timeline", 4, at(4), event="severity", severity="P1", by="ann", **{"from": "P2"})
    found = lived_through(timeline=[*lived_through().timeline, raised])
    assert response(found, DAYS).severity == "P1"
    assert times(found)["acknowledge"].promise_s == 900


def test_what_was_opened_again_is_not_called_closed() -> None:
    """It fires again after it was resolved, and no run has seen it since."""
    before = lived_through()
    fires = line("timeline", 4, at(70), event="reopened", why="the trouble fires again soon after it was resolved")
    found = lived_through(timeline=[*before.timeline, fires])
    told = response(found, DAYS)
    assert (told.resolved, told.ended) == (None, None)
    assert story(found, DAYS).watch.state == "recurred"
    assert "it was closed" not in story(found, DAYS).summary
    closed = line("timeline", 5, at(90), event="resolved", by="ann")
    assert response(lived_through(timeline=[*found.timeline, closed]), DAYS).ended == at(90)
    well = lived_through(timeline=found.timeline, runs=[*before.runs, run(3, at(99), state="healthy")])
    assert response(well, DAYS).ended == at(99)


@pytest.mark.parametrize(
    ("share", "words"), [(0.004, "0.4%"), (0.0004, "under 0.1%"), (0.996, "99.6%"), (0.06, "6.0%")]
)
def test_few_is_not_called_none_and_nearly_all_not_all(share: float, words: str) -> None:
    """A summary of an incident in which 0 % of requests failed would be believed by nobody, and is not true."""
    seen = run(1, at(4))
    seen.report["verdict"]["impact"]["requests_failing_share"] = share
    seen.report["verdict"]["confidence"] = 0.997
    draft = story(lived_through(runs=[seen]), DAYS)
    assert f"at worst {words} of requests failed" in draft.summary
    assert any("99.7% likely" in claim.text for claim in draft.contributing)


def test_what_the_record_does_not_tell_is_unknown_and_never_zero() -> None:
    """An unmeasured time that reads as zero would look like the best response ever."""
    found = times(lived_through(timeline=[], journal=[], runs=[run(1, at(4))]))
    assert all(one.seconds is None and one.why for one in found.values())
    draft = story(lived_through(timeline=[], journal=[], runs=[]), DAYS)
    assert draft.impact.failing_share is None
    assert draft.impact.users is None
    assert {"users affected: no run could tell"} <= set(draft.unknown)
    assert "No readable run" in draft.summary


def test_an_end_that_only_a_run_saw_is_an_upper_bound() -> None:
    """Nobody closed it: it was over at some time before that look."""
    found = times(lived_through(timeline=[line("timeline", 1, at(2), event="alert", id="a", title="x")]))
    assert found["resolve"].seconds == 63 * 60
    assert not found["resolve"].exact


@pytest.mark.parametrize(
    ("since", "zone", "holidays", "due"),
    [
        ("2026-11-23T10:00:00+00:00", "UTC", (), "2026-11-24T18:00:00+00:00"),
        ("2026-11-27T10:00:00+00:00", "UTC", (), "2026-11-30T18:00:00+00:00"),  # Friday: Monday
        ("2026-11-28T10:00:00+00:00", "UTC", (), "2026-11-30T18:00:00+00:00"),  # Saturday: Monday
        ("2026-11-27T10:00:00+00:00", "UTC", (date(2026, 11, 30),), "2026-12-01T18:00:00+00:00"),
        ("2026-11-23T23:30:00+00:00", "Asia/Tokyo", (), "2026-11-25T09:00:00+00:00"),  # Tuesday there already
        ("2026-03-27T10:00:00+00:00", "Europe/Berlin", (), "2026-03-30T16:00:00+00:00"),  # summer time since Sunday
    ],
)
def test_p4_is_due_at_the_end_of_the_next_business_day_where_people_work(
    since: str, zone: str, holidays: tuple[date, ...], due: str
) -> None:
    """Weekends, holidays, other time zones and the change of clocks are where such code goes wrong."""
    days = Calendar(zone=ZoneInfo(zone), start=time(9), end=time(18), holidays=holidays)
    assert respond_by("P4", datetime.fromisoformat(since), days) == datetime.fromisoformat(due)


def test_review_meetings_are_due_as_pagerduty_says() -> None:
    """Three calendar days for the gravest, five business days for the next, none for others."""
    friday = datetime(2026, 11, 27, 12, tzinfo=UTC)
    first, second = review_by("P1", friday, DAYS), review_by("P2", friday, DAYS)
    assert (first, second) == (datetime(2026, 11, 30, 18, tzinfo=UTC), datetime(2026, 12, 4, 18, tzinfo=UTC))
    assert review_by("P3", friday, DAYS) is None


def test_a_calendar_without_any_business_day_still_gives_an_answer() -> None:
    """A slip in the settings must not hang a run."""
    assert respond_by("P4", NOW, Calendar(days=())) == datetime(2026, 11, 30, 18, tzinfo=UTC)


def test_the_surest_run_is_believed_and_another_cause_is_told() -> None:
    """Later is not better: a look at calm logs after the fact knows less."""
    sure, unsure = run(1, at(4)), run(2, at(30), cause="database_down")
    unsure.report["verdict"]["confidence"] = 0.55  # type: ignore[index]
    draft = story(lived_through(runs=[unsure, sure]), DAYS)
    assert draft.title == "A deployment broke it"
    assert any("Another run named instead" in claim.text for claim in draft.contributing)


@pytest.mark.parametrize(
    ("timeline", "runs", "now", "state"),
    [
        ("kept", "kept", None, "so far"),
        ("kept", "kept", Look(at=at(95), state="healthy"), "quiet"),
        ("kept", "kept", Look(at=at(95), state="incident", cause="database_down"), "recurred"),
        ("kept", [run(1, at(4))], Look(at=at(95), state="inconclusive", why="edge unseen"), "unknown"),
        ([], [run(1, at(4))], Look(at=at(9), state="incident"), "going on"),
        ([], [run(1, at(4))], None, "unknown"),
        ("kept", [run(1, at(4)), run(3, at(70))], None, "recurred"),
    ],
)
def test_quiet_is_only_said_where_somebody_looked_and_saw(
    timeline: Any, runs: Any, now: Look | None, state: str
) -> None:
    """A false all-clear after an incident is the worst one."""
    changes = {name: value for name, value in (("timeline", timeline), ("runs", runs)) if value != "kept"}
    assert story(lived_through(**changes), DAYS, now=now).watch.state == state


def cited(draft: Story) -> set[str]:
    """Return everything that the draft cites."""
    claims = [*draft.contributing, *draft.resolution, draft.detection, *draft.helped, *draft.hindered, *draft.lucky]
    claims += [] if draft.trigger is None else [draft.trigger]
    refs = {ref for one in [*claims, *draft.items, draft.watch, draft.impact] for ref in one.refs}
    return refs | {event.ref for event in draft.response.events} | {r for m in draft.response.measures for r in m.refs}


def test_every_claim_and_action_item_cites_what_is_on_record() -> None:
    """A proposal that nobody can trace is an opinion."""
    unseen = [{"name": "sentry", "status": "blind", "detail": ""}]
    record = lived_through(runs=[run(1, at(9), sources=unseen), run(2, at(40), cut=True, cause=None)])
    draft = story(record, DAYS)
    known = {one.run for one in record.runs}
    known |= {one.ref(f["id"]) for one in record.runs for f in one.findings}
    known |= {one.ref("onset/overall") for one in record.runs}
    known |= {one.ref for one in (*record.timeline, *record.journal, *record.notes)}
    assert cited(draft) <= known
    assert all(item.refs for item in draft.items)
    assert {"prevent", "detect", "mitigate", "process"} == {item.kind for item in draft.items}
    assert any("sentry was blind" in claim.text for claim in draft.hindered)
    assert len({item.id for item in draft.items}) == len(draft.items)


def test_every_cause_has_proposals() -> None:
    """A cause that is new to the diagnosis must not end without any."""
    assert set(PROPOSALS) == set(BY_ID) - {"none"}


def test_luck_is_told_where_nothing_of_ours_made_the_difference() -> None:
    """What went well by chance goes wrong the next time."""
    sunday = [run(1, at(4))]
    quiet = lived_through(timeline=[], journal=[], runs=[run(1, at(4)), run(2, at(65), state="healthy")])
    told = " ".join(claim.text for claim in story(quiet, DAYS).lucky)
    assert "ended without an action on record" in told
    closed = replace(DAYS, days=())
    assert "outside business hours" in " ".join(c.text for c in story(lived_through(runs=sunday), closed).lucky)
    assert "outside business hours" not in " ".join(c.text for c in story(lived_through(), DAYS).lucky)


BLAME = re.compile(
    r"\b(blame|fault of|mistake|careless|negligen|human error|should have|failed to|guilty|root cause)", re.I
)


def test_its_own_words_blame_nobody() -> None:
    """Who is blamed stops telling; names stand only where somebody did or wrote something."""
    draft = story(
        lived_through(timeline=[line("timeline", 1, at(50), event="alert", id="a", title="x")], notes=[]), DAYS
    )
    words = as_markdown(draft) + issues_json(draft) + str(PROPOSALS)
    assert BLAME.search(words) is None
    assert "ann" not in " ".join(c.text for c in (*draft.contributing, *draft.hindered, *draft.lucky))
    assert "ann" not in " ".join(f"{item.title} {item.why}" for item in draft.items)


def outside_code(markdown: str) -> str:
    """Return *markdown* without fenced blocks and code spans."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^(`{3,}).*?^\1$", "", markdown, flags=re.S | re.M))


def test_what_strangers_wrote_does_nothing_in_any_of_the_files() -> None:
    """Drafts are pasted into GitHub, wikis, spreadsheets and assistants."""
    draft = story(lived_through(), DAYS)
    text = as_markdown(draft)
    shown = outside_code(text)
    assert "<script" not in shown
    assert "\x1b" not in text
    assert not re.search(r"(?<!\\)\]\(", shown)
    assert "@channel" not in shown
    assert "⟪" in text
    assert "untrusted" in text
    heads = [row.count(" | ") for row in text.splitlines() if row.startswith("| ")]
    assert all(count <= 6 for count in heads)
    for row in csv.reader(io.StringIO(as_csv(draft), newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
        assert len(row) == 10
    drafts = json.loads(issues_json(draft))
    assert all(one["title"] and one["body"] and len(one["title"]) < 256 and one["labels"] for one in drafts)
    assert "@channel" not in json.dumps([outside_code(one["body"]) + one["title"] for one in drafts])


def test_the_templates_fields_are_there_and_unknown_ones_are_open() -> None:
    """The SRE book's and PagerDuty's, so that nobody has to fill in another form."""
    text = as_markdown(story(lived_through(), DAYS))
    for part in ("Owner", "Status | Draft", "Review meeting", "Recording", "## Summary", "## Impact",
                 "## What happened", "## Contributing factors", "## Detection", "## Resolution", "What helped",
                 "What hindered",
                 "Where luck came in", "## Action items", "## Responders", "## Timeline", "## Messaging",
                 "## Supporting information"):  # fmt: skip
        assert part in text, part
    assert "| Support tickets | _to be filled in_ |" in text


def test_files_of_people_are_never_written_over(tmp_path: Path) -> None:
    """Somebody may have completed the draft already."""
    draft = story(lived_through(), DAYS)
    assert [path.name for path in write(draft, tmp_path / "out")] == list(NAMES)
    (tmp_path / "out" / NAMES[0]).write_text("ours")
    with pytest.raises(RecordError, match="exist already"):
        write(draft, tmp_path / "out")
    assert (tmp_path / "out" / NAMES[0]).read_text() == "ours"


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["event", "id", "at", "title", "action", "impact", "severity", "for", "signals", "claim"])
            | st.text(max_size=4), inner, max_size=5,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    part=st.sampled_from(["incident", "verdict", "findings", "hypotheses", "sources", "suspects", "run"]),
    value=_JSON,
    entry=st.dictionaries(st.sampled_from(["event", "action", "by", "text", "target", "severity"]), _JSON, max_size=5),
)
def test_a_damaged_record_costs_only_itself(part: str, value: Any, entry: dict[str, Any]) -> None:
    """An archive a year old, or tampered with, must still give a draft."""
    values = report(INC, RUN, at=at(9))
    values[part] = {**values[part], **value} if isinstance(value, dict) and isinstance(values[part], dict) else value
    damaged = run_of(json.dumps({"report": values, "manifest": {}}).encode())
    raw = json.dumps({"at": at(5).isoformat(), "entry": entry}).encode()
    runs = [run(1, at(4)), *([damaged] if damaged is not None else [])]
    lines = {name: lines_of(name, raw + b"\n{]\n" + raw) for name in ("timeline", "journal", "notes")}
    draft = story(gathered(INC, runs, lines), DAYS)
    assert as_markdown(draft).startswith("# Postmortem")
    assert isinstance(json.loads(issues_json(draft)), list)
    assert as_csv(draft)


def test_the_picture_holds_the_whole_incident_and_needs_no_event() -> None:
    """One look tells when it hurt, who was told and what was done."""
    png = incident_chart(story(lived_through(), DAYS))
    assert png is not None
    assert png.startswith(b"\x89PNG")
    assert incident_chart(story(gathered(INC, [], {}), DAYS)) is None


# ── from the archive, and again from the run's own record ────────────────────────────────────────────────────────


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """An archive with one incident that somebody lived through, and a label."""
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(tmp_path / "outputs"))
    monkeypatch.delenv("PITCHEY_OPS_ORIGIN", raising=False)
    made = Archive(tmp_path / "outputs")
    put(made, dict(run(1, at(4)).report))
    made.append(INC, "timeline", {"event": "alert", "id": "a", "title": HOSTILE, "alert_at": at(2).isoformat()}, at(3))
    label(made, ids_of(1, run=1)[1], cause="schema_drift", onset=None, by="truth", at=NOW)
    made.append(INC, "notes", {"event": "note", "text": "after the label", "by": "ann"}, at(40))
    return made


def test_labels_are_never_gathered_and_other_lines_keep_their_places(archive: Archive) -> None:
    """A run that read the truth could not be scored by it."""
    draft = story_of(archive.root, INC, load("sandbox"))
    assert [one.ref for one in draft.record.notes] == ["notes:2"]
    assert "schema" not in as_markdown(draft)
    assert "truth" not in draft.responders


def test_of_too_many_runs_the_first_and_the_newest_are_gathered_and_the_rest_counted(archive: Archive) -> None:
    """An incident with a thousand follow-ups must not take all of a run's time."""
    for number in range(RUNS_MOST + 5):
        folder = archive.root / INC / f"RUN-20261124-{10 + number // 60:02}{number % 60:02}00-aaaa"
        folder.mkdir()
    pieces = list(incident_exchanges(archive.root, INC, at=NOW, redactor=Redactor(())))
    reports = [piece.key for piece in pieces if piece.key.startswith("archive/report/")]
    assert len(reports) == RUNS_MOST
    assert reports[0].endswith(ids_of(1, run=1)[1])
    draft = story_of(archive.root, INC, load("sandbox"))
    assert draft.record.left_out == 6
    assert len(draft.record.unreadable) == RUNS_MOST - 1


def _context(folder: Path, case: Path, mode: Any = "live") -> RunContext:
    return RunContext(
        run_id=ids_of(2)[1], incident_id=INC, runbook="post_incident", folder=folder, started=NOW, budget_s=30,
        environment="sandbox", case=case, mode=mode,
    )  # fmt: skip


def test_a_look_back_replays_to_the_byte_though_the_archive_went_on(archive: Archive, tmp_path: Path) -> None:
    """What was gathered is part of the record: the archive of the day after must not change it."""
    case = tmp_path / "case"
    case.mkdir()
    rows = [{"timestamp": round(at(minute).timestamp() * 1000), "level": "info", "service": "pitch", "message": "ok",
             "statusCode": 200} for minute in range(20)]  # fmt: skip
    (case / "logs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    live = run_context(_context(tmp_path / "live", case), runbook("post_incident"), load("sandbox"), {"incident": ""})
    found = {one.id: one for one in live.analysis.findings}
    assert found["record/gathered"].data["runs"] == 1
    assert found["record/detect"].data["seconds"] == pytest.approx(120)
    assert all(
        not one.signals and one.severity.word == "info" for key, one in found.items() if key.startswith("record/")
    )
    panels = [live.step(step) for step in ("post.collect", "post.timeline", "post.root-cause", "post.action-items")]
    assert not any(panel.empty for panel in panels)
    live.save()
    archive.append(INC, "notes", {"event": "note", "text": "of the day after"}, NOW)
    again = tmp_path / "again"
    (again / RECORD).mkdir(parents=True)
    for name in (LINES, BODIES):
        if (tmp_path / "live" / name).exists():
            (tmp_path / "live" / name).rename(again / RECORD / name)
    replayed = run_context(_context(again, case, "replay"), runbook("post_incident"), load("sandbox"), {"incident": ""})
    for step in ("post.collect", "post.timeline", "post.root-cause", "post.action-items"):
        replayed.step(step)
    replayed.save()
    assert (again / "report.json").read_bytes() == (tmp_path / "live" / "report.json").read_bytes()


def test_without_archived_runs_the_steps_say_so(archive: Archive, tmp_path: Path) -> None:
    """A look back at the wrong incident must not look like a quiet one."""
    record = record_from([])
    assert story(record, days_of(load("sandbox"))).watch.state == "unknown"
    case = tmp_path / "case"
    case.mkdir()
    (case / "logs.jsonl").write_text(json.dumps({"timestamp": round(NOW.timestamp() * 1000), "message": "x"}))
    context = replace(_context(tmp_path / "live", case), incident_id="INC-20200101-000000-aaaa")
    made = run_context(context, runbook("post_incident"), load("sandbox"), {})
    assert "record" in {item.rule for item in made.analysis.not_checked}
    assert made.step("post.timeline").empty
    with pytest.raises(UsageError, match="no id such as"):
        run_context(
            replace(context, folder=tmp_path / "b"),
            runbook("post_incident"),
            load("sandbox"),
            {"incident": "../../etc"},
        )
