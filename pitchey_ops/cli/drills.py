"""``drill`` and ``bench-findings``: runbooks and findings measured on incidents with known causes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError

KEPT = ".drills"
"""Folder below the archive with the evidence of drills that was kept."""


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to *app*."""
    app.command(epilog="Example: pitchey-ops drill all --split tune --keep")(drill)
    app.command("bench-findings", epilog="Example: pitchey-ops bench-findings ../shared/datasets")(bench_findings)


def drill(
    scenario: Annotated[
        str | None,
        typer.Argument(
            help="A scenario (pitchey-ops sandbox --list), all, or archive: the labelled incidents. Without one a "
            "hidden scenario is played for you to work on in JupyterLab."
        ),
    ] = None,
    runbook: Annotated[str | None, typer.Option(help="Only this one, also where a scenario is not about it.")] = None,
    split: Annotated[str | None, typer.Option(help="tune or judge; both by default.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Seeds of each scenario; the catalogue's by default.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes.")] = 2,
    break_: Annotated[list[str] | None, typer.Option("--break", help="SERVICE=slow|5xx|html|truncated|...")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the evidence: the next time only rules are run.")] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Scores only, no list of wrong verdicts.")] = False,
    record: Annotated[bool, typer.Option("--record", help="Write the scores that every report shows.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
    browser: Annotated[bool, typer.Option(help="Without a scenario: open a browser.")] = True,
    port: Annotated[int, typer.Option(help="Without a scenario: JupyterLab's port; 0 takes a free one.")] = 0,
    draw: Annotated[int | None, typer.Option(help="Without a scenario: draw this one, for a drill again.")] = None,
) -> int:
    """Play scenarios and score what the runbooks say about them; without a scenario, work on a hidden one."""
    if scenario is None:
        from .workbench import work_a_drill

        if runbook or split or seeds or break_ or keep or brief or record or as_json:
            raise UsageError("a drill for a person takes --browser, --port and --draw alone. Nothing was played.")
        return work_a_drill(seed=draw, port=port, browser=browser)
    from ..drills.many import chosen, play_all
    from ..drills.report import as_json as scores
    from ..drills.report import as_text
    from ..drills.report import record as write
    from ..runbooks.catalogue import runbook as known
    from ..sandbox.breaks import Breaks
    from ..sandbox.scenarios import catalogue
    from ..settings import load

    if scenario == "archive":
        if runbook or split or seeds or break_ or keep or record:
            raise UsageError("drill archive takes --json alone: it is scored as it was recorded. Nothing was played.")
        return _archive(as_json)
    if scenario != "all" and scenario not in catalogue():
        raise UsageError(f"no scenario {scenario[:60]!r}; pitchey-ops sandbox --list shows all. Nothing was played.")
    if split not in (None, "tune", "judge"):
        raise UsageError(f"--split {split[:20]!r}: expected tune or judge. Nothing was played.")
    if runbook is not None:
        known(runbook)
    if (seeds is not None and not 1 <= seeds <= 1000) or not 1 <= jobs <= 64:
        raise UsageError("--seeds takes 1 to 1000 and --jobs 1 to 64. Nothing was played.")
    if record and (scenario != "all" or runbook or split or break_):  # fewer seeds are told by the number of cases
        raise UsageError("--record takes a whole rehearsal: drill all, no scenario left out. Nothing was played.")
    try:
        Breaks(break_ or ())
    except ValueError as exc:
        raise UsageError(f"--break: {exc}. Nothing was played.") from None
    variants = chosen(scenario, split=split, seeds=seeds)
    if not variants:
        raise UsageError(f"{scenario} is not of the set {split}. Nothing was played.")
    played = play_all(
        variants,
        runbook=runbook,
        breaks=break_ or (),
        jobs=min(jobs, len(variants)),
        keep=load("sandbox").archive_root() / KEPT if keep else None,
        progress=_progress(len(variants)),
    )
    if as_json:
        sys.stdout.write(json.dumps(scores(played)) + "\n")
    else:
        sys.stdout.write(as_text(played, wrong=not brief) + "\n")
    if record:
        write(played, on=datetime.now(UTC).date())
    return 0


def _archive(as_json: bool) -> int:
    """Score today's rules on all labelled incidents; 1 when one of them cannot be replayed."""
    from ..drills import archive
    from ..panels.safe import terminal
    from ..runbooks.lifecycle import archive_of
    from ..settings import load

    cases = archive.play_archive(archive_of(load()))
    text = terminal(archive.as_text(cases), 1_000_000, lines=True)
    sys.stdout.write((json.dumps(archive.as_json(cases)) if as_json else text) + "\n")
    return int(any(case.played is None for case in cases))


def _progress(of: int) -> Callable[[int], None]:
    def show(done: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K  {done} of {of} variants played ..." if done < of else "\r\033[K")
            sys.stderr.flush()

    return show


def bench_findings(
    folder: Annotated[Path, typer.Argument(help="Folder with labelled data sets.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> int:
    """Measure patterns, onsets, suspects and attackers on labelled data, one table."""
    from ..benchmarks.findings import as_table, measure

    if not folder.is_dir():
        raise UsageError(f"{str(folder)[:200]!r} is no folder. Nothing was measured.")
    rows = measure(folder)
    if as_json:
        sys.stdout.write(json.dumps([row.to_json() for row in rows]) + "\n")
    else:
        sys.stdout.write(as_table(rows) + "\n")
    return 0
