"""How sources ask: live and recorded, or from a record. Sources cannot tell which."""

from __future__ import annotations

from typing import Protocol

from ..models.exchange import Exchange, Question


class Channel(Protocol):
    """
    Takes a question and returns what came of it, never raising for what the far side did.

    Every exchange that it returns is redacted and recorded already.
    """

    async def ask(self, question: Question) -> Exchange:
        """Put *question* once (with its retries) and return the exchange."""
        ...
