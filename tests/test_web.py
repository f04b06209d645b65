"""The web page: who may see it, what it shows, what its forms do, and what no address makes it do."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
import postgres_server
import pytest
from archives import put, report
from hostile import HOSTILE
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from report_samples import EXTRAS, sample_panels
from report_samples import report as sample
from web_service import NAME, TOKEN, Pages, alert, filled, ordered, ran, state_of

from pitchey_ops.errors import ConfigError
from pitchey_ops.evidence.archive import Archive
from pitchey_ops.postmortem.calendar import respond_by
from pitchey_ops.reports.page import page
from pitchey_ops.runbooks.labels import labels
from pitchey_ops.service import db, incidents
from pitchey_ops.service.intake.routing import rules_of
from pitchey_ops.service.own_errors import report_own_errors
from pitchey_ops.service.state import State
from pitchey_ops.service.web.access import Access, AccessConfig, load_access, next_place
from pitchey_ops.service.web.headers import PAGE_POLICY
from pitchey_ops.service.web.reading import Reader
from pitchey_ops.settings import load

pytestmark = pytest.mark.slow
Made = tuple[Pages, dict[str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A service with incidents of every kind; one for all tests that do not break it."""
    folder = tmp_path_factory.mktemp("web") / "outputs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PITCHEY_OPS_ARCHIVE", str(folder))
        patch.setenv("PITCHEY_OPS_WEB_TOKEN", TOKEN)
        html = page(sample(), sample_panels()[:1], extras=EXTRAS)
        state, names = filled(folder, load("sandbox"), html)
        pages = Pages(state)
    with pages:
        yield pages, names


@pytest.fixture(scope="module")
def client(made: Made) -> Iterator[httpx.Client]:
    """A signed-in client."""
    with made[0].client() as signed_in:
        yield signed_in


def form_of(text: str) -> str:
    """Return the token that the forms of a page carry."""
    found = re.search(r'name="form" value="([^"]+)"', text)
    assert found is not None
    return found[1]


def run_of(text: str) -> str:
    """Return the first run with a report on an incident's page."""
    found = re.search(r"/runs/(RUN-[^/]+)/report", text)
    assert found is not None
    return found[1]


# ── access ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_token_there_is_nothing_to_see(made: Made) -> None:
    """Incidents hold the platform's weak points: nothing of them is for strangers."""
    pages, names = made
    with pages.client(signed_in=False) as stranger:
        paths = [
            "/",
            f"/incidents/{names['overdue']}",
            "/?q=pitch",
            "/metrics",
            f"/incidents/{names['kept']}/runs/x/report",
        ]
        for path in paths:
            answer = stranger.get(path)
            assert answer.status_code in (303, 401), path
            assert "INC-" not in answer.text
        answer = stranger.get(f"/incidents/{names['overdue']}")
        assert answer.headers["location"] == f"/login?next=%2Fincidents%2F{names['overdue']}"
        assert stranger.post(f"/incidents/{names['overdue']}/acknowledge").status_code == 401
        assert stranger.get("/", headers={"accept": "application/json"}).status_code == 401


def test_a_page_without_any_access_configured_is_closed_and_says_how_to_open_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never open by forgetting a variable."""
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(tmp_path / "outputs"))
    with Pages(state_of(tmp_path / "outputs", load("sandbox"))) as pages, pages.client(signed_in=False) as stranger:
        for path in ("/", "/login", "/?q=x"):
            answer = stranger.get(path)
            assert answer.status_code == 503
            assert "PITCHEY_OPS_WEB_TOKEN" in answer.text
        assert stranger.get("/metrics").status_code == 401
        assert stranger.get("/healthz").text == "ok\n"


def test_the_token_makes_a_session_that_scripts_cannot_read_and_other_sites_cannot_use(made: Made) -> None:
    """HttpOnly, SameSite, and nothing in it that could be changed."""
    pages, _ = made
    with pages.client(signed_in=False) as one:
        wrong = one.post("/login", data={"token": "x" * 30, "name": NAME, "next": "/"})
        assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
        answer = one.post("/login", data={"token": TOKEN, "name": NAME, "next": "//evil.example"})
        assert answer.headers["location"] == "/"
        cookie = answer.headers["set-cookie"]
        assert re.search(r"; HttpOnly;.*; SameSite=lax", cookie)
        assert TOKEN not in cookie
        assert one.get("/").status_code == 200
        value = one.cookies["pitchey_ops"]
    for bad in (value[:-2], value[1:], value.split(".")[0], "", "a.b.c"):
        with pages.client(signed_in=False, cookies={"pitchey_ops": bad}) as other:
            assert other.get("/").status_code == 303


def test_guessing_tokens_is_slowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten tries a minute from one address; the right token then waits as well."""
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(tmp_path / "outputs"))
    monkeypatch.setenv("PITCHEY_OPS_WEB_TOKEN", TOKEN)
    with Pages(state_of(tmp_path / "outputs", load("sandbox"))) as pages, pages.client(signed_in=False) as one:
        codes = [one.post("/login", data={"token": f"wrong{at}", "name": "x"}).status_code for at in range(11)]
        assert codes == [401] * 10 + [429]
        answer = one.post("/login", data={"token": TOKEN, "name": "x"})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")


def test_a_token_that_is_taken_out_ends_its_sessions_and_two_work_while_they_are_changed() -> None:
    """Rotation must neither lock people out nor leave old sessions alive."""
    old, new = "old-token-1234567890", "new-token-1234567890"

    def request(cookie: str) -> Any:
        from starlette.requests import Request

        headers = [(b"cookie", f"pitchey_ops={cookie}".encode())]
        return Request({"type": "http", "headers": headers, "client": ("10.0.0.9", 1)})

    def cookie_of(access: Access) -> str:
        from starlette.responses import Response

        answer = Response()
        access.let_in(answer, "ana")
        return answer.headers["set-cookie"].partition("=")[2].partition(";")[0]

    given = cookie_of(Access(AccessConfig(tokens=(old,))))
    during, after = Access(AccessConfig(tokens=(new, old))), Access(AccessConfig(tokens=(new,)))
    assert during.visitor(request(given)) is not None
    assert after.visitor(request(given)) is None
    assert after.visitor(request(cookie_of(during))) is not None
    assert (during.is_token(old), during.is_token(new), after.is_token(old)) == (True, True, False)
    secure = Access(AccessConfig(tokens=(new,), public_url="https://ops.example"))
    assert secure.cookie.startswith("__Host-")


def test_a_proxys_word_counts_from_its_address_and_from_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can send a header; only the proxy's connection makes it true."""
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(tmp_path / "outputs"))
    state = state_of(tmp_path / "outputs", load("sandbox"))
    said = {"x-forwarded-user": "ana@pitchey.example", "x-forwarded-for": "10.9.9.9"}
    for proxies, code in (("127.0.0.1/32", 200), ("10.0.0.0/8, 192.0.2.1", 401)):
        monkeypatch.setenv("PITCHEY_OPS_WEB_PROXIES", proxies)
        with Pages(state) as pages, pages.client(signed_in=False) as one:
            assert one.get("/", headers=said).status_code == code
            assert one.get("/").status_code == 401
            doubled = [("x-forwarded-user", "ana"), ("x-forwarded-user", "root"), ("accept", "text/html")]
            assert one.get("/", headers=doubled).status_code == 401
            if code == 200:
                answer = one.get("/", headers=said)
                assert "ana@pitchey.example" in answer.text
                incident = alert(state, "x", service="y")
                shown = one.get(f"/incidents/{incident}", headers=said)
                data = {"form": form_of(shown.text)}
                path = f"/incidents/{incident}/acknowledge"
                assert one.post(path, headers=said).status_code in (403, 415)
                other = {**said, "x-forwarded-user": "eve"}
                assert one.post(path, headers=other, data=data).status_code == 403
                assert one.post(path, headers=said, data=data).status_code == 303


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "/a\nb",
        "/" + "a" * 600,
        None,
    ],
)
def test_signing_in_leads_nowhere_else(place: str | None) -> None:
    """A link to our login must not end on a stranger's copy of it."""
    assert next_place(place) == "/"
    assert next_place("/incidents/INC-1?x=1") == "/incidents/INC-1?x=1"


def test_faults_of_access_are_listed_and_the_token_is_not_shown() -> None:
    """A short token, a proxy that is everybody, a header that is none."""
    with pytest.raises(ConfigError) as caught:
        load_access(
            environment={
                "PITCHEY_OPS_WEB_TOKEN": "hunter2",
                "PITCHEY_OPS_WEB_PROXIES": "0.0.0.0/0 x",
                "PITCHEY_OPS_WEB_IDENTITY_HEADER": "a b",
            }
        )
    assert len(caught.value.faults) == 4
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(AccessConfig(tokens=("hunter2",)))


# ── writes ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_write_needs_the_form_that_this_visitor_was_shown(made: Made, client: httpx.Client) -> None:
    """Another site can make a browser send our cookie; it cannot make it send our form."""
    pages, names = made
    path = f"/incidents/{names['stale']}/acknowledge"
    good = form_of(client.get(f"/incidents/{names['stale']}").text)
    with pages.client() as other:
        foreign = form_of(other.get("/incidents/" + names["stale"]).text)
    tries: list[tuple[dict[str, str], dict[str, str], int]] = [
        ({}, {}, 403),
        ({"form": ""}, {}, 403),
        ({"form": foreign}, {}, 403),
        ({"form": good[:-1]}, {}, 403),
        ({"form": good}, {"sec-fetch-site": "cross-site"}, 403),
        ({"form": good}, {"sec-fetch-site": "same-site"}, 403),
        ({"form": good}, {"origin": "https://evil.example"}, 403),
        ({"form": good}, {"origin": "null"}, 403),
        ({"form": good, "x": "y" * 20_000}, {}, 413),
    ]
    for data, headers, code in tries:
        answer = client.post(path, data=data or {"a": "b"}, headers=headers)
        assert answer.status_code == code, (data, headers)
    assert client.post(path, json={"form": good}).status_code == 415
    assert "Acknowledge</button>" in client.get(f"/incidents/{names['stale']}").text, "nothing was changed"
    with pages.client(signed_in=False, headers={"authorization": f"Bearer {TOKEN}"}) as robot:
        assert robot.get("/").status_code == 200
        assert robot.post(path, data={"form": good}).status_code == 403
    assert client.get(path).status_code == 405
    answer = client.post("/login", data={"token": TOKEN, "name": "x"}, headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_people_acknowledge_set_severity_run_and_resolve(made: Made, client: httpx.Client) -> None:
    """What the page offers is done once, under the visitor's name, and said."""
    pages, _ = made
    incident = alert(pages.state, "Payments fail", service="payments", severity="P3")
    here = f"/incidents/{incident}"
    form = form_of(client.get(here).text)

    def write(what: str, **data: str) -> str:
        answer = client.post(f"{here}/{what}", data={"form": form, **data})
        assert answer.status_code == 303, answer.text
        return client.get(answer.headers["location"]).text

    assert "the response clock stands" in write("acknowledge")
    assert "it was so already" in write("acknowledge")
    assert "The severity is set" in write("severity", severity="P1")
    assert "The run is asked for" in write("run", runbook="database")
    text = write("resolve", text="Restarted <b>it</b>")
    assert "RESOLVED" in text
    assert "Restarted &lt;b&gt;it&lt;/b&gt;" in text
    assert f'Acknowledged by <q class="telemetry">⟪{NAME}⟫</q>' in text
    assert "Severity P3 → P1" in text
    assert client.post(f"{here}/severity", data={"form": form, "severity": "P0"}).status_code == 400
    assert client.post(f"{here}/run", data={"form": form, "runbook": "../x"}).status_code == 400
    assert client.post("/incidents/INC-20200101-000000-aaaa/resolve", data={"form": form}).status_code == 404


def test_a_clock_that_a_person_sets_keeps_the_house_calendar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next business day ends when people there go home, whichever way the severity was set."""
    folder = tmp_path / "outputs"
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(folder))
    monkeypatch.setenv("PITCHEY_OPS_WEB_TOKEN", TOKEN)
    monkeypatch.setenv("PITCHEY_OPS_BUSINESS_TIMEZONE", "America/New_York")
    state = state_of(folder, load("sandbox"))
    incident = alert(state, "Payments fail", service="payments", severity="P2")
    with Pages(state) as pages, pages.client() as one:
        form = form_of(one.get(f"/incidents/{incident}").text)
        one.post(f"/incidents/{incident}/severity", data={"form": form, "severity": "P4"})
    with db.reading(state.db) as connection:
        found = incidents.incident(connection, incident)
    assert found is not None
    assert found.respond_by == respond_by("P4", found.clock_at, rules_of(state.settings).calendar)
    assert found.respond_by.astimezone(ZoneInfo("America/New_York")).hour == 18


def test_what_a_person_says_ended_it_is_kept_without_secrets(made: Made, client: httpx.Client) -> None:
    """ "Rotated the key, it is ghp_… now" is written in a hurry."""
    pages, _ = made
    token = "ghp_" + "a1B2" * 9
    here = f"/incidents/{alert(pages.state, 'Push fails', service='push')}"
    form = form_of(client.get(here).text)
    client.post(f"{here}/resolve", data={"form": form, "text": f"the key is {token} now"})
    text = client.get(here).text
    assert "the key is [redacted:github] now" in text
    assert token not in text


def test_one_click_labels_a_run_right_or_wrong(made: Made, client: httpx.Client) -> None:
    """Rules are judged by what people say about verdicts: saying it must cost a click."""
    pages, names = made
    archive = Archive(pages.state.settings.archive_root())
    here = f"/incidents/{names['overdue']}"
    text = client.get(here).text
    form, run = form_of(text), run_of(text)

    def mark(mark: str, **data: str) -> str:
        answer = client.post(f"{here}/runs/{run}/mark", data={"form": form, "mark": mark, **data})
        assert answer.status_code == 303, answer.text
        return client.get(answer.headers["location"].partition("#")[0]).text

    assert "✓ marked right" in mark("right")
    made_label = labels(archive)[run]
    assert (made_label.cause, made_label.by) == ("bad_deployment", NAME)
    assert made_label.onset is not None
    assert "it was so already" in mark("right")
    text = mark("wrong")
    assert "✗ marked wrong" in text
    assert run not in labels(archive), "a case whose truth nobody knows judges nothing"
    assert "it was so already" in mark("wrong")
    assert "was database_down" in mark("cause", cause="database_down")
    assert labels(archive)[run].cause == "database_down"
    assert client.post(f"{here}/runs/{run}/mark", data={"form": form, "mark": "cause", "cause": "x"}).status_code == 400
    lines = (archive.root / names["overdue"] / "notes.jsonl").read_text().count("\n")
    assert lines == 3


def test_an_inconclusive_verdict_cannot_be_right(made: Made, client: httpx.Client) -> None:
    """It names no cause; what it was can be said all the same."""
    _, names = made
    here = f"/incidents/{names['kept']}"
    text = client.get(here).text
    assert "✓ Right" not in text
    assert "Say what it was" in text
    answer = client.post(f"{here}/runs/{run_of(text)}/mark", data={"form": form_of(text), "mark": "right"})
    assert answer.status_code == 400


# ── what is shown ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_page_says_state_severity_clock_and_verdict(client: httpx.Client) -> None:
    """Worst first; unknown is not called well."""
    text = client.get("/").text
    assert text.index("OVERDUE by") < text.index("ACKNOWLEDGED") < text.index("Resolved and recorded")
    for words in (
        "A deployment broke it; 38 % of requests fail since 14:03 UTC.",
        "verdict STALE: ",
        "no verdict yet",
        "1 run running",
        "⚠ 1 run stale",
        "promise kept",
        "31 alerts",
        "RECORD",
        "? INCONCLUSIVE",
    ):
        assert words in text, words
    assert "⟪jwt expired at issuer &lt;b&gt;x&lt;/b&gt;⟫" in text


def test_many_small_incidents_do_not_push_a_grave_one_out_of_sight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can forge alerts must not be able to hide one."""
    folder = tmp_path / "outputs"
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(folder))
    monkeypatch.setattr("pitchey_ops.service.web.reading.OPEN_SHOWN", 5)
    state = state_of(folder, load("sandbox"))
    now = datetime.now(UTC)
    grave = alert(state, "Checkout is down", service="pay", severity="P1", at=now - timedelta(hours=2))
    for n in range(6):
        alert(state, f"note {n}", service=f"s{n}", severity="P4", at=now - timedelta(minutes=n))
    shown = Reader(state).list_page()
    assert (shown.open[0].id, len(shown.open)) == (grave, 5)
    assert shown.trouble.startswith("More than 5 incidents are open")


def test_running_and_stale_runs_look_different(made: Made, client: httpx.Client) -> None:
    """A run whose worker is gone must not look like one that works."""
    _, names = made
    assert "◐ RUNNING" in client.get(f"/incidents/{names['running']}").text
    text = client.get(f"/incidents/{names['stale']}").text
    assert "⚠ STALE" in text
    assert "no sign of life from its worker" in text
    assert 'http-equiv="refresh"' in client.get(f"/incidents/{names['running']}").text
    assert 'http-equiv="refresh"' not in client.get(f"/incidents/{names['running']}?still=1").text


def test_a_storm_is_a_short_timeline(made: Made, client: httpx.Client) -> None:
    """Repeated alerts are one line with a count; a long timeline says what it leaves out."""
    pages, names = made
    assert "× 31" in client.get(f"/incidents/{names['storm']}").text
    incident = alert(pages.state, "kind 0", service="search", severity="P4")
    for at in range(1, 260):
        alert(pages.state, f"kind {at}", service="search", severity="P4")
    text = client.get(f"/incidents/{incident}").text
    assert re.search(r"\d+ lines are not shown here; the archive holds all", text)
    assert "kind 259" in text
    assert len(text) < 200_000


@pytest.mark.parametrize(
    "words",
    ["genres", "TypeError undefined", "203.0.113.77", "bad_deployment", "pitch", "wp-login.php", "deployment broke"],
)
def test_search_finds_findings_patterns_services_and_addresses(made: Made, client: httpx.Client, words: str) -> None:
    """Somebody saw an address in a log and asks where it was before."""
    _, names = made
    text = client.get("/", params={"q": words}).text
    assert names["overdue"] in text
    assert "Upload fails" not in text


SEARCHED = ("script", "attribute break", "sql", "jinja", "lone surrogate high", "only white space", "giant line")


@pytest.mark.parametrize("kind", SEARCHED)
def test_a_search_for_anything_is_only_a_search(client: httpx.Client, kind: str) -> None:
    """The query language of the index, SQL and HTML are none of the visitor's."""
    text = HOSTILE[kind][:3000].encode("utf-8", "replace").decode()
    answer = client.get("/", params={"q": text})
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert 'onmouseover="' not in answer.text


class Outline(HTMLParser):
    """Elements with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_every_page_can_be_heard_and_used_without_a_mouse(made: Made, client: httpx.Client) -> None:
    """Landmarks, one first heading, headings in order, a label for every field, a name for every frame."""
    pages, names = made
    with pages.client(signed_in=False) as stranger:
        texts = [stranger.get("/login").text]
    texts += [
        client.get(path).text for path in ("/", "/?q=pitch", *(f"/incidents/{one}" for one in names.values()), "/x")
    ]
    for text in texts[:-1]:
        tags = Outline(text).tags
        names_there = [tag for tag, _ in tags]
        assert {"header", "main", "footer", "title"} <= set(names_there)
        assert names_there.count("h1") == 1
        levels = [int(tag[1]) for tag in names_there if re.fullmatch("h[1-6]", tag)]
        assert all(after <= before + 1 for before, after in pairwise(levels))
        labelled = {has["for"] for tag, has in tags if tag == "label"}
        for tag, has in tags:
            if tag in ("input", "select") and has.get("type") != "hidden":
                assert has["id"] in labelled
            if tag == "iframe":
                assert has["title"]
                assert has["sandbox"] in ("", None)
            if tag in ("a", "form", "link", "iframe"):
                place = has.get("href") or has.get("action") or has.get("src") or ""
                assert re.match(r"/(?!/)|#|data:,", place), place
            assert not any(name.startswith("on") or name == "style" for name in has)
        found = [has["id"] for _, has in tags if has.get("id")]
        assert len(found) == len(set(found))
        targets = {has["aria-labelledby"] for _, has in tags if has.get("aria-labelledby")}
        assert targets <= set(found)


def test_no_page_lets_a_browser_do_more_than_show_it(made: Made, client: httpx.Client) -> None:
    """Policy, no sniffing, no framing, no caching; not even an error page is without."""
    _, names = made
    here = f"/incidents/{names['overdue']}"
    run = run_of(client.get(here).text)
    for path in ("/", "/?q=x", here, "/incidents/x", "/login", f"{here}/runs/{run}/files/nothing"):
        answer = client.get(path)
        assert answer.headers["content-security-policy"] == PAGE_POLICY, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
    assert "script" not in PAGE_POLICY
    assert "unsafe" not in PAGE_POLICY


def test_the_report_is_a_document_that_can_do_nothing(made: Made, client: httpx.Client) -> None:
    """Its own origin, its one style by digest, pictures that it carries, framed by us alone."""
    _, names = made
    here = f"/incidents/{names['overdue']}"
    text = client.get(here).text
    run = run_of(text)
    assert f'<iframe class="report" sandbox title="Report of {run}" src="{here}/runs/{run}/report"' in text
    answer = client.get(f"{here}/runs/{run}/report")
    policy = answer.headers["content-security-policy"]
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy.startswith("sandbox; default-src 'none'; ")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "allow-" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["notebook.ipynb", "evidence.har.gz", "report.html", "report.json", "manifest.json"])
def test_files_are_given_to_be_saved_and_never_shown(made: Made, client: httpx.Client, name: str) -> None:
    """A notebook or a HAR that a browser rendered would be somebody else's page on our origin."""
    _, names = made
    here = f"/incidents/{names['overdue']}"
    run = run_of(client.get(here).text)
    answer = client.get(f"{here}/runs/{run}/files/{name}")
    path = Archive(made[0].state.settings.archive_root()).run_folder(names["overdue"], run) / name
    assert answer.content == path.read_bytes() or answer.headers.get("content-encoding")
    assert answer.headers["content-disposition"] == f'attachment; filename="{run}-{name}"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


BAD = (
    "..", "../..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%00", "INC-20261123-104100-aaaa%00",
    "INC-20261123-104100-AAAA", "INC-20269999-104100-aaaa", ".service", ".staging", "keys",
    "RUN-20261123-104100-aaaa", "INC-20261123-104100-aaaa%0a",
)  # fmt: skip


def raw_get(client: httpx.Client, path: str) -> Any:
    """Ask for *path* as it stands; libraries would tidy it up."""
    import http.client

    where = http.client.HTTPConnection(client.base_url.host, client.base_url.port or 80, timeout=30)
    where.putrequest("GET", path, skip_host=False)
    where.putheader("cookie", f"pitchey_ops={client.cookies['pitchey_ops']}")
    where.endheaders()
    return where.getresponse()


@pytest.mark.parametrize("bad", BAD)
def test_no_part_of_an_address_becomes_a_path_unchecked(made: Made, client: httpx.Client, bad: str) -> None:
    """Ids are ids and names are in a list; all else is no page."""
    _, names = made
    run = run_of(client.get(f"/incidents/{names['overdue']}").text)
    for path in (
        f"/incidents/{bad}",
        f"/incidents/{bad}/runs/{run}/report",
        f"/incidents/{names['overdue']}/runs/{bad}/report",
        f"/incidents/{names['overdue']}/runs/{bad}/files/report.html",
        f"/incidents/{names['overdue']}/runs/{run}/files/{bad}",
        f"/static/{bad}",
    ):
        answer = raw_get(client, path)
        assert answer.status == 404, path
        assert b"root:" not in answer.read()


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.text(max_size=40))
def test_any_text_in_an_address_is_answered_without_a_fault(made: Made, client: httpx.Client, text: str) -> None:
    """Whatever stands there: a page, or no page, and never our fault."""
    _, names = made
    part = quote(text.encode("utf-8", "replace"), safe="")
    for path in (
        f"/incidents/{part}",
        f"/incidents/{names['kept']}/runs/{part}/files/{part}",
        f"/?q={part}&before={part}",
    ):
        answer = client.get(path)
        assert answer.status_code in (200, 307, 404)
        assert answer.headers.get("location", str(client.base_url)).startswith(str(client.base_url)), "a slash, dropped"


def test_a_link_in_the_archive_leads_nowhere(tmp_path: Path, made: Made, client: httpx.Client) -> None:
    """Whoever could put a link among a run's files must not read the machine with it."""
    pages, names = made
    run = run_of(client.get(f"/incidents/{names['resolved']}").text)
    folder = Archive(pages.state.settings.archive_root()).run_folder(names["resolved"], run)
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").symlink_to("/etc/passwd")
    assert client.get(f"/incidents/{names['resolved']}/runs/{run}/files/manifest.json").status_code == 404


# ── health and metrics ───────────────────────────────────────────────────────────────────────────────────────────


def metric(text: str, name: str, **wanted: str) -> float:
    """Return the sum of a metric's samples that have these labels."""
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and wanted.items() <= sample.labels.items()
    ]
    assert found, name
    return sum(found)


def test_metrics_count_queue_age_results_and_durations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alert that waits, runs by result and their durations: what one watches this service by."""
    folder = tmp_path / "outputs"
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(folder))
    monkeypatch.setenv("PITCHEY_OPS_WEB_TOKEN", TOKEN)
    state, _ = filled(folder, load("sandbox"))
    with Pages(state) as pages, pages.client(signed_in=False) as robot:
        robot.headers["authorization"] = f"Bearer {TOKEN}"
        for _ in range(2):
            text = robot.get("/metrics").text
        assert metric(text, "pitchey_ops_up") == 1
        assert metric(text, "pitchey_ops_queue_depth", state="running") == 2
        assert metric(text, "pitchey_ops_queue_depth", severity="P4", state="placed") == 1
        assert 200 < metric(text, "pitchey_ops_oldest_alert_age_seconds") < 20_000
        assert metric(text, "pitchey_ops_runs_total", runbook="outage", result="incident") == 2
        assert metric(text, "pitchey_ops_runs_total", runbook="outage", result="healthy") == 1
        assert metric(text, "pitchey_ops_run_seconds_bucket", le="13") == 3
        assert metric(text, "pitchey_ops_run_seconds_bucket", le="8") == 0
        assert metric(text, "pitchey_ops_alert_to_report_seconds_count") == 3
        assert metric(text, "pitchey_ops_incidents_open", severity="P1") == 1
        assert metric(text, "pitchey_ops_workers") == 1
        incident = alert(state, "one more", service="more")
        ran(state, incident, ordered(state, incident))
        text = robot.get("/metrics").text
        assert metric(text, "pitchey_ops_runs_total", result="incident") == 3


def test_health_is_alive_and_readiness_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A balancer must stop sending alerts to a machine that cannot store them; killing it would not help."""
    folder = tmp_path / "outputs"
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(folder))
    monkeypatch.setenv("PITCHEY_OPS_WEB_TOKEN", TOKEN)
    state = state_of(folder, load("sandbox"))
    with Pages(state) as pages, pages.client() as one:
        assert one.get("/readyz").json() == {"ready": True, "checks": {"database": "ok", "archive": "ok"}}
        monkeypatch.setattr("pitchey_ops.service.web.health.FREE_AT_LEAST", 2**62)
        answer = one.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["archive"].endswith("are needed")
        state.db.dispose()
        for file in (folder / ".service").iterdir():
            file.rename(file.with_suffix(".gone"))
        (folder / ".service" / "service.sqlite").mkdir()
        answer = one.get("/readyz")
        assert answer.json()["checks"]["database"].startswith("no right to write")
        assert one.get("/healthz").status_code == 200
        assert metric(one.get("/metrics").text, "pitchey_ops_up") == 0
        page_ = one.get("/")
        assert page_.status_code == 503
        assert "The database does not answer" in page_.text


def test_whoever_asks_for_readiness_learns_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is answered to everybody."""
    folder = tmp_path / "outputs"
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(folder))
    state = State(settings=load("sandbox"), db=db.connect("postgresql://ops:s3cret-word@127.0.0.1:9/incidents"))
    with Pages(state) as pages, pages.client(signed_in=False) as robot:
        answer = robot.get("/readyz")
    assert answer.status_code == 503
    said = answer.json()["checks"]["database"]
    assert said == "the database cannot be reached (Connection refused)"


def test_a_fault_of_ours_is_a_page_with_the_same_guards_and_tells_nothing(
    made: Made, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A traceback belongs into the log."""

    def broken(*_: Any) -> Any:
        raise RuntimeError("words from within")

    monkeypatch.setattr("pitchey_ops.service.web.reading.Reader.list_page", broken)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "words from within" not in answer.text
    assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert "words from within" in caplog.text


def test_our_own_faults_reach_sentry_without_local_variables_or_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback's variables hold tokens, alerts and log lines; Sentry is another company."""
    import gzip
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    import sentry_sdk

    seen: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    secret = "xoxb-123456789012-abcdefghijklmnop"
    monkeypatch.setenv("PITCHEY_OPS_SLACK_TOKEN", secret)
    dsn = f"http://{'a' * 32}@127.0.0.1:{server.server_port}/7"
    try:
        assert not report_own_errors(load("sandbox"), {})
        assert report_own_errors(load("sandbox"), {"PITCHEY_OPS_OWN_SENTRY_DSN": dsn})
        try:
            hidden_variable = "a value that stays here"
            raise ValueError(f"refused with {secret}")
        except ValueError:
            assert hidden_variable
            sentry_sdk.capture_exception()
        sentry_sdk.flush(10)
        until = time.monotonic() + 10
        while not seen and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        sentry_sdk.get_client().close()
        sentry_sdk.get_global_scope().set_client(None)
        server.shutdown()
    text = b"".join(seen).decode()
    assert "ValueError" in text
    assert "refused with" in text
    for words in (secret, "stays here", "hidden_variable", "vars", "server_name", "breadcrumbs"):
        assert words not in text, words
    with pytest.raises(ConfigError) as caught:
        report_own_errors(load("sandbox"), {"PITCHEY_OPS_OWN_SENTRY_DSN": "http://nokey.example/secretproject"})
    assert "secretproject" not in str(caught.value)


def test_incidents_that_only_the_archive_knows_are_shown_too(made: Made, client: httpx.Client) -> None:
    """Runs by hand, and everything from before the database was lost."""
    pages, names = made
    text = client.get(f"/incidents/{names['kept']}").text
    assert "Not clear: the logs are blind." in text
    assert "Acknowledge</button>" not in text
    archive = Archive(pages.state.settings.archive_root())
    at = datetime.now(UTC) - timedelta(days=9)
    bad = report("INC-20261101-101010-aaaa", "RUN-20261101-101010-aaaa", at=at)
    folder = put(archive, bad, at=at)
    (folder / "report.json").write_text(json.dumps({"verdict": 7}))
    text = client.get("/incidents/INC-20261101-101010-aaaa").text
    assert "RUN-20261101-101010-aaaa" in text
    assert client.get("/incidents/INC-20200101-000000-aaaa").status_code == 404


@pytest.mark.database
def test_the_pages_are_the_same_on_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several machines share a database: lists, search, timeline, writes and metrics must work on it, too."""
    if postgres_server.programs() is None:
        pytest.skip("NO POSTGRESQL FOUND: the pages were NOT checked on it")
    monkeypatch.setenv("PITCHEY_OPS_ARCHIVE", str(tmp_path / "outputs"))
    monkeypatch.setenv("PITCHEY_OPS_WEB_TOKEN", TOKEN)
    with postgres_server.running() as url:
        state, names = filled(tmp_path / "outputs", load("sandbox"), url=url)
        with Pages(state) as pages, pages.client() as one:
            text = one.get("/").text
            for words in ("OVERDUE by", "1 run running", "⚠ 1 run stale", "31 alerts", "RECORD"):
                assert words in text, words
            assert names["storm"] in one.get("/", params={"q": "cache misses"}).text
            assert one.get("/", params={"q": "100%_x' \\"}).status_code == 200
            shown = one.get(f"/incidents/{names['storm']}").text
            assert "× 31" in shown
            answer = one.post(f"/incidents/{names['storm']}/acknowledge", data={"form": form_of(shown)})
            assert answer.status_code == 303
            assert "no sign of life" in one.get(f"/incidents/{names['stale']}").text
            counted = one.get("/metrics").text
            assert metric(counted, "pitchey_ops_runs_total", result="incident") == 2
            assert metric(counted, "pitchey_ops_queue_depth", state="running") == 2
        state.db.dispose()
