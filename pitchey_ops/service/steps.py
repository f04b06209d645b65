"""
What a run of the engine consists of: prepare, run, archive, notify; the upload comes after it in a work of its own.

Each step may be carried out more than once (its worker died in the middle); what it leaves is the same. What a step
returns is stored as JSON and read by the next one, maybe in another process.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..errors import ConfigError, OpsError, RecordError, UsageError
from ..evidence.ledger import Head
from ..evidence.packing import Packing
from ..models.outcome import Outcome
from ..runbooks.execute import execute
from ..runbooks.execute import get_ready as get_ready_to_execute
from ..runbooks.lifecycle import Built, Order, Prepared, archive_of, build, packing, prepare, remaining_s
from ..settings import Settings, load
from . import engine_archive, incidents, notify, orders
from .config import EngineConfig
from .engine_tables import Claim, settled, uploads
from .intake.routing import rules_of
from .kernels import KernelPool
from .orders import OrderRow

log = logging.getLogger("pitchey_ops.engine")
FALLBACK = "triage"
"""What is run where the order itself cannot be: an alert with a wrong entry in a catalogue is still an alert."""
VERDICT_EVERY_S = 0.1
_LEFT = ("report.json", "report.html", "notebook.ipynb", "panels", "run.json", "kernel.log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What steps work with."""

    db: sa.Engine
    config: EngineConfig
    kernels: KernelPool
    settings: Callable[[], Settings] = load


def get_ready() -> None:
    """Import and make what the first run would wait for."""
    from ..reports import page

    get_ready_to_execute()
    page.get_ready()


def plan(parts: Parts, run_id: str) -> dict[str, Any]:
    """
    Decide what is run: the order's runbook, or triage where the order is wrong.

    Raises
    ------
    ConfigError
        The settings are wrong; every run would fail.
    RecordError
        There is no such order.
    """
    parts.settings()
    row = _order(parts, run_id)
    asked = {"runbook": row.order.runbook, "parameters": dict(row.order.parameters), "because": ""}
    scratch = engine_archive.make_work_folder(_root(parts), run_id, 0)
    try:
        prepare(_as_order(row, asked), stage=lambda _: scratch)
    except ConfigError:
        raise
    except UsageError as exc:
        log.warning("%s: the order cannot be carried out, %s is run instead: %.300s", run_id, FALLBACK, exc)
        return {
            "runbook": FALLBACK,
            "parameters": {},
            "because": f"{row.order.runbook[:60]} could not be run: {exc}"[:500],
        }
    finally:
        shutil.rmtree(scratch.parent, ignore_errors=True)
    return asked


def run(parts: Parts, mine: Claim, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """
    Carry out the notebook and make the files; return where they are and what goes into the manifest.

    A run whose workers died `EngineConfig.attempts` times is not started again: its report is made from what was
    recorded until then, and says so.
    """
    row = _order(parts, mine.run_id)
    settings = parts.settings()
    root = settings.archive_root()
    folder = engine_archive.make_work_folder(root, mine.run_id, mine.token)
    prepared = prepare(_as_order(row, chosen), stage=lambda _: folder)
    began, packed = time.monotonic(), packing(prepared)
    given_up = mine.attempts > parts.config.attempts
    outcome = _give_up(root, mine, folder) if given_up else _execute(parts, prepared, row, packed)
    executed_s = time.monotonic() - began
    try:
        built = build(prepared, outcome, executed_s=executed_s, packed=packed)
    except OSError:
        raise
    except Exception as exc:
        if not given_up:
            raise
        log.warning(
            "%s: its last record makes no report (%s); it is closed without it", mine.run_id, type(exc).__name__
        )
        built = _without_record(root, mine, prepared, outcome, executed_s)
    extra: dict[str, Any] = {"starts": mine.attempts}
    if chosen["because"]:
        extra["instead_of"] = {"runbook": row.order.runbook[:60], "because": chosen["because"]}
    kept = engine_archive.keep_earlier_records(root, mine.run_id, mine.token, folder)
    if kept:
        extra["records_of_cut_starts"] = kept
    engine_archive.seal(folder)
    return {
        "token": mine.token,
        "ending": built.outcome.ending,
        "detail": built.outcome.detail[:1000],
        "failed": given_up,
        "facts": engine_archive.facts_row(replace(built.facts, extra=extra)),
    }


def whole(parts: Parts, mine: Claim, sealed: Mapping[str, Any]) -> bool:
    """Whether the files of the run are there; not after somebody emptied the folder between the steps."""
    folder = engine_archive.work_folder(_root(parts), mine.run_id, int(sealed["token"]))
    return (folder / "report.json").is_file() or _is_archived(parts, mine.run_id)


def archive(parts: Parts, mine: Claim, sealed: Mapping[str, Any]) -> dict[str, Any]:
    """
    Enter the run in the archive, note its verdict at its incident, and order what follows from it.

    Raises
    ------
    Fenced
        Another worker has the run.
    RecordError
        The disk does not take it; it can be repeated.
    """
    settings = parts.settings()
    root = settings.archive_root()
    facts = engine_archive.facts_of(sealed["facts"])
    folder = engine_archive.work_folder(root, mine.run_id, int(sealed["token"]))
    head = engine_archive.commit(settings, parts.db, mine, folder, facts)
    report = _report(archive_of(settings).run_folder(facts.incident_id, mine.run_id))
    now = datetime.now(UTC)
    with parts.db.begin() as connection:
        orders.mark(
            connection,
            mine.run_id,
            state="failed" if sealed["failed"] else "archived",
            ended_at=now,
            ending=sealed["ending"],
            detail=sealed["detail"],
            verdict=json.dumps(report.get("verdict"), ensure_ascii=True),
            ledger_head=str(head),
        )
        incidents.run_reported(connection, facts.incident_id, mine.run_id, report, now, rules_of(settings))
        if parts.config.upload_url is not None:
            _want_upload(connection, facts.incident_id, mine.run_id, now)
    flush_timeline(parts, facts.incident_id)
    engine_archive.drop_work(root, mine.run_id, mine.token)
    return {"head": str(head), "incident": facts.incident_id}


def tell(parts: Parts, mine: Claim, archived: Mapping[str, Any]) -> bool:
    """Tell people that the run is archived, and its verdict where that was not told yet; never raises."""
    settings = parts.settings()
    incident = str(archived["incident"])
    report = _report(archive_of(settings).run_folder(incident, mine.run_id))
    return notify.archived(parts.db, settings, incident, mine.run_id, str(archived["head"]), report=report)


def flush_timeline(parts: Parts, incident_id: str) -> None:
    """Write an incident's events into the archive's timeline; what cannot be written now is written later."""
    try:
        with parts.db.begin() as connection:
            incidents.flush_timeline(connection, archive_of(parts.settings()), incident_id)
    except (OpsError, sa.exc.SQLAlchemyError, OSError) as exc:
        log.warning("%s: its timeline is written later (%s)", incident_id, type(exc).__name__)


def flush_all(parts: Parts) -> None:
    """Write what timelines lack in the archive."""
    with parts.db.begin() as connection:
        left = incidents.unflushed(connection, limit=20)
    for incident in left:
        flush_timeline(parts, incident)


def tidy(parts: Parts) -> None:
    """Remove working folders of runs that are archived: a crash right after the archive leaves them behind."""
    left = engine_archive.left_over(_root(parts))
    if not left:
        return
    with parts.db.begin() as connection:
        over = [run for run in left if settled(connection, run) is not None]
    for run in over:
        if _is_archived(parts, run):
            engine_archive.drop_work(_root(parts), run, left[run])


def head_of(text: str) -> Head:
    """Return the ledger's head that a step stored."""
    return Head.parse(text)


def _execute(parts: Parts, prepared: Prepared, row: OrderRow, packed: Packing) -> Outcome:
    """Run the notebook, in a ready kernel where there is one, and tell the verdict as soon as there is one."""
    settings = prepared.settings
    kernel = parts.kernels.take(settings, prepared.context.folder)
    ended = threading.Event()
    teller = threading.Thread(
        target=_tell_verdict, args=(parts, settings, prepared, row, ended), name="ops-verdict", daemon=True
    )
    teller.start()
    try:
        return execute(
            prepared.context,
            prepared.runbook.notebook,
            prepared.parameters,
            memory_limit_mb=settings.memory_limit_mb,
            remaining_s=remaining_s(prepared.context),
            kernel=kernel,
            now_and_then=packed.take_beside,
        )
    finally:
        ended.set()
        if kernel is not None:
            parts.kernels.done(kernel)


def _tell_verdict(parts: Parts, settings: Settings, prepared: Prepared, row: OrderRow, ended: threading.Event) -> None:
    """Wait for the notebook's first report and tell its verdict: charts and files come after it."""
    path = prepared.context.folder / "report.json"
    while not path.exists():
        if ended.wait(VERDICT_EVERY_S):
            return
    try:
        report = json.loads(path.read_bytes())
        notify.verdict(parts.db, settings, row.order.incident_id, report)
        verdict = json.dumps(report["verdict"], ensure_ascii=True)
        with parts.db.begin() as connection:
            orders.mark(connection, row.order.run_id, unless=("archived", "failed"), verdict=verdict)
    except (OSError, ValueError, KeyError, TypeError, sa.exc.SQLAlchemyError) as exc:
        log.warning("%s: its verdict is told with its report (%s)", row.order.run_id, type(exc).__name__)


def _give_up(root: Path, mine: Claim, folder: Path) -> Outcome:
    """Take over what the last start recorded, so that the report is made from it."""
    for _, before in reversed(engine_archive.earlier(root, mine.run_id, mine.token)):
        for path in before.iterdir():
            if path.name in _LEFT or path.name.startswith("evidence-start-"):
                continue
            with suppress(OSError):
                if path.is_dir():
                    shutil.copytree(path, folder / path.name, dirs_exist_ok=True)
                else:
                    shutil.copyfile(path, folder / path.name)
        break
    detail = f"the worker died {mine.attempts - 1} times while it carried this run out; it is not tried again"
    return Outcome(ending="kernel_died", detail=detail)


def _without_record(root: Path, mine: Claim, prepared: Prepared, outcome: Outcome, executed_s: float) -> Built:
    """Build the bare report of a run whose record is what brings us down; earlier records are put beside it."""
    engine_archive.make_work_folder(root, mine.run_id, mine.token)
    prepared.context.write()
    outcome = replace(outcome, detail=f"{outcome.detail}; no report could be made from what it had recorded")
    return build(prepared, outcome, executed_s=executed_s)


def _as_order(row: OrderRow, chosen: Mapping[str, Any]) -> Order:
    order = row.order
    return Order(
        runbook=chosen["runbook"],
        parameters=chosen["parameters"],
        incident_id=order.incident_id,
        alerts=order.alerts,
        severity=order.severity,
        started_by=order.reason,
        run_id=order.run_id,
    )


def _order(parts: Parts, run_id: str) -> OrderRow:
    with parts.db.begin() as connection:
        row = orders.order_of(connection, run_id)
    if row is None:
        raise RecordError(f"{run_id}: there is no such order")
    return row


def _root(parts: Parts) -> Path:
    return parts.settings().archive_root()


def _is_archived(parts: Parts, run_id: str) -> bool:
    return archive_of(parts.settings()).find(run_id) is not None


def _report(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "report.json").read_bytes()))
    except (OSError, ValueError) as exc:
        raise RecordError(f"{folder}: its report cannot be read ({exc})") from exc


def _want_upload(connection: sa.Connection, incident_id: str, run_id: str, now: datetime) -> None:
    if connection.execute(sa.select(uploads.c.run_id).where(uploads.c.run_id == run_id)).first() is None:
        row = {"run_id": run_id, "incident_id": incident_id, "state": "waiting", "attempts": 0, "next_at": now}
        connection.execute(sa.insert(uploads).values(**row))


__all__ = [
    "Built",
    "Parts",
    "archive",
    "flush_all",
    "flush_timeline",
    "get_ready",
    "head_of",
    "plan",
    "run",
    "tell",
    "tidy",
    "whole",
]
