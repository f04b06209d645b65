"""``prune``: what is over and old leaves the archive and the service, and the ledger says so."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from .running import EnvironmentOption, Json

if TYPE_CHECKING:
    from ..service.prune import Outcome

SHOWN = 20


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to *app*."""
    app.command(epilog="Example: pitchey-ops prune --older-than 180d --dry-run")(prune)


def prune(
    older_than: Annotated[str, typer.Option(help="Age from which it goes: 90d, 12w, 2y.")] = "90d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    labelled: Annotated[
        bool, typer.Option("--labelled", help="Labelled incidents, too: cases of drill archive.")
    ] = False,
    environment: EnvironmentOption = None,
    as_json: Json = False,
) -> int:
    """
    Let go whole incidents that are over and old: archived runs, rows, messages, the watch's history.

    Never an open incident, nor one with a run due or not uploaded. The ledger keeps a line about each, so that
    `verify` calls it pruned, not tampered with. Copies in object storage are not touched.
    """
    from ..evidence.index import Index
    from ..runbooks.lifecycle import archive_of
    from ..service import retention
    from ..settings import load
    from .record import _user

    settings = load(environment)
    archive = archive_of(settings)
    done = retention.pruned(
        settings, archive, older_than, now=datetime.now(UTC), by=_user(), dry_run=dry_run, labelled=labelled
    )
    if done.incidents and not dry_run:
        with Index(archive.root) as index:
            index.rebuild()
    _say(done, older_than, dry_run=dry_run, as_json=as_json)
    return 1 if done.problems else 0


def _say(done: Outcome, older_than: str, *, dry_run: bool, as_json: bool) -> None:
    from ..panels.safe import terminal

    if as_json:
        out = {
            "dry_run": dry_run,
            "incidents": list(done.incidents),
            "runs": done.runs,
            "bytes": done.bytes,
            "rows": dict(done.rows),
            "workflows": done.workflows,
            "kept": dict(done.kept),
            "problems": list(done.problems),
        }
        sys.stdout.write(json.dumps(out) + "\n")
        return
    verb = "would go" if dry_run else "gone"
    lines = [f"{verb}: {incident}" for incident in done.incidents[:SHOWN]]
    if len(done.incidents) > SHOWN:
        lines.append(f"{verb}: and {len(done.incidents) - SHOWN} more")
    lines += [f"kept: {incident}: {why}" for incident, why in list(done.kept.items())[:SHOWN]]
    if len(done.kept) > SHOWN:
        lines.append(f"kept: and {len(done.kept) - SHOWN} more")
    lines += [f"problem: {text}" for text in done.problems]
    rows = sum(done.rows.values())
    lines.append(
        f"{len(done.incidents)} incidents, {done.runs} runs, {done.bytes / 2**20:.1f} MB, {rows} rows {verb}"
        f" (older than {older_than}); {len(done.kept)} old ones kept"
    )
    sys.stdout.write("\n".join(terminal(line) for line in lines) + "\n")
