"""``verify`` and ``incidents``: what the archive holds, and whether it is as it was."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UsageError
from .running import Json


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to *app*."""
    app.command(epilog="Example: pitchey-ops verify --all --anchor 12:9f3c...")(verify)
    app.command(epilog="Example: pitchey-ops incidents --json")(incidents)


def verify(
    run: Annotated[str | None, typer.Argument(help="Id of one archived run.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Check the whole archive (the default without a run).")] = False,
    anchor: Annotated[str | None, typer.Option(help="A head printed earlier: shows a cut-off tail.")] = None,
    archive: Annotated[Path | None, typer.Option(help="Another archive than the configured one.")] = None,
    head: Annotated[bool, typer.Option("--head", help="Print the ledger's head only, to be kept elsewhere.")] = False,
    as_json: Json = False,
) -> int:
    """Check that nothing archived was edited, dropped, inserted or reordered; exit 3 when something was."""
    from ..evidence.ledger import FileLedger
    from ..evidence.verify import verify as check
    from ..settings import load

    if run is not None and all_:
        raise UsageError("name one run or --all, not both. Nothing was checked.")
    root = archive if archive is not None else load().archive_root()
    if head:
        sys.stdout.write(f"{FileLedger(root).head()}\n")
        return 0
    found = check(root, run=run, anchor=anchor)
    if as_json:
        out = {
            "good": not found.problems,
            "runs": found.runs,
            "bytes": found.bytes,
            "head": str(found.head),
            "problems": [{"where": p.where, "kind": p.kind, "what": p.what} for p in found.problems],
            "not_proven": list(found.not_proven),
        }
        sys.stdout.write(json.dumps(out) + "\n")
    else:
        from ..panels.safe import terminal

        lines = [f"{p.kind.upper()}  {p.where}: {p.what}" for p in found.problems]
        lines.append(f"{found.runs} runs, {found.bytes / 2**20:.1f} MB, {len(found.problems)} problems")
        lines.append(f"head        {found.head}")
        lines += [f"not proven  {text}" for text in found.not_proven]
        sys.stdout.write("\n".join(terminal(line) for line in lines) + "\n")
    return 3 if found.problems else 0


def incidents(as_json: Json = False) -> int:
    """List the archived incidents, newest first."""
    from ..evidence.archive import Archive
    from ..settings import load

    rows: dict[str, dict[str, Any]] = {}
    for folder in Archive(load().archive_root()).runs():
        row = rows.setdefault(folder.parent.name, {"incident": folder.parent.name, "runs": 0})
        row["runs"] += 1
        try:
            report = json.loads((folder / "report.json").read_bytes())
        except (OSError, ValueError):
            row["unreadable"] = folder.name
            continue
        verdict = report["verdict"]
        row |= {key: verdict[key] for key in ("state", "cause", "onset", "summary")}
        row["severity"] = report["incident"]["severity"]
        row["last_run"] = folder.name
    newest_first = [rows[name] for name in sorted(rows, reverse=True)]
    if as_json:
        sys.stdout.write(json.dumps(newest_first) + "\n")
        return 0
    from ..panels.safe import terminal

    for row in newest_first:
        words = f"{row.get('severity', '?')}  {row.get('state', 'unreadable'):12}  {row.get('summary', '')}"
        sys.stdout.write(terminal(f"{row['incident']}  {row['runs']} run(s)  {words}") + "\n")
    if not newest_first:
        sys.stdout.write("no incident is archived\n")
    return 0
