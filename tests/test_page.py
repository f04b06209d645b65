"""The report page: an answer in ten seconds, traceable, and with nothing in it that runs."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hostile import CORPUS as HOSTILE
from report_samples import ALERTED, EXTRAS, FINDINGS, HYPOTHESES, SOURCES, report, sample_panels

from pitchey_ops.models.finding import Finding, NotChecked, Severity
from pitchey_ops.models.report import Alert, HypothesisScore, Impact, Report, SourceSeen, Suspect, Verdict
from pitchey_ops.panels.base import Column, Panel, Table
from pitchey_ops.panels.safe import FENCE_NOTE
from pitchey_ops.reports.page import page

PAGE_PARTS = "html head meta title style body a header main nav footer section article"
TEXT_PARTS = "p strong code div span h1 h2 h3 dl dt dd ul ol li q details summary figure figcaption img"
TABLE_PARTS = "table caption thead tbody tr th td svg rect line"
TAGS = set(f"{PAGE_PARTS} {TEXT_PARTS} {TABLE_PARTS}".split())
PLAIN = "start lang charset http-equiv content name class href id tabindex role scope alt src aria-label aria-hidden"
DRAWING = "focusable viewbox preserveaspectratio x y x1 x2 y1 y2 width height vector-effect"
ATTRIBUTES = set(f"{PLAIN} {DRAWING}".split())
VOID = {"meta", "img"}
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Reader(HTMLParser):
    """Collects elements, checks that they nest, and keeps the text outside of style."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.headings: list[int] = []
        self.fenced: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID and tag not in ("rect", "line"):
            self.open.append(tag)
        if tag == "q":
            self.fenced.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open[-1] == tag, f"</{tag}> inside {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)
        if "q" in self.open:
            self.fenced[-1] += data

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def read(html: str) -> Reader:
    """Parse *html*; every element must be closed in order."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def assert_safe(html: str) -> Reader:
    """Only our elements and attributes, no address outside, no control character, ids that are ours."""
    reader = read(html)
    ids: list[str] = []
    for tag, attributes in reader.tags:
        assert tag in TAGS, tag
        for key, value in attributes.items():
            assert key in ATTRIBUTES, (tag, key)
            assert value is not None
            if key == "href":
                assert re.fullmatch(r"#[a-z]+(-\d+)?", value), value
            if key == "src":
                assert re.fullmatch(r"data:image/png;base64,[A-Za-z0-9+/=]+", value)
            if key == "id":
                assert re.fullmatch(r"[a-z]+(-\d+)?", value), value
                ids.append(value)
            if key == "class":
                assert re.fullmatch(r"[a-z -]+", value), value
    assert len(ids) == len(set(ids))
    targets = {a["href"] for t, a in reader.tags if t == "a"}
    assert {f"#{one}" for one in ids} >= targets
    assert sum(tag == "style" for tag, _ in reader.tags) == 1
    assert not CONTROL.search(html)
    html.encode("utf-8")
    for quoted in reader.fenced:
        assert quoted.startswith("⟪")
        assert quoted.endswith("⟫")
        assert "⟪" not in quoted[1:]
        assert "⟫" not in quoted[:-1]
    return reader


def hostile_report(text: str) -> tuple[Report, list[Panel], dict[str, Any]]:
    """Return a report, panels and extras that hold *text* wherever a stranger's words can stand, and elsewhere."""
    findings = (
        Finding(
            id=f"patterns/{text}",
            rule=text,
            claim=f"New since the onset: “{text}”",
            severity=Severity.CRITICAL,
            evidence=(f"logs/query/{text}", text),
            at=ALERTED,
            service=text,
        ),
        Finding(id="x/plain", rule="x", claim=text, severity=Severity.INFO, evidence=()),
    )
    made = report(
        alerts=(Alert(id=text, kind=text, title=text, at=ALERTED, severity="P2", service=text),),
        incident_id=text,
        run_id=text,
        runbook=text,
        runbook_version=text,
        package_version=text,
        parameters={text or "k": text, "nested": [text, {"a": text}]},
        verdict=Verdict(
            state="incident",
            cause=text or None,
            confidence=0.5,
            severity="P2",
            onset=None,
            onset_uncertainty_s=None,
            impact=Impact(routes=(text,) * 9, services=(text,) * 9),
            summary=f"It broke: “{text}”.",
            next_step=text,
            why_severity=text,
            settles=(text,),
        ),
        hypotheses=(
            HypothesisScore(
                id=text,
                weight=3.0,
                confidence=0.5,
                for_=(f"patterns/{text}", text),
                against=(text,),
                not_checked=(text,),
                parts=((f"patterns/{text}", 4.0), (text, -2.0)),
            ),
        ),
        suspects=(Suspect(service=text, score=0.5, because=(f"patterns/{text}", text)),),
        findings=findings,
        not_checked=(NotChecked(rule=text, because=text),),
        sources=(
            SourceSeen(name=text, status="unavailable", detail=text),
            SourceSeen(name="logs", status="observed", detail=text),
        ),
        steps={text: "done"},
        evidence_digest=text,
    )
    panel = Panel(
        id="hostile",
        question=text,
        title=text,
        sentence=text,
        png=_PIXEL,
        alt=text or "x",
        table=Table(
            columns=(Column(name=text, unit=text), Column(name="b", telemetry=True)),
            rows=((text, text), (text, None)),
            caption=text,
        ),
        notes=(text,),
    )
    extras: dict[str, Any] = {
        "cut_off": text,
        "rehearsal": {"date": text, "correct": 0.9, "cases": text},
        "similar": [{"incident_id": text, "why": text, "resolved_by": text}, text],
        "actions": [{"step": text, "title": text, "would": text, "why": text, "risk": text}, text],
        "changes": [{"at": ALERTED, "claim": text, "evidence": [text]}, text],
        "needs_person": [text],
        "contacts": text,
        "versions": {text: text},
        "provenance": {text: [text]},
        "finished": text,
        "acknowledged": text,
    }
    return made, [panel], extras


_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_text_of_a_stranger_becomes_anything_but_text(kind: str) -> None:
    """The page is opened with the responder's sign-ins in the same browser: nothing in it may run or call home."""
    text = HOSTILE[kind]
    made, panels, extras = hostile_report(text)
    html = page(made, panels, extras=extras)
    assert_safe(html)
    assert len(html) < 1_000_000


@pytest.mark.parametrize("kind", ["forged all clear", "closing our fence", "closing a quotation", "prompt injection"])
def test_a_forged_line_cannot_speak_for_the_report(kind: str) -> None:
    """A log line that says “healthy” stays inside the fence, which the page explains before the first one."""
    text = HOSTILE[kind]
    finding = dataclasses.replace(FINDINGS[2], claim=f"New since the onset: “{text}”")
    html = page(report(findings=(finding,)))
    reader = assert_safe(html)
    everything = "".join(reader.text)
    fenced = "".join(reader.fenced)
    assert everything.count("Nothing is wrong") == fenced.count("Nothing is wrong")
    assert everything.count("State: healthy") == fenced.count("State: healthy")
    assert everything.count("Ignore all previous") == fenced.count("Ignore all previous")
    assert everything.count("All clear") == fenced.count("All clear")
    assert everything.index(FENCE_NOTE) < everything.index("New since the onset")


def test_a_column_of_claims_fences_what_is_quoted_and_no_more() -> None:
    """A fence round our own words teaches people to read past it, and past the one round a stranger's."""
    table = Table(
        columns=(Column(name="who"), Column(name="says", claim=True)),
        rows=(("our probe", "3 of 3 answered"), ("monitoring", "“all clear” it says"), ("odd", "<b>fine</b>")),
    )
    panel = Panel(id="claims", question="Q?", title="T", sentence="S.", table=table)
    page_reader = assert_safe(page(report(findings=()), [Panel.from_json(panel.to_json())]))
    told = "".join(page_reader.text)
    fenced = page_reader.fenced

    assert "3 of 3 answered" in told
    assert not any("3 of 3" in one for one in fenced)
    assert any("all clear" in one and "it says" not in one for one in fenced)
    assert any("<b>fine</b>" in one for one in fenced), "what our sentences never hold is a stranger's"
    notebook = panel._repr_mimebundle_()["text/html"]
    assert '<td style="text-align:left">3 of 3 answered</td>' in notebook
    assert "<code>⟪all clear⟫</code> it says" in notebook


def test_findings_that_need_no_attention_are_folded_up_and_keep_their_numbers() -> None:
    """What needs attention is read first; the rest is there for who follows a link to it."""
    calm = dataclasses.replace(FINDINGS[0], id="calm/one", severity=Severity.INFO, claim="Nothing new here")
    grave = dataclasses.replace(FINDINGS[0], id="grave/one", severity=Severity.WARNING)
    html = page(report(findings=(grave, calm)))
    alone = page(report(findings=(calm,)))

    folded = html[html.index('<details class="more">') : html.index("</details>")]
    assert 'id="finding-2"' in folded
    assert "Nothing new here" in folded
    assert 'id="finding-1"' in html[: html.index('<details class="more">')]
    assert '<details class="more">' not in alone, "where nothing is grave, nothing is hidden"


def test_the_policy_allows_the_one_style_block_and_nothing_else() -> None:
    """Whatever slipped through, the browser refuses scripts and requests; a wrong hash would unstyle it all."""
    html = page(report(), sample_panels(), extras=EXTRAS)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(a["content"] for t, a in read(html).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_the_first_section_answers_every_question_of_the_responder() -> None:
    """State, since when, who, cause, clock, next step and blind spots stand before anything else."""
    html = page(report(), sample_panels(), extras=EXTRAS)
    text = " ".join(" ".join(read(html).text).split())
    first = text[: text.index("What it most likely is")]
    for words in (
        "▲ INCIDENT",
        "P2",
        "A deployment broke it; 38 % of requests fail since 14:03 UTC.",
        "14:03:10 UTC ± 45 s",
        "at least 1,240",
        "/api/pitches",
        "93 % likely",
        "respond by 15:05 UTC",
        "within 1 h of the first alert, 14:05:30 UTC",
        "60 min left at 14:05:51 UTC",
        "outage.rollback",
        "Roll the worker back to the version before the onset",
        "logs CUT OFF",
        "apm BLIND",
        "sentry UNAVAILABLE",
        "2 rules could not be applied",
        "91 % of rehearsals",
    ):
        assert words in first, words


def test_every_finding_leads_to_the_sources_it_stands_on() -> None:
    """Every number can be traced to an observation id and so to a recorded answer."""
    html = page(report())
    links = re.findall(r'<a href="#source-(\d+)">([^<]+)</a>', html)
    names = [source.name for source in SOURCES]
    assert {text for _, text in links} >= {one for finding in FINDINGS for one in finding.evidence}
    for number, text in links:
        assert names[int(number) - 1] == text.split("/")[0]


@pytest.mark.parametrize(
    ("leads", "words"),
    [("none", "but something is in the way of an all-clear"), ("database_slow", "not clearly enough")],
)
def test_an_open_verdict_says_why_its_leader_is_not_the_answer(leads: str, words: str) -> None:
    """“Nothing is wrong, 91 %, not clearly enough” reads like a miscount: no lead is lacking there."""
    verdict = dataclasses.replace(report().verdict, state="inconclusive", cause=None, confidence=0.5)
    lead = dataclasses.replace(HYPOTHESES[0], id=leads, confidence=0.91)
    text = " ".join("".join(read(page(report(verdict=verdict, hypotheses=(lead,)))).text).split())

    assert words in text
    assert "something is wrong: 50" not in text


def test_unknown_is_never_shown_as_none() -> None:
    """An unknown impact, onset or clock must be called unknown: silence would read as calm."""
    verdict = dataclasses.replace(
        report().verdict, state="inconclusive", cause=None, onset=None, onset_uncertainty_s=None, impact=Impact()
    )
    text = " ".join("".join(read(page(report(verdict=verdict, alerts=(), findings=(), hypotheses=()))).text).split())
    for words in (
        "? INCONCLUSIVE",
        "unknown share of requests",
        "users affected: unknown",
        "no onset found",
        "not settled",
        "No alert: the clock runs from its declaration",
        "nothing found is not the same as nothing wrong",
        "No cause was weighed",
        "this runbook's score is not known here",
    ):
        assert words in text, words


def test_an_overdue_clock_and_a_cut_off_run_are_said_first() -> None:
    """A run that did not finish, or a promise that is broken, changes what one does next."""
    extras = {"finished": ALERTED + timedelta(hours=2), "cut_off": "budget of 60 s spent; 31 of 64 questions asked"}
    text = " ".join("".join(read(page(report(), extras=extras)).text).split())
    assert text.index("✂ CUT OFF") < text.index("This run was cut off.") < text.index("Who is hurt")
    assert "31 of 64 questions asked" in text
    assert "OVERDUE by 60 min" in text


def test_a_state_that_is_not_ours_is_no_all_clear() -> None:
    """A report of a future version must not fall through to a green page."""
    verdict = dataclasses.replace(report().verdict, state="fine")
    assert "? INCONCLUSIVE" in page(report(verdict=verdict))


def test_equal_reports_give_equal_pages() -> None:
    """The page is a function of report, panels and extras: no clock, no random ids."""
    again = dict(reversed(EXTRAS.items()))
    assert page(report(), sample_panels(), extras=EXTRAS) == page(report(), sample_panels(), extras=again)


def test_headings_are_in_order_and_pictures_have_words() -> None:
    """Screen readers walk headings and read alt texts; tables need captions or labels."""
    reader = read(page(report(), sample_panels(), extras=EXTRAS))
    assert reader.headings[0] == 1
    assert reader.headings.count(1) == 1
    for before, after in zip(reader.headings, reader.headings[1:], strict=False):
        assert after <= before + 1
    images = [a for t, a in reader.tags if t == "img"]
    assert len(images) > 10
    assert all(len(a["alt"] or "") > 40 for a in images)
    assert {"header", "main", "nav", "footer"} <= {t for t, _ in reader.tags}
    assert sum(t == "th" and a.get("scope") is None for t, a in reader.tags) == 0
    assert all(a.get("aria-label") for t, a in reader.tags if a.get("role") == "region")


def test_thousands_of_findings_stay_one_readable_page() -> None:
    """A storm gives a thousand findings; the page says how many it leaves out."""
    many = tuple(dataclasses.replace(FINDINGS[1], id=f"impact/{at}") for at in range(3_000))
    html = page(report(findings=many))
    assert "2,850 more findings stand only in report.json" in html
    assert len(html) < 400_000


def test_templates_are_part_of_the_package() -> None:
    """A wheel without the template would fail at the end of a run."""
    from importlib.resources import files

    folder = files("pitchey_ops.reports") / "templates"
    assert (folder / "report.html.j2").is_file()
    assert (folder / "report.css").is_file()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a headless Chromium; where there is none, skip loudly, but fail in CI."""
    if CHROMIUM is None:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail("no Chromium found, and CI must have one")
        pytest.skip("NO CHROMIUM FOUND: what a real browser does with the page was NOT checked")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        driven = play.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
        )
        yield driven
        driven.close()


PROBE = """() => {
  const wide = document.documentElement.scrollWidth - window.innerWidth;
  const lifted = [...document.querySelectorAll('body *')].filter(one => {
    const how = getComputedStyle(one).position;
    const ours = one.matches('.skip, ul.evidence .weight, thead th');
    return (how === 'fixed' || how === 'absolute' || how === 'sticky') && !ours;
  }).length;
  const state = document.querySelector('.state').getBoundingClientRect();
  const on_top = document.elementFromPoint(state.x + state.width / 2, state.y + state.height / 2);
  return {wide, lifted, on_top: on_top && on_top.className, scripts: document.scripts.length,
    frames: window.frames.length, title: document.title,
    styled: getComputedStyle(document.querySelector('.facts')).display,
    forms: document.forms.length, answer: document.querySelector('h1').innerText};
}"""


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark"), (320, "light")])
def test_in_a_real_browser_nothing_runs_calls_home_or_covers_the_page(
    browser: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    """Parsers agree with browsers only so far: Chromium itself must find nothing to run in any of the pages."""
    events: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab = context.new_page()
    tab.on("dialog", lambda dialog: (events.append(f"dialog {dialog.message}"), dialog.dismiss()))
    tab.on("request", lambda request: events.append(f"request {request.url[:80]}"))
    tab.on("console", lambda message: events.append(f"console {message.text[:200]}"))
    tab.on("pageerror", lambda error: events.append(f"error {error}"))
    tab.on("popup", lambda _: events.append("popup"))
    kinds = list(HOSTILE) if width == 1280 else ["css overlay", "zalgo", "giant line", "many lines", "bidi override"]
    for at, kind in enumerate(["", *kinds]):
        if kind:
            made, panels, extras = hostile_report(HOSTILE[kind])
            html = page(made, panels, extras=extras)
        else:
            html = page(report(), sample_panels(), extras=EXTRAS)
        file = tmp_path / f"{at}.html"
        file.write_text(html, encoding="utf-8")
        events.clear()
        tab.goto(file.as_uri())
        seen = tab.evaluate(PROBE)
        asked = [
            e for e in events if e != f"request {file.as_uri()[:80]}" and not e.startswith("request data:image/png")
        ]
        assert asked == [], kind
        assert seen["wide"] <= 0, (kind, seen)
        assert seen["lifted"] == 0, (kind, seen)
        assert seen["on_top"] == "state", (kind, seen)
        assert (seen["scripts"], seen["frames"], seen["forms"]) == (0, 0, 0), kind
        assert seen["styled"] == "grid", kind
        assert seen["title"] != "owned"
    context.close()
