"""
Telling people: the verdict first, the charts and the record when they are there, and what people did.

Each call stores what it tells in the database and returns; threads of this process (or of another one) carry it to
Slack and PagerDuty. So a call neither waits for a dead Slack nor loses what it was told when the process dies. Told
twice is told once. Nothing here raises: what cannot even be stored is logged, and False is returned.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ...errors import OpsError
from ...evidence import ids
from ...models.report import Report
from ...settings import Settings
from ..db import why
from . import catalogue, follow
from .config import load_notify
from .courier import Courier
from .notice import Notice, from_report, of_archive

__all__ = ["archived", "refresh", "start", "stop", "verdict"]

log = logging.getLogger("pitchey_ops.notify")
_couriers: dict[str, Courier] = {}
_lock = threading.Lock()


def verdict(
    engine: sa.Engine,
    settings: Settings,
    incident_id: str,
    report: Mapping[str, Any] | Report,
    *,
    at: datetime | None = None,
) -> bool:
    """
    Tell what a run found, before there are charts or files.

    Parameters
    ----------
    report
        Values of ``report.json``, or the report itself.

    Returns
    -------
    bool
        Whether it is stored; False says that it may be told again.
    """
    try:
        values = _values(report)
        notice = from_report(ids.incident_id(incident_id), values, at or datetime.now(UTC))
        ids.run_id(notice.run_id or "")
    except (KeyError, TypeError, ValueError, OpsError) as exc:
        log.warning("no message about %.60r: its report cannot be read (%s)", incident_id, type(exc).__name__)
        return False
    return _tell(engine, settings, [notice], incident_id)


def archived(
    engine: sa.Engine,
    settings: Settings,
    incident_id: str,
    run_id: str,
    ledger_head: str,
    *,
    report: Mapping[str, Any] | Report | None = None,
    at: datetime | None = None,
) -> bool:
    """
    Tell that a run is archived; its chart is read from the archive.

    Parameters
    ----------
    ledger_head
        ``position:hash`` as `evidence.ledger.Head` prints it: the anchor for ``verify --anchor``.
    report
        Tells the verdict too, where `verdict` was not called for this run.
    """
    now = at or datetime.now(UTC)
    try:
        notices = [of_archive(ids.incident_id(incident_id), ids.run_id(run_id), ledger_head, now)]
        if report is not None:
            notices.insert(0, from_report(incident_id, _values(report), now))
    except (KeyError, TypeError, ValueError, OpsError) as exc:
        log.warning("no message about %.60r: %s", incident_id, type(exc).__name__)
        return False
    return _tell(engine, settings, notices, incident_id)


def refresh(engine: sa.Engine, settings: Settings, incident_id: str) -> bool:
    """
    Tell what people did to an incident since: acknowledged, resolved, reopened, set another severity.

    It is read from the timeline. The couriers do this by themselves every few seconds; a call only makes it sooner.
    """
    try:
        ids.incident_id(incident_id)
    except OpsError as exc:
        log.warning("no message: %s", exc)
        return False
    return _tell(engine, settings, [], incident_id)


def start(engine: sa.Engine, settings: Settings) -> Courier | None:
    """
    Start carrying messages in this process, once for each database; None where nothing is configured.

    The first call that tells something does this by itself; a process that only serves calls it at its start, so
    that what another process left is carried on.

    Raises
    ------
    ConfigError
        The configuration has faults.
    """
    name = str(engine.url)
    with _lock:
        if name not in _couriers:
            notifiers = catalogue.configured(load_notify(settings))
            if not notifiers:
                return None
            _couriers[name] = Courier(engine, notifiers)
            _couriers[name].start()
        return _couriers[name]


def stop(timeout_s: float = 5.0) -> None:
    """Stop carrying messages in this process; what is left waits in the database."""
    with _lock:
        left = list(_couriers.values())
        _couriers.clear()
    for courier in left:
        courier.stop(timeout_s)


def _tell(engine: sa.Engine, settings: Settings, notices: list[Notice], incident: str) -> bool:
    try:
        notifiers = catalogue.configured(load_notify(settings))
        with engine.begin() as connection:
            follow.store(connection, notifiers, [*notices, *follow.changes(connection, incident)])
        courier = start(engine, settings)
        if courier is not None:
            courier.nudge()
    except SQLAlchemyError as exc:
        log.warning("%s: what there is to tell is not stored: %s", incident, why(exc))
        return False
    except OpsError as exc:
        log.warning("%s: no message: %s", incident, exc)
        return False
    except Exception:  # telling people must never end what is told about
        log.exception("%s: no message", incident)
        return False
    return True


def _values(report: Mapping[str, Any] | Report) -> Mapping[str, Any]:
    if isinstance(report, Report):
        from ...reports.document import to_json

        return to_json(report)
    return report
