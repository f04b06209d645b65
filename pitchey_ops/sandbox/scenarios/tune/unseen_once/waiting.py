"""Transactions that wait for each other."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Slow, Tracked
from ....causes import database
from ....scenario import Told
from ._parts import WRITES, at_hour, bounces, doorknobs, elsewhere, judged

CAUSE = "database_locked"


def exclusive(b: Builder) -> Told:
    """Somebody holds the investments table for himself: readers wait, too."""
    at_hour(b, 11.0)
    elsewhere(b)
    paths = ("/api/investor/portfolio", "/api/investor/interest", "/api/payments/checkout")
    span = b.until_mended(b.onset_ms, ramp_s=15.0)
    lock = (
        "LOG: process {id} still waiting for RowShareLock on relation 16431 of database 16389 after 1000.1{n} ms",
        "ERROR: 55P03: canceling statement due to lock timeout; relation investments",
    )
    fx.fail(
        b,
        Fault(
            key="exclusive",
            hits=fx.of(paths, b.between("share", 0.6, 0.85)),
            span=span,
            status=500,
            took_ms=5100.0,
            entries=(
                Entry(service="database", component="postgres", texts=lock, request=False),
                Entry(texts=("55P03 lock_not_available ({method} {route})",), component="handler"),
            ),
            tracked=Tracked(type="PostgresError", value="55P03 lock_not_available", culprit="execute(src/db/drizzle)"),
        ),
    )
    fx.slow(b, Slow(key="exclusive", hits=fx.of(paths, 0.9), span=span, add_ms=2200.0, service="database"))
    holder = Entry(
        service="database",
        level="warn",
        component="postgres",
        request=False,
        texts=("LOG: process {id} acquired AccessExclusiveLock on relation investments, holders queue: {small}", *lock),
    )
    fx.say(b, "exclusive waits", holder, 4.0, span)
    fx.database(
        b,
        span,
        lockWaits=(1.0, 22.0),
        activeConnections=(1.4, 6.0),
        p95QueryTime=(2.0, 1100.0),
        p99QueryTime=(2.0, 4200.0),
        slowQueries=(1.0, 6.0),
        errorRate=(1.0, 0.05),
    )
    return Told(services=("database", "investor", "payments"), routes=paths, severity="P2")


def serial(b: Builder) -> Told:
    """Writers collide on a hot row on a busy evening: some give up, some deadlock."""
    at_hour(b, 20.0)
    doorknobs(b)
    return database.locked(
        b,
        share=b.between("share", 0.22, 0.36),
        deadlocks=9.0,
        wait_ms=2600.0,
        ramp_s=240.0,
        lock_texts=(
            "ERROR: 40P01: deadlock detected DETAIL: Process {id} waits for ShareLock on transaction {id2}; blocked",
            "ERROR: 40001: could not serialize access due to concurrent update",
        ),
        caller_texts=("transaction retried 3 times and failed: 40001 ({method} {route})", "40P01 in {route}"),
        tracked=Tracked(type="PostgresError", value="40P01 deadlock detected", culprit="transaction(src/db/drizzle)"),
    )


def forgotten(b: Builder) -> Told:
    """A night job left its transaction open and went to sleep; mails bounce meanwhile, as they did all day."""
    at_hour(b, 2.5)
    bounces(b)
    return database.locked(
        b,
        share=b.between("share", 0.6, 0.85),
        deadlocks=0.1,
        wait_ms=9500.0,
        ramp_s=90.0,
        lock_texts=(
            "canceling statement due to lock timeout; blocked by pid {id} (idle in transaction, {n} min, app=export)",
        ),
        caller_texts=("save refused: row locked by another transaction ({method} {route}, {ms} ms)",),
        tracked=Tracked(
            type="LockNotAvailable", value="row locked by another transaction", culprit="save(src/db/unit)"
        ),
    )


SCENARIOS = (
    judged("lock_exclusive", "One table held exclusively", CAUSE, exclusive, WRITES, beside=("unrelated_deployment",)),
    judged("lock_serial", "Writers collide", CAUSE, serial, WRITES, onset_min=(14, 22), beside=("busy_evening",)),
    judged(
        "lock_forgotten",
        "A transaction left open at night",
        CAUSE,
        forgotten,
        WRITES,
        onset_min=(28, 40),
        beside=("harmless_production_deployment",),
    ),
)
