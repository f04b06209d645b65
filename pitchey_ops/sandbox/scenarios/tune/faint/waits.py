"""Databases that answer late: by turns, for one route, for readers only, or all of it evenly."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Slow, Tracked
from ....causes._who import felt, owners
from ....scenario import Told
from ..second_sight._parts import SLOWNESS, at_hour, grey_library, sleepy_tabs, stranger, told

CAUSE = "database_slow"


def checkpoints(b: Builder) -> Told:
    """Every few minutes the database writes all that it kept in memory, and whoever asks then waits for the disk."""
    at_hour(b, 17.3)
    grey_library(b)
    span = b.until_mended(b.onset_ms, every_s=300.0, on_s=b.between("on", 110, 140))
    waits = fx.needing("database", 0.8)
    add_ms = b.between("add", 1500, 2200)
    fx.slow(b, Slow(key="checkpoints", hits=waits, span=span, factor=1.5, add_ms=add_ms, service="database"))
    told(
        b,
        "checkpoints says",
        "database",
        "checkpointer",
        3.0,
        span,
        "checkpoint complete: wrote {id} buffers (8{small}.{n}%); write=3.{n} s, sync=10{small}.{n} s",
        "statement took {slow_ms} ms: wait_event IO/WALSync ({route})",
        level="log",
    )
    fx.database(
        b,
        span,
        avgQueryTime=(4.0, 120.0),
        p95QueryTime=(6.0, 900.0),
        p99QueryTime=(6.0, 2400.0),
        slowQueries=(1.0, 12.0),
        activeConnections=(1.6, 2.0),
    )
    return Told(services=("database", *owners(felt(waits, 0.4))), routes=felt(waits, 0.4), severity="P2")


def one_statement(b: Builder) -> Told:
    """One table has outgrown its index: the inbox alone becomes slower and slower, and now and then gives up."""
    at_hour(b, 13.7)
    span = b.until_mended(b.onset_ms, ramp_s=900.0)
    waits = {"/api/messages": 0.95, "/api/notifications": 0.6}
    add_ms = b.between("add", 2600, 3400)
    fx.slow(b, Slow(key="one statement", hits=waits, span=span, factor=1.5, add_ms=add_ms, service="database"))
    words = "canceling statement due to statement timeout"
    fx.fail(
        b,
        Fault(
            key="one statement",
            hits={"/api/messages": 0.09},
            span=span,
            status=504,
            took_ms=8000.0,
            entries=(Entry(component="sqlx", texts=(f"error returned from database: {words} ({{route}})",)),),
            tracked=Tracked(type="PgDatabaseError", value=words, culprit="sqlx_core::executor"),
        ),
    )
    told(
        b,
        "one statement says",
        "database",
        "auto_explain",
        4.0,
        span,
        "duration: {slow_ms} ms plan: Seq Scan on thread_members (rows removed by filter: 2{id})",
        level="info",
    )
    fx.database(
        b,
        span,
        avgQueryTime=(1.8, 25.0),
        p95QueryTime=(3.0, 1400.0),
        p99QueryTime=(4.0, 3000.0),
        slowQueries=(1.0, 15.0),
        activeConnections=(1.4, 1.0),
        errorRate=(1.0, 0.004),
    )
    return Told(services=("database", "messaging", "notification"), routes=tuple(waits), severity="P3")


def readers_only(b: Builder) -> Told:
    """The copy that the readers ask is busy with catching up; writers ask the original and notice nothing."""
    at_hour(b, 11.2)
    sleepy_tabs(b)
    span = b.until_mended(b.onset_ms, ramp_s=240.0)
    waits = {"/api/pitches": 0.5, "/api/browse": 0.5, "/api/pitches/search": 0.95, "/api/investor/portfolio": 0.9}
    add_ms = b.between("add", 900, 1400)
    fx.slow(b, Slow(key="readers only", hits=waits, span=span, factor=1.7, add_ms=add_ms, service="database"))
    told(
        b,
        "readers only says",
        "database",
        "replica",
        5.0,
        span,
        "replica-1: replay lag {waiting} s, conflict waits {small}, SELECT on it took {slow_ms} ms",
        "primary: avg 4 ms, nothing waits",
        level="warning",
    )
    fx.database(
        b,
        span,
        avgQueryTime=(3.0, 70.0),
        p95QueryTime=(4.0, 800.0),
        p99QueryTime=(4.0, 1700.0),
        slowQueries=(1.0, 9.0),
        activeConnections=(1.5, 1.0),
    )
    return Told(services=("database", *owners(felt(waits, 0.4))), routes=felt(waits, 0.4), severity="P3")


def longer_way(b: Builder) -> Told:
    """Since a change at the hoster each question goes to another city and back: all of them, evenly, no more."""
    at_hour(b, 16.4)
    span = b.until_mended(b.onset_ms, ramp_s=5.0)
    waits = fx.needing("database", 0.98)
    add_ms = b.between("add", 650, 850)
    fx.slow(b, Slow(key="longer way", hits=waits, span=span, add_ms=add_ms, service="database"))
    told(
        b,
        "longer way says",
        "database",
        "pooler",
        3.0,
        span,
        "server round trip 9{small} ms (was 2), statements as before, {small} round trips a request",
        level="info",
    )
    fx.database(b, span, avgQueryTime=(1.0, 95.0), p95QueryTime=(1.0, 260.0), p99QueryTime=(1.0, 420.0))
    return Told(services=("database", *owners(felt(waits, 0.4))), routes=felt(waits, 0.4), severity="P3")


SCENARIOS = (
    stranger("faint_checkpoints", "A disk that takes turns", CAUSE, checkpoints, SLOWNESS, onset_min=(28, 42)),
    stranger(
        "faint_one_statement", "One table that outgrew its index", CAUSE, one_statement, SLOWNESS, onset_min=(36, 50)
    ),
    stranger(
        "faint_readers_only",
        "A copy that lags",
        CAUSE,
        readers_only,
        SLOWNESS,
        onset_min=(20, 34),
        beside=("unrelated_deployment",),
    ),
    stranger("faint_longer_way", "A longer way", CAUSE, longer_way, SLOWNESS, onset_min=(16, 28)),
)
