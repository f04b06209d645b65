"""What a run is told before it starts: its ids, its alerts, its folder, its time."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ..errors import UsageError
from ..models.report import Alert, SeverityLevel
from .given import VARIABLE

FILE = "run.json"
RECORD = "record"
"""Folder below a replay's that holds the record which it answers from."""
REPORT = "report.json"

THRESHOLDS = {"error_share_limit": "error_share", "p95_limit_ms": "p95_ms"}
"""Notebook parameters that replace a threshold of the settings for one run."""

Mode = Literal["live", "replay", "current"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """
    A prepared run.

    Attributes
    ----------
    folder
        Where its record is written while it runs.
    started
        When it was prepared (UTC); the budget counts from here, and an empty window ends here.
    case
        Folder of a recorded incident to read instead of asking, or None.
    mode
        ``live`` asks; ``replay`` answers from the record in *folder*; ``current`` does so with rules
        that may ask what the record does not hold.
    archived
        False for a notebook that was started by hand: its record stays beside it.
    began_s
        The same moment as *started* on this machine's monotonic clock, seconds, where it is known; it goes into
        ``run.json`` and into no record.
    """

    run_id: str
    incident_id: str
    runbook: str
    folder: Path
    started: datetime
    budget_s: float
    environment: str
    alerts: tuple[Alert, ...] = ()
    severity: SeverityLevel | None = None
    case: Path | None = None
    mode: Mode = "live"
    archived: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)
    began_s: float | None = None

    def age_s(self) -> float:
        """Return the seconds since it was prepared, whatever was done to the machine's clock meanwhile."""
        since_s = None if self.began_s is None else time.monotonic() - self.began_s
        if since_s is not None and since_s >= 0:
            return since_s
        return (datetime.now(UTC) - self.started).total_seconds()  # prepared before this machine was started

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "run_id": self.run_id,
            "incident_id": self.incident_id,
            "runbook": self.runbook,
            "started": self.started.isoformat(),
            "budget_s": self.budget_s,
            "environment": self.environment,
            "alerts": [
                {
                    "id": alert.id,
                    "kind": alert.kind,
                    "title": alert.title,
                    "at": alert.at.isoformat(),
                    "severity": alert.severity,
                    "service": alert.service,
                }
                for alert in self.alerts
            ],
            "severity": self.severity,
            "case": None if self.case is None else str(self.case),
            "mode": self.mode,
            "archived": self.archived,
            "parameters": dict(self.parameters),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any], folder: Path) -> RunContext:
        """Rebuild the context of the run in *folder*."""
        return cls(
            run_id=row["run_id"],
            incident_id=row["incident_id"],
            runbook=row["runbook"],
            folder=folder,
            started=datetime.fromisoformat(row["started"]),
            budget_s=row["budget_s"],
            environment=row["environment"],
            alerts=tuple(
                Alert(
                    id=alert["id"],
                    kind=alert["kind"],
                    title=alert["title"],
                    at=datetime.fromisoformat(alert["at"]),
                    severity=alert["severity"],
                    service=alert["service"],
                )
                for alert in row["alerts"]
            ),
            severity=row["severity"],
            case=None if row["case"] is None else Path(row["case"]),
            mode=row["mode"],
            archived=row["archived"],
            parameters=row["parameters"],
            began_s=row.get("began_s"),
        )

    def write(self) -> None:
        """Write ``run.json`` into the folder, where the kernel finds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / FILE
        temporary = target.with_suffix(".tmp")
        row = {**self.to_json(), "began_s": self.began_s}
        temporary.write_text(json.dumps(row, ensure_ascii=False, indent=1), encoding="utf-8")
        temporary.replace(target)


def alert_time(text: str) -> datetime | None:
    """
    Return the time of an alert that a parameter names, UTC; None when it is empty.

    Raises
    ------
    UsageError
        It is no time.
    """
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"alert_at {text[:60]!r} is no ISO 8601 time such as 2026-11-23T08:00:00Z. Nothing was run."
        ) from None


def prepared() -> RunContext | None:
    """Return the run that this process was started for, or None in a notebook opened by hand."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return None
    path = Path(folder).resolve()  # a kernel that was started first finds its run behind a link
    return RunContext.from_json(json.loads((path / FILE).read_text(encoding="utf-8")), path)


def _papermill_output() -> Path | None:
    """
    Return the folder of the notebook that plain papermill writes, None where it is not what started us.

    papermill does not tell its kernel where the output goes, so its command line is read.
    """
    import psutil

    try:
        parent = psutil.Process(os.getppid())
        words, place = parent.cmdline(), Path(parent.cwd())
    except (psutil.Error, OSError):
        return None
    names = [Path(word).name for word in words]
    if "papermill" not in names:
        return None
    notebooks = [word for word in words[names.index("papermill") + 1 :] if word.endswith(".ipynb")]
    if len(notebooks) < 2 or "://" in notebooks[1]:
        return None
    folder = (place / notebooks[1]).resolve().parent
    return folder if os.access(folder, os.W_OK) else None


def by_hand(runbook: str, *, budget_s: float, environment: str, run_id: str, incident_id: str) -> RunContext:
    """
    Return a context for a notebook that nobody prepared: plain papermill, nbval or JupyterLab.

    Its record lies in a folder named after the run: beside the executed notebook where plain papermill makes
    one, else in the working directory.
    """
    beside = _papermill_output() or Path.cwd()
    return RunContext(
        run_id=run_id,
        incident_id=incident_id,
        runbook=runbook,
        folder=beside / f"{run_id}.evidence",
        started=datetime.now(UTC),
        budget_s=budget_s,
        environment=environment,
        archived=False,
        began_s=time.monotonic(),
    )
