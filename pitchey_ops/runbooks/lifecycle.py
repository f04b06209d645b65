"""A run from order to archive: check, prepare, execute, report, archive."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from pydantic import ValidationError

from ..errors import RecordError, RunError, UsageError
from ..evidence import ids
from ..evidence.archive import Archive
from ..evidence.index import similar_to
from ..evidence.manifest import RunFacts, our_version, versions
from ..evidence.packing import Packing
from ..evidence.redact import Redactor
from ..evidence.signing import read_signer
from ..models.outcome import Outcome
from ..models.report import Alert, SeverityLevel
from ..settings import Settings, Thresholds, load
from . import windows
from .catalogue import Runbook, runbook
from .context import THRESHOLDS, RunContext, alert_time
from .execute import NOTEBOOK, Progress, execute
from .parameters import LONGEST_TEXT, checked, declared
from .starting import OwnKernel

SIGNING_KEY = "PITCHEY_OPS_SIGNING_KEY_FILE"
SALVAGE_S = 30.0
SIMILAR_WITHIN_S = 0.2
"""Seconds that looking for similar incidents may add to a run; what is not found by then is not shown."""
WORKING = ("run.json", "kernel.log", "evidence.jsonl", "panels", "record")
"""What a run's folder holds while it runs and not afterwards: all of it is in the evidence or the report."""


Stage = Callable[[str], Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody or something wants to have run."""

    runbook: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    environment: str | None = None
    incident_id: str | None = None
    alerts: tuple[Alert, ...] = ()
    severity: SeverityLevel | None = None
    budget_s: float | None = None
    case: Path | None = None
    started_by: str = "person"
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An order that was checked, with its ids, its folder and its parameters."""

    context: RunContext
    runbook: Runbook
    settings: Settings
    parameters: Mapping[str, Any]
    started_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A run whose files are complete in its folder, not yet archived; ``facts.end`` is when they were."""

    folder: Path
    outcome: Outcome
    report: Mapping[str, Any]
    facts: RunFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """An archived run."""

    folder: Path
    outcome: Outcome
    report: Mapping[str, Any]
    ledger_head: str


def run_order(order: Order, *, progress: Progress | None = None, kernel: OwnKernel | None = None) -> Finished:
    """
    Check, prepare, execute and archive *order*.

    *kernel* was started before, so that it gets ready meanwhile; it is used up whatever happens.

    Raises
    ------
    UsageError, ConfigError
        Before anything was written.
    RunError, RecordError
        The run could not be archived; the message says where what there is was left.
    """
    try:
        prepared = prepare(order)
        if kernel is not None:
            kernel.point_to(prepared.context.folder, prepared.settings.memory_limit_mb)
    except BaseException:
        if kernel is not None:
            kernel.end()
        raise
    began, packed = time.monotonic(), packing(prepared)
    outcome = execute(
        prepared.context,
        prepared.runbook.notebook,
        prepared.parameters,
        memory_limit_mb=prepared.settings.memory_limit_mb,
        remaining_s=remaining_s(prepared.context),
        progress=progress,
        kernel=kernel,
        meanwhile=get_ready_to_build,
        now_and_then=packed.take_beside,
    )
    return finish(prepared, outcome, executed_s=time.monotonic() - began, packed=packed)


def prepare(order: Order, *, stage: Stage | None = None) -> Prepared:
    """
    Check *order* and make its folder; nothing is written when anything about it is wrong.

    *stage* gives the folder for a run's id; the archive's staging by default.
    """
    book = runbook(order.runbook)
    known = declared(book.notebook)
    parameters = checked(order.parameters, known, runbook=book.id)
    settings = load(order.environment or str(parameters.get("environment") or "") or None)
    redactor = redactor_of(settings)
    parameters = _without_secrets(parameters, redactor)
    started, began_s = datetime.now(UTC), time.monotonic()
    windows.parse(str(parameters.get("window", "")), now=started)
    alert_time(str(parameters.get("alert_at", "")))
    _limits(parameters)
    if order.case is not None:
        _case_folder(order.case)
    if order.incident_id is not None and not ids.is_incident_id(order.incident_id):
        raise UsageError(
            f"incident {order.incident_id[:60]!r} is no id such as INC-20261123-081500-ab2c. Nothing was run."
        )
    if order.budget_s is not None and not 5 <= order.budget_s <= 900:
        raise UsageError(f"budget {order.budget_s:g} s: expected 5 to 900. Nothing was run.")
    run_id = order.run_id or ids.new_run_id(started)
    archive = archive_of(settings)
    context = RunContext(
        run_id=run_id,
        incident_id=order.incident_id or ids.new_incident_id(started),
        runbook=book.id,
        folder=(stage or archive.stage)(run_id),
        started=started,
        budget_s=order.budget_s or settings.budget_s,
        environment=settings.environment,
        alerts=tuple(_storable(alert, redactor) for alert in order.alerts),
        severity=order.severity or _severity_of(archive, order.incident_id),
        case=None if order.case is None else order.case.resolve(),
        parameters=parameters,
        began_s=began_s,
    )
    context.write()
    return Prepared(
        context=context,
        runbook=book,
        settings=settings,
        parameters={**parameters, "environment": settings.environment},
        started_by=order.started_by,
    )


def finish(prepared: Prepared, outcome: Outcome, *, executed_s: float, packed: Packing | None = None) -> Finished:
    """Turn what the run left behind into its five files and archive them; *packed* as `build`."""
    built = build(prepared, outcome, executed_s=executed_s, packed=packed)
    archive = archive_of(prepared.settings)
    folder, head = archive.commit(built.facts, built.facts.end)
    _tell_timeline(archive, prepared, built.report, built.facts.end)
    return Finished(folder=folder, outcome=built.outcome, report=built.report, ledger_head=head.hash)


def get_ready_to_build() -> None:
    """Import and make what every `build` needs; called while there is nothing else to do."""
    import numpy as np  # noqa: F401 - a long notebook is redacted with both
    import polars as pl  # noqa: F401

    from ..reports import build, page  # noqa: F401

    page.get_ready()


def build(prepared: Prepared, outcome: Outcome, *, executed_s: float, packed: Packing | None = None) -> Built:
    """
    Turn what the run left behind in its folder into the files that are archived.

    *packed* holds what of the evidence was packed while the run went on, where somebody did so.
    """
    began = time.monotonic()
    context = prepared.context
    report = _report(prepared, outcome)
    outcome = _redacted(prepared, outcome)
    evidence = (packed or packing(prepared)).data()
    (context.folder / "evidence.har.gz").write_bytes(evidence)
    from ..reports.build import write_page

    write_page(
        context.folder,
        report,
        outcome=outcome,
        started=context.started,
        more={"similar": similar_to(prepared.settings.archive_root(), report, limit_s=SIMILAR_WITHIN_S)},
    )
    _tidy_notebook(prepared)
    _remove_working_files(context.folder)
    facts = RunFacts(
        incident_id=context.incident_id,
        run_id=context.run_id,
        runbook=context.runbook,
        started_by=_who(prepared),
        start=context.started,
        end=datetime.now(UTC),
        durations={"execute_s": round(executed_s, 3), "report_s": round(time.monotonic() - began, 3)},
        settings=prepared.settings.public(),
        versions=versions(our_version()),
        completed=outcome.ending == "completed",
        cut_reason="" if outcome.ending == "completed" else f"{outcome.ending}: {outcome.detail}"[:500],
    )
    return Built(folder=context.folder, outcome=outcome, report=report, facts=facts)


def archive_of(settings: Settings) -> Archive:
    """Return the archive that *settings* name; signed where a key file is configured."""
    key = os.environ.get(SIGNING_KEY)
    return Archive(settings.archive_root(), signer=read_signer(Path(key) if key else None))


def open_incident(*, title: str, severity: str, service: str | None, at: datetime) -> str:
    """Open an incident without an alert and return its id."""
    settings = load()
    archive = archive_of(settings)
    incident = ids.new_incident_id(at)
    redactor = redactor_of(settings)
    entry = {
        "event": "declared",
        "title": redactor.text(title)[:300],
        "severity": severity,
        "service": None if service is None else redactor.text(service),
        "by": _person(),
    }
    archive.append(incident, "timeline", entry, at)
    return incident


def _report(prepared: Prepared, outcome: Outcome) -> dict[str, Any]:
    """Return ``report.json``; build it from the record when the notebook did not come to its end."""
    path = prepared.context.folder / "report.json"
    if outcome.ending != "completed":
        with suppress(subprocess.TimeoutExpired, OSError):
            subprocess.run(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "pitchey_ops.runbooks.salvage", str(prepared.context.folder)],
                timeout=SALVAGE_S,
                check=False,
                capture_output=True,
                stdin=subprocess.DEVNULL,
            )
    if not path.exists():
        _leave_bare_report(prepared, outcome)
    try:
        report = json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise RunError(f"{path}: the report cannot be read ({exc}); what was recorded is in that folder") from exc
    return dict(report)


def _leave_bare_report(prepared: Prepared, outcome: Outcome) -> None:
    """Write the report that says that nothing is known, and into the record what it takes to repeat that."""
    from ..evidence.recorder import Recorder, has_event
    from .bare import EVENT, write_bare

    context = prepared.context
    with closing(Recorder(context.folder)) as recorder:  # a full disk must not leave the file open at every try
        if not has_event(context.folder, "run"):
            told = {"parameters": dict(prepared.parameters), "settings": prepared.settings.public()}
            recorder.event("run", {**context.to_json(), **told})
        recorder.event(EVENT, {"ending": outcome.ending})
    write_bare(context, prepared.runbook, prepared.parameters, outcome.ending, record=context.folder)


def packing(prepared: Prepared) -> Packing:
    """Return what packs the evidence of a run while it goes on, for `execute` and then for `build`."""
    return Packing(prepared.context.folder, creator_version=our_version())


def _tidy_notebook(prepared: Prepared) -> None:
    """Redact the executed notebook, and mark as not run what never ran (engine facts: papermill's marks lie)."""
    path = prepared.context.folder / NOTEBOOK
    if not path.exists():
        path.write_bytes(prepared.runbook.notebook.read_bytes())
        return
    try:
        document = json.loads(path.read_bytes())
    except ValueError as exc:
        raise RecordError(
            f"{path}: the executed notebook is torn ({exc}); most likely the disk was full. Nothing was archived."
        ) from exc
    for cell in document.get("cells", ()):
        marks = cell.get("metadata", {}).get("papermill")
        if marks and cell.get("cell_type") == "code" and cell.get("execution_count") is None:
            marks["status"] = "pending"
    document.get("metadata", {}).get("papermill", {}).pop("input_path", None)
    document.get("metadata", {}).get("papermill", {}).pop("output_path", None)
    with_marks, pictures = _without_pictures(document, prepared.context.folder)
    text = redactor_of(prepared.settings).body(with_marks.encode(), "application/json").decode()
    for mark, picture in pictures.items():
        text = text.replace(mark, picture)
    path.write_bytes(text.encode())


PNG_SIGNATURE = "iVBORw0KGgo"
"""How a PNG begins, in base64."""


def _without_pictures(document: Mapping[str, Any], folder: Path) -> tuple[str, dict[str, str]]:
    """
    Return *document* as JSON with a mark for each picture that was drawn, and what each mark stands for.

    Pictures are those that a panel of the run made, and outputs that are one as a whole.
    """
    pictures: list[Any] = [
        output.get("data", {}).get("image/png")
        for cell in document.get("cells", ())
        for output in cell.get("outputs", ())
    ]
    for panel in sorted((folder / "panels").glob("*.json")):
        with suppress(OSError, ValueError, AttributeError):
            pictures.append(json.loads(panel.read_bytes()).get("png"))
    text, found = json.dumps(document, ensure_ascii=False), {}
    for number, picture in enumerate(pictures):
        if isinstance(picture, str) and picture.startswith(PNG_SIGNATURE) and picture in text:
            mark = f"(picture {number} {''.join(secrets.choice(ascii_lowercase) for _ in range(16))})"
            found[mark] = picture
            text = text.replace(picture, mark)
    return text, found


def _redacted(prepared: Prepared, outcome: Outcome) -> Outcome:
    if not outcome.detail:
        return outcome
    return Outcome(
        ending=outcome.ending,
        detail=redactor_of(prepared.settings).text(outcome.detail)[:2000],
        cells_done=outcome.cells_done,
        cells=outcome.cells,
    )


def redactor_of(settings: Settings) -> Redactor:
    """Return what takes secrets out of texts before they are kept, for a process that is no run's kernel."""
    from .redacting import redactor_for

    return redactor_for(settings, sparing=True)


def _remove_working_files(folder: Path) -> None:
    import shutil

    for name in WORKING:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.name not in (NOTEBOOK, "report.html", "report.json", "evidence.har.gz", "bodies"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _tell_timeline(archive: Archive, prepared: Prepared, report: Mapping[str, Any], at: datetime) -> None:
    context, verdict = prepared.context, report["verdict"]
    for alert in () if prepared.started_by == "session" else context.alerts:
        entry = {"event": "alert", "id": alert.id, "kind": alert.kind, "title": alert.title[:300]}
        archive.append(context.incident_id, "timeline", {**entry, "alert_at": alert.at.isoformat()}, at)
    archive.append(
        context.incident_id,
        "timeline",
        {
            "event": "run",
            "run": context.run_id,
            "runbook": context.runbook,
            "state": verdict["state"],
            "cause": verdict["cause"],
            "onset": verdict["onset"],
            "severity": report["incident"]["severity"],
        },
        at,
    )


def _severity_of(archive: Archive, incident: str | None) -> SeverityLevel | None:
    """Return the severity with which an incident was declared, if it was."""
    if incident is None:
        return None
    path = archive.root / incident / "timeline.jsonl"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)["entry"]
            if entry["event"] == "declared" and entry["severity"] in ("P1", "P2", "P3", "P4"):
                return entry["severity"]  # type: ignore[no-any-return]
    return None


def _without_secrets(value: Any, redactor: Redactor) -> Any:
    """Return parameters with secrets marked in their texts: they stand in the notebook, the record and the report."""
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, Mapping):
        return {name: _without_secrets(item, redactor) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_secrets(item, redactor) for item in value]
    return value


def _storable(alert: Alert, redactor: Redactor) -> Alert:
    """Return *alert* with texts that can be kept: bounded, without secrets and without halves of characters."""

    def text(value: str, longest: int) -> str:
        # cut first, so that a giant costs little, and once more, since a mark may be longer than what it hides
        return redactor.text(value[: 2 * longest].encode("utf-8", "replace").decode())[:longest]

    return replace(
        alert,
        id=text(alert.id, 200),
        kind=text(alert.kind, 200),
        title=text(alert.title, LONGEST_TEXT),
        service=None if alert.service is None else text(alert.service, 200),
    )


def _limits(parameters: Mapping[str, Any]) -> None:
    """Refuse limits that no settings file could set."""
    given = {THRESHOLDS[name]: value for name, value in parameters.items() if name in THRESHOLDS and value}
    names = {field: name for name, field in THRESHOLDS.items()}
    try:
        Thresholds(**given)
    except ValidationError as exc:
        faults = [f"{names[str(error['loc'][0])]}: {error['msg']}" for error in exc.errors(include_url=False)]
        raise UsageError(f"{'; '.join(faults)}. Nothing was run.") from None


def _case_folder(folder: Path) -> None:
    names = ("logs.jsonl", "metrics.jsonl", "response_time.jsonl")
    if not folder.is_dir():
        raise UsageError(f"case {str(folder)[:200]!r}: no such folder. Nothing was run.")
    if not any((folder / f"{name}{end}").exists() for name in names for end in ("", ".gz")):
        raise UsageError(
            f"case {str(folder)[:200]!r} holds none of {', '.join(names)} (plain or .gz). Nothing was run."
        )


def remaining_s(context: RunContext) -> float:
    """Return the seconds until the budget of *context* is used up."""
    return context.budget_s - context.age_s()


def _who(prepared: Prepared) -> str:
    if prepared.context.alerts and prepared.started_by != "session":
        return f"alert {prepared.context.alerts[0].id}"
    return f"{prepared.started_by} {_person()}"


def _person() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
