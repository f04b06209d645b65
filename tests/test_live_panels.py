"""Panels that answer back, without a browser: what they ask, show, record, and leave in the saved file."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from threading import Event
from typing import Any

import polars as pl
import pytest
from hostile import HOSTILE

from pitchey_ops.actions.models import Blast, Change, Plan, Request, Verification
from pitchey_ops.drills.play import ask_world, drill_settings
from pitchey_ops.errors import RecordError, UsageError
from pitchey_ops.findings.case import Case
from pitchey_ops.frames import LOGS, SPANS
from pitchey_ops.panels.base import Column, Panel, Table
from pitchey_ops.panels.live import kit
from pitchey_ops.panels.live.actions import NOT_SENT, ActionCard, Choice, Done
from pitchey_ops.panels.live.answering import AS_RUN, BEFORE, Answering, baseline_of
from pitchey_ops.panels.live.bar import Bar
from pitchey_ops.panels.live.desk import Ask, Told
from pitchey_ops.panels.live.entries import PAGE, Entries
from pitchey_ops.panels.live.explorer import Explorer
from pitchey_ops.panels.live.handin import HandIn
from pitchey_ops.panels.live.narrow import narrow, routes, services
from pitchey_ops.panels.live.people import DONE, Checklist, Notes, state_of
from pitchey_ops.panels.live.standing import Standing, bar_html, clock_words
from pitchey_ops.panels.steps import step_panel
from pitchey_ops.panels.view import View
from pitchey_ops.runbooks.analyse import analyse
from pitchey_ops.runbooks.catalogue import runbook
from pitchey_ops.runbooks.context import RunContext
from pitchey_ops.sandbox.generate import build

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class FakeDesk:
    """A desk whose questions are answered from memory, at once; it remembers what it was told."""

    def __init__(self, view: View | None = None) -> None:
        self.view = view
        self.asked: list[Ask] = []
        self.record: list[tuple[str, dict[str, Any]]] = []
        self.twins: dict[str, tuple[str, str]] = {}
        self.panels: list[Panel] = []
        self.written: list[tuple[datetime, Mapping[str, Any]]] = []
        self.fails: Exception | None = None
        self.looks_most = 3
        self.stop_at: Callable[[], None] | None = None
        self._waits = 0

    def now(self) -> datetime:
        return NOON

    def look(self, ask: Ask, told: Told, *, fresh: bool = False, step: str = "", beside: tuple[str, ...] = ()) -> View:
        self.asked.append(ask)
        told(1, "logs/service/pitch")
        if self.fails is not None:
            raise self.fails
        assert self.view is not None
        return narrow(self.view, ask)

    def did(self, what: str, **facts: Any) -> None:
        self.record.append((what, facts))

    def seen(self, panel: Panel) -> None:
        self.panels.append(panel)

    def keep(self, model: str, html: Any, text: str) -> None:
        self.twins[model] = (str(html), text)

    def background(self, work: Callable[[], None]) -> None:
        work()

    def wait(self, stop: Event, seconds: float) -> bool:
        self._waits += 1
        if self._waits >= self.looks_most and self.stop_at is not None:
            self.stop_at()
        return stop.is_set()

    def note(self, text: str) -> None:
        self.written.append((NOON, {"event": "note", "text": text, "by": "ada"}))

    def mark(self, event: str, **facts: Any) -> None:
        self.written.append((NOON, {"event": event, "by": "ada", **facts}))

    def lines(self) -> list[tuple[datetime, Mapping[str, Any]]]:
        return self.written

    def who(self) -> str:
        return "ada"

    def twin(self, live: kit.Live) -> str:
        return self.twins[live.box.model_id][0]


@pytest.fixture(scope="module")
def view() -> View:
    """One investigation of a bad deployment, as panels see it."""
    settings = drill_settings()
    world = build("bad_deployment", seed=0, now_ms=round(NOON.timestamp() * 1000), entries=20_000)
    answers = ask_world(world, runbooks=["outage"], settings=settings)
    case = Case(
        window=answers.window,
        now=answers.asked.now,
        frames=answers.asked.frames,
        observations=answers.asked.observations,
        settings=settings,
    )
    book = runbook("outage")
    context = RunContext(
        run_id="RUN-20261123-120000-abcd",
        incident_id="INC-20261123-120000-abcd",
        runbook="outage",
        folder=None,  # type: ignore[arg-type]
        started=NOON,
        budget_s=60,
        environment="sandbox",
    )
    return View(
        context=context, runbook=book, settings=settings, case=case, analysis=analyse(case, book), parameters={}
    )


def _answering(desk: FakeDesk, view: View, step: str = "outage.error-patterns", **more: Any) -> Answering:
    return Answering(desk, view, lambda one: step_panel(one, step), step=step, **more)


def test_a_change_of_window_asks_again_and_redraws(view: View):
    """The panel's own question is asked for the chosen window, and the record says what was seen."""
    desk = FakeDesk(view)
    panel = _answering(desk, view)

    panel.window.value = "15m"

    assert desk.asked == [Ask(window="15m")]
    assert desk.record[-1][0] == "asked"
    assert desk.record[-1][1]["saw"] == panel.panel.title
    assert desk.panels == [panel.panel]
    assert "window 15m" in panel.status.value


def test_a_service_narrows_what_is_drawn_and_says_what_it_cannot_narrow(view: View):
    """Cloudflare knows no services: its figures must not stand under a service's name."""
    desk = FakeDesk(view)
    panel = _answering(desk, view)
    name = services(view)[0]

    panel.service.value = name

    shown = desk.look(panel.ask, lambda count, key: None)
    assert shown.case.frames.logs.get_column("service").unique().to_list() == [name]
    assert shown.case.frames.edge.is_empty()
    assert "Cloudflare" in panel.status.value


def test_a_route_is_chosen_among_those_that_were_seen(view: View):
    """A choice that names what nobody saw would answer about nothing."""
    busiest = routes(view)[0]

    found = narrow(view, Ask(route=busiest))

    assert set(found.case.frames.edge.get_column("route")) == {busiest}
    assert not found.case.frames.edge.is_empty()


def test_a_panel_that_does_not_hang_on_the_choice_says_so(view: View):
    """An unchanged answer after a click looks like a click that was lost."""
    desk = FakeDesk(view)
    panel = _answering(desk, view, step="outage.cloudflare-status")

    panel.service.value = services(view)[0]

    assert "same as before" in panel.status.value


def test_a_failed_question_is_told_in_words_and_leaves_the_old_answer(view: View):
    """A traceback helps nobody at 3 am, and an empty panel would look calm."""
    desk = FakeDesk(view)
    panel = _answering(desk, view)
    before = panel.picture.value
    desk.fails = UsageError("window '15x': it is neither a span nor START/END.")

    panel.window.value = "15m"

    assert "neither a span" in panel.status.value
    assert 'role="alert"' in panel.status.value
    assert panel.picture.value == before
    assert "neither a span" in desk.record[-1][1]["failed"]


def test_a_bug_of_ours_is_called_one_and_hides_its_inside(view: View):
    """Another panel's answer still counts; what failed must not look like news about the platform."""
    desk = FakeDesk(view)
    panel = _answering(desk, view)
    desk.fails = ZeroDivisionError("secret-token")

    panel.window.value = "15m"

    assert "This panel failed (ZeroDivisionError)" in panel.status.value
    assert "secret-token" not in panel.status.value


def test_comparing_shows_figures_of_both_windows(view: View):
    """Whether 6 % is much is told by the time before."""
    desk = FakeDesk(view)
    panel = _answering(desk, view, step="outage.error-patterns")

    panel.baseline.value = BEFORE

    assert len(desk.asked) == 2
    start, end = desk.asked[1].window.split("/")
    assert datetime.fromisoformat(end) <= view.analysis.verdict.onset  # type: ignore[operator]
    assert panel.compared is not None
    assert {row[0] for row in panel.compared.table.rows} >= {"failing share", "requests a minute"}  # type: ignore[union-attr]
    assert "just before the onset" in panel.beside.value
    assert datetime.fromisoformat(start) < datetime.fromisoformat(end)


def test_a_baseline_is_as_long_as_what_is_compared(view: View):
    """A day's figures beside an hour's would differ by themselves."""
    text, _ = baseline_of(view, "a day earlier")
    start, end = (datetime.fromisoformat(part) for part in text.split("/"))

    assert end - start == view.case.window.duration
    assert view.case.window.start - start == timedelta(days=1)


def test_a_live_view_looks_until_it_is_stopped(view: View):
    """It asks for a window that ends now each time, says its course, and stops on a click."""
    desk = FakeDesk(view)
    panel = _answering(desk, view, every_s=0.01)
    desk.stop_at = lambda: panel.stop.click()

    panel.watch.click()

    assert len(desk.asked) == 3
    assert all(one.window == "60m" for one in desk.asked)
    assert [what for what, _ in desk.record] == ["watch started", "look", "look", "look", "watch ended"]
    assert "stopped" in panel.status.value
    assert panel.stop.layout.display == "none"
    assert panel.watch.layout.display == ""


def test_a_live_view_ends_by_itself(view: View, monkeypatch: pytest.MonkeyPatch):
    """A forgotten tab must not ask the platform for ever."""
    monkeypatch.setattr("pitchey_ops.panels.live.answering.LOOKS_MOST", 4)
    desk = FakeDesk(view)
    panel = _answering(desk, view, every_s=0.01)

    panel.watch.click()

    assert len(desk.asked) == 4
    assert "ended by itself" in panel.status.value


def test_the_newest_choice_wins(view: View):
    """Two quick changes: the slow answer to the first must not overwrite the second's."""
    desk = FakeDesk(view)
    late: list[Callable[[], None]] = []
    desk.background = late.append  # type: ignore[method-assign, assignment]
    panel = _answering(desk, view)

    panel.window.value = "15m"
    panel.window.value = "30m"
    late[1]()
    late[0]()

    assert "window 30m" in panel.status.value


def test_every_live_panel_has_a_static_twin_of_what_was_seen_last(view: View):
    """A widget without its kernel shows nothing; the saved file must hold the last answer."""
    desk = FakeDesk(view)
    panel = _answering(desk, view)
    bundle = panel.live._repr_mimebundle_()
    first = desk.twin(panel.live)

    panel.window.value = "15m"

    assert set(bundle) == {kit.VIEW_MIME, "text/html", "text/plain"}
    assert bundle["text/html"] == first
    assert panel.panel.title in bundle["text/plain"]
    assert "window 15m" in desk.twin(panel.live)
    assert "controls are dead" in desk.twin(panel.live)
    assert "<script" not in desk.twin(panel.live)


OURS = {
    "section", "h3", "h4", "p", "strong", "pre", "details", "summary",
    "dl", "dt", "dd", "code", "div", "table", "caption", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


class Reader(HTMLParser):
    """Fails at every element and attribute that is not ours."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in OURS, tag
        assert {name for name, _ in attrs} <= {"style", "tabindex", "scope", "role"}, attrs


@pytest.mark.parametrize("name", HOSTILE)
def test_no_log_line_becomes_markup(name: str):
    """ipywidgets' HTML is not sanitized by JupyterLab: whatever stands in it was escaped by us."""
    whole = HOSTILE[name][:20_000].encode("utf-8", "replace").decode()
    texts = dict.fromkeys(("service", "message", "trace_id", "url", "stack", "user_agent", "component"), whole)
    row = dict.fromkeys(LOGS) | texts | {"at": NOON - timedelta(minutes=1), "level": "error", "id": "1"}
    frame = pl.DataFrame([row], schema=LOGS)
    explorer = Explorer(
        FakeDesk(), Entries(frame, pl.DataFrame(schema=SPANS), NOON - timedelta(hours=1)), step="outage.error-patterns"
    )

    explorer.start()
    explorer.patterns.index = 0
    explorer.entries.index = 0

    for content in (explorer.entry.value, explorer.trace.value):
        Reader().feed(content)
        assert not CONTROL.search(content)
    labels = [
        label for choice in (explorer.patterns, explorer.entries, explorer.service) for label, _ in choice.options
    ]
    assert not any(CONTROL.search(label) or "\n" in label for label in labels)


def _entries(count: int) -> pl.DataFrame:
    first = NOON - timedelta(milliseconds=10 * (count - 1))
    at = pl.datetime_range(first, NOON, interval="10ms", eager=True, time_unit="ms", time_zone="UTC")
    number = pl.int_range(count, eager=True)
    frame = pl.DataFrame({"at": at, "n": number}).with_columns(
        service=pl.concat_str(pl.lit("service-"), (pl.col("n") % 12).cast(pl.String)),
        level=pl.when(pl.col("n") % 3 == 0).then(pl.lit("error")).otherwise(pl.lit("info")),
        message=pl.concat_str(
            pl.lit("request "), pl.col("n").cast(pl.String), pl.lit(" failed: "),
            pl.lit("kind") + (pl.col("n") % 40).cast(pl.String), pl.lit(" upstream timeout"),
        ),
        trace_id=pl.concat_str(pl.lit("trace-"), (pl.col("n") // 3).cast(pl.String)),
    )  # fmt: skip
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in LOGS.items() if name not in frame.columns]
    return frame.with_columns(missing).select(list(LOGS))


def test_two_hundred_thousand_entries_are_explored_without_waiting():
    """From pattern to entries to trace; each step after the first grouping answers at once, by a generous limit."""
    entries = Entries(_entries(200_000), pl.DataFrame(schema=SPANS), NOON - timedelta(hours=2))
    began = time.monotonic()
    patterns = entries.patterns()
    grouped_s = time.monotonic() - began
    began = time.monotonic()
    found = entries.page(patterns.get_column("pattern_id")[0])
    trace, by_id = entries.trace(found.rows[1])
    again = entries.patterns(service="service-0", text="timeout")
    steps_s = time.monotonic() - began

    assert patterns.get_column("count").sum() <= 200_000 // 3 + 1
    assert len(found.rows) == min(PAGE, found.total)
    assert by_id
    assert trace.height == 3
    assert again.height
    assert grouped_s < 30
    assert steps_s < 5


def test_an_entry_without_a_trace_shows_its_neighbours_and_says_so():
    """Neighbours in time are not proven to belong together."""
    frame = _entries(300).with_columns(trace_id=pl.lit(None, dtype=pl.String))
    entries = Entries(frame, pl.DataFrame(schema=SPANS), NOON - timedelta(hours=1))
    row = entries.page(entries.patterns().get_column("pattern_id")[0]).rows[0]

    found, by_id = entries.trace(row)

    assert not by_id
    assert set(found.get_column("service")) == {row["service"]}


def test_the_explorer_goes_from_pattern_to_entry_to_trace_and_into_the_twin(view: View):
    """What a person dug out is part of what they saw, so the saved file and the record hold it."""
    desk = FakeDesk(view)
    changed: list[int] = []
    entries = Entries(view.case.frames.logs, view.case.frames.spans, view.case.window.start)
    explorer = Explorer(desk, entries, step="outage.error-patterns", changed=lambda: changed.append(1))

    explorer.open.click()
    explorer.patterns.index = 0
    explorer.entries.index = 0

    assert explorer.trace_panel is not None
    assert explorer.trace_panel.title in explorer.twin()[1]
    assert changed == [1]
    assert [what for what, _ in desk.record] == ["explored", "chose a pattern", "looked at an entry"]
    explorer.text.value = "no entry holds this text"
    assert explorer.patterns.options == ()
    assert "No entry" in explorer.place.value


def test_asking_again_keeps_the_explorer_open_with_its_choices(view: View):
    """A new window must not close what somebody is reading, nor lose a click on it."""
    desk = FakeDesk(view)
    logs, spans, start = view.case.frames.logs, view.case.frames.spans, view.case.window.start
    panel = _answering(desk, view, entries=lambda one: Entries(logs, spans, start))
    assert panel.explorer is not None
    panel.explorer.open.click()
    panel.explorer.level.value = "every level"
    service = panel.explorer.service.options[1][1]
    panel.explorer.service.value = service
    box = panel.explorer.box

    panel.window.value = "15m"

    assert panel.explorer.box is box
    assert panel.explorer.inside.layout.display == ""
    assert panel.explorer.level.value == "every level"
    assert panel.explorer.service.value == service
    assert panel.explorer.patterns.options


def _standing(**more: Any) -> Standing:
    values: dict[str, Any] = {
        "incident": "INC-20261123-120000-abcd", "environment": "production", "severity": "P1", "state": "incident",
        "since": NOON - timedelta(minutes=5), "onset": NOON - timedelta(minutes=9), "summary": "A deployment broke it",
    }  # fmt: skip
    return Standing(**{**values, **more})


def test_the_clock_runs_down_and_then_says_overdue():
    """15 minutes for a P1 (written runbook, response times)."""
    assert "10 min 00 s left" in clock_words(_standing(), NOON)
    assert "OVERDUE by 5 min 00 s" in clock_words(_standing(), NOON + timedelta(minutes=15))
    assert "no clock runs" in clock_words(_standing(since=None), NOON)
    taken = _standing(acknowledged=(NOON - timedelta(minutes=1), "ada"))
    assert clock_words(taken, NOON) == "acknowledged by ada after 4 min 00 s; promise of 15 min kept"


def test_the_bar_escapes_what_strangers_wrote_and_links_only_to_addresses():
    """An alert's title comes from outside."""
    standing = _standing(
        alerts=("<img src=x onerror=alert(1)>",),
        summary="<b>bold</b>",
        links=(("bad", "javascript:alert(1)"), ("dashboard", "https://dash.example/x?a=1&b=2")),
    )

    content = str(bar_html(standing, NOON))

    assert "<img" not in content
    assert "<b>" not in content
    assert "javascript:" not in content
    assert 'href="https://dash.example/x?a=1&amp;b=2"' in content


def test_one_click_acknowledges_and_a_failure_gives_the_button_back():
    """The promise is kept by one click; a click that failed must not look like one that worked."""
    desk = FakeDesk()
    taken: list[tuple[datetime, str]] = []
    tries: list[int] = []

    def acknowledge() -> list[str]:
        tries.append(1)
        if len(tries) == 1:
            raise UsageError("the disk is full; nothing was written")
        taken.append((NOON, "ada"))
        return ["record: by ada", "<slack>: not done"]

    bar = Bar(desk, lambda: _standing(acknowledged=taken[0] if taken else None), acknowledge, tick_s=0)
    bar.ack.click()
    assert "disk is full" in bar.status.value
    assert not bar.ack.disabled
    bar.ack.click()

    assert bar.ack.disabled
    assert bar.ack.description == "Acknowledged"
    assert "&lt;slack&gt;" in bar.status.value
    assert "acknowledged by ada" in desk.twin(bar.live)


def test_a_double_click_acknowledges_once():
    """Slack and PagerDuty are told once, however impatient one is."""
    desk = FakeDesk()
    waiting: list[Callable[[], None]] = []
    desk.background = waiting.append  # type: ignore[method-assign]
    tries: list[int] = []
    bar = Bar(desk, _standing, lambda: [str(tries.append(1))], tick_s=0)  # type: ignore[func-returns-value]
    bar.ack.click()
    bar.ack.click()
    for work in waiting:
        work()

    assert len(tries) == 1


def test_a_note_is_written_once_and_shown_with_time_and_name():
    """A person's words belong to the incident's timeline; an empty note is refused."""
    desk = FakeDesk()
    notes = Notes(desk)

    notes.write.click()
    assert desk.written == []
    notes.text.value = "Rolled back <script>"
    notes.write.click()

    assert [row["text"] for _, row in desk.written] == ["Rolled back <script>"]
    assert "12:00:00 UTC" in notes.list.value
    assert "ada" in notes.list.value
    assert "<script>" not in notes.list.value
    assert notes.text.value == ""


def test_a_checklist_knows_what_is_done_whoever_did_it():
    """Two responders share an incident: what one did is done for both, until somebody opens it again."""
    desk = FakeDesk()
    static = Panel(id="checklist", question="q", title="t", sentence="s.")
    one = Checklist(desk, static, step="outage.cf-dashboard")
    one.comment.value = "CPU is flat"
    one.done.click()
    other = Checklist(desk, static, step="outage.cf-dashboard")

    assert "☑ done at 12:00:00 UTC" in other.status.value
    assert "CPU is flat" in other.status.value
    assert other.done.layout.display == "none"
    assert "☑" in desk.twin(one.live)
    other.open.click()
    assert state_of(desk.lines(), "outage.cf-dashboard") is None
    assert desk.written[0][1]["event"] == DONE


PLAN = Plan(
    action="rollback",
    step="outage.rollback",
    title="Roll pitchey-production back to v1 <script>",
    target="pitchey-production",
    environment="production",
    incident="INC-20261123-120000-abcd",
    severity="P1",
    planned_at=NOON,
    changes=(
        Change(
            id="deploy",
            words="deploy v1",
            request=Request(service="cloudflare_api", method="POST", path="deployments", body={"x": "</pre><b>"}),
        ),
    ),
    blast=(Blast(what="requests", figure=0.17, unit="share"), Blast(what="users")),
    undoable=True,
    undo_words="deploy v2 again",
    verification=Verification(words="the failing share is back"),
)
STATIC = Panel(
    id="planned-actions",
    question="What would the runbook do next?",
    title="1 action planned, nothing was sent",
    sentence="Nothing was sent.",
    table=Table(columns=(Column(name="step"), Column(name="why", telemetry=True)), rows=(("outage.rollback", "<i>x"),)),
)


class FakeDoer:
    """Remembers what it was asked to do; ends checks as it is told."""

    def __init__(self, *ends: str) -> None:
        self.did: list[str] = []
        self.ends = list(ends) or ["VERIFIED"]
        self.plan_made = PLAN

    def choices(self, step: str) -> Sequence[Choice]:
        return [Choice(name="rollback", changes="the version", arguments={"version": "another target"})]

    def plan(self, name: str, view: Any, given: Mapping[str, str]) -> tuple[Plan, Sequence[str]]:
        return self.plan_made, ["the deployments were not seen"]

    def apply(self, plan: Plan, *, confirm: str, why: str, second: str, told: Callable[[str], None]) -> Done:
        self.did.append(f"apply {confirm}")
        told("sending")
        return Done(state="applied", words="deployed")

    def check(self, plan: Plan, *, stop: Event, told: Callable[[str], None]) -> Done:
        self.did.append("check")
        return Done(state=self.ends.pop(0), words="watched")  # type: ignore[arg-type]

    def undo(self, plan: Plan, *, confirm: str, why: str, told: Callable[[str], None]) -> Done:
        self.did.append(f"undo {confirm}")
        return Done(state="undone", words="v2 again")

    def acknowledge(self) -> list[str]:
        return []


def _card(view: View | None, doer: Any, desk: FakeDesk | None = None) -> ActionCard:
    return ActionCard(desk or FakeDesk(), doer, view, STATIC, step="outage.rollback")  # type: ignore[arg-type]


def test_a_plan_is_shown_whole_and_nothing_is_sent_for_it():
    """Exact requests, target, who is touched, undo, check: what one reads before one says yes."""
    doer = FakeDoer()
    card = _card(None, doer)

    card.make.click()

    content = card.shown.value
    for word in ("pitchey-production", "POST cloudflare_api:deployments", "17 %", "does not say", "deploy v2 again",
                 "failing share is back", "production/pitchey-production"):  # fmt: skip
        assert word in content, word
    assert "<script>" not in content
    assert "</pre><b>" not in content
    assert "were not seen" in card.status.value
    assert doer.did == []


@pytest.mark.parametrize("typed", ["", "pitchey", "pitchey-production", "PRODUCTION/PITCHEY-PRODUCTION", "yes"])
def test_nothing_is_applied_without_the_targets_name(typed: str):
    """In production the environment belongs to the name: a habit typed too quickly changes nothing."""
    doer = FakeDoer()
    card = _card(None, doer)
    card.make.click()
    card.confirm.value = typed

    card.apply.click()

    assert doer.did == []
    assert "Nothing was changed" in card.status.value


def test_the_right_name_applies_once_and_watches_until_verified():
    """Apply, then the check by itself; the card says how it ended and keeps the course."""
    doer, desk = FakeDoer(), FakeDesk()
    card = _card(None, doer, desk)
    card.make.click()
    card.confirm.value = "production/pitchey-production"

    card.apply.click()

    assert doer.did == ["apply production/pitchey-production", "check"]
    assert "VERIFIED" in card.status.value
    assert card.form.layout.display == "none"
    assert [state for _, state, _ in card.history] == ["planned", "applied", "VERIFIED"]
    assert [facts["state"] for what, facts in desk.record if what == "action"] == ["applied", "VERIFIED"]


def test_a_failed_check_offers_the_undo_which_needs_the_name_again():
    """What did not help is taken back, as deliberately as it was done."""
    doer = FakeDoer("FAILED")
    card = _card(None, doer)
    card.make.click()
    card.confirm.value = "production/pitchey-production"
    card.apply.click()

    assert "FAILED" in card.status.value
    assert card.undo.layout.display == ""
    card.confirm.value = "nonsense"
    card.undo.click()
    assert doer.did[-1] == "check"
    card.confirm.value = "production/pitchey-production"
    card.undo.click()

    assert doer.did[-1] == "undo production/pitchey-production"
    assert "UNDONE" in card.status.value


def test_one_press_is_no_undo_after_a_failed_check():
    """The name that was typed to apply is no word for taking it back."""
    doer = FakeDoer("FAILED")
    card = _card(None, doer)
    card.make.click()
    card.confirm.value = "production/pitchey-production"
    card.apply.click()

    card.undo.click()

    assert doer.did[-1] == "check"
    assert "Not undone" in card.status.value


def test_what_was_done_in_part_can_be_taken_back_from_the_card():
    """Three of five blocks stand: the card says so, and offers both ways on."""
    doer = FakeDoer()
    doer.apply = lambda plan, **_: Done(state="failed", words="3 of 5", undoable=True)  # type: ignore[method-assign]
    card = _card(None, doer)
    card.make.click()
    card.confirm.value = "production/pitchey-production"
    card.apply.click()

    assert "3 of 5" in card.status.value
    assert card.undo.layout.display == card.after.layout.display == card.form.layout.display == ""
    card.undo.click()
    assert doer.did == []
    card.confirm.value = "production/pitchey-production"
    card.undo.click()
    assert doer.did == ["undo production/pitchey-production"]


@pytest.mark.parametrize(
    ("error", "state"),
    [(OSError("disk full"), "UNKNOWN"), (RecordError("the journal"), "UNKNOWN"), (UsageError("no"), "FAILED")],
)
def test_what_broke_off_while_acting_is_unknown(error: Exception, state: str):
    """After something may have been sent nobody says that it failed; what was refused before was not sent."""
    doer = FakeDoer()

    def broken(plan: Plan, **_: Any) -> Done:
        raise error

    doer.apply = broken  # type: ignore[method-assign]
    card = _card(None, doer)
    card.make.click()
    card.confirm.value = "production/pitchey-production"
    card.apply.click()

    assert state in card.status.value


def test_what_is_not_possible_has_no_way_to_be_applied():
    """A plan that says no must not leave a button that says yes."""
    doer = FakeDoer()
    doer.plan_made = replace(PLAN, possible=False, why_not="no version before the onset was seen")
    card = _card(None, doer)

    card.make.click()

    assert card.form.layout.display == "none"
    assert "no version before the onset was seen" in card.shown.value


def test_a_saved_card_is_dead_and_says_so():
    """A button in a file that somebody was mailed must not raise hopes."""
    desk = FakeDesk()
    card = _card(None, FakeDoer(), desk)
    card.make.click()

    twin = desk.twin(card.live)

    assert NOT_SENT in twin
    assert "<button" not in twin
    assert "<input" not in twin
    assert "Roll pitchey-production back" in twin


def test_a_kernel_that_cannot_act_has_no_plan_button():
    """Headless kernels and kernels without a doer only show."""
    card = _card(None, None)

    card.make.click()

    assert card.make.disabled
    assert card.plan is None


def test_a_drill_is_handed_in_once_and_shows_the_truth():
    """The truth comes after the answer, and stands in the saved file."""
    desk = FakeDesk()
    handed: list[Mapping[str, Any]] = []
    truth = Panel(id="truth", question="What was it?", title="It was: a deployment broke it", sentence="s.")

    def submit(answer: Mapping[str, Any]) -> Panel:
        handed.append(answer)
        return truth

    form = HandIn(desk, submit)
    form.cause.value = "bad_deployment"
    form.onset.value = "15:17"
    form.hand_in.click()

    assert handed == [{"cause": "bad_deployment", "onset": "15:17", "action": None}]
    assert form.hand_in.disabled
    assert "It was: a deployment broke it" in desk.twin(form.live)


def test_times_stand_in_utc_with_the_local_time_beside(monkeypatch: pytest.MonkeyPatch):
    """A responder's watch is local, the record is not."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert kit.moment(NOON) == "12:00:00 UTC (13:00:00 CET)"
        assert kit.moment(datetime(2026, 11, 23, 23, 30, tzinfo=UTC)) == "23:30:00 UTC (00:30:00 24 Nov CET)"
    finally:
        monkeypatch.undo()
        time.tzset()
    if time.strftime("%z") == "+0000":
        assert kit.moment(NOON) == "12:00:00 UTC (= local)"


def test_the_runs_own_window_is_the_first_choice(view: View):
    """Opening a panel asks nothing: what the run saw is shown."""
    desk = FakeDesk(view)
    panel = _answering(desk, view)

    assert panel.window.value == AS_RUN
    assert desk.asked == []
