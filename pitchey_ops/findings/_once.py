"""What several rules ask of a case, looked for once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from .case import Case

T = TypeVar("T")


def once(look: Callable[[Case], T]) -> Callable[[Case], T]:
    """
    Have *look* look at each case once and give the same answer from then on; rules on other threads wait for it.

    The answer is kept at the case itself, as its own properties are, and must not be changed by whoever gets it.
    """
    name = f"{look.__module__}.{look.__qualname__}"

    @wraps(look)
    def looked(case: Case) -> T:
        kept = case.__dict__
        lock: threading.RLock = kept.setdefault(f"{name} lock", threading.RLock())
        with lock:
            if name not in kept:
                kept[name] = look(case)
            answer: T = kept[name]
        return answer

    return looked
