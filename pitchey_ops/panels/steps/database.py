"""Panels about the database, from the server itself wherever that is configured."""

from __future__ import annotations

import polars as pl

from ..base import Cell, Column, Panel, Table, no_data
from ..charts.latency import Series, measure_over_time
from ..view import View
from . import platform
from ._tables import claims, frame_panel, server_table, told, with_notes


def pool(view: View) -> Panel:
    """Show the pool: now from the server, over time from metrics where they see the window."""
    panel = platform.db_pool(view)
    found = told(view, "database", "connections", "pool", "leaks", "refused")
    return with_notes(panel, *(f.claim for f in found[:3]))


def metrics(view: View) -> Panel:
    """Show statement time and error rate over time; the written GET never works and is not asked."""
    frame = view.case.frames.metrics.filter(pl.col("at") >= view.case.window.start)
    series = [
        Series(name=words, frame=frame.filter(pl.col("name") == name).select("at", "value"))
        for name, words in (("db.query_time.avg", "mean statement time"),)
    ]
    panel = measure_over_time(
        "database-metrics",
        "What do the database's metrics say?",
        series,
        view.marks,
        what="statement time",
        unit="ms",
        why_empty=view.why_not("database") or view.why_unseen("apm"),
    )
    stale = view.case.one("apm/summary")
    note = ""
    if stale is not None and stale.value.database is not None and stale.value.database.stale:
        age = stale.value.database.age_s
        note = "The summary's database figures stand still" + ("" if age is None else f" for {age / 3600:,.1f} h now")
    return with_notes(panel, note, *(f.claim for f in told(view, "database", "error-rate", "query-time")))


def leaks(view: View) -> Panel:
    """Show connections that sit idle in a transaction, by application, oldest first."""
    question = "Who holds connections without using them?"
    table = server_table(view, "activity")
    if table is None:
        return no_data("leaks", question, view.why_unseen("database"), what="connections")
    idle = table.filter(pl.col("state").str.starts_with("idle in transaction").fill_null(value=False))
    found = told(view, "database", "leaks")
    if idle.is_empty():
        return Panel(
            id="leaks",
            question=question,
            title=f"None of {table.height} connections is idle in a transaction",
            sentence="As the server saw it at the moment of asking.",
        )
    return frame_panel(
        "leaks",
        question,
        idle.sort("in_state_s", descending=True).select(
            "pid", "application", "user_name", "address", "state", "in_state_s", "transaction_s", "statement"
        ),
        title=found[0].claim if found else f"{idle.height} connections are idle in a transaction, none for long",
        sentence="Idle in transaction for longer than a minute means that the application forgot the connection.",
    )


def slow_queries(view: View) -> Panel:
    """Show blocking chains and long statements; then what statistics say of slow ones and of indexes."""
    question = "What is slow, and who waits for whom?"
    blocking = server_table(view, "blocking")
    found = told(view, "database", "blocking", "long", "statements", "scans", "spans", "query-time", "log-durations")
    if blocking is None or blocking.is_empty():
        panel = claims(view, "slow-queries", question, found, rules=("database",), what="slow or waiting statements")
        return with_notes(panel, *(f.claim for f in told(view, "kinds", "db-slow", "db-locks")))
    panel = frame_panel(
        "slow-queries",
        question,
        blocking.select(
            "pid", "blocked_by", "is_root", "waiting_s", "blocker_state", "blocker_transaction_s",
            "blocker_application", "statement", "blocker_statement",
        ),
        title=next((f.claim for f in found if f.id.endswith("/blocking")), f"{blocking.height} waits for locks"),
        sentence="Each row waits for the process beside it; a root waits for nobody, and ending it frees the chain.",
    )  # fmt: skip
    return with_notes(panel, *(f.claim for f in found if not f.id.endswith("/blocking")))


def capacity(view: View) -> Panel:
    """Show connections, size, cache hit and replicas."""
    question = "How much room is left?"
    rows: list[tuple[Cell, ...]] = []
    connections, totals = server_table(view, "connections"), server_table(view, "totals")
    if connections is not None and connections.height:
        row = connections.row(0, named=True)
        rows.append(("connections", f"{row['connections']} of {row['max_connections']}"))
    if totals is not None and totals.height:
        row = totals.row(0, named=True)
        hit = row["cache_hit_share"]
        rows += [
            ("size of the database", f"{(row['database_bytes'] or 0) / 2**20:,.0f} MB"),
            ("read from its cache", "unknown" if hit is None else f"{hit:.1%}"),
            ("deadlocks since statistics were reset", row["deadlocks"]),
            (
                "rolled back transactions",
                f"{row['rollbacks']:,} of {(row['commits'] or 0) + (row['rollbacks'] or 0):,}",
            ),
            ("server up for", f"{(row['server_up_s'] or 0) / 3600:,.1f} h"),
            ("a replica", "yes" if row["is_replica"] else "no"),
        ]
    sizes = server_table(view, "sizes")
    if sizes is not None:
        rows += [
            (f"table {row['table_name']}", f"{(row['total_bytes'] or 0) / 2**20:,.1f} MB, {row['live_rows']:,} rows")
            for row in sizes.head(8).iter_rows(named=True)
        ]
    replicas = server_table(view, "replication")
    if replicas is not None:
        rows.append(("replicas", "none" if replicas.is_empty() else ""))
        rows += [
            (f"replica {row['replica']}", f"{row['state']}, lag {row['replay_lag_s'] or 0:,.1f} s")
            for row in replicas.head(8).iter_rows(named=True)
        ]
    elif any(True for _ in view.case.seen("database/replication")):
        rows.append(("replicas", "none"))
    if not rows:
        return no_data("capacity", question, view.why_unseen("database"), what="capacity of the database")
    return Panel(
        id="capacity",
        question=question,
        title=f"{rows[0][1]} {rows[0][0]} are in use" if rows[0][0] == "connections" else "Sizes were read",
        sentence="As the server itself counts, at the moment of asking; growth shows between two runs.",
        table=Table(
            columns=(Column(name="what", telemetry=True), Column(name="figure", telemetry=True)), rows=tuple(rows)
        ),
    )
