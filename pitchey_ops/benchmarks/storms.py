"""
What comes over the service from outside: ten thousand alerts within a minute, and a clock that is set meanwhile.

Real processes and the real hooks; a part of ``make chaos``.
"""

from __future__ import annotations

import ctypes.util
import json
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from ..evidence.har import read_har
from ..evidence.recorder import load_body
from ..service import db, orders
from ..service import incident_tables as t
from .chaos import Tally, World, count, settle, until

ALERTS, TROUBLES, GROUP, STORM_S = 10_000, 20, 40, 60.0
SECRET = "chaos-secret-0001"  # noqa: S105 - of a service that lives for a minute on this machine alone
SENDERS = 4
"""Requests of a storm that may be under way at once: monitors do not wait for each other."""
ANSWER_WITHIN_S = 10.0
JUMPS_S = (3600, -7200, 86_400)
"""Seconds by which the clock is set on while a run is going on: by an hour, back by two, on by a day."""

CLOCK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile long long *shift;
__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CLOCK_SHIFT");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *seen = file < 0 ? MAP_FAILED : mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    if (seen != MAP_FAILED) shift = seen;
    if (file >= 0) close(file);
}
int clock_gettime(clockid_t id, struct timespec *at) {
    int done = (int)syscall(SYS_clock_gettime, id, at);
    if (!done && shift && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += *shift;
    return done;
}
int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    int done = clock_gettime(CLOCK_REALTIME, &now);
    if (!done) { at->tv_sec = now.tv_sec; at->tv_usec = now.tv_nsec / 1000; }
    return done;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""
"""A C library's clock with a shift that another process sets; preloaded into a worker and its kernels."""


@dataclass(slots=True)
class Answers:
    """How a service answered its senders: seconds by request, and the codes that were none of 2xx."""

    took_s: list[float] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    def p99_ms(self) -> float:
        """Return the 99th percentile in milliseconds."""
        return 1000 * (statistics.quantiles(self.took_s, n=100)[98] if len(self.took_s) > 1 else self.took_s[0])


class Hooks:
    """Posts alerts to a service; a 503 is sent again, as a sender does."""

    def __init__(self, origin: str) -> None:
        self._http = httpx.Client(base_url=origin, headers={"authorization": f"Bearer {SECRET}"}, timeout=30.0)
        self.answers = Answers()

    def plain(self, **alert: Any) -> dict[str, Any]:
        """Post one alert in our own form."""
        return self._post("/hooks/plain", alert)

    def any(self, trouble: int, ids: list[str]) -> dict[str, Any]:
        """Post alerts of one trouble: one by itself, more as a group."""
        if len(ids) > 1:
            return self.group(trouble, ids)
        return self.plain(id=ids[0], title=f"trouble {trouble}", service=f"service-{trouble}", severity="P3")

    def group(self, trouble: int, ids: list[str]) -> dict[str, Any]:
        """Post a group of Alertmanager's."""
        labels = {"alertname": f"Trouble{trouble}", "service": f"service-{trouble}", "severity": "warning"}
        alerts = [
            {
                "status": "firing",
                "labels": labels,
                "annotations": {"summary": f"trouble {trouble}"},
                "startsAt": "2026-11-23T11:59:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "fingerprint": one,
            }
            for one in ids
        ]
        body = {"version": "4", "groupKey": f"{{}}:{trouble}", "truncatedAlerts": 0, "status": "firing"}
        return self._post("/hooks/alertmanager", {**body, "receiver": "chaos", "alerts": alerts})

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        while True:
            began = time.monotonic()
            answer = self._http.post(path, json=body)
            self.answers.took_s.append(time.monotonic() - began)
            if answer.is_success:
                return dict(answer.json())
            self.answers.refused.append(answer.status_code)
            if answer.status_code != 503:
                raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
            time.sleep(0.05)


@contextmanager
def served(world: World, *, workers: int = 1) -> Iterator[str]:
    """Start ``serve`` for *world* with the hooks open and yield its address."""
    secrets = {f"PITCHEY_OPS_HOOK_{kind}_SECRET": SECRET for kind in ("PLAIN", "ALERTMANAGER")}
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "pitchey_ops", "serve", "--port", "0", "--workers", str(workers)],
        env={**world.environment, **secrets},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=world.log,
        text=True,
    )
    try:
        assert process.stdout is not None
        origin = process.stdout.readline().strip()
        if not origin.startswith("http"):
            raise RuntimeError("the service did not start; see workers.log")
        yield origin
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()
        process.wait(10)


def storm(folder: Path, url: str | None = None, *, alerts: int = ALERTS, seconds: float = STORM_S) -> Tally:
    """Let *alerts* of 20 troubles come in within *seconds*, with a P1 in their middle, and count what came of it."""
    tally = Tally(name=f"{alerts:,} alerts of {TROUBLES} troubles in {seconds:.0f} s, a P1 in their middle")
    world = World(folder, url)
    try:
        with served(world) as origin:
            hooks = Hooks(origin)
            groups, first = _groups(alerts), time.monotonic()
            with ThreadPoolExecutor(SENDERS, "sender") as senders:
                begun: list[Future[dict[str, Any]]] = []
                for number, (trouble, ids) in enumerate(groups):
                    time.sleep(max(0.0, first + seconds * number / len(groups) - time.monotonic()))
                    if number == len(groups) // 2:
                        p1 = {"id": "urgent", "title": "everything is down", "service": "all", "severity": "P1"}
                        grave = senders.submit(hooks.plain, **p1)
                    begun.append(senders.submit(hooks.any, trouble, ids))
                for one in begun:
                    one.result()
                urgent = str(grave.result()["incidents"][0])
            sent = sum(len(ids) for _, ids in groups)
            tally.notes.append(
                f"accepted in {time.monotonic() - first:.0f} s, intake p99 {hooks.answers.p99_ms():.0f} ms"
                + (f", {len(hooks.answers.refused)} told to come again" if hooks.answers.refused else "")
            )
            if not until(lambda: _over(world, urgent) > 0, 300):
                tally.faults.append("the P1 has no report")
            before = _overtook(world, urgent)
            if before > 2:
                tally.faults.append(f"{before} other runs were finished between the P1 and its report")
            if not until(lambda: not _open(world), 1800):
                tally.faults.append(f"not all runs came to an end: {_open(world)} are left")
            hooks.close()
        with db.reading(world.db) as connection:
            lines = connection.execute(sa.select(t.events.c.entry).where(t.events.c.event == "alert")).scalars().all()
            over = orders.orders.c.state.in_(("archived", "failed"))
            runs = list(connection.execute(sa.select(orders.orders.c.run_id).where(over)).scalars())
            incidents = set(connection.execute(sa.select(t.incidents.c.id)).scalars())
            reported = set(connection.execute(_reported()).scalars())
        known = sorted(json.loads(entry)["id"] for entry in lines)
        wanted = sorted(["urgent", *(one for _, ids in groups for one in ids)])
        if known != wanted:
            tally.faults.append(f"of {len(wanted)} alerts {len(known)} are on a timeline")
        if len(incidents) != TROUBLES + 1:
            tally.faults.append(f"{len(incidents)} incidents of {TROUBLES + 1} troubles")
        count(world, runs, {}, tally)
        tally.notes.append(f"{len(runs)} runs for {sent + 1:,} alerts")
        tally.troubles, tally.reports = TROUBLES + 1, len(incidents & reported)
    finally:
        world.close()
    return tally


def _groups(alerts: int) -> list[tuple[int, list[str]]]:
    """Return four fifths of the alerts in groups of Alertmanager's and the rest one by one, mixed."""
    found = [
        (number % TROUBLES, [f"group-{number}-{place}" for place in range(GROUP)])
        for number in range(alerts * 4 // 5 // GROUP)
    ]
    for number in range(alerts - len(found) * GROUP):
        found.insert((number * 7) % len(found), (number % TROUBLES, [f"single-{number}"]))
    return found


def _over(world: World, incident: str | None = None) -> int:
    chosen = sa.select(sa.func.count()).select_from(orders.orders).where(orders.orders.c.state == "archived")
    if incident is not None:
        chosen = chosen.where(orders.orders.c.incident_id == incident)
    with db.reading(world.db) as connection:
        return int(connection.execute(chosen).scalar() or 0)


def _overtook(world: World, incident: str) -> int:
    """Return how many runs came to their end between the order of an incident's first run and its report."""
    table = orders.orders
    with db.reading(world.db) as connection:
        mine = sa.select(table.c.placed_at, table.c.ended_at).where(table.c.incident_id == incident)
        placed, ended = connection.execute(mine.order_by(table.c.placed_at).limit(1)).one()
        others = (table.c.incident_id != incident) & table.c.ended_at.between(placed, ended)
        return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(others)).scalar() or 0)


def _open(world: World) -> int:
    """Return how many runs that are due now are not over; those that watch afterwards come in their time."""
    table = orders.orders
    due = sa.or_(table.c.not_before.is_(None), table.c.not_before <= datetime.now(UTC))
    chosen = sa.select(sa.func.count()).select_from(table).where(table.c.state.notin_(("archived", "failed")), due)
    with db.reading(world.db) as connection:
        return int(connection.execute(chosen).scalar() or 0)


def _reported() -> Any:
    table = orders.orders
    return sa.select(table.c.incident_id).where(table.c.state.in_(("archived", "failed")))


def jump(folder: Path) -> Tally | None:
    """
    Set the clock of a worker and its kernels while runs are going on; None where that is not possible.

    The machine's own clock is left alone: the C library's is replaced for those processes, which takes a compiler.
    """
    tally = Tally(name="clock set by " + ", ".join(f"{one:+,} s" for one in JUMPS_S))
    library = _clock(folder)
    if library is None:
        return None
    shift = folder / "shift"
    shift.write_bytes(struct.pack("=q", 0))
    world = World(folder / "world", None, variables={"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(shift)})
    try:
        crew = [world.start_worker()]
        runs: list[str] = []
        for number, seconds in enumerate(JUMPS_S):
            runs.append(world.alert(number))
            if not until(lambda: bool(world.at("run")), 300, every_s=0.005):
                tally.faults.append("no run began")
                break
            with shift.open("r+b") as file:  # in place: who reads it from memory while it is empty dies of that
                file.write(struct.pack("=q", seconds))
            tally.kills["clock set"] += 1
            if not until(lambda: world.finished(runs), 300):
                tally.faults.append(f"{runs[-1]} came to no end after {seconds:+,} s")
        tally.troubles = len(runs)
        if crew[0].poll() is not None:
            tally.faults.append("the worker did not live through it")
        settle(world, crew)
        count(world, runs, {}, tally)
        for run in runs:
            tally.faults += _shortened(world, run)
    finally:
        world.close()
    return tally


def _clock(folder: Path) -> Path | None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux" or ctypes.util.find_library("c") is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(CLOCK, encoding="ascii")
    done = subprocess.run(  # noqa: S603 - the system's compiler, our own text
        [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=False, capture_output=True
    )
    return library if done.returncode == 0 else None


def _shortened(world: World, run: str) -> list[str]:
    """Return what a run left out although its time was not over."""
    folder = next(iter(world.root.glob(f"INC-*/{run}")), None)
    if folder is None:
        return []
    facts = json.loads((folder / "manifest.json").read_bytes())
    found = [] if facts["completed"] else [f"{run}: cut off ({facts['cut_reason'][:100]})"]
    with suppress(OSError):
        exchanges = read_har((folder / "evidence.har.gz").read_bytes(), lambda digest: load_body(folder, digest))
        late = sum("time for asking was used up" in exchange.detail for exchange in exchanges)
        if late:
            found.append(f"{run}: {late} questions were left out as if its time were over")
    return found


class Trickle:
    """Alerts of one trouble after another while something else is measured: how quickly are they taken?"""

    def __init__(self, origin: str, *, every_s: float = 0.05) -> None:
        self._hooks = Hooks(origin)
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go, name="trickle", daemon=True)
        self._thread.start()

    def end(self) -> Answers:
        """Stop, and return how it went."""
        self._ended.set()
        self._thread.join(60.0)
        self._hooks.close()
        return self._hooks.answers

    def _go(self) -> None:
        number = 0
        while not self._ended.wait(self._every_s):
            self._hooks.plain(id=f"trickle-{number}", title="trouble 0", service="service-0", severity="P3")
            number += 1
