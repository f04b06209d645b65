"""``run``, ``replay``, ``declare``: runs and incidents."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError

if TYPE_CHECKING:
    from ..runbooks.lifecycle import Finished

SEVERITIES = ("P1", "P2", "P3", "P4")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
EnvironmentOption = Annotated[str | None, typer.Option("--environment", "-e", help="sandbox, staging or production.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to *app*."""
    app.command(epilog="Example: pitchey-ops run outage --window 1h")(run)
    app.command(epilog="Example: pitchey-ops replay RUN-20261123-081500-ab2c")(replay)
    app.command(epilog='Example: pitchey-ops declare --severity P2 "Checkout fails for some users"')(declare)


def run(
    runbook: Annotated[str, typer.Argument(help="triage, outage, error_rate, ...")],
    incident: Annotated[str | None, typer.Option(help="Add the run to this incident.")] = None,
    param: Annotated[list[str] | None, typer.Option("--param", "-p", help="NAME=VALUE of the notebook.")] = None,
    window: Annotated[str | None, typer.Option(help="1h, 30m or START/END (UTC).")] = None,
    environment: EnvironmentOption = None,
    budget: Annotated[float | None, typer.Option(help="Seconds for the whole run (5 to 900).")] = None,
    case: Annotated[Path | None, typer.Option(help="A folder with a recorded incident, instead of asking.")] = None,
    fail_on: Annotated[str | None, typer.Option(help="Exit with 3 when the verdict is this state.")] = None,
    as_json: Json = False,
) -> int:
    """Run a runbook headless and archive its report."""
    from ..runbooks.starting import OwnKernel

    if fail_on not in (None, "incident", "inconclusive", "healthy"):
        raise UsageError(f"--fail-on {fail_on!r}: expected incident, inconclusive or healthy. Nothing was run.")
    parameters: dict[str, Any] = {}
    for item in param or ():
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise UsageError(f"--param {item[:80]!r}: expected NAME=VALUE. Nothing was run.")
        parameters[name] = value
    if window is not None:
        parameters["window"] = window
    kernel = OwnKernel()  # it gets ready while this process does
    from ..runbooks.lifecycle import Order, run_order

    order = Order(
        runbook=runbook,
        parameters=parameters,
        environment=environment,
        incident_id=incident,
        budget_s=budget,
        case=case,
        started_by="person",
    )
    finished = run_order(order, progress=_progress(quiet=as_json), kernel=kernel)
    return told(finished, as_json=as_json, fail_on=fail_on)


def told(finished: Finished, *, as_json: bool, fail_on: str | None = None) -> int:
    """Print how a run ended and return the exit code."""
    verdict = finished.report["verdict"]
    if as_json:
        out = {
            "incident": finished.report["incident"]["id"],
            "run": finished.report["run"]["id"],
            "folder": str(finished.folder),
            "ending": finished.outcome.ending,
            "verdict": verdict,
        }
        sys.stdout.write(json.dumps(out, ensure_ascii=True) + "\n")
    else:
        _print(finished, verdict)
    if finished.outcome.ending != "completed":
        return 1
    return 3 if fail_on is not None and verdict["state"] == fail_on else 0


def _print(finished: Finished, verdict: dict[str, Any]) -> None:
    from ..panels.safe import terminal
    from ..steps import steps

    step = steps().get(verdict["next_step"])
    lines = [
        f"{verdict['state'].upper()}  {finished.report['incident']['severity']}  {verdict['summary']}",
        f"cause       {verdict['cause'] or 'not settled'} (confidence {verdict['confidence']:.0%})",
        f"onset       {verdict['onset'] or 'none found'}"
        + (f" +/- {verdict['onset_uncertainty_s']:.0f} s" if verdict["onset_uncertainty_s"] is not None else ""),
        f"next step   {verdict['next_step']}" + (f": {step.to_do}" if step is not None else ""),
    ]
    if finished.report["suspects"]:
        names = ", ".join(s["service"] for s in finished.report["suspects"][:3])
        lines.append(f"suspects    {names}")
    lines.append(f"report      {finished.folder / 'report.html'}")
    if finished.outcome.ending != "completed":
        lines.append(f"NOT COMPLETE: {finished.outcome.ending.replace('_', ' ')}: {finished.outcome.detail[:300]}")
    sys.stdout.write("\n".join(terminal(line) for line in lines) + "\n")


def _progress(*, quiet: bool) -> Any:
    if quiet or not sys.stderr.isatty():
        return None

    def show(cell: int, cells: int) -> None:
        sys.stderr.write(f"\r\033[K  cell {cell + 1} of {cells} ..." if cells and cell + 1 < cells else "\r\033[K")
        sys.stderr.flush()

    return show


def replay(
    what: Annotated[str, typer.Argument(metavar="RUN|INCIDENT", help="Id of an archived run or incident.")],
    with_: Annotated[str | None, typer.Option("--with", help="current: today's rules on yesterday's record.")] = None,
    as_json: Json = False,
) -> int:
    """Repeat an archived run from its record with the network closed, and compare the reports."""
    from ..runbooks.offline import close_network
    from ..runbooks.starting import OwnKernel

    if with_ not in (None, "current"):
        raise UsageError(f"--with {with_!r}: expected current, or nothing. Nothing was run.")
    close_network()  # before anything is read or started
    kernel = OwnKernel(unseen=True)  # it gets ready while this process does
    from ..runbooks.replaying import replay_all

    results = replay_all(what, current=with_ == "current", kernel=kernel)
    if as_json:
        sys.stdout.write(json.dumps([result.to_json() for result in results]) + "\n")
    else:
        from ..panels.safe import terminal

        for result in results:
            sys.stdout.write("\n".join(terminal(line) for line in result.lines()) + "\n")
    return 0 if all(result.good for result in results) else 1


def declare(
    title: Annotated[str, typer.Argument(help="What people see.")],
    severity: Annotated[str, typer.Option(help="P1, P2, P3 or P4.")] = "P3",
    service: Annotated[str | None, typer.Option(help="Service that it is about.")] = None,
    as_json: Json = False,
) -> int:
    """Open an incident without an alert; `run --incident` adds runs to it."""
    from ..runbooks.lifecycle import open_incident

    if severity not in SEVERITIES:
        raise UsageError(f"--severity {severity[:20]!r}: expected one of {', '.join(SEVERITIES)}. Nothing was opened.")
    if not title.strip():
        raise UsageError('the title is empty; say what people see, such as "Checkout fails". Nothing was opened.')
    incident = open_incident(title=title, severity=severity, service=service, at=datetime.now(UTC))
    sys.stdout.write((json.dumps({"incident": incident}) if as_json else incident) + "\n")
    return 0
