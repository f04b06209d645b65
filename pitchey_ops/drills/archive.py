"""Today's rules on yesterday's incidents: every labelled run is answered from its record and scored."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..diagnosis.weigh import strongest
from ..errors import OpsError
from ..evidence.archive import Archive
from ..runbooks.catalogue import runbook
from ..runbooks.investigate import run_context, settings_for
from ..runbooks.labels import Label, labels
from ..runbooks.offline import close_network
from ..runbooks.replaying import unpack
from ..runbooks.run import Run
from ..sandbox.world import Truth
from .play import Played
from .score import is_right, onset_error_s, score


@dataclass(frozen=True, kw_only=True)
class Case:
    """
    One labelled run with what is said about it today.

    Attributes
    ----------
    then
        State and cause as they were archived; None where that report cannot be read.
    was_right
        Whether the archived verdict was; None as *then*.
    played
        Today's verdict with the truth; None where the record cannot be replayed, and *problem* says why.
    """

    label: Label
    incident: str
    then: tuple[str, str | None] | None
    was_right: bool | None
    played: Played | None
    problem: str = ""

    @property
    def right(self) -> bool:
        """Whether today's rules are right about it."""
        return self.played is not None and is_right(self.played)

    @property
    def worse(self) -> bool:
        """Whether the verdict was right when it was archived, and is not any more."""
        return bool(self.was_right) and not self.right

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        verdict = None if self.played is None else self.played.verdict
        return {
            "run": self.label.run,
            "incident": self.incident,
            "runbook": None if self.played is None else self.played.runbook,
            "wanted": self.label.cause,
            "said": None if verdict is None else {"state": verdict.state, "cause": verdict.cause},
            "right": self.right,
            "was_right": self.was_right,
            "onset_error_s": None if self.played is None else onset_error_s(self.played),
            "problem": self.problem,
        }


def play_archive(archive: Archive) -> list[Case]:
    """
    Answer every labelled run of *archive* from its record with today's rules, network closed, oldest first.

    What today's rules ask and the record does not hold is answered as not asked.
    """
    close_network()
    return [_case(archive, one) for _, one in sorted(labels(archive).items())]


def _case(archive: Archive, label: Label) -> Case:
    folder = archive.find(label.run)
    if folder is None:
        return Case(
            label=label, incident="", then=None, was_right=None, played=None, problem="the run is not in the archive"
        )
    then = _then(folder)
    was_right = None if then is None else _fits(label, *then)
    made = Case(label=label, incident=folder.parent.name, then=then, was_right=was_right, played=None)
    workplace = Path(tempfile.mkdtemp(prefix="pitchey-ops-drill-"))
    try:
        return replace(made, played=_played(folder, workplace, label))
    except (OpsError, OSError, ValueError, KeyError, TypeError) as exc:
        return replace(made, problem=f"it cannot be replayed: {type(exc).__name__}: {exc}"[:300])
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _played(folder: Path, workplace: Path, label: Label) -> Played:
    context = replace(unpack(folder, workplace), mode="current")
    began = time.process_time()
    settings = settings_for(context.environment, context.parameters, context.parameters.get("services", ()))
    run = run_context(context, runbook(context.runbook), settings, context.parameters, record_events=False)
    return _as_played(run, label, time.process_time() - began)


def _as_played(run: Run, label: Label, seconds: float) -> Played:
    analysis = run.analysis
    return Played(
        scenario=label.run,
        seed=0,
        split="archive",
        beside=(),
        runbook=run.runbook.id,
        truth=truth_of(label),
        verdict=analysis.verdict,
        scores=analysis.scores,
        signals={signal: strength for signal, (strength, _) in sorted(strongest(analysis.findings).items())},
        findings=tuple((finding.id, int(finding.severity), finding.claim) for finding in analysis.findings),
        not_checked=tuple((item.rule, item.because) for item in analysis.not_checked),
        sources=analysis.sources,
        unmet=analysis.unmet,
        asked_s=0.0,
        questions=0,
        seconds={"analyse": seconds},
    )


def truth_of(label: Label) -> Truth:
    """Return *label* as drills know what happened."""
    onset_ms = None if label.onset is None else round(label.onset.timestamp() * 1000)
    return Truth(cause=label.cause, onset_ms=onset_ms, services=label.services)


def as_text(cases: Sequence[Case]) -> str:
    """Return one line a labelled run, then the scores."""
    if not cases:
        return "no run is labelled: pitchey-ops label RUN --cause ... --onset ..."
    lines = []
    for case in cases:
        if case.played is None:
            lines.append(f"UNREADABLE  {case.label.run}  wanted {case.label.cause}: {case.problem}")
            continue
        verdict, error = case.played.verdict, onset_error_s(case.played)
        word = "right" if case.right else "WORSE" if case.worse else "wrong"
        said = f"{verdict.state}, {verdict.cause or 'no cause'} ({verdict.confidence:.2f})"
        onset = "" if error is None else f", onset {error:.0f} s off"
        lines.append(
            f"{word:10}  {case.label.run}  {case.played.runbook}  wanted {case.label.cause}, said {said}{onset}"
        )
        if not case.right and case.then is not None:
            lines.append(f"            when it was archived: {case.then[0]}, {case.then[1] or 'no cause'}")
    counted = score(case.played for case in cases if case.played is not None)
    lines.append(
        f"{len(cases)} labelled runs: {sum(case.right for case in cases)} right, "
        f"{sum(case.worse for case in cases)} worse than when archived, "
        f"{sum(case.played is None for case in cases)} unreadable, "
        f"{counted['false_healthy']} called healthy that were not"
    )
    return "\n".join(lines)


def as_json(cases: Sequence[Case]) -> dict[str, Any]:
    """Return the scores and every case as JSON values."""
    return {
        "scores": score(case.played for case in cases if case.played is not None),
        "worse": sum(case.worse for case in cases),
        "unreadable": sum(case.played is None for case in cases),
        "cases": [case.to_json() for case in cases],
    }


def _then(folder: Path) -> tuple[str, str | None] | None:
    try:
        verdict = json.loads((folder / "report.json").read_bytes())["verdict"]
        return str(verdict["state"]), None if verdict["cause"] is None else str(verdict["cause"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _fits(label: Label, state: str, cause: str | None) -> bool:
    return state == "healthy" if label.cause == "none" else state == "incident" and cause == label.cause
