"""What a probe saw, how much of the truth it could see, or why it could not look."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T", covariant=True)

Reason = Literal[
    "timeout",
    "unreachable",
    "refused",
    "rate_limited",
    "failed",
    "blind",
    "bad_payload",
    "too_large",
    "not_allowed",
    "not_asked",
    "not_configured",
]

Status = Literal["observed", "no_data", "blind", "unavailable", "not_configured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """
    The span and share of the truth that an answer can see.

    Attributes
    ----------
    asked_start, asked_end
        The window that was asked for (UTC); None for a question about now.
    seen_start, seen_end
        Oldest and newest entry of the answer **before** any filter of ours (UTC); None when empty.
    count
        Entries in the asked window, after rejecting odd ones.
    cut
        The store's 1,000-key cut (or our own limit) was reached: newer entries may exist unseen.
    share
        Share of the asked window that the answer can see, 0-1; None when it cannot be told.
    rejected
        Entries that were not usable (wrong types, counters among the entries, other services').
    constant
        The source is known to answer the same whatever happens: never evidence.
    """

    asked_start: datetime | None = None
    asked_end: datetime | None = None
    seen_start: datetime | None = None
    seen_end: datetime | None = None
    count: int = 0
    cut: bool = False
    share: float | None = None
    rejected: int = 0
    constant: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed(Generic[T]):
    """
    A value read from *source* at *at* (UTC).

    ``status`` is ``observed``, ``no_data`` (looked, and there was nothing to see) or ``blind``
    (an answer came, but it cannot see the asked window).
    """

    id: str
    source: str
    at: datetime
    value: T
    status: Literal["observed", "no_data", "blind"] = "observed"
    coverage: Coverage = field(default_factory=Coverage)
    detail: str = ""
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """The probe ran and got no usable answer. Says nothing about the platform's health by itself."""

    id: str
    source: str
    at: datetime
    reason: Reason
    detail: str
    http_status: int | None = None
    took_ms: float = 0.0

    @property
    def status(self) -> Literal["unavailable", "not_configured", "blind"]:
        """The word that the report uses for this."""
        if self.reason == "not_configured":
            return "not_configured"
        return "blind" if self.reason == "blind" else "unavailable"


Observation = Observed[T] | Unavailable
AnyObservation = Observed[Any] | Unavailable
