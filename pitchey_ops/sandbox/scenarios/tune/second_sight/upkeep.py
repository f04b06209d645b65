"""Days on which machines are looked after, tested or changed by their owners, and nothing is wrong."""

from .... import effects as fx
from ....builder import DAY, HOUR, MINUTE, Builder, Slow, Span
from ....scenario import Told
from ._parts import around, at_hour, audited, calm, grey_library, knocking, onward, provider_page, told


def scheduled_backup(b: Builder) -> Told:
    """At its hour, as every night, the full backup makes the database busy for ten minutes; answers hardly tell."""
    at_hour(b, 4.0)
    for day in range(7):
        start = b.onset_ms - day * DAY
        span = Span(start, start + 11 * MINUTE, ramp_s=60)
        told(
            b,
            f"pgbackrest {day}",
            "database",
            "pgbackrest",
            6.0,
            span,
            "P00   INFO: execute non-exclusive backup start: backup begins after the requested immediate checkpoint",
            "P0{small} DETAIL: backup file db-1:/pg/base/16402/{id} ({n}MB, {n}%) checksum {hex}",
            "P00   WARN: option 'repo1-retention-full' is not set for 'repo2', the repository may run out of space",
            level="info",
        )
        waits = fx.needing("database", 0.5)
        fx.slow(b, Slow(key=f"pgbackrest {day}", hits=waits, span=span, factor=1.12, add_ms=8.0, service="database"))
        fx.database(
            b,
            span,
            activeConnections=(1.2, 2.0),
            avgQueryTime=(1.25, 0.0),
            p99QueryTime=(1.3, 0.0),
            slowQueries=(1.0, 0.6),
        )
    return Told()


def queue_drained(b: Builder) -> Told:
    """A batch of subtitles filled a queue last night; its last tens of thousands are worked off while people watch."""
    at_hour(b, 7.9)
    knocking(b, 0.9)
    span = Span(b.onset_ms - 3 * HOUR, b.now_ms + HOUR)
    told(
        b,
        "lag",
        "subtitles",
        "kafka",
        5.0,
        span,
        "consumer lag of subtitles.render-{small}: {id} (falling, 0 in about {n} min)",
        "[Consumer clientId=render-{small}] Attempt to heartbeat failed since group is rebalancing",
        "[Consumer clientId=render-{small}] Offset commit failed on partition subtitles-{small}: the coordinator is "
        "loading, retried and committed",
        level="warn",
    )
    fx.surge(b, span, 1.2, ("/api/notifications",))
    fx.database(b, span, queryCount=(1.15, 0.0), activeConnections=(1.0, 1.0))
    return Told()


def failover_unfelt(b: Builder) -> Told:
    """The provider moves the database to its standby for a patch at night: four seconds, all of it tried again."""
    at_hour(b, 3.7)
    grey_library(b)
    provider_page(b, "db", "Aiven", "Maintenance update of pg-pitchey completed, no action needed", onward(b))
    told(
        b,
        "moved",
        "database",
        "aiven",
        9.0,
        Span(b.onset_ms, b.onset_ms + 70_000),
        "service pg-pitchey: node pg-pitchey-31 becomes primary, pg-pitchey-30 demoted (maintenance window)",
        "FATAL:  57P01: terminating connection due to administrator command (idle), opened again in {ms} ms",
        "transaction repeated after 25006 read_only_sql_transaction, committed at the 2nd try",
        level="warn",
    )
    fx.slow(
        b,
        Slow(
            key="moved",
            hits=fx.needing("database", 0.4),
            span=Span(b.onset_ms, b.onset_ms + 12_000),
            add_ms=420.0,
            service="database",
        ),
    )
    fx.database(b, Span(b.onset_ms, b.onset_ms + MINUTE), p99QueryTime=(1.6, 60.0))
    return Told()


def summer_time(b: Builder) -> Told:
    """The clocks of Europe change: an hour comes twice, jobs skip it or warn of it, and a table of zones is renewed."""
    at_hour(b, 1.4)
    span = around(b, 1.0)
    told(
        b,
        "zones",
        "scheduler",
        "cron",
        4.0,
        span,
        "02:30 Europe/Berlin occurs twice today, 'royalty-statement' runs at its first occurrence only",
        "next run of 'weekly-charts' would lie in the past (fold=1), moved by 3600 s",
        "job 'expire-previews' skipped: already ran for this local date",
        level="warn",
    )
    told(
        b,
        "zones elsewhere",
        "messaging",
        "calendar",
        2.0,
        span,
        "Temporal: ambiguous wall time for screening {id}, disambiguation=compatible used",
        "tzdata 2026b differs from ICU's 2026a (America/Asuncion), both kept",
        level="warning",
    )
    return Told()


def machine_moved(b: Builder) -> Told:
    """The host under one machine is exchanged while it runs: its clock jumps by a second, its kernel complains once."""
    at_hour(b, 12.2)
    fx.skew(b, "messaging", -1300, Span(b.onset_ms, b.onset_ms + 3 * MINUTE))
    told(
        b,
        "moved",
        "messaging",
        "kernel",
        10.0,
        Span(b.onset_ms, b.onset_ms + 3 * MINUTE),
        "clocksource: timekeeping watchdog on CPU1: Marking clocksource 'tsc' as unstable (large skew)",
        "rcu: INFO: rcu_sched self-detected stall on CPU ({small} ticks this GP)",
        "systemd-journald[288]: Time jumped backwards, rotating.",
        "systemd-timesyncd[402]: Contacted time server 185.125.190.58:123 (ntp.ubuntu.com).",
        level="warn",
    )
    audited(
        b, "live migration", b.onset_ms, "hoster: live migration of vm msg-2 finished, downtime 0.9 s (ticket H-88120)"
    )
    return Told()


def staging_load(b: Builder) -> Told:
    """We load the trial copy on its own host until it breaks, to know where it does; production carries on."""
    at_hour(b, 15.2)
    fx.deploy(b, "pitchey-staging", b.onset_ms - 6 * MINUTE, "load test of the queue branch")
    span = Span(b.onset_ms, b.now_ms + HOUR, ramp_s=600)
    audited(b, "load", b.onset_ms, "load test on api.stg.pitchey.example until 16:30 (miro), production excluded")
    told(
        b,
        "locust",
        "loadgen",
        "locust",
        14.0,
        span,
        "host=api.stg.pitchey.example users={waiting} rps={id} fail=3{small}% p95={slow_ms} ms (stage 4: break it)",
        "host=api.stg.pitchey.example CatchResponseError('503 expected above 400 users')",
        "Your selected spawn rate is very high (>100), and this is known to sometimes cause issues.",
        level="warning",
    )
    told(
        b,
        "staging itself",
        "api-stg",
        "server",
        9.0,
        span,
        "[stg] pool of 5 exhausted, request shed with 503 (load test)",
        "[stg] oom: worker 3 restarted, heap 510 MB of 512 MB (load test)",
    )
    return Told()


SCENARIOS = (
    calm("quiet_scheduled_backup", "The backup at its hour", scheduled_backup, onset_min=(6, 10)),
    calm("quiet_queue_drained", "A queue worked off", queue_drained, onset_min=(20, 40), beside=("clock_skew",)),
    calm("quiet_failover_unfelt", "A move that nobody felt", failover_unfelt, onset_min=(10, 25)),
    calm("quiet_summer_time", "An hour that comes twice", summer_time, beside=("noisy_neighbour",)),
    calm("quiet_machine_moved", "A machine moved while it ran", machine_moved, onset_min=(9, 20)),
    calm("quiet_staging_load", "A load on the trial copy", staging_load, onset_min=(16, 30)),
)
