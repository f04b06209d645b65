"""The one call that a notebook makes: ask everything, analyse, and hand out panels step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import companion
from .._imports import lighten_numbers
from ..companion import elsewhere
from ..evidence.ids import new_incident_id, new_run_id
from ..evidence.recorder import Recorded, Recorder, is_small, read_exchanges, read_lines, read_recorded
from ..evidence.replay import CurrentChannel, ReplayChannel
from ..models.exchange import Exchange
from ..settings import Settings, load, recorded
from . import hosting, windows
from .asking import (
    ask_case,
    ask_live,
    ask_recorded,
    case_window,
    is_case,
    record_case,
)
from .catalogue import Runbook, runbook
from .channels import live_channel
from .context import RECORD, THRESHOLDS, RunContext, alert_time, by_hand, prepared
from .redacting import redactor_for

if TYPE_CHECKING:
    from .run import Run


def __getattr__(name: str) -> Any:
    if name == "Run":
        return complete().Run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def complete() -> Any:
    """Import everything else that a run needs (rules, panels, charts) and return the module of `Run`."""
    lighten_numbers()
    from ..panels import style
    from ..steps import steps
    from . import run

    steps()
    style.get_ready()
    return run


def investigate(
    name: str,
    *,
    window: str = "",
    environment: str = "",
    alert_at: str = "",
    services: Sequence[str] = (),
    **parameters: Any,
) -> Run:
    """
    Ask everything that the runbook *name* needs and analyse it.

    Parameters
    ----------
    name
        A runbook of the catalogue.
    window
        ``1h``, ``30m`` or ``START/END`` (UTC); empty for the 60 minutes before now, or all of a recorded case.
    environment
        ``sandbox``, ``staging`` or ``production``; empty for ``PITCHEY_OPS_ENVIRONMENT``, else sandbox.
    alert_at
        ISO 8601 time of the alert, where no alert started this run; empty when unknown.
    services
        Log services to ask for beside those of the settings.
    parameters
        The notebook's other parameters; those in `THRESHOLDS` replace a threshold of the settings.

    Raises
    ------
    UsageError, ConfigError
        What, where and the likely cause; nothing was asked.
    """
    book = runbook(name)
    context = prepared()
    home = hosting.host()
    if home is not None:
        context = home.context(book, environment)
        settings = settings_for(environment or context.environment, parameters, services)
    elif context is None or context.runbook != book.id:
        moment = datetime.now(UTC)
        settings = settings_for(environment, parameters, services)
        context = by_hand(
            book.id,
            budget_s=settings.budget_s,
            environment=settings.environment,
            run_id=new_run_id(moment),
            incident_id=new_incident_id(moment),
        )
    else:
        base = recorded_settings(context.folder / RECORD) if context.mode == "replay" else None
        settings = settings_for(environment or context.environment, parameters, services, base=base)
    given = {
        "window": window,
        "environment": environment,
        "alert_at": alert_at,
        "services": list(services),
        **parameters,
    }
    run = run_context(context, book, settings, given)
    if home is not None:
        home.opened(run)
    return run


def run_context(
    context: RunContext,
    book: Runbook,
    settings: Settings,
    parameters: Mapping[str, Any],
    *,
    record_events: bool = True,
) -> Run:
    """
    Ask and analyse for a context: live, from a recorded case, or from a record.

    *record_events* is off where a report is only rebuilt, so that its record stays as it was.
    """
    started = context.started
    text = str(parameters.get("window", ""))
    alert_at = _alert_at(context, str(parameters.get("alert_at", "")))
    exchanges: Sequence[Exchange]
    kept: Recorded | None
    if context.mode in ("replay", "current"):
        source = context.folder / RECORD
        kept = read_recorded(source)
        exchanges = kept.exchanges
        events = Recorder(context.folder) if record_events else None
        if any(is_case(exchange) for exchange in exchanges):
            window = windows.parse(text, now=started) if text else case_window(exchanges)
            asked = ask_case(exchanges, window)
        else:
            window = windows.parse(text, now=started)
            recorded = (ReplayChannel if context.mode == "replay" else CurrentChannel)(exchanges)
            asked = ask_recorded(recorded, settings, window, book.id)
    else:
        source = context.folder
        home = hosting.host()
        events = Recorder(source) if home is None else home.recorder(source)
        events.event("run", {**context.to_json(), "parameters": dict(parameters), "settings": settings.public()})
        if book.looks_back:
            _record_incident(context, settings, parameters, events)
        if context.case is not None:
            record_case(context.case, settings, events)
            exchanges = read_exchanges(context.folder)
            window = windows.parse(text, now=started) if text else case_window(exchanges)
            asked = ask_case(exchanges, window)
        else:
            window = windows.parse(text, now=started)
            channel = live_channel(settings, events, started=started, budget_s=context.budget_s, age_s=context.age_s)
            asked = ask_live(channel, settings, window, book.id, meanwhile=complete)
        # only who looks back learns something from the record, and only a session looks at it again
        kept = read_recorded(context.folder) if book.looks_back or home is not None else None
        exchanges = () if kept is None or not book.looks_back else kept.exchanges
        events.event("asked", {})
    run = complete()
    # what only the answers need is imported while they are asked for
    from ..panels.charts.sight import coverage
    from .ahead import Ahead
    from .analyse import analyse, sources_seen

    ahead = Ahead()
    case = run.case_of(asked, exchanges, settings, window, alert_at, parameters)
    if companion.there():
        ahead.begin("clients", getattr, case, "clients")  # what takes longest of all that several rules ask for
    if kept is not None:
        ahead.begin("record", run.digested, kept)
    elif is_small(context.folder):
        ahead.begin("record", run.digested, context.folder)
    else:
        ahead.begin("record", elsewhere, run.digested, context.folder)
    if companion.there():
        ahead.begin(coverage.__name__, coverage, sources_seen(case.observations), window)
    analysis = analyse(case, book)
    made: Run = run.Run(
        context=context,
        runbook=book,
        settings=settings,
        case=case,
        analysis=analysis,
        record=ahead.take("record", run.digested, context.folder if kept is None else kept),
        parameters=parameters,
        events=events,
        ahead=ahead,
    )
    return made


def _record_incident(
    context: RunContext, settings: Settings, parameters: Mapping[str, Any], recorder: Recorder
) -> None:
    """Take what is archived about the incident into the run's own record, from which it is read and replayed."""
    from .gathering import incident_asked_for, incident_exchanges

    incident = incident_asked_for(parameters.get("incident"), context.incident_id)
    pieces = incident_exchanges(
        settings.archive_root(), incident, at=context.started, redactor=redactor_for(settings), without=context.run_id
    )
    for piece in pieces:
        recorder.exchange(piece)


def reached_steps(folder: Path) -> list[str]:
    """Return the ids of the steps that a recorded run had reached."""
    return [row["id"] for kind, row in read_lines(folder) if kind == "step"]


def recorded_settings(folder: Path) -> Settings | None:
    """Return the settings of the run that is recorded in *folder*; None where the record does not hold them."""
    rows = [row["settings"] for kind, row in read_lines(folder) if kind == "run" and row.get("settings")]
    return recorded(rows[-1]) if rows else None


def settings_for(
    environment: str, parameters: Mapping[str, Any], services: Sequence[str], *, base: Settings | None = None
) -> Settings:
    """
    Return the settings of *environment* (or *base*) with what a run's *parameters* and *services* replace in them.
    """
    settings = base or load(environment or None)
    limits = {THRESHOLDS[name]: value for name, value in parameters.items() if name in THRESHOLDS and value}
    changes: dict[str, Any] = {}
    if limits:
        changes["thresholds"] = settings.thresholds.model_copy(update=limits)
    if services:
        changes["services"] = tuple(dict.fromkeys((*settings.services, *services)))
    return settings.model_copy(update=changes) if changes else settings


def _alert_at(context: RunContext, text: str) -> datetime | None:
    if context.alerts:
        return min(alert.at for alert in context.alerts)
    return alert_time(text)
