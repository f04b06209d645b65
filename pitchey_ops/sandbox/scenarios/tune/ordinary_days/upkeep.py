"""Days on which machines and keys are looked after, in the machines' own loud words, and nothing is wrong."""

from .... import effects as fx
from ....builder import DAY, HOUR, MINUTE, Builder, Span
from ....scenario import Told
from ._parts import at_hour, audited, calm, onward, phone_in_tunnel, retired_check, told, usual_guessers


def replica_rebuilt(b: Builder) -> Told:
    """A standby that serves nobody fell behind and is built anew; the leader copies, vacuums and serves as ever."""
    at_hour(b, 9.7)
    audited(b, "rebuild", b.onset_ms - 3 * MINUTE, "patronictl reinit pitchey db-3 (out of rotation since yesterday)")
    told(
        b,
        "standby",
        "database",
        "db-3",
        3.0,
        Span(b.onset_ms - 2 * HOUR, b.onset_ms + 6 * MINUTE),
        "db-3: FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment "
        "00000007000001A2000000F1 has already been removed",
        "db-3: waiting for WAL to become available at 1A2/F1000018",
    )
    told(
        b,
        "standby built",
        "database",
        "db-3",
        2.5,
        onward(b),
        "db-3: pg_basebackup: 18{id}34/48211000 kB ({n}%), 0/1 tablespace",
        "db-3: FATAL:  the database system is starting up",
        "db-3: LOG:  invalid record length at 1A3/2C000060: expected at least 24, got 0",
        level="warn",
    )
    told(
        b,
        "vacuum",
        "database",
        "maintenance",
        2.0,
        b.always(),
        'automatic vacuum of table "pitchey.public.{table}": index scans: 1, tuples: {size} removed, 0 are dead but '
        "not yet removable",
        'automatic analyze of table "pitchey.public.{table}": elapsed: {small}.2 s',
        "LOG:  checkpoints are occurring too frequently (2{small} seconds apart)",
        level="info",
    )
    fx.database(b, Span(b.onset_ms, b.onset_ms + 40 * MINUTE), activeConnections=(1.0, 1.0))
    return Told()


def clock_stepped(b: Builder) -> Told:
    """One machine's clock was two seconds ahead and is put right; tokens from the future are let through, as meant."""
    at_hour(b, 12.6)
    fx.skew(b, "analytics", 2100, Span(b.onset_ms - 9 * HOUR, b.onset_ms))
    told(
        b,
        "before the step",
        "analytics",
        "flush",
        2.0,
        Span(b.onset_ms - 9 * HOUR, b.onset_ms),
        "event from the future by 2{small}0{small} ms, kept with the time of arrival",
        "token used before issued (iat), within the leeway of 5 s",
        level="warn",
    )
    told(
        b,
        "step",
        "infra",
        "chronyd",
        4.0,
        Span(b.onset_ms, b.onset_ms + 2 * MINUTE),
        "chronyd[611]: System clock wrong by -2.103118 seconds",
        "chronyd[611]: System clock was stepped by -2.103118 seconds",
        "systemd[1]: Time has been changed",
        "chronyd[611]: Can't synchronise: no majority",
        "chronyd[611]: Selected source 162.159.200.123 (time.cloudflare.com)",
        level="warn",
    )
    return Told()


def signing_keys(b: Builder) -> Told:
    """The key that signs sessions is changed by the book: the new one signs, the old one still holds, all get in."""
    at_hour(b, 8.6)
    usual_guessers(b)
    audited(
        b,
        "keys rotated",
        b.onset_ms,
        "signing key rotated (quarterly): kid 2026-11b signs, kid 2026-08a verifies for 7 more days (dana)",
        "JWKS published with 2 keys",
    )
    told(
        b,
        "keys",
        "auth",
        "jwks",
        9.0,
        onward(b),
        "kid 2026-11b not in the local JWKS, fetched again in {ms} ms, token accepted",
        "token of {user} is signed with the previous key 2026-08a, accepted and issued anew",
        "jwks: cache invalidated, 2 keys",
        level="warn",
    )
    return Told()


def unused_service(b: Builder) -> Told:
    """A picture service that nothing has called since the summer comes up, falls over and comes up again, all week."""
    at_hour(b, 18.4)
    retired_check(b)
    week = b.always()
    told(
        b,
        "unused",
        "thumbnailer-v1",
        "kubelet",
        7.0,
        Span(week.start_ms, week.end_ms, 0.0, 1800.0, 700.0),
        "Readiness probe failed: HTTP probe failed with statuscode: 503 (requests in 24 h: 0)",
        "Back-off restarting failed container thumbnailer in pod thumbnailer-v1-6d9f7c5b8-x2kqp",
        'Liveness probe failed: Get "http://10.42.3.18:8080/healthz": context deadline exceeded',
    )
    told(
        b,
        "unused too",
        "monitoring",
        "checks",
        0.5,
        week,
        "check thumbnailer-v1 changed UP -> DOWN -> UP (no dependants, removal planned: OPS-611)",
        level="warn",
    )
    return Told()


def nothing_to_do(b: Builder) -> Told:
    """Scheduled jobs find nothing to do and say so in words that sound like failure; the certificate is new as well."""
    at_hour(b, 4.6)
    phone_in_tunnel(b)
    start = b.always().start_ms
    told(
        b,
        "idle jobs",
        "scheduler",
        "cron",
        6.0,
        Span(start, b.now_ms + DAY, 0.0, 300.0, 40.0),
        "purge-drafts: 0 rows affected, nothing to do",
        "retry-dead-letters: queue is empty, exit status 3 (EMPTY is not an error)",
        "reconcile-payouts: no differences, skipped",
        "run of rotate-media-keys skipped: previous key is younger than 90 days",
        level="warn",
    )
    told(
        b,
        "renewed",
        "infra",
        "acme",
        4.0,
        Span(b.onset_ms, b.onset_ms + 4 * MINUTE),
        "lego: [media.pitchey.example] acme: Trying renewal with 507 hours remaining",
        "lego: [media.pitchey.example] acme: use dns-01 solver, waiting for DNS record propagation",
        "lego: [media.pitchey.example] Server responded with a certificate.",
        level="info",
    )
    return Told()


SCENARIOS = (
    calm("day_replica_rebuilt", "A standby built anew", replica_rebuilt, onset_min=(15, 30)),
    calm("day_clock_stepped", "A clock put right", clock_stepped, onset_min=(12, 25), beside=("noisy_neighbour",)),
    calm("day_signing_keys", "A signing key changed by the book", signing_keys, onset_min=(20, 40)),
    calm("day_unused_service", "A service that nobody calls", unused_service, beside=("busy_evening",)),
    calm("day_nothing_to_do", "Jobs with nothing to do", nothing_to_do, onset_min=(10, 25), beside=("clock_skew",)),
)
