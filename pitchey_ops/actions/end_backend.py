"""End one backend of the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..errors import UsageError
from . import _database as db
from .base import COMMANDER, drafted, refused, well_again
from .facts import Facts
from .models import Assumption, Blast, Change, Plan, Verification

LIKELY = ("database_pool_exhausted", "database_locked")


class EndBackend:
    """``pg_terminate_backend``: its transaction is rolled back, its connection closed."""

    name: ClassVar[str] = "end-backend"
    steps: ClassVar[tuple[str, ...]] = ("database.pool-restart",)
    changes: ClassVar[str] = "one connection of the database ends"
    who: ClassVar[str] = COMMANDER
    verified: ClassVar[str] = "the process is gone, and requests fail no more than before the incident"
    undone: ClassVar[str] = "cannot be undone: what its transaction did is lost"
    arguments: ClassVar[Mapping[str, str]] = {"pid": "process id", "backend_start": "when it began, as listed"}

    def plan(
        self, facts: Facts, *, pid: int | str | None = None, backend_start: str | None = None, **given: Any
    ) -> Plan:
        """
        Return the plan; by default the process that the evidence names as the root of the blocking.

        Raises
        ------
        UsageError
            *pid* is no process id.
        """
        arguments = {"pid": pid, "backend_start": backend_start, **given}
        root, claim = db.suspect(facts)
        number = process(pid) if pid is not None else root
        likely = facts.cause in LIKELY
        common: dict[str, Any] = {
            "when": "when one backend blocks the others, or leaked connections use the pool up",
            "why": (claim or facts.summary) if likely else "no pool or lock leads",
            "risk": "the ended transaction is rolled back; what it did is lost",
        }
        title = f"End process {number or '(not known)'} of the database"
        if number is None:
            return refused(
                self, facts, title, "no process was named; the database was not seen to block", arguments, **common
            )
        gone = db.backend(number, absent=True, start=backend_start)
        statement = "select pg_terminate_backend(pid)" + db.SIGNALLED
        named: dict[str, Any] = {"pid": number}
        if backend_start:
            statement += " and backend_start::text = %(backend_start)s"
            named["backend_start"] = backend_start
        return drafted(
            self,
            facts,
            str(number),
            title,
            arguments,
            changes=(
                Change(
                    id="terminate",
                    words=f"select pg_terminate_backend({number})",
                    request=db.sql(statement, **named),
                    find=gone,
                    repeatable=True,
                ),
            ),
            assumptions=(
                Assumption(
                    words=f"process {number} is still the same connection"
                    if backend_start
                    else f"process {number} is there",
                    find=db.backend(number, start=backend_start),
                ),
            ),
            blast=(Blast(what="connections ended", figure=1.0),),
            warnings=()
            if backend_start
            else ("when it began was not said: if the process id was given anew meanwhile, another one is ended",),
            undo_words=self.undone,
            verification=Verification(
                words=self.verified,
                state=(gone,),
                behaviour=well_again(facts) if facts.onset is not None else None,
                settle_s=60.0 if facts.onset is not None else 0.0,
                window_s=300.0 if facts.onset is not None else 0.0,
                within_s=15.0,
            ),
            mitigates=True,
            **common,
        )


def process(value: Any) -> int:
    """
    Return a process id.

    Raises
    ------
    UsageError
        It is none.
    """
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number < 2**31:
        raise UsageError(f"pid {str(value)[:20]!r}: expected a process id of the database. Nothing was planned.")
    return number
