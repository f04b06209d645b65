"""What the days of this set share: visitors beyond the ordinary, and the small helpers of their neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .... import effects as fx
from ....builder import HOUR, Builder, Crowd, Span
from ..passers_by._parts import (
    at_hour,
    audited,
    calm,
    deprecations,
    homes,
    hourly_job,
    phone_in_tunnel,
    provider_page,
    retired_check,
    told,
    typists,
    usual_guessers,
    yellow_index,
)
from ..unseen_once._parts import doorknobs

__all__ = [
    "at_hour",
    "audited",
    "calm",
    "deprecations",
    "doorknobs",
    "homes",
    "hourly_job",
    "onward",
    "phone_in_tunnel",
    "provider_page",
    "retired_check",
    "told",
    "typists",
    "usual_guessers",
    "visits",
    "yellow_index",
]


def onward(b: Builder, **shape: float) -> Span:
    """Return the span from the onset until long after now."""
    return Span(b.onset_ms, b.now_ms + 5 * HOUR, **shape)


def visits(
    b: Builder,
    key: str,
    route: str,
    per_min: float,
    span: Span,
    addresses: Sequence[str],
    agents: Sequence[str],
    outcomes: Mapping[int, float],
    **more: Any,
) -> None:
    """Let somebody come who is no ordinary visitor; *more* are further fields of `Crowd`."""
    crowd = Crowd(
        key=key,
        route=route,
        per_min=per_min,
        span=span,
        addresses=addresses,
        agents=agents,
        outcomes=outcomes,
        logged=more.pop("logged", 0.6),
        **more,
    )
    fx.crowd(b, crowd)
