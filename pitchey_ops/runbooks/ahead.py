"""What a run's cells will ask for, made before they do by a second thread, which may have the companion compute it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Ahead:
    """Results by name; each is made once, ahead or when it is asked for, whatever comes first."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._made: dict[str, Future[Any]] = {}

    def begin(self, name: str, make: Callable[..., object], *given: Any) -> None:
        """Have *make* called with *given* when its turn comes."""
        self._made[name] = self._thread.submit(make, *given)

    def take(self, name: str, make: Callable[..., T], *given: Any) -> T:
        """
        Return what ``make(*given)`` gives: what was made ahead under *name*, if that was begun.

        It raises what *make* raises. A name is taken once; from then on it is made anew.
        """
        begun = self._made.pop(name, None)
        if begun is None or begun.cancel():
            return make(*given)
        return cast(T, begun.result())
