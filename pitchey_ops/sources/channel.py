"""How sources ask: live and recorded, or from a record. Sources cannot tell which."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ..models.exchange import Exchange, Question


class Channel(Protocol):
    """
    Takes a question and returns what came of it, never raising for what the far side did.

    Every exchange that it returns is redacted and recorded already.
    """

    async def ask(self, question: Question) -> Exchange:
        """Put *question* once (with its retries) and return the exchange."""
        ...


@runtime_checkable
class ManyChannel(Channel, Protocol):
    """A channel with a shorter way for many small reads of one host."""

    async def ask_many(self, questions: Sequence[Question]) -> list[Exchange]:
        """Put *questions* and return their exchanges in the same order."""
        ...


@runtime_checkable
class ListeningChannel(Channel, Protocol):
    """A channel that listens to something while other questions are answered."""

    def hurry(self) -> None:
        """Say that all else is answered: nothing need be listened to for longer than is enough."""
        ...


@runtime_checkable
class PausingChannel(Channel, Protocol):
    """A channel that knows how long it is to be waited between two questions."""

    async def pause(self, seconds: float) -> None:
        """Wait for *seconds*, or for less where nobody is there who would be asked too soon."""
        ...


async def pause(channel: Channel, seconds: float) -> None:
    """Wait between two questions to *channel* as long as it wants; *seconds* where it does not say."""
    if isinstance(channel, PausingChannel):
        await channel.pause(seconds)
    else:
        await asyncio.sleep(seconds)


async def ask_many(channel: Channel, questions: Sequence[Question]) -> list[Exchange]:
    """Put *questions* by whatever way *channel* has and return their exchanges in the same order."""
    if isinstance(channel, ManyChannel):
        return await channel.ask_many(questions)
    return list(await asyncio.gather(*(channel.ask(question) for question in questions)))
