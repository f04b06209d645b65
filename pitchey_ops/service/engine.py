"""
The engine: a durable queue by DBOS, on SQLite or PostgreSQL, and a worker that carries out what is in it.

An order's run id is the id of its workflow, so however often it is handed over it is one run. A workflow whose
process died goes on from its last finished step in another process (`takeover`). What is stored is JSON only. Runs of
P1 have places of their own in every worker: they wait for no other run.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NoReturn, TypeVar

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, EnqueueOptions
from dbos import error as dbos_error
from dbos._dbos import _get_dbos_instance

from ..errors import ConfigError, OpsError, RecordError
from ..settings import Settings, load
from . import db as database
from . import orders, slack_notes, steps, upload
from .config import EngineConfig
from .db import Changes, is_sqlite, reading, transient, why
from .engine_json import JsonSerializer, harden
from .engine_tables import Claim, Fenced, at_step, claim, give_back, still_mine
from .handover import NAME, ORDINARY, RUN, UPLOAD, UPLOADS, URGENT, VERSION, open_queue, place_of, sweep, workflow_of
from .kernels import KernelPool
from .memory import release_memory
from .sparing import spare_looks
from .takeover import Watch, liveness_for
from .watch.apart import asks_apart
from .watch.keeper import ROUND_S, Keeper

log = logging.getLogger("pitchey_ops.engine")
T = TypeVar("T")

URGENT_POLL_S, POLL_S = 0.2, 0.25
"""How often it is looked whether a queue holds anything (`sparing`)."""
UPLOADS_POLL_S = 1.0
"""Nobody waits for an upload, and each poll costs a core a few milliseconds."""
SWEEP_S = 0.1
"""How often it is looked whether there is anything new; PostgreSQL cannot tell, and is asked."""
DUE_S = 0.5
"""How often orders are looked for whose time has come, though nothing changed."""
RECONCILE_S = 5.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 15.0
PATIENCE = timedelta(minutes=10)
"""A step that cannot be done (full disk, no right to write) is tried so long; then the run is put back."""
PUT_BACK = timedelta(minutes=2)
LOST_AFTER = timedelta(minutes=2)
FAULTS_BEFORE_BACK = 3
"""Errors of our own in one step, after which the run is put back; its next start counts as one more attempt."""
EXIT_LOST = 75  # EX_TEMPFAIL of sysexits.h: start me again


class PutBack(Exception):
    """The run goes back into the queue; the words say why."""


class Worker:
    """
    One process that carries out runs; there is one in a process.

    Parameters
    ----------
    lost
        What is done when another worker took over: by default the process ends at once, with status 75.
    """

    def __init__(
        self,
        settings: Settings,
        config: EngineConfig,
        *,
        load_settings: Callable[[], Settings] = load,
        lost: Callable[[str], None] | None = None,
    ) -> None:
        harden()
        self.config = config
        self.place = place_of(settings)
        self.executor = f"{socket.gethostname()[:30]}-{os.getpid()}-{secrets.token_hex(4)}"
        self.db = database.connect(self.place.url)
        self.kernels = KernelPool(config.warm_kernels)
        self._settings = settings
        self.parts = steps.Parts(db=self.db, config=config, kernels=self.kernels, settings=load_settings)
        self._lost = lost or _end_at_once
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._active: dict[str, Claim] = {}
        self._used = False
        self._keeper = Keeper(
            self.db,
            load_settings,
            lambda: DBOS.list_workflows(limit=1, load_input=False),
            ask=partial(asks_apart, self.kernels),
        )
        self._watch = Watch(
            self.db,
            liveness_for(self.place.url, self.db, self.place.folder / "locks"),
            self.executor,
            hung_after_s=config.hung_after_s,
            owners=self._owners,
            resume=_resume,
            lost=self._lost,
        )

    def start(self) -> None:
        """
        Begin to carry out runs; returns at once.

        Raises
        ------
        OpsError, sqlalchemy.exc.SQLAlchemyError
            The database cannot be used.
        """
        database.create(self.db)
        open_queue(self.place)
        config: DBOSConfig = {
            "name": NAME,
            "system_database_url": self.place.queue_url,
            "application_version": VERSION,
            "executor_id": self.executor,
            "serializer": JsonSerializer(),
            "enable_otlp": False,
            "log_level": "CRITICAL",
            # a connection to a file does not break between two looks, of which there are some a second
            "db_engine_kwargs": {"pool_pre_ping": not is_sqlite(self.place.queue_url)},
            "max_executor_threads": 8 + 4 * (self.config.runs_at_once + self.config.urgent_at_once),
        }
        DBOS(config=config)

        @DBOS.workflow(name=RUN)
        def run(run_id: str) -> str:
            return self._run(run_id)

        @DBOS.workflow(name=UPLOAD)
        def upload_run(run_id: str, attempt: int) -> str:
            return self._upload(run_id, attempt)

        del run, upload_run  # found by their names
        self._watch.register()  # before the first run can be taken
        DBOS.launch()
        spare_looks(_get_dbos_instance()._sys_db)
        queues = [(URGENT, self.config.urgent_at_once, URGENT_POLL_S), (ORDINARY, self.config.runs_at_once, POLL_S)]
        if self.config.upload_url is not None:  # once there it is looked into by every worker
            queues.append((UPLOADS, 2, UPLOADS_POLL_S))
        for name, places, every_s in queues:
            DBOS.register_queue(
                name, worker_concurrency=places, polling_interval_sec=every_s, on_conflict="always_update"
            )
        self._watch.start()
        self.kernels.warm(self._settings)
        for target in (self._sweeps, self._reconciles, self._looks, self._beats, self._gets_ready):
            thread = threading.Thread(target=target, name=f"ops{target.__name__}", daemon=True)
            thread.start()

    def active(self) -> list[str]:
        """Return the runs that this worker is carrying out."""
        with self._lock:
            return sorted(self._active)

    def stop(self, grace_s: float | None = None) -> list[str]:
        """
        Take no more runs, give those in progress *grace_s* seconds, and return those that are left to others.

        The process has to end after it: only then are its runs taken over.
        """
        self._ending.set()
        seconds = self.config.grace_s if grace_s is None else grace_s
        waiting = threading.Thread(
            target=lambda: _quiet(lambda: DBOS.destroy(workflow_completion_timeout_sec=max(1, round(seconds)))),
            daemon=True,
        )
        waiting.start()  # from now on nothing is taken out of the queue
        deadline = time.monotonic() + seconds
        while self.active() and time.monotonic() < deadline:
            time.sleep(0.05)
        with self._lock:
            left = dict(self._active)
        if not left:
            waiting.join(15.0)
        for mine in left.values():
            with suppress(Exception), self.db.begin() as connection:
                give_back(connection, mine)
        self.kernels.close()
        self._watch.stop()
        self._watch.signed_off()
        return sorted(left)

    # --- the workflows -------------------------------------------------------------------------------------

    def _run(self, run_id: str) -> str:
        """Carry out the order of *run_id*."""
        mine = self._patiently(None, "claim", lambda: self._claim(run_id))
        if mine is None:
            return "no such order"
        with self._lock:
            self._active[run_id] = mine
        try:
            return self._steps(mine)
        except PutBack as exc:
            self._put_back(mine, str(exc))
            return "put back"
        except Fenced as exc:
            # another worker goes on with it; this process must note nothing more about it
            self._lost(str(exc))
            self._for_ever()
        finally:
            with self._lock:
                if self._active.get(run_id) is mine:
                    del self._active[run_id]
            self._used = True

    def _steps(self, mine: Claim) -> str:
        chosen = self._step(mine, "prepare", lambda: steps.plan(self.parts, mine.run_id))
        sealed = self._step(mine, "run", lambda: self._ran(mine, chosen))
        archived = self._step(mine, "archive", lambda: self._archive(mine, chosen, sealed))
        self._step(mine, "notify", lambda: steps.tell(self.parts, mine, archived))
        return str(archived["head"])

    def _ran(self, mine: Claim, chosen: dict[str, Any]) -> dict[str, Any]:
        if chosen["runbook"] == "post_incident":  # what it looks back at holds what people wrote in Slack
            slack_notes.before_run(self.db, self.parts.settings(), mine.run_id, chosen["parameters"])
        return steps.run(self.parts, mine, chosen)

    def _archive(self, mine: Claim, chosen: dict[str, Any], sealed: dict[str, Any]) -> dict[str, Any]:
        if not steps.whole(self.parts, mine, sealed):
            log.warning("%s: its files are gone before they were archived; it is run again", mine.run_id)
            sealed = steps.run(self.parts, mine, chosen)
        return steps.archive(self.parts, mine, sealed)

    def _upload(self, run_id: str, attempt: int) -> str:
        """Upload one run once; what fails is tried again later by another work."""
        return upload.attempt(self.db, self.config, self.parts.settings(), run_id, attempt)

    def _claim(self, run_id: str) -> Claim | None:
        with self.db.begin() as connection:
            row = orders.order_of(connection, run_id)
            if row is None:
                return None
            mine = claim(connection, run_id, self.executor)
            started = row.started_at or datetime.now(UTC)
            orders.mark(connection, run_id, unless=("archived", "failed"), state="running", started_at=started)
        return mine

    def _step(self, mine: Claim, name: str, do: Callable[[], Any]) -> Any:
        """Do one step and have its result stored; with patience for what may pass."""

        def here() -> None:
            with self.db.begin() as connection:
                at_step(connection, mine, name)

        def still_here() -> None:
            with reading(self.db) as connection:
                still_mine(connection, mine)

        def all_of_it() -> Any:
            self._patiently(mine, name, here)
            result = self._patiently(mine, name, do)
            self._patiently(mine, name, still_here)  # what a fenced worker did is not stored
            return result

        return DBOS.run_step({"name": name}, all_of_it)

    def _patiently(self, mine: Claim | None, name: str, do: Callable[[], T]) -> T:
        wait_s, faults, deadline = FIRST_WAIT_S, 0, time.monotonic() + PATIENCE.total_seconds()
        held_up = False
        while True:
            try:
                done = do()
            except (Fenced, dbos_error.DBOSException, PutBack):
                raise
            except Exception as exc:
                if self._ending.is_set():
                    self._for_ever()
                passing = isinstance(exc, RecordError | ConfigError | OSError) or transient(exc)
                words = str(exc) if isinstance(exc, OpsError | OSError) else why(exc)
                level = logging.WARNING if passing else logging.ERROR
                run = "a run" if mine is None else mine.run_id
                kind = type(exc).__name__
                log.log(level, "%s: %s could not be done, it is tried again (%s: %.500s)", run, name, kind, words)
                faults += 0 if passing else 1
                held_up = True
                self._note(mine, name, words)
                if mine is not None and (faults >= FAULTS_BEFORE_BACK or time.monotonic() > deadline):
                    raise PutBack(f"step {name}: {words}"[:500]) from exc
            else:
                if held_up:
                    self._note(mine, name, None)
                return done
            if self._ending.wait(wait_s):
                self._for_ever()
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)

    def _note(self, mine: Claim | None, name: str, words: str | None) -> None:
        """Leave word at the run of what holds it up, None for nothing any more."""
        if mine is not None:
            with suppress(sa.exc.SQLAlchemyError, Fenced), self.db.begin() as connection:
                at_step(connection, mine, name, None if words is None else words[:1000])

    def _put_back(self, mine: Claim, words: str) -> None:
        log.error("%s is put back into the queue: %s", mine.run_id, words)
        at = datetime.now(UTC) + PUT_BACK
        while True:
            with suppress(sa.exc.SQLAlchemyError), self.db.begin() as connection:
                count = orders.orders.c.attempts + 1
                orders.mark(
                    connection,
                    mine.run_id,
                    unless=("archived", "failed"),
                    state="placed",
                    not_before=at,
                    attempts=count,
                    detail=words,
                )
                return
            if self._ending.wait(LONGEST_WAIT_S):
                self._for_ever()

    def _for_ever(self) -> NoReturn:
        """Wait for this process to end, which it is about to: this thread must not say that its run is over."""
        while True:
            time.sleep(60.0)

    # --- in the background ---------------------------------------------------------------------------------

    def _gets_ready(self) -> None:
        """Have ready what the first run needs; should that fail, the run says why."""
        _quiet(steps.get_ready)

    def _sweeps(self) -> None:
        changes, owed, swept_s = Changes(self.db), True, 0.0
        for do in self._rounds(SWEEP_S, "hand orders to the queue"):
            owed = changes.any() or owed  # until it was done without an error
            if not owed and time.monotonic() - swept_s < DUE_S:
                continue
            swept_s = time.monotonic()
            owed = not do(lambda: sweep(self.db, DBOS.enqueue_workflow_with_options))
            if self.config.upload_url is not None:
                owed = not do(lambda: upload.sweep(self.db, self._enqueue_upload)) or owed

    def _enqueue_upload(self, run_id: str, attempt: int) -> None:
        options: EnqueueOptions = {
            "workflow_name": UPLOAD,
            "queue_name": UPLOADS,
            "workflow_id": f"UPLOAD-{run_id}-{attempt}",
            "app_version": VERSION,
        }
        DBOS.enqueue_workflow_with_options(options, run_id, attempt)

    def _reconciles(self) -> None:
        for do in self._rounds(RECONCILE_S, "look after runs in progress"):
            do(self._resume_own)
            do(self._again)
            do(lambda: steps.flush_all(self.parts))
            do(lambda: steps.tidy(self.parts))
            if self._used and not self.active():  # between runs it would cost the next one
                self._used = False
                release_memory()

    def _looks(self) -> None:
        for do in self._rounds(ROUND_S, "look at the platform"):
            do(self._keeper.look)

    def _beats(self) -> None:
        for do in self._rounds(ROUND_S, "send a sign of life"):
            do(self._keeper.beat)

    def _resume_own(self) -> None:
        """Put back runs that the queue gave to this process and that no thread of it carries out."""
        suspects = [pair for pair in self._owners().get(self.executor, ()) if self._idle(pair[0])]
        if not suspects:
            return
        time.sleep(2.0)  # one that was only just given is about to begin
        still = set(self._owners().get(self.executor, ()))
        for workflow, queue in suspects:
            if (workflow, queue) in still and self._idle(workflow) and not self._ending.is_set():
                log.warning("%s was given to this worker and is not carried out; it goes back into the queue", workflow)
                _resume(workflow, queue)

    def _idle(self, workflow: str) -> bool:
        if not workflow.startswith("RUN-"):
            return False
        with self._lock:
            return not any(workflow.startswith(run) for run in self._active)

    def _again(self) -> None:
        """Place orders anew whose work is over or gone without a report: the queue's file was lost, or it failed."""
        before = datetime.now(UTC) - LOST_AFTER
        table = orders.orders
        chosen = sa.select(table.c.run_id, table.c.attempts).where(
            table.c.state.in_(("queued", "running")), sa.func.coalesce(table.c.started_at, table.c.queued_at) < before
        )
        with reading(self.db) as connection:
            old = {workflow_of(run, count): run for run, count in connection.execute(chosen.limit(100))}
        if not old:
            return
        rows = DBOS.list_workflows(workflow_ids=list(old), load_input=False, load_output=False)
        going_on = {row.workflow_id for row in rows if row.status in ("PENDING", "ENQUEUED", "DELAYED")}
        for workflow, run in old.items():
            if workflow not in going_on:
                with self.db.begin() as connection:
                    count = table.c.attempts + 1
                    there: tuple[orders.OrderState, ...] = ("placed", "archived", "failed")
                    if orders.mark(connection, run, unless=there, state="placed", attempts=count):
                        log.warning("%s was in the queue and is not any more; it is handed over again", run)

    def _rounds(self, every_s: float, what: str) -> Iterator[Callable[[Callable[[], Any]], bool]]:
        """
        Give a function that does things and complains once when they fail, again and again until the end.

        It returns whether they were done.
        """
        complained = False

        def do(something: Callable[[], Any]) -> bool:
            nonlocal complained
            try:
                something()
                complained = False
                return True
            except Exception as exc:
                if not complained and not self._ending.is_set():
                    log.warning("could not %s: %s; it is tried again", what, why(exc))
                complained = True
                return False

        while not self._ending.wait(every_s):
            yield do

    def _owners(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        rows = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        for row in rows:
            if row.executor_id and row.queue_name:
                found.setdefault(row.executor_id, []).append((row.workflow_id, row.queue_name))
        return found


def _resume(workflow: str, queue: str) -> None:
    DBOS.resume_workflow(workflow, queue_name=queue)


def _end_at_once(words: str) -> None:
    """End this process without another word to any database; Linux kills its kernels with it."""
    log.critical("this worker ends: %s", words)
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(EXIT_LOST)


def _quiet(do: Callable[[], Any]) -> None:
    with suppress(Exception):
        do()
