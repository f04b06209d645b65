"""All commands, and how an error becomes one message and an exit code."""

from __future__ import annotations

import sys

import typer

from ..errors import ConfigError, OpsError, UsageError
from . import acting, benching, drills, keeping, looking, platform, record, running, serving, triggering, workbench

# click's own exceptions, or those of the copy of click that newer typer brings along
_WRONG_USE, _FAILED = (kind for kind in typer.BadParameter.__mro__[1:3] if issubclass(kind, Exception))

app = typer.Typer(
    name="pitchey-ops",
    help="Executable incident runbooks for the Pitchey platform.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (running, looking, platform, record, drills, benching, workbench, triggering, serving, acting, keeping):
    module.add_to(app)


def run() -> int:
    """Parse ``sys.argv``, run the command, and return the exit code."""
    try:
        result = app(standalone_mode=False)
    except ConfigError as exc:
        return _say(exc.head, 2, *(f"  - {fault}" for fault in exc.faults))
    except UsageError as exc:
        return _say(str(exc), 2)
    except OpsError as exc:
        return _say(str(exc), 1)
    except typer.Exit as exc:
        return exc.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _say("stopped", 130)
    except _WRONG_USE as exc:
        return _say(_message(exc) + " (--help shows how)", 2)
    except _FAILED as exc:
        return _say(_message(exc), 1)
    return result if isinstance(result, int) else 0


def _message(exc: Exception) -> str:
    told = getattr(exc, "format_message", None)
    return str(told() if callable(told) else exc)


def _say(message: str, code: int, *more: str) -> int:
    """Print *message* and the lines below it, each as something that can only be read; return *code*."""
    from ..panels.safe import terminal

    sys.stderr.write("\n".join(["pitchey-ops: " + terminal(message), *map(terminal, more)]) + "\n")
    return code
