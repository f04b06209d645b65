"""What a hook reads out of a request, and how it refuses: the words that all hooks share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Protocol

import sqlalchemy as sa
from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from ..incident_models import Rules, Status
from ..incident_rows import text

LONGEST_TITLE = 500
LONGEST_TEXT = 4000
LONGEST_NAME = 200
LABELS = 64
"""Labels that are read of one alert; more than any monitor sends."""
REPLAY_S = 300.0
"""Seconds by which a signed time may be off (Slack's own limit); older requests are taken for replayed ones."""
RETRIED_FOR = timedelta(hours=49)
"""PagerDuty retries for 48 h; what happened longer ago is refused."""
REMEMBERED = timedelta(days=4)
"""For so long a delivery that was taken is known again; longer than anything is accepted late."""


class Refused(Exception):
    """A request is not taken; *status* and *reason* go to the sender, and nothing was stored."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    One alert, or news of one, in a sender's own words, bounded.

    Attributes
    ----------
    trouble
        What the sender calls one trouble; the same text again is the same trouble.
    words
        What the sender says about gravity: ``critical``, ``P1``, ``SEV-2``; the gravest that is known counts.
    labels
        What routes match on besides kind, title and service.
    runbook, parameters
        Only the plain form may ask for these; they were checked.
    """

    trouble: str
    id: str
    kind: str
    title: str
    at: datetime
    status: Status = "firing"
    words: tuple[str, ...] = ()
    service: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    link: str | None = None
    by: str = ""
    incident_id: str | None = None
    runbook: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the sender is answered."""

    status: int
    body: Mapping[str, Any]


class Act(Protocol):
    """Something to be done for a person, in one transaction."""

    def __call__(self, connection: sa.Connection, now: datetime, rules: Rules, clean: Callable[[str], str]) -> Reply:
        """Do it and return the answer; *clean* takes secrets out of what is kept."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    What a request says.

    Attributes
    ----------
    delivery
        What names this delivery, out of what is signed: the same again is not stored again. None where a sender
        repeats itself in the same words and means it.
    once
        A repeated delivery is refused, not confirmed: its sender never retries.
    ignored
        Why nothing is to be done: a test message, news of something else. Answered with 2xx.
    act
        What a person asks for, in place of alerts.
    """

    alerts: tuple[Told, ...] = ()
    delivery: str | None = None
    once: bool = False
    ignored: str = ""
    act: Act | None = None
    reply: Callable[[Reply], Reply] | None = None


class Form(BaseModel):
    """What a sender posts: unknown fields are passed over, known ones have to be what they should be."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)


def _moment(value: Any) -> Any:
    """Return ISO 8601 text, or milliseconds or seconds since the epoch, as a time; other values as they are."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, str):
        if not 10 <= len(value) <= 40:
            raise ValueError("expected a time such as 2026-11-23T08:00:00Z")
        try:
            at = datetime.fromisoformat(value)
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError("expected a time such as 2026-11-23T08:00:00Z") from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value / 1000 if abs(value) > 1e11 else value, UTC)
        except (ValueError, OverflowError, OSError):
            raise ValueError("expected a time since 1970 in milliseconds or seconds") from None
    raise ValueError("expected a time such as 2026-11-23T08:00:00Z")


Moment = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=str | float)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


def title(value: str) -> str:
    """Return *value* as one alert's title: one line, bounded; what makes it unstorable is replaced."""
    return text(" ".join(value[: LONGEST_TITLE * 2].split()), LONGEST_TITLE) or "(no title)"


def name(value: str | None) -> str | None:
    """Return *value* as a name that can be stored, None where it says nothing."""
    found = text((value or "").strip(), LONGEST_NAME)
    return found or None


def words(value: str | None) -> str:
    """Return *value* as a longer text that can be stored."""
    return text((value or "").strip(), LONGEST_TEXT)


def link(value: str | None) -> str | None:
    """Return *value* when it is an address that a person may follow, else None."""
    found = (value or "").strip()
    good = found.startswith(("https://", "http://")) and len(found) <= 1000
    return found if good and found.isprintable() and " " not in found else None


def labels(value: Mapping[str, str]) -> dict[str, str]:
    """Return the first labels, bounded."""
    pairs = list(value.items())[:LABELS]
    return {text(key, LONGEST_NAME): text(told, LONGEST_NAME) for key, told in pairs}
