"""
A session: a working copy of the notebooks for one incident, and what its kernels are told.

Below the archive, ``.sessions/NAME/``: ``work/`` is what JupyterLab shows; beside it, out of the browser's reach,
``session.json``, the runs of the session, the static twins of its widgets, and Jupyter's own files.
"""

from __future__ import annotations

import ast
import json
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..errors import RecordError, UsageError
from ..evidence import ids
from ..evidence.archive import Archive
from ..evidence.har import read_events
from ..models.report import Alert, SeverityLevel
from ..panels.live.standing import Standing, static_bar
from ..postmortem.gathered import lines_of
from ..runbooks.catalogue import RUNBOOKS, runbook
from ..runbooks.context import RunContext
from ..runbooks.lifecycle import archive_of
from ..settings import Settings, load
from .places import FILE, RUNS, SESSIONS, TWINS, WORK

HEADLESS = "headless"
BAR = "from pitchey_ops import workbench  # the incident bar: run it, and it lives\n\nworkbench.bar()"
HAND_IN = "workbench.hand_in()"


@dataclass(frozen=True, kw_only=True)
class Headless:
    """What the newest headless run of the incident said."""

    run: str
    runbook: str
    state: str
    severity: SeverityLevel
    summary: str
    cause: str | None = None
    onset: datetime | None = None
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Session:
    """
    What a session's kernels are told.

    Attributes
    ----------
    folder
        Its private folder.
    case
        Folder of the recorded incident that its runs read instead of asking, or None.
    drill
        Whether the cause is hidden and an answer is expected.
    """

    folder: Path
    incident: str
    runbook: str
    environment: str
    by: str
    opened: datetime
    alerts: tuple[Alert, ...] = ()
    severity: SeverityLevel | None = None
    case: Path | None = None
    headless: Headless | None = None
    drill: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        """The working copy, the only folder that the browser sees."""
        return self.folder / WORK

    def write(self) -> None:
        """Write it into its folder."""
        row = {
            "incident": self.incident,
            "runbook": self.runbook,
            "environment": self.environment,
            "by": self.by,
            "opened": self.opened.isoformat(),
            "severity": self.severity,
            "case": None if self.case is None else str(self.case),
            "drill": self.drill,
            "parameters": dict(self.parameters),
            "alerts": [_alert_row(alert) for alert in self.alerts],
            "headless": None if self.headless is None else _headless_row(self.headless),
        }
        temporary = self.folder / f"{FILE}.tmp"
        temporary.write_text(json.dumps(row, indent=1), encoding="utf-8")
        temporary.replace(self.folder / FILE)

    @classmethod
    def read(cls, folder: Path) -> Session:
        """
        Read the session in *folder*.

        Raises
        ------
        RecordError
            There is none, or it is damaged.
        """
        try:
            row = json.loads((folder / FILE).read_text(encoding="utf-8"))
            told = row["headless"]
            return cls(
                folder=folder,
                incident=ids.incident_id(row["incident"]),
                runbook=row["runbook"],
                environment=row["environment"],
                by=row["by"],
                opened=datetime.fromisoformat(row["opened"]),
                severity=row["severity"],
                case=None if row["case"] is None else Path(row["case"]),
                drill=row["drill"],
                parameters=row["parameters"],
                alerts=tuple(Alert(**{**alert, "at": datetime.fromisoformat(alert["at"])}) for alert in row["alerts"]),
                headless=None
                if told is None
                else Headless(**{**told, "onset": _moment(told["onset"]), "at": _moment(told["at"])}),
            )
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise RecordError(f"{folder / FILE}: the session cannot be read ({type(exc).__name__})") from exc

    def add_run(self, context: RunContext) -> None:
        """Take note of a run that a kernel of this session began."""
        row = {"run": context.run_id, "runbook": context.runbook, "notebook": f"{context.runbook}.ipynb"}
        with (self.folder / RUNS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def runs(self) -> list[dict[str, str]]:
        """Return the runs that kernels of this session began, oldest first."""
        try:
            lines = (self.folder / RUNS).read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        return [json.loads(line) for line in lines if line.strip()]


def prepare(what: str, *, runbook_: str | None = None, environment: str | None = None, by: str) -> Session:
    """
    Make a session's folder for an incident's id or a runbook's name.

    Raises
    ------
    UsageError, ConfigError
        Nothing was started.
    """
    settings = load(environment)
    if ids.is_incident_id(what):
        told = _of_incident(archive_of(settings), what, runbook_)
        settings = load(environment or told["environment"])
    elif what in RUNBOOKS:
        if runbook_ is not None:
            raise UsageError("name a runbook or an incident with --runbook, not two runbooks. Nothing was started.")
        told = {"incident": ids.new_incident_id(datetime.now(UTC)), "runbook": what}
    else:
        raise UsageError(
            f"{what[:60]!r} is neither an incident's id such as INC-20261123-081500-ab2c nor a runbook "
            f"({', '.join(RUNBOOKS)}). Nothing was started."
        )
    told.pop("environment", None)
    now = datetime.now(UTC)
    root = settings.archive_root() / SESSIONS
    folder = root / f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    try:
        folder.mkdir(parents=True, mode=0o700)
        (folder / WORK).mkdir()
        (folder / TWINS).mkdir()
    except OSError as exc:
        raise UsageError(f"{folder}: cannot be made: {exc.strerror}. Nothing was started.") from exc
    session = Session(folder=folder, environment=settings.environment, by=by, opened=now, **told)
    session.write()
    return session


def fill(session: Session, settings: Settings) -> None:
    """Copy the notebooks into the working copy, with parameters, incident bar, and the headless evidence beside."""
    standing = standing_of(session, settings)
    for book in RUNBOOKS.values():
        document = json.loads(book.notebook.read_text(encoding="utf-8"))
        _fill_parameters(document, {**_parameters_for(session, book.id), "incident": session.incident})
        _add_bar(document, standing, session)
        (session.work / f"{book.id}.ipynb").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if session.headless is not None:
        source = settings.archive_root() / session.incident
        _copy_evidence(source, session.work / HEADLESS, session.headless.run)


def standing_of(session: Session, settings: Settings) -> Standing:
    """Return how the incident stands as the session begins: what the headless run said."""
    told = session.headless
    levels = [one for one in (session.severity, *(a.severity for a in session.alerts)) if one]
    severity = min([*levels, told.severity] if told is not None else levels or ["P3"])
    links = [("dashboard", settings.dashboard_url or "")]
    if told is not None:
        links.insert(0, ("headless report", f"/files/{HEADLESS}/{told.run}/report.html"))
    if settings.cloudflare_account:
        links.append(("Cloudflare", f"https://dash.cloudflare.com/{settings.cloudflare_account}"))
    return Standing(
        incident=session.incident,
        environment=session.environment,
        severity=severity,  # type: ignore[arg-type]
        state=None if told is None else told.state,
        summary="" if told is None else told.summary,
        source="" if told is None else f"As {told.run} ({told.runbook}, headless) saw it",
        since=min((alert.at for alert in session.alerts), default=None),
        onset=None if told is None else told.onset,
        alerts=tuple(alert.title for alert in session.alerts),
        links=tuple((words, address) for words, address in links if address),
    )


def _of_incident(archive: Archive, incident: str, wanted: str | None) -> dict[str, Any]:
    folder = archive.root / incident
    if not folder.is_dir():
        raise UsageError(f"{incident}: not in the archive {archive.root}. Nothing was started.")
    runs = [path for path in sorted(folder.iterdir()) if ids.is_run_id(path.name) and (path / "report.json").is_file()]
    told: dict[str, Any] = {"incident": incident}
    told["severity"] = _declared(folder)
    if not runs:
        told["runbook"] = runbook(wanted or "triage").id
        return told
    headless = [path for path in runs if not _is_session(path)] or runs
    chosen = [path for path in headless if wanted is None or _report(path)["run"]["runbook"] == wanted] or headless
    newest = chosen[-1]
    report, event = _report(newest), _run_event(newest)
    verdict = report["verdict"]
    told["runbook"] = runbook(wanted or report["run"]["runbook"]).id
    told["environment"] = event.get("environment")
    told["severity"] = event.get("severity") or told["severity"]
    told["alerts"] = _alerts([event, *(_report(path)["incident"] for path in runs)])
    case = event.get("case")
    if case is not None:
        if not Path(case).is_dir():
            raise UsageError(
                f"{incident} was read from the recorded case {case[:200]!r}, which is not there any more; its archived "
                f"reports are under {folder}. Nothing was started."
            )
        told["case"] = Path(case)
    told["parameters"] = {
        name: value for name, value in report["run"]["parameters"].items() if name not in ("window", "alert_at")
    } | {"window": _window(report["run"]["window"], case=case is not None)}
    told["headless"] = Headless(
        run=newest.name,
        runbook=report["run"]["runbook"],
        state=verdict["state"],
        severity=verdict["severity"],
        summary=verdict["summary"],
        cause=verdict["cause"],
        onset=_moment(verdict["onset"]),
        at=_moment(report["run"]["window"]["end"]),
    )
    return told


def _window(resolved: Mapping[str, str], *, case: bool) -> str:
    """Return the window for the session: from where the headless run began to look, to now."""
    start, end = (datetime.fromisoformat(resolved[name]) for name in ("start", "end"))
    if case or datetime.now(UTC) - start > timedelta(days=6):
        return f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"
    return f"{start:%Y-%m-%dT%H:%M:%SZ}/"


def _is_session(run: Path) -> bool:
    try:
        facts = json.loads((run / "manifest.json").read_bytes())
        return str(facts["started_by"]).startswith("session ")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _run_event(run: Path) -> dict[str, Any]:
    """Return what the record of *run* says about its preparation."""
    try:
        events = read_events((run / "evidence.har.gz").read_bytes())
    except (OSError, RecordError):
        return {}
    return next((event for event in events if event["record"] == "run"), {})


def _alerts(told: Iterable[Mapping[str, Any]]) -> tuple[Alert, ...]:
    """Return each alert that is told of, the first telling first."""
    found: dict[str, Alert] = {}
    for row in (alert for one in told for alert in one.get("alerts", ())):
        alert = Alert(
            id=row["id"],
            kind=row["kind"],
            title=row["title"],
            at=datetime.fromisoformat(row["at"]),
            severity=row.get("severity"),
            service=row.get("service"),
        )
        found.setdefault(alert.id, alert)
    return tuple(sorted(found.values(), key=lambda alert: alert.at))


def _declared(folder: Path) -> SeverityLevel | None:
    """Return the severity with which somebody declared the incident, if somebody did."""
    path = folder / "timeline.jsonl"
    lines = lines_of("timeline", path.read_bytes()) if path.is_file() else ()
    levels = [line.entry.get("severity") for line in lines if line.event == "declared"]
    return next((level for level in levels if level in ("P1", "P2", "P3", "P4")), None)


def _report(run: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((run / "report.json").read_bytes()))
    except (OSError, ValueError) as exc:
        raise RecordError(f"{run / 'report.json'}: cannot be read ({type(exc).__name__}); nothing was started") from exc


def _parameters_for(session: Session, book: str) -> dict[str, Any]:
    given: dict[str, Any] = {"environment": session.environment}
    told = session.parameters
    shared = ("window", "services", "error_share_limit", "p95_limit_ms")
    given |= {name: value for name, value in told.items() if book == session.runbook or name in shared}
    given["environment"] = session.environment
    return given


def _parameter_cells(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in document["cells"] if "parameters" in cell["metadata"].get("tags", ())]


def _fill_parameters(document: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Replace the literals of the parameters cell; what a name's comment says stays."""
    for cell in _parameter_cells(document):
        lines = "".join(cell["source"]).splitlines()
        for statement in ast.parse("\n".join(lines)).body:
            if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
                continue
            name, value = statement.targets[0].id, statement.value
            if name in given and value.end_lineno == value.lineno and value.end_col_offset is not None:
                line = lines[value.lineno - 1].encode()
                new = given[name]
                if isinstance(ast.literal_eval(value), float) and isinstance(new, int):
                    new = float(new)
                literal = ascii(new).encode()
                lines[value.lineno - 1] = (line[: value.col_offset] + literal + line[value.end_col_offset :]).decode()
        cell["source"] = "\n".join(lines).splitlines(keepends=True)


def _add_bar(document: dict[str, Any], standing: Standing, session: Session) -> None:
    content, text = static_bar(standing, session.opened)
    output = {"output_type": "display_data", "data": {"text/html": content, "text/plain": text}, "metadata": {}}
    document["cells"].insert(1, _cell("incident-bar", BAR, [output]))
    if session.drill:
        words = {
            "cell_type": "markdown",
            "id": "drill-words",
            "metadata": {"tags": ["session"]},
            "source": ["## What was it?\n", "\n", "Say what you found; then the truth is shown beside it."],
        }
        document["cells"] += [words, _cell("drill-hand-in", HAND_IN, [])]


def _cell(name: str, source: str, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {"tags": ["session"]},
        "source": source.splitlines(keepends=True),
        "outputs": outputs,
        "execution_count": None,
    }


def _copy_evidence(incident: Path, target: Path, newest: str) -> None:
    """Copy the archived reports and notebooks, read-only; the archive itself is out of the browser's reach."""
    runs = [path for path in sorted(incident.iterdir()) if ids.is_run_id(path.name)]
    kept = {path.name: path for path in runs[-5:]} | {newest: incident / newest}
    for name, run in kept.items():
        folder = target / name
        folder.mkdir(parents=True)
        for file in ("report.html", "report.json", "notebook.ipynb"):
            if (run / file).is_file():
                shutil.copyfile(run / file, folder / file)
                (folder / file).chmod(0o444)


def _alert_row(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "kind": alert.kind,
        "title": alert.title,
        "at": alert.at.isoformat(),
        "severity": alert.severity,
        "service": alert.service,
    }


def _headless_row(told: Headless) -> dict[str, Any]:
    return {
        "run": told.run,
        "runbook": told.runbook,
        "state": told.state,
        "severity": told.severity,
        "summary": told.summary,
        "cause": told.cause,
        "onset": None if told.onset is None else told.onset.isoformat(),
        "at": None if told.at is None else told.at.isoformat(),
    }


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def as_drill(session: Session) -> Session:
    """Return *session* as a drill, written."""
    made = replace(session, drill=True)
    made.write()
    return made
