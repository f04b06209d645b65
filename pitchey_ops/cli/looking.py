"""``health``, ``errors``, ``performance``: the old scripts, on the code of the runbooks."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import OpsError, UsageError

if TYPE_CHECKING:
    from ._look import Look

SHORTEST_WATCH_S = 15.0
"""Answers are shared for so long: looking more often would show the same ones again."""
EXIT = "Exit: 0 fine, 3 bad news, 1 could not tell or failed, 2 wrong use."

Json = Annotated[bool, typer.Option("--json", help="One line of JSON for a program.")]
Watch = Annotated[
    float | None, typer.Option("--watch", metavar="SECONDS", help="Look again every so many seconds, until Ctrl-C.")
]
EnvironmentOption = Annotated[str | None, typer.Option("--environment", "-e", help="sandbox, staging or production.")]
WindowOption = Annotated[str, typer.Option("--window", help="1h, 30m or START/END (UTC).")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to *app*."""
    app.command(epilog=f"Example: pitchey-ops health --watch 30. {EXIT}")(health)
    app.command(epilog=f"Example: pitchey-ops errors --window 1h --json. {EXIT}")(errors)
    app.command(epilog=f"Example: pitchey-ops performance --window 1h. {EXIT}")(performance)


def health(
    full: Annotated[bool, typer.Option("--full", help="Everything that a triage asks, with its verdict.")] = False,
    environment: EnvironmentOption = None,
    watch: Watch = None,
    as_json: Json = False,
) -> int:
    """Is the platform well? A quick look from outside, or with --full a comprehensive one."""
    from ..settings import load

    settings = load(environment)

    def look() -> Look:
        from . import _health

        return _health.full(settings) if full else _health.quick(settings)

    return looked(look, watch=watch, as_json=as_json)


def errors(
    window: WindowOption = "1h",
    environment: EnvironmentOption = None,
    watch: Watch = None,
    as_json: Json = False,
) -> int:
    """Count errors by service and route, with their patterns, what is new, and what could not be seen."""
    from ..settings import load

    settings = load(environment)

    def look() -> Look:
        from ._errors import errors as look_at

        return look_at(settings, window)

    return looked(look, watch=watch, as_json=as_json)


def performance(
    window: WindowOption = "1h",
    environment: EnvironmentOption = None,
    watch: Watch = None,
    as_json: Json = False,
) -> int:
    """Show response times by route, database, Web Vitals and cache, and which figures are worth nothing."""
    from ..settings import load

    settings = load(environment)

    def look() -> Look:
        from ._performance import performance as look_at

        return look_at(settings, window)

    return looked(look, watch=watch, as_json=as_json)


def looked(
    look: Callable[[], Look],
    *,
    watch: float | None,
    as_json: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """
    Look once, or every *watch* seconds until Ctrl-C, print each look, and return the last one's exit code.

    While watching, a look that fails is told and the next one comes all the same; what has a minimum interval is
    not asked more often than that, however often one looks.

    Raises
    ------
    UsageError
        *watch* is shorter than `SHORTEST_WATCH_S` or no number.
    """
    from . import _print

    if watch is None:
        found = look()
        _print.write(found, sys.stdout, as_json=as_json)
        return found.code
    if not SHORTEST_WATCH_S <= watch <= 86_400:
        raise UsageError(
            f"--watch {watch:g}: expected {SHORTEST_WATCH_S:g} to 86400 seconds; answers are shared for"
            f" {SHORTEST_WATCH_S:g} s, so more often shows the same. Nothing was asked."
        )
    code = 1
    try:
        while True:
            began = time.monotonic()
            try:
                found = look()
                code = found.code  # before it can be read: who stops it then gets the code of what was shown
                _print.write(found, sys.stdout, as_json=as_json)
            except UsageError:
                raise
            except OpsError as exc:
                _told(str(exc), as_json=as_json)
                code = 1
            if not as_json:
                sys.stdout.write("\n")
                sys.stdout.flush()
            sleep(max(0.0, watch - (time.monotonic() - began)))
    except KeyboardInterrupt:
        return code


def _told(message: str, *, as_json: bool) -> None:
    from ..panels.safe import terminal

    if as_json:
        row = {"state": "unknown", "exit_code": 1, "summary": message[:2000]}
        sys.stdout.write(json.dumps(row, ensure_ascii=True) + "\n")
    else:
        sys.stderr.write(f"pitchey-ops: {terminal(message)}\n")
