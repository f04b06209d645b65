"""
Who carries out what: workers with their signs of life, claims on runs, what was archived at which position.

A claim has a token that grows with every start of a run. Whoever holds an old token was taken over and may not
archive: `settle` gives the ledger's position only to the present one, in the transaction that checks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..errors import OpsError
from .db import Utc, metadata

workers = sa.Table(
    "ops_workers",
    metadata,
    sa.Column("executor", sa.String(64), primary_key=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", Utc, nullable=False),
    sa.Column("beat", sa.BigInteger, nullable=False),
    sa.Column("beat_at", Utc, nullable=False),
    sa.Column("fenced", sa.Boolean, nullable=False),
    sa.Column("stopped_at", Utc, nullable=True),
)

claims = sa.Table(
    "ops_claims",
    metadata,
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("token", sa.Integer, nullable=False),
    sa.Column("executor", sa.String(64), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("step", sa.String(16), nullable=False),
    sa.Column("trouble", sa.Text, nullable=True),
    sa.Column("changed_at", Utc, nullable=False),
)

ledger = sa.Table(
    "ops_ledger",
    metadata,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("run_id", sa.String(32), nullable=False, unique=True),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("executor", sa.String(64), nullable=False),
    sa.Column("at", Utc, nullable=False),
)

uploads = sa.Table(
    "ops_uploads",
    metadata,
    sa.Column("run_id", sa.String(32), primary_key=True),
    sa.Column("incident_id", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),  # waiting, done
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", Utc, nullable=False),
    sa.Column("done_at", Utc, nullable=True),
    sa.Column("trouble", sa.Text, nullable=True),
    sa.Index("ix_ops_uploads_state", "state", "next_at"),
)


class Fenced(OpsError):
    """Another worker took this run over; what this one did for it is thrown away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to carry out a run: valid while no other start of it has a higher ``token``."""

    run_id: str
    token: int
    executor: str
    attempts: int


def claim(connection: sa.Connection, run_id: str, executor: str) -> Claim:
    """Take the run; whoever had it before is fenced off."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    now = datetime.now(UTC)
    first = {"run_id": run_id, "token": 1, "executor": executor, "attempts": 1, "step": "claimed", "changed_at": now}
    again = {
        "token": claims.c.token + 1,
        "attempts": claims.c.attempts + 1,
        "executor": executor,
        "step": "claimed",
        "changed_at": now,
    }
    statement = (
        insert(claims)
        .values(**first)
        .on_conflict_do_update(index_elements=["run_id"], set_=again)
        .returning(claims.c.token, claims.c.attempts)
    )
    token, attempts = connection.execute(statement).one()
    return Claim(run_id=run_id, token=token, executor=executor, attempts=attempts)


def at_step(connection: sa.Connection, mine: Claim, step: str, trouble: str | None = None) -> None:
    """
    Tell which step the run is at, and what holds it up.

    Raises
    ------
    Fenced
        It was taken over.
    """
    done = connection.execute(
        sa.update(claims)
        .where(claims.c.run_id == mine.run_id, claims.c.token == mine.token)
        .values(step=step, trouble=trouble, changed_at=datetime.now(UTC))
    )
    if done.rowcount != 1:
        raise Fenced(f"{mine.run_id} was taken over by another worker")


def give_back(connection: sa.Connection, mine: Claim) -> None:
    """Say that this start of the run was ended on purpose, so that it does not count as one that failed."""
    connection.execute(
        sa.update(claims)
        .where(claims.c.run_id == mine.run_id, claims.c.token == mine.token, claims.c.attempts > 0)
        .values(attempts=claims.c.attempts - 1)
    )


def still_mine(connection: sa.Connection, mine: Claim) -> None:
    """
    Hold the claim's row for the rest of the transaction.

    Raises
    ------
    Fenced
        It was taken over.
    """
    chosen = sa.select(claims.c.token).where(claims.c.run_id == mine.run_id).with_for_update()
    if connection.execute(chosen).scalar() != mine.token:
        raise Fenced(f"{mine.run_id} was taken over by another worker; what this one did for it is not kept")


def settle(connection: sa.Connection, mine: Claim, position: int, hash_: str) -> None:
    """
    Note the position that the run has in the ledger; each position and each run at most once.

    Raises
    ------
    sqlalchemy.exc.IntegrityError
        The position or the run was settled before: by another archive than the one this database knows.
    """
    connection.execute(
        sa.insert(ledger).values(
            position=position, run_id=mine.run_id, hash=hash_, executor=mine.executor, at=datetime.now(UTC)
        )
    )


def settled(connection: sa.Connection, run_id: str) -> tuple[int, str] | None:
    """Return position and digest of a run in the ledger, None where it was not archived."""
    row = connection.execute(sa.select(ledger.c.position, ledger.c.hash).where(ledger.c.run_id == run_id)).first()
    return None if row is None else (row[0], row[1])
