"""The clock that actions wait on; tests, drills and the sandbox put their own in its place."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime
from typing import Protocol

import httpx


class WaitingClock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime:
        """Return the present moment, aware, UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Come back when *seconds* have passed on this clock."""
        ...


class MachineClock:
    """The machine's time."""

    def now(self) -> datetime:
        """Return the machine's time, UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(max(0.0, seconds))


class SandboxClock:
    """
    The sandbox's time, which may run faster than ours.

    Parameters
    ----------
    origin
        Where the sandbox is served.
    hurry
        Move the sandbox's clock on instead of waiting for it.
    """

    def __init__(self, origin: str, *, hurry: bool = False) -> None:
        self._url = origin.rstrip("/") + "/_sandbox/clock"
        self._hurry = hurry
        # the sandbox speaks plain HTTP on loopback: no certificates need to be read for it
        transport = httpx.HTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False)
        self._http = httpx.Client(transport=transport, timeout=10.0, trust_env=False)

    def now(self) -> datetime:
        """Return the sandbox's time; the machine's where no sandbox answers."""
        try:
            ms = self._http.get(self._url).json()["now_ms"]
            return datetime.fromtimestamp(ms / 1000, UTC)
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait until the sandbox's clock has moved by *seconds*, or move it."""
        if seconds <= 0:
            return
        if self._hurry:
            try:
                self._http.post(self._url, json={"advance_ms": round(seconds * 1000)})
                return
            except httpx.HTTPError:
                pass
        end = self.now().timestamp() + seconds
        limit = time.monotonic() + seconds
        while time.monotonic() < limit and (left := end - self.now().timestamp()) > 0:
            time.sleep(min(0.5, max(0.02, left)))
