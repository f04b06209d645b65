"""A whole run on a platform full of attacks and secrets: what is kept holds no secret and does nothing."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from homes import FINISH, home, told
from homes import ops as ordered
from hostile import CORPUS
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send
from test_page import browser  # noqa: F401 - a fixture
from test_redaction import CANARIES, SETTING, _everything

from pitchey_ops.models.report import Alert
from pitchey_ops.runbooks.lifecycle import Order, run_order
from pitchey_ops.sandbox import serve
from pitchey_ops.sandbox.generate import build
from pitchey_ops.sandbox.serve import Running
from pitchey_ops.sandbox.world import World

pytestmark = pytest.mark.slow
SECRETS = {kind: secret for kind, (_, secret) in CANARIES.items()}
PLANTED = {f"note{n}": planted for n, (planted, _) in enumerate(CANARIES.values())}
"""Names that tell nothing, so that each secret must be known by itself."""
HEADERS = [
    (b"x-debug", b"Authorization: Bearer canary.bearer-7"),
    (b"set-cookie", b"session=canary-cookie-2; HttpOnly; Path=/"),
    (b"x-api-key", b"canary-apikey-5"),
]


class Leaky:
    """Adds every canary to each JSON object that the platform answers with, and some to the headers."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self.planted = 0
        # nothing takes the sandbox's short way around this
        self.state = SimpleNamespace(sandbox=app.state.sandbox, quick=lambda target: None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            await self.app(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def held(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            changed = self._leak(body)
            headers = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
            start["headers"] = [*headers, *HEADERS, (b"content-length", str(len(changed)).encode())]
            await send(start)
            await send({"type": "http.response.body", "body": changed})

        await self.app(scope, receive, held)

    def _leak(self, body: bytes) -> bytes:
        if body[:1] != b"{":
            return body
        try:
            value = json.loads(body)
        except ValueError:
            return body
        self.planted += 1
        return json.dumps({**value, "debug": PLANTED}).encode()


def _world() -> World:
    """Return a small world of a bad deployment, now, with every hostile text and every secret in its log."""
    now = round(time.time() * 1000)
    whole = build("bad_deployment", seed=0, now_ms=now, entries=6_000)
    rows: list[dict[str, Any]] = []
    texts = [*CORPUS.values(), *(planted for planted, _ in CANARIES.values())]
    for n, text in enumerate(texts):
        at = now - 3_000_000 + n * 5_000
        text = text[:20_000].encode("utf-8", "replace").decode()
        rows.append(
            {
                "at": at,
                "arrival": at,
                "id": f"{at}-hostile{n:03d}",
                "level": ("error", "warn", "info")[n % 3],
                "message": text,
                "service": "analytics",
                "environment": "production",
                "userAgent": text[:300],
                "url": "/" + text[:300],
                "errorStack": text[:3_000],
                "metadata": json.dumps({"note": text[:500], "deep": {"x": text[:100]}}),
                "tags": json.dumps([text[:80]]),
                "stored": True,
                "archived": True,
            }
        )
    schema = {name: kind for name, kind in whole.logs.schema.items() if name in rows[0]}
    added = pl.DataFrame(rows, schema=schema)
    return replace(whole, logs=pl.concat([whole.logs, added], how="diagonal_relaxed").sort("at"))


@dataclass(frozen=True)
class Run:
    """What the one run of this file left behind."""

    archive: Path
    folder: Path
    report: dict[str, Any]
    planted: int


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run error_rate by a real kernel on such a platform, started by an alert that is hostile and leaks, too."""
    archive = tmp_path_factory.mktemp("hostile") / "outputs"
    leaks: list[Leaky] = []
    with pytest.MonkeyPatch.context() as patch:
        made = serve.create_app

        def leaky(*args: Any, **more: Any) -> Any:
            leaks.append(Leaky(made(*args, **more)))
            return leaks[-1]

        patch.setattr(serve, "create_app", leaky)
        patch.setenv("PITCHEY_OPS_ARCHIVE", str(archive))
        patch.setenv("PITCHEY_OPS_API_TOKEN", SETTING)
        with Running(_world()) as running:
            patch.setenv("PITCHEY_OPS_ORIGIN", running.url)
            now = datetime.now(UTC)
            texts = [*(planted for planted, _ in CANARIES.values()), *list(CORPUS.values())[:60]]
            alerts = tuple(
                Alert(id=f"a{n}", kind=text[:200], title=text, at=now, severity="P2", service=text[:200])
                for n, text in enumerate(texts)
            )
            done = run_order(
                Order(
                    runbook="error_rate",
                    alerts=alerts,
                    parameters={"services": [planted for planted, _ in CANARIES.values()][:20]},
                    budget_s=120,
                )
            )
            assert done.outcome.ending == "completed", done.outcome.detail
            yield Run(archive, done.folder, dict(done.report), leaks[0].planted)


def _readable(path: Path) -> str:
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return data.decode("utf-8", "replace")


def _decoded(path: Path) -> Iterator[str]:
    """Yield the text of a file and every string inside it, decoded as far as it goes."""
    text = _readable(path)
    yield text
    try:
        value = json.loads(text)
    except ValueError:
        return
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            stack += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            stack += one
        elif isinstance(one, str) and len(one) > 8:
            try:
                yield _everything(one)
            except RecursionError:  # a text of five thousand brackets; it is looked through as it stands
                yield one


def _found(folder: Path) -> set[tuple[str, str]]:
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            for text in _decoded(path):
                found |= {(str(path.relative_to(folder)), kind) for kind, secret in SECRETS.items() if secret in text}
    return found


def test_no_secret_that_any_source_alert_or_parameter_held_is_anywhere_in_the_archive(hostile_run: Run) -> None:
    """A run's folder is shared, uploaded and kept for years: seventy kinds, in every answer, header and log line."""
    assert len(SECRETS) >= 50
    assert hostile_run.planted > 30, "the platform did leak"
    kept = _readable(hostile_run.folder / "evidence.har.gz")
    assert kept.count("[redacted:") > 1_000, "and what it leaked was recorded"
    assert _found(hostile_run.archive) == set()


def test_an_error_that_quotes_a_secret_leaves_it_nowhere(tmp_path: Path, archive: Path) -> None:
    """A traceback prints what it was given: notebook, report, manifest and terminal must not."""
    both = "\n".join(planted for planted, _ in CANARIES.values())
    cell = f"raise RuntimeError({both!r})"
    project = home(tmp_path / "project", cell, FINISH)
    done = ordered(
        "run",
        "outage",
        "--json",
        env={
            "PITCHEY_OPS_HOME": str(project),
            "PITCHEY_OPS_API_TOKEN": SETTING,
            "PITCHEY_OPS_ORIGIN": "http://127.0.0.1:9",
        },
    )
    assert told(done)["ending"] == "raised"
    # the notebook's own source is the author's, and redacted in the archive all the same
    assert _found(archive) == set()
    said = done.stdout + done.stderr
    assert [kind for kind, secret in SECRETS.items() if secret in said] == []


def test_the_verdict_on_a_hostile_platform_is_the_verdict_on_a_calm_one(hostile_run: Run) -> None:
    """Four hundred and fifty lines that beg, forge and shout change nothing about what broke."""
    verdict = hostile_run.report["verdict"]
    assert (verdict["state"], verdict["cause"]) == ("incident", "bad_deployment")


# --- In a real browser ------------------------------------------------------------------------------------


def _watched(tab: Any, own: str) -> list[str]:
    events: list[str] = []
    tab.on("dialog", lambda dialog: (events.append(f"dialog {dialog.message}"), dialog.dismiss()))
    tab.on("popup", lambda _: events.append("popup"))

    def asked(request: Any) -> None:
        if not request.url.startswith((own, "data:image/png", "blob:", own.replace("http", "ws"))):
            events.append(f"request {request.url[:120]}")

    tab.on("request", asked)
    return events


@pytest.mark.browser
def test_the_archived_page_does_nothing_in_a_browser(browser: Any, hostile_run: Run) -> None:  # noqa: F811
    """The page of a real run on hostile telemetry, not one made by hand."""
    tab = browser.new_page()
    file = hostile_run.folder / "report.html"
    events = _watched(tab, file.as_uri())
    tab.goto(file.as_uri())
    assert events == []
    assert tab.evaluate("document.scripts.length + document.forms.length + window.frames.length") == 0
    assert tab.evaluate("document.title") != "owned"
    tab.close()


@contextlib.contextmanager
def _lab(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        name: str(folder / name.lower()) for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")
    }
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.allow_root=True",
        "--ServerApp.open_browser=False",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--IdentityProvider.token=hostile",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **settings}
    )
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/api?token=hostile", timeout=5).close()
                break
            assert process.poll() is None, "JupyterLab ended"
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.browser
@pytest.mark.parametrize("trusted", [False, True], ids=["untrusted", "trusted"])
def test_the_archived_notebook_does_nothing_in_jupyterlab(
    browser: Any,  # noqa: F811
    hostile_run: Run,
    tmp_path: Path,
    trusted: bool,
) -> None:
    """Trusting a notebook is one click: its outputs must be harmless then, too."""
    shutil.copy(hostile_run.folder / "notebook.ipynb", tmp_path / "outage.ipynb")
    if trusted:
        env = {**os.environ, "JUPYTER_DATA_DIR": str(tmp_path / "jupyter_data_dir")}
        subprocess.run(
            [sys.executable, "-m", "jupyter", "trust", str(tmp_path / "outage.ipynb")],
            check=True,
            env=env,
            capture_output=True,
        )
    with _lab(tmp_path) as url:
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        events = _watched(tab, url)
        tab.goto(f"{url}/lab/tree/outage.ipynb?token=hostile")
        tab.wait_for_selector(".jp-Notebook .jp-OutputArea-output", timeout=120_000)
        # windowed rendering draws what is scrolled to: walk through it all
        cells = len(json.loads((tmp_path / "outage.ipynb").read_bytes())["cells"])
        for _ in range(cells):
            tab.keyboard.press("Escape")
            tab.keyboard.press("ArrowDown")
            tab.wait_for_timeout(60)
        assert re.search("error_rate|Error rate", tab.inner_text(".jp-Notebook")), "the notebook was shown"
        seen = tab.evaluate(
            """() => ({title: document.title, base: document.querySelectorAll('base').length,
                frames: document.querySelectorAll('.jp-Notebook iframe').length,
                scripts: document.querySelectorAll('.jp-OutputArea script').length})"""
        )
        tab.close()
    assert events == []
    assert seen == {"title": seen["title"], "base": 0, "frames": 0, "scripts": 0}
    assert "owned" not in seen["title"]
