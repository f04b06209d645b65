"""What a run is told before it starts: its ids, its alerts, its folder, its time."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ..models.report import Alert, SeverityLevel

VARIABLE = "PITCHEY_OPS_RUN"
"""Names the prepared run's folder to the kernel."""
FILE = "run.json"

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
        )

    def write(self) -> None:
        """Write ``run.json`` into the folder, where the kernel finds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / FILE
        temporary = target.with_suffix(".tmp")
        temporary.write_text(json.dumps(self.to_json(), ensure_ascii=False, indent=1), encoding="utf-8")
        temporary.replace(target)


def prepared() -> RunContext | None:
    """Return the run that this process was started for, or None in a notebook opened by hand."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return None
    path = Path(folder)
    return RunContext.from_json(json.loads((path / FILE).read_text(encoding="utf-8")), path)


def by_hand(runbook: str, *, budget_s: float, environment: str, run_id: str, incident_id: str) -> RunContext:
    """
    Return a context for a notebook that nobody prepared: plain papermill, nbval or JupyterLab.

    Its record lies beside the executed notebook where papermill tells its place, else in the working
    directory, in a folder named after the run.
    """
    output = os.environ.get("PAPERMILL_OUTPUT_PATH")
    beside = Path(output).resolve().parent if output else Path.cwd()
    return RunContext(
        run_id=run_id,
        incident_id=incident_id,
        runbook=runbook,
        folder=beside / f"{run_id}.evidence",
        started=datetime.now(UTC),
        budget_s=budget_s,
        environment=environment,
        archived=False,
    )
