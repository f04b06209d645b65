"""The web page in a real Chromium: nothing runs, nothing covers, everything can be read and reached by keyboard."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hostile import HOSTILE
from report_samples import EXTRAS, sample_panels
from report_samples import report as sample
from web_service import NAME, TOKEN, Pages, alert, filled, ordered, ran

from pitchey_ops.evidence.archive import Archive
from pitchey_ops.reports.page import page
from pitchey_ops.runbooks.labels import labels
from pitchey_ops.settings import load

pytestmark = [pytest.mark.slow, pytest.mark.browser]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
Made = tuple[Pages, dict[str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A service with incidents of every kind, some of them hostile through and through."""
    folder = tmp_path_factory.mktemp("web") / "outputs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PITCHEY_OPS_ARCHIVE", str(folder))
        patch.setenv("PITCHEY_OPS_WEB_TOKEN", TOKEN)
        html = page(sample(), sample_panels()[:3], extras=EXTRAS)
        state, names = filled(folder, load("sandbox"), html)
        pages = Pages(state)
    texts = [text.replace("\0", "␀").encode("utf-8", "replace").decode()[:3000] for text in HOSTILE.values()]
    for at, text in enumerate(texts[:150]):
        names["hostile"] = alert(state, text or "-", service="hostile", severity="P4", kind=f"{at}{text[:150]}")
    ran(
        state, names["hostile"], ordered(state, names["hostile"]),
        "<style>body{color:red}</style><script>alert(1)</script><img src=x onerror=alert(1)>"
        "<a href=//evil.example>x</a>",
        summary=f"New since the onset: “{HOSTILE['css overlay']}{HOSTILE['script']}”", services=[HOSTILE["svg"]],
        runbook="outage", cause="bad_deployment",
    )  # fmt: skip
    for text in texts[150:190]:
        alert(state, text or "-", service=f"s{len(text)}{text[:40]}", severity="P4")
    with pages:
        yield pages, names


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a headless Chromium; where there is none, skip loudly, but fail in CI."""
    if CHROMIUM is None:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail("no Chromium found, and CI must have one")
        pytest.skip("NO CHROMIUM FOUND: what a real browser does with the web page was NOT checked")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        driven = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        yield driven
        driven.close()


def tab_of(browser: Any, pages: Pages, width: int = 1280, scheme: str = "light") -> tuple[Any, list[str]]:
    """Return a signed-in tab, and the list of what must not happen in it."""
    events: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab = context.new_page()
    tab.set_default_timeout(60_000)
    tab.on("dialog", lambda dialog: (events.append(f"dialog {dialog.message}"), dialog.dismiss()))
    tab.on("console", lambda message: events.append(f"console {message.text[:300]}"))
    tab.on("pageerror", lambda error: events.append(f"error {error}"))
    tab.on("popup", lambda _: events.append("popup"))

    def asked(request: Any) -> None:
        if not request.url.startswith((pages.url, "data:")):
            events.append(f"request {request.url[:80]}")

    tab.on("request", asked)
    tab.goto(f"{pages.url}/")
    tab.get_by_label("Your name").fill(NAME)
    tab.get_by_label("Token").fill(TOKEN)
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_selector("h1:has-text('Incidents')")
    return tab, events


PROBE = """() => {
  const lifted = [...document.querySelectorAll('body *')].filter(one => {
    const how = getComputedStyle(one).position;
    return (how === 'fixed' || how === 'absolute' || how === 'sticky') && !one.matches('.skip, .search label');
  }).length;
  return {wide: document.documentElement.scrollWidth - window.innerWidth, lifted, scripts: document.scripts.length,
    title: document.title, h1: document.querySelectorAll('h1').length};
}"""

CONTRAST = """() => {
  const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length > 3 ? n : [...n, 1]; };
  const linear = v => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const light = c => .2126 * linear(c[0]) + .7152 * linear(c[1]) + .0722 * linear(c[2]);
  const ground = matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0, 1] : [255, 255, 255, 1];
  const behind = one => {
    for (; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour[3] > .99) return colour;
    }
    return ground;
  };
  const bad = [];
  for (const one of document.querySelectorAll('body *')) {
    if (![...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
    const style = getComputedStyle(one), size = parseFloat(style.fontSize);
    if (!one.getClientRects().length || style.visibility === 'hidden' || one.closest('.skip')) continue;
    const a = light(parse(style.color)), b = light(behind(one));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) bad.push(`${one.tagName}.${one.className} ${ratio.toFixed(2)}`);
  }
  return bad;
}"""


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark"), (320, "light")])
def test_nothing_runs_calls_home_or_covers_any_page(made: Made, browser: Any, width: int, scheme: str) -> None:
    """Whoever can make a log line can write on these pages; a responder has them open with all rights."""
    pages, names = made
    tab, events = tab_of(browser, pages, width, scheme)
    for path in ("/", "/?q=script", *(f"/incidents/{names[one]}" for one in ("hostile", "overdue", "storm", "kept"))):
        tab.goto(pages.url + path)
        seen = tab.evaluate(PROBE)
        assert seen["lifted"] == 0, path
        assert seen["wide"] <= 0, path
        assert (seen["scripts"], seen["h1"]) == (0, 1), path
        assert seen["title"] != "owned"
    blocked = [one for one in events if not re.match(r"console .*(Content Security Policy|sandboxed)", one)]
    assert blocked == []
    tab.context.close()


def test_a_report_that_is_hostile_itself_can_do_nothing_in_its_frame(made: Made, browser: Any) -> None:
    """Even if whoever holds the archive put a page of their own there: no script, no picture from elsewhere."""
    pages, names = made
    tab, events = tab_of(browser, pages)
    tab.goto(f"{pages.url}/incidents/{names['hostile']}")
    frame = tab.frame_locator("iframe.report")
    frame.locator("a").wait_for()
    link = frame.locator("a")
    link.click()
    tab.wait_for_timeout(300)
    assert not [one for one in events if one.startswith(("dialog", "popup", "error"))]
    assert tab.url.startswith(pages.url)
    assert tab.evaluate("document.querySelector('iframe').contentDocument") is None, "it is a stranger to this page"
    run = tab.get_attribute("iframe.report", "src")
    tab.goto(f"{pages.url}{run}")
    assert tab.evaluate("self.origin") == "null"
    tab.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_enough(made: Made, browser: Any, scheme: str) -> None:
    """WCAG 2.2 AA: 4.5 to 1, 3 to 1 where it is large."""
    pages, names = made
    tab, _ = tab_of(browser, pages, 1280, scheme)
    paths = [
        "/",
        "/?q=nothing-like-it",
        *(f"/incidents/{names[one]}" for one in ("overdue", "stale", "running", "resolved")),
    ]
    for path in paths:
        tab.goto(pages.url + path)
        tab.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert tab.evaluate(CONTRAST) == [], path
    tab.evaluate("document.querySelector('h2').style.color = getComputedStyle(document.body).backgroundColor")
    assert tab.evaluate(CONTRAST) != [], "the measure itself must be able to fail"
    tab.context.close()


def test_an_incident_is_found_acknowledged_and_marked_by_keyboard_alone(made: Made, browser: Any) -> None:
    """At 3 am, with one hand, or without eyes: every step has focus that shows, and a name."""
    pages, names = made
    tab, _ = tab_of(browser, pages)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"

    def walk_to(name: str) -> None:
        for _ in range(80):
            tab.keyboard.press("Tab")
            seen = tab.evaluate(
                "() => {const e = document.activeElement, s = getComputedStyle(e);"
                "const shows = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2;"
                "return [e.getAttribute('aria-label') || e.innerText || '', shows];}"
            )
            assert seen[1], f"no focus to be seen on {seen[0]!r}"
            if name in seen[0]:
                return
        raise AssertionError(f"{name} cannot be reached")

    walk_to("38 % of requests fail")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**/incidents/{names['overdue']}")
    tab.keyboard.press("Tab")
    walk_to("Acknowledge")
    tab.keyboard.press("Enter")
    tab.get_by_role("status").wait_for()
    assert "the response clock stands" in tab.get_by_role("status").inner_text()
    run = tab.locator(".run").first.get_attribute("id")
    walk_to(f"Mark the verdict of {run} right")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".mark-right")
    assert labels(Archive(pages.state.settings.archive_root()))[run].by == NAME
    tab.context.close()


def test_screen_readers_hear_landmarks_headings_and_names(made: Made, browser: Any) -> None:
    """What Chromium's own accessibility tree holds."""
    pages, names = made
    tab, _ = tab_of(browser, pages, 390)
    tab.goto(f"{pages.url}/incidents/{names['resolved']}")
    for role, name in (
        ("banner", None), ("main", None), ("contentinfo", None), ("search", None), ("navigation", "Where you are"),
        ("region", "Timeline"), ("region", re.compile("Runs")), ("searchbox", "Search"), ("button", "Search"),
    ):  # fmt: skip
        assert tab.get_by_role(role, **({} if name is None else {"name": name})).count() >= 1, (role, name)
    assert tab.locator("html").get_attribute("lang") == "en"
    sizes = tab.evaluate(
        "() => [...document.querySelectorAll('button, .button, summary, input:not([type=hidden]), select')]"
        ".filter(e => e.getClientRects().length).map(e => [e.innerText, e.getBoundingClientRect().height])"
    )
    assert all(height >= 24 for _, height in sizes), sizes
    levels = tab.evaluate("() => [...document.querySelectorAll('h1,h2,h3')].map(e => +e.tagName[1])")
    assert all(after <= before + 1 for before, after in pairwise(levels))
    tab.context.close()


def test_search_and_files_work_as_people_use_them(made: Made, browser: Any, tmp_path: Path) -> None:
    """An address out of a log leads to its incident, and its notebook is saved, not opened."""
    pages, names = made
    tab, events = tab_of(browser, pages, 390)
    tab.get_by_role("searchbox").fill("203.0.113.77")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/?q=203.0.113.77")
    tab.get_by_role("link", name="Not clear: the logs are blind.").click()
    tab.wait_for_url(f"**/incidents/{names['kept']}")
    tab.get_by_text("Files").first.click()
    with tab.expect_download() as waiting:
        tab.get_by_role("link", name="Notebook").click()
    assert waiting.value.suggested_filename.endswith("-notebook.ipynb")
    assert not [one for one in events if one.startswith(("dialog", "popup", "error"))]
    tab.context.close()
