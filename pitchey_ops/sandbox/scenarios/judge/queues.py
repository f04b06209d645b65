"""One transaction stands in the door, and a queue forms behind it."""

from ... import effects as fx
from ...builder import Builder, Fault, Slow
from ...scenario import Told
from ._parts import (
    SAVING,
    api_issue,
    door_rattling,
    helpers_shipped,
    judged,
    left,
    local_hour,
    no_figures,
    old_clients,
    slow_pictures,
    spoken,
)

CAUSE = "database_locked"


def index_built(b: Builder) -> Told:
    """An index is built the blocking way: nobody saves a pitch, readers queue behind the savers."""
    local_hour(b, 14.7)
    helpers_shipped(b)
    saving = {"/api/pitches/create": 0.9, "/api/upload/complete": 0.32, "/api/creator/pitches": 0.35}
    span = b.until_mended(b.onset_ms, ramp_s=40.0)
    share = b.between("share", 0.85, 1.0)
    waiting = (
        "LOG: process {id} still waiting for RowExclusiveLock on relation 24601 of database 16401 after 1000.2 ms",
        "DETAIL: Process holding the lock: 3987. Wait queue: {id}, {id2}, 40{n}.",
    )
    fx.fail(
        b,
        Fault(
            key="index",
            hits={path: part * share for path, part in saving.items()},
            span=span,
            status=500,
            took_ms=4200.0,
            body={"success": False, "message": "Your changes were not saved"},
            entries=(
                left(*waiting, service="database", component="postgres", request=False),
                left("{method} {route}: statement blocked by CREATE INDEX, gave up after {ms} ms"),
            ),
            tracked=api_issue("PostgresError: lock_not_available (55P03)", "create(src/pitch/store)"),
        ),
    )
    holder = spoken(
        "database",
        "pg_locks",
        "pid 3987 holds ShareLock on pitches since {n} min: CREATE INDEX pitches_tags_idx; {small} sessions blocked",
        level="warn",
    )
    fx.say(b, "index holder", holder, 2.5, span)
    fx.slow(
        b,
        Slow(key="index", hits=fx.of(tuple(saving), 0.8), span=span, add_ms=2100.0, service="database"),
    )
    fx.database(b, span, lockWaits=(1.0, 14.0), activeConnections=(1.5, 4.0), p99QueryTime=(2.0, 3900.0))
    return Told(services=("database", "pitch", "creator", "upload"), routes=tuple(saving), severity="P2")


def ledger(b: Builder) -> Told:
    """The night's bookkeeping holds the ledger; payments and interests wait and are called off."""
    local_hour(b, 0.8)
    door_rattling(b)
    no_figures(b)
    paths = ("/api/payments/checkout", "/api/payments/webhook", "/api/investor/interest")
    span = b.until_mended(b.onset_ms)
    share = b.between("share", 0.7, 0.92)
    fx.fail(
        b,
        Fault(
            key="ledger",
            hits=fx.of(paths, share),
            span=span,
            status=503,
            took_ms=5100.0,
            entries=(
                left(
                    "PrismaClientKnownRequestError P2028: Transaction API error: Unable to start a transaction in the "
                    "given time.",
                    "P2028 Transaction already closed: timeout was 5000 ms, {long_ms} ms passed since its start",
                    component="prisma",
                ),
            ),
            tracked=api_issue(
                "PrismaClientKnownRequestError: P2028 Transaction API error", "transaction(src/payments/ledger)"
            ),
        ),
    )
    advisory = spoken(
        "database",
        "postgres",
        "LOG: process {id} still waiting for ExclusiveLock on advisory lock [16401,0,7741,1] after {long_ms}.6 ms",
        "blocked: pg_advisory_xact_lock(7741) wanted by {small} sessions, held by closing-of-books (pid 2214)",
        level="error",
    )
    fx.say(b, "ledger", advisory, 6.0, span)
    fx.slow(b, Slow(key="ledger", hits=fx.of(paths, 0.8), span=span, add_ms=2600.0, service="database"))
    fx.database(b, span, lockWaits=(1.0, 9.0), p99QueryTime=(2.0, 4700.0))
    return Told(services=("database", "payments", "investor"), routes=paths, severity="P1")


def counters(b: Builder) -> Told:
    """Two services count the same views in different order; whoever loses is thrown out."""
    local_hour(b, 19.3)
    slow_pictures(b)
    hits = {"/api/analytics/track": 0.16, "/api/pitches/create": 0.3, "/api/messages": 0.24}
    span = b.until_mended(b.onset_ms, ramp_s=300.0)
    factor = b.between("factor", 0.85, 1.2)
    fx.fail(
        b,
        Fault(
            key="counters",
            hits={path: share * factor for path, share in hits.items()},
            span=span,
            status=500,
            took_ms=1150.0,
            entries=(
                left(
                    "deadlock detected: Process {id} waits for ExclusiveLock on tuple ({n},{small}) of relation 16512; "
                    "blocked by process {id2}.",
                    "CONTEXT: while updating tuple ({n},{small}) in relation pitch_counters",
                    service="database",
                    component="postgres",
                    request=False,
                ),
                left("transaction rolled back, chosen as deadlock victim ({method} {route})"),
            ),
            tracked=api_issue("PostgresError: deadlock detected", "bump(src/analytics/counters)"),
        ),
    )
    fx.slow(b, Slow(key="counters", hits=fx.of(tuple(hits), 0.5), span=span, add_ms=900.0, service="database"))
    fx.database(b, span, deadlocks=(1.0, 6.0), lockWaits=(1.0, 19.0), p95QueryTime=(1.6, 700.0))
    return Told(services=("database", "analytics", "pitch", "messaging"), routes=tuple(hits), severity="P3")


def inbox_held(b: Builder) -> Told:
    """A person's console session holds rows of the inbox while that person is at lunch."""
    local_hour(b, 12.1)
    old_clients(b)
    paths = ("/api/messages", "/api/notifications", "/api/auth/refresh")
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    fx.fail(
        b,
        Fault(
            key="inbox held",
            hits={"/api/messages": b.between("share", 0.5, 0.7), "/api/notifications": 0.28, "/api/auth/refresh": 0.12},
            span=span,
            status=504,
            took_ms=8700.0,
            entries=(
                left(
                    "could not obtain tuple lock on relation sessions: held by psql (dana), idle in transaction for "
                    "{n} min",
                    "lock wait exceeded {long_ms} ms: UPDATE messages SET read_at, blocker application_name=psql",
                    service="database",
                    component="pg_locks",
                    request=False,
                ),
                left("row busy, {route} answered 504 to {user}", share=0.7),
            ),
            tracked=api_issue("LockWaitTimeout: row busy", "touch(src/messaging/read)"),
        ),
    )
    fx.slow(b, Slow(key="inbox held", hits=fx.of(paths, 0.6), span=span, add_ms=3200.0, service="database"))
    fx.database(b, span, lockWaits=(1.0, 12.0), activeConnections=(1.4, 3.0), p99QueryTime=(2.0, 8000.0))
    return Told(services=("database", "messaging", "notification", "auth"), routes=paths, severity="P2")


SCENARIOS = (
    judged("queue_index", "An index built the blocking way", CAUSE, index_built, SAVING, onset_min=(16, 26)),
    judged(
        "queue_ledger",
        "Bookkeeping holds the ledger",
        CAUSE,
        ledger,
        SAVING,
        onset_min=(30, 44),
        beside=("noisy_neighbour",),
    ),
    judged(
        "queue_counters",
        "Two services count in different order",
        CAUSE,
        counters,
        SAVING,
        onset_min=(12, 20),
        beside=("few_typists", "slow_sidekick"),
    ),
    judged(
        "queue_inbox",
        "A console left open",
        CAUSE,
        inbox_held,
        SAVING,
        onset_min=(20, 32),
        beside=("logs_unseen",),
        seeds=1,
    ),
)
