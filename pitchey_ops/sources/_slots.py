"""At most four requests of ours at a host at a time, counted over all processes on this machine."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol


class Slots(Protocol):
    """Hands out the right to have one request under way at a host."""

    def hold(self, host: str) -> AbstractAsyncContextManager[None]:
        """Return an async context manager that holds one slot of *host*."""
        ...


class MemorySlots:
    """Slots of this event loop alone."""

    def __init__(self, per_host: int = 4) -> None:
        self._per_host = per_host
        self._hosts: dict[str, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def hold(self, host: str) -> AsyncIterator[None]:
        """Wait for a slot of *host* and hold it."""
        semaphore = self._hosts.setdefault(host, asyncio.Semaphore(self._per_host))
        async with semaphore:
            yield


class FileSlots:
    """
    Slots that all processes of this machine share, as advisory locks on files under *folder*.

    The kernel lets go of a lock when its process dies, however it dies. Where *folder* cannot be written, the
    slots are those of this process alone.
    """

    def __init__(self, folder: Path, per_host: int = 4) -> None:
        self._folder = folder
        self._per_host = per_host
        self._waiting: dict[str, asyncio.Semaphore] = {}
        self._free: dict[str, list[int]] = {}
        self._closed = False

    @asynccontextmanager
    async def hold(self, host: str) -> AsyncIterator[None]:
        """Wait for a slot of *host*, fairly within this process, and hold it."""
        if host not in self._waiting:
            self._waiting[host] = asyncio.Semaphore(self._per_host)
            self._free[host] = self._open(host)
        async with self._waiting[host]:
            descriptor = await self._lock(host) if self._free[host] else None
            try:
                yield
            finally:
                if descriptor is not None and self._closed:
                    os.close(descriptor)
                elif descriptor is not None:
                    fcntl.flock(descriptor, fcntl.LOCK_UN)
                    self._free[host].append(descriptor)

    def close(self) -> None:
        """Let go of every file; a slot that is held is let go of at its end."""
        self._closed = True
        for descriptors in self._free.values():
            while descriptors:
                os.close(descriptors.pop())

    def _open(self, host: str) -> list[int]:
        name = hashlib.sha256(host.encode()).hexdigest()[:16]
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        opened: list[int] = []
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for number in range(self._per_host):
                opened.append(os.open(self._folder / f"{name}.{number}", flags, 0o600))
            for descriptor in opened:  # a file system without locks says so here
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        except OSError:
            while opened:
                os.close(opened.pop())
        return opened

    async def _lock(self, host: str) -> int:
        pause_s = 0.002
        while True:
            free = self._free[host]
            for place, descriptor in enumerate(free):
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                return free.pop(place)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.05)
