"""The service's pages on a loopback port, with incidents of every kind in its database and archive."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
import uvicorn
from archives import finding, pattern, put, report

from pitchey_ops.evidence import ids
from pitchey_ops.evidence.archive import Archive
from pitchey_ops.models.report import Alert
from pitchey_ops.service import app, db, engine_tables, incidents
from pitchey_ops.service.incident_models import IncomingAlert
from pitchey_ops.service.incident_tables import incidents as incident_table
from pitchey_ops.service.orders import mark
from pitchey_ops.service.state import State
from pitchey_ops.settings import Settings

TOKEN = "a-token-of-the-tests-1234567890"
NAME = "Ana Ngo"


class Pages:
    """A running service; a context manager."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            app.create(state), log_level="warning", access_log=False, timeout_graceful_shutdown=1, proxy_headers=False
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def __enter__(self) -> Pages:
        self._thread.start()
        until = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < until, "the service did not start"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    @contextmanager
    def client(self, *, signed_in: bool = True, **more: Any) -> Iterator[httpx.Client]:
        """Give a client, signed in with the token."""
        headers = {"accept": "text/html", **more.pop("headers", {})}
        with httpx.Client(base_url=self.url, timeout=30, headers=headers, **more) as made:
            if signed_in:
                answer = made.post("/login", data={"token": TOKEN, "name": NAME, "next": "/"})
                assert answer.status_code == 303, answer.text
            yield made


def state_of(folder: Path, settings: Settings, url: str | None = None) -> State:
    """Return a service without incidents, on SQLite beside the archive or on the database at *url*."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = db.connect(url or f"sqlite:///{folder}/.service/service.sqlite")
    db.create(engine)
    return State(settings=settings, db=engine)


def alert(
    state: State, title: str, *, service: str, severity: Any = "P2", at: datetime | None = None, kind: str = "pitchey"
) -> str:
    """Receive an alert, and return its incident."""
    now = at or datetime.now(UTC)
    told = Alert(id=f"a-{title[:20]}", kind=kind, title=title, at=now, severity=severity, service=service)
    trouble = f"{title[:60]}{service[:60]}"
    with state.db.begin() as connection:
        incoming = IncomingAlert(sender="pitchey", trouble=trouble, alert=told, runbook="outage")
        got = incidents.receive(connection, incoming, now)
    assert got.incident_id is not None
    return got.incident_id


def ordered(state: State, incident: str) -> str:
    """Return the run that was ordered last."""
    from pitchey_ops.service.orders import orders_of

    with db.reading(state.db) as connection:
        return orders_of(connection, incident)[-1].order.run_id


def ran(service: State, incident: str, run: str, page: str = "", **values: Any) -> None:
    """Archive a run and tell the incident, as the engine does."""
    now = datetime.now(UTC)
    at = values.pop("at", now)
    told = report(incident, run, at=at, **values)
    folder = put(Archive(service.settings.archive_root()), told, at=at)
    if page:
        (folder / "report.html").write_text(page, encoding="utf-8")
    with service.db.begin() as connection:
        incidents.run_reported(connection, incident, run, told, at)
        mark(
            connection, run, state="archived", started_at=at - timedelta(seconds=9), ended_at=at, ending="completed",
            verdict=json.dumps({**told["verdict"], "at": at.isoformat()}),
        )  # fmt: skip


def running(state: State, run: str, *, beat: timedelta = timedelta(0), since_s: float = 12.0) -> None:
    """Let a run run, at a worker that gave a sign of life so long ago."""
    now = datetime.now(UTC)
    worker = f"w-{run[-4:]}"
    with state.db.begin() as connection:
        mark(connection, run, state="running", started_at=now - timedelta(seconds=since_s))
        connection.execute(
            sa.insert(engine_tables.workers).values(
                executor=worker, host="ops-1", pid=1, started_at=now, beat=1, beat_at=now - beat, fenced=False
            )
        )
        engine_tables.claim(connection, run, worker)


def filled(folder: Path, settings: Settings, page: str = "", url: str | None = None) -> tuple[State, dict[str, str]]:
    """Return a service with incidents of every kind, and their ids."""
    state = state_of(folder, settings, url)
    now = datetime.now(UTC)
    found = [
        pattern("TypeError: Cannot read properties of undefined (reading 'genres')"),
        finding("attack_web/scan", "Scanner from 203.0.113.77 asks for wp-login.php", data={"ip": "203.0.113.77"}),
    ]
    names: dict[str, str] = {}
    names["overdue"] = alert(state, "Error rate 38 %", service="pitch", severity="P1", at=now - timedelta(minutes=41))
    ran(
        state, names["overdue"], ordered(state, names["overdue"]), page, at=now - timedelta(minutes=40), severity="P1",
        summary="A deployment broke it; 38 % of requests fail since 14:03 UTC.", findings=found,
    )  # fmt: skip
    names["acknowledged"] = alert(state, "Sign-in fails", service="auth", severity="P2", at=now - timedelta(minutes=9))
    ran(
        state, names["acknowledged"], ordered(state, names["acknowledged"]), page, at=now - timedelta(minutes=8),
        cause="credentials_invalid", summary="Sign-in is refused: “jwt expired at issuer <b>x</b>”", services=["auth"],
    )  # fmt: skip
    with state.db.begin() as connection:
        incidents.acknowledge(connection, names["acknowledged"], "ben", now - timedelta(minutes=5))
    names["running"] = alert(
        state, "Response time 4.2 s", service="browse", severity="P2", at=now - timedelta(seconds=20)
    )
    running(state, ordered(state, names["running"]))
    names["stale"] = alert(state, "Queue is full", service="email", severity="P3", at=now - timedelta(minutes=4))
    running(state, ordered(state, names["stale"]), beat=timedelta(minutes=3), since_s=200)
    names["storm"] = alert(state, "Cache misses <script>alert(1)</script>", service="cache", severity="P4")
    for _ in range(30):
        alert(state, "Cache misses <script>alert(1)</script>", service="cache", severity="P4")
    names["resolved"] = alert(state, "Upload fails", service="upload", severity="P3", at=now - timedelta(hours=5))
    ran(
        state, names["resolved"], ordered(state, names["resolved"]), page, at=now - timedelta(hours=5),
        state="healthy", services=["upload"],
    )  # fmt: skip
    with state.db.begin() as connection:
        incidents.resolve(connection, names["resolved"], "ana", now - timedelta(hours=4), text="Rolled back v1.42")
    old = now - timedelta(days=3)
    names["kept"], run = ids.new_incident_id(old), ids.new_run_id(old)
    kept = report(
        names["kept"], run, at=old, findings=found, state="inconclusive", cause=None,
        summary="Not clear: the logs are blind.",
    )  # fmt: skip
    put(Archive(state.settings.archive_root()), kept, at=old)
    return state, names


def backdate(state: State, incident: str, **values: Any) -> None:
    """Set columns of an incident."""
    with state.db.begin() as connection:
        connection.execute(sa.update(incident_table).where(incident_table.c.id == incident).values(**values))
