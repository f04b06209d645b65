"""
The database itself: named read-only statements, each with the columns of its answer.

The transport runs them in read-only transactions with a statement time-out. All statements order their rows
and limit them; none takes a parameter, so nothing from an answer ever becomes part of one. Ages and times are
computed by the server, against its own clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ..errors import BadPayload, NotConfigured
from ..models.exchange import Exchange, Question
from ..models.observation import Coverage, Observation
from ..models.window import Window
from ..settings import Settings
from .channel import Channel
from .reading import (
    Reading,
    answer,
    asked,
    excerpt,
    loads,
    not_configured,
    number,
    observation_id,
    observed,
    text_of,
)

NAME = "database"

Columns = Mapping[str, pl.DataType | type[pl.DataType]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """
    One question to PostgreSQL (13 or newer).

    Attributes
    ----------
    columns
        Names and types of its answer: Int64, Float64, String or Boolean. Units stand in names.
    limit
        Rows that it asks for at most; an answer with as many is cut. 0 for no limit.
    optional
        SQLSTATE that means "this server does not offer it": then the statement is ``not_configured``.
    """

    sql: str
    columns: Columns
    limit: int = 0
    optional: tuple[str, ...] = ()


STATEMENTS: Mapping[str, Statement] = {
    "activity": Statement(
        sql="""
select pid::bigint as pid, usename::text as user_name, application_name::text as application,
 client_addr::text as address, state::text as state, wait_event_type::text as wait_type,
 wait_event::text as wait_event, extract(epoch from now() - backend_start)::float8 as connected_s,
 extract(epoch from now() - xact_start)::float8 as transaction_s,
 extract(epoch from now() - query_start)::float8 as statement_s,
 extract(epoch from now() - state_change)::float8 as in_state_s,
 left(query, 2000)::text as statement
from pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid()
order by xact_start asc nulls last, pid
limit 500""",
        columns={
            "pid": pl.Int64,
            "user_name": pl.String,
            "application": pl.String,
            "address": pl.String,
            "state": pl.String,
            "wait_type": pl.String,
            "wait_event": pl.String,
            "connected_s": pl.Float64,
            "transaction_s": pl.Float64,
            "statement_s": pl.Float64,
            "in_state_s": pl.Float64,
            "statement": pl.String,
        },
        limit=500,
    ),
    "connections": Statement(
        sql="""
select current_setting('max_connections')::bigint as max_connections,
 (current_setting('superuser_reserved_connections'))::bigint as reserved_connections,
 count(*)::bigint as connections,
 count(*) filter (where state = 'active')::bigint as active,
 count(*) filter (where state = 'idle')::bigint as idle,
 count(*) filter (where state like 'idle in transaction%')::bigint as idle_in_transaction,
 count(*) filter (where wait_event_type = 'Lock')::bigint as waiting_for_lock,
 (max(extract(epoch from now() - xact_start)) filter (where xact_start is not null))::float8
  as oldest_transaction_s
from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()""",
        columns={
            "max_connections": pl.Int64,
            "reserved_connections": pl.Int64,
            "connections": pl.Int64,
            "active": pl.Int64,
            "idle": pl.Int64,
            "idle_in_transaction": pl.Int64,
            "waiting_for_lock": pl.Int64,
            "oldest_transaction_s": pl.Float64,
        },
    ),
    "blocking": Statement(
        sql="""
select waiting.pid::bigint as pid, blocker.pid::bigint as blocked_by,
 waiting.wait_event::text as wait_event, blocker.state::text as blocker_state,
 extract(epoch from now() - waiting.state_change)::float8 as waiting_s,
 extract(epoch from now() - blocker.xact_start)::float8 as blocker_transaction_s,
 (cardinality(pg_blocking_pids(blocker.pid)) = 0) as is_root,
 waiting.application_name::text as application, blocker.application_name::text as blocker_application,
 left(waiting.query, 2000)::text as statement,
 left(blocker.query, 2000)::text as blocker_statement
from pg_stat_activity as waiting
cross join lateral unnest(pg_blocking_pids(waiting.pid)) as held(pid)
join pg_stat_activity as blocker on blocker.pid = held.pid
order by waiting_s desc nulls last, waiting.pid, blocker.pid
limit 200""",
        columns={
            "pid": pl.Int64,
            "blocked_by": pl.Int64,
            "wait_event": pl.String,
            "blocker_state": pl.String,
            "waiting_s": pl.Float64,
            "blocker_transaction_s": pl.Float64,
            "is_root": pl.Boolean,
            "application": pl.String,
            "blocker_application": pl.String,
            "statement": pl.String,
            "blocker_statement": pl.String,
        },
        limit=200,
    ),
    "locks": Statement(
        sql="""
select locktype::text as lock_type, mode::text as mode, relation::regclass::text as relation,
 count(*) filter (where granted)::bigint as granted, count(*) filter (where not granted)::bigint as waiting
from pg_locks where pid <> pg_backend_pid()
 and (database is null or database = (select oid from pg_database where datname = current_database()))
group by 1, 2, 3 order by waiting desc, granted desc, 1, 2, 3
limit 200""",
        columns={
            "lock_type": pl.String,
            "mode": pl.String,
            "relation": pl.String,
            "granted": pl.Int64,
            "waiting": pl.Int64,
        },
        limit=200,
    ),
    "statements": Statement(
        sql="""
select left(query, 2000)::text as statement, calls::bigint as calls,
 total_exec_time::float8 as total_ms, mean_exec_time::float8 as mean_ms, max_exec_time::float8 as max_ms,
 rows::bigint as returned_rows, shared_blks_hit::bigint as blocks_hit, shared_blks_read::bigint as blocks_read
from pg_stat_statements
where dbid = (select oid from pg_database where datname = current_database())
order by mean_exec_time desc, queryid
limit 100""",
        columns={
            "statement": pl.String,
            "calls": pl.Int64,
            "total_ms": pl.Float64,
            "mean_ms": pl.Float64,
            "max_ms": pl.Float64,
            "returned_rows": pl.Int64,
            "blocks_hit": pl.Int64,
            "blocks_read": pl.Int64,
        },
        limit=100,
        optional=("42P01", "42703", "55000"),
    ),
    "scans": Statement(
        sql="""
select schemaname::text as schema_name, relname::text as table_name, seq_scan::bigint as sequential_scans,
 seq_tup_read::bigint as rows_read_by_scan, coalesce(idx_scan, 0)::bigint as index_scans,
 n_live_tup::bigint as live_rows, n_dead_tup::bigint as dead_rows,
 pg_relation_size(relid)::bigint as table_bytes,
 extract(epoch from now() - greatest(last_vacuum, last_autovacuum))::float8 as vacuumed_ago_s,
 extract(epoch from now() - greatest(last_analyze, last_autoanalyze))::float8 as analyzed_ago_s
from pg_stat_user_tables
order by seq_tup_read desc, schemaname, relname
limit 200""",
        columns={
            "schema_name": pl.String,
            "table_name": pl.String,
            "sequential_scans": pl.Int64,
            "rows_read_by_scan": pl.Int64,
            "index_scans": pl.Int64,
            "live_rows": pl.Int64,
            "dead_rows": pl.Int64,
            "table_bytes": pl.Int64,
            "vacuumed_ago_s": pl.Float64,
            "analyzed_ago_s": pl.Float64,
        },
        limit=200,
    ),
    "unused_indexes": Statement(
        sql="""
select used.schemaname::text as schema_name, used.relname::text as table_name,
 used.indexrelname::text as index_name, pg_relation_size(used.indexrelid)::bigint as index_bytes
from pg_stat_user_indexes as used join pg_index as declared using (indexrelid)
where used.idx_scan = 0 and not declared.indisunique and not declared.indisprimary
order by index_bytes desc, 1, 2, 3
limit 100""",
        columns={
            "schema_name": pl.String,
            "table_name": pl.String,
            "index_name": pl.String,
            "index_bytes": pl.Int64,
        },
        limit=100,
    ),
    "sizes": Statement(
        sql="""
select schemaname::text as schema_name, relname::text as table_name,
 pg_total_relation_size(relid)::bigint as total_bytes, n_live_tup::bigint as live_rows,
 pg_database_size(current_database())::bigint as database_bytes
from pg_stat_user_tables order by total_bytes desc, 1, 2
limit 50""",
        columns={
            "schema_name": pl.String,
            "table_name": pl.String,
            "total_bytes": pl.Int64,
            "live_rows": pl.Int64,
            "database_bytes": pl.Int64,
        },
        limit=50,
    ),
    "totals": Statement(
        sql="""
select pg_database_size(current_database())::bigint as database_bytes,
 blks_hit::bigint as blocks_hit, blks_read::bigint as blocks_read,
 case when blks_hit + blks_read > 0 then blks_hit::float8 / (blks_hit + blks_read) end as cache_hit_share,
 xact_commit::bigint as commits, xact_rollback::bigint as rollbacks, deadlocks::bigint as deadlocks,
 temp_bytes::bigint as temp_bytes, conflicts::bigint as conflicts,
 extract(epoch from now() - stats_reset)::float8 as counted_for_s,
 extract(epoch from now() - pg_postmaster_start_time())::float8 as server_up_s,
 pg_is_in_recovery() as is_replica
from pg_stat_database where datname = current_database()""",
        columns={
            "database_bytes": pl.Int64,
            "blocks_hit": pl.Int64,
            "blocks_read": pl.Int64,
            "cache_hit_share": pl.Float64,
            "commits": pl.Int64,
            "rollbacks": pl.Int64,
            "deadlocks": pl.Int64,
            "temp_bytes": pl.Int64,
            "conflicts": pl.Int64,
            "counted_for_s": pl.Float64,
            "server_up_s": pl.Float64,
            "is_replica": pl.Boolean,
        },
    ),
    "settings": Statement(
        sql="""
select name::text as name, setting::text as setting, unit::text as unit
from pg_settings
where name in ('max_connections', 'shared_buffers', 'work_mem', 'effective_cache_size', 'deadlock_timeout',
 'autovacuum', 'server_version')
order by name""",
        columns={"name": pl.String, "setting": pl.String, "unit": pl.String},
    ),
    "replication": Statement(
        sql="""
select application_name::text as replica, state::text as state, sync_state::text as sync_state,
 extract(epoch from replay_lag)::float8 as replay_lag_s,
 case when pg_is_in_recovery() then null
  else pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8 end as behind_bytes
from pg_stat_replication order by behind_bytes desc nulls last, application_name
limit 50""",
        columns={
            "replica": pl.String,
            "state": pl.String,
            "sync_state": pl.String,
            "replay_lag_s": pl.Float64,
            "behind_bytes": pl.Float64,
        },
        limit=50,
    ),
}
"""Every statement that is ever sent, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlTable:
    """Rows of one statement, in the server's order; columns as declared in `STATEMENTS`."""

    name: str
    rows: pl.DataFrame


class Database:
    """Read-only statements against PostgreSQL; ``not_configured`` without ``PITCHEY_OPS_DATABASE_URL``."""

    name = NAME

    def __init__(self, channel: Channel, settings: Settings, window: Window) -> None:
        self.channel = channel
        self.settings = settings
        self.window = window

    async def ask(self, statement: str) -> Observation[SqlTable]:
        """
        Run the statement called *statement*.

        Raises
        ------
        KeyError
            No such statement in `STATEMENTS`.
        """
        declared = STATEMENTS[statement]
        key = observation_id(NAME, statement)
        if self.settings.database_url is None:
            return not_configured(key, NAME, self.window.end, "PITCHEY_OPS_DATABASE_URL")
        question = Question(
            key=key,
            source=NAME,
            kind="sql",
            url=statement,
            statement=" ".join(declared.sql.split()),
            timeout_s=self.settings.statement_timeout_s + self.settings.connect_timeout_s,
            share_for_s=self.settings.share_answers_s,
            retry=False,
        )
        exchange = await self.channel.ask(question)
        return observed(key, exchange, lambda answered: read_rows(answered, statement))

    async def activity(self) -> Observation[SqlTable]:
        """Read every client connection but ours, the oldest transaction first."""
        return await self.ask("activity")

    async def connections(self) -> Observation[SqlTable]:
        """Read how many connections there are, in which state, and how many there may be: one row."""
        return await self.ask("connections")

    async def blocking(self) -> Observation[SqlTable]:
        """Read who waits for whom; ``is_root`` marks blockers that wait for nobody."""
        return await self.ask("blocking")

    async def statements(self) -> Observation[SqlTable]:
        """Read the slowest statements by mean time; ``not_configured`` without ``pg_stat_statements``."""
        return await self.ask("statements")


def read_rows(exchange: Exchange, statement: str) -> Reading[SqlTable]:
    """
    Read the rows of *statement*.

    Raises
    ------
    NotConfigured
        The server does not offer what an optional statement needs.
    BadPayload
        The columns are not the declared ones.
    """
    declared = STATEMENTS[statement]
    if exchange.outcome == "failed" and exchange.detail.startswith(declared.optional or ("\0",)):
        raise NotConfigured(
            f"The statement {statement!r}: the server does not offer it ({excerpt(exchange.detail, 160)}). "
            "The extension is not installed or not loaded. Nothing else was affected."
        )
    answer(exchange)
    value = loads(exchange.text())
    if not isinstance(value, dict) or value.get("columns") != list(declared.columns):
        raise BadPayload(f"{asked(exchange)}: other columns than declared. Nothing was read.")
    rows = [row for row in value.get("rows") or () if isinstance(row, list)]
    rows = [row for row in rows if len(row) == len(declared.columns)]
    table = pl.DataFrame(
        [[_cell(cell, kind) for cell, kind in zip(row, declared.columns.values(), strict=True)] for row in rows],
        schema=dict(declared.columns),
        orient="row",
    )
    return Reading(
        value=SqlTable(name=statement, rows=table),
        status="observed" if table.height else "no_data",
        coverage=Coverage(count=table.height, cut=0 < declared.limit <= table.height),
    )


def _cell(value: Any, kind: Any) -> Any:
    if kind == pl.String:
        return text_of(value)
    if kind == pl.Boolean:
        return value if isinstance(value, bool) else None
    found = number(value)
    if found is None or kind == pl.Float64:
        return found
    return int(value) if abs(found) < 2**63 - 1024 else None


__all__ = ["STATEMENTS", "Database", "SqlTable", "Statement", "read_rows"]
