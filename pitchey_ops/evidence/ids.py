"""Ids of incidents and runs: the only names of ours that ever become part of a path."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from ..errors import UsageError

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"  # base32 (RFC 4648), lower case
_ID = re.compile(r"(INC|RUN)-(\d{8}-\d{6})-[a-z2-7]{4}", re.ASCII)


def new_incident_id(now: datetime, below: Callable[[int], int] = secrets.randbelow) -> str:
    """Return ``INC-YYYYMMDD-HHMMSS-xxxx`` for *now*; *below* gives a random integer under its argument."""
    return _new("INC", now, below)


def new_run_id(now: datetime, below: Callable[[int], int] = secrets.randbelow) -> str:
    """Return ``RUN-YYYYMMDD-HHMMSS-xxxx`` for *now*; *below* gives a random integer under its argument."""
    return _new("RUN", now, below)


def is_incident_id(text: object) -> bool:
    """Whether *text* is the id of an incident, its time a real one."""
    return _is("INC", text)


def is_run_id(text: object) -> bool:
    """Whether *text* is the id of a run, its time a real one."""
    return _is("RUN", text)


def incident_id(text: str) -> str:
    """
    Return *text* when it is the id of an incident.

    Raises
    ------
    UsageError
        When it is not; nothing else may become part of a path.
    """
    if not is_incident_id(text):
        raise UsageError(f"{text[:60]!r} is no incident id (INC-YYYYMMDD-HHMMSS-xxxx)")
    return text


def run_id(text: str) -> str:
    """
    Return *text* when it is the id of a run.

    Raises
    ------
    UsageError
        When it is not; nothing else may become part of a path.
    """
    if not is_run_id(text):
        raise UsageError(f"{text[:60]!r} is no run id (RUN-YYYYMMDD-HHMMSS-xxxx)")
    return text


def id_time(text: str) -> datetime:
    """Return the UTC second that an id of either kind was given at."""
    found = _ID.fullmatch(text)
    if found is None:
        raise UsageError(f"{text[:60]!r} is neither an incident id nor a run id")
    return datetime.strptime(found.group(2), "%Y%m%d-%H%M%S").replace(tzinfo=UTC)


def _new(kind: str, now: datetime, below: Callable[[int], int]) -> str:
    if now.tzinfo is None:
        raise ValueError("an id needs a time with a zone")
    tail = "".join(_ALPHABET[below(32)] for _ in range(4))
    return f"{kind}-{now.astimezone(UTC):%Y%m%d-%H%M%S}-{tail}"


def _is(kind: str, text: object) -> bool:
    if not isinstance(text, str) or not text.startswith(kind) or _ID.fullmatch(text) is None:
        return False
    try:
        id_time(text)
    except ValueError:
        return False
    return True
