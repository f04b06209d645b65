"""Panels: answers, honest emptiness, and text that can only be read."""

from __future__ import annotations

import io
import json
import re
from datetime import datetime, timedelta
from html.parser import HTMLParser

import polars as pl
import pytest
from hostile import CORPUS as HOSTILE
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from report_samples import (
    END,
    HYPOTHESES,
    MARKS,
    NAN,
    NOTHING,
    ONSET,
    SOURCES,
    START,
    WHY,
    WINDOW,
    everything,
    frame,
    log_rows,
    sample_panels,
    values,
)

from pitchey_ops.frames import EDGE, LOGS, WORKERS
from pitchey_ops.models.observation import Coverage
from pitchey_ops.models.report import SourceSeen
from pitchey_ops.models.window import Window
from pitchey_ops.panels import safe, style
from pitchey_ops.panels.base import Column, Panel, Table, cell_text, no_data, number
from pitchey_ops.panels.charts.attackers import attackers
from pitchey_ops.panels.charts.diagnosis import hypotheses
from pitchey_ops.panels.charts.errors import errors_over_time
from pitchey_ops.panels.charts.latency import Series, VitalRow, measure_over_time, response_times, web_vitals
from pitchey_ops.panels.charts.people import due, severity_clock
from pitchey_ops.panels.charts.sight import contradictions, coverage
from pitchey_ops.panels.charts.traffic import ImpactRow, edge_outcomes, impact_by_route, worker_outcomes
from pitchey_ops.panels.style import Marks, plot_text, unseen_spans

ALLOWED = {
    "section", "p", "h3", "figure", "img", "figcaption", "div", "table", "caption", "thead", "tbody", "tr", "th", "td",
    "code",
}  # fmt: skip
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


class Watch(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def watched(html: str) -> Watch:
    """Parse *html*."""
    watch = Watch()
    watch.feed(html)
    watch.close()
    return watch


def assert_harmless(panel: Panel) -> None:
    """No element, handler or address in the notebook's HTML that is not ours; no control character anywhere."""
    bundle = panel._repr_mimebundle_()
    watch = watched(bundle["text/html"])
    for tag, attributes in watch.tags:
        assert tag in ALLOWED, tag
        for key, value in attributes.items():
            assert key in {"style", "alt", "src", "scope", "tabindex"}, (tag, key)
            if key == "src":
                assert value is not None
                assert value.startswith("data:image/png;base64,")
            if key == "style":
                assert value is not None
                assert "url" not in value
                assert "fixed" not in value
    for text in (*bundle.values(), *watch.text):
        assert not CONTROL.search(text)
        text.encode("utf-8")


KINDS = list(HOSTILE)
TRIPLES = [tuple(KINDS[(at + step) % len(KINDS)] for step in range(3)) for at in range(0, len(KINDS), 3)]
DRAWN = ("half a formula", "giant hostile", "zalgo", "ansi clear", "bidi override", "empty", "underscore first", "cjk")


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build every figure, but do not rasterise it: that costs most and adds nothing to what HTML holds."""
    blank = io.BytesIO()
    Image.new("P", (1, 1)).save(blank, "PNG")
    monkeypatch.setattr(style, "_png", lambda figure: blank.getvalue())


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("kinds", TRIPLES, ids=" + ".join)
def test_no_text_of_a_stranger_does_anything_in_any_panel(kinds: tuple[str, str, str]) -> None:
    """Log lines come from the internet: every panel must show each of them and run none."""
    service, route, text = (HOSTILE[kind] for kind in kinds)
    for panel in everything(service, route, text):
        assert_harmless(panel)
        json.dumps(panel.to_json(), allow_nan=False)


@pytest.mark.parametrize("kind", DRAWN)
def test_no_text_of_a_stranger_breaks_a_picture(kind: str) -> None:
    """Formulas, missing glyphs, giant and empty names are drawn as what they are, in small pictures."""
    text = HOSTILE[kind]
    for panel in everything(text, text, text):
        assert panel.png is None or 1_000 < len(panel.png) < 60_000


@pytest.mark.parametrize("kind", HOSTILE)
def test_every_text_has_a_short_form_for_pictures(kind: str) -> None:
    """A name in a picture is short, of known glyphs, and never empty (an empty label hides a bar's meaning)."""
    shown = plot_text(HOSTILE[kind])
    assert 1 <= len(shown) <= 72
    assert not CONTROL.search(shown)


@given(st.text(st.characters(), max_size=200))
@settings(max_examples=300, deadline=None)
def test_visible_text_holds_nothing_that_acts_and_fits_every_encoding(text: str) -> None:
    """Whatever comes in, what is shown encodes to UTF-8 and holds no control or invisible character."""
    for shown in (
        safe.visible(text),
        safe.one_line(text),
        safe.fenced(text),
        safe.terminal(text),
        safe.slack(text),
        safe.markdown(text),
        safe.csv_cell(text),
    ):
        shown.encode("utf-8")
        assert not CONTROL.search(shown)
    assert safe.fenced(text).count("⟫") == 1
    assert "\n" not in safe.terminal(text)


@given(st.text(st.characters(codec="utf-8"), max_size=80))
@settings(max_examples=200, deadline=None)
def test_plain_words_are_shown_unchanged(text: str) -> None:
    """Escaping must not garble what is harmless: evidence is read by people."""
    if text.isascii() and text.isprintable():
        assert safe.visible(text) == text


def test_what_is_cut_says_how_much() -> None:
    """A cut text that does not say so would be a forged text."""
    assert safe.visible("x" * 25, 10) == "x" * 10 + "… (15 more characters)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "␛[31m"),
        ("a\u202eb", "a⟦U+202E⟧b"),
        ("\x00", "␀"),
        ("\ud800", "⟦U+D800⟧"),
        ("⟫", "⟦U+27EB⟧"),
        ("e\u0301", "e\u0301"),
        ("e" + "\u0301" * 9, "e\u0301\u0301⟦7 more marks⟧"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a␍b"),
    ],
)
def test_hidden_characters_become_visible(text: str, shown: str) -> None:
    """Who reads a report must see what a log line tried to hide."""
    assert safe.visible(text) == shown


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "＝1", "|x"])
def test_no_text_becomes_a_spreadsheet_formula(start: str) -> None:
    """A CSV of findings is opened in a spreadsheet by somebody tired."""
    assert safe.csv_cell(start).startswith("'")
    assert safe.csv_cell(-1.5) == "-1.5"


def test_slack_gets_no_mention_link_or_markup() -> None:
    """A log line must not page the whole channel."""
    shown = safe.slack(HOSTILE["slack mention"])
    assert not set("<>*@") & set(shown)
    assert ":fire:" not in shown
    assert safe.slack("at 14:03 UTC") == "at 14:03 UTC"


def test_a_markdown_fence_cannot_be_left() -> None:
    """The postmortem quotes log lines: a line of backticks must not end the quotation."""
    block = safe.markdown_fenced("a\n`````\n# All clear")
    assert block.startswith("``````")
    assert block.count("\n``````") == 1


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_quotation_in_a_claim_cannot_be_left(kind: str) -> None:
    """Claims quote telemetry: nothing of it may stand outside the fence as if we had said it."""
    text = HOSTILE[kind]
    before, quoted, after = safe.split_quoted(f"New since the onset: “{text}”, 12 times.")
    assert (before, after) in {("New since the onset: ", ", 12 times."), ("", "")}
    assert text in quoted


def test_a_claim_of_ours_needs_no_fence() -> None:
    """A page full of fences would hide which words are strangers'."""
    claim = "38 % of requests at the edge fail since 14:03 UTC."
    assert safe.split_quoted(claim) == (claim, "", "")
    assert safe.split_quoted("odd <b>claim</b>") == ("", "odd <b>claim</b>", "")


@pytest.mark.parametrize(("name", "make"), NOTHING, ids=[name for name, _ in NOTHING])
def test_nothing_to_draw_is_said_and_never_looks_calm(name: str, make: object) -> None:
    """An empty chart looks like a quiet platform; no data must be words, with the reason."""
    panel = make()  # type: ignore[operator]
    assert panel.empty
    assert panel.png is None
    assert panel.title.startswith("No data")
    assert panel.sentence == WHY
    assert_harmless(panel)


def test_without_a_reason_no_data_still_warns() -> None:
    """A caller that gives no reason must not produce a calm panel."""
    assert "not seen" in no_data("x", "q", "", what="logs").sentence


def test_every_panel_of_the_sample_incident_answers_and_is_described() -> None:
    """At 3 am the title is the answer, and a picture without words is no help to a screen reader."""
    panels = sample_panels()
    assert len({panel.id for panel in panels}) == len(panels)
    for panel in panels:
        assert panel.question.endswith("?")
        assert not panel.empty
        assert panel.title
        assert len(panel.sentence) > 15
        if panel.png is not None:
            assert len(panel.alt) > 40
            assert len(panel.png) < 60_000
            with Image.open(io.BytesIO(panel.png)) as image:
                assert image.width == 616
                assert "Software" not in image.info


def test_equal_data_give_equal_bytes_and_survive_json() -> None:
    """A replay's charts are compared with the run's; a run hands its panels to the page as JSON."""
    first, second = sample_panels(), sample_panels()
    assert first == second
    for panel in first:
        assert Panel.from_json(json.loads(json.dumps(panel.to_json()))) == panel


def test_a_panel_from_elsewhere_is_checked() -> None:
    """Panels cross a process boundary: what arrives must not become an id or a picture unseen."""
    row = sample_panels()[0].to_json()
    with pytest.raises(ValueError, match="panel id"):
        Panel.from_json({**row, "id": "x onload=alert(1)"})
    with pytest.raises(ValueError, match="not a PNG"):
        Panel.from_json({**row, "png": "PHN2Zz4="})


def test_row_order_does_not_change_a_chart() -> None:
    """Answers arrive in any order; the chart is a function of what they say."""
    logs = log_rows(400)
    assert errors_over_time(logs, MARKS) == errors_over_time(logs.reverse(), MARKS)


def test_two_hundred_services_stay_readable() -> None:
    """A platform with many services must not give a legend longer than the chart."""
    names = tuple(f"service-{at:03}-with-a-rather-long-name" for at in range(200))
    panel = errors_over_time(log_rows(4_000, services=names), MARKS)
    assert panel.png is not None
    assert any("quieter services" in note for note in panel.notes)
    for one in everything("svc", "/route", "text", times=200):
        assert one.png is None or len(one.png) < 60_000
        assert_harmless(one)


@pytest.mark.parametrize("value", [0.0, 1e-12, 1e9, 1e300, NAN, float("inf"), -1.0])
def test_odd_figures_break_no_chart(value: float) -> None:
    """Figures of a broken platform are odd; charts of them are what one needs then."""
    one = values(1, 1).with_columns(value=pl.lit(value))
    for panel in (
        response_times(one, MARKS),
        measure_over_time("m", "Is it high?", [Series(name="x", frame=one)], MARKS, what="it", unit="ms", limit=5.0),
        impact_by_route([ImpactRow(route="/x", failed=value, total=value)]),
        web_vitals([VitalRow(vital="LCP", p75=value, samples=1)]),
        edge_outcomes(frame(EDGE, [{"at": ONSET, "route": "/", "status": 500, "requests": value}]), MARKS),
        worker_outcomes(frame(WORKERS, [{"at": ONSET, "script": "s", "status": "x", "requests": value}]), MARKS),
    ):
        assert panel.empty == (panel.png is None)
        assert_harmless(panel)


def test_one_row_is_enough_for_every_time_chart() -> None:
    """The first minute of an incident has one point."""
    row = {"at": ONSET, "service": "a", "level": "error", "message": "x"}
    panel = errors_over_time(frame(LOGS, [row]), MARKS)
    assert "1 error in the logs" in panel.title or "rose" in panel.title
    assert response_times(values(5, 5).head(1), MARKS).png is not None


@pytest.mark.parametrize("length", [timedelta(seconds=5), timedelta(minutes=1), timedelta(days=1), timedelta(days=400)])
def test_any_window_has_readable_bins_and_ticks(length: timedelta) -> None:
    """Windows from seconds to a year are asked for."""
    marks = Marks(window=Window(start=START, end=START + length), onset=START + length / 2, onset_uncertainty_s=1e12)
    row = {"at": START + length / 3, "service": "a", "level": "error", "message": "x"}
    assert errors_over_time(frame(LOGS, [row]), marks).png is not None


def test_rows_outside_the_window_are_not_counted() -> None:
    """The store answers with more than was asked; a chart of the window holds the window."""
    rows = [
        {"at": at, "service": "a", "level": "error", "message": "x"}
        for at in (START - timedelta(seconds=1), START, END - timedelta(milliseconds=1), END)
    ]
    assert errors_over_time(frame(LOGS, rows), Marks(window=WINDOW)).title.startswith("2 errors")


def test_what_was_not_seen_is_told_apart_from_calm() -> None:
    """A cut answer ends early: the rest of the axis must not look like recovery."""
    seen = Coverage(
        asked_start=START, asked_end=END, seen_start=START, seen_end=ONSET, count=1000, cut=True, share=0.55
    )
    assert unseen_spans(seen) == ((ONSET, END),)
    assert unseen_spans(Coverage(asked_start=START, asked_end=END)) == ((START, END),)
    assert unseen_spans(Coverage()) == ()
    panel = errors_over_time(log_rows(50), Marks(window=WINDOW, unseen=unseen_spans(seen)))
    assert any("not seen" in note for note in panel.notes)
    assert panel.png != errors_over_time(log_rows(50), Marks(window=WINDOW)).png


def test_coverage_names_the_blind_and_the_cut_before_the_seen() -> None:
    """What could not be seen is the first thing to know about a verdict."""
    panel = coverage(SOURCES, WINDOW)
    assert "sentry" in panel.title
    assert "apm" in panel.title
    assert "1 cut off" in panel.title
    cut_only = coverage([one for one in SOURCES if one.status == "observed"], WINDOW)
    assert "cut off" in cut_only.title
    calm = coverage([SourceSeen(name="a", status="no_data", detail="")], WINDOW)
    assert "hold no data" in calm.title


def test_where_no_source_saw_anything_there_is_no_picture_and_no_calm_title() -> None:
    """A picture of nothing only repeats the names, and “all 0 sources answered” sounds like an all-clear."""
    blind = [one for one in SOURCES if one.status in ("unavailable", "blind")]
    panel = coverage(blind, WINDOW)
    assert (panel.png, panel.alt) == (None, "")
    assert panel.title.startswith(f"{len(blind)} of {len(blind)} sources could not see")
    assert panel.table is not None
    assert len(panel.table.rows) == len(blind)
    idle = coverage([SourceSeen(name="database", status="not_configured", detail="")], WINDOW)
    assert idle.title == "Nothing was seen: none of 1 source is configured"
    assert "says nothing about health" in idle.sentence
    one_sees = coverage([*blind, SourceSeen(name="a", status="no_data", detail="")], WINDOW)
    assert one_sees.png is not None


def test_no_contradiction_is_only_said_after_comparing() -> None:
    """“No contradiction” without a comparison would be an all-clear from nothing."""
    assert contradictions([]).empty
    assert contradictions([], compared=3).title == "No contradiction in 3 comparisons"


def test_nobody_is_called_attacker_free_without_looking() -> None:
    """An empty list of attackers from an unread log is no answer."""
    assert attackers([], MARKS).empty
    assert not attackers([], MARKS, looked=True).empty


def test_the_leading_hypothesis_stands_in_the_title_with_its_lead() -> None:
    """The bar's answer: which cause, how likely, how far ahead."""
    panel = hypotheses(HYPOTHESES, titles={"bad_deployment": "a deployment broke it"})
    assert panel.title.startswith("A deployment broke it: 93 % likely, 18 decibans ahead")
    assert panel.table is not None
    assert {row[0] for row in panel.table.rows} == {"1. a deployment broke it", "2. schema drift", "3. traffic flood"}


def test_the_response_clock_is_the_written_runbooks() -> None:
    """15 min, 1 h, 4 h and the next business day: a Friday's P4 is due on Monday."""
    friday = datetime.fromisoformat("2026-11-20T17:00:00+00:00")
    assert due("P1", friday) - friday == timedelta(minutes=15)
    assert due("P2", friday) - friday == timedelta(hours=1)
    assert due("P3", friday) - friday == timedelta(hours=4)
    assert due("P4", friday).strftime("%A %d") == "Monday 23"
    late = severity_clock("P1", since=friday, at=friday + timedelta(minutes=20))
    assert "OVERDUE by 5 min" in late.title
    assert "clock runs from the incident's declaration" in severity_clock("P3", since=None, at=friday).title


def test_dollar_and_underscore_in_a_picture_are_plain_text() -> None:
    """matplotlib would take $…$ as a formula and hide names that start with an underscore."""
    named = [errors_over_time(log_rows(60, services=(one,)), MARKS).png for one in ("_hidden", "$a$", "a", "$$")]
    assert len(set(named)) == 4
    assert plot_text("$x_1$ \u202e\x1b") == "$x_1$ ⟦U+202E⟧▯"
    assert len(plot_text("m" * 10_000)) <= 36


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1234567, "1,234,567"), (0.123456, "0.1235"), (12.0, "12"), (1e9, "1,000,000,000"), (NAN, "–"), (0.0, "0")],
)
def test_figures_are_readable(value: float, shown: str) -> None:
    """Four digits are enough to act on; exponents are not read at 3 am."""
    assert number(value) == shown


@given(st.floats() | st.integers())
def test_every_number_can_be_shown(value: float) -> None:
    """A figure of any size is shown, never an error."""
    assert number(value)
    assert cell_text(value)


def test_a_table_refuses_rows_of_another_width() -> None:
    """A shifted column would be a wrong figure under a right heading."""
    with pytest.raises(ValueError, match="cells"):
        Table(columns=(Column(name="a"),), rows=((1, 2),))


def test_plain_text_is_for_any_terminal() -> None:
    """`pitchey-ops errors` prints panels: columns aligned, nothing that moves the cursor."""
    for panel in sample_panels():
        text = panel._repr_mimebundle_()["text/plain"]
        assert panel.question in text
        assert "\x1b" not in text
