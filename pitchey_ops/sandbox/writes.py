"""How a change goes wrong on request: refused, stored and then lost, or never answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from .names import SERVICES

WriteFault = Literal["429", "5xx_before", "5xx_after", "timeout_before", "timeout_after", "cut_before", "cut_after"]
"""
``before``: the change is not made; ``after``: it is, and the caller does not hear so. A ``timeout`` never answers, a
``cut`` closes the connection, a ``5xx`` is the edge's page.
"""
METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(slots=True)
class WriteFaults:
    """Faults that wait for the next changes, by service."""

    waiting: dict[str, list[WriteFault]] = field(default_factory=dict)

    def take(self, service: str, method: str, path: str) -> WriteFault | None:
        """Return the fault that this request meets, once; reading meets none."""
        if method not in METHODS or path.endswith("/graphql") or not self.waiting.get(service):
            return None
        return self.waiting[service].pop(0)

    def change(self, sent: Any) -> None:
        """
        Let the next *times* changes of a service meet a fault: ``{"service", "kind", "times"}``.

        Raises
        ------
        ValueError
            Before anything is changed.
        """
        if not isinstance(sent, Mapping) or sent.get("service") not in SERVICES:
            raise ValueError('{"service": ..., "kind": ..., "times": 1} is due, with a known service')
        kind: WriteFault | None = next((one for one in get_args(WriteFault) if one == sent.get("kind")), None)
        times = sent.get("times", 1)
        if kind is None or not isinstance(times, int) or not 0 <= times <= 1000:
            raise ValueError(f"kind is one of {', '.join(get_args(WriteFault))}, times 0 to 1000")
        self.waiting.setdefault(str(sent["service"]), []).extend([kind] * times)
