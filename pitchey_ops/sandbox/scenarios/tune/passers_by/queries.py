"""A database that takes its time, and one in which all wait for somebody."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Slow, Tracked
from ....causes._who import felt, owners
from ....scenario import Told
from ._parts import SLOWNESS, WRITES, at_hour, audited, deprecations, hourly_job, retired_check, stranger, told


def burst_spent(b: Builder) -> Told:
    """The disk's credit for bursts is used up: all that is not in memory is read ever more slowly."""
    at_hour(b, 21.0)
    hourly_job(b)
    span = b.until_mended(b.onset_ms, ramp_s=1500.0)
    waits = fx.needing("database", 0.8)
    add_ms = b.between("add", 1500, 2300)
    fx.slow(b, Slow(key="burst spent", hits=waits, span=span, factor=2.5, add_ms=add_ms, service="database"))
    fx.fail(
        b,
        Fault(
            key="burst spent given up",
            hits=fx.needing("database", 0.05),
            span=span,
            status=504,
            took_ms=10_000.0,
            body={"success": False, "message": "Request timed out"},
            entries=(
                Entry(
                    component="pg",
                    texts=("QueryFailedError: canceling statement due to statement timeout {route} after {ms} ms",),
                ),
            ),
            tracked=Tracked(
                type="QueryFailedError",
                value="canceling statement due to statement timeout",
                culprit="query(typeorm/driver/postgres)",
            ),
        ),
    )
    told(
        b,
        "burst waits",
        "database",
        "rds",
        9.0,
        span,
        "LOG:  duration: {slow_ms}.318 ms  execute <unnamed>: select … from {table} where …",
        "wait events of the last minute: IO:DataFileRead {n} %, CPU {small} %",
        "EBSByteBalance% 0, EBSIOBalance% 0, BurstBalance 0 (gp2, 100 GiB, baseline 300 IOPS)",
        level="warn",
    )
    fx.database(
        b,
        span,
        avgQueryTime=(9.0, 120.0),
        p95QueryTime=(14.0, 900.0),
        p99QueryTime=(14.0, 2600.0),
        slowQueries=(1.0, 26.0),
        activeConnections=(1.7, 1.5),
        errorRate=(1.0, 0.03),
    )
    return Told(services=("database", *owners(felt(waits, 0.4))), routes=felt(waits, 0.4), severity="P2")


def dropped_index(b: Builder) -> Told:
    """An index that seemed unused was dropped by hand: one page's query walks through the whole table."""
    at_hour(b, 13.4)
    retired_check(b)
    audited(
        b, "dropped", b.onset_ms, "console: ALTER TABLE investments DROP INDEX idx_investor_state (by dana, 0.04 s)"
    )
    span = b.until_mended(b.onset_ms, ramp_s=45.0)
    paths = ("/api/investor/portfolio",)
    add_ms = b.between("add", 5200, 7400)
    fx.slow(b, Slow(key="dropped index", hits=fx.of(paths, 0.95), span=span, add_ms=add_ms, service="database"))
    fx.fail(
        b,
        Fault(
            key="dropped index given up",
            hits=fx.of(paths, 0.12),
            span=span,
            status=504,
            took_ms=12_000.0,
            body={"success": False, "message": "Timed out"},
            entries=(
                Entry(
                    level="warn",
                    component="mysql2",
                    texts=(
                        "ER_QUERY_TIMEOUT: Query execution was interrupted, maximum statement execution time exceeded",
                    ),
                ),
            ),
        ),
    )
    told(
        b,
        "dropped slow log",
        "database",
        "slowlog",
        7.0,
        span,
        "# Query_time: 6.{n}  Lock_time: 0.000004 Rows_sent: {n}  Rows_examined: 48{id} SELECT i.* FROM investments i "
        "WHERE i.investor_id = ? AND i.state = ? ORDER BY i.created_at DESC",
        "EXPLAIN type=ALL possible_keys=NULL key=NULL rows=48{id} Extra=Using where; Using filesort (investments)",
        level="warn",
    )
    fx.database(
        b,
        span,
        avgQueryTime=(1.8, 40.0),
        p95QueryTime=(2.5, 1500.0),
        p99QueryTime=(2.5, 5200.0),
        slowQueries=(1.0, 6.0),
        activeConnections=(1.2, 0.8),
    )
    return Told(services=("database", "investor"), routes=paths, severity="P3")


def open_session(b: Builder) -> Told:
    """Somebody corrects rows by hand and goes to lunch without a commit: whoever writes there waits and gives up."""
    at_hour(b, 12.3)
    deprecations(b)
    span = b.until_mended(b.onset_ms, ramp_s=60.0)
    share = b.between("share", 0.5, 0.65)
    hits = {"/api/investor/interest": share, "/api/payments/checkout": share * 0.7, "/api/payments/webhook": share}
    words = "Lock wait timeout exceeded; try restarting transaction"
    fx.fail(
        b,
        Fault(
            key="open session",
            hits=hits,
            span=span,
            status=500,
            took_ms=9800.0,
            body={"success": False, "message": "Could not save"},
            entries=(
                Entry(
                    component="sequelize",
                    texts=(f"SequelizeDatabaseError: {words} ({{route}})", "errno=1205 sqlState=HY000 {route} {ms} ms"),
                ),
            ),
            tracked=Tracked(type="SequelizeDatabaseError", value=words, culprit="formatError(sequelize/mysql/query)"),
        ),
    )
    told(
        b,
        "open session monitor",
        "database",
        "innodb",
        3.0,
        span,
        "---TRANSACTION 4218{id}, ACTIVE {waiting}0 sec, 2 lock struct(s), 1 row lock(s), undo log entries {n}; "
        "MySQL thread id 5521, user dana, Sleep",
        "LOCK WAIT {small} lock struct(s), waiting for X lock on index PRIMARY of table `pitchey`.`investments`, "
        "blocked by thread 5521",
        level="warn",
    )
    fx.database(
        b,
        span,
        lockWaits=(1.0, 18.0),
        activeConnections=(1.4, 3.0),
        p95QueryTime=(1.5, 700.0),
        p99QueryTime=(2.0, 7200.0),
        slowQueries=(1.0, 5.0),
        errorRate=(1.0, 0.03),
    )
    return Told(services=("database", "investor", "payments"), routes=tuple(hits), severity="P2")


def busy_file(b: Builder) -> Told:
    """A vacuum runs against a database that is one file: in waves nobody else may write; reading goes on."""
    at_hour(b, 20.2)
    span = b.until_mended(b.onset_ms, every_s=300.0, on_s=b.between("on", 110, 150))
    share = b.between("share", 0.7, 0.85)
    hits = fx.of(("/api/pitches/create", "/api/investor/interest", "/api/payments/webhook"), share)
    hits["/api/auth/register"] = 0.6
    words = "database is locked"
    fx.fail(
        b,
        Fault(
            key="busy file",
            hits=hits,
            span=span,
            status=503,
            took_ms=5100.0,
            body={"success": False, "message": "Busy"},
            entries=(
                Entry(
                    component="libsql",
                    texts=(
                        f"LibsqlError: SQLITE_BUSY: {words}",
                        "insert into {table} gave up after busy_timeout=5000 (SQLITE_BUSY, {route})",
                    ),
                ),
            ),
            tracked=Tracked(
                type="LibsqlError", value=f"SQLITE_BUSY: {words}", culprit="mapSqliteError(@libsql/client)"
            ),
        ),
    )
    told(
        b,
        "busy file writer",
        "database",
        "maintenance",
        1.2,
        span,
        "vacuum pitchey.db: write lock held for {waiting} s, {n} % of pages copied",
        "wal checkpoint blocked by a writer, wal has {id} frames",
        level="info",
    )
    fx.database(b, span, lockWaits=(1.0, 22.0), p99QueryTime=(1.5, 4600.0), slowQueries=(1.0, 4.0))
    return Told(services=("database", *owners(tuple(hits))), routes=tuple(hits), severity="P2")


SCENARIOS = (
    stranger(
        "via_burst_spent",
        "The disk's bursts are spent",
        "database_slow",
        burst_spent,
        SLOWNESS,
        onset_min=(42, 55),
        beside=("busy_evening",),
    ),
    stranger(
        "via_dropped_index",
        "An index dropped by hand",
        "database_slow",
        dropped_index,
        SLOWNESS,
        onset_min=(16, 28),
        beside=("harmless_production_deployment",),
    ),
    stranger(
        "via_open_session",
        "A session left open over lunch",
        "database_locked",
        open_session,
        WRITES,
        onset_min=(20, 34),
        beside=("unrelated_deployment",),
    ),
    stranger(
        "via_busy_file",
        "A file that is locked in waves",
        "database_locked",
        busy_file,
        WRITES,
        onset_min=(28, 44),
        beside=("clock_skew",),
    ),
)
