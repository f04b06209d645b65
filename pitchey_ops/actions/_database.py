"""Calls of the database: one statement, with parameters, by a role that may do it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .facts import Facts
from .models import Find, Request, exact

ALIVE = (
    "select pid::bigint as pid, backend_start::text as backend_start, state::text as state, "
    "usename::text as user_name, application_name::text as application, query_start::text as query_start "
    "from pg_stat_activity where pid = %(pid)s and datname = current_database()"
)


SIGNALLED = " as done from pg_stat_activity where pid = %(pid)s and datname = current_database()"
"""The signal goes to what was listed or to nobody: looked at and sent in one statement."""


def sql(statement: str, **parameters: Any) -> Request:
    """Return a statement."""
    return Request(service="database", method="SQL", path=statement, body=dict(parameters))


def backend(pid: int, *, absent: bool = False, start: str | None = None, query_start: str | None = None) -> Find:
    """Return that the backend is there (the very same one, where its start is known), or is gone."""
    where: list[tuple[str, Any]] = [("pid", pid)]
    if start:
        where.append(("backend_start", exact(start)))
    if query_start:
        where += [("query_start", exact(query_start)), ("state", "active")]
    return Find(look=sql(ALIVE, pid=pid), items="rows", where=tuple(where), absent=absent)


def suspect(facts: Facts) -> tuple[int | None, str]:
    """Return the process that the evidence names as the root of the trouble, with the claim."""
    for row in facts.rule("database"):
        data = row.get("data")
        roots = data.get("roots") if isinstance(data, Mapping) else None
        first = roots[0] if isinstance(roots, list | tuple) and roots else None
        pid = first.get("blocked_by") if isinstance(first, Mapping) else None
        if isinstance(pid, int):
            return pid, str(row.get("claim") or "")
    return None, ""
