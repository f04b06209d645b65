"""``sandbox``, ``demo``: the local platform, and a newcomer's first minutes."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to *app*."""
    app.command(epilog="Example: pitchey-ops sandbox --scenario bad_deployment --port 8787")(sandbox)
    app.command(epilog="Example: pitchey-ops demo")(demo)


def sandbox(
    scenario: Annotated[str | None, typer.Option(help="What happens; --list shows all.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed is another variant.")] = 0,
    start: Annotated[
        str | None, typer.Option(help="The sandbox's time at its start (ISO 8601); now by default.")
    ] = None,
    speed: Annotated[float, typer.Option(help="Seconds of the sandbox per second.")] = 1.0,
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    case: Annotated[Path | None, typer.Option(help="Play a recorded incident instead.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="A young store, in which the 1,000 cut does not bite.")
    ] = False,
    break_: Annotated[list[str] | None, typer.Option("--break", help="SERVICE=slow|5xx|html|truncated|...")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the scenarios and end.")] = False,
) -> int:
    """Play the whole platform on one loopback origin, until it is stopped."""
    from ..sandbox.scenarios import catalogue
    from ..sandbox.serve import serve

    if list_:
        for name, one in catalogue().items():
            sys.stdout.write(f"{name:40} {one.title}\n")
        return 0
    if (scenario is None) == (case is None):
        raise UsageError("name either --scenario NAME (see --list) or --case FOLDER. Nothing was started.")
    if not 0 < speed <= 10_000:
        raise UsageError(f"--speed {speed}: expected a number above 0, at most 10000. Nothing was started.")
    world = _case_world(case) if case is not None else _world(str(scenario), seed, start, fresh)
    try:
        serve(world, port=port, speed=speed, breaks=break_ or (), fresh=fresh, on_listening=_listening)
    except (OSError, ValueError) as exc:
        raise UsageError(f"the sandbox was not started: {exc}") from exc
    return 0


def _world(scenario: str, seed: int, start: str | None, fresh: bool):  # type: ignore[no-untyped-def]
    from ..sandbox.generate import build
    from ..sandbox.scenarios import catalogue

    if scenario not in catalogue():
        raise UsageError(f"no scenario {scenario[:60]!r}; pitchey-ops sandbox --list shows all. Nothing was started.")
    at = datetime.now(UTC)
    if start is not None:
        try:
            at = datetime.fromisoformat(start)
        except ValueError:
            raise UsageError(f"--start {start[:40]!r} is no ISO 8601 time. Nothing was started.") from None
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return build(scenario, seed=seed, now_ms=round(at.timestamp() * 1000), fresh=fresh)


def _case_world(folder: Path):  # type: ignore[no-untyped-def]
    from ..sandbox.case import world_from_case

    return world_from_case(folder)


def _listening(url: str) -> None:
    sys.stdout.write(f"{url}\n  PITCHEY_OPS_ORIGIN={url} pitchey-ops run triage\n")
    sys.stdout.flush()


def demo(
    scenario: Annotated[str, typer.Option(help="What happens.")] = "bad_deployment",
    seed: Annotated[int, typer.Option(help="Another seed is another variant.")] = 0,
    runbook: Annotated[str, typer.Option(help="What the alert starts.")] = "outage",
) -> int:
    """Start a sandbox with an incident, post its alert, run the runbook, and say where the report is."""
    from ..sandbox.serve import Running
    from .demonstration import demonstrate

    with Running(_world(scenario, seed, None, False)) as platform:
        return demonstrate(platform.url, runbook)
