"""A channel that answers from a record and cannot reach anything else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import RecordError
from ..models.exchange import Exchange, Question


class ReplayChannel:
    """
    Answers every question with the exchange that was recorded under its key.

    Raises
    ------
    RecordError
        On a question that the recorded run did not ask: the runbook or the package has changed.
    """

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self._by_key: dict[str, Exchange] = {}
        for exchange in exchanges:
            if exchange.key in self._by_key:
                raise RecordError(f"{exchange.key}: recorded twice")
            self._by_key[exchange.key] = exchange
        self.unasked = set(self._by_key)

    async def ask(self, question: Question) -> Exchange:
        """Return the recorded exchange of ``question.key``."""
        try:
            exchange = self._by_key[question.key]
        except KeyError:
            raise RecordError(
                f"{question.key}: the recorded run did not ask this. The record was made by another version "
                "of the runbook or of pitchey_ops; replay it with that version, or with --with current."
            ) from None
        self.unasked.discard(question.key)
        return exchange

    async def pause(self, seconds: float) -> None:
        """Wait for nothing: all that was asked later, too, is there."""

    async def ask_many(self, questions: Sequence[Question]) -> list[Exchange]:
        """Return the recorded exchanges of *questions*: nothing waits, so nothing is gained by asking side by side."""
        return [await self.ask(question) for question in questions]


class CurrentChannel(ReplayChannel):
    """
    Answers from a record, but lets today's runbook ask what the recorded one did not.

    Such a question comes back ``not_asked``, never as an error: today's rules then report it as not
    checked.
    """

    async def ask(self, question: Question) -> Exchange:
        """Return the recorded exchange, or one that says that the recorded run did not ask."""
        try:
            return await super().ask(question)
        except RecordError:
            first = next(iter(self._by_key.values()), None)
            if first is None:
                raise
            return Exchange(
                key=question.key,
                source=question.source,
                kind=question.kind,
                method=question.method,
                url=question.url,
                at=min(exchange.at for exchange in self._by_key.values()),
                took_ms=0.0,
                outcome="not_asked",
                detail="the recorded run did not ask this",
            )
