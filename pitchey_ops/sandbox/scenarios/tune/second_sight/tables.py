"""Databases that answer, only late."""

from .... import effects as fx
from ....builder import Builder, Entry, Fault, Slow, Tracked
from ....causes._who import felt, owners
from ....scenario import Told
from ._parts import SLOWNESS, at_hour, grey_library, knocking, sleepy_tabs, stranger, told

CAUSE = "database_slow"


def other_plan(b: Builder) -> Told:
    """Over lunch the optimizer took another plan for the lists: it reads half the table from disk for each page."""
    at_hour(b, 12.9)
    knocking(b)
    span = b.until_mended(b.onset_ms, ramp_s=90.0)
    waits = {"/api/pitches": 0.5, "/api/pitches/search": 0.9, "/api/browse": 0.45, "/api/creator/pitches": 0.8}
    add_ms = b.between("add", 2100, 2900)
    fx.slow(b, Slow(key="other plan", hits=waits, span=span, factor=1.5, add_ms=add_ms, service="database"))
    words = "Timeout: Request failed to complete in 9000ms"
    fx.fail(
        b,
        Fault(
            key="other plan",
            hits={"/api/pitches/search": 0.07, "/api/creator/pitches": 0.05},
            span=span,
            status=504,
            took_ms=9000.0,
            body={"success": False, "message": "This took too long"},
            entries=(Entry(component="tedious", texts=(f"RequestError: {words} ({{route}})",)),),
            tracked=Tracked(type="RequestError", value=words, culprit="Request.userCallback(mssql/tedious)"),
        ),
    )
    told(
        b,
        "other plan says",
        "database",
        "query-store",
        4.0,
        span,
        "query_id 4118: plan 902 (Clustered Index Scan) replaced plan 871 (Index Seek), avg {slow_ms} ms, was 9",
        "waits of the last minute: PAGEIOLATCH_SH {n} %, CXPACKET {small} %; Page life expectancy {waiting} s",
        level="information",
    )
    fx.database(
        b,
        span,
        avgQueryTime=(5.0, 160.0),
        p95QueryTime=(6.0, 1300.0),
        p99QueryTime=(6.0, 2900.0),
        slowQueries=(1.0, 19.0),
        activeConnections=(1.9, 2.0),
        errorRate=(1.0, 0.012),
    )
    return Told(services=("database", *owners(felt(waits, 0.4))), routes=felt(waits, 0.4), severity="P2")


def hot_range(b: Builder) -> Told:
    """All new rows land in one range of keys, whose holder has a queue before its door that grows from hour to hour."""
    at_hour(b, 18.9)
    sleepy_tabs(b)
    span = b.until_mended(b.onset_ms, ramp_s=1500.0)
    waits = fx.needing("database", 0.55)
    add_ms = b.between("add", 1000, 1500)
    fx.slow(b, Slow(key="hot range", hits=waits, span=span, factor=1.8, add_ms=add_ms, service="database"))
    fx.fail(
        b,
        Fault(
            key="hot range",
            hits=fx.needing("database", 0.025),
            span=span,
            status=504,
            took_ms=8200.0,
            entries=(
                Entry(
                    component="jackc",
                    texts=("timeout: context deadline exceeded while reading rows of {route} ({ms} ms)",),
                ),
            ),
            tracked=Tracked(
                type="*errors.errorString", value="timeout: context deadline exceeded", culprit="(*Rows).Next"
            ),
        ),
    )
    told(
        b,
        "hot range says",
        "database",
        "kvserver",
        6.0,
        span,
        "have been waiting {small}.{n}s (slow) for proposing command RequestLease on r812/3 (n4,s4)",
        'slow range RPC: have been waiting {small}.{n}s ({small} attempts) for RPC Get [/Table/118/1/"{hex}"]',
        "admission control: kv queue of n4 {waiting} deep, wait p99 {slow_ms} ms; r812 qps {id}",
        level="W",
    )
    fx.database(
        b,
        span,
        avgQueryTime=(4.0, 90.0),
        p95QueryTime=(6.0, 700.0),
        p99QueryTime=(7.0, 1800.0),
        slowQueries=(1.0, 11.0),
        activeConnections=(1.6, 1.5),
        errorRate=(1.0, 0.01),
    )
    return Told(services=("database", *owners(felt(waits, 0.3))), routes=felt(waits, 0.3), severity="P2")


def royalties(b: Builder) -> Told:
    """The royalties of the quarter are reckoned on the same machine, in rounds, and sort more than memory holds."""
    at_hour(b, 15.4)
    grey_library(b)
    span = b.until_mended(b.onset_ms, every_s=480.0, on_s=b.between("on", 290, 340))
    waits = fx.needing("database", 0.7)
    add_ms = b.between("add", 1700, 2300)
    fx.slow(b, Slow(key="royalties", hits=waits, span=span, factor=2.0, add_ms=add_ms, service="database"))
    words = "ORA-01013: user requested cancel of current operation"
    fx.fail(
        b,
        Fault(
            key="royalties",
            hits=fx.needing("database", 0.04),
            span=span,
            status=504,
            took_ms=10_000.0,
            entries=(Entry(component="oracledb", texts=(f"{words} ({{route}}, callTimeout 10000)",)),),
            tracked=Tracked(type="Error", value=words, culprit="execute(oracledb/lib/connection)"),
        ),
    )
    told(
        b,
        "royalties says",
        "database",
        "ash",
        5.0,
        span,
        "top waits: direct path write temp {n} %, direct path read temp 2{small} %, log file sync 1{small} %; "
        "module=ROYALTY_Q4",
        "temp segments {n} GB of 64 GB, sort workarea multi-pass ({small} passes), SQL_ID 7f0q{small}h1",
        level="notice",
    )
    fx.database(
        b,
        span,
        avgQueryTime=(6.0, 110.0),
        p95QueryTime=(8.0, 1000.0),
        p99QueryTime=(8.0, 2600.0),
        slowQueries=(1.0, 16.0),
        activeConnections=(1.8, 2.0),
        errorRate=(1.0, 0.015),
    )
    return Told(services=("database", *owners(felt(waits, 0.3))), routes=felt(waits, 0.3), severity="P2")


SCENARIOS = (
    stranger(
        "second_other_plan",
        "Another plan since lunch",
        CAUSE,
        other_plan,
        SLOWNESS,
        onset_min=(14, 26),
        beside=("harmless_production_deployment",),
    ),
    stranger("second_hot_range", "One range of keys", CAUSE, hot_range, SLOWNESS, onset_min=(44, 58)),
    stranger(
        "second_royalties",
        "Royalties of the quarter",
        CAUSE,
        royalties,
        SLOWNESS,
        onset_min=(30, 44),
        beside=("noisy_neighbour",),
    ),
)
