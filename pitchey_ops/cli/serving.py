"""``serve`` and ``worker``: alerts in, reports out."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .running import EnvironmentOption


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to *app*."""
    app.command(epilog="Example: pitchey-ops serve --port 8080")(serve)
    app.command(epilog="Example: pitchey-ops worker --check")(worker)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.")] = 8080,
    workers: Annotated[int | None, typer.Option(min=0, max=16, help="Worker processes beside the intake.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check settings, database, archive and kernel.")] = False,
    environment: EnvironmentOption = None,
) -> int:
    """Receive alerts, carry out their runs, show the reports."""
    from ..service import serving

    if check:
        return _told(serving.check(environment, kernel=True))
    return serving.serve(host=host, port=port, workers=workers, environment=environment)


def worker(
    check: Annotated[bool, typer.Option("--check", help="Only check settings, database, archive and kernel.")] = False,
    environment: EnvironmentOption = None,
) -> int:
    """Carry out runs of a service whose database this machine shares."""
    from ..service import serving

    if check:
        return _told(serving.check(environment, kernel=True))
    return serving.work(environment=environment)


def _told(faults: list[str]) -> int:
    from ..panels.safe import terminal

    if not faults:
        sys.stdout.write("settings, database, archive and kernel are good\n")
        return 0
    sys.stdout.write("".join(f"fault: {terminal(fault)}\n" for fault in faults))
    return 1
