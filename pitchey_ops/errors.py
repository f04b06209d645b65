"""
Every error this package raises on purpose.

* OpsError
  * UsageError            wrong use: unknown runbook, bad window, bad parameter (exit code 2)
    * ConfigError         a setting is missing or wrong; lists all faults of a file at once
  * SourceError           a read failed; one place turns it into `Unavailable`
    * SourceTimeout       no answer within the time allowed
    * SourceUnreachable   no connection: refused, reset, name not found
    * SourceRefused       401 or 403
    * SourceRateLimited   429
    * SourceFailed        an error status from the service
    * BadPayload          an answer that does not have the documented shape
    * AnswerTooLarge      an answer above the size limit
    * NotAllowed          an address that is not one of ours
    * NotAsked            the budget, or a minimum interval, left no room for the question
    * NotConfigured       the source is not part of this environment
  * RecordError           a record cannot be written, read or replayed
  * RunError              a run could not be prepared or finished
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from .models.observation import Reason


class OpsError(Exception):
    """Base class: catch this to catch everything below."""


class UsageError(OpsError):
    """The call was wrong; nothing was done."""


class ConfigError(UsageError):
    """One or more settings are missing or wrong; all of them are listed."""

    def __init__(self, where: str, faults: Sequence[str]) -> None:
        self.where = where
        self.faults = tuple(faults)
        self.head = f"{where}: {len(self.faults)} fault{'s' * (len(self.faults) != 1)}, nothing was done."
        super().__init__("\n".join([self.head, *(f"  - {fault}" for fault in self.faults)]))


class SourceError(OpsError):
    """A source could not be read. The message says what, why, and what was not done."""

    reason: ClassVar[Reason] = "failed"


class SourceTimeout(SourceError):
    """No answer within the time allowed."""

    reason = "timeout"


class SourceUnreachable(SourceError):
    """No connection could be made, or it broke."""

    reason = "unreachable"


class SourceRefused(SourceError):
    """The source answered 401 or 403."""

    reason = "refused"


class SourceRateLimited(SourceError):
    """The source answered 429."""

    reason = "rate_limited"


class SourceFailed(SourceError):
    """The source answered with an error status."""

    reason = "failed"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class SourceBlind(SourceError):
    """The source says by itself that it can no longer see (contract trap 1)."""

    reason = "blind"


class BadPayload(SourceError):
    """The answer does not have the documented shape."""

    reason = "bad_payload"


class AnswerTooLarge(SourceError):
    """The answer, after decompression, is above the size limit."""

    reason = "too_large"


class NotAllowed(SourceError):
    """The address is not one of ours; it was not asked."""

    reason = "not_allowed"


class NotAsked(SourceError):
    """No room for the question in the budget or within a minimum interval."""

    reason = "not_asked"


class NotConfigured(SourceError):
    """The source is not part of this environment."""

    reason = "not_configured"


class RecordError(OpsError):
    """A record cannot be written, read or replayed."""


class RunError(OpsError):
    """A run could not be prepared or finished."""
