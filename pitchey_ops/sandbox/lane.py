"""
A short way for reads of the archive: answered as they are parsed, without a task and an ASGI round.

A run reads thousands of objects and dozens of lists. Everything else, and whatever is not the plainest of reads, goes
the way of all requests.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_REQUEST = re.compile(rb"GET (/[!-~]*) HTTP/1\.1\r\n(?:[!-~]+:[^\r\n]*\r\n)*\r\n")
_OWN_WAY = re.compile(rb"\r\n(?:range|if-[a-z-]+|expect|connection|upgrade|content-length|transfer-encoding):", re.I)

Quick = Callable[[str], "bytes | None"]
"""Gives the whole answer for a request's target, or None where it has to go the long way."""


class LaneProtocol(H11Protocol):
    """uvicorn's protocol, with the short way where the application offers one (``app.state.quick``)."""

    def data_received(self, data: bytes) -> None:
        """Answer a plain read at once; hand everything else on."""
        if data.startswith(b"GET /_r2/") and self._idle():
            found = _REQUEST.fullmatch(data)
            if found is not None and _OWN_WAY.search(data) is None:
                quick: Quick = self.config.app.state.quick  # type: ignore[union-attr]
                answer = quick(found.group(1).decode("ascii"))
                if answer is not None:
                    self.transport.write(answer)
                    return
        super().data_received(data)

    def _idle(self) -> bool:
        """Whether nothing of another request is under way on this connection."""
        conn = self.conn
        return (
            conn.our_state is h11.IDLE
            and conn.their_state is h11.IDLE
            and not conn.trailing_data[0]
            and (self.cycle is None or self.cycle.response_complete)
        )
