"""
The processes of the service: ``serve`` (hooks, page, workers beside it) and ``worker``.

Runs never share a process with the intake, so that an alert is answered at once whatever the runs are doing. A
worker that died is started again; one that gives no sign of life is killed and started again.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ..errors import OpsError, RunError
from ..settings import Settings, load
from . import db as database
from .config import EngineConfig, load_engine
from .db import FOLDER, reading, shown, why
from .engine_tables import workers

log = logging.getLogger("pitchey_ops.serving")
T = TypeVar("T")
HUNG_S = 60.0
"""A worker process of ours that gave no sign of life for so long is killed and started again."""
RESTART_FIRST_S, RESTART_LONGEST_S = 0.05, 30.0
DATABASE_WAIT_S = 30.0


def work(*, environment: str | None = None) -> int:
    """Carry out runs until SIGTERM or SIGINT; return the exit code."""
    _logging()
    settings, config = _start(environment, hooks=False)
    from . import notify
    from .engine import Worker
    from .memory import collect_seldom

    collect_seldom()
    ended = _on_signals()
    worker = Worker(settings, config, load_settings=lambda: load(environment))
    worker.start()
    notify.start(worker.parts.db, settings)
    log.info("worker %s takes runs from %s", worker.executor, shown(worker.place.url))
    parent = os.getppid()
    while not ended.wait(1.0):
        if os.environ.get("PITCHEY_OPS_SERVICE_CHILD") and os.getppid() != parent:
            log.warning("the process that started this worker is gone; it ends")
            break
    log.info("no more runs are taken; %d in progress", len(worker.active()))
    left = worker.stop()
    notify.stop()
    if left:
        log.warning("handed over to the next worker: %s", ", ".join(left))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads of libraries must not hold up the end; what matters is on disk


def serve(*, host: str, port: int, workers: int | None, environment: str | None = None) -> int:
    """Serve hooks and page, with worker processes beside it, until SIGTERM or SIGINT; return the exit code."""
    import uvicorn

    _logging()
    settings, config = _start(environment)
    from . import app as application
    from . import notify
    from .engine_client import Nudger
    from .handover import Client, place_of
    from .state import State

    engine = database.connect(database.address(settings))
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as exc:
        raise RunError(f"{host}:{port} cannot be listened on: {exc.strerror or exc}. Nothing was started.") from exc
    client = Client(engine, place_of(settings))
    nudger = Nudger(client.sweep)
    state = State(
        settings=settings,
        db=engine,
        config=config,
        nudge=nudger.nudge,
        public_url=os.environ.get("PITCHEY_OPS_PUBLIC_URL", "").strip() or None,
    )
    app = application.create(state)
    crew = Crew(config.workers if workers is None else workers, engine, environment)
    crew.start()
    notify.start(engine, settings)
    name = listener.getsockname()
    sys.stdout.write(f"http://{f'[{name[0]}]' if ':' in name[0] else name[0]}:{name[1]}\n")
    sys.stdout.flush()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
            server_header=False,
            proxy_headers=False,  # whose word counts is settled by the address that really connects (web.access)
        )
    )
    _on_signals()  # uvicorn raises the signal again when it has ended: the rest has to be ended, too
    try:
        server.run(sockets=[listener])
    finally:
        crew.stop(config.grace_s + 10.0)
        notify.stop()
        nudger.close()
        client.close()
    return 0


def check(environment: str | None = None, *, kernel: bool = False, hooks: bool = True) -> list[str]:
    """
    Return what keeps the service from working, each with what, where and the likely cause; nothing: all is good.

    *hooks*: whether this process is to take alerts and to show the page, too.
    """
    from .intake.routing import load_routing
    from .notify.config import load_notify
    from .watch.config import load_watch

    faults: list[str] = []
    settings = _or_fault(faults, lambda: load(environment))
    _or_fault(faults, load_engine)
    _or_fault(faults, load_watch)
    if hooks:
        from .intake.catalogue import secrets_from
        from .web.access import load_access

        _or_fault(faults, load_access)
        _or_fault(faults, secrets_from)
    if settings is None:
        return faults
    _or_fault(faults, lambda: load_notify(settings))
    _or_fault(faults, lambda: load_routing(settings))
    _or_fault(faults, lambda: _try_archive(settings))
    _or_fault(faults, lambda: _try_database(settings))
    if kernel and not faults:
        _or_fault(faults, lambda: _try_kernel(settings))
    return faults


class Crew:
    """Worker processes that are started again when they end, and killed when they hang."""

    def __init__(self, count: int, engine: sa.Engine, environment: str | None) -> None:
        self._count = count
        self._engine = engine
        self._command = [sys.executable, "-m", "pitchey_ops", "worker"]
        if environment is not None:
            self._command += ["--environment", environment]
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start them; returns at once."""
        for number in range(self._count):
            thread = threading.Thread(target=self._keep, args=(number,), name=f"ops-worker-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def pids(self) -> list[int]:
        """Return the processes."""
        with self._lock:
            return [process.pid for process in self._processes.values() if process.poll() is None]

    def stop(self, within_s: float) -> None:
        """Ask them to end and wait; what is still there then is killed, its runs go to the next worker."""
        self._ended.set()
        with self._lock:
            processes = list(self._processes.values())
        for process in processes:
            with suppress(OSError):
                process.terminate()
        deadline = time.monotonic() + within_s
        for process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()

    def _keep(self, number: int) -> None:
        wait_s = RESTART_FIRST_S
        while not self._ended.is_set():
            began = time.monotonic()
            with self._lock:
                if self._ended.is_set():
                    return
                process = self._started(number)
            if process is None:
                wait_s = min(RESTART_LONGEST_S, max(0.5, wait_s * 2))
                self._ended.wait(wait_s)
                continue
            self._wait(process)
            if self._ended.is_set():
                return
            lived_s = time.monotonic() - began
            # at once where it had worked well: its runs wait for its successor where there is no other worker
            wait_s = RESTART_FIRST_S if lived_s > 30 else min(RESTART_LONGEST_S, max(0.5, wait_s * 2))
            log.warning("worker %d ended with status %s; it is started again", process.pid, process.returncode)
            self._ended.wait(wait_s)

    def _started(self, number: int) -> subprocess.Popen[bytes] | None:
        """Start a worker; None where the system has no room for one just now."""
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                self._command,
                # many threads would each keep a pool of freed memory of their own
                env={"MALLOC_ARENA_MAX": "2", **os.environ, "PITCHEY_OPS_SERVICE_CHILD": "1"},
                stdin=subprocess.DEVNULL,
            )
        except OSError as exc:
            log.warning("a worker could not be started (%s); it is tried again", exc.strerror)
            return None
        self._processes[number] = process
        return process

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        beat, since = -1, time.monotonic()
        while process.poll() is None and not self._ended.is_set():
            self._ended.wait(1.0)
            mine = (workers.c.host == socket.gethostname()[:255]) & (workers.c.pid == process.pid)
            chosen = sa.select(workers.c.beat).where(mine, workers.c.stopped_at.is_(None))
            chosen = chosen.order_by(workers.c.started_at.desc()).limit(1)
            try:
                with reading(self._engine) as connection:
                    found = connection.execute(chosen).scalar()
            except SQLAlchemyError:
                since = time.monotonic()  # who cannot look must not call a worker dead that cannot write either
                continue
            if found is not None and found != beat:
                beat, since = found, time.monotonic()
            if beat >= 0 and time.monotonic() - since > HUNG_S:
                log.warning("worker %d gives no sign of life; it is killed and started again", process.pid)
                process.kill()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10.0)


def _start(environment: str | None, *, hooks: bool = True) -> tuple[Settings, EngineConfig]:
    from .own_errors import report_own_errors

    faults = check(environment, hooks=hooks)
    if faults:
        raise RunError("the service was not started:\n" + "\n".join(f"  - {fault}" for fault in faults))
    settings = load(environment)
    report_own_errors(settings)
    return settings, load_engine()


def _try_archive(settings: Settings) -> None:
    from ..runbooks.lifecycle import archive_of

    root = archive_of(settings).root
    probe = root / FOLDER / f".probe-{os.getpid()}"
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x" * 4096)
    except OSError as exc:
        raise RunError(f"archive {root}: cannot be written: {exc.strerror} (PITCHEY_OPS_ARCHIVE names it)") from exc
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _try_database(settings: Settings) -> None:
    url = database.address(settings)
    engine = database.connect(url)
    deadline = time.monotonic() + DATABASE_WAIT_S
    try:
        while True:
            try:
                database.create(engine)
                break
            except SQLAlchemyError as exc:
                # at a machine's start the database may come up a little later than we do
                if time.monotonic() > deadline or not database.transient(exc):
                    text = f"database {shown(url)}: cannot be used: {why(exc)} (PITCHEY_OPS_SERVICE_URL names it)"
                    raise RunError(text) from None
                time.sleep(1.0)
    finally:
        engine.dispose()


def _try_kernel(settings: Settings) -> None:
    from .kernels import PooledKernel

    try:
        kernel = PooledKernel(settings.memory_limit_mb)
        with tempfile.TemporaryDirectory() as folder:
            kernel.point_to(Path(folder))
        kernel.end()
    except Exception as exc:
        raise RunError(f"kernel: could not be started: {type(exc).__name__}: {str(exc)[:300]}") from exc


def _or_fault(faults: list[str], do: Callable[[], T]) -> T | None:
    try:
        return do()
    except OpsError as exc:
        faults.append(str(exc))
    return None


def _on_signals() -> threading.Event:
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return ended


def _logging() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    logging.Formatter.converter = time.gmtime
    for name in ("httpx", "httpcore", "papermill", "traitlets", "dbos", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL if name == "dbos" else logging.WARNING)
