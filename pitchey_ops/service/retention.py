"""Pruning as the command does it: with the service's database and queue, where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from ..evidence.archive import Archive
from ..settings import Settings
from . import db as database
from .prune import Outcome, age_of, prune


def pruned(
    settings: Settings,
    archive: Archive,
    older_than: str,
    *,
    now: datetime,
    by: str,
    dry_run: bool,
    labelled: bool,
) -> Outcome:
    """
    Prune *archive* and the service that belongs to it; see `prune.prune`.

    Raises
    ------
    UsageError
        *older_than* is no age; nothing was pruned.
    """
    age = age_of(older_than)
    url = database.address(settings)
    if database.is_sqlite(url) and not Path(sa.make_url(url).database or "").is_file():
        return prune(archive, None, older_than=age, now=now, by=by, dry_run=dry_run, labelled=labelled)
    engine = database.connect(url)
    try:
        database.create(engine)

        def forget(runs: Sequence[str]) -> int:
            return _forget_workflows(settings, runs)

        return prune(
            archive,
            engine,
            older_than=age,
            now=now,
            by=by,
            dry_run=dry_run,
            labelled=labelled,
            forget_workflows=forget,
        )
    finally:
        engine.dispose()


def _forget_workflows(settings: Settings, runs: Sequence[str]) -> int:
    """Delete what the queue kept about *runs*: each start of each run, and its uploads."""
    from dbos import DBOS, DBOSClient

    from .engine_json import JsonSerializer, harden
    from .handover import NAME, open_queue, place_of

    harden()
    place = place_of(settings)
    open_queue(place)
    DBOS.migrate(place.queue_url)
    client = DBOSClient(
        system_database_url=place.queue_url,
        serializer=JsonSerializer(),
        application_name=NAME,
        retry_connection_errors=False,
    )
    gone = 0
    try:
        for run in runs:
            rows = [
                *client.list_workflows(workflow_id_prefix=run, load_input=False, load_output=False),
                *client.list_workflows(workflow_id_prefix=f"UPLOAD-{run}", load_input=False, load_output=False),
            ]
            over = [row.workflow_id for row in rows if row.status not in ("PENDING", "ENQUEUED", "DELAYED")]
            if over:
                client.delete_workflows(over)
                gone += len(over)
    finally:
        client.destroy()
    return gone
