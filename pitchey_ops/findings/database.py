"""How is the database, as PostgreSQL itself tells it, and as its metrics do where they see the window?"""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from ..models.finding import Finding, NotChecked, RuleResult, Severity, Signal
from ..models.observation import Unavailable
from ._compare import shift
from ._requests import spans
from .case import Case, observation_ids
from .latency import DATABASE
from .probes import own_network_down

RULE = "database"
SIGNALS = (
    "db_pool_saturated",
    "db_pool_free",
    "db_slow",
    "db_locks",
    "db_normal",
    "db_refused",
)
FREE_SHARE = 0.6
LONG_S = 10.0
"""A statement that runs this long is no user's request any more: the edge gives up sooner."""
LEAK_S = 60.0
"""Idle in transaction for so long: the application forgot the connection."""
LEAK_SHARE = 0.3
WAIT_S = 2.0
SCAN_ROWS = 10_000
"""Live rows from which reading a whole table matters."""
SCAN_SHARE = 0.5
SLOWER = 2.0
"""Mean statement time against before that counts as slow."""
Z_CLEAR = 4.0
ERROR_SHARE = 0.05
BEFORE_MIN, AFTER_MIN = 8, 5
"""Durations before and after a change, below which two medians say nothing."""

_SQLSTATE = re.compile(r"(?<![0-9A-Za-z])([0-9A-Z]{2}[0-9A-Z0]{3})(?=: )")
STATES = {
    "53300": ("db_pool_saturated", 1.0, "too many connections"),
    "57P03": ("db_refused", 1.0, "it is starting or shutting down"),
    "57P01": ("db_refused", 1.0, "it ended the connection"),
    "57P02": ("db_refused", 1.0, "it crashed"),
    "08006": ("db_refused", 0.9, "the connection broke"),
    "08001": ("db_refused", 0.9, "no connection could be made"),
    "08004": ("db_refused", 0.7, "it rejected the connection"),
}
"""SQLSTATE of a refusal -> signal, strength, words (PostgreSQL documentation, appendix A)."""
SAYINGS = (
    ("too many clients", "53300"),
    ("remaining connection slots", "53300"),
    ("too many connections", "53300"),
    ("starting up", "57P03"),
    ("shutting down", "57P03"),
    ("recovery mode", "57P03"),
    ("terminating connection", "57P01"),
)
"""A refusal while connecting comes without SQLSTATE through libpq; these are the server's own fixed words."""


def database(case: Case) -> RuleResult:
    """
    Report pool use, leaks, blocking chains, long statements and refusals.

    What PostgreSQL says of itself comes first and is of the moment of asking; it cannot lie about its own
    connections, but a replica or another database would be asked without notice if the address is wrong. The
    ``db.*`` metrics are looked at only where they see the time since the onset: in ordinary operation they are
    blind (trap 9), and ``summary.database`` stands still (trap 12), so a stale one never counts. The figures of
    ``/infra/health`` are constants and not looked at (trap 14). Empty answers of PostgreSQL mean that there is
    nobody (seen), those of APM mean nothing. `NotChecked` when no vantage point saw anything; late or cut
    answers only shorten what is compared.
    """
    found = [*_refused(case), *_connections(case), *_blocking(case), *_long(case), *_statements(case), *_scans(case)]
    direct = case.one("database/connections") is not None
    measured = [*_pool_metrics(case), *_query_metrics(case), *_spans(case)]
    found += measured
    if not found and not direct:
        return NotChecked(
            rule=RULE,
            because="neither the database itself nor its metrics were seen: "
            + case.why_missing("database/connections")
            + "; "
            + _why_metrics(case),
        )
    signals = {signal.name for finding in found for signal in finding.signals}
    trouble = signals - {"db_pool_free"}
    if not trouble and (direct or len(measured) >= 2):
        evidence = sorted({id_ for finding in found for id_ in finding.evidence})
        if direct:
            evidence = sorted({*evidence, *(o.id for o in case.seen("database"))})
        found.append(
            Finding(
                id=f"{RULE}/normal",
                rule=RULE,
                claim="The database answers, nothing waits for long and its figures are as before",
                severity=Severity.INFO,
                evidence=tuple(evidence[:12]),
                signals=(Signal(name="db_normal", strength=0.9 if direct else 0.8),),
            )
        )
    return found


def _refused(case: Case) -> list[Finding]:
    silent = [o for o in case.missing("database") if o.reason not in ("not_configured", "not_asked", "not_allowed")]
    if not silent or case.one("database") is not None:
        return []
    first: Unavailable = silent[0]
    match = _SQLSTATE.search(first.detail)
    state = match.group(1) if match else ""
    if state not in STATES:
        words = first.detail.lower()
        state = next((code for text, code in SAYINGS if text in words), state)
    if state not in STATES and own_network_down(case):
        return []
    if state in STATES:  # the server itself spoke, so there is a network
        signal, strength, meaning = STATES[state]
        claim = f"The database refuses our connection: {meaning} (SQLSTATE {state})"
        signals: tuple[Signal, ...] = (Signal(name=signal, strength=strength),)
    elif first.reason == "refused":
        claim = "The database rejects our own read-only login: that may be our secret alone, or the platform's, too"
        signals = ()
    elif first.reason == "timeout":
        claim = "The database gave no answer in time"
        signals = (Signal(name="db_slow", strength=0.4),)
    else:
        claim = "The database cannot be reached from here"
        signals = (Signal(name="db_refused", strength=0.7),) if first.reason == "unreachable" else ()
    return [
        Finding(
            id=f"{RULE}/refused",
            rule=RULE,
            claim=claim,
            severity=Severity.CRITICAL if signals else Severity.WARNING,
            at=first.at,
            evidence=tuple(o.id for o in silent[:6]),
            signals=signals,
            data={"sqlstate": state or None, "reason": first.reason},
        )
    ]


def _rows(case: Case, statement: str) -> tuple[pl.DataFrame, str, Any] | None:
    seen = case.one(f"database/{statement}")
    return None if seen is None else (seen.value.rows, seen.id, seen.at)


def _connections(case: Case) -> list[Finding]:
    got = _rows(case, "connections")
    if got is None or got[0].is_empty():
        return []
    row, evidence, at = got[0].row(0, named=True), got[1], got[2]
    usable = max(1, (row["max_connections"] or 0) - (row["reserved_connections"] or 0))
    used, idle_in = row["connections"] or 0, row["idle_in_transaction"] or 0
    share = used / usable
    limit = case.settings.thresholds.db_pool_share
    data = {**row, "usable_connections": usable, "used_share": share}
    found = []
    if share >= limit:
        signals: tuple[Signal, ...] = (Signal(name="db_pool_saturated"),)
    elif share <= FREE_SHARE:
        signals = (Signal(name="db_pool_free"),)
    else:
        signals = ()
    found.append(
        Finding(
            id=f"{RULE}/connections",
            rule=RULE,
            claim=f"{used} of {usable} connections are taken ({share:.0%}): {row['active']} active, {row['idle']} idle,"
            f" {idle_in} idle in transaction",
            severity=Severity.CRITICAL if share >= limit else Severity.INFO,
            at=at,
            evidence=(evidence,),
            signals=signals,
            data=data,
        )
    )
    return found + _leaks(case, usable)


def _leaks(case: Case, usable: int) -> list[Finding]:
    got = _rows(case, "activity")
    if got is None:
        return []
    table, evidence, at = got
    leaked = table.filter(
        pl.col("state").str.starts_with("idle in transaction").fill_null(value=False) & (pl.col("in_state_s") >= LEAK_S)
    )
    if leaked.is_empty():
        return []
    by_application = (
        leaked.group_by(pl.col("application").fill_null("(unnamed)"))
        .agg(pl.len().alias("connections"), pl.col("transaction_s").max().alias("oldest_s"))
        .sort(["connections", "application"], descending=[True, False])
    )
    oldest = _number(leaked.get_column("transaction_s").max())
    worst = by_application.row(0, named=True)
    many = leaked.height / usable >= LEAK_SHARE
    return [
        Finding(
            id=f"{RULE}/leaks",
            rule=RULE,
            claim=f"{leaked.height} connections sit idle in a transaction, the oldest for {oldest:,.0f} s,"
            f" {worst['connections']} of them of “{worst['application']}”",
            severity=Severity.CRITICAL if many else Severity.WARNING,
            at=at,
            evidence=(evidence,),
            signals=(Signal(name="db_pool_saturated", strength=0.6),) if many else (),
            data={"by_application": by_application.head(20).to_dicts(), "oldest_s": oldest},
        )
    ]


def _blocking(case: Case) -> list[Finding]:
    got = _rows(case, "blocking")
    if got is None or got[0].is_empty():
        return []
    table, evidence, at = got
    waiting = table.filter(pl.col("waiting_s").fill_null(0.0) >= WAIT_S)
    if waiting.is_empty():
        return []
    n = waiting.get_column("pid").n_unique()
    roots = (
        waiting.filter(pl.col("is_root"))
        .group_by("blocked_by")
        .agg(
            pl.col("pid").n_unique().alias("holds_up"),
            pl.col("blocker_state").first(),
            pl.col("blocker_application").first(),
            pl.col("blocker_transaction_s").max(),
            pl.col("blocker_statement").first(),
        )
        .sort(["holds_up", "blocked_by"], descending=[True, False])
    )
    longest = _number(waiting.get_column("waiting_s").max())
    root = roots.row(0, named=True) if roots.height else None
    words = (
        f"; process {root['blocked_by']} ({root['blocker_state'] or 'unknown'}, “{root['blocker_application'] or ''}”)"
        " is at the head"
        if root
        else ""
    )
    return [
        Finding(
            id=f"{RULE}/blocking",
            rule=RULE,
            claim=f"{n} statements wait for locks of others, the longest for {longest:,.0f} s{words}",
            severity=Severity.CRITICAL if n >= 3 or longest >= LEAK_S else Severity.WARNING,
            at=at,
            evidence=(evidence,),
            signals=(Signal(name="db_locks", strength=min(1.0, 0.6 + 0.1 * n + min(0.2, longest / 100))),),
            data={"waiting": n, "longest_s": longest, "roots": roots.head(10).to_dicts()},
        )
    ]


def _long(case: Case) -> list[Finding]:
    got = _rows(case, "activity")
    if got is None:
        return []
    table, evidence, at = got
    running = table.filter(
        (pl.col("state") == "active")
        & (pl.col("statement_s") >= LONG_S)
        & (pl.col("wait_type").fill_null("") != "Lock")
    )
    if running.is_empty():
        return []
    longest = _number(running.get_column("statement_s").max())
    return [
        Finding(
            id=f"{RULE}/long",
            rule=RULE,
            claim=f"{running.height} statements have been running for more than {LONG_S:.0f} s,"
            f" the longest for {longest:,.0f} s",
            severity=Severity.WARNING,
            at=at,
            evidence=(evidence,),
            signals=(Signal(name="db_slow", strength=min(1.0, 0.5 + 0.15 * running.height)),),
            data={
                "statements": running.select("pid", "application", "statement_s", "wait_type", "statement")
                .head(20)
                .to_dicts()
            },
        )
    ]


def _statements(case: Case) -> list[Finding]:
    """Slow statements since statistics were reset: no sign of now, so no signal."""
    got = _rows(case, "statements")
    if got is None:
        return []
    limit = case.settings.thresholds.slow_statement_ms
    slow = got[0].filter((pl.col("mean_ms") >= limit) & (pl.col("calls") >= 2))
    if slow.is_empty():
        return []
    worst = slow.row(0, named=True)
    return [
        Finding(
            id=f"{RULE}/statements",
            rule=RULE,
            claim=f"{slow.height} statements take more than {limit:,.0f} ms on average since statistics were reset;"
            f" the slowest {worst['mean_ms']:,.0f} ms over {worst['calls']} calls",
            severity=Severity.INFO,
            evidence=(got[1],),
            data={"statements": slow.head(20).to_dicts()},
        )
    ]


def scanned(table: pl.DataFrame) -> pl.DataFrame:
    """Return large tables that are mostly read as a whole: candidates for an index, most rows read first."""
    scans = pl.col("sequential_scans").fill_null(0)
    return (
        table.filter((pl.col("live_rows") >= SCAN_ROWS) & (scans >= 5))
        .with_columns(
            scan_share=scans / (scans + pl.col("index_scans").fill_null(0)),
            rows_a_scan=pl.col("rows_read_by_scan") / scans,
        )
        .filter((pl.col("scan_share") >= SCAN_SHARE) & (pl.col("rows_a_scan") >= SCAN_ROWS / 2))
        .sort(["rows_read_by_scan", "table_name"], descending=[True, False])
    )


def _scans(case: Case) -> list[Finding]:
    """Tables read as a whole: a standing condition, so no signal."""
    got = _rows(case, "scans")
    if got is None:
        return []
    candidates = scanned(got[0])
    if candidates.is_empty():
        return []
    worst = candidates.row(0, named=True)
    return [
        Finding(
            id=f"{RULE}/scans",
            rule=RULE,
            claim=f"{candidates.height} large tables are mostly read as a whole; “{worst['table_name']}”"
            f" {worst['sequential_scans']:,} times, {worst['rows_a_scan']:,.0f} rows each",
            severity=Severity.INFO,
            evidence=(got[1],),
            data={"tables": candidates.head(20).to_dicts()},
        )
    ]


def _pool_metrics(case: Case) -> list[Finding]:
    _, _, after_start, after_end = spans(case)
    metrics = case.frames.metrics.filter(pl.col("at").is_between(after_start, after_end))
    active = metrics.filter(pl.col("name") == "db.active_connections")
    size = metrics.filter(pl.col("name") == "db.connection_pool_size").get_column("value").max()
    if active.height >= 3 and isinstance(size, float) and size > 0:
        share = float(active.get_column("value").quantile(0.75, "linear") or 0.0) / size
        source, evidence = "its metrics", observation_ids(active)
    else:
        summary = case.one("apm/summary")
        post = summary.value.database if summary is not None else None
        if post is None or post.stale or not post.pool_size or post.active is None or summary is None:
            return []
        share, source, evidence = post.active / post.pool_size, "its newest post", (summary.id,)
    limit = case.settings.thresholds.db_pool_share
    full = share >= limit
    signals: tuple[Signal, ...] = ()
    if full:
        signals = (Signal(name="db_pool_saturated", strength=0.9),)
    elif share <= FREE_SHARE:
        signals = (Signal(name="db_pool_free", strength=0.9),)
    return [
        Finding(
            id=f"{RULE}/pool",
            rule=RULE,
            claim=f"{share:.0%} of the connection pool is in use since {after_start:%H:%M} UTC, by {source}",
            severity=Severity.CRITICAL if full else Severity.INFO,
            at=after_start if full else None,
            evidence=evidence,
            signals=signals,
            data={"used_share": share},
        )
    ]


def _query_metrics(case: Case) -> list[Finding]:
    metrics = case.frames.metrics
    if metrics.is_empty():
        return []
    times = metrics.filter(pl.col("name") == "db.query_time.avg").select(
        "at", "value", pl.lit("").alias("group"), "observation"
    )
    found = _slower(case, times, "statements take", "metrics", "query-time")
    before_start, before_end, after_start, after_end = spans(case)
    rates = metrics.filter(pl.col("name") == "db.error_rate")
    later = rates.filter(pl.col("at").is_between(after_start, after_end)).get_column("value")
    earlier = rates.filter(pl.col("at").is_between(before_start, before_end)).get_column("value")
    if later.len() >= 3:
        share = float(later.quantile(0.75, "linear") or 0.0)
        was = float(earlier.median() or 0.0) if earlier.len() else 0.0  # type: ignore[arg-type]
        bad = share >= ERROR_SHARE and share >= 5 * was
        found.append(
            Finding(
                id=f"{RULE}/error-rate",
                rule=RULE,
                claim=f"{share:.1%} of statements fail by the database's metrics ({was:.1%} before)",
                severity=Severity.WARNING if bad else Severity.INFO,
                at=after_start if bad else None,
                evidence=observation_ids(rates),
                signals=(Signal(name="db_refused", strength=0.3 if share < 0.5 else 0.6),) if bad else (),
                data={"share": share, "share_before": was},
            )
        )
    return found


def _spans(case: Case) -> list[Finding]:
    calls = case.frames.spans.filter(pl.col("service").str.to_lowercase().is_in(list(DATABASE)))
    points = calls.select("at", pl.col("duration_ms").alias("value"), pl.col("operation").alias("group"), "observation")
    logged = case.frames.logs.filter(
        pl.col("service").str.to_lowercase().is_in(list(DATABASE)) & (pl.col("duration_ms") >= 0)
    ).select(
        "at",
        pl.col("duration_ms").alias("value"),
        pl.coalesce("component", pl.lit("")).alias("group"),
        "observation",
    )
    return [
        *_slower(case, points, "calls to it take", "spans", "spans"),
        *_slower(case, logged, "its own entries tell of", "logs", "log-durations"),
    ]


def _slower(case: Case, points: pl.DataFrame, words: str, vantage: str, key: str) -> list[Finding]:
    if points.height < BEFORE_MIN + AFTER_MIN:
        return []
    before_start, before_end, after_start, after_end = spans(case)
    moved = shift(points, (before_start, before_end), (after_start, after_end))
    if moved.n_before < BEFORE_MIN or moved.n_after < AFTER_MIN:
        return []
    kept = points.filter(pl.col("value").is_finite())
    later = kept.filter(pl.col("at").is_between(after_start, after_end)).get_column("value")
    earlier = kept.filter(pl.col("at").is_between(before_start, before_end)).get_column("value")
    now, was = (float(v.median() or 0.0) for v in (later, earlier))  # type: ignore[arg-type]
    bad = moved.z >= Z_CLEAR and now >= SLOWER * max(was, 1.0)
    return [
        Finding(
            id=f"{RULE}/{key}",
            rule=RULE,
            claim=f"Database: {words} {now:,.0f} ms (median, by {vantage}), {was:,.0f} ms before",
            severity=Severity.WARNING if bad else Severity.INFO,
            at=after_start if bad else None,
            evidence=observation_ids(points.filter(pl.col("at") >= after_start)),
            signals=(Signal(name="db_slow", strength=min(1.0, 0.5 + now / max(was, 1.0) / 20)),) if bad else (),
            data={"median_ms": now, "median_before_ms": was, "vantage": vantage},
        )
    ]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _why_metrics(case: Case) -> str:
    seen = case.observations.get("apm/metrics/db.active_connections")
    return seen.detail if seen is not None and seen.detail else case.why_missing("apm/metrics/db.active_connections")
