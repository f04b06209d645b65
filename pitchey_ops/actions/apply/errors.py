"""Why an action was not carried out, and what became of what was sent."""

from __future__ import annotations

from ...errors import OpsError, UsageError


class ActionRefused(UsageError):
    """A guard said no, or the world is not what the plan assumes; nothing was sent."""


class NotSent(OpsError):
    """The request never left: nothing was changed."""


class Throttled(OpsError):
    """The service was asked too often and changed nothing; *after_s* is when it may be asked again."""

    def __init__(self, message: str, after_s: float) -> None:
        self.after_s = after_s
        super().__init__(message)


class Denied(OpsError):
    """The service refused and changed nothing; *codes* are its own error codes."""

    def __init__(self, message: str, codes: tuple[int, ...] = (), status: int | None = None) -> None:
        self.codes, self.status = codes, status
        super().__init__(message)


class Unknown(OpsError):
    """It was sent, and nothing tells whether it was changed."""


class CannotLook(OpsError):
    """A question about the world got no answer that can be believed."""
