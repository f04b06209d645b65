"""Objects of the log archive are written once: a session reads each of them once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from threading import Lock

from ..models.exchange import Exchange, Question
from ..sources.channel import ManyChannel

OBJECTS = "r2/object/"
"""Beginning of the keys of questions whose answer does not change: an object has its entry's time and id as name."""
BYTES_MOST = 96 * 1024 * 1024


class Memory:
    """What a session's kernel has read of the archive, by address, up to `BYTES_MOST`; the oldest goes first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Exchange] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def keep(self, exchanges: Iterable[Exchange]) -> None:
        """Remember the objects among *exchanges* that were read as a whole."""
        with self._lock:
            for one in exchanges:
                if not one.key.startswith(OBJECTS) or not one.answered or one.status != 200 or one.url in self._kept:
                    continue
                self._kept[one.url] = one
                self._bytes += len(one.body)
            while self._bytes > BYTES_MOST:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone.body)

    def get(self, question: Question) -> Exchange | None:
        """Return the answer to *question* where it was read before; it is in the record already."""
        if not question.key.startswith(OBJECTS):
            return None
        with self._lock:
            kept = self._kept.get(question.url)
        return None if kept is None else replace(kept, key=question.key, shared=True)


class Remembering:
    """A channel that asks only for objects that *memory* does not hold."""

    def __init__(self, channel: ManyChannel, memory: Memory) -> None:
        self._channel, self._memory = channel, memory

    async def ask(self, question: Question) -> Exchange:
        """Put *question*, unless it is remembered."""
        if question.key.startswith(OBJECTS):
            return (await self.ask_many([question]))[0]
        return await self._channel.ask(question)

    async def ask_many(self, questions: Sequence[Question]) -> list[Exchange]:
        """Put those of *questions* that are not remembered and return all exchanges in the same order."""
        known = [self._memory.get(question) for question in questions]
        asked = [question for question, found in zip(questions, known, strict=True) if found is None]
        answers = await self._channel.ask_many(asked) if asked else []
        self._memory.keep(answers)
        fresh = iter(answers)
        return [next(fresh) if found is None else found for found in known]
