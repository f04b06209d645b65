"""
A real JupyterLab in a real Chromium: an incident lived through from its alert to its end, by mouse and by keyboard.

Screenshots are kept under ``outputs/.screenshots/`` (ignored by git), to be looked at.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from homes import ROOT, ops

from pitchey_ops.evidence.har import read_events

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHOTS = ROOT / "outputs" / ".screenshots"
PATIENCE_MS = 240_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium: apt-get install chromium (SYSTEM_PACKAGES=1 make test does it)"
    ),
]


@dataclass
class Lab:
    """A running ``pitchey-ops lab``: what it said, and where its archive is."""

    process: subprocess.Popen[str]
    said: list[str]
    archive: Path

    @property
    def url(self) -> str:
        return next(line.split(None, 1)[1].strip() for line in self.said if line.startswith("open"))

    @property
    def incident(self) -> str:
        return next(line.split()[1] for line in self.said if line.startswith("incident"))

    def lines(self, name: str) -> list[dict[str, Any]]:
        path = self.archive / self.incident / f"{name}.jsonl"
        return [json.loads(line)["entry"] for line in path.read_text().splitlines()] if path.exists() else []


def _until(what: Callable[[], Any], *, within_s: float = 120.0) -> Any:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"did not come true within {within_s:.0f} s")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The sandbox with an incident, its alert, its headless run, and JupyterLab on it; ended at the end."""
    archive = tmp_path_factory.mktemp("lab") / "outputs"
    environment = {**os.environ, "PITCHEY_OPS_ARCHIVE": str(archive), "TZ": "Europe/Berlin"}
    environment["PITCHEY_OPS_SANDBOX_HURRY"] = "1"  # checks of actions move the sandbox's clock instead of waiting
    command = [sys.executable, "-m", "pitchey_ops", "lab", "--no-browser"]
    log = archive.parent / "said.txt"
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, text=True, env=environment)
    made = Lab(process=process, said=[], archive=archive)
    try:

        def listening() -> bool:
            made.said = log.read_text().splitlines()
            assert process.poll() is None, made.said
            return any(line.startswith("open") for line in made.said)

        _until(listening)
        yield made
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(400)
        made.said = log.read_text().splitlines()


@pytest.fixture(scope="module")
def page(lab: Lab) -> Iterator[Any]:
    """The lab's page with every cell run; what the console complained about is in ``page.complaints``."""
    from playwright.sync_api import sync_playwright

    SHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        page.complaints = []
        page.on("console", lambda told: page.complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(lab.url)
        page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for()
        page.get_by_text("headless report").first.wait_for()
        # "Run all" before the page has its kernel runs nothing, and says nothing
        page.locator(".jp-StatusBar-Widget, #jp-main-statusbar").get_by_text(re.compile(r"\| Idle$")).first.wait_for()
        _shot(page, "1-opened")
        page.locator(".jp-MarkdownCell").first.click()
        page.locator(".lm-MenuBar-itemLabel", has_text="Run").click()
        page.locator('li[data-command="runmenu:run-all"]').click()
        page.locator(".pitchey-bar").wait_for()
        page.locator(".jp-CodeCell").last.locator(".jp-OutputArea-output").first.wait_for()
        _settled(page)
        yield page
        browser.close()


def _settled(page: Any) -> None:
    page.wait_for_function("() => ![...document.querySelectorAll('.jp-InputPrompt')].some(e => e.innerText == '[*]:')")


def _shot(page: Any, name: str, at: Any = None) -> None:
    if at is not None:
        at.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    page.screenshot(path=SHOTS / f"{name}.png")


def _cell(page: Any, source: str) -> Any:
    return page.locator(".jp-CodeCell", has_text=source).first


def _has(where: Any, text: str | re.Pattern[str]) -> None:
    where.get_by_text(text).first.wait_for()


def _level(lab: Lab) -> str:
    """The security level of the sandbox's zone, as Cloudflare tells it."""
    origin = next(line.split()[1] for line in lab.said if line.startswith("sandbox"))
    address = f"{origin}/_cf_api/client/v4/zones/sandbox-zone/settings/security_level"
    with urllib.request.urlopen(address, timeout=10) as answer:
        return str(json.load(answer)["result"]["value"])


def _save(page: Any) -> None:
    page.keyboard.press("Escape")
    page.locator(".jp-MarkdownCell").first.click()
    # what widgets show does not make a notebook dirty: only the server's answer says that the file is written anew
    with page.expect_response(lambda got: got.request.method == "PUT" and "/api/contents/" in got.url) as saved:
        page.keyboard.press("Control+s")
    assert saved.value.ok
    page.wait_for_function("() => !document.querySelector('.lm-TabBar-tab.jp-mod-dirty')")


@pytest.fixture(scope="module")
def lived(page: Any, lab: Lab) -> Any:
    """The page after an incident was lived through: looked, explored, acknowledged, rolled back, verified, noted."""
    bar = page.locator(".pitchey-bar")
    _has(bar, lab.incident)
    _has(bar, re.compile(r"left to respond"))
    _has(bar, re.compile(r"1: \w+"))  # who is on call
    _shot(page, "2-bar", bar)

    patterns = _cell(page, 'run.step("outage.error-patterns")')
    patterns.locator("select").first.select_option("15m")
    _has(patterns, re.compile(r"window 15m; asked at \d\d:\d\d:\d\d UTC \(\d\d:\d\d:\d\d (\d+ \w+ )?CES?T\)"))
    _shot(page, "3-window", patterns.locator(".pitchey-live"))
    patterns.get_by_label("Compare with").select_option("just before the onset")
    _has(patterns, re.compile("How does it compare with"))
    _shot(page, "4-compared", patterns.get_by_text("How does it compare with").first)

    explorer = patterns.locator(".pitchey-explorer")
    explorer.get_by_role("button", name="Explore the entries").click()
    lists = explorer.locator("select[size]")
    lists.nth(0).locator("option").first.wait_for(state="attached")
    lists.nth(0).select_option(index=0)
    lists.nth(1).locator("option").first.wait_for(state="attached")
    lists.nth(1).select_option(index=0)
    _has(explorer, re.compile(r"records? of one trace, through \d+ service"))
    _shot(page, "5-trace", explorer.get_by_text(re.compile("records? of one trace")).first)

    bar.get_by_role("button", name="Acknowledge").click()
    _has(bar, re.compile("acknowledged by .* promise of 1 h kept"))
    _has(bar, re.compile("Acknowledged: it is in the record"))
    told = bar.locator("details")
    told.evaluate("e => { e.open = true }")
    _has(bar, re.compile("slack-acknowledge: applied"))
    told.evaluate("e => { e.open = false }")
    _shot(page, "6-acknowledged", bar)

    wrong = _cell(page, 'run.step("outage.under-attack")')
    wrong.get_by_role("button", name="Plan").click()
    _has(wrong, "Exactly these requests, in this order")
    name = wrong.get_by_label("Type the target's name")
    name.fill("sandbox-zone")
    name.press("Tab")
    wrong.get_by_role("button", name="Apply").click()
    _has(wrong, re.compile("FAILED: "))
    _has(wrong, re.compile("It did not help. Undo takes it back"))
    _shot(page, "6-failed", wrong.get_by_role("button", name="Undo"))
    name.fill("sandbox")
    name.press("Tab")
    wrong.get_by_role("button", name="Undo").click()
    _has(wrong, re.compile("Not undone: the target's name was not typed"))
    assert _level(lab) == "under_attack"
    name.fill("sandbox-zone")
    name.press("Tab")
    wrong.get_by_role("button", name="Undo").click()
    _has(wrong, re.compile("UNDONE: "))
    _shot(page, "6-undone", wrong.get_by_text("What was done here"))
    assert _level(lab) == "medium"

    card = _cell(page, 'run.step("outage.rollback")')
    card.get_by_role("button", name="Plan").click()
    _has(card, "Exactly these requests, in this order")
    _shot(page, "7-plan", card.get_by_text("Nothing was sent yet").first)
    name = card.get_by_label("Type the target's name")
    name.fill("pitchey")
    name.press("Tab")
    card.get_by_role("button", name="Apply").click()
    _has(card, re.compile("REFUSED: Not sent"))
    _shot(page, "8-refused", card.get_by_role("button", name="Apply"))
    assert not any(row.get("action") == "rollback" for row in lab.lines("journal"))
    name.fill("pitchey-production")
    name.press("Tab")
    card.get_by_role("button", name="Apply").click()
    _has(card, re.compile("VERIFIED: "))  # or UNVERIFIED: at night so few people ask that five minutes cannot tell
    for looks in range(2, 8):
        if lab.lines("journal")[-1]["event"] == "verified":
            break
        card.get_by_role("button", name="Check").click()
        _until(lambda n=looks: sum(row["event"].endswith("verified") for row in _rollback(lab)) == n)
    _has(card, re.compile("✓ VERIFIED"))
    _shot(page, "9-verified", card.get_by_text("What was done here"))

    bar.get_by_role("button", name="Notes").click()
    bar.locator("textarea").fill("Rolled back; the failing share is back at its old level <b>now</b>")
    bar.get_by_role("button", name="Write note").click()
    _has(bar, re.compile("Written at"))
    _has(bar, "<b>now</b>")

    step = _cell(page, 'run.step("outage.cf-dashboard")')
    step.get_by_role("button", name=re.compile(r"^\W*Done$")).click()
    _has(step, re.compile("☑ done at"))
    return page


def _rollback(lab: Lab) -> list[dict[str, Any]]:
    """Return the journal's lines about the rollback."""
    return [row for row in lab.lines("journal") if row.get("action") == "rollback"]


@pytest.mark.usefixtures("lived")
def test_an_incident_is_lived_through(lab: Lab) -> None:
    """From the alert to the recovery, all that a person did by the panels is in the incident's records."""
    happened = [row["event"] for row in lab.lines("timeline")]
    told = [row["event"] for row in _rollback(lab)]

    assert "acknowledged" in happened
    assert "step_done" in happened
    assert "applied" in told
    assert told[-1] == "verified"
    undone = [row["event"] for row in lab.lines("journal") if row.get("action") == "under-attack-on"]
    assert undone[-1] == "undone"
    assert "failed" in undone
    assert [row["event"] for row in lab.lines("notes")] == ["note"]


def test_a_live_view_looks_again_and_stops_on_a_click(page: Any) -> None:
    """Watching is a button, and so is its end."""
    watch = _cell(page, 'run.step("outage.watch")')
    watch.get_by_role("button", name="Watch").click()
    _has(watch, re.compile(r"Live, look 1 at"))
    _shot(page, "10-live", watch)
    watch.get_by_role("button", name="Stop").click()
    _has(watch, re.compile("Live view stopped: Failing share by look"))


def test_panels_are_worked_by_keyboard_and_cells_are_safe(page: Any) -> None:
    """A letter typed into a list must choose in the list, never cut a cell, which is JupyterLab's default."""
    panel = _cell(page, 'run.step("outage.deployments")')
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    choice = panel.locator("select").first
    choice.scroll_into_view_if_needed()
    choice.focus()
    page.keyboard.press("ArrowDown")
    _has(panel, re.compile("window 15m; asked at"))
    for key in ("x", "d", "d", "a", "b", "m"):
        page.keyboard.press(key)

    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    again = panel.get_by_role("button", name="Ask again")
    again.focus()
    page.keyboard.press("Space")
    _has(panel, re.compile("Asking|asked at"))
    page.locator(".jp-MarkdownCell").first.click()
    page.keyboard.press("b")
    page.wait_for_function(f"() => document.querySelectorAll('.jp-Notebook .jp-Cell').length == {cells + 1}")
    page.keyboard.press("z")
    page.wait_for_function(f"() => document.querySelectorAll('.jp-Notebook .jp-Cell').length == {cells}")


def test_it_reads_in_both_themes_and_on_a_tablet(page: Any) -> None:
    """Nothing is wider than the page, and words keep their contrast on both grounds."""
    bar, panel = page.locator(".pitchey-bar"), _cell(page, 'run.step("outage.error-patterns")')
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        page.locator(".lm-MenuBar-itemLabel", has_text="Settings").click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Theme$")).hover()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{theme}$")).click()
        page.wait_for_function(f"() => document.body.dataset.jpThemeName == {theme!r}")
        for width, height, name in ((1280, 900, "wide"), (820, 1180, "tablet")):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(600)
            _shot(page, f"theme-{theme.split()[1].lower()}-{name}-bar", bar)
            _shot(page, f"theme-{theme.split()[1].lower()}-{name}-panel", panel.locator(".pitchey-live"))
            wider = page.evaluate(
                "() => [...document.querySelectorAll('.pitchey-panel')].filter(e => e.offsetParent"
                " && e.scrollWidth > e.clientWidth + 2).map(e => e.className)"
            )
            assert wider == [], (theme, name)
            colours = bar.evaluate(
                "e => { const t = getComputedStyle(e.querySelector('section')).color;"
                " let g = e, c; do { c = getComputedStyle(g).backgroundColor; g = g.parentElement; }"
                " while (g && c == 'rgba(0, 0, 0, 0)'); return [t, c]; }"
            )
            assert _contrast(*colours) >= 4.5, (theme, colours)
    page.set_viewport_size({"width": 1280, "height": 900})


def _box(element: Any) -> dict[str, float]:
    """Return where an element is; the bar's clock draws it anew each second, and what is just drawn has no place."""
    found: dict[str, float] = _until(element.bounding_box)
    return found


def _contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two CSS colours (WCAG 2.2, 1.4.3)."""

    def light(colour: str) -> float:
        parts = [float(part) / 255 for part in re.findall(r"[\d.]+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.usefixtures("lived")
def test_the_bar_stays_in_sight_while_one_scrolls(page: Any) -> None:
    """The clock, and the way to say that one has it, are wanted at the bottom of the notebook as well."""
    panels = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer")
    for width, height in ((1280, 900), (820, 1180)):
        page.set_viewport_size({"width": width, "height": height})
        page.locator(".jp-CodeCell").last.scroll_into_view_if_needed()
        _until(lambda: panels.evaluate("e => e.scrollTop") > 1000)
        page.wait_for_timeout(400)
        frame, bar = _box(panels), _box(page.locator('section[aria-label="Incident"]'))
        page.locator(".pitchey-bar").get_by_text("On call").click()  # the active cell of JupyterLab is see-through
        ground = page.locator(".jp-Cell:has(.pitchey-bar)").evaluate("e => getComputedStyle(e).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        assert frame["y"] <= bar["y"] < frame["y"] + 60
        assert bar["y"] + bar["height"] < frame["y"] + frame["height"] / 3
        button = page.locator(".pitchey-bar").get_by_role("button", name="Notes")
        assert button.is_visible()
        # what gets the focus is not hidden below the bar
        first = _cell(page, 'run.step("outage.deployments")').locator("select").first
        first.focus()
        first.evaluate("e => e.scrollIntoView({block: 'start'})")
        page.wait_for_timeout(300)
        assert _box(first)["y"] >= bar["y"] + bar["height"] - 1
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_page_that_is_loaded_again_works_as_before(lived: Any) -> None:
    """A browser that crashed, a laptop that slept: the kernel lives, and its panels answer back again."""
    page = lived
    _save(page)
    page.reload()
    panel = _cell(page, 'run.step("outage.deployments")')
    panel.locator(".pitchey-live select").first.wait_for()
    _has(page.locator(".pitchey-bar"), re.compile("acknowledged by"))
    _shot(page, "10-reloaded", panel)
    panel.locator("select").first.select_option("30m")
    _has(panel, re.compile("window 30m; asked at"))
    card = _cell(page, 'run.step("outage.rollback")')
    _has(card, re.compile("VERIFIED: "))
    assert page.get_by_text(re.compile("Error displaying widget|Loading widget")).count() == 0


def test_the_saved_file_holds_static_twins(lived: Any, lab: Lab) -> None:
    """Saved and opened again, every panel reads as it was last seen; action cards are dead and say so."""
    page = lived
    _save(page)
    (work,) = lab.archive.glob(".sessions/*/work")
    saved = json.loads((work / "outage.ipynb").read_text())
    text = json.dumps(saved)

    assert "application/vnd.jupyter.widget-view+json" not in text
    assert "widgets" not in saved["metadata"]
    assert "Saved copy: this card is dead" in text
    assert "VERIFIED" in text
    assert "of one trace, through" in text
    assert "window 15m" in text
    # without its kernel the page has nothing but the file
    page.locator(".lm-MenuBar-itemLabel", has_text="Kernel").click()
    page.locator('li[data-command="kernelmenu:shutdown"]').click()
    page.wait_for_function("() => document.querySelector('#jp-main-statusbar').innerText.includes('No Kernel')")
    page.reload()
    page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for()
    _has(page.locator(".jp-NotebookPanel"), re.compile("As it was at"))
    assert page.locator(".pitchey-live").count() == 0
    assert page.get_by_text(re.compile("Error displaying widget|Loading widget")).count() == 0
    card = _cell(page, 'run.step("outage.rollback")')
    _has(card, re.compile("this card is dead and sends nothing"))
    assert card.locator("button, input").count() == card.locator(".jp-Toolbar button, .jp-Toolbar input").count()
    _shot(page, "11-reopened", card.locator(".jp-OutputArea").first)


def test_the_page_is_locked_down(page: Any, lab: Lab) -> None:
    """Without its token nobody gets in; an open page is no shell; only the working copy can be seen."""
    parts = urlsplit(lab.url)
    base = f"{parts.scheme}://{parts.netloc}"

    def status(path: str, token: str = "") -> int:
        request = urllib.request.Request(f"{base}{path}", headers={"Authorization": f"token {token}"} if token else {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as exc:
            return exc.code

    token = re.search("token=(.+)", lab.url)[1]  # type: ignore[index]
    assert parts.hostname == "127.0.0.1"
    assert status("/api/contents") == 403
    assert status("/api/contents", token) == 200
    assert status("/api/terminals", token) == 404
    (headless,) = [p.name for p in (lab.archive / lab.incident).iterdir() if p.name.startswith("RUN-")]
    assert status(f"/files/headless/{headless}/report.html", token) == 200  # where the bar's link leads
    assert status("/lab/api/extensions", token) in (200, 404)
    assert status("/api/contents/../session.json", token) in (400, 403, 404)
    assert status("/files/..%2Fsession.json", token) in (400, 403, 404)
    listening = {c.laddr.ip for p in _family(lab.process.pid) for c in p.net_connections("tcp") if c.status == "LISTEN"}
    assert listening == {"127.0.0.1"}
    assert token not in " ".join(" ".join(one.cmdline()) for one in _family(lab.process.pid))


def test_the_console_stayed_silent(page: Any) -> None:
    """An error there is a panel that may be lying."""
    assert page.complaints == []


def _family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


@pytest.mark.usefixtures("lived")
def test_ended_it_is_archived_and_nothing_is_left_running(lab: Lab) -> None:
    """A run of its own with what was seen and done; the headless one is as it was; no process, no session folder."""
    (headless,) = [p for p in (lab.archive / lab.incident).iterdir() if p.name.startswith("RUN-")]
    before = {path.name: path.read_bytes() for path in headless.iterdir() if path.is_file()}
    family = _family(lab.process.pid)
    lab.process.send_signal(signal.SIGTERM)

    assert lab.process.wait(400) == 0
    _until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family), within_s=30)
    assert {path.name: path.read_bytes() for path in headless.iterdir() if path.is_file()} == before
    runs = sorted(p for p in (lab.archive / lab.incident).iterdir() if p.name.startswith("RUN-"))
    (session,) = [run for run in runs if run != headless]
    assert not list((lab.archive / ".sessions").iterdir())
    assert json.loads((session / "manifest.json").read_bytes())["completed"]
    events = read_events((session / "evidence.har.gz").read_bytes())
    done = [event["did"] for event in events if event["record"] == "person"]
    for what in ("asked", "chose a pattern", "looked at an entry", "acknowledged", "planned", "action", "wrote a note"):
        assert what in done, what
    kept = (session / "notebook.ipynb").read_text()
    assert "VERIFIED" in kept
    assert "widget-view" not in kept
    env = {"PITCHEY_OPS_ARCHIVE": str(lab.archive)}
    verified = ops("verify", "--all", "--json", env=env)
    assert json.loads(verified.stdout)["problems"] == []
    replayed = ops("replay", session.name, env=env)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "identical to the byte" in replayed.stdout
