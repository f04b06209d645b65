"""Cancel the statement that one backend runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _database as db
from .base import COMMANDER, drafted, refused
from .end_backend import process
from .facts import Facts
from .models import Assumption, Blast, Change, Plan, Verification


class CancelQuery:
    """``pg_cancel_backend``: the statement fails, the connection stays."""

    name: ClassVar[str] = "cancel-query"
    steps: ClassVar[tuple[str, ...]] = ("database.pool-restart",)
    changes: ClassVar[str] = "one running statement fails"
    who: ClassVar[str] = COMMANDER
    verified: ClassVar[str] = "that statement runs no more"
    undone: ClassVar[str] = "cannot be undone: the statement must be run again"
    arguments: ClassVar[Mapping[str, str]] = {
        "pid": "process id",
        "query_start": "when the statement began, as listed",
    }

    def plan(self, facts: Facts, *, pid: int | str | None = None, query_start: str | None = None, **given: Any) -> Plan:
        """Return the plan; the statement is named by its process and its start."""
        arguments = {"pid": pid, "query_start": query_start, **given}
        root, claim = db.suspect(facts)
        number = process(pid) if pid is not None else root
        title = f"Cancel the statement of process {number or '(not known)'}"
        common: dict[str, Any] = {
            "when": "when one statement holds what others wait for, and its connection may stay",
            "why": claim or facts.summary,
            "risk": "the statement fails, and with it its transaction",
        }
        if number is None or not query_start:
            lacking = "no process was named" if number is None else "when its statement began must be read first"
            return refused(self, facts, title, lacking, arguments, target=str(number or ""), **common)
        over = db.backend(number, absent=True, query_start=query_start)
        return drafted(
            self,
            facts,
            str(number),
            title,
            arguments,
            changes=(
                Change(
                    id="cancel",
                    words=f"select pg_cancel_backend({number})",
                    request=db.sql(
                        "select pg_cancel_backend(pid)"
                        + db.SIGNALLED
                        + " and state = 'active' and query_start::text = %(query_start)s",
                        pid=number,
                        query_start=query_start,
                    ),
                    find=over,
                    repeatable=True,
                ),
            ),
            assumptions=(
                Assumption(
                    words=f"process {number} still runs the statement of {query_start}",
                    find=db.backend(number, query_start=query_start),
                ),
            ),
            blast=(Blast(what="statements cancelled", figure=1.0),),
            undo_words=self.undone,
            verification=Verification(words=self.verified, state=(over,), within_s=15.0),
            mitigates=True,
            **common,
        )
