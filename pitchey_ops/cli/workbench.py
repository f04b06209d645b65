"""``open``, ``lab`` and the drill for a person: JupyterLab on an incident."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .running import EnvironmentOption

if TYPE_CHECKING:
    from ..workbench.closing import Closed
    from ..workbench.session import Session

Browser = Annotated[bool, typer.Option(help="Open a browser.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="JupyterLab's port; 0 takes a free one.")]

DRILL_ALERT = {
    "type": "warning",
    "title": "Something may be wrong: please look into it",
    "message": "A drill: the cause is hidden",
    "source": "drill",
    "component": "platform",
    "severity": 2,
}
DRILL_RUNBOOK = "triage"


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to *app*."""
    app.command("open", epilog="Example: pitchey-ops open INC-20261123-081500-ab2c")(open_)
    app.command(epilog="Example: pitchey-ops lab --scenario database_pool_exhausted")(lab)


def open_(
    what: Annotated[str, typer.Argument(metavar="INCIDENT|RUNBOOK", help="An incident's id, or a runbook's name.")],
    runbook: Annotated[str | None, typer.Option(help="Begin with this one; else with the newest run's.")] = None,
    environment: EnvironmentOption = None,
    browser: Browser = True,
    port: Port = 0,
) -> int:
    """
    Start JupyterLab on a working copy for an incident: its parameters filled in, the headless evidence at hand.

    It ends when JupyterLab is shut down (File > Shut Down) or with Ctrl-C. What was asked, seen and done is then
    archived as a run of its own.
    """
    from ..settings import load
    from ..workbench.session import prepare
    from ..workbench.sitting import tidy

    tidy(load(environment).archive_root(), _left_behind)
    session = prepare(what, runbook_=runbook, environment=environment, by=_user())
    return _sit(session, port=port, browser=browser)


def lab(
    scenario: Annotated[str, typer.Option(help="What happens.")] = "bad_deployment",
    seed: Annotated[int, typer.Option(help="Another seed is another variant.")] = 0,
    runbook: Annotated[str, typer.Option(help="What the alert starts.")] = "outage",
    browser: Browser = True,
    port: Port = 0,
) -> int:
    """Start a sandbox with an incident, let its alert run the runbook, and open the incident in JupyterLab."""
    from ..sandbox.serve import Running
    from ..workbench.session import prepare
    from .demonstration import ALERT, alerted
    from .platform import _world

    with Running(_world(scenario, seed, None, False)) as platform:
        _say(f"sandbox   {platform.url}")
        finished = alerted(platform.url, runbook, ALERT)
        session = prepare(finished.report["incident"]["id"], environment="sandbox", by=_user())
        return _sit(session, port=port, browser=browser)


def work_a_drill(*, seed: int | None, port: int, browser: bool) -> int:
    """Play a hidden scenario, open its incident in JupyterLab, and show the truth when the responder hands in."""
    from ..drills.hidden import pick
    from ..sandbox.serve import Running
    from ..workbench.session import as_drill, prepare
    from .demonstration import alerted
    from .platform import _world

    hidden = pick(seed)
    world = _world(hidden.scenario, hidden.seed, None, False)
    with Running(world) as platform:
        _say("A drill: a scenario is playing, and its cause is hidden. The headless runbook looks first ...")
        finished = alerted(platform.url, DRILL_RUNBOOK, DRILL_ALERT)
        verdict = finished.report["verdict"]
        session = as_drill(prepare(finished.report["incident"]["id"], environment="sandbox", by=_user()))
        shown: list[str] = []

        def meanwhile(session: Session) -> None:
            _answer(session, world.truth, hidden, verdict, shown)

        code = _sit(session, port=port, browser=browser, meanwhile=meanwhile)
    if not shown:
        _say("Nothing was handed in. The truth:")
        _print_truth(world.truth, hidden, {}, None, verdict)
    return code


def _answer(session: Session, truth: Any, hidden: Any, verdict: Any, shown: list[str]) -> None:
    """Give the truth to the session once an answer was handed in."""
    from ..workbench.bench import DRILL_ANSWER, DRILL_TRUTH

    if shown:
        return
    try:
        answer = json.loads((session.folder / DRILL_ANSWER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    panel = _print_truth(truth, hidden, answer, answer.get("session"), verdict)
    temporary = session.folder / f"{DRILL_TRUTH}.tmp"
    temporary.write_text(json.dumps(panel.to_json()), encoding="utf-8")
    temporary.replace(session.folder / DRILL_TRUTH)
    shown.append(panel.title)


def _print_truth(truth: Any, hidden: Any, answer: Any, said: Any, verdict: Any) -> Any:
    from ..drills.hidden import truth_panel
    from ..panels.base import plain_text
    from ..panels.safe import terminal

    panel = truth_panel(truth, hidden, responder=answer, session=said, headless=verdict)
    sys.stdout.write(terminal(plain_text(panel), 20_000, lines=True) + "\n")
    sys.stdout.flush()
    return panel


def _sit(
    session: Session, *, port: int, browser: bool, meanwhile: Callable[[Session], None] = lambda session: None
) -> int:
    from ..workbench.sitting import sit

    _say(f"incident  {session.incident}")
    closed = sit(session, port=port, browser=browser, ready=_ready, meanwhile=meanwhile)
    return _told(closed)


def _ready(url: str) -> None:
    _say(f"open      {url}\n          ends with File > Shut Down, or Ctrl-C here; then it is archived")


def _told(closed: Closed) -> int:
    for finished in closed.runs:
        _say(f"archived  {finished.folder}")
    for words in closed.left:
        _say(f"NOT ARCHIVED  {words}")
    if not closed.runs and not closed.left:
        _say("Nothing was asked in this session, so nothing was archived.")
    return 1 if closed.left else 0


def _left_behind(session: Session, closed: Closed) -> None:
    _say(f"A session of {session.incident} had ended without a word; what it left:")
    _told(closed)


def _say(text: str) -> None:
    from ..panels.safe import terminal

    sys.stdout.write(terminal(text, 4_000, lines=True) + "\n")
    sys.stdout.flush()


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return os.environ.get("USER", "unknown")
