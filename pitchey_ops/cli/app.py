"""All commands, and how an error becomes one message and an exit code."""

from __future__ import annotations

import sys

import click
import typer

from ..errors import OpsError, UsageError
from . import benching, drills, looking, platform, record, running

app = typer.Typer(
    name="pitchey-ops",
    help="Executable incident runbooks for the Pitchey platform.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (running, looking, platform, record, drills, benching):
    module.add_to(app)


def run() -> int:
    """Parse ``sys.argv``, run the command, and return the exit code."""
    try:
        result = app(standalone_mode=False)
    except UsageError as exc:
        return _say(str(exc), 2)
    except OpsError as exc:
        return _say(str(exc), 1)
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.exceptions.UsageError as exc:
        return _say(exc.format_message() + " (--help shows how)", 2)
    except click.exceptions.ClickException as exc:
        return _say(exc.format_message(), 1)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _say("stopped", 130)
    return result if isinstance(result, int) else 0


def _say(message: str, code: int) -> int:
    from ..panels.safe import terminal

    sys.stderr.write("pitchey-ops: " + terminal(message) + "\n")
    return code
