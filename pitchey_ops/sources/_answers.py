"""Answers that runs share for a short while, so that a storm of runs asks the platform once."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ..models.exchange import Exchange, Question, one_line

KEEP_S = 900.0
"""Answers older than this are dropped; no sharing time or minimum interval is longer."""


FORGET_EVERY_S = 60.0
"""Looking through all answers for old ones costs time; a clock that was set back only puts it off."""


def digest(question: Question) -> str:
    """Return what makes two questions the same: method, address, body, and which sample of several it is."""
    sample = str(question.sample)
    parts = (question.kind, question.method, question.url, question.statement or "", sample, question.body or b"")
    whole = b"\0".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    return hashlib.sha256(whole).hexdigest()


class Answers(Protocol):
    """Remembers the newest answer to each question."""

    usable: bool

    def get(self, question: Question, now: datetime) -> Exchange | None:
        """Return an answer that is at most ``question.share_for_s`` old, or None."""
        ...

    def put(self, question: Question, exchange: Exchange) -> bool:
        """Remember *exchange*; False when that did not work."""
        ...

    def drop(self, question: Question) -> None:
        """Forget what is remembered for *question*."""
        ...

    def alone(self, question: Question) -> AbstractAsyncContextManager[None]:
        """Return an async context manager inside which nobody else asks this question."""
        ...


class MemoryAnswers:
    """Shared within one process; for tests and drills."""

    usable = True

    def __init__(self) -> None:
        self._kept: dict[str, Exchange] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def get(self, question: Question, now: datetime) -> Exchange | None:
        """Return an answer that is at most ``question.share_for_s`` old, or None."""
        kept = self._kept.get(digest(question))
        return kept if kept is not None and _fresh(kept, question, now) else None

    def put(self, question: Question, exchange: Exchange) -> bool:
        """Remember *exchange*."""
        self._kept[digest(question)] = exchange
        return True

    def drop(self, question: Question) -> None:
        """Forget what is remembered for *question*."""
        self._kept.pop(digest(question), None)

    @asynccontextmanager
    async def alone(self, question: Question) -> AsyncIterator[None]:
        """Hold the question's lock."""
        async with self._locks.setdefault(digest(question), asyncio.Lock()):
            yield


class FileAnswers:
    """
    Shared by all processes of this machine: an SQLite file and one lock file a question.

    A store that cannot be used shares nothing; it never fails a run. Whether a minimum interval has
    passed cannot be told then, so `usable` is asked before such a question.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        opened: sqlite3.Connection | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # opened here, used by the thread that asks, one at a time
            opened = sqlite3.connect(folder / "answers-2.sqlite3", timeout=2.0, check_same_thread=False)
            self._db = opened
            self._db.execute("pragma page_size = 65536")  # answers are large: fewer and larger writes
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = off")
            with self._db:
                self._db.execute(
                    "create table if not exists answers (digest text primary key, at real, row blob, body blob)"
                )
            self._kept_since = 0.0
            self.usable = True
        except (OSError, sqlite3.Error):
            self.usable = False
            if opened is not None:  # the disk is full, say: nothing may keep it from being mounted anew
                opened.close()

    def get(self, question: Question, now: datetime) -> Exchange | None:
        """Return an answer that is at most ``question.share_for_s`` old, or None."""
        if not self.usable:
            return None
        try:
            row = self._db.execute("select row, body from answers where digest = ?", (digest(question),)).fetchone()
            kept = None if row is None else Exchange.from_json(json.loads(row[0]), body=bytes(row[1]))
        except (sqlite3.Error, ValueError, KeyError, TypeError):  # damaged, or of another version
            self.close()
            return None
        return kept if kept is not None and _fresh(kept, question, now) else None

    def put(self, question: Question, exchange: Exchange) -> bool:
        """Remember *exchange*, and forget what is old; False when that did not work."""
        if not self.usable:
            return False
        at = exchange.at.timestamp()
        row = (digest(question), at, one_line(exchange.to_json(with_body=False)), exchange.body)
        try:
            with self._db:
                self._db.execute("insert or replace into answers values (?, ?, ?, ?)", row)
                if at - self._kept_since > FORGET_EVERY_S:
                    self._db.execute("delete from answers where at < ?", (at - KEEP_S,))
                    self._kept_since = at
        except sqlite3.Error:
            return False
        return True

    def drop(self, question: Question) -> None:
        """Forget what is remembered for *question*; what cannot be forgotten ends with its interval."""
        if not self.usable:
            return
        with suppress(sqlite3.Error), self._db:
            self._db.execute("delete from answers where digest = ?", (digest(question),))

    def close(self) -> None:
        """Let go of the file; nothing is shared any more."""
        if self.usable:
            self._db.close()
            self.usable = False

    @asynccontextmanager
    async def alone(self, question: Question) -> AsyncIterator[None]:
        """Hold a lock that all processes see; waits as long as the caller allows."""
        path = self._folder / f"{digest(question)[:16]}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(0.05)
            yield
        finally:
            os.close(descriptor)


def _fresh(kept: Exchange, question: Question, now: datetime) -> bool:
    age_s = (now - kept.at).total_seconds()
    if question.minimum_interval:  # a clock that was set back does not shorten the interval
        age_s = abs(age_s)
    return 0 <= age_s <= question.share_for_s
