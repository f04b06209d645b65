"""Whether this process lives, and whether it can do its work."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ..db import reading, why
from ..state import State

FREE_AT_LEAST = 200 * 1024 * 1024
"""Bytes on the archive's disk below which this machine is not ready for more."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must work; *words* say what is wrong, without addresses or names."""

    name: str
    good: bool
    words: str = ""


def checks(state: State) -> list[Check]:
    """Return what has to work so that an alert can be stored and its run archived."""
    return [_database(state), _archive(state.settings.archive_root())]


def _database(state: State) -> Check:
    try:
        with reading(state.db) as connection:
            connection.execute(sa.text("select 1")).scalar_one()
    except SQLAlchemyError as exc:
        return Check("database", False, why(exc))
    return Check("database", True)


def _archive(root: Path) -> Check:
    place = root if root.is_dir() else root.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError as exc:
        return Check("archive", False, exc.strerror or "it cannot be looked at")
    if not os.access(place, os.W_OK | os.X_OK):
        return Check("archive", False, "no right to write there")
    if free < FREE_AT_LEAST:
        return Check("archive", False, f"{free // 1024**2} MB free, {FREE_AT_LEAST // 1024**2} are needed")
    return Check("archive", True)
